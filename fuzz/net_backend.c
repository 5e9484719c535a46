/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile driver of our virtio network device: any access to its registers, anything in the
 * memory it shares, at any time, while the class below takes, keeps, refuses and delivers frames as
 * it likes. What the driver sends is segmented in software now and then, in its own memory.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include <vdev/backends/net.h>
#include <vdev/net_offload.h>
#include <vdev/status.h>
#include <vdev/virtio_mmio.h>

#include "../tests/support/net_packet.h"
#include "input.h"

#define MEMORY       0x80000000u
#define BYTES        0x4000u
#define SECOND_BYTES 0x1003u /* adjoins, and ends at an odd place */
#define READ_ONLY    0x90000000u
#define QUEUE_SIZE   16u
#define QUEUES       3u
#define QUEUE_BYTES  0x400u
#define COMMAND      0x1000u /* offsets into memory: of a control command */
#define HEADER       0x1800u /* of a virtio header, and a frame behind it */
#define SLOTS        4u
#define PIECES       6u
#define ROOM         20u
#define CHAINS       5u

/* [VIRTIO 1.4 §5.1.6] */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

struct world {
    struct input input;
    uint8_t *memory, *second, *read_only;
    struct vdev_memory map;
    struct vdev_net_backend backend;
    struct vdev_net_backend_slot slots[SLOTS];
    struct vdev_buffer buffers[SLOTS * PIECES], receive_buffers[ROOM];
    struct vdev_used_chain receive_chains[CHAINS];
    struct vdev_virtio_mmio mmio;
    struct vdev_bus_window window;
    struct vdev_bus bus;
    bool level;
    /* The class below. */
    struct vdev_net net;
    struct vdev_net_operations operations;
    struct vdev_net_frame *first, **last;
    unsigned queued;
    bool full;    /* a submit was told so */
    bool kept;    /* a frame waits for resume */
    bool arrived; /* a frame was accepted, and is not delivered */
    struct vdev_net_arrival arrival;
    struct vdev_net_room room;
};

static struct packet packet;

static struct world *world_of(struct vdev_net *net)
{
    return (struct world *)(void *)((uint8_t *)net - offsetof(struct world, net));
}

static void set_line(void *controller, uint32_t number, bool level)
{
    struct world *world = controller;

    (void)number;
    fuzz_require(world->level != level);
    world->level = level;
}

static uint64_t access_register(struct world *world, uint32_t offset, unsigned width, bool write,
                                uint64_t value)
{
    struct vdev_access access = {.width = (uint8_t)width, .write = write, .value = value};
    int status = vdev_bus_dispatch(&world->bus, offset, &access);

    fuzz_require(status <= 0 && status >= VDEV_ERROR_BUSY);
    if (status == VDEV_OK && !write && width < 8) {
        fuzz_require(access.value >> (8 * width) == 0);
    }
    return access.value;
}

static void write_register(struct world *world, uint32_t offset, uint32_t value)
{
    access_register(world, offset, 4, true, value);
}

static void scribble(struct world *world)
{
    uint32_t most = input_byte(&world->input) < 160 ? QUEUES * QUEUE_BYTES : BYTES - 8;
    uint32_t at = input_below(&world->input, most);
    uint64_t value = input_number(&world->input, 8);

    memcpy(world->memory + at, &value, 1 + input_below(&world->input, 8));
}

/* While a frame is looked at, the driver goes on writing. */
static void race(struct world *world)
{
    if ((input_byte(&world->input) & 3) == 0) {
        scribble(world);
    }
}

/* ---- the class below ---- */

/* Every byte must be memory: the sanitizer would see another. */
static uint32_t read_all(const struct vdev_buffer *buffers, size_t count)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        const uint8_t *bytes = buffers[i].pointer;
        for (size_t j = 0; j < buffers[i].length; j++) {
            sum += bytes[j];
        }
    }
    return sum;
}

