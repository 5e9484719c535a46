/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the hypervisor tell each other: the board, the virtual machines, the counters.
 * Everything here is the hypervisor's own; the library knows nothing of it.
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
#include <vdev/emulators/gic_virtual.h>
#include <vdev/memory.h>

#include "interface.h"

/* ---- the board: QEMU's vexpress-a15 ---- */

#define BOARD_GICD        0x2c001000u
#define BOARD_GICC        0x2c002000u
#define BOARD_GICH        0x2c004000u
#define BOARD_GICV        0x2c006000u
#define BOARD_UART0       0x1c090000u
#define BOARD_UART1       0x1c0a0000u
#define BOARD_UART2       0x1c0b0000u
#define BOARD_CARD        0x1c050000u
#define BOARD_NETWORK     0x1a000000u
#define BOARD_MARK        0x1c130600u /* an idle virtio-mmio slot, where guests write marks */
#define BOARD_SYSTEM      0x1c010000u /* power-off: SYS_CFGDATA, SYS_CFGCTRL */
#define BOARD_MEMORY      0x80000000u
#define BOARD_DESCRIPTION 0x88000000u /* where the loader puts the system description */
#define BOARD_SHARED      0x8f000000u /* memory of front-ends, shared with driver VMs */
#define BOARD_GUEST       0x90000000u /* physical memory from here on is given to guests, ... */
#define BOARD_MEMORY_END  0xc0000000u /* ... up to its end */

enum board_interrupt {
    BOARD_INTERRUPT_SELF = 1,         /* SGI: there is more to do for consoles and card, ... */
    BOARD_INTERRUPT_SELF_NETWORK = 2, /* ... for the network, ... */
    BOARD_INTERRUPT_SELF_LINK = 3,    /* ... or for links to driver VMs */
    BOARD_INTERRUPT_MAINTENANCE = 25, /* of the virtual CPU interface */
    BOARD_INTERRUPT_TIMER = 26,       /* the hypervisor's */
    BOARD_INTERRUPT_GUEST_TIMER = 27, /* virtual timer */
    BOARD_INTERRUPT_UART0 = 32 + 5,
    BOARD_INTERRUPT_UART2 = 32 + 7,
    BOARD_INTERRUPT_CARD0 = 32 + 9,
    BOARD_INTERRUPT_CARD1 = 32 + 10,
    BOARD_INTERRUPT_NETWORK = 32 + 15,
    BOARD_INTERRUPTS = 96,
};

/* The real drivers of the hypervisor; a device that the guest owns has none. devices.c */
/* The console on UART0 or, with 1, on UART2; and the card. Started when they are first asked for. */
struct vm;
struct vdev_console *board_console(unsigned number);
struct vdev_block *board_card(void);
/* The first UART is polled through the focus from now on. */
struct vdev_console_focus;
void board_watch_console(struct vdev_console_focus *focus);
/* Call `ring` when the clock passes `deadline`, once; UINT64_MAX: not at all. */
enum board_alarm {
    BOARD_ALARM_CARD,
    BOARD_ALARM_GUEST,
    BOARD_ALARM_SCHEDULE,
    BOARD_ALARM_LINK,
    BOARD_ALARMS
};
void board_alarm(enum board_alarm alarm, uint64_t deadline, void (*ring)(void));
/* What the network's controller has moved, as a member of a mark's line. network.c */
void network_report(void);
void board_power_off(void) __attribute__((noreturn));
extern const struct vdev_clock board_clock;

/* The interrupt controller. gic.c */
void gic_init(void);
/* Handle a physical interrupt here: `handle` is called with interrupts masked. */
void gic_attach(uint32_t interrupt, void (*handle)(void));
/* Hand a physical interrupt to a guest, which deactivates it itself. */
void gic_forward(struct vm *vm, uint32_t interrupt);
/* A software-generated interrupt of BOARD_INTERRUPT_SELF... */
void gic_send_self(uint32_t interrupt);
bool gic_is_pending(uint32_t interrupt);
/* A machine's virtual CPU interface, empty; into the hardware and back. */
int gic_virtual_init(struct vm *vm);
void gic_save(struct vm *vm);
void gic_restore(struct vm *vm);
/* The virtual timer of a machine that does not run has fired. */
void gic_timer(struct vm *vm);

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
    uint32_t virtual_irqs; /* those of HCR.VI; the others are each virtual CPU interface's */
    uint32_t world_switches;
};

