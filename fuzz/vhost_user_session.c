/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's end of vhost-user with a hostile driver's end: whole sessions of any messages, with
 * any descriptors, while rings run and their memory is written to. After each message the books
 * agree with the session: descriptors, mappings, watches, the map; and after each connection
 * nothing is left. With mappings that are memory of their own, a sanitizer sees what is used after
 * it was unmapped.
 */
#include "../tests/support/vhost_user_peer.h"
#include "input.h"

struct world {
    struct input input;
    struct peer peer;
};

static void check_books(struct peer *peer)
{
    const struct vdev_vhost_user_device *session = &peer->session;
    struct vdev_memory map;
    unsigned open = session->channel >= 0;

    for (unsigned i = 0; i < PEER_QUEUES; i++) {
        const struct vdev_vhost_user_queue *queue = &session->queues[i];
        open += (queue->kick >= 0) + (queue->call >= 0) + (queue->error >= 0);
        fuzz_require(peer->watched[i] == queue->kick);
        fuzz_require(queue->started == (queue->kick >= 0));
        fuzz_require(!vdev_virtio_device_queue_ready(&peer->device, i) || queue->started);
        fuzz_require(!peer->queues[i].live.live || peer->queues[i].ready);
    }
    fuzz_require(peer->open == open);
    fuzz_require(peer->mapped == session->slot_count + (session->inflight != NULL));
    fuzz_require(peer->memory.count == session->slot_count);
    fuzz_require(session->slot_count == 0 ||
                 vdev_memory_init(&map, session->regions, session->slot_count) == VDEV_OK);
}

static uint64_t some_number(struct input *input)
{
    static const uint64_t numbers[] = {0,          1,          2,         3,         16,   255,
                                       0x100,      0x101,      0xb,       0xf,       0x40, 0x10000,
                                       UINT32_MAX, UINT64_MAX, PEER_USER, PEER_GUEST};
    uint8_t which = input_byte(input);

    return which < 224 ? numbers[which % 16] : input_number(input, 8);
}

static struct vdev_vhost_user_region some_region(struct input *input)
{
    uint8_t odd = input_byte(input);
    uint64_t offset = input_below(input, 16) * 0x2000u;
    struct vdev_vhost_user_region region = peer_region(offset, (1 + odd % 8) * 0x2000u);

    switch (odd / 8) {
    case 0:
        region.length = some_number(input);
        break;
    case 1:
        region.guest_address = some_number(input);
        break;
    case 2:
        region.user_address = some_number(input);
        break;
    case 3:
        region.offset = some_number(input);
        break;
    default:
        break;
    }
    return region;
}

