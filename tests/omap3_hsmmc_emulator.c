/* SPDX-License-Identifier: BSD-2-Clause */
/* The OMAP3530 card controller's emulator: registers, commands, blocks, and guests that break
 * rules. */
#include <vdev/emulators/omap3_hsmmc.h>

#include "support/omap3_guest.h"
#include "support/ram_disk.h"

enum {
    SYSCONFIG = 0x10,
    SYSSTATUS = 0x14,
    CSRE = 0x24,
    CON = 0x2C,
    BLK = 0x104,
    ARG = 0x108,
    CMD = 0x10C,
    RSP10 = 0x110,
    RSP76 = 0x11C,
    DATA = 0x120,
    PSTATE = 0x124,
    HCTL = 0x128,
    SYSCTL = 0x12C,
    STAT = 0x130,
    IE = 0x134,
    ISE = 0x138,
    AC12 = 0x13C,
    CAPA = 0x140,
};
/* STAT */
#define CC   (1u << 0)
#define TC   (1u << 1)
#define BWR  (1u << 4)
#define BRR  (1u << 5)
#define ERRI (1u << 15)
#define CTO  (1u << 16)
#define CCRC (1u << 17)
#define CEB  (1u << 18)
#define CIE  (1u << 19)
#define DTO  (1u << 20)
#define DCRC (1u << 21)
#define ACE  (1u << 24)
#define CERR (1u << 28)
#define BADA (1u << 29)
/* PSTATE */
#define DATI (1u << 1)
#define BWE  (1u << 10)
#define BRE  (1u << 11)
/* CMD */
#define NONE  0u
#define LONG  (1u << 16)
#define SHORT (2u << 16)
#define BUSY  (3u << 16)
#define CHECK (3u << 19) /* CCCE, CICE */
#define READ  (1u << 21 | 1u << 4)
#define WRITE (1u << 21)
#define MANY  (1u << 5 | 1u << 1)
#define STOP  (1u << 2)
#define CARD  0x45670000u
#define ALL   0x317F0337u

static struct ram_disk disk;
static struct vdev_omap3_hsmmc_emulator emulator;
static struct vdev_interrupt_line line;
static uint32_t buffer[2048];

static void init(struct vdev_block *block, size_t length)
{
    struct vdev_omap3_hsmmc_emulator_configuration configuration = {
        .block = block, .interrupt = &line, .buffer = buffer, .buffer_length = length};

    line = (struct vdev_interrupt_line){0};
    memset(&emulator, 0xA5, sizeof emulator);
    ck_assert_int_eq(vdev_omap3_hsmmc_emulator_init(&emulator, &configuration), VDEV_OK);
    omap3_guest(vdev_omap3_hsmmc_emulator_access, &emulator, &vdev_omap3_hsmmc_registers);
}

static void setup(void)
{
    ram_disk_init(&disk);
    init(&disk.block, sizeof buffer);
}

static void drain(void)
{
    while (vdev_block_poll(&disk.block)) {
    }
}

static void power_on(void)
{
    put(CAPA, 3u << 25);
    put(HCTL, 6u << 9);
    put(HCTL, 6u << 9 | 1u << 8);
    put(SYSCTL, 1 | 1u << 6);
    ck_assert_uint_eq(get(SYSCTL) & 3, 3);
    put(SYSCTL, get(SYSCTL) | 4);
    put(IE, ALL);
    put(ISE, ALL);
}

/* A command; returns what it latched, and clears that. */
static uint32_t command(uint32_t flags, uint32_t index, uint32_t argument)
{
    put(ARG, argument);
    put(CMD, flags | index << 24);
    uint32_t status = get(STAT);
    put(STAT, status);
    return status;
}

