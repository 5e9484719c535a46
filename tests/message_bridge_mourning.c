/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver VM that is gone, as the drivers of its clients see it: each request ends with its
 * device's error and an interrupt, those in flight and those that come later. A guest brings its
 * device up as Linux does; then the driver VM stops, and the test is what it left in the rings.
 */
#include "support/bridge_rig.h"

#include <linux/virtio_net.h>

#define ASKED 24

static struct raw_queue queues[8];
static struct vdev_buffer headers[ASKED], answers[ASKED];
static struct vdev_buffer room[MACHINE_QUEUE];
static struct vdev_virtio_device plain; /* of any type: it does nothing at all */
static struct vdev_virtio_queue plain_queues[8];
static uint8_t plain_space[32];
static unsigned acknowledged;

/* ---- the hypervisor ---- */

static void stop_driver_vm(void)
{
    stopped = true;
    vdev_message_link_close(&pair.driver.link);
    run_driver_vm();
    ck_assert(vdev_virtio_message_bridge_poll(&bridge));
}

static bool mourn(void)
{
    return vdev_virtio_message_bridge_mourn(&bridge, &machine.map, room, MACHINE_QUEUE);
}

static void mourn_all(void)
{
    for (unsigned i = 0; mourn(); i++) {
        ck_assert_uint_lt(i, 200);
    }
}

/* ---- the guest ---- */

/* Linux' vm_interrupt, as long as the line is high. */
static void interrupts(void)
{
    for (unsigned i = 0; machine.level; i++) {
        ck_assert_uint_lt(i, 200);
        put(VIRTIO_MMIO_INTERRUPT_ACK, get(VIRTIO_MMIO_INTERRUPT_STATUS));
        acknowledged++;
    }
}

static void setup_disk(void)
{
    setup_block();
    acknowledged = 0;
    linux_probes_with(&queues[0],
                      1u << VIRTIO_RING_F_EVENT_IDX | 1u << VIRTIO_RING_F_INDIRECT_DESC);
    for (unsigned i = 0; i < ASKED; i++) {
        headers[i] = machine_allocate(&machine, 16, 16);
        answers[i] = machine_allocate(&machine, 3 * 512 + 1, 512);
        memset(answers[i].pointer, 0xee, answers[i].length);
    }
}

static const uint8_t *status_of(unsigned request)
{
    return (const uint8_t *)answers[request].pointer + 3 * 512;
}

static uint16_t ask_disk(unsigned request)
{
    struct vdev_buffer status = {(void *)(uintptr_t)status_of(request), 1,
                                 answers[request].bus_address + 3 * 512};
    struct vdev_buffer data = {answers[request].pointer, 3 * 512, answers[request].bus_address};

    return raw_add(&queues[0],
                   (struct raw_piece[]){raw_read_from(headers[request]), raw_write_to(data),
                                        raw_write_to(status)},
                   3);
}

/* The same in a table, data and status in one buffer. */
static uint16_t ask_disk_indirectly(unsigned request)
{
    struct vdev_buffer table = machine_allocate(&machine, 32, 16);
    struct vring_desc *descriptors = table.pointer;
    uint16_t head = queues[0].next_descriptor++ % MACHINE_QUEUE;

    descriptors[0] = (struct vring_desc){headers[request].bus_address, 16, VRING_DESC_F_NEXT, 1};
    descriptors[1] =
        (struct vring_desc){answers[request].bus_address, 3 * 512 + 1, VRING_DESC_F_WRITE, 0};
    *raw_descriptor(&queues[0], head) =
        (struct vring_desc){table.bus_address, 32, VRING_DESC_F_INDIRECT, 0};
    raw_expose(&queues[0], head);
    return head;
}

static void ck_failed(unsigned request)
{
    ck_assert_uint_eq(*status_of(request), VIRTIO_BLK_S_IOERR);
    ck_assert_uint_eq(*(status_of(request) - 1), 0xee); /* nothing else was written */
    ck_assert_uint_eq(*(const uint8_t *)answers[request].pointer, 0xee);
}

