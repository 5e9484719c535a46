/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of the guest's requests when the device behind the bridge is gone: the bridge takes
 * the rings over and completes everything with an error. It knows of the device types only how each
 * says "no". The conversation with the device is over by then.
 *
 * Three things are to do, in this order: take a ring over; complete what was in flight in it; serve
 * what was made available since. Each call does a bounded part of one. While something is left, the
 * used buffer interrupt is raised, even if there is nothing new for the driver to see: it answers
 * with InterruptACK, and that is the next call. So nobody else needs to remember.
 */
#include <stddef.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "core/mem.h"
#include "ring/split_adopt.h"
#include "transport/message.h"
#include "transport/message_bridge.h"
#include "virtio/virtio_1_4.h"

#define REQUESTS 8u /* completed in one call */

/* VIRTIO_F_IN_ORDER, which the UAPI headers have under this name only since lately. */
#define IN_ORDER 35

_Static_assert(VDEV_MESSAGE_QUEUES_MAXIMUM <= 32, "a bit for each queue");

/* How a queue's requests end. */
enum ending {
    NEVER,           /* the device fills them when something comes: nothing does */
    NOTHING_WRITTEN, /* they are only read */
    STATUS_LAST,     /* a byte at the end of what may be written */
    STATUS_FIRST,    /* a byte at its beginning */
};

static bool accepted(const struct vdev_virtio_message_bridge *bridge, unsigned feature)
{
    return (bridge->accepted >> feature & 1) != 0;
}

/* [VIRTIO 1.4 §5.1.2] The control queue comes after all pairs, if there are several. */
static uint32_t control_queue(const struct vdev_virtio_message_bridge *bridge)
{
    const size_t at = offsetof(struct virtio_net_config, max_virtqueue_pairs);

    if (!accepted(bridge, VIRTIO_NET_F_CTRL_VQ)) {
        return UINT32_MAX;
    }
    return accepted(bridge, VIRTIO_NET_F_MQ) || accepted(bridge, VIRTIO_NET_F_RSS)
               ? 2 * virtio_load_le16(bridge->configuration + at)
               : 2;
}

static enum ending ending_of(const struct vdev_virtio_message_bridge *bridge, uint32_t queue)
{
    switch (bridge->id) {
    case VDEV_VIRTIO_ID_BLOCK:
        return STATUS_LAST;
    case VDEV_VIRTIO_ID_NET:
        if (queue == control_queue(bridge)) {
            return STATUS_FIRST;
        }
        return queue % 2 == 1 ? NOTHING_WRITTEN : NEVER;
    case VDEV_VIRTIO_ID_CONSOLE: /* [VIRTIO 1.4 §5.3.2] pairs, the control queues' among them */
        return queue % 2 == 1 ? NOTHING_WRITTEN : NEVER;
    default:
        return NEVER;
    }
}

/* ---- one request ---- */

/* Say no; the bytes that are said to be written. 0 too where there is no room for a status. */
static uint32_t refuse(enum ending ending, const struct vdev_chain *chain)
{
    const struct vdev_buffer *first = &chain->buffers[chain->readable_count];

    if (ending == NOTHING_WRITTEN || chain->writable_count == 0) {
        return 0;
    }
    /* No buffer of a chain is empty. */
    if (ending == STATUS_LAST) {
        const struct vdev_buffer *last = first + (chain->writable_count - 1);
        ((volatile uint8_t *)last->pointer)[last->length - 1] = VIRTIO_BLK_S_IOERR;
    } else {
        *(volatile uint8_t *)first->pointer = VIRTIO_NET_ERR;
    }
    return 1;
}

static void complete(struct vdev_virtio_message_bridge *bridge, uint16_t queue,
                     const struct vdev_chain *chain)
{
    vdev_device_queue_give(&bridge->mourning.queues[queue], chain->id,
                           refuse(ending_of(bridge, queue), chain));
    bridge->mourned++;
}

