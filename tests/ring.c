/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring's two ends against each other, in one thread: through every wrap of the 16-bit index, in
 * and out of order, in batches, with indirect tables and event index; and what each function
 * promises by itself. What a hostile peer does stands in ring_hostile_*.c.
 */
#include "ring_pair.h"

/* ---- through the wraps ---- */

#define ENTRIES (3u * 65536u + 1000u)

/* One request's memory: what the device reads, and what it answers. */
struct exchange {
    uint32_t question[2];
    uint32_t answer[3];
    uint32_t expected_written;
    uint32_t expected_answer; /* its first word */
    bool free;
};

struct run {
    struct pair *pair;
    uint32_t random;
    struct exchange *exchanges; /* in the arena's data area */
    uint16_t held[1024];
    uint32_t held_written[1024];
    unsigned held_count;
    uint32_t added, answered, taken;
    unsigned kicks, interrupts;
};

_Static_assert(sizeof(struct exchange) <= PAIR_DATA, "a request's memory fits");

/* The device: answers at once, gives back later and in any order. */
static bool answer(void *device, struct vdev_chain *chain)
{
    struct run *run = device;
    struct vdev_cursor reader = vdev_chain_reader(chain);
    struct vdev_cursor writer = vdev_chain_writer(chain);
    uint32_t question[2] = {0, 0};

    if (run->held_count != 0 && pair_random(&run->random) % 64 == 0) {
        return false; /* "the device below is full" */
    }
    size_t got = vdev_cursor_read(&reader, question, sizeof question);
    uint32_t reply[3] = {question[0] * 3 + 1, question[1] ^ 0xffffffffu, (uint32_t)got};
    uint32_t written = (uint32_t)vdev_cursor_write(&writer, reply, sizeof reply);
    pair_require(run->held_count < run->pair->size);
    run->held[run->held_count] = chain->id;
    run->held_written[run->held_count++] = written;
    run->answered++;
    return true;
}

static void give_some(struct run *run, unsigned keep)
{
    while (run->held_count > keep) {
        unsigned pick = pair_random(&run->random) % run->held_count;
        vdev_device_queue_give(&run->pair->device, run->held[pick], run->held_written[pick]);
        run->held[pick] = run->held[--run->held_count];
        run->held_written[pick] = run->held_written[run->held_count];
    }
}

static bool add_one(struct run *run)
{
    struct pair *pair = run->pair;
    struct exchange *exchange = NULL;
    for (unsigned i = 0; i < pair->size && exchange == NULL; i++) {
        unsigned slot = (run->added + i) % pair->size;
        struct exchange *at = (struct exchange *)(pair->data + slot * PAIR_DATA);
        exchange = at->free ? at : NULL;
    }
    if (exchange == NULL) {
        return false;
    }
    uint32_t sequence = run->added;
    exchange->question[0] = sequence;
    exchange->question[1] = ~sequence;
    memset(exchange->answer, 0, sizeof exchange->answer);
    struct vdev_buffer readable[2] = {pair_buffer(pair, &exchange->question[0], 4),
                                      pair_buffer(pair, &exchange->question[1], 4)};
    struct vdev_buffer writable[2] = {pair_buffer(pair, exchange->answer, 5),
                                      pair_buffer(pair, (uint8_t *)exchange->answer + 5, 7)};
    unsigned most = pair->size < 4 ? pair->size : 4;
    unsigned shape = 1 + pair_random(&run->random) % most;
    size_t readable_count = shape >= 3 ? 2 : shape == 2 ? 1 : sequence % 2;
    size_t writable_count = shape - readable_count;
    exchange->expected_written = writable_count == 2 ? 12 : writable_count == 1 ? 5 : 0;
    exchange->expected_answer = readable_count == 0 ? 1 : sequence * 3 + 1;
    int status = vdev_driver_queue_add(&pair->driver, readable, readable_count, writable,
                                       writable_count, exchange);
    if (status == VDEV_ERROR_FULL) {
        return false;
    }
    pair_require(status == VDEV_OK);
    exchange->free = false;
    run->added++;
    return true;
}

