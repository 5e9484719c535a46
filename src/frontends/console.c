/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver for virtio console devices [VIRTIO 1.4 §5.3].
 *
 * The rings are the only queues: received bytes stay in the buffer they came in until they are
 * read, and that buffer goes back to the device when it is empty; bytes to transmit are copied into
 * a free buffer each. Interrupts are asked for only when somebody waits: for bytes, when a read has
 * found none; for room, when a write took less than asked. Both look again after asking.
 */
#include <stddef.h>

#include <vdev/frontends/console.h>
#include <vdev/status.h>
#include <vdev/virtio.h>

#include <linux/virtio_console.h>
#include <linux/virtio_ring.h>

#include "core/mem.h"
#include "virtio/virtio_1_4.h"

#define RECEIVE_QUEUE  0
#define TRANSMIT_QUEUE 1

#define WANTED_FEATURES                                                                            \
    (1ull << VIRTIO_CONSOLE_F_SIZE | 1ull << VIRTIO_RING_F_INDIRECT_DESC |                         \
     1ull << VIRTIO_RING_F_EVENT_IDX)

static struct vdev_console_frontend *frontend_of(struct vdev_console *console)
{
    return (struct vdev_console_frontend *)((char *)console -
                                            offsetof(struct vdev_console_frontend, console));
}

static void notify(struct vdev_console_frontend *frontend, uint16_t queue)
{
    struct vdev_virtio_driver *transport = frontend->configuration.transport;

    transport->operations->notify(transport, queue);
}

/* Buffer number `index` of a memory that holds them one after the other. */
static struct vdev_buffer buffer_of(const struct vdev_console_frontend *frontend,
                                    const struct vdev_buffer *memory, uint32_t index)
{
    size_t at = (size_t)index * frontend->configuration.buffer_size;

    return (struct vdev_buffer){(uint8_t *)memory->pointer + at,
                                frontend->configuration.buffer_size, memory->bus_address + at};
}

/* ---- receiving ---- */

/* Give a receive buffer to the device. Its token is where it is. */
static void offer(struct vdev_console_frontend *frontend, uint8_t *pointer)
{
    const struct vdev_buffer *memory = &frontend->configuration.receive_memory;
    size_t at = (size_t)(pointer - (uint8_t *)memory->pointer);
    struct vdev_buffer buffer = {pointer, frontend->configuration.buffer_size,
                                 memory->bus_address + at};

    if (vdev_driver_queue_add(&frontend->receive, NULL, 0, &buffer, 1, pointer) != VDEV_OK) {
        frontend->broken = true;
    }
}

static void publish_receive(struct vdev_console_frontend *frontend)
{
    if (vdev_driver_queue_publish(&frontend->receive)) {
        notify(frontend, RECEIVE_QUEUE);
    }
}

/*
 * Is there a byte to read? Takes the next buffer from the ring if the last is used up. Buffers that
 * come back empty go round at most once in one call: a device could send them forever.
 */
static bool fill(struct vdev_console_frontend *frontend)
{
    unsigned budget = frontend->configuration.receive_count;
    uint32_t written;
    void *token;

    if (frontend->received != NULL) {
        return true;
    }
    while (budget-- != 0) {
        int status = vdev_driver_queue_take(&frontend->receive, &token, &written);
        if (status == VDEV_ERROR_CORRUPT) {
            frontend->broken = true;
        }
        if (status != VDEV_OK) {
            return false;
        }
        if (written != 0) {
            frontend->received = token;
            frontend->received_length = written;
            frontend->received_offset = 0;
            return true;
        }
        offer(frontend, token);
    }
    return false;
}

/*
 * As fill, and if there is nothing asks for an interrupt and looks again: whoever is told that
 * there is nothing must hear of the next byte. Bounded, since empty buffers may come without end.
 */
static bool fill_or_arm(struct vdev_console_frontend *frontend)
{
    for (unsigned i = 0; i <= frontend->configuration.receive_count; i++) {
        if (fill(frontend)) {
            return true;
        }
        if (!vdev_driver_queue_arm(&frontend->receive)) {
            break;
        }
    }
    return false;
}

