/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver for virtio block devices [VIRTIO 1.4 §5.2].
 *
 * A submitted request waits in a list until the ring and the private records have room; poll brings
 * back what the device has finished. What decides anything is kept where the device cannot write:
 * the shared memory of a request is its header, which is only written, and its status byte, which
 * is read once. Whatever goes wrong with the device as a whole ends in `restart`, from poll only.
 */
#include <stddef.h>

#include <vdev/frontends/block.h>
#include <vdev/status.h>
#include <vdev/virtio.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>

#include "core/mem.h"
#include "virtio/virtio_1_4.h"

#define QUEUE 0
#define NONE  UINT16_MAX

/* The shared memory of one request. */
#define SHARED_HEADER     0u
#define SHARED_STATUS     16u
#define SHARED_IDENTIFIER 32u

#define STATUS_UNANSWERED 0xffu

/* A request's chain stays below 2^32 bytes, header and status included [VIRTIO 1.4 §2.7.4]. */
#define SECTORS_MOST (UINT32_MAX / VDEV_SECTOR_SIZE / 2)

#define WANTED_FEATURES                                                                            \
    (1ull << VIRTIO_BLK_F_SIZE_MAX | 1ull << VIRTIO_BLK_F_SEG_MAX | 1ull << VIRTIO_BLK_F_RO |      \
     1ull << VIRTIO_BLK_F_BLK_SIZE | 1ull << VIRTIO_BLK_F_FLUSH |                                  \
     1ull << VIRTIO_RING_F_INDIRECT_DESC | 1ull << VIRTIO_RING_F_EVENT_IDX)

static struct vdev_block_frontend *frontend_of(struct vdev_block *block)
{
    return (struct vdev_block_frontend *)((char *)block -
                                          offsetof(struct vdev_block_frontend, block));
}

static bool has(const struct vdev_block_frontend *frontend, unsigned feature)
{
    return (frontend->accepted & 1ull << feature) != 0;
}

/* ---- shared memory ---- */

static struct vdev_buffer shared(const struct vdev_block_frontend *frontend, uint16_t index,
                                 uint32_t offset, size_t length)
{
    uint32_t at = index * VDEV_BLOCK_FRONTEND_SHARED_BYTES + offset;

    return (struct vdev_buffer){(uint8_t *)frontend->configuration.shared.pointer + at, length,
                                frontend->configuration.shared.bus_address + at};
}

/* The one place where a device's answer is read: once. */
static uint8_t load_status(const struct vdev_block_frontend *frontend, uint16_t index)
{
    return *(const volatile uint8_t *)shared(frontend, index, SHARED_STATUS, 1).pointer;
}

/* ---- requests into the ring ---- */

static void put_free(struct vdev_block_frontend *frontend, uint16_t index)
{
    frontend->configuration.requests[index] =
        (struct vdev_block_frontend_request){.next_free = frontend->free_head};
    frontend->free_head = index;
}

static void free_all(struct vdev_block_frontend *frontend)
{
    frontend->free_head = NONE;
    for (uint16_t i = frontend->configuration.request_count; i-- != 0;) {
        put_free(frontend, i);
    }
    frontend->in_flight = 0;
}

/* Where the device finds a buffer; VDEV_NO_BUS_ADDRESS: nowhere. */
static uint64_t bus_address_of(const struct vdev_block_frontend *frontend,
                               const struct vdev_buffer *buffer)
{
    const struct vdev_buffer *data = &frontend->configuration.data;
    uintptr_t at = (uintptr_t)buffer->pointer - (uintptr_t)data->pointer;

    if (buffer->bus_address == VDEV_NO_BUS_ADDRESS && at < data->length &&
        buffer->length <= data->length - at) {
        return data->bus_address + at;
    }
    return buffer->bus_address;
}

/* Split a request's buffers so that none is longer than the device takes. Returns how many pieces,
 * or 0 if they are more than `room`. Without `pieces`, only counts. */
