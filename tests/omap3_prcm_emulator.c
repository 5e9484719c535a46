/* SPDX-License-Identifier: BSD-2-Clause */
/* The OMAP3530 PRCM's emulator: clock gates and their status, timers' clocks, resets. */
#include <vdev/emulators/omap3_prcm.h>

#include "support/omap3_guest.h"

enum {
    FCLKEN1_CORE = 0xA00,
    ICLKEN1_CORE = 0xA10,
    IDLEST1_CORE = 0xA20,
    CLKSEL_CORE = 0xA40,
    FCLKEN_WKUP = 0xC00,
    ICLKEN_WKUP = 0xC10,
    IDLEST_WKUP = 0xC20,
    CLKSEL_WKUP = 0xC40,
    FCLKEN_PER = 0x1000,
    ICLKEN_PER = 0x1010,
    IDLEST_PER = 0x1020,
    CLKSEL_PER = 0x1040,
    RSTCTRL = 0x1250,
    RSTST = 0x1258,
};

static struct vdev_omap3_prcm_emulator prcm;
static unsigned resets, colds;
static uint32_t system_timers;
static unsigned told;

static void reset(void *owner, bool cold)
{
    ck_assert_ptr_eq(owner, &resets);
    resets++;
    colds += cold;
}

static void timer_clock(void *owner, unsigned timer, bool is_system)
{
    ck_assert_ptr_eq(owner, &resets);
    ck_assert(timer >= 1 && timer <= 11);
    ck_assert((system_timers >> timer & 1) != is_system);
    system_timers ^= 1u << timer;
    told++;
}

static void begin(bool running, uint32_t cause)
{
    struct vdev_omap3_prcm_emulator_configuration configuration = {.reset = reset,
                                                                   .timer_clock = timer_clock,
                                                                   .owner = &resets,
                                                                   .running = running,
                                                                   .cause = cause};
    resets = colds = told = 0;
    system_timers = 0;
    memset(&prcm, 0xA5, sizeof prcm);
    ck_assert_int_eq(vdev_omap3_prcm_emulator_init(&prcm, &configuration), VDEV_OK);
}

static void setup_cm(void)
{
    begin(false, 0);
    omap3_guest(vdev_omap3_cm_emulator_access, &prcm, &vdev_omap3_cm_registers);
}

static void setup_prm(void)
{
    begin(false, 0);
    omap3_guest(vdev_omap3_prm_emulator_access, &prcm, &vdev_omap3_prm_registers);
}

START_TEST(clock_manager_registers_reset_and_keep_their_bits)
{
    static const struct omap3_register expected[] = {
        {0x800, 0x10, 0},
        {0x810, 1, 1},
        {FCLKEN1_CORE, 0, 0x43FFFE00},
        {0xA08, 0, 7},
        {ICLKEN1_CORE, 0x42, 0x7FFFFED2},
        {0xA18, 0, 7},
        {IDLEST1_CORE, 0x7FFFFE90, 0},
        {0xA28, 7, 0},
        {0xA30, 0, 0x7FFFFED2},
        {0xA38, 0, 7},
        {CLKSEL_CORE, 0x30A, 0xFFF},
        {0xA48, 0, 0x3F},
        {0xA4C, 3, 0},
        {FCLKEN_WKUP, 0, 0x2E9},
        {ICLKEN_WKUP, 0, 0x23F},
        {IDLEST_WKUP, 0x23F, 0},
        {0xC30, 0, 0x23F},
        {CLKSEL_WKUP, 0x12, 0x7F},
        {0xD00, 0x00370037, ~0u},
        {0xD04, 0x11, 0x7FF},
        {0xD20, 0x3F, 0},
        {0xD24, 0, 0},
        {0xD30, 0, 0x3F},
        {0xD34, 0, 7},
        {0xD40, 0x08A60C00, ~0u},
        {0xD44, 0x3600C, 0x7FF7F},
        {0xD48, 9, 0x1F},
        {0xD4C, 0, 0x7FF7F},
        {0xD50, 1, 0x1F},
        {0xD70, 3, 0xBB},
        {FCLKEN_PER, 0, 0x3FFFF},
        {ICLKEN_PER, 0, 0x3FFFF},
        {IDLEST_PER, 0x3FFFF, 0},
        {0x1030, 0, 0x3FFFF},
        {CLKSEL_PER, 0, 0xFF},
        {0x1044, 0, 6},
        {0x1048, 0, 3},
    };
    omap3_check_registers(expected, sizeof expected / sizeof expected[0], setup_cm);
}
END_TEST

