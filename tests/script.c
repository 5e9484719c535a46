/* SPDX-License-Identifier: BSD-2-Clause */
/* The test kit's script: that it lets the right accesses pass and says what was wrong with others.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <vdev/io.h>
#include <vdev/status.h>
#include <vdev/testing/emulator_io.h>
#include <vdev/testing/script.h>

static const struct vdev_register registers[] = {
    {.name = "DATA", .offset = 0x00, .widths = VDEV_REGISTER_ANY, .writable = 0xFF},
    {.name = "STATUS",
     .offset = 0x04,
     .widths = VDEV_REGISTER_32,
     .kind = VDEV_REGISTER_READ_ONLY,
     .reset = 0x5A},
    {.name = "CLEAR",
     .offset = 0x08,
     .widths = VDEV_REGISTER_32,
     .kind = VDEV_REGISTER_WRITE_ONLY,
     .reserved = 0xFFFFFF00},
    {.name = "FIFO", .offset = 0x10, .widths = VDEV_REGISTER_32, .repeat = 4},
};
static const uint8_t words[] = {1, 2, 3, 0, 4, 4, 4, 4};
static const struct vdev_register_table table = {
    .registers = registers, .count = 4, .index = words, .words = 8};

static struct vdev_script script;
static struct vdev_virtual_clock virtual_clock;
static unsigned failures;

static void note(void *context, const char *message)
{
    ck_assert_ptr_eq(context, &failures);
    ck_assert_ptr_nonnull(message);
    failures++;
}

static void begin(const struct vdev_script_step *steps, size_t count)
{
    failures = 0;
    vdev_virtual_clock_init(&virtual_clock, 10, 100);
    vdev_script_init(&script, &table, steps, count, &virtual_clock, note, &failures);
}

#define BEGIN(...)                                                                                 \
    static const struct vdev_script_step steps[] = {__VA_ARGS__};                                  \
    begin(steps, sizeof steps / sizeof steps[0])

static void expect_message(const char *part)
{
    ck_assert_uint_eq(failures, 1);
    ck_assert(script.failed);
    ck_assert_msg(strstr(script.message, part) != NULL, "\"%s\" is not in:\n%s", part,
                  script.message);
}

START_TEST(right_accesses_pass_and_get_their_values)
{
    static const uint32_t data[] = {7, 8, 9};
    BEGIN(VDEV_SCRIPT_WRITE32(0, 0x12), VDEV_SCRIPT_READS32(4, 1, 2), VDEV_SCRIPT_READ32(4, 3),
          VDEV_SCRIPT_WRITE_BITS32(0, 0x80, 0xF0), VDEV_SCRIPT_READ_DATA32(0x10, data, 3),
          VDEV_SCRIPT_WRITE_DATA32(0x10, data, 3));

    vdev_io_write32(&script.io, 0, 0x12);
    ck_assert_uint_eq(vdev_io_read32(&script.io, 4), 1);
    ck_assert_uint_eq(vdev_io_read32(&script.io, 4), 1);
    ck_assert_uint_eq(vdev_io_read32(&script.io, 4), 3);
    vdev_io_write32(&script.io, 0, 0x8F);
    ck_assert_uint_eq(vdev_io_read32(&script.io, 0x10), 7);
    ck_assert_uint_eq(vdev_io_read32(&script.io, 0x14), 8);
    ck_assert_uint_eq(vdev_io_read32(&script.io, 0x1C), 9);
    vdev_io_write32(&script.io, 0x10, 7);
    vdev_io_write32(&script.io, 0x10, 8);
    vdev_io_write32(&script.io, 0x18, 9);
    ck_assert(vdev_script_finish(&script));
    ck_assert_uint_eq(failures, 0);
    ck_assert_uint_eq(virtual_clock.now, 11 * 100);
}
END_TEST

START_TEST(repeat_may_happen_often_or_never)
{
    BEGIN(VDEV_SCRIPT_REPEAT32(4, 1, 0), VDEV_SCRIPT_WRITE32(0, 1), VDEV_SCRIPT_REPEAT32(4, 2, 3),
          VDEV_SCRIPT_WRITE32(0, 2), VDEV_SCRIPT_REPEAT32(4, 3, 2));

    for (int i = 0; i < 100; i++) {
        ck_assert_uint_eq(vdev_io_read32(&script.io, 4), 1);
    }
    vdev_io_write32(&script.io, 0, 1);
    vdev_io_write32(&script.io, 0, 2);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(repeat_with_a_bound_fails_beyond_it)
{
    BEGIN(VDEV_SCRIPT_REPEAT32(4, 2, 3), VDEV_SCRIPT_WRITE32(0, 2));

    for (int i = 0; i < 3; i++) {
        vdev_io_read32(&script.io, 4);
    }
    ck_assert_uint_eq(failures, 0);
    ck_assert_uint_eq(vdev_io_read32(&script.io, 4), 0);
    expect_message("a write was expected");
}
END_TEST

START_TEST(wrong_value_names_the_register_and_what_was_due)
{
    BEGIN(VDEV_SCRIPT_READ32(4, 1), VDEV_SCRIPT_WRITE_BITS32(0, 0x12, 0xFF),
          VDEV_SCRIPT_READ32(4, 9));

    vdev_io_read32(&script.io, 4);
    vdev_io_write32(&script.io, 0, 0x13);
    expect_message("access 1, write DATA (0x000), 32 bits: 0x00000013: another value was expected");
    expect_message("step 1: write DATA (0x000), 32 bits: 0x00000012 under 0x000000FF");
    expect_message("step 2: read STATUS (0x004)");
    expect_message("0: read STATUS (0x004), 32 bits: 0x00000001");
    vdev_io_write32(&script.io, 0, 0x14);
    ck_assert(!vdev_script_finish(&script));
    ck_assert_uint_eq(failures, 1);
}
END_TEST

START_TEST(another_register_width_or_direction_fails)
{
    BEGIN(VDEV_SCRIPT_READ32(0, 1));

    vdev_io_read32(&script.io, 4);
    expect_message("another register was expected");
    begin(steps, 1);
    vdev_io_read8(&script.io, 0);
    expect_message("another width was expected");
    begin(steps, 1);
    vdev_io_write32(&script.io, 0, 1);
    expect_message("a read was expected");
}
END_TEST

START_TEST(access_beyond_the_end_fails)
{
    BEGIN(VDEV_SCRIPT_REPEAT32(4, 1, 1));

    vdev_io_read32(&script.io, 4);
    vdev_io_read32(&script.io, 4);
    expect_message("the script is at its end");
}
END_TEST

START_TEST(what_did_not_happen_fails_at_the_end)
{
    BEGIN(VDEV_SCRIPT_READS32(4, 1, 3));

    vdev_io_read32(&script.io, 4);
    ck_assert(!vdev_script_finish(&script));
    expect_message("left off before the script's end");
    expect_message("done 1 of 3");
}
END_TEST

START_TEST(what_the_data_sheet_forbids_fails_though_the_script_has_it)
{
    BEGIN(VDEV_SCRIPT_READ32(8, 0));
    expect_message("expects to read a write-only register: CLEAR");

    static const struct vdev_script_step reserved[] = {VDEV_SCRIPT_WRITE32(8, 0x100)};
    begin(reserved, 1);
    vdev_io_write32(&script.io, 8, 0x100);
    expect_message("writes 1 to a reserved bit");

    static const struct vdev_script_step unmapped[] = {VDEV_SCRIPT_READ32(0x0C, 1)};
    begin(unmapped, 1);
    expect_message("an expectation outside the device's registers: 0x00C");
}
END_TEST

START_TEST(next_script_needs_the_one_before_finished)
{
    static const struct vdev_script_step more[] = {VDEV_SCRIPT_WRITE32(0, 5)};
    BEGIN(VDEV_SCRIPT_READ32(4, 1));

    vdev_io_read32(&script.io, 4);
    vdev_script_continue(&script, more, 1);
    vdev_io_write32(&script.io, 0, 5);
    ck_assert(vdev_script_finish(&script));
    begin(steps, 1);
    vdev_script_continue(&script, more, 1);
    expect_message("left off");
}
END_TEST

START_TEST(long_message_is_cut_and_terminated)
{
    static struct vdev_register long_register = {.offset = 0, .widths = VDEV_REGISTER_ANY};
    static char name[VDEV_TESTING_MESSAGE * 2];
    static const uint8_t one[] = {1};
    static const struct vdev_register_table long_table = {
        .registers = &long_register, .count = 1, .index = one, .words = 1};
    static const struct vdev_script_step steps[] = {VDEV_SCRIPT_READ32(0, 1)};

    memset(name, 'x', sizeof name - 1);
    long_register.name = name;
    failures = 0;
    vdev_script_init(&script, &long_table, steps, 1, NULL, note, &failures);
    vdev_io_write32(&script.io, 0, 1);
    ck_assert_uint_eq(failures, 1);
    ck_assert_uint_eq(strlen(script.message), VDEV_TESTING_MESSAGE - 1);
}
END_TEST

/* ---- an emulator behind struct vdev_io ---- */

