/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The OMAP3's interrupt controller, timer, counter and GPIO drivers: by script, over the emulators,
 * and with faults on the bus.
 */
#include "beagle.h"

#include <vdev/drivers/omap3_gpio.h>
#include <vdev/drivers/omap3_gptimer.h>
#include <vdev/drivers/omap3_intc.h>
#include <vdev/emulators/omap3_gpio.h>
#include <vdev/emulators/omap3_gptimer.h>
#include <vdev/emulators/omap3_intc.h>

#define MILLISECOND UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)

static struct vdev_coverage *coverage[4]; /* INTC, GPTIMER, counter, GPIO */
static struct vdev_virtual_clock virtual_clock;
static struct vdev_script script;
static struct beagle_bench bench;
static struct vdev_interrupt_line line;

#define R VDEV_SCRIPT_READ32
#define W VDEV_SCRIPT_WRITE32

/* ---- interrupt controller ---- */

static struct vdev_omap3_intc intc;
static struct vdev_omap3_intc_emulator intc_emulator;
static struct vdev_omap3_intc_handler handlers[VDEV_OMAP3_INTC_LINES];
static struct vdev_interrupt_line fiq;
static uint32_t order[8];
static unsigned handled;

/* As a device does that is looked after: it lets go of its line. */
static void handle(void *context, uint32_t number)
{
    order[handled++ % 8] = number;
    vdev_omap3_intc_emulator_set_line(context, number, false);
}

static int start_intc(struct vdev_fault *faults, size_t count)
{
    const struct vdev_omap3_intc_emulator_configuration device = {.irq = &line, .fiq = &fiq};

    handled = 0;
    line = fiq = (struct vdev_interrupt_line){.set = NULL};
    vdev_virtual_clock_init(&virtual_clock, 100, 100);
    vdev_omap3_intc_emulator_init(&intc_emulator, &device);
    for (size_t i = 0; i < VDEV_OMAP3_INTC_LINES; i++) {
        handlers[i] = (struct vdev_omap3_intc_handler){handle, &intc_emulator};
    }
    return vdev_omap3_intc_init(&intc,
                                beagle_bench(&bench, vdev_omap3_intc_emulator_access,
                                             &intc_emulator, &vdev_omap3_intc_registers,
                                             &virtual_clock, NULL, faults, count, coverage[0]),
                                handlers);
}

static void raise_line(uint32_t number)
{
    vdev_omap3_intc_emulator_set_line(&intc_emulator, number, true);
}

