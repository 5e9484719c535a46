/* SPDX-License-Identifier: BSD-2-Clause */
/* Models, the bench and interrupts: what goes wrong on purpose, and what a driver does wrong. */
#include "support/kit_device.h"

#include <vdev/io.h>
#include <vdev/testing/bench.h>
#include <vdev/testing/interrupts.h>
#include <vdev/testing/model.h>

static struct vdev_virtual_clock virtual_clock;
static uint32_t values[KIT_REGISTERS];
static struct vdev_model model;
static struct vdev_bench bench;
static struct vdev_interrupts interrupts;
static unsigned handled, happened;

static void setup(void)
{
    kit_setup();
    handled = happened = 0;
    vdev_virtual_clock_init(&virtual_clock, 1000, 100);
    vdev_model_init(&model, &kit_table, values, NULL, &virtual_clock, kit_note, NULL);
    vdev_interrupts_init(&interrupts, &virtual_clock, kit_note, NULL);
}

static void begin(struct vdev_event *events, size_t event_count, struct vdev_fault *faults,
                  size_t fault_count)
{
    vdev_bench_init(&bench, &(const struct vdev_bench_configuration){.device = &model.io,
                                                                     .table = &kit_table,
                                                                     .clock = &virtual_clock,
                                                                     .events = events,
                                                                     .event_count = event_count,
                                                                     .faults = faults,
                                                                     .fault_count = fault_count,
                                                                     .fail = kit_note});
}

static uint32_t get(uint32_t offset)
{
    return vdev_io_read32(&bench.io, offset);
}

static void put(uint32_t offset, uint32_t value)
{
    vdev_io_write32(&bench.io, offset, value);
}

/* ---- models ---- */

START_TEST(model_behaves_as_its_table)
{
    begin(NULL, 0, NULL, 0);
    put(0x0C, 0x12F);
    ck_assert_uint_eq(get(0x0C), 0x2F);
    ck_assert_uint_eq(VDEV_MODEL_GET(&model, "CONTROL"), 0x2F);
    ck_assert_uint_eq(VDEV_MODEL_GET_FIELD(&model, "CONTROL", "LENGTH"), 3);
    VDEV_MODEL_SET_FIELD(&model, "STATUS", "LEVEL", 0xA);
    ck_assert_uint_eq(get(4), 0xA1);
    VDEV_MODEL_SET(&model, "STATE", 0xFF);
    put(0x10, 0x0F);
    ck_assert_uint_eq(get(0x10), 0xF0);
    ck_assert_uint_eq(kit_failures, 0);
    ck_assert_uint_eq(virtual_clock.now, 500);
}
END_TEST

START_TEST(model_fails_what_the_data_sheet_forbids)
{
    vdev_io_read32(&model.io, 8);
    kit_expect("access 0, read CLEAR (0x008), 32 bits: 0x00000000: reads a write-only register");
    setup();
    vdev_io_write32(&model.io, 4, 1);
    kit_expect("writes a read-only register");
    setup();
    vdev_io_write32(&model.io, 8, 0x100);
    kit_expect("writes 1 to a reserved bit");
    setup();
    ck_assert_uint_eq(vdev_io_read32(&model.io, 0x1C), 0xFFFFFFFF);
    kit_expect("unmapped (0x01C)");
    setup();
    vdev_io_read32(&model.io, 0);
    vdev_io_read8(&model.io, 4);
    kit_expect("wrong width");
    kit_expect("\n    0: read DATA");
    setup();
    vdev_io_read64(&model.io, 0);
    kit_expect("wrong width");
}
END_TEST

START_TEST(model_says_wrong_names_at_the_line)
{
    VDEV_MODEL_GET(&model, "STATUSES");
    kit_expect("kit_bench.c:");
    kit_expect("wrong use of the model: the device has no register of this name: STATUSES");
    setup();
    VDEV_MODEL_SET_FIELD(&model, "STATUS", "ENABLE", 1);
    kit_expect("wrong use of the model: STATUS has no field of this name: ENABLE");
}
END_TEST

