/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the switch share: its table, the decision where a frame goes, and the steps of
 * a frame on its way. The fast part of the table is inline, since it is used twice for each frame.
 */
#ifndef MUX_SWITCH_H
#define MUX_SWITCH_H

#include <vdev/mux/switch.h>
#include <vdev/status.h>

#include "core/mem.h"

#define VDEV_SWITCH_EVERYTHING                                                                     \
    (VDEV_NET_CHECKSUM | VDEV_NET_TCP4 | VDEV_NET_TCP6 | VDEV_NET_UDP | VDEV_NET_ECN)

enum vdev_switch_entry_state {
    VDEV_SWITCH_UNUSED,
    VDEV_SWITCH_LEARNED,
    VDEV_SWITCH_FIXED,
};

static inline uint32_t vdev_switch_bit(const struct vdev_switch_port *port)
{
    return 1u << port->index;
}

/* The first port of a set that is not empty. */
static inline struct vdev_switch_port *vdev_switch_first(struct vdev_switch *self, uint32_t set)
{
    return self->ports[__builtin_ctz(set)];
}

/* What comes in at a port, and what goes out there. */
static inline struct vdev_net_direction *vdev_switch_in(struct vdev_switch_port *port)
{
    return port->below != NULL ? &port->net.received : &port->net.sent;
}

static inline struct vdev_net_direction *vdev_switch_out(struct vdev_switch_port *port)
{
    return port->below != NULL ? &port->net.sent : &port->net.received;
}

/* ---- the table ---- */

struct vdev_switch_key {
    uint32_t low;
    uint16_t high;
};

/* A header at any address, for a copy as a structure: of memcpy, builtin or not, a call is made. */
struct __attribute__((packed, may_alias)) vdev_switch_header {
    uint32_t words[3];
    uint16_t last;
};
_Static_assert(sizeof(struct vdev_switch_header) == VDEV_NET_HEADER_BYTES, "all of a header");

static inline void vdev_switch_copy_header(uint8_t *to, const uint8_t *from)
{
    const struct vdev_switch_header *header = (const void *)from;
    uint32_t first = header->words[0], second = header->words[1], third = header->words[2];
    uint16_t last = header->last;

    *(struct vdev_switch_header *)(void *)to =
        (struct vdev_switch_header){{first, second, third}, last};
}

/* Of an address that is aligned to 2, as all are that come from a header. */
static inline struct vdev_switch_key vdev_switch_key(const uint8_t *address)
{
    const uint8_t *aligned = __builtin_assume_aligned(address, 2);
    struct vdev_switch_key key;

    __builtin_memcpy(&key.high, aligned, sizeof key.high);
    __builtin_memcpy(&key.low, aligned + sizeof key.high, sizeof key.low);
    return key;
}

static inline bool vdev_switch_is_of(const struct vdev_switch_entry *entry,
                                     struct vdev_switch_key key)
{
    return entry->low == key.low && entry->high == key.high && entry->state != VDEV_SWITCH_UNUSED;
}

/* The first of the VDEV_SWITCH_WAYS entries that the address may stand in. */
static inline struct vdev_switch_entry *vdev_switch_bucket(const struct vdev_switch *self,
                                                           struct vdev_switch_key key)
{
    uint32_t hash = (key.low ^ self->seed) * 0x9e3779b1u + key.high * 0x85ebca6bu;

    hash = (hash ^ hash >> 15) * (self->seed | 1u);
    return self->entries +
           VDEV_SWITCH_WAYS * (uint32_t)(((uint64_t)hash * self->bucket_count) >> 32);
}

/* The entry of an address, which may be too old to be believed; NULL: there is none. */
static inline struct vdev_switch_entry *vdev_switch_find(const struct vdev_switch *self,
                                                         struct vdev_switch_key key)
{
    struct vdev_switch_entry *entry = vdev_switch_bucket(self, key);

