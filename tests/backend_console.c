/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console back-end against a driver that keeps no rules, through virtio-mmio, over a console
 * whose room the test chooses.
 */
#include "support/console_pipe.h"
#include "support/virtio_machine.h"

#include <vdev/backends/console.h>

static struct machine machine;
static struct console_pipe console;
static struct vdev_console_backend backend;
static struct vdev_buffer buffers[8];
static struct raw_queue receive, transmit;

static void start(void)
{
    raw_begin(&machine, 1u << 0);
    raw_start(&receive);
    raw_start(&transmit);
    raw_finish(&machine);
}

static struct vdev_console_backend_configuration configuration(void)
{
    return (struct vdev_console_backend_configuration){
        .memory = &machine.map,
        .console = &console.console,
        .buffers = buffers,
        .buffer_count = 8,
        .queue_size = MACHINE_QUEUE,
    };
}

static void setup(void)
{
    machine_init(&machine);
    console_pipe_init(&console);
    struct vdev_console_backend_configuration with = configuration();
    ck_assert_int_eq(vdev_console_backend_init(&backend, &with), VDEV_OK);
    machine_connect(&machine, &backend.device);
    raw_queue_init(&receive, &machine, 0);
    raw_queue_init(&transmit, &machine, 1);
    start();
}

static void teardown(void)
{
    machine_finish(&machine);
}

static struct vdev_buffer text(const char *string)
{
    struct vdev_buffer buffer = machine_allocate(&machine, strlen(string), 1);
    memcpy(buffer.pointer, string, buffer.length);
    return buffer;
}

static uint16_t say(const char *string)
{
    return raw_add(&transmit, (struct raw_piece[]){raw_read_from(text(string))}, 1);
}

#define ck_assert_said(string)                                                                     \
    do {                                                                                           \
        ck_assert_uint_eq(console.output_length, strlen(string));                                  \
        ck_assert_mem_eq(console.output, string, strlen(string));                                  \
        console.output_length = 0;                                                                 \
    } while (0)

static void check_alive(void)
{
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_STATUS), 0xf);
    console.room = SIZE_MAX;
    console.output_length = 0;
    uint16_t head = say("still here");
    raw_notify(&transmit);
    ck_assert_used(&transmit, head, 0);
    ck_assert_said("still here");
    struct vdev_buffer room = machine_allocate(&machine, 16, 1);
    head = raw_add(&receive, (struct raw_piece[]){raw_write_to(room)}, 1);
    raw_notify(&receive);
    console_pipe_feed(&console, "and here", 8);
    vdev_console_poll(&console.console);
    ck_assert_used(&receive, head, 8);
    ck_assert_mem_eq(room.pointer, "and here", 8);
    ck_assert_uint_eq(machine.aborts, 0);
}

START_TEST(init_refuses_what_cannot_be)
{
    struct vdev_console_backend other;
    struct vdev_console_backend_configuration with = configuration();
    with.buffer_count = 0;
    ck_assert_int_eq(vdev_console_backend_init(&other, &with), VDEV_ERROR_INVALID);
    with = configuration();
    with.console = NULL;
    ck_assert_int_eq(vdev_console_backend_init(&other, &with), VDEV_ERROR_INVALID);
    with = configuration();
    with.queue_size = 0;
    ck_assert_int_eq(vdev_console_backend_init(&other, &with), VDEV_ERROR_INVALID);
    with = configuration();
    with.memory = NULL;
    ck_assert_int_eq(vdev_console_backend_init(&other, &with), VDEV_ERROR_INVALID);
    /* The one that failed has not taken the console from the one that serves it. */
    check_alive();
}
END_TEST

START_TEST(a_transmit_completes_within_its_notification)
{
    uint16_t head = say("hello");
    raw_notify(&transmit);
    ck_assert_used(&transmit, head, 0);
    ck_assert_said("hello");
    ck_assert(machine.level);
}
END_TEST

START_TEST(several_chains_of_several_buffers)
{
    uint16_t first =
        raw_add(&transmit,
                (struct raw_piece[]){raw_read_from(text("one ")), raw_read_from(text("two ")),
                                     raw_read_from(text("three "))},
                3);
    uint16_t second = say("four");
    raw_notify(&transmit);
    ck_assert_used(&transmit, first, 0);
    ck_assert_used(&transmit, second, 0);
    ck_assert_said("one two three four");
}
END_TEST

