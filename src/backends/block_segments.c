/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The segments of a discard or write zeroes request [VIRTIO 1.4 §5.2.6]. Each is copied out of the
 * driver's memory once, when its turn comes, and only the copy is checked and used: those before a
 * bad one have been done by then, which the specification leaves open.
 */
#include <stddef.h>

#include <vdev/status.h>

#include <linux/virtio_blk.h>

#include "backends/block_parts.h"
#include "virtio/virtio_1_4.h"

#define SEGMENT_BYTES sizeof(struct virtio_blk_discard_write_zeroes)

_Static_assert(SEGMENT_BYTES == 16, "sector, number of sectors, flags");

/* The operation that the flags ask for. */
static int read_flags(struct vdev_block_request *request, uint32_t flags)
{
    bool unmap = (flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP) != 0;

    if ((flags & ~VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP) != 0) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    if (request->operation == VDEV_BLOCK_DISCARD) {
        return unmap ? VDEV_ERROR_UNSUPPORTED : VDEV_OK;
    }
    request->operation = unmap ? VDEV_BLOCK_WRITE_ZEROES : VDEV_BLOCK_WRITE_ZEROES_KEEP;
    return VDEV_OK;
}

bool vdev_block_backend_next_segment(struct vdev_block_backend_slot *slot, int *status)
{
    const struct vdev_block_information *information = &slot->backend->block->information;
    struct vdev_block_request *request = &slot->request;
    uint32_t most = request->operation == VDEV_BLOCK_DISCARD ? information->maximum_discard_sectors
                                                             : information->maximum_zeroes_sectors;

    *status = VDEV_OK;
    while (slot->segment < slot->segments) {
        struct vdev_cursor cursor = vdev_cursor(slot->data, slot->data_count);
        uint8_t bytes[SEGMENT_BYTES];
        vdev_cursor_skip(&cursor, slot->segment * SEGMENT_BYTES);
        vdev_cursor_read(&cursor, bytes, sizeof bytes);
        uint64_t sector =
            virtio_load_le64(bytes + offsetof(struct virtio_blk_discard_write_zeroes, sector));
        uint32_t sectors =
            virtio_load_le32(bytes + offsetof(struct virtio_blk_discard_write_zeroes, num_sectors));
        *status = read_flags(
            request,
            virtio_load_le32(bytes + offsetof(struct virtio_blk_discard_write_zeroes, flags)));
        if (*status != VDEV_OK) {
            return false;
        }
        if (sector > information->sectors || sectors > information->sectors - sector ||
            sectors > most) {
            *status = VDEV_ERROR_IO;
            return false;
        }
        slot->segment++;
        if (sectors != 0) {
            request->sector = sector;
            request->sectors = sectors;
            return true;
        }
    }
    return false;
}
