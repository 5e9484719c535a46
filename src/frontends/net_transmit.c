/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames from the client to the device [VIRTIO 1.4 §5.1.6.2].
 *
 * The ring is the queue of frames to send: a submitted frame goes in at once, behind a header of
 * its own in shared memory, which is only ever written. Which frame a header is of is kept where
 * the device cannot write.
 */
#include "frontends/net.h"

/* Offsets in the headers of the transports, and the least length of UDP's. */
#define TCP_DATA_OFFSET 12u /* upper four bits: the header's length in words [RFC 9293 §3.1] */
#define UDP_HEADER      8u

#define SEGMENTED (VDEV_NET_TCP4 | VDEV_NET_TCP6 | VDEV_NET_UDP)

static void put_free(struct vdev_net_frontend *frontend, uint16_t index)
{
    frontend->configuration.transmissions[index] =
        (struct vdev_net_frontend_transmission){.next_free = frontend->free_head};
    frontend->free_head = index;
}

void vdev_net_frontend_free_all(struct vdev_net_frontend *frontend)
{
    frontend->free_head = NET_NONE;
    for (uint16_t i = frontend->configuration.transmission_count; i-- != 0;) {
        put_free(frontend, i);
    }
    frontend->in_flight = 0;
}

/*
 * How much of a frame comes before its payload: a hint, for a device that copies it into each
 * segment [VIRTIO 1.4 §5.1.6.2]. The frame may be a hostile guest's; so what it says is bounded.
 */
static uint16_t headers_length(const struct vdev_net_frame *frame)
{
    uint32_t start = frame->offload.checksum_start;
    uint32_t length = start + UDP_HEADER;

    if ((frame->offload.needs & (VDEV_NET_TCP4 | VDEV_NET_TCP6)) != 0) {
        struct vdev_cursor cursor = vdev_cursor(frame->buffers, frame->buffer_count);
        uint8_t words = 0;
        vdev_cursor_skip(&cursor, start + TCP_DATA_OFFSET);
        vdev_cursor_read(&cursor, &words, 1);
        length = start + (words >> 4) * 4u;
    }
    length = length < frame->length ? length : frame->length;
    return length < UINT16_MAX ? (uint16_t)length : UINT16_MAX;
}

/* What is left to do for a frame, as virtio says it. All of it was negotiated: `takes`. */
static void store_header(uint8_t *header, const struct vdev_net_frame *frame)
{
    const struct vdev_net_offload *offload = &frame->offload;
    uint8_t kind = VIRTIO_NET_HDR_GSO_NONE;

    if ((offload->needs & VDEV_NET_TCP4) != 0) {
        kind = VIRTIO_NET_HDR_GSO_TCPV4;
    } else if ((offload->needs & VDEV_NET_TCP6) != 0) {
        kind = VIRTIO_NET_HDR_GSO_TCPV6;
    } else if ((offload->needs & VDEV_NET_UDP) != 0) {
        kind = VIRTIO_NET_HDR_GSO_UDP_L4;
    }
    if ((offload->needs & VDEV_NET_ECN) != 0) {
        kind |= VIRTIO_NET_HDR_GSO_ECN;
    }
    memset(header, 0, VDEV_NET_FRONTEND_HEADER_BYTES);
    header[offsetof(struct virtio_net_hdr_v1, gso_type)] = kind;
    if ((offload->needs & VDEV_NET_CHECKSUM) != 0) {
        header[offsetof(struct virtio_net_hdr_v1, flags)] = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        virtio_store_le16(header + offsetof(struct virtio_net_hdr_v1, csum_start),
                          offload->checksum_start);
        virtio_store_le16(header + offsetof(struct virtio_net_hdr_v1, csum_offset),
                          offload->checksum_offset);
    }
    if ((offload->needs & SEGMENTED) != 0) {
        virtio_store_le16(header + offsetof(struct virtio_net_hdr_v1, hdr_len),
                          headers_length(frame));
        virtio_store_le16(header + offsetof(struct virtio_net_hdr_v1, gso_size),
                          offload->segment_size);
    }
}

/* A copy of a frame where the device reaches it; it was checked against its place's size. */
static struct vdev_buffer bounce(const struct vdev_net_frontend *frontend, uint16_t index,
                                 const struct vdev_net_frame *frame)
{
    const struct vdev_buffer *memory = &frontend->configuration.bounce;
    size_t at = (size_t)index * frontend->configuration.bounce_size;
    struct vdev_cursor from = vdev_cursor(frame->buffers, frame->buffer_count);
    uint8_t *copy = (uint8_t *)memory->pointer + at;

    vdev_cursor_read(&from, copy, frame->length);
    return (struct vdev_buffer){copy, frame->length, memory->bus_address + at};
}

