/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines to standard error, each with its level. */
#ifndef VDEV_TOOL_LOG_H
#define VDEV_TOOL_LOG_H

#include <stdbool.h>

#include <vdev/host/vhost_user.h>

/* "error", "info" or "debug"; false: none of these. Before it is called: info. */
bool log_set_level(const char *name);

/* What is above the level is not written. One write a line, so that processes do not mix theirs. */
void log_line(enum vdev_host_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for who has a line already; `context` is not looked at. */
void log_from_library(void *context, enum vdev_host_log_level level, const char *line);

#endif
