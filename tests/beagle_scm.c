/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The OMAP3's system control module: the pads' and the card supply's accesses by script, and with
 * faults on the bus. What they mean for a board is in beagle_board.c.
 */
#include "beagle.h"

#include <vdev/drivers/omap3_prcm.h>
#include <vdev/testing/model.h>

#define MICROSECOND UINT64_C(1000)

static struct vdev_coverage *coverage;
static struct vdev_virtual_clock virtual_clock;
static struct vdev_script script;

/* [OMAP35x TRM table 7-5]: what the driver names. The pads are half words, which have no table. */
static const struct vdev_register registers[] = {
    {.name = "DEVCONF0", .offset = 0x274, .writable = UINT32_MAX, .widths = VDEV_REGISTER_32},
    {.name = "PBIAS_LITE", .offset = 0x520, .writable = 0x0707, .widths = VDEV_REGISTER_32}};
static const struct vdev_register_field fields[] = {
    {0x274, 1u << 24, "MMC1_LOOPBACK"}, {0x520, 1u << 0, "VMODE0"}, {0x520, 1u << 1, "PWRDNZ0"},
    {0x520, 1u << 2, "SPEEDCTRL0"},     {0x520, 1u << 3, "ERROR0"}, {0, 0, NULL}};
static uint8_t words[0x1000 / 4];
static const struct vdev_register_table table = {
    .registers = registers, .count = 2, .index = words, .words = sizeof words, .fields = fields};

#define PAD(offset_, value_)                                                                       \
    VDEV_SCRIPT_STEP(WRITE, .width = 2, .offset = (offset_), .value = (value_), .mask = 0xFFFF)
#define CHANGE(offset_, old_, new_)                                                                \
    VDEV_SCRIPT_READ32(offset_, old_), VDEV_SCRIPT_WRITE32(offset_, new_)

static void play(const struct vdev_register_table *names, const struct vdev_script_step *steps,
                 size_t count)
{
    vdev_virtual_clock_init(&virtual_clock, 1000, 1000);
    vdev_script_init(&script, names, steps, count, &virtual_clock, vdev_testing_check, NULL);
}

START_TEST(a_pad_is_one_half_word)
{
    static const struct vdev_script_step steps[] = {PAD(0x19E, 0x0108), PAD(0x1A0, 0x0000),
                                                    PAD(0x030, 0x0004), PAD(0x264, 0x001F),
                                                    PAD(0xA00, 0x0100), PAD(0xA5A, 0xFFFF)};
    play(NULL, steps, ARRAY_COUNT(steps));
    ck_assert_int_eq(vdev_omap3_scm_set_pad(&script.io, VDEV_OMAP3_PAD_UART3_RX,
                                            VDEV_OMAP3_PAD_INPUT | VDEV_OMAP3_PAD_PULL),
                     VDEV_OK);
    ck_assert_int_eq(vdev_omap3_scm_set_pad(&script.io, VDEV_OMAP3_PAD_UART3_TX, 0), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_scm_set_pad(&script.io, 0x030, 4), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_scm_set_pad(&script.io, 0x264, 0x1F), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_scm_set_pad(&script.io, 0xA00, 0x100), VDEV_OK);
    /* What is more than half a word goes nowhere, least of all to the pad beside. */
    ck_assert_int_eq(vdev_omap3_scm_set_pad(&script.io, 0xA5A, UINT32_MAX), VDEV_OK);
    static const uint32_t none[] = {0x2E, 0x19F, 0x266, 0x9FE, 0xA5C};
    for (size_t i = 0; i < ARRAY_COUNT(none); i++) {
        ck_assert_int_eq(vdev_omap3_scm_set_pad(&script.io, none[i], 0), VDEV_ERROR_RANGE);
    }
    vdev_script_finish(&script);
}
END_TEST

