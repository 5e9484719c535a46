/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The emulator of the OMAP3530's general-purpose timers. TCRR holds the count as of the functional
 * clock's tick `since`; every look brings both up to date. Facts: what is public of the OMAP35x TRM,
 * ch. 16: register lists and QEMU's OMAP2 model.
 */
#include <vdev/status.h>

#include "core/mem.h"
#include "emulators/omap3_registers.h"
#include "emulators/omap3_ticks.h"

#define CONFIG_SOFTRESET 0x002u

#define INTERRUPT_MATCH    0x1u
#define INTERRUPT_OVERFLOW 0x2u
#define INTERRUPT_ALL      0x7u

#define TCLR_ST        0x0001u
#define TCLR_AR        0x0002u
#define TCLR_PTV_SHIFT 2
#define TCLR_PRE       0x0020u
#define TCLR_CE        0x0040u
#define TCLR_BITS      0x7FFFu

#define TSICR_SFT    0x2u
#define TSICR_POSTED 0x4u

#define POSTED_CYCLES 3u /* of the functional clock, until a posted write is done */
#define HERTZ_LEAST   1000u
#define HERTZ_MOST    999999999u

static vdev_register_read_function read_counter, read_trigger, read_pending;
static vdev_register_write_function write_system, write_status, write_enable, write_control,
    write_counter, write_load, write_trigger, write_match, write_interface, write_stored;

/* Writes that TWPS tells of have a function, which notes them. */
#define COMMON(X)                                                                                  \
    X(TIDR, 0x00, .name = "TIDR", .reset = 0x13, OMAP3_READ_ONLY)                                  \
    X(TIOCP_CFG, 0x10, .name = "TIOCP_CFG", .writable = 0x33D, .self_clearing = CONFIG_SOFTRESET,  \
      .reserved = ~0x33Fu, .write = write_system)                                                  \
    X(TISTAT, 0x14, .name = "TISTAT", .reset = 0x1, OMAP3_READ_ONLY)                               \
    X(TISR, 0x18, .name = "TISR", .write_one_to_clear = INTERRUPT_ALL, .reserved = ~INTERRUPT_ALL, \
      .write = write_status)                                                                       \
    X(TIER, 0x1C, .name = "TIER", .writable = INTERRUPT_ALL, .reserved = ~INTERRUPT_ALL,           \
      .write = write_enable)                                                                       \
    X(TWER, 0x20, .name = "TWER", .writable = INTERRUPT_ALL, .reserved = ~INTERRUPT_ALL)           \
    X(TCLR, 0x24, .name = "TCLR", .reserved = ~TCLR_BITS, .write = write_control)                  \
    X(TCRR, 0x28, .name = "TCRR", .read = read_counter, .write = write_counter)                    \
    X(TLDR, 0x2C, .name = "TLDR", .writable = ~0u, .write = write_load)                            \
    X(TTGR, 0x30, .name = "TTGR", .read = read_trigger, .write = write_trigger)                    \
    X(TWPS, 0x34, .name = "TWPS", OMAP3_READ_ONLY, .read = read_pending)                           \
    X(TMAR, 0x38, .name = "TMAR", .writable = ~0u, .write = write_match)                           \
    X(TCAR1, 0x3C, .name = "TCAR1", OMAP3_READ_ONLY)                                               \
    X(TSICR, 0x40, .name = "TSICR", .writable = TSICR_POSTED, .self_clearing = TSICR_SFT,          \
      .reset = TSICR_POSTED, .reserved = ~0x6u, .write = write_interface)                          \
    X(TCAR2, 0x44, .name = "TCAR2", OMAP3_READ_ONLY)
#define MILLISECOND(X)                                                                             \
    X(TPIR, 0x48, .name = "TPIR", .writable = ~0u, .write = write_stored)                          \
    X(TNIR, 0x4C, .name = "TNIR", .writable = ~0u, .write = write_stored)                          \
    X(TCVR, 0x50, .name = "TCVR", .writable = ~0u, .write = write_stored)                          \
    X(TOCR, 0x54, .name = "TOCR", .writable = 0xFFFFFF, .reserved = 0xFF000000,                    \
      .write = write_stored)                                                                       \
    X(TOWR, 0x58, .name = "TOWR", .writable = 0xFFFFFF, .reserved = 0xFF000000,                    \
      .write = write_stored)

