/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The four functions that the library and the compiler call, as C11 §7.24 describes them. Built so
 * that the compiler does not make a loop in here a call of the function that it is in.
 */
#include "core/mem.h"

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    unsigned char *target = to;
    const unsigned char *source = from;

    while (length-- != 0) {
        *target++ = *source++;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t length)
{
    unsigned char *target = to;
    const unsigned char *source = from;

    if ((size_t)(target - source) >= length) {
        return memcpy(to, from, length);
    }
    while (length-- != 0) {
        target[length] = source[length];
    }
    return to;
}

void *memset(void *to, int value, size_t length)
{
    unsigned char *target = to;

    while (length-- != 0) {
        *target++ = (unsigned char)value;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t length)
{
    const unsigned char *left = a;
    const unsigned char *right = b;

    for (size_t i = 0; i < length; i++) {
        if (left[i] != right[i]) {
            return left[i] - right[i];
        }
    }
    return 0;
}