static void select_card(void)
{
    power_on();
    ck_assert_uint_eq(command(NONE, 0, 0), CC);
    ck_assert_uint_eq(command(SHORT | CHECK, 8, 0x1AA), CC);
    ck_assert_uint_eq(get(RSP10), 0x1AA);
    ck_assert_uint_eq(command(SHORT | CHECK, 55, 0), CC);
    ck_assert_uint_eq(command(SHORT, 41, 0x40FF8000), CC);
    ck_assert_uint_eq(command(LONG | 1u << 19, 2, 0), CC);
    ck_assert_uint_eq(get(RSP76) >> 24, 0);
    ck_assert_uint_eq(get(RSP76) & 0xFFFFFF, 'V' << 16 | 'D' << 8 | 'v');
    ck_assert_uint_eq(command(SHORT | CHECK, 3, 0), CC);
    ck_assert_uint_eq(get(RSP10) & 0xFFFF0000, CARD);
    ck_assert_uint_eq(command(BUSY | CHECK, 7, CARD), CC | TC);
}

static void read_block(uint8_t *to, uint32_t bytes)
{
    ck_assert_uint_ne(get(PSTATE) & BRE, 0);
    for (uint32_t i = 0; i < bytes; i += 4) {
        uint32_t word = get(DATA);
        memcpy(to + i, &word, 4);
    }
}

static void write_block(const uint8_t *from, uint32_t bytes)
{
    ck_assert_uint_ne(get(PSTATE) & BWE, 0);
    for (uint32_t i = 0; i < bytes; i += 4) {
        uint32_t word;
        memcpy(&word, from + i, 4);
        put(DATA, word);
    }
}

START_TEST(registers_reset_and_keep_their_bits)
{
    static const struct omap3_register expected[] = {
        {SYSCONFIG, 0x15, 0x31D},
        {SYSSTATUS, 1, 0},
        {CSRE, 0, ~0u},
        {0x28, 0, 0xFFFF},
        {CON, 0x500, 0x1FFFF},
        {0x30, 0, 0xFFFF},
        {BLK, 0, 0xFFFF07FF},
        {ARG, 0, ~0u},
        {CMD, 0, 0x3FFB0037},
        {RSP10, 0, 0},
        {0x114, 0, 0},
        {0x118, 0, 0},
        {RSP76, 0, 0},
        {DATA, 0, 0},
        {PSTATE, 0x1F00000, 0},
        {HCTL, 0, 0x0F0F0E02},
        {SYSCTL, 0, 0x000FFFC4},
        {STAT, 0, 0},
        {IE, 0, ALL},
        {ISE, 0, ALL},
        {AC12, 0, 0},
        {CAPA, 0x00E10080, 7u << 24},
        {0x148, 0, 0xFFFFFF},
        {0x1FC, 0x26000000, 0},
    };
    omap3_check_registers(expected, sizeof expected / sizeof expected[0], setup);
}
END_TEST

START_TEST(hostile_places_and_widths_are_refused)
{
    setup();
    omap3_check_hostile_places(512);
}
END_TEST

START_TEST(the_configuration_is_checked)
{
    struct vdev_omap3_hsmmc_emulator_configuration configuration = {.buffer = buffer,
                                                                    .buffer_length = 100};
    ck_assert_int_eq(vdev_omap3_hsmmc_emulator_init(&emulator, &configuration), VDEV_ERROR_INVALID);
    configuration.buffer_length = 512;
    ck_assert_int_eq(vdev_omap3_hsmmc_emulator_init(&emulator, &configuration), VDEV_OK);
}
END_TEST

START_TEST(bus_power_needs_a_voltage_that_the_board_has)
{
    setup();
    put(HCTL, 6u << 9 | 1u << 8);
    ck_assert_uint_eq(get(HCTL), 6u << 9);
    put(CAPA, 1u << 26);
    put(HCTL, 6u << 9 | 1u << 8);
    ck_assert_uint_eq(get(HCTL) & 1u << 8, 0);
    put(HCTL, 5u << 9 | 1u << 8);
    ck_assert_uint_eq(get(HCTL) & 1u << 8, 1u << 8);
    put(HCTL, 4u << 9 | 1u << 8);
    ck_assert_uint_eq(get(HCTL) & 1u << 8, 0);
}
END_TEST