/* What the driver VM gave back before it died. */
static void given(struct raw_queue *queue, uint16_t head)
{
    struct vring_used *used = raw_used(queue);

    used->ring[used->idx % queue->size] = (struct vring_used_elem){.id = head, .len = 513};
    used->idx++;
}

/* How many used entries there are since, and which heads (a bit each). */
static unsigned collect(struct raw_queue *queue, uint32_t expected_length, uint64_t *heads)
{
    uint32_t length;
    unsigned count = 0;
    int head;

    *heads = 0;
    while ((head = raw_take(queue, &length)) >= 0) {
        ck_assert_int_lt(head, 64);
        ck_assert_uint_eq(length, expected_length);
        ck_assert((*heads >> head & 1) == 0);
        *heads |= 1ull << head;
        count++;
    }
    return count;
}

/* ---- disks ---- */

START_TEST(requests_in_flight_end_with_an_error_and_an_interrupt)
{
    uint64_t heads, expected = 0;
    for (unsigned i = 0; i < 20; i++) {
        expected |= 1ull << (i % 2 ? ask_disk_indirectly(i) : ask_disk(i));
    }
    stop_driver_vm();
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0x4f);
    ck_assert_uint_eq(get(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
    mourn_all();
    ck_assert_uint_eq(get(VIRTIO_MMIO_INTERRUPT_STATUS),
                      VIRTIO_MMIO_INT_CONFIG | VIRTIO_MMIO_INT_VRING);
    ck_assert_uint_eq(collect(&queues[0], 1, &heads), 20);
    ck_assert(heads == expected);
    for (unsigned i = 0; i < 20; i++) {
        ck_failed(i);
    }
    ck_assert_uint_eq(bridge.mourned, 20);
    interrupts();
    ck_assert_uint_eq(machine.aborts, 0);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0x4f);
}
END_TEST

START_TEST(those_that_were_answered_out_of_order_are_let_be)
{
    uint16_t asked[12];
    uint64_t heads, expected = 0;
    given(&queues[0], ask_disk(12));
    ck_assert_uint_eq(collect(&queues[0], 513, &heads), 1);
    for (unsigned i = 0; i < 12; i++) {
        asked[i] = ask_disk(i);
    }
    for (unsigned i = 1; i < 12; i += 2) {
        given(&queues[0], asked[12 - i]);
        expected |= 1ull << asked[i - 1];
    }
    ck_assert_uint_eq(collect(&queues[0], 513, &heads), 6);
    stop_driver_vm();
    mourn_all();
    ck_assert_uint_eq(collect(&queues[0], 1, &heads), 6);
    ck_assert(heads == expected);
    for (unsigned i = 0; i < 12; i++) {
        ck_assert_uint_eq(*status_of(i), i % 2 ? 0xee : VIRTIO_BLK_S_IOERR);
    }
}
END_TEST

START_TEST(indices_that_wrapped_make_no_difference)
{
    uint64_t heads;
    for (unsigned i = 0; i < 65536 + 40; i++) {
        given(&queues[0], ask_disk(0));
        collect(&queues[0], 513, &heads);
    }
    for (unsigned i = 0; i < 3; i++) {
        ask_disk(i);
    }
    stop_driver_vm();
    mourn_all();
    ck_assert_uint_eq(collect(&queues[0], 1, &heads), 3);
    for (unsigned i = 0; i < 3; i++) {
        ck_failed(i);
    }
}
END_TEST

