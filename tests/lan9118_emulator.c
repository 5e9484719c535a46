/* SPDX-License-Identifier: BSD-2-Clause */
/* The LAN9118 emulator as drivers that keep to the data sheet use it: all but receiving. */
#include "support/lan9118_guest.h"

static uint8_t frame[WIRE_BYTES], got[WIRE_BYTES];

START_TEST(its_table_agrees_with_itself)
{
    ck_assert_int_eq(vdev_registers_check(&vdev_lan9118_registers), VDEV_OK);
    ck_assert_uint_eq(vdev_lan9118_registers.count, VDEV_LAN9118_REGISTER_COUNT);
    ck_assert_str_eq(vdev_registers_name(&vdev_lan9118_registers, 0x1C), "RX_DATA_FIFO");
    ck_assert_str_eq(vdev_registers_name(&vdev_lan9118_registers, 0x3C), "TX_DATA_FIFO");
}
END_TEST

START_TEST(reset_values_are_the_data_sheets)
{
    static const struct {
        uint32_t offset, value;
    } values[] = {
        {ID_REV, 0x01180001},
        {IRQ_CFG, 0},
        {INT_STS, 0},
        {INT_EN, 0},
        {BYTE_TEST, 0x87654321},
        {FIFO_INT, 0x48000000},
        {RX_CFG, 0},
        {TX_CFG, 0},
        {HW_CFG, 0x00050004},
        {RX_DP, 0},
        {RX_INF, 0},
        {TX_INF, TX_SPACE},
        {PMT_CTRL, 1},
        {GPIO_CFG, 0},
        {GPT_CFG, 0xFFFF},
        {GPT_CNT, 0xFFFF},
        {WORD_SWAP, 0},
        {RX_DROP, 0},
        {MAC_CMD, 0},
        {AFC_CFG, 0},
        {E2P_CMD, 0x100},
        {RX_STATUS, 0},
        {TX_STATUS, 0},
        {RX_PEEK, 0},
        {TX_PEEK, 0},
    };
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
        ck_assert_msg(get(values[i].offset) == values[i].value, "0x%02x", values[i].offset);
    }
    ck_assert_uint_eq(get_mac(MAC_CR), CR_PRMS);
    ck_assert_uint_eq(get_mac(ADDRL), 0x12005452);
    ck_assert_uint_eq(get_mac(ADDRH), 0x5634);
    ck_assert_uint_eq(get_mac(VLAN1), 0xFFFF);
    ck_assert(!raised);
}
END_TEST

START_TEST(a_device_without_a_medium_is_refused)
{
    const struct vdev_lan9118_emulator_configuration configuration = {.net = NULL};
    ck_assert_int_eq(vdev_lan9118_emulator_init(&emulator, &configuration), VDEV_ERROR_INVALID);
}
END_TEST

