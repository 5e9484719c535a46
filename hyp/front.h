/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device class of the hypervisor's whose back-end is in a driver VM, for an emulator to stand on.
 */
#ifndef HYP_FRONT_H
#define HYP_FRONT_H

#include <vdev/frontends/block.h>
#include <vdev/frontends/console.h>
#include <vdev/frontends/net.h>

#include "hyp.h"

#define FRONT_MEMORY 0x40000u /* bytes, shared with the driver VM */

/* A frame on its way down, in shared memory. */
struct front_frame {
    struct vdev_net_frame frame;
    struct vdev_net_frame *origin; /* NULL: free */
    struct vdev_buffer buffer;
};

struct front {
    uint32_t kind;
    uint32_t memory; /* where it is */
    uint32_t left;   /* of it, not used yet */
    /* The front-ends' own operations, but for submit. */
    union {
        struct {
            struct vdev_block_operations block;
            int (*submit_block)(struct vdev_block *block, struct vdev_block_request *request);
        };
        struct {
            struct vdev_net_operations net;
            int (*submit_net)(struct vdev_net *net, struct vdev_net_frame *frame);
            struct front_frame *frames;
        };
    };
    union {
        struct vdev_block_frontend block_frontend;
        struct vdev_console_frontend console_frontend;
        struct vdev_net_frontend net_frontend;
    };
};

/* Start the front-end of a kind of device (HYP_DEVICE_...). Errors as of the front-ends. */
int front_start(struct front *front, uint32_t kind, struct vdev_virtio_driver *transport);
bool front_poll(struct front *front);
/* Memory for an emulator's data, zeroed. */
void *front_allocate(struct front *front, uint32_t size);

#endif
