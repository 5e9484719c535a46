/* SPDX-License-Identifier: BSD-2-Clause */
/* The OMAP3530 UART's emulator: its registers in three modes, FIFOs, triggers and interrupts. */
#include <vdev/emulators/omap3_uart.h>

#include "support/array_console.h"
#include "support/omap3_guest.h"

enum {
    RHR = 0x00,
    THR = 0x00,
    DLL = 0x00,
    IER = 0x04,
    DLH = 0x04,
    IIR = 0x08,
    FCR = 0x08,
    EFR = 0x08,
    LCR = 0x0C,
    MCR = 0x10,
    XON1 = 0x10,
    LSR = 0x14,
    XON2 = 0x14,
    MSR = 0x18,
    TCR = 0x18,
    XOFF1 = 0x18,
    SPR = 0x1C,
    TLR = 0x1C,
    XOFF2 = 0x1C,
    MDR1 = 0x20,
    BLR = 0x38,
    ACREG = 0x3C,
    SCR = 0x40,
    SSR = 0x44,
    MVR = 0x50,
    SYSC = 0x54,
    SYSS = 0x58,
};

static struct vdev_omap3_uart_emulator uart;
static struct array_console console;
static struct vdev_interrupt_line line;

static void begin(bool running, uint32_t modem)
{
    struct vdev_omap3_uart_emulator_configuration configuration = {
        .console = &console.console, .interrupt = &line, .modem = modem, .running = running};

    array_console_init(&console);
    line = (struct vdev_interrupt_line){0};
    memset(&uart, 0xA5, sizeof uart);
    ck_assert_int_eq(vdev_omap3_uart_emulator_init(&uart, &configuration), VDEV_OK);
    omap3_guest(vdev_omap3_uart_emulator_access, &uart, &vdev_omap3_uart_registers);
}

static void setup(void)
{
    begin(false, 0);
}

static void setup_running(void)
{
    begin(true, 0);
}

/* With ENHANCED_EN and TCR_TLR as asked for, in the operational mode. */
static void enhance(bool tcr_tlr)
{
    put(LCR, 0xBF);
    put(EFR, 0x10);
    put(LCR, 0x03);
    put(MCR, tcr_tlr ? 0x43 : 0x03);
}

static void feed(size_t length)
{
    static uint8_t text[256];

    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)(i + 1);
    }
    array_console_feed(&console, text, length);
}

START_TEST(registers_reset_and_keep_their_bits)
{
    static const struct omap3_register expected[] = {
        {RHR, 0, 0},      {IER, 0, 0x0F}, {IIR, 0x01, 0},     {LCR, 0, 0x7F},     {MCR, 0, 0x1F},
        {LSR, 0x60, 0},   {MSR, 0, 0},    {SPR, 0, 0xFF},     {MDR1, 0x07, 0xFF}, {0x24, 0, 0xFE},
        {0x28, 0, 0},     {0x2C, 0, 0},   {0x30, 0, 0},       {0x34, 0, 0},       {BLR, 0x40, 0x40},
        {ACREG, 0, 0xFF}, {SCR, 0, 0xFF}, {SSR, 0x04, 4},     {0x48, 0, 0xFF},    {MVR, 0x46, 0},
        {SYSC, 0, 0x1D},  {SYSS, 1, 0},   {0x5C, 0x7F, 0x7F}, {0x60, 0x69, 0xFF},
    };
    /* THR and FCR take no value that is read back, and MCR's loop-back changes MSR. */
    omap3_check_registers(expected, sizeof expected / sizeof expected[0], setup);
}
END_TEST

START_TEST(hostile_places_and_widths_are_refused)
{
    setup();
    omap3_check_hostile_places(512);
}
END_TEST

