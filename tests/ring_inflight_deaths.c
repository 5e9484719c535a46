/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device that is killed again and again, and what it has in flight: as the driver sees it, each
 * request completes, and completes once. And notes that say anything.
 */
#include "ring_inflight.h"

/* ---- lives and deaths ---- */

#define SIZE_MAXIMUM 16u

/* What only the driver knows. */
static struct {
    uint64_t turn[SIZE_MAXIMUM]; /* the how many-th request this head is */
    bool offered[SIZE_MAXIMUM];
    bool malformed[SIZE_MAXIMUM];
    bool taken[SIZE_MAXIMUM]; /* in this life; a device's word */
    uint64_t requests, completed;
    uint16_t seen;
    uint32_t random;
    bool quiet; /* no more requests */
} model;

static struct {
    uint16_t ids[SIZE_MAXIMUM]; /* taken and not given back, the last taken last */
    unsigned count;
    unsigned last; /* of these, none that was taken after them was given back */
} held;

static unsigned chance(unsigned of)
{
    return pair_random(&model.random) % of;
}

static void drive(void)
{
    while (model.seen != pair_used_index(pair)) {
        uint32_t id = pair_used_id(pair, model.seen);
        uint32_t length = pair_used_length(pair, model.seen);
        pair_require(id < pair->size && model.offered[id]); /* not twice */
        pair_require(model.malformed[id] ? length == 0
                                         : length == 0 || length == 1 + model.turn[id] % 10);
        model.offered[id] = false;
        model.completed++;
        model.seen++;
    }
    if (model.quiet) {
        return;
    }
    for (unsigned i = chance(4); i != 0; i--) {
        uint16_t head = (uint16_t)chance(pair->size);
        if (!model.offered[head]) {
            model.offered[head] = true;
            model.taken[head] = false;
            model.malformed[head] = chance(12) == 0;
            model.turn[head] = model.requests++;
            pair->descriptors[head].address =
                model.malformed[head] ? 0 : pair_guest(pair, pair->data);
            pair_offer(pair, head);
        }
    }
}

/* The driver is on another CPU. */
static void drive_meanwhile(void)
{
    if (chance(6) == 0) {
        drive();
    }
}

/* The oldest request that was not completed, nor taken in this life: that one, and no other. */
static void expect_taken(uint16_t id)
{
    pair_require(id < pair->size && model.offered[id] && !model.taken[id] && !model.malformed[id]);
    for (unsigned i = 0; i < pair->size; i++) {
        pair_require(!model.offered[i] || model.taken[i] || model.malformed[i] ||
                     model.turn[i] >= model.turn[id]);
    }
    model.taken[id] = true;
    held.ids[held.count++] = id;
    held.last++;
}

static uint32_t length_of(uint16_t id)
{
    return (uint32_t)(1 + model.turn[id] % 10);
}

static uint16_t let_go(unsigned at)
{
    uint16_t id = held.ids[at];
    memmove(&held.ids[at], &held.ids[at + 1], (held.count - at - 1) * sizeof held.ids[0]);
    held.count--;
    if (held.count - at < held.last) {
        held.last = held.count - at;
    }
    return id;
}

static void give_some(void)
{
    if (held.count == 0) {
        return;
    }
    if (chance(2) == 0) {
        uint16_t id = let_go(chance(held.count));
        vdev_device_queue_give(&pair->device, id, length_of(id));
        return;
    }
    struct vdev_used_chain batch[SIZE_MAXIMUM];
    unsigned count = 1 + chance(held.count);
    for (unsigned i = 0; i < count; i++) {
        batch[i].id = let_go(chance(held.count));
        batch[i].written = length_of(batch[i].id);
    }
    vdev_device_queue_give_all(&pair->device, batch, count);
}

static void put_some_back(void)
{
    unsigned count = held.last == 0 ? 0 : 1 + chance(held.last);
    uint16_t ids[SIZE_MAXIMUM];
    memcpy(ids, &held.ids[held.count - count], count * sizeof ids[0]);
    if (vdev_device_queue_untake(&pair->device, count)) {
        for (unsigned i = 0; i < count; i++) {
            model.taken[ids[i]] = false;
        }
        held.count -= count;
        held.last -= count;
    }
}

static bool on_chain(void *device, struct vdev_chain *chain)
{
    expect_taken(chain->id);
    switch (chance(4)) {
    case 0:
        model.taken[chain->id] = false;
        let_go(held.count - 1);
        return false;
    case 1:
        vdev_device_queue_give(device, let_go(held.count - 1), length_of(chain->id));
        return true;
    default:
        return true;
    }
}

