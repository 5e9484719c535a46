/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The net class on a TAP interface: the header by itself, and, where one can be made, an interface
 * with a packet socket on the other side of it.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#include <vdev/host/tap_net.h>
#include <vdev/status.h>

#include "support/epoll_loop.h"
#include "support/host_net_user.h"
#include "support/net_packet.h"

#define ALL        (VDEV_NET_CHECKSUM | VDEV_NET_TCP4 | VDEV_NET_TCP6 | VDEV_NET_UDP | VDEV_NET_ECN)
#define EXPERIMENT 0x88b5 /* [IEEE 802] local experiments: nobody else sends it */

/* ---- the header ---- */

static const struct header_case {
    const char *name;
    struct vdev_net_offload offload;
    uint32_t length;
    uint8_t bytes[VDEV_HOST_TAP_HEADER_BYTES];
} cases[] = {
    {"nothing", {0}, 60, {0}},
    {"valid", {.checksum_valid = true}, 60, {2}},
    {"checksum",
     {.needs = VDEV_NET_CHECKSUM, .checksum_start = 0x22, .checksum_offset = 16},
     60,
     {1, 0, 0, 0, 0, 0, 0x22, 0, 16, 0}},
    {"TCP over IPv4",
     {VDEV_NET_CHECKSUM | VDEV_NET_TCP4, false, 0x5a4, 34, 16},
     9000,
     {1, 1, 94, 0, 0xa4, 5, 34, 0, 16, 0}},
    {"TCP over IPv6 with CWR",
     {VDEV_NET_CHECKSUM | VDEV_NET_TCP6 | VDEV_NET_ECN, false, 1400, 54, 16},
     65549,
     {1, 0x84, 114, 0, 0x78, 5, 54, 0, 16, 0}},
    {"UDP",
     {VDEV_NET_CHECKSUM | VDEV_NET_UDP, false, 1000, 34, 6},
     3000,
     {1, 5, 42, 0, 0xe8, 3, 34, 0, 6, 0}},
    {"TCP shorter than its longest header",
     {VDEV_NET_CHECKSUM | VDEV_NET_TCP4, false, 10, 34, 16},
     70,
     {1, 1, 70, 0, 10, 0, 34, 0, 16, 0}},
};

START_TEST(offloads_and_headers_say_the_same)
{
    const struct header_case *one = &cases[_i];
    uint8_t bytes[VDEV_HOST_TAP_HEADER_BYTES];
    struct vdev_net_offload offload;

    memset(bytes, 0xee, sizeof bytes);
    vdev_host_tap_put_header(bytes, one->length, &one->offload);
    ck_assert_msg(memcmp(bytes, one->bytes, sizeof bytes) == 0, "%s", one->name);
    memset(&offload, 0xee, sizeof offload);
    ck_assert_int_eq(vdev_host_tap_get_header(bytes, one->length, 1500, &offload), VDEV_OK);
    ck_assert_uint_eq(offload.needs, one->offload.needs);
    ck_assert_int_eq(offload.checksum_valid, one->offload.checksum_valid);
    ck_assert_uint_eq(offload.segment_size, one->offload.segment_size);
    ck_assert_uint_eq(offload.checksum_start, one->offload.checksum_start);
    ck_assert_uint_eq(offload.checksum_offset, one->offload.checksum_offset);
}
END_TEST

static const struct {
    uint8_t bytes[VDEV_HOST_TAP_HEADER_BYTES];
    uint32_t length;
    int status;
} refused[] = {
    {{1, 3, 42, 0, 0xe8, 3, 34, 0, 6, 0}, 3000, VDEV_ERROR_UNSUPPORTED}, /* fragments of UDP */
    {{1, 0x7f}, 3000, VDEV_ERROR_UNSUPPORTED},
    {{0, 1, 0, 0, 0xa4, 5, 34, 0, 16, 0}, 3000, VDEV_ERROR_INVALID},    /* no checksum */
    {{1, 1, 0, 0, 0, 0, 34, 0, 16, 0}, 3000, VDEV_ERROR_INVALID},       /* no size */
    {{1, 0, 0, 0, 0, 0, 59, 0, 0, 0}, 60, VDEV_ERROR_INVALID},          /* past the end */
    {{1, 0, 0, 0, 0, 0, 255, 255, 255, 255}, 60, VDEV_ERROR_INVALID},   /* wraps 16 bits */
    {{1, 0, 0, 0, 0, 0, 13, 0, 16, 0}, 60, VDEV_ERROR_INVALID},         /* in Ethernet's header */
    {{1, 0x85, 42, 0, 0xe8, 3, 34, 0, 6, 0}, 3000, VDEV_ERROR_INVALID}, /* UDP has no CWR */
    {{0}, 1519, VDEV_ERROR_RANGE},
    {{1, 1, 0, 0, 0xa4, 5, 34, 0, 16, 0}, 65535 + 19, VDEV_ERROR_RANGE},
    {{0}, 13, VDEV_ERROR_INVALID},
};

