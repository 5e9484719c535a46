/* SPDX-License-Identifier: BSD-2-Clause */
/* What the driver's end of vhost-user says to the device, one thing a function: private. */
#ifndef TRANSPORT_VHOST_USER_DRIVER_H
#define TRANSPORT_VHOST_USER_DRIVER_H

#include <vdev/vhost_user_driver.h>

/*
 * All of these: VDEV_OK; VDEV_ERROR_UNSUPPORTED: the device refused, and the connection goes on;
 * else the connection is lost: VDEV_ERROR_IO, VDEV_ERROR_TIMEOUT, VDEV_ERROR_CORRUPT.
 */

/* The beginning of each connection, up to the number of queues. */
int vdev_vhost_user_driver_greet(struct vdev_vhost_user_driver *driver);

int vdev_vhost_user_driver_get_u64(struct vdev_vhost_user_driver *driver, uint32_t request,
                                   uint64_t *value);
int vdev_vhost_user_driver_set_u64(struct vdev_vhost_user_driver *driver, uint32_t request,
                                   uint64_t value);

/* SET_FEATURES of driver->features. */
int vdev_vhost_user_driver_tell_features(struct vdev_vhost_user_driver *driver);

/* The memory, once a connection, and what requests in flight are tracked with. */
int vdev_vhost_user_driver_tell_memory(struct vdev_vhost_user_driver *driver);
int vdev_vhost_user_driver_tell_inflight(struct vdev_vhost_user_driver *driver);

/* A ring, that is to go on at `base`. */
int vdev_vhost_user_driver_start_ring(struct vdev_vhost_user_driver *driver, uint16_t index,
                                      uint16_t base);
/* When this returns VDEV_OK the device does not touch it any more. */
int vdev_vhost_user_driver_stop_ring(struct vdev_vhost_user_driver *driver, uint16_t index);

int vdev_vhost_user_driver_reset_device(struct vdev_vhost_user_driver *driver);

/* The configuration space's first `length` bytes into driver->space. */
int vdev_vhost_user_driver_get_space(struct vdev_vhost_user_driver *driver, uint32_t length);

void vdev_vhost_user_driver_forget_inflight(struct vdev_vhost_user_driver *driver);

#endif
