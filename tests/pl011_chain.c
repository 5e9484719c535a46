/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL011 driver on the PL011 emulator, and that pair on another such pair: what goes in at one
 * end comes out at the other, byte for byte, with interrupts and polled, on quick and on slow
 * consoles.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <vdev/drivers/pl011.h>
#include <vdev/emulators/pl011.h>
#include <vdev/status.h>
#include <vdev/testing/emulator_io.h>

#include "support/array_console.h"

#define BYTES 65536u

/* One emulator with a driver on it. */
struct stage {
    struct vdev_pl011_emulator emulator;
    struct vdev_interrupt_line line;
    struct vdev_emulator_io io;
    struct vdev_pl011 driver;
};

static struct array_console bottom;
static struct stage stages[2];
static struct vdev_virtual_clock virtual_clock;
static uint8_t pattern[BYTES];
static uint8_t received[BYTES];
static size_t received_count;
static size_t sent;
static bool may_write;

static void broken(void *context, const char *message)
{
    (void)context;
    ck_abort_msg("%s", message);
}

static void stage_init(struct stage *stage, struct vdev_console *below, bool interrupts)
{
    struct vdev_pl011_emulator_configuration emulator = {.console = below,
                                                         .interrupt = &stage->line};
    stage->line = (struct vdev_interrupt_line){0};
    ck_assert_int_eq(vdev_pl011_emulator_init(&stage->emulator, &emulator), VDEV_OK);
    struct vdev_emulator_io_configuration io = {.access = vdev_pl011_emulator_access,
                                                .device = &stage->emulator,
                                                .table = &vdev_pl011_registers,
                                                .clock = &virtual_clock,
                                                .fail = broken};
    vdev_emulator_io_init(&stage->io, &io);
    struct vdev_pl011_configuration driver = {.io = &stage->io.io,
                                              .clock = &virtual_clock.clock,
                                              .clock_hertz = 24000000,
                                              .baud = 115200,
                                              .interrupts = interrupts};
    ck_assert_int_eq(vdev_pl011_init(&stage->driver, &driver), VDEV_OK);
}

static void readable(void *owner)
{
    struct vdev_console *console = owner;
    size_t count;

    while ((count = vdev_console_read(console, received + received_count,
                                      BYTES - received_count)) != 0) {
        received_count += count;
    }
}

static void writable(void *owner)
{
    (void)owner;
    may_write = true;
}

/* What interrupts would do: each driver is polled while its line asks for it, or always. */
static void run(size_t count, bool interrupts)
{
    for (size_t i = 0; i < count; i++) {
        unsigned storm = 0;
        do {
            vdev_console_poll(&stages[i].driver.console);
            if (storm++ == 10) {
                ck_abort_msg("the interrupt of stage %zu does not go away", i);
            }
        } while (interrupts && stages[i].line.level);
    }
}

static void transfer(size_t count, bool interrupts, size_t slice)
{
    array_console_init(&bottom);
    vdev_virtual_clock_init(&virtual_clock, 10, 100);
    for (size_t i = 0; i < count; i++) {
        stage_init(&stages[i], i == 0 ? &bottom.console : &stages[i - 1].driver.console,
                   interrupts);
    }
    struct vdev_console *top = &stages[count - 1].driver.console;
    top->client =
        (struct vdev_console_client){.readable = readable, .writable = writable, .owner = top};
    for (size_t i = 0; i < BYTES; i++) {
        pattern[i] = (uint8_t)(i * 31 + i / 256);
    }
    sent = received_count = 0;
    may_write = true;
    bottom.input = pattern;
    bottom.room = slice;

    for (unsigned rounds = 0; bottom.written < BYTES || received_count < BYTES; rounds++) {
        if (rounds == 400000) {
            ck_abort_msg("stalled: %zu of %zu sent, %zu received", bottom.written, sent,
                         received_count);
        }
        if (may_write && sent < BYTES) {
            size_t taken = vdev_console_write(top, pattern + sent, BYTES - sent);
            sent += taken;
            may_write = sent == BYTES;
        }
        bottom.room = slice;
        size_t more = BYTES - bottom.available;
        bottom.available += more < slice ? more : slice;
        array_console_poll(&bottom.console);
        run(count, interrupts);
    }
    ck_assert_uint_eq(bottom.written, BYTES);
    ck_assert_mem_eq(bottom.output, pattern, BYTES);
    ck_assert_mem_eq(received, pattern, BYTES);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(stages[i].emulator.lost, 0);
        ck_assert_uint_eq(stages[i].driver.errors.overrun, 0);
        ck_assert_uint_eq(stages[i].io.refused, 0);
    }
}

static const size_t slices[] = {SIZE_MAX, 1000, 17, 16, 7, 1};

START_TEST(driver_on_emulator_moves_64_kib_each_way_by_interrupts)
{
    transfer(1, true, slices[_i]);
}
END_TEST