static void segment(struct world *world, const struct vdev_net_frame *frame)
{
    struct vdev_buffer pieces[PIECES + 1];
    struct vdev_net_segmenter segmenter;
    unsigned count = 0;

    if (vdev_net_segmenter_begin(&segmenter, frame, pieces, PIECES + 1) != VDEV_OK) {
        return;
    }
    while (vdev_net_segmenter_next(&segmenter) == VDEV_OK) {
        fuzz_require(count++ <= frame->length);
        fuzz_require(vdev_buffers_length(pieces, segmenter.frame.buffer_count) ==
                     segmenter.frame.length);
        (void)read_all(pieces, segmenter.frame.buffer_count);
        if (count % 16 == 0) {
            race(world);
        }
    }
}

static int submit(struct vdev_net *net, struct vdev_net_frame *frame)
{
    struct world *world = world_of(net);

    fuzz_require(frame->length == vdev_buffers_length(frame->buffers, frame->buffer_count));
    fuzz_require(vdev_net_check(frame->length, &frame->offload, net->takes, net->mtu) == VDEV_OK);
    fuzz_require(net->maximum_buffers == 0 || frame->buffer_count <= net->maximum_buffers);
    (void)read_all(frame->buffers, frame->buffer_count);
    race(world);
    if (frame->offload.needs != 0 && (input_byte(&world->input) & 3) == 0) {
        segment(world, frame);
    }
    uint8_t way = input_byte(&world->input);
    if (way >= 240) {
        static const int refusals[] = {VDEV_ERROR_INVALID, VDEV_ERROR_RANGE, VDEV_ERROR_UNSUPPORTED,
                                       VDEV_ERROR_ABSENT};
        return refusals[way % 4];
    }
    if (way >= 200) {
        world->full = true;
        return VDEV_ERROR_FULL;
    }
    frame->next = NULL;
    *world->last = frame;
    world->last = &frame->next;
    world->queued++;
    fuzz_require(world->queued <= SLOTS);
    return VDEV_OK;
}

static void complete_one(struct world *world, int status)
{
    struct vdev_net_frame *frame = world->first;

    if (frame == NULL) {
        return;
    }
    world->first = frame->next;
    if (world->first == NULL) {
        world->last = &world->first;
    }
    world->queued--;
    (void)read_all(frame->buffers, frame->buffer_count);
    frame->complete(frame, status);
}

static void resume(struct vdev_net *net)
{
    fuzz_require(world_of(net)->operations.resume != NULL);
    world_of(net)->kept = false;
}

static int set_receive_mode(struct vdev_net *net, enum vdev_net_receive_mode mode)
{
    fuzz_require((unsigned)mode <= VDEV_NET_RECEIVE_ALL);
    return (input_byte(&world_of(net)->input) & 7) == 0 ? VDEV_ERROR_UNSUPPORTED : VDEV_OK;
}

/* What a switch or a controller may hand up: well formed, but of any length and with any needs. */
static void arrive(struct world *world)
{
    static const uint32_t lengths[] = {14, 15, 60, 100, 1514, 1518, 1519, 3000, 20000, 65553};
    struct input *input = &world->input;
    uint8_t way = input_byte(input);
    struct vdev_net_arrival *arrival = &world->arrival;

    memset(arrival, 0, sizeof *arrival);
    arrival->length = lengths[way % 10];
    for (unsigned i = 0; i < VDEV_NET_HEADER_BYTES; i++) {
        arrival->header[i] = way & 0x80 ? 0xff : world->backend.configuration_space[i % 6];
    }
    arrival->header[input_below(input, VDEV_NET_HEADER_BYTES)] = input_byte(input);
    if ((way & 0x40) != 0) {
        memcpy(arrival->header + 12, "\x81\x00", 2);
    }
    uint8_t needs = input_byte(input) & (uint8_t)world->net.client.accepts;
    struct vdev_net_offload offload = {.needs = needs,
                                       .checksum_start = (uint16_t)input_number(input, 1),
                                       .checksum_offset = (uint16_t)input_number(input, 1),
                                       .segment_size = (uint16_t)(input_byte(input) * (needs > 1))};
    if (vdev_net_check(arrival->length, &offload, 0x1f, 65535) == VDEV_OK) {
        arrival->offload = offload;
    } else {
        arrival->offload.checksum_valid = (way & 0x20) != 0;
    }
}

