/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio over MMIO, version 2 [VIRTIO 1.4 §4.2]: the device's end, to put on a bus, and the
 * driver's end, to put under a front-end. The legacy version 1 is not here.
 */
#ifndef VDEV_VIRTIO_MMIO_H
#define VDEV_VIRTIO_MMIO_H

#include <stdint.h>

#include <vdev/bus.h>
#include <vdev/interrupt.h>
#include <vdev/io.h>
#include <vdev/virtio.h>
#include <vdev/virtio_driver.h>

/* A window that holds the registers and the configuration space of every device here. */
#define VDEV_VIRTIO_MMIO_WINDOW 0x200u

/* ---- the device's end ---- */

/* The fields are the transport's. */
struct vdev_virtio_mmio {
    struct vdev_virtio_device *device;
    struct vdev_interrupt_line line; /* a level: high while interrupt_status is not 0 */
    uint32_t interrupt_status;
    uint32_t device_features_select;
    uint32_t driver_features_select;
    uint32_t queue_select;
};

/*
 * Put a device on this transport. The line is copied; its controller is told of changes only.
 * VDEV_ERROR_INVALID: the configuration space does not fit into the window.
 */
int vdev_virtio_mmio_init(struct vdev_virtio_mmio *mmio, struct vdev_virtio_device *device,
                          struct vdev_interrupt_line line);

/*
 * A vdev_access_function; `device` is a struct vdev_virtio_mmio. Registers are 32 bits wide, the
 * configuration space may be read in 1, 2, 4 and 8 bytes. VDEV_ERROR_RANGE: no register there, or
 * past the end of the configuration space; VDEV_ERROR_UNSUPPORTED: another width or alignment;
 * VDEV_ERROR_BUSY. What the specification forbids in the device's state is ignored (and counted in
 * the device's `refused`), as hardware would: a register that cannot be read reads as 0.
 */
int vdev_virtio_mmio_access(void *device, struct vdev_access *access);

/* ---- the driver's end ---- */

struct vdev_virtio_mmio_driver {
    struct vdev_virtio_driver driver; /* what a front-end is given */
    struct vdev_io io;
};

/*
 * Look at a device's registers; touches none but the first four. The io is copied.
 * VDEV_ERROR_ABSENT: no virtio device there, or a placeholder; VDEV_ERROR_UNSUPPORTED: not
 * version 2.
 */
int vdev_virtio_mmio_driver_init(struct vdev_virtio_mmio_driver *mmio, const struct vdev_io *io);

#endif
