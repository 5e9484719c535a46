/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The OMAP3530's 32 kHz synchronised counter, and how it and the timers turn the caller's clock
 * into ticks. Facts: what is public of the OMAP35x TRM, ch. 16.
 */
#include <vdev/status.h>

#include "emulators/omap3_registers.h"
#include "emulators/omap3_ticks.h"

#define GIGA 1000000000u

/* The upper half of a product of 64 bits by 64, and with it bits 95 to 32. */
static void multiply(uint64_t a, uint64_t b, uint64_t *high, uint64_t *middle)
{
    uint32_t a0 = (uint32_t)a, a1 = (uint32_t)(a >> 32);
    uint32_t b0 = (uint32_t)b, b1 = (uint32_t)(b >> 32);
    uint64_t low = (uint64_t)a0 * b0;
    uint64_t cross = (uint64_t)a1 * b0 + (low >> 32); /* (2^32-1)^2 + 2^32-1 fits */
    uint64_t other = (uint64_t)a0 * b1 + (uint32_t)cross;

    *high = (uint64_t)a1 * b1 + (cross >> 32) + (other >> 32);
    *middle = *high << 32 | (uint32_t)other;
}

void vdev_omap3_ticks_init(struct vdev_omap3_ticks *ticks, const struct vdev_clock *clock,
                           uint32_t hertz)
{
    uint64_t numerator = (uint64_t)hertz << 32;

    ticks->clock = clock;
    ticks->start = vdev_clock_now(clock);
    /* hertz * 2^64 / 10^9, rounded up so that a whole second is not one tick short. */
    ticks->fraction = (numerator / GIGA << 32) + (numerator % GIGA << 32) / GIGA + 1;
    ticks->nanoseconds = ((uint64_t)GIGA << 32) / hertz + 1;
}

uint64_t vdev_omap3_ticks_now(const struct vdev_omap3_ticks *ticks)
{
    uint64_t count, unused;

    multiply(vdev_clock_now(ticks->clock) - ticks->start, ticks->fraction, &count, &unused);
    return count;
}

uint64_t vdev_omap3_ticks_deadline(const struct vdev_omap3_ticks *ticks, uint64_t count)
{
    uint64_t unused, nanoseconds;

    multiply(count, ticks->nanoseconds, &unused, &nanoseconds);
    return ticks->start + nanoseconds + 1;
}

static vdev_register_read_function read_counter;

#define REGISTERS(X)                                                                               \
    X(REVISION, 0x00, .name = "REG_32KSYNCNT_REV", .reset = 0x10, OMAP3_READ_ONLY)                 \
    X(SYSCONFIG, 0x04, .name = "REG_32KSYNCNT_SYSCONFIG", .writable = 0x18, .reserved = ~0x18u)    \
    X(COUNTER, 0x10, .name = "REG_32KSYNCNT_CR", OMAP3_READ_ONLY, .read = read_counter)

#define REGISTER(id, offset_, ...)                                                                 \
    [id] = {.offset = (offset_), .widths = VDEV_REGISTER_16 | VDEV_REGISTER_32, __VA_ARGS__},

enum register_number { REGISTERS(OMAP3_NUMBER) REGISTER_COUNT };
_Static_assert(REGISTER_COUNT == VDEV_OMAP3_COUNTER_32K_REGISTER_COUNT, "the values hold them");

static const uint8_t register_index[0x14 / 4] = {REGISTERS(OMAP3_INDEX)};
static const struct vdev_register registers[] = {REGISTERS(REGISTER)};

const struct vdev_register_table vdev_omap3_counter_32k_registers = {
    .registers = registers,
    .count = REGISTER_COUNT,
    .index = register_index,
    .words = sizeof register_index,
};

static uint32_t read_counter(void *device, uint32_t offset)
{
    const struct vdev_omap3_counter_32k_emulator *self = device;

    (void)offset;
    return (uint32_t)vdev_omap3_ticks_now(&self->ticks);
}

int vdev_omap3_counter_32k_emulator_init(struct vdev_omap3_counter_32k_emulator *emulator,
                                         const struct vdev_clock *clock)
{
    if (clock == NULL) {
        return VDEV_ERROR_INVALID;
    }
    vdev_omap3_ticks_init(&emulator->ticks, clock, VDEV_OMAP3_GPTIMER_32K_HERTZ);
    vdev_registers_init(&emulator->bank, &vdev_omap3_counter_32k_registers, emulator->values,
                        emulator);
    return VDEV_OK;
}

int vdev_omap3_counter_32k_emulator_access(void *emulator, struct vdev_access *access)
{
    return vdev_registers_access(&((struct vdev_omap3_counter_32k_emulator *)emulator)->bank,
                                 access);
}
