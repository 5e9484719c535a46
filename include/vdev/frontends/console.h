/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver for virtio console devices [VIRTIO 1.4 §5.3] on any transport, offering the console
 * class.
 *
 * The device is not trusted: what it returns is checked. A device that breaks the rules or asks for
 * a reset is reset and started again; bytes in flight are lost. If it does not start again it is
 * gone: nothing more is read, and what is written is thrown away, so that no one waits for it
 * forever.
 */
#ifndef VDEV_FRONTENDS_CONSOLE_H
#define VDEV_FRONTENDS_CONSOLE_H

#include <vdev/clock.h>
#include <vdev/console.h>
#include <vdev/virtio_driver.h>
#include <vdev/virtqueue.h>

#define VDEV_CONSOLE_FRONTEND_BUFFERS_MAXIMUM 32u

struct vdev_console_frontend_configuration {
    struct vdev_virtio_driver *transport;
    const struct vdev_clock *clock;
    struct vdev_driver_queue_memory receive_queue, transmit_queue; /* each of queue_size */
    uint16_t queue_size; /* a power of two, at most what the device offers */
    /* Shared with the device, with bus addresses: so many buffers of buffer_size each, one after
     * the other; at most the queue's size, and at most VDEV_CONSOLE_FRONTEND_BUFFERS_MAXIMUM. */
    struct vdev_buffer receive_memory, transmit_memory;
    uint16_t receive_count, transmit_count;
    uint32_t buffer_size; /* bytes */
};

struct vdev_console_frontend {
    struct vdev_console console; /* the class */
    struct vdev_console_frontend_configuration configuration;
    struct vdev_driver_queue receive, transmit;
    uint64_t accepted;      /* features */
    uint32_t transmit_free; /* a bit for each transmit buffer */
    uint8_t *received;      /* the receive buffer being read; NULL: none */
    uint32_t received_length, received_offset;
    bool announced;    /* `readable` was called, and no read has returned 0 since */
    bool blocked;      /* a write took less than asked */
    bool alive;        /* else: gone */
    bool broken;       /* found while reading or writing; poll will restart the device */
    uint32_t restarts; /* modulo 2^32 */
};

/*
 * Take a device through its initialization. Waits for the reset at most
 * VDEV_VIRTIO_RESET_NANOSECONDS. What the configuration points to stays the caller's and in place
 * until vdev_console_frontend_stop. VDEV_ERROR_INVALID: a missing pointer, counts or sizes that do
 * not fit; else as of vdev_virtio_driver_begin and vdev_virtio_driver_start_queue.
 */
int vdev_console_frontend_init(struct vdev_console_frontend *frontend,
                               const struct vdev_console_frontend_configuration *configuration);

/* Reset the device; it is gone then. VDEV_ERROR_TIMEOUT: it may still use the memory. */
int vdev_console_frontend_stop(struct vdev_console_frontend *frontend);

#endif
