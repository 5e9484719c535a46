/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client that breaks the rules, against the device's end: what is malformed is dropped, what does
 * not exist is answered so, what is forbidden has no effect, and a FIFO that jumps fails the
 * devices behind the link. And what each message of the proposal is answered with.
 */
#include "message_pair.h"

#include <linux/virtio_config.h>

#define NUMBER 9u
#define QUEUES 2u

static struct pair pair;
static struct vdev_virtio_device virtio;
static struct vdev_virtio_queue queues[QUEUES];
static struct vdev_virtio_message_device device;
static uint8_t space[50];
static uint64_t ring_memory[1024];
static struct vdev_memory_region region;
static struct vdev_memory memory;
static unsigned notified, written;

static void on_notify(struct vdev_virtio_device *of, uint16_t queue)
{
    (void)of;
    ck_assert_uint_lt(queue, QUEUES);
    notified++;
}

static void on_write(struct vdev_virtio_device *of, uint32_t offset, unsigned width, uint64_t value)
{
    (void)of;
    ck_assert_uint_le(offset + width, sizeof space);
    written++;
    for (unsigned i = 0; i < width; i++) {
        space[offset + i] = (uint8_t)(value >> (8 * i));
    }
}

static void setup(void)
{
    static const struct vdev_virtio_device_operations operations = {
        .notify = on_notify, .write_configuration = on_write};

    pair_init(&pair, PAIR_CAPACITY);
    memset(ring_memory, 0, sizeof ring_memory);
    region = (struct vdev_memory_region){0x1000, sizeof ring_memory, ring_memory, 0x1000, true};
    ck_assert_int_eq(vdev_memory_init(&memory, &region, 1), VDEV_OK);
    for (unsigned i = 0; i < sizeof space; i++) {
        space[i] = (uint8_t)(i + 1);
    }
    ck_assert_int_eq(vdev_virtio_device_init(&virtio,
                                             &(struct vdev_virtio_device_configuration){
                                                 .operations = &operations,
                                                 .memory = &memory,
                                                 .id = VDEV_VIRTIO_ID_BLOCK,
                                                 .queues = queues,
                                                 .queue_count = QUEUES,
                                                 .queue_size_maximum = 16,
                                                 .configuration_space = space,
                                                 .configuration_length = sizeof space,
                                             }),
                     VDEV_OK);
    ck_assert_int_eq(vdev_virtio_message_device_add(&pair.devices, &device, &virtio, NUMBER),
                     VDEV_OK);
    notified = written = 0;
}

static void teardown(void)
{
    pair_finish(&pair);
}

static struct vdev_message answer;

static bool ask(const struct vdev_message *request)
{
    ck_assert_int_eq(vdev_message_link_send(&pair.driver.link, request), VDEV_OK);
    pair_poll_devices(&pair);
    int status = vdev_message_link_receive(&pair.driver.link, &answer);
    ck_assert(status == VDEV_OK || status == VDEV_ERROR_EMPTY);
    if (status == VDEV_OK && (answer.type & MESSAGE_TYPE_ANSWER) != 0) {
        ck_assert_uint_eq(answer.token, request->token);
        ck_assert_uint_eq(answer.id, request->id);
        ck_assert_uint_eq(answer.device, request->device);
    }
    return status == VDEV_OK;
}

/* A request of so many words, answered with so many bytes of payload. */
#define ck_assert_answered(message_id, count, bytes, ...)                                          \
    do {                                                                                           \
        struct vdev_message request_ = pair_message(0, (message_id), NUMBER, 0x77, (count));       \
        const uint32_t words_[] = {__VA_ARGS__};                                                   \
        memcpy(request_.payload, words_, sizeof words_);                                           \
        ck_assert(ask(&request_));                                                                 \
        ck_assert_uint_eq(answer.size, MESSAGE_HEADER_BYTES + (bytes));                            \
    } while (0)

static void set_status(uint32_t status)
{
    ck_assert_answered(MESSAGE_SET_DEVICE_STATUS, 1, 4, status);
}

static void to_features_ok(void)
{
    set_status(0);
    set_status(3);
    ck_assert_answered(MESSAGE_SET_DRIVER_FEATURES, 4, 0, 0, 2, 0, 1);
    set_status(0xb);
    ck_assert_uint_eq(answer.payload[0], 0xb);
}

static void set_queue(uint32_t index, uint32_t flags, uint32_t size, uint32_t reserved)
{
    ck_assert_answered(MESSAGE_SET_VQUEUE, 10, 0, index, flags, size, reserved, 0x1000, 0, 0x1200,
                       0, 0x1400, 0);
}

