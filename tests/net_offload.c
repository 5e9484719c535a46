/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksums and segmentation in software, against a reading of the RFCs that goes byte by byte and
 * shares nothing with the library's: for every cut of a frame into buffers.
 */
#include "support/net_segments.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

START_TEST(segments_over_every_cut)
{
    packet_make(&packet, &forms[_i]);
    for (size_t one = 0; one <= packet.length; one++) {
        cut(&one, 1);
        check_segments();
    }
    for (unsigned i = 0; i < 300; i++) {
        size_t cuts[7];
        size_t from = 0;
        for (unsigned j = 0; j < COUNT(cuts); j++) {
            from += packet_random((uint32_t)(packet.length - from) / 2 + 1);
            cuts[j] = from;
        }
        cut(cuts, COUNT(cuts));
        check_segments();
    }
}
END_TEST

START_TEST(segments_of_a_frame_in_single_bytes)
{
    struct packet_form form = forms[_i];
    size_t cuts[MOST_PIECES];

    form.payload = 41;
    form.segment_size = 20;
    form.ip_options = 0;
    form.tcp_options = 0;
    packet_make(&packet, &form);
    for (size_t i = 0; i < packet.length; i++) {
        cuts[i] = i;
    }
    cut(cuts, packet.length);
    check_segments();
}
END_TEST

START_TEST(segments_of_every_size)
{
    static const uint32_t payloads[] = {0, 1, 2, 3, 99, 100, 101, 1460, 3000};
    static const uint16_t sizes[] = {1, 2, 3, 99, 100, 101, 1460, 3000, 60000};

    for (size_t i = 0; i < COUNT(payloads); i++) {
        for (size_t j = 0; j < COUNT(sizes); j++) {
            struct packet_form form = forms[_i];
            form.payload = payloads[i];
            form.segment_size = sizes[j];
            packet_make(&packet, &form);
            cut(NULL, 0);
            check_segments();
        }
    }
}
END_TEST

START_TEST(only_the_first_segment_says_reduced_when_asked_so)
{
    static const struct packet_form tcp[] = {TCP4, TCP6};
    struct packet_form form = tcp[_i];

    form.tcp_flags = 0xd9; /* CWR, ECE, ACK, PSH, FIN */
    packet_make(&packet, &form);
    cut(NULL, 0);
    check_segments(); /* each says it, where nobody asked */
    packet.offload.needs |= VDEV_NET_ECN;
    cut(NULL, 0);
    check_segments();
    ck_assert_uint_eq(flat[packet.transport + 13], 0x59);
}
END_TEST

START_TEST(what_stands_in_lengths_and_checksums_does_not_count)
{
    for (unsigned i = 0; i < 50; i++) {
        packet_make(&packet, &forms[_i]);
        uint8_t *ip = packet.bytes + packet.network;
        if (forms[_i].version6) {
            packet_put(ip + 4, 2, packet_random(65536));
        } else {
            packet_put(ip + 2, 2, packet_random(65536));
            packet_put(ip + 10, 2, packet_random(65536));
        }
        if (forms[_i].udp) {
            packet_put(packet.bytes + packet.transport + 4, 2, packet_random(65536));
        }
        packet_put(packet.bytes + packet.transport + packet.offload.checksum_offset, 2,
                   packet_random(65536));
        cut(NULL, 0);
        check_segments();
    }
}
END_TEST

START_TEST(a_checksum_of_zero_is_sent_as_its_other_form)
{
    static const struct packet_form udp[] = {UDP4, UDP6};
    struct packet_form form = udp[_i];
    const uint8_t *checksum;

    form.payload = 2;
    packet_make(&packet, &form);
    packet_put(packet.bytes + packet.payload, 2, 0);
    cut(NULL, 0);
    check_segments();
    /* What the checksum was, put into the sum, makes it all ones, and the checksum none. */
    checksum = flat + packet.transport + 6;
    ck_assert_uint_ne(packet_number(checksum, 2), 0xffff);
    memcpy(packet.bytes + packet.payload, checksum, 2);
    cut(NULL, 0);
    check_segments();
    ck_assert_uint_eq(packet_number(checksum, 2), 0xffff);
}
END_TEST

