/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The card layer over a host that does as the test says: cards that lie, err, keep silent, answer
 * late, stay busy or leave. The host knows just enough of SD to be a good card otherwise.
 */
#include <check.h>
#include <string.h>

#include <vdev/drivers/sd_card.h>
#include <vdev/status.h>
#include <vdev/testing/clock.h>

#define CARD_STATE(state) ((uint32_t)(state) << 9 | 1u << 8)

static struct {
    struct vdev_sd_host host;
    struct vdev_sd_command *command;
    struct vdev_sd_transfer *transfer;
    unsigned polls;
    /* How it errs: command `index` (of the data phase if `data`) fails so, from the n-th on. */
    int index, status;
    unsigned from, seen;
    uint32_t errors;   /* set in the R1 of that command */
    bool once;         /* and then is good again */
    bool refuses;      /* the R1 comes, the data never do */
    bool absent;       /* nothing answers */
    unsigned busy;     /* how many CMD13 say that it is programming */
    unsigned power_up; /* how many ACMD41 say that it is not ready */
    bool old;          /* version 1: CMD8 is unknown */
    bool slow;         /* nothing is done before the second poll */
    uint32_t csd[4];
    unsigned commands[64], resets, cancels;
    uint32_t last_argument, last_count;
    uint64_t moved;
} mock;

static struct vdev_virtual_clock virtual_clock;
static struct vdev_sd_card card;
static uint8_t data[512 * 300];

static int reset(struct vdev_sd_host *host)
{
    (void)host;
    mock.resets++;
    mock.command = NULL;
    return VDEV_OK;
}

static void set_bus(struct vdev_sd_host *host, uint32_t hertz, unsigned lines)
{
    (void)host;
    ck_assert_uint_le(hertz, 25000000);
    ck_assert(lines == 1 || lines == 4);
}

static int start(struct vdev_sd_host *host, struct vdev_sd_command *command,
                 struct vdev_sd_transfer *transfer)
{
    (void)host;
    ck_assert_ptr_null(mock.command);
    ck_assert_uint_lt(command->index, 64);
    mock.command = command;
    mock.transfer = transfer;
    mock.polls = 0;
    mock.commands[command->index]++;
    mock.last_argument = command->argument;
    memset(command->answer, 0, sizeof command->answer);
    if (transfer != NULL) {
        ck_assert_uint_le(transfer->block_count, host->maximum_blocks);
        mock.last_count = transfer->block_count;
    }
    return VDEV_OK;
}

static void answer(struct vdev_sd_command *command)
{
    uint32_t *to = command->answer;

    to[0] = CARD_STATE(4);
    switch (command->index) {
    case 8:
        to[0] = command->argument;
        break;
    case 2:
        to[0] = 0x01565476;
        to[1] = 0x64657620;
        to[2] = 0x10deadbe;
        to[3] = 0xef012345;
        break;
    case 3:
        to[0] = 0xaaaa0000 | CARD_STATE(2);
        break;
    case 9:
        memcpy(to, mock.csd, sizeof mock.csd);
        break;
    case 13:
        if (mock.busy != 0) {
            mock.busy -= mock.busy != 1000000;
            to[0] = 7u << 9;
        }
        break;
    case 41:
        to[0] = mock.power_up != 0 ? 0x00ff8000 : 0xc0ff8000;
        mock.power_up -= mock.power_up != 0 && mock.power_up != 1000000;
        break;
    default:
        break;
    }
}

static int end(int status)
{
    mock.command = NULL;
    return status;
}

static int poll(struct vdev_sd_host *host)
{
    struct vdev_sd_command *command = mock.command;

    (void)host;
    ck_assert_ptr_nonnull(command);
    vdev_virtual_clock_advance(&virtual_clock, 10000);
    if (mock.absent || (mock.old && command->index == 8)) {
        return end(VDEV_ERROR_TIMEOUT);
    }
    if (mock.slow && mock.polls++ == 0) {
        return VDEV_SD_PENDING;
    }
    if (mock.status > 0 && !mock.once && command->index == mock.index) {
        return mock.status; /* and so for ever */
    }
    if (command->answer[0] == 0) {
        answer(command);
        if (command->index == mock.index && mock.seen++ >= mock.from) {
            command->answer[0] |= mock.errors;
            if (mock.once) {
                mock.index = -1;
            }
            if (mock.status != VDEV_OK) {
                return mock.status > 0 ? mock.status : end(mock.status);
            }
        }
    }
    if (mock.transfer == NULL) {
        return end(VDEV_OK);
    }
    if (mock.refuses) {
        return VDEV_SD_PENDING;
    }
    mock.moved += vdev_cursor_skip(&mock.transfer->cursor, mock.transfer->block_size);
    if (--mock.last_count == 0) {
        return end(VDEV_OK);
    }
    return VDEV_SD_MORE;
}

