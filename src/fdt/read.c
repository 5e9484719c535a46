/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a tree: opening it, finding nodes, and plain properties. libfdt checks each offset and
 * length that it follows; what it leaves open is closed here.
 */
#include <libfdt.h>

#include <vdev/status.h>

#include "core/mem.h"
#include "fdt/error.h"

/* The oldest version that states the size of its structure block; all writers of today use it. */
#define OLDEST_VERSION 17u

int vdev_fdt_open(struct vdev_fdt *tree, const void *blob, size_t size,
                  struct vdev_fdt_error *error)
{
    if (blob == NULL || (uintptr_t)blob % 8 != 0) {
        return vdev_fdt_fail(error, VDEV_ERROR_INVALID, "", NULL, "a misaligned pointer");
    }
    /*
     * What libfdt takes for granted: that there is a whole header, of whatever version; that both
     * blocks are aligned (a misaligned word faults where memory is mapped as a device's); and
     * below, that the root is at offset 0, whatever is there.
     */
    if (size < sizeof(struct fdt_header)) {
        return vdev_fdt_fail(error, VDEV_ERROR_CORRUPT, "", NULL,
                             vdev_fdt_reason(-FDT_ERR_TRUNCATED));
    }
    if (fdt_magic(blob) == FDT_MAGIC && fdt_version(blob) < OLDEST_VERSION) {
        return vdev_fdt_fail(error, VDEV_ERROR_CORRUPT, "", NULL,
                             vdev_fdt_reason(-FDT_ERR_BADVERSION));
    }
    int next;
    int result = fdt_off_dt_struct(blob) % 4 != 0 || fdt_off_mem_rsvmap(blob) % 8 != 0
                     ? -FDT_ERR_BADLAYOUT
                     : fdt_check_full(blob, size);
    if (result == 0 && fdt_next_tag(blob, VDEV_FDT_ROOT, &next) != FDT_BEGIN_NODE) {
        result = -FDT_ERR_BADSTRUCTURE;
    }
    if (result != 0) {
        return vdev_fdt_fail(error, VDEV_ERROR_CORRUPT, "", NULL, vdev_fdt_reason(result));
    }
    *tree = (struct vdev_fdt){.blob = blob, .size = fdt_totalsize(blob), .error = error};
    return VDEV_OK;
}

/* ---- nodes ---- */

int vdev_fdt_find(const struct vdev_fdt *tree, const char *path)
{
    const char *from = path;

    if (path[0] != '/') {
        /* Not left to libfdt: an alias that names an alias would send it round for ever. */
        int length;
        int aliases = fdt_path_offset(tree->blob, "/aliases");
        from = aliases < 0 ? NULL : fdt_getprop(tree->blob, aliases, path, &length);
        if (from == NULL) {
            return vdev_fdt_fail(tree->error, VDEV_ERROR_ABSENT, path, NULL, "no such alias");
        }
        if (length == 0 || from[length - 1] != '\0' || from[0] != '/') {
            return vdev_fdt_fail(tree->error, VDEV_ERROR_INVALID, "/aliases", path, "not a path");
        }
    }
    int node = fdt_path_offset(tree->blob, from);
    if (node < 0) {
        return vdev_fdt_fail(tree->error, vdev_fdt_status(node), from, NULL, vdev_fdt_reason(node));
    }
    return node;
}

/*
 * What a walk from a node returns: a node, or its end, which is nothing to write down. libfdt takes
 * a place that is no node for the end of a walk; here that is told apart.
 */
static int step(const struct vdev_fdt *tree, int from, int (*walk)(const void *blob, int node),
                int at_end)
{
    int name_length;
    int result =
        fdt_get_name(tree->blob, from, &name_length) == NULL ? name_length : walk(tree->blob, from);
    if (result >= 0) {
        return result;
    }
    return result == -FDT_ERR_NOTFOUND ? at_end : vdev_fdt_fail_libfdt(tree, result, from, NULL);
}

