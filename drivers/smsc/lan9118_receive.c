/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LAN9118: frames out of the receive FIFO, straight into the client's rooms. A frame is a word in
 * the status FIFO, and words in the data FIFO: so many empty bytes, the frame, its check sequence.
 */
#include "lan9118.h"

/* [DS §3.13.3]. */
#define STATUS_RESERVED     (1u << 31)
#define STATUS_LENGTH_SHIFT 16
#define STATUS_LENGTH       0x3fffu
#define STATUS_ERROR        (1u << 15)

#define CHECK_BYTES 4u /* the frame check sequence, which the length counts */
#define HEAD_WORDS  4u /* that are read before the client is asked: with the offset, the header */
#define FFWD_MINIMUM                                                                               \
    4u /* words that must be left of a frame for it to be skipped [DS §3.13.1.1]                  \
        */
#define FFWD_READS 8u

typedef uint32_t __attribute__((may_alias)) buffer_word;
typedef uint16_t __attribute__((may_alias)) buffer_half;

/* A word at any address: one store where the processor takes that, several where it does not. */
struct __attribute__((packed, may_alias)) loose_word {
    uint32_t word;
};

/* What is left of a frame in the FIFO, as a row of bytes. */
struct stream {
    struct vdev_io io; /* a copy: no store can be taken to change it */
    uint32_t left;     /* words */
    uint32_t carry;    /* bytes of a word that has been read, the next one lowest */
    unsigned carried;  /* how many, 0 to 3 */
    bool bursts;
};

static inline uint32_t next_word(const struct vdev_io *io)
{
    return vdev_io_read32(io, RX_DATA_FIFO);
}

static void read_words(struct vdev_io io, struct loose_word *to, size_t count)
{
    for (; count >= 16; count -= 16, to += 16) {
        uint32_t a = next_word(&io), b = next_word(&io), c = next_word(&io), d = next_word(&io);
        to[0].word = a, to[1].word = b, to[2].word = c, to[3].word = d;
        a = next_word(&io), b = next_word(&io), c = next_word(&io), d = next_word(&io);
        to[4].word = a, to[5].word = b, to[6].word = c, to[7].word = d;
        a = next_word(&io), b = next_word(&io), c = next_word(&io), d = next_word(&io);
        to[8].word = a, to[9].word = b, to[10].word = c, to[11].word = d;
        a = next_word(&io), b = next_word(&io), c = next_word(&io), d = next_word(&io);
        to[12].word = a, to[13].word = b, to[14].word = c, to[15].word = d;
    }
    for (; count != 0; count--, to++) {
        to->word = next_word(&io);
    }
}

/* The same, for a multiple of VDEV_IO_BURST words, to an aligned place; returns its end. Not
 * inline: a burst needs nearly all registers, and around it others are wanted. */
static __attribute__((noinline)) uint8_t *read_bursts(struct vdev_io io, uint8_t *to, size_t count)
{
    uint32_t *at = (uint32_t *)(void *)to;

    /* Four at a time: with one, as many instructions count as move data. */
    for (; count >= 4 * VDEV_IO_BURST; count -= 4 * VDEV_IO_BURST) {
        at = vdev_io_read_burst(&io, RX_DATA_FIFO, at);
        at = vdev_io_read_burst(&io, RX_DATA_FIFO, at);
        at = vdev_io_read_burst(&io, RX_DATA_FIFO, at);
        at = vdev_io_read_burst(&io, RX_DATA_FIFO, at);
    }
    for (; count != 0; count -= VDEV_IO_BURST) {
        at = vdev_io_read_burst(&io, RX_DATA_FIFO, at);
    }
    return (uint8_t *)at;
}

/* The same, where each word of the room has bytes of two of the FIFO's; returns the last's rest. */
static uint32_t read_shifted(struct vdev_io io, struct loose_word *to, size_t count, uint32_t carry,
                             unsigned bits)
{
    for (; count != 0; count--, to++) {
        uint32_t word = next_word(&io);
        to->word = carry | word << bits;
        carry = word >> (32 - bits);
    }
    return carry;
}

/* The next bytes, less than a word of them. */
static void take_bytes(struct stream *stream, uint8_t *to, size_t length)
{
    uint32_t carry = stream->carry;
    unsigned carried = stream->carried;

    for (; length != 0; length--) {
        if (carried == 0) {
            carry = next_word(&stream->io);
            carried = 4;
            stream->left--;
        }
        *to++ = (uint8_t)carry;
        carry >>= 8;
        carried--;
    }
    stream->carry = carry;
    stream->carried = carried;
}

