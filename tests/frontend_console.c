/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console front-end: against our back-end, end to end through virtio-mmio and a bus; and
 * against a device that breaks every rule, on a transport of the test's own.
 */
#include "support/console_pipe.h"
#include "support/fake_transport.h"
#include "support/virtio_machine.h"

#include <vdev/backends/console.h>
#include <vdev/frontends/console.h>

#define QUEUE   8
#define BUFFERS 4
#define BYTES   16

static struct machine machine;
static struct vdev_console_frontend frontend;
static struct vdev_driver_slot receive_slots[QUEUE], transmit_slots[QUEUE];
static struct vdev_console_frontend_configuration configuration;
static unsigned readable, writable, resized;

static void on_readable(void *owner)
{
    ck_assert_ptr_eq(owner, &frontend);
    readable++;
}

static void on_writable(void *owner)
{
    (void)owner;
    writable++;
}

static void on_resized(void *owner)
{
    (void)owner;
    resized++;
}

static void configure(struct vdev_virtio_driver *transport)
{
    configuration = (struct vdev_console_frontend_configuration){
        .transport = transport,
        .clock = &machine.clock.clock,
        .receive_queue = machine_queue_memory(&machine, QUEUE, 0, receive_slots),
        .transmit_queue = machine_queue_memory(&machine, QUEUE, 0, transmit_slots),
        .queue_size = QUEUE,
        .receive_memory = machine_allocate(&machine, BUFFERS * BYTES, 16),
        .transmit_memory = machine_allocate(&machine, BUFFERS * BYTES, 16),
        .receive_count = BUFFERS,
        .transmit_count = BUFFERS,
        .buffer_size = BYTES,
    };
}

static int init(void)
{
    int status = vdev_console_frontend_init(&frontend, &configuration);

    frontend.console.client = (struct vdev_console_client){.readable = on_readable,
                                                           .writable = on_writable,
                                                           .resized = on_resized,
                                                           .owner = &frontend};
    readable = writable = resized = 0;
    return status;
}

static void teardown(void)
{
    machine_finish(&machine);
}

static size_t say(const char *string)
{
    return vdev_console_write(&frontend.console, (const uint8_t *)string, strlen(string));
}

/* ---- against our back-end ---- */

static struct console_pipe console;
static struct vdev_console_backend backend;
static struct vdev_buffer buffers[8];
static struct vdev_virtio_mmio_driver mmio_driver;

static void setup_pair(void)
{
    machine_init(&machine);
    console_pipe_init(&console);
    ck_assert_int_eq(vdev_console_backend_init(&backend,
                                               &(struct vdev_console_backend_configuration){
                                                   .memory = &machine.map,
                                                   .console = &console.console,
                                                   .buffers = buffers,
                                                   .buffer_count = 8,
                                                   .queue_size = 64,
                                               }),
                     VDEV_OK);
    machine_connect(&machine, &backend.device);
    ck_assert_int_eq(vdev_virtio_mmio_driver_init(&mmio_driver, &machine.io), VDEV_OK);
    configure(&mmio_driver.driver);
    ck_assert_int_eq(init(), VDEV_OK);
}

static void settle(void)
{
    for (unsigned i = 0; i < 100; i++) {
        vdev_console_poll(&console.console);
        if (!machine.level) {
            return;
        }
        vdev_console_poll(&frontend.console);
    }
    ck_abort_msg("no end");
}

START_TEST(learns_the_size_and_its_changes)
{
    ck_assert_uint_eq(frontend.console.columns, 80);
    ck_assert_uint_eq(frontend.console.rows, 24);
    console_pipe_resize(&console, 132, 50);
    ck_assert(machine.level);
    vdev_console_poll(&frontend.console);
    ck_assert_uint_eq(resized, 1);
    ck_assert_uint_eq(frontend.console.columns, 132);
    ck_assert_uint_eq(frontend.console.rows, 50);
    console_pipe_resize(&console, 132, 50);
    vdev_console_poll(&frontend.console);
    ck_assert_uint_eq(resized, 1); /* told again, but nothing changed */
    console_pipe_resize(&console, 132, 51);
    vdev_console_poll(&frontend.console);
    ck_assert_uint_eq(resized, 2);
    uint32_t before = 0;
    uint32_t after = 0;
    for (unsigned i = 0; i < VDEV_VIRTIO_MMIO_WINDOW / 4; i++) {
        before += machine.counts[i].reads + machine.counts[i].writes;
    }
    vdev_console_poll(&frontend.console);
    for (unsigned i = 0; i < VDEV_VIRTIO_MMIO_WINDOW / 4; i++) {
        after += machine.counts[i].reads + machine.counts[i].writes;
    }
    ck_assert_uint_eq(after - before, 1); /* a look at the cause, and no more */
    ck_assert(!machine.level);
}
END_TEST

