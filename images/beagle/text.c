/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines put together piece by piece. */
#include "text.h"

#define DIGITS_MAXIMUM 20u /* of 2^64 - 1 */

static void put(struct text *text, char letter)
{
    if (text->length < sizeof text->bytes - 1) {
        text->bytes[text->length++] = letter;
        text->bytes[text->length] = 0;
    }
}

void text_clear(struct text *text)
{
    text->length = 0;
    text->bytes[0] = 0;
}

void text_string(struct text *text, const char *string)
{
    while (*string != 0) {
        put(text, *string++);
    }
}

static void put_backwards(struct text *text, const char *digits, unsigned count)
{
    while (count-- != 0) {
        put(text, digits[count]);
    }
}

void text_decimal(struct text *text, uint64_t number)
{
    char digits[DIGITS_MAXIMUM];
    unsigned count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    put_backwards(text, digits, count);
}

void text_hexadecimal(struct text *text, uint32_t number, unsigned digits)
{
    char backwards[8];
    unsigned count = 0;

    do {
        backwards[count++] = "0123456789abcdef"[number & 15];
        number >>= 4;
    } while (count < 8 && (number != 0 || count < digits));
    put_backwards(text, backwards, count);
}
