/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A learning Ethernet switch [IEEE 802.1Q-2018 §8]: any number of guests on any number of real
 * networks. A *guest port* offers the net class upward, to a back-end or an emulator; an *uplink*
 * stands on a device of the net class, whose client the switch is.
 *
 * Who waits for whom:
 *  - `submit` on a guest port queues and returns. vdev_switch_poll forwards one frame, or one
 * segment of one, and takes the ports that have frames in turn.
 *  - A guest that has no room loses the frame (VDEV_NET_DROP_NO_ROOM, counted at its own port).
 *    Nobody waits for it.
 *  - An uplink that is full is waited for by those guests only whose oldest frame goes there: their
 *    queues fill, and they see it as flow control. All other ports go on.
 *  - An uplink is asked to wait (VDEV_ERROR_FULL from `accept`, then `resume`) in two cases only:
 * its bounce buffer still holds a frame that segments are made of, or another uplink is between
 *    `accept` and `delivered` of a frame for the same guest. Guests wait for the latter as well.
 *
 * How often a frame is copied by the switch: never from a guest to an uplink (the uplink is given
 * the guest's own buffers), once from guest to guest (from the sender's buffers to the receiver's
 * room), never from an uplink to one guest (the uplink fills the guest's room). From an uplink to
 * several guests it goes through the uplink's bounce buffer, and once from there to each: were it
 * put into one guest's room and copied from there, that guest could change what the others get.
 *
 * A sender can change its memory at any time. The header of 14 bytes is read once; what is decided
 * by it and what is delivered are the same copy. The rest of a frame is the sender's own affair.
 *
 * VLAN tags are passed on and not looked at: addresses are the same in all VLANs. Frames to
 * 01-80-C2-00-00-00 to -0F, which are for the next bridge alone, are not forwarded [§8.6.3]. Not
 * here: a spanning tree. So that two uplinks into one network make no loop, nothing is forwarded
 * from uplink to uplink.
 */
#ifndef VDEV_MUX_SWITCH_H
#define VDEV_MUX_SWITCH_H

#include <vdev/clock.h>
#include <vdev/net.h>
#include <vdev/net_offload.h>

#define VDEV_SWITCH_PORTS      32u           /* of both kinds together, at most */
#define VDEV_SWITCH_AGEING     300000000000u /* nanoseconds [IEEE 802.1Q-2018 table 8-6] */
#define VDEV_SWITCH_WAYS       4u  /* entries of the table that one address may stand in */
#define VDEV_SWITCH_AGE_FRAMES 16u /* the clock is read once in so many frames, for ageing */
#define VDEV_SWITCH_AGE_STEPS  8u  /* the parts of the ageing time that are told apart */

/* One address and where it is. The caller's memory, the switch's content. */
struct vdev_switch_entry {
    uint32_t low;  /* the last four bytes */
    uint16_t high; /* the first two */
    uint8_t port;  /* its index */
    uint8_t state; /* unused, learned or fixed */
    uint32_t age;  /* the switch's age when the address was last a source */
};

/*
 * How many frames of a kind may be flooded. A bucket of `burst` frames is full at the beginning and
 * filled with `rate` frames a second.
 */
struct vdev_switch_limit {
    uint32_t rate;  /* frames a second, at most 10^9; 0: no limit */
    uint32_t burst; /* frames, at least 1 where there is a rate */
};

struct vdev_switch_bucket {
    uint64_t filled; /* nanoseconds on the clock, when it was filled last */
    uint64_t credit; /* nanoseconds' worth of frames */
    uint64_t most;   /* credit when full */
    uint32_t cost;   /* of one frame; 0: no limit */
};

/*
 * A frame, or a segment of one, that an uplink has: what must stay in place until it completes it.
 * The caller's memory, the switch's content.
 */
struct vdev_switch_slot {
    struct vdev_net_frame frame;
    struct vdev_switch_port *port; /* the guest's */
    struct vdev_net_frame *origin; /* the guest's; NULL: the slot is free */
    struct vdev_buffer *pieces;
    int status; /* of other segments of the origin, if one failed */
    bool alone; /* the only one made from the origin */
    _Alignas(4) uint8_t headers[VDEV_NET_HEADERS_MAXIMUM];
};

struct vdev_switch;

struct vdev_switch_port {
    /*
     * A guest port: the device that it offers. Of an uplink only the counters are in use:
     * `received` is what came in, `sent` what the switch sent out there. A frame is counted once at
     * the port where it comes in, as going on or by the reason why not; and once at each port
     * where it is to go out, as gone or by the reason why not. Segments are counted singly.
     */
    struct vdev_net net;
    struct vdev_switch *owner; /* NULL: not in use */
    struct vdev_net *below;    /* an uplink's device; NULL: a guest port */
    uint8_t index;
    bool fixed;   /* its one address is configured, and not learned */
    bool up;      /* vdev_switch_port_set_link */
    bool follows; /* the uplinks' link */
    bool unknown; /* is given unknown unicast although its address is fixed */
    bool pass_through;
    bool starved; /* a submit returned VDEV_ERROR_FULL */
    enum vdev_net_receive_mode mode;
    struct vdev_switch_entry *last_source; /* looked at first, for the next frame */
    struct vdev_switch_entry *last_destination;
    uint32_t learned; /* addresses in the table */
    uint32_t learned_maximum;
    struct vdev_switch_bucket group_bucket;
    struct vdev_switch_bucket unknown_bucket;

    /* Frames that wait, linked by `next`; the first may be on its way. */
    struct vdev_net_frame *first;
    struct vdev_net_frame *last;
    uint32_t queued;
    uint32_t queue_maximum;
    uint32_t flushing; /* so many of them fail */

    /* The frame on its way. */
    struct vdev_net_frame *current; /* NULL: none */
    uint32_t direct;                /* ports it is still to go to as it is */
    uint32_t software;              /* ports it is still to go to in segments made here */
    uint32_t segment_to;            /* ports that the segment is still to go to */
    bool segmenting;
    bool split; /* slots have parts of it */
    int status;
    _Alignas(2) uint8_t header[VDEV_NET_HEADER_BYTES]; /* read once */
    struct vdev_net_segmenter segmenter;

    /* A guest port: towards the uplinks. */
    struct vdev_switch_slot *slots;
    struct vdev_buffer *pieces; /* the segmenter's */
    uint32_t slots_free;        /* a set */
    uint32_t slot_count;
    uint32_t pieces_each;

    /* An uplink: the frame that it delivers at the moment, and the one that was bounced. */
    struct vdev_switch_port *receiver; /* NULL: the bounce buffer, or nobody */
    uint32_t bounce_to;                /* the guests that the arriving frame is to be copied to */
    uint32_t arriving;                 /* length of the frame that is delivered now; 0: none */
    struct vdev_net_frame bounced;
    struct vdev_buffer bounce;
    struct vdev_buffer bounce_pieces[2];
};

struct vdev_switch {
    struct vdev_switch_port *ports[VDEV_SWITCH_PORTS];
    struct vdev_switch_entry *entries;
    uint32_t bucket_count; /* of VDEV_SWITCH_WAYS entries each */
    uint32_t hand;         /* the bucket to look through next for addresses to forget */
    uint32_t seed;
    const struct vdev_clock *clock;
    void (*wake)(void *context);
    void *wake_context;
    uint64_t age_quantum; /* nanoseconds */
    uint64_t age_next;
    uint32_t age;
    uint32_t age_frames; /* until the clock is read again */
    uint16_t mtu;
    uint8_t turn;    /* the port served last */
    bool awake;      /* the owner knows that it has to poll */
    uint32_t inside; /* calls of clients that are under way */

    /* Sets of ports, by index. */
    uint32_t guests;
    uint32_t uplinks;
    uint32_t ready;      /* something to forward */
    uint32_t waiting;    /* of those: for an uplink, or for a delivery's end */
    uint32_t delivering; /* guests that an uplink delivers a frame to, at the moment */
    uint32_t wanted;     /* of those: somebody waits for the end of it */
    uint32_t writable;   /* `writable` is to be called */
    uint32_t changed;    /* `changed` is to be called */
    uint32_t refused;    /* uplinks that are to be told to resume */
    uint32_t resume;     /* of those: now */
};

struct vdev_switch_configuration {
    struct vdev_switch_entry *entries;
    uint32_t entry_count; /* a power of two, VDEV_SWITCH_WAYS to 65536 */
    const struct vdev_clock *clock;
    /*
     * An address is forgotten after so many nanoseconds of silence, or up to an eighth more, or
     * VDEV_SWITCH_AGE_FRAMES frames later. 0: VDEV_SWITCH_AGEING.
     */
    uint64_t ageing;
    uint16_t mtu; /* of the guest ports; 0: VDEV_NET_MTU */
    /* Any number that guests do not know: they cannot then choose addresses that meet in a bucket.
     */
    uint32_t seed;
    /*
     * vdev_switch_poll has become necessary: called from inside a guest port's submit, an uplink's
     * poll, or the functions below. It must not call the switch. NULL: the owner polls anyway.
     */
    void (*wake)(void *context);
    void *wake_context;
};

/*
 * The caller's memory all around; `entries` and the clock stay in place. VDEV_ERROR_INVALID: no
 * entries or no clock, or a count that is not as said.
 */
int vdev_switch_init(struct vdev_switch *self,
                     const struct vdev_switch_configuration *configuration);

/* ---- ports ---- */

struct vdev_switch_guest_configuration {
    uint8_t address[VDEV_NET_ADDRESS_BYTES]; /* what the port tells; and if fixed, the only one */
    /*
     * The port's one address is `address`. Any other source is VDEV_NET_DROP_SPOOFED, its place in
     * the table is taken for good, and unknown unicast is not for it, since all that is its own is
     * known. Without: addresses are learned, and it gets what is flooded, as a bridge has to.
     */
    bool fixed;
    bool unknown; /* to have unknown unicast in spite of `fixed`, while it receives everything */
    /*
     * An uplink is given the guest's frame itself, which it completes to the guest's back-end
     * directly. It then reads the header from the guest's memory a second time, and a guest that
     * changes it in between sends on the wire what was not checked; never to another guest.
     * Otherwise an uplink is given a slot's frame: with the header that was checked, and the
     * guest's own buffers from there on.
     */
    bool pass_through;
    bool down;    /* the link is down until vdev_switch_port_set_link */
    bool follows; /* the link is down too while no uplink has one; else that is not shown */
    uint32_t queue_maximum;         /* frames that may wait, at least 1; then VDEV_ERROR_FULL */
    uint32_t learned_maximum;       /* addresses learned at this port; 0 if fixed */
    struct vdev_switch_limit group; /* broadcasts and multicasts together */
    struct vdev_switch_limit unknown_unicast; /* frames to addresses that nobody has used */
    /* How many frames and segments the uplinks may have of this port at a time; 1 to 32. */
    struct vdev_switch_slot *slots;
    uint32_t slot_count;
    /*
     * Buffer lists for the slots, and one for the segments being made: `piece_count` is for all
     * together, divided evenly. A frame may have one buffer fewer than a share; at least 2.
     */
    struct vdev_buffer *pieces;
    uint32_t piece_count;
};

/*
 * A guest port; `&port->net` is the device, with `takes` everything. Its client is called from
 * inside vdev_switch_poll and the uplinks' polls. Its `poll` is vdev_switch_poll. It drops what
 * there is no room for, and so has no `resume`. Its receive mode is VDEV_NET_RECEIVE_ALL until it
 * is set; VDEV_NET_RECEIVE_OWN keeps multicasts off. VDEV_ERROR_INVALID: as said with each field,
 * or a fixed address that is a group's or another port's; VDEV_ERROR_FULL: VDEV_SWITCH_PORTS are
 * there, or the table has no place for the address.
 */
int vdev_switch_add_guest(struct vdev_switch *self, struct vdev_switch_port *port,
                          const struct vdev_switch_guest_configuration *configuration);

struct vdev_switch_uplink_configuration {
    struct vdev_net *net; /* the switch becomes its client; its owner goes on calling its poll */
    /*
     * For frames to several guests, and for work in software. A longer frame of that kind is
     * dropped (VDEV_NET_DROP_LONG). At least VDEV_NET_HEADER_BYTES; where the device does DMA, a
     * bus address.
     */
    struct vdev_buffer bounce;
    uint32_t accepts; /* VDEV_NET_CHECKSUM and so on, of frames from there */
    struct vdev_switch_limit group;
    struct vdev_switch_limit unknown_unicast;
    uint32_t learned_maximum;
};

/*
 * An uplink, set to VDEV_NET_RECEIVE_ALL. To be added before the guests, whose number of buffers
 * it may bound. VDEV_ERROR_INVALID: as said with each field, or the device takes fewer than 2
 * buffers; VDEV_ERROR_STATE: there are guests already; VDEV_ERROR_FULL; or what the device's
 * set_receive_mode returns.
 */
int vdev_switch_add_uplink(struct vdev_switch *self, struct vdev_switch_port *port,
                           const struct vdev_switch_uplink_configuration *configuration);

/*
 * Give a port with a fixed address another. VDEV_ERROR_STATE: it has none; else as add_guest, and
 * the old one remains.
 */
int vdev_switch_port_set_address(struct vdev_switch_port *port, const uint8_t *address);

/*
 * Of a guest port: as if its cable were pulled or put in; what is sent and received meanwhile is
 * VDEV_NET_DROP_NO_LINK. The guest learns of it from the next vdev_switch_poll.
 */
void vdev_switch_port_set_link(struct vdev_switch_port *port, bool up);

/*
 * Have all frames that wait at the port fail (VDEV_ERROR_ABSENT), and forget what was learned
 * there: for a guest that was reset, or an uplink that went away. They complete from the next calls
 * of vdev_switch_poll; those that an uplink has, when it completes them. May be called from
 * anywhere.
 */
void vdev_switch_port_flush(struct vdev_switch_port *port);

/* Frames of it wait, an uplink has some in slots, or one is being delivered to it or from it. */
bool vdev_switch_port_is_busy(const struct vdev_switch_port *port);

/*
 * Take the port out: its memory is the caller's again, but for frames passed through, which are
 * between an uplink and their owner. An uplink's device must not be polled until it has another
 * client. VDEV_ERROR_BUSY: vdev_switch_port_is_busy, or called from inside of a poll.
 */
int vdev_switch_remove(struct vdev_switch_port *port);

/* ---- work ---- */

/*
 * Forward one frame or one segment, or tell one client of one thing. Returns true if it should be
 * called again, false if an event will call for it. From inside of itself it does nothing.
 */
bool vdev_switch_poll(struct vdev_switch *self);

#endif