START_TEST(three_modes_share_the_low_offsets)
{
    setup();
    put(IER, 0x05);
    put(SPR, 0x5A);
    put(LCR, 0x83); /* mode A */
    put(DLL, 0x12);
    put(DLH, 0xFF);
    ck_assert_uint_eq(get(DLL), 0x12);
    ck_assert_uint_eq(get(DLH), 0x3F);
    ck_assert_uint_eq(get(IIR), 0x01);
    ck_assert_uint_eq(get(LSR), 0x60);
    ck_assert_uint_eq(get(SPR), 0x5A);
    ck_assert_uint_eq(get(BLR), 0); /* UASR: nothing found */
    put(BLR, 0);
    put(LCR, 0xBF); /* mode B */
    put(EFR, 0xE3);
    put(XON1, 0x11);
    put(XON2, 0x22);
    put(XOFF1, 0x33);
    put(XOFF2, 0x44);
    ck_assert_uint_eq(get(DLL), 0x12);
    ck_assert_uint_eq(get(DLH), 0x3F);
    ck_assert_uint_eq(get(EFR), 0xE3);
    ck_assert_uint_eq(get(XON1), 0x11);
    ck_assert_uint_eq(get(XON2), 0x22);
    ck_assert_uint_eq(get(XOFF1), 0x33);
    ck_assert_uint_eq(get(XOFF2), 0x44);
    put(LCR, 0x03);
    ck_assert_uint_eq(get(IER), 0x05);
    ck_assert_uint_eq(get(SPR), 0x5A);
    ck_assert_uint_eq(get(LSR), 0x60);
    ck_assert_uint_eq(get(BLR), 0x40); /* was not to be written in mode A */
}
END_TEST

START_TEST(enhanced_bits_need_the_enable)
{
    setup();
    put(LCR, 0x03);
    put(IER, 0xFF);
    put(MCR, 0xE3);
    ck_assert_uint_eq(get(IER), 0x0F);
    ck_assert_uint_eq(get(MCR), 0x03);
    enhance(true);
    put(IER, 0xF0);
    ck_assert_uint_eq(get(IER), 0xF0);
    ck_assert_uint_eq(get(MCR), 0x43);
    ck_assert_uint_eq(get(TCR), 0x0F);
    put(TCR, 0xA5);
    put(TLR, 0x77);
    ck_assert_uint_eq(get(TCR), 0xA5);
    ck_assert_uint_eq(get(TLR), 0x77);
    put(MCR, 0x03);
    ck_assert_uint_eq(get(MSR), 0);
    ck_assert_uint_eq(get(SPR), 0);
    /* Without the enable the bits stay what they were. */
    put(LCR, 0xBF);
    put(EFR, 0);
    put(LCR, 0x03);
    put(IER, 0x0F);
    ck_assert_uint_eq(get(IER), 0xFF);
}
END_TEST

START_TEST(every_width_reaches_a_register)
{
    setup_running();
    put_as(THR, 1, 'a');
    put_as(THR, 2, 0xFF00 | 'b');
    put_as(THR, 4, 0xABCDEF00 | 'c');
    ck_assert_mem_eq(console.output, "abc", 3);
    ck_assert_uint_eq(get_as(MVR, 1), 0x46);
    ck_assert_uint_eq(get_as(MVR, 2), 0x46);
    ck_assert_uint_eq(get_as(MVR, 4), 0x46);
    ck_assert_uint_eq(get_as(LSR, 2), 0x60);
}
END_TEST

START_TEST(nothing_moves_without_mode_or_clock)
{
    setup();
    put(LCR, 0x83);
    put(DLL, 26);
    put(LCR, 0x03);
    put(FCR, 0x01);
    put(THR, 'x');
    feed(1);
    ck_assert_uint_eq(console.written, 0);
    ck_assert_uint_eq(get(LSR), 0); /* it waits; nothing was received */
    put(MDR1, 1);                   /* IrDA, which is not there */
    ck_assert_uint_eq(console.written, 0);
    put(MDR1, 0);
    ck_assert_uint_eq(console.written, 1);
    ck_assert_uint_eq(get(LSR), 0x61);
    put(LCR, 0x83);
    put(DLL, 0);
    put(LCR, 0x03);
    put(THR, 'y');
    ck_assert_uint_eq(console.written, 1);
    put(LCR, 0x83);
    put(DLL, 1);
    ck_assert_uint_eq(console.written, 2);
}
END_TEST

