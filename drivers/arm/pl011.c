/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL011 driver. No software buffer: back-pressure goes straight from the hardware's FIFO to the
 * client, by short writes and by leaving received bytes where they are.
 */
#include <vdev/drivers/pl011.h>
#include <vdev/status.h>

/* TRM table 3-1 */
#define UARTDR     0x000u
#define UARTECR    0x004u
#define UARTFR     0x018u
#define UARTIBRD   0x024u
#define UARTFBRD   0x028u
#define UARTLCR_H  0x02Cu
#define UARTCR     0x030u
#define UARTIFLS   0x034u
#define UARTIMSC   0x038u
#define UARTRIS    0x03Cu
#define UARTMIS    0x040u
#define UARTICR    0x044u
#define UARTDMACR  0x048u
#define PERIPH_ID0 0xFE0u
#define PCELL_ID0  0xFF0u

#define DR_FE 0x100u
#define DR_PE 0x200u
#define DR_BE 0x400u
#define DR_OE 0x800u

#define FR_BUSY 0x08u
#define FR_RXFE 0x10u
#define FR_TXFF 0x20u
#define FR_RXFF 0x40u
#define FR_TXFE 0x80u

#define LCR_H_FEN    0x10u
#define LCR_H_WLEN_8 0x60u

#define CR_UARTEN 0x001u
#define CR_TXE    0x100u
#define CR_RXE    0x200u
#define CR_DTR    0x400u
#define CR_RTS    0x800u

/* Both trigger levels at one half. */
#define IFLS_HALF 0x12u

#define INTERRUPT_RX  0x010u
#define INTERRUPT_TX  0x020u
#define INTERRUPT_RT  0x040u
#define INTERRUPT_ALL 0x7FFu

#define BUSY_TIMEOUT 100000000u /* nanoseconds */

static void set_mask(struct vdev_pl011 *self, uint32_t mask)
{
    if (self->mask != mask) {
        self->mask = mask;
        vdev_io_write32(&self->io, UARTIMSC, mask);
    }
}

/*
 * Fill the FIFO. The transmit interrupt tells of a fall through the trigger level, so a caller that
 * is to be told of room must leave behind either a FIFO that was seen full, whose fall is yet to
 * come, or an interrupt that is pending already. One FIFO's worth of bytes does not ensure this if
 * the processor was away meanwhile and the line drained it: then up to one more is written.
 */
static size_t write_bytes(struct vdev_console *console, const uint8_t *bytes, size_t length)
{
    struct vdev_pl011 *self = (struct vdev_pl011 *)console;
    size_t done = 0;

    while (done < length) {
        if (done >= self->fifo_depth &&
            (!self->interrupts || done >= 2u * self->fifo_depth ||
             (vdev_io_read32(&self->io, UARTRIS) & INTERRUPT_TX) != 0)) {
            break;
        }
        uint32_t flags = vdev_io_read32(&self->io, UARTFR);
        if ((flags & FR_TXFF) != 0) {
            break;
        }
        size_t room = (flags & FR_TXFE) != 0 ? self->fifo_depth : 1;
        while (room-- != 0 && done < length && done < 2u * self->fifo_depth) {
            vdev_io_write32(&self->io, UARTDR, bytes[done++]);
        }
    }
    if (done < length) {
        self->write_wanted = true;
        if (self->interrupts) {
            set_mask(self, self->mask | INTERRUPT_TX);
        }
    }
    return done;
}

static void count_errors(struct vdev_pl011 *self, uint32_t data)
{
    self->errors.overrun += (data & DR_OE) != 0;
    if ((data & DR_BE) != 0) {
        /* A break has neither parity nor a stop bit; what is said of them means nothing. */
        self->errors.breaks++;
        return;
    }
    self->errors.parity += (data & DR_PE) != 0;
    self->errors.framing += (data & DR_FE) != 0;
}

static size_t read_bytes(struct vdev_console *console, uint8_t *bytes, size_t length)
{
    struct vdev_pl011 *self = (struct vdev_pl011 *)console;
    size_t done = 0;

    if (length == 0) {
        return 0;
    }
    while (done < length && done < self->fifo_depth) {
        uint32_t flags = vdev_io_read32(&self->io, UARTFR);
        if ((flags & FR_RXFE) != 0) {
            break;
        }
        size_t there = (flags & FR_RXFF) != 0 ? self->fifo_depth : 1;
        while (there-- != 0 && done < length && done < self->fifo_depth) {
            uint32_t data = vdev_io_read32(&self->io, UARTDR);
            if ((data & (DR_OE | DR_BE | DR_PE | DR_FE)) != 0) {
                count_errors(self, data);
            }
            bytes[done++] = (uint8_t)data;
        }
    }
    if (done == 0) {
        self->readable_told = false;
        if (self->interrupts) {
            set_mask(self, self->mask | INTERRUPT_RX | INTERRUPT_RT);
        }
    }
    return done;
}

static void tell_readable(struct vdev_pl011 *self)
{
    if (self->readable_told) {
        return;
    }
    self->readable_told = true;
    if (self->console.client.readable != NULL) {
        self->console.client.readable(self->console.client.owner);
    }
}

static void tell_writable(struct vdev_pl011 *self)
{
    if (!self->write_wanted) {
        return;
    }
    self->write_wanted = false;
    if (self->console.client.writable != NULL) {
        self->console.client.writable(self->console.client.owner);
    }
}

