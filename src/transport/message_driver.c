/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's end of the message transport: requests that wait for their answers, under a
 * front-end. A wait ends with the answer, with the time that was allowed, or with a latched link;
 * after the latter two the device reads as one that needs a reset.
 */
#include <stddef.h>

#include "core/mem.h"
#include "transport/message.h"

/* Calls of the bus' poll when events are asked for: more than any FIFO holds. */
#define DRAIN_CALLS 64u

static struct vdev_virtio_message_driver *driver_of(struct vdev_virtio_driver *driver)
{
    return (
        struct vdev_virtio_message_driver *)((char *)driver -
                                             offsetof(struct vdev_virtio_message_driver, driver));
}

/* What is kept ends with an event that says it has changed. */
static void received(struct vdev_virtio_message_remote *remote)
{
    struct vdev_virtio_message_driver *driver =
        (struct vdev_virtio_message_driver *)((char *)remote -
                                              offsetof(struct vdev_virtio_message_driver, remote));

    if (remote->configuration) {
        driver->status_known = false;
        driver->length = 0;
    }
}

static bool broken(const struct vdev_virtio_message_driver *driver)
{
    return driver->lost || driver->remote.bus->link->error != VDEV_OK;
}

static int await(struct vdev_virtio_message_driver *driver)
{
    struct vdev_virtio_message_driver_bus *bus = driver->remote.bus;
    uint64_t start = vdev_clock_now(bus->wait.clock);

    while (true) {
        bool more = vdev_virtio_message_driver_bus_poll(bus);
        if (bus->link->error != VDEV_OK) {
            vdev_message_remote_abandon(&driver->remote);
            return bus->link->error;
        }
        if (driver->remote.arrived) {
            return VDEV_OK;
        }
        /* Asked in each round: a peer that sends events without end does not stop the clock. */
        if (vdev_clock_now(bus->wait.clock) - start > bus->wait.nanoseconds) {
            vdev_message_remote_abandon(&driver->remote);
            return VDEV_ERROR_TIMEOUT;
        }
        if (!more && bus->wait.idle != NULL) {
            bus->wait.idle(bus->wait.context);
        }
    }
}

/* The request's payload stands in place; the answer is in remote.answer. */
static int ask(struct vdev_virtio_message_driver *driver, enum message_id id, unsigned words)
{
    if (broken(driver)) {
        return VDEV_ERROR_TIMEOUT;
    }
    int status = vdev_message_remote_request(&driver->remote, id, words);
    if (status == VDEV_OK) {
        status = await(driver);
    }
    driver->lost = status != VDEV_OK;
    return status;
}

/* ---- status and features ---- */

static uint32_t status(struct vdev_virtio_driver *transport)
{
    struct vdev_virtio_message_driver *driver = driver_of(transport);

    vdev_virtio_message_driver_bus_poll(driver->remote.bus);
    if (!broken(driver) && !driver->status_known) {
        if (ask(driver, MESSAGE_GET_DEVICE_STATUS, 0) == VDEV_OK) {
            driver->status = driver->remote.answer.payload[0];
            driver->status_known = !driver->remote.configuration;
        }
    }
    return broken(driver) ? VDEV_VIRTIO_STATUS_NEEDS_RESET : driver->status;
}

static void set_status(struct vdev_virtio_driver *transport, uint32_t value)
{
    struct vdev_virtio_message_driver *driver = driver_of(transport);

    if (value == 0) {
        driver->lost = false; /* it may have come back */
        driver->asked_queue = UINT32_MAX;
        vdev_message_remote_forget(&driver->remote);
    }
    driver->length = 0;
    driver->remote.request.payload[0] = value;
    if (ask(driver, MESSAGE_SET_DEVICE_STATUS, 1) != VDEV_OK) {
        return;
    }
    if (value == 0) {
        /* The events before this answer were sent by the device before it was reset. */
        vdev_message_remote_forget(&driver->remote);
    }
    driver->status = driver->remote.answer.payload[0];
    driver->status_known = !driver->remote.configuration;
}

