/* SPDX-License-Identifier: BSD-2-Clause */
/* Record and replay: our own lines and QEMU's, and what cannot be read of them. */
#include "support/kit_device.h"

#include <stdio.h>

#include <vdev/drivers/pl011.h>
#include <vdev/emulators/pl011.h>
#include <vdev/io.h>
#include <vdev/status.h>
#include <vdev/testing/bench.h>
#include <vdev/testing/model.h>
#include <vdev/testing/script.h>
#include <vdev/testing/trace.h>

#define STEPS 16

static struct vdev_script_step steps[STEPS];
static size_t count;
static uint32_t line;
static char recorded[1024];

static int parse(const char *text, const struct vdev_trace_window *window)
{
    return vdev_trace_steps(text, strlen(text), window, "a.trace", steps, STEPS, &count, &line);
}

static void record(void *context, const char *text)
{
    (void)context;
    strcat(recorded, text);
    strcat(recorded, "\n");
}

static uint32_t drive(const struct vdev_io *io)
{
    vdev_io_write32(io, 0x0C, 0x05);
    vdev_io_write8(io, 0, 0x41);
    vdev_io_write8(io, 0, 0x41);
    uint32_t value = vdev_io_read32(io, 4);
    return value + vdev_io_read16(io, 0);
}

START_TEST(what_a_bench_records_replays)
{
    static uint32_t values[KIT_REGISTERS];
    static struct vdev_model model;
    static struct vdev_bench bench;
    static struct vdev_script script;

    kit_setup();
    vdev_model_init(&model, &kit_table, values, NULL, NULL, kit_note, NULL);
    vdev_bench_init(&bench, &(const struct vdev_bench_configuration){
                                .device = &model.io, .record = record, .fail = kit_note});
    uint32_t result = drive(&bench.io);
    ck_assert_str_eq(recorded,
                     "write 0x00C 4 0x00000005\nwrite 0x000 1 0x41\n"
                     "write 0x000 1 0x41\nread 0x004 4 0x00000001\nread 0x000 2 0x0041\n");
    ck_assert_int_eq(parse(recorded, NULL), VDEV_OK);
    ck_assert_uint_eq(count, 4);
    ck_assert_uint_eq(line, 5);
    vdev_script_init(&script, &kit_table, steps, count, NULL, kit_note, NULL);
    ck_assert_uint_eq(drive(&script.io), result);
    ck_assert(vdev_script_finish(&script));
    ck_assert_uint_eq(kit_failures, 0);

    /* Where a driver leaves the trace, the message has the trace's line. */
    vdev_script_init(&script, &kit_table, steps, count, NULL, kit_note, NULL);
    vdev_io_write32(&script.io, 0x0C, 0x05);
    vdev_io_write8(&script.io, 0, 0x42);
    kit_expect("[a.trace:2]");
}
END_TEST

