/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is in flight on a split ring, noted in memory that outlives the device. See the header for
 * what it owes to whom.
 */
#include "ring/split_inflight.h"

#include "ring/split.h"

_Static_assert(sizeof(struct ring_inflight_entry) == 16 &&
                   offsetof(struct ring_inflight_entry, next) == 6 &&
                   offsetof(struct ring_inflight_entry, counter) == 8,
               "the entries are shared with other implementations");
_Static_assert(sizeof(struct ring_inflight) == 16 && offsetof(struct ring_inflight, version) == 8 &&
                   offsetof(struct ring_inflight, desc_num) == 10 &&
                   offsetof(struct ring_inflight, last_batch_head) == 12 &&
                   offsetof(struct ring_inflight, used_idx) == 14 &&
                   offsetof(struct ring_inflight, desc) == 16,
               "the notes are shared with other implementations");

size_t vdev_device_queue_inflight_bytes(uint16_t size)
{
    size_t bytes = sizeof(struct ring_inflight) + (size_t)size * sizeof(struct ring_inflight_entry);

    return (bytes + RING_INFLIGHT_ALIGNMENT - 1) & ~(size_t)(RING_INFLIGHT_ALIGNMENT - 1);
}

/* ---- the list of what is to be taken again ---- */

struct list {
    uint16_t first;
    uint16_t count;
};

/* Whatever was written there: a head. The size is a power of two. */
static inline uint16_t next_of(const struct vdev_device_queue *queue, uint16_t head)
{
    const struct ring_inflight *notes = queue->inflight;

    return notes_load16(&notes->desc[head].next) & (uint16_t)(queue->size - 1u);
}

static struct list merge(const struct vdev_device_queue *queue, struct list a, struct list b)
{
    struct ring_inflight *notes = queue->inflight;
    struct list all = {a.count != 0 ? a.first : b.first, (uint16_t)(a.count + b.count)};
    uint16_t last = 0;

    for (uint16_t done = 0; done != all.count; done++) {
        bool of_a =
            b.count == 0 || (a.count != 0 && notes_load64(&notes->desc[a.first].counter) <=
                                                 notes_load64(&notes->desc[b.first].counter));
        struct list *from = of_a ? &a : &b;
        uint16_t head = from->first;

        from->first = next_of(queue, head);
        from->count--;
        if (done == 0) {
            all.first = head;
        } else {
            notes_store16(&notes->desc[last].next, head);
        }
        last = head;
    }
    return all;
}

#define LEVELS 16u /* of a merge sort of VDEV_VIRTQUEUE_SIZE_MAXIMUM entries; level i has 2^i */

/* All that is in flight, by counter; and the counter goes on behind the highest. */
static struct list sort(struct vdev_device_queue *queue)
{
    const struct ring_inflight *notes = queue->inflight;
    struct list levels[LEVELS] = {{0, 0}};
    struct list all = {0, 0};

    queue->inflight_counter = 0;
    for (uint32_t head = 0; head != queue->size; head++) {
        if (notes_load8(&notes->desc[head].inflight) == 0) {
            continue;
        }
        uint64_t counter = notes_load64(&notes->desc[head].counter);
        if (counter >= queue->inflight_counter) {
            queue->inflight_counter = counter + 1;
        }
        struct list merged = {(uint16_t)head, 1};
        unsigned level = 0;
        for (; levels[level].count != 0; level++) {
            merged = merge(queue, levels[level], merged);
            levels[level].count = 0;
        }
        levels[level] = merged;
    }
    for (unsigned level = 0; level != LEVELS; level++) {
        all = merge(queue, levels[level], all);
    }
    return all;
}

uint16_t vdev_ring_inflight_retake(struct vdev_device_queue *queue)
{
    struct ring_inflight *notes = queue->inflight;
    uint16_t head = queue->retake_first;

    /* Behind us, the list runs the other way, for those that go back to it. */
    queue->retake_first = next_of(queue, head);
    notes_store16(&notes->desc[head].next, queue->retaken_last);
    queue->retaken_last = head;
    queue->retake_count--;
    queue->retaken_count++;
    return head;
}