/* The next `length` bytes, which are there, to one place. */
static void take(struct stream *stream, uint8_t *to, size_t length)
{
    size_t words = length / 4;

    if (stream->bursts && stream->carried == 0 && (uintptr_t)to % 4 == 0) {
        to = read_bursts(stream->io, to, words & ~(size_t)(VDEV_IO_BURST - 1));
        stream->left -= (uint32_t)words & ~(VDEV_IO_BURST - 1);
        words &= VDEV_IO_BURST - 1;
    }
    if (stream->carried == 0) {
        read_words(stream->io, (struct loose_word *)to, words);
    } else {
        stream->carry = read_shifted(stream->io, (struct loose_word *)to, words, stream->carry,
                                     8 * stream->carried);
    }
    stream->left -= (uint32_t)words;
    take_bytes(stream, to + 4 * words, length % 4);
}

static void discard(struct vdev_lan9118_driver *driver, uint32_t words)
{
    const struct vdev_io io = driver->io;

    if (driver->fast_forward && words >= FFWD_MINIMUM) {
        vdev_io_write32(&io, RX_DP_CTRL, RX_DP_CTRL_RX_FFWD);
        driver->skips = true;
        return;
    }
    for (; words != 0; words--) {
        next_word(&io);
    }
}

/* Until the controller has skipped a frame, its receive FIFOs must be left alone. */
static bool skips(struct vdev_lan9118_driver *driver)
{
    bool skipping = driver->skips;

    for (unsigned i = 0; skipping && i < FFWD_READS; i++) {
        skipping = (lan9118_get(driver, RX_DP_CTRL) & RX_DP_CTRL_RX_FFWD) != 0;
    }
    driver->skips = skipping;
    return skipping;
}

/*
 * How many frames are there? The interrupt is acknowledged first: a frame that comes afterwards
 * raises it anew, whether the controller takes a level for a reason or its being reached.
 */
static void look(struct vdev_lan9118_driver *driver)
{
    lan9118_put(driver, INT_STS, INT_STS_RSFL);
    uint32_t information = lan9118_get(driver, RX_FIFO_INF);
    driver->ready = information >> 16 & 0xff;
    driver->bytes = information & 0xffff;
}

static uint32_t words_of(const struct vdev_lan9118_driver *driver, uint32_t length)
{
    return (driver->offset + length + CHECK_BYTES + 3) / 4;
}

/* Frames begin at an even offset: halves of words lie in `head` as they do in the frame. */
static void copy_header(uint8_t *header, const uint32_t *head, unsigned offset)
{
    const buffer_half *from = (const buffer_half *)head + offset / 2;
    buffer_half *to = (buffer_half *)header;

    to[0] = from[0], to[1] = from[1], to[2] = from[2], to[3] = from[3];
    to[4] = from[4], to[5] = from[5], to[6] = from[6];
}

/* All of `head` but the offset, to one place. */
static void copy_head(uint8_t *to, const uint32_t *head, unsigned offset)
{
    if ((uintptr_t)to % 4 != offset) {
        const uint8_t *from = (const uint8_t *)head;
        for (unsigned i = offset; i < HEAD_WORDS * 4; i++) {
            *to++ = from[i];
        }
        return;
    }
    if (offset == 0) {
        *(buffer_word *)to = head[0];
    } else {
        *(buffer_half *)to = ((const buffer_half *)head)[1];
    }
    to += 4 - offset;
    ((buffer_word *)to)[0] = head[1];
    ((buffer_word *)to)[1] = head[2];
    ((buffer_word *)to)[2] = head[3];
}

/* To a room in several pieces, or one with few bytes. Returns what `length` bytes did not fit. */
static uint32_t fetch_pieces(struct vdev_lan9118_driver *driver, const struct vdev_net_room *room,
                             struct stream *stream, uint32_t length)
{
    struct vdev_cursor cursor = vdev_cursor(room->buffers, room->buffer_count);
    uint32_t count = HEAD_WORDS * 4 - driver->offset; /* bytes of the frame in `head` */

    if (count > length) {
        count = length;
    }
    length -=
        (uint32_t)vdev_cursor_write(&cursor, (const uint8_t *)driver->head + driver->offset, count);
    while (length != 0) {
        void *pointer;
        size_t piece = vdev_cursor_peek(&cursor, &pointer);
        if (piece == 0) {
            break; /* a client that does not keep to the class */
        }
        if (piece > length) {
            piece = length;
        }
        take(stream, pointer, piece);
        vdev_cursor_skip(&cursor, piece);
        length -= (uint32_t)piece;
    }
    return length;
}

