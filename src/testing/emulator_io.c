/* SPDX-License-Identifier: BSD-2-Clause */
/* An emulator's access function behind struct vdev_io. */
#include <vdev/status.h>
#include <vdev/testing/emulator_io.h>

#include "testing/text.h"

static void refuse(struct vdev_emulator_io *self, const struct vdev_access *access,
                   const char *reason)
{
    char message[160];

    self->refused++;
    if (self->configuration.fail == NULL) {
        return;
    }
    struct text text = text_begin(message, sizeof message);
    text_access(&text, self->configuration.table, access);
    text_string(&text, ": ");
    text_string(&text, reason);
    self->configuration.fail(self->configuration.context, message);
}

static void pass(struct vdev_emulator_io *self, struct vdev_access *access)
{
    const struct vdev_emulator_io_configuration *configuration = &self->configuration;

    if (configuration->table != NULL) {
        enum vdev_register_violation violation =
            vdev_registers_violation(configuration->table, access);
        if (violation != VDEV_REGISTER_VIOLATION_NONE) {
            refuse(self, access, vdev_register_violation_text(violation));
        }
    }
    int status = configuration->access(configuration->device, access);
    if (status != VDEV_OK) {
        refuse(self, access, vdev_status_name(status));
        access->value = UINT64_MAX >> (64 - access->width * 8u);
    }
    if (configuration->clock != NULL) {
        vdev_virtual_clock_advance(configuration->clock, configuration->clock->per_access);
    }
    if (configuration->after != NULL) {
        configuration->after(configuration->context);
    }
}

static uint64_t io_read(void *context, uint32_t offset, unsigned width)
{
    struct vdev_emulator_io *self = context;
    struct vdev_access access = {.offset = offset, .width = (uint8_t)width};

    self->reads++;
    pass(self, &access);
    return access.value;
}

static void io_write(void *context, uint32_t offset, unsigned width, uint64_t value)
{
    struct vdev_emulator_io *self = context;
    struct vdev_access access = {
        .offset = offset, .width = (uint8_t)width, .write = true, .value = value};

    self->writes++;
    pass(self, &access);
}

void vdev_emulator_io_init(struct vdev_emulator_io *emulator_io,
                           const struct vdev_emulator_io_configuration *configuration)
{
    static const struct vdev_io_operations operations = {.read = io_read, .write = io_write};

    emulator_io->io = (struct vdev_io){.operations = &operations, .context = emulator_io};
    emulator_io->configuration = *configuration;
    emulator_io->reads = 0;
    emulator_io->writes = 0;
    emulator_io->refused = 0;
}
