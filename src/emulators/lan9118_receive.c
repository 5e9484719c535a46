/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The LAN9118 model's receiver: from the class into FIFO memory, and from there to the guest.
 * [DS] is the LAN9118 data sheet.
 *
 * Each frame is in one piece in receive_memory, behind a word that holds the number of its words: a
 * frame that begins before RECEIVE_WORDS may end after it, and the next one then begins at 0. Data
 * and statuses are two FIFOs that the guest may read in any order, so neither may rely on the
 * other.
 */
#include <vdev/emulators/lan9118.h>
#include <vdev/status.h>

#include "core/mem.h"
#include "emulators/lan9118.h"

#define SHORTEST         (VDEV_LAN9118_PADDED_BYTES + FCS_BYTES)
#define LONGEST          1518u /* on the medium, check sequence included [DS §3.13.3] */
#define LONGEST_TAGGED   1522u
#define SHORTEST_PAYLOAD 46u
#define LARGEST_LENGTH   1500u /* a greater number is a frame's type */
#define SPARE            4u    /* words: the FIFO is full so many before its end [DS §5.3.9] */
#define DROP_HALF        0x80000000u

static uint32_t wrapped(uint32_t position)
{
    return position < VDEV_LAN9118_RECEIVE_WORDS ? position : 0;
}

static uint32_t used(const struct vdev_lan9118_emulator *self) /* words */
{
    return self->receive_used + self->receive_run + self->data;
}

/* ---- from the class ---- */

static int drop(struct vdev_lan9118_emulator *self, enum vdev_net_drop reason, int status)
{
    self->received.dropped[reason]++;
    return status;
}

/* A frame for which there is no room [DS §5.3.19]. */
static int overrun(struct vdev_lan9118_emulator *self)
{
    uint32_t dropped = ++self->values[RX_DROP];

    vdev_lan9118_interrupt(self, INTERRUPT_RXDF | (dropped == DROP_HALF ? INTERRUPT_RXDFH : 0));
    return drop(self, VDEV_NET_DROP_NO_ROOM, VDEV_ERROR_STATE);
}

static uint32_t offset_in_word(const struct vdev_lan9118_emulator *self)
{
    return self->values[RX_CFG] >> RX_CFG_OFFSET_SHIFT & 3;
}

/* The status of a frame but for its length [DS §3.13.3]. */
static uint32_t flags(const struct vdev_lan9118_emulator *self,
                      const struct vdev_net_arrival *arrival, uint16_t type, bool wanted)
{
    uint32_t length = arrival->length;
    uint32_t payload = length - VDEV_NET_HEADER_BYTES;
    bool tagged =
        type == (self->mac[MAC_VLAN1] & 0xFFFF) || type == (self->mac[MAC_VLAN2] & 0xFFFF);
    uint32_t status = wanted ? 0 : RECEIVED_FILTERED;

    if (vdev_net_is_broadcast(arrival->header)) {
        status |= RECEIVED_BROADCAST;
    } else if (vdev_net_is_group(arrival->header)) {
        status |= RECEIVED_MULTICAST;
    }
    if (length + FCS_BYTES > (tagged ? LONGEST_TAGGED : LONGEST)) {
        status |= RECEIVED_TOO_LONG | RECEIVED_ERROR;
    }
    if (type > LARGEST_LENGTH) {
        status |= RECEIVED_TYPED;
    } else if (type > payload || (payload > SHORTEST_PAYLOAD && type != payload)) {
        status |= RECEIVED_LENGTH_ERROR;
    }
    return status;
}

