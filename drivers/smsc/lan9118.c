/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver of the LAN9118 family of Ethernet controllers: what poll does, and how it begins. Frames
 * are moved in lan9118_send.c and lan9118_receive.c; the link is looked after in lan9118_link.c.
 */
#include "core/mem.h"
#include "lan9118.h"

#define WAIT_TIME    (100 * MILLISECOND) /* for each wait of init without a time of its own */
#define RESTART_TIME (10 * MILLISECOND)
#define MAC_TIME     MILLISECOND /* for a transaction of MAC or PHY */

/* When flow control would set in, as the vendor has it: it is off. */
#define AFC_VALUE 0x006e3740u
/* LEDs on the pins that boards have them at. */
#define GPIO_VALUE    0x70070000u
#define VLAN_TYPE     0x8100u
#define ADVERTISE_ALL 0x01e1u /* 10 and 100 Mbit/s, half and full duplex, no pause frames */
#define MASK_LINK     0x0050u /* negotiation complete, link down */
#define CONTROL_BEGIN 0x1200u /* negotiate, from the beginning */

static struct vdev_lan9118_driver *driver_of(struct vdev_net *net)
{
    return (struct vdev_lan9118_driver *)net; /* its first member */
}

/* Have poll called, if it is not going to be. */
static void wake(struct vdev_lan9118_driver *driver)
{
    if (!driver->awake) {
        driver->awake = true;
        if (driver->wake != NULL) {
            driver->wake(driver->wake_context);
        } else {
            lan9118_put(driver, INT_EN, driver->enabled | INT_STS_SW_INT);
        }
    }
}

void vdev_lan9118_complete(struct vdev_lan9118_driver *driver, int status)
{
    struct vdev_net_frame *frame = driver->first;

    driver->first = frame->next;
    frame->next = NULL;
    frame->complete(frame, status);
}

static int submit(struct vdev_net *net, struct vdev_net_frame *frame)
{
    struct vdev_lan9118_driver *driver = driver_of(net);
    int status = vdev_net_check(frame->length, &frame->offload, net->takes, net->mtu);

    if (status != VDEV_OK) {
        return status;
    }
    if (vdev_buffers_length(frame->buffers, frame->buffer_count) != frame->length) {
        return VDEV_ERROR_INVALID;
    }
    if (driver->absent) {
        return VDEV_ERROR_ABSENT;
    }
    frame->next = NULL;
    if (driver->first == NULL) {
        driver->first = frame;
        wake(driver);
    } else {
        driver->last->next = frame;
    }
    driver->last = frame;
    return VDEV_OK;
}

/* Not at once again, if an error does not go: polls would be called for without end. */
static bool may_restart(const struct vdev_lan9118_driver *driver)
{
    return driver->receiver_since == 0 ||
           vdev_clock_now(driver->clock) - driver->receiver_since > RESTART_TIME;
}

/* What INT_STS tells beside frames. */
static void handle_events(struct vdev_lan9118_driver *driver, uint32_t status)
{
    if ((status & INT_STS_RESERVED) != 0 && !vdev_lan9118_is_there(driver)) {
        return;
    }
    if ((status & INT_STS_SW_INT) != 0) {
        lan9118_put(driver, INT_EN, driver->enabled);
    }
    if ((status & INT_STS_EVENTS & ~INT_STS_PHY_INT) != 0) {
        lan9118_put(driver, INT_STS, status & INT_STS_EVENTS & ~INT_STS_PHY_INT);
    }
    if ((status & (INT_STS_RXDF_INT | INT_STS_RXDFH_INT)) != 0) {
        driver->net.received.dropped[VDEV_NET_DROP_MEDIUM] += lan9118_get(driver, RX_DROP);
    }
    if ((status & INT_STS_TXE) != 0) {
        driver->net.sent.dropped[VDEV_NET_DROP_MEDIUM]++;
    }
    if ((status & INT_STS_RXE) != 0 && may_restart(driver)) {
        vdev_lan9118_receiver_restart(driver, true);
    }
    if ((status & driver->enabled & INT_STS_PHY_INT) != 0 && driver->link_step == LINK_IDLE) {
        vdev_lan9118_link_begin(driver, LINK_SOURCE);
    }
}