START_TEST(reset_manager_registers_reset_and_keep_their_bits)
{
    static const struct omap3_register expected[] = {
        {0x804, 0x10, 0},
        {0x814, 1, 1},
        {0x818, 0, 0},
        {0x81C, 0, 0x1FFFFFF},
        {0xCA0, 0x103CB, 0x103CB},
        {0xCB0, 0, 0},
        {0xD40, 3, 7},
        {0xD70, 0x80, 0x80},
        {RSTCTRL, 0, 0},
        {0x1254, 0x1006, 0x1FFF},
        {RSTST, 1, 0},
        {0x1260, 0, 0x1F},
        {0x1270, 0x80, 0xD8},
    };
    omap3_check_registers(expected, sizeof expected / sizeof expected[0], setup_prm);
}
END_TEST

START_TEST(hostile_places_and_widths_are_refused)
{
    setup_cm();
    omap3_check_hostile_places(512);
    setup_prm();
    omap3_check_hostile_places(512);
}
END_TEST

START_TEST(a_module_is_idle_while_its_interface_clock_is_off)
{
    static const uint32_t domains[3][4] = {{FCLKEN1_CORE, ICLKEN1_CORE, IDLEST1_CORE, 1u << 24},
                                           {FCLKEN_WKUP, ICLKEN_WKUP, IDLEST_WKUP, 1u << 0},
                                           {FCLKEN_PER, ICLKEN_PER, IDLEST_PER, 1u << 11}};
    setup_cm();
    for (unsigned i = 0; i < 3; i++) {
        uint32_t bit = domains[i][3];
        uint32_t on = get(domains[i][1]);
        uint32_t idle = get(domains[i][2]);
        ck_assert_uint_eq(idle & bit, bit);
        put(domains[i][0], bit);
        ck_assert_uint_eq(get(domains[i][2]), idle); /* the functional clock is not enough */
        put(domains[i][1], on | bit);
        ck_assert_uint_eq(get(domains[i][2]), idle & ~bit);
        put(domains[i][1], on);
        ck_assert_uint_eq(get(domains[i][2]), idle);
    }
}
END_TEST

START_TEST(timers_hear_of_their_clocks)
{
    setup_cm();
    put(CLKSEL_WKUP, 0x13);
    ck_assert_uint_eq(system_timers, 1u << 1);
    put(CLKSEL_PER, 0x81);
    ck_assert_uint_eq(system_timers, 1u << 1 | 1u << 2 | 1u << 9);
    put(CLKSEL_CORE, 0x30A | 0xC0);
    ck_assert_uint_eq(system_timers, 1u << 1 | 1u << 2 | 1u << 9 | 1u << 10 | 1u << 11);
    ck_assert_uint_eq(told, 5);
    put(CLKSEL_CORE, 0x30A | 0xC0);
    ck_assert_uint_eq(told, 5);
    vdev_omap3_prcm_emulator_reset(&prcm, VDEV_OMAP3_RESET_SOFTWARE, false);
    ck_assert_uint_eq(system_timers, 0);
}
END_TEST

