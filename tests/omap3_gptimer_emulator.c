/* SPDX-License-Identifier: BSD-2-Clause */
/* The OMAP3530 timers' emulator, and the 32 kHz counter's: counting, interrupts, posted writes. */
#include <vdev/emulators/omap3_gptimer.h>
#include <vdev/testing/clock.h>

#include "support/omap3_guest.h"

enum {
    TIOCP_CFG = 0x10,
    TISTAT = 0x14,
    TISR = 0x18,
    TIER = 0x1C,
    TWER = 0x20,
    TCLR = 0x24,
    TCRR = 0x28,
    TLDR = 0x2C,
    TTGR = 0x30,
    TWPS = 0x34,
    TMAR = 0x38,
    TSICR = 0x40,
    TPIR = 0x48,
    TOWR = 0x58,
};
enum { ST = 1, AR = 2, PRE = 1 << 5, CE = 1 << 6 };
enum { MATCH = 1, OVERFLOW = 2 };
#define SECOND 1000000000ull

static struct vdev_omap3_gptimer_emulator timer;
static struct vdev_virtual_clock clock;
static struct vdev_interrupt_line line;
static uint64_t deadline;
static unsigned rearms;

static void rearm(void *owner, uint64_t when)
{
    ck_assert_ptr_eq(owner, &rearms);
    deadline = when;
    rearms++;
}

static void begin(uint32_t hertz, bool millisecond)
{
    struct vdev_omap3_gptimer_emulator_configuration configuration = {
        .clock = &clock.clock,
        .hertz = hertz,
        .millisecond = millisecond,
        .interrupt = &line,
        .rearm = rearm,
        .owner = &rearms,
    };
    vdev_virtual_clock_init(&clock, 0, 0);
    clock.now = 12345; /* any start is good */
    line = (struct vdev_interrupt_line){0};
    deadline = VDEV_OMAP3_GPTIMER_NEVER;
    rearms = 0;
    memset(&timer, 0xA5, sizeof timer);
    ck_assert_int_eq(vdev_omap3_gptimer_emulator_init(&timer, &configuration), VDEV_OK);
    omap3_guest(vdev_omap3_gptimer_emulator_access, &timer,
                millisecond ? &vdev_omap3_gptimer_millisecond_registers
                            : &vdev_omap3_gptimer_registers);
}

static void setup(void)
{
    begin(VDEV_OMAP3_GPTIMER_SYSTEM_HERTZ, false);
}

static void setup_millisecond(void)
{
    begin(VDEV_OMAP3_GPTIMER_SYSTEM_HERTZ, true);
}

static void pass(uint64_t nanoseconds)
{
    vdev_virtual_clock_advance(&clock, nanoseconds);
}

#define COMMON_EXPECTED                                                                            \
    {0x00, 0x13, 0}, {TIOCP_CFG, 0, 0x33D}, {TISTAT, 1, 0}, {TISR, 0, 0}, {TIER, 0, 7},            \
        {TWER, 0, 7}, {TCLR, 0, 0x7FFE}, {TCRR, 0, ~0u}, {TLDR, 0, ~0u}, {TTGR, ~0u, 0},           \
        {TWPS, 0, 0}, {TMAR, 0, ~0u}, {0x3C, 0, 0}, {TSICR, 4, 4},                                 \
    {                                                                                              \
        0x44, 0, 0                                                                                 \
    }

START_TEST(registers_reset_and_keep_their_bits)
{
    static const struct omap3_register common[] = {COMMON_EXPECTED};
    static const struct omap3_register millisecond[] = {COMMON_EXPECTED,     {TPIR, 0, ~0u},
                                                        {0x4C, 0, ~0u},      {0x50, 0, ~0u},
                                                        {0x54, 0, 0xFFFFFF}, {TOWR, 0, 0xFFFFFF}};

    omap3_check_registers(common, sizeof common / sizeof common[0], setup);
    omap3_check_registers(millisecond, sizeof millisecond / sizeof millisecond[0],
                          setup_millisecond);
}
END_TEST