static void take_all(struct run *run)
{
    void *token;
    uint32_t written;
    int status;

    vdev_driver_queue_disarm(&run->pair->driver);
    do {
        while ((status = vdev_driver_queue_take(&run->pair->driver, &token, &written)) == VDEV_OK) {
            struct exchange *exchange = token;
            pair_require(!exchange->free);
            pair_require(written == exchange->expected_written);
            if (written == 12) {
                pair_require(exchange->answer[0] == exchange->question[0] * 3 + 1);
                pair_require(exchange->answer[1] == ~exchange->question[1]);
                pair_require(exchange->answer[2] == 8);
            } else if (written == 5) {
                pair_require(exchange->answer[0] == exchange->expected_answer);
            }
            exchange->free = true;
            run->taken++;
        }
        pair_require(status == VDEV_ERROR_EMPTY);
    } while (vdev_driver_queue_arm(&run->pair->driver));
}

static const uint16_t sizes[] = {1, 2, 8, 256, 1024};

/*
 * Each side acts only when it was told to: a notification or an interrupt that is wrongly kept back
 * stops everything, and shows as a stall.
 */
START_TEST(two_ends_through_every_wrap_of_the_index)
{
    uint16_t size = sizes[_i / 4];
    bool event_index = (_i & 1) != 0;
    uint16_t indirect_count = (_i & 2) != 0 ? (size < 4 ? size : 4) : 0;
    struct run run = {.pair = pair_open(size, event_index, indirect_count),
                      .random = 0x9e3779b9u + (uint32_t)_i};
    struct vdev_buffer buffers[8];
    struct vdev_chain chain = {.buffers = buffers, .capacity = 8};
    bool kicked = false, interrupted = false, more = false;

    for (unsigned i = 0; i < size; i++) {
        ((struct exchange *)(run.pair->data + i * PAIR_DATA))->free = true;
    }
    while (run.taken < ENTRIES) {
        uint32_t before = run.added + run.answered + run.taken;
        unsigned batch = 1 + pair_random(&run.random) % (2 * size);
        for (unsigned i = 0; i < batch && run.added < ENTRIES && add_one(&run); i++) {
        }
        if (vdev_driver_queue_publish(&run.pair->driver)) {
            run.kicks++;
            kicked = true;
        }
        unsigned held = run.held_count;
        if (kicked || more) {
            unsigned budget = 1 + pair_random(&run.random) % (2 * size);
            kicked = false;
            pair_require(vdev_device_queue_run(&run.pair->device, &chain, budget, answer, &run,
                                               &more) == VDEV_OK);
        }
        if (run.held_count == size || run.held_count == held || run.added == ENTRIES) {
            give_some(&run, pair_random(&run.random) % (run.held_count + 1));
        }
        if (vdev_device_queue_signal(&run.pair->device)) {
            run.interrupts++;
            interrupted = true;
        }
        if (interrupted) {
            interrupted = false;
            take_all(&run);
        }
        bool stalled = before == run.added + run.answered + run.taken && run.held_count == 0 &&
                       !kicked && !more;
        pair_require(!stalled);
    }
    ck_assert_uint_eq(run.answered, ENTRIES);
    ck_assert_uint_eq(run.pair->device.chains, ENTRIES);
    ck_assert_uint_eq(run.pair->device.malformed, 0);
    ck_assert_uint_eq(run.pair->driver.free_count, size);
    ck_assert_uint_eq(pair_used_index(run.pair), (uint16_t)ENTRIES);
    ck_assert_uint_le(run.kicks, ENTRIES);
    pair_close(run.pair);
}
END_TEST

/* ---- the device's end, function by function ---- */

