/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The OMAP3's I2C driver and the TWL4030's card supply over it: access by access, on a model of the
 * controller, and with faults between the two. What the two do for a board is in beagle_board.c.
 */
#include "beagle.h"

#include <vdev/drivers/omap3_i2c.h>
#include <vdev/testing/model.h>

#define MILLISECOND UINT64_C(1000000)
#define TWL4030     0x4Bu

static struct vdev_coverage *coverage;
static struct vdev_virtual_clock virtual_clock;
static struct vdev_omap3_i2c i2c;

/* ---- the controller [OMAP35x TRM table 18-14], with a TWL4030 on its bus ---- */

#define STAT_AL   0x0001u
#define STAT_NACK 0x0002u
#define STAT_ARDY 0x0004u
#define STAT_RRDY 0x0008u
#define STAT_XRDY 0x0010u
#define STAT_XUDF 0x0400u
#define STAT_BB   0x1000u
#define STAT_ALL  0x6FFFu

#define REGISTERS(X)                                                                               \
    X(REV, 0x00, .kind = VDEV_REGISTER_READ_ONLY, .reset = 0x3C)                                   \
    X(IE, 0x04, .writable = 0x6FFF)                                                                \
    X(STAT, 0x08, .write_one_to_clear = STAT_ALL, .write = write_stat)                             \
    X(WE, 0x0C, .writable = 0x6FFF)                                                                \
    X(SYSS, 0x10, .kind = VDEV_REGISTER_READ_ONLY, .read = read_syss)                              \
    X(BUF, 0x14, .writable = 0xBFBF, .self_clearing = 0x4040)                                      \
    X(CNT, 0x18, .writable = 0xFFFF)                                                               \
    X(DATA, 0x1C, .read = read_data, .write = write_data, .reserved = 0xFF00)                      \
    X(SYSC, 0x20, .writable = 0x31D, .self_clearing = 0x2, .write = write_sysc)                    \
    X(CON, 0x24, .writable = 0xBFF3, .write = write_con)                                           \
    X(OA0, 0x28, .writable = 0xE3FF)                                                               \
    X(SA, 0x2C, .writable = 0x3FF, .reset = 0x3FF)                                                 \
    X(PSC, 0x30, .writable = 0xFF, .reserved = 0xFF00)                                             \
    X(SCLL, 0x34, .writable = 0xFFFF)                                                              \
    X(SCLH, 0x38, .writable = 0xFFFF)

static vdev_register_read_function read_syss, read_data;
static vdev_register_write_function write_stat, write_data, write_sysc, write_con;

