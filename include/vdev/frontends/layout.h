/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the parts of a front-end's memory go: of two areas that the caller has, the one shared with
 * the device, the other not, a front-end's configuration gets all the memory that its numbers ask
 * for. Whoever wants each part in a place of its own fills in the configuration by hand instead.
 *
 * The numbers of a configuration are its sizes and counts, those of its queues' indirect tables
 * among them. Nothing is allocated, nothing is written to the memory, and nothing is kept: the
 * areas are the caller's, and stay in place as the front-end's memory has to.
 */
#ifndef VDEV_FRONTENDS_LAYOUT_H
#define VDEV_FRONTENDS_LAYOUT_H

#include <vdev/buffer.h>
#include <vdev/frontends/block.h>
#include <vdev/frontends/console.h>
#include <vdev/frontends/net.h>

/* Of each part in shared memory, so that no two are in one cache line. */
#define VDEV_FRONTEND_ALIGNMENT 64u

/* What is still free of both areas: each part is taken from the beginning. */
struct vdev_frontend_memory {
    struct vdev_buffer shared; /* with the device: pointer and bus address as far from a multiple of
                                  VDEV_FRONTEND_ALIGNMENT */
    struct vdev_buffer own;    /* where the device cannot reach; the bus address is not looked at */
};

/*
 * Take the memory for a front-end from the areas, and enter it into the configuration. Several may
 * be laid out in the same areas, one after the other.
 *
 * VDEV_ERROR_FULL: an area is too short. VDEV_ERROR_INVALID: no bus address, or one that is aligned
 * otherwise than the pointer. Both are as they were then. Whether the numbers themselves are good,
 * the front-end's init says.
 *
 * Block: `data` becomes all that is left of the shared area, unless it was set: an emulator's
 * buffer that is taken from there, by vdev_frontend_take for one, needs no bus address. Net: bounce
 * memory if bounce_size is not 0, a control queue if control_queue_size is not 0.
 */
int vdev_block_frontend_lay_out(struct vdev_block_frontend_configuration *configuration,
                                struct vdev_frontend_memory *memory);
int vdev_console_frontend_lay_out(struct vdev_console_frontend_configuration *configuration,
                                  struct vdev_frontend_memory *memory);
int vdev_net_frontend_lay_out(struct vdev_net_frontend_configuration *configuration,
                              struct vdev_frontend_memory *memory);

/*
 * How many bytes of each area that takes, from a multiple of VDEV_FRONTEND_ALIGNMENT on; SIZE_MAX:
 * more than there can be.
 */
struct vdev_frontend_bytes {
    size_t shared, own;
};

struct vdev_frontend_bytes
vdev_block_frontend_bytes(const struct vdev_block_frontend_configuration *configuration);
struct vdev_frontend_bytes
vdev_console_frontend_bytes(const struct vdev_console_frontend_configuration *configuration);
struct vdev_frontend_bytes
vdev_net_frontend_bytes(const struct vdev_net_frontend_configuration *configuration);

/*
 * Take a part for another use, aligned to VDEV_FRONTEND_ALIGNMENT. Without a pointer: there is no
 * room, and nothing is taken.
 */
struct vdev_buffer vdev_frontend_take(struct vdev_buffer *area, size_t length);

#endif
