/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL011 emulator. UARTFR, UARTRIS and UARTMIS are stored values, brought up to date whenever
 * something changes, so that a guest that polls them pays for a load and no more.
 */
#include <vdev/emulators/pl011.h>
#include <vdev/status.h>

/* UARTFR, TRM §3.3.3; the modem bits are in the header. */
#define FR_BUSY 0x008u
#define FR_RXFE 0x010u
#define FR_TXFF 0x020u
#define FR_RXFF 0x040u
#define FR_TXFE 0x080u

/* UARTLCR_H, TRM §3.3.7 */
#define LCR_H_BRK        0x01u
#define LCR_H_FEN        0x10u
#define LCR_H_WLEN_SHIFT 5
#define LCR_H_WLEN_8     0x60u

/* UARTCR, TRM §3.3.8 */
#define CR_UARTEN 0x0001u
#define CR_LBE    0x0080u
#define CR_TXE    0x0100u
#define CR_RXE    0x0200u
#define CR_DTR    0x0400u
#define CR_RTS    0x0800u
#define CR_OUT1   0x1000u
#define CR_OUT2   0x2000u
#define CR_CTSEN  0x8000u
#define CR_BITS   0xFF87u

/* UARTRIS, UARTMIS, UARTIMSC, UARTICR, TRM §3.3.10 to §3.3.13 */
#define INTERRUPT_RI           0x001u
#define INTERRUPT_CTS          0x002u
#define INTERRUPT_DCD          0x004u
#define INTERRUPT_DSR          0x008u
#define INTERRUPT_RX           0x010u
#define INTERRUPT_TX           0x020u
#define INTERRUPT_RT           0x040u
#define INTERRUPT_OE           0x400u
#define INTERRUPT_ALL          0x7FFu
#define INTERRUPT_ERRORS_SHIFT 1 /* UARTDR's FE, PE, BE, OE at bits 8 to 11 are 7 to 10 here */

#define RSR_OE 0x8u

#define MODEM_ALL                                                                                  \
    (VDEV_PL011_MODEM_CTS | VDEV_PL011_MODEM_DSR | VDEV_PL011_MODEM_DCD | VDEV_PL011_MODEM_RI)
#define ERRORS_ALL                                                                                 \
    (VDEV_PL011_ERROR_FRAMING | VDEV_PL011_ERROR_PARITY | VDEV_PL011_ERROR_BREAK |                 \
     VDEV_PL011_ERROR_OVERRUN)

static vdev_register_read_function read_data;
static vdev_register_write_function write_data, write_error_clear, write_line_control,
    write_control, write_mask, write_clear;

/*
 * TRM table 3-1. Identification: part 0x011, designer 0x41, revision 2 (r1p3, r1p4), whose FIFOs
 * are 16 deep; drivers derive the depth from it. The third argument is 1 where a read is a load.
 */
