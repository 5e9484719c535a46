/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's end of a split ring [VIRTIO 1.4 §2.7]. Everything in the descriptor table, in the
 * available ring and in indirect tables may change under our eyes: each descriptor is copied once,
 * and only the copy is looked at. What a chain is to the device afterwards, buffers and lengths, is
 * all in private memory. The data in the buffers stays shared; that is the back-end's to know.
 */
#include <vdev/status.h>
#include <vdev/virtqueue.h>

#include "core/mem.h"
#include "core/memory.h"
#include "ring/split.h"
#include "ring/split_adopt.h"
#include "ring/split_inflight.h"

int vdev_device_queue_start(struct vdev_device_queue *queue, const struct vdev_memory *memory,
                            const struct vdev_virtqueue_configuration *configuration)
{
    uint16_t size = configuration->size;

    memset(queue, 0, sizeof *queue);
    if (configuration->packed) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    if (!ring_size_is_valid(size)) {
        return VDEV_ERROR_INVALID;
    }
    queue->descriptors =
        vdev_memory_pointer(memory, configuration->descriptor_address,
                            vdev_virtqueue_descriptor_bytes(size), VRING_DESC_ALIGN_SIZE, false);
    queue->available =
        vdev_memory_pointer(memory, configuration->driver_address,
                            vdev_virtqueue_driver_bytes(size), VRING_AVAIL_ALIGN_SIZE, false);
    queue->used =
        vdev_memory_pointer(memory, configuration->device_address,
                            vdev_virtqueue_device_bytes(size), VRING_USED_ALIGN_SIZE, true);
    if (queue->descriptors == NULL || queue->available == NULL || queue->used == NULL) {
        return VDEV_ERROR_RANGE;
    }
    if (((uintptr_t)configuration->inflight & (sizeof(uint64_t) - 1)) != 0) {
        return VDEV_ERROR_RANGE;
    }
    queue->memory = memory;
    /* Where the driver's rings are, its buffers are as well, as a rule. */
    queue->region = memory_find(memory, configuration->device_address);
    queue->size = size;
    queue->next_available = configuration->start_index;
    queue->next_used = configuration->start_index;
    queue->signalled = configuration->start_index;
    queue->indirect = configuration->indirect;
    queue->event_index = configuration->event_index;
    queue->inflight = configuration->inflight;
    if (queue->inflight != NULL) {
        vdev_ring_inflight_recover(queue);
    }
    queue->plain = queue->inflight == NULL;
    queue->live = true;
    return VDEV_OK;
}

void vdev_device_queue_stop(struct vdev_device_queue *queue)
{
    queue->live = false;
    queue->plain = false;
    queue->corrupt = false;
}

/* ---- from descriptors to buffers; VDEV_ERROR_INVALID everywhere says: malformed ---- */

/* Append one descriptor's buffer. */
static int append(const struct vdev_device_queue *queue, struct vdev_chain *chain,
                  const struct ring_descriptor *descriptor)
{
    bool writable = (descriptor->flags & VRING_DESC_F_WRITE) != 0;
    size_t count = chain->readable_count + chain->writable_count;
    uint32_t total = chain->readable_length + chain->writable_length;

    /* [VIRTIO 1.4 §2.7.4.2] An empty buffer is of no direction: it stands for nothing. */
    if (!writable && chain->writable_count != 0) {
        return VDEV_ERROR_INVALID;
    }
    if (descriptor->length == 0) {
        return VDEV_OK;
    }
    if (descriptor->length > UINT32_MAX - total) {
        return VDEV_ERROR_INVALID;
    }
    int pieces = 1;
    if (count == chain->capacity) {
        return VDEV_ERROR_INVALID;
    }
    if (memory_part(queue->region, descriptor->address, descriptor->length, writable,
                    &chain->buffers[count]) != descriptor->length) {
        pieces = vdev_memory_map(queue->memory, descriptor->address, descriptor->length, writable,
                                 chain->buffers + count, chain->capacity - count);
        if (pieces < 0) {
            return VDEV_ERROR_INVALID;
        }
    }
    if (writable) {
        chain->writable_count += (size_t)pieces;
        chain->writable_length += descriptor->length;
    } else {
        chain->readable_count += (size_t)pieces;
        chain->readable_length += descriptor->length;
    }
    return VDEV_OK;
}

