/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL181 driver and the card layer on our emulators with something wrong between the two: bits
 * that are stuck, a controller that is not there, or not any more, interrupts that get lost or
 * never end, transfers that break off. Each request ends within a stated time, with an error or
 * well, and once the fault is gone the same driver works. At the end, how much of what the driver
 * names was touched.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <vdev/testing/bench.h>
#include <vdev/testing/check.h>
#include <vdev/testing/coverage.h>
#include <vdev/testing/interrupts.h>

#include "support/pl181_rig.h"
#include "support/ram_disk.h"

#define MILLISECOND        UINT64_C(1000000)
#define SECOND             (1000 * MILLISECOND)
#define SECTORS            4u
#define BYTES              (SECTORS * VDEV_SECTOR_SIZE)
#define NEVER              UINT32_MAX
#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One data command that times out, and two commands to learn what became of the card. */
#define LIMIT (VDEV_SD_DATA_TIME + 2 * (uint64_t)VDEV_SD_COMMAND_TIME + 50 * MILLISECOND)

static struct ram_disk disk;
static struct pl181_rig rig;
static struct vdev_interrupts interrupts;
static struct vdev_bench bench;
static struct vdev_coverage *coverage;
static struct vdev_fault fault;
static uint8_t data[BYTES];
static uint32_t patience[2]; /* which run of a handler is the last: its line is then masked */

static void handle(void *context)
{
    uint32_t number = *(const uint32_t *)context;

    vdev_block_poll(&rig.card.block);
    if (interrupts.runs[number] >= patience[number]) {
        interrupts.enabled &= ~(1u << number);
    }
}

static void be_patient(uint32_t runs)
{
    for (unsigned i = 0; i < 2; i++) {
        patience[i] = runs == UINT32_MAX ? runs : interrupts.runs[i] + runs;
    }
}

/* An error of a transfer is latched until the driver clears it, which it does through MCIClear. */
static int access_rig(void *context, struct vdev_access *access)
{
    if (access->write && access->offset == 0x38 && fault.moved >= fault.bytes &&
        (access->value & fault.mask) != 0) {
        fault.over = true;
    }
    return rig_access(context, access);
}

/* The drivers on the emulators, with `fault` between the two, from access `from` on. */
static int start(struct vdev_fault wrong, uint32_t from)
{
    static uint32_t numbers[2] = {0, 1};

    fault = wrong;
    fault.from = from;
    be_patient(UINT32_MAX);
    ram_disk_init(&disk);
    rig_emulator(&rig, &disk.block, RIG_BUFFER);
    rig.clock.per_look = rig.clock.per_access = 1000; /* a time-out is fewer accesses so */
    rig.bus.configuration.access = access_rig;
    vdev_interrupts_init(&interrupts, &rig.clock, vdev_testing_check, NULL);
    for (uint32_t i = 0; i < 2; i++) {
        rig.emulator.interrupt[i] = interrupts.lines[i];
        vdev_interrupts_connect(&interrupts, i, handle, &numbers[i]);
    }
    vdev_bench_init(&bench, &(const struct vdev_bench_configuration){.device = &rig.bus.io,
                                                                     .table = &vdev_pl181_registers,
                                                                     .clock = &rig.clock,
                                                                     .faults = &fault,
                                                                     .fault_count = 1,
                                                                     .coverage = coverage,
                                                                     .reads_most = 10000000,
                                                                     .fail = vdev_testing_check});
    const struct vdev_pl181_driver_configuration configuration = {
        .io = bench.io,
        .clock = &rig.clock.clock,
        .reference_hertz = 24000000,
        .wide = true,
    };
    int status = vdev_pl181_driver_init(&rig.driver, &configuration);
    return status != VDEV_OK ? status
                             : vdev_sd_card_init(&rig.card, &rig.driver.host, &rig.clock.clock);
}

/*
 * A request as its owner makes it: interrupts call the card's poll, and so does a timer at the time
 * that the card asks for. A line that its handler cannot quieten is masked, as an operating
 * system does, and the timer is what is left. Fails if the request takes longer than `limit`.
 */
static int move(enum vdev_block_operation operation, uint64_t sector, uint64_t limit)
{
    struct rig_request request;
    uint64_t begin = rig.clock.now;
    int status = rig_submit(&rig.card.block, &request, operation, sector, data, BYTES);

    ck_assert_int_eq(status, VDEV_OK);
    while (request.status > 0) {
        be_patient(500);
        if (vdev_interrupts_deliver(&interrupts) == 0) {
            uint64_t deadline = vdev_sd_card_deadline(&rig.card);
            if (deadline >= rig.clock.now) {
                vdev_virtual_clock_advance(&rig.clock, MILLISECOND);
            } else {
                vdev_block_poll(&rig.card.block);
            }
        }
        ck_assert_msg(rig.clock.now - begin <= limit, "a request takes too long");
    }
    return request.status;
}

