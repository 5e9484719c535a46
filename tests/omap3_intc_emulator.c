/* SPDX-License-Identifier: BSD-2-Clause */
/* The OMAP3530 interrupt controller's emulator: masks, sorting, agreement, spurious interrupts. */
#include <vdev/emulators/omap3_intc.h>

#include "support/omap3_guest.h"

enum {
    SYSCONFIG = 0x10,
    SYSSTATUS = 0x14,
    SIR_IRQ = 0x40,
    SIR_FIQ = 0x44,
    CONTROL = 0x48,
    IRQ_PRIORITY = 0x60,
    FIQ_PRIORITY = 0x64,
    THRESHOLD = 0x68,
    ITR = 0x80,
    MIR = 0x84,
    MIR_CLEAR = 0x88,
    MIR_SET = 0x8C,
    ISR_SET = 0x90,
    ISR_CLEAR = 0x94,
    PENDING_IRQ = 0x98,
    PENDING_FIQ = 0x9C,
    BANK = 0x20,
    ILR = 0x100,
};
#define SPURIOUS 0xFFFFFF80u

static struct vdev_omap3_intc_emulator intc;
static struct vdev_interrupt_line irq, fiq;

static void setup(void)
{
    struct vdev_omap3_intc_emulator_configuration configuration = {.irq = &irq, .fiq = &fiq};

    irq = fiq = (struct vdev_interrupt_line){0};
    memset(&intc, 0xA5, sizeof intc);
    vdev_omap3_intc_emulator_init(&intc, &configuration);
    omap3_guest(vdev_omap3_intc_emulator_access, &intc, &vdev_omap3_intc_registers);
}

static void raise_line(unsigned line)
{
    vdev_omap3_intc_emulator_set_line(&intc, line, true);
}

static void lower_line(unsigned line)
{
    vdev_omap3_intc_emulator_set_line(&intc, line, false);
}

static void unmask(unsigned line)
{
    put(MIR_CLEAR + line / 32 * BANK, 1u << line % 32);
}

START_TEST(registers_reset_and_keep_their_bits)
{
#define BANK_EXPECTED(at)                                                                          \
    {(at), 0, 0}, {(at) + 0x04, ~0u, ~0u}, {(at) + 0x08, 0, 0}, {(at) + 0x0C, 0, 0},               \
        {(at) + 0x10, 0, 0}, {(at) + 0x14, 0, 0}, {(at) + 0x18, 0, 0},                             \
    {                                                                                              \
        (at) + 0x1C, 0, 0                                                                          \
    }
    static const struct omap3_register expected[] = {
        {0x00, 0x40, 0},
        {SYSCONFIG, 0, 1},
        {SYSSTATUS, 1, 0},
        {SIR_IRQ, SPURIOUS, 0},
        {SIR_FIQ, SPURIOUS, 0},
        {CONTROL, 0, 0},
        {0x4C, 0, 1},
        {0x50, 0, 3},
        {IRQ_PRIORITY, 0xFFFFFFC0, 0},
        {FIQ_PRIORITY, 0xFFFFFFC0, 0},
        {THRESHOLD, 0xFF, 0xFF},
        BANK_EXPECTED(0x80),
        BANK_EXPECTED(0xA0),
        BANK_EXPECTED(0xC0),
        {ILR, 0, 0xFD},
    };
    omap3_check_registers(expected, sizeof expected / sizeof expected[0], setup);
    for (unsigned line = 0; line < 96; line++) {
        put(ILR + 4 * line, 0xFFFFFF00 | line << 2 | (line & 1));
    }
    for (unsigned line = 0; line < 96; line++) {
        ck_assert_uint_eq(get(ILR + 4 * line), (line << 2 & 0xFC) | (line & 1));
    }
}
END_TEST

START_TEST(hostile_places_and_widths_are_refused)
{
    setup();
    omap3_check_hostile_places(512);
    vdev_omap3_intc_emulator_set_line(&intc, 96, true);
    vdev_omap3_intc_emulator_set_line(&intc, UINT32_MAX, true);
    put(MIR, 0);
    put(MIR + BANK, 0);
    put(MIR + 2 * BANK, 0);
    ck_assert(!irq.level);
}
END_TEST