/*
 * Copy a descriptor out of an indirect table that is not aligned, or lies across regions: byte by
 * byte, wherever each byte is. Nobody's driver makes such a table, but the specification lets it.
 */
static int gather(const struct vdev_memory *memory, uint64_t address,
                  struct ring_descriptor *descriptor)
{
    struct vdev_buffer pieces[RING_DESCRIPTOR_BYTES];
    uint8_t bytes[RING_DESCRIPTOR_BYTES];
    uint32_t words[4];
    size_t done = 0;

    int count = vdev_memory_map(memory, address, RING_DESCRIPTOR_BYTES, false, pieces,
                                RING_DESCRIPTOR_BYTES);
    for (int i = 0; i < count; i++) {
        for (size_t j = 0; j < pieces[i].length; j++) {
            bytes[done++] = ((const volatile uint8_t *)pieces[i].pointer)[j];
        }
    }
    if (done != RING_DESCRIPTOR_BYTES) {
        return VDEV_ERROR_INVALID;
    }
    memcpy(words, bytes, sizeof words);
    for (unsigned i = 0; i < 4; i++) {
        words[i] = RING_LE32(words[i]);
    }
    *descriptor = ring_descriptor_of(words);
    return VDEV_OK;
}

/* An indirect table, if it is aligned and in one piece; else NULL. */
static inline const void *table_of(const struct vdev_device_queue *queue, uint64_t address,
                                   uint32_t length)
{
    struct vdev_buffer buffer = {NULL, 0, VDEV_NO_BUS_ADDRESS};

    if (memory_part(queue->region, address, length, false, &buffer) == length &&
        ((address | (uintptr_t)buffer.pointer) & (sizeof(uint32_t) - 1)) == 0) {
        return buffer.pointer;
    }
    return vdev_memory_pointer(queue->memory, address, length, sizeof(uint32_t), false);
}

/*
 * Follow an indirect table to its end; `left` descriptors may still come before the chain is longer
 * than the queue [VIRTIO 1.4 §2.7.5.3]. The WRITE flag of `reference` is ignored, as it must be.
 */
static inline __attribute__((always_inline)) int
walk_indirect(const struct vdev_device_queue *queue, struct vdev_chain *chain,
              const struct ring_descriptor *reference, unsigned left)
{
    uint64_t address = reference->address;
    uint32_t length = reference->length;
    unsigned count = length / RING_DESCRIPTOR_BYTES;
    unsigned index = 0;

    if (!queue->indirect || (reference->flags & VRING_DESC_F_NEXT) != 0 || length == 0 ||
        length % RING_DESCRIPTOR_BYTES != 0 || count > queue->size ||
        length - 1 > UINT64_MAX - address) {
        return VDEV_ERROR_INVALID;
    }
    const void *table = table_of(queue, address, length);
    for (; left != 0; left--) {
        struct ring_descriptor descriptor;
        if (table != NULL) {
            descriptor = ring_load_descriptor(table, index);
        } else if (gather(queue->memory, address + (uint64_t)index * RING_DESCRIPTOR_BYTES,
                          &descriptor) != VDEV_OK) {
            return VDEV_ERROR_INVALID;
        }
        if ((descriptor.flags & VRING_DESC_F_INDIRECT) != 0 ||
            append(queue, chain, &descriptor) != VDEV_OK) {
            return VDEV_ERROR_INVALID;
        }
        if ((descriptor.flags & VRING_DESC_F_NEXT) == 0) {
            return VDEV_OK;
        }
        index = descriptor.next;
        if (index >= count) {
            return VDEV_ERROR_INVALID;
        }
    }
    return VDEV_ERROR_INVALID;
}

