/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reception of the virtio network device [VIRTIO 1.4 §5.1.6.4]: filters, the room for a frame in
 * the driver's buffers, and the header that goes before it.
 *
 * From `accept` to `delivered` the chains that make up a frame's room are taken and not given back;
 * there is one such frame for each pair at a time. A frame that is not delivered puts them back
 * into the ring. The receive ring's notifications stay disarmed, but for when the class below keeps
 * a frame that had no room.
 */
#include <stddef.h>

#include <vdev/status.h>

#include "backends/net_parts.h"

_Static_assert(offsetof(struct virtio_net_hdr_v1, num_buffers) == 10, "the last half of a word");

/* The length of a header that a segmented frame's hdr_len is a hint at: at the most. */
#define TCP_HEADER_MOST 60u
#define UDP_HEADER      8u

/* How often a driver that adds buffers just then is looked at again for one frame. */
#define ROUNDS 4u

/* ---- filters ---- */

static bool is_listed(const struct vdev_net_backend_filter *filter,
                      struct vdev_net_backend_address address, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        if (net_same_address(filter->addresses[i], address)) {
            return true;
        }
    }
    return false;
}

static inline bool is_wanted(const struct vdev_net_backend_filter *filter,
                             const uint8_t *destination)
{
    struct vdev_net_backend_address address = net_address(destination);

    if (filter->everything) {
        return true;
    }
    if (!vdev_net_is_group(destination)) {
        return !filter->no_unicast &&
               (net_same_address(address, filter->own) || filter->all_unicast ||
                filter->unicast_overflow || is_listed(filter, address, 0, filter->unicast_count));
    }
    if (vdev_net_is_broadcast(destination)) {
        return !filter->no_broadcast;
    }
    return !filter->no_multicast &&
           (filter->all_multicast || filter->multicast_overflow ||
            is_listed(filter, address, filter->unicast_count, filter->address_count));
}

/* ---- room ---- */

/* The chains in hand are not used: back into the ring, or, if that cannot be, back empty. */
static void put_back(struct vdev_net_backend_pair *pair, size_t count)
{
    struct vdev_device_queue *queue = &pair->receive->live;

    if (!vdev_device_queue_untake(queue, count)) {
        for (size_t i = 0; i < count; i++) {
            vdev_device_queue_give(queue, pair->receive_chains[i].id, 0);
        }
    }
}

/*
 * Take chains for `need` bytes, the virtio header included. VDEV_OK: there are *count of them, of
 * *pieces buffers; VDEV_ERROR_FULL: the ring has not enough now, and the driver is asked to notify
 * if the class waits; VDEV_ERROR_RANGE: not even a full ring, or the most that is taken for one
 * frame, has enough; VDEV_ERROR_CORRUPT. All chains are back where they were unless VDEV_OK.
 */
static int take_room(struct vdev_net_backend_pair *pair, uint32_t need, size_t *count,
                     size_t *pieces)
{
    struct vdev_net_backend *backend = pair->backend;
    struct vdev_device_queue *queue = &pair->receive->live;
    /* A merged buffer holds a header at least; one that is not holds a frame's header, too. */
    uint32_t least = VDEV_NET_BACKEND_HEADER_BYTES + (backend->merges ? 0 : VDEV_NET_HEADER_BYTES);
    size_t most = backend->merges ? backend->receive_chain_count : 1;
    unsigned refused = 0;
    unsigned rounds = 0;
    uint32_t room = 0;
    struct vdev_chain chain;
    int status;

    *count = 0;
    *pieces = 0;
    for (;;) {
        if (*pieces == backend->receive_buffer_count) {
            status = VDEV_ERROR_RANGE;
            break;
        }
        chain.buffers = pair->receive_buffers + *pieces;
        chain.capacity = backend->receive_buffer_count - *pieces;
        status = vdev_device_queue_take(queue, &chain);
        if (status == VDEV_OK) {
            if (chain.readable_length != 0 || chain.writable_length < least) {
                vdev_device_queue_refuse(queue, chain.id);
                if (++refused > backend->device.queue_size_maximum) {
                    status = VDEV_ERROR_RANGE;
                    break;
                }
                continue;
            }
            pair->receive_chains[*count] =
                (struct vdev_used_chain){.written = chain.writable_length, .id = chain.id};
            *count += 1;
            *pieces += chain.writable_count;
            if (chain.writable_length >= need - room) {
                return VDEV_OK;
            }
            room += chain.writable_length;
            if (*count == most) {
                status = VDEV_ERROR_RANGE;
                break;
            }
            continue;
        }
        if (status != VDEV_ERROR_EMPTY) {
            if (status == VDEV_ERROR_CORRUPT) {
                vdev_virtio_device_fail(&backend->device);
            }
            return status;
        }
        if (*count == pair->receive->configuration.size) {
            status = VDEV_ERROR_RANGE;
            break;
        }
        status = VDEV_ERROR_FULL;
        if (backend->net->operations->resume == NULL) {
            break;
        }
        /* Armed behind what is there, before that is put back. */
        if (!vdev_device_queue_arm(queue)) {
            pair->waiting = true;
            break;
        }
        vdev_device_queue_disarm(queue);
        if (++rounds == ROUNDS) {
            status = VDEV_ERROR_RANGE;
            break;
        }
    }
    put_back(pair, *count);
    return status;
}

