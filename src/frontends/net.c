/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver for virtio network devices [VIRTIO 1.4 §5.1]: the class, sending, and poll.
 *
 * The ring is the queue of frames to send: a submitted frame goes in at once, behind a header of
 * its own in shared memory, which is only ever written. Interrupts are asked for when poll leaves
 * with nothing more to do, behind a last look. Whatever goes wrong with the device as a whole ends
 * in `restart`, from poll only.
 */
#include "frontends/net.h"

#define NONE UINT16_MAX

/* Offsets in the headers of the transports, and the least length of UDP's. */
#define TCP_DATA_OFFSET 12u /* upper four bits: the header's length in words [RFC 9293 §3.1] */
#define UDP_HEADER      8u

#define SEGMENTED (VDEV_NET_TCP4 | VDEV_NET_TCP6 | VDEV_NET_UDP)

static struct vdev_net_frontend *frontend_of(struct vdev_net *net)
{
    return (struct vdev_net_frontend *)((char *)net - offsetof(struct vdev_net_frontend, net));
}

/* ---- frames into the ring ---- */

static void put_free(struct vdev_net_frontend *frontend, uint16_t index)
{
    frontend->configuration.transmissions[index] =
        (struct vdev_net_frontend_transmission){.next_free = frontend->free_head};
    frontend->free_head = index;
}

