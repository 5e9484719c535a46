/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An emulator of the OMAP3530's UART (OMAP35x TRM, ch. 17), revision 4.6: a 16C750 with a FIFO of
 * 64 bytes and the registers that its configuration modes A and B hold. Below it is a console
 * class.
 *
 * Where the manual leaves it to a wire's timing:
 * - A byte written goes to the console at once, as far as that takes it; the rest stays in the FIFO
 *   until the console is writable again. There is no baud rate, but nothing is sent or received
 *   while MDR1 disables the UART, or the divisor is zero.
 * - Received bytes are pulled from the console while the FIFO has room and stay below otherwise, so
 *   that none is lost. An overrun happens in loop-back and by vdev_omap3_uart_emulator_receive.
 * - The receive time-out is there when the console has nothing more to give and the FIFO is not
 *   empty: that is the moment from which the wire would be silent.
 * - FCR's bits may be changed while the baud clock runs, as drivers do.
 *
 * Not there: IrDA and CIR (their registers are stored, and MDR1's modes for them act as disabled),
 * DMA, automatic baud rate detection, software flow control (XON and XOFF are stored), and break
 * conditions on the way down: the class cannot carry them.
 */
#ifndef VDEV_EMULATORS_OMAP3_UART_H
#define VDEV_EMULATORS_OMAP3_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/bus.h>
#include <vdev/console.h>
#include <vdev/interrupt.h>
#include <vdev/registers.h>

#define VDEV_OMAP3_UART_WINDOW         0x1000u /* bytes that a window on a bus should have */
#define VDEV_OMAP3_UART_FIFO_DEPTH     64u
#define VDEV_OMAP3_UART_REGISTER_COUNT 24u

/* Modem inputs, as they stand in MSR; 1: asserted (the pin is low). */
#define VDEV_OMAP3_UART_MODEM_CTS 0x10u
#define VDEV_OMAP3_UART_MODEM_DSR 0x20u
#define VDEV_OMAP3_UART_MODEM_RI  0x40u
#define VDEV_OMAP3_UART_MODEM_DCD 0x80u

/* Errors of a received character: bits of LSR, above the character's 8. */
#define VDEV_OMAP3_UART_ERROR_PARITY  0x0400u
#define VDEV_OMAP3_UART_ERROR_FRAMING 0x0800u
#define VDEV_OMAP3_UART_ERROR_BREAK   0x1000u

struct vdev_omap3_uart_emulator_configuration {
    struct vdev_console *console; /* below; its client becomes the emulator. NULL: output is
                                     thrown away, and there is no input */
    struct vdev_interrupt_line *interrupt; /* NULL: polled only */
    uint32_t modem;                        /* VDEV_OMAP3_UART_MODEM_..., at the start */
    bool running; /* start as a boot loader leaves it: 115200 8N1, FIFOs on. Else as after reset */
};

/* A UART. Belongs to the caller; the fields are the implementation's, `lost` may be read. */
struct vdev_omap3_uart_emulator {
    struct vdev_register_bank bank; /* first: an access goes straight to it */
    uint32_t values[VDEV_OMAP3_UART_REGISTER_COUNT];
    struct vdev_console *console;
    struct vdev_interrupt_line *interrupt;
    /* Registers that share an offset with others. */
    uint8_t ier, fcr, mcr, efr, dll, dlh, tcr, tlr, spr;
    uint8_t xon[2], xoff[2];
    uint8_t modem_inputs; /* as from outside; in loop-back the guest sees its own outputs */
    uint8_t modem;        /* MSR */
    bool cts_fell;        /* the interrupt of CTS becoming inactive is due */
    bool overrun;         /* LSR bit 1 */
    bool more;            /* the console may have bytes that were not asked for */
    uint16_t receive[VDEV_OMAP3_UART_FIFO_DEPTH]; /* with VDEV_OMAP3_UART_ERROR_... */
    uint8_t transmit[VDEV_OMAP3_UART_FIFO_DEPTH];
    uint8_t receive_head, receive_count;
    uint8_t transmit_head, transmit_count;
    uint8_t receive_errors; /* characters in the receive FIFO that have an error */
    uint32_t lost;          /* bytes written while the transmit FIFO was full, modulo 2^32 */
};

/*
 * Its registers, for names and for the tests of drivers. At an offset that several share, the
 * name tells them all, and what an access does depends on LCR, EFR and MCR.
 */
extern const struct vdev_register_table vdev_omap3_uart_registers;

/*
 * Take over the configuration (copied; what it points to stays the caller's and outlives the
 * emulator) and reset. VDEV_ERROR_INVALID: modem bits that do not exist.
 */
int vdev_omap3_uart_emulator_init(
    struct vdev_omap3_uart_emulator *emulator,
    const struct vdev_omap3_uart_emulator_configuration *configuration);

/* Back to the state after init, FIFOs empty, as a guest's reboot needs it. */
void vdev_omap3_uart_emulator_reset(struct vdev_omap3_uart_emulator *emulator, bool running);

/*
 * One access of a guest, 8, 16 or 32 bits wide at a register's own offset: a vdev_access_function.
 * VDEV_ERROR_RANGE: no register there; VDEV_ERROR_UNSUPPORTED: another width or place.
 */
int vdev_omap3_uart_emulator_access(void *emulator, struct vdev_access *access);

/* The modem inputs changed. From the emulator's context, not from inside an access. */
void vdev_omap3_uart_emulator_modem(struct vdev_omap3_uart_emulator *emulator, uint32_t inputs);

/*
 * A character arrives as from the wire, with VDEV_OMAP3_UART_ERROR_... bits: for breaks and faults,
 * which the console class does not carry. If the FIFO is full it is an overrun, as on hardware.
 * From the emulator's context, not from inside an access.
 */
void vdev_omap3_uart_emulator_receive(struct vdev_omap3_uart_emulator *emulator,
                                      uint16_t character);

#endif
