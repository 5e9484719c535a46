/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver of the OMAP3's card controllers MMCHS1 to 3 (OMAP35x TRM, SPRUF98, chapter 22), by
 * programmed I/O. Offers an SD host; the card behind it is the card layer's
 * (vdev/drivers/sd_card.h). Not its DMA, not MMC's eight lines, not SDIO.
 *
 * What it expects of others: its clocks run (vdev_omap3_prcm_enable), and the card has power. On
 * the BeagleBoard, MMC1's supply is VMMC1 of the TWL4030 (vdev_twl4030_set_vmmc1) and its pads are
 * biased by the SCM (vdev_omap3_scm_set_mmc1); `power` is where the board's owner does both.
 */
#ifndef VDEV_DRIVERS_OMAP3_HSMMC_H
#define VDEV_DRIVERS_OMAP3_HSMMC_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/clock.h>
#include <vdev/io.h>
#include <vdev/sd_host.h>

#define VDEV_OMAP3_HSMMC_REFERENCE_HERTZ 96000000u

struct vdev_omap3_hsmmc_configuration {
    struct vdev_io io; /* the controller's 512 bytes of registers */
    const struct vdev_clock *clock;
    uint32_t reference_hertz; /* of the functional clock; 0: VDEV_OMAP3_HSMMC_REFERENCE_HERTZ */
    uint32_t maximum_hertz;   /* the card's clock never exceeds this; 0: no such limit */
    bool wide;                /* the board connects DAT1 to DAT3 */
    bool low_voltage; /* the card's supply is 1.8 V, as it can be on MMC2 and 3; else 3.0 V */
    /* Is a card in the slot? The controller cannot tell, the board perhaps can; NULL: assume so. */
    bool (*present)(void *context);
    /*
     * Switch the card's supply. Called by reset, off and then on, which waits for 1 ms after each
     * and so takes 2 ms longer than both calls. Returns a status, which reset then returns. NULL:
     * the supply is on.
     */
    int (*power)(void *context, bool on);
    void *context; /* of both */
};

/* All of it is the driver's, except that `host` is what the card layer is given. */
struct vdev_omap3_hsmmc {
    struct vdev_sd_host host;
    struct vdev_io io;
    const struct vdev_clock *clock;
    uint32_t reference_hertz;
    bool low_voltage;
    bool (*present)(void *context);
    int (*power)(void *context, bool on);
    void *context;
    struct vdev_sd_command *command;   /* in progress, or NULL */
    struct vdev_sd_transfer *transfer; /* its data, or NULL */
    uint32_t remaining;                /* blocks that the buffer has still to take or give */
    bool answered;                     /* the command is; its data may not have moved */
    bool failed;                       /* a line's reset did not end: only `reset` helps */
};

/*
 * Take over the controller and make it silent: reset, no interrupt enabled, bus power off, nothing
 * in progress. Its interrupt line means "call the block device's poll". VDEV_OK;
 * VDEV_ERROR_INVALID: no clock; VDEV_ERROR_ABSENT: what answers at these registers is no such
 * controller; VDEV_ERROR_TIMEOUT: its reset did not end within 10 ms.
 */
int vdev_omap3_hsmmc_init(struct vdev_omap3_hsmmc *hsmmc,
                          const struct vdev_omap3_hsmmc_configuration *configuration);

#endif