START_TEST(intc_by_script)
{
    static const struct vdev_script_step steps[] = {W(0xAC, 1u << 10),
                                                    W(0x100 + 4 * 42, 5 << 2),
                                                    W(0xA8, 1u << 10),
                                                    R(0x40, 42),
                                                    W(0x48, 1),
                                                    R(0x40, 0xFFFFFF80 | 42),
                                                    W(0x48, 1),
                                                    R(0x40, 41),
                                                    W(0xAC, 1u << 9),
                                                    W(0x48, 1),
                                                    W(0x68, 7),
                                                    W(0x68, 0xFF),
                                                    R(0xC0, 0xFFFFFFFEu),
                                                    W(0xD0, 1),
                                                    W(0xD4, 1)};
    vdev_virtual_clock_init(&virtual_clock, 100, 100);
    vdev_script_init(&script, &vdev_omap3_intc_registers, steps, ARRAY_COUNT(steps), &virtual_clock,
                     vdev_testing_check, NULL);
    memset(handlers, 0, sizeof handlers);
    handlers[42] = (struct vdev_omap3_intc_handler){handle, &intc_emulator};
    intc = (struct vdev_omap3_intc){.io = script.io, .handlers = handlers};
    handled = 0;
    ck_assert_int_eq(vdev_omap3_intc_mask(&intc, 42), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_intc_set_priority(&intc, 42, 5), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_intc_unmask(&intc, 42), VDEV_OK);
    ck_assert(vdev_omap3_intc_dispatch(&intc));
    ck_assert(!vdev_omap3_intc_dispatch(&intc)); /* the spurious flag */
    ck_assert(vdev_omap3_intc_dispatch(&intc));  /* nobody handles 41: it is masked */
    ck_assert_uint_eq(handled, 1);
    ck_assert_uint_eq(intc.spurious, 1);
    ck_assert_uint_eq(intc.unhandled, 1);
    vdev_omap3_intc_set_threshold(&intc, 7);
    vdev_omap3_intc_set_threshold(&intc, VDEV_OMAP3_INTC_PRIORITIES);
    ck_assert(!vdev_omap3_intc_raised(&intc, 64));
    ck_assert_int_eq(vdev_omap3_intc_trigger(&intc, 64, true), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_intc_trigger(&intc, 64, false), VDEV_OK);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(intc_refuses_what_it_does_not_have)
{
    ck_assert_int_eq(start_intc(NULL, 0), VDEV_OK);
    uint32_t accesses = bench.bus.reads + bench.bus.writes;
    ck_assert_int_eq(vdev_omap3_intc_mask(&intc, 96), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_omap3_intc_unmask(&intc, UINT32_MAX), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_omap3_intc_trigger(&intc, 96, true), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_omap3_intc_set_priority(&intc, 96, 0), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_omap3_intc_set_priority(&intc, 0, 64), VDEV_ERROR_RANGE);
    ck_assert(!vdev_omap3_intc_raised(&intc, 96));
    ck_assert_uint_eq(bench.bus.reads + bench.bus.writes, accesses);
}
END_TEST

START_TEST(interrupts_come_by_priority)
{
    ck_assert_int_eq(start_intc(NULL, 0), VDEV_OK);
    static const uint32_t lines[3] = {95, 3, 40}, priorities[3] = {9, 30, 20};
    for (unsigned i = 0; i < 3; i++) {
        vdev_omap3_intc_set_priority(&intc, lines[i], priorities[i]);
        raise_line(lines[i]);
    }
    ck_assert(!line.level);
    ck_assert(vdev_omap3_intc_raised(&intc, 95));
    for (unsigned i = 0; i < 3; i++) {
        vdev_omap3_intc_unmask(&intc, lines[i]);
    }
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(line.level);
        ck_assert(vdev_omap3_intc_dispatch(&intc));
    }
    ck_assert(!line.level);
    ck_assert(!fiq.level);
    /* The first was told before the others were unmasked, and is not taken back. */
    ck_assert_uint_eq(order[0], 95);
    ck_assert_uint_eq(order[1], 40);
    ck_assert_uint_eq(order[2], 3);
}
END_TEST

START_TEST(a_threshold_holds_back_the_unimportant)
{
    ck_assert_int_eq(start_intc(NULL, 0), VDEV_OK);
    vdev_omap3_intc_set_priority(&intc, 10, 20);
    vdev_omap3_intc_unmask(&intc, 10);
    vdev_omap3_intc_set_threshold(&intc, 10);
    raise_line(10);
    ck_assert(!line.level);
    vdev_omap3_intc_set_threshold(&intc, VDEV_OMAP3_INTC_PRIORITIES);
    ck_assert(line.level);
}
END_TEST

START_TEST(a_line_that_withdraws_is_spurious_and_the_next_comes)
{
    ck_assert_int_eq(start_intc(NULL, 0), VDEV_OK);
    vdev_omap3_intc_unmask(&intc, 10);
    vdev_omap3_intc_unmask(&intc, 11);
    raise_line(10);
    vdev_omap3_intc_emulator_set_line(&intc_emulator, 10, false);
    ck_assert(!vdev_omap3_intc_dispatch(&intc));
    ck_assert_uint_eq(intc.spurious, 1);
    raise_line(11);
    ck_assert(vdev_omap3_intc_dispatch(&intc));
    ck_assert_uint_eq(order[0], 11);
}
END_TEST

START_TEST(software_can_raise_a_line)
{
    ck_assert_int_eq(start_intc(NULL, 0), VDEV_OK);
    vdev_omap3_intc_unmask(&intc, 33);
    vdev_omap3_intc_trigger(&intc, 33, true);
    ck_assert_int_eq(vdev_omap3_intc_current(&intc), 33);
    vdev_omap3_intc_trigger(&intc, 33, false);
    vdev_omap3_intc_acknowledge(&intc);
    ck_assert(!line.level);
}
END_TEST

static void check_intc_fault(struct vdev_fault fault, int expected)
{
    ck_assert_int_eq(start_intc(&fault, 1), expected);
    ck_assert_uint_ne(fault.struck, 0);
    ck_assert_uint_le(bench.bus.reads + bench.bus.writes, 110000);
    ck_assert_int_eq(start_intc(NULL, 0), VDEV_OK);
}

