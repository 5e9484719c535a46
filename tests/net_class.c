/* SPDX-License-Identifier: BSD-2-Clause */
/* The net class: the checks of a frame that are the same for every device, and the names of drops.
 */
#include <limits.h>
#include <string.h>

#include <check.h>

#include <vdev/net.h>
#include <vdev/status.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define SEGMENTED    (VDEV_NET_TCP4 | VDEV_NET_TCP6 | VDEV_NET_UDP)
#define ALL          (VDEV_NET_CHECKSUM | SEGMENTED | VDEV_NET_ECN)

static int check(uint32_t length, uint8_t needs, uint16_t segment_size, uint16_t start,
                 uint16_t offset)
{
    const struct vdev_net_offload offload = {.needs = needs,
                                             .segment_size = segment_size,
                                             .checksum_start = start,
                                             .checksum_offset = offset};
    return vdev_net_check(length, &offload, ALL, VDEV_NET_MTU);
}

START_TEST(a_plain_frames_length)
{
    static const struct vdev_net_offload none;

    ck_assert_int_eq(vdev_net_check(0, &none, 0, 1500), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_net_check(13, &none, 0, 1500), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_net_check(14, &none, 0, 1500), VDEV_OK);
    ck_assert_int_eq(vdev_net_check(1500 + 14 + 4, &none, 0, 1500), VDEV_OK); /* with a tag */
    ck_assert_int_eq(vdev_net_check(1500 + 14 + 5, &none, 0, 1500), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_net_check(68 + 14 + 4, &none, 0, 68), VDEV_OK);
    ck_assert_int_eq(vdev_net_check(68 + 14 + 5, &none, 0, 68), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_net_check(65535 + 14 + 4, &none, 0, 65535), VDEV_OK);
    ck_assert_int_eq(vdev_net_check(65535 + 14 + 5, &none, 0, 65535), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_net_check(UINT32_MAX, &none, 0, 65535), VDEV_ERROR_RANGE);
}
END_TEST

START_TEST(a_segmented_frames_length)
{
    static const uint8_t kinds[] = {VDEV_NET_TCP4, VDEV_NET_TCP6, VDEV_NET_UDP};
    uint8_t needs = kinds[_i] | VDEV_NET_CHECKSUM;

    ck_assert_int_eq(check(1500 + 14 + 5, needs, 1460, 34, 6), VDEV_OK);
    ck_assert_int_eq(check(VDEV_NET_SEGMENTED_BYTES + 4, needs, 1460, 34, 6), VDEV_OK);
    ck_assert_int_eq(check(VDEV_NET_SEGMENTED_BYTES + 5, needs, 1460, 34, 6), VDEV_ERROR_RANGE);
    ck_assert_int_eq(check(UINT32_MAX, needs, 1460, 34, 6), VDEV_ERROR_RANGE);
    ck_assert_int_eq(check(100, needs, 1, 34, 6), VDEV_OK);
    ck_assert_int_eq(check(100, needs, UINT16_MAX, 34, 6), VDEV_OK);
}
END_TEST

START_TEST(a_checksums_place)
{
    const uint8_t needs = VDEV_NET_CHECKSUM;

    ck_assert_int_eq(check(100, needs, 0, 13, 0), VDEV_ERROR_INVALID); /* in the Ethernet header */
    ck_assert_int_eq(check(100, needs, 0, 14, 0), VDEV_OK);
    ck_assert_int_eq(check(100, needs, 0, 14, 84), VDEV_OK);
    ck_assert_int_eq(check(100, needs, 0, 14, 85), VDEV_ERROR_INVALID); /* half outside */
    ck_assert_int_eq(check(100, needs, 0, 98, 0), VDEV_OK);
    ck_assert_int_eq(check(100, needs, 0, 99, 0), VDEV_ERROR_INVALID);
    ck_assert_int_eq(check(100, needs, 0, 100, 0), VDEV_ERROR_INVALID);
    ck_assert_int_eq(check(100, needs, 0, 65535, 0), VDEV_ERROR_INVALID);
    ck_assert_int_eq(check(100, needs, 0, 14, 65535), VDEV_ERROR_INVALID);
    ck_assert_int_eq(check(100, needs, 0, 50, 65534), VDEV_ERROR_INVALID); /* wraps 16 bits */
    ck_assert_int_eq(check(100, needs, 0, 65535, 65535), VDEV_ERROR_INVALID);
    ck_assert_int_eq(check(15, needs, 0, 14, 0), VDEV_ERROR_INVALID);
    ck_assert_int_eq(check(16, needs, 0, 14, 0), VDEV_OK);
    /* Fields of what is not needed are nobody's business. */
    ck_assert_int_eq(check(100, 0, 0, 65535, 65535), VDEV_OK);
}
END_TEST

START_TEST(every_set_of_needs)
{
    for (unsigned needs = 0; needs < 32; needs++) {
        unsigned kind = needs & SEGMENTED;
        bool one = kind == VDEV_NET_TCP4 || kind == VDEV_NET_TCP6 || kind == VDEV_NET_UDP;
        bool sound = (kind == 0 || (one && (needs & VDEV_NET_CHECKSUM) != 0)) &&
                     ((needs & VDEV_NET_ECN) == 0 || (one && kind != VDEV_NET_UDP));
        for (unsigned size = 0; size < 2; size++) {
            int expected = sound && (kind != 0) == (size != 0) ? VDEV_OK : VDEV_ERROR_INVALID;
            ck_assert_int_eq(check(200, (uint8_t)needs, (uint16_t)size, 34, 16), expected);
        }
    }
}
END_TEST

