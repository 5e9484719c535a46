/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The net front-end on QEMU's virtio-net, in QEMU's user network 10.0.2.0/24: 10.0.2.2 answers ARP
 * and ICMP itself, and passes datagrams on to the host's loopback, where frontends.py has a server.
 * Its port is the last two bytes of the device's address. What the host has to do to the device it
 * is told by lines that begin with "net: ".
 */
#include <stddef.h>

#include <vdev/frontends/net.h>
#include <vdev/net_offload.h>
#include <vdev/status.h>

#include "core/mem.h"
#include "frontends.h"
#include "runtime/runtime.h"

#define QUEUE_SIZE     16u
#define CONTROL_SIZE   4u
#define RECEIVE_COUNT  8u
#define RECEIVE_SIZE   2048u
#define TRANSMISSIONS  4u
#define PIECES         8u
#define INDIRECT_COUNT 8u

#define PATIENCE 10000000000u /* nanoseconds */

/* The distributor's pending bits: a level interrupt's follows its line [GICv2 §4.3.7]. */
#define GICD_ISPENDR 0x2C001200u

/* Where fields begin in a frame. */
#define TYPE      12u
#define NETWORK   14u
#define TRANSPORT 34u
#define PAYLOAD   42u /* of ICMP and UDP alike */

#define ICMP 1u
#define UDP  17u

static const uint8_t OUR_NETWORK_ADDRESS[4] = {10, 0, 2, 15};
static const uint8_t SERVER[4] = {10, 0, 2, 2};

#define SHARED(array)                                                                              \
    {                                                                                              \
        array, sizeof(array), (uintptr_t)(array)                                                   \
    }
#define QUEUE_MEMORY(name, size)                                                                   \
    static _Alignas(16) uint8_t name##_descriptors[(size)*16];                                     \
    static _Alignas(4) uint8_t name##_driver[6 + 2 * (size)], name##_device[6 + 8 * (size)];       \
    static _Alignas(16) uint8_t name##_tables[(size)*16 * INDIRECT_COUNT];                         \
    static struct vdev_driver_slot name##_slots[size]
