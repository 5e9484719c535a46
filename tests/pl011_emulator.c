/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL011 emulator, register by register and interrupt by interrupt, as a guest sees it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <vdev/bus.h>
#include <vdev/emulators/pl011.h>
#include <vdev/status.h>

#include "pl011_console.h"

#define DR    0x000
#define RSR   0x004
#define FR    0x018
#define ILPR  0x020
#define IBRD  0x024
#define FBRD  0x028
#define LCR_H 0x02C
#define CR    0x030
#define IFLS  0x034
#define IMSC  0x038
#define RIS   0x03C
#define MIS   0x040
#define ICR   0x044
#define DMACR 0x048

#define FR_BUSY 0x08
#define FR_RXFE 0x10
#define FR_TXFF 0x20
#define FR_RXFF 0x40
#define FR_TXFE 0x80

#define CR_ON     0x301
#define CR_LBE    0x080
#define CR_CTSEN  0x8000
#define LCR_8     0x60
#define LCR_8FIFO 0x70

#define INT_RX 0x010
#define INT_TX 0x020
#define INT_RT 0x040
#define INT_FE 0x080
#define INT_PE 0x100
#define INT_BE 0x200
#define INT_OE 0x400

static struct vdev_pl011_emulator uart;
static struct array_console console;
static struct vdev_interrupt_line line;
static unsigned edges;

static void set_line(void *controller, uint32_t number, bool level)
{
    ck_assert_ptr_eq(controller, &edges);
    ck_assert_uint_eq(number, 37);
    (void)level;
    edges++;
}

static void begin(bool running, uint32_t modem)
{
    struct vdev_pl011_emulator_configuration configuration = {
        .console = &console.console, .interrupt = &line, .modem = modem, .running = running};

    array_console_init(&console);
    line = (struct vdev_interrupt_line){.set = set_line, .controller = &edges, .number = 37};
    edges = 0;
    memset(&uart, 0xA5, sizeof uart);
    ck_assert_int_eq(vdev_pl011_emulator_init(&uart, &configuration), VDEV_OK);
}

static void setup(void)
{
    begin(false, 0);
}

static void setup_running(void)
{
    begin(true, 0);
}

static uint32_t get(uint32_t offset)
{
    struct vdev_access access = {.offset = offset, .width = 2, .value = UINT64_MAX};
    ck_assert_int_eq(vdev_pl011_emulator_access(&uart, &access), VDEV_OK);
    return (uint32_t)access.value;
}

static void put(uint32_t offset, uint32_t value)
{
    struct vdev_access access = {.offset = offset, .width = 2, .write = true, .value = value};
    ck_assert_int_eq(vdev_pl011_emulator_access(&uart, &access), VDEV_OK);
}

