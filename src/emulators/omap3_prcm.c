/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The emulator of the OMAP3530's clock manager and of its power and reset manager. Facts: what is
 * public of the OMAP35x TRM, ch. 4: register lists and drivers. The PLLs' reset values are those that
 * boot loaders set for 26 MHz, since the ROM code runs on some.
 */
#include <vdev/emulators/omap3_prcm.h>
#include <vdev/status.h>

#include "core/mem.h"
#include "emulators/omap3_registers.h"

/* Clocks that exist, by domain: functional and interface. */
#define CORE1_FUNCTIONAL 0x43FFFE00u
#define CORE1_INTERFACE  0x7FFFFED2u
#define CORE1_ALWAYS_ON  0x00000042u /* SDRC and the system control module */
#define CORE3_BITS       0x00000007u
#define WKUP_FUNCTIONAL  0x000002E9u
#define WKUP_INTERFACE   0x0000023Fu
#define PER_FUNCTIONAL   0x0003FFFFu
#define PER_INTERFACE    0x0003FFFFu
#define PER_UART3        (1u << 11)

#define RSTCTRL_GS    0x2u
#define RSTCTRL_DPLL3 0x4u
#define CAUSES        0x000007FBu
#define KNOWN_CAUSES                                                                               \
    (VDEV_OMAP3_RESET_COLD | VDEV_OMAP3_RESET_SOFTWARE | VDEV_OMAP3_RESET_WATCHDOG |               \
     VDEV_OMAP3_RESET_EXTERNAL)

static vdev_register_write_function write_interface_clocks, write_selection, write_reset_control;

#define CM_REGISTERS(X)                                                                            \
    X(CM_REVISION, 0x0800, .name = "CM_REVISION", .reset = 0x10, OMAP3_READ_ONLY)                  \
    X(CM_SYSCONFIG, 0x0810, .name = "CM_SYSCONFIG", .writable = 0x1, .reset = 0x1)                 \
    X(FCLKEN1_CORE, 0x0A00, .name = "CM_FCLKEN1_CORE", .writable = CORE1_FUNCTIONAL)               \
    X(FCLKEN3_CORE, 0x0A08, .name = "CM_FCLKEN3_CORE", .writable = CORE3_BITS)                     \
    X(ICLKEN1_CORE, 0x0A10, .name = "CM_ICLKEN1_CORE", .writable = CORE1_INTERFACE,                \
      .reset = CORE1_ALWAYS_ON, .write = write_interface_clocks)                                   \
    X(ICLKEN3_CORE, 0x0A18, .name = "CM_ICLKEN3_CORE", .writable = CORE3_BITS,                     \
      .write = write_interface_clocks)                                                             \
    X(IDLEST1_CORE, 0x0A20, .name = "CM_IDLEST1_CORE", OMAP3_READ_ONLY)                            \
    X(IDLEST3_CORE, 0x0A28, .name = "CM_IDLEST3_CORE", OMAP3_READ_ONLY)                            \
    X(AUTOIDLE1_CORE, 0x0A30, .name = "CM_AUTOIDLE1_CORE", .writable = CORE1_INTERFACE)            \
    X(AUTOIDLE3_CORE, 0x0A38, .name = "CM_AUTOIDLE3_CORE", .writable = CORE3_BITS)                 \
    X(CLKSEL_CORE, 0x0A40, .name = "CM_CLKSEL_CORE", .writable = 0xFFF, .reset = 0x30A,            \
      .write = write_selection)                                                                    \
    X(CLKSTCTRL_CORE, 0x0A48, .name = "CM_CLKSTCTRL_CORE", .writable = 0x3F)                       \
    X(CLKSTST_CORE, 0x0A4C, .name = "CM_CLKSTST_CORE", .reset = 0x3, OMAP3_READ_ONLY)              \
    X(FCLKEN_WKUP, 0x0C00, .name = "CM_FCLKEN_WKUP", .writable = WKUP_FUNCTIONAL)                  \
    X(ICLKEN_WKUP, 0x0C10, .name = "CM_ICLKEN_WKUP", .writable = WKUP_INTERFACE,                   \
      .write = write_interface_clocks)                                                             \
    X(IDLEST_WKUP, 0x0C20, .name = "CM_IDLEST_WKUP", OMAP3_READ_ONLY)                              \
    X(AUTOIDLE_WKUP, 0x0C30, .name = "CM_AUTOIDLE_WKUP", .writable = WKUP_INTERFACE)               \
    X(CLKSEL_WKUP, 0x0C40, .name = "CM_CLKSEL_WKUP", .writable = 0x7F, .reset = 0x12,              \
      .write = write_selection)                                                                    \
    X(CLKEN_PLL, 0x0D00, .name = "CM_CLKEN_PLL", .writable = ~0u, .reset = 0x00370037)             \
    X(CLKEN2_PLL, 0x0D04, .name = "CM_CLKEN2_PLL", .writable = 0x7FF, .reset = 0x11)               \
    X(IDLEST_CKGEN, 0x0D20, .name = "CM_IDLEST_CKGEN", .reset = 0x3F, OMAP3_READ_ONLY)             \
    X(IDLEST2_CKGEN, 0x0D24, .name = "CM_IDLEST2_CKGEN", OMAP3_READ_ONLY)                          \
    X(AUTOIDLE_PLL, 0x0D30, .name = "CM_AUTOIDLE_PLL", .writable = 0x3F)                           \
    X(AUTOIDLE2_PLL, 0x0D34, .name = "CM_AUTOIDLE2_PLL", .writable = 0x7)                          \
    X(CLKSEL1_PLL, 0x0D40, .name = "CM_CLKSEL1_PLL", .writable = ~0u, .reset = 0x08A60C00)         \
    X(CLKSEL2_PLL, 0x0D44, .name = "CM_CLKSEL2_PLL", .writable = 0x7FF7F, .reset = 0x0003600C)     \
    X(CLKSEL3_PLL, 0x0D48, .name = "CM_CLKSEL3_PLL", .writable = 0x1F, .reset = 0x9)               \
    X(CLKSEL4_PLL, 0x0D4C, .name = "CM_CLKSEL4_PLL", .writable = 0x7FF7F)                          \
    X(CLKSEL5_PLL, 0x0D50, .name = "CM_CLKSEL5_PLL", .writable = 0x1F, .reset = 0x1)               \
    X(CLKOUT_CTRL, 0x0D70, .name = "CM_CLKOUT_CTRL", .writable = 0xBB, .reset = 0x3)               \
    X(FCLKEN_PER, 0x1000, .name = "CM_FCLKEN_PER", .writable = PER_FUNCTIONAL)                     \
    X(ICLKEN_PER, 0x1010, .name = "CM_ICLKEN_PER", .writable = PER_INTERFACE,                      \
      .write = write_interface_clocks)                                                             \
    X(IDLEST_PER, 0x1020, .name = "CM_IDLEST_PER", OMAP3_READ_ONLY)                                \
    X(AUTOIDLE_PER, 0x1030, .name = "CM_AUTOIDLE_PER", .writable = PER_INTERFACE)                  \
    X(CLKSEL_PER, 0x1040, .name = "CM_CLKSEL_PER", .writable = 0xFF, .write = write_selection)     \
    X(SLEEPDEP_PER, 0x1044, .name = "CM_SLEEPDEP_PER", .writable = 0x6)                            \
    X(CLKSTCTRL_PER, 0x1048, .name = "CM_CLKSTCTRL_PER", .writable = 0x3)