START_TEST(commands_need_power_and_clock)
{
    setup();
    put(IE, ALL);
    ck_assert_uint_eq(command(NONE, 0, 0), 0);
    power_on();
    put(SYSCTL, 1);
    ck_assert_uint_eq(command(NONE, 0, 0), 0);
    put(SYSCTL, 4);
    ck_assert_uint_eq(get(SYSCTL) & 2, 0);
    ck_assert_uint_eq(command(NONE, 0, 0), 0);
    put(SYSCTL, 5);
    ck_assert_uint_eq(command(NONE, 0, 0), CC);
}
END_TEST

START_TEST(the_init_stream_is_no_command)
{
    setup();
    power_on();
    put(CON, 0x502);
    ck_assert_uint_eq(command(SHORT, 55, 0), CC);
    put(CON, 0x500);
    ck_assert_uint_eq(command(SHORT, 41, 0x40FF8000), CTO | ERRI); /* CMD55 was not sent */
}
END_TEST

START_TEST(answers_have_the_shape_of_the_command)
{
    setup();
    select_card();
    ck_assert_uint_eq(command(BUSY, 7, 0), CTO | ERRI); /* deselected cards keep silent */
    ck_assert_uint_eq(command(LONG, 9, CARD), CC);
    ck_assert_uint_eq(get(RSP10) & 1, 1); /* all 128 bits of it, the last one too */
    ck_assert_uint_eq(command(LONG | CHECK, 9, CARD), CC | CIE | ERRI);
    ck_assert_uint_eq(command(SHORT, 9, CARD), CEB | ERRI);
    ck_assert_uint_eq(command(LONG, 13, CARD), CTO | ERRI);
    ck_assert_uint_eq(command(NONE, 13, CARD), CC);
    command(NONE, 0, 0);
    put(CSRE, ~0u); /* is for card statuses, which R7 and R3 are not */
    ck_assert_uint_eq(command(SHORT | CHECK, 8, 0x1AA), CC);
    put(CSRE, 0);
    command(SHORT, 55, 0);
    ck_assert_uint_eq(command(SHORT | CHECK, 41, 0x40FF8000), CC | CCRC | CIE | ERRI);
}
END_TEST

START_TEST(status_bits_need_their_enable_and_the_line_its_own)
{
    setup();
    power_on();
    put(IE, 0);
    ck_assert_uint_eq(command(SHORT, 13, 0), 0);
    put(IE, CTO | CC);
    put(ISE, CC);
    put(CMD, SHORT | 13u << 24);
    ck_assert_uint_eq(get(STAT), CTO | ERRI);
    ck_assert(!line.level);
    put(ISE, CTO);
    ck_assert(line.level);
    put(STAT, ERRI); /* is not cleared so */
    ck_assert_uint_eq(get(STAT), CTO | ERRI);
    put(STAT, CTO);
    ck_assert_uint_eq(get(STAT), 0); /* it goes with the last error */
    ck_assert(!line.level);
}
END_TEST

START_TEST(one_block_is_read)
{
    uint8_t data[512];

    setup();
    select_card();
    put(BLK, 512);
    ck_assert_uint_eq(command(SHORT | READ, 17, 3 * 512), CC);
    ck_assert_uint_eq(get(PSTATE) & (DATI | BRE), DATI);
    ck_assert(!line.level);
    drain();
    ck_assert(line.level);
    ck_assert_uint_eq(get(STAT), BRR);
    put(STAT, BRR);
    read_block(data, 508);
    ck_assert_uint_eq(get(STAT), 0);
    ck_assert_uint_ne(get(PSTATE) & BRE, 0);
    uint32_t word = get(DATA);
    memcpy(data + 508, &word, 4);
    ck_assert_uint_eq(get(STAT), TC);
    ck_assert_uint_eq(get(PSTATE) & (DATI | BRE), 0);
    ck_assert_mem_eq(data, disk.bytes + 3 * 512, 512);
    ck_assert_uint_eq(get(DATA), 0);
    ck_assert_uint_eq(get(STAT), TC | BADA | ERRI);
}
END_TEST

