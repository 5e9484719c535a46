/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio console device [VIRTIO 1.4 §5.3]. Nothing is buffered here: bytes to transmit stay in
 * the ring until the class below takes them, received bytes stay in the class until the ring has
 * room. So there is no limit to choose, nothing to lose at a reset, and nothing to copy twice.
 */
#include <stddef.h>

#include <vdev/backends/console.h>
#include <vdev/status.h>

#include <linux/virtio_console.h>

#include "core/mem.h"
#include "virtio/virtio_1_4.h"

_Static_assert(sizeof(struct virtio_console_config) ==
                       sizeof((struct vdev_console_backend *)0)->configuration_space &&
                   offsetof(struct virtio_console_config, rows) == 2,
               "columns and rows come first");

static struct vdev_console_backend *backend_of(struct vdev_virtio_device *device)
{
    return (struct vdev_console_backend *)((char *)device -
                                           offsetof(struct vdev_console_backend, device));
}

static void give(struct vdev_console_backend *backend, uint16_t queue,
                 const struct vdev_chain *chain, uint32_t written)
{
    vdev_virtio_device_give(&backend->device, queue,
                            vdev_virtio_device_epoch(&backend->device, queue), chain->id, written);
}

/* A chain with buffers of the wrong direction [VIRTIO 1.4 §5.3.6.1]. */
static bool is_malformed(struct vdev_console_backend *backend, uint16_t queue,
                         const struct vdev_chain *chain, uint32_t wrong_length)
{
    if (wrong_length == 0) {
        return false;
    }
    backend->malformed++;
    give(backend, queue, chain, 0);
    return true;
}

static bool transmit_chain(void *context, struct vdev_chain *chain)
{
    struct vdev_console_backend *backend = context;
    struct vdev_cursor cursor = vdev_chain_reader(chain);
    void *bytes;
    size_t length;

    if (is_malformed(backend, VDEV_CONSOLE_TRANSMIT_QUEUE, chain, chain->writable_length)) {
        backend->transmitted = 0;
        return true;
    }
    /* The chain may have changed since it was left in the ring; the cursor ends where it ends. */
    vdev_cursor_skip(&cursor, backend->transmitted);
    while ((length = vdev_cursor_peek(&cursor, &bytes)) != 0) {
        size_t taken = vdev_console_write(backend->console, bytes, length);
        vdev_cursor_skip(&cursor, taken);
        backend->transmitted += (uint32_t)taken;
        if (taken < length) {
            backend->held = true;
            return false;
        }
    }
    backend->transmitted = 0;
    give(backend, VDEV_CONSOLE_TRANSMIT_QUEUE, chain, 0);
    return true;
}

static bool receive_chain(void *context, struct vdev_chain *chain)
{
    struct vdev_console_backend *backend = context;
    struct vdev_cursor cursor = vdev_chain_writer(chain);
    uint32_t received = 0;
    void *bytes;
    size_t length;

    if (is_malformed(backend, VDEV_CONSOLE_RECEIVE_QUEUE, chain, chain->readable_length)) {
        return true;
    }
    while ((length = vdev_cursor_peek(&cursor, &bytes)) != 0) {
        size_t got = vdev_console_read(backend->console, bytes, length);
        vdev_cursor_skip(&cursor, got);
        received += (uint32_t)got;
        if (got < length) {
            break;
        }
    }
    if (received == 0 && chain->writable_length != 0) {
        backend->held = true;
        return false;
    }
    give(backend, VDEV_CONSOLE_RECEIVE_QUEUE, chain, received);
    return true;
}

/*
 * What is left when this returns is resumed by the class below (a chain was left in the ring), by
 * the driver (the ring is empty, and armed), or, past the bound of one full ring, by the device's
 * poll.
 */
static void work(struct vdev_console_backend *backend, uint16_t queue)
{
    /* One more than a full ring, so that emptying it ends in arming it. */
    unsigned budget = backend->device.queue_size_maximum + 1u;

    backend->held = false;
    if (vdev_virtio_device_run(
            &backend->device, queue, &backend->chain, budget,
            queue == VDEV_CONSOLE_TRANSMIT_QUEUE ? transmit_chain : receive_chain, backend) &&
        !backend->held) {
        vdev_virtio_device_defer(&backend->device, queue);
    }
}

/* ---- what the device core calls ---- */

static void notify(struct vdev_virtio_device *device, uint16_t queue)
{
    work(backend_of(device), queue);
}

static void reset(struct vdev_virtio_device *device)
{
    backend_of(device)->transmitted = 0;
}

static const struct vdev_virtio_device_operations operations = {
    .notify = notify,
    .reset = reset,
};

/* ---- what the class below calls, from inside its poll ---- */

static void on_bytes(struct vdev_console_backend *backend, uint16_t queue)
{
    if (vdev_virtio_device_enter(&backend->device)) {
        work(backend, queue);
        vdev_virtio_device_leave(&backend->device);
    }
}

static void readable(void *owner)
{
    on_bytes(owner, VDEV_CONSOLE_RECEIVE_QUEUE);
}

static void writable(void *owner)
{
    on_bytes(owner, VDEV_CONSOLE_TRANSMIT_QUEUE);
}

static void store_size(struct vdev_console_backend *backend)
{
    virtio_store_le16(backend->configuration_space + offsetof(struct virtio_console_config, cols),
                      backend->console->columns);
    virtio_store_le16(backend->configuration_space + offsetof(struct virtio_console_config, rows),
                      backend->console->rows);
}

static void resized(void *owner)
{
    struct vdev_console_backend *backend = owner;

    store_size(backend);
    vdev_virtio_device_configuration_changed(&backend->device);
}

int vdev_console_backend_init(struct vdev_console_backend *backend,
                              const struct vdev_console_backend_configuration *configuration)
{
    if (configuration->console == NULL || configuration->buffers == NULL ||
        configuration->buffer_count == 0) {
        return VDEV_ERROR_INVALID;
    }
    memset(backend, 0, sizeof *backend);
    backend->console = configuration->console;
    backend->chain.buffers = configuration->buffers;
    backend->chain.capacity = configuration->buffer_count;
    store_size(backend);
    int status = vdev_virtio_device_init(
        &backend->device, &(struct vdev_virtio_device_configuration){
                              .operations = &operations,
                              .memory = configuration->memory,
                              .id = VDEV_VIRTIO_ID_CONSOLE,
                              .features = 1ull << VIRTIO_CONSOLE_F_SIZE,
                              .queues = backend->queues,
                              .queue_count = 2,
                              .queue_size_maximum = configuration->queue_size,
                              .configuration_space = backend->configuration_space,
                              .configuration_length = sizeof backend->configuration_space,
                          });
    if (status != VDEV_OK) {
        return status;
    }
    backend->console->client = (struct vdev_console_client){
        .readable = readable,
        .writable = writable,
        .resized = resized,
        .owner = backend,
    };
    return VDEV_OK;
}
