/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's end of a split ring [VIRTIO 1.4 §2.7]. The device is hostile too: what it writes is
 * the used ring, and nothing that we need later is kept where it could write. Free descriptors,
 * chains and lengths stand in private slots; the shared table is only ever written.
 */
#include <vdev/status.h>
#include <vdev/virtqueue.h>

#include "core/mem.h"
#include "ring/split.h"

/* ---- laying out ---- */

static bool part_is_valid(const struct vdev_buffer *part, size_t bytes, size_t alignment)
{
    return part->pointer != NULL && part->length >= bytes &&
           part->bus_address != VDEV_NO_BUS_ADDRESS &&
           ((uintptr_t)part->pointer & (alignment - 1)) == 0 &&
           (part->bus_address & (alignment - 1)) == 0;
}

int vdev_driver_queue_start(struct vdev_driver_queue *queue,
                            const struct vdev_driver_queue_memory *memory,
                            struct vdev_virtqueue_configuration *configuration)
{
    uint16_t size = configuration->size;
    uint16_t indirect_count = configuration->indirect ? memory->indirect_count : 0;

    memset(queue, 0, sizeof *queue);
    queue->corrupt = true;
    if (configuration->packed) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    /* A chain longer than the queue is forbidden in a table as well [VIRTIO 1.4 §2.7.5.3.1]. */
    if (!ring_size_is_valid(size) || memory->slots == NULL || indirect_count > size ||
        !part_is_valid(&memory->descriptors, vdev_virtqueue_descriptor_bytes(size),
                       VRING_DESC_ALIGN_SIZE) ||
        !part_is_valid(&memory->driver, vdev_virtqueue_driver_bytes(size),
                       VRING_AVAIL_ALIGN_SIZE) ||
        !part_is_valid(&memory->device, vdev_virtqueue_device_bytes(size), VRING_USED_ALIGN_SIZE)) {
        return VDEV_ERROR_INVALID;
    }
    uint64_t table_bytes = (uint64_t)indirect_count * RING_DESCRIPTOR_BYTES * size;
    if (indirect_count != 0 &&
        (table_bytes > SIZE_MAX ||
         !part_is_valid(&memory->indirect, (size_t)table_bytes, VRING_DESC_ALIGN_SIZE))) {
        return VDEV_ERROR_INVALID;
    }
    queue->memory = *memory;
    queue->memory.indirect_count = indirect_count;
    queue->size = size;
    queue->free_count = size;
    queue->indirect = indirect_count != 0;
    queue->event_index = configuration->event_index;
    for (unsigned i = 0; i < size; i++) {
        memory->slots[i] = (struct vdev_driver_slot){.next = (uint16_t)(i + 1)};
    }
    memset(memory->descriptors.pointer, 0, vdev_virtqueue_descriptor_bytes(size));
    memset(memory->driver.pointer, 0, vdev_virtqueue_driver_bytes(size));
    memset(memory->device.pointer, 0, vdev_virtqueue_device_bytes(size));
    configuration->descriptor_address = memory->descriptors.bus_address;
    configuration->driver_address = memory->driver.bus_address;
    configuration->device_address = memory->device.bus_address;
    configuration->start_index = 0;
    queue->corrupt = false;
    return VDEV_OK;
}

/* ---- adding ---- */

/* Check a list of buffers, and add up its bytes and its buffers that are not empty. */
static int measure(const struct vdev_buffer *buffers, size_t count, uint32_t *bytes, size_t *filled)
{
    for (size_t i = 0; i < count; i++) {
        if (buffers[i].length == 0) {
            continue;
        }
        if (buffers[i].length > UINT32_MAX - *bytes ||
            buffers[i].bus_address == VDEV_NO_BUS_ADDRESS) {
            return VDEV_ERROR_INVALID;
        }
        *bytes += (uint32_t)buffers[i].length;
        ++*filled;
    }
    return VDEV_OK;
}

/* Where the next descriptor of a request goes: along the free slots, or along an indirect table. */
struct position {
    void *table;
    const struct vdev_driver_slot *slots; /* NULL: an indirect table, whose order is 0, 1, 2, ... */
    uint16_t index;
    size_t left;
};

static void write_list(struct position *at, const struct vdev_buffer *buffers, size_t count,
                       uint16_t flags)
{
    for (size_t i = 0; i < count; i++) {
        if (buffers[i].length == 0) {
            continue;
        }
        uint16_t next = at->slots != NULL ? at->slots[at->index].next : (uint16_t)(at->index + 1u);
        bool last = --at->left == 0;
        ring_store_descriptor(
            at->table, at->index, buffers[i].bus_address, (uint32_t)buffers[i].length,
            last ? flags : (uint16_t)(flags | VRING_DESC_F_NEXT), last ? 0 : next);
        at->index = next;
    }
}

