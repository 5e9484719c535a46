/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The net class on a stream socket: frames whole and in pieces, a peer that lies or leaves, and
 * flow control both ways.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <sys/un.h>

#include <vdev/host/stream_net.h>
#include <vdev/status.h>

#include "support/epoll_loop.h"
#include "support/host_net_user.h"

static struct epoll_loop loop;
static struct vdev_host_stream *stream;
static struct net_watcher user;
static int peer;
static char ended[256];
static unsigned ends;
static bool defers; /* the loop tells when its turns end */

static void failed(void *context, const char *line)
{
    (void)context;
    ends++;
    snprintf(ended, sizeof ended, "%s", line);
}

static struct vdev_host_stream *open_stream(struct vdev_host_stream_configuration configuration,
                                            struct vdev_host_error *error)
{
    configuration.loop = &loop.loop;
    configuration.failed = failed;
    return vdev_host_stream_open(&configuration, error);
}

static void setup(void)
{
    int pair[2];
    struct vdev_host_error error;

    ends = 0;
    epoll_loop_init(&loop);
    if (defers) {
        epoll_loop_can_defer(&loop);
    }
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    peer = pair[1];
    stream = open_stream((struct vdev_host_stream_configuration){.descriptor = pair[0]}, &error);
    ck_assert_ptr_nonnull(stream);
    net_watcher_init(&user, vdev_host_stream_net(stream));
}

static void setup_deferring(void)
{
    defers = true;
    setup();
}

static void teardown(void)
{
    vdev_host_stream_close(stream);
    close(peer);
    epoll_loop_end(&loop);
}

/* A frame as it goes over the wire, whose content follows from its length and number. */
static size_t on_wire(uint8_t *bytes, uint32_t length, unsigned number)
{
    uint32_t prefix = htonl(length);

    memcpy(bytes, &prefix, 4);
    net_watcher_fill(bytes + 4, length, number);
    return length + 4;
}

static void say(const void *bytes, size_t length)
{
    ck_assert_int_eq(write(peer, bytes, length), (ssize_t)length);
}

/* ---- reception ---- */

START_TEST(a_frame_in_pieces_of_one_byte_arrives_whole)
{
    uint8_t bytes[200];
    size_t length = on_wire(bytes, 100, 7);

    for (size_t i = 0; i < length; i++) {
        ck_assert_uint_eq(user.frames, 0);
        say(bytes + i, 1);
        epoll_loop_run(&loop);
    }
    ck_assert_uint_eq(user.frames, 1);
    net_watcher_expect(&user, 100, 7);
    ck_assert_uint_eq(vdev_host_stream_net(stream)->received.frames, 1);
}
END_TEST

START_TEST(frames_that_come_together_arrive_in_their_order)
{
    static uint8_t bytes[40000];
    size_t length = 0;

    for (unsigned i = 0; i < 200; i++) {
        length += on_wire(bytes + length, 14 + i, i);
    }
    user.ordered = true;
    say(bytes, length);
    epoll_loop_run(&loop);
    ck_assert_uint_eq(user.frames, 200);
}
END_TEST

START_TEST(short_and_long_frames_are_counted_and_what_follows_arrives)
{
    static uint8_t bytes[100000];
    size_t length = on_wire(bytes, 0, 0);
    struct vdev_net *net = vdev_host_stream_net(stream);

    length += on_wire(bytes + length, 13, 0);
    length += on_wire(bytes + length, 1500 + 14 + 4 + 1, 0);
    length += on_wire(bytes + length, VDEV_HOST_STREAM_MAXIMUM, 0);
    length += on_wire(bytes + length, 1500 + 14 + 4, 3);
    for (size_t done = 0; done < length; done += 10000) {
        say(bytes + done, length - done < 10000 ? length - done : 10000);
        epoll_loop_run(&loop);
    }
    ck_assert_uint_eq(user.frames, 1);
    net_watcher_expect(&user, 1518, 3);
    ck_assert_uint_eq(net->received.dropped[VDEV_NET_DROP_SHORT], 2);
    ck_assert_uint_eq(net->received.dropped[VDEV_NET_DROP_LONG], 2);
    ck_assert_uint_eq(ends, 0);
}
END_TEST

