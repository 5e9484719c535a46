/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver VM that breaks the rules, against the driver's end and against the bridge: it never
 * answers, answers what was not asked, twice, about something else, with another length, or rings
 * without end. The front-end or the guest gets an error in bounded time; never silence.
 */
#include "message_pair.h"

#include <linux/virtio_mmio.h>

#include <vdev/virtio_message_bridge.h>

#define NUMBER 4u
#define QUEUE  8u

enum mode {
    HONEST,
    SILENT,
    OTHER_TOKEN,
    OLD_TOKEN,
    OTHER_DEVICE,
    OTHER_ID,
    OF_THE_BUS,
    TOO_SHORT,
    TOO_LONG,
    NO_PAYLOAD,
    OTHER_ECHO,
    INDEX_JUMPS,
    INDEX_BACKWARDS,
    TAIL_JUMPS,
    MODES,
    /* these are answers as well, and something else */
    TWICE,
    UNASKED,
    FLOOD_OF_EVENTS,
    FLOOD_OF_RUBBISH,
    EVENTS_OF_OTHERS,
    SILENT_FLOOD,
    NEW_CONFIGURATION_ALWAYS,
};

static struct pair pair;
static enum mode mode;
static uint32_t status_said, generation, information_queues, information_length, shortfall;
static bool enabled;
static uint8_t asked_of; /* the id of the last request */
static struct vdev_virtio_message_driver driver;
static struct vdev_virtio_message_bridge bridge;
static bool level;

static void emit(const struct vdev_message *message)
{
    vdev_message_link_send(&pair.device.link, message);
}

/* What an honest device says; one queue, eight bytes of configuration. */
static void answer_honestly(const struct vdev_message *request, struct vdev_message *answer)
{
    uint32_t *said = answer->payload;
    unsigned bytes = 0;

    switch (request->id) {
    case MESSAGE_GET_DEVICE_INFO:
        said[INFO_DEVICE_ID] = VDEV_VIRTIO_ID_BLOCK;
        said[INFO_FEATURE_BLOCKS] = 2;
        said[INFO_CONFIGURATION_LENGTH] = information_length;
        said[INFO_QUEUE_COUNT] = information_queues;
        bytes = INFO_WORDS * 4;
        break;
    case MESSAGE_GET_DEVICE_FEATURES:
        said[FEATURES_COUNT] = 2;
        said[FEATURES_BITS + 1] = 1;
        bytes = (FEATURES_BITS + 2) * 4;
        break;
    case MESSAGE_GET_CONFIG:
    case MESSAGE_SET_CONFIG: {
        bool set = request->id == MESSAGE_SET_CONFIG;
        said[CONFIG_GENERATION] = generation;
        said[CONFIG_OFFSET] = request->payload[set ? CONFIG_OFFSET : GET_CONFIG_OFFSET];
        said[CONFIG_LENGTH] = request->payload[set ? CONFIG_LENGTH : GET_CONFIG_LENGTH] - shortfall;
        bytes = CONFIG_DATA * 4 + (set ? 0 : said[CONFIG_LENGTH]);
        break;
    }
    case MESSAGE_SET_DEVICE_STATUS:
        status_said = request->payload[0];
        enabled = enabled && status_said != 0;
        said[0] = status_said;
        bytes = 4;
        break;
    case MESSAGE_GET_DEVICE_STATUS:
        said[0] = status_said;
        bytes = 4;
        break;
    case MESSAGE_GET_VQUEUE:
        said[VQUEUE_INDEX] = request->payload[0];
        said[VQUEUE_MAXIMUM] = QUEUE;
        said[VQUEUE_SIZE] = QUEUE;
        said[VQUEUE_FLAGS] = enabled;
        bytes = VQUEUE_WORDS * 4;
        break;
    case MESSAGE_SET_VQUEUE:
        enabled = true;
        break;
    case MESSAGE_RESET_VQUEUE:
        enabled = false;
        break;
    default:
        break;
    }
    answer->size = (uint16_t)(MESSAGE_HEADER_BYTES + bytes);
}

