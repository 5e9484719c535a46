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
    while (cursor->count != 0 && cursor->offset == cursor->buffers->length) {
        cursor->buffers++;
        cursor->count--;
        cursor->offset = 0;
    }
    if (cursor->count == 0) {
        return 0;
    }
    size_t piece = cursor->buffers->length - cursor->offset;
    if (piece > length) {
        piece = length;
    }
    *pointer = (uint8_t *)cursor->buffers->pointer + cursor->offset;
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
    const struct vdev_buffer *buffer = cursor->buffers;
    size_t left = cursor->count;
    size_t offset = cursor->offset;
    size_t count = 0;

    while (length != 0) {
        if (left == 0) {
            return VDEV_ERROR_RANGE;
        }
        size_t piece = buffer->length - offset;
        if (piece == 0) {
            buffer++;
            left--;
            offset = 0;
            continue;
        }
        if (count == maximum) {
            return VDEV_ERROR_FULL;
        }
        if (piece > length) {
            piece = length;
        }
        uint64_t bus = buffer->bus_address;
        if (bus != VDEV_NO_BUS_ADDRESS) {
            bus += offset;
        }
        pieces[count++] = (struct vdev_buffer){(uint8_t *)buffer->pointer + offset, piece, bus};
        offset += piece;
        length -= piece;
    }
    *cursor = (struct vdev_cursor){.buffers = buffer, .count = left, .offset = offset};
    return (int)count;
}
