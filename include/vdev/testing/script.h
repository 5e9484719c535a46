/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A script behind a driver's register accesses: what it must do, in order, and what it reads.
 *
 * Strict: an access that the script does not have next fails the test, and so does a script that
 * was not played to its end. A failure's message names registers and fields by the device's table
 * and shows the last accesses and the next expected ones. Not a model: a script knows nothing of
 * the device. Hosted builds only in practice, since a driver built with VDEV_IO_DIRECT makes its
 * accesses itself.
 *
 *     static const struct vdev_script_step steps[] = {
 *         VDEV_SCRIPT_WRITE("CR", 0),
 *         VDEV_SCRIPT_UNTIL("FR", FR_BUSY, 3, 0),
 *         VDEV_SCRIPT_MODIFY("CR", 0x300, 0x1, 0x1),
 *     };
 *     vdev_script_init(&script, &table, steps, 3, &clock, vdev_testing_check, NULL);
 *     driver_init(&driver, &script.io);
 *     vdev_script_finish(&script);
 *
 * or, a step a line, into room that the test gives:
 *
 *     vdev_script_init_empty(&script, &table, room, 16, &clock, vdev_testing_check, NULL);
 *     VDEV_EXPECT(&script, VDEV_SCRIPT_WRITE_FIELDS("CR", {"UARTEN", 1}, {"TXE", 1}));
 */
#ifndef VDEV_TESTING_SCRIPT_H
#define VDEV_TESTING_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/io.h>
#include <vdev/registers.h>
#include <vdev/testing/clock.h>
#include <vdev/testing/fail.h>

enum vdev_script_kind {
    VDEV_SCRIPT_KIND_READ,   /* `times` reads, each of which gets `value` (or the next of `data`) */
    VDEV_SCRIPT_KIND_WRITE,  /* `times` writes of `value` (or the next of `data`), under `mask` */
    VDEV_SCRIPT_KIND_REPEAT, /* reads of `value`, any number from none to `times` (0: no end) */
    VDEV_SCRIPT_KIND_UNTIL,  /* `times` reads of `value`, for `nanoseconds`; then one of `last` */
    VDEV_SCRIPT_KIND_MODIFY, /* a read of `value`; a write of it with `last` under `mask` */
    VDEV_SCRIPT_KIND_DELAY,  /* the next access comes `nanoseconds` or more after the last one */
    VDEV_SCRIPT_KIND_FREE,   /* up to KIND_END the steps may happen in any order */
    VDEV_SCRIPT_KIND_END,
};

#define VDEV_SCRIPT_FIELDS 8u
#define VDEV_SCRIPT_GROUP  32u /* steps that a group of free order has at most */

struct vdev_script_field {
    const char *name;
    uint32_t value;
};

struct vdev_script_step {
    uint8_t kind;
    uint8_t width;   /* bytes; 0: any that the register has */
    uint32_t offset; /* a register that repeats is matched at any of its words */
    uint64_t value;
    uint64_t mask;        /* writes: the bits compared; MODIFY: those changed */
    uint32_t times;       /* reads and writes: 0 means 1 */
    const uint32_t *data; /* `times` values, or NULL */
    const char *name;     /* the register's by the table, instead of an offset; or NULL */
    uint64_t last;        /* UNTIL, MODIFY */
    uint64_t nanoseconds; /* UNTIL, DELAY */
    const char *file;     /* where the step stands, for messages; or NULL */
    uint32_t line;
    struct vdev_script_field fields[VDEV_SCRIPT_FIELDS]; /* READ, WRITE: added to `value` */
};

#define VDEV_SCRIPT_STEP(kind_, ...)                                                               \
    {                                                                                              \
        .kind = VDEV_SCRIPT_KIND_##kind_, .file = __FILE__, .line = __LINE__, __VA_ARGS__          \
    }

