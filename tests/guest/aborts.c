/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses and fetches where nothing is: what the exception's registers must say, in both formats of
 * the fault status [ARM DDI 0406C, B3.13, B1.9.7, B1.9.8], and a hundred thousand of them.
 */
#include "guest.h"

enum {
    DFSR_WRITE = 1 << 11,
    FSR_FORMAT = 0x3fff & ~(1 << 12), /* without the implementation's own bit */
    EXTERNAL_SHORT = 0x008,
    EXTERNAL_LONG = 0x210,
    FLOOD = 100000,
    MARKS = 1500, /* more than the hypervisor writes down */
};

static uint32_t status_now(void)
{
    uint32_t value;
    __asm__ volatile("mrs %0, cpsr" : "=r"(value));
    return value;
}

static void set_format(bool long_descriptors)
{
    __asm__ volatile("mcr p15, 0, %0, c2, c0, 2\n\tisb" ::"r"(long_descriptors ? 1u << 31 : 0));
}

static void check_data(const char *name, bool good, uint32_t address, uint32_t status, uint32_t state)
{
    const uint32_t compared = 0x1f | PSR_I | PSR_A | PSR_T;

    if (!good) {
        check(name, false, fault.vector, DATA_ABORT);
    } else if (fault.lr != fault.pc + 8) {
        check(name, false, fault.lr, fault.pc + 8);
    } else if ((fault.dfsr & FSR_FORMAT) != status) {
        check(name, false, fault.dfsr, status);
    } else if (fault.dfar != address) {
        check(name, false, fault.dfar, address);
    } else {
        check(name, (fault.spsr & compared) == ((status_now() | state) & compared), fault.spsr,
              status_now() | state);
    }
}

static void check_fetch(const char *name, bool good, uint32_t address, uint32_t status,
                        uint32_t state)
{
    if (!good) {
        check(name, false, fault.vector, PREFETCH_ABORT);
    } else if (fault.lr != address + 4) {
        check(name, false, fault.lr, address + 4);
    } else if ((fault.ifsr & FSR_FORMAT) != status) {
        check(name, false, fault.ifsr, status);
    } else if (fault.ifar != address) {
        check(name, false, fault.ifar, address);
    } else {
        check(name, (fault.spsr & PSR_T) == state, fault.spsr, state);
    }
}

static void test_data(uint32_t format)
{
    const uint32_t address = UNCLAIMED + 0x124;
    const bool extended = format == EXTERNAL_LONG;
    uint32_t value = 0x12345678;

    ATTEMPT("ldr %[v], [%[a]]", OUTPUT(v, value), INPUT(a, address));
    check_data(extended ? "read of nothing, long format" : "read of nothing, short format",
               is_unclaimed(address), address, format, 0);
    check("register unchanged by a refused read", value == 0x12345678, value, 0x12345678);
    ATTEMPT("str %[v], [%[a]]", OUTPUT(v, value), INPUT(a, address));
    check_data(extended ? "write of nothing, long format" : "write of nothing, short format",
               is_unclaimed(address), address, format | DFSR_WRITE, 0);
    ATTEMPT_THUMB("ldrb %[v], [%[a]]", OUTPUT(v, value), INPUT(a, address));
    check_data(extended ? "Thumb read of nothing, long format" : "Thumb read of nothing, short format",
               is_unclaimed(address), address, format, PSR_T);
}

static void test_fetch(uint32_t format)
{
    const uint32_t address = UNCLAIMED + 0x2000;
    const bool extended = format == EXTERNAL_LONG;

    ATTEMPT("bx %[a]", NONE, INPUT(a, address));
    check_fetch(extended ? "fetch from nothing, long format" : "fetch from nothing, short format",
                is_refused(PREFETCH_ABORT, address), address, format, 0);
    ATTEMPT("bx %[a]", NONE, INPUT(a, address + 1));
    check_fetch(extended ? "Thumb fetch from nothing, long format"
                         : "Thumb fetch from nothing, short format",
                is_refused(PREFETCH_ABORT, address), address, format, PSR_T);
}

void test_aborts(void)
{
    uint32_t value = 0;

    test_data(EXTERNAL_SHORT);
    test_fetch(EXTERNAL_SHORT);
    set_format(true);
    test_data(EXTERNAL_LONG);
    test_fetch(EXTERNAL_LONG);
    set_format(false);
    ATTEMPT("ldr %[v], [%[a]]", OUTPUT(v, value), INPUT(a, NO_MEMORY));
    check_data("read behind the memory", is_unclaimed(NO_MEMORY), NO_MEMORY, EXTERNAL_SHORT, 0);
    /* Device pages hold no code, even those that are mapped. */
    ATTEMPT("bx %[a]", NONE, INPUT(a, GICC));
    check("fetch from a device", is_refused(PREFETCH_ABORT, GICC) && fault.ifar == GICC, fault.ifar,
          GICC);
}

void test_flood(void)
{
    uint32_t aborts = 0;

    for (uint32_t i = 0; i < FLOOD; i++) {
        uint32_t value = 0;
        ATTEMPT("ldr %[v], [%[a]]", OUTPUT(v, value), INPUT(a, UNCLAIMED + i * 4));
        aborts += fault.count == 1 && fault.vector == DATA_ABORT;
    }
    check("a hundred thousand refusals", aborts == FLOOD, aborts, FLOOD);
    for (uint32_t i = 0; i < MARKS; i++) {
        mark(1000 + i);
    }
    check("hypervisor answers after them", hypercall(0x84000000, 0, 0) == 0x10000,
          hypercall(0x84000000, 0, 0), 0x10000);
}
