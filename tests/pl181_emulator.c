/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL181 emulator: each register, command path, data path. */
#include "support/pl181_guest.h"

START_TEST(the_table_agrees_with_itself)
{
    ck_assert_int_eq(vdev_registers_check(&vdev_pl181_registers), VDEV_OK);
    ck_assert_uint_eq(vdev_pl181_registers.count, VDEV_PL181_REGISTER_COUNT);
}
END_TEST

static const struct {
    uint32_t offset, reset, writable;
} registers[] = {
    {POWER, 0, 0xff},       {CLOCK, 0, 0xfff},     {ARGUMENT, 0, 0xffffffff},
    {COMMAND, 0, 0x3ff},    {RESP_CMD, 0, 0},      {RESPONSE0, 0, 0},
    {RESPONSE0 + 4, 0, 0},  {RESPONSE0 + 8, 0, 0}, {RESPONSE3, 0, 0},
    {TIMER, 0, 0xffffffff}, {LENGTH, 0, 0xffff},   {CONTROL, 0, 0xfe},
    {DATA_CNT, 0, 0},       {STATUS, 0, 0},        {CLEAR, 0, 0},
    {MASK0, 0, 0x3fffff},   {MASK1, 0, 0x3fffff},  {SELECT, 0, 0xf},
    {FIFO_CNT, 0, 0},       {FIFO, 0, 0},          {FIFO + 0x3c, 0, 0},
    {0xfe0, 0x81, 0},       {0xfe4, 0x11, 0},      {0xfe8, 0x04, 0},
    {0xfec, 0, 0},          {0xff0, 0x0d, 0},      {0xff4, 0xf0, 0},
    {0xff8, 0x05, 0},       {0xffc, 0xb1, 0},
};

START_TEST(each_register_has_its_reset_value_and_its_bits)
{
    ck_assert_uint_eq(get(registers[_i].offset), registers[_i].reset);
    put(registers[_i].offset, 0xfffffbfe & ~(registers[_i].offset == COMMAND ? ENABLE : 0));
    ck_assert_uint_eq(get(registers[_i].offset),
                      registers[_i].reset | (registers[_i].writable & 0xfffffbfe));
    put(registers[_i].offset, 0);
    ck_assert_uint_eq(get(registers[_i].offset), registers[_i].reset & ~registers[_i].writable);
}
END_TEST

START_TEST(each_register_is_a_word_wide_and_at_its_own_place)
{
    static const unsigned widths[] = {0, 1, 2, 3, 8, 255};
    uint64_t value = 0;

    for (size_t i = 0; i < 6; i++) {
        ck_assert_int_eq(access_as(registers[_i].offset, widths[i], false, &value),
                         VDEV_ERROR_UNSUPPORTED);
        ck_assert_int_eq(access_as(registers[_i].offset, widths[i], true, &value),
                         VDEV_ERROR_UNSUPPORTED);
    }
    for (uint32_t i = 1; i < 4; i++) {
        ck_assert_int_eq(access_as(registers[_i].offset + i, 4, false, &value),
                         VDEV_ERROR_UNSUPPORTED);
        ck_assert_int_eq(access_as(registers[_i].offset + i, 4, true, &value),
                         VDEV_ERROR_UNSUPPORTED);
    }
}
END_TEST

START_TEST(nothing_is_where_no_register_is)
{
    static const uint32_t holes[] = {0x4c, 0x7c, 0xc0, 0xfdc, 0x1000, 0xfffffffc};
    uint64_t value = 0;

    for (size_t i = 0; i < sizeof holes / sizeof holes[0]; i++) {
        ck_assert_int_eq(access_as(holes[i], 4, false, &value), VDEV_ERROR_RANGE);
        ck_assert_int_eq(access_as(holes[i], 4, true, &value), VDEV_ERROR_RANGE);
    }
}
END_TEST

