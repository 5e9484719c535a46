/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio network device [VIRTIO 1.4 §5.1] over the net class: its life, its configuration, and
 * transmission.
 *
 * A chain to be sent is taken straight into the buffers of a free slot, and goes down to the class
 * as it is, less its virtio header. What the class will not take now (it is full, or no slot is
 * free) stays in the ring. The ring is looked at when the driver notifies, when a frame completes,
 * and when the class is writable again; the driver is asked to notify only while the class has
 * nothing of its, so that a stream of frames needs one notification for each time it dries up.
 *
 * A reset does not wait for frames in flight: their slots come back with an epoch that has gone by,
 * and never reach the ring.
 */
#include <stddef.h>

#include <vdev/status.h>

#include "backends/net_parts.h"

_Static_assert(sizeof(struct virtio_net_hdr_v1) == VDEV_NET_BACKEND_HEADER_BYTES,
               "the header without hash");
_Static_assert(offsetof(struct virtio_net_config, status) == 6 &&
                   offsetof(struct virtio_net_config, mtu) == 10 &&
                   sizeof((struct vdev_net_backend *)0)->configuration_space == 12,
               "the configuration space ends with the MTU");

static struct vdev_net_backend *backend_of(struct vdev_virtio_device *device)
{
    return (struct vdev_net_backend *)((char *)device - offsetof(struct vdev_net_backend, device));
}

/* ---- transmission ---- */

static uint16_t field(const volatile uint8_t *header, size_t offset)
{
    uint32_t low = header[offset];
    return (uint16_t)(low | (uint32_t)header[offset + 1] << 8);
}

/*
 * What a virtio header asks for; each of its bytes is read once. False: a kind of segmentation that
 * there is not. Whether the fields are sound is seen by vdev_net_check. hdr_len is a hint at most,
 * and num_buffers of no meaning here [VIRTIO 1.4 §5.1.6.2].
 */
