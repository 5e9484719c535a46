/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LAN9118: the MAC's registers, the PHY behind them, and what cannot be done at once: the link is
 * looked after, and the receiver stopped and started, in steps that never wait, one or two in a
 * poll.
 */
#include "lan9118.h"

/* Looks at a transaction of the MAC, which takes less than a microsecond. */
#define MAC_READS 8u

/*
 * A step that comes to nothing is tried again, at least so often and for so long: polls may be far
 * apart, or close together. A PHY transaction takes some 30 us, that of the MAC less than one.
 */
#define TRIES             255u
#define PATIENCE          (100 * MILLISECOND)
#define RECEIVER_PATIENCE (10 * MILLISECOND) /* ten frames, at 10 Mbit/s */

#define STATUS_LINK       (1u << 2)
#define STATUS_NEGOTIATED (1u << 5)
#define PARTNER_100_FULL  (1u << 8)
#define PARTNER_100_HALF  (1u << 7)
#define PARTNER_10_FULL   (1u << 6)

/* A write's effect may come later than a read that follows: this gives it time [DS §6.1.1]. */
static bool mac_busy(const struct vdev_lan9118_driver *driver)
{
    for (unsigned i = 0; i < MAC_READS; i++) {
        if ((lan9118_get(driver, MAC_CSR_CMD) & MAC_CSR_CMD_BUSY) == 0) {
            return false;
        }
    }
    return true;
}

bool vdev_lan9118_mac_write(const struct vdev_lan9118_driver *driver, uint32_t number,
                            uint32_t value)
{
    if (mac_busy(driver)) {
        return false;
    }
    lan9118_put(driver, MAC_CSR_DATA, value);
    lan9118_put(driver, MAC_CSR_CMD, MAC_CSR_CMD_BUSY | number);
    lan9118_get(driver, BYTE_TEST);
    return true;
}

bool vdev_lan9118_mac_read(const struct vdev_lan9118_driver *driver, uint32_t number,
                           uint32_t *value)
{
    if (mac_busy(driver)) {
        return false;
    }
    lan9118_put(driver, MAC_CSR_CMD, MAC_CSR_CMD_BUSY | MAC_CSR_CMD_R_NOT_W | number);
    lan9118_get(driver, BYTE_TEST);
    if (mac_busy(driver)) {
        return false;
    }
    *value = lan9118_get(driver, MAC_CSR_DATA);
    return true;
}

static void set_link(struct vdev_lan9118_driver *driver, bool link)
{
    struct vdev_net *net = &driver->net;

    if (net->link != link) {
        net->link = link;
        if (net->client.changed != NULL) {
            net->client.changed(net->client.owner);
        }
    }
}

void vdev_lan9118_lose(struct vdev_lan9118_driver *driver)
{
    driver->absent = true;
    set_link(driver, false);
}

bool vdev_lan9118_is_there(struct vdev_lan9118_driver *driver)
{
    if (lan9118_get(driver, BYTE_TEST) == BYTE_TEST_VALUE) {
        return true;
    }
    vdev_lan9118_lose(driver);
    return false;
}

static bool is_hopeless(const struct vdev_lan9118_driver *driver, uint64_t since, uint8_t *tries)
{
    if (*tries < TRIES) {
        (*tries)++;
        return false;
    }
    return vdev_clock_now(driver->clock) - since > PATIENCE;
}

/* ---- the link ---- */

void vdev_lan9118_link_begin(struct vdev_lan9118_driver *driver, enum lan9118_link_step step)
{
    driver->link_step = (uint8_t)step;
    driver->link_asks = false;
    driver->link_tries = 0;
    driver->link_since = vdev_clock_now(driver->clock);
}

/* Half or full duplex, as both ends take it for the best that they have in common [802.3 28B]. */
static void set_duplex(struct vdev_lan9118_driver *driver, uint32_t partner)
{
    bool full = (partner & PARTNER_100_FULL) != 0 ||
                ((partner & PARTNER_100_HALF) == 0 && (partner & PARTNER_10_FULL) != 0);
    uint32_t control = driver->control & ~(MAC_CR_FULL_DUPLEX | MAC_CR_NO_OWN);

    control |= full ? MAC_CR_FULL_DUPLEX : MAC_CR_NO_OWN;
    if (control != driver->control) {
        driver->control = control;
        vdev_lan9118_receiver_restart(driver, false);
    }
}