START_TEST(what_the_taker_does_not_take)
{
    static const uint8_t sound[] = {VDEV_NET_CHECKSUM,
                                    VDEV_NET_CHECKSUM | VDEV_NET_TCP4,
                                    VDEV_NET_CHECKSUM | VDEV_NET_TCP6,
                                    VDEV_NET_CHECKSUM | VDEV_NET_UDP,
                                    VDEV_NET_CHECKSUM | VDEV_NET_TCP4 | VDEV_NET_ECN,
                                    VDEV_NET_CHECKSUM | VDEV_NET_TCP6 | VDEV_NET_ECN};

    for (unsigned i = 0; i < COUNT(sound); i++) {
        struct vdev_net_offload offload = {.needs = sound[i],
                                           .segment_size = (sound[i] & SEGMENTED) != 0 ? 100 : 0,
                                           .checksum_start = 34,
                                           .checksum_offset = 6};
        for (uint32_t takes = 0; takes < 64; takes++) {
            ck_assert_int_eq(vdev_net_check(200, &offload, takes, 1500),
                             (sound[i] & ~takes) == 0 ? VDEV_OK : VDEV_ERROR_UNSUPPORTED);
        }
    }
    /* A kind of help that is not known yet. */
    ck_assert_int_eq(check(200, 0x20, 0, 34, 6), VDEV_ERROR_UNSUPPORTED);
    /* Bad in two ways: what is bad for everybody comes first. */
    const struct vdev_net_offload bad = {.needs = VDEV_NET_TCP4};
    ck_assert_int_eq(vdev_net_check(200, &bad, 0, 1500), VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(names_of_drops)
{
    for (unsigned i = 0; i < VDEV_NET_DROP_REASONS; i++) {
        const char *name = vdev_net_drop_name((enum vdev_net_drop)i);
        ck_assert_ptr_nonnull(name);
        ck_assert_uint_ne(strlen(name), 0);
        ck_assert_str_ne(name, "unknown");
        for (unsigned j = 0; j < i; j++) {
            ck_assert_str_ne(name, vdev_net_drop_name((enum vdev_net_drop)j));
        }
    }
    ck_assert_str_eq(vdev_net_drop_name(VDEV_NET_DROP_SHORT), "short");
    ck_assert_str_eq(vdev_net_drop_name(VDEV_NET_DROP_NO_ROOM), "no room");
    ck_assert_str_eq(vdev_net_drop_name(VDEV_NET_DROP_MEDIUM), "medium");
    ck_assert_str_eq(vdev_net_drop_name(VDEV_NET_DROP_REASONS), "unknown");
    ck_assert_str_eq(vdev_net_drop_name((enum vdev_net_drop) - 1), "unknown");
    ck_assert_str_eq(vdev_net_drop_name((enum vdev_net_drop)INT_MAX), "unknown");
}
END_TEST

START_TEST(reasons_of_errors)
{
    ck_assert_int_eq(vdev_net_drop_of(VDEV_ERROR_RANGE, 0), VDEV_NET_DROP_LONG);
    ck_assert_int_eq(vdev_net_drop_of(VDEV_ERROR_INVALID, 0), VDEV_NET_DROP_SHORT);
    ck_assert_int_eq(vdev_net_drop_of(VDEV_ERROR_INVALID, VDEV_NET_CHECKSUM),
                     VDEV_NET_DROP_OFFLOAD);
    ck_assert_int_eq(vdev_net_drop_of(VDEV_ERROR_RANGE, VDEV_NET_TCP4), VDEV_NET_DROP_LONG);
    ck_assert_int_eq(vdev_net_drop_of(VDEV_ERROR_UNSUPPORTED, 0), VDEV_NET_DROP_OFFLOAD);
    ck_assert_int_eq(vdev_net_drop_of(VDEV_ERROR_FULL, 0), VDEV_NET_DROP_FULL);
    ck_assert_int_eq(vdev_net_drop_of(VDEV_ERROR_ABSENT, 0), VDEV_NET_DROP_NO_LINK);
}
END_TEST

START_TEST(kinds_of_addresses)
{
    uint8_t address[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint8_t other[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    for (unsigned i = 0; i < 6; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            ck_assert(vdev_net_is_broadcast(address));
            ck_assert(vdev_net_same_address(address, other));
            address[i] ^= (uint8_t)(1u << bit);
            ck_assert(!vdev_net_is_broadcast(address));
            ck_assert(!vdev_net_same_address(address, other));
            ck_assert(vdev_net_is_group(address) == (i != 0 || bit != 0));
            address[i] ^= (uint8_t)(1u << bit);
        }
    }
}
END_TEST

START_TEST(counts_of_a_direction)
{
    struct vdev_net_direction direction = {.frames = UINT32_MAX, .bytes = UINT32_MAX - 9};

    vdev_net_count(&direction, 60);
    ck_assert_uint_eq(direction.frames, 0);
    ck_assert_uint_eq(direction.bytes, 50);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_class");
    TCase *checks = tcase_create("check");
    TCase *names = tcase_create("names");

    tcase_add_test(checks, a_plain_frames_length);
    tcase_add_loop_test(checks, a_segmented_frames_length, 0, 3);
    tcase_add_test(checks, a_checksums_place);
    tcase_add_test(checks, every_set_of_needs);
    tcase_add_test(checks, what_the_taker_does_not_take);
    suite_add_tcase(suite, checks);
    tcase_add_test(names, names_of_drops);
    tcase_add_test(names, reasons_of_errors);
    tcase_add_test(names, kinds_of_addresses);
    tcase_add_test(names, counts_of_a_direction);
    suite_add_tcase(suite, names);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
