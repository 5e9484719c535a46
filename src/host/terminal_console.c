/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console class over two descriptors, one to read and one to write, with a buffer for each.
 *
 * Output goes into a ring and from there at once to the descriptor, as far as that takes it. With
 * nobody there the ring keeps the latest and drops the oldest. Input is read into its buffer only
 * when the client asks for it, or was told that there is some; what it does not take stays with
 * the kernel, and with whoever types.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/terminal_console.h"

#define TURN 16u /* buffers of input in one turn of the loop */

static struct vdev_host_terminal *terminal_of(struct vdev_console *console)
{
    return (struct vdev_host_terminal *)((char *)console -
                                         offsetof(struct vdev_host_terminal, console));
}

static void tell(struct vdev_host_terminal *terminal, enum vdev_host_terminal_event event)
{
    if (terminal->configuration.happened != NULL) {
        terminal->configuration.happened(terminal->configuration.context, event);
    }
}

static bool comes_and_goes(const struct vdev_host_terminal *terminal)
{
    return terminal->configuration.kind == VDEV_HOST_TERMINAL_PTY ||
           terminal->configuration.kind == VDEV_HOST_TERMINAL_SOCKET;
}

/* ---- watching ---- */

static int watch_one(struct vdev_host_terminal *terminal, struct vdev_host_watch *watch,
                     bool *watched, bool wanted)
{
    struct vdev_host_loop *loop = terminal->configuration.loop;
    int status = 0;

    if (wanted && !*watched) {
        status = loop->watch(loop, watch);
        /* A file, or /dev/null: it never makes anybody wait. */
        *watched = status == 0;
        status = status == -EPERM ? 0 : status;
    } else if (!wanted && *watched) {
        *watched = false;
        loop->unwatch(loop, watch);
    }
    return status;
}

int vdev_host_terminal_watch(struct vdev_host_terminal *terminal)
{
    bool reads = terminal->attended && !terminal->input_ended && terminal->wants_input &&
                 terminal->read_begin == terminal->read_end;
    bool writes = terminal->attended && !terminal->output_failed && terminal->kept_count != 0;
    int status = watch_one(terminal, &terminal->input, &terminal->input_watched, reads);

    if (status == 0) {
        status = watch_one(terminal, &terminal->output, &terminal->output_watched, writes);
    }
    if (status == 0) {
        status = watch_one(terminal, &terminal->arrivals, &terminal->arrivals_watched,
                           terminal->arrivals.descriptor >= 0);
    }
    return status;
}

void vdev_host_terminal_unwatch(struct vdev_host_terminal *terminal)
{
    watch_one(terminal, &terminal->input, &terminal->input_watched, false);
    watch_one(terminal, &terminal->output, &terminal->output_watched, false);
    watch_one(terminal, &terminal->arrivals, &terminal->arrivals_watched, false);
}

/* ---- who is there ---- */

void vdev_host_terminal_arrive(struct vdev_host_terminal *terminal)
{
    terminal->attended = true;
    terminal->input_ended = false;
    tell(terminal, VDEV_HOST_TERMINAL_ARRIVED);
}

static void leave(struct vdev_host_terminal *terminal)
{
    if (terminal->attended) {
        terminal->attended = false;
        vdev_host_terminal_watch(terminal);
        vdev_host_terminal_hang_up(terminal);
        tell(terminal, VDEV_HOST_TERMINAL_LEFT);
    }
}

/* ---- output ---- */

static void output_fails(struct vdev_host_terminal *terminal)
{
    if (comes_and_goes(terminal)) {
        leave(terminal);
    } else {
        terminal->output_failed = true;
        terminal->kept_count = 0;
        tell(terminal, VDEV_HOST_TERMINAL_FAILED);
    }
}

void vdev_host_terminal_flush(struct vdev_host_terminal *terminal)
{
    while (terminal->attended && terminal->kept_count != 0) {
        size_t piece = VDEV_HOST_TERMINAL_KEPT - terminal->kept_begin;
        piece = piece < terminal->kept_count ? piece : terminal->kept_count;
        const uint8_t *bytes = terminal->kept + terminal->kept_begin;
        ssize_t written = terminal->output_is_socket
                              ? send(terminal->output.descriptor, bytes, piece, MSG_NOSIGNAL)
                              : write(terminal->output.descriptor, bytes, piece);
        if (written > 0) {
            terminal->kept_begin =
                (terminal->kept_begin + (size_t)written) % VDEV_HOST_TERMINAL_KEPT;
            terminal->kept_count -= (size_t)written;
        } else if (written == 0 || errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            output_fails(terminal);
            return;
        }
    }
}

/* At most one ring; there is room. */
static void append(struct vdev_host_terminal *terminal, const uint8_t *bytes, size_t length)
{
    size_t end = (terminal->kept_begin + terminal->kept_count) % VDEV_HOST_TERMINAL_KEPT;
    size_t piece = VDEV_HOST_TERMINAL_KEPT - end;

    piece = piece < length ? piece : length;
    memcpy(terminal->kept + end, bytes, piece);
    memcpy(terminal->kept, bytes + piece, length - piece);
    terminal->kept_count += length;
}

/* With nobody there: the latest are kept. */
static void keep_latest(struct vdev_host_terminal *terminal, const uint8_t *bytes, size_t length)
{
    size_t room = VDEV_HOST_TERMINAL_KEPT - terminal->kept_count;

    if (length > VDEV_HOST_TERMINAL_KEPT) {
        bytes += length - VDEV_HOST_TERMINAL_KEPT;
        length = VDEV_HOST_TERMINAL_KEPT;
    }
    if (length > room) {
        terminal->kept_begin = (terminal->kept_begin + (length - room)) % VDEV_HOST_TERMINAL_KEPT;
        terminal->kept_count -= length - room;
    }
    append(terminal, bytes, length);
}