START_TEST(headers_that_make_no_sense_are_refused)
{
    struct vdev_net_offload offload;

    ck_assert_int_eq(
        vdev_host_tap_get_header(refused[_i].bytes, refused[_i].length, 1500, &offload),
        refused[_i].status);
}
END_TEST

START_TEST(a_flag_of_ecn_without_segmentation_means_nothing)
{
    const uint8_t bytes[VDEV_HOST_TAP_HEADER_BYTES] = {0, 0x80};
    struct vdev_net_offload offload;

    ck_assert_int_eq(vdev_host_tap_get_header(bytes, 60, 1500, &offload), VDEV_OK);
    ck_assert_uint_eq(offload.needs, 0);
}
END_TEST

/* ---- an interface ---- */

static struct epoll_loop loop;
static struct vdev_host_tap *tap;
static struct net_watcher user;
static int packets; /* a socket that sees what the host's side of the interface does */
static char ended[256];

static void failed(void *context, const char *line)
{
    (void)context;
    snprintf(ended, sizeof ended, "%s", line);
}

static struct vdev_host_tap *open_tap(struct vdev_host_tap_configuration configuration,
                                      struct vdev_host_error *error)
{
    configuration.loop = &loop.loop;
    configuration.failed = failed;
    return vdev_host_tap_open(&configuration, error);
}

static void set_up(const char *name, bool up)
{
    struct ifreq request = {.ifr_flags = 0};

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    ck_assert_int_eq(ioctl(packets, SIOCGIFFLAGS, &request), 0);
    request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
    ck_assert_int_eq(ioctl(packets, SIOCSIFFLAGS, &request), 0);
}

static void setup(void)
{
    struct vdev_host_error error;
    const int on = 1;

    epoll_loop_init(&loop);
    tap = open_tap((struct vdev_host_tap_configuration){.interface = "vdevtest%d"}, &error);
    ck_assert_msg(tap != NULL, "%s", error.text);
    net_watcher_init(&user, vdev_host_tap_net(tap));
    packets = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
    ck_assert_int_ge(packets, 0);
    ck_assert_int_eq(setsockopt(packets, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on), 0);
    set_up(vdev_host_tap_name(tap), true);
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
        .sll_ifindex = (int)if_nametoindex(vdev_host_tap_name(tap)),
    };
    ck_assert_int_eq(bind(packets, (struct sockaddr *)&address, sizeof address), 0);
}

static void teardown(void)
{
    vdev_host_tap_close(tap);
    close(packets);
    epoll_loop_end(&loop);
}

/* What the interface was given by the device, after its vnet header of 10 bytes; 0: nothing. */
static size_t next_of_type(uint8_t *bytes, size_t room, uint16_t type)
{
    for (unsigned tries = 0; tries < 1000; tries++) {
        struct sockaddr_ll from = {.sll_family = AF_PACKET};
        socklen_t length = sizeof from;
        ssize_t got = recvfrom(packets, bytes, room, 0, (struct sockaddr *)&from, &length);
        if (got >= 10 + 14 && from.sll_pkttype != PACKET_OUTGOING &&
            packet_number(bytes + 10 + 12, 2) == type) {
            return (size_t)got;
        }
        if (got < 0 && !epoll_loop_turn(&loop, 0)) {
            return 0;
        }
    }
    return 0;
}

