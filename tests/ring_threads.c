/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring's two ends in two threads, each asleep until the other tells it: a notification or an
 * interrupt that gets lost between arming and looking again leaves both asleep, and fails the test
 * by a timeout. Not for speed; the counts only show that both ends did sleep and were woken.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <time.h>

#include "ring_pair.h"

#define WAIT_SECONDS 10

struct shared {
    struct pair *pair;
    sem_t kick, interrupt;
    uint32_t total;
    _Atomic bool stop;
    unsigned device_sleeps, driver_sleeps;
    unsigned kicks, interrupts;
    const char *_Atomic lost; /* what a thread died of */
    _Atomic int device_status;
};

/* A semaphore counts more than it must, as an interrupt that stays pending: both are harmless. */
static bool sleep_until(sem_t *semaphore)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_SECONDS;
    while (sem_timedwait(semaphore, &until) != 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

static bool answer(void *argument, struct vdev_chain *chain)
{
    struct shared *shared = argument;
    struct vdev_cursor reader = vdev_chain_reader(chain);
    struct vdev_cursor writer = vdev_chain_writer(chain);
    uint32_t question = 0;
    vdev_cursor_read(&reader, &question, sizeof question);
    question = ~question;
    uint32_t written = (uint32_t)vdev_cursor_write(&writer, &question, sizeof question);
    vdev_device_queue_give(&shared->pair->device, chain->id, written);
    return true;
}

static void *device_thread(void *argument)
{
    struct shared *shared = argument;
    struct vdev_device_queue *queue = &shared->pair->device;
    struct vdev_buffer buffers[8];
    struct vdev_chain chain = {.buffers = buffers, .capacity = 8};
    bool more = false;

    while (!shared->stop) {
        int status = vdev_device_queue_run(queue, &chain, 64, answer, shared, &more);
        if (status != VDEV_OK) {
            shared->device_status = status;
            return NULL;
        }
        if (vdev_device_queue_signal(queue)) {
            shared->interrupts++;
            sem_post(&shared->interrupt);
        }
        if (!more) {
            shared->device_sleeps++;
            if (!sleep_until(&shared->kick)) {
                shared->lost = "a notification";
                return NULL;
            }
        }
    }
    return NULL;
}

static void driver_loop(struct shared *shared)
{
    struct vdev_driver_queue *queue = &shared->pair->driver;
    uint32_t added = 0, taken = 0, written, random = 7;
    uint32_t *cells = (uint32_t *)shared->pair->data; /* two for each request slot */
    uint16_t size = shared->pair->size;
    uint16_t *free_cells = calloc(size, sizeof *free_cells);
    unsigned free_count = size;
    void *token;

    pair_require(free_cells != NULL);
    for (uint16_t i = 0; i < size; i++) {
        free_cells[i] = i;
    }
    while (taken < shared->total) {
        unsigned batch = 1 + pair_random(&random) % (size + 1u);
        while (batch-- != 0 && free_count != 0 && added < shared->total) {
            uint32_t *cell = &cells[2 * free_cells[free_count - 1]];
            struct vdev_buffer readable = pair_buffer(shared->pair, cell, 4);
            struct vdev_buffer writable = pair_buffer(shared->pair, cell + 1, 4);
            cell[0] = added;
            cell[1] = 0;
            /* A ring of one descriptor has no room for an answer. */
            if (vdev_driver_queue_add(queue, &readable, 1, &writable, size > 1, cell) != VDEV_OK) {
                break;
            }
            free_count--;
            added++;
        }
        if (vdev_driver_queue_publish(queue)) {
            shared->kicks++;
            sem_post(&shared->kick);
        }
        unsigned got = 0;
        vdev_driver_queue_disarm(queue);
        int status;
        while ((status = vdev_driver_queue_take(queue, &token, &written)) == VDEV_OK) {
            uint32_t *cell = token;
            pair_require(size == 1 || (written == 4 && cell[1] == ~cell[0]));
            free_cells[free_count++] = (uint16_t)((cell - cells) / 2);
            taken++;
            got++;
        }
        pair_require(status == VDEV_ERROR_EMPTY);
        if (got == 0 && !vdev_driver_queue_arm(queue) && shared->lost == NULL) {
            shared->driver_sleeps++;
            if (!sleep_until(&shared->interrupt)) {
                shared->lost = shared->lost != NULL ? shared->lost : "an interrupt";
            }
        }
        if (shared->lost != NULL || shared->device_status != VDEV_OK) {
            break;
        }
    }
    free(free_cells);
}

static const struct {
    uint16_t size;
    bool event_index;
    uint16_t indirect_count;
    uint32_t total;
} shapes[] = {
    {1, false, 0, 70000},  {1, true, 0, 70000},     {2, true, 0, 140000},   {16, false, 0, 300000},
    {16, true, 2, 300000}, {256, false, 2, 500000}, {256, true, 0, 500000},
};

START_TEST(no_wake_up_is_lost)
{
    struct shared shared = {
        .pair = pair_open(shapes[_i].size, shapes[_i].event_index, shapes[_i].indirect_count),
        .total = shapes[_i].total};
    pthread_t thread;

    ck_assert_int_eq(sem_init(&shared.kick, 0, 0), 0);
    ck_assert_int_eq(sem_init(&shared.interrupt, 0, 0), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, device_thread, &shared), 0);
    driver_loop(&shared);
    shared.stop = true;
    sem_post(&shared.kick);
    pthread_join(thread, NULL);
    ck_assert_int_eq(shared.device_status, VDEV_OK);
    ck_assert_msg(shared.lost == NULL, "%s was lost", shared.lost);
    ck_assert_uint_eq(shared.pair->device.chains, shared.total);
    ck_assert_uint_gt(shared.device_sleeps, 0);
    ck_assert_uint_gt(shared.kicks, 0);
    /* Suppression works: never more than one notification for a request, or interrupt for it. */
    ck_assert_uint_le(shared.kicks, shared.total);
    ck_assert_uint_le(shared.interrupts, shared.total);
    if (getenv("VDEV_TEST_VERBOSE") != NULL) {
        printf("size %u event %d: %u requests, %u kicks, %u interrupts, sleeps %u and %u\n",
               shared.pair->size, shapes[_i].event_index, shared.total, shared.kicks,
               shared.interrupts, shared.device_sleeps, shared.driver_sleeps);
    }
    sem_destroy(&shared.kick);
    sem_destroy(&shared.interrupt);
    pair_close(shared.pair);
}
END_TEST

