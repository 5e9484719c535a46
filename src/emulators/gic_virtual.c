/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list registers: which interrupt is in which, and what happens when there are too few. A guest
 * that is not loaded has them in memory, and everything here works on either.
 */
#include <vdev/emulators/gic_virtual.h>
#include <vdev/status.h>

#include "core/mem.h"

#define GICH_HCR    0x00u
#define GICH_VTR    0x04u
#define GICH_VMCR   0x08u
#define GICH_EISR0  0x20u
#define GICH_ELRSR0 0x30u
#define GICH_APR    0xf0u
#define GICH_LR0    0x100u

#define LISTS             VDEV_GIC_VIRTUAL_LISTS
#define HCR_ENABLE        (1u << 0)
#define HCR_UNDERFLOW     (1u << 1)
#define VTR_LISTS         0x3fu /* less one */
#define LR_INTERRUPT      0x3ffu
#define LR_PHYSICAL_SHIFT 10
#define LR_END_INTERRUPT  (1u << 19)
#define LR_PRIORITY_SHIFT 20 /* of an 8-bit priority, whose upper five bits are kept */
#define LR_PRIORITY       (0x1fu << 23)
#define LR_PENDING        (1u << 28)
#define LR_ACTIVE         (1u << 29)
#define LR_HARDWARE       (1u << 31)
#define NO_LIST           0xffu
#define SGIS              16u

static inline uint32_t get(const struct vdev_gic_virtual *self, uint32_t offset)
{
    return vdev_io_read32(&self->configuration.control, offset);
}

static inline void put(const struct vdev_gic_virtual *self, uint32_t offset, uint32_t value)
{
    vdev_io_write32(&self->configuration.control, offset, value);
}

static inline uint32_t list_read(const struct vdev_gic_virtual *self, uint32_t list)
{
    return self->loaded ? get(self, GICH_LR0 + 4 * list) : self->lists[list];
}

static inline void list_write(struct vdev_gic_virtual *self, uint32_t list, uint32_t value)
{
    if (self->loaded) {
        put(self, GICH_LR0 + 4 * list, value);
    } else {
        self->lists[list] = value;
    }
}

/* As the hardware says it: one whose end is still to be heard of is not free [§5.3.7]. */
static uint32_t lists_free(const struct vdev_gic_virtual *self)
{
    uint32_t free = 0;

    if (self->loaded) {
        return get(self, GICH_ELRSR0) & ((1u << LISTS) - 1);
    }
    for (uint32_t list = 0; list < LISTS; list++) {
        uint32_t now = self->lists[list];
        bool heard = (now & LR_HARDWARE) != 0 || (now & LR_END_INTERRUPT) == 0;
        free |= (uint32_t)(heard && (now & (LR_PENDING | LR_ACTIVE)) == 0) << list;
    }
    return free;
}

static uint32_t bit_of(uint32_t interrupt)
{
    return UINT32_C(1) << (interrupt % 32);
}

/*
 * No list register is free: the least urgent interrupt that the guest has not seen yet goes back to
 * where it came from, if it is less urgent than this one. Returns a bit for the list, or 0.
 */
static __attribute__((noinline)) uint32_t make_room(struct vdev_gic_virtual *self,
                                                    uint32_t priority)
{
    uint32_t last = LISTS;

    if (self->loaded) {
        put(self, GICH_HCR, HCR_ENABLE | HCR_UNDERFLOW);
    } else {
        self->control = HCR_ENABLE | HCR_UNDERFLOW;
    }
    for (uint32_t list = 0; list < LISTS; list++) {
        uint32_t now = list_read(self, list);
        if ((now & (LR_PENDING | LR_ACTIVE)) == LR_PENDING && (now & LR_PRIORITY) > priority) {
            priority = now & LR_PRIORITY;
            last = list;
        }
    }
    if (last == LISTS) {
        return 0;
    }
    uint32_t now = list_read(self, last);
    uint32_t interrupt = now & LR_INTERRUPT;
    if ((now & LR_HARDWARE) != 0) {
        self->waiting[interrupt / 32] |= bit_of(interrupt);
    } else {
        vdev_gic_distributor_returned(self->configuration.distributor, interrupt);
    }
    list_write(self, last, 0);
    return UINT32_C(1) << last;
}

