/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual CPU interface with a random guest, its devices and its hypervisor: it gets each interrupt
 * that it lets through, and none that has no reason.
 */
#include "gic_virtual.h"

static uint32_t seed;
static uint32_t roll(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static struct {
    bool line[INTERRUPTS];    /* devices: 40 and above */
    bool latched[INTERRUPTS]; /* SGIs, and what software makes pending */
    bool arrived[INTERRUPTS]; /* forwarded: TIMER, and 32 to 39; not yet acknowledged */
    bool enabled[INTERRUPTS];
    bool on;
    uint32_t active[LISTS];
    unsigned depth;
} model;

static bool is_forwarded(uint32_t interrupt)
{
    return interrupt == TIMER || (interrupt >= 32 && interrupt < 40);
}

static void guest_acknowledges(bool quiet)
{
    maintain();
    uint32_t interrupt = acknowledge();
    if (interrupt == NONE) {
        return;
    }
    bool hard = (list_with(interrupt) & HARDWARE) != 0;
    ck_assert(model.on && model.enabled[interrupt]);
    ck_assert_msg(model.latched[interrupt] || (hard && model.arrived[interrupt]) ||
                      model.line[interrupt],
                  "there was no reason for %u%s", interrupt, hard ? ", forwarded" : "");
    if (hard) { /* with software's of the same number, or before it */
        ck_assert(model.arrived[interrupt]);
        model.arrived[interrupt] = false;
    } else {
        model.latched[interrupt] = false;
    }
    if (quiet) {
        model.line[interrupt] = false;
        line(interrupt, false);
    }
    model.active[model.depth++] = interrupt;
}

static void guest_ends(void)
{
    maintain();
    if (model.depth != 0) {
        end(model.active[--model.depth]);
    }
}

static void something_happens(void)
{
    uint32_t device = 40 + roll(24), hard = roll(9) == 0 ? TIMER : 32 + roll(8), any = roll(64);

    switch (roll(12)) {
    case 0:
    case 1:
        model.line[device] = true;
        line(device, true);
        break;
    case 2:
        model.line[device] = false;
        line(device, false);
        break;
    case 3:
    case 4:
        if (!physical_active[hard] && (physical_enabled[hard] || hard == TIMER)) {
            model.arrived[hard] = true;
            physical(hard);
        }
        break;
    case 5:
        if (self.loaded) {
            vdev_gic_virtual_save(&self);
        } else {
            vdev_gic_virtual_load(&self);
        }
        break;
    default: /* the guest's own */
        if (!self.loaded) {
            break;
        }
        switch (roll(8)) {
        case 0:
            maintain();
            any = roll(16);
            put(0xf00, 4, 2u << 24 | any);
            model.latched[any] = true;
            break;
        case 1:
            maintain();
            model.enabled[any] = roll(3) != 0;
            set_enabled(any, model.enabled[any]);
            if (is_forwarded(any) && !physical_active[any]) {
                model.arrived[any] = false;
            }
            break;
        case 2:
            maintain();
            put(0x400 + any, 1, roll(32) * 8);
            break;
        case 3:
            maintain();
            model.on = roll(4) != 0;
            put(0x000, 4, model.on);
            for (uint32_t i = 0; i < INTERRUPTS; i++) {
                model.arrived[i] &= physical_active[i];
            }
            break;
        case 4:
            /* Of a forwarded one that is being handled it would be hardware's own. */
            maintain();
            if ((list_with(hard) & (HARDWARE | ACTIVE)) != (HARDWARE | ACTIVE)) {
                model.latched[hard] = true;
                put(0x200 + hard / 32 * 4, 4, 1u << hard % 32);
            }
            break;
        case 5:
            guest_acknowledges(roll(2) != 0);
            break;
        default:
            guest_ends();
            break;
        }
        break;
    }
    if (self.loaded) {
        check_lists();
    }
}

/* The guest lets everything through and does its work: nothing may be left, and nothing lost. */
static void all_is_done(void)
{
    if (!self.loaded) {
        vdev_gic_virtual_load(&self);
    }
    maintain();
    model.on = true;
    put(0x000, 4, 1);
    memset(model.enabled, true, sizeof model.enabled);
    put(0x100, 4, ~0u);
    put(0x104, 4, ~0u);
    for (unsigned i = 0; i < 400; i++) {
        while (model.depth != 0) {
            guest_ends();
        }
        guest_acknowledges(true);
    }
    for (uint32_t i = 0; i < INTERRUPTS; i++) {
        ck_assert_msg(!model.line[i], "device %u was never heard", i);
        ck_assert_msg(!physical_active[i], "hardware's %u was not ended", i);
        ck_assert_msg(!model.latched[i] || is_forwarded(i), "software's %u was lost", i);
        model.latched[i] = false; /* it may have been one with hardware's, which was taken back */
    }
    ck_assert(!vdev_gic_virtual_pending(&self));
}

START_TEST(random_guests_lose_nothing_and_get_nothing_else)
{
    memset(&model, 0, sizeof model);
    memset(model.enabled, true, sizeof model.enabled);
    model.on = true;
    seed = (uint32_t)_i * 7919u + 1;
    put(0xc08, 4, 0xaa00); /* 36 to 39 are edges */
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 500; i++) {
            something_happens();
        }
        all_is_done();
    }
    ck_assert_uint_gt(self.delivered, 500);
    ck_assert_uint_gt(self.maintained, 50);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gic_virtual_random");
    TCase *tests = tcase_create("random");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, random_guests_lose_nothing_and_get_nothing_else, 0, 10);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
