/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the block back-end know of each other. */
#ifndef BACKENDS_BLOCK_PARTS_H
#define BACKENDS_BLOCK_PARTS_H

#include <vdev/backends/block.h>

/*
 * Make the next segment of a discard or write zeroes the slot's request. False: there is none to
 * do; *status is VDEV_OK after the last, VDEV_ERROR_UNSUPPORTED or VDEV_ERROR_IO at a bad one.
 */
bool vdev_block_backend_next_segment(struct vdev_block_backend_slot *slot, int *status);

/* The device type's bits of what is offered. */
uint64_t vdev_block_backend_features(const struct vdev_block_backend_configuration *configuration);

/* Write the configuration space anew. */
void vdev_block_backend_describe(struct vdev_block_backend *backend);

#endif
