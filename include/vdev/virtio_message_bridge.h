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
 *
 * Drivers that take no notice of that (Linux') would wait for their requests for ever. So when the
 * other side is known to be gone, the bridge can take the rings over and be a device that completes
 * everything with an error: vdev_virtio_message_bridge_mourn.
 */
#ifndef VDEV_VIRTIO_MESSAGE_BRIDGE_H
#define VDEV_VIRTIO_MESSAGE_BRIDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/bus.h>
#include <vdev/interrupt.h>
#include <vdev/memory.h>
#include <vdev/virtio_message.h>
#include <vdev/virtio_mmio.h>
#include <vdev/virtqueue.h>

#define VDEV_MESSAGE_BRIDGE_CONFIGURATION 256u /* bytes of configuration space at most */
/* Descriptors of a queue taken over at most. */
#define VDEV_MESSAGE_BRIDGE_MOURNED VDEV_RING_ADOPTION_MAXIMUM

struct vdev_virtio_message_bridge_queue {
    struct vdev_virtqueue_configuration configuration; /* the driver's, not yet sent */
    uint16_t size_maximum;                             /* as the device says, bounded */
    bool ready;
};

/* The rings of a device that is gone, at whose end the bridge stands now; a bit for each queue. */
struct vdev_virtio_message_bridge_mourning {
    const struct vdev_memory *memory; /* the guest's, and ... */
    struct vdev_buffer *buffers;      /* ... room for one chain: the caller's */
    size_t buffer_count;
    struct vdev_device_queue queues[VDEV_MESSAGE_QUEUES_MAXIMUM];
    uint32_t to_adopt; /* to be taken over */
    uint32_t adopted;
    uint32_t notified;                  /* adopted, and there may be new requests */
    uint32_t lost;                      /* could not be taken over, or not any more */
    struct vdev_ring_adoption adoption; /* of the queue adopted last, ... */
    uint16_t in_flight_queue;           /* ... which is this one */
    uint16_t served;                    /* the queue that is */
    bool started;
    bool ended; /* by the guest's reset */
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
    uint32_t mourned;             /* requests completed with an error; modulo 2^32 */
    uint32_t untold;              /* not completed, since it could not be told which they are */
    struct vdev_virtio_message_bridge_mourning mourning;
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

/*
 * The other side is gone for good: take over what it served. A block request ends with
 * VIRTIO_BLK_S_IOERR (used length 1), a network control command with VIRTIO_NET_ERR, what a network
 * or a console was to transmit with used length 0; that is so for all that is in flight, and for
 * all that QueueNotify brings later. Receive queues are left alone. For the guest's driver each is
 * an answer, with a used buffer interrupt. The registers read as those of any device that failed; a
 * reset, which does not help, ends this too: the rings are not touched after it.
 *
 * Of the link vdev_message_link_close has been called, or nothing is done. That is the caller's
 * word that nothing writes to the rings or the buffers any more: the machine was stopped and does
 * not run again, or its view of the guest's memory is closed, and no device that it owns still does
 * DMA. A machine that is merely silent might wake up: it must be stopped first.
 *
 * One call does a bounded part: VDEV_MESSAGE_BRIDGE_MOURNED entries of a ring are looked at, or
 * eight requests are completed. True: there is more; call again, and let the guest run in between
 * if you like. Do not leave it to the guest: its driver may wait with interrupts off. After that,
 * QueueNotify and InterruptACK do the rest, as much each.
 *
 * What was in flight is told from the two rings, which remember their last entries, as many as the
 * queue is long. That is enough for a device that completes in order; and for one that does not, if
 * it worked at no more than a quarter of the queue at once, and none of its requests was overtaken
 * by a queue's length of others: but where uses and heads could be matched in two ways, a request
 * is left alone and counted as untold. Rings that contradict themselves (the machine that is gone
 * may have written anything) are left as they are: mourning.lost has the queue's bit. So it has for
 * a queue that is packed or in order, or longer than VDEV_MESSAGE_BRIDGE_MOURNED or `buffer_count`.
 * Of device types but the three named, no queue is taken over.
 *
 * The map and the buffers are the caller's and stay; the buffers are used inside a call only, so
 * that several bridges of one context may share them.
 */
bool vdev_virtio_message_bridge_mourn(struct vdev_virtio_message_bridge *bridge,
                                      const struct vdev_memory *memory, struct vdev_buffer *buffers,
                                      size_t buffer_count);

/* True if an answer is awaited: call the poll after *deadline, by the bus' clock, at the latest. */
static inline bool
vdev_virtio_message_bridge_deadline(const struct vdev_virtio_message_bridge *bridge,
                                    uint64_t *deadline)
{
    *deadline = bridge->deadline;
    return bridge->remote.waiting;
}

#endif
