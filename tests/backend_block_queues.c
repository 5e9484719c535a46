/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block back-end with several queues: what it says, that each request goes back where it came
 * from, and that no queue keeps the others from the slots.
 */
#include "support/block_driver.h"

#define QUEUES 3u
#define MQ     (1ull << VIRTIO_BLK_F_MQ)

static struct vdev_virtio_queue device_queues[VDEV_BLOCK_BACKEND_QUEUES];
static struct raw_queue others[QUEUES - 1];

static void start_queues(void)
{
    raw_begin(&machine, FLUSH | MQ);
    raw_start(&queue);
    raw_start(&others[0]);
    raw_start(&others[1]);
    raw_finish(&machine);
}

static void setup_queues(void)
{
    struct vdev_block_backend_configuration with;

    setup();
    with = configuration();
    with.queue_count = QUEUES;
    with.queues = device_queues;
    ck_assert_int_eq(vdev_block_backend_init(&backend, &with), VDEV_OK);
    machine_connect(&machine, &backend.device);
    raw_queue_init(&others[0], &machine, 1);
    raw_queue_init(&others[1], &machine, 2);
    start_queues();
}

static struct raw_queue *queue_of(unsigned index)
{
    return index == 0 ? &queue : &others[index - 1];
}

static struct request add_to(unsigned index, uint32_t type, uint64_t sector, size_t length)
{
    struct request request = make(type, sector, length);
    struct raw_piece pieces[3] = {raw_read_from(request.header), raw_read_from(request.data),
                                  raw_write_to(request.status)};

    pieces[1].writable = type != VIRTIO_BLK_T_OUT;
    request.head = raw_add(queue_of(index), pieces, 3);
    return request;
}

#define ck_assert_answer_in(index, request, expected_status, expected_length)                      \
    do {                                                                                           \
        ck_assert_used(queue_of(index), (request)->head, (expected_length));                       \
        ck_assert_uint_eq(status_of(request), (expected_status));                                  \
    } while (0)

START_TEST(says_how_many_it_has)
{
    struct vdev_block_backend other;
    struct vdev_block_backend_configuration with = configuration();
    ck_assert(machine_read32(&machine, VIRTIO_MMIO_DEVICE_FEATURES) & MQ);
    ck_assert_uint_eq(machine_read32(&machine, 0x100 + 32) >> 16, QUEUES); /* num_queues */
    for (unsigned i = 0; i <= QUEUES; i++) {
        machine_write32(&machine, VIRTIO_MMIO_QUEUE_SEL, i);
        ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_QUEUE_NUM_MAX),
                          i < QUEUES ? MACHINE_QUEUE : 0);
    }
    with.queues = device_queues;
    with.queue_count = VDEV_BLOCK_BACKEND_QUEUES + 1;
    ck_assert_int_eq(vdev_block_backend_init(&other, &with), VDEV_ERROR_INVALID);
    with.queue_count = VDEV_BLOCK_BACKEND_QUEUES;
    ck_assert_int_eq(vdev_block_backend_init(&other, &with), VDEV_OK);
    with.queues = NULL;
    ck_assert_int_eq(vdev_block_backend_init(&other, &with), VDEV_ERROR_INVALID);
    /* One queue is one queue, whoever has brought it, and is not called several. */
    for (uint16_t i = 0; i < 4; i++) {
        with.queue_count = i & 1;
        with.queues = i < 2 ? NULL : device_queues;
        ck_assert_int_eq(vdev_block_backend_init(&other, &with), VDEV_OK);
        ck_assert_uint_eq(other.device.queue_count, 1);
        ck_assert(!(vdev_virtio_device_offered_word(&other.device, 0) & MQ));
        ck_assert_ptr_eq(other.device.queues, i < 2 ? &other.queue : device_queues);
    }
}
END_TEST

START_TEST(a_request_goes_back_to_its_queue)
{
    struct request requests[QUEUES];
    disk.held = true;
    for (unsigned i = 0; i < QUEUES; i++) {
        requests[i] = add_to(i, VIRTIO_BLK_T_IN, 10 * i, 512);
        raw_notify(queue_of(i));
    }
    ck_assert_uint_eq(disk.queued, QUEUES);
    disk.held = false;
    disk.per_poll = 1;
    for (unsigned i = 0; i < QUEUES; i++) {
        ck_assert_not_used(queue_of(i));
        vdev_block_poll(&disk.block);
        ck_assert_answer_in(i, &requests[i], VIRTIO_BLK_S_OK, 513);
        ck_assert_mem_eq(requests[i].data.pointer, disk.bytes + 10 * i * 512, 512);
    }
    check_alive();
}
END_TEST

