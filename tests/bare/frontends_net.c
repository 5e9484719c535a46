/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The net front-end on QEMU's virtio-net, in QEMU's user network 10.0.2.0/24: 10.0.2.2 answers ARP
 * and ICMP itself, and passes datagrams on to the host's loopback, where frontends.py has a server.
 * Its port is the last two bytes of the device's address. What the host has to do to the device it
 * is told by lines that begin with "net: ".
 */
#include <stddef.h>

#include <vdev/status.h>

#include "core/mem.h"
#include "frontends.h"
#include "frontends_station.h"
#include "runtime/runtime.h"

/* The distributor's pending bits: a level interrupt's follows its line [GICv2 §4.3.7]. */
#define GICD_ISPENDR 0x2C001200u

static const char *describes_itself(void)
{
    static const uint8_t beginning[] = {0x52, 0x54, 0x00, 0x76};

    if (memcmp(station.frontend.net.address, beginning, sizeof beginning) != 0) {
        return "address";
    }
    return station.frontend.net.mtu == VDEV_NET_MTU && station.frontend.net.link ? NULL
                                                                                 : "MTU, or link";
}

static const char *arp(void)
{
    static const uint8_t everybody[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct sending *sending = station_next_sending();
    uint8_t *frame = sending->bytes;
    uint64_t since = vdev_clock_now(&bare_clock);

    /* Ethernet and IPv4 addresses, a request [RFC 826]. */
    static const uint8_t request[] = {0, 1, 8, 0, 6, 4, 0, 1};
    memset(frame, 0, 60);
    station_put_ethernet(frame, everybody, 0x0806);
    memcpy(frame + NETWORK, request, sizeof request);
    memcpy(frame + NETWORK + 8, station.frontend.net.address, 6);
    memcpy(frame + NETWORK + 14, STATION_ADDRESS, 4);
    memcpy(frame + NETWORK + 24, STATION_SERVER, 4);
    if (station_submit(sending, 60, false) != VDEV_OK || !station_all_sent()) {
        return "not sent";
    }
    while (station_wait_for_frame(since)) {
        const uint8_t *answer = station.arrived + NETWORK;
        bool good = station.arrived_length >= 42 && get16(station.arrived + TYPE) == 0x0806 &&
                    get16(answer + 6) == 2 && memcmp(answer + 14, STATION_SERVER, 4) == 0 &&
                    vdev_net_same_address(station.arrived, station.frontend.net.address);
        if (good) {
            memcpy(station.server_address, answer + 8, sizeof station.server_address);
        }
        station_done_with_arrived();
        if (good) {
            return NULL;
        }
    }
    return "no answer";
}

static const char *ping(uint32_t length, uint32_t number, bool scattered)
{
    struct sending *sending = station_next_sending();
    uint8_t *frame = sending->bytes;
    uint64_t since = vdev_clock_now(&bare_clock);
    uint32_t payload;

    station_put_network(frame, ICMP, length);
    memset(frame + TRANSPORT, 0, 8);
    frame[TRANSPORT] = 8; /* echo request [RFC 792] */
    put16(frame + TRANSPORT + 6, number);
    for (uint32_t i = 0; i < length; i++) {
        frame[PAYLOAD + i] = net_pattern(number, i);
    }
    station_put_sum(frame + TRANSPORT + 2, station_sum(frame + TRANSPORT, 8 + length, 0));
    if (station_submit(sending, PAYLOAD + length, scattered) != VDEV_OK || !station_all_sent()) {
        return "not sent";
    }
    while (station_wait_for_frame(since)) {
        bool ours = station_is_for_us(ICMP, &payload) && station.arrived[TRANSPORT] == 0 &&
                    get16(station.arrived + TRANSPORT + 6) == number;
        bool good = ours && payload == length &&
                    memcmp(station.arrived + PAYLOAD, frame + PAYLOAD, length) == 0;
        station_done_with_arrived();
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
    struct sending *sending = station_next_sending();
    uint8_t *frame = sending->bytes;

    station_put_network(frame, UDP, length);
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
    station_put_sum(frame + TRANSPORT + 6, station_udp_sum(frame, length));
    return station_submit(sending, PAYLOAD + length, number % 3 == 0);
}

/* The next answer, which has to be this one: the way there and back keeps the order. */
static const char *take_answer(uint32_t number, uint32_t length)
{
    uint64_t since = vdev_clock_now(&bare_clock);
    uint32_t payload;

    while (station_wait_for_frame(since)) {
        const char *why = NULL;
        bool ours = station_is_for_us(UDP, &payload);
        if (ours && (payload != length || get32(station.arrived + PAYLOAD) != number)) {
            why = "another datagram came";
        }
        for (uint32_t i = 5; ours && why == NULL && i < length; i++) {
            if ((station.arrived[PAYLOAD + i] ^ net_pattern(number, i)) != 0xff) {
                why = "other content came";
            }
        }
        station_done_with_arrived();
        if (ours) {
            return why;
        }
    }
    return "no answer";
}

/* `count` datagrams, four of them on their way at a time. */
static const char *datagrams(uint32_t first, uint32_t count, uint32_t length)
{
    uint32_t port = get16(station.frontend.net.address + 4);

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
    uint32_t port = get16(station.frontend.net.address + 4);

    if (send_datagram(port, first, count, length) != VDEV_OK || !station_all_sent()) {
        return "not sent";
    }
    vdev_clock_delay(&bare_clock, 20000000);
    station.was_full = false;
    if (!station_wait_for(&station.was_full)) {
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
    struct sending *sending = station_next_sending();

    if (station_submit(sending, VDEV_NET_HEADER_BYTES - 1, false) != VDEV_ERROR_INVALID) {
        return "a short one";
    }
    memset(sending->bytes, 0, sizeof sending->bytes);
    return station_submit(sending, 1519, false) == VDEV_ERROR_RANGE ? NULL : "a long one";
}

static const char *commands(void)
{
    static const uint8_t addresses[][VDEV_NET_ADDRESS_BYTES] = {
        {0x01, 0x00, 0x5e, 1, 2, 3}, {0x02, 0, 0, 0, 0, 9}, {0x33, 0x33, 0, 0, 0, 1}};

    if (vdev_net_set_receive_mode(&station.frontend.net, VDEV_NET_RECEIVE_ALL_MULTICAST) !=
            VDEV_OK ||
        vdev_net_frontend_set_filter(&station.frontend, addresses, 3) != VDEV_OK) {
        return "not taken";
    }
    uint64_t since = vdev_clock_now(&bare_clock);
    while (station.frontend.command != 0 || station.frontend.commands != 0) {
        vdev_net_poll(&station.frontend.net);
        if (vdev_clock_now(&bare_clock) - since > STATION_PATIENCE) {
            return "not answered";
        }
    }
    return station.frontend.refused == 0 ? NULL : "refused";
}

static const char *announces(void)
{
    uint64_t since = vdev_clock_now(&bare_clock);

    station.changes = 0;
    while (station.changes == 0 || station.frontend.command != 0 ||
           station.frontend.commands != 0) {
        vdev_net_poll(&station.frontend.net);
        if (vdev_clock_now(&bare_clock) - since > STATION_PATIENCE) {
            return station.changes == 0 ? "never asked" : "not acknowledged";
        }
    }
    /* A device that did not see the acknowledgement asks again with the next change. */
    return station.frontend.announcements == 1 && station.frontend.refused == 0 ? NULL : "not once";
}

static const char *loses_its_link(void)
{
    uint64_t since = vdev_clock_now(&bare_clock);

    station.changes = 0;
    while (station.frontend.net.link) {
        vdev_net_poll(&station.frontend.net);
        if (vdev_clock_now(&bare_clock) - since > STATION_PATIENCE) {
            return "still up";
        }
    }
    if (station.changes != 1) {
        return "not told";
    }
    uint32_t dropped = station.frontend.net.sent.dropped[VDEV_NET_DROP_NO_LINK];
    struct sending *sending = station_next_sending();
    memset(sending->bytes, 0xff, 60);
    if (station_submit(sending, 60, false) != VDEV_OK || !station_all_sent()) {
        return "a frame did not complete";
    }
    return station.frontend.net.sent.dropped[VDEV_NET_DROP_NO_LINK] == dropped + 1 ? NULL
                                                                                   : "not counted";
}

static const char *finds_its_link(void)
{
    if (!station_wait_for(&station.frontend.net.link)) {
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
    while (vdev_net_poll(&station.frontend.net)) {
    }
    if (line_is_high(spi)) {
        return "high before anything was sent";
    }
    uint64_t since = vdev_clock_now(&bare_clock);
    if (send_datagram(get16(station.frontend.net.address + 4), 500000, 1, 100) != VDEV_OK) {
        return "not sent";
    }
    while (!line_is_high(spi)) {
        if (vdev_clock_now(&bare_clock) - since > STATION_PATIENCE) {
            return "never high";
        }
    }
    const char *why = take_answer(500000, 100);
    if (why != NULL) {
        return why;
    }
    vdev_clock_delay(&bare_clock, 20000000);
    while (vdev_net_poll(&station.frontend.net)) {
    }
    return line_is_high(spi) ? "still high" : NULL;
}

static const char *stops(void)
{
    struct sending *sending = station_next_sending();

    memset(sending->bytes, 0xff, 60);
    if (station_submit(sending, 60, false) != VDEV_OK) {
        return "not sent";
    }
    int status = vdev_net_frontend_stop(&station.frontend);
    if (status != VDEV_OK) {
        return vdev_status_name(status);
    }
    if (sending->result != VDEV_ERROR_ABSENT) {
        return "the frame did not come back";
    }
    return station_submit(sending, 60, false) == VDEV_ERROR_ABSENT ? NULL : "it still takes frames";
}

static const char *no_rule_broken(void)
{
    return station.frontend.restarts.all == 0 && station.frontend.refused == 0 ? NULL
                                                                               : "it was restarted";
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
    int status = station_start(mmio, true);

    if (report(device, " starts", status == VDEV_OK ? NULL : vdev_status_name(status))) {
        report(device, " has its MTU", station.frontend.net.mtu == mtu ? NULL : "another");
        status = vdev_net_set_receive_mode(&station.frontend.net, VDEV_NET_RECEIVE_ALL);
        report(device, " has no modes", status == VDEV_ERROR_UNSUPPORTED ? NULL : "it has");
        report(device, " asks for an address", arp());
        report(device, " pings of every size", pings(20, mtu - 28));
        report(device, " datagrams there and back", datagrams(2000, 100, mtu - 28));
        report(device, " burst of datagrams", burst(3000, 40, mtu - 28));
        report(device, " broke no rule", no_rule_broken());
        status = vdev_net_frontend_stop(&station.frontend);
        report(device, " stops", status == VDEV_OK ? NULL : vdev_status_name(status));
    }
}

void net_tests(struct vdev_virtio_mmio_driver *mmio, uint32_t spi,
               struct vdev_virtio_mmio_driver *limited)
{
    int status = station_start(mmio, false);

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
