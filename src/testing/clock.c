/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual clock of tests. */
#include <stddef.h>

#include <vdev/testing/clock.h>

void vdev_virtual_clock_advance(struct vdev_virtual_clock *virtual_clock, uint64_t nanoseconds)
{
    virtual_clock->now += nanoseconds;
    for (struct vdev_virtual_clock_watcher *watcher = virtual_clock->watchers; watcher != NULL;
         watcher = watcher->next) {
        watcher->passed(watcher->owner);
    }
}

static uint64_t look(void *context)
{
    struct vdev_virtual_clock *virtual_clock = context;
    vdev_virtual_clock_advance(virtual_clock, virtual_clock->per_look);
    return virtual_clock->now;
}

void vdev_virtual_clock_init(struct vdev_virtual_clock *virtual_clock, uint64_t per_look,
                             uint64_t per_access)
{
    virtual_clock->clock = (struct vdev_clock){.now = look, .context = virtual_clock};
    virtual_clock->now = 0;
    virtual_clock->per_look = per_look;
    virtual_clock->per_access = per_access;
    virtual_clock->watchers = NULL;
}

void vdev_virtual_clock_watch(struct vdev_virtual_clock *virtual_clock,
                              struct vdev_virtual_clock_watcher *watcher)
{
    watcher->next = virtual_clock->watchers;
    virtual_clock->watchers = watcher;
}

void vdev_virtual_clock_unwatch(struct vdev_virtual_clock *virtual_clock,
                                const struct vdev_virtual_clock_watcher *watcher)
{
    struct vdev_virtual_clock_watcher **link = &virtual_clock->watchers;

    while (*link != NULL) {
        if (*link == watcher) {
            *link = watcher->next;
            return;
        }
        link = &(*link)->next;
    }
}