/*
 * The whole of most chains that are received into: one descriptor to be written to, in the region
 * where the ring is. Anything else is walked, by the same copy of the descriptor.
 */
static inline bool is_one_writable(const struct vdev_device_queue *queue, struct vdev_chain *chain,
                                   const struct ring_descriptor *descriptor)
{
    const unsigned mask = VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT;

    if ((descriptor->flags & mask) != VRING_DESC_F_WRITE || descriptor->length == 0 ||
        chain->capacity == 0 ||
        memory_part(queue->region, descriptor->address, descriptor->length, true, chain->buffers) !=
            descriptor->length) {
        return false;
    }
    chain->readable_count = 0;
    chain->writable_count = 1;
    chain->readable_length = 0;
    chain->writable_length = descriptor->length;
    return true;
}

/*
 * Follow a chain from its head, which is in range. VDEV_ERROR_INVALID or VDEV_ERROR_CORRUPT. Part
 * of take, the path of every request, although something rare uses it too.
 */
static inline __attribute__((always_inline)) int walk(const struct vdev_device_queue *queue,
                                                      struct vdev_chain *chain, unsigned index)
{
    struct ring_descriptor descriptor = ring_load_descriptor(queue->descriptors, index);

    chain->id = (uint16_t)index;
    if (is_one_writable(queue, chain, &descriptor)) {
        return VDEV_OK;
    }
    chain->readable_count = 0;
    chain->writable_count = 0;
    chain->readable_length = 0;
    chain->writable_length = 0;
    for (unsigned left = queue->size; left != 0; left--) {
        if ((descriptor.flags & VRING_DESC_F_INDIRECT) != 0) {
            return walk_indirect(queue, chain, &descriptor, left);
        }
        if (append(queue, chain, &descriptor) != VDEV_OK) {
            return VDEV_ERROR_INVALID;
        }
        if ((descriptor.flags & VRING_DESC_F_NEXT) == 0) {
            return VDEV_OK;
        }
        index = descriptor.next;
        if (index >= queue->size) {
            return VDEV_ERROR_CORRUPT;
        }
        descriptor = ring_load_descriptor(queue->descriptors, index);
    }
    return VDEV_ERROR_CORRUPT; /* more descriptors than there are: a loop */
}

/* ---- taking and giving ---- */

static int corrupt(struct vdev_device_queue *queue)
{
    /* Not live any more, so that one flag decides on the short paths. */
    queue->live = false;
    queue->plain = false;
    queue->corrupt = true;
    return VDEV_ERROR_CORRUPT;
}

/* The next entry of the available ring, not taken yet. VDEV_ERROR_EMPTY, VDEV_ERROR_CORRUPT. */
static inline __attribute__((always_inline)) int look(struct vdev_device_queue *queue,
                                                      uint16_t *head)
{
    const struct vring_avail *available = queue->available;
    uint16_t index = ring_load_acquire(&available->idx); /* A */

    if (index == queue->next_available) {
        return VDEV_ERROR_EMPTY;
    }
    /* The first catches an index that ran ahead or back, the second more in flight than the
     * queue is long: entries taken count until they are given back. */
    if ((uint16_t)(index - queue->next_available) > queue->size ||
        (uint16_t)(index - queue->next_used) > queue->size) {
        return corrupt(queue);
    }
    *head = ring_load16(&available->ring[queue->next_available & (queue->size - 1u)]);
    return *head < queue->size ? VDEV_OK : corrupt(queue);
}

/* The other half of take: of a queue that notes what is in flight, or is not live. */
static __attribute__((noinline)) int take_noted(struct vdev_device_queue *queue,
                                                struct vdev_chain *chain, unsigned *budget)
{
    if (!queue->live) {
        return queue->corrupt ? VDEV_ERROR_CORRUPT : VDEV_ERROR_STATE;
    }
    while (*budget != 0) {
        uint16_t head;
        if (queue->retake_count != 0) {
            head = vdev_ring_inflight_retake(queue);
        } else {
            int status = look(queue, &head);
            if (status != VDEV_OK) {
                return status;
            }
            vdev_ring_inflight_take(queue, head);
            queue->next_available++;
        }
        queue->chains++;
        --*budget;
        int status = vdev_ring_chain_of(queue, chain, head);
        if (status != VDEV_ERROR_INVALID) {
            return status;
        }
        vdev_device_queue_refuse(queue, head);
    }
    return VDEV_ERROR_EMPTY;
}

