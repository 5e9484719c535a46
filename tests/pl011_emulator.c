/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL011 emulator's registers and transmitter, as a guest sees them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "support/pl011_guest.h"

/* ---- registers ---- */

START_TEST(table_agrees_with_itself)
{
    ck_assert_int_eq(vdev_registers_check(&vdev_pl011_registers), VDEV_OK);
    ck_assert_str_eq(vdev_registers_name(&vdev_pl011_registers, FR), "UARTFR");
}
END_TEST

/* TRM table 3-1: reset values, and which bits take a value while the UART is off. */
START_TEST(registers_reset_and_keep_their_bits)
{
    static const struct {
        uint32_t offset, reset, writable;
    } expected[] = {
        {DR, 0, 0},         {RSR, 0, 0},      {FR, 0x90, 0},    {ILPR, 0, 0xFF},
        {IBRD, 0, 0xFFFF},  {FBRD, 0, 0x3F},  {LCR_H, 0, 0xFF}, {CR, 0x300, 0xFF87},
        {IFLS, 0x12, 0x3F}, {IMSC, 0, 0x7FF}, {RIS, 0, 0},      {MIS, 0, 0},
        {ICR, 0, 0},        {DMACR, 0, 0x7},  {0xFE0, 0x11, 0}, {0xFE4, 0x10, 0},
        {0xFE8, 0x24, 0},   {0xFEC, 0x00, 0}, {0xFF0, 0x0D, 0}, {0xFF4, 0xF0, 0},
        {0xFF8, 0x05, 0},   {0xFFC, 0xB1, 0},
    };
    ck_assert_uint_eq(sizeof expected / sizeof expected[0], VDEV_PL011_REGISTER_COUNT);
    for (size_t i = 0; i < VDEV_PL011_REGISTER_COUNT; i++) {
        setup();
        ck_assert_msg(get(expected[i].offset) == expected[i].reset, "reset of %s",
                      vdev_registers_name(&vdev_pl011_registers, expected[i].offset));
        if (expected[i].offset == DR) {
            continue;
        }
        uint32_t fixed = expected[i].reset & ~expected[i].writable;
        put(expected[i].offset, 0xFFFF);
        ck_assert_msg(get(expected[i].offset) == (fixed | expected[i].writable), "ones to %s",
                      vdev_registers_name(&vdev_pl011_registers, expected[i].offset));
        put(expected[i].offset, 0);
        ck_assert_msg(get(expected[i].offset) == fixed, "zeros to %s",
                      vdev_registers_name(&vdev_pl011_registers, expected[i].offset));
    }
}
END_TEST

START_TEST(hostile_offsets_and_widths_are_refused)
{
    for (uint32_t offset = 0; offset < 0x1100; offset++) {
        bool there = vdev_registers_find(&vdev_pl011_registers, offset) != NULL;
        for (unsigned width = 0; width < 256; width++) {
            struct vdev_access access = {.offset = offset, .width = (uint8_t)width};
            int want = !there ? VDEV_ERROR_RANGE : VDEV_ERROR_UNSUPPORTED;
            if (there && offset % 4 == 0 && (width == 1 || width == 2 || width == 4)) {
                want = VDEV_OK;
            }
            if (vdev_pl011_emulator_access(&uart, &access) != want) {
                ck_abort_msg("offset %#x width %u: not %s", offset, width, vdev_status_name(want));
            }
        }
    }
    static const uint32_t far[] = {0x1000, 0x7FFFFFFC, 0x80000018, 0xFFFFFFFC, 0xFFFFFFFF};
    for (size_t i = 0; i < 5; i++) {
        struct vdev_access access = {.offset = far[i], .width = 4, .write = true};
        ck_assert_int_eq(vdev_pl011_emulator_access(&uart, &access), VDEV_ERROR_RANGE);
    }
}
END_TEST

START_TEST(random_accesses_never_leave_the_fifos)
{
    uint32_t random = 1;
    static const uint8_t input[64] = {1};

    for (int i = 0; i < 200000; i++) {
        random = random * 1664525 + 1013904223;
        struct vdev_access access = {.offset = (random >> 8) % 0x4C & ~3u,
                                     .width = 4,
                                     .write = (random >> 5 & 1) != 0,
                                     .value = random};
        vdev_pl011_emulator_access(&uart, &access);
        if (random >> 28 == 0) {
            array_console_feed(&console, input, random >> 20 & 63);
        }
        if (random >> 28 == 1) {
            console.written = 0;
            array_console_make_room(&console, random >> 20 & 31);
        }
        if (random >> 28 == 2) {
            vdev_pl011_emulator_receive(&uart, (uint16_t)random);
            vdev_pl011_emulator_modem(&uart, random);
        }
        if (uart.receive_count > VDEV_PL011_FIFO_DEPTH ||
            uart.transmit_count > VDEV_PL011_FIFO_DEPTH ||
            line.level != ((get(RIS) & get(IMSC)) != 0)) {
            ck_abort_msg("after %d accesses: %u received, %u to send, line %d", i,
                         uart.receive_count, uart.transmit_count, line.level);
        }
    }
}
END_TEST

