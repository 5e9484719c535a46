/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtqueues: the device's end and the driver's end of a ring in shared memory.
 *
 * Split rings [VIRTIO 1.4 §2.7]; nothing in the interface is peculiar to them, so that packed rings
 * [VIRTIO 1.4 §2.8] fit behind the same functions. Everything the other end writes is hostile: it
 * is read once, checked, and only then used. Neither end allocates, blocks, or calls back, except
 * where a function takes a handler.
 *
 * Two kinds of failure, at the device's end. A chain that is malformed (an address that is not
 * memory, a readable descriptor after a writable one, a bad indirect table, 2^32 bytes or more)
 * goes back to the driver with used length 0, is counted, and the queue goes on. A ring that is
 * corrupt (available index ahead by more than the queue, a head or next index out of range, a loop)
 * latches the queue: every later call returns VDEV_ERROR_CORRUPT until it is started anew.
 */
#ifndef VDEV_VIRTQUEUE_H
#define VDEV_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/buffer.h>
#include <vdev/memory.h>

#define VDEV_VIRTQUEUE_SIZE_MAXIMUM 32768u

/* How a queue is set up: what a driver writes into a transport's registers before it goes live. */
struct vdev_virtqueue_configuration {
    uint16_t size;               /* descriptors; split: a power of two */
    uint64_t descriptor_address; /* guest addresses of the descriptor table, ... */
    uint64_t driver_address;     /* ... the available ring, ... */
    uint64_t device_address;     /* ... and the used ring */
    bool packed;                 /* VIRTIO_F_RING_PACKED was negotiated */
    bool indirect;               /* VIRTIO_F_INDIRECT_DESC was negotiated */
    bool event_index;            /* VIRTIO_F_EVENT_IDX was negotiated */
    uint16_t start_index;        /* where a moved queue goes on; 0 for a new one */
    /*
     * Memory that outlives the device's program, vdev_device_queue_inflight_bytes of it, where the
     * queue notes what is in flight, as vhost-user has it; NULL: nowhere. Zeros are a new one. What
     * it says was in flight is taken once more, in the order in which it was taken, and start_index
     * is not looked at. It may be anything: the other end can write to it.
     */
    void *inflight;
};

/* Bytes that the three parts of a split ring of this size take [VIRTIO 1.4 §2.7]; alignments 16,
 * 2, 4. */
size_t vdev_virtqueue_descriptor_bytes(uint16_t size);
size_t vdev_virtqueue_driver_bytes(uint16_t size);
size_t vdev_virtqueue_device_bytes(uint16_t size);
/*
 * Of the memory that notes what is in flight on a split ring: a multiple of 64, as the queues' parts
 * follow each other in vhost-user's. It is aligned to 8 at least.
 */
size_t vdev_device_queue_inflight_bytes(uint16_t size);

/* ---- the device's end ---- */

/*
 * A live queue at the device's end. A type of its own: no late write to a transport's register can
 * reach it. The fields are the implementation's.
 */
struct vdev_device_queue {
    const struct vdev_memory *memory;
    const struct vdev_memory_region *region; /* where to look for a buffer first */
    void *descriptors;
    void *available;
    void *used;
    uint16_t size;
    uint16_t next_available; /* available entries taken so far */
    uint16_t next_used;      /* used entries published so far */
    uint16_t signalled;      /* next_used at the last decision about an interrupt */
    bool indirect;
    bool event_index;
    bool live;
    bool plain; /* live, and nothing is noted of what is in flight: the short paths */
    bool corrupt;
    uint64_t chains;    /* taken, for reports */
    uint64_t malformed; /* of these, given back with length 0 */
    uint64_t refused;   /* `chains` after the last of them */
    void *inflight;     /* the notes, or NULL */
    uint64_t inflight_counter;
    uint16_t retake_first; /* the list of what is to be taken once more, ... */
    uint16_t retake_count; /* ... which counts as taken already */
    uint16_t retaken_last; /* the list of what was, backwards */
    uint16_t retaken_count;
};

/*
 * One request as the driver made it, in private memory: the buffers it may be read from come first,
 * then those it may be written to. The list of buffers is the caller's; it bounds how long a chain
 * this device takes (pieces of memory, not descriptors: a buffer that crosses regions is split).
 */
struct vdev_chain {
    struct vdev_buffer *buffers;
    size_t capacity;          /* of `buffers` */
    uint16_t id;              /* what to give back */
    size_t readable_count;    /* buffers[0 .. readable_count) */
    size_t writable_count;    /* buffers[readable_count .. readable_count + writable_count) */
    uint32_t readable_length; /* bytes */
    uint32_t writable_length;
};

static inline struct vdev_cursor vdev_chain_reader(const struct vdev_chain *chain)
{
    return vdev_cursor(chain->buffers, chain->readable_count);
}

