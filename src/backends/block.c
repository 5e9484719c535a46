/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio block device [VIRTIO 1.4 §5.2] over the block class.
 *
 * A chain is taken straight into the buffers of a free slot. From there its life is:
 *
 *   ring -> FREE slot -> IN_FLIGHT (the class has a piece of it) -> ... -> given back, slot FREE
 *                          |    ^
 *                          v    |
 *                        WAITING (the class was full when the next piece was due)
 *
 * When all slots are taken, or the class is full, chains stay in the ring, and a completion resumes
 * them. A reset frees what is WAITING; what is IN_FLIGHT becomes stale: the class still has the
 * driver's pages, so no new request is begun until the last stale one is back, and none of them
 * reaches the ring.
 */
#include <stddef.h>

#include <vdev/backends/block.h>
#include <vdev/status.h>

#include <linux/virtio_blk.h>

#include "backends/block_parts.h"
#include "core/mem.h"
#include "virtio/virtio_1_4.h"

enum slot_state { SLOT_FREE, SLOT_IN_FLIGHT, SLOT_WAITING };

_Static_assert(sizeof(struct virtio_blk_outhdr) == 16, "type, priority and sector");
static struct vdev_block_backend *backend_of(struct vdev_virtio_device *device)
{
    return (struct vdev_block_backend *)((char *)device -
                                         offsetof(struct vdev_block_backend, device));
}

/* ---- answering ---- */

static uint32_t epoch_of(const struct vdev_block_backend_slot *slot)
{
    return vdev_virtio_device_epoch(&slot->backend->device, slot->queue);
}

/* Answer a request: its status byte, and how much was written, that byte included. */
static void answer(struct vdev_block_backend *backend, const struct vdev_block_backend_slot *slot,
                   uint8_t status, uint32_t data_written)
{
    backend->requests++;
    if (status != VIRTIO_BLK_S_OK) {
        backend->errors++;
    }
    if (slot->epoch == epoch_of(slot)) {
        *(volatile uint8_t *)slot->status = status;
        vdev_virtio_device_give(&backend->device, slot->queue, slot->epoch, slot->id,
                                data_written + 1);
    }
}

static void answer_failure(struct vdev_block_backend_slot *slot, int status)
{
    answer(slot->backend, slot,
           status == VDEV_ERROR_UNSUPPORTED ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR, 0);
}

static void finish(struct vdev_block_backend_slot *slot, int status)
{
    bool read = slot->request.operation == VDEV_BLOCK_READ;

    slot->state = SLOT_FREE;
    if (status == VDEV_OK) {
        answer(slot->backend, slot, VIRTIO_BLK_S_OK, read ? slot->data_length : 0);
    } else {
        answer_failure(slot, status);
    }
}

/* ---- handing pieces to the class below ---- */

/*
 * Make the next piece of a request: as many whole sectors as the class takes at once, from the
 * front of the slot's data. The last buffer is cut in place if it is too long. False: not even one
 * sector.
 */
static bool cut(struct vdev_block_backend_slot *slot)
{
    const struct vdev_block_information *information = &slot->backend->block->information;
    uint64_t most = information->maximum_sectors != 0
                        ? (uint64_t)information->maximum_sectors * VDEV_SECTOR_SIZE
                        : UINT32_MAX;
    size_t count_most =
        information->maximum_buffers != 0 ? information->maximum_buffers : slot->data_count;
    uint64_t bytes = 0;
    size_t count = 0;

    while (count < slot->data_count && count < count_most && bytes < most) {
        bytes += slot->data[count++].length;
    }
    if (bytes > most) {
        bytes = most;
    }
    bytes -= bytes % VDEV_SECTOR_SIZE;
    if (bytes == 0) {
        return false;
    }
    uint64_t sum = 0;
    for (count = 0; sum < bytes; count++) {
        sum += slot->data[count].length;
    }
    slot->trimmed = (size_t)(sum - bytes);
    slot->data[count - 1].length -= slot->trimmed;
    slot->request.sector = slot->sector;
    slot->request.buffers = slot->data;
    slot->request.buffer_count = count;
    slot->sector += bytes / VDEV_SECTOR_SIZE;
    return true;
}

