/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The LAN9118's driver on our emulator of it with something wrong between the two: bits that are
 * stuck, a controller that is not there, or not any more, interrupts that get lost or never end,
 * statuses that make no sense. Nothing waits for longer than stated, each frame is given back, and
 * once the fault is gone frames go both ways again. At the end, how much of what the driver names
 * was touched.
 */
#include <stdio.h>
#include <stdlib.h>

#include <vdev/testing/bench.h>
#include <vdev/testing/coverage.h>

#include "support/lan9118_rig.h"

#define MILLISECOND UINT64_C(1000000)
#define LENGTH      700u

static struct lan9118_rig rig;
static struct vdev_bench bench;
static struct vdev_coverage *coverage;
static struct vdev_fault faults[2];
static struct vdev_net_frame frame;
static struct vdev_buffer buffer, room_buffer;
static _Alignas(4) uint8_t bytes[LENGTH], arriving[LENGTH], room[RIG_BYTES];

/* The driver on the emulator, with a fault between the two. */
static int start(struct vdev_fault fault)
{
    rig_emulator(&rig);
    rig.bus.configuration.fail = NULL; /* a driver that reads nonsense may write it, too */
    rig.clock.per_look = rig.clock.per_access = 1000;
    faults[0] = fault;
    vdev_bench_init(&bench,
                    &(const struct vdev_bench_configuration){.device = &rig.bus.io,
                                                             .table = &vdev_lan9118_registers,
                                                             .clock = &rig.clock,
                                                             .faults = faults,
                                                             .fault_count = 1,
                                                             .coverage = coverage,
                                                             .fail = vdev_testing_check});
    buffer = (struct vdev_buffer){bytes, LENGTH, VDEV_NO_BUS_ADDRESS};
    frame = (struct vdev_net_frame){.buffers = &buffer,
                                    .buffer_count = 1,
                                    .length = LENGTH,
                                    .complete = rig_complete,
                                    .owner = &rig};
    for (unsigned i = 0; i < LENGTH; i++) {
        bytes[i] = (uint8_t)(i * 7 + 1);
        arriving[i] = (uint8_t)(i * 5 + 3);
    }
    memcpy(arriving, rig_address, sizeof rig_address);
    room_buffer = (struct vdev_buffer){room, sizeof room, VDEV_NO_BUS_ADDRESS};
    rig.room = (struct vdev_net_room){&room_buffer, 1};
    return rig_driver(&rig, &bench.io, 0, true);
}

static const struct vdev_fault none = VDEV_FAULT(STUCK_ZERO, .name = "GPT_CNT", .from = 0);

static void healthy(void)
{
    ck_assert_int_eq(start(none), VDEV_OK);
    rig_run(&rig);
    ck_assert(rig.driver.net.link);
}

/* The fault strikes from now on. */
static void break_it(struct vdev_fault fault)
{
    bench.configuration.faults[0] = fault;
    vdev_bench_init(&bench,
                    &(const struct vdev_bench_configuration){.device = &rig.bus.io,
                                                             .table = &vdev_lan9118_registers,
                                                             .clock = &rig.clock,
                                                             .faults = faults,
                                                             .fault_count = 1,
                                                             .coverage = coverage,
                                                             .fail = vdev_testing_check});
}

static void mend(void)
{
    break_it(none);
}

static void exchange(void)
{
    unsigned completed = rig.completed, delivered = rig.delivered;

    memset(rig.sent, 0, sizeof rig.sent);
    memset(room, 0, sizeof room);
    ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &frame), VDEV_OK);
    rig_will_arrive(&rig, arriving, LENGTH);
    rig_run(&rig);
    ck_assert_uint_eq(rig.completed, completed + 1);
    ck_assert_int_eq(rig.completed_status, VDEV_OK);
    ck_assert_mem_eq(rig.sent, bytes, LENGTH);
    ck_assert_uint_eq(rig.delivered, delivered + 1);
    ck_assert_mem_eq(room, arriving, LENGTH);
}

/* So many polls whatever they say; each within its bound of accesses. */
static void poll_for(unsigned polls)
{
    for (unsigned i = 0; i < polls; i++) {
        uint32_t before = rig.bus.reads + rig.bus.writes;
        vdev_net_poll(&rig.medium);
        rig.more = vdev_net_poll(&rig.driver.net);
        ck_assert_uint_le(rig.bus.reads + rig.bus.writes - before, 3000);
    }
}

