/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of a bank of the OMAP3's GPIO pins. [TRM] is the OMAP35x Technical Reference Manual,
 * SPRUF98, chapter 24. Outputs and interrupt enables change through the set and clear registers;
 * the others are read, changed and written, so a bank belongs to one context.
 */
#include <stddef.h>

#include <vdev/drivers/omap3_gpio.h>
#include <vdev/status.h>

/* [TRM table 24-7] */
#define IRQSTATUS1      0x018u
#define OE              0x034u /* 1: input */
#define DATAIN          0x038u
#define LEVELDETECT0    0x040u
#define LEVELDETECT1    0x044u
#define RISINGDETECT    0x048u
#define FALLINGDETECT   0x04Cu
#define CLEARIRQENABLE1 0x060u
#define SETIRQENABLE1   0x064u
#define CLEARDATAOUT    0x090u
#define SETDATAOUT      0x094u

static uint32_t get(const struct vdev_omap3_gpio *self, uint32_t offset)
{
    return vdev_io_read32(&self->io, offset);
}

static void put(const struct vdev_omap3_gpio *self, uint32_t offset, uint32_t value)
{
    vdev_io_write32(&self->io, offset, value);
}

static void change(const struct vdev_omap3_gpio *self, uint32_t offset, uint32_t bit, bool set)
{
    uint32_t value = get(self, offset);

    put(self, offset, set ? value | bit : value & ~bit);
}

int vdev_omap3_gpio_init(struct vdev_omap3_gpio *gpio, const struct vdev_io *io,
                         void (*handle)(void *context, uint32_t pin), void *context)
{
    *gpio = (struct vdev_omap3_gpio){.io = *io, .handle = handle, .context = context};
    put(gpio, CLEARIRQENABLE1, UINT32_MAX);
    put(gpio, LEVELDETECT0, 0);
    put(gpio, LEVELDETECT1, 0);
    put(gpio, RISINGDETECT, 0);
    put(gpio, FALLINGDETECT, 0);
    put(gpio, IRQSTATUS1, UINT32_MAX);
    bool kept = get(gpio, SETIRQENABLE1) == 0 && get(gpio, LEVELDETECT0) == 0;
    return kept && get(gpio, RISINGDETECT) == 0 ? VDEV_OK : VDEV_ERROR_ABSENT;
}

int vdev_omap3_gpio_set_input(struct vdev_omap3_gpio *gpio, uint32_t pin)
{
    if (pin >= VDEV_OMAP3_GPIO_PINS) {
        return VDEV_ERROR_RANGE;
    }
    change(gpio, OE, 1u << pin, true);
    return VDEV_OK;
}

int vdev_omap3_gpio_set_output(struct vdev_omap3_gpio *gpio, uint32_t pin, bool level)
{
    int status = vdev_omap3_gpio_set(gpio, pin, level);

    if (status == VDEV_OK) {
        change(gpio, OE, 1u << pin, false);
    }
    return status;
}

int vdev_omap3_gpio_set(struct vdev_omap3_gpio *gpio, uint32_t pin, bool level)
{
    if (pin >= VDEV_OMAP3_GPIO_PINS) {
        return VDEV_ERROR_RANGE;
    }
    put(gpio, level ? SETDATAOUT : CLEARDATAOUT, 1u << pin);
    return VDEV_OK;
}

int vdev_omap3_gpio_get(const struct vdev_omap3_gpio *gpio, uint32_t pin)
{
    if (pin >= VDEV_OMAP3_GPIO_PINS) {
        return VDEV_ERROR_RANGE;
    }
    return (int)(get(gpio, DATAIN) >> pin & 1);
}

int vdev_omap3_gpio_set_interrupt(struct vdev_omap3_gpio *gpio, uint32_t pin,
                                  enum vdev_omap3_gpio_trigger trigger)
{
    if (pin >= VDEV_OMAP3_GPIO_PINS) {
        return VDEV_ERROR_RANGE;
    }
    const uint32_t bit = 1u << pin;
    switch (trigger) {
    case VDEV_OMAP3_GPIO_NEVER:
    case VDEV_OMAP3_GPIO_RISING:
    case VDEV_OMAP3_GPIO_FALLING:
    case VDEV_OMAP3_GPIO_BOTH:
    case VDEV_OMAP3_GPIO_LOW:
    case VDEV_OMAP3_GPIO_HIGH:
        break;
    default:
        return VDEV_ERROR_INVALID;
    }
    put(gpio, CLEARIRQENABLE1, bit);
    gpio->armed &= ~bit;
    change(gpio, LEVELDETECT0, bit, trigger == VDEV_OMAP3_GPIO_LOW);
    change(gpio, LEVELDETECT1, bit, trigger == VDEV_OMAP3_GPIO_HIGH);
    change(gpio, RISINGDETECT, bit, (trigger & VDEV_OMAP3_GPIO_RISING) != 0);
    change(gpio, FALLINGDETECT, bit, (trigger & VDEV_OMAP3_GPIO_FALLING) != 0);
    if (trigger == VDEV_OMAP3_GPIO_LOW || trigger == VDEV_OMAP3_GPIO_HIGH) {
        gpio->levels |= bit;
    } else {
        gpio->levels &= ~bit;
    }
    return trigger == VDEV_OMAP3_GPIO_NEVER ? VDEV_OK : vdev_omap3_gpio_rearm(gpio, pin);
}

int vdev_omap3_gpio_rearm(struct vdev_omap3_gpio *gpio, uint32_t pin)
{
    if (pin >= VDEV_OMAP3_GPIO_PINS) {
        return VDEV_ERROR_RANGE;
    }
    /* What was detected before is history; a level that still stands is detected again at once. */
    put(gpio, IRQSTATUS1, 1u << pin);
    put(gpio, SETIRQENABLE1, 1u << pin);
    gpio->armed |= 1u << pin;
    return VDEV_OK;
}

unsigned vdev_omap3_gpio_dispatch(struct vdev_omap3_gpio *gpio)
{
    uint32_t pending = get(gpio, IRQSTATUS1) & gpio->armed;
    uint32_t levels = pending & gpio->levels;
    unsigned count = 0;

    if (levels != 0) {
        put(gpio, CLEARIRQENABLE1, levels);
        gpio->armed &= ~levels;
    }
    if (pending != 0) {
        /* Before the handlers run, so that an edge that comes during them is not lost. */
        put(gpio, IRQSTATUS1, pending);
        /* The read is answered after the write has arrived: the line is down before INTC is asked.
         */
        (void)get(gpio, IRQSTATUS1);
    }
    for (uint32_t pin = 0; pin < VDEV_OMAP3_GPIO_PINS; pin++) {
        if ((pending >> pin & 1) != 0) {
            count++;
            if (gpio->handle != NULL) {
                gpio->handle(gpio->context, pin);
            }
        }
    }
    return count;
}
