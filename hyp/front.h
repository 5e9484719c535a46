/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device class of the hypervisor's whose back-end is in a driver VM, for an emulator to stand on.
 */
#ifndef HYP_FRONT_H
#define HYP_FRONT_H

#include <vdev/frontends/layout.h>

#include "hyp.h"

#define FRONT_MEMORY 0x40000u /* bytes, shared with the driver VM */

struct front {
    uint32_t kind;
    uint32_t memory;         /* where it is */
    struct vdev_buffer free; /* of it, once started: for an emulator's data */
    union {
        struct vdev_block_frontend block_frontend;
        struct vdev_console_frontend console_frontend;
        struct vdev_net_frontend net_frontend;
    };
};

/* Start the front-end of a kind of device (HYP_DEVICE_...). Errors as of the front-ends. */
int front_start(struct front *front, uint32_t kind, struct vdev_virtio_driver *transport);
bool front_poll(struct front *front);

#endif