START_TEST(nothing_to_take_and_not_live)
{
    struct pair *pair = pair_open(8, false, 0);
    struct vdev_buffer buffers[4];
    struct vdev_chain chain = {.buffers = buffers, .capacity = 4};

    ck_assert_int_eq(vdev_device_queue_take(&pair->device, &chain), VDEV_ERROR_EMPTY);
    vdev_device_queue_stop(&pair->device);
    pair_write(pair, 0, pair_guest(pair, pair->data), 4, 0, 0);
    pair_offer(pair, 0);
    ck_assert_int_eq(vdev_device_queue_take(&pair->device, &chain), VDEV_ERROR_STATE);
    ck_assert(!vdev_device_queue_arm(&pair->device));
    ck_assert(!vdev_device_queue_signal(&pair->device));
    pair_close(pair);
}
END_TEST

START_TEST(a_chain_has_its_buffers_in_order_and_direction)
{
    struct pair *pair = pair_open(8, false, 0);
    struct vdev_buffer buffers[4];
    struct vdev_chain chain = {.buffers = buffers, .capacity = 4};

    pair_write(pair, 5, PAIR_READ_ONLY + 4, 16, PAIR_NEXT, 2);
    pair_write(pair, 2, pair_guest(pair, pair->data), 10, PAIR_NEXT, 7);
    pair_write(pair, 7, pair_guest(pair, pair->data + 64), 20, PAIR_NEXT | PAIR_WRITE, 0);
    pair_write(pair, 0, pair_guest(pair, pair->data + 128), 1, PAIR_WRITE, 0xffff);
    pair_offer(pair, 5);
    ck_assert_int_eq(vdev_device_queue_take(&pair->device, &chain), VDEV_OK);
    ck_assert_uint_eq(chain.id, 5);
    ck_assert_uint_eq(chain.readable_count, 2);
    ck_assert_uint_eq(chain.writable_count, 2);
    ck_assert_uint_eq(chain.readable_length, 26);
    ck_assert_uint_eq(chain.writable_length, 21);
    ck_assert_ptr_eq(buffers[0].pointer, pair->read_only + 4);
    ck_assert_ptr_eq(buffers[1].pointer, pair->data);
    ck_assert_ptr_eq(buffers[2].pointer, pair->data + 64);
    ck_assert_ptr_eq(buffers[3].pointer, pair->data + 128);
    vdev_device_queue_give(&pair->device, chain.id, 21);
    ck_assert_uint_eq(pair_used_index(pair), 1);
    ck_assert_uint_eq(pair_used_id(pair, 0), 5);
    ck_assert_uint_eq(pair_used_length(pair, 0), 21);
    pair_close(pair);
}
END_TEST

START_TEST(a_buffer_across_adjoining_regions_is_split)
{
    struct pair *pair = pair_open(8, false, 0);
    uint8_t low[32], high[32];
    struct vdev_memory_region regions[3] = {
        {0x1000, sizeof low, low, 0x71000, true},
        {0x1000 + sizeof low, sizeof high, high, VDEV_NO_BUS_ADDRESS, true},
        pair->regions[1],
    };
    struct vdev_buffer buffers[2];
    struct vdev_chain chain = {.buffers = buffers, .capacity = 2};

    ck_assert_int_eq(vdev_memory_init(&pair->memory, regions, 3), VDEV_OK);
    pair_write(pair, 0, 0x1000 + 24, 16, PAIR_WRITE, 0);
    pair_offer(pair, 0);
    ck_assert_int_eq(vdev_device_queue_take(&pair->device, &chain), VDEV_OK);
    ck_assert_uint_eq(chain.writable_count, 2);
    ck_assert_uint_eq(chain.writable_length, 16);
    ck_assert_ptr_eq(buffers[0].pointer, low + 24);
    ck_assert_uint_eq(buffers[0].bus_address, 0x71000 + 24);
    ck_assert_ptr_eq(buffers[1].pointer, high);
    ck_assert_uint_eq(buffers[1].length, 8);
    pair_close(pair);
}
END_TEST