/* What Linux' smsc911x does from probe to open, its loopback and interrupt tests included. */
START_TEST(it_is_initialized_as_linux_does)
{
    ck_assert_uint_eq(get(BYTE_TEST), 0x87654321);
    ck_assert_uint_eq(get(ID_REV) >> 16, 0x0118);
    ck_assert_uint_eq(get_phy(2), 0x0007);
    ck_assert_uint_eq(get_phy(3) & 0xFFF0, 0xC0D0);
    put(HW_CFG, 1);
    ck_assert_uint_eq(get(HW_CFG) & 1, 0);
    put(HW_CFG, 0x00050000 | 1u << 20);
    put(TX_CFG, TX_ON);
    put(RX_CFG, 2 << 8);
    put_phy(0, 0x4100);
    put_mac(MAC_CR, 0x00100000 | CR_TXEN | CR_RXEN);
    make_frame(frame, 64, 1);
    memset(frame, 0xff, 6);
    send(frame, 64, 3, 64);
    ck_assert_uint_eq(get(TX_INF) >> 16, 1);
    ck_assert_uint_eq(get(TX_STATUS), 64u << 16);
    ck_assert_uint_eq(get(RX_INF) >> 16, 1);
    ck_assert_uint_eq(get(RX_PEEK), 68u << 16 | 0x2020);
    ck_assert_uint_eq(take(got, 2, 4), 68);
    ck_assert_mem_eq(got, frame, 64);
    ck_assert_uint_eq(wire.submitted, 0);
    put_mac(MAC_CR, 0);
    put_phy(0, 0);
    put(TX_CFG, 0);
    put(RX_CFG, 0);

    put(HW_CFG, 1);
    put(HW_CFG, 0x00050000);
    put(AFC_CFG, 0x006E3740);
    put_mac(VLAN1, 0x8100);
    ck_assert_uint_eq(get(E2P_CMD) & 0x80000000u, 0);
    put(GPIO_CFG, 0x70070000);
    put_mac(ADDRH, 0x5634);
    put_mac(ADDRL, 0x12005452);
    put(INT_EN, 0);
    put(INT_STS, 0xFFFFFFFF);
    put(IRQ_CFG, 10u << 24 | 0x111);
    ck_assert(!raised);
    put(INT_EN, get(INT_EN) | SW_INT);
    ck_assert(raised);
    ck_assert_uint_eq(get(INT_STS) & get(INT_EN), SW_INT);
    put(INT_EN, get(INT_EN) & ~SW_INT);
    put(INT_STS, SW_INT);
    ck_assert(!raised);
    put(HW_CFG, (get(HW_CFG) & 0x000F0FFF) | 1u << 20);
    put(FIFO_INT, (get(FIFO_INT) | 0xFF000000) & ~0xFFu);
    put(RX_CFG, 2 << 8);
    put(INT_EN, get(INT_EN) | TDFA_INT | RSFL_INT | RXSTOP_INT);
    put_mac(MAC_CR, get_mac(MAC_CR) | 0x10000000 | CR_TXEN | CR_RXEN);
    put(TX_CFG, TX_ON);
    ck_assert(!raised);
    ck_assert_uint_eq(get_phy(1) & 0x24, 0x04);
    put_phy(0, 0x1200);
    ck_assert_uint_eq(get_phy(1) & 0x24, 0x24);
    ck_assert_uint_eq(get_phy(5), 0x41E1);
}
END_TEST

START_TEST(every_length_is_sent_at_every_alignment)
{
    uint32_t tag = 0;

    start();
    for (uint32_t length = 14; length <= 1518; length += length < 80 ? 1 : 43) {
        for (uint32_t offset = 0; offset < 32; offset++) {
            for (uint32_t end = 0; end < 4; end++) {
                tag = (tag + 1) & 0x7FFF;
                make_frame(frame, length, tag);
                put_segment(FIRST | LAST | end << 24, tag << 16 | length, frame, length, offset);
                uint32_t sent = length < 60 ? 60 : length;
                ck_assert_uint_eq(wire.last_length, sent);
                ck_assert_mem_eq(wire.last, frame, length);
                for (uint32_t i = length; i < sent; i++) {
                    ck_assert_uint_eq(wire.last[i], 0);
                }
                wire_drain(&wire);
                ck_assert_uint_eq(get(TX_INF), 1u << 16 | TX_SPACE);
                ck_assert_uint_eq(get(TX_PEEK), tag << 16);
                ck_assert_uint_eq(get(TX_STATUS), tag << 16);
            }
        }
    }
    ck_assert_uint_eq(get(INT_STS) & (TXE_INT | TDFO_INT), 0);
    ck_assert_uint_eq(emulator.sent.frames, wire.submitted);
}
END_TEST

START_TEST(segments_of_every_alignment_make_one_frame)
{
    start();
    for (uint32_t round = 0; round < 400; round++) {
        uint32_t length = 60 + round * 13 % 1400;
        make_frame(frame, length, round);
        uint32_t done = 0;
        uint32_t flags = FIRST;
        srand(round);
        while (flags != 0 || done != length) {
            uint32_t size = (uint32_t)rand() % (round % 7 == 0 ? 9 : 300);
            if (size >= length - done) {
                size = length - done;
                flags |= LAST;
            }
            put_segment(flags | ((uint32_t)rand() & 3) << 24, round << 16 | length, frame + done,
                        size, (uint32_t)rand() % 32);
            done += size;
            if ((flags & LAST) != 0) {
                break;
            }
            flags = 0;
        }
        ck_assert_uint_eq(wire.submitted, round + 1);
        ck_assert_uint_eq(wire.last_length, length);
        ck_assert_mem_eq(wire.last, frame, length);
        wire_drain(&wire);
        ck_assert_uint_eq(get(TX_STATUS), round << 16);
        ck_assert_uint_eq(get(TX_INF), TX_SPACE);
    }
    ck_assert_uint_eq(get(INT_STS) & TXE_INT, 0);
}
END_TEST

