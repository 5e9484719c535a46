/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's end of vhost-user with a driver's end that breaks the rules: indices, lengths,
 * orders, descriptors, memory. Each refusal has its words; with an acknowledgement asked for the
 * session goes on as it was, without one it is over; and no descriptor or mapping is left behind.
 */
#include "support/vhost_user_peer.h"

static struct peer peer;

static void setup(void)
{
    peer_init(&peer, 0);
}

static void teardown(void)
{
    peer_finish(&peer);
}

#define PROTOCOL 0x1b229ull /* all that there is */

#define ck_assert_said(expression) ck_assert_int_eq((expression), VDEV_OK)

static void negotiate(void)
{
    struct vdev_vhost_user_message message = peer_table(&peer, 1);

    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_PROTOCOL_FEATURES,
                               PROTOCOL & ~(1ull << VDEV_VHOST_USER_PROTOCOL_F_STATUS)));
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_FEATURES, PEER_FEATURES | PEER_FLAG_30));
    ck_assert_said(peer_say(&peer, &message));
}

static void run_ring(uint32_t index)
{
    int descriptor;

    ck_assert_said(peer_state(&peer, VDEV_VHOST_USER_SET_VRING_NUM, index, PEER_QUEUE_SIZE));
    ck_assert_said(peer_address(&peer, index, peer_ring(index)));
    ck_assert_said(peer_event(&peer, VDEV_VHOST_USER_SET_VRING_KICK, index, &descriptor));
    ck_assert_said(peer_state(&peer, VDEV_VHOST_USER_SET_VRING_ENABLE, index, 1));
    ck_assert(vdev_virtio_device_queue_ready(&peer.device, index));
}

static struct vdev_vhost_user_message of_state(uint32_t request, uint32_t index, uint32_t number)
{
    struct vdev_vhost_user_message message = peer_message(request, 8);

    message.payload.state.index = index;
    message.payload.state.number = number;
    return message;
}

static struct vdev_vhost_user_message of_number(uint32_t request, uint64_t number)
{
    struct vdev_vhost_user_message message = peer_message(request, 8);

    message.payload.u64 = number;
    return message;
}

/* Refused, with a non-zero acknowledgement, and its descriptors closed. */
static void refused(struct vdev_vhost_user_message message, const char *why)
{
    unsigned refusals = peer.refusals, replies = peer.replies, mapped = peer.mapped;
    unsigned open = peer.open;

    message.flags |= VDEV_VHOST_USER_NEED_REPLY;
    ck_assert_msg(peer_say(&peer, &message) == VDEV_OK, "%s", why);
    ck_assert_uint_eq(peer.refusals, refusals + 1);
    ck_assert_str_eq(peer.refused_name, vdev_vhost_user_name(message.request));
    ck_assert_str_eq(peer.refused_why, why);
    ck_assert_uint_eq(peer.replies, replies + 1);
    ck_assert_uint_eq(peer.reply.flags, 5);
    ck_assert_uint_eq(peer.reply.size, 8);
    ck_assert_uint_ne(peer.reply.payload.u64, 0);
    ck_assert_uint_eq(peer.open, open - message.descriptor_count);
    ck_assert_uint_eq(peer.mapped, mapped);
}

START_TEST(without_an_acknowledgement_a_refusal_ends_the_connection)
{
    negotiate();
    ck_assert_int_eq(peer_state(&peer, VDEV_VHOST_USER_SET_VRING_NUM, 3, 16), VDEV_ERROR_INVALID);
    ck_assert_str_eq(peer.refused_name, "SET_VRING_NUM");
    ck_assert_uint_eq(peer.replies, 0);
    peer_disconnect(&peer);
    /* Asked for, but not negotiated. */
    struct vdev_vhost_user_message message = of_state(VDEV_VHOST_USER_SET_VRING_NUM, 3, 16);
    message.flags |= VDEV_VHOST_USER_NEED_REPLY;
    ck_assert_int_eq(peer_say(&peer, &message), VDEV_ERROR_INVALID);
    ck_assert_uint_eq(peer.replies, 0);
    ck_assert_uint_eq(peer.refusals, 2);
}
END_TEST

