/* SPDX-License-Identifier: BSD-2-Clause */
/* The board's first UART, with one client in front at a time. The key is only there if there are
 * two. */
#include <vdev/backends/console.h>
#include <vdev/drivers/pl011.h>
#include <vdev/mux/console_focus.h>
#include <vdev/status.h>

#include "shared.h"

enum {
    UART_HERTZ = 24000000,
    RING = 4096, /* bytes kept of a client that is not in front, and bytes typed ahead */
    BUFFERS = 16,
    QUEUE_SIZE = 128,
};

static struct vdev_pl011 uart;
static struct vdev_console_focus focus;
static struct {
    struct vdev_console_backend backend;
    struct vdev_console_focus_port port;
    struct vdev_buffer buffers[BUFFERS];
    uint8_t output[RING], input[RING];
} clients[SHARED_CLIENTS];

static uint32_t steps;

static int start(const struct shared_start *start)
{
    const struct vdev_io io = {.base = start->address};
    const struct vdev_pl011_configuration line = {
        .io = &io,
        .clock = start->clock,
        .clock_hertz = UART_HERTZ,
        .baud = 115200,
        .interrupts = true,
    };
    const struct vdev_console_focus_configuration configuration = {
        .console = &uart.console,
        .key = start->clients > 1 ? VDEV_CONSOLE_FOCUS_KEY : VDEV_CONSOLE_FOCUS_NO_KEY,
        .announce = true,
        .hold_input = true,
    };
    int status = vdev_pl011_init(&uart, &line);

    steps = start->steps;
    return status != VDEV_OK ? status : vdev_console_focus_init(&focus, &configuration);
}

static int join(uint32_t number, const struct shared_client *client,
                struct vdev_virtio_device **device)
{
    const struct vdev_console_focus_port_configuration port = {
        .name = client->name,
        .output = clients[number].output,
        .input = clients[number].input,
        .output_size = RING,
        .input_size = RING,
    };
    const struct vdev_console_backend_configuration backend = {
        .memory = client->memory,
        .console = &clients[number].port.console,
        .buffers = clients[number].buffers,
        .buffer_count = BUFFERS,
        .queue_size = QUEUE_SIZE,
    };
    int status = vdev_console_focus_add(&focus, &clients[number].port, &port);

    *device = &clients[number].backend.device;
    return status != VDEV_OK ? status
                             : vdev_console_backend_init(&clients[number].backend, &backend);
}

static enum shared_progress poll(uint64_t *deadline)
{
    (void)deadline;
    for (uint32_t step = 0; step < steps; step++) {
        if (!vdev_console_focus_poll(&focus)) {
            return SHARED_WAITS;
        }
    }
    return SHARED_MORE;
}

const struct shared_service shared_console = {
    .interrupts = 1, .start = start, .join = join, .poll = poll};
