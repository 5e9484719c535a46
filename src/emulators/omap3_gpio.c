/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The emulator of one of the OMAP3530's GPIO modules. Facts: what is public of the
 * OMAP35x TRM, ch. 24: register lists and QEMU's OMAP2 model.
 */
#include <vdev/emulators/omap3_gpio.h>
#include <vdev/status.h>

#include "core/mem.h"
#include "emulators/omap3_registers.h"

#define SYSCONFIG_SOFTRESET 0x2u

static vdev_register_read_function read_alias;
static vdev_register_write_function write_system, write_state, write_alias;

#define REGISTERS(X)                                                                               \
    X(REVISION, 0x00, .name = "GPIO_REVISION", .reset = 0x25, OMAP3_READ_ONLY)                     \
    X(SYSCONFIG, 0x10, .name = "GPIO_SYSCONFIG", .writable = 0x1D,                                 \
      .self_clearing = SYSCONFIG_SOFTRESET, .reserved = ~0x1Fu, .write = write_system)             \
    X(SYSSTATUS, 0x14, .name = "GPIO_SYSSTATUS", .reset = 0x1, OMAP3_READ_ONLY)                    \
    X(IRQSTATUS1, 0x18, .name = "GPIO_IRQSTATUS1", .write_one_to_clear = ~0u,                      \
      .write = write_state)                                                                        \
    X(IRQENABLE1, 0x1C, .name = "GPIO_IRQENABLE1", .writable = ~0u, .write = write_state)          \
    X(WAKEUPENABLE, 0x20, .name = "GPIO_WAKEUPENABLE", .writable = ~0u)                            \
    X(IRQSTATUS2, 0x28, .name = "GPIO_IRQSTATUS2", .write_one_to_clear = ~0u,                      \
      .write = write_state)                                                                        \
    X(IRQENABLE2, 0x2C, .name = "GPIO_IRQENABLE2", .writable = ~0u, .write = write_state)          \
    X(CTRL, 0x30, .name = "GPIO_CTRL", .writable = 0x7, .reset = 0x2, .reserved = ~0x7u)           \
    X(OE, 0x34, .name = "GPIO_OE", .writable = ~0u, .reset = ~0u, .write = write_state)            \
    X(DATAIN, 0x38, .name = "GPIO_DATAIN", OMAP3_READ_ONLY)                                        \
    X(DATAOUT, 0x3C, .name = "GPIO_DATAOUT", .writable = ~0u, .write = write_state)                \
    X(LEVELDETECT0, 0x40, .name = "GPIO_LEVELDETECT0", .writable = ~0u, .write = write_state)      \
    X(LEVELDETECT1, 0x44, .name = "GPIO_LEVELDETECT1", .writable = ~0u, .write = write_state)      \
    X(RISINGDETECT, 0x48, .name = "GPIO_RISINGDETECT", .writable = ~0u)                            \
    X(FALLINGDETECT, 0x4C, .name = "GPIO_FALLINGDETECT", .writable = ~0u)                          \
    X(DEBOUNCENABLE, 0x50, .name = "GPIO_DEBOUNCENABLE", .writable = ~0u)                          \
    X(DEBOUNCINGTIME, 0x54, .name = "GPIO_DEBOUNCINGTIME", .writable = 0xFF, .reserved = ~0xFFu)   \
    X(CLEARIRQENABLE1, 0x60, .name = "GPIO_CLEARIRQENABLE1", .read = read_alias,                   \
      .write = write_alias)                                                                        \
    X(SETIRQENABLE1, 0x64, .name = "GPIO_SETIRQENABLE1", .read = read_alias, .write = write_alias) \
    X(CLEARIRQENABLE2, 0x70, .name = "GPIO_CLEARIRQENABLE2", .read = read_alias,                   \
      .write = write_alias)                                                                        \
    X(SETIRQENABLE2, 0x74, .name = "GPIO_SETIRQENABLE2", .read = read_alias, .write = write_alias) \
    X(CLEARWKUENA, 0x80, .name = "GPIO_CLEARWKUENA", .read = read_alias, .write = write_alias)     \
    X(SETWKUENA, 0x84, .name = "GPIO_SETWKUENA", .read = read_alias, .write = write_alias)         \
    X(CLEARDATAOUT, 0x90, .name = "GPIO_CLEARDATAOUT", .read = read_alias, .write = write_alias)   \
    X(SETDATAOUT, 0x94, .name = "GPIO_SETDATAOUT", .read = read_alias, .write = write_alias)

enum register_number { REGISTERS(OMAP3_NUMBER) REGISTER_COUNT };
_Static_assert(REGISTER_COUNT == VDEV_OMAP3_GPIO_REGISTER_COUNT, "the values' array holds them");

