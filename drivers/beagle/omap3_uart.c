/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of the OMAP3's UARTs and of a plain 16550A. No software buffer: back-pressure goes
 * straight from the hardware's FIFO to the client. [TRM] is the OMAP35x Technical Reference Manual,
 * SPRUF98, chapter 17.
 *
 * What the two kinds differ in: an OMAP UART has a mode register that must be set, a FIFO of 64
 * whose being full can be seen, more trigger levels, and a reset; the set-up of a line is otherwise
 * that of 1987.
 */
#include <vdev/drivers/omap3_uart.h>
#include <vdev/status.h>

/* [TRM table 17-35]. Which register an offset is depends on LCR, on reading or writing, on EFR. */
#define RHR  0x00u
#define THR  0x00u
#define DLL  0x00u /* LCR bit 7 */
#define IER  0x04u
#define DLH  0x04u /* LCR bit 7 */
#define IIR  0x08u
#define FCR  0x08u
#define EFR  0x08u /* LCR is BF */
#define LCR  0x0Cu
#define MCR  0x10u
#define LSR  0x14u
#define MDR1 0x20u
#define SCR  0x40u
#define SSR  0x44u
#define SYSC 0x54u
#define SYSS 0x58u

#define IER_RHR 0x01u
#define IER_THR 0x02u

#define IIR_NONE 0x01u /* no interrupt is pending */

#define FCR_ENABLE   0x01u
#define FCR_CLEAR_RX 0x02u
#define FCR_CLEAR_TX 0x04u
#define FCR_OMAP     0x60u /* interrupt at 16 received, and at 32 spaces [TRM table 17-45] */
#define FCR_16550    0x80u /* interrupt at 8 received */

#define EFR_ENHANCED 0x10u /* IER[7:4], FCR[5:4] and MCR[7:5] can be written */

#define LCR_8N1    0x03u
#define LCR_MODE_A 0x80u
#define LCR_MODE_B 0xBFu

#define MCR_DTR  0x01u
#define MCR_RTS  0x02u
#define MCR_OUT2 0x08u /* on a PC's 16550A, its interrupt output passes this gate */

#define LSR_DR   0x01u
#define LSR_OE   0x02u
#define LSR_PE   0x04u
#define LSR_FE   0x08u
#define LSR_BI   0x10u
#define LSR_THRE 0x20u
#define LSR_TEMT 0x40u

#define MDR1_16X     0u
#define MDR1_13X     3u
#define MDR1_DISABLE 7u

#define SSR_TX_FULL 0x01u

#define SYSC_NO_IDLE 0x08u
#define SYSC_RESET   0x02u
#define SYSS_DONE    0x01u

#define TIMEOUT   100000000u /* nanoseconds */
#define MDR1_TIME 2000u      /* nanoseconds */
#define ABSENT    0xFFu      /* what a bus gives where nothing is */

static uint8_t get(const struct vdev_omap3_uart *self, uint32_t offset)
{
    return vdev_io_read8(&self->io, offset);
}

static void put(const struct vdev_omap3_uart *self, uint32_t offset, uint32_t value)
{
    vdev_io_write8(&self->io, offset, (uint8_t)value);
}

static void set_enable(struct vdev_omap3_uart *self, uint32_t enable)
{
    if (self->enable != enable) {
        self->enable = (uint8_t)enable;
        put(self, IER, enable);
    }
}

/*
 * The errors of the byte at the FIFO's head. An OMAP UART shows them until the byte is read, a
 * 16550A until LSR is: so they are held here until the byte is taken.
 */
static uint8_t line_status(struct vdev_omap3_uart *self)
{
    uint8_t status = get(self, LSR);

    self->errors.overrun += (status & LSR_OE) != 0;
    self->held |= status & (LSR_PE | LSR_FE | LSR_BI);
    return status;
}

