/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The OMAP3530 UART's emulator: FIFOs, interrupts and modem lines; the registers are
 * omap3_uart_registers.c's. What LSR, MSR and IIR tell is computed from the FIFOs when it is
 * asked for; the interrupt line follows every change. Facts: what is public of the
 * OMAP35x TRM, ch. 17. Linux' own omap-serial drives it in a test.
 */
#include <vdev/status.h>

#include "core/mem.h"
#include "emulators/omap3_uart.h"

#define DEPTH VDEV_OMAP3_UART_FIFO_DEPTH

#define MODEM_ALL                                                                                  \
    (VDEV_OMAP3_UART_MODEM_CTS | VDEV_OMAP3_UART_MODEM_DSR | VDEV_OMAP3_UART_MODEM_RI |            \
     VDEV_OMAP3_UART_MODEM_DCD)

/* From FCR, from TLR in steps of 4, or from both in steps of 1. */
static unsigned trigger(const struct vdev_omap3_uart_emulator *self, const uint8_t levels[4],
                        unsigned fcr, unsigned tlr, uint32_t fine)
{
    if (vdev_omap3_uart_depth(self) == 1) {
        return 1;
    }
    if ((self->values[SCR] & fine) != 0) {
        unsigned level = tlr << 2 | fcr;
        return level == 0 ? 1 : level;
    }
    return tlr != 0 ? tlr * 4 : levels[fcr];
}

/* The receive interrupt is due with so many characters or more in the FIFO ... */
static unsigned receive_level(const struct vdev_omap3_uart_emulator *self)
{
    static const uint8_t levels[4] = {8, 16, 56, 60};
    return trigger(self, levels, self->fcr >> 6, self->tlr >> 4, SCR_RX_TRIGGER_1);
}

/* ... and the transmit interrupt with so much room or more. */
static unsigned transmit_level(const struct vdev_omap3_uart_emulator *self)
{
    static const uint8_t levels[4] = {8, 16, 32, 56};
    return trigger(self, levels, self->fcr >> 4 & 3, self->tlr & 0xF, SCR_TX_TRIGGER_1);
}

/* The bits of a character on the wire: 5 to 8. */
static uint32_t character_mask(const struct vdev_omap3_uart_emulator *self)
{
    return 0xFFu >> (3 - (self->values[LCR] & LCR_WLEN));
}

static bool loop_back(const struct vdev_omap3_uart_emulator *self)
{
    return (self->mcr & MCR_LOOPBACK) != 0;
}

/* A UART mode, and a baud clock: without either no bit moves. */
static bool runs(const struct vdev_omap3_uart_emulator *self)
{
    uint32_t mode = self->values[MDR1] & MDR1_MODE;

    return (mode == MDR1_16X || mode == MDR1_16X_AUTO || mode == MDR1_13X) &&
           (self->dll | self->dlh) != 0;
}

static bool transmitter_on(const struct vdev_omap3_uart_emulator *self)
{
    return runs(self) &&
           ((self->efr & EFR_AUTO_CTS) == 0 || (self->modem & VDEV_OMAP3_UART_MODEM_CTS) != 0);
}

/* May the receiver hear the console now? In loop-back it hears the transmitter alone. */
static bool hears_console(const struct vdev_omap3_uart_emulator *self)
{
    return self->more && runs(self) && !loop_back(self);
}

static bool transmit_due(const struct vdev_omap3_uart_emulator *self)
{
    if (self->transmit_count == 0) {
        return true;
    }
    return (self->values[SCR] & SCR_TX_EMPTY_CTL) == 0 &&
           vdev_omap3_uart_depth(self) - self->transmit_count >= transmit_level(self);
}

/* The most urgent interrupt that is due and enabled: IIR bits 5 to 0. */
uint32_t vdev_omap3_uart_identification(const struct vdev_omap3_uart_emulator *self)
{
    uint32_t enabled = self->ier;

    if ((enabled & IER_LINE) != 0 && (self->overrun || self->receive_errors != 0)) {
        return IIR_LINE;
    }
    if ((enabled & IER_RHR) != 0 && self->receive_count != 0) {
        if (self->receive_count >= receive_level(self)) {
            return IIR_RHR;
        }
        if (!hears_console(self)) {
            return IIR_TIMEOUT;
        }
    }
    if ((enabled & IER_THR) != 0 && transmit_due(self)) {
        return IIR_THR;
    }
    if ((enabled & IER_MODEM) != 0 && (self->modem & MSR_CHANGES) != 0) {
        return IIR_MODEM;
    }
    return (enabled & IER_CTS) != 0 && self->cts_fell ? IIR_CTS : IIR_NONE;
}