static void fill(uint8_t seed)
{
    for (size_t i = 0; i < BYTES; i++) {
        data[i] = (uint8_t)(i * 13 + i / 512 + seed);
    }
}

/* What struck strikes no more; the drivers are not told. */
static void repair(void)
{
    ck_assert_uint_ne(fault.struck, 0);
    fault.times = fault.struck;
    interrupts.enabled = UINT32_MAX;
}

static void check_usable(void)
{
    fill(77);
    ck_assert_int_eq(move(VDEV_BLOCK_WRITE, 40, VDEV_SD_IDENTIFY_TIME), VDEV_OK);
    ck_assert_mem_eq(disk.bytes + 40 * 512, data, BYTES);
    memset(data, 0, sizeof data);
    ck_assert_int_eq(move(VDEV_BLOCK_READ, 80, 100 * MILLISECOND), VDEV_OK);
    ck_assert_mem_eq(disk.bytes + 80 * 512, data, BYTES);
}

/* The fault strikes in a request, which ends as expected. */
static void check(struct vdev_fault wrong, enum vdev_block_operation operation, int expected)
{
    ck_assert_int_eq(start(wrong, NEVER), VDEV_OK);
    fault.from = bench.history.count;
    fill(3);
    int status = move(operation, 8, LIMIT);
    ck_assert_msg(status == expected, "%s after %u bytes: %d", wrong.field, wrong.bytes, status);
    if (expected == VDEV_OK) {
        ck_assert_mem_eq(disk.bytes + 8 * 512, data, BYTES);
    }
    repair();
    check_usable();
}

#define STUCK(field, value) (struct vdev_fault) VDEV_FAULT_STUCK("MCIStatus", field, value)

START_TEST(without_faults_it_works)
{
    ck_assert_int_eq(start((struct vdev_fault)VDEV_FAULT_ABSENT(0), NEVER), VDEV_OK);
    ck_assert(rig.card.wide);
    check_usable();
    ck_assert_uint_ne(interrupts.runs[0] + interrupts.runs[1], 0);
}
END_TEST

START_TEST(a_command_that_never_ends_is_a_card_that_left)
{
    check(STUCK("CMD_RESP_END", ZERO), VDEV_BLOCK_READ, VDEV_ERROR_ABSENT);
    check(STUCK("CMD_RESP_END", ZERO), VDEV_BLOCK_WRITE, VDEV_ERROR_ABSENT);
    check(STUCK("CMD_TIME_OUT", ONE), VDEV_BLOCK_READ, VDEV_ERROR_ABSENT);
    check(STUCK("CMD_CRC_FAIL", ONE), VDEV_BLOCK_WRITE, VDEV_ERROR_IO);
}
END_TEST

START_TEST(data_that_never_end_are_waited_for_with_an_end)
{
    check(STUCK("DATA_END", ZERO), VDEV_BLOCK_READ, VDEV_ERROR_TIMEOUT);
    check(STUCK("DATA_END", ZERO), VDEV_BLOCK_WRITE, VDEV_ERROR_TIMEOUT);
    check(STUCK("RX_FIFO_HALF_FULL", ZERO), VDEV_BLOCK_READ, VDEV_ERROR_TIMEOUT);
    check(STUCK("TX_FIFO_HALF_EMPTY", ZERO), VDEV_BLOCK_WRITE, VDEV_ERROR_TIMEOUT);
}
END_TEST

START_TEST(bits_that_can_be_done_without_are)
{
    check(STUCK("RX_DATA_AVLBL", ZERO), VDEV_BLOCK_READ, VDEV_OK);
    check(STUCK("RX_DATA_AVLBL", ONE), VDEV_BLOCK_READ, VDEV_OK);
    check(STUCK("TX_FIFO_FULL", ONE), VDEV_BLOCK_WRITE, VDEV_OK);
}
END_TEST

