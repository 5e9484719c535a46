/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's end of vhost-user: which message may come when, and what the device is to it:
 * features, status, configuration, reset. Every change is made whole or not at all, so that a
 * message that was refused leaves a session that can go on; only a ring that was waiting for the
 * change, and cannot start then, is over. [QEMU, docs/interop/vhost-user.rst]
 */
#include <linux/virtio_config.h>

#include "core/mem.h"
#include "transport/vhost_user_device.h"

#define PROTOCOL_FEATURES_BIT (1ull << VDEV_VHOST_USER_F_PROTOCOL_FEATURES)
#define BIT(feature)          (1ull << VDEV_VHOST_USER_PROTOCOL_F_##feature)
#define OFFERED                                                                                    \
    (BIT(MQ) | BIT(REPLY_ACK) | BIT(BACKEND_REQ) | BIT(CONFIG) | BIT(INFLIGHT_SHMFD) |             \
     BIT(RESET_DEVICE) | BIT(CONFIGURE_MEM_SLOTS) | BIT(STATUS))
#define NEGOTIATED (VDEV_VIRTIO_STATUS_ACKNOWLEDGE | VDEV_VIRTIO_STATUS_DRIVER)

_Static_assert(VDEV_VHOST_USER_QUEUES <= 64, "a set of queues is 64 bits");

static void reply_number(struct vdev_vhost_user_exchange *exchange, uint64_t number)
{
    exchange->reply.payload.u64 = number;
    exchange->reply.size = sizeof number;
    exchange->replies = true;
}

/* ---- features ---- */

/* The driver begins anew. */
static void reset_device(struct vdev_vhost_user_device *session)
{
    vdev_vhost_user_stop_rings(session, VHOST_USER_ALL_RINGS);
    if ((session->device->status & VDEV_VIRTIO_STATUS_NEEDS_RESET) != 0 &&
        session->inflight != NULL) {
        /* What a device that failed has left noted there will never be given back. */
        memset(session->inflight, 0, (size_t)session->inflight_length);
    }
    vdev_virtio_device_set_status(session->device, 0);
}

/* Take the device up to FEATURES_OK. */
static vdev_vhost_user_reason accept_features(struct vdev_vhost_user_device *session)
{
    struct vdev_virtio_device *device = session->device;
    uint64_t features = session->features & ~PROTOCOL_FEATURES_BIT;

    vdev_virtio_device_set_status(device, device->status | NEGOTIATED);
    vdev_virtio_device_accept_word(device, 0, (uint32_t)features);
    vdev_virtio_device_accept_word(device, 1, (uint32_t)(features >> 32));
    vdev_virtio_device_set_status(device, device->status | VDEV_VIRTIO_STATUS_FEATURES_OK);
    return (device->status & VDEV_VIRTIO_STATUS_FEATURES_OK) != 0
               ? NULL
               : "the device does not take these features";
}

static vdev_vhost_user_reason get_features(struct vdev_vhost_user_exchange *exchange)
{
    reply_number(exchange, exchange->session->device->offered | PROTOCOL_FEATURES_BIT);
    return NULL;
}

static vdev_vhost_user_reason set_features(struct vdev_vhost_user_exchange *exchange)
{
    struct vdev_vhost_user_device *session = exchange->session;
    struct vdev_virtio_device *device = session->device;
    uint64_t features = exchange->message->payload.u64;

    if ((features & ~(device->offered | PROTOCOL_FEATURES_BIT)) != 0) {
        return "features that are not offered";
    }
    if ((features >> VIRTIO_F_VERSION_1 & 1) == 0) {
        return "without VERSION_1: drivers of the legacy interface are not served";
    }
    if (vdev_vhost_user_any_ring_runs(session)) {
        /* An end with several queue pairs says it for each of them. */
        return features == session->features ? NULL : VHOST_USER_A_RING_RUNS;
    }
    session->features = features;
    session->features_set = true;
    if (vhost_user_accepted(session, VDEV_VHOST_USER_PROTOCOL_F_STATUS)) {
        /* They count when the driver says FEATURES_OK. */
        if ((device->status & VDEV_VIRTIO_STATUS_FEATURES_OK) != 0 &&
            device->accepted != (features & ~PROTOCOL_FEATURES_BIT)) {
            reset_device(session);
        }
        return NULL;
    }
    /* Without a status, this is how a driver says that it begins. */
    reset_device(session);
    vdev_vhost_user_reason reason = accept_features(session);
    return reason != NULL ? reason : vdev_vhost_user_update_rings(session, VHOST_USER_ALL_RINGS);
}

