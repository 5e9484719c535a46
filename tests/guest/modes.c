/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and stores of an emulated register, with each register of the processor as their operand, in
 * each mode, in ARM and in Thumb state and in an IT block: the right value in the right place, and
 * nothing else changed. The instructions are put together here and run one at a time.
 */
#include "guest.h"

#define DIVISOR (UART + 0x24) /* UARTIBRD: 16 bits that read as written */

enum {
    CONTENT = 0x8f81, /* both of its halves have a sign */
    ARM_END = 0xe7f000f0, /* an undefined instruction; SVC where that mode is under test */
    ARM_END_UND = 0xef000000,
    THUMB_END = 0xde00,
    THUMB_END_UND = 0xdf00,
    SP = 13,
    LR = 14,
    REGISTERS = 15,
};

static const struct operation {
    uint32_t arm;         /* [Rn], with Rn and Rt empty */
    uint16_t thumb_wide;  /* the first halfword, with Rn empty; the second is Rt << 12 */
    uint16_t thumb_short; /* Rn, Rt below 8; 0: there is none with an immediate offset */
    bool store;
    uint8_t width;
    uint32_t result; /* of a load */
} operations[] = {
    {0xe5900000, 0xf8d0, 0x6800, false, 4, CONTENT},
    {0xe5d00000, 0xf890, 0x7800, false, 1, CONTENT & 0xff},
    {0xe1d000b0, 0xf8b0, 0x8800, false, 2, CONTENT},
    {0xe1d000d0, 0xf990, 0, false, 1, 0xffffff81},
    {0xe1d000f0, 0xf9b0, 0, false, 2, 0xffff8f81},
    {0xe5800000, 0xf8c0, 0x6000, true, 4, 0},
    {0xe5c00000, 0xf880, 0x7000, true, 1, 0},
    {0xe1c000b0, 0xf8a0, 0x8000, true, 2, 0},
};
#define OPERATIONS (sizeof operations / sizeof operations[0])

enum encoding { ARM, THUMB_WIDE, THUMB_SHORT, THUMB_IT };

static uint16_t code[8] __attribute__((aligned(4)));
static uint32_t detail; /* of the first failure: operation, register, and what was wrong there */

/* Returns the length up to the end marker, bytes. */
static uint32_t assemble(const struct operation *operation, enum encoding encoding, uint32_t base,
                         uint32_t target, uint32_t mode)
{
    unsigned at = 0;

    if (encoding == ARM) {
        volatile uint32_t *words = (volatile uint32_t *)(void *)code;
        words[0] = operation->arm | base << 16 | target << 12;
        words[1] = mode == MODE_UND ? ARM_END_UND : ARM_END;
        at = 2;
    } else {
        volatile uint16_t *halves = code;
        if (encoding == THUMB_IT) {
            /* ITTE EQ, with Z set: this one and the next are done, the last one is not. */
            halves[at++] = 0xbf06;
        }
        if (encoding == THUMB_SHORT) {
            halves[at++] = (uint16_t)(operation->thumb_short | base << 3 | target);
        } else {
            halves[at++] = (uint16_t)(operation->thumb_wide | base);
            halves[at++] = (uint16_t)(target << 12);
        }
        if (encoding == THUMB_IT) {
            halves[at++] = (uint16_t)(0x2000 | 7 << 8 | 0x55); /* mov r7, #0x55 */
            halves[at++] = (uint16_t)(0x2000 | 6 << 8 | 0x66); /* mov r6, #0x66 */
        }
        halves[at] = mode == MODE_UND ? THUMB_END_UND : THUMB_END;
    }
    /* Caches are off, but what was fetched before may still be known. */
    __asm__ volatile("dsb\n\tmcr p15, 0, %0, c7, c5, 0\n\tdsb\n\tisb" ::"r"(0) : "memory");
    return encoding == ARM ? 4 : 2 * at;
}

static bool differs(uint32_t where, uint32_t is, uint32_t wanted)
{
    if (is != wanted) {
        detail = where;
        return true;
    }
    return false;
}