START_TEST(many_blocks_are_one_request_and_stop_by_themselves)
{
    static uint8_t data[16 * 512];

    setup();
    select_card();
    put(BLK, 16u << 16 | 512);
    ck_assert_uint_eq(command(SHORT | READ | MANY | STOP, 18, 512), CC);
    drain();
    for (unsigned i = 0; i < 16; i++) {
        ck_assert_uint_eq(get(STAT), BRR);
        put(STAT, BRR);
        read_block(data + i * 512, 512);
    }
    ck_assert_uint_eq(get(STAT), TC);
    put(STAT, TC);
    ck_assert_uint_eq(disk.reads, 1);
    ck_assert_mem_eq(data, disk.bytes + 512, sizeof data);
    ck_assert_uint_eq(get(RSP76) >> 9 & 0xF, VDEV_SD_SENDING);
    ck_assert_uint_eq(emulator.card.state, VDEV_SD_TRANSFER);
    ck_assert_uint_eq(get(AC12), 0);
}
END_TEST

START_TEST(a_guest_may_stop_by_itself)
{
    uint8_t data[512];

    setup();
    select_card();
    put(BLK, 512);
    put(ARG, 0);
    put(CMD, SHORT | READ | 1u << 5 | 18u << 24); /* without end */
    for (unsigned i = 0; i < 40; i++) {
        drain();
        read_block(data, 512);
        ck_assert_mem_eq(data, disk.bytes + i * 512, 512);
    }
    drain();
    put(STAT, ALL);
    ck_assert_uint_eq(command(BUSY | 3u << 22, 12, 0), CC | TC);
    ck_assert_uint_eq(get(PSTATE) & (DATI | BRE), 0);
    ck_assert_uint_eq(emulator.card.state, VDEV_SD_TRANSFER);
    ck_assert_uint_eq(command(SHORT, 13, CARD), CC);
}
END_TEST

START_TEST(a_write_ends_when_the_medium_has_it)
{
    static uint8_t data[8 * 512];

    setup();
    select_card();
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 13);
    }
    put(BLK, 8u << 16 | 512);
    ck_assert_uint_eq(command(SHORT | WRITE | MANY | STOP, 25, 5 * 512), CC | BWR);
    for (unsigned i = 0; i < 8; i++) {
        write_block(data + i * 512, 512);
        ck_assert_uint_eq(get(STAT), i < 7 ? BWR : 0);
        put(STAT, BWR);
    }
    ck_assert_uint_eq(get(PSTATE) & (DATI | BWE | 1u << 20), DATI); /* busy: DAT0 is low */
    put(DATA, 1);
    ck_assert_uint_eq(get(STAT), BADA | ERRI);
    put(STAT, BADA);
    drain();
    ck_assert_uint_eq(get(STAT), TC);
    ck_assert(line.level);
    ck_assert_uint_eq(disk.writes, 1);
    ck_assert_mem_eq(data, disk.bytes + 5 * 512, sizeof data);
    ck_assert_uint_eq(emulator.card.state, VDEV_SD_TRANSFER);
    ck_assert_uint_eq(get(RSP76) >> 9 & 0xF, VDEV_SD_RECEIVING);
    /* One block, and no CMD12. */
    put(STAT, TC);
    put(BLK, 512);
    ck_assert_uint_eq(command(SHORT | WRITE, 24, 0), CC | BWR);
    write_block(data, 512);
    drain();
    ck_assert_uint_eq(get(STAT), TC);
    ck_assert_mem_eq(data, disk.bytes, 512);
}
END_TEST