START_TEST(without_faults_it_works)
{
    healthy();
    exchange();
    /* What the driver does seldom: a frame is skipped, the receiver is stopped, the FIFO is full.
     */
    rig.answer = VDEV_ERROR_UNSUPPORTED;
    rig_will_arrive(&rig, arriving, LENGTH);
    rig_run(&rig);
    rig.answer = VDEV_OK;
    ck_assert_int_eq(vdev_net_set_receive_mode(&rig.driver.net, VDEV_NET_RECEIVE_ALL), VDEV_OK);
    rig_run(&rig);
    for (unsigned i = 0; i < 25; i++) {
        rig_will_arrive(&rig, arriving, LENGTH);
        vdev_net_poll(&rig.medium);
    }
    rig_run(&rig);
    exchange();
}
END_TEST

static const struct {
    struct vdev_fault fault;
    int status;
    uint64_t time; /* that init takes at most */
} stuck_at_start[] = {
    {VDEV_FAULT_ABSENT(0), VDEV_ERROR_ABSENT, MILLISECOND},
    {VDEV_FAULT(STUCK_ZERO, .name = "BYTE_TEST"), VDEV_ERROR_ABSENT, MILLISECOND},
    {VDEV_FAULT(STUCK_ONE, .name = "ID_REV"), VDEV_ERROR_ABSENT, MILLISECOND},
    {VDEV_FAULT_STUCK("PMT_CTRL", "READY", ZERO), VDEV_ERROR_TIMEOUT, 102 * MILLISECOND},
    {VDEV_FAULT_STUCK("HW_CFG", "SRST", ONE), VDEV_ERROR_TIMEOUT, 102 * MILLISECOND},
    {VDEV_FAULT_STUCK("E2P_CMD", "EPC_BUSY", ONE), VDEV_ERROR_TIMEOUT, 102 * MILLISECOND},
    {VDEV_FAULT_STUCK("PMT_CTRL", "PHY_RST", ONE), VDEV_ERROR_TIMEOUT, 102 * MILLISECOND},
    {VDEV_FAULT_STUCK("MAC_CSR_CMD", "BUSY", ONE), VDEV_ERROR_TIMEOUT, 3 * MILLISECOND},
    {VDEV_FAULT(STUCK_ONE, .name = "MAC_CSR_DATA", .mask = 1), VDEV_ERROR_INVALID,
     3 * MILLISECOND}, /* a group's address */
};

START_TEST(a_controller_that_does_not_start_is_told_in_time)
{
    rig_emulator(&rig);
    ck_assert_int_eq(start(stuck_at_start[_i].fault), stuck_at_start[_i].status);
    ck_assert_uint_le(rig.clock.now, stuck_at_start[_i].time);
}
END_TEST

/* The PHY's busy bit is in MAC_CSR_DATA: stuck once the address has been read. */
START_TEST(a_phy_that_is_busy_for_ever_is_told_in_time)
{
    static const uint8_t own[] = {0x02, 1, 2, 3, 4, 5};
    struct vdev_lan9118_driver_configuration configuration;

    start((struct vdev_fault)VDEV_FAULT(STUCK_ONE, .name = "MAC_CSR_DATA", .mask = 1));
    uint64_t before = rig.clock.now;
    configuration = (struct vdev_lan9118_driver_configuration){
        .io = bench.io, .clock = &rig.clock.clock, .address = own};
    ck_assert_int_eq(vdev_lan9118_driver_init(&rig.driver, &configuration), VDEV_ERROR_TIMEOUT);
    ck_assert_uint_le(rig.clock.now - before, 3 * MILLISECOND);
}
END_TEST

