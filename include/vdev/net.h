/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The net class: Ethernet frames, both ways, with flow control both ways.
 *
 * Offered by a controller's driver, a net front-end, or a port of a switch; used by a net back-end,
 * a controller's emulator, a switch, or a program. A frame goes from its destination address to the
 * end of its payload: no preamble, no frame check sequence. It may be larger than the medium takes,
 * or lack a checksum, where whoever takes it has said that it knows what to do (see
 * vdev/net_offload.h for who has to do it in software).
 *
 * Transmission is asynchronous as the block class is: `submit` queues a frame of the caller's and
 * never completes it inside itself. Reception asks before it copies: `accept` of the client is shown
 * the frame's header and says where the frame is to be put, so that a frame goes from a controller's
 * FIFO, or from another guest's memory, straight to where it is wanted.
 *
 * All of a device and its client run in one context. The functions of a client are called from
 * inside `poll` only, which the owner of the device calls from its interrupt or its loop.
 */
#ifndef VDEV_NET_H
#define VDEV_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/buffer.h>

#define VDEV_NET_ADDRESS_BYTES 6u
#define VDEV_NET_HEADER_BYTES  14u /* destination, source, type */
#define VDEV_NET_TAG_BYTES     4u  /* of a VLAN, which the MTU does not count */
#define VDEV_NET_MTU           1500u
#define VDEV_NET_MTU_MINIMUM   68u    /* [RFC 791] */
#define VDEV_NET_MTU_MAXIMUM   65535u /* [VIRTIO 1.4 §5.1.4.1] */
/* The longest frame that is to be segmented, with its header [VIRTIO 1.4 §5.1.6.3.1]. */
#define VDEV_NET_SEGMENTED_BYTES (65535u + VDEV_NET_HEADER_BYTES)

/* ---- what is left to do for a frame ---- */

/* Kinds of help with a frame, as a set: what a device takes, what a client accepts. */
#define VDEV_NET_CHECKSUM 0x01u /* a checksum that is only begun */
#define VDEV_NET_TCP4     0x02u /* TCP over IPv4, longer than the MTU */
#define VDEV_NET_TCP6     0x04u /* TCP over IPv6, longer than the MTU */
#define VDEV_NET_UDP      0x08u /* UDP over either, longer than the MTU: one datagram for each segment */
#define VDEV_NET_ECN      0x10u /* with TCP: the frame carries CWR, which the first segment alone is given */

/*
 * What is left to do for one frame. All zero: nothing. Who makes a frame has checked what a peer
 * said of it by vdev_net_check: the fields then lie inside the frame.
 */
struct vdev_net_offload {
    /*
     * VDEV_NET_CHECKSUM: the 16 bits at checksum_start + checksum_offset hold the sum of the
     * pseudo header; the ones' complement sum from checksum_start to the frame's end goes there.
     * One of VDEV_NET_TCP4, _TCP6, _UDP: the frame is to be segmented; it then needs the checksum
     * as well. VDEV_NET_ECN with the former two.
     */
    uint8_t needs;
    bool checksum_valid;      /* somebody has checked the checksums already */
    uint16_t segment_size;    /* bytes of payload in each segment; 0 unless segmented */
    uint16_t checksum_start;  /* bytes from the frame's start */
    uint16_t checksum_offset; /* bytes from checksum_start */
};

/* ---- what is counted ---- */

/* Why a frame went no further. Each drop is counted once, by whoever drops it. */
enum vdev_net_drop {
    VDEV_NET_DROP_SHORT,    /* shorter than its header, or than its fields say */
    VDEV_NET_DROP_LONG,     /* longer than the MTU allows, and not to be segmented */
    VDEV_NET_DROP_OFFLOAD,  /* checksum or segmentation fields that make no sense */
    VDEV_NET_DROP_FULL,     /* a bounded queue of this device was full */
    VDEV_NET_DROP_NO_ROOM,  /* the receiver had no room for it */
    VDEV_NET_DROP_NO_LINK,  /* no link, or the receiver does not run */
    VDEV_NET_DROP_FILTERED, /* the receiver does not want it: address, VLAN, receive mode */
    VDEV_NET_DROP_SPOOFED,  /* the sender used an address that is not its own */
    VDEV_NET_DROP_LIMITED,  /* over the limit for floods: broadcast, multicast, unknown receiver */
    VDEV_NET_DROP_MEDIUM,   /* damaged on the medium, or overrun in the controller */
    VDEV_NET_DROP_REASONS,
};

