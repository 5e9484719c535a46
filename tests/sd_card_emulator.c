/* SPDX-License-Identifier: BSD-2-Clause */
/* The SD card model: each command in each state, its registers, its data, what it refuses. */
#include <check.h>

#include <vdev/emulators/sd_card.h>
#include <vdev/status.h>

#include "support/ram_disk.h"

#define OUT_OF_RANGE    (1u << 31)
#define ADDRESS_ERROR   (1u << 30)
#define BLOCK_LENGTH    (1u << 29)
#define WRITE_PROTECTED (1u << 26)
#define ILLEGAL         (1u << 22)
#define READY           (1u << 8)
#define APPLICATION     (1u << 5)

static struct ram_disk disk;
static struct vdev_sd_card_emulator card;
static uint32_t buffer[1024];
static uint32_t answer[4];
static unsigned changes;

static void changed(void *owner)
{
    (void)owner;
    changes++;
}

static void init(struct vdev_block *block)
{
    struct vdev_sd_card_emulator_configuration configuration = {
        .block = block, .buffer = buffer, .buffer_length = sizeof buffer, .changed = changed};
    ck_assert_int_eq(vdev_sd_card_emulator_init(&card, &configuration), VDEV_OK);
}

static enum vdev_sd_response command(uint8_t index, uint32_t argument)
{
    return vdev_sd_card_emulator_command(&card, index, argument, answer);
}

static enum vdev_sd_response application(uint8_t index, uint32_t argument)
{
    ck_assert_int_eq(command(55, (uint32_t)card.address << 16), VDEV_SD_RESPONSE_R1);
    ck_assert_uint_eq(answer[0] & APPLICATION, APPLICATION);
    return command(index, argument);
}

static uint32_t us(void)
{
    return (uint32_t)card.address << 16;
}

/* Walk a fresh card into a state by commands alone. */
static void enter(enum vdev_sd_state state)
{
    disk.held = false;
    while (vdev_block_poll(&disk.block)) {
    }
    vdev_sd_card_emulator_power(&card);
    if (state == VDEV_SD_INACTIVE) {
        application(41, 0x00000080); /* 1.65 V to 1.95 V only */
    }
    if (state == VDEV_SD_IDLE || state == VDEV_SD_INACTIVE) {
        return;
    }
    ck_assert_int_eq(application(41, 0x40ff8000), VDEV_SD_RESPONSE_R3);
    if (state == VDEV_SD_READY) {
        return;
    }
    ck_assert_int_eq(command(2, 0), VDEV_SD_RESPONSE_R2);
    if (state == VDEV_SD_IDENTIFICATION) {
        return;
    }
    ck_assert_int_eq(command(3, 0), VDEV_SD_RESPONSE_R6);
    if (state == VDEV_SD_STANDBY) {
        return;
    }
    ck_assert_int_eq(command(7, us()), VDEV_SD_RESPONSE_R1);
    if (state == VDEV_SD_TRANSFER) {
        return;
    }
    command(state == VDEV_SD_SENDING ? 18 : 25, 0);
    if (state == VDEV_SD_PROGRAMMING || state == VDEV_SD_DISCONNECTED) {
        uint8_t *data;
        disk.held = true;
        vdev_sd_card_emulator_expect(&card, 1024);
        ck_assert_int_ge(vdev_sd_card_emulator_room(&card, &data), 512);
        vdev_sd_card_emulator_put(&card, 512);
        command(12, 0);
    }
    if (state == VDEV_SD_DISCONNECTED) {
        command(7, 0);
    }
}

static void setup(void)
{
    ram_disk_init(&disk);
    init(&disk.block);
    changes = 0;
}

/* In which states a command is legal, as bits by state number [SD table 4-29], and what it leads
 * to. */
#define IN(state) (1u << VDEV_SD_##state)
#define ADDRESSED                                                                                  \
    (IN(STANDBY) | IN(TRANSFER) | IN(SENDING) | IN(RECEIVING) | IN(PROGRAMMING) | IN(DISCONNECTED))
