/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile device under our virtio block and console front-ends: any features, configuration,
 * status, interrupt, used ring and status byte. Every request must come back once, whatever it
 * does.
 */
#include <linux/virtio_blk.h>

#include <vdev/frontends/block.h>
#include <vdev/frontends/console.h>

#include "../tests/support/fake_transport.h"
#include "input.h"

#define QUEUE_SIZE 8u
#define RECORDS    4u
#define PIECES     6u
#define ASKED      8u
#define BUFFERS    4u
#define BYTES      16u /* of a console's buffer */

struct asked {
    struct vdev_block_request request;
    struct vdev_buffer buffer;
    struct world *world;
    bool out;
};

struct world {
    struct fake_transport fake; /* first: the transport's functions know it by this */
    struct input input;
    struct vdev_virtual_clock clock;
    struct vdev_block_frontend block;
    struct vdev_block_frontend_request records[RECORDS];
    struct vdev_console_frontend console;
    struct vdev_driver_slot slots[2][QUEUE_SIZE];
    struct vdev_buffer pieces[PIECES];
    struct asked asked[ASKED];
    unsigned out;
    bool stopping;
    void *taken[16];
    unsigned taken_count;
};

static struct vdev_buffer take_memory(struct world *world, size_t length)
{
    void *memory = calloc(1, (length + 63) / 64 * 64 + 64);
    void *aligned = (void *)(((uintptr_t)memory + 63) & ~(uintptr_t)63);

    fuzz_require(memory != NULL && world->taken_count < 16);
    world->taken[world->taken_count++] = memory;
    return (struct vdev_buffer){aligned, length, (uintptr_t)aligned};
}

static struct vdev_driver_queue_memory queue_memory(struct world *world, unsigned queue,
                                                    uint16_t indirect)
{
    return (struct vdev_driver_queue_memory){
        .descriptors = take_memory(world, vdev_virtqueue_descriptor_bytes(QUEUE_SIZE)),
        .driver = take_memory(world, vdev_virtqueue_driver_bytes(QUEUE_SIZE)),
        .device = take_memory(world, vdev_virtqueue_device_bytes(QUEUE_SIZE)),
        .slots = world->slots[queue],
        .indirect = take_memory(world, (size_t)QUEUE_SIZE * 16 * indirect),
        .indirect_count = indirect,
    };
}

static void submit(struct asked *asked)
{
    struct world *world = asked->world;
    static const size_t lengths[] = {512, 1024, 4096, 0, 513, 8192};

    if (asked->out || world->stopping) {
        return;
    }
    asked->buffer.length = lengths[input_below(&world->input, 6)];
    asked->request.operation = input_below(&world->input, 3);
    asked->request.sector = input_below(&world->input, 40);
    asked->request.buffers = &asked->buffer;
    asked->request.buffer_count = asked->request.operation != VDEV_BLOCK_FLUSH;
    asked->out = true;
    world->out++;
    int status = vdev_block_submit(&world->block.block, &asked->request);
    fuzz_require(status <= 0 && status >= VDEV_ERROR_BUSY);
    if (status != VDEV_OK) {
        asked->out = false;
        world->out--;
    }
}

static void complete(struct vdev_block_request *request, int status)
{
    struct asked *asked = request->owner;

    fuzz_require(asked->out);
    fuzz_require(status == VDEV_OK || status == VDEV_ERROR_IO || status == VDEV_ERROR_TIMEOUT ||
                 status == VDEV_ERROR_ABSENT);
    asked->out = false;
    asked->world->out--;
    if ((input_byte(&asked->world->input) & 7) == 0) {
        submit(asked);
    }
    if (input_byte(&asked->world->input) == 0xff) {
        asked->world->stopping = true; /* stopped from inside a completion */
        vdev_block_frontend_stop(&asked->world->block);
    }
}

/* As an honest device answers the newest request, but perhaps with a wrong id or length. */
static void answer(struct world *world, uint16_t queue)
{
    struct fake_transport *fake = &world->fake;
    struct input *input = &world->input;

    if (!fake->ready[queue]) {
        return;
    }
    struct vring_used *used = fake_used(fake, queue);
    uint32_t head = fake_head(fake, queue, input_byte(input) < 192 ? used->idx : input_byte(input));
    uint32_t length =
        input_byte(input) < 192 ? input_below(input, 5000) : (uint32_t)input_number(input, 4);
    if (input_byte(input) > 250) {
        head = (uint32_t)input_number(input, 4);
    }
    if (world->block.configuration.shared.pointer != NULL) {
        uint8_t *shared = world->block.configuration.shared.pointer;
        shared[input_below(input, RECORDS) * VDEV_BLOCK_FRONTEND_SHARED_BYTES + 16] =
            input_byte(input) & 3;
    }
    fake_give(fake, queue, head, length);
}

/* Anything in what the device may write. */
static void scribble(struct world *world, uint16_t queue)
{
    struct fake_transport *fake = &world->fake;

    if (fake->ready[queue]) {
        uint8_t *at = (uint8_t *)fake_used(fake, queue) +
                      input_below(&world->input, (uint32_t)vdev_virtqueue_device_bytes(QUEUE_SIZE));
        *at = input_byte(&world->input);
    }
}

