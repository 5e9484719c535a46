/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL011 driver against a script: every access, in order, with good and with broken hardware. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <vdev/drivers/pl011.h>
#include <vdev/emulators/pl011.h>
#include <vdev/status.h>
#include <vdev/testing/script.h>

#include "support/pl011_registers.h"

#define INT_RX  0x10
#define INT_TX  0x20
#define INT_RT  0x40

#define READ   VDEV_SCRIPT_READ32
#define WRITE  VDEV_SCRIPT_WRITE32
#define REPEAT VDEV_SCRIPT_REPEAT32

#define IDENTIFY(revision)                                                                         \
    READ(0xFF0, 0x0D), READ(0xFF4, 0xF0), READ(0xFF8, 0x05), READ(0xFFC, 0xB1), READ(0xFE0, 0x11), \
        READ(0xFE4, 0x10), READ(0xFE8, (revision) << 4 | 4)
#define SET_UP                                                                                     \
    WRITE(CR, 0), WRITE(IMSC, 0), WRITE(LCR_H, 0), WRITE(DMACR, 0), WRITE(IBRD, 13),               \
        WRITE(FBRD, 1), WRITE(LCR_H, 0x70), WRITE(IFLS, 0x12), WRITE(ECR, 0), WRITE(ICR, 0x7FF),   \
        READ(LCR_H, 0x70), WRITE(CR, 0xF01)

static struct vdev_script script;
static struct vdev_virtual_clock virtual_clock;
static struct vdev_pl011 uart;

static void broken(void *context, const char *message)
{
    (void)context;
    ck_abort_msg("%s", message);
}

static void begin(const struct vdev_script_step *steps, size_t count)
{
    vdev_virtual_clock_init(&virtual_clock, 10, 100);
    vdev_script_init(&script, &vdev_pl011_registers, steps, count, &virtual_clock, broken, NULL);
}

static int init(bool interrupts)
{
    struct vdev_pl011_configuration configuration = {.io = &script.io,
                                                     .clock = &virtual_clock.clock,
                                                     .clock_hertz = 24000000,
                                                     .baud = 115200,
                                                     .interrupts = interrupts};
    return vdev_pl011_init(&uart, &configuration);
}

#define COUNT(steps) (sizeof(steps) / sizeof(steps)[0])
#define BEGIN(...)                                                                                 \
    static const struct vdev_script_step steps[] = {__VA_ARGS__};                                  \
    begin(steps, COUNT(steps))
#define NEXT(...)                                                                                  \
    do {                                                                                           \
        static const struct vdev_script_step next_steps[] = {__VA_ARGS__};                         \
        vdev_script_continue(&script, next_steps, COUNT(next_steps));                              \
    } while (0)
#define END ck_assert(vdev_script_finish(&script))

/* ---- start ---- */

START_TEST(starts_a_uart_that_is_off)
{
    BEGIN(IDENTIFY(2), READ(CR, 0x300), SET_UP);
    ck_assert_int_eq(init(false), VDEV_OK);
    ck_assert_uint_eq(uart.fifo_depth, 16);
    END;
}
END_TEST

START_TEST(waits_for_what_the_firmware_was_sending)
{
    BEGIN(IDENTIFY(3), READ(CR, 0x301), VDEV_SCRIPT_READS32(FR, FR_BUSY, 5), READ(FR, FR_TXFE),
          SET_UP, WRITE(IMSC, INT_RX | INT_RT));
    ck_assert_int_eq(init(true), VDEV_OK);
    ck_assert_uint_eq(uart.fifo_depth, 32);
    END;
}
END_TEST

START_TEST(gives_up_on_a_transmitter_that_stays_busy_and_leaves_it_alone)
{
    BEGIN(IDENTIFY(1), READ(CR, 0x301), REPEAT(FR, FR_BUSY, 0));
    virtual_clock.per_access = 100000;
    ck_assert_int_eq(init(true), VDEV_ERROR_TIMEOUT);
    ck_assert_uint_ge(virtual_clock.now, 100000000);
    ck_assert_uint_le(virtual_clock.now, 110000000);
    END;
}
END_TEST

