/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the examples' guests stand on: a device's registers, a clock, and the guest's RAM. All of it
 * is the guest's own; the VMM sees accesses that trap, and memory.
 */
#ifndef GUEST_BOARD_H
#define GUEST_BOARD_H

#include <vdev/clock.h>
#include <vdev/io.h>
#include <vdev/virtqueue.h>

/* The registers of the device at a guest physical address, which stays in place. */
struct vdev_io guest_device(const uint64_t *address);

extern const struct vdev_clock guest_clock;

/* The next bytes of the guest's RAM, as the guest and as the device see them. */
struct vdev_buffer guest_allocate(uint8_t *ram, size_t length);

/* Memory for a queue of GUEST_QUEUE entries. */
struct vdev_driver_queue_memory guest_allocate_queue(uint8_t *ram, struct vdev_driver_slot *slots);

#endif
