/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The switch and the devices below it: what is sent there, in slots or as the guest's own frame,
 * and what arrives from there.
 */
#include "mux/switch.h"

#define HEADERS_BLOCK 32u

struct __attribute__((may_alias)) block {
    uint32_t words[HEADERS_BLOCK / 4];
};

/* ---- sending ---- */

/*
 * A segment's headers, which stand in memory that the next one will need. Copied in blocks, what is
 * behind them as well: both ends have room for it, and blocks of one length need no call.
 */
static void copy_headers(uint8_t *to, const uint8_t *from, size_t length)
{
    _Static_assert(VDEV_NET_HEADERS_MAXIMUM % HEADERS_BLOCK == 0, "there is room for whole blocks");

    for (size_t done = 0; done < length; done += HEADERS_BLOCK) {
        *(struct block *)(void *)(to + done) = *(const struct block *)(const void *)(from + done);
    }
}

/*
 * The slot's own headers, then the sender's buffers from there on. False: too many pieces. What was
 * made by the segmenter begins with all of its headers; of any other frame the header that was
 * checked is taken, not what stands in the sender's memory now.
 */
static bool fill(struct vdev_switch_port *port, struct vdev_switch_slot *slot,
                 const struct vdev_net_frame *frame)
{
    const struct vdev_buffer *from = frame->buffers;
    size_t count = frame->buffer_count;
    size_t headers = VDEV_NET_HEADER_BYTES;
    size_t skip = VDEV_NET_HEADER_BYTES;
    struct vdev_buffer *piece = slot->pieces;
    const struct vdev_buffer *limit = piece + port->pieces_each;

    if (frame == &port->segmenter.frame) {
        headers = from->length;
        copy_headers(slot->headers, port->segmenter.headers, headers);
        from++;
        count--;
        skip = 0;
    } else {
        vdev_switch_copy_header(slot->headers, port->header);
    }
    size_t left = frame->length - headers;
    *piece++ = (struct vdev_buffer){slot->headers, headers, VDEV_NO_BUS_ADDRESS};
    for (; count != 0 && left != 0; count--, from++) {
        if (from->length <= skip) {
            skip -= from->length;
            continue;
        }
        if (piece == limit) {
            return false;
        }
        size_t length = from->length - skip;
        length = length < left ? length : left;
        piece->pointer = (uint8_t *)from->pointer + skip;
        piece->length = length;
        piece->bus_address = from->bus_address;
        if (piece->bus_address != VDEV_NO_BUS_ADDRESS) {
            piece->bus_address += skip;
        }
        piece++;
        left -= length;
        skip = 0;
    }
    slot->frame.buffers = slot->pieces;
    slot->frame.buffer_count = (size_t)(piece - slot->pieces);
    slot->frame.length = frame->length;
    slot->frame.offload = frame->offload;
    return left == 0;
}

/* Not sent, for good. */
static enum vdev_switch_result refused(struct vdev_switch_port *uplink,
                                       const struct vdev_net_frame *frame, int status)
{
    uplink->net.sent.dropped[vdev_net_drop_of(status, frame->offload.needs)]++;
    return VDEV_SWITCH_DONE;
}

enum vdev_switch_result vdev_switch_send(struct vdev_switch *self, struct vdev_switch_port *port,
                                         struct vdev_switch_port *uplink,
                                         const struct vdev_net_frame *frame, bool last)
{
    if (port->slots_free == 0) {
        return VDEV_SWITCH_BLOCKED;
    }
    uint32_t index = (uint32_t)__builtin_ctz(port->slots_free);
    struct vdev_switch_slot *slot = &port->slots[index];
    if (!fill(port, slot, frame)) {
        uplink->net.sent.dropped[VDEV_NET_DROP_SHORT]++;
        return VDEV_SWITCH_DONE;
    }
    int status = vdev_net_submit(uplink->below, &slot->frame);
    if (status == VDEV_ERROR_FULL) {
        return VDEV_SWITCH_BLOCKED;
    }
    if (status != VDEV_OK) {
        return refused(uplink, frame, status);
    }
    vdev_net_count(&uplink->net.sent, frame->length);
    port->slots_free &= ~(1u << index);
    slot->origin = port->current;
    slot->status = VDEV_OK;
    slot->alone = last && !port->split;
    if (slot->alone) {
        vdev_switch_take_out(self, port, port->current->next);
        return VDEV_SWITCH_PASSED;
    }
    port->split = true;
    return VDEV_SWITCH_DONE;
}

