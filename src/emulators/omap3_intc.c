/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The OMAP3530 interrupt controller's emulator. Facts: what is public of the OMAP35x TRM,
 * ch. 10: register lists and QEMU's OMAP2 model.
 */
#include <vdev/emulators/omap3_intc.h>
#include <vdev/status.h>

#include "core/mem.h"
#include "emulators/omap3_registers.h"

#define BANKS  (VDEV_OMAP3_INTC_LINES / 32)
#define ILR0   0x100u
#define BANK0  0x080u
#define NOBODY 0xFFu /* no line is told */

#define SYSCONFIG_SOFTRESET 0x2u
#define CONTROL_NEWAGR(fiq) (1u << (fiq))
#define THRESHOLD_OFF       0xFFu
#define SPURIOUS_LINE       0xFFFFFF80u /* SIR_IRQ, SIR_FIQ */
#define SPURIOUS_PRIORITY   0xFFFFFFC0u /* IRQ_PRIORITY, FIQ_PRIORITY */
#define ILR_FIQ             0x1u
#define ILR_PRIORITY_SHIFT  2

static vdev_register_read_function read_active, read_active_priority, read_pending,
    read_line_control;
static vdev_register_write_function write_system, write_control, write_threshold, write_mask,
    write_mask_clear, write_mask_set, write_software_set, write_software_clear, write_line_control;

