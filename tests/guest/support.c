/* SPDX-License-Identifier: BSD-2-Clause */
/* The hostile guest's output, by the emulated UART polled, and its main program. */
#include "guest.h"

enum { UART_DR = 0x00, UART_FR = 0x18, FR_TXFF = 1 << 5 };

volatile struct fault fault;
static uint32_t refusals, unclaimed;

void guest_main(void);

static void put(char character)
{
    while ((read32(UART + UART_FR) & FR_TXFF) != 0) {
    }
    write32(UART + UART_DR, (uint8_t)character);
}

void print(const char *text)
{
    while (*text != '\0') {
        put(*text++);
    }
}

void print_hexadecimal(uint32_t value)
{
    for (int shift = 28; shift >= 0; shift -= 4) {
        put("0123456789abcdef"[value >> shift & 15]);
    }
}

bool check(const char *name, bool good, uint32_t is, uint32_t wanted)
{
    print(good ? "ok " : "FAIL ");
    print(name);
    if (!good) {
        print(": is ");
        print_hexadecimal(is);
        print(", wanted ");
        print_hexadecimal(wanted);
    }
    print("\n");
    return good;
}

void mark(uint32_t number)
{
    write32(MARK, number);
}

uint32_t hypercall(uint32_t function, uint32_t first, uint32_t second)
{
    register uint32_t r0 __asm__("r0") = function;
    register uint32_t r1 __asm__("r1") = first;
    register uint32_t r2 __asm__("r2") = second;

    __asm__ volatile(".arch_extension virt\n\thvc #0" : "+r"(r0), "+r"(r1), "+r"(r2)::"r3", "memory");
    return r0;
}

_Noreturn void power_off(void)
{
    hypercall(0x84000008, 0, 0);
    for (;;) {
    }
}

_Noreturn void unexpected_fault(void)
{
    print("FAIL exception: vector ");
    print_hexadecimal(fault.vector);
    print(", lr ");
    print_hexadecimal(fault.lr);
    print(", spsr ");
    print_hexadecimal(fault.spsr);
    print(", address ");
    print_hexadecimal(fault.vector == PREFETCH_ABORT ? fault.ifar : fault.dfar);
    print("\n");
    power_off();
}

bool is_refused(uint32_t vector, uint32_t address)
{
    print("refused ");
    print_hexadecimal(vector == PREFETCH_ABORT ? address : fault.pc);
    print(" ");
    print_hexadecimal(address);
    print("\n");
    refusals++;
    return fault.count == 1 && fault.vector == vector;
}

bool is_unclaimed(uint32_t address)
{
    unclaimed++;
    return is_refused(DATA_ABORT, address);
}

void guest_main(void)
{
    mark(1);
    test_firmware();
    test_aborts();
    test_instructions();
    mark(2);
    print("counted ");
    print_hexadecimal(refusals);
    print(" ");
    print_hexadecimal(unclaimed);
    print("\n");
    test_modes();
    test_interrupts();
    test_flood();
    print("finished\n");
    power_off();
}
