/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the switch knows: which address is at which port, how old that is, and how much may be
 * flooded. From that, where a frame goes.
 *
 * An address that is learned never takes the place of another port's, unless that is too old; so
 * one guest cannot make the switch forget another, only be forgotten itself.
 */
#include "mux/switch.h"

/* Buckets looked through each time the clock is read: what is forgotten costs no walk of its own.
 */
#define SWEEP 2u

/* ---- age ---- */

void vdev_switch_table_init(struct vdev_switch *self, uint32_t entry_count, uint64_t ageing)
{
    memset(self->entries, 0, entry_count * sizeof *self->entries);
    self->bucket_count = entry_count / VDEV_SWITCH_WAYS;
    self->age_quantum = ageing / VDEV_SWITCH_AGE_STEPS + (ageing < VDEV_SWITCH_AGE_STEPS);
    self->age_next = vdev_clock_now(self->clock) + self->age_quantum;
    self->age_frames = VDEV_SWITCH_AGE_FRAMES;
}

static void forget(struct vdev_switch *self, struct vdev_switch_entry *entry)
{
    if (entry->state == VDEV_SWITCH_LEARNED) {
        self->ports[entry->port]->learned--;
    }
    entry->state = VDEV_SWITCH_UNUSED;
}

static void sweep(struct vdev_switch *self)
{
    for (unsigned count = 0; count < SWEEP; count++) {
        struct vdev_switch_entry *entry = self->entries + VDEV_SWITCH_WAYS * self->hand;
        for (unsigned way = 0; way < VDEV_SWITCH_WAYS; way++, entry++) {
            if (entry->state == VDEV_SWITCH_LEARNED && !vdev_switch_is_alive(self, entry)) {
                forget(self, entry);
            }
        }
        self->hand = self->hand + 1 < self->bucket_count ? self->hand + 1 : 0;
    }
}

void vdev_switch_grow_older(struct vdev_switch *self)
{
    uint64_t now = vdev_clock_now(self->clock);

    self->age_frames = VDEV_SWITCH_AGE_FRAMES;
    /* After this many steps everything is too old, however long it really was. */
    for (unsigned step = 0; now >= self->age_next && step <= VDEV_SWITCH_AGE_STEPS; step++) {
        self->age++;
        self->age_next += self->age_quantum;
    }
    if (now >= self->age_next) {
        self->age_next = now + self->age_quantum;
    }
    sweep(self);
}

/* ---- entries ---- */

static void set(struct vdev_switch *self, struct vdev_switch_entry *entry,
                const struct vdev_switch_port *port, struct vdev_switch_key key,
                enum vdev_switch_entry_state state)
{
    *entry = (struct vdev_switch_entry){
        .low = key.low,
        .high = key.high,
        .port = port->index,
        .state = (uint8_t)state,
        .age = self->age,
    };
}

/* A place that nobody has, or the oldest of those that are `port`'s; with NULL, of anybody's. */
static struct vdev_switch_entry *place(struct vdev_switch *self, struct vdev_switch_key key,
                                       const struct vdev_switch_port *port, bool only_own)
{
    struct vdev_switch_entry *entry = vdev_switch_bucket(self, key);
    struct vdev_switch_entry *oldest = NULL;

    for (unsigned way = 0; way < VDEV_SWITCH_WAYS; way++, entry++) {
        bool learned = entry->state == VDEV_SWITCH_LEARNED;
        bool free =
            entry->state == VDEV_SWITCH_UNUSED || (learned && !vdev_switch_is_alive(self, entry));
        if (free && !only_own) {
            return entry;
        }
        if (learned && (port == NULL || entry->port == port->index) &&
            (oldest == NULL || self->age - entry->age > self->age - oldest->age)) {
            oldest = entry;
        }
    }
    return oldest;
}

void vdev_switch_learn(struct vdev_switch *self, struct vdev_switch_port *port,
                       struct vdev_switch_key key)
{
    vdev_switch_grow_older(self);
    struct vdev_switch_entry *entry =
        place(self, key, port, port->learned >= port->learned_maximum);

    if (entry == NULL) {
        return;
    }
    forget(self, entry);
    set(self, entry, port, key, VDEV_SWITCH_LEARNED);
    port->learned++;
}

int vdev_switch_fix(struct vdev_switch *self, struct vdev_switch_port *port,
                    struct vdev_switch_key key)
{
    struct vdev_switch_entry *entry = vdev_switch_find(self, key);

    if (entry != NULL && entry->state == VDEV_SWITCH_FIXED) {
        return entry->port == port->index ? VDEV_OK : VDEV_ERROR_INVALID;
    }
    if (entry == NULL) {
        entry = place(self, key, NULL, false);
    }
    if (entry == NULL) {
        return VDEV_ERROR_FULL;
    }
    forget(self, entry);
    set(self, entry, port, key, VDEV_SWITCH_FIXED);
    return VDEV_OK;
}

