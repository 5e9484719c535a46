/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segmentation and checksums in software. One private copy of a frame's headers is checked, then
 * serves all of its segments: what differs between them is patched into it, and the sums of what
 * does not are taken once. The payload is gone over once, for its checksum, and never copied.
 */
#include <vdev/net_offload.h>
#include <vdev/status.h>

#include "core/mem.h"

#define EVERYTHING (VDEV_NET_CHECKSUM | VDEV_NET_TCP4 | VDEV_NET_TCP6 | VDEV_NET_UDP | VDEV_NET_ECN)

/* EtherTypes, after which a tag has two bytes and another type [IEEE 802.1Q §9.6]. */
#define TYPE_IPV4        0x0800u
#define TYPE_IPV6        0x86ddu
#define TYPE_TAG         0x8100u
#define TYPE_SERVICE_TAG 0x88a8u
#define TAGS_MAXIMUM     2u

/* IPv4 [RFC 791 §3.1] */
#define IPV4_BYTES          20u
#define IPV4_TOTAL_LENGTH   2u
#define IPV4_IDENTIFICATION 4u
#define IPV4_FRAGMENT       6u
#define IPV4_PROTOCOL       9u
#define IPV4_CHECKSUM       10u
#define IPV4_ADDRESSES      12u
#define IPV4_DO_NOT         0x4000u /* fragment */

/* IPv6 [RFC 8200 §3, §4] */
#define IPV6_BYTES             40u
#define IPV6_PAYLOAD_LENGTH    4u
#define IPV6_NEXT_HEADER       6u
#define IPV6_ADDRESSES         8u
#define IPV6_HOP_BY_HOP        0u
#define IPV6_ROUTING           43u
#define IPV6_DESTINATION       60u
#define IPV6_EXTENSION_MINIMUM 8u
#define IPV6_SEGMENTS_LEFT     3u

/* TCP [RFC 9293 §3.1] and UDP [RFC 768] */
#define TCP          6u
#define TCP_BYTES    20u
#define TCP_SEQUENCE 4u
#define TCP_FLAGS    12u
#define TCP_CHECKSUM 16u
#define TCP_FIN      0x01u
#define TCP_PUSH     0x08u
#define TCP_REDUCED  0x80u /* CWR [RFC 3168 §6.1.2] */
#define UDP          17u
#define UDP_BYTES    8u
#define UDP_LENGTH   4u
#define UDP_CHECKSUM 6u

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

/* A sum as memory holds it, from one as a number or the other way. */
static uint16_t swapped(uint16_t sum)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (uint16_t)(sum << 8 | sum >> 8);
#else
    return sum;
#endif
}

/* Of less than 2^16 numbers of 16 bits. */
static uint16_t fold(uint32_t sum)
{
    sum = (sum & 0xffffu) + (sum >> 16);
    return (uint16_t)(sum + (sum >> 16));
}

/* The sum of `length` bytes of headers, as a number. */
static uint16_t sum_headers(struct vdev_net_segmenter *segmenter, size_t offset, size_t length)
{
    const struct vdev_buffer buffer = {segmenter->headers + offset, length, VDEV_NO_BUS_ADDRESS};
    struct vdev_cursor cursor = vdev_cursor(&buffer, 1);

    return swapped(vdev_net_sum(&cursor, length, 0));
}

/* ---- the headers of a frame that is to be segmented ---- */

/* Where the headers that have been copied end, and how far they have been read. */
struct reader {
    const uint8_t *headers;
    size_t length;
    size_t offset;
    uint8_t protocol; /* of what stands at `offset`, once IP has been read */
};

static bool has(const struct reader *reader, size_t bytes)
{
    return bytes <= reader->length - reader->offset;
}

/* The offset of the IP header, and the EtherType before it; 0: there are no more than tags. */
static uint16_t read_ethernet(struct reader *reader)
{
    uint16_t type = get16(reader->headers + 2 * VDEV_NET_ADDRESS_BYTES);

    reader->offset = VDEV_NET_HEADER_BYTES;
    for (unsigned tags = 0; type == TYPE_TAG || type == TYPE_SERVICE_TAG; tags++) {
        if (tags == TAGS_MAXIMUM || !has(reader, VDEV_NET_TAG_BYTES)) {
            return 0;
        }
        type = get16(reader->headers + reader->offset + 2);
        reader->offset += VDEV_NET_TAG_BYTES;
    }
    return type;
}

