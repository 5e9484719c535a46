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
#define GICD_ISACTIVER  at(BOARD_GICD, 0x300)
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
#define GICH_APR        (*at(BOARD_GICH, 0xf0))
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
    NO_LIST = 0xff,
    SPURIOUS = 1020, /* and above */
};
#define LR_HARDWARE (UINT32_C(1) << 31)

/* What happens when a physical interrupt comes: a handler, or none: it is a guest's. */
static void (*handlers[BOARD_INTERRUPTS])(void);
static struct vm *owners[BOARD_INTERRUPTS];

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
    if ((GICH_VTR & 0x3f) + 1 < VM_LISTS) {
        log_stop("vdev: %u list registers, %u are needed", (unsigned)(GICH_VTR & 0x3f) + 1,
                 (unsigned)VM_LISTS);
    }
    for (uint32_t i = 0; i < VM_LISTS; i++) {
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

void gic_forward(struct vm *vm, uint32_t interrupt)
{
    /* Enabled when the guest enables it. */
    owners[interrupt] = vm;
}

void gic_reset(struct vm *vm)
{
    memset(vm->interface.list_of, NO_LIST, sizeof vm->interface.list_of);
    vm->interface.control = HCR_ENABLE;
}

void gic_send_self(uint32_t interrupt)
{
    GICD_SGIR = 2u << 24 | interrupt;
}

bool gic_is_pending(uint32_t interrupt)
{
    return (GICD_ISPENDR[interrupt / 32] >> (interrupt % 32) & 1) != 0;
}

/* A machine's list register: the hardware's while it runs. */
static inline uint32_t list_read(const struct vm *vm, uint32_t list)
{
    return vm == vm_current ? GICH_LR[list] : vm->interface.lists[list];
}

static inline void list_write(struct vm *vm, uint32_t list, uint32_t value)
{
    if (vm == vm_current) {
        GICH_LR[list] = value;
    } else {
        vm->interface.lists[list] = value;
    }
}

static uint32_t lists_free(const struct vm *vm)
{
    uint32_t free = 0;

    for (uint32_t list = 0; list < VM_LISTS; list++) {
        free |= (uint32_t)((vm->interface.lists[list] & (LR_PENDING | LR_ACTIVE)) == 0) << list;
    }
    return free;
}

/*
 * No list register is free: the least urgent interrupt that the guest has not seen yet goes back to
 * where it came from, if it is less urgent than this one. Returns a bit for the list, or 0.
 */
static __attribute__((noinline)) uint32_t make_room(struct vm *vm, uint32_t priority)
{
    uint32_t last = VM_LISTS;

    if (vm == vm_current) {
        GICH_HCR = HCR_ENABLE | HCR_UNDERFLOW;
    }
    vm->interface.control = HCR_ENABLE | HCR_UNDERFLOW;
    for (uint32_t list = 0; list < VM_LISTS; list++) {
        uint32_t now = list_read(vm, list);
        if ((now & LR_ACTIVE) == 0 && (now & LR_PRIORITY) > priority) {
            priority = now & LR_PRIORITY;
            last = list;
        }
    }
    if (last == VM_LISTS) {
        return 0;
    }
    uint32_t now = list_read(vm, last);
    uint32_t interrupt = now & LR_INTERRUPT;
    if ((now & LR_HARDWARE) != 0) {
        vm->interface.waiting[interrupt / 32] |= UINT32_C(1) << (interrupt % 32);
    } else {
        vdev_gic_distributor_returned(&vm->distributor, interrupt);
    }
    list_write(vm, last, 0);
    return UINT32_C(1) << last;
}

/* Put an interrupt into a free list register. Returns false if there is none. */
static inline bool list_add(struct vm *vm, uint32_t interrupt, uint32_t value)
{
    struct virtual_interface *interface = &vm->interface;
    uint32_t free = vm == vm_current ? GICH_ELRSR0 : lists_free(vm);

    if (free == 0) {
        free = make_room(vm, value & LR_PRIORITY);
        if (free == 0) {
            return false;
        }
    }
    uint32_t list = 31 - (uint32_t)__builtin_clz(free);
    uint32_t previous = interface->carried[list];
    if (interface->list_of[previous] == list) {
        interface->list_of[previous] = NO_LIST;
    }
    interface->carried[list] = (uint16_t)interrupt;
    interface->list_of[interrupt] = (uint8_t)list;
    list_write(vm, list, value);
    counts.virtual_irqs++;
    schedule_wake(vm);
    return true;
}

static inline bool list_add_forwarded(struct vm *vm, uint32_t interrupt)
{
    return list_add(vm, interrupt,
                    LR_HARDWARE | LR_PENDING | interrupt << LR_PHYSICAL_SHIFT |
                        (uint32_t)vm->distributor.priority[interrupt] << LR_PRIORITY_SHIFT |
                        interrupt);
}

/* ---- what the guest's distributor asks of its CPU interface ---- */

static bool deliver(void *context, uint32_t interrupt, uint8_t priority)
{
    struct vm *vm = context;
    uint32_t list = vm->interface.list_of[interrupt];
    uint32_t value = LR_PENDING | (uint32_t)priority << LR_PRIORITY_SHIFT | interrupt;

    if (interrupt >= 16) {
        value |= LR_END_INTERRUPT;
    }
    if (list != NO_LIST) {
        uint32_t now = list_read(vm, list);
        if ((now & (LR_PENDING | LR_ACTIVE)) != 0) {
            if ((now & LR_HARDWARE) != 0) {
                return true; /* hardware's own is on its way already */
            }
            if ((now & LR_PENDING) == 0) {
                list_write(vm, list, now | value);
                counts.virtual_irqs++;
            }
            return true;
        }
    }
    return list_add(vm, interrupt, value);
}

static void withdraw(void *context, uint32_t interrupt)
{
    struct vm *vm = context;
    uint32_t list = vm->interface.list_of[interrupt];

    if (list == NO_LIST) {
        return;
    }
    uint32_t now = list_read(vm, list);
    if ((now & LR_HARDWARE) != 0) {
        return;
    }
    /* Active: it goes on to its end, which nobody needs to hear of. */
    list_write(vm, list,
               (now & LR_ACTIVE) != 0 ? now & ~(uint32_t)(LR_PENDING | LR_END_INTERRUPT) : 0);
}

/* To a guest, once it has room and wants it. */
static void forward(struct vm *vm, uint32_t interrupt)
{
    if ((vm->distributor.enabled[interrupt / 32] >> (interrupt % 32) & 1) == 0 ||
        !list_add_forwarded(vm, interrupt)) {
        vm->interface.waiting[interrupt / 32] |= UINT32_C(1) << (interrupt % 32);
    }
}

/* A real interrupt that the guest has not seen yet goes back to the board's distributor. */
static void take_back(struct vm *vm, uint32_t interrupt)
{
    uint32_t mask = UINT32_C(1) << (interrupt % 32);
    uint32_t list = vm->interface.list_of[interrupt];
    uint32_t now = list == NO_LIST ? 0 : list_read(vm, list);

    if ((now & LR_HARDWARE) != 0 && (now & (LR_PENDING | LR_ACTIVE)) == LR_PENDING) {
        list_write(vm, list, 0);
    } else if ((vm->interface.waiting[interrupt / 32] & mask) == 0) {
        return;
    }
    vm->interface.waiting[interrupt / 32] &= ~mask;
    GICC_DIR = interrupt;
}

static void guest_enable(void *context, uint32_t interrupt, bool wanted)
{
    struct vm *vm = context;
    /* There is one virtual timer interrupt for all machines: it stays on if there are several. */
    bool on = wanted || (interrupt == BOARD_INTERRUPT_GUEST_TIMER && vm_count > 1);

    if (interrupt < BOARD_INTERRUPTS && owners[interrupt] != NULL &&
        (owners[interrupt] == vm || interrupt == BOARD_INTERRUPT_GUEST_TIMER)) {
        enable(interrupt, on);
        if (!wanted) {
            take_back(vm, interrupt);
        } else if ((vm->interface.waiting[interrupt / 32] & UINT32_C(1) << (interrupt % 32)) != 0) {
            vm->interface.waiting[interrupt / 32] &= ~(UINT32_C(1) << (interrupt % 32));
            forward(vm, interrupt);
        }
    }
}

static bool list_has(const struct vm *vm, uint32_t interrupt, uint32_t state)
{
    uint32_t list = interrupt < BOARD_INTERRUPTS ? vm->interface.list_of[interrupt] : NO_LIST;
    return list != NO_LIST && (list_read(vm, list) & state) != 0;
}

static bool is_active(void *context, uint32_t interrupt)
{
    return list_has(context, interrupt, LR_ACTIVE);
}

static bool is_delivering(void *context, uint32_t interrupt)
{
    return list_has(context, interrupt, LR_PENDING);
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
    struct vm *vm = vm_current;
    uint32_t ended = GICH_EISR0;

    counts.maintenance++;
    for (uint32_t list = 0; list < VM_LISTS; list++) {
        if ((ended >> list & 1) != 0) {
            uint32_t interrupt = GICH_LR[list] & LR_INTERRUPT;
            GICH_LR[list] = 0;
            vdev_gic_distributor_ended(&vm->distributor, interrupt);
        }
    }
    if ((GICH_HCR & HCR_UNDERFLOW) != 0) {
        GICH_HCR = HCR_ENABLE;
        vm->interface.control = HCR_ENABLE;
        for (uint32_t interrupt = 0; interrupt < BOARD_INTERRUPTS; interrupt++) {
            uint32_t mask = UINT32_C(1) << (interrupt % 32);
            if ((vm->interface.waiting[interrupt / 32] & mask) != 0) {
                if (!list_add_forwarded(vm, interrupt)) {
                    return;
                }
                vm->interface.waiting[interrupt / 32] &= ~mask;
            }
        }
        vdev_gic_distributor_retry(&vm->distributor);
    }
}

void interrupt_handle(void)
{
    uint32_t acknowledged = GICC_IAR;
    uint32_t interrupt = acknowledged & LR_INTERRUPT;

    counts.entries[COUNT_IRQ]++;
    if (interrupt >= BOARD_INTERRUPTS) {
        if (interrupt < SPURIOUS) {
            log_stop("vdev: interrupt %u is not the board's", (unsigned)interrupt);
        }
        return;
    }
    GICC_EOIR = acknowledged;
    void (*handle)(void) = handlers[interrupt];
    if (handle == NULL) {
        /* The virtual timer is the running machine's, whoever had it first. */
        forward(interrupt == BOARD_INTERRUPT_GUEST_TIMER ? vm_current : owners[interrupt],
                interrupt);
        return;
    }
    handle();
    GICC_DIR = acknowledged;
}

/* ---- several machines ---- */

bool gic_has_pending(const struct vm *vm)
{
    for (uint32_t list = 0; list < VM_LISTS; list++) {
        if ((list_read(vm, list) & LR_PENDING) != 0) {
            return true;
        }
    }
    return false;
}

/*
 * The physical interrupt of the virtual timer is active from when it was forwarded until the guest
 * ends it. There is one for all machines, so that this state is each machine's own.
 */
void gic_save(struct vm *vm)
{
    struct virtual_interface *interface = &vm->interface;
    const uint32_t timer = UINT32_C(1) << BOARD_INTERRUPT_GUEST_TIMER;

    for (uint32_t list = 0; list < VM_LISTS; list++) {
        interface->lists[list] = GICH_LR[list];
    }
    interface->control = GICH_HCR;
    interface->machine = GICH_VMCR;
    interface->active_priorities = GICH_APR;
    interface->timer_active = (GICD_ISACTIVER[0] & timer) != 0;
    if (interface->timer_active) {
        GICD_ICACTIVER[0] = timer;
    }
}

void gic_restore(struct vm *vm)
{
    struct virtual_interface *interface = &vm->interface;

    for (uint32_t list = 0; list < VM_LISTS; list++) {
        GICH_LR[list] = interface->lists[list];
    }
    GICH_HCR = interface->control;
    GICH_VMCR = interface->machine;
    GICH_APR = interface->active_priorities;
    if (interface->timer_active) {
        GICD_ISACTIVER[0] = UINT32_C(1) << BOARD_INTERRUPT_GUEST_TIMER;
    }
}

void gic_timer(struct vm *vm)
{
    vm->interface.timer_active = true;
    forward(vm, BOARD_INTERRUPT_GUEST_TIMER);
}
