/* SPDX-License-Identifier: BSD-2-Clause */
/* See log.h. What a peer can put into a line is kept printable, so that it cannot forge one. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static const char *const names[] = {
    [VDEV_HOST_LOG_ERROR] = "error",
    [VDEV_HOST_LOG_INFO] = "info",
    [VDEV_HOST_LOG_DEBUG] = "debug",
};

static enum vdev_host_log_level most = VDEV_HOST_LOG_INFO;

bool log_set_level(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            most = (enum vdev_host_log_level)i;
            return true;
        }
    }
    return false;
}

void log_line(enum vdev_host_log_level level, const char *format, ...)
{
    char line[512];
    va_list arguments;

    if (level > most) {
        return;
    }
    int length = snprintf(line, sizeof line, "vdev: %s: ", names[level]);
    va_start(arguments, format);
    int more = vsnprintf(line + length, sizeof line - (size_t)length - 1, format, arguments);
    va_end(arguments);
    if (more < 0) {
        return;
    }
    size_t end = strlen(line);
    for (size_t i = 0; i < end; i++) {
        if ((unsigned char)line[i] < ' ') {
            line[i] = '?';
        }
    }
    line[end++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, end);
    (void)written; /* there is nobody to tell */
}

void log_from_library(void *context, enum vdev_host_log_level level, const char *line)
{
    (void)context;
    log_line(level, "%s", line);
}