/*
 * The two windows by themselves, hit again and again: one side publishes and asks whether to
 * notify, at the same moment the other arms and looks again. At least one of them must see the
 * other. (Take a fence out, and this fails even on x86, if the machine has two processors to
 * spare.)
 */
struct window {
    struct pair *pair;
    bool used; /* the window of used entries and interrupts, not of available ones */
    _Atomic uint32_t round, done;
    bool device_saw;
};

#define LAST_ROUND UINT32_MAX

static void wait_for(_Atomic uint32_t *value, uint32_t wanted)
{
    for (unsigned spins = 0; *value != wanted && *value != LAST_ROUND; spins++) {
        if (spins == 10000) {
            sched_yield();
            spins = 0;
        }
    }
}

/* On a busy machine both threads may share a processor: give way now and then. */
static void jitter(uint32_t round)
{
    for (volatile uint32_t i = 0; i < round % 16; i++) {
    }
    if (round % 61 == 0) {
        sched_yield();
    }
}

static void *device_side(void *argument)
{
    struct window *window = argument;
    struct vdev_device_queue *queue = &window->pair->device;
    struct vdev_buffer buffers[2];
    struct vdev_chain chain = {.buffers = buffers, .capacity = 2};

    for (uint32_t round = 1;; round++) {
        wait_for(&window->round, round);
        if (window->round == LAST_ROUND) {
            return NULL;
        }
        jitter(round);
        if (window->used) {
            vdev_device_queue_give(queue, 0, 0);
            window->device_saw = vdev_device_queue_signal(queue);
        } else {
            window->device_saw = vdev_device_queue_arm(queue);
            while (vdev_device_queue_take(queue, &chain) != VDEV_OK) {
            }
            vdev_device_queue_give(queue, chain.id, 0);
        }
        window->done = round;
    }
}

START_TEST(one_of_both_sees_the_other)
{
    struct window window = {.pair = pair_open(1, (_i & 1) != 0, 0), .used = (_i & 2) != 0};
    struct pair *pair = window.pair;
    struct vdev_buffer buffer = pair_buffer(pair, pair->data, 4);
    struct vdev_chain chain = {.buffers = &buffer, .capacity = 1};
    unsigned driver_saw = 0, device_saw = 0, neither = 0;
    struct timespec start, now;
    pthread_t thread;
    uint32_t round = 0;
    void *token;
    uint32_t written;

    ck_assert_int_eq(pthread_create(&thread, NULL, device_side, &window), 0);
    vdev_device_queue_disarm(&pair->device);
    vdev_driver_queue_disarm(&pair->driver);
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (unsigned i = 0; i < 1000; i++) {
            buffer = pair_buffer(pair, pair->data, 4);
            pair_require(vdev_driver_queue_add(&pair->driver, &buffer, 1, NULL, 0, pair) ==
                         VDEV_OK);
            bool saw;
            if (window.used) {
                vdev_driver_queue_publish(&pair->driver);
                pair_require(vdev_device_queue_take(&pair->device, &chain) == VDEV_OK);
                window.round = ++round;
                jitter(round / 16);
                saw = vdev_driver_queue_arm(&pair->driver);
            } else {
                window.round = ++round;
                jitter(round / 16);
                saw = vdev_driver_queue_publish(&pair->driver);
            }
            wait_for(&window.done, round);
            /* Both are past the window; the device's thread waits, so that its end is ours. */
            vdev_device_queue_disarm(&pair->device);
            vdev_driver_queue_disarm(&pair->driver);
            driver_saw += saw;
            device_saw += window.device_saw;
            neither += !saw && !window.device_saw;
            pair_require(vdev_driver_queue_take(&pair->driver, &token, &written) == VDEV_OK);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        /* Until both orders came, so that there was a race to win. */
    } while (now.tv_sec - start.tv_sec < 2 ||
             ((driver_saw == 0 || device_saw == 0) && now.tv_sec - start.tv_sec < 10));
    window.round = LAST_ROUND;
    pthread_join(thread, NULL);
    ck_assert_msg(neither == 0, "%u of %u wake-ups lost", neither, round);
    if (getenv("VDEV_TEST_VERBOSE") != NULL) {
        printf("window %d: %u rounds, seen by driver %u, by device %u\n", _i, round, driver_saw,
               device_saw);
    }
    pair_close(pair);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring: two threads");
    TCase *threads = tcase_create("threads");
    tcase_set_timeout(threads, 60);
    tcase_add_loop_test(threads, no_wake_up_is_lost, 0, (int)(sizeof shapes / sizeof shapes[0]));
    tcase_add_loop_test(threads, one_of_both_sees_the_other, 0, 4);
    suite_add_tcase(suite, threads);
    return pair_main(suite);
}
