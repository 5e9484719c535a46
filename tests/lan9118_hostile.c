/* SPDX-License-Identifier: BSD-2-Clause */
/* The LAN9118 emulator, a guest that breaks the rules, and a medium with bad timing. */
#include "support/lan9118_guest.h"

static uint8_t frame[WIRE_BYTES], got[WIRE_BYTES];

/* Whatever happened: after a reset everything works. */
static void works(void)
{
    wire_drain(&wire);
    wire.refusal = VDEV_OK;
    wire.outcome = VDEV_OK;
    wire.depth = WIRE_DEPTH;
    put(HW_CFG, 1);
    put(BYTE_TEST, 0);
    put_phy(0, 0x8000);
    wire_set_link(&wire, true);
    start();
    ck_assert_uint_eq(get(TX_INF), TX_SPACE);
    ck_assert_uint_eq(get(RX_INF), 0);
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t before = wire.submitted;
        make_frame(frame, 1514, i);
        send(frame, 1514, i % 4, i);
        ck_assert_uint_eq(wire.submitted, before + 1);
        ck_assert_mem_eq(wire.last, frame, 1514);
        wire_drain(&wire);
        ck_assert_uint_eq(get(TX_STATUS), i << 16);
        ck_assert_int_eq(wire_arrive(&wire, frame, 1514), VDEV_OK);
        ck_assert_uint_eq(take(got, 0, 4), 1518);
        ck_assert_mem_eq(got, frame, 1514);
    }
    ck_assert_uint_eq(get(INT_STS) & (TXE_INT | RXE_INT), 0);
}

START_TEST(the_receive_fifo_cannot_be_read_past_its_end)
{
    start();
    make_frame(frame, 60, 1);
    for (uint32_t i = 0; i < 10000; i++) {
        if ((get(RX_DATA + i % 8 * 4) | get(RX_STATUS) | get(TX_STATUS)) != 0) {
            ck_abort_msg("something from nowhere");
        }
    }
    ck_assert_uint_eq(get(INT_STS) & RXE_INT, RXE_INT);
    put(INT_STS, RXE_INT);
    wire_arrive(&wire, frame, 60);
    ck_assert_uint_eq(take(got, 0, 4), 64);
    ck_assert_uint_eq(get(INT_STS) & RXE_INT, 0);
    ck_assert_mem_eq(got, frame, 60);
    works();
}
END_TEST

START_TEST(fast_forward_goes_no_further_than_there_is)
{
    start();
    for (uint32_t i = 0; i < 1000; i++) {
        put(RX_DP, 0x80000000);
    }
    ck_assert_uint_eq(get(RX_INF), 0);
    make_frame(frame, 60, 1);
    wire_arrive(&wire, frame, 60);
    put(RX_CFG, 0x80001F00); /* with words before and after */
    get(RX_DATA);
    put(RX_DP, 0x80000000);
    put(RX_DP, 0x80000000);
    ck_assert_uint_eq(get(RX_INF), 1u << 16);
    make_frame(frame, 60, 2);
    wire_arrive(&wire, frame, 60);
    for (uint32_t i = 0; i < 7; i++) {
        ck_assert_uint_eq(get(RX_DATA), 0);
    }
    put(RX_CFG, 0); /* in the middle of a frame: counts for the next one */
    put(RX_DP, 0x80000000);
    wire_arrive(&wire, frame, 60);
    get(RX_STATUS);
    get(RX_STATUS);
    ck_assert_uint_eq(take(got, 0, 4), 64);
    ck_assert_mem_eq(got, frame, 60);
    works();
}
END_TEST

START_TEST(the_transmit_fifo_cannot_be_pushed_past_its_end)
{
    start();
    wire.depth = 0;
    make_frame(frame, 1500, 1);
    for (uint32_t i = 0; i < 3; i++) {
        send(frame, 1500, 0, i);
    }
    ck_assert_uint_eq(get(INT_STS) & TDFO_INT, 0);
    send(frame, 1500, 0, 3); /* does not fit, and is thrown away whole */
    ck_assert_uint_eq(get(INT_STS) & (TDFO_INT | TXE_INT), TDFO_INT | TXE_INT);
    for (uint32_t i = 4; i < 2000; i++) {
        send(frame, 1500, i % 32, i);
    }
    ck_assert_uint_lt(get(TX_INF) & 0xFFFF, 8);
    wire.depth = WIRE_DEPTH;
    wire_drain(&wire);
    ck_assert_uint_eq(wire.submitted, 3);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(get(TX_STATUS), i << 16);
    }
    /* Those that did not fit have a status of their own, as long as there was room for their head.
     */
    ck_assert_uint_eq(get(TX_STATUS), 3u << 16 | 0x8004);
    put(TX_CFG, TX_ON | TXS_DUMP);
    wire_drain(&wire);
    put(TX_CFG, TX_ON | TXS_DUMP);
    send(frame, 1500, 0, 7);
    wire_drain(&wire);
    ck_assert_uint_eq(get(TX_STATUS), 7u << 16);
    ck_assert_mem_eq(wire.last, frame, 1500);
    works();
}
END_TEST