static const struct {
    uint8_t index;
    bool application;
    uint32_t states;
    uint32_t argument; /* 1: the card's address */
    enum vdev_sd_response response;
    int next; /* -1: as it was */
} commands[] = {
    {2, false, IN(READY), 0, VDEV_SD_RESPONSE_R2, VDEV_SD_IDENTIFICATION},
    {3, false, IN(IDENTIFICATION) | IN(STANDBY), 0, VDEV_SD_RESPONSE_R6, VDEV_SD_STANDBY},
    {6, false, IN(TRANSFER), 0x00ffffff, VDEV_SD_RESPONSE_R1, VDEV_SD_SENDING},
    {7, false, IN(STANDBY), 1, VDEV_SD_RESPONSE_R1, VDEV_SD_TRANSFER},
    {7, false, IN(DISCONNECTED), 1, VDEV_SD_RESPONSE_R1, VDEV_SD_PROGRAMMING},
    {8, false, IN(IDLE), 0x1aa, VDEV_SD_RESPONSE_R7, -1},
    {9, false, IN(STANDBY), 1, VDEV_SD_RESPONSE_R2, -1},
    {10, false, IN(STANDBY), 1, VDEV_SD_RESPONSE_R2, -1},
    {12, false, IN(SENDING) | IN(RECEIVING), 0, VDEV_SD_RESPONSE_R1, VDEV_SD_TRANSFER},
    {13, false, ADDRESSED, 1, VDEV_SD_RESPONSE_R1, -1},
    {16, false, IN(TRANSFER), 512, VDEV_SD_RESPONSE_R1, -1},
    {17, false, IN(TRANSFER), 0, VDEV_SD_RESPONSE_R1, VDEV_SD_SENDING},
    {18, false, IN(TRANSFER), 0, VDEV_SD_RESPONSE_R1, VDEV_SD_SENDING},
    {24, false, IN(TRANSFER), 0, VDEV_SD_RESPONSE_R1, VDEV_SD_RECEIVING},
    {25, false, IN(TRANSFER), 0, VDEV_SD_RESPONSE_R1, VDEV_SD_RECEIVING},
    {55, false, IN(IDLE) | ADDRESSED, 1, VDEV_SD_RESPONSE_R1, -1},
    {6, true, IN(TRANSFER), 2, VDEV_SD_RESPONSE_R1, -1},
    {13, true, IN(TRANSFER), 0, VDEV_SD_RESPONSE_R1, VDEV_SD_SENDING},
    {22, true, IN(TRANSFER), 0, VDEV_SD_RESPONSE_R1, VDEV_SD_SENDING},
    {23, true, IN(TRANSFER), 9, VDEV_SD_RESPONSE_R1, -1},
    {41, true, IN(IDLE), 0x40ff8000, VDEV_SD_RESPONSE_R3, VDEV_SD_READY},
    {42, true, IN(TRANSFER), 0, VDEV_SD_RESPONSE_R1, -1},
    {51, true, IN(TRANSFER), 0, VDEV_SD_RESPONSE_R1, VDEV_SD_SENDING},
    {1, false, 0, 0, VDEV_SD_RESPONSE_NONE, -1},
    {5, false, 0, 0, VDEV_SD_RESPONSE_NONE, -1},
    {20, false, 0, 0, VDEV_SD_RESPONSE_NONE, -1},
    {23, false, 0, 0, VDEV_SD_RESPONSE_NONE, -1},
    {27, false, 0, 0, VDEV_SD_RESPONSE_NONE, -1},
    {32, false, 0, 0, VDEV_SD_RESPONSE_NONE, -1},
    {38, false, 0, 0, VDEV_SD_RESPONSE_NONE, -1},
    {41, false, 0, 0, VDEV_SD_RESPONSE_NONE, -1},
    {52, false, 0, 0, VDEV_SD_RESPONSE_NONE, -1},
    {63, false, 0, 0, VDEV_SD_RESPONSE_NONE, -1},
};