START_TEST(the_cards_pads_and_its_clocks_loop)
{
    static const struct vdev_script_step steps[] = {
        PAD(0x144, 0x018),
        PAD(0x146, 0x118),
        PAD(0x148, 0x118),
        PAD(0x14A, 0x118),
        PAD(0x14C, 0x118),
        PAD(0x14E, 0x118),
        CHANGE(0x274, 0x00400040, 0x01400040),
    };
    play(NULL, steps, ARRAY_COUNT(steps));
    vdev_omap3_scm_connect_mmc1(&script.io);
    vdev_script_finish(&script);
}
END_TEST

START_TEST(the_bias_is_off_then_set_then_on_then_looked_at)
{
    static const struct vdev_script_step steps[] = {
        VDEV_SCRIPT_MODIFY("PBIAS_LITE", 0x202, 2, 0),
        VDEV_SCRIPT_MODIFY("PBIAS_LITE", 0x200, 5, 5),
        VDEV_SCRIPT_DELAY(50 * MICROSECOND),
        VDEV_SCRIPT_MODIFY("PBIAS_LITE", 0x205, 2, 2),
        VDEV_SCRIPT_DELAY(50 * MICROSECOND),
        VDEV_SCRIPT_READ("PBIAS_LITE", 0x207),
        /* 1.8 V, and the detector finds another: off again */
        VDEV_SCRIPT_MODIFY("PBIAS_LITE", 0x207, 2, 0),
        VDEV_SCRIPT_MODIFY("PBIAS_LITE", 0x205, 5, 4),
        VDEV_SCRIPT_DELAY(50 * MICROSECOND),
        VDEV_SCRIPT_MODIFY("PBIAS_LITE", 0x204, 2, 2),
        VDEV_SCRIPT_DELAY(50 * MICROSECOND),
        VDEV_SCRIPT_READ("PBIAS_LITE", 0x20E),
        VDEV_SCRIPT_MODIFY("PBIAS_LITE", 0x20E, 2, 0),
        /* off, and no more */
        VDEV_SCRIPT_MODIFY("PBIAS_LITE", 0x204, 2, 0),
    };
    play(&table, steps, ARRAY_COUNT(steps));
    const struct vdev_clock *clock = &virtual_clock.clock;
    ck_assert_int_eq(vdev_omap3_scm_set_mmc1(&script.io, clock, true, false), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_scm_set_mmc1(&script.io, clock, true, true), VDEV_ERROR_IO);
    ck_assert_int_eq(vdev_omap3_scm_set_mmc1(&script.io, clock, false, false), VDEV_OK);
    vdev_script_finish(&script);
}
END_TEST

/* ---- with faults ---- */

static struct vdev_model model;
static uint32_t values[2];
static struct vdev_bench bench;
static struct vdev_fault fault;

static uint16_t pads[0x1000 / 2];

/* Half words are pads, words the table's registers. */
static uint64_t read_any(void *context, uint32_t offset, unsigned width)
{
    (void)context;
    return width == 4 ? vdev_io_read32(&model.io, offset) : pads[offset / 2];
}

static void write_any(void *context, uint32_t offset, unsigned width, uint64_t value)
{
    (void)context;
    if (width == 4) {
        vdev_io_write32(&model.io, offset, (uint32_t)value);
    } else {
        pads[offset / 2] = (uint16_t)value;
    }
}

static void start(struct vdev_fault wrong)
{
    static const struct vdev_io_operations operations = {read_any, write_any};
    static const struct vdev_io device = {.operations = &operations};

    fault = wrong;
    vdev_virtual_clock_init(&virtual_clock, 1000, 1000);
    vdev_model_init(&model, &table, values, NULL, &virtual_clock, vdev_testing_check, NULL);
    vdev_bench_init(&bench, &(const struct vdev_bench_configuration){.device = &device,
                                                                     .table = &table,
                                                                     .clock = &virtual_clock,
                                                                     .faults = &fault,
                                                                     .fault_count = 1,
                                                                     .coverage = coverage,
                                                                     .fail = vdev_testing_check});
}

