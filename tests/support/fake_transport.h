/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio transport with nobody behind it, for tests of front-ends: the test plays the device, and
 * writes into the used rings, the configuration and the status whatever a hostile one might.
 */
#ifndef SUPPORT_FAKE_TRANSPORT_H
#define SUPPORT_FAKE_TRANSPORT_H

#include <string.h>

#include <check.h>

#include <linux/virtio_ring.h>

#include <vdev/status.h>
#include <vdev/testing/clock.h>
#include <vdev/virtio.h>
#include <vdev/virtio_driver.h>

#define FAKE_QUEUES 3u

struct fake_transport {
    struct vdev_virtio_driver driver;
    uint32_t status;
    uint64_t offered, accepted;
    uint8_t space[64];
    uint32_t generation;
    uint32_t queue_size_maximum[FAKE_QUEUES];
    struct vdev_virtqueue_configuration queues[FAKE_QUEUES];
    bool ready[FAKE_QUEUES];
    uint32_t causes;
    unsigned notified[FAKE_QUEUES], resets;
    /* What this device does wrong. */
    bool never_resets;
    bool restless;    /* its configuration changes whenever one looks */
    bool refuses;     /* features */
    bool born_broken; /* needs a reset as soon as it is running */
    void (*on_notify)(struct fake_transport *fake, uint16_t queue);
};

static inline struct fake_transport *fake_of(struct vdev_virtio_driver *driver)
{
    return (struct fake_transport *)driver; /* its first member */
}

static inline uint32_t fake_status(struct vdev_virtio_driver *driver)
{
    return fake_of(driver)->status;
}

static inline void fake_set_status(struct vdev_virtio_driver *driver, uint32_t status)
{
    struct fake_transport *fake = fake_of(driver);

    if (status == 0) {
        fake->resets++;
        memset(fake->ready, 0, sizeof fake->ready);
        fake->causes = 0;
        if (fake->never_resets) {
            return;
        }
    }
    if (fake->refuses) {
        status &= ~VDEV_VIRTIO_STATUS_FEATURES_OK;
    }
    fake->status = status;
    if (fake->born_broken && (status & VDEV_VIRTIO_STATUS_DRIVER_OK) != 0) {
        fake->status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
    }
}

static inline uint64_t fake_features(struct vdev_virtio_driver *driver)
{
    return fake_of(driver)->offered;
}

static inline void fake_set_features(struct vdev_virtio_driver *driver, uint64_t features)
{
    fake_of(driver)->accepted = features;
}

static inline uint32_t fake_queue_size_maximum(struct vdev_virtio_driver *driver, uint16_t queue)
{
    return queue < FAKE_QUEUES ? fake_of(driver)->queue_size_maximum[queue] : 0;
}

static inline int fake_start_queue(struct vdev_virtio_driver *driver, uint16_t queue,
                                   const struct vdev_virtqueue_configuration *configuration)
{
    struct fake_transport *fake = fake_of(driver);

    ck_assert(!fake->ready[queue]);
    fake->queues[queue] = *configuration;
    fake->ready[queue] = true;
    return VDEV_OK;
}

static inline void fake_notify(struct vdev_virtio_driver *driver, uint16_t queue)
{
    struct fake_transport *fake = fake_of(driver);

    ck_assert((fake->status & VDEV_VIRTIO_STATUS_DRIVER_OK) != 0);
    fake->notified[queue]++;
    if (fake->on_notify != NULL) {
        fake->on_notify(fake, queue);
    }
}

static inline uint32_t fake_read_configuration(struct vdev_virtio_driver *driver, uint32_t offset,
                                               unsigned width)
{
    struct fake_transport *fake = fake_of(driver);
    uint32_t value = 0;

    ck_assert_uint_le(offset + width, sizeof fake->space);
    ck_assert_uint_eq(offset % width, 0);
    memcpy(&value, fake->space + offset, width);
    return value;
}

static inline uint32_t fake_generation(struct vdev_virtio_driver *driver)
{
    struct fake_transport *fake = fake_of(driver);

    fake->generation += fake->restless;
    return fake->generation;
}

static inline uint32_t fake_take_interrupt(struct vdev_virtio_driver *driver)
{
    struct fake_transport *fake = fake_of(driver);
    uint32_t causes = fake->causes;

    fake->causes = 0;
    return causes;
}

static inline void fake_init(struct fake_transport *fake, uint32_t id, uint64_t offered)
{
    static const struct vdev_virtio_driver_operations operations = {
        .status = fake_status,
        .set_status = fake_set_status,
        .features = fake_features,
        .set_features = fake_set_features,
        .queue_size_maximum = fake_queue_size_maximum,
        .start_queue = fake_start_queue,
        .notify = fake_notify,
        .read_configuration = fake_read_configuration,
        .configuration_generation = fake_generation,
        .take_interrupt = fake_take_interrupt,
    };

    memset(fake, 0, sizeof *fake);
    fake->driver.operations = &operations;
    fake->driver.id = id;
    fake->offered = offered | 1ull << 32;
    for (unsigned i = 0; i < FAKE_QUEUES; i++) {
        fake->queue_size_maximum[i] = 64;
    }
}

/* ---- the ring, from the device's side, where bus addresses are pointers ---- */

static inline struct vring_avail *fake_available(struct fake_transport *fake, uint16_t queue)
{
    return (struct vring_avail *)(uintptr_t)fake->queues[queue].driver_address;
}

static inline struct vring_used *fake_used(struct fake_transport *fake, uint16_t queue)
{
    return (struct vring_used *)(uintptr_t)fake->queues[queue].device_address;
}

static inline struct vring_desc *fake_descriptor(struct fake_transport *fake, uint16_t queue,
                                                 unsigned index)
{
    return (struct vring_desc *)(uintptr_t)fake->queues[queue].descriptor_address + index;
}

/* The head of the `n`th request since the queue started. */
static inline uint16_t fake_head(struct fake_transport *fake, uint16_t queue, unsigned n)
{
    return fake_available(fake, queue)->ring[n % fake->queues[queue].size];
}

static inline void fake_give(struct fake_transport *fake, uint16_t queue, uint32_t id,
                             uint32_t length)
{
    struct vring_used *used = fake_used(fake, queue);

    used->ring[used->idx % fake->queues[queue].size] = (struct vring_used_elem){id, length};
    used->idx++;
    fake->causes |= VDEV_VIRTIO_INTERRUPT_QUEUE;
}

#endif