static void answer(const struct vdev_message *request)
{
    struct vdev_message answer =
        pair_message(MESSAGE_TYPE_ANSWER, request->id, request->device, request->token, 0);
    struct vdev_message event = pair_message(0, MESSAGE_EVENT_CONFIG, NUMBER, 0, 4);

    answer_honestly(request, &answer);
    switch (mode) {
    case SILENT:
    case SILENT_FLOOD:
        return;
    case OTHER_TOKEN:
        answer.token++;
        break;
    case OLD_TOKEN:
        answer.token--;
        break;
    case OTHER_DEVICE:
        answer.device++;
        break;
    case OTHER_ID:
        answer.id = MESSAGE_RESET_VQUEUE;
        answer.size = MESSAGE_SIZE(0);
        break;
    case OF_THE_BUS:
        answer.type |= MESSAGE_TYPE_BUS;
        break;
    case TOO_SHORT:
        answer.size -= 4;
        break;
    case TOO_LONG:
        answer.size += 4;
        break;
    case NO_PAYLOAD:
        answer.size = MESSAGE_SIZE(0);
        break;
    case OTHER_ECHO:
        answer.payload[VQUEUE_INDEX] ^= 1;
        break;
    case INDEX_JUMPS:
        *pair_word(&pair, 1, 0) += 1000;
        return;
    case INDEX_BACKWARDS:
        *pair_word(&pair, 1, 0) = (uint32_t)pair.device.link.put - 1;
        return;
    case TAIL_JUMPS:
        *pair_word(&pair, 0, 64) += 1000;
        break;
    case TWICE:
        emit(&answer);
        break;
    case UNASKED:
        event = answer;
        event.token++;
        emit(&answer);
        emit(&event);
        return;
    case NEW_CONFIGURATION_ALWAYS:
        generation++;
        emit(&event);
        break;
    default:
        break;
    }
    emit(&answer);
}

static void work(void *context)
{
    struct vdev_message request;

    (void)context;
    while (vdev_message_link_receive(&pair.device.link, &request) == VDEV_OK) {
        if (request.id < MESSAGE_EVENT_CONFIG) {
            asked_of = request.id;
            answer(&request);
        }
    }
    struct vdev_message event = pair_message(0, MESSAGE_EVENT_USED, NUMBER, 0, 1);
    /* As much as there is room for, but for an answer. */
    for (unsigned i = 0;
         mode >= FLOOD_OF_EVENTS && mode <= SILENT_FLOOD &&
         (uint32_t)pair.device.link.put - *pair_word(&pair, 1, 64) < PAIR_CAPACITY - 2;
         i++) {
        if (mode == FLOOD_OF_RUBBISH) {
            event.id = (uint8_t)(0x43 + i);
            event.size = (uint16_t)(8 + i % 57);
        } else if (mode == EVENTS_OF_OTHERS) {
            event.device = (uint16_t)(NUMBER + 1 + i);
        }
        if (vdev_message_link_send(&pair.device.link, &event) != VDEV_OK) {
            break;
        }
    }
    vdev_message_link_arm(&pair.device.link);
}

static void work_while_idle(struct pair *of)
{
    (void)of;
    work(NULL);
}

/* A stream without end: the peer refills what is read, as it is read. */
static uint64_t refill(void *context)
{
    if (mode >= FLOOD_OF_EVENTS) {
        work(NULL);
    }
    pair.clock.now += 100000;
    (void)context;
    return pair.clock.now;
}

static struct vdev_clock flooding_clock = {refill, NULL};

static void set_line(void *controller, uint32_t number, bool to)
{
    (void)controller;
    (void)number;
    level = to;
}

static void setup(void)
{
    pair_init(&pair, PAIR_CAPACITY);
    pair.drivers.wait.clock = &flooding_clock;
    pair.on_idle = work_while_idle;
    mode = HONEST;
    status_said = 0;
    generation = 1;
    information_queues = 1;
    information_length = 8;
    shortfall = 0;
    enabled = false;
    level = false;
}

static void teardown(void)
{
    pair_finish(&pair);
}

/* ---- the driver's end ---- */

