/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's end of vhost-user against a device that a script plays: what is said, in which
 * order, to devices of more and of less talent; what a new connection is told; and every answer
 * spoiled in every way. Against our own device's end it is in vhost_user_pair.c.
 */
#include "support/vhost_user_script.h"

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
