/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which machine runs: the most urgent one that has something to do; of several equally urgent ones
 * each in turn, for a slice of time. One that has used up its budget of a period runs, until the
 * next period, only when no other can. A machine waits by WFI until an interrupt is there for it.
 */
#include "cpu.h"
#include "hyp.h"

enum {
    HCR_TWI = 1 << 13,
    NANOSECONDS_PER_TICK = 16,
};
#define SLICE  UINT64_C(5000000)   /* ns */
#define PERIOD UINT64_C(100000000) /* ns, of the budgets */

extern char measured_vectors[]; /* start.S */

static uint64_t started, period;
static bool wanted;        /* another machine is perhaps to run */
static void (*work)(void); /* to be done before the entry ends */

/* While the hypervisor waits for driver VMs: where it goes on, and whether it is to. */
static void *nest[5];
static bool nested, rang;
static struct vm nobody;

static uint64_t now(void)
{
    return vdev_clock_now(&board_clock);
}

static void again(void)
{
    wanted = true;
    cpu_write_htpidr(1);
}

void schedule_work(void (*function)(void))
{
    work = function;
    cpu_write_htpidr(1);
}

void schedule_wake(struct vm *vm)
{
    if (vm->state == VM_WAITING) {
        vm->state = VM_READY;
        if (vm != vm_current) {
            again();
        }
    }
}

void schedule_wait(void)
{
    if (vm_count > 1 && !vdev_gic_virtual_pending(&vm_current->interface)) {
        vm_current->state = VM_WAITING;
        again();
    }
}

void schedule_stop(void)
{
    vm_current->state = VM_STOPPED;
    link_fail(vm_current);
    for (unsigned i = 0; i < vm_count; i++) {
        if (vms[i].state != VM_STOPPED && !vms[i].driver) {
            again();
            return;
        }
    }
    board_power_off();
}

void schedule_block(void)
{
    vm_current->state = VM_BLOCKED;
    again();
}

void schedule_unblock(struct vm *vm)
{
    if (vm->state == VM_BLOCKED) {
        vm->state = VM_READY;
        again();
    }
}

void schedule_yield(void)
{
    again();
}

/* When a machine that does not run would have been interrupted by its timer; UINT64_MAX: never. */
static uint64_t timer_of(const struct vm *vm)
{
    enum { ENABLE = 1, MASK = 2 };

    if (vm == vm_current || vm->state == VM_STOPPED || vm->state == VM_BLOCKED ||
        vm->timer_active || (vm->context.cntv_ctl & (ENABLE | MASK)) != ENABLE) {
        return UINT64_MAX;
    }
    return (vm->context.cntv_cval + vm->context.cntvoff) * NANOSECONDS_PER_TICK;
}

static void alarm(void)
{
    for (unsigned i = 0; i < vm_count; i++) {
        if (timer_of(&vms[i]) <= now()) {
            gic_timer(&vms[i]);
        }
    }
    again();
}

static void set_alarm(void)
{
    uint64_t first = started + SLICE;

    for (unsigned i = 0; i < vm_count; i++) {
        uint64_t deadline = timer_of(&vms[i]);
        first = deadline < first ? deadline : first;
    }
    board_alarm(BOARD_ALARM_SCHEDULE, first, alarm);
}

/* True if the first is to run rather than the second, which may be NULL. */
static bool is_better(const struct vm *one, const struct vm *other)
{
    bool spent = one->budget != 0 && one->used >= one->budget;

    if (other == NULL) {
        return true;
    }
    bool other_spent = other->budget != 0 && other->used >= other->budget;
    return spent != other_spent ? other_spent : one->priority > other->priority;
}

static struct vm *choose(void)
{
    struct vm *best = NULL;

    for (unsigned i = 1; i <= vm_count; i++) {
        struct vm *vm = &vms[(vm_current->number + i) % vm_count];
        if (vm->state == VM_READY && is_better(vm, best)) {
            best = vm;
        }
    }
    return best;
}

static void account(void)
{
    uint64_t time = now();

    vm_current->used += time - started;
    started = time;
    if (time - period >= PERIOD) {
        period = time;
        for (unsigned i = 0; i < vm_count; i++) {
            vms[i].used = 0;
        }
    }
}

static void do_work(void)
{
    void (*function)(void) = work;

    if (function != NULL) {
        work = NULL;
        function();
    }
}

/* The machine to run now, after waiting for one; NULL: a nested wait has ended meanwhile. */
static struct vm *next_machine(void)
{
    struct vm *next;

    account();
    while ((next = choose()) == NULL && !(nested && rang)) {
        set_alarm();
        __asm__ volatile("wfi");
        if (count_paths && !nested) {
            count_path(0, true);
        }
        interrupt_handle();
        do_work();
        started = now(); /* nobody ran */
        account();
    }
    return nested && rang ? NULL : next;
}

void schedule(struct registers *registers)
{
    cpu_write_htpidr(0);
    do_work();
    if (!wanted) {
        return;
    }
    wanted = false;
    struct vm *next = next_machine();
    if (next == NULL) {
        switch_from(registers);
        vm_current = &nobody; /* what is done to a machine is done to what was saved */
        __builtin_longjmp(nest, 1);
    }
    if (next != vm_current) {
        switch_from(registers);
        switch_to(next, registers);
        counts.world_switches++;
    }
    set_alarm();
}

void schedule_rang(void)
{
    rang = true;
    again();
}

void schedule_nested(void)
{
    struct registers registers;

    if (nested) {
        return; /* a machine runs, and the clock is looked at for it */
    }
    rang = false;
    nested = true;
    if (__builtin_setjmp(nest) == 0) {
        board_alarm(BOARD_ALARM_GUEST, now() + SLICE, schedule_rang);
        struct vm *next = next_machine();
        if (next != NULL) {
            switch_to(next, &registers);
            guest_enter(&registers);
        }
    }
    nested = false;
}

void schedule_start(void)
{
    struct registers registers;

    period = started = now();
    vm_current = &nobody;
    for (unsigned i = 0; i < vm_count; i++) {
        switch_prepare(&vms[i]);
        if (vm_count > 1) {
            vms[i].context.hcr |= HCR_TWI;
        }
        vms[i].state = vms[i].driver ? VM_READY : VM_NEW;
    }
    link_start();
    for (unsigned i = 0; i < vm_count; i++) {
        if (vms[i].state == VM_NEW) {
            vms[i].state = VM_READY;
        }
    }
    again();
    switch_to(next_machine(), &registers);
    if (vm_count > 1) {
        set_alarm();
    } else { /* nobody to give way to */
        wanted = false;
        cpu_write_htpidr(0);
    }
    if (count_paths) {
        cpu_write_hvbar((uintptr_t)measured_vectors);
    }
    guest_enter(&registers);
}
