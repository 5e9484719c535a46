/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Console focus. What a port is to be told is not kept but looked at, when `tell` says that it may
 * have changed: bytes to be read are what the input ring has, room is what the device said last.
 * Functions that clients call (write, read, select) change state only; clients are called from the
 * device's poll, or ours.
 */
#include <stddef.h>

#include <vdev/mux/console_focus.h>
#include <vdev/status.h>

#include "core/mem.h"

#define RING_MAXIMUM 0x80000000u

static struct vdev_console_focus_port *port_of(struct vdev_console *console)
{
    return (struct vdev_console_focus_port *)(void *)((char *)console -
                                                      offsetof(struct vdev_console_focus_port,
                                                               console));
}

/* ---- rings ---- */

static inline uint32_t used(const struct vdev_console_focus_ring *ring)
{
    return ring->written - ring->taken;
}

/* The oldest bytes, as far as they stand in one piece. */
static uint32_t piece(const struct vdev_console_focus_ring *ring, const uint8_t **bytes)
{
    uint32_t at = ring->taken & (ring->size - 1);
    uint32_t to_end = ring->size - at;

    *bytes = ring->bytes + at;
    return used(ring) < to_end ? used(ring) : to_end;
}

/* Put the newest bytes in; returns how many were lost for it, modulo 2^32. */
static uint32_t keep(struct vdev_console_focus_ring *ring, const uint8_t *bytes, size_t length)
{
    uint32_t lost = 0;

    if (length > ring->size) {
        lost = (uint32_t)(length - ring->size);
        bytes += length - ring->size;
        length = ring->size;
    }
    uint32_t room = ring->size - used(ring);
    if (length > room) {
        lost += (uint32_t)length - room;
        ring->taken += (uint32_t)length - room;
    }
    uint32_t at = ring->written & (ring->size - 1);
    uint32_t first = ring->size - at;
    if (first > length) {
        first = (uint32_t)length;
    }
    memcpy(ring->bytes + at, bytes, first);
    memcpy(ring->bytes, bytes + first, length - first);
    ring->written += (uint32_t)length;
    return lost;
}

/* ---- which one is in front ---- */

static void put_text(struct vdev_console_focus *self, const char *text, size_t most)
{
    while (*text != 0 && most-- != 0) {
        self->line[self->line_length++] = (uint8_t)*text++;
    }
}

static void put_number(struct vdev_console_focus *self, uint32_t number)
{
    char digits[11];
    char *at = digits + sizeof digits - 1;

    *at = 0;
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    put_text(self, at, sizeof digits);
}

/* `line` has room for the longest of these. */
static void make_line(struct vdev_console_focus *self, const struct vdev_console_focus_port *port)
{
    uint32_t lost = port->output_lost - port->announced;

    put_text(self, "\r\n--- ", SIZE_MAX);
    put_number(self, port->number);
    put_text(self, ": ", SIZE_MAX);
    put_text(self, port->name, VDEV_CONSOLE_FOCUS_NAME);
    if (lost != 0) {
        put_text(self, ", ", SIZE_MAX);
        put_number(self, lost);
        put_text(self, " bytes lost", SIZE_MAX);
    }
    put_text(self, " ---\r\n", SIZE_MAX);
}

static void bring_to_front(struct vdev_console_focus *self, struct vdev_console_focus_port *port)
{
    self->front = port;
    self->line_length = 0;
    self->line_printed = 0;
    if (self->announce) {
        make_line(self, port);
    }
    self->pending = self->line_length != 0 || used(&port->output) != 0;
    self->held = false;
    self->tell = true;
}

static void command(struct vdev_console_focus *self, uint8_t byte)
{
    struct vdev_console_focus_port *port = self->front->next;

    if (byte == 'n') {
        bring_to_front(self, port);
        return;
    }
    for (uint32_t i = 0; i < self->count; i++, port = port->next) {
        if (port->number < 10 && port->number + '0' == byte) {
            bring_to_front(self, port);
            return;
        }
    }
}

/* ---- input ---- */

