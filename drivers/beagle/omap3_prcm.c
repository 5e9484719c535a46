/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clocks and reset of the OMAP3, and its system control module. [TRM] is the OMAP35x Technical
 * Reference Manual, SPRUF98, chapters 4 (PRCM) and 7 (SCM).
 */
#include <vdev/drivers/omap3_prcm.h>
#include <vdev/status.h>

/* CM [TRM table 4-135]. */
#define CM_FCLKEN1_CORE 0x0A00u
#define CM_ICLKEN1_CORE 0x0A10u
#define CM_IDLEST1_CORE 0x0A20u
#define CM_CLKSEL_CORE  0x0A40u
#define CM_FCLKEN_WKUP  0x0C00u
#define CM_ICLKEN_WKUP  0x0C10u
#define CM_IDLEST_WKUP  0x0C20u
#define CM_CLKSEL_WKUP  0x0C40u
#define CM_FCLKEN_PER   0x1000u
#define CM_ICLKEN_PER   0x1010u
#define CM_IDLEST_PER   0x1020u
#define CM_CLKSEL_PER   0x1040u

/* PRM [TRM §4.14.2]. */
#define PRM_CLKSEL      0x0D40u
#define PRM_RSTCTRL     0x1250u
#define PRM_RSTST       0x1258u
#define PRM_CLKSRC_CTRL 0x1270u

#define RSTCTRL_SOFTWARE 0x2u /* global software reset: warm */
#define RSTCTRL_DPLL3    0x4u /* through the DPLL of the core: cold */

#define WAIT_LIMIT 10000000u /* nanoseconds */
#define BIAS_TIME  100000u

/* SCM [TRM table 7-5]. */
#define DEVCONF0   0x274u
#define PBIAS_LITE 0x520u

#define DEVCONF0_MMC1_LOOPBACK (1u << 24)
#define PBIAS_3V0              (1u << 0)
#define PBIAS_ON               (1u << 1)
#define PBIAS_SPEED            (1u << 2)
#define PBIAS_ERROR            (1u << 3)

#define PAD_MMC1_CLOCK 0x144u
#define PAD_MMC1_FIRST 0x146u /* command, then DAT0 to DAT3 */
#define PAD_MMC1_LAST  0x14Eu

struct domain {
    uint16_t functional, interface, idle, select;
};

static const struct domain core = {CM_FCLKEN1_CORE, CM_ICLKEN1_CORE, CM_IDLEST1_CORE,
                                   CM_CLKSEL_CORE};
static const struct domain wakeup = {CM_FCLKEN_WKUP, CM_ICLKEN_WKUP, CM_IDLEST_WKUP,
                                     CM_CLKSEL_WKUP};
static const struct domain peripheral = {CM_FCLKEN_PER, CM_ICLKEN_PER, CM_IDLEST_PER,
                                         CM_CLKSEL_PER};

struct gate {
    const struct domain *domain;
    uint8_t bit;    /* of FCLKEN, ICLKEN and IDLEST alike */
    uint8_t select; /* of CLKSEL, for a timer; else NO_SELECT */
};

#define NO_SELECT 255u

/* [TRM tables 4-150 to 4-223] */
static const struct gate gates[VDEV_OMAP3_BLOCKS] = {
    [VDEV_OMAP3_GPTIMER1] = {&wakeup, 0, 0},
    [VDEV_OMAP3_GPTIMER2] = {&peripheral, 3, 0},
    [VDEV_OMAP3_GPTIMER3] = {&peripheral, 4, 1},
    [VDEV_OMAP3_GPTIMER4] = {&peripheral, 5, 2},
    [VDEV_OMAP3_GPTIMER5] = {&peripheral, 6, 3},
    [VDEV_OMAP3_GPTIMER6] = {&peripheral, 7, 4},
    [VDEV_OMAP3_GPTIMER7] = {&peripheral, 8, 5},
    [VDEV_OMAP3_GPTIMER8] = {&peripheral, 9, 6},
    [VDEV_OMAP3_GPTIMER9] = {&peripheral, 10, 7},
    [VDEV_OMAP3_GPTIMER10] = {&core, 11, 6},
    [VDEV_OMAP3_GPTIMER11] = {&core, 12, 7},
    [VDEV_OMAP3_UART1] = {&core, 13, NO_SELECT},
    [VDEV_OMAP3_UART2] = {&core, 14, NO_SELECT},
    [VDEV_OMAP3_UART3] = {&peripheral, 11, NO_SELECT},
    [VDEV_OMAP3_GPIO1] = {&wakeup, 3, NO_SELECT},
    [VDEV_OMAP3_GPIO2] = {&peripheral, 13, NO_SELECT},
    [VDEV_OMAP3_GPIO3] = {&peripheral, 14, NO_SELECT},
    [VDEV_OMAP3_GPIO4] = {&peripheral, 15, NO_SELECT},
    [VDEV_OMAP3_GPIO5] = {&peripheral, 16, NO_SELECT},
    [VDEV_OMAP3_GPIO6] = {&peripheral, 17, NO_SELECT},
    [VDEV_OMAP3_MMC1] = {&core, 24, NO_SELECT},
    [VDEV_OMAP3_MMC2] = {&core, 25, NO_SELECT},
    [VDEV_OMAP3_MMC3] = {&core, 30, NO_SELECT},
    [VDEV_OMAP3_I2C1] = {&core, 15, NO_SELECT},
    [VDEV_OMAP3_I2C2] = {&core, 16, NO_SELECT},
    [VDEV_OMAP3_I2C3] = {&core, 17, NO_SELECT},
    [VDEV_OMAP3_WDT2] = {&wakeup, 5, NO_SELECT},
};