START_TEST(a_length_over_the_maximum_ends_the_connection)
{
    static const uint32_t lengths[] = {VDEV_HOST_STREAM_MAXIMUM + 1, 0x7fffffff, 0x80000000,
                                       UINT32_MAX - 3, UINT32_MAX};
    uint32_t prefix = htonl(lengths[_i]);
    char expected[32];
    uint8_t bytes[100];

    net_watcher_send(&user, 60, 1);
    net_watcher_fill(bytes, sizeof bytes, 0);
    say(&prefix, sizeof prefix);
    say(bytes, sizeof bytes);
    epoll_loop_run(&loop);
    ck_assert_uint_eq(ends, 1);
    snprintf(expected, sizeof expected, "%u bytes", lengths[_i]);
    ck_assert_ptr_nonnull(strstr(ended, expected));
    ck_assert_ptr_null(strchr(ended, '\n'));
    ck_assert_uint_eq(user.frames, 0);
    ck_assert_uint_eq(user.changes, 1);
    ck_assert(!vdev_host_stream_net(stream)->link);
    ck_assert_uint_eq(user.completed, 1);
    ck_assert_int_eq(net_watcher_send(&user, 60, 2), VDEV_ERROR_ABSENT);
    ck_assert_int_eq(loop.watched, defers ? 0 : 1); /* its own eventfd, and not the wire */
}
END_TEST

START_TEST(a_peer_that_leaves_inside_of_a_frame_is_told_from_one_that_leaves)
{
    uint8_t bytes[100];
    size_t length = on_wire(bytes, 60, 0);

    say(bytes, _i == 0 ? length : length - 1);
    shutdown(peer, SHUT_WR);
    epoll_loop_run(&loop);
    ck_assert_uint_eq(ends, 1);
    ck_assert_uint_eq(user.frames, _i == 0);
    ck_assert_int_eq(strstr(ended, "inside of a frame") != NULL, _i == 1);
}
END_TEST

START_TEST(a_frame_without_room_is_kept_and_the_stream_with_it)
{
    static uint8_t bytes[1600];
    unsigned sent = 0;

    user.full = true;
    user.ordered = true;
    fcntl(peer, F_SETFL, O_NONBLOCK);
    /* Until nothing more goes in. */
    for (;;) {
        size_t length = on_wire(bytes, 1014 + sent, sent);
        epoll_loop_run(&loop);
        ssize_t written = write(peer, bytes, length);
        if (written < 0) {
            ck_assert_int_eq(errno, EAGAIN);
            break;
        }
        ck_assert_int_eq(written, (ssize_t)length); /* within one buffer of the socket's */
        ck_assert_uint_lt(++sent, 500);
    }
    ck_assert_uint_eq(user.frames, 0);
    ck_assert_uint_eq(user.refused, 1);
    unsigned turns = loop.turns;
    epoll_loop_run(&loop);
    ck_assert_uint_eq(loop.turns, turns); /* waits for room, and for nothing else */
    user.full = false;
    vdev_net_resume(vdev_host_stream_net(stream));
    ck_assert_uint_eq(user.frames, 0); /* from inside of poll only */
    epoll_loop_run(&loop);
    ck_assert_uint_eq(user.frames, sent);
}
END_TEST

/* ---- sending ---- */

static size_t hear(uint8_t *bytes, size_t length)
{
    size_t got = 0;

    while (got < length) {
        ssize_t piece = recv(peer, bytes + got, length - got, MSG_DONTWAIT);
        if (piece <= 0) {
            if (!epoll_loop_turn(&loop, 0)) {
                break;
            }
            continue;
        }
        got += (size_t)piece;
    }
    return got;
}