START_TEST(fifo_fills_and_overflows_by_its_64_bytes)
{
    setup_running();
    console.room = 0;
    for (unsigned i = 0; i < 64; i++) {
        ck_assert_uint_eq(get(SSR) & 1, 0);
        put(THR, i);
    }
    ck_assert_uint_eq(get(SSR) & 1, 1);
    put(THR, 'z');
    ck_assert_uint_eq(uart.lost, 1);
    array_console_make_room(&console, 1);
    ck_assert_uint_eq(console.written, 1);
    ck_assert_uint_eq(get(LSR), 0);
    array_console_make_room(&console, 1000);
    ck_assert_uint_eq(console.written, 64);
    for (unsigned i = 0; i < 64; i++) {
        ck_assert_uint_eq(console.output[i], i);
    }
    ck_assert_uint_eq(get(LSR), 0x60);
    /* Without FIFOs there is one place. */
    put(FCR, 0);
    console.room = 0;
    put(THR, 'a');
    put(THR, 'b');
    ck_assert_uint_eq(uart.lost, 2);
}
END_TEST

START_TEST(receives_in_order_and_loses_nothing)
{
    setup_running();
    feed(200);
    for (unsigned i = 0; i < 200; i++) {
        ck_assert_uint_eq(get(LSR) & 1, 1);
        ck_assert_uint_eq(get(RHR), i + 1);
    }
    ck_assert_uint_eq(get(LSR), 0x60);
    ck_assert_uint_eq(get(RHR), 0);
    put(LCR, 0x00); /* 5 bits */
    feed(64);
    for (unsigned i = 0; i < 64; i++) {
        ck_assert_uint_eq(get(RHR), (i + 1) & 0x1F);
    }
}
END_TEST

START_TEST(fifos_are_emptied_when_told_or_switched)
{
    setup_running();
    console.room = 0;
    feed(3);
    put(THR, 'x');
    put(FCR, 0x41); /* another trigger empties nothing */
    ck_assert_uint_eq(get(LSR), 0x01);
    put(FCR, 0x43);
    ck_assert_uint_eq(get(LSR), 0x00);
    put(FCR, 0x45);
    ck_assert_uint_eq(get(LSR), 0x60);
    feed(3);
    put(THR, 'x');
    put(FCR, 0x00);
    ck_assert_uint_eq(get(LSR), 0x60);
    feed(1);
    put(THR, 'x');
    put(FCR, 0x01);
    ck_assert_uint_eq(get(LSR), 0x60);
}
END_TEST

/* How many characters it takes until the receive interrupt is no mere time-out. */
static unsigned receive_trigger(void)
{
    put(IER, 0x01);
    for (unsigned count = 1; count <= 64; count++) {
        put(FCR, (uart.fcr & 0xF0) | 0x03);
        feed(count);
        ck_assert(line.level);
        if ((get(IIR) & 0x3F) == 0x04) {
            return count;
        }
        ck_assert_uint_eq(get(IIR) & 0x3F, 0x0C);
    }
    return 0;
}

/* With how much room in the transmit FIFO its interrupt comes. */
static unsigned transmit_trigger(void)
{
    put(IER, 0x02);
    put(FCR, (uart.fcr & 0xF0) | 0x05);
    console.room = 0;
    for (unsigned room = 63;; room--) {
        put(THR, room);
        if (!line.level) {
            return room + 1;
        }
        ck_assert_uint_eq(get(IIR) & 0x3F, 0x02);
        ck_assert_uint_ne(room, 0);
    }
}

