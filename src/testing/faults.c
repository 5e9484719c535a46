/* SPDX-License-Identifier: BSD-2-Clause */
/* The bench's faults: what is wrong on the way between a driver and its device. */
#include "testing/faults.h"

bool fault_wrong(struct text *text, const struct vdev_register_table *table,
                 struct vdev_fault *fault)
{
    const char *of = fault->kind == VDEV_FAULT_TRANSFER ? fault->status : fault->name;

    fault->struck = 0;
    fault->moved = 0;
    fault->over = false;
    if (fault->kind == VDEV_FAULT_ALL_ONES) {
        return false;
    }
    if (table == NULL || fault->name == NULL || of == NULL) {
        text_string(text, "a fault of a register needs its name, and the bench's table");
        return true;
    }
    const struct vdev_register *reg = vdev_registers_by_name(table, fault->name);
    if (reg == NULL || (reg = vdev_registers_by_name(table, of)) == NULL) {
        text_string(text, "the device has no register of this name: ");
        text_string(text, vdev_registers_by_name(table, fault->name) == NULL ? fault->name : of);
        return true;
    }
    if (fault->field != NULL) {
        const struct vdev_register_field *field =
            vdev_registers_field(table, reg->offset, fault->field);
        if (field == NULL) {
            text_string(text, of);
            text_string(text, " has no field of this name: ");
            text_string(text, fault->field);
            return true;
        }
        fault->mask = field->mask;
    } else if (fault->mask == 0) {
        fault->mask = UINT32_MAX;
    }
    return false;
}

static bool is_of(const struct vdev_register_table *table, const char *name,
                  const struct vdev_access *access)
{
    const struct vdev_register *reg = vdev_registers_by_name(table, name);
    return reg != NULL && vdev_registers_find(table, access->offset) == reg;
}

static bool strikes(struct vdev_fault *fault, uint32_t number)
{
    if (number < fault->from || (fault->times != 0 && fault->struck >= fault->times)) {
        return false;
    }
    fault->struck++;
    return true;
}

static bool transfer_erred(const struct vdev_fault *fault)
{
    return fault->kind == VDEV_FAULT_TRANSFER && fault->moved >= fault->bytes && !fault->over;
}

static void count_transfer(const struct vdev_register_table *table, struct vdev_fault *fault,
                           const struct vdev_access *access)
{
    if (is_of(table, fault->name, access)) {
        fault->moved += access->width;
    } else if (access->write && transfer_erred(fault) && is_of(table, fault->status, access) &&
               (access->value & fault->mask) != 0) {
        fault->over = true;
    }
    if (fault->interrupt != NULL) {
        vdev_interrupt_set(fault->interrupt, transfer_erred(fault));
    }
}

bool faults_let_through(const struct vdev_bench_configuration *configuration, uint32_t number,
                        struct vdev_access *access)
{
    bool through = true;

    for (size_t i = 0; i < configuration->fault_count; i++) {
        struct vdev_fault *fault = &configuration->faults[i];
        if (fault->kind == VDEV_FAULT_ALL_ONES ||
            (fault->kind == VDEV_FAULT_WRITES_LOST && access->write &&
             is_of(configuration->table, fault->name, access))) {
            through = !strikes(fault, number) && through;
        }
    }
    if (!through && !access->write) {
        access->value = UINT64_MAX >> (64 - access->width * 8u);
    }
    return through;
}

void faults_change(const struct vdev_bench_configuration *configuration, uint32_t number,
                   struct vdev_access *access)
{
    const struct vdev_register_table *table = configuration->table;

    for (size_t i = 0; i < configuration->fault_count; i++) {
        struct vdev_fault *fault = &configuration->faults[i];
        bool transfer = fault->kind == VDEV_FAULT_TRANSFER;
        if (transfer && number >= fault->from) {
            count_transfer(table, fault, access);
        }
        bool stuck = fault->kind == VDEV_FAULT_STUCK_ONE || fault->kind == VDEV_FAULT_STUCK_ZERO;
        if (access->write || !(stuck || transfer_erred(fault)) ||
            !is_of(table, transfer ? fault->status : fault->name, access) ||
            !strikes(fault, number)) {
            continue;
        }
        if (fault->kind == VDEV_FAULT_STUCK_ZERO) {
            access->value &= ~(uint64_t)fault->mask;
        } else {
            access->value |= fault->mask & (UINT64_MAX >> (64 - access->width * 8u));
        }
    }
}
