/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of a driver VM in SVC mode, r2: struct hyp_boot. Caches are on before anything is written, so
 * that none holds what was there before. Flat sections [ARM DDI 0406C, B3.5]: registers, memory from
 * 0x40000000 on, and the image's code. What of all that the VM may reach is stage 2's affair.
 */
    .syntax unified
    .arch   armv7ve
    .macro  map first, end, kind
    .set    at, \first
    .rept   \end - \first
    .word   (at << 20) + \kind
    .set    at, at + 1
    .endr
    .endm

    .section .text.start, "ax"
    .global _start
_start:
    cpsid   aif
    ldr     r0, =sections + 0x4a        @ walks are write-back, shareable
    mov     r1, #1
    mov     r3, #0
    mcr     p15, 0, r0, c2, c0, 0       @ TTBR0
    mcr     p15, 0, r3, c2, c0, 2       @ TTBCR
    mcr     p15, 0, r1, c3, c0, 0       @ DACR: as the sections say
    mcr     p15, 0, r3, c8, c7, 0       @ TLBIALL
    mcr     p15, 0, r3, c7, c5, 0       @ ICIALLU
    ldr     r0, =vectors
    mcr     p15, 0, r0, c12, c0, 0      @ VBAR
    dsb
    isb
    mrc     p15, 0, r0, c1, c0, 0       @ SCTLR
    orr     r0, r0, #0x1800             @ I, Z
    orr     r0, r0, #0x5                @ C, M
    mcr     p15, 0, r0, c1, c0, 0
    isb
    ldr     r0, =bss_start
    ldr     sp, =stack_top
1:  str     r3, [r0], #4
    cmp     r0, sp
    blo     1b
    mov     r0, r2
    b       driver_main
    .balign 32
vectors:                                @ none is meant to be taken
    .rept   8
    b       exception
    .endr
exception:
    ldr     sp, =stack_top
    mov     r0, lr
    b       driver_fault

    .section .rodata
    .balign 16384
sections:
    map     0x000, 0x400, 0x00416       @ device; not executable
    map     0x400, 0x800, 0x1141e       @ write-back, shareable; not executable
    map     0x800, 0x801, 0x1940e       @ write-back, shareable; read-only
    map     0x801, 0x1000, 0x1141e