/* Modulo 2^32: take differences. */
struct vdev_net_direction {
    uint32_t frames; /* that went on */
    uint32_t bytes;
    uint32_t dropped[VDEV_NET_DROP_REASONS];
};

/* The reason in a word or two, for reports: "no room"; "unknown" for a number that is none. */
const char *vdev_net_drop_name(enum vdev_net_drop reason);

/* ---- transmission ---- */

struct vdev_net_frame {
    const struct vdev_buffer *buffers;
    size_t buffer_count;
    uint32_t length; /* bytes in all buffers */
    struct vdev_net_offload offload;
    /*
     * Called once, from inside the poll of the device or of one that it passed the frame on to:
     * VDEV_OK (on its way, or dropped by a stated policy further on, and counted there), or
     * VDEV_ERROR_IO, VDEV_ERROR_TIMEOUT, VDEV_ERROR_ABSENT. The frame is the caller's again; it may
     * be submitted anew from here.
     */
    void (*complete)(struct vdev_net_frame *frame, int status);
    void *owner;                 /* the caller's; the device does not look at it */
    struct vdev_net_frame *next; /* the device's, while it has the frame */
};

/* ---- reception ---- */

/* What is known of a frame that has arrived, before any of it is copied. */
struct vdev_net_arrival {
    uint32_t length;                       /* bytes, VDEV_NET_HEADER_BYTES or more */
    struct vdev_net_offload offload;       /* within what the client accepts */
    uint8_t header[VDEV_NET_HEADER_BYTES]; /* a copy, aligned to 2 */
};

/* Where a frame is to be put: buffers of `length` bytes in all, or more. */
struct vdev_net_room {
    const struct vdev_buffer *buffers;
    size_t buffer_count;
};

/* The user of a device. Functions that may be NULL say so. */
struct vdev_net_client {
    /*
     * A frame has arrived. VDEV_OK: *room says where it goes, and `delivered` follows before any
     * other call of this client's functions. VDEV_ERROR_FULL: no room now; the client calls
     * vdev_net_resume when there is, and the device either keeps the frame until then or drops and
     * counts it (VDEV_NET_DROP_NO_ROOM). Any other error: the client does not want it; it has
     * counted why.
     */
    int (*accept)(void *owner, const struct vdev_net_arrival *arrival, struct vdev_net_room *room);
    /*
     * All of the accepted frame is in its room (VDEV_OK), or it turned out to be bad on the way
     * (VDEV_ERROR_IO): then the room is the client's again and its content of no meaning.
     */
    void (*delivered)(void *owner, int status);
    /* There is room to submit, after a submit that returned VDEV_ERROR_FULL. May be NULL. */
    void (*writable)(void *owner);
    /* `link` or what else the device tells of itself has changed. May be NULL. */
    void (*changed)(void *owner);
    void *owner;
    /* VDEV_NET_CHECKSUM and so on: what frames may arrive with. The client may change it. */
    uint32_t accepts;
};

/* ---- a device ---- */

/* What the device is to pass on of what it receives. */
enum vdev_net_receive_mode {
    VDEV_NET_RECEIVE_OWN,           /* its own address and broadcasts */
    VDEV_NET_RECEIVE_ALL_MULTICAST, /* also every multicast */
    VDEV_NET_RECEIVE_ALL,           /* everything */
};

struct vdev_net;

