/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our front-ends by vhost-user on our back-ends: with all that the protocol has and with less of
 * it; and with a device that dies with requests in flight, and comes back.
 */
#include "support/console_pipe.h"
#include "support/ram_disk.h"
#include "support/vhost_user_pair.h"

#include <vdev/backends/block.h>
#include <vdev/backends/console.h>
#include <vdev/backends/net.h>
#include <vdev/frontends/layout.h>

#define REQUESTS 8u
#define PIECES   6u
#define BYTES    2048u
#define SLOTS    8u

static uint64_t own[4096];
static struct vdev_frontend_memory memory;

static void setup(void)
{
    pair_init();
    memory = (struct vdev_frontend_memory){.shared = pair_memory(), .own = {own, sizeof own, 0}};
}

/* ---- block ---- */

static struct ram_disk disk;
static struct vdev_block_backend backend;
static struct vdev_block_backend_slot slots[SLOTS];
static struct vdev_buffer buffers[SLOTS * 8];
static struct vdev_block_frontend frontend;
static struct asked {
    struct vdev_block_request request;
    struct vdev_buffer buffer;
    unsigned completed;
    int status;
} asked[REQUESTS];

static void new_disk(uint64_t without)
{
    memset(&backend, 0, sizeof backend);
    disk.first = NULL;
    disk.queued = 0;
    ck_assert_int_eq(vdev_block_backend_init(&backend,
                                             &(struct vdev_block_backend_configuration){
                                                 .memory = &pair.map,
                                                 .block = &disk.block,
                                                 .slots = slots,
                                                 .slot_count = SLOTS,
                                                 .buffers = buffers,
                                                 .buffers_per_slot = 8,
                                                 .queue_size = PAIR_SIZE,
                                             }),
                     VDEV_OK);
    pair_new_session(&backend.device, without);
}

static void start_block(uint64_t without)
{
    struct vdev_block_frontend_configuration configuration = {
        .transport = &pair.driver.driver,
        .clock = &pair.clock.clock,
        .queue_size = PAIR_SIZE / 2,
        .request_count = REQUESTS,
        .piece_count = PIECES,
    };

    ram_disk_init(&disk);
    new_disk(0);
    ck_assert_int_eq(pair_connect(VDEV_VIRTIO_ID_BLOCK, 1, without), VDEV_OK);
    configuration.queue.indirect_count = PIECES;
    ck_assert_int_eq(vdev_block_frontend_lay_out(&configuration, &memory), VDEV_OK);
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
    for (unsigned i = 0; i < REQUESTS; i++) {
        asked[i].buffer = vdev_frontend_take(&memory.shared, BYTES);
        ck_assert_ptr_nonnull(asked[i].buffer.pointer);
    }
}

static void complete(struct vdev_block_request *request, int status)
{
    struct asked *done = request->owner;

    done->completed++;
    done->status = status;
}

static void ask(unsigned i, enum vdev_block_operation operation, uint64_t sector)
{
    asked[i].completed = 0;
    asked[i].request = (struct vdev_block_request){
        .operation = operation,
        .sector = sector,
        .buffers = &asked[i].buffer,
        .buffer_count = operation != VDEV_BLOCK_FLUSH,
        .complete = complete,
        .owner = &asked[i],
    };
    ck_assert_int_eq(vdev_block_submit(&frontend.block, &asked[i].request), VDEV_OK);
}

static void settle(void)
{
    for (unsigned i = 0; i < 1000; i++) {
        bool more = vdev_block_poll(&disk.block);
        if (pair.called || pair.driver.look) {
            vdev_block_poll(&frontend.block);
        } else if (!more) {
            return;
        }
    }
    ck_abort_msg("no end");
}

static void write_and_read(void)
{
    for (unsigned i = 0; i < REQUESTS; i++) {
        memset(asked[i].buffer.pointer, (int)(0x40 + i), BYTES);
        ask(i, VDEV_BLOCK_WRITE, i * 4);
    }
    settle();
    ask(0, VDEV_BLOCK_READ, 4);
    ask(1, VDEV_BLOCK_FLUSH, 0);
    settle();
    for (unsigned i = 0; i < REQUESTS; i++) {
        ck_assert_uint_eq(asked[i].completed, 1);
        ck_assert_int_eq(asked[i].status, VDEV_OK);
        ck_assert_uint_eq(disk.bytes[i * BYTES + BYTES - 1], 0x40 + i);
    }
    ck_assert_mem_eq(asked[0].buffer.pointer, disk.bytes + BYTES, BYTES);
}

