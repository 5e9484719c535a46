/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's end of vhost-user with a driver's end that keeps to the protocol: what each message
 * does, in the orders that the clients known use. What breaks the rules is in vhost_user_hostile.c.
 */
#include "support/vhost_user_peer.h"

static struct peer peer;
static int kicks[PEER_QUEUES], calls[PEER_QUEUES], errors[PEER_QUEUES];

#define ALL                                                                                        \
    (1ull << VDEV_VHOST_USER_PROTOCOL_F_MQ | 1ull << VDEV_VHOST_USER_PROTOCOL_F_REPLY_ACK |        \
     1ull << VDEV_VHOST_USER_PROTOCOL_F_BACKEND_REQ | 1ull << VDEV_VHOST_USER_PROTOCOL_F_CONFIG |  \
     1ull << VDEV_VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD |                                           \
     1ull << VDEV_VHOST_USER_PROTOCOL_F_RESET_DEVICE |                                             \
     1ull << VDEV_VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS)
#define WITH_STATUS (ALL | 1ull << VDEV_VHOST_USER_PROTOCOL_F_STATUS)

#define ck_assert_said(expression) ck_assert_int_eq((expression), VDEV_OK)

static void setup(void)
{
    peer_init(&peer, 0);
}

static void teardown(void)
{
    peer_finish(&peer);
}

/* The beginning of a connection, up to the memory. */
static void negotiate(uint64_t protocol)
{
    struct vdev_vhost_user_message message = peer_message(VDEV_VHOST_USER_SET_OWNER, 0);

    ck_assert_said(peer_say(&peer, &message));
    ck_assert_uint_eq(peer_ask(&peer, VDEV_VHOST_USER_GET_FEATURES),
                      1ull << 32 | 1u << 5 | 1u << 28 | 1u << 29 | PEER_FLAG_30);
    ck_assert_uint_eq(peer_ask(&peer, VDEV_VHOST_USER_GET_PROTOCOL_FEATURES), WITH_STATUS);
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_PROTOCOL_FEATURES, protocol));
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_FEATURES, PEER_FEATURES | PEER_FLAG_30));
    message = peer_table(&peer, 1);
    ck_assert_said(peer_say(&peer, &message));
    ck_assert_uint_eq(peer.mapped, 1);
}

static void set_up_ring(uint32_t index, uint16_t base)
{
    ck_assert_said(peer_state(&peer, VDEV_VHOST_USER_SET_VRING_NUM, index, PEER_QUEUE_SIZE));
    ck_assert_said(peer_state(&peer, VDEV_VHOST_USER_SET_VRING_BASE, index, base));
    ck_assert_said(peer_address(&peer, index, peer_ring(index)));
    ck_assert_said(peer_event(&peer, VDEV_VHOST_USER_SET_VRING_CALL, index, &calls[index]));
    ck_assert_said(peer_event(&peer, VDEV_VHOST_USER_SET_VRING_ERR, index, &errors[index]));
    ck_assert_said(peer_event(&peer, VDEV_VHOST_USER_SET_VRING_KICK, index, &kicks[index]));
}

static void enable(uint32_t index, bool enabled)
{
    ck_assert_said(peer_state(&peer, VDEV_VHOST_USER_SET_VRING_ENABLE, index, enabled));
}

static void run_ring(uint32_t index)
{
    set_up_ring(index, 0);
    enable(index, true);
}

static uint16_t stop_ring(uint32_t index)
{
    ck_assert_said(peer_state(&peer, VDEV_VHOST_USER_GET_VRING_BASE, index, 0));
    ck_assert_ptr_null(vdev_vhost_user_check_reply(&peer.reply, VDEV_VHOST_USER_GET_VRING_BASE));
    ck_assert_uint_eq(peer.reply.payload.state.index, index);
    return (uint16_t)peer.reply.payload.state.number;
}

static int acknowledged(struct vdev_vhost_user_message *message)
{
    unsigned replies = peer.replies;

    message->flags |= VDEV_VHOST_USER_NEED_REPLY;
    ck_assert_said(peer_say(&peer, message));
    ck_assert_uint_eq(peer.replies, replies + 1);
    ck_assert_uint_eq(peer.reply.flags, 5);
    ck_assert_ptr_null(vdev_vhost_user_check_reply(&peer.reply, message->request));
    return (int)peer.reply.payload.u64;
}

