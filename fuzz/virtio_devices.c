/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile driver of our virtio block and console devices: any access to their registers, anything
 * in the memory they share, at any time, in the middle of a request to the class below too.
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include <vdev/backends/block.h>
#include <vdev/backends/console.h>
#include <vdev/virtio_mmio.h>

#include "../tests/support/console_pipe.h"
#include "../tests/support/ram_disk.h"
#include "input.h"

#define MEMORY       0x80000000u
#define BYTES        0x4000u
#define SECOND_BYTES 0x1003u /* adjoins, and ends at an odd place */
#define READ_ONLY    0x90000000u
#define QUEUE_SIZE   16u
#define SLOTS        4u
#define PIECES       6u

struct world {
    struct input input;
    uint8_t *memory, *second, *read_only, *highest;
    struct vdev_memory map;
    struct ram_disk *disk;
    struct vdev_block_backend block;
    struct vdev_block_backend_slot slots[SLOTS];
    struct vdev_buffer buffers[SLOTS * PIECES];
    struct console_pipe *pipe;
    struct vdev_console_backend console;
    struct vdev_buffer pieces[PIECES];
    struct vdev_virtio_mmio mmio[2];
    struct vdev_bus_window windows[2];
    struct vdev_bus bus;
    bool level[2];
};

static void set_line(void *controller, uint32_t number, bool level)
{
    struct world *world = controller;

    fuzz_require(world->level[number] != level);
    world->level[number] = level;
}

static uint64_t access_register(struct world *world, unsigned device, uint32_t offset,
                                unsigned width, bool write, uint64_t value)
{
    struct vdev_access access = {.width = (uint8_t)width, .write = write, .value = value};
    int status = vdev_bus_dispatch(&world->bus, 0x1000u * device + offset, &access);

    fuzz_require(status <= 0 && status >= VDEV_ERROR_BUSY);
    if (status == VDEV_OK && !write && width < 8) {
        fuzz_require(access.value >> (8 * width) == 0);
    }
    return access.value;
}

static void write_register(struct world *world, unsigned device, uint32_t offset, uint32_t value)
{
    access_register(world, device, offset, 4, true, value);
}

/* Somewhere in memory, near an edge of it, or anywhere at all. */
static uint64_t any_address(struct world *world)
{
    static const uint64_t edges[] = {MEMORY,
                                     MEMORY + BYTES - 8,
                                     MEMORY + BYTES + SECOND_BYTES - 8,
                                     READ_ONLY,
                                     READ_ONLY + 0xfff,
                                     UINT64_MAX - 16,
                                     UINT64_MAX,
                                     0};
    uint8_t way = input_byte(&world->input);

    if (way < 200) {
        return MEMORY + 16 * input_below(&world->input, BYTES / 16);
    }
    if (way < 250) {
        return edges[way % 8] + input_below(&world->input, 32);
    }
    return input_number(&world->input, 8);
}

static uint32_t any_length(struct world *world)
{
    static const uint32_t lengths[] = {0, 1, 16, 15, 17, 512, 511, 513, 1024, 4096};
    uint8_t way = input_byte(&world->input);

    return way < 250 ? lengths[way % 10] : (uint32_t)input_number(&world->input, 4);
}

