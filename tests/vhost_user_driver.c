/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's end of vhost-user against a device that a script plays: what is said, in which
 * order, to devices of more and of less talent; what a new connection is told; and every answer
 * spoiled in every way. Against our own device's end it is in vhost_user_pair.c.
 */
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

static void give_descriptors(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        device.answer.descriptors[device.answer.descriptor_count++] = OURS + (int)device.given++;
    }
}

static void number(uint64_t value)
{
    device.answer.payload.u64 = value;
    device.answer.size = 8;
}

static void answer(const struct vdev_vhost_user_message *question)
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

static void spoil(void)
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

static int send(void *context, const struct vdev_vhost_user_message *message)
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

static int receive(void *context, struct vdev_vhost_user_message *message, uint64_t nanoseconds)
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

static void close_descriptor(void *context, int descriptor)
{
    (void)context;
    ck_assert_int_ge(descriptor, OURS);
    device.closed++;
}

static void kick(void *context, int descriptor)
{
    (void)context;
    device.kicks[descriptor - KICK_FIRST]++;
}

static bool take_calls(void *context)
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

static void setup(void)
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

static struct vdev_buffer memory_part(size_t offset, size_t length)
{
    return (struct vdev_buffer){memory + offset, length, GUEST + offset};
}

static int start_queue(uint16_t index)
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
static int start(void)
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

/* ---- what was said ---- */

static const struct vdev_vhost_user_message *said(uint32_t request, unsigned which)
{
    for (unsigned i = 0; i < device.logged; i++) {
        if (device.log[i].request == request && which-- == 0) {
            return &device.log[i];
        }
    }
    return NULL;
}

static unsigned times(uint32_t request)
{
    unsigned count = 0;

    while (said(request, count) != NULL) {
        count++;
    }
    return count;
}

static unsigned place(uint32_t request)
{
    const struct vdev_vhost_user_message *message = said(request, 0);

    ck_assert_msg(message != NULL, "%s was not said", vdev_vhost_user_name(request));
    return (unsigned)(message - device.log);
}

START_TEST(takes_of_the_protocol_what_it_knows)
{
    device.protocol = UINT64_MAX;
    ck_assert_int_eq(start(), VDEV_OK);
    ck_assert_uint_eq(device.accepted_protocol, TAKEN);
    ck_assert_uint_eq(driver.protocol, TAKEN);
    ck_assert_uint_eq(device.accepted, VERSION_1 | PROTOCOL);
    configuration.without = F(STATUS) | F(INFLIGHT_SHMFD);
    ck_assert_int_eq(vdev_vhost_user_driver_init(&driver, &configuration), VDEV_OK);
    ck_assert_uint_eq(device.accepted_protocol, TAKEN & ~(F(STATUS) | F(INFLIGHT_SHMFD)));
}
END_TEST

START_TEST(says_things_in_the_protocols_order)
{
    ck_assert_int_eq(start(), VDEV_OK);
    static const uint32_t order[] = {
        VDEV_VHOST_USER_GET_FEATURES,
        VDEV_VHOST_USER_GET_PROTOCOL_FEATURES,
        VDEV_VHOST_USER_SET_PROTOCOL_FEATURES,
        VDEV_VHOST_USER_GET_QUEUE_NUM,
        VDEV_VHOST_USER_SET_OWNER,
        VDEV_VHOST_USER_SET_FEATURES,
        VDEV_VHOST_USER_ADD_MEM_REG,
        VDEV_VHOST_USER_GET_INFLIGHT_FD,
        VDEV_VHOST_USER_SET_INFLIGHT_FD,
        VDEV_VHOST_USER_SET_VRING_NUM,
        VDEV_VHOST_USER_SET_VRING_BASE,
        VDEV_VHOST_USER_SET_VRING_ADDR,
        VDEV_VHOST_USER_SET_VRING_CALL,
        VDEV_VHOST_USER_SET_VRING_KICK,
        VDEV_VHOST_USER_SET_VRING_ENABLE,
    };
    for (unsigned i = 1; i < sizeof order / sizeof order[0]; i++) {
        ck_assert_msg(place(order[i - 1]) < place(order[i]), "%s", vdev_vhost_user_name(order[i]));
    }
    ck_assert_uint_eq(times(VDEV_VHOST_USER_SET_INFLIGHT_FD), 1);
    ck_assert_uint_eq(times(VDEV_VHOST_USER_SET_VRING_KICK), QUEUES);
    ck_assert_uint_eq(device.status, 0xf);
    /* Before REPLY_ACK was agreed nothing is acknowledged, after it all that has no answer. */
    ck_assert_uint_eq(said(VDEV_VHOST_USER_SET_PROTOCOL_FEATURES, 0)->flags, 1);
    ck_assert_uint_eq(said(VDEV_VHOST_USER_SET_VRING_KICK, 0)->flags, 9);
    ck_assert_uint_eq(said(VDEV_VHOST_USER_GET_INFLIGHT_FD, 0)->flags, 1);
}
END_TEST

