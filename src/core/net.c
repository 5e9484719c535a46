/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checks on a frame that every device of the net class makes, in one place. Looks at lengths and
 * fields only, never into the frame.
 */
#include <vdev/net.h>
#include <vdev/status.h>

#define SEGMENTED (VDEV_NET_TCP4 | VDEV_NET_TCP6 | VDEV_NET_UDP)

static bool fields_are_sound(uint32_t length, const struct vdev_net_offload *offload)
{
    uint32_t kind = offload->needs & SEGMENTED;
    uint32_t place = (uint32_t)offload->checksum_start + offload->checksum_offset;

    if ((kind & (kind - 1u)) != 0 || (kind != 0) != (offload->segment_size != 0) ||
        ((offload->needs & VDEV_NET_ECN) != 0 &&
         (kind & (VDEV_NET_TCP4 | VDEV_NET_TCP6)) == 0)) {
        return false;
    }
    if ((offload->needs & VDEV_NET_CHECKSUM) == 0) {
        return kind == 0; /* segments cannot be made without [VIRTIO 1.4 §5.1.6.2.1] */
    }
    return offload->checksum_start >= VDEV_NET_HEADER_BYTES && place + 2 <= length;
}

int vdev_net_check(uint32_t length, const struct vdev_net_offload *offload, uint32_t takes,
                   uint16_t mtu)
{
    /* What most frames are: nothing is needed, nothing is to be looked at but the length. */
    if (offload->needs == 0 && offload->segment_size == 0) {
        return length < VDEV_NET_HEADER_BYTES ? VDEV_ERROR_INVALID
               : length > (uint32_t)mtu + VDEV_NET_HEADER_BYTES + VDEV_NET_TAG_BYTES
                   ? VDEV_ERROR_RANGE
                   : VDEV_OK;
    }
    bool segmented = (offload->needs & SEGMENTED) != 0;
    uint32_t longest =
        segmented ? VDEV_NET_SEGMENTED_BYTES : (uint32_t)mtu + VDEV_NET_HEADER_BYTES;

    if (length < VDEV_NET_HEADER_BYTES || !fields_are_sound(length, offload)) {
        return VDEV_ERROR_INVALID;
    }
    if (length > longest + VDEV_NET_TAG_BYTES) {
        return VDEV_ERROR_RANGE;
    }
    return (offload->needs & ~takes) == 0 ? VDEV_OK : VDEV_ERROR_UNSUPPORTED;
}

enum vdev_net_drop vdev_net_drop_of(int status, uint32_t needs)
{
    switch (status) {
    case VDEV_ERROR_RANGE:
        return VDEV_NET_DROP_LONG;
    case VDEV_ERROR_INVALID:
        return needs == 0 ? VDEV_NET_DROP_SHORT : VDEV_NET_DROP_OFFLOAD;
    case VDEV_ERROR_UNSUPPORTED:
        return VDEV_NET_DROP_OFFLOAD;
    case VDEV_ERROR_FULL:
        return VDEV_NET_DROP_FULL;
    default:
        return VDEV_NET_DROP_NO_LINK;
    }
}

const char *vdev_net_drop_name(enum vdev_net_drop reason)
{
    static const char *const names[VDEV_NET_DROP_REASONS] = {
        [VDEV_NET_DROP_SHORT] = "short",       [VDEV_NET_DROP_LONG] = "long",
        [VDEV_NET_DROP_OFFLOAD] = "offload",   [VDEV_NET_DROP_FULL] = "full",
        [VDEV_NET_DROP_NO_ROOM] = "no room",   [VDEV_NET_DROP_NO_LINK] = "no link",
        [VDEV_NET_DROP_FILTERED] = "filtered", [VDEV_NET_DROP_SPOOFED] = "spoofed",
        [VDEV_NET_DROP_LIMITED] = "limited",   [VDEV_NET_DROP_MEDIUM] = "medium",
    };

    return (unsigned)reason < VDEV_NET_DROP_REASONS ? names[reason] : "unknown";
}