static const uint8_t register_index[0x98 / 4] = {REGISTERS(OMAP3_INDEX)};
static const struct vdev_register registers[] = {REGISTERS(OMAP3_REGISTER_ANY)};

const struct vdev_register_table vdev_omap3_gpio_registers = {
    .registers = registers,
    .count = REGISTER_COUNT,
    .index = register_index,
    .words = sizeof register_index,
    .fields = vdev_omap3_gpio_fields,
};

static void set_lines(struct vdev_omap3_gpio_emulator *self)
{
    const uint32_t *values = self->values;

    if (self->interrupt[0] != NULL) {
        vdev_interrupt_set(self->interrupt[0], (values[IRQSTATUS1] & values[IRQENABLE1]) != 0);
    }
    if (self->interrupt[1] != NULL) {
        vdev_interrupt_set(self->interrupt[1], (values[IRQSTATUS2] & values[IRQENABLE2]) != 0);
    }
}

/*
 * The pins as they stand now: an output's is what it drives. Edges are told of inputs that were
 * inputs before; levels again and again, as long as they last.
 */
static void refresh(struct vdev_omap3_gpio_emulator *self)
{
    uint32_t *values = self->values;
    uint32_t is_input = values[OE];
    uint32_t pins = (self->inputs & is_input) | (values[DATAOUT] & ~is_input);
    uint32_t changed = pins ^ values[DATAIN];
    uint32_t events = changed & ((pins & values[RISINGDETECT]) | (~pins & values[FALLINGDETECT]));

    values[DATAIN] = pins;
    events =
        (events & ~self->driven) | (pins & values[LEVELDETECT1]) | (~pins & values[LEVELDETECT0]);
    values[IRQSTATUS1] |= events & is_input;
    values[IRQSTATUS2] |= events & is_input;
    set_lines(self);

    uint32_t driven = ~is_input;
    uint32_t levels = values[DATAOUT] & driven;
    if (driven != self->driven || levels != self->levels) {
        self->driven = driven;
        self->levels = levels;
        if (self->output != NULL) {
            self->output(self->owner, driven, levels);
        }
    }
}

/* The register that a clear or set register is another way to. */
static uint32_t *alias(struct vdev_omap3_gpio_emulator *self, uint32_t offset)
{
    switch (offset >> 4) {
    case 6:
        return &self->values[IRQENABLE1];
    case 7:
        return &self->values[IRQENABLE2];
    case 8:
        return &self->values[WAKEUPENABLE];
    default:
        return &self->values[DATAOUT];
    }
}

static uint32_t read_alias(void *device, uint32_t offset)
{
    return *alias(device, offset);
}

static void write_alias(void *device, uint32_t offset, uint32_t value)
{
    uint32_t *stored = alias(device, offset);

    if ((offset & 4) != 0) {
        *stored |= value;
    } else {
        *stored &= ~value;
    }
    refresh(device);
}

static void write_state(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    (void)value;
    refresh(device);
}

static void write_system(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    if ((value & SYSCONFIG_SOFTRESET) != 0) {
        vdev_omap3_gpio_emulator_reset(device);
    }
}

void vdev_omap3_gpio_emulator_reset(struct vdev_omap3_gpio_emulator *emulator)
{
    vdev_registers_reset(&emulator->bank);
    emulator->values[DATAIN] = emulator->inputs; /* that is no edge */
    refresh(emulator);
}

void vdev_omap3_gpio_emulator_init(
    struct vdev_omap3_gpio_emulator *emulator,
    const struct vdev_omap3_gpio_emulator_configuration *configuration)
{
    memset(emulator, 0, sizeof *emulator);
    emulator->interrupt[0] = configuration->interrupt[0];
    emulator->interrupt[1] = configuration->interrupt[1];
    emulator->output = configuration->output;
    emulator->owner = configuration->owner;
    emulator->inputs = configuration->inputs;
    vdev_registers_init(&emulator->bank, &vdev_omap3_gpio_registers, emulator->values, emulator);
    vdev_omap3_gpio_emulator_reset(emulator);
}

int vdev_omap3_gpio_emulator_access(void *emulator, struct vdev_access *access)
{
    return vdev_registers_access(&((struct vdev_omap3_gpio_emulator *)emulator)->bank, access);
}

void vdev_omap3_gpio_emulator_set_input(void *emulator, uint32_t pin, bool level)
{
    struct vdev_omap3_gpio_emulator *self = emulator;

    if (pin >= VDEV_OMAP3_GPIO_PINS) {
        return;
    }
    self->inputs = (self->inputs & ~(1u << pin)) | (uint32_t)level << pin;
    refresh(self);
}
