/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time as the library needs it: to bound waits. On a host under test it is virtual.
 */
#ifndef VDEV_CLOCK_H
#define VDEV_CLOCK_H

#include <stdint.h>

struct vdev_clock {
    uint64_t (*now)(void *context); /* nanoseconds from any fixed start; never goes back */
    void *context;
};

static inline uint64_t vdev_clock_now(const struct vdev_clock *clock)
{
    return clock->now(clock->context);
}

/* Busy-wait; for the microseconds that hardware asks for, never longer. */
static inline void vdev_clock_delay(const struct vdev_clock *clock, uint64_t nanoseconds)
{
    uint64_t start = vdev_clock_now(clock);
    while (vdev_clock_now(clock) - start < nanoseconds) {
    }
}

#endif
