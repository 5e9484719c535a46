/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A clock for tests: time goes on when it is looked at and when a register is accessed, and at no
 * other moment, so that a test's waits are the same on every run and take no real time.
 */
#ifndef VDEV_TESTING_CLOCK_H
#define VDEV_TESTING_CLOCK_H

#include <stdint.h>

#include <vdev/clock.h>

/* Somebody who is told each time that time has passed; a list. */
struct vdev_virtual_clock_watcher {
    void (*passed)(void *owner);
    void *owner;
    struct vdev_virtual_clock_watcher *next; /* the clock's own */
};

struct vdev_virtual_clock {
    struct vdev_clock clock; /* hand &virtual.clock to a driver */
    uint64_t now;            /* nanoseconds; may be set forward */
    uint64_t per_look;       /* what each look at the clock takes */
    uint64_t per_access;     /* what each register access takes */
    struct vdev_virtual_clock_watcher *watchers;
};

/* Starts at 0; not copied afterwards: its context is its own address. */
void vdev_virtual_clock_init(struct vdev_virtual_clock *virtual_clock, uint64_t per_look,
                             uint64_t per_access);

/* Let time pass, in nanoseconds. */
void vdev_virtual_clock_advance(struct vdev_virtual_clock *virtual_clock, uint64_t nanoseconds);

/* Tell `watcher` (filled in but for `next`, and the clock's from here on) of time that passes. */
void vdev_virtual_clock_watch(struct vdev_virtual_clock *virtual_clock,
                              struct vdev_virtual_clock_watcher *watcher);

/* Tell it no more; nothing if it was not told. Before its memory goes away, if the clock stays. */
void vdev_virtual_clock_unwatch(struct vdev_virtual_clock *virtual_clock,
                                const struct vdev_virtual_clock_watcher *watcher);

#endif
