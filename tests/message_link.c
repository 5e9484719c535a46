/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The message link by itself: messages go over whole and in order, the doorbell rings when it has
 * to and not oftener, and what a hostile side writes into the FIFO latches the link of the other.
 */
#include "message_pair.h"

#include <pthread.h>
#include <sched.h>

static struct pair pair;

static void setup(void)
{
    pair_init(&pair, PAIR_CAPACITY);
}

static void teardown(void)
{
    pair_finish(&pair);
}

static int send(uint16_t token)
{
    struct vdev_message message = pair_message(0, MESSAGE_BUS_PING, 0, token, 1);

    message.payload[0] = token * 3u;
    return vdev_message_link_send(&pair.driver.link, &message);
}

static int receive(uint16_t token)
{
    struct vdev_message message;
    int status = vdev_message_link_receive(&pair.device.link, &message);

    if (status == VDEV_OK) {
        ck_assert_uint_eq(message.token, token);
        ck_assert_uint_eq(message.payload[0], token * 3u);
        ck_assert_uint_eq(message.payload[1], 0);
    }
    return status;
}

START_TEST(refuses_what_is_no_link)
{
    struct vdev_message_link link;
    struct vdev_message_link_configuration good = pair.driver.link.configuration;
    struct vdev_message_link_configuration bad = good;
    static const uint32_t capacities[] = {0,         1, 3, 24, 2 * VDEV_MESSAGE_CAPACITY_MAXIMUM,
                                          UINT32_MAX};
    for (unsigned i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        bad.capacity = capacities[i];
        ck_assert_int_eq(vdev_message_link_init(&link, &bad), VDEV_ERROR_INVALID);
    }
    bad = good;
    bad.out = NULL;
    ck_assert_int_eq(vdev_message_link_init(&link, &bad), VDEV_ERROR_INVALID);
    bad = good;
    bad.in = (uint8_t *)good.in + 4;
    ck_assert_int_eq(vdev_message_link_init(&link, &bad), VDEV_ERROR_INVALID);
    bad = good;
    bad.ring = NULL;
    ck_assert_int_eq(vdev_message_link_init(&link, &bad), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_message_link_init(&link, &good), VDEV_OK);
}
END_TEST

START_TEST(messages_arrive_in_order_and_the_fifo_fills)
{
    for (uint16_t round = 0; round < 100; round++) {
        uint16_t first = (uint16_t)(round * PAIR_CAPACITY);
        for (uint16_t i = 0; i < PAIR_CAPACITY; i++) {
            ck_assert_int_eq(send((uint16_t)(first + i)), VDEV_OK);
        }
        ck_assert_int_eq(send(0), VDEV_ERROR_FULL);
        for (uint16_t i = 0; i < PAIR_CAPACITY; i++) {
            ck_assert_int_eq(receive((uint16_t)(first + i)), VDEV_OK);
        }
        ck_assert_int_eq(receive(0), VDEV_ERROR_EMPTY);
    }
    ck_assert_int_eq(pair.driver.link.error, VDEV_OK);
    ck_assert_int_eq(pair.device.link.error, VDEV_OK);
}
END_TEST

START_TEST(indices_wrap)
{
    pair.driver.link.put = 0xfffffff0u;
    pair.device.link.taken = 0xfffffff0u;
    *pair_word(&pair, 0, 0) = *pair_word(&pair, 0, 64) = 0xfffffff0u;
    for (uint16_t i = 0; i < 40; i++) {
        ck_assert_int_eq(send(i), VDEV_OK);
        ck_assert_int_eq(send((uint16_t)(i + 100)), VDEV_OK);
        ck_assert_int_eq(receive(i), VDEV_OK);
        ck_assert_int_eq(receive((uint16_t)(i + 100)), VDEV_OK);
    }
    ck_assert_uint_eq(*pair_word(&pair, 0, 0), 0x40);
}
END_TEST

