/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's end of a bus of messages: takes them to the devices they are for, and events both
 * ways. What a request does is in message_request.c. A message that is malformed, unknown or for
 * nobody is dropped in silence, as the proposal wants it, and counted.
 */
#include "core/mem.h"
#include "transport/message.h"

/* Messages worked through in one call; each is at most one notification of a back-end. */
#define POLL_MESSAGES 16u
#define BUS_ANSWERS   1u

/* ---- events to the driver ---- */

static void queue_interrupt(void *transport, uint16_t queue)
{
    struct vdev_virtio_message_device *device = transport;
    struct vdev_message event = {
        .id = MESSAGE_EVENT_USED, .device = device->number, .size = MESSAGE_SIZE(EVENT_USED_WORDS)};

    event.payload[0] = queue;
    vdev_message_link_event(device->bus->link, &device->events, queue, &event);
}

static void configuration_interrupt(void *transport)
{
    struct vdev_virtio_message_device *device = transport;
    struct vdev_message event = {.id = MESSAGE_EVENT_CONFIG,
                                 .device = device->number,
                                 .size = MESSAGE_SIZE(EVENT_CONFIG_WORDS)};
    uint32_t status = device->device->status;
    uint32_t generation = device->device->configuration_generation;

    /* One that lies unread stands for this one only if it says the same. */
    if (status != device->told_status || generation != device->told_generation) {
        device->events.sent &= ~(1u << MESSAGE_EVENT_OF_CONFIGURATION);
    }
    event.payload[EVENT_CONFIG_STATUS] = status;
    event.payload[EVENT_CONFIG_GENERATION] = generation;
    device->told_status = status;
    device->told_generation = generation;
    vdev_message_link_event(device->bus->link, &device->events, MESSAGE_EVENT_OF_CONFIGURATION,
                            &event);
}

static void reset(void *transport)
{
    struct vdev_virtio_message_device *device = transport;

    device->events.sent = 0;
    device->events.waiting = 0;
}

static const struct vdev_virtio_transport_operations operations = {
    .queue_interrupt = queue_interrupt,
    .configuration_interrupt = configuration_interrupt,
    .reset = reset,
};

static void send_waiting(struct vdev_virtio_message_device *device)
{
    uint32_t waiting = device->events.waiting;

    for (uint16_t queue = 0; queue < VDEV_MESSAGE_QUEUES_MAXIMUM; queue++) {
        if ((waiting >> queue & 1) != 0) {
            queue_interrupt(device, queue);
        }
    }
    if ((waiting >> MESSAGE_EVENT_OF_CONFIGURATION & 1) != 0) {
        configuration_interrupt(device);
    }
}

/* ---- devices ---- */

void vdev_virtio_message_device_bus_init(struct vdev_virtio_message_device_bus *bus,
                                         struct vdev_message_link *link)
{
    *bus = (struct vdev_virtio_message_device_bus){.link = link, .room = BUS_ANSWERS};
}

static struct vdev_virtio_message_device *find(struct vdev_virtio_message_device_bus *bus,
                                               uint16_t number)
{
    if (bus->last != NULL && bus->last->number == number) {
        return bus->last;
    }
    for (struct vdev_virtio_message_device *at = bus->devices; at != NULL; at = at->next) {
        if (at->number == number) {
            bus->last = at;
            return at;
        }
    }
    return NULL;
}

int vdev_virtio_message_device_add(struct vdev_virtio_message_device_bus *bus,
                                   struct vdev_virtio_message_device *message_device,
                                   struct vdev_virtio_device *device, uint16_t number)
{
    if (find(bus, number) != NULL || device->queue_count > VDEV_MESSAGE_QUEUES_MAXIMUM) {
        return VDEV_ERROR_INVALID;
    }
    /* One answer, an event for each queue, and two of the configuration: what the device is and
     * then that it failed. */
    uint32_t room = bus->room + device->queue_count + 3u;
    if (room > bus->link->configuration.capacity) {
        return VDEV_ERROR_FULL;
    }
    bus->room = room;
    *message_device = (struct vdev_virtio_message_device){
        .device = device, .bus = bus, .next = bus->devices, .number = number};
    bus->devices = message_device;
    vdev_virtio_device_connect(device, &operations, message_device);
    return VDEV_OK;
}

