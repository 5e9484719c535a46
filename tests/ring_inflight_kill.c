/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's end as a process of its own that is killed with SIGKILL at any moment and started
 * anew, with nothing but the memory it shared; the library as it is built, the driver meanwhile at
 * work in this process. What ring_inflight_deaths does at every place, this does at real ones.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ring_pair.h"

#define SIZE  64u
#define HELD  40u
#define KILLS 500u

static struct pair *pair;

static void *share(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(memory, MAP_FAILED);
    return memory;
}

/* The ring of the fixture moves into memory that is shared. */
static void open_shared(void)
{
    pair = pair_open(SIZE, false, 0);
    uint8_t *arena = share(pair->arena_bytes);
    memcpy(arena, pair->arena, pair->arena_bytes);
    pair->descriptors =
        (struct pair_descriptor *)(arena + ((uint8_t *)pair->descriptors - pair->arena));
    pair->available = (uint16_t *)(arena + ((uint8_t *)(uintptr_t)pair->available - pair->arena));
    pair->used = (uint32_t *)(arena + ((uint8_t *)(uintptr_t)pair->used - pair->arena));
    pair->data = arena + (pair->data - pair->arena);
    free(pair->arena);
    pair->arena = arena;
    pair->regions[1].pointer = arena;
    pair->configuration.inflight = share(vdev_device_queue_inflight_bytes(SIZE));
    for (uint16_t i = 0; i < SIZE; i++) {
        pair_write(pair, i, pair_guest(pair, pair->data), 100, PAIR_WRITE, 0);
    }
}

static void close_shared(void)
{
    munmap(pair->configuration.inflight, vdev_device_queue_inflight_bytes(SIZE));
    munmap(pair->arena, pair->arena_bytes);
    free(pair->slots);
    free(pair);
}

/* ---- the device's process ---- */

static void serve(uint32_t random)
{
    struct vdev_buffer buffers[4];
    struct vdev_chain chain = {.buffers = buffers, .capacity = 4};
    struct vdev_device_queue queue;
    uint16_t held[HELD];
    unsigned count = 0;

    if (vdev_device_queue_start(&queue, &pair->memory, &pair->configuration) != VDEV_OK) {
        _exit(1);
    }
    for (;;) {
        struct vdev_used_chain batch[8];
        unsigned given = 0;
        int status = VDEV_OK;
        while (count < HELD && (status = vdev_device_queue_take(&queue, &chain)) == VDEV_OK) {
            if (pair_random(&random) % 8 != 0) {
                held[count++] = chain.id;
            } else if (!vdev_device_queue_untake(&queue, 1)) {
                _exit(1);
            }
        }
        if (status != VDEV_OK && status != VDEV_ERROR_EMPTY) {
            _exit(1);
        }
        for (unsigned i = pair_random(&random) % 8; i != 0 && count != 0; i--) {
            unsigned at = pair_random(&random) % count;
            batch[given++] = (struct vdev_used_chain){held[at] + 1u, held[at]};
            memmove(&held[at], &held[at + 1], (count - at - 1) * sizeof held[0]);
            count--;
        }
        if (given == 1) {
            vdev_device_queue_give(&queue, batch[0].id, batch[0].written);
        } else if (given != 0) {
            vdev_device_queue_give_all(&queue, batch, given);
        }
    }
}

/* ---- the driver ---- */

static bool offered[SIZE];
static uint64_t requests, completed;
static uint16_t seen;

static void drive(uint32_t *random, bool more)
{
    uint16_t end = pair_used_index(pair);
    atomic_thread_fence(memory_order_acquire);
    for (; seen != end; seen++) {
        uint32_t id = pair_used_id(pair, seen);
        pair_require(id < SIZE && offered[id] && pair_used_length(pair, seen) == id + 1);
        offered[id] = false;
        completed++;
    }
    uint16_t head = (uint16_t)(pair_random(random) % SIZE);
    if (more && !offered[head]) {
        uint16_t index = pair_available_index(pair);
        offered[head] = true;
        requests++;
        pair->available[2 + index % SIZE] = head;
        atomic_thread_fence(memory_order_release);
        pair->available[1] = (uint16_t)(index + 1);
    }
}

static uint64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

START_TEST(each_request_completes_once_through_five_hundred_kills)
{
    uint32_t random = 12345;

    open_shared();
    for (unsigned kills = 0; kills <= KILLS; kills++) {
        bool last = kills == KILLS;
        uint64_t end =
            nanoseconds() + (last ? UINT64_C(30000000000) : 1000u * (pair_random(&random) % 1000));
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            alarm(40); /* should the test fail */
            serve(kills * 2654435761u + 1);
        }
        do {
            drive(&random, !last);
        } while (nanoseconds() < end && !(last && completed == requests));
        int status;
        pair_require(waitpid(child, &status, WNOHANG) == 0); /* it did not leave by itself */
        pair_require(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child);
    }
    ck_assert_uint_eq(completed, requests);
    ck_assert_uint_gt(requests, SIZE);
    close_shared();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring_inflight_kill");
    TCase *kills = tcase_create("kills");
    tcase_set_timeout(kills, 60);
    tcase_add_test(kills, each_request_completes_once_through_five_hundred_kills);
    suite_add_tcase(suite, kills);
    return pair_main(suite);
}