/* The fault strikes as the supply is switched on; afterwards it works. */
static void check_fault(struct vdev_fault wrong, int expected)
{
    start(wrong);
    ck_assert_int_eq(vdev_omap3_scm_set_mmc1(&bench.io, &virtual_clock.clock, true, false),
                     expected);
    ck_assert_uint_le(virtual_clock.now, 200 * MICROSECOND);
    ck_assert_uint_ne(fault.struck, 0);
    if (expected != VDEV_OK && wrong.from == 0) {
        ck_assert_uint_eq(VDEV_MODEL_GET_FIELD(&model, "PBIAS_LITE", "PWRDNZ0"), 0);
    }
    fault.times = fault.struck;
    ck_assert_int_eq(vdev_omap3_scm_set_mmc1(&bench.io, &virtual_clock.clock, true, false),
                     VDEV_OK);
    ck_assert_uint_eq(VDEV_MODEL_GET(&model, "PBIAS_LITE") & 7, 7);
}

START_TEST(supply_faults)
{
    check_fault((struct vdev_fault)VDEV_FAULT_STUCK("PBIAS_LITE", "ERROR0", ONE), VDEV_ERROR_IO);
    check_fault((struct vdev_fault)VDEV_FAULT_ABSENT(0), VDEV_ERROR_IO);
    /* It goes away between the accesses, up to the last, which looks for the error. */
    for (uint32_t from = 1; from < 7; from++) {
        check_fault((struct vdev_fault)VDEV_FAULT_ABSENT(from), VDEV_ERROR_IO);
    }
    /* A bit that reads wrongly once does not stay wrong. */
    check_fault((struct vdev_fault)VDEV_FAULT(STUCK_ONE, .name = "PBIAS_LITE", .field = "PWRDNZ0",
                                              .times = 1),
                VDEV_OK);
}
END_TEST

/* The function has nothing to tell: done again, once the bus is well, it has its effect. */
START_TEST(connection_faults)
{
    static const struct vdev_fault faults[] = {
        VDEV_FAULT(WRITES_LOST, .name = "DEVCONF0"),
        VDEV_FAULT_ABSENT(0),
        VDEV_FAULT_ABSENT(3),
        VDEV_FAULT_STUCK("DEVCONF0", "MMC1_LOOPBACK", ONE),
    };
    for (size_t i = 0; i < ARRAY_COUNT(faults); i++) {
        memset(pads, 0xA5, sizeof pads);
        start(faults[i]);
        VDEV_MODEL_SET(&model, "DEVCONF0", 0x40);
        vdev_omap3_scm_connect_mmc1(&bench.io);
        ck_assert_uint_ne(fault.struck, 0);
        fault.times = fault.struck;
        vdev_omap3_scm_connect_mmc1(&bench.io);
        ck_assert_uint_eq(VDEV_MODEL_GET(&model, "DEVCONF0"), 0x01000040);
        ck_assert_uint_eq(pads[0x142 / 2], 0xA5A5);
        ck_assert_uint_eq(pads[0x144 / 2], 0x18);
        ck_assert_uint_eq(pads[0x14E / 2], 0x118);
        ck_assert_uint_eq(pads[0x150 / 2], 0xA5A5);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("beagle scm");
    TCase *tests = tcase_create("system control module");

    if (vdev_registers_index(registers, 2, words, sizeof words) != VDEV_OK) {
        return 1;
    }
    coverage = beagle_coverage(&table, "SCM", __FILE__, "omap3_prcm.c");
    tcase_add_test(tests, a_pad_is_one_half_word);
    tcase_add_test(tests, the_cards_pads_and_its_clocks_loop);
    tcase_add_test(tests, the_bias_is_off_then_set_then_on_then_looked_at);
    tcase_add_test(tests, supply_faults);
    tcase_add_test(tests, connection_faults);
    suite_add_tcase(suite, tests);
    return beagle_run(suite, &coverage, 1);
}