START_TEST(identification_over_a_stuck_bit_ends)
{
    static const struct {
        const char *field;
        bool one;
        int expected;
    } cases[] = {{"CMD_RESP_END", false, VDEV_ERROR_ABSENT},
                 {"CMD_TIME_OUT", true, VDEV_ERROR_ABSENT},
                 {"CMD_SENT", false, VDEV_ERROR_ABSENT},
                 {"DATA_END", false, VDEV_ERROR_TIMEOUT},
                 {"DATA_CRC_FAIL", true, VDEV_ERROR_IO}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct vdev_fault wrong = VDEV_FAULT(STUCK_ZERO, .name = "MCIStatus");
        wrong.field = cases[i].field;
        wrong.kind = cases[i].one ? VDEV_FAULT_STUCK_ONE : VDEV_FAULT_STUCK_ZERO;
        ck_assert_int_eq(start(wrong, 0), cases[i].expected);
        ck_assert_uint_le(rig.clock.now, VDEV_SD_IDENTIFY_TIME);
        repair();
        check_usable();
    }
}
END_TEST

START_TEST(absent_controller_is_noticed)
{
    ck_assert_int_eq(start((struct vdev_fault)VDEV_FAULT_ABSENT(0), 0), VDEV_ERROR_ABSENT);
    ck_assert_uint_le(bench.history.count, 4);
}
END_TEST

/* Every read gives all ones from some access of a request on, be it in the middle of a burst. */
START_TEST(controller_that_goes_away_ends_the_request)
{
    static const uint32_t after[] = {0, 1, 2, 5, 6, 9, 20, 21, 100, 333, 560};

    for (size_t i = 0; i < 2 * ARRAY_COUNT(after); i++) {
        ck_assert_int_eq(start((struct vdev_fault)VDEV_FAULT_ABSENT(0), NEVER), VDEV_OK);
        fault.from = bench.history.count + after[i / 2];
        int status = move(i % 2 == 0 ? VDEV_BLOCK_READ : VDEV_BLOCK_WRITE, 8, LIMIT);
        ck_assert_int_eq(status, VDEV_ERROR_ABSENT);
        /* As long as it is away, each request says so. */
        ck_assert_int_eq(move(VDEV_BLOCK_READ, 8, LIMIT), VDEV_ERROR_ABSENT);
        repair();
        check_usable();
    }
}
END_TEST

START_TEST(a_lost_interrupt_is_made_up_for_at_the_deadline)
{
    ck_assert_int_eq(start((struct vdev_fault)VDEV_FAULT_ABSENT(0), NEVER), VDEV_OK);
    for (unsigned lost = 1; lost < 4; lost++) {
        uint64_t begin = rig.clock.now;
        interrupts.lose[0] = interrupts.lose[1] = lost;
        ck_assert_int_eq(move(VDEV_BLOCK_READ, 8, 8 * (uint64_t)VDEV_SD_DATA_TIME), VDEV_OK);
        ck_assert_mem_eq(disk.bytes + 8 * 512, data, BYTES);
        ck_assert_uint_ge(rig.clock.now - begin, VDEV_SD_COMMAND_TIME); /* it was one to miss */
        interrupts.lose[0] = interrupts.lose[1] = 0;
        check_usable();
    }
}
END_TEST

START_TEST(without_any_interrupt_a_timer_will_do)
{
    ck_assert_int_eq(start((struct vdev_fault)VDEV_FAULT_ABSENT(0), NEVER), VDEV_OK);
    interrupts.enabled = 0;
    fill(9);
    ck_assert_int_eq(move(VDEV_BLOCK_WRITE, 8, 16 * (uint64_t)VDEV_SD_DATA_TIME), VDEV_OK);
    ck_assert_mem_eq(disk.bytes + 8 * 512, data, BYTES);
    interrupts.enabled = UINT32_MAX;
    check_usable();
}
END_TEST

START_TEST(an_interrupt_storm_costs_little_and_breaks_nothing)
{
    ck_assert_int_eq(start((struct vdev_fault)VDEV_FAULT_ABSENT(0), NEVER), VDEV_OK);
    for (uint32_t number = 0; number < 2; number++) {
        /* On an idle card a run looks at nothing; the owner gives the line up in the end. */
        be_patient(500);
        uint32_t before = bench.history.count;
        interrupts.stuck = 1u << number;
        vdev_interrupts_deliver(&interrupts);
        ck_assert_uint_eq(interrupts.runs[number], patience[number]);
        ck_assert_uint_eq(bench.history.count, before);
        /* In a request, whose data are not there yet: each run is a few looks at the status. */
        interrupts.enabled = UINT32_MAX;
        be_patient(500);
        disk.held = true;
        struct rig_request request;
        uint32_t runs = interrupts.runs[0] + interrupts.runs[1];
        ck_assert_int_eq(rig_submit(&rig.card.block, &request, VDEV_BLOCK_READ, 8, data, BYTES),
                         VDEV_OK);
        before = bench.history.count;
        vdev_interrupts_deliver(&interrupts);
        runs = interrupts.runs[0] + interrupts.runs[1] - runs;
        ck_assert_uint_ge(runs, 500);
        ck_assert_uint_le(bench.history.count - before, 16 * runs);
        ck_assert_int_eq(request.status, 1);
        /* The data come while it storms on, the line being masked. */
        disk.held = false;
        be_patient(UINT32_MAX);
        for (uint32_t i = 0; request.status > 0 && i < 1000; i++) {
            vdev_interrupts_spurious(&interrupts, number);
        }
        ck_assert_int_eq(request.status, VDEV_OK);
        ck_assert_mem_eq(disk.bytes + 8 * 512, data, BYTES);
        interrupts.stuck = 0;
        interrupts.enabled = UINT32_MAX;
        check_usable();
    }
}
END_TEST