START_TEST(a_controller_that_reads_all_ones_is_gone)
{
    struct vdev_net_frame second;

    healthy();
    exchange();
    second = frame;
    ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &frame), VDEV_OK);
    ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &second), VDEV_OK);
    break_it((struct vdev_fault)VDEV_FAULT_ABSENT(0));
    rig.completed = 0;
    ck_assert(vdev_net_poll(&rig.driver.net));
    ck_assert(!vdev_net_poll(&rig.driver.net));
    ck_assert_uint_eq(rig.completed, 2);
    ck_assert_int_eq(rig.completed_status, VDEV_ERROR_ABSENT);
    ck_assert(!rig.driver.net.link);
    ck_assert_uint_eq(rig.changed, 2);
    ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &frame), VDEV_ERROR_ABSENT);
    vdev_net_resume(&rig.driver.net);
    ck_assert_int_eq(vdev_net_set_receive_mode(&rig.driver.net, VDEV_NET_RECEIVE_ALL), VDEV_OK);
    ck_assert(!vdev_net_poll(&rig.driver.net));
}
END_TEST

static uint64_t read_zero(void *context, uint32_t offset, unsigned width)
{
    (void)context;
    (void)offset;
    (void)width;
    vdev_virtual_clock_advance(&rig.clock, 1000);
    return 0;
}

static void write_nothing(void *context, uint32_t offset, unsigned width, uint64_t value)
{
    (void)context;
    (void)offset;
    (void)width;
    (void)value;
    vdev_virtual_clock_advance(&rig.clock, 1000);
}

START_TEST(a_controller_that_reads_all_zeros_is_gone_after_a_second)
{
    static const struct vdev_io_operations zeros = {read_zero, write_nothing};

    healthy();
    exchange();
    rig.driver.io.operations = &zeros;
    rig.completed = 0;
    ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &frame), VDEV_OK);
    ck_assert(vdev_net_poll(&rig.driver.net));
    ck_assert(!vdev_net_poll(&rig.driver.net));
    ck_assert_uint_eq(rig.completed, 0);
    vdev_virtual_clock_advance(&rig.clock, 1001 * MILLISECOND);
    ck_assert(!vdev_net_poll(&rig.driver.net));
    ck_assert_uint_eq(rig.completed, 1);
    ck_assert_int_eq(rig.completed_status, VDEV_ERROR_ABSENT);
    const struct vdev_lan9118_driver_configuration configuration = {.io = {.operations = &zeros},
                                                                    .clock = &rig.clock.clock};
    ck_assert_int_eq(vdev_lan9118_driver_init(&rig.driver, &configuration), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(a_transmitter_without_room_is_begun_anew_after_a_second)
{
    struct vdev_net_frame second;

    healthy();
    second = frame;
    break_it((struct vdev_fault)VDEV_FAULT(STUCK_ZERO, .name = "TX_FIFO_INF", .field = "TDFREE"));
    ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &frame), VDEV_OK);
    ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &second), VDEV_OK);
    rig.more = true;
    poll_for(2);
    ck_assert_uint_eq(rig.completed, 0);
    vdev_virtual_clock_advance(&rig.clock, 1001 * MILLISECOND);
    poll_for(1);
    ck_assert_uint_eq(rig.completed, 1);
    ck_assert_int_eq(rig.completed_status, VDEV_ERROR_TIMEOUT);
    ck_assert_uint_eq(rig.driver.net.sent.dropped[VDEV_NET_DROP_MEDIUM], 1);
    mend();
    rig_run(&rig);
    ck_assert_uint_eq(rig.completed, 2);
    ck_assert_int_eq(rig.completed_status, VDEV_OK);
    exchange();
}
END_TEST

START_TEST(a_mac_that_stays_busy_costs_the_link_and_then_the_device)
{
    healthy();
    break_it((struct vdev_fault)VDEV_FAULT_STUCK("MAC_CSR_CMD", "BUSY", ONE));
    rig_set_link(&rig, false);
    for (unsigned i = 0; i < 100000 && (rig.more || rig.line.level); i++) {
        poll_for(1);
    }
    ck_assert(!rig.more);
    ck_assert(!rig.line.level);
    ck_assert(!rig.driver.net.link);
    ck_assert_int_eq(vdev_net_set_receive_mode(&rig.driver.net, VDEV_NET_RECEIVE_ALL), VDEV_OK);
    rig.more = true;
    for (unsigned i = 0; i < 100000 && rig.more; i++) {
        poll_for(1);
    }
    ck_assert(!rig.more);
    ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &frame), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(a_phy_without_a_link_drops_frames_and_does_not_keep_them)
{
    healthy();
    rig_set_link(&rig, false);
    rig_run(&rig);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &frame), VDEV_OK);
        rig_run(&rig);
    }
    ck_assert_uint_eq(rig.completed, 3);
    ck_assert_uint_eq(rig.driver.net.sent.dropped[VDEV_NET_DROP_NO_LINK], 3);
    rig_set_link(&rig, true);
    rig_run(&rig);
    exchange();
}
END_TEST