enum vdev_switch_result vdev_switch_pass(struct vdev_switch *self, struct vdev_switch_port *port,
                                         struct vdev_switch_port *uplink)
{
    struct vdev_net_frame *frame = port->current;
    struct vdev_net_frame *next = frame->next;
    uint32_t length = frame->length;
    int status = vdev_net_submit(uplink->below, frame);

    if (status != VDEV_OK) {
        frame->next = next;
        return status == VDEV_ERROR_FULL ? VDEV_SWITCH_BLOCKED : refused(uplink, frame, status);
    }
    vdev_net_count(&uplink->net.sent, length);
    vdev_switch_take_out(self, port, next);
    return VDEV_SWITCH_PASSED;
}

/* An uplink has done with a slot. */
static void slot_complete(struct vdev_net_frame *frame, int status)
{
    struct vdev_switch_slot *slot = (struct vdev_switch_slot *)(void *)frame;
    struct vdev_switch_port *port = slot->port;
    struct vdev_switch *self = port->owner;
    struct vdev_net_frame *origin = slot->origin;
    bool complete = true;

    slot->origin = NULL;
    port->slots_free |= 1u << (slot - port->slots);
    if (!slot->alone) {
        status = status != VDEV_OK ? status : slot->status;
        int *later = port->current == origin ? &port->status : NULL;
        for (uint32_t other = 0; later == NULL && other < port->slot_count; other++) {
            later = port->slots[other].origin == origin ? &port->slots[other].status : NULL;
        }
        complete = later == NULL;
        if (later != NULL && status != VDEV_OK) {
            *later = status;
        }
    }
    if (complete) {
        self->inside++;
        origin->complete(origin, status);
        self->inside--;
    }
    if ((self->waiting & vdev_switch_bit(port)) != 0) {
        vdev_switch_unblock(self);
    }
}

void vdev_switch_slots_init(struct vdev_switch_port *port)
{
    for (uint32_t index = 0; index < port->slot_count; index++) {
        port->slots[index] = (struct vdev_switch_slot){
            .frame.complete = slot_complete,
            .port = port,
            .pieces = port->pieces + (index + 1) * port->pieces_each,
        };
    }
    port->slots_free = ~0u >> (32 - port->slot_count);
}

/* ---- what an uplink calls ---- */

/* To be asked again, by a frame that it keeps or the next. */
static int refuse(struct vdev_switch *self, struct vdev_switch_port *port)
{
    self->refused |= vdev_switch_bit(port);
    return VDEV_ERROR_FULL;
}

static int drop(struct vdev_switch_port *port, enum vdev_net_drop reason)
{
    port->net.received.dropped[reason]++;
    return VDEV_ERROR_ABSENT;
}

/* For several, or with work to be done: through the bounce buffer. */
static int accept_bounced(struct vdev_switch *self, struct vdev_switch_port *port,
                          const struct vdev_net_arrival *arrival, struct vdev_net_room *room,
                          const struct vdev_switch_route *route)
{
    if (port->current != NULL) {
        return refuse(self, port);
    }
    if (arrival->length > port->bounce.length) {
        return drop(port, VDEV_NET_DROP_LONG);
    }
    if (!vdev_switch_admit(self, route)) {
        return drop(port, VDEV_NET_DROP_LIMITED);
    }
    port->bounce_to = route->to;
    port->arriving = arrival->length;
    vdev_switch_copy_header(port->header, arrival->header);
    port->bounced.length = arrival->length;
    port->bounced.offload = arrival->offload;
    room->buffers = &port->bounce;
    room->buffer_count = 1;
    return VDEV_OK;
}

