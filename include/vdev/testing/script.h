/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A script behind a driver's register accesses: what it must do, in order, and what it reads.
 *
 * Strict: an access that the script does not have next fails the test, and so does a script that
 * was not played to its end. A failure's message names registers by the device's table and shows
 * the last accesses and the next expected ones. Not a model: a script knows nothing of the device.
 * Hosted builds only in practice, since a driver built with VDEV_IO_DIRECT makes its accesses
 * itself.
 *
 *     static const struct vdev_script_step steps[] = {
 *         VDEV_SCRIPT_WRITE32(0x30, 0),
 *         VDEV_SCRIPT_READS32(0x18, FR_BUSY, 3),
 *         VDEV_SCRIPT_READ32(0x18, 0),
 *     };
 *     vdev_script_init(&script, &table, steps, 3, &clock, fail, NULL);
 *     driver_init(&driver, &script.io);
 *     vdev_script_finish(&script);
 */
#ifndef VDEV_TESTING_SCRIPT_H
#define VDEV_TESTING_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/io.h>
#include <vdev/registers.h>
#include <vdev/testing/clock.h>

enum vdev_script_kind {
    VDEV_SCRIPT_KIND_READ,   /* `times` reads, each of which gets `value` (or the next of `data`) */
    VDEV_SCRIPT_KIND_WRITE,  /* `times` writes of `value` (or the next of `data`), under `mask` */
    VDEV_SCRIPT_KIND_REPEAT, /* reads of `value`, any number from none to `times` (0: no end) */
};

struct vdev_script_step {
    uint8_t kind;
    uint8_t width;   /* bytes; 0: any that the register has */
    uint32_t offset; /* a register that repeats is matched at any of its words */
    uint32_t value;
    uint32_t mask;        /* writes: the bits compared */
    uint32_t times;       /* reads and writes: 0 means 1 */
    const uint32_t *data; /* `times` values, or NULL */
};

#define VDEV_SCRIPT_READ32(offset_, value_)                                                        \
    {                                                                                              \
        .kind = VDEV_SCRIPT_KIND_READ, .width = 4, .offset = (offset_), .value = (value_)          \
    }
#define VDEV_SCRIPT_READS32(offset_, value_, times_)                                               \
    {                                                                                              \
        .kind = VDEV_SCRIPT_KIND_READ, .width = 4, .offset = (offset_), .value = (value_),         \
        .times = (times_)                                                                          \
    }
#define VDEV_SCRIPT_READ_DATA32(offset_, data_, times_)                                            \
    {                                                                                              \
        .kind = VDEV_SCRIPT_KIND_READ, .width = 4, .offset = (offset_), .data = (data_),           \
        .times = (times_)                                                                          \
    }
#define VDEV_SCRIPT_REPEAT32(offset_, value_, times_)                                              \
    {                                                                                              \
        .kind = VDEV_SCRIPT_KIND_REPEAT, .width = 4, .offset = (offset_), .value = (value_),       \
        .times = (times_)                                                                          \
    }
#define VDEV_SCRIPT_WRITE32(offset_, value_)                                                       \
    {                                                                                              \
        .kind = VDEV_SCRIPT_KIND_WRITE, .width = 4, .offset = (offset_), .value = (value_),        \
        .mask = 0xFFFFFFFFu                                                                        \
    }
#define VDEV_SCRIPT_WRITE_BITS32(offset_, value_, mask_)                                           \
    {                                                                                              \
        .kind = VDEV_SCRIPT_KIND_WRITE, .width = 4, .offset = (offset_), .value = (value_),        \
        .mask = (mask_)                                                                            \
    }
#define VDEV_SCRIPT_WRITE_DATA32(offset_, data_, times_)                                           \
    {                                                                                              \
        .kind = VDEV_SCRIPT_KIND_WRITE, .width = 4, .offset = (offset_), .data = (data_),          \
        .mask = 0xFFFFFFFFu, .times = (times_)                                                     \
    }

/* Hears of the first failure only; may end the test (Check: ck_abort_msg) or return. */
typedef void vdev_testing_fail_function(void *context, const char *message);

#define VDEV_SCRIPT_HISTORY 8u
#define VDEV_SCRIPT_MESSAGE 1024u

/* All of it belongs to the test; not copied once set up. `failed` and `message` may be read. */
struct vdev_script {
    struct vdev_io io; /* hand &script.io to a driver */
    const struct vdev_register_table *table;
    const struct vdev_script_step *steps;
    size_t count;
    size_t position; /* the step that is expected */
    uint32_t done;   /* how often it has been done already */
    struct vdev_virtual_clock *clock;
    vdev_testing_fail_function *fail;
    void *context;
    bool failed;
    uint32_t accesses;
    struct vdev_access history[VDEV_SCRIPT_HISTORY]; /* access n at n % VDEV_SCRIPT_HISTORY */
    char message[VDEV_SCRIPT_MESSAGE];
};

/*
 * Set up. `steps` stays the caller's and unchanged. `table` may be NULL: no names, and no check of
 * what the data sheet forbids. `clock` may be NULL. After a failure reads give 0 and nothing is
 * compared any more.
 */
void vdev_script_init(struct vdev_script *script, const struct vdev_register_table *table,
                      const struct vdev_script_step *steps, size_t count,
                      struct vdev_virtual_clock *clock, vdev_testing_fail_function *fail,
                      void *context);

/* Another script for the same driver; the one before must have been played to its end. */
void vdev_script_continue(struct vdev_script *script, const struct vdev_script_step *steps,
                          size_t count);

/* At the end of the test: what was expected and did not happen is a failure. True: all happened. */
bool vdev_script_finish(struct vdev_script *script);

#endif
