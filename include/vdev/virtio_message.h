/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio over messages: the device's end and the driver's end of a bus whose two sides share
 * nothing but memory and a doorbell: a client in one virtual machine (or the hypervisor) and a
 * back-end in another. No register, no trap. Guests that know only virtio-mmio are bridged:
 * virtio_message_bridge.h.
 *
 * The messages are those of the virtio-msg proposal, transport revision 1; which text, and where we
 * differ, says docs/message-transport.md. Each side is hostile to the other: a message is copied
 * once and then checked; a FIFO whose index jumps latches the link of the side that sees it. Work
 * per call is bounded. Nothing here allocates or blocks, but for the driver's end, which waits for
 * an answer no longer than it was told. One side of a link belongs to one context.
 */
#ifndef VDEV_VIRTIO_MESSAGE_H
#define VDEV_VIRTIO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/clock.h>
#include <vdev/status.h>
#include <vdev/virtio.h>
#include <vdev/virtio_driver.h>

/* ---- the link: two FIFOs of messages ---- */

#define VDEV_MESSAGE_BYTES            64u /* of every message in a FIFO, padding included */
#define VDEV_MESSAGE_CAPACITY_MAXIMUM 1024u
#define VDEV_MESSAGE_QUEUES_MAXIMUM   16u /* of one device on a bus */

/* A message in private memory. */
struct vdev_message {
    uint8_t type; /* bit 0: an answer; bit 1: of the bus, not of a device */
    uint8_t id;
    uint16_t device; /* its number on the bus */
    uint16_t token;  /* an answer carries that of its request */
    uint16_t size;   /* bytes, with these 8 */
    uint32_t payload[(VDEV_MESSAGE_BYTES - 8) / 4];
};

struct vdev_message_link_configuration {
    /*
     * Shared with the other side, each vdev_message_fifo_bytes long and aligned to 64: what this
     * side sends, and what it receives. Whoever allots the memory zeroes it before either side
     * starts.
     */
    void *out;
    void *in;
    uint32_t capacity; /* messages in each FIFO: a power of two */
    /* Ring the other side's doorbell: a hypercall, say. It may not call back into this side. */
    void (*ring)(void *context);
    void *context;
};

/* One side's view of a link; the other side reaches none of it. For reports: counts modulo 2^32. */
struct vdev_message_link {
    struct vdev_message_link_configuration configuration;
    uint64_t put;       /* messages sent so far: its low half is our index in `out` */
    uint32_t taken;     /* messages received so far: our index in `in` */
    int error;          /* VDEV_OK; latched: VDEV_ERROR_CORRUPT, VDEV_ERROR_ABSENT (closed) */
    uint32_t doorbells; /* rung by us */
    uint32_t ignored;   /* messages received that are none, or for nobody: dropped in silence */
    uint32_t coalesced; /* events not sent, because the same one lies there unread */
    uint32_t late;      /* answers that came after we had given up on them: dropped */
};

/* Bytes of one FIFO: 128 for the indices, then the messages. */
static inline size_t vdev_message_fifo_bytes(uint32_t capacity)
{
    return 128u + (size_t)capacity * VDEV_MESSAGE_BYTES;
}

/*
 * Make one side of a link; the FIFOs then hold nothing from this side, and what the other side may
 * have sent already. VDEV_ERROR_INVALID: memory missing or misaligned, no doorbell, or a capacity
 * that is not a power of two from 2 to VDEV_MESSAGE_CAPACITY_MAXIMUM.
 */
int vdev_message_link_init(struct vdev_message_link *link,
                           const struct vdev_message_link_configuration *configuration);

/*
 * The other side is gone, as whoever watches over both knows: a stopped virtual machine. Latches
 * this side with VDEV_ERROR_ABSENT: its next poll tells the devices or front-ends.
 */
static inline void vdev_message_link_close(struct vdev_message_link *link)
{
    link->error = VDEV_ERROR_ABSENT;
}

/*
 * The same from outside, for a side that runs elsewhere: `fifo` is the one that the dead side sent
 * by. Ring the doorbell of the living one afterwards: it finds the link broken.
 */
void vdev_message_fifo_close(void *fifo, uint32_t capacity);

/*
 * Events of one kind to one peer, one bit and one place for each queue and for the configuration:
 * an event that the peer has not yet read stands for all that would follow it, so that a FIFO has a
 * bound. The implementation's.
 */
struct vdev_message_events {
    uint32_t sent;                                /* bit: at[] is valid */
    uint32_t waiting;                             /* bit: there was no room */
    uint64_t at[VDEV_MESSAGE_QUEUES_MAXIMUM + 1]; /* the message's number */
};

/* ---- the device's end ---- */

struct vdev_virtio_message_device_bus;

/* A device on a bus; the fields are the transport's. */
struct vdev_virtio_message_device {
    struct vdev_virtio_device *device;
    struct vdev_virtio_message_device_bus *bus;
    struct vdev_virtio_message_device *next;
    struct vdev_message_events events;
    uint32_t told_status;     /* what the last EVENT_CONFIG said */
    uint32_t told_generation; /* and of the configuration */
    uint16_t number;
};

struct vdev_virtio_message_device_bus {
    struct vdev_message_link *link; /* its owner's, in place as long as the bus */
    struct vdev_virtio_message_device *devices;
    struct vdev_virtio_message_device *last; /* the one of the last message */
    uint32_t room;                           /* messages that may lie unread at most */
    bool polling;
};