START_TEST(writes_reach_the_console)
{
    ck_assert_uint_eq(say("hello, "), 7);
    ck_assert_uint_eq(say("world, in more than one buffer"), 30);
    ck_assert_uint_eq(console.output_length, 37);
    ck_assert_mem_eq(console.output, "hello, world, in more than one buffer", 37);
    ck_assert(!machine.level); /* nobody waits: no interrupt */
    vdev_console_poll(&frontend.console);
    ck_assert_uint_eq(writable, 0);
    ck_assert_uint_eq(machine.aborts, 0);
    ck_assert_uint_eq(backend.device.refused, 0);
}
END_TEST

START_TEST(a_write_that_does_not_fit_is_taken_in_part_and_resumed)
{
    uint8_t bytes[BUFFERS * BYTES * 2];
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    console.room = 20;
    size_t done = vdev_console_write(&frontend.console, bytes, sizeof bytes);
    /* Four buffers, one of which the console could take. */
    ck_assert_uint_eq(done, BUFFERS * BYTES + BYTES);
    ck_assert_uint_eq(writable, 0);
    console.room = SIZE_MAX;
    settle();
    ck_assert_uint_eq(writable, 1);
    done += vdev_console_write(&frontend.console, bytes + done, sizeof bytes - done);
    ck_assert_uint_eq(done, sizeof bytes);
    ck_assert_uint_eq(console.output_length, sizeof bytes);
    ck_assert_mem_eq(console.output, bytes, sizeof bytes);
}
END_TEST

START_TEST(received_bytes_are_announced_once_and_read_in_order)
{
    uint8_t bytes[200];
    uint8_t expected[150];
    for (unsigned i = 0; i < sizeof expected; i++) {
        expected[i] = (uint8_t)(i + 1);
    }
    console_pipe_feed(&console, expected, sizeof expected);
    settle();
    ck_assert_uint_eq(readable, 1);
    vdev_console_poll(&frontend.console);
    ck_assert_uint_eq(readable, 1);
    /* More than all buffers hold, by odd pieces. */
    size_t done = 0;
    size_t got;
    while ((got = vdev_console_read(&frontend.console, bytes + done, 7)) != 0) {
        done += got;
        settle();
    }
    ck_assert_uint_eq(done, sizeof expected);
    ck_assert_mem_eq(bytes, expected, sizeof expected);
    ck_assert_uint_eq(readable, 1);
    console_pipe_feed(&console, "again", 5);
    settle();
    ck_assert_uint_eq(readable, 2);
    ck_assert_uint_eq(vdev_console_read(&frontend.console, bytes, sizeof bytes), 5);
    ck_assert_mem_eq(bytes, "again", 5);
}
END_TEST

START_TEST(a_loop_through_both_directions)
{
    uint8_t out[256];
    uint8_t in[256];
    console.loopback = true;
    for (unsigned round = 0; round < 3000; round++) {
        size_t length = 1 + round * 7 % 60;
        for (size_t i = 0; i < length; i++) {
            out[i] = (uint8_t)(round + i);
        }
        size_t sent = 0;
        size_t got = 0;
        for (unsigned tries = 0; got < length; tries++) {
            sent += vdev_console_write(&frontend.console, out + sent, length - sent);
            settle();
            console.output_length = 0;
            got += vdev_console_read(&frontend.console, in + got, sizeof in - got);
            if (tries == 100) {
                ck_abort_msg("stuck in round %u at %zu of %zu", round, got, length);
            }
        }
        if (got != length || memcmp(in, out, length) != 0) {
            ck_abort_msg("round %u", round);
        }
    }
    ck_assert_uint_eq(frontend.restarts, 0);
}
END_TEST

START_TEST(a_device_that_needs_a_reset_gets_it)
{
    console.room = 0;
    ck_assert_uint_eq(say("lost"), 4);
    vdev_virtio_device_fail(&backend.device);
    vdev_console_poll(&frontend.console);
    ck_assert_uint_eq(frontend.restarts, 1);
    console.room = SIZE_MAX;
    ck_assert_uint_eq(say("found"), 5);
    ck_assert_mem_eq(console.output, "found", 5);
    console_pipe_feed(&console, "in", 2);
    settle();
    uint8_t bytes[4];
    ck_assert_uint_eq(vdev_console_read(&frontend.console, bytes, 4), 2);
}
END_TEST

