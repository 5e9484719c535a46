/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The OMAP3's UART driver: by script, register by register; over the emulator, by interrupts and by
 * polling; and with what goes wrong on a bus, in a UART and on a wire.
 */
#include "beagle.h"

#include <vdev/drivers/omap3_uart.h>
#include <vdev/emulators/omap3_uart.h>

#include "support/array_console.h"

#define R(offset_, value_)                                                                         \
    VDEV_SCRIPT_STEP(READ, .width = 1, .offset = (offset_), .value = (value_))
#define W(offset_, value_)                                                                         \
    VDEV_SCRIPT_STEP(WRITE, .width = 1, .offset = (offset_), .value = (value_), .mask = 0xFF)

#define DATA 0x00
#define IER  0x04
#define FCR  0x08 /* IIR, EFR */
#define LCR  0x0C
#define MCR  0x10
#define LSR  0x14
#define MDR1 0x20
#define SCR  0x40
#define SSR  0x44
#define SYSC 0x54
#define SYSS 0x58

static struct vdev_coverage *coverage;
static struct vdev_virtual_clock virtual_clock;
static struct vdev_omap3_uart uart;

/* ---- by script ---- */

static struct vdev_script script;

static int script_init(const struct vdev_script_step *steps, size_t count,
                       enum vdev_omap3_uart_kind kind, uint32_t baud, bool interrupts)
{
    vdev_virtual_clock_init(&virtual_clock, 1000, 100);
    vdev_script_init(&script, NULL, steps, count, &virtual_clock, vdev_testing_check, NULL);
    const struct vdev_omap3_uart_configuration configuration = {
        .io = script.io,
        .clock = &virtual_clock.clock,
        .clock_hertz = 48000000,
        .baud = baud,
        .kind = kind,
        .interrupts = interrupts,
    };
    return vdev_omap3_uart_init(&uart, &configuration);
}

#define PLAY(...)                                                                                  \
    static const struct vdev_script_step steps[] = {__VA_ARGS__};                                  \
    vdev_script_continue(&script, steps, ARRAY_COUNT(steps))

#define OMAP_LINE(mode, divisor, last)                                                             \
    W(LCR, 0), W(MDR1, 7), W(FCR, 0x06), R(LSR, 0x61), R(LSR, 0x60), W(LCR, 0xBF), W(FCR, 0x10),   \
        W(LCR, 0), W(IER, 0), W(LCR, 0xBF), W(DATA, (divisor)&0xFF), W(IER, (divisor) >> 8),       \
        R(DATA, (divisor)&0xFF), R(IER, (divisor) >> 8), W(LCR, 3), W(FCR, 0x67), W(SCR, 0),       \
        W(LCR, 0xBF), W(FCR, 0), W(LCR, 3), W(MDR1, (mode)), W(FCR, 0x67), R(LSR, (last)),         \
        R(LCR, 3), W(MCR, 3)
#define OMAP_RESET                                                                                 \
    R(LCR, 0), W(LCR, 0), R(LSR, 0x60), R(MDR1, 7), W(SYSC, 2), R(SYSS, 0), R(SYSS, 1), W(SYSC, 8)
#define PLAIN_LINE(divisor)                                                                        \
    W(LCR, 0), W(IER, 0), W(LCR, 0x80), W(DATA, (divisor)&0xFF), W(IER, (divisor) >> 8),           \
        R(DATA, (divisor)&0xFF), R(IER, (divisor) >> 8), W(LCR, 3), W(FCR, 0x87), R(LCR, 3),       \
        W(MCR, 0x0B)

