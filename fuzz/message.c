/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The message transport with a hostile other side: any message, any index, at any time. One input
 * plays a client against the device's end, or a driver VM against the driver's end and the bridge.
 * Whatever it does, calls end, waits end in the time they were given, and nothing is touched that
 * is not ours.
 */
#include <string.h>

#include <vdev/status.h>
#include <vdev/testing/clock.h>
#include <vdev/virtio_message_bridge.h>

#include "input.h"

#define CAPACITY 16u
#define QUEUES   2u
#define TIMEOUT  20000000ull
#define WORDS    (VDEV_MESSAGE_BYTES / 4)
#define FIFO     (128 + CAPACITY * VDEV_MESSAGE_BYTES)

struct world {
    struct input input;
    _Alignas(64) uint8_t fifos[2][FIFO]; /* what we read, what we write */
    struct vdev_message_link link;
    uint32_t sent; /* by the other side */
    uint32_t seen; /* of ours */
    /* the device's end */
    struct vdev_virtio_message_device_bus devices;
    struct vdev_virtio_message_device message_device;
    struct vdev_virtio_device device;
    struct vdev_virtio_queue queues[QUEUES];
    struct vdev_memory_region region;
    struct vdev_memory memory;
    uint8_t space[60];
    uint64_t ring[512];
    /* the driver's */
    struct vdev_virtual_clock clock;
    struct vdev_virtio_message_driver_bus drivers;
    struct vdev_virtio_message_driver driver;
    struct vdev_virtio_message_bridge bridge;
};

static uint32_t *word(struct world *world, unsigned fifo, unsigned offset)
{
    return (uint32_t *)(void *)(world->fifos[fifo] + offset);
}

static void ring(void *context)
{
    (void)context;
}

static void link_init(struct world *world)
{
    struct vdev_message_link_configuration configuration = {
        .out = world->fifos[1], .in = world->fifos[0], .capacity = CAPACITY, .ring = ring};

    fuzz_require(vdev_message_link_init(&world->link, &configuration) == VDEV_OK);
}

/* The other side's message, or what it takes for one. */
static void emit(struct world *world, const uint32_t *message)
{
    uint8_t *slot = world->fifos[0] + 128 + world->sent % CAPACITY * VDEV_MESSAGE_BYTES;

    memcpy(slot, message, VDEV_MESSAGE_BYTES);
    *word(world, 0, 0) = ++world->sent;
}

static uint32_t some_number(struct input *input)
{
    static const uint32_t numbers[] = {0, 1, 2, 3, 8, 16, 44, 60, 64, 0xb, 0xf, UINT32_MAX};
    uint8_t which = input_byte(input);

    return which < 200 ? numbers[which % 12] : (uint32_t)input_number(input, 4);
}

/* The other side's hand on the indices: what was read, and now and then anything. */
static void meddle(struct world *world)
{
    uint8_t how = input_byte(&world->input);

    if (how < 4) {
        *word(world, how % 2, how / 2 * 64) = (uint32_t)input_number(&world->input, 4);
    } else if (how < 200) {
        world->seen = *word(world, 1, 0);
        *word(world, 1, 64) = world->seen;
        *word(world, 1, 68) = world->seen;
    }
}

/* ---- a client ---- */

static void on_notify(struct vdev_virtio_device *device, uint16_t queue)
{
    struct vdev_buffer buffers[8];
    struct vdev_chain chain = {.buffers = buffers, .capacity = 8};
    struct vdev_device_queue *live = &device->queues[queue].live;

    fuzz_require(queue < QUEUES);
    for (unsigned i = 0; i < 4 && vdev_device_queue_take(live, &chain) == VDEV_OK; i++) {
        vdev_device_queue_give(live, chain.id, 0);
    }
    vdev_virtio_device_signal(device, queue);
}