static vdev_vhost_user_reason get_protocol_features(struct vdev_vhost_user_exchange *exchange)
{
    reply_number(exchange, exchange->session->protocol_offered);
    return NULL;
}

static vdev_vhost_user_reason set_protocol_features(struct vdev_vhost_user_exchange *exchange)
{
    struct vdev_vhost_user_device *session = exchange->session;
    uint64_t features = exchange->message->payload.u64;

    if ((features & ~session->protocol_offered) != 0) {
        return "features that are not offered";
    }
    if (features != session->protocol_accepted && vdev_vhost_user_any_ring_runs(session)) {
        return VHOST_USER_A_RING_RUNS;
    }
    session->protocol_accepted = features;
    return NULL;
}

static vdev_vhost_user_reason get_queue_count(struct vdev_vhost_user_exchange *exchange)
{
    const struct vdev_virtio_device *device = exchange->session->device;

    /* Of a network device it is understood to be the number of pairs. */
    reply_number(exchange,
                 device->id == VDEV_VIRTIO_ID_NET ? device->queue_count / 2u : device->queue_count);
    return NULL;
}

/* ---- owner, reset, status ---- */

/* SET_OWNER, and RESET_OWNER, of which the protocol wants the same: there is one other end, and it
 * need not say so. */
static vdev_vhost_user_reason ignore(struct vdev_vhost_user_exchange *exchange)
{
    (void)exchange;
    return NULL;
}

static void end_rings(struct vdev_vhost_user_device *session)
{
    for (uint16_t i = 0; i < session->device->queue_count; i++) {
        vdev_vhost_user_end_ring(session, i);
    }
}

static vdev_vhost_user_reason reset_all(struct vdev_vhost_user_exchange *exchange)
{
    struct vdev_vhost_user_device *session = exchange->session;

    reset_device(session);
    end_rings(session);
    for (uint16_t i = 0; i < session->device->queue_count; i++) {
        struct vdev_vhost_user_queue *queue = &session->queues[i];
        memset(&queue->configuration, 0, sizeof queue->configuration);
        queue->base = 0;
        queue->addressed = false;
        queue->enabled = false;
    }
    session->features = 0;
    session->features_set = false;
    return NULL;
}

static vdev_vhost_user_reason set_status(struct vdev_vhost_user_exchange *exchange)
{
    struct vdev_vhost_user_device *session = exchange->session;
    struct vdev_virtio_device *device = session->device;
    uint64_t status = exchange->message->payload.u64;
    vdev_vhost_user_reason reason = NULL;

    if (status > UINT8_MAX) {
        return "no status";
    }
    if (status == 0) {
        /* Where each ring was is kept: QEMU before 8.0 asks only now. */
        reset_device(session);
        end_rings(session);
        return NULL;
    }
    if ((status & VDEV_VIRTIO_STATUS_FAILED) != 0) {
        vdev_vhost_user_stop_rings(session, VHOST_USER_ALL_RINGS);
    }
    if ((status & VDEV_VIRTIO_STATUS_FEATURES_OK) != 0) {
        status |= NEGOTIATED; /* QEMU says them later, together with DRIVER_OK */
        if ((device->status & VDEV_VIRTIO_STATUS_FEATURES_OK) == 0) {
            if (!session->features_set) {
                return "FEATURES_OK before SET_FEATURES";
            }
            reason = accept_features(session);
            if (reason != NULL) {
                return reason;
            }
            reason = vdev_vhost_user_update_rings(session, VHOST_USER_ALL_RINGS);
        }
    }
    return vdev_virtio_device_set_status(device, (uint32_t)status) == VDEV_OK
               ? reason
               : "a status that does not follow the one before";
}

static vdev_vhost_user_reason get_status(struct vdev_vhost_user_exchange *exchange)
{
    reply_number(exchange, exchange->session->device->status);
    return NULL;
}

