/* SPDX-License-Identifier: BSD-2-Clause */
/* What the loop, driver.c, and the kinds of devices, services.c, know of each other. */
#ifndef DRIVER_H
#define DRIVER_H
#include <vdev/clock.h>
#include <vdev/memory.h>
#include <vdev/virtio.h>

#include "interface.h"

enum progress {
    IDLE,  /* nothing to do, and the device's interrupt is of no use */
    WAITS, /* for the device's interrupt */
    MORE,  /* to do at once */
};

struct service {
    uint32_t interrupts; /* of the device, in a row */
    void (*start)(uint32_t address, uint32_t clients);
    /* Make the back-end for a link, over what its client shares. */
    struct vdev_virtio_device *(*join)(uint32_t number, const struct hyp_boot_link *link,
                                       const struct vdev_memory *memory);
    enum progress (*poll)(void); /* a bounded step */
};
extern const struct service driver_console, driver_disk, driver_network;
extern const struct vdev_clock driver_clock;
extern uint64_t driver_deadline; /* poll the disk when that clock has passed this; 0: no need */
void driver_check(int status, const char *what); /* does not return with an error */
#endif