static void play_client(struct world *world)
{
    static const struct vdev_virtio_device_operations operations = {.notify = on_notify};
    static const uint8_t ids[] = {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x41, 0x41, 0x40, 8, 10};
    static const uint8_t sizes[] = {8, 16, 24, 16, 24, 8, 12, 12, 48, 12, 12, 16, 16, 24, 12, 48};
    struct input *input = &world->input;

    world->region = (struct vdev_memory_region){0, sizeof world->ring, world->ring, 0, true};
    fuzz_require(vdev_memory_init(&world->memory, &world->region, 1) == VDEV_OK);
    struct vdev_virtio_device_configuration configuration = {
        .operations = &operations,
        .memory = &world->memory,
        .id = VDEV_VIRTIO_ID_BLOCK,
        .queues = world->queues,
        .queue_count = QUEUES,
        .queue_size_maximum = 16,
        .configuration_space = world->space,
        .configuration_length = sizeof world->space,
    };
    fuzz_require(vdev_virtio_device_init(&world->device, &configuration) == VDEV_OK);
    vdev_virtio_message_device_bus_init(&world->devices, &world->link);
    fuzz_require(vdev_virtio_message_device_add(&world->devices, &world->message_device,
                                                &world->device, 1) == VDEV_OK);
    if (input_byte(input) % 2 == 0) { /* up to DRIVER_OK by the rules */
        static const uint32_t steps[][12] = {
            {0x10800, 12u << 16, 3},   {0x10400, 24u << 16, 0, 2, 0, 1},
            {0x10800, 12u << 16, 0xb}, {0x10a00, 48u << 16, 0, 1, 8, 0, 0, 0, 0x200, 0, 0x400, 0},
            {0x10800, 12u << 16, 0xf},
        };
        for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
            uint32_t message[WORDS] = {0};
            memcpy(message, steps[i], sizeof steps[i]);
            emit(world, message);
            vdev_virtio_message_device_bus_poll(&world->devices);
        }
        fuzz_require(vdev_virtio_device_running(&world->device));
    }
    while (input->left != 0) {
        uint32_t message[WORDS] = {0};
        unsigned which = input_below(input, 16);
        uint8_t odd = input_byte(input);
        uint32_t size = odd < 16 ? input_byte(input) : sizes[which];
        bool of_bus = odd >= 240;
        message[0] = (odd < 8  ? input_byte(input)
                      : of_bus ? 2u
                               : 0) |
                     (uint32_t)ids[which] << 8 | (of_bus ? 0 : 0x10000u);
        if (of_bus) {
            size = 12;
        }
        message[1] = size << 16 | odd;
        for (unsigned i = 2; i < WORDS && i * 4 < size; i++) {
            message[i] = some_number(input);
        }
        emit(world, message);
        if (odd % 16 == 0) {
            vdev_virtio_device_configuration_changed(&world->device);
        }
        meddle(world);
        unsigned rounds = 0;
        while (vdev_virtio_message_device_bus_poll(&world->devices)) {
            fuzz_require(++rounds < 10);
        }
    }
}

/* ---- a driver VM ---- */

/* Answer what was asked last, more or less. */
static void play_device(struct world *world)
{
    struct input *input = &world->input;
    uint32_t last = *word(world, 1, 0);
    uint32_t request[WORDS], message[WORDS];

    if (last == world->seen && input_byte(input) < 250) {
        return;
    }
    static const uint8_t sizes[] = {8, 8, 52, 24, 8, 20, 20, 12, 12, 48, 8, 8, 32};
    memcpy(request, world->fifos[1] + 128 + (last - 1) % CAPACITY * VDEV_MESSAGE_BYTES,
           sizeof request);
    uint8_t id = (uint8_t)(request[0] >> 8);
    uint8_t odd = input_byte(input);
    uint32_t size = id < sizeof sizes ? sizes[id] : 8;
    memcpy(message, request, sizeof message);
    for (unsigned i = 2; i < WORDS; i++) {
        message[i] = odd < 200 ? some_number(input) % 65 : some_number(input);
    }
    if (id == 3 || id == 9) { /* what is echoed is right, most of the time */
        message[2] = request[2];
        message[3] = id == 3 ? request[3] : message[3];
    } else if (id == 5) {
        message[3] = request[2];
        message[4] = request[3];
        size += request[3];
    } else if (id == 6) {
        message[3] = request[3];
        message[4] = request[4];
    }
    message[0] |= 1;
    if (odd >= 240) {
        message[odd & 1] ^= 1u << input_below(input, 32);
    }
    message[1] = (message[1] & 0xffff) | size << 16;
    if (odd % 4 == 0) { /* EVENT_USED or EVENT_CONFIG */
        bool used = odd % 8 == 0;
        uint32_t event[WORDS] = {0x10000u | (used ? 0x4200u : 0x4000u), (used ? 12u : 24u) << 16,
                                 some_number(input)};
        emit(world, event);
    }
    if (odd < 200 || odd >= 230) {
        emit(world, message);
    }
    meddle(world);
}

