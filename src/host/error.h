/* SPDX-License-Identifier: BSD-2-Clause */
/* Saying what failed, in one line for a person. */
#ifndef VDEV_HOST_ERROR_INTERNAL_H
#define VDEV_HOST_ERROR_INTERNAL_H

#include <vdev/host/loop.h>

/* Write the line, cut to its room; nothing if `error` is NULL. */
void vdev_host_error_set(struct vdev_host_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
