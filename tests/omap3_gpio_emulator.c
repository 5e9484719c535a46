/* SPDX-License-Identifier: BSD-2-Clause */
/* The OMAP3530 GPIO module's emulator: directions, levels, detection, and both interrupt lines. */
#include <vdev/emulators/omap3_gpio.h>

#include "support/omap3_guest.h"

enum {
    SYSCONFIG = 0x10,
    IRQSTATUS1 = 0x18,
    IRQENABLE1 = 0x1C,
    WAKEUPENABLE = 0x20,
    IRQSTATUS2 = 0x28,
    IRQENABLE2 = 0x2C,
    CTRL = 0x30,
    OE = 0x34,
    DATAIN = 0x38,
    DATAOUT = 0x3C,
    LEVELDETECT0 = 0x40,
    LEVELDETECT1 = 0x44,
    RISINGDETECT = 0x48,
    FALLINGDETECT = 0x4C,
    CLEARIRQENABLE1 = 0x60,
    SETIRQENABLE1 = 0x64,
    CLEARIRQENABLE2 = 0x70,
    SETIRQENABLE2 = 0x74,
    CLEARWKUENA = 0x80,
    SETWKUENA = 0x84,
    CLEARDATAOUT = 0x90,
    SETDATAOUT = 0x94,
};

static struct vdev_omap3_gpio_emulator gpio;
static struct vdev_interrupt_line lines[2];
static uint32_t driven, levels;
static unsigned told;

static void output(void *owner, uint32_t now_driven, uint32_t now_levels)
{
    ck_assert_ptr_eq(owner, &told);
    driven = now_driven;
    levels = now_levels;
    told++;
}

static void begin(uint32_t inputs)
{
    struct vdev_omap3_gpio_emulator_configuration configuration = {
        .interrupt = {&lines[0], &lines[1]},
        .inputs = inputs,
        .output = output,
        .owner = &told,
    };
    lines[0] = lines[1] = (struct vdev_interrupt_line){0};
    driven = levels = told = 0;
    memset(&gpio, 0xA5, sizeof gpio);
    vdev_omap3_gpio_emulator_init(&gpio, &configuration);
    omap3_guest(vdev_omap3_gpio_emulator_access, &gpio, &vdev_omap3_gpio_registers);
}

static void setup(void)
{
    begin(0);
}

static void pin(uint32_t number, bool level)
{
    vdev_omap3_gpio_emulator_set_input(&gpio, number, level);
}

START_TEST(registers_reset_and_keep_their_bits)
{
    static const struct omap3_register expected[] = {
        {0x00, 0x25, 0},         {SYSCONFIG, 0, 0x1D},   {0x14, 1, 0},
        {IRQSTATUS1, 0, 0},      {IRQENABLE1, 0, ~0u},   {WAKEUPENABLE, 0, ~0u},
        {IRQSTATUS2, 0, 0},      {IRQENABLE2, 0, ~0u},   {CTRL, 2, 7},
        {OE, ~0u, ~0u},          {DATAIN, 0, 0},         {DATAOUT, 0, ~0u},
        {LEVELDETECT0, 0, ~0u},  {LEVELDETECT1, 0, ~0u}, {RISINGDETECT, 0, ~0u},
        {FALLINGDETECT, 0, ~0u}, {0x50, 0, ~0u},         {0x54, 0, 0xFF},
        {CLEARIRQENABLE1, 0, 0}, {SETIRQENABLE1, 0, 0},  {CLEARIRQENABLE2, 0, 0},
        {SETIRQENABLE2, 0, 0},   {CLEARWKUENA, 0, 0},    {SETWKUENA, 0, 0},
        {CLEARDATAOUT, 0, 0},    {SETDATAOUT, 0, 0},
    };
    omap3_check_registers(expected, sizeof expected / sizeof expected[0], setup);
}
END_TEST

START_TEST(hostile_places_and_widths_are_refused)
{
    setup();
    omap3_check_hostile_places(512);
    pin(32, true);
    pin(UINT32_MAX, true);
    ck_assert_uint_eq(get(DATAIN), 0);
}
END_TEST

START_TEST(set_and_clear_registers_are_other_ways_to_the_same)
{
    static const uint32_t ways[4][3] = {{IRQENABLE1, SETIRQENABLE1, CLEARIRQENABLE1},
                                        {IRQENABLE2, SETIRQENABLE2, CLEARIRQENABLE2},
                                        {WAKEUPENABLE, SETWKUENA, CLEARWKUENA},
                                        {DATAOUT, SETDATAOUT, CLEARDATAOUT}};
    setup();
    for (unsigned i = 0; i < 4; i++) {
        put(ways[i][0], 0xF0F0);
        put(ways[i][1], 0x000F);
        ck_assert_uint_eq(get(ways[i][0]), 0xF0FF);
        put(ways[i][2], 0x00F0);
        ck_assert_uint_eq(get(ways[i][0]), 0xF00F);
        ck_assert_uint_eq(get(ways[i][1]), 0xF00F);
        ck_assert_uint_eq(get(ways[i][2]), 0xF00F);
    }
}
END_TEST

START_TEST(outputs_are_told_when_they_change)
{
    setup();
    put(DATAOUT, 0x3);
    ck_assert_uint_eq(told, 0); /* all are inputs */
    put(OE, ~0x6u);
    ck_assert_uint_eq(told, 1);
    ck_assert_uint_eq(driven, 0x6);
    ck_assert_uint_eq(levels, 0x2);
    ck_assert_uint_eq(get(DATAIN), 0x2); /* an output reads as what it drives */
    put(SETDATAOUT, 0x4);
    ck_assert_uint_eq(levels, 0x6);
    put(SETDATAOUT, 0x8);
    put(SETDATAOUT, 0x4);
    ck_assert_uint_eq(told, 2);
    put(SYSCONFIG, 2);
    ck_assert_uint_eq(told, 3);
    ck_assert_uint_eq(driven, 0);
    ck_assert_uint_eq(levels, 0);
}
END_TEST