static size_t read(struct vdev_console *console, uint8_t *bytes, size_t length)
{
    struct vdev_console_frontend *frontend = frontend_of(console);
    size_t done = 0;

    if (!frontend->alive) {
        return 0;
    }
    while (done < length) {
        if (!(done == 0 ? fill_or_arm(frontend) : fill(frontend))) {
            break;
        }
        uint32_t piece = frontend->received_length - frontend->received_offset;
        if (piece > length - done) {
            piece = (uint32_t)(length - done);
        }
        memcpy(bytes + done, frontend->received + frontend->received_offset, piece);
        done += piece;
        frontend->received_offset += piece;
        if (frontend->received_offset == frontend->received_length) {
            offer(frontend, frontend->received);
            frontend->received = NULL;
        }
    }
    publish_receive(frontend);
    if (done == 0 && length != 0) {
        frontend->announced = false;
    }
    return done;
}

/* ---- transmitting ---- */

static void reclaim(struct vdev_console_frontend *frontend)
{
    const struct vdev_buffer *memory = &frontend->configuration.transmit_memory;
    uint32_t written;
    void *token;
    int status;

    while ((status = vdev_driver_queue_take(&frontend->transmit, &token, &written)) == VDEV_OK) {
        size_t at = (size_t)((uint8_t *)token - (uint8_t *)memory->pointer);
        frontend->transmit_free |= (uint32_t)1 << at / frontend->configuration.buffer_size;
    }
    if (status == VDEV_ERROR_CORRUPT) {
        frontend->broken = true;
    }
}

/* Copy into free buffers and put them into the ring; returns bytes taken. */
static size_t transmit(struct vdev_console_frontend *frontend, const uint8_t *bytes, size_t length)
{
    size_t done = 0;

    for (uint32_t i = 0; done < length && i < frontend->configuration.transmit_count; i++) {
        if ((frontend->transmit_free & (uint32_t)1 << i) == 0) {
            continue;
        }
        struct vdev_buffer buffer =
            buffer_of(frontend, &frontend->configuration.transmit_memory, i);
        if (buffer.length > length - done) {
            buffer.length = length - done;
        }
        memcpy(buffer.pointer, bytes + done, buffer.length);
        if (vdev_driver_queue_add(&frontend->transmit, &buffer, 1, NULL, 0, buffer.pointer) !=
            VDEV_OK) {
            frontend->broken = true;
            break;
        }
        frontend->transmit_free &= ~((uint32_t)1 << i);
        done += buffer.length;
    }
    if (vdev_driver_queue_publish(&frontend->transmit)) {
        notify(frontend, TRANSMIT_QUEUE);
    }
    return done;
}

static size_t write(struct vdev_console *console, const uint8_t *bytes, size_t length)
{
    struct vdev_console_frontend *frontend = frontend_of(console);

    if (!frontend->alive || length == 0) {
        return length;
    }
    vdev_driver_queue_disarm(&frontend->transmit);
    reclaim(frontend);
    size_t done = transmit(frontend, bytes, length);
    /* Whoever is told that there is no room must hear of the next. Each round sends a buffer. */
    while (done < length && vdev_driver_queue_arm(&frontend->transmit)) {
        reclaim(frontend);
        done += transmit(frontend, bytes + done, length - done);
    }
    frontend->blocked = done < length;
    return done;
}

/* ---- starting ---- */

static void read_size(struct vdev_console_frontend *frontend)
{
    uint8_t space[4];

    if ((frontend->accepted & 1ull << VIRTIO_CONSOLE_F_SIZE) != 0 &&
        vdev_virtio_driver_read_configuration(frontend->configuration.transport, 0, 2, space,
                                              sizeof space) == VDEV_OK) {
        frontend->console.columns = (uint16_t)virtio_load_le16(space);
        frontend->console.rows = (uint16_t)virtio_load_le16(space + 2);
    }
}