START_TEST(each_command_is_legal_where_it_is_and_nowhere_else)
{
    for (unsigned state = VDEV_SD_IDLE; state <= VDEV_SD_DISCONNECTED; state++) {
        enter((enum vdev_sd_state)state);
        ck_assert_uint_eq(card.state, state);
        bool legal = (commands[_i].states >> state & 1) != 0;
        /* CMD7 is in the table twice, once for each state that it is legal in. */
        if (commands[_i].index == 7 &&
            (state == VDEV_SD_STANDBY || state == VDEV_SD_DISCONNECTED) && !legal) {
            continue;
        }
        if (commands[_i].application &&
            (state == VDEV_SD_READY || state == VDEV_SD_IDENTIFICATION)) {
            continue; /* CMD55 does not get that far */
        }
        uint32_t argument = commands[_i].argument == 1 ? us() : commands[_i].argument;
        enum vdev_sd_response response = commands[_i].application
                                             ? application(commands[_i].index, argument)
                                             : command(commands[_i].index, argument);
        if (!legal) {
            ck_assert_msg(response == VDEV_SD_RESPONSE_NONE, "answered in state %u", state);
            ck_assert_uint_eq(card.state, state);
            ck_assert_uint_eq(card.status & ILLEGAL, ILLEGAL);
            continue;
        }
        ck_assert_msg(response == commands[_i].response, "state %u: %d", state, response);
        ck_assert_uint_eq(card.status & ILLEGAL, 0);
        ck_assert_int_eq(card.state, commands[_i].next < 0 ? (int)state : commands[_i].next);
        if (response == VDEV_SD_RESPONSE_R1) {
            ck_assert_uint_eq(answer[0] >> 9 & 0xf, state);
        }
    }
}
END_TEST

START_TEST(go_idle_works_from_everywhere)
{
    for (unsigned state = VDEV_SD_IDLE; state <= VDEV_SD_DISCONNECTED; state++) {
        enter((enum vdev_sd_state)state);
        ck_assert_int_eq(command(0, 0), VDEV_SD_RESPONSE_NONE);
        ck_assert_uint_eq(card.state, VDEV_SD_IDLE);
        ck_assert_uint_eq(card.address, 0);
    }
}
END_TEST

START_TEST(an_inactive_card_stays_silent_until_power_is_cut)
{
    enter(VDEV_SD_INACTIVE);
    for (uint8_t index = 0; index < 64; index++) {
        ck_assert_int_eq(command(index, 0), VDEV_SD_RESPONSE_NONE);
    }
    enter(VDEV_SD_TRANSFER);
    command(15, us());
    ck_assert_uint_eq(card.state, VDEV_SD_INACTIVE);
    vdev_sd_card_emulator_power(&card);
    ck_assert_int_eq(command(8, 0x1aa), VDEV_SD_RESPONSE_R7);
}
END_TEST

START_TEST(an_announced_application_command_is_forgotten_without_power)
{
    vdev_sd_card_emulator_power(&card);
    ck_assert_int_eq(command(55, 0), VDEV_SD_RESPONSE_R1);
    vdev_sd_card_emulator_power(&card);
    ck_assert_int_eq(command(41, 0x40ff8000), VDEV_SD_RESPONSE_NONE);
}
END_TEST

START_TEST(the_end_of_the_card_shows_in_the_status)
{
    const uint8_t *from;
    uint8_t *to;

    enter(VDEV_SD_TRANSFER);
    command(18, (RAM_DISK_SECTORS - 1) * 512);
    vdev_sd_card_emulator_expect(&card, 1024);
    vdev_block_poll(&disk.block);
    ck_assert_int_eq(vdev_sd_card_emulator_peek(&card, &from), 512);
    vdev_sd_card_emulator_take(&card, 512);
    ck_assert_int_eq(vdev_sd_card_emulator_peek(&card, &from), VDEV_ERROR_RANGE);
    command(12, 0);
    ck_assert_uint_eq(answer[0] & OUT_OF_RANGE, OUT_OF_RANGE);
    command(25, (RAM_DISK_SECTORS - 1) * 512);
    vdev_sd_card_emulator_expect(&card, 1024);
    ck_assert_int_eq(vdev_sd_card_emulator_room(&card, &to), 512);
    vdev_sd_card_emulator_put(&card, 512);
    vdev_block_poll(&disk.block);
    ck_assert_int_eq(vdev_sd_card_emulator_room(&card, &to), VDEV_ERROR_RANGE);
    command(12, 0);
    ck_assert_uint_eq(answer[0] & OUT_OF_RANGE, OUT_OF_RANGE);
}
END_TEST

