/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bridge from virtio-mmio to messages: an unmodified guest's driver uses registers, and the
 * device is in another virtual machine. To put on a bus like virtio_mmio.h's device, in the
 * hypervisor; it is the driver's side of a message link.
 *
 * It never waits. An access that needs an answer sends the request and returns VDEV_ERROR_AGAIN:
 * the hypervisor leaves the guest's program counter where it is and does not run that virtual CPU
 * until vdev_virtio_message_bridge_poll returns true; the guest then makes the access again, and
 * finds the answer. Only writes of Status and QueueReady and writes to the configuration space take
 * that way; what else a driver reads was fetched before, and is fetched anew when an event says so.
 * QueueNotify sends an event, InterruptStatus and InterruptACK are here. An access that was put off
 * and is never made again has happened nevertheless, if it was a write.
 *
 * What the device says is hostile to the guest no more than to us: it is bounded and checked. A
 * device that does not answer in time fails: it reads as DEVICE_NEEDS_RESET with a configuration
 * interrupt, writes have no effect, and the guest goes on; a reset tries once more.
 */
#ifndef VDEV_VIRTIO_MESSAGE_BRIDGE_H
#define VDEV_VIRTIO_MESSAGE_BRIDGE_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/bus.h>
#include <vdev/interrupt.h>
#include <vdev/virtio_message.h>
#include <vdev/virtio_mmio.h>

#define VDEV_MESSAGE_BRIDGE_CONFIGURATION 256u /* bytes of configuration space at most */

struct vdev_virtio_message_bridge_queue {
    struct vdev_virtqueue_configuration configuration; /* the driver's, not yet sent */
    uint16_t size_maximum;                             /* as the device says, bounded */
    bool ready;
};

/* The fields are the bridge's. */
struct vdev_virtio_message_bridge {
    struct vdev_virtio_message_remote remote;
    struct vdev_interrupt_line line; /* a level: high while interrupt_status is not 0 */
    uint32_t interrupt_status;
    uint32_t device_features_select;
    uint32_t driver_features_select;
    uint32_t queue_select;
    uint32_t id; /* 0: nothing is known of it */
    uint32_t queue_count;
    uint32_t configuration_length;
    uint32_t generation;
    uint32_t status; /* as the device last said; NEEDS_RESET is ours once it failed */
    uint64_t offered;
    uint64_t accepted;
    struct vdev_virtio_message_bridge_queue queues[VDEV_MESSAGE_QUEUES_MAXIMUM];
    uint8_t configuration[VDEV_MESSAGE_BRIDGE_CONFIGURATION];
    /* What goes on: a step at a time, each a request and its answer; none: 0. */
    unsigned step;
    uint32_t position;            /* of the step: a queue, an offset */
    uint32_t fetching_generation; /* of the first piece of the configuration space */
    unsigned tries;               /* to fetch it all from one moment */
    uint64_t deadline;            /* of all of it; by the bus' clock */
    struct vdev_access asked;     /* the access that started it, ... */
    bool known;                   /* all that is asked once has been answered */
    bool asking;                  /* ... if one did, and it has not been made again yet */
    bool done;                    /* it can be made again */
    bool put_off;                 /* some access was told to come again: it goes first */
    bool changed;                 /* an event came: fetch status and configuration */
    bool announce;                /* and then tell the driver */
    bool unacceptable;            /* feature bits beyond the 64 that there are */
    bool failed;                  /* it did not answer, or broke the rules */
    uint32_t again;               /* accesses put off; modulo 2^32 */
    uint32_t refused;             /* what the driver tried against the rules; modulo 2^32 */
};

/*
 * Put a bridge on the driver's side of a bus, for the device of this number, and send the first
 * request: what the device is. The bus' wait gives the clock, and the time that a device may take
 * for all that one access needs. The line is copied. Accesses return VDEV_ERROR_AGAIN until all is
 * known. VDEV_ERROR_INVALID: the number is taken.
 */
int vdev_virtio_message_bridge_init(struct vdev_virtio_message_bridge *bridge,
                                    struct vdev_virtio_message_driver_bus *bus, uint16_t number,
                                    struct vdev_interrupt_line line);

/*
 * A vdev_access_function; `bridge` is a struct vdev_virtio_message_bridge. As
 * vdev_virtio_mmio_access, and VDEV_ERROR_AGAIN: not answered yet; nothing has changed for the
 * guest. One access at a time is put off: another one meanwhile is VDEV_ERROR_AGAIN too.
 */
int vdev_virtio_message_bridge_access(void *bridge, struct vdev_access *access);

/*
 * After vdev_virtio_message_driver_bus_poll, and at the deadline: true if an access that was put
 * off can be made again (or none was). It fails the device if the deadline has passed or the link
 * is latched.
 */
bool vdev_virtio_message_bridge_poll(struct vdev_virtio_message_bridge *bridge);

/* True if an answer is awaited: call the poll after *deadline, by the bus' clock, at the latest. */
static inline bool
vdev_virtio_message_bridge_deadline(const struct vdev_virtio_message_bridge *bridge,
                                    uint64_t *deadline)
{
    *deadline = bridge->deadline;
    return bridge->remote.waiting;
}

#endif