START_TEST(a_frame_larger_than_the_fifo_is_none)
{
    put(HW_CFG, 2u << 16); /* 1,536 bytes */
    start();
    make_frame(frame, 2047, 1);
    put_segment(FIRST | LAST, 5u << 16 | 1600, frame, 1600, 0);
    ck_assert_uint_eq(get(INT_STS) & (TDFO_INT | TXE_INT), TDFO_INT | TXE_INT);
    ck_assert_uint_eq(get(TX_STATUS), 5u << 16 | 0x8004);
    ck_assert_uint_eq(get(TX_INF), 1536);
    send(frame, 1500, 0, 6);
    ck_assert_uint_eq(wire.submitted, 1);
    works();
}
END_TEST

START_TEST(lengths_that_disagree_are_not_sent)
{
    static const struct {
        uint32_t length, size;
    } pairs[] = {{100, 99}, {99, 100}, {0, 60}, {60, 0}, {2047, 60}, {60, 2047}, {1, 2}};

    start();
    make_frame(frame, 2047, 1);
    for (uint32_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        put_segment(FIRST | LAST | (i % 4) << 24, i << 16 | pairs[i].length, frame, pairs[i].size,
                    i * 5 % 32);
        ck_assert_uint_eq(get(INT_STS) & TXE_INT, TXE_INT);
        put(INT_STS, TXE_INT);
        ck_assert_uint_eq(get(INT_STS) & TXE_INT, 0);
        ck_assert_uint_eq(get(TX_STATUS), i << 16 | 0x8004);
        ck_assert_uint_eq(get(TX_INF), TX_SPACE);
        send(frame, 100, i, 9);
        ck_assert_uint_eq(wire.submitted, i + 1);
        wire_drain(&wire);
        ck_assert_uint_eq(get(TX_STATUS), 9u << 16);
    }
    ck_assert_uint_eq(emulator.sent.dropped[VDEV_NET_DROP_SHORT], sizeof pairs / sizeof *pairs);
    works();
}
END_TEST

START_TEST(segments_in_the_wrong_order_are_not_sent)
{
    start();
    make_frame(frame, 400, 1);
    put_segment(0, 100, frame, 100, 0); /* none that it would belong to */
    put_segment(LAST, 100, frame, 100, 7);
    ck_assert_uint_eq(get(INT_STS) & TXE_INT, TXE_INT);
    ck_assert_uint_eq(get(TX_INF), TX_SPACE);
    put_segment(FIRST, 1u << 16 | 200, frame, 100, 0); /* without an end */
    put_segment(FIRST | LAST, 2u << 16 | 100, frame, 100, 0);
    ck_assert_uint_eq(wire.submitted, 1);
    wire_drain(&wire);
    ck_assert_uint_eq(get(TX_STATUS), 1u << 16 | 0x8004);
    ck_assert_uint_eq(get(TX_STATUS), 2u << 16);
    put_segment(FIRST, 3u << 16 | 200, frame, 100, 0); /* with another tag */
    put_segment(LAST, 4u << 16 | 200, frame, 100, 0);
    ck_assert_uint_eq(get(TX_STATUS), 3u << 16 | 0x8004);
    put_segment(FIRST, 5u << 16 | 200, frame, 150, 0); /* more than there should be */
    put_segment(0, 5u << 16 | 200, frame, 150, 0);
    put_segment(LAST, 5u << 16 | 200, frame, 50, 0);
    ck_assert_uint_eq(get(TX_STATUS), 5u << 16 | 0x8004);
    ck_assert_uint_eq(get(TX_INF), TX_SPACE);
    works();
}
END_TEST

