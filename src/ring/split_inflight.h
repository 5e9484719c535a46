/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The notes that a device keeps of what it has in flight on a split ring, in memory that outlives
 * it, so that the one after it goes on ["Inflight I/O tracking" of the vhost-user protocol; the
 * layout is DescStateSplit's and QueueRegionSplit's, in the byte order of the machine]. Only the
 * notes: when they are made is split_device.c's to know.
 *
 * The order of the stores is all that counts: each is volatile, as are those to the rings, so that
 * the compiler keeps it, and a program that is killed leaves behind what it stored up to some point
 * of itself and nothing of what follows. No two CPUs have to agree on it, hence no fences.
 *
 * The other end can write here at any time. What is read is an index that is checked or a number
 * that is compared; every loop ends by a count that is ours.
 */
#ifndef RING_SPLIT_INFLIGHT_H
#define RING_SPLIT_INFLIGHT_H

#include <vdev/virtqueue.h>

struct ring_inflight_entry {
    uint8_t inflight; /* this head is */
    uint8_t padding[5];
    uint16_t next;    /* see last_batch_head; and vdev_ring_inflight_recover */
    uint64_t counter; /* heads taken before this one */
};

struct ring_inflight {
    uint64_t features; /* none are known */
    uint16_t version;  /* RING_INFLIGHT_VERSION; 0: a new one */
    uint16_t desc_num;
    uint16_t last_batch_head; /* the first of those that were given back last */
    uint16_t used_idx;        /* of the used ring, when what was given back was noted as such */
    struct ring_inflight_entry desc[];
};

#define RING_INFLIGHT_VERSION   1u
#define RING_INFLIGHT_ALIGNMENT 64u

/* The only accessors; the byte order is the machine's, unlike the ring's. */
static inline uint8_t notes_load8(const uint8_t *shared)
{
    return *(const volatile uint8_t *)shared;
}

static inline uint16_t notes_load16(const uint16_t *shared)
{
    return *(const volatile uint16_t *)shared;
}

static inline uint64_t notes_load64(const uint64_t *shared)
{
    return *(const volatile uint64_t *)shared;
}

static inline void notes_store8(uint8_t *shared, uint8_t value)
{
    *(volatile uint8_t *)shared = value;
}

static inline void notes_store16(uint16_t *shared, uint16_t value)
{
    *(volatile uint16_t *)shared = value;
}

static inline void notes_store64(uint64_t *shared, uint64_t value)
{
    *(volatile uint64_t *)shared = value;
}

/*
 * At the start of a queue whose ring is resolved. Sets where it goes on, and lists what is to be
 * taken again, ordered by counter. The list needs no memory of its own: it runs through `next`,
 * which says nothing once the last batch is settled, so that being killed in here is harmless. It
 * costs one pass over the queue and size * log2(size) steps of a merge sort, at most 32768 * 15;
 * then each is taken in one step.
 *
 * Notes of another version, with features, for another size, or further from the used ring than a
 * batch can be are as good as none: the memory is made new.
 */
void vdev_ring_inflight_recover(struct vdev_device_queue *queue);

/* The head, which is in range, is about to be handed out; and: goes back as if it never was. */
void vdev_ring_inflight_take(struct vdev_device_queue *queue, uint16_t head);
void vdev_ring_inflight_untake(struct vdev_device_queue *queue, uint16_t head);

/* The next head of the list, which is not empty; and: the one that came last goes back to it. */
uint16_t vdev_ring_inflight_retake(struct vdev_device_queue *queue);
void vdev_ring_inflight_return(struct vdev_device_queue *queue);

/* One of those that the next store to the index of the used ring gives back; in range. */
void vdev_ring_inflight_batch(struct vdev_device_queue *queue, uint16_t head);
/* They are given back: these are all of them. */
void vdev_ring_inflight_settle(struct vdev_device_queue *queue,
                               const struct vdev_used_chain *chains, size_t count);

#endif