START_TEST(an_illegal_command_is_told_once)
{
    enter(VDEV_SD_TRANSFER);
    ck_assert_int_eq(command(60, 0), VDEV_SD_RESPONSE_NONE);
    command(13, us());
    ck_assert_uint_eq(answer[0], ILLEGAL | READY | VDEV_SD_TRANSFER << 9);
    command(13, us());
    ck_assert_uint_eq(answer[0], READY | VDEV_SD_TRANSFER << 9);
}
END_TEST

START_TEST(another_cards_address_is_not_answered)
{
    static const uint8_t addressed[] = {7, 9, 10, 13, 15, 55};

    for (size_t i = 0; i < sizeof addressed; i++) {
        enter(VDEV_SD_STANDBY);
        ck_assert_int_eq(command(addressed[i], us() + 0x10000), VDEV_SD_RESPONSE_NONE);
        ck_assert_uint_eq(card.status, 0);
        ck_assert_uint_eq(card.state, VDEV_SD_STANDBY);
    }
    enter(VDEV_SD_TRANSFER);
    command(7, 0);
    ck_assert_uint_eq(card.state, VDEV_SD_STANDBY);
}
END_TEST

START_TEST(each_request_for_an_address_gives_a_new_one)
{
    enter(VDEV_SD_STANDBY);
    uint16_t first = card.address;
    ck_assert_int_eq(command(3, 0), VDEV_SD_RESPONSE_R6);
    ck_assert_uint_ne(card.address, first);
    ck_assert_uint_eq(answer[0] >> 16, card.address);
    for (unsigned i = 0; i < 70000; i++) {
        command(3, 0);
        ck_assert_uint_ne(card.address, 0);
    }
}
END_TEST

START_TEST(voltages_are_asked_and_high_capacity_wants_a_host_that_knows_it)
{
    vdev_sd_card_emulator_power(&card);
    ck_assert_int_eq(command(8, 0x2aa), VDEV_SD_RESPONSE_NONE);
    ck_assert_int_eq(application(41, 0), VDEV_SD_RESPONSE_R3);
    ck_assert_uint_eq(answer[0], 0x00ff8000);
    ck_assert_uint_eq(card.state, VDEV_SD_IDLE);
    application(41, 0x00ff8000);
    ck_assert_uint_eq(answer[0], 0x80ff8000);
    disk.block.information.sectors = 8u << 21;
    init(&disk.block);
    application(41, 0x00ff8000);
    ck_assert_uint_eq(answer[0], 0x00ff8000);
    ck_assert_uint_eq(card.state, VDEV_SD_IDLE);
    application(41, 0x40ff8000);
    ck_assert_uint_eq(answer[0], 0xc0ff8000);
}
END_TEST

static uint32_t csd_bits(unsigned lowest, unsigned count)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned bit = lowest + i;
        value |= (answer[3 - bit / 32] >> bit % 32 & 1) << i;
    }
    return value;
}

START_TEST(the_size_in_the_csd_is_the_mediums)
{
    static const uint64_t sizes[] = {4,       5,       2047,     2048,     8192,
                                     16385,   131072,  2097152,  2097153,  4194303,
                                     4194304, 4194305, 1u << 24, 62333952, (uint64_t)1 << 32};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        disk.block.information.sectors = sizes[i];
        init(&disk.block);
        enter(VDEV_SD_STANDBY);
        ck_assert_int_eq(command(9, us()), VDEV_SD_RESPONSE_R2);
        uint64_t stated, step;
        if (csd_bits(126, 2) == 0) {
            step = (uint64_t)1 << (csd_bits(47, 3) + 2 + csd_bits(80, 4) - 9);
            stated = (csd_bits(62, 12) + 1) * step;
            ck_assert_uint_le(sizes[i], 4194304);
        } else {
            step = 1024;
            stated = (uint64_t)(csd_bits(48, 22) + 1) * step;
            ck_assert_uint_gt(sizes[i], 4194304);
        }
        ck_assert_uint_eq(stated, card.sectors);
        ck_assert_uint_le(stated, sizes[i]);
        ck_assert_uint_lt(sizes[i] - stated, step);
        ck_assert_uint_eq(csd_bits(13, 1), 0);
        ck_assert_uint_eq(csd_bits(0, 1), 1);
    }
}
END_TEST