static bool read_ipv4(struct reader *reader)
{
    const uint8_t *ip = reader->headers + reader->offset;

    if (!has(reader, IPV4_BYTES) || ip[0] >> 4 != 4) {
        return false;
    }
    size_t length = 4u * (ip[0] & 0x0fu);
    if (length < IPV4_BYTES || !has(reader, length) ||
        (get16(ip + IPV4_FRAGMENT) & ~IPV4_DO_NOT & 0x7fffu) != 0) {
        return false;
    }
    reader->protocol = ip[IPV4_PROTOCOL];
    reader->offset += length;
    return true;
}

/* Each extension header takes 8 bytes or more of at most VDEV_NET_HEADERS_MAXIMUM: no long chains.
 */
static bool read_ipv6(struct reader *reader)
{
    const uint8_t *ip = reader->headers + reader->offset;

    if (!has(reader, IPV6_BYTES) || ip[0] >> 4 != 6) {
        return false;
    }
    reader->protocol = ip[IPV6_NEXT_HEADER];
    reader->offset += IPV6_BYTES;
    while (reader->protocol == IPV6_HOP_BY_HOP || reader->protocol == IPV6_ROUTING ||
           reader->protocol == IPV6_DESTINATION) {
        const uint8_t *extension = reader->headers + reader->offset;
        if (!has(reader, IPV6_EXTENSION_MINIMUM) || !has(reader, 8u * (extension[1] + 1u))) {
            return false;
        }
        /* The pseudo header has the last destination [RFC 8200 §8.1]: IPv6's own if none is left.
         */
        if (reader->protocol == IPV6_ROUTING && extension[IPV6_SEGMENTS_LEFT] != 0) {
            return false;
        }
        reader->protocol = extension[0];
        reader->offset += 8u * (extension[1] + 1u);
    }
    return true;
}

/* The bytes of the transport header, if the offload's fields are about it; else 0. */
static size_t read_transport(const struct reader *reader, const struct vdev_net_offload *offload)
{
    const uint8_t *transport = reader->headers + reader->offset;

    if (offload->checksum_start != reader->offset) {
        return 0;
    }
    if ((offload->needs & VDEV_NET_UDP) != 0) {
        return reader->protocol == UDP && offload->checksum_offset == UDP_CHECKSUM &&
                       has(reader, UDP_BYTES)
                   ? UDP_BYTES
                   : 0;
    }
    if (reader->protocol != TCP || offload->checksum_offset != TCP_CHECKSUM ||
        !has(reader, TCP_BYTES)) {
        return 0;
    }
    size_t length = 4u * (transport[TCP_FLAGS] >> 4);
    return length >= TCP_BYTES && has(reader, length) ? length : 0;
}

/* Check all headers of the `length` bytes that have been copied, and say where they are. */
static bool read_headers(struct vdev_net_segmenter *segmenter, size_t length)
{
    const struct vdev_net_offload *offload = &segmenter->offload;
    struct reader reader = {segmenter->headers, length, 0, 0};
    uint16_t type = read_ethernet(&reader);

    segmenter->network = (uint16_t)reader.offset;
    segmenter->version6 = type == TYPE_IPV6;
    bool sound = type == TYPE_IPV6   ? (offload->needs & VDEV_NET_TCP4) == 0 && read_ipv6(&reader)
                 : type == TYPE_IPV4 ? (offload->needs & VDEV_NET_TCP6) == 0 && read_ipv4(&reader)
                                     : false;
    size_t transport = sound ? read_transport(&reader, offload) : 0;
    segmenter->headers_length = (uint16_t)(reader.offset + transport);
    return transport != 0;
}

/* The bytes that IP counts of the longest segment: IPv6 does not count its own header. */
static uint32_t longest_counted(const struct vdev_net_segmenter *segmenter)
{
    uint32_t payload = segmenter->left < segmenter->offload.segment_size
                           ? segmenter->left
                           : segmenter->offload.segment_size;

    return segmenter->headers_length - segmenter->network + payload -
           (segmenter->version6 ? IPV6_BYTES : 0);
}

