/* SPDX-License-Identifier: BSD-2-Clause */
/* Cursors over lists of buffers: the one place that walks a scatter list. */
#include <vdev/buffer.h>
#include <vdev/status.h>

#include "core/mem.h"

struct vdev_cursor vdev_cursor(const struct vdev_buffer *buffers, size_t count)
{
    return (struct vdev_cursor){.buffers = buffers, .count = count, .offset = 0};
}

size_t vdev_buffers_length(const struct vdev_buffer *buffers, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (buffers[i].length > SIZE_MAX - total) {
            return SIZE_MAX;
        }
        total += buffers[i].length;
    }
    return total;
}

size_t vdev_cursor_peek(const struct vdev_cursor *cursor, void **pointer)
{
    const struct vdev_buffer *buffer = cursor->buffers;
    size_t count = cursor->count;
    size_t offset = cursor->offset;

    while (count != 0 && offset == buffer->length) {
        buffer++;
        count--;
        offset = 0;
    }
    if (count == 0) {
        *pointer = NULL;
        return 0;
    }
    *pointer = (uint8_t *)buffer->pointer + offset;
    return buffer->length - offset;
}

/* Move on by up to `length` bytes within one buffer; returns how many, 0 only at the end. */
static size_t step(struct vdev_cursor *cursor, size_t length, void **pointer)
{
    size_t piece = vdev_cursor_peek(cursor, pointer);
    while (cursor->count != 0 && cursor->offset == cursor->buffers->length) {
        cursor->buffers++;
        cursor->count--;
        cursor->offset = 0;
    }
    if (piece > length) {
        piece = length;
    }
    cursor->offset += piece;
    return piece;
}

size_t vdev_cursor_read(struct vdev_cursor *cursor, void *to, size_t length)
{
    size_t done = 0;
    void *pointer;
    size_t piece;

    while (done < length && (piece = step(cursor, length - done, &pointer)) != 0) {
        memcpy((uint8_t *)to + done, pointer, piece);
        done += piece;
    }
    return done;
}

size_t vdev_cursor_write(struct vdev_cursor *cursor, const void *from, size_t length)
{
    size_t done = 0;
    void *pointer;
    size_t piece;

    while (done < length && (piece = step(cursor, length - done, &pointer)) != 0) {
        memcpy(pointer, (const uint8_t *)from + done, piece);
        done += piece;
    }
    return done;
}

size_t vdev_cursor_skip(struct vdev_cursor *cursor, size_t length)
{
    size_t done = 0;
    void *pointer;
    size_t piece;

    while (done < length && (piece = step(cursor, length - done, &pointer)) != 0) {
        done += piece;
    }
    return done;
}

int vdev_cursor_split(struct vdev_cursor *cursor, size_t length, struct vdev_buffer *pieces,
                      size_t maximum)
{
    struct vdev_cursor ahead = *cursor;
    size_t count = 0;

    while (length != 0) {
        void *pointer;
        size_t piece = step(&ahead, length, &pointer);
        if (piece == 0) {
            return VDEV_ERROR_RANGE;
        }
        if (count == maximum) {
            return VDEV_ERROR_FULL;
        }
        /* step() left the cursor in the buffer that the piece came from. */
        uint64_t bus = ahead.buffers->bus_address;
        if (bus != VDEV_NO_BUS_ADDRESS) {
            bus += ahead.offset - piece;
        }
        pieces[count++] = (struct vdev_buffer){pointer, piece, bus};
        length -= piece;
    }
    *cursor = ahead;
    return (int)count;
}