START_TEST(the_longest_frame_and_the_first_that_is_too_long)
{
    struct packet_form form = {.segment_size = 1460};

    form.payload = VDEV_NET_SEGMENTED_BYTES - 54;
    packet_make(&packet, &form);
    cut(NULL, 0);
    check_segments();
    packet.offload.segment_size = 65495; /* all of it in one: 65535 bytes of IP */
    cut(NULL, 0);
    check_segments();
    form.payload += VDEV_NET_TAG_BYTES; /* without the tag that this is for */
    packet_make(&packet, &form);
    cut(NULL, 0);
    check_segments();
    packet.offload.segment_size = 65496;
    cut(NULL, 0);
    ck_assert_int_eq(begin(), VDEV_ERROR_INVALID);
    form.payload++;
    packet_make(&packet, &form);
    cut(NULL, 0);
    ck_assert_int_eq(begin(), VDEV_ERROR_RANGE);
    /* IPv6 does not count its own header: no frame is too long for it. */
    form = (struct packet_form){.version6 = true, .segment_size = 65535};
    form.payload = VDEV_NET_SEGMENTED_BYTES + VDEV_NET_TAG_BYTES - 74;
    packet_make(&packet, &form);
    cut(NULL, 0);
    check_segments();
}
END_TEST

START_TEST(pieces_that_have_no_room)
{
    static const struct packet_form form = TCP4;
    size_t cuts[] = {60, 160, 260};

    packet_make(&packet, &form); /* the second segment lies in two buffers, from 154 to 254 */
    cut(cuts, COUNT(cuts));
    ck_assert_int_eq(vdev_net_segmenter_begin(&segmenter, &frame, pieces, 0), VDEV_OK);
    ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_ERROR_FULL);
    ck_assert_int_eq(vdev_net_segmenter_begin(&segmenter, &frame, pieces, 2), VDEV_OK);
    ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_ERROR_FULL);
    ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_ERROR_FULL);
    ck_assert_int_eq(vdev_net_segmenter_begin(&segmenter, &frame, pieces, 3), VDEV_OK);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_OK);
        ck_assert_ptr_null(packet_fault(flat, flatten(), &seen));
    }
    ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_ERROR_EMPTY);
}
END_TEST

START_TEST(what_the_user_keeps_in_the_frame_stays)
{
    static const struct packet_form form = TCP4;
    struct vdev_net_frame other;

    packet_make(&packet, &form);
    cut(NULL, 0);
    segmenter.frame.owner = &packet;
    segmenter.frame.next = &other;
    ck_assert_int_eq(begin(), VDEV_OK);
    ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_OK);
    ck_assert_ptr_eq(segmenter.frame.owner, &packet);
    ck_assert_ptr_eq(segmenter.frame.next, &other);
}
END_TEST

/* ---- a checksum only ---- */

/* Any frame, with a checksum begun anywhere: what comes out is the frame with the sum in place. */
static void check_checksum_only(void)
{
    size_t start = packet.offload.checksum_start;
    size_t place = start + packet.offload.checksum_offset;
    uint16_t sum = (uint16_t)~packet_sum(packet.bytes + start, packet.length - start, 0);

    ck_assert_int_eq(begin(), VDEV_OK);
    ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_OK);
    ck_assert_uint_eq(flatten(), packet.length);
    ck_assert_mem_eq(flat, packet.bytes, place);
    ck_assert_mem_eq(flat + place + 2, packet.bytes + place + 2, packet.length - place - 2);
    ck_assert_uint_ne(packet_number(flat + place, 2), 0);
    ck_assert(packet_same_sum((uint16_t)packet_number(flat + place, 2), sum));
    ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_ERROR_EMPTY);
}

START_TEST(a_checksum_anywhere_over_every_cut)
{
    static const uint16_t starts[] = {14, 15, 34, 99};
    static const uint16_t offsets[] = {0, 1, 6, 17};

    for (uint32_t length = 14; length < 150; length += 3) {
        for (unsigned i = 0; i < COUNT(starts) * COUNT(offsets); i++) {
            packet.length = length;
            packet.offload =
                (struct vdev_net_offload){.needs = VDEV_NET_CHECKSUM,
                                          .checksum_start = starts[i / COUNT(offsets)],
                                          .checksum_offset = offsets[i % COUNT(offsets)]};
            for (uint32_t j = 0; j < length; j++) {
                packet.bytes[j] = (uint8_t)packet_random(256);
            }
            size_t cuts[2] = {packet_random(length), length};
            cuts[1] = cuts[0] + packet_random((uint32_t)(length - cuts[0]) + 1);
            cut(cuts, 2);
            if ((uint32_t)starts[i / COUNT(offsets)] + offsets[i % COUNT(offsets)] + 2 > length) {
                ck_assert_int_eq(begin(), VDEV_ERROR_INVALID);
                ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_ERROR_EMPTY);
            } else {
                check_checksum_only();
            }
        }
    }
}
END_TEST

