/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The OMAP3's card controller driver: by script, under the card layer over the emulator, and with
 * what goes wrong in a controller, on its lines and with cards.
 */
#include "beagle.h"

#include <vdev/drivers/omap3_hsmmc.h>
#include <vdev/drivers/sd_card.h>
#include <vdev/emulators/omap3_hsmmc.h>

#include "support/ram_disk.h"

#define R VDEV_SCRIPT_READ32
#define W VDEV_SCRIPT_WRITE32

#define CON    0x02C
#define BLK    0x104
#define ARG    0x108
#define CMD    0x10C
#define RSP10  0x110
#define DATA   0x120
#define PSTATE 0x124
#define HCTL   0x128
#define SYSCTL 0x12C
#define STAT   0x130
#define IE     0x134
#define ISE    0x138
#define CAPA   0x140
#define ALL    0x307F0033u

#define CC   (1u << 0)
#define TC   (1u << 1)
#define BWR  (1u << 4)
#define BRR  (1u << 5)
#define ERRI (1u << 15)

#define MILLISECOND UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)

static struct vdev_coverage *coverage;
static struct vdev_virtual_clock virtual_clock;
static struct vdev_omap3_hsmmc hsmmc;

/* ---- by script ---- */

static struct vdev_script script;
static struct vdev_sd_command command;
static struct vdev_sd_transfer transfer;
static struct vdev_buffer buffer;
static uint32_t words[256], card_words[256];

#define CONTROLLER_RESET                                                                           \
    W(SYSCTL, 1u << 24), R(SYSCTL, 1u << 24), R(SYSCTL, 0), W(ISE, 0), W(IE, 0), W(HCTL, 0),       \
        W(STAT, ALL), R(CAPA, 0x00E10080), W(CAPA, 0x06E10080)
#define CLOCK(old, divider, exponent)                                                              \
    R(SYSCTL, (old)), W(SYSCTL, (old) & ~4u), W(SYSCTL, (divider) << 6 | (exponent) << 16 | 1),    \
        R(SYSCTL, 1), R(SYSCTL, 3), W(SYSCTL, (divider) << 6 | (exponent) << 16 | 5)

static void start_script(void)
{
    static const struct vdev_script_step steps[] = {R(0x1FC, 0x26000000), W(0x010, 2),
                                                    R(0x014, 0),          R(0x014, 1),
                                                    W(0x010, 0x308),      CONTROLLER_RESET};
    vdev_virtual_clock_init(&virtual_clock, 1000, 100);
    vdev_script_init(&script, &vdev_omap3_hsmmc_registers, steps, ARRAY_COUNT(steps),
                     &virtual_clock, vdev_testing_check, NULL);
    for (uint32_t i = 0; i < 256; i++) {
        words[i] = 0;
        card_words[i] = i * 0x01234567u;
    }
    const struct vdev_omap3_hsmmc_configuration configuration = {
        .io = script.io, .clock = &virtual_clock.clock, .wide = true};
    ck_assert_int_eq(vdev_omap3_hsmmc_init(&hsmmc, &configuration), VDEV_OK);
}

#define PLAY(...)                                                                                  \
    static const struct vdev_script_step steps[] = {__VA_ARGS__};                                  \
    vdev_script_continue(&script, steps, ARRAY_COUNT(steps))

static int start_command(uint8_t index, enum vdev_sd_response response, uint32_t argument)
{
    command = (struct vdev_sd_command){.index = index, .response = response, .argument = argument};
    return hsmmc.host.operations->start(&hsmmc.host, &command, NULL);
}

static int start_data(bool write, uint32_t size, uint32_t count)
{
    command = (struct vdev_sd_command){
        .index = write ? 25 : 18, .response = VDEV_SD_RESPONSE_R1, .argument = 0x1000};
    buffer =
        (struct vdev_buffer){write ? card_words : words, (size_t)size * count, VDEV_NO_BUS_ADDRESS};
    transfer = (struct vdev_sd_transfer){.cursor = vdev_cursor(&buffer, 1),
                                         .block_size = size,
                                         .block_count = count,
                                         .write = write};
    return hsmmc.host.operations->start(&hsmmc.host, &command, &transfer);
}

