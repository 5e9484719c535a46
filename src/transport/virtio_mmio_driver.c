/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver's end of virtio-mmio, version 2 [VIRTIO 1.4 §4.2]: registers, and nothing but. */
#include <stdatomic.h>
#include <stddef.h>

#include <vdev/status.h>
#include <vdev/virtio_mmio.h>

#include <linux/virtio_mmio.h>

#define MAGIC 0x74726976u /* "virt" */

static const struct vdev_io *io_of(struct vdev_virtio_driver *driver)
{
    return &((struct vdev_virtio_mmio_driver *)((char *)driver -
                                                offsetof(struct vdev_virtio_mmio_driver, driver)))
                ->io;
}

static uint32_t status(struct vdev_virtio_driver *driver)
{
    return vdev_io_read32(io_of(driver), VIRTIO_MMIO_STATUS);
}

static void set_status(struct vdev_virtio_driver *driver, uint32_t value)
{
    /* Rings and buffers are laid out before the device hears of them. */
    atomic_thread_fence(memory_order_seq_cst);
    vdev_io_write32(io_of(driver), VIRTIO_MMIO_STATUS, value);
}

static uint64_t features(struct vdev_virtio_driver *driver)
{
    const struct vdev_io *io = io_of(driver);

    vdev_io_write32(io, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
    uint64_t high = vdev_io_read32(io, VIRTIO_MMIO_DEVICE_FEATURES);
    vdev_io_write32(io, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
    return high << 32 | vdev_io_read32(io, VIRTIO_MMIO_DEVICE_FEATURES);
}

static void set_features(struct vdev_virtio_driver *driver, uint64_t value)
{
    const struct vdev_io *io = io_of(driver);

    vdev_io_write32(io, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    vdev_io_write32(io, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(value >> 32));
    vdev_io_write32(io, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    vdev_io_write32(io, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)value);
}

static uint32_t queue_size_maximum(struct vdev_virtio_driver *driver, uint16_t queue)
{
    vdev_io_write32(io_of(driver), VIRTIO_MMIO_QUEUE_SEL, queue);
    return vdev_io_read32(io_of(driver), VIRTIO_MMIO_QUEUE_NUM_MAX);
}

static void write_address(const struct vdev_io *io, uint32_t offset, uint64_t address)
{
    vdev_io_write32(io, offset, (uint32_t)address);
    vdev_io_write32(io, offset + 4, (uint32_t)(address >> 32));
}

static int start_queue(struct vdev_virtio_driver *driver, uint16_t queue,
                       const struct vdev_virtqueue_configuration *configuration)
{
    const struct vdev_io *io = io_of(driver);

    vdev_io_write32(io, VIRTIO_MMIO_QUEUE_SEL, queue);
    if (vdev_io_read32(io, VIRTIO_MMIO_QUEUE_READY) != 0) {
        return VDEV_ERROR_STATE;
    }
    vdev_io_write32(io, VIRTIO_MMIO_QUEUE_NUM, configuration->size);
    write_address(io, VIRTIO_MMIO_QUEUE_DESC_LOW, configuration->descriptor_address);
    write_address(io, VIRTIO_MMIO_QUEUE_AVAIL_LOW, configuration->driver_address);
    write_address(io, VIRTIO_MMIO_QUEUE_USED_LOW, configuration->device_address);
    atomic_thread_fence(memory_order_seq_cst);
    vdev_io_write32(io, VIRTIO_MMIO_QUEUE_READY, 1);
    return vdev_io_read32(io, VIRTIO_MMIO_QUEUE_READY) == 1 ? VDEV_OK : VDEV_ERROR_IO;
}

static void notify(struct vdev_virtio_driver *driver, uint16_t queue)
{
    atomic_thread_fence(memory_order_seq_cst);
    vdev_io_write32(io_of(driver), VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

static uint32_t read_configuration(struct vdev_virtio_driver *driver, uint32_t offset,
                                   unsigned width)
{
    const struct vdev_io *io = io_of(driver);

    switch (width) {
    case 1:
        return vdev_io_read8(io, VIRTIO_MMIO_CONFIG + offset);
    case 2:
        return vdev_io_read16(io, VIRTIO_MMIO_CONFIG + offset);
    default:
        return vdev_io_read32(io, VIRTIO_MMIO_CONFIG + offset);
    }
}

static uint32_t configuration_generation(struct vdev_virtio_driver *driver)
{
    return vdev_io_read32(io_of(driver), VIRTIO_MMIO_CONFIG_GENERATION);
}

static uint32_t take_interrupt(struct vdev_virtio_driver *driver)
{
    _Static_assert(VDEV_VIRTIO_INTERRUPT_QUEUE == VIRTIO_MMIO_INT_VRING &&
                       VDEV_VIRTIO_INTERRUPT_CONFIGURATION == VIRTIO_MMIO_INT_CONFIG,
                   "the causes have the bits of this transport");
    const struct vdev_io *io = io_of(driver);

    /* Undefined bits are ignored, and never acknowledged [VIRTIO 1.4 §4.2.2.2]. */
    uint32_t causes = vdev_io_read32(io, VIRTIO_MMIO_INTERRUPT_STATUS) &
                      (VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);
    if (causes != 0) {
        vdev_io_write32(io, VIRTIO_MMIO_INTERRUPT_ACK, causes);
    }
    return causes;
}

static const struct vdev_virtio_driver_operations operations = {
    .status = status,
    .set_status = set_status,
    .features = features,
    .set_features = set_features,
    .queue_size_maximum = queue_size_maximum,
    .start_queue = start_queue,
    .notify = notify,
    .read_configuration = read_configuration,
    .configuration_generation = configuration_generation,
    .take_interrupt = take_interrupt,
};

int vdev_virtio_mmio_driver_init(struct vdev_virtio_mmio_driver *mmio, const struct vdev_io *io)
{
    if (vdev_io_read32(io, VIRTIO_MMIO_MAGIC_VALUE) != MAGIC) {
        return VDEV_ERROR_ABSENT;
    }
    if (vdev_io_read32(io, VIRTIO_MMIO_VERSION) != 2) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    uint32_t id = vdev_io_read32(io, VIRTIO_MMIO_DEVICE_ID);
    if (id == 0) {
        return VDEV_ERROR_ABSENT;
    }
    mmio->driver.operations = &operations;
    mmio->driver.id = id;
    mmio->io = *io;
    return VDEV_OK;
}