/* By the register's name, in any width that it has. */
#define VDEV_SCRIPT_READ(name_, value_) VDEV_SCRIPT_STEP(READ, .name = (name_), .value = (value_))
#define VDEV_SCRIPT_READS(name_, value_, times_)                                                   \
    VDEV_SCRIPT_STEP(READ, .name = (name_), .value = (value_), .times = (times_))
#define VDEV_SCRIPT_WRITE(name_, value_)                                                           \
    VDEV_SCRIPT_STEP(WRITE, .name = (name_), .value = (value_), .mask = UINT64_MAX)
#define VDEV_SCRIPT_WRITE_BITS(name_, value_, mask_)                                               \
    VDEV_SCRIPT_STEP(WRITE, .name = (name_), .value = (value_), .mask = (mask_))
#define VDEV_SCRIPT_READ_DATA(name_, data_, times_)                                                \
    VDEV_SCRIPT_STEP(READ, .name = (name_), .data = (data_), .times = (times_))
#define VDEV_SCRIPT_WRITE_DATA(name_, data_, times_)                                               \
    VDEV_SCRIPT_STEP(WRITE, .name = (name_), .data = (data_), .times = (times_), .mask = UINT64_MAX)

/* Field by field: {"NAME", value}, ...; all other bits are 0. */
#define VDEV_SCRIPT_READ_FIELDS(name_, ...)                                                        \
    VDEV_SCRIPT_STEP(READ, .name = (name_), .fields = {__VA_ARGS__})
#define VDEV_SCRIPT_WRITE_FIELDS(name_, ...)                                                       \
    VDEV_SCRIPT_STEP(WRITE, .name = (name_), .mask = UINT64_MAX, .fields = {__VA_ARGS__})

/* Any number of reads of `value`, from none to `times` (0: no end). */
#define VDEV_SCRIPT_REPEAT(name_, value_, times_)                                                  \
    VDEV_SCRIPT_STEP(REPEAT, .name = (name_), .value = (value_), .times = (times_))
/* Polling: `times` reads of `value` and then one of `last`; or `value` for so many nanoseconds. */
#define VDEV_SCRIPT_UNTIL(name_, value_, times_, last_)                                            \
    VDEV_SCRIPT_STEP(UNTIL, .name = (name_), .value = (value_), .times = (times_), .last = (last_))
#define VDEV_SCRIPT_UNTIL_TIME(name_, value_, nanoseconds_, last_)                                 \
    VDEV_SCRIPT_STEP(UNTIL, .name = (name_), .value = (value_), .nanoseconds = (nanoseconds_),     \
                     .last = (last_))
/* Read-modify-write: a read of `old`, then a write of `old` with the bits in `mask` as in `bits`.
 */
#define VDEV_SCRIPT_MODIFY(name_, old_, mask_, bits_)                                              \
    VDEV_SCRIPT_STEP(MODIFY, .name = (name_), .value = (old_), .mask = (mask_), .last = (bits_))
/* At least so many nanoseconds before the next access. */
#define VDEV_SCRIPT_DELAY(nanoseconds_) VDEV_SCRIPT_STEP(DELAY, .nanoseconds = (nanoseconds_))
/* Around steps whose order is free (not nested; no DELAY inside). */
#define VDEV_SCRIPT_FREE VDEV_SCRIPT_STEP(FREE, .times = 0)
#define VDEV_SCRIPT_END  VDEV_SCRIPT_STEP(END, .times = 0)

/* By offset, in 32 bits. */
#define VDEV_SCRIPT_READ32(offset_, value_)                                                        \
    VDEV_SCRIPT_STEP(READ, .width = 4, .offset = (offset_), .value = (value_))
#define VDEV_SCRIPT_READS32(offset_, value_, times_)                                               \
    VDEV_SCRIPT_STEP(READ, .width = 4, .offset = (offset_), .value = (value_), .times = (times_))
#define VDEV_SCRIPT_READ_DATA32(offset_, data_, times_)                                            \
    VDEV_SCRIPT_STEP(READ, .width = 4, .offset = (offset_), .data = (data_), .times = (times_))
