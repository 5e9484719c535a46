/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch: what the processor has of one machine is put away, and another's put in place.
 * The floating-point registers follow only if the other machine touches them: until then they trap.
 * Who runs next is schedule.c's affair. [ARM DDI 0406C, B3 and B4]
 */
#include "cpu.h"
#include "hyp.h"

enum {
    HCPTR_VFP = 1 << 10 | 1 << 11, /* TCP10, TCP11 */
    FPEXC_ENABLE = 1 << 30,
    SCTLR_RESET = 0x00c50078, /* MMU, caches, alignment faults off; little-endian, ARM, low vectors */
    SVC_MASKED = 0x1d3,       /* SVC mode; A, I and F masked; ARM state */
};

static struct vm *vfp_owner;

void switch_prepare(struct vm *vm)
{
    vm->context.registers.r[1] = ~UINT32_C(0);
    vm->context.registers.r[2] = vm->tree;
    vm->context.elr_hyp = vm->entry;
    vm->context.spsr_hyp = SVC_MASKED;
    vm->context.sctlr = SCTLR_RESET;
    vm->context.cntvoff = cpu_read_cntpct();
    vm->context.hcr = cpu_read_hcr();
}

static void save(struct context *context)
{
#define SAVE(name) context->name = cpu_read_##name();
    CONTEXT_REGISTERS(SAVE)
    CONTEXT_REGISTERS_64(SAVE)
}

static void restore(const struct context *context)
{
#define RESTORE(name) cpu_write_##name(context->name);
    CONTEXT_REGISTERS(RESTORE)
    CONTEXT_REGISTERS_64(RESTORE)
}

void switch_from(const struct registers *registers)
{
    vm_current->context.registers = *registers;
    save(&vm_current->context);
    gic_save(vm_current);
}

void switch_to(struct vm *vm, struct registers *registers)
{
    vm_current = vm;
    restore(&vm->context);
    gic_restore(vm);
    *registers = vm->context.registers;
    uint32_t traps = cpu_read_hcptr();
    cpu_write_hcptr(vfp_owner == vm ? traps & ~(uint32_t)HCPTR_VFP : traps | HCPTR_VFP);
    cpu_barrier();
}

void switch_vfp(void)
{
    cpu_write_hcptr(cpu_read_hcptr() & ~(uint32_t)HCPTR_VFP);
    cpu_barrier();
    uint32_t enable = cpu_read_fpexc();
    cpu_write_fpexc(FPEXC_ENABLE);
    cpu_barrier();
    if (vfp_owner != NULL) {
        vfp_owner->context.vfp_enable = enable;
        vfp_owner->context.vfp_status = cpu_vfp_save(vfp_owner->context.vfp);
    }
    vfp_owner = vm_current;
    cpu_vfp_restore(vm_current->context.vfp, vm_current->context.vfp_status);
    cpu_write_fpexc(vm_current->context.vfp_enable);
}
