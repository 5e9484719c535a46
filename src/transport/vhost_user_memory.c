/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a vhost-user session: the guest's, region by region, and the piece that notes what
 * is in flight. What the driver's end says of a region is checked here before anything is mapped;
 * that the file is as long as it says is the mapping operation's to know.
 *
 * The device's map changes only while no ring runs: who has a pointer into a region, or the
 * region's place in the map, has given it back by then.
 */
#include "core/mem.h"
#include "transport/vhost_user_device.h"

/* ---- the guest's ---- */

bool vdev_vhost_user_translate(const struct vdev_vhost_user_device *session, uint64_t *address)
{
    for (size_t i = 0; i < session->slot_count; i++) {
        const struct vdev_vhost_user_region *region = &session->slots[i].region;
        if (*address - region->user_address < region->length) {
            *address = region->guest_address + (*address - region->user_address);
            return true;
        }
    }
    return false;
}

static bool overlap(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
    return a <= b + (b_length - 1) && b <= a + (a_length - 1);
}

/* May this region stand beside those before it? */
static vdev_vhost_user_reason check_region(const struct vdev_vhost_user_region *region,
                                           const struct vdev_vhost_user_slot *slots, size_t count)
{
    if (region->length == 0) {
        return "a region without a byte";
    }
    if (region->length > SIZE_MAX || region->length - 1 > UINT64_MAX - region->guest_address ||
        region->length - 1 > UINT64_MAX - region->user_address ||
        region->length > UINT64_MAX - region->offset) {
        return "a region that wraps around";
    }
    for (size_t i = 0; i < count; i++) {
        const struct vdev_vhost_user_region *other = &slots[i].region;
        if (overlap(region->guest_address, region->length, other->guest_address, other->length) ||
            overlap(region->user_address, region->length, other->user_address, other->length)) {
            return "regions that overlap";
        }
    }
    return NULL;
}

/* Check a region against those before it, map it, and append it. */
static vdev_vhost_user_reason append(struct vdev_vhost_user_device *session,
                                     struct vdev_vhost_user_slot *slots, size_t count,
                                     const struct vdev_vhost_user_region *region, int descriptor)
{
    vdev_vhost_user_reason reason = check_region(region, slots, count);

    if (reason != NULL) {
        return reason;
    }
    void *mapped =
        session->operations->map(session->context, descriptor, region->offset, region->length);
    if (mapped == NULL) {
        return "a region that cannot be mapped";
    }
    slots[count] = (struct vdev_vhost_user_slot){*region, mapped};
    return NULL;
}

static void unmap(struct vdev_vhost_user_device *session, const struct vdev_vhost_user_slot *slot)
{
    session->operations->unmap(session->context, slot->mapped, slot->region.length);
}

/* The device's map, sorted, from the slots. */
static void make_map(struct vdev_vhost_user_device *session)
{
    struct vdev_memory_region *regions = session->regions;

    for (size_t i = 0; i < session->slot_count; i++) {
        const struct vdev_vhost_user_slot *slot = &session->slots[i];
        size_t at = i;
        for (; at != 0 && regions[at - 1].guest_address > slot->region.guest_address; at--) {
            regions[at] = regions[at - 1];
        }
        regions[at] = (struct vdev_memory_region){
            .guest_address = slot->region.guest_address,
            .length = slot->region.length,
            .pointer = slot->mapped,
            .bus_address = VDEV_NO_BUS_ADDRESS,
            .writable = true,
        };
    }
    session->memory->regions = regions;
    session->memory->count = session->slot_count;
}

/*
 * From one set of slots to another, mapped all: rings that run go on where they were. `removed` are
 * of the former set.
 */
static void change(struct vdev_vhost_user_device *session, const struct vdev_vhost_user_slot *slots,
                   size_t count, const struct vdev_vhost_user_slot *removed, size_t removed_count)
{
    uint64_t stopped = vdev_vhost_user_stop_rings(session, VHOST_USER_ALL_RINGS);

    for (size_t i = 0; i < removed_count; i++) {
        unmap(session, &removed[i]);
    }
    memcpy(session->slots, slots, count * sizeof *slots);
    session->slot_count = count;
    make_map(session);
    vdev_vhost_user_update_rings(session, stopped);
}

vdev_vhost_user_reason vdev_vhost_user_set_memory_table(struct vdev_vhost_user_exchange *exchange)
{
    struct vdev_vhost_user_device *session = exchange->session;
    struct vdev_vhost_user_slot slots[VDEV_VHOST_USER_REGIONS];
    size_t count = exchange->message->payload.memory.count;
    vdev_vhost_user_reason reason = NULL;
    size_t mapped;

    for (mapped = 0; mapped < count; mapped++) {
        reason = append(session, slots, mapped, &exchange->message->payload.memory.regions[mapped],
                        exchange->descriptors[mapped]);
        if (reason != NULL) {
            break;
        }
    }
    if (reason != NULL) {
        while (mapped-- != 0) {
            unmap(session, &slots[mapped]);
        }
        return reason;
    }
    change(session, slots, count, session->slots, session->slot_count);
    return NULL;
}

vdev_vhost_user_reason vdev_vhost_user_add_region(struct vdev_vhost_user_exchange *exchange)
{
    struct vdev_vhost_user_device *session = exchange->session;
    struct vdev_vhost_user_slot slots[VDEV_VHOST_USER_MEM_SLOTS];
    size_t count = session->slot_count;

    if (count == VDEV_VHOST_USER_MEM_SLOTS) {
        return "more regions than there are slots";
    }
    memcpy(slots, session->slots, count * sizeof *slots);
    vdev_vhost_user_reason reason = append(
        session, slots, count, &exchange->message->payload.region.region, exchange->descriptors[0]);
    if (reason != NULL) {
        return reason;
    }
    change(session, slots, count + 1, NULL, 0);
    return NULL;
}