static size_t split(const struct vdev_block_frontend *frontend,
                    const struct vdev_block_request *request, struct vdev_buffer *pieces,
                    size_t room)
{
    size_t count = 0;

    for (size_t i = 0; i < request->buffer_count; i++) {
        struct vdev_buffer rest = request->buffers[i];
        rest.bus_address = bus_address_of(frontend, &rest);
        while (rest.length != 0) {
            struct vdev_buffer piece = rest;
            if (piece.length > frontend->size_maximum) {
                piece.length = frontend->size_maximum;
            }
            if (count == room) {
                return 0;
            }
            if (pieces != NULL) {
                pieces[count] = piece;
            }
            count++;
            rest.pointer = (uint8_t *)rest.pointer + piece.length;
            rest.bus_address += piece.length;
            rest.length -= piece.length;
        }
    }
    return count;
}

static int add(struct vdev_block_frontend *frontend, struct vdev_block_frontend_request *record,
               uint16_t index, uint32_t type, uint64_t sector,
               const struct vdev_block_request *request)
{
    struct vdev_buffer *pieces = frontend->configuration.pieces;
    struct vdev_buffer header = shared(frontend, index, SHARED_HEADER, 16);
    struct vdev_buffer status = shared(frontend, index, SHARED_STATUS, 1);
    size_t count = 0;

    virtio_store_le32((uint8_t *)header.pointer + offsetof(struct virtio_blk_outhdr, type), type);
    virtio_store_le32((uint8_t *)header.pointer + offsetof(struct virtio_blk_outhdr, ioprio), 0);
    virtio_store_le64((uint8_t *)header.pointer + offsetof(struct virtio_blk_outhdr, sector),
                      sector);
    *(volatile uint8_t *)status.pointer = STATUS_UNANSWERED;
    pieces[0] = header;
    if (type == VIRTIO_BLK_T_GET_ID) {
        pieces[1] = shared(frontend, index, SHARED_IDENTIFIER, VIRTIO_BLK_ID_BYTES);
        count = 1;
    } else if (type != VIRTIO_BLK_T_FLUSH) {
        count = split(frontend, request, pieces + 1, frontend->segments_maximum);
        if (count == 0) {
            return VDEV_ERROR_RANGE;
        }
    }
    pieces[1 + count] = status;
    size_t readable = 1 + (type == VIRTIO_BLK_T_OUT ? count : 0);
    int result = vdev_driver_queue_add(&frontend->queue, pieces, readable, pieces + readable,
                                       count + 2 - readable, record);
    if (result == VDEV_OK) {
        record->data_length =
            type == VIRTIO_BLK_T_IN
                ? (uint32_t)vdev_buffers_length(request->buffers, request->buffer_count)
                : 0;
    }
    return result;
}

static uint32_t type_of(const struct vdev_block_frontend *frontend,
                        const struct vdev_block_request *request)
{
    switch (request->operation) {
    case VDEV_BLOCK_READ:
        return VIRTIO_BLK_T_IN;
    case VDEV_BLOCK_WRITE:
        return VIRTIO_BLK_T_OUT;
    default:
        /* Without a cache every completed write is on the medium: there is nothing to ask for, but
         * the completion must come, and from poll. A request that does nothing brings it. */
        return has(frontend, VIRTIO_BLK_F_FLUSH) ? VIRTIO_BLK_T_FLUSH : VIRTIO_BLK_T_GET_ID;
    }
}

/* Move what is pending into the ring, as far as there is room, and notify once. */
static void queue_pending(struct vdev_block_frontend *frontend)
{
    struct vdev_block_request *request;

    while ((request = frontend->pending_first) != NULL && frontend->free_head != NONE) {
        uint16_t index = frontend->free_head;
        struct vdev_block_frontend_request *record = &frontend->configuration.requests[index];
        int status =
            add(frontend, record, index, type_of(frontend, request), request->sector, request);
        if (status == VDEV_ERROR_FULL) {
            break;
        }
        if (status != VDEV_OK) {
            frontend->broken = true; /* what can fail here was checked, but for a corrupt ring */
            break;
        }
        frontend->pending_first = request->next;
        frontend->free_head = record->next_free;
        record->request = request;
        if (frontend->in_flight++ == 0) {
            frontend->progress = vdev_clock_now(frontend->configuration.clock);
        }
    }
    if (vdev_driver_queue_publish(&frontend->queue)) {
        struct vdev_virtio_driver *transport = frontend->configuration.transport;
        transport->operations->notify(transport, QUEUE);
    }
}