START_TEST(absent_device_is_told_and_not_written_to)
{
    static const uint32_t junk[] = {0xFFFFFFFF, 0, 0x11};
    for (size_t i = 0; i < 3; i++) {
        struct vdev_script_step steps[] = {REPEAT(0xFF0, junk[i], 1)};
        begin(steps, 1);
        ck_assert_int_eq(init(true), VDEV_ERROR_ABSENT);
        END;
    }
}
END_TEST

START_TEST(another_primecell_is_not_taken_for_a_pl011)
{
    /* A PL181. */
    BEGIN(READ(0xFF0, 0x0D), READ(0xFF4, 0xF0), READ(0xFF8, 0x05), READ(0xFFC, 0xB1),
          READ(0xFE0, 0x81), READ(0xFE4, 0x11), READ(0xFE8, 0x04));
    ck_assert_int_eq(init(true), VDEV_ERROR_ABSENT);
    END;
}
END_TEST

START_TEST(register_that_does_not_keep_its_value_is_an_error)
{
    BEGIN(IDENTIFY(1), READ(CR, 0), WRITE(CR, 0), WRITE(IMSC, 0), WRITE(LCR_H, 0), WRITE(DMACR, 0),
          WRITE(IBRD, 13), WRITE(FBRD, 1), WRITE(LCR_H, 0x70), WRITE(IFLS, 0x12), WRITE(ECR, 0),
          WRITE(ICR, 0x7FF), READ(LCR_H, 0));
    ck_assert_int_eq(init(true), VDEV_ERROR_IO);
    END;
}
END_TEST

