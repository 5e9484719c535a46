/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Widths that a device does not have, and instructions whose access the hardware does not decode for
 * the hypervisor [ARM DDI 0406C, B3.13.6]: refused by an abort with nothing changed. And accesses of
 * a guest that has turned its byte order round.
 */
#include "guest.h"

#define DIVISOR (UART + 0x24) /* UARTIBRD: 16 bits that read as written */

static void refused(const char *name, uint32_t address, uint32_t base)
{
    bool good = is_refused(DATA_ABORT, address);
    check(name, good && base == address && fault.dfar == address, base, address);
}

static void widths(void)
{
    uint32_t value = 0;

    ATTEMPT("ldrb %[v], [%[a]]", OUTPUT(v, value), INPUT(a, VIRTIO));
    check("byte read of a virtio-mmio register", is_unclaimed(VIRTIO), fault.vector, DATA_ABORT);
    ATTEMPT("strh %[v], [%[a]]", OUTPUT(v, value), INPUT(a, VIRTIO + 0x70));
    check("halfword write of a virtio-mmio register", is_unclaimed(VIRTIO + 0x70), fault.vector,
          DATA_ABORT);
    ATTEMPT("ldrsh %[v], [%[a]]", OUTPUT(v, value), INPUT(a, GICD + 4));
    check("halfword read of the distributor", is_unclaimed(GICD + 4), fault.vector, DATA_ABORT);
    ATTEMPT("ldrb %[v], [%[a]]", OUTPUT(v, value), INPUT(a, UART + 0x25));
    check("byte read inside of a register", is_unclaimed(UART + 0x25), fault.vector, DATA_ABORT);
}

/* Those that write the base register back must leave it as it was. */
static void undecoded(void)
{
    uint32_t base = DIVISOR;

    write32(DIVISOR, 0x4321);
    ATTEMPT("ldrd r0, r1, [%[b]]", OUTPUT(b, base), NONE);
    refused("ldrd", DIVISOR, base);
    ATTEMPT("mov r0, #0\n\tmov r1, #0\n\t" HERE "strd r0, r1, [%[b]]" GOING_ON, OUTPUT(b, base), NONE);
    refused("strd", DIVISOR, base);
    ATTEMPT("ldr r0, [%[b]], #4", OUTPUT(b, base), NONE);
    refused("load with the base written back", DIVISOR, base);
    ATTEMPT("str r0, [%[b]], #-4", OUTPUT(b, base), NONE);
    refused("store with the base written back", DIVISOR, base);
    ATTEMPT("ldm %[b], {r0, r1}", OUTPUT(b, base), NONE);
    refused("ldm", DIVISOR, base);
    ATTEMPT("stm %[b]!, {r0, r1}", OUTPUT(b, base), NONE);
    refused("stm with the base written back", DIVISOR, base);
    ATTEMPT("ldrex r0, [%[b]]", OUTPUT(b, base), NONE);
    refused("ldrex", DIVISOR, base);
    ATTEMPT_THUMB("ldr r0, [%[b]], #4", OUTPUT(b, base), NONE);
    refused("Thumb load with the base written back", DIVISOR, base);
    /* A push to a device: the stack pointer is this mode's. */
    ATTEMPT("mov r0, sp\n\tadd sp, %[b], #4\n\tmov r1, #0\n\t" HERE "push {r1}\n\t" GOING_ON
            "sub %[b], sp, #4\n\tmov sp, r0", OUTPUT(b, base), NONE);
    refused("push", DIVISOR, base);
    /* FIQ mode has r8 to r12 of its own, which the hypervisor does not save. */
    ATTEMPT("mov r0, %[b]\n\tcps #0x11\n\tmov r9, r0\n\t" HERE "ldr r9, [r9]\n\t" GOING_ON
            "mov r0, r9\n\tcps #0x13\n\tmov %[b], r0", OUTPUT(b, base), NONE);
    refused("load of a register of FIQ mode's own", DIVISOR, base);
    ATTEMPT("mov r0, %[b]\n\tcps #0x11\n\tldr r0, [r0]\n\tcps #0x13\n\tmov %[b], r0",
            OUTPUT(b, base), NONE);
    check("load of a common register in FIQ mode", fault.count == 0 && base == 0x4321, base, 0x4321);
    base = read32(DIVISOR);
    check("no refused instruction reached the device", base == 0x4321, base, 0x4321);
}

static void byte_order(void)
{
    uint32_t word, half, sign;

    write32(DIVISOR, 0x81c2);
    __asm__ volatile("setend be\n\tldr %0, [%3]\n\tldrh %1, [%3]\n\tldrsh %2, [%3]\n\tsetend le"
                     : "=&r"(word), "=&r"(half), "=&r"(sign)
                     : "r"(DIVISOR)
                     : "memory");
    check("big-endian read of a word", word == 0xc2810000, word, 0xc2810000);
    check("big-endian read of a halfword", half == 0xc281, half, 0xc281);
    check("big-endian read with its sign", sign == 0xffffc281, sign, 0xffffc281);
    __asm__ volatile("setend be\n\tstr %0, [%1]\n\tsetend le" ::"r"(0x34120000), "r"(DIVISOR)
                     : "memory");
    word = read32(DIVISOR);
    check("big-endian write of a word", word == 0x1234, word, 0x1234);
    __asm__ volatile("setend be\n\tstrh %0, [%1]\n\tsetend le" ::"r"(0x7856), "r"(DIVISOR)
                     : "memory");
    word = read32(DIVISOR);
    check("big-endian write of a halfword", word == 0x5678, word, 0x5678);
}

void test_instructions(void)
{
    widths();
    undecoded();
    byte_order();
}
