/* SPDX-License-Identifier: BSD-2-Clause */
/* The log, on the board's second UART by the same driver as the console's; it waits, bounded. */
#include <vdev/drivers/pl011.h>
#include <vdev/format.h>

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

static void put(void *context, const char *text, size_t length)
{
    (void)context;
    uint64_t start = vdev_clock_now(&board_clock);

    while (ready && length != 0 && vdev_clock_now(&board_clock) - start < PATIENCE) {
        size_t taken = vdev_console_write(&uart.console, (const uint8_t *)text, length);
        text += taken;
        length -= taken;
    }
}

void log_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vdev_format(put, NULL, format, arguments);
    va_end(arguments);
}

void log_stop(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vdev_format(put, NULL, format, arguments);
    va_end(arguments);
    put(NULL, "\n", 1);
    board_power_off();
}