START_TEST(numbers_comments_and_empty_lines_are_read)
{
    ck_assert_int_eq(
        parse("# all that is allowed\n\n  read 16 4 10\r\nwrite 0xAb 8 0xffffffffffffffff", NULL),
        VDEV_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(steps[0].offset, 16);
    ck_assert_uint_eq(steps[0].value, 10);
    ck_assert_uint_eq(steps[0].line, 3);
    ck_assert_uint_eq(steps[1].offset, 0xAB);
    ck_assert(steps[1].value == UINT64_MAX);
    ck_assert_int_eq(steps[1].kind, VDEV_SCRIPT_KIND_WRITE);
    ck_assert_int_eq(parse("", NULL), VDEV_OK);
    ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(lines_that_cannot_be_read_are_named)
{
    static const char *const wrong[] = {
        "raed 0x0 4 1",
        "read 0x0 4",
        "read 0x0 4 1 1",
        "read 0x0 3 1",
        "read 0x0 4 0x100000000",
        "read 0x100000000 4 1",
        "read 0x0 1 0x1FF",
        "read zero 4 1",
        "read 0x 4 1",
        "write 0x0 4 0x10000000000000000",
        "write 0x0 4 99999999999999999999",
        "write -1 4 0",
        "hello",
        "memory_region_ops_read cpu 0 mr 0x1 addr 0x1000 size 4 name 'x'",
        "memory_region_ops_read cpu 0 mr 0x1 addr 0x1000 value 0xzz size 4 name 'x'",
        "memory_region_ops_write cpu 0 mr 0x1 addr 0x1000 value 0x1 size 5 name 'x'",
    };
    static const struct vdev_trace_window window = {.address = 0x1000, .length = 0x1000};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[160];
        snprintf(text, sizeof text, "read 0x0 4 1\n%s\nread 0x0 4 2\n", wrong[i]);
        ck_assert_msg(parse(text, &window) == VDEV_ERROR_INVALID, "%s", wrong[i]);
        ck_assert_uint_eq(line, 2);
    }
}
END_TEST

START_TEST(only_accesses_equal_in_all_become_one_step)
{
    ck_assert_int_eq(parse("read 0 4 1\nread 0 2 1\nwrite 0 2 1\nread 4 2 1\nread 4 2 2\n", NULL),
                     VDEV_OK);
    ck_assert_uint_eq(count, 5);
    ck_assert_uint_eq(steps[1].width, 2);
    ck_assert_uint_eq(steps[4].times, 1);
}
END_TEST

START_TEST(qemu_lines_in_the_window_and_of_the_name_are_taken)
{
    static const char text[] =
        "memory_region_ops_read cpu 0 mr 0x55d0c0 addr 0x101f1018 value 0x90 size 4 name 'pl011'\n"
        "123@1700000000.123456:memory_region_ops_write cpu -1 mr 0x55d0c0 addr 0x101f1000 value "
        "0x41 size 1 name 'pl011'\n"
        "memory_region_ops_write cpu 0 mr 0x55d0c0 addr 0x101f1000 value 0x1 size 4 name 'other'\n"
        "memory_region_ops_write cpu 0 mr 0x55d0c0 addr 0x101f2000 value 0x1 size 4 name 'pl011'\n"
        "memory_region_ops_write cpu 0 mr 0x55d0c0 addr 0x101f0fff value 0x1 size 4 name 'pl011'\n"
        "pl011_irq_state irq state 0\n";
    static const struct vdev_trace_window window = {
        .address = 0x101f1000, .length = 0x1000, .name = "pl011"};
    struct vdev_trace_window any = {.address = 0x101f1000, .length = 0x1000};

    ck_assert_int_eq(parse(text, &window), VDEV_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(steps[0].offset, 0x18);
    ck_assert_uint_eq(steps[0].value, 0x90);
    ck_assert_int_eq(steps[0].kind, VDEV_SCRIPT_KIND_READ);
    ck_assert_uint_eq(steps[1].offset, 0);
    ck_assert_uint_eq(steps[1].width, 1);
    ck_assert_uint_eq(steps[1].line, 2);
    ck_assert_int_eq(parse(text, &any), VDEV_OK);
    ck_assert_uint_eq(count, 3);
    ck_assert_int_eq(parse(text, NULL), VDEV_OK);
    ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(too_long_a_trace_says_from_which_line_on)
{
    static const char text[] = "read 0 4 1\nread 0 4 1\nread 0 4 2\nread 0 4 3\n";

    ck_assert_int_eq(vdev_trace_steps(text, strlen(text), NULL, NULL, steps, 2, &count, &line),
                     VDEV_ERROR_FULL);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(line, 4);
    ck_assert_uint_eq(steps[0].times, 2);
}
END_TEST

/* A driver's accesses to QEMU's device, recorded there, are those that it makes here. */
START_TEST(driver_on_qemu_replays)
{
    static char text[8192];
    static struct vdev_script_step recording[64];
    static struct vdev_script script;
    static struct vdev_pl011 uart;
    static struct vdev_virtual_clock virtual_clock;
    static const struct vdev_trace_window window = {
        .address = 0x1C090000, .length = 0x1000, .name = "pl011"};
    FILE *file = fopen(TRACES "/pl011-qemu.trace", "r");

    ck_assert_ptr_nonnull(file);
    size_t length = fread(text, 1, sizeof text, file);
    fclose(file);
    ck_assert_uint_lt(length, sizeof text);
    ck_assert_int_eq(
        vdev_trace_steps(text, length, &window, "pl011-qemu.trace", recording, 64, &count, &line),
        VDEV_OK);
    ck_assert_uint_gt(count, 20);
    kit_setup();
    vdev_virtual_clock_init(&virtual_clock, 100, 100);
    vdev_script_init(&script, &vdev_pl011_registers, recording, count, &virtual_clock, kit_note,
                     NULL);
    ck_assert_int_eq(
        vdev_pl011_init(&uart,
                        &(const struct vdev_pl011_configuration){.io = &script.io,
                                                                 .clock = &virtual_clock.clock,
                                                                 .clock_hertz = 24000000}),
        VDEV_OK);
    ck_assert_uint_eq(vdev_console_write(&uart.console, (const uint8_t *)"mode svc\n", 9), 9);
    ck_assert_msg(vdev_script_finish(&script), "%s", kit_message);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("kit-trace");

    tcase_add_test(tcase, what_a_bench_records_replays);
    tcase_add_test(tcase, numbers_comments_and_empty_lines_are_read);
    tcase_add_test(tcase, lines_that_cannot_be_read_are_named);
    tcase_add_test(tcase, only_accesses_equal_in_all_become_one_step);
    tcase_add_test(tcase, qemu_lines_in_the_window_and_of_the_name_are_taken);
    tcase_add_test(tcase, too_long_a_trace_says_from_which_line_on);
    tcase_add_test(tcase, driver_on_qemu_replays);
    return kit_run(tcase, "kit-trace");
}
