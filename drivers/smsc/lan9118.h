/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the LAN9118 driver's files share: registers and the functions between them. Private.
 * [DS] is the LAN9118's data sheet, revision 1.5; [PRG] the family's Programmer Reference Guide,
 * SMSC AN 12.12.
 */
#ifndef SMSC_LAN9118_H
#define SMSC_LAN9118_H

#include <vdev/drivers/lan9118.h>
#include <vdev/status.h>

/* Registers [DS §5]. */
#define RX_DATA_FIFO   0x00u
#define TX_DATA_FIFO   0x20u
#define RX_STATUS_FIFO 0x40u
#define TX_STATUS_FIFO 0x48u
#define ID_REV         0x50u
#define IRQ_CFG        0x54u
#define INT_STS        0x58u
#define INT_EN         0x5cu
#define BYTE_TEST      0x64u
#define FIFO_INT       0x68u
#define RX_CFG         0x6cu
#define TX_CFG         0x70u
#define HW_CFG         0x74u
#define RX_DP_CTRL     0x78u
#define RX_FIFO_INF    0x7cu
#define TX_FIFO_INF    0x80u
#define PMT_CTRL       0x84u
#define GPIO_CFG       0x88u
#define RX_DROP        0xa0u
#define MAC_CSR_CMD    0xa4u
#define MAC_CSR_DATA   0xa8u
#define AFC_CFG        0xacu
#define E2P_CMD        0xb0u

#define BYTE_TEST_VALUE 0x87654321u

/* INT_STS and INT_EN [DS §5.3.3]. A status bit tells whether or not the interrupt is enabled. */
#define INT_STS_SW_INT     (1u << 31)
#define INT_STS_RESERVED   (0x1fu << 26) /* never 1, in a controller that is there */
#define INT_STS_RXSTOP_INT (1u << 24)
#define INT_STS_RXDFH_INT  (1u << 23)
#define INT_STS_PHY_INT    (1u << 18) /* for as long as the PHY asks, whatever is written */
#define INT_STS_RXE        (1u << 14)
#define INT_STS_TXE        (1u << 13)
#define INT_STS_TDFA       (1u << 9)
#define INT_STS_RXDF_INT   (1u << 6)
#define INT_STS_RSFL       (1u << 3)
/* What poll looks at beside frames. */
#define INT_STS_EVENTS                                                                             \
    (INT_STS_SW_INT | INT_STS_RESERVED | INT_STS_PHY_INT | INT_STS_RXE | INT_STS_TXE |             \
     INT_STS_RXDFH_INT | INT_STS_RXDF_INT)
/* What is worth an interrupt, always; a dropped frame is not: those that fill the FIFO are. */
#define INT_EN_ALWAYS (INT_STS_RSFL | INT_STS_PHY_INT | INT_STS_RXE | INT_STS_TXE)

#define IRQ_CFG_INT_DEAS_SHIFT 24
#define IRQ_CFG_IRQ_EN         (1u << 8)
#define IRQ_CFG_IRQ_POL        (1u << 4)
#define IRQ_CFG_IRQ_TYPE       (1u << 0)
#define FIFO_INT_TX_DATA_SHIFT 24
#define FIFO_INT_UNIT          64u         /* bytes of a TX data level */
#define FIFO_INT_NEVER         0xffff0000u /* both TX levels; RX status: more than none */
#define RX_CFG_RX_DUMP         (1u << 15)
#define RX_CFG_RXDOFF_SHIFT    8
#define RX_DP_CTRL_RX_FFWD     (1u << 31)
#define TX_CFG_TXS_DUMP        (1u << 15)
#define TX_CFG_TXD_DUMP        (1u << 14)
#define TX_CFG_TXSAO           (1u << 2) /* of statuses; the transmitter would stop */
#define TX_CFG_TX_ON           (1u << 1)
#define TX_CFG_STOP_TX         (1u << 0)
#define HW_CFG_MBO             (1u << 20) /* "must be one": store and forward */
#define HW_CFG_TX_5K           (5u << 16)
#define HW_CFG_SRST            (1u << 0)
#define TX_FIFO_BYTES          4608u /* with HW_CFG_TX_5K, of data [DS table 5.3] */
#define RX_FIFO_BYTES          10560u
#define PMT_CTRL_PHY_RST       (1u << 10)
#define PMT_CTRL_READY         (1u << 0)
#define MAC_CSR_CMD_BUSY       (1u << 31)
#define MAC_CSR_CMD_R_NOT_W    (1u << 30)
#define E2P_CMD_EPC_BUSY       (1u << 31)

