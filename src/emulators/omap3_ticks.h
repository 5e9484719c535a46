/* SPDX-License-Identifier: BSD-2-Clause */
/* Time for the OMAP3530's counting devices. Not a public header. */
#ifndef EMULATORS_OMAP3_TICKS_H
#define EMULATORS_OMAP3_TICKS_H

#include <vdev/emulators/omap3_gptimer.h>

/* Begin to count at zero, at `hertz` from 1000 to 999999999. */
void vdev_omap3_ticks_init(struct vdev_omap3_ticks *ticks, const struct vdev_clock *clock,
                           uint32_t hertz);

/* How many there have been. Never goes back; exact for some seconds, then less than one tick off.
 */
uint64_t vdev_omap3_ticks_now(const struct vdev_omap3_ticks *ticks);

/* When there will have been so many, by the clock; at most some nanoseconds late. */
uint64_t vdev_omap3_ticks_deadline(const struct vdev_omap3_ticks *ticks, uint64_t count);

#endif