START_TEST(the_configuration_is_checked)
{
    struct vdev_pl181_emulator_configuration bad = {
        .block = &disk.block, .buffer = buffer, .buffer_length = 512};
    bad.buffer = NULL;
    ck_assert_int_eq(vdev_pl181_emulator_init(&emulator, &bad), VDEV_ERROR_INVALID);
    bad.buffer = (uint8_t *)buffer + 2;
    ck_assert_int_eq(vdev_pl181_emulator_init(&emulator, &bad), VDEV_ERROR_INVALID);
    bad.buffer = buffer;
    bad.buffer_length = 0;
    ck_assert_int_eq(vdev_pl181_emulator_init(&emulator, &bad), VDEV_ERROR_INVALID);
    bad.buffer_length = 700;
    ck_assert_int_eq(vdev_pl181_emulator_init(&emulator, &bad), VDEV_ERROR_INVALID);
    bad.buffer_length = 512;
    disk.block.information.sectors = 3;
    ck_assert_int_eq(vdev_pl181_emulator_init(&emulator, &bad), VDEV_ERROR_UNSUPPORTED);
    disk.block.information.sectors = ((uint64_t)1 << 32) + 1;
    ck_assert_int_eq(vdev_pl181_emulator_init(&emulator, &bad), VDEV_ERROR_UNSUPPORTED);
}
END_TEST

START_TEST(commands_need_power_and_clock)
{
    ck_assert_uint_eq(command(SHORT, 8, 0x1aa), CMD_TIME_OUT);
    put(CLOCK, 1u << 8);
    put(POWER, 2);
    ck_assert_uint_eq(command(SHORT, 8, 0x1aa), CMD_TIME_OUT);
    put(POWER, 3);
    put(CLOCK, 0);
    ck_assert_uint_eq(command(SHORT, 8, 0x1aa), CMD_TIME_OUT);
    put(CLOCK, 1u << 8);
    ck_assert_uint_eq(command(SHORT, 8, 0x1aa), CMD_RESP_END);
    ck_assert_uint_eq(get(RESPONSE0), 0x1aa);
    ck_assert_uint_eq(get(RESP_CMD), 8);
    ck_assert_uint_eq(get(COMMAND) & ENABLE, 0);
}
END_TEST

START_TEST(answers_have_the_shape_of_the_command)
{
    put(POWER, 3);
    put(CLOCK, 1u << 8);
    ck_assert_uint_eq(command(ENABLE, 8, 0x1aa), CMD_SENT); /* no answer was asked for */
    ck_assert_uint_eq(command(LONG, 8, 0x1aa), CMD_TIME_OUT);
    ck_assert_uint_eq(command(SHORT, 55, 0), CMD_RESP_END);
    ck_assert_uint_eq(command(SHORT, 41, 0x00ff8000), CMD_CRC_FAIL); /* R3 has no check sum */
    ck_assert_uint_eq(get(RESPONSE0), 0x80ff8000);
    ck_assert_uint_eq(get(RESP_CMD), 0x3f);
    ck_assert_uint_eq(command(LONG, 2, 0), CMD_RESP_END);
    ck_assert_uint_eq(get(RESP_CMD), 0x3f);
    ck_assert_uint_eq(get(RESPONSE0) & 0xffffff, 'V' << 16 | 'D' << 8 | 'v');
    ck_assert_uint_eq(get(RESPONSE3) & 1, 0);
    ck_assert_uint_eq(command(SHORT, 2, 0), CMD_TIME_OUT); /* once only */
    ck_assert_uint_eq(command(SHORT, 3, 0), CMD_RESP_END);
    ck_assert_uint_eq(get(RESPONSE0) & 0xffff0000, CARD);
    ck_assert_uint_eq(command(SHORT, 9, CARD), CMD_CRC_FAIL); /* a long one, taken for short */
}
END_TEST

START_TEST(clear_takes_latched_bits_only)
{
    select_card();
    put(MASK0, CMD_RESP_END);
    put(ARGUMENT, CARD);
    put(COMMAND, SHORT | 13);
    ck_assert(lines[0]);
    put(CLEAR, 0xffffffff & ~CMD_RESP_END);
    ck_assert_uint_eq(get(STATUS), CMD_RESP_END);
    ck_assert(lines[0] && !lines[1]);
    put(CLEAR, CMD_RESP_END);
    ck_assert_uint_eq(get(STATUS), 0);
    ck_assert(!lines[0]);
}
END_TEST

