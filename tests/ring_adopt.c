/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking over the device's end of a ring whose device is gone: is it told which chains are in
 * flight? A driver's end that is strict about what comes back, a device that completes in any order
 * and stops anywhere, and rings that nobody of good will left.
 */
#include "support/virtio_machine.h"

#include <stdio.h>

#include <vdev/virtqueue.h>

#include "ring/split_adopt.h"

#define SIZE_MAXIMUM VDEV_RING_ADOPTION_MAXIMUM

static struct machine machine;
static struct vdev_driver_queue driver;
static struct vdev_device_queue adopted;
static struct vdev_driver_slot driver_slots[SIZE_MAXIMUM];
static struct vdev_virtqueue_configuration configuration;
static struct vdev_ring_adoption adoption;
static unsigned untold;
static uint32_t state; /* of the random numbers */

/* The device: what it has taken and not given back. */
static uint16_t next_available, next_used;
static struct {
    uint16_t head, at;
} taken[SIZE_MAXIMUM];
static unsigned taken_count;
static unsigned swap; /* it completes the oldest first, but for one time in so many */

static unsigned draw(unsigned bound)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % bound;
}

static void start(uint16_t size, uint16_t indirect)
{
    machine.used = 0;
    memset(machine.memory, 0, MACHINE_BYTES);
    struct vdev_driver_queue_memory memory =
        machine_queue_memory(&machine, size, indirect, driver_slots);
    configuration = (struct vdev_virtqueue_configuration){.size = size, .indirect = indirect != 0};
    ck_assert_int_eq(vdev_driver_queue_start(&driver, &memory, &configuration), VDEV_OK);
    next_available = next_used = 0;
    taken_count = 0;
    swap = 1;
}

/* One to three descriptors, or as many in a table. */
static bool add(void)
{
    struct vdev_buffer pieces[3];
    unsigned count = 1 + draw(3);

    for (unsigned i = 0; i < count; i++) {
        pieces[i] = (struct vdev_buffer){machine.memory + MACHINE_BYTES - 64, 8,
                                         MACHINE_MEMORY + MACHINE_BYTES - 64};
    }
    if (vdev_driver_queue_add(&driver, pieces, count - 1, pieces + count - 1, 1, &machine) !=
        VDEV_OK) {
        return false;
    }
    vdev_driver_queue_publish(&driver);
    return true;
}

static void device_takes(unsigned at_once)
{
    const struct vring_avail *available = driver.memory.driver.pointer;

    while (taken_count < at_once && next_available != available->idx) {
        taken[taken_count].head = available->ring[next_available % driver.size];
        taken[taken_count++].at = next_available++;
    }
}

static void device_gives(unsigned index)
{
    struct vring_used *used = driver.memory.device.pointer;

    used->ring[next_used++ % driver.size] =
        (struct vring_used_elem){.id = taken[index].head, .len = 1};
    used->idx = next_used;
    taken_count--;
    memmove(&taken[index], &taken[index + 1], (taken_count - index) * sizeof taken[0]);
}

static void driver_collects(void)
{
    void *token;
    uint32_t written;

    while (vdev_driver_queue_take(&driver, &token, &written) == VDEV_OK) {
    }
    ck_assert(!driver.corrupt);
}

static int adopt(void)
{
    int status;
    unsigned calls = 0;

    memset(&adoption, 0, sizeof adoption);
    do {
        status = vdev_ring_adopt(&adoption, &adopted, &machine.map, &configuration, &untold);
        ck_assert_uint_le(++calls, 3 * SIZE_MAXIMUM / RING_ADOPTION_STEPS);
    } while (status == VDEV_ERROR_AGAIN);
    return status;
}

static unsigned told(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < SIZE_MAXIMUM / 32; i++) {
        count += (unsigned)__builtin_popcount(adoption.in_flight[i]);
    }
    return count;
}

/* A device that works on `at_once` chains, and lets none be overtaken by more than `patience`. */
static void play(unsigned steps, unsigned at_once, unsigned patience)
{
    for (unsigned i = 0; i < steps; i++) {
        for (unsigned n = draw(6); n != 0 && add(); n--) {
        }
        device_takes(at_once);
        for (unsigned n = draw(6); n != 0 && taken_count != 0; n--) {
            bool late = (uint16_t)(driver.published - taken[0].at) >= patience;
            device_gives(late || draw(swap) != 0 ? 0 : draw(taken_count));
            device_takes(at_once);
        }
        while (taken_count != 0 && (uint16_t)(driver.published - taken[0].at) >= patience) {
            device_gives(0);
        }
        if (draw(3) != 0) {
            driver_collects();
        }
    }
}

