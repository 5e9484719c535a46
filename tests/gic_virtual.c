/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's virtual CPU interface, case by case: room, ends, switches, forwarded interrupts. */
#include "gic_virtual.h"

START_TEST(wrong_set_up_is_refused)
{
    struct vdev_gic_virtual_configuration wrong = configuration();
    struct vdev_gic_virtual other;

    wrong.distributor = NULL;
    ck_assert_int_eq(vdev_gic_virtual_init(&other, &wrong), VDEV_ERROR_INVALID);
    wrong = configuration();
    gich.type = LISTS - 2;
    ck_assert_int_eq(vdev_gic_virtual_init(&other, &wrong), VDEV_ERROR_UNSUPPORTED);
    gich.type = 63;
    ck_assert_int_eq(vdev_gic_virtual_init(&other, &wrong), VDEV_OK);
    vdev_gic_virtual_forward(&self, INTERRUPTS); /* none of the guest's: ignored */
    vdev_gic_virtual_forward(&self, UINT32_MAX);
    ck_assert(!vdev_gic_virtual_pending(&self));
}
END_TEST

START_TEST(a_device_quieted_before_the_end_costs_no_maintenance)
{
    put(0x400 + 40, 1, 0x48);
    line(40, true);
    ck_assert_uint_eq(list_with(40), PENDING | END | 9u << 23 | 40);
    ck_assert(vdev_gic_virtual_pending(&self));
    ck_assert_uint_eq(wakes, 1);
    ck_assert_uint_eq(acknowledge(), 40);
    ck_assert_uint_eq(get(0x304), 1u << 8);
    ck_assert(!vdev_gic_virtual_pending(&self));
    line(40, false);
    end(40);
    ck_assert(!maintenance_due());
    ck_assert_uint_eq(acknowledge(), NONE);
    ck_assert_uint_eq(self.delivered, 1);
    ck_assert_uint_eq(self.maintained, 0);
}
END_TEST

START_TEST(a_level_that_outlasts_its_end_comes_again)
{
    line(40, true);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(acknowledge(), 40);
        end(40);
        ck_assert(maintenance_due());
        maintain();
    }
    ck_assert_uint_eq(self.maintained, 3);
    line(40, false);
    ck_assert_uint_eq(acknowledge(), NONE);
}
END_TEST

START_TEST(a_line_that_rises_again_while_active_is_pending_then)
{
    line(40, true);
    ck_assert_uint_eq(acknowledge(), 40);
    line(40, false);
    put(0x400 + 40, 1, 0x78); /* the priority is the new one, no mixture */
    line(40, true);
    ck_assert_uint_eq(list_with(40), STATE | END | 15u << 23 | 40);
    line(40, false); /* pending and active: the active part stays */
    ck_assert_uint_eq(list_with(40), ACTIVE | 15u << 23 | 40);
    line(40, true);
    end(40);
    ck_assert_uint_eq(acknowledge(), 40);
}
END_TEST

START_TEST(more_interrupts_than_lists_come_the_most_urgent_first)
{
    for (uint32_t i = 0; i < 12; i++) {
        put(0x400 + 40 + i, 1, (12 - i) * 8);
        line(40 + i, true);
    }
    ck_assert_uint_eq(wakes, 12); /* each was the most urgent when it came */
    for (uint32_t i = 12; i-- != 0;) {
        ck_assert_uint_eq(acknowledge(), 40 + i);
        line(40 + i, false);
        end(40 + i);
        maintain();
    }
    ck_assert_uint_eq(acknowledge(), NONE);
    ck_assert_uint_eq(gich.control, 1); /* it no longer waits for room */
}
END_TEST

START_TEST(what_the_guest_handles_is_not_pushed_out)
{
    for (uint32_t i = 0; i < 4; i++) {
        put(0x400 + 40 + i, 1, (31 - i) * 8);
        line(40 + i, true);
        ck_assert_uint_eq(acknowledge(), 40 + i);
    }
    put(0x400 + 50, 1, 0);
    line(50, true);
    ck_assert_uint_eq(list_with(50), 0);
    for (uint32_t i = 4; i-- != 0;) {
        ck_assert_uint_ne(list_with(40 + i) & ACTIVE, 0);
        line(40 + i, false);
        end(40 + i);
        maintain();
    }
    ck_assert_uint_eq(acknowledge(), 50);
}
END_TEST