START_TEST(a_ring_serves_once_it_is_started_and_enabled)
{
    negotiate(ALL);
    peer_request(&peer, 0);
    set_up_ring(0, 0);
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 0);
    ck_assert(!vdev_virtio_device_running(&peer.device));
    enable(0, true);
    ck_assert(vdev_virtio_device_running(&peer.device));
    ck_assert_uint_eq(peer.device.status, 0xf);
    ck_assert(!vdev_virtio_device_has(&peer.device, 30));
    ck_assert(vdev_virtio_device_has(&peer.device, 5));
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 1);
    ck_assert_uint_eq(*(uint8_t *)peer_at(&peer, PEER_DATA), 0x5a);
    ck_assert_uint_eq(peer.descriptors[calls[0]].written, 1);
    ck_assert_int_eq(peer.watched[0], kicks[0]);
    peer_request(&peer, 0);
    vdev_vhost_user_device_kicked(&peer.session, 0);
    vdev_vhost_user_device_kicked(&peer.session, 1);
    vdev_vhost_user_device_kicked(&peer.session, 999);
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 2);
    ck_assert_uint_eq(peer.session.kicks[0], 1);
    ck_assert_uint_eq(peer.session.interrupts[0], 2);
    ck_assert_uint_eq(peer.notified[1], 0);
    /* One that comes later is served from when it comes. */
    peer_request(&peer, 2);
    run_ring(2);
    ck_assert_uint_eq(peer_used(&peer, 2)->idx, 1);
    ck_assert_uint_eq(peer.refusals, 0);
}
END_TEST

/* As QEMU's network does. */
START_TEST(a_ring_may_be_enabled_before_the_features_are_set)
{
    enable(0, true);
    negotiate(ALL);
    peer_request(&peer, 0);
    set_up_ring(0, 0);
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 1);
    ck_assert_uint_eq(peer.refusals, 0);
}
END_TEST

START_TEST(without_protocol_features_a_ring_is_enabled_at_once)
{
    struct vdev_vhost_user_message message = peer_table(&peer, 2);

    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_FEATURES, PEER_FEATURES));
    ck_assert_said(peer_say(&peer, &message));
    peer_request(&peer, 1);
    set_up_ring(1, 0);
    ck_assert_uint_eq(peer_used(&peer, 1)->idx, 1);
    /* An interrupt that came before its descriptor is not lost. */
    peer_request(&peer, 2);
    ck_assert_said(peer_state(&peer, VDEV_VHOST_USER_SET_VRING_NUM, 2, PEER_QUEUE_SIZE));
    ck_assert_said(peer_address(&peer, 2, peer_ring(2)));
    ck_assert_said(peer_event(&peer, VDEV_VHOST_USER_SET_VRING_KICK, 2, &kicks[2]));
    ck_assert_uint_eq(peer_used(&peer, 2)->idx, 1);
    ck_assert_uint_eq(peer.session.interrupts[2], 0);
    ck_assert_said(peer_event(&peer, VDEV_VHOST_USER_SET_VRING_CALL, 2, &calls[2]));
    ck_assert_uint_eq(peer.descriptors[calls[2]].written, 1);
    ck_assert_said(peer_event(&peer, VDEV_VHOST_USER_SET_VRING_CALL, 2, &calls[2]));
    ck_assert_uint_eq(peer.descriptors[calls[2]].written, 0);
}
END_TEST

START_TEST(a_ring_stops_with_all_that_was_in_flight_and_goes_on_there)
{
    negotiate(ALL);
    peer.keep = true;
    run_ring(0);
    peer_request(&peer, 0);
    peer_request(&peer, 0);
    vdev_vhost_user_device_kicked(&peer.session, 0);
    ck_assert_uint_eq(peer.kept_count, 2);
    peer_request(&peer, 0); /* not seen by the device any more */
    ck_assert_uint_eq(stop_ring(0), 2);
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 2);
    ck_assert_uint_eq(peer.descriptors[calls[0]].written, 1);
    ck_assert_int_eq(peer.watched[0], -1);
    vdev_vhost_user_device_kicked(&peer.session, 0);
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 2);
    ck_assert_uint_eq(stop_ring(0), 2); /* asked again */
    peer.keep = false;
    set_up_ring(0, 2);
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 3);
    ck_assert_uint_eq(stop_ring(0), 3);
}
END_TEST

