/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of a bus, below the driver's end and the bridge: requests, their answers, and
 * events. Of the device's side nothing is believed: an answer must be to a request that was made,
 * not yet answered, of the right kind and size, about what was asked; whatever else calls itself an
 * answer latches the link. Requests given up on may still be answered, once: their answers are
 * dropped.
 */
#include "core/mem.h"
#include "transport/message.h"

/* Messages received in one call. */
#define POLL_MESSAGES 32u

void vdev_virtio_message_driver_bus_init(struct vdev_virtio_message_driver_bus *bus,
                                         struct vdev_message_link *link,
                                         const struct vdev_virtio_message_wait *wait)
{
    *bus = (struct vdev_virtio_message_driver_bus){.link = link, .wait = *wait};
}

static struct vdev_virtio_message_remote *find(struct vdev_virtio_message_driver_bus *bus,
                                               uint16_t number)
{
    if (bus->last != NULL && bus->last->number == number) {
        return bus->last;
    }
    for (struct vdev_virtio_message_remote *at = bus->remotes; at != NULL; at = at->next) {
        if (at->number == number) {
            bus->last = at;
            return at;
        }
    }
    return NULL;
}

int vdev_message_remote_add(struct vdev_virtio_message_remote *remote,
                            struct vdev_virtio_message_driver_bus *bus, uint16_t number)
{
    struct vdev_virtio_message_remote *there = find(bus, number);

    if (there == remote) {
        vdev_message_remote_abandon(remote); /* asked anew: what was asked before may be answered */
        vdev_message_remote_forget(remote);
        return VDEV_OK;
    }
    if (there != NULL) {
        return VDEV_ERROR_INVALID;
    }
    memset(remote, 0, sizeof *remote);
    remote->bus = bus;
    remote->number = number;
    remote->next = bus->remotes;
    bus->remotes = remote;
    return VDEV_OK;
}

/* ---- requests ---- */

int vdev_message_remote_request_bytes(struct vdev_virtio_message_remote *remote, enum message_id id,
                                      unsigned bytes)
{
    struct vdev_message *request = &remote->request;

    request->type = 0;
    request->id = (uint8_t)id;
    request->device = remote->number;
    request->token = remote->sent;
    request->size = (uint16_t)(MESSAGE_HEADER_BYTES + bytes);
    int status = vdev_message_link_send(remote->bus->link, request);
    if (status == VDEV_OK) {
        remote->sent++;
        remote->bus->requests++;
        remote->waiting = true;
        remote->arrived = false;
    }
    return status;
}

void vdev_message_remote_abandon(struct vdev_virtio_message_remote *remote)
{
    if (remote->waiting) {
        remote->waiting = false;
        remote->bus->timeouts++;
    }
}

void vdev_message_remote_notify(struct vdev_virtio_message_remote *remote, uint16_t queue)
{
    struct vdev_message event = {.id = MESSAGE_EVENT_AVAIL,
                                 .device = remote->number,
                                 .size = MESSAGE_SIZE(EVENT_AVAIL_WORDS)};

    event.payload[0] = queue;
    vdev_message_link_event(remote->bus->link, &remote->events, queue, &event);
}

void vdev_message_remote_forget(struct vdev_virtio_message_remote *remote)
{
    remote->events.sent = 0;
    remote->events.waiting = 0;
    remote->used = 0;
    remote->configuration = false;
}

void vdev_message_ask_features(struct vdev_message *request)
{
    request->payload[FEATURES_BLOCK] = 0;
    request->payload[FEATURES_COUNT] = 2;
}

void vdev_message_set_features(struct vdev_message *request, uint64_t features)
{
    vdev_message_ask_features(request);
    message_put64(request, FEATURES_BITS, features);
}

void vdev_message_set_queue(struct vdev_message *request, uint32_t index,
                            const struct vdev_virtqueue_configuration *configuration)
{
    request->payload[VQUEUE_INDEX] = index;
    request->payload[VQUEUE_SET_FLAGS] = VQUEUE_STATE_ENABLE;
    request->payload[VQUEUE_SIZE] = configuration->size;
    request->payload[VQUEUE_RESERVED] = 0;
    message_put64(request, VQUEUE_DESCRIPTORS, configuration->descriptor_address);
    message_put64(request, VQUEUE_DRIVER, configuration->driver_address);
    message_put64(request, VQUEUE_DEVICE, configuration->device_address);
}

/* ---- what comes back ---- */

/* Does an answer's length agree with the bytes it says it carries, and these with the question? */
static bool carries(const struct vdev_message *answer, uint32_t asked_offset, uint32_t asked_length)
{
    uint32_t length = answer->payload[CONFIG_LENGTH];

    return answer->size >= MESSAGE_SIZE(CONFIG_DATA) &&
           answer->payload[CONFIG_OFFSET] == asked_offset &&
           (length == asked_length || length == 0);
}