START_TEST(queues_take_turns_at_short_slots)
{
    struct request requests[QUEUES][8];
    disk.per_poll = 1;
    /* The first queue takes all slots, and has more to come. */
    for (unsigned i = 0; i < 8; i++) {
        requests[0][i] = add_to(0, VIRTIO_BLK_T_IN, i, 512);
    }
    raw_notify(&queue);
    ck_assert_uint_eq(disk.queued, SLOTS);
    for (unsigned q = 1; q < QUEUES; q++) {
        for (unsigned i = 0; i < 8; i++) {
            requests[q][i] = add_to(q, VIRTIO_BLK_T_IN, 100 * q + i, 512);
        }
        raw_notify(queue_of(q));
        ck_assert_uint_eq(disk.queued, SLOTS);
    }
    /* From here on each free slot is another queue's. */
    unsigned done[QUEUES] = {0};
    for (unsigned step = 0; step < 24; step++) {
        vdev_block_poll(&disk.block);
        for (unsigned q = 0; q < QUEUES; q++) {
            uint32_t length;
            while (raw_take(queue_of(q), &length) >= 0) {
                ck_assert_uint_eq(length, 513);
                done[q]++;
            }
        }
        if (step == 15) {
            for (unsigned q = 0; q < QUEUES; q++) {
                ck_assert_uint_ge(done[q], 3);
            }
        }
    }
    for (unsigned q = 0; q < QUEUES; q++) {
        ck_assert_uint_eq(done[q], 8);
        for (unsigned i = 0; i < 8; i++) {
            ck_assert_uint_eq(status_of(&requests[q][i]), VIRTIO_BLK_S_OK);
            ck_assert_mem_eq(requests[q][i].data.pointer, disk.bytes + (100 * q + i) * 512, 512);
        }
    }
    check_alive();
    ck_assert_uint_eq(backend.left, 0);
    for (unsigned q = 0; q < QUEUES; q++) {
        ck_assert_uint_eq(raw_used(queue_of(q))->flags, 0); /* all armed again */
    }
}
END_TEST

START_TEST(what_a_full_class_refuses_is_resumed_in_every_queue)
{
    struct request requests[QUEUES][4];
    disk.depth = 1;
    disk.per_poll = 1;
    for (unsigned q = 0; q < QUEUES; q++) {
        for (unsigned i = 0; i < 4; i++) {
            requests[q][i] = add_to(q, VIRTIO_BLK_T_OUT, 50 * q + i, 512);
            memset(requests[q][i].data.pointer, (int)(16 * q + i), 512);
        }
        raw_notify(queue_of(q));
    }
    ck_assert_uint_eq(disk.queued, 1);
    for (unsigned step = 0; step < 12; step++) {
        vdev_block_poll(&disk.block);
    }
    for (unsigned q = 0; q < QUEUES; q++) {
        for (unsigned i = 0; i < 4; i++) {
            ck_assert_answer_in(q, &requests[q][i], VIRTIO_BLK_S_OK, 1);
            ck_assert_uint_eq(disk.bytes[(50 * q + i) * 512], 16 * q + i);
        }
    }
    check_alive();
}
END_TEST

START_TEST(a_queue_taken_back_leaves_the_others)
{
    struct request lost, kept;
    disk.held = true;
    lost = add_to(1, VIRTIO_BLK_T_IN, 0, 512);
    kept = add_to(2, VIRTIO_BLK_T_IN, 5, 512);
    raw_notify(&others[0]);
    raw_notify(&others[1]);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_SEL, 1);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_READY, 0);
    disk.held = false;
    vdev_block_poll(&disk.block);
    ck_assert_not_used(&others[0]);
    ck_assert_uint_eq(status_of(&lost), 0xee);
    ck_assert_answer_in(2, &kept, VIRTIO_BLK_S_OK, 513);
    check_alive();
}
END_TEST

START_TEST(a_queue_taken_back_while_it_waits_for_slots)
{
    struct request requests[6];
    disk.held = true;
    for (unsigned i = 0; i < 6; i++) {
        requests[i] = add_to(1, VIRTIO_BLK_T_IN, i, 512);
    }
    raw_notify(&others[0]);
    struct request other = add_to(2, VIRTIO_BLK_T_IN, 9, 512);
    raw_notify(&others[1]);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_SEL, 1);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_READY, 0);
    disk.held = false;
    while (vdev_block_poll(&disk.block)) {
    }
    ck_assert_answer_in(2, &other, VIRTIO_BLK_S_OK, 513);
    ck_assert_uint_eq(status_of(&requests[5]), 0xee);
    check_alive();
}
END_TEST

START_TEST(a_reset_with_requests_of_all_queues_in_flight)
{
    struct request old[QUEUES];
    disk.held = true;
    for (unsigned q = 0; q < QUEUES; q++) {
        old[q] = add_to(q, VIRTIO_BLK_T_IN, q, 512);
        raw_notify(queue_of(q));
    }
    start_queues();
    struct request fresh = add_to(2, VIRTIO_BLK_T_IN, 70, 512);
    raw_notify(&others[1]);
    ck_assert_uint_eq(disk.queued, QUEUES);
    disk.held = false;
    while (vdev_block_poll(&disk.block)) {
    }
    for (unsigned q = 0; q < QUEUES; q++) {
        ck_assert_uint_eq(status_of(&old[q]), 0xee);
    }
    vdev_block_poll(&disk.block);
    ck_assert_answer_in(2, &fresh, VIRTIO_BLK_S_OK, 513);
    check_alive();
}
END_TEST

START_TEST(a_queue_that_does_not_exist_is_refused)
{
    uint32_t refused = backend.device.refused;
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_NOTIFY, QUEUES);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_NOTIFY, 0x10000);
    ck_assert_uint_eq(backend.device.refused, refused + 2);
    check_alive();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backend_block_queues");
    TCase *tests;

    tests = tcase_create("several queues");
    tcase_add_checked_fixture(tests, setup_queues, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, says_how_many_it_has);
    tcase_add_test(tests, a_request_goes_back_to_its_queue);
    tcase_add_test(tests, queues_take_turns_at_short_slots);
    tcase_add_test(tests, what_a_full_class_refuses_is_resumed_in_every_queue);
    tcase_add_test(tests, a_queue_taken_back_leaves_the_others);
    tcase_add_test(tests, a_queue_taken_back_while_it_waits_for_slots);
    tcase_add_test(tests, a_reset_with_requests_of_all_queues_in_flight);
    tcase_add_test(tests, a_queue_that_does_not_exist_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
