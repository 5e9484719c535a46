/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver VMs that do not keep the rules, each in its own way: see variants.h. What they serve is a
 * disk of their own memory, by the library's back-end, until they have served enough of it well;
 * then they write to what is shared with the client by hand.
 */
#include <stddef.h>

#include <vdev/backends/block.h>
#include <vdev/status.h>

#include "core/mem.h"
#include "machines.h"
#include "transport/message.h"
#include "variants.h"

enum {
    SECTORS = 512, /* of the disk; more in its clients' eyes, by wrapping round */
    SLOTS = 8,
    BUFFERS = 16,
    QUEUE_SIZE = 128,
    JUMP = 1000,
    HIGH_ID = 0x8765,
    SENT = 0, /* offsets in a FIFO */
    RECEIVED = 64,
};

static const struct hyp_boot_link *told;
static uint32_t doorbell, variant, served;
static struct vdev_message_link link;
static struct vdev_virtio_message_device_bus bus;
static struct vdev_virtio_message_device message_device;
static struct vdev_memory_region region;
static struct vdev_memory memory;
static struct vdev_block_backend backend;

/* ---- the disk ---- */

static uint32_t content[SECTORS * 128];
static struct vdev_block disk;
static struct vdev_block_request *first, *last;

static volatile uint16_t *used_half(uint32_t at)
{
    return (volatile uint16_t *)((uint8_t *)backend.queue.live.used + at);
}

/* Put an entry into the used ring, and let the index follow so many. */
static void use(uint32_t ahead, uint32_t id, uint32_t length)
{
    uint16_t index = *used_half(2);
    uint32_t at = 4 + ((index + ahead - 1) & (backend.queue.live.size - 1)) * 8;

    *(volatile uint32_t *)used_half(at) = id;
    *(volatile uint32_t *)used_half(at + 4) = length;
    __asm__ volatile("dmb" ::: "memory");
    *used_half(2) = (uint16_t)(index + ahead);
    backend.device.transport_operations->queue_interrupt(backend.device.transport, 0);
}

/* True: this request is not completed as it should be. */
static bool spoil(struct vdev_block_request *request)
{
    const struct vdev_block_backend_slot *slot = request->owner;

    if (served < TURNS) {
        return false;
    }
    switch (variant) {
    case DRIVER_STOPS_ANSWERING:
        return true;
    case DRIVER_USED_UNASKED:
        use(1, HIGH_ID, 0);
        return true;
    case DRIVER_USED_TWICE:
        use(1, slot->id, slot->data_length + 1);
        use(1, slot->id, slot->data_length + 1);
        return true;
    case DRIVER_USED_LONG:
        use(1, slot->id, slot->data_length + JUMP);
        return true;
    case DRIVER_USED_JUMPS:
        use(JUMP, slot->id, slot->data_length + 1);
        return true;
    default:
        return false;
    }
}

static int submit(struct vdev_block *block, struct vdev_block_request *request)
{
    int status = vdev_block_check(block, request);

    if (status != VDEV_OK) {
        return status;
    }
    request->next = NULL;
    if (first == NULL) {
        first = request;
    } else {
        last->next = request;
    }
    last = request;
    return VDEV_OK;
}

static bool poll(struct vdev_block *block)
{
    struct vdev_block_request *request = first;

    (void)block;
    if (request == NULL) {
        return false;
    }
    first = request->next;
    if (spoil(request)) {
        return first != NULL;
    }
    struct vdev_cursor cursor = vdev_cursor(request->buffers, request->buffer_count);
    size_t left = vdev_buffers_length(request->buffers, request->buffer_count);
    for (uint32_t at = (uint32_t)request->sector * VDEV_SECTOR_SIZE; left != 0;) {
        uint8_t *bytes = (uint8_t *)content + at % sizeof content;
        size_t piece = left < VDEV_SECTOR_SIZE ? left : VDEV_SECTOR_SIZE;
        if (request->operation == VDEV_BLOCK_READ) {
            vdev_cursor_write(&cursor, bytes, piece);
        } else {
            vdev_cursor_read(&cursor, bytes, piece);
        }
        at += piece;
        left -= piece;
    }
    served++;
    request->complete(request, VDEV_OK);
    return first != NULL;
}

static void start(const struct hyp_boot *boot)
{
    static const struct vdev_block_operations operations = {.submit = submit, .poll = poll};
    static struct vdev_block_backend_slot slots[SLOTS];
    static struct vdev_buffer buffers[SLOTS * BUFFERS];
    const struct vdev_block_backend_configuration configuration = {
        .memory = &memory,
        .block = &disk,
        .slots = slots,
        .slot_count = SLOTS,
        .buffers = buffers,
        .buffers_per_slot = BUFFERS,
        .queue_size = QUEUE_SIZE,
        .identifier = "hostile",
    };

    disk =
        (struct vdev_block){.operations = &operations,
                            .information = {.sectors = told->sectors != 0 ? told->sectors : SECTORS,
                                            .block_size = VDEV_SECTOR_SIZE}};
    card_fill(content, 0, SECTORS, RAM_SEED);
    region =
        (struct vdev_memory_region){told->guest_address, told->length,
                                    (void *)(uintptr_t)told->window, VDEV_NO_BUS_ADDRESS, true};
    if (vdev_memory_init(&memory, &region, 1) != VDEV_OK ||
        vdev_block_backend_init(&backend, &configuration) != VDEV_OK ||
        link_open(&link, boot, told) != VDEV_OK) {
        say("FAIL did not start", 0);
    }
    vdev_virtio_message_device_bus_init(&bus, &link);
    if (vdev_virtio_message_device_add(&bus, &message_device, &backend.device, 0) != VDEV_OK) {
        say("FAIL did not join the bus", 0);
    }
}