static void change(const struct vdev_io *io, uint32_t offset, uint32_t clear, uint32_t set)
{
    vdev_io_write32(io, offset, (vdev_io_read32(io, offset) & ~clear) | set);
}

static bool known(enum vdev_omap3_block block)
{
    return (unsigned)block < VDEV_OMAP3_BLOCKS;
}

int vdev_omap3_prcm_enable(const struct vdev_omap3_prcm *prcm, enum vdev_omap3_block block)
{
    if (!known(block)) {
        return VDEV_ERROR_RANGE;
    }
    const struct gate *gate = &gates[block];
    uint32_t bit = UINT32_C(1) << gate->bit;
    change(&prcm->cm, gate->domain->functional, 0, bit);
    change(&prcm->cm, gate->domain->interface, 0, bit);

    /* 0: it can be accessed [TRM §4.14.1.5]. The OMAP2 says it the other way round. */
    uint64_t start = vdev_clock_now(prcm->clock);
    while ((vdev_io_read32(&prcm->cm, gate->domain->idle) & bit) != 0) {
        if (vdev_clock_now(prcm->clock) - start > WAIT_LIMIT) {
            return VDEV_ERROR_TIMEOUT;
        }
    }
    return VDEV_OK;
}

int vdev_omap3_prcm_disable(const struct vdev_omap3_prcm *prcm, enum vdev_omap3_block block)
{
    if (!known(block)) {
        return VDEV_ERROR_RANGE;
    }
    const struct gate *gate = &gates[block];
    uint32_t bit = UINT32_C(1) << gate->bit;
    change(&prcm->cm, gate->domain->functional, bit, 0);
    change(&prcm->cm, gate->domain->interface, bit, 0);
    return VDEV_OK;
}

int vdev_omap3_prcm_set_timer_clock(const struct vdev_omap3_prcm *prcm, enum vdev_omap3_block block,
                                    bool system)
{
    if (!known(block) || gates[block].select == NO_SELECT) {
        return VDEV_ERROR_RANGE;
    }
    uint32_t bit = UINT32_C(1) << gates[block].select;
    change(&prcm->cm, gates[block].domain->select, bit, system ? bit : 0);
    return VDEV_OK;
}

uint32_t vdev_omap3_prcm_system_hertz(const struct vdev_omap3_prcm *prcm)
{
    static const uint32_t oscillators[8] = {12000000, 13000000, 19200000, 26000000,
                                            38400000, 16800000, 0,        0};
    uint32_t hertz = oscillators[vdev_io_read32(&prcm->prm, PRM_CLKSEL) & 7];
    uint32_t divider = vdev_io_read32(&prcm->prm, PRM_CLKSRC_CTRL) >> 6 & 3;

    return divider == 2 ? hertz / 2 : hertz;
}

uint32_t vdev_omap3_prcm_reset_cause(const struct vdev_omap3_prcm *prcm)
{
    uint32_t cause = vdev_io_read32(&prcm->prm, PRM_RSTST);

    vdev_io_write32(&prcm->prm, PRM_RSTST, cause);
    return cause;
}

int vdev_omap3_prcm_reset(const struct vdev_omap3_prcm *prcm)
{
    change(&prcm->prm, PRM_RSTCTRL, 0, RSTCTRL_SOFTWARE);
    vdev_clock_delay(prcm->clock, WAIT_LIMIT / 2);
    /* Still here: a chip that has a warm reset held off does not hold off this one. */
    change(&prcm->prm, PRM_RSTCTRL, 0, RSTCTRL_DPLL3);
    vdev_clock_delay(prcm->clock, WAIT_LIMIT / 2);
    return VDEV_ERROR_TIMEOUT;
}

int vdev_omap3_scm_set_pad(const struct vdev_io *scm, uint32_t pad, uint32_t configuration)
{
    bool ordinary = pad >= 0x030u && pad <= 0x264u;
    bool waking = pad >= 0xA00u && pad <= 0xA5Au;

    if ((!ordinary && !waking) || pad % 2 != 0) {
        return VDEV_ERROR_RANGE;
    }
    vdev_io_write16(scm, pad, (uint16_t)configuration);
    return VDEV_OK;
}

void vdev_omap3_scm_connect_mmc1(const struct vdev_io *scm)
{
    const uint16_t pulled_up = VDEV_OMAP3_PAD_PULL | VDEV_OMAP3_PAD_PULL_UP;

    vdev_io_write16(scm, PAD_MMC1_CLOCK, pulled_up);
    for (uint32_t pad = PAD_MMC1_FIRST; pad <= PAD_MMC1_LAST; pad += 2) {
        vdev_io_write16(scm, pad, pulled_up | VDEV_OMAP3_PAD_INPUT);
    }
    change(scm, DEVCONF0, 0, DEVCONF0_MMC1_LOOPBACK);
}

int vdev_omap3_scm_set_mmc1(const struct vdev_io *scm, const struct vdev_clock *clock, bool on,
                            bool low_voltage)
{
    /* Off first, whatever comes: with the wrong voltage they would be damaged [TRM §7.5.3]. */
    change(scm, PBIAS_LITE, PBIAS_ON, 0);
    if (!on) {
        return VDEV_OK;
    }
    change(scm, PBIAS_LITE, PBIAS_3V0, PBIAS_SPEED | (low_voltage ? 0 : PBIAS_3V0));
    vdev_clock_delay(clock, BIAS_TIME / 2);
    change(scm, PBIAS_LITE, 0, PBIAS_ON);
    vdev_clock_delay(clock, BIAS_TIME / 2);
    if ((vdev_io_read32(scm, PBIAS_LITE) & PBIAS_ERROR) != 0) {
        change(scm, PBIAS_LITE, PBIAS_ON, 0);
        return VDEV_ERROR_IO;
    }
    return VDEV_OK;
}
