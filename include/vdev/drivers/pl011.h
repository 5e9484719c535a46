/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver of ARM's PL011 UART, by its Technical Reference Manual, ARM DDI 0183: offers the console
 * class. 8 data bits, no parity, one stop bit, no flow control on the wire.
 *
 * No buffer of its own: `write` goes into the hardware's FIFO until that is full, `read` comes out
 * of it, each about one FIFO a call (32 or 64 bytes at the very most). With interrupts the owner
 * calls vdev_console_poll once for each; they are level interrupts, and the driver masks at the
 * UART what its client does not take. Without, the owner calls it from its loop. All calls come
 * from one context.
 */
#ifndef VDEV_DRIVERS_PL011_H
#define VDEV_DRIVERS_PL011_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/clock.h>
#include <vdev/console.h>
#include <vdev/io.h>

struct vdev_pl011_configuration {
    const struct vdev_io *io;       /* the UART's 4 KiB of registers */
    const struct vdev_clock *clock; /* bounds the waits of init */
    uint32_t clock_hertz;           /* UARTCLK */
    uint32_t baud;                  /* bits per second; 0: leave the divisor as the firmware did */
    bool interrupts;                /* false: no interrupt is ever enabled, the owner polls */
};

/* What went wrong on the wire, modulo 2^32. The characters concerned were passed on, break as 0. */
struct vdev_pl011_errors {
    uint32_t overrun;
    uint32_t breaks;
    uint32_t parity;
    uint32_t framing;
};

/* A UART. Belongs to the caller; the fields are the driver's, `errors` may be read. */
struct vdev_pl011 {
    struct vdev_console console; /* the class: hand &pl011.console to a client */
    struct vdev_io io;
    struct vdev_pl011_errors errors;
    uint32_t mask;      /* UARTIMSC as last written */
    uint8_t fifo_depth; /* 16 or 32, from the identification */
    bool interrupts;
    bool write_wanted;  /* a write took less than asked: owe a `writable` */
    bool readable_told; /* `readable` was called, and no read has returned 0 since */
};

/*
 * Identify the UART, let what the firmware sent leave it, set the line, and start. The
 * configuration is copied; the clock is not used afterwards. VDEV_ERROR_INVALID: no such baud rate
 * from this clock; VDEV_ERROR_ABSENT: no PL011 answers there; VDEV_ERROR_TIMEOUT: the transmitter
 * stayed busy for 100 ms (it is then left alone); VDEV_ERROR_IO: a register did not take what was
 * written.
 */
int vdev_pl011_init(struct vdev_pl011 *pl011, const struct vdev_pl011_configuration *configuration);

/* Mask all interrupts and disable the UART, after what is in its FIFO; waits at most 100 ms. */
void vdev_pl011_stop(struct vdev_pl011 *pl011, const struct vdev_clock *clock);

#endif
