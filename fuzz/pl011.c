/* SPDX-License-Identifier: BSD-2-Clause */
/* A hostile driver of the emulated PL011: any access in any order, with a console that stalls. */
#include <vdev/emulators/pl011.h>
#include <vdev/status.h>

#include "../tests/support/console_pipe.h"
#include "input.h"

static bool line_level;

static void set_line(void *controller, uint32_t number, bool level)
{
    (void)controller;
    (void)number;
    fuzz_require(line_level != level);
    line_level = level;
}

static uint64_t access_register(struct vdev_pl011_emulator *emulator, uint32_t offset,
                                unsigned width, bool write, uint64_t value)
{
    struct vdev_access access = {
        .offset = offset, .width = (uint8_t)width, .write = write, .value = value};
    int status = vdev_pl011_emulator_access(emulator, &access);

    fuzz_require(status <= 0 && status >= VDEV_ERROR_BUSY);
    if (status == VDEV_OK && !write && width < 8) {
        fuzz_require(access.value >> (8 * width) == 0);
    }
    return access.value;
}

static void step(struct input *input, struct vdev_pl011_emulator *emulator,
                 struct console_pipe *pipe)
{
    uint8_t bytes[40];

    switch (input_below(input, 8)) {
    case 0:
        access_register(emulator, input_below(input, 0x1000), 1u << input_below(input, 4),
                        input_byte(input) & 1, input_number(input, 8));
        break;
    case 1:
    case 2:
        access_register(emulator, 4 * input_below(input, 0x50 / 4), 4, input_byte(input) & 1,
                        input_number(input, 2));
        break;
    case 3:
        access_register(emulator, 0, 4, input_byte(input) & 1, input_byte(input));
        break;
    case 4:
        pipe->room = input_below(input, 20);
        pipe->output_length = 0;
        vdev_console_poll(&pipe->console);
        break;
    case 5:
        memset(bytes, input_byte(input), sizeof bytes);
        console_pipe_feed(pipe, bytes, input_below(input, sizeof bytes));
        vdev_console_poll(&pipe->console);
        break;
    case 6:
        vdev_pl011_emulator_receive(emulator, (uint16_t)input_number(input, 2));
        break;
    default:
        vdev_pl011_emulator_modem(emulator, (uint32_t)input_number(input, 2));
        break;
    }
    fuzz_require(emulator->receive_count <= VDEV_PL011_FIFO_DEPTH);
    fuzz_require(emulator->transmit_count <= VDEV_PL011_FIFO_DEPTH);
    uint64_t masked = access_register(emulator, 0x40, 4, false, 0);
    fuzz_require(masked == (access_register(emulator, 0x3c, 4, false, 0) &
                            access_register(emulator, 0x38, 4, false, 0)));
    fuzz_require(line_level == (masked != 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct console_pipe pipe; /* large, and what it holds does not matter */
    struct input input = {data, size};
    struct vdev_interrupt_line line = {set_line, NULL, 0, false};
    struct vdev_pl011_emulator emulator;

    if (pipe.console.operations == NULL) {
        console_pipe_init(&pipe);
    }
    pipe.room = 100;
    pipe.input_length = pipe.input_offset = pipe.output_length = 0;
    pipe.full = pipe.announced = false;
    line_level = false;
    const struct vdev_pl011_emulator_configuration configuration = {
        .console = &pipe.console,
        .interrupt = &line,
        .running = (input_byte(&input) & 1) != 0,
    };
    fuzz_require(vdev_pl011_emulator_init(&emulator, &configuration) == VDEV_OK);
    for (unsigned steps = 0; input.left != 0 && steps < 4096; steps++) {
        step(&input, &emulator, &pipe);
    }
    return 0;
}
