/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hostile guest's parts share. It runs under the hypervisor on one processor, in SVC mode,
 * MMU off. Each check prints "ok NAME" or "FAIL NAME: WHY"; what must then stand in the hypervisor's
 * log it announces to hostile.py by "refused PC ADDRESS" lines, one for each refusal, in order.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stdint.h>

#define UART      0x1c090000u /* emulated PL011 */
#define VIRTIO    0x1c130200u /* virtio-mmio, a disk */
#define MARK      0x1c130614u
#define GICD      0x2c001000u
#define GICC      0x2c002000u
#define UNCLAIMED 0x1d000000u /* nobody's */
#define NO_MEMORY 0x90000000u /* the first address after the guest's memory */

/* By hand: a compiler may choose to write the base register back, which no hypervisor decodes. */
static inline uint32_t read32(uint32_t address)
{
    uint32_t value;
    __asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}

static inline void write32(uint32_t address, uint32_t value)
{
    __asm__ volatile("str %0, [%1]" ::"r"(value), "r"(address) : "memory");
}

static inline void write8(uint32_t address, uint8_t value)
{
    __asm__ volatile("strb %0, [%1]" ::"r"(value), "r"(address) : "memory");
}

/* ---- support.c ---- */

void print(const char *text);
void print_hexadecimal(uint32_t value);
void print_decimal(uint32_t value);
/* "ok NAME" if `good`; else a failure with two values that say why. */
bool check(const char *name, bool good, uint32_t is, uint32_t wanted);
void mark(uint32_t number);
_Noreturn void power_off(void);
_Noreturn void unexpected_fault(void);

/* As start.S's run and capture know it; the stack pointer and the link register are r[13] and r[14]. */
struct frame {
    uint32_t r[15];
    uint32_t pc;
    uint32_t cpsr;
};
extern struct frame captured;
extern volatile uint32_t capturing;
void run(const struct frame *frame, uint32_t mode);

enum {
    MODE_USR = 0x10,
    MODE_FIQ = 0x11,
    MODE_IRQ = 0x12,
    MODE_SVC = 0x13,
    MODE_ABT = 0x17,
    MODE_UND = 0x1b,
    MODE_SYS = 0x1f,
    PSR_T = 1 << 5,
    PSR_F = 1 << 6,
    PSR_I = 1 << 7,
    PSR_A = 1 << 8,
    PSR_E = 1 << 9,
    PSR_IT = 0x0600fc00,
    PSR_Z = 1 << 30,
};

/* The last exception; start.S knows the layout. */
enum { UNDEFINED = 1, PREFETCH_ABORT = 3, DATA_ABORT = 4 };
struct fault {
    uint32_t resume;
    uint32_t pc; /* of the instruction that is to fault */
    uint32_t vector;
    uint32_t lr;
    uint32_t spsr;
    uint32_t dfsr;
    uint32_t dfar;
    uint32_t ifsr;
    uint32_t ifar;
    uint32_t count;
};
extern volatile struct fault fault;

/*
 * Run one instruction that may fault, in ARM or in Thumb state, and go on after it. Operands are
 * named; r0 and r1 are free for the instruction, r2 and r3 are not.
 */
#define ATTEMPT(code, outputs, inputs)                                                             \
    do {                                                                                           \
        fault.count = 0;                                                                           \
        __asm__ volatile("movw r2, #:lower16:fault\n\tmovt r2, #:upper16:fault\n\t"                \
                         "adr r3, 8f\n\tstr r3, [r2]\n\tadr r3, 7f\n\tstr r3, [r2, #4]\n"          \
                         "7:\t" code "\n"                                                          \
                         "8:\tmovw r2, #:lower16:fault\n\tmovt r2, #:upper16:fault\n\t"            \
                         "mov r3, #0\n\tstr r3, [r2]"                                              \
                         : outputs                                                                 \
                         : inputs                                                                  \
                         : "r0", "r1", "r2", "r3", "lr", "cc", "memory");                                      \
    } while (false)

#define ATTEMPT_THUMB(code, outputs, inputs)                                                       \
    ATTEMPT("adr r3, 6f\n\tstr r3, [r2, #4]\n\torr r3, r3, #1\n\tbx r3\n\t.thumb\n\t.balign 4\n"   \
            "6:\t" code "\n\t.balign 4\n\tbx pc\n\tnop\n\t.arm",                                   \
            outputs, inputs)
/* Inside of longer code: what follows is the instruction, and after it goes on here. */
#define HERE     "adr r3, 5f\n\tstr r3, [r2]\n\tadr r3, 6f\n\tstr r3, [r2, #4]\n6:\t"
#define GOING_ON "\n5:\t"
#define OUTPUT(name, value) [name] "+r"(value)
#define INPUT(name, value)  [name] "r"(value)
#define TWO(a, b)           a, b
#define NONE

/* Did the last attempt end in this exception? Announces that it was refused, with this address. */
bool is_refused(uint32_t vector, uint32_t address);
/* The same for a data abort of an access that had come to the bus. */
bool is_unclaimed(uint32_t address);
uint32_t hypercall(uint32_t function, uint32_t first, uint32_t second);

/* The parts. */
void test_aborts(void);
void test_instructions(void);
void test_modes(void);
void test_firmware(void);
void test_interrupts(void);
void test_flood(void);

/* interrupts.c, called by the vector. */
void interrupt_handle(void);

#endif