START_TEST(modem_bits_that_do_not_exist_are_refused)
{
    struct vdev_pl011_emulator_configuration configuration = {.modem = 0x8};
    ck_assert_int_eq(vdev_pl011_emulator_init(&uart, &configuration), VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(running_start_is_what_a_boot_loader_leaves)
{
    setup_running();
    ck_assert_uint_eq(get(CR), CR_ON);
    ck_assert_uint_eq(get(LCR_H), LCR_8FIFO);
    put_many("ok", 2);
    ck_assert_uint_eq(console.written, 2);
    put(CR, 0);
    put(DR, 'x');
    vdev_pl011_emulator_reset(&uart, false);
    ck_assert_uint_eq(get(CR), 0x300);
    ck_assert_uint_eq(get(FR), FR_TXFE | FR_RXFE);
    ck_assert_uint_eq(console.written, 2);
}
END_TEST

START_TEST(works_with_nothing_below_and_no_interrupt)
{
    struct vdev_pl011_emulator_configuration configuration = {.running = true};

    ck_assert_int_eq(vdev_pl011_emulator_init(&uart, &configuration), VDEV_OK);
    put(IMSC, 0x7FF);
    put_many("nobody hears this, and it is longer than a FIFO", 47);
    ck_assert_uint_eq(get(FR), FR_TXFE | FR_RXFE);
    ck_assert_uint_eq(uart.lost, 0);
    ck_assert_uint_eq(get(DR), 0);
}
END_TEST

/* ---- transmitting ---- */

START_TEST(transmits_at_once_and_never_looks_full)
{
    char text[1000];
    memset(text, 'T', sizeof text);
    for (size_t i = 0; i < sizeof text; i++) {
        ck_assert_uint_eq(get(FR), FR_TXFE | FR_RXFE);
        put(DR, (uint8_t)text[i]);
    }
    ck_assert_uint_eq(console.written, sizeof text);
    ck_assert_mem_eq(console.output, text, sizeof text);
}
END_TEST

START_TEST(what_the_console_does_not_take_waits_in_the_fifo_in_order)
{
    console.room = 3;
    put_many("0123456789abcdefghi", 19);
    ck_assert_uint_eq(console.written, 3);
    ck_assert_uint_eq(get(FR), FR_TXFF | FR_BUSY | FR_RXFE);
    array_console_make_room(&console, 5);
    ck_assert_uint_eq(get(FR), FR_BUSY | FR_RXFE);
    put_many("jk", 2);
    array_console_make_room(&console, SIZE_MAX);
    ck_assert_uint_eq(get(FR), FR_TXFE | FR_RXFE);
    ck_assert_uint_eq(console.written, 21);
    ck_assert_mem_eq(console.output, "0123456789abcdefghijk", 21);
    ck_assert_uint_eq(uart.lost, 0);
}
END_TEST

START_TEST(writing_into_a_full_fifo_loses_the_byte_and_says_so)
{
    console.room = 0;
    put_many("0123456789abcdefXY", 18);
    ck_assert_uint_eq(uart.lost, 2);
    array_console_make_room(&console, SIZE_MAX);
    ck_assert_uint_eq(console.written, 16);
    ck_assert_mem_eq(console.output, "0123456789abcdef", 16);
}
END_TEST

START_TEST(fifo_is_one_deep_when_disabled)
{
    put(LCR_H, LCR_8);
    console.room = 0;
    put(DR, 'a');
    ck_assert_uint_eq(get(FR), FR_TXFF | FR_BUSY | FR_RXFE);
    put(DR, 'b');
    ck_assert_uint_eq(uart.lost, 1);
    array_console_make_room(&console, SIZE_MAX);
    ck_assert_uint_eq(console.written, 1);
    ck_assert_uint_eq(get(RIS), INT_TX);
}
END_TEST

START_TEST(turning_the_fifo_off_flushes_it)
{
    console.room = 0;
    put_many("abc", 3);
    array_console_feed(&console, "xyz", 3);
    ck_assert_uint_eq(get(FR), FR_BUSY);
    put(LCR_H, LCR_8);
    ck_assert_uint_eq(get(FR), FR_TXFE | FR_RXFE);
    ck_assert_uint_eq(get(RIS) & (INT_RX | INT_RT), 0);
}
END_TEST

START_TEST(nothing_is_sent_while_disabled)
{
    static const uint32_t off[] = {0, 0x001, 0x300, 0x100, 0x201};
    for (size_t i = 0; i < 5; i++) {
        setup_running();
        put(CR, off[i]);
        put(DR, 'x');
        ck_assert_uint_eq(console.written, 0);
        ck_assert_uint_eq(get(FR) & (FR_BUSY | FR_TXFE), FR_BUSY);
        put(CR, CR_ON);
        ck_assert_uint_eq(console.written, 1);
    }
}
END_TEST

START_TEST(word_length_cuts_characters_both_ways)
{
    for (unsigned bits = 5; bits <= 8; bits++) {
        setup_running();
        put(LCR_H, 0x10 | (bits - 5) << 5);
        put(DR, 0xFF);
        ck_assert_uint_eq(console.output[0], 0xFF >> (8 - bits));
        array_console_feed(&console, "\xFF", 1);
        ck_assert_uint_eq(get(DR), 0xFF >> (8 - bits));
    }
}
END_TEST

START_TEST(clear_to_send_holds_the_transmitter_if_asked)
{
    put(CR, CR_ON | CR_CTSEN);
    put(DR, 'x');
    ck_assert_uint_eq(console.written, 0);
    vdev_pl011_emulator_modem(&uart, VDEV_PL011_MODEM_CTS);
    ck_assert_uint_eq(console.written, 1);
}
END_TEST

/* ---- as Linux uses it ---- */

/*
 * What Linux's interrupt-driven transmission does (half a FIFO per interrupt without a look at the
 * flags) has to make progress both on a console that takes all at once and on a slow one.
 */
START_TEST(half_a_fifo_per_interrupt_never_stalls_or_loses)
{
    for (unsigned slow = 0; slow < 2; slow++) {
        setup_running();
        console.room = slow ? 0 : SIZE_MAX;
        put(IMSC, 0);
        size_t sent = 0;
        while (sent < 4096 && (get(FR) & FR_TXFF) == 0 && sent < 64) {
            put(DR, (uint8_t)sent++);
        }
        put(IMSC, INT_TX);
        for (unsigned idle = 0; sent < 4096; idle++) {
            ck_assert_msg(idle < 20000, "stalled after %zu bytes", sent);
            if (line.level) {
                for (unsigned i = 0; i < 8; i++) {
                    put(DR, (uint8_t)sent++);
                }
            } else {
                array_console_make_room(&console, 3);
            }
        }
        array_console_make_room(&console, SIZE_MAX);
        ck_assert_uint_eq(uart.lost, 0);
        ck_assert_uint_eq(console.written, sent);
        for (size_t i = 0; i < sent; i++) {
            ck_assert_uint_eq(console.output[i], (uint8_t)i);
        }
    }
}
END_TEST

/* A flag read and a write for each byte, as QEMU's PL011 costs Linux, and not one access more. */
START_TEST(output_of_64_kib_costs_two_accesses_a_byte)
{
    static struct vdev_register_count counts[VDEV_PL011_WINDOW / 4];
    struct vdev_bus bus;
    struct vdev_bus_window window = {.address = 0x1C090000,
                                     .length = VDEV_PL011_WINDOW,
                                     .access = vdev_pl011_emulator_access,
                                     .device = &uart,
                                     .counts = counts};
    vdev_registers_loads(&uart.bank, &window);
    ck_assert_int_eq(vdev_bus_init(&bus, &window, 1), VDEV_OK);
    for (unsigned sent = 0; sent < 65536;) {
        struct vdev_access flags = {.width = 2};
        if (vdev_bus_dispatch(&bus, 0x1C090018, &flags) != VDEV_OK) {
            ck_abort_msg("flags refused");
        }
        if ((flags.value & FR_TXFF) == 0) {
            struct vdev_access data = {.width = 2, .write = true, .value = sent++ & 0xFF};
            if (vdev_bus_dispatch(&bus, 0x1C090000, &data) != VDEV_OK) {
                ck_abort_msg("data refused");
            }
        }
    }
    ck_assert_uint_eq(console.written, 65536);
    ck_assert_uint_eq(counts[FR / 4].reads + counts[DR / 4].writes, 2 * 65536);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pl011_emulator");
    TCase *registers = tcase_create("registers");
    TCase *running = tcase_create("running");

    tcase_add_checked_fixture(registers, setup, NULL);
    tcase_add_test(registers, table_agrees_with_itself);
    tcase_add_test(registers, registers_reset_and_keep_their_bits);
    tcase_add_test(registers, hostile_offsets_and_widths_are_refused);
    tcase_add_test(registers, random_accesses_never_leave_the_fifos);
    tcase_add_test(registers, modem_bits_that_do_not_exist_are_refused);
    tcase_add_test(registers, running_start_is_what_a_boot_loader_leaves);
    tcase_add_test(registers, works_with_nothing_below_and_no_interrupt);
    tcase_add_checked_fixture(running, setup_running, NULL);
    tcase_add_test(running, transmits_at_once_and_never_looks_full);
    tcase_add_test(running, what_the_console_does_not_take_waits_in_the_fifo_in_order);
    tcase_add_test(running, writing_into_a_full_fifo_loses_the_byte_and_says_so);
    tcase_add_test(running, fifo_is_one_deep_when_disabled);
    tcase_add_test(running, turning_the_fifo_off_flushes_it);
    tcase_add_test(running, nothing_is_sent_while_disabled);
    tcase_add_test(running, word_length_cuts_characters_both_ways);
    tcase_add_test(running, clear_to_send_holds_the_transmitter_if_asked);
    tcase_add_test(running, half_a_fifo_per_interrupt_never_stalls_or_loses);
    tcase_add_test(running, output_of_64_kib_costs_two_accesses_a_byte);
    suite_add_tcase(suite, registers);
    suite_add_tcase(suite, running);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