static uint64_t features(struct vdev_virtio_driver *transport)
{
    struct vdev_virtio_message_driver *driver = driver_of(transport);

    vdev_message_ask_features(&driver->remote.request);
    if (ask(driver, MESSAGE_GET_DEVICE_FEATURES, FEATURES_BITS) != VDEV_OK) {
        return 0;
    }
    return message_get64(&driver->remote.answer, FEATURES_BITS);
}

static void set_features(struct vdev_virtio_driver *transport, uint64_t value)
{
    struct vdev_virtio_message_driver *driver = driver_of(transport);

    vdev_message_set_features(&driver->remote.request, value);
    ask(driver, MESSAGE_SET_DRIVER_FEATURES, FEATURES_BITS + 2);
}

/* ---- queues ---- */

/* The answer stays in remote.answer. */
static int ask_queue(struct vdev_virtio_message_driver *driver, uint16_t queue)
{
    driver->remote.request.payload[VQUEUE_INDEX] = queue;
    int result = ask(driver, MESSAGE_GET_VQUEUE, 1);
    if (result == VDEV_OK) {
        driver->asked_queue = queue;
        driver->asked_enabled = (driver->remote.answer.payload[VQUEUE_FLAGS] & VQUEUE_ENABLED) != 0;
    }
    return result;
}

static uint32_t queue_size_maximum(struct vdev_virtio_driver *transport, uint16_t queue)
{
    struct vdev_virtio_message_driver *driver = driver_of(transport);

    if (queue >= driver->queue_count || ask_queue(driver, queue) != VDEV_OK) {
        return 0;
    }
    return driver->remote.answer.payload[VQUEUE_MAXIMUM];
}

static int start_queue(struct vdev_virtio_driver *transport, uint16_t queue,
                       const struct vdev_virtqueue_configuration *configuration)
{
    struct vdev_virtio_message_driver *driver = driver_of(transport);

    if (queue >= driver->queue_count) {
        return VDEV_ERROR_IO;
    }
    /* Its size was asked for a moment ago, as a rule, and with it whether it is in use. */
    if (driver->asked_queue != queue && ask_queue(driver, queue) != VDEV_OK) {
        return VDEV_ERROR_IO;
    }
    if (driver->asked_enabled) {
        return VDEV_ERROR_STATE;
    }
    vdev_message_set_queue(&driver->remote.request, queue, configuration);
    if (ask(driver, MESSAGE_SET_VQUEUE, VQUEUE_WORDS) != VDEV_OK ||
        ask_queue(driver, queue) != VDEV_OK || !driver->asked_enabled ||
        driver->remote.answer.payload[VQUEUE_SIZE] != configuration->size) {
        return VDEV_ERROR_IO;
    }
    return VDEV_OK;
}

static void notify(struct vdev_virtio_driver *transport, uint16_t queue)
{
    struct vdev_virtio_message_driver *driver = driver_of(transport);

    if (queue < driver->queue_count && !broken(driver)) {
        vdev_message_remote_notify(&driver->remote, queue);
    }
}

/* ---- configuration space ---- */

/* Fetch the window that holds this offset, which is in the space; without one, an empty window of
 * which only the generation counts. */
static int fetch(struct vdev_virtio_message_driver *driver, uint32_t offset)
{
    uint32_t start = offset - offset % MESSAGE_CONFIGURATION_BYTES;
    uint32_t length = driver->configuration_length - start;

    if (length > MESSAGE_CONFIGURATION_BYTES) {
        length = MESSAGE_CONFIGURATION_BYTES;
    }
    driver->length = 0;
    driver->remote.request.payload[GET_CONFIG_OFFSET] = start;
    driver->remote.request.payload[GET_CONFIG_LENGTH] = length;
    int result = ask(driver, MESSAGE_GET_CONFIG, 2);
    if (result != VDEV_OK) {
        return result;
    }
    const uint32_t *said = driver->remote.answer.payload;
    driver->generation = said[CONFIG_GENERATION];
    driver->offset = start;
    memcpy(driver->window, &said[CONFIG_DATA], sizeof driver->window);
    if (!driver->remote.configuration) {
        driver->length = said[CONFIG_LENGTH];
    }
    return said[CONFIG_LENGTH] == length ? VDEV_OK : VDEV_ERROR_RANGE;
}

