/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fixture for the ring's tests: one arena of guest memory with a ring in it, and both ends laid
 * over it. The driver's bus addresses are the guest addresses that the device's map knows. The
 * layout is spelled out in this file by hand, so that a wrong one in the library shows.
 */
#ifndef TESTS_RING_PAIR_H
#define TESTS_RING_PAIR_H

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include <vdev/memory.h>
#include <vdev/status.h>
#include <vdev/virtqueue.h>

/* For loops of millions: ck_assert writes to a pipe each time. */
#define pair_require(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("%s:%d: %s", __FILE__, __LINE__, #condition);                             \
        }                                                                                          \
    } while (0)

#define PAIR_BASE            UINT64_C(0x80000000)
#define PAIR_DATA            64u /* bytes of data area for each descriptor of the ring */
#define PAIR_NEXT            1u
#define PAIR_WRITE           2u
#define PAIR_INDIRECT        4u
#define PAIR_READ_ONLY       UINT64_C(0x10000)
#define PAIR_READ_ONLY_BYTES 4096u

struct pair_descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
};

struct pair {
    uint8_t *arena;
    size_t arena_bytes;
    uint8_t read_only[PAIR_READ_ONLY_BYTES];
    uint16_t size;
    struct pair_descriptor *descriptors;
    volatile uint16_t *available; /* flags, index, heads, used event */
    volatile uint32_t *used;      /* flags and index, (id, length)s, available event */
    uint8_t *tables;              /* indirect */
    uint8_t *data;                /* size * PAIR_DATA */
    struct vdev_memory_region regions[2];
    struct vdev_memory memory;
    struct vdev_virtqueue_configuration configuration;
    struct vdev_driver_slot *slots;
    struct vdev_driver_queue_memory driver_memory;
    struct vdev_driver_queue driver;
    struct vdev_device_queue device;
};

static inline uint64_t pair_guest(const struct pair *pair, const void *pointer)
{
    return PAIR_BASE + (uint64_t)((const uint8_t *)pointer - pair->arena);
}

static inline struct vdev_buffer pair_buffer(const struct pair *pair, void *pointer, size_t length)
{
    return (struct vdev_buffer){pointer, length, pair_guest(pair, pointer)};
}

static inline uint8_t *pair_place(struct pair *pair, size_t *at, size_t bytes)
{
    uint8_t *pointer = pair->arena + *at;
    *at = (*at + bytes + 15) & ~(size_t)15;
    return pointer;
}

/* Lay out memory and both ends. The caller closes it with pair_close. */
static inline struct pair *pair_open(uint16_t size, bool event_index, uint16_t indirect_count)
{
    struct pair *pair = calloc(1, sizeof *pair);
    ck_assert_ptr_nonnull(pair);
    size_t tables = (size_t)size * 16 * indirect_count;
    pair->arena_bytes = ((size_t)size * (16 + 2 + 8 + PAIR_DATA) + tables + 256 + 15) & ~(size_t)15;
    pair->arena = aligned_alloc(16, pair->arena_bytes);
    pair->slots = calloc(size, sizeof *pair->slots);
    ck_assert(pair->arena != NULL && pair->slots != NULL);
    memset(pair->arena, 0xa5, pair->arena_bytes);
    size_t at = 0;
    pair->size = size;
    pair->descriptors = (struct pair_descriptor *)pair_place(pair, &at, (size_t)size * 16);
    pair->available = (uint16_t *)pair_place(pair, &at, 6 + (size_t)size * 2);
    pair->used = (uint32_t *)pair_place(pair, &at, 6 + (size_t)size * 8);
    pair->tables = pair_place(pair, &at, tables);
    pair->data = pair_place(pair, &at, (size_t)size * PAIR_DATA);
    ck_assert(at <= pair->arena_bytes);

    pair->regions[0] = (struct vdev_memory_region){PAIR_READ_ONLY, PAIR_READ_ONLY_BYTES,
                                                   pair->read_only, VDEV_NO_BUS_ADDRESS, false};
    pair->regions[1] = (struct vdev_memory_region){PAIR_BASE, pair->arena_bytes, pair->arena,
                                                   VDEV_NO_BUS_ADDRESS, true};
    ck_assert_int_eq(vdev_memory_init(&pair->memory, pair->regions, 2), VDEV_OK);

    pair->driver_memory = (struct vdev_driver_queue_memory){
        .descriptors = pair_buffer(pair, pair->descriptors, (size_t)size * 16),
        .driver = pair_buffer(pair, (void *)(uintptr_t)pair->available, 6 + (size_t)size * 2),
        .device = pair_buffer(pair, (void *)(uintptr_t)pair->used, 6 + (size_t)size * 8),
        .slots = pair->slots,
        .indirect = pair_buffer(pair, pair->tables, tables),
        .indirect_count = indirect_count,
    };
    pair->configuration = (struct vdev_virtqueue_configuration){
        .size = size, .indirect = indirect_count != 0, .event_index = event_index};
    ck_assert_int_eq(
        vdev_driver_queue_start(&pair->driver, &pair->driver_memory, &pair->configuration),
        VDEV_OK);
    ck_assert_int_eq(vdev_device_queue_start(&pair->device, &pair->memory, &pair->configuration),
                     VDEV_OK);
    return pair;
}

