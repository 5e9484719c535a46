/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt distributor's emulator: each register, and what reaches the CPU interface. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <vdev/emulators/gic_distributor.h>
#include <vdev/status.h>

/* A CPU interface with room for a few interrupts, which notes what it is told. */
static struct {
    bool carried[256];
    bool active[256];
    unsigned room;
    uint32_t last;
    uint8_t priority;
    unsigned deliveries;
    unsigned withdrawals;
    uint32_t switched;
    bool on;
} cpu;

static bool deliver(void *context, uint32_t interrupt, uint8_t priority)
{
    ck_assert_ptr_eq(context, &cpu);
    if (cpu.carried[interrupt]) {
        return true;
    }
    if (cpu.room == 0) {
        return false;
    }
    cpu.room--;
    cpu.carried[interrupt] = true;
    cpu.last = interrupt;
    cpu.priority = priority;
    cpu.deliveries++;
    return true;
}

static void withdraw(void *context, uint32_t interrupt)
{
    ck_assert_ptr_eq(context, &cpu);
    cpu.room += cpu.carried[interrupt];
    cpu.carried[interrupt] = false;
    cpu.withdrawals++;
}

static void enable(void *context, uint32_t interrupt, bool on)
{
    ck_assert_ptr_eq(context, &cpu);
    cpu.switched = interrupt;
    cpu.on = on;
}

static bool is_active(void *context, uint32_t interrupt)
{
    ck_assert_ptr_eq(context, &cpu);
    return cpu.active[interrupt];
}

static bool is_delivering(void *context, uint32_t interrupt)
{
    ck_assert_ptr_eq(context, &cpu);
    return cpu.carried[interrupt];
}

static const struct vdev_gic_distributor_operations operations = {
    .deliver = deliver,
    .withdraw = withdraw,
    .enable = enable,
    .active = is_active,
    .delivering = is_delivering,
};

static struct vdev_gic_distributor gic;

static void setup(void)
{
    memset(&cpu, 0, sizeof cpu);
    cpu.room = 4;
    ck_assert_int_eq(vdev_gic_distributor_init(&gic, 96, &operations, &cpu), VDEV_OK);
}

static uint32_t get(uint32_t offset)
{
    struct vdev_access access = {.offset = offset, .width = 4, .value = ~UINT64_C(0)};
    ck_assert_int_eq(vdev_gic_distributor_access(&gic, &access), VDEV_OK);
    ck_assert_uint_eq(access.value >> 32, 0);
    return (uint32_t)access.value;
}

static void put(uint32_t offset, unsigned width, uint32_t value)
{
    struct vdev_access access = {.offset = offset, .width = (uint8_t)width, .write = true,
                                 .value = value};
    ck_assert_int_eq(vdev_gic_distributor_access(&gic, &access), VDEV_OK);
}