START_TEST(a_line_is_told_until_it_is_agreed)
{
    setup();
    raise_line(74);
    ck_assert(!irq.level);
    ck_assert_uint_eq(get(ITR + 2 * BANK), 1u << 10);
    ck_assert_uint_eq(get(PENDING_IRQ + 2 * BANK), 0);
    unmask(74);
    ck_assert(irq.level);
    ck_assert(!fiq.level);
    ck_assert_uint_eq(get(PENDING_IRQ + 2 * BANK), 1u << 10);
    ck_assert_uint_eq(get(SIR_IRQ), 74);
    /* A more urgent one waits its turn. */
    put(ILR + 4 * 74, 5 << 2);
    raise_line(3);
    unmask(3);
    ck_assert_uint_eq(get(SIR_IRQ), 74);
    ck_assert_uint_eq(get(IRQ_PRIORITY), 5);
    lower_line(74);
    ck_assert(irq.level);
    put(CONTROL, 1);
    ck_assert_uint_eq(get(CONTROL), 0);
    ck_assert(irq.level);
    ck_assert_uint_eq(get(SIR_IRQ), 3);
    lower_line(3);
    put(CONTROL, 2); /* the other one's */
    ck_assert(irq.level);
    put(CONTROL, 1);
    ck_assert(!irq.level);
    ck_assert_uint_eq(get(SIR_IRQ), SPURIOUS);
}
END_TEST

START_TEST(a_line_that_lasts_comes_again)
{
    setup();
    unmask(37);
    raise_line(37);
    put(CONTROL, 1);
    ck_assert(irq.level);
    ck_assert_uint_eq(get(SIR_IRQ), 37);
    put(MIR_SET + BANK, 1u << 5);
    put(CONTROL, 1);
    ck_assert(!irq.level);
}
END_TEST

START_TEST(what_went_away_is_spurious)
{
    setup();
    unmask(50);
    raise_line(50);
    lower_line(50);
    ck_assert(irq.level);
    ck_assert_uint_eq(get(SIR_IRQ), SPURIOUS | 50);
    ck_assert_uint_eq(get(IRQ_PRIORITY) & ~0x3Fu, 0xFFFFFFC0);
    put(CONTROL, 1);
    ck_assert(!irq.level);
    raise_line(50);
    put(MIR_SET + BANK, 1u << 18); /* masked after it was told */
    ck_assert_uint_eq(get(SIR_IRQ), SPURIOUS | 50);
    put(MIR_CLEAR + BANK, 1u << 18);
    ck_assert_uint_eq(get(SIR_IRQ), 50);
}
END_TEST

START_TEST(the_most_urgent_comes_first)
{
    setup();
    for (unsigned line = 0; line < 96; line++) {
        put(ILR + 4 * line, (line * 37 % 64) << 2);
        raise_line(line);
    }
    put(CONTROL, 1);
    for (unsigned bank = 0; bank < 3; bank++) {
        put(MIR_CLEAR + bank * BANK, ~0u);
    }
    /* The first was told when bank 0 alone could; from then on all compete. */
    lower_line(get(SIR_IRQ));
    uint32_t before = 0;
    for (unsigned i = 0; i < 95; i++) {
        put(CONTROL, 1);
        uint32_t line = get(SIR_IRQ);
        uint32_t key = (line * 37 % 64) << 8 | (95 - line);
        ck_assert_uint_lt(line, 96);
        ck_assert_uint_eq(get(IRQ_PRIORITY), line * 37 % 64);
        ck_assert_msg(key >= before, "line %u came too late", line);
        before = key;
        lower_line(line);
    }
    put(CONTROL, 1);
    ck_assert(!irq.level);
}
END_TEST

START_TEST(the_threshold_holds_back_what_is_less_urgent)
{
    setup();
    put(ILR + 4 * 7, 10 << 2);
    raise_line(7);
    put(THRESHOLD, 10);
    unmask(7);
    ck_assert(!irq.level);
    ck_assert_uint_eq(get(PENDING_IRQ), 1u << 7);
    put(THRESHOLD, 11);
    ck_assert(irq.level);
    put(THRESHOLD, 0);
    put(CONTROL, 1);
    ck_assert(!irq.level);
    put(THRESHOLD, 0xFF);
    ck_assert(irq.level);
}
END_TEST