START_TEST(what_the_console_cannot_take_stays_in_the_ring_and_is_resumed)
{
    console.room = 6;
    uint16_t first = raw_add(
        &transmit, (struct raw_piece[]){raw_read_from(text("0123")), raw_read_from(text("456789"))},
        2);
    uint16_t second = say("abcdef");
    raw_notify(&transmit);
    ck_assert_not_used(&transmit);
    ck_assert(!backend.queues[1].deferred); /* the console resumes it, and not the device's poll */
    vdev_console_poll(&console.console);    /* no room yet */
    ck_assert_not_used(&transmit);
    raw_notify(&transmit); /* impatience does not double anything */
    ck_assert_not_used(&transmit);
    console.room = 5;
    vdev_console_poll(&console.console);
    ck_assert_used(&transmit, first, 0);
    ck_assert_not_used(&transmit);
    console.room = 100;
    vdev_console_poll(&console.console);
    ck_assert_used(&transmit, second, 0);
    ck_assert_said("0123456789abcdef");
}
END_TEST

START_TEST(received_bytes_fill_the_buffers_in_order)
{
    struct vdev_buffer room = machine_allocate(&machine, 12, 1);
    struct raw_piece pieces[2] = {{room.bus_address, 3, true}, {room.bus_address + 3, 5, true}};
    uint16_t first = raw_add(&receive, pieces, 2);
    uint16_t second = raw_add(&receive, (struct raw_piece[]){{room.bus_address + 8, 4, true}}, 1);
    raw_notify(&receive);
    ck_assert_not_used(&receive);
    ck_assert(!backend.queues[0].deferred);
    console_pipe_feed(&console, "0123456789", 10);
    vdev_console_poll(&console.console);
    ck_assert_used(&receive, first, 8);
    ck_assert_used(&receive, second, 2);
    ck_assert_mem_eq(room.pointer, "0123456789", 10);
    ck_assert(machine.level);
}
END_TEST

START_TEST(received_bytes_wait_for_buffers)
{
    console_pipe_feed(&console, "early bytes", 11);
    vdev_console_poll(&console.console);
    ck_assert_uint_eq(console.input_offset, 0);
    struct vdev_buffer room = machine_allocate(&machine, 16, 1);
    uint16_t head = raw_add(&receive, (struct raw_piece[]){{room.bus_address, 5, true}}, 1);
    raw_notify(&receive);
    ck_assert_used(&receive, head, 5);
    head = raw_add(&receive, (struct raw_piece[]){{room.bus_address + 5, 11, true}}, 1);
    raw_notify(&receive);
    ck_assert_used(&receive, head, 6);
    ck_assert_mem_eq(room.pointer, "early bytes", 11);
}
END_TEST

START_TEST(bytes_from_before_the_driver_are_delivered_to_it)
{
    machine_write32(&machine, VIRTIO_MMIO_STATUS, 0);
    console_pipe_feed(&console, "boot", 4);
    vdev_console_poll(&console.console);
    ck_assert_uint_eq(console.input_offset, 0);
    raw_begin(&machine, 0);
    raw_start(&receive);
    struct vdev_buffer room = machine_allocate(&machine, 16, 1);
    uint16_t head = raw_add(&receive, (struct raw_piece[]){raw_write_to(room)}, 1);
    raw_finish(&machine);
    ck_assert_used(&receive, head, 4);
}
END_TEST

START_TEST(a_new_size_is_told)
{
    console_pipe_resize(&console, 132, 43);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_INTERRUPT_STATUS), 2);
    ck_assert_uint_eq(vdev_io_read16(&machine.io, 0x100), 132);
    ck_assert_uint_eq(vdev_io_read16(&machine.io, 0x102), 43);
}
END_TEST

START_TEST(a_reset_forgets_what_was_begun)
{
    console.room = 3;
    say("0123456789");
    raw_notify(&transmit);
    ck_assert_uint_eq(console.output_length, 3);
    start();
    console.output_length = 0;
    console.room = SIZE_MAX;
    vdev_console_poll(&console.console); /* writable, for the ring of before */
    ck_assert_uint_eq(console.output_length, 0);
    ck_assert_uint_eq(raw_used(&transmit)->idx, 0);
    check_alive();
}
END_TEST

START_TEST(a_chain_that_changes_while_it_waits)
{
    console.room = 8;
    uint16_t head = say("0123456789");
    raw_notify(&transmit);
    /* Shorter than what was already sent of it: that is all, then. */
    raw_descriptor(&transmit, head)->len = 4;
    console.room = SIZE_MAX;
    vdev_console_poll(&console.console);
    ck_assert_used(&transmit, head, 0);
    ck_assert_said("01234567");
    check_alive();
}
END_TEST