#define PRM_REGISTERS(X)                                                                           \
    X(PRM_REVISION, 0x0804, .name = "PRM_REVISION", .reset = 0x10, OMAP3_READ_ONLY)                \
    X(PRM_SYSCONFIG, 0x0814, .name = "PRM_SYSCONFIG", .writable = 0x1, .reset = 0x1)               \
    X(PRM_IRQSTATUS_MPU, 0x0818, .name = "PRM_IRQSTATUS_MPU", .write_one_to_clear = ~0u)           \
    X(PRM_IRQENABLE_MPU, 0x081C, .name = "PRM_IRQENABLE_MPU", .writable = 0x01FFFFFF)              \
    X(PM_WKEN_WKUP, 0x0CA0, .name = "PM_WKEN_WKUP", .writable = 0x103CB, .reset = 0x103CB)         \
    X(PM_WKST_WKUP, 0x0CB0, .name = "PM_WKST_WKUP", .write_one_to_clear = ~0u)                     \
    X(PRM_CLKSEL, 0x0D40, .name = "PRM_CLKSEL", .writable = 0x7, .reset = 0x3)                     \
    X(PRM_CLKOUT_CTRL, 0x0D70, .name = "PRM_CLKOUT_CTRL", .writable = 0x80, .reset = 0x80)         \
    X(PRM_RSTCTRL, 0x1250, .name = "PRM_RSTCTRL", .self_clearing = RSTCTRL_GS | RSTCTRL_DPLL3,     \
      .reserved = ~0x7u, .write = write_reset_control)                                             \
    X(PRM_RSTTIME, 0x1254, .name = "PRM_RSTTIME", .writable = 0x1FFF, .reset = 0x1006)             \
    X(PRM_RSTST, 0x1258, .name = "PRM_RSTST", .write_one_to_clear = CAUSES, .reserved = ~CAUSES)   \
    X(PRM_VOLTCTRL, 0x1260, .name = "PRM_VOLTCTRL", .writable = 0x1F)                              \
    X(PRM_CLKSRC_CTRL, 0x1270, .name = "PRM_CLKSRC_CTRL", .writable = 0xD8, .reset = 0x80)

enum cm_number { CM_REGISTERS(OMAP3_NUMBER) CM_COUNT };
enum prm_number { PRM_REGISTERS(OMAP3_NUMBER) PRM_COUNT };
_Static_assert(CM_COUNT == VDEV_OMAP3_CM_REGISTER_COUNT, "the values' array holds them");
_Static_assert(PRM_COUNT == VDEV_OMAP3_PRM_REGISTER_COUNT, "the values' array holds them");