/* ---- the configuration space ---- */

static vdev_vhost_user_reason get_configuration(struct vdev_vhost_user_exchange *exchange)
{
    const struct vdev_virtio_device *device = exchange->session->device;
    const union vdev_vhost_user_payload *payload = &exchange->message->payload;
    uint32_t offset = payload->configuration.offset;
    uint32_t length = payload->configuration.length;

    if (offset > device->configuration_length) {
        return "beyond the configuration space";
    }
    exchange->reply.payload.configuration.offset = offset;
    exchange->reply.payload.configuration.length = length;
    exchange->reply.payload.configuration.flags = payload->configuration.flags;
    for (uint32_t i = 0; i < length; i++) {
        uint64_t byte = 0;
        /* Beyond its end are fields of features that are not offered: zeros. */
        vdev_virtio_device_read_configuration(device, offset + i, 1, &byte);
        exchange->reply.payload.configuration.bytes[i] = (uint8_t)byte;
    }
    exchange->reply.size = exchange->message->size;
    exchange->replies = true;
    return NULL;
}

static vdev_vhost_user_reason set_configuration(struct vdev_vhost_user_exchange *exchange)
{
    const union vdev_vhost_user_payload *payload = &exchange->message->payload;
    struct vdev_virtio_device *device = exchange->session->device;
    uint32_t offset = payload->configuration.offset;
    uint32_t length = payload->configuration.length;

    if (payload->configuration.flags != 0) {
        return "migration is not offered";
    }
    if (offset > device->configuration_length || length > device->configuration_length - offset) {
        return "beyond the configuration space";
    }
    for (uint32_t done = 0; done < length;) {
        uint32_t left = length - done;
        unsigned width = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
        uint64_t value = 0;
        for (unsigned i = width; i-- != 0;) {
            value = value << 8 | payload->configuration.bytes[done + i];
        }
        if (vdev_virtio_device_write_configuration(device, offset + done, width, value) !=
            VDEV_OK) {
            /* Which is so of the first piece already. */
            return "before FEATURES_OK, or of a device that needs a reset";
        }
        done += width;
    }
    return NULL;
}

static vdev_vhost_user_reason set_channel(struct vdev_vhost_user_exchange *exchange)
{
    vhost_user_close(exchange->session, &exchange->session->channel);
    exchange->session->channel = vhost_user_keep(exchange, 0);
    return NULL;
}

static vdev_vhost_user_reason get_slot_count(struct vdev_vhost_user_exchange *exchange)
{
    reply_number(exchange, VDEV_VHOST_USER_MEM_SLOTS);
    return NULL;
}

/* ---- which message is whose ---- */

struct handler {
    vdev_vhost_user_reason (*handle)(struct vdev_vhost_user_exchange *exchange);
    uint64_t needs; /* this protocol feature, negotiated; */
    bool offered;   /* ... or only offered, as the protocol has it for these */
};

