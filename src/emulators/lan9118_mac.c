/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The LAN9118 model's MAC and PHY registers, which are reached through others, its address filter,
 * and the EEPROM. [DS] is the LAN9118 data sheet. The PHY's link is the net device's; whoever is at
 * the other end can do everything but pause.
 */
#include <vdev/emulators/lan9118.h>
#include <vdev/status.h>

#include "core/mem.h"
#include "emulators/lan9118.h"

#define MII_ADDRESS_SHIFT  11
#define MII_REGISTER_SHIFT 6
#define MII_WRITE          0x2u
#define MII_BITS           0xFFC2u
#define MII_PHY            1u      /* the internal PHY's address */
#define MII_NOBODY         0xFFFFu /* what is read where there is no PHY */

/* PHY registers [DS table 5.9]; BMCR is in lan9118.h. */
#define PHY_BMSR        1
#define PHY_ID1         2
#define PHY_ID2         3
#define PHY_ADVERTISED  4
#define PHY_PARTNER     5
#define PHY_EXPANSION   6
#define PHY_MODE        17
#define PHY_SPECIAL     18
#define PHY_INDICATIONS 27
#define PHY_SOURCE      29
#define PHY_MASK        30
#define PHY_STATUS      31

#define BMCR_RESET      0x8000u
#define BMCR_NEGOTIATE  0x1000u
#define BMCR_POWER_DOWN 0x0800u
#define BMCR_RESTART    0x0200u
#define BMCR_BITS       0x7D80u
#define BMSR_ALWAYS     0x7809u /* 100 and 10 Mbit/s, either duplex; can negotiate */
#define BMSR_NEGOTIATED 0x0020u
#define BMSR_LINK       0x0004u
#define PARTNER         0x41E1u /* acknowledged; the same four, no pause */
#define MODE_ENERGY     0x0002u
#define MODE_BITS       0x2000u
#define STATUS_FULL_100 0x1018u /* negotiated; 100 Mbit/s, full duplex */

#define SOURCE_ENERGY     0x80u
#define SOURCE_NEGOTIATED 0x40u
#define SOURCE_LINK_DOWN  0x10u
#define SOURCE_BITS       0xFEu

#define EEPROM_VALID 0xA5u /* in its first byte; the address follows */

/* ---- the address filter ---- */

/* Which bit of HASHH and HASHL: the upper six bits of the address's check sequence [DS §3.4.2]. */
static uint32_t hash(const uint8_t *address)
{
    uint32_t crc = ~0u;

    for (unsigned i = 0; i < VDEV_NET_ADDRESS_BYTES * 8; i++) {
        uint32_t bit = address[i / 8] >> (i % 8) & 1;
        crc = crc << 1 ^ ((crc >> 31 ^ bit) != 0 ? 0x04C11DB7u : 0);
    }
    return crc >> 26;
}

static bool is_own(const struct vdev_lan9118_emulator *self, const uint8_t *address)
{
    uint32_t low = address[0] | (uint32_t)address[1] << 8 | (uint32_t)address[2] << 16 |
                   (uint32_t)address[3] << 24;
    uint32_t high = address[4] | (uint32_t)address[5] << 8;

    return low == self->mac[MAC_ADDRL] && high == self->mac[MAC_ADDRH];
}

bool vdev_lan9118_wants(const struct vdev_lan9118_emulator *self, const uint8_t *destination)
{
    uint32_t control = self->mac[MAC_CR];
    bool group = vdev_net_is_group(destination);

    if ((control & MAC_CR_PRMS) != 0) {
        return true;
    }
    if (vdev_net_is_broadcast(destination)) {
        return (control & MAC_CR_BCAST) == 0;
    }
    if (group && (control & MAC_CR_MCPAS) != 0) {
        return true;
    }
    if ((control & (group ? MAC_CR_HPFILT : MAC_CR_HO)) != 0) {
        uint32_t bit = hash(destination);
        return (self->mac[bit >= 32 ? MAC_HASHH : MAC_HASHL] >> (bit % 32) & 1) != 0;
    }
    return is_own(self, destination) != ((control & MAC_CR_INVFILT) != 0);
}

