/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor's system registers that the hypervisor uses, one accessor each. ARMv7-A with the
 * virtualization extensions (ARM DDI 0406C, B3 and B4). No policy.
 */
#ifndef HYP_CPU_H
#define HYP_CPU_H

#include <stdint.h>

#define CPU_REGISTER(name, p, op1, crn, crm, op2)                                                  \
    static inline uint32_t cpu_read_##name(void)                                                   \
    {                                                                                              \
        uint32_t value;                                                                            \
        __asm__ volatile("mrc " #p ", " #op1 ", %0, " #crn ", " #crm ", " #op2 : "=r"(value));     \
        return value;                                                                              \
    }                                                                                              \
    static inline void cpu_write_##name(uint32_t value)                                            \
    {                                                                                              \
        __asm__ volatile("mcr " #p ", " #op1 ", %0, " #crn ", " #crm ", " #op2 ::"r"(value)        \
                         : "memory");                                                              \
    }

CPU_REGISTER(midr, p15, 0, c0, c0, 0) CPU_REGISTER(ctr, p15, 0, c0, c0, 1)
CPU_REGISTER(mpidr, p15, 0, c0, c0, 5) CPU_REGISTER(vpidr, p15, 4, c0, c0, 0)
CPU_REGISTER(vmpidr, p15, 4, c0, c0, 5) CPU_REGISTER(csselr, p15, 2, c0, c0, 0)
CPU_REGISTER(sctlr, p15, 0, c1, c0, 0) CPU_REGISTER(cpacr, p15, 0, c1, c0, 2)
CPU_REGISTER(hsctlr, p15, 4, c1, c0, 0) CPU_REGISTER(hcr, p15, 4, c1, c1, 0)
CPU_REGISTER(hdcr, p15, 4, c1, c1, 1) CPU_REGISTER(hcptr, p15, 4, c1, c1, 2)
CPU_REGISTER(hstr, p15, 4, c1, c1, 3) CPU_REGISTER(htcr, p15, 4, c2, c0, 2)
CPU_REGISTER(vtcr, p15, 4, c2, c1, 2) CPU_REGISTER(ttbcr, p15, 0, c2, c0, 2)
CPU_REGISTER(dacr, p15, 0, c3, c0, 0) CPU_REGISTER(dfsr, p15, 0, c5, c0, 0)
CPU_REGISTER(ifsr, p15, 0, c5, c0, 1) CPU_REGISTER(adfsr, p15, 0, c5, c1, 0)
CPU_REGISTER(aifsr, p15, 0, c5, c1, 1) CPU_REGISTER(dfar, p15, 0, c6, c0, 0)
CPU_REGISTER(ifar, p15, 0, c6, c0, 2) CPU_REGISTER(hsr, p15, 4, c5, c2, 0)
CPU_REGISTER(hdfar, p15, 4, c6, c0, 0) CPU_REGISTER(hifar, p15, 4, c6, c0, 2)
CPU_REGISTER(hpfar, p15, 4, c6, c0, 4) CPU_REGISTER(iciallu, p15, 0, c7, c5, 0)
CPU_REGISTER(dccimvac, p15, 0, c7, c14, 1) CPU_REGISTER(tlbiallh, p15, 4, c8, c7, 0)
CPU_REGISTER(tlbiallnsnh, p15, 4, c8, c7, 4) CPU_REGISTER(mair0, p15, 0, c10, c2, 0)
CPU_REGISTER(mair1, p15, 0, c10, c2, 1) CPU_REGISTER(hmair0, p15, 4, c10, c2, 0)
CPU_REGISTER(vbar, p15, 0, c12, c0, 0) CPU_REGISTER(hvbar, p15, 4, c12, c0, 0)
CPU_REGISTER(contextidr, p15, 0, c13, c0, 1) CPU_REGISTER(tpidrurw, p15, 0, c13, c0, 2)
CPU_REGISTER(tpidruro, p15, 0, c13, c0, 3) CPU_REGISTER(tpidrprw, p15, 0, c13, c0, 4)
CPU_REGISTER(htpidr, p15, 4, c13, c0, 2) CPU_REGISTER(cntkctl, p15, 0, c14, c1, 0)
CPU_REGISTER(cnthctl, p15, 4, c14, c1, 0) CPU_REGISTER(cnthp_ctl, p15, 4, c14, c2, 1)
CPU_REGISTER(cntv_ctl, p15, 0, c14, c3, 1) CPU_REGISTER(pmcntenset, p15, 0, c9, c12, 1)
CPU_REGISTER(pmovsr, p15, 0, c9, c12, 3) CPU_REGISTER(pmselr, p15, 0, c9, c12, 5)
CPU_REGISTER(pmxevtyper, p15, 0, c9, c13, 1) CPU_REGISTER(pmxevcntr, p15, 0, c9, c13, 2)

#define CPU_REGISTER_64(name, p, op1, crm)                                                         \
    static inline uint64_t cpu_read_##name(void)                                                   \
    {                                                                                              \
        uint64_t value;                                                                            \
        __asm__ volatile("mrrc " #p ", " #op1 ", %Q0, %R0, " #crm : "=r"(value));                  \
        return value;                                                                              \
    }                                                                                              \
    static inline void cpu_write_##name(uint64_t value)                                            \
    {                                                                                              \
        __asm__ volatile("mcrr " #p ", " #op1 ", %Q0, %R0, " #crm ::"r"(value) : "memory");        \
    }

CPU_REGISTER_64(ttbr0, p15, 0, c2) CPU_REGISTER_64(ttbr1, p15, 1, c2)
CPU_REGISTER_64(par, p15, 0, c7) CPU_REGISTER_64(cntv_cval, p15, 3, c14)
CPU_REGISTER_64(httbr, p15, 4, c2) CPU_REGISTER_64(vttbr, p15, 6, c2)
CPU_REGISTER_64(cntpct, p15, 0, c14) CPU_REGISTER_64(cnthp_cval, p15, 6, c14)
CPU_REGISTER_64(cntvoff, p15, 4, c14)

/* Banked registers of another mode, ELR_hyp and the saved status register of the guest. */
#define CPU_BANKED(name)                                                                           \
    static inline uint32_t cpu_read_##name(void)                                                   \
    {                                                                                              \
        uint32_t value;                                                                            \
        __asm__ volatile(".arch_extension virt\n\tmrs %0, " #name : "=r"(value));                  \
        return value;                                                                              \
    }                                                                                              \
    static inline void cpu_write_##name(uint32_t value)                                            \
    {                                                                                              \
        __asm__ volatile(".arch_extension virt\n\tmsr " #name ", %0" ::"r"(value) : "memory");     \
    }

CPU_BANKED(elr_hyp) CPU_BANKED(sp_usr) CPU_BANKED(sp_svc) CPU_BANKED(lr_svc)
CPU_BANKED(spsr_svc) CPU_BANKED(sp_abt) CPU_BANKED(lr_abt) CPU_BANKED(spsr_abt)
CPU_BANKED(sp_und) CPU_BANKED(lr_und) CPU_BANKED(spsr_und) CPU_BANKED(sp_irq)
CPU_BANKED(lr_irq) CPU_BANKED(spsr_irq) CPU_BANKED(sp_fiq) CPU_BANKED(lr_fiq)
CPU_BANKED(spsr_fiq) CPU_BANKED(r8_fiq) CPU_BANKED(r9_fiq) CPU_BANKED(r10_fiq)
CPU_BANKED(r11_fiq) CPU_BANKED(r12_fiq)

/* Hyp mode reaches its own SPSR under this name only. */
static inline uint32_t cpu_read_spsr_hyp(void)
{
    uint32_t value;
    __asm__ volatile("mrs %0, spsr" : "=r"(value));
    return value;
}

static inline void cpu_write_spsr_hyp(uint32_t value)
{
    __asm__ volatile("msr spsr_cxsf, %0" ::"r"(value) : "memory");
}

/* The floating-point unit: FPEXC, and the 32 double registers with FPSCR. */
static inline uint32_t cpu_read_fpexc(void)
{
    uint32_t value;
    __asm__ volatile(".fpu neon\n\tvmrs %0, fpexc" : "=r"(value));
    return value;
}

static inline void cpu_write_fpexc(uint32_t value)
{
    __asm__ volatile(".fpu neon\n\tvmsr fpexc, %0" ::"r"(value) : "memory");
}

static inline uint32_t cpu_vfp_save(uint64_t *registers)
{
    uint32_t status;
    __asm__ volatile(".fpu neon\n\tvmrs %0, fpscr\n\tvstmia %1!, {d0-d15}\n\tvstmia %1!, {d16-d31}"
                     : "=&r"(status), "+r"(registers)
                     :
                     : "memory");
    return status;
}

static inline void cpu_vfp_restore(const uint64_t *registers, uint32_t status)
{
    __asm__ volatile(".fpu neon\n\tvmsr fpscr, %0\n\tvldmia %1!, {d0-d15}\n\tvldmia %1!, {d16-d31}"
                     : "+r"(status), "+r"(registers)
                     :
                     : "memory");
}

static inline void cpu_barrier(void)
{
    __asm__ volatile("dsb sy\n\tisb" ::: "memory");
}

/* Saved program status: mode and the bits that taking an exception changes. */
enum {
    PSR_MODE = 0x1f,
    PSR_USR = 0x10,
    PSR_FIQ = 0x11,
    PSR_IRQ = 0x12,
    PSR_SVC = 0x13,
    PSR_ABT = 0x17,
    PSR_UND = 0x1b,
    PSR_SYS = 0x1f,
    PSR_T = 1 << 5,
    PSR_I = 1 << 7,
    PSR_A = 1 << 8,
    PSR_E = 1 << 9,
    PSR_J = 1 << 24,
    PSR_IT = 0x0600fc00,
};

#endif