static uint8_t take_byte(struct vdev_omap3_uart *self)
{
    uint8_t byte = get(self, RHR);
    uint8_t held = self->held;

    self->held = 0;
    if ((held & LSR_BI) != 0) {
        /* A break has neither parity nor a stop bit; what is said of them means nothing. */
        self->errors.breaks++;
        return 0;
    }
    self->errors.parity += (held & LSR_PE) != 0;
    self->errors.framing += (held & LSR_FE) != 0;
    return byte;
}

/*
 * The interrupt of the transmitter is pending while there is room (OMAP), or comes once the FIFO
 * has become empty, or is enabled while it is (16550A). So a caller that is to be told of room will
 * be, whatever has left the FIFO between its last byte and the enabling.
 */
static size_t write_bytes(struct vdev_console *console, const uint8_t *bytes, size_t length)
{
    struct vdev_omap3_uart *self = (struct vdev_omap3_uart *)console;
    size_t done = 0;

    while (done < length && done < self->fifo_depth) {
        size_t room = 0;
        if ((line_status(self) & LSR_THRE) != 0) {
            room = self->fifo_depth - done;
        } else if (self->kind == VDEV_OMAP3_UART_OMAP3 && (get(self, SSR) & SSR_TX_FULL) == 0) {
            room = 1;
        }
        if (room == 0) {
            break;
        }
        while (room-- != 0 && done < length) {
            put(self, THR, bytes[done++]);
        }
    }
    if (done < length) {
        self->write_wanted = true;
        if (self->interrupts) {
            set_enable(self, self->enable | IER_THR);
        }
    }
    return done;
}

static size_t read_bytes(struct vdev_console *console, uint8_t *bytes, size_t length)
{
    struct vdev_omap3_uart *self = (struct vdev_omap3_uart *)console;
    size_t done = 0;

    if (length == 0) {
        return 0;
    }
    /* Never RHR without LSR: reading it empty is a bus error on some of the family. */
    while (done < length && done < self->fifo_depth) {
        if ((line_status(self) & LSR_DR) == 0) {
            break;
        }
        bytes[done++] = take_byte(self);
    }
    if (done == 0) {
        self->readable_told = false;
        if (self->interrupts) {
            set_enable(self, self->enable | IER_RHR);
        }
    }
    return done;
}

static void tell_readable(struct vdev_omap3_uart *self)
{
    if (self->readable_told) {
        return;
    }
    self->readable_told = true;
    if (self->console.client.readable != NULL) {
        self->console.client.readable(self->console.client.owner);
    }
}

static void tell_writable(struct vdev_omap3_uart *self)
{
    if (!self->write_wanted) {
        return;
    }
    self->write_wanted = false;
    if (self->console.client.writable != NULL) {
        self->console.client.writable(self->console.client.owner);
    }
}

static bool room(struct vdev_omap3_uart *self, uint8_t status)
{
    return (status & LSR_THRE) != 0 ||
           (self->kind == VDEV_OMAP3_UART_OMAP3 && (get(self, SSR) & SSR_TX_FULL) == 0);
}

static bool poll_device(struct vdev_console *console)
{
    struct vdev_omap3_uart *self = (struct vdev_omap3_uart *)console;

    /*
     * IIR names one cause, the most urgent, so it only says whether there is one (and, read, lets
     * go of a 16550A's transmitter interrupt); LSR then says all that there is to do.
     */
    if (self->interrupts && (get(self, IIR) & IIR_NONE) != 0) {
        return false;
    }
    uint8_t status = line_status(self);
    if ((status & LSR_DR) != 0) {
        tell_readable(self);
        if (self->readable_told && self->interrupts) {
            /* The client left something: the level would interrupt for ever. */
            set_enable(self, self->enable & ~IER_RHR);
        }
    }
    if (self->write_wanted && room(self, status)) {
        tell_writable(self);
    }
    if (!self->write_wanted && self->interrupts) {
        set_enable(self, self->enable & ~IER_THR);
    }
    return false;
}

