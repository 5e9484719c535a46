/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The net front-end against our back-end, end to end through virtio-mmio and a bus. Below the
 * back-end is a wire whose other end is itself: what goes out comes back.
 */
#include "support/net_user.h"

#include <vdev/backends/net.h>

#define SLOTS        8
#define PER_SLOT     20
#define ROOM_BUFFERS 80
#define ROOM_CHAINS  40
#define ON_THE_WIRE  8
#define ALL_OFFLOADS 0x1fu

static struct vdev_net_backend backend;
static struct vdev_net_backend_slot slots[SLOTS];
static struct vdev_buffer buffers[SLOTS * PER_SLOT], room_buffers[ROOM_BUFFERS];
static struct vdev_used_chain room_chains[ROOM_CHAINS];
static struct vdev_virtio_mmio_driver mmio_driver;

/* ---- the wire ---- */

static struct {
    struct vdev_net net;
    struct vdev_net_frame *sent[ON_THE_WIRE]; /* oldest first */
    size_t count;
    bool full; /* a submit was refused: owes `writable` */
    bool held; /* nothing moves */
    bool kept; /* the receiver had no room */
    enum vdev_net_receive_mode mode;
    uint8_t bytes[70000];
    unsigned refused; /* by the receiver */
} wire;

static int wire_submit(struct vdev_net *net, struct vdev_net_frame *frame)
{
    int status = vdev_net_check(frame->length, &frame->offload, net->takes, net->mtu);

    if (status != VDEV_OK) {
        return status;
    }
    if (wire.count == ON_THE_WIRE) {
        wire.full = true;
        return VDEV_ERROR_FULL;
    }
    wire.sent[wire.count++] = frame;
    return VDEV_OK;
}

/* The oldest frame arrives, and is then done with. */
static bool wire_poll(struct vdev_net *net)
{
    const struct vdev_net_client *client = &net->client;
    struct vdev_net_arrival arrival = {.length = 0};
    struct vdev_net_room room;

    if (wire.count == 0 || wire.held || wire.kept) {
        return false;
    }
    struct vdev_net_frame *frame = wire.sent[0];
    struct vdev_cursor from = vdev_cursor(frame->buffers, frame->buffer_count);
    arrival.length = (uint32_t)vdev_cursor_read(&from, wire.bytes, sizeof wire.bytes);
    arrival.offload = frame->offload;
    ck_assert_uint_eq(arrival.length, frame->length);
    memcpy(arrival.header, wire.bytes, sizeof arrival.header);
    if ((arrival.offload.needs & ~client->accepts) != 0) {
        wire.refused++;
    } else {
        int status = client->accept(client->owner, &arrival, &room);
        if (status == VDEV_ERROR_FULL) {
            wire.kept = true;
            return false;
        }
        if (status == VDEV_OK) {
            struct vdev_cursor to = vdev_cursor(room.buffers, room.buffer_count);
            ck_assert_uint_eq(vdev_cursor_write(&to, wire.bytes, arrival.length), arrival.length);
            client->delivered(client->owner, VDEV_OK);
        } else {
            wire.refused++;
        }
    }
    memmove(wire.sent, wire.sent + 1, --wire.count * sizeof wire.sent[0]);
    frame->complete(frame, VDEV_OK);
    if (wire.full) {
        wire.full = false;
        client->writable(client->owner);
    }
    return wire.count != 0;
}

static void wire_resume(struct vdev_net *net)
{
    (void)net;
    wire.kept = false;
}

static int wire_set_mode(struct vdev_net *net, enum vdev_net_receive_mode mode)
{
    (void)net;
    wire.mode = mode;
    return VDEV_OK;
}

static void wire_init(uint32_t takes, uint16_t mtu)
{
    static const struct vdev_net_operations operations = {.submit = wire_submit,
                                                          .poll = wire_poll,
                                                          .resume = wire_resume,
                                                          .set_receive_mode = wire_set_mode};
    static const uint8_t address[] = {0x52, 0x54, 0, 1, 2, 3};

    memset(&wire, 0, sizeof wire);
    wire.net =
        (struct vdev_net){.operations = &operations, .mtu = mtu, .takes = takes, .link = true};
    memcpy(wire.net.address, address, 6);
}

/* ---- the pair ---- */

/* Until nothing happens any more: the wire, then the driver, by its interrupt or its own wish. */
static void settle(void)
{
    bool again = false;

    for (unsigned i = 0; i < 10000; i++) {
        bool moved = vdev_net_poll(&wire.net);
        if (machine.level || again) {
            again = vdev_net_poll(&frontend.net);
        } else if (!moved) {
            return;
        }
    }
    ck_abort_msg("no end");
}