START_TEST(intc_faults)
{
    check_intc_fault((struct vdev_fault)VDEV_FAULT(STUCK_ZERO, .name = "INTC_SYSSTATUS"),
                     VDEV_ERROR_TIMEOUT);
    check_intc_fault((struct vdev_fault)VDEV_FAULT_ABSENT(0), VDEV_ERROR_ABSENT);
    struct vdev_fault storm = VDEV_FAULT(STUCK_ONE, .name = "INTC_SIR_IRQ", .mask = 0xFFFFFF80u);
    ck_assert_int_eq(start_intc(&storm, 1), VDEV_OK);
    for (unsigned i = 0; i < 1000; i++) {
        ck_assert(!vdev_omap3_intc_dispatch(&intc));
    }
    ck_assert_uint_eq(intc.spurious, 1000);
    ck_assert_uint_eq(handled, 0);
    /* A device that never lets go: as often as it is asked, and no more. */
    ck_assert_int_eq(start_intc(NULL, 0), VDEV_OK);
    handlers[5].handle = NULL;
    vdev_omap3_intc_unmask(&intc, 5);
    raise_line(5);
    ck_assert(vdev_omap3_intc_dispatch(&intc));
    ck_assert(!line.level);
    ck_assert_uint_eq(intc.unhandled, 1);
}
END_TEST

/* ---- timer and counter ---- */

static struct vdev_omap3_gptimer timer;
static struct vdev_omap3_gptimer_emulator timer_emulator;

static int start_timer(struct vdev_fault *faults, size_t count, uint32_t hertz, bool posted)
{
    const struct vdev_omap3_gptimer_emulator_configuration device = {
        .clock = &virtual_clock.clock, .hertz = hertz, .millisecond = true, .interrupt = &line};

    line = (struct vdev_interrupt_line){.set = NULL};
    vdev_virtual_clock_init(&virtual_clock, 0, 100);
    ck_assert_int_eq(vdev_omap3_gptimer_emulator_init(&timer_emulator, &device), VDEV_OK);
    const struct vdev_omap3_gptimer_configuration configuration = {
        .io = *beagle_bench(&bench, vdev_omap3_gptimer_emulator_access, &timer_emulator,
                            &vdev_omap3_gptimer_millisecond_registers, &virtual_clock, NULL, faults,
                            count, coverage[1]),
        .hertz = hertz,
        .posted = posted,
    };
    return vdev_omap3_gptimer_init(&timer, &configuration);
}

static void pass(uint64_t nanoseconds)
{
    vdev_virtual_clock_advance(&virtual_clock, nanoseconds);
    vdev_omap3_gptimer_emulator_poll(&timer_emulator);
}

START_TEST(timer_by_script)
{
    static const struct vdev_script_step steps[] = {
        W(0x10, 2), R(0x14, 0), R(0x14, 1), W(0x10, 0x308), W(0x40, 4), W(0x1C, 0), R(0x34, 1),
        R(0x34, 0), W(0x24, 0), R(0x34, 0), W(0x18, 7), R(0x34, 0), W(0x2C, 0), R(0x34, 0),
        R(0x2C, 0), R(0x1C, 0),
        /* 10 ms at 13 MHz, periodically */
        W(0x1C, 0), R(0x34, 0), W(0x24, 0), R(0x34, 0), W(0x18, 7), W(0x1C, 2), R(0x34, 0),
        W(0x2C, 0u - 130000u), R(0x34, 0), W(0x28, 0u - 130000), R(0x34, 6), R(0x34, 0), R(0x34, 0),
        W(0x24, 3), R(0x18, 0), R(0x18, 2), W(0x18, 2), R(0x18, 0)};
    vdev_virtual_clock_init(&virtual_clock, 100, 100);
    vdev_script_init(&script, &vdev_omap3_gptimer_registers, steps, ARRAY_COUNT(steps),
                     &virtual_clock, vdev_testing_check, NULL);
    const struct vdev_omap3_gptimer_configuration configuration = {
        .io = script.io, .hertz = 13000000, .posted = true};
    ck_assert_int_eq(vdev_omap3_gptimer_init(&timer, &configuration), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_gptimer_start(&timer, 10 * MILLISECOND, true), VDEV_OK);
    ck_assert(!vdev_omap3_gptimer_acknowledge(&timer));
    ck_assert(vdev_omap3_gptimer_acknowledge(&timer));
    ck_assert(vdev_script_finish(&script));
}
END_TEST