START_TEST(stop_resets_the_device)
{
    ck_assert_int_eq(vdev_console_frontend_stop(&frontend), VDEV_OK);
    ck_assert_uint_eq(backend.device.status, 0);
    ck_assert(!frontend.alive);
    uint8_t byte;
    ck_assert_uint_eq(vdev_console_read(&frontend.console, &byte, 1), 0);
    ck_assert_uint_eq(say("nobody"), 6); /* thrown away, not waited for */
    ck_assert_uint_eq(console.output_length, 0);
    ck_assert(!vdev_console_poll(&frontend.console));
}
END_TEST

/* ---- against a device that breaks the rules ---- */

static struct fake_transport fake;

static void setup_fake_machine(void)
{
    machine_init(&machine);
    fake_init(&fake, VDEV_VIRTIO_ID_CONSOLE, 1);
    memcpy(fake.space, (uint16_t[]){80, 25}, 4);
    configure(&fake.driver);
    /* Bus addresses are pointers here. */
    struct vdev_buffer *parts[] = {
        &configuration.receive_queue.descriptors,
        &configuration.receive_queue.driver,
        &configuration.receive_queue.device,
        &configuration.transmit_queue.descriptors,
        &configuration.transmit_queue.driver,
        &configuration.transmit_queue.device,
        &configuration.receive_memory,
        &configuration.transmit_memory,
    };
    for (unsigned i = 0; i < 8; i++) {
        parts[i]->bus_address = (uintptr_t)parts[i]->pointer;
    }
}

static void setup_fake(void)
{
    setup_fake_machine();
    ck_assert_int_eq(init(), VDEV_OK);
    ck_assert_uint_eq(fake_available(&fake, 0)->idx, BUFFERS);
}

/* Put bytes into the `n`th receive buffer and give it back, claiming `length`. */
static void deliver(unsigned n, const char *bytes, uint32_t length)
{
    uint16_t head = fake_head(&fake, 0, n);
    memcpy((void *)(uintptr_t)fake_descriptor(&fake, 0, head)->addr, bytes, strlen(bytes));
    fake_give(&fake, 0, head, length);
}

static void check_restarted(unsigned restarts)
{
    uint8_t bytes[BYTES];
    ck_assert_uint_eq(frontend.restarts, restarts);
    ck_assert(frontend.alive);
    readable = 0;
    deliver(0, "fine", 4);
    vdev_console_poll(&frontend.console);
    ck_assert_uint_eq(readable, 1);
    ck_assert_uint_eq(vdev_console_read(&frontend.console, bytes, sizeof bytes), 4);
    ck_assert_mem_eq(bytes, "fine", 4);
    ck_assert_uint_eq(vdev_console_read(&frontend.console, bytes, sizeof bytes), 0);
    ck_assert_uint_eq(say("out"), 3);
    uint16_t head = fake_head(&fake, 1, 0);
    ck_assert_mem_eq((void *)(uintptr_t)fake_descriptor(&fake, 1, head)->addr, "out", 3);
}

START_TEST(init_refuses_what_cannot_be)
{
    configuration.buffer_size = 0;
    ck_assert_int_eq(init(), VDEV_ERROR_INVALID);
    configuration.buffer_size = BYTES + 1;
    ck_assert_int_eq(init(), VDEV_ERROR_INVALID);
    configuration.buffer_size = BYTES;
    configuration.receive_count = 0;
    ck_assert_int_eq(init(), VDEV_ERROR_INVALID);
    configuration.receive_count = QUEUE + 1;
    configuration.buffer_size = 1;
    ck_assert_int_eq(init(), VDEV_ERROR_INVALID);
    configuration.receive_count = BUFFERS;
    configuration.transmit_count = 33;
    ck_assert_int_eq(init(), VDEV_ERROR_INVALID);
    configuration.transmit_count = BUFFERS;
    configuration.receive_memory.bus_address = VDEV_NO_BUS_ADDRESS;
    ck_assert_int_eq(init(), VDEV_ERROR_INVALID);
    ck_assert_uint_eq(fake.resets, 0);
}
END_TEST

