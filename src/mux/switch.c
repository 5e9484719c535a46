/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The switch as a set of ports: adding and removing them, their links, and the device that a guest
 * port offers. How frames go through it is in switch_forward.c and switch_uplink.c.
 */
#include <stddef.h>

#include "mux/switch.h"

_Static_assert(VDEV_SWITCH_PORTS <= 32, "sets of ports are 32 bits");

#define ENTRIES_MAXIMUM 65536u
#define SLOTS_MAXIMUM   32u
#define RATE_MAXIMUM    1000000000u

int vdev_switch_init(struct vdev_switch *self,
                     const struct vdev_switch_configuration *configuration)
{
    uint32_t count = configuration->entry_count;
    uint16_t mtu = configuration->mtu != 0 ? configuration->mtu : VDEV_NET_MTU;

    if (configuration->entries == NULL || configuration->clock == NULL ||
        count < VDEV_SWITCH_WAYS || count > ENTRIES_MAXIMUM || (count & (count - 1)) != 0 ||
        mtu < VDEV_NET_MTU_MINIMUM) {
        return VDEV_ERROR_INVALID;
    }
    memset(self, 0, sizeof *self);
    self->entries = configuration->entries;
    self->clock = configuration->clock;
    self->seed = configuration->seed;
    self->mtu = mtu;
    self->wake = configuration->wake;
    self->wake_context = configuration->wake_context;
    vdev_switch_table_init(self, count,
                           configuration->ageing != 0 ? configuration->ageing : VDEV_SWITCH_AGEING);
    return VDEV_OK;
}

/* ---- the device that a guest port offers ---- */

static struct vdev_switch_port *port_of(struct vdev_net *net)
{
    return (struct vdev_switch_port *)(void *)((char *)net -
                                               offsetof(struct vdev_switch_port, net));
}

static int submit(struct vdev_net *net, struct vdev_net_frame *frame)
{
    struct vdev_switch_port *port = port_of(net);
    struct vdev_switch *self = port->owner;
    int status = vdev_net_check(frame->length, &frame->offload, VDEV_SWITCH_EVERYTHING, net->mtu);

    if (status != VDEV_OK) {
        return status;
    }
    if (frame->buffer_count > net->maximum_buffers) {
        return VDEV_ERROR_INVALID;
    }
    if (port->queued >= port->queue_maximum) {
        port->starved = true;
        return VDEV_ERROR_FULL;
    }
    frame->next = NULL;
    if (port->first == NULL) {
        port->first = frame;
    } else {
        port->last->next = frame;
    }
    port->last = frame;
    port->queued++;
    self->ready |= vdev_switch_bit(port);
    vdev_switch_kick(self);
    return VDEV_OK;
}

static bool poll(struct vdev_net *net)
{
    return vdev_switch_poll(port_of(net)->owner);
}

static int set_receive_mode(struct vdev_net *net, enum vdev_net_receive_mode mode)
{
    port_of(net)->mode = mode;
    return VDEV_OK;
}

static const struct vdev_net_operations operations = {
    .submit = submit,
    .poll = poll,
    .set_receive_mode = set_receive_mode,
};

/* ---- links ---- */

static bool link_of(struct vdev_switch *self, const struct vdev_switch_port *port)
{
    bool link = port->up && !port->follows;

    for (uint32_t left = self->uplinks; left != 0 && port->up; left &= left - 1) {
        link = link || vdev_switch_first(self, left)->below->link;
    }
    return link;
}

void vdev_switch_update_links(struct vdev_switch *self)
{
    for (uint32_t left = self->guests; left != 0; left &= left - 1) {
        struct vdev_switch_port *port = vdev_switch_first(self, left);
        bool link = link_of(self, port);
        if (link != port->net.link) {
            port->net.link = link;
            self->changed |= vdev_switch_bit(port);
        }
    }
    vdev_switch_kick(self);
}

void vdev_switch_port_set_link(struct vdev_switch_port *port, bool up)
{
    port->up = up;
    vdev_switch_update_links(port->owner);
}

/* ---- adding ---- */

static bool limit_is_sound(const struct vdev_switch_limit *limit)
{
    return limit->rate <= RATE_MAXIMUM && (limit->rate == 0 || limit->burst != 0);
}