START_TEST(hostile_places_and_widths_are_refused)
{
    setup();
    for (uint32_t offset = 0; offset < 0x60; offset++) {
        bool there = vdev_registers_find(&vdev_omap3_gptimer_registers, offset) != NULL;
        for (unsigned width = 0; width < 256; width++) {
            struct vdev_access access = {.offset = offset, .width = (uint8_t)width};
            bool good =
                there && ((width == 4 && offset % 4 == 0) || (width == 2 && offset % 2 == 0));
            int status = vdev_omap3_gptimer_emulator_access(&timer, &access);
            ck_assert_msg((status == VDEV_OK) == good, "offset %#x width %u", offset, width);
        }
    }
    struct vdev_access far = {.offset = 0xFFFFFFFE, .width = 2, .write = true};
    ck_assert_int_eq(vdev_omap3_gptimer_emulator_access(&timer, &far), VDEV_ERROR_RANGE);
    far = (struct vdev_access){.offset = TPIR, .width = 4};
    ck_assert_int_eq(vdev_omap3_gptimer_emulator_access(&timer, &far), VDEV_ERROR_RANGE);
}
END_TEST

START_TEST(counts_by_the_clock_when_started)
{
    setup();
    pass(SECOND);
    ck_assert_uint_eq(get(TCRR), 0);
    put(TCLR, ST);
    pass(SECOND);
    ck_assert_uint_eq(get(TCRR), 13000000);
    put(TCLR, 0);
    pass(SECOND);
    ck_assert_uint_eq(get(TCRR), 13000000);
    put(TCLR, ST);
    for (unsigned i = 0; i < 1000; i++) {
        pass(SECOND / 1000); /* many small looks are one large one */
        get(TCRR);
    }
    ck_assert_uint_eq(get(TCRR), 26000000);
    put(TCRR, 5);
    ck_assert_uint_eq(get(TCRR), 5);
}
END_TEST

START_TEST(the_prescaler_divides)
{
    for (unsigned ptv = 0; ptv < 8; ptv++) {
        setup();
        put(TCLR, ST | PRE | ptv << 2);
        pass(SECOND);
        ck_assert_uint_eq(get(TCRR), 13000000 >> (ptv + 1));
    }
    /* Half a count of the old prescaler is nothing to the new one. */
    put(TCRR, 0);
    pass(255 * SECOND / 13000000);
    put(TCLR, ST);
    ck_assert_uint_eq(get(TCRR), 0);
}
END_TEST

START_TEST(one_shot_stops_at_its_overflow)
{
    setup();
    put(TIER, OVERFLOW);
    put(TCRR, (uint32_t)-13000);
    put(TCLR, ST);
    ck_assert_uint_eq(rearms, 1);
    ck_assert_uint_ge(deadline, clock.now + 1000000);
    ck_assert_uint_le(deadline, clock.now + 1000000 + 77);
    pass(999999);
    ck_assert_uint_eq(vdev_omap3_gptimer_emulator_poll(&timer), deadline);
    ck_assert(!line.level);
    clock.now = deadline;
    ck_assert_uint_eq(vdev_omap3_gptimer_emulator_poll(&timer), VDEV_OMAP3_GPTIMER_NEVER);
    ck_assert(line.level);
    ck_assert_uint_eq(get(TISR), OVERFLOW);
    ck_assert_uint_eq(get(TCLR), 0);
    ck_assert_uint_eq(get(TCRR), 0);
    put(TISR, OVERFLOW);
    ck_assert(!line.level);
    pass(SECOND);
    ck_assert_uint_eq(get(TISR), 0);
}
END_TEST

START_TEST(auto_reload_ticks_at_every_deadline)
{
    setup();
    put(TIER, OVERFLOW);
    put(TLDR, (uint32_t)-13000);
    put(TTGR, 1);
    ck_assert_uint_eq(get(TCRR), (uint32_t)-13000);
    uint64_t start = clock.now;
    put(TCLR, ST | AR);
    for (unsigned tick = 1; tick <= 1000; tick++) {
        clock.now = vdev_omap3_gptimer_emulator_poll(&timer);
        vdev_omap3_gptimer_emulator_poll(&timer);
        ck_assert_msg(line.level, "tick %u did not come", tick);
        put(TISR, OVERFLOW);
        ck_assert(!line.level);
    }
    /* No drift: each deadline is late by less than a tick, and not by all before it. */
    ck_assert_uint_ge(clock.now, start + SECOND);
    ck_assert_uint_le(clock.now, start + SECOND + 100);
}
END_TEST

