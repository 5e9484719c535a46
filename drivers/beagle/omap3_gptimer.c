/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of the OMAP3's general-purpose timers and of its 32 kHz counter. [TRM] is the OMAP35x
 * Technical Reference Manual, SPRUF98, chapter 16. Written without a 64-bit division, which a
 * freestanding ARM program has not.
 */
#include <vdev/drivers/omap3_gptimer.h>
#include <vdev/status.h>

/* [TRM table 16-13] */
#define TIOCP_CFG 0x10u
#define TISTAT    0x14u
#define TISR      0x18u
#define TIER      0x1Cu
#define TCLR      0x24u
#define TCRR      0x28u
#define TLDR      0x2Cu
#define TWPS      0x34u
#define TSICR     0x40u

#define CFG_RESET   0x002u
#define CFG_NO_IDLE 0x308u /* and both clocks kept, so that it counts whatever the CPU does */
#define STAT_DONE   0x1u
#define OVERFLOW    0x2u
#define EVENTS      0x7u
#define TCLR_START  0x1u
#define TCLR_RELOAD 0x2u
#define TSICR_POST  0x4u

#define PEND_TCLR 0x1u /* TWPS */
#define PEND_TCRR 0x2u
#define PEND_TLDR 0x4u

#define PATIENCE 100000u
#define BILLION  1000000000u

#define REG_32KSYNCNT_CR 0x10u /* [TRM table 16-83] */

static uint32_t get(const struct vdev_omap3_gptimer *self, uint32_t offset)
{
    return vdev_io_read32(&self->io, offset);
}

static void put(const struct vdev_omap3_gptimer *self, uint32_t offset, uint32_t value)
{
    vdev_io_write32(&self->io, offset, value);
}

/* In posted mode a write is lost if the register is still busy with the one before [TRM §16.2.4.7].
 */
static bool settled(const struct vdev_omap3_gptimer *self, uint32_t pending)
{
    if (!self->posted) {
        return true;
    }
    for (uint32_t i = 0; (get(self, TWPS) & pending) != 0; i++) {
        if (i == PATIENCE) {
            return false;
        }
    }
    return true;
}

static bool put_posted(const struct vdev_omap3_gptimer *self, uint32_t offset, uint32_t value,
                       uint32_t pending)
{
    if (!settled(self, pending)) {
        return false;
    }
    put(self, offset, value);
    return true;
}

/* (high * 2^32 + low) / divisor, where high < divisor; bit by bit. */
static uint64_t divide(uint32_t high, uint32_t low, uint32_t divisor)
{
    uint64_t rest = high;
    uint64_t quotient = 0;

    for (unsigned i = 0; i < 32; i++) {
        rest = rest << 1 | (low >> (31 - i) & 1);
        quotient <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1;
        }
    }
    return quotient;
}

/* Ticks times `scale`, of which 32 bits are after the point; wraps where 64 bits do. */
static uint64_t scaled(uint64_t ticks, uint64_t scale)
{
    uint64_t whole = scale >> 32, fraction = scale & UINT32_MAX;

    return ticks * whole + (ticks >> 32) * fraction + (((ticks & UINT32_MAX) * fraction) >> 32);
}

static uint64_t now(void *context)
{
    struct vdev_omap3_gptimer *self = context;
    uint32_t count = get(self, TCRR);

    self->ticks += (uint32_t)(count - self->last);
    self->last = count;
    return scaled(self->ticks, self->scale);
}

int vdev_omap3_gptimer_init(struct vdev_omap3_gptimer *timer,
                            const struct vdev_omap3_gptimer_configuration *configuration)
{
    uint32_t hertz = configuration->hertz;

    if (hertz == 0 || hertz > BILLION) {
        return VDEV_ERROR_INVALID;
    }
    *timer = (struct vdev_omap3_gptimer){
        .clock = {.now = now, .context = timer},
        .io = configuration->io,
        .hertz = hertz,
        .scale = (uint64_t)(BILLION / hertz) << 32 | divide(BILLION % hertz, 0, hertz),
    };
    put(timer, TIOCP_CFG, CFG_RESET);
    for (uint32_t i = 0; (get(timer, TISTAT) & STAT_DONE) == 0; i++) {
        if (i == PATIENCE) {
            return VDEV_ERROR_TIMEOUT;
        }
    }
    put(timer, TIOCP_CFG, CFG_NO_IDLE);
    /* Not before the reset: it makes the mode what the device likes best. */
    put(timer, TSICR, configuration->posted ? TSICR_POST : 0);
    timer->posted = configuration->posted;
    int status = vdev_omap3_gptimer_stop(timer);
    if (status != VDEV_OK) {
        return status;
    }
    if (!put_posted(timer, TLDR, 0, PEND_TLDR) || !settled(timer, PEND_TLDR | PEND_TCLR)) {
        return VDEV_ERROR_TIMEOUT;
    }
    return get(timer, TLDR) == 0 && get(timer, TIER) == 0 ? VDEV_OK : VDEV_ERROR_ABSENT;
}

