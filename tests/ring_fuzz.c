/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random rubbish against both ends, with a fixed seed that a failure prints. VDEV_FUZZ_SEED and
 * VDEV_FUZZ_ROUNDS in the environment choose others. Asked of every step: chains lie in memory, the
 * work is bounded, nothing but the used ring is written by the device's end, and no token comes
 * back twice or is lost at the driver's.
 */
#include "ring_pair.h"

#define SIZE     16u
#define CAPACITY 12u

static uint32_t environment(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? (uint32_t)strtoul(text, NULL, 0) : otherwise;
}

static uint32_t seed;

#define fuzz_require(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("seed 0x%x, line %d: %s", seed, __LINE__, #condition);                    \
        }                                                                                          \
    } while (0)

/* Half the time something sensible, so that the deeper checks are reached. */
static void scribble_descriptor(struct pair *pair, uint32_t *random, uint8_t *at)
{
    struct pair_descriptor descriptor;
    uint32_t pick = pair_random(random);
    uint64_t end = PAIR_BASE + pair->arena_bytes;

    switch (pick & 15) {
    case 0:
        descriptor.address = UINT64_MAX - (pair_random(random) & 31);
        break;
    case 1:
        descriptor.address = end - (pair_random(random) & 31);
        break;
    case 2:
        descriptor.address = PAIR_READ_ONLY + (pair_random(random) & 4095);
        break;
    case 3:
        descriptor.address = (uint64_t)pair_random(random) << 32 | pair_random(random);
        break;
    default:
        descriptor.address = pair_guest(pair, pair->data) + (pair_random(random) & 127);
        break;
    }
    descriptor.length = (pick >> 4 & 15) == 0   ? pair_random(random)
                        : (pick >> 4 & 15) == 1 ? 0xffffffffu - (pair_random(random) & 15)
                                                : pair_random(random) & 31;
    descriptor.flags = (uint16_t)((pick >> 8 & 7) == 0 ? pick >> 16 : pick >> 16 & 3);
    descriptor.next =
        (uint16_t)((pick >> 11 & 31) == 0 ? pair_random(random) : pair_random(random) % SIZE);
    if ((pick >> 12 & 7) == 7) {
        unsigned offset = (pick >> 15 & 1) != 0 ? 0 : pair_random(random) & 63;
        descriptor.address = pair_guest(pair, pair->tables) + offset;
        descriptor.length = (pair_random(random) % (SIZE + 2)) * 16 + ((pick >> 20 & 15) == 0);
        descriptor.flags = (uint16_t)(PAIR_INDIRECT | (pick >> 24 & 2));
    }
    memcpy(at, &descriptor, sizeof descriptor);
}

struct totals {
    uint64_t good, malformed, corrupt;
};

static bool hold(void *device, struct vdev_chain *chain)
{
    struct pair *pair = device;
    if (!pair_chain_is_sound(pair, chain)) {
        vdev_device_queue_stop(&pair->device); /* shows as VDEV_ERROR_STATE */
        return true;
    }
    if (chain->id % 3 == 0) {
        return false;
    }
    vdev_device_queue_give(&pair->device, chain->id, chain->writable_length);
    return true;
}