static bool poll_device(struct vdev_console *console)
{
    struct vdev_pl011 *self = (struct vdev_pl011 *)console;

    if (!self->interrupts) {
        uint32_t flags = vdev_io_read32(&self->io, UARTFR);
        if ((flags & FR_RXFE) == 0) {
            tell_readable(self);
        }
        if ((flags & FR_TXFF) == 0) {
            tell_writable(self);
        }
        return false;
    }
    uint32_t status = vdev_io_read32(&self->io, UARTMIS);
    if ((status & (INTERRUPT_RX | INTERRUPT_RT)) != 0) {
        tell_readable(self);
        if (self->readable_told) {
            /* The client left something: the level would interrupt for ever. */
            set_mask(self, self->mask & ~(INTERRUPT_RX | INTERRUPT_RT));
        }
    }
    if ((status & INTERRUPT_TX) != 0) {
        tell_writable(self);
        if (!self->write_wanted) {
            set_mask(self, self->mask & ~INTERRUPT_TX);
            return false;
        }
        /* The FIFO is below its trigger level still, or again: no need to wait for the interrupt. */
        return (vdev_io_read32(&self->io, UARTMIS) & INTERRUPT_TX) != 0;
    }
    return false;
}

static bool identify(struct vdev_pl011 *self)
{
    static const uint8_t cell[4] = {0x0D, 0xF0, 0x05, 0xB1};
    uint32_t identification = 0;

    for (unsigned i = 0; i < 4; i++) {
        if ((vdev_io_read32(&self->io, PCELL_ID0 + 4 * i) & 0xFF) != cell[i]) {
            return false;
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        identification |= (vdev_io_read32(&self->io, PERIPH_ID0 + 4 * i) & 0xFF) << (8 * i);
    }
    /* Part 0x011, designer 0x41; revision 3 (r1p5) made the FIFOs deeper. */
    self->fifo_depth = identification >> 20 >= 3 ? 32 : 16;
    return (identification & 0xFFFFF) == 0x41011;
}

static bool wait_idle(const struct vdev_io *io, const struct vdev_clock *clock)
{
    uint64_t start = vdev_clock_now(clock);

    while ((vdev_io_read32(io, UARTFR) & FR_BUSY) != 0) {
        if (vdev_clock_now(clock) - start > BUSY_TIMEOUT) {
            return false;
        }
    }
    return true;
}

/*
 * The divisor in 1/64, TRM §3.3.6: clock / (16 * baud), rounded to the nearest. 0: cannot be had.
 * Written so that 32 bits hold everything: a freestanding ARM program has no 64-bit division.
 */
static uint32_t divisor(uint32_t clock_hertz, uint32_t baud)
{
    if (baud == 0 || baud > clock_hertz / 16) {
        return 0;
    }
    uint32_t whole = clock_hertz / baud;
    uint32_t rest = clock_hertz % baud;
    if (whole > 65535u * 16) {
        return 0;
    }
    uint32_t result = whole * 4 + (rest * 4 + baud / 2) / baud;
    return result > 65535u * 64 ? 0 : result;
}

int vdev_pl011_init(struct vdev_pl011 *pl011, const struct vdev_pl011_configuration *configuration)
{
    static const struct vdev_console_operations operations = {
        .write = write_bytes, .read = read_bytes, .poll = poll_device};
    uint32_t fraction = divisor(configuration->clock_hertz, configuration->baud);
    const uint32_t line = LCR_H_FEN | LCR_H_WLEN_8;

    if (configuration->baud != 0 && fraction == 0) {
        return VDEV_ERROR_INVALID;
    }
    *pl011 = (struct vdev_pl011){
        .console = {.operations = &operations},
        .io = *configuration->io,
        .interrupts = configuration->interrupts,
    };
    const struct vdev_io *io = &pl011->io;
    if (!identify(pl011)) {
        return VDEV_ERROR_ABSENT;
    }
    /* A UART that is off may be busy for ever with what nobody sends. */
    const uint32_t sending = CR_UARTEN | CR_TXE;
    if ((vdev_io_read32(io, UARTCR) & sending) == sending && !wait_idle(io, configuration->clock)) {
        return VDEV_ERROR_TIMEOUT;
    }

    /* The order of TRM §3.3.8: disable, flush by turning the FIFOs off, program, enable. */
    vdev_io_write32(io, UARTCR, 0);
    vdev_io_write32(io, UARTIMSC, 0);
    vdev_io_write32(io, UARTLCR_H, 0);
    vdev_io_write32(io, UARTDMACR, 0);
    if (configuration->baud != 0) {
        vdev_io_write32(io, UARTIBRD, fraction / 64);
        vdev_io_write32(io, UARTFBRD, fraction % 64);
    }
    /* Takes the divisor over as well (TRM §3.3.7). */
    vdev_io_write32(io, UARTLCR_H, line);
    vdev_io_write32(io, UARTIFLS, IFLS_HALF);
    vdev_io_write32(io, UARTECR, 0);
    vdev_io_write32(io, UARTICR, INTERRUPT_ALL);
    if ((vdev_io_read32(io, UARTLCR_H) & 0xFF) != line) {
        return VDEV_ERROR_IO;
    }
    vdev_io_write32(io, UARTCR, CR_UARTEN | CR_TXE | CR_RXE | CR_DTR | CR_RTS);
    if (pl011->interrupts) {
        set_mask(pl011, INTERRUPT_RX | INTERRUPT_RT);
    }
    return VDEV_OK;
}

void vdev_pl011_stop(struct vdev_pl011 *pl011, const struct vdev_clock *clock)
{
    pl011->mask = 0;
    vdev_io_write32(&pl011->io, UARTIMSC, 0);
    wait_idle(&pl011->io, clock);
    vdev_io_write32(&pl011->io, UARTCR, 0);
}
