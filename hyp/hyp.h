/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the hypervisor tell each other: the board, the one virtual machine, the
 * counters. Everything here is the hypervisor's own; the library knows nothing of it.
 */
#ifndef HYP_H
#define HYP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/block.h>
#include <vdev/bus.h>
#include <vdev/clock.h>
#include <vdev/console.h>
#include <vdev/emulators/gic_distributor.h>
#include <vdev/memory.h>

/* ---- the board: QEMU's vexpress-a15 ---- */

#define BOARD_GICD        0x2c001000u
#define BOARD_GICC        0x2c002000u
#define BOARD_GICH        0x2c004000u
#define BOARD_GICV        0x2c006000u
#define BOARD_UART0       0x1c090000u
#define BOARD_UART1       0x1c0a0000u
#define BOARD_UART2       0x1c0b0000u
#define BOARD_CARD        0x1c050000u
#define BOARD_MARK        0x1c130600u /* an idle virtio-mmio slot, where guests write marks */
#define BOARD_SYSTEM      0x1c010000u /* power-off: SYS_CFGDATA, SYS_CFGCTRL */
#define BOARD_MEMORY      0x80000000u
#define BOARD_DESCRIPTION 0x88000000u /* where the loader puts the system description */
#define BOARD_GUEST       0x90000000u /* physical memory from here on is given to guests */

enum board_interrupt {
    BOARD_INTERRUPT_SELF = 1,         /* SGI: there is more to do for the board's devices */
    BOARD_INTERRUPT_MAINTENANCE = 25, /* of the virtual CPU interface */
    BOARD_INTERRUPT_TIMER = 26,       /* the hypervisor's */
    BOARD_INTERRUPT_GUEST_TIMER = 27, /* virtual timer */
    BOARD_INTERRUPT_UART0 = 32 + 5,
    BOARD_INTERRUPT_UART2 = 32 + 7,
    BOARD_INTERRUPT_CARD0 = 32 + 9,
    BOARD_INTERRUPT_CARD1 = 32 + 10,
    BOARD_INTERRUPTS = 96,
};

/* The real drivers of the hypervisor; a device that the guest owns has none. devices.c */
/* The console on UART0 or, with 1, on UART2; and the card. Started when they are first asked for. */
struct vdev_console *board_console(unsigned number);
struct vdev_block *board_card(void);
/* Call `ring` when the clock passes `deadline`, once; UINT64_MAX: not at all. */
enum board_alarm { BOARD_ALARM_CARD, BOARD_ALARM_GUEST, BOARD_ALARMS };
void board_alarm(enum board_alarm alarm, uint64_t deadline, void (*ring)(void));
void board_power_off(void) __attribute__((noreturn));
extern const struct vdev_clock board_clock;

/* The interrupt controller. gic.c */
void gic_init(void);
/* Handle a physical interrupt here: `handle` is called with interrupts masked. */
void gic_attach(uint32_t interrupt, void (*handle)(void));
/* Hand a physical interrupt to the guest, which deactivates it itself. */
void gic_forward(uint32_t interrupt);
void gic_send_self(void);
bool gic_is_pending(uint32_t interrupt);
extern const struct vdev_gic_distributor_operations gic_virtual_interface;

/* ---- counting: count.c ---- */

enum count_entry {
    COUNT_HYPERCALL,
    COUNT_EMULATED_ACCESS, /* data aborts that a device answered or refused */
    COUNT_STAGE2_FAULT,    /* data and prefetch aborts that mapped memory */
    COUNT_IRQ,
    COUNT_SYSTEM_REGISTER, /* trapped coprocessor accesses */
    COUNT_REFUSED,         /* what ended in an abort or an undefined exception for the guest */
    COUNT_ENTRIES,
};

struct counts {
    uint32_t entries[COUNT_ENTRIES]; /* modulo 2^32 */
    uint32_t virtual_irqs;
    uint32_t world_switches;
    uint32_t maintenance; /* of the irq entries, those for the virtual CPU interface itself */
};

void count_init(void);
/* Called often enough that the hardware's 32-bit counter cannot wrap twice in between. */
void count_wrap(void);
/* A guest's mark: writes all counters to the log, without counting what that takes. */
void count_mark(uint32_t number);
/* The function of the mark's bus window. */
int count_mark_access(void *device, struct vdev_access *access);

/* ---- the virtual machine: vm.c ---- */

#define VM_WINDOWS 12u

/* What a trap looks at comes first, close together. */
struct vm {
    struct counts counts;
    uint32_t ram_address;  /* guest physical */
    uint32_t ram_size;     /* bytes, a multiple of 2 MiB */
    uint32_t ram_physical; /* where it really is */
    struct vdev_bus bus;
    struct vdev_bus_window windows[VM_WINDOWS];
    unsigned window_count;
    struct vdev_gic_distributor distributor;
    struct vdev_memory_region region;
    struct vdev_memory memory;
    uint32_t entry; /* guest physical addresses of the kernel and of its tree */
    uint32_t tree;
};
extern struct vm vm;

/* Build the machine from the description; reports and stops the board on a mistake. */
void vm_build(void);

/* Stage 2 translation: stage2.c */
void stage2_init(void);
/* A page of registers, as it is. */
void stage2_map_device(uint32_t guest_address, uint32_t physical_address, uint32_t length);
/* Are registers mapped there? Not for addresses of memory. */
bool stage2_is_mapped(uint32_t guest_address);
/* Map the 2 MiB of guest memory around an address. */
void stage2_map_memory(uint32_t guest_address);

/* The hypervisor's own translation: mmu.c */
void mmu_enable(void);
/* Bring what was written to memory to where a guest sees it whose caches are off. */
void mmu_clean(const void *pointer, uint32_t length);

/* ---- traps: trap.c, interrupt.c, inject.c, psci.c ---- */

/* As the entry code pushes them. */
struct registers {
    uint32_t r[13];
    uint32_t lr; /* of User and System mode; Hyp mode has none of its own */
};

void trap_data_abort(struct registers *registers, uint32_t syndrome);
void trap_handle(struct registers *registers, uint32_t syndrome); /* all others */
void interrupt_handle(void);
void fault_report(uint32_t kind, uint32_t program_counter, uint32_t syndrome, uint32_t address);
void guest_enter(uint32_t entry, uint32_t second, uint32_t tree) __attribute__((noreturn));

/* Exceptions into the guest, as its architecture says. */
void inject_undefined(void);
void inject_data_abort(uint32_t address, bool write);
void inject_prefetch_abort(uint32_t address);

void psci_call(struct registers *registers);

/* memory.c: what the compiler and the library expect, and what a C library would declare. */
void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);

/* ---- the log: log.c; on the board's second UART ---- */

void log_init(void);
/* Knows %s, %u, %x (32 bits), %llu and %%. */
void log_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Print what was wrong and a line's end, and power the board off. */
void log_stop(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
