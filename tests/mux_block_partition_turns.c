/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block partitions: who waits for whom, and under random requests that each completes once and
 * touches its own sectors only.
 */
#include "support/partition_rig.h"

static uint64_t state; /* of the random numbers */

static uint32_t below(uint32_t most)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % most;
}

/* ---- waiting ---- */

START_TEST(clients_take_turns)
{
    static const uint64_t expected[] = {0, 1, 2, 100, 200, 3, 101, 201, 4, 102, 202, 5};
    unsigned count = 0;

    setup();
    disk.per_poll = 1;
    init(1);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(add(i, i * 100, 100, false), VDEV_OK);
    }
    /* The first has the slot, and two more in the line before the others come. */
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(submit(make(&asked[0][i], 0, VDEV_BLOCK_READ, i, 1)), VDEV_OK);
    }
    vdev_block_poll(&disk.block);
    count++;
    for (uint32_t i = 3; i < 6; i++) {
        ck_assert_int_eq(submit(make(&asked[0][i], 0, VDEV_BLOCK_READ, i, 1)), VDEV_OK);
    }
    for (uint32_t i = 0; i < 6; i++) {
        uint32_t client = 1 + i % 2;
        ck_assert_int_eq(submit(make(&asked[client][i / 2], client, VDEV_BLOCK_READ, i / 2, 1)),
                         VDEV_OK);
    }
    while (disk.first != NULL) {
        ck_assert_uint_eq(disk.first->sector, expected[count]);
        count++;
        vdev_block_poll(&disk.block);
    }
    ck_assert_uint_eq(count, sizeof expected / sizeof expected[0]);
    ck_assert(all_slots_are_free(1));
}
END_TEST

/* Clients 1 and on have all their requests always submitted; how long does client 0 wait for one?
 */
START_TEST(a_greedy_client_does_not_starve_another)
{
    unsigned worst = 0;
    uint32_t slot_count = (uint32_t)_i % SLOTS + 1;
    uint32_t clients = 2 + (uint32_t)_i / SLOTS % 3;

    setup();
    state = (uint64_t)_i;
    disk.per_poll = 1;
    disk.depth = (unsigned)_i / SLOTS / 3; /* 0: no limit but the slots */
    init(slot_count);
    for (uint32_t i = 0; i < clients; i++) {
        ck_assert_int_eq(add(i, i * 100, 100, false), VDEV_OK);
    }
    /* What the device refused before is forgotten. */
    for (uint32_t i = 0; i <= slot_count; i++) {
        ck_assert_int_eq(submit(make(&asked[i % 2][i / 2], i % 2, VDEV_BLOCK_READ, 0, 1)), VDEV_OK);
    }
    refusal = VDEV_ERROR_ABSENT;
    settle();
    refusal = VDEV_OK;
    for (uint32_t i = 1; i < clients; i++) {
        for (uint32_t n = 0; n < REQUESTS; n++) {
            make(&asked[i][n], i, VDEV_BLOCK_WRITE, n, 1)->again = &asked[i][n];
            ck_assert_int_eq(submit(&asked[i][n]), VDEV_OK);
        }
    }
    for (unsigned round = 0; round < 200; round++) {
        for (uint32_t n = below(20); n != 0; n--) {
            vdev_block_poll(&disk.block);
        }
        ck_assert_int_eq(submit(make(&asked[0][0], 0, VDEV_BLOCK_READ, 0, 1)), VDEV_OK);
        others = 0;
        while (asked[0][0].completed == 0) {
            ck_assert(vdev_block_poll(&disk.block));
        }
        worst = others > worst ? others : worst;
    }
    ck_assert_uint_le(worst, slot_count + clients - 1);
    /* As much as the header says, where there is enough to fill the slots. */
    if (disk.depth == 0 && slot_count < (clients - 1) * REQUESTS) {
        ck_assert_uint_eq(worst, slot_count + clients - 1);
    }
}
END_TEST

/* ---- everything at once ---- */

static uint8_t model[RAM_DISK_SECTORS];   /* what is in each sector: the byte that fills it */
static unsigned accepted, refused, ended; /* of random_complete's */

static void random_fill(struct asked *one)
{
    uint32_t client = one->client;
    uint32_t count = 1 + below(MOST);
    uint32_t operation = below(8);
    struct asked *again = one->again;
    unsigned submitted = one->submitted, completed = one->completed;

    make(one, client,
         operation == 0  ? VDEV_BLOCK_FLUSH
         : operation < 4 ? VDEV_BLOCK_WRITE
                         : VDEV_BLOCK_READ,
         below((uint32_t)partitions[client].sectors + 4), count);
    memset(one->data, (int)below(256), sizeof one->data);
    one->request.complete = NULL;
    one->again = again;
    one->submitted = submitted;
    one->completed = completed;
}

