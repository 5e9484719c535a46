/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's firmware calls: what each answers, and what the hypervisor is told to do. */
#include <check.h>
#include <stdlib.h>

#include <vdev/emulators/psci.h>

#define CALL(number) (0x84000000u + (number))

static int32_t result;

static enum vdev_psci_action call(uint32_t function, uint32_t argument)
{
    uint32_t value = 0x5a5a5a5a;
    enum vdev_psci_action action = vdev_psci_call(function, argument, &value);

    result = (int32_t)value;
    return action;
}

START_TEST(the_version_is_1_0)
{
    ck_assert_int_eq(call(CALL(0), 0), VDEV_PSCI_RETURN);
    ck_assert_int_eq(result, 0x10000);
}
END_TEST

START_TEST(what_features_says_is_there_is_there)
{
    for (uint32_t i = 0; i < 32; i++) {
        call(CALL(10), CALL(i));
        int32_t said = result;
        ck_assert_int_eq(said, i <= 10 && i != 5 && i != 7 ? 0 : -1);
        enum vdev_psci_action action = call(CALL(i), i == 10 ? CALL(0) : 0);
        ck_assert(said == 0 || (action == VDEV_PSCI_RETURN && result == -1));
        ck_assert(said != 0 || action >= VDEV_PSCI_OFF || result != -1);
    }
    call(CALL(10), 0xc4000003); /* the 64-bit one */
    ck_assert_int_eq(result, -1);
    call(CALL(10), 0);
    ck_assert_int_eq(result, -1);
}
END_TEST

START_TEST(the_only_processor_is_on_and_stays_so)
{
    ck_assert_int_eq(call(CALL(2), 0), VDEV_PSCI_RETURN);
    ck_assert_int_eq(result, -3);
    ck_assert_int_eq(call(CALL(3), 0), VDEV_PSCI_RETURN);
    ck_assert_int_eq(result, -4);
    ck_assert_int_eq(call(CALL(3), 1), VDEV_PSCI_RETURN);
    ck_assert_int_eq(result, -2);
    call(CALL(4), 0);
    ck_assert_int_eq(result, 0);
    call(CALL(4), 1);
    ck_assert_int_eq(result, -2);
    call(CALL(6), 0);
    ck_assert_int_eq(result, 2);
}
END_TEST

START_TEST(suspend_is_a_standby_or_wrong)
{
    ck_assert_int_eq(call(CALL(1), 0), VDEV_PSCI_STANDBY);
    ck_assert_int_eq(result, 0);
    ck_assert_int_eq(call(CALL(1), 1u << 16), VDEV_PSCI_RETURN);
    ck_assert_int_eq(result, -2);
}
END_TEST

START_TEST(off_and_reset_are_the_hypervisors)
{
    ck_assert_int_eq(call(CALL(8), 0), VDEV_PSCI_OFF);
    ck_assert_int_eq(call(CALL(9), 0), VDEV_PSCI_RESET);
}
END_TEST

START_TEST(unknown_calls_are_not_supported)
{
    static const uint32_t unknown[] = {0, 1, 0x80000000, 0x84000005, 0x8400000b, 0xc4000003,
                                       0x86000000, 0xffffffff};

    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        ck_assert_int_eq(call(unknown[i], UINT32_MAX), VDEV_PSCI_RETURN);
        ck_assert_int_eq(result, -1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("psci");
    TCase *tests = tcase_create("calls");
    tcase_add_test(tests, the_version_is_1_0);
    tcase_add_test(tests, what_features_says_is_there_is_there);
    tcase_add_test(tests, the_only_processor_is_on_and_stays_so);
    tcase_add_test(tests, suspend_is_a_standby_or_wrong);
    tcase_add_test(tests, off_and_reset_are_the_hypervisors);
    tcase_add_test(tests, unknown_calls_are_not_supported);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