static bool handle(void *device, struct vdev_chain *chain)
{
    struct vdev_virtio_message_bridge *bridge = device;

    complete(bridge, bridge->mourning.served, chain);
    return true;
}

static struct vdev_chain room(const struct vdev_virtio_message_bridge *bridge)
{
    return (struct vdev_chain){.buffers = bridge->mourning.buffers,
                               .capacity = bridge->mourning.buffer_count};
}

/* ---- one queue ---- */

static void lose(struct vdev_virtio_message_bridge *bridge, uint16_t queue)
{
    struct vdev_virtio_message_bridge_mourning *mourning = &bridge->mourning;

    vdev_device_queue_stop(&mourning->queues[queue]);
    mourning->to_adopt &= ~(1u << queue);
    mourning->adopted &= ~(1u << queue);
    mourning->notified &= ~(1u << queue);
    mourning->lost |= 1u << queue;
    if (mourning->in_flight_queue == queue) {
        memset(&mourning->adoption, 0, sizeof mourning->adoption);
    }
}

static void adopt(struct vdev_virtio_message_bridge *bridge, uint16_t queue)
{
    struct vdev_virtio_message_bridge_mourning *mourning = &bridge->mourning;
    struct vdev_virtqueue_configuration configuration = bridge->queues[queue].configuration;
    int status = VDEV_ERROR_UNSUPPORTED;
    unsigned untold = 0;

    mourning->in_flight_queue = queue;
    configuration.packed = accepted(bridge, VIRTIO_F_RING_PACKED);
    configuration.indirect = accepted(bridge, VIRTIO_RING_F_INDIRECT_DESC);
    configuration.event_index = accepted(bridge, VIRTIO_RING_F_EVENT_IDX);
    configuration.start_index = 0;
    /* No chain has more descriptors than its queue: none fails for want of room. */
    if (configuration.size <= mourning->buffer_count && !accepted(bridge, IN_ORDER)) {
        status = vdev_ring_adopt(&mourning->adoption, &mourning->queues[queue], mourning->memory,
                                 &configuration, &untold);
    }
    if (status == VDEV_ERROR_AGAIN) {
        return;
    }
    mourning->adoption.step = 0; /* for the next one */
    mourning->adoption.restarts = 0;
    if (status != VDEV_OK) {
        lose(bridge, queue);
        return;
    }
    bridge->untold += untold;
    mourning->to_adopt &= ~(1u << queue);
    mourning->adopted |= 1u << queue;
    mourning->notified |= 1u << queue; /* what came since, and ask to be told of what comes */
}

/* Complete what is in flight in the queue adopted last. False: nothing is. */
static bool complete_in_flight(struct vdev_virtio_message_bridge *bridge)
{
    struct vdev_virtio_message_bridge_mourning *mourning = &bridge->mourning;
    uint16_t current = mourning->in_flight_queue;
    struct vdev_chain chain = room(bridge);
    unsigned done = 0;

    for (unsigned word = 0; word < VDEV_MESSAGE_BRIDGE_MOURNED / 32; word++) {
        for (; mourning->adoption.in_flight[word] != 0; done++) {
            if (done == REQUESTS) {
                return true;
            }
            uint16_t head =
                (uint16_t)(word * 32 + (unsigned)__builtin_ctz(mourning->adoption.in_flight[word]));
            int status = vdev_ring_chain_of(&mourning->queues[current], &chain, head);
            if (status == VDEV_ERROR_CORRUPT) {
                lose(bridge, current);
                return true;
            }
            mourning->adoption.in_flight[word] &= mourning->adoption.in_flight[word] - 1;
            if (status == VDEV_OK) {
                complete(bridge, current, &chain);
            } else {
                vdev_device_queue_refuse(&mourning->queues[current], head);
            }
        }
    }
    return done != 0;
}