static void connect(uint32_t takes, uint16_t mtu, size_t chains)
{
    wire_init(takes, mtu);
    ck_assert_int_eq(vdev_net_backend_init(&backend,
                                           &(struct vdev_net_backend_configuration){
                                               .memory = &machine.map,
                                               .net = &wire.net,
                                               .slots = slots,
                                               .slot_count = SLOTS,
                                               .buffers = buffers,
                                               .buffers_per_slot = PER_SLOT,
                                               .receive_buffers = room_buffers,
                                               .receive_buffer_count = ROOM_BUFFERS,
                                               .receive_chains = room_chains,
                                               .receive_chain_count = chains,
                                               .queue_size = 64,
                                           }),
                     VDEV_OK);
    machine_connect(&machine, &backend.device);
    ck_assert_int_eq(vdev_virtio_mmio_driver_init(&mmio_driver, &machine.io), VDEV_OK);
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_OK);
    user_init();
    settle();
}

static void setup(void)
{
    machine_init(&machine);
    configure(&mmio_driver.driver, 2100);
    configuration.receive_count = QUEUE;
    configuration.receive_memory = machine_allocate(&machine, 2100 * QUEUE, 16);
    connect(ALL_OFFLOADS, 1500, ROOM_CHAINS);
}

static struct vdev_buffer frame_of(size_t length, unsigned number)
{
    struct vdev_buffer data = machine_allocate(&machine, length, 4);

    fill(data.pointer, length, number);
    memcpy(data.pointer, frontend.net.address, 6); /* to ourselves: the filter is on */
    memcpy((uint8_t *)data.pointer + 12, (uint8_t[]){0x08, 0x00}, 2);
    return data;
}

#define ck_assert_quiet()                                                                          \
    do {                                                                                           \
        ck_assert_uint_eq(frontend.restarts.all, 0);                                               \
        ck_assert_uint_eq(frontend.refused, 0);                                                    \
        ck_assert_uint_eq(backend.malformed, 0);                                                   \
        ck_assert_uint_eq(backend.command_errors, 0);                                              \
        ck_assert_uint_eq(backend.device.refused, 0);                                              \
        ck_assert_uint_eq(machine.aborts, 0);                                                      \
    } while (0)

START_TEST(learns_what_the_device_is)
{
    ck_assert_mem_eq(frontend.net.address, wire.net.address, 6);
    ck_assert_uint_eq(frontend.net.mtu, 1500);
    ck_assert_uint_eq(frontend.net.takes, ALL_OFFLOADS);
    ck_assert_uint_eq(frontend.arrivals, ALL_OFFLOADS);
    ck_assert(frontend.net.link);
    connect(VDEV_NET_CHECKSUM, 1400, 1);
    ck_assert_uint_eq(frontend.net.mtu, 1400);
    ck_assert_uint_eq(frontend.net.takes, VDEV_NET_CHECKSUM);
    ck_assert_quiet();
}
END_TEST

static void there_and_back(void)
{
    struct vdev_buffer data = frame_of(1518, 0);
    struct outgoing outgoing;
    unsigned count = 0;

    for (uint32_t length = 14; length <= 1518; length++) {
        fill((uint8_t *)data.pointer + 14, 1504, length);
        data.length = length;
        ck_assert_int_eq(send_frame(&outgoing, data), VDEV_OK);
        settle();
        count++;
        if (outgoing.completed != 1 || outgoing.status != VDEV_OK || user.delivered != count ||
            user.arrival.length != length || memcmp(user.bytes, data.pointer, length) != 0) {
            ck_abort_msg("at %u", length);
        }
    }
    ck_assert_uint_eq(frontend.net.sent.frames, count);
    ck_assert_uint_eq(frontend.net.received.frames, count);
    ck_assert_uint_eq(wire.refused, 0);
    ck_assert_quiet();
}

START_TEST(frames_of_every_size_there_and_back)
{
    there_and_back();
}
END_TEST

START_TEST(the_same_in_merged_buffers)
{
    configuration.receive_size = 100;
    connect(ALL_OFFLOADS, 1500, ROOM_CHAINS);
    there_and_back();
}
END_TEST

START_TEST(the_same_without_merging)
{
    connect(ALL_OFFLOADS, 1500, 1);
    ck_assert_uint_eq(frontend.accepted & 1ull << VIRTIO_NET_F_MRG_RXBUF, 0);
    there_and_back();
}
END_TEST

