/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio device core: what every virtio device has, whatever its type and whatever its
 * transport: status, features, configuration space, queues and reset [VIRTIO 1.4 §2, §3].
 *
 * A back-end embeds `struct vdev_virtio_device` and supplies a few operations; a transport
 * (virtio_mmio.h is one) calls the functions of the transport's side. Whether a driver may do a
 * thing in the state the device is in is decided here, once for all transports. Everything a driver
 * says is hostile: what is not allowed is refused and counted, never asserted. A device belongs to
 * one context: the transport, the back-end and the class below it call from there.
 */
#ifndef VDEV_VIRTIO_H
#define VDEV_VIRTIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/memory.h>
#include <vdev/virtqueue.h>

/* Device types [VIRTIO 1.4 §5]. */
#define VDEV_VIRTIO_ID_NET     1u
#define VDEV_VIRTIO_ID_BLOCK   2u
#define VDEV_VIRTIO_ID_CONSOLE 3u

/* Bits of the device status field [VIRTIO 1.4 §2.1]. */
#define VDEV_VIRTIO_STATUS_ACKNOWLEDGE 0x01u
#define VDEV_VIRTIO_STATUS_DRIVER      0x02u
#define VDEV_VIRTIO_STATUS_DRIVER_OK   0x04u
#define VDEV_VIRTIO_STATUS_FEATURES_OK 0x08u
#define VDEV_VIRTIO_STATUS_NEEDS_RESET 0x40u
#define VDEV_VIRTIO_STATUS_FAILED      0x80u

struct vdev_virtio_device;

/* What a back-end does. Called from inside the functions of the transport's side. */
struct vdev_virtio_device_operations {
    /* The driver has put something into a live queue. The device is running. */
    void (*notify)(struct vdev_virtio_device *device, uint16_t queue);
    /* The driver has set DRIVER_OK; each queue it made ready is live. NULL: notify each of them. */
    void (*start)(struct vdev_virtio_device *device);
    /*
     * The device was reset, or failed: its queues are stopped already and their epochs gone by.
     * Forget what belonged to them. NULL: nothing to forget.
     */
    void (*reset)(struct vdev_virtio_device *device);
    /*
     * The driver writes to the configuration space, in bounds: `value` has `width` bytes.
     * NULL: writes are ignored.
     */
    void (*write_configuration)(struct vdev_virtio_device *device, uint32_t offset, unsigned width,
                                uint64_t value);
};

/* How a device reaches its driver. Causes are handed on queue by queue: a transport with one line
 * folds them, one with an event for each queue need not. */
struct vdev_virtio_transport_operations {
    void (*queue_interrupt)(void *transport, uint16_t queue);
    void (*configuration_interrupt)(void *transport);
    void (*reset)(void *transport); /* what was pending is void */
};

/* One queue of a device: how it is being set up, and the live queue, which no set-up can reach. */
struct vdev_virtio_queue {
    struct vdev_virtqueue_configuration configuration; /* the driver's, not yet checked */
    struct vdev_device_queue live;
    uint32_t epoch; /* goes by whenever the queue stops: who gives back must be of the same */
    uint64_t taken; /* chains, in its lives before this one */
    bool ready;
    bool deferred; /* the back-end left off at its bound of work for one entry */
};

/* The fields are the core's; back-ends and transports use the functions below. */
struct vdev_virtio_device {
    const struct vdev_virtio_device_operations *operations;
    const struct vdev_virtio_transport_operations *transport_operations;
    void *transport;
    const struct vdev_memory *memory;
    struct vdev_virtio_queue *queues;
    const uint8_t *configuration_space;
    size_t configuration_length;
    uint64_t offered;  /* feature bits of the device */
    uint64_t accepted; /* feature bits of the driver; final once FEATURES_OK is set */
    uint32_t id;       /* VDEV_VIRTIO_ID_... */
    uint32_t configuration_generation;
    uint16_t queue_count;
    uint16_t queue_size_maximum;
    uint8_t status;
    bool unacceptable; /* the driver wrote feature bits beyond the 64 that there are */
    bool running;      /* DRIVER_OK, and neither FAILED nor NEEDS_RESET */
    bool busy;         /* inside the device's own processing */
    uint32_t refused;  /* what the driver tried in a state that forbids it; modulo 2^32 */
    uint32_t failures; /* how often the device latched NEEDS_RESET; modulo 2^32 */
};

/* ---- the back-end's side ---- */

