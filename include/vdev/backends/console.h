/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio console device [VIRTIO 1.4 §5.3]: a back-end over any device of the console class.
 *
 * One port, with a size. A transmit that the class below takes in full is complete when the
 * notification returns (Linux waits for that without sleeping); what it does not take stays in the
 * ring until it is writable. Received bytes stay in the class below until the driver has buffers.
 * Not here: several ports, emergency write.
 */
#ifndef VDEV_BACKENDS_CONSOLE_H
#define VDEV_BACKENDS_CONSOLE_H

#include <vdev/console.h>
#include <vdev/virtio.h>

/* Queues [VIRTIO 1.4 §5.3.2]. */
#define VDEV_CONSOLE_RECEIVE_QUEUE  0u
#define VDEV_CONSOLE_TRANSMIT_QUEUE 1u

struct vdev_console_backend_configuration {
    const struct vdev_memory *memory; /* the guest's */
    struct vdev_console *console;     /* below; the back-end becomes its client */
    /* The longest chain, in pieces of memory: one more and it is given back unread. */
    struct vdev_buffer *buffers;
    size_t buffer_count; /* 1 or more; 8 serves Linux */
    uint16_t queue_size; /* of each queue; a power of two */
};

struct vdev_console_backend {
    struct vdev_virtio_device device; /* to put on a transport */
    struct vdev_virtio_queue queues[2];
    struct vdev_console *console;
    struct vdev_chain chain;
    uint32_t transmitted; /* bytes already written of the chain that is first in the ring */
    bool held;            /* the queue at work was left because the class below is full or empty */
    uint8_t configuration_space[12];
    uint32_t malformed; /* chains of the wrong direction; modulo 2^32 */
};

/*
 * Make a back-end; put `backend->device` on a transport next. All that the configuration points to
 * stays the caller's and in place. VDEV_ERROR_INVALID: a missing pointer, no buffers, or a queue
 * size that is not allowed.
 */
int vdev_console_backend_init(struct vdev_console_backend *backend,
                              const struct vdev_console_backend_configuration *configuration);

#endif