extern struct counts counts;

void count_init(void);
/* Called often enough that the hardware's 32-bit counters cannot wrap twice in between. */
void count_wrap(void);
/* A guest's mark: writes all counters to the log, without counting what that takes. */
void count_mark(uint32_t number);
/* If paths are measured, each begins here. */
extern bool count_paths;
void count_path(uint32_t call, bool interrupted);
/* The function of the mark's bus window. */
int count_mark_access(void *device, struct vdev_access *access);

/* ---- virtual machines: vm.c ---- */

#define VM_MAXIMUM 6u
#define VM_WINDOWS 12u

/* As the entry code pushes them. */
struct registers {
    uint32_t r[13];
    uint32_t lr; /* of User and System mode; Hyp mode has none of its own */
};

/* What the processor has of a machine that runs, while another one does. switch.c */
struct context {
    struct registers registers;
#define CONTEXT_REGISTERS(X)                                                                       \
    X(elr_hyp) X(spsr_hyp) X(sp_usr) X(sp_svc) X(lr_svc) X(spsr_svc) X(sp_abt) X(lr_abt)           \
    X(spsr_abt) X(sp_und) X(lr_und) X(spsr_und) X(sp_irq) X(lr_irq) X(spsr_irq) X(sp_fiq)          \
    X(lr_fiq) X(spsr_fiq) X(r8_fiq) X(r9_fiq) X(r10_fiq) X(r11_fiq) X(r12_fiq) X(sctlr) X(cpacr)   \
    X(csselr) X(ttbcr) X(dacr) X(dfsr) X(ifsr) X(adfsr) X(aifsr) X(dfar) X(ifar) X(mair0)          \
    X(mair1) X(vbar) X(contextidr) X(tpidrurw) X(tpidruro) X(tpidrprw) X(cntkctl) X(cntv_ctl)      \
    X(hcr)
#define CONTEXT_MEMBER(name) uint32_t name;
    CONTEXT_REGISTERS(CONTEXT_MEMBER)
#define CONTEXT_REGISTERS_64(X) X(ttbr0) X(ttbr1) X(par) X(cntv_cval) X(cntvoff) X(vttbr)
#define CONTEXT_MEMBER_64(name) uint64_t name;
    CONTEXT_REGISTERS_64(CONTEXT_MEMBER_64)
    uint64_t vfp[32];
    uint32_t vfp_status; /* FPSCR */
    uint32_t vfp_enable; /* FPEXC */
};

enum vm_state {
    VM_READY,
    VM_WAITING, /* for an interrupt */
    VM_BLOCKED, /* for an answer from another machine */
    VM_STOPPED,
    VM_NEW, /* driver VMs come first: front-ends need them to answer */
};

/* What a trap looks at comes first, close together. */
struct vm {
    struct vdev_bus bus;
    uint32_t ram_address;  /* guest physical */
    uint32_t ram_size;     /* bytes, a multiple of 2 MiB */
    uint32_t ram_physical; /* where it really is */
    uint32_t shared_offset, shared_size; /* what of it driver VMs may see */
    struct vdev_bus_window windows[VM_WINDOWS];
    unsigned window_count;
    uint32_t lines_taken[BOARD_INTERRUPTS / 32];
    struct vdev_gic_distributor distributor;
    struct vdev_gic_virtual interface;
    bool timer_active; /* the physical interrupt of the virtual timer is this machine's */
    struct vdev_memory_region region;
    struct vdev_memory memory;
    uint64_t *level2; /* of stage 2: all four gigabytes' second levels, one after the other */
    uint32_t entry;   /* guest physical addresses of the kernel and of its tree */
    uint32_t tree;
    const char *name;
    unsigned number;
    uint32_t reports;     /* of its own that were logged */
    bool driver;          /* serves others */
    bool bare;            /* is told, instead of a tree, ... */
    struct hyp_boot boot; /* ... this */
    struct context context;
    /* Scheduling: schedule.c */
    uint8_t state;
    uint8_t priority; /* the larger, the more urgent */
    uint64_t budget;  /* nanoseconds in each period, or 0: no limit */
    uint64_t used;    /* of it, in this period */
};
extern struct vm vms[VM_MAXIMUM];
extern unsigned vm_count;
extern struct vm *vm_current; /* runs, or ran last */

