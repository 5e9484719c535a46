/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The four functions that the compiler and the library call [C11 7.24], for programs without a C
 * library: part of the freestanding library, and taken from it by who does not bring their own.
 * Words where both ends are aligned: a block's data passes through here, and each instruction counts.
 */
#include <stdint.h>

#include "core/mem.h"

/* Kept though only the compiler calls it; and its loops stay loops, not calls of what they are in. */
#if defined(__clang__)
#define OWN __attribute__((used, no_builtin))
#else
#define OWN __attribute__((used, optimize("no-tree-loop-distribute-patterns")))
#endif


typedef uint32_t __attribute__((may_alias)) word;

OWN void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if ((((uintptr_t)t | (uintptr_t)f) & 3) == 0) {
#ifdef __arm__
        for (; length >= 32; length -= 32, t += 32, f += 32) {
            __asm__ volatile("ldm %1, {r3-r10}\n\tstm %0, {r3-r10}" ::"r"(t), "r"(f)
                             : "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "memory");
        }
#endif
        for (; length >= 4; length -= 4, t += 4, f += 4) {
            *(word *)t = *(const word *)f;
        }
    }
    while (length-- != 0) {
        *t++ = *f++;
    }
    return to;
}

OWN void *memmove(void *to, const void *from, size_t length)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if (t <= f || t >= f + length) {
        return memcpy(to, from, length);
    }
    while (length-- != 0) {
        t[length] = f[length];
    }
    return to;
}

OWN void *memset(void *to, int value, size_t length)
{
    uint8_t *t = to;
    uint32_t pattern = (uint8_t)value * UINT32_C(0x01010101);

    for (; ((uintptr_t)t & 3) != 0 && length != 0; length--) {
        *t++ = (uint8_t)value;
    }
#ifdef __arm__
    for (; length >= 16; length -= 16, t += 16) {
        register uint32_t a __asm__("r4") = pattern, b __asm__("r5") = pattern;
        register uint32_t c __asm__("r6") = pattern, d __asm__("r8") = pattern;
        __asm__ volatile("stm %0, {r4, r5, r6, r8}" ::"r"(t), "r"(a), "r"(b), "r"(c), "r"(d)
                         : "memory");
    }
#endif
    for (; length >= 4; length -= 4, t += 4) {
        *(word *)t = pattern;
    }
    while (length-- != 0) {
        *t++ = (uint8_t)value;
    }
    return to;
}

OWN int memcmp(const void *a, const void *b, size_t length)
{
    const uint8_t *x = a;
    const uint8_t *y = b;

    for (; length != 0; length--, x++, y++) {
        if (*x != *y) {
            return *x < *y ? -1 : 1;
        }
    }
    return 0;
}