enum register_number { COMMON(OMAP3_NUMBER) COMMON_COUNT };
enum { BEFORE_MILLISECOND = COMMON_COUNT - 1, MILLISECOND(OMAP3_NUMBER) REGISTER_COUNT };
_Static_assert(REGISTER_COUNT == VDEV_OMAP3_GPTIMER_REGISTER_COUNT, "the values' array holds them");

/* One list of registers; the index is what differs. */
static const uint8_t register_index[0x48 / 4] = {COMMON(OMAP3_INDEX)};
static const uint8_t millisecond_index[0x5C / 4] = {COMMON(OMAP3_INDEX) MILLISECOND(OMAP3_INDEX)};
static const struct vdev_register registers[] = {COMMON(OMAP3_REGISTER_32)
                                                     MILLISECOND(OMAP3_REGISTER_32)};

const struct vdev_register_table vdev_omap3_gptimer_registers = {
    .registers = registers,
    .count = COMMON_COUNT,
    .index = register_index,
    .words = sizeof register_index,
    .fields = vdev_omap3_gptimer_fields,
};

const struct vdev_register_table vdev_omap3_gptimer_millisecond_registers = {
    .registers = registers,
    .count = REGISTER_COUNT,
    .index = millisecond_index,
    .words = sizeof millisecond_index,
    .fields = vdev_omap3_gptimer_fields,
};

static bool runs(const struct vdev_omap3_gptimer_emulator *self)
{
    return (self->values[TCLR] & TCLR_ST) != 0;
}

/* Functional clock cycles to a count, as a shift: 2^(PTV + 1) with the prescaler, else 1. */
static unsigned prescaler(const struct vdev_omap3_gptimer_emulator *self)
{
    uint32_t control = self->values[TCLR];

    return (control & TCLR_PRE) != 0 ? (control >> TCLR_PTV_SHIFT & 7) + 1 : 0;
}

/* Does the count reach the match value on the `steps` counts after `from`, without an overflow? */
static bool matches(const struct vdev_omap3_gptimer_emulator *self, uint32_t from, uint64_t steps)
{
    uint32_t match = self->values[TMAR];

    return (self->values[TCLR] & TCLR_CE) != 0 && match > from && match - from <= steps;
}

/* Count up to now. */
static void look(struct vdev_omap3_gptimer_emulator *self)
{
    uint32_t *values = self->values;
    uint64_t now = vdev_omap3_ticks_now(&self->ticks);
    unsigned shift = prescaler(self);

    if (!runs(self)) {
        self->since = now;
        return;
    }
    uint64_t steps = (now - self->since) >> shift;
    self->since += steps << shift;
    uint64_t to_overflow = ((uint64_t)1 << 32) - values[TCRR];
    if (steps < to_overflow) {
        if (matches(self, values[TCRR], steps)) {
            values[TISR] |= INTERRUPT_MATCH;
        }
        values[TCRR] += (uint32_t)steps;
        return;
    }
    values[TISR] |= INTERRUPT_OVERFLOW;
    if (matches(self, values[TCRR], to_overflow - 1)) {
        values[TISR] |= INTERRUPT_MATCH;
    }
    if ((values[TCLR] & TCLR_AR) == 0) {
        values[TCRR] = 0;
        values[TCLR] &= ~TCLR_ST;
        self->since = now;
        return;
    }
    steps -= to_overflow;
    uint64_t period = ((uint64_t)1 << 32) - values[TLDR];
    if (steps >= period) {
        /* Nobody looked for more than a period: it went all the way round. */
        if ((values[TCLR] & TCLR_CE) != 0 && values[TMAR] >= values[TLDR]) {
            values[TISR] |= INTERRUPT_MATCH;
        }
        steps = steps - period < period ? steps - period : steps % period;
    }
    if ((values[TCLR] & TCLR_CE) != 0 && values[TMAR] >= values[TLDR] &&
        values[TMAR] - values[TLDR] <= steps) {
        values[TISR] |= INTERRUPT_MATCH;
    }
    values[TCRR] = values[TLDR] + (uint32_t)steps;
}