START_TEST(wrong_set_up_is_refused)
{
    struct vdev_gic_distributor_operations none = operations;
    ck_assert_int_eq(vdev_gic_distributor_init(&gic, 0, &operations, &cpu), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_gic_distributor_init(&gic, 40, &operations, &cpu), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_gic_distributor_init(&gic, 288, &operations, &cpu), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_gic_distributor_init(&gic, 96, NULL, &cpu), VDEV_ERROR_INVALID);
    none.deliver = NULL;
    ck_assert_int_eq(vdev_gic_distributor_init(&gic, 96, &none, &cpu), VDEV_ERROR_INVALID);
    none = operations;
    none.withdraw = NULL;
    ck_assert_int_eq(vdev_gic_distributor_init(&gic, 96, &none, &cpu), VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(registers_after_reset)
{
    ck_assert_uint_eq(get(0x000), 0);
    ck_assert_uint_eq(get(0x004), 2); /* 96 lines, one processor */
    ck_assert_uint_eq(get(0x008) & 0xfff, 0x43b);
    ck_assert_uint_eq(get(0xfe8) >> 4 & 0xf, 2); /* architecture version */
    for (uint32_t offset = 0x080; offset < 0xc00; offset += 4) {
        ck_assert_uint_eq(get(offset), 0);
    }
    ck_assert_uint_eq(get(0xc00), 0xaaaaaaaa); /* SGIs are edges */
    ck_assert_uint_eq(get(0xc04), 0);
}
END_TEST

START_TEST(enable_bits_set_and_clear_and_tell)
{
    put(0x000, 4, 1);
    put(0x104, 4, 1u << 5);
    ck_assert_uint_eq(get(0x104), 1u << 5);
    ck_assert_uint_eq(get(0x184), 1u << 5);
    ck_assert_uint_eq(cpu.switched, 37);
    ck_assert(cpu.on);
    put(0x184, 4, 1u << 5 | 1u << 6); /* 38 was not enabled: nobody hears of it */
    ck_assert_uint_eq(get(0x104), 0);
    ck_assert_uint_eq(cpu.switched, 37);
    ck_assert(!cpu.on);
}
END_TEST

START_TEST(a_line_is_delivered_when_enabled_and_forwarding)
{
    vdev_gic_distributor_set_line(&gic, 37, true);
    ck_assert_uint_eq(cpu.deliveries, 0);
    put(0x424, 4, 0x0000f700); /* priority of 37; five bits are kept */
    put(0x104, 4, 1u << 5);
    ck_assert_uint_eq(cpu.deliveries, 0);
    put(0x000, 4, 1);
    ck_assert_uint_eq(cpu.deliveries, 1);
    ck_assert_uint_eq(cpu.last, 37);
    ck_assert_uint_eq(cpu.priority, 0xf0);
}
END_TEST

START_TEST(a_fallen_line_is_withdrawn)
{
    put(0x000, 4, 1);
    put(0x104, 4, 1u << 5);
    vdev_gic_distributor_set_line(&gic, 37, true);
    ck_assert(cpu.carried[37]);
    ck_assert_uint_eq(get(0x204), 1u << 5);
    vdev_gic_distributor_set_line(&gic, 37, false);
    ck_assert(!cpu.carried[37]);
    ck_assert_uint_eq(get(0x204), 0);
}
END_TEST

START_TEST(a_level_still_high_at_its_end_comes_again)
{
    put(0x000, 4, 1);
    put(0x104, 4, 1u << 5);
    vdev_gic_distributor_set_line(&gic, 37, true);
    cpu.carried[37] = false; /* acknowledged and ended */
    cpu.room++;
    vdev_gic_distributor_ended(&gic, 37);
    ck_assert_uint_eq(cpu.deliveries, 2);
    cpu.carried[37] = false;
    vdev_gic_distributor_set_line(&gic, 37, false);
    vdev_gic_distributor_ended(&gic, 37);
    ck_assert_uint_eq(cpu.deliveries, 2);
}
END_TEST

START_TEST(an_edge_is_delivered_once)
{
    put(0x000, 4, 1);
    put(0xc08, 4, 2u << 10); /* 37 */
    ck_assert_uint_eq(get(0xc08), 2u << 10);
    put(0x104, 4, 1u << 5);
    vdev_gic_distributor_set_line(&gic, 37, true);
    ck_assert_uint_eq(cpu.deliveries, 1);
    cpu.carried[37] = false;
    vdev_gic_distributor_ended(&gic, 37);
    vdev_gic_distributor_set_line(&gic, 37, false);
    ck_assert_uint_eq(cpu.deliveries, 1);
    vdev_gic_distributor_set_line(&gic, 37, true);
    ck_assert_uint_eq(cpu.deliveries, 2);
}
END_TEST

START_TEST(an_edge_waits_until_it_is_enabled)
{
    put(0x000, 4, 1);
    put(0xc08, 4, 2u << 10);
    vdev_gic_distributor_set_line(&gic, 37, true);
    vdev_gic_distributor_set_line(&gic, 37, false);
    ck_assert_uint_eq(get(0x204), 1u << 5);
    put(0x104, 4, 1u << 5);
    ck_assert_uint_eq(cpu.deliveries, 1);
}
END_TEST

START_TEST(what_found_no_room_comes_with_retry_the_most_urgent_first)
{
    put(0x000, 4, 1);
    put(0x104, 4, 0xff);
    cpu.room = 0;
    for (uint32_t i = 0; i < 8; i++) {
        put(0x420 + i, 1, (8 - i) * 8);
        vdev_gic_distributor_set_line(&gic, 32 + i, true);
    }
    ck_assert_uint_eq(cpu.deliveries, 0);
    cpu.room = 1;
    vdev_gic_distributor_retry(&gic);
    ck_assert_uint_eq(cpu.deliveries, 1);
    ck_assert_uint_eq(cpu.last, 39);
    cpu.room = 7;
    vdev_gic_distributor_retry(&gic);
    ck_assert_uint_eq(cpu.deliveries, 8);
    ck_assert_uint_eq(cpu.last, 32);
}
END_TEST

START_TEST(software_sets_and_clears_pending)
{
    put(0x000, 4, 1);
    put(0x204, 4, 1u << 5);
    ck_assert_uint_eq(get(0x284), 1u << 5);
    put(0x284, 4, 1u << 5);
    ck_assert_uint_eq(get(0x204), 0);
    put(0x200, 4, 0xffff); /* not SGIs */
    ck_assert_uint_eq(get(0x200), 0);
    put(0x104, 4, 1u << 5);
    put(0x204, 4, 1u << 5);
    ck_assert_uint_eq(cpu.last, 37);
}
END_TEST

START_TEST(sgis_to_itself)
{
    put(0x000, 4, 1);
    put(0x100, 4, 0xffff);
    put(0xf00, 4, 2u << 24 | 3); /* to self */
    ck_assert_uint_eq(cpu.last, 3);
    put(0xf00, 4, 1u << 16 | 4); /* to processor 0 by name */
    ck_assert_uint_eq(cpu.last, 4);
    put(0xf00, 4, 1u << 24 | 5); /* to all others: there are none */
    put(0xf00, 4, 2u << 16 | 5); /* to processor 1: there is none */
    ck_assert_uint_eq(cpu.last, 4);
    put(0xf20 + 7, 1, 1);
    ck_assert_uint_eq(cpu.last, 7);
    put(0x180, 4, 1u << 8);
    put(0xf20 + 8, 1, 1);
    ck_assert_uint_eq(get(0xf28), 1);
    put(0xf10 + 8, 1, 1);
    ck_assert_uint_eq(get(0xf28), 0);
}
END_TEST

START_TEST(active_state_is_the_cpu_interfaces)
{
    cpu.active[40] = true;
    ck_assert_uint_eq(get(0x304), 1u << 8);
    put(0x384, 4, 1u << 8); /* nothing to restore, nothing to lose */
    ck_assert_uint_eq(get(0x304), 1u << 8);
}
END_TEST

START_TEST(disabling_takes_back_what_is_pending)
{
    put(0x000, 4, 1);
    put(0x104, 4, 1u << 5);
    vdev_gic_distributor_set_line(&gic, 37, true);
    put(0x184, 4, 1u << 5);
    ck_assert(!cpu.carried[37]);
    put(0x104, 4, 1u << 5);
    ck_assert(cpu.carried[37]);
}
END_TEST

START_TEST(disabling_takes_back_what_software_made_pending)
{
    put(0x000, 4, 1);
    put(0x104, 4, 1u << 5);
    put(0x204, 4, 1u << 5);
    ck_assert(cpu.carried[37]);
    put(0x184, 4, 1u << 5);
    ck_assert(!cpu.carried[37]);
    ck_assert_uint_eq(get(0x204), 1u << 5); /* it stays pending, once */
    put(0x104, 4, 1u << 5);
    ck_assert(cpu.carried[37]);
    cpu.carried[37] = false;
    vdev_gic_distributor_ended(&gic, 37);
    ck_assert_uint_eq(get(0x204), 0);
}
END_TEST

START_TEST(turned_off_it_lets_nothing_through)
{
    put(0x104, 4, 3u << 5);
    ck_assert_uint_eq(cpu.switched, 0); /* nobody heard of it yet */
    put(0x000, 4, 1);
    ck_assert_uint_eq(cpu.switched, 38);
    ck_assert(cpu.on);
    vdev_gic_distributor_set_line(&gic, 37, true);
    put(0x204, 4, 1u << 6);
    ck_assert(cpu.carried[37] && cpu.carried[38]);
    put(0x000, 4, 0);
    ck_assert(!cpu.on);
    ck_assert(!cpu.carried[37] && !cpu.carried[38]);
    vdev_gic_distributor_set_line(&gic, 37, false);
    put(0x000, 4, 1);
    ck_assert(!cpu.carried[37] && cpu.carried[38]);
}
END_TEST

START_TEST(what_is_given_back_comes_with_retry)
{
    put(0x000, 4, 1);
    put(0x104, 4, 3u << 5);
    vdev_gic_distributor_set_line(&gic, 37, true);
    put(0x204, 4, 1u << 6);
    for (uint32_t i = 37; i <= 38; i++) {
        cpu.carried[i] = false;
        vdev_gic_distributor_returned(&gic, i);
    }
    vdev_gic_distributor_set_line(&gic, 37, false); /* its line was all the reason it had */
    vdev_gic_distributor_retry(&gic);
    ck_assert(!cpu.carried[37] && cpu.carried[38]);
    vdev_gic_distributor_returned(&gic, UINT32_MAX);
}
END_TEST

START_TEST(widths_and_places_that_do_not_exist)
{
    for (uint32_t offset = 0; offset < VDEV_GIC_DISTRIBUTOR_LENGTH; offset++) {
        for (unsigned width = 1; width <= 8; width *= 2) {
            for (int write = 0; write < 2; write++) {
                struct vdev_access access = {.offset = offset, .width = (uint8_t)width,
                                             .write = write != 0, .value = ~UINT64_C(0)};
                int status = vdev_gic_distributor_access(&gic, &access);
                bool bytes = (offset >= 0x400 && offset < 0xc00) ||
                             (offset >= 0xf10 && offset < 0xf30);
                bool good = width == 4 || (bytes && width == 1);
                ck_assert_int_eq(status, good ? VDEV_OK : VDEV_ERROR_UNSUPPORTED);
            }
        }
    }
    vdev_gic_distributor_set_line(&gic, 96, true);
    vdev_gic_distributor_set_line(&gic, UINT32_MAX, true);
    vdev_gic_distributor_ended(&gic, UINT32_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gic_distributor");
    TCase *tests = tcase_create("distributor");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, wrong_set_up_is_refused);
    tcase_add_test(tests, registers_after_reset);
    tcase_add_test(tests, enable_bits_set_and_clear_and_tell);
    tcase_add_test(tests, a_line_is_delivered_when_enabled_and_forwarding);
    tcase_add_test(tests, a_fallen_line_is_withdrawn);
    tcase_add_test(tests, a_level_still_high_at_its_end_comes_again);
    tcase_add_test(tests, an_edge_is_delivered_once);
    tcase_add_test(tests, an_edge_waits_until_it_is_enabled);
    tcase_add_test(tests, what_found_no_room_comes_with_retry_the_most_urgent_first);
    tcase_add_test(tests, software_sets_and_clears_pending);
    tcase_add_test(tests, sgis_to_itself);
    tcase_add_test(tests, active_state_is_the_cpu_interfaces);
    tcase_add_test(tests, disabling_takes_back_what_is_pending);
    tcase_add_test(tests, disabling_takes_back_what_software_made_pending);
    tcase_add_test(tests, turned_off_it_lets_nothing_through);
    tcase_add_test(tests, what_is_given_back_comes_with_retry);
    tcase_add_test(tests, widths_and_places_that_do_not_exist);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