START_TEST(every_request_of_the_proposal_is_answered)
{
    ck_assert_answered(MESSAGE_GET_DEVICE_INFO, 0, 44, 0);
    ck_assert_uint_eq(answer.payload[INFO_DEVICE_ID], VDEV_VIRTIO_ID_BLOCK);
    ck_assert_uint_eq(answer.payload[INFO_FEATURE_BLOCKS], 2);
    ck_assert_uint_eq(answer.payload[INFO_CONFIGURATION_LENGTH], sizeof space);
    ck_assert_uint_eq(answer.payload[INFO_QUEUE_COUNT], QUEUES);
    ck_assert_answered(MESSAGE_GET_DEVICE_FEATURES, 2, 20, 0, 3);
    ck_assert_uint_eq(answer.payload[FEATURES_BITS], (uint32_t)virtio.offered);
    ck_assert_uint_eq(answer.payload[FEATURES_BITS + 1], (uint32_t)(virtio.offered >> 32));
    ck_assert_uint_eq(answer.payload[FEATURES_BITS + 2], 0);
    ck_assert_answered(MESSAGE_GET_CONFIG, 2, 12 + 5, 3, 5);
    ck_assert_uint_eq(answer.payload[CONFIG_OFFSET], 3);
    ck_assert_uint_eq(answer.payload[CONFIG_LENGTH], 5);
    ck_assert_uint_eq(answer.payload[CONFIG_DATA], 0x07060504);
    ck_assert_uint_eq(answer.payload[CONFIG_DATA + 1] & 0xff, 8);
    to_features_ok();
    set_queue(1, VQUEUE_STATE_ENABLE, 8, 0);
    ck_assert_answered(MESSAGE_GET_VQUEUE, 1, 40, 1);
    ck_assert_uint_eq(answer.payload[VQUEUE_MAXIMUM], 16);
    ck_assert_uint_eq(answer.payload[VQUEUE_SIZE], 8);
    ck_assert_uint_eq(answer.payload[VQUEUE_FLAGS], VQUEUE_ENABLED);
    ck_assert_uint_eq(answer.payload[VQUEUE_DRIVER], 0x1200);
    ck_assert_answered(MESSAGE_RESET_VQUEUE, 1, 0, 1);
    ck_assert(!virtio.queues[1].ready);
    ck_assert_answered(MESSAGE_GET_SHM, 1, 24, 1);
    ck_assert_uint_eq(answer.payload[2] | answer.payload[3], 0);
    set_status(0xf);
    ck_assert_answered(MESSAGE_GET_DEVICE_STATUS, 0, 4, 0);
    ck_assert_uint_eq(answer.payload[0], 0xf);
    ck_assert_uint_eq(pair.device.link.ignored, 0);
}
END_TEST

START_TEST(the_bus_says_which_devices_there_are)
{
    static struct vdev_virtio_message_device far;
    static struct vdev_virtio_device other;
    struct vdev_message request = pair_message(MESSAGE_TYPE_BUS, MESSAGE_BUS_GET_DEVICES, 0, 1, 1);
    other = virtio;
    ck_assert_int_eq(vdev_virtio_message_device_add(&pair.devices, &far, &other, 1003), VDEV_OK);
    ck_assert_int_eq(vdev_virtio_message_device_add(&pair.devices, &far, &other, 1003),
                     VDEV_ERROR_INVALID);
    request.payload[0] = 16u << 16;
    ck_assert(ask(&request));
    ck_assert_uint_eq(answer.size, 8 + 6 + 2);
    ck_assert_uint_eq(answer.payload[0], 1000u << 16);
    ck_assert_uint_eq(answer.payload[1], 16 | 0x0200u << 16);
    request.payload[0] = 1000 | 0xfff8u << 16; /* more than one message holds */
    ck_assert(ask(&request));
    ck_assert_uint_eq(answer.size, 64);
    ck_assert_uint_eq(answer.payload[0], 1000);
    ck_assert_uint_eq(answer.payload[1], 400 | 0x0008u << 16);
    request.payload[0] = 3; /* no multiple of 8 */
    ck_assert(!ask(&request));
    request = pair_message(MESSAGE_TYPE_BUS, MESSAGE_BUS_PING, 0, 2, 1);
    request.payload[0] = 0xabcdef01;
    ck_assert(ask(&request));
    ck_assert_uint_eq(answer.payload[0], 0xabcdef01);
}
END_TEST