static void check_at_byte(const char *field, uint32_t bytes, enum vdev_block_operation operation,
                          int expected)
{
    struct vdev_fault wrong = VDEV_FAULT_AT_BYTE("MCIFIFO", bytes, "MCIStatus", NULL);

    wrong.field = field;
    check(wrong, operation, expected);
    ck_assert(fault.over); /* by the driver itself */
}

START_TEST(a_transfer_that_errs_at_any_byte_is_told)
{
    static const uint32_t bytes[] = {4, 32, 36, 512, 1000, 1536, BYTES - 4, BYTES};

    for (size_t i = 0; i < ARRAY_COUNT(bytes); i++) {
        check_at_byte("DATA_CRC_FAIL", bytes[i], VDEV_BLOCK_READ, VDEV_ERROR_IO);
        check_at_byte("DATA_CRC_FAIL", bytes[i], VDEV_BLOCK_WRITE, VDEV_ERROR_IO);
        check_at_byte("DATA_TIME_OUT", bytes[i], VDEV_BLOCK_READ, VDEV_ERROR_TIMEOUT);
        check_at_byte("DATA_TIME_OUT", bytes[i], VDEV_BLOCK_WRITE, VDEV_ERROR_TIMEOUT);
    }
    check_at_byte("RX_OVERRUN", 64, VDEV_BLOCK_READ, VDEV_ERROR_IO);
    check_at_byte("START_BIT_ERROR", 64, VDEV_BLOCK_READ, VDEV_ERROR_IO);
    check_at_byte("TX_UNDERRUN", 64, VDEV_BLOCK_WRITE, VDEV_ERROR_IO);
}
END_TEST

START_TEST(a_command_or_data_length_that_gets_lost_is_an_error_in_time)
{
    struct vdev_fault lost = VDEV_FAULT(WRITES_LOST, .name = "MCICommand", .times = 1);
    check(lost, VDEV_BLOCK_WRITE, VDEV_ERROR_TIMEOUT);
    lost.name = "MCIDataCtrl";
    check(lost, VDEV_BLOCK_READ, VDEV_ERROR_TIMEOUT);
    check(lost, VDEV_BLOCK_WRITE, VDEV_ERROR_TIMEOUT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pl181-faults");
    TCase *tcase = tcase_create("pl181-faults");

    coverage = vdev_testing_shared(sizeof *coverage);
    if (coverage == NULL) {
        return EXIT_FAILURE;
    }
    vdev_coverage_init(coverage, &vdev_pl181_registers, "drivers/arm/pl181.c");
    if (!vdev_coverage_file(coverage, TRACES "/../../drivers/arm/pl181.c")) {
        return EXIT_FAILURE;
    }
    tcase_add_test(tcase, without_faults_it_works);
    tcase_add_test(tcase, a_command_that_never_ends_is_a_card_that_left);
    tcase_add_test(tcase, data_that_never_end_are_waited_for_with_an_end);
    tcase_add_test(tcase, bits_that_can_be_done_without_are);
    tcase_add_test(tcase, identification_over_a_stuck_bit_ends);
    tcase_add_test(tcase, absent_controller_is_noticed);
    tcase_add_test(tcase, controller_that_goes_away_ends_the_request);
    tcase_add_test(tcase, a_lost_interrupt_is_made_up_for_at_the_deadline);
    tcase_add_test(tcase, without_any_interrupt_a_timer_will_do);
    tcase_add_test(tcase, an_interrupt_storm_costs_little_and_breaks_nothing);
    tcase_add_test(tcase, a_transfer_that_errs_at_any_byte_is_told);
    tcase_add_test(tcase, a_command_or_data_length_that_gets_lost_is_an_error_in_time);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    bool covered = vdev_coverage_finish(coverage, 90, NULL, NULL);
    return failed == 0 && covered ? EXIT_SUCCESS : EXIT_FAILURE;
}
