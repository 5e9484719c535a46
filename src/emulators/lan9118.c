/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The LAN9118 model: accesses, interrupts, resets, power, timers. FIFOs, MAC and PHY are in the
 * files beside it. [DS] is the LAN9118 data sheet.
 *
 * A full frame is 380 trapped accesses to a data FIFO, so those come first and do nothing but move
 * a word, except where a frame or a segment of one begins or ends.
 */
#include <vdev/emulators/lan9118.h>
#include <vdev/status.h>

#include "core/mem.h"
#include "emulators/lan9118.h"
#include "emulators/omap3_ticks.h"

#define DATA_FIFO_ALIASES 0x1Cu /* address bits that the data FIFOs do not look at */
#define RECEIVE_FIFO      0x00u
#define TRANSMIT_FIFO     0x20u

#define FREE_RUN_HERTZ 25000000u
#define TIMER_HERTZ    10000u
#define TIMER_BITS     16

/* Out of line, so that the short ways need no stack. */
static __attribute__((noinline)) int read_slowly(struct vdev_lan9118_emulator *self,
                                                 struct vdev_access *access)
{
    access->value = vdev_lan9118_receive_word(self);
    return VDEV_OK;
}

static __attribute__((noinline)) int read_last(struct vdev_lan9118_emulator *self)
{
    vdev_lan9118_receive_run_over(self);
    return VDEV_OK;
}

static __attribute__((noinline)) int write_slowly(struct vdev_lan9118_emulator *self,
                                                  uint32_t value)
{
    vdev_lan9118_transmit_word(self, value);
    return VDEV_OK;
}

static __attribute__((noinline)) int written_last(struct vdev_lan9118_emulator *self)
{
    vdev_lan9118_transmit_run_over(self);
    return VDEV_OK;
}

static __attribute__((noinline)) int access_register(struct vdev_lan9118_emulator *self,
                                                     struct vdev_access *access)
{
    if (access->write && access->width != 4) {
        return vdev_registers_find(&vdev_lan9118_registers, access->offset) == NULL
                   ? VDEV_ERROR_RANGE
                   : VDEV_ERROR_UNSUPPORTED;
    }
    return vdev_registers_access(&self->bank, access);
}

int vdev_lan9118_emulator_access(void *device, struct vdev_access *access)
{
    struct vdev_lan9118_emulator *self = device;
    uint32_t fifo = access->offset & ~DATA_FIFO_ALIASES;

    if (access->width != 4) {
        return access_register(self, access);
    }
    if (!access->write) {
        if (fifo != RECEIVE_FIFO) {
            return access_register(self, access);
        }
        uint32_t run = self->receive_run;
        if (run == 0) {
            return read_slowly(self, access);
        }
        access->value = *self->receive_next++;
        self->receive_run = --run;
        return run == 0 ? read_last(self) : VDEV_OK;
    }
    if (fifo != TRANSMIT_FIFO) {
        return access_register(self, access);
    }
    uint32_t run = self->transmit_run;
    uint32_t value = (uint32_t)access->value;
    if (run == 0) {
        return write_slowly(self, value);
    }
    *self->transmit_next++ = value;
    self->transmit_run = --run;
    return run == 0 ? written_last(self) : VDEV_OK;
}

/*
 * Levels that are reached now. They are latched in INT_STS, and come again if they are cleared
 * while they last: a driver that clears RSFL after the last frame it saw cannot miss the next.
 */
static uint32_t levels(const struct vdev_lan9118_emulator *self)
{
    uint32_t thresholds = self->values[FIFO_INT];
    uint32_t events = 0;

    if (vdev_lan9118_transmit_free(self) * 4 > (thresholds >> 24) * 64) {
        events |= INTERRUPT_TDFA;
    }
    if (self->transmit_status_count > (thresholds >> 16 & 0xFF)) {
        events |= INTERRUPT_TSFL;
    }
    if (self->transmit_status_count == VDEV_LAN9118_TRANSMIT_STATUSES) {
        events |= INTERRUPT_TSFF;
    }
    if (self->receive_status_count > (thresholds & 0xFF)) {
        events |= INTERRUPT_RSFL;
    }
    if (self->receive_status_count >= (16 - lan9118_fifo_size(self)) * 16) {
        events |= INTERRUPT_RSFF;
    }
    return events;
}