START_TEST(a_disabled_ring_rests_and_may_be_set_up_anew)
{
    negotiate(ALL);
    run_ring(0);
    peer_request(&peer, 0);
    enable(0, false);
    vdev_vhost_user_device_kicked(&peer.session, 0);
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 0);
    enable(0, true);
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 1);
    /* user-mode Linux takes a driver away by this alone, and begins the next at 0. */
    enable(0, false);
    memset(peer_at(&peer, 0), 0, 0x4000);
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_FEATURES, PEER_FEATURES | PEER_FLAG_30));
    set_up_ring(0, 0);
    peer_request(&peer, 0);
    enable(0, true);
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 1);
    ck_assert_uint_eq(peer.refusals, 0);
}
END_TEST

START_TEST(status_is_the_drivers_if_it_is_negotiated)
{
    negotiate(WITH_STATUS);
    ck_assert_uint_eq(peer_ask(&peer, VDEV_VHOST_USER_GET_STATUS), 0);
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_STATUS, 1));
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_STATUS, 3));
    peer_request(&peer, 0);
    run_ring(0); /* which waits for the features */
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_STATUS, 0xb));
    ck_assert_uint_eq(peer_ask(&peer, VDEV_VHOST_USER_GET_STATUS), 0xb);
    ck_assert(vdev_virtio_device_queue_ready(&peer.device, 0));
    vdev_vhost_user_device_kicked(&peer.session, 0);
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 0);
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_STATUS, 0xf));
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 1);
    /* A reset stops the rings; where they were is asked for afterwards by QEMU before 8.0. */
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_STATUS, 0));
    ck_assert_uint_eq(peer_ask(&peer, VDEV_VHOST_USER_GET_STATUS), 0);
    ck_assert_int_eq(peer.watched[0], -1);
    ck_assert_uint_eq(stop_ring(0), 1);
    ck_assert_uint_eq(peer.refusals, 0);
}
END_TEST

START_TEST(status_may_come_as_qemu_says_it)
{
    negotiate(WITH_STATUS);
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_STATUS, 8));
    ck_assert_uint_eq(peer_ask(&peer, VDEV_VHOST_USER_GET_STATUS), 0xb);
    peer_request(&peer, 0);
    run_ring(0);
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_STATUS, 0xf));
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 1);
    /* Said once more for each pair of queues. */
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_FEATURES, PEER_FEATURES | PEER_FLAG_30));
    ck_assert_uint_eq(peer_ask(&peer, VDEV_VHOST_USER_GET_STATUS), 0xf);
}
END_TEST

