/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device tree of a hostile author: a good one, damaged in a few places, so that it still passes
 * the whole check and the rest is read too.
 */
#include <string.h>

#include <vdev/fdt.h>
#include <vdev/status.h>

#include "input.h"

#define BYTES 8192u

static void look(const struct vdev_fdt *tree, int node)
{
    struct vdev_fdt_range range;
    struct vdev_fdt_interrupt interrupt;
    uint32_t word;
    uint64_t number;
    const char *string = "";
    int length;

    fuzz_require(vdev_fdt_name(tree, node) != NULL);
    vdev_fdt_enabled(tree, node);
    vdev_fdt_compatible(tree, node, "arm,pl011");
    vdev_fdt_parent(tree, node);
    vdev_fdt_property(tree, node, "compatible", &length);
    for (unsigned index = 0; index < 3; index++) {
        if (vdev_fdt_reg(tree, node, index, &range) == VDEV_OK) {
            fuzz_require(range.size == 0 || range.address + (range.size - 1) >= range.address);
        }
        vdev_fdt_interrupt(tree, node, index, &interrupt);
        vdev_fdt_u32(tree, node, "reg", index, &word);
        vdev_fdt_u64(tree, node, "reg", index, &number);
        if (vdev_fdt_string(tree, node, "compatible", index, &string) == VDEV_OK) {
            fuzz_require(strlen(string) < BYTES);
        }
    }
}

static void walk(const struct vdev_fdt *tree, int node, unsigned depth)
{
    look(tree, node);
    for (int child = vdev_fdt_child(tree, node); child >= 0 && depth < 16;
         child = vdev_fdt_sibling(tree, child)) {
        walk(tree, child, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct vdev_fdt_range memory = {0x80000000, 0x10000000};
    static const struct vdev_guest_device devices[] = {
        {.kind = VDEV_GUEST_PL011, .address = 0x1c090000, .spi = 5},
        {.kind = VDEV_GUEST_PL181, .address = 0x1c050000, .spi = 9, .second_spi = 10},
        {.kind = VDEV_GUEST_VIRTIO_MMIO, .address = 0x1c130000, .spi = 40},
    };
    const struct vdev_guest_description description = {
        .memory = &memory,
        .memory_count = 1,
        .processors = 1,
        .psci = true,
        .interrupt_controller = {.distributor = 0x2c001000, .cpu_interface = 0x2c002000},
        .bootargs = "console=ttyAMA0",
        .devices = devices,
        .device_count = 3,
    };
    struct input input = {data, size};
    struct vdev_fdt_error error;
    struct vdev_fdt tree;
    uint8_t *blob = aligned_alloc(8, BYTES);

    int length = vdev_fdt_write_guest(blob, BYTES, &description, &error);
    fuzz_require(length > 0);
    if (input_byte(&input) < 32) { /* nothing of it is left */
        length = (int)(input.left < BYTES ? input.left : BYTES);
        memcpy(blob, input.data, (size_t)length);
    } else {
        for (unsigned i = 0; i < 24 && input.left != 0; i++) {
            uint32_t at = input_below(&input, (uint32_t)length / 4);
            uint32_t kind = input_byte(&input);
            uint32_t value = (uint32_t)input_number(&input, kind < 128 ? 4 : 1);
            blob[4 * at + 3] = (uint8_t)value;
            if (kind < 32) {
                memcpy(blob + 4 * at, &value, 4);
            }
        }
    }
    uint8_t *exact = aligned_alloc(8, ((size_t)length + 7) / 8 * 8);
    memcpy(exact, blob, (size_t)length);
    if (vdev_fdt_open(&tree, exact, (size_t)length, &error) == VDEV_OK) {
        walk(&tree, VDEV_FDT_ROOT, 0);
        for (int node = VDEV_FDT_ROOT, i = 0; node >= 0 && i < 100; i++) {
            node = vdev_fdt_find_compatible(&tree, node, "arm,pl011");
        }
        vdev_fdt_find(&tree, "serial0");
        vdev_fdt_find(&tree, "/soc/serial@1c090000");
        /* Numbers that are no nodes. */
        for (unsigned i = 0; i < 8; i++) {
            int node = (int)input_number(&input, 2);
            vdev_fdt_name(&tree, node);
            vdev_fdt_child(&tree, node);
            vdev_fdt_parent(&tree, node);
            struct vdev_fdt_range range;
            vdev_fdt_reg(&tree, node, 0, &range);
        }
    }
    free(blob);
    free(exact);
    return 0;
}