START_TEST(inputs_are_read_and_outlast_a_reset)
{
    begin(0x80000001);
    ck_assert_uint_eq(get(DATAIN), 0x80000001);
    pin(31, false);
    pin(7, true);
    ck_assert_uint_eq(get(DATAIN), 0x81);
    ck_assert_uint_eq(get_as(DATAIN, 1), 0x81);
    put(OE, ~0x80u);
    ck_assert_uint_eq(get(DATAIN), 0x01);
    pin(0, false);
    put(OE, ~0u);
    ck_assert_uint_eq(get(DATAIN), 0x80);
    put(SYSCONFIG, 2);
    ck_assert_uint_eq(get(DATAIN), 0x80);
    ck_assert_uint_eq(get(IRQSTATUS1), 0);
}
END_TEST

START_TEST(edges_are_told_once_each)
{
    setup();
    put(RISINGDETECT, 0x3);
    put(FALLINGDETECT, 0x6);
    put(IRQENABLE1, 0x7);
    put(IRQENABLE2, 0x4);
    pin(0, true);
    ck_assert_uint_eq(get(IRQSTATUS1), 0x1);
    ck_assert(lines[0].level);
    ck_assert(!lines[1].level);
    pin(0, true);
    put(IRQSTATUS1, 0x1);
    ck_assert_uint_eq(get(IRQSTATUS1), 0);
    ck_assert(!lines[0].level);
    pin(0, false); /* falls, and nobody wants to know */
    pin(1, true);
    put(IRQSTATUS1, 0x2);
    pin(1, false);
    ck_assert_uint_eq(get(IRQSTATUS1), 0x2);
    pin(2, true);
    pin(2, false);
    ck_assert_uint_eq(get(IRQSTATUS1), 0x6);
    ck_assert_uint_eq(get(IRQSTATUS2), 0x7); /* whatever is enabled */
    ck_assert(lines[1].level);
    put(IRQSTATUS2, ~0u);
    ck_assert(!lines[1].level);
    ck_assert(lines[0].level);
}
END_TEST

START_TEST(levels_come_again_as_long_as_they_last)
{
    setup();
    put(IRQENABLE1, ~0u);
    put(LEVELDETECT1, 0x10);
    ck_assert(!lines[0].level);
    pin(4, true);
    ck_assert(lines[0].level);
    put(IRQSTATUS1, 0x10);
    ck_assert(lines[0].level);
    pin(4, false);
    ck_assert(lines[0].level);
    put(IRQSTATUS1, 0x10);
    ck_assert(!lines[0].level);
    put(LEVELDETECT0, 0x20);
    ck_assert_uint_eq(get(IRQSTATUS1), 0x20);
    pin(5, true);
    put(IRQSTATUS1, 0x20);
    ck_assert_uint_eq(get(IRQSTATUS1), 0);
}
END_TEST

START_TEST(outputs_raise_no_interrupt)
{
    setup();
    put(IRQENABLE1, ~0u);
    put(RISINGDETECT, ~0u);
    put(FALLINGDETECT, ~0u);
    put(LEVELDETECT1, ~0u);
    put(OE, 0);
    put(DATAOUT, ~0u);
    put(DATAOUT, 0);
    pin(3, true);
    ck_assert_uint_eq(get(IRQSTATUS1), 0);
    /* Turned round, what is seen from outside is no edge, but a level. */
    put(LEVELDETECT1, 0);
    put(OE, ~0u);
    ck_assert_uint_eq(get(IRQSTATUS1), 0);
    pin(3, false);
    ck_assert_uint_eq(get(IRQSTATUS1), 8);
}
END_TEST

START_TEST(random_accesses_leave_the_lines_in_order)
{
    struct vdev_omap3_gpio_emulator_configuration none = {0};

    setup();
    for (int i = 0; i < 200000; i++) {
        omap3_random_access();
        pin(omap3_random() % 40, omap3_random() % 2 != 0);
        if (lines[0].level != ((get(IRQSTATUS1) & get(IRQENABLE1)) != 0) ||
            lines[1].level != ((get(IRQSTATUS2) & get(IRQENABLE2)) != 0) || driven != ~get(OE) ||
            levels != (get(DATAOUT) & driven)) {
            ck_abort_msg("after %d accesses", i);
        }
    }
    vdev_omap3_gpio_emulator_init(&gpio, &none);
    for (int i = 0; i < 1000; i++) {
        omap3_random_access();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("omap3 gpio emulator");
    TCase *tests = tcase_create("all");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, registers_reset_and_keep_their_bits);
    tcase_add_test(tests, hostile_places_and_widths_are_refused);
    tcase_add_test(tests, set_and_clear_registers_are_other_ways_to_the_same);
    tcase_add_test(tests, outputs_are_told_when_they_change);
    tcase_add_test(tests, inputs_are_read_and_outlast_a_reset);
    tcase_add_test(tests, edges_are_told_once_each);
    tcase_add_test(tests, levels_come_again_as_long_as_they_last);
    tcase_add_test(tests, outputs_raise_no_interrupt);
    tcase_add_test(tests, random_accesses_leave_the_lines_in_order);
    suite_add_tcase(suite, tests);
    return omap3_run(suite);
}