START_TEST(after_a_disk_that_worked)
{
    struct vdev_buffer data;
    uint64_t heads;
    for (unsigned i = 0; i < 200; i++) {
        ask_disk(i % ASKED);
        raw_notify(&queues[0]);
        interrupts();
        ck_assert_uint_eq(collect(&queues[0], 3 * 512 + 1, &heads), 1);
        ck_assert_uint_eq(*status_of(i % ASKED), VIRTIO_BLK_S_OK);
    }
    data = answers[7];
    memset(data.pointer, 0xee, data.length);
    stopped = true; /* it sleeps while one more is asked */
    ask_disk(7);
    raw_notify(&queues[0]);
    stop_driver_vm();
    mourn_all();
    ck_assert_uint_eq(collect(&queues[0], 1, &heads), 1);
    ck_failed(7);
}
END_TEST

START_TEST(later_requests_end_at_once)
{
    uint64_t heads;
    stop_driver_vm();
    mourn_all();
    interrupts();
    for (unsigned i = 0; i < 100; i++) {
        memset(answers[i % ASKED].pointer, 0xee, 3 * 512 + 1);
        i % 2 ? ask_disk(i % ASKED) : ask_disk_indirectly(i % ASKED);
        /* The driver is asked to notify: with event indices, for the very next. */
        uint16_t event;
        memcpy(&event, &raw_used(&queues[0])->ring[MACHINE_QUEUE], sizeof event);
        ck_assert_uint_eq(event, (uint16_t)(raw_available(&queues[0])->idx - 1));
        raw_notify(&queues[0]);
        ck_assert(machine.level);
        ck_assert_uint_eq(collect(&queues[0], 1, &heads), 1);
        ck_failed(i % ASKED);
        interrupts();
    }
    ck_assert_uint_eq(bridge.refused, 0);
}
END_TEST

START_TEST(a_batch_is_completed_piece_by_piece_as_the_guest_acknowledges)
{
    uint64_t heads;
    stop_driver_vm();
    mourn_all();
    interrupts();
    for (unsigned i = 0; i < 20; i++) {
        ask_disk(i);
    }
    raw_notify(&queues[0]);
    ck_assert_uint_eq(collect(&queues[0], 1, &heads), 8);
    acknowledged = 0;
    interrupts();
    ck_assert_uint_eq(collect(&queues[0], 1, &heads), 12);
    ck_assert_uint_le(acknowledged, 4);
}
END_TEST

START_TEST(one_call_completes_no_more_than_eight)
{
    unsigned before = 0, calls = 0;
    for (unsigned i = 0; i < 20; i++) {
        ask_disk(i);
    }
    stop_driver_vm();
    for (bool more = true; more; calls++) {
        more = mourn();
        ck_assert_uint_le(bridge.mourned - before, 8);
        before = bridge.mourned;
    }
    ck_assert_uint_eq(bridge.mourned, 20);
    ck_assert_uint_le(calls, 3 * MACHINE_QUEUE / 64 + 5); /* entries looked at; requests */
    ck_assert(!mourn());
}
END_TEST

START_TEST(nothing_is_touched_while_the_other_side_may_live)
{
    ask_disk(0);
    stopped = true;
    ck_assert(!mourn());
    vdev_message_link_latch(&pair.driver.link); /* it went mad, but is not gone */
    ck_assert(!mourn());
    raw_notify(&queues[0]);
    interrupts();
    ck_assert_uint_eq(*status_of(0), 0xee);
    ck_assert_not_used(&queues[0]);
    stop_driver_vm();
    ck_assert(!vdev_virtio_message_bridge_mourn(&bridge, NULL, room, MACHINE_QUEUE));
    ck_assert_not_used(&queues[0]);
    mourn_all();
    ck_assert_used(&queues[0], 0, 1);
}
END_TEST