START_TEST(what_is_left_to_do_passes_through)
{
    static const struct vdev_net_offload offloads[] = {
        {.needs = VDEV_NET_CHECKSUM, .checksum_start = 34, .checksum_offset = 6},
        {VDEV_NET_CHECKSUM | VDEV_NET_TCP4, false, 1448, 34, 16},
        {VDEV_NET_CHECKSUM | VDEV_NET_TCP4 | VDEV_NET_ECN, false, 1448, 34, 16},
        {VDEV_NET_CHECKSUM | VDEV_NET_TCP6, false, 1428, 54, 16},
        {VDEV_NET_CHECKSUM | VDEV_NET_UDP, false, 1200, 34, 6},
    };
    const size_t lengths[] = {100, 1514, 1515, 20000, 65549};
    struct vdev_buffer data = frame_of(65549, 1);
    struct outgoing outgoing;
    unsigned count = 0;

    for (unsigned i = 0; i < sizeof offloads / sizeof offloads[0]; i++) {
        for (unsigned j = 0; j < (i == 0 ? 2 : 5); j++) {
            data.length = lengths[j];
            make(&outgoing, data);
            outgoing.frame.offload = offloads[i];
            ck_assert_int_eq(vdev_net_submit(&frontend.net, &outgoing.frame), VDEV_OK);
            settle();
            ck_assert_ended(&outgoing, VDEV_OK);
            ck_assert_uint_eq(user.delivered, ++count);
            ck_assert_uint_eq(user.arrival.length, lengths[j]);
            ck_assert_uint_eq(user.arrival.offload.needs, offloads[i].needs);
            ck_assert_uint_eq(user.arrival.offload.segment_size, offloads[i].segment_size);
            ck_assert_uint_eq(user.arrival.offload.checksum_start, offloads[i].checksum_start);
            ck_assert_uint_eq(user.arrival.offload.checksum_offset, offloads[i].checksum_offset);
            ck_assert_mem_eq(user.bytes, data.pointer, lengths[j]);
        }
    }
    ck_assert_quiet();
}
END_TEST

START_TEST(only_what_was_negotiated_arrives)
{
    struct vdev_buffer data = frame_of(3000, 1);
    struct outgoing outgoing;

    configuration.accepts = 0;
    connect(ALL_OFFLOADS, 1500, ROOM_CHAINS);
    make(&outgoing, data);
    outgoing.frame.offload =
        (struct vdev_net_offload){VDEV_NET_CHECKSUM | VDEV_NET_TCP4, false, 1448, 34, 16};
    ck_assert_int_eq(vdev_net_submit(&frontend.net, &outgoing.frame), VDEV_OK);
    settle();
    ck_assert_ended(&outgoing, VDEV_OK);
    ck_assert_uint_eq(user.asked, 0);
    ck_assert_uint_eq(wire.refused, 1);
    ck_assert_quiet();
}
END_TEST

START_TEST(more_frames_than_there_is_room_for)
{
    static struct outgoing outgoing[TRANSMISSIONS];
    struct vdev_buffer data = frame_of(1514, 1);
    unsigned sent = 0;

    /* The receiver has no room for long: rings and wire fill up, and all of it comes in the end. */
    user.answer = VDEV_ERROR_FULL;
    for (unsigned i = 0; i < 100; i++) {
        struct outgoing *next = &outgoing[sent % TRANSMISSIONS];
        if (sent < TRANSMISSIONS || next->completed == 1) {
            int status = send_frame(next, data);
            ck_assert(status == VDEV_OK || status == VDEV_ERROR_FULL);
            sent += status == VDEV_OK;
        }
        settle();
    }
    ck_assert_uint_eq(user.delivered, 0);
    ck_assert_uint_gt(sent, QUEUE);
    ck_assert_uint_lt(sent, 100);
    ck_assert(wire.kept);
    user.answer = VDEV_OK;
    vdev_net_resume(&frontend.net);
    while (vdev_net_poll(&frontend.net)) {
    }
    settle();
    ck_assert_uint_eq(user.delivered, sent);
    ck_assert_uint_eq(frontend.net.sent.frames, sent);
    ck_assert_uint_eq(frontend.in_flight, 0);
    ck_assert_quiet();
}
END_TEST

