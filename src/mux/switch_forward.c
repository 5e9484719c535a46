/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A frame on its way through the switch, step by step. It is decided once where it goes, by a copy
 * of its header. Then, first, the guests that take it as it is are given copies; those that do not
 * are given segments, one in each step; and last the uplinks that take it as it is, since one of
 * them may be given the frame itself. What cannot go on yet leaves its port in `waiting`.
 */
#include "mux/switch.h"

static uint32_t events(const struct vdev_switch *self)
{
    return ((self->writable | self->changed) & ~self->delivering) | self->resume;
}

static bool has_work(const struct vdev_switch *self)
{
    return ((self->ready & ~self->waiting) | events(self)) != 0;
}

void vdev_switch_kick(struct vdev_switch *self)
{
    if (!self->awake && has_work(self)) {
        self->awake = true;
        if (self->wake != NULL) {
            self->wake(self->wake_context);
        }
    }
}

void vdev_switch_unblock(struct vdev_switch *self)
{
    self->waiting = 0;
    vdev_switch_kick(self);
}

/* ---- to a guest ---- */

/* All but the header, from where it lies to where it is wanted. Returns bytes moved. */
static size_t copy(struct vdev_cursor *to, struct vdev_cursor *from, size_t length)
{
    size_t left = length;
    void *pointer;
    size_t piece;

    while (left != 0 && (piece = vdev_cursor_peek(from, &pointer)) != 0) {
        piece = vdev_cursor_write(to, pointer, piece < left ? piece : left);
        if (piece == 0) {
            break;
        }
        vdev_cursor_skip(from, piece);
        left -= piece;
    }
    return length - left;
}

static int put(const struct vdev_net_room *room, const struct vdev_net_frame *frame,
               const uint8_t *header)
{
    struct vdev_cursor to = vdev_cursor(room->buffers, room->buffer_count);
    struct vdev_cursor from = vdev_cursor(frame->buffers, frame->buffer_count);
    size_t rest = frame->length - VDEV_NET_HEADER_BYTES;

    if (vdev_cursor_write(&to, header, VDEV_NET_HEADER_BYTES) != VDEV_NET_HEADER_BYTES) {
        return VDEV_ERROR_IO;
    }
    vdev_cursor_skip(&from, VDEV_NET_HEADER_BYTES);
    return copy(&to, &from, rest) == rest ? VDEV_OK : VDEV_ERROR_IO;
}

/* False: an uplink is just delivering to the guest, and nothing may come between. */
static bool give(struct vdev_switch *self, struct vdev_switch_port *from,
                 struct vdev_switch_port *to, const struct vdev_net_frame *frame)
{
    const struct vdev_net_client *client = &to->net.client;
    struct vdev_net_direction *received = &to->net.received;
    struct vdev_net_arrival arrival = {.length = frame->length, .offload = frame->offload};
    struct vdev_net_room room = {NULL, 0};

    if ((self->delivering & vdev_switch_bit(to)) != 0) {
        self->wanted |= vdev_switch_bit(to);
        return false;
    }
    if (!to->net.link || client->accept == NULL) {
        received->dropped[VDEV_NET_DROP_NO_LINK]++;
        return true;
    }
    if ((frame->offload.needs & ~client->accepts) != 0) {
        received->dropped[VDEV_NET_DROP_OFFLOAD]++; /* it has changed its mind since the decision */
        return true;
    }
    vdev_switch_copy_header(arrival.header, from->header);
    /* No guest is believed what it says of its own checksums. */
    arrival.offload.checksum_valid =
        frame->offload.checksum_valid && (from->below != NULL || frame == &from->segmenter.frame);
    int status = client->accept(client->owner, &arrival, &room);
    if (status != VDEV_OK) {
        received->dropped[VDEV_NET_DROP_NO_ROOM] += status == VDEV_ERROR_FULL;
        return true;
    }
    status = put(&room, frame, from->header);
    if (status == VDEV_OK) {
        vdev_net_count(received, frame->length);
    } else {
        received->dropped[VDEV_NET_DROP_SHORT]++;
    }
    client->delivered(client->owner, status);
    return true;
}

