/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the image is entered; and who it is to be, which the test writes over the second word. */
    .section .text.first, "ax"
    b       _start
    .global machine_role
machine_role:
    .word   0
