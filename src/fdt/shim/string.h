/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What libfdt expects of <string.h> and a freestanding target lacks, as C11 §7.24 describes it.
 * Only the files of src/fdt see this folder; nothing here is a symbol of the library.
 */
#ifndef FDT_SHIM_STRING_H
#define FDT_SHIM_STRING_H

#include <stddef.h>

#include "core/mem.h"

static inline size_t strnlen(const char *string, size_t maximum)
{
    size_t length = 0;
    while (length < maximum && string[length] != '\0') {
        length++;
    }
    return length;
}

static inline size_t strlen(const char *string)
{
    return strnlen(string, (size_t)-1);
}

static inline void *memchr(const void *memory, int value, size_t length)
{
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == (unsigned char)value) {
            return (void *)(bytes + i);
        }
    }
    return NULL;
}

static inline int strcmp(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

static inline char *strchr(const char *string, int value)
{
    return memchr(string, value, strlen(string) + 1);
}

static inline char *strrchr(const char *string, int value)
{
    for (size_t i = strlen(string) + 1; i != 0; i--) {
        if (string[i - 1] == (char)value) {
            return (char *)(string + i - 1);
        }
    }
    return NULL;
}

#endif