START_TEST(endless_segments_fill_nothing_but_their_own_fifo)
{
    start();
    put_segment(FIRST, 1u << 16 | 2047, frame, 0, 0);
    for (uint32_t i = 0; i < 5000; i++) {
        put_segment(0, 1u << 16 | 2047, frame, i % 2, i % 32);
    }
    ck_assert_uint_eq(get(INT_STS) & TDFO_INT, TDFO_INT);
    put_segment(LAST, 1u << 16 | 2047, frame, 1, 0);
    ck_assert_uint_eq(get(TX_STATUS), 1u << 16 | 0x8004);
    ck_assert_uint_eq(get(TX_INF), TX_SPACE);
    for (uint32_t i = 0; i < 5000; i++) { /* nothing but commands */
        put(TX_DATA, FIRST | LAST);
    }
    for (uint32_t i = 0; i < 5000; i++) {
        put(TX_DATA, 0xFFFFFFFF);
    }
    works();
}
END_TEST

START_TEST(frames_of_nothing_are_padded_or_refused)
{
    start();
    put_segment(FIRST | LAST, 1u << 16, frame, 0, 0);
    ck_assert_uint_eq(wire.last_length, 60);
    for (uint32_t i = 0; i < 60; i++) {
        ck_assert_uint_eq(wire.last[i], 0);
    }
    for (uint32_t length = 0; length < 14; length++) {
        put_segment(FIRST | LAST, 2u << 16 | NO_PADDING | length, frame, length, 3);
    }
    for (uint32_t length = 0; length < 18; length++) {
        put_segment(FIRST | LAST, 2u << 16 | NO_PADDING | NO_FCS | length, frame, length, 0);
    }
    ck_assert_uint_eq(wire.submitted, 1);
    wire_drain(&wire);
    ck_assert_uint_eq(get(TX_STATUS), 1u << 16);
    for (uint32_t i = 0; i < 32; i++) {
        ck_assert_uint_eq(get(TX_STATUS), 2u << 16 | 0x8004);
    }
    works();
}
END_TEST

/* What is in flight stays as it was, and leaves no status; its space is not free before. */
START_TEST(a_reset_with_frames_in_flight_does_not_change_them)
{
    for (uint32_t words = 0; words < 350; words += 13) {
        setup();
        start();
        make_frame(frame, 1400, 1);
        send(frame, 1400, 2, 1);
        send(frame, 1400, 1, 2);
        for (uint32_t i = 0; i < words; i++) { /* and in the middle of the next one */
            put(TX_DATA, i == 0 ? FIRST | LAST | 1400 : i == 1 ? 1400 : i);
        }
        if (words % 2 == 0) {
            put(HW_CFG, 1);
        } else {
            put(TX_CFG, TX_ON | TXD_DUMP);
        }
        ck_assert_uint_eq(get(TX_INF) & 0xFFFF, TX_SPACE - 2 * 1412);
        start();
        for (uint32_t i = 3; i < 20; i++) {
            make_frame(frame, 1000, i);
            send(frame, 1000, 0, i);
        }
        wire_poll(&wire.net); /* compares */
        wire_poll(&wire.net);
        wire_drain(&wire);
        if (words % 2 != 0) {
            ck_assert_uint_eq(get(TX_STATUS), 1u << 16);
            ck_assert_uint_eq(get(TX_STATUS), 2u << 16);
        }
        ck_assert_uint_eq(get(TX_STATUS), 3u << 16);
        works();
    }
}
END_TEST

START_TEST(a_reset_while_a_frame_arrives_forgets_it)
{
    for (uint32_t how = 0; how < 4; how++) {
        setup();
        start();
        make_frame(frame, 1514, 1);
        wire_arrive(&wire, frame, 700);
        ck_assert_int_eq(wire_offer(&wire, frame, 1514), VDEV_OK);
        if (how % 2 == 0) {
            put(HW_CFG, 1);
        } else {
            put(RX_CFG, RX_DUMP);
        }
        start();
        if (how >= 2) { /* what is looped back meanwhile has no room */
            put_mac(MAC_CR, CR_PRMS | CR_TXEN | CR_RXEN | CR_LOOPBK);
            send(frame, 1000, 0, 1);
            ck_assert_uint_eq(get(RX_DROP), 1);
            start();
        }
        ck_assert_uint_eq(get(RX_INF), 0);
        wire_put(&wire, frame, how == 3 ? VDEV_ERROR_IO : VDEV_OK);
        ck_assert_uint_eq(get(RX_INF), 0);
        make_frame(frame, 1514, 2);
        wire_arrive(&wire, frame, 1514);
        ck_assert_uint_eq(take(got, 0, 4), 1518);
        ck_assert_mem_eq(got, frame, 1514);
        works();
    }
}
END_TEST

