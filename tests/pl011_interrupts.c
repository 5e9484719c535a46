/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL011 emulator's receiver and each of its interrupts: raised, masked, cleared. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "support/pl011_guest.h"

/* ---- the transmit interrupt, TRM 3.4: a transition through the level ---- */

START_TEST(transmit_interrupt_needs_data_to_have_left)
{
    put(IMSC, INT_TX);
    ck_assert_uint_eq(get(RIS), 0);
    ck_assert(!line.level);
    put(DR, 'x');
    ck_assert_uint_eq(get(RIS), INT_TX);
    ck_assert_uint_eq(get(MIS), INT_TX);
    ck_assert(line.level);
    put(ICR, INT_TX);
    ck_assert_uint_eq(get(RIS), 0);
    ck_assert(!line.level);
}
END_TEST

START_TEST(transmit_interrupt_comes_as_the_fifo_falls_through_each_level)
{
    static const uint8_t levels[] = {2, 4, 8, 12, 14};
    for (unsigned code = 0; code < 5; code++) {
        setup_running();
        put(IFLS, code);
        console.room = 0;
        put_many("0123456789abcdef", 16);
        ck_assert_uint_eq(get(RIS), 0);
        for (unsigned left = 15; left > levels[code]; left--) {
            array_console_make_room(&console, 1);
            ck_assert_uint_eq(get(RIS), 0);
        }
        array_console_make_room(&console, 1);
        ck_assert_uint_eq(get(RIS), INT_TX);
        /* Cleared by filling above the level again. */
        put(DR, 'x');
        ck_assert_uint_eq(get(RIS), 0);
    }
}
END_TEST

START_TEST(transmit_interrupt_does_not_come_below_the_level)
{
    console.room = 0;
    put_many("01234567", 8);
    array_console_make_room(&console, 4);
    ck_assert_uint_eq(get(RIS), 0);
    put_many("01234", 5);
    array_console_make_room(&console, 1);
    ck_assert_uint_eq(get(RIS), INT_TX);
}
END_TEST

/* ---- receiving ---- */

START_TEST(receives_in_order_and_leaves_below_what_has_no_room)
{
    uint8_t input[100];
    for (unsigned i = 0; i < sizeof input; i++) {
        input[i] = (uint8_t)(i * 7);
    }
    array_console_feed(&console, input, sizeof input);
    ck_assert_uint_eq(console.taken, 16);
    ck_assert_uint_eq(get(FR), FR_RXFF | FR_TXFE);
    for (unsigned i = 0; i < sizeof input; i++) {
        ck_assert_uint_eq(get(FR) & FR_RXFE, 0);
        ck_assert_uint_eq(get(DR), input[i]);
    }
    ck_assert_uint_eq(get(FR), FR_RXFE | FR_TXFE);
    ck_assert_uint_eq(get(RSR), 0);
    ck_assert_uint_eq(get(RIS), 0);
}
END_TEST

START_TEST(nothing_is_received_while_disabled_and_nothing_lost)
{
    put(CR, 0x101);
    array_console_feed(&console, "abc", 3);
    ck_assert_uint_eq(console.taken, 0);
    ck_assert_uint_eq(get(FR) & FR_RXFE, FR_RXFE);
    put(CR, CR_ON);
    ck_assert_uint_eq(get(DR), 'a');
    ck_assert_uint_eq(get(DR), 'b');
    ck_assert_uint_eq(get(DR), 'c');
}
END_TEST

START_TEST(receive_interrupt_at_each_level_and_cleared_below_it)
{
    static const uint8_t levels[] = {2, 4, 8, 12, 14};
    static const uint8_t input[16] = {0};
    for (unsigned code = 0; code < 5; code++) {
        setup_running();
        put(IFLS, code << 3);
        for (unsigned count = 1; count < levels[code]; count++) {
            array_console_feed(&console, input, 1);
            ck_assert_uint_eq(get(RIS) & INT_RX, 0);
        }
        array_console_feed(&console, input, 1);
        ck_assert_uint_eq(get(RIS) & INT_RX, INT_RX);
        get(DR);
        ck_assert_uint_eq(get(RIS) & INT_RX, 0);
    }
}
END_TEST

START_TEST(receive_interrupt_with_one_character_when_fifos_are_off)
{
    put(LCR_H, LCR_8);
    put(IMSC, INT_RX);
    array_console_feed(&console, "ab", 2);
    ck_assert_uint_eq(console.taken, 1);
    ck_assert_uint_eq(get(MIS), INT_RX);
    ck_assert_uint_eq(get(FR) & FR_RXFF, FR_RXFF);
    ck_assert_uint_eq(get(DR), 'a');
    ck_assert_uint_eq(get(MIS), INT_RX);
    ck_assert_uint_eq(get(DR), 'b');
    ck_assert_uint_eq(get(MIS), 0);
}
END_TEST

