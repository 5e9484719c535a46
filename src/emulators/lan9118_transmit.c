/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The LAN9118 model's transmitter: from the words that the guest writes to frames of the class.
 * [DS] is the LAN9118 data sheet.
 *
 * Each frame is in one piece in transmit_memory, behind two words: a frame that begins before
 * TRANSMIT_WORDS may end after it, and the next one then begins at 0. That the newest never reaches
 * the oldest follows from `used`: it counts what the data sheet counts [DS §3.12.5], which is what
 * a frame occupies or more. Segments are moved together as they end, since only their sum is known
 * to be short enough.
 */
#include <vdev/emulators/lan9118.h>
#include <vdev/status.h>

#include "core/mem.h"
#include "emulators/lan9118.h"

/* Command A [DS §3.12.2.1] */
#define A_INTERRUPT    0x80000000u
#define A_END_SHIFT    24
#define A_OFFSET_SHIFT 16
#define A_FIRST        0x00002000u
#define A_LAST         0x00001000u
#define A_SIZE         0x000007FFu

/* Command B [DS §3.12.2.2] */
#define B_TAG_SHIFT  16
#define B_NO_FCS     0x00002000u
#define B_NO_PADDING 0x00001000u
#define B_LENGTH     0x000007FFu
#define B_BITS       0xFFFF37FFu

/* The two words before a frame: its place, and its command B with bits that are not used there. */
#define FRAME_HEADER      2u
#define FRAME_END_SHIFT   16
#define FRAME_WORDS       0x0000FFFFu
#define FRAME_START_SHIFT 14
#define FRAME_START       0x0000C000u
#define FRAME_BROKEN      0x00000800u

/* Transmit status [DS §3.12.4] */
#define SENT_ERROR      0x00008000u
#define SENT_LOST       0x00000800u
#define SENT_NO_CARRIER 0x00000400u
#define SENT_DEFERRED   0x00000004u /* excessively */

#define SHORTEST 64u /* bytes of a frame with its check sequence */

enum phase {
    COMMAND_A,
    COMMAND_B,
    BEFORE, /* words of offset before the data */
    DATA,
    AFTER, /* words of alignment after the data */
};

uint32_t vdev_lan9118_transmit_free(const struct vdev_lan9118_emulator *self)
{
    uint32_t size = lan9118_fifo_size(self) * 256 - VDEV_LAN9118_TRANSMIT_STATUSES;
    uint32_t used = self->transmit_used + self->transmit_open - self->transmit_run;

    return used < size ? size - used : 0;
}

static uint32_t wrapped(uint32_t position)
{
    return position < VDEV_LAN9118_TRANSMIT_WORDS ? position : 0;
}

/* ---- to the class, and back ---- */

static bool runs(const struct vdev_lan9118_emulator *self)
{
    return (self->values[TX_CFG] & (TX_CFG_ON | TX_CFG_STOP)) == TX_CFG_ON &&
           (self->mac[MAC_CR] & MAC_CR_TXEN) != 0 && lan9118_awake(self);
}

static void push_status(struct vdev_lan9118_emulator *self, uint32_t status)
{
    uint32_t place = self->transmit_status_head + self->transmit_status_count;

    if (self->transmit_status_count == VDEV_LAN9118_TRANSMIT_STATUSES) {
        vdev_lan9118_interrupt(self, INTERRUPT_TXSO);
        return;
    }
    self->transmit_status[place % VDEV_LAN9118_TRANSMIT_STATUSES] = status;
    self->transmit_status_count++;
}

/* The status of what the class is through with, in order, and its space. */
static void retire(struct vdev_lan9118_emulator *self)
{
    while (self->sent_count != 0 && self->in_flight[self->sent_head].done) {
        struct vdev_lan9118_sent *sent = &self->in_flight[self->sent_head];
        uint32_t status = (uint32_t)sent->tag << B_TAG_SHIFT;
        if (sent->status == VDEV_ERROR_IO || sent->status == VDEV_ERROR_TIMEOUT ||
            sent->status == VDEV_ERROR_ABSENT || (!self->link && !lan9118_loops(self))) {
            status |= SENT_ERROR | SENT_LOST | SENT_NO_CARRIER;
        } else if (sent->status != VDEV_OK) {
            status |= SENT_ERROR | SENT_DEFERRED;
        }
        if (!sent->forgotten) {
            push_status(self, status);
        }
        self->transmit_used -= sent->words;
        self->sent_head = (uint8_t)((self->sent_head + 1) % VDEV_LAN9118_IN_FLIGHT);
        self->sent_count--;
    }
    if (self->sent_count == 0 && (self->values[TX_CFG] & TX_CFG_STOP) != 0) {
        self->values[TX_CFG] &= ~(TX_CFG_STOP | TX_CFG_ON);
        vdev_lan9118_interrupt(self, INTERRUPT_TXSTOP);
    }
}