START_TEST(a_queue_that_there_is_not_is_refused_everywhere)
{
    static const uint32_t indices[] = {PEER_QUEUES, 64, 255, 0x10000, UINT32_MAX};
    static const uint32_t of_states[] = {VDEV_VHOST_USER_SET_VRING_NUM,
                                         VDEV_VHOST_USER_SET_VRING_BASE,
                                         VDEV_VHOST_USER_SET_VRING_ENABLE};

    negotiate();
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned j = 0; j < 3; j++) {
            refused(of_state(of_states[j], indices[i], 1), "of a queue that there is not");
        }
        struct vdev_vhost_user_message message = peer_message(VDEV_VHOST_USER_SET_VRING_ADDR, 40);
        message.payload.address.index = indices[i];
        refused(message, "of a queue that there is not");
        ck_assert_int_eq(peer_state(&peer, VDEV_VHOST_USER_GET_VRING_BASE, indices[i], 0),
                         VDEV_ERROR_INVALID);
    }
    for (uint32_t request = VDEV_VHOST_USER_SET_VRING_KICK;
         request <= VDEV_VHOST_USER_SET_VRING_ERR; request++) {
        struct vdev_vhost_user_message message = of_number(request, PEER_QUEUES);
        peer_attach(&message, peer_open(&peer, NULL));
        refused(message, "of a queue that there is not");
    }
}
END_TEST

START_TEST(messages_in_the_wrong_order_are_refused)
{
    struct vdev_vhost_user_message message = of_number(VDEV_VHOST_USER_SET_VRING_KICK, 0);

    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_PROTOCOL_FEATURES, PROTOCOL));
    peer_attach(&message, peer_open(&peer, NULL));
    refused(message, "before SET_FEATURES");
    refused(of_number(VDEV_VHOST_USER_SET_STATUS, 0xb), "FEATURES_OK before SET_FEATURES");
    refused(of_number(VDEV_VHOST_USER_SET_STATUS, 0x100), "no status");
    refused(of_number(VDEV_VHOST_USER_SET_STATUS, 7),
            "a status that does not follow the one before");
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_FEATURES, PEER_FEATURES));
    refused(of_state(VDEV_VHOST_USER_SET_VRING_ENABLE, 0, 1),
            "of a feature that was not negotiated");
    peer_disconnect(&peer);
    negotiate();
    message.descriptors[0] = peer_open(&peer, NULL);
    refused(message, "before SET_VRING_NUM");
    ck_assert_said(peer_state(&peer, VDEV_VHOST_USER_SET_VRING_NUM, 0, PEER_QUEUE_SIZE));
    message.descriptors[0] = peer_open(&peer, NULL);
    refused(message, "before SET_VRING_ADDR");
    message = of_number(VDEV_VHOST_USER_SET_VRING_KICK, VDEV_VHOST_USER_VRING_NO_DESCRIPTOR);
    refused(message, "a ring that would have to be polled");
    refused(of_number(VDEV_VHOST_USER_SET_STATUS, 1), "of a feature that was not negotiated");
    struct vdev_vhost_user_message configuration = peer_message(VDEV_VHOST_USER_SET_CONFIG, 13);
    configuration.payload.configuration.length = 1;
    configuration.payload.configuration.offset = 12;
    refused(configuration, "beyond the configuration space");
    configuration.payload.configuration.flags = 1;
    refused(configuration, "migration is not offered");
}
END_TEST

