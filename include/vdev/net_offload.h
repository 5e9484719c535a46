/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksums and segmentation in software, for whoever hands a frame to somebody that does not take
 * it as it is (vdev/net.h): a switch towards a controller or a guest that lacks the offload.
 *
 * The frame's payload is not copied: segments refer to it, and have headers of their own. It may be
 * shared with a hostile peer, who can then spoil its own frames and nothing else. Headers are copied
 * once, checked, and used from the copy. Not here: reassembly of segments, options of IPv6 other
 * than those that may stand before TCP or UDP.
 */
#ifndef VDEV_NET_OFFLOAD_H
#define VDEV_NET_OFFLOAD_H

#include <vdev/net.h>

/*
 * Ethernet header and VLAN tags, IPv6 with some extension headers, TCP with all its options. A frame
 * with longer headers is refused.
 */
#define VDEV_NET_HEADERS_MAXIMUM 192u

/*
 * The ones' complement sum [RFC 1071] of `length` bytes from the cursor on, which it moves; 16 bits
 * as they stand in memory, not yet complemented. `sum` is that of what came before, an even number
 * of bytes. Fewer bytes at the end count as zeros. A peer that changes them meanwhile gets some sum
 * or other.
 */
uint16_t vdev_net_sum(struct vdev_cursor *cursor, size_t length, uint16_t sum);

/*
 * One frame on its way into pieces. The fields are the segmenter's, except that `frame` is what
 * vdev_net_segmenter_next made: its buffers, length and offload; its `complete`, `owner` and `next`
 * are left alone. Of `headers`, the first VDEV_NET_HEADER_BYTES may be changed once it has begun: no
 * sum counts them, and all segments have them.
 */
struct vdev_net_segmenter {
    struct vdev_net_frame frame;
    struct vdev_buffer *pieces;
    size_t piece_count;
    struct vdev_cursor cursor; /* of the payload that is left */
    uint32_t left;             /* bytes of payload */
    uint32_t sequence;         /* TCP's, of the next segment */
    struct vdev_net_offload offload;
    uint16_t headers_length;
    uint16_t network;        /* offset of the IP header */
    uint16_t identification; /* IPv4's, of the next segment */
    uint16_t flags;          /* TCP's header length and flags, as the frame came */
    uint16_t network_sum;    /* of the IPv4 header, without what differs between segments */
    uint16_t transport_sum;  /* of pseudo header and TCP or UDP header, likewise */
    bool version6;
    bool begun;
    bool finished;
    _Alignas(4) uint8_t headers[VDEV_NET_HEADERS_MAXIMUM]; /* of the segment made last */
};

/*
 * Begin with a frame that needs something, and has been through vdev_net_check or not; its buffers
 * stay the caller's and in place until the last segment has been done with. `pieces` is room for a
 * segment's buffer list: one more than the buffers that its payload may lie in; one more than the
 * frame's buffers is always enough.
 *
 * VDEV_OK. VDEV_ERROR_INVALID: nothing is needed; fields that vdev_net_check refuses; or headers that
 * are not what the fields say: no IP, no TCP or UDP, or not where checksum_start and
 * checksum_offset say; a fragment; a routing header that is not at its end, so that the destination
 * is not the one that the checksum counts; longer than the frame or than VDEV_NET_HEADERS_MAXIMUM; a
 * segment longer than IP can say; a frame's buffers shorter than its length. VDEV_ERROR_RANGE: longer
 * than VDEV_NET_SEGMENTED_BYTES and a tag.
 *
 * The length fields of the frame's headers do not count, nor, when it is to be segmented, does what
 * stands at the checksum's place: both are made anew. Up to two VLAN tags may stand before IP.
 */
int vdev_net_segmenter_begin(struct vdev_net_segmenter *segmenter,
                             const struct vdev_net_frame *frame, struct vdev_buffer *pieces,
                             size_t piece_count);

/*
 * Make the next segment, complete with headers and checksums, in segmenter->frame; the one before
 * is void. It needs nothing, and its checksum is valid. A frame that needs a checksum only comes out
 * as one segment; so does one without payload. VDEV_OK; VDEV_ERROR_EMPTY: there are no more;
 * VDEV_ERROR_FULL: `pieces` has not enough room, and never will for this segment.
 */
int vdev_net_segmenter_next(struct vdev_net_segmenter *segmenter);

#endif
