/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions into the guest, by hand as the processor would take them [ARM DDI 0406C, B1.8.3]: the
 * guest's own banked registers, fault registers and vectors; ELR_hyp and SPSR_hyp then return there.
 */
#include "cpu.h"
#include "hyp.h"

enum {
    SCTLR_V = 1 << 13,
    SCTLR_EE = 1 << 25,
    SCTLR_TE = 1 << 30,
    VECTOR_UNDEFINED = 0x04,
    VECTOR_PREFETCH_ABORT = 0x0c,
    VECTOR_DATA_ABORT = 0x10,
    /* Synchronous external abort, in the two formats of a fault status register. */
    STATUS_EXTERNAL_SHORT = 0x008,
    STATUS_EXTERNAL_LONG = 0x210,
    STATUS_WRITE = 1 << 11,
};

static void enter(uint32_t mode, uint32_t vector, uint32_t mask)
{
    uint32_t control = cpu_read_sctlr();
    uint32_t base = (control & SCTLR_V) != 0 ? 0xffff0000 : cpu_read_vbar();
    uint32_t status = cpu_read_spsr_hyp() & ~(uint32_t)(PSR_MODE | PSR_IT | PSR_J | PSR_T | PSR_E);

    status |= mode | mask;
    if ((control & SCTLR_TE) != 0) {
        status |= PSR_T;
    }
    if ((control & SCTLR_EE) != 0) {
        status |= PSR_E;
    }
    cpu_write_spsr_hyp(status);
    cpu_write_elr_hyp(base + vector);
}

static uint32_t external_abort(void)
{
    return cpu_read_ttbcr() >> 31 != 0 ? STATUS_EXTERNAL_LONG : STATUS_EXTERNAL_SHORT;
}

void inject_undefined(void)
{
    uint32_t status = cpu_read_spsr_hyp();

    cpu_write_lr_und(cpu_read_elr_hyp() + ((status & PSR_T) != 0 ? 2 : 4));
    cpu_write_spsr_und(status);
    enter(PSR_UND, VECTOR_UNDEFINED, PSR_I);
}

void inject_data_abort(uint32_t address, bool write)
{
    cpu_write_lr_abt(cpu_read_elr_hyp() + 8);
    cpu_write_spsr_abt(cpu_read_spsr_hyp());
    cpu_write_dfsr(external_abort() | (write ? STATUS_WRITE : 0));
    cpu_write_dfar(address);
    enter(PSR_ABT, VECTOR_DATA_ABORT, PSR_I | PSR_A);
}

void inject_prefetch_abort(uint32_t address)
{
    cpu_write_lr_abt(cpu_read_elr_hyp() + 4);
    cpu_write_spsr_abt(cpu_read_spsr_hyp());
    cpu_write_ifsr(external_abort());
    cpu_write_ifar(address);
    enter(PSR_ABT, VECTOR_PREFETCH_ABORT, PSR_I | PSR_A);
}