START_TEST(a_ring_that_cannot_be_started_is_refused)
{
    struct pair *pair = pair_open(8, false, 0);
    struct vdev_device_queue *queue = &pair->device;
    const struct vdev_virtqueue_configuration good = pair->configuration;
    struct vdev_virtqueue_configuration bad;
    static const uint16_t bad_sizes[] = {0, 3, 12, 32769, 65535};

    for (unsigned i = 0; i < sizeof bad_sizes / sizeof bad_sizes[0]; i++) {
        bad = good;
        bad.size = bad_sizes[i];
        ck_assert_int_eq(vdev_device_queue_start(queue, &pair->memory, &bad), VDEV_ERROR_INVALID);
    }
    bad = good;
    bad.packed = true;
    ck_assert_int_eq(vdev_device_queue_start(queue, &pair->memory, &bad), VDEV_ERROR_UNSUPPORTED);
    bad = good;
    bad.descriptor_address += 8;
    ck_assert_int_eq(vdev_device_queue_start(queue, &pair->memory, &bad), VDEV_ERROR_RANGE);
    bad = good;
    bad.driver_address += 1;
    ck_assert_int_eq(vdev_device_queue_start(queue, &pair->memory, &bad), VDEV_ERROR_RANGE);
    bad = good;
    bad.device_address += 2;
    ck_assert_int_eq(vdev_device_queue_start(queue, &pair->memory, &bad), VDEV_ERROR_RANGE);
    bad = good;
    bad.descriptor_address = UINT64_MAX - 15; /* the table would wrap */
    ck_assert_int_eq(vdev_device_queue_start(queue, &pair->memory, &bad), VDEV_ERROR_RANGE);
    bad = good;
    bad.device_address = PAIR_BASE + pair->arena_bytes - 16; /* begins in memory, ends outside */
    ck_assert_int_eq(vdev_device_queue_start(queue, &pair->memory, &bad), VDEV_ERROR_RANGE);
    bad = good;
    bad.device_address = PAIR_READ_ONLY; /* the device must write the used ring */
    ck_assert_int_eq(vdev_device_queue_start(queue, &pair->memory, &bad), VDEV_ERROR_RANGE);
    ck_assert(!queue->live);
    bad = good;
    bad.driver_address = PAIR_READ_ONLY; /* and only reads the available one */
    ck_assert_int_eq(vdev_device_queue_start(queue, &pair->memory, &bad), VDEV_OK);
    pair_close(pair);
}
END_TEST

START_TEST(a_moved_queue_goes_on_where_it_was)
{
    struct pair *pair = pair_open(4, true, 0);
    struct vdev_buffer buffers[4];
    struct vdev_chain chain = {.buffers = buffers, .capacity = 4};

    pair->configuration.start_index = 65535;
    ck_assert_int_eq(vdev_device_queue_start(&pair->device, &pair->memory, &pair->configuration),
                     VDEV_OK);
    pair->available[1] = 65535;
    pair->available[2 + 4] = 65535; /* used event */
    pair_write(pair, 1, pair_guest(pair, pair->data), 4, 0, 0);
    pair_write(pair, 2, pair_guest(pair, pair->data), 4, 0, 0);
    pair_offer(pair, 1);
    pair_offer(pair, 2);
    ck_assert_int_eq(vdev_device_queue_take(&pair->device, &chain), VDEV_OK);
    ck_assert_uint_eq(chain.id, 1);
    vdev_device_queue_give(&pair->device, 1, 0);
    ck_assert(vdev_device_queue_signal(&pair->device));
    ck_assert_uint_eq(pair_used_index(pair), 0);
    ck_assert_uint_eq(pair_used_id(pair, 65535), 1);
    ck_assert_int_eq(vdev_device_queue_take(&pair->device, &chain), VDEV_OK);
    ck_assert_uint_eq(chain.id, 2);
    pair_close(pair);
}
END_TEST

