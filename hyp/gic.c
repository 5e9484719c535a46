/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GICv2: physical interrupts, and the guest's virtual ones through the list registers.
 * [GIC architecture 2.0, §4 and §5]
 *
 * The physical CPU interface splits priority drop from deactivation: an interrupt that is forwarded
 * to the guest stays active until the guest ends the virtual one, which deactivates the physical one
 * in hardware. The lines of emulated devices are levels. One that is delivered asks for a
 * maintenance interrupt at its end (to look at the line again), and this wish is dropped as soon as
 * the line falls: so a guest's driver that quiets its device before it ends the interrupt, which is
 * what drivers do, never costs that entry, and one that does not is not left waiting.
 */
#include "cpu.h"
#include "hyp.h"

static inline volatile uint32_t *at(uint32_t base, uint32_t offset)
{
    return (volatile uint32_t *)(uintptr_t)(base + offset);
}

#define GICD_CTLR       (*at(BOARD_GICD, 0x000))
#define GICD_ISENABLER  at(BOARD_GICD, 0x100)
#define GICD_ICENABLER  at(BOARD_GICD, 0x180)
#define GICD_ISPENDR    at(BOARD_GICD, 0x200)
#define GICD_ICACTIVER  at(BOARD_GICD, 0x380)
#define GICD_IPRIORITYR at(BOARD_GICD, 0x400)
#define GICD_ITARGETSR  at(BOARD_GICD, 0x800)
#define GICD_SGIR       (*at(BOARD_GICD, 0xf00))
#define GICC_CTLR       (*at(BOARD_GICC, 0x00))
#define GICC_PMR        (*at(BOARD_GICC, 0x04))
#define GICC_IAR        (*at(BOARD_GICC, 0x0c))
#define GICC_EOIR       (*at(BOARD_GICC, 0x10))
#define GICC_DIR        (*at(BOARD_GICC, 0x1000))
#define GICH_HCR        (*at(BOARD_GICH, 0x00))
#define GICH_VTR        (*at(BOARD_GICH, 0x04))
#define GICH_VMCR       (*at(BOARD_GICH, 0x08))
#define GICH_EISR0      (*at(BOARD_GICH, 0x20))
#define GICH_ELRSR0     (*at(BOARD_GICH, 0x30))
#define GICH_LR         at(BOARD_GICH, 0x100)

enum {
    HCR_ENABLE = 1 << 0,
    HCR_UNDERFLOW = 1 << 1,
    LR_INTERRUPT = 0x3ff,
    LR_PHYSICAL_SHIFT = 10,
    LR_END_INTERRUPT = 1 << 19,
    LR_PRIORITY_SHIFT = 20, /* of an 8-bit priority, whose upper five bits are kept */
    LR_PRIORITY = 0x1f << 23,
    LR_PENDING = 1 << 28,
    LR_ACTIVE = 1 << 29,
    LISTS = 4,
    NO_LIST = 0xff,
    SPURIOUS = 1020, /* and above */
};
#define LR_HARDWARE (UINT32_C(1) << 31)

/* What happens when a physical interrupt comes: a handler, or none: it is the guest's. */
static void (*handlers[BOARD_INTERRUPTS])(void);
static bool forwarded[BOARD_INTERRUPTS];

/* The list register that last carried an interrupt, and the other way round. */
static uint8_t list_of[BOARD_INTERRUPTS];
static uint16_t carried[LISTS];
/* Forwarded interrupts that found no list register. */
static uint32_t waiting[BOARD_INTERRUPTS / 32];

static void maintain(void);

static void enable(uint32_t interrupt, bool on)
{
    (on ? GICD_ISENABLER : GICD_ICENABLER)[interrupt / 32] = UINT32_C(1) << (interrupt % 32);
}