START_TEST(a_sent_frame_completes_later_and_is_whole)
{
    uint8_t expected[200];
    uint8_t bytes[200];
    size_t length = on_wire(expected, 100, 9);

    ck_assert_int_eq(net_watcher_send(&user, 100, 9), VDEV_OK);
    ck_assert_uint_eq(user.completed, 0);
    ck_assert_uint_eq(hear(bytes, sizeof bytes), length);
    ck_assert_int_eq(memcmp(bytes, expected, length), 0);
    ck_assert_uint_eq(user.completed, 1);
    ck_assert_int_eq(user.status, VDEV_OK);
    ck_assert_uint_eq(vdev_host_stream_net(stream)->sent.bytes, 100);
}
END_TEST

START_TEST(a_peer_that_does_not_read_is_waited_for_and_loses_nothing)
{
    static uint8_t expected[1600], bytes[1600];
    unsigned sent = 0;
    int status;

    while ((status = net_watcher_send(&user, 1014 + sent % 500, sent)) == VDEV_OK) {
        sent++;
        epoll_loop_run(&loop);
    }
    ck_assert_int_eq(status, VDEV_ERROR_FULL);
    ck_assert_uint_lt(user.completed, sent);
    ck_assert_uint_eq(user.writable, 0);
    unsigned turns = loop.turns;
    epoll_loop_run(&loop);
    ck_assert_uint_eq(loop.turns, turns);
    for (unsigned i = 0; i < sent; i++) {
        size_t length = on_wire(expected, 1014 + i % 500, i);
        /* In odd pieces, so that writes end anywhere. */
        ck_assert_uint_eq(hear(bytes, length / 3), length / 3);
        ck_assert_uint_eq(hear(bytes + length / 3, length - length / 3), length - length / 3);
        ck_assert_int_eq(memcmp(bytes, expected, length), 0);
    }
    epoll_loop_run(&loop);
    ck_assert_uint_eq(user.completed, sent);
    ck_assert_uint_eq(user.writable, 1);
}
END_TEST

START_TEST(what_the_class_does_not_allow_is_not_queued)
{
    static struct vdev_buffer many[VDEV_NET_MTU];
    uint8_t byte = 0;
    struct vdev_net *net = vdev_host_stream_net(stream);
    struct vdev_net_frame frame = {.buffers = many, .buffer_count = 200, .length = 200};

    ck_assert_int_eq(net_watcher_send(&user, 13, 0), VDEV_ERROR_INVALID);
    ck_assert_int_eq(net_watcher_send(&user, 1519, 0), VDEV_ERROR_RANGE);
    for (unsigned i = 0; i < 200; i++) {
        many[i] = (struct vdev_buffer){&byte, 1, VDEV_NO_BUS_ADDRESS};
    }
    ck_assert_int_eq(vdev_net_submit(net, &frame), VDEV_ERROR_RANGE);
    frame.buffer_count = 100;
    frame.length = 100;
    frame.offload.needs = VDEV_NET_CHECKSUM;
    frame.offload.checksum_start = 34;
    ck_assert_int_eq(vdev_net_submit(net, &frame), VDEV_ERROR_UNSUPPORTED);
}
END_TEST