START_TEST(a_bus_has_room_for_all_that_may_lie_unread)
{
    struct vdev_virtio_message_device_bus bus;
    static struct vdev_virtio_message_device devices[4];
    static struct vdev_virtio_device others[4];
    vdev_virtio_message_device_bus_init(&bus, &pair.device.link);
    for (uint16_t i = 0; i < 3; i++) {
        others[i] = virtio;
        ck_assert_int_eq(vdev_virtio_message_device_add(&bus, &devices[i], &others[i], i), VDEV_OK);
    }
    others[3] = virtio;
    ck_assert_int_eq(vdev_virtio_message_device_add(&bus, &devices[3], &others[3], 3),
                     VDEV_ERROR_FULL);
    others[3].queue_count = VDEV_MESSAGE_QUEUES_MAXIMUM + 1;
    ck_assert_int_eq(vdev_virtio_message_device_add(&bus, &devices[3], &others[3], 3),
                     VDEV_ERROR_INVALID);
}
END_TEST

/* Every id with every size; only those of the proposal get an answer. */
START_TEST(what_is_malformed_gets_no_answer)
{
    static const uint8_t good[] = {0, 0, 8, 16, 0, 16, 0, 8, 12, 12, 48, 12, 12};
    unsigned dropped = 0;
    for (unsigned id = 0; id < 256; id++) {
        for (uint16_t size = 8; size <= VDEV_MESSAGE_BYTES; size++) {
            struct vdev_message request = pair_message(0, (uint8_t)id, NUMBER, 5, 0);
            request.size = size;
            bool expected = (id < sizeof good && good[id] != 0 && good[id] == size) ||
                            (id == MESSAGE_SET_DRIVER_FEATURES && size == 16) ||
                            (id == MESSAGE_SET_CONFIG && size == 20);
            bool quiet = id == MESSAGE_EVENT_AVAIL && size == 16; /* refused, not malformed */
            ck_assert_msg(ask(&request) == expected, "id %u, size %u", id, size);
            dropped += !expected && !quiet;
        }
    }
    ck_assert_uint_eq(pair.device.link.ignored, dropped);
    ck_assert_int_eq(pair.device.link.error, VDEV_OK);
}
END_TEST

START_TEST(lengths_and_counts_that_do_not_fit_their_message)
{
    struct vdev_message request = pair_message(0, MESSAGE_GET_DEVICE_FEATURES, NUMBER, 1, 2);
    static const uint32_t counts[] = {13, 0x40000000, UINT32_MAX};
    for (unsigned i = 0; i < 3; i++) {
        request.payload[FEATURES_COUNT] = counts[i];
        ck_assert(!ask(&request));
        request.id = MESSAGE_SET_DRIVER_FEATURES;
        ck_assert(!ask(&request));
        request.id = MESSAGE_GET_DEVICE_FEATURES;
    }
    ck_assert_answered(MESSAGE_GET_DEVICE_FEATURES, 2, 16, UINT32_MAX, 2); /* wraps to block 0 */
    ck_assert_uint_eq(answer.payload[FEATURES_BITS] | answer.payload[FEATURES_BITS + 1], 0);
    request = pair_message(0, MESSAGE_SET_CONFIG, NUMBER, 1, 4);
    for (unsigned i = 0; i < 3; i++) {
        request.payload[CONFIG_LENGTH] = i == 0 ? 5 : counts[i];
        ck_assert(!ask(&request));
    }
}
END_TEST

START_TEST(configuration_out_of_range_is_answered_with_nothing)
{
    static const uint32_t ranges[][2] = {{0, 51},         {50, 1},          {49, 2},
                                         {UINT32_MAX, 1}, {UINT32_MAX, 44}, {0, UINT32_MAX},
                                         {0, 45},         {6, 45}};
    for (unsigned i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        ck_assert_answered(MESSAGE_GET_CONFIG, 2, 12, ranges[i][0], ranges[i][1]);
        ck_assert_uint_eq(answer.payload[CONFIG_LENGTH], 0);
    }
    to_features_ok();
    static const uint32_t offsets[] = {47, 50, UINT32_MAX, UINT32_MAX - 3};
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_answered(MESSAGE_SET_CONFIG, 4, 12, 0, offsets[i], 4, 0xffffffff);
        ck_assert_uint_eq(answer.payload[CONFIG_LENGTH], 0);
    }
    ck_assert_answered(MESSAGE_SET_CONFIG, 6, 12, 0, 0, 12, 1, 2, 3); /* no width of a field */
    ck_assert_uint_eq(answer.payload[CONFIG_LENGTH], 0);
    ck_assert_uint_eq(written, 0);
    ck_assert_answered(MESSAGE_SET_CONFIG, 4, 12, 0, 46, 4, 0x11223344);
    ck_assert_uint_eq(answer.payload[CONFIG_LENGTH], 4);
    ck_assert_uint_eq(written, 1);
    ck_assert_uint_eq(space[46], 0x44);
    ck_assert_uint_eq(space[49], 0x11);
}
END_TEST

