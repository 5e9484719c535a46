/* SPDX-License-Identifier: BSD-2-Clause */
/* A console class made of two arrays, with as much room and as many bytes as a test says. */
#ifndef TESTS_SUPPORT_ARRAY_CONSOLE_H
#define TESTS_SUPPORT_ARRAY_CONSOLE_H

#include <stdlib.h>
#include <string.h>

#include <vdev/console.h>

struct array_console {
    struct vdev_console console; /* first */
    uint8_t output[1 << 17];
    size_t written;
    size_t room; /* bytes it takes before it is full; SIZE_MAX: all */
    const uint8_t *input;
    size_t available;       /* of input, how many have come in */
    size_t taken;           /* of these, how many were read */
    bool wants_write, told; /* what the class owes its client */
    unsigned read_calls;
};

static inline size_t array_console_write(struct vdev_console *console, const uint8_t *bytes,
                                         size_t length)
{
    struct array_console *self = (struct array_console *)console;
    size_t count = length < self->room ? length : self->room;

    if (count > sizeof self->output - self->written) {
        abort();
    }
    memcpy(self->output + self->written, bytes, count);
    self->written += count;
    if (self->room != SIZE_MAX) {
        self->room -= count;
    }
    self->wants_write |= count < length;
    return count;
}

static inline size_t array_console_read(struct vdev_console *console, uint8_t *bytes, size_t length)
{
    struct array_console *self = (struct array_console *)console;
    size_t count = self->available - self->taken;

    self->read_calls++;
    if (count > length) {
        count = length;
    }
    if (count == 0) {
        self->told = false;
        return 0;
    }
    memcpy(bytes, self->input + self->taken, count);
    self->taken += count;
    return count;
}

static inline bool array_console_poll(struct vdev_console *console)
{
    struct array_console *self = (struct array_console *)console;

    if (self->available != self->taken && !self->told) {
        self->told = true;
        if (console->client.readable != NULL) {
            console->client.readable(console->client.owner);
        }
    }
    if (self->wants_write && self->room != 0) {
        self->wants_write = false;
        if (console->client.writable != NULL) {
            console->client.writable(console->client.owner);
        }
    }
    return false;
}

static inline void array_console_init(struct array_console *self)
{
    static const struct vdev_console_operations operations = {
        .write = array_console_write, .read = array_console_read, .poll = array_console_poll};

    memset(self, 0, sizeof *self);
    self->console.operations = &operations;
    self->room = SIZE_MAX;
}

/* More bytes come in, and the client hears of it. */
static inline void array_console_feed(struct array_console *self, const void *bytes, size_t length)
{
    self->input = bytes;
    self->available = length;
    self->taken = 0;
    array_console_poll(&self->console);
}

/* Room appears, and the client hears of it. */
static inline void array_console_make_room(struct array_console *self, size_t room)
{
    self->room = room;
    array_console_poll(&self->console);
}

#endif