/* ---- the class ---- */

static int check(const struct vdev_block_frontend *frontend,
                 const struct vdev_block_request *request)
{
    int status = vdev_block_check(&frontend->block, request);

    if (status != VDEV_OK) {
        return status;
    }
    for (size_t i = 0; i < request->buffer_count; i++) {
        if (bus_address_of(frontend, &request->buffers[i]) == VDEV_NO_BUS_ADDRESS) {
            return VDEV_ERROR_INVALID;
        }
    }
    if (request->operation != VDEV_BLOCK_FLUSH &&
        split(frontend, request, NULL, frontend->segments_maximum) == 0) {
        return VDEV_ERROR_FULL;
    }
    return VDEV_OK;
}

static void append_pending(struct vdev_block_frontend *frontend, struct vdev_block_request *request)
{
    request->next = NULL;
    if (frontend->pending_first == NULL) {
        frontend->pending_first = request;
    } else {
        frontend->pending_last->next = request;
    }
    frontend->pending_last = request;
}

static int submit(struct vdev_block *block, struct vdev_block_request *request)
{
    struct vdev_block_frontend *frontend = frontend_of(block);

    if (!frontend->alive) {
        return VDEV_ERROR_ABSENT;
    }
    int status = check(frontend, request);
    if (status != VDEV_OK) {
        return status;
    }
    append_pending(frontend, request);
    if (!frontend->polling) {
        queue_pending(frontend);
    }
    return VDEV_OK;
}

/* Hand a request back; the caller's function may submit anew. */
static void complete(struct vdev_block_request *request, int status)
{
    request->complete(request, status);
}

/* The device that came back may be another one: fail what it does not take, keep the rest. */
static void check_pending(struct vdev_block_frontend *frontend)
{
    struct vdev_block_request *request = frontend->pending_first;

    frontend->pending_first = NULL;
    while (request != NULL) {
        struct vdev_block_request *next = request->next;
        if (!frontend->alive) {
            complete(request, VDEV_ERROR_ABSENT); /* stopped from inside a completion */
        } else if (check(frontend, request) == VDEV_OK) {
            append_pending(frontend, request);
        } else {
            complete(request, VDEV_ERROR_IO);
        }
        request = next;
    }
}

/* Fail what was submitted up to now, and not what is submitted meanwhile. */
static void fail_pending(struct vdev_block_frontend *frontend, int status)
{
    struct vdev_block_request *request = frontend->pending_first;

    frontend->pending_first = NULL;
    while (request != NULL) {
        struct vdev_block_request *next = request->next;
        complete(request, status);
        request = next;
    }
}

/* The device is done with a request, or says so. */
static void finish(struct vdev_block_frontend *frontend, struct vdev_block_frontend_request *record,
                   uint32_t written)
{
    uint16_t index = (uint16_t)(record - frontend->configuration.requests);
    struct vdev_block_request *request = record->request;
    uint32_t data_length = record->data_length;
    uint8_t answer = load_status(frontend, index);
    int status = VDEV_ERROR_IO;

    if (answer == VIRTIO_BLK_S_OK) {
        /* Success means that all was written: the rest would be what memory held before. */
        if (written > data_length) {
            status = VDEV_OK;
        } else {
            frontend->malformed++;
        }
    } else if (answer == VIRTIO_BLK_S_UNSUPP) {
        status = request->operation == VDEV_BLOCK_FLUSH && !has(frontend, VIRTIO_BLK_F_FLUSH)
                     ? VDEV_OK
                     : VDEV_ERROR_IO;
    } else if (answer != VIRTIO_BLK_S_IOERR) {
        frontend->malformed++;
    }
    put_free(frontend, index);
    frontend->in_flight--;
    complete(request, status);
}

