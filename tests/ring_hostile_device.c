/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's end of a ring against a hostile driver. Each test is named for the class of attack
 * it makes. What is asked every time: no byte outside memory is touched or handed on, a malformed
 * request comes back with length 0 and the next one works, a corrupt ring stays shut until it is
 * started anew, and nothing stalls without a word. A driver that writes while we read stands in
 * ring_double_fetch.c.
 */
#include "ring_pair.h"

#define SIZE 8u

struct hostile {
    struct pair *pair;
    struct vdev_buffer buffers[SIZE + 2]; /* the last two are guards */
    struct vdev_chain chain;
};

static struct hostile hostile(bool indirect)
{
    struct hostile hostile = {.pair = pair_open(SIZE, false, indirect ? SIZE : 0)};
    return hostile;
}

static int take(struct hostile *hostile)
{
    hostile->chain = (struct vdev_chain){.buffers = hostile->buffers, .capacity = SIZE};
    int status = vdev_device_queue_take(&hostile->pair->device, &hostile->chain);
    ck_assert(status != VDEV_OK || pair_chain_is_sound(hostile->pair, &hostile->chain));
    ck_assert_ptr_null(hostile->buffers[SIZE].pointer);
    return status;
}

static uint64_t data(const struct hostile *hostile)
{
    return pair_guest(hostile->pair, hostile->pair->data);
}

/* Offer a plain, good request at this head, and see it taken and given back. */
static void expect_good_request(struct hostile *hostile, uint16_t head)
{
    struct pair *pair = hostile->pair;
    uint16_t used = pair_used_index(pair);
    pair_write(pair, head, data(hostile), 16, 0, 0);
    pair_offer(pair, head);
    ck_assert_int_eq(take(hostile), VDEV_OK);
    ck_assert_uint_eq(hostile->chain.id, head);
    ck_assert_uint_eq(hostile->chain.readable_length, 16);
    vdev_device_queue_give(&pair->device, head, 0);
    ck_assert_uint_eq(pair_used_index(pair), (uint16_t)(used + 1));
}

/* What is offered is malformed: it comes back with length 0, is counted, and the queue goes on. */
static void expect_malformed(struct hostile *hostile, uint16_t head)
{
    struct pair *pair = hostile->pair;
    uint16_t used = pair_used_index(pair);
    uint64_t malformed = pair->device.malformed;
    pair_offer(pair, head);
    ck_assert_int_eq(take(hostile), VDEV_ERROR_EMPTY);
    ck_assert_uint_eq(pair->device.malformed, malformed + 1);
    ck_assert_uint_eq(pair_used_index(pair), (uint16_t)(used + 1));
    ck_assert_uint_eq(pair_used_id(pair, used), head);
    ck_assert_uint_eq(pair_used_length(pair, used), 0);
    ck_assert(vdev_device_queue_signal(&pair->device));
    expect_good_request(hostile, (uint16_t)(SIZE - 1));
    vdev_device_queue_signal(&pair->device);
}

static void expect_good_chain(struct hostile *hostile, uint16_t head, uint32_t readable,
                              uint32_t writable)
{
    pair_offer(hostile->pair, head);
    ck_assert_int_eq(take(hostile), VDEV_OK);
    ck_assert_uint_eq(hostile->chain.readable_length, readable);
    ck_assert_uint_eq(hostile->chain.writable_length, writable);
    vdev_device_queue_give(&hostile->pair->device, head, 0);
    vdev_device_queue_signal(&hostile->pair->device);
}

