/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An emulator of ARM's PL011 UART, revision r1p4 (peripheral identification 0x00241011), by its
 * Technical Reference Manual, ARM DDI 0183: what an unmodified guest driver sees. Below it is a
 * console class.
 *
 * Where the manual leaves it to a wire's timing:
 * - A transmitted byte goes to the console at once, as far as that takes it; the rest stays in the
 *   FIFO until the console is writable again. There is no baud rate.
 * - The transmit interrupt is raised as the FIFO falls through its trigger level (TRM §3.4:
 *   a transition, not a level). A byte that the console takes at once counts as such a fall: a
 *   driver that fills a FIFO without looking, and waits, would otherwise wait for ever.
 * - Received bytes are pulled from the console while the FIFO has room and stay below otherwise, so
 *   that none is lost. An overrun happens in loop-back and by vdev_pl011_emulator_receive.
 * - The receive time-out is raised when the console has nothing more to give and the FIFO is not
 *   empty: that is the moment from which the wire would be silent. Cleared through UARTICR with
 *   characters left, it comes back with the next read of UARTDR or the next character.
 *
 * Not there: IrDA (its bits are stored), DMA (UARTDMACR is stored), the integration test registers
 * (0x080 to 0x08C), and break conditions on the way down: the class cannot carry them.
 */
#ifndef VDEV_EMULATORS_PL011_H
#define VDEV_EMULATORS_PL011_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/bus.h>
#include <vdev/console.h>
#include <vdev/interrupt.h>
#include <vdev/registers.h>

#define VDEV_PL011_WINDOW         0x1000u /* bytes that a window on a bus should have */
#define VDEV_PL011_FIFO_DEPTH     16u
#define VDEV_PL011_REGISTER_COUNT 22u

/* Modem inputs, as they stand in UARTFR; 1: asserted (the pin is low). */
#define VDEV_PL011_MODEM_CTS 0x001u
#define VDEV_PL011_MODEM_DSR 0x002u
#define VDEV_PL011_MODEM_DCD 0x004u
#define VDEV_PL011_MODEM_RI  0x100u

/* Errors of a received character, as they stand in UARTDR. */
#define VDEV_PL011_ERROR_FRAMING 0x100u
#define VDEV_PL011_ERROR_PARITY  0x200u
#define VDEV_PL011_ERROR_BREAK   0x400u
#define VDEV_PL011_ERROR_OVERRUN 0x800u

struct vdev_pl011_emulator_configuration {
    struct vdev_console *console; /* below; its client becomes the emulator. NULL: output is
                                     thrown away, and there is no input */
    struct vdev_interrupt_line *interrupt; /* UARTINTR, the combined one; NULL: polled only */
    uint32_t modem;                        /* VDEV_PL011_MODEM_..., at the start */
    bool running; /* start as a boot loader leaves it: enabled, 8N1, FIFOs on. Else as reset */
};

/* A UART. Belongs to the caller; the fields are the implementation's, `lost` may be read. */
struct vdev_pl011_emulator {
    struct vdev_register_bank bank; /* first: an access goes straight to it */
    uint32_t values[VDEV_PL011_REGISTER_COUNT];
    struct vdev_console *console;
    struct vdev_interrupt_line *interrupt;
    uint16_t receive[VDEV_PL011_FIFO_DEPTH]; /* with the error bits of UARTDR */
    uint8_t transmit[VDEV_PL011_FIFO_DEPTH];
    uint8_t receive_head, receive_count;
    uint8_t transmit_head, transmit_count;
    bool more;             /* the console may have bytes that were not asked for */
    bool overrun;          /* a character was lost since the FIFO last had room */
    uint32_t modem_inputs; /* as from outside; in loop-back the guest sees its own outputs */
    uint32_t lost;         /* bytes written while the transmit FIFO was full, modulo 2^32 */
};

/* Its registers, for names and for the tests of drivers. */
extern const struct vdev_register_table vdev_pl011_registers;

/*
 * Take over the configuration (copied; what it points to stays the caller's and outlives the
 * emulator) and reset. VDEV_ERROR_INVALID: modem bits that do not exist.
 */
int vdev_pl011_emulator_init(struct vdev_pl011_emulator *emulator,
                             const struct vdev_pl011_emulator_configuration *configuration);

/* Back to the state after init, FIFOs empty, as a guest's reboot needs it. */
void vdev_pl011_emulator_reset(struct vdev_pl011_emulator *emulator, bool running);

/*
 * One access of a guest, 8, 16 or 32 bits wide at a register's own offset: a vdev_access_function.
 * VDEV_ERROR_RANGE: no register there; VDEV_ERROR_UNSUPPORTED: another width or place. A window on
 * a bus may in addition be given vdev_registers_loads(&emulator->bank, &window): vdev_bus_read then
 * answers reads of all registers but UARTDR and UARTICR.
 */
int vdev_pl011_emulator_access(void *emulator, struct vdev_access *access);

/* The modem inputs changed. From the emulator's context, not from inside an access. */
void vdev_pl011_emulator_modem(struct vdev_pl011_emulator *emulator, uint32_t inputs);

/*
 * A character arrives as from the wire, with VDEV_PL011_ERROR_... bits: for breaks (0 with
 * VDEV_PL011_ERROR_BREAK) and faults, which the console class does not carry. If the FIFO is full
 * it is an overrun, as on hardware. From the emulator's context, not from inside an access.
 */
void vdev_pl011_emulator_receive(struct vdev_pl011_emulator *emulator, uint16_t character);

#endif
