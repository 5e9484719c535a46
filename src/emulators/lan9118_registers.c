/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The LAN9118's registers as a table, and the names of their fields. What they do is in the other
 * files. [DS] is the LAN9118 data sheet.
 */
#include "emulators/lan9118.h"

#define READ(function)  .read = vdev_lan9118_read_##function
#define WRITE(function) .write = vdev_lan9118_write_##function

#define INDEX(id, offset_, load, ...) [(offset_) / 4] = (id) + 1,
#define LOAD(id, offset_, load, ...)  [(offset_) / 4] = (load) != 0 ? (id) + 1 : 0,
#define REGISTER(id, offset_, load, ...)                                                           \
    [id] = {.offset = (offset_),                                                                   \
            .widths = (load) != 0 ? VDEV_REGISTER_ANY : VDEV_REGISTER_32,                          \
            __VA_ARGS__},
#define MORE(id, offset_)                                                                          \
    [(offset_) / 4 + 1] = (id) + 1, [(offset_) / 4 + 2] = (id) + 1,                                \
                     [(offset_) / 4 + 3] = (id) + 1, [(offset_) / 4 + 4] = (id) + 1,               \
                     [(offset_) / 4 + 5] = (id) + 1, [(offset_) / 4 + 6] = (id) + 1,               \
                     [(offset_) / 4 + 7] = (id) + 1

_Static_assert(REGISTER_COUNT == VDEV_LAN9118_REGISTER_COUNT, "the values' array holds them all");

static const uint8_t register_index[VDEV_LAN9118_WINDOW / 4] = {
    LAN9118_REGISTERS(INDEX) MORE(RX_DATA_FIFO, 0x00), MORE(TX_DATA_FIFO, 0x20)};
static const uint8_t register_loads[VDEV_LAN9118_WINDOW / 4] = {LAN9118_REGISTERS(LOAD)};
static const struct vdev_register registers[] = {LAN9118_REGISTERS(REGISTER)};

/* INT_STS and INT_EN have the same bits [DS §5.3.3]. */
#define INTERRUPT_FIELDS(offset)                                                                   \
    {offset, INTERRUPT_SW, "SW_INT"}, {offset, INTERRUPT_TXSTOP, "TXSTOP_INT"},                    \
        {offset, INTERRUPT_RXSTOP, "RXSTOP_INT"}, {offset, INTERRUPT_RXDFH, "RXDFH_INT"},          \
        {offset, INTERRUPT_TX_IOC, "TIOC_INT"}, {offset, INTERRUPT_RXD, "RXD_INT"},                \
        {offset, INTERRUPT_GPT, "GPT_INT"}, {offset, INTERRUPT_PHY, "PHY_INT"},                    \
        {offset, INTERRUPT_PME, "PME_INT"}, {offset, INTERRUPT_TXSO, "TXSO"},                      \
        {offset, INTERRUPT_RWT, "RWT"}, {offset, INTERRUPT_RXE, "RXE"},                            \
        {offset, INTERRUPT_TXE, "TXE"}, {offset, INTERRUPT_TDFO, "TDFO"},                          \
        {offset, INTERRUPT_TDFA, "TDFA"}, {offset, INTERRUPT_TSFF, "TSFF"},                        \
        {offset, INTERRUPT_TSFL, "TSFL"}, {offset, INTERRUPT_RXDF, "RXDF_INT"},                    \
        {offset, INTERRUPT_RSFF, "RSFF"}, {offset, INTERRUPT_RSFL, "RSFL"},                        \
    {                                                                                              \
        offset, INTERRUPT_GPIO, "GPIO_INT"                                                         \
    }
#define RECEIVE_STATUS_FIELDS(offset)                                                              \
    {offset, 0x40000000, "FILTERING_FAIL"}, {offset, 0x3FFF0000, "PACKET_LENGTH"},                 \
        {offset, 0x00008000, "ERROR_STATUS"}, {offset, 0x00002000, "BROADCAST"},                   \
        {offset, 0x00001000, "LENGTH_ERROR"}, {offset, 0x00000800, "RUNT"},                        \
        {offset, 0x00000400, "MULTICAST"}, {offset, 0x00000080, "TOO_LONG"},                       \
        {offset, 0x00000040, "COLLISION"}, {offset, 0x00000020, "FRAME_TYPE"},                     \
        {offset, 0x00000010, "WATCHDOG"}, {offset, 0x00000008, "MII_ERROR"},                       \
        {offset, 0x00000004, "DRIBBLING"},                                                         \
    {                                                                                              \
        offset, 0x00000002, "CRC_ERROR"                                                            \
    }
#define TRANSMIT_STATUS_FIELDS(offset)                                                             \
    {offset, 0xFFFF0000, "PACKET_TAG"}, {offset, 0x00008000, "ERROR_STATUS"},                      \
        {offset, 0x00000800, "LOSS_OF_CARRIER"}, {offset, 0x00000400, "NO_CARRIER"},               \
        {offset, 0x00000200, "LATE_COLLISION"}, {offset, 0x00000100, "EXCESSIVE_COLLISIONS"},      \
        {offset, 0x00000078, "COLLISION_COUNT"}, {offset, 0x00000004, "EXCESSIVE_DEFERRAL"},       \
    {                                                                                              \
        offset, 0x00000001, "DEFERRED"                                                             \
    }