void vdev_net_frontend_free_all(struct vdev_net_frontend *frontend)
{
    frontend->free_head = NONE;
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

static int add(struct vdev_net_frontend *frontend, uint16_t index, struct vdev_net_frame *frame)
{
    const struct vdev_net_frontend_configuration *configuration = &frontend->configuration;
    const struct vdev_buffer *headers = &configuration->headers;
    struct vdev_buffer *pieces = configuration->pieces;
    size_t at = (size_t)index * VDEV_NET_FRONTEND_SLOT_BYTES;

    pieces[0] = (struct vdev_buffer){(uint8_t *)headers->pointer + at,
                                     VDEV_NET_FRONTEND_HEADER_BYTES, headers->bus_address + at};
    store_header(pieces[0].pointer, frame);
    for (size_t i = 0; i < frame->buffer_count; i++) {
        pieces[1 + i] = frame->buffers[i];
    }
    return vdev_driver_queue_add(&frontend->transmit, pieces, 1 + frame->buffer_count, NULL, 0,
                                 &configuration->transmissions[index]);
}

static int check(const struct vdev_net_frontend *frontend, const struct vdev_net_frame *frame)
{
    const struct vdev_net *net = &frontend->net;

    if (frame->buffer_count > net->maximum_buffers ||
        vdev_buffers_length(frame->buffers, frame->buffer_count) != frame->length) {
        return VDEV_ERROR_INVALID;
    }
    for (size_t i = 0; i < frame->buffer_count; i++) {
        if (frame->buffers[i].length != 0 && frame->buffers[i].bus_address == VDEV_NO_BUS_ADDRESS) {
            return VDEV_ERROR_INVALID;
        }
    }
    return vdev_net_check(frame->length, &frame->offload, net->takes, net->mtu);
}

/* ---- the class ---- */

static int submit(struct vdev_net *net, struct vdev_net_frame *frame)
{
    struct vdev_net_frontend *frontend = frontend_of(net);
    uint16_t index = frontend->free_head;

    if (!frontend->alive) {
        return VDEV_ERROR_ABSENT;
    }
    int status = check(frontend, frame);
    if (status != VDEV_OK) {
        return status;
    }
    /* A ring that is corrupt is about to be restarted, and has no room until then. */
    if (index == NONE || add(frontend, index, frame) != VDEV_OK) {
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

static void resume(struct vdev_net *net)
{
    frontend_of(net)->full = false;
}

static int set_receive_mode(struct vdev_net *net, enum vdev_net_receive_mode mode)
{
    struct vdev_net_frontend *frontend = frontend_of(net);

    if (!frontend->alive) {
        return VDEV_ERROR_ABSENT;
    }
    if (!net_has(frontend, VIRTIO_NET_F_CTRL_RX)) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    frontend->mode = mode;
    frontend->commands |= NET_COMMAND_ALL_MULTICAST | NET_COMMAND_PROMISCUOUS;
    if (!frontend->polling) {
        vdev_net_frontend_send_command(frontend);
    }
    return VDEV_OK;
}

/* ---- poll ---- */

/* The device is done with a frame; the caller's function may submit anew. */
static void finish(struct vdev_net_frontend *frontend,
                   struct vdev_net_frontend_transmission *record)
{
    struct vdev_net_frame *frame = record->frame;

    put_free(frontend, (uint16_t)(record - frontend->configuration.transmissions));
    frontend->in_flight--;
    frontend->progress = vdev_clock_now(frontend->configuration.clock);
    if (frontend->net.link) {
        vdev_net_count(&frontend->net.sent, frame->length);
    } else {
        frontend->net.sent.dropped[VDEV_NET_DROP_NO_LINK]++;
    }
    frame->complete(frame, VDEV_OK);
}

/* What the device has sent, at most what it had when we began. */
static void finish_sent(struct vdev_net_frontend *frontend)
{
    unsigned budget = frontend->in_flight;
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
        finish(frontend, token);
    }
}

/* Reset the device, and take back what it had; frames in flight complete with `status`. */
static int stop(struct vdev_net_frontend *frontend, int status)
{
    struct vdev_net_frontend_transmission *record;

    int reset =
        vdev_virtio_driver_reset(frontend->configuration.transport, frontend->configuration.clock);
    if (frontend->full) {
        frontend->net.received.dropped[VDEV_NET_DROP_NO_ROOM]++;
    }
    frontend->full = false;
    frontend->received_count = 0;
    while ((record = vdev_driver_queue_drain(&frontend->transmit)) != NULL) {
        struct vdev_net_frame *frame = record->frame;
        record->frame = NULL;
        frontend->net.sent.dropped[VDEV_NET_DROP_NO_LINK]++;
        frame->complete(frame, status);
    }
    vdev_net_frontend_free_all(frontend);
    return reset;
}

static void count_restart(struct vdev_net_frontend_restarts *restarts, uint8_t reason)
{
    restarts->all++;
    switch (reason) {
    case NET_BROKEN_RING:
        restarts->ring++;
        break;
    case NET_BROKEN_MERGED:
        restarts->merged++;
        break;
    case NET_BROKEN_HEADER:
        restarts->header++;
        break;
    case NET_BROKEN_WANTED:
        restarts->wanted++;
        break;
    default:
        restarts->timeout++;
        break;
    }
}

/* From inside poll, where completions are allowed. */
static void restart(struct vdev_net_frontend *frontend)
{
    uint8_t reason = frontend->broken;

    count_restart(&frontend->restarts, reason);
    int status = stop(frontend, reason == NET_BROKEN_TIMEOUT ? VDEV_ERROR_TIMEOUT : VDEV_ERROR_IO);
    if (!frontend->alive) {
        return; /* stopped from inside a completion: it stays so */
    }
    if (status == VDEV_OK) {
        status = vdev_net_frontend_start(frontend);
    }
    if (status != VDEV_OK) {
        frontend->alive = false;
        frontend->changed |= frontend->net.link;
        frontend->net.link = false;
    }
}

static void look_at_configuration(struct vdev_net_frontend *frontend)
{
    struct vdev_virtio_driver *transport = frontend->configuration.transport;

    if ((transport->operations->status(transport) & VDEV_VIRTIO_STATUS_NEEDS_RESET) != 0 ||
        vdev_net_frontend_read_status(frontend) != VDEV_OK) {
        net_break(frontend, NET_BROKEN_WANTED);
    }
}

static void look_at_clock(struct vdev_net_frontend *frontend)
{
    uint64_t limit = frontend->configuration.timeout_nanoseconds;

    if (limit == 0 || (frontend->in_flight == 0 && frontend->command == 0)) {
        return;
    }
    uint64_t now = vdev_clock_now(frontend->configuration.clock);
    if ((frontend->in_flight != 0 && now - frontend->progress > limit) ||
        (frontend->command != 0 && now - frontend->command_time > limit)) {
        net_break(frontend, NET_BROKEN_TIMEOUT);
    }
}

/* Tell the device what was queued meanwhile; then ask for interrupts. True: there is more. */
static bool arm(struct vdev_net_frontend *frontend)
{
    bool more = false;

    net_publish(frontend, &frontend->receive, NET_RECEIVE_QUEUE);
    net_publish(frontend, &frontend->transmit, NET_TRANSMIT_QUEUE);
    vdev_net_frontend_send_command(frontend);
    if (!frontend->full) {
        more = vdev_driver_queue_arm(&frontend->receive) || frontend->received_count != 0;
    }
    /* Though they may be empty: what is submitted next is to interrupt as well. */
    more |= vdev_driver_queue_arm(&frontend->transmit);
    if (net_has(frontend, VIRTIO_NET_F_CTRL_VQ)) {
        more |= vdev_driver_queue_arm(&frontend->control);
    }
    return more;
}

/* What the client is to hear of the device as a whole. A device that is gone takes no frame, which
 * whoever waits for room has to find out. */
static void tell(struct vdev_net_frontend *frontend)
{
    const struct vdev_net_client *client = &frontend->net.client;
    bool alive = frontend->alive;

    if (frontend->changed) {
        frontend->changed = false;
        if (client->changed != NULL) {
            client->changed(client->owner);
        }
    }
    if (alive && !frontend->alive) {
        return; /* stopped from there */
    }
    if (frontend->blocked && (frontend->free_head != NONE || !frontend->alive)) {
        frontend->blocked = false;
        if (client->writable != NULL) {
            client->writable(client->owner);
        }
    }
}

/*
 * While poll asks to be called again at once, nobody has to look why it is: that costs an access to
 * a register. But not without end, lest a flood of frames hide what else there is.
 */
static bool is_time_to_look(const struct vdev_net_frontend *frontend)
{
    return frontend->rounds % frontend->configuration.receive_count == 0;
}

static void take_interrupt(struct vdev_net_frontend *frontend)
{
    struct vdev_virtio_driver *transport = frontend->configuration.transport;

    if (is_time_to_look(frontend) && (transport->operations->take_interrupt(transport) &
                                      VDEV_VIRTIO_INTERRUPT_CONFIGURATION) != 0) {
        look_at_configuration(frontend);
    }
}

static bool poll(struct vdev_net *net)
{
    struct vdev_net_frontend *frontend = frontend_of(net);
    bool again = false;

    if (!frontend->alive || frontend->polling) {
        return false;
    }
    frontend->polling = true;
    take_interrupt(frontend);
    if (frontend->broken == NET_INTACT) {
        vdev_driver_queue_disarm(&frontend->receive);
        vdev_driver_queue_disarm(&frontend->transmit);
        finish_sent(frontend);
    }
    if (frontend->alive && frontend->broken == NET_INTACT) {
        vdev_net_frontend_finish_command(frontend);
    }
    if (frontend->alive && frontend->broken == NET_INTACT) {
        vdev_net_frontend_receive(frontend);
    }
    if (frontend->alive && frontend->broken == NET_INTACT) {
        tell(frontend);
    }
    if (frontend->alive && frontend->broken == NET_INTACT) {
        again = arm(frontend);
        if (!again || is_time_to_look(frontend)) {
            look_at_clock(frontend);
        }
    }
    if (frontend->alive && frontend->broken != NET_INTACT) {
        again = false;
        restart(frontend);
        tell(frontend);
        if (frontend->alive) {
            arm(frontend);
        }
    }
    frontend->rounds = again ? (uint16_t)(frontend->rounds + 1u) : 0;
    frontend->polling = false;
    return again;
}

static const struct vdev_net_operations operations = {
    .submit = submit,
    .poll = poll,
    .resume = resume,
    .set_receive_mode = set_receive_mode,
};

/* ---- beginning and end ---- */

static bool is_shared(const struct vdev_buffer *memory, uint64_t length)
{
    return memory->pointer != NULL && memory->bus_address != VDEV_NO_BUS_ADDRESS &&
           memory->length >= length;
}

static bool is_sound(const struct vdev_net_frontend_configuration *configuration)
{
    uint64_t received = (uint64_t)configuration->receive_count * configuration->receive_size;
    uint64_t headers = (uint64_t)configuration->transmission_count * VDEV_NET_FRONTEND_SLOT_BYTES;

    return configuration->transport != NULL && configuration->clock != NULL &&
           configuration->queue_size >= 4 && configuration->receive_size >= 64 &&
           configuration->receive_count != 0 &&
           configuration->receive_count <= configuration->queue_size && received <= UINT32_MAX &&
           is_shared(&configuration->receive_memory, received) && configuration->received != NULL &&
           configuration->transmissions != NULL && configuration->transmission_count != 0 &&
           configuration->transmission_count != NONE &&
           is_shared(&configuration->headers, headers) && configuration->pieces != NULL &&
           configuration->piece_count >= 2 &&
           (configuration->control.pointer == NULL ||
            (is_shared(&configuration->control, VDEV_NET_FRONTEND_CONTROL_BYTES) &&
             configuration->control_queue_size >= VDEV_NET_FRONTEND_CONTROL_QUEUE));
}

int vdev_net_frontend_init(struct vdev_net_frontend *frontend,
                           const struct vdev_net_frontend_configuration *configuration)
{
    if (!is_sound(configuration)) {
        return VDEV_ERROR_INVALID;
    }
    memset(frontend, 0, sizeof *frontend);
    frontend->net.operations = &operations;
    frontend->configuration = *configuration;
    /* A header and a frame's buffers: in the caller's list, and in one chain of the ring. */
    uint16_t most = configuration->piece_count;
    if (most > configuration->queue_size) {
        most = configuration->queue_size;
    }
    frontend->net.maximum_buffers = most - 1u;
    int status = vdev_net_frontend_start(frontend);
    frontend->changed = false; /* nobody knew it otherwise */
    return status;
}

int vdev_net_frontend_stop(struct vdev_net_frontend *frontend)
{
    if (!frontend->alive) {
        return VDEV_OK;
    }
    frontend->alive = false;
    frontend->net.link = false;
    return stop(frontend, VDEV_ERROR_ABSENT);
}
