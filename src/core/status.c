/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of the library's errors, for log lines. */
#include <vdev/status.h>

const char *vdev_status_name(int status)
{
    static const char *const names[] = {
        "OK",          "INVALID",   "RANGE", "STATE",   "FULL",   "EMPTY",   "UNSUPPORTED",
        "READ_ONLY",   "IO",        "TIMEOUT", "ABSENT", "CORRUPT", "BUSY",
    };
    if (status > 0 || -(long)status >= (long)(sizeof names / sizeof names[0])) {
        return "UNKNOWN";
    }
    return names[-status];
}
