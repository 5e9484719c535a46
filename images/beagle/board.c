/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The board: what its tree says, time, clocks, pads, the watchdog, button and lights. [TRM] is the
 * OMAP35x Technical Reference Manual, SPRUF98; [BBSRM] the BeagleBoard's System Reference Manual.
 * Nothing here relies on what a boot loader did, but for SDRAM and the clock of the serial port.
 */
#include <vdev/drivers/omap3_gpio.h>
#include <vdev/status.h>

#include "image.h"

/* ---- the tree ---- */

struct lookup {
    int (*find)(const struct vdev_fdt *tree, const char *path, struct vdev_omap3_node *found);
    const char *path;
    size_t where; /* in struct image_nodes */
};

#define NODE(function, path, member)                                                               \
    {                                                                                              \
        vdev_omap3_##function##_node, path, offsetof(struct image_nodes, member)                   \
    }

/* GPTIMER1 and the banks of pins have no alias; the serial port is the third UART [BBSRM]. */
static const struct lookup lookups[] = {
    NODE(uart, "serial2", uart),
    NODE(cm, NULL, cm),
    NODE(prm, NULL, prm),
    NODE(scm, NULL, scm),
    NODE(counter, NULL, counter),
    NODE(intc, NULL, intc),
    NODE(gptimer, "/ocp@68000000/target-module@48318000/timer@0", timer),
    NODE(gpio, "/ocp@68000000/gpio@48310000", button),
    NODE(gpio, "/ocp@68000000/gpio@49056000", leds),
    NODE(hsmmc, "mmc0", card),
    NODE(i2c, "i2c0", i2c),
};

/* Enough to say what is wrong, if it is the tree. */
static const struct image_nodes without_tree = {
    .uart = {.address = 0x49020000, .size = 0x400, .interrupt = 74, .value = 48000000},
    .counter = {.address = 0x48320000, .size = 0x20},
    .cm = {.address = 0x48004000, .size = 0x2000},
    .prm = {.address = 0x48306000, .size = 0x2000},
};

const char *image_read_tree(struct image *image)
{
    struct vdev_fdt tree;
    size_t size;
    const void *blob = platform_tree(&size);

    image->nodes = without_tree;
    int status = vdev_fdt_open(&tree, blob, size, &image->misfit);
    for (size_t i = 0; status == VDEV_OK && i < sizeof lookups / sizeof lookups[0]; i++) {
        struct vdev_omap3_node *found = (void *)((char *)&image->nodes + lookups[i].where);
        status = lookups[i].find(&tree, lookups[i].path, found);
    }
    if (status == VDEV_OK) {
        return NULL;
    }
    line_clear(&image->reason);
    if (image->misfit.node[0] != 0) {
        line_string(&image->reason, image->misfit.node);
        line_string(&image->reason, ": ");
    }
    line_string(&image->reason,
                image->misfit.reason != NULL ? image->misfit.reason : vdev_status_name(status));
    return image->reason.bytes;
}

/* ---- time ---- */

/* The counter's interface clock, which the PRCM's driver does not know as a block of its own. */
#define CM_ICLKEN_WKUP 0xC10u
#define EN_32KSYNC     (1u << 2)

/* A count takes 30 us, in which no processor looks nearly as often as this. */
#define STANDSTILL 100000u
#define MADE_UP    1000u /* nanoseconds a look, when the counter stands still */

static uint64_t now(void *context)
{
    struct image_clock *self = context;
    uint64_t time = self->present ? vdev_clock_now(&self->counter.clock) : 0;

    if (time != self->last) {
        self->last = time;
        self->looks = 0;
    } else if (self->looks < STANDSTILL) {
        self->looks++;
    } else {
        self->beyond += MADE_UP;
    }
    return time + self->beyond;
}

static const char *clock_counter(struct image *image)
{
    const struct vdev_io *cm = &image->prcm.cm;

    vdev_io_write32(cm, CM_ICLKEN_WKUP, vdev_io_read32(cm, CM_ICLKEN_WKUP) | EN_32KSYNC);
    return NULL;
}

const char *image_start_counter(struct image *image)
{
    const struct vdev_io io = platform_io(image->nodes.counter.address);

    /* First of all a clock, whatever becomes of what follows. */
    image->clock.clock = (struct vdev_clock){.now = now, .context = &image->clock};
    image->prcm = (struct vdev_omap3_prcm){
        .cm = platform_io(image->nodes.cm.address),
        .prm = platform_io(image->nodes.prm.address),
        .clock = &image->clock.clock,
    };
    /* If that is refused, it may run all the same; what is wrong with the CM is said elsewhere. */
    image_try(image, clock_counter);
    vdev_omap3_counter_init(&image->clock.counter, &io);
    image->clock.present = true;
    return NULL;
}

const char *image_check_counter(struct image *image)
{
    if (!image->clock.present) {
        return "it cannot be read";
    }
    uint64_t start = vdev_clock_now(&image->clock.counter.clock);
    for (uint32_t i = 0; i < STANDSTILL; i++) {
        if (vdev_clock_now(&image->clock.counter.clock) != start) {
            return NULL;
        }
    }
    return "it stands still";
}

/* ---- clocks and pads ---- */

const char *image_enable_clocks(struct image *image)
{
    static const struct {
        enum vdev_omap3_block block;
        const char *name;
    } blocks[] = {
        {VDEV_OMAP3_UART3, "UART3"}, {VDEV_OMAP3_GPTIMER1, "GPTIMER1"}, {VDEV_OMAP3_GPIO1, "GPIO1"},
        {VDEV_OMAP3_GPIO5, "GPIO5"}, {VDEV_OMAP3_MMC1, "MMC1"},         {VDEV_OMAP3_I2C1, "I2C1"},
        {VDEV_OMAP3_WDT2, "WDT2"},
    };
    const char *why = NULL;

    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        int status = vdev_omap3_prcm_enable(&image->prcm, blocks[i].block);
        if (status != VDEV_OK && why == NULL) {
            why = image_because(image, blocks[i].name, status);
        }
    }
    return why;
}