START_TEST(overflows_that_nobody_saw_are_one)
{
    setup();
    put(TLDR, (uint32_t)-1000);
    put(TCRR, (uint32_t)-500);
    put(TCLR, ST | AR);
    pass(SECOND); /* 500, then 12999 times 1000, then 500 */
    ck_assert_uint_eq(get(TCRR), (uint32_t)-500);
    ck_assert_uint_eq(get(TISR), OVERFLOW);
    ck_assert(!line.level);
    put(TIER, OVERFLOW);
    ck_assert(line.level);
    put(TISR, OVERFLOW);
    ck_assert_uint_eq(get(TISR), 0);
    /* An overflow with every count is not forbidden to be asked for. */
    put(TLDR, ~0u);
    put(TTGR, 0);
    pass(SECOND);
    ck_assert_uint_eq(get(TCRR), ~0u);
    ck_assert_uint_eq(get(TISR), OVERFLOW);
}
END_TEST

START_TEST(a_match_is_told_when_compared)
{
    setup();
    put(TMAR, 26000);
    put(TCLR, ST);
    pass(SECOND);
    ck_assert_uint_eq(get(TISR), 0);
    put(TCRR, 0);
    put(TIER, MATCH);
    put(TCLR, ST | CE);
    ck_assert_uint_ge(deadline, clock.now + 2000000);
    ck_assert_uint_le(deadline, clock.now + 2000000 + 77);
    clock.now = deadline;
    vdev_omap3_gptimer_emulator_poll(&timer);
    ck_assert(line.level);
    ck_assert_uint_eq(get(TISR), MATCH);
    put(TISR, MATCH);
    pass(SECOND);
    ck_assert_uint_eq(get(TISR), 0);
    /* After an overflow, and when the round was missed. */
    put(TLDR, 1000);
    put(TMAR, 1500);
    put(TCRR, (uint32_t)-10);
    put(TCLR, ST | AR | CE);
    pass(509 * SECOND / 13000000);
    ck_assert_uint_eq(get(TISR), OVERFLOW);
    pass(2 * SECOND / 13000000);
    ck_assert_uint_eq(get(TISR), OVERFLOW | MATCH);
    put(TISR, OVERFLOW | MATCH);
    pass(400 * SECOND);
    ck_assert_uint_eq(get(TISR), OVERFLOW | MATCH);
    put(TCLR, ST | AR); /* not compared: no match, however many rounds */
    put(TISR, OVERFLOW | MATCH);
    pass(1000 * SECOND);
    ck_assert_uint_eq(get(TISR), OVERFLOW);
    put(TMAR, 999); /* below the reload: never reached */
    put(TCLR, ST | AR | CE);
    put(TISR, OVERFLOW | MATCH);
    pass(1000 * SECOND);
    ck_assert_uint_eq(get(TISR), OVERFLOW);
}
END_TEST

START_TEST(a_match_with_the_reload_comes_with_the_overflow)
{
    begin(1000000, false);
    put(TLDR, (uint32_t)-100);
    put(TMAR, (uint32_t)-100);
    put(TCRR, (uint32_t)-50);
    put(TCLR, ST | AR | CE);
    pass(49500);
    ck_assert_uint_eq(get(TISR), 0);
    pass(1000);
    ck_assert_uint_eq(get(TISR), OVERFLOW | MATCH);
    ck_assert_uint_eq(get(TCRR), (uint32_t)-100);
    put(TISR, OVERFLOW | MATCH);
    /* Exactly one round later, unseen in between, and two: each count is reached, none passed. */
    pass(150000);
    ck_assert_uint_eq(get(TCRR), (uint32_t)-50);
    put(TISR, OVERFLOW | MATCH);
    pass(150000);
    ck_assert_uint_eq(get(TCRR), (uint32_t)-100);
    ck_assert_uint_eq(get(TISR), OVERFLOW | MATCH);
    put(TMAR, (uint32_t)-1);
    put(TISR, OVERFLOW | MATCH);
    pass(200000);
    ck_assert_uint_eq(get(TCRR), (uint32_t)-100);
    ck_assert_uint_eq(get(TISR), OVERFLOW | MATCH);
}
END_TEST