/* ---- messages of the bus ---- */

static uint32_t handle_bus(struct vdev_virtio_message_device_bus *bus,
                           const struct vdev_message *request, struct vdev_message *answer)
{
    if (request->id == MESSAGE_BUS_PING && request->size == MESSAGE_SIZE(1)) {
        answer->payload[0] = request->payload[0];
        return 4;
    }
    if (request->id != MESSAGE_BUS_GET_DEVICES || request->size != MESSAGE_SIZE(1)) {
        return MESSAGE_NO_ANSWER;
    }
    /* offset, next offset, count; then a bit for each number. Windows are multiples of 8. */
    uint32_t offset = request->payload[0] & 0xffff;
    uint32_t count = request->payload[0] >> 16;
    const uint32_t most = (MESSAGE_WORDS * 4 - 6) * 8;
    if (offset % 8 != 0 || count % 8 != 0) {
        return MESSAGE_NO_ANSWER;
    }
    count = count > most ? most : count;
    uint32_t next = 0;
    for (struct vdev_virtio_message_device *at = bus->devices; at != NULL; at = at->next) {
        if (at->number >= offset && at->number - offset < count) {
            uint32_t bit = at->number - offset;
            message_put_byte(answer, 6 + bit / 8, (uint8_t)(1u << bit % 8));
        } else if (at->number >= offset + count && (next == 0 || at->number < next)) {
            next = at->number & ~7u;
        }
    }
    answer->payload[0] = offset | next << 16;
    answer->payload[1] |= count;
    return 6 + count / 8;
}

/* ---- the bus ---- */

static void take(struct vdev_virtio_message_device_bus *bus, const struct vdev_message *message)
{
    bool of_bus = (message->type & MESSAGE_TYPE_BUS) != 0;
    struct vdev_virtio_message_device *to = of_bus ? NULL : find(bus, message->device);
    struct vdev_message answer = {.type = message->type | MESSAGE_TYPE_ANSWER,
                                  .id = message->id,
                                  .device = message->device,
                                  .token = message->token};
    uint32_t bytes = MESSAGE_NO_ANSWER;

    /* We ask nothing, so that an answer is to nothing. */
    if ((message->type & MESSAGE_TYPE_ANSWER) == 0) {
        if (of_bus) {
            bytes = handle_bus(bus, message, &answer);
        } else if (to != NULL && message->id == MESSAGE_EVENT_AVAIL &&
                   message->size == MESSAGE_SIZE(EVENT_AVAIL_WORDS)) {
            vdev_virtio_device_notify(to->device, message->payload[0]);
            return;
        } else if (to != NULL) {
            bytes = vdev_message_handle(to->device, message, &answer);
        }
    }
    if (bytes != MESSAGE_NO_ANSWER) {
        answer.size = (uint16_t)(MESSAGE_HEADER_BYTES + bytes);
        if (vdev_message_link_send(bus->link, &answer) == VDEV_OK) {
            return;
        }
    }
    /* Malformed, unknown, for nobody; or from one who does not take his answers. */
    bus->link->ignored++;
}

static void fail_all(struct vdev_virtio_message_device_bus *bus)
{
    for (struct vdev_virtio_message_device *at = bus->devices; at != NULL; at = at->next) {
        if (vdev_virtio_device_enter(at->device)) {
            vdev_virtio_device_fail(at->device);
            vdev_virtio_device_leave(at->device);
        }
    }
}

bool vdev_virtio_message_device_bus_poll(struct vdev_virtio_message_device_bus *bus)
{
    struct vdev_message message;
    bool more = false;

    if (bus->polling) {
        return false;
    }
    bus->polling = true;
    for (unsigned i = 0; i < POLL_MESSAGES; i++) {
        int status = vdev_message_link_receive(bus->link, &message);
        if (status == VDEV_OK) {
            take(bus, &message);
        } else if (status != VDEV_ERROR_INVALID) {
            break;
        }
    }
    for (struct vdev_virtio_message_device *at = bus->devices; at != NULL; at = at->next) {
        more |= vdev_virtio_device_poll(at->device);
        send_waiting(at);
    }
    if (bus->link->error != VDEV_OK) {
        fail_all(bus);
        more = false;
    } else {
        more |= vdev_message_link_arm(bus->link);
    }
    bus->polling = false;
    return more;
}