static void accept(struct world *world, bool again)
{
    if (world->arrived || (again && !world->kept) || (!again && world->kept)) {
        return;
    }
    if (!again) {
        arrive(world);
    }
    world->kept = false;
    int status = world->net.client.accept(world->net.client.owner, &world->arrival, &world->room);
    fuzz_require(status <= 0);
    if (status == VDEV_ERROR_FULL && world->operations.resume != NULL) {
        world->kept = true;
    }
    if (status == VDEV_OK) {
        fuzz_require(vdev_buffers_length(world->room.buffers, world->room.buffer_count) >=
                     world->arrival.length);
        world->arrived = true;
    }
}

static void deliver(struct world *world, int status)
{
    static uint8_t bytes[65553];

    if (!world->arrived) {
        return;
    }
    struct vdev_cursor cursor = vdev_cursor(world->room.buffers, world->room.buffer_count);
    memcpy(bytes, world->arrival.header, VDEV_NET_HEADER_BYTES);
    fuzz_require(vdev_cursor_write(&cursor, bytes, world->arrival.length) == world->arrival.length);
    race(world);
    world->arrived = false;
    world->net.client.delivered(world->net.client.owner, status);
}

/* ---- the driver ---- */

static uint64_t any_address(struct world *world)
{
    static const uint64_t edges[] = {MEMORY,
                                     MEMORY + BYTES - 8,
                                     MEMORY + BYTES + SECOND_BYTES - 8,
                                     READ_ONLY,
                                     READ_ONLY - 16,
                                     UINT64_MAX - 16,
                                     READ_ONLY + 0xfff,
                                     0};
    uint8_t way = input_byte(&world->input);

    if (way < 220) {
        return MEMORY + 16 * input_below(&world->input, BYTES / 16);
    }
    return way < 252 ? edges[way % 8] + input_below(&world->input, 32)
                     : input_number(&world->input, 8);
}

static uint32_t any_length(struct world *world)
{
    static const uint32_t lengths[] = {0, 1, 11, 12, 13, 14, 26, 60, 700, 1526, 1530, 4096};
    uint8_t way = input_byte(&world->input);

    return way < 252 ? lengths[way % 12] : (uint32_t)input_number(&world->input, 4);
}