static bool refuse(void *device, struct vdev_chain *chain)
{
    (void)chain;
    ++*(unsigned *)device;
    return false;
}

static bool give_at_once(void *device, struct vdev_chain *chain)
{
    vdev_device_queue_give(device, chain->id, 0);
    return true;
}

START_TEST(a_chain_that_was_refused_stays_first)
{
    struct pair *pair = pair_open(4, false, 0);
    struct vdev_buffer buffers[4];
    struct vdev_chain chain = {.buffers = buffers, .capacity = 4};
    unsigned asked = 0;
    bool more = false;

    for (uint16_t i = 0; i < 2; i++) {
        pair_write(pair, i, pair_guest(pair, pair->data), 4, 0, 0);
        pair_offer(pair, i);
    }
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(vdev_device_queue_run(&pair->device, &chain, 100, refuse, &asked, &more),
                         VDEV_OK);
        ck_assert(more);
        ck_assert_uint_eq(chain.id, 0);
        ck_assert_uint_eq(pair->used[0] & 0xffff, 1); /* no notifications meanwhile */
    }
    ck_assert_uint_eq(asked, 3);
    ck_assert_uint_eq(pair->device.chains, 0);
    ck_assert_int_eq(
        vdev_device_queue_run(&pair->device, &chain, 100, give_at_once, &pair->device, &more),
        VDEV_OK);
    ck_assert(!more);
    ck_assert_uint_eq(pair_used_index(pair), 2);
    ck_assert_uint_eq(pair->used[0] & 0xffff, 0); /* armed again */
    pair_close(pair);
}
END_TEST

START_TEST(a_budget_ends_a_run)
{
    struct pair *pair = pair_open(8, false, 0);
    struct vdev_buffer buffers[4];
    struct vdev_chain chain = {.buffers = buffers, .capacity = 4};
    bool more = false;

    for (uint16_t i = 0; i < 8; i++) {
        /* Every second one is malformed: those count too. */
        pair_write(pair, i, i % 2 == 0 ? 0 : pair_guest(pair, pair->data), 4, 0, 0);
        pair_offer(pair, i);
    }
    ck_assert_int_eq(
        vdev_device_queue_run(&pair->device, &chain, 5, give_at_once, &pair->device, &more),
        VDEV_OK);
    ck_assert(more);
    ck_assert_uint_eq(pair_used_index(pair), 5);
    ck_assert_uint_eq(pair->device.malformed, 3);
    pair_close(pair);
}
END_TEST

START_TEST(without_event_index_only_the_flags_count)
{
    struct pair *pair = pair_open(4, false, 0);
    struct vdev_buffer buffers[4];
    struct vdev_chain chain = {.buffers = buffers, .capacity = 4};

    /* Event fields that would decide otherwise if the code looked at them. */
    pair->available[2 + 4] = 0x1234;
    pair->used[1 + 2 * 4] = 0x1234; /* past the end by one halfword of padding: ours to write */
    for (uint16_t i = 0; i < 4; i++) {
        pair->available[0] = i % 2; /* flags: no interrupt */
        pair_write(pair, i, pair_guest(pair, pair->data), 4, 0, 0);
        pair_offer(pair, i);
        ck_assert_int_eq(vdev_device_queue_take(&pair->device, &chain), VDEV_OK);
        vdev_device_queue_give(&pair->device, chain.id, 0);
        ck_assert_int_eq(vdev_device_queue_signal(&pair->device), i % 2 == 0);
        ck_assert(!vdev_device_queue_signal(&pair->device)); /* nothing given since */
    }
    vdev_device_queue_disarm(&pair->device);
    ck_assert_uint_eq(pair->used[0] & 0xffff, 1);
    ck_assert(!vdev_device_queue_arm(&pair->device));
    ck_assert_uint_eq(pair->used[0] & 0xffff, 0);
    ck_assert_uint_eq(pair->used[1 + 2 * 4], 0x1234);
    pair_close(pair);
}
END_TEST