/* Some message's payload and descriptors, more or less as they should be. */
static void fill(struct peer *peer, struct input *input, struct vdev_vhost_user_message *message)
{
    union vdev_vhost_user_payload *payload = &message->payload;
    uint8_t odd = input_byte(input);
    unsigned descriptors = 0;

    switch (message->request) {
    case VDEV_VHOST_USER_SET_FEATURES:
        message->size = 8;
        payload->u64 = odd < 240
                           ? PEER_FEATURES | (odd & 1 ? 0 : PEER_FLAG_30) | (odd & 2 ? 0 : 3u << 28)
                           : some_number(input);
        break;
    case VDEV_VHOST_USER_SET_PROTOCOL_FEATURES:
        message->size = 8;
        payload->u64 = odd < 240 ? 0xb229u | (odd & 1 ? 0x10000u : 0) : some_number(input);
        break;
    case VDEV_VHOST_USER_SET_STATUS:
        message->size = 8;
        payload->u64 =
            odd < 240 ? (uint64_t[]){0, 1, 3, 8, 0xb, 0xf, 0xf, 0x8f}[odd % 8] : some_number(input);
        break;
    case VDEV_VHOST_USER_SET_MEM_TABLE:
        descriptors = payload->memory.count = odd % 10;
        for (unsigned i = 0; i < descriptors && i < VDEV_VHOST_USER_REGIONS; i++) {
            payload->memory.regions[i] =
                odd < 128 ? peer_region(i * 0x4000u, 0x4000u) : some_region(input);
        }
        message->size = 8 + 32 * descriptors;
        break;
    case VDEV_VHOST_USER_ADD_MEM_REG:
    case VDEV_VHOST_USER_REM_MEM_REG:
        message->size = 40;
        payload->region.region = some_region(input);
        if (odd < 200 && peer->session.slot_count != 0) {
            struct vdev_vhost_user_region known =
                peer->session.slots[odd % peer->session.slot_count].region;
            payload->region.region = known;
            if (message->request == VDEV_VHOST_USER_ADD_MEM_REG) {
                payload->region.region.guest_address += known.length;
                payload->region.region.user_address += known.length;
            }
        }
        descriptors = message->request == VDEV_VHOST_USER_ADD_MEM_REG || odd % 2;
        break;
    case VDEV_VHOST_USER_SET_VRING_ADDR:
        message->size = 40;
        payload->address.index = odd % 4;
        payload->address.descriptors = peer_ring(odd % 4);
        payload->address.available = peer_ring(odd % 4) + 0x1000;
        payload->address.used = peer_ring(odd % 4) + 0x2000;
        if (odd >= 224) {
            payload->address.used += some_number(input);
        }
        break;
    case VDEV_VHOST_USER_GET_CONFIG:
    case VDEV_VHOST_USER_SET_CONFIG:
        payload->configuration.offset = odd % 16;
        payload->configuration.length = odd / 16;
        message->size = 12 + odd / 16;
        break;
    case VDEV_VHOST_USER_GET_INFLIGHT_FD:
    case VDEV_VHOST_USER_SET_INFLIGHT_FD:
        message->size = odd % 2 ? 24 : 20;
        payload->inflight.length = odd < 240 ? 0x1000 : some_number(input);
        payload->inflight.offset = odd < 220 ? PEER_DATA : some_number(input);
        payload->inflight.queue_count = (uint16_t)(odd % 5);
        payload->inflight.queue_size = (uint16_t)(odd < 230 ? 16 : some_number(input));
        descriptors = message->request == VDEV_VHOST_USER_SET_INFLIGHT_FD;
        break;
    case VDEV_VHOST_USER_SET_VRING_KICK:
    case VDEV_VHOST_USER_SET_VRING_CALL:
    case VDEV_VHOST_USER_SET_VRING_ERR:
        message->size = 8;
        payload->u64 = odd < 224 ? odd % 4 : some_number(input);
        descriptors = (payload->u64 & 0x100) == 0;
        break;
    case VDEV_VHOST_USER_SET_VRING_NUM:
    case VDEV_VHOST_USER_SET_VRING_BASE:
    case VDEV_VHOST_USER_GET_VRING_BASE:
    case VDEV_VHOST_USER_SET_VRING_ENABLE:
        message->size = 8;
        payload->state.index = odd < 240 ? odd % 4 : (uint32_t)some_number(input);
        payload->state.number = message->request == VDEV_VHOST_USER_SET_VRING_NUM ? 16
                                : message->request == VDEV_VHOST_USER_SET_VRING_ENABLE
                                    ? odd / 16 % 2
                                    : 0;
        if (odd >= 200) {
            payload->state.number = (uint32_t)some_number(input);
        }
        break;
    case VDEV_VHOST_USER_SET_BACKEND_REQ_FD:
        descriptors = 1;
        break;
    default:
        break;
    }
    uint8_t wrong = input_byte(input);
    if (wrong < 4) {
        descriptors = wrong * 3u;
    } else if (wrong < 8) {
        message->size = input_byte(input);
    }
    for (unsigned i = 0; i < descriptors && i < VDEV_VHOST_USER_REGIONS; i++) {
        bool file = message->request == VDEV_VHOST_USER_SET_MEM_TABLE ||
                    message->request == VDEV_VHOST_USER_ADD_MEM_REG ||
                    message->request == VDEV_VHOST_USER_SET_INFLIGHT_FD;
        peer_attach(message, peer_open(peer, file && wrong != 9 ? peer->guest : NULL));
    }
}

static void say(struct world *world, uint32_t request)
{
    struct peer *peer = &world->peer;
    struct vdev_vhost_user_message message = peer_message(request, 0);
    unsigned replies = peer->replies, refusals = peer->refusals;
    uint8_t odd = input_byte(&world->input);

    if (odd % 4 != 0) {
        message.flags |= VDEV_VHOST_USER_NEED_REPLY;
    }
    if (odd >= 250) {
        message.flags ^= 1u << input_below(&world->input, 5);
    }
    fill(peer, &world->input, &message);
    int status = peer_say(peer, &message);
    fuzz_require(peer->replies - replies <= 1 && peer->refusals - refusals <= 2);
    bool asked = (message.flags & VDEV_VHOST_USER_NEED_REPLY) != 0 &&
                 (peer->session.protocol_accepted >> VDEV_VHOST_USER_PROTOCOL_F_REPLY_ACK & 1) != 0;
    if (status == VDEV_OK) {
        fuzz_require(!asked || peer->replies == replies + 1);
        fuzz_require(peer->replies == replies || peer->reply.request == request);
    } else {
        fuzz_require(peer->refusals != refusals);
    }
    check_books(peer);
    if (status != VDEV_OK) {
        peer_disconnect(peer);
        check_books(peer);
    }
}