/* For one that takes it as it is: into its own room. */
static int accept_direct(struct vdev_switch *self, struct vdev_switch_port *port,
                         const struct vdev_net_arrival *arrival, struct vdev_net_room *room,
                         const struct vdev_switch_route *route)
{
    struct vdev_switch_port *to = vdev_switch_first(self, route->to);
    const struct vdev_net_client *client = &to->net.client;

    if ((self->delivering & route->to) != 0) {
        self->wanted |= route->to;
        return refuse(self, port);
    }
    if (route->bucket != NULL && !vdev_switch_admit(self, route)) {
        return drop(port, VDEV_NET_DROP_LIMITED);
    }
    if (to->net.link && client->accept != NULL) {
        self->inside++;
        int status = client->accept(client->owner, arrival, room);
        self->inside--;
        if (status == VDEV_OK) {
            self->delivering |= route->to;
            port->receiver = to;
            port->arriving = arrival->length;
            return status;
        }
        to->net.received.dropped[VDEV_NET_DROP_NO_ROOM] += status == VDEV_ERROR_FULL;
    } else {
        to->net.received.dropped[VDEV_NET_DROP_NO_LINK]++;
    }
    vdev_net_count(&port->net.received, arrival->length);
    return VDEV_ERROR_ABSENT; /* the uplink has no receiver's room to wait for */
}

static int accept(void *owner, const struct vdev_net_arrival *arrival, struct vdev_net_room *room)
{
    struct vdev_switch_port *port = owner;
    struct vdev_switch *self = port->owner;
    struct vdev_switch_route route;

    vdev_switch_decide(self, port, arrival->header, &route);
    if (route.to == 0) {
        return drop(port, route.reason);
    }
    if ((route.to & (route.to - 1)) == 0 &&
        (arrival->offload.needs == 0 ||
         (arrival->offload.needs & ~vdev_switch_first(self, route.to)->net.client.accepts) == 0)) {
        return accept_direct(self, port, arrival, room, &route);
    }
    return accept_bounced(self, port, arrival, room, &route);
}

/* Copy the bounced frame out, as far as that goes at once. */
static void delivered_bounced(struct vdev_switch *self, struct vdev_switch_port *port, int status)
{
    uint32_t to = port->bounce_to;

    port->bounce_to = 0;
    if (status != VDEV_OK) {
        return;
    }
    vdev_net_count(&port->net.received, port->bounced.length);
    vdev_switch_begin(self, port, &port->bounced, to);
    self->ready |= vdev_switch_bit(port);
    vdev_switch_forward(self, port);
}

static void delivered(void *owner, int status)
{
    struct vdev_switch_port *port = owner;
    struct vdev_switch *self = port->owner;
    struct vdev_switch_port *to = port->receiver;
    uint32_t length = port->arriving;

    self->inside++;
    port->arriving = 0;
    if (to == NULL) {
        delivered_bounced(self, port, status);
    } else {
        port->receiver = NULL;
        self->delivering &= ~vdev_switch_bit(to);
        if (status == VDEV_OK) {
            vdev_net_count(&port->net.received, length);
            vdev_net_count(&to->net.received, length);
        }
        to->net.client.delivered(to->net.client.owner, status);
        if ((self->wanted & vdev_switch_bit(to)) != 0) {
            self->wanted &= ~vdev_switch_bit(to);
            self->resume |= self->refused;
            self->refused = 0;
            self->waiting = 0;
        }
    }
    self->inside--;
    vdev_switch_kick(self);
}

static void writable(void *owner)
{
    vdev_switch_unblock(((struct vdev_switch_port *)owner)->owner);
}

static void changed(void *owner)
{
    vdev_switch_update_links(((struct vdev_switch_port *)owner)->owner);
}

void vdev_switch_become_client(struct vdev_switch_port *port, uint32_t accepts)
{
    port->below->client = (struct vdev_net_client){
        .accept = accept,
        .delivered = delivered,
        .writable = writable,
        .changed = changed,
        .owner = port,
        .accepts = accepts,
    };
}
