/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scripts by names and fields: what they let pass, what they say of a wrong access, and what of
 * wrong use. The steps by offset are tests/script.c's.
 */
#include "support/kit_device.h"

#include <stdio.h>
#include <stdlib.h>

#include <vdev/io.h>
#include <vdev/testing/script.h>

static struct vdev_script script;
static struct vdev_virtual_clock virtual_clock;

static void begin(const struct vdev_script_step *steps, size_t count)
{
    kit_setup();
    vdev_virtual_clock_init(&virtual_clock, 10, 100);
    vdev_script_init(&script, &kit_table, steps, count, &virtual_clock, kit_note, NULL);
}

#define BEGIN(...)                                                                                 \
    static const struct vdev_script_step steps[] = {__VA_ARGS__};                                  \
    begin(steps, sizeof steps / sizeof steps[0])

static uint32_t get(uint32_t offset)
{
    return vdev_io_read32(&script.io, offset);
}

static void put(uint32_t offset, uint32_t value)
{
    vdev_io_write32(&script.io, offset, value);
}

START_TEST(names_and_fields_stand_for_offsets_and_bits)
{
    BEGIN(VDEV_SCRIPT_WRITE_FIELDS("CONTROL", {"ENABLE", 1}, {"LENGTH", 2}),
          VDEV_SCRIPT_READ_FIELDS("STATUS", {"FULL", 1}, {"LEVEL", 5}),
          VDEV_SCRIPT_READ("STATE", 3), VDEV_SCRIPT_WRITE_BITS("DATA", 0x40, 0xF0),
          VDEV_SCRIPT_READS("DATA", 9, 2));

    put(0x0C, 0x05);
    ck_assert_uint_eq(get(0x04), 0x52);
    ck_assert_uint_eq(get(0x10), 3);
    vdev_io_write8(&script.io, 0, 0x4A);
    ck_assert_uint_eq(vdev_io_read16(&script.io, 0), 9);
    ck_assert_uint_eq(get(0), 9);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(wrong_field_is_named_with_both_values)
{
    BEGIN(VDEV_SCRIPT_WRITE_FIELDS("CONTROL", {"ENABLE", 1}, {"LENGTH", 2}));

    put(0x0C, 0x07);
    kit_expect("write CONTROL (0x00C), 32 bits: 0x00000007 ENABLE=1 LENGTH=3: "
               "another value was expected; LENGTH is 3, not 2");
    kit_expect("step 0: write CONTROL (0x00C): 0x00000005 ENABLE=1 LENGTH=2 [");
    kit_expect("kit_script.c:");
}
END_TEST

START_TEST(all_other_bits_of_a_write_by_fields_are_zero)
{
    BEGIN(VDEV_SCRIPT_WRITE_FIELDS("CONTROL", {"ENABLE", 1}));

    put(0x0C, 0x81);
    kit_expect("another value was expected");
}
END_TEST

START_TEST(modify_wants_the_read_first_and_the_other_bits_kept)
{
    BEGIN(VDEV_SCRIPT_MODIFY("CONTROL", 0xA0, 0x01, 0x01));

    put(0x0C, 0xA0 | 1);
    kit_expect("a read was expected");
    begin(steps, 1);
    ck_assert_uint_eq(get(0x0C), 0xA0);
    put(0x0C, 0xA1);
    ck_assert(vdev_script_finish(&script));
    begin(steps, 1);
    get(0x0C);
    put(0x0C, 0x01);
    kit_expect("another value was expected");
    kit_expect("write CONTROL (0x00C): 0x000000A1 ENABLE=1");
    begin(steps, 1);
    get(0x0C);
    ck_assert(!vdev_script_finish(&script));
    kit_expect("left off");
}
END_TEST

START_TEST(until_counts_and_wants_the_last_read)
{
    BEGIN(VDEV_SCRIPT_UNTIL("STATUS", 1, 2, 0), VDEV_SCRIPT_WRITE("DATA", 7));

    ck_assert_uint_eq(get(4), 1);
    ck_assert_uint_eq(get(4), 1);
    ck_assert_uint_eq(get(4), 0);
    put(0, 7);
    ck_assert(vdev_script_finish(&script));
    begin(steps, 2);
    get(4);
    put(0, 7);
    kit_expect("a read was expected");
    kit_expect("read STATUS (0x004): 0x00000001 BUSY=1, until it is 0x00000000");
}
END_TEST

START_TEST(until_a_time_ends_by_the_clock)
{
    BEGIN(VDEV_SCRIPT_UNTIL_TIME("STATUS", 1, 1000, 2));

    unsigned reads = 1;
    while (get(4) == 1) {
        reads++;
    }
    ck_assert_uint_eq(reads, 11);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(delay_holds_the_driver_to_its_wait)
{
    BEGIN(VDEV_SCRIPT_WRITE("DATA", 1), VDEV_SCRIPT_DELAY(1000), VDEV_SCRIPT_WRITE("DATA", 2),
          VDEV_SCRIPT_DELAY(50));

    put(0, 1);
    vdev_clock_delay(&virtual_clock.clock, 1000);
    put(0, 2);
    ck_assert(!vdev_script_finish(&script));
    kit_expect("left off");
    begin(steps, 4);
    put(0, 1);
    vdev_clock_delay(&virtual_clock.clock, 900);
    put(0, 2);
    kit_expect("it comes too early");
    kit_expect("nothing for 1000 ns");
}
END_TEST

START_TEST(free_order_takes_any_order_and_all_of_it)
{
    BEGIN(VDEV_SCRIPT_FREE, VDEV_SCRIPT_WRITE("MASK0", 1), VDEV_SCRIPT_MODIFY("CONTROL", 0, 1, 1),
          VDEV_SCRIPT_READS("STATUS", 0, 2), VDEV_SCRIPT_REPEAT("DATA", 4, 0), VDEV_SCRIPT_END,
          VDEV_SCRIPT_WRITE("DATA", 9));

    get(4);
    get(0x0C);
    put(0x0C, 1);
    ck_assert_uint_eq(get(0), 4);
    put(0x14, 1);
    get(4);
    ck_assert_uint_eq(get(0), 4);
    put(0, 9);
    ck_assert(vdev_script_finish(&script));

    begin(steps, 7);
    put(0x14, 1);
    put(0, 9);
    kit_expect("expected next: in any order");
    kit_expect("step 2: read CONTROL");
    kit_expect("step 3: read STATUS");
    ck_assert(strstr(kit_message, "step 1:") == NULL);

    begin(steps, 7);
    put(0x14, 2);
    kit_expect("write MASK0 (0x014), 32 bits: 0x00000002: another value was expected");

    begin(steps, 7);
    get(0x0C);
    get(4);
    kit_expect("a write was expected");

    begin(steps, 5);
    kit_expect("the free order has no end");
    begin(steps, 6);
    put(0x14, 1);
    ck_assert(!vdev_script_finish(&script));
    begin(steps, 6);
    put(0x14, 1);
    get(0x0C);
    put(0x0C, 1);
    get(4);
    get(4);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(steps_can_be_expected_one_by_one)
{
    struct vdev_script_step room[2];
    char place[64];

    kit_setup();
    vdev_script_init_empty(&script, &kit_table, room, 2, NULL, kit_note, NULL);
    VDEV_EXPECT(&script, VDEV_SCRIPT_WRITE_FIELDS("CONTROL", {"ENABLE", 1}, {"LENGTH", 1}));
    VDEV_EXPECT(&script, VDEV_SCRIPT_READ("STATUS", 2));
    put(0x0C, 3);
    ck_assert_uint_eq(get(4), 2);
    ck_assert(vdev_script_finish(&script));
    /* Played steps leave their room. */
    VDEV_EXPECT(&script, VDEV_SCRIPT_READ("STATUS", 1));
    VDEV_EXPECT(&script, VDEV_SCRIPT_READ("STATUS", 3));
    get(4);
    get(4);
    ck_assert(vdev_script_finish(&script));
    VDEV_EXPECT(&script, VDEV_SCRIPT_READ("STATUS", 1));
    VDEV_EXPECT(&script, VDEV_SCRIPT_READ("STATUS", 1));
    VDEV_EXPECT(&script, VDEV_SCRIPT_READ("STATUS", 1)); /* line of the message */
    snprintf(place, sizeof place, "kit_script.c:%d: wrong use of the script: no room",
             __LINE__ - 2);
    kit_expect(place);
}
END_TEST

/* Each is wrong use, and the message says which, at the line of the step. */
START_TEST(wrong_use_is_said_at_its_line)
{
#define WRONG(step, message)                                                                       \
    {                                                                                              \
        step, message, __LINE__                                                                    \
    }
    static const struct {
        struct vdev_script_step step;
        const char *message;
        unsigned line;
    } wrong[] = {
        WRONG(VDEV_SCRIPT_READ("STATSU", 1), "the device has no register of this name: STATSU"),
        WRONG(VDEV_SCRIPT_READ("STAT", 1), "the device has no register of this name: STAT"),
        WRONG(VDEV_SCRIPT_READ32(0x1C, 1), "an expectation outside the device's registers: 0x01C"),
        WRONG(VDEV_SCRIPT_WRITE32(0x2000, 1), "outside the device's registers: 0x2000"),
        WRONG(VDEV_SCRIPT_READ("CLEAR", 1), "expects to read a write-only register: CLEAR"),
        WRONG(VDEV_SCRIPT_WRITE("STATUS", 1), "expects to write a read-only register: STATUS"),
        WRONG(VDEV_SCRIPT_MODIFY("STATUS", 1, 1, 1), "expects to write a read-only register"),
        WRONG(VDEV_SCRIPT_READ_FIELDS("STATUS", {"BUZY", 1}),
              "STATUS has no field of this name: BUZY"),
        WRONG(VDEV_SCRIPT_WRITE_FIELDS("CONTROL", {"BUSY", 1}),
              "CONTROL has no field of this name: BUSY"),
        WRONG(VDEV_SCRIPT_WRITE_FIELDS("CONTROL", {"LENGTH", 4}),
              "a value that the field cannot hold: LENGTH"),
        WRONG(VDEV_SCRIPT_WRITE("DATA", 0x100000000), "a value that does not fit"),
        WRONG(VDEV_SCRIPT_STEP(READ, .width = 2, .offset = 4), "a width that the register"),
        WRONG(VDEV_SCRIPT_STEP(READ, .width = 3, .offset = 0), "no width of a register"),
        WRONG(VDEV_SCRIPT_END, "the end of a free order that was not begun"),
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char place[160];
        begin(&wrong[i].step, 1);
        kit_expect(wrong[i].message);
        /* A macro of several lines has the line of one of them, by the compiler. */
        snprintf(place, sizeof place,
                 "kit_script.c:%u: wrong use of the script: ", wrong[i].step.line);
        kit_expect(place);
        ck_assert_uint_le(wrong[i].step.line - wrong[i].line + 1, 2);
        /* Afterwards nothing is compared, and it is not said twice. */
        get(0x14);
        ck_assert(!vdev_script_finish(&script));
        ck_assert_uint_eq(kit_failures, 1);
    }
}
END_TEST

START_TEST(wrong_use_inside_a_free_order_and_without_clock_or_table)
{
    static const struct vdev_script_step nested[] = {VDEV_SCRIPT_FREE, VDEV_SCRIPT_FREE};
    static const struct vdev_script_step timed[] = {VDEV_SCRIPT_FREE, VDEV_SCRIPT_DELAY(1)};
    static const struct vdev_script_step named[] = {VDEV_SCRIPT_READ("STATUS", 1)};
    struct vdev_script_step many[VDEV_SCRIPT_GROUP + 3] = {VDEV_SCRIPT_FREE};

    begin(nested, 2);
    kit_expect("not possible where the order is free");
    begin(timed, 2);
    kit_expect("not possible where the order is free");
    kit_setup();
    vdev_script_init(&script, &kit_table, timed + 1, 1, NULL, kit_note, NULL);
    kit_expect("needs a clock");
    kit_setup();
    vdev_script_init(&script, NULL, named, 1, NULL, kit_note, NULL);
    kit_expect("need the script's table");

    for (size_t i = 1; i < VDEV_SCRIPT_GROUP + 2; i++) {
        many[i] = (struct vdev_script_step)VDEV_SCRIPT_READ("DATA", i);
    }
    many[VDEV_SCRIPT_GROUP + 2] = (struct vdev_script_step)VDEV_SCRIPT_END;
    begin(many, VDEV_SCRIPT_GROUP + 3);
    kit_expect("more steps than a free order can have");
    many[VDEV_SCRIPT_GROUP + 1] = (struct vdev_script_step)VDEV_SCRIPT_END;
    begin(many, VDEV_SCRIPT_GROUP + 2);
    ck_assert_uint_eq(kit_failures, 0);
    for (size_t i = 0; i < VDEV_SCRIPT_GROUP; i++) {
        ck_assert_uint_eq(get(0), i + 1);
    }
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(wide_registers_need_no_table)
{
    static const struct vdev_script_step steps[] = {
        VDEV_SCRIPT_STEP(READ, .width = 8, .offset = 8, .value = 0x123456789ABCDEF0),
        VDEV_SCRIPT_STEP(WRITE, .width = 8, .offset = 8, .value = 0xF000000000000001,
                         .mask = UINT64_MAX),
    };

    kit_setup();
    vdev_script_init(&script, NULL, steps, 2, NULL, kit_note, NULL);
    ck_assert(vdev_io_read64(&script.io, 8) == 0x123456789ABCDEF0);
    vdev_io_write64(&script.io, 8, 0xE000000000000001);
    kit_expect("write 0x008, 64 bits: 0xE000000000000001: another value was expected");
}
END_TEST

/* Without a framework a failure ends the program, and not well. */
START_TEST(alone_a_failure_ends_the_program)
{
    static const struct vdev_script_step steps[] = {VDEV_SCRIPT_READ("STATUS", 1)};

    vdev_script_init(&script, &kit_table, steps, 1, NULL, NULL, NULL);
    ck_assert_uint_eq(get(4), 1);
    put(0, 1);
    ck_abort_msg("the program went on");
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("kit-script");

    tcase_add_test(tcase, names_and_fields_stand_for_offsets_and_bits);
    tcase_add_test(tcase, wrong_field_is_named_with_both_values);
    tcase_add_test(tcase, all_other_bits_of_a_write_by_fields_are_zero);
    tcase_add_test(tcase, modify_wants_the_read_first_and_the_other_bits_kept);
    tcase_add_test(tcase, until_counts_and_wants_the_last_read);
    tcase_add_test(tcase, until_a_time_ends_by_the_clock);
    tcase_add_test(tcase, delay_holds_the_driver_to_its_wait);
    tcase_add_test(tcase, free_order_takes_any_order_and_all_of_it);
    tcase_add_test(tcase, steps_can_be_expected_one_by_one);
    tcase_add_test(tcase, wrong_use_is_said_at_its_line);
    tcase_add_test(tcase, wrong_use_inside_a_free_order_and_without_clock_or_table);
    tcase_add_test(tcase, wide_registers_need_no_table);
    tcase_add_exit_test(tcase, alone_a_failure_ends_the_program, EXIT_FAILURE);
    return kit_run(tcase, "kit-script");
}
