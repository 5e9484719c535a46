/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which chains of a split ring are in flight, told from the ring alone. Both its sides are hostile:
 * the driver's as ever, and the device's, which may have been left by a device that went mad before
 * it went away. Knows nothing of what the chains are.
 */
#include "ring/split_adopt.h"

#include <vdev/status.h>

#include "core/mem.h"
#include "ring/split.h"

#define RESTARTS 8u /* since the driver changes the ring meanwhile */

/* Is the head in flight? */
enum answer {
    NO,
    YES,
    PERHAPS,
    IMPOSSIBLE,
};

/* When an entry was made, from the oldest that is remembered on. Indices run modulo 2^16. */
static uint16_t oldest(const struct vdev_device_queue *queue,
                       const struct vdev_ring_adoption *adoption)
{
    return (uint16_t)(adoption->available_end - queue->size);
}

/* The heads made available, one for each step. VDEV_ERROR_CORRUPT: an entry names no head. */
static int remember_available(const struct vdev_device_queue *queue,
                              struct vdev_ring_adoption *adoption, uint32_t from, uint32_t to)
{
    const struct vring_avail *available = queue->available;
    const unsigned mask = queue->size - 1u;
    const uint16_t start = oldest(queue, adoption);

    for (uint32_t i = from; i != to; i++) {
        uint16_t id = ring_load16(&available->ring[(start + i) & mask]);
        if (id >= queue->size) {
            return VDEV_ERROR_CORRUPT;
        }
        struct vdev_ring_memory *head = &adoption->heads[id];
        if (head->first == 0) {
            head->first = (int16_t)(i + 1);
        }
        head->open++;
    }
    return VDEV_OK;
}

/* The heads used: the oldest remembered is `early` steps after the oldest made available. */
static int remember_used(const struct vdev_device_queue *queue, struct vdev_ring_adoption *adoption,
                         uint32_t from, uint32_t to)
{
    const struct vring_used *used = queue->used;
    const unsigned mask = queue->size - 1u;
    const uint16_t start = oldest(queue, adoption);
    const int early = (int16_t)(uint16_t)(adoption->used_end - adoption->available_end);

    for (int i = early + (int)from; i != early + (int)to; i++) {
        uint32_t id = ring_load32(&used->ring[(uint32_t)(start + i) & mask].id);
        if (id >= queue->size) {
            return VDEV_ERROR_CORRUPT;
        }
        struct vdev_ring_memory *head = &adoption->heads[id];
        if (head->first == 0) {
            continue;
        }
        if (i + 1 >= head->first) {
            head->open--;
        } else if (i + 1 > head->first - queue->size / 4) {
            head->early++;
        }
    }
    return VDEV_OK;
}

/* `reach`: the first remembered time whose early uses are all remembered. */
static enum answer ask(const struct vdev_ring_memory *head, int reach)
{
    if (head->first == 0 || head->open == 0) {
        return NO;
    }
    if (head->open < 0) {
        return IMPOSSIBLE;
    }
    if (head->first <= reach) {
        return PERHAPS;
    }
    /* All times but the last were used, or all: what is open beyond that was used early. */
    int spare = head->early - (head->open - 1);
    return spare < 0 ? IMPOSSIBLE : spare == 0 ? YES : PERHAPS;
}

static uint16_t pending(const struct vdev_ring_adoption *adoption)
{
    return (uint16_t)(adoption->available_end - adoption->used_end);
}

static int ask_all(const struct vdev_device_queue *queue, struct vdev_ring_adoption *adoption,
                   uint32_t from, uint32_t to)
{
    const int reach = queue->size / 4 - pending(adoption);

    for (uint32_t i = from; i != to; i++) {
        enum answer answer = ask(&adoption->heads[i], reach);
        if (answer == IMPOSSIBLE) {
            return VDEV_ERROR_CORRUPT;
        }
        if (answer == YES) {
            adoption->in_flight[i / 32] |= 1u << i % 32;
            adoption->certain++;
        } else if (answer == PERHAPS) {
            adoption->perhaps[i / 32] |= 1u << i % 32;
            adoption->open++;
        }
    }
    return VDEV_OK;
}