/* Pass over the piece that is done, and give back to the last buffer what was cut off it. */
static void advance(struct vdev_block_backend_slot *slot)
{
    size_t count = slot->request.buffer_count;

    if (slot->trimmed != 0) {
        struct vdev_buffer *last = &slot->data[--count];
        last->pointer = (uint8_t *)last->pointer + last->length;
        if (last->bus_address != VDEV_NO_BUS_ADDRESS) {
            last->bus_address += last->length;
        }
        last->length = slot->trimmed;
    }
    slot->data += count;
    slot->data_count -= count;
}

/* VDEV_OK: the class has the piece. Else it has not, and the slot is free. */
static int submit(struct vdev_block_backend_slot *slot)
{
    struct vdev_block_backend *backend = slot->backend;

    slot->state = SLOT_IN_FLIGHT;
    backend->in_flight++;
    int status = vdev_block_submit(backend->block, &slot->request);
    if (status != VDEV_OK) {
        backend->in_flight--;
        slot->state = SLOT_FREE;
    }
    return status;
}

/* Submit a piece of a request that has been taken from the ring already. */
static void submit_or_wait(struct vdev_block_backend_slot *slot)
{
    struct vdev_block_backend *backend = slot->backend;

    int status = submit(slot);
    if (status == VDEV_ERROR_FULL && backend->in_flight != 0) {
        slot->state = SLOT_WAITING;
        backend->waiting++;
    } else if (status == VDEV_ERROR_UNSUPPORTED && slot->request.operation == VDEV_BLOCK_FLUSH) {
        finish(slot, VDEV_OK); /* the flush after a write, on a medium without a cache */
    } else if (status != VDEV_OK) {
        /* Full with nothing of ours in flight: no completion would ever resume it. */
        finish(slot, status);
    }
}

/* Make the next piece of a request. False: there is none; then *status is how it ends. */
static bool next_piece(struct vdev_block_backend_slot *slot, int *status)
{
    *status = VDEV_OK;
    if (slot->segments != 0) {
        return vdev_block_backend_next_segment(slot, status);
    }
    advance(slot);
    if (slot->data_count == 0) {
        return false;
    }
    if (!cut(slot)) {
        *status = VDEV_ERROR_IO;
        return false;
    }
    return true;
}

/* The class has done a piece. */
static void proceed(struct vdev_block_backend_slot *slot, int status)
{
    struct vdev_block_backend *backend = slot->backend;

    if (status != VDEV_OK) {
        finish(slot, VDEV_ERROR_IO);
        return;
    }
    if (slot->request.operation == VDEV_BLOCK_FLUSH) {
        finish(slot, VDEV_OK);
        return;
    }
    if (next_piece(slot, &status)) {
        submit_or_wait(slot);
        return;
    }
    if (status == VDEV_OK && slot->request.operation != VDEV_BLOCK_READ &&
        !vdev_virtio_device_has(&backend->device, VIRTIO_BLK_F_FLUSH)) {
        /* A driver that cannot flush is owed stable writes [VIRTIO 1.4 §5.2.6.2]. */
        slot->request.operation = VDEV_BLOCK_FLUSH;
        slot->request.buffers = NULL;
        slot->request.buffer_count = 0;
        submit_or_wait(slot);
        return;
    }
    finish(slot, status);
}

/* ---- taking from the ring ---- */

static struct vdev_block_backend_slot *find_free(struct vdev_block_backend *backend)
{
    for (size_t i = 0; i < backend->slot_count; i++) {
        if (backend->slots[i].state == SLOT_FREE) {
            return &backend->slots[i];
        }
    }
    return NULL;
}

/* Where the data of a chain stands among its buffers, once header and status are off. */
static void locate_data(struct vdev_block_backend_slot *slot, const struct vdev_chain *chain,
                        bool read, uint32_t length)
{
    if (read) {
        slot->data = chain->buffers + chain->readable_count;
        slot->data_count = chain->writable_count;
        /* The last byte is the status, alone in its buffer as a rule. */
        if (--slot->data[slot->data_count - 1].length == 0) {
            slot->data_count--;
        }
    } else {
        size_t skip = sizeof(struct virtio_blk_outhdr);
        slot->data = chain->buffers;
        slot->data_count = chain->readable_count;
        while (slot->data_count != 0 && skip >= slot->data->length) {
            skip -= slot->data->length;
            slot->data++;
            slot->data_count--;
        }
        if (skip != 0) {
            slot->data->pointer = (uint8_t *)slot->data->pointer + skip;
            slot->data->length -= skip;
            if (slot->data->bus_address != VDEV_NO_BUS_ADDRESS) {
                slot->data->bus_address += skip;
            }
        }
    }
    slot->data_length = length;
}