START_TEST(a_write_waits_for_a_full_card_and_loses_nothing)
{
    static uint8_t data[9 * 512];

    setup();
    init(&disk.block, 1024);
    select_card();
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 11);
    }
    put(BLK, 9u << 16 | 512);
    command(SHORT | WRITE | MANY | STOP, 25, 0);
    for (unsigned i = 0; i < 9; i++) {
        if ((get(PSTATE) & BWE) == 0) {
            ck_assert(!line.level);
            drain();
        }
        write_block(data + i * 512, 512);
        put(STAT, BWR);
    }
    drain();
    drain();
    ck_assert_uint_eq(get(STAT) & ~BWR, TC);
    ck_assert_mem_eq(data, disk.bytes, sizeof data);
}
END_TEST

START_TEST(medium_errors_show_as_data_errors)
{
    uint8_t data[512] = {1};

    setup();
    select_card();
    disk.bad_sector = 4;
    put(BLK, 512);
    command(SHORT | READ, 17, 4 * 512);
    drain();
    ck_assert_uint_eq(get(STAT), DCRC | ERRI);
    put(STAT, DCRC);
    put(SYSCTL, get(SYSCTL) | 1u << 26);
    ck_assert_uint_eq(get(PSTATE) & DATI, 0);
    command(SHORT | WRITE, 24, 4 * 512);
    write_block(data, 512);
    drain();
    ck_assert_uint_eq(get(STAT), DCRC | ERRI);
    put(STAT, DCRC);
    /* A write of many, in which the end fails: no success is told. */
    disk.bad_sector = 9;
    put(BLK, 2u << 16 | 512);
    command(SHORT | WRITE | MANY | STOP, 25, 8 * 512);
    write_block(data, 512);
    put(STAT, BWR);
    write_block(data, 512);
    drain();
    ck_assert_uint_eq(get(STAT), DCRC | ERRI);
    put(STAT, DCRC);
    ck_assert_uint_eq(command(BUSY, 12, 0), CC | TC);
    /* And it can be used again. */
    disk.bad_sector = UINT64_MAX;
    put(BLK, 512);
    command(SHORT | READ, 17, 0);
    drain();
    read_block(data, 512);
    ck_assert_mem_eq(data, disk.bytes, 512);
}
END_TEST

START_TEST(refused_commands_bring_an_error_and_not_silence)
{
    setup();
    select_card();
    put(BLK, 512);
    ck_assert_uint_eq(command(SHORT | READ, 17, RAM_DISK_SECTORS * 512), CC | DTO | ERRI);
    ck_assert_uint_eq(command(SHORT | WRITE, 24, RAM_DISK_SECTORS * 512), CC | DTO | ERRI);
    ck_assert_uint_eq(command(SHORT | WRITE, 17, 0), CC | DTO | ERRI); /* the wrong way round */
    ck_assert_uint_eq(command(SHORT | READ, 24, 0), CC | DTO | ERRI);
    command(BUSY, 12, 0);
    put(CSRE, 1u << 31);
    ck_assert_uint_eq(command(SHORT | READ, 17, RAM_DISK_SECTORS * 512), CC | CERR | ERRI);
    ck_assert_uint_eq(get(PSTATE) & DATI, 0);
    /* A read that runs off the end of the card. */
    put(CSRE, 0);
    put(BLK, 2u << 16 | 512);
    command(SHORT | READ | MANY | STOP, 18, (RAM_DISK_SECTORS - 1) * 512);
    drain();
    put(STAT, BRR);
    uint8_t data[512];
    read_block(data, 512);
    drain();
    ck_assert_uint_eq(get(STAT), DTO | ERRI);
    init(NULL, sizeof buffer);
    power_on();
    ck_assert_uint_eq(command(SHORT, 8, 0x1AA), CTO | ERRI);
}
END_TEST

START_TEST(an_automatic_stop_that_fails_is_told)
{
    uint8_t data[512];

    setup();
    select_card();
    put(BLK, 1u << 16 | 512);
    /* CMD17 is over after its block: a CMD12 has nothing to stop. */
    command(SHORT | READ | MANY | STOP, 17, 0);
    drain();
    put(STAT, BRR);
    read_block(data, 512);
    ck_assert_uint_eq(get(STAT), TC | ACE | ERRI);
    ck_assert_uint_eq(get(AC12), 2);
}
END_TEST

