/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the net front-end share: net.c (the class, poll), net_transmit.c,
 * net_receive.c, net_control.c (the control queue and the configuration space) and net_start.c
 * (features, queues).
 */
#ifndef FRONTENDS_NET_H
#define FRONTENDS_NET_H

#include <vdev/frontends/net.h>
#include <vdev/status.h>
#include <vdev/virtio.h>

#include <linux/virtio_net.h>

#include "core/mem.h"
#include "virtio/virtio_1_4.h"

/* Queues of a device with one pair [VIRTIO 1.4 §5.1.2]. */
#define NET_RECEIVE_QUEUE  0
#define NET_TRANSMIT_QUEUE 1
#define NET_CONTROL_QUEUE  2

/* What a device did that only a reset mends: `broken`. */
enum {
    NET_INTACT,
    NET_BROKEN_RING,
    NET_BROKEN_MERGED,
    NET_BROKEN_HEADER,
    NET_BROKEN_WANTED,
    NET_BROKEN_TIMEOUT,
};

/* Control commands, in the order in which they are sent: `commands`, `command`. */
#define NET_COMMAND_ADDRESS       0x01u
#define NET_COMMAND_FILTER        0x02u
#define NET_COMMAND_ALL_MULTICAST 0x04u
#define NET_COMMAND_PROMISCUOUS   0x08u
#define NET_COMMAND_ANNOUNCED     0x10u

static inline bool net_has(const struct vdev_net_frontend *frontend, unsigned feature)
{
    return (frontend->accepted & 1ull << feature) != 0;
}

/* Notify the device of what was put into a queue, if it wants to hear of it. */
static inline void net_publish(struct vdev_net_frontend *frontend, struct vdev_driver_queue *queue,
                               uint16_t index)
{
    struct vdev_virtio_driver *transport = frontend->configuration.transport;

    if (vdev_driver_queue_publish(queue)) {
        transport->operations->notify(transport, index);
    }
}

/* The first reason counts. */
static inline void net_break(struct vdev_net_frontend *frontend, uint8_t reason)
{
    if (frontend->broken == NET_INTACT) {
        frontend->broken = reason;
    }
}

#define NET_NONE UINT16_MAX /* `free_head`, `next_free`: the end */

/* ---- net_transmit.c ---- */

/* All records free. */
void vdev_net_frontend_free_all(struct vdev_net_frontend *frontend);

/* As the class's submit, of a device that is not gone. */
int vdev_net_frontend_submit(struct vdev_net_frontend *frontend, struct vdev_net_frame *frame);

/* Complete what the device has sent, at most what it had at the call. May set `broken`. */
void vdev_net_frontend_finish_sent(struct vdev_net_frontend *frontend);

/* After a reset: complete with `status` all that was in flight. */
void vdev_net_frontend_fail_sent(struct vdev_net_frontend *frontend, int status);

/* ---- net_receive.c ---- */

/* All receive buffers into the ring; not yet published. */
void vdev_net_frontend_fill(struct vdev_net_frontend *frontend);

/* Hand at most one frame to the client, or drop one. May set `broken`. */
void vdev_net_frontend_receive(struct vdev_net_frontend *frontend);

/* ---- net_control.c ---- */

/* Put the next command that is due into the ring, unless one is in flight. */
void vdev_net_frontend_send_command(struct vdev_net_frontend *frontend);

/* As the class's set_receive_mode, of a device that is not gone. */
int vdev_net_frontend_set_mode(struct vdev_net_frontend *frontend, enum vdev_net_receive_mode mode);

/* Take back the command that the device has finished, and send the next. May set `broken`. */
void vdev_net_frontend_finish_command(struct vdev_net_frontend *frontend);

/* Link and announcements. Errors as of vdev_virtio_driver_read_configuration. */
int vdev_net_frontend_read_status(struct vdev_net_frontend *frontend);

/* Address, MTU and link. VDEV_ERROR_INVALID: they cannot be so; else as above. */
int vdev_net_frontend_describe(struct vdev_net_frontend *frontend);

/* The MTU that the device advises, before it is known whether that will be negotiated. */
int vdev_net_frontend_read_mtu(struct vdev_net_frontend *frontend, uint32_t *mtu);

/* ---- net_start.c ---- */

/* Bring the device from reset to running, its receive queue full. Errors as of init. */
int vdev_net_frontend_start(struct vdev_net_frontend *frontend);

#endif