START_TEST(a_command_with_pending_waits_for_the_data)
{
    select_card();
    disk.held = true;
    start_read(17, 1, 512);
    put(ARGUMENT, CARD);
    put(COMMAND, SHORT | 1u << 9 | 13);
    ck_assert_uint_eq(get(STATUS) & (CMD_ACTIVE | CMD_RESP_END), CMD_ACTIVE);
    disk.held = false;
    drain();
    for (unsigned i = 0; i < 128; i++) {
        get(FIFO);
    }
    ck_assert_uint_eq(get(STATUS), CMD_RESP_END | DATA_END | 1u << 10);
}
END_TEST

START_TEST(a_command_with_interrupt_waits_for_ever_but_can_be_taken_back)
{
    select_card();
    put(COMMAND, SHORT | 1u << 8 | 59);
    ck_assert_uint_eq(get(STATUS), CMD_ACTIVE);
    ck_assert_uint_ne(get(COMMAND) & ENABLE, 0);
    put(COMMAND, 0);
    ck_assert_uint_eq(get(STATUS), 0);
}
END_TEST

START_TEST(fifo_levels_of_a_read_show_in_status_and_lines)
{
    select_card();
    put(MASK0, DATA_END);
    put(MASK1, RX_HALF_FULL);
    disk.held = true;
    start_read(17, 3, 512);
    ck_assert_uint_eq(get(STATUS), RX_ACTIVE | RX_EMPTY);
    ck_assert(!lines[1]);
    disk.held = false;
    drain();
    ck_assert(lines[1] && !lines[0]);
    ck_assert_uint_eq(get(STATUS), RX_ACTIVE | RX_FULL | RX_HALF_FULL | RX_AVAILABLE);
    ck_assert_uint_eq(get(FIFO_CNT), 112);
    ck_assert_uint_eq(get(DATA_CNT), 448);
    for (unsigned i = 0; i < 8; i++) {
        get(FIFO + 4 * i);
    }
    ck_assert(lines[1]);
    get(FIFO);
    ck_assert(!lines[1]);
    /* The look is at what was before; then the card has filled up. */
    ck_assert_uint_eq(get(STATUS), RX_ACTIVE | RX_AVAILABLE);
    ck_assert(lines[1]);
    ck_assert_uint_eq(get(STATUS), RX_ACTIVE | RX_FULL | RX_HALF_FULL | RX_AVAILABLE);
    for (unsigned i = 0; i < 128 - 9; i++) {
        ck_assert_uint_eq(get(STATUS) & RX_AVAILABLE, RX_AVAILABLE);
        get(FIFO);
    }
    ck_assert_uint_eq(get(STATUS), DATA_END | 1u << 10);
    ck_assert(lines[0] && !lines[1]);
    ck_assert_uint_eq(get(CONTROL) & 1, 0);
    ck_assert_uint_eq(emulator.card.state, VDEV_SD_TRANSFER);
}
END_TEST

START_TEST(a_reader_that_never_looks_gets_all_the_same)
{
    select_card();
    start_read(18, 7, 1024);
    drain();
    for (unsigned i = 0; i < 256; i++) {
        uint32_t word = get(FIFO + i % 16 * 4), expected;
        memcpy(&expected, disk.bytes + 7 * 512 + i * 4, 4);
        ck_assert_uint_eq(word, expected);
    }
    ck_assert_uint_eq(get(STATUS) & (DATA_END | RX_ACTIVE), DATA_END);
}
END_TEST

START_TEST(a_write_ends_when_the_medium_has_it)
{
    select_card();
    disk.held = true;
    start_write(24, 9, 512);
    put(MASK1, TX_HALF_EMPTY);
    ck_assert(lines[1]);
    for (uint32_t i = 0; i < 128; i++) {
        ck_assert_uint_eq(get(STATUS), TX_ACTIVE | TX_HALF_EMPTY | TX_EMPTY);
        ck_assert_uint_eq(get(FIFO_CNT), 128 - i);
        put(FIFO, i * 0x01010101);
    }
    ck_assert_uint_eq(get(STATUS) & (DATA_END | TX_ACTIVE), TX_ACTIVE);
    disk.held = false;
    drain();
    ck_assert_uint_eq(get(STATUS), DATA_END | 1u << 10);
    ck_assert_uint_eq(disk.bytes[9 * 512 + 511], 127);
}
END_TEST