/* To those of a set that are not blocked; returns those that are. */
static uint32_t give_all(struct vdev_switch *self, struct vdev_switch_port *port, uint32_t guests,
                         const struct vdev_net_frame *frame)
{
    uint32_t blocked = 0;

    for (; guests != 0; guests &= guests - 1) {
        struct vdev_switch_port *to = vdev_switch_first(self, guests);
        if (!give(self, port, to, frame)) {
            blocked |= vdev_switch_bit(to);
        }
    }
    return blocked;
}

/* ---- in segments ---- */

/* The segmenter failed: those that need it do without this frame. */
static void give_up(struct vdev_switch *self, struct vdev_switch_port *port)
{
    for (; port->software != 0; port->software &= port->software - 1) {
        struct vdev_switch_port *to = vdev_switch_first(self, port->software);
        vdev_switch_out(to)->dropped[VDEV_NET_DROP_OFFLOAD]++;
    }
}

static int next_segment(struct vdev_switch_port *port)
{
    int status = VDEV_OK;

    if (!port->segmenting) {
        status = vdev_net_segmenter_begin(&port->segmenter, port->current,
                                          port->below != NULL ? port->bounce_pieces : port->pieces,
                                          port->below != NULL ? 2 : port->pieces_each);
        port->segmenting = status == VDEV_OK;
        /* The header that was decided by, whatever the sender has made of it since. */
        vdev_switch_copy_header(port->segmenter.headers, port->header);
    }
    return status == VDEV_OK ? vdev_net_segmenter_next(&port->segmenter) : status;
}

/* Make a segment, or go on with one that not all have been given yet. True if anything happened. */
static bool segment_step(struct vdev_switch *self, struct vdev_switch_port *port)
{
    bool made = false;

    port->segment_to &= port->software;
    if (port->segment_to == 0) {
        int status = next_segment(port);
        if (status != VDEV_OK) {
            if (status == VDEV_ERROR_EMPTY) {
                port->software = 0;
            } else {
                give_up(self, port);
            }
            return true;
        }
        port->segment_to = port->software;
        made = true;
    }
    uint32_t before = port->segment_to;
    uint32_t left = 0;
    if ((before & self->guests) != 0) {
        left = give_all(self, port, before & self->guests, &port->segmenter.frame);
    }
    for (uint32_t to = before & self->uplinks; to != 0; to &= to - 1) {
        struct vdev_switch_port *uplink = vdev_switch_first(self, to);
        if (vdev_switch_send(self, port, uplink, &port->segmenter.frame, false) ==
            VDEV_SWITCH_BLOCKED) {
            left |= vdev_switch_bit(uplink);
        }
    }
    port->segment_to = left;
    if (left == 0 && port->segmenter.left == 0) {
        port->software = 0; /* it was the last: no step to find that out */
    }
    return made || left != before;
}

/* ---- the end of a frame ---- */

void vdev_switch_take_out(struct vdev_switch *self, struct vdev_switch_port *port,
                          struct vdev_net_frame *next)
{
    port->current = NULL;
    port->first = next;
    port->queued--;
    port->flushing -= port->flushing != 0;
    if (port->first == NULL) {
        self->ready &= ~vdev_switch_bit(port);
    }
    if (port->starved) {
        port->starved = false;
        self->writable |= vdev_switch_bit(port);
    }
}

/* The frame on its way, or the first that waits, is done with here; slots may still have parts. */
static void finish(struct vdev_switch *self, struct vdev_switch_port *port,
                   struct vdev_net_frame *frame, int status)
{
    vdev_switch_take_out(self, port, frame->next);
    if (port->split) {
        port->split = false;
        for (uint32_t slot = 0; slot < port->slot_count; slot++) {
            if (port->slots[slot].origin == frame) {
                port->slots[slot].status = status != VDEV_OK ? status : port->slots[slot].status;
                return; /* it is completed with the last slot */
            }
        }
    }
    frame->complete(frame, status);
}