/* ---- starting ---- */

/* Read what the device says of itself; VDEV_ERROR_INVALID if it cannot be so. */
static int describe(struct vdev_block_frontend *frontend)
{
    struct vdev_block_information *information = &frontend->block.information;
    struct vdev_virtio_driver *transport = frontend->configuration.transport;
    uint8_t space[24];

    /* Fields whose feature is not offered are not looked at. They may not even be there
     * [VIRTIO 1.4 §2.5.1]. */
    int status = vdev_virtio_driver_read_configuration(transport, 0, 4, space, 8);
    if (status == VDEV_OK && has(frontend, VIRTIO_BLK_F_SIZE_MAX)) {
        status = vdev_virtio_driver_read_configuration(transport, 8, 4, space + 8, 4);
    }
    if (status == VDEV_OK && has(frontend, VIRTIO_BLK_F_SEG_MAX)) {
        status = vdev_virtio_driver_read_configuration(transport, 12, 4, space + 12, 4);
    }
    if (status == VDEV_OK && has(frontend, VIRTIO_BLK_F_BLK_SIZE)) {
        status = vdev_virtio_driver_read_configuration(transport, 20, 4, space + 20, 4);
    }
    if (status != VDEV_OK) {
        return status;
    }

    uint32_t size_maximum =
        has(frontend, VIRTIO_BLK_F_SIZE_MAX) ? virtio_load_le32(space + 8) : UINT32_MAX;
    if (size_maximum == 0) {
        size_maximum = UINT32_MAX; /* qemu-storage-daemon offers the field and leaves it so */
    }
    uint32_t segments =
        has(frontend, VIRTIO_BLK_F_SEG_MAX) ? virtio_load_le32(space + 12) : UINT32_MAX;
    uint32_t block_size =
        has(frontend, VIRTIO_BLK_F_BLK_SIZE) ? virtio_load_le32(space + 20) : VDEV_SECTOR_SIZE;
    uint32_t most = frontend->configuration.piece_count - 2u;
    if (most > frontend->configuration.queue_size - 2u) {
        most = frontend->configuration.queue_size - 2u;
    }
    if (segments > most) {
        segments = most;
    }
    if (size_maximum < VDEV_SECTOR_SIZE || segments == 0 || block_size < VDEV_SECTOR_SIZE ||
        (block_size & (block_size - 1)) != 0) {
        return VDEV_ERROR_INVALID;
    }
    uint64_t sectors = (uint64_t)(size_maximum / VDEV_SECTOR_SIZE) * segments;
    frontend->size_maximum = size_maximum;
    frontend->segments_maximum = segments;
    information->sectors = virtio_load_le64(space);
    information->block_size = block_size;
    information->maximum_buffers = segments;
    information->maximum_sectors = sectors < SECTORS_MOST ? (uint32_t)sectors : SECTORS_MOST;
    information->read_only = has(frontend, VIRTIO_BLK_F_RO);
    return VDEV_OK;
}

/* All but the capacity stays as the device had it at its start: requests were checked by it. */
static int read_capacity(struct vdev_block_frontend *frontend)
{
    uint8_t space[8];

    int status = vdev_virtio_driver_read_configuration(frontend->configuration.transport, 0, 4,
                                                       space, sizeof space);
    if (status == VDEV_OK) {
        frontend->block.information.sectors = virtio_load_le64(space);
    }
    return status;
}

