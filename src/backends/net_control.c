/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control queue of the virtio network device [VIRTIO 1.4 §5.1.6.5], and the filters that it
 * sets. A command is checked whole, its length included, before anything of it takes effect; each
 * of its bytes is read once. Whatever is wrong with one is answered with VIRTIO_NET_ERR.
 */
#include <stddef.h>

#include <vdev/status.h>

#include "backends/net_parts.h"

/* ---- filters ---- */

static bool is_own_address_the_class(const struct vdev_net_backend *backend)
{
    return net_same_address(backend->filter.own, net_address(backend->net->address));
}

/* What the class below has to pass up for these filters. */
static enum vdev_net_receive_mode mode_for(const struct vdev_net_backend *backend)
{
    const struct vdev_net_backend_filter *filter = &backend->filter;

    if (!vdev_virtio_device_running(&backend->device)) {
        return VDEV_NET_RECEIVE_OWN;
    }
    if (filter->promiscuous || filter->all_unicast || filter->unicast_overflow ||
        filter->unicast_count != 0 || !is_own_address_the_class(backend)) {
        return VDEV_NET_RECEIVE_ALL;
    }
    /* A driver that cannot say which it wants gets all that is sent to groups. */
    if (filter->everything || filter->all_multicast || filter->multicast_overflow ||
        filter->address_count != filter->unicast_count) {
        return VDEV_NET_RECEIVE_ALL_MULTICAST;
    }
    return VDEV_NET_RECEIVE_OWN;
}

void vdev_net_backend_ask_for(struct vdev_net_backend *backend, enum vdev_net_receive_mode mode)
{
    /* Better some of it than nothing; the filters here do the rest. */
    if (vdev_net_set_receive_mode(backend->net, mode) != VDEV_OK && mode == VDEV_NET_RECEIVE_ALL) {
        (void)vdev_net_set_receive_mode(backend->net, VDEV_NET_RECEIVE_ALL_MULTICAST);
    }
}

static void apply(struct vdev_net_backend *backend)
{
    struct vdev_net_backend_filter *filter = &backend->filter;

    filter->everything = filter->promiscuous || !net_controls(backend, VIRTIO_NET_F_CTRL_RX);
    filter->vlans = !filter->promiscuous && net_controls(backend, VIRTIO_NET_F_CTRL_VLAN);
    enum vdev_net_receive_mode mode = mode_for(backend);
    if (mode != filter->mode) {
        filter->mode = mode;
        vdev_net_backend_ask_for(backend, mode);
    }
}

void vdev_net_backend_filter_reset(struct vdev_net_backend *backend)
{
    struct vdev_net_backend_address own = backend->filter.own;
    enum vdev_net_receive_mode mode = backend->filter.mode;

    memset(&backend->filter, 0, sizeof backend->filter);
    backend->filter.own = own;
    backend->filter.mode = mode;
    apply(backend);
}

/* ---- commands: true if carried out; `left` bytes of it follow at the cursor ---- */

static bool set_mode(struct vdev_net_backend *backend, uint8_t command, struct vdev_cursor *cursor,
                     uint32_t left)
{
    struct vdev_net_backend_filter *filter = &backend->filter;
    bool *const modes[] = {
        [VIRTIO_NET_CTRL_RX_PROMISC] = &filter->promiscuous,
        [VIRTIO_NET_CTRL_RX_ALLMULTI] = &filter->all_multicast,
        [VIRTIO_NET_CTRL_RX_ALLUNI] = &filter->all_unicast,
        [VIRTIO_NET_CTRL_RX_NOMULTI] = &filter->no_multicast,
        [VIRTIO_NET_CTRL_RX_NOUNI] = &filter->no_unicast,
        [VIRTIO_NET_CTRL_RX_NOBCAST] = &filter->no_broadcast,
    };
    uint8_t on;

    if (command >= sizeof modes / sizeof modes[0] || left != sizeof on ||
        !net_controls(backend, command <= VIRTIO_NET_CTRL_RX_ALLMULTI
                                   ? VIRTIO_NET_F_CTRL_RX
                                   : VIRTIO_NET_F_CTRL_RX_EXTRA)) {
        return false;
    }
    vdev_cursor_read(cursor, &on, sizeof on);
    *modes[command] = on != 0;
    apply(backend);
    return true;
}

