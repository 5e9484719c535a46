/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio network device [VIRTIO 1.4 §5.1]: a back-end over any device of the net class.
 *
 * One pair of queues and the control queue. The guest's own pages are handed down: the back-end
 * copies no frame in either direction; what is received goes straight into the guest's buffers,
 * several of them for one frame if the driver merges. Checksums and segmentation are offered as far
 * as the class below takes them, and taken as far as the driver accepts them; the software for
 * either is not here (vdev/net_offload.h). Receive modes, address and VLAN filters are applied to
 * whatever the class hands up. Not here: several queue pairs, hashes and steering, UDP
 * fragmentation, tunnels, coalescing of interrupts, statistics, standby.
 *
 * Notifications are what this back-end is sparing with. While the class below has frames of a
 * driver's, the driver is not asked to notify: the ring is looked at again when a frame completes.
 * A receive ring asks for a notification only when it had no room for a frame that the class
 * keeps (it has `resume`).
 */
#ifndef VDEV_BACKENDS_NET_H
#define VDEV_BACKENDS_NET_H

#include <vdev/net.h>
#include <vdev/virtio.h>

#define VDEV_NET_BACKEND_PAIRS  1u
#define VDEV_NET_BACKEND_QUEUES (2u * VDEV_NET_BACKEND_PAIRS + 1u)
/* Queues [VIRTIO 1.4 §5.1.2], of pair 0 .. VDEV_NET_BACKEND_PAIRS - 1. */
#define VDEV_NET_RECEIVE_QUEUE(pair)  ((uint16_t)(2u * (pair)))
#define VDEV_NET_TRANSMIT_QUEUE(pair) ((uint16_t)(2u * (pair) + 1u))
#define VDEV_NET_CONTROL_QUEUE        ((uint16_t)(2u * VDEV_NET_BACKEND_PAIRS))

#define VDEV_NET_BACKEND_HEADER_BYTES 12u /* before each frame in a ring [VIRTIO 1.4 §5.1.6] */
/* Addresses that a driver may filter by; with more, all of that kind are passed on. */
#define VDEV_NET_BACKEND_ADDRESSES 32u
/* The longest command, in pieces of memory: one more and it is given back unread. */
#define VDEV_NET_BACKEND_CONTROL_BUFFERS 16u

struct vdev_net_backend;
struct vdev_net_backend_pair;

/* One frame that the class below has. The fields are the back-end's, here and below. */
struct vdev_net_backend_slot {
    struct vdev_net_frame frame;
    struct vdev_net_backend_pair *pair;
    struct vdev_buffer *buffers; /* of the whole chain */
    struct vdev_net_backend_slot *next_free;
    uint32_t epoch;
    uint16_t id;
};

struct vdev_net_backend_pair {
    struct vdev_net_backend *backend;
    struct vdev_virtio_queue *receive;
    struct vdev_virtio_queue *transmit;
    uint16_t receive_index; /* of the queue, as the device core counts them */
    uint16_t transmit_index;
    /* Transmission. */
    struct vdev_net_backend_slot *free;
    size_t in_flight;    /* slots that the class below has, those from before a reset included */
    bool transmit_armed; /* the driver is asked to notify */
    /* Reception: the room of the frame that was accepted and is not delivered yet. */
    struct vdev_buffer *receive_buffers;
    struct vdev_used_chain *receive_chains;
    uint8_t
        *header; /* where the virtio header goes, if it is in one piece; else in header_pieces */
    struct vdev_buffer header_pieces[VDEV_NET_BACKEND_HEADER_BYTES];
    unsigned header_piece_count;
    struct vdev_net_room room; /* of a frame with a tag */
    struct vdev_net_offload offload;
    uint32_t length;
    uint32_t epoch;
    uint16_t chain_count; /* 0: no frame accepted */
    bool tagged;          /* its VLAN is still to be looked at */
    bool waiting;         /* the class below keeps a frame until there is room */
};

/* An address as it is compared. */
struct vdev_net_backend_address {
    uint32_t first;
    uint16_t last;
};