static unsigned after_calls;

static void after(void *context)
{
    (void)context;
    after_calls++;
}

START_TEST(emulator_behind_io_gets_the_accesses)
{
    struct vdev_register_bank bank;
    uint32_t values[4];
    struct vdev_emulator_io emulator_io;
    struct vdev_emulator_io_configuration configuration = {.access = vdev_registers_access,
                                                           .device = &bank,
                                                           .table = &table,
                                                           .clock = &virtual_clock,
                                                           .after = after,
                                                           .fail = note,
                                                           .context = &failures};

    failures = 0;
    after_calls = 0;
    vdev_virtual_clock_init(&virtual_clock, 0, 50);
    vdev_registers_init(&bank, &table, values, NULL);
    vdev_emulator_io_init(&emulator_io, &configuration);
    vdev_io_write8(&emulator_io.io, 0, 0x42);
    ck_assert_uint_eq(vdev_io_read16(&emulator_io.io, 0), 0x42);
    ck_assert_uint_eq(vdev_io_read32(&emulator_io.io, 4), 0x5A);
    ck_assert_uint_eq(failures, 0);
    ck_assert_uint_eq(after_calls, 3);
    ck_assert_uint_eq(emulator_io.reads, 2);
    ck_assert_uint_eq(emulator_io.writes, 1);
    ck_assert_uint_eq(virtual_clock.now, 150);
    vdev_io_write32(&emulator_io.io, 4, 1);
    ck_assert_uint_eq(failures, 1);
    configuration.fail = NULL;
    vdev_emulator_io_init(&emulator_io, &configuration);
    ck_assert_uint_eq(vdev_io_read16(&emulator_io.io, 0x0C), 0xFFFF);
    ck_assert_uint_ge(emulator_io.refused, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("script");
    TCase *tcase = tcase_create("script");

    tcase_add_test(tcase, right_accesses_pass_and_get_their_values);
    tcase_add_test(tcase, repeat_may_happen_often_or_never);
    tcase_add_test(tcase, repeat_with_a_bound_fails_beyond_it);
    tcase_add_test(tcase, wrong_value_names_the_register_and_what_was_due);
    tcase_add_test(tcase, another_register_width_or_direction_fails);
    tcase_add_test(tcase, access_beyond_the_end_fails);
    tcase_add_test(tcase, what_did_not_happen_fails_at_the_end);
    tcase_add_test(tcase, what_the_data_sheet_forbids_fails_though_the_script_has_it);
    tcase_add_test(tcase, next_script_needs_the_one_before_finished);
    tcase_add_test(tcase, long_message_is_cut_and_terminated);
    tcase_add_test(tcase, emulator_behind_io_gets_the_accesses);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