START_TEST(posted_writes_show_for_three_cycles)
{
    begin(32768, true);
    put(TCLR, 0);
    ck_assert_uint_eq(get(TWPS), 0x001);
    put(TCRR, 0);
    put(TLDR, 0);
    put(TTGR, 0);
    put(TMAR, 0);
    put(TPIR, 0);
    put(TOWR, 0);
    ck_assert_uint_eq(get(TWPS), 0x23F);
    pass(60000);
    ck_assert_uint_eq(get(TWPS), 0x23F);
    pass(60000);
    ck_assert_uint_eq(get(TWPS), 0);
    put(TMAR, 0);
    ck_assert_uint_eq(get(TWPS), 0x10);
    put(TSICR, 0);
    pass(SECOND);
    put(TMAR, 0);
    ck_assert_uint_eq(get(TWPS), 0);
    put(TIER, 1);
    put(TISR, 7);
    ck_assert_uint_eq(get(TWPS), 0);
}
END_TEST

START_TEST(halves_go_low_then_high)
{
    setup();
    put_as(TLDR, 2, 0x5678);
    ck_assert_uint_eq(get(TLDR), 0);
    put_as(TLDR + 2, 2, 0x1234);
    ck_assert_uint_eq(get(TLDR), 0x12345678);
    put(TCRR, 0x1FFFF);
    put(TCLR, ST);
    ck_assert_uint_eq(get_as(TCRR, 2), 0xFFFF);
    pass(SECOND); /* the high half is as of the low one's reading */
    ck_assert_uint_eq(get_as(TCRR + 2, 2), 1);
}
END_TEST

START_TEST(resets_stop_it)
{
    setup();
    put(TIOCP_CFG, 0x18);
    put(TIER, OVERFLOW);
    put(TCRR, ~0u);
    put(TCLR, ST | AR);
    pass(SECOND);
    vdev_omap3_gptimer_emulator_poll(&timer);
    ck_assert(line.level);
    put(TSICR, 2 | 4); /* the functional part alone */
    ck_assert(!line.level);
    ck_assert_uint_eq(get(TCLR), 0);
    ck_assert_uint_eq(get(TIOCP_CFG), 0x18);
    ck_assert_uint_eq(get(TSICR), 4);
    ck_assert_uint_eq(deadline, VDEV_OMAP3_GPTIMER_NEVER);
    put(TSICR, 0);
    put(TIOCP_CFG, 2);
    ck_assert_uint_eq(get(TIOCP_CFG), 0);
    ck_assert_uint_eq(get(TSICR), 4);
    ck_assert_uint_eq(get(TISTAT), 1);
}
END_TEST