START_TEST(space_is_what_is_really_free)
{
    start();
    make_frame(frame, 1000, 1);
    put(TX_DATA, FIRST | LAST | 1000);
    ck_assert_uint_eq(get(TX_INF) & 0xFFFF, TX_SPACE - 8); /* B is accounted with A */
    put(TX_DATA, 1000);
    for (uint32_t i = 0; i < 100; i++) {
        put(TX_DATA, 0);
    }
    ck_assert_uint_eq(get(TX_INF) & 0xFFFF, TX_SPACE - 408);
    for (uint32_t i = 100; i < 250; i++) {
        put(TX_DATA, 0);
    }
    /* Sent, but not away yet. */
    ck_assert_uint_eq(wire.held_count, 1);
    ck_assert_uint_eq(get(TX_INF), TX_SPACE - 1008);
    wire_drain(&wire);
    ck_assert_uint_eq(get(TX_INF), 1u << 16 | TX_SPACE);
    /* Leading words and those for alignment take none. */
    put_segment(FIRST | 2u << 24, 1000, frame, 500, 31);
    ck_assert_uint_eq(get(TX_INF) & 0xFFFF, TX_SPACE - 8 - 504);
    put_segment(LAST, 1000, frame, 500, 0);
    ck_assert_uint_eq(get(TX_INF) & 0xFFFF, TX_SPACE - 8 - 504 - 4 - 500);
}
END_TEST

START_TEST(several_frames_wait_in_the_fifo_and_go_in_order)
{
    start();
    wire.depth = 1;
    for (uint32_t round = 0; round < 300; round++) {
        for (uint32_t i = 0; i < 3; i++) {
            make_frame(frame, 1400 + i, round * 3 + i);
            send(frame, 1400 + i, i, round * 3 + i);
        }
        ck_assert_uint_eq(wire.held_count, 1);
        for (uint32_t i = 0; i < 3; i++) {
            make_frame(frame, 1400 + i, round * 3 + i);
            ck_assert_uint_eq(wire.last_length, 1400 + i);
            ck_assert_mem_eq(wire.last, frame, 1400 + i);
            wire_poll(&wire.net);
            ck_assert_uint_eq(get(TX_STATUS), (round * 3 + i) << 16);
        }
        ck_assert_uint_eq(get(TX_INF), TX_SPACE);
    }
    ck_assert_uint_eq(wire.submitted, 900);
}
END_TEST

START_TEST(many_small_frames_are_more_than_the_class_has_at_a_time)
{
    start();
    for (uint32_t i = 0; i < 60; i++) {
        make_frame(frame, 60, i);
        send(frame, 60, 2, i);
    }
    ck_assert_uint_eq(wire.held_count, VDEV_LAN9118_IN_FLIGHT);
    wire_drain(&wire);
    ck_assert_uint_eq(wire.submitted, 60);
    ck_assert_uint_eq(get(TX_INF) >> 16, 60);
    for (uint32_t i = 0; i < 60; i++) {
        ck_assert_uint_eq(get(TX_STATUS), i << 16);
    }
}
END_TEST

