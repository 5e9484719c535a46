/* SPDX-License-Identifier: BSD-2-Clause */
/* Register tables: the trapped access first, since it is the path that counts; then the rest. */
#include <vdev/registers.h>
#include <vdev/status.h>

#include "registers/fields.h"

static int write_register(struct vdev_register_bank *bank, const struct vdev_register *reg,
                          uint32_t *stored, const struct vdev_access *access)
{
    uint32_t value = (uint32_t)access->value;

    if (reg->kind == VDEV_REGISTER_READ_ONLY) {
        bank->ignored++;
        return VDEV_OK;
    }
    if (access->width != 4) {
        value &= (1u << (access->width * 8)) - 1;
    }
    uint32_t next = (*stored & ~reg->writable) | (value & reg->writable);
    next |= value & reg->write_one_to_set;
    next &= ~(value & reg->write_one_to_clear);
    next &= ~reg->self_clearing;
    *stored = next;
    if (reg->write != NULL) {
        reg->write(bank->device, access->offset, value);
    }
    return VDEV_OK;
}

int vdev_registers_access(void *context, struct vdev_access *access)
{
    struct vdev_register_bank *bank = context;
    const struct vdev_register_table *table = bank->table;
    uint32_t offset = access->offset;
    uint32_t number;

    if (offset / 4 >= table->words || (number = table->index[offset / 4]) == 0) {
        return VDEV_ERROR_RANGE;
    }
    number--;
    const struct vdev_register *reg = &table->registers[number];
    /* No two widths in one: 3 or 8 must not pass for 1 and 2, so widths are compared as a bit. */
    unsigned width = access->width;
    if ((reg->widths & width) == 0 || (width & (width - 1)) != 0 || offset % 4 != 0) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    uint32_t *stored = &bank->values[number];
    if (access->write) {
        return write_register(bank, reg, stored, access);
    }
    uint32_t value;
    if (reg->kind == VDEV_REGISTER_WRITE_ONLY) {
        bank->ignored++;
        value = 0;
    } else if (reg->read != NULL) {
        value = reg->read(bank->device, offset);
    } else {
        value = *stored;
    }
    if (reg->read_to_clear != 0) {
        *stored &= ~reg->read_to_clear;
    }
    if (width != 4) {
        value &= (1u << (width * 8)) - 1;
    }
    access->value = value;
    return VDEV_OK;
}

static size_t repeat(const struct vdev_register *reg)
{
    return reg->repeat == 0 ? 1 : reg->repeat;
}

static int check_one(const struct vdev_register *reg, size_t words)
{
    if (reg->name == NULL || reg->offset % 4 != 0 || reg->widths == 0 ||
        (reg->widths & ~VDEV_REGISTER_ANY) != 0 || reg->kind > VDEV_REGISTER_WRITE_ONLY) {
        return VDEV_ERROR_INVALID;
    }
    if (reg->offset / 4 >= words || repeat(reg) > words - reg->offset / 4) {
        return VDEV_ERROR_RANGE;
    }
    return VDEV_OK;
}

int vdev_registers_index(const struct vdev_register *registers, size_t count, uint8_t *index,
                         size_t words)
{
    if (count > UINT8_MAX) {
        return VDEV_ERROR_INVALID;
    }
    for (size_t i = 0; i < words; i++) {
        index[i] = 0;
    }
    for (size_t i = 0; i < count; i++) {
        int status = check_one(&registers[i], words);
        if (status != VDEV_OK) {
            return status;
        }
        for (size_t j = 0; j < repeat(&registers[i]); j++) {
            uint8_t *place = &index[registers[i].offset / 4 + j];
            if (*place != 0) {
                return VDEV_ERROR_INVALID;
            }
            *place = (uint8_t)(i + 1);
        }
    }
    return VDEV_OK;
}

static bool is_load(const struct vdev_register *reg)
{
    return reg->read == NULL && reg->read_to_clear == 0 && reg->kind != VDEV_REGISTER_WRITE_ONLY &&
           reg->widths == VDEV_REGISTER_ANY;
}

