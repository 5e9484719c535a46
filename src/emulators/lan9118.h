/* SPDX-License-Identifier: BSD-2-Clause */
/* What the LAN9118 model's files share: register numbers and bits. Not a public header. */
#ifndef EMULATORS_LAN9118_H
#define EMULATORS_LAN9118_H

#include <vdev/emulators/lan9118.h>

/* INT_STS and INT_EN [DS §5.3.3, §5.3.4]. */
#define INTERRUPT_SW     0x80000000u
#define INTERRUPT_TXSTOP 0x02000000u
#define INTERRUPT_RXSTOP 0x01000000u
#define INTERRUPT_RXDFH  0x00800000u
#define INTERRUPT_TX_IOC 0x00200000u
#define INTERRUPT_RXD    0x00100000u
#define INTERRUPT_GPT    0x00080000u
#define INTERRUPT_PHY    0x00040000u
#define INTERRUPT_PME    0x00020000u
#define INTERRUPT_TXSO   0x00010000u
#define INTERRUPT_RWT    0x00008000u
#define INTERRUPT_RXE    0x00004000u
#define INTERRUPT_TXE    0x00002000u
#define INTERRUPT_TDFO   0x00000400u
#define INTERRUPT_TDFA   0x00000200u
#define INTERRUPT_TSFF   0x00000100u
#define INTERRUPT_TSFL   0x00000080u
#define INTERRUPT_RXDF   0x00000040u
#define INTERRUPT_RSFF   0x00000010u
#define INTERRUPT_RSFL   0x00000008u
#define INTERRUPT_GPIO   0x00000007u
#define INTERRUPT_ALL    0x83BFE7DFu

/* IRQ_CFG [DS §5.3.2] */
#define IRQ_CFG_INT      0x00001000u
#define IRQ_CFG_ENABLE   0x00000100u
#define IRQ_CFG_POLARITY 0x00000010u
#define IRQ_CFG_TYPE     0x00000001u

/* RX_CFG, TX_CFG, HW_CFG, RX_DP_CTL [DS §5.3.7 to §5.3.10] */
#define RX_CFG_END_SHIFT    30
#define RX_CFG_DUMP         0x00008000u
#define RX_CFG_OFFSET_SHIFT 8
#define TX_CFG_STATUS_DUMP  0x00008000u
#define TX_CFG_DATA_DUMP    0x00004000u
#define TX_CFG_OVERRUN      0x00000004u /* TXSAO */
#define TX_CFG_ON           0x00000002u
#define TX_CFG_STOP         0x00000001u
#define HW_CFG_SIZE         0x000F0000u
#define HW_CFG_SIZE_SHIFT   16
#define HW_CFG_RESET        0x00000001u
#define RX_DP_FAST_FORWARD  0x80000000u

/* PMT_CTRL [DS §5.3.13] */
#define PMT_MODE      0x00003000u
#define PMT_PHY_RESET 0x00000400u
#define PMT_NOT_RESET 0x00000044u /* PME_TYPE and PME_POL */
#define PMT_READY     0x00000001u

/* GPT_CFG, MAC_CSR_CMD, E2P_CMD [DS §5.3.15, §5.3.20, §5.3.23] */
#define GPT_ENABLE      0x20000000u
#define GPT_LOAD        0x0000FFFFu
#define MAC_CSR_BUSY    0x80000000u
#define MAC_CSR_READ    0x40000000u
#define MAC_CSR_ADDRESS 0x000000FFu
#define E2P_BUSY        0x80000000u
#define E2P_COMMAND     0x70000000u
#define E2P_READ        0x00000000u
#define E2P_RELOAD      0x70000000u
#define E2P_TIMEOUT     0x00000200u
#define E2P_LOADED      0x00000100u
#define E2P_ADDRESS     0x000000FFu

/*
 * The host's registers [DS table 5.1]: X(number, offset, reading is a load, ...). Widths beyond 32
 * bits are for loads only: no narrower write gets as far as the table.
 */