START_TEST(receive_triggers_come_from_fcr_or_tlr)
{
    static const uint8_t levels[4] = {8, 16, 56, 60};

    setup_running();
    for (unsigned code = 0; code < 4; code++) {
        put(FCR, code << 6 | 1);
        ck_assert_uint_eq(receive_trigger(), levels[code]);
    }
    enhance(true);
    put(TLR, 0x30);
    ck_assert_uint_eq(receive_trigger(), 12);
    put(SCR, 0x80); /* steps of one: TLR's 3, FCR's 3 */
    ck_assert_uint_eq(receive_trigger(), 15);
    put(TLR, 0x00);
    put(FCR, 0x01);
    ck_assert_uint_eq(receive_trigger(), 1); /* 0 is not to be used, and acts as 1 */
}
END_TEST

START_TEST(transmit_triggers_come_from_fcr_or_tlr)
{
    static const uint8_t levels[4] = {8, 16, 32, 56};

    setup_running();
    enhance(true);
    for (unsigned code = 0; code < 4; code++) {
        put(FCR, code << 4 | 1);
        ck_assert_uint_eq(transmit_trigger(), levels[code]);
    }
    put(TLR, 0x05);
    ck_assert_uint_eq(transmit_trigger(), 20);
    put(SCR, 0x40);
    ck_assert_uint_eq(transmit_trigger(), 23);
    put(SCR, 0x08); /* only when it is empty */
    put(IER, 0x02);
    put(FCR, 0x05);
    ck_assert(line.level);
    put(THR, 'x');
    ck_assert(!line.level);
    /* FCR's transmit bits need the enable. */
    put(LCR, 0xBF);
    put(EFR, 0);
    put(LCR, 0x03);
    put(SCR, 0);
    put(FCR, 0x31);
    ck_assert_uint_eq(uart.fcr & 0x30, 0);
}
END_TEST

START_TEST(transmit_interrupt_is_a_level)
{
    setup_running();
    ck_assert(!line.level);
    put(IER, 0x02);
    ck_assert(line.level);
    ck_assert_uint_eq(get(IIR), 0xC2);
    ck_assert(line.level); /* reading does not clear it */
    put(THR, 'x');
    ck_assert(line.level); /* it went out at once */
    put(IER, 0x00);
    ck_assert(!line.level);
    ck_assert_uint_eq(get(IIR), 0xC1);
}
END_TEST

START_TEST(timeout_waits_for_the_console_to_be_silent)
{
    setup_running();
    put(IER, 0x01);
    feed(3);
    ck_assert(line.level);
    ck_assert_uint_eq(get(IIR), 0xCC);
    get(RHR);
    ck_assert_uint_eq(get(IIR), 0xCC);
    get(RHR);
    get(RHR);
    ck_assert(!line.level);
    ck_assert_uint_eq(get(IIR), 0xC1);
}
END_TEST

START_TEST(interrupts_come_in_the_order_of_their_urgency)
{
    setup_running();
    enhance(false);
    put(IER, 0x8F);
    ck_assert_uint_eq(get(IIR), 0xC2);
    vdev_omap3_uart_emulator_modem(&uart, VDEV_OMAP3_UART_MODEM_CTS);
    vdev_omap3_uart_emulator_receive(&uart, 'p' | VDEV_OMAP3_UART_ERROR_PARITY);
    feed(1);
    ck_assert_uint_eq(get(IIR), 0xC6); /* line status */
    ck_assert_uint_eq(get(LSR), 0xE5);
    ck_assert_uint_eq(get(IIR), 0xC6); /* it goes with the character */
    ck_assert_uint_eq(get(RHR), 'p');
    ck_assert_uint_eq(get(IIR), 0xCC);
    ck_assert_uint_eq(get(RHR), 1);
    ck_assert_uint_eq(get(IIR), 0xC2);
    put(IER, 0x8D);
    ck_assert_uint_eq(get(IIR), 0xC0); /* modem */
    ck_assert_uint_eq(get(MSR), 0x11);
    ck_assert_uint_eq(get(MSR), 0x10);
    ck_assert_uint_eq(get(IIR), 0xC1);
    vdev_omap3_uart_emulator_modem(&uart, 0);
    get(MSR);
    ck_assert_uint_eq(get(IIR), 0xE0); /* CTS became inactive; reading clears it */
    ck_assert_uint_eq(get(IIR), 0xC1);
    ck_assert(!line.level);
}
END_TEST

