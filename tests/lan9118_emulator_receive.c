/* SPDX-License-Identifier: BSD-2-Clause */
/* The LAN9118 emulator receives, for drivers that keep to the data sheet. */
#include "support/lan9118_guest.h"

static uint8_t frame[WIRE_BYTES], got[WIRE_BYTES];

START_TEST(every_length_is_received_at_every_alignment)
{
    start();
    for (uint32_t length = 14; length <= 1518; length += length < 80 ? 1 : 43) {
        for (uint32_t offset = 0; offset < 32; offset++) {
            for (uint32_t end = 0; end < 3; end++) {
                uint32_t whole = (length < 60 ? 60 : length) + 4;
                put(RX_CFG, end << 30 | offset << 8);
                make_frame(frame, length, length + offset);
                ck_assert_int_eq(wire_arrive(&wire, frame, length), VDEV_OK);
                ck_assert_uint_eq(get(RX_INF), 1u << 16 | (offset % 4 + whole + 3) / 4 * 4);
                ck_assert_uint_eq(get(RX_PEEK) & 0x3FFF0000, whole << 16);
                memset(got, 0xAA, sizeof got);
                ck_assert_uint_eq(take(got, offset, end == 0 ? 4 : 8u << end), whole);
                ck_assert_mem_eq(got, frame, length);
                for (uint32_t i = length; i < whole; i++) {
                    ck_assert_uint_eq(got[i], 0);
                }
                ck_assert_uint_eq(get(RX_INF), 0);
            }
        }
    }
    ck_assert_uint_eq(get(INT_STS) & RXE_INT, 0);
}
END_TEST

START_TEST(received_frames_wrap_in_the_fifo)
{
    uint32_t next = 0;

    start();
    put(RX_CFG, 2 << 8);
    for (uint32_t i = 0; i < 2000; i++) {
        uint32_t length = 60 + i * 37 % 1455;
        make_frame(frame, length, i);
        ck_assert_int_eq(wire_arrive(&wire, frame, length), VDEV_OK);
        if (i - next == 5) {
            for (uint32_t j = 0; j < 1 + i % 5; j++, next++) {
                length = 60 + next * 37 % 1455;
                make_frame(frame, length, next);
                ck_assert_uint_eq(take(got, 2, 4), length + 4);
                ck_assert_mem_eq(got, frame, length);
            }
        }
    }
    ck_assert_uint_eq(get(RX_DROP), 0);
}
END_TEST

START_TEST(statuses_and_data_can_be_read_apart)
{
    start();
    for (uint32_t i = 0; i < 4; i++) {
        make_frame(frame, 100 + i, i);
        wire_arrive(&wire, frame, 100 + i);
    }
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(get(RX_STATUS), (104 + i) << 16 | 0x20);
    }
    ck_assert_uint_eq(get(RX_INF), 26 * 4 + 3 * 27 * 4);
    make_frame(frame, 100, 0);
    for (uint32_t i = 0; i < 25; i++) {
        uint32_t word;
        memcpy(&word, frame + 4 * i, 4);
        ck_assert_uint_eq(get(RX_DATA), word);
        ck_assert_uint_eq(get(RX_INF), (25 - i) * 4 + 3 * 27 * 4);
    }
    /* Past the rest of the first one, and then past one that has not been begun. */
    put(RX_DP, 0x80000000);
    ck_assert_uint_eq(get(RX_DP), 0);
    ck_assert_uint_eq(get(RX_INF), 3 * 27 * 4);
    put(RX_DP, 0x80000000);
    ck_assert_uint_eq(get(RX_INF), 2 * 27 * 4);
    make_frame(frame, 102, 2);
    uint32_t word;
    memcpy(&word, frame, 4);
    ck_assert_uint_eq(get(RX_DATA), word);
}
END_TEST

START_TEST(a_full_receiver_drops_and_counts)
{
    uint32_t kept = 0;

    start();
    put(IRQ_CFG, 0x111);
    put(INT_EN, RXDF_INT);
    make_frame(frame, 1514, 1);
    while (wire_arrive(&wire, frame, 1514) == VDEV_OK) {
        kept++;
    }
    /* 380 words each, of 2,640 less the four that are kept free. */
    ck_assert_uint_eq(kept, 6);
    ck_assert(raised);
    ck_assert_int_ne(wire_arrive(&wire, frame, 1514), VDEV_ERROR_FULL);
    ck_assert_uint_eq(emulator.received.dropped[VDEV_NET_DROP_NO_ROOM], 2);
    ck_assert_int_eq(wire_arrive(&wire, frame, 60), VDEV_OK);
    ck_assert_uint_eq(get(RX_DROP), 2);
    ck_assert_uint_eq(get(RX_DROP), 0);
    for (uint32_t i = 0; i < 100; i++) { /* words that are read make room */
        get(RX_DATA);
    }
    ck_assert_int_eq(wire_arrive(&wire, frame, 600), VDEV_OK);
    put(INT_STS, RXDF_INT);
    ck_assert(!raised);
}
END_TEST