void gic_init(void)
{
    GICD_CTLR = 0;
    for (uint32_t i = 0; i < BOARD_INTERRUPTS / 32; i++) {
        GICD_ICENABLER[i] = ~UINT32_C(0);
        GICD_ICACTIVER[i] = ~UINT32_C(0);
    }
    for (uint32_t i = 0; i < BOARD_INTERRUPTS / 4; i++) {
        GICD_IPRIORITYR[i] = 0xa0a0a0a0;
        if (i >= 8) {
            GICD_ITARGETSR[i] = 0x01010101;
        }
    }
    for (uint32_t i = 0; i < BOARD_INTERRUPTS; i++) {
        list_of[i] = NO_LIST;
    }
    if ((GICH_VTR & 0x3f) + 1 < LISTS) {
        log_stop("vdev: %u list registers, %u are needed", (unsigned)(GICH_VTR & 0x3f) + 1,
                 (unsigned)LISTS);
    }
    for (uint32_t i = 0; i < LISTS; i++) {
        GICH_LR[i] = 0;
    }
    GICH_VMCR = 0;
    GICH_HCR = HCR_ENABLE;
    GICC_PMR = 0xff;
    GICC_CTLR = 1 << 9 | 1; /* EOImode: priority drop only */
    GICD_CTLR = 1;
    gic_attach(BOARD_INTERRUPT_MAINTENANCE, maintain);
}

void gic_attach(uint32_t interrupt, void (*handle)(void))
{
    handlers[interrupt] = handle;
    enable(interrupt, true);
}

void gic_forward(uint32_t interrupt)
{
    /* Enabled when the guest enables it. */
    forwarded[interrupt] = true;
}

void gic_send_self(void)
{
    GICD_SGIR = 2u << 24 | BOARD_INTERRUPT_SELF;
}

bool gic_is_pending(uint32_t interrupt)
{
    return (GICD_ISPENDR[interrupt / 32] >> (interrupt % 32) & 1) != 0;
}

/*
 * No list register is free: the least urgent interrupt that the guest has not seen yet goes back to
 * where it came from, if it is less urgent than this one. Returns a bit for the list, or 0.
 */
static __attribute__((noinline)) uint32_t make_room(uint32_t priority)
{
    uint32_t last = LISTS;

    GICH_HCR = HCR_ENABLE | HCR_UNDERFLOW;
    for (uint32_t list = 0; list < LISTS; list++) {
        uint32_t now = GICH_LR[list];
        if ((now & LR_ACTIVE) == 0 && (now & LR_PRIORITY) > priority) {
            priority = now & LR_PRIORITY;
            last = list;
        }
    }
    if (last == LISTS) {
        return 0;
    }
    uint32_t now = GICH_LR[last];
    uint32_t interrupt = now & LR_INTERRUPT;
    if ((now & LR_HARDWARE) != 0) {
        waiting[interrupt / 32] |= UINT32_C(1) << (interrupt % 32);
    } else {
        vdev_gic_distributor_returned(&vm.distributor, interrupt);
    }
    GICH_LR[last] = 0;
    return UINT32_C(1) << last;
}

/* Put an interrupt into a free list register. Returns false if there is none. */
static inline bool list_add(uint32_t interrupt, uint32_t value)
{
    uint32_t free = GICH_ELRSR0;
    if (free == 0) {
        free = make_room(value & LR_PRIORITY);
        if (free == 0) {
            return false;
        }
    }
    uint32_t list = 31 - (uint32_t)__builtin_clz(free);
    uint32_t previous = carried[list];
    if (list_of[previous] == list) {
        list_of[previous] = NO_LIST;
    }
    carried[list] = (uint16_t)interrupt;
    list_of[interrupt] = (uint8_t)list;
    GICH_LR[list] = value;
    vm.counts.virtual_irqs++;
    return true;
}

static inline bool list_add_forwarded(uint32_t interrupt)
{
    return list_add(interrupt, LR_HARDWARE | LR_PENDING | interrupt << LR_PHYSICAL_SHIFT |
                                   (uint32_t)vm.distributor.priority[interrupt]
                                       << LR_PRIORITY_SHIFT |
                                   interrupt);
}

/* ---- what the guest's distributor asks of its CPU interface ---- */

static bool deliver(void *context, uint32_t interrupt, uint8_t priority)
{
    uint32_t list = list_of[interrupt];
    uint32_t value = LR_PENDING | (uint32_t)priority << LR_PRIORITY_SHIFT | interrupt;

    (void)context;
    if (interrupt >= 16) {
        value |= LR_END_INTERRUPT;
    }
    if (list != NO_LIST) {
        uint32_t now = GICH_LR[list];
        if ((now & (LR_PENDING | LR_ACTIVE)) != 0) {
            if ((now & LR_HARDWARE) != 0) {
                return true; /* hardware's own is on its way already */
            }
            if ((now & LR_PENDING) == 0) {
                GICH_LR[list] = now | value;
                vm.counts.virtual_irqs++;
            }
            return true;
        }
    }
    return list_add(interrupt, value);
}