START_TEST(fifo_sizes_change_in_any_state)
{
    start();
    make_frame(frame, 1500, 1);
    put(HW_CFG, 14u << 16);
    for (uint32_t i = 0; i < 9; i++) {
        send(frame, 1500, 0, i);
    }
    put(TX_DATA, FIRST | LAST | 1000); /* and one whose words have room */
    put(TX_DATA, 9u << 16 | 1000);
    put(TX_DATA, 0);
    put(HW_CFG, 2u << 16);
    ck_assert_uint_eq(get(TX_INF) & 0xFFFF, 0);
    for (uint32_t i = 1; i < 250; i++) {
        put(TX_DATA, 0);
    }
    for (uint32_t i = 0; i < 10; i++) {
        ck_assert_int_eq(wire_arrive(&wire, frame, 1500), i < 8 ? VDEV_OK : VDEV_ERROR_STATE);
    }
    put(HW_CFG, 14u << 16);
    ck_assert_int_ne(wire_arrive(&wire, frame, 1500), VDEV_OK);
    ck_assert_uint_eq(get(RX_INF), 8u << 16 | 8 * 1504);
    for (uint32_t i = 0; i < 8; i++) {
        take(got, 0, 4);
        ck_assert_mem_eq(got, frame, 1500);
    }
    wire_drain(&wire);
    ck_assert_uint_ge(wire.submitted, 9);
    works();
}
END_TEST

START_TEST(other_phys_and_registers_that_do_not_exist)
{
    for (uint32_t phy = 0; phy < 32; phy++) {
        for (uint32_t number = 0; number < 32; number++) {
            uint32_t value = get_phy_at(phy, number);
            ck_assert(phy == 1 || value == 0xFFFF);
            ck_assert_uint_le(value, 0xFFFF);
        }
    }
    put_mac(MII_DATA, 0x8000);
    put_mac(MII_ACC, 2u << 11 | 2); /* another PHY's reset */
    for (uint32_t number = 0; number < 256; number++) {
        if (number != MAC_CR && (number < MII_ACC || number > MII_DATA)) {
            put_mac(number, 0xFFFFFFFF);
        }
        uint32_t value = get_mac(number);
        ck_assert(number > 0 && number <= WUCSR ? true : value == 0);
    }
    for (uint32_t number = 0; number < 32; number++) {
        put_phy(number, 0xFFFF);
    }
    for (uint32_t offset = 0; offset < VDEV_LAN9118_WINDOW + 8; offset++) {
        for (unsigned width = 0; width <= 8; width++) {
            for (unsigned write = 0; write < 2; write++) {
                uint64_t value = 0x5555555500000000u;
                bool exists = vdev_registers_find(&vdev_lan9118_registers, offset) != NULL;
                int status = access_as(offset, width, write != 0, &value);
                bool whole = width == 4 && offset % 4 == 0;
                bool part = write == 0 && offset % 4 == 0 && (width == 1 || width == 2);
                if (!exists ? status != VDEV_ERROR_RANGE : !part && whole != (status == VDEV_OK)) {
                    ck_abort_msg("0x%x, %u bytes, write %u: %d", offset, width, write, status);
                }
            }
        }
    }
    works();
}
END_TEST

START_TEST(a_class_that_is_full_or_gone)
{
    start();
    make_frame(frame, 200, 1);
    wire.depth = 0;
    for (uint32_t i = 0; i < 10; i++) {
        send(frame, 200, 0, i);
    }
    put(HW_CFG, 1); /* the class still owes its word */
    start();
    send(frame, 200, 0, 20);
    ck_assert_uint_eq(wire.submitted, 0);
    wire.depth = WIRE_DEPTH;
    wire_poll(&wire.net);
    ck_assert_uint_eq(wire.submitted, 1);
    wire_drain(&wire);
    ck_assert_uint_eq(get(TX_STATUS), 20u << 16);
    ck_assert_uint_eq(get(TX_STATUS), 0);
    wire.refusal = VDEV_ERROR_ABSENT;
    for (uint32_t i = 0; i < 500; i++) {
        send(frame, 200, 0, i);
        ck_assert_uint_eq(get(TX_STATUS), i << 16 | 0x8C00);
    }
    ck_assert_uint_eq(emulator.sent.dropped[VDEV_NET_DROP_NO_LINK], 500);
    works();
}
END_TEST