static size_t write_bytes(struct vdev_console *console, const uint8_t *bytes, size_t length)
{
    struct vdev_host_terminal *terminal = terminal_of(console);
    size_t taken = 0;

    if (terminal->output_failed) {
        return length;
    }
    while (terminal->attended && taken < length) {
        size_t room = VDEV_HOST_TERMINAL_KEPT - terminal->kept_count;
        size_t piece = length - taken < room ? length - taken : room;
        if (piece == 0) {
            terminal->owes_writable = true;
            break;
        }
        bool idle = terminal->kept_count == 0;
        append(terminal, bytes + taken, piece);
        taken += piece;
        if (idle) {
            vdev_host_terminal_flush(terminal);
        }
    }
    if (terminal->output_failed) {
        taken = length;
    } else if (!terminal->attended) {
        keep_latest(terminal, bytes + taken, length - taken);
        taken = length;
    }
    vdev_host_terminal_watch(terminal);
    return taken;
}

/* ---- input ---- */

/*
 * True: there are bytes in the buffer. An end is acted on from inside of poll only, since
 * `writable` may be owed then; it is still there when the loop sees it.
 */
static bool fill(struct vdev_host_terminal *terminal)
{
    if (terminal->read_begin != terminal->read_end) {
        return true;
    }
    if (!terminal->attended || terminal->input_ended) {
        return false;
    }
    ssize_t got = read(terminal->input.descriptor, terminal->read, sizeof terminal->read);
    if (got > 0) {
        terminal->read_begin = 0;
        terminal->read_end = (size_t)got;
        return true;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (comes_and_goes(terminal)) {
        if (terminal->inside) {
            leave(terminal);
        }
    } else {
        terminal->input_ended = true;
        tell(terminal, VDEV_HOST_TERMINAL_ENDED);
    }
    return false;
}

static size_t read_bytes(struct vdev_console *console, uint8_t *bytes, size_t length)
{
    struct vdev_host_terminal *terminal = terminal_of(console);
    size_t taken = 0;

    while (taken < length && fill(terminal)) {
        size_t piece = terminal->read_end - terminal->read_begin;
        piece = piece < length - taken ? piece : length - taken;
        memcpy(bytes + taken, terminal->read + terminal->read_begin, piece);
        terminal->read_begin += piece;
        taken += piece;
    }
    if (taken == 0 && length != 0) {
        terminal->wants_input = true;
    }
    vdev_host_terminal_watch(terminal);
    return taken;
}

/* ---- work ---- */

static bool poll_terminal(struct vdev_console *console)
{
    struct vdev_host_terminal *terminal = terminal_of(console);
    bool more = false;

    if (terminal->inside) {
        return false;
    }
    terminal->inside = true;
    if (terminal->wants_input && fill(terminal)) {
        terminal->wants_input = false;
        if (console->client.readable != NULL) {
            console->client.readable(console->client.owner);
        }
        /* It found the end of what there was, and there may be more by now. */
        more = terminal->wants_input;
    }
    vdev_host_terminal_flush(terminal);
    if (terminal->owes_writable &&
        (terminal->kept_count < VDEV_HOST_TERMINAL_KEPT || !terminal->attended)) {
        terminal->owes_writable = false;
        if (console->client.writable != NULL) {
            console->client.writable(console->client.owner);
        }
    }
    vdev_host_terminal_watch(terminal);
    terminal->inside = false;
    return more;
}

static void work(struct vdev_host_terminal *terminal)
{
    unsigned budget = TURN;

    while (poll_terminal(&terminal->console) && --budget != 0) {
    }
    if (terminal->configuration.polled != NULL) {
        terminal->configuration.polled(terminal->configuration.context);
    }
}

static void on_input(struct vdev_host_watch *watch)
{
    work((struct vdev_host_terminal *)((char *)watch - offsetof(struct vdev_host_terminal, input)));
}

static void on_output(struct vdev_host_watch *watch)
{
    work(
        (struct vdev_host_terminal *)((char *)watch - offsetof(struct vdev_host_terminal, output)));
}

static void on_arrival(struct vdev_host_watch *watch)
{
    struct vdev_host_terminal *terminal =
        (struct vdev_host_terminal *)((char *)watch -
                                      offsetof(struct vdev_host_terminal, arrivals));

    if (vdev_host_terminal_answer(terminal)) {
        vdev_host_terminal_arrive(terminal);
        work(terminal);
    }
}

static const struct vdev_console_operations operations = {
    .write = write_bytes,
    .read = read_bytes,
    .poll = poll_terminal,
};

void vdev_host_terminal_init(struct vdev_host_terminal *terminal)
{
    terminal->console.operations = &operations;
    terminal->console.columns = terminal->configuration.columns;
    terminal->console.rows = terminal->configuration.rows;
    terminal->wants_input = true;
    terminal->input = (struct vdev_host_watch){-1, .reads = true, .ready = on_input};
    terminal->output = (struct vdev_host_watch){-1, .writes = true, .ready = on_output};
    terminal->arrivals = (struct vdev_host_watch){-1, .reads = true, .ready = on_arrival};
}

struct vdev_console *vdev_host_terminal_console(struct vdev_host_terminal *terminal)
{
    return &terminal->console;
}

bool vdev_host_terminal_is_attended(const struct vdev_host_terminal *terminal)
{
    return terminal->attended;
}

void vdev_host_terminal_look_at_size(struct vdev_host_terminal *terminal)
{
    struct vdev_console_client *client = &terminal->console.client;

    if (!terminal->inside && vdev_host_terminal_measure(terminal) && client->resized != NULL) {
        terminal->inside = true;
        client->resized(client->owner);
        terminal->inside = false;
    }
}