START_TEST(an_end_that_is_not_heard_of_yet_is_not_forgotten)
{
    put(0x400 + 40, 1, 0xf0);
    line(40, true);
    ck_assert_uint_eq(acknowledge(), 40);
    end(40);
    line(41, true); /* before the maintenance interrupt: three places, then no room */
    line(42, true);
    line(43, true);
    line(44, true);
    maintain();
    vdev_gic_virtual_save(&self);
    for (uint32_t i = 41; i < 45; i++) {
        line(i, false);
    }
    vdev_gic_virtual_load(&self);
    maintain();
    ck_assert_uint_eq(acknowledge(), 40);
}
END_TEST

START_TEST(an_end_that_is_not_heard_of_survives_a_switch)
{
    line(40, true);
    ck_assert_uint_eq(acknowledge(), 40);
    end(40);
    vdev_gic_virtual_save(&self);
    ck_assert(!maintenance_due());
    for (uint32_t i = 41; i < 46; i++) {
        line(i, true);
        line(i, false);
    }
    line(46, true);
    vdev_gic_virtual_load(&self);
    ck_assert(maintenance_due());
    maintain();
    ck_assert_uint_ne(list_with(40), 0);
    ck_assert_uint_ne(list_with(46), 0);
}
END_TEST

START_TEST(one_that_has_ended_is_not_made_pending_to_have_room)
{
    put(0xc08, 4, 2u << 16); /* 40: an edge */
    put(0x400 + 40, 1, 0xf0);
    line(40, true);
    ck_assert_uint_eq(acknowledge(), 40);
    end(40);
    for (uint32_t i = 41; i < 45; i++) {
        line(i, true);
    }
    maintain();
    for (uint32_t i = 41; i < 45; i++) {
        ck_assert_uint_ne(acknowledge(), 40);
        line(i, false);
        for (uint32_t k = 41; k < 45; k++) {
            if ((list_with(k) & ACTIVE) != 0) {
                line(k, false);
                end(k);
            }
        }
        maintain();
    }
    ck_assert_uint_eq(acknowledge(), NONE);
}
END_TEST

START_TEST(interrupts_arrive_while_another_guest_runs)
{
    gich.machine = 0x12345678;
    gich.priorities = 0x10;
    line(40, true);
    vdev_gic_virtual_save(&self);
    ck_assert_uint_eq(gich.control, 0);
    memset(gich.list, 0xff, sizeof gich.list); /* the other's */
    gich.machine = gich.priorities = 0;
    unsigned before = gich.accesses;
    line(40, false);
    for (uint32_t i = 0; i < 6; i++) {
        put(0x400 + 50 + i, 1, (6 - i) * 8);
        line(50 + i, true);
    }
    physical(TIMER);
    ck_assert(vdev_gic_virtual_pending(&self));
    ck_assert_uint_eq(gich.accesses, before); /* not a register of the hardware was touched */
    vdev_gic_virtual_load(&self);
    ck_assert_uint_eq(gich.machine, 0x12345678);
    ck_assert_uint_eq(gich.priorities, 0x10);
    ck_assert_uint_eq(list_with(40), 0);
    for (uint32_t i = 6; i-- != 0;) {
        ck_assert_uint_eq(acknowledge(), 50 + i);
        line(50 + i, false);
        end(50 + i);
        maintain();
    }
    ck_assert_uint_eq(acknowledge(), TIMER);
}
END_TEST

START_TEST(sgis_come_once_each)
{
    put(0xf00, 4, 2u << 24 | 3);
    ck_assert_uint_eq(list_with(3), PENDING | 16u << 23 | 3);
    put(0xf00, 4, 2u << 24 | 3); /* pending already: one */
    ck_assert_uint_eq(acknowledge(), 3);
    put(0xf00, 4, 2u << 24 | 3); /* active: one more */
    end(3);
    ck_assert_uint_eq(acknowledge(), 3);
    end(3);
    ck_assert(!maintenance_due());
    ck_assert_uint_eq(acknowledge(), NONE);
    put(0xf00, 4, 2u << 24 | 0);
    ck_assert_uint_eq(acknowledge(), 0);
}
END_TEST

START_TEST(a_forwarded_interrupt_is_ended_in_hardware)
{
    put(0x400 + 36, 1, 0x40);
    physical(36);
    ck_assert_uint_eq(list_with(36), HARDWARE | PENDING | 36u << 10 | 8u << 23 | 36);
    line(36, false); /* the emulated line of that number is not its */
    ck_assert_uint_eq(acknowledge(), 36);
    end(36);
    ck_assert(!physical_active[36]);
    ck_assert_uint_eq(deactivations, 0);
    ck_assert(!maintenance_due());
}
END_TEST

