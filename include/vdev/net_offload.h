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
 * of bytes. Fewer bytes at the end count as zeros.
 */
uint16_t vdev_net_sum(struct vdev_cursor *cursor, size_t length, uint16_t sum);

/*
 * One frame on its way into pieces. The fields are the segmenter's, except that `frame` is what
 * vdev_net_segmenter_next made: its buffers, length and offload; its `complete`, `owner` and `next`
 * are left alone.
 */
struct vdev_net_segmenter {
    struct vdev_net_frame frame;
    struct vdev_buffer *pieces;
    size_t piece_count;
    struct vdev_cursor cursor; /* of the payload that is left */
    uint32_t left;             /* bytes of payload */
    uint32_t headers_length;
    uint32_t sequence;       /* TCP's, of the next segment */
    uint16_t identification; /* IPv4's, of the next segment */
    uint16_t network;        /* offset of the IP header */
    struct vdev_net_offload offload;
    bool plain;              /* to be passed on as it is, but for its checksum */
    _Alignas(4) uint8_t headers[VDEV_NET_HEADERS_MAXIMUM];
    _Alignas(4) uint8_t made[VDEV_NET_HEADERS_MAXIMUM]; /* of the segment made last */
};

/*
 * Begin with a frame that needs something; its buffers stay the caller's and in place until the last
 * segment has been done with. `pieces` is room for a segment's buffer list: one more than the buffers
 * that its payload may lie in. VDEV_OK; VDEV_ERROR_INVALID: the headers are not what the offload
 * fields say (no IP, no TCP or UDP there, longer than the frame or than VDEV_NET_HEADERS_MAXIMUM).
 */
int vdev_net_segmenter_begin(struct vdev_net_segmenter *segmenter,
                             const struct vdev_net_frame *frame, struct vdev_buffer *pieces,
                             size_t piece_count);

/*
 * Make the next segment, complete with headers and checksums, in segmenter->frame; the one before
 * is void. A frame that needs a checksum only comes out as one segment. VDEV_OK; VDEV_ERROR_EMPTY:
 * there are no more; VDEV_ERROR_FULL: `pieces` has not enough room.
 */
int vdev_net_segmenter_next(struct vdev_net_segmenter *segmenter);

#endif
