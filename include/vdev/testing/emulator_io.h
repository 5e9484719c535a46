/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An emulator behind a driver's register accesses: both run in one program, without a guest.
 */
#ifndef VDEV_TESTING_EMULATOR_IO_H
#define VDEV_TESTING_EMULATOR_IO_H

#include <stdint.h>

#include <vdev/bus.h>
#include <vdev/io.h>
#include <vdev/registers.h>
#include <vdev/testing/clock.h>
#include <vdev/testing/fail.h>

struct vdev_emulator_io_configuration {
    vdev_access_function *access;
    void *device;
    const struct vdev_register_table *table; /* NULL: no names, no check against the data sheet */
    struct vdev_virtual_clock *clock;        /* NULL: time does not pass */
    /* Called after each access, outside the emulator: to drive what is below it. May be NULL. */
    void (*after)(void *context);
    /* An access that the emulator refuses, or the table forbids; NULL: reads then give all ones. */
    vdev_testing_fail_function *fail;
    void *context;
};

/* All of it belongs to the test; not copied once set up. */
struct vdev_emulator_io {
    struct vdev_io io; /* hand &emulator_io.io to a driver */
    struct vdev_emulator_io_configuration configuration;
    uint32_t reads;
    uint32_t writes;
    uint32_t refused;
};

void vdev_emulator_io_init(struct vdev_emulator_io *emulator_io,
                           const struct vdev_emulator_io_configuration *configuration);

#endif
