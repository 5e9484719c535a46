/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver of docs/testing-drivers.md: a thermometer that measures when it is told to. */
#ifndef THERMOMETER_H
#define THERMOMETER_H

#include <stdint.h>

#include <vdev/clock.h>
#include <vdev/io.h>

struct thermometer {
    struct vdev_io io;
    const struct vdev_clock *clock;
};

/* VDEV_OK; VDEV_ERROR_ABSENT: there is no thermometer behind `io`. */
int thermometer_init(struct thermometer *self, const struct vdev_io *io,
                     const struct vdev_clock *clock);

/*
 * Measure, in thousandths of a degree Celsius; takes about 1 ms. VDEV_OK; VDEV_ERROR_IO: the sensor
 * says that it failed; VDEV_ERROR_TIMEOUT: no answer within 5 ms. After an error it may be called
 * again.
 */
int thermometer_measure(struct thermometer *self, int32_t *millidegrees);

#endif