START_TEST(errors_are_those_of_the_next_character)
{
    setup_running();
    vdev_omap3_uart_emulator_receive(&uart, 'a');
    vdev_omap3_uart_emulator_receive(&uart, VDEV_OMAP3_UART_ERROR_BREAK);
    vdev_omap3_uart_emulator_receive(&uart, 'f' | VDEV_OMAP3_UART_ERROR_FRAMING);
    ck_assert_uint_eq(get(LSR), 0xE1);
    get(RHR);
    ck_assert_uint_eq(get(LSR), 0xF1);
    ck_assert_uint_eq(get(LSR), 0xF1);
    ck_assert_uint_eq(get(RHR), 0);
    ck_assert_uint_eq(get(LSR), 0xE9);
    get(RHR);
    ck_assert_uint_eq(get(LSR), 0x60);
    for (unsigned i = 0; i < 65; i++) {
        vdev_omap3_uart_emulator_receive(&uart, (uint16_t)i);
    }
    put(IER, 0x04);
    ck_assert_uint_eq(get(IIR), 0xC6);
    ck_assert_uint_eq(get(LSR), 0x63);
    ck_assert_uint_eq(get(LSR), 0x61); /* the overrun is cleared by telling it */
    ck_assert(!line.level);
    put(FCR, 0x03);
    ck_assert_uint_eq(get(LSR), 0x60);
}
END_TEST

START_TEST(loops_back_data_and_modem_lines)
{
    setup_running();
    put(MCR, 0x1F);
    feed(1); /* is not heard now */
    ck_assert_uint_eq(get(MSR), 0xFB);
    for (unsigned i = 0; i < 65; i++) {
        put(THR, i);
    }
    ck_assert_uint_eq(get(LSR) & 2, 2);
    for (unsigned i = 0; i < 64; i++) {
        ck_assert_uint_eq(get(RHR), i);
    }
    ck_assert_uint_eq(console.written, 0);
    put(MCR, 0x03);
    ck_assert_uint_eq(get(MSR), 0x0F);
    ck_assert_uint_eq(get(RHR), 1);
}
END_TEST

