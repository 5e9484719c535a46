/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two files of the bridge share: registers above, steps of the conversation below. */
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

#endif
