/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device trees where the library brings its own libfdt: a guest's tree is written and read back on
 * the target. What is right and wrong in a tree is the hosted test's subject; this one's is that
 * the freestanding build, with the functions supplied to libfdt, does the same.
 */
#include <stddef.h>

#include <vdev/fdt.h>
#include <vdev/status.h>

#include "core/mem.h"
#include "runtime/runtime.h"

static _Alignas(8) uint8_t buffer[8192];
static struct vdev_fdt_error error;

static const struct vdev_fdt_range memory = {0x80000000, 0x10000000};
static const struct vdev_guest_device devices[] = {
    {.kind = VDEV_GUEST_PL011, .address = 0x1C090000, .spi = 5},
    {.kind = VDEV_GUEST_PL181, .address = 0x1C050000, .spi = 9, .second_spi = 10},
    {.kind = VDEV_GUEST_VIRTIO_MMIO, .address = 0x1C130000, .spi = 40},
};
static const struct vdev_guest_description description = {
    .memory = &memory,
    .memory_count = 1,
    .processors = 2,
    .psci = true,
    .interrupt_controller = {.distributor = 0x2C001000, .cpu_interface = 0x2C002000},
    .bootargs = "console=ttyAMA0",
    .devices = devices,
    .device_count = 3,
};

static const char *finds_nodes(const struct vdev_fdt *tree)
{
    const char *string;

    if (vdev_fdt_find(tree, "serial0") < 0 ||
        vdev_fdt_find(tree, "serial0") != vdev_fdt_find(tree, "/serial@1c090000")) {
        return "by its alias";
    }
    int card = vdev_fdt_find_compatible(tree, VDEV_FDT_ROOT, "arm,pl180");
    if (card < 0 || memcmp(vdev_fdt_name(tree, card), "mmc@1c050000", 13) != 0) {
        return "by what it is compatible with";
    }
    if (vdev_fdt_string(tree, card, "compatible", 1, &string) != VDEV_OK ||
        memcmp(string, "arm,primecell", 14) != 0) {
        return "its second string";
    }
    /* A unit address may be left out [Devicetree §2.2.3]. */
    return vdev_fdt_find(tree, "/mmc") == card ? NULL : "without its unit address";
}

static const char *reads_addresses(const struct vdev_fdt *tree)
{
    int node = vdev_fdt_find(tree, "/virtio@1c130000");
    struct vdev_fdt_range range;
    struct vdev_fdt_interrupt interrupt;

    if (vdev_fdt_reg(tree, node, 0, &range) != VDEV_OK || range.address != 0x1C130000 ||
        range.size != 0x200) {
        return "reg";
    }
    if (vdev_fdt_interrupt(tree, node, 0, &interrupt) != VDEV_OK || interrupt.number != 40 ||
        interrupt.kind != VDEV_FDT_INTERRUPT_SPI || interrupt.flags != VDEV_FDT_LEVEL_HIGH) {
        return "interrupts";
    }
    node = vdev_fdt_find(tree, "/cpus/cpu@1");
    if (vdev_fdt_reg(tree, node, 0, &range) != VDEV_ERROR_UNSUPPORTED ||
        memcmp(error.node, "/cpus", 6) != 0) {
        return "a processor is not in memory";
    }
    return NULL;
}

/* Every truncation is refused, wherever it cuts. */
static const char *refuses_truncated(size_t length)
{
    struct vdev_fdt tree;

    for (size_t size = 0; size < length; size++) {
        if (vdev_fdt_open(&tree, buffer, size, &error) != VDEV_ERROR_CORRUPT) {
            return "it opens";
        }
    }
    return NULL;
}

void bare_main(bool hyp)
{
    struct vdev_fdt tree;

    bare_print(hyp ? "mode hyp\n" : "mode svc\n");
    int length = vdev_fdt_write_guest(buffer, sizeof buffer, &description, &error);
    if (!bare_report("tree is written", length > 0 ? NULL : error.reason)) {
        return;
    }
    int status = vdev_fdt_open(&tree, buffer, (size_t)length, &error);
    if (!bare_report("tree opens", status == VDEV_OK ? NULL : error.reason)) {
        return;
    }
    bare_report("nodes are found", finds_nodes(&tree));
    bare_report("addresses and interrupts are read", reads_addresses(&tree));
    bare_report("truncated trees are refused", refuses_truncated((size_t)length));
}