vdev_vhost_user_reason vdev_vhost_user_remove_region(struct vdev_vhost_user_exchange *exchange)
{
    const struct vdev_vhost_user_region *region = &exchange->message->payload.region.region;
    struct vdev_vhost_user_device *session = exchange->session;
    struct vdev_vhost_user_slot slots[VDEV_VHOST_USER_MEM_SLOTS];
    struct vdev_vhost_user_slot removed;
    size_t count = 0;

    /* [REM_MEM_REG] By both addresses and length; the offset is not looked at. */
    for (size_t i = 0; i < session->slot_count; i++) {
        const struct vdev_vhost_user_region *other = &session->slots[i].region;
        if (other->guest_address == region->guest_address &&
            other->user_address == region->user_address && other->length == region->length) {
            removed = session->slots[i];
        } else {
            slots[count++] = session->slots[i];
        }
    }
    if (count == session->slot_count) {
        return "of a region that there is not";
    }
    change(session, slots, count, &removed, 1);
    return NULL;
}

/* ---- what is in flight ---- */

static void replace_inflight(struct vdev_vhost_user_device *session, void *mapped, uint64_t length,
                             const struct vdev_vhost_user_message *message)
{
    if (session->inflight != NULL) {
        session->operations->unmap(session->context, session->inflight, session->inflight_length);
    }
    session->inflight = mapped;
    session->inflight_length = length;
    session->inflight_queues = message == NULL ? 0 : message->payload.inflight.queue_count;
    session->inflight_queue_size = message == NULL ? 0 : message->payload.inflight.queue_size;
}

/* How long it has to be for what the message says of queues. */
static vdev_vhost_user_reason inflight_length(const struct vdev_vhost_user_exchange *exchange,
                                              uint64_t *length)
{
    const struct vdev_vhost_user_message *message = exchange->message;
    uint16_t count = message->payload.inflight.queue_count;
    uint16_t size = message->payload.inflight.queue_size;

    if (count == 0 || count > exchange->session->device->queue_count) {
        return "more queues than the device has, or none";
    }
    if (size == 0 || size > VDEV_VIRTQUEUE_SIZE_MAXIMUM) {
        return "longer queues than there are";
    }
    if (vdev_vhost_user_any_ring_runs(exchange->session)) {
        return VHOST_USER_A_RING_RUNS;
    }
    *length = (uint64_t)count * vdev_device_queue_inflight_bytes(size);
    return NULL;
}

void *vdev_vhost_user_inflight_of(const struct vdev_vhost_user_device *session, uint16_t index)
{
    if (session->inflight == NULL || index >= session->inflight_queues) {
        return NULL;
    }
    return (uint8_t *)session->inflight +
           index * vdev_device_queue_inflight_bytes(session->inflight_queue_size);
}

vdev_vhost_user_reason vdev_vhost_user_get_inflight(struct vdev_vhost_user_exchange *exchange)
{
    struct vdev_vhost_user_device *session = exchange->session;
    uint64_t length;

    vdev_vhost_user_reason reason = inflight_length(exchange, &length);
    if (reason != NULL) {
        return reason;
    }
    int file = session->operations->create(session->context, length);
    if (file < 0) {
        return "no file can be made";
    }
    void *mapped = session->operations->map(session->context, file, 0, length);
    if (mapped == NULL) {
        vhost_user_close(session, &file);
        return "the file made cannot be mapped";
    }
    replace_inflight(session, mapped, length, exchange->message);
    exchange->reply.payload.inflight.length = length;
    exchange->reply.payload.inflight.offset = 0;
    exchange->reply.payload.inflight.queue_count = session->inflight_queues;
    exchange->reply.payload.inflight.queue_size = session->inflight_queue_size;
    exchange->reply.size = exchange->message->size; /* the other end's form of the structure */
    exchange->reply.descriptors[0] = file;
    exchange->reply.descriptor_count = 1;
    exchange->replies = true;
    return NULL;
}

vdev_vhost_user_reason vdev_vhost_user_set_inflight(struct vdev_vhost_user_exchange *exchange)
{
    const union vdev_vhost_user_payload *payload = &exchange->message->payload;
    struct vdev_vhost_user_device *session = exchange->session;
    uint64_t length;

    vdev_vhost_user_reason reason = inflight_length(exchange, &length);
    if (reason != NULL) {
        return reason;
    }
    if (length > payload->inflight.length) {
        return "shorter than its queues need it";
    }
    if (length > UINT64_MAX - payload->inflight.offset) {
        return "a piece that wraps around";
    }
    void *mapped = session->operations->map(session->context, exchange->descriptors[0],
                                            payload->inflight.offset, length);
    if (mapped == NULL) {
        return "a piece that cannot be mapped";
    }
    if ((uintptr_t)mapped % 64 != 0) {
        session->operations->unmap(session->context, mapped, length);
        return "a piece that is misaligned";
    }
    replace_inflight(session, mapped, length, exchange->message);
    return NULL;
}

void vdev_vhost_user_forget_memory(struct vdev_vhost_user_device *session)
{
    session->memory->count = 0;
    for (size_t i = 0; i < session->slot_count; i++) {
        unmap(session, &session->slots[i]);
    }
    session->slot_count = 0;
    replace_inflight(session, NULL, 0, NULL);
}
