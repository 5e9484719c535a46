/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver of Arm's PrimeCell PL181 (and PL180) card controller, by programmed I/O. Offers an SD
 * host; the card behind it is the card layer's (vdev/drivers/sd_card.h).
 */
#ifndef VDEV_DRIVERS_PL181_H
#define VDEV_DRIVERS_PL181_H

#include <vdev/clock.h>
#include <vdev/io.h>
#include <vdev/sd_host.h>

struct vdev_pl181_driver_configuration {
    struct vdev_io io; /* the controller's 4 KiB of registers */
    const struct vdev_clock *clock;
    uint32_t reference_hertz; /* of MCLK, from which the card's clock is divided */
    /*
     * The card's clock never exceeds this; 0: no such limit. The FIFO holds 64 bytes and the
     * controller cannot stop a card that sends: whoever polls too late for that must slow it down.
     */
    uint32_t maximum_hertz;
    bool wide; /* the board connects DAT1 to DAT3 */
    /* Is a card in the slot? The controller cannot tell, the board perhaps can; NULL: assume so. */
    bool (*present)(void *context);
    void *present_context;
};

/* All of it is the driver's, except that `host` is what the card layer is given. */
struct vdev_pl181_driver {
    struct vdev_sd_host host;
    struct vdev_io io;
    const struct vdev_clock *clock;
    uint32_t reference_hertz;
    bool (*present)(void *context);
    void *present_context;
    struct vdev_sd_command *command;   /* in progress, or NULL */
    struct vdev_sd_transfer *transfer; /* its data, or NULL */
    uint32_t remaining;                /* bytes that the FIFO has still to take or give */
    bool answered;                     /* the command is; its data may not have moved */
};

/*
 * Take over the controller and make it silent: no interrupt enabled, clock off, nothing in
 * progress. Its two interrupt lines, where they are connected, mean "call the block device's poll".
 * VDEV_OK; VDEV_ERROR_INVALID: no clock or no frequency; VDEV_ERROR_ABSENT: what answers at these
 * registers does not identify itself as a PL180 or PL181.
 */
int vdev_pl181_driver_init(struct vdev_pl181_driver *driver,
                           const struct vdev_pl181_driver_configuration *configuration);

#endif