/* ---- the frame as it is ---- */

/* To uplinks, when nothing else is left to be done with it. */
static enum vdev_switch_result send_all(struct vdev_switch *self, struct vdev_switch_port *port)
{
    enum vdev_switch_result result = VDEV_SWITCH_DONE;

    for (uint32_t to = port->direct; to != 0; to &= to - 1) {
        struct vdev_switch_port *uplink = vdev_switch_first(self, to);
        bool last = (port->direct & (port->direct - 1)) == 0;
        enum vdev_switch_result sent =
            last && port->pass_through && !port->split
                ? vdev_switch_pass(self, port, uplink)
                : vdev_switch_send(self, port, uplink, port->current, last);
        if (sent == VDEV_SWITCH_BLOCKED) {
            result = sent;
            continue;
        }
        port->direct &= ~vdev_switch_bit(uplink);
        if (sent == VDEV_SWITCH_PASSED) {
            return sent;
        }
    }
    return result;
}

static void end(struct vdev_switch *self, struct vdev_switch_port *port)
{
    struct vdev_net_frame *frame = port->current;
    uint32_t bit = vdev_switch_bit(port);

    if (port->below == NULL) {
        finish(self, port, frame, port->status);
        return;
    }
    port->current = NULL;
    port->flushing = 0;
    self->ready &= ~bit;
    self->resume |= self->refused & bit;
    self->refused &= ~bit;
}

static void step(struct vdev_switch *self, struct vdev_switch_port *port)
{
    uint32_t before = port->direct;
    bool progress = false;

    if ((port->direct & self->guests) != 0) {
        uint32_t left = give_all(self, port, port->direct & self->guests, port->current);
        port->direct = left | (port->direct & self->uplinks);
    }
    if (port->software != 0) {
        progress = segment_step(self, port);
    }
    if (port->software == 0 && port->direct != 0 && (port->direct & self->guests) == 0 &&
        send_all(self, port) == VDEV_SWITCH_PASSED) {
        return;
    }
    if ((port->direct | port->software) == 0) {
        end(self, port);
    } else if (!progress && port->direct == before) {
        self->waiting |= vdev_switch_bit(port);
    }
}

void vdev_switch_begin(struct vdev_switch *self, struct vdev_switch_port *port,
                       struct vdev_net_frame *frame, uint32_t to)
{
    uint32_t needs = frame->offload.needs;

    port->current = frame;
    port->direct = to;
    port->software = 0;
    port->segment_to = 0;
    port->segmenting = false;
    port->split = false;
    port->status = VDEV_OK;
    if (needs == 0) {
        return;
    }
    for (; to != 0; to &= to - 1) {
        struct vdev_switch_port *receiver = vdev_switch_first(self, to);
        uint32_t takes =
            receiver->below != NULL ? receiver->below->takes : receiver->net.client.accepts;
        if ((needs & ~takes) != 0) {
            port->software |= vdev_switch_bit(receiver);
        }
    }
    port->direct &= ~port->software;
}

/* ---- the frames of a guest ---- */

static bool read_header(struct vdev_switch_port *port, const struct vdev_net_frame *frame)
{
    const struct vdev_buffer *buffers = frame->buffers;

    if (frame->buffer_count != 0 && buffers[0].length >= VDEV_NET_HEADER_BYTES) {
        vdev_switch_copy_header(port->header, buffers[0].pointer);
        return true;
    }
    struct vdev_cursor cursor = vdev_cursor(buffers, frame->buffer_count);
    return vdev_cursor_read(&cursor, port->header, VDEV_NET_HEADER_BYTES) == VDEV_NET_HEADER_BYTES;
}

/*
 * The short way of most frames: as it is, to one uplink. False: it has to go the long way, or to
 * wait there.
 */
