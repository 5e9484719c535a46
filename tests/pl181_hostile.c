/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL181 emulator and a guest that breaks the rules. */
#include "support/pl181_guest.h"

START_TEST(the_fifo_cannot_be_pushed_past_its_ends)
{
    select_card();
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_uint_eq(get(FIFO), 0);
        put(FIFO, i);
    }
    disk.held = true;
    start_read(18, 0, 65024);
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_uint_eq(get(FIFO), 0);
        put(FIFO, i);
    }
    disk.held = false;
    drain();
    for (unsigned i = 0; i < 20000; i++) {
        get(FIFO + i % 16 * 4);
        if (i % 1000 == 0) {
            drain();
        }
    }
    ck_assert_uint_le(emulator.level, 16);
}
END_TEST

START_TEST(a_length_changed_in_mid_transfer_changes_nothing)
{
    select_card();
    start_read(17, 11, 512);
    drain();
    put(LENGTH, 0xffff);
    ck_assert_uint_eq(get(DATA_CNT), 448);
    uint8_t data[1024];
    ck_assert_uint_eq(read_all(data, 1024), 512);
    ck_assert_uint_eq(get(STATUS) & DATA_END, DATA_END);
    ck_assert_uint_eq(get(LENGTH), 0xffff);
}
END_TEST

START_TEST(a_transfer_can_be_broken_off_while_the_class_has_it)
{
    select_card();
    disk.held = true;
    start_read(18, 0, 4096);
    put(CONTROL, 0);
    ck_assert_uint_eq(get(STATUS), 0);
    ck_assert_uint_eq(command(SHORT, 12, 0), CMD_RESP_END);
    /* The next one waits for the class, and gets its own data. */
    start_read(17, 50, 512);
    ck_assert_uint_eq(get(STATUS), RX_ACTIVE | RX_EMPTY);
    ck_assert_uint_eq(disk.queued, 1);
    disk.held = false;
    drain();
    uint8_t data[512];
    ck_assert_uint_eq(read_all(data, 512), 512);
    ck_assert_mem_eq(data, disk.bytes + 50 * 512, 512);
}
END_TEST

START_TEST(power_off_in_mid_write_is_survived)
{
    select_card();
    disk.held = true;
    start_write(24, 60, 512);
    for (unsigned i = 0; i < 128; i++) {
        put(FIFO, 0x55555555);
    }
    put(POWER, 0);
    ck_assert_uint_eq(emulator.card.state, VDEV_SD_IDLE);
    put(CONTROL, 0);
    put(CLEAR, 0x7ff);
    select_card();
    start_write(24, 61, 512);
    for (unsigned i = 0; i < 16; i++) {
        put(FIFO, 0x66666666);
    }
    ck_assert_uint_ne(get(STATUS) & TX_FULL, 0);
    disk.held = false;
    drain();
    for (unsigned i = 0; i < 112; i++) {
        put(FIFO, 0x66666666);
    }
    drain();
    ck_assert_uint_eq(get(STATUS) & DATA_END, DATA_END);
    ck_assert_uint_eq(disk.bytes[60 * 512 + 511], 0x55);
    ck_assert_uint_eq(disk.bytes[61 * 512], 0x66);
}
END_TEST

/*
 * A guest that does anything at all, over a class that fails, is full, is slow. What must hold is
 * what the sanitizers see, that the FIFO stays in its bounds, and that the controller is usable in
 * the end. The sequence is the seed's: a failure can be played again.
 */
START_TEST(no_sequence_of_accesses_breaks_it)
{
    uint32_t seed = 12345u + (uint32_t)_i;
    static const uint8_t likely[] = {0,  2,  3,  7,  8,  9,  12, 13, 16,
                                     17, 18, 24, 25, 41, 55, 55, 6,  51};

    init(&disk.block, _i % 3 == 0 ? 512 : sizeof buffer);
    select_card();
    disk.bad_sector = _i % 2 == 0 ? 8 : UINT64_MAX;
    for (unsigned step = 0; step < 20000; step++) {
        seed = seed * 1664525u + 1013904223u;
        uint32_t random = seed >> 8;
        uint64_t value = 0;
        switch (random % 16) {
        case 0:
            put(ARGUMENT, random % 3 == 0 ? CARD : (random >> 4 & 0xf) * 512);
            put(COMMAND, (random % 7 == 0 ? LONG : SHORT) | likely[(random >> 6) % 18]);
            break;
        case 1:
            put(LENGTH, random % 5 == 0 ? random >> 4 : (random >> 4 & 0xf) * 512);
            put(CONTROL, random % 2 == 0 ? RECEIVE : TRANSMIT);
            break;
        case 2:
            put(random % 64 == 2 ? POWER : CLEAR, random % 32 < 16 ? 0x7ff : random >> 3);
            break;
        case 3:
            access_as((random >> 4) % 0x1100, 1u << (random >> 2) % 4, random % 2 == 0, &value);
            break;
        case 4:
            disk.held = random % 64 < 32;
            disk.depth = random % 128 < 16 ? 1 : 0;
            vdev_block_poll(&disk.block);
            break;
        case 5:
            put(MASK0, random);
            put(MASK1, random >> 3);
            break;
        case 6:
            put(POWER, 3);
            put(CLOCK, 1u << 8);
            get(STATUS);
            break;
        default:
            for (unsigned i = 0; i < random % 40; i++) {
                value = random;
                access_as(FIFO + i % 16 * 4, 4, random % 3 == 0, &value);
            }
            get(random % 5 == 0 ? FIFO_CNT : STATUS);
        }
        ck_assert_uint_le(emulator.level, 16);
        ck_assert_uint_le(emulator.card.level, emulator.card.buffer_length);
        ck_assert_uint_le(emulator.card.position, emulator.card.level);
    }
    disk.held = false;
    disk.depth = 0;
    disk.bad_sector = UINT64_MAX;
    drain();
    put(CONTROL, 0);
    put(COMMAND, 0);
    put(POWER, 0);
    put(CLEAR, 0x7ff);
    select_card();
    start_read(17, 8, 512);
    drain();
    uint8_t data[512];
    ck_assert_uint_eq(read_all(data, 512), 512);
    ck_assert_mem_eq(data, disk.bytes + 8 * 512, 512);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pl181 hostile");
    TCase *tests = tcase_create("guests");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, the_fifo_cannot_be_pushed_past_its_ends);
    tcase_add_test(tests, a_length_changed_in_mid_transfer_changes_nothing);
    tcase_add_test(tests, a_transfer_can_be_broken_off_while_the_class_has_it);
    tcase_add_test(tests, power_off_in_mid_write_is_survived);
    tcase_add_loop_test(tests, no_sequence_of_accesses_breaks_it, 0, 24);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
