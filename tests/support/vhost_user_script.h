/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vhost-user device that a script plays, and a driver's end that has it: what the tests of the
 * latter start from. It answers as it should, or as one that lies; it has no rings.
 */
#ifndef SUPPORT_VHOST_USER_SCRIPT_H
#define SUPPORT_VHOST_USER_SCRIPT_H

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include <vdev/status.h>
#include <vdev/testing/clock.h>
#include <vdev/vhost_user_driver.h>
#include <vdev/virtio.h>

#define QUEUES     2
#define SIZE       16
#define GUEST      0x80000000ull
#define HALF       0x2000u
#define LOG        128
#define VERSION_1  (1ull << 32)
#define PROTOCOL   (1ull << VDEV_VHOST_USER_F_PROTOCOL_FEATURES)
#define FILE_FIRST 100 /* descriptors: of the memory, the kicks, the calls, ... */
#define KICK_FIRST 200
#define CALL_FIRST 300
#define OURS       900 /* ... and from here on those that the device gave */

#define F(name) (1ull << VDEV_VHOST_USER_PROTOCOL_F_##name)
#define TAKEN                                                                                      \
    (F(MQ) | F(REPLY_ACK) | F(CONFIG) | F(INFLIGHT_SHMFD) | F(RESET_DEVICE) |                      \
     F(CONFIGURE_MEM_SLOTS) | F(STATUS))

enum spoiling {
    NOT,
    SILENT,
    ENDED,
    OTHER_REQUEST,
    NO_REPLY_FLAG,
    NEEDS_REPLY_FLAG,
    OTHER_VERSION,
    NO_BYTES,
    A_BYTE_LESS,
    EIGHT_BYTES_MORE,
    A_DESCRIPTOR,
    EIGHT_DESCRIPTORS,
    ALL_ONES,
    SPOILINGS,
};

static struct {
    /* What the device is. */
    uint64_t features, protocol;
    uint64_t queue_count, slots;
    uint64_t refuses; /* a bit for each request that it says no to */
    uint8_t space[16];
    bool configuration_refused;
    /* What it knows. */
    struct vdev_vhost_user_message log[LOG];
    unsigned logged;
    struct vdev_vhost_user_message answer;
    bool answered;
    uint64_t status, accepted, accepted_protocol;
    unsigned given, closed; /* descriptors */
    unsigned kicks[QUEUES];
    bool called;
    /* How it lies. */
    enum spoiling spoiling;
    unsigned spoil_at, asked;
} device;

static struct vdev_virtual_clock virtual_clock;
static struct vdev_vhost_user_driver driver;
static _Alignas(64) uint8_t memory[2 * HALF];
static struct vdev_vhost_user_driver_region regions[2];
static const int kicks[QUEUES] = {KICK_FIRST, KICK_FIRST + 1};
static const int calls[QUEUES] = {CALL_FIRST, CALL_FIRST + 1};
static struct vdev_driver_queue queues[QUEUES];
static struct vdev_driver_slot slots[QUEUES][SIZE];

/* ---- the device ---- */

static inline void give_descriptors(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        device.answer.descriptors[device.answer.descriptor_count++] = OURS + (int)device.given++;
    }
}

static inline void number(uint64_t value)
{
    device.answer.payload.u64 = value;
    device.answer.size = 8;
}

static inline void answer(const struct vdev_vhost_user_message *question)
{
    struct vdev_vhost_user_message *reply = &device.answer;
    bool answers = true;

    memset(reply, 0, sizeof *reply);
    reply->request = question->request;
    reply->flags = VDEV_VHOST_USER_VERSION | VDEV_VHOST_USER_REPLY;
    switch (question->request) {
    case VDEV_VHOST_USER_GET_FEATURES:
        number(device.features);
        break;
    case VDEV_VHOST_USER_GET_PROTOCOL_FEATURES:
        number(device.protocol);
        break;
    case VDEV_VHOST_USER_GET_QUEUE_NUM:
        number(device.queue_count);
        break;
    case VDEV_VHOST_USER_GET_MAX_MEM_SLOTS:
        number(device.slots);
        break;
    case VDEV_VHOST_USER_GET_STATUS:
        number(device.status);
        break;
    case VDEV_VHOST_USER_GET_VRING_BASE:
        reply->payload.state = question->payload.state;
        reply->payload.state.number = 7;
        reply->size = 8;
        break;
    case VDEV_VHOST_USER_GET_CONFIG:
        if (!device.configuration_refused) {
            reply->payload = question->payload;
            reply->size = question->size;
            memcpy(reply->payload.configuration.bytes, device.space, sizeof device.space);
        }
        break;
    case VDEV_VHOST_USER_GET_INFLIGHT_FD:
        reply->payload = question->payload;
        reply->payload.inflight.length = 4096;
        reply->payload.inflight.offset = 64;
        reply->size = question->size;
        give_descriptors(1);
        break;
    default:
        answers = (question->flags & VDEV_VHOST_USER_NEED_REPLY) != 0;
        number(device.refuses >> question->request & 1);
        if (question->request == VDEV_VHOST_USER_SET_FEATURES) {
            device.accepted = question->payload.u64;
        } else if (question->request == VDEV_VHOST_USER_SET_PROTOCOL_FEATURES) {
            device.accepted_protocol = question->payload.u64;
        } else if (question->request == VDEV_VHOST_USER_SET_STATUS) {
            device.status = question->payload.u64;
        }
    }
    device.answered = answers;
}

