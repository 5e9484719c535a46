/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's CPU interface in a GICv2 with virtualization extensions: what the distributor's
 * emulator delivers goes into the hardware's list registers, and the guest acknowledges and ends it
 * without a trap [GIC architecture 2.0, IHI 0048B, §5]. One for each guest of the processor; one of
 * them is loaded, the others' list registers are in memory, and take interrupts there.
 *
 * The lines of emulated devices are levels. One that is delivered asks for a maintenance interrupt
 * at its end (to look at the line again), and this wish is dropped as soon as the line falls: so a
 * guest's driver that quiets its device before it ends the interrupt, which is what drivers do,
 * never costs that entry, and one that does not is not left waiting. An interrupt of real hardware
 * that is forwarded is ended in hardware, too.
 *
 * Not the physical distributor and CPU interface: those are the hypervisor's.
 */
#ifndef VDEV_EMULATORS_GIC_VIRTUAL_H
#define VDEV_EMULATORS_GIC_VIRTUAL_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/emulators/gic_distributor.h>
#include <vdev/io.h>

/* List registers that are used; those of ARM's implementations have them. */
#define VDEV_GIC_VIRTUAL_LISTS 4u

struct vdev_gic_virtual_configuration {
    struct vdev_io control;                   /* the virtual interface control registers, GICH */
    struct vdev_gic_distributor *distributor; /* the guest's, in place as long as this */
    /* The guest has something to take. NULL: nobody wants to know. */
    void (*wake)(void *owner);
    /*
     * Forwarded interrupts: the guest lets one through or no longer (its distributor's `enable`);
     * a pending one is taken back, and the physical one is to be deactivated. NULL: none is
     * forwarded.
     */
    void (*enable)(void *owner, uint32_t interrupt, bool enabled);
    void (*deactivate)(void *owner, uint32_t interrupt);
    void *owner;
};

/* All fields are the implementation's; the counters may be read, modulo 2^32. */
struct vdev_gic_virtual {
    struct vdev_gic_virtual_configuration configuration;
    bool loaded;
    uint8_t list_of[VDEV_GIC_INTERRUPTS_MAXIMUM]; /* the list that last carried an interrupt, ... */
    uint16_t carried[VDEV_GIC_VIRTUAL_LISTS];     /* ... and the other way round */
    /* Forwarded ones that found no list register, or that the guest does not let through. */
    uint32_t waiting[VDEV_GIC_INTERRUPTS_MAXIMUM / 32];
    uint32_t lists[VDEV_GIC_VIRTUAL_LISTS]; /* while it is not loaded, as the three below */
    uint32_t control, machine, active_priorities;
    uint32_t delivered;
    uint32_t maintained; /* maintenance interrupts */
};

/* The distributor's operations; their context is the struct vdev_gic_virtual. */
extern const struct vdev_gic_distributor_operations vdev_gic_virtual_operations;

/*
 * Not loaded, nothing in its lists. The configuration is copied. VDEV_ERROR_INVALID: no
 * distributor; VDEV_ERROR_UNSUPPORTED: fewer list registers than VDEV_GIC_VIRTUAL_LISTS.
 */
int vdev_gic_virtual_init(struct vdev_gic_virtual *self,
                          const struct vdev_gic_virtual_configuration *configuration);

/*
 * A physical interrupt has come for the guest: to it, once it has room and lets it through. What
 * software makes pending of the same number while the guest handles this one is this one.
 */
void vdev_gic_virtual_forward(struct vdev_gic_virtual *self, uint32_t interrupt);

/* The maintenance interrupt, while this one is loaded. */
void vdev_gic_virtual_maintain(struct vdev_gic_virtual *self);

/* Is there anything that the guest has not taken yet? */
bool vdev_gic_virtual_pending(const struct vdev_gic_virtual *self);

/*
 * Into the hardware, where none is loaded; and back into memory, which turns the hardware off until
 * the next one is.
 */
void vdev_gic_virtual_load(struct vdev_gic_virtual *self);
void vdev_gic_virtual_save(struct vdev_gic_virtual *self);

#endif