/* What is offered is a corrupt ring: latched, silent, and good again once started anew. */
static void expect_corrupt(struct hostile *hostile)
{
    struct pair *pair = hostile->pair;
    uint16_t used = pair_used_index(pair);
    ck_assert_int_eq(take(hostile), VDEV_ERROR_CORRUPT);
    ck_assert(pair->device.corrupt);
    pair->available[1] = pair->device.next_available; /* all well again? too late */
    ck_assert_int_eq(take(hostile), VDEV_ERROR_CORRUPT);
    vdev_device_queue_give(&pair->device, 0, 1);
    ck_assert(!vdev_device_queue_signal(&pair->device));
    ck_assert(!vdev_device_queue_arm(&pair->device));
    vdev_device_queue_disarm(&pair->device);
    ck_assert_uint_eq(pair->used[0], (uint32_t)used << 16);

    vdev_driver_queue_start(&pair->driver, &pair->driver_memory, &pair->configuration);
    ck_assert_int_eq(vdev_device_queue_start(&pair->device, &pair->memory, &pair->configuration),
                     VDEV_OK);
    expect_good_request(hostile, 0);
}

/* ---- the shape of chains ---- */

START_TEST(chain_loop)
{
    struct hostile h = hostile(false);
    pair_write(h.pair, 0, data(&h), 0, PAIR_NEXT, 0); /* onto itself, and no buffer fills up */
    pair_offer(h.pair, 0);
    expect_corrupt(&h);
    pair_write(h.pair, 0, data(&h), 0, PAIR_NEXT, 1);
    pair_write(h.pair, 1, data(&h), 0, PAIR_NEXT, 2);
    pair_write(h.pair, 2, data(&h), 0, PAIR_NEXT, 1);
    pair_offer(h.pair, 0);
    expect_corrupt(&h);
    pair_close(h.pair);
}
END_TEST

START_TEST(longest_chain_is_no_loop)
{
    struct hostile h = hostile(false);
    for (uint16_t i = 0; i < SIZE; i++) {
        pair_write(h.pair, i, data(&h) + i, 1, i + 1 < (int)SIZE ? PAIR_NEXT : 0,
                   (uint16_t)(i + 1));
    }
    expect_good_chain(&h, 0, SIZE, 0);
    pair_close(h.pair);
}
END_TEST

START_TEST(zero_length_chain)
{
    struct hostile h = hostile(false);
    pair_write(h.pair, 0, UINT64_MAX, 0, PAIR_NEXT, 1); /* nowhere, but nothing of it */
    pair_write(h.pair, 1, 0, 0, PAIR_WRITE, 0);
    expect_good_chain(&h, 0, 0, 0);
    ck_assert_uint_eq(h.chain.readable_count + h.chain.writable_count, 0);
    pair_write(h.pair, 1, data(&h), 3, PAIR_WRITE, 0);
    expect_good_chain(&h, 0, 0, 3);
    pair_close(h.pair);
}
END_TEST

START_TEST(more_in_flight_than_the_queue_is_long)
{
    struct hostile h = hostile(false);
    for (uint16_t i = 0; i < SIZE; i++) {
        pair_write(h.pair, i, data(&h), 4, 0, 0);
        pair_offer(h.pair, i);
    }
    for (unsigned i = 0; i < SIZE; i++) {
        ck_assert_int_eq(take(&h), VDEV_OK);
    }
    ck_assert_int_eq(take(&h), VDEV_ERROR_EMPTY);
    pair_offer(h.pair, 0); /* every descriptor is in flight already */
    expect_corrupt(&h);
    pair_close(h.pair);
}
END_TEST

static bool count_and_give(void *device, struct vdev_chain *chain)
{
    struct hostile *h = device;
    vdev_device_queue_give(&h->pair->device, chain->id, 0);
    return true;
}

static bool offer_again(void *device, struct vdev_chain *chain)
{
    struct hostile *h = device;
    vdev_device_queue_give(&h->pair->device, chain->id, 0);
    pair_offer(h->pair, chain->id);
    return true;
}