/* What both kinds have; the port is not in the switch yet. */
static int prepare(struct vdev_switch *self, struct vdev_switch_port *port,
                   const struct vdev_switch_limit *group, const struct vdev_switch_limit *unknown)
{
    uint32_t used = self->guests | self->uplinks;
    uint64_t now = vdev_clock_now(self->clock);

    if (!limit_is_sound(group) || !limit_is_sound(unknown)) {
        return VDEV_ERROR_INVALID;
    }
    if (used == ~0u) {
        return VDEV_ERROR_FULL;
    }
    memset(port, 0, sizeof *port);
    port->index = (uint8_t)__builtin_ctz(~used);
    port->last_source = port->last_destination = self->entries;
    vdev_switch_bucket_init(&port->group_bucket, group, now);
    vdev_switch_bucket_init(&port->unknown_bucket, unknown, now);
    return VDEV_OK;
}

/* The number of buffers that an uplink leaves to a frame, whose header is one of its own. */
static uint32_t buffers_maximum(struct vdev_switch *self, uint32_t pieces_each)
{
    uint32_t maximum = pieces_each;

    for (uint32_t left = self->uplinks; left != 0; left &= left - 1) {
        uint32_t takes = vdev_switch_first(self, left)->below->maximum_buffers;
        maximum = takes != 0 && takes < maximum ? takes : maximum;
    }
    return maximum - 1;
}

static int fix(struct vdev_switch *self, struct vdev_switch_port *port, const uint8_t *address)
{
    static const uint8_t none[VDEV_NET_ADDRESS_BYTES] = {0};
    _Alignas(2) uint8_t aligned[VDEV_NET_ADDRESS_BYTES];

    if (vdev_net_is_group(address) || vdev_net_same_address(address, none)) {
        return VDEV_ERROR_INVALID;
    }
    memcpy(aligned, address, sizeof aligned);
    return vdev_switch_fix(self, port, vdev_switch_key(aligned));
}

static void copy_guest(struct vdev_switch_port *port,
                       const struct vdev_switch_guest_configuration *configuration)
{
    port->fixed = configuration->fixed;
    port->unknown = configuration->unknown;
    port->pass_through = configuration->pass_through;
    port->follows = configuration->follows;
    port->up = !configuration->down;
    port->mode = VDEV_NET_RECEIVE_ALL;
    port->queue_maximum = configuration->queue_maximum;
    port->learned_maximum = configuration->learned_maximum;
    port->slots = configuration->slots;
    port->slot_count = configuration->slot_count;
    port->pieces = configuration->pieces;
    port->pieces_each = configuration->piece_count / (configuration->slot_count + 1);
}

int vdev_switch_add_guest(struct vdev_switch *self, struct vdev_switch_port *port,
                          const struct vdev_switch_guest_configuration *configuration)
{
    if (configuration->slots == NULL || configuration->slot_count == 0 ||
        configuration->slot_count > SLOTS_MAXIMUM || configuration->pieces == NULL ||
        configuration->piece_count < 2 * (configuration->slot_count + 1) ||
        configuration->queue_maximum == 0 ||
        (configuration->fixed && configuration->learned_maximum != 0)) {
        return VDEV_ERROR_INVALID;
    }
    int status = prepare(self, port, &configuration->group, &configuration->unknown_unicast);
    if (status == VDEV_OK && configuration->fixed) {
        status = fix(self, port, configuration->address);
    }
    if (status != VDEV_OK) {
        return status;
    }
    copy_guest(port, configuration);
    vdev_switch_slots_init(port);
    port->net.operations = &operations;
    memcpy(port->net.address, configuration->address, sizeof port->net.address);
    port->net.mtu = self->mtu;
    port->net.takes = VDEV_SWITCH_EVERYTHING;
    port->net.maximum_buffers = buffers_maximum(self, port->pieces_each);
    port->owner = self;
    self->ports[port->index] = port;
    self->guests |= vdev_switch_bit(port);
    port->net.link = link_of(self, port);
    return VDEV_OK;
}

