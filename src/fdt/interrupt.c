/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A node's interrupts, up to the controller that takes them [Devicetree §2.4]. The interrupt tree
 * is made of references, which a hostile tree can close to a ring: every walk is bounded.
 */
#include <libfdt.h>

#include <vdev/status.h>

#include "core/mem.h"
#include "fdt/error.h"

#define HOPS_MAXIMUM  32u /* parents, or maps, on the way to a controller */
#define CELLS_MAXIMUM 4u  /* of one interrupt, or of one unit address */

/* An interrupt on its way up: what its next controller or map is to be asked for. */
struct request {
    int node; /* whose interrupt it is, for errors and for its unit address */
    int controller;
    unsigned address_count, count; /* cells */
    uint32_t address[CELLS_MAXIMUM];
    uint32_t cells[CELLS_MAXIMUM];
};

static int count_cells(const struct vdev_fdt *tree, int node, const char *property,
                       unsigned otherwise, unsigned *count)
{
    int length;
    const fdt32_t *value = fdt_getprop(tree->blob, node, property, &length);

    *count = otherwise;
    if (value == NULL && length == -FDT_ERR_NOTFOUND && otherwise <= CELLS_MAXIMUM) {
        return VDEV_OK;
    }
    if (value == NULL) {
        return vdev_fdt_fail_libfdt(tree, length, node, property);
    }
    if (length != 4) {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_INVALID, node, property, "not one number");
    }
    *count = fdt32_to_cpu(*value);
    if (*count > CELLS_MAXIMUM) {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_UNSUPPORTED, node, property,
                                "more cells than any known binding has");
    }
    return VDEV_OK;
}

/* `#interrupt-cells`, which a controller must have: with 0 or with none it is none. */
static int interrupt_cells(const struct vdev_fdt *tree, int controller, unsigned *count)
{
    int status = count_cells(tree, controller, "#interrupt-cells", CELLS_MAXIMUM + 1, count);
    if (status == VDEV_OK && *count == 0) {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_INVALID, controller, "#interrupt-cells", "zero");
    }
    return status;
}

/* The node that a phandle names; `from` and `property` are where it stands. */
static int referenced(const struct vdev_fdt *tree, uint32_t handle, int from, const char *property)
{
    int node = fdt_node_offset_by_phandle(tree->blob, handle);
    if (node < 0) {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_ABSENT, from, property,
                                "the interrupt controller it names is not in the tree");
    }
    return node;
}

/* The controller or map above a node: the nearest that has `#interrupt-cells`. */
static int interrupt_parent(const struct vdev_fdt *tree, int node)
{
    int at = node;

    for (unsigned hops = 0; hops < HOPS_MAXIMUM; hops++) {
        int length;
        const fdt32_t *handle = fdt_getprop(tree->blob, at, "interrupt-parent", &length);
        if (handle != NULL) {
            if (length != 4) {
                return vdev_fdt_fail_at(tree, VDEV_ERROR_INVALID, at, "interrupt-parent",
                                        "not one reference");
            }
            at = referenced(tree, fdt32_to_cpu(*handle), at, "interrupt-parent");
        } else {
            at = vdev_fdt_parent(tree, at);
        }
        if (at < 0) {
            break;
        }
        if (fdt_getprop(tree->blob, at, "#interrupt-cells", &length) != NULL) {
            return at;
        }
    }
    return vdev_fdt_fail_at(tree, VDEV_ERROR_ABSENT, node, "interrupts",
                            "no interrupt controller above it");
}

static void load(uint32_t *to, const fdt32_t *from, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        to[i] = fdt32_to_cpu(from[i]);
    }
}

/* Entry `index` of `interrupts-extended`, a list of references each followed by its cells. */
static int extended(const struct vdev_fdt *tree, const fdt32_t *list, int length, unsigned index,
                    struct request *request)
{
    static const char property[] = "interrupts-extended";
    unsigned left = (unsigned)length / 4;

    while (left != 0) {
        request->controller = referenced(tree, fdt32_to_cpu(*list), request->node, property);
        if (request->controller < 0) {
            return request->controller;
        }
        int status = interrupt_cells(tree, request->controller, &request->count);
        if (status != VDEV_OK) {
            return status;
        }
        if (request->count > left - 1) {
            return vdev_fdt_fail_at(tree, VDEV_ERROR_INVALID, request->node, property,
                                    "not of whole entries");
        }
        if (index-- == 0) {
            load(request->cells, list + 1, request->count);
            return VDEV_OK;
        }
        list += 1 + request->count;
        left -= 1 + request->count;
    }
    return vdev_fdt_fail_at(tree, VDEV_ERROR_RANGE, request->node, property,
                            "fewer interrupts than asked for");
}

static int plain(const struct vdev_fdt *tree, unsigned index, struct request *request)
{
    int length;
    const fdt32_t *list = vdev_fdt_property(tree, request->node, "interrupts", &length);

    if (list == NULL) {
        return length;
    }
    request->controller = interrupt_parent(tree, request->node);
    if (request->controller < 0) {
        return request->controller;
    }
    int status = interrupt_cells(tree, request->controller, &request->count);
    if (status != VDEV_OK) {
        return status;
    }
    if (length == 0 || (unsigned)length % (4 * request->count) != 0) {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_INVALID, request->node, "interrupts",
                                "not of whole entries");
    }
    if (index >= (unsigned)length / (4 * request->count)) {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_RANGE, request->node, "interrupts",
                                "fewer interrupts than asked for");
    }
    load(request->cells, list + (size_t)index * request->count, request->count);
    return VDEV_OK;
}