/* Pads by their register, and their mode [TRM table 7-4]. */
#define PAD_I2C1_CLOCK 0x1BAu
#define PAD_I2C1_DATA  0x1BCu
#define PAD_LED_149    0x17Eu /* UART1_RTS, in mode 4 */
#define PAD_LED_150    0x180u /* UART1_CTS, in mode 4 */
#define PAD_BUTTON     0xA14u /* SYS_BOOT5, in mode 4 */
#define MODE_GPIO      4u

const char *image_connect_pads(struct image *image)
{
    const uint32_t pulled_up = VDEV_OMAP3_PAD_INPUT | VDEV_OMAP3_PAD_PULL | VDEV_OMAP3_PAD_PULL_UP;
    /* The lights are inputs, too, so that what they are set to can be read back. */
    const struct {
        uint32_t pad, configuration;
    } pads[] = {
        {VDEV_OMAP3_PAD_UART3_RX, VDEV_OMAP3_PAD_INPUT},
        {VDEV_OMAP3_PAD_UART3_TX, 0},
        {PAD_I2C1_CLOCK, pulled_up},
        {PAD_I2C1_DATA, pulled_up},
        {PAD_LED_149, VDEV_OMAP3_PAD_INPUT | MODE_GPIO},
        {PAD_LED_150, VDEV_OMAP3_PAD_INPUT | MODE_GPIO},
        {PAD_BUTTON, VDEV_OMAP3_PAD_INPUT | MODE_GPIO},
    };

    if (image->nodes.scm.address == 0) {
        return "the tree does not say where";
    }
    const struct vdev_io scm = platform_io(image->nodes.scm.address);
    for (size_t i = 0; i < sizeof pads / sizeof pads[0]; i++) {
        vdev_omap3_scm_set_pad(&scm, pads[i].pad, pads[i].configuration);
    }
    return NULL;
}

/* ---- the watchdog ---- */

#define WATCHDOG  0x48314000u /* [TRM table 16-50] */
#define WWPS      0x34u
#define WSPR      0x48u
#define WWPS_WSPR (1u << 4)
#define WDT_TIME  10000000u /* nanoseconds; a write takes a few counts of 32 kHz */

static bool watchdog_took_it(const struct image *image, const struct vdev_io *io)
{
    uint64_t start = vdev_clock_now(&image->clock.clock);

    while ((vdev_io_read32(io, WWPS) & WWPS_WSPR) != 0) {
        if (vdev_clock_now(&image->clock.clock) - start > WDT_TIME) {
            return false;
        }
    }
    return true;
}

/* It may run since the chip's reset, and resets the chip again if nobody stops it: this sequence
 * does [TRM §16.3.3.5]. */
const char *image_stop_watchdog(struct image *image)
{
    static const uint32_t sequence[] = {0xAAAA, 0x5555};
    const struct vdev_io io = platform_io(WATCHDOG);

    for (size_t i = 0; i < 2; i++) {
        if (!watchdog_took_it(image, &io)) {
            return "a write to it does not end";
        }
        vdev_io_write32(&io, WSPR, sequence[i]);
    }
    return watchdog_took_it(image, &io) ? NULL : "a write to it does not end";
}

/* ---- pins ---- */

#define PIN_BUTTON 7u   /* pressed: high [BBSRM §8.8] */
#define PIN_LED    149u /* and the next one; lit: high */
#define SETTLE     100000u

const char *image_button(struct image *image)
{
    const struct vdev_io io = platform_io(image->nodes.button.address);
    struct vdev_omap3_gpio bank;

    int status = vdev_omap3_gpio_init(&bank, &io, NULL, NULL);
    if (status == VDEV_OK) {
        status = vdev_omap3_gpio_set_input(&bank, PIN_BUTTON % VDEV_OMAP3_GPIO_PINS);
    }
    if (status != VDEV_OK) {
        return image_because(image, "GPIO1", status);
    }
    vdev_clock_delay(&image->clock.clock, SETTLE);
    int level = vdev_omap3_gpio_get(&bank, PIN_BUTTON % VDEV_OMAP3_GPIO_PINS);
    image_say(image, level != 0 ? "button: pressed" : "button: not pressed");
    return NULL;
}

const char *image_leds(struct image *image)
{
    const struct vdev_io io = platform_io(image->nodes.leds.address);
    struct vdev_omap3_gpio bank;

    int status = vdev_omap3_gpio_init(&bank, &io, NULL, NULL);
    if (status != VDEV_OK) {
        return image_because(image, "GPIO5", status);
    }
    for (uint32_t led = PIN_LED; led < PIN_LED + 2; led++) {
        uint32_t pin = led % VDEV_OMAP3_GPIO_PINS;
        for (int level = 1; level >= 0; level--) {
            /* The first time it becomes an output; from then on it is only set. */
            status = level != 0 ? vdev_omap3_gpio_set_output(&bank, pin, true)
                                : vdev_omap3_gpio_set(&bank, pin, false);
            vdev_clock_delay(&image->clock.clock, SETTLE);
            if (status != VDEV_OK || vdev_omap3_gpio_get(&bank, pin) != level) {
                line_clear(&image->reason);
                line_string(&image->reason, "GPIO ");
                line_decimal(&image->reason, led);
                line_string(&image->reason, level != 0 ? " stays low" : " stays high");
                return image->reason.bytes;
            }
        }
    }
    return NULL;
}