START_TEST(time_out_when_the_line_is_silent_and_until_the_fifo_is_empty)
{
    put(IMSC, INT_RT);
    array_console_feed(&console, "abc", 3);
    ck_assert_uint_eq(get(RIS), INT_RT);
    ck_assert(line.level);
    get(DR);
    get(DR);
    ck_assert(line.level);
    get(DR);
    ck_assert_uint_eq(get(RIS), 0);
    ck_assert(!line.level);
}
END_TEST

START_TEST(no_time_out_while_more_waits_below)
{
    static const uint8_t input[20] = {0};
    array_console_feed(&console, input, 20);
    ck_assert_uint_eq(get(RIS), INT_RX);
    for (int i = 0; i < 4; i++) {
        get(DR);
    }
    ck_assert_uint_eq(get(RIS), INT_RX);
    get(DR);
    ck_assert_uint_eq(get(RIS), INT_RX | INT_RT);
}
END_TEST

START_TEST(cleared_time_out_comes_back_if_the_guest_reads_only_part)
{
    array_console_feed(&console, "abc", 3);
    put(ICR, INT_RT | INT_RX);
    ck_assert_uint_eq(get(RIS), 0);
    get(DR);
    ck_assert_uint_eq(get(RIS), INT_RT);
}
END_TEST

START_TEST(full_fifo_that_was_cleared_interrupts_again_as_more_comes)
{
    static const uint8_t input[40] = {0};
    array_console_feed(&console, input, 40);
    put(ICR, 0x7FF);
    ck_assert_uint_eq(get(RIS), 0);
    get(DR);
    ck_assert_uint_eq(get(RIS), INT_RX);
}
END_TEST

/* ---- errors ---- */

START_TEST(each_error_reaches_data_status_and_interrupt)
{
    static const struct {
        uint16_t data;
        uint32_t status, interrupt;
    } cases[] = {
        {VDEV_PL011_ERROR_FRAMING, 1, INT_FE},
        {VDEV_PL011_ERROR_PARITY, 2, INT_PE},
        {VDEV_PL011_ERROR_BREAK, 4, INT_BE},
    };
    for (size_t i = 0; i < 3; i++) {
        setup_running();
        put(IMSC, cases[i].interrupt);
        vdev_pl011_emulator_receive(&uart, (uint16_t)(cases[i].data | 0x41));
        ck_assert_uint_eq(get(MIS), cases[i].interrupt);
        ck_assert(line.level);
        ck_assert_uint_eq(get(RSR), 0);
        ck_assert_uint_eq(get(DR), cases[i].data | 0x41u);
        ck_assert_uint_eq(get(RSR), cases[i].status);
        put(RSR, 0xFF);
        ck_assert_uint_eq(get(RSR), 0);
        ck_assert_uint_eq(get(MIS), cases[i].interrupt);
        put(ICR, cases[i].interrupt);
        ck_assert(!line.level);
    }
}
END_TEST

START_TEST(status_follows_the_character_read_last)
{
    vdev_pl011_emulator_receive(&uart, VDEV_PL011_ERROR_PARITY | 'a');
    vdev_pl011_emulator_receive(&uart, 'b');
    get(DR);
    ck_assert_uint_eq(get(RSR), 2);
    get(DR);
    ck_assert_uint_eq(get(RSR), 0);
}
END_TEST

START_TEST(overrun_keeps_the_fifo_and_is_told_once)
{
    put(IMSC, INT_OE);
    for (unsigned i = 0; i < 17; i++) {
        ck_assert_uint_eq(get(RIS) & INT_OE, 0);
        vdev_pl011_emulator_receive(&uart, (uint16_t)('a' + i));
    }
    ck_assert_uint_eq(get(MIS), INT_OE);
    ck_assert_uint_eq(get(RSR), 8);
    ck_assert_uint_eq(get(DR), VDEV_PL011_ERROR_OVERRUN | 'a');
    for (unsigned i = 1; i < 16; i++) {
        ck_assert_uint_eq(get(DR), 'a' + i);
    }
    ck_assert_uint_eq(get(FR) & FR_RXFE, FR_RXFE);
    ck_assert_uint_eq(get(RSR), 8);
    put(RSR, 0);
    ck_assert_uint_eq(get(RSR), 0);
    put(ICR, INT_OE);
    ck_assert_uint_eq(get(RIS), 0);
}
END_TEST