static void live_a_little(void)
{
    struct vdev_chain chain = {.buffers = buffers, .capacity = 8};
    bool more;

    switch (chance(9)) {
    case 0:
    case 1:
    case 2:
        switch (vdev_device_queue_take(&pair->device, &chain)) {
        case VDEV_OK:
            expect_taken(chain.id);
            break;
        case VDEV_ERROR_EMPTY:
            break;
        default:
            ck_abort_msg("a ring that is sound");
        }
        break;
    case 3:
        put_some_back();
        break;
    case 4:
        if (held.last != 0) {
            vdev_device_queue_refuse(&pair->device, let_go(held.count - 1));
        }
        break;
    case 5:
        pair_require(vdev_device_queue_run(&pair->device, &chain, 1 + chance(8), on_chain,
                                           &pair->device, &more) == VDEV_OK);
        break;
    case 6:
        vdev_device_queue_signal(&pair->device);
        vdev_device_queue_arm(&pair->device);
        break;
    default:
        give_some();
        break;
    }
}

#define SEEDS 80u
#define LIVES 200u

static void be_born(void)
{
    memset(&held, 0, sizeof held);
    memset(model.taken, 0, sizeof model.taken);
    pair_require(start() == VDEV_OK);
}

/* Everything that was asked for completes, and the notes are clean. */
static void end_well(void)
{
    model.quiet = true;
    for (unsigned i = 0; i < 2000 && model.completed != model.requests; i++) {
        live_a_little();
        drive();
    }
    ck_assert_uint_eq(model.completed, model.requests);
    ck_assert_uint_eq(get16(USED), pair_used_index(pair));
    for (unsigned i = 0; i < pair->size; i++) {
        ck_assert(!is_noted(i));
    }
}

START_TEST(each_request_completes_once_through_any_deaths)
{
    volatile unsigned deaths = 0;
    close_ring();
    for (volatile uint32_t seed = 1; seed <= SEEDS; seed++) {
        memset(&model, 0, sizeof model);
        model.random = seed * 2654435761u;
        open_ring((uint16_t)(2u << seed % 4), seed % 3 == 0);
        model.seen = (uint16_t)(0u - 300u * (seed % 2)); /* over the end of the indices, too */
        pair->available[1] = model.seen;
        pair->used[0] = (uint32_t)model.seen << 16;
        on_store = drive_meanwhile;
        volatile unsigned lives = 0;
        if (setjmp(killed) != 0) {
            deaths++;
        }
        /* Here at first, and after each death. */
        left = ++lives <= LIVES ? 1 + chance(chance(4) == 0 ? 20 : 500) : 0;
        drive();
        be_born();
        for (unsigned i = 0; lives <= LIVES; i++) {
            live_a_little();
            drive();
        }
        end_well();
        ck_assert_uint_gt(model.requests, 1000);
        close_ring();
    }
    ck_assert_uint_eq(deaths, SEEDS * LIVES);
    setup();
}
END_TEST

/* A short life, always the same: two batches and single ones, out of order, some put back. */
static void short_life(void)
{
    uint16_t id;
    struct vdev_used_chain batch[2] = {{.id = 5}, {.id = 1}};

    for (unsigned i = 0; i < 5; i++) {
        take_one(&id);
    }
    vdev_device_queue_give_all(&pair->device, batch, 2);
    vdev_device_queue_untake(&pair->device, 1);
    vdev_device_queue_give(&pair->device, 3, 1);
    take_one(&id);
    batch[0].id = 4;
    batch[1].id = 2;
    vdev_device_queue_give_all(&pair->device, batch, 2);
}

/* The driver's view at the end: what was used after the first life, and the second, and now. */
static bool complete_the_rest(void)
{
    unsigned times[8] = {0};
    uint16_t id;
    while (take_one(&id) == VDEV_OK) {
        vdev_device_queue_give(&pair->device, id, 1);
    }
    for (uint16_t i = 0; i != pair_used_index(pair); i++) {
        times[pair_used_id(pair, i)]++;
    }
    for (unsigned i = 0; i < 8; i++) {
        if (times[i] != (i != 0)) {
            return false;
        }
    }
    return pair_used_index(pair) == 7;
}

/* Killed after store `first` of its life, and again after store `second` of its start: how often?
 */
static int die_twice(unsigned first, unsigned second)
{
    volatile int deaths = 0;
    close_ring();
    open_ring(8, false);
    ck_assert_int_eq(start(), VDEV_OK);
    offer_heads("5132476");
    if (setjmp(killed) != 0) {
        deaths = deaths + 1;
    }
    left = deaths == 0 ? first : deaths == 1 ? second : 0;
    if (deaths == 0) {
        short_life();
    } else {
        ck_assert_int_eq(start(), VDEV_OK);
    }
    left = 0;
    pair_require(complete_the_rest());
    return deaths;
}

START_TEST(killed_at_every_store_and_at_every_store_of_the_restart)
{
    unsigned first = 1, pairs = 0;
    int deaths = 1;
    for (; deaths != 0; first++) {
        for (unsigned second = 1; (deaths = die_twice(first, second)) == 2; second++) {
            pairs++;
        }
    }
    ck_assert_uint_gt(first, 40);
    ck_assert_uint_gt(pairs, 200);
}
END_TEST