void vdev_ring_inflight_return(struct vdev_device_queue *queue)
{
    struct ring_inflight *notes = queue->inflight;
    uint16_t head = queue->retaken_last;

    queue->retaken_last = next_of(queue, head);
    notes_store16(&notes->desc[head].next, queue->retake_first);
    queue->retake_first = head;
    queue->retake_count++;
    queue->retaken_count--;
}

/* ---- notes ---- */

static void make_new(struct vdev_device_queue *queue)
{
    struct ring_inflight *notes = queue->inflight;

    /* The version last: until then it is as new as before. */
    notes_store16(&notes->version, 0);
    notes_store64(&notes->features, 0);
    for (uint32_t head = 0; head != queue->size; head++) {
        notes_store8(&notes->desc[head].inflight, 0);
        notes_store16(&notes->desc[head].next, 0);
        notes_store64(&notes->desc[head].counter, 0);
    }
    notes_store16(&notes->desc_num, queue->size);
    notes_store16(&notes->last_batch_head, 0);
    notes_store16(&notes->used_idx, queue->next_used);
    notes_store16(&notes->version, RING_INFLIGHT_VERSION);
}

/* The driver has seen the last batch; what it consists of may still be noted as in flight. */
static void settle_last(struct vdev_device_queue *queue, uint16_t batch)
{
    struct ring_inflight *notes = queue->inflight;
    uint16_t head = notes_load16(&notes->last_batch_head);

    for (; batch != 0 && head < queue->size; batch--) {
        notes_store8(&notes->desc[head].inflight, 0);
        head = notes_load16(&notes->desc[head].next);
    }
    notes_store16(&notes->used_idx, queue->next_used);
}

void vdev_ring_inflight_recover(struct vdev_device_queue *queue)
{
    const struct ring_inflight *notes = queue->inflight;
    const struct vring_used *used = queue->used;

    queue->next_used = ring_load_acquire(&used->idx);
    queue->signalled = queue->next_used;
    uint16_t batch = (uint16_t)(queue->next_used - notes_load16(&notes->used_idx));
    if (notes_load16(&notes->version) != RING_INFLIGHT_VERSION ||
        notes_load64(&notes->features) != 0 || notes_load16(&notes->desc_num) != queue->size ||
        batch > queue->size) {
        make_new(queue);
    } else {
        if (batch != 0) {
            settle_last(queue, batch);
        }
        /* Whether the driver was told of the last ones is not noted: ask about all there may be. */
        queue->signalled = (uint16_t)(queue->next_used - queue->size);
    }
    struct list list = sort(queue);
    queue->retake_first = list.first;
    queue->retake_count = list.count;
    /* What was taken is what was given back and what is in flight. */
    queue->next_available = (uint16_t)(queue->next_used + list.count);
}

void vdev_ring_inflight_take(struct vdev_device_queue *queue, uint16_t head)
{
    struct ring_inflight *notes = queue->inflight;

    notes_store64(&notes->desc[head].counter, queue->inflight_counter++);
    notes_store8(&notes->desc[head].inflight, 1);
}

void vdev_ring_inflight_untake(struct vdev_device_queue *queue, uint16_t head)
{
    struct ring_inflight *notes = queue->inflight;

    notes_store8(&notes->desc[head].inflight, 0);
}

void vdev_ring_inflight_batch(struct vdev_device_queue *queue, uint16_t head)
{
    struct ring_inflight *notes = queue->inflight;

    notes_store16(&notes->desc[head].next, notes_load16(&notes->last_batch_head));
    notes_store16(&notes->last_batch_head, head);
}

void vdev_ring_inflight_settle(struct vdev_device_queue *queue,
                               const struct vdev_used_chain *chains, size_t count)
{
    struct ring_inflight *notes = queue->inflight;

    for (size_t i = 0; i < count; i++) {
        notes_store8(&notes->desc[chains[i].id].inflight, 0);
    }
    notes_store16(&notes->used_idx, queue->next_used);
}
