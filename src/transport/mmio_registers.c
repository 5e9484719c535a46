/* SPDX-License-Identifier: BSD-2-Clause */
/* Which registers virtio-mmio has, and what those say that describe a queue. */
#include <linux/virtio_mmio.h>

#include "transport/mmio_registers.h"
#include "virtio/virtio_1_4.h"

bool vdev_mmio_register_exists(uint32_t offset)
{
    switch (offset) {
    case VIRTIO_MMIO_MAGIC_VALUE:
    case VIRTIO_MMIO_VERSION:
    case VIRTIO_MMIO_DEVICE_ID:
    case VIRTIO_MMIO_VENDOR_ID:
    case VIRTIO_MMIO_DEVICE_FEATURES:
    case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
    case VIRTIO_MMIO_DRIVER_FEATURES:
    case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
    case VIRTIO_MMIO_QUEUE_SEL:
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
    case VIRTIO_MMIO_QUEUE_NUM:
    case VIRTIO_MMIO_QUEUE_READY:
    case VIRTIO_MMIO_QUEUE_NOTIFY:
    case VIRTIO_MMIO_INTERRUPT_STATUS:
    case VIRTIO_MMIO_INTERRUPT_ACK:
    case VIRTIO_MMIO_STATUS:
    case VIRTIO_MMIO_QUEUE_DESC_LOW:
    case VIRTIO_MMIO_QUEUE_DESC_HIGH:
    case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
    case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
    case VIRTIO_MMIO_QUEUE_USED_LOW:
    case VIRTIO_MMIO_QUEUE_USED_HIGH:
    case VIRTIO_MMIO_SHM_SEL:
    case VIRTIO_MMIO_SHM_LEN_LOW:
    case VIRTIO_MMIO_SHM_LEN_HIGH:
    case VIRTIO_MMIO_SHM_BASE_LOW:
    case VIRTIO_MMIO_SHM_BASE_HIGH:
    case VIRTIO_MMIO_QUEUE_RESET:
    case VIRTIO_MMIO_CONFIG_GENERATION:
        return true;
    default:
        return false;
    }
}

static uint64_t with_low(uint64_t address, uint32_t value)
{
    return address >> 32 << 32 | value;
}

static uint64_t with_high(uint64_t address, uint32_t value)
{
    return (uint64_t)value << 32 | (uint32_t)address;
}

bool vdev_mmio_describe_queue(struct vdev_virtqueue_configuration *configuration, uint16_t maximum,
                              uint32_t offset, uint32_t value)
{
    switch (offset) {
    case VIRTIO_MMIO_QUEUE_NUM:
        /* What does not fit becomes a size that no queue has: making it ready will fail. */
        configuration->size = value <= maximum ? (uint16_t)value : 0;
        return true;
    case VIRTIO_MMIO_QUEUE_DESC_LOW:
        configuration->descriptor_address = with_low(configuration->descriptor_address, value);
        return true;
    case VIRTIO_MMIO_QUEUE_DESC_HIGH:
        configuration->descriptor_address = with_high(configuration->descriptor_address, value);
        return true;
    case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
        configuration->driver_address = with_low(configuration->driver_address, value);
        return true;
    case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
        configuration->driver_address = with_high(configuration->driver_address, value);
        return true;
    case VIRTIO_MMIO_QUEUE_USED_LOW:
        configuration->device_address = with_low(configuration->device_address, value);
        return true;
    case VIRTIO_MMIO_QUEUE_USED_HIGH:
        configuration->device_address = with_high(configuration->device_address, value);
        return true;
    default:
        return false;
    }
}
