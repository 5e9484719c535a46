/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the net front-end tells its device, and what the device tells of itself: the control queue
 * [VIRTIO 1.4 §5.1.6.5] and the configuration space [VIRTIO 1.4 §5.1.4].
 *
 * One command is in flight at a time, and nobody waits for it. What is due is a set of bits; a
 * command is made when its turn comes, from what is wanted then.
 */
#include "frontends/net.h"

/* The memory of a command: class, command, data; and the device's answer at the end. */
#define DATA       2u
#define ANSWER     (VDEV_NET_FRONTEND_CONTROL_BYTES - 1)
#define UNANSWERED 0xffu

_Static_assert(DATA + 4 + 4 + VDEV_NET_FRONTEND_FILTER_ADDRESSES * VDEV_NET_ADDRESS_BYTES <= ANSWER,
               "the longest command fits");

/* ---- commands ---- */

static void store_addresses(uint8_t *bytes, const uint8_t (*addresses)[VDEV_NET_ADDRESS_BYTES],
                            uint32_t count)
{
    virtio_store_le32(bytes, count);
    if (count != 0) {
        memcpy(bytes + 4, addresses, (size_t)count * VDEV_NET_ADDRESS_BYTES);
    }
}

static uint32_t make_filter(const struct vdev_net_frontend *frontend, uint8_t *bytes)
{
    uint32_t unicast = frontend->filter_unicast;
    uint32_t multicast = frontend->filter_multicast;
    uint32_t second = 4 + unicast * VDEV_NET_ADDRESS_BYTES;

    store_addresses(bytes, frontend->filter, unicast);
    store_addresses(bytes + second, frontend->filter + unicast, multicast);
    return second + 4 + multicast * VDEV_NET_ADDRESS_BYTES;
}

/* Returns the length of its readable part. */
static uint32_t make_command(const struct vdev_net_frontend *frontend, uint32_t command,
                             uint8_t *bytes)
{
    switch (command) {
    case NET_COMMAND_ADDRESS:
        bytes[0] = VIRTIO_NET_CTRL_MAC;
        bytes[1] = VIRTIO_NET_CTRL_MAC_ADDR_SET;
        memcpy(bytes + DATA, frontend->net.address, VDEV_NET_ADDRESS_BYTES);
        return DATA + VDEV_NET_ADDRESS_BYTES;
    case NET_COMMAND_FILTER:
        bytes[0] = VIRTIO_NET_CTRL_MAC;
        bytes[1] = VIRTIO_NET_CTRL_MAC_TABLE_SET;
        return DATA + make_filter(frontend, bytes + DATA);
    case NET_COMMAND_ALL_MULTICAST:
        bytes[0] = VIRTIO_NET_CTRL_RX;
        bytes[1] = VIRTIO_NET_CTRL_RX_ALLMULTI;
        bytes[DATA] = frontend->mode == VDEV_NET_RECEIVE_ALL_MULTICAST;
        return DATA + 1;
    case NET_COMMAND_PROMISCUOUS:
        bytes[0] = VIRTIO_NET_CTRL_RX;
        bytes[1] = VIRTIO_NET_CTRL_RX_PROMISC;
        bytes[DATA] = frontend->mode == VDEV_NET_RECEIVE_ALL;
        return DATA + 1;
    default:
        bytes[0] = VIRTIO_NET_CTRL_ANNOUNCE;
        bytes[1] = VIRTIO_NET_CTRL_ANNOUNCE_ACK;
        return DATA;
    }
}

void vdev_net_frontend_send_command(struct vdev_net_frontend *frontend)
{
    const struct vdev_buffer *memory = &frontend->configuration.control;
    uint8_t *bytes = memory->pointer;

    if (frontend->command != 0 || frontend->commands == 0 ||
        !net_has(frontend, VIRTIO_NET_F_CTRL_VQ)) {
        return;
    }
    uint32_t command = frontend->commands & (0u - frontend->commands);
    uint32_t length = make_command(frontend, command, bytes);
    struct vdev_buffer readable = {bytes, length, memory->bus_address};
    struct vdev_buffer writable = {bytes + ANSWER, 1, memory->bus_address + ANSWER};
    *(volatile uint8_t *)writable.pointer = UNANSWERED;
    if (vdev_driver_queue_add(&frontend->control, &readable, 1, &writable, 1, frontend) !=
        VDEV_OK) {
        net_break(frontend, NET_BROKEN_RING); /* the ring is empty: it has room */
        return;
    }
    frontend->commands &= ~command;
    frontend->command = command;
    frontend->command_time = vdev_clock_now(frontend->configuration.clock);
    net_publish(frontend, &frontend->control, NET_CONTROL_QUEUE);
}

void vdev_net_frontend_finish_command(struct vdev_net_frontend *frontend)
{
    const struct vdev_buffer *memory = &frontend->configuration.control;
    uint32_t written;
    void *token;

    if (!net_has(frontend, VIRTIO_NET_F_CTRL_VQ)) {
        return;
    }
    int status = vdev_driver_queue_take(&frontend->control, &token, &written);
    if (status == VDEV_ERROR_CORRUPT) {
        net_break(frontend, NET_BROKEN_RING);
        return;
    }
    if (status == VDEV_OK) {
        uint8_t answer = *((const volatile uint8_t *)memory->pointer + ANSWER);
        if (answer != VIRTIO_NET_OK || written == 0) {
            frontend->refused++; /* there is little that a driver can do [VIRTIO 1.4 §5.1.6.5] */
        }
        frontend->command = 0;
    }
    vdev_net_frontend_send_command(frontend);
}

