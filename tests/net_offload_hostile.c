/* SPDX-License-Identifier: BSD-2-Clause */
/* Segmentation in software of frames that lie: in their headers, their fields, their length. */
#include "support/net_segments.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

START_TEST(a_frame_cut_short_at_every_byte)
{
    packet_make(&packet, &forms[_i]);
    uint32_t whole = packet.length;
    for (packet.length = 0; packet.length < packet.payload; packet.length++) {
        cut(NULL, 0);
        ck_assert_int_eq(begin(), VDEV_ERROR_INVALID);
        ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_ERROR_EMPTY);
    }
    for (; packet.length <= whole; packet.length++) {
        cut(NULL, 0);
        check_segments();
    }
    packet.length = whole;
    cut(NULL, 0);
    frame.length++; /* than its buffers are */
    ck_assert_int_eq(begin(), VDEV_ERROR_INVALID);
}
END_TEST

struct lie {
    const char *what;
    bool version6, udp;
    unsigned payload;
    enum { LINK, NETWORK, TRANSPORT } header;
    unsigned offset, bytes;
    uint32_t value;
};

static const struct lie lies[] = {
    {"not IP", false, false, 9, LINK, 12, 2, 0x0806},
    {"a length, not a type", false, false, 9, LINK, 12, 2, 46},
    {"IPv6 by type only", false, false, 99, LINK, 12, 2, 0x86dd},
    {"IPv4 by type only", true, false, 99, LINK, 12, 2, 0x0800},
    {"version 6 in IPv4", false, false, 99, NETWORK, 0, 1, 0x65},
    {"version 4 in IPv6", true, false, 99, NETWORK, 0, 1, 0x45},
    {"no header words", false, false, 99, NETWORK, 0, 1, 0x40},
    {"four header words", false, false, 99, NETWORK, 0, 1, 0x44},
    {"more header words than there are", false, false, 99, NETWORK, 0, 1, 0x46},
    {"a header longer than the frame", false, false, 0, NETWORK, 0, 1, 0x4f},
    {"UDP where TCP is said", false, false, 99, NETWORK, 9, 1, 17},
    {"TCP where UDP is said", false, true, 99, NETWORK, 9, 1, 6},
    {"another protocol", false, true, 99, NETWORK, 9, 1, 132},
    {"more fragments", false, false, 99, NETWORK, 6, 2, 0x2000},
    {"a later fragment", false, false, 99, NETWORK, 6, 2, 0x0001},
    {"a later fragment, far off", false, true, 99, NETWORK, 6, 2, 0x5000},
    {"UDP in IPv6 where TCP is said", true, false, 99, NETWORK, 6, 1, 17},
    {"TCP in IPv6 where UDP is said", true, true, 99, NETWORK, 6, 1, 6},
    {"a fragment of IPv6", true, false, 99, NETWORK, 6, 1, 44},
    {"nothing in IPv6", true, false, 99, NETWORK, 6, 1, 59},
    {"encryption in IPv6", true, true, 99, NETWORK, 6, 1, 50},
    {"a header that is none", true, true, 99, NETWORK, 6, 1, 0},
    {"no TCP words", false, false, 99, TRANSPORT, 12, 1, 0x00},
    {"four TCP words", false, false, 99, TRANSPORT, 12, 1, 0x4f},
    {"TCP words beyond the frame", false, false, 39, TRANSPORT, 12, 1, 0xf0},
    {"TCP words beyond the frame, IPv6", true, false, 3, TRANSPORT, 12, 1, 0x60},
};

START_TEST(headers_that_are_not_what_they_say)
{
    const struct lie *lie = &lies[_i];
    const struct packet_form form = {
        .version6 = lie->version6, .udp = lie->udp, .payload = lie->payload, .segment_size = 10};

    packet_make(&packet, &form);
    cut(NULL, 0);
    check_segments();
    packet_put(packet.bytes + lie->offset +
                   (lie->header == NETWORK     ? packet.network
                    : lie->header == TRANSPORT ? packet.transport
                                               : 0),
               lie->bytes, lie->value);
    cut(NULL, 0);
    ck_assert_msg(begin() == VDEV_ERROR_INVALID, "%s", lie->what);
    ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_ERROR_EMPTY);
}
END_TEST

