/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's accesses to one PL181 emulator over a RAM disk, for tests: registers, commands, data.
 */
#ifndef SUPPORT_PL181_GUEST_H
#define SUPPORT_PL181_GUEST_H

#include <check.h>
#include <stdlib.h>

#include <vdev/emulators/pl181.h>
#include <vdev/status.h>

#include "ram_disk.h"

enum {
    POWER = 0x00,
    CLOCK = 0x04,
    ARGUMENT = 0x08,
    COMMAND = 0x0c,
    RESP_CMD = 0x10,
    RESPONSE0 = 0x14,
    RESPONSE3 = 0x20,
    TIMER = 0x24,
    LENGTH = 0x28,
    CONTROL = 0x2c,
    DATA_CNT = 0x30,
    STATUS = 0x34,
    CLEAR = 0x38,
    MASK0 = 0x3c,
    MASK1 = 0x40,
    SELECT = 0x44,
    FIFO_CNT = 0x48,
    FIFO = 0x80,
};
#define CMD_CRC_FAIL  (1u << 0)
#define DATA_CRC_FAIL (1u << 1)
#define CMD_TIME_OUT  (1u << 2)
#define DATA_TIME_OUT (1u << 3)
#define CMD_RESP_END  (1u << 6)
#define CMD_SENT      (1u << 7)
#define DATA_END      (1u << 8)
#define CMD_ACTIVE    (1u << 11)
#define TX_ACTIVE     (1u << 12)
#define RX_ACTIVE     (1u << 13)
#define TX_HALF_EMPTY (1u << 14)
#define RX_HALF_FULL  (1u << 15)
#define TX_FULL       (1u << 16)
#define RX_FULL       (1u << 17)
#define TX_EMPTY      (1u << 18)
#define RX_EMPTY      (1u << 19)
#define RX_AVAILABLE  (1u << 21)
#define SHORT         (1u << 10 | 1u << 6)
#define LONG          (1u << 10 | 1u << 6 | 1u << 7)
#define ENABLE        (1u << 10)
#define RECEIVE       (9u << 4 | 3)
#define TRANSMIT      (9u << 4 | 1)
#define CARD          0x45670000u

static struct ram_disk disk;
static struct vdev_pl181_emulator emulator;
static uint32_t buffer[2048];
static bool lines[2];

static inline void set_line(void *context, uint32_t number, bool level)
{
    (void)context;
    lines[number] = level;
}

static inline int access_as(uint32_t offset, unsigned width, bool write, uint64_t *value)
{
    struct vdev_access access = {
        .offset = offset, .width = (uint8_t)width, .write = write, .value = *value};
    int status = vdev_pl181_emulator_access(&emulator, &access);
    *value = access.value;
    return status;
}

static inline uint32_t get(uint32_t offset)
{
    uint64_t value = 0xdeadbeefdeadbeefu;
    ck_assert_int_eq(access_as(offset, 4, false, &value), VDEV_OK);
    ck_assert_uint_eq(value >> 32, 0);
    return (uint32_t)value;
}

static inline void put(uint32_t offset, uint32_t value)
{
    uint64_t written = value;
    ck_assert_int_eq(access_as(offset, 4, true, &written), VDEV_OK);
}

static inline void drain(void)
{
    while (vdev_block_poll(&disk.block)) {
    }
}

static inline void init(struct vdev_block *block, size_t length)
{
    struct vdev_pl181_emulator_configuration configuration = {
        .block = block,
        .interrupt = {{.set = set_line, .number = 0}, {.set = set_line, .number = 1}},
        .buffer = buffer,
        .buffer_length = length,
    };
    ck_assert_int_eq(vdev_pl181_emulator_init(&emulator, &configuration), VDEV_OK);
    lines[0] = lines[1] = false;
}

/* A command; returns the status bits that it latched, and clears them. */
static inline uint32_t command(uint32_t flags, uint32_t index, uint32_t argument)
{
    put(ARGUMENT, argument);
    put(COMMAND, flags | index);
    uint32_t status = get(STATUS) & 0xc5;
    put(CLEAR, status);
    return status;
}

static inline void select_card(void)
{
    put(POWER, 3);
    put(CLOCK, 1u << 8);
    ck_assert_uint_eq(command(ENABLE, 0, 0), CMD_SENT);
    ck_assert_uint_eq(command(SHORT, 55, 0), CMD_RESP_END);
    ck_assert_uint_eq(command(SHORT, 41, 0x40ff8000), CMD_CRC_FAIL);
    ck_assert_uint_eq(command(LONG, 2, 0), CMD_RESP_END);
    ck_assert_uint_eq(command(SHORT, 3, 0), CMD_RESP_END);
    ck_assert_uint_eq(command(SHORT, 7, CARD), CMD_RESP_END);
}

static inline void setup(void)
{
    ram_disk_init(&disk);
    init(&disk.block, sizeof buffer);
}

static inline void start_read(uint32_t index, uint32_t sector, uint32_t bytes)
{
    put(LENGTH, bytes);
    put(CONTROL, RECEIVE);
    ck_assert_uint_eq(command(SHORT, index, sector * 512), CMD_RESP_END);
}

static inline void start_write(uint32_t index, uint32_t sector, uint32_t bytes)
{
    ck_assert_uint_eq(command(SHORT, index, sector * 512), CMD_RESP_END);
    put(LENGTH, bytes);
    put(CONTROL, TRANSMIT);
}

/* Reads in bursts until the FIFO stays empty, as a driver does; returns bytes. */
static inline uint32_t read_all(uint8_t *to, uint32_t most)
{
    uint32_t done = 0;
    while (done < most) {
        uint32_t status = get(STATUS);
        if ((status & RX_AVAILABLE) == 0) {
            status = get(STATUS);
        }
        if ((status & RX_AVAILABLE) == 0) {
            break;
        }
        uint32_t words = (status & RX_HALF_FULL) != 0 ? 8 : 1;
        for (; words != 0; words--, done += 4) {
            uint32_t word = get(FIFO);
            memcpy(to + done, &word, 4);
        }
    }
    return done;
}

#endif