/* Begin a discard or write zeroes. VDEV_ERROR_FULL: leave the chain in the ring. */
static int begin_segments(struct vdev_block_backend_slot *slot, const struct vdev_chain *chain,
                          bool discard)
{
    const struct vdev_block_backend *backend = slot->backend;
    uint32_t length = chain->readable_length - (uint32_t)sizeof(struct virtio_blk_outhdr);
    unsigned feature = discard ? VIRTIO_BLK_F_DISCARD : VIRTIO_BLK_F_WRITE_ZEROES;
    int status;

    if (!vdev_virtio_device_has(&backend->device, feature)) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    if (length == 0 || length % sizeof(struct virtio_blk_discard_write_zeroes) != 0 ||
        length / sizeof(struct virtio_blk_discard_write_zeroes) > VDEV_BLOCK_BACKEND_SEGMENTS ||
        chain->writable_length != 1 || backend->block->information.read_only) {
        return VDEV_ERROR_IO;
    }
    locate_data(slot, chain, false, length);
    slot->request.operation = discard ? VDEV_BLOCK_DISCARD : VDEV_BLOCK_WRITE_ZEROES;
    slot->segments = (uint8_t)(length / sizeof(struct virtio_blk_discard_write_zeroes));
    slot->segment = 0;
    if (!vdev_block_backend_next_segment(slot, &status)) {
        /* Nothing to be done below: an error, or segments of no sectors. */
        if (status == VDEV_OK) {
            answer(slot->backend, slot, VIRTIO_BLK_S_OK, 0);
            return VDEV_ERROR_EMPTY;
        }
        return status;
    }
    return submit(slot);
}

/*
 * Begin a request, but GET_ID. VDEV_ERROR_FULL: leave the chain in the ring; VDEV_ERROR_EMPTY: it
 * is answered already.
 */
static int begin(struct vdev_block_backend_slot *slot, const struct vdev_chain *chain,
                 uint32_t type, uint64_t sector)
{
    const struct vdev_block_information *information = &slot->backend->block->information;
    bool read = type == VIRTIO_BLK_T_IN;

    slot->request.buffers = NULL;
    slot->request.buffer_count = 0;
    slot->data_count = 0;
    slot->data_length = 0;
    slot->segments = 0;
    if (type == VIRTIO_BLK_T_FLUSH) {
        slot->request.operation = VDEV_BLOCK_FLUSH;
        return submit(slot);
    }
    if (type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES) {
        return begin_segments(slot, chain, type == VIRTIO_BLK_T_DISCARD);
    }
    /* All of it is checked before any of it is passed on. */
    uint32_t length = read ? chain->writable_length - 1
                           : chain->readable_length - (uint32_t)sizeof(struct virtio_blk_outhdr);
    uint32_t other = read ? chain->readable_length - (uint32_t)sizeof(struct virtio_blk_outhdr)
                          : chain->writable_length - 1;
    uint32_t sectors = length / VDEV_SECTOR_SIZE;
    if (length == 0 || length % VDEV_SECTOR_SIZE != 0 || other != 0 ||
        sector > information->sectors || sectors > information->sectors - sector ||
        (!read && information->read_only)) {
        return VDEV_ERROR_IO;
    }
    locate_data(slot, chain, read, length);
    slot->request.operation = read ? VDEV_BLOCK_READ : VDEV_BLOCK_WRITE;
    slot->sector = sector;
    return cut(slot) ? submit(slot) : VDEV_ERROR_IO;
}

static void get_id(struct vdev_block_backend *backend, struct vdev_block_backend_slot *slot,
                   const struct vdev_chain *chain)
{
    struct vdev_cursor cursor = vdev_chain_writer(chain);
    uint32_t room = chain->writable_length - 1;
    uint32_t length = room < sizeof backend->identifier ? room : sizeof backend->identifier;

    vdev_cursor_write(&cursor, backend->identifier, length);
    answer(backend, slot, VIRTIO_BLK_S_OK, length);
}