/* Set apart the place of the virtio header; the rest is the frame's room. */
static void set_header_apart(struct vdev_net_backend_pair *pair, size_t pieces,
                             struct vdev_net_room *room)
{
    struct vdev_buffer *buffers = pair->receive_buffers;
    size_t skip = VDEV_NET_BACKEND_HEADER_BYTES;

    pair->header = buffers->pointer;
    if (buffers->length <= skip) {
        if (buffers->length < skip) {
            struct vdev_cursor cursor = vdev_cursor(buffers, pieces);
            pair->header = NULL;
            pair->header_piece_count = (unsigned)vdev_cursor_split(
                &cursor, skip, pair->header_pieces, VDEV_NET_BACKEND_HEADER_BYTES);
        }
        while (skip != 0 && skip >= buffers->length) {
            skip -= buffers->length;
            buffers++;
            pieces--;
        }
    }
    if (skip != 0) {
        buffers->pointer = (uint8_t *)buffers->pointer + skip;
        buffers->length -= skip;
        if (buffers->bus_address != VDEV_NO_BUS_ADDRESS) {
            buffers->bus_address += skip;
        }
    }
    room->buffers = buffers;
    room->buffer_count = pieces;
}

/* ---- what the class below calls ---- */

static int drop(struct vdev_net_backend *backend, enum vdev_net_drop reason, int status)
{
    backend->receive_dropped[reason]++;
    return status;
}

static int accept_running(struct vdev_net_backend_pair *pair,
                          const struct vdev_net_arrival *arrival, struct vdev_net_room *room)
{
    struct vdev_net_backend *backend = pair->backend;
    bool segmented = (arrival->offload.needs & NET_SEGMENTED) != 0;
    uint32_t longest =
        segmented ? VDEV_NET_SEGMENTED_BYTES : (uint32_t)backend->mtu + VDEV_NET_HEADER_BYTES;
    size_t count;
    size_t pieces;

    if (!is_wanted(&backend->filter, arrival->header)) {
        return drop(backend, VDEV_NET_DROP_FILTERED, VDEV_ERROR_UNSUPPORTED);
    }
    if (arrival->length > longest + VDEV_NET_TAG_BYTES) {
        return drop(backend, VDEV_NET_DROP_LONG, VDEV_ERROR_RANGE);
    }
    /* Made for another driver than this one, which may have been reset meanwhile. */
    if ((arrival->offload.needs & ~backend->net->client.accepts) != 0) {
        return drop(backend, VDEV_NET_DROP_OFFLOAD, VDEV_ERROR_UNSUPPORTED);
    }
    int status = take_room(pair, arrival->length + VDEV_NET_BACKEND_HEADER_BYTES, &count, &pieces);
    if (status != VDEV_OK) {
        if (status != VDEV_ERROR_FULL) {
            drop(backend,
                 status == VDEV_ERROR_RANGE ? VDEV_NET_DROP_NO_ROOM : VDEV_NET_DROP_NO_LINK, 0);
        }
        /* For chains that were malformed. */
        vdev_virtio_device_signal(&backend->device, pair->receive_index);
        return status;
    }
    set_header_apart(pair, pieces, room);
    pair->tagged = backend->filter.vlans && arrival->header[12] == NET_TYPE_VLAN >> 8 &&
                   arrival->header[13] == (NET_TYPE_VLAN & 0xff);
    if (pair->tagged) {
        /* Its VLAN is not among what is shown of a frame before it is there. */
        pair->room = *room;
    }
    pair->offload = arrival->offload;
    pair->length = arrival->length;
    pair->epoch = pair->receive->epoch;
    pair->chain_count = (uint16_t)count;
    return VDEV_OK;
}

int vdev_net_backend_accept(void *owner, const struct vdev_net_arrival *arrival,
                            struct vdev_net_room *room)
{
    struct vdev_net_backend *backend = owner;
    struct vdev_virtio_device *device = &backend->device;
    struct vdev_net_backend_pair *pair = &backend->pairs[0];

    pair->waiting = false;
    if (!device->running || !pair->receive->ready) {
        return drop(backend, VDEV_NET_DROP_NO_LINK, VDEV_ERROR_ABSENT);
    }
    if (pair->chain_count != 0 || !vdev_virtio_device_enter(device)) {
        return drop(backend, VDEV_NET_DROP_NO_ROOM, VDEV_ERROR_BUSY);
    }
    int status = accept_running(pair, arrival, room);
    vdev_virtio_device_leave(device);
    return status;
}

static bool is_vlan_wanted(const struct vdev_net_backend_pair *pair)
{
    struct vdev_cursor cursor = vdev_cursor(pair->room.buffers, pair->room.buffer_count);
    uint8_t tag[2] = {0, 0};

    vdev_cursor_skip(&cursor, VDEV_NET_HEADER_BYTES);
    vdev_cursor_read(&cursor, tag, sizeof tag);
    unsigned vlan = (tag[0] & 0xfu) << 8 | tag[1];
    return (pair->backend->filter.vlan[vlan / 32] >> vlan % 32 & 1) != 0;
}