void vdev_lan9118_interrupt(struct vdev_lan9118_emulator *self, uint32_t events)
{
    uint32_t *values = self->values;
    uint32_t status = (values[INT_STS] & ~INTERRUPT_PHY) | events | levels(self);

    /* The only one that is not latched: the PHY has a latch of its own [DS §5.3.3]. */
    status |= vdev_lan9118_phy_interrupts(self) ? INTERRUPT_PHY : 0;
    values[INT_STS] = status;
    if ((status & values[INT_EN]) != 0) {
        values[IRQ_CFG] |= IRQ_CFG_INT;
    } else {
        values[IRQ_CFG] &= ~IRQ_CFG_INT;
    }
    if (self->interrupt != NULL) {
        const uint32_t both = IRQ_CFG_INT | IRQ_CFG_ENABLE;
        vdev_interrupt_set(self->interrupt, (values[IRQ_CFG] & both) == both);
    }
}

void vdev_lan9118_write_interrupt_enable(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    /* The software interrupt comes with its enable bit [DS §5.3.4]. */
    vdev_lan9118_interrupt(device, value & INTERRUPT_SW);
}

/* IRQ_CFG, INT_STS or FIFO_INT: the line may change. */
void vdev_lan9118_write_interrupts(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    (void)value;
    vdev_lan9118_interrupt(device, 0);
}

/* The timer counts down from GPT_LOAD; past 0 it interrupts and goes on at 0xFFFF [DS §5.3.15]. */
static void look_at_timer(struct vdev_lan9118_emulator *self)
{
    if (!self->clocked || (self->values[GPT_CFG] & GPT_ENABLE) == 0) {
        return;
    }
    uint64_t ticks = vdev_omap3_ticks_now(&self->timer);
    uint32_t load = self->values[GPT_CFG] & GPT_LOAD;
    uint64_t wraps = ticks <= load ? 0 : ((ticks - load - 1) >> TIMER_BITS) + 1;
    if (wraps != self->wraps) {
        self->wraps = wraps;
        vdev_lan9118_interrupt(self, INTERRUPT_GPT);
    }
}

static void rearm(struct vdev_lan9118_emulator *self)
{
    uint64_t deadline = VDEV_LAN9118_NEVER;

    if (self->rearm == NULL || !self->clocked) {
        return;
    }
    if ((self->values[GPT_CFG] & GPT_ENABLE) != 0) {
        uint64_t ticks = (self->values[GPT_CFG] & GPT_LOAD) + 1 + (self->wraps << TIMER_BITS);
        deadline = vdev_omap3_ticks_deadline(&self->timer, ticks);
    }
    self->rearm(self->owner, deadline);
}

void vdev_lan9118_emulator_poll(struct vdev_lan9118_emulator *self)
{
    look_at_timer(self);
    rearm(self);
}

void vdev_lan9118_write_timer_configuration(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_lan9118_emulator *self = device;

    (void)offset;
    (void)value;
    self->wraps = 0;
    if (self->clocked) {
        vdev_omap3_ticks_init(&self->timer, self->timer.clock, TIMER_HERTZ);
    }
    rearm(self);
}

uint32_t vdev_lan9118_read_timer_count(void *device, uint32_t offset)
{
    struct vdev_lan9118_emulator *self = device;
    uint32_t load = self->values[GPT_CFG] & GPT_LOAD;

    (void)offset;
    if ((self->values[GPT_CFG] & GPT_ENABLE) == 0) {
        return 0xFFFF;
    }
    look_at_timer(self);
    return self->clocked ? (load - (uint32_t)vdev_omap3_ticks_now(&self->timer)) & 0xFFFF : load;
}