START_TEST(a_full_status_fifo_drops_as_well)
{
    start();
    make_frame(frame, 60, 1);
    for (uint32_t i = 0; i < 153; i++) { /* data of 17 words each would still fit */
        ck_assert_int_eq(wire_arrive(&wire, frame, 60), VDEV_OK);
        put(RX_DP, 0x80000000);
    }
    for (uint32_t i = 153; i < 176; i++) {
        ck_assert_int_eq(wire_arrive(&wire, frame, 60), VDEV_OK);
        put(RX_DP, 0x80000000);
    }
    ck_assert_uint_eq(get(INT_STS) & RSFF_INT, RSFF_INT);
    ck_assert_int_ne(wire_arrive(&wire, frame, 60), VDEV_OK);
    ck_assert_uint_eq(get(RX_INF), 176u << 16);
    ck_assert_uint_eq(get(RX_DROP), 1);
    get(RX_STATUS);
    ck_assert_int_eq(wire_arrive(&wire, frame, 60), VDEV_OK);
}
END_TEST

START_TEST(fifo_sizes_are_the_tables)
{
    start();
    for (uint32_t size = 2; size <= 14; size++) {
        put(HW_CFG, size << 16);
        ck_assert_uint_eq(get(TX_INF) & 0xFFFF, size * 1024 - 512);
        uint32_t room = (16 - size) * 960;
        uint32_t bytes = 0;
        make_frame(frame, 252, size);
        while (wire_arrive(&wire, frame, 252) == VDEV_OK) {
            bytes += 256;
        }
        ck_assert_uint_le(bytes, room - 16);
        ck_assert_uint_gt(bytes + 256, room - 16);
        put(RX_CFG, RX_DUMP);
        ck_assert_uint_eq(get(RX_INF), 0);
    }
    put(HW_CFG, 5u << 16);
    put(HW_CFG, 0); /* reserved sizes change nothing */
    put(HW_CFG, 15u << 16);
    ck_assert_uint_eq(get(HW_CFG), 5u << 16 | 4);
}
END_TEST

/* The data sheet's table of address filtering modes, by the bits that MAC_CR has. */
START_TEST(addresses_are_filtered_as_mac_cr_says)
{
    enum { OWN = 1, OTHER = 2, BROADCAST = 4, GROUP = 8, HASHED = 16, HASHED_GROUP = 32 };
    static const uint8_t addresses[6][6] = {
        {0x52, 0x54, 0x00, 0x12, 0x34, 0x56}, {0x52, 0x54, 0x00, 0x12, 0x34, 0x57},
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x33, 0x33, 0x00, 0x00, 0x00, 0x01},
        {0x02, 0x00, 0x00, 0x00, 0x00, 0x01}, {0x01, 0x00, 0x5e, 0x00, 0x00, 0x01},
    };
    static const struct {
        uint32_t control, passed;
        enum vdev_net_receive_mode mode;
    } modes[] = {
        {0, OWN | BROADCAST, VDEV_NET_RECEIVE_OWN},
        {CR_BCAST, OWN, VDEV_NET_RECEIVE_OWN},
        {CR_HPFILT, OWN | BROADCAST | HASHED_GROUP, VDEV_NET_RECEIVE_ALL_MULTICAST},
        {CR_HPFILT | CR_HO, BROADCAST | HASHED | HASHED_GROUP, VDEV_NET_RECEIVE_ALL},
        {CR_INVFILT, OTHER | BROADCAST | GROUP | HASHED | HASHED_GROUP, VDEV_NET_RECEIVE_ALL},
        {CR_PRMS, 63, VDEV_NET_RECEIVE_ALL},
        {CR_PRMS | CR_BCAST, 63, VDEV_NET_RECEIVE_ALL},
        {CR_MCPAS, OWN | BROADCAST | GROUP | HASHED_GROUP, VDEV_NET_RECEIVE_ALL_MULTICAST},
        {CR_MCPAS | CR_HO | CR_HPFILT, BROADCAST | GROUP | HASHED | HASHED_GROUP,
         VDEV_NET_RECEIVE_ALL},
    };
    uint32_t filtered = 0;

    put_mac(HASHL, 1u << 31); /* 01:00:5e:00:00:01 is bit 31 */
    uint32_t crc = ~0u;
    for (unsigned i = 0; i < 48; i++) { /* the other one's */
        uint32_t bit = (addresses[4][i / 8] >> (i % 8) & 1) ^ crc >> 31;
        crc = crc << 1 ^ (bit != 0 ? 0x04C11DB7u : 0);
    }
    uint32_t bit = crc >> 26;
    ck_assert_uint_ne(bit, 31);
    put_mac(bit >= 32 ? HASHH : HASHL, 1u << (bit % 32) | (bit >= 32 ? 0 : 1u << 31));
    for (unsigned mode = 0; mode < sizeof modes / sizeof *modes; mode++) {
        put_mac(MAC_CR, modes[mode].control | CR_RXEN);
        ck_assert_int_eq(wire.mode, modes[mode].mode);
        for (unsigned i = 0; i < 6; i++) {
            bool passes = (modes[mode].passed >> i & 1) != 0;
            make_frame(frame, 60, i);
            memcpy(frame, addresses[i], 6);
            ck_assert_msg((wire_arrive(&wire, frame, 60) == VDEV_OK) == passes, "%u %u", mode, i);
            uint32_t kind = i == 2 ? 0x2000 : (addresses[i][0] & 1) != 0 ? 0x400 : 0;
            ck_assert_uint_eq(get(RX_STATUS), passes ? 64u << 16 | 0x20 | kind : 0);
            put(RX_CFG, RX_DUMP);
            filtered += !passes;
            put_mac(MAC_CR, modes[mode].control | CR_RXEN | CR_RXALL);
            ck_assert_int_eq(wire_arrive(&wire, frame, 60), VDEV_OK);
            ck_assert_uint_eq(get(RX_STATUS) >> 30, !passes);
            put(RX_CFG, RX_DUMP);
            put_mac(MAC_CR, modes[mode].control | CR_RXEN);
        }
    }
    ck_assert_uint_eq(emulator.received.dropped[VDEV_NET_DROP_FILTERED], filtered);
    /* Another address than the device's below needs everything from it. */
    put_mac(MAC_CR, CR_RXEN);
    put_mac(ADDRL, 0x12345678);
    ck_assert_int_eq(wire.mode, VDEV_NET_RECEIVE_ALL);
    make_frame(frame, 60, 0);
    ck_assert_int_ne(wire_arrive(&wire, frame, 60), VDEV_OK);
}
END_TEST