START_TEST(a_write_is_held_up_by_a_full_card_and_loses_nothing)
{
    init(&disk.block, 512);
    select_card();
    put(MASK1, TX_HALF_EMPTY);
    disk.held = true;
    start_write(25, 20, 1536);
    uint32_t sent = 0;
    /* The first block fills the card's buffer; then come 16 words of FIFO. */
    for (; (get(STATUS) & TX_FULL) == 0; sent++) {
        ck_assert_uint_eq(lines[1], sent < 128 + 9);
        put(FIFO, sent);
    }
    ck_assert_uint_eq(sent, 128 + 16);
    ck_assert_uint_eq(get(STATUS), TX_ACTIVE | TX_FULL | 1u << 20);
    put(FIFO, 0xbad);
    put(FIFO, 0xbad);
    disk.held = false;
    drain();
    ck_assert_uint_eq(get(STATUS), TX_ACTIVE | TX_HALF_EMPTY | TX_EMPTY);
    for (; sent < 384; sent++) {
        put(FIFO, sent);
        drain();
    }
    drain();
    ck_assert_uint_eq(get(STATUS), DATA_END | 1u << 10);
    for (uint32_t i = 0; i < 384; i++) {
        uint32_t word;
        memcpy(&word, disk.bytes + 20 * 512 + i * 4, 4);
        ck_assert_uint_eq(word, i);
    }
}
END_TEST

START_TEST(medium_errors_show_as_data_errors)
{
    static const struct {
        int below;
        uint32_t seen;
    } errors[] = {{VDEV_ERROR_IO, DATA_CRC_FAIL},
                  {VDEV_ERROR_TIMEOUT, DATA_TIME_OUT},
                  {VDEV_ERROR_ABSENT, DATA_TIME_OUT},
                  {VDEV_ERROR_CORRUPT, DATA_CRC_FAIL}};

    for (size_t i = 0; i < 4; i++) {
        setup();
        select_card();
        disk.bad_sector = 5;
        disk.bad_status = errors[i].below;
        put(MASK0, DATA_CRC_FAIL | DATA_TIME_OUT);
        start_read(18, 4, 1024);
        drain();
        ck_assert(lines[0]);
        ck_assert_uint_eq(get(STATUS), errors[i].seen);
        ck_assert_uint_eq(get(DATA_CNT), 1024);
        put(CLEAR, 0x7ff);
        ck_assert(!lines[0]);
        ck_assert_uint_eq(command(SHORT, 12, 0), CMD_RESP_END);
        ck_assert_uint_ne(get(RESPONSE0) & 1u << 21, 0); /* CARD_ECC_FAILED */
        start_write(25, 4, 1024);
        for (unsigned word = 0; word < 256; word++) {
            put(FIFO, word);
        }
        ck_assert_uint_eq(get(STATUS) & DATA_END, 0);
        drain();
        ck_assert(lines[0]);
        ck_assert_uint_eq(get(STATUS), errors[i].seen);
        ck_assert_uint_eq(get(DATA_CNT), 1024); /* nothing is claimed */
        put(CLEAR, 0x7ff);
        ck_assert_uint_eq(command(SHORT, 12, 0), CMD_RESP_END);
        ck_assert_uint_ne(get(RESPONSE0) & 1u << 19, 0); /* ERROR */
        ck_assert_uint_eq(command(SHORT, 13, CARD), CMD_RESP_END);
        ck_assert_uint_eq(get(RESPONSE0), 4u << 9 | 1u << 8); /* told once */
        disk.bad_sector = UINT64_MAX;
        start_read(17, 4, 512);
        drain();
        ck_assert_uint_eq(get(STATUS) & (RX_AVAILABLE | DATA_CRC_FAIL | DATA_TIME_OUT),
                          RX_AVAILABLE);
    }
}
END_TEST

