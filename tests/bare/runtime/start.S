/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of a bare-metal test image on a Cortex-A15, in Hyp mode or in SVC mode, whichever the board
 * starts in; and vectors that report every exception as the defect it is. Images take no interrupts.
 */
    .syntax unified
    .arch armv7ve
    .arch_extension virt

#define MODE_MASK 0x1f
#define MODE_HYP  0x1a

    .section .text.start, "ax"
    .global _start
_start:
    cpsid   aif
    mrc     p15, 0, r0, c0, c0, 5   @ MPIDR
    tst     r0, #0xff
    bne     park                    @ the other processors stay out of it
    ldr     r0, =bss_start
    ldr     r1, =bss_end
    mov     r2, #0
1:  cmp     r0, r1
    strlo   r2, [r0], #4
    blo     1b
    ldr     sp, =stack_top
    ldr     r0, =vectors
    mrs     r1, cpsr
    and     r1, r1, #MODE_MASK
    cmp     r1, #MODE_HYP
    mcreq   p15, 4, r0, c12, c0, 0  @ HVBAR
    mcrne   p15, 0, r0, c12, c0, 0  @ VBAR
    moveq   r0, #1
    movne   r0, #0
    bl      runtime_start           @ (in Hyp mode?), never returns
park:
    wfi
    b       park

    .text
    .balign 32
vectors:
    b       exception_0
    b       exception_1
    b       exception_2
    b       exception_3
    b       exception_4
    b       exception_5
    b       exception_6
    b       exception_7

/* Each mode has a stack pointer of its own, which nothing has set yet: one stack serves them all. */
    .macro  exception number
exception_\number:
    mov     r0, #\number
    b       exception
    .endm
    exception 0
    exception 1
    exception 2
    exception 3
    exception 4
    exception 5
    exception 6
    exception 7

exception:
    ldr     sp, =exception_stack_top
    mrs     r2, cpsr
    and     r2, r2, #MODE_MASK
    cmp     r2, #MODE_HYP
    movne   r1, lr
    movne   r2, #0
    bne     1f
    mrs     r1, elr_hyp
    mov     r2, #1
1:  b       exception_report        @ (vector, pc or lr, in Hyp mode?), never returns
