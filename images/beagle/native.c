/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console and the disk are the board's own: UART3, and the card in MMC1, with the drivers of
 * drivers/. The card's supply comes from the TWL4030 on I2C1; a board or a model on which that does
 * not answer is taken as one that supplies the card itself.
 */
#include <vdev/drivers/omap3_hsmmc.h>
#include <vdev/drivers/omap3_i2c.h>
#include <vdev/drivers/omap3_uart.h>
#include <vdev/drivers/sd_card.h>
#include <vdev/status.h>

#include "image.h"

#define BAUD              115200u
#define I2C_HERTZ_MAXIMUM 400000u
#define BUS_WIDTH_FOUR    4u

static struct vdev_omap3_uart uart;
static struct vdev_omap3_hsmmc controller;
static struct vdev_sd_card card;
static struct vdev_omap3_i2c i2c;
static bool supply_known, pads_known;

const char *const image_console_name = "uart";

/* ---- the console ---- */

static int open_uart(struct image *image, bool interrupts)
{
    return vdev_omap3_uart_init(&uart, &(struct vdev_omap3_uart_configuration){
                                           .io = platform_io(image->nodes.uart.address),
                                           .clock = &image->clock.clock,
                                           .clock_hertz = image->nodes.uart.value,
                                           .baud = BAUD,
                                           .kind = VDEV_OMAP3_UART_DETECT,
                                           .interrupts = interrupts,
                                       });
}

const char *image_open_console(struct image *image)
{
    int status = open_uart(image, false);

    if (status != VDEV_OK) {
        return image_because(image, "UART3", status);
    }
    image->console = &uart.console;
    if (uart.errors.overrun != 0) {
        return "it has lost characters";
    }
    return NULL;
}

void image_console_wait(struct image *image)
{
    if (image->console_interrupts) {
        image_wait(image);
    }
}

static void uart_line(void *context, uint32_t line)
{
    struct image *image = context;

    vdev_console_poll(&uart.console);
    image_storm(image, line);
}

const char *image_console_interrupts(struct image *image)
{
    image_console_drain(image);
    int status = open_uart(image, true);
    if (status != VDEV_OK) {
        return image_because(image, "UART3", status);
    }
    image->console_interrupts = image->ticking;
    image_handle(image, image->nodes.uart.interrupt, uart_line, image);
    return NULL;
}

/* The driver enables its interrupts again by the next write or read that has to wait. */
void image_console_drain(struct image *image)
{
    if (image->console != NULL) {
        vdev_omap3_uart_stop(&uart, &image->clock.clock);
    }
}

/* ---- the card ---- */

static int power(void *context, bool on)
{
    struct image *image = context;
    const struct vdev_io scm = platform_io(image->nodes.scm.address);
    int status = VDEV_OK;

    if (pads_known && !on) {
        status = vdev_omap3_scm_set_mmc1(&scm, &image->clock.clock, false, false);
    }
    if (supply_known && status == VDEV_OK) {
        status = vdev_twl4030_set_vmmc1(&i2c, on, false);
    }
    if (pads_known && on && status == VDEV_OK) {
        status = vdev_omap3_scm_set_mmc1(&scm, &image->clock.clock, true, false);
    }
    return status;
}

static const char *find_pads(struct image *image)
{
    const struct vdev_io scm = platform_io(image->nodes.scm.address);

    vdev_omap3_scm_connect_mmc1(&scm);
    pads_known = true;
    return NULL;
}

static const char *find_supply(struct image *image)
{
    const struct vdev_io io = platform_io(image->nodes.i2c.address);
    uint32_t hertz = image->nodes.i2c.value;

    /* The tree's 2.6 MHz is the high-speed mode, which the driver does not use. */
    hertz = hertz > I2C_HERTZ_MAXIMUM ? I2C_HERTZ_MAXIMUM : hertz;
    int status = vdev_omap3_i2c_init(&i2c, &io, &image->clock.clock, hertz);
    if (status == VDEV_OK) {
        status = vdev_twl4030_set_vmmc1(&i2c, true, false);
    }
    if (status != VDEV_OK) {
        return image_because(image, "VMMC1", status);
    }
    supply_known = true;
    return NULL;
}

void image_supply_card(struct image *image)
{
    supply_known = false;
    pads_known = false;
    if (image->nodes.scm.address == 0 || image->nodes.i2c.address == 0) {
        return;
    }
    image_note(image, "card pads", image_try(image, find_pads));
    image_note(image, "card supply", image_try(image, find_supply));
}

static void card_line(void *context, uint32_t line)
{
    struct image *image = context;

    while (vdev_block_poll(&card.block)) {
    }
    image_storm(image, line);
}

const char *image_open_disk(struct image *image)
{
    int status =
        vdev_omap3_hsmmc_init(&controller, &(struct vdev_omap3_hsmmc_configuration){
                                               .io = platform_io(image->nodes.card.address),
                                               .clock = &image->clock.clock,
                                               .wide = image->nodes.card.value >= BUS_WIDTH_FOUR,
                                               .power = power,
                                               .context = image,
                                           });
    if (status != VDEV_OK) {
        return image_because(image, "MMC1", status);
    }
    status = vdev_sd_card_init(&card, &controller.host, &image->clock.clock);
    if (status != VDEV_OK) {
        return image_because(image, status == VDEV_ERROR_ABSENT ? "no card answers" : "the card",
                             status);
    }
    image->disk = &card.block;
    image_handle(image, image->nodes.card.interrupt, card_line, image);
    return NULL;
}