int vdev_driver_queue_add(struct vdev_driver_queue *queue, const struct vdev_buffer *readable,
                          size_t readable_count, const struct vdev_buffer *writable,
                          size_t writable_count, void *token)
{
    struct vdev_driver_slot *slots = queue->memory.slots;
    uint32_t total = 0;
    size_t filled = 0;

    if (queue->corrupt) {
        return VDEV_ERROR_CORRUPT;
    }
    if (token == NULL || measure(readable, readable_count, &total, &filled) != VDEV_OK) {
        return VDEV_ERROR_INVALID;
    }
    uint32_t readable_bytes = total;
    if (measure(writable, writable_count, &total, &filled) != VDEV_OK || filled == 0) {
        return VDEV_ERROR_INVALID;
    }
    bool indirect = queue->indirect && filled > 1 && filled <= queue->memory.indirect_count;
    if (!indirect && filled > queue->size) {
        return VDEV_ERROR_INVALID;
    }
    uint16_t count = indirect ? 1 : (uint16_t)filled;
    if (count > queue->free_count) {
        return VDEV_ERROR_FULL;
    }

    uint16_t head = queue->free_head;
    struct position at = {queue->memory.descriptors.pointer, slots, head, filled};
    if (indirect) {
        /* Each slot has a table of its own, so a free slot is a free table. */
        size_t bytes = (size_t)queue->memory.indirect_count * RING_DESCRIPTOR_BYTES;
        size_t offset = head * bytes;
        at = (struct position){(uint8_t *)queue->memory.indirect.pointer + offset, NULL, 0, filled};
        ring_store_descriptor(queue->memory.descriptors.pointer, head,
                              queue->memory.indirect.bus_address + offset,
                              (uint32_t)filled * RING_DESCRIPTOR_BYTES, VRING_DESC_F_INDIRECT, 0);
    }
    write_list(&at, readable, readable_count, 0);
    write_list(&at, writable, writable_count, VRING_DESC_F_WRITE);
    queue->free_head = indirect ? slots[head].next : at.index;
    queue->free_count = (uint16_t)(queue->free_count - count);
    slots[head].token = token;
    slots[head].writable = total - readable_bytes;
    slots[head].count = count;

    struct vring_avail *available = queue->memory.driver.pointer;
    ring_store16(&available->ring[queue->next_available & (queue->size - 1u)], head);
    queue->next_available++;
    return VDEV_OK;
}

bool vdev_driver_queue_publish(struct vdev_driver_queue *queue)
{
    struct vring_avail *available = queue->memory.driver.pointer;
    struct vring_used *used = queue->memory.device.pointer;
    uint16_t before = queue->notified;
    uint16_t now = queue->next_available;

    if (queue->corrupt || now == before) {
        return false;
    }
    ring_store_release(&available->idx, now); /* A */
    queue->published = now;
    queue->notified = now;
    atomic_thread_fence(memory_order_seq_cst); /* C */
    if (queue->event_index) {
        return ring_event_passed(ring_load16(ring_available_event(used, queue->size)), now, before);
    }
    return (ring_load16(&used->flags) & VRING_USED_F_NO_NOTIFY) == 0;
}

/* ---- taking back ---- */

/* Put a request's descriptors on the free list; the way from head to tail is in private slots. */
static void release(struct vdev_driver_queue *queue, uint16_t head)
{
    struct vdev_driver_slot *slots = queue->memory.slots;
    uint16_t count = slots[head].count;
    uint16_t tail = head;

    for (uint16_t i = 1; i < count; i++) {
        tail = slots[tail].next;
    }
    slots[tail].next = queue->free_head;
    slots[head].token = NULL;
    queue->free_head = head;
    queue->free_count = (uint16_t)(queue->free_count + count);
}

int vdev_driver_queue_take(struct vdev_driver_queue *queue, void **token, uint32_t *written)
{
    const struct vring_used *used = queue->memory.device.pointer;
    struct vdev_driver_slot *slots = queue->memory.slots;

    if (queue->corrupt) {
        return VDEV_ERROR_CORRUPT;
    }
    uint16_t index = ring_load_acquire(&used->idx); /* B */
    if (index == queue->next_used) {
        return VDEV_ERROR_EMPTY;
    }
    const struct vring_used_elem *entry = &used->ring[queue->next_used & (queue->size - 1u)];
    uint32_t id = ring_load32(&entry->id);
    uint32_t length = ring_load32(&entry->len);
    /* No more comes back than went out: an index that ran ahead or back fails this. */
    if ((uint16_t)(index - queue->next_used) > (uint16_t)(queue->published - queue->next_used) ||
        id >= queue->size || slots[id].token == NULL) {
        queue->corrupt = true;
        return VDEV_ERROR_CORRUPT;
    }
    queue->next_used++;
    *token = slots[id].token;
    *written = length < slots[id].writable ? length : slots[id].writable;
    release(queue, (uint16_t)id);
    return VDEV_OK;
}

void vdev_driver_queue_disarm(struct vdev_driver_queue *queue)
{
    struct vring_avail *available = queue->memory.driver.pointer;

    if (queue->corrupt) {
        return;
    }
    if (queue->event_index) {
        /* The entry before the next: as far from being passed as an index can be. */
        ring_store16(ring_used_event(available, queue->size), (uint16_t)(queue->next_used - 1u));
    } else {
        ring_store16(&available->flags, VRING_AVAIL_F_NO_INTERRUPT);
    }
}

bool vdev_driver_queue_arm(struct vdev_driver_queue *queue)
{
    struct vring_avail *available = queue->memory.driver.pointer;
    const struct vring_used *used = queue->memory.device.pointer;

    if (queue->corrupt) {
        return false;
    }
    if (queue->event_index) {
        ring_store16(ring_used_event(available, queue->size), queue->next_used);
    } else {
        ring_store16(&available->flags, 0);
    }
    atomic_thread_fence(memory_order_seq_cst); /* D */
    return ring_load16(&used->idx) != queue->next_used;
}

void *vdev_driver_queue_drain(struct vdev_driver_queue *queue)
{
    queue->corrupt = true;
    while (queue->drained < queue->size) {
        struct vdev_driver_slot *slot = &queue->memory.slots[queue->drained++];
        if (slot->token != NULL) {
            void *token = slot->token;
            slot->token = NULL;
            return token;
        }
    }
    return NULL;
}