START_TEST(the_doorbell_rings_only_for_one_who_is_idle)
{
    ck_assert_int_eq(send(0), VDEV_OK); /* nobody has looked yet */
    ck_assert_uint_eq(pair.device.rung, 1);
    ck_assert_int_eq(send(1), VDEV_OK);
    ck_assert_int_eq(receive(0), VDEV_OK);
    ck_assert_int_eq(send(2), VDEV_OK); /* still at work */
    ck_assert_uint_eq(pair.device.rung, 1);
    ck_assert(vdev_message_link_arm(&pair.device.link)); /* and must not go idle */
    ck_assert_int_eq(receive(1), VDEV_OK);
    ck_assert_int_eq(receive(2), VDEV_OK);
    ck_assert_int_eq(receive(3), VDEV_ERROR_EMPTY);
    ck_assert(!vdev_message_link_arm(&pair.device.link));
    ck_assert_int_eq(send(3), VDEV_OK);
    ck_assert_int_eq(send(4), VDEV_OK);
    ck_assert_uint_eq(pair.device.rung, 2);
    ck_assert_uint_eq(pair.driver.link.doorbells, 2);
}
END_TEST

START_TEST(an_unread_event_stands_for_the_next)
{
    struct vdev_message_events events = {0};
    struct vdev_message event = pair_message(0, MESSAGE_EVENT_AVAIL, 7, 0, EVENT_AVAIL_WORDS);
    struct vdev_message message;
    for (unsigned i = 0; i < 5; i++) {
        vdev_message_link_event(&pair.driver.link, &events, 2, &event);
        vdev_message_link_event(&pair.driver.link, &events, 3, &event);
    }
    ck_assert_uint_eq(pair.driver.link.put, 2);
    ck_assert_uint_eq(pair.driver.link.coalesced, 8);
    ck_assert_int_eq(vdev_message_link_receive(&pair.device.link, &message), VDEV_OK);
    vdev_message_link_event(&pair.driver.link, &events, 3, &event);
    ck_assert_uint_eq(pair.driver.link.put, 2);
    vdev_message_link_event(&pair.driver.link, &events, 2, &event); /* the one that was read */
    ck_assert_uint_eq(pair.driver.link.put, 3);
}
END_TEST

START_TEST(an_event_without_room_is_not_forgotten)
{
    struct vdev_message_events events = {0};
    struct vdev_message event = pair_message(0, MESSAGE_EVENT_AVAIL, 7, 0, EVENT_AVAIL_WORDS);
    for (uint16_t i = 0; i < PAIR_CAPACITY; i++) {
        ck_assert_int_eq(send(i), VDEV_OK);
    }
    vdev_message_link_event(&pair.driver.link, &events, 1, &event);
    ck_assert_uint_eq(events.waiting, 2);
    ck_assert_int_eq(receive(0), VDEV_OK);
    vdev_message_link_event(&pair.driver.link, &events, 1, &event);
    ck_assert_uint_eq(events.waiting, 0);
}
END_TEST

START_TEST(a_sender_index_that_jumps_latches_the_receiver)
{
    static const uint32_t jumps[] = {PAIR_CAPACITY + 1, 0x80000000u, UINT32_MAX};
    for (unsigned i = 0; i < 3; i++) {
        pair_init_side(&pair, &pair.device, &pair.driver, 1);
        *pair_word(&pair, 0, 0) = jumps[i];
        ck_assert_int_eq(receive(0), VDEV_ERROR_CORRUPT);
        *pair_word(&pair, 0, 0) = 1; /* mended too late */
        ck_assert_int_eq(receive(0), VDEV_ERROR_CORRUPT);
        ck_assert(!vdev_message_link_arm(&pair.device.link));
        struct vdev_message message = pair_message(0, MESSAGE_BUS_PING, 0, 0, 1);
        ck_assert_int_eq(vdev_message_link_send(&pair.device.link, &message), VDEV_ERROR_CORRUPT);
    }
}
END_TEST

START_TEST(a_receiver_index_that_jumps_latches_the_sender)
{
    ck_assert_int_eq(send(0), VDEV_OK);
    *pair_word(&pair, 0, 64) = 2; /* more than was sent */
    ck_assert_int_eq(send(1), VDEV_ERROR_CORRUPT);
    *pair_word(&pair, 0, 64) = 1;
    ck_assert_int_eq(send(1), VDEV_ERROR_CORRUPT);
}
END_TEST

START_TEST(a_receiver_that_goes_backwards_latches_the_sender)
{
    for (uint16_t i = 0; i < PAIR_CAPACITY; i++) {
        ck_assert_int_eq(send(i), VDEV_OK);
    }
    *pair_word(&pair, 0, 64) = UINT32_MAX;
    ck_assert_int_eq(send(1), VDEV_ERROR_CORRUPT);
}
END_TEST

