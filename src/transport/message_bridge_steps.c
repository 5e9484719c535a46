/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bridge's conversation with the device: which request follows on which answer. Knows of
 * registers only what was written to them. Every way through the steps ends: at STEP_NONE, or in
 * failure when the device has used up the time it has for all of them, or says what cannot be.
 */
#include <stddef.h>

#include "core/mem.h"
#include "transport/message.h"
#include "transport/message_bridge.h"

/* A configuration that changes while it is read, so often in a row, is not a configuration. */
#define CONFIGURATION_TRIES 8u

void vdev_message_bridge_raise(struct vdev_virtio_message_bridge *bridge, uint32_t cause)
{
    bridge->interrupt_status |= cause;
    vdev_interrupt_set(&bridge->line, true);
}

void vdev_message_bridge_fail(struct vdev_virtio_message_bridge *bridge)
{
    bool before = bridge->failed;

    vdev_message_remote_abandon(&bridge->remote);
    bridge->step = STEP_NONE;
    bridge->done = bridge->asking;
    bridge->failed = true;
    bridge->changed = false;
    bridge->announce = false;
    bridge->status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
    if (!bridge->known) {
        bridge->id = 0; /* nothing to drive */
    }
    if (!before && (bridge->status & VDEV_VIRTIO_STATUS_DRIVER_OK) != 0) {
        vdev_message_bridge_raise(bridge, VDEV_VIRTIO_INTERRUPT_CONFIGURATION);
    }
}

/* ---- requests ---- */

static uint32_t piece(const struct vdev_virtio_message_bridge *bridge)
{
    uint32_t left = bridge->configuration_length - bridge->position;

    return left < MESSAGE_CONFIGURATION_BYTES ? left : MESSAGE_CONFIGURATION_BYTES;
}

static int ask_features(struct vdev_virtio_message_bridge *bridge)
{
    struct vdev_message *request = &bridge->remote.request;

    vdev_message_set_features(request, bridge->accepted);
    if (bridge->unacceptable) { /* the device refuses them, not we */
        request->payload[FEATURES_COUNT] = 3;
        request->payload[FEATURES_BITS + 2] = 1;
    }
    return vdev_message_remote_request(&bridge->remote, MESSAGE_SET_DRIVER_FEATURES,
                                       FEATURES_BITS + request->payload[FEATURES_COUNT]);
}

static int ask_write(struct vdev_virtio_message_bridge *bridge)
{
    struct vdev_message *request = &bridge->remote.request;
    const struct vdev_access *access = &bridge->asked;

    request->payload[CONFIG_GENERATION] = 0; /* no strict generations */
    request->payload[CONFIG_OFFSET] = bridge->position;
    request->payload[CONFIG_LENGTH] = access->width;
    message_put64(request, CONFIG_DATA, access->value);
    return vdev_message_remote_request_bytes(&bridge->remote, MESSAGE_SET_CONFIG,
                                             CONFIG_DATA * 4 + access->width);
}

static void proceed(struct vdev_virtio_message_bridge *bridge, enum bridge_step step,
                    uint32_t position)
{
    struct vdev_virtio_message_remote *remote = &bridge->remote;
    uint32_t *asked = remote->request.payload;
    int status;

    bridge->step = step;
    bridge->position = position;
    switch (step) {
    case STEP_INFORMATION:
        status = vdev_message_remote_request(remote, MESSAGE_GET_DEVICE_INFO, 0);
        break;
    case STEP_FEATURES:
        vdev_message_ask_features(&remote->request);
        status = vdev_message_remote_request(remote, MESSAGE_GET_DEVICE_FEATURES, FEATURES_BITS);
        break;
    case STEP_CONFIGURATION:
        asked[GET_CONFIG_OFFSET] = position;
        asked[GET_CONFIG_LENGTH] = piece(bridge);
        status = vdev_message_remote_request(remote, MESSAGE_GET_CONFIG, 2);
        break;
    case STEP_GET_STATUS:
        status = vdev_message_remote_request(remote, MESSAGE_GET_DEVICE_STATUS, 0);
        break;
    case STEP_ACCEPT:
        status = ask_features(bridge);
        break;
    case STEP_STATUS:
        asked[0] = (uint32_t)bridge->asked.value;
        status = vdev_message_remote_request(remote, MESSAGE_SET_DEVICE_STATUS, 1);
        break;
    case STEP_SET_QUEUE:
        vdev_message_set_queue(&remote->request, position, &bridge->queues[position].configuration);
        status = vdev_message_remote_request(remote, MESSAGE_SET_VQUEUE, VQUEUE_WORDS);
        break;
    case STEP_QUEUES:
    case STEP_CHECK_QUEUE:
        asked[VQUEUE_INDEX] = position;
        status = vdev_message_remote_request(remote, MESSAGE_GET_VQUEUE, 1);
        break;
    case STEP_RESET_QUEUE:
        asked[VQUEUE_INDEX] = position;
        status = vdev_message_remote_request(remote, MESSAGE_RESET_VQUEUE, 1);
        break;
    default: /* STEP_WRITE_CONFIGURATION */
        status = ask_write(bridge);
        break;
    }
    if (status != VDEV_OK) {
        vdev_message_bridge_fail(bridge);
    }
}

