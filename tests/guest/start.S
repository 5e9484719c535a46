/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry and vectors of the hostile guest, and the way into another mode and back. Every handler
 * takes a stack of its own at its start: the tests put what they like into the stack pointers.
 */
    .syntax unified
    .arch armv7ve
    .arch_extension virt
    .arm

    .equ    MODE_IRQ, 0x12
    .equ    MODE_SVC, 0x13
    .equ    MODE_ABT, 0x17
    .equ    MODE_UND, 0x1b
    .equ    MODE_SYS, 0x1f
    .equ    PSR_THUMB, 0x20
    .equ    PSR_IT, 0x0600fc00

    .section .text.start, "ax"
    .global _start
_start:
    cpsid   aif
    ldr     r0, =bss_start
    ldr     r1, =bss_end
    mov     r2, #0
1:  cmp     r0, r1
    strlo   r2, [r0], #4
    blo     1b
    ldr     r0, =vectors
    mcr     p15, 0, r0, c12, c0, 0  @ VBAR
    isb
    ldr     sp, =stack_top
    bl      guest_main
    b       .

    .text
    .balign 32
vectors:
    b       .
    b       undefined
    b       call
    b       prefetch_abort
    b       data_abort
    b       .
    b       interrupt
    b       .

/*
 * struct fault: resume, pc, vector, lr, spsr, dfsr, dfar, ifsr, ifar, count. Goes on at `resume`, whose
 * lowest bit says Thumb; with none it is a defect of this image or of the hypervisor.
 */
    .macro  record vector
    push    {r0-r3, lr}
    ldr     r0, =fault
    mov     r1, #\vector
    str     r1, [r0, #8]
    str     lr, [r0, #12]
    mrs     r3, spsr
    str     r3, [r0, #16]
    mrc     p15, 0, r1, c5, c0, 0   @ DFSR
    str     r1, [r0, #20]
    mrc     p15, 0, r1, c6, c0, 0   @ DFAR
    str     r1, [r0, #24]
    mrc     p15, 0, r1, c5, c0, 1   @ IFSR
    str     r1, [r0, #28]
    mrc     p15, 0, r1, c6, c0, 2   @ IFAR
    str     r1, [r0, #32]
    ldr     r1, [r0, #36]
    add     r1, r1, #1
    str     r1, [r0, #36]
    ldr     r2, [r0]
    cmp     r2, #0
    beq     unexpected
    tst     r2, #1
    bic     r3, r3, #PSR_THUMB
    orrne   r3, r3, #PSR_THUMB
    ldr     r1, =PSR_IT
    bic     r3, r3, r1
    msr     spsr_cxsf, r3
    bic     r2, r2, #1
    str     r2, [sp, #16]
    pop     {r0-r3, lr}
    movs    pc, lr
    .endm

data_abort:
    ldr     sp, =abort_stack_top
    record  4
prefetch_abort:
    ldr     sp, =abort_stack_top
    record  3

undefined:
    ldr     sp, =capturing
    ldr     sp, [sp]
    cmp     sp, #0
    ldr     sp, =captured
    bne     capture
    ldr     sp, =undefined_stack_top
    record  1

/* With the stack pointer of the mode that it came from still there: this one's own is for `captured`. */
call:
    ldr     sp, =captured
capture:
    stm     sp, {r0-r12}
    mov     r0, sp
    str     lr, [r0, #60]
    mrs     r1, spsr
    str     r1, [r0, #64]
    and     r2, r1, #0x1f
    cmp     r2, #0x10               @ User mode shares System mode's registers
    moveq   r2, #MODE_SYS
    orr     r2, r2, #0xc0
    msr     cpsr_c, r2
    str     sp, [r0, #52]
    str     lr, [r0, #56]
    cps     #MODE_SVC
    ldr     r0, =caller_stack
    ldr     sp, [r0]
    ldr     r0, =capturing
    mov     r1, #0
    str     r1, [r0]
    pop     {r4-r12, pc}

/*
 * void run(const struct frame *frame, uint32_t mode): loads all registers and goes to frame->pc with
 * frame->cpsr; returns, with `captured` filled in, when an undefined instruction (or, from Undefined
 * mode, an SVC) ends it. `mode`: the frame's, System for User mode.
 */
    .global run
run:
    push    {r4-r12, lr}
    ldr     r2, =caller_stack
    str     sp, [r2]
    ldr     r2, =capturing
    mov     r3, #1
    str     r3, [r2]
    orr     r2, r1, #0xc0
    msr     cpsr_c, r2
    ldr     sp, [r0, #52]
    ldr     lr, [r0, #56]
    cmp     r1, #MODE_ABT           @ launched from a mode that is not the one under test
    beq     1f
    cps     #MODE_ABT
    b       2f
1:  cps     #MODE_IRQ
2:  mov     sp, r0
    ldm     sp!, {r0-r12}
    add     sp, sp, #8
    rfeia   sp

interrupt:
    ldr     sp, =interrupt_stack_top
    sub     lr, lr, #4
    push    {r0-r3, r12, lr}
    bl      interrupt_handle
    ldm     sp!, {r0-r3, r12, pc}^

unexpected:
    cps     #MODE_SVC
    ldr     sp, =stack_top
    b       unexpected_fault

    .ltorg

    .bss
    .balign 8
    .global captured, capturing
captured:
    .space  68
capturing:
    .space  4
caller_stack:
    .space  4
    .balign 8
    .space  1024
abort_stack_top:
    .space  1024
undefined_stack_top:
    .space  4096
interrupt_stack_top:
    .space  16384
stack_top:
