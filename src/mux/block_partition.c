/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partitions of a block device. Knows nothing of what is on them.
 *
 * A request that waits is in its partition's queue, and its partition in the queue of turns. It is
 * taken out when the device has it, or has refused it. Whoever waits is sure of a later event: a
 * request is queued only while the device has another one of ours, whose completion serves the
 * queues (or while these are just being served).
 */
#include <stddef.h>

#include <vdev/mux/block_partition.h>
#include <vdev/status.h>

#include "core/mem.h"

static struct vdev_block_partition *partition_of(struct vdev_block *block)
{
    return (struct vdev_block_partition *)(void *)((char *)block -
                                                   offsetof(struct vdev_block_partition, block));
}

static inline void put_slot(struct vdev_block_partitions *self,
                            struct vdev_block_partition_slot *slot)
{
    slot->request.next = self->free_slots == NULL ? NULL : &self->free_slots->request;
    self->free_slots = slot;
    self->in_flight--;
}

/* To the device, in a slot, of which one is free. What the device's submit returns. */
static inline int pass(struct vdev_block_partitions *self,
                       const struct vdev_block_partition *partition,
                       struct vdev_block_request *request)
{
    struct vdev_block_partition_slot *slot = self->free_slots;

    self->free_slots = (struct vdev_block_partition_slot *)(void *)slot->request.next;
    self->in_flight++;
    slot->request.operation = request->operation;
    slot->request.sector = request->sector + partition->first;
    slot->request.buffers = request->buffers;
    slot->request.buffer_count = request->buffer_count;
    slot->request.sectors = request->sectors;
    slot->origin = request;
    int status = vdev_block_submit(self->below, &slot->request);
    if (status != VDEV_OK) {
        put_slot(self, slot);
    }
    return status;
}

/* ---- waiting ---- */

static void append_turn(struct vdev_block_partitions *self, struct vdev_block_partition *partition)
{
    partition->turn_next = NULL;
    if (self->turn == NULL) {
        self->turn = partition;
    } else {
        self->turn_last->turn_next = partition;
    }
    self->turn_last = partition;
}

static void wait(struct vdev_block_partitions *self, struct vdev_block_partition *partition,
                 struct vdev_block_request *request)
{
    request->next = NULL;
    if (partition->waiting == NULL) {
        partition->waiting = request;
        append_turn(self, partition);
    } else {
        partition->waiting_last->next = request;
    }
    partition->waiting_last = request;
    self->waiting++;
}

/* Take out the request whose turn it is; the rest of its partition's go to the end of the turns. */
static void take_out(struct vdev_block_partitions *self)
{
    struct vdev_block_partition *partition = self->turn;
    struct vdev_block_request *request = partition->waiting;

    self->waiting--;
    self->turn = partition->turn_next;
    partition->waiting = request->next;
    request->next = NULL;
    if (partition->waiting != NULL) {
        append_turn(self, partition);
    }
}

/* What a completion may say in place of what a submit said. */
static int completion_status(const struct vdev_block_request *request, int status)
{
    if (status == VDEV_ERROR_UNSUPPORTED && request->operation == VDEV_BLOCK_FLUSH) {
        return VDEV_OK; /* a device without a flush has nothing to be flushed */
    }
    return status == VDEV_ERROR_ABSENT || status == VDEV_ERROR_TIMEOUT ? status : VDEV_ERROR_IO;
}

/*
 * Give the device what waits, in turn. What it refuses fails; a client that submits again from
 * inside of that asks the device directly, and so does not wait without an event to come. No more
 * requests are looked at than wait at the beginning.
 */
static void serve(struct vdev_block_partitions *self)
{
    for (uint32_t left = self->waiting; left != 0 && self->free_slots != NULL && self->waiting != 0;
         left--) {
        struct vdev_block_partition *partition = self->turn;
        struct vdev_block_request *request = partition->waiting;
        int status = pass(self, partition, request);
        if (status == VDEV_ERROR_FULL && self->in_flight != 0) {
            break;
        }
        take_out(self);
        if (status != VDEV_OK) {
            self->refused = true;
            request->complete(request, completion_status(request, status));
            self->refused = false;
        }
    }
}

/* The device has done with a slot. */
static void slot_complete(struct vdev_block_request *request, int status)
{
    struct vdev_block_partition_slot *slot = (struct vdev_block_partition_slot *)(void *)request;
    struct vdev_block_partitions *self = request->owner;
    struct vdev_block_request *origin = slot->origin;

    put_slot(self, slot);
    origin->complete(origin, status);
    if (self->waiting != 0) {
        serve(self);
    }
}

/* ---- the device that a partition offers ---- */