START_TEST(with_event_index_only_the_event_counts)
{
    struct pair *pair = pair_open(4, true, 0);
    struct vdev_buffer buffers[4];
    struct vdev_chain chain = {.buffers = buffers, .capacity = 4};

    pair->available[0] = 1;     /* flags: to be ignored */
    pair->available[2 + 4] = 2; /* interrupt when the third is used */
    for (uint16_t i = 0; i < 4; i++) {
        pair_write(pair, i, pair_guest(pair, pair->data), 4, 0, 0);
        pair_offer(pair, i);
        ck_assert_int_eq(vdev_device_queue_take(&pair->device, &chain), VDEV_OK);
        vdev_device_queue_give(&pair->device, chain.id, 0);
        ck_assert_int_eq(vdev_device_queue_signal(&pair->device), i == 2);
    }
    ck_assert(!vdev_device_queue_arm(&pair->device));
    ck_assert_uint_eq(pair->used[1 + 2 * 4] & 0xffff, 4); /* tell me of the fifth */
    ck_assert_uint_eq(pair->used[0] & 0xffff, 0);
    pair_offer(pair, 0);
    ck_assert(vdev_device_queue_arm(&pair->device)); /* there already: go on */
    pair_close(pair);
}
END_TEST

/* ---- the driver's end, function by function ---- */

START_TEST(requests_that_cannot_be_added)
{
    struct pair *pair = pair_open(4, false, 0);
    struct vdev_driver_queue *queue = &pair->driver;
    struct vdev_buffer one = pair_buffer(pair, pair->data, 16);
    struct vdev_buffer empty = pair_buffer(pair, pair->data, 0);
    struct vdev_buffer no_bus = {pair->data, 16, VDEV_NO_BUS_ADDRESS};
    struct vdev_buffer five[5] = {one, one, one, one, one};
    struct vdev_buffer mixed[3] = {empty, one, empty};
    int token;

    ck_assert_int_eq(vdev_driver_queue_add(queue, NULL, 0, NULL, 0, &token), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_driver_queue_add(queue, &empty, 1, NULL, 0, &token), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_driver_queue_add(queue, &one, 1, NULL, 0, NULL), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_driver_queue_add(queue, NULL, 0, &no_bus, 1, &token), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_driver_queue_add(queue, five, 5, NULL, 0, &token), VDEV_ERROR_INVALID);
#if SIZE_MAX > UINT32_MAX
    struct vdev_buffer huge[2] = {{pair->data, 0x80000000u, 0}, {pair->data, 0x80000000u, 0}};
    ck_assert_int_eq(vdev_driver_queue_add(queue, huge, 1, huge + 1, 1, &token),
                     VDEV_ERROR_INVALID);
    huge[0].length = (size_t)UINT32_MAX + 1;
    ck_assert_int_eq(vdev_driver_queue_add(queue, huge, 1, NULL, 0, &token), VDEV_ERROR_INVALID);
#endif
    ck_assert(!vdev_driver_queue_publish(queue)); /* nothing added, nobody to notify */
    ck_assert_int_eq(vdev_driver_queue_add(queue, five, 2, five, 1, &token), VDEV_OK);
    ck_assert_int_eq(vdev_driver_queue_add(queue, one.length ? five : NULL, 2, NULL, 0, &token),
                     VDEV_ERROR_FULL);
    ck_assert_int_eq(vdev_driver_queue_add(queue, mixed, 3, NULL, 0, &token), VDEV_OK);
    ck_assert_int_eq(vdev_driver_queue_add(queue, &one, 1, NULL, 0, &token), VDEV_ERROR_FULL);
    ck_assert_uint_eq(pair_available_index(pair), 0); /* unseen until published */
    ck_assert(vdev_driver_queue_publish(queue));
    ck_assert_uint_eq(pair_available_index(pair), 2);
    pair_close(pair);
}
END_TEST