struct vdev_net_backend_filter {
    bool everything;  /* promiscuous, or the driver did not negotiate filters */
    bool promiscuous; /* the modes as the driver set them */
    bool all_multicast;
    bool all_unicast;
    bool no_multicast;
    bool no_unicast;
    bool no_broadcast;
    bool unicast_overflow; /* more addresses than there is place for */
    bool multicast_overflow;
    bool vlans;                      /* tagged frames are filtered */
    enum vdev_net_receive_mode mode; /* what the class below was asked for */
    struct vdev_net_backend_address own;
    struct vdev_net_backend_address addresses[VDEV_NET_BACKEND_ADDRESSES]; /* unicast ones first */
    uint8_t unicast_count;
    uint8_t address_count;
    uint32_t vlan[4096 / 32];
};

struct vdev_net_backend_configuration {
    const struct vdev_memory *memory; /* the guest's */
    struct vdev_net *net;             /* below; the back-end becomes its client */
    /* One slot for each frame that may be with the class below. */
    struct vdev_net_backend_slot *slots;
    size_t slot_count;
    /* slot_count * buffers_per_slot of them: a frame with its header, in pieces of memory. */
    struct vdev_buffer *buffers;
    size_t buffers_per_slot; /* 20 serves Linux; a longer chain is given back unsent */
    /* What one received frame may be spread over: pieces of memory, and chains of the ring. */
    struct vdev_buffer *receive_buffers;
    size_t receive_buffer_count;
    struct vdev_used_chain *receive_chains;
    size_t receive_chain_count; /* merging is offered from 2 on; 64 serve Linux' longest frames */
    uint16_t queue_size;        /* of each queue; a power of two */
};

struct vdev_net_backend {
    struct vdev_virtio_device device; /* to put on a transport */
    struct vdev_virtio_queue queues[VDEV_NET_BACKEND_QUEUES];
    struct vdev_net_backend_pair pairs[VDEV_NET_BACKEND_PAIRS];
    struct vdev_net *net;
    size_t receive_buffer_count;
    size_t receive_chain_count;
    size_t buffers_per_slot;
    uint32_t takes; /* of the driver, as negotiated: VDEV_NET_CHECKSUM and so on */
    bool merges;    /* MRG_RXBUF was negotiated */
    uint16_t mtu;   /* what the driver was told; never changes */
    struct vdev_net_backend_filter filter;
    struct vdev_buffer control_buffers[VDEV_NET_BACKEND_CONTROL_BUFFERS];
    uint8_t configuration_space[12];
    /*
     * What ends here, by reason: frames that the driver wanted to send and that were not fit to be
     * submitted, frames that arrived and were not wanted. All that the class drops is in its own
     * `sent` and `received`. Modulo 2^32.
     */
    uint32_t transmit_dropped[VDEV_NET_DROP_REASONS];
    uint32_t receive_dropped[VDEV_NET_DROP_REASONS];
    uint32_t malformed;      /* chains to transmit that the device may write to; modulo 2^32 */
    uint32_t commands;       /* of the control queue; modulo 2^32 */
    uint32_t command_errors; /* of these, answered with an error, or not answerable; modulo 2^32 */
};

/*
 * Make a back-end; put `backend->device` on a transport next. All that the configuration points to
 * stays the caller's and in place. VDEV_ERROR_INVALID: a missing pointer or nothing in an array, an
 * MTU below VDEV_NET_MTU_MINIMUM, or a queue size that is not allowed.
 */
int vdev_net_backend_init(struct vdev_net_backend *backend,
                          const struct vdev_net_backend_configuration *configuration);

/*
 * Ask the driver to make itself known on the network, after it was moved [VIRTIO 1.4 §5.1.6.5.4].
 * From the device's context. VDEV_ERROR_STATE: no driver runs; VDEV_ERROR_UNSUPPORTED: it did not
 * negotiate GUEST_ANNOUNCE and STATUS.
 */
int vdev_net_backend_announce(struct vdev_net_backend *backend);

#endif