uint32_t vdev_lan9118_read_free_run(void *device, uint32_t offset)
{
    struct vdev_lan9118_emulator *self = device;

    (void)offset;
    return self->clocked ? (uint32_t)vdev_omap3_ticks_now(&self->free_run) : 0;
}

/* Everything but the PHY and the bits that the data sheet calls NASR [DS table 3.9]. */
static void reset(struct vdev_lan9118_emulator *self)
{
    uint32_t line = self->values[IRQ_CFG] & (IRQ_CFG_POLARITY | IRQ_CFG_TYPE);
    uint32_t wake = self->values[PMT_CTRL] & PMT_NOT_RESET;

    vdev_registers_reset(&self->bank);
    self->values[IRQ_CFG] |= line;
    self->values[PMT_CTRL] |= wake;
    self->transmit_status_count = 0;
    self->stopping = false;
    vdev_lan9118_transmit_dump(self, true);
    vdev_lan9118_receive_dump(self);
    vdev_lan9118_mac_reset(self);
    if (self->clocked) {
        vdev_omap3_ticks_init(&self->free_run, self->free_run.clock, FREE_RUN_HERTZ);
    }
    rearm(self);
    vdev_lan9118_interrupt(self, 0);
}

void vdev_lan9118_write_hardware_configuration(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_lan9118_emulator *self = device;
    uint32_t size = (value & HW_CFG_SIZE) >> HW_CFG_SIZE_SHIFT;

    (void)offset;
    if ((value & HW_CFG_RESET) != 0) {
        reset(self);
        return;
    }
    /* The FIFOs' memories stay where they are: a size only limits what is used of them. */
    if (size >= 2 && size <= 14) {
        self->values[HW_CFG] = (self->values[HW_CFG] & ~HW_CFG_SIZE) | (value & HW_CFG_SIZE);
        vdev_lan9118_interrupt(self, 0);
    }
}

void vdev_lan9118_write_power_management(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_lan9118_emulator *self = device;

    (void)offset;
    if ((value & PMT_PHY_RESET) != 0) {
        vdev_lan9118_phy_reset(self);
    }
    if ((value & PMT_MODE) != 0) {
        self->values[PMT_CTRL] =
            (self->values[PMT_CTRL] & ~(PMT_MODE | PMT_READY)) | (value & PMT_MODE);
    }
    vdev_lan9118_interrupt(self, 0);
}

/* A write of any value wakes the chip [DS §3.10.2]. */
void vdev_lan9118_write_byte_test(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_lan9118_emulator *self = device;

    (void)offset;
    (void)value;
    if (!lan9118_awake(self)) {
        self->values[PMT_CTRL] = (self->values[PMT_CTRL] & ~PMT_MODE) | PMT_READY;
        vdev_lan9118_transmit_go(self);
    }
}

int vdev_lan9118_emulator_init(struct vdev_lan9118_emulator *self,
                               const struct vdev_lan9118_emulator_configuration *configuration)
{
    if (configuration->net == NULL) {
        return VDEV_ERROR_INVALID;
    }
    memset(self, 0, sizeof *self);
    self->net = configuration->net;
    self->interrupt = configuration->interrupt;
    self->rearm = configuration->rearm;
    self->owner = configuration->owner;
    self->clocked = configuration->clock != NULL;
    if (self->clocked) {
        vdev_omap3_ticks_init(&self->free_run, configuration->clock, FREE_RUN_HERTZ);
        vdev_omap3_ticks_init(&self->timer, configuration->clock, TIMER_HERTZ);
    }
    self->eeprom = !configuration->no_eeprom;
    memcpy(self->address,
           configuration->address != NULL ? configuration->address : self->net->address,
           VDEV_NET_ADDRESS_BYTES);
    self->net->client = (struct vdev_net_client){
        .accept = vdev_lan9118_accept,
        .delivered = vdev_lan9118_delivered,
        .writable = vdev_lan9118_writable,
        .changed = vdev_lan9118_changed,
        .owner = self,
    };
    vdev_registers_init(&self->bank, &vdev_lan9118_registers, self->values, self);
    vdev_lan9118_phy_reset(self);
    reset(self);
    return VDEV_OK;
}