int vdev_switch_add_uplink(struct vdev_switch *self, struct vdev_switch_port *port,
                           const struct vdev_switch_uplink_configuration *configuration)
{
    struct vdev_net *net = configuration->net;

    if (net == NULL || net->maximum_buffers == 1 || configuration->bounce.pointer == NULL ||
        configuration->bounce.length < VDEV_NET_HEADER_BYTES ||
        (configuration->accepts & ~VDEV_SWITCH_EVERYTHING) != 0) {
        return VDEV_ERROR_INVALID;
    }
    if (self->guests != 0) {
        return VDEV_ERROR_STATE;
    }
    int status = prepare(self, port, &configuration->group, &configuration->unknown_unicast);
    if (status == VDEV_OK) {
        status = vdev_net_set_receive_mode(net, VDEV_NET_RECEIVE_ALL);
    }
    if (status != VDEV_OK) {
        return status;
    }
    port->below = net;
    port->learned_maximum = configuration->learned_maximum;
    port->bounce = configuration->bounce;
    port->bounced.buffers = &port->bounce;
    port->bounced.buffer_count = 1;
    vdev_switch_become_client(port, configuration->accepts);
    port->owner = self;
    self->ports[port->index] = port;
    self->uplinks |= vdev_switch_bit(port);
    return VDEV_OK;
}

int vdev_switch_port_set_address(struct vdev_switch_port *port, const uint8_t *address)
{
    if (!port->fixed) {
        return VDEV_ERROR_STATE;
    }
    if (vdev_net_same_address(address, port->net.address)) {
        return VDEV_OK;
    }
    int status = fix(port->owner, port, address);
    if (status != VDEV_OK) {
        return status;
    }
    vdev_switch_find(port->owner, vdev_switch_key(port->net.address))->state = VDEV_SWITCH_UNUSED;
    memcpy(port->net.address, address, sizeof port->net.address);
    return VDEV_OK;
}

/* ---- flushing and removing ---- */

/* Frames of others that were to go to the port go there no more. */
static void withdraw(struct vdev_switch *self, struct vdev_switch_port *port)
{
    uint32_t bit = vdev_switch_bit(port);

    for (uint32_t left = self->guests | self->uplinks; left != 0; left &= left - 1) {
        struct vdev_switch_port *other = vdev_switch_first(self, left);
        if (((other->direct | other->software | other->bounce_to) & bit) != 0) {
            vdev_switch_out(port)->dropped[VDEV_NET_DROP_NO_LINK]++;
        }
        other->direct &= ~bit;
        other->software &= ~bit;
        other->bounce_to &= ~bit;
    }
}

void vdev_switch_port_flush(struct vdev_switch_port *port)
{
    struct vdev_switch *self = port->owner;

    port->flushing = port->below != NULL ? port->current != NULL : port->queued;
    withdraw(self, port);
    vdev_switch_forget(self, port, false);
    vdev_switch_unblock(self);
}

bool vdev_switch_port_is_busy(const struct vdev_switch_port *port)
{
    const struct vdev_switch *self = port->owner;

    if (port->below != NULL) {
        return port->current != NULL || port->arriving != 0;
    }
    return port->queued != 0 || (self->delivering & vdev_switch_bit(port)) != 0 ||
           port->slots_free != ~0u >> (32 - port->slot_count);
}

int vdev_switch_remove(struct vdev_switch_port *port)
{
    struct vdev_switch *self = port->owner;
    uint32_t bit = vdev_switch_bit(port);

    if (self->inside != 0 || vdev_switch_port_is_busy(port)) {
        return VDEV_ERROR_BUSY;
    }
    withdraw(self, port);
    vdev_switch_forget(self, port, true);
    self->ports[port->index] = NULL;
    self->guests &= ~bit;
    self->uplinks &= ~bit;
    self->ready &= ~bit;
    self->writable &= ~bit;
    self->changed &= ~bit;
    self->refused &= ~bit;
    self->resume &= ~bit;
    self->wanted &= ~bit;
    if (port->below != NULL) {
        port->below->client = (struct vdev_net_client){.accept = NULL};
    }
    port->owner = NULL;
    vdev_switch_update_links(self);
    vdev_switch_unblock(self);
    return VDEV_OK;
}