START_TEST(the_receiver_stops_behind_the_frame_under_way)
{
    make_frame(frame, 60, 1);
    ck_assert_int_ne(wire_arrive(&wire, frame, 60), VDEV_OK);
    ck_assert_uint_eq(emulator.received.dropped[VDEV_NET_DROP_NO_LINK], 1);
    start();
    put_mac(MAC_CR, CR_PRMS);
    ck_assert_uint_eq(get(INT_STS) & RXSTOP_INT, RXSTOP_INT);
    put(INT_STS, RXSTOP_INT);
    put_mac(MAC_CR, CR_PRMS | CR_RXEN);
    ck_assert_int_eq(wire_offer(&wire, frame, 60), VDEV_OK);
    put_mac(MAC_CR, CR_PRMS);
    ck_assert_uint_eq(get(INT_STS) & RXSTOP_INT, 0);
    wire_put(&wire, frame, VDEV_OK);
    ck_assert_uint_eq(get(INT_STS) & RXSTOP_INT, RXSTOP_INT);
    ck_assert_uint_eq(take(got, 0, 4), 64);
}
END_TEST

START_TEST(lengths_and_types_show_in_the_status)
{
    start();
    make_frame(frame, 1600, 1);
    wire_arrive(&wire, frame, 1515);
    ck_assert_uint_eq(get(RX_STATUS), 1519u << 16 | 0x80A0); /* too long */
    put_mac(VLAN1, 0x0800);
    wire_arrive(&wire, frame, 1518);
    ck_assert_uint_eq(get(RX_STATUS), 1522u << 16 | 0x20);
    frame[12] = 0;
    frame[13] = 100;
    wire_arrive(&wire, frame, 114);
    ck_assert_uint_eq(get(RX_STATUS), 118u << 16);
    wire_arrive(&wire, frame, 113);
    ck_assert_uint_eq(get(RX_STATUS), 117u << 16 | 0x1000);
    wire_arrive(&wire, frame, 116);
    ck_assert_uint_eq(get(RX_STATUS), 120u << 16 | 0x1000);
    frame[13] = 20;
    wire_arrive(&wire, frame, 60);
    ck_assert_uint_eq(get(RX_STATUS), 64u << 16);
    put(RX_CFG, RX_DUMP);
    put_mac(MAC_CR, CR_PRMS | CR_RXEN | CR_PADSTR);
    put(RX_CFG, 2 << 8);
    wire_arrive(&wire, frame, 60);
    wire_arrive(&wire, frame, 114);
    ck_assert_uint_eq(take(got, 2, 4), 34);
    ck_assert_mem_eq(got, frame, 34);
    ck_assert_uint_eq(get(RX_STATUS), 34u << 16 | 0x1000); /* not padding: 80 bytes too many */
    put(RX_CFG, RX_DUMP);
    /* More than the fields hold: the watchdog's. */
    frame[12] = 8;
    ck_assert_int_ne(wire_offer(&wire, frame, 2044), VDEV_OK);
    ck_assert_uint_eq(get(INT_STS) & RWT_INT, RWT_INT);
    ck_assert_uint_eq(emulator.received.dropped[VDEV_NET_DROP_LONG], 1);
    ck_assert_int_eq(wire_offer(&wire, frame, 2043), VDEV_OK);
    wire_put(&wire, frame, VDEV_OK);
    ck_assert_uint_eq(get(RX_STATUS) >> 16, 2047);
}
END_TEST