static void stop_block(void)
{
    ck_assert_int_eq(vdev_block_frontend_stop(&frontend), VDEV_OK);
    ck_assert_uint_eq(frontend.restarts, 0);
    ck_assert_uint_eq(pair.refused, 0);
    pair_finish();
}

START_TEST(a_disk_with_all_of_the_protocol)
{
    start_block(0);
    static const unsigned features[] = {
        VDEV_VHOST_USER_PROTOCOL_F_MQ,           VDEV_VHOST_USER_PROTOCOL_F_REPLY_ACK,
        VDEV_VHOST_USER_PROTOCOL_F_CONFIG,       VDEV_VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD,
        VDEV_VHOST_USER_PROTOCOL_F_RESET_DEVICE, VDEV_VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS,
        VDEV_VHOST_USER_PROTOCOL_F_STATUS,
    };
    for (unsigned i = 0; i < sizeof features / sizeof features[0]; i++) {
        ck_assert(vdev_vhost_user_driver_has(&pair.driver, features[i]));
    }
    ck_assert_uint_eq(frontend.block.information.sectors, RAM_DISK_SECTORS);
    ck_assert_str_eq(frontend.block.information.identifier, "RAM-0001");
    write_and_read();
    stop_block();
}
END_TEST

START_TEST(a_disk_with_less_of_it)
{
    /* Each feature left out, and all of them but the one without which there is no capacity. */
    for (unsigned bit = 0; bit <= 17; bit++) {
        if (bit == VDEV_VHOST_USER_PROTOCOL_F_CONFIG) {
            continue;
        }
        if (bit != 0) {
            setup();
        }
        start_block(bit < 17 ? 1ull << bit : ~(1ull << VDEV_VHOST_USER_PROTOCOL_F_CONFIG));
        write_and_read();
        stop_block();
    }
}
END_TEST

START_TEST(a_disk_that_is_started_again)
{
    start_block(0);
    write_and_read();
    for (unsigned i = 0; i < 3; i++) {
        struct vdev_block_frontend_configuration configuration = frontend.configuration;
        ck_assert_int_eq(vdev_block_frontend_stop(&frontend), VDEV_OK);
        ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
        write_and_read();
    }
    stop_block();
}
END_TEST

START_TEST(a_disk_that_dies_with_requests_in_flight)
{
    uint32_t seed = 1;
    unsigned again = 0;

    start_block(0);
    for (unsigned death = 0; death < 100; death++) {
        seed = seed * 1664525u + 1013904223u;
        disk.held = false;
        disk.per_poll = 1;
        for (unsigned i = 0; i < REQUESTS; i++) {
            memset(asked[i].buffer.pointer, (int)(death + i), BYTES);
            ask(i, VDEV_BLOCK_WRITE, i * 4);
        }
        /* So many done, of which the front-end knows or does not; then its process dies. */
        unsigned done = seed >> 16 & 7;
        for (unsigned i = 0; i < done; i++) {
            vdev_block_poll(&disk.block);
            if ((seed >> (20 + i) & 1) != 0) {
                vdev_block_poll(&frontend.block);
            }
        }
        again += disk.queued;
        unsigned writes = disk.writes;
        new_disk(0);
        ck_assert_int_eq(vdev_vhost_user_driver_reconnect(&pair.driver), VDEV_OK);
        settle();
        for (unsigned i = 0; i < REQUESTS; i++) {
            ck_assert_uint_eq(asked[i].completed, 1);
            ck_assert_int_eq(asked[i].status, VDEV_OK);
            ck_assert_uint_eq(disk.bytes[i * BYTES], (uint8_t)(death + i));
        }
        ck_assert_uint_eq(disk.writes - writes, REQUESTS - done);
    }
    ck_assert_uint_gt(again, 200);
    ck_assert_uint_eq(frontend.malformed, 0);
    stop_block();
}
END_TEST

START_TEST(a_disk_that_comes_back_with_less)
{
    start_block(0);
    ask(0, VDEV_BLOCK_READ, 0);
    /* Nothing is said between the ends now: nobody hears that the device is gone. */
    new_disk(1ull << VDEV_VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS |
             1ull << VDEV_VHOST_USER_PROTOCOL_F_STATUS |
             1ull << VDEV_VHOST_USER_PROTOCOL_F_REPLY_ACK);
    ck_assert_int_eq(vdev_vhost_user_driver_reconnect(&pair.driver), VDEV_OK);
    settle();
    ck_assert_uint_eq(asked[0].completed, 1);
    write_and_read();
    stop_block();
}
END_TEST

/* ---- console ---- */