START_TEST(memory_changes_under_running_rings_without_a_loss)
{
    struct vdev_vhost_user_message message = peer_message(VDEV_VHOST_USER_ADD_MEM_REG, 40);

    negotiate(ALL);
    ck_assert_uint_eq(peer_ask(&peer, VDEV_VHOST_USER_GET_MAX_MEM_SLOTS), 32);
    peer.keep = true;
    run_ring(0);
    run_ring(1);
    peer_request(&peer, 0);
    vdev_vhost_user_device_kicked(&peer.session, 0);
    peer_request(&peer, 0);
    /* Below what there is, so that the map is sorted anew. */
    struct peer_file *file = peer_file_new(4096);
    message.payload.region.region = (struct vdev_vhost_user_region){0x1000, 4096, 0x5000, 0};
    peer_attach(&message, peer_open(&peer, file));
    ck_assert_int_eq(acknowledged(&message), 0);
    ck_assert_uint_eq(peer.mapped, 2);
    ck_assert_uint_eq(peer.memory.count, 2);
    ck_assert_uint_eq(peer.memory.regions[0].guest_address, 0x1000);
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 1); /* drained, */
    ck_assert_uint_eq(peer.kept_count, 1);          /* and gone on with */
    ck_assert_uint_eq(peer.descriptors[errors[0]].written, 0);
    /* Taken away: unmapped at once. */
    message.request = VDEV_VHOST_USER_REM_MEM_REG;
    message.payload.region.region.offset = 77;
    message.descriptor_count = 0;
    message.flags = 1;
    peer_attach(&message, peer_open(&peer, NULL)); /* closed, and not looked at */
    unsigned open = peer.open;
    ck_assert_int_eq(acknowledged(&message), 0);
    ck_assert_uint_eq(peer.open, open - 1);
    ck_assert_uint_eq(peer.mapped, 1);
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 2);
    message = peer_table(&peer, 4);
    ck_assert_int_eq(acknowledged(&message), 0);
    ck_assert_uint_eq(peer.mapped, 4);
    ck_assert_int_eq(peer.watched[0], kicks[0]);
    ck_assert_int_eq(peer.watched[1], kicks[1]);
    /* A ring whose memory goes is over, and says so; the others go on. */
    message = peer_table(&peer, 1);
    message.payload.memory.regions[0].guest_address += PEER_RING_STRIDE;
    message.payload.memory.regions[0].user_address += PEER_RING_STRIDE;
    message.payload.memory.regions[0].offset += PEER_RING_STRIDE;
    message.payload.memory.regions[0].length -= PEER_RING_STRIDE;
    ck_assert_int_eq(acknowledged(&message), 0);
    ck_assert_uint_eq(peer.mapped, 1);
    ck_assert_int_eq(peer.watched[0], -1);
    ck_assert_uint_eq(peer.descriptors[errors[0]].written, 1);
    ck_assert_int_eq(peer.watched[1], kicks[1]);
    ck_assert_uint_eq(peer.descriptors[errors[1]].written, 0);
    peer_request(&peer, 1);
    vdev_vhost_user_device_kicked(&peer.session, 1);
    peer_complete(&peer);
    ck_assert_uint_eq(peer_used(&peer, 1)->idx, 1);
    ck_assert_uint_eq(peer.refusals, 0);
}
END_TEST

static void ask_configuration(uint32_t offset, uint32_t length)
{
    struct vdev_vhost_user_message message = peer_message(
        VDEV_VHOST_USER_GET_CONFIG, (uint32_t)vdev_vhost_user_configuration_size(length));

    message.payload.configuration.offset = offset;
    message.payload.configuration.length = length;
    ck_assert_said(peer_say(&peer, &message));
    ck_assert_ptr_null(vdev_vhost_user_check_reply(&peer.reply, VDEV_VHOST_USER_GET_CONFIG));
    ck_assert_uint_eq(peer.reply.size, message.size);
    ck_assert_uint_eq(peer.reply.payload.configuration.offset, offset);
}

START_TEST(the_configuration_space_is_read_and_written)
{
    struct vdev_vhost_user_message message = peer_message(VDEV_VHOST_USER_SET_CONFIG, 12 + 4);

    negotiate(ALL);
    ask_configuration(4, 8);
    ck_assert_mem_eq(peer.reply.payload.configuration.bytes, peer.space + 4, 8);
    /* More than there is reads as zeros: QEMU asks for all that it knows. */
    ask_configuration(0, 60);
    ck_assert_mem_eq(peer.reply.payload.configuration.bytes, peer.space, 12);
    for (unsigned i = 12; i < 60; i++) {
        ck_assert_uint_eq(peer.reply.payload.configuration.bytes[i], 0);
    }
    message.payload.configuration.offset = 8;
    message.payload.configuration.length = 4;
    memcpy(message.payload.configuration.bytes, "\x78\x56\x34\x12", 4);
    ck_assert_int_eq(acknowledged(&message), 0);
    ck_assert_uint_eq(peer.written_value, 0x12345678);
}
END_TEST

START_TEST(changes_of_the_configuration_are_told_on_the_channel)
{
    struct vdev_vhost_user_message message = peer_message(VDEV_VHOST_USER_SET_BACKEND_REQ_FD, 0);

    negotiate(ALL);
    run_ring(0);
    vdev_virtio_device_configuration_changed(&peer.device);
    ck_assert_uint_eq(peer.own_messages, 0);
    peer_attach(&message, peer_open(&peer, NULL));
    ck_assert_int_eq(acknowledged(&message), 0);
    vdev_virtio_device_configuration_changed(&peer.device);
    ck_assert_uint_eq(peer.own_messages, 1);
    /* Another one replaces it; one that is not read any more is given up. */
    message.descriptor_count = 0;
    peer_attach(&message, peer_open(&peer, NULL));
    unsigned open = peer.open;
    ck_assert_int_eq(acknowledged(&message), 0);
    ck_assert_uint_eq(peer.open, open - 1);
    peer.fail_sends = true;
    vdev_virtio_device_configuration_changed(&peer.device);
    ck_assert_uint_eq(peer.open, open - 2);
    vdev_virtio_device_configuration_changed(&peer.device);
    ck_assert_uint_eq(peer.own_messages, 2);
}
END_TEST