#define LAN9118_REGISTERS(X)                                                                       \
    X(RX_DATA_FIFO, 0x00, 0, .name = "RX_DATA_FIFO", .kind = VDEV_REGISTER_READ_ONLY, .repeat = 8) \
    X(TX_DATA_FIFO, 0x20, 0, .name = "TX_DATA_FIFO", .kind = VDEV_REGISTER_WRITE_ONLY,             \
      .repeat = 8)                                                                                 \
    X(RX_STATUS_FIFO, 0x40, 0, .name = "RX_STATUS_FIFO", .kind = VDEV_REGISTER_READ_ONLY,          \
      READ(receive_status))                                                                        \
    X(RX_STATUS_PEEK, 0x44, 0, .name = "RX_STATUS_FIFO_PEEK", .kind = VDEV_REGISTER_READ_ONLY,     \
      READ(receive_status_peek))                                                                   \
    X(TX_STATUS_FIFO, 0x48, 0, .name = "TX_STATUS_FIFO", .kind = VDEV_REGISTER_READ_ONLY,          \
      READ(transmit_status))                                                                       \
    X(TX_STATUS_PEEK, 0x4C, 0, .name = "TX_STATUS_FIFO_PEEK", .kind = VDEV_REGISTER_READ_ONLY,     \
      READ(transmit_status_peek))                                                                  \
    X(ID_REV, 0x50, 1, .name = "ID_REV", .kind = VDEV_REGISTER_READ_ONLY, .reset = 0x01180001)     \
    X(IRQ_CFG, 0x54, 1, .name = "IRQ_CFG", .writable = 0xFF000111, .reserved = 0x00FF8EEE,         \
      WRITE(interrupts))                                                                           \
    X(INT_STS, 0x58, 1, .name = "INT_STS", .write_one_to_clear = INTERRUPT_ALL & ~INTERRUPT_PHY,   \
      WRITE(interrupts))                                                                           \
    X(INT_EN, 0x5C, 1, .name = "INT_EN", .writable = INTERRUPT_ALL, .reserved = ~INTERRUPT_ALL,    \
      WRITE(interrupt_enable))                                                                     \
    X(BYTE_TEST, 0x64, 1, .name = "BYTE_TEST", .reset = 0x87654321, WRITE(byte_test))              \
    X(FIFO_INT, 0x68, 1, .name = "FIFO_INT", .writable = ~0u, .reset = 0x48000000,                 \
      WRITE(interrupts))                                                                           \
    X(RX_CFG, 0x6C, 1, .name = "RX_CFG", .writable = 0xCFFF1F00, .self_clearing = RX_CFG_DUMP,     \
      .reserved = 0x300060FF, WRITE(receive_configuration))                                        \
    X(TX_CFG, 0x70, 1, .name = "TX_CFG", .writable = TX_CFG_OVERRUN | TX_CFG_ON,                   \
      .write_one_to_set = TX_CFG_STOP, .reserved = 0xFFFF3FF8, WRITE(transmit_configuration))      \
    X(HW_CFG, 0x74, 1, .name = "HW_CFG", .writable = 0x00303000, .reset = 0x00050004,              \
      .reserved = 0xFFC0CFF8, WRITE(hardware_configuration))                                       \
    X(RX_DP_CTRL, 0x78, 1, .name = "RX_DP_CTRL", .self_clearing = RX_DP_FAST_FORWARD,              \
      .reserved = ~RX_DP_FAST_FORWARD, WRITE(data_path))                                           \
    X(RX_FIFO_INF, 0x7C, 0, .name = "RX_FIFO_INF", .kind = VDEV_REGISTER_READ_ONLY,                \
      READ(receive_information))                                                                   \
    X(TX_FIFO_INF, 0x80, 0, .name = "TX_FIFO_INF", .kind = VDEV_REGISTER_READ_ONLY,                \
      READ(transmit_information))                                                                  \
    X(PMT_CTRL, 0x84, 1, .name = "PMT_CTRL", .writable = 0x0000034E, .write_one_to_clear = 0x30,   \
      .reset = PMT_READY, .reserved = 0xFFFFC880, WRITE(power_management))                         \
    X(GPIO_CFG, 0x88, 1, .name = "GPIO_CFG", .writable = 0x7777071F, .reserved = 0x8888F8C0)       \
    X(GPT_CFG, 0x8C, 1, .name = "GPT_CFG", .writable = GPT_ENABLE | GPT_LOAD, .reset = 0xFFFF,     \
      .reserved = ~(GPT_ENABLE | GPT_LOAD), WRITE(timer_configuration))                            \
    X(GPT_CNT, 0x90, 0, .name = "GPT_CNT", .kind = VDEV_REGISTER_READ_ONLY, .reset = 0xFFFF,       \
      READ(timer_count))                                                                           \
    X(WORD_SWAP, 0x98, 1, .name = "WORD_SWAP", .writable = ~0u)                                    \
    X(FREE_RUN, 0x9C, 0, .name = "FREE_RUN", .kind = VDEV_REGISTER_READ_ONLY, READ(free_run))      \
    X(RX_DROP, 0xA0, 0, .name = "RX_DROP", .kind = VDEV_REGISTER_READ_ONLY, .read_to_clear = ~0u)  \
    X(MAC_CSR_CMD, 0xA4, 1, .name = "MAC_CSR_CMD", .writable = MAC_CSR_READ | MAC_CSR_ADDRESS,     \
      .self_clearing = MAC_CSR_BUSY, .reserved = 0x3FFFFF00, WRITE(mac_command))                   \
    X(MAC_CSR_DATA, 0xA8, 1, .name = "MAC_CSR_DATA", .writable = ~0u)                              \
    X(AFC_CFG, 0xAC, 1, .name = "AFC_CFG", .writable = 0x00FFFFFF, .reserved = 0xFF000000)         \
    X(E2P_CMD, 0xB0, 1, .name = "E2P_CMD", .writable = E2P_COMMAND | E2P_ADDRESS,                  \
      .self_clearing = E2P_BUSY, .write_one_to_clear = E2P_TIMEOUT, .reserved = 0x0FFFFC00,        \
      WRITE(eeprom_command))                                                                       \
    X(E2P_DATA, 0xB4, 1, .name = "E2P_DATA", .writable = 0xFF, .reserved = ~0xFFu)

