/* SPDX-License-Identifier: BSD-2-Clause */
/* One step of a script: what it means, whether it makes sense, and what it says of itself. */
#include "testing/script_step.h"

uint32_t step_offset(const struct vdev_script *script, const struct vdev_script_step *step)
{
    if (step->name == NULL) {
        return step->offset;
    }
    const struct vdev_register *reg = vdev_registers_by_name(script->table, step->name);
    return reg == NULL ? UINT32_MAX : reg->offset;
}

uint64_t step_value(const struct vdev_script *script, const struct vdev_script_step *step,
                    uint32_t done)
{
    uint64_t value = step->data == NULL ? step->value : step->data[done];

    for (size_t i = 0; i < VDEV_SCRIPT_FIELDS && step->fields[i].name != NULL; i++) {
        const struct vdev_register_field *field =
            vdev_registers_field(script->table, step_offset(script, step), step->fields[i].name);
        uint32_t lowest = field->mask & (0u - field->mask);
        value = (value & ~(uint64_t)field->mask) | (uint64_t)step->fields[i].value * lowest;
    }
    return value;
}

static bool say(struct text *text, const char *reason, const char *name)
{
    text_string(text, reason);
    text_string(text, name);
    return true;
}

static bool fields_wrong(struct text *text, const struct vdev_script *script,
                         const struct vdev_script_step *step, const struct vdev_register *reg)
{
    for (size_t i = 0; i < VDEV_SCRIPT_FIELDS && step->fields[i].name != NULL; i++) {
        const char *name = step->fields[i].name;
        const struct vdev_register_field *field =
            vdev_registers_field(script->table, reg->offset, name);
        if (field == NULL) {
            text_string(text, reg->name);
            return say(text, " has no field of this name: ", name);
        }
        if (step->fields[i].value > field->mask / (field->mask & (0u - field->mask))) {
            return say(text, "a value that the field cannot hold: ", name);
        }
    }
    return false;
}

static bool register_wrong(struct text *text, const struct vdev_script *script,
                           const struct vdev_script_step *step)
{
    const struct vdev_register *reg;

    if (step->name != NULL) {
        reg = vdev_registers_by_name(script->table, step->name);
        if (reg == NULL) {
            return say(text, "the device has no register of this name: ", step->name);
        }
    } else {
        reg = vdev_registers_find(script->table, step->offset);
        if (reg == NULL) {
            text_string(text, "an expectation outside the device's registers: ");
            text_hexadecimal(text, step->offset, 3);
            return true;
        }
    }
    bool reads = step->kind != VDEV_SCRIPT_KIND_WRITE;
    bool writes = step->kind == VDEV_SCRIPT_KIND_WRITE || step->kind == VDEV_SCRIPT_KIND_MODIFY;
    if (reads && reg->kind == VDEV_REGISTER_WRITE_ONLY) {
        return say(text, "expects to read a write-only register: ", reg->name);
    }
    if (writes && reg->kind == VDEV_REGISTER_READ_ONLY) {
        return say(text, "expects to write a read-only register: ", reg->name);
    }
    if (step->width != 0 && (reg->widths & step->width) == 0) {
        return say(text, "a width that the register does not have: ", reg->name);
    }
    return fields_wrong(text, script, step, reg);
}

bool step_wrong(struct text *text, const struct vdev_script *script,
                const struct vdev_script_step *step, bool grouped)
{
    unsigned width = step->width == 0 && script->table != NULL ? 4 : step->width;

    if (step->kind > VDEV_SCRIPT_KIND_END) {
        return say(text, "no such kind of step", "");
    }
    if (grouped && (step->kind == VDEV_SCRIPT_KIND_DELAY || step->kind == VDEV_SCRIPT_KIND_FREE ||
                    step->nanoseconds != 0)) {
        return say(text, "not possible where the order is free", "");
    }
    if (step->nanoseconds != 0 && script->clock == NULL) {
        return say(text, "a step that takes time needs a clock", "");
    }
    if (step->kind >= VDEV_SCRIPT_KIND_DELAY) {
        return false;
    }
    if (step->width > 8 || (step->width & (step->width - 1)) != 0) {
        return say(text, "no width of a register: a power of two up to 8 bytes is one", "");
    }
    if (width != 0 && width < 8 && (step->value | step->last) >> (width * 8) != 0) {
        return say(text, "a value that does not fit into the register", "");
    }
    if (script->table == NULL) {
        if (step->name != NULL || step->fields[0].name != NULL) {
            return say(text, "names of registers need the script's table", "");
        }
        return false;
    }
    return register_wrong(text, script, step);
}

void step_show(struct text *text, const struct vdev_script *script, size_t number, uint32_t done)
{
    const struct vdev_script_step *step = &script->steps[number];
    uint32_t times = step->times == 0 ? 1 : step->times;
    unsigned digits = step->width == 0 ? 8 : step->width * 2u;
    bool write = step->kind == VDEV_SCRIPT_KIND_WRITE ||
                 (step->kind == VDEV_SCRIPT_KIND_MODIFY && done != 0);

    text_string(text, "\n    step ");
    text_decimal(text, number);
    if (step->kind >= VDEV_SCRIPT_KIND_DELAY) {
        text_string(text, step->kind == VDEV_SCRIPT_KIND_FREE  ? ": in any order"
                          : step->kind == VDEV_SCRIPT_KIND_END ? ": end of the free order"
                                                               : ": nothing for ");
        if (step->kind == VDEV_SCRIPT_KIND_DELAY) {
            text_decimal(text, step->nanoseconds);
            text_string(text, " ns");
        }
    } else {
        uint32_t offset = step_offset(script, step);
        uint64_t value = step_value(script, step, step->data != NULL && done >= times ? 0 : done);
        if (step->kind == VDEV_SCRIPT_KIND_MODIFY && done != 0) {
            value = (value & ~step->mask) | (step->last & step->mask);
        }
        text_string(text, write ? ": write " : ": read ");
        text_register(text, script->table, offset);
        if (step->width != 0) {
            text_string(text, ", ");
            text_decimal(text, step->width * 8u);
            text_string(text, " bits");
        }
        text_string(text, ": ");
        text_hexadecimal(text, value, digits);
        text_fields(text, script->table, offset, value);
        uint64_t all = digits >= 16 ? UINT64_MAX : ((uint64_t)1 << (digits * 4)) - 1;
        if (step->kind == VDEV_SCRIPT_KIND_WRITE && (step->mask & all) != all) {
            text_string(text, " under ");
            text_hexadecimal(text, step->mask, digits);
        }
        if (step->kind == VDEV_SCRIPT_KIND_REPEAT) {
            text_string(text, ", any number of times");
        } else if (step->kind == VDEV_SCRIPT_KIND_UNTIL) {
            text_string(text, ", until it is ");
            text_hexadecimal(text, step->last, digits);
            text_fields(text, script->table, offset, step->last);
        } else if (times > 1) {
            text_string(text, ", done ");
            text_decimal(text, done);
            text_string(text, " of ");
            text_decimal(text, times);
        }
    }
    if (step->file != NULL) {
        text_string(text, " [");
        text_place(text, step->file, step->line);
        text_string(text, "]");
    }
}