START_TEST(a_frame_that_fails_on_the_way_is_not_there)
{
    start();
    make_frame(frame, 100, 1);
    ck_assert_int_eq(wire_offer(&wire, frame, 100), VDEV_OK);
    wire_put(&wire, frame, VDEV_ERROR_IO);
    ck_assert_uint_eq(get(RX_INF), 0);
    ck_assert_uint_eq(emulator.received.dropped[VDEV_NET_DROP_MEDIUM], 1);
    wire_arrive(&wire, frame, 100);
    ck_assert_uint_eq(take(got, 0, 4), 104);
    ck_assert_mem_eq(got, frame, 100);
}
END_TEST

/* Linux' handler disables RSFL, and its poll clears the status after the last frame. */
START_TEST(receiving_interrupts_by_level)
{
    start();
    put(IRQ_CFG, 0x111);
    put(FIFO_INT, 0xFF000000);
    put(INT_EN, RSFL_INT);
    make_frame(frame, 60, 1);
    ck_assert(!raised);
    wire_arrive(&wire, frame, 60);
    ck_assert(raised);
    wire_arrive(&wire, frame, 60);
    ck_assert_uint_eq(edges, 1);
    put(INT_EN, 0);
    ck_assert(!raised);
    take(got, 0, 4);
    put(INT_STS, RSFL_INT); /* one is left: it cannot be cleared yet */
    put(INT_EN, RSFL_INT);
    ck_assert(raised);
    put(INT_EN, 0);
    take(got, 0, 4);
    put(INT_STS, RSFL_INT);
    put(INT_EN, RSFL_INT);
    ck_assert(!raised);
    put(IRQ_CFG, 0x011);
    wire_arrive(&wire, frame, 60);
    ck_assert(!raised);
    ck_assert_uint_eq(get(IRQ_CFG), 0x1011);
    put(IRQ_CFG, 0x100); /* whatever its polarity and type would be */
    ck_assert(raised);
}
END_TEST

START_TEST(the_macs_loopback_is_its_own)
{
    start();
    put_mac(MAC_CR, CR_PRMS | CR_TXEN | CR_RXEN | CR_LOOPBK);
    make_frame(frame, 1514, 1);
    ck_assert_int_ne(wire_arrive(&wire, frame, 60), VDEV_OK);
    wire_set_link(&wire, false); /* needs none */
    for (uint32_t i = 0; i < 20; i++) {
        send(frame, 1514 - i, i, i);
        ck_assert_uint_eq(get(TX_STATUS), i << 16);
        ck_assert_uint_eq(take(got, 0, 4), 1518 - i);
        ck_assert_mem_eq(got, frame, 1514 - i);
    }
    ck_assert_uint_eq(wire.submitted, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lan9118 emulator receive");
    TCase *tests = tcase_create("guests");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, every_length_is_received_at_every_alignment);
    tcase_add_test(tests, received_frames_wrap_in_the_fifo);
    tcase_add_test(tests, statuses_and_data_can_be_read_apart);
    tcase_add_test(tests, a_full_receiver_drops_and_counts);
    tcase_add_test(tests, a_full_status_fifo_drops_as_well);
    tcase_add_test(tests, fifo_sizes_are_the_tables);
    tcase_add_test(tests, addresses_are_filtered_as_mac_cr_says);
    tcase_add_test(tests, the_receiver_stops_behind_the_frame_under_way);
    tcase_add_test(tests, lengths_and_types_show_in_the_status);
    tcase_add_test(tests, a_frame_that_fails_on_the_way_is_not_there);
    tcase_add_test(tests, receiving_interrupts_by_level);
    tcase_add_test(tests, the_macs_loopback_is_its_own);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
