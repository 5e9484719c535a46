/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking over the device's end of a split ring whose device is gone in the middle of its work and
 * left nothing but the ring. For who completes what it left undone; not for live migration, where
 * the device says itself what it holds.
 */
#ifndef RING_SPLIT_ADOPT_H
#define RING_SPLIT_ADOPT_H

#include <vdev/virtqueue.h>

#define RING_ADOPTION_STEPS 64u /* in one call */

/*
 * As vdev_device_queue_start, but the queue goes on where the two rings stand, and a bit is set in
 * adoption->in_flight for each head that was made available and certainly not used: those are to be
 * given back. *untold is the number of others that were not used either, but it cannot be told
 * which. It takes 3 * size steps: VDEV_ERROR_AGAIN until the last of them; the caller clears the
 * adoption before the first call, and leaves the queue alone until it is over.
 *
 * Both rings remember their last `size` entries. A head is not made available again before it was
 * used, so that a use stands before the next time that the head is made available, by index. Hence
 * every use that stands behind the first remembered time is of a remembered time; only of those
 * before it, it is unknown whether they are of a forgotten time or of one that was still to come,
 * since the device served it before older ones. The number in flight, which the indices give,
 * decides for all of these or for none; they are untold if it is some.
 *
 * What is assumed of the device: no use stands before its time by a quarter of the queue or more,
 * as none does if the device works at no more than a quarter of it at once; and no chain in flight
 * was overtaken by `size` others: it would be forgotten. Of the driver: that it zeroed the rings
 * [VIRTIO 1.4 §4.2.3.2]; what stands there before the first lap is over then cancels out.
 *
 * Also VDEV_ERROR_UNSUPPORTED: longer than VDEV_RING_ADOPTION_MAXIMUM; VDEV_ERROR_CORRUPT: the
 * rings contradict themselves, or the driver changed its own meanwhile time and again. The queue is
 * then not live.
 */
int vdev_ring_adopt(struct vdev_ring_adoption *adoption, struct vdev_device_queue *queue,
                    const struct vdev_memory *memory,
                    const struct vdev_virtqueue_configuration *configuration, unsigned *untold);

/*
 * The chain of a head that is in flight, as vdev_device_queue_take would have it. VDEV_OK;
 * VDEV_ERROR_INVALID: malformed: give it back as such; VDEV_ERROR_CORRUPT: latched. In
 * split_device.c.
 */
int vdev_ring_chain_of(struct vdev_device_queue *queue, struct vdev_chain *chain, uint16_t head);

#endif