/* Frames in the FIFO whose status says something else than is there. */
static const struct vdev_fault bad_statuses[] = {
    VDEV_FAULT(STUCK_ZERO, .name = "RX_STATUS_FIFO", .field = "PACKET_LENGTH", .times = 1),
    VDEV_FAULT(STUCK_ONE, .name = "RX_STATUS_FIFO", .field = "PACKET_LENGTH", .times = 1),
    VDEV_FAULT(STUCK_ONE, .name = "RX_STATUS_FIFO", .mask = 0x80000000, .times = 1),
    VDEV_FAULT(STUCK_ONE, .name = "RX_STATUS_FIFO", .mask = 0x10000000, .times = 1),
    VDEV_FAULT(STUCK_ZERO, .name = "RX_FIFO_INF", .field = "RXDUSED", .times = 1),
};

START_TEST(a_status_that_makes_no_sense_costs_the_frames_that_are_there)
{
    healthy();
    break_it(bad_statuses[_i]);
    rig_will_arrive(&rig, arriving, LENGTH);
    rig_will_arrive(&rig, arriving, LENGTH);
    rig_run(&rig);
    ck_assert_uint_le(rig.delivered, 1);
    ck_assert_uint_ge(rig.driver.net.received.dropped[VDEV_NET_DROP_MEDIUM], 1);
    exchange();
}
END_TEST

START_TEST(frames_that_the_medium_damaged_are_counted)
{
    healthy();
    break_it((struct vdev_fault)VDEV_FAULT_STUCK("RX_STATUS_FIFO", "ERROR_STATUS", ONE));
    for (unsigned i = 0; i < 4; i++) {
        rig_will_arrive(&rig, arriving, LENGTH);
    }
    rig_run(&rig);
    ck_assert_uint_eq(rig.delivered, 0);
    ck_assert_uint_eq(rig.driver.net.received.dropped[VDEV_NET_DROP_MEDIUM], 4);
    break_it((struct vdev_fault)VDEV_FAULT_STUCK("TX_STATUS_FIFO", "ERROR_STATUS", ONE));
    for (unsigned i = 0; i < 4; i++) {
        exchange();
    }
    ck_assert_uint_ge(rig.driver.net.sent.dropped[VDEV_NET_DROP_MEDIUM], 3);
}
END_TEST

START_TEST(a_skip_that_never_ends_leaves_the_transmitter_alone)
{
    healthy();
    break_it((struct vdev_fault)VDEV_FAULT_STUCK("RX_DP_CTRL", "RX_FFWD", ONE));
    rig.answer = VDEV_ERROR_UNSUPPORTED;
    rig_will_arrive(&rig, arriving, LENGTH);
    poll_for(3);
    ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &frame), VDEV_OK);
    poll_for(3);
    ck_assert_uint_eq(rig.completed, 1);
    mend();
    rig.answer = VDEV_OK;
    rig_run(&rig);
    exchange();
}
END_TEST

START_TEST(a_receiver_error_that_does_not_go_leaves_time_between)
{
    healthy();
    exchange();
    break_it((struct vdev_fault)VDEV_FAULT_STUCK("INT_STS", "RXE", ONE));
    poll_for(200);
    ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &frame), VDEV_OK);
    poll_for(20);
    mend();
    rig.more = true;
    rig_run(&rig);
    exchange();
}
END_TEST