static bool send_at_once(struct vdev_switch *self, struct vdev_switch_port *port,
                         struct vdev_net_frame *frame, uint32_t to)
{
    if ((to & self->uplinks) == 0 || (to & (to - 1)) != 0) {
        return false;
    }
    struct vdev_switch_port *uplink = vdev_switch_first(self, to);
    if ((frame->offload.needs & ~uplink->below->takes) != 0) {
        return false;
    }
    port->current = frame;
    enum vdev_switch_result result = port->pass_through
                                         ? vdev_switch_pass(self, port, uplink)
                                         : vdev_switch_send(self, port, uplink, frame, true);
    if (result == VDEV_SWITCH_DONE) {
        finish(self, port, frame, VDEV_OK);
    }
    return result != VDEV_SWITCH_BLOCKED;
}

/* Let the first frame in. False: it is done with. */
static bool let_in(struct vdev_switch *self, struct vdev_switch_port *port)
{
    struct vdev_net_frame *frame = port->first;
    struct vdev_switch_route route = {0, VDEV_NET_DROP_NO_LINK, NULL};

    if (port->net.link) {
        route.reason = VDEV_NET_DROP_SHORT;
        if (read_header(port, frame)) {
            vdev_switch_decide(self, port, port->header, &route);
        }
    }
    if (route.to != 0 && route.bucket != NULL && !vdev_switch_admit(self, &route)) {
        route.to = 0;
        route.reason = VDEV_NET_DROP_LIMITED;
    }
    if (route.to == 0) {
        port->net.sent.dropped[route.reason]++;
        finish(self, port, frame, VDEV_OK);
        return false;
    }
    vdev_net_count(&port->net.sent, frame->length);
    if (send_at_once(self, port, frame, route.to)) {
        return false;
    }
    vdev_switch_begin(self, port, frame, route.to);
    return true;
}

/* Give up the first frame, wherever it has come to. */
static void flush_one(struct vdev_switch *self, struct vdev_switch_port *port)
{
    port->direct = 0;
    port->software = 0;
    port->status = VDEV_ERROR_ABSENT;
    if (port->current != NULL) {
        end(self, port);
    } else {
        port->net.sent.dropped[VDEV_NET_DROP_NO_LINK]++;
        finish(self, port, port->first, VDEV_ERROR_ABSENT);
    }
}

void vdev_switch_forward(struct vdev_switch *self, struct vdev_switch_port *port)
{
    if (port->flushing != 0) {
        flush_one(self, port);
    } else if (port->current != NULL || let_in(self, port)) {
        step(self, port);
    }
}

/* ---- poll ---- */

/* Tell one client of one thing. */
static void tell(struct vdev_switch *self, uint32_t set)
{
    struct vdev_switch_port *port = vdev_switch_first(self, set);
    const struct vdev_net_client *client = &port->net.client;
    uint32_t bit = vdev_switch_bit(port);

    if ((self->resume & bit) != 0) {
        self->resume &= ~bit;
        vdev_net_resume(port->below);
    } else if ((self->changed & bit) != 0) {
        self->changed &= ~bit;
        if (client->changed != NULL) {
            client->changed(client->owner);
        }
    } else {
        self->writable &= ~bit;
        if (client->writable != NULL) {
            client->writable(client->owner);
        }
    }
}

bool vdev_switch_poll(struct vdev_switch *self)
{
    uint32_t ready = self->ready & ~self->waiting;
    uint32_t set = events(self);

    if (self->inside != 0) {
        return has_work(self);
    }
    self->inside++;
    self->awake = true;
    if (set != 0) {
        tell(self, set);
    } else if (ready != 0) {
        uint32_t after = ready & ~((2u << self->turn) - 1u);
        struct vdev_switch_port *port = vdev_switch_first(self, after != 0 ? after : ready);
        self->turn = port->index;
        vdev_switch_forward(self, port);
    }
    self->inside--;
    self->awake = has_work(self);
    return self->awake;
}