/* Keep what changes from segment to segment as numbers, and sum up the rest without it. */
static void prepare(struct vdev_net_segmenter *segmenter)
{
    uint8_t *ip = segmenter->headers + segmenter->network;
    size_t start = segmenter->offload.checksum_start;
    uint8_t *transport = segmenter->headers + start;
    uint32_t sum = 0;

    if (segmenter->version6) {
        sum = sum_headers(segmenter, segmenter->network + IPV6_ADDRESSES, 2 * 16);
    } else {
        segmenter->identification = get16(ip + IPV4_IDENTIFICATION);
        put16(ip + IPV4_TOTAL_LENGTH, 0);
        put16(ip + IPV4_IDENTIFICATION, 0);
        put16(ip + IPV4_CHECKSUM, 0);
        segmenter->network_sum =
            sum_headers(segmenter, segmenter->network, start - segmenter->network);
        sum = sum_headers(segmenter, segmenter->network + IPV4_ADDRESSES, 2 * 4);
    }
    if ((segmenter->offload.needs & VDEV_NET_UDP) != 0) {
        sum += UDP;
        put16(transport + UDP_LENGTH, 0);
        put16(transport + UDP_CHECKSUM, 0);
    } else {
        sum += TCP;
        segmenter->sequence = get32(transport + TCP_SEQUENCE);
        segmenter->flags = get16(transport + TCP_FLAGS);
        put32(transport + TCP_SEQUENCE, 0);
        put16(transport + TCP_FLAGS, 0);
        put16(transport + TCP_CHECKSUM, 0);
    }
    segmenter->transport_sum =
        fold(sum + sum_headers(segmenter, start, segmenter->headers_length - start));
}

/* ---- beginning ---- */

static int begin_segments(struct vdev_net_segmenter *segmenter, uint32_t length)
{
    size_t copied = length < VDEV_NET_HEADERS_MAXIMUM ? length : VDEV_NET_HEADERS_MAXIMUM;
    struct vdev_cursor ahead = segmenter->cursor;

    vdev_cursor_read(&ahead, segmenter->headers, copied);
    if (!read_headers(segmenter, copied)) {
        return VDEV_ERROR_INVALID;
    }
    vdev_cursor_skip(&segmenter->cursor, segmenter->headers_length);
    segmenter->left = length - segmenter->headers_length;
    if (longest_counted(segmenter) > UINT16_MAX) {
        return VDEV_ERROR_INVALID;
    }
    prepare(segmenter);
    return VDEV_OK;
}

/* Only the checksum's place need be private. What is left of its buffer, if short, may as well. */
static int begin_checksum(struct vdev_net_segmenter *segmenter, uint32_t length)
{
    const struct vdev_net_offload *offload = &segmenter->offload;
    size_t copied = (size_t)offload->checksum_start + offload->checksum_offset + 2;
    void *pointer;

    if (copied > VDEV_NET_HEADERS_MAXIMUM) {
        return VDEV_ERROR_INVALID;
    }
    vdev_cursor_read(&segmenter->cursor, segmenter->headers, copied);
    size_t rest = vdev_cursor_peek(&segmenter->cursor, &pointer);
    if (rest > length - copied) {
        rest = length - copied;
    }
    if (rest <= VDEV_NET_HEADERS_MAXIMUM - copied) {
        copied += vdev_cursor_read(&segmenter->cursor, segmenter->headers + copied, rest);
    }
    segmenter->headers_length = (uint16_t)copied;
    segmenter->left = length - (uint32_t)copied;
    return VDEV_OK;
}

int vdev_net_segmenter_begin(struct vdev_net_segmenter *segmenter,
                             const struct vdev_net_frame *frame, struct vdev_buffer *pieces,
                             size_t piece_count)
{
    int status = vdev_net_check(frame->length, &frame->offload, EVERYTHING, UINT16_MAX);

    segmenter->begun = false;
    segmenter->finished = true; /* unless it begins */
    if (status != VDEV_OK) {
        return status == VDEV_ERROR_UNSUPPORTED ? VDEV_ERROR_INVALID : status;
    }
    if (frame->offload.needs == 0 ||
        vdev_buffers_length(frame->buffers, frame->buffer_count) < frame->length) {
        return VDEV_ERROR_INVALID;
    }
    segmenter->pieces = pieces;
    segmenter->piece_count = piece_count;
    segmenter->cursor = vdev_cursor(frame->buffers, frame->buffer_count);
    segmenter->offload = frame->offload;
    status = frame->offload.segment_size != 0 ? begin_segments(segmenter, frame->length)
                                              : begin_checksum(segmenter, frame->length);
    segmenter->finished = status != VDEV_OK;
    return status;
}