START_TEST(memory_that_goes_away_does_not_spoil_the_stream)
{
    uint8_t bytes[300];
    uint8_t expected[200];
    long page = sysconf(_SC_PAGESIZE);
    uint8_t *memory =
        mmap(NULL, (size_t)page * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct vdev_buffer buffer = {memory + page - 50, 100, VDEV_NO_BUS_ADDRESS};

    ck_assert_ptr_ne(memory, MAP_FAILED);
    memset(memory, 0x55, (size_t)page * 2);
    ck_assert_int_eq(munmap(memory + page, (size_t)page), 0);
    ck_assert_int_eq(net_watcher_submit(&user, &buffer, 100), VDEV_OK);
    ck_assert_int_eq(net_watcher_send(&user, 100, 2), VDEV_OK);
    size_t length = on_wire(expected, 100, 2);
    size_t got = hear(bytes, sizeof bytes);
    /* Not sent at all, or as long as was said. */
    ck_assert(got == length || got == 104 + length);
    ck_assert_int_eq(memcmp(bytes + got - length, expected, length), 0);
    ck_assert_uint_eq(user.completed, 2);
    ck_assert_uint_eq(ends, 0);
    munmap(memory, (size_t)page);
}
END_TEST

START_TEST(a_peer_that_is_gone_is_noticed_when_writing)
{
    user.full = true; /* so that it is not noticed when reading */
    uint8_t bytes[100];
    say(bytes, on_wire(bytes, 60, 0));
    epoll_loop_run(&loop);
    close(peer);
    ck_assert_int_eq(net_watcher_send(&user, 60, 0), VDEV_OK);
    epoll_loop_run(&loop);
    ck_assert_uint_eq(ends, 1);
    ck_assert_int_eq(user.status, VDEV_ERROR_ABSENT);
    peer = open("/dev/null", O_RDONLY | O_CLOEXEC);
}
END_TEST

START_TEST(frames_of_any_length_cross_both_ways_at_once)
{
    static uint8_t wire[4000000], back[4000000], expected[4000000];
    size_t length = 0, said = 0, heard = 0, expect = 0;
    unsigned sent = 0;
    const unsigned count = 2000;

    srand(17);
    user.ordered = true;
    user.lengths_vary = true;
    for (unsigned i = 0; i < count; i++) {
        length += on_wire(wire + length, net_watcher_length(i), i);
        expect += on_wire(expected + expect, net_watcher_length(i), i);
    }
    fcntl(peer, F_SETFL, O_NONBLOCK);
    for (unsigned idle = 0; idle < 1000; idle++) {
        size_t piece = 1 + (size_t)rand() % 5000;
        piece = piece < length - said ? piece : length - said;
        ssize_t moved = piece != 0 ? write(peer, wire + said, piece) : 0;
        said += moved > 0 ? (size_t)moved : 0;
        idle = moved > 0 ? 0 : idle;
        while (sent < count && rand() % 3 != 0 &&
               net_watcher_send(&user, net_watcher_length(sent), sent) == VDEV_OK) {
            sent++;
        }
        user.full = rand() % 4 == 0;
        if (!user.full) {
            vdev_net_resume(vdev_host_stream_net(stream));
        }
        epoll_loop_turn(&loop, 0);
        moved = read(peer, back + heard, 1 + (size_t)rand() % 5000);
        heard += moved > 0 ? (size_t)moved : 0;
        idle = moved > 0 || sent < count ? 0 : idle;
    }
    ck_assert_uint_eq(user.frames, count);
    ck_assert_uint_eq(user.completed, count);
    ck_assert_uint_eq(heard, expect);
    ck_assert_int_eq(memcmp(back, expected, expect), 0);
}
END_TEST

/* ---- opening ---- */

START_TEST(closing_gives_frames_back)
{
    static uint8_t bytes[100];

    ck_assert_int_eq(net_watcher_send(&user, 100, 0), VDEV_OK);
    vdev_host_stream_close(stream);
    ck_assert_uint_eq(user.completed, 1);
    ck_assert_int_eq(user.status, VDEV_ERROR_ABSENT);
    ck_assert_int_eq(read(peer, bytes, sizeof bytes), 0);
    stream = NULL;
}
END_TEST

static void cannot_open(struct vdev_host_stream_configuration configuration, const char *why)
{
    struct vdev_host_error error = {{0}};

    ck_assert_ptr_null(open_stream(configuration, &error));
    ck_assert_msg(strstr(error.text, why) != NULL, "%s", error.text);
    ck_assert_ptr_null(strchr(error.text, '\n'));
}

START_TEST(what_cannot_be_connected_is_told_in_a_line)
{
    char path[300];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    cannot_open((struct vdev_host_stream_configuration){.path = "/nowhere/socket"},
                "/nowhere/socket: No such file");
    cannot_open((struct vdev_host_stream_configuration){.path = path}, "longer");
    cannot_open((struct vdev_host_stream_configuration){.host_port = "localhost"}, "host:port");
    cannot_open((struct vdev_host_stream_configuration){.host_port = "[::1:80"}, "host:port");
    cannot_open((struct vdev_host_stream_configuration){.host_port = ":80"}, "host:port");
    cannot_open((struct vdev_host_stream_configuration){.host_port = "127.0.0.1:1"},
                "127.0.0.1:1: ");
    cannot_open((struct vdev_host_stream_configuration){.descriptor = null}, "no connected stream");
    cannot_open((struct vdev_host_stream_configuration){.descriptor = 9999}, "no connected stream");
    close(null);
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    cannot_open((struct vdev_host_stream_configuration){.descriptor = pair[0], .mtu = 67}, "MTU");
    ck_assert_int_eq(close(pair[0]), 0); /* it was not taken */
    close(pair[1]);
}
END_TEST

/* Connects, and the first frame arrives at who listens. */
static void connects(struct vdev_host_stream_configuration configuration, int listening)
{
    struct vdev_host_error error = {{0}};
    struct vdev_host_stream *other = open_stream(configuration, &error);
    struct net_watcher watcher;
    uint8_t bytes[104];

    ck_assert_msg(other != NULL, "%s", error.text);
    net_watcher_init(&watcher, vdev_host_stream_net(other));
    int connection = accept(listening, NULL, NULL);
    ck_assert_int_ge(connection, 0);
    ck_assert_int_eq(net_watcher_send(&watcher, 100, 0), VDEV_OK);
    epoll_loop_run(&loop);
    ck_assert_int_eq(recv(connection, bytes, sizeof bytes, MSG_WAITALL), 104);
    /* Made up, for one station, by who is not its maker. */
    ck_assert_uint_eq(vdev_host_stream_net(other)->address[0] & 3, 2);
    vdev_host_stream_close(other);
    close(connection);
    close(listening);
}

START_TEST(it_connects_to_a_path_and_to_a_port)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in remote = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof remote;
    char name[32];

    snprintf(local.sun_path, sizeof local.sun_path, "host_net_%ld.sock", (long)getpid());
    unlink(local.sun_path);
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listening, (struct sockaddr *)&local, sizeof local), 0);
    ck_assert_int_eq(listen(listening, 1), 0);
    connects((struct vdev_host_stream_configuration){.path = local.sun_path}, listening);
    unlink(local.sun_path);

    listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listening, (struct sockaddr *)&remote, sizeof remote), 0);
    ck_assert_int_eq(listen(listening, 1), 0);
    ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&remote, &length), 0);
    snprintf(name, sizeof name, "127.0.0.1:%u", ntohs(remote.sin_port));
    connects((struct vdev_host_stream_configuration){.host_port = name}, listening);
}
END_TEST