/* Give back all that is in flight, and see that the driver gets back all that it waits for. */
static void bury(void)
{
    struct vdev_buffer buffers[SIZE_MAXIMUM];
    struct vdev_chain chain = {.buffers = buffers, .capacity = SIZE_MAXIMUM};

    for (unsigned head = 0; head < driver.size; head++) {
        if ((adoption.in_flight[head / 32] >> head % 32 & 1) != 0) {
            ck_assert_int_eq(vdev_ring_chain_of(&adopted, &chain, (uint16_t)head), VDEV_OK);
            ck_assert_uint_eq(chain.writable_length, 8);
            vdev_device_queue_give(&adopted, chain.id, 0);
        }
    }
    driver_collects(); /* latched by a head that it does not wait for */
}

static void setup(void)
{
    machine_init(&machine);
}

static void teardown(void)
{
    machine_finish(&machine);
}

START_TEST(a_device_that_completes_in_order_leaves_nothing_untold)
{
    static const uint16_t sizes[] = {1, 2, 4, 16, 128, 256};
    for (unsigned round = 0; round < 600; round++) {
        state = round;
        start(sizes[round % 6], round % 2 && sizes[round % 6] >= 4 ? 3 : 0);
        play(1 + draw(400), 1, UINT16_MAX);
        uint16_t waiting = (uint16_t)(driver.published - next_used);
        ck_assert_int_eq(adopt(), VDEV_OK);
        ck_assert_uint_eq(untold, 0);
        ck_assert_uint_eq(told(), waiting);
        bury();
        ck_assert_uint_eq(driver.free_count, driver.size);
    }
}
END_TEST

START_TEST(indices_that_wrapped_are_as_good_as_others)
{
    start(64, 3);
    uint16_t before;
    for (unsigned laps = 0; laps < 2;) {
        before = next_used;
        play(1, 8, 32);
        laps += next_used < before;
    }
    ck_assert_int_eq(adopt(), VDEV_OK);
    bury();
    ck_assert_uint_eq(driver.free_count + untold, driver.size);
}
END_TEST

START_TEST(a_device_that_completes_out_of_order_is_told_or_let_be)
{
    for (unsigned often = 0; often < 3; often++) {
        static const unsigned swaps[] = {1, 10, 100};
        unsigned rounds = 600, some = 0, waited = 0, left = 0;
        for (unsigned round = 0; round < rounds; round++) {
            state = round;
            start(round % 3 == 0 ? 16 : 128, round % 2 ? 3 : 0);
            swap = swaps[often];
            play(1 + draw(200), 1 + draw(driver.size / 4u), driver.size - 6u);
            uint16_t waiting = (uint16_t)(driver.published - next_used);
            ck_assert_int_eq(adopt(), VDEV_OK);
            ck_assert_uint_eq(told() + untold, waiting);
            bury();
            some += untold != 0;
            waited += waiting;
            left += untold;
        }
        if (getenv("VDEV_TEST_VERBOSE") != NULL) {
            printf("out of order, 1 of %u: %u of %u rings not all told, %u of %u chains\n", swap,
                   some, rounds, left, waited);
        }
    }
}
END_TEST

START_TEST(one_that_was_overtaken_is_told)
{
    start(16, 3);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert(add());
    }
    device_takes(4);
    for (unsigned i = 0; i < 6; i++) { /* its second, again and again */
        device_gives(1);
        driver_collects();
        ck_assert(add());
        device_takes(4);
    }
    ck_assert_int_eq(adopt(), VDEV_OK);
    ck_assert_uint_eq(untold, 0);
    ck_assert_uint_eq(told(), 4);
    ck_assert_uint_eq(adoption.in_flight[0] & 1, 1);
    bury();
    ck_assert_uint_eq(driver.free_count, driver.size);
}
END_TEST

START_TEST(what_comes_later_is_taken)
{
    struct vdev_buffer buffers[16];
    struct vdev_chain chain = {.buffers = buffers, .capacity = 16};
    start(16, 3);
    play(40, 1, UINT16_MAX);
    driver_collects();
    ck_assert_int_eq(adopt(), VDEV_OK);
    ck_assert_int_eq(vdev_device_queue_take(&adopted, &chain), VDEV_ERROR_EMPTY);
    bury();
    ck_assert(add());
    ck_assert_int_eq(vdev_device_queue_take(&adopted, &chain), VDEV_OK);
    vdev_device_queue_give(&adopted, chain.id, 0);
    driver_collects();
    ck_assert_uint_eq(driver.free_count, driver.size);
}
END_TEST

/* ---- rings that nobody of good will left ---- */

static struct vring_used *used_ring(void)
{
    return driver.memory.device.pointer;
}

static struct vring_avail *available_ring(void)
{
    return driver.memory.driver.pointer;
}

static void prepare(void)
{
    start(16, 3);
    play(40, 1, UINT16_MAX);
    driver_collects();
    while (add()) {
    }
}