static void check_periodic(uint32_t hertz, bool posted)
{
    ck_assert_int_eq(start_timer(NULL, 0, hertz, posted), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_gptimer_start(&timer, 10 * MILLISECOND, true), VDEV_OK);
    uint64_t begin = virtual_clock.now;
    unsigned fired = 0;
    while (fired < 100) {
        pass(MILLISECOND / 4);
        ck_assert(virtual_clock.now - begin < 2 * SECOND);
        if (line.level) {
            ck_assert(vdev_omap3_gptimer_acknowledge(&timer));
            ck_assert(!vdev_omap3_gptimer_acknowledge(&timer));
            ck_assert(!line.level);
            fired++;
        }
    }
    uint64_t took = virtual_clock.now - begin;
    ck_assert_uint_ge(took, 998 * MILLISECOND);
    ck_assert_uint_le(took, 1003 * MILLISECOND);
    ck_assert_int_eq(vdev_omap3_gptimer_stop(&timer), VDEV_OK);
    pass(SECOND);
    ck_assert(!line.level);
}

START_TEST(a_periodic_timer_keeps_its_time)
{
    check_periodic(13000000, false);
    check_periodic(13000000, true);
    check_periodic(32768, false);
    check_periodic(32768, true);
}
END_TEST

START_TEST(one_shot_is_once)
{
    ck_assert_int_eq(start_timer(NULL, 0, 13000000, false), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_gptimer_start(&timer, 5 * MILLISECOND, false), VDEV_OK);
    pass(4 * MILLISECOND);
    ck_assert(!line.level);
    ck_assert_uint_ge(vdev_omap3_gptimer_count(&timer), 0u - 13001u);
    pass(MILLISECOND);
    ck_assert(line.level);
    ck_assert(vdev_omap3_gptimer_acknowledge(&timer));
    pass(SECOND);
    ck_assert(!line.level);
}
END_TEST

START_TEST(times_that_a_timer_cannot_do_are_refused)
{
    ck_assert_int_eq(start_timer(NULL, 0, 32768, false), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_gptimer_start(&timer, 0, true), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_omap3_gptimer_start(&timer, 30518, true), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_omap3_gptimer_start(&timer, 61036, true), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_gptimer_start(&timer, 131071 * SECOND, true), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_gptimer_start(&timer, 131072 * SECOND, true), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_omap3_gptimer_start(&timer, UINT64_MAX, true), VDEV_ERROR_RANGE);
    /* To the nearest tick: 130.65 of 13 MHz. */
    ck_assert_int_eq(start_timer(NULL, 0, 13000000, false), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_gptimer_start(&timer, 10050, true), VDEV_OK);
    ck_assert_uint_eq(vdev_io_read32(&bench.bench.io, 0x2C), 0u - 131u);
    const struct vdev_omap3_gptimer_configuration none = {.io = bench.bench.io};
    ck_assert_int_eq(vdev_omap3_gptimer_init(&timer, &none), VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(a_free_running_timer_is_a_clock_past_its_wrap)
{
    static const uint32_t frequencies[3] = {13000000, 26000000, 32768};
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(start_timer(NULL, 0, frequencies[i], false), VDEV_OK);
        ck_assert_int_eq(vdev_omap3_gptimer_run(&timer), VDEV_OK);
        uint64_t begin = virtual_clock.now, first = vdev_clock_now(&timer.clock), last = first;
        for (unsigned j = 0; j < 20; j++) {
            pass(100 * SECOND + 7777);
            uint64_t now = vdev_clock_now(&timer.clock);
            uint64_t error = now - first - (virtual_clock.now - begin) + 40000;
            ck_assert_uint_gt(now, last);
            ck_assert_uint_le(error, 80000);
            last = now;
        }
        ck_assert(!line.level);
    }
}
END_TEST

START_TEST(the_counter_is_a_clock_past_its_wrap)
{
    static struct vdev_omap3_counter_32k_emulator device;
    struct vdev_omap3_counter counter;
    vdev_virtual_clock_init(&virtual_clock, 0, 100);
    ck_assert_int_eq(vdev_omap3_counter_32k_emulator_init(&device, &virtual_clock.clock), VDEV_OK);
    vdev_virtual_clock_advance(&virtual_clock, 131000 * SECOND);
    vdev_omap3_counter_init(&counter, beagle_bench(&bench, vdev_omap3_counter_32k_emulator_access,
                                                   &device, &vdev_omap3_counter_32k_registers,
                                                   &virtual_clock, NULL, NULL, 0, coverage[2]));
    uint64_t begin = virtual_clock.now;
    ck_assert_uint_eq(vdev_clock_now(&counter.clock), 0);
    for (unsigned i = 0; i < 10; i++) {
        vdev_virtual_clock_advance(&virtual_clock, 50000 * SECOND + 12345);
        uint64_t error = vdev_clock_now(&counter.clock) - (virtual_clock.now - begin) + 40000;
        ck_assert_uint_le(error, 80000);
    }
}
END_TEST

START_TEST(the_counter_by_script)
{
    /* One read a look, of 32 bits: two of 16 could stand on either side of a carry. */
    static const struct vdev_script_step steps[] = {
        R(0x10, 0xFFFFFFF0), R(0x10, 0xFFFFFFF0), R(0x10, 0xFFFFFFFF), R(0x10, 0),
        R(0x10, 0x7FF0),     R(0x10, 0x7FF0),     R(0x10, 0xFFF0)};
    static const uint64_t times[] = {0, 457763, 488281, SECOND, SECOND, 2 * SECOND};
    struct vdev_omap3_counter counter;
    vdev_virtual_clock_init(&virtual_clock, 100, 100);
    vdev_script_init(&script, &vdev_omap3_counter_32k_registers, steps, ARRAY_COUNT(steps),
                     &virtual_clock, vdev_testing_check, NULL);
    vdev_omap3_counter_init(&counter, &script.io);
    for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
        ck_assert_uint_eq(vdev_clock_now(&counter.clock), times[i]);
    }
    ck_assert(vdev_script_finish(&script));
}
END_TEST