/* As a driver starts a device, with queues that overlap or not. */
static void start(struct world *world)
{
    uint64_t features = input_number(&world->input, 8) | 1ull << VIRTIO_F_VERSION_1 |
                        1ull << VIRTIO_NET_F_CSUM | 1ull << VIRTIO_NET_F_CTRL_VQ;

    write_register(world, VIRTIO_MMIO_STATUS, 0);
    write_register(world, VIRTIO_MMIO_STATUS, 3);
    for (uint32_t word = 0; word < 2; word++) {
        write_register(world, VIRTIO_MMIO_DEVICE_FEATURES_SEL, word);
        uint64_t offered = access_register(world, VIRTIO_MMIO_DEVICE_FEATURES, 4, false, 0);
        write_register(world, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
        write_register(world, VIRTIO_MMIO_DRIVER_FEATURES,
                       (uint32_t)(features >> (32 * word) & offered));
    }
    write_register(world, VIRTIO_MMIO_STATUS, 0xb);
    for (uint32_t queue = 0; queue < QUEUES; queue++) {
        uint32_t at = input_byte(&world->input) < 245 ? queue * QUEUE_BYTES
                                                      : input_below(&world->input, BYTES);
        write_register(world, VIRTIO_MMIO_QUEUE_SEL, queue);
        write_register(world, VIRTIO_MMIO_QUEUE_NUM, QUEUE_SIZE);
        write_register(world, VIRTIO_MMIO_QUEUE_DESC_LOW, MEMORY + at);
        write_register(world, VIRTIO_MMIO_QUEUE_AVAIL_LOW, MEMORY + at + 0x100);
        write_register(world, VIRTIO_MMIO_QUEUE_USED_LOW, MEMORY + at + 0x200);
        write_register(world, VIRTIO_MMIO_QUEUE_READY, 1);
        memset(world->memory + queue * QUEUE_BYTES, 0, QUEUE_BYTES);
    }
    write_register(world, VIRTIO_MMIO_STATUS, 0xf);
}

/* A packet that could be sent, with a virtio header that is nearly right; returns its length. */
static uint32_t write_frame(struct world *world)
{
    struct input *input = &world->input;
    uint8_t bits = input_byte(input);
    const struct packet_form form = {
        .version6 = (bits & 1) != 0,
        .udp = (bits & 2) != 0,
        .tags = (bits >> 2) & 1,
        .segment_size = (uint16_t)((bits & 8) != 0 ? 1 + input_byte(input) : 0),
        .payload = input_below(input, (bits & 16) != 0 ? 256 : 4000),
    };
    packet_make(&packet, &form);
    struct virtio_net_hdr_v1 header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = (uint8_t)(form.segment_size == 0 ? VIRTIO_NET_HDR_GSO_NONE
                              : form.udp             ? VIRTIO_NET_HDR_GSO_UDP_L4
                              : form.version6        ? VIRTIO_NET_HDR_GSO_TCPV6
                                                     : VIRTIO_NET_HDR_GSO_TCPV4),
        .gso_size = form.segment_size,
        .csum_start = packet.offload.checksum_start,
        .csum_offset = packet.offload.checksum_offset,
    };
    if ((bits & 0xc0) == 0) {
        ((uint8_t *)&header)[input_below(input, sizeof header)] = input_byte(input);
    }
    memcpy(world->memory + HEADER, &header, sizeof header);
    memcpy(world->memory + HEADER + sizeof header, packet.bytes, packet.length);
    return (uint32_t)sizeof header + packet.length;
}

/* A command; returns its length. */
static uint32_t write_command(struct world *world)
{
    static const uint32_t lengths[] = {1, 2, 6, 8, 0, 3, 8, 20, 8, 1400};
    struct input *input = &world->input;
    uint8_t *command = world->memory + COMMAND;
    uint32_t length = 2 + lengths[input_byte(input) % 10];

    memset(command, 0, length);
    command[0] = (uint8_t)input_below(input, 7);
    command[1] = (uint8_t)input_below(input, 7);
    for (unsigned i = 0; i < 8; i++) {
        command[2 + i] = input_byte(input);
        if (command[0] == VIRTIO_NET_CTRL_GUEST_OFFLOADS && (command[2] & 1) != 0) {
            command[2 + i] &= (uint8_t)(world->backend.device.accepted >> (8 * i));
        }
    }
    if ((input_byte(input) & 1) != 0) { /* a table of addresses, with a fitting number or not */
        packet_put(command, 2, 0x0100);
        uint8_t count = input_byte(input) % 40;
        uint8_t others = input_byte(input) % 40;
        memset(command + 2, 0, 8 + 6 * 80);
        command[2] = count;
        command[6 + 6 * count] = others;
        length = 2 + 4 + 6u * count + 4 + 6u * others + (input_byte(input) == 0);
    }
    return length;
}