START_TEST(a_device_that_fails_says_so_and_begins_anew)
{
    negotiate(WITH_STATUS);
    run_ring(0);
    run_ring(1);
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_STATUS, 0xf));
    peer_available(&peer, 0)->idx = PEER_QUEUE_SIZE + 1;
    vdev_vhost_user_device_kicked(&peer.session, 0);
    ck_assert_uint_eq(peer_ask(&peer, VDEV_VHOST_USER_GET_STATUS), 0x4f);
    ck_assert_uint_eq(peer.descriptors[errors[0]].written, 1);
    ck_assert_uint_eq(peer.descriptors[errors[1]].written, 1);
    peer_request(&peer, 1);
    vdev_vhost_user_device_kicked(&peer.session, 1);
    ck_assert_uint_eq(peer_used(&peer, 1)->idx, 0);
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_STATUS, 0));
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_STATUS, 0xb));
    peer_available(&peer, 0)->idx = 0;
    set_up_ring(0, 0);
    peer_request(&peer, 0);
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_STATUS, 0xf));
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 1);
}
END_TEST

static struct vdev_vhost_user_message inflight(uint32_t request)
{
    struct vdev_vhost_user_message message = peer_message(request, 24);

    message.payload.inflight.queue_count = PEER_QUEUES;
    message.payload.inflight.queue_size = PEER_QUEUE_SIZE;
    return message;
}

START_TEST(what_is_in_flight_survives_the_process)
{
    struct vdev_vhost_user_message message = inflight(VDEV_VHOST_USER_GET_INFLIGHT_FD);
    struct peer_file *notes = peer_file_new(PEER_QUEUES * 4096);
    uint64_t length = PEER_QUEUES * vdev_device_queue_inflight_bytes(PEER_QUEUE_SIZE);

    notes->references++;
    negotiate(ALL);
    unsigned open = peer.open;
    ck_assert_said(peer_say(&peer, &message));
    ck_assert_ptr_null(vdev_vhost_user_check_reply(&peer.reply, VDEV_VHOST_USER_GET_INFLIGHT_FD));
    ck_assert_uint_eq(peer.reply.payload.inflight.length, length);
    ck_assert_uint_eq(peer.reply.payload.inflight.queue_count, PEER_QUEUES);
    ck_assert_uint_eq(peer.reply.size, 24);
    ck_assert_uint_eq(peer.open, open); /* sent, and closed here */
    ck_assert_uint_eq(peer.mapped, 2);
    message = inflight(VDEV_VHOST_USER_SET_INFLIGHT_FD);
    message.payload.inflight.length = length;
    message.payload.inflight.offset = 4096;
    peer_attach(&message, peer_open(&peer, notes));
    ck_assert_int_eq(acknowledged(&message), 0);
    ck_assert_uint_eq(peer.mapped, 2);
    peer.keep = true;
    run_ring(1);
    peer_request(&peer, 1);
    peer_request(&peer, 1);
    vdev_vhost_user_device_kicked(&peer.session, 1);
    ck_assert_uint_eq(peer.kept_count, 2);
    /* It is killed: nothing comes back. What another process finds is what the memory says. */
    peer.kept_count = 0;
    peer_disconnect(&peer);
    ck_assert_uint_eq(peer_used(&peer, 1)->idx, 0);
    peer.keep = false;
    negotiate(ALL);
    message = inflight(VDEV_VHOST_USER_SET_INFLIGHT_FD);
    message.payload.inflight.length = length;
    message.payload.inflight.offset = 4096;
    peer_attach(&message, peer_open(&peer, notes));
    ck_assert_said(peer_say(&peer, &message));
    peer_request(&peer, 1);
    set_up_ring(1, 0);
    enable(1, true);
    ck_assert_uint_eq(peer_used(&peer, 1)->idx, 3);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(peer_used(&peer, 1)->ring[i].id, i);
    }
    ck_assert_uint_eq(stop_ring(1), 3);
    peer_disconnect(&peer);
    peer_file_release(notes);
}
END_TEST

