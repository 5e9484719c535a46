/* SPDX-License-Identifier: BSD-2-Clause */
/* A node's `reg`, as the processor sees it. PCI's three-cell addresses are not translated. */
#include <libfdt.h>

#include <vdev/status.h>

#include "fdt/error.h"

/* A node's number of cells of a kind, for its children; 2 and 1 where it does not say [Devicetree
 * §2.3.5]. */
static int cells_of(const struct vdev_fdt *tree, int node, const char *property, unsigned otherwise,
                    unsigned *cells)
{
    int length;
    const fdt32_t *value = fdt_getprop(tree->blob, node, property, &length);

    if (value == NULL) {
        *cells = otherwise;
        return length == -FDT_ERR_NOTFOUND ? VDEV_OK
                                           : vdev_fdt_fail_libfdt(tree, length, node, property);
    }
    if (length != 4) {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_INVALID, node, property, "not one number");
    }
    *cells = fdt32_to_cpu(*value);
    if (*cells > 2) {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_UNSUPPORTED, node, property,
                                "numbers of more than 64 bits");
    }
    return VDEV_OK;
}

static int layout(const struct vdev_fdt *tree, int node, unsigned *address_cells,
                  unsigned *size_cells)
{
    int status = cells_of(tree, node, "#address-cells", 2, address_cells);
    return status != VDEV_OK ? status : cells_of(tree, node, "#size-cells", 1, size_cells);
}

static uint64_t number(const fdt32_t **cells, unsigned count)
{
    uint64_t value = 0;
    while (count-- != 0) {
        value = value << 32 | fdt32_to_cpu(*(*cells)++);
    }
    return value;
}

/* True if [address, address + size) lies in [start, start + length); none of them may wrap. */
static bool holds(uint64_t start, uint64_t length, uint64_t address, uint64_t size)
{
    return address >= start && size <= length && address - start <= length - size;
}

/* From the addresses that a bus gives its children to those of the bus's own parent. */
static int translate(const struct vdev_fdt *tree, int bus, int parent, struct vdev_fdt_range *range)
{
    int length;
    const fdt32_t *entry = fdt_getprop(tree->blob, bus, "ranges", &length);
    unsigned address_cells, size_cells, parent_cells, parent_size_cells;

    if (entry == NULL) {
        if (length != -FDT_ERR_NOTFOUND) {
            return vdev_fdt_fail_libfdt(tree, length, bus, "ranges");
        }
        return vdev_fdt_fail_at(tree, VDEV_ERROR_UNSUPPORTED, bus, "ranges",
                                "its children are not in the processor's memory");
    }
    int status = layout(tree, bus, &address_cells, &size_cells);
    if (status == VDEV_OK) {
        status = layout(tree, parent, &parent_cells, &parent_size_cells);
    }
    if (status != VDEV_OK || length == 0) {
        return status; /* empty: the same addresses above and below */
    }
    unsigned entry_cells = address_cells + parent_cells + size_cells;
    if (entry_cells == 0 || (unsigned)length % (4 * entry_cells) != 0) {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_INVALID, bus, "ranges", "not of whole entries");
    }
    for (const fdt32_t *end = entry + length / 4; entry < end;) {
        uint64_t child = number(&entry, address_cells);
        uint64_t above = number(&entry, parent_cells);
        uint64_t size = number(&entry, size_cells);
        if (!holds(child, size, range->address, range->size)) {
            continue;
        }
        uint64_t offset = range->address - child;
        if (offset > UINT64_MAX - above) {
            return vdev_fdt_fail_at(tree, VDEV_ERROR_RANGE, bus, "ranges", "an address wraps");
        }
        range->address = above + offset;
        return VDEV_OK;
    }
    return vdev_fdt_fail_at(tree, VDEV_ERROR_UNSUPPORTED, bus, "ranges",
                            "a child's addresses are in no entry");
}

int vdev_fdt_reg(const struct vdev_fdt *tree, int node, unsigned index,
                 struct vdev_fdt_range *range)
{
    unsigned address_cells, size_cells;
    int length;
    const fdt32_t *cells = vdev_fdt_property(tree, node, "reg", &length);

    if (cells == NULL) {
        return length;
    }
    int parent = vdev_fdt_parent(tree, node);
    if (parent < 0) {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_INVALID, node, "reg", "the root has no address");
    }
    int status = layout(tree, parent, &address_cells, &size_cells);
    if (status != VDEV_OK) {
        return status;
    }
    unsigned entry_cells = address_cells + size_cells;
    if (length == 0 || entry_cells == 0 || (unsigned)length % (4 * entry_cells) != 0) {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_INVALID, node, "reg", "not of whole entries");
    }
    if (index >= (unsigned)length / (4 * entry_cells)) {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_RANGE, node, "reg",
                                "fewer entries than asked for");
    }
    cells += (size_t)index * entry_cells;
    struct vdev_fdt_range found;
    found.address = number(&cells, address_cells);
    found.size = number(&cells, size_cells);
    for (int bus = parent; bus != VDEV_FDT_ROOT; bus = parent) {
        parent = vdev_fdt_parent(tree, bus);
        if (parent < 0) {
            return parent;
        }
        status = translate(tree, bus, parent, &found);
        if (status != VDEV_OK) {
            return status;
        }
    }
    if (found.size != 0 && found.size - 1 > UINT64_MAX - found.address) {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_RANGE, node, "reg", "the range wraps");
    }
    *range = found;
    return VDEV_OK;
}