/* A chain as its queue expects it, cut into descriptors anywhere; or of anything at all. */
static void offer(struct world *world, unsigned queue)
{
    struct input *input = &world->input;
    struct vring_desc *descriptors = (void *)(world->memory + queue * QUEUE_BYTES);
    struct vring_avail *available = (void *)(world->memory + queue * QUEUE_BYTES + 0x100);
    unsigned head = input_below(input, QUEUE_SIZE);
    unsigned count = 1 + input_below(input, 4) + (queue == VDEV_NET_CONTROL_QUEUE);
    bool usual = input_byte(input) < 200;
    uint32_t at = queue == VDEV_NET_CONTROL_QUEUE ? COMMAND : HEADER;
    uint32_t left = queue == VDEV_NET_CONTROL_QUEUE       ? write_command(world)
                    : queue == VDEV_NET_TRANSMIT_QUEUE(0) ? write_frame(world)
                                                          : 0;

    for (unsigned i = 0; i < count; i++) {
        uint8_t bits = input_byte(input);
        struct vring_desc descriptor = {.addr = any_address(world),
                                        .len = any_length(world),
                                        .flags = (uint16_t)(bits & 1 ? VRING_DESC_F_WRITE : 0),
                                        .next = (uint16_t)((head + i + 1) % QUEUE_SIZE)};
        bool answer = queue == VDEV_NET_CONTROL_QUEUE && i + 1 == count;
        if (usual && (queue == VDEV_NET_RECEIVE_QUEUE(0) || answer)) {
            descriptor.flags = VRING_DESC_F_WRITE;
        } else if (usual) {
            bool last = i + 1 + (queue == VDEV_NET_CONTROL_QUEUE) == count;
            uint32_t part = last || descriptor.len > left ? left : descriptor.len;
            descriptor = (struct vring_desc){MEMORY + at, part, 0, descriptor.next};
            at += part;
            left -= part;
        }
        descriptor.flags |= (uint16_t)((i + 1 < count ? VRING_DESC_F_NEXT : 0) |
                                       (bits > 0xf8 ? VRING_DESC_F_INDIRECT : 0));
        descriptors[(head + i) % QUEUE_SIZE] = descriptor;
    }
    available->ring[available->idx % QUEUE_SIZE] = (uint16_t)head;
    available->idx++;
}