START_TEST(the_transmitter_waits_until_it_is_switched_on)
{
    make_frame(frame, 100, 1);
    send(frame, 100, 0, 1);
    ck_assert_uint_eq(wire.submitted, 0);
    put(TX_CFG, TX_ON);
    ck_assert_uint_eq(wire.submitted, 0);
    put_mac(MAC_CR, CR_TXEN);
    ck_assert_uint_eq(wire.submitted, 1);
    send(frame, 100, 0, 2);
    ck_assert_uint_eq(wire.submitted, 2);
    /* Stopping ends what has begun, and no more. */
    put(TX_CFG, TX_ON | TX_STOP);
    send(frame, 100, 0, 3);
    ck_assert_uint_eq(get(TX_CFG), TX_ON | TX_STOP);
    ck_assert_uint_eq(get(INT_STS) & TXSTOP_INT, 0);
    wire_poll(&wire.net);
    ck_assert_uint_eq(get(TX_CFG), TX_ON | TX_STOP);
    wire_poll(&wire.net);
    ck_assert_uint_eq(get(TX_CFG), 0);
    ck_assert_uint_eq(get(INT_STS) & TXSTOP_INT, TXSTOP_INT);
    ck_assert_uint_eq(wire.submitted, 2);
    put(TX_CFG, TX_ON);
    ck_assert_uint_eq(wire.submitted, 3);
    /* Stopped while nothing is under way: at once. */
    wire_drain(&wire);
    put(INT_STS, ~0u);
    put(TX_CFG, TX_STOP | TX_ON);
    ck_assert_uint_eq(get(INT_STS) & TXSTOP_INT, TXSTOP_INT);
}
END_TEST

START_TEST(padding_and_check_sequence_are_as_command_b_says)
{
    start();
    make_frame(frame, 100, 1);
    put_segment(FIRST | LAST, NO_PADDING | 42, frame, 42, 0);
    ck_assert_uint_eq(wire.last_length, 42);
    put_segment(FIRST | LAST, NO_FCS | 64, frame, 64, 0);
    ck_assert_uint_eq(wire.last_length, 60);
    put_segment(FIRST | LAST, NO_FCS | 100, frame, 100, 1);
    ck_assert_uint_eq(wire.last_length, 96);
    ck_assert_mem_eq(wire.last, frame, 96);
    put_segment(FIRST | LAST, NO_FCS | 20, frame, 20, 0); /* padded: it gets one after all */
    ck_assert_uint_eq(wire.last_length, 60);
    ck_assert_mem_eq(wire.last, frame, 20);
    put_segment(FIRST | LAST, NO_FCS | NO_PADDING | 42, frame, 42, 0);
    ck_assert_uint_eq(wire.last_length, 38);
}
END_TEST

START_TEST(statuses_tell_what_became_of_a_frame)
{
    start();
    make_frame(frame, 2000, 1);
    wire.outcome = VDEV_ERROR_IO;
    send(frame, 60, 0, 1);
    wire_drain(&wire);
    ck_assert_uint_eq(get(TX_STATUS), 1u << 16 | 0x8C00);
    wire.outcome = VDEV_OK;
    send(frame, 2000, 0, 2); /* longer than the medium's MTU */
    ck_assert_uint_eq(get(TX_STATUS), 2u << 16 | 0x8004);
    ck_assert_uint_eq(emulator.sent.dropped[VDEV_NET_DROP_LONG], 1);
    wire.refusal = VDEV_ERROR_ABSENT;
    send(frame, 60, 0, 3);
    ck_assert_uint_eq(get(TX_STATUS), 3u << 16 | 0x8C00);
    wire.refusal = VDEV_OK;
    wire_set_link(&wire, false);
    send(frame, 60, 0, 4);
    wire_drain(&wire);
    ck_assert_uint_eq(get(TX_STATUS), 4u << 16 | 0x8C00);
    wire_set_link(&wire, true);
    send(frame, 60, 0, 5);
    wire_drain(&wire);
    ck_assert_uint_eq(get(TX_STATUS), 5u << 16);
    ck_assert_uint_eq(get(TX_INF), TX_SPACE);
}
END_TEST