START_TEST(driver_on_emulator_moves_64_kib_each_way_polled)
{
    transfer(1, false, slices[_i]);
}
END_TEST

START_TEST(emulator_on_driver_on_emulator_moves_64_kib_each_way_by_interrupts)
{
    transfer(2, true, slices[_i]);
}
END_TEST

START_TEST(emulator_on_driver_on_emulator_moves_64_kib_each_way_polled)
{
    transfer(2, false, slices[_i]);
}
END_TEST

/* A client that reads nothing holds everything back to the wire's end and loses nothing. */
START_TEST(client_that_does_not_read_stops_the_flow_and_no_interrupt_stays)
{
    static const uint8_t input[200] = {1, 2, 3};

    array_console_init(&bottom);
    vdev_virtual_clock_init(&virtual_clock, 10, 100);
    stage_init(&stages[0], &bottom.console, true);
    stage_init(&stages[1], &stages[0].driver.console, true);
    bottom.input = input;
    bottom.available = sizeof input;
    array_console_poll(&bottom.console);
    run(2, true);
    ck_assert_uint_eq(bottom.taken, 32);
    ck_assert(!stages[0].line.level);
    ck_assert(!stages[1].line.level);

    struct vdev_console *top = &stages[1].driver.console;
    received_count = 0;
    for (unsigned i = 0; i < 100; i++) {
        readable(top);
        run(2, true);
    }
    ck_assert_uint_eq(received_count, sizeof input);
    ck_assert_mem_eq(received, input, sizeof input);
}
END_TEST

/* What the wire does to a character reaches the driver's counters through the emulator. */
START_TEST(errors_of_the_emulated_wire_are_counted_by_the_driver)
{
    array_console_init(&bottom);
    vdev_virtual_clock_init(&virtual_clock, 10, 100);
    stage_init(&stages[0], &bottom.console, true);
    struct vdev_pl011_emulator *emulator = &stages[0].emulator;
    struct vdev_console *top = &stages[0].driver.console;
    top->client = (struct vdev_console_client){.readable = readable, .owner = top};
    received_count = 0;
    vdev_pl011_emulator_receive(emulator, VDEV_PL011_ERROR_FRAMING | 'f');
    vdev_pl011_emulator_receive(emulator, VDEV_PL011_ERROR_PARITY | 'p');
    vdev_pl011_emulator_receive(emulator, VDEV_PL011_ERROR_BREAK);
    for (unsigned i = 0; i < 14; i++) {
        vdev_pl011_emulator_receive(emulator, 'x');
    }
    run(1, true);
    ck_assert_uint_eq(received_count, 16);
    ck_assert_uint_eq(stages[0].driver.errors.framing, 1);
    ck_assert_uint_eq(stages[0].driver.errors.parity, 1);
    ck_assert_uint_eq(stages[0].driver.errors.breaks, 1);
    ck_assert_uint_eq(stages[0].driver.errors.overrun, 1);
}
END_TEST

START_TEST(stop_ends_after_what_was_written_or_after_a_tenth_of_a_second)
{
    array_console_init(&bottom);
    vdev_virtual_clock_init(&virtual_clock, 10, 1000);
    stage_init(&stages[0], &bottom.console, true);
    struct vdev_console *top = &stages[0].driver.console;
    ck_assert_uint_eq(vdev_console_write(top, (const uint8_t *)"bye", 3), 3);
    vdev_pl011_stop(&stages[0].driver, &virtual_clock.clock);
    ck_assert_uint_lt(virtual_clock.now, 1000000);
    ck_assert_uint_eq(bottom.written, 3);

    bottom.room = 0;
    stage_init(&stages[0], &bottom.console, true);
    ck_assert_uint_eq(vdev_console_write(top, (const uint8_t *)"stuck", 5), 5);
    vdev_pl011_stop(&stages[0].driver, &virtual_clock.clock);
    ck_assert_uint_ge(virtual_clock.now, 100000000);
    ck_assert_uint_le(virtual_clock.now, 110000000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pl011_chain");
    TCase *tcase = tcase_create("chain");
    int count = sizeof slices / sizeof slices[0];

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, driver_on_emulator_moves_64_kib_each_way_by_interrupts, 0, count);
    tcase_add_loop_test(tcase, driver_on_emulator_moves_64_kib_each_way_polled, 0, count);
    tcase_add_loop_test(tcase, emulator_on_driver_on_emulator_moves_64_kib_each_way_by_interrupts,
                        0, count);
    tcase_add_loop_test(tcase, emulator_on_driver_on_emulator_moves_64_kib_each_way_polled, 0,
                        count);
    tcase_add_test(tcase, client_that_does_not_read_stops_the_flow_and_no_interrupt_stays);
    tcase_add_test(tcase, errors_of_the_emulated_wire_are_counted_by_the_driver);
    tcase_add_test(tcase, stop_ends_after_what_was_written_or_after_a_tenth_of_a_second);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
