/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A packet, cut into buffers anyhow, and its segments, compared with what RFCs say of them. State
 * of one test program: who includes it has one packet, one frame and one segmenter.
 */
#ifndef TESTS_SUPPORT_NET_SEGMENTS_H
#define TESTS_SUPPORT_NET_SEGMENTS_H

#include <stdlib.h>

#include <check.h>

#include <vdev/net_offload.h>
#include <vdev/status.h>

#include "net_packet.h"

#define MOST_PIECES 256u

static struct packet packet, seen;
static struct vdev_net_segmenter segmenter;
static struct vdev_net_frame frame;
static struct vdev_buffer buffers[MOST_PIECES], pieces[MOST_PIECES + 1];
static uint8_t flat[PACKET_BYTES];
static uint8_t *parts[MOST_PIECES];
static size_t part_count;

static inline void free_parts(void)
{
    while (part_count != 0) {
        free(parts[--part_count]);
    }
}

/* A piece of the packet in memory of exactly its size, and off by `offset` from an aligned place.
 */
static inline void add_part(size_t from, size_t length, size_t offset)
{
    uint8_t *memory = malloc(offset + length + (offset + length == 0));

    memcpy(memory + offset, packet.bytes + from, length);
    buffers[part_count] = (struct vdev_buffer){memory + offset, length, 0x1000000 + from};
    parts[part_count++] = memory;
}

/* The packet as a frame of pieces that end at the given offsets and at its end. */
static inline void cut(const size_t *cuts, size_t count)
{
    size_t from = 0;

    free_parts();
    for (size_t i = 0; i <= count; i++) {
        size_t to = i == count ? packet.length : cuts[i];
        add_part(from, to - from, (from + i) % 4);
        from = to;
    }
    frame = (struct vdev_net_frame){.buffers = buffers,
                                    .buffer_count = part_count,
                                    .length = packet.length,
                                    .offload = packet.offload};
}

static inline int begin(void)
{
    return vdev_net_segmenter_begin(&segmenter, &frame, pieces, MOST_PIECES + 1);
}

/* The segment made last, in one piece; returns its length. */
static inline uint32_t flatten(void)
{
    const struct vdev_net_frame *made = &segmenter.frame;
    struct vdev_cursor cursor = vdev_cursor(made->buffers, made->buffer_count);

    ck_assert_uint_eq(vdev_buffers_length(made->buffers, made->buffer_count), made->length);
    ck_assert_uint_le(made->length, sizeof flat);
    ck_assert_uint_eq(vdev_cursor_read(&cursor, flat, made->length), made->length);
    ck_assert_uint_eq(made->offload.needs, 0);
    ck_assert(made->offload.checksum_valid);
    ck_assert_uint_eq(made->offload.segment_size, 0);
    for (size_t i = 1; i < made->buffer_count; i++) {
        ck_assert_uint_ge(made->buffers[i].bus_address, 0x1000000); /* the payload's own */
    }
    return made->length;
}

static inline void check_headers(uint32_t number, uint32_t done, bool last)
{
    const struct vdev_net_offload *offload = &packet.offload;
    uint8_t *was = packet.bytes + packet.transport;
    uint8_t *is = flat + packet.transport;

    ck_assert_mem_eq(flat, packet.bytes, packet.network);
    if (packet_number(packet.bytes + packet.network - 2, 2) == 0x0800) {
        uint32_t identification = packet_number(packet.bytes + packet.network + 4, 2);
        ck_assert_uint_eq(packet_number(flat + packet.network + 4, 2),
                          (identification + number) & 0xffff);
        ck_assert_mem_eq(flat + packet.network + 6, packet.bytes + packet.network + 6, 4);
        ck_assert_mem_eq(flat + packet.network + 12, packet.bytes + packet.network + 12,
                         packet.transport - packet.network - 12);
    } else {
        ck_assert_mem_eq(flat + packet.network, packet.bytes + packet.network, 4);
        ck_assert_mem_eq(flat + packet.network + 6, packet.bytes + packet.network + 6,
                         packet.transport - packet.network - 6);
    }
    ck_assert_mem_eq(is, was, 4);
    if ((offload->needs & VDEV_NET_UDP) != 0) {
        return;
    }
    uint8_t flags = was[13];
    flags &= last ? 0xff : (uint8_t)~0x09; /* FIN, PSH */
    flags &= number == 0 || (offload->needs & VDEV_NET_ECN) == 0 ? 0xff : 0x7f;
    ck_assert_uint_eq(packet_number(is + 4, 4), packet_number(was + 4, 4) + done);
    ck_assert_mem_eq(is + 8, was + 8, 5);
    ck_assert_uint_eq(is[13], flags);
    ck_assert_mem_eq(is + 14, was + 14, 2);
    ck_assert_mem_eq(is + 18, was + 18, packet.payload - packet.transport - 18);
}

/* Take the frame apart, and see that the pieces are what it was. */
static inline void check_segments(void)
{
    uint32_t payload = packet.length - packet.payload;
    uint32_t size = packet.offload.segment_size;
    uint32_t count = payload == 0 ? 1 : (payload + size - 1) / size;
    uint32_t done = 0;

    ck_assert_int_eq(begin(), VDEV_OK);
    for (uint32_t number = 0; number < count; number++) {
        bool last = number + 1 == count;
        ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_OK);
        uint32_t length = flatten();
        ck_assert_ptr_null(packet_fault(flat, length, &seen));
        ck_assert_uint_eq(seen.payload, packet.payload);
        ck_assert_uint_eq(length, packet.payload + (last ? payload - done : size));
        check_headers(number, done, last);
        ck_assert_mem_eq(flat + packet.payload, packet.bytes + packet.payload + done,
                         length - packet.payload);
        done += length - packet.payload;
    }
    ck_assert_uint_eq(done, payload);
    ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_ERROR_EMPTY);
    ck_assert_int_eq(vdev_net_segmenter_next(&segmenter), VDEV_ERROR_EMPTY);
}

#define TCP4                                                                                       \
    {                                                                                              \
        .tcp_flags = 0x99, .segment_size = 100, .payload = 250, .identification = 0xfffe           \
    }
#define TCP6                                                                                       \
    {                                                                                              \
        .version6 = true, .tcp_flags = 0x19, .segment_size = 100, .payload = 250                   \
    }
#define UDP4                                                                                       \
    {                                                                                              \
        .udp = true, .segment_size = 100, .payload = 250, .identification = 7                      \
    }
#define UDP6                                                                                       \
    {                                                                                              \
        .version6 = true, .udp = true, .segment_size = 100, .payload = 250                         \
    }

static const struct packet_form forms[] = {
    TCP4,
    TCP6,
    UDP4,
    UDP6,
    {.tags = 1,
     .ip_options = 10,
     .tcp_options = 10,
     .segment_size = 77,
     .payload = 240,
     .sequence = 0xffffffc0,
     .tcp_flags = 0x39},
    {.tags = 2,
     .version6 = true,
     .tcp_options = 3,
     .segment_size = 99,
     .payload = 300,
     .extensions = {0, 43, 60},
     .extension_count = 3,
     .tcp_flags = 0xd9},
    {.tags = 2, .udp = true, .ip_options = 1, .segment_size = 101, .payload = 202},
    {.tags = 1,
     .version6 = true,
     .udp = true,
     .segment_size = 64,
     .payload = 129,
     .extensions = {60, 60},
     .extension_count = 2},
};

static inline void segments_setup(void)
{
    packet_random_state = 4;
}

#endif
