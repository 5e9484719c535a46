/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of a virtio transport, as front-ends see it: they never know which one it is.
 *
 * A transport embeds `struct vdev_virtio_driver` and supplies the operations; the functions below
 * take a device through its initialization [VIRTIO 1.4 §3.1] on any of them. What the device
 * answers is hostile: it is bounded or checked by whoever uses it. All waits are bounded.
 */
#ifndef VDEV_VIRTIO_DRIVER_H
#define VDEV_VIRTIO_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/clock.h>
#include <vdev/virtqueue.h>

/* Causes of an interrupt, as `take_interrupt` returns them. */
#define VDEV_VIRTIO_INTERRUPT_QUEUE         0x1u
#define VDEV_VIRTIO_INTERRUPT_CONFIGURATION 0x2u

/* How long a device may take to reset, and to answer what a front-end asks while starting. */
#define VDEV_VIRTIO_RESET_NANOSECONDS 1000000000ull

struct vdev_virtio_driver;

struct vdev_virtio_driver_operations {
    uint32_t (*status)(struct vdev_virtio_driver *driver);
    void (*set_status)(struct vdev_virtio_driver *driver, uint32_t status); /* 0: reset */
    uint64_t (*features)(struct vdev_virtio_driver *driver);
    void (*set_features)(struct vdev_virtio_driver *driver, uint64_t features);
    /* The largest size of a queue; 0: there is no such queue. */
    uint32_t (*queue_size_maximum)(struct vdev_virtio_driver *driver, uint16_t queue);
    /* Tell the device of a queue and make it ready. VDEV_ERROR_STATE: it is in use;
     * VDEV_ERROR_IO: the device does not take it. */
    int (*start_queue)(struct vdev_virtio_driver *driver, uint16_t queue,
                       const struct vdev_virtqueue_configuration *configuration);
    /* Orders all earlier writes to memory before the notification. */
    void (*notify)(struct vdev_virtio_driver *driver, uint16_t queue);
    /* Width 1, 2 or 4, aligned to itself. */
    uint32_t (*read_configuration)(struct vdev_virtio_driver *driver, uint32_t offset,
                                   unsigned width);
    uint32_t (*configuration_generation)(struct vdev_virtio_driver *driver);
    /* The causes pending, which are thereby acknowledged: VDEV_VIRTIO_INTERRUPT_... */
    uint32_t (*take_interrupt)(struct vdev_virtio_driver *driver);
};

/* Embedded by each transport's driver end. */
struct vdev_virtio_driver {
    const struct vdev_virtio_driver_operations *operations;
    uint32_t id; /* VDEV_VIRTIO_ID_... of the device that is there */
};

/*
 * Reset the device and wait until it says so, at most VDEV_VIRTIO_RESET_NANOSECONDS.
 * VDEV_ERROR_TIMEOUT: it may still use the memory it was given.
 */
int vdev_virtio_driver_reset(struct vdev_virtio_driver *driver, const struct vdev_clock *clock);

/*
 * From reset to FEATURES_OK: accept of `wanted` what the device offers; *accepted is the result.
 * VERSION_1 is asked for always. VDEV_ERROR_ABSENT: a device of another type; VDEV_ERROR_TIMEOUT:
 * it does not reset; VDEV_ERROR_UNSUPPORTED: it does not offer VERSION_1, or refuses the features.
 * The device has then been given FAILED.
 */
int vdev_virtio_driver_begin(struct vdev_virtio_driver *driver, const struct vdev_clock *clock,
                             uint32_t id, uint64_t wanted, uint64_t *accepted);

/*
 * Lay out an empty queue and make it ready; `accepted` as of vdev_virtio_driver_begin. Errors as of
 * vdev_driver_queue_start; VDEV_ERROR_ABSENT: no such queue; VDEV_ERROR_RANGE: too large for the
 * device; VDEV_ERROR_STATE: in use already; VDEV_ERROR_IO: the device does not take it.
 */
int vdev_virtio_driver_start_queue(struct vdev_virtio_driver *driver, uint16_t index,
                                   struct vdev_driver_queue *queue,
                                   const struct vdev_driver_queue_memory *memory, uint16_t size,
                                   uint64_t accepted);

/* DRIVER_OK. VDEV_ERROR_IO: the device needs a reset already. */
int vdev_virtio_driver_finish(struct vdev_virtio_driver *driver);

/* FAILED: given up on the device. */
void vdev_virtio_driver_fail(struct vdev_virtio_driver *driver);

/*
 * Read `length` bytes of the configuration space, by its generation all from one moment; at offsets
 * and of lengths that are multiples of `width`. VDEV_ERROR_TIMEOUT: it changed at each of a few
 * tries.
 */
int vdev_virtio_driver_read_configuration(struct vdev_virtio_driver *driver, uint32_t offset,
                                          unsigned width, uint8_t *bytes, size_t length);

#endif
