/* SPDX-License-Identifier: BSD-2-Clause */
/* Saying what failed, in one line for a person. */
#include <stdarg.h>
#include <stdio.h>

#include "host/error.h"

void vdev_host_error_set(struct vdev_host_error *error, const char *format, ...)
{
    va_list arguments;

    if (error == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
}