START_TEST(what_was_not_negotiated_is_refused)
{
    static const struct {
        uint32_t request, size;
        unsigned descriptors;
    } gated[] = {
        {VDEV_VHOST_USER_SET_CONFIG, 12, 0},  {VDEV_VHOST_USER_SET_INFLIGHT_FD, 24, 1},
        {VDEV_VHOST_USER_RESET_DEVICE, 0, 0}, {VDEV_VHOST_USER_ADD_MEM_REG, 40, 1},
        {VDEV_VHOST_USER_REM_MEM_REG, 40, 1}, {VDEV_VHOST_USER_SET_STATUS, 8, 0},
    };

    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_PROTOCOL_FEATURES, 1u << 3));
    for (unsigned i = 0; i < sizeof gated / sizeof gated[0]; i++) {
        struct vdev_vhost_user_message message = peer_message(gated[i].request, gated[i].size);
        if (gated[i].descriptors != 0) {
            peer_attach(&message, peer_open(&peer, peer.guest));
        }
        refused(message, "of a feature that was not negotiated");
    }
    struct vdev_vhost_user_message message = peer_message(VDEV_VHOST_USER_GET_STATUS, 0);
    ck_assert_int_eq(peer_say(&peer, &message), VDEV_ERROR_INVALID);
    /* These have a reply that says no. */
    message = peer_message(VDEV_VHOST_USER_GET_CONFIG, 12);
    ck_assert_said(peer_say(&peer, &message));
    ck_assert_uint_eq(peer.reply.size, 0);
    message = peer_message(VDEV_VHOST_USER_GET_INFLIGHT_FD, 20);
    ck_assert_said(peer_say(&peer, &message));
    ck_assert_uint_eq(peer.reply.size, 20);
    ck_assert_uint_eq(peer.reply.payload.inflight.length, 0);
    ck_assert_uint_eq(peer.reply.descriptor_count, 0);
}
END_TEST

START_TEST(features_that_cannot_be_are_refused)
{
    negotiate();
    refused(of_number(VDEV_VHOST_USER_SET_FEATURES, PEER_FEATURES | 1u << 6),
            "features that are not offered");
    refused(of_number(VDEV_VHOST_USER_SET_FEATURES, PEER_FLAG_30),
            "without VERSION_1: drivers of the legacy interface are not served");
    refused(of_number(VDEV_VHOST_USER_SET_PROTOCOL_FEATURES, PROTOCOL | 2),
            "features that are not offered");
    run_ring(0);
    refused(of_number(VDEV_VHOST_USER_SET_FEATURES, PEER_FEATURES), "not while a ring runs");
    refused(of_number(VDEV_VHOST_USER_SET_PROTOCOL_FEATURES, 8), "not while a ring runs");
    ck_assert(vdev_virtio_device_running(&peer.device));
}
END_TEST

START_TEST(a_running_ring_is_not_set_up)
{
    struct vdev_vhost_user_message message = peer_message(VDEV_VHOST_USER_SET_VRING_ADDR, 40);

    negotiate();
    run_ring(1);
    refused(of_state(VDEV_VHOST_USER_SET_VRING_NUM, 1, 8), "not while the ring runs");
    refused(of_state(VDEV_VHOST_USER_SET_VRING_BASE, 1, 8), "not while the ring runs");
    message.payload.address.index = 1;
    message.payload.address.descriptors = peer_ring(0);
    refused(message, "not while the ring runs");
    message.payload.address.flags = 1;
    refused(message, "a log of changes is not offered");
    message = peer_message(VDEV_VHOST_USER_SET_INFLIGHT_FD, 24);
    message.payload.inflight.queue_count = 1;
    message.payload.inflight.queue_size = 16;
    message.payload.inflight.length = 4096;
    peer_attach(&message, peer_open(&peer, peer.guest));
    refused(message, "not while a ring runs");
    peer_request(&peer, 1);
    vdev_vhost_user_device_kicked(&peer.session, 1);
    ck_assert_uint_eq(peer_used(&peer, 1)->idx, 1);
}
END_TEST