START_TEST(check_sums_of_cid_and_csd_fit)
{
    enter(VDEV_SD_STANDBY);
    for (uint8_t index = 9; index <= 10; index++) {
        command(index, us());
        /* Polynomial division over all 127 bits before the end bit leaves nothing. */
        uint32_t rest = 0;
        for (unsigned bit = 128; bit-- > 1;) {
            rest = rest << 1 | csd_bits(bit, 1);
            if ((rest & 0x80) != 0) {
                rest ^= 0x89;
            }
        }
        ck_assert_uint_eq(rest, 0);
    }
}
END_TEST

static uint32_t small(uint8_t *to)
{
    const uint8_t *data;
    int there = vdev_sd_card_emulator_peek(&card, &data);
    ck_assert_int_gt(there, 0);
    memcpy(to, data, (size_t)there);
    vdev_sd_card_emulator_take(&card, (uint32_t)there);
    ck_assert_uint_eq(card.state, VDEV_SD_TRANSFER);
    return (uint32_t)there;
}

START_TEST(small_data_says_what_it_should)
{
    uint8_t data[64];

    enter(VDEV_SD_TRANSFER);
    application(51, 0);
    ck_assert_uint_eq(small(data), 8);
    ck_assert_uint_eq(data[0], 0x02);
    ck_assert_uint_eq(data[1] & 0x0f, 0x05);
    application(13, 0);
    ck_assert_uint_eq(small(data), 64);
    ck_assert_uint_eq(data[0] >> 6, 0);
    application(6, 2);
    application(13, 0);
    small(data);
    ck_assert_uint_eq(data[0] >> 6, 2);
    command(6, 0x00fffff1); /* asked only */
    ck_assert_uint_eq(small(data), 64);
    ck_assert_uint_eq(data[13] & 3, 3);
    ck_assert_uint_eq(data[16] & 0xf, 1);
    ck_assert(!card.high_speed);
    command(6, 0x80fffff1);
    small(data);
    ck_assert(card.high_speed);
    command(6, 0x80ffff1f); /* group 2 has no function 1: nothing switches */
    small(data);
    ck_assert_uint_eq(data[16], 0xf1);
    ck_assert_uint_eq(data[0] << 8 | data[1], 0);
    command(6, 0x80fffff0);
    small(data);
    ck_assert(!card.high_speed);
}
END_TEST

START_TEST(well_written_blocks_are_counted)
{
    uint8_t *data, bytes[64];

    enter(VDEV_SD_TRANSFER);
    command(25, 512);
    vdev_sd_card_emulator_expect(&card, 1536);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_ge(vdev_sd_card_emulator_room(&card, &data), 512);
        vdev_sd_card_emulator_put(&card, 512);
    }
    ck_assert_int_eq(vdev_sd_card_emulator_settled(&card), VDEV_SD_PENDING);
    ck_assert_int_eq(vdev_sd_card_emulator_room(&card, &data), 0);
    vdev_block_poll(&disk.block);
    ck_assert_uint_eq(changes, 1);
    ck_assert_int_eq(vdev_sd_card_emulator_settled(&card), VDEV_OK);
    command(12, 0);
    application(22, 0);
    ck_assert_uint_eq(small(bytes), 4);
    ck_assert_uint_eq(bytes[3], 3);
}
END_TEST

START_TEST(addresses_and_lengths_are_checked)
{
    enter(VDEV_SD_TRANSFER);
    uint32_t end = RAM_DISK_SECTORS * 512;
    static const uint8_t data_commands[] = {17, 18, 24, 25};
    for (size_t i = 0; i < 4; i++) {
        command(data_commands[i], end);
        ck_assert_uint_eq(answer[0] & (OUT_OF_RANGE | ADDRESS_ERROR), OUT_OF_RANGE);
        command(data_commands[i], 0xfffffe00);
        ck_assert_uint_eq(answer[0] & (OUT_OF_RANGE | ADDRESS_ERROR), OUT_OF_RANGE);
        command(data_commands[i], 0xffffffff);
        ck_assert_uint_ne(answer[0] & (OUT_OF_RANGE | ADDRESS_ERROR), 0);
        command(data_commands[i], 100);
        ck_assert_uint_eq(answer[0] & (OUT_OF_RANGE | ADDRESS_ERROR), ADDRESS_ERROR);
        ck_assert_uint_eq(card.state, VDEV_SD_TRANSFER);
    }
    command(16, 0);
    ck_assert_uint_eq(answer[0] & BLOCK_LENGTH, BLOCK_LENGTH);
    command(16, 513);
    ck_assert_uint_eq(answer[0] & BLOCK_LENGTH, BLOCK_LENGTH);
    command(16, 8);
    ck_assert_uint_eq(answer[0] & BLOCK_LENGTH, 0);
    command(24, 0);
    ck_assert_uint_eq(answer[0] & BLOCK_LENGTH, BLOCK_LENGTH);
    ck_assert_uint_eq(card.state, VDEV_SD_TRANSFER);
    ck_assert_uint_eq(disk.submits, 0);
}
END_TEST

