/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing down what failed on a device tree, and where. */
#include <libfdt.h>

#include <vdev/status.h>

#include "fdt/error.h"

int vdev_fdt_status(int libfdt_error)
{
    switch (-libfdt_error) {
    case FDT_ERR_NOTFOUND:
        return VDEV_ERROR_ABSENT;
    case FDT_ERR_NOSPACE:
        return VDEV_ERROR_FULL;
    case FDT_ERR_BADOFFSET:
    case FDT_ERR_BADPATH:
    case FDT_ERR_BADNCELLS:
    case FDT_ERR_BADVALUE:
        return VDEV_ERROR_INVALID;
    default:
        return VDEV_ERROR_CORRUPT;
    }
}

const char *vdev_fdt_reason(int libfdt_error)
{
    switch (-libfdt_error) {
    case FDT_ERR_NOTFOUND:
        return "not found";
    case FDT_ERR_NOSPACE:
        return "no room left in the buffer";
    case FDT_ERR_BADOFFSET:
        return "not a node of this tree";
    case FDT_ERR_BADPATH:
        return "not a path";
    case FDT_ERR_BADNCELLS:
        return "an impossible number of cells";
    case FDT_ERR_BADVALUE:
        return "not of the form expected";
    case FDT_ERR_TRUNCATED:
        return "the tree is truncated";
    case FDT_ERR_BADMAGIC:
        return "not a device tree";
    case FDT_ERR_BADVERSION:
        return "a device tree of an unknown version";
    default:
        return "the tree is damaged";
    }
}

static void copy(char *to, size_t size, const char *from)
{
    size_t i = 0;
    if (from != NULL) {
        for (; i < size - 1 && from[i] != '\0'; i++) {
            to[i] = from[i];
        }
    }
    to[i] = '\0';
}

int vdev_fdt_fail(struct vdev_fdt_error *error, int status, const char *path, const char *property,
                  const char *reason)
{
    if (error != NULL) {
        error->status = status;
        copy(error->node, sizeof error->node, path);
        copy(error->property, sizeof error->property, property);
        error->reason = reason;
    }
    return status;
}

int vdev_fdt_fail_at(const struct vdev_fdt *tree, int status, int node, const char *property,
                     const char *reason)
{
    struct vdev_fdt_error *error = tree->error;

    if (error == NULL) {
        return status;
    }
    char path[VDEV_FDT_PATH_MAXIMUM] = "";
    /* Asked for the path of what is no node, libfdt would walk past the end of the tree and read
     * before the buffer; so only a node's is asked for. */
    if (fdt_node_depth(tree->blob, node) >= 0 &&
        fdt_get_path(tree->blob, node, path, sizeof path) != 0) {
        /* Too deep for the room there is: its own name says more than its ancestors'. */
        copy(path, sizeof path, fdt_get_name(tree->blob, node, NULL));
    }
    return vdev_fdt_fail(error, status, path, property, reason);
}

int vdev_fdt_fail_libfdt(const struct vdev_fdt *tree, int libfdt_error, int node,
                         const char *property)
{
    return vdev_fdt_fail_at(tree, vdev_fdt_status(libfdt_error), node, property,
                            vdev_fdt_reason(libfdt_error));
}