START_TEST(unbounded_work)
{
    struct hostile h = hostile(false);
    struct vdev_chain chain = {.buffers = h.buffers, .capacity = SIZE};
    bool more = false;
    pair_write(h.pair, 0, data(&h), 4, 0, 0);
    pair_offer(h.pair, 0);
    /* A driver that always has one more: the budget ends it. */
    ck_assert_int_eq(vdev_device_queue_run(&h.pair->device, &chain, 1000, offer_again, &h, &more),
                     VDEV_OK);
    ck_assert(more);
    ck_assert_uint_eq(h.pair->device.chains, 1000);
    /* And a queue full of rubbish: counted in the same way. */
    for (uint16_t i = 0; i < SIZE; i++) {
        pair_write(h.pair, i, 0, 4, 0, 0);
    }
    for (uint16_t i = 1; i < SIZE; i++) {
        pair_offer(h.pair, i);
    }
    ck_assert_int_eq(vdev_device_queue_run(&h.pair->device, &chain, 3, count_and_give, &h, &more),
                     VDEV_OK);
    ck_assert(more);
    ck_assert_uint_eq(h.pair->device.malformed, 3);
    pair_close(h.pair);
}
END_TEST

/* ---- indices ---- */

START_TEST(head_index_out_of_range)
{
    static const uint16_t heads[] = {SIZE, SIZE + 1, 0x7fff, 0xffff};
    for (unsigned i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct hostile h = hostile(false);
        pair_offer(h.pair, heads[i]);
        expect_corrupt(&h);
        pair_close(h.pair);
    }
}
END_TEST

START_TEST(next_index_out_of_range)
{
    static const uint16_t next[] = {SIZE, 0x8000, 0xffff};
    for (unsigned i = 0; i < sizeof next / sizeof next[0]; i++) {
        struct hostile h = hostile(false);
        pair_write(h.pair, 0, data(&h), 4, PAIR_NEXT, next[i]);
        pair_offer(h.pair, 0);
        expect_corrupt(&h);
        pair_close(h.pair);
    }
}
END_TEST

START_TEST(available_index_runs_ahead)
{
    static const uint16_t ahead[] = {SIZE + 1, 0x7fff, 0x8000, 0xfff0};
    for (unsigned i = 0; i < sizeof ahead / sizeof ahead[0]; i++) {
        struct hostile h = hostile(false);
        h.pair->available[1] = ahead[i];
        expect_corrupt(&h);
        pair_close(h.pair);
    }
}
END_TEST

START_TEST(available_index_runs_backwards)
{
    struct hostile h = hostile(false);
    for (unsigned i = 0; i < 3; i++) {
        expect_good_request(&h, 0);
    }
    h.pair->available[1] = 2;
    expect_corrupt(&h);
    /* With requests in flight, so that the distance to what was given back looks harmless. */
    for (uint16_t i = 0; i < 3; i++) {
        pair_write(h.pair, i, data(&h), 4, 0, 0);
        pair_offer(h.pair, i);
        ck_assert_int_eq(take(&h), VDEV_OK);
    }
    h.pair->available[1]--;
    expect_corrupt(&h);
    pair_close(h.pair);
}
END_TEST

/* ---- indirect tables ---- */

static void table(struct hostile *h, unsigned index, uint64_t address, uint32_t length,
                  uint16_t flags, uint16_t next)
{
    struct pair_descriptor descriptor = {address, length, flags, next};
    memcpy(h->pair->tables + 16 * index, &descriptor, sizeof descriptor);
}

static uint64_t tables(const struct hostile *h)
{
    return pair_guest(h->pair, h->pair->tables);
}

START_TEST(indirect_table_good)
{
    struct hostile h = hostile(true);
    table(&h, 0, data(&h), 5, PAIR_NEXT, 2);
    table(&h, 2, data(&h) + 8, 7, PAIR_WRITE, 0);
    pair_write(h.pair, 1, tables(&h), 48, PAIR_INDIRECT, 0);
    expect_good_chain(&h, 1, 5, 7);
    /* The device must ignore WRITE here, and take direct descriptors before the table. */
    pair_write(h.pair, 1, tables(&h), 48, PAIR_INDIRECT | PAIR_WRITE, 0);
    pair_write(h.pair, 0, data(&h), 11, PAIR_NEXT, 1);
    expect_good_chain(&h, 0, 16, 7);
    pair_close(h.pair);
}
END_TEST

