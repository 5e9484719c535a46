/* SPDX-License-Identifier: BSD-2-Clause */
/* Coverage, and the names of registers and fields that it and the scripts go by. */
#include "support/kit_device.h"

#include <stdlib.h>
#include <unistd.h>

#include <vdev/emulators/pl011.h>
#include <vdev/status.h>
#include <vdev/testing/bench.h>
#include <vdev/testing/coverage.h>
#include <vdev/testing/model.h>

static struct vdev_coverage coverage;
static char report[1024];

static void take(void *context, const char *line)
{
    (void)context;
    strcat(report, line);
    strcat(report, "\n");
}

static void source(const char *text)
{
    vdev_coverage_source(&coverage, text, strlen(text));
}

static void touch(uint32_t offset, bool write, uint32_t value)
{
    vdev_coverage_access(
        &coverage,
        &(const struct vdev_access){.offset = offset, .width = 4, .write = write, .value = value});
}

static void expect_count(uint32_t touched, uint32_t named)
{
    struct vdev_coverage_count count = vdev_coverage_count(&coverage);
    ck_assert_uint_eq(count.named, named);
    ck_assert_uint_eq(count.touched, touched);
}

static void setup(void)
{
    kit_setup();
    report[0] = '\0';
    vdev_coverage_init(&coverage, &kit_table, "kit");
}

START_TEST(only_what_the_source_names_counts)
{
    source("#define DATA 0x00u\n#define STATUS_BUSY 1u\nint status; /* CONTROL */ // CLEAR\n"
           "const char *s = \"MASK0 \\\" MASK1\"; char c = '\"'; x = a / DATA / *p;\n#define "
           "MY_STATE 0x10\n");
    expect_count(0, 3); /* DATA, STATE, and the field BUSY: STATUS itself is not named */
    touch(4, false, 0);
    expect_count(1, 3); /* BUSY was 1 after reset, and is not any more */
    touch(0x0C, true, 0xFF);
    expect_count(1, 3);
    touch(0x10, false, 0);
    touch(0, true, 0);
    expect_count(3, 3);
    ck_assert(vdev_coverage_finish(&coverage, 100, take, NULL));
    ck_assert_str_eq(report, "kit: 3 of 3 registers and fields (100 %)\n");
}
END_TEST

START_TEST(what_is_missing_is_printed_and_the_floor_holds)
{
    source("DATA STATUS CONTROL CONTROL_ENABLE");
    touch(0x0C, true, 0xF8);
    touch(0x00, true, 1);
    ck_assert(!vdev_coverage_finish(&coverage, 51, take, NULL));
    ck_assert_str_eq(report, "kit: 2 of 4 registers and fields (50 %)\n"
                             "  not touched: STATUS\n  not touched: CONTROL.ENABLE\n");
    ck_assert(vdev_coverage_finish(&coverage, 50, take, NULL));
}
END_TEST

START_TEST(nothing_named_holds_no_floor)
{
    source("int main(void) { return 0; }");
    ck_assert(!vdev_coverage_finish(&coverage, 0, take, NULL));
    ck_assert_str_eq(report, "kit: 0 of 0 registers and fields (0 %)\n");
}
END_TEST

START_TEST(arrays_count_once_with_their_fields)
{
    source("#define MASK(n) (0x14 + 4 * (n))\n#define MASK_LINE 1");
    expect_count(0, 2);
    touch(0x18, true, 1);
    expect_count(2, 2);
    setup();
    source("MASK");
    vdev_coverage_finish(&coverage, 0, take, NULL);
    ck_assert(strstr(report, "not touched: MASKn\n") != NULL);
    setup();
    source("MASK0 MASK1");
    touch(0x18, true, 1);
    expect_count(1, 2);
}
END_TEST

START_TEST(data_sheets_prefixes_may_be_left_out)
{
    static const struct vdev_register registers[] = {
        {.name = "MCIDataTimer", .offset = 0, .widths = 4},
        {.name = "INTC_MIR_CLEAR0", .offset = 4, .widths = 4},
        {.name = "INTC_MIR_CLEAR1", .offset = 8, .widths = 4},
        {.name = "UARTCR", .offset = 12, .widths = 4},
        {.name = "INTC_CLEAR", .offset = 16, .widths = 4},
    };
    static const uint8_t words[] = {1, 2, 3, 4, 5};
    static const struct vdev_register_field fields[] = {{12, 1, "UARTEN"}, {0, 0, NULL}};
    static const struct vdev_register_table table = {
        .registers = registers, .count = 5, .index = words, .words = 5, .fields = fields};

    vdev_coverage_init(&coverage, &table, "prefixes");
    source("DATA_TIMER");
    expect_count(0, 1);
    source("MIR_CLEAR");
    expect_count(0, 2);
    source("CR_UARTEN");
    expect_count(0, 3);
    source("MER"); /* too short for a mere tail */
    expect_count(0, 3);
    source("CLEAR"); /* exact by its last part, so not MIR_CLEAR's tail alone */
    expect_count(0, 4);
    touch(8, true, 1);
    touch(12, true, 1);
    expect_count(2, 4);
}
END_TEST

START_TEST(exact_name_goes_before_a_mere_tail)
{
    static const struct vdev_register registers[] = {{.name = "CTRL", .offset = 0, .widths = 4},
                                                     {.name = "SYSCTRL", .offset = 4, .widths = 4}};
    static const uint8_t words[] = {1, 2};
    static const struct vdev_register_table table = {
        .registers = registers, .count = 2, .index = words, .words = 2};

    vdev_coverage_init(&coverage, &table, "tails");
    source("CTRL");
    expect_count(0, 1);
    touch(0, true, 1);
    expect_count(1, 1);
}
END_TEST

