/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of the OMAP3530 UART's emulator: which of those that share an offset is meant, and
 * what an access does. OMAP35x TRM, ch. 17.
 */
#include "emulators/omap3_registers.h"
#include "emulators/omap3_uart.h"

#define LCR_DIV_EN 0x80u
#define LCR_MODE_B 0xBFu

static vdev_register_read_function read_data, read_interrupt_enable, read_identification,
    read_modem_control, read_line_status, read_modem_status, read_scratch, read_configuration,
    read_status;
static vdev_register_write_function write_data, write_interrupt_enable, write_fifo_control,
    write_modem_control, write_xon2, write_transmission_control, write_scratch, write_configuration,
    write_mode, write_trigger, write_system;

/* Bits above 7 of a wide write are ignored; the registers are bytes. */
#define REGISTERS(X)                                                                               \
    X(RHR, 0x00, .name = "RHR/THR/DLL", .read = read_data, .write = write_data)                    \
    X(IER, 0x04, .name = "IER/DLH", .read = read_interrupt_enable,                                 \
      .write = write_interrupt_enable)                                                             \
    X(IIR, 0x08, .name = "IIR/FCR/EFR", .read = read_identification, .write = write_fifo_control)  \
    X(LCR, 0x0C, .name = "LCR", .writable = 0xFF)                                                  \
    X(MCR, 0x10, .name = "MCR/XON1", .read = read_modem_control, .write = write_modem_control)     \
    X(LSR, 0x14, .name = "LSR/XON2", .read = read_line_status, .write = write_xon2)                \
    X(MSR, 0x18, .name = "MSR/TCR/XOFF1", .read = read_modem_status,                               \
      .write = write_transmission_control)                                                         \
    X(SPR, 0x1C, .name = "SPR/TLR/XOFF2", .read = read_scratch, .write = write_scratch)            \
    X(MDR1, 0x20, .name = "MDR1", .writable = 0xFF, .reset = MDR1_DISABLE, .write = write_mode)    \
    X(MDR2, 0x24, .name = "MDR2", .writable = 0xFE)                                                \
    X(SFLSR, 0x28, .name = "SFLSR/TXFLL")                                                          \
    X(RESUME, 0x2C, .name = "RESUME/TXFLH")                                                        \
    X(SFREGL, 0x30, .name = "SFREGL/RXFLL")                                                        \
    X(SFREGH, 0x34, .name = "SFREGH/RXFLH")                                                        \
    X(BLR, 0x38, .name = "BLR/UASR", .reset = 0x40, .read = read_configuration,                    \
      .write = write_configuration)                                                                \
    X(ACREG, 0x3C, .name = "ACREG", .read = read_configuration, .write = write_configuration)      \
    X(SCR, 0x40, .name = "SCR", .writable = 0xFF, .write = write_trigger)                          \
    X(SSR, 0x44, .name = "SSR", .writable = 0x04, .reset = 0x04, .read = read_status)              \
    X(EBLR, 0x48, .name = "EBLR", .writable = 0xFF)                                                \
    X(MVR, 0x50, .name = "MVR", .reset = 0x46, OMAP3_READ_ONLY)                                    \
    X(SYSC, 0x54, .name = "SYSC", .writable = 0x1D, .self_clearing = SYSC_SOFTRESET,               \
      .write = write_system)                                                                       \
    X(SYSS, 0x58, .name = "SYSS", .reset = 0x01, OMAP3_READ_ONLY)                                  \
    X(WER, 0x5C, .name = "WER", .writable = 0x7F, .reset = 0x7F)                                   \
    X(CFPS, 0x60, .name = "CFPS", .writable = 0xFF, .reset = 0x69)

static const uint8_t register_index[0x64 / 4] = {REGISTERS(OMAP3_INDEX)};
static const struct vdev_register registers[] = {REGISTERS(OMAP3_REGISTER_ANY)};