/* What a receiver is told of a frame that is not all there yet, or that was checked. */
static void describe(const struct vdev_net_backend_pair *pair, uint8_t *header)
{
    const struct vdev_net_offload *offload = &pair->offload;
    uint32_t needs = offload->needs;
    uint32_t type = VIRTIO_NET_HDR_GSO_NONE;

    if ((needs & VDEV_NET_CHECKSUM) == 0) {
        /* What nobody is to complete may have been found right; who did not negotiate checksums
         * is told nothing of them [VIRTIO 1.4 §5.1.6.4.1]. */
        if (offload->checksum_valid &&
            (pair->backend->net->client.accepts & VDEV_NET_CHECKSUM) != 0) {
            header[offsetof(struct virtio_net_hdr_v1, flags)] = VIRTIO_NET_HDR_F_DATA_VALID;
        }
        return;
    }
    header[offsetof(struct virtio_net_hdr_v1, flags)] = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    virtio_store_le16(header + offsetof(struct virtio_net_hdr_v1, csum_start),
                      offload->checksum_start);
    virtio_store_le16(header + offsetof(struct virtio_net_hdr_v1, csum_offset),
                      offload->checksum_offset);
    if ((needs & NET_SEGMENTED) == 0) {
        return;
    }
    type = (needs & VDEV_NET_TCP4) != 0   ? VIRTIO_NET_HDR_GSO_TCPV4
           : (needs & VDEV_NET_TCP6) != 0 ? VIRTIO_NET_HDR_GSO_TCPV6
                                          : VIRTIO_NET_HDR_GSO_UDP_L4;
    if ((needs & VDEV_NET_ECN) != 0) {
        type |= VIRTIO_NET_HDR_GSO_ECN;
    }
    /* A hint that is not less than the headers [VIRTIO 1.4 §5.1.6.4.1]. */
    uint32_t headers =
        offload->checksum_start + ((needs & VDEV_NET_UDP) != 0 ? UDP_HEADER : TCP_HEADER_MOST);
    if (headers > pair->length) {
        headers = pair->length;
    }
    header[offsetof(struct virtio_net_hdr_v1, gso_type)] = (uint8_t)type;
    virtio_store_le16(header + offsetof(struct virtio_net_hdr_v1, hdr_len),
                      (uint16_t)(headers < UINT16_MAX ? headers : UINT16_MAX));
    virtio_store_le16(header + offsetof(struct virtio_net_hdr_v1, gso_size), offload->segment_size);
}

static void write_header(struct vdev_net_backend_pair *pair, uint16_t chain_count)
{
    uint8_t header[VDEV_NET_BACKEND_HEADER_BYTES];
    uint8_t *to = pair->header != NULL ? pair->header : header;

    /* Most have nothing to tell but how many buffers there are. */
    virtio_store_le32(to, 0);
    virtio_store_le32(to + 4, 0);
    virtio_store_le32(to + 8, (uint32_t)chain_count << 16);
    if (pair->offload.needs != 0 || pair->offload.checksum_valid) {
        describe(pair, to);
    }
    if (pair->header == NULL) {
        struct vdev_cursor cursor = vdev_cursor(pair->header_pieces, pair->header_piece_count);
        vdev_cursor_write(&cursor, header, sizeof header);
    }
}

void vdev_net_backend_delivered(void *owner, int status)
{
    struct vdev_net_backend *backend = owner;
    struct vdev_net_backend_pair *pair = &backend->pairs[0];
    uint16_t count = pair->chain_count;

    pair->chain_count = 0;
    if (count == 0 || pair->epoch != pair->receive->epoch) {
        return; /* the driver took its queue back */
    }
    if (status == VDEV_OK && pair->tagged && !is_vlan_wanted(pair)) {
        status = drop(backend, VDEV_NET_DROP_FILTERED, VDEV_ERROR_UNSUPPORTED);
    }
    if (status != VDEV_OK) {
        put_back(pair, count);
    } else {
        uint32_t left = pair->length + VDEV_NET_BACKEND_HEADER_BYTES;
        write_header(pair, count);
        /* All but the last are used to their ends. */
        for (unsigned i = 0; i + 1u < count; i++) {
            left -= pair->receive_chains[i].written;
        }
        pair->receive_chains[count - 1u].written = left;
        vdev_device_queue_give_all(&pair->receive->live, pair->receive_chains, count);
    }
    vdev_virtio_device_signal(&backend->device, pair->receive_index);
}

void vdev_net_backend_refilled(struct vdev_net_backend_pair *pair)
{
    struct vdev_net_backend *backend = pair->backend;

    /* Armed or not, and in vain if not: a driver's queue starts out armed, and an event index that
     * was disarmed comes round again after 65536 entries. */
    vdev_device_queue_disarm(&pair->receive->live);
    if (pair->waiting) {
        pair->waiting = false;
        vdev_net_resume(backend->net);
    }
}