struct vdev_net_operations {
    /*
     * VDEV_OK: queued, `complete` will come. Else not queued, and not counted: VDEV_ERROR_INVALID
     * (as vdev_net_check), VDEV_ERROR_RANGE (too long), VDEV_ERROR_UNSUPPORTED (needs what the
     * device does not take), VDEV_ERROR_FULL (`writable` will come), VDEV_ERROR_ABSENT (the device
     * is gone for good). Without a link frames are queued, dropped and completed with VDEV_OK.
     */
    int (*submit)(struct vdev_net *net, struct vdev_net_frame *frame);
    /*
     * Look at the hardware, move at most one frame each way, complete what is done, call the client.
     * Returns true if it should be called again at once, false if an event will call for it.
     */
    bool (*poll)(struct vdev_net *net);
    /* The client has room again, after VDEV_ERROR_FULL. NULL: the device drops, and does not wait. */
    void (*resume)(struct vdev_net *net);
    /* VDEV_ERROR_UNSUPPORTED: not this one. NULL: the device passes on everything. */
    int (*set_receive_mode)(struct vdev_net *net, enum vdev_net_receive_mode mode);
};

/* Embedded by each device of the class as its public face. */
struct vdev_net {
    const struct vdev_net_operations *operations;
    struct vdev_net_client client; /* set by the user before the first poll */
    /* What the device tells of itself; changes are announced by `changed`. */
    uint8_t address[VDEV_NET_ADDRESS_BYTES];
    uint16_t mtu;             /* bytes of payload in a frame that is not to be segmented */
    uint32_t takes;           /* VDEV_NET_CHECKSUM and so on, on submit; constant */
    uint32_t maximum_buffers; /* in one frame; 0: no limit; constant */
    bool link;                /* there is somebody at the other end */
    /* Counted by the device: what its user sent, and what it received for its user. */
    struct vdev_net_direction sent;
    struct vdev_net_direction received;
};

/*
 * The checks of a frame of `length` bytes that are the same for everybody: what the frame needs
 * against what `takes` allows, the frame against the MTU, and its offload fields against the frame.
 * VDEV_OK; VDEV_ERROR_INVALID: shorter than a header, or fields that are contradictory or point
 * outside of it; VDEV_ERROR_RANGE: longer than the MTU (a VLAN tag is allowed for) or, to be
 * segmented, than VDEV_NET_SEGMENTED_BYTES; VDEV_ERROR_UNSUPPORTED.
 */
int vdev_net_check(uint32_t length, const struct vdev_net_offload *offload, uint32_t takes,
                   uint16_t mtu);

/*
 * The reason to count for an error of vdev_net_check or of submit, by what the frame `needs`: one
 * that is invalid and needs nothing is shorter than it says, of any other the fields are to blame.
 */
enum vdev_net_drop vdev_net_drop_of(int status, uint32_t needs);

static inline bool vdev_net_is_group(const uint8_t *address) /* multicast or broadcast */
{
    return (address[0] & 1) != 0;
}

static inline bool vdev_net_is_broadcast(const uint8_t *address)
{
    return (address[0] & address[1] & address[2] & address[3] & address[4] & address[5]) == 0xff;
}

static inline bool vdev_net_same_address(const uint8_t *one, const uint8_t *other)
{
    return ((one[0] ^ other[0]) | (one[1] ^ other[1]) | (one[2] ^ other[2]) |
            (one[3] ^ other[3]) | (one[4] ^ other[4]) | (one[5] ^ other[5])) == 0;
}

static inline void vdev_net_count(struct vdev_net_direction *direction, uint32_t length)
{
    direction->frames++;
    direction->bytes += length;
}

static inline int vdev_net_submit(struct vdev_net *net, struct vdev_net_frame *frame)
{
    return net->operations->submit(net, frame);
}

static inline bool vdev_net_poll(struct vdev_net *net)
{
    return net->operations->poll(net);
}

static inline void vdev_net_resume(struct vdev_net *net)
{
    if (net->operations->resume != 0) {
        net->operations->resume(net);
    }
}

/* VDEV_ERROR_UNSUPPORTED: the device cannot; without such an operation it passes on everything. */
static inline int vdev_net_set_receive_mode(struct vdev_net *net, enum vdev_net_receive_mode mode)
{
    return net->operations->set_receive_mode != 0 ? net->operations->set_receive_mode(net, mode)
                                                  : 0;
}

#endif
