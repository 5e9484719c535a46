/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the net back-end share: net.c has its life and transmission, net_receive.c
 * reception, net_control.c the control queue and the filters that it sets.
 */
#ifndef BACKENDS_NET_PARTS_H
#define BACKENDS_NET_PARTS_H

#include <vdev/backends/net.h>

#include <linux/virtio_net.h>

#include "core/mem.h"
#include "virtio/virtio_1_4.h"

#define NET_SEGMENTED (VDEV_NET_TCP4 | VDEV_NET_TCP6 | VDEV_NET_UDP)
#define NET_TYPE_VLAN 0x8100u /* [IEEE 802.1Q] in the frame's type field */

/* Was this feature negotiated together with the control queue, which all these need? */
static inline bool net_controls(const struct vdev_net_backend *backend, unsigned feature)
{
    return vdev_virtio_device_has(&backend->device, VIRTIO_NET_F_CTRL_VQ) &&
           vdev_virtio_device_has(&backend->device, feature);
}

static inline struct vdev_net_backend_address net_address(const uint8_t *bytes)
{
    return (struct vdev_net_backend_address){
        .first = virtio_load_le32(bytes),
        .last = (uint16_t)virtio_load_le16(bytes + 4),
    };
}

static inline bool net_same_address(struct vdev_net_backend_address one,
                                    struct vdev_net_backend_address other)
{
    return one.first == other.first && one.last == other.last;
}

/* ---- net.c ---- */

/* From guest offloads, as bits of features, to what frames may arrive with. */
void vdev_net_backend_accept_offloads(struct vdev_net_backend *backend, uint64_t offloads);

/* The driver's view of the address and of the status. */
void vdev_net_backend_store_address(struct vdev_net_backend *backend, const uint8_t *address);
void vdev_net_backend_store_status(struct vdev_net_backend *backend, bool announce);

/* ---- net_receive.c ---- */

int vdev_net_backend_accept(void *owner, const struct vdev_net_arrival *arrival,
                            struct vdev_net_room *room);
void vdev_net_backend_delivered(void *owner, int status);

/* The driver says that there is room. */
void vdev_net_backend_refilled(struct vdev_net_backend_pair *pair);

/* ---- net_control.c ---- */

/* Guest offloads that the driver may switch. */
#define NET_GUEST_OFFLOADS                                                                         \
    (1ull << VIRTIO_NET_F_GUEST_CSUM | 1ull << VIRTIO_NET_F_GUEST_TSO4 |                           \
     1ull << VIRTIO_NET_F_GUEST_TSO6 | 1ull << VIRTIO_NET_F_GUEST_ECN |                            \
     1ull << VIRTIO_NET_F_GUEST_USO4 | 1ull << VIRTIO_NET_F_GUEST_USO6)

/* No filters yet: as the driver finds them after it has negotiated features, or none. */
void vdev_net_backend_filter_reset(struct vdev_net_backend *backend);

/* Ask the class below for what the filters need, or as near as it can. */
void vdev_net_backend_ask_for(struct vdev_net_backend *backend, enum vdev_net_receive_mode mode);

void vdev_net_backend_control(struct vdev_net_backend *backend);

#endif