START_TEST(rx_drop_tells_of_its_half)
{
    start();
    make_frame(frame, 1514, 1);
    while (wire_arrive(&wire, frame, 1514) == VDEV_OK) {
    }
    for (uint32_t i = 0; i < vdev_lan9118_registers.count; i++) {
        if (vdev_lan9118_registers.registers[i].offset == RX_DROP) {
            emulator.values[i] = 0x7FFFFFFF;
        }
    }
    ck_assert_uint_eq(get(INT_STS) & RXDFH_INT, 0);
    wire_arrive(&wire, frame, 1514);
    ck_assert_uint_eq(get(INT_STS) & RXDFH_INT, RXDFH_INT);
    ck_assert_uint_eq(get(RX_DROP), 0x80000000);
    works();
}
END_TEST

static uint32_t below(uint32_t most)
{
    return (uint32_t)rand() % most;
}

static void any_access(void)
{
    uint64_t value = (uint32_t)rand() ^ (uint32_t)rand() << 16;

    access_as(below(0x100) & ~3u, 4, below(2) != 0, &value);
}

START_TEST(no_sequence_of_accesses_breaks_it)
{
    bool offered = false;

    srand((unsigned)_i);
    start();
    for (uint32_t step = 0; step < 6000; step++) {
        uint32_t length = 14 + below(1505);
        switch (below(14)) {
        case 0:
        case 1:
            any_access();
            break;
        case 2:
            put_segment((uint32_t)rand() & 0x8300F000, (uint32_t)rand() << 16 | length, frame,
                        below(2) ? length : below(2048), below(32));
            break;
        case 3:
        case 4:
            make_frame(frame, length, step);
            send(frame, length, below(32), below(0x8000));
            break;
        case 5:
            for (uint32_t words = below(500); words != 0; words--) {
                get(RX_DATA);
            }
            break;
        case 6:
            if (!offered) {
                offered = wire_offer(&wire, frame, length) == VDEV_OK;
            }
            break;
        case 7:
            if (offered) {
                wire_put(&wire, frame, below(8) == 0 ? VDEV_ERROR_IO : VDEV_OK);
                offered = false;
            }
            break;
        case 8:
            wire.depth = below(WIRE_DEPTH);
            wire.outcome = below(8) == 0 ? VDEV_ERROR_TIMEOUT : VDEV_OK;
            wire.refusal = below(16) == 0 ? VDEV_ERROR_ABSENT : VDEV_OK;
            break;
        case 9:
            wire_poll(&wire.net);
            break;
        case 10:
            put_mac(below(16), (uint32_t)rand());
            put_mac(MAC_CR, CR_PRMS | CR_TXEN | CR_RXEN | (below(4) == 0 ? CR_LOOPBK : 0));
            break;
        case 11:
            put(TX_CFG, TX_ON);
            get(TX_STATUS);
            get(RX_STATUS);
            break;
        case 12:
            wire_set_link(&wire, below(2) != 0);
            break;
        default:
            put(HW_CFG, below(16) << 16 | (below(50) == 0));
            break;
        }
        nanoseconds += below(1000000);
    }
    if (offered) {
        wire_put(&wire, frame, VDEV_OK);
    }
    wire.depth = WIRE_DEPTH;
    works();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lan9118 hostile");
    TCase *tests = tcase_create("guests");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, the_receive_fifo_cannot_be_read_past_its_end);
    tcase_add_test(tests, fast_forward_goes_no_further_than_there_is);
    tcase_add_test(tests, the_transmit_fifo_cannot_be_pushed_past_its_end);
    tcase_add_test(tests, a_frame_larger_than_the_fifo_is_none);
    tcase_add_test(tests, lengths_that_disagree_are_not_sent);
    tcase_add_test(tests, segments_in_the_wrong_order_are_not_sent);
    tcase_add_test(tests, endless_segments_fill_nothing_but_their_own_fifo);
    tcase_add_test(tests, frames_of_nothing_are_padded_or_refused);
    tcase_add_test(tests, a_reset_with_frames_in_flight_does_not_change_them);
    tcase_add_test(tests, a_reset_while_a_frame_arrives_forgets_it);
    tcase_add_test(tests, fifo_sizes_change_in_any_state);
    tcase_add_test(tests, other_phys_and_registers_that_do_not_exist);
    tcase_add_test(tests, a_class_that_is_full_or_gone);
    tcase_add_test(tests, rx_drop_tells_of_its_half);
    tcase_add_loop_test(tests, no_sequence_of_accesses_breaks_it, 0, 40);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
