/* SPDX-License-Identifier: BSD-2-Clause */
/* A small event loop for tests of what is below src/host/: poll, and nothing to be proud of. */
#ifndef SUPPORT_HOST_LOOP_H
#define SUPPORT_HOST_LOOP_H

#include <errno.h>
#include <poll.h>
#include <string.h>

#include <check.h>

#include <vdev/host/loop.h>

#define HOST_LOOP_WATCHES 32

struct host_loop {
    struct vdev_host_loop loop;
    struct vdev_host_watch *watches[HOST_LOOP_WATCHES];
    unsigned count;
    struct vdev_host_deferred *deferred;
    unsigned turns;
};

static inline int host_loop_watch(struct vdev_host_loop *loop, struct vdev_host_watch *watch)
{
    struct host_loop *self = (struct host_loop *)loop;

    for (unsigned i = 0; i < self->count; i++) {
        if (self->watches[i] == watch) {
            return 0;
        }
    }
    if (self->count == HOST_LOOP_WATCHES) {
        return -ENOSPC;
    }
    self->watches[self->count++] = watch;
    return 0;
}

static inline void host_loop_unwatch(struct vdev_host_loop *loop, struct vdev_host_watch *watch)
{
    struct host_loop *self = (struct host_loop *)loop;

    for (unsigned i = 0; i < self->count; i++) {
        if (self->watches[i] == watch) {
            self->watches[i] = self->watches[--self->count];
            return;
        }
    }
}

static inline void host_loop_defer(struct vdev_host_loop *loop, struct vdev_host_deferred *deferred)
{
    struct host_loop *self = (struct host_loop *)loop;

    deferred->next = self->deferred;
    self->deferred = deferred;
}

static inline void host_loop_init(struct host_loop *self, bool defers)
{
    memset(self, 0, sizeof *self);
    self->loop.watch = host_loop_watch;
    self->loop.unwatch = host_loop_unwatch;
    self->loop.defer = defers ? host_loop_defer : NULL;
}

/* One turn: what was deferred, then what is ready within the time. False: nothing was. */
static inline bool host_loop_turn(struct host_loop *self, int milliseconds)
{
    struct pollfd descriptors[HOST_LOOP_WATCHES];
    struct vdev_host_watch *watches[HOST_LOOP_WATCHES];
    struct vdev_host_deferred *deferred = self->deferred;
    bool something = deferred != NULL;

    self->turns++;
    self->deferred = NULL;
    while (deferred != NULL) {
        struct vdev_host_deferred *next = deferred->next;
        deferred->run(deferred);
        deferred = next;
    }
    unsigned count = self->count;
    for (unsigned i = 0; i < count; i++) {
        watches[i] = self->watches[i];
        descriptors[i] = (struct pollfd){.fd = watches[i]->descriptor,
                                         .events = (short)((watches[i]->reads ? POLLIN : 0) |
                                                           (watches[i]->writes ? POLLOUT : 0))};
    }
    int ready = poll(descriptors, count, something || self->deferred != NULL ? 0 : milliseconds);
    ck_assert(ready >= 0 || errno == EINTR);
    for (unsigned i = 0; ready > 0 && i < count; i++) {
        bool watched = false;
        for (unsigned j = 0; j < self->count; j++) {
            watched |= self->watches[j] == watches[i];
        }
        if (watched && descriptors[i].revents != 0) {
            watches[i]->ready(watches[i]);
            something = true;
        }
    }
    return something;
}

#endif
