/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver of the OMAP3's UARTs (OMAP35x TRM, SPRUF98, chapter 17) and of the plain 16550A that
 * they grew from, with registers four bytes apart: offers the console class. 8 data bits, no
 * parity, one stop bit, no flow control on the wire. Not its infrared modes, not its DMA.
 *
 * No buffer of its own, as the PL011's driver: `write` goes into the hardware's FIFO until that is
 * full, `read` comes out of it, each at most one FIFO a call (64 bytes; a 16550A's 16). With
 * interrupts the owner calls vdev_console_poll once for each; the driver masks at the UART what its
 * client does not take. Without, the owner calls it from its loop. All calls come from one context.
 * All accesses are of 8 bits, which every member of the family takes.
 */
#ifndef VDEV_DRIVERS_OMAP3_UART_H
#define VDEV_DRIVERS_OMAP3_UART_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/clock.h>
#include <vdev/console.h>
#include <vdev/io.h>

enum vdev_omap3_uart_kind {
    VDEV_OMAP3_UART_DETECT, /* by the EFR, which a 16550A has not; touches nothing past SPR */
    VDEV_OMAP3_UART_OMAP3,
    VDEV_OMAP3_UART_16550,
};

struct vdev_omap3_uart_configuration {
    struct vdev_io io;              /* the UART's registers, 256 bytes */
    const struct vdev_clock *clock; /* bounds the waits of init; not used afterwards */
    uint32_t clock_hertz;           /* the functional clock; 48 MHz on the OMAP3 */
    uint32_t baud;                  /* bits per second */
    enum vdev_omap3_uart_kind kind;
    bool interrupts; /* false: no interrupt is ever enabled, the owner polls */
};

/* What went wrong on the wire, modulo 2^32. The characters concerned were passed on, break as 0. */
struct vdev_omap3_uart_errors {
    uint32_t overrun;
    uint32_t breaks;
    uint32_t parity;
    uint32_t framing;
};

/* A UART. Belongs to the caller; the fields are the driver's, `errors` and `kind` may be read. */
struct vdev_omap3_uart {
    struct vdev_console console; /* the class: hand &uart.console to a client */
    struct vdev_io io;
    struct vdev_omap3_uart_errors errors;
    uint8_t kind;       /* of enum vdev_omap3_uart_kind; never DETECT after init */
    uint8_t fifo_depth; /* 64 or 16 */
    uint8_t enable;     /* IER as last written */
    uint8_t held;       /* LSR's errors of the byte at the FIFO's head */
    bool interrupts;
    bool write_wanted;  /* a write took less than asked: owe a `writable` */
    bool readable_told; /* `readable` was called, and no read has returned 0 since */
};

/*
 * Let what the firmware sent leave the UART, reset it, set the line, and start. The configuration
 * is copied. Its functional and interface clocks run already (vdev_omap3_prcm_enable).
 * VDEV_ERROR_INVALID: no such baud rate within 3 % from this clock; VDEV_ERROR_ABSENT: what is
 * there does not keep what is written to it; VDEV_ERROR_TIMEOUT: the transmitter stayed busy, or
 * the reset did not end, for 100 ms.
 */
int vdev_omap3_uart_init(struct vdev_omap3_uart *uart,
                         const struct vdev_omap3_uart_configuration *configuration);

/* Mask all interrupts and wait until all is sent. VDEV_OK, or VDEV_ERROR_TIMEOUT after 100 ms. */
int vdev_omap3_uart_stop(struct vdev_omap3_uart *uart, const struct vdev_clock *clock);

#endif