/* The interrupt line; last in everything that changes state. */
void vdev_omap3_uart_refresh(struct vdev_omap3_uart_emulator *self)
{
    if (self->interrupt != NULL) {
        vdev_interrupt_set(self->interrupt, vdev_omap3_uart_identification(self) != IIR_NONE);
    }
}

/* A character with its errors reaches the receiver. */
static void receive(struct vdev_omap3_uart_emulator *self, uint32_t character)
{
    if (self->receive_count >= vdev_omap3_uart_depth(self)) {
        self->overrun = true; /* the FIFO keeps what it has */
        return;
    }
    self->receive[(self->receive_head + self->receive_count) % DEPTH] = (uint16_t)character;
    self->receive_count++;
    self->receive_errors += (character & ERRORS) != 0;
}

/* Fill the receive FIFO from the console, and see whether the wire is silent after it. */
static void pull(struct vdev_omap3_uart_emulator *self)
{
    while (hears_console(self) && self->receive_count < vdev_omap3_uart_depth(self)) {
        uint8_t bytes[DEPTH];
        size_t room = vdev_omap3_uart_depth(self) - self->receive_count;
        size_t count = vdev_console_read(self->console, bytes, room);
        if (count == 0 || count > room) {
            self->more = false;
            break;
        }
        uint32_t mask = character_mask(self);
        for (size_t i = 0; i < count; i++) {
            receive(self, bytes[i] & mask);
        }
    }
}

/* Send what is in the transmit FIFO, as far as it goes. */
static void drain(struct vdev_omap3_uart_emulator *self)
{
    while (self->transmit_count != 0 && transmitter_on(self)) {
        unsigned head = self->transmit_head;
        size_t run = DEPTH - head;
        size_t count;
        if (run > self->transmit_count) {
            run = self->transmit_count;
        }
        if (loop_back(self)) {
            receive(self, self->transmit[head]);
            count = 1;
        } else if (self->console == NULL) {
            count = run;
        } else {
            count = vdev_console_write(self->console, &self->transmit[head], run);
        }
        if (count == 0 || count > run) {
            break;
        }
        self->transmit_head = (uint8_t)((head + count) % DEPTH);
        self->transmit_count = (uint8_t)(self->transmit_count - count);
    }
}

/* After anything that may let bytes move that did not move before. */
void vdev_omap3_uart_move(struct vdev_omap3_uart_emulator *self)
{
    drain(self);
    pull(self);
    vdev_omap3_uart_refresh(self);
}

/* The modem inputs that the guest sees, and which of them changed; RI tells of its end only. */
void vdev_omap3_uart_set_modem(struct vdev_omap3_uart_emulator *self)
{
    uint32_t inputs = self->modem_inputs;
    uint32_t mcr = self->mcr;

    if (loop_back(self)) {
        inputs = ((mcr & MCR_RTS) != 0 ? VDEV_OMAP3_UART_MODEM_CTS : 0) |
                 ((mcr & MCR_DTR) != 0 ? VDEV_OMAP3_UART_MODEM_DSR : 0) |
                 ((mcr & MCR_RI) != 0 ? VDEV_OMAP3_UART_MODEM_RI : 0) |
                 ((mcr & MCR_DCD) != 0 ? VDEV_OMAP3_UART_MODEM_DCD : 0);
    }
    uint32_t changed = (self->modem ^ inputs) & MODEM_ALL;
    uint32_t told = changed >> 4;
    if ((inputs & VDEV_OMAP3_UART_MODEM_RI) != 0) {
        told &= ~MSR_RI_TRAILING;
    }
    if ((changed & ~inputs & VDEV_OMAP3_UART_MODEM_CTS) != 0) {
        self->cts_fell = true;
    }
    self->modem = (uint8_t)(inputs | (self->modem & MSR_CHANGES) | told);
}

void vdev_omap3_uart_clear_receive(struct vdev_omap3_uart_emulator *self)
{
    self->receive_count = 0;
    self->receive_errors = 0;
}

