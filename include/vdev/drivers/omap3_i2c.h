/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver of the OMAP3's I2C controllers (OMAP35x TRM, SPRUF98, chapter 18) as the only master on
 * a bus, by polling: what a board's start needs to reach its power companion. 16-bit accesses. And
 * that companion's card supply: VMMC1 of the TWL4030 (TPS65950 TRM, SWCU050, chapter 3).
 */
#ifndef VDEV_DRIVERS_OMAP3_I2C_H
#define VDEV_DRIVERS_OMAP3_I2C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/clock.h>
#include <vdev/io.h>

/* All of it is the driver's. */
struct vdev_omap3_i2c {
    struct vdev_io io;
    const struct vdev_clock *clock;
    uint32_t hertz;
};

/*
 * Reset the controller and set the bus's clock, 25 kHz to 400 kHz, from the functional clock of
 * 96 MHz. Its clocks run already. VDEV_ERROR_INVALID: no clock, or no such frequency;
 * VDEV_ERROR_TIMEOUT: the reset did not end within 10 ms.
 */
int vdev_omap3_i2c_init(struct vdev_omap3_i2c *i2c, const struct vdev_io *io,
                        const struct vdev_clock *clock, uint32_t hertz);

/*
 * Write 1 to 16 bytes to the device at a 7-bit address, or write one byte (a register's number) and
 * then read 1 to 16. Waits until it is done, 20 ms at most. VDEV_ERROR_INVALID: no such address or
 * length; VDEV_ERROR_ABSENT: no device acknowledged; VDEV_ERROR_IO: arbitration was lost, or the
 * FIFO ran over, or bytes were not as many as was said; VDEV_ERROR_TIMEOUT: the bus stayed busy or
 * the controller silent: it was reset.
 */
int vdev_omap3_i2c_write(struct vdev_omap3_i2c *i2c, uint8_t address, const uint8_t *bytes,
                         size_t length);
int vdev_omap3_i2c_read(struct vdev_omap3_i2c *i2c, uint8_t address, uint8_t number, uint8_t *bytes,
                        size_t length);

/*
 * Switch the TWL4030's VMMC1: 3.0 V or 1.85 V, or off; waits 1 ms for it to be stable. Errors are
 * those of the bus; VDEV_ERROR_IO also if the voltage does not read back as it was set.
 */
int vdev_twl4030_set_vmmc1(struct vdev_omap3_i2c *i2c, bool on, bool low_voltage);

#endif