START_TEST(names_rings_by_its_own_addresses)
{
    ck_assert_int_eq(start(), VDEV_OK);
    const struct vdev_vhost_user_message *message = said(VDEV_VHOST_USER_SET_VRING_ADDR, 1);
    ck_assert_uint_eq(message->payload.address.index, 1);
    ck_assert_uint_eq(message->payload.address.descriptors, (uintptr_t)memory + HALF);
    ck_assert_uint_eq(message->payload.address.available, (uintptr_t)memory + HALF + 1024);
    ck_assert_uint_eq(message->payload.address.used, (uintptr_t)memory + HALF + 1280);
    ck_assert_uint_eq(message->payload.address.flags, 0);
    ck_assert_uint_eq(said(VDEV_VHOST_USER_SET_VRING_NUM, 1)->payload.state.number, SIZE);
    message = said(VDEV_VHOST_USER_SET_VRING_CALL, 1);
    ck_assert_uint_eq(message->payload.u64, 1);
    ck_assert_int_eq(message->descriptors[0], CALL_FIRST + 1);
    ck_assert_int_eq(said(VDEV_VHOST_USER_SET_VRING_KICK, 1)->descriptors[0], KICK_FIRST + 1);
}
END_TEST

START_TEST(shares_memory_by_slots_or_in_one_table)
{
    ck_assert_int_eq(start(), VDEV_OK);
    ck_assert_uint_eq(times(VDEV_VHOST_USER_SET_MEM_TABLE), 0);
    ck_assert_uint_eq(times(VDEV_VHOST_USER_ADD_MEM_REG), 2);
    const struct vdev_vhost_user_message *message = said(VDEV_VHOST_USER_ADD_MEM_REG, 1);
    ck_assert_uint_eq(message->payload.region.region.guest_address, GUEST + HALF);
    ck_assert_uint_eq(message->payload.region.region.user_address, (uintptr_t)memory + HALF);
    ck_assert_uint_eq(message->payload.region.region.length, HALF);
    ck_assert_uint_eq(message->payload.region.region.offset, 0x10000);
    ck_assert_int_eq(message->descriptors[0], FILE_FIRST + 1);

    setup();
    device.protocol = F(CONFIG);
    ck_assert_int_eq(start(), VDEV_OK);
    ck_assert_uint_eq(times(VDEV_VHOST_USER_ADD_MEM_REG), 0);
    message = said(VDEV_VHOST_USER_SET_MEM_TABLE, 0);
    ck_assert_uint_eq(message->payload.memory.count, 2);
    ck_assert_uint_eq(message->descriptor_count, 2);
    ck_assert_int_eq(message->descriptors[1], FILE_FIRST + 1);
    ck_assert_uint_eq(message->payload.memory.regions[1].offset, 0x10000);
}
END_TEST

START_TEST(does_without_protocol_features)
{
    device.features = VERSION_1;
    ck_assert_int_eq(start(), VDEV_OK);
    ck_assert_uint_eq(device.accepted, VERSION_1);
    ck_assert_uint_eq(times(VDEV_VHOST_USER_GET_PROTOCOL_FEATURES), 0);
    ck_assert_uint_eq(times(VDEV_VHOST_USER_SET_VRING_ENABLE), 0);
    ck_assert_uint_eq(times(VDEV_VHOST_USER_SET_STATUS), 0);
    /* The field is kept for it; a reset is the end of each ring, in so many words. */
    const struct vdev_virtio_driver_operations *does = driver.driver.operations;
    ck_assert_uint_eq(does->status(&driver.driver), 0xf);
    ck_assert_int_eq(vdev_virtio_driver_reset(&driver.driver, &virtual_clock.clock), VDEV_OK);
    ck_assert_uint_eq(times(VDEV_VHOST_USER_GET_VRING_BASE), QUEUES);
    ck_assert_uint_eq(does->status(&driver.driver), 0);
    ck_assert_uint_eq(does->read_configuration(&driver.driver, 0, 4), 0);
}
END_TEST

