/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two bare-metal guests that give the processor to each other by turns: what one world switch costs.
 * The first marks where it begins and ends; the second, built with PARTNER, yields as long as that
 * takes and some turns more. Measures nothing itself. Entered with the MMU off.
 */
    .syntax unified
    .arch armv7ve
    .arch_extension virt
    .arm

    .equ    MARK, 0x1c130614
    .equ    YIELD, 0xc6000002
    .equ    SYSTEM_OFF, 0x84000008
    .equ    TURNS, 1000

    .macro  mark number
    ldr     r0, =MARK
    mov     r1, #\number
    str     r1, [r0]
    .endm

    .macro  yield times
    ldr     r4, =\times
1:  ldr     r0, =YIELD
    hvc     #0
    subs    r4, r4, #1
    bne     1b
    .endm

    .section .text.start, "ax"
    .global _start
_start:
#ifdef PARTNER
    yield   TURNS + 100
#else
    yield   10                      @ so that what is found at the first turn only is found
    mark    1                       @ the empty window
    mark    2
    mark    3
    yield   TURNS
    mark    4
#endif
2:  ldr     r0, =SYSTEM_OFF
    hvc     #0
    b       2b
