/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of the library's errors, for log lines. */
#include <vdev/status.h>

const char *vdev_status_name(int status)
{
    static const char *const names[] = {
        "OK",        "INVALID", "RANGE",   "STATE",  "FULL",    "EMPTY", "UNSUPPORTED",
        "READ_ONLY", "IO",      "TIMEOUT", "ABSENT", "CORRUPT", "BUSY",  "AGAIN",
    };
    /* Compared as a negative number: INT_MIN has no positive one. */
    if (status > 0 || status <= -(int)(sizeof names / sizeof names[0])) {
        return "UNKNOWN";
    }
    return names[-status];
}
