/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An emulator of what the OMAP3530's power, reset and clock management (OMAP35x TRM, ch. 4) shows
 * to drivers of the other devices: the clock manager's gates and selections in the domains CORE,
 * WKUP, PER and of the PLLs, and the power and reset manager's software reset and its causes.
 * The gates gate nothing: a module's idle status follows its interface clock's enable at once. All
 * PLLs are locked. No power domains.
 */
#ifndef VDEV_EMULATORS_OMAP3_PRCM_H
#define VDEV_EMULATORS_OMAP3_PRCM_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/bus.h>
#include <vdev/registers.h>

#define VDEV_OMAP3_CM_WINDOW          0x2000u /* bytes, from 48004000 */
#define VDEV_OMAP3_PRM_WINDOW         0x2000u /* bytes, from 48306000 */
#define VDEV_OMAP3_CM_REGISTER_COUNT  37u
#define VDEV_OMAP3_PRM_REGISTER_COUNT 13u

/* Causes of a reset, as they stand in PRM_RSTST. */
#define VDEV_OMAP3_RESET_COLD     0x001u
#define VDEV_OMAP3_RESET_SOFTWARE 0x002u
#define VDEV_OMAP3_RESET_WATCHDOG 0x010u
#define VDEV_OMAP3_RESET_EXTERNAL 0x040u

struct vdev_omap3_prcm_emulator_configuration {
    /*
     * The guest resets itself through PRM_RSTCTRL; `cold` as by RST_DPLL3, else a warm one. Called
     * from inside the access, which the owner lets return before it resets anything. May be NULL.
     */
    void (*reset)(void *owner, bool cold);
    /*
     * GPTIMER1 to 11 has another functional clock: SYS_CLK or 32 kHz. Called with changes only,
     * from inside an access or a reset. May be NULL.
     */
    void (*timer_clock)(void *owner, unsigned timer, bool system);
    void *owner;
    /* Start as a boot loader leaves it: UART3's clocks are on. Else as after reset: all are off. */
    bool running;
    uint32_t cause; /* why the guest starts: VDEV_OMAP3_RESET_..., 0 means cold */
};

/* All of it is the emulator's. */
struct vdev_omap3_prcm_emulator {
    struct vdev_register_bank cm, prm;
    uint32_t cm_values[VDEV_OMAP3_CM_REGISTER_COUNT];
    uint32_t prm_values[VDEV_OMAP3_PRM_REGISTER_COUNT];
    void (*reset)(void *owner, bool cold);
    void (*timer_clock)(void *owner, unsigned timer, bool system);
    void *owner;
    uint32_t system_timers; /* bit n: GPTIMERn counts SYS_CLK, as last told */
};

/* The registers, for names and for the tests of drivers. */
extern const struct vdev_register_table vdev_omap3_cm_registers;
extern const struct vdev_register_table vdev_omap3_prm_registers;

/*
 * Take over the configuration (copied; the owner outlives the emulator) and reset.
 * VDEV_ERROR_INVALID: a cause that does not exist.
 */
int vdev_omap3_prcm_emulator_init(
    struct vdev_omap3_prcm_emulator *emulator,
    const struct vdev_omap3_prcm_emulator_configuration *configuration);

/*
 * As after a reset with this cause; `running` as in the configuration. After a warm one PRM_RSTST
 * gathers causes, as it does in hardware. Causes that do not exist are ignored.
 */
void vdev_omap3_prcm_emulator_reset(struct vdev_omap3_prcm_emulator *emulator, uint32_t cause,
                                    bool running);

/*
 * One access of a guest to the clock manager, or to the power and reset manager, 32 bits wide: a
 * vdev_access_function; `emulator` is the same for both. VDEV_ERROR_RANGE: no register there;
 * VDEV_ERROR_UNSUPPORTED: another width.
 */
int vdev_omap3_cm_emulator_access(void *emulator, struct vdev_access *access);
int vdev_omap3_prm_emulator_access(void *emulator, struct vdev_access *access);

#endif