static const struct handler handlers[] = {
    [VDEV_VHOST_USER_GET_FEATURES] = {get_features, 0, false},
    [VDEV_VHOST_USER_SET_FEATURES] = {set_features, 0, false},
    [VDEV_VHOST_USER_SET_OWNER] = {ignore, 0, false},
    [VDEV_VHOST_USER_RESET_OWNER] = {ignore, 0, false},
    [VDEV_VHOST_USER_SET_MEM_TABLE] = {vdev_vhost_user_set_memory_table, 0, false},
    [VDEV_VHOST_USER_SET_VRING_NUM] = {vdev_vhost_user_set_ring_size, 0, false},
    [VDEV_VHOST_USER_SET_VRING_ADDR] = {vdev_vhost_user_set_ring_address, 0, false},
    [VDEV_VHOST_USER_SET_VRING_BASE] = {vdev_vhost_user_set_ring_base, 0, false},
    [VDEV_VHOST_USER_GET_VRING_BASE] = {vdev_vhost_user_get_ring_base, 0, false},
    [VDEV_VHOST_USER_SET_VRING_KICK] = {vdev_vhost_user_set_ring_kick, 0, false},
    [VDEV_VHOST_USER_SET_VRING_CALL] = {vdev_vhost_user_set_ring_call, 0, false},
    [VDEV_VHOST_USER_SET_VRING_ERR] = {vdev_vhost_user_set_ring_error, 0, false},
    [VDEV_VHOST_USER_GET_PROTOCOL_FEATURES] = {get_protocol_features, 0, false},
    [VDEV_VHOST_USER_SET_PROTOCOL_FEATURES] = {set_protocol_features, 0, false},
    [VDEV_VHOST_USER_GET_QUEUE_NUM] = {get_queue_count, BIT(MQ), true},
    [VDEV_VHOST_USER_SET_VRING_ENABLE] = {vdev_vhost_user_enable_ring, 0, false},
    [VDEV_VHOST_USER_SET_BACKEND_REQ_FD] = {set_channel, BIT(BACKEND_REQ), true},
    [VDEV_VHOST_USER_GET_CONFIG] = {get_configuration, BIT(CONFIG), false},
    [VDEV_VHOST_USER_SET_CONFIG] = {set_configuration, BIT(CONFIG), false},
    [VDEV_VHOST_USER_GET_INFLIGHT_FD] = {vdev_vhost_user_get_inflight, BIT(INFLIGHT_SHMFD), false},
    [VDEV_VHOST_USER_SET_INFLIGHT_FD] = {vdev_vhost_user_set_inflight, BIT(INFLIGHT_SHMFD), false},
    [VDEV_VHOST_USER_RESET_DEVICE] = {reset_all, BIT(RESET_DEVICE), false},
    [VDEV_VHOST_USER_GET_MAX_MEM_SLOTS] = {get_slot_count, BIT(CONFIGURE_MEM_SLOTS), false},
    [VDEV_VHOST_USER_ADD_MEM_REG] = {vdev_vhost_user_add_region, BIT(CONFIGURE_MEM_SLOTS), false},
    [VDEV_VHOST_USER_REM_MEM_REG] = {vdev_vhost_user_remove_region, BIT(CONFIGURE_MEM_SLOTS),
                                     false},
    [VDEV_VHOST_USER_SET_STATUS] = {set_status, BIT(STATUS), false},
    [VDEV_VHOST_USER_GET_STATUS] = {get_status, BIT(STATUS), false},
};

static vdev_vhost_user_reason handle(struct vdev_vhost_user_exchange *exchange)
{
    const struct vdev_vhost_user_device *session = exchange->session;
    vdev_vhost_user_reason reason = vdev_vhost_user_check_request(exchange->message);

    if (reason != NULL) {
        return reason;
    }
    const struct handler *handler = &handlers[exchange->message->request];
    uint64_t features = handler->offered ? session->protocol_offered : session->protocol_accepted;
    if ((handler->needs & ~features) != 0) {
        return VHOST_USER_NOT_NEGOTIATED;
    }
    return handler->handle(exchange);
}

/*
 * How a refusal is said to the other end, so that both can go on: some replies have a form for it,
 * and what has no reply may have asked for an acknowledgement. False: it cannot be said.
 */
static bool refusal(struct vdev_vhost_user_exchange *exchange, bool asked)
{
    struct vdev_vhost_user_message *reply = &exchange->reply;

    switch (exchange->message->request) {
    case VDEV_VHOST_USER_GET_CONFIG:
        reply->size = 0;
        return true;
    case VDEV_VHOST_USER_GET_INFLIGHT_FD:
        memset(&reply->payload.inflight, 0, sizeof reply->payload.inflight);
        reply->size = exchange->message->size < sizeof reply->payload.inflight
                          ? 20
                          : sizeof reply->payload.inflight;
        return true;
    case VDEV_VHOST_USER_GET_FEATURES:
    case VDEV_VHOST_USER_GET_PROTOCOL_FEATURES:
    case VDEV_VHOST_USER_GET_VRING_BASE:
    case VDEV_VHOST_USER_GET_QUEUE_NUM:
    case VDEV_VHOST_USER_GET_MAX_MEM_SLOTS:
    case VDEV_VHOST_USER_GET_STATUS:
        return false;
    default:
        reply_number(exchange, 1);
        return asked;
    }
}