/* Of the kernel's own frames, which it sends to every interface that is up, nothing is wanted. */
static int accept_experiments(void *owner, const struct vdev_net_arrival *arrival,
                              struct vdev_net_room *room)
{
    return packet_number(arrival->header + 12, 2) == EXPERIMENT
               ? net_watcher_accept(owner, arrival, room)
               : VDEV_ERROR_UNSUPPORTED;
}

START_TEST(what_is_sent_arrives_at_the_interface)
{
    static uint8_t bytes[2000];
    uint8_t frame[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, 'x'};
    struct vdev_buffer buffer = {frame, sizeof frame, VDEV_NO_BUS_ADDRESS};

    ck_assert_int_eq(net_watcher_submit(&user, &buffer, sizeof frame), VDEV_OK);
    ck_assert_uint_eq(user.completed, 0);
    ck_assert_uint_eq(next_of_type(bytes, sizeof bytes, EXPERIMENT), 10 + sizeof frame);
    ck_assert_int_eq(memcmp(bytes + 10, frame, sizeof frame), 0);
    ck_assert_uint_eq(user.completed, 1);
    ck_assert_uint_eq(vdev_host_tap_net(tap)->sent.frames, 1);
}
END_TEST

START_TEST(what_the_host_sends_arrives_at_the_client)
{
    uint8_t bytes[10 + 100] = {0};

    user.net->client.accept = accept_experiments;
    net_watcher_fill(bytes + 10, 100, 5);
    packet_put(bytes + 10 + 12, 2, EXPERIMENT);
    ck_assert_int_eq(write(packets, bytes, sizeof bytes), (ssize_t)sizeof bytes);
    for (unsigned i = 0; i < 100 && user.frames == 0; i++) {
        epoll_loop_turn(&loop, 10);
    }
    ck_assert_uint_eq(user.frames, 1);
    ck_assert_uint_eq(user.arrival.length, 100);
    ck_assert_int_eq(memcmp(user.bytes, bytes + 10, 100), 0);
    ck_assert_uint_eq(user.arrival.offload.needs, 0);
}
END_TEST

START_TEST(frames_without_room_are_kept_in_order_and_cost_no_turns)
{
    uint8_t bytes[10 + 100] = {0};

    user.net->client.accept = accept_experiments;
    user.full = true;
    for (unsigned i = 0; i < 100; i++) {
        packet_put(bytes + 10 + 12, 2, EXPERIMENT);
        bytes[10 + 14] = (uint8_t)i;
        ck_assert_int_eq(write(packets, bytes, sizeof bytes), (ssize_t)sizeof bytes);
    }
    for (unsigned i = 0; i < 100 && user.refused == 0; i++) {
        epoll_loop_turn(&loop, 10);
    }
    epoll_loop_run(&loop);
    ck_assert_uint_eq(user.refused, 1);
    user.full = false;
    vdev_net_resume(user.net);
    ck_assert_uint_eq(user.frames, 0);
    unsigned turns = loop.turns;
    epoll_loop_turn(&loop, 0);
    ck_assert_uint_ge(user.frames, 32);  /* several a turn, ... */
    ck_assert_uint_lt(user.frames, 100); /* ... but not without bound */
    epoll_loop_run(&loop);
    ck_assert_uint_eq(user.frames, 100);
    ck_assert_uint_eq(user.bytes[14], 99);
    ck_assert_uint_lt(loop.turns - turns, 20);
}
END_TEST

/* A TCP segment over IPv4 whose checksum is only begun. */
static size_t make_tcp(uint8_t *frame, size_t payload)
{
    size_t length = 14 + 20 + 20 + payload;

    memset(frame, 0xff, 6);
    memcpy(frame + 6, "\2\0\0\0\0\1\10\0", 8);
    memset(frame + 14, 0, length - 14);
    frame[14] = 0x45;
    packet_put(frame + 16, 2, (uint32_t)(length - 14));
    frame[22] = 64;
    frame[23] = 6;
    packet_put(frame + 26, 4, 0x0a000001);
    packet_put(frame + 30, 4, 0x0a000002);
    packet_put(frame + 24, 2, (uint16_t)~packet_sum(frame + 14, 20, 0));
    packet_put(frame + 34, 2, 1000);
    packet_put(frame + 36, 2, 2000);
    frame[46] = 0x50;
    frame[47] = 0x10;
    packet_put(frame + 50, 2, packet_sum(frame + 26, 8, 6 + (uint32_t)(20 + payload)));
    for (size_t i = 0; i < payload; i++) {
        frame[54 + i] = (uint8_t)(i * 3);
    }
    return length;
}