static void refuse(const char *what)
{
    cut(NULL, 0);
    ck_assert_msg(begin() == VDEV_ERROR_INVALID, "%s", what);
    ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_ERROR_EMPTY);
}

/* A header that is too short, with fields that say the same, and what would do for TCP there. */
START_TEST(short_headers_that_the_fields_agree_with)
{
    static const struct packet_form form = TCP4;

    for (unsigned words = 0; words < 5; words++) {
        packet_make(&packet, &form);
        packet.bytes[packet.network] = (uint8_t)(0x40 + words);
        packet.offload.checksum_start = (uint16_t)(packet.network + 4 * words);
        packet.bytes[packet.offload.checksum_start + 12u] = 0x50;
        packet.bytes[packet.network + 9] = 6;
        refuse("too few words of IPv4");
        packet_make(&packet, &form);
        packet.bytes[packet.transport + 12] = (uint8_t)(words << 4);
        refuse("too few words of TCP");
    }
}
END_TEST

START_TEST(fields_that_do_not_fit_the_headers)
{
    packet_make(&packet, &forms[_i]);
    const struct vdev_net_offload good = packet.offload;
    for (uint32_t start = 0; start < packet.length + 5; start++) {
        packet.offload.checksum_start = (uint16_t)start;
        if (start != good.checksum_start) {
            refuse("start");
        }
    }
    packet.offload = good;
    for (uint32_t offset = 0; offset < packet.length; offset++) {
        packet.offload.checksum_offset = (uint16_t)offset;
        if (offset != good.checksum_offset) {
            refuse("offset");
        }
    }
    packet.offload = good;
    packet.offload.segment_size = 0;
    refuse("segments of nothing");
    packet.offload = good;
    for (unsigned needs = 0; needs < 256; needs++) {
        packet.offload.needs = (uint8_t)needs;
        if (needs != good.needs && needs != (good.needs | VDEV_NET_ECN)) {
            refuse("needs");
        }
    }
    packet.offload = (struct vdev_net_offload){0};
    refuse("nothing to do");
}
END_TEST

START_TEST(one_tag_too_many)
{
    struct packet_form form = TCP4;

    form.tags = 3;
    packet_make(&packet, &form);
    refuse("three tags");
    for (packet.length = 14; packet.length < 30; packet.length++) {
        packet.offload.checksum_start = 14;
        packet.offload.checksum_offset = 0;
        refuse("tags to the end");
    }
}
END_TEST

START_TEST(chains_of_extension_headers)
{
    static const uint8_t kinds[] = {0, 43, 60};
    struct packet_form form = TCP6;

    for (unsigned kind = 0; kind < COUNT(kinds); kind++) {
        form.payload = 3000;
        form.segment_size = 1000;
        packet_make(&packet, &form);
        packet.bytes[packet.network + 6] = kinds[kind];
        /* One that names itself for ever, in steps of every length; all beyond the header too. */
        for (unsigned words = 0; words < 256; words++) {
            for (uint32_t at = packet.transport; at < packet.length; at++) {
                packet.bytes[at] = (uint8_t)(at % 2 == 0 ? kinds[kind] : words);
            }
            packet.bytes[packet.transport + 3] = 0;
            for (unsigned shift = 0; shift < 2; shift++) {
                refuse("a chain without an end");
                packet.length = packet.transport + 120; /* and one that the frame ends */
            }
            packet.length = packet.payload + form.payload;
        }
    }
    form = (struct packet_form)TCP6;
    form.extension_count = 1;
    form.extensions[0] = 43;
    packet_make(&packet, &form);
    cut(NULL, 0);
    check_segments();
    packet.bytes[packet.network + 40 + 3] = 1;
    refuse("a destination that is not the last");
}
END_TEST

START_TEST(headers_that_are_too_long)
{
    /* Tags, IPv6, extensions of 8 to 32 bytes, TCP: 8 + 14 + 40 + 80 + 20 are 162. */
    struct packet_form form = {.version6 = true,
                               .tags = 2,
                               .segment_size = 50,
                               .payload = 100,
                               .extensions = {0, 60, 43, 60},
                               .extension_count = 4};

    for (form.tcp_options = 0; form.tcp_options <= 10; form.tcp_options++) {
        packet_make(&packet, &form);
        cut(NULL, 0);
        if (packet.payload <= VDEV_NET_HEADERS_MAXIMUM) {
            check_segments();
        } else {
            refuse("beyond the maximum");
        }
    }
    ck_assert_uint_gt(packet.payload, VDEV_NET_HEADERS_MAXIMUM);
}
END_TEST