/* When something will happen, by the caller's clock, if the timer has counted up to now. */
static uint64_t next(const struct vdev_omap3_gptimer_emulator *self)
{
    const uint32_t *values = self->values;
    uint64_t steps = ((uint64_t)1 << 32) - values[TCRR];

    if (!runs(self)) {
        return VDEV_OMAP3_GPTIMER_NEVER;
    }
    if (matches(self, values[TCRR], steps)) {
        steps = values[TMAR] - values[TCRR];
    }
    return vdev_omap3_ticks_deadline(&self->ticks, self->since + (steps << prescaler(self)));
}

static void set_line(struct vdev_omap3_gptimer_emulator *self)
{
    if (self->interrupt != NULL) {
        vdev_interrupt_set(self->interrupt, (self->values[TISR] & self->values[TIER]) != 0);
    }
}

/* After an access that may have changed when something happens. */
static void rearm(struct vdev_omap3_gptimer_emulator *self)
{
    set_line(self);
    uint64_t deadline = next(self);
    bool changed = deadline != self->deadline;
    self->deadline = deadline;
    if (changed && self->rearm != NULL) {
        self->rearm(self->owner, deadline);
    }
}

/* Note a write that takes its time in posted mode, and bring the count up to date before it. */
static void post(struct vdev_omap3_gptimer_emulator *self, uint32_t offset)
{
    /* TWPS bits by register: TCLR, TCRR, TLDR, TTGR, (TWPS), TMAR; then TPIR to TOWR. */
    uint32_t bit = offset >= 0x48   ? 1u << ((offset - 0x48) / 4 + 5)
                   : offset == 0x38 ? 1u << 4
                                    : 1u << (offset - 0x24) / 4;

    if ((self->values[TSICR] & TSICR_POSTED) == 0) {
        return;
    }
    uint64_t now = vdev_omap3_ticks_now(&self->ticks);
    self->pending = (now < self->posted ? self->pending : 0) | bit;
    self->posted = now + POSTED_CYCLES;
}

static uint32_t read_counter(void *device, uint32_t offset)
{
    struct vdev_omap3_gptimer_emulator *self = device;

    (void)offset;
    look(self);
    set_line(self);
    return self->values[TCRR];
}

static uint32_t read_trigger(void *device, uint32_t offset)
{
    (void)device;
    (void)offset;
    return ~0u;
}

static uint32_t read_pending(void *device, uint32_t offset)
{
    const struct vdev_omap3_gptimer_emulator *self = device;

    (void)offset;
    return vdev_omap3_ticks_now(&self->ticks) < self->posted ? self->pending : 0;
}

/* The stored bits are cleared already; what has happened since the last look stays. */
static void write_status(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    (void)value;
    rearm(device);
}

static void write_enable(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    (void)value;
    rearm(device);
}

static void write_control(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_gptimer_emulator *self = device;

    post(self, offset);
    unsigned before = prescaler(self);
    self->values[TCLR] = value & TCLR_BITS;
    if (prescaler(self) != before) {
        self->since =
            vdev_omap3_ticks_now(&self->ticks); /* cycles of the old count are no counts */
    }
    rearm(self);
}

/* A write to the counter, or a reload, clears the prescaler's count, too. */
static void set_counter(struct vdev_omap3_gptimer_emulator *self, uint32_t value)
{
    self->values[TCRR] = value;
    self->since = vdev_omap3_ticks_now(&self->ticks);
    rearm(self);
}

static void write_counter(void *device, uint32_t offset, uint32_t value)
{
    post(device, offset);
    set_counter(device, value);
}

static void write_load(void *device, uint32_t offset, uint32_t value)
{
    (void)value;
    post(device, offset);
}

static void write_trigger(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_gptimer_emulator *self = device;

    (void)value;
    post(self, offset);
    set_counter(self, self->values[TLDR]);
}

static void write_match(void *device, uint32_t offset, uint32_t value)
{
    (void)value;
    post(device, offset);
    rearm(device);
}

static void write_stored(void *device, uint32_t offset, uint32_t value)
{
    (void)value;
    post(device, offset);
}

static void write_system(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    if ((value & CONFIG_SOFTRESET) != 0) {
        vdev_omap3_gptimer_emulator_reset(device);
    }
}

