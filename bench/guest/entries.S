/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bare-metal guest that does each thing a hypervisor is entered for, many times, between two marks:
 * the hypervisor writes its counters at each mark, and the difference of two, less the empty window's,
 * divided by the repetitions, is what one costs. Measures nothing itself. Entered with the MMU off.
 */
    .syntax unified
    .arch armv7ve
    .arch_extension virt
    .arm

    .equ    MARK, 0x1c130614
    .equ    UART_FLAGS, 0x1c090018
    .equ    GICD, 0x2c001000
    .equ    GICC, 0x2c002000
    .equ    NULL_CALL, 0xc6000000
    .equ    SYSTEM_OFF, 0x84000008
    .equ    TIMER, 27               @ interrupt of the virtual timer
    .equ    REPETITIONS, 1000
    .equ    INTERRUPTS, 250
    .equ    UNTOUCHED, 0x8c000000   @ guest memory that nobody has touched
    .equ    SECTIONS, 32            @ of 2 MiB

    .macro  mark number
    ldr     r0, =MARK
    mov     r1, #\number
    str     r1, [r0]
    .endm

    .section .text.start, "ax"
    .global _start
_start:
    ldr     r0, =vectors
    mcr     p15, 0, r0, c12, c0, 0  @ VBAR
    ldr     r0, =UART_FLAGS         @ so that what is found at the first access only is found
    ldr     r1, [r0]

    mark    1                       @ the empty window: what two marks cost
    mark    2

    mark    3                       @ null hypercall
    ldr     r4, =REPETITIONS
1:  ldr     r0, =NULL_CALL
    hvc     #0
    subs    r4, r4, #1
    bne     1b
    mark    4

    mark    5                       @ read of an emulated register
    ldr     r4, =REPETITIONS
    ldr     r0, =UART_FLAGS
1:  ldr     r1, [r0]
    subs    r4, r4, #1
    bne     1b
    mark    6

    ldr     r0, =GICD               @ the timer's interrupt, enabled and unmasked
    mov     r1, #(1 << TIMER)
    str     r1, [r0, #0x100]
    mov     r1, #1
    str     r1, [r0]
    ldr     r0, =GICC
    mov     r1, #0xf0
    str     r1, [r0, #4]
    mov     r1, #1
    str     r1, [r0]
    mov     r8, #0                  @ interrupts seen
    cpsie   i
    bl      fire                    @ once before it counts

    mark    7                       @ interrupt
    ldr     r4, =INTERRUPTS
1:  bl      fire
    subs    r4, r4, #1
    bne     1b
    mark    8

    mark    9                       @ first touch of memory
    mov     r4, #SECTIONS
    ldr     r0, =UNTOUCHED
1:  str     r4, [r0], #4
    sub     r0, r0, #4
    add     r0, r0, #0x200000
    subs    r4, r4, #1
    bne     1b
    mark    10

stop:
    ldr     r0, =SYSTEM_OFF
    hvc     #0
    b       stop

/* Let the virtual timer fire once, and wait for it. */
fire:
    mov     r5, r8
    mov     r0, #200
    mcr     p15, 0, r0, c14, c3, 0  @ CNTV_TVAL
    mov     r0, #1
    mcr     p15, 0, r0, c14, c3, 1  @ CNTV_CTL
2:  cmp     r5, r8
    beq     2b
    bx      lr

interrupt:
    mov     r9, #0
    mcr     p15, 0, r9, c14, c3, 1
    ldr     r9, =GICC
    ldr     r10, [r9, #0xc]
    add     r8, r8, #1
    str     r10, [r9, #0x10]
    subs    pc, lr, #4

    .ltorg
    .balign 32
vectors:
    b       stop
    b       stop
    b       stop
    b       stop
    b       stop
    b       stop
    b       interrupt
    b       stop
