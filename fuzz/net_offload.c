/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segmentation in software of a hostile sender's frames: headers that are nearly right or not at
 * all, fields of any content, buffers cut anywhere, room for too few pieces.
 */
#include <string.h>

#include <vdev/net_offload.h>
#include <vdev/status.h>

#include "../tests/support/net_packet.h"
#include "input.h"

#define BUFFERS 24u

static struct packet packet, seen;
static uint8_t flat[PACKET_BYTES];
static struct vdev_buffer buffers[BUFFERS], pieces[BUFFERS + 1];

static void make(struct input *input)
{
    const uint8_t bits = input_byte(input);
    struct packet_form form = {
        .version6 = (bits & 1) != 0,
        .udp = (bits & 2) != 0,
        .tags = (bits >> 2) & 3,
        .ip_options = input_below(input, 11),
        .extensions = {0, 43, 60, 60},
        .extension_count = (bits >> 4) & 3,
        .tcp_options = input_below(input, 11),
        .tcp_flags = input_byte(input),
        .identification = (uint16_t)input_number(input, 2),
        .sequence = (uint32_t)input_number(input, 4),
        .segment_size = (uint16_t)((bits & 0x40) != 0 ? input_number(input, 2) : input_byte(input)),
        .payload = input_below(input, (bits & 0x80) != 0 ? 65536 : 255),
    };

    packet_make(&packet, &form);
    for (unsigned lies = input_byte(input) % 8; lies > 2; lies--) {
        packet.bytes[input_byte(input)] = input_byte(input);
    }
    switch (input_byte(input) % 8) {
    case 0:
        packet.offload.needs = input_byte(input);
        break;
    case 1:
        packet.offload.checksum_start = (uint16_t)input_number(input, 2);
        break;
    case 2:
        packet.offload.checksum_offset = (uint16_t)input_number(input, 1);
        break;
    case 3:
        packet.offload.segment_size = (uint16_t)input_number(input, 2);
        break;
    case 4:
        packet.length = input_below(input, packet.length + 1);
        break;
    case 5:
        packet.offload.needs |= VDEV_NET_ECN;
        break;
    default:
        break;
    }
}

/* In memory of exactly its size, so that the sanitizer sees what goes past its end. */
static size_t cut(struct input *input, uint8_t **memory)
{
    size_t from = 0;
    size_t count = 0;

    *memory = malloc(packet.length + (packet.length == 0));
    memcpy(*memory, packet.bytes, packet.length);
    while (count + 1 < BUFFERS && input_byte(input) % 8 != 0) {
        size_t length = input_byte(input);
        length = length > packet.length - from ? packet.length - from : length;
        buffers[count++] = (struct vdev_buffer){*memory + from, length, from};
        from += length;
    }
    buffers[count++] = (struct vdev_buffer){*memory + from, packet.length - from, from};
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct vdev_net_segmenter segmenter;
    uint8_t *memory;

    make(&input);
    size_t count = cut(&input, &memory);
    const struct vdev_net_frame frame = {.buffers = buffers,
                                         .buffer_count = count,
                                         .length = packet.length,
                                         .offload = packet.offload};
    size_t room = input_byte(&input) % 4 == 0 ? input_below(&input, BUFFERS + 2) : count + 1;
    uint32_t payload = 0;
    int status = vdev_net_segmenter_begin(&segmenter, &frame, pieces, room);
    bool begun = status == VDEV_OK;
    bool segmented = packet.offload.segment_size != 0;

    fuzz_require(begun || status == VDEV_ERROR_INVALID || status == VDEV_ERROR_RANGE);
    while ((status = vdev_net_segmenter_next(&segmenter)) == VDEV_OK) {
        const struct vdev_net_frame *made = &segmenter.frame;
        struct vdev_cursor cursor = vdev_cursor(made->buffers, made->buffer_count);
        fuzz_require(begun && made->buffer_count <= room && made->length <= sizeof flat);
        fuzz_require(vdev_buffers_length(made->buffers, made->buffer_count) == made->length);
        fuzz_require(vdev_cursor_read(&cursor, flat, made->length) == made->length);
        if (segmented) {
            fuzz_require(packet_fault(flat, made->length, &seen) == NULL);
            fuzz_require(made->length - seen.payload <= packet.offload.segment_size);
            fuzz_require(memcmp(flat + seen.payload, packet.bytes + seen.payload + payload,
                                made->length - seen.payload) == 0);
            payload += made->length - seen.payload;
        } else {
            fuzz_require(made->length == packet.length);
        }
    }
    fuzz_require(status == VDEV_ERROR_EMPTY || (status == VDEV_ERROR_FULL && room <= count));
    fuzz_require(!begun || !segmented || status != VDEV_ERROR_EMPTY ||
                 payload == packet.length - seen.payload);
    free(memory);
    return 0;
}
