/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's accesses to one LAN9118 emulator, with a wire at its other end: registers, MAC, PHY,
 * frames both ways. For tests and the fuzz target.
 */
#ifndef TESTS_SUPPORT_LAN9118_GUEST_H
#define TESTS_SUPPORT_LAN9118_GUEST_H

#include <check.h>
#include <stdlib.h>

#include <vdev/emulators/lan9118.h>

#include "wire.h"

enum {
    RX_DATA = 0x00,
    TX_DATA = 0x20,
    RX_STATUS = 0x40,
    RX_PEEK = 0x44,
    TX_STATUS = 0x48,
    TX_PEEK = 0x4C,
    ID_REV = 0x50,
    IRQ_CFG = 0x54,
    INT_STS = 0x58,
    INT_EN = 0x5C,
    BYTE_TEST = 0x64,
    FIFO_INT = 0x68,
    RX_CFG = 0x6C,
    TX_CFG = 0x70,
    HW_CFG = 0x74,
    RX_DP = 0x78,
    RX_INF = 0x7C,
    TX_INF = 0x80,
    PMT_CTRL = 0x84,
    GPIO_CFG = 0x88,
    GPT_CFG = 0x8C,
    GPT_CNT = 0x90,
    WORD_SWAP = 0x98,
    FREE_RUN = 0x9C,
    RX_DROP = 0xA0,
    MAC_CMD = 0xA4,
    MAC_DATA = 0xA8,
    AFC_CFG = 0xAC,
    E2P_CMD = 0xB0,
    E2P_DATA = 0xB4,
};
enum { MAC_CR = 1, ADDRH, ADDRL, HASHH, HASHL, MII_ACC, MII_DATA, FLOW, VLAN1, VLAN2, WUFF, WUCSR };

#define SW_INT     0x80000000u
#define TXSTOP_INT 0x02000000u
#define RXSTOP_INT 0x01000000u
#define RXDFH_INT  0x00800000u
#define TX_IOC_INT 0x00200000u
#define GPT_INT    0x00080000u
#define PHY_INT    0x00040000u
#define TXSO_INT   0x00010000u
#define RWT_INT    0x00008000u
#define RXE_INT    0x00004000u
#define TXE_INT    0x00002000u
#define TDFO_INT   0x00000400u
#define TDFA_INT   0x00000200u
#define TSFF_INT   0x00000100u
#define TSFL_INT   0x00000080u
#define RXDF_INT   0x00000040u
#define RSFF_INT   0x00000010u
#define RSFL_INT   0x00000008u

#define TX_ON      2u
#define TX_STOP    1u
#define TXSAO      4u
#define TXS_DUMP   0x8000u
#define TXD_DUMP   0x4000u
#define RX_DUMP    0x8000u
#define CR_RXALL   0x80000000u
#define CR_LOOPBK  0x00200000u
#define CR_MCPAS   0x00080000u
#define CR_PRMS    0x00040000u
#define CR_INVFILT 0x00020000u
#define CR_HO      0x00008000u
#define CR_HPFILT  0x00002000u
#define CR_BCAST   0x00000800u
#define CR_PADSTR  0x00000100u
#define CR_TXEN    0x8u
#define CR_RXEN    0x4u
#define FIRST      0x2000u
#define LAST       0x1000u
#define NO_FCS     0x2000u
#define NO_PADDING 0x1000u

#define TX_SPACE 4608u /* bytes, as after reset */
#define RX_SPACE 10560u

static const uint8_t guest_address[VDEV_NET_ADDRESS_BYTES] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

static struct wire wire;
static struct vdev_lan9118_emulator emulator;
static struct vdev_interrupt_line line;
static bool raised;
static uint32_t edges;
static uint64_t nanoseconds;
static uint64_t deadline;

static inline void set_line(void *context, uint32_t number, bool level)
{
    (void)context;
    (void)number;
    ck_assert(level != raised);
    raised = level;
    edges += level;
}

static inline uint64_t read_clock(void *context)
{
    (void)context;
    return nanoseconds;
}

static inline void set_deadline(void *context, uint64_t when)
{
    (void)context;
    deadline = when;
}

static const struct vdev_clock guest_clock = {read_clock, NULL};

static inline void setup_with(const uint8_t *address, bool no_eeprom)
{
    line = (struct vdev_interrupt_line){.set = set_line};
    raised = false;
    edges = 0;
    nanoseconds = 1000;
    deadline = 0;
    wire_init(&wire, guest_address);
    const struct vdev_lan9118_emulator_configuration configuration = {
        .net = &wire.net,
        .interrupt = &line,
        .address = address,
        .no_eeprom = no_eeprom,
        .clock = &guest_clock,
        .rearm = set_deadline,
    };
    ck_assert(vdev_lan9118_emulator_init(&emulator, &configuration) == VDEV_OK);
}

