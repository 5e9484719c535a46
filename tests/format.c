/* SPDX-License-Identifier: BSD-2-Clause */
/* Text out of values: every conversion, at its limits, and what is none. */
#include <check.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <vdev/format.h>

static char text[256];
static size_t length;

static void put(void *context, const char *piece, size_t bytes)
{
    ck_assert_ptr_eq(context, text);
    ck_assert_uint_ne(bytes, 0);
    ck_assert_uint_lt(length + bytes, sizeof text);
    memcpy(text + length, piece, bytes);
    length += bytes;
}

static const char *format(const char *pattern, ...)
{
    va_list arguments;

    memset(text, 0, sizeof text);
    length = 0;
    va_start(arguments, pattern);
    vdev_format(put, text, pattern, arguments);
    va_end(arguments);
    return text;
}

START_TEST(conversions)
{
    ck_assert_str_eq(format("%s", "a string"), "a string");
    ck_assert_str_eq(format("%u %u %u", 0u, 10u, UINT_MAX), "0 10 4294967295");
    ck_assert_str_eq(format("%x %x", 0u, 0xfedcba98u), "0x00000000 0xfedcba98");
    ck_assert_str_eq(format("%llu", ULLONG_MAX), "18446744073709551615");
    ck_assert_str_eq(format("%llu%llu", 0ull, 4294967296ull), "04294967296");
    ck_assert_str_eq(format("100%%"), "100%");
    ck_assert_str_eq(format("a %s, %u of %x: %llu.", "b", 1u, 2u, 3ull), "a b, 1 of 0x00000002: 3.");
}
END_TEST

/* An empty piece is not put: who writes it to a device need not ask. */
START_TEST(nothing)
{
    ck_assert_str_eq(format(""), "");
    ck_assert_str_eq(format("%s%s", "", "a"), "a");
}
END_TEST

/* What is unknown takes no argument that it might mistake: the rest is left out. */
START_TEST(unknown)
{
    ck_assert_str_eq(format("a%d%s", 1, "b"), "a");
    ck_assert_str_eq(format("a%lu", 1ul), "a");
    ck_assert_str_eq(format("a%ll", 1ull), "a");
    ck_assert_str_eq(format("a%"), "a");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vdev_format");
    TCase *tests = tcase_create("format");

    tcase_add_test(tests, conversions);
    tcase_add_test(tests, nothing);
    tcase_add_test(tests, unknown);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
