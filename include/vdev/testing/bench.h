/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bench: what stands between a driver and the device under test, be that a script, a model or
 * an emulator. It lets events happen after so many accesses or at a time, puts faults on the bus,
 * notices a driver that waits for ever, and takes down what was accessed. Each part is optional.
 *
 *     driver -> bench.io -> script.io, model.io or emulator_io.io
 */
#ifndef VDEV_TESTING_BENCH_H
#define VDEV_TESTING_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/interrupt.h>
#include <vdev/io.h>
#include <vdev/registers.h>
#include <vdev/testing/clock.h>
#include <vdev/testing/coverage.h>
#include <vdev/testing/fail.h>

/* Something that happens once: a line changes its level, a function is called, or both. */
struct vdev_event {
    uint32_t after;                   /* this many accesses through the bench; 0: see `at` */
    uint64_t at;                      /* nanoseconds of the virtual clock */
    struct vdev_interrupt_line *line; /* or NULL */
    bool level;
    void (*happen)(void *context); /* or NULL; may make no access */
    void *context;
    bool happened; /* the bench's */
};

enum vdev_fault_kind {
    VDEV_FAULT_STUCK_ONE,   /* the bits read as 1, whatever the device says */
    VDEV_FAULT_STUCK_ZERO,  /* the bits read as 0 */
    VDEV_FAULT_ALL_ONES,    /* nobody there: every read gives all ones, every write goes nowhere */
    VDEV_FAULT_WRITES_LOST, /* writes of the register go nowhere */
    VDEV_FAULT_TRANSFER, /* once `bytes` went through the register, the bits of `status` read as 1
                            until the driver writes them as 1 there, or for ever if it does not */
};

struct vdev_fault {
    enum vdev_fault_kind kind;
    const char *name;                      /* the register */
    const char *field;                     /* NULL: the bits in `mask` */
    uint32_t mask;                         /* 0: all */
    const char *status;                    /* TRANSFER: the register of `field` or `mask` */
    uint32_t bytes;                        /* TRANSFER */
    struct vdev_interrupt_line *interrupt; /* TRANSFER: high while the bits are 1; or NULL */
    uint32_t from;    /* the first access through the bench that meets it, from 0 */
    uint32_t times;   /* how often it strikes, by accesses that it changes; 0: no end */
    const char *file; /* where it stands, for messages */
    uint32_t line;
    uint32_t struck; /* the bench's, may be read: how many accesses it changed */
    uint32_t moved;  /* the bench's: bytes through the register */
    bool over;       /* the bench's: TRANSFER's bits have been written as 1 */
};

#define VDEV_FAULT(kind_, ...)                                                                     \
    {                                                                                              \
        .kind = VDEV_FAULT_##kind_, .file = __FILE__, .line = __LINE__, __VA_ARGS__                \
    }
/* A field that is stuck: VDEV_FAULT_STUCK("FR", "BUSY", ONE). */
#define VDEV_FAULT_STUCK(name_, field_, value_)                                                    \
    VDEV_FAULT(STUCK_##value_, .name = (name_), .field = (field_))
/* The device is not there, or not any more: from access `from_` on. */
#define VDEV_FAULT_ABSENT(from_) VDEV_FAULT(ALL_ONES, .from = (from_))
/* The transfer through `name_` errs at byte `bytes_`: `status_` shows `field_`. */
#define VDEV_FAULT_AT_BYTE(name_, bytes_, status_, field_)                                         \
    VDEV_FAULT(TRANSFER, .name = (name_), .bytes = (bytes_), .status = (status_), .field = (field_))

/* What a wait may take before it counts as waiting for ever, if not stated. */
#define VDEV_BENCH_READS       100000u
#define VDEV_BENCH_NANOSECONDS 60000000000ull

struct vdev_bench_configuration {
    const struct vdev_io *device;            /* what the accesses go to */
    const struct vdev_register_table *table; /* for names; NULL only without faults and coverage */
    struct vdev_virtual_clock *clock;        /* what `device` advances; NULL: no time */
    struct vdev_event *events;               /* the test's, used up by the bench */
    size_t event_count;
    struct vdev_fault *faults; /* the same */
    size_t fault_count;
    struct vdev_coverage *coverage; /* NULL: not taken down */
    /* Each access as a line of a trace, see <vdev/testing/trace.h>; NULL: none. */
    vdev_testing_print_function *record;
    void *record_context;
    uint32_t reads_most; /* reads in a row that bring nothing new; 0: VDEV_BENCH_READS */
    /* The same by time; 0: VDEV_BENCH_NANOSECONDS. Leaps of more than a thousandth do not count. */
    uint64_t nanoseconds_most;
    vdev_testing_fail_function *fail; /* NULL: vdev_testing_stop */
    void *context;
};

/* All of it belongs to the test; not copied once set up. */
struct vdev_bench {
    struct vdev_io io; /* hand &bench.io to a driver */
    struct vdev_bench_configuration configuration;
    struct vdev_virtual_clock_watcher watcher;
    struct vdev_testing_history history;
    uint32_t vain;      /* reads in a row that brought nothing new */
    uint64_t vain_from; /* when the last access was that did */
    uint64_t last_time; /* as the clock last told */
    bool busy;          /* in the middle of an access: events wait for its end */
    bool failed;
};

/*
 * Set up, also anew; its clock's init comes before, and the clock is not used after the bench is
 * gone. Wrong use (a register or field that the table does not have) fails, naming the line.
 */
void vdev_bench_init(struct vdev_bench *bench,
                     const struct vdev_bench_configuration *configuration);

#endif