static void complete(struct vdev_net_frame *frame, int status)
{
    struct vdev_lan9118_emulator *self = frame->owner;
    struct vdev_lan9118_sent *sent = (struct vdev_lan9118_sent *)frame;

    sent->status = status;
    sent->done = true;
    if (status == VDEV_OK) {
        vdev_net_count(&self->sent, frame->length);
    } else {
        self->sent.dropped[VDEV_NET_DROP_MEDIUM]++;
    }
    vdev_lan9118_transmit_go(self);
}

/* The frame as it goes out, without its check sequence: its length, and *bytes. */
static uint32_t prepare(struct vdev_lan9118_sent *sent, uint8_t **bytes, uint32_t command)
{
    uint32_t length = command & B_LENGTH;
    bool padding = (command & B_NO_PADDING) == 0;

    if (padding && length < VDEV_LAN9118_PADDED_BYTES) {
        memcpy(sent->padded, *bytes, length);
        memset(sent->padded + length, 0, VDEV_LAN9118_PADDED_BYTES - length);
        *bytes = sent->padded;
        return VDEV_LAN9118_PADDED_BYTES;
    }
    /* A frame that is to be padded gets a check sequence in any case. */
    if ((command & B_NO_FCS) != 0 && length >= (padding ? SHORTEST : FCS_BYTES)) {
        length -= FCS_BYTES;
    }
    return length;
}

/* The oldest frame that waits, to the class. VDEV_ERROR_FULL: it still waits. */
static int submit_next(struct vdev_lan9118_emulator *self)
{
    struct vdev_lan9118_sent *sent =
        &self->in_flight[(self->sent_head + self->sent_count) % VDEV_LAN9118_IN_FLIGHT];
    const uint32_t *header = &self->transmit_memory[self->transmit_ready];
    uint32_t place = header[0];
    uint32_t command = header[1];
    int status = VDEV_ERROR_INVALID;
    bool submitted = false;

    if ((command & FRAME_BROKEN) == 0) {
        uint8_t *bytes = (uint8_t *)(self->transmit_memory + self->transmit_ready + FRAME_HEADER) +
                         ((command & FRAME_START) >> FRAME_START_SHIFT);
        uint32_t length = prepare(sent, &bytes, command);
        if (lan9118_loops(self)) {
            vdev_lan9118_receive_own(self, bytes, length);
            status = VDEV_OK;
        } else {
            sent->buffer = (struct vdev_buffer){bytes, length, VDEV_NO_BUS_ADDRESS};
            sent->frame = (struct vdev_net_frame){
                .buffers = &sent->buffer,
                .buffer_count = 1,
                .length = length,
                .complete = complete,
                .owner = self,
            };
            status = vdev_net_submit(self->net, &sent->frame);
            submitted = status == VDEV_OK;
            if (status == VDEV_ERROR_FULL) {
                return status;
            }
            if (!submitted) {
                self->sent.dropped[vdev_net_drop_of(status, 0)]++;
            }
        }
    } else {
        self->sent.dropped[VDEV_NET_DROP_SHORT]++;
    }
    sent->words = (uint16_t)(place & FRAME_WORDS);
    sent->end = (uint16_t)(place >> FRAME_END_SHIFT);
    sent->tag = (uint16_t)(command >> B_TAG_SHIFT);
    sent->status = status;
    sent->done = !submitted;
    sent->forgotten = false;
    self->sent_count++;
    self->waiting--;
    self->transmit_ready = wrapped(sent->end);
    return VDEV_OK;
}

/* Bounded by what the FIFO holds: a frame goes by once. */
void vdev_lan9118_transmit_go(struct vdev_lan9118_emulator *self)
{
    retire(self);
    while (self->waiting != 0 && !self->full && runs(self) &&
           self->sent_count < VDEV_LAN9118_IN_FLIGHT &&
           (self->transmit_status_count + self->sent_count < VDEV_LAN9118_TRANSMIT_STATUSES ||
            (self->values[TX_CFG] & TX_CFG_OVERRUN) != 0)) {
        if (submit_next(self) == VDEV_ERROR_FULL) {
            self->full = true;
        }
        retire(self);
    }
    vdev_lan9118_interrupt(self, 0);
}

void vdev_lan9118_writable(void *owner)
{
    struct vdev_lan9118_emulator *self = owner;

    self->full = false;
    vdev_lan9118_transmit_go(self);
}