/* A byte that was typed. False: it has to wait for room. */
static bool take(struct vdev_console_focus *self, uint8_t byte)
{
    struct vdev_console_focus_port *port = self->front;
    struct vdev_console_focus_ring *ring = &port->input;

    if (byte != self->key && self->commanded) {
        self->commanded = false;
        command(self, byte);
        return true;
    }
    if (byte == self->key && !self->commanded) {
        self->commanded = true;
        return true;
    }
    if (used(ring) == ring->size) {
        if (self->hold_input) {
            return false;
        }
        port->input_lost++;
    } else {
        ring->bytes[ring->written++ & (ring->size - 1)] = byte;
        self->tell = true;
    }
    self->commanded = false;
    return true;
}

/* Look at what was typed, one step of it. */
static void look(struct vdev_console_focus *self)
{
    uint32_t left = VDEV_CONSOLE_FOCUS_STEP;

    while (self->front != NULL && !self->held) {
        if (self->typed_taken == self->typed_count) {
            if (!self->readable || left == 0) {
                return;
            }
            size_t count = vdev_console_read(self->below, self->typed, left);
            self->readable = count != 0;
            self->typed_taken = 0;
            self->typed_count = (uint8_t)count;
            left -= (uint32_t)count;
        } else if (take(self, self->typed[self->typed_taken])) {
            self->typed_taken++;
        } else {
            self->held = true;
        }
    }
}

static size_t read(struct vdev_console *console, uint8_t *bytes, size_t length)
{
    struct vdev_console_focus_port *port = port_of(console);
    struct vdev_console_focus *self = port->owner;
    size_t done = 0;
    const uint8_t *from;
    size_t count;

    while (done < length && (count = piece(&port->input, &from)) != 0) {
        count = count < length - done ? count : length - done;
        memcpy(bytes + done, from, count);
        port->input.taken += (uint32_t)count;
        done += count;
    }
    if (done == 0 && length != 0) {
        port->told = false;
    }
    if (done != 0 && self->held && port == self->front) {
        self->held = false;
        if (!self->inside && self->wake != NULL) {
            self->wake(self->wake_context);
        }
    }
    return done;
}

/* ---- output ---- */

static size_t write(struct vdev_console *console, const uint8_t *bytes, size_t length)
{
    struct vdev_console_focus_port *port = port_of(console);
    struct vdev_console_focus *self = port->owner;

    if (port != self->front) {
        port->output_lost += keep(&port->output, bytes, length);
        return length;
    }
    if (length == 0) {
        return 0;
    }
    if (self->pending) {
        port->blocked = true;
        return 0;
    }
    /* A write that is taken whole withdraws the wish to be told, at some devices. */
    size_t done = vdev_console_write(self->below, bytes, length);
    self->stalled = port->blocked = done < length;
    return done;
}

/* Print for the one in front what is to come before its own writes, one step of it. */
static void print(struct vdev_console_focus *self)
{
    uint32_t left = VDEV_CONSOLE_FOCUS_STEP;

    while (self->pending && !self->stalled && left != 0) {
        struct vdev_console_focus_port *port = self->front;
        bool is_line = self->line_printed < self->line_length;
        const uint8_t *bytes = self->line + self->line_printed;
        uint32_t length = is_line ? (uint32_t)(self->line_length - self->line_printed)
                                  : piece(&port->output, &bytes);
        length = length < left ? length : left;
        uint32_t done = (uint32_t)vdev_console_write(self->below, bytes, length);
        self->stalled = done < length;
        left -= done;
        if (!is_line) {
            port->output.taken += done;
        } else {
            self->line_printed = (uint8_t)(self->line_printed + done);
            if (self->line_printed == self->line_length) {
                port->announced = port->output_lost;
            }
        }
        if (self->line_printed == self->line_length && used(&port->output) == 0) {
            self->pending = false;
            self->tell = true;
        }
    }
}

/* ---- telling ---- */

static void tell_port(struct vdev_console_focus *self, struct vdev_console_focus_port *port)
{
    const struct vdev_console_client *client = &port->console.client;

    if (port->resized) {
        port->resized = false;
        if (client->resized != NULL) {
            client->resized(client->owner);
        }
    }
    if (port->blocked && (port != self->front || !(self->pending || self->stalled))) {
        port->blocked = false;
        if (client->writable != NULL) {
            client->writable(client->owner);
        }
    }
    if (!port->told && used(&port->input) != 0) {
        port->told = true;
        if (client->readable != NULL) {
            client->readable(client->owner);
        }
    }
}

