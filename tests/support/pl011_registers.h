/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL011's registers and flags as its manual numbers them (TRM §3.2): written down once more for
 * the tests, so that they do not believe what they test.
 */
#ifndef SUPPORT_PL011_REGISTERS_H
#define SUPPORT_PL011_REGISTERS_H

#define DR    0x000
#define ECR   0x004
#define RSR   0x004
#define FR    0x018
#define ILPR  0x020
#define IBRD  0x024
#define FBRD  0x028
#define LCR_H 0x02C
#define CR    0x030
#define IFLS  0x034
#define IMSC  0x038
#define RIS   0x03C
#define MIS   0x040
#define ICR   0x044
#define DMACR 0x048

#define FR_BUSY 0x08
#define FR_RXFE 0x10
#define FR_TXFF 0x20
#define FR_RXFF 0x40
#define FR_TXFE 0x80

#endif
