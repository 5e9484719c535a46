/* SPDX-License-Identifier: BSD-2-Clause */
/* Text out of values. */
#include <vdev/format.h>

#include <stdint.h>

/* Division by ten without the 64-bit division that the compiler would call a library for. */
static uint64_t divide_by_ten(uint64_t value, uint32_t *rest)
{
    uint64_t quotient = 0;

    *rest = 0;
    for (int shift = 56; shift >= 0; shift -= 8) {
        *rest = *rest << 8 | (uint8_t)(value >> shift);
        quotient = quotient << 8 | *rest / 10;
        *rest %= 10;
    }
    return quotient;
}

static void put_decimal(vdev_format_put *put, void *context, uint64_t value)
{
    char digits[20]; /* of 2^64 - 1 */
    size_t at = sizeof digits;

    do {
        uint32_t rest;
        value = divide_by_ten(value, &rest);
        digits[--at] = (char)('0' + rest);
    } while (value != 0);
    put(context, digits + at, sizeof digits - at);
}

static void put_hexadecimal(vdev_format_put *put, void *context, uint32_t value)
{
    char digits[10] = "0x";

    for (int i = 0; i < 8; i++) {
        digits[2 + i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
    }
    put(context, digits, sizeof digits);
}

#define PIECE 4096u /* bounded, or the compiler would make a call of strlen out of it */

static size_t length_of(const char *text, char end)
{
    size_t length = 0;

    while (length < PIECE && text[length] != '\0' && text[length] != end) {
        length++;
    }
    return length;
}

void vdev_format(vdev_format_put *put, void *context, const char *format, va_list arguments)
{
    for (;;) {
        size_t plain = length_of(format, '%');
        if (plain != 0) {
            put(context, format, plain);
            format += plain;
            continue;
        }
        if (*format++ == '\0') {
            return;
        }
        if (*format == 's') {
            const char *text = va_arg(arguments, const char *);
            size_t length = length_of(text, '\0');
            if (length != 0) {
                put(context, text, length);
            }
        } else if (*format == 'u') {
            put_decimal(put, context, va_arg(arguments, unsigned));
        } else if (*format == 'x') {
            put_hexadecimal(put, context, va_arg(arguments, unsigned));
        } else if (*format == '%') {
            put(context, "%", 1);
        } else if (format[0] == 'l' && format[1] == 'l' && format[2] == 'u') {
            put_decimal(put, context, va_arg(arguments, unsigned long long));
            format += 2;
        } else {
            return;
        }
        format++;
    }
}
