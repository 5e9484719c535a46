/* SPDX-License-Identifier: BSD-2-Clause */
/* The test of docs/testing-drivers.md: a driver by script, by model, with faults, and covered. */
#include <check.h>

#include <vdev/status.h>
#include <vdev/testing/bench.h>
#include <vdev/testing/check.h>
#include <vdev/testing/model.h>
#include <vdev/testing/script.h>

#include "thermometer.h"

/* ---- 1. the data sheet ---- */

struct chip {
    struct vdev_model model;
    uint32_t values[4];
    uint64_t done_at;
};

static void start_measuring(void *device, uint32_t offset, uint32_t value);
static uint32_t read_status(void *device, uint32_t offset);

static const struct vdev_register registers[] = {
    {.name = "ID", .offset = 0x00, .widths = 4, .kind = VDEV_REGISTER_READ_ONLY, .reset = 0x7E40},
    {.name = "CONTROL",
     .offset = 0x04,
     .widths = 4,
     .writable = 1,
     .self_clearing = 2,
     .reserved = ~3u,
     .write = start_measuring},
    {.name = "STATUS",
     .offset = 0x08,
     .widths = 4,
     .write_one_to_clear = 3,
     .reserved = ~3u,
     .read = read_status},
    {.name = "SAMPLE", .offset = 0x0C, .widths = 4, .kind = VDEV_REGISTER_READ_ONLY, .reset = 480},
};
static const uint8_t words[] = {1, 2, 3, 4}; /* which register is at which word, from 1 */
static const struct vdev_register_field fields[] = {
    {0x04, 1, "ENABLE"}, {0x04, 2, "START"}, {0x08, 1, "READY"}, {0x08, 2, "FAILED"}, {0, 0, NULL},
};
static const struct vdev_register_table table = {
    .registers = registers, .count = 4, .index = words, .words = 4, .fields = fields};

static struct vdev_virtual_clock virtual_clock;
static struct thermometer thermometer;
static int32_t millidegrees;

/* ---- 2. the driver by script: these accesses, in this order, and nothing else ---- */

START_TEST(measures_as_the_data_sheet_says)
{
    static const struct vdev_script_step steps[] = {
        VDEV_SCRIPT_READ("ID", 0x7E40),
        VDEV_SCRIPT_WRITE_FIELDS("CONTROL", {"ENABLE", 1}),
        VDEV_SCRIPT_WRITE_FIELDS("STATUS", {"READY", 1}, {"FAILED", 1}),
        VDEV_SCRIPT_WRITE_FIELDS("CONTROL", {"ENABLE", 1}, {"START", 1}),
        VDEV_SCRIPT_UNTIL("STATUS", 0, 3, 1),
        VDEV_SCRIPT_READ("SAMPLE", 0xF0F0 /* the upper bits are undefined */),
    };
    struct vdev_script script;

    vdev_virtual_clock_init(&virtual_clock, 0, 100);
    vdev_script_init(&script, &table, steps, 6, &virtual_clock, vdev_testing_check, NULL);
    ck_assert_int_eq(thermometer_init(&thermometer, &script.io, &virtual_clock.clock), VDEV_OK);
    ck_assert_int_eq(thermometer_measure(&thermometer, &millidegrees), VDEV_OK);
    ck_assert_int_eq(millidegrees, -10000);
    vdev_script_finish(&script);
}
END_TEST

/* ---- 3. the driver on a model: whatever it does, the device answers ---- */

static struct chip chip;
static struct vdev_bench bench;
static struct vdev_coverage *coverage;

static void start_measuring(void *device, uint32_t offset, uint32_t value)
{
    struct chip *self = device;
    (void)offset;
    if ((value & 2) != 0) {
        self->done_at = virtual_clock.now + 1000000;
    }
}

static uint32_t read_status(void *device, uint32_t offset)
{
    struct chip *self = device;
    (void)offset;
    if (self->done_at != 0 && virtual_clock.now >= self->done_at) {
        self->done_at = 0;
        VDEV_MODEL_SET_FIELD(&self->model, "STATUS", "READY", 1);
    }
    return VDEV_MODEL_GET(&self->model, "STATUS");
}

/* A driver on a chip, with faults between the two; what thermometer_init says. */
static int begin(struct vdev_fault *faults, size_t count)
{
    vdev_virtual_clock_init(&virtual_clock, 0, 1000);
    chip.done_at = 0;
    vdev_model_init(&chip.model, &table, chip.values, &chip, &virtual_clock, vdev_testing_check,
                    NULL);
    vdev_bench_init(&bench, &(const struct vdev_bench_configuration){.device = &chip.model.io,
                                                                     .table = &table,
                                                                     .clock = &virtual_clock,
                                                                     .faults = faults,
                                                                     .fault_count = count,
                                                                     .coverage = coverage,
                                                                     .fail = vdev_testing_check});
    return thermometer_init(&thermometer, &bench.io, &virtual_clock.clock);
}

START_TEST(measures_twice)
{
    ck_assert_int_eq(begin(NULL, 0), VDEV_OK);
    ck_assert_int_eq(thermometer_measure(&thermometer, &millidegrees), VDEV_OK);
    ck_assert_int_eq(millidegrees, 20000);
    VDEV_MODEL_SET(&chip.model, "SAMPLE", 0);
    ck_assert_int_eq(thermometer_measure(&thermometer, &millidegrees), VDEV_OK);
    ck_assert_int_eq(millidegrees, -40000);
}
END_TEST

/* ---- 4. what goes wrong ---- */

START_TEST(absent_device_is_noticed)
{
    struct vdev_fault faults[] = {VDEV_FAULT_ABSENT(0)};
    ck_assert_int_eq(begin(faults, 1), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(wait_for_a_dead_sensor_ends)
{
    struct vdev_fault faults[] = {VDEV_FAULT_STUCK("STATUS", "READY", ZERO)};
    ck_assert_int_eq(begin(faults, 1), VDEV_OK);
    ck_assert_int_eq(thermometer_measure(&thermometer, &millidegrees), VDEV_ERROR_TIMEOUT);
    ck_assert_uint_le(virtual_clock.now, 5100000);
}
END_TEST

START_TEST(failed_measurement_is_told_and_the_next_one_works)
{
    struct vdev_fault faults[] = {
        VDEV_FAULT(STUCK_ONE, .name = "STATUS", .field = "FAILED", .times = 1)};
    ck_assert_int_eq(begin(faults, 1), VDEV_OK);
    ck_assert_int_eq(thermometer_measure(&thermometer, &millidegrees), VDEV_ERROR_IO);
    ck_assert_int_eq(thermometer_measure(&thermometer, &millidegrees), VDEV_OK);
    ck_assert_int_eq(millidegrees, 20000);
}
END_TEST

/* ---- 5. all together, and how much of the device they touched ---- */

int main(int count, char **arguments)
{
    TCase *tcase = tcase_create("thermometer");
    Suite *suite = suite_create("thermometer");

    coverage = vdev_testing_shared(sizeof *coverage);
    if (count != 2 || coverage == NULL) {
        return 1;
    }
    vdev_coverage_init(coverage, &table, "thermometer");
    vdev_coverage_file(coverage, arguments[1]); /* the driver's source */

    tcase_add_test(tcase, measures_as_the_data_sheet_says);
    tcase_add_test(tcase, measures_twice);
    tcase_add_test(tcase, absent_device_is_noticed);
    tcase_add_test(tcase, wait_for_a_dead_sensor_ends);
    tcase_add_test(tcase, failed_measurement_is_told_and_the_next_one_works);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0 || !vdev_coverage_finish(coverage, 90, NULL, NULL);
}
