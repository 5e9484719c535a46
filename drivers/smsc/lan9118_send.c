/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LAN9118: frames into the transmit FIFO. Each buffer of a frame is one of the controller's
 * buffers, with commands of its own and at its own alignment, so that nothing is copied but into
 * the FIFO. Each byte of a frame is read once; nothing is decided by what it says.
 */
#include "lan9118.h"

/* TX command A and B [DS §3.12.2]. The controller pads to the medium's 60 bytes by itself. */
#define COMMAND_OFFSET_SHIFT 16
#define COMMAND_FIRST        (1u << 13)
#define COMMAND_LAST         (1u << 12)
#define COMMAND_TAG_SHIFT    16
#define STATUS_ERROR         (1u << 15) /* [DS §3.12.4] */

/* A frame in more pieces would not fit the MAC's own FIFO [DS §3.12.3.2]. */
#define MAXIMUM_PIECES 86u
/* A buffer between the first and the last of a frame is at least so long [DS §3.12.3]. */
#define MIDDLE_MINIMUM 4u

/* The level may lag behind what was written by some words [DS §6.1.1]. */
#define LAG 64u

#define STATUSES_AT_ONCE 4u
#define PATIENCE         (1000 * MILLISECOND)

typedef const uint32_t __attribute__((may_alias)) buffer_word;

/*
 * A multiple of VDEV_IO_BURST words, four bursts at a time: with one, as many instructions count as
 * move data. Not inline: a burst needs nearly all registers, and around it others are wanted.
 */
static __attribute__((noinline)) void write_bursts(struct vdev_io io, const uint32_t *from,
                                                   size_t count)
{
    for (; count >= 4 * VDEV_IO_BURST; count -= 4 * VDEV_IO_BURST) {
        from = vdev_io_write_burst(&io, TX_DATA_FIFO, from);
        from = vdev_io_write_burst(&io, TX_DATA_FIFO, from);
        from = vdev_io_write_burst(&io, TX_DATA_FIFO, from);
        from = vdev_io_write_burst(&io, TX_DATA_FIFO, from);
    }
    for (; count != 0; count -= VDEV_IO_BURST) {
        from = vdev_io_write_burst(&io, TX_DATA_FIFO, from);
    }
}

/* The accessor is passed as a copy: no store can be taken to change it. */
static void write_words(struct vdev_io io, bool bursts, buffer_word *from, size_t count)
{
    if (bursts && count >= VDEV_IO_BURST) {
        write_bursts(io, from, count & ~(size_t)(VDEV_IO_BURST - 1));
        from += count & ~(size_t)(VDEV_IO_BURST - 1);
        count &= VDEV_IO_BURST - 1;
    }
    for (; count >= 16; count -= 16, from += 16) {
        uint32_t a = from[0], b = from[1], c = from[2], d = from[3];
        vdev_io_write32(&io, TX_DATA_FIFO, a);
        vdev_io_write32(&io, TX_DATA_FIFO, b);
        vdev_io_write32(&io, TX_DATA_FIFO, c);
        vdev_io_write32(&io, TX_DATA_FIFO, d);
        a = from[4], b = from[5], c = from[6], d = from[7];
        vdev_io_write32(&io, TX_DATA_FIFO, a);
        vdev_io_write32(&io, TX_DATA_FIFO, b);
        vdev_io_write32(&io, TX_DATA_FIFO, c);
        vdev_io_write32(&io, TX_DATA_FIFO, d);
        a = from[8], b = from[9], c = from[10], d = from[11];
        vdev_io_write32(&io, TX_DATA_FIFO, a);
        vdev_io_write32(&io, TX_DATA_FIFO, b);
        vdev_io_write32(&io, TX_DATA_FIFO, c);
        vdev_io_write32(&io, TX_DATA_FIFO, d);
        a = from[12], b = from[13], c = from[14], d = from[15];
        vdev_io_write32(&io, TX_DATA_FIFO, a);
        vdev_io_write32(&io, TX_DATA_FIFO, b);
        vdev_io_write32(&io, TX_DATA_FIFO, c);
        vdev_io_write32(&io, TX_DATA_FIFO, d);
    }
    for (; count != 0; count--) {
        vdev_io_write32(&io, TX_DATA_FIFO, *from++);
    }
}

