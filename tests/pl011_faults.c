/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL011 driver on our emulator with something wrong between the two: a UART that is not there,
 * or not any more, bits that are stuck, writes and interrupts that get lost, interrupts for
 * nothing. At the end, how much of what the driver names was touched.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <vdev/drivers/pl011.h>
#include <vdev/emulators/pl011.h>
#include <vdev/status.h>
#include <vdev/testing/bench.h>
#include <vdev/testing/check.h>
#include <vdev/testing/emulator_io.h>
#include <vdev/testing/interrupts.h>

#include "support/array_console.h"

#define LINE       5u
#define HUNDRED_MS 100000000u

static struct array_console below;
static struct vdev_virtual_clock virtual_clock;
static struct vdev_interrupts interrupts;
static struct vdev_pl011_emulator emulator;
static struct vdev_emulator_io emulator_io;
static struct vdev_bench bench;
static struct vdev_pl011 uart;
static struct vdev_coverage *coverage;
static uint8_t received[256];
static size_t received_count;
static bool running = true; /* the emulator starts as a boot loader leaves it */

static void poll_uart(void *context)
{
    (void)context;
    vdev_console_poll(&uart.console);
}

static void readable(void *owner)
{
    size_t count;
    (void)owner;
    while (received_count < sizeof received &&
           (count = vdev_console_read(&uart.console, received + received_count,
                                      sizeof received - received_count)) != 0) {
        received_count += count;
    }
}

/* Starts the driver on the emulator, with faults between the two; what init says. */
static int start(struct vdev_fault *faults, size_t count)
{
    array_console_init(&below);
    received_count = 0;
    vdev_virtual_clock_init(&virtual_clock, 1000, 1000);
    vdev_interrupts_init(&interrupts, &virtual_clock, vdev_testing_check, NULL);
    vdev_interrupts_connect(&interrupts, LINE, poll_uart, NULL);
    ck_assert_int_eq(vdev_pl011_emulator_init(&emulator,
                                              &(const struct vdev_pl011_emulator_configuration){
                                                  .console = &below.console,
                                                  .interrupt = &interrupts.lines[LINE],
                                                  .running = running}),
                     VDEV_OK);
    vdev_emulator_io_init(&emulator_io, &(const struct vdev_emulator_io_configuration){
                                            .access = vdev_pl011_emulator_access,
                                            .device = &emulator,
                                            .table = &vdev_pl011_registers,
                                            .clock = &virtual_clock,
                                            .fail = vdev_testing_check});
    vdev_bench_init(&bench, &(const struct vdev_bench_configuration){.device = &emulator_io.io,
                                                                     .table = &vdev_pl011_registers,
                                                                     .clock = &virtual_clock,
                                                                     .faults = faults,
                                                                     .fault_count = count,
                                                                     .coverage = coverage,
                                                                     .fail = vdev_testing_check});
    int status = vdev_pl011_init(
        &uart, &(const struct vdev_pl011_configuration){.io = &bench.io,
                                                        .clock = &virtual_clock.clock,
                                                        .clock_hertz = 24000000,
                                                        .baud = 115200,
                                                        .interrupts = true});
    uart.console.client = (struct vdev_console_client){.readable = readable};
    return status;
}

static void type(const char *text)
{
    while (*text != '\0') {
        vdev_pl011_emulator_receive(&emulator, (uint8_t)*text++);
    }
}

static bool has_ten(void *context)
{
    (void)context;
    return received_count >= 10;
}

START_TEST(without_faults_it_works)
{
    ck_assert_int_eq(start(NULL, 0), VDEV_OK);
    ck_assert_uint_eq(vdev_console_write(&uart.console, (const uint8_t *)"hello", 5), 5);
    ck_assert_uint_eq(below.written, 5);
    /* More than a FIFO holds, at once. */
    size_t taken = vdev_console_write(&uart.console, received, 100);
    ck_assert_uint_ge(taken, VDEV_PL011_FIFO_DEPTH);
    ck_assert_uint_eq(below.written, 5 + taken);
    type("0123456789");
    ck_assert(VDEV_INTERRUPTS_WAIT(&interrupts, has_ten, NULL, HUNDRED_MS));
    ck_assert_mem_eq(received, "0123456789", 10);
    vdev_pl011_stop(&uart, &virtual_clock.clock);
}
END_TEST

