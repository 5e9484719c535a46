/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio device core: the status machine, the gates and the queues' lives, for all transports.
 *
 * Three states decide nearly everything. Before FEATURES_OK, features may be accepted. From there
 * to DRIVER_OK, queues may be set up, and become live when they are made ready; nothing is taken
 * from them yet. From DRIVER_OK on, notifications are served. FAILED (the driver's) and NEEDS_RESET
 * (ours) end all of it until a reset. Whenever a queue stops, its epoch goes by, so that what was
 * taken from it can no longer be given back to it.
 */
#include <vdev/status.h>
#include <vdev/virtio.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "core/mem.h"

#define DRIVER_BITS                                                                                \
    (VDEV_VIRTIO_STATUS_ACKNOWLEDGE | VDEV_VIRTIO_STATUS_DRIVER | VDEV_VIRTIO_STATUS_DRIVER_OK |   \
     VDEV_VIRTIO_STATUS_FEATURES_OK | VDEV_VIRTIO_STATUS_FAILED)
#define ENDED_BITS (VDEV_VIRTIO_STATUS_FAILED | VDEV_VIRTIO_STATUS_NEEDS_RESET)

#define VERSION_1_BIT (1ull << VIRTIO_F_VERSION_1)
#define CORE_FEATURES                                                                              \
    (VERSION_1_BIT | 1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << VIRTIO_RING_F_INDIRECT_DESC)

_Static_assert(VDEV_VIRTIO_STATUS_NEEDS_RESET == VIRTIO_CONFIG_S_NEEDS_RESET &&
                   VDEV_VIRTIO_STATUS_FAILED == VIRTIO_CONFIG_S_FAILED &&
                   VDEV_VIRTIO_STATUS_FEATURES_OK == VIRTIO_CONFIG_S_FEATURES_OK &&
                   VDEV_VIRTIO_STATUS_DRIVER_OK == VIRTIO_CONFIG_S_DRIVER_OK,
               "the status bits are those of the specification");

int vdev_virtio_device_init(struct vdev_virtio_device *device,
                            const struct vdev_virtio_device_configuration *configuration)
{
    uint16_t size = configuration->queue_size_maximum;

    if (configuration->operations == NULL || configuration->operations->notify == NULL ||
        configuration->memory == NULL || configuration->queues == NULL ||
        configuration->queue_count == 0 || size == 0 || (size & (size - 1u)) != 0 ||
        (configuration->configuration_space == NULL && configuration->configuration_length != 0)) {
        return VDEV_ERROR_INVALID;
    }
    memset(device, 0, sizeof *device);
    memset(configuration->queues, 0, configuration->queue_count * sizeof *configuration->queues);
    device->operations = configuration->operations;
    device->memory = configuration->memory;
    device->id = configuration->id;
    device->offered = configuration->features | CORE_FEATURES;
    device->queues = configuration->queues;
    device->queue_count = configuration->queue_count;
    device->queue_size_maximum = size;
    device->configuration_space = configuration->configuration_space;
    device->configuration_length = configuration->configuration_length;
    return VDEV_OK;
}

void vdev_virtio_device_connect(struct vdev_virtio_device *device,
                                const struct vdev_virtio_transport_operations *operations,
                                void *transport)
{
    device->transport_operations = operations;
    device->transport = transport;
}

static int refuse(struct vdev_virtio_device *device, int status)
{
    device->refused++;
    return status;
}

static void stop_queue(struct vdev_virtio_queue *queue)
{
    vdev_device_queue_stop(&queue->live);
    /* May wrap: a chain may be put back once its queue is stopped. The sum is right. */
    queue->taken += queue->live.chains;
    queue->live.chains = 0;
    queue->epoch++;
    queue->deferred = false;
}

static void stop_all(struct vdev_virtio_device *device)
{
    device->running = false;
    for (unsigned i = 0; i < device->queue_count; i++) {
        stop_queue(&device->queues[i]);
    }
    if (device->operations->reset != NULL) {
        device->operations->reset(device);
    }
}

static void interrupt_configuration(struct vdev_virtio_device *device)
{
    /* [VIRTIO 1.4 §2.1.2] Nothing is sent to a driver that is not there yet. */
    if ((device->status & VDEV_VIRTIO_STATUS_DRIVER_OK) != 0 &&
        device->transport_operations != NULL) {
        device->transport_operations->configuration_interrupt(device->transport);
    }
}

/* ---- the back-end's side ---- */

void vdev_virtio_device_fail(struct vdev_virtio_device *device)
{
    if ((device->status & VDEV_VIRTIO_STATUS_NEEDS_RESET) != 0) {
        return;
    }
    device->failures++;
    device->status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
    stop_all(device);
    interrupt_configuration(device);
}

void vdev_virtio_device_signal(struct vdev_virtio_device *device, uint16_t queue)
{
    struct vdev_virtio_queue *state = &device->queues[queue];

    if (device->running && state->ready && vdev_device_queue_signal(&state->live) &&
        device->transport_operations != NULL) {
        device->transport_operations->queue_interrupt(device->transport, queue);
    }
}

bool vdev_virtio_device_run(struct vdev_virtio_device *device, uint16_t queue,
                            struct vdev_chain *chain, unsigned budget,
                            bool (*handle)(void *context, struct vdev_chain *chain), void *context)
{
    struct vdev_virtio_queue *state = &device->queues[queue];
    bool more = false;

    if (!device->running || !state->ready) {
        return false;
    }
    int status = vdev_device_queue_run(&state->live, chain, budget, handle, context, &more);
    if (status == VDEV_ERROR_CORRUPT) {
        vdev_virtio_device_fail(device);
    }
    vdev_virtio_device_signal(device, queue);
    return more;
}

void vdev_virtio_device_configuration_changed(struct vdev_virtio_device *device)
{
    device->configuration_generation++;
    if (device->running) {
        interrupt_configuration(device);
    }
}

/* ---- status ---- */

static void reset(struct vdev_virtio_device *device)
{
    device->status = 0;
    device->accepted = 0;
    device->unacceptable = false;
    stop_all(device);
    for (unsigned i = 0; i < device->queue_count; i++) {
        device->queues[i].ready = false;
        memset(&device->queues[i].configuration, 0, sizeof device->queues[i].configuration);
    }
    if (device->transport_operations != NULL) {
        device->transport_operations->reset(device->transport);
    }
}

static void start(struct vdev_virtio_device *device)
{
    device->running = true;
    device->busy = true;
    if (device->operations->start != NULL) {
        device->operations->start(device);
    } else {
        for (unsigned i = 0; i < device->queue_count && device->running; i++) {
            if (device->queues[i].ready) {
                device->operations->notify(device, (uint16_t)i);
            }
        }
    }
    device->busy = false;
}

int vdev_virtio_device_set_status(struct vdev_virtio_device *device, uint32_t status)
{
    uint32_t before = device->status & DRIVER_BITS;
    uint32_t wanted = status & DRIVER_BITS;
    uint32_t set = wanted & ~before;

    if (device->busy) {
        return refuse(device, VDEV_ERROR_BUSY);
    }
    if (status == 0) {
        reset(device);
        return VDEV_OK;
    }
    if ((set & VDEV_VIRTIO_STATUS_FAILED) != 0) {
        device->status |= VDEV_VIRTIO_STATUS_FAILED;
        stop_all(device);
        return VDEV_OK;
    }
    /* Each step needs the one before it, and FEATURES_OK as the device has answered it. */
    if ((before & ~wanted) != 0 ||
        ((set & VDEV_VIRTIO_STATUS_DRIVER) != 0 &&
         (wanted & VDEV_VIRTIO_STATUS_ACKNOWLEDGE) == 0) ||
        ((set & VDEV_VIRTIO_STATUS_FEATURES_OK) != 0 &&
         (before & VDEV_VIRTIO_STATUS_DRIVER) == 0) ||
        ((set & VDEV_VIRTIO_STATUS_DRIVER_OK) != 0 &&
         (before & VDEV_VIRTIO_STATUS_FEATURES_OK) == 0)) {
        return refuse(device, VDEV_ERROR_STATE);
    }
    if ((set & VDEV_VIRTIO_STATUS_FEATURES_OK) != 0 &&
        (device->unacceptable || (device->accepted & ~device->offered) != 0 ||
         (device->accepted & VERSION_1_BIT) == 0)) {
        set &= ~VDEV_VIRTIO_STATUS_FEATURES_OK;
    }
    device->status |= (uint8_t)set;
    if ((set & VDEV_VIRTIO_STATUS_DRIVER_OK) != 0) {
        if ((device->status & ENDED_BITS) == 0) {
            start(device);
        } else if ((device->status & VDEV_VIRTIO_STATUS_NEEDS_RESET) != 0) {
            /* Latched during set-up, when it could not be said. */
            interrupt_configuration(device);
        }
    }
    return VDEV_OK;
}

/* ---- features ---- */

uint32_t vdev_virtio_device_offered_word(const struct vdev_virtio_device *device, uint32_t word)
{
    return word == 0   ? (uint32_t)device->offered
           : word == 1 ? (uint32_t)(device->offered >> 32)
                       : 0;
}

int vdev_virtio_device_accept_word(struct vdev_virtio_device *device, uint32_t word, uint32_t bits)
{
    if ((device->status & (VDEV_VIRTIO_STATUS_DRIVER | VDEV_VIRTIO_STATUS_FEATURES_OK |
                           ENDED_BITS)) != VDEV_VIRTIO_STATUS_DRIVER) {
        return refuse(device, VDEV_ERROR_STATE);
    }
    if (word == 0) {
        device->accepted = (device->accepted >> 32 << 32) | bits;
    } else if (word == 1) {
        device->accepted = (uint32_t)device->accepted | (uint64_t)bits << 32;
    } else if (bits != 0) {
        device->unacceptable = true;
    }
    return VDEV_OK;
}

/* ---- queues ---- */

struct vdev_virtqueue_configuration *
vdev_virtio_device_queue_setup(struct vdev_virtio_device *device, uint32_t queue)
{
    if (queue >= device->queue_count || device->queues[queue].ready ||
        (device->status & (VDEV_VIRTIO_STATUS_FEATURES_OK | VDEV_VIRTIO_STATUS_DRIVER_OK |
                           ENDED_BITS)) != VDEV_VIRTIO_STATUS_FEATURES_OK) {
        device->refused++;
        return NULL;
    }
    return &device->queues[queue].configuration;
}

/* Make a queue live by its configuration, as the driver left it and the device completes it. */
static int make_live(struct vdev_virtio_device *device, struct vdev_virtio_queue *queue)
{
    struct vdev_virtqueue_configuration *configuration = &queue->configuration;

    configuration->packed = false; /* not offered */
    configuration->indirect = vdev_virtio_device_has(device, VIRTIO_RING_F_INDIRECT_DESC);
    configuration->event_index = vdev_virtio_device_has(device, VIRTIO_RING_F_EVENT_IDX);
    if (configuration->size > device->queue_size_maximum) {
        return VDEV_ERROR_INVALID;
    }
    int status = vdev_device_queue_start(&queue->live, device->memory, configuration);
    queue->ready = status == VDEV_OK;
    return status;
}

static void take_back(struct vdev_virtio_device *device, uint16_t number)
{
    struct vdev_virtio_queue *queue = &device->queues[number];

    /* One that was held could not tell of what came back to it. */
    if (!queue->ready && device->running && vdev_device_queue_signal(&queue->live) &&
        device->transport_operations != NULL) {
        device->transport_operations->queue_interrupt(device->transport, number);
    }
    queue->ready = false;
    stop_queue(queue);
}

int vdev_virtio_device_set_queue_ready(struct vdev_virtio_device *device, uint32_t queue,
                                       bool ready)
{
    if (device->busy) {
        return refuse(device, VDEV_ERROR_BUSY);
    }
    if (!ready) {
        if (queue >= device->queue_count) {
            return refuse(device, VDEV_ERROR_STATE);
        }
        if (device->queues[queue].ready || device->queues[queue].live.live) {
            take_back(device, (uint16_t)queue);
        }
        return VDEV_OK;
    }
    if (vdev_virtio_device_queue_setup(device, queue) == NULL) {
        return VDEV_ERROR_STATE;
    }
    int status = make_live(device, &device->queues[queue]);
    if (status != VDEV_OK) {
        /* The driver would wait for this queue in vain: say so as loudly as can be. */
        vdev_virtio_device_fail(device);
    }
    return status;
}

int vdev_virtio_device_start_queue(struct vdev_virtio_device *device, uint32_t queue,
                                   const struct vdev_virtqueue_configuration *configuration)
{
    if (device->busy) {
        return refuse(device, VDEV_ERROR_BUSY);
    }
    if (queue >= device->queue_count || device->queues[queue].ready ||
        device->queues[queue].live.live ||
        (device->status & (VDEV_VIRTIO_STATUS_FEATURES_OK | ENDED_BITS)) !=
            VDEV_VIRTIO_STATUS_FEATURES_OK) {
        return refuse(device, VDEV_ERROR_STATE);
    }
    device->queues[queue].configuration = *configuration;
    int status = make_live(device, &device->queues[queue]);
    if (status != VDEV_OK) {
        return refuse(device, status);
    }
    if (device->running) {
        vdev_virtio_device_notify(device, queue);
    }
    return VDEV_OK;
}

int vdev_virtio_device_hold_queue(struct vdev_virtio_device *device, uint32_t queue)
{
    if (device->busy) {
        return refuse(device, VDEV_ERROR_BUSY);
    }
    if (queue >= device->queue_count || !device->queues[queue].ready ||
        !device->queues[queue].live.live) {
        return refuse(device, VDEV_ERROR_STATE);
    }
    device->queues[queue].ready = false;
    device->queues[queue].deferred = false;
    return VDEV_OK;
}

uint16_t vdev_virtio_device_queue_index(const struct vdev_virtio_device *device, uint32_t queue)
{
    if (queue >= device->queue_count ||
        !(device->queues[queue].ready || device->queues[queue].live.live)) {
        return 0;
    }
    return device->queues[queue].live.next_available;
}

int vdev_virtio_device_notify(struct vdev_virtio_device *device, uint32_t queue)
{
    if (queue >= device->queue_count) {
        return refuse(device, VDEV_ERROR_RANGE);
    }
    if (!device->running || !device->queues[queue].ready) {
        return refuse(device, VDEV_ERROR_STATE);
    }
    if (device->busy) {
        return refuse(device, VDEV_ERROR_BUSY);
    }
    device->busy = true;
    device->operations->notify(device, (uint16_t)queue);
    device->busy = false;
    return VDEV_OK;
}

bool vdev_virtio_device_poll(struct vdev_virtio_device *device)
{
    bool again = false;

    for (unsigned i = 0; i < device->queue_count; i++) {
        if (device->queues[i].deferred && !device->busy) {
            device->queues[i].deferred = false;
            vdev_virtio_device_notify(device, i);
            again |= device->queues[i].deferred;
        }
    }
    return again;
}

/* ---- configuration space ---- */

static int check_configuration(const struct vdev_virtio_device *device, uint32_t offset,
                               unsigned width)
{
    if (width != 1 && width != 2 && width != 4 && width != 8) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    if (offset > device->configuration_length || width > device->configuration_length - offset) {
        return VDEV_ERROR_RANGE;
    }
    return VDEV_OK;
}

int vdev_virtio_device_read_configuration(const struct vdev_virtio_device *device, uint32_t offset,
                                          unsigned width, uint64_t *value)
{
    int status = check_configuration(device, offset, width);

    if (status != VDEV_OK) {
        return status;
    }
    uint64_t result = 0;
    for (unsigned i = width; i-- != 0;) {
        result = result << 8 | device->configuration_space[offset + i];
    }
    *value = result;
    return VDEV_OK;
}

int vdev_virtio_device_write_configuration(struct vdev_virtio_device *device, uint32_t offset,
                                           unsigned width, uint64_t value)
{
    int status = check_configuration(device, offset, width);

    if (status != VDEV_OK) {
        return refuse(device, status);
    }
    if (device->busy) {
        return refuse(device, VDEV_ERROR_BUSY);
    }
    if ((device->status & (VDEV_VIRTIO_STATUS_FEATURES_OK | ENDED_BITS)) !=
        VDEV_VIRTIO_STATUS_FEATURES_OK) {
        return refuse(device, VDEV_ERROR_STATE);
    }
    if (device->operations->write_configuration != NULL) {
        device->busy = true;
        device->operations->write_configuration(device, offset, width, value);
        device->busy = false;
    }
    return VDEV_OK;
}
