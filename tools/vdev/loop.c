/* SPDX-License-Identifier: BSD-2-Clause */
/* See loop.h. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

#define DEFERRED_ROUNDS 4

static struct loop *loop_of(struct vdev_host_loop *host)
{
    return (struct loop *)((char *)host - offsetof(struct loop, host));
}

static int watch(struct vdev_host_loop *host, struct vdev_host_watch *watched)
{
    struct loop *loop = loop_of(host);
    struct epoll_event event = {
        .events = (watched->reads ? EPOLLIN : 0u) | (watched->writes ? EPOLLOUT : 0u),
        .data.ptr = watched,
    };

    /* Who waits for neither is not to hear of a peer that has closed either, again and again. */
    if (event.events == 0) {
        host->unwatch(host, watched);
        return 0;
    }
    if (loop->always == watched ||
        epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watched->descriptor, &event) == 0 ||
        (errno == ENOENT &&
         epoll_ctl(loop->epoll, EPOLL_CTL_ADD, watched->descriptor, &event) == 0)) {
        return 0;
    }
    if (errno == EPERM && loop->always == NULL) {
        loop->always = watched;
        return 0;
    }
    return -errno;
}

static void unwatch(struct vdev_host_loop *host, struct vdev_host_watch *watched)
{
    struct loop *loop = loop_of(host);

    if (loop->always == watched) {
        loop->always = NULL;
        return;
    }
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watched->descriptor, NULL);
    for (int i = loop->next; i < loop->count; i++) {
        if (loop->events[i].data.ptr == watched) {
            loop->events[i].data.ptr = NULL;
        }
    }
}

static void defer(struct vdev_host_loop *host, struct vdev_host_deferred *deferred)
{
    struct loop *loop = loop_of(host);

    deferred->next = loop->deferred;
    loop->deferred = deferred;
}

/* True: something was deferred again and again, and is left for the next turn. */
static bool run_deferred(struct loop *loop)
{
    for (int round = 0; loop->deferred != NULL; round++) {
        struct vdev_host_deferred *first = loop->deferred;
        if (round == DEFERRED_ROUNDS) {
            return true;
        }
        loop->deferred = NULL;
        while (first != NULL) {
            struct vdev_host_deferred *next = first->next; /* run may defer it anew */
            first->run(first);
            first = next;
        }
    }
    return false;
}

int loop_init(struct loop *loop)
{
    memset(loop, 0, sizeof *loop);
    loop->host.watch = watch;
    loop->host.unwatch = unwatch;
    loop->host.defer = defer;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    return loop->epoll >= 0 ? 0 : -errno;
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Events of the next turn. */
static int wait_for_events(struct loop *loop, bool at_once)
{
    int count = 0;

    if (loop->poll_nanoseconds != 0 && !at_once) {
        uint64_t end = now() + loop->poll_nanoseconds;
        do {
            count = epoll_wait(loop->epoll, loop->events, LOOP_BATCH, 0);
        } while (count == 0 && now() < end);
        if (count != 0) {
            return count;
        }
    }
    return epoll_wait(loop->epoll, loop->events, LOOP_BATCH, at_once ? 0 : -1);
}

void loop_run(struct loop *loop)
{
    bool again = run_deferred(loop); /* of the set-up */

    while (!loop->stopped) {
        int count = wait_for_events(loop, again || loop->always != NULL);
        loop->count = count > 0 ? count : 0;
        for (loop->next = 0; loop->next < loop->count;) {
            struct vdev_host_watch *ready = loop->events[loop->next++].data.ptr;
            if (ready != NULL) {
                ready->ready(ready);
            }
        }
        loop->count = 0;
        if (loop->always != NULL) {
            loop->always->ready(loop->always);
        }
        again = loop->turned != NULL && loop->turned(loop->context);
        again |= run_deferred(loop);
    }
}

void loop_close(struct loop *loop)
{
    close(loop->epoll);
}
