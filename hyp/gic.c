/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The board's GICv2: physical interrupts, and whose they are. [GIC architecture 2.0, §4]
 *
 * The physical CPU interface splits priority drop from deactivation: an interrupt that is forwarded
 * to a guest stays active until the guest ends the virtual one, which deactivates the physical one
 * in hardware.
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

enum { INTERRUPT = 0x3ff, SPURIOUS = 1020 /* and above */ };

/* What happens when a physical interrupt comes: a handler, or none: it is a guest's. */
static void (*handlers[BOARD_INTERRUPTS])(void);
static struct vm *owners[BOARD_INTERRUPTS];

static void maintain(void)
{
    vdev_gic_virtual_maintain(&vm_current->interface);
}

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

static void wake(void *owner)
{
    schedule_wake(owner);
}

static void guest_enable(void *owner, uint32_t interrupt, bool wanted)
{
    /* There is one virtual timer interrupt for all machines: it stays on if there are several. */
    bool timer = interrupt == BOARD_INTERRUPT_GUEST_TIMER;

    if (interrupt < BOARD_INTERRUPTS && owners[interrupt] != NULL &&
        (owners[interrupt] == owner || timer)) {
        enable(interrupt, wanted || (timer && vm_count > 1));
    }
}

static void deactivate(void *owner, uint32_t interrupt)
{
    (void)owner;
    GICC_DIR = interrupt;
}

int gic_virtual_init(struct vm *vm)
{
    const struct vdev_gic_virtual_configuration configuration = {
        .control = {.base = BOARD_GICH},
        .distributor = &vm->distributor,
        .wake = wake,
        .enable = guest_enable,
        .deactivate = deactivate,
        .owner = vm,
    };

    return vdev_gic_virtual_init(&vm->interface, &configuration);
}

void gic_send_self(uint32_t interrupt)
{
    GICD_SGIR = 2u << 24 | interrupt;
}

bool gic_is_pending(uint32_t interrupt)
{
    return (GICD_ISPENDR[interrupt / 32] >> (interrupt % 32) & 1) != 0;
}

void interrupt_handle(void)
{
    uint32_t acknowledged = GICC_IAR;
    uint32_t interrupt = acknowledged & INTERRUPT;

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
        struct vm *vm = interrupt == BOARD_INTERRUPT_GUEST_TIMER ? vm_current : owners[interrupt];
        vdev_gic_virtual_forward(&vm->interface, interrupt);
        return;
    }
    handle();
    GICC_DIR = acknowledged;
}

/*
 * The physical interrupt of the virtual timer is active from when it was forwarded until the guest
 * ends it. There is one for all machines, so that this state is each machine's own.
 */
void gic_save(struct vm *vm)
{
    const uint32_t timer = UINT32_C(1) << BOARD_INTERRUPT_GUEST_TIMER;

    vdev_gic_virtual_save(&vm->interface);
    vm->timer_active = (GICD_ISACTIVER[0] & timer) != 0;
    if (vm->timer_active) {
        GICD_ICACTIVER[0] = timer;
    }
}

void gic_restore(struct vm *vm)
{
    vdev_gic_virtual_load(&vm->interface);
    if (vm->timer_active) {
        GICD_ISACTIVER[0] = UINT32_C(1) << BOARD_INTERRUPT_GUEST_TIMER;
    }
}

void gic_timer(struct vm *vm)
{
    vm->timer_active = true;
    vdev_gic_virtual_forward(&vm->interface, BOARD_INTERRUPT_GUEST_TIMER);
}