START_TEST(a_long_segment_goes_through_unsegmented_when_sent)
{
    static uint8_t frame[9000], bytes[10000];
    size_t length = make_tcp(frame, 8000);
    struct net_watcher_frame *made = calloc(1, sizeof *made);

    ck_assert_uint_eq(user.net->takes & (VDEV_NET_CHECKSUM | VDEV_NET_TCP4),
                      VDEV_NET_CHECKSUM | VDEV_NET_TCP4);
    made->buffers[0] = (struct vdev_buffer){frame, length, VDEV_NO_BUS_ADDRESS};
    made->frame = (struct vdev_net_frame){
        .buffers = made->buffers,
        .buffer_count = 1,
        .length = (uint32_t)length,
        .offload = {VDEV_NET_CHECKSUM | VDEV_NET_TCP4, false, 1460, 34, 16},
    };
    ck_assert_int_eq(net_watcher_submit_made(&user, made), VDEV_OK);
    ck_assert_uint_eq(next_of_type(bytes, sizeof bytes, 0x0800), 10 + length);
    struct virtio_net_hdr header;
    memcpy(&header, bytes, sizeof header);
    ck_assert_uint_eq(header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
    ck_assert_uint_eq(header.gso_size, 1460);
    ck_assert_uint_eq(header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    ck_assert_int_eq(memcmp(bytes + 10, frame, length), 0);
}
END_TEST

static int accept_tcp(void *owner, const struct vdev_net_arrival *arrival,
                      struct vdev_net_room *room)
{
    return packet_number(arrival->header + 12, 2) == 0x0800
               ? net_watcher_accept(owner, arrival, room)
               : VDEV_ERROR_UNSUPPORTED;
}

START_TEST(the_kernel_does_for_a_client_what_that_does_not_accept)
{
    static uint8_t bytes[10 + 9000];
    struct virtio_net_hdr header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
        .hdr_len = 54,
        .gso_size = 1000,
        .csum_start = 34,
        .csum_offset = 16,
    };
    size_t length = make_tcp(bytes + 10, 8000);
    unsigned expected = _i == 0 ? 8 : 1;

    user.net->client.accept = accept_tcp;
    user.net->client.accepts = _i == 0 ? 0 : ALL;
    vdev_net_poll(user.net); /* takes note */
    memcpy(bytes, &header, sizeof header);
    ck_assert_int_eq(write(packets, bytes, 10 + length), (ssize_t)(10 + length));
    for (unsigned i = 0; i < 100 && user.frames < expected; i++) {
        epoll_loop_turn(&loop, 10);
    }
    epoll_loop_run(&loop);
    ck_assert_uint_eq(user.frames, expected);
    if (_i == 0) {
        ck_assert_uint_eq(user.arrival.length, 54 + 1000);
        ck_assert_uint_eq(user.arrival.offload.needs, 0);
        ck_assert(packet_same_sum(
            packet_sum(user.bytes + 34, 1020, packet_sum(user.bytes + 26, 8, 6 + 1020)), 0));
    } else {
        ck_assert_uint_eq(user.arrival.length, length);
        ck_assert_uint_eq(user.arrival.offload.needs, VDEV_NET_CHECKSUM | VDEV_NET_TCP4);
        ck_assert_uint_eq(user.arrival.offload.segment_size, 1000);
    }
}
END_TEST

START_TEST(without_a_link_frames_are_dropped_and_complete)
{
    set_up(vdev_host_tap_name(tap), false);
    ck_assert_int_eq(net_watcher_send(&user, 60, 0), VDEV_OK);
    epoll_loop_run(&loop);
    ck_assert_uint_eq(user.completed, 1);
    ck_assert_int_eq(user.status, VDEV_OK);
    ck_assert_uint_eq(user.net->sent.dropped[VDEV_NET_DROP_NO_LINK], 1);
    ck_assert_uint_eq(user.net->sent.frames, 0);
}
END_TEST

START_TEST(an_inherited_descriptor_serves_and_a_second_user_is_told)
{
    struct vdev_host_error error = {{0}};
    const char *name = vdev_host_tap_name(tap);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    ck_assert_ptr_null(open_tap((struct vdev_host_tap_configuration){.interface = name}, &error));
    ck_assert_msg(strstr(error.text, "in use by another") != NULL, "%s", error.text);
    ck_assert_ptr_null(open_tap((struct vdev_host_tap_configuration){.interface = "lo"}, &error));
    ck_assert_msg(strstr(error.text, "no TAP interface") != NULL, "%s", error.text);
    ck_assert_ptr_null(open_tap(
        (struct vdev_host_tap_configuration){.interface = "a-name-longer-than-any"}, &error));
    ck_assert_msg(strstr(error.text, "no name") != NULL, "%s", error.text);
    ck_assert_ptr_null(open_tap((struct vdev_host_tap_configuration){.descriptor = null}, &error));
    ck_assert_msg(strstr(error.text, "is no TAP") != NULL, "%s", error.text);
    close(null);
}
END_TEST

/* Made by somebody else, who has told nothing but the descriptor. */
START_TEST(a_descriptor_says_all_that_is_to_be_known)
{
    struct vdev_host_error error = {{0}};
    struct ifreq request = {.ifr_flags =
                                (short)(IFF_TAP | IFF_NO_PI | (_i == 0 ? IFF_VNET_HDR : 0))};
    int descriptor = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    snprintf(request.ifr_name, sizeof request.ifr_name, "vdevgift%%d");
    ck_assert_int_eq(ioctl(descriptor, TUNSETIFF, &request), 0);
    struct vdev_host_tap *gift =
        open_tap((struct vdev_host_tap_configuration){.descriptor = descriptor}, &error);
    ck_assert_msg(gift != NULL, "%s", error.text);
    ck_assert_str_eq(vdev_host_tap_name(gift), request.ifr_name);
    ck_assert_int_eq(vdev_host_tap_net(gift)->takes != 0, _i == 0);
    ck_assert_uint_eq(vdev_host_tap_net(gift)->mtu, 1500);
    vdev_host_tap_close(gift);
    ck_assert_uint_eq(if_nametoindex(request.ifr_name), 0);
}
END_TEST

static bool can_make_an_interface(void)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int descriptor = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    snprintf(request.ifr_name, sizeof request.ifr_name, "vdevtest%%d");
    bool can = descriptor >= 0 && ioctl(descriptor, TUNSETIFF, &request) == 0;
    if (descriptor >= 0) {
        close(descriptor);
    }
    return can;
}