/* The frame in `head`, with what is left of it in the FIFO, to its room. */
static int fetch(struct vdev_lan9118_driver *driver, const struct vdev_net_room *room)
{
    uint32_t length = driver->held_length;
    uint32_t count = HEAD_WORDS * 4 - driver->offset;
    struct stream stream = {
        .io = driver->io,
        .left = words_of(driver, length) - HEAD_WORDS,
        .bursts = driver->bursts,
    };

    if (count <= length && room->buffer_count != 0 && room->buffers[0].length >= length) {
        uint8_t *to = room->buffers[0].pointer;
        copy_head(to, driver->head, driver->offset);
        take(&stream, to + count, length - count);
        length = 0;
    } else {
        length = fetch_pieces(driver, room, &stream, length);
    }
    discard(driver, stream.left);
    return length == 0 ? VDEV_OK : VDEV_ERROR_IO;
}

/* Ask the client about the frame in `head`. False: it has to be asked again, perhaps at once. */
static bool offer(struct vdev_lan9118_driver *driver)
{
    struct vdev_net *net = &driver->net;
    struct vdev_net_arrival arrival = {.length = driver->held_length};
    struct vdev_net_room room = {NULL, 0};

    copy_header(arrival.header, driver->head, driver->offset);
    driver->waits = true; /* before the client can say that it has room again */
    int status = net->client.accept(net->client.owner, &arrival, &room);
    if (status == VDEV_ERROR_FULL) {
        if (driver->waits) {
            driver->enabled &= ~INT_STS_RSFL;
            lan9118_put(driver, INT_EN, driver->enabled);
        }
        return false;
    }
    driver->waits = false;
    driver->held = false;
    if (status != VDEV_OK) {
        discard(driver, words_of(driver, driver->held_length) - HEAD_WORDS);
        return true;
    }
    status = fetch(driver, &room);
    if (status == VDEV_OK) {
        vdev_net_count(&net->received, driver->held_length);
    } else {
        net->received.dropped[VDEV_NET_DROP_NO_ROOM]++;
    }
    net->client.delivered(net->client.owner, status);
    return true;
}

/* Take the next frame's status, and its head if it is any good. False: the FIFO is out of step. */
static bool next(struct vdev_lan9118_driver *driver)
{
    struct vdev_net *net = &driver->net;
    uint32_t status = lan9118_get(driver, RX_STATUS_FIFO);
    uint32_t length = status >> STATUS_LENGTH_SHIFT & STATUS_LENGTH;
    uint32_t bytes = (length + 3) & ~3u;

    driver->ready--;
    if ((status & STATUS_RESERVED) != 0 || length < CHECK_BYTES || bytes > driver->bytes ||
        bytes > RX_FIFO_BYTES) {
        return false;
    }
    driver->bytes -= bytes;
    length -= CHECK_BYTES;
    if ((status & STATUS_ERROR) == 0 && length >= VDEV_NET_HEADER_BYTES &&
        length <= (uint32_t)net->mtu + VDEV_NET_HEADER_BYTES + VDEV_NET_TAG_BYTES) {
        const struct vdev_io io = driver->io;
        for (unsigned i = 0; i < HEAD_WORDS; i++) {
            driver->head[i] = next_word(&io);
        }
        driver->held = true;
        driver->held_length = length;
        return true;
    }
    net->received.dropped[(status & STATUS_ERROR) != 0     ? VDEV_NET_DROP_MEDIUM
                          : length < VDEV_NET_HEADER_BYTES ? VDEV_NET_DROP_SHORT
                                                           : VDEV_NET_DROP_LONG]++;
    discard(driver, words_of(driver, length));
    return true;
}

bool vdev_lan9118_receive(struct vdev_lan9118_driver *driver, uint32_t status)
{
    if (driver->waits || driver->dumps) {
        return false;
    }
    if (skips(driver)) {
        return true;
    }
    if (!driver->held) {
        /* Without a reason to look, only if there is nothing else to do. */
        if (driver->ready == 0 && ((status & INT_STS_RSFL) != 0 || driver->first == NULL)) {
            look(driver);
        }
        if (driver->ready == 0) {
            return false;
        }
        if (!next(driver)) {
            if (vdev_lan9118_is_there(driver)) {
                driver->net.received.dropped[VDEV_NET_DROP_MEDIUM]++;
                vdev_lan9118_receiver_restart(driver, true);
            }
            return true;
        }
    }
    if (driver->held && !offer(driver)) {
        return !driver->waits;
    }
    if (driver->ready == 0 && !skips(driver)) {
        look(driver);
    }
    return driver->ready != 0 || driver->skips;
}