START_TEST(a_reset_ends_it_and_does_not_help)
{
    for (unsigned i = 0; i < 20; i++) {
        ask_disk(i);
    }
    stop_driver_vm();
    mourn();
    ck_assert(mourn());
    put(VIRTIO_MMIO_STATUS, 0);
    ck_assert_uint_ne(get(VIRTIO_MMIO_STATUS) & 0x40, 0);
    memset(machine.memory, 0x55, machine.used); /* all of it the guest's again */
    interrupts();
    raw_notify(&queues[0]);
    ck_assert(!mourn());
    for (size_t i = 0; i < machine.used; i++) {
        ck_assert_uint_eq(machine.memory[i], 0x55);
    }
    ck_assert_uint_eq(machine.aborts, 0);
}
END_TEST

START_TEST(a_reset_that_a_dead_device_never_answers_counts)
{
    struct vdev_access reset = {.width = 4, .write = true};
    ask_disk(0);
    stopped = true;
    vdev_bus_dispatch(&machine.bus, MACHINE_DEVICE + VIRTIO_MMIO_STATUS, &reset);
    stop_driver_vm();
    ck_assert(!mourn());
    ck_assert_uint_eq(*status_of(0), 0xee);
}
END_TEST

START_TEST(a_device_that_was_reset_and_set_up_again_is_mourned)
{
    linux_probes(&queues[0]); /* another kernel */
    ask_disk(0);
    stop_driver_vm();
    mourn_all();
    ck_assert_used(&queues[0], 0, 1);
    ck_failed(0);
}
END_TEST

START_TEST(a_device_that_dies_before_its_driver_is_done_says_no_as_well)
{
    /* Linux' virtio_blk does not look whether DRIVER_OK was taken. */
    raw_begin(&machine, 0);
    queues[0].next_descriptor = 0;
    raw_start(&queues[0]);
    stop_driver_vm();
    mourn_all();
    put(VIRTIO_MMIO_STATUS, 0xf);
    ask_disk(0);
    raw_notify(&queues[0]);
    interrupts();
    ck_failed(0);
    ck_assert_used(&queues[0], 0, 1);
}
END_TEST

START_TEST(a_hostile_used_ring_latches_the_queue)
{
    for (unsigned i = 0; i < 4; i++) {
        ask_disk(i);
    }
    if (_i == 0) {
        raw_used(&queues[0])->idx = 5;
    } else if (_i == 1) {
        raw_used(&queues[0])->idx = 0x8000;
    } else if (_i == 2) {
        given(&queues[0], 64);
    } else {
        given(&queues[0], 0);
        given(&queues[0], 0);
    }
    uint16_t index = raw_used(&queues[0])->idx;
    stop_driver_vm();
    mourn_all();
    ck_assert_uint_eq(bridge.mourning.lost, 1);
    interrupts();
    ask_disk(5);
    raw_notify(&queues[0]);
    ck_assert_uint_eq(raw_used(&queues[0])->idx, index);
    ck_assert_uint_eq(*status_of(0) & *status_of(5), 0xee);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0x4f);
}
END_TEST

START_TEST(a_hostile_guest_hurts_only_itself)
{
    uint16_t head = ask_disk(0);
    if (_i == 0) {
        raw_descriptor(&queues[0], head)->flags |= VRING_DESC_F_WRITE;
        raw_descriptor(&queues[0], head + 2u)->flags |= VRING_DESC_F_NEXT; /* a loop */
        raw_descriptor(&queues[0], head + 2u)->next = head;
    } else if (_i == 1) {
        raw_descriptor(&queues[0], head + 2u)->addr = UINT64_MAX;
    } else if (_i == 2) {
        raw_descriptor(&queues[0], head + 1u)->next = 64;
    } else if (_i == 3) {
        raw_available(&queues[0])->ring[0] = 64;
    } else {
        raw_available(&queues[0])->idx = 65;
    }
    stop_driver_vm();
    mourn_all();
    interrupts();
    ask_disk(1);
    raw_notify(&queues[0]);
    interrupts();
    ck_assert_uint_eq(bridge.mourning.lost, _i != 1);
    ck_assert_uint_eq(*status_of(1), _i == 1 ? VIRTIO_BLK_S_IOERR : 0xee);
    ck_assert_uint_eq(raw_used(&queues[0])->idx, _i == 1 ? 2 : 0);
    ck_assert_uint_eq(raw_used(&queues[0])->ring[0].len, 0);
}
END_TEST