static void withdraw(void *context, uint32_t interrupt)
{
    uint32_t list = list_of[interrupt];

    (void)context;
    if (list == NO_LIST) {
        return;
    }
    uint32_t now = GICH_LR[list];
    if ((now & LR_HARDWARE) != 0) {
        return;
    }
    /* Active: it goes on to its end, which nobody needs to hear of. */
    GICH_LR[list] = (now & LR_ACTIVE) != 0 ? now & ~(uint32_t)(LR_PENDING | LR_END_INTERRUPT) : 0;
}

/* A real interrupt that the guest has not seen yet goes back to the board's distributor. */
static void take_back(uint32_t interrupt)
{
    uint32_t mask = UINT32_C(1) << (interrupt % 32);
    uint32_t list = list_of[interrupt];
    uint32_t now = list == NO_LIST ? 0 : GICH_LR[list];

    if ((now & LR_HARDWARE) != 0 && (now & (LR_PENDING | LR_ACTIVE)) == LR_PENDING) {
        GICH_LR[list] = 0;
    } else if ((waiting[interrupt / 32] & mask) == 0) {
        return;
    }
    waiting[interrupt / 32] &= ~mask;
    GICC_DIR = interrupt;
}

static void guest_enable(void *context, uint32_t interrupt, bool on)
{
    (void)context;
    if (interrupt < BOARD_INTERRUPTS && forwarded[interrupt]) {
        enable(interrupt, on);
        if (!on) {
            take_back(interrupt);
        }
    }
}

static bool list_has(uint32_t interrupt, uint32_t state)
{
    uint32_t list = interrupt < BOARD_INTERRUPTS ? list_of[interrupt] : NO_LIST;
    return list != NO_LIST && (GICH_LR[list] & state) != 0;
}

static bool is_active(void *context, uint32_t interrupt)
{
    (void)context;
    return list_has(interrupt, LR_ACTIVE);
}

static bool is_delivering(void *context, uint32_t interrupt)
{
    (void)context;
    return list_has(interrupt, LR_PENDING);
}

const struct vdev_gic_distributor_operations gic_virtual_interface = {
    .deliver = deliver,
    .withdraw = withdraw,
    .enable = guest_enable,
    .active = is_active,
    .delivering = is_delivering,
};

/* ---- interrupts of the virtual CPU interface, and of everything else ---- */

static void maintain(void)
{
    uint32_t ended = GICH_EISR0;

    vm.counts.maintenance++;
    for (uint32_t list = 0; list < LISTS; list++) {
        if ((ended >> list & 1) != 0) {
            uint32_t interrupt = GICH_LR[list] & LR_INTERRUPT;
            GICH_LR[list] = 0;
            vdev_gic_distributor_ended(&vm.distributor, interrupt);
        }
    }
    if ((GICH_HCR & HCR_UNDERFLOW) != 0) {
        GICH_HCR = HCR_ENABLE;
        for (uint32_t interrupt = 0; interrupt < BOARD_INTERRUPTS; interrupt++) {
            uint32_t mask = UINT32_C(1) << (interrupt % 32);
            if ((waiting[interrupt / 32] & mask) != 0) {
                if (!list_add_forwarded(interrupt)) {
                    return;
                }
                waiting[interrupt / 32] &= ~mask;
            }
        }
        vdev_gic_distributor_retry(&vm.distributor);
    }
}

void interrupt_handle(void)
{
    uint32_t acknowledged = GICC_IAR;
    uint32_t interrupt = acknowledged & LR_INTERRUPT;

    vm.counts.entries[COUNT_IRQ]++;
    if (interrupt >= BOARD_INTERRUPTS) {
        if (interrupt < SPURIOUS) {
            log_stop("vdev: interrupt %u is not the board's", (unsigned)interrupt);
        }
        return;
    }
    GICC_EOIR = acknowledged;
    void (*handle)(void) = handlers[interrupt];
    if (handle == NULL) {
        if (!list_add_forwarded(interrupt)) {
            waiting[interrupt / 32] |= UINT32_C(1) << (interrupt % 32);
        }
        return;
    }
    handle();
    GICC_DIR = acknowledged;
}