const struct vdev_register_table vdev_omap3_uart_registers = {
    .registers = registers,
    .count = REGISTER_COUNT,
    .index = register_index,
    .words = sizeof register_index,
    .fields = vdev_omap3_uart_fields,
};

/* Which of the registers that share an offset is meant. */
static bool operational(const struct vdev_omap3_uart_emulator *self)
{
    return (self->values[LCR] & LCR_DIV_EN) == 0;
}

static bool mode_b(const struct vdev_omap3_uart_emulator *self)
{
    return self->values[LCR] == LCR_MODE_B;
}

static bool enhanced(const struct vdev_omap3_uart_emulator *self)
{
    return (self->efr & EFR_ENHANCED_EN) != 0;
}

static bool tcr_and_tlr(const struct vdev_omap3_uart_emulator *self)
{
    return enhanced(self) && (self->mcr & MCR_TCR_TLR) != 0;
}

/* Bits that take a value always, and those that do so with ENHANCED_EN only. */
static uint8_t merge(const struct vdev_omap3_uart_emulator *self, uint8_t stored, uint32_t value,
                     uint32_t guarded)
{
    uint32_t mask = enhanced(self) ? 0xFF : ~guarded;
    return (uint8_t)((stored & ~mask) | (value & mask));
}

static uint32_t read_data(void *device, uint32_t offset)
{
    struct vdev_omap3_uart_emulator *self = device;

    (void)offset;
    return operational(self) ? vdev_omap3_uart_take(self) : self->dll;
}

static void write_data(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_uart_emulator *self = device;

    (void)offset;
    if (operational(self)) {
        vdev_omap3_uart_put(self, value);
    } else {
        self->dll = (uint8_t)value;
        vdev_omap3_uart_move(self);
    }
}

static uint32_t read_interrupt_enable(void *device, uint32_t offset)
{
    struct vdev_omap3_uart_emulator *self = device;

    (void)offset;
    return operational(self) ? self->ier : self->dlh;
}

static void write_interrupt_enable(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_uart_emulator *self = device;

    (void)offset;
    if (operational(self)) {
        self->ier = merge(self, self->ier, value, IER_ENHANCED);
        vdev_omap3_uart_refresh(self);
    } else {
        self->dlh = (uint8_t)(value & 0x3F);
        vdev_omap3_uart_move(self);
    }
}

static uint32_t read_identification(void *device, uint32_t offset)
{
    struct vdev_omap3_uart_emulator *self = device;

    (void)offset;
    if (mode_b(self)) {
        return self->efr;
    }
    uint32_t told = vdev_omap3_uart_identification(self);
    if (told == IIR_CTS) {
        self->cts_fell = false;
        vdev_omap3_uart_refresh(self);
    }
    return told | (vdev_omap3_uart_depth(self) != 1 ? IIR_FIFOS : 0);
}

static void write_fifo_control(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_uart_emulator *self = device;

    (void)offset;
    if (mode_b(self)) {
        self->efr = (uint8_t)value;
        vdev_omap3_uart_move(self);
        return;
    }
    uint32_t before = self->fcr;
    self->fcr =
        merge(self, self->fcr, value, FCR_ENHANCED) & (uint8_t) ~(FCR_RX_CLEAR | FCR_TX_CLEAR);
    bool toggled = ((before ^ value) & FCR_FIFO_EN) != 0;
    if (toggled || (value & FCR_RX_CLEAR) != 0) {
        vdev_omap3_uart_clear_receive(self);
    }
    if (toggled || (value & FCR_TX_CLEAR) != 0) {
        self->transmit_count = 0;
    }
    vdev_omap3_uart_move(self);
}

static uint32_t read_modem_control(void *device, uint32_t offset)
{
    struct vdev_omap3_uart_emulator *self = device;

    (void)offset;
    return mode_b(self) ? self->xon[0] : self->mcr;
}