/* ---- events ---- */

static void happen(void *context)
{
    ck_assert_ptr_eq(context, &happened);
    happened++;
}

START_TEST(events_happen_once_after_accesses_or_at_a_time)
{
    struct vdev_event events[] = {
        {.after = 2, .line = &interrupts.lines[3], .level = true},
        {.at = 5000, .happen = happen, .context = &happened},
    };

    begin(events, 2, NULL, 0);
    get(4);
    ck_assert(!interrupts.lines[3].level);
    get(4);
    ck_assert(interrupts.lines[3].level);
    vdev_interrupt_set(&interrupts.lines[3], false);
    vdev_clock_delay(&virtual_clock.clock, 3000);
    ck_assert_uint_eq(happened, 0);
    vdev_clock_delay(&virtual_clock.clock, 2000);
    ck_assert_uint_eq(happened, 1);
    get(4);
    vdev_clock_delay(&virtual_clock.clock, 9000);
    ck_assert_uint_eq(happened, 1);
    ck_assert(!interrupts.lines[3].level);
}
END_TEST

START_TEST(two_benches_set_up_again_share_a_clock)
{
    static struct vdev_bench other;
    struct vdev_event events[] = {{.at = 5000, .happen = happen, .context = &happened}};
    struct vdev_event more[] = {{.at = 6000, .happen = happen, .context = &happened}};
    const struct vdev_bench_configuration configuration = {.device = &model.io,
                                                           .clock = &virtual_clock,
                                                           .events = more,
                                                           .event_count = 1,
                                                           .fail = kit_note};

    begin(NULL, 0, NULL, 0);
    vdev_bench_init(&other, &configuration);
    begin(NULL, 0, NULL, 0);
    vdev_bench_init(&other, &configuration);
    begin(events, 1, NULL, 0);
    vdev_virtual_clock_advance(&virtual_clock, 5500);
    ck_assert_uint_eq(happened, 1);
    vdev_virtual_clock_unwatch(&virtual_clock, &bench.watcher);
    begin(events, 1, NULL, 0);
    vdev_virtual_clock_advance(&virtual_clock, 1000);
    ck_assert_uint_eq(happened, 3);
    vdev_virtual_clock_unwatch(&virtual_clock, &bench.watcher);
    vdev_virtual_clock_unwatch(&virtual_clock, &other.watcher);
    ck_assert_ptr_null(virtual_clock.watchers);
    vdev_virtual_clock_unwatch(&virtual_clock, &other.watcher);
}
END_TEST

/* ---- waits ---- */

START_TEST(polling_for_ever_fails_with_what_it_waits_for)
{
    begin(NULL, 0, NULL, 0);
    get(0);
    kit_leaves = true;
    if (setjmp(kit_leave) == 0) {
        while ((get(4) & 1) != 0) {
        }
        ck_abort_msg("the loop ended");
    }
    kit_expect("the driver waits for ever for STATUS (0x004), which reads 0x00000001 BUSY=1: "
               "100000 reads in a row brought nothing new, for 10000 us of virtual time");
}
END_TEST

START_TEST(polling_two_registers_by_turns_is_waiting_too)
{
    begin(NULL, 0, NULL, 0);
    kit_leaves = true;
    if (setjmp(kit_leave) == 0) {
        while ((get(4) & 1) != 0 || get(0x0C) == 0) {
            get(0x0C);
        }
        ck_abort_msg("the loop ended");
    }
    kit_expect("waits for ever");
}
END_TEST

START_TEST(waiting_by_the_clock_for_ever_fails)
{
    begin(NULL, 0, NULL, 0);
    get(4);
    put(0, 1);
    virtual_clock.per_look = 1000000;
    kit_leaves = true;
    if (setjmp(kit_leave) == 0) {
        vdev_clock_delay(&virtual_clock.clock, UINT64_MAX);
        ck_abort_msg("the wait ended");
    }
    kit_expect("the driver waits for ever: 0 reads");
    kit_expect("1: write DATA");
}
END_TEST