/* ---- messages ---- */

static void send(uint8_t type, uint8_t id, uint16_t token, unsigned words)
{
    const struct vdev_message message = {
        .type = type, .id = id, .token = token, .size = MESSAGE_SIZE(words)};

    vdev_message_link_send(&link, &message);
}

static void ring_client(void)
{
    cpu_call(HYP_CALL_DOORBELL, doorbell, 0);
}

static void jump(uint32_t fifo, uint32_t offset)
{
    volatile uint32_t *index = (volatile uint32_t *)(uintptr_t)(fifo + offset);

    *index += JUMP;
    ring_client();
}

/* Takes what comes, and answers the first of it wrongly. */
static void answer_wrongly(void)
{
    struct vdev_message request;

    for (bool done = false;;) {
        while (vdev_message_link_receive(&link, &request) == VDEV_OK) {
            unsigned words = request.id == MESSAGE_GET_DEVICE_INFO ? INFO_WORDS : 0;
            if (done || variant == DRIVER_NEVER_ANSWERS) {
                continue;
            }
            done = true;
            switch (variant) {
            case DRIVER_UNASKED_ANSWER:
                send(MESSAGE_TYPE_ANSWER, request.id, (uint16_t)(request.token + 7), words);
                break;
            case DRIVER_LONG_ANSWER:
                send(MESSAGE_TYPE_ANSWER, request.id, request.token, MESSAGE_WORDS);
                break;
            default:
                send(MESSAGE_TYPE_ANSWER, request.id, request.token, words);
                send(MESSAGE_TYPE_ANSWER, request.id, request.token, words);
                break;
            }
        }
        if (!vdev_message_link_arm(&link)) {
            rest(UINT64_C(1000000000));
        }
    }
}

static void send_events(void)
{
    for (;;) {
        send(0, MESSAGE_EVENT_USED, 0, EVENT_USED_WORDS);
        send(0, MESSAGE_EVENT_CONFIG, 0, EVENT_CONFIG_WORDS);
        ring_client();
    }
}

/* ---- what is seen ---- */

static void spy(uint32_t beyond)
{
    const volatile uint32_t *window = (const volatile uint32_t *)(uintptr_t)told->window;
    uint32_t found = 0;

    for (uint32_t i = 0; i < told->length / 4; i++) {
        found += window[i] == ~SECRET_COMPLEMENT;
    }
    say("secrets", found);
    say("and beyond", *(const volatile uint32_t *)(uintptr_t)beyond);
}

/* After so many requests served well. */
static void turn(void)
{
    switch (variant) {
    case DRIVER_INDEX_JUMPS:
        jump(told->out, SENT);
        break;
    case DRIVER_RECEIVED_JUMPS:
        jump(told->in, RECEIVED);
        break;
    case DRIVER_RINGS:
        for (;;) {
            ring_client();
        }
    case DRIVER_EVENTS:
        send_events();
        break;
    case DRIVER_SPIES:
        spy(told->window + told->length);
        break;
    case DRIVER_SPIES_BELOW:
        spy(told->window - 4);
        break;
    case DRIVER_POWERS_OFF:
        power_off();
    case DRIVER_IS_RESET:
        served = 0;
        vdev_virtio_device_fail(&backend.device);
        break;
    default:
        break;
    }
}

void hostile_driver_main(const struct hyp_boot *boot, uint32_t which)
{
    told = find_link(boot, HYP_DEVICE_DISK, true);
    variant = which;
    while (variant == DRIVER_NEVER_STARTS) {
        rest(UINT64_C(1000000000));
    }
    if (told == NULL) {
        say("FAIL nothing to serve", 0);
        return;
    }
    doorbell = link_number(boot, told);
    start(boot);
    if (variant == DRIVER_NEVER_ANSWERS || variant == DRIVER_UNASKED_ANSWER ||
        variant == DRIVER_ANSWERS_TWICE || variant == DRIVER_LONG_ANSWER) {
        answer_wrongly();
    }
    for (bool turned = false;;) {
        bool more = vdev_virtio_message_device_bus_poll(&bus);
        more |= vdev_block_poll(&disk);
        if (served >= TURNS && !turned) {
            turned = variant != DRIVER_IS_RESET;
            turn();
        }
        if (!more) {
            rest(UINT64_C(1000000000));
        }
    }
}
