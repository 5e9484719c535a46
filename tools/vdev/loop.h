/* SPDX-License-Identifier: BSD-2-Clause */
/* The tool's event loop: epoll behind struct vdev_host_loop, one thread. */
#ifndef VDEV_TOOL_LOOP_H
#define VDEV_TOOL_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include <sys/epoll.h>

#include <vdev/host/loop.h>

#define LOOP_BATCH 64

struct loop {
    struct vdev_host_loop host; /* what src/host/ is given */
    int epoll;
    struct epoll_event events[LOOP_BATCH]; /* those of this turn that are still to be served */
    int count;
    int next;
    struct vdev_host_deferred *deferred;
    struct vdev_host_watch *always; /* a plain file, which is ready at all times; one at most */
    bool stopped;
    uint64_t poll_nanoseconds; /* look again for so long before sleeping; 0: sleep at once */
    /* After each turn; true: have the next one at once. May be NULL. */
    bool (*turned)(void *context);
    void *context;
};

/* 0, or a negative errno. */
int loop_init(struct loop *loop);

/* Until loop_stop was called. */
void loop_run(struct loop *loop);

static inline void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}

void loop_close(struct loop *loop);

#endif
