/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What VIRTIO 1.4 has and the Linux UAPI headers of the oldest supported distribution lack, with
 * the little-endian accessors that configuration spaces and request headers need. All else of
 * VIRTIO's layouts and numbers comes from <linux/virtio_*.h>.
 */
#ifndef VIRTIO_VIRTIO_1_4_H
#define VIRTIO_VIRTIO_1_4_H

#include <stdint.h>

#include <linux/virtio_config.h>

/* [VIRTIO 1.4 §4.2.2] Virtqueue reset, read-write. */
#ifndef VIRTIO_MMIO_QUEUE_RESET
#define VIRTIO_MMIO_QUEUE_RESET 0x0c0
#endif

/* [VIRTIO 1.4 §5.1.3] UDP segmentation, and the kind of such a frame [VIRTIO 1.4 §5.1.6]. */
#ifndef VIRTIO_NET_F_GUEST_USO4
#define VIRTIO_NET_F_GUEST_USO4 54
#define VIRTIO_NET_F_GUEST_USO6 55
#define VIRTIO_NET_F_HOST_USO   56
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* VIRTIO 1 is little-endian whatever the guest and this program are [VIRTIO 1.4 §1.4]. */
static inline uint32_t virtio_load_le16(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8;
}

static inline uint32_t virtio_load_le32(const uint8_t *bytes)
{
    return virtio_load_le16(bytes) | virtio_load_le16(bytes + 2) << 16;
}

static inline uint64_t virtio_load_le64(const uint8_t *bytes)
{
    return virtio_load_le32(bytes) | (uint64_t)virtio_load_le32(bytes + 4) << 32;
}

static inline void virtio_store_le16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static inline void virtio_store_le32(uint8_t *bytes, uint32_t value)
{
    virtio_store_le16(bytes, (uint16_t)value);
    virtio_store_le16(bytes + 2, (uint16_t)(value >> 16));
}

static inline void virtio_store_le64(uint8_t *bytes, uint64_t value)
{
    virtio_store_le32(bytes, (uint32_t)value);
    virtio_store_le32(bytes + 4, (uint32_t)(value >> 32));
}

#endif