/* The MAC's own registers, behind MAC_CSR_CMD and MAC_CSR_DATA [DS §5.4]. */
#define MAC_CR             1u
#define MAC_ADDRH          2u
#define MAC_ADDRL          3u
#define MAC_MII_ACC        6u
#define MAC_MII_DATA       7u
#define MAC_VLAN1          9u
#define MAC_CR_NO_OWN      (1u << 23) /* half duplex: do not receive what is being sent */
#define MAC_CR_FULL_DUPLEX (1u << 20)
#define MAC_CR_MULTICAST   (1u << 19)
#define MAC_CR_PROMISCUOUS (1u << 18)
#define MAC_CR_TXEN        (1u << 3)
#define MAC_CR_RXEN        (1u << 2)
#define MII_ACC_PHY        (1u << 11) /* the PHY in the chip has address 1 */
#define MII_ACC_SHIFT      6
#define MII_ACC_WRITE      (1u << 1)
#define MII_ACC_BUSY       (1u << 0)

/* The PHY's registers, behind MII_ACC and MII_DATA [DS §5.5]. */
#define PHY_CONTROL   0u
#define PHY_STATUS    1u
#define PHY_ADVERTISE 4u
#define PHY_PARTNER   5u
#define PHY_SOURCE    29u
#define PHY_MASK      30u

#define MILLISECOND UINT64_C(1000000)

/* What link_step takes, in order; each asks the PHY for one of its registers. */
enum lan9118_link_step {
    LINK_IDLE,
    LINK_SOURCE,  /* reading it takes the PHY's interrupt away */
    LINK_LATCHED, /* the link bit tells of a loss since the last look, */
    LINK_STATUS,  /* and then how it is */
    LINK_PARTNER,
};

enum lan9118_receiver {
    RECEIVER_RUNS,
    RECEIVER_TO_STOP, /* MAC_CR, or the FIFO's content, is to change: the receiver must stand still
                       */
    RECEIVER_STOPS,
    RECEIVER_DUMPS,
    RECEIVER_TO_START,
};

static inline uint32_t lan9118_get(const struct vdev_lan9118_driver *driver, uint32_t offset)
{
    return vdev_io_read32(&driver->io, offset);
}

static inline void lan9118_put(const struct vdev_lan9118_driver *driver, uint32_t offset,
                               uint32_t value)
{
    vdev_io_write32(&driver->io, offset, value);
}

/* Whether the controller still answers; if not, it is gone for good, and the client is told. */
bool vdev_lan9118_is_there(struct vdev_lan9118_driver *driver);
void vdev_lan9118_lose(struct vdev_lan9118_driver *driver);

/*
 * One register of the MAC. False: it was busy, nothing has happened (a write), or nothing was
 * learnt (a read). A few accesses, no waiting.
 */
bool vdev_lan9118_mac_write(const struct vdev_lan9118_driver *driver, uint32_t number,
                            uint32_t value);
bool vdev_lan9118_mac_read(const struct vdev_lan9118_driver *driver, uint32_t number,
                           uint32_t *value);

/* Look after the link, once it was begun; true: there is more to do. */
void vdev_lan9118_link_begin(struct vdev_lan9118_driver *driver, enum lan9118_link_step step);
bool vdev_lan9118_link_step(struct vdev_lan9118_driver *driver);

/* Have MAC_CR written from driver->control, with an empty receive FIFO if `dump`. */
void vdev_lan9118_receiver_restart(struct vdev_lan9118_driver *driver, bool dump);
bool vdev_lan9118_receiver_step(struct vdev_lan9118_driver *driver, uint32_t status);

/* At most one frame; `status` is INT_STS. True: there is more. */
bool vdev_lan9118_receive(struct vdev_lan9118_driver *driver, uint32_t status);
bool vdev_lan9118_send(struct vdev_lan9118_driver *driver);

/* Give the first frame back to its owner. */
void vdev_lan9118_complete(struct vdev_lan9118_driver *driver, int status);

#endif
