/* SPDX-License-Identifier: BSD-2-Clause */
/* A short line that is put together piece by piece. What does not fit is left out. */
#ifndef BEAGLE_LINE_H
#define BEAGLE_LINE_H

#include <stdint.h>

struct line {
    char bytes[160]; /* always terminated, once line_clear was called */
    uint32_t length;
};

void line_clear(struct line *line);
void line_string(struct line *line, const char *string);
void line_decimal(struct line *line, uint64_t number);
/* So many digits at least, at most 8; without a prefix. */
void line_hexadecimal(struct line *line, uint32_t number, unsigned digits);

#endif
