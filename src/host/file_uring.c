/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block requests on a file by io_uring.
 *
 * The loop watches the ring's own descriptor, which can be read while completions are in the ring:
 * no eventfd is written and read for each of them, and what completes while it is handed over
 * (reads that the page cache has) is taken at once and wakes nobody. The file is not registered
 * with the ring: it would keep its locks for as long as the kernel takes to tear a ring down.
 */
#include <errno.h>

#include "host/file.h"

#ifdef VDEV_HOST_URING

#define POLL_BATCH 64u

static void ready(struct vdev_host_watch *watch)
{
    vdev_host_file_serve(
        (struct vdev_host_file *)((char *)watch - offsetof(struct vdev_host_file, ring_watch)));
}

int vdev_host_file_uring_open(struct vdev_host_file *file)
{
    /* No ring whose completions wait until they are asked for (DEFER_TASKRUN): its descriptor does
     * not tell of them. */
    if (io_uring_queue_init(file->depth, &file->ring, 0) != 0) {
        return 0;
    }
    file->ring_watch =
        (struct vdev_host_watch){.descriptor = file->ring.ring_fd, .reads = true, .ready = ready};
    int result = file->configuration.loop->watch(file->configuration.loop, &file->ring_watch);
    if (result != 0) {
        io_uring_queue_exit(&file->ring);
        return result;
    }
    file->uring = true;
    return 0;
}

void vdev_host_file_uring_close(struct vdev_host_file *file)
{
    file->configuration.loop->unwatch(file->configuration.loop, &file->ring_watch);
    io_uring_queue_exit(&file->ring);
}

bool vdev_host_file_uring_queue(struct vdev_host_file *file, struct file_operation *operation)
{
    enum vdev_block_operation kind = operation->request->operation;

    if (kind >= VDEV_BLOCK_DISCARD && file->is_device) {
        return false; /* ioctls */
    }
    if (kind == VDEV_BLOCK_WRITE && file->memory_alignment == 1) {
        /* Into the page cache: most file systems do not without waiting, so that io_uring hands
         * each to a thread of the kernel's, for three times what the call itself costs. It waits
         * only when the kernel holds back who writes faster than the disk. */
        return false;
    }
    /* Never full: there is an entry for each operation. */
    struct io_uring_sqe *entry = io_uring_get_sqe(&file->ring);
    if (entry == NULL) {
        return false;
    }
    switch (kind) {
    case VDEV_BLOCK_READ:
        if (operation->vector_count == 1) {
            io_uring_prep_read(entry, file->descriptor, operation->vectors->iov_base,
                               (unsigned)operation->vectors->iov_len, operation->offset);
        } else {
            io_uring_prep_readv(entry, file->descriptor, operation->vectors,
                                operation->vector_count, operation->offset);
        }
        break;
    case VDEV_BLOCK_WRITE:
        if (operation->vector_count == 1) {
            io_uring_prep_write(entry, file->descriptor, operation->vectors->iov_base,
                                (unsigned)operation->vectors->iov_len, operation->offset);
        } else {
            io_uring_prep_writev(entry, file->descriptor, operation->vectors,
                                 operation->vector_count, operation->offset);
        }
        break;
    case VDEV_BLOCK_FLUSH:
        io_uring_prep_fsync(entry, file->descriptor, IORING_FSYNC_DATASYNC);
        break;
    default:
        io_uring_prep_fallocate(entry, file->descriptor, vdev_host_file_fallocate_mode(kind),
                                (off_t)operation->offset, (off_t)operation->left);
        break;
    }
    io_uring_sqe_set_data(entry, operation);
    return true;
}

/* What the kernel says of an operation. */
static void conclude(struct vdev_host_file *file, struct file_operation *operation, int result)
{
    enum vdev_block_operation kind = operation->request->operation;
    bool moves = kind == VDEV_BLOCK_READ || kind == VDEV_BLOCK_WRITE;

    if (result == -EINTR || result == -EAGAIN) {
        vdev_host_file_uring_queue(file, operation);
        return;
    }
    if (kind >= VDEV_BLOCK_DISCARD && result == -EOPNOTSUPP) {
        result = vdev_host_file_call(file, operation); /* which knows another way */
    }
    if (moves && result == 0) {
        result = -EIO; /* the file has become shorter */
    }
    if (moves && result > 0 && vdev_host_file_advance(operation, (size_t)result)) {
        vdev_host_file_uring_queue(file, operation);
        return;
    }
    vdev_host_file_finish(file, operation, result < 0 ? result : 0);
}

static void reap(struct vdev_host_file *file)
{
    struct io_uring_cqe *entries[POLL_BATCH];
    unsigned count;

    /* What comes while these complete is for the next time: no more than one ring of them. */
    unsigned most = file->depth;
    do {
        count = io_uring_peek_batch_cqe(&file->ring, entries, POLL_BATCH);
        struct {
            struct file_operation *operation;
            int result;
        } done[POLL_BATCH];
        for (unsigned i = 0; i < count; i++) {
            done[i].operation = io_uring_cqe_get_data(entries[i]);
            done[i].result = entries[i]->res;
        }
        io_uring_cq_advance(&file->ring, count);
        for (unsigned i = 0; i < count; i++) {
            conclude(file, done[i].operation, done[i].result);
        }
        most -= count < most ? count : most;
    } while (count == POLL_BATCH && most != 0);
}

bool vdev_host_file_uring_poll(struct vdev_host_file *file, bool wait)
{
    struct io_uring *ring = &file->ring;

    if (file->in_flight == 0) {
        return false;
    }
    /* What is not taken now is still in the ring, and is seen below. */
    if (wait) {
        io_uring_submit_and_wait(ring, 1);
    } else if (io_uring_sq_ready(ring) != 0) {
        io_uring_submit(ring);
    }
    reap(file);
    return io_uring_sq_ready(ring) != 0;
}

#endif
