/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file or a block device of the host as a device of the block class: by io_uring, or, where the
 * kernel has none, by one call after another. The image is locked against other processes, in the
 * way of QEMU's: one who writes has it alone, those who only read share it.
 *
 * Requests are begun at the end of the loop's turn, many with one call. It allocates.
 */
#ifndef VDEV_HOST_FILE_BLOCK_H
#define VDEV_HOST_FILE_BLOCK_H

#include <vdev/block.h>
#include <vdev/host/loop.h>

struct vdev_host_file_configuration {
    const char *path;
    struct vdev_host_loop *loop;
    bool read_only;
    /* O_DIRECT: past the page cache; requests must then be whole blocks of the block_size. */
    bool direct;
    bool synchronous;       /* no io_uring, even where there is one */
    unsigned depth;         /* requests in flight at most; 0: 128 */
    const char *identifier; /* NULL: the file's name, as much as fits */
    /* Called after requests were completed from the loop; may be NULL. */
    void (*completed)(void *context);
    /* A line for a person when requests begin to fail (disk full, ...), once for each reason; may
     * be NULL. */
    void (*log)(void *context, const char *line);
    void *context;
};

struct vdev_host_file; /* made by open */

/*
 * Open and lock an image. NULL and *error: it is missing, not readable or writable, in use by
 * another (for half a second: one that was killed may keep it so long), no file or block device, of
 * no whole number of sectors, or empty.
 */
struct vdev_host_file *vdev_host_file_open(const struct vdev_host_file_configuration *configuration,
                                           struct vdev_host_error *error);

/* Its face. Valid until closed. */
struct vdev_block *vdev_host_file_block(struct vdev_host_file *file);

/* Wait until nothing is in flight; all completions have been called. */
void vdev_host_file_drain(struct vdev_host_file *file);

/* Drains, flushes, unlocks, closes. */
void vdev_host_file_close(struct vdev_host_file *file);

#endif