static inline void pair_close(struct pair *pair)
{
    free(pair->arena);
    free(pair->slots);
    free(pair);
}

/* ---- a driver by hand, to write what ours never would ---- */

static inline void pair_write(struct pair *pair, unsigned index, uint64_t address, uint32_t length,
                              uint16_t flags, uint16_t next)
{
    pair->descriptors[index] = (struct pair_descriptor){address, length, flags, next};
}

static inline uint16_t pair_available_index(const struct pair *pair)
{
    return pair->available[1];
}

static inline void pair_offer(struct pair *pair, uint16_t head)
{
    uint16_t index = pair->available[1];
    pair->available[2 + index % pair->size] = head;
    pair->available[1] = (uint16_t)(index + 1);
}

static inline uint16_t pair_used_index(const struct pair *pair)
{
    return (uint16_t)(pair->used[0] >> 16);
}

static inline uint32_t pair_used_id(const struct pair *pair, uint16_t index)
{
    return pair->used[1 + 2 * (index % pair->size)];
}

static inline uint32_t pair_used_length(const struct pair *pair, uint16_t index)
{
    return pair->used[2 + 2 * (index % pair->size)];
}

/* A device by hand, likewise. */
static inline void pair_use(struct pair *pair, uint32_t id, uint32_t length)
{
    uint16_t index = pair_used_index(pair);
    pair->used[1 + 2 * (index % pair->size)] = id;
    pair->used[2 + 2 * (index % pair->size)] = length;
    pair->used[0] = (uint32_t)(uint16_t)(index + 1) << 16;
}

static inline bool pair_inside(const struct pair *pair, const struct vdev_buffer *buffer,
                               bool writable)
{
    const uint8_t *start = buffer->pointer;
    if (start >= pair->arena && start < pair->arena + pair->arena_bytes) {
        return buffer->length <= (size_t)(pair->arena + pair->arena_bytes - start);
    }
    return !writable && start >= pair->read_only &&
           start < pair->read_only + PAIR_READ_ONLY_BYTES &&
           buffer->length <= (size_t)(pair->read_only + PAIR_READ_ONLY_BYTES - start);
}

/* Whatever a peer wrote: every byte of a chain is memory, of its permission, and counted. */
static inline bool pair_chain_is_sound(const struct pair *pair, const struct vdev_chain *chain)
{
    uint64_t lengths[2] = {0, 0};
    if (chain->readable_count + chain->writable_count > chain->capacity ||
        chain->id >= pair->size) {
        return false;
    }
    for (size_t i = 0; i < chain->readable_count + chain->writable_count; i++) {
        bool writable = i >= chain->readable_count;
        lengths[writable] += chain->buffers[i].length;
        if (chain->buffers[i].length == 0 || !pair_inside(pair, &chain->buffers[i], writable)) {
            return false;
        }
    }
    return lengths[0] == chain->readable_length && lengths[1] == chain->writable_length;
}

/* A small generator with a seed, the same everywhere (xorshift). */
static inline uint32_t pair_random(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* The tail that every test program has: run a suite, print Check's closing line. */
static inline int pair_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif
