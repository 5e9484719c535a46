/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL181 driver against a script: each access it makes, and what it does when the wire errs. */
#include <check.h>
#include <string.h>

#include <vdev/drivers/pl181.h>
#include <vdev/emulators/pl181.h>
#include <vdev/status.h>
#include <vdev/testing/script.h>

#define POWER     0x00
#define CLOCK     0x04
#define ARGUMENT  0x08
#define COMMAND   0x0c
#define RESPONSE  0x14
#define TIMER     0x24
#define LENGTH    0x28
#define CONTROL   0x2c
#define STATUS    0x34
#define CLEAR     0x38
#define MASK0     0x3c
#define MASK1     0x40
#define FIFO      0x80
#define ALL       0x7ff
#define COMMANDS  0xc5
#define RX_ACTIVE (1u << 13)
#define RX_HALF   (1u << 15)
#define RX_SOME   (1u << 21)
#define TX_ACTIVE (1u << 12)
#define TX_HALF   (1u << 14)
#define TX_FULL   (1u << 16)

#define R VDEV_SCRIPT_READ32
#define W VDEV_SCRIPT_WRITE32

/* What `cancel` does when the FIFO is empty. */
#define CANCEL         W(MASK1, 0), W(CONTROL, 0), W(COMMAND, 0), R(STATUS, 0), W(CLEAR, ALL)
#define IDENTIFY(part) R(0xfe0, (part)), R(0xfe4, 0x11), R(0xfe8, 0x04), R(0xfec, 0)

static struct vdev_script script;
static struct vdev_virtual_clock virtual_clock;
static struct vdev_pl181_driver driver;
static struct vdev_sd_command command;
static struct vdev_sd_transfer transfer;
static struct vdev_buffer buffer;
static uint32_t words[256], card_words[256];
static bool present;

static void stray(void *context, const char *message)
{
    (void)context;
    ck_abort_msg("%s", message);
}

static bool is_present(void *context)
{
    (void)context;
    return present;
}

static const struct vdev_script_step good_start[] = {IDENTIFY(0x81), CANCEL, W(MASK0, 0),
                                                     W(CLOCK, 0)};

static int init(const struct vdev_script_step *steps, size_t count)
{
    vdev_virtual_clock_init(&virtual_clock, 1000, 100);
    vdev_script_init(&script, &vdev_pl181_registers, steps, count, &virtual_clock, stray, NULL);
    struct vdev_pl181_driver_configuration configuration = {
        .io = script.io,
        .clock = &virtual_clock.clock,
        .reference_hertz = 24000000,
        .present = is_present,
    };
    return vdev_pl181_driver_init(&driver, &configuration);
}

static void setup(void)
{
    present = true;
    for (uint32_t i = 0; i < 256; i++) {
        words[i] = 0;
        card_words[i] = i * 0x01234567u;
    }
    ck_assert_int_eq(init(good_start, sizeof good_start / sizeof good_start[0]), VDEV_OK);
}

#define PLAY(...)                                                                                  \
    static const struct vdev_script_step steps[] = {__VA_ARGS__};                                  \
    vdev_script_continue(&script, steps, sizeof steps / sizeof steps[0])

static int start(uint8_t index, enum vdev_sd_response response, uint32_t argument)
{
    command = (struct vdev_sd_command){.index = index, .response = response, .argument = argument};
    memset(command.answer, 0xff, sizeof command.answer);
    return driver.host.operations->start(&driver.host, &command, NULL);
}

static int start_data(bool write, uint32_t size, uint32_t count)
{
    command = (struct vdev_sd_command){
        .index = write ? 25 : 18, .response = VDEV_SD_RESPONSE_R1, .argument = 0x1000};
    buffer = (struct vdev_buffer){write ? card_words : words, size * count, VDEV_NO_BUS_ADDRESS};
    transfer = (struct vdev_sd_transfer){.cursor = vdev_cursor(&buffer, 1),
                                         .block_size = size,
                                         .block_count = count,
                                         .write = write};
    return driver.host.operations->start(&driver.host, &command, &transfer);
}