START_TEST(lengths_stay_within_the_fifo)
{
    static const uint32_t lengths[] = {0, 1, 3, 4, 5, 63, 511, 512};
    uint8_t data[512];

    setup();
    select_card();
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint32_t length = lengths[i];
        put(BLK, length);
        uint32_t status = command(SHORT | READ, 17, 512);
        if (length == 0) {
            ck_assert_uint_eq(status, CC | TC);
            drain();
            put(SYSCTL, get(SYSCTL) | 1u << 26);
            command(BUSY, 12, 0);
            continue;
        }
        drain();
        put(STAT, BRR);
        read_block(data, length);
        ck_assert_uint_eq(get(STAT), TC);
        put(STAT, TC);
        ck_assert_mem_eq(data, disk.bytes + 512, length);
        for (uint32_t j = length; j % 4 != 0; j++) {
            ck_assert_uint_eq(data[j], 0);
        }
    }
    /* Longer than the FIFO: it is 1024 bytes long, whatever is asked for. */
    put(BLK, 2u << 16 | 0x7FF);
    command(SHORT | READ | MANY, 18, 0);
    drain();
    for (unsigned i = 0; i < 256; i++) {
        uint32_t word = get(DATA), want;
        memcpy(&want, disk.bytes + 4 * i, 4);
        ck_assert_uint_eq(word, want);
    }
    ck_assert_uint_eq(emulator.position, 0);
    command(BUSY, 12, 0);
    /* No blocks at all. */
    put(BLK, 512);
    ck_assert_uint_eq(command(SHORT | READ | MANY, 18, 0), CC | TC);
}
END_TEST

START_TEST(a_transfer_cannot_be_changed_under_way)
{
    uint8_t data[512];

    setup();
    select_card();
    put(BLK, 2u << 16 | 512);
    command(SHORT | READ | MANY | STOP, 18, 0);
    put(BLK, 0xFFFF0001);
    ck_assert_uint_eq(get(BLK), 2u << 16 | 512);
    ck_assert_uint_eq(command(SHORT | WRITE, 24, 0), 0); /* not sent */
    ck_assert_uint_eq(command(SHORT, 13, CARD), CC);     /* this needs no data lines */
    put(DATA, 0x12345678);
    ck_assert_uint_eq(get(STAT), BADA | ERRI);
    put(STAT, BADA);
    drain();
    put(DATA, 0x12345678); /* a write while one has to read */
    ck_assert_uint_eq(get(STAT), BRR | BADA | ERRI);
    read_block(data, 512);
    read_block(data, 512);
    ck_assert_mem_eq(data, disk.bytes + 512, 512);
    ck_assert_uint_ne(get(STAT) & TC, 0);
}
END_TEST

START_TEST(resets_end_what_is_under_way)
{
    setup();
    select_card();
    put(BLK, 512);
    command(SHORT | READ, 17, 0);
    drain();
    put(SYSCTL, get(SYSCTL) | 1u << 26); /* SRD */
    ck_assert_uint_eq(get(STAT), 0);
    ck_assert_uint_eq(get(PSTATE) & (DATI | BRE), 0);
    ck_assert_uint_eq(get(SYSCTL) >> 24, 0);
    ck_assert(!line.level);
    put(ARG, CARD);
    put(CMD, SHORT | 13u << 24);
    put(SYSCTL, get(SYSCTL) | 1u << 25); /* SRC */
    ck_assert_uint_eq(get(STAT), 0);
    command(SHORT | READ, 17, 0);
    put(SYSCONFIG, 0x308);
    put(SYSCTL, 1u << 24); /* SRA */
    drain();
    ck_assert_uint_eq(get(STAT), 0);
    ck_assert_uint_eq(get(IE), 0);
    ck_assert_uint_eq(get(HCTL), 0);
    ck_assert_uint_eq(get(CAPA), 0x06E10080);
    ck_assert_uint_eq(get(SYSCONFIG), 0x308);
    put(SYSCONFIG, 2);
    ck_assert_uint_eq(get(SYSCONFIG), 0x15);
    ck_assert_uint_eq(get(CAPA), 0x00E10080);
    select_card();
}
END_TEST