START_TEST(strings_end_where_c_ends_them)
{
    source("char *s = \"\\\\\"; int x = DATA; char c = '\\''; int y = CONTROL; /* \" */ MASK0 /*/ "
           "MASK1 */");
    expect_count(0, 3);
}
END_TEST

START_TEST(source_is_read_from_its_file)
{
    char path[] = "/tmp/vdev-coverage-XXXXXX";
    int file = mkstemp(path);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, "DATA\nCONTROL", 12), 12);
    close(file);
    bool good = vdev_coverage_file(&coverage, path);
    unlink(path);
    ck_assert(good);
    expect_count(0, 2);
    ck_assert(!vdev_coverage_file(&coverage, path));
}
END_TEST

/* What tests in processes of their own touch is there in the end: Check runs each that way. */
static struct vdev_coverage *shared;

static void touch_through_bench(uint32_t offset)
{
    static uint32_t values[KIT_REGISTERS];
    static struct vdev_model model;
    static struct vdev_bench bench;

    vdev_model_init(&model, &kit_table, values, NULL, NULL, kit_note, NULL);
    vdev_bench_init(&bench, &(const struct vdev_bench_configuration){.device = &model.io,
                                                                     .table = &kit_table,
                                                                     .coverage = shared,
                                                                     .fail = kit_note});
    vdev_io_write32(&bench.io, offset, 1);
}

START_TEST(one_test_touches_one_register)
{
    touch_through_bench(0);
}
END_TEST

START_TEST(another_test_touches_another)
{
    touch_through_bench(0x0C);
}
END_TEST

START_TEST(tables_fields_are_checked)
{
    static const struct vdev_register_field wrong[][2] = {
        {{0x04, 0, "NONE"}, {0, 0, NULL}},
        {{0x04, 5, "GAP"}, {0, 0, NULL}},
        {{0x1C, 1, "NOWHERE"}, {0, 0, NULL}},
        {{0x05, 1, "INSIDE"}, {0, 0, NULL}},
    };
    struct vdev_register_table table = kit_table;

    ck_assert_int_eq(vdev_registers_check(&table), VDEV_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        table.fields = wrong[i];
        ck_assert_int_eq(vdev_registers_check(&table), VDEV_ERROR_INVALID);
    }
    static const struct vdev_register_field all[] = {
        {0, 0xFFFFFFFF, "ALL"}, {0, 0xF0000000, "TOP"}, {0, 0, NULL}};
    table.fields = all;
    ck_assert_int_eq(vdev_registers_check(&table), VDEV_OK);
}
END_TEST

START_TEST(names_are_found_whole)
{
    ck_assert_ptr_eq(vdev_registers_by_name(&kit_table, "DATA"), &kit_registers[0]);
    ck_assert_ptr_eq(vdev_registers_by_name(&kit_table, "STATE"), &kit_registers[4]);
    ck_assert_ptr_eq(vdev_registers_by_name(&kit_table, "ERRORS"), &kit_registers[4]);
    ck_assert_ptr_eq(vdev_registers_by_name(&kit_table, "ERRORS/STATE"), &kit_registers[4]);
    ck_assert_ptr_null(vdev_registers_by_name(&kit_table, "STAT"));
    ck_assert_ptr_null(vdev_registers_by_name(&kit_table, "ERROR"));
    ck_assert_ptr_null(vdev_registers_by_name(&kit_table, "DATAS"));
    ck_assert_ptr_null(vdev_registers_by_name(&kit_table, ""));
    ck_assert_ptr_eq(vdev_registers_field(&kit_table, 0x18, "LINE"), &kit_fields[7]);
    ck_assert_ptr_null(vdev_registers_field(&kit_table, 0x00, "LINE"));
    ck_assert_ptr_null(vdev_registers_field(&kit_table, 0x1C, "LINE"));
    ck_assert_ptr_null(vdev_registers_field(&vdev_pl011_registers, 0x18, "NOT_A_FIELD"));
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("kit-coverage");

    shared = vdev_testing_shared(sizeof *shared);
    if (shared == NULL) {
        return 1;
    }
    vdev_coverage_init(shared, &kit_table, "two tests together");
    vdev_coverage_source(shared, "DATA CONTROL CLEAR", 18);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, only_what_the_source_names_counts);
    tcase_add_test(tcase, what_is_missing_is_printed_and_the_floor_holds);
    tcase_add_test(tcase, nothing_named_holds_no_floor);
    tcase_add_test(tcase, arrays_count_once_with_their_fields);
    tcase_add_test(tcase, data_sheets_prefixes_may_be_left_out);
    tcase_add_test(tcase, exact_name_goes_before_a_mere_tail);
    tcase_add_test(tcase, strings_end_where_c_ends_them);
    tcase_add_test(tcase, source_is_read_from_its_file);
    tcase_add_test(tcase, one_test_touches_one_register);
    tcase_add_test(tcase, another_test_touches_another);
    tcase_add_test(tcase, tables_fields_are_checked);
    tcase_add_test(tcase, names_are_found_whole);
    int failed = kit_run(tcase, "kit-coverage");
    struct vdev_coverage_count count = vdev_coverage_count(shared);
    return failed != 0 || count.named != 3 || count.touched != 2 ||
           !vdev_coverage_finish(shared, 66, NULL, NULL);
}