    for (unsigned way = 0; way < VDEV_SWITCH_WAYS; way++, entry++) {
        if (vdev_switch_is_of(entry, key)) {
            return entry;
        }
    }
    return NULL;
}

static inline bool vdev_switch_is_alive(const struct vdev_switch *self,
                                        const struct vdev_switch_entry *entry)
{
    return entry->state == VDEV_SWITCH_FIXED || self->age - entry->age <= VDEV_SWITCH_AGE_STEPS;
}

void vdev_switch_table_init(struct vdev_switch *self, uint32_t entry_count, uint64_t ageing);

/* Look at the clock, and through the next buckets for addresses that are too old. */
void vdev_switch_grow_older(struct vdev_switch *self);

/* An address that is not in the table was used at the port. */
void vdev_switch_learn(struct vdev_switch *self, struct vdev_switch_port *port,
                       struct vdev_switch_key key);

/* VDEV_ERROR_INVALID: it is another port's for good; VDEV_ERROR_FULL. */
int vdev_switch_fix(struct vdev_switch *self, struct vdev_switch_port *port,
                    struct vdev_switch_key key);

/* The learned addresses of a port, or all. */
void vdev_switch_forget(struct vdev_switch *self, struct vdev_switch_port *port, bool all);

/* ---- limits ---- */

void vdev_switch_bucket_init(struct vdev_switch_bucket *bucket,
                             const struct vdev_switch_limit *limit, uint64_t now);

/* ---- where a frame goes ---- */

struct vdev_switch_route {
    uint32_t to; /* ports; empty: nowhere, and `reason` says why */
    enum vdev_net_drop reason;
    struct vdev_switch_bucket *bucket; /* the limit that it falls under; NULL: none */
};

/* By the private copy of a frame's header, of which it learns. */
void vdev_switch_decide(struct vdev_switch *self, struct vdev_switch_port *port,
                        const uint8_t *header, struct vdev_switch_route *route);

/* Is it within the limit? To be asked once for a frame. */
bool vdev_switch_admit(struct vdev_switch *self, const struct vdev_switch_route *route);

/* ---- the steps of a frame ---- */

/* Let the owner know if there is work that it does not know of. */
void vdev_switch_kick(struct vdev_switch *self);

/* What ports waited for may have happened. */
void vdev_switch_unblock(struct vdev_switch *self);

/* A frame that has been let in begins its way to these ports. */
void vdev_switch_begin(struct vdev_switch *self, struct vdev_switch_port *port,
                       struct vdev_net_frame *frame, uint32_t to);

/* One step of a port's frames; the port is in `ready`. */
void vdev_switch_forward(struct vdev_switch *self, struct vdev_switch_port *port);

/* The first frame of a guest port is nobody's here any more; `next` is what it was linked to. */
void vdev_switch_take_out(struct vdev_switch *self, struct vdev_switch_port *port,
                          struct vdev_net_frame *next);

/* What became of an attempt to send. */
enum vdev_switch_result {
    VDEV_SWITCH_DONE,    /* gone, or dropped and counted */
    VDEV_SWITCH_BLOCKED, /* to be tried again */
    VDEV_SWITCH_PASSED,  /* gone, and all of the frame on its way with it: it is taken out */
};

/* By a slot: the frame on its way (`last`: and it has nowhere else to go), or a segment of it. */
enum vdev_switch_result vdev_switch_send(struct vdev_switch *self, struct vdev_switch_port *port,
                                         struct vdev_switch_port *uplink,
                                         const struct vdev_net_frame *frame, bool last);

/* The frame on its way itself, which has nowhere else to go and no parts in slots. */
enum vdev_switch_result vdev_switch_pass(struct vdev_switch *self, struct vdev_switch_port *port,
                                         struct vdev_switch_port *uplink);

void vdev_switch_slots_init(struct vdev_switch_port *port);

/* The guests' links, after something that they depend on has changed. */
void vdev_switch_update_links(struct vdev_switch *self);

void vdev_switch_become_client(struct vdev_switch_port *port, uint32_t accepts);

#endif