static int poll_host(void)
{
    return hsmmc.host.operations->poll(&hsmmc.host);
}

START_TEST(reset_brings_power_clock_and_eighty_clocks)
{
    start_script();
    PLAY(CONTROLLER_RESET, W(HCTL, 6u << 9), W(HCTL, 6u << 9 | 1 << 8), R(HCTL, 6u << 9 | 1 << 8),
         W(IE, ALL), R(HCTL, 6u << 9 | 1 << 8), W(HCTL, 6u << 9 | 1 << 8), CLOCK(0u, 240u, 5u),
         R(CON, 0x500), W(CON, 0x502), W(CMD, 0), R(STAT, 0), R(STAT, CC), W(STAT, ALL),
         W(CON, 0x500), W(ISE, ALL));
    uint64_t before = virtual_clock.now;
    ck_assert_int_eq(hsmmc.host.operations->reset(&hsmmc.host), VDEV_OK);
    ck_assert(vdev_script_finish(&script));
    ck_assert_uint_ge(virtual_clock.now - before, 2 * MILLISECOND);
    ck_assert_uint_le(virtual_clock.now - before, 3 * MILLISECOND);
}
END_TEST

START_TEST(the_clock_never_exceeds_what_was_asked_for)
{
    start_script();
    PLAY(R(HCTL, 0xD00), W(HCTL, 0xD02), CLOCK(0x53C05u, 4u, 11u),   /* 25 MHz: 24 */
         R(HCTL, 0xD02), W(HCTL, 0xD00), CLOCK(0xB0105u, 1023u, 3u), /* as slow as it goes */
         R(HCTL, 0xD00), W(HCTL, 0xD00), CLOCK(0x3FFC5u, 1u, 13u));  /* all there is */
    hsmmc.host.operations->set_bus(&hsmmc.host, 25000000, 4);
    hsmmc.host.operations->set_bus(&hsmmc.host, 0, 1);
    hsmmc.host.operations->set_bus(&hsmmc.host, UINT32_MAX, 1);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

#define GIVE(argument, value) R(PSTATE, 0), W(STAT, ALL), W(ARG, (argument)), W(CMD, (value))

START_TEST(each_kind_of_answer_is_asked_for_and_fetched)
{
    start_script();
    PLAY(GIVE(0, 0), R(STAT, CC), W(STAT, CC), W(STAT, ALL), /* none */
         GIVE(7, 13u << 24 | 0x1A0000), R(STAT, 0), R(STAT, CC), W(STAT, CC), R(RSP10, 0x900),
         W(STAT, ALL), /* R1 */
         GIVE(0, 2u << 24 | 0x090000), R(STAT, CC), W(STAT, CC), R(0x11C, 1), R(0x118, 2),
         R(0x114, 3), R(0x110, 4), W(STAT, ALL), /* R2 */
         GIVE(0, 41u << 24 | 0x020000), R(STAT, CC), W(STAT, CC), R(RSP10, 0x80FF8000),
         W(STAT, ALL), /* R3 */
         GIVE(0, 12u << 24 | 0xDB0000), R(STAT, CC), W(STAT, CC), R(RSP10, 0xB00), R(STAT, 0),
         R(PSTATE, 2), R(STAT, TC), W(STAT, ALL)); /* R1b */
    start_command(0, VDEV_SD_RESPONSE_NONE, 0);
    ck_assert_int_eq(poll_host(), VDEV_OK);
    start_command(13, VDEV_SD_RESPONSE_R1, 7);
    ck_assert_int_eq(start_command(13, VDEV_SD_RESPONSE_R1, 7), VDEV_ERROR_STATE);
    ck_assert_int_eq(poll_host(), VDEV_OK);
    ck_assert_uint_eq(command.answer[0], 0x900);
    start_command(2, VDEV_SD_RESPONSE_R2, 0);
    ck_assert_int_eq(poll_host(), VDEV_OK);
    ck_assert_uint_eq(command.answer[0], 1);
    ck_assert_uint_eq(command.answer[3], 4);
    start_command(41, VDEV_SD_RESPONSE_R3, 0);
    ck_assert_int_eq(poll_host(), VDEV_OK);
    start_command(12, VDEV_SD_RESPONSE_R1B, 0);
    ck_assert_int_eq(poll_host(), VDEV_OK);
    ck_assert_uint_eq(command.answer[0], 0xB00);
    ck_assert_int_eq(poll_host(), VDEV_ERROR_STATE);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

#define LINES_RESET                                                                                \
    R(SYSCTL, 5), W(SYSCTL, 5u | 3u << 25), R(SYSCTL, 5u | 3u << 25), R(SYSCTL, 5), W(STAT, ALL)

START_TEST(each_error_has_its_status_and_resets_the_lines)
{
    static const struct {
        uint32_t bits;
        int status;
    } errors[] = {
        {1u << 16, VDEV_ERROR_TIMEOUT}, {3u << 16, VDEV_ERROR_IO}, {1u << 17, VDEV_ERROR_IO},
        {1u << 18, VDEV_ERROR_IO},      {1u << 19, VDEV_ERROR_IO}, {1u << 20, VDEV_ERROR_TIMEOUT},
        {1u << 21, VDEV_ERROR_IO},      {1u << 22, VDEV_ERROR_IO}, {1u << 29, VDEV_ERROR_IO}};
    start_script();
    for (size_t i = 0; i < ARRAY_COUNT(errors); i++) {
        const struct vdev_script_step steps[] = {GIVE(7, 13u << 24 | 0x1A0000),
                                                 R(STAT, ERRI | errors[i].bits), LINES_RESET};
        vdev_script_continue(&script, steps, ARRAY_COUNT(steps));
        start_command(13, VDEV_SD_RESPONSE_R1, 7);
        ck_assert_int_eq(poll_host(), errors[i].status);
    }
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(lines_that_cannot_be_reset_are_not_used)
{
    start_script();
    PLAY(GIVE(7, 13u << 24 | 0x1A0000), R(SYSCTL, 5), W(SYSCTL, 5u | 3u << 25),
         VDEV_SCRIPT_REPEAT32(SYSCTL, 5u | 3u << 25, 0), W(STAT, ALL));
    ck_assert_int_eq(start_command(13, VDEV_SD_RESPONSE_R1, 7), VDEV_OK);
    hsmmc.host.operations->cancel(&hsmmc.host);
    ck_assert_int_eq(start_command(13, VDEV_SD_RESPONSE_R1, 7), VDEV_ERROR_IO);
    ck_assert_int_eq(poll_host(), VDEV_ERROR_STATE);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(a_read_moves_one_block_a_poll)
{
    start_script();
    PLAY(R(PSTATE, 0), W(BLK, 2u << 16 | 512), W(STAT, ALL), W(ARG, 0x1000),
         W(CMD, 18u << 24 | 0x3A0032), R(STAT, CC), W(STAT, CC), R(RSP10, 0x900), R(STAT, BRR),
         W(STAT, BRR), VDEV_SCRIPT_READ_DATA32(DATA, card_words, 128), R(STAT, BRR), R(STAT, BRR),
         W(STAT, BRR), VDEV_SCRIPT_READ_DATA32(DATA, card_words + 128, 128), R(STAT, TC),
         W(STAT, ALL));
    ck_assert_int_eq(start_data(false, 512, 2), VDEV_OK);
    ck_assert_int_eq(poll_host(), VDEV_SD_MORE);
    ck_assert_uint_eq(command.answer[0], 0x900);
    ck_assert_int_eq(poll_host(), VDEV_OK);
    ck_assert_mem_eq(words, card_words, sizeof words);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(a_write_waits_for_its_end)
{
    start_script();
    PLAY(R(PSTATE, 0), W(BLK, 1u << 16 | 8), W(STAT, ALL), W(ARG, 0x1000),
         W(CMD, 25u << 24 | 0x3A0000), R(STAT, CC | BWR), W(STAT, CC), R(RSP10, 0x900),
         R(STAT, BWR), W(STAT, BWR), W(DATA, 0), W(DATA, 0x01234567),
         VDEV_SCRIPT_READS32(STAT, 0, 7), VDEV_SCRIPT_READS32(STAT, 0, 8), R(STAT, TC),
         W(STAT, ALL));
    ck_assert_int_eq(start_data(true, 8, 1), VDEV_OK);
    ck_assert_int_eq(poll_host(), VDEV_SD_MORE);
    ck_assert_int_eq(poll_host(), VDEV_SD_PENDING);
    ck_assert_int_eq(poll_host(), VDEV_OK);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(transfers_that_the_controller_cannot_do_are_refused)
{
    start_script();
    ck_assert_int_eq(start_data(false, 512, 0), VDEV_ERROR_INVALID);
    ck_assert_int_eq(start_data(false, 512, 65536), VDEV_ERROR_INVALID);
    ck_assert_int_eq(start_data(false, 1024, 1), VDEV_ERROR_INVALID);
    ck_assert_int_eq(start_data(false, 2, 1), VDEV_ERROR_INVALID);
    ck_assert_int_eq(start_data(false, 96, 1), VDEV_ERROR_INVALID);
    ck_assert_uint_eq(hsmmc.host.maximum_blocks, 65535);
    const struct vdev_omap3_hsmmc_configuration none = {.io = script.io};
    ck_assert_int_eq(vdev_omap3_hsmmc_init(&hsmmc, &none), VDEV_ERROR_INVALID);
}
END_TEST

/* ---- under the card layer, over the emulator ---- */

static struct vdev_omap3_hsmmc_emulator emulator;
static struct vdev_sd_card card;
static struct ram_disk disk;
static struct beagle_bench bench;
static struct vdev_interrupt_line line;
static uint32_t bounce[4096];
static bool pulled, powered;
static uint64_t claimed = RAM_DISK_SECTORS; /* by the card, of itself */
static int power_status;

static void after(void *context)
{
    (void)context;
    if (!pulled) {
        vdev_block_poll(&disk.block);
    }
}

/* A card that is pulled out answers no command, and sends and takes no more data. */
static int access_device(void *device, struct vdev_access *access)
{
    emulator.card.block = pulled && access->offset == CMD ? NULL : &disk.block;
    int status = vdev_omap3_hsmmc_emulator_access(device, access);
    emulator.card.block = &disk.block;
    return status;
}

static int power(void *context, bool on)
{
    (void)context;
    powered = on;
    return power_status;
}

static int start(struct vdev_fault *faults, size_t count, bool wide)
{
    const struct vdev_omap3_hsmmc_emulator_configuration device = {
        .block = &disk.block,
        .interrupt = &line,
        .buffer = bounce,
        .buffer_length = sizeof bounce,
    };

    pulled = powered = false;
    power_status = VDEV_OK;
    line = (struct vdev_interrupt_line){.set = NULL};
    ram_disk_init(&disk);
    disk.block.information.sectors = claimed;
    /* Coarse, so that a second is not a million looks. */
    vdev_virtual_clock_init(&virtual_clock, 20000, 100);
    ck_assert_int_eq(vdev_omap3_hsmmc_emulator_init(&emulator, &device), VDEV_OK);
    const struct vdev_omap3_hsmmc_configuration configuration = {
        .io = *beagle_bench(&bench, access_device, &emulator, &vdev_omap3_hsmmc_registers,
                            &virtual_clock, after, faults, count, coverage),
        .clock = &virtual_clock.clock,
        .wide = wide,
        .power = power,
    };
    return vdev_omap3_hsmmc_init(&hsmmc, &configuration);
}

static int identify(void)
{
    return vdev_sd_card_init(&card, &hsmmc.host, &virtual_clock.clock);
}

static void completed(struct vdev_block_request *request, int status)
{
    *(int *)request->owner = status;
}

static uint8_t data[16 * 512], expected[16 * 512];

/* One request, and how long it took; polls as its owner does, without the interrupt. */
static int request(enum vdev_block_operation operation, uint64_t sector, size_t sectors)
{
    const struct vdev_buffer pieces[2] = {{data, 100, VDEV_NO_BUS_ADDRESS},
                                          {data + 100, sectors * 512 - 100, VDEV_NO_BUS_ADDRESS}};
    int status = 1;
    struct vdev_block_request request = {
        .operation = operation,
        .sector = sector,
        .buffers = pieces,
        .buffer_count = 2,
        .complete = completed,
        .owner = &status,
    };
    int submitted = vdev_block_submit(&card.block, &request);
    if (submitted != VDEV_OK) {
        return submitted;
    }
    while (status > 0) {
        vdev_block_poll(&card.block);
    }
    return status;
}

static int timed_request(enum vdev_block_operation operation, uint64_t sector, size_t sectors,
                         uint64_t most)
{
    uint64_t before = virtual_clock.now;
    int status = request(operation, sector, sectors);
    ck_assert_uint_le(virtual_clock.now - before, most);
    return status;
}

static void check_works(void)
{
    memset(data, 0, sizeof data);
    ck_assert_int_eq(request(VDEV_BLOCK_READ, 5, 16), VDEV_OK);
    ck_assert_mem_eq(data, disk.bytes + 5 * 512, sizeof data);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = expected[i] = (uint8_t)(i * 13 + (i >> 9));
    }
    ck_assert_int_eq(request(VDEV_BLOCK_WRITE, 1000, 16), VDEV_OK);
    ck_assert_mem_eq(disk.bytes + 1000 * 512, expected, sizeof expected);
    ck_assert_int_eq(request(VDEV_BLOCK_WRITE, 7, 1), VDEV_OK);
    ck_assert_mem_eq(disk.bytes + 7 * 512, expected, 512);
    ck_assert(!line.level);
}

START_TEST(a_card_is_read_and_written)
{
    ck_assert_int_eq(start(NULL, 0, true), VDEV_OK);
    ck_assert_int_eq(identify(), VDEV_OK);
    ck_assert(powered);
    ck_assert_uint_eq(card.block.information.sectors, RAM_DISK_SECTORS);
    check_works();
}
END_TEST

START_TEST(it_takes_four_lines_if_the_board_has_them)
{
    for (unsigned wide = 0; wide < 2; wide++) {
        ck_assert_int_eq(start(NULL, 0, wide != 0), VDEV_OK);
        ck_assert_int_eq(identify(), VDEV_OK);
        uint32_t control = vdev_io_read32(&bench.bench.io, HCTL);
        ck_assert_uint_eq(control >> 1 & 1, wide);
        ck_assert_uint_eq(control >> 9 & 7, 6); /* 3.0 V */
        check_works();
    }
}
END_TEST

START_TEST(the_interrupt_tells_of_what_there_is_to_do)
{
    ck_assert_int_eq(start(NULL, 0, true), VDEV_OK);
    ck_assert_int_eq(identify(), VDEV_OK);
    const struct vdev_buffer piece = {data, 1024, VDEV_NO_BUS_ADDRESS};
    int status = 1;
    struct vdev_block_request one = {.operation = VDEV_BLOCK_READ,
                                     .sector = 3,
                                     .buffers = &piece,
                                     .buffer_count = 1,
                                     .complete = completed,
                                     .owner = &status};
    ck_assert(!line.level);
    disk.held = true;
    ck_assert_int_eq(vdev_block_submit(&card.block, &one), VDEV_OK);
    while (vdev_block_poll(&card.block)) {
    }
    ck_assert(!line.level); /* answered; no data yet */
    disk.held = false;
    vdev_block_poll(&disk.block);
    ck_assert(line.level);
    for (unsigned i = 0; status > 0; i++) {
        ck_assert_uint_lt(i, 100);
        ck_assert(line.level || card.started);
        vdev_block_poll(&card.block);
    }
    ck_assert_int_eq(status, VDEV_OK);
    ck_assert(!line.level);
}
END_TEST

/* ---- cards that misbehave ---- */

START_TEST(an_empty_slot_is_absent_until_a_card_is_there)
{
    ck_assert_int_eq(start(NULL, 0, true), VDEV_OK);
    pulled = true;
    uint64_t before = virtual_clock.now;
    ck_assert_int_eq(identify(), VDEV_ERROR_ABSENT);
    ck_assert_uint_le(virtual_clock.now - before, SECOND);
    ck_assert_int_eq(timed_request(VDEV_BLOCK_READ, 0, 1, SECOND), VDEV_ERROR_ABSENT);
    pulled = false;
    check_works();
}
END_TEST

START_TEST(a_card_that_is_slow_is_waited_for_a_second)
{
    ck_assert_int_eq(start(NULL, 0, true), VDEV_OK);
    ck_assert_int_eq(identify(), VDEV_OK);
    disk.held = true;
    ck_assert_int_eq(timed_request(VDEV_BLOCK_READ, 5, 2, 3 * SECOND), VDEV_ERROR_TIMEOUT);
    disk.held = false;
    check_works();
}
END_TEST

static uint64_t release;

static int access_late(void *device, struct vdev_access *access)
{
    disk.held = virtual_clock.now < release;
    return access_device(device, access);
}

START_TEST(a_late_answer_is_in_time)
{
    ck_assert_int_eq(start(NULL, 0, true), VDEV_OK);
    ck_assert_int_eq(identify(), VDEV_OK);
    bench.bus.configuration.access = access_late;
    release = virtual_clock.now + 900 * MILLISECOND;
    ck_assert_int_eq(timed_request(VDEV_BLOCK_READ, 5, 2, SECOND), VDEV_OK);
    ck_assert_mem_eq(data, disk.bytes + 5 * 512, 1024);
    ck_assert_uint_ge(virtual_clock.now, release);
    check_works();
}
END_TEST

START_TEST(a_card_that_lies_about_its_size_errs_past_its_end)
{
    claimed = 4 * RAM_DISK_SECTORS;
    ck_assert_int_eq(start(NULL, 0, true), VDEV_OK);
    ck_assert_int_eq(identify(), VDEV_OK);
    ck_assert_uint_eq(card.block.information.sectors, 4 * RAM_DISK_SECTORS);
    disk.block.information.sectors = RAM_DISK_SECTORS;
    /* It may say so in its status, or send nothing. */
    int status = timed_request(VDEV_BLOCK_READ, 3 * RAM_DISK_SECTORS, 2, 3 * SECOND);
    ck_assert(status == VDEV_ERROR_IO || status == VDEV_ERROR_TIMEOUT);
    status = timed_request(VDEV_BLOCK_WRITE, RAM_DISK_SECTORS - 1, 2, 3 * SECOND);
    ck_assert(status == VDEV_ERROR_IO || status == VDEV_ERROR_TIMEOUT);
    check_works();
}
END_TEST

static unsigned accesses_left;

static int access_until_pulled(void *device, struct vdev_access *access)
{
    if (accesses_left != 0 && --accesses_left == 0) {
        pulled = true;
    }
    return access_device(device, access);
}

START_TEST(a_card_pulled_out_at_any_access_is_an_error_and_usable_when_it_is_back)
{
    for (unsigned write = 0; write < 2; write++) {
        unsigned failures = 0;
        for (unsigned n = 1; n < 1200; n += 67) {
            ck_assert_int_eq(start(NULL, 0, true), VDEV_OK);
            ck_assert_int_eq(identify(), VDEV_OK);
            bench.bus.configuration.access = access_until_pulled;
            accesses_left = n;
            int status =
                timed_request(write != 0 ? VDEV_BLOCK_WRITE : VDEV_BLOCK_READ, 5, 8, 3 * SECOND);
            failures += status != VDEV_OK;
            ck_assert(status == VDEV_OK || status == VDEV_ERROR_ABSENT || status == VDEV_ERROR_IO ||
                      status == VDEV_ERROR_TIMEOUT);
            accesses_left = 0;
            pulled = false;
            /* The card may have been left in the middle of something: one request may tell. */
            request(VDEV_BLOCK_READ, 0, 1);
            check_works();
        }
        ck_assert_uint_gt(failures, 5);
    }
}
END_TEST

/* ---- faults of the controller ---- */

static void check_fault(struct vdev_fault fault, int expected_init, int expected_identify,
                        uint64_t most)
{
    int status = start(&fault, 1, true);
    ck_assert_int_eq(status, expected_init);
    uint64_t before = virtual_clock.now;
    if (status == VDEV_OK) {
        ck_assert_int_eq(identify(), expected_identify);
    }
    ck_assert_uint_le(virtual_clock.now - before, most);
    ck_assert_uint_ne(fault.struck, 0);
}

START_TEST(a_controller_that_is_stuck_says_so_in_time)
{
    check_fault((struct vdev_fault)VDEV_FAULT_ABSENT(0), VDEV_ERROR_ABSENT, 0, SECOND);
    check_fault((struct vdev_fault)VDEV_FAULT(STUCK_ZERO, .name = "MMCHS_SYSSTATUS"),
                VDEV_ERROR_TIMEOUT, 0, SECOND);
    check_fault((struct vdev_fault)VDEV_FAULT(STUCK_ONE, .name = "MMCHS_SYSCTL", .mask = 1u << 24),
                VDEV_ERROR_TIMEOUT, 0, SECOND);
    check_fault((struct vdev_fault)VDEV_FAULT(STUCK_ZERO, .name = "MMCHS_SYSCTL", .mask = 2),
                VDEV_OK, VDEV_ERROR_TIMEOUT, SECOND);
    check_fault((struct vdev_fault)VDEV_FAULT(STUCK_ZERO, .name = "MMCHS_HCTL", .mask = 1u << 8),
                VDEV_OK, VDEV_ERROR_IO, SECOND);
    check_fault((struct vdev_fault)VDEV_FAULT(STUCK_ZERO, .name = "MMCHS_STAT", .mask = CC),
                VDEV_OK, VDEV_ERROR_TIMEOUT, SECOND);
    check_fault((struct vdev_fault)VDEV_FAULT(STUCK_ONE, .name = "MMCHS_PSTATE", .mask = 1),
                VDEV_OK, VDEV_ERROR_IO, 3 * SECOND);
}
END_TEST

START_TEST(a_transfer_that_errs_at_any_byte_is_an_error_and_the_next_works)
{
    static const uint32_t bytes[] = {1, 4, 512, 516, 1024, 4000, 8192};
    for (size_t i = 0; i < ARRAY_COUNT(bytes); i++) {
        struct vdev_fault fault =
            VDEV_FAULT(TRANSFER, .name = "MMCHS_DATA", .bytes = bytes[i] + 8,
                       .status = "MMCHS_STAT", .mask = 1u << 21); /* 8: the SCR's */
        ck_assert_int_eq(start(&fault, 1, true), VDEV_OK);
        ck_assert_int_eq(identify(), VDEV_OK);
        ck_assert_int_eq(timed_request(VDEV_BLOCK_READ, 5, 16, 3 * SECOND), VDEV_ERROR_IO);
        check_works();
    }
}
END_TEST

START_TEST(lines_whose_reset_hangs_need_a_whole_reset)
{
    struct vdev_fault faults[2] = {
        VDEV_FAULT(STUCK_ONE, .name = "MMCHS_STAT", .mask = 1u << 17, .from = 600, .times = 1),
        VDEV_FAULT(STUCK_ONE, .name = "MMCHS_SYSCTL", .mask = 1u << 25, .from = 600,
                   .times = 5000)};
    ck_assert_int_eq(start(faults, 2, true), VDEV_OK);
    ck_assert_int_eq(identify(), VDEV_OK);
    unsigned errors = 0;
    for (unsigned i = 0; i < 30; i++) {
        errors += timed_request(VDEV_BLOCK_READ, 5, 2, 5 * SECOND) != VDEV_OK;
    }
    ck_assert_uint_ge(errors, 1);
    ck_assert_uint_le(errors, 3);
    check_works();
}
END_TEST

START_TEST(a_supply_that_fails_is_told)
{
    ck_assert_int_eq(start(NULL, 0, true), VDEV_OK);
    power_status = VDEV_ERROR_TIMEOUT;
    ck_assert_int_eq(identify(), VDEV_ERROR_TIMEOUT);
    ck_assert_uint_eq(vdev_io_read32(&bench.bench.io, HCTL) >> 8 & 1, 0);
    power_status = VDEV_OK;
    check_works();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("beagle card");
    TCase *tests = tcase_create("register by register");
    coverage = beagle_coverage(&vdev_omap3_hsmmc_registers, "HSMMC", __FILE__, "omap3_hsmmc.c");
    tcase_add_test(tests, reset_brings_power_clock_and_eighty_clocks);
    tcase_add_test(tests, the_clock_never_exceeds_what_was_asked_for);
    tcase_add_test(tests, each_kind_of_answer_is_asked_for_and_fetched);
    tcase_add_test(tests, each_error_has_its_status_and_resets_the_lines);
    tcase_add_test(tests, lines_that_cannot_be_reset_are_not_used);
    tcase_add_test(tests, a_read_moves_one_block_a_poll);
    tcase_add_test(tests, a_write_waits_for_its_end);
    tcase_add_test(tests, transfers_that_the_controller_cannot_do_are_refused);
    suite_add_tcase(suite, tests);
    tests = tcase_create("over the emulator");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_card_is_read_and_written);
    tcase_add_test(tests, it_takes_four_lines_if_the_board_has_them);
    tcase_add_test(tests, the_interrupt_tells_of_what_there_is_to_do);
    tcase_add_test(tests, an_empty_slot_is_absent_until_a_card_is_there);
    tcase_add_test(tests, a_card_that_is_slow_is_waited_for_a_second);
    tcase_add_test(tests, a_late_answer_is_in_time);
    tcase_add_test(tests, a_card_that_lies_about_its_size_errs_past_its_end);
    tcase_add_test(tests, a_card_pulled_out_at_any_access_is_an_error_and_usable_when_it_is_back);
    suite_add_tcase(suite, tests);
    tests = tcase_create("faults");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_controller_that_is_stuck_says_so_in_time);
    tcase_add_test(tests, a_transfer_that_errs_at_any_byte_is_an_error_and_the_next_works);
    tcase_add_test(tests, lines_whose_reset_hangs_need_a_whole_reset);
    tcase_add_test(tests, a_supply_that_fails_is_told);
    suite_add_tcase(suite, tests);
    return beagle_run(suite, &coverage, 1);
}