static int start(struct vdev_block_frontend *frontend)
{
    const struct vdev_block_frontend_configuration *configuration = &frontend->configuration;

    free_all(frontend);
    frontend->broken = false;
    int status =
        vdev_virtio_driver_begin(configuration->transport, configuration->clock,
                                 VDEV_VIRTIO_ID_BLOCK, WANTED_FEATURES, &frontend->accepted);
    if (status != VDEV_OK) {
        return status;
    }
    status = describe(frontend);
    if (status == VDEV_OK) {
        status = vdev_virtio_driver_start_queue(configuration->transport, QUEUE, &frontend->queue,
                                                &configuration->queue, configuration->queue_size,
                                                frontend->accepted);
    }
    if (status == VDEV_OK) {
        status = vdev_virtio_driver_finish(configuration->transport);
    }
    if (status != VDEV_OK) {
        vdev_virtio_driver_fail(configuration->transport);
    }
    frontend->alive = status == VDEV_OK;
    return status;
}

/* Ask for the identifier, and wait: only while starting. A device without one has an empty one. */
static int identify(struct vdev_block_frontend *frontend)
{
    const struct vdev_block_frontend_configuration *configuration = &frontend->configuration;
    struct vdev_virtio_driver *transport = configuration->transport;
    struct vdev_block_frontend_request *record = &configuration->requests[0];
    char *identifier = frontend->block.information.identifier;
    uint64_t begin = vdev_clock_now(configuration->clock);
    uint32_t written = 0;
    void *token;

    int status = add(frontend, record, 0, VIRTIO_BLK_T_GET_ID, 0, NULL);
    if (status != VDEV_OK) {
        return status;
    }
    if (vdev_driver_queue_publish(&frontend->queue)) {
        transport->operations->notify(transport, QUEUE);
    }
    while ((status = vdev_driver_queue_take(&frontend->queue, &token, &written)) ==
           VDEV_ERROR_EMPTY) {
        if (vdev_clock_now(configuration->clock) - begin > VDEV_VIRTIO_RESET_NANOSECONDS) {
            return VDEV_ERROR_TIMEOUT;
        }
    }
    if (status != VDEV_OK) {
        return status;
    }
    memset(identifier, 0, sizeof frontend->block.information.identifier);
    if (load_status(frontend, 0) == VIRTIO_BLK_S_OK && written > 1) {
        const volatile uint8_t *bytes =
            shared(frontend, 0, SHARED_IDENTIFIER, VIRTIO_BLK_ID_BYTES).pointer;
        /* The last byte written is the status. */
        for (uint32_t i = 0; i < VIRTIO_BLK_ID_BYTES && i < written - 1; i++) {
            char byte = (char)bytes[i];
            if (byte == 0) {
                break;
            }
            identifier[i] = byte;
        }
    }
    transport->operations->take_interrupt(transport);
    vdev_driver_queue_arm(&frontend->queue);
    return VDEV_OK;
}

/* Reset the device and take back the tokens it had; their requests complete with `status`. */
static int stop(struct vdev_block_frontend *frontend, int status)
{
    struct vdev_block_frontend_request *record;

    int reset =
        vdev_virtio_driver_reset(frontend->configuration.transport, frontend->configuration.clock);
    while ((record = vdev_driver_queue_drain(&frontend->queue)) != NULL) {
        struct vdev_block_request *request = record->request;
        record->request = NULL;
        if (request != NULL) {
            complete(request, status);
        }
    }
    free_all(frontend);
    return reset;
}

/* From inside poll, where completions are allowed. */
static void restart(struct vdev_block_frontend *frontend, int status)
{
    frontend->restarts++;
    int result = stop(frontend, status);
    if (!frontend->alive) {
        return; /* stopped from inside a completion: it stays so */
    }
    if (result == VDEV_OK) {
        result = start(frontend);
    }
    if (result != VDEV_OK) {
        frontend->alive = false;
        fail_pending(frontend, VDEV_ERROR_ABSENT);
        return;
    }
    check_pending(frontend);
    if (frontend->alive) {
        queue_pending(frontend);
    }
}

/* ---- poll ---- */