/* Through one map: what its controller's parent is to be asked for instead. */
static int map(const struct vdev_fdt *tree, const fdt32_t *entry, int length,
               struct request *request)
{
    static const char property[] = "interrupt-map";
    int nexus = request->controller;
    unsigned left = (unsigned)length / 4;
    uint32_t mask[2 * CELLS_MAXIMUM];
    unsigned key = request->address_count + request->count;

    int mask_length;
    const fdt32_t *masks = fdt_getprop(tree->blob, nexus, "interrupt-map-mask", &mask_length);
    if (masks != NULL && (unsigned)mask_length != 4 * key) {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_INVALID, nexus, "interrupt-map-mask",
                                "not as many cells as an entry's");
    }
    memset(mask, 0xFF, sizeof mask);
    if (masks != NULL) {
        load(mask, masks, key);
    }
    while (left != 0) {
        unsigned address_count, count;
        if (left <= key) {
            goto cut;
        }
        bool match = true;
        for (unsigned i = 0; i < key; i++) {
            uint32_t wanted = i < request->address_count
                                  ? request->address[i]
                                  : request->cells[i - request->address_count];
            match = match && ((wanted ^ fdt32_to_cpu(entry[i])) & mask[i]) == 0;
        }
        int parent = referenced(tree, fdt32_to_cpu(entry[key]), nexus, property);
        if (parent < 0) {
            return parent;
        }
        int status = count_cells(tree, parent, "#address-cells", 0, &address_count);
        if (status == VDEV_OK) {
            status = interrupt_cells(tree, parent, &count);
        }
        if (status != VDEV_OK) {
            return status;
        }
        unsigned total = key + 1 + address_count + count;
        if (total > left) {
            goto cut;
        }
        if (match) {
            load(request->address, entry + key + 1, address_count);
            load(request->cells, entry + key + 1 + address_count, count);
            request->address_count = address_count;
            request->count = count;
            request->controller = parent;
            return VDEV_OK;
        }
        entry += total;
        left -= total;
    }
    return vdev_fdt_fail_at(tree, VDEV_ERROR_ABSENT, request->node, "interrupts",
                            "in no entry of the map above it");
cut:
    return vdev_fdt_fail_at(tree, VDEV_ERROR_INVALID, nexus, property, "not of whole entries");
}

/* Up through the maps until a controller takes the interrupt itself. */
static int resolve(const struct vdev_fdt *tree, struct request *request)
{
    int length;

    for (unsigned hops = 0; hops < HOPS_MAXIMUM; hops++) {
        const fdt32_t *entries =
            fdt_getprop(tree->blob, request->controller, "interrupt-map", &length);
        if (entries == NULL) {
            return VDEV_OK;
        }
        if (hops == 0) {
            /* A map asks also for the unit address: the beginning of the node's own `reg`. */
            int status = count_cells(tree, request->controller, "#address-cells", 2,
                                     &request->address_count);
            if (status != VDEV_OK) {
                return status;
            }
            int reg_length;
            const fdt32_t *reg = fdt_getprop(tree->blob, request->node, "reg", &reg_length);
            if (reg != NULL && (unsigned)reg_length >= 4 * request->address_count) {
                load(request->address, reg, request->address_count);
            }
        }
        int status = map(tree, entries, length, request);
        if (status != VDEV_OK) {
            return status;
        }
    }
    return vdev_fdt_fail_at(tree, VDEV_ERROR_INVALID, request->node, "interrupts",
                            "maps without an end");
}

int vdev_fdt_interrupt(const struct vdev_fdt *tree, int node, unsigned index,
                       struct vdev_fdt_interrupt *interrupt)
{
    struct request request = {.node = node};
    int length;
    const fdt32_t *list = fdt_getprop(tree->blob, node, "interrupts-extended", &length);
    int status =
        list != NULL ? extended(tree, list, length, index, &request) : plain(tree, index, &request);

    if (status == VDEV_OK) {
        status = resolve(tree, &request);
    }
    if (status != VDEV_OK) {
        return status;
    }
    const uint32_t *cells = request.cells;
    interrupt->controller = request.controller;
    switch (request.count) {
    case 1:
    case 2:
        interrupt->kind = VDEV_FDT_INTERRUPT_PLAIN;
        interrupt->number = cells[0];
        interrupt->flags = request.count == 2 ? cells[1] : 0;
        return VDEV_OK;
    case 3:
        if (cells[0] > 1) {
            return vdev_fdt_fail_at(tree, VDEV_ERROR_INVALID, node, "interrupts",
                                    "neither shared nor private");
        }
        interrupt->kind = cells[0] == 0 ? VDEV_FDT_INTERRUPT_SPI : VDEV_FDT_INTERRUPT_PPI;
        interrupt->number = cells[1];
        interrupt->flags = cells[2];
        return VDEV_OK;
    default:
        return vdev_fdt_fail_at(tree, VDEV_ERROR_UNSUPPORTED, request.controller,
                                "#interrupt-cells", "not one, two or three");
    }
}