void vdev_lan9118_transmit_dump(struct vdev_lan9118_emulator *self, bool forget)
{
    self->transmit_used = 0;
    self->transmit_tail = 0;
    for (unsigned i = 0; i < self->sent_count; i++) {
        struct vdev_lan9118_sent *sent =
            &self->in_flight[(self->sent_head + i) % VDEV_LAN9118_IN_FLIGHT];
        sent->forgotten = sent->forgotten || forget;
        self->transmit_used += sent->words;
        self->transmit_tail = wrapped(sent->end);
    }
    self->transmit_ready = self->transmit_tail;
    self->waiting = 0;
    self->transmit_open = 0;
    self->transmit_run = 0;
    self->transmit_phase = COMMAND_A;
    self->frame_begun = false;
    self->broken = false;
}

/* ---- from the guest ---- */

/* The frame under way is over: it waits for its turn, or its status does. */
static void end_frame(struct vdev_lan9118_emulator *self)
{
    uint32_t position = self->transmit_tail;
    uint32_t command = self->command_b & B_BITS;
    uint32_t end = self->segment_start;

    if (self->broken || self->frame_bytes != (command & B_LENGTH)) {
        vdev_lan9118_interrupt(self, INTERRUPT_TXE);
        command |= FRAME_BROKEN;
        end = position + FRAME_HEADER;
        self->transmit_open = FRAME_HEADER;
    }
    self->transmit_memory[position] = self->transmit_open | end << FRAME_END_SHIFT;
    self->transmit_memory[position + 1] = command | self->frame_start << FRAME_START_SHIFT;
    self->transmit_tail = wrapped(end);
    self->transmit_used += self->transmit_open;
    self->transmit_open = 0;
    self->waiting++;
    self->frame_begun = false;
    self->broken = false;
    vdev_lan9118_transmit_go(self);
}

static void end_segment(struct vdev_lan9118_emulator *self)
{
    self->transmit_phase = COMMAND_A;
    if ((self->command_a & A_INTERRUPT) != 0) {
        vdev_lan9118_interrupt(self, INTERRUPT_TX_IOC);
    }
    if (self->frame_begun && (self->command_a & A_LAST) != 0) {
        end_frame(self);
    } else if (!self->frame_begun) {
        self->broken = false; /* a segment of no frame */
    }
}

/* It cannot be sent any more; what is still to come of it takes no room. */
static void break_frame(struct vdev_lan9118_emulator *self, uint32_t events)
{
    self->broken = true;
    self->transmit_open = self->frame_begun ? FRAME_HEADER : 0;
    vdev_lan9118_interrupt(self, INTERRUPT_TXE | events);
}

/* As many of the segment's words as there is room for can come without a thought. */
static void open_run(struct vdev_lan9118_emulator *self)
{
    uint32_t room = vdev_lan9118_transmit_free(self);

    self->transmit_run = self->segment_words < room ? self->segment_words : room;
    self->segment_words -= self->transmit_run;
    self->transmit_open += self->transmit_run;
}

/* All data of the segment are there: behind those before it, without a gap. */
static void join(struct vdev_lan9118_emulator *self)
{
    uint32_t start = self->command_a >> A_OFFSET_SHIFT & 3;
    uint32_t size = self->command_a & A_SIZE;
    uint32_t base = self->transmit_tail + FRAME_HEADER;
    uint8_t *data = (uint8_t *)(self->transmit_memory + base);

    if (size == 0) {
        return;
    }
    if (self->frame_bytes == 0) {
        self->frame_start = start;
    }
    uint32_t there = self->frame_start + self->frame_bytes;
    if (self->frame_bytes != 0) {
        memmove(data + there, (uint8_t *)(self->transmit_memory + self->segment_start) + start,
                size);
    }
    self->frame_bytes += size;
    self->segment_start = base + (there + size + 3) / 4;
}

static void end_data(struct vdev_lan9118_emulator *self)
{
    if (!self->broken) {
        join(self);
    }
    self->transmit_phase = AFTER;
    if (self->after == 0) {
        end_segment(self);
    }
}

void vdev_lan9118_transmit_run_over(struct vdev_lan9118_emulator *self)
{
    if (self->segment_words == 0) {
        end_data(self);
    } else {
        open_run(self);
    }
}

static void begin_data(struct vdev_lan9118_emulator *self)
{
    self->transmit_phase = DATA;
    if (self->segment_words == 0) {
        end_data(self);
        return;
    }
    self->transmit_next = self->transmit_memory + self->segment_start;
    open_run(self);
}