/* Spare the device below what would be thrown away here. A device that cannot passes on more. */
static void set_receive_mode(struct vdev_lan9118_emulator *self)
{
    uint32_t control = self->mac[MAC_CR];
    enum vdev_net_receive_mode mode = VDEV_NET_RECEIVE_OWN;

    if ((control & (MAC_CR_RXALL | MAC_CR_PRMS | MAC_CR_INVFILT | MAC_CR_HO)) != 0 ||
        !is_own(self, self->net->address)) {
        mode = VDEV_NET_RECEIVE_ALL;
    } else if ((control & (MAC_CR_MCPAS | MAC_CR_HPFILT)) != 0) {
        mode = VDEV_NET_RECEIVE_ALL_MULTICAST;
    }
    vdev_net_set_receive_mode(self->net, mode);
}

/* ---- the PHY ---- */

bool vdev_lan9118_phy_interrupts(const struct vdev_lan9118_emulator *self)
{
    return (self->phy[PHY_SOURCE] & self->phy[PHY_MASK]) != 0;
}

/* What the PHY tells of itself, after the link or its control register may have changed. */
static void look_at_link(struct vdev_lan9118_emulator *self)
{
    bool link = self->net->link && (self->phy[PHY_BMCR] & BMCR_POWER_DOWN) == 0;

    if (link == self->link) {
        return;
    }
    self->link = link;
    if (!link) {
        self->link_lost = true;
        self->phy[PHY_SOURCE] |= SOURCE_LINK_DOWN;
        return;
    }
    self->phy[PHY_SOURCE] |= SOURCE_ENERGY;
    if ((self->phy[PHY_BMCR] & BMCR_NEGOTIATE) != 0) {
        self->phy[PHY_SOURCE] |= SOURCE_NEGOTIATED;
    }
}

void vdev_lan9118_phy_reset(struct vdev_lan9118_emulator *self)
{
    memset(self->phy, 0, sizeof self->phy);
    self->phy[PHY_BMCR] = 0x3000;
    self->phy[PHY_ID1] = 0x0007;
    self->phy[PHY_ID2] = 0xC0D1;
    self->phy[PHY_ADVERTISED] = 0x01E1;
    self->phy[PHY_SPECIAL] = 0x00E0 | MII_PHY;
    self->link = false;
    self->link_lost = false;
    look_at_link(self);
}

void vdev_lan9118_changed(void *owner)
{
    struct vdev_lan9118_emulator *self = owner;

    look_at_link(self);
    vdev_lan9118_interrupt(self, 0);
}

static uint16_t phy_read(struct vdev_lan9118_emulator *self, uint32_t number)
{
    bool negotiated = self->link && (self->phy[PHY_BMCR] & BMCR_NEGOTIATE) != 0;
    uint16_t value = self->phy[number];

    switch (number) {
    case PHY_BMSR: /* a lost link shows once, even if it is back */
        value = BMSR_ALWAYS;
        value |= negotiated ? BMSR_NEGOTIATED : 0;
        value |= self->link && !self->link_lost ? BMSR_LINK : 0;
        self->link_lost = false;
        break;
    case PHY_PARTNER:
        value = negotiated ? PARTNER : 0;
        break;
    case PHY_EXPANSION:
        value = negotiated;
        break;
    case PHY_MODE:
        value |= self->link ? MODE_ENERGY : 0;
        break;
    case PHY_STATUS:
        value = negotiated ? STATUS_FULL_100 : 0;
        break;
    case PHY_SOURCE: /* cleared by reading */
        self->phy[PHY_SOURCE] = 0;
        vdev_lan9118_interrupt(self, 0);
        break;
    }
    return value;
}

static void phy_write(struct vdev_lan9118_emulator *self, uint32_t number, uint16_t value)
{
    switch (number) {
    case PHY_BMCR:
        if ((value & BMCR_RESET) != 0) {
            vdev_lan9118_phy_reset(self);
            break;
        }
        /* Negotiation ends as it begins. */
        if (self->link && (value & BMCR_NEGOTIATE) != 0 &&
            ((value & BMCR_RESTART) != 0 || (self->phy[PHY_BMCR] & BMCR_NEGOTIATE) == 0)) {
            self->phy[PHY_SOURCE] |= SOURCE_NEGOTIATED;
        }
        self->phy[PHY_BMCR] = value & BMCR_BITS;
        look_at_link(self);
        break;
    case PHY_ADVERTISED:
        self->phy[PHY_ADVERTISED] = value & 0xADFF;
        break;
    case PHY_MODE:
        self->phy[PHY_MODE] = value & MODE_BITS;
        break;
    case PHY_SPECIAL:
        self->phy[PHY_SPECIAL] = value & 0x00FF;
        break;
    case PHY_INDICATIONS:
        self->phy[PHY_INDICATIONS] = value & 0xE000;
        break;
    case PHY_MASK:
        self->phy[PHY_MASK] = value & SOURCE_BITS;
        break;
    }
    vdev_lan9118_interrupt(self, 0);
}

