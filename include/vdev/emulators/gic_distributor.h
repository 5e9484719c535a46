/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Emulator of a GICv2 distributor for a guest with one processor (GIC architecture 2.0, IHI 0048B).
 *
 * The distributor only: the guest's CPU interface is the hardware's virtual one (list registers) or
 * another emulator. It keeps what the guest configured and which interrupts are pending, and tells
 * the CPU interface's owner what to deliver. Interrupts of real hardware that are forwarded to the
 * guest do not pass through it when they fire; it passes on when the guest enables them, and knows
 * their priority.
 */
#ifndef VDEV_EMULATORS_GIC_DISTRIBUTOR_H
#define VDEV_EMULATORS_GIC_DISTRIBUTOR_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/bus.h>

#define VDEV_GIC_INTERRUPTS_MAXIMUM 256u
#define VDEV_GIC_DISTRIBUTOR_LENGTH 0x1000u

struct vdev_gic_distributor_operations {
    /*
     * An interrupt is to be delivered: it is enabled and pending. Returns true when it was taken,
     * false when there is no room: it stays pending until vdev_gic_distributor_retry. May be called
     * for an interrupt that is being delivered or is active: then it is to be delivered once more
     * after its end. `priority` is the guest's, 0 the most urgent.
     */
    bool (*deliver)(void *context, uint32_t interrupt, uint8_t priority);
    /* It is no longer pending: take it back, unless the guest has acknowledged it. */
    void (*withdraw)(void *context, uint32_t interrupt);
    /* It is let through from now on, or no longer: enabled, while the whole distributor is. NULL:
     * nobody wants to know. */
    void (*enable)(void *context, uint32_t interrupt, bool enabled);
    /* Is it active, or pending in the CPU interface? For the guest's reading. NULL: never. */
    bool (*active)(void *context, uint32_t interrupt);
    bool (*delivering)(void *context, uint32_t interrupt);
};

/* All fields are the emulator's; `priority` may be read. Indexed by interrupt, 32 to a word. */
struct vdev_gic_distributor {
    const struct vdev_gic_distributor_operations *operations;
    void *context;
    uint32_t interrupts; /* number of interrupts, a multiple of 32 */
    bool forwarding;     /* GICD_CTLR's enable bit */
    uint32_t enabled[VDEV_GIC_INTERRUPTS_MAXIMUM / 32];
    uint32_t level[VDEV_GIC_INTERRUPTS_MAXIMUM / 32];   /* the lines */
    uint32_t latched[VDEV_GIC_INTERRUPTS_MAXIMUM / 32]; /* edges and software's, not yet taken */
    uint32_t edge[VDEV_GIC_INTERRUPTS_MAXIMUM / 32];    /* configured as edge-triggered */
    uint8_t priority[VDEV_GIC_INTERRUPTS_MAXIMUM];
};

/*
 * Reset state: nothing enabled, not forwarding. `interrupts` counts all 16 SGIs and 16 PPIs, too.
 * VDEV_ERROR_INVALID: not a multiple of 32, fewer than 32 or over the maximum; no deliver or no
 * withdraw.
 */
int vdev_gic_distributor_init(struct vdev_gic_distributor *distributor, uint32_t interrupts,
                              const struct vdev_gic_distributor_operations *operations,
                              void *context);

/* A vdev_access_function for the bus; window of VDEV_GIC_DISTRIBUTOR_LENGTH bytes. */
int vdev_gic_distributor_access(void *distributor, struct vdev_access *access);

/* Set a line's level; the form that struct vdev_interrupt_line wants. Unknown numbers are ignored. */
void vdev_gic_distributor_set_line(void *distributor, uint32_t interrupt, bool level);

/* There is room again: deliver what waits, the most urgent first, until none waits or room ends. */
void vdev_gic_distributor_retry(struct vdev_gic_distributor *distributor);

/*
 * The CPU interface gives an interrupt back that it had taken and that the guest has not seen yet, to
 * have room for a more urgent one: it is pending here again, until vdev_gic_distributor_retry.
 */
void vdev_gic_distributor_returned(struct vdev_gic_distributor *distributor, uint32_t interrupt);

/* The guest has ended this interrupt: deliver it again if its line is still raised. */
void vdev_gic_distributor_ended(struct vdev_gic_distributor *distributor, uint32_t interrupt);

#endif