static bool handle(void *context, struct vdev_chain *chain)
{
    struct vdev_block_backend *backend = context;
    struct vdev_block_backend_slot *slot = backend->next;
    struct vdev_cursor cursor = vdev_chain_reader(chain);
    uint8_t header[sizeof(struct virtio_blk_outhdr)];
    int status;

    slot->id = chain->id;
    slot->queue = backend->current;
    slot->epoch = epoch_of(slot);
    if (chain->writable_length == 0) {
        /* No byte to answer in: all that can be said is that nothing was written. */
        backend->malformed++;
        vdev_virtio_device_give(&backend->device, slot->queue, slot->epoch, chain->id, 0);
        return true;
    }
    const struct vdev_buffer *last =
        &chain->buffers[chain->readable_count + chain->writable_count - 1];
    slot->status = (uint8_t *)last->pointer + last->length - 1;
    /* The header, in however many descriptors it came, is copied once and only the copy is looked
     * at. */
    if (vdev_cursor_read(&cursor, header, sizeof header) != sizeof header) {
        answer(backend, slot, VIRTIO_BLK_S_IOERR, 0);
        return true;
    }
    uint32_t type = virtio_load_le32(header + offsetof(struct virtio_blk_outhdr, type));
    uint64_t sector = virtio_load_le64(header + offsetof(struct virtio_blk_outhdr, sector));
    switch (type) {
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_OUT:
    case VIRTIO_BLK_T_FLUSH:
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
        status = begin(slot, chain, type, sector);
        break;
    case VIRTIO_BLK_T_GET_ID:
        get_id(backend, slot, chain);
        return true;
    default:
        status = VDEV_ERROR_UNSUPPORTED;
        break;
    }
    if (status == VDEV_OK) {
        backend->next = find_free(backend);
        if (backend->next != NULL) {
            chain->buffers = backend->next->buffers;
        }
        return true;
    }
    if (status == VDEV_ERROR_FULL && backend->in_flight != 0) {
        backend->held = true;
        return false;
    }
    if (status != VDEV_ERROR_EMPTY) {
        answer_failure(slot, status);
    }
    return true;
}

/* Retry what waits for the class below; pieces of requests begun come before new requests. */
static void resume_waiting(struct vdev_block_backend *backend)
{
    for (size_t i = 0; i < backend->slot_count && backend->waiting != 0; i++) {
        struct vdev_block_backend_slot *slot = &backend->slots[i];
        if (slot->state != SLOT_WAITING) {
            continue;
        }
        backend->waiting--;
        if (slot->epoch != epoch_of(slot)) {
            slot->state = SLOT_FREE; /* the driver took its queue back */
            continue;
        }
        submit_or_wait(slot);
        if (slot->state == SLOT_WAITING) {
            return;
        }
    }
}

/* Take requests from one queue while there are slots and the class below is not full. True: some
 * may be left. */
static bool work_through(struct vdev_block_backend *backend, uint16_t queue)
{
    struct vdev_virtio_device *device = &backend->device;
    /* One more than a full ring, so that emptying it ends in arming it. */
    unsigned budget = device->queue_size_maximum + 1u;
    bool more = true;

    backend->current = queue;
    while (more && !backend->held && budget != 0) {
        size_t free_count = backend->slot_count - backend->in_flight;
        if (free_count == 0) {
            break;
        }
        unsigned share = free_count < budget ? (unsigned)free_count : budget;
        backend->next = find_free(backend);
        backend->chain.buffers = backend->next->buffers;
        more = vdev_virtio_device_run(device, queue, &backend->chain, share, handle, backend);
        budget -= share;
    }
    /* Left at the bound: a completion resumes it if one is to come, else the device's poll. */
    if (more && !backend->held && backend->in_flight == 0) {
        vdev_virtio_device_defer(device, queue);
    }
    return more;
}

/* In turn, so that no queue keeps the others from the slots. */
static void work_in_turn(struct vdev_block_backend *backend)
{
    uint16_t count = backend->device.queue_count;

    for (uint16_t i = 0; i < count && backend->left != 0 && !backend->held; i++) {
        if (backend->in_flight == backend->slot_count) {
            return;
        }
        uint16_t queue = backend->turn;
        backend->turn = (uint16_t)(queue + 1u == count ? 0 : queue + 1u);
        if ((backend->left >> queue & 1) != 0 && !work_through(backend, queue)) {
            backend->left &= ~(1ull << queue);
        }
    }
}

