/* SPDX-License-Identifier: BSD-2-Clause */
/* What the block back-end says of itself: its features and its configuration space. */
#include <stddef.h>

#include <linux/virtio_blk.h>

#include "backends/block_parts.h"
#include "core/mem.h"
#include "virtio/virtio_1_4.h"

/* size_max is a promise about the driver's segments, not a limit of ours, since larger requests are
 * passed on in pieces: never so small that a driver's page would not fit. */
#define SIZE_MAX_LEAST 65536u
#define SIZE_MAX_MOST  (1u << 30)

_Static_assert(offsetof(struct virtio_blk_config, blk_size) == 20 &&
                   offsetof(struct virtio_blk_config, write_zeroes_may_unmap) == 56,
               "the configuration space has the specified layout");

/* Discard and write zeroes: as much as the class below does at once, and some of that. */
static void describe_ranges(uint8_t *space, const struct vdev_block_information *information)
{
    uint32_t block = information->block_size / VDEV_SECTOR_SIZE;

    virtio_store_le32(space + offsetof(struct virtio_blk_config, max_discard_sectors),
                      information->maximum_discard_sectors);
    virtio_store_le32(space + offsetof(struct virtio_blk_config, max_discard_seg),
                      VDEV_BLOCK_BACKEND_SEGMENTS);
    virtio_store_le32(space + offsetof(struct virtio_blk_config, discard_sector_alignment),
                      block != 0 ? block : 1);
    virtio_store_le32(space + offsetof(struct virtio_blk_config, max_write_zeroes_sectors),
                      information->maximum_zeroes_sectors);
    virtio_store_le32(space + offsetof(struct virtio_blk_config, max_write_zeroes_seg),
                      VDEV_BLOCK_BACKEND_SEGMENTS);
    space[offsetof(struct virtio_blk_config, write_zeroes_may_unmap)] = 1;
}

void vdev_block_backend_describe(struct vdev_block_backend *backend)
{
    const struct vdev_block_information *information = &backend->block->information;
    uint64_t size_max = (uint64_t)information->maximum_sectors * VDEV_SECTOR_SIZE;
    uint32_t seg_max = backend->device.queue_size_maximum - 2u;
    uint8_t *space = backend->configuration_space;

    if (size_max == 0 || size_max > SIZE_MAX_MOST) {
        size_max = SIZE_MAX_MOST;
    } else if (size_max < SIZE_MAX_LEAST) {
        size_max = SIZE_MAX_LEAST;
    }
    if (seg_max > backend->buffers_per_slot - 2) {
        seg_max = (uint32_t)backend->buffers_per_slot - 2;
    }
    virtio_store_le64(space + offsetof(struct virtio_blk_config, capacity), information->sectors);
    virtio_store_le32(space + offsetof(struct virtio_blk_config, size_max), (uint32_t)size_max);
    virtio_store_le32(space + offsetof(struct virtio_blk_config, seg_max), seg_max);
    virtio_store_le32(space + offsetof(struct virtio_blk_config, blk_size),
                      information->block_size);
    /* One size of block is all that the class knows of: physical as logical. */
    virtio_store_le16(space + offsetof(struct virtio_blk_config, min_io_size), 1);
    if (information->block_size != 0) {
        virtio_store_le32(space + offsetof(struct virtio_blk_config, opt_io_size),
                          information->optimal_size / information->block_size);
    }
    virtio_store_le16(space + offsetof(struct virtio_blk_config, num_queues),
                      backend->device.queue_count);
    describe_ranges(space, information);
}

uint64_t vdev_block_backend_features(const struct vdev_block_backend_configuration *configuration)
{
    const struct vdev_block_information *information = &configuration->block->information;
    uint64_t features = 1ull << VIRTIO_BLK_F_SEG_MAX | 1ull << VIRTIO_BLK_F_BLK_SIZE |
                        1ull << VIRTIO_BLK_F_FLUSH;

    /* Not offered where there is no limit: SeaBIOS multiplies it into 16 bits. */
    if (information->maximum_sectors != 0) {
        features |= 1ull << VIRTIO_BLK_F_SIZE_MAX;
    }
    if (information->read_only) {
        features |= 1ull << VIRTIO_BLK_F_RO;
    } else {
        features |= information->maximum_discard_sectors != 0 ? 1ull << VIRTIO_BLK_F_DISCARD : 0;
        features |=
            information->maximum_zeroes_sectors != 0 ? 1ull << VIRTIO_BLK_F_WRITE_ZEROES : 0;
    }
    features |= information->optimal_size != 0 ? 1ull << VIRTIO_BLK_F_TOPOLOGY : 0;
    features |= configuration->queue_count > 1 ? 1ull << VIRTIO_BLK_F_MQ : 0;
    return features;
}
