/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rings of a vhost-user session. A ring runs, which is to say that the device has a live queue,
 * while it is started, enabled, and the device's features are decided; each message changes one of
 * these and then has the ring follow. What a ring is made of is the driver's end's word until it
 * starts: only then are its addresses looked up.
 */
#include "transport/vhost_user_device.h"

/* ---- what the device core says ---- */

static void queue_interrupt(void *transport, uint16_t index)
{
    struct vdev_vhost_user_device *session = transport;
    struct vdev_vhost_user_queue *queue = &session->queues[index];

    if (queue->call < 0) {
        queue->pending = true;
        return;
    }
    queue->pending = false;
    session->interrupts[index]++;
    session->operations->interrupt(session->context, queue->call);
}

static void tell_error(struct vdev_vhost_user_device *session, uint16_t index)
{
    if (session->queues[index].error >= 0) {
        session->operations->interrupt(session->context, session->queues[index].error);
    }
}

static void configuration_interrupt(void *transport)
{
    struct vdev_vhost_user_device *session = transport;

    if ((session->device->status & VDEV_VIRTIO_STATUS_NEEDS_RESET) != 0) {
        for (uint16_t i = 0; i < session->device->queue_count; i++) {
            tell_error(session, i);
        }
    }
    if (session->channel >= 0 && vhost_user_accepted(session, VDEV_VHOST_USER_PROTOCOL_F_CONFIG)) {
        struct vdev_vhost_user_message message = {
            .request = VDEV_VHOST_USER_BACKEND_CONFIG_CHANGE,
            .flags = VDEV_VHOST_USER_VERSION,
        };
        if (session->operations->send_own(session->context, session->channel, &message) != 0) {
            vhost_user_close(session, &session->channel);
        }
    }
}

static void reset(void *transport)
{
    (void)transport; /* an eventfd that was written to cannot be taken back */
}

const struct vdev_virtio_transport_operations vdev_vhost_user_transport = {
    .queue_interrupt = queue_interrupt,
    .configuration_interrupt = configuration_interrupt,
    .reset = reset,
};

/* ---- starting and stopping ---- */

static bool runs(const struct vdev_vhost_user_device *session, uint16_t index)
{
    return vdev_virtio_device_queue_ready(session->device, index);
}

bool vdev_vhost_user_any_ring_runs(const struct vdev_vhost_user_device *session)
{
    for (uint16_t i = 0; i < session->device->queue_count; i++) {
        if (runs(session, i)) {
            return true;
        }
    }
    return false;
}

static vdev_vhost_user_reason start_ring(struct vdev_vhost_user_device *session, uint16_t index)
{
    struct vdev_vhost_user_queue *queue = &session->queues[index];
    struct vdev_virtqueue_configuration configuration = queue->configuration;
    struct vdev_virtio_device *device = session->device;

    if (!vdev_vhost_user_translate(session, &configuration.descriptor_address) ||
        !vdev_vhost_user_translate(session, &configuration.driver_address) ||
        !vdev_vhost_user_translate(session, &configuration.device_address)) {
        return "a ring outside the memory";
    }
    configuration.start_index = queue->base;
    configuration.inflight = vdev_vhost_user_inflight_of(session, index);
    if (configuration.inflight != NULL && configuration.size > session->inflight_queue_size) {
        return "a ring longer than the memory that notes what is in flight";
    }
    int status = vdev_virtio_device_start_queue(device, index, &configuration);
    if (status != VDEV_OK) {
        return status == VDEV_ERROR_RANGE   ? "a ring that is misaligned or leaves its region"
               : status == VDEV_ERROR_STATE ? "the device needs a reset"
                                            : "a ring of a kind that the device does not have";
    }
    /* Without a status of its own, the driver is there when its first ring is. */
    if (!vhost_user_accepted(session, VDEV_VHOST_USER_PROTOCOL_F_STATUS) &&
        (device->status & VDEV_VIRTIO_STATUS_DRIVER_OK) == 0) {
        vdev_virtio_device_set_status(device, device->status | VDEV_VIRTIO_STATUS_DRIVER_OK);
    }
    /* What the device gave back before it was killed may not have been said. */
    vdev_virtio_device_signal(device, index);
    return NULL;
}

vdev_vhost_user_reason vdev_vhost_user_update_ring(struct vdev_vhost_user_device *session,
                                                   uint16_t index)
{
    const struct vdev_vhost_user_queue *queue = &session->queues[index];
    bool enabled =
        queue->enabled || (session->features >> VDEV_VHOST_USER_F_PROTOCOL_FEATURES & 1) == 0;
    bool wanted = queue->started && enabled &&
                  (session->device->status & VDEV_VIRTIO_STATUS_FEATURES_OK) != 0;

    if (wanted && !runs(session, index)) {
        return start_ring(session, index);
    }
    if (!wanted && runs(session, index)) {
        vdev_vhost_user_stop_rings(session, 1ull << index);
    }
    return NULL;
}