/* Something has come into a queue, or a request of it is done. */
static void work(struct vdev_block_backend *backend, uint16_t queue)
{
    if (backend->waiting != 0) {
        resume_waiting(backend);
    }
    backend->held = backend->waiting != 0 || backend->stale != 0;
    if (backend->device.queue_count == 1) {
        work_through(backend, 0);
        return;
    }
    backend->left |= 1ull << queue;
    work_in_turn(backend);
}

static void complete(struct vdev_block_request *request, int status)
{
    struct vdev_block_backend_slot *slot = request->owner;
    struct vdev_block_backend *backend = slot->backend;
    uint16_t queue = slot->queue; /* the slot may be another request's by the end of this */

    backend->in_flight--;
    if (slot->epoch == epoch_of(slot)) {
        proceed(slot, status);
    } else {
        slot->state = SLOT_FREE;
        if (backend->stale != 0) {
            backend->stale--;
        }
    }
    if (vdev_virtio_device_enter(&backend->device)) {
        work(backend, queue);
        vdev_virtio_device_leave(&backend->device);
    }
    vdev_virtio_device_signal(&backend->device, queue);
}

/* ---- what the device core calls ---- */

static void notify(struct vdev_virtio_device *device, uint16_t queue)
{
    work(backend_of(device), queue);
}

static void reset(struct vdev_virtio_device *device)
{
    struct vdev_block_backend *backend = backend_of(device);

    for (size_t i = 0; i < backend->slot_count; i++) {
        if (backend->slots[i].state == SLOT_WAITING) {
            backend->slots[i].state = SLOT_FREE;
        }
    }
    backend->waiting = 0;
    backend->held = true;
    backend->stale = backend->in_flight;
    backend->left = 0;
    backend->turn = 0;
}

static const struct vdev_virtio_device_operations operations = {
    .notify = notify,
    .reset = reset,
};

/* ---- making one ---- */

static void identify(struct vdev_block_backend *backend, const char *identifier)
{
    for (size_t i = 0; i < sizeof backend->identifier && identifier[i] != 0; i++) {
        backend->identifier[i] = (uint8_t)identifier[i];
    }
}

int vdev_block_backend_init(struct vdev_block_backend *backend,
                            const struct vdev_block_backend_configuration *configuration)
{
    if (configuration->block == NULL || configuration->slots == NULL ||
        configuration->slot_count == 0 || configuration->buffers == NULL ||
        configuration->buffers_per_slot < 3 || configuration->queue_size < 4 ||
        configuration->queue_count > VDEV_BLOCK_BACKEND_QUEUES ||
        (configuration->queue_count > 1 && configuration->queues == NULL)) {
        return VDEV_ERROR_INVALID;
    }
    const struct vdev_block_information *information = &configuration->block->information;
    memset(backend, 0, sizeof *backend);
    bool own = configuration->queues == NULL;
    int status = vdev_virtio_device_init(
        &backend->device,
        &(struct vdev_virtio_device_configuration){
            .operations = &operations,
            .memory = configuration->memory,
            .id = VDEV_VIRTIO_ID_BLOCK,
            .features = vdev_block_backend_features(configuration),
            .queues = own ? &backend->queue : configuration->queues,
            .queue_count = own || configuration->queue_count == 0 ? 1 : configuration->queue_count,
            .queue_size_maximum = configuration->queue_size,
            .configuration_space = backend->configuration_space,
            .configuration_length = sizeof backend->configuration_space,
        });
    if (status != VDEV_OK) {
        return status;
    }
    backend->block = configuration->block;
    backend->slots = configuration->slots;
    backend->slot_count = configuration->slot_count;
    backend->buffers_per_slot = configuration->buffers_per_slot;
    backend->chain.capacity = configuration->buffers_per_slot;
    for (size_t i = 0; i < backend->slot_count; i++) {
        backend->slots[i] = (struct vdev_block_backend_slot){
            .request = {.complete = complete, .owner = &backend->slots[i]},
            .backend = backend,
            .buffers = configuration->buffers + i * configuration->buffers_per_slot,
        };
    }
    vdev_block_backend_describe(backend);
    identify(backend, configuration->identifier != NULL ? configuration->identifier
                                                        : information->identifier);
    return VDEV_OK;
}

void vdev_block_backend_resized(struct vdev_block_backend *backend)
{
    vdev_block_backend_describe(backend);
    vdev_virtio_device_configuration_changed(&backend->device);
}
