/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of a table's check that looks at its fields. */
#ifndef REGISTERS_FIELDS_H
#define REGISTERS_FIELDS_H

#include <stdbool.h>

#include <vdev/registers.h>

bool vdev_registers_check_fields(const struct vdev_register_table *table);

#endif