struct vdev_virtio_device_configuration {
    const struct vdev_virtio_device_operations *operations;
    const struct vdev_memory *memory; /* the guest's; stays the caller's, as all below */
    uint32_t id;                      /* VDEV_VIRTIO_ID_... */
    uint64_t features;                /* bits of the device type; the core adds those of the ring */
    struct vdev_virtio_queue *queues;
    uint16_t queue_count;
    uint16_t queue_size_maximum; /* a power of two, at most VDEV_VIRTQUEUE_SIZE_MAXIMUM */
    /* Little-endian, as the driver reads it. The back-end changes it in place and then calls
     * vdev_virtio_device_configuration_changed. */
    const uint8_t *configuration_space;
    size_t configuration_length;
};

/*
 * Make a device in its reset state, not connected to a transport.
 * VDEV_ERROR_INVALID: no operations, memory, notify or queues, or a queue size that is not allowed.
 */
int vdev_virtio_device_init(struct vdev_virtio_device *device,
                            const struct vdev_virtio_device_configuration *configuration);

static inline bool vdev_virtio_device_has(const struct vdev_virtio_device *device, unsigned feature)
{
    return (device->accepted >> feature & 1) != 0;
}

static inline bool vdev_virtio_device_running(const struct vdev_virtio_device *device)
{
    return device->running;
}

/*
 * Work through a queue, as vdev_device_queue_run does, and interrupt the driver for what was given
 * back if it asked for that. A corrupt ring fails the device. Returns true if chains may be left
 * (the budget is used up, or `handle` returned false), false when the queue is idle or stopped.
 */
bool vdev_virtio_device_run(struct vdev_virtio_device *device, uint16_t queue,
                            struct vdev_chain *chain, unsigned budget,
                            bool (*handle)(void *context, struct vdev_chain *chain), void *context);

/* The epoch to keep with a chain that is given back later than from inside `handle`. */
static inline uint32_t vdev_virtio_device_epoch(const struct vdev_virtio_device *device,
                                                uint16_t queue)
{
    return device->queues[queue].epoch;
}

/*
 * Give a chain back. Does nothing if the queue was stopped since the chain was taken: a completion
 * that comes after a reset never reaches a ring. Interrupts nobody yet: vdev_virtio_device_signal.
 */
static inline void vdev_virtio_device_give(struct vdev_virtio_device *device, uint16_t queue,
                                           uint32_t epoch, uint16_t id, uint32_t written)
{
    if (device->queues[queue].epoch == epoch) {
        vdev_device_queue_give(&device->queues[queue].live, id, written);
    }
}

/*
 * From inside `notify` or `start`: the back-end has left off at its bound of work for one entry,
 * and nothing below it will call it to go on; vdev_virtio_device_poll will.
 */
static inline void vdev_virtio_device_defer(struct vdev_virtio_device *device, uint16_t queue)
{
    device->queues[queue].deferred = true;
}

/* Interrupt the driver for what was given back on this queue, if it asked for that. */
void vdev_virtio_device_signal(struct vdev_virtio_device *device, uint16_t queue);

/* The configuration space was changed: a new generation, and a notification if the driver runs. */
void vdev_virtio_device_configuration_changed(struct vdev_virtio_device *device);

/*
 * Something happened that only a reset mends: stop all queues and latch DEVICE_NEEDS_RESET
 * [VIRTIO 1.4 §2.1.2]; the device is silent until the driver resets it.
 */
void vdev_virtio_device_fail(struct vdev_virtio_device *device);

/*
 * Around work that the class below asks for, not the driver. False: the device is at work already,
 * and the caller must leave the queues alone.
 */
static inline bool vdev_virtio_device_enter(struct vdev_virtio_device *device)
{
    if (device->busy) {
        return false;
    }
    device->busy = true;
    return true;
}

static inline void vdev_virtio_device_leave(struct vdev_virtio_device *device)
{
    device->busy = false;
}

/* ---- the transport's side ---- */

/* Connect a device to its transport; while the device is in its reset state. */
void vdev_virtio_device_connect(struct vdev_virtio_device *device,
                                const struct vdev_virtio_transport_operations *operations,
                                void *transport);

/*
 * The driver writes the status field. 0 resets. VDEV_OK even if FEATURES_OK did not stay (the
 * driver reads it back); VDEV_ERROR_STATE: bits cleared, or DRIVER_OK without FEATURES_OK: nothing
 * changed; VDEV_ERROR_BUSY: from inside the device's own processing.
 */
int vdev_virtio_device_set_status(struct vdev_virtio_device *device, uint32_t status);

/* 32 of the device's feature bits, from word * 32; 0 beyond those that there are. */
uint32_t vdev_virtio_device_offered_word(const struct vdev_virtio_device *device, uint32_t word);