START_TEST(a_chain_that_is_malformed_by_the_time_it_is_resumed)
{
    console.room = 2;
    uint16_t head = say("0123");
    raw_notify(&transmit);
    raw_descriptor(&transmit, head)->flags = VRING_DESC_F_WRITE;
    console.room = SIZE_MAX;
    vdev_console_poll(&console.console);
    ck_assert_used(&transmit, head, 0);
    ck_assert_said("01");
    /* What was begun of it is not taken off the next. */
    head = say("next");
    raw_notify(&transmit);
    ck_assert_used(&transmit, head, 0);
    ck_assert_said("next");
}
END_TEST

START_TEST(wrong_directions)
{
    struct vdev_buffer room = machine_allocate(&machine, 8, 1);
    memset(room.pointer, 0x11, 8);
    uint16_t head = raw_add(&transmit, (struct raw_piece[]){raw_write_to(room)}, 1);
    raw_notify(&transmit);
    ck_assert_used(&transmit, head, 0);
    head =
        raw_add(&transmit, (struct raw_piece[]){raw_read_from(text("no")), raw_write_to(room)}, 2);
    raw_notify(&transmit);
    ck_assert_used(&transmit, head, 0);
    ck_assert_uint_eq(console.output_length, 0);
    console_pipe_feed(&console, "in", 2);
    head = raw_add(&receive, (struct raw_piece[]){raw_read_from(room)}, 1);
    raw_notify(&receive);
    ck_assert_used(&receive, head, 0);
    ck_assert_uint_eq(((uint8_t *)room.pointer)[0], 0x11);
    ck_assert_uint_eq(backend.malformed, 3);
    ck_assert_uint_eq(console.input_offset, 0);
    console.input_offset = 2;
    check_alive();
}
END_TEST

START_TEST(empty_chains_come_back)
{
    uint16_t out = raw_add(&transmit, (struct raw_piece[]){{MACHINE_MEMORY, 0, false}}, 1);
    raw_notify(&transmit);
    ck_assert_used(&transmit, out, 0);
    uint16_t in = raw_add(&receive, (struct raw_piece[]){{MACHINE_MEMORY, 0, true}}, 1);
    raw_notify(&receive);
    ck_assert_used(&receive, in, 0);
    check_alive();
}
END_TEST

START_TEST(addresses_that_are_not_memory)
{
    const struct raw_piece wrong[] = {
        {0, 4, true},
        {UINT64_MAX, 4, true},
        {MACHINE_READ_ONLY, 4, true},
        {MACHINE_DEVICE, 4, true},
        {MACHINE_MEMORY + MACHINE_BYTES - 2, 4, true},
        {MACHINE_MEMORY, UINT32_MAX, true},
    };
    console_pipe_feed(&console, "in", 2);
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct raw_piece piece = wrong[i];
        uint16_t head = raw_add(&receive, &piece, 1);
        raw_notify(&receive);
        ck_assert_used(&receive, head, 0);
        piece.writable = false;
        if (piece.address != MACHINE_READ_ONLY) {
            head = raw_add(&transmit, &piece, 1);
            raw_notify(&transmit);
            ck_assert_used(&transmit, head, 0);
        }
    }
    ck_assert_uint_eq(console.output_length, 0);
    ck_assert_uint_eq(console.input_offset, 0);
    console.input_offset = 2;
    check_alive();
}
END_TEST

START_TEST(more_pieces_than_there_are_buffers)
{
    struct vdev_buffer bytes = text("0123456789");
    struct raw_piece pieces[9];
    for (unsigned i = 0; i < 9; i++) {
        pieces[i] = (struct raw_piece){bytes.bus_address + i, 1, false};
    }
    uint16_t nine = raw_add(&transmit, pieces, 9);
    uint16_t eight = raw_add(&transmit, pieces, 8);
    raw_notify(&transmit);
    ck_assert_used(&transmit, nine, 0);
    ck_assert_used(&transmit, eight, 0);
    ck_assert_said("01234567");
}
END_TEST