static void fuzz_device_once(uint32_t *random, struct totals *totals)
{
    struct pair *pair =
        pair_open(SIZE, (pair_random(random) & 1) != 0, (pair_random(random) & 3) != 0 ? SIZE : 0);
    uint8_t *copy = malloc(pair->arena_bytes);
    struct vdev_buffer buffers[CAPACITY + 1] = {0};
    struct vdev_chain chain = {.buffers = buffers, .capacity = CAPACITY};
    struct vdev_device_queue *queue = &pair->device;
    uint16_t held[65536 / 64];
    unsigned held_count = 0;
    size_t used_at = (size_t)((uint8_t *)pair->used - pair->arena);
    size_t used_end = used_at + 6 + SIZE * 8;
    bool more;

    fuzz_require(copy != NULL);
    for (unsigned i = 0; i < SIZE; i++) {
        scribble_descriptor(pair, random, (uint8_t *)&pair->descriptors[i]);
        scribble_descriptor(pair, random, pair->tables + 16 * i);
        pair->available[2 + i] =
            (uint16_t)((pair_random(random) & 63) == 0 ? pair_random(random)
                                                       : pair_random(random) % SIZE);
    }
    for (unsigned step = 0; step < 64; step++) {
        uint32_t pick = pair_random(random);
        scribble_descriptor(pair, random, (uint8_t *)&pair->descriptors[pick % SIZE]);
        scribble_descriptor(pair, random, pair->tables + (pick >> 8) % (16 * SIZE - 15));
        if ((pick & 1) != 0) {
            uint16_t ahead = (uint16_t)((pick >> 1 & 127) == 0 ? pick >> 16 : (pick >> 8) % 3);
            pair->available[1] = (uint16_t)(pair->available[1] + ahead);
            pair->available[2 + SIZE] = (uint16_t)(pick >> 20);
        }
        memcpy(copy, pair->arena, pair->arena_bytes);
        uint64_t malformed = queue->malformed, chains = queue->chains;
        int status = VDEV_OK;
        switch (pair_random(random) % 8) {
        case 0:
            vdev_device_queue_disarm(queue);
            break;
        case 1:
            vdev_device_queue_arm(queue);
            break;
        case 2:
            vdev_device_queue_signal(queue);
            break;
        case 3:
            if (held_count != 0) {
                vdev_device_queue_give(queue, held[--held_count], pair_random(random));
            }
            break;
        case 4:
            status = vdev_device_queue_run(queue, &chain, 8, hold, pair, &more);
            fuzz_require(status != VDEV_ERROR_STATE && queue->chains - chains <= 8);
            break;
        default:
            status = vdev_device_queue_take(queue, &chain);
            if (status == VDEV_OK) {
                fuzz_require(pair_chain_is_sound(pair, &chain));
                fuzz_require(held_count < SIZE);
                held[held_count++] = chain.id;
                totals->good++;
            }
            fuzz_require(queue->chains - chains <= SIZE);
            break;
        }
        totals->malformed += queue->malformed - malformed;
        fuzz_require(buffers[CAPACITY].pointer == NULL);
        fuzz_require(memcmp(copy, pair->arena, used_at) == 0);
        fuzz_require(
            memcmp(copy + used_end, pair->arena + used_end, pair->arena_bytes - used_end) == 0);
        if (status == VDEV_ERROR_CORRUPT) {
            totals->corrupt++;
            held_count = 0;
            pair->configuration.start_index = pair->available[1];
            fuzz_require(vdev_device_queue_start(queue, &pair->memory, &pair->configuration) ==
                         VDEV_OK);
        }
    }
    free(copy);
    pair_close(pair);
}

START_TEST(device_end)
{
    uint32_t rounds = environment("VDEV_FUZZ_ROUNDS", 20000);
    struct totals totals = {0, 0, 0};
    for (uint32_t round = 0; round < rounds; round++) {
        uint32_t random = seed + round * 2654435761u;
        random += random == 0;
        fuzz_device_once(&random, &totals);
    }
    /* The rubbish was good enough to get everywhere. */
    ck_assert_uint_gt(totals.good, rounds);
    ck_assert_uint_gt(totals.malformed, rounds);
    ck_assert_uint_gt(totals.corrupt, rounds / 10);
}
END_TEST