static const struct vdev_virtio_driver_operations *start_driver(void)
{
    ck_assert_int_eq(vdev_virtio_message_driver_init(&driver, &pair.drivers, NUMBER), VDEV_OK);
    ck_assert_uint_eq(driver.driver.id, VDEV_VIRTIO_ID_BLOCK);
    return driver.driver.operations;
}

#define ck_assert_lost(operations)                                                                 \
    do {                                                                                           \
        ck_assert_uint_eq((operations)->status(&driver.driver), VDEV_VIRTIO_STATUS_NEEDS_RESET);   \
        ck_assert_uint_eq((operations)->take_interrupt(&driver.driver),                            \
                          VDEV_VIRTIO_INTERRUPT_CONFIGURATION);                                    \
    } while (0)

START_TEST(a_wrong_answer_is_an_error_to_the_driver)
{
    const struct vdev_virtio_driver_operations *operations = start_driver();
    uint64_t start = pair.clock.now;
    mode = (enum mode)_i;
    if (mode == TAIL_JUMPS) { /* seen when the next request is sent */
        operations->features(&driver.driver);
    }
    ck_assert_uint_eq(operations->queue_size_maximum(&driver.driver, 0), 0);
    ck_assert_uint_le(pair.clock.now - start, PAIR_TIMEOUT + 1000000);
    ck_assert_lost(operations);
    ck_assert_int_eq(pair.driver.link.error, mode == SILENT ? VDEV_OK : VDEV_ERROR_CORRUPT);
    mode = HONEST;
    start = pair.clock.now;
    int reset = vdev_virtio_driver_reset(&driver.driver, &flooding_clock);
    ck_assert_int_eq(reset, _i == SILENT ? VDEV_OK : VDEV_ERROR_TIMEOUT);
    ck_assert_uint_le(pair.clock.now - start, 2 * PAIR_TIMEOUT);
}
END_TEST

START_TEST(a_second_answer_latches)
{
    const struct vdev_virtio_driver_operations *operations = start_driver();
    mode = _i == 0 ? TWICE : UNASKED;
    operations->set_status(&driver.driver, 1);
    ck_assert_lost(operations);
    ck_assert_int_eq(pair.driver.link.error, VDEV_ERROR_CORRUPT);
    uint32_t requests = pair.drivers.requests;
    operations->notify(&driver.driver, 0);
    operations->set_features(&driver.driver, 0);
    ck_assert_uint_eq(operations->features(&driver.driver), 0);
    ck_assert_uint_eq(operations->read_configuration(&driver.driver, 0, 4), 0);
    ck_assert_uint_eq(pair.drivers.requests, requests);
}
END_TEST

START_TEST(events_without_end_neither_hold_up_nor_hide_anything)
{
    static const enum mode floods[] = {FLOOD_OF_EVENTS, FLOOD_OF_RUBBISH, EVENTS_OF_OTHERS};
    const struct vdev_virtio_driver_operations *operations = start_driver();
    mode = floods[_i];
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_uint_eq(operations->queue_size_maximum(&driver.driver, 0), QUEUE);
        work(NULL);
        uint32_t causes = operations->take_interrupt(&driver.driver);
        ck_assert_uint_eq(causes, mode == FLOOD_OF_EVENTS ? VDEV_VIRTIO_INTERRUPT_QUEUE : 0);
    }
    ck_assert_int_eq(pair.driver.link.error, VDEV_OK);
    ck_assert(mode == FLOOD_OF_EVENTS || pair.driver.link.ignored != 0);
}
END_TEST

START_TEST(silence_under_a_flood_ends_too)
{
    const struct vdev_virtio_driver_operations *operations = start_driver();
    uint64_t start = pair.clock.now;
    mode = SILENT_FLOOD;
    ck_assert_uint_eq(operations->queue_size_maximum(&driver.driver, 0), 0);
    ck_assert_uint_ge(pair.clock.now - start, PAIR_TIMEOUT);
    ck_assert_uint_le(pair.clock.now - start, PAIR_TIMEOUT + 1000000);
    ck_assert_uint_eq(operations->status(&driver.driver), VDEV_VIRTIO_STATUS_NEEDS_RESET);
    ck_assert_uint_eq(operations->take_interrupt(&driver.driver),
                      VDEV_VIRTIO_INTERRUPT_CONFIGURATION | VDEV_VIRTIO_INTERRUPT_QUEUE);
}
END_TEST

