/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the net front-end brings its device up: which features it asks for, and the queues
 * [VIRTIO 1.4 §5.1.3, §5.1.5].
 */
#include <linux/virtio_ring.h>

#include "frontends/net.h"

#define BIT(feature) (1ull << (feature))

/* Whatever the configuration is; what a device does not offer, or lacks a condition, goes away. */
#define WANTED_ALWAYS                                                                              \
    (BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) |          \
     BIT(VIRTIO_NET_F_HOST_ECN) | BIT(VIRTIO_NET_F_HOST_USO) | BIT(VIRTIO_NET_F_MAC) |             \
     BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX))

#define WANTED_WITH_CONTROL                                                                        \
    (BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) |     \
     BIT(VIRTIO_NET_F_GUEST_ANNOUNCE))

/*
 * Features that need one of others [VIRTIO 1.4 §5.1.3.1], in an order in which one pass does: a
 * device that offers them without may not be told so [VIRTIO 1.4 §2.2.1]. The filters' address
 * comes with the filter, and an announcement is asked for in the status.
 */
static const struct {
    uint8_t feature;
    uint64_t needs;
} conditions[] = {
    {VIRTIO_NET_F_HOST_TSO4, BIT(VIRTIO_NET_F_CSUM)},
    {VIRTIO_NET_F_HOST_TSO6, BIT(VIRTIO_NET_F_CSUM)},
    {VIRTIO_NET_F_HOST_USO, BIT(VIRTIO_NET_F_CSUM)},
    {VIRTIO_NET_F_HOST_ECN, BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6)},
    {VIRTIO_NET_F_GUEST_TSO4, BIT(VIRTIO_NET_F_GUEST_CSUM)},
    {VIRTIO_NET_F_GUEST_TSO6, BIT(VIRTIO_NET_F_GUEST_CSUM)},
    {VIRTIO_NET_F_GUEST_USO4, BIT(VIRTIO_NET_F_GUEST_CSUM)},
    {VIRTIO_NET_F_GUEST_USO6, BIT(VIRTIO_NET_F_GUEST_CSUM)},
    {VIRTIO_NET_F_GUEST_ECN, BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6)},
    {VIRTIO_NET_F_CTRL_RX, BIT(VIRTIO_NET_F_CTRL_VQ)},
    {VIRTIO_NET_F_CTRL_MAC_ADDR, BIT(VIRTIO_NET_F_CTRL_RX)},
    {VIRTIO_NET_F_GUEST_ANNOUNCE, BIT(VIRTIO_NET_F_CTRL_VQ)},
    {VIRTIO_NET_F_GUEST_ANNOUNCE, BIT(VIRTIO_NET_F_STATUS)},
};

/* The class's words for what may be left to do, and virtio's, both ways. */
static const struct {
    uint8_t need;
    uint64_t sent, arriving;
} offloads[] = {
    {VDEV_NET_CHECKSUM, BIT(VIRTIO_NET_F_CSUM), BIT(VIRTIO_NET_F_GUEST_CSUM)},
    {VDEV_NET_TCP4, BIT(VIRTIO_NET_F_HOST_TSO4), BIT(VIRTIO_NET_F_GUEST_TSO4)},
    {VDEV_NET_TCP6, BIT(VIRTIO_NET_F_HOST_TSO6), BIT(VIRTIO_NET_F_GUEST_TSO6)},
    {VDEV_NET_UDP, BIT(VIRTIO_NET_F_HOST_USO),
     BIT(VIRTIO_NET_F_GUEST_USO4) | BIT(VIRTIO_NET_F_GUEST_USO6)},
    {VDEV_NET_ECN, BIT(VIRTIO_NET_F_HOST_ECN), BIT(VIRTIO_NET_F_GUEST_ECN)},
};

#define OFFLOADS (sizeof offloads / sizeof offloads[0])

/* ---- features ---- */

/* The longest frame that the receive buffers hold, its header not counted. */
static uint64_t longest_frame(const struct vdev_net_frontend *frontend, uint64_t wanted)
{
    uint64_t room = frontend->configuration.receive_size;

    if ((wanted & BIT(VIRTIO_NET_F_MRG_RXBUF)) != 0) {
        room *= frontend->configuration.receive_count;
    }
    return room - VDEV_NET_FRONTEND_HEADER_BYTES;
}

static uint64_t arriving(uint32_t needs)
{
    uint64_t features = 0;

    for (size_t i = 0; i < OFFLOADS; i++) {
        if ((needs & offloads[i].need) != 0) {
            features |= offloads[i].arriving;
        }
    }
    return features;
}

/*
 * What to ask for. The device is asked for its features, and for its MTU, before it is reset: what
 * it answers later is compared with this, and it is not held to it by anything else.
 */