START_TEST(a_ring_of_no_size_or_place_is_refused)
{
    static const uint32_t sizes[] = {0, 3, 128, 0x10010, UINT32_MAX};
    static const uint64_t places[] = {0, PEER_USER - 0x3000, PEER_USER + PEER_BYTES - 0x1000,
                                      UINT64_MAX - 0x2fff};
    struct vdev_vhost_user_message message = of_number(VDEV_VHOST_USER_SET_VRING_KICK, 0);

    negotiate();
    for (unsigned i = 0; i < 5; i++) {
        refused(of_state(VDEV_VHOST_USER_SET_VRING_NUM, 0, sizes[i]),
                i < 2 || i == 4 || i == 3 ? "not a power of two"
                                          : "longer than the device's queues are");
    }
    refused(of_state(VDEV_VHOST_USER_SET_VRING_BASE, 0, 0x10000), "no index of a ring");
    refused(of_state(VDEV_VHOST_USER_SET_VRING_ENABLE, 0, 2), "neither on nor off");
    ck_assert_said(peer_state(&peer, VDEV_VHOST_USER_SET_VRING_NUM, 0, PEER_QUEUE_SIZE));
    ck_assert_said(peer_state(&peer, VDEV_VHOST_USER_SET_VRING_ENABLE, 0, 1));
    message.descriptor_count = 1;
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_said(peer_address(&peer, 0, places[i]));
        message.descriptors[0] = peer_open(&peer, NULL);
        refused(message, "a ring outside the memory");
        ck_assert_int_eq(peer.watched[0], -1);
    }
    ck_assert_said(peer_address(&peer, 0, PEER_USER + 8));
    message.descriptors[0] = peer_open(&peer, NULL);
    refused(message, "a ring that is misaligned or leaves its region");
    ck_assert_said(peer_address(&peer, 0, PEER_USER + PEER_BYTES - 0x2010));
    message.descriptors[0] = peer_open(&peer, NULL);
    refused(message, "a ring that is misaligned or leaves its region");
    ck_assert_said(peer_address(&peer, 0, PEER_USER));
    message.descriptors[0] = peer_open(&peer, NULL);
    ck_assert_said(peer_say(&peer, &message));
    ck_assert(vdev_virtio_device_queue_ready(&peer.device, 0));
}
END_TEST

static void refused_region(struct vdev_vhost_user_region region, const char *why)
{
    struct vdev_vhost_user_message message = peer_message(VDEV_VHOST_USER_ADD_MEM_REG, 40);

    message.payload.region.region = region;
    peer_attach(&message, peer_open(&peer, peer.guest));
    refused(message, why);
    /* In a table, where others were mapped before it. */
    message = peer_table(&peer, 2);
    message.payload.memory.regions[0] = peer_region(0, PEER_BYTES);
    message.payload.memory.regions[1] = region;
    refused(message, why);
}

START_TEST(memory_that_cannot_be_is_refused_and_changes_nothing)
{
    negotiate();
    run_ring(0);
    refused_region((struct vdev_vhost_user_region){0, 0, 0, 0}, "a region without a byte");
    refused_region((struct vdev_vhost_user_region){UINT64_MAX - 4094, 4096, 0, 0},
                   "a region that wraps around");
    refused_region((struct vdev_vhost_user_region){0, 4096, UINT64_MAX - 4094, 0},
                   "a region that wraps around");
    refused_region((struct vdev_vhost_user_region){0, 4096, 0, UINT64_MAX - 4095},
                   "a region that wraps around");
    refused_region((struct vdev_vhost_user_region){PEER_GUEST + PEER_BYTES - 1, 4096, 0, 0},
                   "regions that overlap");
    refused_region((struct vdev_vhost_user_region){PEER_GUEST - 4095, 4096, 0, 0},
                   "regions that overlap");
    refused_region((struct vdev_vhost_user_region){0, 4096, PEER_USER + 4096, 0},
                   "regions that overlap");
    refused_region((struct vdev_vhost_user_region){0, UINT64_MAX, 0, 0}, "regions that overlap");
    refused_region((struct vdev_vhost_user_region){0, 4096, 0, PEER_BYTES - 4095},
                   "a region that cannot be mapped");
    struct vdev_vhost_user_message message = peer_message(VDEV_VHOST_USER_REM_MEM_REG, 40);
    message.payload.region.region = peer_region(0, PEER_BYTES - 1);
    refused(message, "of a region that there is not");
    /* Descriptors too few and too many. */
    message = peer_table(&peer, 2);
    message.payload.memory.count = 1;
    refused(message, "too many descriptors");
    message = peer_table(&peer, 2);
    message.size = 8 + 3 * 32;
    message.payload.memory.count = 3;
    refused(message, "too few descriptors");
    peer_request(&peer, 0);
    vdev_vhost_user_device_kicked(&peer.session, 0);
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 1);
    ck_assert_uint_eq(peer.mapped, 1);
}
END_TEST

