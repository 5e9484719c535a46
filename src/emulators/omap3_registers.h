/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the OMAP3530's emulators declare their register tables: one list X(id, offset, ...) gives
 * numbers, index and registers. Not a public header, and nothing of one device.
 */
#ifndef EMULATORS_OMAP3_REGISTERS_H
#define EMULATORS_OMAP3_REGISTERS_H

#include <vdev/registers.h>

#define OMAP3_NUMBER(id, offset_, ...) id,
#define OMAP3_INDEX(id, offset_, ...)  [(offset_) / 4] = (id) + 1,
#define OMAP3_REGISTER_ANY(id, offset_, ...)                                                       \
    [id] = {.offset = (offset_), .widths = VDEV_REGISTER_ANY, __VA_ARGS__},
#define OMAP3_REGISTER_32(id, offset_, ...)                                                        \
    [id] = {.offset = (offset_), .widths = VDEV_REGISTER_32, __VA_ARGS__},

#define OMAP3_READ_ONLY  .kind = VDEV_REGISTER_READ_ONLY
#define OMAP3_WRITE_ONLY .kind = VDEV_REGISTER_WRITE_ONLY

/* omap3_fields.c: of each device, ended as struct vdev_register_table says. */
extern const struct vdev_register_field vdev_omap3_uart_fields[], vdev_omap3_intc_fields[],
    vdev_omap3_gptimer_fields[], vdev_omap3_gpio_fields[], vdev_omap3_hsmmc_fields[],
    vdev_omap3_cm_fields[], vdev_omap3_prm_fields[];

#endif