START_TEST(a_full_status_fifo_suspends_the_transmitter)
{
    start();
    make_frame(frame, 60, 1);
    for (uint32_t i = 0; i < 140; i++) {
        send(frame, 60, 0, i);
        wire_drain(&wire);
    }
    ck_assert_uint_eq(get(TX_INF) >> 16, 128);
    ck_assert_uint_eq(wire.submitted, 128);
    ck_assert_uint_eq(get(INT_STS) & (TSFF_INT | TXSO_INT), TSFF_INT);
    ck_assert_uint_eq(get(TX_STATUS), 0);
    ck_assert_uint_eq(wire.submitted, 129);
    wire_drain(&wire);
    /* Unless overruns are allowed: then statuses are lost, and frames are not. */
    put(TX_CFG, TX_ON | TXSAO);
    wire_drain(&wire);
    ck_assert_uint_eq(wire.submitted, 140);
    ck_assert_uint_eq(get(TX_INF), 128u << 16 | TX_SPACE);
    ck_assert_uint_eq(get(INT_STS) & TXSO_INT, TXSO_INT);
    put(TX_CFG, TX_ON | TXS_DUMP);
    ck_assert_uint_eq(get(TX_INF), TX_SPACE);
    ck_assert_uint_eq(get(TX_CFG), TX_ON);
}
END_TEST

START_TEST(space_and_completion_interrupt)
{
    start();
    put(IRQ_CFG, 0x111);
    make_frame(frame, 1500, 1);
    put(FIFO_INT, 0xFF000000);
    put(INT_STS, ~0u);
    put(INT_EN, TDFA_INT | TX_IOC_INT);
    for (uint32_t i = 0; i < 3; i++) {
        send(frame, 1500, 0, i);
    }
    ck_assert_uint_lt(get(TX_INF) & 0xFFFF, 1600);
    put(FIFO_INT, 0x32000000); /* more than 3,200 bytes */
    ck_assert(!raised);
    wire_poll(&wire.net);
    ck_assert(!raised);
    wire_poll(&wire.net);
    wire_poll(&wire.net);
    ck_assert(raised);
    put(INT_STS, TDFA_INT); /* while it lasts, it comes again */
    ck_assert(raised);
    put(FIFO_INT, 0xFF000000);
    put(INT_STS, TDFA_INT);
    ck_assert(!raised);
    put_segment(0x80000000u | FIRST, 1500, frame, 1000, 0);
    ck_assert(raised);
    put(INT_STS, TX_IOC_INT);
    ck_assert(!raised);
    put_segment(LAST, 1500, frame + 1000, 500, 0);
    ck_assert(!raised);
    put(INT_EN, TSFL_INT);
    put(FIFO_INT, 0xFF030000);
    put(INT_STS, TSFL_INT);
    ck_assert(!raised); /* three are not more than three */
    wire_drain(&wire);
    ck_assert(raised);
}
END_TEST

START_TEST(the_phy_tells_of_its_link)
{
    ck_assert_uint_eq(get_phy(0), 0x3000);
    ck_assert_uint_eq(get_phy(1), 0x782D);
    ck_assert_uint_eq(get_phy(4), 0x01E1);
    ck_assert_uint_eq(get_phy(6), 1);
    ck_assert_uint_eq(get_phy(17), 2);
    ck_assert_uint_eq(get_phy(18), 0xE1);
    ck_assert_uint_eq(get_phy(29), 0xC0);
    ck_assert_uint_eq(get_phy(29), 0);
    ck_assert_uint_eq(get_phy(31), 0x1018);
    put(IRQ_CFG, 0x111);
    put(INT_EN, PHY_INT);
    put_phy(30, 0x50);
    ck_assert(!raised);
    wire_set_link(&wire, false);
    ck_assert(raised);
    put(INT_STS, PHY_INT); /* only the PHY can clear it */
    ck_assert(raised);
    ck_assert_uint_eq(get_phy(29), 0x10);
    ck_assert(!raised);
    wire_set_link(&wire, true);
    ck_assert(raised);
    ck_assert_uint_eq(get_phy(29), 0xC0);
    ck_assert_uint_eq(get_phy(1), 0x7829); /* it was lost */
    ck_assert_uint_eq(get_phy(1), 0x782D);
    put_phy(0, 0x3800); /* power down */
    ck_assert_uint_eq(get_phy(1), 0x7809);
    ck_assert_uint_eq(get_phy(5), 0);
    put_phy(0, 0x3000);
    get_phy(29);
    put_phy(0, 0x3200);
    ck_assert_uint_eq(get_phy(29), 0x40);
    ck_assert_uint_eq(get_phy(0), 0x3000);
    put_phy(4, 0xFFFF);
    ck_assert_uint_eq(get_phy(4), 0xADFF);
    put_phy(0, 0x8000);
    ck_assert_uint_eq(get_phy(4), 0x01E1);
    put_phy(4, 0x0001);
    put(PMT_CTRL, 0x400);
    ck_assert_uint_eq(get_phy(4), 0x01E1);
    ck_assert_uint_eq(get(PMT_CTRL), 1);
    /* A soft reset is not the PHY's. */
    put_phy(4, 0x0001);
    put(HW_CFG, 1);
    ck_assert_uint_eq(get_phy(4), 0x0001);
}
END_TEST