/* As a driver starts a device, with queues that overlap or not. */
static void start(struct world *world, unsigned device)
{
    uint64_t features = 1ull << VIRTIO_F_VERSION_1 | input_number(&world->input, 4);

    write_register(world, device, VIRTIO_MMIO_STATUS, 0);
    write_register(world, device, VIRTIO_MMIO_STATUS, 3);
    for (uint32_t word = 0; word < 2; word++) {
        write_register(world, device, VIRTIO_MMIO_DEVICE_FEATURES_SEL, word);
        uint64_t offered = access_register(world, device, VIRTIO_MMIO_DEVICE_FEATURES, 4, false, 0);
        write_register(world, device, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
        write_register(world, device, VIRTIO_MMIO_DRIVER_FEATURES,
                       (uint32_t)(features >> (32 * word) & offered));
    }
    write_register(world, device, VIRTIO_MMIO_STATUS, 0xb);
    for (uint32_t queue = 0; queue < 2; queue++) {
        uint32_t at =
            input_byte(&world->input) < 240 ? queue * 0x400 : input_below(&world->input, BYTES);
        write_register(world, device, VIRTIO_MMIO_QUEUE_SEL, queue);
        write_register(world, device, VIRTIO_MMIO_QUEUE_NUM, QUEUE_SIZE);
        write_register(world, device, VIRTIO_MMIO_QUEUE_DESC_LOW, MEMORY + at);
        write_register(world, device, VIRTIO_MMIO_QUEUE_AVAIL_LOW, MEMORY + at + 0x100);
        write_register(world, device, VIRTIO_MMIO_QUEUE_USED_LOW, MEMORY + at + 0x200);
        write_register(world, device, VIRTIO_MMIO_QUEUE_READY, 1);
        memset(world->memory + queue * 0x400, 0, 0x400);
    }
    write_register(world, device, VIRTIO_MMIO_STATUS, 0xf);
}

/* A chain of a few descriptors, often a block request, made available in the usual place. */
static void offer(struct world *world, unsigned queue)
{
    struct vring_desc *descriptors = (struct vring_desc *)(world->memory + queue * 0x400);
    struct vring_avail *available = (struct vring_avail *)(world->memory + queue * 0x400 + 0x100);
    unsigned head = input_below(&world->input, QUEUE_SIZE);
    unsigned count = 1 + input_below(&world->input, 4);
    bool usual = input_byte(&world->input) < 160;
    struct virtio_blk_outhdr header = {.type = input_below(&world->input, 12),
                                       .sector = input_below(&world->input, 2052)};

    memcpy(world->memory + 0x1000, &header, sizeof header);
    for (unsigned i = 0; i < count; i++) {
        uint8_t flags = input_byte(&world->input);
        struct vring_desc descriptor = {
            .addr = any_address(world),
            .len = any_length(world),
            .flags = (uint16_t)((i + 1 < count ? VRING_DESC_F_NEXT : 0) |
                                (flags & 1 ? VRING_DESC_F_WRITE : 0) |
                                (flags > 0xf0 ? VRING_DESC_F_INDIRECT : 0)),
            .next = (uint16_t)((head + i + 1) % QUEUE_SIZE),
        };
        if (usual && i == 0) {
            descriptor.addr = MEMORY + 0x1000;
            descriptor.len = 16;
            descriptor.flags &= VRING_DESC_F_NEXT;
        } else if (usual && i + 1 == count) {
            descriptor.len = 1;
            descriptor.flags = VRING_DESC_F_WRITE;
        } else if (usual) {
            descriptor.len = descriptor.len / 512 * 512;
            descriptor.flags =
                (uint16_t)(VRING_DESC_F_NEXT |
                           (header.type == VIRTIO_BLK_T_IN ? VRING_DESC_F_WRITE : 0));
        }
        descriptors[(head + i) % QUEUE_SIZE] = descriptor;
    }
    available->ring[available->idx % QUEUE_SIZE] = (uint16_t)head;
    available->idx++;
}

static void scribble(struct world *world)
{
    uint32_t at = input_byte(&world->input) < 128 ? input_below(&world->input, 0x800)
                                                  : input_below(&world->input, BYTES - 8);
    uint64_t value = input_number(&world->input, 8);

    memcpy(world->memory + at % (BYTES - 8), &value, 1 + input_below(&world->input, 8));
}

/* While the class below is handed something, the driver goes on writing. */
static void race(void *context)
{
    struct world *world = context;

    if ((input_byte(&world->input) & 3) == 0) {
        scribble(world);
    }
}

static void step(struct world *world)
{
    struct input *input = &world->input;
    unsigned device = input_byte(input) & 1;

    switch (input_below(input, 12)) {
    case 0:
        access_register(world, device, input_below(input, VDEV_VIRTIO_MMIO_WINDOW + 8),
                        1u << input_below(input, 4), input_byte(input) & 1, input_number(input, 8));
        break;
    case 1:
        access_register(world, device, 4 * input_below(input, 0x120 / 4), 4, input_byte(input) & 1,
                        input_below(input, 32));
        break;
    case 2:
        start(world, device);
        break;
    case 3:
        scribble(world);
        break;
    case 4:
    case 5:
    case 6:
        offer(world, input_byte(input) & 1);
        break;
    case 7:
    case 8:
        write_register(world, device, VIRTIO_MMIO_QUEUE_NOTIFY, input_byte(input) & 1);
        break;
    case 9:
        world->disk->held = (input_byte(input) & 3) == 0;
        world->disk->depth = input_byte(input) & 3;
        world->disk->per_poll = input_byte(input) & 3;
        world->disk->bad_sector = input_byte(input);
        world->disk->flush_unsupported = (input_byte(input) & 1) != 0;
        world->disk->block.information.maximum_sectors = input_byte(input) & 7;
        world->disk->block.information.maximum_buffers = input_byte(input) & 3;
        world->pipe->room = input_below(input, 600);
        break;
    case 10:
        vdev_block_poll(&world->disk->block);
        vdev_virtio_device_poll(&world->block.device);
        break;
    default: {
        uint8_t bytes[64] = {0};
        world->pipe->output_length = 0;
        console_pipe_feed(world->pipe, bytes, input_below(input, 65));
        vdev_console_poll(&world->pipe->console);
        vdev_virtio_device_poll(&world->console.device);
        break;
    }
    }
    for (unsigned i = 0; i < 2; i++) {
        fuzz_require(world->level[i] == (world->mmio[i].interrupt_status != 0));
    }
}

/* Whatever was done: a reset and an idle class bring both devices back to where they began. */
static void end(struct world *world)
{
    for (unsigned device = 0; device < 2; device++) {
        write_register(world, device, VIRTIO_MMIO_STATUS, 0);
    }
    world->disk->on_submit = NULL;
    world->disk->held = false;
    while (vdev_block_poll(&world->disk->block)) {
    }
    fuzz_require(world->disk->queued == 0);
    fuzz_require(world->block.in_flight == 0 && world->block.waiting == 0 &&
                 world->block.stale == 0);
    fuzz_require(!world->block.device.busy && !world->console.device.busy);
    for (unsigned i = 0; i < SLOTS; i++) {
        fuzz_require(world->slots[i].state == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ram_disk disk;
    static struct console_pipe pipe;
    struct world world;

    memset(&world, 0, sizeof world);
    world.input = (struct input){data, size};
    world.memory = calloc(1, BYTES);
    world.second = malloc(SECOND_BYTES);
    world.read_only = calloc(1, 0x1000);
    world.highest = malloc(16);
    memset(world.second, 0, SECOND_BYTES);
    const struct vdev_memory_region regions[] = {
        {MEMORY, BYTES, world.memory, MEMORY, true},
        {MEMORY + BYTES, SECOND_BYTES, world.second, VDEV_NO_BUS_ADDRESS, true},
        {READ_ONLY, 0x1000, world.read_only, READ_ONLY, false},
        {UINT64_MAX - 15, 16, world.highest, VDEV_NO_BUS_ADDRESS, true},
    };
    memset(world.highest, 0, 16);
    fuzz_require(vdev_memory_init(&world.map, regions, 4) == VDEV_OK);
    /* Their arrays are large, and what they hold does not matter: filled once, and only emptied. */
    if (disk.block.operations == NULL) {
        ram_disk_init(&disk);
        console_pipe_init(&pipe);
    }
    world.disk = &disk;
    world.pipe = &pipe;
    disk.held = false;
    disk.depth = disk.per_poll = 0;
    disk.block.information.maximum_sectors = disk.block.information.maximum_buffers = 0;
    pipe.room = SIZE_MAX;
    pipe.full = pipe.announced = false;
    pipe.input_length = pipe.input_offset = pipe.output_length = 0;
    world.disk->on_submit = race;
    world.disk->context = &world;
    world.pipe->on_write = race;
    world.pipe->context = &world;
    const struct vdev_block_backend_configuration block = {
        .memory = &world.map,
        .block = &world.disk->block,
        .slots = world.slots,
        .slot_count = SLOTS,
        .buffers = world.buffers,
        .buffers_per_slot = PIECES,
        .queue_size = QUEUE_SIZE,
    };
    const struct vdev_console_backend_configuration console = {
        .memory = &world.map,
        .console = &world.pipe->console,
        .buffers = world.pieces,
        .buffer_count = PIECES,
        .queue_size = QUEUE_SIZE,
    };
    fuzz_require(vdev_block_backend_init(&world.block, &block) == VDEV_OK);
    fuzz_require(vdev_console_backend_init(&world.console, &console) == VDEV_OK);
    struct vdev_virtio_device *devices[] = {&world.block.device, &world.console.device};
    for (uint32_t i = 0; i < 2; i++) {
        const struct vdev_interrupt_line line = {set_line, &world, i, false};
        fuzz_require(vdev_virtio_mmio_init(&world.mmio[i], devices[i], line) == VDEV_OK);
        world.windows[i] = (struct vdev_bus_window){.address = 0x1000u * i,
                                                    .length = VDEV_VIRTIO_MMIO_WINDOW,
                                                    .access = vdev_virtio_mmio_access,
                                                    .device = &world.mmio[i]};
    }
    fuzz_require(vdev_bus_init(&world.bus, world.windows, 2) == VDEV_OK);
    start(&world, 0);
    start(&world, 1);
    for (unsigned steps = 0; world.input.left != 0 && steps < 4096; steps++) {
        step(&world);
    }
    end(&world);
    free(world.memory);
    free(world.second);
    free(world.read_only);
    free(world.highest);
    return 0;
}