#define READ_ONLY .kind = VDEV_REGISTER_READ_ONLY
#define REGISTERS(X)                                                                               \
    X(DR, 0x000, 0, .name = "UARTDR", .read = read_data, .write = write_data,                      \
      .reserved = 0xFFFFFF00)                                                                      \
    X(RSR, 0x004, 1, .name = "UARTRSR/UARTECR", .write = write_error_clear)                        \
    X(FR, 0x018, 1, .name = "UARTFR", READ_ONLY)                                                   \
    X(ILPR, 0x020, 1, .name = "UARTILPR", .writable = 0xFF, .reserved = ~0xFFu)                    \
    X(IBRD, 0x024, 1, .name = "UARTIBRD", .writable = 0xFFFF, .reserved = ~0xFFFFu)                \
    X(FBRD, 0x028, 1, .name = "UARTFBRD", .writable = 0x3F, .reserved = ~0x3Fu)                    \
    X(LCR_H, 0x02C, 1, .name = "UARTLCR_H", .write = write_line_control, .reserved = ~0xFFu)       \
    X(CR, 0x030, 1, .name = "UARTCR", .writable = CR_BITS, .write = write_control,                 \
      .reset = CR_TXE | CR_RXE, .reserved = ~CR_BITS)                                              \
    X(IFLS, 0x034, 1, .name = "UARTIFLS", .writable = 0x3F, .reset = 0x12, .reserved = ~0x3Fu)     \
    X(IMSC, 0x038, 1, .name = "UARTIMSC", .writable = INTERRUPT_ALL, .write = write_mask,          \
      .reserved = ~INTERRUPT_ALL)                                                                  \
    X(RIS, 0x03C, 1, .name = "UARTRIS", READ_ONLY)                                                 \
    X(MIS, 0x040, 1, .name = "UARTMIS", READ_ONLY)                                                 \
    X(ICR, 0x044, 0, .name = "UARTICR", .kind = VDEV_REGISTER_WRITE_ONLY, .write = write_clear,    \
      .reserved = ~INTERRUPT_ALL)                                                                  \
    X(DMACR, 0x048, 1, .name = "UARTDMACR", .writable = 0x7, .reserved = ~0x7u)                    \
    X(PERIPHERAL0, 0xFE0, 1, .name = "UARTPeriphID0", READ_ONLY, .reset = 0x11)                    \
    X(PERIPHERAL1, 0xFE4, 1, .name = "UARTPeriphID1", READ_ONLY, .reset = 0x10)                    \
    X(PERIPHERAL2, 0xFE8, 1, .name = "UARTPeriphID2", READ_ONLY, .reset = 0x24)                    \
    X(PERIPHERAL3, 0xFEC, 1, .name = "UARTPeriphID3", READ_ONLY, .reset = 0x00)                    \
    X(CELL0, 0xFF0, 1, .name = "UARTPCellID0", READ_ONLY, .reset = 0x0D)                           \
    X(CELL1, 0xFF4, 1, .name = "UARTPCellID1", READ_ONLY, .reset = 0xF0)                           \
    X(CELL2, 0xFF8, 1, .name = "UARTPCellID2", READ_ONLY, .reset = 0x05)                           \
    X(CELL3, 0xFFC, 1, .name = "UARTPCellID3", READ_ONLY, .reset = 0xB1)

#define NUMBER(id, offset_, load, ...) id,
#define INDEX(id, offset_, load, ...)  [(offset_) / 4] = (id) + 1,
#define LOAD(id, offset_, load, ...)   [(offset_) / 4] = (load) * ((id) + 1),
#define REGISTER(id, offset_, load, ...)                                                           \
    [id] = {.offset = (offset_), .widths = VDEV_REGISTER_ANY, __VA_ARGS__},

enum register_number { REGISTERS(NUMBER) REGISTER_COUNT };
_Static_assert(REGISTER_COUNT == VDEV_PL011_REGISTER_COUNT, "the values' array holds them all");

static const uint8_t register_index[VDEV_PL011_WINDOW / 4] = {REGISTERS(INDEX)};
static const uint8_t register_loads[VDEV_PL011_WINDOW / 4] = {REGISTERS(LOAD)};
static const struct vdev_register registers[] = {REGISTERS(REGISTER)};

const struct vdev_register_table vdev_pl011_registers = {
    .registers = registers,
    .count = REGISTER_COUNT,
    .index = register_index,
    .words = VDEV_PL011_WINDOW / 4,
    .loads = register_loads,
};

static unsigned depth(const struct vdev_pl011_emulator *self)
{
    return (self->values[LCR_H] & LCR_H_FEN) != 0 ? VDEV_PL011_FIFO_DEPTH : 1;
}

/* UARTIFLS, TRM §3.3.9: eighths of the FIFO; reserved codes act as one half, the reset value. */
static unsigned trigger_level(uint32_t code)
{
    static const uint8_t levels[8] = {2, 4, 8, 12, 14, 8, 8, 8};
    return levels[code & 7];
}

/* The receive interrupt is due with so many characters or more in the FIFO ... */
static unsigned receive_level(const struct vdev_pl011_emulator *self)
{
    return depth(self) == 1 ? 1 : trigger_level(self->values[IFLS] >> 3);
}

/* ... and the transmit interrupt when so many or fewer are left in it. */
static unsigned transmit_level(const struct vdev_pl011_emulator *self)
{
    return depth(self) == 1 ? 0 : trigger_level(self->values[IFLS]);
}