START_TEST(characters_from_the_wire_are_not_heard_while_off)
{
    put(CR, 0x300);
    vdev_pl011_emulator_receive(&uart, 'x');
    ck_assert_uint_eq(get(FR) & FR_RXFE, FR_RXFE);
}
END_TEST

/* ---- masks, modem, loop-back ---- */

START_TEST(mask_decides_on_the_line_and_not_on_the_raw_status)
{
    put(DR, 'x');
    array_console_feed(&console, "a", 1);
    ck_assert_uint_eq(get(RIS), INT_TX | INT_RT);
    ck_assert_uint_eq(get(MIS), 0);
    ck_assert(!line.level);
    put(IMSC, INT_RT);
    ck_assert_uint_eq(get(MIS), INT_RT);
    ck_assert(line.level);
    put(IMSC, INT_RT | INT_TX);
    ck_assert_uint_eq(edges, 1);
    put(IMSC, 0);
    ck_assert(!line.level);
    ck_assert_uint_eq(get(RIS), INT_TX | INT_RT);
}
END_TEST

START_TEST(clear_touches_only_the_bits_written)
{
    put(DR, 'x');
    vdev_pl011_emulator_receive(&uart, VDEV_PL011_ERROR_FRAMING | VDEV_PL011_ERROR_PARITY);
    put(ICR, INT_FE);
    ck_assert_uint_eq(get(RIS), INT_TX | INT_RT | INT_PE);
    put(ICR, 0);
    ck_assert_uint_eq(get(RIS), INT_TX | INT_RT | INT_PE);
    put(ICR, 0xFFFF);
    ck_assert_uint_eq(get(RIS), 0);
}
END_TEST

START_TEST(each_modem_input_shows_and_interrupts_on_change)
{
    static const struct {
        uint32_t input, interrupt;
    } cases[] = {{VDEV_PL011_MODEM_RI, 1},
                 {VDEV_PL011_MODEM_CTS, 2},
                 {VDEV_PL011_MODEM_DCD, 4},
                 {VDEV_PL011_MODEM_DSR, 8}};
    begin(false, VDEV_PL011_MODEM_DCD);
    ck_assert_uint_eq(get(FR), FR_TXFE | FR_RXFE | VDEV_PL011_MODEM_DCD);
    ck_assert_uint_eq(get(RIS), 0);
    for (size_t i = 0; i < 4; i++) {
        setup_running();
        put(IMSC, cases[i].interrupt);
        vdev_pl011_emulator_modem(&uart, cases[i].input);
        ck_assert_uint_eq(get(FR), FR_TXFE | FR_RXFE | cases[i].input);
        ck_assert_uint_eq(get(RIS), cases[i].interrupt);
        ck_assert(line.level);
        put(ICR, cases[i].interrupt);
        vdev_pl011_emulator_modem(&uart, cases[i].input);
        ck_assert(!line.level);
        vdev_pl011_emulator_modem(&uart, 0);
        ck_assert(line.level);
        ck_assert_uint_eq(get(FR), FR_TXFE | FR_RXFE);
    }
}
END_TEST

START_TEST(loop_back_hears_itself_and_nobody_else)
{
    array_console_feed(&console, "z", 1);
    get(DR);
    put(CR, CR_ON | CR_LBE);
    array_console_feed(&console, "outside", 7);
    put_many("inside", 6);
    ck_assert_uint_eq(console.written, 0);
    ck_assert_uint_eq(get(RIS) & INT_RT, INT_RT);
    for (unsigned i = 0; i < 6; i++) {
        ck_assert_uint_eq(get(DR), (uint32_t) "inside"[i]);
    }
    ck_assert_uint_eq(get(FR) & FR_RXFE, FR_RXFE);
    put(LCR_H, LCR_8FIFO | 1);
    ck_assert_uint_eq(get(DR), VDEV_PL011_ERROR_BREAK);
    put(LCR_H, LCR_8FIFO);
    put(CR, CR_ON);
    ck_assert_uint_eq(get(DR), 'o');
}
END_TEST

START_TEST(loop_back_is_deaf_with_the_receiver_off_and_to_the_wire)
{
    put(CR, (CR_ON & ~0x200) | CR_LBE);
    put(DR, 'x');
    ck_assert_uint_eq(get(FR), FR_TXFE | FR_RXFE);
    put(CR, CR_ON | CR_LBE);
    vdev_pl011_emulator_receive(&uart, 'y');
    ck_assert_uint_eq(get(FR), FR_TXFE | FR_RXFE);
    ck_assert_uint_eq(console.written, 0);
}
END_TEST