static int start(struct vdev_console_frontend *frontend)
{
    const struct vdev_console_frontend_configuration *configuration = &frontend->configuration;
    struct vdev_virtio_driver *transport = configuration->transport;

    frontend->broken = false;
    frontend->announced = false;
    frontend->received = NULL;
    frontend->transmit_free = UINT32_MAX >> (32 - configuration->transmit_count);
    int status = vdev_virtio_driver_begin(transport, configuration->clock, VDEV_VIRTIO_ID_CONSOLE,
                                          WANTED_FEATURES, &frontend->accepted);
    if (status != VDEV_OK) {
        return status;
    }
    read_size(frontend);
    status = vdev_virtio_driver_start_queue(transport, RECEIVE_QUEUE, &frontend->receive,
                                            &configuration->receive_queue,
                                            configuration->queue_size, frontend->accepted);
    if (status == VDEV_OK) {
        status = vdev_virtio_driver_start_queue(transport, TRANSMIT_QUEUE, &frontend->transmit,
                                                &configuration->transmit_queue,
                                                configuration->queue_size, frontend->accepted);
    }
    if (status == VDEV_OK) {
        vdev_driver_queue_disarm(&frontend->transmit);
        for (uint32_t i = 0; i < configuration->receive_count; i++) {
            offer(frontend, buffer_of(frontend, &configuration->receive_memory, i).pointer);
        }
        status = vdev_virtio_driver_finish(transport);
    }
    if (status != VDEV_OK) {
        vdev_virtio_driver_fail(transport);
        return status;
    }
    frontend->alive = true;
    publish_receive(frontend);
    return VDEV_OK;
}

/* ---- poll ---- */

static void restart(struct vdev_console_frontend *frontend)
{
    frontend->restarts++;
    frontend->alive = false;
    if (vdev_virtio_driver_reset(frontend->configuration.transport,
                                 frontend->configuration.clock) == VDEV_OK) {
        start(frontend);
    }
}

static bool poll(struct vdev_console *console)
{
    struct vdev_console_frontend *frontend = frontend_of(console);
    const struct vdev_console_client *client = &console->client;
    struct vdev_virtio_driver *transport = frontend->configuration.transport;

    if (!frontend->alive) {
        return false;
    }
    uint16_t columns = console->columns;
    uint16_t rows = console->rows;
    uint32_t causes = transport->operations->take_interrupt(transport);
    bool configuration = (causes & VDEV_VIRTIO_INTERRUPT_CONFIGURATION) != 0;
    bool readable = !frontend->announced && fill(frontend);
    publish_receive(frontend);
    if (frontend->blocked) {
        reclaim(frontend);
    }
    if (frontend->broken || (configuration && (transport->operations->status(transport) &
                                               VDEV_VIRTIO_STATUS_NEEDS_RESET) != 0)) {
        restart(frontend);
        readable = false;
    } else if (configuration) {
        read_size(frontend);
    }
    if ((columns != console->columns || rows != console->rows) && client->resized != NULL) {
        client->resized(client->owner);
    }
    /* A device that is gone takes all that is written, so its writer is not left waiting either. */
    if (frontend->blocked && (frontend->transmit_free != 0 || !frontend->alive)) {
        frontend->blocked = false;
        if (client->writable != NULL) {
            client->writable(client->owner);
        }
    }
    if (readable) {
        frontend->announced = true;
        if (client->readable != NULL) {
            client->readable(client->owner);
        }
    } else if (frontend->alive && !frontend->announced) {
        return vdev_driver_queue_arm(&frontend->receive);
    }
    return false;
}

static const struct vdev_console_operations operations = {
    .write = write,
    .read = read,
    .poll = poll,
};

static bool fits(const struct vdev_console_frontend_configuration *configuration,
                 const struct vdev_buffer *memory, uint16_t count)
{
    return memory->pointer != NULL && memory->bus_address != VDEV_NO_BUS_ADDRESS && count != 0 &&
           count <= configuration->queue_size && count <= VDEV_CONSOLE_FRONTEND_BUFFERS_MAXIMUM &&
           memory->length / configuration->buffer_size >= count;
}

int vdev_console_frontend_init(struct vdev_console_frontend *frontend,
                               const struct vdev_console_frontend_configuration *configuration)
{
    if (configuration->transport == NULL || configuration->clock == NULL ||
        configuration->buffer_size == 0 ||
        !fits(configuration, &configuration->receive_memory, configuration->receive_count) ||
        !fits(configuration, &configuration->transmit_memory, configuration->transmit_count)) {
        return VDEV_ERROR_INVALID;
    }
    memset(frontend, 0, sizeof *frontend);
    frontend->console.operations = &operations;
    frontend->configuration = *configuration;
    return start(frontend);
}

int vdev_console_frontend_stop(struct vdev_console_frontend *frontend)
{
    if (!frontend->alive) {
        return VDEV_OK;
    }
    frontend->alive = false;
    return vdev_virtio_driver_reset(frontend->configuration.transport,
                                    frontend->configuration.clock);
}