static void begin_segment(struct vdev_lan9118_emulator *self, uint32_t value)
{
    uint32_t a = self->command_a;
    uint32_t size = a & A_SIZE;
    uint32_t offset = a >> A_OFFSET_SHIFT & 0x1F;
    uint32_t words = (offset + size + 3) / 4;

    if ((a & A_FIRST) != 0 && !self->broken) {
        self->command_b = value;
        self->frame_bytes = 0;
        self->frame_start = 0;
        self->segment_start = self->transmit_tail + FRAME_HEADER;
        self->frame_begun = true;
    } else if (!self->broken && (!self->frame_begun || value != self->command_b)) {
        break_frame(self, 0);
    }
    if (!self->broken && size > (self->command_b & B_LENGTH) - self->frame_bytes) {
        break_frame(self, 0); /* more than the frame has, and than there may be room for */
    }
    switch (a >> A_END_SHIFT & 3) {
    case 1:
        words = (words + 3) & ~3u;
        break;
    case 2:
        words = (words + 7) & ~7u;
        break;
    }
    self->before = offset / 4;
    self->segment_words = size == 0 ? 0 : (offset % 4 + size + 3) / 4;
    self->after = words - self->before - self->segment_words;
    if (self->broken) {
        self->before = words;
        self->segment_words = 0;
        self->after = 0;
    }
    self->transmit_phase = BEFORE;
    if (self->before == 0) {
        begin_data(self);
    }
}

/* Command A, and with a first segment command B, take room; others' B does not [DS §3.12.5]. */
static void take_command_a(struct vdev_lan9118_emulator *self, uint32_t value)
{
    bool first = (value & A_FIRST) != 0;

    if (first && self->frame_begun) { /* the one before has no last segment */
        self->broken = true;
        end_frame(self);
    }
    uint32_t needed = first ? FRAME_HEADER : 1;
    if (!self->broken) {
        if (vdev_lan9118_transmit_free(self) < needed) {
            break_frame(self, INTERRUPT_TDFO);
        } else {
            self->transmit_open += needed;
        }
    }
    self->command_a = value;
    self->transmit_phase = COMMAND_B;
}

void vdev_lan9118_transmit_word(struct vdev_lan9118_emulator *self, uint32_t value)
{
    switch (self->transmit_phase) {
    case COMMAND_A:
        take_command_a(self, value);
        break;
    case COMMAND_B:
        begin_segment(self, value);
        break;
    case BEFORE:
        if (--self->before == 0) {
            begin_data(self);
        }
        break;
    case DATA: /* no room when the last run was over */
        open_run(self);
        if (self->transmit_run == 0) {
            break_frame(self, INTERRUPT_TDFO);
            self->after += self->segment_words - 1;
            self->segment_words = 0;
            end_data(self);
            break;
        }
        *self->transmit_next++ = value;
        if (--self->transmit_run == 0) {
            vdev_lan9118_transmit_run_over(self);
        }
        break;
    default:
        if (--self->after == 0) {
            end_segment(self);
        }
        break;
    }
}

/* ---- registers ---- */

uint32_t vdev_lan9118_read_transmit_information(void *device, uint32_t offset)
{
    struct vdev_lan9118_emulator *self = device;

    (void)offset;
    return self->transmit_status_count << 16 | vdev_lan9118_transmit_free(self) * 4;
}

uint32_t vdev_lan9118_read_transmit_status_peek(void *device, uint32_t offset)
{
    struct vdev_lan9118_emulator *self = device;

    (void)offset;
    return self->transmit_status_count == 0 ? 0 : self->transmit_status[self->transmit_status_head];
}

uint32_t vdev_lan9118_read_transmit_status(void *device, uint32_t offset)
{
    struct vdev_lan9118_emulator *self = device;
    uint32_t status = vdev_lan9118_read_transmit_status_peek(device, offset);

    if (self->transmit_status_count != 0) {
        self->transmit_status_head =
            (self->transmit_status_head + 1) % VDEV_LAN9118_TRANSMIT_STATUSES;
        self->transmit_status_count--;
        if (self->waiting != 0) {
            vdev_lan9118_transmit_go(self);
        }
    }
    return status;
}

void vdev_lan9118_write_transmit_configuration(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_lan9118_emulator *self = device;

    (void)offset;
    if ((value & TX_CFG_STATUS_DUMP) != 0) {
        self->transmit_status_count = 0;
    }
    if ((value & TX_CFG_DATA_DUMP) != 0) {
        vdev_lan9118_transmit_dump(self, false);
    }
    vdev_lan9118_transmit_go(self);
}
