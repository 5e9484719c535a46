/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry, exceptions and the two things C cannot do: to come back from a fault, and to let
 * interrupts in for a moment. Nothing of the processor's state is relied on but that it is
 * privileged, and that translation is off.
 */
    .syntax unified
    .arch armv7-a
    .arm

#define MODE_SVC 0x13

/* SCTLR: M, A, C; V (vectors at FFFF0000), VE, EE, TE off. Z and I on: fetches may be cached. */
#define CONTROL_CLEAR_LOW  0x00000007
#define CONTROL_CLEAR_HIGH 0x43002000
#define CONTROL_SET        0x00001800

    .section .text.start, "ax"
    .global _start
_start:
    cpsid   aif, #MODE_SVC
    mrc     p15, 0, r0, c1, c0, 0       @ SCTLR
    ldr     r1, =CONTROL_CLEAR_LOW | CONTROL_CLEAR_HIGH
    bic     r0, r0, r1
    bic     r2, r0, #CONTROL_SET
    mcr     p15, 0, r2, c1, c0, 0       @ all off first, so that nothing stale is fetched
    isb
    mov     r2, #0
    mcr     p15, 0, r2, c7, c5, 0       @ ICIALLU
    mcr     p15, 0, r2, c7, c5, 6       @ BPIALL
    dsb
    isb
    orr     r0, r0, #CONTROL_SET
    mcr     p15, 0, r0, c1, c0, 0
    isb
    ldr     r0, =vectors
    mcr     p15, 0, r0, c12, c0, 0      @ VBAR
    isb
    ldr     r0, =bss_start
    ldr     r1, =bss_end
1:  cmp     r0, r1
    strlo   r2, [r0], #4
    blo     1b
    ldr     sp, =stack_top
    bl      platform_start              @ does not return
    .global platform_stop
platform_stop:
    cpsid   aif
    wfi
    b       platform_stop

    .text
    .balign 32
vectors:
    b       platform_stop               @ reset: not a vector that is taken
    b       undefined
    b       unexpected                  @ SVC
    b       prefetch_abort
    b       data_abort
    b       unexpected
    b       irq
    b       unexpected                  @ FIQ: masked all the time

/* Each mode has a stack pointer of its own, set at each entry: none is entered twice. */
irq:
    ldr     sp, =irq_stack_top
    sub     lr, lr, #4
    push    {r0-r3, r12, lr}
    bl      platform_irq
    ldm     sp!, {r0-r3, r12, pc}^

undefined:
    ldr     r0, =name_undefined
    sub     r1, lr, #4
    mov     r2, #0
    b       fault
prefetch_abort:
    ldr     r0, =name_prefetch
    sub     r1, lr, #4
    mrc     p15, 0, r2, c6, c0, 2       @ IFAR
    b       fault
data_abort:
    ldr     r0, =name_data
    sub     r1, lr, #8
    mrc     p15, 0, r2, c6, c0, 0       @ DFAR
    b       fault
unexpected:
    ldr     r0, =name_unexpected
    mov     r1, lr
    mov     r2, #0

/* Nothing of what was interrupted is kept: it goes on where the guard was set, or ends here. */
fault:
    ldr     r3, =platform_last_fault
    str     r0, [r3]
    str     r2, [r3, #4]
    str     r1, [r3, #8]
    cpsid   aif, #MODE_SVC
    ldr     r3, =guard
    ldr     r0, [r3]
    cmp     r0, #0
    ldreq   sp, =fault_stack_top
    beq     platform_unguarded
    mov     sp, r0
    clrex                               @ what was begun with an exclusive load is not ended
    mov     r0, #0
    b       guard_leave

/*
 * r0: function, r1: its argument. Returns 1, or 0 after a fault. `guard` is the innermost one's
 * stack pointer, and what lies there is the next one's.
 */
    .global platform_call
platform_call:
    push    {r4-r11, lr}
    ldr     r4, =guard
    ldr     r5, [r4]
    push    {r3, r5, r6}                @ twelve words: the stack stays aligned to 8
    str     sp, [r4]
    mov     r2, r0
    mov     r0, r1
    blx     r2
    mov     r0, #1
guard_leave:
    pop     {r3, r5, r6}
    ldr     r4, =guard
    str     r5, [r4]
    pop     {r4-r11, pc}

/*
 * r0: wait for an interrupt first? One that comes before the WFI ends it, masked or not.
 * What is pending is taken between the unmasking and the ISB after it, at the latest.
 */
    .global platform_open
platform_open:
    cmp     r0, #0
    beq     1f
    dsb
    wfi
1:  cpsie   i
    isb
    nop
    cpsid   i
    isb
    bx      lr

    .section .rodata
name_undefined:
    .asciz  "undefined instruction"
name_prefetch:
    .asciz  "prefetch abort"
name_data:
    .asciz  "data abort"
name_unexpected:
    .asciz  "unexpected exception"

    .balign 8
    .global platform_tree_start, platform_tree_end
platform_tree_start:
    .incbin BEAGLE_TREE
platform_tree_end:

    .bss
    .balign 4
guard:
    .space  4
    .global platform_last_fault
platform_last_fault:
    .space  12
