/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of TCP and UDP over IP for tests: made, and looked at again, byte by byte and by the
 * RFCs alone. Shares nothing with the library's own reading of them, so that both can be wrong only
 * in different ways.
 */
#ifndef TESTS_SUPPORT_NET_PACKET_H
#define TESTS_SUPPORT_NET_PACKET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <vdev/net.h>

#define PACKET_BYTES (65535 + 192)

/* The ones' complement sum, most significant byte first, not complemented [RFC 1071 §1]. */
static inline uint16_t packet_sum(const uint8_t *bytes, size_t length, uint32_t sum)
{
    for (size_t i = 0; i < length; i++) {
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

static inline uint32_t packet_number(const uint8_t *bytes, unsigned count)
{
    uint32_t number = 0;
    for (unsigned i = 0; i < count; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

static inline void packet_put(uint8_t *bytes, unsigned count, uint32_t number)
{
    for (unsigned i = count; i-- != 0; number >>= 8) {
        bytes[i] = (uint8_t)number;
    }
}

/* Zero and 0xffff are the same number in ones' complement. */
static inline bool packet_same_sum(uint16_t one, uint16_t other)
{
    return one % 0xffff == other % 0xffff;
}

/* The same numbers in each run of a test. */
static uint64_t packet_random_state;

static inline uint32_t packet_random(uint32_t most)
{
    packet_random_state = packet_random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(packet_random_state >> 33) % most;
}

/* ---- making one ---- */

struct packet_form {
    bool version6;
    bool udp;
    unsigned tags;       /* of VLANs */
    unsigned ip_options; /* words of IPv4's */
    uint8_t
        extensions[4]; /* IPv6: kinds of extension headers, 59 for none; the nth has n * 8 bytes */
    unsigned extension_count;
    unsigned tcp_options; /* words */
    uint8_t tcp_flags;
    uint16_t identification;
    uint32_t sequence;
    uint16_t segment_size;
    uint32_t payload;
};

struct packet {
    uint8_t bytes[PACKET_BYTES];
    uint32_t length;
    uint32_t network, transport, payload; /* offsets */
    struct vdev_net_offload offload;
};

static inline uint32_t packet_transport(struct packet *packet, const struct packet_form *form,
                                        uint32_t at)
{
    uint8_t *transport = packet->bytes + at;

    packet->transport = at;
    packet_put(transport, 4, 0x1f901388); /* ports */
    packet->offload.checksum_start = (uint16_t)at;
    if (form->udp) {
        packet_put(transport + 4, 2, 8 + form->payload);
        packet->offload.checksum_offset = 6;
        return at + 8;
    }
    packet_put(transport + 4, 4, form->sequence);
    packet_put(transport + 8, 4, 0xfedcba98);
    transport[12] = (uint8_t)((5 + form->tcp_options) << 4);
    transport[13] = form->tcp_flags;
    packet_put(transport + 14, 2, 0xf00d); /* window */
    for (unsigned i = 0; i < 4 * form->tcp_options; i++) {
        transport[20 + i] = 1; /* no operation */
    }
    packet->offload.checksum_offset = 16;
    return at + 20 + 4 * form->tcp_options;
}

/* Fill in everything, as a sender does that leaves segments and checksum to others. */
static inline void packet_make(struct packet *packet, const struct packet_form *form)
{
    uint32_t at = 12;

    memset(packet, 0, 2048);
    for (unsigned i = 0; i < 12; i++) {
        packet->bytes[i] = (uint8_t)(0x52 + i);
    }
    for (unsigned i = 0; i < form->tags; i++, at += 4) {
        packet_put(packet->bytes + at, 4, i + 1 == form->tags ? 0x81000005 : 0x88a80123);
    }
    packet_put(packet->bytes + at, 2, form->version6 ? 0x86dd : 0x0800);
    packet->network = at += 2;
    uint8_t *ip = packet->bytes + at;
    uint8_t protocol = form->udp ? 17 : 6;
    if (form->version6) {
        packet_put(ip, 4, 0x6002abcd);
        ip[7] = 64;
        for (unsigned i = 8; i < 40; i++) {
            ip[i] = (uint8_t)(0x20 + 3 * i);
        }
        uint8_t *next = &ip[6];
        at += 40;
        for (unsigned i = 0; i < form->extension_count; i++) {
            *next = form->extensions[i];
            next = packet->bytes + at;
            packet->bytes[at + 1] = (uint8_t)i;
            at += 8 * (i + 1);
        }
        *next = protocol;
    } else {
        ip[0] = (uint8_t)(0x45 + form->ip_options);
        packet_put(ip + 4, 2, form->identification);
        packet_put(ip + 6, 2, 0x4000);
        ip[8] = 64;
        ip[9] = protocol;
        packet_put(ip + 12, 4, 0x0a00020f);
        packet_put(ip + 16, 4, 0xc0a801fe);
        memset(ip + 20, 1, 4 * form->ip_options);
        at += 20 + 4 * form->ip_options;
    }
    packet->payload = packet_transport(packet, form, at);
    packet->length = packet->payload + form->payload;
    for (uint32_t i = 0; i < form->payload; i++) {
        packet->bytes[packet->payload + i] = (uint8_t)(i * 7 + (i >> 8) * 31 + 1);
    }
    packet->offload.segment_size = form->segment_size;
    packet->offload.needs = (uint8_t)(VDEV_NET_CHECKSUM | (form->segment_size == 0 ? 0
                                                           : form->udp             ? VDEV_NET_UDP
                                                           : form->version6        ? VDEV_NET_TCP6
                                                                            : VDEV_NET_TCP4));
}

/* ---- looking at one ---- */

/* Why a packet is not a good one of TCP or UDP, with checksums; NULL if it is. Fills in offsets. */
static inline const char *packet_fault(const uint8_t *bytes, uint32_t length, struct packet *packet)
{
    uint32_t at = 12;
    uint32_t sum;
    uint8_t protocol;

    while (packet_number(bytes + at, 2) == 0x8100 || packet_number(bytes + at, 2) == 0x88a8) {
        at += 4;
    }
    uint32_t type = packet_number(bytes + at, 2);
    packet->network = at += 2;
    const uint8_t *ip = bytes + at;
    if (type == 0x0800) {
        uint32_t header = 4 * (ip[0] & 15u);
        if (packet_number(ip + 2, 2) != length - at) {
            return "total length";
        }
        if (packet_sum(ip, header, 0) != 0xffff) {
            return "header checksum";
        }
        protocol = ip[9];
        at += header;
        sum = packet_sum(ip + 12, 8, 0);
    } else if (type == 0x86dd) {
        if (packet_number(ip + 4, 2) != length - at - 40) {
            return "payload length";
        }
        protocol = ip[6];
        at += 40;
        while (protocol != 6 && protocol != 17) {
            protocol = bytes[at];
            at += 8 * (bytes[at + 1] + 1u);
        }
        sum = packet_sum(ip + 8, 32, 0);
    } else {
        return "type";
    }
    packet->transport = at;
    if (protocol == 17) {
        packet->payload = at + 8;
        if (packet_number(bytes + at + 4, 2) != length - at) {
            return "UDP length";
        }
        if (packet_number(bytes + at + 6, 2) == 0) {
            return "no checksum";
        }
    } else {
        packet->payload = at + 4 * (bytes[at + 12] >> 4);
    }
    return packet_sum(bytes + at, length - at, sum + protocol + (length - at)) == 0xffff
               ? NULL
               : "checksum";
}

#endif
