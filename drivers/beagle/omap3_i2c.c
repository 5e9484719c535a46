/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The OMAP3's I2C controller as a polling master, and the TWL4030's card supply over it. [TRM] is
 * the OMAP35x Technical Reference Manual, SPRUF98, chapter 18; [TWL] the TPS65950's, SWCU050.
 */
#include <vdev/drivers/omap3_i2c.h>
#include <vdev/status.h>

/* [TRM table 18-14] */
#define IE   0x04u
#define STAT 0x08u
#define SYSS 0x10u
#define BUF  0x14u
#define CNT  0x18u
#define DATA 0x1Cu
#define SYSC 0x20u
#define CON  0x24u
#define SA   0x2Cu
#define PSC  0x30u
#define SCLL 0x34u
#define SCLH 0x38u

/* IE and STAT alike; a bit of STAT goes when 1 is written to it. */
#define STAT_AL   0x0001u
#define STAT_NACK 0x0002u
#define STAT_ARDY 0x0004u
#define STAT_RRDY 0x0008u
#define STAT_XRDY 0x0010u
#define STAT_XUDF 0x0400u
#define STAT_ROVR 0x0800u
#define STAT_BB   0x1000u
#define STAT_USED (STAT_AL | STAT_NACK | STAT_ARDY | STAT_RRDY | STAT_XRDY)
#define STAT_ALL  0x6FFFu

#define BUF_CLEAR  0x4040u /* both FIFOs, of which each byte is told: thresholds of 1 */
#define SYSC_RESET 0x0002u
#define SYSS_DONE  0x0001u

#define CON_START    0x0001u
#define CON_STOP     0x0002u
#define CON_TRANSMIT 0x0200u
#define CON_MASTER   0x0400u
#define CON_ENABLE   0x8000u

#define FUNCTIONAL_HERTZ 96000000u
#define SAMPLING_HERTZ   12000000u /* 7 MHz to 12 MHz for these speeds [TRM table 18-13] */
#define LENGTH_MAXIMUM   16u

#define RESET_TIME     10000000u /* nanoseconds */
#define PART_TIME      9000000u /* of a message, of which there are two at most; and of a busy bus */
#define WAIT_TIME      2000000u
#define UNDERFLOW_TIME 450000u /* more than a byte takes at the slowest */

static uint16_t get(const struct vdev_omap3_i2c *self, uint32_t offset)
{
    return vdev_io_read16(&self->io, offset);
}

static void put(const struct vdev_omap3_i2c *self, uint32_t offset, uint32_t value)
{
    vdev_io_write16(&self->io, offset, (uint16_t)value);
}

/* [TRM §18.5.1.1]: reset, divider, speed, enable. The reset is done only once it is enabled. */
static int reset(const struct vdev_omap3_i2c *self)
{
    uint32_t half = SAMPLING_HERTZ / (2 * self->hertz);

    put(self, CON, 0);
    put(self, SYSC, SYSC_RESET);
    put(self, CON, CON_ENABLE);
    uint64_t start = vdev_clock_now(self->clock);
    while ((get(self, SYSS) & SYSS_DONE) == 0) {
        if (vdev_clock_now(self->clock) - start > RESET_TIME) {
            return VDEV_ERROR_TIMEOUT;
        }
    }
    put(self, CON, 0);
    put(self, PSC, FUNCTIONAL_HERTZ / SAMPLING_HERTZ - 1);
    put(self, SCLL, half - 7);
    put(self, SCLH, half - 5);
    put(self, CON, CON_ENABLE);
    put(self, IE, STAT_USED); /* what is not enabled is not told in STAT, either */
    return VDEV_OK;
}

int vdev_omap3_i2c_init(struct vdev_omap3_i2c *i2c, const struct vdev_io *io,
                        const struct vdev_clock *clock, uint32_t hertz)
{
    if (clock == NULL || hertz < 25000 || hertz > 400000) {
        return VDEV_ERROR_INVALID;
    }
    *i2c = (struct vdev_omap3_i2c){.io = *io, .clock = clock, .hertz = hertz};
    return reset(i2c);
}

static int wait_free(const struct vdev_omap3_i2c *self)
{
    uint64_t start = vdev_clock_now(self->clock);

    while ((get(self, STAT) & STAT_BB) != 0) {
        if (vdev_clock_now(self->clock) - start > WAIT_TIME) {
            return VDEV_ERROR_TIMEOUT;
        }
    }
    return VDEV_OK;
}

/*
 * Erratum i462 [OMAP3530 silicon errata, SPRZ278]: a byte that is written before the transmitter
 * has run empty may be lost. Where that is not told the byte is written all the same, a little
 * later.
 */
static void wait_underflow(const struct vdev_omap3_i2c *self)
{
    uint64_t start = vdev_clock_now(self->clock);

    while ((get(self, STAT) & (STAT_XUDF | STAT_NACK | STAT_AL)) == 0) {
        if (vdev_clock_now(self->clock) - start > UNDERFLOW_TIME) {
            return;
        }
    }
}