/* The driver accepts feature bits. VDEV_ERROR_STATE: not between DRIVER and FEATURES_OK. */
int vdev_virtio_device_accept_word(struct vdev_virtio_device *device, uint32_t word, uint32_t bits);

/*
 * The one gate to a queue's configuration: what may be written now, or NULL (counted): no such
 * queue, FEATURES_OK not set yet, DRIVER_OK or FAILED or NEEDS_RESET set, or the queue is ready.
 */
struct vdev_virtqueue_configuration *
vdev_virtio_device_queue_setup(struct vdev_virtio_device *device, uint32_t queue);

/*
 * The driver makes a queue ready, or takes it back. Ready: through the gate above; the ring's
 * addresses are resolved now, and a ring that is wrong fails the device: VDEV_ERROR_INVALID or
 * VDEV_ERROR_RANGE. Not ready: in any state; the queue stops at once. VDEV_ERROR_STATE: the gate is
 * shut; VDEV_ERROR_BUSY.
 */
int vdev_virtio_device_set_queue_ready(struct vdev_virtio_device *device, uint32_t queue,
                                       bool ready);

/*
 * The same for a transport whose queues come and go one at a time, while the device runs or before:
 * vhost-user. From FEATURES_OK on, and the queue not ready; the configuration is copied (packed,
 * indirect and event_index are the device's to say). If the device runs, the queue is notified.
 * VDEV_ERROR_STATE, VDEV_ERROR_INVALID, VDEV_ERROR_RANGE, VDEV_ERROR_BUSY: nothing has changed; the
 * transport says so itself, the device does not fail.
 */
int vdev_virtio_device_start_queue(struct vdev_virtio_device *device, uint32_t queue,
                                   const struct vdev_virtqueue_configuration *configuration);

/*
 * Take nothing more from a queue that is ready until it is stopped by set_queue_ready: what the
 * back-end has of it still goes back to the ring, and the driver is told of that when it stops. So
 * a transport waits for what is in flight, and a driver that adds more cannot make it wait longer.
 * It counts as not ready from here on. VDEV_ERROR_STATE: not ready, or not live any more since the
 * device failed; VDEV_ERROR_BUSY.
 */
int vdev_virtio_device_hold_queue(struct vdev_virtio_device *device, uint32_t queue);

/*
 * Where a queue goes on if it is stopped now: the entries taken so far. 0 if it is neither ready
 * nor held.
 */
uint16_t vdev_virtio_device_queue_index(const struct vdev_virtio_device *device, uint32_t queue);

/* As last set; false for a queue that does not exist. */
static inline bool vdev_virtio_device_queue_ready(const struct vdev_virtio_device *device,
                                                  uint32_t queue)
{
    return queue < device->queue_count && device->queues[queue].ready;
}

/* For reports: the chains taken from a queue that exists, since the device was initialized. Those
 * put back are not counted, those taken again after a restart twice. */
static inline uint64_t vdev_virtio_device_queue_taken(const struct vdev_virtio_device *device,
                                                      uint32_t queue)
{
    return device->queues[queue].taken + device->queues[queue].live.chains;
}

/*
 * The driver notifies a queue. VDEV_ERROR_RANGE: no such queue; VDEV_ERROR_STATE: the device does
 * not run or the queue is not live; VDEV_ERROR_BUSY: from inside the device's own processing.
 */
int vdev_virtio_device_notify(struct vdev_virtio_device *device, uint32_t queue);

/*
 * Go on where a back-end left off at its bound of work for one entry: more than a full ring of
 * requests, which only a driver can cause that fills its ring on one CPU while another is in here.
 * Returns true if it should be called again. Whoever has guests of several CPUs calls it from its
 * loop; a driver on one CPU never makes it necessary.
 */
bool vdev_virtio_device_poll(struct vdev_virtio_device *device);

/*
 * The driver reads or writes the configuration space, 1, 2, 4 or 8 bytes wide.
 * VDEV_ERROR_RANGE: not all of it in the space; VDEV_ERROR_UNSUPPORTED: another width;
 * VDEV_ERROR_STATE: a write before FEATURES_OK [VIRTIO 1.4 §3.1.1]; VDEV_ERROR_BUSY (writes).
 */
int vdev_virtio_device_read_configuration(const struct vdev_virtio_device *device, uint32_t offset,
                                          unsigned width, uint64_t *value);
int vdev_virtio_device_write_configuration(struct vdev_virtio_device *device, uint32_t offset,
                                           unsigned width, uint64_t value);

#endif