static int add(struct vdev_net_frontend *frontend, uint16_t index, struct vdev_net_frame *frame,
               bool bounced)
{
    const struct vdev_net_frontend_configuration *configuration = &frontend->configuration;
    const struct vdev_buffer *headers = &configuration->headers;
    struct vdev_buffer *pieces = configuration->pieces;
    size_t at = (size_t)index * VDEV_NET_FRONTEND_SLOT_BYTES;
    size_t count = bounced ? 1 : frame->buffer_count;

    pieces[0] = (struct vdev_buffer){(uint8_t *)headers->pointer + at,
                                     VDEV_NET_FRONTEND_HEADER_BYTES, headers->bus_address + at};
    store_header(pieces[0].pointer, frame);
    if (bounced) {
        pieces[1] = bounce(frontend, index, frame);
    } else {
        for (size_t i = 0; i < count; i++) {
            pieces[1 + i] = frame->buffers[i];
        }
    }
    return vdev_driver_queue_add(&frontend->transmit, pieces, 1 + count, NULL, 0,
                                 &configuration->transmissions[index]);
}

static bool is_reachable(const struct vdev_net_frame *frame)
{
    for (size_t i = 0; i < frame->buffer_count; i++) {
        if (frame->buffers[i].length != 0 && frame->buffers[i].bus_address == VDEV_NO_BUS_ADDRESS) {
            return false;
        }
    }
    return true;
}

static int check(const struct vdev_net_frontend *frontend, const struct vdev_net_frame *frame,
                 bool bounced)
{
    const struct vdev_net *net = &frontend->net;
    uint32_t bounce_size = frontend->configuration.bounce_size;

    if ((bounced ? bounce_size == 0 : frame->buffer_count > net->maximum_buffers) ||
        vdev_buffers_length(frame->buffers, frame->buffer_count) != frame->length) {
        return VDEV_ERROR_INVALID;
    }
    if (bounced && frame->length > bounce_size) {
        return VDEV_ERROR_RANGE;
    }
    return vdev_net_check(frame->length, &frame->offload, net->takes, net->mtu);
}

int vdev_net_frontend_submit(struct vdev_net_frontend *frontend, struct vdev_net_frame *frame)
{
    uint16_t index = frontend->free_head;
    bool bounced = !is_reachable(frame);

    int status = check(frontend, frame, bounced);
    if (status != VDEV_OK) {
        return status;
    }
    /* A ring that is corrupt is about to be restarted, and has no room until then. */
    if (index == NET_NONE || add(frontend, index, frame, bounced) != VDEV_OK) {
        frontend->blocked = true;
        return VDEV_ERROR_FULL;
    }
    struct vdev_net_frontend_transmission *record = &frontend->configuration.transmissions[index];
    frontend->free_head = record->next_free;
    record->frame = frame;
    if (frontend->in_flight++ == 0) {
        frontend->progress = vdev_clock_now(frontend->configuration.clock);
    }
    if (!frontend->polling) {
        net_publish(frontend, &frontend->transmit, NET_TRANSMIT_QUEUE);
    }
    return VDEV_OK;
}

/* The device is done with a frame; the caller's function may submit anew. */
static void finish(struct vdev_net_frontend *frontend,
                   struct vdev_net_frontend_transmission *record)
{
    struct vdev_net_frame *frame = record->frame;

    put_free(frontend, (uint16_t)(record - frontend->configuration.transmissions));
    frontend->in_flight--;
    if (frontend->net.link) {
        vdev_net_count(&frontend->net.sent, frame->length);
    } else {
        frontend->net.sent.dropped[VDEV_NET_DROP_NO_LINK]++;
    }
    frame->complete(frame, VDEV_OK);
}

void vdev_net_frontend_finish_sent(struct vdev_net_frontend *frontend)
{
    unsigned budget = frontend->in_flight;
    bool moved = false;
    uint32_t written;
    void *token;

    /* A completion may stop the front-end: then the ring is no longer ours to look at. */
    while (frontend->alive && budget-- != 0) {
        int status = vdev_driver_queue_take(&frontend->transmit, &token, &written);
        if (status == VDEV_ERROR_CORRUPT) {
            net_break(frontend, NET_BROKEN_RING);
        }
        if (status != VDEV_OK) {
            return;
        }
        if (!moved) {
            frontend->progress = vdev_clock_now(frontend->configuration.clock);
            moved = true;
        }
        finish(frontend, token);
    }
}

void vdev_net_frontend_fail_sent(struct vdev_net_frontend *frontend, int status)
{
    struct vdev_net_frontend_transmission *record;

    while ((record = vdev_driver_queue_drain(&frontend->transmit)) != NULL) {
        struct vdev_net_frame *frame = record->frame;
        record->frame = NULL;
        frontend->net.sent.dropped[VDEV_NET_DROP_NO_LINK]++;
        frame->complete(frame, status);
    }
    vdev_net_frontend_free_all(frontend);
}
