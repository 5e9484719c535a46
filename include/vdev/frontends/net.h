/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver for virtio network devices [VIRTIO 1.4 §5.1] on any transport, offering the net class.
 *
 * One queue pair, and the control queue where there is memory for one. Frames to send go to the
 * device from the buffers they are in, which need bus addresses, or else are copied into bounce
 * memory, where there is any; frames that arrive are copied once, from the receive memory into the
 * client's room. The device is not trusted: a frame that makes no sense is dropped and counted; a
 * device that breaks the rules, asks for a reset or falls silent is reset and started again, and
 * what was in flight fails with VDEV_ERROR_IO (or VDEV_ERROR_TIMEOUT). If it does not start again,
 * it is gone: VDEV_ERROR_ABSENT from then on.
 *
 * A frame for which the client has no room is kept, and those behind it stay in the ring: after
 * vdev_net_resume no interrupt comes for them, so poll has to be called.
 *
 * Not here: several queue pairs, VLAN filters, hashes, tunnels, and offloads in software: a frame
 * that arrives with what the client does not accept is dropped (VDEV_NET_DROP_OFFLOAD).
 */
#ifndef VDEV_FRONTENDS_NET_H
#define VDEV_FRONTENDS_NET_H

#include <vdev/clock.h>
#include <vdev/net.h>
#include <vdev/virtio_driver.h>
#include <vdev/virtqueue.h>

/* Shared with the device: the header of each frame in flight, and of each that arrives. */
#define VDEV_NET_FRONTEND_HEADER_BYTES 12u
#define VDEV_NET_FRONTEND_SLOT_BYTES   16u /* for the header of a frame in flight */
/* A receive buffer for one frame without segmentation, with a VLAN tag. */
#define VDEV_NET_FRONTEND_RECEIVE_BYTES                                                            \
    (VDEV_NET_FRONTEND_HEADER_BYTES + VDEV_NET_HEADER_BYTES + VDEV_NET_TAG_BYTES + VDEV_NET_MTU)
/* Addresses in the receive filter, and the memory shared for one command. */
#define VDEV_NET_FRONTEND_FILTER_ADDRESSES 16u
#define VDEV_NET_FRONTEND_CONTROL_BYTES    128u
#define VDEV_NET_FRONTEND_CONTROL_QUEUE    4u /* the least size of the control queue */

/* A frame in flight, where the device cannot reach it. The fields are the front-end's. */
struct vdev_net_frontend_transmission {
    struct vdev_net_frame *frame; /* NULL: free */
    uint16_t next_free;
};

struct vdev_net_frontend_configuration {
    struct vdev_virtio_driver *transport;
    const struct vdev_clock *clock;
    struct vdev_driver_queue_memory receive_queue;  /* of queue_size */
    struct vdev_driver_queue_memory transmit_queue; /* of queue_size */
    uint16_t queue_size; /* a power of two, 4 or more, at most what the device offers */

    /* receive_count buffers of receive_size bytes each, one after the other, with a bus address. */
    struct vdev_buffer receive_memory;
    uint32_t receive_size;        /* 64 or more */
    uint16_t receive_count;       /* 1 or more, at most queue_size */
    struct vdev_buffer *received; /* receive_count of them: the pieces of one frame, private */
    /*
     * Let a frame lie in several buffers (VIRTIO_NET_F_MRG_RXBUF). If not, or if the device does
     * not do it, receive_size has to be VDEV_NET_FRONTEND_RECEIVE_BYTES or more.
     */
    bool merge;
    /*
     * VDEV_NET_CHECKSUM and so on: what the device may leave to do in frames that arrive, as far as
     * it can. The client has to accept as much. Segmentation is asked for only with
     * VDEV_NET_CHECKSUM, and if VDEV_NET_SEGMENTED_BYTES and headers fit: into each buffer, or with
     * merging into all of them.
     */
    uint32_t accepts;

    struct vdev_net_frontend_transmission *transmissions; /* one for each frame in flight */
    uint16_t transmission_count;                          /* 1 or more */
    /* transmission_count * VDEV_NET_FRONTEND_SLOT_BYTES, with a bus address. */
    struct vdev_buffer headers;
    /* Room to make up one frame: one more than the most buffers it may have. */
    struct vdev_buffer *pieces;
    uint16_t piece_count; /* 2 or more */
    /*
     * Where frames are copied that lie where the device does not reach, in an emulator for
     * instance: transmission_count times bounce_size bytes, with a bus address. VDEV_ERROR_RANGE is
     * the answer to one that is longer. How many buffers such a frame has does not matter. 0: there
     * is none.
     */
    struct vdev_buffer bounce;
    uint32_t bounce_size;

