/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files behind file_block.h share: file_open.c opens and locks, file_block.c is the face
 * to the block class, file_calls.c does requests by system calls, file_uring.c by io_uring.
 */
#ifndef VDEV_HOST_FILE_H
#define VDEV_HOST_FILE_H

#include <sys/types.h>
#include <sys/uio.h>

#ifdef VDEV_HOST_URING
#include <liburing.h>
#endif

#include <vdev/host/file_block.h>

#define FILE_DEPTH   128u
#define FILE_BUFFERS 256u /* of one request at most */
#define FILE_FEW     4u   /* with so many or less there is nothing to allocate */

/* One request in flight. */
struct file_operation {
    struct vdev_block_request *request;
    struct iovec *vectors; /* what is left of the data */
    unsigned vector_count;
    uint64_t offset; /* bytes */
    uint64_t left;
    void *bounce; /* in place of buffers that are not aligned; NULL: none */
    size_t bounce_bytes;
    struct iovec few[FILE_FEW];
    struct iovec *many; /* FILE_BUFFERS of them; NULL until they were needed */
    struct file_operation *next;
};

struct file_list {
    struct file_operation *first, *last;
};

/* Alone in memory, since the loop may still have it when the file is closed. */
struct file_turn {
    struct vdev_host_deferred deferred;
    struct vdev_host_file *file; /* NULL: closed */
    bool pending;
};

struct vdev_host_file {
    struct vdev_block block;
    struct vdev_host_file_configuration configuration;
    int descriptor;
    bool is_device;
    bool in_memory; /* on a tmpfs: there is nothing to wait for */
    size_t memory_alignment; /* of buffers, for O_DIRECT; 1: any */
    unsigned depth;
    struct file_operation *operations;
    struct file_operation *free;
    unsigned in_flight;
    struct file_list calls; /* to be done by system calls */
    struct file_turn *turn;
    struct vdev_host_watch wake; /* an eventfd, where the loop cannot defer; descriptor -1: none */
    bool polling;
    int reported; /* errno that was logged last */
#ifdef VDEV_HOST_URING
    bool uring;
    struct io_uring ring;
    struct vdev_host_watch ring_watch;
#endif
};

/* ---- file_open.c ---- */

/* Open, lock and describe: descriptor, is_device, memory_alignment, information. 0 or -1. */
int vdev_host_file_open_image(struct vdev_host_file *file, struct vdev_host_error *error);

/* ---- file_block.c ---- */

/* An operation is over: `result` is 0 or a negative errno. Calls the request's `complete`. */
void vdev_host_file_finish(struct vdev_host_file *file, struct file_operation *operation,
                           int result);

/* `bytes` of an operation are done, not all. False: there was nothing left. */
bool vdev_host_file_advance(struct file_operation *operation, size_t bytes);

/* Complete what is done, and tell the owner; from the loop. */
void vdev_host_file_serve(struct vdev_host_file *file);

/* ---- file_calls.c ---- */

/* Do all of an operation now. 0 or a negative errno. */
int vdev_host_file_call(struct vdev_host_file *file, struct file_operation *operation);

/* Read as much as is in the page cache, without waiting. True: that was all of it. */
bool vdev_host_file_read_cached(struct vdev_host_file *file, struct file_operation *operation);

/* The mode of fallocate for a discard or write zeroes. */
int vdev_host_file_fallocate_mode(enum vdev_block_operation operation);

/* ---- file_uring.c ---- */

#ifdef VDEV_HOST_URING
/* Make the ring. Without one in the kernel `uring` stays false. 0, or a negative errno of watch. */
int vdev_host_file_uring_open(struct vdev_host_file *file);
void vdev_host_file_uring_close(struct vdev_host_file *file);

/* Put an operation into the ring; the kernel sees it with the next poll. False: not one for it. */
bool vdev_host_file_uring_queue(struct vdev_host_file *file, struct file_operation *operation);

/* Hand over what is queued, wait for one completion if asked, complete what is done. True: call
 * again. */
bool vdev_host_file_uring_poll(struct vdev_host_file *file, bool wait);
#endif

#endif
