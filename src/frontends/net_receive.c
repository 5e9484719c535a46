/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames from the device to the client [VIRTIO 1.4 §5.1.6.4].
 *
 * The receive memory is the device's to write at any time. What decides anything is read from it
 * once: the header, and the frame's Ethernet header, by which the client decides and which is then
 * delivered from the copy. A frame whose fields make no sense is dropped, since an honest device
 * may have it from a stranger; counts of buffers are the device's own, and wrong ones end in a
 * restart.
 */
#include "frontends/net.h"

/* Give a receive buffer to the device. Its token is where it begins. */
static void offer(struct vdev_net_frontend *frontend, uint8_t *pointer)
{
    const struct vdev_buffer *memory = &frontend->configuration.receive_memory;
    size_t at = (size_t)(pointer - (uint8_t *)memory->pointer);
    struct vdev_buffer buffer = {pointer, frontend->configuration.receive_size,
                                 memory->bus_address + at};

    if (vdev_driver_queue_add(&frontend->receive, NULL, 0, &buffer, 1, pointer) != VDEV_OK) {
        net_break(frontend, NET_BROKEN_RING);
    }
}

void vdev_net_frontend_fill(struct vdev_net_frontend *frontend)
{
    const struct vdev_net_frontend_configuration *configuration = &frontend->configuration;
    uint8_t *first = configuration->receive_memory.pointer;

    for (uint32_t i = 0; i < configuration->receive_count; i++) {
        offer(frontend, first + (size_t)i * configuration->receive_size);
    }
}

/* The frame is done with: its buffers go back to the device. */
static void recycle(struct vdev_net_frontend *frontend)
{
    const struct vdev_net_frontend_configuration *configuration = &frontend->configuration;
    uint8_t *base = configuration->receive_memory.pointer;

    for (uint32_t i = 0; i < frontend->received_count; i++) {
        /* The first piece begins after the header. */
        size_t at = (size_t)((uint8_t *)configuration->received[i].pointer - base);
        offer(frontend, base + at - at % configuration->receive_size);
    }
    frontend->received_count = 0;
}

static void drop(struct vdev_net_frontend *frontend, enum vdev_net_drop reason)
{
    frontend->net.received.dropped[reason]++;
    recycle(frontend);
}

/* ---- what has arrived ---- */

/*
 * What the header says is left to do. A kind of segmentation that we do not know, or that is none
 * of the class's, comes out as one that nobody accepts. Without VIRTIO_NET_F_GUEST_CSUM the flags
 * are zero [VIRTIO 1.4 §5.1.6.4.1]; one that is set none the less is looked at as if negotiated,
 * and not accepted.
 */
static bool read_offload(const struct vdev_net_frontend *frontend, const uint8_t *header,
                         struct vdev_net_offload *offload)
{
    uint8_t flags = header[offsetof(struct virtio_net_hdr_v1, flags)];
    uint8_t kind = header[offsetof(struct virtio_net_hdr_v1, gso_type)];