static void cancel(struct vdev_sd_host *host)
{
    (void)host;
    mock.cancels++;
    mock.command = NULL;
}

static void set_csd(uint32_t size)
{
    mock.csd[0] = 0x400e0032;
    mock.csd[1] = 0x5b590000 | size >> 16;
    mock.csd[2] = size << 16 | 0x7f80;
    mock.csd[3] = 0x0a400001;
}

static int init(void)
{
    vdev_virtual_clock_init(&virtual_clock, 1000, 0);
    return vdev_sd_card_init(&card, &mock.host, &virtual_clock.clock);
}

static void setup(void)
{
    static const struct vdev_sd_host_operations operations = {reset, set_bus, start, poll, cancel};

    memset(&mock, 0, sizeof mock);
    mock.host = (struct vdev_sd_host){
        .operations = &operations, .maximum_blocks = 127, .maximum_hertz = 24000000};
    mock.index = -1;
    set_csd(15); /* 8 MiB */
    ck_assert_int_eq(init(), VDEV_OK);
    memset(mock.commands, 0, sizeof mock.commands);
}

static void completed(struct vdev_block_request *request, int status)
{
    *(int *)request->owner = status;
}

static int move(enum vdev_block_operation operation, uint64_t sector, size_t sectors)
{
    struct vdev_buffer buffer = {data, sectors * 512, VDEV_NO_BUS_ADDRESS};
    int status = 1;
    struct vdev_block_request request = {
        .operation = operation,
        .sector = sector,
        .buffers = &buffer,
        .buffer_count = 1,
        .complete = completed,
        .owner = &status,
    };
    uint64_t before = virtual_clock.now;
    int result = vdev_block_submit(&card.block, &request);
    if (result != VDEV_OK) {
        return result;
    }
    for (unsigned i = 0; status > 0; i++) {
        ck_assert_uint_lt(i, 3000000);
        if (!vdev_block_poll(&card.block) && status > 0) {
            ck_assert_uint_ne(vdev_sd_card_deadline(&card), UINT64_MAX);
        }
    }
    /* Whatever goes wrong: data, then busy, then recovery, each within its time. */
    ck_assert_uint_le(virtual_clock.now - before, 5000000000u);
    return status;
}

START_TEST(what_the_card_says_of_itself_is_kept)
{
    ck_assert_uint_eq(card.block.information.sectors, 16384);
    ck_assert_str_eq(card.block.information.identifier, "vdev_-deadbeef");
    ck_assert_uint_eq(card.address, 0xaaaa);
}
END_TEST

START_TEST(requests_are_cut_into_as_few_commands_as_the_host_allows)
{
    mock.moved = 0;
    ck_assert_int_eq(move(VDEV_BLOCK_READ, 1, 300), VDEV_OK);
    ck_assert_uint_eq(mock.commands[18], 3);
    ck_assert_uint_eq(mock.commands[12], 3);
    ck_assert_uint_eq(mock.commands[13], 0);
    ck_assert_uint_eq(mock.moved, 300 * 512);
    ck_assert_int_eq(move(VDEV_BLOCK_WRITE, 1, 128), VDEV_OK);
    ck_assert_uint_eq(mock.commands[25], 1);
    ck_assert_uint_eq(mock.commands[24], 1);
    ck_assert_uint_eq(mock.commands[12], 4);
    ck_assert_uint_eq(mock.commands[13], 2);
    ck_assert_int_eq(move(VDEV_BLOCK_READ, 7, 1), VDEV_OK);
    ck_assert_uint_eq(mock.commands[17], 1);
    ck_assert_uint_eq(mock.last_argument, 7);
}
END_TEST