/* By the rules, up to a ring that runs: what random messages seldom come to. */
static void begin(struct world *world)
{
    struct peer *peer = &world->peer;
    uint32_t index = input_below(&world->input, PEER_QUEUES);
    bool has_status = input_byte(&world->input) % 4 == 0;
    int descriptor;

    peer->fail_maps = -1;
    peer->fail_sends = false;
    peer_disconnect(peer);
    struct vdev_vhost_user_message message = peer_table(peer, 1 + input_below(&world->input, 2));
    fuzz_require(peer_number(peer, VDEV_VHOST_USER_SET_PROTOCOL_FEATURES,
                             has_status ? 0x1b229 : 0xb229) == VDEV_OK);
    fuzz_require(peer_number(peer, VDEV_VHOST_USER_SET_FEATURES, PEER_FEATURES | PEER_FLAG_30) ==
                 VDEV_OK);
    fuzz_require(peer_say(peer, &message) == VDEV_OK);
    fuzz_require(peer_state(peer, VDEV_VHOST_USER_SET_VRING_NUM, index, PEER_QUEUE_SIZE) ==
                 VDEV_OK);
    fuzz_require(peer_state(peer, VDEV_VHOST_USER_SET_VRING_BASE, index,
                            peer_used(peer, index)->idx) == VDEV_OK);
    fuzz_require(peer_address(peer, index, peer_ring(index)) == VDEV_OK);
    fuzz_require(peer_event(peer, VDEV_VHOST_USER_SET_VRING_KICK, index, &descriptor) == VDEV_OK);
    fuzz_require(peer_state(peer, VDEV_VHOST_USER_SET_VRING_ENABLE, index, 1) == VDEV_OK);
    if (has_status) {
        fuzz_require(peer_number(peer, VDEV_VHOST_USER_SET_STATUS, 0xb) == VDEV_OK);
        fuzz_require(peer_number(peer, VDEV_VHOST_USER_SET_STATUS, 0xf) == VDEV_OK);
    }
    fuzz_require(vdev_virtio_device_queue_ready(&peer->device, index));
    check_books(peer);
}

/* The guest writes to its memory, wherever it is seen; and in the file, for what is mapped later.
 */
static void write_memory(struct world *world)
{
    struct peer *peer = &world->peer;
    struct peer_mapping *mapping = &peer->mappings[input_below(&world->input, 8)];
    uint32_t offset =
        input_below(&world->input, 4) * 0x1000 + (uint32_t)input_number(&world->input, 1);
    uint16_t value = (uint16_t)some_number(&world->input);

    memcpy(peer->guest->bytes + offset % (PEER_BYTES - 2), &value, sizeof value);
    if (mapping->pointer != NULL && mapping->length > 2) {
        memcpy(mapping->pointer + offset % (mapping->length - 2), &value, sizeof value);
    }
}

static void act(struct world *world)
{
    static const uint8_t requests[] = {
        VDEV_VHOST_USER_SET_FEATURES,    VDEV_VHOST_USER_SET_MEM_TABLE,
        VDEV_VHOST_USER_SET_VRING_NUM,   VDEV_VHOST_USER_SET_VRING_ADDR,
        VDEV_VHOST_USER_SET_VRING_BASE,  VDEV_VHOST_USER_GET_VRING_BASE,
        VDEV_VHOST_USER_SET_VRING_KICK,  VDEV_VHOST_USER_SET_VRING_CALL,
        VDEV_VHOST_USER_SET_VRING_ERR,   VDEV_VHOST_USER_SET_VRING_ENABLE,
        VDEV_VHOST_USER_SET_VRING_KICK,  VDEV_VHOST_USER_SET_VRING_ENABLE,
        VDEV_VHOST_USER_ADD_MEM_REG,     VDEV_VHOST_USER_REM_MEM_REG,
        VDEV_VHOST_USER_SET_STATUS,      VDEV_VHOST_USER_SET_INFLIGHT_FD,
        VDEV_VHOST_USER_GET_INFLIGHT_FD, VDEV_VHOST_USER_SET_BACKEND_REQ_FD,
    };
    struct peer *peer = &world->peer;
    struct input *input = &world->input;
    uint32_t which = input_below(input, 32);
    uint32_t queue = input_below(input, PEER_QUEUES);

    if (which < sizeof requests) {
        say(world, requests[which]);
        return;
    }
    switch (which - sizeof requests) {
    case 0:
    case 1:
        say(world, input_below(input, 48));
        break;
    case 2:
    case 3:
        peer_request(peer, queue);
        vdev_vhost_user_device_kicked(&peer->session, (uint16_t)queue);
        break;
    case 4:
        peer_complete(peer);
        break;
    case 5:
        peer->keep = !peer->keep;
        break;
    case 6:
        vdev_virtio_device_configuration_changed(&peer->device);
        break;
    case 7:
    case 8:
        write_memory(world);
        break;
    case 9:
        peer->fail_maps = (int)input_below(input, 8) - 4;
        peer->fail_sends = input_byte(input) < 16;
        peer->fail_creates = input_byte(input) < 32;
        break;
    case 10:
        vdev_virtio_device_fail(&peer->device);
        break;
    case 11:
        peer_disconnect(peer);
        break;
    default:
        begin(world);
        break;
    }
    check_books(peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *world = calloc(1, sizeof *world);

    fuzz_require(world != NULL);
    world->input = (struct input){data, size};
    peer_init(&world->peer, 0);
    world->peer.copies = input_byte(&world->input) % 4 != 0;
    if (input_byte(&world->input) % 4 != 0) {
        begin(world);
    }
    while (world->input.left != 0) {
        act(world);
    }
    peer_finish(&world->peer);
    free(world);
    return 0;
}