int vdev_net_frontend_set_mode(struct vdev_net_frontend *frontend, enum vdev_net_receive_mode mode)
{
    if (!net_has(frontend, VIRTIO_NET_F_CTRL_RX)) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    frontend->mode = mode;
    frontend->commands |= NET_COMMAND_ALL_MULTICAST | NET_COMMAND_PROMISCUOUS;
    if (!frontend->polling) {
        vdev_net_frontend_send_command(frontend);
    }
    return VDEV_OK;
}

int vdev_net_frontend_set_filter(struct vdev_net_frontend *frontend,
                                 const uint8_t (*addresses)[VDEV_NET_ADDRESS_BYTES], size_t count)
{
    uint8_t found = 0;

    if (!frontend->alive) {
        return VDEV_ERROR_ABSENT;
    }
    if (!net_has(frontend, VIRTIO_NET_F_CTRL_RX)) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    if (count > VDEV_NET_FRONTEND_FILTER_ADDRESSES) {
        return VDEV_ERROR_RANGE;
    }
    /* The device wants those of one station first [VIRTIO 1.4 §5.1.6.5.2.2]. */
    for (unsigned group = 0; group < 2; group++) {
        for (size_t i = 0; i < count; i++) {
            if (vdev_net_is_group(addresses[i]) == (group != 0)) {
                memcpy(frontend->filter[found++], addresses[i], VDEV_NET_ADDRESS_BYTES);
            }
        }
        if (group == 0) {
            frontend->filter_unicast = found;
        }
    }
    frontend->filter_multicast = (uint8_t)(found - frontend->filter_unicast);
    frontend->commands |= NET_COMMAND_FILTER;
    if (!frontend->polling) {
        vdev_net_frontend_send_command(frontend);
    }
    return VDEV_OK;
}

/* ---- the configuration space ---- */

static int read16(struct vdev_net_frontend *frontend, uint32_t offset, uint32_t *value)
{
    uint8_t bytes[2];

    int status = vdev_virtio_driver_read_configuration(frontend->configuration.transport, offset, 2,
                                                       bytes, sizeof bytes);
    if (status == VDEV_OK) {
        *value = virtio_load_le16(bytes);
    }
    return status;
}

int vdev_net_frontend_read_mtu(struct vdev_net_frontend *frontend, uint32_t *mtu)
{
    return read16(frontend, offsetof(struct virtio_net_config, mtu), mtu);
}

int vdev_net_frontend_read_status(struct vdev_net_frontend *frontend)
{
    uint32_t bits = VIRTIO_NET_S_LINK_UP;

    if (net_has(frontend, VIRTIO_NET_F_STATUS)) {
        int status = read16(frontend, offsetof(struct virtio_net_config, status), &bits);
        if (status != VDEV_OK) {
            return status;
        }
    }
    bool link = (bits & VIRTIO_NET_S_LINK_UP) != 0;
    if (link != frontend->net.link) {
        frontend->net.link = link;
        frontend->changed = true;
    }
    /* The bit stays until the device has our acknowledgement: it is one announcement still. */
    if (net_has(frontend, VIRTIO_NET_F_GUEST_ANNOUNCE) && (bits & VIRTIO_NET_S_ANNOUNCE) != 0 &&
        ((frontend->commands | frontend->command) & NET_COMMAND_ANNOUNCED) == 0) {
        frontend->commands |= NET_COMMAND_ANNOUNCED;
        frontend->announcements++;
        frontend->changed = true;
    }
    return VDEV_OK;
}

/* Its own address, or the one it was given; VDEV_ERROR_INVALID if that is none of one station. */
static int read_address(struct vdev_net_frontend *frontend)
{
    static const uint8_t none[VDEV_NET_ADDRESS_BYTES] = {0};
    uint8_t address[VDEV_NET_ADDRESS_BYTES];

    memcpy(address, frontend->configuration.address, sizeof address);
    if (net_has(frontend, VIRTIO_NET_F_MAC)) {
        int status = vdev_virtio_driver_read_configuration(frontend->configuration.transport,
                                                           offsetof(struct virtio_net_config, mac),
                                                           1, address, sizeof address);
        if (status != VDEV_OK) {
            return status;
        }
    }
    if (vdev_net_is_group(address) || vdev_net_same_address(address, none)) {
        return VDEV_ERROR_INVALID;
    }
    if (!vdev_net_same_address(address, frontend->net.address)) {
        memcpy(frontend->net.address, address, sizeof address);
        frontend->changed = true;
    }
    return VDEV_OK;
}

int vdev_net_frontend_describe(struct vdev_net_frontend *frontend)
{
    uint32_t mtu = VDEV_NET_MTU;

    int status = read_address(frontend);
    if (status == VDEV_OK && net_has(frontend, VIRTIO_NET_F_MTU)) {
        status = vdev_net_frontend_read_mtu(frontend, &mtu);
    }
    if (status == VDEV_OK && mtu < VDEV_NET_MTU_MINIMUM) {
        status = VDEV_ERROR_INVALID;
    }
    if (status != VDEV_OK) {
        return status;
    }
    if (mtu != frontend->net.mtu) {
        frontend->net.mtu = (uint16_t)mtu;
        frontend->changed = true;
    }
    return vdev_net_frontend_read_status(frontend);
}
