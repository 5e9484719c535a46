/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces of memory that a request carries, and walking over a list of them.
 * The memory belongs to whoever made the request, and stays valid until it completes.
 * It may be shared with a hostile peer: what decides anything is copied out once, then looked at.
 */
#ifndef VDEV_BUFFER_H
#define VDEV_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* No device can reach this buffer by DMA: whoever needs that must copy. */
#define VDEV_NO_BUS_ADDRESS UINT64_MAX

struct vdev_buffer {
    void *pointer;        /* as this program sees it */
    size_t length;        /* bytes; zero is allowed */
    uint64_t bus_address; /* as the device below sees it, or VDEV_NO_BUS_ADDRESS */
};

/*
 * A position in a list of buffers. Reading and writing through it moves it on, so that neither a
 * header split over several buffers nor several pieces in one buffer is a special case.
 */
struct vdev_cursor {
    const struct vdev_buffer *buffers;
    size_t count;  /* buffers not yet finished, the current one included */
    size_t offset; /* bytes used of the current one */
};

struct vdev_cursor vdev_cursor(const struct vdev_buffer *buffers, size_t count);

/* Bytes in all buffers together; saturates at SIZE_MAX. */
size_t vdev_buffers_length(const struct vdev_buffer *buffers, size_t count);

/* Copy out of (read) or into (write) the buffers; returns bytes moved, fewer only at the end. */
size_t vdev_cursor_read(struct vdev_cursor *cursor, void *to, size_t length);
size_t vdev_cursor_write(struct vdev_cursor *cursor, const void *from, size_t length);

/* Move on without copying; returns bytes passed over, fewer only at the end. */
size_t vdev_cursor_skip(struct vdev_cursor *cursor, size_t length);

/* The rest of the current buffer as one piece: *pointer, and its length (0 at the end). */
size_t vdev_cursor_peek(const struct vdev_cursor *cursor, void **pointer);

/*
 * The next `length` bytes as a list of their own, written to `pieces` (at most `maximum`); moves on.
 * Returns the number of pieces, or VDEV_ERROR_RANGE if fewer bytes are left, VDEV_ERROR_FULL if
 * `maximum` pieces do not hold them; the cursor has then not moved.
 */
int vdev_cursor_split(struct vdev_cursor *cursor, size_t length, struct vdev_buffer *pieces,
                      size_t maximum);

#endif