START_TEST(another_clock_goes_on_from_the_same_count)
{
    begin(32768, false);
    put(TCLR, ST);
    pass(SECOND);
    ck_assert_int_eq(vdev_omap3_gptimer_emulator_set_hertz(&timer, 13000000), VDEV_OK);
    ck_assert_uint_eq(get(TCRR), 32768);
    pass(SECOND);
    ck_assert_uint_eq(get(TCRR), 32768 + 13000000);
    ck_assert_int_eq(vdev_omap3_gptimer_emulator_set_hertz(&timer, 0), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_omap3_gptimer_emulator_set_hertz(&timer, 1000000000), VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(the_configuration_is_checked)
{
    struct vdev_omap3_gptimer_emulator_configuration configuration = {.hertz = 13000000};

    vdev_virtual_clock_init(&clock, 0, 0);
    ck_assert_int_eq(vdev_omap3_gptimer_emulator_init(&timer, &configuration), VDEV_ERROR_INVALID);
    configuration.clock = &clock.clock;
    configuration.hertz = 999;
    ck_assert_int_eq(vdev_omap3_gptimer_emulator_init(&timer, &configuration), VDEV_ERROR_INVALID);
    configuration.hertz = 1000000000;
    ck_assert_int_eq(vdev_omap3_gptimer_emulator_init(&timer, &configuration), VDEV_ERROR_INVALID);
    configuration.hertz = 1000;
    ck_assert_int_eq(vdev_omap3_gptimer_emulator_init(&timer, &configuration), VDEV_OK);
    configuration.hertz = 999999999;
    ck_assert_int_eq(vdev_omap3_gptimer_emulator_init(&timer, &configuration), VDEV_OK);
}
END_TEST

START_TEST(random_accesses_keep_time_and_line)
{
    setup_millisecond();
    for (int i = 0; i < 200000; i++) {
        omap3_random_access();
        pass((uint64_t)omap3_random() << omap3_random() % 16);
        uint64_t next = vdev_omap3_gptimer_emulator_poll(&timer);
        if (line.level != ((timer.values[3] & timer.values[4]) != 0) || next <= clock.now ||
            (next == VDEV_OMAP3_GPTIMER_NEVER) != ((timer.values[6] & ST) == 0)) {
            ck_abort_msg("after %d accesses: line %d", i, line.level);
        }
    }
}
END_TEST

START_TEST(the_32_khz_counter_counts_from_the_start)
{
    struct vdev_omap3_counter_32k_emulator counter;

    vdev_virtual_clock_init(&clock, 0, 0);
    clock.now = 999;
    memset(&counter, 0xA5, sizeof counter);
    ck_assert_int_eq(vdev_omap3_counter_32k_emulator_init(&counter, NULL), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_omap3_counter_32k_emulator_init(&counter, &clock.clock), VDEV_OK);
    omap3_guest(vdev_omap3_counter_32k_emulator_access, &counter,
                &vdev_omap3_counter_32k_registers);
    omap3_check_hostile_places(512);
    ck_assert_int_eq(vdev_registers_check(&vdev_omap3_counter_32k_registers), VDEV_OK);
    ck_assert_uint_eq(get(0x00), 0x10);
    put(0x04, ~0u);
    ck_assert_uint_eq(get(0x04), 0x18);
    ck_assert_uint_eq(get(0x10), 0);
    for (unsigned second = 1; second <= 18; second++) {
        pass(SECOND - 1);
        ck_assert_uint_eq(get(0x10), second * 32768 - 1);
        pass(1);
        ck_assert_uint_eq(get(0x10), second * 32768);
        ck_assert_uint_eq(get_as(0x10, 2), second * 32768 & 0xFFFF);
    }
    put(0x10, 0);
    ck_assert_uint_eq(get(0x10), 18 * 32768);
    /* Past 2^32 ticks, which is a day and a half, it goes round. */
    pass(SECOND * 131072 - SECOND * 18);
    ck_assert_uint_le(get(0x10), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("omap3 gptimer emulator");
    TCase *tests = tcase_create("all");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, registers_reset_and_keep_their_bits);
    tcase_add_test(tests, hostile_places_and_widths_are_refused);
    tcase_add_test(tests, counts_by_the_clock_when_started);
    tcase_add_test(tests, the_prescaler_divides);
    tcase_add_test(tests, one_shot_stops_at_its_overflow);
    tcase_add_test(tests, auto_reload_ticks_at_every_deadline);
    tcase_add_test(tests, overflows_that_nobody_saw_are_one);
    tcase_add_test(tests, a_match_is_told_when_compared);
    tcase_add_test(tests, a_match_with_the_reload_comes_with_the_overflow);
    tcase_add_test(tests, posted_writes_show_for_three_cycles);
    tcase_add_test(tests, halves_go_low_then_high);
    tcase_add_test(tests, resets_stop_it);
    tcase_add_test(tests, another_clock_goes_on_from_the_same_count);
    tcase_add_test(tests, the_configuration_is_checked);
    tcase_add_test(tests, random_accesses_keep_time_and_line);
    tcase_add_test(tests, the_32_khz_counter_counts_from_the_start);
    suite_add_tcase(suite, tests);
    return omap3_run(suite);
}