    /*
     * The control queue: receive modes, filter, announcements. Without memory for commands there is
     * none, and the device passes on what it likes.
     */
    struct vdev_driver_queue_memory control_queue; /* of control_queue_size */
    uint16_t control_queue_size; /* a power of two, VDEV_NET_FRONTEND_CONTROL_QUEUE or more */
    struct vdev_buffer control;  /* VDEV_NET_FRONTEND_CONTROL_BYTES, with a bus address; or NULL */

    /* Of a device that does not bring its own; not a group address. */
    uint8_t address[VDEV_NET_ADDRESS_BYTES];
    /* Without any completion while frames are in flight, or for one command; 0: without end. */
    uint64_t timeout_nanoseconds;
};

/* Why a device was restarted, each modulo 2^32. */
struct vdev_net_frontend_restarts {
    uint32_t all;
    uint32_t ring;    /* an id out of range or not in flight, an index that jumped */
    uint32_t merged;  /* a count of merged buffers that is 0, or of more than came */
    uint32_t header;  /* a buffer came back with less than a header in it */
    uint32_t wanted;  /* it said that it needs a reset */
    uint32_t timeout; /* it was silent */
};

struct vdev_net_frontend {
    struct vdev_net net; /* the class; `address`, `mtu`, `takes` and so on are filled in by init */
    struct vdev_net_frontend_configuration configuration;
    struct vdev_driver_queue receive, transmit, control;
    uint64_t accepted; /* features */
    uint64_t progress; /* time of the last completion, or of the first frame after idleness */
    uint32_t arrivals; /* VDEV_NET_CHECKSUM and so on: what frames may arrive with */

    /* A frame that has arrived; kept while the client has no room. */
    struct vdev_net_arrival arrival;
    uint16_t received_count; /* pieces of it; 0: there is none */
    bool full;               /* the client had no room for it, and has not called resume */

    uint16_t free_head;
    uint16_t in_flight;

    uint32_t commands;     /* control commands still to be sent, a bit each */
    uint32_t command;      /* that in flight; 0: none */
    uint64_t command_time; /* when it was sent */
    enum vdev_net_receive_mode mode;
    uint8_t filter[VDEV_NET_FRONTEND_FILTER_ADDRESSES][VDEV_NET_ADDRESS_BYTES];
    uint8_t filter_unicast, filter_multicast; /* counts: the former come first */

    uint16_t rounds; /* polls in a row that asked to be called again */
    uint8_t broken;  /* found meanwhile; poll will restart the device */
    bool blocked;    /* a submit found no room */
    bool changed;    /* the client is to be told */
    bool alive;      /* else: gone */
    bool polling;    /* inside poll: what is submitted is published at its end */

    struct vdev_net_frontend_restarts restarts;
    uint32_t announcements; /* that the device asked for: `changed` came for each; modulo 2^32 */
    uint32_t refused;       /* commands that the device refused; modulo 2^32 */
};

/*
 * Take a device through its initialization and read what it is. Waits for the reset at most
 * VDEV_VIRTIO_RESET_NANOSECONDS, and for nothing else. What the configuration points to stays the
 * caller's and in place until vdev_net_frontend_stop. The receive mode is VDEV_NET_RECEIVE_OWN.
 * VDEV_ERROR_INVALID: a missing pointer, counts or sizes that do not fit, or a device that
 * describes itself impossibly (a group address, an MTU that is not allowed); VDEV_ERROR_RANGE:
 * receive buffers too short for a frame each, and the device does not merge them; else as of
 * vdev_virtio_driver_begin and vdev_virtio_driver_start_queue.
 */
int vdev_net_frontend_init(struct vdev_net_frontend *frontend,
                           const struct vdev_net_frontend_configuration *configuration);

/*
 * What else than its own address and broadcasts the device is to receive: replaces the list before.
 * It is best effort: what is not wanted may still arrive. Returns at once; the device hears of it
 * when the commands before it are done. At any time.
 * VDEV_ERROR_UNSUPPORTED: no control queue, or the device has no filter; VDEV_ERROR_RANGE: more
 * than VDEV_NET_FRONTEND_FILTER_ADDRESSES; VDEV_ERROR_ABSENT.
 */
int vdev_net_frontend_set_filter(struct vdev_net_frontend *frontend,
                                 const uint8_t (*addresses)[VDEV_NET_ADDRESS_BYTES], size_t count);

/*
 * Reset the device and fail with VDEV_ERROR_ABSENT what is in flight. May be called from inside any
 * function of the client, or a completion. VDEV_ERROR_TIMEOUT: the device does not say that it is
 * reset, and may still use the memory.
 */
int vdev_net_frontend_stop(struct vdev_net_frontend *frontend);

#endif