void vdev_message_bridge_start(struct vdev_virtio_message_bridge *bridge, enum bridge_step step,
                               uint32_t position)
{
    const struct vdev_virtio_message_wait *wait = &bridge->remote.bus->wait;

    bridge->deadline = vdev_clock_now(wait->clock) + wait->nanoseconds;
    bridge->tries = 0;
    proceed(bridge, step, position);
}

void vdev_message_bridge_look(struct vdev_virtio_message_bridge *bridge)
{
    /* Whoever was told to come again goes first: a device that sends events without end does not
     * keep the guest waiting. */
    if (bridge->changed && bridge->step == STEP_NONE && !bridge->put_off && !bridge->failed) {
        bridge->changed = false;
        bridge->announce = true;
        vdev_message_bridge_start(bridge, STEP_GET_STATUS, 0);
    }
}

/* ---- answers ---- */

static void finish(struct vdev_virtio_message_bridge *bridge)
{
    bridge->step = STEP_NONE;
    bridge->known = true;
    bridge->done = bridge->asking;
    if (bridge->announce) {
        bridge->announce = false;
        vdev_message_bridge_raise(bridge, VDEV_VIRTIO_INTERRUPT_CONFIGURATION);
    }
    vdev_message_bridge_look(bridge);
}

static void take_information(struct vdev_virtio_message_bridge *bridge, const uint32_t *said)
{
    if (said[INFO_QUEUE_COUNT] > VDEV_MESSAGE_QUEUES_MAXIMUM ||
        said[INFO_CONFIGURATION_LENGTH] > VDEV_MESSAGE_BRIDGE_CONFIGURATION) {
        vdev_message_bridge_fail(bridge); /* more than there is room for */
        return;
    }
    bridge->id = said[INFO_DEVICE_ID];
    bridge->queue_count = said[INFO_QUEUE_COUNT];
    bridge->configuration_length = said[INFO_CONFIGURATION_LENGTH];
    proceed(bridge, STEP_FEATURES, 0);
}

static void take_queue(struct vdev_virtio_message_bridge *bridge, const uint32_t *said)
{
    uint32_t maximum = said[VQUEUE_MAXIMUM];

    if (bridge->position < bridge->queue_count) {
        bridge->queues[bridge->position].size_maximum =
            (uint16_t)(maximum < VDEV_VIRTQUEUE_SIZE_MAXIMUM ? maximum
                                                             : VDEV_VIRTQUEUE_SIZE_MAXIMUM);
    }
    if (bridge->position + 1 < bridge->queue_count) {
        proceed(bridge, STEP_QUEUES, bridge->position + 1);
    } else {
        proceed(bridge, STEP_CONFIGURATION, 0);
    }
}

static void take_configuration(struct vdev_virtio_message_bridge *bridge,
                               const struct vdev_message *answer)
{
    uint32_t generation = answer->payload[CONFIG_GENERATION];
    uint32_t length = answer->payload[CONFIG_LENGTH];

    if (length != piece(bridge)) {
        vdev_message_bridge_fail(bridge); /* it has less than it says */
        return;
    }
    if (bridge->position == 0) {
        bridge->fetching_generation = generation;
    } else if (generation != bridge->fetching_generation) {
        if (++bridge->tries == CONFIGURATION_TRIES) {
            vdev_message_bridge_fail(bridge);
        } else {
            proceed(bridge, STEP_CONFIGURATION, 0);
        }
        return;
    }
    for (uint32_t i = 0; i < length; i++) {
        bridge->configuration[bridge->position + i] = message_get_byte(answer, CONFIG_DATA * 4 + i);
    }
    if (bridge->position + length < bridge->configuration_length) {
        proceed(bridge, STEP_CONFIGURATION, bridge->position + length);
        return;
    }
    if (generation != bridge->generation) {
        bridge->generation = generation;
        /* Before DRIVER_OK no event tells of a change; the driver may have read what was. */
        bridge->announce |= (bridge->status & VDEV_VIRTIO_STATUS_DRIVER_OK) != 0;
    }
    finish(bridge);
}

static void forget(struct vdev_virtio_message_bridge *bridge)
{
    vdev_message_remote_forget(&bridge->remote);
    for (unsigned i = 0; i < VDEV_MESSAGE_QUEUES_MAXIMUM; i++) {
        bridge->queues[i].ready = false;
        memset(&bridge->queues[i].configuration, 0, sizeof bridge->queues[i].configuration);
    }
    memset(&bridge->mourning, 0, sizeof bridge->mourning);
    bridge->accepted = 0;
    bridge->unacceptable = false;
    bridge->failed = false;
    bridge->changed = false;
    bridge->device_features_select = 0;
    bridge->driver_features_select = 0;
    bridge->queue_select = 0;
    bridge->interrupt_status = 0;
    vdev_interrupt_set(&bridge->line, false);
}