START_TEST(the_gates_hold_for_messages_too)
{
    ck_assert_answered(MESSAGE_SET_DRIVER_FEATURES, 3, 0, 0, 1, 0xffffffff); /* too early */
    ck_assert_uint_eq(virtio.accepted, 0);
    ck_assert_answered(MESSAGE_SET_CONFIG, 4, 12, 0, 0, 4, 1);
    ck_assert_uint_eq(answer.payload[CONFIG_LENGTH], 0);
    set_status(4);
    ck_assert_uint_eq(answer.payload[0], 0);
    set_queue(0, VQUEUE_STATE_ENABLE, 8, 0);
    ck_assert(!queues[0].ready);
    to_features_ok();
    set_queue(QUEUES, VQUEUE_STATE_ENABLE, 8, 0);
    set_queue(UINT32_MAX, VQUEUE_STATE_ENABLE, 8, 0);
    set_queue(0, VQUEUE_STATE_ENABLE, 17, 0);
    set_queue(0, VQUEUE_STATE_ENABLE, 0x10008, 0);
    set_queue(0, VQUEUE_STATE_ENABLE, 0, 0);
    set_queue(0, VQUEUE_STATE_ENABLE, 8, 1);
    set_queue(0, 0x40 | VQUEUE_STATE_ENABLE, 8, 0);
    set_queue(0, 3, 8, 0);
    ck_assert_uint_eq(queues[0].configuration.size, 0);
    ck_assert_uint_eq(virtio.status & VDEV_VIRTIO_STATUS_NEEDS_RESET, 0);
    ck_assert_answered(MESSAGE_GET_VQUEUE, 1, 40, QUEUES);
    ck_assert_uint_eq(answer.payload[VQUEUE_MAXIMUM], 0);
    /* Described first, enabled later: the fields stay. */
    set_queue(0, VQUEUE_STATE_DISABLED, 8, 0);
    ck_assert(!queues[0].ready);
    set_queue(0, VQUEUE_STATE_ENABLE | 0x3c, 3, 0);
    ck_assert(queues[0].ready);
    ck_assert_uint_eq(queues[0].configuration.size, 8);
    set_queue(0, VQUEUE_STATE_ENABLE, 4, 0); /* it is live */
    ck_assert_uint_eq(queues[0].live.size, 8);
    ck_assert_uint_eq(queues[0].configuration.size, 8);
    set_status(0xf);
    ck_assert_answered(MESSAGE_SET_DRIVER_FEATURES, 3, 0, 0, 1, 0xffffffff);
    set_queue(1, VQUEUE_STATE_ENABLE, 8, 0);
    ck_assert(!queues[1].ready);
}
END_TEST

START_TEST(a_ring_that_is_no_memory_fails_the_device)
{
    to_features_ok();
    ck_assert_answered(MESSAGE_SET_VQUEUE, 10, 0, 0, 1, 8, 0, 0x90000000, 0, 0x1200, 0, 0x1400, 0);
    ck_assert_answered(MESSAGE_GET_DEVICE_STATUS, 0, 4, 0);
    ck_assert_uint_eq(answer.payload[0], 0x4b);
}
END_TEST

START_TEST(notifications_reach_only_live_queues)
{
    struct vdev_message event = pair_message(0, MESSAGE_EVENT_AVAIL, NUMBER, 0, 2);
    ck_assert(!ask(&event));
    to_features_ok();
    set_queue(0, VQUEUE_STATE_ENABLE, 8, 0);
    ck_assert(!ask(&event));
    set_status(0xf);
    notified = 0;
    ck_assert(!ask(&event));
    ck_assert_uint_eq(notified, 1);
    static const uint32_t others[] = {1, 2, 0x10000, UINT32_MAX};
    for (unsigned i = 0; i < 4; i++) {
        event.payload[0] = others[i];
        ck_assert(!ask(&event));
    }
    ck_assert_uint_eq(notified, 1);
}
END_TEST