void vdev_switch_forget(struct vdev_switch *self, struct vdev_switch_port *port, bool all)
{
    struct vdev_switch_entry *entry = self->entries;

    for (uint32_t left = VDEV_SWITCH_WAYS * self->bucket_count; left != 0; left--, entry++) {
        if (entry->port == port->index &&
            (entry->state == VDEV_SWITCH_LEARNED || (all && entry->state == VDEV_SWITCH_FIXED))) {
            forget(self, entry);
        }
    }
}

/* ---- limits ---- */

void vdev_switch_bucket_init(struct vdev_switch_bucket *bucket,
                             const struct vdev_switch_limit *limit, uint64_t now)
{
    bucket->cost = limit->rate != 0 ? 1000000000u / limit->rate : 0;
    bucket->most = (uint64_t)bucket->cost * limit->burst;
    bucket->credit = bucket->most;
    bucket->filled = now;
}

bool vdev_switch_admit(struct vdev_switch *self, const struct vdev_switch_route *route)
{
    struct vdev_switch_bucket *bucket = route->bucket;

    if (bucket == NULL || bucket->cost == 0) {
        return true;
    }
    uint64_t now = vdev_clock_now(self->clock);
    uint64_t passed = now - bucket->filled;
    uint64_t missing = bucket->most - bucket->credit;
    bucket->credit += passed < missing ? passed : missing;
    bucket->filled = now;
    if (bucket->credit < bucket->cost) {
        return false;
    }
    bucket->credit -= bucket->cost;
    return true;
}

/* ---- where a frame goes ---- */

/*
 * As vdev_switch_find, by way of the entry that was found last: frames come in runs. An entry says
 * itself whose it is, so that what has changed in the table meanwhile is no matter.
 */
static inline struct vdev_switch_entry *find_again(const struct vdev_switch *self,
                                                   struct vdev_switch_entry **last,
                                                   struct vdev_switch_key key)
{
    struct vdev_switch_entry *entry = *last;

    if (!vdev_switch_is_of(entry, key)) {
        entry = vdev_switch_find(self, key);
        *last = entry != NULL ? entry : *last;
    }
    return entry;
}

/* Whose frame may this be? Learns from it. */
static inline bool is_from(struct vdev_switch *self, struct vdev_switch_port *port,
                           const uint8_t *source)
{
    struct vdev_switch_key key = vdev_switch_key(source);

    if (port->fixed) {
        struct vdev_switch_key own = vdev_switch_key(port->net.address);
        return key.low == own.low && key.high == own.high;
    }
    if (vdev_net_is_group(source)) {
        return false;
    }
    struct vdev_switch_entry *entry = find_again(self, &port->last_source, key);
    if (entry == NULL) {
        vdev_switch_learn(self, port, key);
        return true;
    }
    if (entry->state == VDEV_SWITCH_FIXED) {
        return false;
    }
    if (entry->port != port->index) {
        if (port->learned >= port->learned_maximum) {
            return true;
        }
        self->ports[entry->port]->learned--;
        port->learned++;
        entry->port = port->index;
    }
    entry->age = self->age;
    return true;
}

/* For the next bridge alone [IEEE 802.1Q-2018 table 8-1]. */
static bool is_reserved(const uint8_t *address)
{
    static const uint8_t start[] = {0x01, 0x80, 0xc2, 0x00, 0x00};

    return memcmp(address, start, sizeof start) == 0 && address[5] < 0x10;
}

static uint32_t guests_for(struct vdev_switch *self, const uint8_t *destination)
{
    uint32_t to = 0;

    for (uint32_t left = self->guests; left != 0; left &= left - 1) {
        struct vdev_switch_port *port = vdev_switch_first(self, left);
        bool wanted = vdev_net_is_broadcast(destination) ? true
                      : vdev_net_is_group(destination)
                          ? port->mode != VDEV_NET_RECEIVE_OWN
                          : !port->fixed || (port->unknown && port->mode == VDEV_NET_RECEIVE_ALL);
        to |= wanted ? vdev_switch_bit(port) : 0;
    }
    return to;
}

void vdev_switch_decide(struct vdev_switch *self, struct vdev_switch_port *port,
                        const uint8_t *header, struct vdev_switch_route *route)
{
    const uint8_t *destination = header;
    bool group = vdev_net_is_group(destination);
    uint32_t others = self->guests | (port->below != NULL ? 0 : self->uplinks);

    others &= ~vdev_switch_bit(port);
    route->to = 0;
    route->bucket = NULL;
    if (--self->age_frames == 0) {
        vdev_switch_grow_older(self);
    }
    if (!is_from(self, port, header + VDEV_NET_ADDRESS_BYTES)) {
        route->reason = VDEV_NET_DROP_SPOOFED;
        return;
    }
    route->reason = VDEV_NET_DROP_FILTERED;
    if (!group) {
        struct vdev_switch_entry *entry =
            find_again(self, &port->last_destination, vdev_switch_key(destination));
        if (entry != NULL && vdev_switch_is_alive(self, entry)) {
            route->to = (1u << entry->port) & others;
            return;
        }
    } else if (is_reserved(destination)) {
        return;
    }
    route->bucket = group ? &port->group_bucket : &port->unknown_bucket;
    route->to = (self->uplinks | guests_for(self, destination)) & others;
}