START_TEST(a_device_that_describes_itself_impossibly)
{
    information_queues = VDEV_MESSAGE_QUEUES_MAXIMUM + 1;
    ck_assert_int_eq(vdev_virtio_message_driver_init(&driver, &pair.drivers, NUMBER),
                     VDEV_ERROR_UNSUPPORTED);
    information_queues = 1;
    information_length = UINT32_MAX;
    const struct vdev_virtio_driver_operations *operations = start_driver();
    ck_assert_uint_eq(operations->read_configuration(&driver.driver, UINT32_MAX - 1, 4), 0);
    shortfall = 44; /* it has nothing there after all */
    ck_assert_uint_eq(operations->read_configuration(&driver.driver, 0x7fffffff, 1), 0);
    shortfall = 0;
    operations->read_configuration(&driver.driver, UINT32_MAX - 4, 4);
    ck_assert_uint_le(driver.length, sizeof driver.window);
    ck_assert_int_eq(pair.driver.link.error, VDEV_OK);
}
END_TEST

START_TEST(no_device_is_no_answer)
{
    mode = SILENT;
    ck_assert_int_eq(vdev_virtio_message_driver_init(&driver, &pair.drivers, NUMBER),
                     VDEV_ERROR_TIMEOUT);
    mode = HONEST; /* it comes up late: what was asked is answered first */
    ck_assert_int_eq(vdev_virtio_message_driver_init(&driver, &pair.drivers, NUMBER), VDEV_OK);
    struct vdev_virtio_message_driver other;
    ck_assert_int_eq(vdev_virtio_message_driver_init(&other, &pair.drivers, NUMBER),
                     VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(a_full_fifo_is_an_error)
{
    const struct vdev_virtio_driver_operations *operations = start_driver();
    pair.on_idle = NULL;
    mode = SILENT;
    for (unsigned i = 0; i < PAIR_CAPACITY + 4; i++) {
        operations->set_status(&driver.driver, 0);
        ck_assert_uint_eq(operations->status(&driver.driver), VDEV_VIRTIO_STATUS_NEEDS_RESET);
    }
    ck_assert_int_eq(pair.driver.link.error, VDEV_OK);
    mode = HONEST;
    pair.on_idle = work_while_idle;
    work(NULL); /* it wakes, and answers all of it */
    ck_assert_int_eq(vdev_virtio_driver_reset(&driver.driver, &flooding_clock), VDEV_OK);
    ck_assert_uint_eq(pair.driver.link.late, PAIR_CAPACITY);
}
END_TEST

/* ---- the bridge ---- */

static int access_bridge(uint32_t offset, bool write, uint32_t *value)
{
    struct vdev_access access = {.offset = offset, .width = 4, .write = write, .value = *value};
    int status = vdev_virtio_message_bridge_access(&bridge, &access);

    *value = (uint32_t)access.value;
    return status;
}

/* Returns how long the guest was held up. */
static uint64_t guest(uint32_t offset, bool write, uint32_t *value)
{
    uint64_t start = pair.clock.now;

    for (unsigned i = 0; i < 4; i++) {
        int status = access_bridge(offset, write, value);
        if (status != VDEV_ERROR_AGAIN) {
            ck_assert_int_eq(status, VDEV_OK);
            return pair.clock.now - start;
        }
        while (!vdev_virtio_message_bridge_poll(&bridge)) {
            work(NULL);
            vdev_virtio_message_driver_bus_poll(&pair.drivers);
        }
    }
    ck_abort_msg("put off again and again");
}

static uint32_t get(uint32_t offset)
{
    uint32_t value = 0;

    ck_assert_uint_le(guest(offset, false, &value), PAIR_TIMEOUT + 1000000);
    return value;
}

static void put(uint32_t offset, uint32_t value)
{
    ck_assert_uint_le(guest(offset, true, &value), PAIR_TIMEOUT + 1000000);
}

static void start_bridge(void)
{
    ck_assert_int_eq(
        vdev_virtio_message_bridge_init(&bridge, &pair.drivers, NUMBER,
                                        (struct vdev_interrupt_line){.set = set_line, .number = 1}),
        VDEV_OK);
}

/* To DRIVER_OK with one queue. */
static void bring_up(void)
{
    start_bridge();
    ck_assert_uint_eq(get(VIRTIO_MMIO_DEVICE_ID), VDEV_VIRTIO_ID_BLOCK);
    put(VIRTIO_MMIO_STATUS, 0);
    put(VIRTIO_MMIO_STATUS, 3);
    put(VIRTIO_MMIO_STATUS, 0xb);
    put(VIRTIO_MMIO_QUEUE_SEL, 0);
    put(VIRTIO_MMIO_QUEUE_NUM, QUEUE);
    put(VIRTIO_MMIO_QUEUE_READY, 1);
    put(VIRTIO_MMIO_STATUS, 0xf);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0xf);
    ck_assert(!level);
}

START_TEST(a_wrong_answer_fails_the_bridged_device)
{
    bring_up();
    mode = (enum mode)_i;
    put(VIRTIO_MMIO_STATUS, 0xf);
    if (mode == OTHER_ECHO) {
        ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0xe); /* a status it may well have */
        return;
    }
    if (mode == TAIL_JUMPS) { /* seen when the next message is sent */
        put(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
        vdev_virtio_message_bridge_poll(&bridge);
    }
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0x4f);
    ck_assert(level);
    ck_assert_uint_eq(get(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
    put(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
    ck_assert(!level);
    /* The guest goes on: nothing waits any more, nothing has an effect. */
    uint32_t again = bridge.again, value = 1;
    ck_assert_uint_eq(guest(VIRTIO_MMIO_QUEUE_READY, true, &value), 0);
    value = 0xf;
    ck_assert_uint_eq(guest(VIRTIO_MMIO_STATUS, true, &value), 0);
    put(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    put(VIRTIO_MMIO_CONFIG, 0);
    ck_assert_uint_eq(bridge.again, again);
    mode = HONEST;
    put(VIRTIO_MMIO_STATUS, 0); /* one more try */
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), _i == SILENT ? 0 : 0x4f);
}
END_TEST

START_TEST(a_second_answer_fails_the_bridged_device)
{
    bring_up();
    mode = _i == 0 ? TWICE : UNASKED;
    put(VIRTIO_MMIO_STATUS, 0x8f);
    vdev_virtio_message_driver_bus_poll(&pair.drivers);
    ck_assert_int_eq(pair.driver.link.error, VDEV_ERROR_CORRUPT);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS) & 0x40, 0x40);
    ck_assert(level);
}
END_TEST