static void step(struct world *world)
{
    struct input *input = &world->input;
    unsigned queue = input_below(input, QUEUES);

    switch (input_below(input, 24)) {
    case 0:
        access_register(world, input_below(input, VDEV_VIRTIO_MMIO_WINDOW + 8),
                        1u << input_below(input, 4), input_byte(input) & 1, input_number(input, 8));
        break;
    case 1:
        access_register(world, 4 * input_below(input, 0x120 / 4), 4, input_byte(input) & 1,
                        input_below(input, 32));
        break;
    case 2:
        start(world);
        break;
    case 3:
        scribble(world);
        break;
    case 4:
        world->net.link = (input_byte(input) & 1) != 0;
        world->net.client.changed(world->net.client.owner);
        (void)vdev_net_backend_announce(&world->backend);
        break;
    case 5:
    case 6:
    case 7:
        accept(world, false);
        break;
    case 8:
        accept(world, true);
        break;
    case 9:
    case 10:
    case 11:
        deliver(world, input_byte(input) < 220 ? VDEV_OK : VDEV_ERROR_IO);
        break;
    case 12:
    case 13:
        complete_one(world, input_byte(input) < 220 ? VDEV_OK : VDEV_ERROR_IO);
        break;
    case 14:
        if (world->full) {
            world->full = false;
            world->net.client.writable(world->net.client.owner);
        }
        break;
    case 15:
        vdev_virtio_device_poll(&world->backend.device);
        break;
    case 16:
    case 17:
    case 18:
        write_register(world, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
        break;
    default:
        offer(world, queue);
        break;
    }
    fuzz_require(world->level == (world->mmio.interrupt_status != 0));
    fuzz_require(world->backend.pairs[0].in_flight == world->queued);
    for (unsigned i = 0; i < QUEUES; i++) {
        /* Nothing is given back that this driver did not offer. */
        const struct vdev_device_queue *live = &world->backend.queues[i].live;
        fuzz_require((uint16_t)(live->next_available - live->next_used) <= QUEUE_SIZE);
    }
}

/* Whatever was done: a reset and an idle class bring the device back to where it began. */
static void end(struct world *world)
{
    unsigned free = 0;

    deliver(world, VDEV_OK);
    write_register(world, VIRTIO_MMIO_STATUS, 0);
    while (world->queued != 0) {
        complete_one(world, VDEV_ERROR_ABSENT);
    }
    fuzz_require(!world->level && !world->backend.device.busy);
    fuzz_require(world->backend.pairs[0].in_flight == 0);
    fuzz_require(world->backend.pairs[0].chain_count == 0);
    for (struct vdev_net_backend_slot *slot = world->backend.pairs[0].free; slot != NULL;
         slot = slot->next_free) {
        fuzz_require(free++ < SLOTS);
    }
    fuzz_require(free == SLOTS);
    /* Nothing of the former driver's is used any more. */
    world->kept = false;
    arrive(world);
    fuzz_require(world->net.client.accept(world->net.client.owner, &world->arrival, &world->room) <
                 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world;

    memset(&world, 0, sizeof world);
    world.input = (struct input){data, size};
    world.memory = calloc(1, BYTES);
    world.second = calloc(1, SECOND_BYTES);
    world.read_only = calloc(1, 0x1000);
    const struct vdev_memory_region regions[] = {
        {MEMORY, BYTES, world.memory, MEMORY, true},
        {MEMORY + BYTES, SECOND_BYTES, world.second, VDEV_NO_BUS_ADDRESS, true},
        {READ_ONLY, 0x1000, world.read_only, READ_ONLY, false},
    };
    fuzz_require(vdev_memory_init(&world.map, regions, 3) == VDEV_OK);
    uint8_t bits = input_byte(&world.input);
    world.operations = (struct vdev_net_operations){
        .submit = submit,
        .resume = bits & 1 ? resume : NULL,
        .set_receive_mode = bits & 2 ? set_receive_mode : NULL,
    };
    world.last = &world.first;
    world.net = (struct vdev_net){
        .operations = &world.operations,
        .address = {0x52, 0x54, 0, 1, 2, 3},
        .mtu = bits & 4 ? VDEV_NET_MTU : 9000,
        .takes = input_byte(&world.input),
        .maximum_buffers = bits & 8 ? 3 : 0,
        .link = true,
    };
    const struct vdev_net_backend_configuration configuration = {
        .memory = &world.map,
        .net = &world.net,
        .slots = world.slots,
        .slot_count = SLOTS,
        .buffers = world.buffers,
        .buffers_per_slot = PIECES,
        .receive_buffers = world.receive_buffers,
        .receive_buffer_count = ROOM,
        .receive_chains = world.receive_chains,
        .receive_chain_count = bits & 16 ? 1 : CHAINS,
        .queue_size = QUEUE_SIZE,
    };
    fuzz_require(vdev_net_backend_init(&world.backend, &configuration) == VDEV_OK);
    const struct vdev_interrupt_line line = {set_line, &world, 0, false};
    fuzz_require(vdev_virtio_mmio_init(&world.mmio, &world.backend.device, line) == VDEV_OK);
    world.window = (struct vdev_bus_window){.length = VDEV_VIRTIO_MMIO_WINDOW,
                                            .access = vdev_virtio_mmio_access,
                                            .device = &world.mmio};
    fuzz_require(vdev_bus_init(&world.bus, &world.window, 1) == VDEV_OK);
    start(&world);
    for (unsigned steps = 0; world.input.left != 0 && steps < 4096; steps++) {
        step(&world);
    }
    end(&world);
    free(world.memory);
    free(world.second);
    free(world.read_only);
    return 0;
}