START_TEST(init_gives_up_on_devices_that_cannot_be)
{
    fake.queue_size_maximum[1] = 0; /* no transmit queue */
    ck_assert_int_eq(init(), VDEV_ERROR_ABSENT);
    ck_assert_uint_eq(fake.status & VDEV_VIRTIO_STATUS_FAILED, VDEV_VIRTIO_STATUS_FAILED);
    fake.queue_size_maximum[1] = QUEUE / 2;
    ck_assert_int_eq(init(), VDEV_ERROR_RANGE);
    fake.queue_size_maximum[1] = QUEUE;
    fake.refuses = true;
    ck_assert_int_eq(init(), VDEV_ERROR_UNSUPPORTED);
    fake.refuses = false;
    fake.born_broken = true;
    ck_assert_int_eq(init(), VDEV_ERROR_IO);
    fake.born_broken = false;
    fake.never_resets = true;
    ck_assert_int_eq(init(), VDEV_ERROR_TIMEOUT);
    ck_assert(!frontend.alive);
    fake.never_resets = false;
    /* A size that never holds still is no size, and no reason to give up. */
    fake.restless = true;
    ck_assert_int_eq(init(), VDEV_OK);
    ck_assert_uint_eq(frontend.console.columns, 0);
    /* Nor is none at all. */
    fake.offered &= ~1ull;
    ck_assert_int_eq(init(), VDEV_OK);
    ck_assert(fake.accepted == 1ull << 32);
}
END_TEST

START_TEST(ids_out_of_range_or_not_in_flight_or_twice)
{
    fake_give(&fake, 0, QUEUE, 1);
    vdev_console_poll(&frontend.console);
    check_restarted(1);
    fake_give(&fake, 0, 0xffff0000, 1);
    uint8_t byte;
    ck_assert_uint_eq(vdev_console_read(&frontend.console, &byte, 1), 0);
    vdev_console_poll(&frontend.console);
    check_restarted(2);
    /* Given back already, and by now not a receive buffer that the device has. */
    deliver(1, "ab", 2);
    deliver(1, "cd", 2);
    vdev_console_poll(&frontend.console);
    uint8_t bytes[BYTES];
    ck_assert_uint_eq(vdev_console_read(&frontend.console, bytes, 2), 2);
    ck_assert_mem_eq(bytes, "cd", 2);
}
END_TEST

START_TEST(a_transmit_id_that_is_not_in_flight)
{
    ck_assert_uint_eq(say("one"), 3);
    fake_give(&fake, 1, (fake_head(&fake, 1, 0) + 1u) % QUEUE, 0);
    ck_assert_uint_eq(say("two"), 0); /* not sent into a ring that lies */
    ck_assert_uint_eq(writable, 0);
    vdev_console_poll(&frontend.console);
    ck_assert_uint_eq(writable, 1);
    check_restarted(1);
}
END_TEST

START_TEST(an_index_that_jumps)
{
    const uint16_t jumps[] = {BUFFERS + 1, QUEUE + 1, 0x8000, 0xffff};
    for (unsigned i = 0; i < 4; i++) {
        fake_used(&fake, 0)->idx = (uint16_t)(fake_used(&fake, 0)->idx + jumps[i]);
        vdev_console_poll(&frontend.console);
        check_restarted(i + 1);
    }
}
END_TEST

START_TEST(a_length_larger_than_the_buffer)
{
    uint8_t bytes[4 * BYTES];
    deliver(0, "0123456789abcdef", UINT32_MAX);
    vdev_console_poll(&frontend.console);
    ck_assert_uint_eq(vdev_console_read(&frontend.console, bytes, sizeof bytes), BYTES);
    ck_assert_mem_eq(bytes, "0123456789abcdef", BYTES);
    ck_assert_uint_eq(frontend.restarts, 0);
}
END_TEST

START_TEST(empty_buffers_for_ever)
{
    for (unsigned i = 0; i < 1000; i++) {
        for (unsigned j = 0; j < BUFFERS; j++) {
            deliver(i * BUFFERS + j, "", 0);
        }
        vdev_console_poll(&frontend.console);
    }
    ck_assert_uint_eq(readable, 0);
    ck_assert_uint_eq(frontend.restarts, 0);
    deliver(1000 * BUFFERS, "x", 1);
    vdev_console_poll(&frontend.console);
    ck_assert_uint_eq(readable, 1);
}
END_TEST

START_TEST(a_device_that_never_gives_back_blocks_without_a_loop)
{
    for (unsigned i = 0; i < BUFFERS; i++) {
        ck_assert_uint_eq(say("abc"), 3);
    }
    ck_assert_uint_eq(say("abc"), 0);
    vdev_console_poll(&frontend.console);
    ck_assert_uint_eq(writable, 0);
    fake_give(&fake, 1, fake_head(&fake, 1, 2), 0);
    vdev_console_poll(&frontend.console);
    ck_assert_uint_eq(writable, 1);
    ck_assert_uint_eq(say("defgh"), 5);
    /* The buffer that came back is the one that went out again. */
    ck_assert_mem_eq((uint8_t *)configuration.transmit_memory.pointer + 2 * BYTES, "defgh", 5);
    ck_assert_mem_eq(configuration.transmit_memory.pointer, "abc", 3);
}
END_TEST