/* One extension header that ends anywhere near the maximum, before each kind of header. */
START_TEST(headers_that_begin_where_the_copy_ends)
{
    for (unsigned kind = 0; kind < 3; kind++) {
        for (uint32_t words = 1; words < 30; words++) {
            const struct packet_form form = {
                .version6 = true, .udp = kind == 1, .segment_size = 500, .payload = 1200};
            packet_make(&packet, &form);
            uint32_t from = packet.transport;
            uint32_t to = from + 8 * words;
            memmove(packet.bytes + to, packet.bytes + from, packet.length - from);
            memset(packet.bytes + from, 1, to - from);
            packet.bytes[from] = kind == 2 ? 60 : packet.bytes[packet.network + 6];
            packet.bytes[from + 1] = (uint8_t)(words - 1);
            packet.bytes[packet.network + 6] = 60;
            packet.length += to - from;
            packet.transport += to - from;
            packet.payload += to - from;
            packet.offload.checksum_start = (uint16_t)packet.transport;
            cut(NULL, 0);
            if (kind != 2 && packet.payload <= VDEV_NET_HEADERS_MAXIMUM) {
                check_segments();
            } else {
                refuse("headers that are not copied");
            }
        }
    }
}
END_TEST

static void spoil(void)
{
    uint8_t *fields = (uint8_t *)&packet.offload;

    for (uint32_t i = packet_random(4); i != 0; i--) {
        packet.bytes[12 + packet_random(packet.payload - 12)] = (uint8_t)packet_random(256);
    }
    if (packet_random(3) == 0) {
        packet.offload.needs ^= (uint8_t)(1u << packet_random(6));
    }
    if (packet_random(6) == 0) {
        fields[2 + packet_random(6)] ^= (uint8_t)(1u << packet_random(8));
    }
    if (packet_random(4) == 0) {
        packet.length = packet_random(packet.length + 1);
    }
}

START_TEST(spoilt_frames_are_refused_or_come_out_well)
{
    unsigned refused = 0;
    unsigned made = 0;

    for (unsigned i = 0; i < 10000; i++) {
        packet_make(&packet, &forms[packet_random(COUNT(forms))]);
        spoil();
        size_t one = packet_random(packet.length + 1);
        cut(&one, 1);
        if (begin() != VDEV_OK) {
            ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_ERROR_EMPTY);
            refused++;
            continue;
        }
        uint32_t payload = 0;
        int status;
        while ((status = vdev_net_segmenter_next(&segmenter)) == VDEV_OK) {
            uint32_t length = flatten();
            if (packet.offload.segment_size != 0) {
                const char *fault = packet_fault(flat, length, &seen);
                ck_assert_msg(fault == NULL, "%u: %s", i, fault);
                payload += length - seen.payload;
                made++;
            }
        }
        ck_assert_int_eq(status, VDEV_ERROR_EMPTY);
        ck_assert(packet.offload.segment_size == 0 || payload == packet.length - seen.payload);
    }
    ck_assert_uint_gt(refused, 1000);
    ck_assert_uint_gt(made, 5000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_offload_hostile");
    TCase *hostile = tcase_create("hostile");

    tcase_add_checked_fixture(hostile, segments_setup, free_parts);
    tcase_set_timeout(hostile, 60);
    tcase_add_loop_test(hostile, a_frame_cut_short_at_every_byte, 0, COUNT(forms));
    tcase_add_loop_test(hostile, headers_that_are_not_what_they_say, 0, COUNT(lies));
    tcase_add_test(hostile, short_headers_that_the_fields_agree_with);
    tcase_add_loop_test(hostile, fields_that_do_not_fit_the_headers, 0, COUNT(forms));
    tcase_add_test(hostile, one_tag_too_many);
    tcase_add_test(hostile, chains_of_extension_headers);
    tcase_add_test(hostile, headers_that_are_too_long);
    tcase_add_test(hostile, headers_that_begin_where_the_copy_ends);
    tcase_add_test(hostile, spoilt_frames_are_refused_or_come_out_well);
    suite_add_tcase(suite, hostile);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