static bool has_work(const struct vdev_console_focus *self)
{
    bool typed = self->readable || self->typed_taken != self->typed_count;

    return self->front != NULL &&
           (self->tell || (self->pending && !self->stalled) || (typed && !self->held));
}

static void work(struct vdev_console_focus *self)
{
    look(self);
    print(self);
    if (self->tell && self->front != NULL) {
        struct vdev_console_focus_port *port = self->front;
        self->tell = false;
        for (uint32_t i = 0; i < self->count; i++, port = port->next) {
            tell_port(self, port);
        }
    }
}

/* ---- what the device calls, from inside its poll ---- */

static void readable(void *owner)
{
    struct vdev_console_focus *self = owner;

    self->readable = true;
    work(self);
}

static void writable(void *owner)
{
    struct vdev_console_focus *self = owner;

    self->stalled = false;
    self->tell = true;
    work(self);
}

static void resized(void *owner)
{
    struct vdev_console_focus *self = owner;
    struct vdev_console_focus_port *port = self->front;

    for (uint32_t i = 0; i < self->count; i++, port = port->next) {
        port->console.columns = self->below->columns;
        port->console.rows = self->below->rows;
        port->resized = true;
    }
    self->tell = true;
    work(self);
}

bool vdev_console_focus_poll(struct vdev_console_focus *self)
{
    if (self->inside) {
        return false;
    }
    self->inside = true;
    bool more = vdev_console_poll(self->below);
    if (has_work(self)) {
        work(self);
    }
    self->inside = false;
    return more || has_work(self);
}

static bool poll(struct vdev_console *console)
{
    return vdev_console_focus_poll(port_of(console)->owner);
}

void vdev_console_focus_select(struct vdev_console_focus_port *port)
{
    struct vdev_console_focus *self = port->owner;

    bring_to_front(self, port);
    if (!self->inside && self->wake != NULL) {
        self->wake(self->wake_context);
    }
}

/* ---- making them ---- */

int vdev_console_focus_init(struct vdev_console_focus *self,
                            const struct vdev_console_focus_configuration *configuration)
{
    if (configuration->console == NULL || configuration->key > VDEV_CONSOLE_FOCUS_NO_KEY) {
        return VDEV_ERROR_INVALID;
    }
    memset(self, 0, sizeof *self);
    self->below = configuration->console;
    self->key = configuration->key != 0 ? configuration->key : VDEV_CONSOLE_FOCUS_KEY;
    self->announce = configuration->announce;
    self->hold_input = configuration->hold_input;
    self->wake = configuration->wake;
    self->wake_context = configuration->wake_context;
    self->below->client = (struct vdev_console_client){
        .readable = readable,
        .writable = writable,
        .resized = resized,
        .owner = self,
    };
    return VDEV_OK;
}

static bool is_ring(const uint8_t *bytes, uint32_t size)
{
    return bytes != NULL && size != 0 && size <= RING_MAXIMUM && (size & (size - 1)) == 0;
}

int vdev_console_focus_add(struct vdev_console_focus *self, struct vdev_console_focus_port *port,
                           const struct vdev_console_focus_port_configuration *configuration)
{
    static const struct vdev_console_operations operations = {
        .write = write,
        .read = read,
        .poll = poll,
    };

    if (!is_ring(configuration->output, configuration->output_size) ||
        !is_ring(configuration->input, configuration->input_size)) {
        return VDEV_ERROR_INVALID;
    }
    *port = (struct vdev_console_focus_port){
        .console = {.operations = &operations,
                    .columns = self->below->columns,
                    .rows = self->below->rows},
        .owner = self,
        .name = configuration->name != NULL ? configuration->name : "",
        .number = self->count++,
        .output = {.bytes = configuration->output, .size = configuration->output_size},
        .input = {.bytes = configuration->input, .size = configuration->input_size},
    };
    if (self->front == NULL) {
        self->front = port;
        port->next = port;
    } else {
        port->next = self->last->next;
        self->last->next = port;
    }
    self->last = port;
    return VDEV_OK;
}