START_TEST(progress_and_leaps_of_the_test_are_no_waits)
{
    begin(NULL, 0, NULL, 0);
    for (uint32_t i = 0; i < 300000; i++) {
        get(4);
        if (i % 90000 == 0) {
            put(0, i);
        }
    }
    vdev_virtual_clock_advance(&virtual_clock, VDEV_BENCH_NANOSECONDS * 3);
    get(4);
    get(0);
    ck_assert_uint_eq(kit_failures, 0);
}
END_TEST

/* ---- faults ---- */

START_TEST(stuck_bits_read_as_they_are_stuck)
{
    struct vdev_fault faults[] = {VDEV_FAULT_STUCK("STATUS", "FULL", ONE),
                                  VDEV_FAULT_STUCK("STATUS", "BUSY", ZERO),
                                  VDEV_FAULT(STUCK_ONE, .name = "DATA", .mask = 0x80000080)};

    begin(NULL, 0, faults, 3);
    ck_assert_uint_eq(get(4), 2);
    ck_assert_uint_eq(get(0), 0x80000080);
    ck_assert_uint_eq(vdev_io_read8(&bench.io, 0), 0x80);
    ck_assert_uint_eq(get(0x0C), 0);
    ck_assert_uint_eq(faults[0].struck, 1);
    ck_assert_uint_eq(faults[2].struck, 2);
}
END_TEST

START_TEST(faults_begin_and_end)
{
    struct vdev_fault faults[] = {
        VDEV_FAULT(STUCK_ONE, .name = "STATUS", .field = "FULL", .from = 1, .times = 2)};

    begin(NULL, 0, faults, 1);
    ck_assert_uint_eq(get(4), 1);
    ck_assert_uint_eq(get(4), 3);
    ck_assert_uint_eq(get(4), 3);
    ck_assert_uint_eq(get(4), 1);
}
END_TEST

START_TEST(absent_device_reads_all_ones_and_hears_nothing)
{
    struct vdev_fault faults[] = {VDEV_FAULT_ABSENT(2)};

    begin(NULL, 0, faults, 1);
    put(0x0C, 5);
    ck_assert_uint_eq(get(0x0C), 5);
    put(0x0C, 6);
    ck_assert_uint_eq(get(0x0C), 0xFFFFFFFF);
    ck_assert_uint_eq(vdev_io_read8(&bench.io, 0), 0xFF);
    ck_assert_uint_eq(VDEV_MODEL_GET(&model, "CONTROL"), 5);
    ck_assert_uint_eq(virtual_clock.now, 500);
}
END_TEST

START_TEST(lost_writes_leave_the_register)
{
    struct vdev_fault faults[] = {VDEV_FAULT(WRITES_LOST, .name = "CONTROL", .times = 1)};

    begin(NULL, 0, faults, 1);
    put(0, 7);
    put(0x0C, 5);
    ck_assert_uint_eq(get(0x0C), 0);
    put(0x0C, 6);
    ck_assert_uint_eq(get(0x0C), 6);
    ck_assert_uint_eq(get(0), 7);
}
END_TEST

START_TEST(transfer_errs_at_its_byte_until_acknowledged)
{
    struct vdev_fault faults[] = {VDEV_FAULT(TRANSFER, .name = "DATA", .bytes = 6,
                                             .status = "ERRORS", .field = "CRC",
                                             .interrupt = &interrupts.lines[1])};

    begin(NULL, 0, faults, 1);
    put(0, 1);
    ck_assert_uint_eq(get(0x10), 0);
    vdev_io_write8(&bench.io, 0, 1);
    ck_assert_uint_eq(get(0x10), 0);
    vdev_io_write8(&bench.io, 0, 1);
    ck_assert(interrupts.lines[1].level);
    ck_assert_uint_eq(get(0x10), 1);
    put(0x10, 0xFE);
    ck_assert_uint_eq(get(0x10), 1);
    put(0x10, 1);
    ck_assert_uint_eq(get(0x10), 0);
    ck_assert(!interrupts.lines[1].level);
    get(0);
    ck_assert_uint_eq(get(0x10), 0);
}
END_TEST