START_TEST(there_are_so_many_slots_and_no_more)
{
    struct vdev_vhost_user_message message = peer_message(VDEV_VHOST_USER_ADD_MEM_REG, 40);

    negotiate();
    for (unsigned i = 1; i <= VDEV_VHOST_USER_MEM_SLOTS; i++) {
        message.payload.region.region =
            (struct vdev_vhost_user_region){i * 8192, 4096, i * 8192, 0};
        message.descriptor_count = 0;
        peer_attach(&message, peer_open(&peer, peer.guest));
        if (i < VDEV_VHOST_USER_MEM_SLOTS) {
            ck_assert_said(peer_say(&peer, &message));
            ck_assert_uint_eq(peer.memory.count, i + 1);
        }
    }
    refused(message, "more regions than there are slots");
    /* A table replaces them all. */
    message = peer_table(&peer, 8);
    ck_assert_said(peer_say(&peer, &message));
    ck_assert_uint_eq(peer.mapped, 8);
}
END_TEST

START_TEST(notes_of_what_is_in_flight_are_checked)
{
    struct vdev_vhost_user_message message = peer_message(VDEV_VHOST_USER_SET_INFLIGHT_FD, 24);
    static const struct {
        uint64_t length, offset;
        uint16_t count, size;
        const char *why;
    } wrong[] = {
        {4096, 0, 0, 16, "more queues than the device has, or none"},
        {4096, 0, PEER_QUEUES + 1, 16, "more queues than the device has, or none"},
        {4096, 0, 1, 0, "longer queues than there are"},
        {UINT64_MAX, 0, 1, 0xffff, "longer queues than there are"},
        {64, 0, 1, 16, "shorter than its queues need it"},
        {4096, UINT64_MAX, 1, 16, "a piece that wraps around"},
        {4096, PEER_BYTES - 64, 1, 16, "a piece that cannot be mapped"},
        {4096, 8, 1, 16, "a piece that is misaligned"},
    };

    negotiate();
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        message.payload.inflight.length = wrong[i].length;
        message.payload.inflight.offset = wrong[i].offset;
        message.payload.inflight.queue_count = wrong[i].count;
        message.payload.inflight.queue_size = wrong[i].size;
        message.descriptor_count = 0;
        peer_attach(&message, peer_open(&peer, peer.guest));
        refused(message, wrong[i].why);
    }
    message = peer_message(VDEV_VHOST_USER_GET_INFLIGHT_FD, 24);
    message.payload.inflight.queue_count = 1;
    message.payload.inflight.queue_size = 8;
    for (unsigned i = 0; i < 2; i++) {
        peer.fail_creates = i == 0;
        peer.fail_maps = i == 1 ? 0 : -1;
        ck_assert_said(peer_say(&peer, &message));
        ck_assert_uint_eq(peer.reply.payload.inflight.length, 0);
        ck_assert_uint_eq(peer.mapped, 1);
        ck_assert_uint_eq(peer.refusals, sizeof wrong / sizeof wrong[0] + i + 1);
    }
    peer.fail_maps = -1;
    /* The reply cannot be sent: nothing is left of the file but the mapping. */
    peer.fail_sends = true;
    unsigned open = peer.open;
    ck_assert_int_eq(peer_say(&peer, &message), VDEV_ERROR_IO);
    ck_assert_uint_eq(peer.open, open);
    peer.fail_sends = false;
    /* A ring that is longer than the notes have room for. */
    int descriptor;
    ck_assert_said(peer_state(&peer, VDEV_VHOST_USER_SET_VRING_NUM, 0, PEER_QUEUE_SIZE));
    ck_assert_said(peer_address(&peer, 0, peer_ring(0)));
    ck_assert_said(peer_event(&peer, VDEV_VHOST_USER_SET_VRING_KICK, 0, &descriptor));
    refused(of_state(VDEV_VHOST_USER_SET_VRING_ENABLE, 0, 1),
            "a ring longer than the memory that notes what is in flight");
}
END_TEST