static bool wait_for(struct vdev_omap3_uart *self, const struct vdev_clock *clock, uint32_t offset,
                     uint8_t mask, uint8_t value)
{
    uint64_t start = vdev_clock_now(clock);

    while ((get(self, offset) & mask) != value) {
        if (vdev_clock_now(clock) - start > TIMEOUT) {
            return false;
        }
    }
    return true;
}

/* A divisor's rate and its distance from the wanted one; `oversampling` is 16 or 13. */
static uint32_t distance(uint32_t clock_hertz, uint32_t baud, uint32_t oversampling,
                         uint32_t *divisor)
{
    uint32_t unit = clock_hertz / oversampling;
    uint32_t value = unit / baud;

    if (unit - value * baud > baud / 2) {
        value++; /* the nearest, of the divisor; of the rate it is off by less than what is allowed
                  */
    }
    if (value == 0 || value > 0x3FFFu) { /* [TRM §17.4.4.1]: DLH has 6 bits */
        return UINT32_MAX;
    }
    *divisor = value;
    uint32_t rate = unit / value;
    return rate > baud ? rate - baud : baud - rate;
}

/*
 * Errata i202 [OMAP3530 silicon errata, SPRZ278]: a write to MDR1 can leave the FIFOs in disorder;
 * a moment later they are to be cleared, and seen empty.
 */
static bool set_mode(struct vdev_omap3_uart *self, const struct vdev_clock *clock, uint32_t mode,
                     uint32_t fifo)
{
    put(self, MDR1, mode);
    vdev_clock_delay(clock, MDR1_TIME);
    put(self, FCR, fifo | FCR_CLEAR_RX | FCR_CLEAR_TX);
    /* Once it runs, somebody may be sending already. */
    uint8_t mask = mode == MDR1_DISABLE ? LSR_THRE | LSR_DR : LSR_THRE;
    return wait_for(self, clock, LSR, mask, LSR_THRE);
}

/*
 * Does it have an enhanced feature register? On a 16550A that offset reads as IIR, whose bit 4 is
 * always 0, and takes FCR, which is set up later anyway. Leaves the UART in mode B.
 */
static bool has_efr(struct vdev_omap3_uart *self)
{
    put(self, LCR, LCR_MODE_B);
    put(self, EFR, EFR_ENHANCED);
    bool set = (get(self, EFR) & EFR_ENHANCED) != 0;
    put(self, EFR, 0);
    return set && (get(self, EFR) & EFR_ENHANCED) == 0;
}

/* Let what the firmware sent leave the UART. One that is disabled would be busy for ever with it.
 */
static bool drain(struct vdev_omap3_uart *self, const struct vdev_clock *clock)
{
    if (self->kind == VDEV_OMAP3_UART_OMAP3 && (get(self, MDR1) & 7) == MDR1_DISABLE) {
        return true;
    }
    return wait_for(self, clock, LSR, LSR_TEMT, LSR_TEMT);
}

static bool reset(struct vdev_omap3_uart *self, const struct vdev_clock *clock)
{
    put(self, SYSC, SYSC_RESET);
    if (!wait_for(self, clock, SYSS, SYSS_DONE, SYSS_DONE)) {
        return false;
    }
    put(self, SYSC, SYSC_NO_IDLE);
    return true;
}