START_TEST(indirect_table_nested)
{
    struct hostile h = hostile(true);
    table(&h, 0, tables(&h), 16, PAIR_INDIRECT, 0);
    pair_write(h.pair, 0, tables(&h), 16, PAIR_INDIRECT, 0);
    expect_malformed(&h, 0);
    pair_close(h.pair);
}
END_TEST

START_TEST(indirect_table_length_odd_or_empty_or_huge)
{
    static const uint32_t lengths[] = {0, 1, 15, 17, 24, 16 * (SIZE + 1), 0xfffffff0, 0xffffffff};
    struct hostile h = hostile(true);
    table(&h, 0, data(&h), 4, 0, 0);
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        pair_write(h.pair, 0, tables(&h), lengths[i], PAIR_INDIRECT, 0);
        expect_malformed(&h, 0);
    }
    pair_write(h.pair, 0, tables(&h), 16 * SIZE, PAIR_INDIRECT, 0);
    expect_good_chain(&h, 0, 4, 0);
    pair_close(h.pair);
}
END_TEST

START_TEST(indirect_table_outside_memory)
{
    struct hostile h = hostile(true);
    const uint64_t addresses[] = {0,
                                  PAIR_READ_ONLY - 16,
                                  PAIR_BASE - 8,
                                  PAIR_BASE + h.pair->arena_bytes - 8,
                                  UINT64_MAX - 15,
                                  UINT64_MAX - 7};
    for (unsigned i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        pair_write(h.pair, 0, addresses[i], 16, PAIR_INDIRECT, 0);
        expect_malformed(&h, 0);
    }
    /* A table that wraps, with memory on both sides of the wrap. */
    uint8_t first[16] = {0}, last[16] = {0};
    struct vdev_memory_region regions[3] = {
        {0, sizeof first, first, VDEV_NO_BUS_ADDRESS, true},
        h.pair->regions[1],
        {UINT64_MAX - 15, sizeof last, last, VDEV_NO_BUS_ADDRESS, true},
    };
    struct pair_descriptor link = {0, 0, PAIR_NEXT, 1};
    memcpy(last, &link, sizeof last);
    ck_assert_int_eq(vdev_memory_init(&h.pair->memory, regions, 3), VDEV_OK);
    pair_write(h.pair, 0, UINT64_MAX - 15, 32, PAIR_INDIRECT, 0);
    expect_malformed(&h, 0);
    pair_close(h.pair);
}
END_TEST

START_TEST(indirect_table_across_regions_and_unaligned)
{
    struct hostile h = hostile(true);
    uint8_t low[40], high[40];
    struct vdev_memory_region regions[3] = {
        {0x1000, sizeof low, low, VDEV_NO_BUS_ADDRESS, true},
        {0x1000 + sizeof low, sizeof high, high, VDEV_NO_BUS_ADDRESS, true},
        h.pair->regions[1],
    };
    struct pair_descriptor descriptors[3] = {
        {data(&h), 4, PAIR_NEXT, 1}, {data(&h), 5, PAIR_NEXT, 2}, {data(&h), 6, PAIR_WRITE, 0}};
    uint8_t bytes[48];

    memcpy(bytes, descriptors, sizeof bytes);
    memcpy(low + 17, bytes, 23); /* the second descriptor lies on both sides */
    memcpy(high, bytes + 23, 25);
    ck_assert_int_eq(vdev_memory_init(&h.pair->memory, regions, 3), VDEV_OK);
    pair_write(h.pair, 0, 0x1000 + 17, 48, PAIR_INDIRECT, 0);
    expect_good_chain(&h, 0, 9, 6);
    /* The same at the end of memory: the third descriptor is cut off. */
    ck_assert_int_eq(vdev_memory_init(&h.pair->memory, regions, 3), VDEV_OK);
    memcpy(high + 40 - 20, bytes, 20);
    pair_write(h.pair, 0, 0x1000 + 80 - 20, 48, PAIR_INDIRECT, 0);
    expect_malformed(&h, 0);
    pair_close(h.pair);
}
END_TEST