/* Count from `first`, and from `reload` after each overflow if that is asked for. */
static int count_from(const struct vdev_omap3_gptimer *self, uint32_t first, uint32_t reload,
                      uint32_t control)
{
    bool done = put_posted(self, TLDR, reload, PEND_TLDR) &&
                put_posted(self, TCRR, first, PEND_TCRR) && settled(self, PEND_TCRR | PEND_TLDR) &&
                put_posted(self, TCLR, control, PEND_TCLR);

    return done ? VDEV_OK : VDEV_ERROR_TIMEOUT;
}

/*
 * Nanoseconds to the nearest tick; 0 if that is more than 32 bits. Whole seconds and the rest are
 * taken apart: the rest times the frequency fits 64 bits, and its quotient 32.
 */
static uint32_t ticks_of(uint64_t nanoseconds, uint32_t hertz)
{
    uint64_t seconds = 0;

    for (unsigned i = 35; i-- != 0;) {
        if (nanoseconds >> i >= BILLION) {
            nanoseconds -= (uint64_t)BILLION << i;
            seconds |= UINT64_C(1) << i;
        }
    }
    uint64_t product = nanoseconds * hertz + BILLION / 2;
    if (seconds > UINT32_MAX || seconds * hertz > UINT32_MAX) {
        return 0;
    }
    /* hertz is at most BILLION, and the rest less than it: the high half is less than the divisor.
     */
    uint64_t ticks =
        seconds * hertz + divide((uint32_t)(product >> 32), (uint32_t)product, BILLION);
    return ticks > UINT32_MAX ? 0 : (uint32_t)ticks;
}

int vdev_omap3_gptimer_start(struct vdev_omap3_gptimer *timer, uint64_t nanoseconds, bool periodic)
{
    uint32_t ticks = ticks_of(nanoseconds, timer->hertz);

    /* Reloaded with the largest number the timer would stand still [TRM §16.2.4.2.1]. */
    if (ticks < 2) {
        return VDEV_ERROR_RANGE;
    }
    int status = vdev_omap3_gptimer_stop(timer);
    if (status != VDEV_OK) {
        return status;
    }
    put(timer, TIER, OVERFLOW);
    return count_from(timer, 0 - ticks, 0 - ticks, TCLR_START | (periodic ? TCLR_RELOAD : 0));
}

int vdev_omap3_gptimer_run(struct vdev_omap3_gptimer *timer)
{
    int status = vdev_omap3_gptimer_stop(timer);

    timer->ticks = 0;
    timer->last = 0;
    return status != VDEV_OK ? status : count_from(timer, 0, 0, TCLR_START | TCLR_RELOAD);
}

int vdev_omap3_gptimer_stop(struct vdev_omap3_gptimer *timer)
{
    put(timer, TIER, 0);
    /* Stopped for certain, before what it may still have raised is taken back. */
    if (!put_posted(timer, TCLR, 0, PEND_TCLR) || !settled(timer, PEND_TCLR)) {
        return VDEV_ERROR_TIMEOUT;
    }
    put(timer, TISR, EVENTS);
    return VDEV_OK;
}

bool vdev_omap3_gptimer_acknowledge(struct vdev_omap3_gptimer *timer)
{
    if ((get(timer, TISR) & OVERFLOW) == 0) {
        return false;
    }
    put(timer, TISR, OVERFLOW);
    /* The read is answered after the write has arrived: the line is down when this returns. */
    (void)get(timer, TISR);
    return true;
}

uint32_t vdev_omap3_gptimer_count(const struct vdev_omap3_gptimer *timer)
{
    return get(timer, TCRR);
}

/* 10^9 / 32768 is 1953125 / 64 exactly. */
static uint64_t counter_now(void *context)
{
    struct vdev_omap3_counter *counter = context;
    uint32_t count = vdev_io_read32(&counter->io, REG_32KSYNCNT_CR);

    counter->ticks += (uint32_t)(count - counter->last);
    counter->last = count;
    return (counter->ticks >> 6) * 1953125u + (((counter->ticks & 63) * 1953125u) >> 6);
}

void vdev_omap3_counter_init(struct vdev_omap3_counter *counter, const struct vdev_io *io)
{
    *counter = (struct vdev_omap3_counter){
        .clock = {.now = counter_now, .context = counter},
        .io = *io,
        .last = vdev_io_read32(io, REG_32KSYNCNT_CR),
    };
}
