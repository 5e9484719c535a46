/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An event loop for tests of src/host, by epoll, which unlike poll refuses files, and calls for a
 * peer that is gone whether anything is waited for or not. One event at a time, so that a watch
 * that was taken back is never called. It counts what it watches, so that a test sees what is left.
 */
#ifndef SUPPORT_EPOLL_LOOP_H
#define SUPPORT_EPOLL_LOOP_H

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <check.h>

#include <vdev/host/loop.h>

struct epoll_loop {
    struct vdev_host_loop loop; /* first */
    int epoll;
    int watched;
    unsigned turns; /* events that were handled, and turns that ended with something to do */
    struct vdev_host_deferred *deferred;
};

static inline int epoll_loop_watch(struct vdev_host_loop *loop, struct vdev_host_watch *watch)
{
    struct epoll_loop *self = (struct epoll_loop *)loop;
    struct epoll_event event = {
        .events = (watch->reads ? EPOLLIN : 0u) | (watch->writes ? EPOLLOUT : 0u),
        .data.ptr = watch,
    };

    if (epoll_ctl(self->epoll, EPOLL_CTL_ADD, watch->descriptor, &event) == 0) {
        self->watched++;
        return 0;
    }
    return errno == EEXIST && epoll_ctl(self->epoll, EPOLL_CTL_MOD, watch->descriptor, &event) == 0
               ? 0
               : -errno;
}

static inline void epoll_loop_unwatch(struct vdev_host_loop *loop, struct vdev_host_watch *watch)
{
    struct epoll_loop *self = (struct epoll_loop *)loop;

    ck_assert_int_eq(epoll_ctl(self->epoll, EPOLL_CTL_DEL, watch->descriptor, NULL), 0);
    self->watched--;
}

static inline void epoll_loop_defer(struct vdev_host_loop *loop,
                                    struct vdev_host_deferred *deferred)
{
    struct epoll_loop *self = (struct epoll_loop *)loop;

    deferred->next = self->deferred;
    self->deferred = deferred;
}

/* To be called after init, for a loop that tells when its turns end. */
static inline void epoll_loop_can_defer(struct epoll_loop *self)
{
    self->loop.defer = epoll_loop_defer;
}

static inline bool epoll_loop_end_turn(struct epoll_loop *self)
{
    struct vdev_host_deferred *deferred = self->deferred;

    if (deferred == NULL) {
        return false;
    }
    self->turns++;
    self->deferred = NULL;
    while (deferred != NULL) {
        struct vdev_host_deferred *next = deferred->next;
        deferred->run(deferred);
        deferred = next;
    }
    return true;
}

static inline void epoll_loop_init(struct epoll_loop *self)
{
    memset(self, 0, sizeof *self);
    self->loop.watch = epoll_loop_watch;
    self->loop.unwatch = epoll_loop_unwatch;
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    ck_assert_int_ge(self->epoll, 0);
}

/* Nothing may be watched any more. */
static inline void epoll_loop_end(struct epoll_loop *self)
{
    epoll_loop_end_turn(self); /* who was closed meanwhile is let go */
    ck_assert_int_eq(self->watched, 0);
    close(self->epoll);
}

/* Handle one event, waiting for it so many milliseconds. False: there was none. */
static inline bool epoll_loop_turn(struct epoll_loop *self, int milliseconds)
{
    struct epoll_event event;

    if (epoll_loop_end_turn(self)) {
        return true;
    }
    int count;
    do { /* io_uring's completions interrupt it */
        count = epoll_wait(self->epoll, &event, 1, milliseconds);
    } while (count < 0 && errno == EINTR);
    if (count != 1) {
        return false;
    }
    struct vdev_host_watch *watch = event.data.ptr;
    self->turns++;
    watch->ready(watch);
    return true;
}

/* Handle what there is; a device that asks for turns without end fails the test. */
static inline void epoll_loop_run(struct epoll_loop *self)
{
    unsigned turns = 0;

    while (epoll_loop_turn(self, 0)) {
        ck_assert_uint_lt(++turns, 10000);
    }
}

#endif