/* The bits of a character on the wire: WLEN is 5 to 8 bits. */
static uint32_t character_mask(const struct vdev_pl011_emulator *self)
{
    return 0xFFu >> (3 - ((self->values[LCR_H] >> LCR_H_WLEN_SHIFT) & 3));
}

static bool loop_back(const struct vdev_pl011_emulator *self)
{
    return (self->values[CR] & CR_LBE) != 0;
}

static bool receiver_on(const struct vdev_pl011_emulator *self)
{
    return (self->values[CR] & (CR_UARTEN | CR_RXE)) == (CR_UARTEN | CR_RXE);
}

static bool transmitter_on(const struct vdev_pl011_emulator *self)
{
    uint32_t control = self->values[CR];
    return (control & (CR_UARTEN | CR_TXE)) == (CR_UARTEN | CR_TXE) &&
           ((control & CR_CTSEN) == 0 || (self->values[FR] & VDEV_PL011_MODEM_CTS) != 0);
}

/* May the receiver hear the console now? In loop-back it hears the transmitter alone. */
static bool hears_console(const struct vdev_pl011_emulator *self)
{
    return self->more && receiver_on(self) && !loop_back(self);
}

/* Derived values and the interrupt line; last in everything that changes state. */
static void refresh(struct vdev_pl011_emulator *self)
{
    uint32_t *values = self->values;
    unsigned limit = depth(self);
    uint32_t flags = values[FR] & MODEM_ALL;

    flags |= self->transmit_count == 0 ? FR_TXFE : FR_BUSY;
    flags |= self->transmit_count >= limit ? FR_TXFF : 0;
    flags |= self->receive_count == 0 ? FR_RXFE : 0;
    flags |= self->receive_count >= limit ? FR_RXFF : 0;
    values[FR] = flags;
    values[MIS] = values[RIS] & values[IMSC];
    if (self->interrupt != NULL) {
        vdev_interrupt_set(self->interrupt, values[MIS] != 0);
    }
}

/* A character with its errors reaches the receiver. */
static void receive(struct vdev_pl011_emulator *self, uint32_t character)
{
    uint32_t *values = self->values;

    if (self->receive_count >= depth(self)) {
        /* The FIFO keeps what it has; the character is lost (TRM §3.3.2). */
        self->overrun = true;
        values[RSR] |= RSR_OE;
        values[RIS] |= INTERRUPT_OE;
        return;
    }
    unsigned tail = (self->receive_head + self->receive_count) % VDEV_PL011_FIFO_DEPTH;
    self->receive[tail] = (uint16_t)character;
    self->receive_count++;
    values[RIS] |= (character & ERRORS_ALL & ~VDEV_PL011_ERROR_OVERRUN) >> INTERRUPT_ERRORS_SHIFT;
    if (self->receive_count >= receive_level(self)) {
        values[RIS] |= INTERRUPT_RX;
    }
}

/* Fill the receive FIFO from the console, and see whether the wire is silent after it. */
static void pull(struct vdev_pl011_emulator *self)
{
    while (hears_console(self) && self->receive_count < depth(self)) {
        uint8_t bytes[VDEV_PL011_FIFO_DEPTH];
        size_t room = depth(self) - self->receive_count;
        size_t count = vdev_console_read(self->console, bytes, room);
        if (count == 0 || count > room) {
            self->more = false;
        } else {
            for (size_t i = 0; i < count; i++) {
                receive(self, bytes[i] & character_mask(self));
            }
        }
    }
    if (self->receive_count != 0 && !hears_console(self)) {
        self->values[RIS] |= INTERRUPT_RT;
    }
}

