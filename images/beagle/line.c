/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines put together piece by piece. */
#include "line.h"

#define DIGITS_MAXIMUM 20u /* of 2^64 - 1 */

static void put(struct line *line, char letter)
{
    if (line->length < sizeof line->bytes - 1) {
        line->bytes[line->length++] = letter;
        line->bytes[line->length] = 0;
    }
}

void line_clear(struct line *line)
{
    line->length = 0;
    line->bytes[0] = 0;
}

void line_string(struct line *line, const char *string)
{
    while (*string != 0) {
        put(line, *string++);
    }
}

static void put_backwards(struct line *line, const char *digits, unsigned count)
{
    while (count-- != 0) {
        put(line, digits[count]);
    }
}

void line_decimal(struct line *line, uint64_t number)
{
    char digits[DIGITS_MAXIMUM];
    unsigned count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    put_backwards(line, digits, count);
}

void line_hexadecimal(struct line *line, uint32_t number, unsigned digits)
{
    char backwards[8];
    unsigned count = 0;

    do {
        backwards[count++] = "0123456789abcdef"[number & 15];
        number >>= 4;
    } while (count < 8 && (number != 0 || count < digits));
    put_backwards(line, backwards, count);
}