static int poll(void)
{
    return driver.host.operations->poll(&driver.host);
}

static void finish(void)
{
    ck_assert(vdev_script_finish(&script));
}

START_TEST(another_device_is_refused)
{
    static const struct vdev_script_step steps[] = {IDENTIFY(0x11)};
    ck_assert_int_eq(init(steps, 4), VDEV_ERROR_ABSENT);
    finish();
    struct vdev_pl181_driver_configuration nothing = {.io = script.io, .reference_hertz = 1};
    ck_assert_int_eq(vdev_pl181_driver_init(&driver, &nothing), VDEV_ERROR_INVALID);
    nothing.clock = &virtual_clock.clock;
    nothing.reference_hertz = 0;
    ck_assert_int_eq(vdev_pl181_driver_init(&driver, &nothing), VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(reset_powers_up_slowly_and_at_400_khz)
{
    PLAY(CANCEL, W(MASK0, 0), W(POWER, 0), W(POWER, 0x3e), W(CLOCK, 0x11d), W(TIMER, 200000),
         W(POWER, 0x3f), VDEV_SCRIPT_WRITE_BITS32(MASK0, 0x1c5, 0x1c5));
    uint64_t before = virtual_clock.now;
    ck_assert_int_eq(driver.host.operations->reset(&driver.host), VDEV_OK);
    finish();
    ck_assert_uint_ge(virtual_clock.now - before, 1500000);
    ck_assert_uint_le(virtual_clock.now - before, 2000000);
}
END_TEST

START_TEST(reset_of_an_empty_slot_says_so)
{
    PLAY(CANCEL, W(MASK0, 0), W(POWER, 0), W(CLOCK, 0));
    present = false;
    ck_assert_int_eq(driver.host.operations->reset(&driver.host), VDEV_ERROR_ABSENT);
    ck_assert_int_eq(start(13, VDEV_SD_RESPONSE_R1, 0), VDEV_ERROR_ABSENT);
    finish();
}
END_TEST

START_TEST(a_command_is_sent_and_its_answer_fetched)
{
    PLAY(W(ARGUMENT, 0x45670000), W(COMMAND, 0x44d), R(STATUS, 1 << 6), R(RESPONSE, 0x900),
         W(CLEAR, ALL));
    ck_assert_int_eq(start(13, VDEV_SD_RESPONSE_R1, 0x45670000), VDEV_OK);
    ck_assert_uint_eq(command.answer[0], 0);
    ck_assert_int_eq(start(13, VDEV_SD_RESPONSE_R1, 0), VDEV_ERROR_STATE);
    ck_assert_int_eq(poll(), VDEV_OK);
    ck_assert_uint_eq(command.answer[0], 0x900);
    ck_assert_int_eq(poll(), VDEV_ERROR_STATE);
    finish();
}
END_TEST

START_TEST(a_long_answer_has_four_words_and_no_answer_none)
{
    PLAY(W(ARGUMENT, 0), W(COMMAND, 0x4c2), R(STATUS, 1 << 6), R(RESPONSE, 1), R(RESPONSE + 4, 2),
         R(RESPONSE + 8, 3), R(RESPONSE + 12, 4), W(CLEAR, ALL), W(ARGUMENT, 0), W(COMMAND, 0x400),
         R(STATUS, 1 << 7), W(CLEAR, ALL));
    start(2, VDEV_SD_RESPONSE_R2, 0);
    ck_assert_int_eq(poll(), VDEV_OK);
    ck_assert_uint_eq(command.answer[3], 4);
    start(0, VDEV_SD_RESPONSE_NONE, 0);
    ck_assert_int_eq(poll(), VDEV_OK);
    finish();
}
END_TEST

START_TEST(an_r3_is_good_though_its_check_sum_is_not)
{
    PLAY(W(ARGUMENT, 0), W(COMMAND, 0x469), R(STATUS, 1 << 0), R(RESPONSE, 0x80ff8000),
         W(CLEAR, ALL));
    start(41, VDEV_SD_RESPONSE_R3, 0);
    ck_assert_int_eq(poll(), VDEV_OK);
    ck_assert_uint_eq(command.answer[0], 0x80ff8000);
    finish();
}
END_TEST

START_TEST(a_late_answer_is_waited_for_without_waiting)
{
    PLAY(W(ARGUMENT, 0), W(COMMAND, 0x44d), VDEV_SCRIPT_READS32(STATUS, 1 << 11, 9),
         VDEV_SCRIPT_READS32(STATUS, 1 << 11, 9), R(STATUS, 1 << 6), R(RESPONSE, 0x900),
         W(CLEAR, ALL));
    start(13, VDEV_SD_RESPONSE_R1, 0);
    ck_assert_int_eq(poll(), VDEV_SD_PENDING);
    ck_assert_int_eq(poll(), VDEV_SD_PENDING);
    ck_assert_int_eq(poll(), VDEV_OK);
    finish();
}
END_TEST

START_TEST(no_answer_is_a_timeout_and_a_bad_one_an_error)
{
    PLAY(W(ARGUMENT, 0), W(COMMAND, 0x44d), R(STATUS, 1 << 2), CANCEL, W(ARGUMENT, 0),
         W(COMMAND, 0x44d), R(STATUS, 1 << 0), CANCEL, W(ARGUMENT, 0), W(COMMAND, 0x44d),
         R(STATUS, 1 << 2), CANCEL);
    start(13, VDEV_SD_RESPONSE_R1, 0);
    ck_assert_int_eq(poll(), VDEV_ERROR_TIMEOUT);
    start(13, VDEV_SD_RESPONSE_R1, 0);
    ck_assert_int_eq(poll(), VDEV_ERROR_IO);
    start(13, VDEV_SD_RESPONSE_R1, 0);
    present = false;
    ck_assert_int_eq(poll(), VDEV_ERROR_ABSENT);
    finish();
}
END_TEST

#define START_READ(bytes, interrupt)                                                               \
    W(LENGTH, (bytes)), W(CONTROL, 0x93), W(MASK1, (interrupt)), W(ARGUMENT, 0x1000),              \
        W(COMMAND, 0x452)
#define ANSWERED R(STATUS, 1 << 6 | RX_ACTIVE), R(RESPONSE, 0x900), W(CLEAR, COMMANDS)

START_TEST(a_read_comes_in_bursts_of_half_a_fifo)
{
    PLAY(START_READ(512, RX_HALF), ANSWERED, R(STATUS, RX_ACTIVE | RX_HALF | RX_SOME),
         VDEV_SCRIPT_READ_DATA32(FIFO, card_words, 8), R(STATUS, RX_ACTIVE | RX_SOME),
         VDEV_SCRIPT_READS32(STATUS, RX_ACTIVE | RX_SOME, 2),
         R(STATUS, RX_ACTIVE | RX_HALF | RX_SOME), VDEV_SCRIPT_READ_DATA32(FIFO, card_words + 8, 8),
         R(STATUS, RX_ACTIVE), VDEV_SCRIPT_READS32(STATUS, RX_ACTIVE, 8),
         R(STATUS, RX_ACTIVE | RX_HALF | RX_SOME),
         VDEV_SCRIPT_READ_DATA32(FIFO, card_words + 16, 8), R(STATUS, 1 << 3), CANCEL);
    ck_assert_int_eq(start_data(false, 512, 1), VDEV_OK);
    ck_assert_int_eq(poll(), VDEV_SD_MORE);
    ck_assert_uint_eq(command.answer[0], 0x900);
    ck_assert_mem_eq(words, card_words, 64);
    /* The card stops in the middle, and the controller says so. */
    ck_assert_int_eq(poll(), VDEV_ERROR_TIMEOUT);
    finish();
}
END_TEST

START_TEST(short_data_come_word_by_word)
{
    PLAY(W(LENGTH, 8), W(CONTROL, 0x33), W(MASK1, RX_SOME), W(ARGUMENT, 0x1000), W(COMMAND, 0x452),
         ANSWERED, R(STATUS, RX_ACTIVE | RX_SOME), R(FIFO, 0x11), R(STATUS, RX_ACTIVE | RX_SOME),
         R(FIFO, 0x22), R(STATUS, 1 << 8), W(MASK1, 0), W(CONTROL, 0), W(CLEAR, ALL));
    ck_assert_int_eq(start_data(false, 8, 1), VDEV_OK);
    ck_assert_int_eq(poll(), VDEV_OK);
    ck_assert_uint_eq(words[0], 0x11);
    ck_assert_uint_eq(words[1], 0x22);
    finish();
}
END_TEST

static void read_error(uint32_t bit, int expected)
{
    const struct vdev_script_step steps[] = {START_READ(512, RX_HALF), ANSWERED,
                                             R(STATUS, RX_ACTIVE | bit), CANCEL};
    vdev_script_continue(&script, steps, sizeof steps / sizeof steps[0]);
    ck_assert_int_eq(start_data(false, 512, 1), VDEV_OK);
    ck_assert_int_eq(poll(), expected);
    finish();
}

START_TEST(each_data_error_has_its_status)
{
    read_error(1u << 1, VDEV_ERROR_IO);
    read_error(1u << 3, VDEV_ERROR_TIMEOUT);
    read_error(1u << 5, VDEV_ERROR_IO);
    read_error(1u << 9, VDEV_ERROR_IO);
    present = true;
}
END_TEST

START_TEST(what_an_error_leaves_in_the_fifo_is_thrown_away)
{
    PLAY(START_READ(512, RX_HALF), ANSWERED, R(STATUS, RX_ACTIVE | 1 << 1), W(MASK1, 0),
         W(CONTROL, 0), W(COMMAND, 0), R(STATUS, RX_SOME), R(FIFO, 1), R(STATUS, RX_SOME),
         R(FIFO, 1), R(STATUS, 0), W(CLEAR, ALL));
    ck_assert_int_eq(start_data(false, 512, 1), VDEV_OK);
    ck_assert_int_eq(poll(), VDEV_ERROR_IO);
    finish();
}
END_TEST

#define START_WRITE                                                                                \
    W(ARGUMENT, 0x1000), W(COMMAND, 0x459), R(STATUS, 1 << 6 | 1 << 8), R(RESPONSE, 0x900),        \
        W(CLEAR, ALL), W(LENGTH, 64), W(CONTROL, 0x61), W(MASK1, TX_HALF)

START_TEST(a_write_begins_after_the_answer_and_ends_with_data_end)
{
    PLAY(START_WRITE, R(STATUS, TX_ACTIVE | TX_HALF), VDEV_SCRIPT_WRITE_DATA32(FIFO, card_words, 8),
         R(STATUS, TX_ACTIVE | TX_HALF), VDEV_SCRIPT_WRITE_DATA32(FIFO, card_words + 8, 8),
         R(STATUS, TX_ACTIVE), W(MASK1, 0), R(STATUS, TX_ACTIVE), W(MASK1, 0),
         R(STATUS, 1 << 8 | 1 << 10), W(MASK1, 0), W(CONTROL, 0), W(CLEAR, ALL));
    ck_assert_int_eq(start_data(true, 64, 1), VDEV_OK);
    ck_assert_int_eq(poll(), VDEV_SD_PENDING);
    ck_assert_int_eq(poll(), VDEV_SD_PENDING);
    ck_assert_int_eq(poll(), VDEV_OK);
    finish();
}
END_TEST

START_TEST(a_failing_write_is_an_error)
{
    PLAY(START_WRITE, R(STATUS, TX_ACTIVE | TX_HALF), VDEV_SCRIPT_WRITE_DATA32(FIFO, card_words, 8),
         R(STATUS, TX_ACTIVE | TX_HALF), VDEV_SCRIPT_WRITE_DATA32(FIFO, card_words + 8, 8),
         R(STATUS, TX_ACTIVE), W(MASK1, 0), R(STATUS, 1 << 1), CANCEL, START_WRITE,
         R(STATUS, 1 << 4), CANCEL);
    ck_assert_int_eq(start_data(true, 64, 1), VDEV_OK);
    ck_assert_int_eq(poll(), VDEV_SD_PENDING);
    ck_assert_int_eq(poll(), VDEV_ERROR_IO); /* the card's negative acknowledgement */
    ck_assert_int_eq(start_data(true, 64, 1), VDEV_OK);
    ck_assert_int_eq(poll(), VDEV_ERROR_IO); /* underrun */
    finish();
}
END_TEST

START_TEST(a_stuck_fifo_is_left_to_the_interrupt)
{
    PLAY(START_READ(512, RX_HALF), ANSWERED, VDEV_SCRIPT_READS32(STATUS, RX_ACTIVE, 9),
         VDEV_SCRIPT_READS32(STATUS, RX_ACTIVE, 9), CANCEL);
    ck_assert_int_eq(start_data(false, 512, 1), VDEV_OK);
    ck_assert_int_eq(poll(), VDEV_SD_PENDING);
    ck_assert_int_eq(poll(), VDEV_SD_PENDING);
    driver.host.operations->cancel(&driver.host);
    finish();
    ck_assert_int_eq(poll(), VDEV_ERROR_STATE);
}
END_TEST

START_TEST(transfers_that_the_controller_cannot_do_are_refused)
{
    ck_assert_int_eq(start_data(false, 512, 0), VDEV_ERROR_INVALID);
    ck_assert_int_eq(start_data(false, 512, 128), VDEV_ERROR_INVALID);
    ck_assert_int_eq(start_data(false, 1024, 1), VDEV_ERROR_INVALID);
    ck_assert_int_eq(start_data(false, 2, 1), VDEV_ERROR_INVALID);
    ck_assert_int_eq(start_data(false, 96, 1), VDEV_ERROR_INVALID);
    ck_assert_uint_eq(driver.host.maximum_blocks, 127);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pl181 script");
    TCase *tests = tcase_create("register by register");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, another_device_is_refused);
    tcase_add_test(tests, reset_powers_up_slowly_and_at_400_khz);
    tcase_add_test(tests, reset_of_an_empty_slot_says_so);
    tcase_add_test(tests, a_command_is_sent_and_its_answer_fetched);
    tcase_add_test(tests, a_long_answer_has_four_words_and_no_answer_none);
    tcase_add_test(tests, an_r3_is_good_though_its_check_sum_is_not);
    tcase_add_test(tests, a_late_answer_is_waited_for_without_waiting);
    tcase_add_test(tests, no_answer_is_a_timeout_and_a_bad_one_an_error);
    tcase_add_test(tests, a_read_comes_in_bursts_of_half_a_fifo);
    tcase_add_test(tests, short_data_come_word_by_word);
    tcase_add_test(tests, each_data_error_has_its_status);
    tcase_add_test(tests, what_an_error_leaves_in_the_fifo_is_thrown_away);
    tcase_add_test(tests, a_write_begins_after_the_answer_and_ends_with_data_end);
    tcase_add_test(tests, a_failing_write_is_an_error);
    tcase_add_test(tests, a_stuck_fifo_is_left_to_the_interrupt);
    tcase_add_test(tests, transfers_that_the_controller_cannot_do_are_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