static void put_many(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        put(DR, (uint8_t)text[i]);
    }
}

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
        {DR, 0, 0},          {RSR, 0, 0},         {FR, 0x90, 0},       {ILPR, 0, 0xFF},
        {IBRD, 0, 0xFFFF},   {FBRD, 0, 0x3F},     {LCR_H, 0, 0xFF},    {CR, 0x300, 0xFF87},
        {IFLS, 0x12, 0x3F},  {IMSC, 0, 0x7FF},    {RIS, 0, 0},         {MIS, 0, 0},
        {ICR, 0, 0},         {DMACR, 0, 0x7},     {0xFE0, 0x11, 0},    {0xFE4, 0x10, 0},
        {0xFE8, 0x24, 0},    {0xFEC, 0x00, 0},    {0xFF0, 0x0D, 0},    {0xFF4, 0xF0, 0},
        {0xFF8, 0x05, 0},    {0xFFC, 0xB1, 0},
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
            ck_assert_int_eq(vdev_pl011_emulator_access(&uart, &access), want);
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
        struct vdev_access access = {.offset = (random >> 8) % 0x4C & ~3u, .width = 4,
                                     .write = (random >> 5 & 1) != 0, .value = random};
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
        ck_assert_uint_le(uart.receive_count, VDEV_PL011_FIFO_DEPTH);
        ck_assert_uint_le(uart.transmit_count, VDEV_PL011_FIFO_DEPTH);
        ck_assert(line.level == ((uart.values[10] & uart.values[9]) != 0));
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
    } cases[] = {{VDEV_PL011_MODEM_RI, 1}, {VDEV_PL011_MODEM_CTS, 2},
                 {VDEV_PL011_MODEM_DCD, 4}, {VDEV_PL011_MODEM_DSR, 8}};
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
        ck_assert_uint_eq(get(DR), (uint32_t)"inside"[i]);
    }
    ck_assert_uint_eq(get(FR) & FR_RXFE, FR_RXFE);
    put(LCR_H, LCR_8FIFO | 1);
    ck_assert_uint_eq(get(DR), VDEV_PL011_ERROR_BREAK);
    put(LCR_H, LCR_8FIFO);
    put(CR, CR_ON);
    ck_assert_uint_eq(get(DR), 'o');
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
    } cases[] = {{0x400, VDEV_PL011_MODEM_DSR}, {0x800, VDEV_PL011_MODEM_CTS},
                 {0x1000, VDEV_PL011_MODEM_DCD}, {0x2000, VDEV_PL011_MODEM_RI}};
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
    struct vdev_bus_window window = {.address = 0x1C090000, .length = VDEV_PL011_WINDOW,
                                     .access = vdev_pl011_emulator_access, .device = &uart,
                                     .counts = counts};
    vdev_registers_loads(&uart.bank, &window);
    ck_assert_int_eq(vdev_bus_init(&bus, &window, 1), VDEV_OK);
    for (unsigned sent = 0; sent < 65536;) {
        struct vdev_access flags = {.width = 2};
        ck_assert_int_eq(vdev_bus_dispatch(&bus, 0x1C090018, &flags), VDEV_OK);
        if ((flags.value & FR_TXFF) == 0) {
            struct vdev_access data = {.width = 2, .write = true, .value = sent++ & 0xFF};
            ck_assert_int_eq(vdev_bus_dispatch(&bus, 0x1C090000, &data), VDEV_OK);
        }
    }
    ck_assert_uint_eq(console.written, 65536);
    ck_assert_uint_eq(counts[FR / 4].reads + counts[DR / 4].writes, 2 * 65536);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pl011_emulator");
    TCase *off = tcase_create("registers");
    TCase *on = tcase_create("running");

    tcase_add_checked_fixture(off, setup, NULL);
    tcase_add_test(off, table_agrees_with_itself);
    tcase_add_test(off, registers_reset_and_keep_their_bits);
    tcase_add_test(off, hostile_offsets_and_widths_are_refused);
    tcase_add_test(off, random_accesses_never_leave_the_fifos);
    tcase_add_test(off, modem_bits_that_do_not_exist_are_refused);
    tcase_add_test(off, running_start_is_what_a_boot_loader_leaves);
    tcase_add_test(off, works_with_nothing_below_and_no_interrupt);
    tcase_add_checked_fixture(on, setup_running, NULL);
    tcase_add_test(on, transmits_at_once_and_never_looks_full);
    tcase_add_test(on, what_the_console_does_not_take_waits_in_the_fifo_in_order);
    tcase_add_test(on, writing_into_a_full_fifo_loses_the_byte_and_says_so);
    tcase_add_test(on, fifo_is_one_deep_when_disabled);
    tcase_add_test(on, turning_the_fifo_off_flushes_it);
    tcase_add_test(on, nothing_is_sent_while_disabled);
    tcase_add_test(on, word_length_cuts_characters_both_ways);
    tcase_add_test(on, clear_to_send_holds_the_transmitter_if_asked);
    tcase_add_test(on, transmit_interrupt_needs_data_to_have_left);
    tcase_add_test(on, transmit_interrupt_comes_as_the_fifo_falls_through_each_level);
    tcase_add_test(on, transmit_interrupt_does_not_come_below_the_level);
    tcase_add_test(on, receives_in_order_and_leaves_below_what_has_no_room);
    tcase_add_test(on, nothing_is_received_while_disabled_and_nothing_lost);
    tcase_add_test(on, receive_interrupt_at_each_level_and_cleared_below_it);
    tcase_add_test(on, receive_interrupt_with_one_character_when_fifos_are_off);
    tcase_add_test(on, time_out_when_the_line_is_silent_and_until_the_fifo_is_empty);
    tcase_add_test(on, no_time_out_while_more_waits_below);
    tcase_add_test(on, cleared_time_out_comes_back_if_the_guest_reads_only_part);
    tcase_add_test(on, full_fifo_that_was_cleared_interrupts_again_as_more_comes);
    tcase_add_test(on, each_error_reaches_data_status_and_interrupt);
    tcase_add_test(on, status_follows_the_character_read_last);
    tcase_add_test(on, overrun_keeps_the_fifo_and_is_told_once);
    tcase_add_test(on, characters_from_the_wire_are_not_heard_while_off);
    tcase_add_test(on, mask_decides_on_the_line_and_not_on_the_raw_status);
    tcase_add_test(on, clear_touches_only_the_bits_written);
    tcase_add_test(on, each_modem_input_shows_and_interrupts_on_change);
    tcase_add_test(on, loop_back_hears_itself_and_nobody_else);
    tcase_add_test(on, loop_back_overruns_like_hardware);
    tcase_add_test(on, loop_back_connects_the_modem_lines);
    tcase_add_test(on, half_a_fifo_per_interrupt_never_stalls_or_loses);
    tcase_add_test(on, output_of_64_kib_costs_two_accesses_a_byte);
    suite_add_tcase(suite, off);
    suite_add_tcase(suite, on);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
