/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the front-ends' test image, and the content that image and host agree on. */
#ifndef BARE_FRONTENDS_H
#define BARE_FRONTENDS_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/virtio_mmio.h>

/* QEMU's virtio-mmio slots on the vexpress-a15. */
#define SLOT_ADDRESS 0x1C130000u
#define SLOT_COUNT   4u
#define SLOT_SPI     40u

/* Each runs all of its part on devices that were found in their slots. */
void console_tests(struct vdev_virtio_mmio_driver *mmio);
void block_tests(struct vdev_virtio_mmio_driver *writable, uint32_t writable_spi,
                 struct vdev_virtio_mmio_driver *read_only);
void net_tests(struct vdev_virtio_mmio_driver *mmio, uint32_t spi,
               struct vdev_virtio_mmio_driver *limited);

/* Byte `offset` of sector `sector` as it is after a write with this seed; see frontends.py. */
static inline uint8_t block_pattern(uint32_t sector, uint32_t offset, uint32_t seed)
{
    return (uint8_t)(sector * 131 + (sector >> 8) * 17 + offset * 7 + (offset >> 8) * 13 +
                     seed * 29);
}

/* Byte number `index` of the console's streams, out and in. */
static inline uint8_t console_pattern(uint32_t index)
{
    return (uint8_t)(index * 31 + (index >> 8) * 7 + 11);
}

/* Byte `offset` of datagram or echo request `number`; the server answers with its complement. */
static inline uint8_t net_pattern(uint32_t number, uint32_t offset)
{
    return (uint8_t)(number * 37 + offset * 11 + (offset >> 8) * 5 + 3);
}

#endif