START_TEST(part_of_a_sector_can_be_read_from_a_standard_card)
{
    const uint8_t *data;

    enter(VDEV_SD_TRANSFER);
    command(16, 8);
    command(17, 5 * 512 + 504);
    vdev_sd_card_emulator_expect(&card, 8);
    ck_assert_int_eq(vdev_sd_card_emulator_peek(&card, &data), 0);
    vdev_block_poll(&disk.block);
    ck_assert_int_eq(vdev_sd_card_emulator_peek(&card, &data), 8);
    ck_assert_mem_eq(data, disk.bytes + 5 * 512 + 504, 8);
    vdev_sd_card_emulator_take(&card, 8);
    ck_assert_uint_eq(card.state, VDEV_SD_TRANSFER);
    command(17, 5 * 512 + 508);
    ck_assert_uint_eq(answer[0] & ADDRESS_ERROR, ADDRESS_ERROR);
}
END_TEST

START_TEST(a_card_of_high_capacity_counts_in_blocks)
{
    const uint8_t *data;

    disk.block.information.sectors = 8u << 21;
    init(&disk.block);
    enter(VDEV_SD_TRANSFER);
    command(16, 8); /* of no effect */
    command(18, 3);
    vdev_sd_card_emulator_expect(&card, 1024);
    vdev_block_poll(&disk.block);
    ck_assert_int_eq(vdev_sd_card_emulator_peek(&card, &data), 1024);
    ck_assert_mem_eq(data, disk.bytes + 3 * 512, 1024);
    command(12, 0);
    command(17, 8u << 21);
    ck_assert_uint_eq(answer[0] & OUT_OF_RANGE, OUT_OF_RANGE);
}
END_TEST

START_TEST(a_protected_card_takes_no_write)
{
    disk.block.information.read_only = true;
    init(&disk.block);
    enter(VDEV_SD_STANDBY);
    command(9, us());
    ck_assert_uint_eq(csd_bits(13, 1), 1);
    command(7, us());
    command(24, 0);
    ck_assert_uint_eq(answer[0] & WRITE_PROTECTED, WRITE_PROTECTED);
    ck_assert_uint_eq(card.state, VDEV_SD_TRANSFER);
}
END_TEST

START_TEST(nothing_is_read_before_the_host_is_ready)
{
    enter(VDEV_SD_TRANSFER);
    command(18, 0);
    ck_assert_uint_eq(disk.submits, 0);
    vdev_sd_card_emulator_expect(&card, 4096);
    ck_assert_uint_eq(disk.submits, 1);
    vdev_block_poll(&disk.block);
    ck_assert_uint_eq(card.level, 4096);
    vdev_sd_card_emulator_take(&card, 4096);
    ck_assert_uint_eq(disk.submits, 1); /* and nothing beyond what it said */
}
END_TEST

START_TEST(a_write_that_fails_after_cmd12_shows_in_the_status)
{
    enter(VDEV_SD_PROGRAMMING);
    command(13, us());
    ck_assert_uint_eq(answer[0], VDEV_SD_PROGRAMMING << 9); /* busy: not ready */
    disk.bad_sector = 0;
    disk.held = false;
    vdev_block_poll(&disk.block);
    command(13, us());
    ck_assert_uint_eq(answer[0], 1u << 19 | READY | VDEV_SD_TRANSFER << 9);
    /* And does not harm what comes next. */
    const uint8_t *data;
    vdev_sd_card_emulator_expect(&card, 512);
    command(17, 512);
    vdev_block_poll(&disk.block);
    ck_assert_int_eq(vdev_sd_card_emulator_peek(&card, &data), 512);
}
END_TEST