START_TEST(indirect_table_next_out_of_range_or_loop)
{
    struct hostile h = hostile(true);
    pair_write(h.pair, 0, tables(&h), 32, PAIR_INDIRECT, 0);
    table(&h, 0, data(&h), 0, PAIR_NEXT, 2); /* within the queue, not within the table */
    table(&h, 2, data(&h), 4, 0, 0);
    expect_malformed(&h, 0);
    table(&h, 0, data(&h), 0, PAIR_NEXT, 0xffff);
    expect_malformed(&h, 0);
    table(&h, 0, data(&h), 0, PAIR_NEXT, 1);
    table(&h, 1, data(&h), 0, PAIR_NEXT, 0);
    expect_malformed(&h, 0);
    pair_close(h.pair);
}
END_TEST

START_TEST(indirect_not_negotiated_or_with_next)
{
    struct hostile h = hostile(false);
    pair_write(h.pair, 0, data(&h), 16, PAIR_INDIRECT, 0);
    expect_malformed(&h, 0);
    pair_close(h.pair);
    h = hostile(true);
    table(&h, 0, data(&h), 4, 0, 0);
    pair_write(h.pair, 0, tables(&h), 16, PAIR_INDIRECT | PAIR_NEXT, 1);
    pair_write(h.pair, 1, data(&h), 4, 0, 0);
    expect_malformed(&h, 0);
    pair_close(h.pair);
}
END_TEST

START_TEST(indirect_chain_longer_than_the_queue)
{
    struct hostile h = hostile(true);
    for (uint16_t i = 0; i < SIZE; i++) {
        table(&h, i, data(&h), 0, i + 1 < (int)SIZE ? PAIR_NEXT : 0, (uint16_t)(i + 1));
    }
    pair_write(h.pair, 1, tables(&h), 16 * SIZE, PAIR_INDIRECT, 0);
    expect_good_chain(&h, 1, 0, 0);
    pair_write(h.pair, 0, data(&h), 1, PAIR_NEXT, 1); /* one more in front of it */
    expect_malformed(&h, 0);
    pair_close(h.pair);
}
END_TEST

/* ---- addresses and lengths ---- */

START_TEST(address_and_length_wrap_or_leave_memory)
{
    struct hostile h = hostile(false);
    uint64_t end = PAIR_BASE + h.pair->arena_bytes;
    const struct pair_descriptor bad[] = {
        {UINT64_MAX, 1, 0, 0},
        {UINT64_MAX, 2, 0, 0},
        {UINT64_MAX - 0xfffffffe, 0xffffffff, 0, 0},
        {end - 1, 2, 0, 0},
        {end, 1, 0, 0},
        {PAIR_BASE - 1, 1, 0, 0},
        {PAIR_BASE - 1, 2, 0, 0},
        {PAIR_BASE, 0xffffffff, 0, 0},
        {PAIR_BASE + (UINT64_C(1) << 32), 4, 0, 0}, /* whose low half would be good */
        {data(&h), 0x80000000, PAIR_WRITE, 0},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pair_write(h.pair, 0, bad[i].address, bad[i].length, bad[i].flags, 0);
        expect_malformed(&h, 0);
    }
    pair_write(h.pair, 0, end - 1, 1, 0, 0);
    expect_good_chain(&h, 0, 1, 0);
    pair_close(h.pair);
}
END_TEST

START_TEST(write_into_a_read_only_region)
{
    struct hostile h = hostile(false);
    pair_write(h.pair, 0, PAIR_READ_ONLY, 4, PAIR_WRITE, 0);
    expect_malformed(&h, 0);
    pair_write(h.pair, 0, PAIR_READ_ONLY, 4, 0, 0);
    expect_good_chain(&h, 0, 4, 0);
    pair_close(h.pair);
}
END_TEST

