/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the other OMAP3 drivers need of the power, reset and clock manager (OMAP35x TRM, SPRUF98,
 * chapter 4) and of the system control module (chapter 7): clocks of a block on and off, the choice
 * of a timer's clock, the reset of the chip, pads, and the bias of the first card controller's
 * pads. No power domain is switched, no DPLL is set.
 */
#ifndef VDEV_DRIVERS_OMAP3_PRCM_H
#define VDEV_DRIVERS_OMAP3_PRCM_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/clock.h>
#include <vdev/io.h>

/* Windows of 8 KiB each; both are the caller's to map. */
struct vdev_omap3_prcm {
    struct vdev_io cm;              /* at 0x48004000 */
    struct vdev_io prm;             /* at 0x48306000 */
    const struct vdev_clock *clock; /* bounds the waits */
};

enum vdev_omap3_block {
    VDEV_OMAP3_GPTIMER1, /* to 12, in order */
    VDEV_OMAP3_GPTIMER2,
    VDEV_OMAP3_GPTIMER3,
    VDEV_OMAP3_GPTIMER4,
    VDEV_OMAP3_GPTIMER5,
    VDEV_OMAP3_GPTIMER6,
    VDEV_OMAP3_GPTIMER7,
    VDEV_OMAP3_GPTIMER8,
    VDEV_OMAP3_GPTIMER9,
    VDEV_OMAP3_GPTIMER10,
    VDEV_OMAP3_GPTIMER11,
    VDEV_OMAP3_UART1,
    VDEV_OMAP3_UART2,
    VDEV_OMAP3_UART3,
    VDEV_OMAP3_GPIO1,
    VDEV_OMAP3_GPIO2,
    VDEV_OMAP3_GPIO3,
    VDEV_OMAP3_GPIO4,
    VDEV_OMAP3_GPIO5,
    VDEV_OMAP3_GPIO6,
    VDEV_OMAP3_MMC1,
    VDEV_OMAP3_MMC2,
    VDEV_OMAP3_MMC3,
    VDEV_OMAP3_I2C1,
    VDEV_OMAP3_I2C2,
    VDEV_OMAP3_I2C3,
    VDEV_OMAP3_WDT2,
    VDEV_OMAP3_BLOCKS, /* how many there are */
};

/*
 * Let a block's functional and interface clocks run, and wait until it can be accessed
 * (CM_IDLEST). VDEV_ERROR_RANGE: no such block; VDEV_ERROR_TIMEOUT: not within 10 ms.
 */
int vdev_omap3_prcm_enable(const struct vdev_omap3_prcm *prcm, enum vdev_omap3_block block);

/* Stop both; the block is not to be accessed from then on. VDEV_ERROR_RANGE: as of enable. */
int vdev_omap3_prcm_disable(const struct vdev_omap3_prcm *prcm, enum vdev_omap3_block block);

/*
 * The functional clock of a timer (1 to 11): the system clock, else 32768 Hz. VDEV_ERROR_RANGE: not
 * a timer's block. To be called while the timer is stopped.
 */
int vdev_omap3_prcm_set_timer_clock(const struct vdev_omap3_prcm *prcm, enum vdev_omap3_block block,
                                    bool system);

/*
 * Frequency of the system clock in hertz: the oscillator's, which the firmware has stated in
 * PRM_CLKSEL, halved if PRM_CLKSRC_CTRL says so; 0: no known oscillator. 13 MHz or 26 MHz on the
 * BeagleBoard. Where no firmware has been, neither is to be relied on: 32768 Hz is.
 */
uint32_t vdev_omap3_prcm_system_hertz(const struct vdev_omap3_prcm *prcm);

/* Why the chip was last reset: PRM_RSTST, whose bits are then cleared (bit 0 cold, 1 by software).
 */
uint32_t vdev_omap3_prcm_reset_cause(const struct vdev_omap3_prcm *prcm);

/*
 * Reset the chip, as power-up does. On hardware it does not return. Returns VDEV_ERROR_TIMEOUT if
 * it is still there after 10 ms: on a model, or under a hypervisor that resets later.
 */
int vdev_omap3_prcm_reset(const struct vdev_omap3_prcm *prcm);

/* ---- system control module, at 0x48002000: a window of 8 KiB ---- */

/* A pad's configuration: mode 0 to 7, and these [SPRUF98 §7.4.4.3]. */
#define VDEV_OMAP3_PAD_PULL    0x0008u
#define VDEV_OMAP3_PAD_PULL_UP 0x0010u
#define VDEV_OMAP3_PAD_INPUT   0x0100u

/* Some pads: UART3's, in mode 0 of which the BeagleBoard's serial port is. */
#define VDEV_OMAP3_PAD_UART3_RX 0x19Eu
#define VDEV_OMAP3_PAD_UART3_TX 0x1A0u

/* `pad` is its register's offset in the SCM, 0x030 to 0x264 or 0xA00 to 0xA5A, even; else
 * VDEV_ERROR_RANGE. */
int vdev_omap3_scm_set_pad(const struct vdev_io *scm, uint32_t pad, uint32_t configuration);

/*
 * The pads of MMC1 as the BeagleBoard connects them: clock, command, four data lines; and the MMC1
 * clock looped back to itself (DEVCONF0), without which the controller samples answers wrongly.
 */
void vdev_omap3_scm_connect_mmc1(const struct vdev_io *scm);

/*
 * Bias the pads of MMC1 for its supply: off before the supply changes, on once it is stable, at
 * 3.0 V or 1.8 V. Waits 100 us. VDEV_ERROR_IO: the pads' detector finds another voltage than was
 * said; they are then off again.
 */
int vdev_omap3_scm_set_mmc1(const struct vdev_io *scm, const struct vdev_clock *clock, bool on,
                            bool low_voltage);

#endif