/* Put an interrupt into a free list register. Returns false if there is none. */
static inline bool list_add(struct vdev_gic_virtual *self, uint32_t interrupt, uint32_t value)
{
    uint32_t free = lists_free(self);

    if (free == 0) {
        free = make_room(self, value & LR_PRIORITY);
        if (free == 0) {
            return false;
        }
    }
    uint32_t list = 31 - (uint32_t)__builtin_clz(free);
    uint32_t previous = self->carried[list];
    if (self->list_of[previous] == list) {
        self->list_of[previous] = NO_LIST;
    }
    self->carried[list] = (uint16_t)interrupt;
    self->list_of[interrupt] = (uint8_t)list;
    list_write(self, list, value);
    self->delivered++;
    if (self->configuration.wake != NULL) {
        self->configuration.wake(self->configuration.owner);
    }
    return true;
}

/* What the list register holds that last carried an interrupt, or 0. */
static inline uint32_t list_of(const struct vdev_gic_virtual *self, uint32_t interrupt)
{
    uint32_t list = self->list_of[interrupt];
    return list == NO_LIST ? 0 : list_read(self, list);
}

static inline bool is_waiting(const struct vdev_gic_virtual *self, uint32_t interrupt)
{
    return (self->waiting[interrupt / 32] & bit_of(interrupt)) != 0;
}

/* Returns false if it has to wait: for room, or for the end of one that software made pending. */
static inline bool list_add_forwarded(struct vdev_gic_virtual *self, uint32_t interrupt)
{
    uint32_t value = LR_HARDWARE | LR_PENDING | interrupt << LR_PHYSICAL_SHIFT | interrupt |
                     (uint32_t)self->configuration.distributor->priority[interrupt]
                         << LR_PRIORITY_SHIFT;
    uint32_t now = list_of(self, interrupt);

    /* No interrupt may be in two list registers [§5.3.9]. */
    if (__builtin_expect((now & (LR_PENDING | LR_ACTIVE)) != 0, 0)) {
        if ((now & LR_HARDWARE) != 0) {
            return true;
        }
        bool active = (now & LR_ACTIVE) != 0;
        list_write(self, self->list_of[interrupt], active ? now | LR_END_INTERRUPT : value);
        return !active;
    }
    return list_add(self, interrupt, value);
}

/* ---- what the guest's distributor asks of its CPU interface ---- */

static bool deliver(void *context, uint32_t interrupt, uint8_t priority)
{
    struct vdev_gic_virtual *self = context;
    uint32_t list = self->list_of[interrupt];
    uint32_t value = LR_PENDING | (uint32_t)priority << LR_PRIORITY_SHIFT | interrupt;

    /* A level is to be looked at again when it was ended; an edge is over. */
    if (interrupt >= SGIS &&
        (self->configuration.distributor->edge[interrupt / 32] & bit_of(interrupt)) == 0) {
        value |= LR_END_INTERRUPT;
    }
    if (list != NO_LIST) {
        uint32_t now = list_read(self, list);
        if ((now & (LR_PENDING | LR_ACTIVE)) != 0) {
            if ((now & LR_HARDWARE) != 0) {
                return true; /* hardware's own is on its way already */
            }
            if ((now & LR_PENDING) == 0) {
                /* A forwarded one may wait for this end. */
                list_write(self, list, LR_ACTIVE | (now & LR_END_INTERRUPT) | value);
                self->delivered++;
            }
            return true;
        }
    }
    return list_add(self, interrupt, value);
}

static void withdraw(void *context, uint32_t interrupt)
{
    struct vdev_gic_virtual *self = context;
    uint32_t list = self->list_of[interrupt];

    if (list == NO_LIST) {
        return;
    }
    uint32_t now = list_read(self, list);
    if ((now & LR_HARDWARE) != 0) {
        return;
    }
    /* Active: it goes on to its end, which only a forwarded one may need to hear of. */
    uint32_t drop = LR_PENDING | (is_waiting(self, interrupt) ? 0 : LR_END_INTERRUPT);
    list_write(self, list, (now & LR_ACTIVE) != 0 ? now & ~drop : 0);
}

void vdev_gic_virtual_forward(struct vdev_gic_virtual *self, uint32_t interrupt)
{
    const struct vdev_gic_distributor *distributor = self->configuration.distributor;

    if (interrupt >= distributor->interrupts) {
        return;
    }
    if (!distributor->forwarding ||
        (distributor->enabled[interrupt / 32] & bit_of(interrupt)) == 0 ||
        !list_add_forwarded(self, interrupt)) {
        self->waiting[interrupt / 32] |= bit_of(interrupt);
    }
}

/* One that waits has perhaps no reason to any more. */
static void forward_again(struct vdev_gic_virtual *self, uint32_t interrupt)
{
    if (is_waiting(self, interrupt)) {
        self->waiting[interrupt / 32] &= ~bit_of(interrupt);
        vdev_gic_virtual_forward(self, interrupt);
    }
}