/* A message of `length` bytes, either way, until the controller is ready for another. */
static int transfer(const struct vdev_omap3_i2c *self, const uint8_t *out, uint8_t *in,
                    size_t length, uint32_t control)
{
    size_t done = 0;

    put(self, STAT, STAT_ALL);
    put(self, BUF, BUF_CLEAR);
    put(self, CNT, (uint32_t)length);
    put(self, CON,
        CON_ENABLE | CON_MASTER | CON_START | (out != NULL ? CON_TRANSMIT : 0) | control);
    uint64_t start = vdev_clock_now(self->clock);
    for (;;) {
        uint32_t status = get(self, STAT);
        if ((status & STAT_NACK) != 0) {
            put(self, STAT, STAT_ALL);
            put(self, CON, CON_ENABLE | CON_MASTER | CON_STOP);
            wait_free(self);
            return VDEV_ERROR_ABSENT;
        }
        if ((status & (STAT_AL | STAT_ROVR)) != 0) {
            return VDEV_ERROR_IO;
        }
        if ((status & STAT_RRDY) != 0) {
            uint8_t byte = (uint8_t)get(self, DATA);
            if (in == NULL || done == length) {
                return VDEV_ERROR_IO; /* more than was asked for */
            }
            in[done++] = byte;
            put(self, STAT, STAT_RRDY);
        } else if ((status & STAT_XRDY) != 0) {
            if (out == NULL || done == length) {
                return VDEV_ERROR_IO;
            }
            wait_underflow(self);
            put(self, DATA, out[done++]);
            put(self, STAT, STAT_XRDY);
        } else if ((status & STAT_ARDY) != 0) {
            put(self, STAT, STAT_ARDY);
            return done == length ? VDEV_OK : VDEV_ERROR_IO;
        }
        if (vdev_clock_now(self->clock) - start > PART_TIME) {
            return VDEV_ERROR_TIMEOUT;
        }
    }
}

/* After an error that leaves it unknown what the controller is at. */
static int conclude(const struct vdev_omap3_i2c *self, int status)
{
    if (status != VDEV_OK && status != VDEV_ERROR_ABSENT) {
        reset(self);
    }
    return status;
}

static int begin(const struct vdev_omap3_i2c *self, uint8_t address, size_t length)
{
    if (address > 0x7F || length == 0 || length > LENGTH_MAXIMUM) {
        return VDEV_ERROR_INVALID;
    }
    int status = wait_free(self);
    if (status == VDEV_OK) {
        put(self, SA, address);
    }
    return status == VDEV_OK ? status : conclude(self, status);
}

int vdev_omap3_i2c_write(struct vdev_omap3_i2c *i2c, uint8_t address, const uint8_t *bytes,
                         size_t length)
{
    int status = begin(i2c, address, length);

    if (status == VDEV_OK) {
        status = conclude(i2c, transfer(i2c, bytes, NULL, length, CON_STOP));
    }
    return status;
}

int vdev_omap3_i2c_read(struct vdev_omap3_i2c *i2c, uint8_t address, uint8_t number, uint8_t *bytes,
                        size_t length)
{
    int status = begin(i2c, address, length);

    if (status == VDEV_OK) {
        /* No stop in between: the bus stays ours, and the device knows which register is meant. */
        status = transfer(i2c, &number, NULL, 1, 0);
        if (status == VDEV_OK) {
            status = transfer(i2c, NULL, bytes, length, CON_STOP);
        }
        status = conclude(i2c, status);
    }
    return status;
}

/* [TWL §3.7.6]: of the power receiver's registers, the supply's group and its voltage. */
#define POWER_RECEIVER   0x4Bu
#define VMMC1_GROUP      0x82u
#define VMMC1_VOLTAGE    0x85u
#define GROUP_NONE       0x00u
#define GROUP_PROCESSOR1 0x20u
#define VOLTAGE_1V85     0x00u
#define VOLTAGE_3V0      0x02u
#define SUPPLY_TIME      1000000u /* nanoseconds */

int vdev_twl4030_set_vmmc1(struct vdev_omap3_i2c *i2c, bool on, bool low_voltage)
{
    const uint8_t voltage[2] = {VMMC1_VOLTAGE, low_voltage ? VOLTAGE_1V85 : VOLTAGE_3V0};
    const uint8_t group[2] = {VMMC1_GROUP, on ? GROUP_PROCESSOR1 : GROUP_NONE};
    uint8_t set = 0;
    int status = VDEV_OK;

    if (on) {
        /* The voltage before the power: the card must not see another one for a moment. */
        status = vdev_omap3_i2c_write(i2c, POWER_RECEIVER, voltage, sizeof voltage);
        if (status == VDEV_OK) {
            status = vdev_omap3_i2c_read(i2c, POWER_RECEIVER, VMMC1_VOLTAGE, &set, 1);
        }
        if (status == VDEV_OK && (set & 0x3u) != voltage[1]) {
            status = VDEV_ERROR_IO;
        }
    }
    if (status == VDEV_OK) {
        status = vdev_omap3_i2c_write(i2c, POWER_RECEIVER, group, sizeof group);
    }
    if (status == VDEV_OK && on) {
        vdev_clock_delay(i2c->clock, SUPPLY_TIME);
    }
    return status;
}
