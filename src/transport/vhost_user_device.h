/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of vhost-user's device end share: messages and the device's state
 * (vhost_user_device.c), rings (vhost_user_rings.c), memory (vhost_user_memory.c). Private.
 */
#ifndef TRANSPORT_VHOST_USER_DEVICE_H
#define TRANSPORT_VHOST_USER_DEVICE_H

#include <vdev/status.h>
#include <vdev/vhost_user_device.h>

#define VHOST_USER_ALL_RINGS      UINT64_MAX
#define VHOST_USER_NO_SUCH_QUEUE  "of a queue that there is not"
#define VHOST_USER_A_RING_RUNS    "not while a ring runs"
#define VHOST_USER_RING_RUNS      "not while the ring runs"
#define VHOST_USER_NOT_NEGOTIATED "of a feature that was not negotiated"

/* A message, while it is worked on. */
struct vdev_vhost_user_exchange {
    struct vdev_vhost_user_device *session;
    const struct vdev_vhost_user_message *message;
    int descriptors[VDEV_VHOST_USER_REGIONS]; /* that came with it; -1: none, or kept */
    /* The message's own reply, if it has one and was not refused; its descriptor is closed when it
     * is sent. */
    struct vdev_vhost_user_message reply;
    bool replies;
};

static inline int vhost_user_keep(struct vdev_vhost_user_exchange *exchange, size_t index)
{
    int descriptor = exchange->descriptors[index];

    exchange->descriptors[index] = -1;
    return descriptor;
}

static inline void vhost_user_close(struct vdev_vhost_user_device *session, int *descriptor)
{
    if (*descriptor >= 0) {
        session->operations->close(session->context, *descriptor);
        *descriptor = -1;
    }
}

static inline bool vhost_user_accepted(const struct vdev_vhost_user_device *session,
                                       enum vdev_vhost_user_protocol_feature feature)
{
    return (session->protocol_accepted >> feature & 1) != 0;
}

/* ---- rings ---- */

extern const struct vdev_virtio_transport_operations vdev_vhost_user_transport;

/* Start or stop a ring, as its state wants it now; refused: it cannot start, and does not. */
vdev_vhost_user_reason vdev_vhost_user_update_ring(struct vdev_vhost_user_device *session,
                                                   uint16_t index);

/*
 * The same for all of these, by bit, for reasons of our own: one that cannot start is over, and its
 * error descriptor says so. The first reason, or NULL.
 */
vdev_vhost_user_reason vdev_vhost_user_update_rings(struct vdev_vhost_user_device *session,
                                                    uint64_t which);

/* Let what is in flight come back, then stop those of these rings that run: returns which did. */
uint64_t vdev_vhost_user_stop_rings(struct vdev_vhost_user_device *session, uint64_t which);

/* A stopped ring stays so until SET_VRING_KICK. */
void vdev_vhost_user_end_ring(struct vdev_vhost_user_device *session, uint16_t index);

bool vdev_vhost_user_any_ring_runs(const struct vdev_vhost_user_device *session);

vdev_vhost_user_reason vdev_vhost_user_set_ring_size(struct vdev_vhost_user_exchange *exchange);
vdev_vhost_user_reason vdev_vhost_user_set_ring_address(struct vdev_vhost_user_exchange *exchange);
vdev_vhost_user_reason vdev_vhost_user_set_ring_base(struct vdev_vhost_user_exchange *exchange);
vdev_vhost_user_reason vdev_vhost_user_get_ring_base(struct vdev_vhost_user_exchange *exchange);
vdev_vhost_user_reason vdev_vhost_user_set_ring_kick(struct vdev_vhost_user_exchange *exchange);
vdev_vhost_user_reason vdev_vhost_user_set_ring_call(struct vdev_vhost_user_exchange *exchange);
vdev_vhost_user_reason vdev_vhost_user_set_ring_error(struct vdev_vhost_user_exchange *exchange);
vdev_vhost_user_reason vdev_vhost_user_enable_ring(struct vdev_vhost_user_exchange *exchange);

/* ---- memory ---- */

/* An address as the driver's end sees it, into the guest's. False: it is in no region. */
bool vdev_vhost_user_translate(const struct vdev_vhost_user_device *session, uint64_t *address);

/* Unmap all memory, of the guest and of what is in flight; no ring runs. */
void vdev_vhost_user_forget_memory(struct vdev_vhost_user_device *session);

/* The part of a queue in the memory that notes what is in flight; NULL: there is none. */
void *vdev_vhost_user_inflight_of(const struct vdev_vhost_user_device *session, uint16_t index);

vdev_vhost_user_reason vdev_vhost_user_set_memory_table(struct vdev_vhost_user_exchange *exchange);
vdev_vhost_user_reason vdev_vhost_user_add_region(struct vdev_vhost_user_exchange *exchange);
vdev_vhost_user_reason vdev_vhost_user_remove_region(struct vdev_vhost_user_exchange *exchange);
vdev_vhost_user_reason vdev_vhost_user_get_inflight(struct vdev_vhost_user_exchange *exchange);
vdev_vhost_user_reason vdev_vhost_user_set_inflight(struct vdev_vhost_user_exchange *exchange);

#endif