/* In the order of [TRM §17.5.1.1.3]. The UART is not disabled to begin with if it has no MDR1. */
static int set_line(struct vdev_omap3_uart *self, const struct vdev_clock *clock, uint32_t mode,
                    uint32_t divisor)
{
    bool omap = self->kind == VDEV_OMAP3_UART_OMAP3;
    uint32_t fifo = FCR_ENABLE | (omap ? FCR_OMAP : FCR_16550);

    if (omap) {
        put(self, LCR, 0);
        if (!set_mode(self, clock, MDR1_DISABLE, 0)) {
            return VDEV_ERROR_TIMEOUT;
        }
        put(self, LCR, LCR_MODE_B);
        put(self, EFR, EFR_ENHANCED);
    }
    put(self, LCR, 0);
    put(self, IER, 0);
    put(self, LCR, omap ? LCR_MODE_B : LCR_MODE_A);
    put(self, DLL, divisor & 0xFF);
    put(self, DLH, divisor >> 8);
    bool kept = get(self, DLL) == (divisor & 0xFF) && get(self, DLH) == divisor >> 8;
    put(self, LCR, LCR_8N1);
    put(self, FCR, fifo | FCR_CLEAR_RX | FCR_CLEAR_TX); /* before ENHANCED goes: FCR[5:4] need it */
    if (omap) {
        put(self, SCR, 0);
        put(self, LCR, LCR_MODE_B);
        put(self, EFR, 0);
        put(self, LCR, LCR_8N1);
        if (!set_mode(self, clock, mode, fifo)) {
            return VDEV_ERROR_TIMEOUT;
        }
    }
    if (get(self, LCR) != LCR_8N1 || !kept) {
        return VDEV_ERROR_ABSENT;
    }
    put(self, MCR, MCR_DTR | MCR_RTS | (omap ? 0 : MCR_OUT2));
    return VDEV_OK;
}

int vdev_omap3_uart_init(struct vdev_omap3_uart *uart,
                         const struct vdev_omap3_uart_configuration *configuration)
{
    static const struct vdev_console_operations operations = {
        .write = write_bytes, .read = read_bytes, .poll = poll_device};
    uint32_t hertz = configuration->clock_hertz, baud = configuration->baud;
    uint32_t divisor = 0, divisor_13 = 0, mode = MDR1_16X;

    if (baud == 0 || configuration->clock == NULL) {
        return VDEV_ERROR_INVALID;
    }
    *uart = (struct vdev_omap3_uart){
        .console = {.operations = &operations},
        .io = configuration->io,
        .kind = (uint8_t)configuration->kind,
        .interrupts = configuration->interrupts,
    };
    uint32_t off = distance(hertz, baud, 16, &divisor);
    uint32_t off_13 = distance(hertz, baud, 13, &divisor_13);
    /* Firmware may have left a mode in which there is no LSR; a line that is sending keeps its
     * form. */
    uint8_t line = get(uart, LCR) & (uint8_t)~LCR_MODE_A;
    if (uart->kind == VDEV_OMAP3_UART_DETECT) {
        uart->kind = has_efr(uart) ? VDEV_OMAP3_UART_OMAP3 : VDEV_OMAP3_UART_16550;
    }
    put(uart, LCR, line);
    if (uart->kind == VDEV_OMAP3_UART_OMAP3 && off_13 < off) {
        off = off_13;
        divisor = divisor_13;
        mode = MDR1_13X;
    }
    if (off > baud / 32) {
        return VDEV_ERROR_INVALID;
    }
    uart->fifo_depth = uart->kind == VDEV_OMAP3_UART_OMAP3 ? 64 : 16;
    if (get(uart, LSR) == ABSENT && get(uart, LCR) == ABSENT) {
        return VDEV_ERROR_ABSENT;
    }
    if (!drain(uart, configuration->clock)) {
        return VDEV_ERROR_TIMEOUT;
    }
    if (uart->kind == VDEV_OMAP3_UART_OMAP3 && !reset(uart, configuration->clock)) {
        return VDEV_ERROR_TIMEOUT;
    }
    int status = set_line(uart, configuration->clock, mode, divisor);
    if (status == VDEV_OK && uart->interrupts) {
        set_enable(uart, IER_RHR);
    }
    return status;
}

int vdev_omap3_uart_stop(struct vdev_omap3_uart *uart, const struct vdev_clock *clock)
{
    uart->enable = 0;
    put(uart, IER, 0);
    return wait_for(uart, clock, LSR, LSR_TEMT, LSR_TEMT) ? VDEV_OK : VDEV_ERROR_TIMEOUT;
}