static void mii_access(struct vdev_lan9118_emulator *self, uint32_t command)
{
    uint32_t number = command >> MII_REGISTER_SHIFT & 0x1F;
    bool present = (command >> MII_ADDRESS_SHIFT & 0x1F) == MII_PHY;

    if ((command & MII_WRITE) == 0) {
        self->mac[MAC_MII_DATA] = present ? phy_read(self, number) : MII_NOBODY;
    } else if (present) {
        phy_write(self, number, (uint16_t)self->mac[MAC_MII_DATA]);
    }
}

/* ---- the MAC ---- */

static void load_address(struct vdev_lan9118_emulator *self)
{
    const uint8_t *address = self->address;

    self->mac[MAC_ADDRH] = 0xFFFF; /* [DS §5.4.2] */
    self->mac[MAC_ADDRL] = 0xFFFFFFFF;
    if (self->eeprom) {
        self->mac[MAC_ADDRH] = address[4] | (uint32_t)address[5] << 8;
        self->mac[MAC_ADDRL] = address[0] | (uint32_t)address[1] << 8 | (uint32_t)address[2] << 16 |
                               (uint32_t)address[3] << 24;
        self->values[E2P_CMD] |= E2P_LOADED;
    }
    set_receive_mode(self);
}

void vdev_lan9118_mac_reset(struct vdev_lan9118_emulator *self)
{
    memset(self->mac, 0, sizeof self->mac);
    self->mac[MAC_CR] = MAC_CR_PRMS;
    self->mac[MAC_VLAN1] = 0xFFFF;
    self->mac[MAC_VLAN2] = 0xFFFF;
    load_address(self);
}

static void mac_write(struct vdev_lan9118_emulator *self, uint32_t number, uint32_t value)
{
    static const uint32_t writable[VDEV_LAN9118_MAC_REGISTERS] = {
        [MAC_CR] = MAC_CR_BITS,  [MAC_ADDRH] = 0xFFFF,    [MAC_ADDRL] = ~0u,
        [MAC_HASHH] = ~0u,       [MAC_HASHL] = ~0u,       [MAC_MII_ACC] = MII_BITS,
        [MAC_MII_DATA] = 0xFFFF, [MAC_FLOW] = 0xFFFF0006, [MAC_VLAN1] = 0xFFFF,
        [MAC_VLAN2] = 0xFFFF,    [MAC_WUCSR] = 0x0206,
    };
    uint32_t before = self->mac[number];

    self->mac[number] = value & writable[number];
    switch (number) {
    case MAC_CR:
        set_receive_mode(self);
        if ((before & ~value & MAC_CR_RXEN) != 0) {
            vdev_lan9118_receive_stop(self);
        }
        vdev_lan9118_transmit_go(self);
        break;
    case MAC_ADDRH:
    case MAC_ADDRL:
        set_receive_mode(self);
        break;
    case MAC_MII_ACC:
        mii_access(self, value);
        break;
    }
}

void vdev_lan9118_write_mac_command(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_lan9118_emulator *self = device;
    uint32_t number = value & MAC_CSR_ADDRESS;
    bool exists = number >= MAC_CR && number < VDEV_LAN9118_MAC_REGISTERS;

    (void)offset;
    if ((value & MAC_CSR_BUSY) == 0) {
        return;
    }
    if ((value & MAC_CSR_READ) != 0) {
        self->values[MAC_CSR_DATA] = exists ? self->mac[number] : 0;
    } else if (exists) {
        mac_write(self, number, self->values[MAC_CSR_DATA]);
    }
}

/* ---- the EEPROM ---- */

void vdev_lan9118_write_eeprom_command(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_lan9118_emulator *self = device;
    uint32_t place = value & E2P_ADDRESS;

    (void)offset;
    if ((value & E2P_BUSY) == 0) {
        return;
    }
    if (!self->eeprom) {
        self->values[E2P_CMD] |= E2P_TIMEOUT;
        return;
    }
    switch (value & E2P_COMMAND) {
    case E2P_READ:
        self->values[E2P_DATA] = place == 0                        ? EEPROM_VALID
                                 : place <= VDEV_NET_ADDRESS_BYTES ? self->address[place - 1]
                                                                   : 0xFF;
        break;
    case E2P_RELOAD:
        load_address(self);
        break;
    }
}