START_TEST(refused_commands_bring_a_timeout_and_not_silence)
{
    select_card();
    put(LENGTH, 512);
    put(CONTROL, RECEIVE);
    ck_assert_uint_eq(command(SHORT, 17, RAM_DISK_SECTORS * 512), CMD_RESP_END);
    ck_assert_uint_eq(get(RESPONSE0) >> 31, 1);
    ck_assert_uint_eq(get(STATUS), DATA_TIME_OUT);
    put(CLEAR, 0x7ff);
    /* A write that the card never agreed to. */
    put(CONTROL, TRANSMIT);
    for (unsigned i = 0; i < 16; i++) {
        put(FIFO, i);
    }
    ck_assert_uint_eq(get(STATUS), DATA_TIME_OUT);
    ck_assert_uint_eq(disk.submits, 0);
    put(CLEAR, 0x7ff);
    /* More data than the command brings. */
    uint8_t data[1024];
    start_read(17, 0, 1024);
    drain();
    ck_assert_uint_eq(read_all(data, 1024), 512);
    ck_assert_uint_eq(get(STATUS), DATA_TIME_OUT | 1u << 10);
    put(CLEAR, 0x7ff);
    /* A read that runs off the end of the card. */
    start_read(18, RAM_DISK_SECTORS - 1, 1024);
    drain();
    ck_assert_uint_eq(read_all(data, 1024), 512);
    ck_assert_uint_eq(get(STATUS), DATA_TIME_OUT | 1u << 10);
    ck_assert_mem_eq(data, disk.bytes + (RAM_DISK_SECTORS - 1) * 512, 512);
}
END_TEST

START_TEST(short_and_odd_lengths_stay_within_their_bounds)
{
    select_card();
    for (uint32_t length = 0; length <= 70; length++) {
        uint8_t data[80];
        start_read(17, 2, length);
        drain();
        uint32_t got = read_all(data, sizeof data);
        ck_assert_uint_eq(got, (length + 3) / 4 * 4);
        ck_assert(length == 0 || memcmp(data, disk.bytes + 1024, length) == 0);
        ck_assert_uint_eq(get(STATUS) & (DATA_END | RX_ACTIVE), DATA_END);
        put(CLEAR, 0x7ff);
        ck_assert_uint_eq(emulator.card.state, length == 0 ? VDEV_SD_SENDING : VDEV_SD_TRANSFER);
        if (length == 0) {
            command(SHORT, 12, 0);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pl181 emulator");
    TCase *tests = tcase_create("registers and data");
    int count = (int)(sizeof registers / sizeof registers[0]);
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, the_table_agrees_with_itself);
    tcase_add_loop_test(tests, each_register_has_its_reset_value_and_its_bits, 0, count);
    tcase_add_loop_test(tests, each_register_is_a_word_wide_and_at_its_own_place, 0, count);
    tcase_add_test(tests, nothing_is_where_no_register_is);
    tcase_add_test(tests, the_configuration_is_checked);
    tcase_add_test(tests, commands_need_power_and_clock);
    tcase_add_test(tests, answers_have_the_shape_of_the_command);
    tcase_add_test(tests, clear_takes_latched_bits_only);
    tcase_add_test(tests, a_command_with_pending_waits_for_the_data);
    tcase_add_test(tests, a_command_with_interrupt_waits_for_ever_but_can_be_taken_back);
    tcase_add_test(tests, fifo_levels_of_a_read_show_in_status_and_lines);
    tcase_add_test(tests, a_reader_that_never_looks_gets_all_the_same);
    tcase_add_test(tests, a_write_ends_when_the_medium_has_it);
    tcase_add_test(tests, a_write_is_held_up_by_a_full_card_and_loses_nothing);
    tcase_add_test(tests, medium_errors_show_as_data_errors);
    tcase_add_test(tests, refused_commands_bring_a_timeout_and_not_silence);
    tcase_add_test(tests, short_and_odd_lengths_stay_within_their_bounds);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