/* A console that told somebody of its bytes before the UART was there does not tell again. */
START_TEST(bytes_from_before_the_start_are_found_when_enabled_and_after_a_reset)
{
    struct vdev_pl011_emulator_configuration configuration = {.console = &console.console};

    console.input = (const uint8_t *)"earlier";
    console.available = 3;
    console.told = true;
    ck_assert_int_eq(vdev_pl011_emulator_init(&uart, &configuration), VDEV_OK);
    put(LCR_H, LCR_8FIFO);
    ck_assert_uint_eq(console.taken, 0);
    put(CR, CR_ON);
    ck_assert_uint_eq(console.taken, 3);
    ck_assert_uint_eq(get(DR), 'e');
    put(CR, 0);
    console.available = 5;
    console.told = true;
    vdev_pl011_emulator_reset(&uart, true);
    ck_assert_uint_eq(get(DR), 'l');
    ck_assert_uint_eq(get(DR), 'i');
    ck_assert_uint_eq(get(FR), FR_TXFE | FR_RXFE);
}
END_TEST

START_TEST(loop_back_overruns_like_hardware)
{
    put(CR, CR_ON | CR_LBE);
    put_many("0123456789abcdefX", 17);
    ck_assert_uint_eq(get(RIS) & INT_OE, INT_OE);
    ck_assert_uint_eq(get(DR), VDEV_PL011_ERROR_OVERRUN | '0');
}
END_TEST

START_TEST(loop_back_connects_the_modem_lines)
{
    static const struct {
        uint32_t output, input;
    } cases[] = {{0x400, VDEV_PL011_MODEM_DSR},
                 {0x800, VDEV_PL011_MODEM_CTS},
                 {0x1000, VDEV_PL011_MODEM_DCD},
                 {0x2000, VDEV_PL011_MODEM_RI}};
    for (size_t i = 0; i < 4; i++) {
        put(CR, CR_ON | CR_LBE | cases[i].output);
        ck_assert_uint_eq(get(FR), FR_TXFE | FR_RXFE | cases[i].input);
    }
    vdev_pl011_emulator_modem(&uart, VDEV_PL011_MODEM_CTS);
    ck_assert_uint_eq(get(FR), FR_TXFE | FR_RXFE | VDEV_PL011_MODEM_RI);
    put(CR, CR_ON);
    ck_assert_uint_eq(get(FR), FR_TXFE | FR_RXFE | VDEV_PL011_MODEM_CTS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pl011_interrupts");
    TCase *running = tcase_create("running");

    tcase_add_checked_fixture(running, setup_running, NULL);
    tcase_add_test(running, transmit_interrupt_needs_data_to_have_left);
    tcase_add_test(running, transmit_interrupt_comes_as_the_fifo_falls_through_each_level);
    tcase_add_test(running, transmit_interrupt_does_not_come_below_the_level);
    tcase_add_test(running, receives_in_order_and_leaves_below_what_has_no_room);
    tcase_add_test(running, nothing_is_received_while_disabled_and_nothing_lost);
    tcase_add_test(running, receive_interrupt_at_each_level_and_cleared_below_it);
    tcase_add_test(running, receive_interrupt_with_one_character_when_fifos_are_off);
    tcase_add_test(running, time_out_when_the_line_is_silent_and_until_the_fifo_is_empty);
    tcase_add_test(running, no_time_out_while_more_waits_below);
    tcase_add_test(running, cleared_time_out_comes_back_if_the_guest_reads_only_part);
    tcase_add_test(running, full_fifo_that_was_cleared_interrupts_again_as_more_comes);
    tcase_add_test(running, each_error_reaches_data_status_and_interrupt);
    tcase_add_test(running, status_follows_the_character_read_last);
    tcase_add_test(running, overrun_keeps_the_fifo_and_is_told_once);
    tcase_add_test(running, characters_from_the_wire_are_not_heard_while_off);
    tcase_add_test(running, mask_decides_on_the_line_and_not_on_the_raw_status);
    tcase_add_test(running, clear_touches_only_the_bits_written);
    tcase_add_test(running, each_modem_input_shows_and_interrupts_on_change);
    tcase_add_test(running, loop_back_hears_itself_and_nobody_else);
    tcase_add_test(running, loop_back_is_deaf_with_the_receiver_off_and_to_the_wire);
    tcase_add_test(running, bytes_from_before_the_start_are_found_when_enabled_and_after_a_reset);
    tcase_add_test(running, loop_back_overruns_like_hardware);
    tcase_add_test(running, loop_back_connects_the_modem_lines);
    suite_add_tcase(suite, running);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