static void on_notify(struct fake_transport *fake, uint16_t queue)
{
    struct world *world = (struct world *)fake;

    for (unsigned answers = input_byte(&world->input) & 3; answers != 0; answers--) {
        answer(world, queue);
    }
}

/* What the device does by itself. */
static void misbehave(struct world *world)
{
    struct input *input = &world->input;
    struct fake_transport *fake = &world->fake;

    switch (input_below(input, 8)) {
    case 0:
        fake->space[input_below(input, 32)] = input_byte(input);
        break;
    case 1:
        fake->causes = input_byte(input);
        break;
    case 2:
        fake->status |= input_byte(input); /* a device may set bits, and take none back */
        break;
    case 3:
        fake->restless = (input_byte(input) & 7) == 0;
        fake->never_resets = input_byte(input) > 250;
        fake->refuses = input_byte(input) > 250;
        fake->born_broken = input_byte(input) > 250;
        fake->queue_size_maximum[input_byte(input) & 1] = input_byte(input);
        break;
    case 4:
        fake->offered = input_number(input, 8) | 1ull << 32;
        break;
    case 5:
    case 6:
        answer(world, input_byte(input) & 1);
        break;
    default:
        scribble(world, input_byte(input) & 1);
        break;
    }
}

static void play_block(struct world *world)
{
    const struct vdev_block_frontend_configuration configuration = {
        .transport = &world->fake.driver,
        .clock = &world->clock.clock,
        .queue = queue_memory(world, 0, input_byte(&world->input) & 1 ? PIECES : 0),
        .queue_size = QUEUE_SIZE,
        .requests = world->records,
        .request_count = RECORDS,
        .shared = take_memory(world, RECORDS * VDEV_BLOCK_FRONTEND_SHARED_BYTES),
        .pieces = world->pieces,
        .piece_count = PIECES,
        .timeout_nanoseconds = 100000,
    };
    struct vdev_buffer data = take_memory(world, 8192);

    if (vdev_block_frontend_init(&world->block, &configuration) != VDEV_OK) {
        return;
    }
    for (unsigned i = 0; i < ASKED; i++) {
        world->asked[i] = (struct asked){.buffer = data, .world = world};
        world->asked[i].request.owner = &world->asked[i];
        world->asked[i].request.complete = complete;
    }
    for (unsigned steps = 0; world->input.left != 0 && steps < 2048; steps++) {
        switch (input_below(&world->input, 4)) {
        case 0:
            submit(&world->asked[input_below(&world->input, ASKED)]);
            break;
        case 1:
            vdev_block_poll(&world->block.block);
            break;
        default:
            misbehave(world);
            break;
        }
        fuzz_require(world->block.in_flight <= RECORDS);
        fuzz_require(!world->stopping || !world->block.alive);
    }
    world->fake.never_resets = false;
    world->stopping = true;
    vdev_block_frontend_stop(&world->block);
    fuzz_require(world->out == 0);
}

static void play_console(struct world *world)
{
    const struct vdev_console_frontend_configuration configuration = {
        .transport = &world->fake.driver,
        .clock = &world->clock.clock,
        .receive_queue = queue_memory(world, 0, 0),
        .transmit_queue = queue_memory(world, 1, input_byte(&world->input) & 1),
        .queue_size = QUEUE_SIZE,
        .receive_memory = take_memory(world, BUFFERS * BYTES),
        .transmit_memory = take_memory(world, BUFFERS * BYTES),
        .receive_count = BUFFERS,
        .transmit_count = BUFFERS,
        .buffer_size = BYTES,
    };
    uint8_t bytes[200] = {0};

    if (vdev_console_frontend_init(&world->console, &configuration) != VDEV_OK) {
        return;
    }
    for (unsigned steps = 0; world->input.left != 0 && steps < 2048; steps++) {
        struct vdev_console *console = &world->console.console;
        size_t length = input_below(&world->input, sizeof bytes);
        switch (input_below(&world->input, 5)) {
        case 0:
            fuzz_require(vdev_console_write(console, bytes, length) <= length);
            break;
        case 1:
            fuzz_require(vdev_console_read(console, bytes, length) <= length);
            break;
        case 2:
            vdev_console_poll(console);
            break;
        default:
            misbehave(world);
            break;
        }
    }
    world->fake.never_resets = false;
    vdev_console_frontend_stop(&world->console);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world;

    memset(&world, 0, sizeof world);
    world.input = (struct input){data, size};
    vdev_virtual_clock_init(&world.clock, 10000, 100);
    bool block = (input_byte(&world.input) & 1) != 0;
    fake_init(&world.fake, block ? VDEV_VIRTIO_ID_BLOCK : VDEV_VIRTIO_ID_CONSOLE,
              input_number(&world.input, 8));
    world.fake.space[0] = 64;
    world.fake.space[9] = 8;
    world.fake.space[12] = 3;
    world.fake.space[21] = 2;
    world.fake.on_notify = on_notify;
    if (block) {
        play_block(&world);
    } else {
        play_console(&world);
    }
    while (world.taken_count != 0) {
        free(world.taken[--world.taken_count]);
    }
    return 0;
}