START_TEST(the_line_is_set_up_in_the_manuals_order)
{
    static const struct vdev_script_step steps[] = {OMAP_RESET, OMAP_LINE(0, 26, 0x60), W(IER, 1)};
    ck_assert_int_eq(script_init(steps, ARRAY_COUNT(steps), VDEV_OMAP3_UART_OMAP3, 115200, true),
                     VDEV_OK);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(who_sends_while_it_starts_does_not_hold_it_up)
{
    static const struct vdev_script_step steps[] = {OMAP_RESET, OMAP_LINE(0, 26, 0x61)};
    ck_assert_int_eq(script_init(steps, ARRAY_COUNT(steps), VDEV_OMAP3_UART_OMAP3, 115200, false),
                     VDEV_OK);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(a_fast_line_samples_thirteen_times)
{
    static const struct vdev_script_step steps[] = {OMAP_RESET, OMAP_LINE(3, 4, 0x60)};
    ck_assert_int_eq(script_init(steps, ARRAY_COUNT(steps), VDEV_OMAP3_UART_OMAP3, 921600, false),
                     VDEV_OK);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(a_slow_line_has_both_bytes_of_its_divisor)
{
    static const struct vdev_script_step steps[] = {OMAP_RESET, OMAP_LINE(0, 10000, 0x60)};
    ck_assert_int_eq(script_init(steps, ARRAY_COUNT(steps), VDEV_OMAP3_UART_OMAP3, 300, false),
                     VDEV_OK);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(a_plain_16550a_is_detected_and_nothing_past_it_touched)
{
    static const struct vdev_script_step steps[] = {
        R(LCR, 0x83), W(LCR, 0xBF), W(FCR, 0x10), R(FCR, 0x01), W(FCR, 0),
        R(FCR, 0x01), W(LCR, 3),    R(LSR, 0x60), R(LSR, 0x60), PLAIN_LINE(26)};
    /* EFR is looked at for a 1 only if it was there; it was not, so there is one read less. */
    static struct vdev_script_step real[ARRAY_COUNT(steps)];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        if (i != 5) {
            real[count++] = steps[i];
        }
    }
    ck_assert_int_eq(script_init(real, count, VDEV_OMAP3_UART_DETECT, 115200, false), VDEV_OK);
    ck_assert(vdev_script_finish(&script));
    ck_assert_int_eq(uart.kind, VDEV_OMAP3_UART_16550);
    ck_assert_int_eq(uart.fifo_depth, 16);
}
END_TEST

static void start_plain(void)
{
    static const struct vdev_script_step steps[] = {R(LCR, 3),    W(LCR, 3),      R(LSR, 0x60),
                                                    R(LSR, 0x60), PLAIN_LINE(26), W(IER, 1)};
    ck_assert_int_eq(script_init(steps, ARRAY_COUNT(steps), VDEV_OMAP3_UART_16550, 115200, true),
                     VDEV_OK);
}

START_TEST(a_plain_transmitter_is_filled_when_it_is_empty_only)
{
    static const uint8_t bytes[20] = {1, 2, 3};
    static const uint32_t data[20] = {1, 2, 3};
    start_plain();
    PLAY(R(LSR, 0x60),
         VDEV_SCRIPT_STEP(WRITE, .width = 1, .offset = DATA, .mask = 0xFF, .data = data,
                          .times = 16),
         W(IER, 3), R(LSR, 0x00), R(FCR, 0xC2), R(LSR, 0x60), W(IER, 1), R(FCR, 0xC1));
    ck_assert_uint_eq(vdev_console_write(&uart.console, bytes, 20), 16);
    ck_assert_uint_eq(vdev_console_write(&uart.console, bytes, 4), 0);
    ck_assert(!vdev_console_poll(&uart.console)); /* nobody wants to write any more */
    ck_assert(!vdev_console_poll(&uart.console)); /* spurious: one look, and nothing else */
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(the_fifo_is_never_read_when_it_is_empty)
{
    uint8_t bytes[4] = {9, 9, 9, 9};
    start_plain();
    PLAY(R(LSR, 0x61), R(DATA, 'a'), R(LSR, 0x71), R(DATA, 0x55), R(LSR, 0x60), R(LSR, 0x60));
    ck_assert_uint_eq(vdev_console_read(&uart.console, bytes, 4), 2);
    ck_assert_uint_eq(bytes[0], 'a');
    ck_assert_uint_eq(bytes[1], 0); /* a break is 0, whatever stands in the FIFO */
    ck_assert_uint_eq(vdev_console_read(&uart.console, bytes, 4), 0);
    ck_assert_uint_eq(uart.errors.breaks, 1);
    ck_assert_uint_eq(uart.errors.framing, 0);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(impossible_rates_are_refused)
{
    static const struct vdev_script_step steps[] = {R(LCR, 0), W(LCR, 0)};
    ck_assert_int_eq(script_init(NULL, 0, VDEV_OMAP3_UART_OMAP3, 0, false), VDEV_ERROR_INVALID);
    static const uint32_t rates[] = {1, 100, 1600000, 5000000, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(rates); i++) {
        ck_assert_int_eq(script_init(steps, 2, VDEV_OMAP3_UART_OMAP3, rates[i], false),
                         VDEV_ERROR_INVALID);
    }
    /* 16550: 460800 is 6.5 times off */
    ck_assert_int_eq(script_init(steps, 2, VDEV_OMAP3_UART_16550, 460800, false),
                     VDEV_ERROR_INVALID);
}
END_TEST

/* ---- over the emulator ---- */

static struct vdev_omap3_uart_emulator emulator;
static struct array_console wire;
static struct beagle_bench bench;
static struct vdev_interrupt_line line;
static uint8_t sent[6000], received[6000];
static size_t sent_count, received_count, received_bound;
static bool lazy;

static int start(struct vdev_fault *faults, size_t count, bool interrupts)
{
    const struct vdev_omap3_uart_emulator_configuration device = {
        .console = &wire.console, .interrupt = &line, .running = false};

    sent_count = received_count = 0;
    received_bound = sizeof received;
    lazy = false;
    for (size_t i = 0; i < sizeof sent; i++) {
        sent[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    line = (struct vdev_interrupt_line){.set = NULL};
    array_console_init(&wire);
    ck_assert_int_eq(vdev_omap3_uart_emulator_init(&emulator, &device), VDEV_OK);
    vdev_virtual_clock_init(&virtual_clock, 1000, 100);
    const struct vdev_omap3_uart_configuration configuration = {
        .io = *beagle_bench(&bench, vdev_omap3_uart_emulator_access, &emulator,
                            &vdev_omap3_uart_registers, &virtual_clock, NULL, faults, count,
                            coverage),
        .clock = &virtual_clock.clock,
        .clock_hertz = 48000000,
        .baud = 115200,
        .interrupts = interrupts,
    };
    return vdev_omap3_uart_init(&uart, &configuration);
}

static void pump(void *owner)
{
    (void)owner;
    while (sent_count < sizeof sent) {
        size_t done =
            vdev_console_write(&uart.console, sent + sent_count, sizeof sent - sent_count);
        sent_count += done;
        if (done == 0) {
            return;
        }
    }
}

static void drain(void *owner)
{
    (void)owner;
    while (received_count < received_bound && !lazy) {
        size_t done = vdev_console_read(&uart.console, received + received_count,
                                        received_bound - received_count);
        received_count += done;
        if (done == 0) {
            return;
        }
    }
}

static void serve(void)
{
    for (unsigned i = 0; line.level; i++) {
        ck_assert_msg(i < 1000, "the interrupt never ends");
        vdev_console_poll(&uart.console);
    }
}

START_TEST(the_emulated_uart_is_an_omaps)
{
    ck_assert_int_eq(start(NULL, 0, true), VDEV_OK);
    ck_assert_int_eq(uart.kind, VDEV_OMAP3_UART_OMAP3);
    ck_assert_int_eq(emulator.dll, 26);
    ck_assert_int_eq(emulator.dlh, 0);
    ck_assert_int_eq(emulator.ier, 1);
}
END_TEST

START_TEST(output_goes_on_by_interrupts_as_there_is_room)
{
    ck_assert_int_eq(start(NULL, 0, true), VDEV_OK);
    uart.console.client = (struct vdev_console_client){.writable = pump};
    wire.room = 10;
    pump(NULL);
    for (unsigned i = 0; wire.written < sizeof sent; i++) {
        ck_assert_msg(i < 2000, "stalled at %zu", wire.written);
        array_console_make_room(&wire, 100);
        serve();
    }
    ck_assert_mem_eq(wire.output, sent, sizeof sent);
    ck_assert_uint_eq(emulator.lost, 0);
    ck_assert(!line.level);
    ck_assert_int_eq(emulator.ier, 1);
}
END_TEST

START_TEST(input_comes_by_interrupts_and_what_is_left_is_masked)
{
    ck_assert_int_eq(start(NULL, 0, true), VDEV_OK);
    uart.console.client = (struct vdev_console_client){.readable = drain};
    received_bound = 100;
    array_console_feed(&wire, sent, sizeof sent);
    serve();
    ck_assert_uint_eq(received_count, 100);
    ck_assert_int_eq(emulator.ier, 0);
    received_bound = sizeof received;
    drain(NULL);
    for (unsigned i = 0; received_count < sizeof received && i < 1000; i++) {
        serve();
    }
    ck_assert_uint_eq(received_count, sizeof received);
    ck_assert_mem_eq(received, sent, sizeof sent);
    ck_assert_uint_eq(vdev_console_read(&uart.console, received, 1), 0);
    ck_assert_int_eq(emulator.ier, 1);
}
END_TEST

START_TEST(polled_it_needs_no_interrupt)
{
    ck_assert_int_eq(start(NULL, 0, false), VDEV_OK);
    uart.console.client = (struct vdev_console_client){.readable = drain, .writable = pump};
    wire.room = 0;
    pump(NULL);
    array_console_feed(&wire, sent, sizeof sent);
    for (unsigned i = 0; i < 1000; i++) {
        wire.room = 50;
        array_console_poll(&wire.console);
        vdev_console_poll(&uart.console);
    }
    ck_assert_uint_eq(wire.written, sizeof sent);
    ck_assert_mem_eq(wire.output, sent, sizeof sent);
    ck_assert_uint_eq(received_count, sizeof received);
    ck_assert_mem_eq(received, sent, sizeof sent);
    ck_assert_int_eq(emulator.ier, 0);
}
END_TEST

START_TEST(errors_on_the_wire_are_counted_and_their_bytes_passed_on)
{
    ck_assert_int_eq(start(NULL, 0, true), VDEV_OK);
    uart.console.client = (struct vdev_console_client){.readable = drain};
    vdev_omap3_uart_emulator_receive(&emulator, 'p' | VDEV_OMAP3_UART_ERROR_PARITY);
    vdev_omap3_uart_emulator_receive(&emulator, 'f' | VDEV_OMAP3_UART_ERROR_FRAMING);
    vdev_omap3_uart_emulator_receive(&emulator, VDEV_OMAP3_UART_ERROR_BREAK);
    vdev_omap3_uart_emulator_receive(&emulator, 'g');
    serve();
    ck_assert_uint_eq(received_count, 4);
    ck_assert_mem_eq(received, "pf\0g", 4);
    ck_assert_uint_eq(uart.errors.parity, 1);
    ck_assert_uint_eq(uart.errors.framing, 1);
    ck_assert_uint_eq(uart.errors.breaks, 1);
    for (unsigned i = 0; i < 70; i++) {
        vdev_omap3_uart_emulator_receive(&emulator, 'x');
    }
    serve();
    ck_assert_uint_ge(uart.errors.overrun, 1);
    ck_assert_uint_eq(received_count, 68);
}
END_TEST

START_TEST(stopping_waits_until_all_is_sent)
{
    ck_assert_int_eq(start(NULL, 0, true), VDEV_OK);
    wire.room = 3;
    ck_assert_uint_eq(vdev_console_write(&uart.console, sent, 10), 10);
    uint64_t before = virtual_clock.now;
    ck_assert_int_eq(vdev_omap3_uart_stop(&uart, &virtual_clock.clock), VDEV_ERROR_TIMEOUT);
    ck_assert_uint_le(virtual_clock.now - before, 101000000);
    array_console_make_room(&wire, 100);
    ck_assert_int_eq(vdev_omap3_uart_stop(&uart, &virtual_clock.clock), VDEV_OK);
    ck_assert_int_eq(emulator.ier, 0);
}
END_TEST

/* ---- faults: an error within 110 ms, and a UART that works once the fault is over ---- */

static void check_fault(struct vdev_fault fault, int expected)
{
    ck_assert_int_eq(start(&fault, 1, true), expected);
    ck_assert_uint_le(virtual_clock.now, 110000000);
    ck_assert_uint_ne(fault.struck, 0);
    ck_assert_int_eq(start(NULL, 0, true), VDEV_OK);
    uart.console.client = (struct vdev_console_client){.writable = pump};
    pump(NULL);
    serve();
    ck_assert_mem_eq(wire.output, sent, 64);
}

START_TEST(nobody_there_is_said)
{
    check_fault((struct vdev_fault)VDEV_FAULT_ABSENT(0), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(a_reset_that_never_ends_is_a_timeout)
{
    check_fault((struct vdev_fault)VDEV_FAULT(STUCK_ZERO, .name = "SYSS", .mask = 1),
                VDEV_ERROR_TIMEOUT);
}
END_TEST

START_TEST(a_transmitter_that_stays_busy_is_a_timeout)
{
    check_fault((struct vdev_fault)VDEV_FAULT(STUCK_ZERO, .name = "LSR", .mask = 0x20),
                VDEV_ERROR_TIMEOUT);
}
END_TEST

START_TEST(a_register_that_keeps_nothing_is_no_uart)
{
    check_fault((struct vdev_fault)VDEV_FAULT(WRITES_LOST, .name = "RHR"), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(an_interrupt_storm_costs_a_look_each)
{
    struct vdev_fault fault = VDEV_FAULT(STUCK_ZERO, .name = "IIR", .mask = 1, .from = 60);
    ck_assert_int_eq(start(&fault, 1, true), VDEV_OK);
    uint32_t before = bench.bus.reads + bench.bus.writes;
    for (unsigned i = 0; i < 1000; i++) {
        ck_assert(!vdev_console_poll(&uart.console));
    }
    ck_assert_uint_le(bench.bus.reads + bench.bus.writes - before, 2000);
    ck_assert_uint_eq(vdev_console_write(&uart.console, sent, 10), 10);
    ck_assert_uint_eq(wire.written, 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("beagle uart");
    TCase *tests = tcase_create("register by register");
    coverage = beagle_coverage(&vdev_omap3_uart_registers, "UART", __FILE__, "omap3_uart.c");
    tcase_add_test(tests, the_line_is_set_up_in_the_manuals_order);
    tcase_add_test(tests, who_sends_while_it_starts_does_not_hold_it_up);
    tcase_add_test(tests, a_fast_line_samples_thirteen_times);
    tcase_add_test(tests, a_slow_line_has_both_bytes_of_its_divisor);
    tcase_add_test(tests, a_plain_16550a_is_detected_and_nothing_past_it_touched);
    tcase_add_test(tests, a_plain_transmitter_is_filled_when_it_is_empty_only);
    tcase_add_test(tests, the_fifo_is_never_read_when_it_is_empty);
    tcase_add_test(tests, impossible_rates_are_refused);
    suite_add_tcase(suite, tests);
    tests = tcase_create("over the emulator");
    tcase_add_test(tests, the_emulated_uart_is_an_omaps);
    tcase_add_test(tests, output_goes_on_by_interrupts_as_there_is_room);
    tcase_add_test(tests, input_comes_by_interrupts_and_what_is_left_is_masked);
    tcase_add_test(tests, polled_it_needs_no_interrupt);
    tcase_add_test(tests, errors_on_the_wire_are_counted_and_their_bytes_passed_on);
    tcase_add_test(tests, stopping_waits_until_all_is_sent);
    suite_add_tcase(suite, tests);
    tests = tcase_create("faults");
    tcase_add_test(tests, nobody_there_is_said);
    tcase_add_test(tests, a_reset_that_never_ends_is_a_timeout);
    tcase_add_test(tests, a_transmitter_that_stays_busy_is_a_timeout);
    tcase_add_test(tests, a_register_that_keeps_nothing_is_no_uart);
    tcase_add_test(tests, an_interrupt_storm_costs_a_look_each);
    suite_add_tcase(suite, tests);
    return beagle_run(suite, &coverage, 1);
}