START_TEST(automatic_cts_holds_the_transmitter)
{
    setup_running();
    put(LCR, 0xBF);
    put(EFR, 0x90);
    put(LCR, 0x03);
    put(THR, 'x');
    ck_assert_uint_eq(console.written, 0);
    vdev_omap3_uart_emulator_modem(&uart, VDEV_OMAP3_UART_MODEM_CTS);
    ck_assert_uint_eq(console.written, 1);
    ck_assert_int_eq(vdev_omap3_uart_emulator_init(
                         &uart, &(struct vdev_omap3_uart_emulator_configuration){.modem = 0x100}),
                     VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(soft_reset_forgets_all_but_the_wires)
{
    begin(true, VDEV_OMAP3_UART_MODEM_DCD);
    put(IER, 0x0F);
    feed(100);
    put(SYSC, 0x02 | 0x10);
    ck_assert_uint_eq(get(SYSC), 0);
    ck_assert_uint_eq(get(SYSS), 1);
    ck_assert_uint_eq(get(IER), 0);
    ck_assert_uint_eq(get(MDR1), 7);
    ck_assert_uint_eq(get(LSR), 0x60);
    ck_assert_uint_eq(get(MSR), 0x80);
    ck_assert(!line.level);
    /* What the console still has is heard after a restart, though it tells nobody again. */
    vdev_omap3_uart_emulator_reset(&uart, true);
    ck_assert_uint_eq(get(RHR), 65);
}
END_TEST

START_TEST(works_with_nothing_below_and_no_interrupt)
{
    struct vdev_omap3_uart_emulator_configuration configuration = {.running = true};

    setup();
    ck_assert_int_eq(vdev_omap3_uart_emulator_init(&uart, &configuration), VDEV_OK);
    put(IER, 0xFF);
    for (unsigned i = 0; i < 200; i++) {
        put(THR, i);
    }
    ck_assert_uint_eq(get(LSR), 0x60);
    ck_assert_uint_eq(uart.lost, 0);
    ck_assert_uint_eq(get(RHR), 0);
}
END_TEST

START_TEST(random_accesses_never_leave_the_fifos)
{
    setup_running();
    for (int i = 0; i < 300000; i++) {
        omap3_random_access();
        switch (omap3_random() % 16) {
        case 0:
            feed(omap3_random() % 200);
            break;
        case 1:
            console.written = 0;
            array_console_make_room(&console, omap3_random() % 200);
            break;
        case 2:
            vdev_omap3_uart_emulator_receive(&uart, (uint16_t)omap3_random());
            vdev_omap3_uart_emulator_modem(&uart, omap3_random());
            break;
        }
        unsigned errors = 0;
        for (unsigned j = 0; j < uart.receive_count; j++) {
            errors += (uart.receive[(uart.receive_head + j) % 64] & 0x1C00) != 0;
        }
        if (uart.receive_count > 64 || uart.transmit_count > 64 || uart.receive_errors != errors ||
            uart.receive_head > 63 || uart.transmit_head > 63) {
            ck_abort_msg("after %d accesses: %u received, %u to send", i, uart.receive_count,
                         uart.transmit_count);
        }
        /* The line is what IIR tells, where it is IIR. */
        bool level = line.level;
        if (uart.values[3] < 0x80 && level != ((get(IIR) & 1) == 0)) {
            ck_abort_msg("after %d accesses: line %d", i, level);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("omap3 uart emulator");
    TCase *tests = tcase_create("all");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, registers_reset_and_keep_their_bits);
    tcase_add_test(tests, hostile_places_and_widths_are_refused);
    tcase_add_test(tests, three_modes_share_the_low_offsets);
    tcase_add_test(tests, enhanced_bits_need_the_enable);
    tcase_add_test(tests, every_width_reaches_a_register);
    tcase_add_test(tests, nothing_moves_without_mode_or_clock);
    tcase_add_test(tests, fifo_fills_and_overflows_by_its_64_bytes);
    tcase_add_test(tests, receives_in_order_and_loses_nothing);
    tcase_add_test(tests, fifos_are_emptied_when_told_or_switched);
    tcase_add_test(tests, receive_triggers_come_from_fcr_or_tlr);
    tcase_add_test(tests, transmit_triggers_come_from_fcr_or_tlr);
    tcase_add_test(tests, transmit_interrupt_is_a_level);
    tcase_add_test(tests, timeout_waits_for_the_console_to_be_silent);
    tcase_add_test(tests, interrupts_come_in_the_order_of_their_urgency);
    tcase_add_test(tests, errors_are_those_of_the_next_character);
    tcase_add_test(tests, loops_back_data_and_modem_lines);
    tcase_add_test(tests, automatic_cts_holds_the_transmitter);
    tcase_add_test(tests, soft_reset_forgets_all_but_the_wires);
    tcase_add_test(tests, works_with_nothing_below_and_no_interrupt);
    tcase_add_test(tests, random_accesses_never_leave_the_fifos);
    suite_add_tcase(suite, tests);
    return omap3_run(suite);
}