static void write_modem_control(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_uart_emulator *self = device;

    (void)offset;
    if (mode_b(self)) {
        self->xon[0] = (uint8_t)value;
        return;
    }
    self->mcr = merge(self, self->mcr, value, MCR_ENHANCED) & MCR_BITS;
    vdev_omap3_uart_set_modem(self);
    vdev_omap3_uart_move(self);
}

static uint32_t read_line_status(void *device, uint32_t offset)
{
    struct vdev_omap3_uart_emulator *self = device;
    uint32_t status = 0;

    (void)offset;
    if (mode_b(self)) {
        return self->xon[1];
    }
    if (self->receive_count != 0) {
        status |= LSR_DATA | (self->receive[self->receive_head] & ERRORS) >> 8;
    }
    if (self->transmit_count == 0) {
        status |= LSR_TX_FIFO_EMPTY | LSR_TX_ALL_EMPTY;
    }
    status |= vdev_omap3_uart_depth(self) != 1 && self->receive_errors != 0 ? LSR_FIFO_ERROR : 0;
    if (self->overrun) {
        /* This error is cleared by reading it; the others go with their character. */
        status |= LSR_OVERRUN;
        self->overrun = false;
        vdev_omap3_uart_refresh(self);
    }
    return status;
}

static void write_xon2(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_uart_emulator *self = device;

    (void)offset;
    if (mode_b(self)) {
        self->xon[1] = (uint8_t)value;
    }
}

static uint32_t read_modem_status(void *device, uint32_t offset)
{
    struct vdev_omap3_uart_emulator *self = device;

    (void)offset;
    if (tcr_and_tlr(self)) {
        return self->tcr;
    }
    if (mode_b(self)) {
        return self->xoff[0];
    }
    uint32_t status = self->modem;
    self->modem &= (uint8_t)~MSR_CHANGES;
    vdev_omap3_uart_refresh(self);
    return status;
}

static void write_transmission_control(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_uart_emulator *self = device;

    (void)offset;
    if (tcr_and_tlr(self)) {
        self->tcr = (uint8_t)value;
    } else if (mode_b(self)) {
        self->xoff[0] = (uint8_t)value;
    }
}

static uint32_t read_scratch(void *device, uint32_t offset)
{
    struct vdev_omap3_uart_emulator *self = device;

    (void)offset;
    if (tcr_and_tlr(self)) {
        return self->tlr;
    }
    return mode_b(self) ? self->xoff[1] : self->spr;
}

static void write_scratch(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_uart_emulator *self = device;

    (void)offset;
    if (tcr_and_tlr(self)) {
        self->tlr = (uint8_t)value;
        vdev_omap3_uart_refresh(self);
    } else if (mode_b(self)) {
        self->xoff[1] = (uint8_t)value;
    } else {
        self->spr = (uint8_t)value;
    }
}

/* BLR and ACREG; in the configuration modes UASR stands at BLR's place, and has found nothing. */
static uint32_t read_configuration(void *device, uint32_t offset)
{
    struct vdev_omap3_uart_emulator *self = device;
    enum register_number number = offset == registers[BLR].offset ? BLR : ACREG;

    return operational(self) ? self->values[number] : 0;
}

static void write_configuration(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_uart_emulator *self = device;

    if (!operational(self)) {
        return;
    }
    if (offset == registers[BLR].offset) {
        self->values[BLR] = value & 0x40;
    } else {
        self->values[ACREG] = value & 0xFF;
    }
}

static void write_mode(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    (void)value;
    vdev_omap3_uart_move(device);
}

static void write_trigger(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    (void)value;
    vdev_omap3_uart_refresh(device);
}

static uint32_t read_status(void *device, uint32_t offset)
{
    struct vdev_omap3_uart_emulator *self = device;

    (void)offset;
    return self->values[SSR] |
           (self->transmit_count >= vdev_omap3_uart_depth(self) ? SSR_TX_FIFO_FULL : 0);
}

static void write_system(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    if ((value & SYSC_SOFTRESET) != 0) {
        vdev_omap3_uart_emulator_reset(device, false);
    }
}