/* As vdev_device_queue_take, looking at no more than *budget chains, which it counts down. */
static int take(struct vdev_device_queue *queue, struct vdev_chain *chain, unsigned *budget)
{
    if (!queue->plain) {
        return take_noted(queue, chain, budget);
    }
    while (*budget != 0) {
        uint16_t head;
        int status = look(queue, &head);
        if (status != VDEV_OK) {
            return status;
        }
        queue->next_available++;
        queue->chains++;
        --*budget;
        status = walk(queue, chain, head);
        if (status == VDEV_OK) {
            return VDEV_OK;
        }
        if (status == VDEV_ERROR_CORRUPT) {
            return corrupt(queue);
        }
        vdev_device_queue_refuse(queue, head);
    }
    return VDEV_ERROR_EMPTY;
}

int vdev_ring_chain_of(struct vdev_device_queue *queue, struct vdev_chain *chain, uint16_t head)
{
    int status = walk(queue, chain, head);

    return status == VDEV_ERROR_CORRUPT ? corrupt(queue) : status;
}

int vdev_device_queue_take(struct vdev_device_queue *queue, struct vdev_chain *chain)
{
    unsigned budget = queue->size;
    return take(queue, chain, &budget);
}

/*
 * The other half of giving back, likewise; all of them at once, or none: if they are not as many as
 * taken, in a plain queue, too.
 */
static __attribute__((noinline)) void give_noted(struct vdev_device_queue *queue,
                                                 const struct vdev_used_chain *chains, size_t count)
{
    struct vring_used *used = queue->used;
    uint16_t taken = (uint16_t)(queue->next_available - queue->next_used - queue->retake_count);

    if (!queue->live || count > taken) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (chains[i].id >= queue->size) {
            return;
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct vring_used_elem *entry = &used->ring[queue->next_used++ & (queue->size - 1u)];
        ring_store32(&entry->id, chains[i].id);
        ring_store32(&entry->len, chains[i].written);
        vdev_ring_inflight_batch(queue, chains[i].id);
    }
    ring_store_release(&used->idx, queue->next_used); /* B */
    vdev_ring_inflight_settle(queue, chains, count);
}

static __attribute__((noinline)) void give_one_noted(struct vdev_device_queue *queue, uint16_t id,
                                                     uint32_t written)
{
    give_noted(queue, &(struct vdev_used_chain){written, id}, 1);
}

void vdev_device_queue_give(struct vdev_device_queue *queue, uint16_t id, uint32_t written)
{
    if (!queue->plain || queue->next_used == queue->next_available) {
        give_one_noted(queue, id, written);
        return;
    }
    struct vring_used *used = queue->used;
    struct vring_used_elem *entry = &used->ring[queue->next_used & (queue->size - 1u)];
    ring_store32(&entry->id, id);
    ring_store32(&entry->len, written);
    queue->next_used++;
    ring_store_release(&used->idx, queue->next_used); /* B */
}