static void refused(void)
{
    ck_assert_int_eq(adopt(), VDEV_ERROR_CORRUPT);
    ck_assert_uint_eq(told(), 0);
    ck_assert(!adopted.live);
}

START_TEST(used_indices_that_cannot_be_are_refused)
{
    prepare();
    uint16_t index = used_ring()->idx, available = available_ring()->idx;
    ck_assert_uint_eq((uint16_t)(available - index), 16);
    for (unsigned wrong = 0; wrong < 65536; wrong++) {
        used_ring()->idx = (uint16_t)wrong;
        if ((uint16_t)(available - wrong) > 16) {
            refused();
        }
    }
    used_ring()->idx = index;
    ck_assert_int_eq(adopt(), VDEV_OK);
    bury();
    ck_assert_uint_eq(driver.free_count, driver.size);
}
END_TEST

START_TEST(entries_that_are_no_heads_are_refused)
{
    static const uint32_t wrong[] = {16, 17, 0x10000, 0x10001, UINT32_MAX};
    prepare();
    for (unsigned i = 0; i < 5; i++) {
        uint32_t before = used_ring()->ring[i].id;
        used_ring()->ring[i].id = wrong[i];
        refused();
        used_ring()->ring[i].id = before;
    }
    available_ring()->ring[3] = 16;
    refused();
}
END_TEST

START_TEST(heads_that_are_given_twice_are_refused)
{
    start(16, 3);
    for (unsigned i = 0; i < 8; i++) {
        ck_assert(add());
    }
    for (unsigned i = 0; i < 4; i++) {
        used_ring()->ring[i].id = 0;
    }
    used_ring()->idx = 4;
    refused();
}
END_TEST

START_TEST(a_driver_that_names_a_head_twice_is_refused)
{
    start(16, 3);
    for (unsigned i = 0; i < 8; i++) {
        ck_assert(add());
    }
    available_ring()->ring[5] = available_ring()->ring[4];
    refused();
}
END_TEST

START_TEST(rubbish_is_survived)
{
    struct vdev_buffer buffers[8];
    struct vdev_chain chain = {.buffers = buffers, .capacity = 8};
    unsigned taken_over = 0;
    for (unsigned round = 0; round < 20000; round++) {
        state = round;
        if (round % 50 == 0) {
            start(16, 3);
            play(20, 1 + draw(8), 10);
        }
        uint8_t *rings[] = {driver.memory.device.pointer, driver.memory.driver.pointer,
                            driver.memory.descriptors.pointer};
        size_t lengths[] = {driver.memory.device.length, driver.memory.driver.length,
                            driver.memory.descriptors.length};
        unsigned which = draw(3);
        rings[which][draw((unsigned)lengths[which])] = (uint8_t)draw(draw(2) ? 16 : 256);
        if (adopt() != VDEV_OK) {
            continue;
        }
        taken_over++;
        uint16_t pending = (uint16_t)(adopted.next_available - adopted.next_used);
        ck_assert_uint_eq(told() + untold, pending);
        for (unsigned head = 0; head < 16; head++) {
            if ((adoption.in_flight[head / 32] >> head % 32 & 1) != 0) {
                vdev_ring_chain_of(&adopted, &chain, (uint16_t)head);
            }
        }
    }
    ck_assert_uint_gt(taken_over, 100);
}
END_TEST

START_TEST(what_is_no_such_ring_is_refused)
{
    start(16, 3);
    configuration.packed = true;
    ck_assert_int_eq(adopt(), VDEV_ERROR_UNSUPPORTED);
    configuration.packed = false;
    configuration.size = 12;
    ck_assert_int_eq(adopt(), VDEV_ERROR_INVALID);
    configuration.size = 512;
    ck_assert_int_eq(adopt(), VDEV_ERROR_UNSUPPORTED);
    ck_assert(!adopted.live);
    configuration.size = 16;
    configuration.device_address = 0x1000;
    ck_assert_int_eq(adopt(), VDEV_ERROR_RANGE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vdev_ring_adopt");
    TCase *tests = tcase_create("good will");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_device_that_completes_in_order_leaves_nothing_untold);
    tcase_add_test(tests, indices_that_wrapped_are_as_good_as_others);
    tcase_add_test(tests, a_device_that_completes_out_of_order_is_told_or_let_be);
    tcase_add_test(tests, one_that_was_overtaken_is_told);
    tcase_add_test(tests, what_comes_later_is_taken);
    suite_add_tcase(suite, tests);
    tests = tcase_create("hostile");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, used_indices_that_cannot_be_are_refused);
    tcase_add_test(tests, entries_that_are_no_heads_are_refused);
    tcase_add_test(tests, heads_that_are_given_twice_are_refused);
    tcase_add_test(tests, a_driver_that_names_a_head_twice_is_refused);
    tcase_add_test(tests, rubbish_is_survived);
    tcase_add_test(tests, what_is_no_such_ring_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