START_TEST(resets_and_starts_again)
{
    ck_assert_int_eq(start(), VDEV_OK);
    ck_assert_int_eq(start_queue(0), VDEV_ERROR_STATE);
    ck_assert_int_eq(vdev_virtio_driver_reset(&driver.driver, &virtual_clock.clock), VDEV_OK);
    ck_assert_uint_eq(times(VDEV_VHOST_USER_GET_VRING_BASE), QUEUES);
    ck_assert_uint_eq(times(VDEV_VHOST_USER_RESET_DEVICE), 1);
    ck_assert_uint_eq(device.status, 0);
    /* What was in flight is void; the next start asks for new memory to note it in. */
    ck_assert_uint_eq(device.closed, 1);
    ck_assert_int_eq(start_queue(0), VDEV_OK);
    ck_assert_uint_eq(times(VDEV_VHOST_USER_GET_INFLIGHT_FD), 2);
    ck_assert_uint_eq(times(VDEV_VHOST_USER_ADD_MEM_REG), 2);
    vdev_vhost_user_driver_finish(&driver);
    ck_assert_uint_eq(device.closed, 2);
}
END_TEST

START_TEST(a_refusal_is_not_the_end)
{
    device.protocol &= ~F(STATUS);
    device.refuses = 1ull << VDEV_VHOST_USER_SET_FEATURES;
    ck_assert_int_eq(start(), VDEV_ERROR_UNSUPPORTED);
    ck_assert_uint_eq(driver.failed_request, VDEV_VHOST_USER_SET_FEATURES);
    ck_assert(!driver.lost);
    device.refuses = 1ull << VDEV_VHOST_USER_SET_VRING_ADDR;
    device.logged = 0;
    ck_assert_int_eq(start(), VDEV_ERROR_IO);
    ck_assert(!driver.lost);
    device.refuses = 0;
    device.logged = 0;
    ck_assert_int_eq(start(), VDEV_OK);
    /* But who refuses to be reset may still write to our memory. */
    device.refuses = 1ull << VDEV_VHOST_USER_RESET_DEVICE;
    ck_assert_int_eq(vdev_virtio_driver_reset(&driver.driver, &virtual_clock.clock),
                     VDEV_ERROR_TIMEOUT);
}
END_TEST

START_TEST(reads_the_configuration_from_its_beginning)
{
    uint8_t bytes[8];

    ck_assert_int_eq(start(), VDEV_OK);
    device.logged = 0;
    const struct vdev_virtio_driver_operations *does = driver.driver.operations;
    ck_assert_uint_eq(does->read_configuration(&driver.driver, 4, 2), 0x0605);
    const struct vdev_vhost_user_message *message = said(VDEV_VHOST_USER_GET_CONFIG, 0);
    ck_assert_uint_eq(message->payload.configuration.offset, 0);
    ck_assert_uint_eq(message->payload.configuration.length, 6);
    /* Bytes that have changed make a new generation; new bytes do not. */
    uint32_t generation = does->configuration_generation(&driver.driver);
    ck_assert_int_eq(
        vdev_virtio_driver_read_configuration(&driver.driver, 0, 4, bytes, sizeof bytes), VDEV_OK);
    ck_assert_uint_eq(bytes[7], 8);
    ck_assert_uint_eq(does->configuration_generation(&driver.driver), generation);
    device.space[2] = 99;
    does->read_configuration(&driver.driver, 4, 4);
    ck_assert_uint_ne(does->configuration_generation(&driver.driver), generation);
    /* What is not there. */
    unsigned before = device.logged;
    ck_assert_uint_eq(does->read_configuration(&driver.driver, 254, 4), 0);
    ck_assert_uint_eq(does->read_configuration(&driver.driver, UINT32_MAX - 1, 4), 0);
    ck_assert_uint_eq(device.logged, before);
    device.configuration_refused = true;
    ck_assert_uint_eq(does->read_configuration(&driver.driver, 8, 4), 0);
    ck_assert(!driver.lost);
}
END_TEST