/* Up to 4 bytes as they lie in a word, from byte `lane` of it on. */
static uint32_t part(const volatile uint8_t *from, size_t count, unsigned lane)
{
    uint32_t word = 0;

    for (size_t i = 0; i < count; i++) {
        word |= (uint32_t)from[i] << (8 * (lane + i));
    }
    return word;
}

static void write_piece(const struct vdev_lan9118_driver *driver, uint32_t command_a,
                        uint32_t command_b, const uint8_t *from, size_t length)
{
    const struct vdev_io io = driver->io;
    unsigned lane = (uintptr_t)from % 4;

    vdev_io_write32(&io, TX_DATA_FIFO, command_a | lane << COMMAND_OFFSET_SHIFT | (uint32_t)length);
    vdev_io_write32(&io, TX_DATA_FIFO, command_b);
    if (lane != 0) {
        size_t count = 4 - lane < length ? 4 - lane : length;
        vdev_io_write32(&io, TX_DATA_FIFO, part(from, count, lane));
        from += count;
        length -= count;
    }
    write_words(io, driver->bursts, (buffer_word *)from, length / 4);
    if (length % 4 != 0) {
        vdev_io_write32(&io, TX_DATA_FIFO, part(from + length / 4 * 4, length % 4, 0));
    }
}

/* How a frame goes into the FIFO. */
struct plan {
    uint32_t pieces; /* of the controller's buffers; 0: as one, put together word by word */
    uint32_t bytes;  /* what it takes of the FIFO, or somewhat more */
};

/* Is there a buffer between the first and the last that may not be there? */
static bool has_small_middle(const struct vdev_net_frame *frame)
{
    size_t last = MIDDLE_MINIMUM;
    uint32_t pieces = 0;

    for (size_t i = 0; i < frame->buffer_count; i++) {
        size_t length = frame->buffers[i].length;
        if (length == 0) {
            continue;
        }
        if (pieces > 1 && last < MIDDLE_MINIMUM) {
            return true;
        }
        last = length;
        pieces++;
    }
    return false;
}

static struct plan plan_of(const struct vdev_net_frame *frame)
{
    struct plan plan = {0, frame->length};
    uint32_t small = 0;

    for (size_t i = 0; i < frame->buffer_count; i++) {
        size_t length = frame->buffers[i].length;
        plan.pieces += length != 0;
        small += length < MIDDLE_MINIMUM;
    }
    /* Two commands, and parts of a word at both ends. */
    plan.bytes += 14 * plan.pieces;
    if ((small != 0 && plan.pieces > 2 && has_small_middle(frame)) ||
        plan.pieces > MAXIMUM_PIECES) {
        plan.pieces = 0;
        plan.bytes = frame->length + 14;
    }
    return plan;
}

static void write_frame(struct vdev_lan9118_driver *driver, const struct vdev_net_frame *frame,
                        uint32_t pieces)
{
    const struct vdev_io io = driver->io;
    uint32_t command_b = (uint32_t)driver->tag++ << COMMAND_TAG_SHIFT | frame->length;
    const struct vdev_buffer *buffer = frame->buffers;

    if (pieces == 0) {
        struct vdev_cursor cursor = vdev_cursor(frame->buffers, frame->buffer_count);
        vdev_io_write32(&io, TX_DATA_FIFO, COMMAND_FIRST | COMMAND_LAST | frame->length);
        vdev_io_write32(&io, TX_DATA_FIFO, command_b);
        for (uint32_t done = 0; done < frame->length; done += 4) {
            uint32_t word = 0;
            vdev_cursor_read(&cursor, &word, 4);
            vdev_io_write32(&io, TX_DATA_FIFO, word);
        }
        return;
    }
    for (uint32_t command_a = COMMAND_FIRST; pieces != 0; command_a = 0, pieces--, buffer++) {
        while (buffer->length == 0) {
            buffer++;
        }
        write_piece(driver, pieces == 1 ? command_a | COMMAND_LAST : command_a, command_b,
                    buffer->pointer, buffer->length);
    }
}