/* A clock has no errors to tell: it stands or leaps, but never runs backwards, and then goes on. */
static void check_counter_fault(struct vdev_fault fault, bool stands)
{
    static struct vdev_omap3_counter_32k_emulator device;
    struct vdev_omap3_counter counter;
    vdev_virtual_clock_init(&virtual_clock, 0, 100);
    ck_assert_int_eq(vdev_omap3_counter_32k_emulator_init(&device, &virtual_clock.clock), VDEV_OK);
    vdev_virtual_clock_advance(&virtual_clock, 7 * SECOND);
    vdev_omap3_counter_init(&counter, beagle_bench(&bench, vdev_omap3_counter_32k_emulator_access,
                                                   &device, &vdev_omap3_counter_32k_registers,
                                                   &virtual_clock, NULL, &fault, 1, coverage[2]));
    uint64_t before = 0, leaps = 0;
    for (unsigned i = 0; i < 1000; i++) {
        vdev_virtual_clock_advance(&virtual_clock, MILLISECOND);
        uint64_t now = vdev_clock_now(&counter.clock);
        ck_assert_uint_ge(now, before);
        leaps += now != before;
        before = now;
    }
    ck_assert_uint_ne(fault.struck, 0);
    ck_assert(stands == (leaps <= 1));
    fault.times = fault.struck;
    before = vdev_clock_now(&counter.clock);
    vdev_virtual_clock_advance(&virtual_clock, SECOND);
    ck_assert_uint_le(vdev_clock_now(&counter.clock) - before - SECOND + 40000, 80000);
}

START_TEST(counter_faults)
{
    const char *name = "REG_32KSYNCNT_CR";
    check_counter_fault((struct vdev_fault)VDEV_FAULT_ABSENT(0), true);
    check_counter_fault((struct vdev_fault)VDEV_FAULT_ABSENT(1), true);
    check_counter_fault((struct vdev_fault)VDEV_FAULT(STUCK_ZERO, .name = name), true);
    check_counter_fault((struct vdev_fault)VDEV_FAULT(STUCK_ONE, .name = name, .mask = 1), false);
    check_counter_fault((struct vdev_fault)VDEV_FAULT(STUCK_ZERO, .name = name, .mask = 1u << 9),
                        false);
}
END_TEST