/* One instruction in one mode. Returns true if all is as it must be. */
static bool one(const struct operation *operation, enum encoding encoding, uint32_t target,
                uint32_t mode)
{
    const uint32_t base = target == 1 ? 2 : 1;
    uint32_t length = assemble(operation, encoding, base, target, mode);
    uint32_t written;
    struct frame frame;
    uint32_t *wanted = frame.r;

    for (uint32_t i = 0; i < REGISTERS; i++) {
        wanted[i] = 0xa5a55a00 + i * 0x01010101;
    }
    wanted[base] = DIVISOR;
    frame.pc = (uint32_t)(uintptr_t)code;
    frame.cpsr = mode | PSR_I | PSR_F | PSR_A | (encoding == ARM ? 0 : PSR_T) | PSR_Z;
    write32(DIVISOR, operation->store ? 0 : CONTENT);
    run(&frame, mode == MODE_USR ? MODE_SYS : mode);
    written = operation->width == 1 ? wanted[target] & 0xff : wanted[target] & 0xffff;
    if (!operation->store) {
        wanted[target] = operation->result;
    }
    if (encoding == THUMB_IT) {
        wanted[7] = 0x55;
    }
    for (uint32_t i = 0; i < REGISTERS; i++) {
        if (differs(i, captured.r[i], wanted[i])) {
            return false;
        }
    }
    /* The link register of the exception: after the end marker. */
    if (differs(0xbc, captured.pc, frame.pc + length + (encoding == ARM ? 4 : 2)) ||
        differs(0xbd, captured.cpsr & (0x1f | PSR_T | PSR_IT | PSR_Z),
                frame.cpsr & (0x1f | PSR_T | PSR_Z))) {
        return false;
    }
    return !operation->store || !differs(0xda, read32(DIVISOR), written);
}

static bool is_encodable(const struct operation *operation, enum encoding encoding, uint32_t target)
{
    switch (encoding) {
    case THUMB_SHORT:
        return operation->thumb_short != 0 && target < 8;
    case THUMB_WIDE:
        return target != SP || operation->width == 4; /* else unpredictable */
    case THUMB_IT:
        return target != 6 && target != 7 && (target != SP || operation->width == 4);
    default:
        return true;
    }
}

static void all(const char *name, enum encoding encoding, uint32_t mode)
{
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        for (uint32_t target = 0; target < REGISTERS; target++) {
            if (is_encodable(&operations[i], encoding, target) &&
                !one(&operations[i], encoding, target, mode)) {
                /* Operation, register, what was wrong: a register or one of the marks above. */
                check(name, false, i << 16 | target << 8 | detail, 0);
                return;
            }
        }
    }
    check(name, true, 0, 0);
}

void test_modes(void)
{
    all("loads and stores in user mode, ARM", ARM, MODE_USR);
    all("loads and stores in user mode, Thumb", THUMB_WIDE, MODE_USR);
    all("loads and stores in user mode, short Thumb", THUMB_SHORT, MODE_USR);
    all("loads and stores in user mode, IT block", THUMB_IT, MODE_USR);
    all("loads and stores in system mode, ARM", ARM, MODE_SYS);
    all("loads and stores in system mode, Thumb", THUMB_WIDE, MODE_SYS);
    all("loads and stores in SVC mode, ARM", ARM, MODE_SVC);
    all("loads and stores in SVC mode, Thumb", THUMB_WIDE, MODE_SVC);
    all("loads and stores in SVC mode, short Thumb", THUMB_SHORT, MODE_SVC);
    all("loads and stores in SVC mode, IT block", THUMB_IT, MODE_SVC);
    all("loads and stores in IRQ mode, ARM", ARM, MODE_IRQ);
    all("loads and stores in IRQ mode, IT block", THUMB_IT, MODE_IRQ);
    all("loads and stores in abort mode, ARM", ARM, MODE_ABT);
    all("loads and stores in abort mode, IT block", THUMB_IT, MODE_ABT);
    all("loads and stores in undefined mode, ARM", ARM, MODE_UND);
    all("loads and stores in undefined mode, IT block", THUMB_IT, MODE_UND);
}
