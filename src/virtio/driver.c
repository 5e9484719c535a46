/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver's way through the initialization of a virtio device [VIRTIO 1.4 §3.1], on any transport.
 * The device may lie, refuse, or never answer; it cannot make us wait without end.
 */
#include <vdev/status.h>
#include <vdev/virtio.h>
#include <vdev/virtio_driver.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "virtio/virtio_1_4.h"

/* A configuration that changes while it is read, so often in a row, is not a configuration. */
#define CONFIGURATION_TRIES 8

int vdev_virtio_driver_reset(struct vdev_virtio_driver *driver, const struct vdev_clock *clock)
{
    driver->operations->set_status(driver, 0);
    uint64_t start = vdev_clock_now(clock);
    uint32_t status;
    while ((status = driver->operations->status(driver)) != 0) {
        /* Nothing but that is what a transport says whose peer is gone: it has waited already. */
        if (status == VDEV_VIRTIO_STATUS_NEEDS_RESET ||
            vdev_clock_now(clock) - start > VDEV_VIRTIO_RESET_NANOSECONDS) {
            return VDEV_ERROR_TIMEOUT;
        }
    }
    return VDEV_OK;
}

static void add_status(struct vdev_virtio_driver *driver, uint32_t bits)
{
    driver->operations->set_status(driver, driver->operations->status(driver) | bits);
}

void vdev_virtio_driver_fail(struct vdev_virtio_driver *driver)
{
    add_status(driver, VDEV_VIRTIO_STATUS_FAILED);
}

int vdev_virtio_driver_begin(struct vdev_virtio_driver *driver, const struct vdev_clock *clock,
                             uint32_t id, uint64_t wanted, uint64_t *accepted)
{
    const uint64_t version_1 = 1ull << VIRTIO_F_VERSION_1;

    if (driver->id != id) {
        return VDEV_ERROR_ABSENT;
    }
    int status = vdev_virtio_driver_reset(driver, clock);
    if (status != VDEV_OK) {
        vdev_virtio_driver_fail(driver);
        return status;
    }
    add_status(driver, VDEV_VIRTIO_STATUS_ACKNOWLEDGE);
    add_status(driver, VDEV_VIRTIO_STATUS_DRIVER);
    uint64_t features = driver->operations->features(driver) & (wanted | version_1);
    if ((features & version_1) == 0) {
        vdev_virtio_driver_fail(driver);
        return VDEV_ERROR_UNSUPPORTED;
    }
    driver->operations->set_features(driver, features);
    add_status(driver, VDEV_VIRTIO_STATUS_FEATURES_OK);
    if ((driver->operations->status(driver) &
         (VDEV_VIRTIO_STATUS_FEATURES_OK | VDEV_VIRTIO_STATUS_NEEDS_RESET)) !=
        VDEV_VIRTIO_STATUS_FEATURES_OK) {
        vdev_virtio_driver_fail(driver);
        return VDEV_ERROR_UNSUPPORTED;
    }
    *accepted = features;
    return VDEV_OK;
}

int vdev_virtio_driver_start_queue(struct vdev_virtio_driver *driver, uint16_t index,
                                   struct vdev_driver_queue *queue,
                                   const struct vdev_driver_queue_memory *memory, uint16_t size,
                                   uint64_t accepted)
{
    struct vdev_virtqueue_configuration configuration = {
        .size = size,
        .packed = (accepted & 1ull << VIRTIO_F_RING_PACKED) != 0,
        .indirect = (accepted & 1ull << VIRTIO_RING_F_INDIRECT_DESC) != 0,
        .event_index = (accepted & 1ull << VIRTIO_RING_F_EVENT_IDX) != 0,
    };

    uint32_t maximum = driver->operations->queue_size_maximum(driver, index);
    if (maximum == 0) {
        return VDEV_ERROR_ABSENT;
    }
    if (size > maximum) {
        return VDEV_ERROR_RANGE;
    }
    int status = vdev_driver_queue_start(queue, memory, &configuration);
    if (status != VDEV_OK) {
        return status;
    }
    return driver->operations->start_queue(driver, index, &configuration);
}

int vdev_virtio_driver_finish(struct vdev_virtio_driver *driver)
{
    add_status(driver, VDEV_VIRTIO_STATUS_DRIVER_OK);
    if ((driver->operations->status(driver) & VDEV_VIRTIO_STATUS_NEEDS_RESET) != 0) {
        return VDEV_ERROR_IO;
    }
    return VDEV_OK;
}

int vdev_virtio_driver_read_configuration(struct vdev_virtio_driver *driver, uint32_t offset,
                                          unsigned width, uint8_t *bytes, size_t length)
{
    for (unsigned tries = 0; tries < CONFIGURATION_TRIES; tries++) {
        uint32_t before = driver->operations->configuration_generation(driver);
        for (size_t i = 0; i < length; i += width) {
            uint32_t value =
                driver->operations->read_configuration(driver, offset + (uint32_t)i, width);
            for (unsigned j = 0; j < width; j++) {
                bytes[i + j] = (uint8_t)(value >> (8 * j));
            }
        }
        if (driver->operations->configuration_generation(driver) == before) {
            return VDEV_OK;
        }
    }
    return VDEV_ERROR_TIMEOUT;
}