/* Is there a place for it? Then self->room is that. VDEV_OK, or an error that is counted. */
static int admit(struct vdev_lan9118_emulator *self, const struct vdev_net_arrival *arrival)
{
    bool wanted = vdev_lan9118_wants(self, arrival->header);
    uint16_t type = (uint16_t)(arrival->header[12] << 8 | arrival->header[13]);
    uint32_t length = arrival->length;

    if ((self->mac[MAC_CR] & MAC_CR_RXEN) == 0 || !lan9118_awake(self)) {
        return drop(self, VDEV_NET_DROP_NO_LINK, VDEV_ERROR_STATE);
    }
    if (!wanted && (self->mac[MAC_CR] & MAC_CR_RXALL) == 0) {
        return drop(self, VDEV_NET_DROP_FILTERED, VDEV_ERROR_UNSUPPORTED);
    }
    if (length < VDEV_NET_HEADER_BYTES) {
        return drop(self, VDEV_NET_DROP_SHORT, VDEV_ERROR_INVALID);
    }
    if (length > VDEV_LAN9118_FRAME_BYTES - FCS_BYTES) {
        vdev_lan9118_interrupt(self, INTERRUPT_RWT);
        return drop(self, VDEV_NET_DROP_LONG, VDEV_ERROR_RANGE);
    }
    uint32_t offset = offset_in_word(self);
    uint32_t bytes = length + FCS_BYTES > SHORTEST ? length + FCS_BYTES : SHORTEST;
    uint32_t words = (offset + bytes + 3) / 4;
    uint32_t size = 16 - lan9118_fifo_size(self);
    if (self->claimed || self->receive_status_count >= size * 16 ||
        used(self) + words + SPARE > size * 240 ||
        used(self) + self->receive_frames + words + 1 > VDEV_LAN9118_RECEIVE_WORDS) {
        return overrun(self);
    }
    uint32_t *place = self->receive_memory + self->receive_tail + 1;
    place[0] = 0;
    self->room = (struct vdev_buffer){(uint8_t *)place + offset, length, VDEV_NO_BUS_ADDRESS};
    self->room_flags = flags(self, arrival, type, wanted);
    self->room_type = type;
    return VDEV_OK;
}

/* The frame is in its room: now it, and its status, are the guest's. */
static void commit(struct vdev_lan9118_emulator *self)
{
    uint32_t *place = self->receive_memory + self->receive_tail;
    uint32_t length = (uint32_t)self->room.length;
    uint32_t before = (uint32_t)((uint8_t *)self->room.pointer - (uint8_t *)(place + 1));
    uint32_t total = length + FCS_BYTES > SHORTEST ? length + FCS_BYTES : SHORTEST;

    vdev_net_count(&self->received, length);
    if ((self->mac[MAC_CR] & MAC_CR_PADSTR) != 0 && self->room_type < SHORTEST_PAYLOAD) {
        /* Padding goes, and the check sequence with it [DS §5.4.1]. */
        total = VDEV_NET_HEADER_BYTES + self->room_type;
    }
    uint32_t words = (before + total + 3) / 4;
    if (length < total) {
        memset((uint8_t *)self->room.pointer + length, 0, words * 4 - before - length);
    }
    place[0] = words;
    self->receive_tail = wrapped(self->receive_tail + 1 + words);
    self->receive_used += words;
    self->receive_frames++;
    uint32_t status = self->receive_status_head + self->receive_status_count++;
    self->receive_status[status % VDEV_LAN9118_RECEIVE_STATUSES] =
        self->room_flags | total << RECEIVED_LENGTH_SHIFT;
}

int vdev_lan9118_accept(void *owner, const struct vdev_net_arrival *arrival,
                        struct vdev_net_room *room)
{
    struct vdev_lan9118_emulator *self = owner;

    if (lan9118_loops(self)) {
        return drop(self, VDEV_NET_DROP_NO_LINK, VDEV_ERROR_STATE);
    }
    int status = admit(self, arrival);
    if (status == VDEV_OK) {
        self->claimed = true;
        self->claim_void = false;
        *room = (struct vdev_net_room){&self->room, 1};
    }
    return status;
}

void vdev_lan9118_delivered(void *owner, int status)
{
    struct vdev_lan9118_emulator *self = owner;
    uint32_t events = self->stopping ? INTERRUPT_RXSTOP : 0;

    if (!self->claimed) {
        return;
    }
    self->claimed = false;
    self->stopping = false;
    if (status != VDEV_OK) {
        drop(self, VDEV_NET_DROP_MEDIUM, status);
    } else if (self->claim_void) {
        drop(self, VDEV_NET_DROP_NO_LINK, status);
    } else {
        commit(self);
    }
    vdev_lan9118_interrupt(self, events);
}

void vdev_lan9118_receive_own(struct vdev_lan9118_emulator *self, const uint8_t *bytes,
                              uint32_t length)
{
    struct vdev_net_arrival arrival = {.length = length};

    if (length < VDEV_NET_HEADER_BYTES) {
        drop(self, VDEV_NET_DROP_SHORT, VDEV_ERROR_INVALID);
        return;
    }
    memcpy(arrival.header, bytes, VDEV_NET_HEADER_BYTES);
    if (admit(self, &arrival) == VDEV_OK) {
        memcpy(self->room.pointer, bytes, length);
        commit(self);
    }
}

