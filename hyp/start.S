/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of the image, and the vectors of Hyp mode. Each entry from a guest saves the registers that
 * all modes share with one instruction, and leaves ELR_hyp and SPSR_hyp where they are: the
 * hypervisor runs with interrupts masked, so nothing can overwrite them before the return.
 */
    .syntax unified
    .arch armv7ve
    .arch_extension virt

    .section .text.start, "ax"
    .global _start
_start:
    mrs     r0, cpsr
    and     r0, r0, #0x1f
    cmp     r0, #0x1a               @ Hyp mode
    bne     park
    mrc     p15, 0, r0, c0, c0, 5   @ MPIDR
    tst     r0, #0xff
    bne     park                    @ one processor is used
    cpsid   aif
    ldr     r0, =bss_start
    ldr     r1, =bss_end
    mov     r2, #0
1:  cmp     r0, r1
    strlo   r2, [r0], #4
    blo     1b
    ldr     sp, =stack_top
    ldr     r0, =vectors
    mcr     p15, 4, r0, c12, c0, 0  @ HVBAR
    bl      hypervisor_main
park:
    wfi
    b       park

    .text
    .macro  hyp_vectors name, trap, interrupt
    .balign 32
\name:
    b       park                    @ reset: not used in Hyp mode
    b       fault_undefined
    b       fault_call
    b       fault_prefetch
    b       fault_data
    b       \trap
    b       \interrupt
    b       park                    @ FIQ: none is routed here
    .endm

    .global measured_vectors
    hyp_vectors vectors, guest_trap, guest_interrupt
    hyp_vectors measured_vectors, measured_trap, measured_interrupt @ for count.c alone

    .macro  measured name, then, interrupt
\name:
    push    {r0-r3, r12, lr}
    mov     r1, #\interrupt
    bl      count_path
    pop     {r0-r3, r12, lr}
    b       \then
    .endm

    measured measured_trap, guest_trap, 0
    measured measured_interrupt, guest_interrupt, 1

guest_trap:
    push    {r0-r12, lr}
    mov     r0, sp
    mrc     p15, 4, r1, c5, c2, 0   @ HSR
    lsr     r2, r1, #26
    cmp     r2, #0x24               @ a data abort: most are
    bne     1f
    bl      trap_data_abort
2:  mrc     p15, 4, r0, c13, c0, 2  @ HTPIDR: is another machine to run?
    cmp     r0, #0
    bne     3f
    pop     {r0-r12, lr}
    eret
1:  bl      trap_handle
    b       2b
3:  mov     r0, sp
    bl      schedule
    pop     {r0-r12, lr}
    eret

guest_interrupt:
    push    {r0-r3, r12, lr}        @ the calling convention preserves the rest
    bl      interrupt_handle
    mrc     p15, 4, r0, c13, c0, 2
    cmp     r0, #0
    pop     {r0-r3, r12, lr}
    bne     1f
    eret
1:  push    {r0-r12, lr}            @ as for a trap
    b       3b

/*
 * An exception of the hypervisor's own: a defect. Report where, and stop the board. From the top of
 * the stack, since its end may have been the cause.
 */
    .macro  fault name, kind
\name:
    ldr     sp, =stack_top
    mov     r0, #\kind
    mrs     r1, elr_hyp
    mrc     p15, 4, r2, c5, c2, 0   @ HSR
    mrc     p15, 4, r3, c6, c0, 0   @ HDFAR
    bl      fault_report
    b       park
    .endm

    fault   fault_undefined, 0
    fault   fault_call, 1
    fault   fault_prefetch, 2
    fault   fault_data, 3

/* guest_enter(registers): enters the machine that switch_to has put in place; never returns. */
    .global guest_enter
guest_enter:
    mov     r12, r0
    ldr     lr, [r12, #52]
    ldm     r12, {r0-r12}
    eret
