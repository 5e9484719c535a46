/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of the OMAP3's interrupt controller. [TRM] is the OMAP35x Technical Reference Manual,
 * SPRUF98, chapter 10.
 */
#include <stddef.h>

#include <vdev/drivers/omap3_intc.h>
#include <vdev/status.h>

/* [TRM table 10-9] */
#define SYSCONFIG 0x010u
#define SYSSTATUS 0x014u
#define SIR_IRQ   0x040u
#define CONTROL   0x048u
#define THRESHOLD 0x068u
#define BANK      0x020u /* from one bank's registers to the next's */
#define ITR       0x080u
#define MIR       0x084u
#define MIR_CLEAR 0x088u
#define MIR_SET   0x08Cu
#define ISR_SET   0x090u
#define ISR_CLEAR 0x094u
#define ILR       0x100u

#define SYSCONFIG_RESET 0x2u
#define SYSSTATUS_DONE  0x1u
#define CONTROL_NEW_IRQ 0x1u
#define THRESHOLD_OFF   0xFFu
#define BANKS           (VDEV_OMAP3_INTC_LINES / 32u)
#define ILR_USED        0xFDu /* bit 1 is reserved */
#define PATIENCE        100000u

static uint32_t get(const struct vdev_omap3_intc *self, uint32_t offset)
{
    return vdev_io_read32(&self->io, offset);
}

static void put(const struct vdev_omap3_intc *self, uint32_t offset, uint32_t value)
{
    vdev_io_write32(&self->io, offset, value);
}

/* Until the writes before have reached the controller, its IRQ still stands at the processor. */
static void barrier(void)
{
#if defined(__arm__) && __ARM_ARCH >= 7
    __asm__ volatile("dsb" ::: "memory");
#elif defined(__arm__)
    /* ARMv6's drain of the write buffer, by its coprocessor number [ARM DDI 0301 §3.2.22]. */
    __asm__ volatile("mcr p15, 0, %0, c7, c10, 4" ::"r"(0) : "memory");
#endif
}

static int put_bit(const struct vdev_omap3_intc *self, uint32_t offset, uint32_t line)
{
    if (line >= VDEV_OMAP3_INTC_LINES) {
        return VDEV_ERROR_RANGE;
    }
    put(self, offset + BANK * (line / 32), 1u << (line % 32));
    return VDEV_OK;
}

int vdev_omap3_intc_init(struct vdev_omap3_intc *intc, const struct vdev_io *io,
                         struct vdev_omap3_intc_handler *handlers)
{
    *intc = (struct vdev_omap3_intc){.io = *io, .handlers = handlers};
    put(intc, SYSCONFIG, SYSCONFIG_RESET);
    for (uint32_t i = 0; (get(intc, SYSSTATUS) & SYSSTATUS_DONE) == 0; i++) {
        if (i == PATIENCE) {
            return VDEV_ERROR_TIMEOUT;
        }
    }
    /* What the reset does anyway, but a loader that left in between may have been in a hurry. */
    for (uint32_t bank = 0; bank < BANKS; bank++) {
        put(intc, MIR_SET + BANK * bank, UINT32_MAX);
        put(intc, ISR_CLEAR + BANK * bank, UINT32_MAX);
    }
    for (uint32_t line = 0; line < VDEV_OMAP3_INTC_LINES; line++) {
        put(intc, ILR + 4 * line, 0);
    }
    put(intc, THRESHOLD, THRESHOLD_OFF);
    if (get(intc, MIR) != UINT32_MAX || (get(intc, ILR) & ILR_USED) != 0) {
        return VDEV_ERROR_ABSENT;
    }
    /* An interrupt that was taken and never acknowledged would hold up all others. */
    vdev_omap3_intc_acknowledge(intc);
    return VDEV_OK;
}

int vdev_omap3_intc_mask(struct vdev_omap3_intc *intc, uint32_t line)
{
    return put_bit(intc, MIR_SET, line);
}

int vdev_omap3_intc_unmask(struct vdev_omap3_intc *intc, uint32_t line)
{
    return put_bit(intc, MIR_CLEAR, line);
}

int vdev_omap3_intc_set_priority(struct vdev_omap3_intc *intc, uint32_t line, uint32_t priority)
{
    if (line >= VDEV_OMAP3_INTC_LINES || priority >= VDEV_OMAP3_INTC_PRIORITIES) {
        return VDEV_ERROR_RANGE;
    }
    put(intc, ILR + 4 * line, priority << 2);
    return VDEV_OK;
}

void vdev_omap3_intc_set_threshold(struct vdev_omap3_intc *intc, uint32_t priority)
{
    put(intc, THRESHOLD, priority < VDEV_OMAP3_INTC_PRIORITIES ? priority : THRESHOLD_OFF);
}

bool vdev_omap3_intc_raised(const struct vdev_omap3_intc *intc, uint32_t line)
{
    return line < VDEV_OMAP3_INTC_LINES &&
           (get(intc, ITR + BANK * (line / 32)) >> (line % 32) & 1) != 0;
}

int vdev_omap3_intc_trigger(struct vdev_omap3_intc *intc, uint32_t line, bool level)
{
    return put_bit(intc, level ? ISR_SET : ISR_CLEAR, line);
}

int vdev_omap3_intc_current(struct vdev_omap3_intc *intc)
{
    uint32_t value = get(intc, SIR_IRQ);

    /* The bits above the line are all ones if it withdrew meanwhile [TRM §10.4.6]. */
    if (value >= VDEV_OMAP3_INTC_LINES) {
        intc->spurious++;
        return VDEV_ERROR_EMPTY;
    }
    return (int)value;
}

void vdev_omap3_intc_acknowledge(struct vdev_omap3_intc *intc)
{
    put(intc, CONTROL, CONTROL_NEW_IRQ);
    barrier();
}

bool vdev_omap3_intc_dispatch(struct vdev_omap3_intc *intc)
{
    int line = vdev_omap3_intc_current(intc);

    if (line >= 0) {
        const struct vdev_omap3_intc_handler *handler =
            intc->handlers != NULL ? &intc->handlers[line] : NULL;
        if (handler != NULL && handler->handle != NULL) {
            handler->handle(handler->context, (uint32_t)line);
        } else {
            intc->unhandled++;
            vdev_omap3_intc_mask(intc, (uint32_t)line);
        }
    }
    /* A spurious one is acknowledged, too, or the controller stays with it. */
    vdev_omap3_intc_acknowledge(intc);
    return line >= 0;
}
