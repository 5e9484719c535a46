/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The test kit inside the Check framework: include <check.h> first. The kit itself does not need
 * Check, so neither does this header: without Check's there is nothing in it.
 */
#ifndef VDEV_TESTING_CHECK_H
#define VDEV_TESTING_CHECK_H

#include <vdev/testing/fail.h>

#ifdef ck_abort_msg
/* A vdev_testing_fail_function: the running test fails with the message, and ends. */
static inline void vdev_testing_check(void *context, const char *message)
{
    (void)context;
    ck_abort_msg("%s", message);
}
#endif

#endif
