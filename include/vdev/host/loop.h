/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program's own event loop, as what is below src/host/ sees it: who waits for file descriptors
 * is the caller's affair. Everything is called from the loop's one thread.
 */
#ifndef VDEV_HOST_LOOP_H
#define VDEV_HOST_LOOP_H

#include <stdbool.h>

/* Embedded by who waits for a descriptor. */
struct vdev_host_watch {
    int descriptor;
    bool reads;  /* wait until it can be read, ... */
    bool writes; /* ... or written */
    /* It can be, or it has failed; called again as long as that is so. */
    void (*ready)(struct vdev_host_watch *watch);
};

/* Embedded by who has something to do once before the loop waits again. */
struct vdev_host_deferred {
    void (*run)(struct vdev_host_deferred *deferred);
    struct vdev_host_deferred *next; /* the loop's, until it calls run */
};

struct vdev_host_loop {
    /* Begin to watch, or take note that `reads` or `writes` have changed. 0, or a negative errno.
     */
    int (*watch)(struct vdev_host_loop *loop, struct vdev_host_watch *watch);
    /* Before the descriptor is closed. `ready` is not called after this, even if it was due. */
    void (*unwatch)(struct vdev_host_loop *loop, struct vdev_host_watch *watch);
    /*
     * Call deferred->run once, when all that is ready has been served and before the loop waits
     * next: so what one turn asks for goes to the kernel in one call. Not called again for the same
     * before it has run, which may defer anew. NULL: the loop cannot, and everything goes at once.
     */
    void (*defer)(struct vdev_host_loop *loop, struct vdev_host_deferred *deferred);
};

/* What failed, for a person: one line without its end, such as "disk.img: in use by another". */
struct vdev_host_error {
    char text[256];
};

#endif