static inline void setup(void)
{
    setup_with(NULL, false);
}

static inline int access_as(uint32_t offset, unsigned width, bool write, uint64_t *value)
{
    struct vdev_access access = {
        .offset = offset, .width = (uint8_t)width, .write = write, .value = *value};
    int status = vdev_lan9118_emulator_access(&emulator, &access);
    *value = access.value;
    return status;
}

static inline uint32_t get(uint32_t offset)
{
    uint64_t value = 0;

    if (access_as(offset, 4, false, &value) != VDEV_OK || value >> 32 != 0) {
        ck_assert(!"a register cannot be read");
    }
    return (uint32_t)value;
}

static inline void put(uint32_t offset, uint32_t word)
{
    uint64_t value = word;

    if (access_as(offset, 4, true, &value) != VDEV_OK) { /* no assertion: it is done very often */
        ck_assert(!"a register cannot be written");
    }
}

static inline uint32_t get_mac(uint32_t number)
{
    put(MAC_CMD, 0xC0000000u | number);
    ck_assert_uint_eq(get(MAC_CMD) & 0x80000000u, 0);
    return get(MAC_DATA);
}

static inline void put_mac(uint32_t number, uint32_t value)
{
    put(MAC_DATA, value);
    put(MAC_CMD, 0x80000000u | number);
}

static inline uint32_t get_phy_at(uint32_t phy, uint32_t number)
{
    put_mac(MII_ACC, phy << 11 | number << 6);
    ck_assert_uint_eq(get_mac(MII_ACC) & 1, 0);
    return get_mac(MII_DATA);
}

static inline uint32_t get_phy(uint32_t number)
{
    return get_phy_at(1, number);
}

static inline void put_phy(uint32_t number, uint32_t value)
{
    put_mac(MII_DATA, value);
    put_mac(MII_ACC, 1u << 11 | number << 6 | 2);
}

/* What a driver does before it sends and receives: no filter, no offset, both directions on. */
static inline void start(void)
{
    put_mac(MAC_CR, CR_PRMS | CR_TXEN | CR_RXEN);
    put(TX_CFG, TX_ON);
}

/* A frame with a number in it: from the wire's address to the guest's. */
static inline void make_frame(uint8_t *frame, uint32_t length, uint32_t number)
{
    for (uint32_t i = 0; i < length; i++) {
        frame[i] = (uint8_t)(number * 31 + i * 7 + (i >> 8));
    }
    if (length >= VDEV_NET_HEADER_BYTES) {
        memcpy(frame, guest_address, VDEV_NET_ADDRESS_BYTES);
        frame[6] = 2;
        frame[12] = 0x08;
        frame[13] = 0x00;
    }
}

/* One segment: command A's flags with the size and offset added, B, and the data's words. */
static inline void put_segment(uint32_t a, uint32_t b, const uint8_t *bytes, uint32_t size,
                               uint32_t offset)
{
    static const uint32_t boundaries[4] = {4, 16, 32, 4};
    uint32_t boundary = boundaries[a >> 24 & 3];
    uint32_t whole = (offset + size + boundary - 1) / boundary * boundary;

    put(TX_DATA, a | offset << 16 | size);
    put(TX_DATA + 4, b);
    for (uint32_t i = 0; i < whole; i += 4) {
        uint32_t word = 0;
        for (uint32_t j = 0; j < 4; j++) {
            uint32_t at = i + j;
            uint32_t byte = at >= offset && at - offset < size ? bytes[at - offset] : 0xEE;
            word |= byte << (8 * j);
        }
        put(TX_DATA + i % 32, word);
    }
}

static inline void send(const uint8_t *bytes, uint32_t length, uint32_t offset, uint32_t tag)
{
    put_segment(FIRST | LAST, tag << 16 | length, bytes, length, offset);
}

/* The frame that arrived first, with `offset` bytes before it as RX_CFG says; its length. */
static inline uint32_t take(uint8_t *bytes, uint32_t offset, uint32_t boundary)
{
    uint32_t status = get(RX_STATUS);
    uint32_t length = status >> 16 & 0x3FFF;
    uint32_t whole = (offset + length + boundary - 1) / boundary * boundary;

    for (uint32_t i = 0; i < whole; i += 4) {
        uint32_t word = get(RX_DATA + i % 32);
        for (uint32_t j = 0; j < 4; j++) {
            uint32_t at = i + j;
            if (at >= offset && at - offset < length) {
                bytes[at - offset] = (uint8_t)(word >> (8 * j));
            }
        }
    }
    return length;
}

#endif