static void fuzz_driver_once(uint32_t *random, struct totals *totals)
{
    struct pair *pair =
        pair_open(SIZE, (pair_random(random) & 1) != 0, (pair_random(random) & 1) != 0 ? 4 : 0);
    struct vdev_driver_queue *queue = &pair->driver;
    struct vdev_buffer list[6];
    uint32_t writable[SIZE];
    bool out[SIZE] = {false};
    uint16_t heads[SIZE]; /* what an honest device would have seen, in order */
    unsigned in_flight = 0;
    uint16_t seen = 0;

    for (unsigned step = 0; step < 200; step++) {
        uint32_t pick = pair_random(random);
        void *token = NULL;
        uint32_t written = 0;
        int status;
        if ((pick & 3) == 0) {
            unsigned slot = 0;
            while (slot < SIZE && out[slot]) {
                slot++;
            }
            size_t readable_count = pick >> 4 & 3, writable_count = pick >> 6 & 3, bytes = 0;
            for (unsigned i = 0; i < 6; i++) {
                list[i] = pair_buffer(pair, pair->data + 16 * i, pair_random(random) & 15);
                bytes +=
                    i >= readable_count && i < readable_count + writable_count ? list[i].length : 0;
            }
            if (slot < SIZE) {
                status = vdev_driver_queue_add(queue, list, readable_count, list + readable_count,
                                               writable_count, &writable[slot]);
                fuzz_require(status == VDEV_OK || status == VDEV_ERROR_FULL ||
                             status == VDEV_ERROR_INVALID);
                if (status == VDEV_OK) {
                    writable[slot] = (uint32_t)bytes;
                    out[slot] = true;
                    in_flight++;
                }
            }
        } else if ((pick & 3) == 1) {
            vdev_driver_queue_publish(queue);
            while (seen != pair->available[1]) {
                heads[seen % SIZE] = pair->available[2 + seen % SIZE];
                seen++;
            }
        } else if ((pick & 3) == 2) {
            /* Mostly honest, sometimes not; and it writes over what it should only read. */
            scribble_descriptor(pair, random, (uint8_t *)&pair->descriptors[pick >> 8 & 15]);
            pair->available[2 + (pick >> 12 & 15)] = (uint16_t)pair_random(random);
            pair->used[1 + 2 * SIZE] = pair_random(random) & 0xffff;
            if ((pick >> 16 & 63) == 0) {
                pair_use(pair, pair_random(random) % (2 * SIZE), pair_random(random));
            } else if ((pick >> 16 & 255) == 1) {
                pair->used[0] = pair_random(random);
            } else if (pair_used_index(pair) != seen) {
                pair_use(pair, heads[pair_used_index(pair) % SIZE], pair_random(random) & 63);
            }
        } else {
            status = vdev_driver_queue_take(queue, &token, &written);
            if (status == VDEV_OK) {
                size_t slot = (size_t)((uint32_t *)token - writable);
                fuzz_require(slot < SIZE && out[slot] && written <= writable[slot]);
                out[slot] = false;
                in_flight--;
                totals->good++;
            } else if (status == VDEV_ERROR_CORRUPT) {
                totals->corrupt++;
                break;
            }
            vdev_driver_queue_arm(queue);
        }
        fuzz_require(queue->free_count <= SIZE);
    }
    while (in_flight != 0) {
        uint32_t *token = vdev_driver_queue_drain(queue);
        fuzz_require(token != NULL && out[token - writable]);
        out[token - writable] = false;
        in_flight--;
    }
    fuzz_require(vdev_driver_queue_drain(queue) == NULL);
    pair_close(pair);
}

START_TEST(driver_end)
{
    uint32_t rounds = environment("VDEV_FUZZ_ROUNDS", 10000);
    struct totals totals = {0, 0, 0};
    for (uint32_t round = 0; round < rounds; round++) {
        uint32_t random = seed + round * 2654435761u;
        random += random == 0;
        fuzz_driver_once(&random, &totals);
    }
    ck_assert_uint_gt(totals.good, rounds);
    ck_assert_uint_gt(totals.corrupt, rounds / 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring: random peers");
    TCase *fuzz = tcase_create("fuzz");
    seed = environment("VDEV_FUZZ_SEED", 0x5eed2026);
    tcase_set_timeout(fuzz, 110);
    tcase_add_test(fuzz, device_end);
    tcase_add_test(fuzz, driver_end);
    suite_add_tcase(suite, fuzz);
    return pair_main(suite);
}
