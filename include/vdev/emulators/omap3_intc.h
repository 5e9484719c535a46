/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An emulator of the OMAP3530's interrupt controller, the MPU subsystem's INTC with 96 lines
 * (OMAP35x TRM, ch. 10): masks, software interrupts, priority sorting with a threshold, and the
 * two outputs IRQ and FIQ. All inputs are levels, as in hardware.
 *
 * The sorting takes no time. As in hardware, an interrupt that was told to the processor stays the
 * one in SIR_IRQ until CONTROL's NEWIRQAGR (or NEWFIQAGR); if its line fell, or was masked, before
 * SIR_IRQ was read, the line is still told, with the spurious flag set.
 */
#ifndef VDEV_EMULATORS_OMAP3_INTC_H
#define VDEV_EMULATORS_OMAP3_INTC_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/bus.h>
#include <vdev/interrupt.h>
#include <vdev/registers.h>

#define VDEV_OMAP3_INTC_WINDOW         0x1000u /* bytes that a window on a bus should have */
#define VDEV_OMAP3_INTC_LINES          96u
#define VDEV_OMAP3_INTC_REGISTER_COUNT 36u

struct vdev_omap3_intc_emulator_configuration {
    struct vdev_interrupt_line *irq; /* to the processor; NULL: not connected */
    struct vdev_interrupt_line *fiq;
};

/* All of it is the emulator's. */
struct vdev_omap3_intc_emulator {
    struct vdev_register_bank bank; /* first: an access goes straight to it */
    uint32_t values[VDEV_OMAP3_INTC_REGISTER_COUNT];
    /* Of IRQ [0] and FIQ [1]. */
    struct vdev_interrupt_line *output[2];
    uint8_t active[2]; /* the line that was told, or 255 */
    /* ILR, by line. */
    uint8_t priority[VDEV_OMAP3_INTC_LINES];
    uint32_t fiq_routed[VDEV_OMAP3_INTC_LINES / 32];
};

/* Its registers, for names and for the tests of drivers. */
extern const struct vdev_register_table vdev_omap3_intc_registers;

/* Take over the configuration (copied; what it points to outlives the emulator) and reset. */
void vdev_omap3_intc_emulator_init(
    struct vdev_omap3_intc_emulator *emulator,
    const struct vdev_omap3_intc_emulator_configuration *configuration);

/* As after a hardware reset: all masked. The inputs stay as they are. */
void vdev_omap3_intc_emulator_reset(struct vdev_omap3_intc_emulator *emulator);

/*
 * One access of a guest, 32 bits wide: a vdev_access_function. VDEV_ERROR_RANGE: no register
 * there; VDEV_ERROR_UNSUPPORTED: another width.
 */
int vdev_omap3_intc_emulator_access(void *emulator, struct vdev_access *access);

/*
 * Set an input's level; the form that struct vdev_interrupt_line wants. Unknown lines are ignored.
 * From the emulator's context; other devices' accesses may call it.
 */
void vdev_omap3_intc_emulator_set_line(void *emulator, uint32_t line, bool level);

#endif
