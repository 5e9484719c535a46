/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model behind a driver's register accesses: the device's register table (<vdev/registers.h>)
 * with its values and functions, held to the data sheet. Reading a write-only or unmapped register,
 * writing a read-only one or 1 to a reserved bit, and a wrong width fail the test. The functions in
 * the table make it behave as the device does; an emulator that is there already goes behind
 * <vdev/testing/emulator_io.h> instead.
 */
#ifndef VDEV_TESTING_MODEL_H
#define VDEV_TESTING_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/io.h>
#include <vdev/registers.h>
#include <vdev/testing/clock.h>
#include <vdev/testing/fail.h>

/* All of it belongs to the test; not copied once set up. */
struct vdev_model {
    struct vdev_io io; /* hand &model.io to a driver, or to a bench */
    struct vdev_register_bank bank;
    struct vdev_virtual_clock *clock;
    vdev_testing_fail_function *fail;
    void *context;
    bool failed;
    struct vdev_testing_history history;
};

/*
 * Set up and reset. `values` has room for one value of each register; `device` is what the table's
 * functions get. `clock` may be NULL: time does not pass. `fail` may be NULL: vdev_testing_stop.
 */
void vdev_model_init(struct vdev_model *model, const struct vdev_register_table *table,
                     uint32_t *values, void *device, struct vdev_virtual_clock *clock,
                     vdev_testing_fail_function *fail, void *context);

/*
 * The stored value of a register, by name, past its functions: to look at what the driver left, and
 * to change what it will read. `field` NULL: all of the register; else the field's value, from its
 * lowest bit. A name that the table does not have fails at the line of the call.
 */
uint32_t vdev_model_get_at(struct vdev_model *model, const char *name, const char *field,
                           const char *file, unsigned line);
void vdev_model_set_at(struct vdev_model *model, const char *name, const char *field,
                       uint32_t value, const char *file, unsigned line);
#define VDEV_MODEL_GET(model_, name_) vdev_model_get_at((model_), (name_), NULL, __FILE__, __LINE__)
#define VDEV_MODEL_SET(model_, name_, value_)                                                      \
    vdev_model_set_at((model_), (name_), NULL, (value_), __FILE__, __LINE__)
#define VDEV_MODEL_GET_FIELD(model_, name_, field_)                                                \
    vdev_model_get_at((model_), (name_), (field_), __FILE__, __LINE__)
#define VDEV_MODEL_SET_FIELD(model_, name_, field_, value_)                                        \
    vdev_model_set_at((model_), (name_), (field_), (value_), __FILE__, __LINE__)

#endif