START_TEST(a_queue_that_is_too_long_is_lost)
{
    ask_disk(0);
    stop_driver_vm();
    while (vdev_virtio_message_bridge_mourn(&bridge, &machine.map, room, MACHINE_QUEUE - 1)) {
    }
    ck_assert_uint_eq(bridge.mourning.lost, 1);
    ck_assert_not_used(&queues[0]);
}
END_TEST

/* ---- devices of other types ---- */

static void plain_notified(struct vdev_virtio_device *virtio, uint16_t queue)
{
    (void)virtio;
    (void)queue;
}

static void setup_plain(uint32_t id, unsigned count, uint64_t features)
{
    static const struct vdev_virtio_device_operations operations = {.notify = plain_notified};

    setup_common();
    ck_assert_int_eq(vdev_virtio_device_init(&plain,
                                             &(struct vdev_virtio_device_configuration){
                                                 .operations = &operations,
                                                 .memory = &machine.map,
                                                 .id = id,
                                                 .features = features,
                                                 .queues = plain_queues,
                                                 .queue_count = (uint16_t)count,
                                                 .queue_size_maximum = MACHINE_QUEUE,
                                                 .configuration_space = plain_space,
                                                 .configuration_length = sizeof plain_space,
                                             }),
                     VDEV_OK);
    connect(&plain);
    raw_begin(&machine, features);
    for (unsigned i = 0; i < count; i++) {
        raw_queue_init(&queues[i], &machine, i);
        raw_start(&queues[i]);
    }
    raw_finish(&machine);
}

/* A request of 8 bytes to read and, if wanted, 4 to be written. */
static struct vdev_buffer ask_plain(unsigned queue, bool writable)
{
    struct vdev_buffer out = machine_allocate(&machine, 8, 8);
    struct vdev_buffer in = machine_allocate(&machine, 4, 8);

    memset(in.pointer, 0xee, 4);
    raw_add(&queues[queue], (struct raw_piece[]){raw_read_from(out), raw_write_to(in)},
            writable ? 2 : 1);
    return in;
}

static void ck_plain(const char *says)
{
    struct vdev_buffer in[8][2];
    unsigned count = (unsigned)strlen(says);
    for (unsigned i = 0; i < count; i++) {
        in[i][0] = ask_plain(i, says[i] != 't');
    }
    stop_driver_vm();
    mourn_all();
    interrupts();
    for (unsigned i = 0; i < count; i++) {
        in[i][1] = ask_plain(i, says[i] != 't');
        raw_notify(&queues[i]);
    }
    interrupts();
    for (unsigned i = 0; i < count; i++) {
        for (unsigned j = 0; j < 2; j++) {
            uint8_t first = *(const uint8_t *)in[i][j].pointer;
            if (says[i] != '-') {
                ck_assert_used(&queues[i], says[i] == 't' ? j : 2 * j, says[i] == 'c');
            }
            ck_assert_uint_eq(first, says[i] == 'c' ? VIRTIO_NET_ERR : 0xee);
            ck_assert_uint_eq(((const uint8_t *)in[i][j].pointer)[1], 0xee);
        }
        ck_assert_not_used(&queues[i]);
    }
    ck_assert_uint_eq(bridge.mourning.lost, 0);
}

START_TEST(a_network_drops_what_it_was_to_send_and_refuses_commands)
{
    setup_plain(VDEV_VIRTIO_ID_NET, 3, 1u << VIRTIO_NET_F_CTRL_VQ);
    ck_plain("-tc");
}
END_TEST

