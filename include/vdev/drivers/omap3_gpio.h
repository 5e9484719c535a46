/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver of one bank of 32 of the OMAP3's GPIO pins (OMAP35x TRM, SPRUF98, chapter 24): board pin
 * n is pin n % 32 of bank n / 32 + 1. Uses the first of a bank's two interrupt lines. The pads'
 * multiplexing is the owner's (vdev_omap3_scm_set_pad). Not wake-up from idle, not debouncing.
 */
#ifndef VDEV_DRIVERS_OMAP3_GPIO_H
#define VDEV_DRIVERS_OMAP3_GPIO_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/io.h>

#define VDEV_OMAP3_GPIO_PINS 32u

/* When a pin interrupts; levels are masked when they do, and stay so until armed again. */
enum vdev_omap3_gpio_trigger {
    VDEV_OMAP3_GPIO_NEVER = 0,
    VDEV_OMAP3_GPIO_RISING = 1,
    VDEV_OMAP3_GPIO_FALLING = 2,
    VDEV_OMAP3_GPIO_BOTH = 3,
    VDEV_OMAP3_GPIO_LOW = 4,
    VDEV_OMAP3_GPIO_HIGH = 8,
};

/* All of it is the driver's. */
struct vdev_omap3_gpio {
    struct vdev_io io;
    void (*handle)(void *context, uint32_t pin);
    void *context;
    uint32_t levels; /* pins that interrupt on a level */
    uint32_t armed;  /* pins that may interrupt */
};

/*
 * Take the bank over as it is, pins and levels unchanged, but with no interrupt enabled. `handle`
 * is called by dispatch; it may be NULL if that is not used. VDEV_ERROR_ABSENT: what is there does
 * not keep what is written to it.
 */
int vdev_omap3_gpio_init(struct vdev_omap3_gpio *gpio, const struct vdev_io *io,
                         void (*handle)(void *context, uint32_t pin), void *context);

/* Each VDEV_OK, or VDEV_ERROR_RANGE: no such pin. set_output sets the level first, then drives. */
int vdev_omap3_gpio_set_input(struct vdev_omap3_gpio *gpio, uint32_t pin);
int vdev_omap3_gpio_set_output(struct vdev_omap3_gpio *gpio, uint32_t pin, bool level);
int vdev_omap3_gpio_set(struct vdev_omap3_gpio *gpio, uint32_t pin, bool level);

/* The level on the pin, 0 or 1, also of an output; or VDEV_ERROR_RANGE. */
int vdev_omap3_gpio_get(const struct vdev_omap3_gpio *gpio, uint32_t pin);

/* VDEV_OK, VDEV_ERROR_RANGE, or VDEV_ERROR_INVALID: an edge and a level, or both levels, at once.
 */
int vdev_omap3_gpio_set_interrupt(struct vdev_omap3_gpio *gpio, uint32_t pin,
                                  enum vdev_omap3_gpio_trigger trigger);

/* Arm a level that has interrupted again. As of set. */
int vdev_omap3_gpio_rearm(struct vdev_omap3_gpio *gpio, uint32_t pin);

/* From the bank's interrupt: acknowledge all that is there now, then call `handle` for each of its
 * pins, the lowest first. Returns how many there were; 0: it was spurious. */
unsigned vdev_omap3_gpio_dispatch(struct vdev_omap3_gpio *gpio);

#endif
