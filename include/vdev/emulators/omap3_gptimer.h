/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Emulators of the OMAP3530's general-purpose timers and of its 32 kHz synchronised counter
 * (OMAP35x TRM, ch. 16). GPTIMER1, 2 and 10 have the registers for 1 ms ticks, which are stored
 * but have no effect; the other nine have not.
 *
 * A timer counts by the caller's clock: nothing happens until somebody looks. Its owner calls poll
 * when the deadline is reached that poll last returned or `rearm` last said; every access looks as
 * well. Overflows that were missed are one interrupt. In posted mode a write takes effect at once,
 * but TWPS shows it as pending for three of the timer's functional clock cycles. No capture and no
 * PWM output: there are no pins; their bits are stored.
 */
#ifndef VDEV_EMULATORS_OMAP3_GPTIMER_H
#define VDEV_EMULATORS_OMAP3_GPTIMER_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/bus.h>
#include <vdev/clock.h>
#include <vdev/interrupt.h>
#include <vdev/registers.h>

#define VDEV_OMAP3_GPTIMER_WINDOW         0x1000u /* bytes that a window on a bus should have */
#define VDEV_OMAP3_GPTIMER_REGISTER_COUNT 20u
#define VDEV_OMAP3_GPTIMER_NEVER          UINT64_MAX

/* A timer's functional clocks on the BeagleBoard: SYS_CLK, which is 26 MHz by two, and 32 kHz. */
#define VDEV_OMAP3_GPTIMER_SYSTEM_HERTZ 13000000u
#define VDEV_OMAP3_GPTIMER_32K_HERTZ    32768u

struct vdev_omap3_gptimer_emulator_configuration {
    const struct vdev_clock *clock;
    uint32_t hertz;                        /* of the functional clock: 1000 to 999999999 */
    bool millisecond;                      /* with TPIR to TOWR: GPTIMER1, 2 and 10 */
    struct vdev_interrupt_line *interrupt; /* NULL: polled only */
    /*
     * An access changed when poll has next to be called: by the clock, in nanoseconds, or
     * VDEV_OMAP3_GPTIMER_NEVER. Called from inside the access. NULL: the owner calls poll anyway.
     */
    void (*rearm)(void *owner, uint64_t deadline);
    void *owner;
};

/* Nanoseconds to ticks and back without a division; shared by the timers and the counter. */
struct vdev_omap3_ticks {
    const struct vdev_clock *clock;
    uint64_t start;       /* of the clock, when ticks began */
    uint64_t fraction;    /* ticks in a nanosecond, in units of 2^-64 */
    uint64_t nanoseconds; /* of one tick, in units of 2^-32 */
};

/* All of it is the emulator's. */
struct vdev_omap3_gptimer_emulator {
    struct vdev_register_bank bank;
    uint32_t values[VDEV_OMAP3_GPTIMER_REGISTER_COUNT];
    struct vdev_interrupt_line *interrupt;
    void (*rearm)(void *owner, uint64_t deadline);
    void *owner;
    struct vdev_omap3_ticks ticks;
    uint64_t since;    /* the functional clock's tick at which the count was what TCRR holds */
    uint64_t posted;   /* ... and at which the last posted write is done */
    uint32_t pending;  /* TWPS bits, until then */
    uint64_t deadline; /* as last told */
    /* For accesses in halves: the low one written, and the high one of what was read. */
    uint16_t low, high;
};

/* The registers, for names and for the tests of drivers: with and without TPIR to TOWR. */
extern const struct vdev_register_table vdev_omap3_gptimer_registers;
extern const struct vdev_register_table vdev_omap3_gptimer_millisecond_registers;

/*
 * Take over the configuration (copied; what it points to outlives the emulator) and reset.
 * VDEV_ERROR_INVALID: no clock, or `hertz` out of bounds.
 */
int vdev_omap3_gptimer_emulator_init(
    struct vdev_omap3_gptimer_emulator *emulator,
    const struct vdev_omap3_gptimer_emulator_configuration *configuration);

/*
 * The functional clock was switched, as CM_CLKSEL does it: the count goes on from where it is.
 * VDEV_ERROR_INVALID: out of the bounds of the configuration's. May be called from inside another
 * device's access.
 */
int vdev_omap3_gptimer_emulator_set_hertz(struct vdev_omap3_gptimer_emulator *emulator,
                                          uint32_t hertz);

/* As after a hardware reset: stopped. */
void vdev_omap3_gptimer_emulator_reset(struct vdev_omap3_gptimer_emulator *emulator);

/*
 * One access of a guest, 32 bits wide, or 16 in the order low half, high half: a
 * vdev_access_function. VDEV_ERROR_RANGE: no register there; VDEV_ERROR_UNSUPPORTED: another width
 * or place.
 */
int vdev_omap3_gptimer_emulator_access(void *emulator, struct vdev_access *access);

/*
 * Look at the clock: set what is due, and the interrupt line. Returns when to call again, by the
 * clock (some nanoseconds late at most), or VDEV_OMAP3_GPTIMER_NEVER. From the emulator's context,
 * not from inside an access.
 */
uint64_t vdev_omap3_gptimer_emulator_poll(struct vdev_omap3_gptimer_emulator *emulator);

#define VDEV_OMAP3_COUNTER_32K_WINDOW         0x1000u
#define VDEV_OMAP3_COUNTER_32K_REGISTER_COUNT 3u

/* The 32 kHz synchronised counter: counts from its init on, at 32768 Hz. All is the emulator's. */
struct vdev_omap3_counter_32k_emulator {
    struct vdev_register_bank bank;
    uint32_t values[VDEV_OMAP3_COUNTER_32K_REGISTER_COUNT];
    struct vdev_omap3_ticks ticks;
};

extern const struct vdev_register_table vdev_omap3_counter_32k_registers;

/* The clock outlives the emulator. VDEV_ERROR_INVALID: no clock. */
int vdev_omap3_counter_32k_emulator_init(struct vdev_omap3_counter_32k_emulator *emulator,
                                         const struct vdev_clock *clock);

/* A vdev_access_function, 16 or 32 bits wide; errors as those of a timer's. */
int vdev_omap3_counter_32k_emulator_access(void *emulator, struct vdev_access *access);

#endif