START_TEST(absent_uart_is_noticed)
{
    struct vdev_fault faults[] = {VDEV_FAULT_ABSENT(0)};

    ck_assert_int_eq(start(faults, 1), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(uart_that_goes_away_ends_no_call_late)
{
    struct vdev_fault faults[] = {VDEV_FAULT_ABSENT(40)};
    uint8_t bytes[512] = {0};

    ck_assert_int_eq(start(faults, 1), VDEV_OK);
    while (bench.history.count < 40) {
        vdev_console_poll(&uart.console);
    }
    uint32_t before = bench.history.count;
    vdev_console_write(&uart.console, bytes, sizeof bytes);
    vdev_console_read(&uart.console, bytes, sizeof bytes);
    vdev_console_poll(&uart.console);
    ck_assert_uint_le(bench.history.count - before, 3 * 2 * VDEV_PL011_FIFO_DEPTH);
    vdev_pl011_stop(&uart, &virtual_clock.clock);
    ck_assert_uint_le(virtual_clock.now, HUNDRED_MS + 10000000);
}
END_TEST

START_TEST(transmitter_that_stays_busy_ends_the_wait)
{
    struct vdev_fault faults[] = {VDEV_FAULT(STUCK_ONE, .name = "UARTFR", .mask = 0x08 /* BUSY */)};

    ck_assert_int_eq(start(faults, 1), VDEV_ERROR_TIMEOUT);
    ck_assert_uint_ge(virtual_clock.now, HUNDRED_MS);
    ck_assert_uint_le(virtual_clock.now, HUNDRED_MS + 1000000);
}
END_TEST

START_TEST(line_control_that_is_not_taken_is_told)
{
    struct vdev_fault lost[] = {VDEV_FAULT(WRITES_LOST, .name = "UARTLCR_H")};
    struct vdev_fault stuck[] = {
        VDEV_FAULT(STUCK_ZERO, .name = "UARTLCR_H", .mask = 0x10 /* FEN */)};

    running = false;
    ck_assert_int_eq(start(lost, 1), VDEV_ERROR_IO);
    running = true;
    ck_assert_int_eq(start(stuck, 1), VDEV_ERROR_IO);
}
END_TEST

START_TEST(full_fifo_that_stays_full_takes_nothing)
{
    struct vdev_fault faults[] = {VDEV_FAULT(STUCK_ONE, .name = "UARTFR", .mask = 0x20 /* TXFF */)};

    ck_assert_int_eq(start(faults, 1), VDEV_OK);
    ck_assert_uint_eq(vdev_console_write(&uart.console, (const uint8_t *)"hello", 5), 0);
    ck_assert_uint_eq(below.written, 0);
}
END_TEST

START_TEST(lost_interrupt_is_made_up_for_by_the_next)
{
    ck_assert_int_eq(start(NULL, 0), VDEV_OK);
    interrupts.lose[LINE] = 1;
    type("0123456789012345"); /* half the FIFO: an interrupt, which is lost */
    ck_assert_uint_eq(vdev_interrupts_deliver(&interrupts), 0);
    vdev_interrupts_spurious(&interrupts, LINE);
    ck_assert_uint_eq(received_count, 16);
    type("0123456789012345");
    vdev_interrupts_deliver(&interrupts);
    ck_assert_uint_eq(received_count, 32);
}
END_TEST

START_TEST(interrupt_for_nothing_changes_nothing)
{
    ck_assert_int_eq(start(NULL, 0), VDEV_OK);
    uint32_t mask = emulator_io.writes;
    vdev_interrupts_spurious(&interrupts, LINE);
    ck_assert_uint_eq(received_count, 0);
    ck_assert_uint_eq(emulator_io.writes, mask);
    type("0123456789012345");
    vdev_interrupts_deliver(&interrupts);
    ck_assert_uint_eq(received_count, 16);
}
END_TEST

/* Receive data for ever: the client is drowned, but each poll ends. */
START_TEST(fifo_that_never_empties_ends_each_read)
{
    struct vdev_fault faults[] = {
        VDEV_FAULT(STUCK_ZERO, .name = "UARTFR", .mask = 0x10 /* RXFE */)};
    uint8_t bytes[512];

    ck_assert_int_eq(start(faults, 1), VDEV_OK);
    size_t count = vdev_console_read(&uart.console, bytes, sizeof bytes);
    ck_assert_uint_ge(count, 1);
    ck_assert_uint_le(count, VDEV_PL011_FIFO_DEPTH);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pl011-faults");
    TCase *tcase = tcase_create("pl011-faults");

    coverage = vdev_testing_shared(sizeof *coverage);
    if (coverage == NULL) {
        return EXIT_FAILURE;
    }
    vdev_coverage_init(coverage, &vdev_pl011_registers, "drivers/arm/pl011.c");
    if (!vdev_coverage_file(coverage, TRACES "/../../drivers/arm/pl011.c")) {
        return EXIT_FAILURE;
    }
    tcase_add_test(tcase, without_faults_it_works);
    tcase_add_test(tcase, absent_uart_is_noticed);
    tcase_add_test(tcase, uart_that_goes_away_ends_no_call_late);
    tcase_add_test(tcase, transmitter_that_stays_busy_ends_the_wait);
    tcase_add_test(tcase, line_control_that_is_not_taken_is_told);
    tcase_add_test(tcase, full_fifo_that_stays_full_takes_nothing);
    tcase_add_test(tcase, lost_interrupt_is_made_up_for_by_the_next);
    tcase_add_test(tcase, interrupt_for_nothing_changes_nothing);
    tcase_add_test(tcase, fifo_that_never_empties_ends_each_read);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    bool covered = vdev_coverage_finish(coverage, 90, NULL, NULL);
    return failed == 0 && covered ? EXIT_SUCCESS : EXIT_FAILURE;
}
