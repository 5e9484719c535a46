/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LAN9118: frames out of the receive FIFO, straight into the client's rooms. A frame is a word in
 * the status FIFO, and words in the data FIFO: so many empty bytes, the frame, its check sequence.
 */
#include "core/mem.h"
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

/* What is left of a frame in the FIFO, as a row of bytes. */
struct stream {
    struct vdev_io io; /* a copy: no store can be taken to change it */
    uint32_t left;     /* words */
    uint32_t carry;    /* bytes of a word that has been read, the next one lowest */
    unsigned carried;  /* how many, 0 to 3 */
};

static inline uint32_t next_word(const struct vdev_io *io)
{
    return vdev_io_read32(io, RX_DATA_FIFO);
}

static void read_words(struct vdev_io io, buffer_word *to, size_t count)
{
    for (; count >= 16; count -= 16, to += 16) {
        uint32_t a = next_word(&io), b = next_word(&io), c = next_word(&io), d = next_word(&io);
        to[0] = a, to[1] = b, to[2] = c, to[3] = d;
        a = next_word(&io), b = next_word(&io), c = next_word(&io), d = next_word(&io);
        to[4] = a, to[5] = b, to[6] = c, to[7] = d;
        a = next_word(&io), b = next_word(&io), c = next_word(&io), d = next_word(&io);
        to[8] = a, to[9] = b, to[10] = c, to[11] = d;
        a = next_word(&io), b = next_word(&io), c = next_word(&io), d = next_word(&io);
        to[12] = a, to[13] = b, to[14] = c, to[15] = d;
    }
    for (; count != 0; count--) {
        *to++ = next_word(&io);
    }
}

/* The same, where each word of the room has bytes of two of the FIFO's; returns the last's rest. */
static uint32_t read_shifted(struct vdev_io io, buffer_word *to, size_t count, uint32_t carry,
                             unsigned bits)
{
    unsigned rest = 32 - bits;

    for (; count >= 4; count -= 4, to += 4) {
        uint32_t a = next_word(&io), b = next_word(&io), c = next_word(&io), d = next_word(&io);
        to[0] = carry | a << bits;
        to[1] = a >> rest | b << bits;
        to[2] = b >> rest | c << bits;
        to[3] = c >> rest | d << bits;
        carry = d >> rest;
    }
    for (; count != 0; count--) {
        uint32_t a = next_word(&io);
        *to++ = carry | a << bits;
        carry = a >> rest;
    }
    return carry;
}

static uint8_t next_byte(struct stream *stream)
{
    if (stream->carried == 0) {
        stream->carry = next_word(&stream->io);
        stream->carried = 4;
        stream->left--;
    }
    uint8_t byte = (uint8_t)stream->carry;
    stream->carry >>= 8;
    stream->carried--;
    return byte;
}

/* The next `length` bytes, which are there, to one place. */
static void take(struct stream *stream, uint8_t *to, size_t length)
{
    for (; length != 0 && (uintptr_t)to % 4 != 0; length--) {
        *to++ = next_byte(stream);
    }
    size_t words = length / 4;
    if (stream->carried == 0) {
        read_words(stream->io, (buffer_word *)to, words);
    } else {
        stream->carry =
            read_shifted(stream->io, (buffer_word *)to, words, stream->carry, 8 * stream->carried);
    }
    stream->left -= (uint32_t)words;
    to += 4 * words;
    for (length %= 4; length != 0; length--) {
        *to++ = next_byte(stream);
    }
}

static void discard(struct vdev_lan9118_driver *driver, uint32_t words)
{
    if (!driver->fast_forward || words < FFWD_MINIMUM) {
        for (; words != 0; words--) {
            next_word(&driver->io);
        }
        return;
    }
    lan9118_put(driver, RX_DP_CTRL, RX_DP_CTRL_RX_FFWD);
    driver->skips = true;
}

/* Until the controller has skipped a frame, its receive FIFOs must be left alone. */
static bool skips(struct vdev_lan9118_driver *driver)
{
    for (unsigned i = 0; driver->skips && i < FFWD_READS; i++) {
        driver->skips = (lan9118_get(driver, RX_DP_CTRL) & RX_DP_CTRL_RX_FFWD) != 0;
    }
    return driver->skips;
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

/* The frame in `head`, with what is left of it in the FIFO, to its room. */
static int fetch(struct vdev_lan9118_driver *driver, const struct vdev_net_room *room)
{
    struct vdev_cursor cursor = vdev_cursor(room->buffers, room->buffer_count);
    uint32_t length = driver->held_length;
    size_t count = sizeof driver->head - driver->offset; /* bytes of the frame in `head` */
    struct stream stream = {.io = driver->io, .left = words_of(driver, length) - HEAD_WORDS};
    int status = VDEV_OK;

    if (count > length) {
        count = length;
    }
    length -= (uint32_t)count;
    if (vdev_cursor_write(&cursor, (const uint8_t *)driver->head + driver->offset, count) !=
        count) {
        status = VDEV_ERROR_IO;
        length = 0;
    }
    while (length != 0) {
        void *pointer;
        size_t piece = vdev_cursor_peek(&cursor, &pointer);
        if (piece == 0) {
            status = VDEV_ERROR_IO; /* a client that does not keep to the class */
            break;
        }
        if (piece > length) {
            piece = length;
        }
        take(&stream, pointer, piece);
        vdev_cursor_skip(&cursor, piece);
        length -= (uint32_t)piece;
    }
    discard(driver, stream.left);
    return status;
}

/* Ask the client about the frame in `head`. True: it is done with. */
static bool offer(struct vdev_lan9118_driver *driver)
{
    struct vdev_net *net = &driver->net;
    struct vdev_net_arrival arrival = {.length = driver->held_length};
    struct vdev_net_room room = {NULL, 0};

    memcpy(arrival.header, (const uint8_t *)driver->head + driver->offset, sizeof arrival.header);
    int status = net->client.accept(net->client.owner, &arrival, &room);
    if (status == VDEV_ERROR_FULL) {
        driver->waits = true;
        driver->enabled &= ~INT_STS_RSFL;
        lan9118_put(driver, INT_EN, driver->enabled);
        return false;
    }
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
        for (unsigned i = 0; i < HEAD_WORDS; i++) {
            driver->head[i] = next_word(&driver->io);
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
        return false;
    }
    if (driver->ready == 0 && !skips(driver)) {
        look(driver);
    }
    return driver->ready != 0 || driver->skips;
}