START_TEST(two_buffers_go_indirect_and_take_one_descriptor)
{
    struct pair *pair = pair_open(4, false, 3);
    struct vdev_buffer one = pair_buffer(pair, pair->data, 16);
    struct vdev_buffer list[4] = {one, one, one, one};
    struct vdev_buffer buffers[4];
    struct vdev_chain chain = {.buffers = buffers, .capacity = 4};
    int token;

    for (unsigned i = 0; i < 4; i++) {
        ck_assert_int_eq(vdev_driver_queue_add(&pair->driver, list, 2, list, 1, &token), VDEV_OK);
    }
    ck_assert_int_eq(vdev_driver_queue_add(&pair->driver, list, 1, NULL, 0, &token),
                     VDEV_ERROR_FULL);
    vdev_driver_queue_publish(&pair->driver);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_eq(pair->descriptors[i].flags, PAIR_INDIRECT);
        ck_assert_uint_eq(pair->descriptors[i].length, 48);
        ck_assert_int_eq(vdev_device_queue_take(&pair->device, &chain), VDEV_OK);
        ck_assert_uint_eq(chain.readable_count, 2);
        ck_assert_uint_eq(chain.writable_count, 1);
        vdev_device_queue_give(&pair->device, chain.id, 0);
    }
    void *back;
    uint32_t written;
    while (vdev_driver_queue_take(&pair->driver, &back, &written) == VDEV_OK) {
    }
    /* One buffer needs no table, four do not fit in one: both go direct. */
    ck_assert_int_eq(vdev_driver_queue_add(&pair->driver, list, 4, NULL, 0, &token), VDEV_OK);
    ck_assert_uint_eq(pair->driver.free_count, 0);
    pair_close(pair);
}
END_TEST

START_TEST(a_driver_ring_that_cannot_be_laid_out_is_refused)
{
    struct pair *pair = pair_open(4, false, 2);
    struct vdev_driver_queue_memory bad = pair->driver_memory;
    struct vdev_virtqueue_configuration configuration = pair->configuration;
    struct vdev_driver_queue queue;
    int token;

    bad.descriptors.length--;
    ck_assert_int_eq(vdev_driver_queue_start(&queue, &bad, &configuration), VDEV_ERROR_INVALID);
    struct vdev_buffer one = pair_buffer(pair, pair->data, 16);
    ck_assert_int_eq(vdev_driver_queue_add(&queue, &one, 1, NULL, 0, &token), VDEV_ERROR_CORRUPT);
    bad = pair->driver_memory;
    bad.driver.bus_address++;
    ck_assert_int_eq(vdev_driver_queue_start(&queue, &bad, &configuration), VDEV_ERROR_INVALID);
    bad = pair->driver_memory;
    bad.device.bus_address = VDEV_NO_BUS_ADDRESS;
    ck_assert_int_eq(vdev_driver_queue_start(&queue, &bad, &configuration), VDEV_ERROR_INVALID);
    bad = pair->driver_memory;
    bad.indirect_count = 5; /* longer than the queue */
    ck_assert_int_eq(vdev_driver_queue_start(&queue, &bad, &configuration), VDEV_ERROR_INVALID);
    bad = pair->driver_memory;
    bad.indirect.length--;
    ck_assert_int_eq(vdev_driver_queue_start(&queue, &bad, &configuration), VDEV_ERROR_INVALID);
    configuration.indirect = false; /* not negotiated: the tables do not matter */
    ck_assert_int_eq(vdev_driver_queue_start(&queue, &bad, &configuration), VDEV_OK);
    configuration.size = 6;
    ck_assert_int_eq(vdev_driver_queue_start(&queue, &bad, &configuration), VDEV_ERROR_INVALID);
    configuration.size = 4;
    configuration.packed = true;
    ck_assert_int_eq(vdev_driver_queue_start(&queue, &bad, &configuration), VDEV_ERROR_UNSUPPORTED);
    pair_close(pair);
}
END_TEST

