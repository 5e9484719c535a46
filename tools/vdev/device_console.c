/* SPDX-License-Identifier: BSD-2-Clause */
/* A pseudoterminal, standard input and output, or a socket behind virtio-console. */
#include <inttypes.h>
#include <stdlib.h>

#include <vdev/backends/console.h>
#include <vdev/host/terminal_console.h>
#include <vdev/status.h>

#include "device.h"
#include "log.h"

#define PIECES 32u /* of memory, in one chain */

/* The terminal's bytes are counted between it and the back-end. */
struct console {
    struct vdev_console_backend backend;
    struct vdev_console face;
    struct vdev_host_terminal *terminal;
    struct vdev_console *below;
    struct vdev_buffer buffers[PIECES];
    uint64_t sent;
    uint64_t received;
};

static struct console *console_of(struct vdev_console *face)
{
    return (struct console *)((char *)face - offsetof(struct console, face));
}

/* ---- counting ---- */

static size_t write_below(struct vdev_console *face, const uint8_t *bytes, size_t length)
{
    struct console *console = console_of(face);
    size_t taken = vdev_console_write(console->below, bytes, length);

    console->sent += taken;
    return taken;
}

static size_t read_below(struct vdev_console *face, uint8_t *bytes, size_t length)
{
    struct console *console = console_of(face);
    size_t got = vdev_console_read(console->below, bytes, length);

    console->received += got;
    return got;
}

static bool poll_below(struct vdev_console *face)
{
    return vdev_console_poll(console_of(face)->below);
}

static const struct vdev_console_operations counting = {
    .write = write_below,
    .read = read_below,
    .poll = poll_below,
};

static void readable(void *owner)
{
    struct console *console = owner;

    if (console->face.client.readable != NULL) {
        console->face.client.readable(console->face.client.owner);
    }
}

static void writable(void *owner)
{
    struct console *console = owner;

    if (console->face.client.writable != NULL) {
        console->face.client.writable(console->face.client.owner);
    }
}

static void resized(void *owner)
{
    struct console *console = owner;

    console->face.columns = console->below->columns;
    console->face.rows = console->below->rows;
    if (console->face.client.resized != NULL) {
        console->face.client.resized(console->face.client.owner);
    }
}

/* ---- the device ---- */

static void happened(void *context, enum vdev_host_terminal_event event)
{
    static const char *const words[] = {
        [VDEV_HOST_TERMINAL_ARRIVED] = "somebody is there",
        [VDEV_HOST_TERMINAL_LEFT] = "nobody is there any more",
        [VDEV_HOST_TERMINAL_ENDED] = "input has ended",
        [VDEV_HOST_TERMINAL_FAILED] = "output cannot be written any more",
    };
    struct device *device = context;
    struct console *console = device->own;

    if (console != NULL) {
        log_line(event == VDEV_HOST_TERMINAL_FAILED ? VDEV_HOST_LOG_ERROR : VDEV_HOST_LOG_INFO,
                 "%s: %s", vdev_host_terminal_name(console->terminal), words[event]);
    }
}

static int open_console(struct device *device, const char **remove, struct vdev_host_error *error)
{
    const struct device_options *options = device->options;
    struct console *console = calloc(1, sizeof *console);
    const char *path = options->pty ? options->link : options->listen;

    if (console == NULL) {
        snprintf(error->text, sizeof error->text, "console: no memory");
        return -1;
    }
    console->terminal = vdev_host_terminal_open(
        &(struct vdev_host_terminal_configuration){
            .loop = &device->loop->host,
            .kind = options->pty     ? VDEV_HOST_TERMINAL_PTY
                    : options->stdio ? VDEV_HOST_TERMINAL_STDIO
                                     : VDEV_HOST_TERMINAL_SOCKET,
            .path = path,
            .signals = true,
            .happened = happened,
            .context = device,
        },
        error);
    if (console->terminal == NULL) {
        free(console);
        return -1;
    }
    console->below = vdev_host_terminal_console(console->terminal);
    console->below->client = (struct vdev_console_client){
        .readable = readable,
        .writable = writable,
        .resized = resized,
        .owner = console,
    };
    console->face.operations = &counting;
    console->face.columns = console->below->columns;
    console->face.rows = console->below->rows;
    int status = vdev_console_backend_init(
        &console->backend,
        &(struct vdev_console_backend_configuration){
            .memory = &device->memory,
            .console = &console->face,
            .buffers = console->buffers,
            .buffer_count = PIECES,
            .queue_size = (uint16_t)(options->queue_size != 0 ? options->queue_size : 256),
        });
    if (status != VDEV_OK) {
        snprintf(error->text, sizeof error->text, "console: %s", vdev_status_name(status));
        vdev_host_terminal_close(console->terminal);
        free(console);
        return -1;
    }
    *remove = path;
    device->own = console;
    device->virtio = &console->backend.device;
    if (options->pty) {
        log_line(VDEV_HOST_LOG_INFO, "%s: the console is at %s",
                 options->socket != NULL ? options->socket : "console",
                 vdev_host_terminal_name(console->terminal));
    }
    return 0;
}

static void report(struct device *device, FILE *out)
{
    struct console *console = device->own;

    fprintf(out, "terminal %s\n", vdev_host_terminal_name(console->terminal));
    fprintf(out, "attended %d\n", vdev_host_terminal_is_attended(console->terminal));
    fprintf(out, "bytes.from_guest %" PRIu64 "\nbytes.to_guest %" PRIu64 "\n", console->sent,
            console->received);
    fprintf(out, "malformed %u\n", console->backend.malformed);
}

static uint64_t queue_bytes(const struct device *device, unsigned queue)
{
    const struct console *console = device->own;

    return queue == VDEV_CONSOLE_TRANSMIT_QUEUE ? console->sent : console->received;
}

static void look_at_size(struct device *device)
{
    struct console *console = device->own;

    vdev_host_terminal_look_at_size(console->terminal);
}

static void close_console(struct device *device)
{
    struct console *console = device->own;

    vdev_host_terminal_close(console->terminal);
    free(console);
}

const struct device_operations device_console = {
    .open = open_console,
    .resized = look_at_size,
    .report = report,
    .queue_bytes = queue_bytes,
    .close = close_console,
};