#define LAN9118_NUMBER(id, ...) id,
enum lan9118_register { LAN9118_REGISTERS(LAN9118_NUMBER) REGISTER_COUNT };

/* MAC registers, by MAC_CSR_CMD's address [DS table 5.8], and bits of them. */
enum lan9118_mac_register {
    MAC_CR = 1,
    MAC_ADDRH,
    MAC_ADDRL,
    MAC_HASHH,
    MAC_HASHL,
    MAC_MII_ACC,
    MAC_MII_DATA,
    MAC_FLOW,
    MAC_VLAN1,
    MAC_VLAN2,
    MAC_WUFF,
    MAC_WUCSR,
};
#define MAC_CR_RXALL   0x80000000u
#define MAC_CR_LOOPBK  0x00200000u
#define MAC_CR_MCPAS   0x00080000u
#define MAC_CR_PRMS    0x00040000u
#define MAC_CR_INVFILT 0x00020000u
#define MAC_CR_HO      0x00008000u
#define MAC_CR_HPFILT  0x00002000u
#define MAC_CR_BCAST   0x00000800u
#define MAC_CR_PADSTR  0x00000100u
#define MAC_CR_TXEN    0x00000008u
#define MAC_CR_RXEN    0x00000004u
#define MAC_CR_BITS    0x80BFBDECu

#define PHY_BMCR          0
#define PHY_BMCR_LOOPBACK 0x4000u

/* Received frames' statuses [DS §3.13.3]. */
#define RECEIVED_FILTERED     0x40000000u
#define RECEIVED_LENGTH_SHIFT 16
#define RECEIVED_ERROR        0x00008000u
#define RECEIVED_BROADCAST    0x00002000u
#define RECEIVED_LENGTH_ERROR 0x00001000u
#define RECEIVED_MULTICAST    0x00000400u
#define RECEIVED_TOO_LONG     0x00000080u
#define RECEIVED_TYPED        0x00000020u

#define FCS_BYTES 4u

/* lan9118.c */

/* Something that interrupts may tell of has changed; `events` have happened. */
void vdev_lan9118_interrupt(struct vdev_lan9118_emulator *self, uint32_t events);