int vdev_vhost_user_device_receive(struct vdev_vhost_user_device *session,
                                   const struct vdev_vhost_user_message *message)
{
    struct vdev_vhost_user_exchange exchange;
    size_t count = message->descriptor_count < VDEV_VHOST_USER_REGIONS ? message->descriptor_count
                                                                       : VDEV_VHOST_USER_REGIONS;

    memset(&exchange, 0, sizeof exchange);
    exchange.session = session;
    exchange.message = message;
    for (size_t i = 0; i < VDEV_VHOST_USER_REGIONS; i++) {
        exchange.descriptors[i] = i < count ? message->descriptors[i] : -1;
    }
    exchange.reply.request = message->request;
    exchange.reply.flags = VDEV_VHOST_USER_VERSION | VDEV_VHOST_USER_REPLY;

    vdev_vhost_user_reason reason = handle(&exchange);
    bool asked = (message->flags & VDEV_VHOST_USER_NEED_REPLY) != 0 &&
                 vhost_user_accepted(session, VDEV_VHOST_USER_PROTOCOL_F_REPLY_ACK);
    int status = VDEV_OK;
    if (reason != NULL) {
        session->operations->refused(session->context, vdev_vhost_user_name(message->request),
                                     reason);
        exchange.replies = refusal(&exchange, asked);
        status = exchange.replies ? VDEV_OK : VDEV_ERROR_INVALID;
    } else if (!exchange.replies && asked) {
        reply_number(&exchange, 0);
    }
    for (size_t i = 0; i < count; i++) {
        vhost_user_close(session, &exchange.descriptors[i]);
    }
    if (exchange.replies) {
        if (session->operations->send(session->context, &exchange.reply) != 0) {
            session->operations->refused(session->context, vdev_vhost_user_name(message->request),
                                         "the reply cannot be sent");
            status = VDEV_ERROR_IO;
        }
        if (exchange.reply.descriptor_count != 0) {
            vhost_user_close(session, &exchange.reply.descriptors[0]);
        }
    }
    return status;
}

/* ---- beginning and end ---- */

int vdev_vhost_user_device_init(struct vdev_vhost_user_device *session,
                                const struct vdev_vhost_user_device_configuration *configuration)
{
    const struct vdev_vhost_user_device_operations *operations = configuration->operations;
    struct vdev_virtio_device *device = configuration->device;

    if (device == NULL || configuration->memory == NULL || operations == NULL ||
        operations->send == NULL || operations->send_own == NULL || operations->map == NULL ||
        operations->unmap == NULL || operations->create == NULL || operations->close == NULL ||
        operations->watch == NULL || operations->interrupt == NULL || operations->refused == NULL ||
        device->memory != configuration->memory || device->queue_count > VDEV_VHOST_USER_QUEUES) {
        return VDEV_ERROR_INVALID;
    }
    memset(session, 0, sizeof *session);
    session->device = device;
    session->memory = configuration->memory;
    session->operations = operations;
    session->context = configuration->context;
    session->protocol_offered = OFFERED & ~configuration->without;
    session->channel = -1;
    for (unsigned i = 0; i < VDEV_VHOST_USER_QUEUES; i++) {
        session->queues[i].kick = session->queues[i].call = session->queues[i].error = -1;
    }
    session->memory->regions = session->regions;
    session->memory->count = 0;
    vdev_virtio_device_connect(device, &vdev_vhost_user_transport, session);
    return VDEV_OK;
}

void vdev_vhost_user_device_disconnect(struct vdev_vhost_user_device *session)
{
    /* The notes of what is in flight stay as they are, for who comes next. */
    vdev_vhost_user_stop_rings(session, VHOST_USER_ALL_RINGS);
    end_rings(session);
    vdev_virtio_device_set_status(session->device, 0);
    vdev_vhost_user_forget_memory(session);
    for (uint16_t i = 0; i < session->device->queue_count; i++) {
        struct vdev_vhost_user_queue *queue = &session->queues[i];
        vhost_user_close(session, &queue->call);
        vhost_user_close(session, &queue->error);
        memset(queue, 0, sizeof *queue);
        queue->kick = queue->call = queue->error = -1;
    }
    vhost_user_close(session, &session->channel);
    session->protocol_accepted = 0;
    session->features = 0;
    session->features_set = false;
}