START_TEST(messages_for_nobody_and_answers_to_nothing_are_dropped)
{
    for (unsigned type = 0; type < 4; type++) {
        struct vdev_message request = pair_message((uint8_t)type, MESSAGE_GET_DEVICE_STATUS,
                                                   type == 0 ? NUMBER + 1 : NUMBER, 1, 0);
        ck_assert(!ask(&request));
    }
    ck_assert_uint_eq(pair.device.link.ignored, 4);
}
END_TEST

START_TEST(a_client_that_takes_no_answers_only_harms_itself)
{
    struct vdev_message request = pair_message(0, MESSAGE_GET_DEVICE_STATUS, NUMBER, 1, 0);
    for (unsigned i = 0; i < 10 * PAIR_CAPACITY; i++) {
        ck_assert_int_eq(vdev_message_link_send(&pair.driver.link, &request), VDEV_OK);
        pair_poll_devices(&pair);
    }
    ck_assert_uint_eq(pair.device.link.ignored, 9 * PAIR_CAPACITY);
    ck_assert_int_eq(pair.device.link.error, VDEV_OK);
    while (vdev_message_link_receive(&pair.driver.link, &answer) == VDEV_OK) {
    }
    ck_assert(ask(&request));
}
END_TEST

START_TEST(work_in_one_call_is_bounded)
{
    struct vdev_message event = pair_message(0, MESSAGE_EVENT_AVAIL, NUMBER, 0, 2);
    pair_finish(&pair);
    pair_init(&pair, 256);
    ck_assert_int_eq(vdev_virtio_message_device_add(&pair.devices, &device, &virtio, NUMBER),
                     VDEV_OK);
    to_features_ok();
    set_queue(0, VQUEUE_STATE_ENABLE, 8, 0);
    set_status(0xf);
    notified = 0;
    for (unsigned i = 0; i < 256; i++) {
        ck_assert_int_eq(vdev_message_link_send(&pair.driver.link, &event), VDEV_OK);
    }
    unsigned before = 0;
    while (vdev_virtio_message_device_bus_poll(&pair.devices)) {
        ck_assert_uint_le(notified - before, 16);
        before = notified;
    }
    ck_assert_uint_eq(notified, 256);
}
END_TEST

START_TEST(an_index_that_jumps_fails_the_devices)
{
    to_features_ok();
    set_queue(0, VQUEUE_STATE_ENABLE, 8, 0);
    set_status(0xf);
    if (_i == 0) {
        *pair_word(&pair, 0, 0) += 1000;
    } else {
        *pair_word(&pair, 1, 64) -= 1000;
        vdev_virtio_device_configuration_changed(&virtio); /* sends an event */
    }
    pair_poll_devices(&pair);
    ck_assert_int_eq(pair.device.link.error, VDEV_ERROR_CORRUPT);
    ck_assert(!vdev_virtio_device_running(&virtio));
    ck_assert_uint_eq(virtio.failures, 1);
    pair_poll_devices(&pair);
    ck_assert_uint_eq(virtio.failures, 1);
    /* Only a new link mends it. */
    for (unsigned i = 0; i < 2; i++) {
        memset(pair.fifos[i], 0, vdev_message_fifo_bytes(PAIR_CAPACITY));
    }
    pair_init_side(&pair, &pair.driver, &pair.device, 0);
    pair_init_side(&pair, &pair.device, &pair.driver, 1);
    to_features_ok();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message_hostile_driver");
    TCase *tests = tcase_create("device's end");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, every_request_of_the_proposal_is_answered);
    tcase_add_test(tests, the_bus_says_which_devices_there_are);
    tcase_add_test(tests, a_bus_has_room_for_all_that_may_lie_unread);
    tcase_add_test(tests, what_is_malformed_gets_no_answer);
    tcase_add_test(tests, lengths_and_counts_that_do_not_fit_their_message);
    tcase_add_test(tests, configuration_out_of_range_is_answered_with_nothing);
    tcase_add_test(tests, the_gates_hold_for_messages_too);
    tcase_add_test(tests, a_ring_that_is_no_memory_fails_the_device);
    tcase_add_test(tests, notifications_reach_only_live_queues);
    tcase_add_test(tests, messages_for_nobody_and_answers_to_nothing_are_dropped);
    tcase_add_test(tests, a_client_that_takes_no_answers_only_harms_itself);
    tcase_add_test(tests, work_in_one_call_is_bounded);
    tcase_add_loop_test(tests, an_index_that_jumps_fails_the_devices, 0, 2);
    suite_add_tcase(suite, tests);
    return pair_run(suite);
}