static void take_status(struct vdev_virtio_message_bridge *bridge, uint32_t status)
{
    uint32_t wanted = (uint32_t)bridge->asked.value;
    uint32_t before = bridge->status;

    if (wanted == 0) {
        if (status != 0) {
            vdev_message_bridge_fail(bridge); /* it may still use the memory it was given */
            return;
        }
        forget(bridge);
    }
    bridge->status = status;
    if (wanted == 0 || (wanted & ~before & VDEV_VIRTIO_STATUS_DRIVER_OK) != 0) {
        proceed(bridge, STEP_CONFIGURATION, 0);
    } else {
        finish(bridge);
    }
}

static void advance(struct vdev_virtio_message_bridge *bridge)
{
    const struct vdev_message *answer = &bridge->remote.answer;
    const uint32_t *said = answer->payload;

    switch (bridge->step) {
    case STEP_INFORMATION:
        take_information(bridge, said);
        break;
    case STEP_FEATURES:
        bridge->offered = message_get64(answer, FEATURES_BITS);
        proceed(bridge, STEP_QUEUES, 0);
        break;
    case STEP_QUEUES:
        take_queue(bridge, said);
        break;
    case STEP_CONFIGURATION:
        take_configuration(bridge, answer);
        break;
    case STEP_GET_STATUS:
        bridge->status = said[0] & 0xff;
        proceed(bridge, STEP_CONFIGURATION, 0);
        break;
    case STEP_ACCEPT:
        proceed(bridge, STEP_STATUS, 0);
        break;
    case STEP_STATUS:
        take_status(bridge, said[0] & 0xff);
        break;
    case STEP_SET_QUEUE:
        proceed(bridge, STEP_CHECK_QUEUE, bridge->position);
        break;
    case STEP_CHECK_QUEUE:
        if ((said[VQUEUE_FLAGS] & VQUEUE_ENABLED) == 0) {
            vdev_message_bridge_fail(bridge); /* the driver would wait for this queue in vain */
            break;
        }
        bridge->queues[bridge->position].ready = true;
        finish(bridge);
        break;
    case STEP_RESET_QUEUE:
        bridge->queues[bridge->position].ready = false;
        finish(bridge);
        break;
    case STEP_WRITE_CONFIGURATION:
        bridge->refused += said[CONFIG_LENGTH] == 0;
        proceed(bridge, STEP_CONFIGURATION, 0);
        break;
    default:
        break;
    }
}

/* An answer or an event came, or the link was latched. */
static void received(struct vdev_virtio_message_remote *remote)
{
    struct vdev_virtio_message_bridge *bridge =
        (struct vdev_virtio_message_bridge *)((char *)remote -
                                              offsetof(struct vdev_virtio_message_bridge, remote));

    if (remote->bus->link->error != VDEV_OK) {
        if (!bridge->failed || bridge->step != STEP_NONE) {
            vdev_message_bridge_fail(bridge);
        }
        return;
    }
    if (remote->arrived) {
        remote->arrived = false;
        advance(bridge);
    }
    if (remote->used != 0) {
        remote->used = 0;
        if (!bridge->failed) {
            vdev_message_bridge_raise(bridge, VDEV_VIRTIO_INTERRUPT_QUEUE);
        }
    }
    if (remote->configuration) {
        remote->configuration = false;
        bridge->changed = true;
        vdev_message_bridge_look(bridge);
    }
}

int vdev_virtio_message_bridge_init(struct vdev_virtio_message_bridge *bridge,
                                    struct vdev_virtio_message_driver_bus *bus, uint16_t number,
                                    struct vdev_interrupt_line line)
{
    memset(bridge, 0, sizeof *bridge);
    int status = vdev_message_remote_add(&bridge->remote, bus, number);
    if (status != VDEV_OK) {
        return status;
    }
    bridge->line = line;
    bridge->remote.received = received;
    vdev_message_bridge_start(bridge, STEP_INFORMATION, 0);
    return VDEV_OK;
}

bool vdev_virtio_message_bridge_poll(struct vdev_virtio_message_bridge *bridge)
{
    const struct vdev_virtio_message_driver_bus *bus = bridge->remote.bus;

    if (bus->link->error != VDEV_OK
            ? !bridge->failed || bridge->step != STEP_NONE
            : bridge->step != STEP_NONE && vdev_clock_now(bus->wait.clock) > bridge->deadline) {
        vdev_message_bridge_fail(bridge);
    }
    vdev_message_bridge_look(bridge);
    return bridge->done || bridge->step == STEP_NONE;
}