static inline void spoil(void)
{
    struct vdev_vhost_user_message *reply = &device.answer;

    switch (device.spoiling) {
    case SILENT:
    case ENDED:
        device.closed += (unsigned)reply->descriptor_count; /* they never went out */
        device.answered = false;
        break;
    case OTHER_REQUEST:
        reply->request ^= 1;
        break;
    case NO_REPLY_FLAG:
        reply->flags = VDEV_VHOST_USER_VERSION;
        break;
    case NEEDS_REPLY_FLAG:
        reply->flags |= VDEV_VHOST_USER_NEED_REPLY;
        break;
    case OTHER_VERSION:
        reply->flags = VDEV_VHOST_USER_REPLY | 2;
        break;
    case NO_BYTES:
        reply->size = 0;
        break;
    case A_BYTE_LESS:
        reply->size--;
        break;
    case EIGHT_BYTES_MORE:
        reply->size += 8;
        break;
    case A_DESCRIPTOR:
        give_descriptors(1);
        break;
    case EIGHT_DESCRIPTORS:
        give_descriptors(VDEV_VHOST_USER_REGIONS - reply->descriptor_count);
        break;
    case ALL_ONES:
        memset(&reply->payload, 0xff, sizeof reply->payload);
        break;
    default:
        break;
    }
}

static inline int send(void *context, const struct vdev_vhost_user_message *message)
{
    (void)context;
    /* Whatever is said has the form that the protocol gives it. */
    const char *reason = vdev_vhost_user_check_request(message);
    ck_assert_msg(reason == NULL, "%s: %s", vdev_vhost_user_name(message->request), reason);
    ck_assert_uint_lt(device.logged, LOG);
    device.log[device.logged++] = *message;
    ck_assert_msg(!device.answered, "an answer was not waited for");
    answer(message);
    if (device.answered && device.asked++ == device.spoil_at) {
        spoil();
        return 0;
    }
    return 0;
}

static inline int receive(void *context, struct vdev_vhost_user_message *message,
                          uint64_t nanoseconds)
{
    (void)context;
    if (!device.answered) {
        ck_assert_uint_ne(nanoseconds, 0);
        virtual_clock.now += nanoseconds;
        ck_assert_msg(device.spoiling == SILENT || device.spoiling == ENDED,
                      "waits for an answer that nobody owes");
        return device.spoiling == SILENT ? VDEV_ERROR_TIMEOUT : VDEV_ERROR_IO;
    }
    *message = device.answer;
    device.answered = false;
    return VDEV_OK;
}

static inline void close_descriptor(void *context, int descriptor)
{
    (void)context;
    ck_assert_int_ge(descriptor, OURS);
    device.closed++;
}

static inline void kick(void *context, int descriptor)
{
    (void)context;
    device.kicks[descriptor - KICK_FIRST]++;
}

static inline bool take_calls(void *context)
{
    (void)context;
    bool called = device.called;

    device.called = false;
    return called;
}

static const struct vdev_vhost_user_driver_operations operations = {
    .send = send,
    .receive = receive,
    .close = close_descriptor,
    .kick = kick,
    .take_calls = take_calls,
};

/* ---- the driver ---- */

static struct vdev_vhost_user_driver_configuration configuration;

static inline void setup(void)
{
    memset(&device, 0, sizeof device);
    device.features = VERSION_1 | PROTOCOL;
    device.protocol = TAKEN;
    device.queue_count = QUEUES;
    device.slots = 2;
    device.spoil_at = UINT32_MAX;
    for (unsigned i = 0; i < sizeof device.space; i++) {
        device.space[i] = (uint8_t)(i + 1);
    }
    vdev_virtual_clock_init(&virtual_clock, 1000, 0);
    for (unsigned i = 0; i < 2; i++) {
        /* Adjoining for the device, not in the file. */
        regions[i] = (struct vdev_vhost_user_driver_region){
            .guest_address = GUEST + i * HALF,
            .length = HALF,
            .pointer = memory + i * HALF,
            .descriptor = FILE_FIRST + (int)i,
            .offset = i * 0x10000,
        };
    }
    configuration = (struct vdev_vhost_user_driver_configuration){
        .operations = &operations,
        .id = VDEV_VIRTIO_ID_BLOCK,
        .regions = regions,
        .region_count = 2,
        .kicks = kicks,
        .calls = calls,
        .queue_count = QUEUES,
        .queue_size_maximum = SIZE,
        .timeout_nanoseconds = 1000000,
    };
}

static inline struct vdev_buffer memory_part(size_t offset, size_t length)
{
    return (struct vdev_buffer){memory + offset, length, GUEST + offset};
}

static inline int start_queue(uint16_t index)
{
    size_t at = index * HALF;
    const struct vdev_driver_queue_memory parts = {
        .descriptors = memory_part(at, 1024),
        .driver = memory_part(at + 1024, 256),
        .device = memory_part(at + 1280, 256),
        .slots = slots[index],
    };

    return vdev_virtio_driver_start_queue(&driver.driver, index, &queues[index], &parts, SIZE,
                                          driver.features);
}

/* As a front-end does it; the first error. */
static inline int start(void)
{
    uint64_t accepted;

    int status = vdev_vhost_user_driver_init(&driver, &configuration);
    if (status == VDEV_OK) {
        status = vdev_virtio_driver_begin(&driver.driver, &virtual_clock.clock,
                                          VDEV_VIRTIO_ID_BLOCK, 0, &accepted);
    }
    for (uint16_t i = 0; status == VDEV_OK && i < QUEUES; i++) {
        status = start_queue(i);
    }
    return status == VDEV_OK ? vdev_virtio_driver_finish(&driver.driver) : status;
}

#endif