/* The answer to the current step's question; returns what is next. */
static enum lan9118_link_step answer(struct vdev_lan9118_driver *driver, uint32_t value)
{
    switch (driver->link_step) {
    case LINK_SOURCE:
        return LINK_LATCHED;
    case LINK_LATCHED:
        return LINK_STATUS;
    case LINK_STATUS:
        if ((value & STATUS_LINK) != 0 && (value & STATUS_NEGOTIATED) != 0) {
            return LINK_PARTNER;
        }
        set_link(driver, false);
        return LINK_IDLE;
    default:
        set_duplex(driver, value);
        set_link(driver, true);
        return LINK_IDLE;
    }
}

bool vdev_lan9118_link_step(struct vdev_lan9118_driver *driver)
{
    static const uint8_t registers[] = {[LINK_SOURCE] = PHY_SOURCE,
                                        [LINK_LATCHED] = PHY_STATUS,
                                        [LINK_STATUS] = PHY_STATUS,
                                        [LINK_PARTNER] = PHY_PARTNER};
    uint32_t number = registers[driver->link_step];
    uint32_t value;

    if (!driver->link_asks) {
        driver->link_asks = vdev_lan9118_mac_write(
            driver, MAC_MII_ACC, MII_ACC_PHY | number << MII_ACC_SHIFT | MII_ACC_BUSY);
    } else if (vdev_lan9118_mac_read(driver, MAC_MII_ACC, &value) && (value & MII_ACC_BUSY) == 0 &&
               vdev_lan9118_mac_read(driver, MAC_MII_DATA, &value)) {
        vdev_lan9118_link_begin(driver, answer(driver, value));
        return driver->link_step != LINK_IDLE;
    }
    if (is_hopeless(driver, driver->link_since, &driver->link_tries)) {
        /* A PHY that says nothing has no link; and it would go on interrupting. */
        driver->link_step = LINK_IDLE;
        driver->enabled &= ~INT_STS_PHY_INT;
        lan9118_put(driver, INT_EN, driver->enabled);
        set_link(driver, false);
    }
    return driver->link_step != LINK_IDLE;
}

/* ---- the receiver ---- */

static void receiver_begin(struct vdev_lan9118_driver *driver, enum lan9118_receiver state)
{
    driver->receiver = (uint8_t)state;
    driver->receiver_tries = 0;
    driver->receiver_since = vdev_clock_now(driver->clock);
}

void vdev_lan9118_receiver_restart(struct vdev_lan9118_driver *driver, bool dump)
{
    if (driver->receiver == RECEIVER_RUNS || (dump && !driver->dumps)) {
        receiver_begin(driver, RECEIVER_TO_STOP);
    }
    driver->dumps |= dump;
}

/* The FIFO is empty; a frame that waited in it is lost. */
static void dumped(struct vdev_lan9118_driver *driver)
{
    if (driver->held) {
        driver->net.received.dropped[VDEV_NET_DROP_MEDIUM]++;
    }
    driver->held = false;
    driver->waits = false;
    driver->skips = false;
    driver->dumps = false;
    driver->ready = 0;
    driver->enabled |= INT_STS_RSFL;
    lan9118_put(driver, INT_EN, driver->enabled);
}

bool vdev_lan9118_receiver_step(struct vdev_lan9118_driver *driver, uint32_t status)
{
    switch (driver->receiver) {
    case RECEIVER_TO_STOP:
        lan9118_put(driver, INT_STS, INT_STS_RXSTOP_INT);
        if (vdev_lan9118_mac_write(driver, MAC_CR, driver->control & ~MAC_CR_RXEN)) {
            receiver_begin(driver, RECEIVER_STOPS);
            return true;
        }
        break;
    case RECEIVER_STOPS:
        if ((status & INT_STS_RXSTOP_INT) == 0 &&
            vdev_clock_now(driver->clock) - driver->receiver_since < RECEIVER_PATIENCE) {
            return true;
        }
        if (driver->dumps) {
            lan9118_put(driver, RX_CFG,
                        (uint32_t)driver->offset << RX_CFG_RXDOFF_SHIFT | RX_CFG_RX_DUMP);
        }
        receiver_begin(driver, driver->dumps ? RECEIVER_DUMPS : RECEIVER_TO_START);
        return true;
    case RECEIVER_DUMPS:
        if ((lan9118_get(driver, RX_CFG) & RX_CFG_RX_DUMP) == 0) {
            dumped(driver);
            receiver_begin(driver, RECEIVER_TO_START);
            return true;
        }
        break;
    default:
        if (vdev_lan9118_mac_write(driver, MAC_CR, driver->control)) {
            receiver_begin(driver, RECEIVER_RUNS);
            return false;
        }
        break;
    }
    if (is_hopeless(driver, driver->receiver_since, &driver->receiver_tries)) {
        vdev_lan9118_lose(driver);
    }
    return true;
}