START_TEST(drain_hands_back_each_token_once)
{
    struct pair *pair = pair_open(8, false, 0);
    struct vdev_buffer list[2] = {pair_buffer(pair, pair->data, 16),
                                  pair_buffer(pair, pair->data + 16, 16)};
    int tokens[4];
    unsigned seen[4] = {0};
    void *token;
    uint32_t written;

    for (unsigned i = 0; i < 4; i++) {
        ck_assert_int_eq(vdev_driver_queue_add(&pair->driver, list, 2, NULL, 0, &tokens[i]),
                         VDEV_OK);
    }
    vdev_driver_queue_publish(&pair->driver);
    pair_use(pair, 2, 0); /* the second request's head */
    ck_assert_int_eq(vdev_driver_queue_take(&pair->driver, &token, &written), VDEV_OK);
    ck_assert_ptr_eq(token, &tokens[1]);
    while ((token = vdev_driver_queue_drain(&pair->driver)) != NULL) {
        seen[(int *)token - tokens]++;
    }
    ck_assert(seen[0] == 1 && seen[1] == 0 && seen[2] == 1 && seen[3] == 1);
    ck_assert_ptr_null(vdev_driver_queue_drain(&pair->driver));
    ck_assert_int_eq(vdev_driver_queue_add(&pair->driver, list, 1, NULL, 0, tokens),
                     VDEV_ERROR_CORRUPT);
    ck_assert_int_eq(
        vdev_driver_queue_start(&pair->driver, &pair->driver_memory, &pair->configuration),
        VDEV_OK);
    ck_assert_int_eq(vdev_driver_queue_add(&pair->driver, list, 1, NULL, 0, tokens), VDEV_OK);
    pair_close(pair);
}
END_TEST

START_TEST(the_parts_have_the_specified_sizes)
{
    ck_assert_uint_eq(vdev_virtqueue_descriptor_bytes(256), 4096);
    ck_assert_uint_eq(vdev_virtqueue_driver_bytes(256), 518);
    ck_assert_uint_eq(vdev_virtqueue_device_bytes(256), 2054);
    ck_assert_uint_eq(vdev_virtqueue_descriptor_bytes(32768), 524288);
    ck_assert_uint_eq(vdev_virtqueue_device_bytes(32768), 262150);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring");
    TCase *wraps = tcase_create("wraps");
    tcase_set_timeout(wraps, 60);
    tcase_add_loop_test(wraps, two_ends_through_every_wrap_of_the_index, 0,
                        4 * (int)(sizeof sizes / sizeof sizes[0]));
    suite_add_tcase(suite, wraps);
    TCase *device = tcase_create("device");
    tcase_add_test(device, nothing_to_take_and_not_live);
    tcase_add_test(device, a_chain_has_its_buffers_in_order_and_direction);
    tcase_add_test(device, a_buffer_across_adjoining_regions_is_split);
    tcase_add_test(device, a_ring_that_cannot_be_started_is_refused);
    tcase_add_test(device, a_moved_queue_goes_on_where_it_was);
    tcase_add_test(device, a_chain_that_was_refused_stays_first);
    tcase_add_test(device, a_budget_ends_a_run);
    tcase_add_test(device, without_event_index_only_the_flags_count);
    tcase_add_test(device, with_event_index_only_the_event_counts);
    suite_add_tcase(suite, device);
    TCase *driver = tcase_create("driver");
    tcase_add_test(driver, requests_that_cannot_be_added);
    tcase_add_test(driver, two_buffers_go_indirect_and_take_one_descriptor);
    tcase_add_test(driver, a_driver_ring_that_cannot_be_laid_out_is_refused);
    tcase_add_test(driver, drain_hands_back_each_token_once);
    tcase_add_test(driver, the_parts_have_the_specified_sizes);
    suite_add_tcase(suite, driver);
    return pair_main(suite);
}
