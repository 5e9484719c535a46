/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver of the OMAP3's interrupt controller, MPU_INTC (OMAP35x TRM, SPRUF98, chapter 10), as the
 * controller of IRQs; no line is ever made an FIQ. The OMAP2's has the same registers.
 *
 * From the processor's IRQ exception the owner calls vdev_omap3_intc_dispatch, with interrupts
 * masked at the processor. The lines are levels: a handler makes its device let go of the line.
 */
#ifndef VDEV_DRIVERS_OMAP3_INTC_H
#define VDEV_DRIVERS_OMAP3_INTC_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/io.h>

#define VDEV_OMAP3_INTC_LINES      96u
#define VDEV_OMAP3_INTC_PRIORITIES 64u /* 0 is the highest */

struct vdev_omap3_intc_handler {
    void (*handle)(void *context, uint32_t line); /* NULL: the line is masked when it interrupts */
    void *context;
};

/* All of it is the driver's; the two counters may be read; modulo 2^32. */
struct vdev_omap3_intc {
    struct vdev_io io;
    struct vdev_omap3_intc_handler
        *handlers;      /* the caller's: VDEV_OMAP3_INTC_LINES of them, or NULL */
    uint32_t spurious;  /* nothing was there when dispatch looked */
    uint32_t unhandled; /* lines that had no handler, and are masked now */
};

/*
 * Reset the controller: all lines masked, of priority 0, IRQs; no threshold.
 * `handlers` may be NULL if dispatch is not used, and may be filled in and changed while the line
 * concerned is masked. VDEV_ERROR_TIMEOUT: the reset did not end within 100000 looks;
 * VDEV_ERROR_ABSENT: what is there does not keep what is written to it.
 */
int vdev_omap3_intc_init(struct vdev_omap3_intc *intc, const struct vdev_io *io,
                         struct vdev_omap3_intc_handler *handlers);

/* Each VDEV_OK, or VDEV_ERROR_RANGE: no such line, or no such priority. */
int vdev_omap3_intc_mask(struct vdev_omap3_intc *intc, uint32_t line);
int vdev_omap3_intc_unmask(struct vdev_omap3_intc *intc, uint32_t line);
int vdev_omap3_intc_set_priority(struct vdev_omap3_intc *intc, uint32_t line, uint32_t priority);

/* Let only priorities higher than (below) this one through; VDEV_OMAP3_INTC_PRIORITIES: all. */
void vdev_omap3_intc_set_threshold(struct vdev_omap3_intc *intc, uint32_t priority);

/* Is the line asserted, masked or not? False for a line that does not exist. */
bool vdev_omap3_intc_raised(const struct vdev_omap3_intc *intc, uint32_t line);

/* Assert a line (or no longer) as its device would; for tests and for waking oneself. As of mask.
 */
int vdev_omap3_intc_trigger(struct vdev_omap3_intc *intc, uint32_t line, bool level);

/* The line to be handled now, 0 to 95; or VDEV_ERROR_EMPTY, which was counted as spurious. */
int vdev_omap3_intc_current(struct vdev_omap3_intc *intc);

/* The current line's device has let go of it: look for the next (NEWIRQAGR), and wait until the
 * write has arrived, so that the processor does not take the same one again. */
void vdev_omap3_intc_acknowledge(struct vdev_omap3_intc *intc);

/* Handle the current line and acknowledge it: one a call. False: it was spurious. */
bool vdev_omap3_intc_dispatch(struct vdev_omap3_intc *intc);

#endif