void vdev_lan9118_receive_stop(struct vdev_lan9118_emulator *self)
{
    if (self->claimed) {
        self->stopping = true;
    } else {
        vdev_lan9118_interrupt(self, INTERRUPT_RXSTOP);
    }
}

void vdev_lan9118_receive_dump(struct vdev_lan9118_emulator *self)
{
    /* What the class still writes into its room is not in anybody's way: nothing else is put
     * anywhere until it is through, and then there is nothing to keep. */
    self->claim_void = true;
    self->receive_head = 0;
    self->receive_tail = 0;
    self->receive_frames = 0;
    self->receive_used = 0;
    self->receive_run = 0;
    self->lead = 0;
    self->data = 0;
    self->trail = 0;
    self->reading = false;
    self->receive_status_count = 0;
}

/* ---- to the guest ---- */

/* The next frame's first word is about to be read. */
static void begin_reading(struct vdev_lan9118_emulator *self)
{
    uint32_t configuration = self->values[RX_CFG];
    uint32_t words = self->receive_memory[self->receive_head];
    uint32_t lead = configuration >> RX_CFG_OFFSET_SHIFT >> 2 & 7;
    uint32_t total = lead + words;

    switch (configuration >> RX_CFG_END_SHIFT) {
    case 1:
        total = (total + 3) & ~3u;
        break;
    case 2:
        total = (total + 7) & ~7u;
        break;
    }
    self->lead = lead;
    self->data = words;
    self->trail = total - lead - words;
    self->receive_next = self->receive_memory + self->receive_head + 1;
    self->receive_head = wrapped(self->receive_head + 1 + words);
    self->receive_frames--;
    self->receive_used -= words;
    self->reading = true;
}

void vdev_lan9118_receive_run_over(struct vdev_lan9118_emulator *self)
{
    self->reading = self->trail != 0;
}

uint32_t vdev_lan9118_receive_word(struct vdev_lan9118_emulator *self)
{
    if (!self->reading) {
        if (self->receive_frames == 0) {
            vdev_lan9118_interrupt(self, INTERRUPT_RXE); /* [DS §3.13.4] */
            return 0;
        }
        begin_reading(self);
    }
    if (self->lead != 0) {
        self->lead--;
        return 0;
    }
    if (self->data != 0) {
        self->receive_run = self->data - 1;
        self->data = 0;
        uint32_t value = *self->receive_next++;
        if (self->receive_run == 0) {
            vdev_lan9118_receive_run_over(self);
        }
        return value;
    }
    if (--self->trail == 0) {
        self->reading = false;
    }
    return 0;
}

/* To the beginning of the next frame: past the rest of one that is being read, or else past one. */
void vdev_lan9118_receive_skip(struct vdev_lan9118_emulator *self)
{
    if (!self->reading) {
        if (self->receive_frames == 0) {
            return;
        }
        begin_reading(self);
    }
    self->lead = 0;
    self->data = 0;
    self->trail = 0;
    self->receive_run = 0;
    self->reading = false;
}

/* ---- registers ---- */

void vdev_lan9118_write_data_path(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    if ((value & RX_DP_FAST_FORWARD) != 0) {
        vdev_lan9118_receive_skip(device);
    }
}

void vdev_lan9118_write_receive_configuration(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    if ((value & RX_CFG_DUMP) != 0) {
        vdev_lan9118_receive_dump(device);
        vdev_lan9118_interrupt(device, 0);
    }
}

uint32_t vdev_lan9118_read_receive_information(void *device, uint32_t offset)
{
    struct vdev_lan9118_emulator *self = device;

    (void)offset;
    return self->receive_status_count << 16 | used(self) * 4;
}

uint32_t vdev_lan9118_read_receive_status_peek(void *device, uint32_t offset)
{
    struct vdev_lan9118_emulator *self = device;

    (void)offset;
    return self->receive_status_count == 0 ? 0 : self->receive_status[self->receive_status_head];
}

uint32_t vdev_lan9118_read_receive_status(void *device, uint32_t offset)
{
    struct vdev_lan9118_emulator *self = device;
    uint32_t status = vdev_lan9118_read_receive_status_peek(device, offset);

    if (self->receive_status_count != 0) {
        self->receive_status_head = (self->receive_status_head + 1) % VDEV_LAN9118_RECEIVE_STATUSES;
        self->receive_status_count--;
    }
    return status;
}