static void on_idle(void *context)
{
    play_device(context);
}

static void use_driver(struct world *world)
{
    struct vdev_virtio_driver *driver = &world->driver.driver;
    struct input *input = &world->input;
    struct vdev_virtqueue_configuration queue = {.size = 8, .descriptor_address = 16};
    uint16_t number = (uint16_t)input_below(input, 4);
    uint32_t offset = some_number(input) & ~3u;
    uint64_t accepted = 0;
    uint64_t start = world->clock.now;

    switch (input_below(input, 9)) {
    case 0:
        vdev_virtio_driver_begin(driver, &world->clock.clock, driver->id, UINT64_MAX, &accepted);
        break;
    case 1:
        driver->operations->queue_size_maximum(driver, number);
        break;
    case 2:
        driver->operations->start_queue(driver, number, &queue);
        break;
    case 3:
        driver->operations->notify(driver, number);
        break;
    case 4:
        driver->operations->read_configuration(driver, offset, 1u << input_below(input, 3));
        break;
    case 5:
        driver->operations->configuration_generation(driver);
        break;
    case 6:
        driver->operations->status(driver);
        break;
    case 7:
        vdev_virtio_driver_finish(driver);
        break;
    default:
        fuzz_require((driver->operations->take_interrupt(driver) & ~3u) == 0);
        break;
    }
    fuzz_require(world->driver.length <= sizeof world->driver.window);
    fuzz_require(world->clock.now - start <= 20 * TIMEOUT + VDEV_VIRTIO_RESET_NANOSECONDS);
}

static void use_bridge(struct world *world)
{
    static const uint16_t offsets[] = {0x00, 0x08, 0x10,  0x14,  0x20,  0x24,  0x30, 0x34, 0x38,
                                       0x44, 0x44, 0x50,  0x60,  0x64,  0x70,  0x70, 0x70, 0x80,
                                       0xa4, 0xfc, 0x100, 0x104, 0x13c, 0x140, 0x1fc};
    struct input *input = &world->input;
    struct vdev_access access = {
        .offset = offsets[input_below(input, sizeof offsets / sizeof offsets[0])],
        .width = 4,
        .write = input_byte(input) % 2 != 0,
    };
    access.value = some_number(input);
    uint64_t start = world->clock.now;
    int status;

    for (unsigned i = 0;
         (status = vdev_virtio_message_bridge_access(&world->bridge, &access)) == VDEV_ERROR_AGAIN;
         i++) {
        fuzz_require(i < 4);
        while (!vdev_virtio_message_bridge_poll(&world->bridge)) {
            play_device(world);
            vdev_virtio_message_driver_bus_poll(&world->drivers);
        }
    }
    fuzz_require(status == VDEV_OK || status == VDEV_ERROR_RANGE);
    fuzz_require(world->clock.now - start <= 4 * TIMEOUT);
    fuzz_require(world->bridge.line.level == (world->bridge.interrupt_status != 0));
    fuzz_require(world->bridge.queue_count <= VDEV_MESSAGE_QUEUES_MAXIMUM);
}

static void play_driver_vm(struct world *world)
{
    struct vdev_virtio_message_wait wait = {
        .clock = &world->clock.clock, .nanoseconds = TIMEOUT, .idle = on_idle, .context = world};

    vdev_virtual_clock_init(&world->clock, 1000000, 0);
    vdev_virtio_message_driver_bus_init(&world->drivers, &world->link, &wait);
    bool bridged = input_byte(&world->input) % 2 != 0;
    if (bridged) {
        fuzz_require(vdev_virtio_message_bridge_init(&world->bridge, &world->drivers, 1,
                                                     (struct vdev_interrupt_line){0}) == VDEV_OK);
    } else if (vdev_virtio_message_driver_init(&world->driver, &world->drivers, 1) != VDEV_OK) {
        return;
    }
    while (world->input.left != 0) {
        if (bridged) {
            use_bridge(world);
        } else {
            use_driver(world);
        }
        vdev_virtio_message_driver_bus_poll(&world->drivers);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *world = aligned_alloc(64, (sizeof *world + 63) / 64 * 64);

    fuzz_require(world != NULL);
    memset(world, 0, sizeof *world);
    world->input = (struct input){data, size};
    link_init(world);
    if (input_byte(&world->input) % 2 == 0) {
        play_client(world);
    } else {
        play_driver_vm(world);
    }
    free(world);
    return 0;
}