/* No room: have the controller say when there is. */
static void wait_for_room(struct vdev_lan9118_driver *driver, uint32_t bytes)
{
    driver->full = true;
    driver->full_since = vdev_clock_now(driver->clock);
    lan9118_put(driver, FIFO_INT,
                (FIFO_INT_NEVER & ~(0xffu << FIFO_INT_TX_DATA_SHIFT)) |
                    (bytes / FIFO_INT_UNIT + 1) << FIFO_INT_TX_DATA_SHIFT);
    lan9118_put(driver, INT_STS, INT_STS_TDFA);
    driver->enabled |= INT_STS_TDFA;
    lan9118_put(driver, INT_EN, driver->enabled);
}

static void stop_waiting(struct vdev_lan9118_driver *driver)
{
    driver->full = false;
    driver->enabled &= ~INT_STS_TDFA;
    lan9118_put(driver, INT_EN, driver->enabled);
    lan9118_put(driver, FIFO_INT, FIFO_INT_NEVER);
    lan9118_put(driver, INT_STS, INT_STS_TDFA);
}

/* It is alive and does not send: begin again, without what is in it. */
static void begin_again(struct vdev_lan9118_driver *driver)
{
    lan9118_put(driver, TX_CFG, TX_CFG_STOP_TX);
    lan9118_put(driver, TX_CFG, TX_CFG_TXS_DUMP | TX_CFG_TXD_DUMP);
    lan9118_put(driver, TX_CFG, TX_CFG_TX_ON | TX_CFG_TXSAO);
    stop_waiting(driver);
}

/* Bytes that the FIFO has room for. What became of earlier frames is told in passing. */
static uint32_t room(struct vdev_lan9118_driver *driver)
{
    uint32_t information = lan9118_get(driver, TX_FIFO_INF);
    uint32_t statuses = information >> 16 & 0xff;

    for (uint32_t i = 0; i < statuses && i < STATUSES_AT_ONCE; i++) {
        if ((lan9118_get(driver, TX_STATUS_FIFO) & STATUS_ERROR) != 0) {
            driver->net.sent.dropped[VDEV_NET_DROP_MEDIUM]++;
        }
    }
    return information & 0xffff;
}

static void drop_first(struct vdev_lan9118_driver *driver, enum vdev_net_drop reason, int status)
{
    driver->net.sent.dropped[reason]++;
    vdev_lan9118_complete(driver, status);
}

bool vdev_lan9118_send(struct vdev_lan9118_driver *driver)
{
    const struct vdev_net_frame *frame = driver->first;

    if (frame == NULL) {
        return false;
    }
    if (!driver->net.link) {
        if (driver->link_step != LINK_IDLE) {
            return true; /* a moment, and we know */
        }
        drop_first(driver, VDEV_NET_DROP_NO_LINK, VDEV_OK);
        return driver->first != NULL;
    }
    struct plan plan = plan_of(frame);
    if (room(driver) < plan.bytes + LAG) {
        if (!driver->full) {
            wait_for_room(driver, plan.bytes + LAG);
            return true; /* room that came meanwhile need not raise the interrupt: look again */
        }
        if (vdev_clock_now(driver->clock) - driver->full_since <= PATIENCE) {
            return false;
        }
        if (vdev_lan9118_is_there(driver)) {
            begin_again(driver);
            drop_first(driver, VDEV_NET_DROP_MEDIUM, VDEV_ERROR_TIMEOUT);
        }
        return driver->first != NULL;
    }
    if (driver->full) {
        stop_waiting(driver);
    }
    write_frame(driver, frame, plan.pieces);
    vdev_net_count(&driver->net.sent, frame->length);
    vdev_lan9118_complete(driver, VDEV_OK);
    return driver->first != NULL;
}