static void check_timer_fault(struct vdev_fault fault, bool posted, int expected)
{
    ck_assert_int_eq(start_timer(&fault, 1, 13000000, posted), expected);
    ck_assert_uint_ne(fault.struck, 0);
    ck_assert_uint_le(bench.bus.reads + bench.bus.writes, 110000);
    ck_assert_int_eq(start_timer(NULL, 0, 13000000, posted), VDEV_OK);
}

START_TEST(timer_faults)
{
    check_timer_fault((struct vdev_fault)VDEV_FAULT(STUCK_ZERO, .name = "TISTAT"), false,
                      VDEV_ERROR_TIMEOUT);
    check_timer_fault((struct vdev_fault)VDEV_FAULT(STUCK_ONE, .name = "TWPS", .mask = 1), true,
                      VDEV_ERROR_TIMEOUT);
    check_timer_fault((struct vdev_fault)VDEV_FAULT_ABSENT(0), false, VDEV_ERROR_ABSENT);
    /* The interrupt is lost: what the owner sees is a timer that has not fired, not a false one. */
    struct vdev_fault lost = VDEV_FAULT(STUCK_ZERO, .name = "TISR", .mask = 2);
    ck_assert_int_eq(start_timer(&lost, 1, 13000000, false), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_gptimer_start(&timer, MILLISECOND, false), VDEV_OK);
    pass(SECOND);
    ck_assert(!vdev_omap3_gptimer_acknowledge(&timer));
    ck_assert_int_eq(vdev_omap3_gptimer_stop(&timer), VDEV_OK);
    ck_assert(!line.level);
}
END_TEST

/* ---- GPIO ---- */

static struct vdev_omap3_gpio gpio;
static struct vdev_omap3_gpio_emulator gpio_emulator;
static uint32_t driven, levels;

static void on_output(void *owner, uint32_t now_driven, uint32_t now_levels)
{
    (void)owner;
    driven = now_driven;
    levels = now_levels;
}

static void on_pin(void *context, uint32_t pin)
{
    (void)context;
    order[handled++ % 8] = pin;
}

static int start_gpio(struct vdev_fault *faults, size_t count)
{
    const struct vdev_omap3_gpio_emulator_configuration device = {.interrupt = {&line, NULL},
                                                                  .output = on_output};

    handled = 0;
    driven = levels = 0;
    line = (struct vdev_interrupt_line){.set = NULL};
    vdev_virtual_clock_init(&virtual_clock, 100, 100);
    vdev_omap3_gpio_emulator_init(&gpio_emulator, &device);
    return vdev_omap3_gpio_init(&gpio,
                                beagle_bench(&bench, vdev_omap3_gpio_emulator_access,
                                             &gpio_emulator, &vdev_omap3_gpio_registers,
                                             &virtual_clock, NULL, faults, count, coverage[3]),
                                on_pin, NULL);
}

static void set_pin(uint32_t pin, bool level)
{
    vdev_omap3_gpio_emulator_set_input(&gpio_emulator, pin, level);
}