static void serve(struct vdev_virtio_message_bridge *bridge, uint16_t queue)
{
    struct vdev_virtio_message_bridge_mourning *mourning = &bridge->mourning;
    struct vdev_chain chain = room(bridge);
    bool more;

    mourning->served = queue;
    if (vdev_device_queue_run(&mourning->queues[queue], &chain, REQUESTS, handle, bridge, &more) !=
        VDEV_OK) {
        lose(bridge, queue);
    } else if (!more) {
        mourning->notified &= ~(1u << queue);
    }
}

/* ---- all of them ---- */

static bool is_busy(const struct vdev_virtio_message_bridge_mourning *mourning)
{
    uint32_t heads = 0;

    for (unsigned word = 0; word < VDEV_MESSAGE_BRIDGE_MOURNED / 32; word++) {
        heads |= mourning->adoption.in_flight[word];
    }
    return (heads | mourning->to_adopt | mourning->notified) != 0;
}

bool vdev_message_bridge_mourn_on(struct vdev_virtio_message_bridge *bridge)
{
    struct vdev_virtio_message_bridge_mourning *mourning = &bridge->mourning;

    if (!mourning->started || !is_busy(mourning)) {
        return false;
    }
    if (!complete_in_flight(bridge)) {
        if (mourning->adoption.step != 0) {
            adopt(bridge, mourning->in_flight_queue);
        } else if (mourning->to_adopt != 0) {
            adopt(bridge, (uint16_t)__builtin_ctz(mourning->to_adopt));
        } else {
            serve(bridge, (uint16_t)__builtin_ctz(mourning->notified));
        }
    }
    vdev_message_bridge_raise(bridge, VDEV_VIRTIO_INTERRUPT_QUEUE);
    return is_busy(mourning);
}

bool vdev_message_bridge_mourn_queue(struct vdev_virtio_message_bridge *bridge, uint32_t queue)
{
    struct vdev_virtio_message_bridge_mourning *mourning = &bridge->mourning;

    if (!mourning->started || queue >= bridge->queue_count || !bridge->queues[queue].ready ||
        (mourning->lost >> queue & 1) != 0 || ending_of(bridge, queue) == NEVER) {
        return false;
    }
    if ((mourning->adopted >> queue & 1) != 0) {
        /* At once, whatever else is left to do: its driver may wait for just this. */
        mourning->notified |= 1u << queue;
        serve(bridge, (uint16_t)queue);
        vdev_message_bridge_raise(bridge, VDEV_VIRTIO_INTERRUPT_QUEUE);
    } else {
        mourning->to_adopt |= 1u << queue; /* the device was gone before DRIVER_OK */
        vdev_message_bridge_mourn_on(bridge);
    }
    return true;
}

void vdev_message_bridge_stop_mourning(struct vdev_virtio_message_bridge *bridge)
{
    memset(&bridge->mourning, 0, sizeof bridge->mourning);
    bridge->mourning.ended = true;
}

bool vdev_virtio_message_bridge_mourn(struct vdev_virtio_message_bridge *bridge,
                                      const struct vdev_memory *memory, struct vdev_buffer *buffers,
                                      size_t buffer_count)
{
    struct vdev_virtio_message_bridge_mourning *mourning = &bridge->mourning;

    if (bridge->remote.bus->link->error != VDEV_ERROR_ABSENT || mourning->ended || memory == NULL) {
        return false;
    }
    if (!mourning->started) {
        if (!bridge->failed || bridge->step != STEP_NONE) {
            vdev_message_bridge_fail(bridge);
        }
        mourning->started = true;
        mourning->memory = memory;
        mourning->buffers = buffers;
        mourning->buffer_count = buffer_count;
        for (uint32_t i = 0; i < bridge->queue_count; i++) {
            if (bridge->queues[i].ready && ending_of(bridge, i) != NEVER &&
                (bridge->status & VDEV_VIRTIO_STATUS_DRIVER_OK) != 0) {
                mourning->to_adopt |= 1u << i;
            }
        }
    }
    return vdev_message_bridge_mourn_on(bridge);
}