START_TEST(what_is_no_message_is_refused)
{
    struct vdev_vhost_user_message message = peer_message(99, 0);

    negotiate();
    refused(message, "not known here");
    peer_attach(&message, peer_open(&peer, NULL));
    refused(message, "not known here");
    message = peer_message(VDEV_VHOST_USER_SET_OWNER, 8);
    refused(message, "of another length than its kind has");
    message = of_number(VDEV_VHOST_USER_SET_FEATURES, PEER_FEATURES);
    message.flags |= VDEV_VHOST_USER_REPLY;
    refused(message, "a reply, and nothing was asked");
    for (unsigned i = 0; i < VDEV_VHOST_USER_REGIONS; i++) {
        peer_attach(&message, peer_open(&peer, NULL));
    }
    message.flags &= ~VDEV_VHOST_USER_REPLY;
    refused(message, "too many descriptors");
}
END_TEST

START_TEST(a_session_needs_all_of_its_operations)
{
    struct vdev_vhost_user_device session;
    struct vdev_vhost_user_device_operations operations = *peer.session.operations;
    struct vdev_memory other = {NULL, 0};
    struct vdev_vhost_user_device_configuration with = {
        .device = &peer.device, .memory = &peer.memory, .operations = &operations};

    operations.drain = NULL;
    ck_assert_said(vdev_vhost_user_device_init(&session, &with));
    with.memory = &other;
    ck_assert_int_eq(vdev_vhost_user_device_init(&session, &with), VDEV_ERROR_INVALID);
    with.memory = &peer.memory;
    operations.close = NULL;
    ck_assert_int_eq(vdev_vhost_user_device_init(&session, &with), VDEV_ERROR_INVALID);
    operations = *peer.session.operations;
    with.device = NULL;
    ck_assert_int_eq(vdev_vhost_user_device_init(&session, &with), VDEV_ERROR_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vhost_user_hostile");
    TCase *tests = tcase_create("hostile");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, without_an_acknowledgement_a_refusal_ends_the_connection);
    tcase_add_test(tests, a_queue_that_there_is_not_is_refused_everywhere);
    tcase_add_test(tests, messages_in_the_wrong_order_are_refused);
    tcase_add_test(tests, what_was_not_negotiated_is_refused);
    tcase_add_test(tests, features_that_cannot_be_are_refused);
    tcase_add_test(tests, a_running_ring_is_not_set_up);
    tcase_add_test(tests, a_ring_of_no_size_or_place_is_refused);
    tcase_add_test(tests, memory_that_cannot_be_is_refused_and_changes_nothing);
    tcase_add_test(tests, there_are_so_many_slots_and_no_more);
    tcase_add_test(tests, notes_of_what_is_in_flight_are_checked);
    tcase_add_test(tests, what_is_no_message_is_refused);
    tcase_add_test(tests, a_session_needs_all_of_its_operations);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