START_TEST(a_dump_that_never_ends_is_a_controller_that_is_gone)
{
    healthy();
    break_it((struct vdev_fault)VDEV_FAULT_STUCK("RX_CFG", "RX_DUMP", ONE));
    faults[0].times = 0;
    vdev_virtual_clock_advance(&rig.clock, 100 * MILLISECOND);
    /* More is read than there is. */
    vdev_io_read32(&rig.bus.io, 0x00);
    rig.more = true;
    for (unsigned i = 0; i < 100000 && rig.more; i++) {
        poll_for(1);
    }
    ck_assert_int_eq(vdev_net_submit(&rig.driver.net, &frame), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(interrupts_for_nothing_change_nothing)
{
    healthy();
    for (unsigned i = 0; i < 20; i++) {
        uint32_t before = rig.bus.reads + rig.bus.writes;
        ck_assert(!vdev_net_poll(&rig.driver.net));
        ck_assert_uint_le(rig.bus.reads + rig.bus.writes - before, 3);
    }
    exchange();
}
END_TEST

/* All of INT_STS, now and then. */
START_TEST(every_event_at_once_is_survived)
{
    healthy();
    for (unsigned bit = 0; bit < 32; bit++) {
        break_it((struct vdev_fault)VDEV_FAULT(STUCK_ONE, .name = "INT_STS", .mask = 1u << bit,
                                               .times = 3));
        poll_for(30);
        mend();
        rig.more = true;
        rig_run(&rig);
        exchange();
    }
}
END_TEST

START_TEST(a_receive_interrupt_that_gets_lost_is_made_up_for_by_any_poll)
{
    healthy();
    rig_will_arrive(&rig, arriving, LENGTH);
    vdev_net_poll(&rig.medium);
    break_it((struct vdev_fault)VDEV_FAULT_STUCK("INT_STS", "RSFL", ZERO));
    rig.more = vdev_net_poll(&rig.driver.net);
    ck_assert_uint_eq(rig.delivered, 1);
}
END_TEST

int main(void)
{
    static const char *const files[] = {"lan9118.c", "lan9118.h", "lan9118_link.c",
                                        "lan9118_receive.c", "lan9118_send.c"};
    Suite *suite = suite_create("lan9118-faults");
    TCase *tcase = tcase_create("lan9118-faults");

    coverage = vdev_testing_shared(sizeof *coverage);
    if (coverage == NULL) {
        return EXIT_FAILURE;
    }
    vdev_coverage_init(coverage, &vdev_lan9118_registers, "drivers/smsc/lan9118*");
    for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/../../drivers/smsc/%s", TRACES, files[i]);
        if (!vdev_coverage_file(coverage, path)) {
            return EXIT_FAILURE;
        }
    }
    tcase_add_test(tcase, without_faults_it_works);
    tcase_add_loop_test(tcase, a_controller_that_does_not_start_is_told_in_time, 0,
                        sizeof stuck_at_start / sizeof stuck_at_start[0]);
    tcase_add_test(tcase, a_phy_that_is_busy_for_ever_is_told_in_time);
    tcase_add_test(tcase, a_controller_that_reads_all_ones_is_gone);
    tcase_add_test(tcase, a_controller_that_reads_all_zeros_is_gone_after_a_second);
    tcase_add_test(tcase, a_transmitter_without_room_is_begun_anew_after_a_second);
    tcase_add_test(tcase, a_mac_that_stays_busy_costs_the_link_and_then_the_device);
    tcase_add_test(tcase, a_phy_without_a_link_drops_frames_and_does_not_keep_them);
    tcase_add_loop_test(tcase, a_status_that_makes_no_sense_costs_the_frames_that_are_there, 0,
                        sizeof bad_statuses / sizeof bad_statuses[0]);
    tcase_add_test(tcase, frames_that_the_medium_damaged_are_counted);
    tcase_add_test(tcase, a_skip_that_never_ends_leaves_the_transmitter_alone);
    tcase_add_test(tcase, a_receiver_error_that_does_not_go_leaves_time_between);
    tcase_add_test(tcase, a_dump_that_never_ends_is_a_controller_that_is_gone);
    tcase_add_test(tcase, interrupts_for_nothing_change_nothing);
    tcase_add_test(tcase, every_event_at_once_is_survived);
    tcase_add_test(tcase, a_receive_interrupt_that_gets_lost_is_made_up_for_by_any_poll);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    bool covered = vdev_coverage_finish(coverage, 90, NULL, NULL);
    return failed == 0 && covered ? EXIT_SUCCESS : EXIT_FAILURE;
}