#define NUMBER(id, offset_, ...) id,
#define INDEX(id, offset_, ...)  [(offset_) / 4] = (id) + 1,
#define REGISTER(id, offset_, ...)                                                                 \
    [id] = {.name = #id, .offset = (offset_), .widths = VDEV_REGISTER_16, __VA_ARGS__},

enum { REGISTERS(NUMBER) REGISTER_COUNT };
static const uint8_t words[] = {REGISTERS(INDEX)};
static const struct vdev_register registers[] = {REGISTERS(REGISTER)};
static const struct vdev_register_field fields[] = {
    {0x08, STAT_AL, "AL"},      {0x08, STAT_NACK, "NACK"},
    {0x08, STAT_ARDY, "ARDY"},  {0x08, STAT_RRDY, "RRDY"},
    {0x08, STAT_XRDY, "XRDY"},  {0x08, STAT_XUDF, "XUDF"},
    {0x08, 0x0800, "ROVR"},     {0x08, STAT_BB, "BB"},
    {0x10, 0x1, "DONE"},        {0x20, 0x2, "RESET"},
    {0x24, 0x0001, "START"},    {0x24, 0x0002, "STOP"},
    {0x24, 0x0200, "TRANSMIT"}, {0x24, 0x0400, "MASTER"},
    {0x24, 0x8000, "ENABLE"},   {0, 0, NULL},
};
static const struct vdev_register_table table = {.registers = registers,
                                                 .count = REGISTER_COUNT,
                                                 .index = words,
                                                 .words = sizeof words,
                                                 .fields = fields};

static struct {
    struct vdev_model model;
    uint32_t values[REGISTER_COUNT];
    uint8_t device[256]; /* the TWL4030's power registers */
    uint8_t number;      /* of which is next */
    bool numbered;
    uint32_t left; /* bytes of the message */
} chip;

static void go_on(void)
{
    uint32_t control = chip.values[CON];

    if (chip.left != 0) {
        chip.values[STAT] |= (control & 0x200) != 0 ? STAT_XRDY | STAT_XUDF : STAT_RRDY;
        return;
    }
    chip.values[STAT] |= STAT_ARDY;
    chip.numbered = chip.numbered && (control & 2) == 0;
}

static void write_stat(void *device, uint32_t offset, uint32_t value)
{
    (void)device;
    (void)offset;
    if (value == STAT_RRDY || value == STAT_XRDY) {
        go_on();
    }
}

static uint32_t read_syss(void *device, uint32_t offset)
{
    (void)device;
    (void)offset;
    return (chip.values[CON] & 0x8000) != 0;
}

static uint32_t read_data(void *device, uint32_t offset)
{
    (void)device;
    (void)offset;
    chip.left -= chip.left != 0;
    return chip.device[chip.number++];
}

static void write_data(void *device, uint32_t offset, uint32_t value)
{
    (void)device;
    (void)offset;
    chip.left -= chip.left != 0;
    chip.values[STAT] &= ~STAT_XUDF;
    if (chip.numbered) {
        chip.device[chip.number++] = (uint8_t)value;
    } else {
        chip.number = (uint8_t)value;
        chip.numbered = true;
    }
}

static void write_sysc(void *device, uint32_t offset, uint32_t value)
{
    (void)device;
    (void)offset;
    if ((value & 2) != 0) {
        chip.values[STAT] = 0;
        chip.left = 0;
        chip.numbered = false;
    }
}

static void write_con(void *device, uint32_t offset, uint32_t value)
{
    (void)device;
    (void)offset;
    if ((value & 0x8401) != 0x8401) {
        return;
    }
    chip.left = chip.values[CNT];
    if (chip.values[SA] != TWL4030) {
        chip.values[STAT] |= STAT_NACK;
    } else {
        go_on();
    }
}

/* ---- by script ---- */

static struct vdev_script script;

#define R VDEV_SCRIPT_READ
#define W VDEV_SCRIPT_WRITE

/* 400 kHz from 96 MHz: 12 MHz, of which low and high are 15 each, less 7 and 5. */
#define SET_UP(done)                                                                               \
    W("CON", 0), W("SYSC", 2), W("CON", 0x8000), done, W("CON", 0), W("PSC", 7), W("SCLL", 8),     \
        W("SCLH", 10), W("CON", 0x8000), W("IE", 0x1F)
#define MESSAGE(length, control)                                                                   \
    W("STAT", STAT_ALL), W("BUF", 0x4040), W("CNT", (length)), W("CON", (control))
#define BEGIN         R("STAT", 0), W("SA", TWL4030)
#define WRITE_MESSAGE BEGIN, MESSAGE(2, 0x8603)
/* A byte goes out once the transmitter has run empty: erratum i462. */
#define OUT(byte)                                                                                  \
    R("STAT", STAT_XRDY), R("STAT", STAT_XRDY), R("STAT", STAT_XRDY | STAT_XUDF),                  \
        W("DATA", (byte)), W("STAT", STAT_XRDY)
#define IN(byte)        R("STAT", STAT_RRDY), R("DATA", (byte)), W("STAT", STAT_RRDY)
#define READY           R("STAT", 0), R("STAT", STAT_ARDY), W("STAT", STAT_ARDY)
#define WRITE_TWO(a, b) WRITE_MESSAGE, OUT(a), OUT(b), READY
#define READ_ONE(a, value)                                                                         \
    BEGIN, MESSAGE(1, 0x8601), OUT(a), READY, MESSAGE(1, 0x8403), IN(value), READY

static void play(const struct vdev_script_step *steps, size_t count)
{
    static const struct vdev_script_step set_up[] = {SET_UP(VDEV_SCRIPT_UNTIL("SYSS", 0, 3, 1))};

    vdev_virtual_clock_init(&virtual_clock, 1000, 1000);
    vdev_script_init(&script, &table, set_up, ARRAY_COUNT(set_up), &virtual_clock,
                     vdev_testing_check, NULL);
    ck_assert_int_eq(vdev_omap3_i2c_init(&i2c, &script.io, &virtual_clock.clock, 400000), VDEV_OK);
    vdev_script_continue(&script, steps, count);
}

#define PLAY(...)                                                                                  \
    static const struct vdev_script_step steps[] = {__VA_ARGS__};                                  \
    play(steps, ARRAY_COUNT(steps))

static void check_write(int expected, uint64_t limit)
{
    static const uint8_t bytes[2] = {0x10, 0xAB};
    uint64_t before = virtual_clock.now;

    ck_assert_int_eq(vdev_omap3_i2c_write(&i2c, TWL4030, bytes, 2), expected);
    ck_assert_uint_le(virtual_clock.now - before, limit);
}

START_TEST(set_up_and_a_write)
{
    PLAY(WRITE_TWO(0x10, 0xAB));
    check_write(VDEV_OK, MILLISECOND);
    vdev_script_finish(&script);
}
END_TEST

START_TEST(a_read_is_two_messages_without_a_stop_between)
{
    uint8_t byte = 0;
    PLAY(READ_ONE(0x10, 0xAB));
    ck_assert_int_eq(vdev_omap3_i2c_read(&i2c, TWL4030, 0x10, &byte, 1), VDEV_OK);
    ck_assert_uint_eq(byte, 0xAB);
    vdev_script_finish(&script);
}
END_TEST

START_TEST(nobody_acknowledges_and_the_bus_is_let_go)
{
    PLAY(WRITE_MESSAGE, R("STAT", STAT_NACK), W("STAT", STAT_ALL), W("CON", 0x8402),
         R("STAT", STAT_BB), R("STAT", 0), WRITE_TWO(0x10, 0xAB));
    check_write(VDEV_ERROR_ABSENT, MILLISECOND);
    check_write(VDEV_OK, MILLISECOND);
    vdev_script_finish(&script);
}
END_TEST

START_TEST(lost_arbitration_is_an_error_and_a_new_start)
{
    PLAY(WRITE_MESSAGE, OUT(0x10), R("STAT", STAT_AL), SET_UP(R("SYSS", 1)), WRITE_TWO(0x10, 0xAB));
    check_write(VDEV_ERROR_IO, MILLISECOND);
    check_write(VDEV_OK, MILLISECOND);
    vdev_script_finish(&script);
}
END_TEST

START_TEST(a_bus_that_is_busy_for_ever_is_given_up)
{
    PLAY(VDEV_SCRIPT_REPEAT("STAT", STAT_BB, 0), SET_UP(R("SYSS", 1)), WRITE_TWO(0x10, 0xAB));
    check_write(VDEV_ERROR_TIMEOUT, 3 * MILLISECOND);
    check_write(VDEV_OK, MILLISECOND);
    vdev_script_finish(&script);
}
END_TEST

START_TEST(all_ones_are_no_controller)
{
    /* Between messages, and in one: all ones say busy, and that nobody acknowledged. */
    PLAY(VDEV_SCRIPT_REPEAT("STAT", 0xFFFF, 0), SET_UP(R("SYSS", 0xFFFF)), WRITE_MESSAGE,
         R("STAT", 0xFFFF), W("STAT", STAT_ALL), W("CON", 0x8402),
         VDEV_SCRIPT_REPEAT("STAT", 0xFFFF, 0));
    check_write(VDEV_ERROR_TIMEOUT, 3 * MILLISECOND);
    check_write(VDEV_ERROR_ABSENT, 3 * MILLISECOND);
    vdev_script_finish(&script);
}
END_TEST

START_TEST(the_supplys_voltage_goes_before_its_power)
{
    PLAY(WRITE_TWO(0x85, 2), READ_ONE(0x85, 0xFE), WRITE_TWO(0x82, 0x20), WRITE_TWO(0x82, 0),
         WRITE_TWO(0x85, 0), READ_ONE(0x85, 2));
    uint64_t before = virtual_clock.now;
    ck_assert_int_eq(vdev_twl4030_set_vmmc1(&i2c, true, false), VDEV_OK);
    ck_assert_uint_ge(virtual_clock.now - before, MILLISECOND);
    ck_assert_int_eq(vdev_twl4030_set_vmmc1(&i2c, false, false), VDEV_OK);
    /* 1.85 V does not take: no power then. */
    ck_assert_int_eq(vdev_twl4030_set_vmmc1(&i2c, true, true), VDEV_ERROR_IO);
    vdev_script_finish(&script);
}
END_TEST

/* ---- by model, with faults ---- */

static struct vdev_bench bench;
static struct vdev_fault fault;

static int start(struct vdev_fault wrong, uint32_t from)
{
    fault = wrong;
    fault.from = from;
    memset(&chip, 0, sizeof chip);
    vdev_virtual_clock_init(&virtual_clock, 1000, 1000);
    vdev_model_init(&chip.model, &table, chip.values, &chip, &virtual_clock, vdev_testing_check,
                    NULL);
    vdev_bench_init(&bench, &(const struct vdev_bench_configuration){.device = &chip.model.io,
                                                                     .table = &table,
                                                                     .clock = &virtual_clock,
                                                                     .faults = &fault,
                                                                     .fault_count = 1,
                                                                     .coverage = coverage,
                                                                     .fail = vdev_testing_check});
    return vdev_omap3_i2c_init(&i2c, &bench.io, &virtual_clock.clock, 400000);
}

/* What struck strikes no more: the same driver writes and reads. */
static void check_usable(void)
{
    uint8_t byte = 0;

    ck_assert_uint_ne(fault.struck, 0);
    fault.times = fault.struck;
    fault.over = true;
    check_write(VDEV_OK, 2 * MILLISECOND);
    ck_assert_uint_eq(chip.device[0x10], 0xAB);
    ck_assert_int_eq(vdev_omap3_i2c_read(&i2c, TWL4030, 0x10, &byte, 1), VDEV_OK);
    ck_assert_uint_eq(byte, 0xAB);
}

/* The header's 20 ms, and the 10 ms of a reset. */
static void check_fault(struct vdev_fault wrong, uint32_t after, bool write, int expected)
{
    uint8_t byte;

    ck_assert_int_eq(start(wrong, UINT32_MAX), VDEV_OK);
    fault.from = bench.history.count + after;
    if (write) {
        check_write(expected, 30 * MILLISECOND);
    } else {
        uint64_t before = virtual_clock.now;
        ck_assert_int_eq(vdev_omap3_i2c_read(&i2c, TWL4030, 0x10, &byte, 1), expected);
        ck_assert_uint_le(virtual_clock.now - before, 30 * MILLISECOND);
    }
    check_usable();
}

#define STUCK(field, value) (struct vdev_fault) VDEV_FAULT_STUCK("STAT", field, value)

START_TEST(a_reset_that_does_not_end)
{
    ck_assert_int_eq(start((struct vdev_fault)VDEV_FAULT_STUCK("SYSS", "DONE", ZERO), 0),
                     VDEV_ERROR_TIMEOUT);
    ck_assert_uint_le(virtual_clock.now, 11 * MILLISECOND);
    fault.times = fault.struck;
    ck_assert_int_eq(vdev_omap3_i2c_init(&i2c, &bench.io, &virtual_clock.clock, 400000), VDEV_OK);
    check_usable();
}
END_TEST

START_TEST(status_bits_that_are_stuck)
{
    for (int write = 0; write < 2; write++) {
        check_fault(STUCK("BB", ONE), 0, write != 0, VDEV_ERROR_TIMEOUT);
        check_fault(STUCK("AL", ONE), 0, write != 0, VDEV_ERROR_IO);
        check_fault(STUCK("ROVR", ONE), 0, write != 0, VDEV_ERROR_IO);
        check_fault(STUCK("NACK", ONE), 0, write != 0, VDEV_ERROR_ABSENT);
        check_fault(STUCK("RRDY", ONE), 0, write != 0, VDEV_ERROR_IO);
        check_fault(STUCK("XRDY", ONE), 0, write != 0, VDEV_ERROR_IO);
        check_fault(STUCK("XRDY", ZERO), 0, write != 0, VDEV_ERROR_TIMEOUT);
        check_fault(STUCK("ARDY", ZERO), 0, write != 0, VDEV_ERROR_TIMEOUT);
        /* The erratum's sign does not come: later, and well. */
        check_fault(STUCK("XUDF", ZERO), 0, write != 0, VDEV_OK);
    }
    check_fault(STUCK("RRDY", ZERO), 0, false, VDEV_ERROR_TIMEOUT);
}
END_TEST

START_TEST(a_controller_that_goes_away)
{
    for (uint32_t after = 0; after < 12; after++) {
        for (int write = 0; write < 2; write++) {
            uint8_t byte;
            ck_assert_int_eq(start((struct vdev_fault)VDEV_FAULT_ABSENT(0), UINT32_MAX), VDEV_OK);
            fault.from = bench.history.count + after;
            uint64_t before = virtual_clock.now;
            int status = write != 0
                             ? vdev_omap3_i2c_write(&i2c, TWL4030, (const uint8_t[]){1, 2}, 2)
                             : vdev_omap3_i2c_read(&i2c, TWL4030, 0x10, &byte, 1);
            ck_assert(status == VDEV_ERROR_TIMEOUT || status == VDEV_ERROR_ABSENT);
            ck_assert_uint_le(virtual_clock.now - before, 30 * MILLISECOND);
            fault.times = fault.struck;
            /* It is back as it was left, in the middle of a message perhaps: set up anew. */
            ck_assert_int_eq(vdev_omap3_i2c_init(&i2c, &bench.io, &virtual_clock.clock, 400000),
                             VDEV_OK);
            check_usable();
        }
    }
}
END_TEST

START_TEST(writes_that_get_lost)
{
    struct vdev_fault lost = VDEV_FAULT(WRITES_LOST, .name = "CON", .times = 1);
    check_fault(lost, 0, true, VDEV_ERROR_TIMEOUT);
    check_fault(lost, 0, false, VDEV_ERROR_TIMEOUT);
    lost.name = "SA"; /* no device is at the reset's address */
    check_fault(lost, 0, true, VDEV_ERROR_ABSENT);
    lost.name = "CNT";
    check_fault(lost, 0, true, VDEV_ERROR_IO);
}
END_TEST

START_TEST(a_transfer_that_errs_at_any_byte)
{
    static const char *const errors[] = {"AL", "ROVR", "NACK"};
    static const uint8_t bytes[9] = {0x20, 1, 2, 3, 4, 5, 6, 7, 8};

    for (uint32_t at = 2; at <= 2 * sizeof bytes; at += 2) { /* an access moves two, one of use */
        for (size_t i = 0; i < ARRAY_COUNT(errors); i++) {
            struct vdev_fault wrong = VDEV_FAULT_AT_BYTE("DATA", at, "STAT", NULL);
            wrong.field = errors[i];
            ck_assert_int_eq(start(wrong, 0), VDEV_OK);
            uint64_t before = virtual_clock.now;
            ck_assert_int_eq(vdev_omap3_i2c_write(&i2c, TWL4030, bytes, sizeof bytes),
                             i == 2 ? VDEV_ERROR_ABSENT : VDEV_ERROR_IO);
            ck_assert_uint_le(virtual_clock.now - before, 30 * MILLISECOND);
            ck_assert_uint_eq(fault.moved, at);
            if (i == 2) {
                chip.numbered = false; /* the device has seen the stop */
            }
            check_usable();
        }
    }
}
END_TEST

START_TEST(a_supply_behind_a_broken_bus_stays_as_it_is)
{
    ck_assert_int_eq(start(STUCK("NACK", ONE), UINT32_MAX), VDEV_OK);
    fault.from = bench.history.count;
    ck_assert_int_eq(vdev_twl4030_set_vmmc1(&i2c, true, false), VDEV_ERROR_ABSENT);
    ck_assert_uint_eq(chip.device[0x82], 0);
    ck_assert_int_eq(vdev_twl4030_set_vmmc1(&i2c, false, false), VDEV_ERROR_ABSENT);
    check_usable();
    ck_assert_int_eq(vdev_twl4030_set_vmmc1(&i2c, true, false), VDEV_OK);
    ck_assert_uint_eq(chip.device[0x85], 2);
    ck_assert_uint_eq(chip.device[0x82], 0x20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("beagle i2c");
    TCase *tests = tcase_create("by script");

    coverage = beagle_coverage(&table, "I2C", __FILE__, "omap3_i2c.c");
    tcase_add_test(tests, set_up_and_a_write);
    tcase_add_test(tests, a_read_is_two_messages_without_a_stop_between);
    tcase_add_test(tests, nobody_acknowledges_and_the_bus_is_let_go);
    tcase_add_test(tests, lost_arbitration_is_an_error_and_a_new_start);
    tcase_add_test(tests, a_bus_that_is_busy_for_ever_is_given_up);
    tcase_add_test(tests, all_ones_are_no_controller);
    tcase_add_test(tests, the_supplys_voltage_goes_before_its_power);
    suite_add_tcase(suite, tests);
    tests = tcase_create("faults");
    tcase_add_test(tests, a_reset_that_does_not_end);
    tcase_add_test(tests, status_bits_that_are_stuck);
    tcase_add_test(tests, a_controller_that_goes_away);
    tcase_add_test(tests, writes_that_get_lost);
    tcase_add_test(tests, a_transfer_that_errs_at_any_byte);
    tcase_add_test(tests, a_supply_behind_a_broken_bus_stays_as_it_is);
    suite_add_tcase(suite, tests);
    return beagle_run(suite, &coverage, 1);
}
