/* SPDX-License-Identifier: BSD-2-Clause */
/* The log, on the board's second UART by the same driver as the console's; it waits, bounded. */
#include <stdarg.h>

#include <vdev/drivers/pl011.h>

#include "hyp.h"

#define PATIENCE 100000000u /* ns that a full FIFO is waited for before the rest is dropped */

static struct vdev_pl011 uart;
static bool ready;

void log_init(void)
{
    static const struct vdev_io io = {.base = BOARD_UART1};
    static const struct vdev_pl011_configuration configuration = {
        .io = &io,
        .clock = &board_clock,
        .clock_hertz = 24000000,
        .baud = 115200,
        .interrupts = false,
    };
    ready = vdev_pl011_init(&uart, &configuration) == 0;
}

static void put(const char *text, size_t length)
{
    uint64_t start = vdev_clock_now(&board_clock);

    while (ready && length != 0 && vdev_clock_now(&board_clock) - start < PATIENCE) {
        size_t taken = vdev_console_write(&uart.console, (const uint8_t *)text, length);
        text += taken;
        length -= taken;
    }
}

/* Division by ten without the 64-bit division that the compiler would call a library for. */
static void put_decimal(uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        uint64_t quotient = 0;
        uint32_t rest = 0;
        for (int shift = 56; shift >= 0; shift -= 8) {
            rest = rest << 8 | (uint8_t)(value >> shift);
            quotient = quotient << 8 | rest / 10;
            rest %= 10;
        }
        digits[--at] = (char)('0' + rest);
        value = quotient;
    } while (value != 0);
    put(digits + at, sizeof digits - at);
}

static void put_hexadecimal(uint32_t value)
{
    char digits[10] = "0x";

    for (int i = 0; i < 8; i++) {
        digits[2 + i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
    }
    put(digits, sizeof digits);
}

static size_t length_of(const char *text, char end)
{
    size_t length = 0;
    while (text[length] != '\0' && text[length] != end) {
        length++;
    }
    return length;
}

static void print(const char *format, va_list arguments)
{
    while (*format != '\0') {
        size_t plain = length_of(format, '%');
        put(format, plain);
        format += plain;
        if (*format == '\0') {
            return;
        }
        switch (*++format) {
        case 's': {
            const char *text = va_arg(arguments, const char *);
            put(text, length_of(text, '\0'));
            break;
        }
        case 'u':
            put_decimal(va_arg(arguments, unsigned));
            break;
        case 'x':
            put_hexadecimal(va_arg(arguments, unsigned));
            break;
        case 'l': /* llu */
            format += 2;
            put_decimal(va_arg(arguments, unsigned long long));
            break;
        default:
            put(format, 1);
            break;
        }
        format++;
    }
}

void log_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print(format, arguments);
    va_end(arguments);
}

void log_stop(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print(format, arguments);
    va_end(arguments);
    put("\n", 1);
    board_power_off();
}