START_TEST(fiq_has_its_own_lines_and_agreement)
{
    setup();
    put(ILR + 4 * 33, 4 << 2 | 1);
    unmask(33);
    unmask(34);
    raise_line(33);
    ck_assert(fiq.level);
    ck_assert(!irq.level);
    raise_line(34);
    ck_assert(irq.level);
    ck_assert_uint_eq(get(SIR_FIQ), 33);
    ck_assert_uint_eq(get(FIQ_PRIORITY), 4);
    ck_assert_uint_eq(get(SIR_IRQ), 34);
    ck_assert_uint_eq(get(PENDING_FIQ + BANK), 2);
    ck_assert_uint_eq(get(PENDING_IRQ + BANK), 4);
    lower_line(33);
    put(CONTROL, 2);
    ck_assert(!fiq.level);
    ck_assert(irq.level);
    put(ILR + 4 * 34, 1); /* routed elsewhere while it is pending: told there, spurious here */
    ck_assert(fiq.level);
    ck_assert_uint_eq(get(SIR_FIQ), 34);
    ck_assert_uint_eq(get(SIR_IRQ), SPURIOUS | 34);
}
END_TEST

START_TEST(software_raises_lines_of_its_own)
{
    setup();
    unmask(95);
    put(ISR_SET + 2 * BANK, 1u << 31);
    ck_assert_uint_eq(get(ISR_SET + 2 * BANK), 1u << 31);
    ck_assert_uint_eq(get(ITR + 2 * BANK), 0);
    ck_assert(irq.level);
    ck_assert_uint_eq(get(SIR_IRQ), 95);
    put(ISR_CLEAR + 2 * BANK, 1u << 31);
    put(CONTROL, 1);
    ck_assert(!irq.level);
    /* A device's line and software's are one interrupt. */
    raise_line(95);
    put(ISR_SET + 2 * BANK, ~0u);
    put(ISR_CLEAR + 2 * BANK, ~0u);
    ck_assert_uint_eq(get(SIR_IRQ), 95);
}
END_TEST

START_TEST(soft_reset_keeps_the_inputs)
{
    setup();
    raise_line(12);
    unmask(12);
    put(THRESHOLD, 3);
    put(ILR + 4 * 12, 0xFD);
    put(SYSCONFIG, 3);
    ck_assert_uint_eq(get(SYSCONFIG), 0);
    ck_assert(!irq.level);
    ck_assert_uint_eq(get(THRESHOLD), 0xFF);
    ck_assert_uint_eq(get(ILR + 4 * 12), 0);
    ck_assert_uint_eq(get(ITR), 1u << 12);
    unmask(12);
    ck_assert(irq.level);
}
END_TEST

START_TEST(random_accesses_leave_the_outputs_in_order)
{
    struct vdev_omap3_intc_emulator_configuration none = {0};

    setup();
    for (int i = 0; i < 200000; i++) {
        omap3_random_access();
        vdev_omap3_intc_emulator_set_line(&intc, omap3_random() % 100, omap3_random() % 2 != 0);
        if (irq.level != (intc.active[0] < 96) || fiq.level != (intc.active[1] < 96)) {
            ck_abort_msg("after %d accesses: %d %d", i, irq.level, fiq.level);
        }
    }
    vdev_omap3_intc_emulator_init(&intc, &none);
    for (int i = 0; i < 1000; i++) {
        omap3_random_access();
        raise_line(omap3_random() % 96);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("omap3 intc emulator");
    TCase *tests = tcase_create("all");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, registers_reset_and_keep_their_bits);
    tcase_add_test(tests, hostile_places_and_widths_are_refused);
    tcase_add_test(tests, a_line_is_told_until_it_is_agreed);
    tcase_add_test(tests, a_line_that_lasts_comes_again);
    tcase_add_test(tests, what_went_away_is_spurious);
    tcase_add_test(tests, the_most_urgent_comes_first);
    tcase_add_test(tests, the_threshold_holds_back_what_is_less_urgent);
    tcase_add_test(tests, fiq_has_its_own_lines_and_agreement);
    tcase_add_test(tests, software_raises_lines_of_its_own);
    tcase_add_test(tests, soft_reset_keeps_the_inputs);
    tcase_add_test(tests, random_accesses_leave_the_outputs_in_order);
    suite_add_tcase(suite, tests);
    return omap3_run(suite);
}
