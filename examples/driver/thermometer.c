/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver of docs/testing-drivers.md. */
#include "thermometer.h"

#include <vdev/status.h>

#define ID      0x00u
#define CONTROL 0x04u
#define STATUS  0x08u /* a bit is cleared by writing 1 to it */
#define SAMPLE  0x0Cu

#define ID_THERMOMETER 0x7E40u
#define CONTROL_ENABLE 0x1u
#define CONTROL_START  0x2u
#define STATUS_READY   0x1u
#define STATUS_FAILED  0x2u

#define PATIENCE 5000000u /* nanoseconds */

int thermometer_init(struct thermometer *self, const struct vdev_io *io,
                     const struct vdev_clock *clock)
{
    *self = (struct thermometer){.io = *io, .clock = clock};
    if (vdev_io_read32(&self->io, ID) != ID_THERMOMETER) {
        return VDEV_ERROR_ABSENT;
    }
    vdev_io_write32(&self->io, CONTROL, CONTROL_ENABLE);
    return VDEV_OK;
}

int thermometer_measure(struct thermometer *self, int32_t *millidegrees)
{
    uint64_t start = vdev_clock_now(self->clock);
    uint32_t status;

    vdev_io_write32(&self->io, STATUS, STATUS_READY | STATUS_FAILED);
    vdev_io_write32(&self->io, CONTROL, CONTROL_ENABLE | CONTROL_START);
    do {
        status = vdev_io_read32(&self->io, STATUS);
        if ((status & STATUS_FAILED) != 0) {
            return VDEV_ERROR_IO;
        }
        if (vdev_clock_now(self->clock) - start > PATIENCE) {
            return VDEV_ERROR_TIMEOUT;
        }
    } while ((status & STATUS_READY) == 0);
    /* 1/8 of a degree from -40 on. */
    *millidegrees = (int32_t)(vdev_io_read32(&self->io, SAMPLE) & 0xFFF) * 125 - 40000;
    return VDEV_OK;
}