START_TEST(wrong_faults_are_said_at_their_line)
{
    struct vdev_fault name[] = {VDEV_FAULT_STUCK("STATUSES", "FULL", ONE)};
    struct vdev_fault field[] = {VDEV_FAULT_STUCK("STATUS", "EMPTY", ONE)};
    struct vdev_fault status[] = {VDEV_FAULT_AT_BYTE("DATA", 6, "ERROR", "CRC")};
    struct vdev_fault nameless[] = {VDEV_FAULT(WRITES_LOST, .times = 1)};

    begin(NULL, 0, name, 1);
    kit_expect("kit_bench.c:");
    kit_expect("wrong use of the bench: the device has no register of this name: STATUSES");
    setup();
    begin(NULL, 0, field, 1);
    kit_expect("STATUS has no field of this name: EMPTY");
    setup();
    begin(NULL, 0, status, 1);
    kit_expect("no register of this name: ERROR");
    setup();
    begin(NULL, 0, nameless, 1);
    kit_expect("needs its name");
    put(0x0C, 5);
    ck_assert_uint_eq(get(0x0C), 5);
}
END_TEST

/* ---- interrupts ---- */

static void handle(void *context)
{
    struct vdev_interrupt_line *line = context;
    handled++;
    if (line != NULL) {
        vdev_interrupt_set(line, false);
    }
}

static bool was_handled(void *context)
{
    (void)context;
    return handled != 0;
}

START_TEST(handlers_run_when_delivered_or_at_once)
{
    vdev_interrupts_connect(&interrupts, 3, handle, &interrupts.lines[3]);
    vdev_interrupt_set(&interrupts.lines[3], true);
    vdev_interrupt_set(&interrupts.lines[4], true);
    ck_assert_uint_eq(handled, 0);
    ck_assert_uint_eq(vdev_interrupts_deliver(&interrupts), 1);
    ck_assert_uint_eq(vdev_interrupts_deliver(&interrupts), 0);
    interrupts.immediate = true;
    vdev_interrupt_set(&interrupts.lines[3], true);
    ck_assert_uint_eq(handled, 2);
    ck_assert_uint_eq(interrupts.runs[3], 2);
    interrupts.enabled = 0;
    vdev_interrupt_set(&interrupts.lines[3], true);
    ck_assert_uint_eq(handled, 2);
}
END_TEST

START_TEST(interrupt_raised_by_an_event_ends_a_wait)
{
    struct vdev_event events[] = {{.at = 500000, .line = &interrupts.lines[3], .level = true}};

    begin(events, 1, NULL, 0);
    vdev_interrupts_connect(&interrupts, 3, handle, &interrupts.lines[3]);
    ck_assert(VDEV_INTERRUPTS_WAIT(&interrupts, was_handled, NULL, 1000000));
    ck_assert_uint_ge(virtual_clock.now, 500000);
    ck_assert_uint_lt(virtual_clock.now, 502000);
}
END_TEST

START_TEST(lost_interrupt_fails_the_wait_with_what_it_was_for)
{
    vdev_interrupts_connect(&interrupts, 3, handle, &interrupts.lines[3]);
    interrupts.lose[3] = 1;
    vdev_interrupt_set(&interrupts.lines[3], true);
    ck_assert(!VDEV_INTERRUPTS_WAIT(&interrupts, was_handled, NULL, 1000000));
    kit_expect("kit_bench.c:");
    kit_expect("waited 1000000 ns of virtual time for was_handled");
    kit_expect("holds high: 3 (lost)");
    vdev_interrupt_set(&interrupts.lines[3], false);
    vdev_interrupt_set(&interrupts.lines[3], true);
    ck_assert_uint_eq(vdev_interrupts_deliver(&interrupts), 1);
}
END_TEST