/* Send what is in the transmit FIFO, as far as it goes. */
static void drain(struct vdev_pl011_emulator *self)
{
    unsigned before = self->transmit_count;

    while (self->transmit_count != 0 && transmitter_on(self)) {
        unsigned head = self->transmit_head;
        size_t run = VDEV_PL011_FIFO_DEPTH - head;
        size_t count;
        if (run > self->transmit_count) {
            run = self->transmit_count;
        }
        if (loop_back(self)) {
            if (receiver_on(self)) {
                receive(self, self->transmit[head]);
            }
            count = 1;
        } else if (self->console == NULL) {
            count = run;
        } else {
            count = vdev_console_write(self->console, &self->transmit[head], run);
        }
        if (count == 0 || count > run) {
            break;
        }
        self->transmit_head = (uint8_t)((head + count) % VDEV_PL011_FIFO_DEPTH);
        self->transmit_count = (uint8_t)(self->transmit_count - count);
    }
    if (before > transmit_level(self) && self->transmit_count <= transmit_level(self)) {
        self->values[RIS] |= INTERRUPT_TX;
    }
}

/* The modem inputs that the guest sees; each change of one is an interrupt. */
static void set_modem(struct vdev_pl011_emulator *self)
{
    uint32_t control = self->values[CR];
    uint32_t inputs = self->modem_inputs;

    if (loop_back(self)) {
        /* TRM §3.3.8, LBE: DTR to DSR, RTS to CTS, Out1 to DCD, Out2 to RI. */
        inputs = ((control & CR_DTR) != 0 ? VDEV_PL011_MODEM_DSR : 0) |
                 ((control & CR_RTS) != 0 ? VDEV_PL011_MODEM_CTS : 0) |
                 ((control & CR_OUT1) != 0 ? VDEV_PL011_MODEM_DCD : 0) |
                 ((control & CR_OUT2) != 0 ? VDEV_PL011_MODEM_RI : 0);
    }
    uint32_t changed = inputs ^ (self->values[FR] & MODEM_ALL);
    self->values[RIS] |= ((changed & VDEV_PL011_MODEM_RI) != 0 ? INTERRUPT_RI : 0) |
                         ((changed & VDEV_PL011_MODEM_CTS) != 0 ? INTERRUPT_CTS : 0) |
                         ((changed & VDEV_PL011_MODEM_DCD) != 0 ? INTERRUPT_DCD : 0) |
                         ((changed & VDEV_PL011_MODEM_DSR) != 0 ? INTERRUPT_DSR : 0);
    self->values[FR] ^= changed;
}

/* After anything that may let bytes move that did not move before. */
static void move(struct vdev_pl011_emulator *self)
{
    drain(self);
    pull(self);
    refresh(self);
}

static uint32_t read_data(void *device, uint32_t offset)
{
    struct vdev_pl011_emulator *self = device;
    uint32_t *values = self->values;

    (void)offset;
    if (self->receive_count == 0) {
        return 0;
    }
    uint32_t character = self->receive[self->receive_head];
    self->receive_head = (uint8_t)((self->receive_head + 1) % VDEV_PL011_FIFO_DEPTH);
    self->receive_count--;
    values[RSR] = (values[RSR] & RSR_OE) | ((character >> 8) & 0x7);
    if (self->overrun) {
        /* Not stored with a character: it tells of the FIFO, until there is room (TRM §3.3.1). */
        character |= VDEV_PL011_ERROR_OVERRUN;
        self->overrun = false;
    }
    if (self->receive_count < receive_level(self)) {
        values[RIS] &= ~INTERRUPT_RX;
    }
    if (self->receive_count == 0) {
        values[RIS] &= ~INTERRUPT_RT;
    }
    pull(self);
    refresh(self);
    return character;
}

static void write_data(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_pl011_emulator *self = device;

    (void)offset;
    if (self->transmit_count >= depth(self)) {
        self->lost++;
        return;
    }
    unsigned tail = (self->transmit_head + self->transmit_count) % VDEV_PL011_FIFO_DEPTH;
    self->transmit[tail] = (uint8_t)(value & character_mask(self));
    self->transmit_count++;
    unsigned filled = self->transmit_count;
    drain(self);
    if (self->transmit_count == 0) {
        /* At once: as if the FIFO had been full and had fallen empty; see the header. */
        self->values[RIS] |= INTERRUPT_TX;
    } else if (self->transmit_count > transmit_level(self)) {
        self->values[RIS] &= ~INTERRUPT_TX;
    }
    if (self->transmit_count != filled && loop_back(self)) {
        pull(self);
    }
    refresh(self);
}