void vdev_device_queue_give_all(struct vdev_device_queue *queue,
                                const struct vdev_used_chain *chains, size_t count)
{
    struct vring_used *used = queue->used;
    uint16_t taken = (uint16_t)(queue->next_available - queue->next_used);

    if (!queue->plain || count > taken) {
        give_noted(queue, chains, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct vring_used_elem *entry = &used->ring[queue->next_used++ & (queue->size - 1u)];
        ring_store32(&entry->id, chains[i].id);
        ring_store32(&entry->len, chains[i].written);
    }
    ring_store_release(&used->idx, queue->next_used); /* B */
}

void vdev_device_queue_refuse(struct vdev_device_queue *queue, uint16_t id)
{
    queue->malformed++;
    queue->refused = queue->chains;
    vdev_device_queue_give(queue, id, 0);
}

/*
 * Put the chain taken last back, of which there is one. The last first, so that whenever this ends,
 * those noted are the first that were taken. Its entry of the available ring stands until the chain
 * is given back; a driver that changes it deceives itself.
 */
static void put_back(struct vdev_device_queue *queue)
{
    const struct vring_avail *available = queue->available;

    if (queue->chains == queue->retaken_count) {
        vdev_ring_inflight_return(queue);
    } else {
        queue->next_available--;
        uint16_t head = ring_load16(&available->ring[queue->next_available & (queue->size - 1u)]);
        if (head < queue->size) {
            vdev_ring_inflight_untake(queue, head);
        }
    }
    queue->chains--;
}

bool vdev_device_queue_untake(struct vdev_device_queue *queue, size_t count)
{
    uint16_t taken = (uint16_t)(queue->next_available - queue->next_used - queue->retake_count);

    if (!queue->live || count > taken || count > queue->chains - queue->refused) {
        return false;
    }
    if (!queue->plain) {
        for (; count != 0; count--) {
            put_back(queue);
        }
        return true;
    }
    queue->next_available = (uint16_t)(queue->next_available - count);
    queue->chains -= count;
    return true;
}

/* ---- who wants to be told ---- */

bool vdev_device_queue_signal(struct vdev_device_queue *queue)
{
    struct vring_avail *available = queue->available;
    uint16_t before = queue->signalled;
    uint16_t now = queue->next_used;

    if (!queue->live || now == before) {
        return false;
    }
    queue->signalled = now;
    atomic_thread_fence(memory_order_seq_cst); /* D */
    if (queue->event_index) {
        return ring_event_passed(ring_load16(ring_used_event(available, queue->size)), now, before);
    }
    return (ring_load16(&available->flags) & VRING_AVAIL_F_NO_INTERRUPT) == 0;
}

void vdev_device_queue_disarm(struct vdev_device_queue *queue)
{
    struct vring_used *used = queue->used;

    if (!queue->live) {
        return;
    }
    if (queue->event_index) {
        /* The entry before the next: as far from being passed as an index can be. */
        ring_store16(ring_available_event(used, queue->size),
                     (uint16_t)(queue->next_available - 1u));
    } else {
        ring_store16(&used->flags, VRING_USED_F_NO_NOTIFY);
    }
}

/* Part of every round of vdev_device_queue_run, too. */
static inline __attribute__((always_inline)) bool arm(struct vdev_device_queue *queue)
{
    struct vring_avail *available = queue->available;
    struct vring_used *used = queue->used;

    if (!queue->plain && (!queue->live || queue->retake_count != 0)) {
        return queue->live;
    }
    if (queue->event_index) {
        ring_store16(ring_available_event(used, queue->size), queue->next_available);
    } else {
        ring_store16(&used->flags, 0);
    }
    atomic_thread_fence(memory_order_seq_cst); /* C */
    return ring_load16(&available->idx) != queue->next_available;
}

bool vdev_device_queue_arm(struct vdev_device_queue *queue)
{
    return arm(queue);
}

int vdev_device_queue_run(struct vdev_device_queue *queue, struct vdev_chain *chain,
                          unsigned budget, bool (*handle)(void *device, struct vdev_chain *chain),
                          void *device, bool *more)
{
    *more = false;
    do {
        vdev_device_queue_disarm(queue);
        int status;
        while ((status = take(queue, chain, &budget)) == VDEV_OK) {
            if (!handle(device, chain)) {
                if (queue->plain) {
                    queue->next_available--;
                    queue->chains--;
                } else {
                    vdev_device_queue_untake(queue, 1);
                }
                *more = true;
                return VDEV_OK;
            }
        }
        if (status != VDEV_ERROR_EMPTY) {
            return status;
        }
        if (budget == 0) {
            *more = true;
            return VDEV_OK;
        }
    } while (arm(queue));
    return VDEV_OK;
}