static bool work(struct vdev_lan9118_driver *driver)
{
    uint32_t status = lan9118_get(driver, INT_STS);
    bool more = false;

    if ((status & INT_STS_EVENTS) != 0) {
        handle_events(driver, status);
    }
    if (driver->link_step != LINK_IDLE && !driver->absent) {
        more |= vdev_lan9118_link_step(driver);
    }
    if (driver->receiver != RECEIVER_RUNS && !driver->absent) {
        more |= vdev_lan9118_receiver_step(driver, status);
    }
    if (!driver->absent) {
        more |= vdev_lan9118_receive(driver, status);
    }
    if (!driver->absent) {
        more |= vdev_lan9118_send(driver);
    }
    return more;
}

static bool poll(struct vdev_net *net)
{
    struct vdev_lan9118_driver *driver = driver_of(net);
    bool more = false;

    driver->awake = true;
    if (!driver->absent) {
        more = work(driver);
    }
    if (driver->absent) {
        if (driver->first != NULL) {
            vdev_lan9118_complete(driver, VDEV_ERROR_ABSENT);
        }
        more = driver->first != NULL;
    }
    driver->awake = more;
    return more;
}

static void resume(struct vdev_net *net)
{
    struct vdev_lan9118_driver *driver = driver_of(net);

    if (driver->waits && !driver->absent) {
        driver->waits = false;
        driver->enabled |= INT_STS_RSFL;
        if (driver->awake || driver->wake != NULL) {
            lan9118_put(driver, INT_EN, driver->enabled);
        }
        wake(driver);
    }
}

/* The bits of MAC_CR, or 0 for what is no mode; TXEN is always among them. */
static uint32_t control_of(enum vdev_net_receive_mode mode)
{
    switch (mode) {
    case VDEV_NET_RECEIVE_OWN:
        return MAC_CR_TXEN | MAC_CR_RXEN;
    case VDEV_NET_RECEIVE_ALL_MULTICAST:
        return MAC_CR_TXEN | MAC_CR_RXEN | MAC_CR_MULTICAST;
    case VDEV_NET_RECEIVE_ALL:
        return MAC_CR_TXEN | MAC_CR_RXEN | MAC_CR_PROMISCUOUS;
    default:
        return 0;
    }
}

static int set_receive_mode(struct vdev_net *net, enum vdev_net_receive_mode mode)
{
    struct vdev_lan9118_driver *driver = driver_of(net);
    uint32_t control = control_of(mode);

    if (control == 0) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    control |= driver->control & (MAC_CR_FULL_DUPLEX | MAC_CR_NO_OWN);
    if (control != driver->control && !driver->absent) {
        driver->control = control;
        vdev_lan9118_receiver_restart(driver, false);
        wake(driver);
    }
    return VDEV_OK;
}

/* ---- init ---- */

/* Wait until the bits of a register are as they should be. */
static bool wait_for(const struct vdev_lan9118_driver *driver, uint32_t offset, uint32_t mask,
                     uint32_t value)
{
    uint64_t start = vdev_clock_now(driver->clock);

    while ((lan9118_get(driver, offset) & mask) != value) {
        if (vdev_clock_now(driver->clock) - start > WAIT_TIME) {
            return false;
        }
    }
    return true;
}

/* The MAC's registers, with waiting. */
static bool write_mac(const struct vdev_lan9118_driver *driver, uint32_t number, uint32_t value)
{
    uint64_t start = vdev_clock_now(driver->clock);

    while (!vdev_lan9118_mac_write(driver, number, value)) {
        if (vdev_clock_now(driver->clock) - start > MAC_TIME) {
            return false;
        }
    }
    return true;
}