#define VDEV_SCRIPT_REPEAT32(offset_, value_, times_)                                              \
    VDEV_SCRIPT_STEP(REPEAT, .width = 4, .offset = (offset_), .value = (value_), .times = (times_))
#define VDEV_SCRIPT_WRITE32(offset_, value_)                                                       \
    VDEV_SCRIPT_STEP(WRITE, .width = 4, .offset = (offset_), .value = (value_), .mask = 0xFFFFFFFFu)
#define VDEV_SCRIPT_WRITE_BITS32(offset_, value_, mask_)                                           \
    VDEV_SCRIPT_STEP(WRITE, .width = 4, .offset = (offset_), .value = (value_), .mask = (mask_))
#define VDEV_SCRIPT_WRITE_DATA32(offset_, data_, times_)                                           \
    VDEV_SCRIPT_STEP(WRITE, .width = 4, .offset = (offset_), .data = (data_), .mask = 0xFFFFFFFFu, \
                     .times = (times_))

/* All of it belongs to the test; not copied once set up. `failed` and `message` may be read. */
struct vdev_script {
    struct vdev_io io; /* hand &script.io to a driver */
    const struct vdev_register_table *table;
    const struct vdev_script_step *steps;
    size_t count;
    size_t position;                   /* the step that is expected */
    uint32_t done;                     /* how often it has been done already */
    uint64_t since;                    /* UNTIL: the time of its first read */
    uint32_t group[VDEV_SCRIPT_GROUP]; /* of the group at `position`: as `done`, for each step */
    uint32_t group_full;               /* of the group: a bit for each step that is done */
    uint32_t group_current;        /* a MODIFY that was read and not written yet, plus 1; or 0 */
    struct vdev_script_step *room; /* for vdev_script_expect, or NULL */
    size_t capacity;
    struct vdev_virtual_clock *clock;
    uint64_t last_access; /* time of it */
    vdev_testing_fail_function *fail;
    void *context;
    bool failed;
    struct vdev_testing_history history;
    char message[VDEV_TESTING_MESSAGE];
};

/*
 * Set up. `steps` stays the caller's and unchanged. `table` may be NULL: no names, and no check of
 * what the data sheet forbids. `clock` may be NULL: DELAY and UNTIL_TIME are then wrong use. Wrong
 * use (a register that the table does not have, by name or offset, a width, field or value that it
 * cannot have, a group that is not closed) is a failure here, and its message begins with the place
 * of the step. `fail` may be NULL: vdev_testing_stop. After a failure reads give 0 and nothing is
 * compared any more.
 */
void vdev_script_init(struct vdev_script *script, const struct vdev_register_table *table,
                      const struct vdev_script_step *steps, size_t count,
                      struct vdev_virtual_clock *clock, vdev_testing_fail_function *fail,
                      void *context);

/* The same without steps yet: they are added to `room`, for `capacity` of them. */
void vdev_script_init_empty(struct vdev_script *script, const struct vdev_register_table *table,
                            struct vdev_script_step *room, size_t capacity,
                            struct vdev_virtual_clock *clock, vdev_testing_fail_function *fail,
                            void *context);

/* Add a step at the end. Wrong use, or no room, is a failure that names file and line. */
void vdev_script_expect(struct vdev_script *script, const struct vdev_script_step *step,
                        const char *file, unsigned line);
#define VDEV_EXPECT(script_, ...)                                                                  \
    vdev_script_expect((script_), &(const struct vdev_script_step)__VA_ARGS__, __FILE__, __LINE__)

/* Another script for the same driver; the one before must have been played to its end. */
void vdev_script_continue(struct vdev_script *script, const struct vdev_script_step *steps,
                          size_t count);

/* At the end of the test: what was expected and did not happen is a failure. True: all happened. */
bool vdev_script_finish(struct vdev_script *script);

#endif
