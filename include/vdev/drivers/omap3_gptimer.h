/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver of the OMAP3's general-purpose timers 1 to 12 (OMAP35x TRM, SPRUF98, §16.2; the OMAP2's
 * are the same): one that interrupts, periodically or once, or one that counts for ever and is a
 * clock; one timer is not both. And the 32 kHz synchronized counter (§16.4), a clock that needs no
 * setting up. Not capture, compare output, PWM, nor the millisecond correction of timers 1, 2, 10.
 */
#ifndef VDEV_DRIVERS_OMAP3_GPTIMER_H
#define VDEV_DRIVERS_OMAP3_GPTIMER_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/clock.h>
#include <vdev/io.h>

struct vdev_omap3_gptimer_configuration {
    struct vdev_io io; /* the timer's registers, 128 bytes */
    uint32_t hertz;    /* its functional clock, as CM_CLKSEL chose it: 32768 or the system clock */
    /*
     * Writes are posted and, where the register is still busy with the one before, waited for; else
     * each write stalls the bus for up to three of the timer's clocks. Worth it with 32768 Hz.
     */
    bool posted;
};

/* All of it is the driver's; `clock` is handed out once vdev_omap3_gptimer_run returned VDEV_OK. */
struct vdev_omap3_gptimer {
    struct vdev_clock clock;
    struct vdev_io io;
    uint32_t hertz;
    uint32_t last;  /* the counter when the clock was looked at last */
    uint64_t ticks; /* of the clock, at that time */
    uint64_t scale; /* nanoseconds in a tick, 32 bits after the point */
    bool posted;
};

/*
 * Reset the timer and leave it stopped, its interrupts masked and clear. Its clocks run already
 * (vdev_omap3_prcm_enable). VDEV_ERROR_INVALID: no frequency, or more than 1 GHz;
 * VDEV_ERROR_TIMEOUT: the reset did not end within 100000 looks, or a posted write;
 * VDEV_ERROR_ABSENT: what is there does not keep what is written to it.
 */
int vdev_omap3_gptimer_init(struct vdev_omap3_gptimer *timer,
                            const struct vdev_omap3_gptimer_configuration *configuration);

/*
 * Interrupt after so many nanoseconds, rounded to the nearest tick, and from then on each time as
 * many have passed if `periodic`. Stops what was running. VDEV_ERROR_RANGE: shorter than two ticks
 * or longer than 2^32 - 1; VDEV_ERROR_TIMEOUT: a posted write did not end.
 */
int vdev_omap3_gptimer_start(struct vdev_omap3_gptimer *timer, uint64_t nanoseconds, bool periodic);

/* Count for ever without an interrupt, from 0, as timer->clock. VDEV_ERROR_TIMEOUT: as of start. */
int vdev_omap3_gptimer_run(struct vdev_omap3_gptimer *timer);

/* Stop and withdraw the interrupt. VDEV_ERROR_TIMEOUT: as of start. */
int vdev_omap3_gptimer_stop(struct vdev_omap3_gptimer *timer);

/* True if the timer has overflowed since the last call; lets go of the interrupt line. */
bool vdev_omap3_gptimer_acknowledge(struct vdev_omap3_gptimer *timer);

/* The counter: it rises to 2^32 - 1, then overflows. */
uint32_t vdev_omap3_gptimer_count(const struct vdev_omap3_gptimer *timer);

/* The 32 kHz counter as a clock: hand out &counter.clock. Its fields are the driver's. */
struct vdev_omap3_counter {
    struct vdev_clock clock;
    struct vdev_io io;
    uint32_t last;
    uint64_t ticks;
};

/*
 * Begins at 0. The clock keeps its time across the counter's wrap only if it is looked at at least
 * once in 36 hours (vdev_omap3_gptimer_run's: in 2^32 ticks, 330 s at 13 MHz). It steps by 30.5 us.
 */
void vdev_omap3_counter_init(struct vdev_omap3_counter *counter, const struct vdev_io *io);

#endif