/* One of the two tables of addresses: its place and its number. False: it goes past the end. */
static bool find_table(struct vdev_cursor *cursor, uint32_t *left, struct vdev_cursor *table,
                       uint32_t *entries)
{
    uint8_t count[4];

    if (*left < sizeof count) {
        return false;
    }
    vdev_cursor_read(cursor, count, sizeof count);
    *left -= (uint32_t)sizeof count;
    *entries = virtio_load_le32(count);
    if (*entries > *left / VDEV_NET_ADDRESS_BYTES) {
        return false;
    }
    *table = *cursor;
    *left -= *entries * VDEV_NET_ADDRESS_BYTES;
    vdev_cursor_skip(cursor, (size_t)*entries * VDEV_NET_ADDRESS_BYTES);
    return true;
}

/* Take over as many as there is place for. True: all of them. */
static bool take_table(struct vdev_net_backend_filter *filter, struct vdev_cursor *table,
                       uint32_t entries)
{
    for (; entries != 0; entries--) {
        uint8_t bytes[VDEV_NET_ADDRESS_BYTES];
        if (filter->address_count == VDEV_NET_BACKEND_ADDRESSES) {
            return false;
        }
        vdev_cursor_read(table, bytes, sizeof bytes);
        filter->addresses[filter->address_count++] = net_address(bytes);
    }
    return true;
}

static bool set_table(struct vdev_net_backend *backend, struct vdev_cursor *cursor, uint32_t left)
{
    struct vdev_net_backend_filter *filter = &backend->filter;
    struct vdev_cursor unicast, multicast;
    uint32_t unicast_entries, multicast_entries;

    if (!net_controls(backend, VIRTIO_NET_F_CTRL_RX) ||
        !find_table(cursor, &left, &unicast, &unicast_entries) ||
        !find_table(cursor, &left, &multicast, &multicast_entries) || left != 0) {
        return false;
    }
    filter->address_count = 0;
    filter->unicast_overflow = !take_table(filter, &unicast, unicast_entries);
    if (filter->unicast_overflow) {
        /* All unicast ones are passed on now: their places are better used for the others. */
        filter->address_count = 0;
    }
    filter->unicast_count = filter->address_count;
    filter->multicast_overflow = !take_table(filter, &multicast, multicast_entries);
    apply(backend);
    return true;
}

static bool set_address(struct vdev_net_backend *backend, struct vdev_cursor *cursor, uint32_t left)
{
    static const uint8_t none[VDEV_NET_ADDRESS_BYTES];
    uint8_t address[VDEV_NET_ADDRESS_BYTES];

    if (!net_controls(backend, VIRTIO_NET_F_CTRL_MAC_ADDR) || left != sizeof address) {
        return false;
    }
    vdev_cursor_read(cursor, address, sizeof address);
    if (vdev_net_is_group(address) || vdev_net_same_address(address, none)) {
        return false; /* nobody's address */
    }
    vdev_net_backend_store_address(backend, address);
    apply(backend);
    return true;
}

static bool set_vlan(struct vdev_net_backend *backend, uint8_t command, struct vdev_cursor *cursor,
                     uint32_t left)
{
    uint8_t bytes[2];

    if (!net_controls(backend, VIRTIO_NET_F_CTRL_VLAN) || command > VIRTIO_NET_CTRL_VLAN_DEL ||
        left != sizeof bytes) {
        return false;
    }
    vdev_cursor_read(cursor, bytes, sizeof bytes);
    uint32_t vlan = virtio_load_le16(bytes);
    if (vlan >= sizeof backend->filter.vlan * 8) {
        return false;
    }
    if (command == VIRTIO_NET_CTRL_VLAN_ADD) {
        backend->filter.vlan[vlan / 32] |= 1u << vlan % 32;
    } else {
        backend->filter.vlan[vlan / 32] &= ~(1u << vlan % 32);
    }
    return true;
}