static const uint8_t cm_index[0x104C / 4] = {CM_REGISTERS(OMAP3_INDEX)};
static const uint8_t prm_index[0x1274 / 4] = {PRM_REGISTERS(OMAP3_INDEX)};
static const struct vdev_register cm_registers[] = {CM_REGISTERS(OMAP3_REGISTER_32)};
static const struct vdev_register prm_registers[] = {PRM_REGISTERS(OMAP3_REGISTER_32)};

const struct vdev_register_table vdev_omap3_cm_registers = {
    .registers = cm_registers,
    .count = CM_COUNT,
    .index = cm_index,
    .words = sizeof cm_index,
    .fields = vdev_omap3_cm_fields,
};

const struct vdev_register_table vdev_omap3_prm_registers = {
    .registers = prm_registers,
    .count = PRM_COUNT,
    .index = prm_index,
    .words = sizeof prm_index,
    .fields = vdev_omap3_prm_fields,
};

/* A module is idle, and its bit 1, as long as its interface clock is off. */
static void write_interface_clocks(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_prcm_emulator *self = device;
    uint32_t *values = self->cm_values;

    (void)offset;
    (void)value;
    values[IDLEST1_CORE] = ~values[ICLKEN1_CORE] & CORE1_INTERFACE;
    values[IDLEST3_CORE] = ~values[ICLKEN3_CORE] & CORE3_BITS;
    values[IDLEST_WKUP] = ~values[ICLKEN_WKUP] & WKUP_INTERFACE;
    values[IDLEST_PER] = ~values[ICLKEN_PER] & PER_INTERFACE;
}

/* GPTIMER1's selection is in WKUP, those of 2 to 9 in PER, those of 10 and 11 in CORE. */
static void write_selection(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_prcm_emulator *self = device;
    const uint32_t *values = self->cm_values;
    uint32_t system = (values[CLKSEL_WKUP] & 1) << 1 | (values[CLKSEL_PER] & 0xFF) << 2 |
                      (values[CLKSEL_CORE] >> 6 & 3) << 10;
    uint32_t changed = system ^ self->system_timers;

    (void)offset;
    (void)value;
    self->system_timers = system;
    for (unsigned timer = 1; changed >> timer != 0; timer++) {
        if (self->timer_clock != NULL && (changed >> timer & 1) != 0) {
            self->timer_clock(self->owner, timer, (system >> timer & 1) != 0);
        }
    }
}

static void write_reset_control(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_prcm_emulator *self = device;

    (void)offset;
    if ((value & (RSTCTRL_GS | RSTCTRL_DPLL3)) != 0 && self->reset != NULL) {
        self->reset(self->owner, (value & RSTCTRL_DPLL3) != 0);
    }
}

void vdev_omap3_prcm_emulator_reset(struct vdev_omap3_prcm_emulator *emulator, uint32_t cause,
                                    bool running)
{
    uint32_t causes = emulator->prm_values[PRM_RSTST];

    cause &= KNOWN_CAUSES;
    vdev_registers_reset(&emulator->cm);
    vdev_registers_reset(&emulator->prm);
    emulator->prm_values[PRM_RSTST] = (cause & VDEV_OMAP3_RESET_COLD) != 0 ? cause : causes | cause;
    if (running) {
        emulator->cm_values[FCLKEN_PER] = PER_UART3;
        emulator->cm_values[ICLKEN_PER] = PER_UART3;
    }
    write_interface_clocks(emulator, 0, 0);
    write_selection(emulator, 0, 0);
}

int vdev_omap3_prcm_emulator_init(
    struct vdev_omap3_prcm_emulator *emulator,
    const struct vdev_omap3_prcm_emulator_configuration *configuration)
{
    if ((configuration->cause & ~KNOWN_CAUSES) != 0) {
        return VDEV_ERROR_INVALID;
    }
    memset(emulator, 0, sizeof *emulator);
    emulator->reset = configuration->reset;
    emulator->timer_clock = configuration->timer_clock;
    emulator->owner = configuration->owner;
    vdev_registers_init(&emulator->cm, &vdev_omap3_cm_registers, emulator->cm_values, emulator);
    vdev_registers_init(&emulator->prm, &vdev_omap3_prm_registers, emulator->prm_values, emulator);
    vdev_omap3_prcm_emulator_reset(
        emulator, configuration->cause == 0 ? VDEV_OMAP3_RESET_COLD : configuration->cause,
        configuration->running);
    return VDEV_OK;
}

int vdev_omap3_cm_emulator_access(void *emulator, struct vdev_access *access)
{
    return vdev_registers_access(&((struct vdev_omap3_prcm_emulator *)emulator)->cm, access);
}

int vdev_omap3_prm_emulator_access(void *emulator, struct vdev_access *access)
{
    return vdev_registers_access(&((struct vdev_omap3_prcm_emulator *)emulator)->prm, access);
}
