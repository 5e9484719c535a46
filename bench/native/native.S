/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands before Linux on the board itself, where no hypervisor counts: opens one event counter to user
 * programs, which counts what kernel and user execute, and enters the kernel as a boot loader does.
 * It stays in Hyp mode, in which a kernel may be entered [Linux, Documentation/arm/booting.rst];
 * kernel, tree and initial file system are where tools/compare/machine.py has put them.
 */
    .syntax unified
    .arch armv7ve
    .arch_extension virt
    .arm

    .equ    KERNEL, 0x84000000
    .equ    TREE, 0x88000000
    .equ    INSTRUCTIONS, 0x08      @ event: architecturally executed; no filter bit: not in Hyp mode
    .equ    COUNTER, 0

    .section .text.start, "ax"
    .global _start
_start:
    mrc     p15, 0, r0, c9, c12, 0  @ PMCR: all counters, N, are below HPMN, the kernel's and user's
    ubfx    r1, r0, #11, #5
    mcr     p15, 4, r1, c1, c1, 1   @ HDCR; the kernel keeps HPMN
    mov     r1, #COUNTER
    mcr     p15, 0, r1, c9, c12, 5  @ PMSELR
    isb
    mov     r1, #INSTRUCTIONS
    mcr     p15, 0, r1, c9, c13, 1  @ PMXEVTYPER
    mov     r1, #(1 << COUNTER)
    mcr     p15, 0, r1, c9, c12, 3  @ PMOVSR
    mcr     p15, 0, r1, c9, c12, 1  @ PMCNTENSET
    mov     r1, #1
    mcr     p15, 0, r1, c9, c14, 0  @ PMUSERENR
    orr     r0, r0, #1
    mcr     p15, 0, r0, c9, c12, 0  @ PMCR.E
    isb
    mov     r0, #0
    mvn     r1, #0                  @ no machine's number: the tree says which it is
    ldr     r2, =TREE
    ldr     r3, =KERNEL
    bx      r3