int vdev_registers_check(const struct vdev_register_table *table)
{
    size_t indexed = 0;
    size_t declared = 0;

    if (table->count > UINT8_MAX) {
        return VDEV_ERROR_INVALID;
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct vdev_register *reg = &table->registers[i];
        int status = check_one(reg, table->words);
        if (status != VDEV_OK) {
            return status;
        }
        for (size_t j = 0; j < repeat(reg); j++) {
            if (table->index[reg->offset / 4 + j] != i + 1) {
                return VDEV_ERROR_INVALID;
            }
        }
        declared += repeat(reg);
    }
    /* Each register stands at its places, so any entry beyond their number points nowhere good. */
    for (size_t i = 0; i < table->words; i++) {
        indexed += table->index[i] != 0;
        uint8_t load = table->loads == NULL ? 0 : table->loads[i];
        if (load != 0 && (load != table->index[i] || !is_load(&table->registers[load - 1]))) {
            return VDEV_ERROR_INVALID;
        }
    }
    return indexed == declared && vdev_registers_check_fields(table) ? VDEV_OK : VDEV_ERROR_INVALID;
}

void vdev_registers_init(struct vdev_register_bank *bank, const struct vdev_register_table *table,
                         uint32_t *values, void *device)
{
    bank->table = table;
    bank->values = values;
    bank->device = device;
    bank->ignored = 0;
    vdev_registers_reset(bank);
}

void vdev_registers_reset(struct vdev_register_bank *bank)
{
    for (size_t i = 0; i < bank->table->count; i++) {
        bank->values[i] = bank->table->registers[i].reset;
    }
}

void vdev_registers_loads(const struct vdev_register_bank *bank, struct vdev_bus_window *window)
{
    bool covered = window->length / 4 <= bank->table->words;

    window->loads = covered ? bank->table->loads : NULL;
    window->values = bank->values;
}

const struct vdev_register *vdev_registers_find(const struct vdev_register_table *table,
                                                uint32_t offset)
{
    uint8_t number = offset / 4 < table->words ? table->index[offset / 4] : 0;
    return number == 0 ? NULL : &table->registers[number - 1];
}

const char *vdev_registers_name(const struct vdev_register_table *table, uint32_t offset)
{
    const struct vdev_register *reg = vdev_registers_find(table, offset);
    return reg == NULL ? "unmapped" : reg->name;
}

enum vdev_register_violation vdev_registers_violation(const struct vdev_register_table *table,
                                                      const struct vdev_access *access)
{
    const struct vdev_register *reg = vdev_registers_find(table, access->offset);
    unsigned width = access->width;

    if (reg == NULL) {
        return VDEV_REGISTER_VIOLATION_UNMAPPED;
    }
    if ((reg->widths & width) == 0 || (width & (width - 1)) != 0 || access->offset % 4 != 0) {
        return VDEV_REGISTER_VIOLATION_WIDTH;
    }
    if (!access->write && reg->kind == VDEV_REGISTER_WRITE_ONLY) {
        return VDEV_REGISTER_VIOLATION_WRITE_ONLY;
    }
    if (access->write && reg->kind == VDEV_REGISTER_READ_ONLY) {
        return VDEV_REGISTER_VIOLATION_READ_ONLY;
    }
    if (access->write && (access->value & reg->reserved) != 0) {
        return VDEV_REGISTER_VIOLATION_RESERVED;
    }
    return VDEV_REGISTER_VIOLATION_NONE;
}

const char *vdev_register_violation_text(enum vdev_register_violation violation)
{
    switch (violation) {
    case VDEV_REGISTER_VIOLATION_NONE:
        break;
    case VDEV_REGISTER_VIOLATION_UNMAPPED:
        return "no register there";
    case VDEV_REGISTER_VIOLATION_WIDTH:
        return "wrong width or place for this register";
    case VDEV_REGISTER_VIOLATION_WRITE_ONLY:
        return "reads a write-only register";
    case VDEV_REGISTER_VIOLATION_READ_ONLY:
        return "writes a read-only register";
    case VDEV_REGISTER_VIOLATION_RESERVED:
        return "writes 1 to a reserved bit";
    }
    return "no violation";
}