static TCase *make_case(const char *name, void (*begin)(void))
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, begin, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_frame_in_pieces_of_one_byte_arrives_whole);
    tcase_add_test(tests, frames_that_come_together_arrive_in_their_order);
    tcase_add_test(tests, short_and_long_frames_are_counted_and_what_follows_arrives);
    tcase_add_loop_test(tests, a_length_over_the_maximum_ends_the_connection, 0, 5);
    tcase_add_loop_test(tests, a_peer_that_leaves_inside_of_a_frame_is_told_from_one_that_leaves, 0,
                        2);
    tcase_add_test(tests, a_frame_without_room_is_kept_and_the_stream_with_it);
    tcase_add_test(tests, a_sent_frame_completes_later_and_is_whole);
    tcase_add_test(tests, a_peer_that_does_not_read_is_waited_for_and_loses_nothing);
    tcase_add_test(tests, what_the_class_does_not_allow_is_not_queued);
    tcase_add_test(tests, memory_that_goes_away_does_not_spoil_the_stream);
    tcase_add_test(tests, a_peer_that_is_gone_is_noticed_when_writing);
    tcase_add_test(tests, frames_of_any_length_cross_both_ways_at_once);
    tcase_add_test(tests, closing_gives_frames_back);
    tcase_add_test(tests, what_cannot_be_connected_is_told_in_a_line);
    tcase_add_test(tests, it_connects_to_a_path_and_to_a_port);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("host_net");

    suite_add_tcase(suite, make_case("stream", setup));
    suite_add_tcase(suite, make_case("stream, deferring", setup_deferring));
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures != 0;
}
