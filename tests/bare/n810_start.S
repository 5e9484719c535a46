/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of the n810 image, on an ARM1136 in SVC mode, and its vectors. That processor has them at 0
 * or at FFFF0000 only, and the board has memory at neither: so the MMU maps each section to where it
 * is, strongly ordered and open to all, but the last one to a section of memory.
 */
    .syntax unified
    .arch armv6
    .arm

#define TABLE   0x80004000
#define VECTORS 0x80100000      /* the section; they are at F0000 in it */

    .section .text.start, "ax"
    .global _start
_start:
    cpsid   aif, #0x13
    ldr     r0, =bss_start
    ldr     r1, =bss_end
    mov     r2, #0
1:  cmp     r0, r1
    strlo   r2, [r0], #4
    blo     1b
    ldr     sp, =stack_top

    ldr     r0, =TABLE
    ldr     r1, =0x00000c02         @ a section, any access
    mov     r2, #4096
2:  str     r1, [r0], #4
    add     r1, r1, #0x100000
    subs    r2, r2, #1
    bne     2b
    ldr     r1, =VECTORS + 0xc02
    str     r1, [r0, #-4]
    ldr     r0, =vectors
    ldr     r1, =VECTORS + 0xf0000
    mov     r2, #16
3:  ldr     r3, [r0], #4
    str     r3, [r1], #4
    subs    r2, r2, #1
    bne     3b

    mov     r0, #0
    mcr     p15, 0, r0, c7, c7, 0   @ no cache holds anything from before
    mcr     p15, 0, r0, c8, c7, 0   @ nor does the TLB
    mcr     p15, 0, r0, c2, c0, 2   @ TTBCR: TTBR0 is for all
    ldr     r0, =TABLE
    mcr     p15, 0, r0, c2, c0, 0
    mov     r0, #3                  @ domain 0: no permission is looked at
    mcr     p15, 0, r0, c3, c0, 0
    mrc     p15, 0, r0, c1, c0, 0
    orr     r0, r0, #0x2000         @ V: the high vectors
    orr     r0, r0, #0x1            @ M
    mcr     p15, 0, r0, c1, c0, 0
    mov     r0, #0
    mcr     p15, 0, r0, c7, c5, 4   @ from here on so

    cps     #0x12                   @ IRQ mode's own stack
    ldr     sp, =exception_stack_top
    cps     #0x13
    bl      n810_main
4:  b       4b

/* Copied: each goes to an address that it loads from the copy. */
    .balign 32
vectors:
    ldr     pc, [pc, #24]
    ldr     pc, [pc, #24]
    ldr     pc, [pc, #24]
    ldr     pc, [pc, #24]
    ldr     pc, [pc, #24]
    ldr     pc, [pc, #24]
    ldr     pc, [pc, #24]
    ldr     pc, [pc, #24]
    .word   trap, trap, trap, trap, trap, trap, interrupt, trap

    .text
interrupt:
    sub     lr, lr, #4
    push    {r0-r3, r12, lr}
    bl      n810_interrupt
    pop     {r0-r3, r12, lr}
    movs    pc, lr

trap:
    ldr     sp, =stack_top
    sub     r0, lr, #8              @ of a data abort; near enough for the others
    bl      n810_trap
5:  b       5b