static int choose(struct vdev_net_frontend *frontend, uint64_t *chosen)
{
    const struct vdev_net_frontend_configuration *configuration = &frontend->configuration;
    struct vdev_virtio_driver *transport = configuration->transport;
    uint64_t wanted = WANTED_ALWAYS;
    uint64_t offered = transport->operations->features(transport);
    uint32_t mtu;

    if (frontend->accepted != 0) {
        offered &= frontend->accepted; /* what it could not do at its start it need not do now */
    }
    if (configuration->control.pointer != NULL) {
        wanted |= WANTED_WITH_CONTROL;
    }
    if (configuration->merge) {
        wanted |= BIT(VIRTIO_NET_F_MRG_RXBUF);
    }
    wanted &= offered;
    uint64_t longest = longest_frame(frontend, wanted);
    if (longest + VDEV_NET_FRONTEND_HEADER_BYTES < VDEV_NET_FRONTEND_RECEIVE_BYTES) {
        return VDEV_ERROR_RANGE;
    }
    uint32_t needs = configuration->accepts;
    if (longest < VDEV_NET_SEGMENTED_BYTES + VDEV_NET_TAG_BYTES) {
        needs &= VDEV_NET_CHECKSUM;
    }
    wanted |= arriving(needs) & offered;
    if ((offered & BIT(VIRTIO_NET_F_MTU)) != 0) {
        int status = vdev_net_frontend_read_mtu(frontend, &mtu);
        if (status != VDEV_OK) {
            return status;
        }
        /* One that our buffers do not hold is not for us: without it we keep to our own. */
        if (longest >= VDEV_NET_HEADER_BYTES + VDEV_NET_TAG_BYTES + mtu) {
            wanted |= BIT(VIRTIO_NET_F_MTU);
        }
    }
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
        if ((wanted & conditions[i].needs) == 0) {
            wanted &= ~BIT(conditions[i].feature);
        }
    }
    *chosen = wanted;
    return VDEV_OK;
}

/* `takes` and what may arrive, from what was negotiated. */
static uint32_t set_offloads(struct vdev_net_frontend *frontend)
{
    uint32_t takes = 0;

    frontend->arrivals = 0;
    for (size_t i = 0; i < OFFLOADS; i++) {
        if ((frontend->accepted & offloads[i].sent) != 0) {
            takes |= offloads[i].need;
        }
        if ((frontend->accepted & offloads[i].arriving) != 0) {
            frontend->arrivals |= offloads[i].need;
        }
    }
    return takes;
}

static int negotiate(struct vdev_net_frontend *frontend)
{
    const struct vdev_net_frontend_configuration *configuration = &frontend->configuration;
    bool first = frontend->accepted == 0;
    uint64_t wanted, accepted;

    int status = choose(frontend, &wanted);
    if (status == VDEV_OK) {
        status = vdev_virtio_driver_begin(configuration->transport, configuration->clock,
                                          VDEV_VIRTIO_ID_NET, wanted, &accepted);
    }
    if (status != VDEV_OK) {
        return status;
    }
    frontend->accepted = accepted;
    uint32_t takes = set_offloads(frontend);
    if ((accepted & ~BIT(VIRTIO_F_VERSION_1)) != wanted ||
        (!first && takes != frontend->net.takes)) {
        return VDEV_ERROR_UNSUPPORTED; /* it changed its mind, or what must not change */
    }
    frontend->net.takes = takes;
    return VDEV_OK;
}

/* ---- queues ---- */

static int start_queues(struct vdev_net_frontend *frontend)
{
    const struct vdev_net_frontend_configuration *configuration = &frontend->configuration;
    struct vdev_virtio_driver *transport = configuration->transport;

    int status = vdev_virtio_driver_start_queue(transport, NET_RECEIVE_QUEUE, &frontend->receive,
                                                &configuration->receive_queue,
                                                configuration->queue_size, frontend->accepted);
    if (status == VDEV_OK) {
        status = vdev_virtio_driver_start_queue(transport, NET_TRANSMIT_QUEUE, &frontend->transmit,
                                                &configuration->transmit_queue,
                                                configuration->queue_size, frontend->accepted);
    }
    if (status == VDEV_OK && net_has(frontend, VIRTIO_NET_F_CTRL_VQ)) {
        status = vdev_virtio_driver_start_queue(
            transport, NET_CONTROL_QUEUE, &frontend->control, &configuration->control_queue,
            configuration->control_queue_size, frontend->accepted);
    }
    return status;
}

/* A device that was reset has forgotten what it was told. */
static uint32_t first_commands(const struct vdev_net_frontend *frontend)
{
    uint32_t commands = 0;

    if (net_has(frontend, VIRTIO_NET_F_CTRL_MAC_ADDR) && !net_has(frontend, VIRTIO_NET_F_MAC)) {
        commands |= NET_COMMAND_ADDRESS;
    }
    if (net_has(frontend, VIRTIO_NET_F_CTRL_RX)) {
        commands |= NET_COMMAND_ALL_MULTICAST | NET_COMMAND_PROMISCUOUS;
        if (frontend->filter_unicast + frontend->filter_multicast != 0) {
            commands |= NET_COMMAND_FILTER;
        }
    }
    return commands;
}

int vdev_net_frontend_start(struct vdev_net_frontend *frontend)
{
    struct vdev_virtio_driver *transport = frontend->configuration.transport;

    vdev_net_frontend_free_all(frontend);
    frontend->received_count = 0;
    frontend->full = false;
    frontend->broken = NET_INTACT;
    frontend->rounds = 0;
    frontend->command = 0;
    int status = negotiate(frontend);
    if (status == VDEV_OK) {
        frontend->commands = first_commands(frontend);
        status = vdev_net_frontend_describe(frontend);
    }
    if (status == VDEV_OK) {
        status = start_queues(frontend);
    }
    if (status == VDEV_OK) {
        vdev_net_frontend_fill(frontend);
        status = vdev_virtio_driver_finish(transport);
    }
    if (status != VDEV_OK) {
        vdev_virtio_driver_fail(transport);
        return status;
    }
    frontend->alive = true;
    net_publish(frontend, &frontend->receive, NET_RECEIVE_QUEUE);
    vdev_net_frontend_send_command(frontend);
    return VDEV_OK;
}
