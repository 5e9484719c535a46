/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the OMAP3 drivers share: a driver on the kit's bench over an emulator, and the
 * coverage of the driver's source. The emulator sees the time pass; a test says what follows each
 * access.
 */
#ifndef TESTS_BEAGLE_H
#define TESTS_BEAGLE_H

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <vdev/status.h>
#include <vdev/testing/bench.h>
#include <vdev/testing/check.h>
#include <vdev/testing/clock.h>
#include <vdev/testing/coverage.h>
#include <vdev/testing/emulator_io.h>
#include <vdev/testing/script.h>

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct beagle_bench {
    struct vdev_emulator_io bus;
    struct vdev_bench bench;
};

/* `faults` may be NULL; the clock is set up by the caller, before the emulator that looks at it. */
static inline const struct vdev_io *
beagle_bench(struct beagle_bench *self, vdev_access_function *access, void *device,
             const struct vdev_register_table *table, struct vdev_virtual_clock *clock,
             void (*after)(void *context), struct vdev_fault *faults, size_t fault_count,
             struct vdev_coverage *coverage)
{
    const struct vdev_emulator_io_configuration bus = {
        .access = access,
        .device = device,
        .table = table,
        .clock = clock,
        .after = after,
        .fail = vdev_testing_check,
        .context = device,
    };
    vdev_emulator_io_init(&self->bus, &bus);
    const struct vdev_bench_configuration configuration = {
        .device = &self->bus.io,
        .table = table,
        .clock = clock,
        .faults = faults,
        .fault_count = fault_count,
        .coverage = coverage,
        .reads_most = 10000000,
        .fail = vdev_testing_check,
    };
    vdev_bench_init(&self->bench, &configuration);
    return &self->bench.io;
}

/* Coverage of one driver's source, in memory that Check's processes share. */
static inline struct vdev_coverage *beagle_coverage(const struct vdev_register_table *table,
                                                    const char *what, const char *test,
                                                    const char *source)
{
    struct vdev_coverage *coverage = vdev_testing_shared(sizeof *coverage);
    char path[512];
    size_t length = strlen(test);

    while (length != 0 && test[length - 1] != '/') {
        length--;
    }
    snprintf(path, sizeof path, "%.*s../drivers/beagle/%s", (int)length, test, source);
    if (coverage != NULL) {
        vdev_coverage_init(coverage, table, what);
        if (!vdev_coverage_file(coverage, path)) {
            fprintf(stderr, "cannot read %s\n", path);
        }
    }
    return coverage;
}

/* Runs the suite; a number for main to return. */
static inline int beagle_run(Suite *suite, struct vdev_coverage **coverage, size_t count)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    for (size_t i = 0; i < count; i++) {
        if (coverage[i] == NULL || !vdev_coverage_finish(coverage[i], 90, NULL, NULL)) {
            failed++;
        }
    }
    return failed != 0;
}

#endif
