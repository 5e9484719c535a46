/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers and fields by name: for messages and tests, never on the way of a trapped access. */
#include <vdev/registers.h>

#include "registers/fields.h"

static bool same_name(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* Is `name` all of `names`, or one of those that a "/" joins? */
static bool is_among(const char *names, const char *name)
{
    if (same_name(names, name)) {
        return true;
    }
    while (*names != '\0') {
        size_t i = 0;
        while (name[i] != '\0' && names[i] == name[i]) {
            i++;
        }
        if (i != 0 && name[i] == '\0' && (names[i] == '\0' || names[i] == '/')) {
            return true;
        }
        while (*names != '\0' && *names++ != '/') {
        }
    }
    return false;
}

const struct vdev_register *vdev_registers_by_name(const struct vdev_register_table *table,
                                                   const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (is_among(table->registers[i].name, name)) {
            return &table->registers[i];
        }
    }
    return NULL;
}

const struct vdev_register_field *vdev_registers_field(const struct vdev_register_table *table,
                                                       uint32_t offset, const char *name)
{
    const struct vdev_register *reg = vdev_registers_find(table, offset);

    if (reg == NULL || table->fields == NULL) {
        return NULL;
    }
    for (const struct vdev_register_field *field = table->fields; field->name != NULL; field++) {
        if (field->offset == reg->offset && same_name(field->name, name)) {
            return field;
        }
    }
    return NULL;
}

bool vdev_registers_check_fields(const struct vdev_register_table *table)
{
    if (table->fields == NULL) {
        return true;
    }
    for (const struct vdev_register_field *field = table->fields; field->name != NULL; field++) {
        const struct vdev_register *reg = vdev_registers_find(table, field->offset);
        /* Bits in a row: with the lowest one added they carry out of the mask, and leave nothing.
         */
        uint32_t lowest = field->mask & (0u - field->mask);
        if (reg == NULL || reg->offset != field->offset || field->mask == 0 ||
            ((field->mask + lowest) & field->mask) != 0) {
            return false;
        }
    }
    return true;
}
