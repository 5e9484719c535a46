/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only functions the library needs from outside: memcpy, memmove, memset, memcmp. A hosted
 * build has them declared by libc; a freestanding one may have no <string.h>, but always links them,
 * since the compiler itself calls them.
 */
#ifndef CORE_MEM_H
#define CORE_MEM_H

#if __STDC_HOSTED__
#include <string.h>
#else
#include <stddef.h>
void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);
#endif

#endif
