/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the test kit's failures and reports go. Every part of the kit takes such a function, so
 * that it works inside any test framework (<vdev/testing/check.h> is Check's) and without one.
 */
#ifndef VDEV_TESTING_FAIL_H
#define VDEV_TESTING_FAIL_H

#include <stdint.h>

#include <vdev/bus.h>

/*
 * Hears of a failure, each object's first only. Should not come back: it ends the test (Check:
 * ck_abort_msg) or the program. Where it does come back, reads give 0 and nothing is compared any
 * more, so that a driver which waits for ever will wait for ever.
 */
typedef void vdev_testing_fail_function(void *context, const char *message);

/* Takes a report, line by line, without the line's end. */
typedef void vdev_testing_print_function(void *context, const char *line);

/* Without a framework: the message to standard error, and the program ends with a failure. */
void vdev_testing_stop(void *context, const char *message);

/* The line to standard output. */
void vdev_testing_print(void *context, const char *line);

#define VDEV_TESTING_HISTORY 8u
#define VDEV_TESTING_MESSAGE 1536u /* characters that a message has at most, with its end */

/* The last accesses, for a failure's message: access n stands at n % VDEV_TESTING_HISTORY. */
struct vdev_testing_history {
    struct vdev_access access[VDEV_TESTING_HISTORY];
    uint32_t count; /* accesses in all */
};

#endif
