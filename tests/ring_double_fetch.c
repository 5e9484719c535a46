/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's end of a ring against a driver that changes descriptors, and then indices as well,
 * while they are looked at (the class called double fetch). Whatever mixture of old and new is
 * seen, a chain that is taken lies in memory, with its permissions and its lengths.
 */
#include <pthread.h>
#include <time.h>

#include "ring_pair.h"

#define SIZE 8u

struct hostile {
    struct pair *pair;
    struct vdev_buffer buffers[SIZE + 2]; /* the last two are guards */
    struct vdev_chain chain;
};

static uint64_t data(const struct hostile *hostile)
{
    return pair_guest(hostile->pair, hostile->pair->data);
}

static uint64_t tables(const struct hostile *hostile)
{
    return pair_guest(hostile->pair, hostile->pair->tables);
}

struct flipper {
    struct hostile *h;
    _Atomic bool stop;
    bool indices; /* flip the available ring as well */
};

static void pause_between_flips(uint32_t random)
{
    for (volatile uint32_t i = 0; i < random % 64; i++) {
    }
}

/* Each field by itself, so that every mixture of old and new is seen. */
static void *flip(void *argument)
{
    struct flipper *flipper = argument;
    struct hostile *h = flipper->h;
    uint32_t random = 12345;
    const uint64_t addresses[] = {data(h), data(h),        PAIR_READ_ONLY,        UINT64_MAX - 7,
                                  0,       PAIR_BASE - 16, PAIR_READ_ONLY + 4090, tables(h)};
    static const uint32_t lengths[] = {16, 16, 4, 0, 0xffffffff, 48, 0x7fffffff, 32};
    static const uint16_t flags[] = {0,          PAIR_WRITE,    PAIR_NEXT, PAIR_NEXT | PAIR_WRITE,
                                     PAIR_WRITE, PAIR_INDIRECT, PAIR_NEXT, 0};

    while (!flipper->stop) {
        uint32_t pick = pair_random(&random);
        /* The ring's first two descriptors, or the first two of the table. */
        volatile struct pair_descriptor *descriptor =
            (pick & 2) != 0 ? &((struct pair_descriptor *)h->pair->tables)[pick & 1]
                            : &h->pair->descriptors[pick & 1];
        switch (pick >> 2 & 3) {
        case 0:
            descriptor->address = addresses[pick >> 8 & 7];
            break;
        case 1:
            descriptor->length = lengths[pick >> 8 & 7];
            break;
        case 2:
            descriptor->flags = flags[pick >> 8 & 7];
            break;
        default:
            descriptor->next = pick >> 8 & 31 ? 1 : SIZE;
            break;
        }
        if (flipper->indices && (pick >> 16 & 7) == 0) {
            h->pair->available[2 + (pick >> 20 & 7)] = (pick >> 24 & 63) != 0 ? 0 : SIZE;
            h->pair->available[1] = (uint16_t)(h->pair->available[1] + (pick >> 25 & 3));
        }
        pause_between_flips(pick >> 20);
    }
    return NULL;
}

START_TEST(double_fetch)
{
    struct hostile h = {.pair = pair_open(SIZE, false, SIZE)};
    struct flipper flipper = {.h = &h, .indices = _i == 1};
    unsigned good = 0, malformed = 0, corrupt = 0;
    struct timespec now, start;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, flip, &flipper), 0);
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (unsigned i = 0; i < 1000; i++) {
            struct vdev_device_queue *queue = &h.pair->device;
            h.chain = (struct vdev_chain){.buffers = h.buffers, .capacity = SIZE};
            if (!flipper.indices) {
                h.pair->available[2 + h.pair->available[1] % SIZE] = 0;
                h.pair->available[1] = (uint16_t)(queue->next_available + 1);
            }
            uint64_t before = queue->malformed;
            switch (vdev_device_queue_take(queue, &h.chain)) {
            case VDEV_OK:
                pair_require(pair_chain_is_sound(h.pair, &h.chain));
                vdev_device_queue_give(queue, h.chain.id, 0);
                good++;
                break;
            case VDEV_ERROR_CORRUPT:
                corrupt++;
                h.pair->configuration.start_index = h.pair->available[1];
                pair_require(vdev_device_queue_start(queue, &h.pair->memory,
                                                     &h.pair->configuration) == VDEV_OK);
                before = 0;
                break;
            default:
                break;
            }
            malformed += queue->malformed != before;
            pair_require(h.buffers[SIZE].pointer == NULL);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < 2 ||
             ((good == 0 || malformed == 0 || corrupt == 0) && now.tv_sec - start.tv_sec < 30));
    flipper.stop = true;
    pthread_join(thread, NULL);
    /* All three outcomes came, so that the peer did reach us. */
    ck_assert_uint_gt(good, 0);
    ck_assert_uint_gt(malformed, 0);
    ck_assert_uint_gt(corrupt, 0);
    pair_close(h.pair);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring: double fetch");
    TCase *threads = tcase_create("threads");
    tcase_set_timeout(threads, 50);
    tcase_add_loop_test(threads, double_fetch, 0, 2);
    suite_add_tcase(suite, threads);
    return pair_main(suite);
}