int main(void)
{
    Suite *suite = suite_create("host_tap");
    TCase *header = tcase_create("header");
    TCase *interface = tcase_create("interface");

    tcase_add_loop_test(header, offloads_and_headers_say_the_same, 0,
                        (int)(sizeof cases / sizeof cases[0]));
    tcase_add_loop_test(header, headers_that_make_no_sense_are_refused, 0,
                        (int)(sizeof refused / sizeof refused[0]));
    tcase_add_test(header, a_flag_of_ecn_without_segmentation_means_nothing);
    suite_add_tcase(suite, header);

    tcase_add_checked_fixture(interface, setup, teardown);
    tcase_add_test(interface, what_is_sent_arrives_at_the_interface);
    tcase_add_test(interface, what_the_host_sends_arrives_at_the_client);
    tcase_add_test(interface, frames_without_room_are_kept_in_order_and_cost_no_turns);
    tcase_add_test(interface, a_long_segment_goes_through_unsegmented_when_sent);
    tcase_add_loop_test(interface, the_kernel_does_for_a_client_what_that_does_not_accept, 0, 2);
    tcase_add_test(interface, without_a_link_frames_are_dropped_and_complete);
    tcase_add_test(interface, an_inherited_descriptor_serves_and_a_second_user_is_told);
    tcase_add_loop_test(interface, a_descriptor_says_all_that_is_to_be_known, 0, 2);
    if (can_make_an_interface()) {
        suite_add_tcase(suite, interface);
    } else {
        printf("skipped: tests with a TAP interface, as none can be made here\n");
    }
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures != 0;
}