START_TEST(a_corrupt_transmit_ring_silences_both_queues)
{
    struct vdev_buffer room = machine_allocate(&machine, 8, 1);
    raw_add(&receive, (struct raw_piece[]){raw_write_to(room)}, 1);
    raw_notify(&receive);
    raw_available(&transmit)->idx = 1000;
    raw_notify(&transmit);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_STATUS), 0x4f);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_INTERRUPT_STATUS), 2);
    console_pipe_feed(&console, "lost?", 5);
    vdev_console_poll(&console.console);
    ck_assert_not_used(&receive);
    ck_assert_uint_eq(console.input_offset, 0); /* no: it waits for the next driver */
    start();
    uint16_t head = raw_add(&receive, (struct raw_piece[]){raw_write_to(room)}, 1);
    raw_notify(&receive);
    ck_assert_used(&receive, head, 5);
    check_alive();
}
END_TEST

START_TEST(a_corrupt_ring_found_while_resuming)
{
    console.room = 1;
    say("01");
    raw_notify(&transmit);
    raw_available(&transmit)->idx = 1000;
    console.room = SIZE_MAX;
    vdev_console_poll(&console.console);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_STATUS), 0x4f);
    start();
    check_alive();
}
END_TEST

START_TEST(a_full_ring_of_empty_chains_is_done_in_one_entry)
{
    for (unsigned i = 0; i < MACHINE_QUEUE; i++) {
        raw_add(&transmit, (struct raw_piece[]){{MACHINE_MEMORY, 1, true}}, 1);
    }
    raw_notify(&transmit);
    ck_assert_uint_eq(raw_used(&transmit)->idx, MACHINE_QUEUE);
    ck_assert_uint_eq(raw_used(&transmit)->flags, 0); /* armed */
    ck_assert(!vdev_virtio_device_poll(&backend.device));
    transmit.next_used = MACHINE_QUEUE;
    check_alive();
}
END_TEST

static void refill(void *context)
{
    (void)context;
    console.output_length = 0;
    if (console.writes < 500) {
        raw_add(&transmit, (struct raw_piece[]){{MACHINE_MEMORY, 1, false}}, 1);
    }
}

START_TEST(a_driver_that_fills_while_we_empty_is_bounded)
{
    /* As from another CPU: whenever a byte is written, there is one more. */
    console.on_write = refill;
    raw_add(&transmit, (struct raw_piece[]){{MACHINE_MEMORY, 1, false}}, 1);
    raw_notify(&transmit);
    ck_assert_uint_eq(raw_used(&transmit)->idx, MACHINE_QUEUE + 1);
    ck_assert(vdev_virtio_device_poll(&backend.device));
    while (vdev_virtio_device_poll(&backend.device)) {
    }
    ck_assert_uint_eq(raw_used(&transmit)->idx, 500);
    transmit.next_used = 500;
    console.on_write = NULL;
    check_alive();
}
END_TEST

START_TEST(through_the_wrap_of_the_index)
{
    for (unsigned i = 0; i < 70000; i++) {
        uint16_t head = raw_add(&transmit, (struct raw_piece[]){{MACHINE_MEMORY, 1, false}}, 1);
        raw_notify(&transmit);
        uint32_t length;
        if (raw_take(&transmit, &length) != head) {
            ck_abort_msg("at %u", i);
        }
        console.output_length = 0;
    }
    check_alive();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backend_console");
    TCase *tests = tcase_create("console back-end");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, init_refuses_what_cannot_be);
    tcase_add_test(tests, a_transmit_completes_within_its_notification);
    tcase_add_test(tests, several_chains_of_several_buffers);
    tcase_add_test(tests, what_the_console_cannot_take_stays_in_the_ring_and_is_resumed);
    tcase_add_test(tests, received_bytes_fill_the_buffers_in_order);
    tcase_add_test(tests, received_bytes_wait_for_buffers);
    tcase_add_test(tests, bytes_from_before_the_driver_are_delivered_to_it);
    tcase_add_test(tests, a_new_size_is_told);
    tcase_add_test(tests, a_reset_forgets_what_was_begun);
    tcase_add_test(tests, a_chain_that_changes_while_it_waits);
    tcase_add_test(tests, a_chain_that_is_malformed_by_the_time_it_is_resumed);
    tcase_add_test(tests, wrong_directions);
    tcase_add_test(tests, empty_chains_come_back);
    tcase_add_test(tests, addresses_that_are_not_memory);
    tcase_add_test(tests, more_pieces_than_there_are_buffers);
    tcase_add_test(tests, a_corrupt_transmit_ring_silences_both_queues);
    tcase_add_test(tests, a_corrupt_ring_found_while_resuming);
    tcase_add_test(tests, a_full_ring_of_empty_chains_is_done_in_one_entry);
    tcase_add_test(tests, a_driver_that_fills_while_we_empty_is_bounded);
    tcase_add_test(tests, through_the_wrap_of_the_index);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
