/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest on a network of the host: our front-end, virtio-mmio, our back-end, a stream socket; and
 * behind that one who sends everything back, in pieces as they come.
 */
#include "support/net_user.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <vdev/backends/net.h>
#include <vdev/host/stream_net.h>

#include "support/epoll_loop.h"

#define SLOTS        8
#define PER_SLOT     20
#define ROOM_BUFFERS 80
#define ROOM_CHAINS  40

static struct vdev_net_backend backend;
static struct vdev_net_backend_slot slots[SLOTS];
static struct vdev_buffer buffers[SLOTS * PER_SLOT], room_buffers[ROOM_BUFFERS];
static struct vdev_used_chain room_chains[ROOM_CHAINS];
static struct vdev_virtio_mmio_driver mmio_driver;
static struct epoll_loop loop;
static struct vdev_host_stream *stream;
static int peer;
static unsigned polled;

/* Exactly what the peer has heard, and not yet said. */
static uint8_t echo[200000];
static size_t echoed;

static void on_polled(void *context)
{
    (void)context;
    polled++;
}

static bool peer_turn(void)
{
    ssize_t heard = recv(peer, echo + echoed, sizeof echo - echoed, MSG_DONTWAIT);
    echoed += heard > 0 ? (size_t)heard : 0;
    ssize_t said = echoed != 0 ? send(peer, echo, echoed < 1001 ? echoed : 1001, MSG_DONTWAIT) : 0;
    if (said > 0) {
        echoed -= (size_t)said;
        memmove(echo, echo + said, echoed);
    }
    return heard > 0 || said > 0;
}

static void settle(void)
{
    bool again = false;

    for (unsigned i = 0; i < 100000; i++) {
        bool moved = epoll_loop_turn(&loop, 0);
        moved |= peer_turn();
        if (machine.level || again) {
            again = vdev_net_poll(&frontend.net);
        } else if (!moved) {
            return;
        }
    }
    ck_abort_msg("no end");
}

static void setup(void)
{
    int pair[2];
    struct vdev_host_error error;

    machine_init(&machine);
    configure(&mmio_driver.driver, 2100);
    epoll_loop_init(&loop);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    peer = pair[1];
    echoed = 0;
    stream = vdev_host_stream_open(&(struct vdev_host_stream_configuration){.loop = &loop.loop,
                                                                            .descriptor = pair[0],
                                                                            .polled = on_polled},
                                   &error);
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(vdev_net_backend_init(&backend,
                                           &(struct vdev_net_backend_configuration){
                                               .memory = &machine.map,
                                               .net = vdev_host_stream_net(stream),
                                               .slots = slots,
                                               .slot_count = SLOTS,
                                               .buffers = buffers,
                                               .buffers_per_slot = PER_SLOT,
                                               .receive_buffers = room_buffers,
                                               .receive_buffer_count = ROOM_BUFFERS,
                                               .receive_chains = room_chains,
                                               .receive_chain_count = ROOM_CHAINS,
                                               .queue_size = 64,
                                           }),
                     VDEV_OK);
    machine_connect(&machine, &backend.device);
    ck_assert_int_eq(vdev_virtio_mmio_driver_init(&mmio_driver, &machine.io), VDEV_OK);
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_OK);
    user_init();
    settle();
}

static void end(void)
{
    vdev_host_stream_close(stream);
    close(peer);
    epoll_loop_end(&loop);
    teardown();
}

static struct vdev_buffer frame_of(size_t length, unsigned number)
{
    struct vdev_buffer data = machine_allocate(&machine, length, 4);

    fill(data.pointer, length, number);
    memcpy(data.pointer, frontend.net.address, 6); /* to ourselves: the filter is on */
    memcpy((uint8_t *)data.pointer + 12, (uint8_t[]){0x08, 0x00}, 2);
    return data;
}

START_TEST(a_guest_is_told_what_there_is)
{
    ck_assert_mem_eq(frontend.net.address, vdev_host_stream_net(stream)->address, 6);
    ck_assert_uint_eq(frontend.net.mtu, 1500);
    ck_assert_uint_eq(frontend.net.takes, 0);
    ck_assert(frontend.net.link);
}
END_TEST

START_TEST(frames_of_every_size_there_and_back)
{
    struct vdev_buffer data = frame_of(1518, 0);
    struct outgoing outgoing;
    unsigned count = 0;

    for (uint32_t length = 14; length <= 1518; length++) {
        fill((uint8_t *)data.pointer + 14, 1504, length);
        data.length = length;
        ck_assert_int_eq(send_frame(&outgoing, data), VDEV_OK);
        settle();
        ck_assert_ended(&outgoing, VDEV_OK);
        ck_assert_uint_eq(user.delivered, ++count);
        ck_assert_uint_eq(user.arrival.length, length);
        ck_assert_mem_eq(user.bytes, data.pointer, length);
    }
    ck_assert_uint_gt(polled, 0);
    ck_assert_uint_eq(backend.device.refused, 0);
    ck_assert_uint_eq(backend.malformed, 0);
}
END_TEST

START_TEST(a_guest_without_room_gets_all_of_it_later)
{
    static struct outgoing outgoing[TRANSMISSIONS];
    struct vdev_buffer data = frame_of(1514, 1);
    unsigned sent = 0;

    user.answer = VDEV_ERROR_FULL;
    for (unsigned i = 0; i < 100; i++) {
        struct outgoing *next = &outgoing[sent % TRANSMISSIONS];
        if (sent < TRANSMISSIONS || next->completed == 1) {
            sent += send_frame(next, data) == VDEV_OK;
        }
        settle();
    }
    ck_assert_uint_eq(user.delivered, 0);
    ck_assert_uint_gt(sent, RECEIVE_COUNT);
    user.answer = VDEV_OK;
    vdev_net_resume(&frontend.net);
    while (vdev_net_poll(&frontend.net)) {
    }
    settle();
    ck_assert_uint_eq(user.delivered, sent);
}
END_TEST

START_TEST(a_guest_sees_the_link_go_down)
{
    struct vdev_buffer data = frame_of(100, 1);
    struct outgoing outgoing;

    shutdown(peer, SHUT_RDWR);
    settle();
    ck_assert(!frontend.net.link);
    ck_assert_uint_gt(user.changed, 0);
    /* What is sent now is not waited for. */
    ck_assert_int_eq(send_frame(&outgoing, data), VDEV_OK);
    settle();
    ck_assert_uint_eq(outgoing.completed, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host_net_guest");
    TCase *tests = tcase_create("guest");

    tcase_add_checked_fixture(tests, setup, end);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_guest_is_told_what_there_is);
    tcase_add_test(tests, frames_of_every_size_there_and_back);
    tcase_add_test(tests, a_guest_without_room_gets_all_of_it_later);
    tcase_add_test(tests, a_guest_sees_the_link_go_down);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures != 0;
}
