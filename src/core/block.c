/* SPDX-License-Identifier: BSD-2-Clause */
/* The checks on a block request that every device of the class makes. */
#include <vdev/block.h>
#include <vdev/status.h>

/* Discard and write zeroes: a range, and no buffers. */
static int check_range(const struct vdev_block_information *information,
                       const struct vdev_block_request *request)
{
    uint32_t most = request->operation == VDEV_BLOCK_DISCARD ? information->maximum_discard_sectors
                                                             : information->maximum_zeroes_sectors;

    if (most == 0) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    if (request->buffer_count != 0 || request->sectors == 0) {
        return VDEV_ERROR_INVALID;
    }
    if (request->sector > information->sectors ||
        request->sectors > information->sectors - request->sector) {
        return VDEV_ERROR_RANGE;
    }
    if (information->read_only) {
        return VDEV_ERROR_READ_ONLY;
    }
    return request->sectors > most ? VDEV_ERROR_FULL : VDEV_OK;
}

int vdev_block_check(const struct vdev_block *block, const struct vdev_block_request *request)
{
    const struct vdev_block_information *information = &block->information;

    if (request->operation == VDEV_BLOCK_FLUSH) {
        return request->buffer_count == 0 ? VDEV_OK : VDEV_ERROR_INVALID;
    }
    if (request->operation != VDEV_BLOCK_READ && request->operation != VDEV_BLOCK_WRITE) {
        return request->operation <= VDEV_BLOCK_WRITE_ZEROES_KEEP
                   ? check_range(information, request)
                   : VDEV_ERROR_UNSUPPORTED;
    }
    size_t length = vdev_buffers_length(request->buffers, request->buffer_count);
    uint64_t sectors = length / VDEV_SECTOR_SIZE;
    if (length == 0 || length % VDEV_SECTOR_SIZE != 0) {
        return VDEV_ERROR_INVALID;
    }
    if (request->sector > information->sectors ||
        sectors > information->sectors - request->sector) {
        return VDEV_ERROR_RANGE;
    }
    if (request->operation == VDEV_BLOCK_WRITE && information->read_only) {
        return VDEV_ERROR_READ_ONLY;
    }
    if ((information->maximum_sectors != 0 && sectors > information->maximum_sectors) ||
        (information->maximum_buffers != 0 &&
         request->buffer_count > information->maximum_buffers)) {
        return VDEV_ERROR_FULL;
    }
    return VDEV_OK;
}
