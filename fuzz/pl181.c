/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile driver of the emulated PL181 and the card behind it: any access, in any order, while
 * the medium fails, fills up or keeps the request.
 */
#include <vdev/emulators/pl181.h>

#include "../tests/support/ram_disk.h"
#include "input.h"

#define BUFFER 2048u

struct world {
    struct input input;
    struct vdev_pl181_emulator emulator;
    bool level[2];
};

static void set_line(void *controller, uint32_t number, bool level)
{
    struct world *world = controller;

    fuzz_require(world->level[number] != level);
    world->level[number] = level;
}

static uint32_t access_register(struct world *world, uint32_t offset, unsigned width, bool write,
                                uint64_t value)
{
    struct vdev_access access = {
        .offset = offset, .width = (uint8_t)width, .write = write, .value = value};
    int status = vdev_pl181_emulator_access(&world->emulator, &access);

    fuzz_require(status <= 0 && status >= VDEV_ERROR_BUSY);
    if (status == VDEV_OK && !write && width < 8) {
        fuzz_require(access.value >> (8 * width) == 0);
    }
    return (uint32_t)access.value;
}

static void write_register(struct world *world, uint32_t offset, uint32_t value)
{
    access_register(world, offset, 4, true, value);
}

/* Send a command that asks for an answer. */
static void command(struct world *world, uint32_t index, uint32_t argument)
{
    write_register(world, 0x38, 0xffffffff);
    write_register(world, 0x08, argument);
    write_register(world, 0x0c, 0x440 | index | (index == 2 || index == 9 ? 0x80 : 0));
}

static void identify(struct world *world, struct ram_disk *disk)
{
    write_register(world, 0x00, 0x3);
    write_register(world, 0x04, 0x100);
    command(world, 0, 0);
    command(world, 8, 0x1aa);
    for (unsigned i = 0; i < 2; i++) {
        command(world, 55, 0);
        command(world, 41, 0x40ff8000);
    }
    command(world, 2, 0);
    command(world, 3, 0);
    command(world, 7, access_register(world, 0x14, 4, false, 0));
    vdev_block_poll(&disk->block);
}

static void step(struct world *world, struct ram_disk *disk)
{
    static const uint8_t commands[] = {0, 6, 7, 9, 12, 13, 16, 17, 18, 24, 25, 51, 55, 13, 22, 23};
    static const uint32_t lengths[] = {512, 1024, 64, 8, 4, 1, 0, 513, 511, 4096, 0xffff, 3};
    struct input *input = &world->input;

    switch (input_below(input, 10)) {
    case 0:
        access_register(world, input_below(input, 0x1000), 1u << input_below(input, 4),
                        input_byte(input) & 1, input_number(input, 8));
        break;
    case 1:
        access_register(world, 4 * input_below(input, 0xc0 / 4), 4, input_byte(input) & 1,
                        input_number(input, 4));
        break;
    case 2:
        command(world, commands[input_below(input, sizeof commands)],
                input_byte(input) & 1 ? 512 * input_below(input, RAM_DISK_SECTORS + 2)
                                      : (uint32_t)input_number(input, 4));
        break;
    case 3: /* the data path, mostly as a driver would */
        write_register(world, 0x28, lengths[input_below(input, 12)]);
        write_register(world, 0x2c, 1u | (input_byte(input) & 2) | 9u << 4);
        break;
    case 4:
        for (unsigned words = input_below(input, 200); words != 0; words--) {
            write_register(world, 0x80 + 4 * (words % 16), words);
        }
        break;
    case 5:
        for (unsigned words = input_below(input, 200); words != 0; words--) {
            access_register(world, 0x80 + 4 * (words % 16), 4, false, 0);
        }
        break;
    case 6:
        disk->held = (input_byte(input) & 3) == 0;
        disk->depth = input_byte(input) % 3;
        disk->bad_sector = input_below(input, 64);
        break;
    case 7:
        vdev_block_poll(&disk->block);
        break;
    case 8:
        access_register(world, 0x34, 4, false, 0);
        access_register(world, 0x48, 4, false, 0);
        break;
    default:
        identify(world, disk);
        break;
    }
    struct vdev_pl181_emulator *emulator = &world->emulator;
    fuzz_require(emulator->level <= VDEV_PL181_FIFO_WORDS);
    fuzz_require(emulator->head + emulator->level <= VDEV_PL181_FIFO_WORDS);
    fuzz_require(emulator->remaining <= emulator->total);
    fuzz_require(emulator->card.level <= BUFFER && emulator->card.position <= BUFFER);
    fuzz_require(disk->queued <= 1); /* the card has one request */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ram_disk disk;
    struct world world;

    memset(&world, 0, sizeof world);
    world.input = (struct input){data, size};
    if (disk.block.operations == NULL) {
        ram_disk_init(&disk);
    }
    disk.held = false;
    disk.depth = 0;
    disk.block.information.read_only = (input_byte(&world.input) & 15) == 0;
    disk.block.information.maximum_sectors = input_byte(&world.input) & 3;
    void *buffer = malloc(BUFFER);
    memset(buffer, 0, BUFFER);
    const struct vdev_pl181_emulator_configuration configuration = {
        .block = (input_byte(&world.input) & 15) != 0 ? &disk.block : NULL,
        .interrupt = {{set_line, &world, 0, false}, {set_line, &world, 1, false}},
        .buffer = buffer,
        .buffer_length = BUFFER,
    };
    fuzz_require(vdev_pl181_emulator_init(&world.emulator, &configuration) == VDEV_OK);
    identify(&world, &disk);
    for (unsigned steps = 0; world.input.left != 0 && steps < 4096; steps++) {
        step(&world, &disk);
    }
    disk.held = false;
    while (vdev_block_poll(&disk.block)) {
    }
    /* A guest that starts anew finds a card that works. */
    disk.bad_sector = UINT64_MAX;
    disk.depth = 0;
    if (configuration.block != NULL) {
        write_register(&world, 0x2c, 0);
        write_register(&world, 0x00, 0);
        write_register(&world, 0x0c, 0);
        identify(&world, &disk);
        command(&world, 16, 512);
        write_register(&world, 0x28, 512);
        write_register(&world, 0x38, 0xffffffff);
        write_register(&world, 0x2c, 0x93);
        command(&world, 17, 512);
        vdev_block_poll(&disk.block);
        for (unsigned i = 0; i < 128; i++) {
            uint32_t expected;
            access_register(&world, 0x34, 4, false, 0);
            memcpy(&expected, disk.bytes + 512 + 4 * i, 4);
            fuzz_require(access_register(&world, 0x80, 4, false, 0) == expected);
        }
    }
    free(buffer);
    return 0;
}