static bool read_mac(const struct vdev_lan9118_driver *driver, uint32_t number, uint32_t *value)
{
    uint64_t start = vdev_clock_now(driver->clock);

    while (!vdev_lan9118_mac_read(driver, number, value)) {
        if (vdev_clock_now(driver->clock) - start > MAC_TIME) {
            return false;
        }
    }
    return true;
}

static bool write_phy(const struct vdev_lan9118_driver *driver, uint32_t number, uint32_t value)
{
    uint64_t start = vdev_clock_now(driver->clock);
    uint32_t access = MII_ACC_PHY | number << MII_ACC_SHIFT | MII_ACC_WRITE | MII_ACC_BUSY;

    if (!write_mac(driver, MAC_MII_DATA, value) || !write_mac(driver, MAC_MII_ACC, access)) {
        return false;
    }
    do {
        if (!read_mac(driver, MAC_MII_ACC, &access) ||
            vdev_clock_now(driver->clock) - start > MAC_TIME) {
            return false;
        }
    } while ((access & MII_ACC_BUSY) != 0);
    return true;
}

static bool is_of_family(uint32_t identity)
{
    static const uint16_t chips[] = {0x0115, 0x0116, 0x0117, 0x0118,
                                     0x115a, 0x116a, 0x117a, 0x118a};

    for (unsigned i = 0; i < sizeof chips / sizeof chips[0]; i++) {
        if (identity >> 16 == chips[i]) {
            return true;
        }
    }
    return false;
}

/* Find the controller, awake, and reset it. */
static int start(const struct vdev_lan9118_driver *driver)
{
    bool ready = true;

    if ((lan9118_get(driver, PMT_CTRL) & PMT_CTRL_READY) == 0) {
        lan9118_put(driver, BYTE_TEST, 0); /* which wakes it [DS §3.10.1] */
        ready = wait_for(driver, PMT_CTRL, PMT_CTRL_READY, PMT_CTRL_READY);
    }
    if (lan9118_get(driver, BYTE_TEST) != BYTE_TEST_VALUE ||
        !is_of_family(lan9118_get(driver, ID_REV))) {
        return VDEV_ERROR_ABSENT;
    }
    if (!ready) {
        return VDEV_ERROR_TIMEOUT;
    }
    lan9118_put(driver, INT_EN, 0);
    lan9118_put(driver, HW_CFG, HW_CFG_SRST);
    lan9118_get(driver, BYTE_TEST);
    if (!wait_for(driver, HW_CFG, HW_CFG_SRST, 0)) {
        return VDEV_ERROR_TIMEOUT;
    }
    /* Until the EEPROM has been read, the address is not there and its pins are not the LEDs'. */
    if (!wait_for(driver, E2P_CMD, E2P_CMD_EPC_BUSY, 0)) {
        return VDEV_ERROR_TIMEOUT;
    }
    lan9118_put(driver, PMT_CTRL, PMT_CTRL_PHY_RST);
    lan9118_get(driver, BYTE_TEST);
    return wait_for(driver, PMT_CTRL, PMT_CTRL_PHY_RST, 0) ? VDEV_OK : VDEV_ERROR_TIMEOUT;
}