/* For tests and messages; no access looks at them [DS §5.3]. */
static const struct vdev_register_field fields[] = {
    RECEIVE_STATUS_FIELDS(0x40),
    RECEIVE_STATUS_FIELDS(0x44),
    TRANSMIT_STATUS_FIELDS(0x48),
    TRANSMIT_STATUS_FIELDS(0x4C),
    {0x50, 0xFFFF0000, "CHIP_ID"},
    {0x50, 0x0000FFFF, "REVISION"},
    {0x54, 0xFF000000, "INT_DEAS"},
    {0x54, 0x00004000, "INT_DEAS_CLR"},
    {0x54, 0x00002000, "INT_DEAS_STS"},
    {0x54, IRQ_CFG_INT, "IRQ_INT"},
    {0x54, IRQ_CFG_ENABLE, "IRQ_EN"},
    {0x54, IRQ_CFG_POLARITY, "IRQ_POL"},
    {0x54, IRQ_CFG_TYPE, "IRQ_TYPE"},
    INTERRUPT_FIELDS(0x58),
    INTERRUPT_FIELDS(0x5C),
    {0x68, 0xFF000000, "TX_AVAIL_LEVEL"},
    {0x68, 0x00FF0000, "TX_STS_LEVEL"},
    {0x68, 0x000000FF, "RX_STS_LEVEL"},
    {0x6C, 0xC0000000, "RX_END_ALGN"},
    {0x6C, 0x0FFF0000, "RX_DMA_CNT"},
    {0x6C, RX_CFG_DUMP, "RX_DUMP"},
    {0x6C, 0x00001F00, "RXDOFF"},
    {0x70, TX_CFG_STATUS_DUMP, "TXS_DUMP"},
    {0x70, TX_CFG_DATA_DUMP, "TXD_DUMP"},
    {0x70, TX_CFG_OVERRUN, "TXSAO"},
    {0x70, TX_CFG_ON, "TX_ON"},
    {0x70, TX_CFG_STOP, "STOP_TX"},
    {0x74, 0x00100000, "MBO"},
    {0x74, HW_CFG_SIZE, "TX_FIF_SZ"},
    {0x74, 0x00000004, "BUS_32"},
    {0x74, 0x00000002, "SRST_TO"},
    {0x74, HW_CFG_RESET, "SRST"},
    {0x78, RX_DP_FAST_FORWARD, "RX_FFWD"},
    {0x7C, 0x00FF0000, "RXSUSED"},
    {0x7C, 0x0000FFFF, "RXDUSED"},
    {0x80, 0x00FF0000, "TXSUSED"},
    {0x80, 0x0000FFFF, "TDFREE"},
    {0x84, PMT_MODE, "PM_MODE"},
    {0x84, PMT_PHY_RESET, "PHY_RST"},
    {0x84, 0x00000200, "WOL_EN"},
    {0x84, 0x00000100, "ED_EN"},
    {0x84, 0x00000040, "PME_TYPE"},
    {0x84, 0x00000030, "WUPS"},
    {0x84, 0x00000008, "PME_IND"},
    {0x84, 0x00000004, "PME_POL"},
    {0x84, 0x00000002, "PME_EN"},
    {0x84, PMT_READY, "READY"},
    {0x88, 0x70000000, "LED_EN"},
    {0x88, 0x07000000, "GPIO_INT_POL"},
    {0x88, 0x00700000, "EEPR_EN"},
    {0x88, 0x00070000, "GPIOBUF"},
    {0x88, 0x00000700, "GPIODIR"},
    {0x88, 0x0000001F, "GPIOD"},
    {0x8C, GPT_ENABLE, "TIMER_EN"},
    {0x8C, GPT_LOAD, "GPT_LOAD"},
    {0x90, 0x0000FFFF, "GPT_CNT"},
    {0xA4, MAC_CSR_BUSY, "BUSY"},
    {0xA4, MAC_CSR_READ, "R_NOT_W"},
    {0xA4, MAC_CSR_ADDRESS, "ADDRESS"},
    {0xAC, 0x00FF0000, "AFC_HI"},
    {0xAC, 0x0000FF00, "AFC_LO"},
    {0xAC, 0x000000F0, "BACK_DUR"},
    {0xAC, 0x00000008, "FCMULT"},
    {0xAC, 0x00000004, "FCBRD"},
    {0xAC, 0x00000002, "FCADD"},
    {0xAC, 0x00000001, "FCANY"},
    {0xB0, E2P_BUSY, "EPC_BUSY"},
    {0xB0, E2P_COMMAND, "EPC_CMD"},
    {0xB0, E2P_TIMEOUT, "EPC_TIMEOUT"},
    {0xB0, E2P_LOADED, "MAC_ADDR_LOADED"},
    {0xB0, E2P_ADDRESS, "EPC_ADDR"},
    {0xB4, 0x000000FF, "EEPROM_DATA"},
    {0, 0, NULL},
};

const struct vdev_register_table vdev_lan9118_registers = {
    .registers = registers,
    .count = REGISTER_COUNT,
    .index = register_index,
    .words = VDEV_LAN9118_WINDOW / 4,
    .loads = register_loads,
    .fields = fields,
};