START_TEST(a_reset_device_begins_where_a_new_connection_does)
{
    struct vdev_vhost_user_message message = peer_message(VDEV_VHOST_USER_RESET_DEVICE, 0);

    negotiate(ALL);
    run_ring(0);
    ck_assert_int_eq(acknowledged(&message), 0);
    ck_assert_uint_eq(peer.device.status, 0);
    ck_assert_int_eq(peer.watched[0], -1);
    ck_assert_uint_eq(peer.mapped, 1);
    message = peer_message(VDEV_VHOST_USER_SET_OWNER, 0);
    ck_assert_int_eq(acknowledged(&message), 0);
    ck_assert_said(peer_number(&peer, VDEV_VHOST_USER_SET_FEATURES, PEER_FEATURES | PEER_FLAG_30));
    peer_request(&peer, 0);
    run_ring(0);
    ck_assert_uint_eq(peer_used(&peer, 0)->idx, 1);
}
END_TEST

START_TEST(one_connection_after_another_finds_the_device_as_new)
{
    for (unsigned i = 0; i < 3; i++) {
        negotiate(i == 1 ? WITH_STATUS : ALL);
        memset(peer_at(&peer, 0), 0, PEER_DATA);
        peer.keep = true;
        run_ring(0);
        ck_assert_said(i == 1 ? peer_number(&peer, VDEV_VHOST_USER_SET_STATUS, 0xf) : VDEV_OK);
        peer_request(&peer, 0);
        vdev_vhost_user_device_kicked(&peer.session, 0);
        ck_assert_uint_eq(peer.kept_count, 1);
        /* Gone in the middle of it: what was in flight has come back to the ring first. */
        peer_disconnect(&peer);
        ck_assert_uint_eq(peer_used(&peer, 0)->idx, 1);
    }
    ck_assert_uint_eq(peer.session.kicks[0], 3);
}
END_TEST

START_TEST(features_can_be_withheld)
{
    peer_finish(&peer);
    peer_init(&peer, 1ull << VDEV_VHOST_USER_PROTOCOL_F_STATUS);
    ck_assert_uint_eq(peer_ask(&peer, VDEV_VHOST_USER_GET_PROTOCOL_FEATURES), ALL);
    ck_assert_uint_eq(peer_ask(&peer, VDEV_VHOST_USER_GET_QUEUE_NUM), PEER_QUEUES);
    peer.device.id = VDEV_VIRTIO_ID_NET;
    ck_assert_uint_eq(peer_ask(&peer, VDEV_VHOST_USER_GET_QUEUE_NUM), PEER_QUEUES / 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vhost_user_device");
    TCase *tests = tcase_create("session");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_ring_serves_once_it_is_started_and_enabled);
    tcase_add_test(tests, a_ring_may_be_enabled_before_the_features_are_set);
    tcase_add_test(tests, without_protocol_features_a_ring_is_enabled_at_once);
    tcase_add_test(tests, a_ring_stops_with_all_that_was_in_flight_and_goes_on_there);
    tcase_add_test(tests, a_disabled_ring_rests_and_may_be_set_up_anew);
    tcase_add_test(tests, status_is_the_drivers_if_it_is_negotiated);
    tcase_add_test(tests, status_may_come_as_qemu_says_it);
    tcase_add_test(tests, memory_changes_under_running_rings_without_a_loss);
    tcase_add_test(tests, the_configuration_space_is_read_and_written);
    tcase_add_test(tests, changes_of_the_configuration_are_told_on_the_channel);
    tcase_add_test(tests, a_device_that_fails_says_so_and_begins_anew);
    tcase_add_test(tests, what_is_in_flight_survives_the_process);
    tcase_add_test(tests, a_reset_device_begins_where_a_new_connection_does);
    tcase_add_test(tests, one_connection_after_another_finds_the_device_as_new);
    tcase_add_test(tests, features_can_be_withheld);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