static int submit(struct vdev_block *block, struct vdev_block_request *request)
{
    struct vdev_block_partition *partition = partition_of(block);
    struct vdev_block_partitions *self = partition->owner;
    int status = vdev_block_check(block, request);

    if (status != VDEV_OK) {
        return status;
    }
    if (self->free_slots != NULL && (self->waiting == 0 || self->refused)) {
        status = pass(self, partition, request);
        if (status != VDEV_ERROR_FULL || self->in_flight == 0) {
            return status;
        }
    }
    wait(self, partition, request);
    return VDEV_OK;
}

static bool poll(struct vdev_block *block)
{
    return vdev_block_poll(partition_of(block)->owner->below);
}

static const struct vdev_block_operations operations = {.submit = submit, .poll = poll};

/* ---- making them ---- */

/* The limit on a request's sectors: the device's or the configured one; 0: none. */
static uint32_t limit_of(const struct vdev_block_partitions *self)
{
    uint32_t limit = self->below->information.maximum_sectors;

    return self->maximum_sectors != 0 && (limit == 0 || self->maximum_sectors < limit)
               ? self->maximum_sectors
               : limit;
}

static void describe(struct vdev_block_partition *partition)
{
    const struct vdev_block_information *below = &partition->owner->below->information;
    struct vdev_block_information *information = &partition->block.information;
    uint64_t rest = partition->first < below->sectors ? below->sectors - partition->first : 0;

    information->sectors = partition->sectors < rest ? partition->sectors : rest;
    information->block_size = below->block_size;
    information->maximum_sectors = limit_of(partition->owner);
    information->maximum_buffers = below->maximum_buffers;
    information->maximum_discard_sectors = below->maximum_discard_sectors;
    information->maximum_zeroes_sectors = below->maximum_zeroes_sectors;
    information->optimal_size = below->optimal_size;
    information->read_only = partition->read_only || below->read_only;
}

int vdev_block_partitions_init(struct vdev_block_partitions *self,
                               const struct vdev_block_partitions_configuration *configuration)
{
    if (configuration->block == NULL || configuration->slots == NULL ||
        configuration->slot_count == 0) {
        return VDEV_ERROR_INVALID;
    }
    uint32_t step = configuration->block->information.block_size / VDEV_SECTOR_SIZE;
    if (configuration->maximum_sectors != 0 && configuration->maximum_sectors < step) {
        return VDEV_ERROR_INVALID;
    }
    memset(self, 0, sizeof *self);
    self->below = configuration->block;
    self->maximum_sectors = configuration->maximum_sectors;
    for (uint32_t i = 0; i < configuration->slot_count; i++) {
        struct vdev_block_partition_slot *slot = &configuration->slots[i];
        *slot = (struct vdev_block_partition_slot){
            .request = {.complete = slot_complete, .owner = self},
        };
        self->in_flight++;
        put_slot(self, slot);
    }
    return VDEV_OK;
}

static bool is_whole_blocks(const struct vdev_block_partitions *self, uint64_t sectors)
{
    uint64_t step = self->below->information.block_size / VDEV_SECTOR_SIZE; /* a power of two */

    return step == 0 || (sectors & (step - 1)) == 0;
}

int vdev_block_partition_add(struct vdev_block_partitions *self,
                             struct vdev_block_partition *partition,
                             const struct vdev_block_partition_configuration *configuration)
{
    const struct vdev_block_information *below = &self->below->information;
    const char *identifier =
        configuration->identifier != NULL ? configuration->identifier : below->identifier;
    uint64_t first = configuration->first;
    uint64_t sectors = configuration->sectors;
    bool read_only = configuration->read_only || below->read_only;

    if (!is_whole_blocks(self, first) || !is_whole_blocks(self, sectors)) {
        return VDEV_ERROR_INVALID;
    }
    if (first >= below->sectors || sectors > below->sectors - first) {
        return VDEV_ERROR_RANGE;
    }
    sectors = sectors != 0 ? sectors : below->sectors - first;
    for (struct vdev_block_partition *other = self->partitions; other != NULL;
         other = other->next) {
        bool apart = first < other->first ? sectors <= other->first - first
                                          : other->sectors <= first - other->first;
        if (other == partition || (!apart && !(read_only && other->block.information.read_only))) {
            return VDEV_ERROR_STATE;
        }
    }
    *partition = (struct vdev_block_partition){
        .block = {.operations = &operations},
        .owner = self,
        .first = first,
        .sectors = sectors,
        .read_only = read_only,
        .next = self->partitions,
    };
    char *to = partition->block.information.identifier;
    for (size_t i = 0; i + 1 < sizeof below->identifier && identifier[i] != 0; i++) {
        to[i] = identifier[i];
    }
    describe(partition);
    self->partitions = partition;
    return VDEV_OK;
}

void vdev_block_partitions_changed(struct vdev_block_partitions *self)
{
    if (self->below->information.sectors == 0) {
        return;
    }
    for (struct vdev_block_partition *partition = self->partitions; partition != NULL;
         partition = partition->next) {
        describe(partition);
    }
}