START_TEST(random_accesses_stay_in_bounds_and_leave_it_usable)
{
    uint8_t data[512];

    setup();
    for (int i = 0; i < 300000; i++) {
        if (i % 1000 == 0) {
            power_on();
            disk.held = omap3_random() % 4 == 0;
            disk.bad_sector = omap3_random() % 4 == 0 ? omap3_random() % 8 : UINT64_MAX;
        }
        switch (omap3_random() % 8) {
        case 0:
            vdev_block_poll(&disk.block);
            break;
        case 1: /* what is likely to start something */
            put(BLK, (omap3_random() % 4) << 16 | omap3_random() % 2048);
            put(ARG, omap3_random() % 2 != 0 ? CARD : omap3_random() % 16 * 512);
            put(CMD, (omap3_random() & 0x37) | SHORT | (omap3_random() & 1) << 21 |
                         (uint32_t[]){0, 55, 41, 2, 3, 7, 12, 13, 17, 18, 24, 25, 9, 8, 6,
                                      51}[omap3_random() % 16]
                             << 24);
            break;
        case 2:
        case 3:
            for (uint32_t words = omap3_random() % 300; words != 0; words--) {
                if (omap3_random() % 2 != 0) {
                    get(DATA);
                } else {
                    put(DATA, words);
                }
            }
            break;
        default:
            omap3_random_access();
        }
        if (emulator.position > emulator.end || emulator.end > 1024 || emulator.passed > 1024 ||
            line.level != ((emulator.values[17] & get(IE) & get(ISE)) != 0)) {
            ck_abort_msg("after %d accesses: %u of %u, %u passed", i, emulator.position,
                         emulator.end, emulator.passed);
        }
    }
    disk.held = false;
    disk.bad_sector = UINT64_MAX;
    drain();
    vdev_omap3_hsmmc_emulator_reset(&emulator); /* the card may have been told to be inactive */
    select_card();
    put(BLK, 512);
    command(SHORT | READ, 17, 0);
    drain();
    read_block(data, 512);
    ck_assert_mem_eq(data, disk.bytes, 512);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("omap3 hsmmc emulator");
    TCase *tests = tcase_create("all");

    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, registers_reset_and_keep_their_bits);
    tcase_add_test(tests, hostile_places_and_widths_are_refused);
    tcase_add_test(tests, the_configuration_is_checked);
    tcase_add_test(tests, bus_power_needs_a_voltage_that_the_board_has);
    tcase_add_test(tests, commands_need_power_and_clock);
    tcase_add_test(tests, the_init_stream_is_no_command);
    tcase_add_test(tests, answers_have_the_shape_of_the_command);
    tcase_add_test(tests, status_bits_need_their_enable_and_the_line_its_own);
    tcase_add_test(tests, one_block_is_read);
    tcase_add_test(tests, many_blocks_are_one_request_and_stop_by_themselves);
    tcase_add_test(tests, a_guest_may_stop_by_itself);
    tcase_add_test(tests, a_write_ends_when_the_medium_has_it);
    tcase_add_test(tests, a_write_waits_for_a_full_card_and_loses_nothing);
    tcase_add_test(tests, medium_errors_show_as_data_errors);
    tcase_add_test(tests, refused_commands_bring_an_error_and_not_silence);
    tcase_add_test(tests, an_automatic_stop_that_fails_is_told);
    tcase_add_test(tests, lengths_stay_within_the_fifo);
    tcase_add_test(tests, a_transfer_cannot_be_changed_under_way);
    tcase_add_test(tests, resets_end_what_is_under_way);
    tcase_add_test(tests, random_accesses_stay_in_bounds_and_leave_it_usable);
    suite_add_tcase(suite, tests);
    return omap3_run(suite);
}