static void write_error_clear(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_pl011_emulator *self = device;

    (void)offset;
    (void)value;
    self->values[RSR] = 0;
}

static void write_line_control(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_pl011_emulator *self = device;
    uint32_t before = self->values[LCR_H];

    (void)offset;
    self->values[LCR_H] = value & 0xFF;
    if ((before & LCR_H_FEN) != 0 && (value & LCR_H_FEN) == 0) {
        /* Turning the FIFOs off empties them (TRM §3.3.8, programming the control registers). */
        self->transmit_count = 0;
        self->receive_count = 0;
        self->overrun = false;
        self->values[RIS] &= ~(INTERRUPT_RX | INTERRUPT_RT);
    }
    if ((before & LCR_H_BRK) == 0 && (value & LCR_H_BRK) != 0 && loop_back(self) &&
        transmitter_on(self) && receiver_on(self)) {
        receive(self, VDEV_PL011_ERROR_BREAK);
    }
    move(self);
}

static void write_control(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_pl011_emulator *self = device;

    (void)offset;
    (void)value;
    set_modem(self);
    move(self);
}

static void write_mask(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    (void)value;
    refresh(device);
}

static void write_clear(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_pl011_emulator *self = device;

    (void)offset;
    self->values[RIS] &= ~value;
    refresh(self);
}

static void readable(void *owner)
{
    struct vdev_pl011_emulator *self = owner;

    self->more = true;
    pull(self);
    refresh(self);
}

static void writable(void *owner)
{
    struct vdev_pl011_emulator *self = owner;

    drain(self);
    refresh(self);
}

static void start(struct vdev_pl011_emulator *self, bool running)
{
    vdev_registers_reset(&self->bank);
    self->receive_head = 0;
    self->receive_count = 0;
    self->transmit_head = 0;
    self->transmit_count = 0;
    self->overrun = false;
    self->more = self->console != NULL;
    /* The inputs are as they are from the start, which is no change. */
    self->values[FR] = self->modem_inputs;
    if (running) {
        self->values[CR] |= CR_UARTEN;
        self->values[LCR_H] = LCR_H_FEN | LCR_H_WLEN_8;
    }
    refresh(self);
}

int vdev_pl011_emulator_init(struct vdev_pl011_emulator *emulator,
                             const struct vdev_pl011_emulator_configuration *configuration)
{
    if ((configuration->modem & ~MODEM_ALL) != 0) {
        return VDEV_ERROR_INVALID;
    }
    emulator->console = configuration->console;
    emulator->interrupt = configuration->interrupt;
    emulator->modem_inputs = configuration->modem;
    emulator->lost = 0;
    vdev_registers_init(&emulator->bank, &vdev_pl011_registers, emulator->values, emulator);
    if (emulator->console != NULL) {
        emulator->console->client = (struct vdev_console_client){
            .readable = readable, .writable = writable, .owner = emulator};
    }
    start(emulator, configuration->running);
    return VDEV_OK;
}

void vdev_pl011_emulator_reset(struct vdev_pl011_emulator *emulator, bool running)
{
    start(emulator, running);
    /* The console does not repeat that it is readable: ask. */
    pull(emulator);
    refresh(emulator);
}

int vdev_pl011_emulator_access(void *emulator, struct vdev_access *access)
{
    struct vdev_pl011_emulator *self = emulator;
    return vdev_registers_access(&self->bank, access);
}

void vdev_pl011_emulator_modem(struct vdev_pl011_emulator *emulator, uint32_t inputs)
{
    emulator->modem_inputs = inputs & MODEM_ALL;
    set_modem(emulator);
    /* A CTS may have been what the transmitter waited for. */
    move(emulator);
}

void vdev_pl011_emulator_receive(struct vdev_pl011_emulator *emulator, uint16_t character)
{
    uint32_t errors = character & ERRORS_ALL & ~VDEV_PL011_ERROR_OVERRUN;

    if (!receiver_on(emulator) || loop_back(emulator)) {
        return;
    }
    receive(emulator, errors | (character & character_mask(emulator)));
    pull(emulator);
    refresh(emulator);
}