static int begin(const struct vdev_device_queue *queue, struct vdev_ring_adoption *adoption)
{
    const struct vring_avail *available = queue->available;
    const struct vring_used *used = queue->used;
    uint16_t restarts = adoption->restarts;

    memset(adoption, 0, sizeof *adoption);
    adoption->restarts = restarts;
    adoption->used_end = ring_load_acquire(&used->idx);           /* B */
    adoption->available_end = ring_load_acquire(&available->idx); /* A */
    return pending(adoption) > queue->size ? VDEV_ERROR_CORRUPT : VDEV_OK;
}

/* Some steps of one of the three kinds, and no more than *budget. */
static int go_on(const struct vdev_device_queue *queue, struct vdev_ring_adoption *adoption,
                 uint32_t *budget)
{
    static int (*const kinds[])(const struct vdev_device_queue *, struct vdev_ring_adoption *,
                                uint32_t, uint32_t) = {remember_available, remember_used, ask_all};
    const struct vring_avail *available = queue->available;
    uint32_t from = adoption->step % queue->size;
    uint32_t count = queue->size - from;
    uint32_t kind = adoption->step / queue->size;

    count = count > *budget ? *budget : count;
    *budget -= count;
    int status = kinds[kind](queue, adoption, from, from + count);
    /* Had the driver gone on, the oldest entries might be new ones. */
    if (kind == 0 && ring_load_acquire(&available->idx) != adoption->available_end) {
        adoption->step = 0;
        return ++adoption->restarts < RESTARTS ? VDEV_ERROR_AGAIN : VDEV_ERROR_CORRUPT;
    }
    adoption->step += count;
    return status == VDEV_OK && adoption->step != 3u * queue->size ? VDEV_ERROR_AGAIN : status;
}

static int conclude(struct vdev_device_queue *queue, struct vdev_ring_adoption *adoption,
                    unsigned *untold)
{
    uint16_t left = pending(adoption);

    if (adoption->certain > left || adoption->certain + adoption->open < left) {
        return VDEV_ERROR_CORRUPT;
    }
    *untold = left - adoption->certain;
    if (*untold == adoption->open) {
        *untold = 0;
        for (unsigned i = 0; i < VDEV_RING_ADOPTION_MAXIMUM / 32; i++) {
            adoption->in_flight[i] |= adoption->perhaps[i];
        }
    }
    queue->next_available = adoption->available_end;
    queue->next_used = adoption->used_end;
    queue->signalled = adoption->used_end;
    return VDEV_OK;
}

int vdev_ring_adopt(struct vdev_ring_adoption *adoption, struct vdev_device_queue *queue,
                    const struct vdev_memory *memory,
                    const struct vdev_virtqueue_configuration *configuration, unsigned *untold)
{
    int status = VDEV_OK;

    *untold = 0;
    if (adoption->step == 0) {
        status = vdev_device_queue_start(queue, memory, configuration);
        if (status != VDEV_OK) {
            return status;
        }
        status = queue->size > VDEV_RING_ADOPTION_MAXIMUM ? VDEV_ERROR_UNSUPPORTED
                                                          : begin(queue, adoption);
    }
    if (status == VDEV_OK) {
        uint32_t budget = RING_ADOPTION_STEPS;
        do {
            status = go_on(queue, adoption, &budget);
        } while (status == VDEV_ERROR_AGAIN && adoption->step != 0 && budget != 0);
    }
    if (status == VDEV_OK) {
        status = conclude(queue, adoption, untold);
    }
    if (status != VDEV_OK && status != VDEV_ERROR_AGAIN) {
        vdev_device_queue_stop(queue);
        memset(adoption->in_flight, 0, sizeof adoption->in_flight);
    }
    return status;
}
