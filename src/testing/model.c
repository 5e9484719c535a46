/* SPDX-License-Identifier: BSD-2-Clause */
/* A register table behind struct vdev_io, held to the data sheet. */
#include <vdev/status.h>
#include <vdev/testing/model.h>

#include "testing/text.h"

static void fail(struct vdev_model *model, struct text *text, char *message)
{
    if (model->failed) {
        return;
    }
    model->failed = true;
    text_history(text, model->bank.table, &model->history);
    testing_fail(model->fail, model->context, message);
}

static void pass(struct vdev_model *model, struct vdev_access *access)
{
    const struct vdev_register_table *table = model->bank.table;
    enum vdev_register_violation violation = vdev_registers_violation(table, access);

    if (vdev_registers_access(&model->bank, access) != VDEV_OK && !access->write) {
        access->value = UINT64_MAX >> (64 - access->width * 8u);
    }
    history_add(&model->history, access);
    if (violation != VDEV_REGISTER_VIOLATION_NONE) {
        char message[VDEV_TESTING_MESSAGE];
        struct text text = text_begin(message, sizeof message);
        text_string(&text, "access ");
        text_decimal(&text, model->history.count - 1);
        text_string(&text, ", ");
        text_access(&text, table, access);
        text_string(&text, ": ");
        text_string(&text, vdev_register_violation_text(violation));
        fail(model, &text, message);
    }
    if (model->clock != NULL) {
        vdev_virtual_clock_advance(model->clock, model->clock->per_access);
    }
}

static uint64_t io_read(void *context, uint32_t offset, unsigned width)
{
    struct vdev_access access = {.offset = offset, .width = (uint8_t)width};
    pass(context, &access);
    return access.value;
}

static void io_write(void *context, uint32_t offset, unsigned width, uint64_t value)
{
    struct vdev_access access = {
        .offset = offset, .width = (uint8_t)width, .write = true, .value = value};
    pass(context, &access);
}

void vdev_model_init(struct vdev_model *model, const struct vdev_register_table *table,
                     uint32_t *values, void *device, struct vdev_virtual_clock *clock,
                     vdev_testing_fail_function *fail_function, void *context)
{
    static const struct vdev_io_operations operations = {.read = io_read, .write = io_write};

    *model = (struct vdev_model){
        .io = {.operations = &operations, .context = model},
        .clock = clock,
        .fail = fail_function,
        .context = context,
    };
    vdev_registers_init(&model->bank, table, values, device);
}

/* Where the named register's value is, and its field's mask; NULL, and a failure: there is none. */
static uint32_t *find(struct vdev_model *model, const char *name, const char *field, uint32_t *mask,
                      const char *file, unsigned line)
{
    const struct vdev_register_table *table = model->bank.table;
    const struct vdev_register *reg = vdev_registers_by_name(table, name);
    const struct vdev_register_field *found = NULL;

    if (reg != NULL && field != NULL) {
        found = vdev_registers_field(table, reg->offset, field);
    }
    if (reg == NULL || (field != NULL && found == NULL)) {
        char message[VDEV_TESTING_MESSAGE];
        struct text text = text_begin(message, sizeof message);
        text_place(&text, file, line);
        text_string(&text, ": wrong use of the model: ");
        text_string(&text, reg == NULL ? "the device has no register of this name: " : name);
        text_string(&text, reg == NULL ? name : " has no field of this name: ");
        text_string(&text, reg == NULL ? "" : field);
        fail(model, &text, message);
        return NULL;
    }
    *mask = found == NULL ? UINT32_MAX : found->mask;
    return &model->bank.values[reg - table->registers];
}

uint32_t vdev_model_get_at(struct vdev_model *model, const char *name, const char *field,
                           const char *file, unsigned line)
{
    uint32_t mask;
    const uint32_t *value = find(model, name, field, &mask, file, line);

    return value == NULL ? 0 : (*value & mask) / (mask & (0u - mask));
}

void vdev_model_set_at(struct vdev_model *model, const char *name, const char *field,
                       uint32_t value, const char *file, unsigned line)
{
    uint32_t mask;
    uint32_t *stored = find(model, name, field, &mask, file, line);

    if (stored != NULL) {
        *stored = (*stored & ~mask) | (value * (mask & (0u - mask)) & mask);
    }
}