START_TEST(a_network_of_several_pairs_has_its_control_queue_behind_them)
{
    plain_space[offsetof(struct virtio_net_config, max_virtqueue_pairs)] = 2;
    setup_plain(VDEV_VIRTIO_ID_NET, 5, 1u << VIRTIO_NET_F_CTRL_VQ | 1u << VIRTIO_NET_F_MQ);
    ck_plain("-t-tc");
}
END_TEST

START_TEST(a_network_without_control_queue_has_none)
{
    setup_plain(VDEV_VIRTIO_ID_NET, 4, 0);
    ck_plain("-t-t");
}
END_TEST

START_TEST(a_console_swallows_what_it_was_to_show)
{
    setup_plain(VDEV_VIRTIO_ID_CONSOLE, 6, 0);
    ck_plain("-t-t-t");
}
END_TEST

START_TEST(a_device_that_is_not_known_is_let_be)
{
    setup_plain(4 /* entropy */, 2, 0);
    ck_plain("--");
    ck_assert_uint_eq(bridge.refused, 2);
}
END_TEST

START_TEST(a_driver_that_waits_with_interrupts_off_gets_its_answer)
{
    uint64_t heads;
    setup_plain(VDEV_VIRTIO_ID_CONSOLE, 4, 0);
    for (unsigned i = 0; i < 20; i++) {
        ask_plain(1, false);
    }
    stop_driver_vm();
    mourn_all();
    for (unsigned i = 0; i < 20; i++) {
        ask_plain(1, false);
    }
    raw_notify(&queues[1]); /* not all of it is done, and nothing is acknowledged */
    ck_assert_uint_eq(collect(&queues[1], 0, &heads), 28);
    ask_plain(3, false);
    raw_notify(&queues[3]);
    ck_assert_uint_eq(collect(&queues[3], 0, &heads), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message_bridge_mourning");
    TCase *tests = tcase_create("disk");
    tcase_add_checked_fixture(tests, setup_disk, teardown_pair);
    tcase_add_test(tests, requests_in_flight_end_with_an_error_and_an_interrupt);
    tcase_add_test(tests, those_that_were_answered_out_of_order_are_let_be);
    tcase_add_test(tests, indices_that_wrapped_make_no_difference);
    tcase_add_test(tests, after_a_disk_that_worked);
    tcase_add_test(tests, later_requests_end_at_once);
    tcase_add_test(tests, a_batch_is_completed_piece_by_piece_as_the_guest_acknowledges);
    tcase_add_test(tests, one_call_completes_no_more_than_eight);
    tcase_add_test(tests, nothing_is_touched_while_the_other_side_may_live);
    tcase_add_test(tests, a_reset_ends_it_and_does_not_help);
    tcase_add_test(tests, a_reset_that_a_dead_device_never_answers_counts);
    tcase_add_test(tests, a_device_that_was_reset_and_set_up_again_is_mourned);
    tcase_add_test(tests, a_device_that_dies_before_its_driver_is_done_says_no_as_well);
    tcase_add_loop_test(tests, a_hostile_used_ring_latches_the_queue, 0, 4);
    tcase_add_loop_test(tests, a_hostile_guest_hurts_only_itself, 0, 5);
    tcase_add_test(tests, a_queue_that_is_too_long_is_lost);
    suite_add_tcase(suite, tests);
    tests = tcase_create("other devices");
    tcase_add_checked_fixture(tests, NULL, teardown_pair);
    tcase_add_test(tests, a_network_drops_what_it_was_to_send_and_refuses_commands);
    tcase_add_test(tests, a_network_of_several_pairs_has_its_control_queue_behind_them);
    tcase_add_test(tests, a_network_without_control_queue_has_none);
    tcase_add_test(tests, a_console_swallows_what_it_was_to_show);
    tcase_add_test(tests, a_device_that_is_not_known_is_let_be);
    tcase_add_test(tests, a_driver_that_waits_with_interrupts_off_gets_its_answer);
    suite_add_tcase(suite, tests);
    return pair_run(suite);
}
