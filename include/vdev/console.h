/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console class: a stream of bytes each way with flow control, and perhaps a size.
 *
 * Offered by a real UART's driver, a console front-end, a pty, or a mux; used by a console back-end,
 * a UART emulator, or a program. The class is asynchronous: `write` and `read` move what fits at
 * once and never call back; the client's functions are called from inside `poll` only, which the
 * owner of the device calls from its interrupt or its loop.
 */
#ifndef VDEV_CONSOLE_H
#define VDEV_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vdev_console;

struct vdev_console_operations {
    /* Take as many bytes as there is room for; returns how many, 0 when full. */
    size_t (*write)(struct vdev_console *console, const uint8_t *bytes, size_t length);
    /* Hand over as many received bytes as there are; returns how many, 0 when empty. */
    size_t (*read)(struct vdev_console *console, uint8_t *bytes, size_t length);
    /*
     * Look at the hardware, move at most one FIFO each way, call the client. Returns true if it
     * should be called again at once (a bound was reached), false if an event will call for it.
     */
    bool (*poll)(struct vdev_console *console);
};

/* The user of a console; each function may be NULL. Called from inside poll. */
struct vdev_console_client {
    void (*readable)(void *owner); /* bytes can be read; not repeated until a read returned 0 */
    void (*writable)(void *owner); /* there is room again, after a write that took less than asked */
    void (*resized)(void *owner);  /* columns and rows changed */
    void *owner;
};

/* Embedded by each device of the class as its public face. */
struct vdev_console {
    const struct vdev_console_operations *operations;
    struct vdev_console_client client; /* set by the user before the first poll */
    uint16_t columns, rows;            /* characters; 0, 0: unknown */
};

static inline size_t vdev_console_write(struct vdev_console *console, const uint8_t *bytes,
                                        size_t length)
{
    return console->operations->write(console, bytes, length);
}

static inline size_t vdev_console_read(struct vdev_console *console, uint8_t *bytes, size_t length)
{
    return console->operations->read(console, bytes, length);
}

static inline bool vdev_console_poll(struct vdev_console *console)
{
    return console->operations->poll(console);
}

#endif
