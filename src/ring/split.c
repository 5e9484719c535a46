/* SPDX-License-Identifier: BSD-2-Clause */
/* The sizes of a split ring's three parts, event fields included [VIRTIO 1.4 §2.7]. */
#include <vdev/virtqueue.h>

#include "ring/split.h"

size_t vdev_virtqueue_descriptor_bytes(uint16_t size)
{
    return (size_t)size * RING_DESCRIPTOR_BYTES;
}

size_t vdev_virtqueue_driver_bytes(uint16_t size)
{
    return 6 + 2 * (size_t)size;
}

size_t vdev_virtqueue_device_bytes(uint16_t size)
{
    return 6 + 8 * (size_t)size;
}