START_TEST(a_device_that_rewrites_its_rings)
{
    uint16_t head = fake_head(&fake, 0, 0);
    memset(configuration.receive_queue.descriptors.pointer, 0xff, 16 * QUEUE);
    memset(configuration.receive_queue.driver.pointer, 0xff, 2 * QUEUE);
    memcpy(configuration.receive_memory.pointer, "kept", 4);
    fake_give(&fake, 0, head, 4);
    vdev_console_poll(&frontend.console);
    uint8_t bytes[BYTES];
    ck_assert_uint_eq(vdev_console_read(&frontend.console, bytes, sizeof bytes), 4);
    ck_assert_mem_eq(bytes, "kept", 4);
}
END_TEST

START_TEST(a_device_that_does_not_come_back)
{
    for (unsigned i = 0; i < BUFFERS; i++) {
        say("abc");
    }
    ck_assert_uint_eq(say("abc"), 0);
    fake.status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
    fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    fake.never_resets = true;
    vdev_console_poll(&frontend.console);
    ck_assert(!frontend.alive);
    ck_assert_uint_eq(writable, 1); /* whoever waited for room waits no more */
    ck_assert_uint_eq(say("gone"), 4);
    uint8_t byte;
    ck_assert_uint_eq(vdev_console_read(&frontend.console, &byte, 1), 0);
}
END_TEST

START_TEST(a_reset_with_bytes_announced_and_half_read)
{
    uint8_t byte;
    deliver(0, "half", 4);
    vdev_console_poll(&frontend.console);
    ck_assert_uint_eq(vdev_console_read(&frontend.console, &byte, 1), 1);
    fake.status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
    fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    vdev_console_poll(&frontend.console);
    check_restarted(1);
    ck_assert_uint_eq(resized, 0);
    memcpy(fake.space, (uint16_t[]){40, 12}, 4);
    fake.status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
    fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    vdev_console_poll(&frontend.console);
    ck_assert_uint_eq(frontend.console.columns, 40);
    ck_assert_uint_eq(resized, 1);
}
END_TEST

START_TEST(a_device_that_always_needs_a_reset)
{
    for (unsigned i = 0; i < 20; i++) {
        fake.status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
        fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
        ck_assert(!vdev_console_poll(&frontend.console));
        ck_assert_uint_eq(frontend.restarts, i + 1);
    }
    check_restarted(20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frontend_console");
    TCase *tests = tcase_create("console front-end against our back-end");
    tcase_add_checked_fixture(tests, setup_pair, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, learns_the_size_and_its_changes);
    tcase_add_test(tests, writes_reach_the_console);
    tcase_add_test(tests, a_write_that_does_not_fit_is_taken_in_part_and_resumed);
    tcase_add_test(tests, received_bytes_are_announced_once_and_read_in_order);
    tcase_add_test(tests, a_loop_through_both_directions);
    tcase_add_test(tests, a_device_that_needs_a_reset_gets_it);
    tcase_add_test(tests, stop_resets_the_device);
    suite_add_tcase(suite, tests);
    tests = tcase_create("console front-end against a hostile device, starting");
    tcase_add_checked_fixture(tests, setup_fake_machine, teardown);
    tcase_add_test(tests, init_refuses_what_cannot_be);
    tcase_add_test(tests, init_gives_up_on_devices_that_cannot_be);
    suite_add_tcase(suite, tests);
    tests = tcase_create("console front-end against a hostile device, running");
    tcase_add_checked_fixture(tests, setup_fake, teardown);
    tcase_add_test(tests, ids_out_of_range_or_not_in_flight_or_twice);
    tcase_add_test(tests, a_transmit_id_that_is_not_in_flight);
    tcase_add_test(tests, an_index_that_jumps);
    tcase_add_test(tests, a_length_larger_than_the_buffer);
    tcase_add_test(tests, empty_buffers_for_ever);
    tcase_add_test(tests, a_device_that_never_gives_back_blocks_without_a_loop);
    tcase_add_test(tests, a_device_that_rewrites_its_rings);
    tcase_add_test(tests, a_device_that_does_not_come_back);
    tcase_add_test(tests, a_reset_with_bytes_announced_and_half_read);
    tcase_add_test(tests, a_device_that_always_needs_a_reset);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
