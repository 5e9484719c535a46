/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The switch under random traffic: against a model of where each frame has to go, and in any order
 * with everything that may go wrong, for the conservation of frames.
 */
#include <stdlib.h>

#include "support/switch_play.h"

#define LENGTH   80u
#define STATIONS 16u /* addresses that the model knows; the first are guests' */

static uint64_t state;

static uint32_t below(void *context, uint32_t most)
{
    (void)context;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % most;
}

static struct play play;

START_TEST(frames_are_conserved_in_any_order)
{
    state = (uint64_t)_i;
    play.below = below;
    for (uint32_t round = 0; round < 20; round++) {
        play_init(&play);
        for (uint32_t step = 0; step < 3000; step++) {
            play_step(&play);
        }
        play_finish(&play);
    }
}
END_TEST

/* Guests 0 and 1 have fixed addresses, 2 and 3 do not; two uplinks. Nothing is full or grows old.
 */
#define FIXED  2u
#define NOBODY 99u

static uint32_t place[STATIONS]; /* where the model has seen an address: guest, or uplink + 10 */
static uint8_t bytes[LENGTH];

static uint32_t expected_of(uint32_t from, uint32_t to)
{
    uint32_t all = (1u << RIG_GUESTS) - 1;
    uint32_t uplinks = 3u << 10;
    uint32_t others = (from < 10 ? all | uplinks : all) & ~(1u << from);

    if (to == STATIONS) {
        return others; /* a broadcast */
    }
    return others &
           (place[to] != NOBODY ? 1u << place[to] : uplinks | (all & ~((1u << FIXED) - 1)));
}

START_TEST(every_frame_goes_where_the_model_says)
{
    struct rig *rig = &play.rig;

    state = (uint64_t)_i + 100;
    rig_init(rig);
    rig_add_uplink(rig, 0, 0);
    rig_add_uplink(rig, 0, 0);
    for (uint32_t i = 0; i < RIG_GUESTS; i++) {
        struct vdev_switch_guest_configuration with = rig_guest_default(rig);
        with.fixed = i < FIXED;
        with.learned_maximum = i < FIXED ? 0 : RIG_ENTRIES;
        with.pass_through = (i & 1) != 0;
        rig_add_guest(rig, &with, 0);
    }
    for (uint32_t i = 0; i < STATIONS; i++) {
        place[i] = i < FIXED ? i : NOBODY;
    }
    for (uint32_t step = 0; step < 20000; step++) {
        uint32_t source = below(NULL, STATIONS), to = below(NULL, STATIONS + 1);
        uint32_t from = below(NULL, RIG_GUESTS + RIG_UPLINKS);
        uint32_t got = 0, before[RIG_GUESTS];
        from = from < RIG_GUESTS ? from : from - RIG_GUESTS + 10;
        bool spoofed = from < FIXED ? source != from : source < FIXED;
        rig_address(bytes, to);
        rig_address(bytes + VDEV_NET_ADDRESS_BYTES, source);
        if (to == STATIONS) {
            memset(bytes, 0xff, VDEV_NET_ADDRESS_BYTES);
        }
        if (!spoofed && source >= FIXED) {
            place[source] = from;
        }
        uint32_t expected = spoofed ? 0 : expected_of(from, to);
        for (uint32_t i = 0; i < RIG_GUESTS; i++) {
            before[i] = rig->guests[i].received;
        }
        if (from < 10) {
            struct rig_frame *frame = rig_frame(rig, bytes, LENGTH, 1 + below(NULL, 3));
            ck_assert_int_eq(rig_submit(&rig->guests[from], frame), VDEV_OK);
            rig_settle(rig);
        } else {
            ck_assert_int_eq(rig_arrive(&rig->uplinks[from - 10], bytes, LENGTH, NULL),
                             expected != 0 ? VDEV_OK : VDEV_ERROR_ABSENT);
        }
        for (uint32_t i = 0; i < RIG_GUESTS; i++) {
            ck_assert_uint_le(rig->guests[i].received, before[i] + 1);
            got |= (rig->guests[i].received - before[i]) << i;
        }
        for (uint32_t i = 0; i < RIG_UPLINKS; i++) {
            ck_assert_uint_le(rig->uplinks[i].held_count, 1);
            if (rig->uplinks[i].held_count != 0) {
                got |= 1u << (i + 10);
                rig_uplink_complete(&rig->uplinks[i], 0, VDEV_OK);
            }
        }
        ck_assert_uint_eq(got, expected);
    }
    for (uint32_t i = 0; i < RIG_FRAMES; i++) {
        ck_assert(!rig->frames[i].busy);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("switch_random");
    TCase *tests = tcase_create("switch_random");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, frames_are_conserved_in_any_order, 0, 5);
    tcase_add_loop_test(tests, every_frame_goes_where_the_model_says, 0, 3);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