static inline struct vdev_cursor vdev_chain_writer(const struct vdev_chain *chain)
{
    return vdev_cursor(chain->buffers + chain->readable_count, chain->writable_count);
}

/*
 * Make a queue live. The ring's addresses are resolved here, once; `memory` stays the caller's and
 * unchanged while the queue lives. VDEV_ERROR_INVALID: size zero, over the maximum or not a power
 * of two; VDEV_ERROR_RANGE: a part is misaligned, not memory, or not in one region;
 * VDEV_ERROR_UNSUPPORTED: packed. The queue is then not live. With memory that notes what is in
 * flight, ask vdev_device_queue_signal and begin to take at once: a driver that waits for what was
 * in flight, or was not told of what it got, does not notify.
 */
int vdev_device_queue_start(struct vdev_device_queue *queue, const struct vdev_memory *memory,
                            const struct vdev_virtqueue_configuration *configuration);

/* End its life: nothing of the ring is touched after this. Allowed at any time. */
void vdev_device_queue_stop(struct vdev_device_queue *queue);

/*
 * Take the next chain. VDEV_OK; VDEV_ERROR_EMPTY; VDEV_ERROR_CORRUPT (latched: tell the device
 * core); VDEV_ERROR_STATE (not live). Malformed chains, and chains that need more than `capacity`
 * buffers, are given back on the way, at most `size` of them in one call (then VDEV_ERROR_EMPTY as
 * well, and vdev_device_queue_arm says that there are more). So ask vdev_device_queue_signal after
 * EMPTY too. Descriptors of length 0 are legal and make no buffer: a chain may have none at all.
 */
int vdev_device_queue_take(struct vdev_device_queue *queue, struct vdev_chain *chain);

/*
 * Give a chain back: `written` bytes were written from the start of its writable part. Chains may
 * come back in any order, each once. The driver sees it at once; ask vdev_device_queue_signal
 * after a batch. Does nothing on a queue that is not live or is corrupt, nor when none is taken:
 * but a chain taken before the queue was started anew must not come back to it.
 */
void vdev_device_queue_give(struct vdev_device_queue *queue, uint16_t id, uint32_t written);

/* A chain that is given back. */
struct vdev_used_chain {
    uint32_t written; /* bytes, from the start of its writable part */
    uint16_t id;
};

/*
 * Give back several chains that the driver is to see at once, in this order, as one message that is
 * spread over them. Otherwise as vdev_device_queue_give.
 */
void vdev_device_queue_give_all(struct vdev_device_queue *queue,
                                const struct vdev_used_chain *chains, size_t count);

/*
 * Give back the chain taken last because it is malformed by what the device type asks of it: with
 * length 0, counted as such.
 */
void vdev_device_queue_refuse(struct vdev_device_queue *queue, uint16_t id);

/*
 * Put the `count` chains taken last back where they came from, to be taken again: for a device that
 * takes chains on demand. Returns true; or false, and nothing has changed, if a malformed one came
 * back from among them, or not as many are taken: they can only be given back then.
 */
bool vdev_device_queue_untake(struct vdev_device_queue *queue, size_t count);

/*
 * Has the driver asked to be interrupted for what was given back since the last call? Ask at least
 * once in 65535 chains given back: indices have 16 bits.
 */
bool vdev_device_queue_signal(struct vdev_device_queue *queue);

/*
 * Ask the driver not to notify (before working through a queue). A hint only: it may still do so.
 */
void vdev_device_queue_disarm(struct vdev_device_queue *queue);

/*
 * Ask to be notified of the next chain, then look again behind a full fence: true if there is one
 * already, and the caller must go on taking. Only when this returned false may it go idle.
 */
bool vdev_device_queue_arm(struct vdev_device_queue *queue);

/*
 * The loop around the four functions above, once for all devices: disarm, take up to `budget`
 * chains and hand each to `handle`, arm when there are no more. `handle` gives its chain back, now
 * or later, and returns true; or returns false to leave off (the device below is full): the chain
 * is then untaken, stays first in the ring, and the caller runs the loop again when there is room;
 * the driver is not asked to notify meanwhile. *more is set if chains may be left (budget used up,
 * or handle returned false). Malformed chains count against the budget. Returns VDEV_OK, or
 * VDEV_ERROR_CORRUPT or VDEV_ERROR_STATE as take does. Ask vdev_device_queue_signal afterwards.
 */
int vdev_device_queue_run(struct vdev_device_queue *queue, struct vdev_chain *chain,
                          unsigned budget, bool (*handle)(void *device, struct vdev_chain *chain),
                          void *device, bool *more);

/* ---- a device's end that is taken over, for who completes what a device left undone ---- */

#define VDEV_RING_ADOPTION_MAXIMUM 256u /* descriptors */