int vdev_fdt_find_compatible(const struct vdev_fdt *tree, int after, const char *compatible)
{
    int node = fdt_node_offset_by_compatible(tree->blob, after, compatible);
    if (node >= 0) {
        return node;
    }
    return node == -FDT_ERR_NOTFOUND ? VDEV_ERROR_ABSENT
                                     : vdev_fdt_fail_libfdt(tree, node, after, NULL);
}

int vdev_fdt_child(const struct vdev_fdt *tree, int node)
{
    return step(tree, node, fdt_first_subnode, VDEV_ERROR_EMPTY);
}

int vdev_fdt_sibling(const struct vdev_fdt *tree, int node)
{
    return step(tree, node, fdt_next_subnode, VDEV_ERROR_EMPTY);
}

int vdev_fdt_parent(const struct vdev_fdt *tree, int node)
{
    return node == VDEV_FDT_ROOT ? VDEV_ERROR_ABSENT
                                 : step(tree, node, fdt_parent_offset, VDEV_ERROR_ABSENT);
}

const char *vdev_fdt_name(const struct vdev_fdt *tree, int node)
{
    return fdt_get_name(tree->blob, node, NULL);
}

bool vdev_fdt_compatible(const struct vdev_fdt *tree, int node, const char *compatible)
{
    return fdt_node_check_compatible(tree->blob, node, compatible) == 0;
}

/* ---- properties ---- */

bool vdev_fdt_enabled(const struct vdev_fdt *tree, int node)
{
    int length;
    const char *status = fdt_getprop(tree->blob, node, "status", &length);

    if (status == NULL) {
        return length == -FDT_ERR_NOTFOUND;
    }
    return (length == 3 && memcmp(status, "ok", 3) == 0) ||
           (length == 5 && memcmp(status, "okay", 5) == 0);
}

const void *vdev_fdt_property(const struct vdev_fdt *tree, int node, const char *property,
                              int *length)
{
    const void *value = fdt_getprop(tree->blob, node, property, length);
    if (value == NULL) {
        *length = vdev_fdt_fail_libfdt(tree, *length, node, property);
    }
    return value;
}

int vdev_fdt_string(const struct vdev_fdt *tree, int node, const char *property, unsigned index,
                    const char **string)
{
    int length;
    const char *list = vdev_fdt_property(tree, node, property, &length);

    if (list == NULL) {
        return length;
    }
    if (length == 0 || list[length - 1] != '\0') {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_INVALID, node, property, "not a list of strings");
    }
    for (const char *end = list + length; list < end; list += strlen(list) + 1) {
        if (index-- == 0) {
            *string = list;
            return VDEV_OK;
        }
    }
    return vdev_fdt_fail_at(tree, VDEV_ERROR_RANGE, node, property, "fewer strings than asked for");
}

/* Number `index` of a property made of numbers of `count` cells (1 or 2). */
static int number(const struct vdev_fdt *tree, int node, const char *property, unsigned index,
                  unsigned count, uint64_t *value)
{
    int length;
    const fdt32_t *cells = vdev_fdt_property(tree, node, property, &length);

    if (cells == NULL) {
        return length;
    }
    if (length == 0 || (unsigned)length % (4 * count) != 0) {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_INVALID, node, property, "not of whole numbers");
    }
    if (index >= (unsigned)length / (4 * count)) {
        return vdev_fdt_fail_at(tree, VDEV_ERROR_RANGE, node, property,
                                "fewer numbers than asked for");
    }
    *value = 0;
    for (unsigned i = 0; i < count; i++) {
        *value = *value << 32 | fdt32_to_cpu(cells[index * count + i]);
    }
    return VDEV_OK;
}

int vdev_fdt_u32(const struct vdev_fdt *tree, int node, const char *property, unsigned index,
                 uint32_t *value)
{
    uint64_t wide;
    int status = number(tree, node, property, index, 1, &wide);
    if (status == VDEV_OK) {
        *value = (uint32_t)wide;
    }
    return status;
}

int vdev_fdt_u64(const struct vdev_fdt *tree, int node, const char *property, unsigned index,
                 uint64_t *value)
{
    uint64_t wide;
    int status = number(tree, node, property, index, 2, &wide);
    if (status == VDEV_OK) {
        *value = wide;
    }
    return status;
}
