/* SPDX-License-Identifier: BSD-2-Clause */
/* Block requests on a file by system calls, each of which ends before the next begins. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "host/file.h"

int vdev_host_file_fallocate_mode(enum vdev_block_operation operation)
{
    /* A hole reads as zeros, so what may be deallocated is. */
    return FALLOC_FL_KEEP_SIZE | (operation == VDEV_BLOCK_WRITE_ZEROES_KEEP ? FALLOC_FL_ZERO_RANGE
                                                                            : FALLOC_FL_PUNCH_HOLE);
}

static int move(struct vdev_host_file *file, struct file_operation *operation)
{
    bool read = operation->request->operation == VDEV_BLOCK_READ;

    do {
        ssize_t bytes = read ? preadv(file->descriptor, operation->vectors,
                                      (int)operation->vector_count, (off_t)operation->offset)
                             : pwritev(file->descriptor, operation->vectors,
                                       (int)operation->vector_count, (off_t)operation->offset);
        if (bytes < 0 && errno != EINTR) {
            return -errno;
        }
        if (bytes == 0) {
            return -EIO; /* the file has become shorter */
        }
        if (bytes > 0) {
            vdev_host_file_advance(operation, (size_t)bytes);
        }
    } while (operation->left != 0);
    return 0;
}

bool vdev_host_file_read_cached(struct vdev_host_file *file, struct file_operation *operation)
{
    ssize_t bytes = preadv2(file->descriptor, operation->vectors, (int)operation->vector_count,
                            (off_t)operation->offset, file->in_memory ? 0 : RWF_NOWAIT);

    return bytes > 0 && !vdev_host_file_advance(operation, (size_t)bytes);
}

/* Where nothing else makes zeros. */
static int write_zeros(const struct vdev_host_file *file, uint64_t offset, uint64_t left)
{
    static const _Alignas(4096) uint8_t zeros[65536];

    while (left != 0) {
        ssize_t bytes = pwrite(file->descriptor, zeros, left < sizeof zeros ? left : sizeof zeros,
                               (off_t)offset);
        if (bytes < 0 && errno != EINTR) {
            return -errno;
        }
        if (bytes == 0) {
            return -EIO;
        }
        if (bytes > 0) {
            offset += (uint64_t)bytes;
            left -= (uint64_t)bytes;
        }
    }
    return 0;
}

static int change_range(struct vdev_host_file *file, const struct file_operation *operation)
{
    enum vdev_block_operation kind = operation->request->operation;
    uint64_t range[2] = {operation->offset, operation->left};
    int result;

    do {
        if (!file->is_device) {
            result = fallocate(file->descriptor, vdev_host_file_fallocate_mode(kind),
                               (off_t)range[0], (off_t)range[1]);
        } else {
            result = ioctl(file->descriptor, kind == VDEV_BLOCK_DISCARD ? BLKDISCARD : BLKZEROOUT,
                           range);
        }
    } while (result != 0 && errno == EINTR);
    if (result == 0) {
        return 0;
    }
    if (errno != EOPNOTSUPP && errno != ENOTTY && errno != EINVAL) {
        return -errno;
    }
    /* A discard is a hint; zeros are not. */
    return kind == VDEV_BLOCK_DISCARD ? 0 : write_zeros(file, range[0], range[1]);
}

int vdev_host_file_call(struct vdev_host_file *file, struct file_operation *operation)
{
    switch (operation->request->operation) {
    case VDEV_BLOCK_READ:
    case VDEV_BLOCK_WRITE:
        return move(file, operation);
    case VDEV_BLOCK_FLUSH:
        return fdatasync(file->descriptor) == 0 ? 0 : -errno;
    default:
        return change_range(file, operation);
    }
}
