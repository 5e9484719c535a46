/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an OMAP3 driver needs to know of its device, read from a device tree: one function for each
 * driver. Neither maps registers nor configures anything: that is done with what is found here.
 *
 * `path` is a node's path or alias ("serial2"), or NULL: the first enabled node that is compatible.
 * VDEV_OK, or one error, which is also written to where the tree was told to write errors, with the
 * name of the node: VDEV_ERROR_ABSENT: no such node, or it lacks a property;
 * VDEV_ERROR_UNSUPPORTED: the node is not compatible with the driver, or is not memory that the
 * processor sees; VDEV_ERROR_STATE: it is disabled; VDEV_ERROR_INVALID, VDEV_ERROR_RANGE,
 * VDEV_ERROR_CORRUPT: as of <vdev/fdt.h>, and RANGE also if its registers lie beyond 32 bits or are
 * fewer than the driver uses.
 */
#ifndef VDEV_DRIVERS_OMAP3_NODE_H
#define VDEV_DRIVERS_OMAP3_NODE_H

#include <stdint.h>

struct vdev_fdt;

struct vdev_omap3_node {
    uint32_t address;   /* of its registers, as the processor sees them */
    uint32_t size;      /* bytes of them */
    uint32_t interrupt; /* line of the interrupt controller, 0 to 95; 0 if the driver has none */
    uint32_t value; /* UART: clock in hertz; HSMMC: data lines, I2C: bus clock in hertz; else 0 */
};

int vdev_omap3_uart_node(const struct vdev_fdt *tree, const char *path,
                         struct vdev_omap3_node *found);
int vdev_omap3_intc_node(const struct vdev_fdt *tree, const char *path,
                         struct vdev_omap3_node *found);
int vdev_omap3_gptimer_node(const struct vdev_fdt *tree, const char *path,
                            struct vdev_omap3_node *found);
int vdev_omap3_counter_node(const struct vdev_fdt *tree, const char *path,
                            struct vdev_omap3_node *found);
int vdev_omap3_gpio_node(const struct vdev_fdt *tree, const char *path,
                         struct vdev_omap3_node *found);
int vdev_omap3_hsmmc_node(const struct vdev_fdt *tree, const char *path,
                          struct vdev_omap3_node *found);
int vdev_omap3_i2c_node(const struct vdev_fdt *tree, const char *path,
                        struct vdev_omap3_node *found);

/* The PRCM driver's two windows, and the system control module's. */
int vdev_omap3_cm_node(const struct vdev_fdt *tree, const char *path,
                       struct vdev_omap3_node *found);
int vdev_omap3_prm_node(const struct vdev_fdt *tree, const char *path,
                        struct vdev_omap3_node *found);
int vdev_omap3_scm_node(const struct vdev_fdt *tree, const char *path,
                        struct vdev_omap3_node *found);

#endif