START_TEST(a_senders_own_pseudo_header_counts)
{
    struct packet_form form = forms[_i];
    uint32_t addresses = form.version6 ? 32 : 8;

    form.segment_size = 0;
    packet_make(&packet, &form);
    uint8_t *ip = packet.bytes + packet.network;
    uint32_t length = packet.length - packet.transport;
    packet_put(packet.bytes + packet.transport + packet.offload.checksum_offset, 2,
               packet_sum(ip + (form.version6 ? 8 : 12), addresses, length + (form.udp ? 17 : 6)));
    packet_put(ip + (form.version6 ? 4 : 2), 2,
               packet.length - packet.network - (form.version6 ? 40 : 0));
    if (!form.version6) {
        packet_put(ip + 10, 2, (uint16_t)~packet_sum(ip, packet.transport - packet.network, 0));
    }
    for (size_t one = 0; one <= packet.length; one += 3) {
        cut(&one, 1);
        check_checksum_only();
        ck_assert_ptr_null(packet_fault(flat, packet.length, &seen));
    }
}
END_TEST

START_TEST(a_checksum_whose_place_is_the_last_one_and_the_first_beyond)
{
    memset(packet.bytes, 0x5a, 1000);
    packet.length = 1000;
    packet.offload = (struct vdev_net_offload){
        .needs = VDEV_NET_CHECKSUM, .checksum_start = 14, .checksum_offset = 176};
    cut(NULL, 0);
    check_checksum_only();
    packet.offload.checksum_offset++;
    cut(NULL, 0);
    ck_assert_int_eq(begin(), VDEV_ERROR_INVALID);
    packet.offload.checksum_start = 65535;
    packet.offload.checksum_offset = 65535;
    cut(NULL, 0);
    ck_assert_int_eq(begin(), VDEV_ERROR_INVALID);
}
END_TEST

/* What lies behind a frame in its last buffer is not the frame. */
START_TEST(a_frame_that_ends_before_its_buffers)
{
    static const struct packet_form form = {.tcp_flags = 0x10, .payload = 20};

    packet_make(&packet, &form);
    for (uint32_t length = packet.length; length >= packet.payload; length--) {
        cut(NULL, 0);
        frame.length = length;
        packet.length = length;
        check_checksum_only();
    }
}
END_TEST

START_TEST(a_short_frame_needs_no_more_pieces_than_it_had)
{
    static const struct packet_form form = {.tcp_flags = 0x10, .payload = 20};

    packet_make(&packet, &form);
    cut(NULL, 0);
    ck_assert_int_eq(vdev_net_segmenter_begin(&segmenter, &frame, pieces, 1), VDEV_OK);
    ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_OK);
    ck_assert_uint_eq(segmenter.frame.buffer_count, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_offload");
    TCase *segments = tcase_create("segments");
    TCase *checksums = tcase_create("checksums");

    tcase_add_checked_fixture(segments, segments_setup, free_parts);
    tcase_set_timeout(segments, 60);
    tcase_add_loop_test(segments, segments_over_every_cut, 0, COUNT(forms));
    tcase_add_loop_test(segments, segments_of_a_frame_in_single_bytes, 0, COUNT(forms));
    tcase_add_loop_test(segments, segments_of_every_size, 0, COUNT(forms));
    tcase_add_loop_test(segments, only_the_first_segment_says_reduced_when_asked_so, 0, 2);
    tcase_add_loop_test(segments, what_stands_in_lengths_and_checksums_does_not_count, 0,
                        COUNT(forms));
    tcase_add_loop_test(segments, a_checksum_of_zero_is_sent_as_its_other_form, 0, 2);
    tcase_add_test(segments, the_longest_frame_and_the_first_that_is_too_long);
    tcase_add_test(segments, pieces_that_have_no_room);
    tcase_add_test(segments, what_the_user_keeps_in_the_frame_stays);
    suite_add_tcase(suite, segments);
    tcase_add_checked_fixture(checksums, segments_setup, free_parts);
    tcase_add_test(checksums, a_checksum_anywhere_over_every_cut);
    tcase_add_loop_test(checksums, a_senders_own_pseudo_header_counts, 0, COUNT(forms));
    tcase_add_test(checksums, a_checksum_whose_place_is_the_last_one_and_the_first_beyond);
    tcase_add_test(checksums, a_frame_that_ends_before_its_buffers);
    tcase_add_test(checksums, a_short_frame_needs_no_more_pieces_than_it_had);
    suite_add_tcase(suite, checksums);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