uint32_t vdev_omap3_uart_take(struct vdev_omap3_uart_emulator *self)
{
    if (self->receive_count == 0) {
        return 0;
    }
    uint32_t character = self->receive[self->receive_head];
    self->receive_head = (uint8_t)((self->receive_head + 1) % DEPTH);
    self->receive_count--;
    self->receive_errors -= (character & ERRORS) != 0;
    pull(self);
    vdev_omap3_uart_refresh(self);
    return character & 0xFF;
}

void vdev_omap3_uart_put(struct vdev_omap3_uart_emulator *self, uint32_t value)
{
    if (self->transmit_count >= vdev_omap3_uart_depth(self)) {
        self->lost++;
        return;
    }
    self->transmit[(self->transmit_head + self->transmit_count) % DEPTH] =
        (uint8_t)(value & character_mask(self));
    self->transmit_count++;
    drain(self);
    vdev_omap3_uart_refresh(self);
}

static void start(struct vdev_omap3_uart_emulator *self, bool running)
{
    vdev_registers_reset(&self->bank);
    self->ier = 0;
    self->fcr = 0;
    self->mcr = 0;
    self->efr = 0;
    self->dll = 0;
    self->dlh = 0;
    self->tcr = 0x0F;
    self->tlr = 0;
    self->spr = 0;
    memset(self->xon, 0, sizeof self->xon);
    memset(self->xoff, 0, sizeof self->xoff);
    self->modem = self->modem_inputs;
    self->cts_fell = false;
    self->overrun = false;
    self->more = self->console != NULL;
    self->receive_head = 0;
    self->transmit_head = 0;
    self->transmit_count = 0;
    vdev_omap3_uart_clear_receive(self);
    if (running) {
        self->values[LCR] = 0x03; /* 8N1 */
        self->values[MDR1] = MDR1_16X;
        self->fcr = FCR_FIFO_EN;
        self->mcr = MCR_DTR | MCR_RTS;
        self->dll = 26; /* 48 MHz / 16 / 26: 115385 baud */
    }
    vdev_omap3_uart_refresh(self);
}

/* The console does not repeat that it is readable: ask. */
static void restart(struct vdev_omap3_uart_emulator *self, bool running)
{
    start(self, running);
    pull(self);
    vdev_omap3_uart_refresh(self);
}

static void readable(void *owner)
{
    struct vdev_omap3_uart_emulator *self = owner;

    self->more = true;
    pull(self);
    vdev_omap3_uart_refresh(self);
}

static void writable(void *owner)
{
    struct vdev_omap3_uart_emulator *self = owner;

    drain(self);
    vdev_omap3_uart_refresh(self);
}

void vdev_omap3_uart_emulator_reset(struct vdev_omap3_uart_emulator *self, bool running)
{
    restart(self, running);
}

int vdev_omap3_uart_emulator_init(
    struct vdev_omap3_uart_emulator *self,
    const struct vdev_omap3_uart_emulator_configuration *configuration)
{
    if ((configuration->modem & ~MODEM_ALL) != 0) {
        return VDEV_ERROR_INVALID;
    }
    memset(self, 0, sizeof *self);
    self->console = configuration->console;
    self->interrupt = configuration->interrupt;
    self->modem_inputs = (uint8_t)configuration->modem;
    if (self->console != NULL) {
        self->console->client =
            (struct vdev_console_client){.readable = readable, .writable = writable, .owner = self};
    }
    vdev_registers_init(&self->bank, &vdev_omap3_uart_registers, self->values, self);
    start(self, configuration->running);
    return VDEV_OK;
}

int vdev_omap3_uart_emulator_access(void *emulator, struct vdev_access *access)
{
    return vdev_registers_access(&((struct vdev_omap3_uart_emulator *)emulator)->bank, access);
}

void vdev_omap3_uart_emulator_modem(struct vdev_omap3_uart_emulator *self, uint32_t inputs)
{
    self->modem_inputs = (uint8_t)(inputs & MODEM_ALL);
    vdev_omap3_uart_set_modem(self);
    vdev_omap3_uart_move(self);
}

void vdev_omap3_uart_emulator_receive(struct vdev_omap3_uart_emulator *self, uint16_t character)
{
    if (runs(self) && !loop_back(self)) {
        receive(self, character & (ERRORS | 0xFF));
    }
    vdev_omap3_uart_refresh(self);
}