/* Is the chip awake, and its transmitter or receiver under power? */
static inline bool lan9118_awake(const struct vdev_lan9118_emulator *self)
{
    return (self->values[PMT_CTRL] & PMT_READY) != 0;
}

static inline uint32_t lan9118_fifo_size(const struct vdev_lan9118_emulator *self) /* TX_FIF_SZ */
{
    return (self->values[HW_CFG] & HW_CFG_SIZE) >> HW_CFG_SIZE_SHIFT;
}

/* What is sent comes back, and nothing comes from outside. */
static inline bool lan9118_loops(const struct vdev_lan9118_emulator *self)
{
    return (self->mac[MAC_CR] & MAC_CR_LOOPBK) != 0 ||
           (self->phy[PHY_BMCR] & PHY_BMCR_LOOPBACK) != 0;
}

/* lan9118_transmit.c */

/* A word for TX_DATA_FIFO that is not within transmit_run, and the end of such a run. */
void vdev_lan9118_transmit_word(struct vdev_lan9118_emulator *self, uint32_t value);
void vdev_lan9118_transmit_run_over(struct vdev_lan9118_emulator *self);
uint32_t vdev_lan9118_transmit_free(const struct vdev_lan9118_emulator *self); /* words */
/* Hand over to the class what may be, and tell of what is done. */
void vdev_lan9118_transmit_go(struct vdev_lan9118_emulator *self);
/* Throw away what is not in flight. With `forget`, what is in flight will have no status. */
void vdev_lan9118_transmit_dump(struct vdev_lan9118_emulator *self, bool forget);
/* As the class's client. */
void vdev_lan9118_writable(void *owner);

/* lan9118_receive.c */

uint32_t vdev_lan9118_receive_word(struct vdev_lan9118_emulator *self);
void vdev_lan9118_receive_run_over(struct vdev_lan9118_emulator *self);
void vdev_lan9118_receive_dump(struct vdev_lan9118_emulator *self);
void vdev_lan9118_receive_skip(struct vdev_lan9118_emulator *self); /* fast forward */
/* The MAC's receiver was switched off. */
void vdev_lan9118_receive_stop(struct vdev_lan9118_emulator *self);
/* A frame of one's own, looped back. */
void vdev_lan9118_receive_own(struct vdev_lan9118_emulator *self, const uint8_t *bytes,
                              uint32_t length);
int vdev_lan9118_accept(void *owner, const struct vdev_net_arrival *arrival,
                        struct vdev_net_room *room);
void vdev_lan9118_delivered(void *owner, int status);

/* lan9118_mac.c */

/* Reset the MAC, its address from the EEPROM; the PHY stays as it is. */
void vdev_lan9118_mac_reset(struct vdev_lan9118_emulator *self);
void vdev_lan9118_phy_reset(struct vdev_lan9118_emulator *self);
bool vdev_lan9118_phy_interrupts(const struct vdev_lan9118_emulator *self);
/* Does the MAC want frames for that address [DS table 3.1]? */
bool vdev_lan9118_wants(const struct vdev_lan9118_emulator *self, const uint8_t *destination);
void vdev_lan9118_changed(void *owner);

/* What the registers' accesses do; in the file whose subject it is. */
vdev_register_read_function vdev_lan9118_read_receive_status, vdev_lan9118_read_receive_status_peek,
    vdev_lan9118_read_transmit_status, vdev_lan9118_read_transmit_status_peek,
    vdev_lan9118_read_receive_information, vdev_lan9118_read_transmit_information,
    vdev_lan9118_read_timer_count, vdev_lan9118_read_free_run;
vdev_register_write_function vdev_lan9118_write_interrupt_enable, vdev_lan9118_write_interrupts,
    vdev_lan9118_write_byte_test, vdev_lan9118_write_receive_configuration,
    vdev_lan9118_write_transmit_configuration, vdev_lan9118_write_hardware_configuration,
    vdev_lan9118_write_data_path, vdev_lan9118_write_power_management,
    vdev_lan9118_write_timer_configuration, vdev_lan9118_write_mac_command,
    vdev_lan9118_write_eeprom_command;

#endif
