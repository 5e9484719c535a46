/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the bridge share: registers above, steps of the conversation below, and what is
 * done when there is nobody to talk to any more. */
#ifndef TRANSPORT_MESSAGE_BRIDGE_H
#define TRANSPORT_MESSAGE_BRIDGE_H

#include <vdev/virtio_message_bridge.h>

enum bridge_step {
    STEP_NONE,
    /* once: what the device is, then its configuration */
    STEP_INFORMATION,
    STEP_FEATURES,
    STEP_QUEUES,
    STEP_CONFIGURATION,
    /* an event came: the status, then the configuration */
    STEP_GET_STATUS,
    /* the driver writes: Status (with its features before FEATURES_OK), ... */
    STEP_ACCEPT,
    STEP_STATUS,
    /* ... QueueReady, ... */
    STEP_SET_QUEUE,
    STEP_CHECK_QUEUE,
    STEP_RESET_QUEUE,
    /* ... the configuration space, which is then fetched anew */
    STEP_WRITE_CONFIGURATION,
};

/* Leave STEP_NONE: from here the device has the bus' time for all steps up to STEP_NONE again. */
void vdev_message_bridge_start(struct vdev_virtio_message_bridge *bridge, enum bridge_step step,
                               uint32_t position);

/* The device is given up until a reset: what goes on has ended. */
void vdev_message_bridge_fail(struct vdev_virtio_message_bridge *bridge);

/* Look again at status and configuration, if an event asked for it and nothing goes before. */
void vdev_message_bridge_look(struct vdev_virtio_message_bridge *bridge);

/* The used buffer or the configuration interrupt. */
void vdev_message_bridge_raise(struct vdev_virtio_message_bridge *bridge, uint32_t cause);

/* ---- message_bridge_mourning.c ---- */

/* A part of what mourning has to do: at most one ring or eight requests. True: there is more. */
bool vdev_message_bridge_mourn_on(struct vdev_virtio_message_bridge *bridge);

/* The driver notified a queue of a failed device. False: that is not ours to serve. */
bool vdev_message_bridge_mourn_queue(struct vdev_virtio_message_bridge *bridge, uint32_t queue);

/* The driver resets the device: if there is none to do it, the rings are the driver's again. */
void vdev_message_bridge_stop_mourning(struct vdev_virtio_message_bridge *bridge);

#endif