static int set_address(struct vdev_lan9118_driver *driver, const uint8_t *wanted)
{
    uint8_t *address = driver->net.address;
    uint32_t low, high;

    if (wanted != NULL) {
        memcpy(address, wanted, VDEV_NET_ADDRESS_BYTES);
        low = (uint32_t)address[0] | (uint32_t)address[1] << 8 | (uint32_t)address[2] << 16 |
              (uint32_t)address[3] << 24;
        high = (uint32_t)address[4] | (uint32_t)address[5] << 8;
        if (!write_mac(driver, MAC_ADDRH, high) || !write_mac(driver, MAC_ADDRL, low)) {
            return VDEV_ERROR_TIMEOUT;
        }
        return VDEV_OK;
    }
    if (!read_mac(driver, MAC_ADDRH, &high) || !read_mac(driver, MAC_ADDRL, &low)) {
        return VDEV_ERROR_TIMEOUT;
    }
    for (unsigned i = 0; i < VDEV_NET_ADDRESS_BYTES; i++) {
        address[i] = (uint8_t)(i < 4 ? low >> 8 * i : high >> 8 * (i - 4));
    }
    return vdev_net_is_group(address) || (low == 0 && (high & 0xffff) == 0) ? VDEV_ERROR_INVALID
                                                                            : VDEV_OK;
}

int vdev_lan9118_driver_init(struct vdev_lan9118_driver *driver,
                             const struct vdev_lan9118_driver_configuration *configuration)
{
    static const struct vdev_net_operations operations = {
        .submit = submit,
        .poll = poll,
        .resume = resume,
        .set_receive_mode = set_receive_mode,
    };
    uint32_t control = control_of(configuration->receive_mode);

    if (configuration->clock == NULL || (configuration->receive_offset & ~2u) != 0 ||
        control == 0 ||
        (configuration->address != NULL && vdev_net_is_group(configuration->address))) {
        return VDEV_ERROR_INVALID;
    }
    memset(driver, 0, sizeof *driver);
    driver->net.operations = &operations;
    driver->net.mtu = VDEV_NET_MTU;
    driver->io = configuration->io;
    driver->clock = configuration->clock;
    driver->wake = configuration->wake;
    driver->wake_context = configuration->wake_context;
    driver->offset = configuration->receive_offset;
    driver->fast_forward = configuration->fast_forward;
    driver->bursts = configuration->bursts;
    driver->enabled = INT_EN_ALWAYS;
    /* As nearly everybody has it: then nothing is to be changed when the link comes. */
    driver->control = control | MAC_CR_FULL_DUPLEX;
    int status = start(driver);
    if (status != VDEV_OK) {
        return status;
    }
    lan9118_put(driver, HW_CFG, HW_CFG_MBO | HW_CFG_TX_5K);
    lan9118_put(driver, AFC_CFG, AFC_VALUE);
    lan9118_put(driver, GPIO_CFG, GPIO_VALUE);
    lan9118_put(driver, RX_CFG, (uint32_t)driver->offset << RX_CFG_RXDOFF_SHIFT);
    lan9118_put(driver, FIFO_INT, FIFO_INT_NEVER);
    status = set_address(driver, configuration->address);
    if (status != VDEV_OK) {
        return status;
    }
    lan9118_put(driver, INT_STS, 0xffffffff);
    /* Frames with a VLAN tag may be longer than others before they count as too long. */
    if (!write_mac(driver, MAC_VLAN1, VLAN_TYPE) ||
        !write_phy(driver, PHY_ADVERTISE, ADVERTISE_ALL) ||
        !write_phy(driver, PHY_MASK, MASK_LINK) || !write_phy(driver, PHY_CONTROL, CONTROL_BEGIN) ||
        !write_mac(driver, MAC_CR, driver->control)) {
        return VDEV_ERROR_TIMEOUT;
    }
    lan9118_put(driver, TX_CFG, TX_CFG_TX_ON | TX_CFG_TXSAO);
    lan9118_put(driver, IRQ_CFG,
                (uint32_t)configuration->interrupt_interval << IRQ_CFG_INT_DEAS_SHIFT |
                    IRQ_CFG_IRQ_EN | (configuration->interrupt_active_high ? IRQ_CFG_IRQ_POL : 0) |
                    (configuration->interrupt_push_pull ? IRQ_CFG_IRQ_TYPE : 0));
    lan9118_put(driver, INT_EN, driver->enabled);
    vdev_lan9118_link_begin(driver, LINK_LATCHED);
    wake(driver);
    return VDEV_OK;
}
