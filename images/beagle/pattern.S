/* SPDX-License-Identifier: BSD-2-Clause */
/* The bytes of the comparison's work. */
    .section .rodata
    .balign 8
    .global workload_pattern
workload_pattern:
    .incbin WORKLOAD_PATTERN