vdev_vhost_user_reason vdev_vhost_user_update_rings(struct vdev_vhost_user_device *session,
                                                    uint64_t which)
{
    vdev_vhost_user_reason first = NULL;

    for (uint16_t i = 0; i < session->device->queue_count; i++) {
        if ((which >> i & 1) != 0) {
            vdev_vhost_user_reason reason = vdev_vhost_user_update_ring(session, i);
            if (reason != NULL) {
                first = first == NULL ? reason : first;
                vdev_vhost_user_end_ring(session, i);
                tell_error(session, i);
            }
        }
    }
    return first;
}

uint64_t vdev_vhost_user_stop_rings(struct vdev_vhost_user_device *session, uint64_t which)
{
    struct vdev_virtio_device *device = session->device;
    uint64_t stopped = 0;

    for (uint16_t i = 0; i < device->queue_count; i++) {
        if ((which >> i & 1) != 0 && runs(session, i)) {
            stopped |= 1ull << i;
            session->queues[i].base = vdev_virtio_device_queue_index(device, i);
            vdev_virtio_device_hold_queue(device, i);
        }
    }
    /* Even if none runs: what a reset has left in flight still has the memory. */
    if (session->operations->drain != NULL) {
        session->operations->drain(session->context);
    }
    for (uint16_t i = 0; i < device->queue_count; i++) {
        if ((stopped >> i & 1) != 0) {
            if ((device->status & VDEV_VIRTIO_STATUS_NEEDS_RESET) == 0) {
                session->queues[i].base = vdev_virtio_device_queue_index(device, i);
            }
            vdev_virtio_device_set_queue_ready(device, i, false);
        }
    }
    return stopped;
}

static void drop_kick(struct vdev_vhost_user_device *session, uint16_t index)
{
    if (session->queues[index].kick >= 0) {
        session->operations->watch(session->context, index, -1);
        vhost_user_close(session, &session->queues[index].kick);
    }
}

void vdev_vhost_user_end_ring(struct vdev_vhost_user_device *session, uint16_t index)
{
    session->queues[index].started = false;
    session->queues[index].pending = false;
    drop_kick(session, index);
}

void vdev_vhost_user_device_kicked(struct vdev_vhost_user_device *session, uint16_t queue)
{
    if (queue >= session->device->queue_count) {
        return;
    }
    session->kicks[queue]++;
    if (runs(session, queue) && vdev_virtio_device_running(session->device)) {
        vdev_virtio_device_notify(session->device, queue);
    }
}

/* ---- messages ---- */

/* The queue of a message, or NULL. */
static struct vdev_vhost_user_queue *find(const struct vdev_vhost_user_exchange *exchange,
                                          uint64_t index)
{
    return index < exchange->session->device->queue_count ? &exchange->session->queues[index]
                                                          : NULL;
}

vdev_vhost_user_reason vdev_vhost_user_set_ring_size(struct vdev_vhost_user_exchange *exchange)
{
    uint32_t index = exchange->message->payload.state.index;
    uint32_t size = exchange->message->payload.state.number;
    struct vdev_vhost_user_queue *queue = find(exchange, index);

    if (queue == NULL) {
        return VHOST_USER_NO_SUCH_QUEUE;
    }
    if (runs(exchange->session, (uint16_t)index)) {
        return VHOST_USER_RING_RUNS;
    }
    if (size == 0 || (size & (size - 1)) != 0) {
        return "not a power of two";
    }
    if (size > exchange->session->device->queue_size_maximum) {
        return "longer than the device's queues are";
    }
    queue->configuration.size = (uint16_t)size;
    return NULL;
}

vdev_vhost_user_reason vdev_vhost_user_set_ring_address(struct vdev_vhost_user_exchange *exchange)
{
    const union vdev_vhost_user_payload *payload = &exchange->message->payload;
    struct vdev_vhost_user_queue *queue = find(exchange, payload->address.index);

    if (queue == NULL) {
        return VHOST_USER_NO_SUCH_QUEUE;
    }
    if (payload->address.flags != 0) {
        return "a log of changes is not offered";
    }
    struct vdev_virtqueue_configuration *configuration = &queue->configuration;
    if (runs(exchange->session, (uint16_t)payload->address.index)) {
        /* Said again is no change. */
        return configuration->descriptor_address == payload->address.descriptors &&
                       configuration->driver_address == payload->address.available &&
                       configuration->device_address == payload->address.used
                   ? NULL
                   : VHOST_USER_RING_RUNS;
    }
    configuration->descriptor_address = payload->address.descriptors;
    configuration->driver_address = payload->address.available;
    configuration->device_address = payload->address.used;
    queue->addressed = true;
    return NULL;
}

