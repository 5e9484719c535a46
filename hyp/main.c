/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdev's bundled hypervisor: virtual machines on one processor of QEMU's vexpress-a15, to use the
 * library as any hypervisor would and to count what each kind of virtual device costs.
 */
#include "cpu.h"
#include "hyp.h"

enum {
    HCR_VM = 1 << 0,
    HCR_SWIO = 1 << 1,
    HCR_PTW = 1 << 2, /* a guest's page tables are memory, never registers */
    HCR_FMO = 1 << 3,
    HCR_IMO = 1 << 4,
    HCR_AMO = 1 << 5,
    HCR_FB = 1 << 9,
    HCR_BSU_INNER = 1 << 10,
    HCR_TSC = 1 << 19,
    HCR_TIDCP = 1 << 20,
    HCR_TAC = 1 << 21,
    HCPTR_TTA = 1 << 20, /* nor trace */
    HSTR_IMPLEMENTATION = 1 << 9 | 1 << 11 | 1 << 15, /* c9, c11, c15: this processor's own */
    PHYSICAL_COUNTER_READABLE = 1, /* the physical timer stays the hypervisor's */
};

void hypervisor_main(void) __attribute__((noreturn));

void hypervisor_main(void)
{
    mmu_enable();
    log_init();
    count_init();
    gic_init();
    cpu_write_htpidr(0);
    cpu_write_vpidr(cpu_read_midr());
    cpu_write_vmpidr(cpu_read_mpidr());
    cpu_write_hcptr(HCPTR_TTA);
    cpu_write_hstr(HSTR_IMPLEMENTATION);
    cpu_write_cnthctl(PHYSICAL_COUNTER_READABLE);
    cpu_write_hcr(HCR_VM | HCR_SWIO | HCR_PTW | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB |
                  HCR_BSU_INNER | HCR_TSC | HCR_TIDCP | HCR_TAC);
    vm_build();
    schedule_start();
}