START_TEST(a_console)
{
    static struct vdev_console_frontend console_frontend;
    static struct vdev_console_backend console_backend;
    static struct console_pipe pipe;
    static struct vdev_buffer pieces[8];
    struct vdev_console_frontend_configuration configuration = {
        .transport = &pair.driver.driver,
        .clock = &pair.clock.clock,
        .queue_size = 16,
        .receive_count = 4,
        .transmit_count = 4,
        .buffer_size = 16,
    };
    uint8_t heard[32];

    console_pipe_init(&pipe);
    pipe.loopback = true;
    ck_assert_int_eq(vdev_console_backend_init(&console_backend,
                                               &(struct vdev_console_backend_configuration){
                                                   .memory = &pair.map,
                                                   .console = &pipe.console,
                                                   .buffers = pieces,
                                                   .buffer_count = 8,
                                                   .queue_size = PAIR_SIZE,
                                               }),
                     VDEV_OK);
    pair_new_session(&console_backend.device, 0);
    ck_assert_int_eq(pair_connect(VDEV_VIRTIO_ID_CONSOLE, 2, 0), VDEV_OK);
    ck_assert_int_eq(vdev_console_frontend_lay_out(&configuration, &memory), VDEV_OK);
    ck_assert_int_eq(vdev_console_frontend_init(&console_frontend, &configuration), VDEV_OK);
    ck_assert_uint_eq(console_frontend.console.columns, 80);
    for (unsigned round = 0; round < 50; round++) {
        const uint8_t line[20] = "there and back again";
        ck_assert_uint_eq(vdev_console_write(&console_frontend.console, line, 20), 20);
        unsigned length = 0;
        for (unsigned i = 0; i < 10 && length < 20; i++) {
            vdev_console_poll(&pipe.console);
            vdev_console_poll(&console_frontend.console);
            length += (unsigned)vdev_console_read(&console_frontend.console, heard + length,
                                                  sizeof heard - length);
        }
        ck_assert_uint_eq(length, 20);
        ck_assert_mem_eq(heard, line, 20);
    }
    ck_assert_int_eq(vdev_console_frontend_stop(&console_frontend), VDEV_OK);
    pair_finish();
}
END_TEST

/* ---- net: what is sent comes back ---- */

static struct vdev_net wire;
static struct vdev_net_frame *on_the_wire;
static uint8_t heard_frame[2048];
static struct vdev_buffer heard_room = {heard_frame, sizeof heard_frame, VDEV_NO_BUS_ADDRESS};
static unsigned sent, delivered;

static int wire_submit(struct vdev_net *net, struct vdev_net_frame *frame)
{
    (void)net;
    if (on_the_wire != NULL) {
        return VDEV_ERROR_FULL;
    }
    on_the_wire = frame;
    return VDEV_OK;
}

static bool wire_poll(struct vdev_net *net)
{
    static uint8_t bytes[2048];
    struct vdev_net_arrival arrival = {.length = 0};
    struct vdev_net_room room;
    struct vdev_net_frame *frame = on_the_wire;

    if (frame == NULL) {
        return false;
    }
    struct vdev_cursor from = vdev_cursor(frame->buffers, frame->buffer_count);
    arrival.length = (uint32_t)vdev_cursor_read(&from, bytes, sizeof bytes);
    memcpy(arrival.header, bytes, sizeof arrival.header);
    if (net->client.accept(net->client.owner, &arrival, &room) == VDEV_OK) {
        struct vdev_cursor to = vdev_cursor(room.buffers, room.buffer_count);
        ck_assert_uint_eq(vdev_cursor_write(&to, bytes, arrival.length), arrival.length);
        net->client.delivered(net->client.owner, VDEV_OK);
    }
    on_the_wire = NULL;
    frame->complete(frame, VDEV_OK);
    net->client.writable(net->client.owner);
    return true;
}

static void wire_resume(struct vdev_net *net)
{
    (void)net;
}

static int wire_set_mode(struct vdev_net *net, enum vdev_net_receive_mode mode)
{
    (void)net;
    (void)mode;
    return VDEV_OK;
}

static int user_accept(void *owner, const struct vdev_net_arrival *arrival,
                       struct vdev_net_room *room)
{
    (void)owner;
    ck_assert_uint_le(arrival->length, sizeof heard_frame);
    *room = (struct vdev_net_room){&heard_room, 1};
    return VDEV_OK;
}

static void user_delivered(void *owner, int status)
{
    (void)owner;
    ck_assert_int_eq(status, VDEV_OK);
    delivered++;
}

static void user_nothing(void *owner)
{
    (void)owner;
}

static void frame_complete(struct vdev_net_frame *frame, int status)
{
    (void)frame;
    ck_assert_int_eq(status, VDEV_OK);
    sent++;
}

