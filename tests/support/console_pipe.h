/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A console device in memory, for tests: what is written can be looked at, what is to be read is
 * fed in, and the room on either side is the test's to choose.
 */
#ifndef SUPPORT_CONSOLE_PIPE_H
#define SUPPORT_CONSOLE_PIPE_H

#include <stddef.h>
#include <string.h>

#include <vdev/console.h>

#define CONSOLE_PIPE_BYTES 65536u

struct console_pipe {
    struct vdev_console console;
    uint8_t output[CONSOLE_PIPE_BYTES]; /* written by the client, not yet cleared */
    size_t output_length;
    size_t room; /* bytes that write still takes; SIZE_MAX: never less */
    uint8_t input[CONSOLE_PIPE_BYTES];
    size_t input_length, input_offset;
    bool full;      /* a write took less than asked */
    bool announced; /* readable was called, and no read has returned 0 since */
    bool loopback;  /* what is written comes back */
    unsigned writes, reads;
    void (*on_write)(void *context); /* called from inside write; or NULL */
    void *context;
};

static inline struct console_pipe *console_pipe_of(struct vdev_console *console)
{
    return (struct console_pipe *)((char *)console - offsetof(struct console_pipe, console));
}

static inline void console_pipe_feed(struct console_pipe *pipe, const void *bytes, size_t length)
{
    if (pipe->input_offset == pipe->input_length) {
        pipe->input_offset = pipe->input_length = 0;
    }
    if (length > sizeof pipe->input - pipe->input_length) {
        length = sizeof pipe->input - pipe->input_length;
    }
    memcpy(pipe->input + pipe->input_length, bytes, length);
    pipe->input_length += length;
}

static inline size_t console_pipe_write(struct vdev_console *console, const uint8_t *bytes,
                                        size_t length)
{
    struct console_pipe *pipe = console_pipe_of(console);
    size_t taken = length < pipe->room ? length : pipe->room;

    pipe->writes++;
    if (taken > sizeof pipe->output - pipe->output_length) {
        taken = sizeof pipe->output - pipe->output_length;
    }
    memcpy(pipe->output + pipe->output_length, bytes, taken);
    pipe->output_length += taken;
    if (pipe->room != SIZE_MAX) {
        pipe->room -= taken;
    }
    if (pipe->loopback) {
        console_pipe_feed(pipe, bytes, taken);
    }
    pipe->full = taken < length;
    if (pipe->on_write != NULL) {
        pipe->on_write(pipe->context);
    }
    return taken;
}

static inline size_t console_pipe_read(struct vdev_console *console, uint8_t *bytes, size_t length)
{
    struct console_pipe *pipe = console_pipe_of(console);
    size_t left = pipe->input_length - pipe->input_offset;

    pipe->reads++;
    if (left < length) {
        length = left;
    }
    memcpy(bytes, pipe->input + pipe->input_offset, length);
    pipe->input_offset += length;
    if (length == 0) {
        pipe->announced = false;
    }
    return length;
}

static inline bool console_pipe_poll(struct vdev_console *console)
{
    struct console_pipe *pipe = console_pipe_of(console);
    const struct vdev_console_client *client = &console->client;

    if (pipe->full && pipe->room != 0) {
        pipe->full = false;
        if (client->writable != NULL) {
            client->writable(client->owner);
        }
    }
    if (!pipe->announced && pipe->input_offset != pipe->input_length) {
        pipe->announced = true;
        if (client->readable != NULL) {
            client->readable(client->owner);
        }
    }
    return false;
}

static inline void console_pipe_resize(struct console_pipe *pipe, uint16_t columns, uint16_t rows)
{
    pipe->console.columns = columns;
    pipe->console.rows = rows;
    if (pipe->console.client.resized != NULL) {
        pipe->console.client.resized(pipe->console.client.owner);
    }
}

static inline void console_pipe_init(struct console_pipe *pipe)
{
    static const struct vdev_console_operations operations = {console_pipe_write, console_pipe_read,
                                                              console_pipe_poll};

    memset(pipe, 0, sizeof *pipe);
    pipe->console.operations = &operations;
    pipe->console.columns = 80;
    pipe->console.rows = 24;
    pipe->room = SIZE_MAX;
}

#endif