vdev_vhost_user_reason vdev_vhost_user_set_ring_base(struct vdev_vhost_user_exchange *exchange)
{
    uint32_t index = exchange->message->payload.state.index;
    uint32_t base = exchange->message->payload.state.number;
    struct vdev_vhost_user_queue *queue = find(exchange, index);

    if (queue == NULL) {
        return VHOST_USER_NO_SUCH_QUEUE;
    }
    if (runs(exchange->session, (uint16_t)index)) {
        return VHOST_USER_RING_RUNS;
    }
    if (base > UINT16_MAX) {
        return "no index of a ring";
    }
    queue->base = (uint16_t)base;
    return NULL;
}

vdev_vhost_user_reason vdev_vhost_user_get_ring_base(struct vdev_vhost_user_exchange *exchange)
{
    uint32_t index = exchange->message->payload.state.index;
    struct vdev_vhost_user_queue *queue = find(exchange, index);

    if (queue == NULL) {
        return VHOST_USER_NO_SUCH_QUEUE;
    }
    vdev_vhost_user_stop_rings(exchange->session, 1ull << index);
    vdev_vhost_user_end_ring(exchange->session, (uint16_t)index);
    exchange->reply.payload.state.index = index;
    exchange->reply.payload.state.number = queue->base;
    exchange->reply.size = sizeof exchange->reply.payload.state;
    exchange->replies = true;
    return NULL;
}

vdev_vhost_user_reason vdev_vhost_user_set_ring_kick(struct vdev_vhost_user_exchange *exchange)
{
    struct vdev_vhost_user_device *session = exchange->session;
    uint64_t value = exchange->message->payload.u64;
    uint16_t index = (uint16_t)(value & VDEV_VHOST_USER_VRING_INDEX);
    struct vdev_vhost_user_queue *queue = find(exchange, index);

    if (queue == NULL) {
        return VHOST_USER_NO_SUCH_QUEUE;
    }
    if ((value & VDEV_VHOST_USER_VRING_NO_DESCRIPTOR) != 0) {
        return "a ring that would have to be polled";
    }
    if (!session->features_set) {
        return "before SET_FEATURES";
    }
    if (queue->configuration.size == 0) {
        return "before SET_VRING_NUM";
    }
    if (!queue->addressed) {
        return "before SET_VRING_ADDR";
    }
    bool ran = runs(session, index);
    bool started = queue->started;
    queue->started = true;
    vdev_vhost_user_reason reason = vdev_vhost_user_update_ring(session, index);
    if (reason != NULL) {
        queue->started = started;
        return reason;
    }
    drop_kick(session, index);
    queue->kick = vhost_user_keep(exchange, 0);
    session->operations->watch(session->context, index, queue->kick);
    if (ran && vdev_virtio_device_running(session->device)) {
        /* What the former descriptor was kicked for is looked at now. */
        vdev_virtio_device_notify(session->device, index);
    }
    return NULL;
}

vdev_vhost_user_reason vdev_vhost_user_set_ring_call(struct vdev_vhost_user_exchange *exchange)
{
    uint16_t index = (uint16_t)(exchange->message->payload.u64 & VDEV_VHOST_USER_VRING_INDEX);
    struct vdev_vhost_user_queue *queue = find(exchange, index);

    if (queue == NULL) {
        return VHOST_USER_NO_SUCH_QUEUE;
    }
    vhost_user_close(exchange->session, &queue->call);
    queue->call = vhost_user_keep(exchange, 0);
    if (queue->call >= 0 && queue->pending) {
        queue_interrupt(exchange->session, index);
    }
    return NULL;
}

vdev_vhost_user_reason vdev_vhost_user_set_ring_error(struct vdev_vhost_user_exchange *exchange)
{
    struct vdev_vhost_user_queue *queue =
        find(exchange, exchange->message->payload.u64 & VDEV_VHOST_USER_VRING_INDEX);

    if (queue == NULL) {
        return VHOST_USER_NO_SUCH_QUEUE;
    }
    vhost_user_close(exchange->session, &queue->error);
    queue->error = vhost_user_keep(exchange, 0);
    return NULL;
}

vdev_vhost_user_reason vdev_vhost_user_enable_ring(struct vdev_vhost_user_exchange *exchange)
{
    struct vdev_vhost_user_device *session = exchange->session;
    uint32_t index = exchange->message->payload.state.index;
    uint32_t enabled = exchange->message->payload.state.number;
    struct vdev_vhost_user_queue *queue = find(exchange, index);

    if (queue == NULL) {
        return VHOST_USER_NO_SUCH_QUEUE;
    }
    /* QEMU's network enables its rings before it has said which features it takes. */
    if (session->features_set &&
        (session->features >> VDEV_VHOST_USER_F_PROTOCOL_FEATURES & 1) == 0) {
        return VHOST_USER_NOT_NEGOTIATED;
    }
    if (enabled > 1) {
        return "neither on nor off";
    }
    bool before = queue->enabled;
    queue->enabled = enabled != 0;
    vdev_vhost_user_reason reason = vdev_vhost_user_update_ring(session, (uint16_t)index);
    if (reason != NULL) {
        queue->enabled = before;
    }
    return reason;
}