START_TEST(part_of_a_block_never_reaches_the_medium)
{
    uint8_t *data;

    enter(VDEV_SD_TRANSFER);
    memset(disk.bytes, 0x11, 2048);
    command(25, 0);
    vdev_sd_card_emulator_expect(&card, 700);
    ck_assert_int_ge(vdev_sd_card_emulator_room(&card, &data), 700);
    memset(data, 0x22, 700);
    vdev_sd_card_emulator_put(&card, 700);
    vdev_block_poll(&disk.block);
    command(12, 0);
    vdev_block_poll(&disk.block);
    ck_assert_uint_eq(disk.bytes[511], 0x22);
    ck_assert_uint_eq(disk.bytes[512], 0x11);
    ck_assert_uint_eq(card.state, VDEV_SD_TRANSFER);
}
END_TEST

START_TEST(takes_and_puts_beyond_what_was_offered_are_cut)
{
    uint8_t *room;
    const uint8_t *data;

    enter(VDEV_SD_TRANSFER);
    vdev_sd_card_emulator_put(&card, 100000);
    vdev_sd_card_emulator_take(&card, 100000);
    command(25, 0);
    vdev_sd_card_emulator_expect(&card, 0xffffffff);
    vdev_sd_card_emulator_put(&card, 100000);
    ck_assert_uint_eq(card.level, sizeof buffer);
    vdev_sd_card_emulator_put(&card, 100000);
    ck_assert_int_eq(vdev_sd_card_emulator_room(&card, &room), 0);
    vdev_block_poll(&disk.block);
    command(12, 0);
    command(18, 0);
    vdev_sd_card_emulator_expect(&card, 0xffffffff);
    vdev_block_poll(&disk.block);
    ck_assert_int_eq(vdev_sd_card_emulator_peek(&card, &data), (int)sizeof buffer);
    vdev_sd_card_emulator_take(&card, 0xffffffff);
    ck_assert_int_eq(vdev_sd_card_emulator_peek(&card, &data), 0);
}
END_TEST

START_TEST(an_empty_slot_is_silent)
{
    init(NULL);
    for (uint8_t index = 0; index < 64; index++) {
        ck_assert_int_eq(command(index, 0), VDEV_SD_RESPONSE_NONE);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sd card emulator");
    TCase *tests = tcase_create("commands and data");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, each_command_is_legal_where_it_is_and_nowhere_else, 0,
                        (int)(sizeof commands / sizeof commands[0]));
    tcase_add_test(tests, go_idle_works_from_everywhere);
    tcase_add_test(tests, an_inactive_card_stays_silent_until_power_is_cut);
    tcase_add_test(tests, an_announced_application_command_is_forgotten_without_power);
    tcase_add_test(tests, the_end_of_the_card_shows_in_the_status);
    tcase_add_test(tests, an_illegal_command_is_told_once);
    tcase_add_test(tests, another_cards_address_is_not_answered);
    tcase_add_test(tests, each_request_for_an_address_gives_a_new_one);
    tcase_add_test(tests, voltages_are_asked_and_high_capacity_wants_a_host_that_knows_it);
    tcase_add_test(tests, the_size_in_the_csd_is_the_mediums);
    tcase_add_test(tests, check_sums_of_cid_and_csd_fit);
    tcase_add_test(tests, small_data_says_what_it_should);
    tcase_add_test(tests, well_written_blocks_are_counted);
    tcase_add_test(tests, addresses_and_lengths_are_checked);
    tcase_add_test(tests, part_of_a_sector_can_be_read_from_a_standard_card);
    tcase_add_test(tests, a_card_of_high_capacity_counts_in_blocks);
    tcase_add_test(tests, a_protected_card_takes_no_write);
    tcase_add_test(tests, nothing_is_read_before_the_host_is_ready);
    tcase_add_test(tests, a_write_that_fails_after_cmd12_shows_in_the_status);
    tcase_add_test(tests, part_of_a_block_never_reaches_the_medium);
    tcase_add_test(tests, takes_and_puts_beyond_what_was_offered_are_cut);
    tcase_add_test(tests, an_empty_slot_is_silent);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