START_TEST(the_eeprom_has_the_address)
{
    for (uint32_t i = 0; i < 9; i++) {
        put(E2P_CMD, 0x80000000u | i);
        ck_assert_uint_eq(get(E2P_DATA), i == 0 ? 0xA5 : i < 7 ? guest_address[i - 1] : 0xFF);
    }
    put_mac(ADDRL, 0);
    put(E2P_CMD, 0xF0000000u);
    ck_assert_uint_eq(get_mac(ADDRL), 0x12005452);
    ck_assert_uint_eq(get(E2P_CMD) & 0x80000300u, 0x100);
    static const uint8_t other[VDEV_NET_ADDRESS_BYTES] = {2, 4, 6, 8, 10, 12};
    setup_with(other, false);
    ck_assert_uint_eq(get_mac(ADDRL), 0x08060402);
    ck_assert_uint_eq(get_mac(ADDRH), 0x0C0A);
    setup_with(other, true);
    ck_assert_uint_eq(get(E2P_CMD), 0);
    ck_assert_uint_eq(get_mac(ADDRL), 0xFFFFFFFF);
    ck_assert_uint_eq(get_mac(ADDRH), 0xFFFF);
    put(E2P_CMD, 0x80000000u);
    ck_assert_uint_eq(get(E2P_CMD) & 0x80000300u, 0x200);
    put(E2P_CMD, 0x200);
    ck_assert_uint_eq(get(E2P_CMD), 0);
}
END_TEST

START_TEST(timers_follow_the_clock)
{
    uint32_t before = get(FREE_RUN);

    nanoseconds += 4000;
    ck_assert_uint_eq(get(FREE_RUN) - before, 100);
    put(IRQ_CFG, 0x111);
    put(INT_EN, GPT_INT);
    ck_assert_uint_eq(deadline, VDEV_LAN9118_NEVER);
    put(GPT_CFG, 0x20000000 | 99);
    ck_assert_uint_eq(get(GPT_CNT), 99);
    nanoseconds += 5000000;
    ck_assert_uint_eq(get(GPT_CNT), 49);
    vdev_lan9118_emulator_poll(&emulator);
    ck_assert(!raised);
    ck_assert_uint_ge(deadline, nanoseconds + 5000000 - 10);
    ck_assert_uint_le(deadline, nanoseconds + 5000000 + 10);
    nanoseconds = deadline;
    vdev_lan9118_emulator_poll(&emulator);
    ck_assert(raised);
    ck_assert_uint_eq(get(GPT_CNT), 0xFFFF);
    put(INT_STS, GPT_INT);
    ck_assert(!raised);
    ck_assert_uint_ge(deadline, nanoseconds + 6553600000 - 10);
    nanoseconds = deadline;
    vdev_lan9118_emulator_poll(&emulator);
    ck_assert(raised);
    put(GPT_CFG, 0xFFFF);
    ck_assert_uint_eq(deadline, VDEV_LAN9118_NEVER);
    ck_assert_uint_eq(get(GPT_CNT), 0xFFFF);
}
END_TEST

START_TEST(it_sleeps_and_wakes)
{
    start();
    make_frame(frame, 60, 1);
    put(PMT_CTRL, 0x1000);
    ck_assert_uint_eq(get(PMT_CTRL), 0x1000);
    ck_assert_int_ne(wire_arrive(&wire, frame, 60), VDEV_OK);
    send(frame, 60, 0, 1);
    ck_assert_uint_eq(wire.submitted, 0);
    put(BYTE_TEST, 0);
    ck_assert_uint_eq(get(BYTE_TEST), 0x87654321);
    ck_assert_uint_eq(get(PMT_CTRL), 1);
    ck_assert_uint_eq(wire.submitted, 1);
    ck_assert_int_eq(wire_arrive(&wire, frame, 60), VDEV_OK);
}
END_TEST