START_TEST(software_resets_the_guest)
{
    setup_prm();
    put(RSTCTRL, 0);
    put(RSTCTRL, 1);
    ck_assert_uint_eq(resets, 0);
    put(RSTCTRL, 2);
    ck_assert_uint_eq(resets, 1);
    ck_assert_uint_eq(colds, 0);
    put(RSTCTRL, 4);
    ck_assert_uint_eq(resets, 2);
    ck_assert_uint_eq(colds, 1);
    ck_assert_uint_eq(get(RSTCTRL), 0);
}
END_TEST

START_TEST(causes_gather_until_they_are_cleared)
{
    setup_prm();
    ck_assert_uint_eq(get(RSTST), VDEV_OMAP3_RESET_COLD);
    vdev_omap3_prcm_emulator_reset(&prcm, VDEV_OMAP3_RESET_SOFTWARE, false);
    ck_assert_uint_eq(get(RSTST), 3);
    put(RSTST, 1);
    ck_assert_uint_eq(get(RSTST), 2);
    vdev_omap3_prcm_emulator_reset(&prcm, VDEV_OMAP3_RESET_WATCHDOG | 0x80000000, false);
    ck_assert_uint_eq(get(RSTST), 0x12);
    vdev_omap3_prcm_emulator_reset(&prcm, VDEV_OMAP3_RESET_COLD, false);
    ck_assert_uint_eq(get(RSTST), 1);
    begin(false, VDEV_OMAP3_RESET_EXTERNAL);
    ck_assert_uint_eq(get(RSTST), 0x40);
    ck_assert_int_eq(vdev_omap3_prcm_emulator_init(
                         &prcm, &(struct vdev_omap3_prcm_emulator_configuration){.cause = 4}),
                     VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(a_boot_loader_leaves_the_serial_port_clocked)
{
    setup_cm();
    begin(true, 0);
    ck_assert_uint_eq(get(FCLKEN_PER), 1u << 11);
    ck_assert_uint_eq(get(IDLEST_PER), 0x3F7FF);
    vdev_omap3_prcm_emulator_reset(&prcm, VDEV_OMAP3_RESET_SOFTWARE, false);
    ck_assert_uint_eq(get(FCLKEN_PER), 0);
}
END_TEST

START_TEST(random_accesses_keep_status_and_clocks_together)
{
    struct vdev_omap3_prcm_emulator_configuration none = {0};

    setup_prm();
    for (int i = 0; i < 20000; i++) {
        omap3_random_access();
    }
    setup_cm();
    for (int i = 0; i < 100000; i++) {
        omap3_random_access();
        if (get(IDLEST_PER) != (~get(ICLKEN_PER) & 0x3FFFF) ||
            (system_timers >> 2 & 0xFF) != get(CLKSEL_PER)) {
            ck_abort_msg("after %d accesses", i);
        }
    }
    ck_assert_int_eq(vdev_omap3_prcm_emulator_init(&prcm, &none), VDEV_OK);
    for (int i = 0; i < 1000; i++) {
        omap3_random_access();
    }
    setup_prm();
    ck_assert_int_eq(vdev_omap3_prcm_emulator_init(&prcm, &none), VDEV_OK);
    put(RSTCTRL, 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("omap3 prcm emulator");
    TCase *tests = tcase_create("all");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, clock_manager_registers_reset_and_keep_their_bits);
    tcase_add_test(tests, reset_manager_registers_reset_and_keep_their_bits);
    tcase_add_test(tests, hostile_places_and_widths_are_refused);
    tcase_add_test(tests, a_module_is_idle_while_its_interface_clock_is_off);
    tcase_add_test(tests, timers_hear_of_their_clocks);
    tcase_add_test(tests, software_resets_the_guest);
    tcase_add_test(tests, causes_gather_until_they_are_cleared);
    tcase_add_test(tests, a_boot_loader_leaves_the_serial_port_clocked);
    tcase_add_test(tests, random_accesses_keep_status_and_clocks_together);
    suite_add_tcase(suite, tests);
    return omap3_run(suite);
}
