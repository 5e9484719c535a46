/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a failure on a device tree is written down; one place, so that every one names its node. */
#ifndef FDT_ERROR_H
#define FDT_ERROR_H

#include <vdev/fdt.h>

/* The status that one of libfdt's errors (negative) is to our callers, and its reason in words. */
int vdev_fdt_status(int libfdt_error);
const char *vdev_fdt_reason(int libfdt_error);

/*
 * Fill in `error` (may be NULL) and return `status`. Path, property (may be NULL: none) and reason
 * are terminated strings; the first two are copied.
 */
int vdev_fdt_fail(struct vdev_fdt_error *error, int status, const char *path, const char *property,
                  const char *reason);

/* The same for a node of a tree, whose path is looked up; and for what libfdt returned about it. */
int vdev_fdt_fail_at(const struct vdev_fdt *tree, int status, int node, const char *property,
                     const char *reason);
int vdev_fdt_fail_libfdt(const struct vdev_fdt *tree, int libfdt_error, int node,
                         const char *property);

#endif