START_TEST(killed_while_the_notes_are_made_new)
{
    for (volatile unsigned stores = 1;; stores++) {
        close_ring();
        open_ring(8, false);
        note_queue(1, 8, 3, 0);
        notes[0] = 1; /* a feature */
        for (unsigned i = 0; i < 8; i++) {
            note(i, i, 0);
        }
        left = stores;
        if (setjmp(killed) == 0) {
            ck_assert_int_eq(start(), VDEV_OK);
            ck_assert_uint_ne(left, 0);
        }
        bool over = left != 0;
        left = 0;
        ck_assert_int_eq(start(), VDEV_OK);
        ck_assert_uint_eq(pair->device.retake_count, 0);
        ck_assert_uint_eq(pair->device.next_available, 0);
        ck_assert_uint_eq(get16(VERSION), 1);
        if (over) {
            ck_assert_uint_gt(stores, 24);
            break;
        }
    }
}
END_TEST

/* ---- hostile notes ---- */

static void scribble(void)
{
    if (chance(3) == 0) {
        size_t bytes = vdev_device_queue_inflight_bytes(pair->size);
        notes[chance((unsigned)bytes)] = (uint8_t)chance(chance(2) == 0 ? 2 : 256);
    }
}

static bool on_any_chain(void *device, struct vdev_chain *chain)
{
    pair_require(pair_chain_is_sound(pair, chain));
    if (chance(4) == 0) {
        return false;
    }
    if (chance(2) == 0) {
        vdev_device_queue_give(device, chain->id, 1);
    }
    return true;
}

static void live_among_lies(void)
{
    struct vdev_chain chain = {.buffers = buffers, .capacity = 8};
    const struct vdev_used_chain batch[2] = {{1, (uint16_t)chance(9)}, {1, (uint16_t)chance(9)}};
    unsigned taken = 0;
    bool more;

    while (vdev_device_queue_take(&pair->device, &chain) == VDEV_OK) {
        pair_require(pair_chain_is_sound(pair, &chain));
        pair_require(++taken <= 2u * pair->size);
    }
    for (unsigned i = 0; i < 40; i++) {
        switch (chance(5)) {
        case 0:
            vdev_device_queue_untake(&pair->device, chance(6));
            break;
        case 1:
            vdev_device_queue_give_all(&pair->device, batch, chance(3));
            break;
        case 2:
            vdev_device_queue_refuse(&pair->device, (uint16_t)chance(pair->size));
            break;
        case 3:
            pair_offer(pair, (uint16_t)chance(pair->size));
            break;
        default:
            vdev_device_queue_run(&pair->device, &chain, 1 + chance(8), on_any_chain, &pair->device,
                                  &more);
            break;
        }
        vdev_device_queue_signal(&pair->device);
    }
}

START_TEST(whatever_the_notes_say_the_rings_and_what_is_beside_them_are_safe)
{
    unsigned again = 0;
    close_ring();
    memset(&model, 0, sizeof model);
    for (unsigned round = 1; round <= 4000; round++) {
        model.random = round * 2654435761u;
        open_ring((uint16_t)(1u << chance(5)), chance(2) == 0);
        size_t bytes = vdev_device_queue_inflight_bytes(pair->size);
        for (size_t i = 0; i < bytes; i++) {
            notes[i] = (uint8_t)chance(256);
        }
        uint16_t index = (uint16_t)chance(65536);
        pair->used[0] = (uint32_t)index << 16;
        pair->available[1] = (uint16_t)(index + chance(pair->size + 1u));
        memset((void *)(uintptr_t)(pair->available + 2), 0, pair->size * 2u);
        if (chance(8) != 0) { /* nearly true */
            memset(notes, 0, 8);
            note_queue(1, pair->size, get16(LAST_BATCH) % (2 * pair->size),
                       (uint16_t)(index - chance(pair->size + 2u)));
        }
        uint8_t *copy = malloc(pair->arena_bytes);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, pair->arena, pair->arena_bytes);
        on_store = chance(2) == 0 ? scribble : NULL;
        ck_assert_int_eq(start(), VDEV_OK);
        again += pair->device.retake_count;
        live_among_lies();
        /* Descriptors, tables and data: the device's end writes none of these. */
        pair_require(memcmp(copy, pair->arena, pair->size * 16u) == 0);
        size_t tables = (size_t)(pair->tables - pair->arena);
        pair_require(memcmp(copy + tables, pair->tables, pair->arena_bytes - tables) == 0);
        free(copy);
        close_ring();
    }
    ck_assert_uint_gt(again, 4000); /* or else it was all as good as none */
    setup();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring_inflight_deaths");
    TCase *deaths = tcase_create("deaths");
    tcase_add_checked_fixture(deaths, setup, close_ring);
    tcase_set_timeout(deaths, 60);
    tcase_add_test(deaths, each_request_completes_once_through_any_deaths);
    tcase_add_test(deaths, killed_at_every_store_and_at_every_store_of_the_restart);
    tcase_add_test(deaths, killed_while_the_notes_are_made_new);
    tcase_add_test(deaths, whatever_the_notes_say_the_rings_and_what_is_beside_them_are_safe);
    suite_add_tcase(suite, deaths);
    return pair_main(suite);
}