#define QUEUE(name, with_tables)                                                                   \
    {                                                                                              \
        .descriptors = SHARED(name##_descriptors), .driver = SHARED(name##_driver),                \
        .device = SHARED(name##_device), .slots = name##_slots, .indirect = SHARED(name##_tables), \
        .indirect_count = (with_tables) ? INDIRECT_COUNT : 0                                       \
    }

QUEUE_MEMORY(receive, QUEUE_SIZE);
QUEUE_MEMORY(transmit, QUEUE_SIZE);
QUEUE_MEMORY(control, CONTROL_SIZE);
static _Alignas(16) uint8_t receive_memory[RECEIVE_COUNT * RECEIVE_SIZE];
static _Alignas(16) uint8_t headers[TRANSMISSIONS * VDEV_NET_FRONTEND_SLOT_BYTES];
static _Alignas(16) uint8_t command[VDEV_NET_FRONTEND_CONTROL_BYTES];
static struct vdev_net_frontend_transmission transmissions[TRANSMISSIONS];
static struct vdev_buffer received[RECEIVE_COUNT], pieces[PIECES];
static struct vdev_net_frontend frontend;

/* ---- the client: one frame at a time; the next is kept meanwhile ---- */

static uint8_t arrived[VDEV_NET_FRONTEND_RECEIVE_BYTES];
static struct vdev_buffer arrived_room;
static uint32_t arrived_length; /* 0: none */
static bool was_full;
static uint32_t changes;

static int accept(void *owner, const struct vdev_net_arrival *arrival, struct vdev_net_room *room)
{
    (void)owner;
    if (arrived_length != 0) {
        was_full = true;
        return VDEV_ERROR_FULL;
    }
    if (arrival->length > sizeof arrived) {
        return VDEV_ERROR_RANGE;
    }
    arrived_length = arrival->length;
    arrived_room = (struct vdev_buffer){arrived, sizeof arrived, VDEV_NO_BUS_ADDRESS};
    *room = (struct vdev_net_room){&arrived_room, 1};
    return VDEV_OK;
}

static void delivered(void *owner, int status)
{
    (void)owner;
    if (status != VDEV_OK) {
        arrived_length = 0;
    }
}

static void changed(void *owner)
{
    (void)owner;
    changes++;
}

static void done_with_arrived(void)
{
    arrived_length = 0;
    vdev_net_resume(&frontend.net);
}

static int start(struct vdev_virtio_mmio_driver *mmio, bool plain)
{
    struct vdev_net_frontend_configuration configuration = {
        .transport = &mmio->driver,
        .clock = &bare_clock,
        .receive_queue = QUEUE(receive, false),
        .transmit_queue = QUEUE(transmit, !plain),
        .queue_size = QUEUE_SIZE,
        .receive_memory = SHARED(receive_memory),
        .receive_size = plain ? RECEIVE_SIZE : 512, /* full-size frames lie in three */
        .receive_count = RECEIVE_COUNT,
        .received = received,
        .merge = !plain,
        .accepts = VDEV_NET_CHECKSUM,
        .transmissions = transmissions,
        .transmission_count = TRANSMISSIONS,
        .headers = SHARED(headers),
        .pieces = pieces,
        .piece_count = PIECES,
        .address = {0x02, 0, 0, 0, 0, 1},
        .timeout_nanoseconds = PATIENCE,
    };
    if (!plain) {
        configuration.control_queue = (struct vdev_driver_queue_memory)QUEUE(control, false);
        configuration.control_queue_size = CONTROL_SIZE;
        configuration.control = (struct vdev_buffer)SHARED(command);
    }
    int status = vdev_net_frontend_init(&frontend, &configuration);
    frontend.net.client = (struct vdev_net_client){
        .accept = accept, .delivered = delivered, .changed = changed, .accepts = VDEV_NET_CHECKSUM};
    arrived_length = 0;
    was_full = false;
    return status;
}

/* ---- sending ---- */

#define WAITING 1 /* no status is positive */

struct sending {
    struct vdev_net_frame frame;
    struct vdev_buffer buffers[5];
    int result;
    uint8_t bytes[VDEV_NET_FRONTEND_RECEIVE_BYTES];
};

static struct sending sendings[TRANSMISSIONS];
static uint8_t server_address[VDEV_NET_ADDRESS_BYTES];

static void completed(struct vdev_net_frame *frame, int status)
{
    ((struct sending *)frame->owner)->result = status;
}

/* As one buffer, or in five of which three are odd. */
static int submit(struct sending *sending, uint32_t length, bool scattered)
{
    static const uint32_t cuts[] = {0, 13, 14, 35, 42};
    size_t count = scattered ? 5 : 1;

    for (size_t i = 0; i < count; i++) {
        uint32_t end = i + 1 < count ? cuts[i + 1] : length;
        sending->buffers[i] = (struct vdev_buffer){sending->bytes + cuts[i], end - cuts[i],
                                                   (uintptr_t)sending->bytes + cuts[i]};
    }
    sending->frame = (struct vdev_net_frame){.buffers = sending->buffers,
                                             .buffer_count = count,
                                             .length = length,
                                             .complete = completed,
                                             .owner = sending};
    sending->result = WAITING;
    int status = vdev_net_submit(&frontend.net, &sending->frame);
    if (status != VDEV_OK) {
        sending->result = status;
    }
    return status;
}

/* A sending that is free, polling until there is one; the front-end's time-out ends this. */
static struct sending *next_sending(void)
{
    for (;;) {
        for (size_t i = 0; i < TRANSMISSIONS; i++) {
            if (sendings[i].result != WAITING) {
                return &sendings[i];
            }
        }
        vdev_net_poll(&frontend.net);
    }
}

static bool all_sent(void)
{
    bool good = true;

    for (size_t i = 0; i < TRANSMISSIONS; i++) {
        while (sendings[i].result == WAITING) {
            vdev_net_poll(&frontend.net);
        }
        good &= sendings[i].result == VDEV_OK;
    }
    return good;
}

/* ---- frames ---- */

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

static uint16_t sum_of(const void *bytes, size_t length, uint16_t sum)
{
    struct vdev_buffer buffer = {(void *)(uintptr_t)bytes, length, VDEV_NO_BUS_ADDRESS};
    struct vdev_cursor cursor = vdev_cursor(&buffer, 1);
    return vdev_net_sum(&cursor, length, sum);
}

static void put_sum(uint8_t *at, uint16_t sum)
{
    sum = (uint16_t)~sum;
    memcpy(at, &sum, 2);
}

static void put_ethernet(uint8_t *frame, const uint8_t *to, uint32_t type)
{
    memcpy(frame, to, VDEV_NET_ADDRESS_BYTES);
    memcpy(frame + 6, frontend.net.address, VDEV_NET_ADDRESS_BYTES);
    put16(frame + TYPE, type);
}

/* All before the payload but the transport's header; `length` is the payload's. */
static void put_network(uint8_t *frame, uint8_t protocol, uint32_t length)
{
    uint8_t *network = frame + NETWORK;

    put_ethernet(frame, server_address, 0x0800);
    memset(network, 0, 20);
    network[0] = 0x45;
    put16(network + 2, PAYLOAD - NETWORK + length);
    network[8] = 64;
    network[9] = protocol;
    memcpy(network + 12, OUR_NETWORK_ADDRESS, 4);
    memcpy(network + 16, SERVER, 4);
    put_sum(network + 10, sum_of(network, 20, 0));
}

static uint16_t udp_sum(const uint8_t *frame, uint32_t length)
{
    uint8_t pseudo[12] = {0};

    memcpy(pseudo, frame + NETWORK + 12, 8);
    pseudo[9] = UDP;
    put16(pseudo + 10, 8 + length);
    return sum_of(frame + TRANSPORT, 8 + length, sum_of(pseudo, sizeof pseudo, 0));
}

/* Is it an IPv4 packet for us, of this protocol, whole and with the sums that it should have? */
static bool is_for_us(uint8_t protocol, uint32_t *payload)
{
    const uint8_t *network = arrived + NETWORK;

    if (arrived_length < PAYLOAD || get16(arrived + TYPE) != 0x0800 || network[0] != 0x45 ||
        network[9] != protocol || memcmp(network + 12, SERVER, 4) != 0 ||
        memcmp(network + 16, OUR_NETWORK_ADDRESS, 4) != 0 ||
        !vdev_net_same_address(arrived, frontend.net.address) ||
        get16(network + 2) < PAYLOAD - NETWORK || get16(network + 2) + NETWORK > arrived_length) {
        return false;
    }
    *payload = get16(network + 2) + NETWORK - PAYLOAD;
    uint16_t sum =
        protocol == UDP ? udp_sum(arrived, *payload) : sum_of(arrived + TRANSPORT, 8 + *payload, 0);
    return sum_of(network, 20, 0) == 0xffff && sum == 0xffff;
}

/* Polls until a frame is there, at most until the patience from `since` on is at its end. */
static bool wait_for_frame(uint64_t since)
{
    while (arrived_length == 0) {
        vdev_net_poll(&frontend.net);
        if (vdev_clock_now(&bare_clock) - since > PATIENCE) {
            return false;
        }
    }
    return true;
}

static bool wait_for(const bool *flag)
{
    uint64_t since = vdev_clock_now(&bare_clock);

    while (!*(const volatile bool *)flag) {
        vdev_net_poll(&frontend.net);
        if (vdev_clock_now(&bare_clock) - since > PATIENCE) {
            return false;
        }
    }
    return true;
}

/* ---- the tests ---- */

static const char *describes_itself(void)
{
    static const uint8_t beginning[] = {0x52, 0x54, 0x00, 0x76};

    if (memcmp(frontend.net.address, beginning, sizeof beginning) != 0) {
        return "address";
    }
    return frontend.net.mtu == VDEV_NET_MTU && frontend.net.link ? NULL : "MTU, or link";
}

static const char *arp(void)
{
    static const uint8_t everybody[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct sending *sending = next_sending();
    uint8_t *frame = sending->bytes;
    uint64_t since = vdev_clock_now(&bare_clock);

    /* Ethernet and IPv4 addresses, a request [RFC 826]. */
    static const uint8_t request[] = {0, 1, 8, 0, 6, 4, 0, 1};
    memset(frame, 0, 60);
    put_ethernet(frame, everybody, 0x0806);
    memcpy(frame + NETWORK, request, sizeof request);
    memcpy(frame + NETWORK + 8, frontend.net.address, 6);
    memcpy(frame + NETWORK + 14, OUR_NETWORK_ADDRESS, 4);
    memcpy(frame + NETWORK + 24, SERVER, 4);
    if (submit(sending, 60, false) != VDEV_OK || !all_sent()) {
        return "not sent";
    }
    while (wait_for_frame(since)) {
        const uint8_t *answer = arrived + NETWORK;
        bool good = arrived_length >= 42 && get16(arrived + TYPE) == 0x0806 &&
                    get16(answer + 6) == 2 && memcmp(answer + 14, SERVER, 4) == 0 &&
                    vdev_net_same_address(arrived, frontend.net.address);
        if (good) {
            memcpy(server_address, answer + 8, sizeof server_address);
        }
        done_with_arrived();
        if (good) {
            return NULL;
        }
    }
    return "no answer";
}

static const char *ping(uint32_t length, uint32_t number, bool scattered)
{
    struct sending *sending = next_sending();
    uint8_t *frame = sending->bytes;
    uint64_t since = vdev_clock_now(&bare_clock);
    uint32_t payload;

    put_network(frame, ICMP, length);
    memset(frame + TRANSPORT, 0, 8);
    frame[TRANSPORT] = 8; /* echo request [RFC 792] */
    put16(frame + TRANSPORT + 6, number);
    for (uint32_t i = 0; i < length; i++) {
        frame[PAYLOAD + i] = net_pattern(number, i);
    }
    put_sum(frame + TRANSPORT + 2, sum_of(frame + TRANSPORT, 8 + length, 0));
    if (submit(sending, PAYLOAD + length, scattered) != VDEV_OK || !all_sent()) {
        return "not sent";
    }
    while (wait_for_frame(since)) {
        bool ours = is_for_us(ICMP, &payload) && arrived[TRANSPORT] == 0 &&
                    get16(arrived + TRANSPORT + 6) == number;
        bool good =
            ours && payload == length && memcmp(arrived + PAYLOAD, frame + PAYLOAD, length) == 0;
        done_with_arrived();
        if (ours) {
            return good ? NULL : "another content came back";
        }
    }
    return "no answer";
}

static const char *pings(uint32_t first, uint32_t longest)
{
    static const uint32_t lengths[] = {0, 1, 18, 56, 457, 458, 459, 512, 1000, 1400, 1471, 1472};

    for (uint32_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        if (lengths[i] <= longest) {
            const char *why = ping(lengths[i], first + i, i % 2 != 0);
            if (why != NULL) {
                return why;
            }
        }
    }
    return NULL;
}

static int send_datagram(uint32_t port, uint32_t number, uint8_t answers, uint32_t length)
{
    struct sending *sending = next_sending();
    uint8_t *frame = sending->bytes;

    put_network(frame, UDP, length);
    put16(frame + TRANSPORT, 4000);
    put16(frame + TRANSPORT + 2, port);
    put16(frame + TRANSPORT + 4, 8 + length);
    put16(frame + TRANSPORT + 6, 0);
    put16(frame + PAYLOAD, number >> 16);
    put16(frame + PAYLOAD + 2, number);
    frame[PAYLOAD + 4] = answers;
    for (uint32_t i = 5; i < length; i++) {
        frame[PAYLOAD + i] = net_pattern(number, i);
    }
    put_sum(frame + TRANSPORT + 6, udp_sum(frame, length));
    return submit(sending, PAYLOAD + length, number % 3 == 0);
}

/* The next answer, which has to be this one: the way there and back keeps the order. */
static const char *take_answer(uint32_t number, uint32_t length)
{
    uint64_t since = vdev_clock_now(&bare_clock);
    uint32_t payload;

    while (wait_for_frame(since)) {
        const char *why = NULL;
        bool ours = is_for_us(UDP, &payload);
        if (ours && (payload != length || get32(arrived + PAYLOAD) != number)) {
            why = "another datagram came";
        }
        for (uint32_t i = 5; ours && why == NULL && i < length; i++) {
            if ((arrived[PAYLOAD + i] ^ net_pattern(number, i)) != 0xff) {
                why = "other content came";
            }
        }
        done_with_arrived();
        if (ours) {
            return why;
        }
    }
    return "no answer";
}

/* `count` datagrams, four of them on their way at a time. */
static const char *datagrams(uint32_t first, uint32_t count, uint32_t length)
{
    uint32_t port = get16(frontend.net.address + 4);

    for (uint32_t sent = 0, answered = 0; answered < count;) {
        if (sent < count && sent - answered < 4) {
            if (send_datagram(port, first + sent, 1, length) != VDEV_OK) {
                return "not sent";
            }
            sent++;
            continue;
        }
        const char *why = take_answer(first + answered++, length);
        if (why != NULL) {
            return why;
        }
    }
    return NULL;
}

/* Many datagrams at once from the host, more than the ring holds, while nobody looks. */
static const char *burst(uint32_t first, uint8_t count, uint32_t length)
{
    uint32_t port = get16(frontend.net.address + 4);

    if (send_datagram(port, first, count, length) != VDEV_OK || !all_sent()) {
        return "not sent";
    }
    vdev_clock_delay(&bare_clock, 20000000);
    was_full = false;
    if (!wait_for(&was_full)) {
        return "nothing was kept";
    }
    for (uint32_t i = 0; i < count; i++) {
        const char *why = take_answer(first + i, length);
        if (why != NULL) {
            return why;
        }
    }
    return NULL;
}

static const char *refuses(void)
{
    struct sending *sending = next_sending();

    if (submit(sending, VDEV_NET_HEADER_BYTES - 1, false) != VDEV_ERROR_INVALID) {
        return "a short one";
    }
    memset(sending->bytes, 0, sizeof sending->bytes);
    return submit(sending, 1519, false) == VDEV_ERROR_RANGE ? NULL : "a long one";
}

static const char *commands(void)
{
    static const uint8_t addresses[][VDEV_NET_ADDRESS_BYTES] = {
        {0x01, 0x00, 0x5e, 1, 2, 3}, {0x02, 0, 0, 0, 0, 9}, {0x33, 0x33, 0, 0, 0, 1}};

    if (vdev_net_set_receive_mode(&frontend.net, VDEV_NET_RECEIVE_ALL_MULTICAST) != VDEV_OK ||
        vdev_net_frontend_set_filter(&frontend, addresses, 3) != VDEV_OK) {
        return "not taken";
    }
    uint64_t since = vdev_clock_now(&bare_clock);
    while (frontend.command != 0 || frontend.commands != 0) {
        vdev_net_poll(&frontend.net);
        if (vdev_clock_now(&bare_clock) - since > PATIENCE) {
            return "not answered";
        }
    }
    return frontend.refused == 0 ? NULL : "refused";
}

static const char *announces(void)
{
    uint64_t since = vdev_clock_now(&bare_clock);

    changes = 0;
    while (changes == 0 || frontend.command != 0 || frontend.commands != 0) {
        vdev_net_poll(&frontend.net);
        if (vdev_clock_now(&bare_clock) - since > PATIENCE) {
            return changes == 0 ? "never asked" : "not acknowledged";
        }
    }
    /* A device that did not see the acknowledgement asks again with the next change. */
    return frontend.announcements == 1 && frontend.refused == 0 ? NULL : "not once";
}

static const char *loses_its_link(void)
{
    uint64_t since = vdev_clock_now(&bare_clock);

    changes = 0;
    while (frontend.net.link) {
        vdev_net_poll(&frontend.net);
        if (vdev_clock_now(&bare_clock) - since > PATIENCE) {
            return "still up";
        }
    }
    if (changes != 1) {
        return "not told";
    }
    uint32_t dropped = frontend.net.sent.dropped[VDEV_NET_DROP_NO_LINK];
    struct sending *sending = next_sending();
    memset(sending->bytes, 0xff, 60);
    if (submit(sending, 60, false) != VDEV_OK || !all_sent()) {
        return "a frame did not complete";
    }
    return frontend.net.sent.dropped[VDEV_NET_DROP_NO_LINK] == dropped + 1 ? NULL : "not counted";
}

static const char *finds_its_link(void)
{
    if (!wait_for(&frontend.net.link)) {
        return "still down";
    }
    return ping(100, 99, false);
}

static bool line_is_high(uint32_t spi)
{
    uint32_t number = 32 + spi;
    return (*(const volatile uint32_t *)(GICD_ISPENDR + number / 32 * 4) >> number % 32 & 1) != 0;
}

/* Sent and answered without a look: the line says so; polling until there is no more lowers it. */
static const char *line_rises_and_falls(uint32_t spi)
{
    vdev_clock_delay(&bare_clock, 20000000);
    while (vdev_net_poll(&frontend.net)) {
    }
    if (line_is_high(spi)) {
        return "high before anything was sent";
    }
    uint64_t since = vdev_clock_now(&bare_clock);
    if (send_datagram(get16(frontend.net.address + 4), 500000, 1, 100) != VDEV_OK) {
        return "not sent";
    }
    while (!line_is_high(spi)) {
        if (vdev_clock_now(&bare_clock) - since > PATIENCE) {
            return "never high";
        }
    }
    const char *why = take_answer(500000, 100);
    if (why != NULL) {
        return why;
    }
    vdev_clock_delay(&bare_clock, 20000000);
    while (vdev_net_poll(&frontend.net)) {
    }
    return line_is_high(spi) ? "still high" : NULL;
}

static const char *stops(void)
{
    struct sending *sending = next_sending();

    memset(sending->bytes, 0xff, 60);
    if (submit(sending, 60, false) != VDEV_OK) {
        return "not sent";
    }
    int status = vdev_net_frontend_stop(&frontend);
    if (status != VDEV_OK) {
        return vdev_status_name(status);
    }
    if (sending->result != VDEV_ERROR_ABSENT) {
        return "the frame did not come back";
    }
    return submit(sending, 60, false) == VDEV_ERROR_ABSENT ? NULL : "it still takes frames";
}

static const char *no_rule_broken(void)
{
    return frontend.restarts.all == 0 && frontend.refused == 0 ? NULL : "it was restarted";
}

/* One line of a test's result, of which device it is. */
static bool report(const char *device, const char *what, const char *why)
{
    char name[80];
    size_t length = 0;

    for (const char *from = "net "; *from != 0; from++) {
        name[length++] = *from;
    }
    for (const char *from = device; *from != 0; from++) {
        name[length++] = *from;
    }
    for (const char *from = what; *from != 0 && length < sizeof name - 1; from++) {
        name[length++] = *from;
    }
    name[length] = 0;
    return bare_report(name, why);
}

static void plain_tests(const char *device, struct vdev_virtio_mmio_driver *mmio, uint32_t mtu)
{
    int status = start(mmio, true);

    if (report(device, " starts", status == VDEV_OK ? NULL : vdev_status_name(status))) {
        report(device, " has its MTU", frontend.net.mtu == mtu ? NULL : "another");
        status = vdev_net_set_receive_mode(&frontend.net, VDEV_NET_RECEIVE_ALL);
        report(device, " has no modes", status == VDEV_ERROR_UNSUPPORTED ? NULL : "it has");
        report(device, " asks for an address", arp());
        report(device, " pings of every size", pings(20, mtu - 28));
        report(device, " datagrams there and back", datagrams(2000, 100, mtu - 28));
        report(device, " burst of datagrams", burst(3000, 40, mtu - 28));
        report(device, " broke no rule", no_rule_broken());
        status = vdev_net_frontend_stop(&frontend);
        report(device, " stops", status == VDEV_OK ? NULL : vdev_status_name(status));
    }
}

void net_tests(struct vdev_virtio_mmio_driver *mmio, uint32_t spi,
               struct vdev_virtio_mmio_driver *limited)
{
    int status = start(mmio, false);

    if (!bare_report("net starts", status == VDEV_OK ? NULL : vdev_status_name(status))) {
        return;
    }
    bare_report("net describes itself", describes_itself());
    bare_report("net asks for an address", arp());
    bare_report("net pings of every size", pings(1, 1472));
    bare_report("net datagrams of 64 bytes", datagrams(0, 100, 64));
    bare_report("net datagrams of 512 bytes", datagrams(200, 100, 512));
    bare_report("net datagrams of 1472 bytes", datagrams(400, 300, 1472));
    bare_report("net burst of datagrams", burst(1000, 40, 1472));
    bare_report("net refuses what it cannot send", refuses());
    bare_report("net line rises and falls", line_rises_and_falls(spi));
    bare_report("net commands are taken", commands());
    bare_print("net: filter\n");
    bare_print("net: announce\n");
    bare_report("net announces itself", announces());
    bare_print("net: unplug\n");
    bare_report("net loses its link", loses_its_link());
    bare_print("net: plug\n");
    bare_report("net finds its link", finds_its_link());
    bare_report("net broke no rule", no_rule_broken());
    bare_report("net stops with a frame in flight", stops());
    /* Once more, without what a device may lack: by our choice, then by the device's. */
    plain_tests("kept plain", mmio, VDEV_NET_MTU);
    plain_tests("made plain", limited, 1400);
}