static bool end_announcement(struct vdev_net_backend *backend, uint8_t command, uint32_t left)
{
    if (!net_controls(backend, VIRTIO_NET_F_GUEST_ANNOUNCE) ||
        command != VIRTIO_NET_CTRL_ANNOUNCE_ACK || left != 0) {
        return false;
    }
    vdev_net_backend_store_status(backend, false);
    return true;
}

static bool set_offloads(struct vdev_net_backend *backend, uint8_t command,
                         struct vdev_cursor *cursor, uint32_t left)
{
    uint8_t bytes[8];

    if (!net_controls(backend, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) ||
        command != VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET || left != sizeof bytes) {
        return false;
    }
    vdev_cursor_read(cursor, bytes, sizeof bytes);
    uint64_t offloads = virtio_load_le64(bytes);
    if ((offloads & ~(backend->device.accepted & NET_GUEST_OFFLOADS)) != 0) {
        return false;
    }
    vdev_net_backend_accept_offloads(backend, offloads);
    return true;
}

static bool execute(struct vdev_net_backend *backend, const struct vdev_chain *chain)
{
    struct vdev_cursor cursor = vdev_chain_reader(chain);
    uint8_t header[sizeof(struct virtio_net_ctrl_hdr)];

    if (vdev_cursor_read(&cursor, header, sizeof header) != sizeof header) {
        return false;
    }
    uint32_t left = chain->readable_length - (uint32_t)sizeof header;
    uint8_t command = header[1];
    switch (header[0]) {
    case VIRTIO_NET_CTRL_RX:
        return set_mode(backend, command, &cursor, left);
    case VIRTIO_NET_CTRL_MAC:
        return command == VIRTIO_NET_CTRL_MAC_TABLE_SET  ? set_table(backend, &cursor, left)
               : command == VIRTIO_NET_CTRL_MAC_ADDR_SET ? set_address(backend, &cursor, left)
                                                         : false;
    case VIRTIO_NET_CTRL_VLAN:
        return set_vlan(backend, command, &cursor, left);
    case VIRTIO_NET_CTRL_ANNOUNCE:
        return end_announcement(backend, command, left);
    case VIRTIO_NET_CTRL_GUEST_OFFLOADS:
        return set_offloads(backend, command, &cursor, left);
    default:
        return false;
    }
}

static bool handle(void *context, struct vdev_chain *chain)
{
    struct vdev_net_backend *backend = context;
    struct vdev_device_queue *queue = &backend->queues[VDEV_NET_CONTROL_QUEUE].live;
    struct vdev_cursor answer = vdev_chain_writer(chain);
    uint8_t acknowledgement = VIRTIO_NET_ERR;

    backend->commands++;
    /* A command that cannot be answered is not carried out. */
    if (chain->writable_length != 0 && execute(backend, chain)) {
        acknowledgement = VIRTIO_NET_OK;
    }
    backend->command_errors += acknowledgement != VIRTIO_NET_OK;
    vdev_device_queue_give(queue, chain->id,
                           (uint32_t)vdev_cursor_write(&answer, &acknowledgement, 1));
    return true;
}

void vdev_net_backend_control(struct vdev_net_backend *backend)
{
    /* One more than a full ring, so that emptying it ends in arming it. */
    unsigned budget = backend->device.queue_size_maximum + 1u;
    struct vdev_chain chain = {.buffers = backend->control_buffers,
                               .capacity = VDEV_NET_BACKEND_CONTROL_BUFFERS};

    if (vdev_virtio_device_run(&backend->device, VDEV_NET_CONTROL_QUEUE, &chain, budget, handle,
                               backend)) {
        vdev_virtio_device_defer(&backend->device, VDEV_NET_CONTROL_QUEUE);
    }
}