START_TEST(gpio_by_script)
{
    static const struct vdev_script_step steps[] = {
        /* an output, high: the level first */
        W(0x94, 1u << 21), R(0x34, UINT32_MAX), W(0x34, ~(1u << 21)), W(0x90, 1u << 21),
        R(0x34, ~(1u << 21)), W(0x34, UINT32_MAX), R(0x38, 1u << 7), R(0x38, 1u << 7),
        /* a falling edge on 7 */
        W(0x60, 1u << 7), R(0x40, 0), W(0x40, 0), R(0x44, 0), W(0x44, 0), R(0x48, 2), W(0x48, 2),
        R(0x4C, 1), W(0x4C, 0x81), W(0x18, 1u << 7), W(0x64, 1u << 7),
        /* it comes, with another that is not ours */
        R(0x18, 0x8080), W(0x18, 0x80), R(0x18, 0x8000)};
    vdev_virtual_clock_init(&virtual_clock, 100, 100);
    vdev_script_init(&script, &vdev_omap3_gpio_registers, steps, ARRAY_COUNT(steps), &virtual_clock,
                     vdev_testing_check, NULL);
    gpio = (struct vdev_omap3_gpio){.io = script.io, .handle = on_pin};
    handled = 0;
    ck_assert_int_eq(vdev_omap3_gpio_set_output(&gpio, 21, true), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_gpio_set(&gpio, 21, false), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_gpio_set_input(&gpio, 21), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_gpio_get(&gpio, 7), 1);
    ck_assert_int_eq(vdev_omap3_gpio_get(&gpio, 6), 0);
    ck_assert_int_eq(vdev_omap3_gpio_set_interrupt(&gpio, 7, VDEV_OMAP3_GPIO_FALLING), VDEV_OK);
    ck_assert_uint_eq(vdev_omap3_gpio_dispatch(&gpio), 1);
    ck_assert_uint_eq(order[0], 7);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(pins_are_driven_and_read)
{
    ck_assert_int_eq(start_gpio(NULL, 0), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_gpio_set_output(&gpio, 31, true), VDEV_OK);
    ck_assert_uint_eq(driven, 1u << 31);
    ck_assert_uint_eq(levels, 1u << 31);
    ck_assert_int_eq(vdev_omap3_gpio_get(&gpio, 31), 1);
    ck_assert_int_eq(vdev_omap3_gpio_set(&gpio, 31, false), VDEV_OK);
    ck_assert_uint_eq(levels, 0);
    ck_assert_int_eq(vdev_omap3_gpio_set_input(&gpio, 31), VDEV_OK);
    ck_assert_uint_eq(driven, 0);
    set_pin(31, true);
    ck_assert_int_eq(vdev_omap3_gpio_get(&gpio, 31), 1);
    ck_assert_int_eq(vdev_omap3_gpio_get(&gpio, 32), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_omap3_gpio_set(&gpio, 32, true), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_omap3_gpio_set_input(&gpio, UINT32_MAX), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_omap3_gpio_set_output(&gpio, 32, true), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_omap3_gpio_rearm(&gpio, 32), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_omap3_gpio_set_interrupt(&gpio, 32, VDEV_OMAP3_GPIO_LOW),
                     VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_omap3_gpio_set_interrupt(&gpio, 3, (enum vdev_omap3_gpio_trigger)5),
                     VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_omap3_gpio_set_interrupt(&gpio, 3, (enum vdev_omap3_gpio_trigger)12),
                     VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(edges_interrupt_once_each)
{
    ck_assert_int_eq(start_gpio(NULL, 0), VDEV_OK);
    vdev_omap3_gpio_set_interrupt(&gpio, 7, VDEV_OMAP3_GPIO_RISING);
    vdev_omap3_gpio_set_interrupt(&gpio, 9, VDEV_OMAP3_GPIO_BOTH);
    set_pin(7, true);
    set_pin(9, true);
    ck_assert(line.level);
    ck_assert_uint_eq(vdev_omap3_gpio_dispatch(&gpio), 2);
    ck_assert_uint_eq(order[0], 7);
    ck_assert_uint_eq(order[1], 9);
    ck_assert(!line.level);
    set_pin(7, false);
    ck_assert(!line.level);
    set_pin(9, false);
    ck_assert_uint_eq(vdev_omap3_gpio_dispatch(&gpio), 1);
    ck_assert_uint_eq(vdev_omap3_gpio_dispatch(&gpio), 0);
    ck_assert_int_eq(vdev_omap3_gpio_set_interrupt(&gpio, 9, VDEV_OMAP3_GPIO_NEVER), VDEV_OK);
    set_pin(9, true);
    ck_assert(!line.level);
}
END_TEST

START_TEST(a_level_interrupts_until_it_is_armed_again)
{
    ck_assert_int_eq(start_gpio(NULL, 0), VDEV_OK);
    set_pin(4, true);
    vdev_omap3_gpio_set_interrupt(&gpio, 4, VDEV_OMAP3_GPIO_LOW);
    ck_assert(!line.level);
    set_pin(4, false);
    ck_assert(line.level);
    ck_assert_uint_eq(vdev_omap3_gpio_dispatch(&gpio), 1);
    ck_assert(!line.level);
    ck_assert_uint_eq(vdev_omap3_gpio_dispatch(&gpio), 0);
    vdev_omap3_gpio_rearm(&gpio, 4);
    ck_assert(line.level);
    vdev_omap3_gpio_dispatch(&gpio);
    set_pin(4, true);
    vdev_omap3_gpio_rearm(&gpio, 4);
    ck_assert(!line.level);
    vdev_omap3_gpio_set_interrupt(&gpio, 4, VDEV_OMAP3_GPIO_HIGH);
    ck_assert(line.level);
    /* An edge again: it stays armed. */
    vdev_omap3_gpio_set_interrupt(&gpio, 4, VDEV_OMAP3_GPIO_BOTH);
    for (unsigned i = 0; i < 4; i++) {
        set_pin(4, i % 2 != 0);
        ck_assert_uint_eq(vdev_omap3_gpio_dispatch(&gpio), 1);
    }
}
END_TEST

START_TEST(gpio_faults)
{
    struct vdev_fault absent = VDEV_FAULT_ABSENT(0);
    ck_assert_int_eq(start_gpio(&absent, 1), VDEV_ERROR_ABSENT);
    struct vdev_fault stuck = VDEV_FAULT(STUCK_ONE, .name = "GPIO_RISINGDETECT", .mask = 4);
    ck_assert_int_eq(start_gpio(&stuck, 1), VDEV_ERROR_ABSENT);
    /* A status bit that cannot be cleared: a bounded answer each time. */
    struct vdev_fault storm = VDEV_FAULT(STUCK_ONE, .name = "GPIO_IRQSTATUS1", .mask = 0xFF);
    ck_assert_int_eq(start_gpio(&storm, 1), VDEV_OK);
    vdev_omap3_gpio_set_interrupt(&gpio, 2, VDEV_OMAP3_GPIO_RISING);
    vdev_omap3_gpio_set_interrupt(&gpio, 3, VDEV_OMAP3_GPIO_HIGH);
    ck_assert_uint_eq(vdev_omap3_gpio_dispatch(&gpio), 2);
    ck_assert_uint_eq(vdev_omap3_gpio_dispatch(&gpio), 1); /* the level is masked */
    ck_assert_int_eq(start_gpio(NULL, 0), VDEV_OK);
    vdev_omap3_gpio_set_interrupt(&gpio, 2, VDEV_OMAP3_GPIO_RISING);
    set_pin(2, true);
    ck_assert_uint_eq(vdev_omap3_gpio_dispatch(&gpio), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("beagle timers");
    TCase *tests = tcase_create("interrupt controller");
    coverage[0] = beagle_coverage(&vdev_omap3_intc_registers, "INTC", __FILE__, "omap3_intc.c");
    coverage[1] = beagle_coverage(&vdev_omap3_gptimer_millisecond_registers, "GPTIMER", __FILE__,
                                  "omap3_gptimer.c");
    coverage[2] =
        beagle_coverage(&vdev_omap3_counter_32k_registers, "counter", __FILE__, "omap3_gptimer.c");
    coverage[3] = beagle_coverage(&vdev_omap3_gpio_registers, "GPIO", __FILE__, "omap3_gpio.c");
    tcase_add_test(tests, intc_by_script);
    tcase_add_test(tests, intc_refuses_what_it_does_not_have);
    tcase_add_test(tests, interrupts_come_by_priority);
    tcase_add_test(tests, a_threshold_holds_back_the_unimportant);
    tcase_add_test(tests, a_line_that_withdraws_is_spurious_and_the_next_comes);
    tcase_add_test(tests, software_can_raise_a_line);
    tcase_add_test(tests, intc_faults);
    suite_add_tcase(suite, tests);
    tests = tcase_create("timers");
    tcase_add_test(tests, timer_by_script);
    tcase_add_test(tests, a_periodic_timer_keeps_its_time);
    tcase_add_test(tests, one_shot_is_once);
    tcase_add_test(tests, times_that_a_timer_cannot_do_are_refused);
    tcase_add_test(tests, a_free_running_timer_is_a_clock_past_its_wrap);
    tcase_add_test(tests, the_counter_is_a_clock_past_its_wrap);
    tcase_add_test(tests, the_counter_by_script);
    tcase_add_test(tests, counter_faults);
    tcase_add_test(tests, timer_faults);
    suite_add_tcase(suite, tests);
    tests = tcase_create("GPIO");
    tcase_add_test(tests, gpio_by_script);
    tcase_add_test(tests, pins_are_driven_and_read);
    tcase_add_test(tests, edges_interrupt_once_each);
    tcase_add_test(tests, a_level_interrupts_until_it_is_armed_again);
    tcase_add_test(tests, gpio_faults);
    suite_add_tcase(suite, tests);
    return beagle_run(suite, coverage, 4);
}