START_TEST(an_old_card_is_one_of_standard_capacity)
{
    mock.old = true;
    ck_assert_int_eq(init(), VDEV_OK);
    ck_assert(!card.answers_cmd8);
}
END_TEST

START_TEST(a_card_may_take_its_time_to_power_up_but_not_for_ever)
{
    mock.power_up = 500;
    ck_assert_int_eq(init(), VDEV_OK);
    mock.power_up = 1000000;
    ck_assert_int_eq(init(), VDEV_ERROR_TIMEOUT);
    ck_assert_uint_le(virtual_clock.now, VDEV_SD_IDENTIFY_TIME);
    mock.power_up = 0;
    ck_assert_int_eq(move(VDEV_BLOCK_READ, 0, 1), VDEV_OK);
}
END_TEST

START_TEST(each_step_of_the_identification_may_fail)
{
    static const int steps[] = {55, 41, 2, 3, 9, 7, 16};
    static const int failures[] = {VDEV_ERROR_IO, VDEV_ERROR_TIMEOUT, VDEV_SD_PENDING};

    for (size_t i = 0; i < 7; i++) {
        for (size_t j = 0; j < 3; j++) {
            mock.index = steps[i];
            mock.status = failures[j];
            mock.from = mock.seen = 0;
            mock.command = NULL;
            int status = init();
            ck_assert_int_lt(status, 0);
            ck_assert(j != 0 || status == VDEV_ERROR_IO);
            ck_assert_uint_le(virtual_clock.now, VDEV_SD_IDENTIFY_TIME);
            mock.index = -1;
            ck_assert_int_eq(move(VDEV_BLOCK_READ, 0, 2), VDEV_OK);
        }
    }
}
END_TEST

START_TEST(a_csd_that_makes_no_sense_is_refused)
{
    mock.csd[0] = 0xc00e0032;
    ck_assert_int_eq(init(), VDEV_ERROR_UNSUPPORTED);
    memset(mock.csd, 0, sizeof mock.csd); /* version 1, blocks of one byte */
    ck_assert_int_eq(init(), VDEV_ERROR_UNSUPPORTED);
    memset(mock.csd, 0xff, sizeof mock.csd);
    ck_assert_int_eq(init(), VDEV_ERROR_UNSUPPORTED);
    mock.csd[0] = 0x7fffffff;
    ck_assert_int_eq(init(), VDEV_OK);
    ck_assert_uint_eq(card.block.information.sectors, (uint64_t)1 << 32);
    ck_assert(card.block.information.read_only);
}
END_TEST

/* Each command of a request, each way to fail, in reads and writes of one block and of many. */
static const struct {
    enum vdev_block_operation operation;
    size_t sectors;
    int index;
} places[] = {
    {VDEV_BLOCK_READ, 1, 17},  {VDEV_BLOCK_READ, 9, 18},   {VDEV_BLOCK_READ, 9, 12},
    {VDEV_BLOCK_WRITE, 1, 24}, {VDEV_BLOCK_WRITE, 9, 25},  {VDEV_BLOCK_WRITE, 9, 12},
    {VDEV_BLOCK_WRITE, 9, 13}, {VDEV_BLOCK_READ, 200, 18}, {VDEV_BLOCK_WRITE, 200, 25},
};

START_TEST(each_failure_of_a_request_is_told_and_overcome)
{
    static const int failures[] = {VDEV_ERROR_IO, VDEV_ERROR_TIMEOUT, VDEV_SD_PENDING, VDEV_OK};

    for (size_t i = 0; i < 4; i++) {
        mock.index = places[_i].index;
        mock.status = failures[i];
        mock.errors = failures[i] == VDEV_OK ? 1u << 20 : 0; /* CC_ERROR */
        mock.from = mock.seen = 0;
        mock.once = true;
        mock.command = NULL;
        mock.cancels = 0;
        int status = move(places[_i].operation, 0, places[_i].sectors);
        if (failures[i] == VDEV_SD_PENDING) {
            /* The one late look is no failure: it goes on at the next poll. */
            ck_assert_int_eq(status, VDEV_OK);
        } else {
            ck_assert_int_eq(status, failures[i] == VDEV_OK ? VDEV_ERROR_IO : failures[i]);
        }
        ck_assert_int_eq(move(places[_i].operation, 0, places[_i].sectors), VDEV_OK);
    }
}
END_TEST

