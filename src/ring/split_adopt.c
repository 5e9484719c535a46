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

/* What the rings remember of a head. */
struct memory {
    int16_t first;  /* when it was made available first, from the oldest entry on; NEVER */
    int16_t open;   /* times since then that it was made available and not used */
    uint16_t early; /* uses before that, but near enough */
};

#define NEVER INT16_MAX

/* Is the head in flight? */
enum answer {
    NO,
    YES,
    PERHAPS,
    IMPOSSIBLE,
};

/* Indices run modulo 2^16. VDEV_ERROR_CORRUPT: an entry names no head. */
static int remember(const struct vdev_device_queue *queue, uint16_t available_end,
                    uint16_t used_end, struct memory heads[RING_ADOPT_MAXIMUM])
{
    const struct vring_avail *available = queue->available;
    const struct vring_used *used = queue->used;
    unsigned mask = queue->size - 1u;
    uint16_t oldest = (uint16_t)(available_end - queue->size);
    int16_t early = (int16_t)(uint16_t)(used_end - available_end); /* no more than `size` */

    for (unsigned i = 0; i < queue->size; i++) {
        heads[i] = (struct memory){.first = NEVER};
    }
    for (int16_t i = 0; i < queue->size; i++) {
        uint16_t id = ring_load16(&available->ring[(uint16_t)(oldest + i) & mask]);
        if (id >= queue->size) {
            return VDEV_ERROR_CORRUPT;
        }
        struct memory *head = &heads[id];
        head->first = head->first == NEVER ? i : head->first;
        head->open++;
    }
    for (int16_t i = early; i < early + queue->size; i++) {
        uint32_t id = ring_load32(&used->ring[(uint16_t)(oldest + i) & mask].id);
        if (id >= queue->size) {
            return VDEV_ERROR_CORRUPT;
        }
        struct memory *head = &heads[id];
        if (i >= head->first) {
            head->open--;
        } else if (i > head->first - queue->size / 4) {
            head->early++;
        }
    }
    return VDEV_OK;
}

/* `reach`: the first remembered time whose early uses are all remembered. */
static enum answer ask(const struct memory *head, int reach)
{
    if (head->first == NEVER || head->open == 0) {
        return NO;
    }
    if (head->open < 0) {
        return IMPOSSIBLE;
    }
    if (head->first < reach) {
        return PERHAPS;
    }
    /* All times but the last were used, or all: what is open beyond that was used early. */
    int spare = head->early - (head->open - 1);
    return spare < 0 ? IMPOSSIBLE : spare == 0 ? YES : PERHAPS;
}

static int tell(struct vdev_device_queue *queue, uint32_t in_flight[RING_ADOPT_WORDS],
                unsigned *untold)
{
    const struct vring_avail *available = queue->available;
    const struct vring_used *used = queue->used;
    struct memory heads[RING_ADOPT_MAXIMUM];
    uint32_t perhaps[RING_ADOPT_WORDS] = {0};
    unsigned certain = 0, open = 0;
    uint16_t used_end = ring_load_acquire(&used->idx);           /* B */
    uint16_t available_end = ring_load_acquire(&available->idx); /* A */
    uint16_t pending = (uint16_t)(available_end - used_end);

    if (pending > queue->size) {
        return VDEV_ERROR_CORRUPT;
    }
    int status = remember(queue, available_end, used_end, heads);
    /* Had it gone on, the oldest entries might be new ones. */
    if (ring_load_acquire(&available->idx) != available_end) {
        return VDEV_ERROR_AGAIN;
    }
    for (unsigned i = 0; status == VDEV_OK && i < queue->size; i++) {
        enum answer answer = ask(&heads[i], queue->size / 4 - pending);
        if (answer == IMPOSSIBLE) {
            status = VDEV_ERROR_CORRUPT;
        } else if (answer == YES) {
            in_flight[i / 32] |= 1u << i % 32;
            certain++;
        } else if (answer == PERHAPS) {
            perhaps[i / 32] |= 1u << i % 32;
            open++;
        }
    }
    if (status != VDEV_OK || certain > pending || certain + open < pending) {
        return VDEV_ERROR_CORRUPT;
    }
    *untold = pending - certain;
    if (*untold == open) {
        *untold = 0;
        for (unsigned i = 0; i < RING_ADOPT_WORDS; i++) {
            in_flight[i] |= perhaps[i];
        }
    }
    queue->next_available = available_end;
    queue->next_used = used_end;
    queue->signalled = used_end;
    return VDEV_OK;
}

int vdev_ring_adopt(struct vdev_device_queue *queue, const struct vdev_memory *memory,
                    const struct vdev_virtqueue_configuration *configuration,
                    uint32_t in_flight[RING_ADOPT_WORDS], unsigned *untold)
{
    memset(in_flight, 0, RING_ADOPT_WORDS * sizeof *in_flight);
    *untold = 0;
    int status = vdev_device_queue_start(queue, memory, configuration);
    if (status != VDEV_OK) {
        return status;
    }
    status =
        queue->size > RING_ADOPT_MAXIMUM ? VDEV_ERROR_UNSUPPORTED : tell(queue, in_flight, untold);
    if (status != VDEV_OK) {
        vdev_device_queue_stop(queue);
        memset(in_flight, 0, RING_ADOPT_WORDS * sizeof *in_flight);
    }
    return status;
}