START_TEST(a_forwarded_interrupt_waits_for_the_guests_leave)
{
    set_enabled(36, false);
    ck_assert(!physical_enabled[36]);
    physical(36);
    ck_assert_uint_eq(list_with(36), 0);
    set_enabled(36, true);
    ck_assert_uint_eq(acknowledge(), 36);
    end(36);
    put(0x000, 4, 0); /* the whole distributor */
    physical(36);
    ck_assert_uint_eq(list_with(36), 0);
    put(0x000, 4, 1);
    ck_assert_uint_eq(acknowledge(), 36);
}
END_TEST

START_TEST(a_forwarded_interrupt_is_taken_back)
{
    physical(36);
    set_enabled(36, false);
    ck_assert_uint_eq(list_with(36), 0);
    ck_assert_uint_eq(deactivations, 1);
    set_enabled(36, true);
    ck_assert_uint_eq(acknowledge(), NONE); /* it comes again from hardware, if it still is */
    physical(36);
    ck_assert_uint_eq(acknowledge(), 36);
    set_enabled(36, false); /* active: it goes on to its end */
    ck_assert(physical_active[36]);
    end(36);
    ck_assert(!physical_active[36]);
    ck_assert_uint_eq(deactivations, 1);
}
END_TEST

START_TEST(a_forwarded_interrupt_and_softwares_of_the_same_number)
{
    put(0x204, 4, 1u << 4);
    ck_assert_uint_eq(list_with(36) & HARDWARE, 0);
    physical(36); /* both pending: one, which is hardware's */
    ck_assert_uint_eq(list_with(36) & (HARDWARE | STATE), HARDWARE | PENDING);
    put(0x204, 4, 1u << 4);
    ck_assert_uint_eq(acknowledge(), 36);
    end(36);
    ck_assert_uint_eq(acknowledge(), NONE);
    put(0x204, 4, 1u << 4);
    ck_assert_uint_eq(acknowledge(), 36);
    physical(36); /* software's is active: hardware's follows its end */
    put(0x284, 4, 1u << 4); /* which withdraws software's only */
    ck_assert_uint_eq(list_with(36) & (HARDWARE | STATE), ACTIVE);
    end(36);
    maintain();
    ck_assert_uint_eq(acknowledge(), 36);
    ck_assert_uint_ne(list_with(36) & HARDWARE, 0);
    end(36);
    ck_assert(!physical_active[36]);
}
END_TEST

START_TEST(forwarded_interrupts_make_room_and_get_it)
{
    for (uint32_t i = 0; i < 8; i++) {
        put(0x400 + 32 + i, 1, (31 - i) * 8);
        put(0x400 + 40 + i, 1, (15 - i) * 8);
    }
    for (uint32_t i = 0; i < 8; i++) {
        physical(32 + i);
    }
    for (uint32_t i = 0; i < 8; i++) {
        line(40 + i, true);
    }
    for (uint32_t i = 8; i-- != 0;) {
        ck_assert_uint_eq(acknowledge(), 40 + i);
        line(40 + i, false);
        end(40 + i);
        maintain();
    }
    set_enabled(33, false); /* while it waits */
    ck_assert(!physical_active[33]);
    for (uint32_t i = 8; i-- != 0;) {
        if (i != 1) {
            ck_assert_uint_eq(acknowledge(), 32 + i);
            end(32 + i);
            maintain();
        }
    }
    ck_assert_uint_eq(acknowledge(), NONE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gic_virtual");
    TCase *tests = tcase_create("virtual CPU interface");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, wrong_set_up_is_refused);
    tcase_add_test(tests, a_device_quieted_before_the_end_costs_no_maintenance);
    tcase_add_test(tests, a_level_that_outlasts_its_end_comes_again);
    tcase_add_test(tests, a_line_that_rises_again_while_active_is_pending_then);
    tcase_add_test(tests, more_interrupts_than_lists_come_the_most_urgent_first);
    tcase_add_test(tests, what_the_guest_handles_is_not_pushed_out);
    tcase_add_test(tests, an_end_that_is_not_heard_of_yet_is_not_forgotten);
    tcase_add_test(tests, an_end_that_is_not_heard_of_survives_a_switch);
    tcase_add_test(tests, one_that_has_ended_is_not_made_pending_to_have_room);
    tcase_add_test(tests, interrupts_arrive_while_another_guest_runs);
    tcase_add_test(tests, sgis_come_once_each);
    tcase_add_test(tests, a_forwarded_interrupt_is_ended_in_hardware);
    tcase_add_test(tests, a_forwarded_interrupt_waits_for_the_guests_leave);
    tcase_add_test(tests, a_forwarded_interrupt_is_taken_back);
    tcase_add_test(tests, a_forwarded_interrupt_and_softwares_of_the_same_number);
    tcase_add_test(tests, forwarded_interrupts_make_room_and_get_it);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
