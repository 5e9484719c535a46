/* SPDX-License-Identifier: BSD-2-Clause */
/* The console front-end on QEMU's virtconsole. The host watches for the lines "console: ...". */
#include <stddef.h>

#include <vdev/frontends/layout.h>
#include <vdev/status.h>

#include "frontends.h"
#include "runtime/runtime.h"

#define QUEUE_SIZE   16u
#define BUFFER_SIZE  256u
#define BUFFER_COUNT 8u

#define OUTPUT_BYTES 65536u
/* QEMU drops what the socket behind its virtconsole does not take, so the host says when to go on.
 */
#define OUTPUT_WINDOW 2048u
#define PACED_BYTES   4096u
#define BURST_BYTES   20000u

#define PATIENCE 10000000000u /* nanoseconds without a byte until a test gives up */

/* The device sees its memory at the same addresses. */
static _Alignas(VDEV_FRONTEND_ALIGNMENT) uint8_t shared[8192], own[1024];
static struct vdev_console_frontend frontend;
static unsigned readable_calls, writable_calls;

static void readable(void *owner)
{
    (void)owner;
    readable_calls++;
}

static void writable(void *owner)
{
    (void)owner;
    writable_calls++;
}

static int start(struct vdev_virtio_mmio_driver *mmio)
{
    struct vdev_frontend_memory memory = {{shared, sizeof shared, (uintptr_t)shared},
                                          {own, sizeof own, VDEV_NO_BUS_ADDRESS}};
    struct vdev_console_frontend_configuration configuration = {
        .transport = &mmio->driver,
        .clock = &bare_clock,
        .queue_size = QUEUE_SIZE,
        .receive_count = BUFFER_COUNT,
        .transmit_count = BUFFER_COUNT,
        .buffer_size = BUFFER_SIZE,
    };
    int status = vdev_console_frontend_lay_out(&configuration, &memory);
    if (status == VDEV_OK) {
        status = vdev_console_frontend_init(&frontend, &configuration);
    }
    frontend.console.client =
        (struct vdev_console_client){.readable = readable, .writable = writable};
    return status;
}

/* Write all of it, in the way a client does: until it takes less, then when it says `writable`. */
static const char *write_all(const uint8_t *bytes, size_t length)
{
    uint64_t since = vdev_clock_now(&bare_clock);

    for (;;) {
        unsigned calls = writable_calls;
        size_t done = vdev_console_write(&frontend.console, bytes, length);
        if (done == length) {
            return NULL;
        }
        bytes += done;
        length -= done;
        while (writable_calls == calls) {
            vdev_console_poll(&frontend.console);
            if (vdev_clock_now(&bare_clock) - since > PATIENCE) {
                return "no room for ten seconds";
            }
        }
        since = vdev_clock_now(&bare_clock);
    }
}

/* Read up to `length` bytes, one at least. *got is 0 if none came. */
static void read_some(uint8_t *bytes, size_t length, size_t *got)
{
    uint64_t since = vdev_clock_now(&bare_clock);

    while ((*got = vdev_console_read(&frontend.console, bytes, length)) == 0) {
        unsigned calls = readable_calls;
        while (readable_calls == calls) {
            vdev_console_poll(&frontend.console);
            if (vdev_clock_now(&bare_clock) - since > PATIENCE) {
                return;
            }
        }
    }
}

static const char *expect_byte(uint32_t index)
{
    uint8_t byte;
    size_t got;

    read_some(&byte, 1, &got);
    if (got == 0) {
        return "a byte is missing";
    }
    return byte == console_pattern(index) ? NULL : "a wrong byte";
}

static const char *output(void)
{
    uint8_t piece[700];
    uint32_t wanted = 1;
    const char *why = NULL;

    /* Pieces of every kind: shorter than a buffer, as long, and longer than all of some. */
    for (uint32_t at = 0; at < OUTPUT_BYTES && why == NULL;) {
        uint32_t length = OUTPUT_WINDOW - at % OUTPUT_WINDOW;
        if (length > wanted) {
            length = wanted;
        }
        for (uint32_t i = 0; i < length; i++) {
            piece[i] = console_pattern(at + i);
        }
        why = write_all(piece, length);
        at += length;
        wanted = (wanted + 37) % sizeof piece + 1;
        if (why == NULL && at % OUTPUT_WINDOW == 0) {
            why = expect_byte(at / OUTPUT_WINDOW - 1);
        }
    }
    return why;
}

/* Each byte goes back before the host sends the next one. */
static const char *paced_input(void)
{
    const char *why = NULL;

    for (uint32_t i = 0; i < PACED_BYTES && why == NULL; i++) {
        uint8_t byte = console_pattern(i);
        why = expect_byte(i);
        if (why == NULL) {
            why = write_all(&byte, 1);
        }
    }
    return why;
}

/* Far more than all buffers hold, as fast as the host can: the device must wait, and lose nothing.
 */
static const char *burst_input(void)
{
    uint8_t piece[300];

    for (uint32_t at = 0; at < BURST_BYTES;) {
        size_t got;
        read_some(piece, sizeof piece, &got);
        if (got == 0) {
            return "bytes are missing";
        }
        for (size_t i = 0; i < got; i++) {
            if (piece[i] != console_pattern(at++)) {
                return "a wrong byte";
            }
        }
    }
    return NULL;
}

void console_tests(struct vdev_virtio_mmio_driver *mmio)
{
    int status = start(mmio);
    if (!bare_report("console starts", status == VDEV_OK ? NULL : vdev_status_name(status))) {
        return;
    }
    bare_print("console: output\n");
    bare_report("console output is taken", output());
    bare_print("console: paced input\n");
    bare_report("console input comes byte by byte", paced_input());
    bare_print("console: burst input\n");
    bare_report("console input comes all at once", burst_input());
    bare_report("console broke no rule", frontend.restarts == 0 ? NULL : "it was restarted");
    status = vdev_console_frontend_stop(&frontend);
    bare_report("console stops", status == VDEV_OK ? NULL : vdev_status_name(status));
    status = start(mmio);
    bare_print("console: output\n");
    bare_report("console starts again", status == VDEV_OK ? output() : vdev_status_name(status));
}
