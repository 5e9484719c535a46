/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interrupt controller and a processor for tests: lines that a device or an event raises,
 * handlers that the test connects to them (a driver's poll), and what goes wrong between the two:
 * an interrupt that is lost, one that comes from nowhere, one that never goes.
 */
#ifndef VDEV_TESTING_INTERRUPTS_H
#define VDEV_TESTING_INTERRUPTS_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/interrupt.h>
#include <vdev/testing/clock.h>
#include <vdev/testing/fail.h>

#define VDEV_INTERRUPTS_LINES 32u
#define VDEV_INTERRUPTS_MOST  1000u /* runs in a row of a handler whose line does not fall */

/* All of it belongs to the test; not copied once set up. */
struct vdev_interrupts {
    struct vdev_interrupt_line lines[VDEV_INTERRUPTS_LINES]; /* hand &lines[n] to a device */
    void (*handler[VDEV_INTERRUPTS_LINES])(void *context);
    void *handler_context[VDEV_INTERRUPTS_LINES];
    uint32_t runs[VDEV_INTERRUPTS_LINES]; /* how often the handler ran; may be read */
    uint32_t lose[VDEV_INTERRUPTS_LINES]; /* rises to be lost yet: may be set */
    uint32_t pending;                     /* lines that the processor sees high */
    uint32_t stuck;   /* lines that are high whatever the device does: a storm */
    uint32_t enabled; /* all at first; may be set */
    /*
     * True: a handler runs inside the access or the look at the clock that raised its line, as on
     * hardware with interrupts on. False (at first): in vdev_interrupts_deliver and _wait only.
     */
    bool immediate;
    bool running;
    struct vdev_virtual_clock *clock;
    vdev_testing_fail_function *fail;
    void *context;
};

/* `clock` may be NULL, but not for waits. `fail` may be NULL: vdev_testing_stop. */
void vdev_interrupts_init(struct vdev_interrupts *interrupts, struct vdev_virtual_clock *clock,
                          vdev_testing_fail_function *fail, void *context);

/* Connect a handler to a line, below VDEV_INTERRUPTS_LINES. */
void vdev_interrupts_connect(struct vdev_interrupts *interrupts, uint32_t number,
                             void (*handler)(void *context), void *context);

/*
 * Run the handlers of all lines that are high, until none is; how many ran. A line that is still
 * high after VDEV_INTERRUPTS_MOST runs is a failure. Lines without a handler are left.
 */
uint32_t vdev_interrupts_deliver(struct vdev_interrupts *interrupts);

/* Run the handler of a line once, without its line being high. */
void vdev_interrupts_spurious(struct vdev_interrupts *interrupts, uint32_t number);

/*
 * Wait as a processor that sleeps: time passes and handlers run until `done` says so. False and a
 * failure that tells `what` was waited for: it was not so after `nanoseconds`.
 */
bool vdev_interrupts_wait_at(struct vdev_interrupts *interrupts, bool (*done)(void *context),
                             void *context, uint64_t nanoseconds, const char *what,
                             const char *file, unsigned line);
#define VDEV_INTERRUPTS_WAIT(interrupts_, done_, context_, nanoseconds_)                           \
    vdev_interrupts_wait_at((interrupts_), (done_), (context_), (nanoseconds_), #done_, __FILE__,  \
                            __LINE__)

#endif