static inline bool parse(const volatile uint8_t *header, struct vdev_net_offload *offload)
{
    uint32_t flags = header[offsetof(struct virtio_net_hdr_v1, flags)];
    uint32_t type = header[offsetof(struct virtio_net_hdr_v1, gso_type)];
    uint32_t needs = 0;

    *offload = (struct vdev_net_offload){0};
    if (((flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) | type) == 0) {
        return true;
    }
    if ((flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0) {
        needs = VDEV_NET_CHECKSUM;
        offload->checksum_start = field(header, offsetof(struct virtio_net_hdr_v1, csum_start));
        offload->checksum_offset = field(header, offsetof(struct virtio_net_hdr_v1, csum_offset));
    }
    switch (type & ~(uint32_t)VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_NONE:
        /* The bit for ECN says how to segment, and this is not to be segmented. */
        offload->needs = (uint8_t)needs;
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        needs |= VDEV_NET_TCP4;
        break;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        needs |= VDEV_NET_TCP6;
        break;
    case VIRTIO_NET_HDR_GSO_UDP_L4:
        needs |= VDEV_NET_UDP;
        break;
    default:
        return false;
    }
    if ((type & VIRTIO_NET_HDR_GSO_ECN) != 0) {
        needs |= VDEV_NET_ECN;
    }
    offload->needs = (uint8_t)needs;
    offload->segment_size = field(header, offsetof(struct virtio_net_hdr_v1, gso_size));
    return true;
}

/* Take the header off the front of a chain's buffers; they hold it whole. */
static inline bool behead(struct vdev_net_frame *frame, struct vdev_buffer *buffers, size_t count)
{
    size_t skip = VDEV_NET_BACKEND_HEADER_BYTES;
    uint8_t copy[VDEV_NET_BACKEND_HEADER_BYTES];
    const volatile uint8_t *header = buffers->pointer;

    if (buffers->length < skip) {
        struct vdev_cursor cursor = vdev_cursor(buffers, count);
        vdev_cursor_read(&cursor, copy, sizeof copy);
        header = copy;
        while (skip != 0 && skip >= buffers->length) {
            skip -= buffers->length;
            buffers++;
            count--;
        }
    } else if (buffers->length == skip) {
        skip = 0;
        buffers++;
        count--;
    }
    if (skip != 0) {
        buffers->pointer = (uint8_t *)buffers->pointer + skip;
        buffers->length -= skip;
        if (buffers->bus_address != VDEV_NO_BUS_ADDRESS) {
            buffers->bus_address += skip;
        }
    }
    frame->buffers = buffers;
    frame->buffer_count = count;
    return parse(header, &frame->offload);
}

/* Why a frame is not sent. VDEV_NET_DROP_REASONS: it is; or VDEV_ERROR_FULL, as *status says. */
static enum vdev_net_drop send(struct vdev_net_backend *backend, struct vdev_net_frame *frame,
                               const struct vdev_chain *chain, int *status)
{
    struct vdev_net *net = backend->net;

    if (chain->readable_length < VDEV_NET_BACKEND_HEADER_BYTES + VDEV_NET_HEADER_BYTES) {
        return VDEV_NET_DROP_SHORT;
    }
    frame->length = chain->readable_length - VDEV_NET_BACKEND_HEADER_BYTES;
    if (!behead(frame, chain->buffers, chain->readable_count)) {
        return VDEV_NET_DROP_OFFLOAD;
    }
    *status = vdev_net_check(frame->length, &frame->offload, backend->takes, backend->mtu);
    if (*status == VDEV_OK) {
        if (net->maximum_buffers != 0 && frame->buffer_count > net->maximum_buffers) {
            return VDEV_NET_DROP_LONG;
        }
        *status = vdev_net_submit(net, frame);
        if (*status == VDEV_OK || *status == VDEV_ERROR_FULL) {
            return VDEV_NET_DROP_REASONS;
        }
    }
    /* It has a header, and is as long as its chain: what is invalid are its fields. */
    return *status == VDEV_ERROR_INVALID ? VDEV_NET_DROP_OFFLOAD
                                         : vdev_net_drop_of(*status, frame->offload.needs);
}

/* False: the class is full, and the chain is to stay in the ring. */
static bool transmit(struct vdev_net_backend_pair *pair, struct vdev_net_backend_slot *slot,
                     const struct vdev_chain *chain)
{
    struct vdev_net_backend *backend = pair->backend;
    int status = VDEV_OK;

    if (chain->writable_length != 0) {
        backend->malformed++;
    } else {
        enum vdev_net_drop drop = send(backend, &slot->frame, chain, &status);
        if (drop == VDEV_NET_DROP_REASONS && status == VDEV_OK) {
            slot->id = chain->id;
            slot->epoch = pair->transmit->epoch;
            pair->free = slot->next_free;
            pair->in_flight++;
            return true;
        }
        if (drop == VDEV_NET_DROP_REASONS) {
            return false;
        }
        backend->transmit_dropped[drop]++;
    }
    vdev_device_queue_give(&pair->transmit->live, chain->id, 0);
    return true;
}

/*
 * Send what is in the ring. What is left when this returns is resumed by a completion (no slot is
 * free, or the ring is empty and not armed), by `writable` (the class was full), by the driver
 * (armed), or, past the bound of two full rings, by the device's poll. So it is not the library's
 * loop around a ring, which arms whenever it is empty.
 */
static void transmit_all(struct vdev_net_backend_pair *pair)
{
    struct vdev_net_backend *backend = pair->backend;
    struct vdev_virtio_device *device = &backend->device;
    struct vdev_device_queue *queue = &pair->transmit->live;
    unsigned round = device->queue_size_maximum;
    unsigned budget = 2 * round + 1;
    struct vdev_chain chain;
    struct vdev_net_backend_slot *slot;

    if (!device->running || !pair->transmit->ready) {
        return;
    }
    if (pair->transmit_armed) {
        vdev_device_queue_disarm(queue);
        pair->transmit_armed = false;
    }
    chain.capacity = backend->buffers_per_slot;
    while (budget != 0 && (slot = pair->free) != NULL) {
        chain.buffers = slot->buffers;
        int status = vdev_device_queue_take(queue, &chain);
        if (status == VDEV_OK) {
            if (!transmit(pair, slot, &chain)) {
                vdev_device_queue_untake(queue, 1);
                return;
            }
            budget--;
            continue;
        }
        if (status != VDEV_ERROR_EMPTY) {
            if (status == VDEV_ERROR_CORRUPT) {
                vdev_virtio_device_fail(device);
            }
            return;
        }
        if (pair->in_flight != 0) {
            return;
        }
        if (!vdev_device_queue_arm(queue)) {
            pair->transmit_armed = true;
            return;
        }
        vdev_device_queue_disarm(queue);
        /* There may have been a whole ring of malformed chains. */
        budget = budget > round ? budget - round : 0;
    }
    if (pair->in_flight == 0) {
        vdev_virtio_device_defer(device, pair->transmit_index);
    }
}

static void transmit_from_below(struct vdev_net_backend_pair *pair)
{
    struct vdev_virtio_device *device = &pair->backend->device;

    if (vdev_virtio_device_enter(device)) {
        transmit_all(pair);
        vdev_virtio_device_leave(device);
    }
    vdev_virtio_device_signal(device, pair->transmit_index);
}

static void complete(struct vdev_net_frame *frame, int status)
{
    struct vdev_net_backend_slot *slot = frame->owner;
    struct vdev_net_backend_pair *pair = slot->pair;

    /* Whatever became of it: the driver is not told, and who dropped it has counted it. */
    (void)status;
    slot->next_free = pair->free;
    pair->free = slot;
    pair->in_flight--;
    vdev_virtio_device_give(&pair->backend->device, pair->transmit_index, slot->epoch, slot->id, 0);
    transmit_from_below(pair);
}

static void writable(void *owner)
{
    struct vdev_net_backend *backend = owner;

    for (unsigned i = 0; i < VDEV_NET_BACKEND_PAIRS; i++) {
        transmit_from_below(&backend->pairs[i]);
    }
}

/* ---- features ---- */

static uint64_t offered(const struct vdev_net *net, bool merges)
{
    /* Without merging, a driver that takes long frames needs the room of the longest for each. */
    uint64_t features =
        (merges ? NET_GUEST_OFFLOADS : 1ull << VIRTIO_NET_F_GUEST_CSUM) | 1ull << VIRTIO_NET_F_MAC |
        1ull << VIRTIO_NET_F_STATUS | 1ull << VIRTIO_NET_F_MTU | 1ull << VIRTIO_NET_F_CTRL_VQ |
        1ull << VIRTIO_NET_F_CTRL_RX | 1ull << VIRTIO_NET_F_CTRL_RX_EXTRA |
        1ull << VIRTIO_NET_F_CTRL_VLAN | 1ull << VIRTIO_NET_F_GUEST_ANNOUNCE |
        1ull << VIRTIO_NET_F_CTRL_MAC_ADDR | 1ull << VIRTIO_NET_F_CTRL_GUEST_OFFLOADS;

    if (merges) {
        features |= 1ull << VIRTIO_NET_F_MRG_RXBUF;
    }
    /* All others need the checksum [VIRTIO 1.4 §5.1.3.1]. */
    if ((net->takes & VDEV_NET_CHECKSUM) == 0) {
        return features;
    }
    features |= 1ull << VIRTIO_NET_F_CSUM;
    if ((net->takes & VDEV_NET_TCP4) != 0) {
        features |= 1ull << VIRTIO_NET_F_HOST_TSO4;
    }
    if ((net->takes & VDEV_NET_TCP6) != 0) {
        features |= 1ull << VIRTIO_NET_F_HOST_TSO6;
    }
    if ((net->takes & VDEV_NET_UDP) != 0) {
        features |= 1ull << VIRTIO_NET_F_HOST_USO;
    }
    if ((net->takes & VDEV_NET_ECN) != 0 && (net->takes & (VDEV_NET_TCP4 | VDEV_NET_TCP6)) != 0) {
        features |= 1ull << VIRTIO_NET_F_HOST_ECN;
    }
    return features;
}

static uint32_t negotiated(const struct vdev_net_backend *backend)
{
    const struct vdev_virtio_device *device = &backend->device;
    uint32_t takes = 0;

    if (!vdev_virtio_device_has(device, VIRTIO_NET_F_CSUM)) {
        return 0;
    }
    takes |= vdev_virtio_device_has(device, VIRTIO_NET_F_HOST_TSO4) ? VDEV_NET_TCP4 : 0;
    takes |= vdev_virtio_device_has(device, VIRTIO_NET_F_HOST_TSO6) ? VDEV_NET_TCP6 : 0;
    takes |= vdev_virtio_device_has(device, VIRTIO_NET_F_HOST_USO) ? VDEV_NET_UDP : 0;
    takes |= vdev_virtio_device_has(device, VIRTIO_NET_F_HOST_ECN) ? VDEV_NET_ECN : 0;
    return takes | VDEV_NET_CHECKSUM;
}

void vdev_net_backend_accept_offloads(struct vdev_net_backend *backend, uint64_t offloads)
{
    const uint64_t datagrams = 1ull << VIRTIO_NET_F_GUEST_USO4 | 1ull << VIRTIO_NET_F_GUEST_USO6;
    uint32_t accepts = 0;

    if ((offloads >> VIRTIO_NET_F_GUEST_CSUM & 1) != 0) {
        accepts = VDEV_NET_CHECKSUM;
        accepts |= (offloads >> VIRTIO_NET_F_GUEST_TSO4 & 1) != 0 ? VDEV_NET_TCP4 : 0;
        accepts |= (offloads >> VIRTIO_NET_F_GUEST_TSO6 & 1) != 0 ? VDEV_NET_TCP6 : 0;
        accepts |= (offloads >> VIRTIO_NET_F_GUEST_ECN & 1) != 0 ? VDEV_NET_ECN : 0;
        /* The class does not tell the two apart. */
        accepts |= (offloads & datagrams) == datagrams ? VDEV_NET_UDP : 0;
    }
    backend->net->client.accepts = accepts;
}

/* ---- configuration space ---- */

void vdev_net_backend_store_address(struct vdev_net_backend *backend, const uint8_t *address)
{
    memcpy(backend->configuration_space + offsetof(struct virtio_net_config, mac), address,
           VDEV_NET_ADDRESS_BYTES);
    backend->filter.own = net_address(address);
}

void vdev_net_backend_store_status(struct vdev_net_backend *backend, bool announce)
{
    virtio_store_le16(backend->configuration_space + offsetof(struct virtio_net_config, status),
                      (uint16_t)((backend->net->link ? VIRTIO_NET_S_LINK_UP : 0) |
                                 (announce ? VIRTIO_NET_S_ANNOUNCE : 0)));
}

static uint32_t status_bits(const struct vdev_net_backend *backend)
{
    return virtio_load_le16(backend->configuration_space +
                            offsetof(struct virtio_net_config, status));
}

static void changed(void *owner)
{
    struct vdev_net_backend *backend = owner;
    uint32_t before = status_bits(backend);

    vdev_net_backend_store_status(backend, (before & VIRTIO_NET_S_ANNOUNCE) != 0);
    if (status_bits(backend) != before) {
        vdev_virtio_device_configuration_changed(&backend->device);
    }
}

int vdev_net_backend_announce(struct vdev_net_backend *backend)
{
    if (!vdev_virtio_device_running(&backend->device)) {
        return VDEV_ERROR_STATE;
    }
    if (!net_controls(backend, VIRTIO_NET_F_GUEST_ANNOUNCE) ||
        !vdev_virtio_device_has(&backend->device, VIRTIO_NET_F_STATUS)) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    vdev_net_backend_store_status(backend, true);
    vdev_virtio_device_configuration_changed(&backend->device);
    return VDEV_OK;
}

/* ---- what the device core calls ---- */

static void notify(struct vdev_virtio_device *device, uint16_t queue)
{
    struct vdev_net_backend *backend = backend_of(device);

    if (queue == VDEV_NET_CONTROL_QUEUE) {
        vdev_net_backend_control(backend);
        return;
    }
    struct vdev_net_backend_pair *pair = &backend->pairs[queue / 2];
    if (queue == pair->transmit_index) {
        transmit_all(pair);
        vdev_virtio_device_signal(device, queue);
    } else {
        vdev_net_backend_refilled(pair);
    }
}

static void start(struct vdev_virtio_device *device)
{
    struct vdev_net_backend *backend = backend_of(device);

    backend->takes = negotiated(backend);
    backend->merges = vdev_virtio_device_has(device, VIRTIO_NET_F_MRG_RXBUF);
    vdev_net_backend_accept_offloads(backend, device->accepted & NET_GUEST_OFFLOADS);
    vdev_net_backend_filter_reset(backend);
    for (uint16_t i = 0; i < device->queue_count && device->running; i++) {
        notify(device, i);
    }
}

static void reset(struct vdev_virtio_device *device)
{
    struct vdev_net_backend *backend = backend_of(device);

    backend->takes = 0;
    backend->merges = false;
    backend->net->client.accepts = 0;
    vdev_net_backend_store_address(backend, backend->net->address);
    vdev_net_backend_store_status(backend, false);
    vdev_net_backend_filter_reset(backend);
    for (unsigned i = 0; i < VDEV_NET_BACKEND_PAIRS; i++) {
        struct vdev_net_backend_pair *pair = &backend->pairs[i];
        pair->transmit_armed = false;
        /* What the class keeps for this driver is now nobody's: let it find that out. */
        vdev_net_backend_refilled(pair);
    }
}

static const struct vdev_virtio_device_operations operations = {
    .notify = notify,
    .start = start,
    .reset = reset,
};

/* ---- making one ---- */

static void make_pair(struct vdev_net_backend *backend, struct vdev_net_backend_pair *pair,
                      const struct vdev_net_backend_configuration *configuration)
{
    uint16_t number = (uint16_t)(pair - backend->pairs);

    pair->backend = backend;
    pair->receive_index = VDEV_NET_RECEIVE_QUEUE(number);
    pair->transmit_index = VDEV_NET_TRANSMIT_QUEUE(number);
    pair->receive = &backend->queues[pair->receive_index];
    pair->transmit = &backend->queues[pair->transmit_index];
    pair->receive_buffers = configuration->receive_buffers;
    pair->receive_chains = configuration->receive_chains;
    for (size_t i = configuration->slot_count; i-- != 0;) {
        struct vdev_net_backend_slot *slot = &configuration->slots[i];
        *slot = (struct vdev_net_backend_slot){
            .frame = {.complete = complete, .owner = slot},
            .pair = pair,
            .buffers = configuration->buffers + i * configuration->buffers_per_slot,
            .next_free = pair->free,
        };
        pair->free = slot;
    }
}

int vdev_net_backend_init(struct vdev_net_backend *backend,
                          const struct vdev_net_backend_configuration *configuration)
{
    struct vdev_net *net = configuration->net;

    if (net == NULL || configuration->slots == NULL || configuration->slot_count == 0 ||
        configuration->buffers == NULL || configuration->buffers_per_slot == 0 ||
        configuration->receive_buffers == NULL || configuration->receive_buffer_count == 0 ||
        configuration->receive_chains == NULL || configuration->receive_chain_count == 0 ||
        net->mtu < VDEV_NET_MTU_MINIMUM) {
        return VDEV_ERROR_INVALID;
    }
    memset(backend, 0, sizeof *backend);
    int status = vdev_virtio_device_init(
        &backend->device, &(struct vdev_virtio_device_configuration){
                              .operations = &operations,
                              .memory = configuration->memory,
                              .id = VDEV_VIRTIO_ID_NET,
                              .features = offered(net, configuration->receive_chain_count > 1),
                              .queues = backend->queues,
                              .queue_count = VDEV_NET_BACKEND_QUEUES,
                              .queue_size_maximum = configuration->queue_size,
                              .configuration_space = backend->configuration_space,
                              .configuration_length = sizeof backend->configuration_space,
                          });
    if (status != VDEV_OK) {
        return status;
    }
    backend->net = net;
    backend->mtu = net->mtu;
    backend->buffers_per_slot = configuration->buffers_per_slot;
    backend->receive_buffer_count = configuration->receive_buffer_count;
    backend->receive_chain_count = configuration->receive_chain_count;
    make_pair(backend, &backend->pairs[0], configuration);
    virtio_store_le16(backend->configuration_space + offsetof(struct virtio_net_config, mtu),
                      net->mtu);
    vdev_net_backend_store_address(backend, net->address);
    vdev_net_backend_store_status(backend, false);
    net->client = (struct vdev_net_client){
        .accept = vdev_net_backend_accept,
        .delivered = vdev_net_backend_delivered,
        .writable = writable,
        .changed = changed,
        .owner = backend,
    };
    vdev_net_backend_filter_reset(backend);
    vdev_net_backend_ask_for(backend, VDEV_NET_RECEIVE_OWN);
    return VDEV_OK;
}