/* A device's registers are in no region: to the ring they are a hole as any other. */
START_TEST(dma_into_a_device)
{
    struct hostile h = hostile(false);
    for (uint64_t address = 0x1c090000; address < 0x1c0a0000; address += 0x1000) {
        pair_write(h.pair, 0, address, 4, PAIR_WRITE, 0);
        expect_malformed(&h, 0);
    }
    pair_close(h.pair);
}
END_TEST

START_TEST(total_length_of_4_gib)
{
    struct hostile h = hostile(false);
    /* Never touched, so that it need not exist. */
    const uint64_t far = UINT64_C(0x100000000);
    struct vdev_memory_region regions[2] = {
        h.pair->regions[1], {far, 0x7fffffff, (void *)0x10000, VDEV_NO_BUS_ADDRESS, true}};
    h.chain = (struct vdev_chain){.buffers = h.buffers, .capacity = SIZE};
    ck_assert_int_eq(vdev_memory_init(&h.pair->memory, regions, 2), VDEV_OK);
    pair_write(h.pair, 0, far, 0x7fffffff, PAIR_NEXT, 1);
    pair_write(h.pair, 1, far, 0x7fffffff, PAIR_NEXT | PAIR_WRITE, 2);
    pair_write(h.pair, 2, far, 1, PAIR_WRITE, 0);
    pair_offer(h.pair, 0);
    ck_assert_int_eq(vdev_device_queue_take(&h.pair->device, &h.chain), VDEV_OK);
    ck_assert_uint_eq(h.chain.readable_length + h.chain.writable_length, 0xffffffff);
    vdev_device_queue_give(&h.pair->device, 0, 0);
    pair_write(h.pair, 2, far, 2, PAIR_WRITE, 0);
    pair_offer(h.pair, 0);
    ck_assert_int_eq(vdev_device_queue_take(&h.pair->device, &h.chain), VDEV_ERROR_EMPTY);
    ck_assert_uint_eq(h.pair->device.malformed, 1);
    pair_close(h.pair);
}
END_TEST

START_TEST(more_buffers_than_the_device_has_room_for)
{
    struct hostile h = hostile(false);
    for (uint16_t i = 0; i < 4; i++) {
        pair_write(h.pair, i, data(&h), 4, i < 3 ? PAIR_NEXT : 0, (uint16_t)(i + 1));
    }
    pair_offer(h.pair, 0);
    h.chain = (struct vdev_chain){.buffers = h.buffers, .capacity = 3};
    ck_assert_int_eq(vdev_device_queue_take(&h.pair->device, &h.chain), VDEV_ERROR_EMPTY);
    ck_assert_ptr_null(h.buffers[3].pointer);
    ck_assert_uint_eq(pair_used_length(h.pair, 0), 0);
    expect_good_request(&h, 0);
    pair_close(h.pair);
}
END_TEST

START_TEST(wrong_direction)
{
    struct hostile h = hostile(false);
    pair_write(h.pair, 0, data(&h), 4, PAIR_NEXT | PAIR_WRITE, 1);
    pair_write(h.pair, 1, data(&h), 4, 0, 0);
    expect_malformed(&h, 0);
    pair_close(h.pair);
    h = hostile(true); /* also where the table begins */
    pair_write(h.pair, 0, data(&h), 4, PAIR_NEXT | PAIR_WRITE, 1);
    pair_write(h.pair, 1, tables(&h), 16, PAIR_INDIRECT, 0);
    table(&h, 0, data(&h), 4, 0, 0);
    expect_malformed(&h, 0);
    pair_close(h.pair);
}
END_TEST

START_TEST(header_split_across_descriptors)
{
    struct hostile h = hostile(true);
    uint8_t header[SIZE];
    for (uint16_t i = 0; i < SIZE; i++) {
        h.pair->data[SIZE - 1 - i] = (uint8_t)(0x30 + i);
        table(&h, i, data(&h) + SIZE - 1 - i, 1, i + 1 < (int)SIZE ? PAIR_NEXT : 0,
              (uint16_t)(i + 1));
    }
    pair_write(h.pair, 0, tables(&h), 16 * SIZE, PAIR_INDIRECT, 0);
    pair_offer(h.pair, 0);
    ck_assert_int_eq(take(&h), VDEV_OK);
    struct vdev_cursor reader = vdev_chain_reader(&h.chain);
    ck_assert_uint_eq(vdev_cursor_read(&reader, header, sizeof header), sizeof header);
    for (unsigned i = 0; i < SIZE; i++) {
        ck_assert_uint_eq(header[i], 0x30 + i);
    }
    pair_close(h.pair);
}
END_TEST

