/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text out of values, for programs that have no C library: a log, a line of a test. No printf: what
 * it does not know it does not guess.
 */
#ifndef VDEV_FORMAT_H
#define VDEV_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Takes `length` bytes of text, which are valid during the call. */
typedef void vdev_format_put(void *context, const char *text, size_t length);

/*
 * Calls `put` once for each piece of the text that is not empty. Of `format`: %s (a string, not
 * NULL, of which the first 4096 bytes), %u (an unsigned), %llu (an unsigned long long), %x (an
 * unsigned, as 0x and eight digits), %%; after another letter the arguments are not touched any
 * more and the rest of the text is left out. Anyone may call it, at any time.
 */
void vdev_format(vdev_format_put *put, void *context, const char *format, va_list arguments);

#endif
