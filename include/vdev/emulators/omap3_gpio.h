/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An emulator of one of the OMAP3530's six GPIO modules, of 32 pins each (OMAP35x TRM, ch. 24):
 * direction, input and output, detection of levels and edges with two interrupt lines. Debouncing
 * and wake-up are stored: there is no bouncing and no sleep here.
 */
#ifndef VDEV_EMULATORS_OMAP3_GPIO_H
#define VDEV_EMULATORS_OMAP3_GPIO_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/bus.h>
#include <vdev/interrupt.h>
#include <vdev/registers.h>

#define VDEV_OMAP3_GPIO_WINDOW         0x1000u /* bytes that a window on a bus should have */
#define VDEV_OMAP3_GPIO_PINS           32u
#define VDEV_OMAP3_GPIO_REGISTER_COUNT 26u

struct vdev_omap3_gpio_emulator_configuration {
    /* For the MPU [0] (IRQSTATUS1) and for the IVA [1] (IRQSTATUS2); NULL: not connected. */
    struct vdev_interrupt_line *interrupt[2];
    uint32_t inputs; /* levels from outside at the start, a bit a pin */
    /*
     * Pins are driven differently: `driven` has a 1 for each output, `levels` its level (0 for the
     * others). Called from inside an access, with changes only. May be NULL.
     */
    void (*output)(void *owner, uint32_t driven, uint32_t levels);
    void *owner;
};

/* All of it is the emulator's. */
struct vdev_omap3_gpio_emulator {
    struct vdev_register_bank bank; /* first: an access goes straight to it */
    uint32_t values[VDEV_OMAP3_GPIO_REGISTER_COUNT];
    struct vdev_interrupt_line *interrupt[2];
    void (*output)(void *owner, uint32_t driven, uint32_t levels);
    void *owner;
    uint32_t inputs; /* from outside */
    uint32_t driven; /* as last told to the owner */
    uint32_t levels;
};

/* Its registers, for names and for the tests of drivers. */
extern const struct vdev_register_table vdev_omap3_gpio_registers;

/* Take over the configuration (copied; what it points to outlives the emulator) and reset. */
void vdev_omap3_gpio_emulator_init(
    struct vdev_omap3_gpio_emulator *emulator,
    const struct vdev_omap3_gpio_emulator_configuration *configuration);

/* As after a hardware reset: all pins are inputs. The levels from outside stay. */
void vdev_omap3_gpio_emulator_reset(struct vdev_omap3_gpio_emulator *emulator);

/*
 * One access of a guest, 8, 16 or 32 bits wide at a register's own offset: a vdev_access_function.
 * VDEV_ERROR_RANGE: no register there; VDEV_ERROR_UNSUPPORTED: another width or place. A narrow
 * write leaves the rest of the register zero.
 */
int vdev_omap3_gpio_emulator_access(void *emulator, struct vdev_access *access);

/*
 * A pin's level from outside; the form that struct vdev_interrupt_line wants. Pins from 32 on are
 * ignored; so are levels of a pin that is an output, until it is an input again. From the
 * emulator's context, not from inside an access to it.
 */
void vdev_omap3_gpio_emulator_set_input(void *emulator, uint32_t pin, bool level);

#endif