START_TEST(a_host_that_never_ends_a_command_is_cut_off)
{
    mock.index = places[_i].index;
    mock.status = VDEV_SD_PENDING;
    mock.refuses = true;
    if (mock.index == 17 || mock.index == 18 || mock.index == 24 || mock.index == 25) {
        uint64_t before = virtual_clock.now;
        ck_assert_int_eq(move(places[_i].operation, 0, places[_i].sectors), VDEV_ERROR_TIMEOUT);
        ck_assert_uint_ge(virtual_clock.now - before, VDEV_SD_DATA_TIME);
        ck_assert_uint_ge(mock.cancels, 1);
    }
    mock.refuses = false;
    mock.index = -1;
    ck_assert_int_eq(move(places[_i].operation, 0, places[_i].sectors), VDEV_OK);
}
END_TEST

START_TEST(a_card_that_lied_about_its_size_is_found_out_at_once)
{
    mock.index = 18;
    mock.errors = 1u << 31;
    mock.refuses = true;
    uint64_t before = virtual_clock.now;
    ck_assert_int_eq(move(VDEV_BLOCK_READ, 16000, 8), VDEV_ERROR_IO);
    ck_assert_uint_le(virtual_clock.now - before, VDEV_SD_COMMAND_TIME);
    mock.refuses = false;
    mock.index = -1;
    ck_assert_int_eq(move(VDEV_BLOCK_READ, 0, 8), VDEV_OK);
}
END_TEST

START_TEST(the_end_of_the_card_after_a_good_read_is_no_error)
{
    mock.index = 12;
    mock.errors = 1u << 31;
    ck_assert_int_eq(move(VDEV_BLOCK_READ, 16376, 8), VDEV_OK);
    mock.seen = 0;
    ck_assert_int_eq(move(VDEV_BLOCK_WRITE, 16376, 8), VDEV_ERROR_IO);
}
END_TEST

START_TEST(a_busy_card_is_waited_for_but_not_for_ever)
{
    mock.busy = 100;
    ck_assert_int_eq(move(VDEV_BLOCK_WRITE, 0, 1), VDEV_OK);
    ck_assert_uint_eq(mock.busy, 0);
    mock.busy = 1000000;
    ck_assert_int_eq(move(VDEV_BLOCK_WRITE, 0, 1), VDEV_ERROR_TIMEOUT);
    mock.busy = 0;
    mock.resets = 0;
    ck_assert_int_eq(move(VDEV_BLOCK_WRITE, 0, 1), VDEV_OK);
    ck_assert_uint_eq(mock.resets, 1);
}
END_TEST

START_TEST(a_card_that_left_is_identified_anew_when_it_is_back)
{
    uint32_t medium = card.medium;

    mock.absent = true;
    ck_assert_int_eq(move(VDEV_BLOCK_READ, 0, 9), VDEV_ERROR_ABSENT);
    ck_assert_int_eq(move(VDEV_BLOCK_READ, 0, 9), VDEV_ERROR_ABSENT);
    mock.absent = false;
    set_csd(7); /* a smaller one */
    ck_assert_int_eq(move(VDEV_BLOCK_READ, 10000, 9), VDEV_ERROR_IO);
    ck_assert_int_eq(move(VDEV_BLOCK_READ, 10000, 9), VDEV_ERROR_RANGE);
    ck_assert_int_eq(move(VDEV_BLOCK_READ, 100, 9), VDEV_OK);
    ck_assert_uint_eq(card.medium, medium + 1);
    ck_assert_uint_eq(card.block.information.sectors, 8192);
}
END_TEST

START_TEST(a_slow_host_changes_nothing)
{
    mock.slow = true;
    ck_assert_int_eq(move(VDEV_BLOCK_WRITE, 0, 130), VDEV_OK);
    ck_assert_int_eq(init(), VDEV_OK);
}
END_TEST

static unsigned again;

