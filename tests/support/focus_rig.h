/* SPDX-License-Identifier: BSD-2-Clause */
/* Console focus on a console in memory, and its clients: what the tests of the focus start from. */
#ifndef SUPPORT_FOCUS_RIG_H
#define SUPPORT_FOCUS_RIG_H

#include <string.h>

#include <check.h>

#include "console_pipe.h"

#include <vdev/mux/console_focus.h>
#include <vdev/status.h>

#define PORTS     3u
#define RING_SIZE 16u
#define GOT_BYTES 65536u

static struct console_pipe pipe;
static struct vdev_console_focus focus;
static struct vdev_console_focus_port ports[PORTS];
static struct vdev_console_focus_configuration configuration;
static const char *names[PORTS];
static unsigned wakes;

static struct ring {
    uint8_t output[RING_SIZE], input[RING_SIZE];
    uint8_t *big_output, *big_input; /* in place of these, if not NULL */
    uint32_t big_size;
} rings[PORTS];

/* What a client was told, and what it does then. */
static struct client {
    unsigned readable, writable, resized;
    bool deaf;                               /* does not read */
    struct vdev_console_focus_port *selects; /* when something is readable */
    bool polled;                             /* a poll from inside did something */
    char got[GOT_BYTES];
    size_t length;
} clients[PORTS];

static inline void client_readable(void *owner)
{
    struct client *client = owner;
    struct vdev_console *console = &ports[client - clients].console;
    size_t count;

    client->readable++;
    if (client->selects != NULL) {
        vdev_console_focus_select(client->selects);
        client->polled = vdev_console_poll(console) || pipe.output_length != 0;
    }
    while (!client->deaf &&
           (count = vdev_console_read(console, (uint8_t *)client->got + client->length,
                                      sizeof client->got - 1 - client->length)) != 0) {
        client->length += count;
    }
}

static inline void client_writable(void *owner)
{
    ((struct client *)owner)->writable++;
}

static inline void client_resized(void *owner)
{
    ((struct client *)owner)->resized++;
}

static inline void wake(void *context)
{
    ck_assert_ptr_eq(context, &wakes);
    wakes++;
}

/* With the configuration and the rings as they are. */
static inline void setup_again(void)
{
    console_pipe_init(&pipe);
    memset(clients, 0, sizeof clients);
    wakes = 0;
    ck_assert_int_eq(vdev_console_focus_init(&focus, &configuration), VDEV_OK);
    for (unsigned i = 0; i < PORTS; i++) {
        struct ring *ring = &rings[i];
        bool big = ring->big_output != NULL;
        ck_assert_int_eq(vdev_console_focus_add(&focus, &ports[i],
                                                &(struct vdev_console_focus_port_configuration){
                                                    .name = names[i],
                                                    .output = big ? ring->big_output : ring->output,
                                                    .input = big ? ring->big_input : ring->input,
                                                    .output_size = big ? ring->big_size : RING_SIZE,
                                                    .input_size = big ? ring->big_size : RING_SIZE,
                                                }),
                         VDEV_OK);
        ports[i].console.client = (struct vdev_console_client){client_readable, client_writable,
                                                               client_resized, &clients[i]};
    }
}

static inline void setup(void)
{
    memset(rings, 0, sizeof rings);
    memset(names, 0, sizeof names);
    configuration = (struct vdev_console_focus_configuration){
        .console = &pipe.console, .wake = wake, .wake_context = &wakes};
    setup_again();
}

static inline void settle(void)
{
    for (unsigned i = 0; vdev_console_focus_poll(&focus); i++) {
        ck_assert_uint_lt(i, 10000);
    }
}

static inline void type(const char *text)
{
    console_pipe_feed(&pipe, text, strlen(text));
    settle();
}

/* All of it has to be taken. */
static inline void write_text(unsigned port, const char *text)
{
    ck_assert_uint_eq(vdev_console_write(&ports[port].console, (const uint8_t *)text, strlen(text)),
                      strlen(text));
}

/* What was printed since this was asked last. */
static inline const char *printed(void)
{
    static char text[CONSOLE_PIPE_BYTES + 1];

    memcpy(text, pipe.output, pipe.output_length);
    text[pipe.output_length] = 0;
    pipe.output_length = 0;
    return text;
}

/* What the client got since this was asked last, and can get now. */
static inline const char *take_all(unsigned port)
{
    static char text[GOT_BYTES];
    struct client *client = &clients[port];
    size_t length = client->length;
    size_t count;

    memcpy(text, client->got, length);
    while ((count = vdev_console_read(&ports[port].console, (uint8_t *)text + length,
                                      sizeof text - 1 - length)) != 0) {
        length += count;
    }
    text[length] = 0;
    client->length = 0;
    return text;
}

#endif