static bool fits(const struct vdev_message *request, const struct vdev_message *answer)
{
    const uint32_t *asked = request->payload;
    const uint32_t *said = answer->payload;

    if (answer->id != request->id) {
        return false;
    }
    switch (request->id) {
    case MESSAGE_GET_DEVICE_INFO:
        return answer->size == MESSAGE_SIZE(INFO_WORDS);
    case MESSAGE_GET_DEVICE_FEATURES:
        return answer->size == MESSAGE_SIZE(FEATURES_BITS + asked[FEATURES_COUNT]) &&
               said[FEATURES_BLOCK] == asked[FEATURES_BLOCK] &&
               said[FEATURES_COUNT] == asked[FEATURES_COUNT];
    case MESSAGE_GET_CONFIG:
        return carries(answer, asked[GET_CONFIG_OFFSET], asked[GET_CONFIG_LENGTH]) &&
               answer->size == MESSAGE_SIZE(CONFIG_DATA) + said[CONFIG_LENGTH];
    case MESSAGE_SET_CONFIG: /* the data may come back, or not */
        return carries(answer, asked[CONFIG_OFFSET], asked[CONFIG_LENGTH]) &&
               (answer->size == MESSAGE_SIZE(CONFIG_DATA) ||
                answer->size == MESSAGE_SIZE(CONFIG_DATA) + said[CONFIG_LENGTH]);
    case MESSAGE_GET_DEVICE_STATUS:
    case MESSAGE_SET_DEVICE_STATUS:
        return answer->size == MESSAGE_SIZE(1);
    case MESSAGE_GET_VQUEUE:
        return answer->size == MESSAGE_SIZE(VQUEUE_WORDS) &&
               said[VQUEUE_INDEX] == asked[VQUEUE_INDEX];
    default: /* SET_DRIVER_FEATURES, SET_VQUEUE, RESET_VQUEUE */
        return answer->size == MESSAGE_HEADER_BYTES;
    }
}

/* False: it is no answer to anything. */
static bool take_answer(struct vdev_virtio_message_remote *remote,
                        const struct vdev_message *message)
{
    if (remote == NULL || (uint16_t)(message->token - remote->answered) >=
                              (uint16_t)(remote->sent - remote->answered)) {
        return false;
    }
    /* Answers keep the order of requests: those before this one will not come any more. */
    remote->answered = (uint16_t)(message->token + 1u);
    if (!remote->waiting || message->token != remote->request.token) {
        remote->bus->link->late++;
        return true;
    }
    if (!fits(&remote->request, message)) {
        return false;
    }
    remote->answer = *message;
    remote->waiting = false;
    remote->arrived = true;
    return true;
}

static bool take_event(struct vdev_virtio_message_remote *remote,
                       const struct vdev_message *message)
{
    if (remote == NULL) {
        return false;
    }
    if (message->id == MESSAGE_EVENT_USED && message->size == MESSAGE_SIZE(EVENT_USED_WORDS) &&
        message->payload[0] < VDEV_MESSAGE_QUEUES_MAXIMUM) {
        remote->used |= 1u << message->payload[0];
        return true;
    }
    /* It may carry a piece of the configuration, which we ask for ourselves when we want it. */
    if (message->id == MESSAGE_EVENT_CONFIG && message->size >= MESSAGE_SIZE(EVENT_CONFIG_WORDS)) {
        remote->configuration = true;
        return true;
    }
    return false;
}

static void tell_all(struct vdev_virtio_message_driver_bus *bus)
{
    for (struct vdev_virtio_message_remote *at = bus->remotes; at != NULL; at = at->next) {
        if (at->received != NULL) {
            at->received(at);
        }
    }
}

static void take(struct vdev_virtio_message_driver_bus *bus, const struct vdev_message *message)
{
    struct vdev_virtio_message_remote *remote =
        (message->type & MESSAGE_TYPE_BUS) == 0 ? find(bus, message->device) : NULL;

    if ((message->type & MESSAGE_TYPE_ANSWER) != 0) {
        if (!take_answer(remote, message)) {
            vdev_message_link_latch(bus->link);
            return;
        }
    } else if (!take_event(remote, message)) {
        bus->link->ignored++;
        return;
    }
    if (remote->received != NULL) {
        remote->received(remote);
    }
}

/* Events that found no room when they were due. */
static void send_waiting(struct vdev_virtio_message_driver_bus *bus)
{
    for (struct vdev_virtio_message_remote *at = bus->remotes; at != NULL; at = at->next) {
        for (uint16_t queue = 0; at->events.waiting >> queue != 0; queue++) {
            if ((at->events.waiting >> queue & 1) != 0) {
                vdev_message_remote_notify(at, queue);
            }
        }
    }
}

bool vdev_virtio_message_driver_bus_poll(struct vdev_virtio_message_driver_bus *bus)
{
    bool was_latched = bus->link->error != VDEV_OK;
    struct vdev_message message;

    for (unsigned i = 0; i < POLL_MESSAGES; i++) {
        int status = vdev_message_link_receive(bus->link, &message);
        if (status == VDEV_OK) {
            take(bus, &message);
        } else if (status != VDEV_ERROR_INVALID) {
            break;
        }
    }
    send_waiting(bus);
    if (bus->link->error != VDEV_OK && !was_latched) {
        tell_all(bus);
    }
    return vdev_message_link_arm(bus->link);
}