static uint32_t read_configuration(struct vdev_virtio_driver *transport, uint32_t offset,
                                   unsigned width)
{
    struct vdev_virtio_message_driver *driver = driver_of(transport);

    if (width > driver->configuration_length || offset > driver->configuration_length - width) {
        return 0;
    }
    if ((driver->length == 0 || offset < driver->offset ||
         offset - driver->offset + width > driver->length) &&
        fetch(driver, offset) != VDEV_OK) {
        return 0;
    }
    uint32_t at = offset - driver->offset;
    uint64_t words = driver->window[at / 4];
    return (uint32_t)(words >> (at % 4 * 8)) & (uint32_t)((1ull << (8 * width)) - 1);
}

static uint32_t configuration_generation(struct vdev_virtio_driver *transport)
{
    struct vdev_virtio_message_driver *driver = driver_of(transport);

    vdev_virtio_message_driver_bus_poll(driver->remote.bus);
    if (driver->length == 0) {
        fetch(driver, 0);
    }
    return driver->generation;
}

static uint32_t take_interrupt(struct vdev_virtio_driver *transport)
{
    struct vdev_virtio_message_driver *driver = driver_of(transport);
    struct vdev_virtio_message_remote *remote = &driver->remote;
    uint32_t causes = 0;

    for (unsigned i = 0; i < DRAIN_CALLS && vdev_virtio_message_driver_bus_poll(remote->bus); i++) {
    }
    if (remote->used != 0) {
        causes |= VDEV_VIRTIO_INTERRUPT_QUEUE;
    }
    if (remote->configuration || broken(driver)) {
        causes |= VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    }
    remote->used = 0;
    remote->configuration = false;
    return causes;
}

static const struct vdev_virtio_driver_operations operations = {
    .status = status,
    .set_status = set_status,
    .features = features,
    .set_features = set_features,
    .queue_size_maximum = queue_size_maximum,
    .start_queue = start_queue,
    .notify = notify,
    .read_configuration = read_configuration,
    .configuration_generation = configuration_generation,
    .take_interrupt = take_interrupt,
};

int vdev_virtio_message_driver_init(struct vdev_virtio_message_driver *driver,
                                    struct vdev_virtio_message_driver_bus *bus, uint16_t number)
{
    int result = vdev_message_remote_add(&driver->remote, bus, number);

    if (result != VDEV_OK) {
        return result;
    }
    driver->remote.received = received;
    driver->lost = false;
    driver->status_known = false;
    driver->length = 0;
    driver->generation = 0;
    driver->asked_queue = UINT32_MAX;
    result = ask(driver, MESSAGE_GET_DEVICE_INFO, 0);
    if (result != VDEV_OK) {
        return bus->link->error != VDEV_OK ? bus->link->error : result;
    }
    const uint32_t *said = driver->remote.answer.payload;
    driver->driver.operations = &operations;
    driver->driver.id = said[INFO_DEVICE_ID];
    driver->configuration_length = said[INFO_CONFIGURATION_LENGTH];
    driver->queue_count = said[INFO_QUEUE_COUNT];
    if (driver->driver.id == 0) {
        return VDEV_ERROR_ABSENT;
    }
    return driver->queue_count > VDEV_MESSAGE_QUEUES_MAXIMUM ? VDEV_ERROR_UNSUPPORTED : VDEV_OK;
}