START_TEST(a_new_connection_is_told_all)
{
    ck_assert_int_eq(start(), VDEV_OK);
    /* Two requests made, one of them done. */
    struct vdev_buffer data = memory_part(HALF - 1024, 512);
    ck_assert_int_eq(vdev_driver_queue_add(&queues[1], NULL, 0, &data, 1, &data), VDEV_OK);
    ck_assert_int_eq(vdev_driver_queue_add(&queues[1], NULL, 0, &data, 1, &data), VDEV_OK);
    vdev_driver_queue_publish(&queues[1]);
    memory[HALF + 1280 + 2] = 1; /* the used index */
    device.logged = 0;
    device.status = 0;
    device.accepted = 0;
    memset(device.kicks, 0, sizeof device.kicks);
    ck_assert_int_eq(vdev_vhost_user_driver_reconnect(&driver), VDEV_OK);
    ck_assert_uint_eq(device.accepted, VERSION_1 | PROTOCOL);
    ck_assert_uint_eq(device.status, 0xf);
    ck_assert_uint_eq(times(VDEV_VHOST_USER_ADD_MEM_REG), 2);
    ck_assert_uint_eq(times(VDEV_VHOST_USER_GET_INFLIGHT_FD), 0);
    const struct vdev_vhost_user_message *message = said(VDEV_VHOST_USER_SET_INFLIGHT_FD, 0);
    ck_assert_int_eq(message->descriptors[0], OURS);
    ck_assert_uint_eq(message->payload.inflight.length, 4096);
    ck_assert_uint_eq(message->payload.inflight.offset, 64);
    ck_assert_uint_eq(message->payload.inflight.queue_count, QUEUES);
    ck_assert_uint_eq(message->payload.inflight.queue_size, SIZE);
    ck_assert_uint_lt(place(VDEV_VHOST_USER_SET_INFLIGHT_FD), place(VDEV_VHOST_USER_SET_VRING_NUM));
    ck_assert_uint_eq(said(VDEV_VHOST_USER_SET_VRING_BASE, 0)->payload.state.number, 0);
    ck_assert_uint_eq(said(VDEV_VHOST_USER_SET_VRING_BASE, 1)->payload.state.number, 1);
    /* What the last one was told by eventfd may be forgotten, and so may what it told. */
    ck_assert_uint_eq(device.kicks[0], 1);
    ck_assert_uint_eq(device.kicks[1], 1);
    const struct vdev_virtio_driver_operations *does = driver.driver.operations;
    ck_assert_uint_eq(does->take_interrupt(&driver.driver), VDEV_VIRTIO_INTERRUPT_QUEUE);
    ck_assert_uint_eq(does->take_interrupt(&driver.driver), 0);
    ck_assert_uint_eq(device.closed, 0);
}
END_TEST

START_TEST(a_connection_is_tried_again_until_given_up)
{
    const struct vdev_virtio_driver_operations *does;

    ck_assert_int_eq(start(), VDEV_OK);
    does = driver.driver.operations;
    device.features = PROTOCOL;
    device.logged = 0;
    ck_assert_int_eq(vdev_vhost_user_driver_reconnect(&driver), VDEV_ERROR_UNSUPPORTED);
    device.features = VERSION_1 | PROTOCOL;
    device.refuses = 1ull << VDEV_VHOST_USER_SET_VRING_ADDR;
    device.logged = 0;
    ck_assert_int_eq(vdev_vhost_user_driver_reconnect(&driver), VDEV_ERROR_UNSUPPORTED);
    device.refuses = 0;
    device.slots = 1;
    ck_assert_int_eq(vdev_vhost_user_driver_reconnect(&driver), VDEV_ERROR_UNSUPPORTED);
    device.slots = 2;
    /* Of all this the front-end hears nothing. */
    ck_assert_uint_eq(does->take_interrupt(&driver.driver), 0);
    device.logged = 0;
    ck_assert_int_eq(vdev_vhost_user_driver_reconnect(&driver), VDEV_OK);
    ck_assert_uint_eq(device.status, 0xf);
    ck_assert_uint_eq(does->status(&driver.driver), 0xf);
    vdev_vhost_user_driver_give_up(&driver);
    ck_assert_uint_ne(does->take_interrupt(&driver.driver) & VDEV_VIRTIO_INTERRUPT_CONFIGURATION,
                      0);
    ck_assert_uint_eq(does->status(&driver.driver), VDEV_VIRTIO_STATUS_NEEDS_RESET);
    unsigned before = device.logged;
    ck_assert_int_eq(vdev_virtio_driver_reset(&driver.driver, &virtual_clock.clock),
                     VDEV_ERROR_TIMEOUT);
    ck_assert_uint_eq(device.logged, before);
    ck_assert_uint_eq(device.closed, 1);
}
END_TEST

