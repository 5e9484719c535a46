/* SPDX-License-Identifier: BSD-2-Clause */
/* The core: memory map, cursors, trap dispatch. */
#include <check.h>

#include <vdev/status.h>

START_TEST(names_of_errors)
{
    ck_assert_str_eq(vdev_status_name(VDEV_ERROR_BUSY), "BUSY");
    ck_assert_str_eq(vdev_status_name(VDEV_ERROR_BUSY - 1), "UNKNOWN");
    ck_assert_str_eq(vdev_status_name(1), "UNKNOWN");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core");
    TCase *tests = tcase_create("status");
    tcase_add_test(tests, names_of_errors);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