START_TEST(a_soft_reset_keeps_what_the_data_sheet_says)
{
    start();
    put(IRQ_CFG, 0x22000111);
    put(PMT_CTRL, 0x44);
    put(INT_EN, ~0u);
    make_frame(frame, 60, 1);
    wire_arrive(&wire, frame, 60);
    ck_assert(raised);
    put(FIFO_INT, 0x12345678);
    put(HW_CFG, 0x00080001);
    ck_assert(!raised);
    ck_assert_uint_eq(get(IRQ_CFG), 0x11);
    ck_assert_uint_eq(get(PMT_CTRL), 0x45);
    ck_assert_uint_eq(get(FIFO_INT), 0x48000000);
    ck_assert_uint_eq(get(HW_CFG), 0x00050004);
    ck_assert_uint_eq(get(RX_INF), 0);
    ck_assert_uint_eq(get_mac(MAC_CR), CR_PRMS);
}
END_TEST

START_TEST(loads_are_answered_as_by_the_device)
{
    struct vdev_bus bus;
    struct vdev_bus_window window = {.address = 0x1A000000,
                                     .length = VDEV_LAN9118_WINDOW,
                                     .access = vdev_lan9118_emulator_access,
                                     .device = &emulator};
    unsigned loads = 0;

    vdev_registers_loads(&emulator.bank, &window);
    ck_assert_ptr_nonnull(window.loads);
    ck_assert_int_eq(vdev_bus_init(&bus, &window, 1), VDEV_OK);
    put(FIFO_INT, 0x11223344);
    for (uint32_t offset = 0x40; offset < 0x100; offset += 4) {
        uint32_t value = 0;
        struct vdev_access access = {.width = 4};
        int status = vdev_bus_dispatch(&bus, window.address + offset, &access);
        ck_assert_int_eq(vdev_bus_read(&bus, window.address + offset, 4, &value), status);
        if (status == VDEV_OK) {
            ck_assert_uint_eq(value, access.value);
        }
        loads += window.loads[offset / 4] != 0;
    }
    ck_assert_uint_eq(loads, 19);
    uint32_t half = 0;
    ck_assert_int_eq(vdev_bus_read(&bus, window.address + FIFO_INT, 2, &half), VDEV_OK);
    ck_assert_uint_eq(half, 0x3344);
    ck_assert(window.loads[INT_STS / 4] != 0 && window.loads[RX_INF / 4] == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lan9118 emulator");
    TCase *tests = tcase_create("guests");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, its_table_agrees_with_itself);
    tcase_add_test(tests, reset_values_are_the_data_sheets);
    tcase_add_test(tests, a_device_without_a_medium_is_refused);
    tcase_add_test(tests, it_is_initialized_as_linux_does);
    tcase_add_test(tests, every_length_is_sent_at_every_alignment);
    tcase_add_test(tests, segments_of_every_alignment_make_one_frame);
    tcase_add_test(tests, space_is_what_is_really_free);
    tcase_add_test(tests, several_frames_wait_in_the_fifo_and_go_in_order);
    tcase_add_test(tests, many_small_frames_are_more_than_the_class_has_at_a_time);
    tcase_add_test(tests, the_transmitter_waits_until_it_is_switched_on);
    tcase_add_test(tests, padding_and_check_sequence_are_as_command_b_says);
    tcase_add_test(tests, statuses_tell_what_became_of_a_frame);
    tcase_add_test(tests, a_full_status_fifo_suspends_the_transmitter);
    tcase_add_test(tests, space_and_completion_interrupt);
    tcase_add_test(tests, the_phy_tells_of_its_link);
    tcase_add_test(tests, the_eeprom_has_the_address);
    tcase_add_test(tests, timers_follow_the_clock);
    tcase_add_test(tests, it_sleeps_and_wakes);
    tcase_add_test(tests, a_soft_reset_keeps_what_the_data_sheet_says);
    tcase_add_test(tests, loads_are_answered_as_by_the_device);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
