/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations that trap: system registers that the guest has not, the calls of PSCI [ARM DEN 0022C],
 * and what is called that nobody knows.
 */
#include "guest.h"

enum {
    PSCI_VERSION = 0x84000000,
    PSCI_CPU_SUSPEND = 0x84000001,
    PSCI_CPU_OFF = 0x84000002,
    PSCI_CPU_ON = 0x84000003,
    PSCI_AFFINITY_INFO = 0x84000004,
    PSCI_MIGRATE_INFO_TYPE = 0x84000006,
    PSCI_SYSTEM_OFF = 0x84000008,
    PSCI_SYSTEM_RESET = 0x84000009,
    PSCI_FEATURES = 0x8400000a,
    NULL_CALL = 0xc6000000,
    NOT_SUPPORTED = -1,
    INVALID_PARAMETERS = -2,
    ALREADY_ON = -4,
};

/* The link register is after the instruction: 4 in ARM state, 2 in Thumb state. */
static void undefined(const char *name, uint32_t ahead)
{
    bool good = is_refused(UNDEFINED, 0);
    check(name, good && fault.lr == fault.pc + ahead, fault.lr, fault.pc + ahead);
}

static void system_registers(void)
{
    uint32_t value = 5;

    ATTEMPT("mrc p15, 0, %[v], c9, c12, 0", OUTPUT(v, value), NONE);
    undefined("performance monitors' control", 4);
    ATTEMPT("mrc p15, 0, %[v], c9, c13, 0", OUTPUT(v, value), NONE);
    undefined("performance monitors' cycle counter", 4);
    ATTEMPT("mrc p15, 1, %[v], c9, c0, 2", OUTPUT(v, value), NONE);
    undefined("L2 control", 4);
    ATTEMPT("mcr p15, 0, %[v], c14, c2, 1", OUTPUT(v, value), NONE);
    undefined("physical timer's control", 4);
    ATTEMPT("mrrc p15, 2, r0, r1, c14", NONE, NONE);
    undefined("physical timer's value", 4);
    ATTEMPT(".arch_extension sec\n\tsmc #0", NONE, NONE);
    /* Not of this processor, or refused by the hypervisor: undefined both ways. */
    check("SMC is undefined", fault.count == 1 && fault.vector == UNDEFINED && fault.lr == fault.pc + 4,
          fault.lr, fault.pc + 4);
    ATTEMPT_THUMB("mrc p15, 0, %[v], c9, c12, 0", OUTPUT(v, value), NONE);
    undefined("performance monitors from Thumb state", 2);
    check("register unchanged by a refused read of another", value == 5, value, 5);

    ATTEMPT("mrc p15, 0, %[v], c1, c0, 1", OUTPUT(v, value), NONE);
    check("ACTLR reads as zero", fault.count == 0 && value == 0, value, 0);
    value = 0xffffffff;
    ATTEMPT("mcr p15, 0, %[v], c1, c0, 1", OUTPUT(v, value), NONE);
    check("ACTLR's write is ignored", fault.count == 0, fault.count, 0);
    ATTEMPT("mrc p14, 0, %[v], c0, c0, 0", OUTPUT(v, value), NONE);
    check("DBGDIDR says that there is no debug unit", fault.count == 0 && value == 0, value, 0);
    value = 0x000021e7;
    ATTEMPT("mcr p14, 0, %[v], c0, c0, 5", OUTPUT(v, value), NONE);
    ATTEMPT("mrc p14, 0, %[v], c0, c0, 5", OUTPUT(v, value), NONE);
    check("a breakpoint cannot be set", fault.count == 0 && value == 0, value, 0);
    ATTEMPT("mrc p15, 0, %[v], c0, c0, 5", OUTPUT(v, value), NONE);
    check("MPIDR is processor 0's", (value & 0xffffff) == 0, value, 0);
}

static void answers(const char *name, uint32_t function, uint32_t first, uint32_t second,
                    int32_t wanted)
{
    uint32_t is = hypercall(function, first, second);
    check(name, is == (uint32_t)wanted, is, (uint32_t)wanted);
}

static void calls(void)
{
    const uint32_t here = (uint32_t)(uintptr_t)calls;

    answers("PSCI version", PSCI_VERSION, 0, 0, 0x10000);
    answers("null call", NULL_CALL, 0, 0, 0);
    answers("call 0", 0, 0, 0, NOT_SUPPORTED);
    answers("call -1", 0xffffffff, 0, 0, NOT_SUPPORTED);
    answers("64-bit CPU_ON", 0xc4000003, 0, 0, NOT_SUPPORTED);
    answers("CPU_ON of itself", PSCI_CPU_ON, 0, here, ALREADY_ON);
    answers("CPU_ON of another", PSCI_CPU_ON, 1, here, INVALID_PARAMETERS);
    answers("AFFINITY_INFO of itself", PSCI_AFFINITY_INFO, 0, 0, 0);
    answers("AFFINITY_INFO of another", PSCI_AFFINITY_INFO, 1, 0, INVALID_PARAMETERS);
    answers("MIGRATE_INFO_TYPE", PSCI_MIGRATE_INFO_TYPE, 0, 0, 2);
    answers("CPU_SUSPEND to standby", PSCI_CPU_SUSPEND, 0, 0, 0);
    answers("CPU_SUSPEND to power-down", PSCI_CPU_SUSPEND, 1 << 16, here, INVALID_PARAMETERS);
    static const uint32_t functions[] = {PSCI_VERSION,       PSCI_CPU_SUSPEND,   PSCI_CPU_OFF,
                                         PSCI_CPU_ON,        PSCI_AFFINITY_INFO, PSCI_SYSTEM_OFF,
                                         PSCI_SYSTEM_RESET,  PSCI_FEATURES};
    for (uint32_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        answers("PSCI has each function that 1.0 demands", PSCI_FEATURES, functions[i], 0, 0);
    }
    answers("PSCI_FEATURES of what there is not", PSCI_FEATURES, 0x84000010, 0, NOT_SUPPORTED);
}

void test_firmware(void)
{
    system_registers();
    calls();
}