/* SFT resets the functional part alone: neither TIOCP_CFG nor TSICR itself. */
static void write_interface(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_gptimer_emulator *self = device;

    (void)offset;
    if ((value & TSICR_SFT) != 0) {
        uint32_t config = self->values[TIOCP_CFG];
        uint32_t interface = self->values[TSICR];
        vdev_omap3_gptimer_emulator_reset(self);
        self->values[TIOCP_CFG] = config;
        self->values[TSICR] = interface;
    }
}

void vdev_omap3_gptimer_emulator_reset(struct vdev_omap3_gptimer_emulator *emulator)
{
    vdev_registers_reset(&emulator->bank);
    emulator->since = vdev_omap3_ticks_now(&emulator->ticks);
    emulator->pending = 0;
    emulator->posted = 0;
    emulator->low = 0;
    emulator->high = 0;
    rearm(emulator);
}

int vdev_omap3_gptimer_emulator_init(
    struct vdev_omap3_gptimer_emulator *emulator,
    const struct vdev_omap3_gptimer_emulator_configuration *configuration)
{
    if (configuration->clock == NULL || configuration->hertz < HERTZ_LEAST ||
        configuration->hertz > HERTZ_MOST) {
        return VDEV_ERROR_INVALID;
    }
    memset(emulator, 0, sizeof *emulator);
    emulator->interrupt = configuration->interrupt;
    emulator->rearm = configuration->rearm;
    emulator->owner = configuration->owner;
    emulator->deadline = VDEV_OMAP3_GPTIMER_NEVER;
    vdev_omap3_ticks_init(&emulator->ticks, configuration->clock, configuration->hertz);
    vdev_registers_init(&emulator->bank,
                        configuration->millisecond ? &vdev_omap3_gptimer_millisecond_registers
                                                   : &vdev_omap3_gptimer_registers,
                        emulator->values, emulator);
    vdev_omap3_gptimer_emulator_reset(emulator);
    return VDEV_OK;
}

int vdev_omap3_gptimer_emulator_set_hertz(struct vdev_omap3_gptimer_emulator *emulator,
                                          uint32_t hertz)
{
    if (hertz < HERTZ_LEAST || hertz > HERTZ_MOST) {
        return VDEV_ERROR_INVALID;
    }
    look(emulator);
    vdev_omap3_ticks_init(&emulator->ticks, emulator->ticks.clock, hertz);
    emulator->since = 0;
    emulator->posted = 0;
    rearm(emulator);
    return VDEV_OK;
}

/* Half a register: a write waits for its high half; a read keeps its high half for later. */
static int access_half(struct vdev_omap3_gptimer_emulator *self, struct vdev_access *access)
{
    struct vdev_access whole = {.offset = access->offset & ~2u, .width = 4, .write = access->write};
    bool high = (access->offset & 2) != 0;

    if (vdev_registers_find(self->bank.table, whole.offset) == NULL) {
        return VDEV_ERROR_RANGE;
    }
    if (access->write) {
        if (!high) {
            self->low = (uint16_t)access->value;
            return VDEV_OK;
        }
        whole.value = (access->value & 0xFFFF) << 16 | self->low;
        return vdev_omap3_gptimer_emulator_access(self, &whole);
    }
    if (!high) {
        vdev_omap3_gptimer_emulator_access(self, &whole);
        self->high = (uint16_t)(whole.value >> 16);
    }
    access->value = high ? self->high : whole.value & 0xFFFF;
    return VDEV_OK;
}

int vdev_omap3_gptimer_emulator_access(void *emulator, struct vdev_access *access)
{
    struct vdev_omap3_gptimer_emulator *self = emulator;

    if (access->width == 2 && (access->offset & 1) == 0) {
        return access_half(self, access);
    }
    /* What is about to change, or to be told, has to be up to date. */
    if (access->write || access->offset == registers[TISR].offset ||
        access->offset == registers[TCLR].offset) {
        look(self);
        set_line(self);
    }
    return vdev_registers_access(&self->bank, access);
}

uint64_t vdev_omap3_gptimer_emulator_poll(struct vdev_omap3_gptimer_emulator *emulator)
{
    look(emulator);
    set_line(emulator);
    emulator->deadline = next(emulator);
    return emulator->deadline;
}