START_TEST(sizes_that_cannot_be_are_dropped_and_counted)
{
    static const uint16_t sizes[] = {0, 7, VDEV_MESSAGE_BYTES + 1, 0x8000, 0xffff};
    struct vdev_message message;
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_int_eq(send(9), VDEV_OK);
        *pair_word(&pair, 0, 128 + 64 * i + 4) = (uint32_t)sizes[i] << 16;
        ck_assert_int_eq(vdev_message_link_receive(&pair.device.link, &message),
                         VDEV_ERROR_INVALID);
        ck_assert_uint_eq(message.payload[0], 0);
    }
    ck_assert_uint_eq(pair.device.link.ignored, 5);
    ck_assert_int_eq(send(10), VDEV_OK);
    ck_assert_int_eq(receive(10), VDEV_OK);
}
END_TEST

START_TEST(our_own_index_is_not_read_back)
{
    ck_assert_int_eq(send(0), VDEV_OK);
    *pair_word(&pair, 0, 0) = 77; /* only the sender's harm */
    ck_assert_int_eq(send(1), VDEV_OK);
    ck_assert_uint_eq(*pair_word(&pair, 0, 0), 2);
    ck_assert_int_eq(receive(0), VDEV_OK);
    *pair_word(&pair, 0, 64) = 1;
    ck_assert_int_eq(receive(1), VDEV_OK);
    ck_assert_uint_eq(*pair_word(&pair, 0, 64), 2);
}
END_TEST

/* ---- two threads ---- */

#define THREAD_MESSAGES 30000u

static _Atomic unsigned rung;

static void ring_thread(void *context)
{
    (void)context;
    rung++;
}

static void *send_all(void *context)
{
    for (uint32_t i = 0; i < THREAD_MESSAGES; i++) {
        struct vdev_message message = pair_message(0, MESSAGE_BUS_PING, 0, (uint16_t)i, 2);
        message.payload[0] = i;
        message.payload[1] = ~i;
        int status;
        while ((status = vdev_message_link_send(&pair.driver.link, &message)) == VDEV_ERROR_FULL) {
            sched_yield();
        }
        if (status != VDEV_OK) {
            return context;
        }
    }
    return NULL;
}

START_TEST(no_doorbell_is_missed_between_two_threads)
{
    pthread_t thread;
    uint32_t next = 0;
    unsigned heard = 0;
    pair.driver.link.configuration.ring = ring_thread;
    rung = 0;
    ck_assert_int_eq(pthread_create(&thread, NULL, send_all, &pair), 0);
    while (next != THREAD_MESSAGES) {
        while (heard == rung) { /* idle: only the doorbell wakes */
            sched_yield();
        }
        heard = rung;
        do {
            struct vdev_message message;
            while (vdev_message_link_receive(&pair.device.link, &message) == VDEV_OK) {
                ck_assert_uint_eq(message.payload[0], next);
                ck_assert_uint_eq(message.payload[1], ~next);
                next++;
            }
        } while (vdev_message_link_arm(&pair.device.link));
    }
    void *result;
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_null(result);
    ck_assert_int_eq(pair.device.link.error, VDEV_OK);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("link");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, refuses_what_is_no_link);
    tcase_add_test(tests, messages_arrive_in_order_and_the_fifo_fills);
    tcase_add_test(tests, indices_wrap);
    tcase_add_test(tests, the_doorbell_rings_only_for_one_who_is_idle);
    tcase_add_test(tests, an_unread_event_stands_for_the_next);
    tcase_add_test(tests, an_event_without_room_is_not_forgotten);
    tcase_add_test(tests, a_sender_index_that_jumps_latches_the_receiver);
    tcase_add_test(tests, a_receiver_index_that_jumps_latches_the_sender);
    tcase_add_test(tests, a_receiver_that_goes_backwards_latches_the_sender);
    tcase_add_test(tests, sizes_that_cannot_be_are_dropped_and_counted);
    tcase_add_test(tests, our_own_index_is_not_read_back);
    tcase_add_test(tests, no_doorbell_is_missed_between_two_threads);
    Suite *suite = suite_create("message_link");
    suite_add_tcase(suite, tests);
    return pair_run(suite);
}