/* One that the guest has not seen yet goes back to the physical distributor. */
static void take_back(struct vdev_gic_virtual *self, uint32_t interrupt)
{
    uint32_t now = list_of(self, interrupt);

    if ((now & LR_HARDWARE) != 0 && (now & (LR_PENDING | LR_ACTIVE)) == LR_PENDING) {
        list_write(self, self->list_of[interrupt], 0);
    } else if (!is_waiting(self, interrupt)) {
        return;
    }
    self->waiting[interrupt / 32] &= ~bit_of(interrupt);
    if (self->configuration.deactivate != NULL) {
        self->configuration.deactivate(self->configuration.owner, interrupt);
    }
}

static void enable(void *context, uint32_t interrupt, bool enabled)
{
    struct vdev_gic_virtual *self = context;

    if (self->configuration.enable == NULL) {
        return;
    }
    self->configuration.enable(self->configuration.owner, interrupt, enabled);
    if (!enabled) {
        take_back(self, interrupt);
    } else {
        forward_again(self, interrupt);
    }
}

static bool is_active(void *context, uint32_t interrupt)
{
    return (list_of(context, interrupt) & LR_ACTIVE) != 0;
}

static bool is_delivering(void *context, uint32_t interrupt)
{
    return (list_of(context, interrupt) & LR_PENDING) != 0;
}

const struct vdev_gic_distributor_operations vdev_gic_virtual_operations = {
    .deliver = deliver,
    .withdraw = withdraw,
    .enable = enable,
    .active = is_active,
    .delivering = is_delivering,
};

/* There may be room again: for forwarded ones first, then for what the distributor has. */
static void retry(struct vdev_gic_virtual *self)
{
    for (uint32_t word = 0; word < self->configuration.distributor->interrupts / 32; word++) {
        for (uint32_t left = self->waiting[word]; left != 0; left &= left - 1) {
            forward_again(self, word * 32 + (uint32_t)__builtin_ctz(left));
        }
    }
    vdev_gic_distributor_retry(self->configuration.distributor);
}

void vdev_gic_virtual_maintain(struct vdev_gic_virtual *self)
{
    uint32_t ended = get(self, GICH_EISR0);

    self->maintained++;
    for (uint32_t list = 0; list < LISTS; list++) {
        if ((ended >> list & 1) != 0) {
            uint32_t interrupt = list_read(self, list) & LR_INTERRUPT;
            list_write(self, list, 0);
            forward_again(self, interrupt);
            vdev_gic_distributor_ended(self->configuration.distributor, interrupt);
        }
    }
    if ((get(self, GICH_HCR) & HCR_UNDERFLOW) != 0) {
        put(self, GICH_HCR, HCR_ENABLE);
        retry(self);
    }
}

bool vdev_gic_virtual_pending(const struct vdev_gic_virtual *self)
{
    for (uint32_t list = 0; list < LISTS; list++) {
        if ((list_read(self, list) & LR_PENDING) != 0) {
            return true;
        }
    }
    return false;
}

void vdev_gic_virtual_save(struct vdev_gic_virtual *self)
{
    for (uint32_t list = 0; list < LISTS; list++) {
        self->lists[list] = get(self, GICH_LR0 + 4 * list);
    }
    self->control = get(self, GICH_HCR);
    self->machine = get(self, GICH_VMCR);
    self->active_priorities = get(self, GICH_APR);
    put(self, GICH_HCR, 0); /* no maintenance interrupt while none is loaded */
    self->loaded = false;
}

void vdev_gic_virtual_load(struct vdev_gic_virtual *self)
{
    for (uint32_t list = 0; list < LISTS; list++) {
        put(self, GICH_LR0 + 4 * list, self->lists[list]);
    }
    put(self, GICH_VMCR, self->machine);
    put(self, GICH_APR, self->active_priorities);
    put(self, GICH_HCR, self->control);
    self->loaded = true;
}

int vdev_gic_virtual_init(struct vdev_gic_virtual *self,
                          const struct vdev_gic_virtual_configuration *configuration)
{
    if (configuration->distributor == NULL) {
        return VDEV_ERROR_INVALID;
    }
    memset(self, 0, sizeof *self);
    memset(self->list_of, NO_LIST, sizeof self->list_of);
    self->configuration = *configuration;
    self->control = HCR_ENABLE;
    return (get(self, GICH_VTR) & VTR_LISTS) + 1 < LISTS ? VDEV_ERROR_UNSUPPORTED : VDEV_OK;
}