START_TEST(modes_and_filters_reach_the_class)
{
    const uint8_t addresses[][6] = {{0x01, 0, 0x5e, 1, 2, 3}, {2, 0, 0, 0, 0, 9}};
    struct vdev_buffer data = frame_of(60, 1);
    struct outgoing outgoing;

    memcpy(data.pointer, addresses[1], 6);
    ck_assert_int_eq(send_frame(&outgoing, data), VDEV_OK);
    settle();
    ck_assert_uint_eq(user.asked, 0);
    ck_assert_int_eq(vdev_net_frontend_set_filter(&frontend, addresses, 2), VDEV_OK);
    settle();
    for (unsigned i = 0; i < 2; i++) {
        memcpy(data.pointer, addresses[i], 6);
        ck_assert_int_eq(send_frame(&outgoing, data), VDEV_OK);
        settle();
        ck_assert_uint_eq(user.delivered, i + 1);
    }
    memset(data.pointer, 4, 6);
    ck_assert_int_eq(send_frame(&outgoing, data), VDEV_OK);
    settle();
    ck_assert_uint_eq(user.delivered, 2);
    ck_assert_int_eq(vdev_net_set_receive_mode(&frontend.net, VDEV_NET_RECEIVE_ALL), VDEV_OK);
    settle();
    ck_assert_int_eq(wire.mode, VDEV_NET_RECEIVE_ALL);
    ck_assert_int_eq(send_frame(&outgoing, data), VDEV_OK);
    settle();
    ck_assert_uint_eq(user.delivered, 3);
    ck_assert_quiet();
}
END_TEST

START_TEST(a_lost_link_and_an_announcement)
{
    wire.net.link = false;
    wire.net.client.changed(wire.net.client.owner);
    ck_assert(machine.level);
    settle();
    ck_assert(!frontend.net.link);
    ck_assert_uint_eq(user.changed, 1);
    wire.net.link = true;
    wire.net.client.changed(wire.net.client.owner);
    settle();
    ck_assert(frontend.net.link);
    ck_assert_int_eq(vdev_net_backend_announce(&backend), VDEV_OK);
    settle();
    ck_assert_uint_eq(frontend.announcements, 1);
    ck_assert_uint_eq(user.changed, 3);
    /* Acknowledged: the device asks no more. */
    ck_assert_uint_eq(backend.configuration_space[6], VIRTIO_NET_S_LINK_UP);
    ck_assert_quiet();
}
END_TEST

START_TEST(a_device_that_needs_a_reset_gets_it)
{
    struct vdev_buffer data = frame_of(600, 1);
    struct outgoing lost, after;

    wire.held = true;
    ck_assert_int_eq(send_frame(&lost, data), VDEV_OK);
    vdev_virtio_device_fail(&backend.device);
    ck_assert(machine.level);
    vdev_net_poll(&frontend.net);
    ck_assert_ended(&lost, VDEV_ERROR_IO);
    ck_assert_uint_eq(frontend.restarts.wanted, 1);
    wire.held = false;
    settle();
    ck_assert_int_eq(send_frame(&after, data), VDEV_OK);
    unsigned before = user.delivered;
    settle();
    ck_assert_ended(&after, VDEV_OK);
    ck_assert_uint_ge(user.delivered, before + 1);
    ck_assert_uint_eq(lost.completed, 1);
    ck_assert_uint_eq(frontend.restarts.all, 1);
}
END_TEST

START_TEST(a_full_size_frame_costs_few_accesses)
{
    static struct outgoing outgoing[TRANSMISSIONS];
    struct vdev_buffer data = frame_of(1514, 1);
    uint32_t before = 0;
    uint32_t after = 0;

    for (unsigned i = 0; i < VDEV_VIRTIO_MMIO_WINDOW / 4; i++) {
        before += machine.counts[i].reads + machine.counts[i].writes;
    }
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < TRANSMISSIONS; i++) {
            ck_assert_int_eq(send_frame(&outgoing[i], data), VDEV_OK);
        }
        while (vdev_net_poll(&wire.net)) {
        }
        settle();
    }
    for (unsigned i = 0; i < VDEV_VIRTIO_MMIO_WINDOW / 4; i++) {
        after += machine.counts[i].reads + machine.counts[i].writes;
    }
    ck_assert_uint_eq(user.delivered, 20 * TRANSMISSIONS);
    /* For each round a notification, and a look at the interrupt and its acknowledgement. */
    ck_assert_uint_le(after - before, 20 * 4);
    ck_assert_quiet();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_frontend_pair");
    TCase *tests;

    tests = tcase_create("net front-end and back-end");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, learns_what_the_device_is);
    tcase_add_test(tests, frames_of_every_size_there_and_back);
    tcase_add_test(tests, the_same_in_merged_buffers);
    tcase_add_test(tests, the_same_without_merging);
    tcase_add_test(tests, what_is_left_to_do_passes_through);
    tcase_add_test(tests, only_what_was_negotiated_arrives);
    tcase_add_test(tests, more_frames_than_there_is_room_for);
    tcase_add_test(tests, modes_and_filters_reach_the_class);
    tcase_add_test(tests, a_lost_link_and_an_announcement);
    tcase_add_test(tests, a_device_that_needs_a_reset_gets_it);
    tcase_add_test(tests, a_full_size_frame_costs_few_accesses);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