/* What the device has finished, at most what it had when we began. True: there may be more. */
static bool take_finished(struct vdev_block_frontend *frontend)
{
    unsigned budget = frontend->in_flight;
    uint32_t written;
    void *token;

    /* A completion may stop the front-end: then the ring is no longer ours to look at. */
    while (frontend->alive && budget-- != 0) {
        int status = vdev_driver_queue_take(&frontend->queue, &token, &written);
        if (status == VDEV_ERROR_EMPTY) {
            break;
        }
        if (status != VDEV_OK) {
            frontend->broken = true;
            return false;
        }
        frontend->progress = vdev_clock_now(frontend->configuration.clock);
        finish(frontend, token, written);
    }
    if (!frontend->alive) {
        return false;
    }
    queue_pending(frontend);
    return vdev_driver_queue_arm(&frontend->queue);
}

static bool poll(struct vdev_block *block)
{
    struct vdev_block_frontend *frontend = frontend_of(block);
    const struct vdev_block_frontend_configuration *configuration = &frontend->configuration;
    struct vdev_virtio_driver *transport = configuration->transport;

    if (!frontend->alive || frontend->polling) {
        return false;
    }
    frontend->polling = true;
    bool again = false;
    int reason = VDEV_OK;
    uint32_t causes = transport->operations->take_interrupt(transport);
    if ((causes & VDEV_VIRTIO_INTERRUPT_CONFIGURATION) != 0) {
        if ((transport->operations->status(transport) & VDEV_VIRTIO_STATUS_NEEDS_RESET) != 0 ||
            read_capacity(frontend) != VDEV_OK) {
            reason = VDEV_ERROR_IO;
        }
    }
    if (reason == VDEV_OK) {
        again = take_finished(frontend);
        if (frontend->broken) {
            reason = VDEV_ERROR_IO;
        } else if (configuration->timeout_nanoseconds != 0 && frontend->in_flight != 0 && !again &&
                   vdev_clock_now(configuration->clock) - frontend->progress >
                       configuration->timeout_nanoseconds) {
            reason = VDEV_ERROR_TIMEOUT;
        }
    }
    if (reason != VDEV_OK) {
        restart(frontend, reason);
        again = false;
    }
    frontend->polling = false;
    return again;
}

static const struct vdev_block_operations operations = {.submit = submit, .poll = poll};

int vdev_block_frontend_init(struct vdev_block_frontend *frontend,
                             const struct vdev_block_frontend_configuration *configuration)
{
    if (configuration->transport == NULL || configuration->clock == NULL ||
        configuration->requests == NULL || configuration->request_count == 0 ||
        configuration->request_count == NONE || configuration->pieces == NULL ||
        configuration->piece_count < 3 || configuration->queue_size < 4 ||
        configuration->shared.pointer == NULL ||
        configuration->shared.bus_address == VDEV_NO_BUS_ADDRESS ||
        ((uintptr_t)configuration->shared.pointer & 15) != 0 ||
        configuration->shared.length / VDEV_BLOCK_FRONTEND_SHARED_BYTES <
            configuration->request_count ||
        (configuration->data.length != 0 &&
         configuration->data.bus_address == VDEV_NO_BUS_ADDRESS)) {
        return VDEV_ERROR_INVALID;
    }
    memset(frontend, 0, sizeof *frontend);
    frontend->block.operations = &operations;
    frontend->configuration = *configuration;
    int status = start(frontend);
    if (status == VDEV_OK) {
        status = identify(frontend);
        if (status != VDEV_OK) {
            frontend->alive = false;
            vdev_virtio_driver_fail(configuration->transport);
            vdev_virtio_driver_reset(configuration->transport, configuration->clock);
        }
    }
    return status == VDEV_ERROR_CORRUPT ? VDEV_ERROR_IO : status;
}

int vdev_block_frontend_stop(struct vdev_block_frontend *frontend)
{
    if (!frontend->alive) {
        return VDEV_OK;
    }
    frontend->alive = false;
    int status = stop(frontend, VDEV_ERROR_ABSENT);
    fail_pending(frontend, VDEV_ERROR_ABSENT);
    return status;
}