static void check_network(uint64_t without)
{
    static const struct vdev_net_operations operations = {.submit = wire_submit,
                                                          .poll = wire_poll,
                                                          .resume = wire_resume,
                                                          .set_receive_mode = wire_set_mode};
    static struct vdev_net_backend net_backend;
    static struct vdev_net_backend_slot net_slots[4];
    static struct vdev_buffer pieces[4 * 20], room[80];
    static struct vdev_used_chain chains[4];
    static struct vdev_net_frontend net_frontend;
    struct vdev_net_frontend_configuration configuration = {
        .transport = &pair.driver.driver,
        .clock = &pair.clock.clock,
        .queue_size = 16,
        .receive_size = 2048,
        .receive_count = 16,
        .transmission_count = 4,
        .piece_count = 6,
        .control_queue_size = VDEV_NET_FRONTEND_CONTROL_QUEUE,
        .address = {2, 0, 0, 0, 0, 1},
    };

    wire = (struct vdev_net){
        .operations = &operations, .mtu = 1500, .link = true, .address = {0x52, 0x54, 0, 1, 2, 3}};
    ck_assert_int_eq(vdev_net_backend_init(&net_backend,
                                           &(struct vdev_net_backend_configuration){
                                               .memory = &pair.map,
                                               .net = &wire,
                                               .slots = net_slots,
                                               .slot_count = 4,
                                               .buffers = pieces,
                                               .buffers_per_slot = 20,
                                               .receive_buffers = room,
                                               .receive_buffer_count = 80,
                                               .receive_chains = chains,
                                               .receive_chain_count = 4,
                                               .queue_size = PAIR_SIZE,
                                           }),
                     VDEV_OK);
    pair_new_session(&net_backend.device, 0);
    ck_assert_int_eq(pair_connect(VDEV_VIRTIO_ID_NET, 3, without), VDEV_OK);
    ck_assert_int_eq(vdev_net_frontend_lay_out(&configuration, &memory), VDEV_OK);
    ck_assert_int_eq(vdev_net_frontend_init(&net_frontend, &configuration), VDEV_OK);
    net_frontend.net.client = (struct vdev_net_client){.accept = user_accept,
                                                       .delivered = user_delivered,
                                                       .writable = user_nothing,
                                                       .changed = user_nothing};
    ck_assert_mem_eq(net_frontend.net.address, without == 0 ? wire.address : configuration.address,
                     6);
    ck_assert_uint_eq(net_frontend.net.mtu, 1500);
    ck_assert(net_frontend.net.link);
    struct vdev_buffer data = vdev_frontend_take(&memory.shared, 1518);
    for (unsigned length = 60; length <= 1514; length += 7) {
        struct vdev_net_frame frame = {
            .buffers = &data, .buffer_count = 1, .length = length, .complete = frame_complete};
        data.length = length;
        memset(data.pointer, (int)length, length);
        memcpy(data.pointer, net_frontend.net.address, 6);
        memcpy((uint8_t *)data.pointer + 12, (uint8_t[]){0x08, 0x00}, 2);
        unsigned before = delivered;
        ck_assert_int_eq(vdev_net_submit(&net_frontend.net, &frame), VDEV_OK);
        for (unsigned i = 0; i < 10; i++) {
            vdev_net_poll(&wire);
            vdev_net_poll(&net_frontend.net);
        }
        ck_assert_uint_eq(delivered, before + 1);
        ck_assert_uint_eq(sent, delivered);
        ck_assert_mem_eq(heard_frame, data.pointer, length);
    }
    ck_assert_uint_eq(net_frontend.restarts.all, 0);
    ck_assert_int_eq(vdev_net_frontend_stop(&net_frontend), VDEV_OK);
    pair_finish();
}

START_TEST(a_network)
{
    check_network(0);
}
END_TEST

/* It offers an MTU and a link's state all the same, as DPDK's does. */
START_TEST(a_network_without_a_configuration_space)
{
    check_network(1ull << VDEV_VHOST_USER_PROTOCOL_F_CONFIG);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vhost-user, both ends");
    TCase *tests = tcase_create("front-ends on back-ends");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, a_disk_with_all_of_the_protocol);
    tcase_add_test(tests, a_disk_with_less_of_it);
    tcase_add_test(tests, a_disk_that_is_started_again);
    tcase_add_test(tests, a_disk_that_dies_with_requests_in_flight);
    tcase_add_test(tests, a_disk_that_comes_back_with_less);
    tcase_add_test(tests, a_console);
    tcase_add_test(tests, a_network);
    tcase_add_test(tests, a_network_without_a_configuration_space);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