START_TEST(silence_from_the_start_is_no_device)
{
    mode = SILENT;
    start_bridge();
    uint64_t deadline;
    ck_assert(vdev_virtio_message_bridge_deadline(&bridge, &deadline));
    ck_assert_uint_gt(deadline, pair.clock.now);
    ck_assert_uint_eq(get(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
    ck_assert(!vdev_virtio_message_bridge_deadline(&bridge, &deadline));
    ck_assert_uint_eq(get(VIRTIO_MMIO_DEVICE_ID), 0);
    put(VIRTIO_MMIO_STATUS, 0);
    uint32_t value = 0;
    ck_assert_int_eq(access_bridge(VIRTIO_MMIO_CONFIG, false, &value), VDEV_ERROR_RANGE);
    ck_assert(!level);
}
END_TEST

START_TEST(a_device_too_large_is_no_device)
{
    information_queues = _i == 0 ? VDEV_MESSAGE_QUEUES_MAXIMUM + 1 : 1;
    information_length = _i == 1 ? VDEV_MESSAGE_BRIDGE_CONFIGURATION + 1 : 8;
    shortfall = _i == 2 ? 8 : 0; /* less than it says */
    start_bridge();
    ck_assert_uint_eq(get(VIRTIO_MMIO_DEVICE_ID), 0);
    ck_assert(bridge.failed);
}
END_TEST

START_TEST(a_configuration_that_never_holds_still_fails)
{
    information_length = 100;
    bring_up();
    mode = NEW_CONFIGURATION_ALWAYS;
    put(VIRTIO_MMIO_STATUS, 0);
    ck_assert(bridge.failed);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS) & 0x40, 0x40);
}
END_TEST

