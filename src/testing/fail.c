/* SPDX-License-Identifier: BSD-2-Clause */
/* The test kit without a test framework: standard output and error. */
#include <stdio.h>
#include <stdlib.h>

#include <vdev/testing/fail.h>

void vdev_testing_stop(void *context, const char *message)
{
    (void)context;
    fprintf(stderr, "%s\n", message);
    exit(EXIT_FAILURE);
}

void vdev_testing_print(void *context, const char *line)
{
    (void)context;
    puts(line);
}