START_TEST(refuses_what_cannot_be)
{
    struct vdev_vhost_user_driver_configuration good = configuration;

    configuration.queue_count = VDEV_VHOST_USER_DRIVER_QUEUES + 1;
    ck_assert_int_eq(start(), VDEV_ERROR_INVALID);
    configuration = good;
    configuration.queue_size_maximum = 24;
    ck_assert_int_eq(start(), VDEV_ERROR_INVALID);
    configuration = good;
    regions[1].length = UINT64_MAX;
    ck_assert_int_eq(start(), VDEV_ERROR_INVALID);
    regions[1].length = 0;
    ck_assert_int_eq(start(), VDEV_ERROR_INVALID);
    ck_assert_uint_eq(device.logged, 0);
    setup();
    device.queue_count = 1;
    ck_assert_int_eq(start(), VDEV_ERROR_UNSUPPORTED);
    setup();
    device.protocol &= ~F(CONFIGURE_MEM_SLOTS);
    configuration.region_count = VDEV_VHOST_USER_REGIONS + 1;
    struct vdev_vhost_user_driver_region many[VDEV_VHOST_USER_REGIONS + 1];
    for (unsigned i = 0; i < VDEV_VHOST_USER_REGIONS + 1; i++) {
        many[i] = regions[0];
    }
    configuration.regions = many;
    ck_assert_int_eq(start(), VDEV_ERROR_UNSUPPORTED);
    /* A ring that is in no region of the memory. */
    setup();
    regions[1].length = 1400;
    ck_assert_int_eq(start(), VDEV_ERROR_IO);
}
END_TEST

/* The whole of a device's life, and one answer of it spoiled. */
static void live(void)
{
    uint8_t bytes[8];

    if (start() == VDEV_OK) {
        vdev_virtio_driver_read_configuration(&driver.driver, 0, 4, bytes, sizeof bytes);
        if (vdev_vhost_user_driver_reconnect(&driver) != VDEV_OK) {
            ck_assert(driver.lost);
            ck_assert_ptr_nonnull(driver.failed_reason);
        }
        vdev_virtio_driver_reset(&driver.driver, &virtual_clock.clock);
    }
    vdev_vhost_user_driver_finish(&driver);
}

START_TEST(every_answer_spoiled)
{
    live();
    unsigned answers = device.asked;
    ck_assert_uint_eq(device.given, device.closed);
    ck_assert_uint_gt(answers, 40);
    for (unsigned i = 0; i < answers; i++) {
        for (unsigned spoiling = SILENT; spoiling < SPOILINGS; spoiling++) {
            setup();
            device.spoil_at = i;
            device.spoiling = spoiling;
            live();
            /* No descriptor is left over, and nobody was waited for twice. */
            ck_assert_msg(device.given == device.closed, "answer %u, spoiled by %u: %u of %u", i,
                          spoiling, device.closed, device.given);
            ck_assert_uint_lt(virtual_clock.now, 2 * VDEV_VIRTIO_RESET_NANOSECONDS);
            ck_assert_uint_gt(device.asked, i);
            ck_assert(driver.lost);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vhost-user, driver's end");
    TCase *tests = tcase_create("script");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, takes_of_the_protocol_what_it_knows);
    tcase_add_test(tests, says_things_in_the_protocols_order);
    tcase_add_test(tests, names_rings_by_its_own_addresses);
    tcase_add_test(tests, shares_memory_by_slots_or_in_one_table);
    tcase_add_test(tests, does_without_protocol_features);
    tcase_add_test(tests, resets_and_starts_again);
    tcase_add_test(tests, a_refusal_is_not_the_end);
    tcase_add_test(tests, reads_the_configuration_from_its_beginning);
    tcase_add_test(tests, a_new_connection_is_told_all);
    tcase_add_test(tests, a_connection_is_tried_again_until_given_up);
    tcase_add_test(tests, refuses_what_cannot_be);
    tcase_add_test(tests, every_answer_spoiled);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