START_TEST(events_without_end_do_not_hold_the_guest_up)
{
    static const enum mode floods[] = {FLOOD_OF_EVENTS, FLOOD_OF_RUBBISH, EVENTS_OF_OTHERS,
                                       NEW_CONFIGURATION_ALWAYS};
    bring_up();
    mode = floods[_i];
    for (unsigned i = 0; i < 20; i++) {
        get(VIRTIO_MMIO_CONFIG);
        get(VIRTIO_MMIO_CONFIG_GENERATION);
        get(VIRTIO_MMIO_STATUS);
        put(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
        put(VIRTIO_MMIO_INTERRUPT_ACK, 3);
        put(VIRTIO_MMIO_STATUS, 0xf);
    }
    ck_assert(!bridge.failed);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0xf);
}
END_TEST

START_TEST(a_stopped_driver_vm_is_seen_without_waiting)
{
    bring_up();
    vdev_message_link_close(&pair.driver.link);
    ck_assert(vdev_virtio_message_bridge_poll(&bridge));
    ck_assert(level);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0x4f);
    uint32_t again = bridge.again;
    put(VIRTIO_MMIO_STATUS, 0);
    ck_assert_uint_eq(bridge.again, again);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0x4f);
    /* A new one on the same link, when the guest resets its device. */
    for (unsigned i = 0; i < 2; i++) {
        memset(pair.fifos[i], 0, vdev_message_fifo_bytes(PAIR_CAPACITY));
    }
    pair_init_side(&pair, &pair.driver, &pair.device, 0);
    pair_init_side(&pair, &pair.device, &pair.driver, 1);
    put(VIRTIO_MMIO_STATUS, 0);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0);
    put(VIRTIO_MMIO_STATUS, 3);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 3);
}
END_TEST

START_TEST(a_device_that_does_not_reset_keeps_needing_it)
{
    bring_up();
    mode = SILENT;
    put(VIRTIO_MMIO_STATUS, 0);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0x4f);
    put(VIRTIO_MMIO_STATUS, 0);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0x4f);
    mode = HONEST;
    put(VIRTIO_MMIO_STATUS, 0);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0);
    ck_assert(!bridge.failed);
    ck_assert_uint_eq(asked_of, MESSAGE_GET_CONFIG);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message_hostile_device");
    TCase *tests = tcase_create("driver's end");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, a_wrong_answer_is_an_error_to_the_driver, SILENT, MODES);
    tcase_add_loop_test(tests, a_second_answer_latches, 0, 2);
    tcase_add_loop_test(tests, events_without_end_neither_hold_up_nor_hide_anything, 0, 3);
    tcase_add_test(tests, silence_under_a_flood_ends_too);
    tcase_add_test(tests, a_device_that_describes_itself_impossibly);
    tcase_add_test(tests, no_device_is_no_answer);
    tcase_add_test(tests, a_full_fifo_is_an_error);
    suite_add_tcase(suite, tests);
    tests = tcase_create("bridge");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, a_wrong_answer_fails_the_bridged_device, SILENT, MODES);
    tcase_add_loop_test(tests, a_second_answer_fails_the_bridged_device, 0, 2);
    tcase_add_test(tests, silence_from_the_start_is_no_device);
    tcase_add_loop_test(tests, a_device_too_large_is_no_device, 0, 3);
    tcase_add_test(tests, a_configuration_that_never_holds_still_fails);
    tcase_add_loop_test(tests, events_without_end_do_not_hold_the_guest_up, 0, 4);
    tcase_add_test(tests, a_stopped_driver_vm_is_seen_without_waiting);
    tcase_add_test(tests, a_device_that_does_not_reset_keeps_needing_it);
    suite_add_tcase(suite, tests);
    return pair_run(suite);
}