static void resubmit(struct vdev_block_request *request, int status)
{
    ck_assert_int_eq(status, VDEV_ERROR_ABSENT);
    if (again++ < 3) {
        ck_assert_int_eq(vdev_block_submit(&card.block, request), VDEV_OK);
    }
}

START_TEST(a_request_may_be_submitted_anew_from_its_completion)
{
    struct vdev_buffer buffer = {data, 512, VDEV_NO_BUS_ADDRESS};
    struct vdev_block_request request = {
        .operation = VDEV_BLOCK_READ,
        .buffers = &buffer,
        .buffer_count = 1,
        .complete = resubmit,
    };
    again = 0;
    mock.absent = true;
    ck_assert_int_eq(vdev_block_submit(&card.block, &request), VDEV_OK);
    for (unsigned i = 0; i < 1000 && vdev_block_poll(&card.block); i++) {
    }
    ck_assert_uint_eq(again, 4);
    ck_assert_ptr_null(card.first);
}
END_TEST

START_TEST(a_flush_that_waits_is_not_completed_by_the_next_submit)
{
    struct vdev_buffer buffer = {data, 512, VDEV_NO_BUS_ADDRESS};
    int flushed = 1, read = 1;
    struct vdev_block_request flush = {
        .operation = VDEV_BLOCK_FLUSH, .complete = completed, .owner = &flushed};
    struct vdev_block_request next = {
        .operation = VDEV_BLOCK_READ,
        .buffers = &buffer,
        .buffer_count = 1,
        .complete = completed,
        .owner = &read,
    };
    ck_assert_int_eq(vdev_block_submit(&card.block, &flush), VDEV_OK);
    ck_assert_int_eq(vdev_block_submit(&card.block, &next), VDEV_OK);
    ck_assert_int_eq(flushed, 1);
    while (read > 0) {
        vdev_block_poll(&card.block);
    }
    ck_assert_int_eq(flushed, VDEV_OK);
    ck_assert_int_eq(read, VDEV_OK);
}
END_TEST

START_TEST(an_idle_card_gets_its_command_at_once)
{
    struct vdev_buffer buffer = {data, 512, VDEV_NO_BUS_ADDRESS};
    int read = 1;
    struct vdev_block_request request = {
        .operation = VDEV_BLOCK_READ,
        .buffers = &buffer,
        .buffer_count = 1,
        .complete = completed,
        .owner = &read,
    };
    ck_assert_int_eq(vdev_block_submit(&card.block, &request), VDEV_OK);
    ck_assert_uint_eq(mock.commands[17], 1);
    ck_assert_int_eq(read, 1);
    while (read > 0) {
        vdev_block_poll(&card.block);
    }
    ck_assert_uint_eq(mock.commands[17], 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sd card driver");
    TCase *tests = tcase_create("over a host that errs");
    int count = (int)(sizeof places / sizeof places[0]);
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, what_the_card_says_of_itself_is_kept);
    tcase_add_test(tests, requests_are_cut_into_as_few_commands_as_the_host_allows);
    tcase_add_test(tests, an_old_card_is_one_of_standard_capacity);
    tcase_add_test(tests, a_card_may_take_its_time_to_power_up_but_not_for_ever);
    tcase_add_test(tests, each_step_of_the_identification_may_fail);
    tcase_add_test(tests, a_csd_that_makes_no_sense_is_refused);
    tcase_add_loop_test(tests, each_failure_of_a_request_is_told_and_overcome, 0, count);
    tcase_add_loop_test(tests, a_host_that_never_ends_a_command_is_cut_off, 0, count);
    tcase_add_test(tests, a_card_that_lied_about_its_size_is_found_out_at_once);
    tcase_add_test(tests, the_end_of_the_card_after_a_good_read_is_no_error);
    tcase_add_test(tests, a_busy_card_is_waited_for_but_not_for_ever);
    tcase_add_test(tests, a_card_that_left_is_identified_anew_when_it_is_back);
    tcase_add_test(tests, a_slow_host_changes_nothing);
    tcase_add_test(tests, a_request_may_be_submitted_anew_from_its_completion);
    tcase_add_test(tests, a_flush_that_waits_is_not_completed_by_the_next_submit);
    tcase_add_test(tests, an_idle_card_gets_its_command_at_once);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