    *offload = (struct vdev_net_offload){.needs = 0};
    if ((flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0) {
        offload->needs = VDEV_NET_CHECKSUM;
        offload->checksum_start =
            (uint16_t)virtio_load_le16(header + offsetof(struct virtio_net_hdr_v1, csum_start));
        offload->checksum_offset =
            (uint16_t)virtio_load_le16(header + offsetof(struct virtio_net_hdr_v1, csum_offset));
    }
    offload->checksum_valid =
        net_has(frontend, VIRTIO_NET_F_GUEST_CSUM) && (flags & VIRTIO_NET_HDR_F_DATA_VALID) != 0;
    switch (kind & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_NONE:
        break;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        offload->needs |= VDEV_NET_TCP4;
        break;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        offload->needs |= VDEV_NET_TCP6;
        break;
    case VIRTIO_NET_HDR_GSO_UDP_L4:
        offload->needs |= VDEV_NET_UDP;
        break;
    default:
        return false;
    }
    if ((kind & VIRTIO_NET_HDR_GSO_ECN) != 0) {
        offload->needs |= VDEV_NET_ECN;
    }
    if (kind != VIRTIO_NET_HDR_GSO_NONE) {
        offload->segment_size =
            (uint16_t)virtio_load_le16(header + offsetof(struct virtio_net_hdr_v1, gso_size));
    }
    return true;
}

/* The next used buffer as a piece of the frame; false: none, or the ring is corrupt. */
static bool take_piece(struct vdev_net_frontend *frontend, uint32_t *length)
{
    struct vdev_buffer *piece = &frontend->configuration.received[frontend->received_count];
    void *token;

    int status = vdev_driver_queue_take(&frontend->receive, &token, length);
    if (status == VDEV_ERROR_CORRUPT) {
        net_break(frontend, NET_BROKEN_RING);
    }
    if (status != VDEV_OK) {
        return false;
    }
    *piece = (struct vdev_buffer){token, *length, VDEV_NO_BUS_ADDRESS};
    frontend->received_count++;
    return true;
}

/*
 * Take the buffers of the next frame from the ring: all of them are there, or the device broke its
 * word [VIRTIO 1.4 §5.1.6.4.1]. False: no frame, or a broken device. `header` is what comes first.
 */
static bool take_buffers(struct vdev_net_frontend *frontend, uint8_t *header)
{
    const struct vdev_net_frontend_configuration *configuration = &frontend->configuration;
    uint32_t length;

    if (!take_piece(frontend, &length)) {
        return false;
    }
    if (length < VDEV_NET_FRONTEND_HEADER_BYTES) {
        net_break(frontend, NET_BROKEN_HEADER);
        return false;
    }
    struct vdev_buffer *first = &configuration->received[0];
    const volatile uint8_t *bytes = first->pointer;
    for (uint32_t i = 0; i < VDEV_NET_FRONTEND_HEADER_BYTES; i++) {
        header[i] = bytes[i];
    }
    first->pointer = (uint8_t *)first->pointer + VDEV_NET_FRONTEND_HEADER_BYTES;
    first->length -= VDEV_NET_FRONTEND_HEADER_BYTES;
    frontend->arrival.length = length - VDEV_NET_FRONTEND_HEADER_BYTES;
    if (!net_has(frontend, VIRTIO_NET_F_MRG_RXBUF)) {
        return true; /* the count is 1, though not with every device */
    }
    uint32_t count = virtio_load_le16(header + offsetof(struct virtio_net_hdr_v1, num_buffers));
    if (count == 0 || count > configuration->receive_count) {
        net_break(frontend, NET_BROKEN_MERGED);
        return false;
    }
    while (frontend->received_count < count) {
        if (!take_piece(frontend, &length)) {
            net_break(frontend, NET_BROKEN_MERGED);
            return false;
        }
        frontend->arrival.length += length; /* all buffers together are less than 2^32 bytes */
    }
    return true;
}

/* The next frame, in `arrival` and `received`. False: none that is any good. */
static bool take_frame(struct vdev_net_frontend *frontend)
{
    struct vdev_net_arrival *arrival = &frontend->arrival;
    uint8_t header[VDEV_NET_FRONTEND_HEADER_BYTES];

    if (!take_buffers(frontend, header)) {
        return false;
    }
    if (arrival->length < VDEV_NET_HEADER_BYTES) {
        drop(frontend, VDEV_NET_DROP_SHORT);
        return false;
    }
    if (!read_offload(frontend, header, &arrival->offload)) {
        drop(frontend, VDEV_NET_DROP_OFFLOAD);
        return false;
    }
    /* Everything but the length: fields that are wrong, or were not negotiated. */
    int status =
        vdev_net_check(arrival->length, &arrival->offload, frontend->arrivals, frontend->net.mtu);
    if (status != VDEV_OK) {
        drop(frontend, status == VDEV_ERROR_RANGE ? VDEV_NET_DROP_LONG : VDEV_NET_DROP_OFFLOAD);
        return false;
    }
    struct vdev_cursor cursor =
        vdev_cursor(frontend->configuration.received, frontend->received_count);
    vdev_cursor_read(&cursor, arrival->header, VDEV_NET_HEADER_BYTES);
    return true;
}

/* ---- to the client ---- */

/*
 * Copy the frame to where the client wants it. Its header comes from the copy that the client was
 * shown: what has become of it in shared memory since is of no account.
 */
static bool copy(const struct vdev_net_frontend *frontend, const struct vdev_net_room *room)
{
    const struct vdev_net_arrival *arrival = &frontend->arrival;
    struct vdev_cursor from =
        vdev_cursor(frontend->configuration.received, frontend->received_count);
    struct vdev_cursor to = vdev_cursor(room->buffers, room->buffer_count);
    size_t left = arrival->length - VDEV_NET_HEADER_BYTES;

    vdev_cursor_skip(&from, VDEV_NET_HEADER_BYTES);
    if (vdev_cursor_write(&to, arrival->header, VDEV_NET_HEADER_BYTES) != VDEV_NET_HEADER_BYTES) {
        return false;
    }
    while (left != 0) {
        void *pointer;
        size_t piece = vdev_cursor_peek(&from, &pointer);
        if (piece > left) {
            piece = left;
        }
        if (vdev_cursor_write(&to, pointer, piece) != piece) {
            return false;
        }
        vdev_cursor_skip(&from, piece);
        left -= piece;
    }
    return true;
}

static void deliver(struct vdev_net_frontend *frontend)
{
    const struct vdev_net_client *client = &frontend->net.client;
    const struct vdev_net_arrival *arrival = &frontend->arrival;
    struct vdev_net_room room = {NULL, 0};

    if (client->accept == NULL) {
        drop(frontend, VDEV_NET_DROP_NO_ROOM);
        return;
    }
    /* Here and not before: while the frame was kept, the client may have changed it. */
    if ((arrival->offload.needs & ~client->accepts) != 0) {
        drop(frontend, VDEV_NET_DROP_OFFLOAD);
        return;
    }
    frontend->full = true; /* the client may call resume from where it is asked */
    int status = client->accept(client->owner, arrival, &room);
    if (!frontend->alive || status == VDEV_ERROR_FULL) {
        return;
    }
    frontend->full = false;
    if (status != VDEV_OK) {
        recycle(frontend);
        return;
    }
    uint32_t length = arrival->length;
    bool copied = copy(frontend, &room);
    recycle(frontend);
    if (copied) {
        vdev_net_count(&frontend->net.received, length);
    } else {
        frontend->net.received.dropped[VDEV_NET_DROP_NO_ROOM]++;
    }
    client->delivered(client->owner, copied ? VDEV_OK : VDEV_ERROR_IO);
}

void vdev_net_frontend_receive(struct vdev_net_frontend *frontend)
{
    if (frontend->full) {
        return;
    }
    if (frontend->received_count != 0 || take_frame(frontend)) {
        deliver(frontend);
    }
}