/* What the rings remember of a head. */
struct vdev_ring_memory {
    int16_t first;  /* when it was made available first, from 1 on for the oldest entry; 0: never */
    int16_t open;   /* times since then that it was made available and not used */
    uint16_t early; /* uses before that, but near enough */
};

/* How far it has come; the fields are the library's. */
struct vdev_ring_adoption {
    struct vdev_ring_memory heads[VDEV_RING_ADOPTION_MAXIMUM];
    uint32_t in_flight[VDEV_RING_ADOPTION_MAXIMUM / 32];
    uint32_t perhaps[VDEV_RING_ADOPTION_MAXIMUM / 32];
    uint32_t step;
    uint16_t available_end;
    uint16_t used_end;
    uint16_t certain; /* bits in in_flight, ... */
    uint16_t open;    /* ... and in perhaps */
    uint16_t restarts;
};

/* ---- the driver's end ---- */

/* What the driver's end keeps for each descriptor, where the device cannot reach it. */
struct vdev_driver_slot {
    void *token;       /* the caller's name for the request whose head this is; NULL: not a head */
    uint32_t writable; /* bytes the device may write */
    uint16_t next;     /* next free, or next of the chain */
    uint16_t count;    /* descriptors in the chain */
};

/*
 * The memory of a queue at the driver's end. All of it is the caller's, and stays until the device
 * has been reset. The ring is shared with the device; the slots never are.
 */
struct vdev_driver_queue_memory {
    struct vdev_buffer descriptors; /* vdev_virtqueue_descriptor_bytes(size), aligned to 16 */
    struct vdev_buffer driver;      /* vdev_virtqueue_driver_bytes(size), aligned to 2 */
    struct vdev_buffer device;      /* vdev_virtqueue_device_bytes(size), aligned to 4 */
    struct vdev_driver_slot *slots; /* `size` of them */
    struct vdev_buffer indirect;    /* size * 16 * indirect_count bytes, aligned to 16; or empty */
    uint16_t indirect_count;        /* descriptors in each request's indirect table; 0: none */
};

struct vdev_driver_queue {
    struct vdev_driver_queue_memory memory;
    uint16_t size;
    uint16_t free_head;
    uint16_t free_count;
    uint16_t next_available; /* entries added so far */
    uint16_t published;      /* of these, made visible to the device */
    uint16_t notified;       /* `published` at the last decision about a notification */
    uint16_t next_used;      /* used entries taken so far */
    uint16_t drained;        /* slots that drain has looked at */
    bool indirect;
    bool event_index;
    bool corrupt;
};

/*
 * Lay out an empty ring. Of the configuration, size, packed, indirect and event_index count; its
 * addresses are filled in from the memory's bus addresses, for the transport, and its start index
 * with 0. VDEV_ERROR_INVALID: size, or a part's length, alignment or missing bus address;
 * VDEV_ERROR_UNSUPPORTED: packed. Interrupts start out asked for.
 */
int vdev_driver_queue_start(struct vdev_driver_queue *queue,
                            const struct vdev_driver_queue_memory *memory,
                            struct vdev_virtqueue_configuration *configuration);

/*
 * Add a request: the device reads the first list and writes the second. Every buffer has a bus
 * address; empty ones are left out. `token` is not NULL, or VDEV_ERROR_INVALID; also: no bytes,
 * 2^32 bytes or more [VIRTIO 1.4 §2.7.5], a buffer without a bus address, more buffers than this
 * queue could ever hold. VDEV_ERROR_FULL: not enough descriptors free; VDEV_ERROR_CORRUPT: latched.
 * The device sees nothing of it until vdev_driver_queue_publish.
 */
int vdev_driver_queue_add(struct vdev_driver_queue *queue, const struct vdev_buffer *readable,
                          size_t readable_count, const struct vdev_buffer *writable,
                          size_t writable_count, void *token);

/* Make all added requests visible; true if the device wants to be notified of them. */
bool vdev_driver_queue_publish(struct vdev_driver_queue *queue);

/*
 * Take back a request that the device has finished, in the device's order. *written is clamped to
 * what the device was allowed to write. VDEV_ERROR_EMPTY; VDEV_ERROR_CORRUPT (an id out of range or
 * not in flight, an index that jumped): latched, reset the device.
 */
int vdev_driver_queue_take(struct vdev_driver_queue *queue, void **token, uint32_t *written);

/* As at the device's end: suppress interrupts; ask for the next, and look again behind a fence. */
void vdev_driver_queue_disarm(struct vdev_driver_queue *queue);
bool vdev_driver_queue_arm(struct vdev_driver_queue *queue);

/*
 * After the device was reset: hands back the tokens still in flight, one for each call, NULL at the
 * end. So that a front-end can fail what will never complete. The queue is of no use from the first
 * call on (as if corrupt) until it is started anew.
 */
void *vdev_driver_queue_drain(struct vdev_driver_queue *queue);

#endif