/* ---- one segment ---- */

static void write_network(struct vdev_net_segmenter *segmenter, uint32_t payload)
{
    uint8_t *ip = segmenter->headers + segmenter->network;
    uint32_t length = segmenter->headers_length - segmenter->network + payload;

    if (segmenter->version6) {
        put16(ip + IPV6_PAYLOAD_LENGTH, length - IPV6_BYTES);
        return;
    }
    put16(ip + IPV4_TOTAL_LENGTH, length);
    put16(ip + IPV4_IDENTIFICATION, segmenter->identification);
    put16(ip + IPV4_CHECKSUM,
          ~(uint32_t)fold((uint32_t)segmenter->network_sum + length + segmenter->identification));
    segmenter->identification++;
}

/* Returns the sum of pseudo header and header, as a number. */
static uint16_t write_transport(struct vdev_net_segmenter *segmenter, uint32_t payload, bool first,
                                bool last)
{
    size_t start = segmenter->offload.checksum_start;
    uint8_t *transport = segmenter->headers + start;
    uint32_t length = segmenter->headers_length - (uint32_t)start + payload;
    uint32_t sum = segmenter->transport_sum + length;

    if ((segmenter->offload.needs & VDEV_NET_UDP) != 0) {
        put16(transport + UDP_LENGTH, length);
        return fold(sum + length);
    }
    uint32_t flags = segmenter->flags;
    if (!last) {
        flags &= ~(TCP_FIN | TCP_PUSH);
    }
    if (!first && (segmenter->offload.needs & VDEV_NET_ECN) != 0) {
        flags &= ~TCP_REDUCED;
    }
    put16(transport + TCP_FLAGS, flags);
    put32(transport + TCP_SEQUENCE, segmenter->sequence);
    sum += flags + (segmenter->sequence >> 16) + (segmenter->sequence & 0xffffu);
    segmenter->sequence += payload;
    return fold(sum);
}

/* A sum of zero would say that there is no checksum in UDP; its other form is as good anywhere. */
static void write_checksum(struct vdev_net_segmenter *segmenter, uint16_t sum)
{
    uint16_t checksum = (uint16_t)~swapped(sum);

    put16(segmenter->headers + segmenter->offload.checksum_start +
              segmenter->offload.checksum_offset,
          checksum != 0 ? checksum : 0xffffu);
}

int vdev_net_segmenter_next(struct vdev_net_segmenter *segmenter)
{
    const struct vdev_net_offload *offload = &segmenter->offload;
    bool segmented = offload->segment_size != 0;
    uint32_t payload = segmenter->left;

    if (segmenter->finished) {
        return VDEV_ERROR_EMPTY;
    }
    if (segmented && payload > offload->segment_size) {
        payload = offload->segment_size;
    }
    if (segmenter->piece_count == 0) {
        return VDEV_ERROR_FULL;
    }
    int count = vdev_cursor_split(&segmenter->cursor, payload, segmenter->pieces + 1,
                                  segmenter->piece_count - 1);
    if (count < 0) {
        return count;
    }
    segmenter->pieces[0] =
        (struct vdev_buffer){segmenter->headers, segmenter->headers_length, VDEV_NO_BUS_ADDRESS};
    uint32_t length = segmenter->headers_length + payload;
    if (segmented) {
        bool first = !segmenter->begun;
        bool last = payload == segmenter->left;
        write_network(segmenter, payload);
        uint16_t sum = swapped(write_transport(segmenter, payload, first, last));
        struct vdev_cursor cursor = vdev_cursor(segmenter->pieces + 1, (size_t)count);
        write_checksum(segmenter, vdev_net_sum(&cursor, payload, sum));
    } else {
        struct vdev_cursor cursor = vdev_cursor(segmenter->pieces, (size_t)count + 1);
        vdev_cursor_skip(&cursor, offload->checksum_start);
        write_checksum(segmenter, vdev_net_sum(&cursor, length - offload->checksum_start, 0));
    }
    segmenter->left -= payload;
    segmenter->begun = true;
    segmenter->finished = segmenter->left == 0;
    segmenter->frame.buffers = segmenter->pieces;
    segmenter->frame.buffer_count = (size_t)count + 1;
    segmenter->frame.length = length;
    segmenter->frame.offload = (struct vdev_net_offload){.checksum_valid = true};
    return VDEV_OK;
}