static void handle_by_access(void *context)
{
    handle(context);
    put(0, 0x77);
}

/* The access that was under way is over when a handler makes its own. */
START_TEST(handler_at_once_comes_between_two_accesses)
{
    struct vdev_event events[] = {{.at = 150, .line = &interrupts.lines[3], .level = true}};

    begin(events, 1, NULL, 0);
    vdev_interrupts_connect(&interrupts, 3, handle_by_access, &interrupts.lines[3]);
    interrupts.immediate = true;
    put(0, 1);
    put(0, 2);
    ck_assert_uint_eq(handled, 1);
    ck_assert_uint_eq(get(0), 0x77);
    ck_assert_uint_eq(bench.history.count, 4);
    ck_assert_uint_eq(bench.history.access[1].value, 2);
    ck_assert_uint_eq(bench.history.access[2].value, 0x77);
}
END_TEST

START_TEST(storm_and_handler_that_forgets_fail)
{
    vdev_interrupts_connect(&interrupts, 3, handle, NULL);
    vdev_interrupt_set(&interrupts.lines[3], true);
    vdev_interrupts_deliver(&interrupts);
    kit_expect("interrupt storm: line 3 is still high after 1000 runs of its handler");
    ck_assert_uint_eq(handled, 1000);
    setup();
    vdev_interrupts_connect(&interrupts, 5, handle, &interrupts.lines[5]);
    interrupts.stuck = 1u << 5;
    vdev_interrupts_deliver(&interrupts);
    kit_expect("interrupt storm: line 5");
}
END_TEST

START_TEST(spurious_interrupt_runs_the_handler_without_a_line)
{
    vdev_interrupts_connect(&interrupts, 3, handle, &interrupts.lines[3]);
    vdev_interrupts_spurious(&interrupts, 3);
    ck_assert_uint_eq(handled, 1);
    ck_assert(!interrupts.lines[3].level);
    vdev_interrupts_spurious(&interrupts, 4);
    kit_expect("the line has no handler");
    setup();
    vdev_interrupts_connect(&interrupts, 32, handle, NULL);
    kit_expect("no line of that number");
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("kit-bench");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, model_behaves_as_its_table);
    tcase_add_test(tcase, model_fails_what_the_data_sheet_forbids);
    tcase_add_test(tcase, model_says_wrong_names_at_the_line);
    tcase_add_test(tcase, events_happen_once_after_accesses_or_at_a_time);
    tcase_add_test(tcase, two_benches_set_up_again_share_a_clock);
    tcase_add_test(tcase, polling_for_ever_fails_with_what_it_waits_for);
    tcase_add_test(tcase, polling_two_registers_by_turns_is_waiting_too);
    tcase_add_test(tcase, waiting_by_the_clock_for_ever_fails);
    tcase_add_test(tcase, progress_and_leaps_of_the_test_are_no_waits);
    tcase_add_test(tcase, stuck_bits_read_as_they_are_stuck);
    tcase_add_test(tcase, faults_begin_and_end);
    tcase_add_test(tcase, absent_device_reads_all_ones_and_hears_nothing);
    tcase_add_test(tcase, lost_writes_leave_the_register);
    tcase_add_test(tcase, transfer_errs_at_its_byte_until_acknowledged);
    tcase_add_test(tcase, wrong_faults_are_said_at_their_line);
    tcase_add_test(tcase, handlers_run_when_delivered_or_at_once);
    tcase_add_test(tcase, interrupt_raised_by_an_event_ends_a_wait);
    tcase_add_test(tcase, lost_interrupt_fails_the_wait_with_what_it_was_for);
    tcase_add_test(tcase, handler_at_once_comes_between_two_accesses);
    tcase_add_test(tcase, storm_and_handler_that_forgets_fail);
    tcase_add_test(tcase, spurious_interrupt_runs_the_handler_without_a_line);
    return kit_run(tcase, "kit-bench");
}
