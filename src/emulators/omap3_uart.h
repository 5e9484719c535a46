/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two files of the OMAP3530 UART's emulator share. Not for other emulators. */
#ifndef EMULATORS_OMAP3_UART_H
#define EMULATORS_OMAP3_UART_H

#include <vdev/emulators/omap3_uart.h>

/* IER; bits 7 to 4 can be written with EFR's ENHANCED_EN only. */
#define IER_RHR      0x01u
#define IER_THR      0x02u
#define IER_LINE     0x04u
#define IER_MODEM    0x08u
#define IER_CTS      0x80u
#define IER_ENHANCED 0xF0u

/* IIR, bits 5 to 0, from the most urgent. */
#define IIR_LINE    0x06u
#define IIR_TIMEOUT 0x0Cu
#define IIR_RHR     0x04u
#define IIR_THR     0x02u
#define IIR_MODEM   0x00u
#define IIR_CTS     0x20u
#define IIR_NONE    0x01u
#define IIR_FIFOS   0xC0u

#define FCR_FIFO_EN  0x01u
#define FCR_RX_CLEAR 0x02u
#define FCR_TX_CLEAR 0x04u
#define FCR_ENHANCED 0x30u /* the transmit trigger: with ENHANCED_EN only */

#define LCR_WLEN 0x03u

#define MCR_DTR      0x01u
#define MCR_RTS      0x02u
#define MCR_RI       0x04u
#define MCR_DCD      0x08u
#define MCR_LOOPBACK 0x10u
#define MCR_TCR_TLR  0x40u
#define MCR_ENHANCED 0xE0u
#define MCR_BITS     0x7Fu

#define LSR_DATA          0x01u
#define LSR_OVERRUN       0x02u
#define LSR_TX_FIFO_EMPTY 0x20u
#define LSR_TX_ALL_EMPTY  0x40u
#define LSR_FIFO_ERROR    0x80u

#define MSR_CHANGES     0x0Fu
#define MSR_RI_TRAILING 0x04u

#define EFR_ENHANCED_EN 0x10u
#define EFR_AUTO_CTS    0x80u

#define SCR_RX_TRIGGER_1 0x80u
#define SCR_TX_TRIGGER_1 0x40u
#define SCR_TX_EMPTY_CTL 0x08u

#define SSR_TX_FIFO_FULL 0x01u

#define MDR1_MODE     0x07u
#define MDR1_16X      0x00u
#define MDR1_16X_AUTO 0x02u
#define MDR1_13X      0x03u
#define MDR1_DISABLE  0x07u

#define SYSC_SOFTRESET 0x02u

#define ERRORS                                                                                     \
    (VDEV_OMAP3_UART_ERROR_PARITY | VDEV_OMAP3_UART_ERROR_FRAMING | VDEV_OMAP3_UART_ERROR_BREAK)

/* The registers' numbers: their places in the values, and in the table of omap3_uart_registers.c.
 */
enum register_number {
    RHR,
    IER,
    IIR,
    LCR,
    MCR,
    LSR,
    MSR,
    SPR,
    MDR1,
    MDR2,
    SFLSR,
    RESUME,
    SFREGL,
    SFREGH,
    BLR,
    ACREG,
    SCR,
    SSR,
    EBLR,
    MVR,
    SYSC,
    SYSS,
    WER,
    CFPS,
    REGISTER_COUNT,
};
_Static_assert(REGISTER_COUNT == VDEV_OMAP3_UART_REGISTER_COUNT, "the values' array holds them");

static inline unsigned vdev_omap3_uart_depth(const struct vdev_omap3_uart_emulator *self)
{
    return (self->fcr & FCR_FIFO_EN) != 0 ? VDEV_OMAP3_UART_FIFO_DEPTH : 1;
}

/* omap3_uart.c: IIR bits 5 to 0, of the most urgent interrupt that is due and enabled. */
uint32_t vdev_omap3_uart_identification(const struct vdev_omap3_uart_emulator *self);
/* The interrupt line; last in everything that changes state. */
void vdev_omap3_uart_refresh(struct vdev_omap3_uart_emulator *self);
/* After anything that may let bytes move that did not move before; refreshes. */
void vdev_omap3_uart_move(struct vdev_omap3_uart_emulator *self);
/* The modem inputs, or how they are looped back, may have changed. */
void vdev_omap3_uart_set_modem(struct vdev_omap3_uart_emulator *self);
/* One character out of, or into, the FIFO. */
uint32_t vdev_omap3_uart_take(struct vdev_omap3_uart_emulator *self);
void vdev_omap3_uart_put(struct vdev_omap3_uart_emulator *self, uint32_t value);
/* Empty the FIFO. */
void vdev_omap3_uart_clear_receive(struct vdev_omap3_uart_emulator *self);

#endif
