/* SPDX-License-Identifier: BSD-2-Clause */
/* A short line that is put together piece by piece. What does not fit is left out. */
#ifndef BEAGLE_TEXT_H
#define BEAGLE_TEXT_H

#include <stdint.h>

struct text {
    char bytes[160]; /* always terminated, once text_clear was called */
    uint32_t length;
};

void text_clear(struct text *text);
void text_string(struct text *text, const char *string);
void text_decimal(struct text *text, uint64_t number);
/* So many digits at least, at most 8; without a prefix. */
void text_hexadecimal(struct text *text, uint32_t number, unsigned digits);

#endif