void vdev_virtio_message_device_bus_init(struct vdev_virtio_message_device_bus *bus,
                                         struct vdev_message_link *link);

/*
 * Put a device on a bus under a number, before the bus is polled first. VDEV_ERROR_INVALID: the
 * number is taken, or more than VDEV_MESSAGE_QUEUES_MAXIMUM queues; VDEV_ERROR_FULL: the FIFO could
 * not hold one answer and every event of each device: give the link a larger capacity.
 */
int vdev_virtio_message_device_add(struct vdev_virtio_message_device_bus *bus,
                                   struct vdev_virtio_message_device *message_device,
                                   struct vdev_virtio_device *device, uint16_t number);

/*
 * Answer requests and pass events on, a bounded number. Call it when the doorbell rang, and again
 * at once while it returns true; when it returned false, the next message rings. It does not poll
 * the class below the back-ends. Returns false at once if called from inside itself, or if the link
 * is latched: then the devices were failed (they reset when a new link is made and polled).
 */
bool vdev_virtio_message_device_bus_poll(struct vdev_virtio_message_device_bus *bus);

/* ---- the driver's end ---- */

struct vdev_virtio_message_remote;

/* How the driver's end waits for an answer. */
struct vdev_virtio_message_wait {
    const struct vdev_clock *clock;
    uint64_t nanoseconds; /* for one answer, at most */
    /* Called when nothing has come yet: wait for an interrupt, yield. It may return early. NULL:
     * look again at once. */
    void (*idle)(void *context);
    void *context;
};

struct vdev_virtio_message_driver_bus {
    struct vdev_message_link *link;
    struct vdev_virtio_message_wait wait;
    struct vdev_virtio_message_remote *remotes;
    struct vdev_virtio_message_remote *last;
    uint32_t requests; /* sent; modulo 2^32 */
    uint32_t timeouts; /* of these, given up; modulo 2^32 */
};

/* The wait is copied; its clock stays the caller's. */
void vdev_virtio_message_driver_bus_init(struct vdev_virtio_message_driver_bus *bus,
                                         struct vdev_message_link *link,
                                         const struct vdev_virtio_message_wait *wait);

/*
 * Receive what has come, a bounded number of messages: answers and events are kept with the device
 * they belong to. Call it when the doorbell rang, before the front-ends' polls, and again at once
 * while it returns true; when it returned false, the next message rings. After any call of a
 * front-end that waited for an answer, all front-ends of this bus want to be polled: their events
 * may have come meanwhile.
 */
bool vdev_virtio_message_driver_bus_poll(struct vdev_virtio_message_driver_bus *bus);

/* A device elsewhere, as driver's end and bridge see it; the fields are the transport's. */
struct vdev_virtio_message_remote {
    struct vdev_virtio_message_driver_bus *bus;
    struct vdev_virtio_message_remote *next;
    /* For the bridge: an answer or an event came, or the link was latched. NULL: nobody is told. */
    void (*received)(struct vdev_virtio_message_remote *remote);
    struct vdev_message request; /* the one that waits for its answer */
    struct vdev_message answer;  /* checked: it fits the request */
    struct vdev_message_events events;
    uint16_t number;
    uint16_t sent;      /* token of the next request */
    uint16_t answered;  /* the oldest token that may still be answered */
    bool waiting;       /* an answer is awaited */
    bool arrived;       /* it is there */
    bool configuration; /* EVENT_CONFIG came */
    uint32_t used;      /* queues of which EVENT_USED came */
};

struct vdev_virtio_message_driver {
    struct vdev_virtio_driver driver; /* what a front-end is given */
    struct vdev_virtio_message_remote remote;
    uint32_t queue_count;
    uint32_t configuration_length;
    uint32_t status;     /* as last answered; valid if known */
    uint32_t generation; /* of the window */
    uint32_t offset;     /* the window into the configuration space that is kept, ... */
    uint32_t length;     /* ... and its length; 0: none */
    uint32_t window[(VDEV_MESSAGE_BYTES - 20) / 4];
    uint32_t asked_queue; /* of the last GET_VQUEUE */
    bool asked_enabled;   /* its answer; valid for asked_queue */
    bool status_known;
    bool lost; /* it did not answer; nothing is asked but a reset */
};

/*
 * Ask for a device by its number. Waits for one answer. VDEV_ERROR_ABSENT: it is a placeholder;
 * VDEV_ERROR_TIMEOUT: no answer: no such device, or a dead peer; VDEV_ERROR_UNSUPPORTED: more than
 * VDEV_MESSAGE_QUEUES_MAXIMUM queues; VDEV_ERROR_CORRUPT: the peer broke the rules;
 * VDEV_ERROR_INVALID: another device has the number; VDEV_ERROR_FULL: no room in the FIFO. Whatever
 * it returns, `driver` stays in place as long as the bus; it may be called again to ask once more.
 *
 * A front-end sees a device that does not answer, or a latched link, as DEVICE_NEEDS_RESET with a
 * configuration interrupt; its reset is tried again with one more wait, or fails at once if the
 * link is latched. Only what the proposal lets a driver know is kept: status until an event, and a
 * window of the configuration space.
 */
int vdev_virtio_message_driver_init(struct vdev_virtio_message_driver *driver,
                                    struct vdev_virtio_message_driver_bus *bus, uint16_t number);

#endif