#define BANK(X, n)                                                                                 \
    X(ITR##n, BANK0 + 0x20 * n + 0x00, .name = "INTC_ITR" #n, OMAP3_READ_ONLY)                     \
    X(MIR##n, BANK0 + 0x20 * n + 0x04, .name = "INTC_MIR" #n, .writable = ~0u, .reset = ~0u,       \
      .write = write_mask)                                                                         \
    X(MIR_CLEAR##n, BANK0 + 0x20 * n + 0x08, .name = "INTC_MIR_CLEAR" #n, OMAP3_WRITE_ONLY,        \
      .write = write_mask_clear)                                                                   \
    X(MIR_SET##n, BANK0 + 0x20 * n + 0x0C, .name = "INTC_MIR_SET" #n, OMAP3_WRITE_ONLY,            \
      .write = write_mask_set)                                                                     \
    X(ISR_SET##n, BANK0 + 0x20 * n + 0x10, .name = "INTC_ISR_SET" #n, .write = write_software_set) \
    X(ISR_CLEAR##n, BANK0 + 0x20 * n + 0x14, .name = "INTC_ISR_CLEAR" #n, OMAP3_WRITE_ONLY,        \
      .write = write_software_clear)                                                               \
    X(PENDING_IRQ##n, BANK0 + 0x20 * n + 0x18, .name = "INTC_PENDING_IRQ" #n, OMAP3_READ_ONLY,     \
      .read = read_pending)                                                                        \
    X(PENDING_FIQ##n, BANK0 + 0x20 * n + 0x1C, .name = "INTC_PENDING_FIQ" #n, OMAP3_READ_ONLY,     \
      .read = read_pending)

#define REGISTERS(X)                                                                               \
    X(REVISION, 0x00, .name = "INTC_REVISION", .reset = 0x40, OMAP3_READ_ONLY)                     \
    X(SYSCONFIG, 0x10, .name = "INTC_SYSCONFIG", .writable = 0x1,                                  \
      .self_clearing = SYSCONFIG_SOFTRESET, .reserved = ~0x3u, .write = write_system)              \
    X(SYSSTATUS, 0x14, .name = "INTC_SYSSTATUS", .reset = 0x1, OMAP3_READ_ONLY)                    \
    X(SIR_IRQ, 0x40, .name = "INTC_SIR_IRQ", OMAP3_READ_ONLY, .read = read_active)                 \
    X(SIR_FIQ, 0x44, .name = "INTC_SIR_FIQ", OMAP3_READ_ONLY, .read = read_active)                 \
    X(CONTROL, 0x48, .name = "INTC_CONTROL", .self_clearing = 0x3, .reserved = ~0x3u,              \
      .write = write_control)                                                                      \
    X(PROTECTION, 0x4C, .name = "INTC_PROTECTION", .writable = 0x1, .reserved = ~0x1u)             \
    X(IDLE, 0x50, .name = "INTC_IDLE", .writable = 0x3, .reserved = ~0x3u)                         \
    X(IRQ_PRIORITY, 0x60, .name = "INTC_IRQ_PRIORITY", OMAP3_READ_ONLY,                            \
      .read = read_active_priority)                                                                \
    X(FIQ_PRIORITY, 0x64, .name = "INTC_FIQ_PRIORITY", OMAP3_READ_ONLY,                            \
      .read = read_active_priority)                                                                \
    X(THRESHOLD, 0x68, .name = "INTC_THRESHOLD", .writable = 0xFF, .reset = THRESHOLD_OFF,         \
      .reserved = ~0xFFu, .write = write_threshold)                                                \
    BANK(X, 0)                                                                                     \
    BANK(X, 1)                                                                                     \
    BANK(X, 2)                                                                                     \
    X(ILR, ILR0, .name = "INTC_ILR", .repeat = VDEV_OMAP3_INTC_LINES, .reserved = ~0xFDu,          \
      .read = read_line_control, .write = write_line_control)

enum register_number { REGISTERS(OMAP3_NUMBER) REGISTER_COUNT };
_Static_assert(REGISTER_COUNT == VDEV_OMAP3_INTC_REGISTER_COUNT, "the values' array holds them");
/* Of a register in each bank: its number in bank 0, and so many further on. */
#define BANK_REGISTERS (ITR1 - ITR0)
_Static_assert(ITR2 - ITR1 == BANK_REGISTERS && ILR - ITR2 == BANK_REGISTERS, "banks are alike");

#define ILR_1(n)  [ILR0 / 4 + (n)] = ILR + 1
#define ILR_4(n)  ILR_1(n), ILR_1(n + 1), ILR_1(n + 2), ILR_1(n + 3)
#define ILR_16(n) ILR_4(n), ILR_4(n + 4), ILR_4(n + 8), ILR_4(n + 12)

/* All but ILR's first word, which the others follow. */
static const uint8_t register_index[(ILR0 + 4 * VDEV_OMAP3_INTC_LINES) / 4] = {
    REGISTERS(OMAP3_INDEX) ILR_1(1),
    ILR_1(2),
    ILR_1(3),
    ILR_4(4),
    ILR_4(8),
    ILR_4(12),
    ILR_16(16),
    ILR_16(32),
    ILR_16(48),
    ILR_16(64),
    ILR_16(80),
};
static const struct vdev_register registers[] = {REGISTERS(OMAP3_REGISTER_32)};

const struct vdev_register_table vdev_omap3_intc_registers = {
    .registers = registers,
    .count = REGISTER_COUNT,
    .index = register_index,
    .words = sizeof register_index,
    .fields = vdev_omap3_intc_fields,
};

static unsigned bank_of(uint32_t offset)
{
    return (offset - BANK0) / 0x20;
}

static uint32_t *bank_value(struct vdev_omap3_intc_emulator *self, enum register_number number,
                            unsigned bank)
{
    return &self->values[number + bank * BANK_REGISTERS];
}

/* Raised by a device or by software, unmasked, and routed to IRQ (0) or FIQ (1). */
static uint32_t pending(const struct vdev_omap3_intc_emulator *self, unsigned bank, unsigned fiq)
{
    const uint32_t *values = &self->values[bank * BANK_REGISTERS];
    uint32_t routed = self->fiq_routed[bank];

    return (values[ITR0] | values[ISR_SET0]) & ~values[MIR0] & (fiq != 0 ? routed : ~routed);
}

/*
 * The line to be told next: the most urgent below the threshold; of equals the one with the highest
 * number, as the hardware's sorter has it.
 */
static uint8_t sort(const struct vdev_omap3_intc_emulator *self, unsigned fiq)
{
    uint32_t least = self->values[THRESHOLD] == THRESHOLD_OFF ? 64 : self->values[THRESHOLD];
    uint8_t found = NOBODY;

    for (unsigned bank = BANKS; bank-- != 0;) {
        uint32_t left = pending(self, bank, fiq);
        while (left != 0) {
            unsigned bit = 31 - (unsigned)__builtin_clz(left);
            left &= ~(1u << bit);
            if (self->priority[bank * 32 + bit] < least) {
                found = (uint8_t)(bank * 32 + bit);
                least = self->priority[found];
            }
        }
    }
    return found;
}

/* Whoever is told stays so until the agreement (NEWIRQAGR); then the next one is. */
static void refresh(struct vdev_omap3_intc_emulator *self)
{
    for (unsigned fiq = 0; fiq < 2; fiq++) {
        if (self->active[fiq] == NOBODY) {
            self->active[fiq] = sort(self, fiq);
        }
        if (self->output[fiq] != NULL) {
            vdev_interrupt_set(self->output[fiq], self->active[fiq] != NOBODY);
        }
    }
}

/* Is what was told the processor no longer so? */
static bool spurious(const struct vdev_omap3_intc_emulator *self, unsigned fiq)
{
    uint8_t line = self->active[fiq];

    return line == NOBODY || (pending(self, line / 32, fiq) >> line % 32 & 1) == 0;
}

static uint32_t read_active(void *device, uint32_t offset)
{
    const struct vdev_omap3_intc_emulator *self = device;
    unsigned fiq = offset == registers[SIR_FIQ].offset;
    uint32_t line = self->active[fiq] == NOBODY ? 0 : self->active[fiq];

    return line | (spurious(self, fiq) ? SPURIOUS_LINE : 0);
}

static uint32_t read_active_priority(void *device, uint32_t offset)
{
    const struct vdev_omap3_intc_emulator *self = device;
    unsigned fiq = offset == registers[FIQ_PRIORITY].offset;
    uint32_t priority = self->active[fiq] == NOBODY ? 0 : self->priority[self->active[fiq]];

    return priority | (spurious(self, fiq) ? SPURIOUS_PRIORITY : 0);
}

static uint32_t read_pending(void *device, uint32_t offset)
{
    /* PENDING_IRQ and PENDING_FIQ are the last two words of a bank. */
    return pending(device, bank_of(offset), offset / 4 % 2);
}

static void write_system(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    if ((value & SYSCONFIG_SOFTRESET) != 0) {
        vdev_omap3_intc_emulator_reset(device);
    }
}

static void write_control(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_intc_emulator *self = device;

    (void)offset;
    for (unsigned fiq = 0; fiq < 2; fiq++) {
        if ((value & CONTROL_NEWAGR(fiq)) != 0) {
            self->active[fiq] = NOBODY;
        }
    }
    refresh(self);
}

static void write_threshold(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    (void)value;
    refresh(device);
}

static void write_mask(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    (void)value;
    refresh(device);
}

static void write_mask_clear(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_intc_emulator *self = device;

    *bank_value(self, MIR0, bank_of(offset)) &= ~value;
    refresh(self);
}

static void write_mask_set(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_intc_emulator *self = device;

    *bank_value(self, MIR0, bank_of(offset)) |= value;
}

static void write_software_set(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_intc_emulator *self = device;

    *bank_value(self, ISR_SET0, bank_of(offset)) |= value;
    refresh(self);
}

static void write_software_clear(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_intc_emulator *self = device;

    *bank_value(self, ISR_SET0, bank_of(offset)) &= ~value;
}

static uint32_t read_line_control(void *device, uint32_t offset)
{
    const struct vdev_omap3_intc_emulator *self = device;
    uint32_t line = (offset - ILR0) / 4;

    return (uint32_t)self->priority[line] << ILR_PRIORITY_SHIFT |
           (self->fiq_routed[line / 32] >> line % 32 & ILR_FIQ);
}

static void write_line_control(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_intc_emulator *self = device;
    uint32_t line = (offset - ILR0) / 4;
    uint32_t bit = 1u << line % 32;

    self->priority[line] = (uint8_t)(value >> ILR_PRIORITY_SHIFT & 0x3F);
    self->fiq_routed[line / 32] &= ~bit;
    self->fiq_routed[line / 32] |= (value & ILR_FIQ) != 0 ? bit : 0;
    refresh(self);
}

void vdev_omap3_intc_emulator_reset(struct vdev_omap3_intc_emulator *emulator)
{
    uint32_t inputs[BANKS];

    for (unsigned bank = 0; bank < BANKS; bank++) {
        inputs[bank] = *bank_value(emulator, ITR0, bank);
    }
    vdev_registers_reset(&emulator->bank);
    for (unsigned bank = 0; bank < BANKS; bank++) {
        *bank_value(emulator, ITR0, bank) = inputs[bank];
    }
    memset(emulator->priority, 0, sizeof emulator->priority);
    memset(emulator->fiq_routed, 0, sizeof emulator->fiq_routed);
    emulator->active[0] = NOBODY;
    emulator->active[1] = NOBODY;
    refresh(emulator);
}

void vdev_omap3_intc_emulator_init(
    struct vdev_omap3_intc_emulator *emulator,
    const struct vdev_omap3_intc_emulator_configuration *configuration)
{
    memset(emulator, 0, sizeof *emulator);
    emulator->output[0] = configuration->irq;
    emulator->output[1] = configuration->fiq;
    vdev_registers_init(&emulator->bank, &vdev_omap3_intc_registers, emulator->values, emulator);
    vdev_omap3_intc_emulator_reset(emulator);
}

int vdev_omap3_intc_emulator_access(void *emulator, struct vdev_access *access)
{
    return vdev_registers_access(&((struct vdev_omap3_intc_emulator *)emulator)->bank, access);
}

void vdev_omap3_intc_emulator_set_line(void *emulator, uint32_t line, bool level)
{
    struct vdev_omap3_intc_emulator *self = emulator;

    if (line >= VDEV_OMAP3_INTC_LINES) {
        return;
    }
    uint32_t *inputs = bank_value(self, ITR0, line / 32);
    uint32_t bit = 1u << line % 32;
    if (level) {
        *inputs |= bit;
        refresh(self);
    } else {
        *inputs &= ~bit;
    }
}