/* Build the machines from the description; reports and stops the board on a mistake. */
void vm_build(void);
/* The machine of that name, or NULL. */
struct vm *vm_find(const char *name);
/* Memory that is never given back, zeroed; while building only. */
void *vm_allocate(uint32_t size);

/* ---- who runs: schedule.c, switch.c ---- */

/* Begin with the most urgent machine. */
void schedule_start(void) __attribute__((noreturn));
/* There is something for a machine to do. */
void schedule_wake(struct vm *vm);
/* The running machine has nothing to do, or is never to run again. */
void schedule_wait(void);
void schedule_stop(void);
/* Let driver VMs run until one of them rings, or a while has passed: before all others start. */
void schedule_nested(void);
void schedule_rang(void);
/* The running machine goes on when another has answered; that one has. */
void schedule_block(void);
void schedule_unblock(struct vm *vm);
void schedule_yield(void);
/* Something that the present entry has made necessary: called once, before it ends. */
void schedule_work(void (*function)(void));
/* Called by the entry code before a return, if HTPIDR asks for it. */
void schedule(struct registers *registers);
void switch_prepare(struct vm *vm); /* as after reset */
void switch_from(const struct registers *registers); /* save the running one */
void switch_to(struct vm *vm, struct registers *registers);
void switch_vfp(void); /* the running machine uses it, and it holds another's registers */

/* Stage 2 translation: stage2.c */
void stage2_init(struct vm *vm);
/* A page of registers, as it is. */
void stage2_map_device(struct vm *vm, uint32_t guest_address, uint32_t physical_address, uint32_t length);
/* Memory of another machine or of the hypervisor, whole pages; in blocks of 2 MiB where it can. */
void stage2_share(struct vm *vm, uint32_t guest_address, uint32_t physical_address,
                  uint32_t length);
/* Are registers mapped there? Not for addresses of memory. */
bool stage2_is_mapped(const struct vm *vm, uint32_t guest_address);
/* Map the 2 MiB of the running machine's memory around an address. */
void stage2_map_memory(uint32_t guest_address);

/* The hypervisor's own translation: mmu.c */
void mmu_enable(void);
/* Bring what was written to memory to where a guest sees it whose caches are off. */
void mmu_clean(const void *pointer, uint32_t length);

/* ---- traps: trap.c, interrupt.c, inject.c ---- */

void trap_data_abort(struct registers *registers, uint32_t syndrome);
void trap_handle(struct registers *registers, uint32_t syndrome); /* all others */
void interrupt_handle(void);
void fault_report(uint32_t kind, uint32_t program_counter, uint32_t syndrome, uint32_t address);
void guest_enter(const struct registers *registers) __attribute__((noreturn));

/* Devices whose back-end is in another machine: link.c */
struct place;
/*
 * True if the device's node names a driver VM: it is then a link's. With `build`, which is called
 * again when the driver VM has answered, the hypervisor keeps an emulator on a front-end.
 */
bool link_build(const struct place *place, uint32_t kind, void (*build)(const struct place *place));
/* During that second call, and later: the device's class; else NULL. */
struct front;
struct front *link_front(const struct place *place);
/* For the front-ends: while they start, whoever reads it lets the driver VM run. */
extern const struct vdev_clock link_clock;
/* Once all machines are there. */
void link_connect(void);
/* Once they may run: start the front-ends. */
void link_start(void);
/* A machine rings the doorbell of its link of that number. False: there is none. */
bool link_doorbell(struct vm *vm, uint32_t number);
/* A driver VM is no more. */
void link_fail(struct vm *driver);

/* Exceptions into the guest, as its architecture says. */
void inject_undefined(void);
void inject_data_abort(uint32_t address, bool write);
void inject_prefetch_abort(uint32_t address);

/* The running machine is off, or wants to be reset, which is the same here. */
void guest_ends(const char *what);

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
