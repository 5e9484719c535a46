/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fixture for the notes of what is in flight. The device's end is compiled in here, with every
 * store to shared memory followed by a call: a program that is killed is played by a jump out of it
 * after any of these. What is left is the shared memory, and the next life starts from that alone.
 *
 * The layout of the notes is spelled out by hand, as another implementation would have it.
 */
#ifndef TESTS_RING_INFLIGHT_H
#define TESTS_RING_INFLIGHT_H

#include <setjmp.h>

#include "ring_pair.h"

#include "ring/split.h"
#include "ring/split_inflight.h"

static void stored(void);
#define ring_store16(shared, value)       (ring_store16(shared, value), stored())
#define ring_store32(shared, value)       (ring_store32(shared, value), stored())
#define ring_store_release(shared, value) (ring_store_release(shared, value), stored())
#define notes_store8(shared, value)       (notes_store8(shared, value), stored())
#define notes_store16(shared, value)      (notes_store16(shared, value), stored())
#define notes_store64(shared, value)      (notes_store64(shared, value), stored())
#include "ring/split_device.c"
#include "ring/split_inflight.c"

static struct pair *pair;
static uint8_t *notes;
static struct vdev_buffer buffers[8];

static void (*on_store)(void);
static unsigned left; /* stores until the program is killed; 0: it is not */
static jmp_buf killed;

static void stored(void)
{
    if (on_store != NULL) {
        on_store();
    }
    if (left != 0 && --left == 0) {
        longjmp(killed, 1);
    }
}

/* ---- the notes by hand ---- */

static inline uint16_t get16(size_t at)
{
    uint16_t value;
    memcpy(&value, notes + at, sizeof value);
    return value;
}

static inline void put16(size_t at, uint16_t value)
{
    memcpy(notes + at, &value, sizeof value);
}

static inline uint64_t counter_of(unsigned head)
{
    uint64_t value;
    memcpy(&value, notes + 16 + 16 * head + 8, sizeof value);
    return value;
}

static inline bool is_noted(unsigned head)
{
    return notes[16 + 16 * head] == 1;
}

static inline void note(unsigned head, uint64_t counter, uint16_t next)
{
    notes[16 + 16 * head] = 1;
    put16(16 + 16 * head + 6, next);
    memcpy(notes + 16 + 16 * head + 8, &counter, sizeof counter);
}

static inline void note_queue(uint16_t version, uint16_t size, uint16_t last_batch, uint16_t used)
{
    put16(8, version);
    put16(10, size);
    put16(12, last_batch);
    put16(14, used);
}

enum { VERSION = 8, DESC_NUM = 10, LAST_BATCH = 12, USED = 14 };

/* ---- a ring with notes ---- */

static inline void open_ring(uint16_t size, bool event_index)
{
    size_t bytes = vdev_device_queue_inflight_bytes(size);
    pair = pair_open(size, event_index, 0);
    notes = aligned_alloc(64, bytes);
    ck_assert_ptr_nonnull(notes);
    memset(notes, 0, bytes);
    pair->configuration.inflight = notes;
    for (uint16_t i = 0; i < size; i++) {
        pair_write(pair, i, pair_guest(pair, pair->data), 10, PAIR_WRITE, 0);
    }
}

static inline void close_ring(void)
{
    on_store = NULL;
    left = 0;
    free(notes);
    pair_close(pair);
}

/* Nothing of the last life is left in private memory. */
static inline int start(void)
{
    memset(&pair->device, 0x5a, sizeof pair->device);
    return vdev_device_queue_start(&pair->device, &pair->memory, &pair->configuration);
}

static inline void setup(void)
{
    open_ring(8, true);
    ck_assert_int_eq(start(), VDEV_OK);
}

static inline int take_one(uint16_t *id)
{
    struct vdev_chain chain = {.buffers = buffers, .capacity = 8};
    int status = vdev_device_queue_take(&pair->device, &chain);
    *id = chain.id;
    return status;
}

#define ck_assert_taken(expected)                                                                  \
    do {                                                                                           \
        uint16_t id_;                                                                              \
        ck_assert_int_eq(take_one(&id_), VDEV_OK);                                                 \
        ck_assert_uint_eq(id_, (expected));                                                        \
    } while (0)

#define ck_assert_empty()                                                                          \
    do {                                                                                           \
        uint16_t id_;                                                                              \
        ck_assert_int_eq(take_one(&id_), VDEV_ERROR_EMPTY);                                        \
    } while (0)

static inline void offer_heads(const char *heads)
{
    for (; *heads != 0; heads++) {
        pair_offer(pair, (uint16_t)(*heads - '0'));
    }
}

#endif