static void random_complete(struct vdev_block_request *request, int status);

static void random_submit(struct asked *one)
{
    random_fill(one);
    one->request.complete = random_complete;
    if (submit(one) == VDEV_OK) {
        accepted++;
    } else {
        refused++;
    }
}

static void random_complete(struct vdev_block_request *request, int status)
{
    struct asked *one = request->owner;
    uint64_t first = partitions[one->client].first + request->sector;
    size_t sectors = vdev_buffers_length(request->buffers, request->buffer_count) / 512;

    ck_assert(one->busy);
    one->busy = false;
    one->completed++;
    ended++;
    for (size_t i = 0; status == VDEV_OK && i < sectors; i++) {
        const uint8_t *data = one->data + i * VDEV_SECTOR_SIZE;
        ck_assert_uint_eq(data[0], data[VDEV_SECTOR_SIZE - 1]);
        if (request->operation == VDEV_BLOCK_WRITE) {
            model[first + i] = data[0];
        } else {
            ck_assert_uint_eq(data[0], model[first + i]);
        }
    }
    for (uint32_t n = below(3); n != 0; n--) {
        struct asked *other = &asked[below(PARTITIONS)][below(REQUESTS)];
        if (!other->busy) {
            random_submit(other);
        }
    }
}

START_TEST(every_request_completes_once_and_in_its_own_sectors)
{
    static const uint64_t first[PARTITIONS] = {0, 64, 500, 510};
    static const uint64_t sectors[PARTITIONS] = {64, 100, 30, 40};
    uint32_t slot_count;

    setup();
    state = (uint64_t)_i;
    slot_count = 1 + below(SLOTS);
    init(slot_count);
    accepted = refused = ended = 0;
    memset(asked, 0, sizeof asked);
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        ck_assert_int_eq(add(i, first[i], sectors[i], i >= 2), VDEV_OK);
        for (uint32_t n = 0; n < REQUESTS; n++) {
            asked[i][n].client = i;
        }
    }
    for (uint32_t i = 0; i < RAM_DISK_SECTORS; i++) {
        model[i] = (uint8_t)below(256);
        memset(disk.bytes + i * VDEV_SECTOR_SIZE, model[i], VDEV_SECTOR_SIZE);
    }
    for (uint32_t step = 0; step < 20000; step++) {
        switch (below(16)) {
        case 0:
            disk.depth = below(4);
            break;
        case 1:
            disk.per_poll = 1 + below(3);
            break;
        case 2:
            disk.bad_sector = below(2) != 0 ? UINT64_MAX : below(200);
            break;
        case 3:
            disk.flush_unsupported = below(2) != 0;
            break;
        case 4:
            refusal = below(4) != 0        ? VDEV_OK
                      : below(2) != 0      ? VDEV_ERROR_ABSENT
                      : mux.in_flight != 0 ? VDEV_ERROR_FULL
                                           : VDEV_OK;
            break;
        case 5:
        case 6:
        case 7:
        case 8:
            vdev_block_poll(below(2) != 0 ? &disk.block : &partitions[below(PARTITIONS)].block);
            break;
        default: {
            struct asked *one = &asked[below(PARTITIONS)][below(REQUESTS)];
            if (!one->busy) {
                random_submit(one);
            }
            break;
        }
        }
        /* Who waits is sure of an event. */
        ck_assert(mux.waiting == 0 || mux.in_flight != 0);
        ck_assert_uint_eq(mux.in_flight, disk.queued);
        ck_assert_uint_eq(accepted - ended, mux.in_flight + mux.waiting);
    }
    refusal = VDEV_ERROR_ABSENT; /* an end to submitting from inside */
    settle();
    ck_assert(all_slots_are_free(slot_count));
    ck_assert_uint_eq(accepted, ended);
    ck_assert_uint_gt(ended, 4000);
    ck_assert_uint_gt(refused, 100);
    for (uint32_t i = 0; i < PARTITIONS * REQUESTS; i++) {
        const struct asked *one = &asked[i / REQUESTS][i % REQUESTS];
        ck_assert(!one->busy);
        ck_assert_uint_eq(one->submitted, one->completed);
    }
    for (uint32_t i = 0; i < RAM_DISK_SECTORS; i++) {
        ck_assert_uint_eq(disk.bytes[i * VDEV_SECTOR_SIZE], model[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mux_block_partition_turns");
    TCase *tests = tcase_create("mux_block_partition_turns");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, clients_take_turns);
    tcase_add_loop_test(tests, a_greedy_client_does_not_starve_another, 0, (int)SLOTS * 3 * 3);
    tcase_add_loop_test(tests, every_request_completes_once_and_in_its_own_sectors, 0, 10);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