START_TEST(divisors_are_rounded_and_impossible_ones_refused_before_any_access)
{
    static const struct {
        uint32_t clock, baud, whole, fraction;
    } cases[] = {
        {4000000, 230400, 1, 5}, /* the manual's own example, TRM 3.3.6 */
        {24000000, 115200, 13, 1},   {48000000, 115200, 26, 3}, {16 * 9600, 9600, 1, 0},
        {UINT32_MAX, 4096, 0, 0}, /* just over what 16 bits hold */
        {16 * 9600 - 1, 9600, 0, 0}, {24000000, 20, 0, 0},      {24000000, UINT32_MAX, 0, 0},
        {UINT32_MAX, 1, 0, 0},       {0x40000040, 1, 0, 0}, /* times 4 it wraps to what would be a
                                                               good divisor */
        {0, 115200, 0, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vdev_script_step steps[] = {IDENTIFY(1),
                                           READ(CR, 0),
                                           WRITE(CR, 0),
                                           WRITE(IMSC, 0),
                                           WRITE(LCR_H, 0),
                                           WRITE(DMACR, 0),
                                           WRITE(IBRD, cases[i].whole),
                                           WRITE(FBRD, cases[i].fraction),
                                           WRITE(LCR_H, 0x70),
                                           WRITE(IFLS, 0x12),
                                           WRITE(ECR, 0),
                                           WRITE(ICR, 0x7FF),
                                           READ(LCR_H, 0x70),
                                           WRITE(CR, 0xF01)};
        struct vdev_pl011_configuration configuration = {.io = &script.io,
                                                         .clock = &virtual_clock.clock,
                                                         .clock_hertz = cases[i].clock,
                                                         .baud = cases[i].baud};
        if (cases[i].whole == 0) {
            begin(NULL, 0);
            ck_assert_int_eq(vdev_pl011_init(&uart, &configuration), VDEV_ERROR_INVALID);
        } else {
            begin(steps, COUNT(steps));
            ck_assert_int_eq(vdev_pl011_init(&uart, &configuration), VDEV_OK);
        }
        END;
    }
}
END_TEST

START_TEST(no_baud_rate_leaves_the_divisor)
{
    BEGIN(IDENTIFY(1), READ(CR, 0), WRITE(CR, 0), WRITE(IMSC, 0), WRITE(LCR_H, 0), WRITE(DMACR, 0),
          WRITE(LCR_H, 0x70), WRITE(IFLS, 0x12), WRITE(ECR, 0), WRITE(ICR, 0x7FF),
          READ(LCR_H, 0x70), WRITE(CR, 0xF01));
    struct vdev_pl011_configuration configuration = {.io = &script.io,
                                                     .clock = &virtual_clock.clock};
    ck_assert_int_eq(vdev_pl011_init(&uart, &configuration), VDEV_OK);
    END;
}
END_TEST

START_TEST(stop_waits_masks_and_disables)
{
    BEGIN(IDENTIFY(2), READ(CR, 0x300), SET_UP, WRITE(IMSC, INT_RX | INT_RT));
    ck_assert_int_eq(init(true), VDEV_OK);
    NEXT(WRITE(IMSC, 0), READ(FR, FR_BUSY), READ(FR, FR_TXFE), WRITE(CR, 0));
    vdev_pl011_stop(&uart, &virtual_clock.clock);
    NEXT(WRITE(IMSC, 0), REPEAT(FR, FR_BUSY, 0), WRITE(CR, 0));
    virtual_clock.per_access = 100000;
    vdev_pl011_stop(&uart, &virtual_clock.clock);
    END;
}
END_TEST

/* ---- in use ---- */

static unsigned readable_calls, writable_calls;
static uint8_t got[256];
static size_t got_count;
static bool reads_in_callback;

static void readable(void *owner)
{
    size_t count;

    ck_assert_ptr_eq(owner, got);
    readable_calls++;
    while (reads_in_callback &&
           (count = vdev_console_read(&uart.console, got + got_count, 16)) != 0) {
        got_count += count;
    }
}

static const uint8_t *writes_in_callback; /* 32 bytes, or NULL */

static void writable(void *owner)
{
    ck_assert_ptr_eq(owner, got);
    writable_calls++;
    if (writes_in_callback != NULL) {
        ck_assert_uint_eq(vdev_console_write(&uart.console, writes_in_callback, 32), 16);
    }
}

static void started(bool interrupts)
{
    static const struct vdev_script_step polled[] = {IDENTIFY(2), READ(CR, 0x300), SET_UP};
    static const struct vdev_script_step interrupting[] = {IDENTIFY(2), READ(CR, 0x300), SET_UP,
                                                           WRITE(IMSC, INT_RX | INT_RT)};
    begin(interrupts ? interrupting : polled, interrupts ? COUNT(interrupting) : COUNT(polled));
    ck_assert_int_eq(init(interrupts), VDEV_OK);
    uart.console.client =
        (struct vdev_console_client){.readable = readable, .writable = writable, .owner = got};
    readable_calls = writable_calls = 0;
    writes_in_callback = NULL;
    got_count = 0;
    reads_in_callback = true;
}

static const uint8_t text[64] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-";
static uint32_t text_words[64];

static void setup(void)
{
    for (size_t i = 0; i < 64; i++) {
        text_words[i] = text[i];
    }
}

#define WRITE_TEXT(from, times) VDEV_SCRIPT_WRITE_DATA32(DR, &text_words[from], times)

START_TEST(write_into_an_empty_fifo_looks_once)
{
    started(true);
    NEXT(READ(FR, FR_TXFE), WRITE_TEXT(0, 16));
    ck_assert_uint_eq(vdev_console_write(&uart.console, text, 16), 16);
    END;
}
END_TEST

START_TEST(write_into_a_part_filled_fifo_looks_before_each)
{
    started(true);
    NEXT(READ(FR, 0), WRITE_TEXT(0, 1), READ(FR, 0), WRITE_TEXT(1, 1), READ(FR, FR_TXFF),
         WRITE(IMSC, INT_RX | INT_RT | INT_TX));
    ck_assert_uint_eq(vdev_console_write(&uart.console, text, 5), 2);
    NEXT(READ(FR, FR_TXFF));
    ck_assert_uint_eq(vdev_console_write(&uart.console, text, 5), 0);
    END;
}
END_TEST

START_TEST(long_write_stops_at_a_full_fifo)
{
    started(true);
    NEXT(READ(FR, FR_TXFE), WRITE_TEXT(0, 16), READ(RIS, 0), READ(FR, 0), WRITE_TEXT(16, 1),
         READ(RIS, 0), READ(FR, FR_TXFF), WRITE(IMSC, INT_RX | INT_RT | INT_TX));
    ck_assert_uint_eq(vdev_console_write(&uart.console, text, 64), 17);
    END;
}
END_TEST

START_TEST(long_write_stops_at_one_fifo_if_the_interrupt_is_pending)
{
    started(true);
    NEXT(READ(FR, FR_TXFE), WRITE_TEXT(0, 16), READ(RIS, INT_TX),
         WRITE(IMSC, INT_RX | INT_RT | INT_TX));
    ck_assert_uint_eq(vdev_console_write(&uart.console, text, 64), 16);
    END;
}
END_TEST

START_TEST(write_is_bounded_on_a_line_that_is_never_full)
{
    started(true);
    NEXT(READ(FR, FR_TXFE), WRITE_TEXT(0, 16), READ(RIS, 0), READ(FR, FR_TXFE), WRITE_TEXT(16, 16),
         WRITE(IMSC, INT_RX | INT_RT | INT_TX));
    ck_assert_uint_eq(vdev_console_write(&uart.console, text, 64), 32);
    started(false);
    NEXT(READ(FR, FR_TXFE), WRITE_TEXT(0, 16));
    ck_assert_uint_eq(vdev_console_write(&uart.console, text, 64), 16);
    END;
}
END_TEST

START_TEST(writable_comes_once_and_the_interrupt_is_masked_again)
{
    started(true);
    NEXT(READ(FR, FR_TXFF), WRITE(IMSC, INT_RX | INT_RT | INT_TX));
    ck_assert_uint_eq(vdev_console_write(&uart.console, text, 1), 0);
    NEXT(READ(MIS, 0));
    ck_assert(!vdev_console_poll(&uart.console));
    ck_assert_uint_eq(writable_calls, 0);
    NEXT(READ(MIS, INT_TX), WRITE(IMSC, INT_RX | INT_RT));
    ck_assert(!vdev_console_poll(&uart.console));
    ck_assert_uint_eq(writable_calls, 1);
    NEXT(READ(MIS, 0));
    vdev_console_poll(&uart.console);
    ck_assert_uint_eq(writable_calls, 1);
    END;
}
END_TEST

START_TEST(poll_is_wanted_again_while_the_transmit_interrupt_stays)
{
    started(true);
    NEXT(READ(FR, FR_TXFF), WRITE(IMSC, INT_RX | INT_RT | INT_TX));
    ck_assert_uint_eq(vdev_console_write(&uart.console, text, 1), 0);
    writes_in_callback = text;
    NEXT(READ(MIS, INT_TX), READ(FR, FR_TXFE), WRITE_TEXT(0, 16), READ(RIS, INT_TX),
         READ(MIS, INT_TX));
    ck_assert(vdev_console_poll(&uart.console));
    NEXT(READ(MIS, INT_TX), READ(FR, FR_TXFE), WRITE_TEXT(0, 16), READ(RIS, INT_TX), READ(MIS, 0));
    ck_assert(!vdev_console_poll(&uart.console));
    END;
}
END_TEST

START_TEST(interrupt_reads_all_and_touches_no_mask)
{
    static const uint32_t data[] = {'a', 'b', 'c'};
    started(true);
    NEXT(READ(MIS, INT_RT), READ(FR, 0), VDEV_SCRIPT_READ_DATA32(DR, data, 1), READ(FR, 0),
         READ(DR, 'b'), READ(FR, FR_RXFE), READ(FR, FR_RXFE));
    vdev_console_poll(&uart.console);
    ck_assert_uint_eq(readable_calls, 1);
    ck_assert_uint_eq(got_count, 2);
    ck_assert_mem_eq(got, "ab", 2);
    END;
}
END_TEST

START_TEST(full_fifo_is_read_with_one_look)
{
    started(true);
    uint8_t bytes[64];
    NEXT(READ(FR, FR_RXFF), VDEV_SCRIPT_READ_DATA32(DR, text_words, 16));
    ck_assert_uint_eq(vdev_console_read(&uart.console, bytes, 64), 16);
    ck_assert_mem_eq(bytes, text, 16);
    NEXT(READ(FR, FR_RXFF), VDEV_SCRIPT_READ_DATA32(DR, text_words, 3));
    ck_assert_uint_eq(vdev_console_read(&uart.console, bytes, 3), 3);
    END;
}
END_TEST

START_TEST(what_the_client_leaves_is_masked_until_a_read_finds_nothing)
{
    uint8_t byte;
    started(true);
    reads_in_callback = false;
    NEXT(READ(MIS, INT_RX), WRITE(IMSC, 0));
    vdev_console_poll(&uart.console);
    ck_assert_uint_eq(readable_calls, 1);
    NEXT(READ(MIS, 0));
    vdev_console_poll(&uart.console);
    ck_assert_uint_eq(readable_calls, 1);
    NEXT(READ(FR, 0), READ(DR, 'x'));
    ck_assert_uint_eq(vdev_console_read(&uart.console, &byte, 1), 1);
    NEXT(READ(FR, FR_RXFE), WRITE(IMSC, INT_RX | INT_RT));
    ck_assert_uint_eq(vdev_console_read(&uart.console, &byte, 1), 0);
    ck_assert_uint_eq(vdev_console_read(&uart.console, &byte, 0), 0);
    END;
}
END_TEST

START_TEST(errors_on_the_wire_are_counted_and_characters_passed_on)
{
    static const uint32_t data[] = {'a', 0x100 | 'b', 0x200 | 'c', 0x800 | 'd', 0x700, 0x300 | 'e'};
    uint8_t bytes[6];
    started(false);
    NEXT(READ(FR, FR_RXFF), VDEV_SCRIPT_READ_DATA32(DR, data, 6));
    ck_assert_uint_eq(vdev_console_read(&uart.console, bytes, 6), 6);
    ck_assert_mem_eq(bytes, "abcd\0e", 6);
    ck_assert_uint_eq(uart.errors.framing, 2);
    ck_assert_uint_eq(uart.errors.parity, 2);
    ck_assert_uint_eq(uart.errors.overrun, 1);
    ck_assert_uint_eq(uart.errors.breaks, 1);
    END;
}
END_TEST

START_TEST(polled_use_enables_no_interrupt)
{
    started(false);
    NEXT(READ(FR, FR_TXFF));
    ck_assert_uint_eq(vdev_console_write(&uart.console, text, 1), 0);
    NEXT(READ(FR, FR_TXFF | FR_RXFE));
    vdev_console_poll(&uart.console);
    ck_assert_uint_eq(writable_calls + readable_calls, 0);
    NEXT(READ(FR, 0), READ(FR, 0), READ(DR, 'q'), VDEV_SCRIPT_READS32(FR, FR_RXFE, 2));
    vdev_console_poll(&uart.console);
    ck_assert_uint_eq(writable_calls, 1);
    ck_assert_uint_eq(readable_calls, 1);
    ck_assert_uint_eq(got_count, 1);
    END;
}
END_TEST

START_TEST(hardware_that_went_away_moves_nothing)
{
    uint8_t bytes[64];
    started(true);
    NEXT(REPEAT(FR, 0xFFFFFFFF, 2), WRITE(IMSC, INT_RX | INT_RT | INT_TX));
    ck_assert_uint_eq(vdev_console_read(&uart.console, bytes, 64), 0);
    ck_assert_uint_eq(vdev_console_write(&uart.console, text, 64), 0);
    NEXT(READ(MIS, 0xFFFFFFFF), READ(FR, 0xFFFFFFFF), WRITE(IMSC, INT_RX | INT_RT));
    ck_assert(!vdev_console_poll(&uart.console));
    /* All zeros look like a full receive FIFO without end: one FIFO a call is the bound. */
    NEXT(REPEAT(FR, 0, 1), READ(DR, 0), REPEAT(FR, 0, 1), READ(DR, 0), REPEAT(FR, 0, 1),
         READ(DR, 0), REPEAT(FR, 0, 1), READ(DR, 0), REPEAT(FR, 0, 1), READ(DR, 0),
         REPEAT(FR, 0, 1), READ(DR, 0), REPEAT(FR, 0, 1), READ(DR, 0), REPEAT(FR, 0, 1),
         READ(DR, 0), REPEAT(FR, 0, 1), READ(DR, 0), REPEAT(FR, 0, 1), READ(DR, 0),
         REPEAT(FR, 0, 1), READ(DR, 0), REPEAT(FR, 0, 1), READ(DR, 0), REPEAT(FR, 0, 1),
         READ(DR, 0), REPEAT(FR, 0, 1), READ(DR, 0), REPEAT(FR, 0, 1), READ(DR, 0),
         REPEAT(FR, 0, 1), READ(DR, 0));
    ck_assert_uint_eq(vdev_console_read(&uart.console, bytes, 64), 16);
    END;
}
END_TEST

START_TEST(callbacks_may_be_absent)
{
    started(true);
    uart.console.client = (struct vdev_console_client){0};
    NEXT(READ(FR, FR_TXFF), WRITE(IMSC, INT_RX | INT_RT | INT_TX));
    vdev_console_write(&uart.console, text, 1);
    NEXT(READ(MIS, INT_RX | INT_TX), WRITE(IMSC, INT_TX), WRITE(IMSC, 0));
    vdev_console_poll(&uart.console);
    END;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pl011_driver");
    TCase *start = tcase_create("start");
    TCase *use = tcase_create("use");

    tcase_add_test(start, starts_a_uart_that_is_off);
    tcase_add_test(start, waits_for_what_the_firmware_was_sending);
    tcase_add_test(start, gives_up_on_a_transmitter_that_stays_busy_and_leaves_it_alone);
    tcase_add_test(start, absent_device_is_told_and_not_written_to);
    tcase_add_test(start, another_primecell_is_not_taken_for_a_pl011);
    tcase_add_test(start, register_that_does_not_keep_its_value_is_an_error);
    tcase_add_test(start, divisors_are_rounded_and_impossible_ones_refused_before_any_access);
    tcase_add_test(start, no_baud_rate_leaves_the_divisor);
    tcase_add_test(start, stop_waits_masks_and_disables);
    tcase_add_checked_fixture(use, setup, NULL);
    tcase_add_test(use, write_into_an_empty_fifo_looks_once);
    tcase_add_test(use, write_into_a_part_filled_fifo_looks_before_each);
    tcase_add_test(use, long_write_stops_at_a_full_fifo);
    tcase_add_test(use, long_write_stops_at_one_fifo_if_the_interrupt_is_pending);
    tcase_add_test(use, write_is_bounded_on_a_line_that_is_never_full);
    tcase_add_test(use, writable_comes_once_and_the_interrupt_is_masked_again);
    tcase_add_test(use, poll_is_wanted_again_while_the_transmit_interrupt_stays);
    tcase_add_test(use, interrupt_reads_all_and_touches_no_mask);
    tcase_add_test(use, full_fifo_is_read_with_one_look);
    tcase_add_test(use, what_the_client_leaves_is_masked_until_a_read_finds_nothing);
    tcase_add_test(use, errors_on_the_wire_are_counted_and_characters_passed_on);
    tcase_add_test(use, polled_use_enables_no_interrupt);
    tcase_add_test(use, hardware_that_went_away_moves_nothing);
    tcase_add_test(use, callbacks_may_be_absent);
    suite_add_tcase(suite, start);
    suite_add_tcase(suite, use);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
