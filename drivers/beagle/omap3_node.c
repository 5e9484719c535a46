/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The OMAP3 drivers' nodes in a device tree. In a file of its own, so that a program that knows its
 * board needs no reader of trees.
 */
#include <stdbool.h>
#include <stddef.h>

#include <vdev/drivers/omap3_node.h>
#include <vdev/fdt.h>
#include <vdev/status.h>

#define INTERRUPT_LINES 96u

/* What a driver expects of its node. */
struct kind {
    const char *compatible[3];
    uint32_t size; /* bytes of registers that the driver uses */
    bool interrupt;
    const char *value; /* a property of one number, or NULL */
};

/* Terminated, and shortened if longer. */
static void copy(char *to, size_t size, const char *from)
{
    size_t i = 0;

    for (; from != NULL && i < size - 1 && from[i] != 0; i++) {
        to[i] = from[i];
    }
    to[i] = 0;
}

static int fail(const struct vdev_fdt *tree, int status, const char *node, const char *property,
                const char *reason)
{
    if (tree->error != NULL) {
        tree->error->status = status;
        copy(tree->error->node, sizeof tree->error->node, node);
        copy(tree->error->property, sizeof tree->error->property, property);
        tree->error->reason = reason;
    }
    return status;
}

static bool compatible(const struct vdev_fdt *tree, int node, const struct kind *kind)
{
    for (unsigned i = 0; i < 3 && kind->compatible[i] != NULL; i++) {
        if (vdev_fdt_compatible(tree, node, kind->compatible[i])) {
            return true;
        }
    }
    return false;
}

/* The first enabled node that any of the driver's strings fits, the better string first. */
static int find_any(const struct vdev_fdt *tree, const struct kind *kind)
{
    for (unsigned i = 0; i < 3 && kind->compatible[i] != NULL; i++) {
        int node = VDEV_FDT_ROOT;
        for (;;) {
            node = vdev_fdt_find_compatible(tree, node, kind->compatible[i]);
            if (node < 0) {
                if (node != VDEV_ERROR_ABSENT) {
                    return node;
                }
                break;
            }
            if (vdev_fdt_enabled(tree, node)) {
                return node;
            }
        }
    }
    return fail(tree, VDEV_ERROR_ABSENT, kind->compatible[0], NULL, "no enabled node of this kind");
}

static int find(const struct vdev_fdt *tree, const char *path, const struct kind *kind)
{
    if (path == NULL) {
        return find_any(tree, kind);
    }
    int node = vdev_fdt_find(tree, path);
    if (node < 0) {
        return node;
    }
    if (!compatible(tree, node, kind)) {
        return fail(tree, VDEV_ERROR_UNSUPPORTED, path, "compatible", "not this driver's device");
    }
    if (!vdev_fdt_enabled(tree, node)) {
        return fail(tree, VDEV_ERROR_STATE, path, "status", "the device is disabled");
    }
    return node;
}

static int read_node(const struct vdev_fdt *tree, const char *path, const struct kind *kind,
                     struct vdev_omap3_node *found)
{
    struct vdev_fdt_range range;
    struct vdev_fdt_interrupt interrupt = {.number = 0};
    uint32_t value = 0;
    int node = find(tree, path, kind);

    if (node < 0) {
        return node;
    }
    const char *name = path != NULL ? path : vdev_fdt_name(tree, node);
    int status = vdev_fdt_reg(tree, node, 0, &range);
    if (status != VDEV_OK) {
        return status;
    }
    if (range.size < kind->size || range.size > UINT32_MAX || range.address > UINT32_MAX ||
        range.size - 1 > UINT32_MAX - range.address) {
        return fail(tree, VDEV_ERROR_RANGE, name, "reg",
                    "not as many registers as the driver uses");
    }
    if (kind->interrupt) {
        status = vdev_fdt_interrupt(tree, node, 0, &interrupt);
        if (status != VDEV_OK) {
            return status;
        }
        if (interrupt.kind != VDEV_FDT_INTERRUPT_PLAIN || interrupt.number >= INTERRUPT_LINES) {
            return fail(tree, VDEV_ERROR_RANGE, name, "interrupts", "not a line of the controller");
        }
    }
    if (kind->value != NULL) {
        status = vdev_fdt_u32(tree, node, kind->value, 0, &value);
        if (status != VDEV_OK) {
            return status;
        }
    }
    *found = (struct vdev_omap3_node){
        .address = (uint32_t)range.address,
        .size = (uint32_t)range.size,
        .interrupt = interrupt.number,
        .value = value,
    };
    return VDEV_OK;
}

int vdev_omap3_uart_node(const struct vdev_fdt *tree, const char *path,
                         struct vdev_omap3_node *found)
{
    static const struct kind kind = {
        {"ti,omap3-uart", "ti,omap2-uart"}, 0x60, true, "clock-frequency"};

    return read_node(tree, path, &kind, found);
}

int vdev_omap3_intc_node(const struct vdev_fdt *tree, const char *path,
                         struct vdev_omap3_node *found)
{
    static const struct kind kind = {{"ti,omap3-intc", "ti,omap2-intc"}, 0x280, false, NULL};

    return read_node(tree, path, &kind, found);
}

int vdev_omap3_gptimer_node(const struct vdev_fdt *tree, const char *path,
                            struct vdev_omap3_node *found)
{
    static const struct kind kind = {{"ti,omap3430-timer", "ti,omap2420-timer"}, 0x48, true, NULL};

    return read_node(tree, path, &kind, found);
}

int vdev_omap3_counter_node(const struct vdev_fdt *tree, const char *path,
                            struct vdev_omap3_node *found)
{
    static const struct kind kind = {{"ti,omap-counter32k"}, 0x14, false, NULL};

    return read_node(tree, path, &kind, found);
}

int vdev_omap3_gpio_node(const struct vdev_fdt *tree, const char *path,
                         struct vdev_omap3_node *found)
{
    static const struct kind kind = {{"ti,omap3-gpio"}, 0x98, true, NULL};

    return read_node(tree, path, &kind, found);
}

int vdev_omap3_hsmmc_node(const struct vdev_fdt *tree, const char *path,
                          struct vdev_omap3_node *found)
{
    static const struct kind kind = {
        {"ti,omap3-hsmmc", "ti,omap3-pre-es3-hsmmc"}, 0x200, true, "bus-width"};

    return read_node(tree, path, &kind, found);
}

int vdev_omap3_i2c_node(const struct vdev_fdt *tree, const char *path,
                        struct vdev_omap3_node *found)
{
    static const struct kind kind = {{"ti,omap3-i2c"}, 0x40, true, "clock-frequency"};

    return read_node(tree, path, &kind, found);
}

int vdev_omap3_cm_node(const struct vdev_fdt *tree, const char *path, struct vdev_omap3_node *found)
{
    static const struct kind kind = {{"ti,omap3-cm"}, 0x1044, false, NULL};

    return read_node(tree, path, &kind, found);
}

int vdev_omap3_prm_node(const struct vdev_fdt *tree, const char *path,
                        struct vdev_omap3_node *found)
{
    static const struct kind kind = {{"ti,omap3-prm"}, 0x1274, false, NULL};

    return read_node(tree, path, &kind, found);
}

int vdev_omap3_scm_node(const struct vdev_fdt *tree, const char *path,
                        struct vdev_omap3_node *found)
{
    static const struct kind kind = {{"ti,omap3-scm"}, 0xA5C, false, NULL};

    return read_node(tree, path, &kind, found);
}