/* ---- at the wrong time ---- */

START_TEST(late_configuration)
{
    struct hostile h = hostile(false);
    memset(&h.pair->configuration, 0xff, sizeof h.pair->configuration);
    expect_good_request(&h, 3); /* the live queue is of another type, and knows nothing of it */
    pair_close(h.pair);
}
END_TEST

START_TEST(use_after_reset)
{
    struct hostile h = hostile(false);
    pair_write(h.pair, 0, data(&h), 4, 0, 0);
    pair_offer(h.pair, 0);
    ck_assert_int_eq(take(&h), VDEV_OK);
    vdev_device_queue_stop(&h.pair->device);
    uint8_t *before = malloc(h.pair->arena_bytes);
    memcpy(before, h.pair->arena, h.pair->arena_bytes);
    vdev_device_queue_give(&h.pair->device, 0, 4);
    vdev_device_queue_disarm(&h.pair->device);
    ck_assert(!vdev_device_queue_arm(&h.pair->device));
    ck_assert(!vdev_device_queue_signal(&h.pair->device));
    ck_assert_int_eq(memcmp(before, h.pair->arena, h.pair->arena_bytes), 0);
    free(before);
    /* Started anew, nothing is in flight: a late completion does not get in front of the ring. */
    vdev_driver_queue_start(&h.pair->driver, &h.pair->driver_memory, &h.pair->configuration);
    vdev_device_queue_start(&h.pair->device, &h.pair->memory, &h.pair->configuration);
    vdev_device_queue_give(&h.pair->device, 0, 4);
    ck_assert_uint_eq(pair_used_index(h.pair), 0);
    expect_good_request(&h, 0);
    pair_close(h.pair);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring: device end, hostile driver");
    TCase *classes = tcase_create("classes");
    tcase_add_test(classes, chain_loop);
    tcase_add_test(classes, longest_chain_is_no_loop);
    tcase_add_test(classes, zero_length_chain);
    tcase_add_test(classes, more_in_flight_than_the_queue_is_long);
    tcase_add_test(classes, unbounded_work);
    tcase_add_test(classes, head_index_out_of_range);
    tcase_add_test(classes, next_index_out_of_range);
    tcase_add_test(classes, available_index_runs_ahead);
    tcase_add_test(classes, available_index_runs_backwards);
    tcase_add_test(classes, indirect_table_good);
    tcase_add_test(classes, indirect_table_nested);
    tcase_add_test(classes, indirect_table_length_odd_or_empty_or_huge);
    tcase_add_test(classes, indirect_table_outside_memory);
    tcase_add_test(classes, indirect_table_across_regions_and_unaligned);
    tcase_add_test(classes, indirect_table_next_out_of_range_or_loop);
    tcase_add_test(classes, indirect_not_negotiated_or_with_next);
    tcase_add_test(classes, indirect_chain_longer_than_the_queue);
    tcase_add_test(classes, address_and_length_wrap_or_leave_memory);
    tcase_add_test(classes, write_into_a_read_only_region);
    tcase_add_test(classes, dma_into_a_device);
    tcase_add_test(classes, total_length_of_4_gib);
    tcase_add_test(classes, more_buffers_than_the_device_has_room_for);
    tcase_add_test(classes, wrong_direction);
    tcase_add_test(classes, header_split_across_descriptors);
    tcase_add_test(classes, late_configuration);
    tcase_add_test(classes, use_after_reset);
    suite_add_tcase(suite, classes);
    return pair_main(suite);
}
