/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Console focus under random writing, typing, choosing and want of room: each byte of a client is
 * printed or counted lost, in order; each typed one arrives where it was meant for or is counted
 * lost; and nobody who waits for room is forgotten.
 */
#include <stdlib.h>

#include "support/focus_rig.h"

#define TYPED 200000u

static uint64_t state;

static uint32_t below(uint32_t most)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % most;
}

/* ---- output ---- */

/* The byte that a port writes at this position of its stream. */
static uint8_t byte_of(uint32_t port, uint32_t position)
{
    uint32_t mixed = (position * 3 + port) * 0x9e3779b1u;

    return (uint8_t)(mixed >> 24 ^ mixed >> 9);
}

static struct stream {
    uint32_t written; /* accepted by the port */
    uint32_t printed; /* position of the next byte to be printed */
    uint32_t lost;    /* as counted when last looked at */
    bool waits;       /* for `writable` */
} streams[PORTS];

static uint32_t total_printed, total_lost;

/* What the ports have lost is the oldest of what they had not printed. */
static void look_at_losses(void)
{
    for (uint32_t i = 0; i < PORTS; i++) {
        uint32_t lost = ports[i].output_lost - streams[i].lost;
        streams[i].lost += lost;
        streams[i].printed += lost;
        total_lost += lost;
    }
}

/* From inside of each write to the device: whoever is in front is who prints. */
static void on_write(void *context)
{
    uint32_t front = (uint32_t)(focus.front - ports);

    (void)context;
    for (size_t i = 0; i < pipe.output_length; i++) {
        ck_assert_uint_eq(pipe.output[i], byte_of(front, streams[front].printed));
        streams[front].printed++;
        total_printed++;
    }
    pipe.output_length = 0;
}

static void write_some(uint32_t port, uint32_t length)
{
    struct stream *stream = &streams[port];
    uint8_t bytes[64];

    for (uint32_t i = 0; i < length; i++) {
        bytes[i] = byte_of(port, stream->written + i);
    }
    size_t taken = vdev_console_write(&ports[port].console, bytes, length);
    ck_assert_uint_le(taken, length);
    if (&ports[port] != focus.front) {
        ck_assert_uint_eq(taken, length);
    }
    stream->written += (uint32_t)taken;
    stream->waits = taken < length;
    look_at_losses();
}

static void on_writable(void *owner)
{
    uint32_t port = (uint32_t)((struct client *)owner - clients);

    streams[port].waits = false;
    if (below(2) != 0) {
        write_some(port, 1 + below(20));
    }
}

START_TEST(every_byte_is_printed_or_counted_lost_in_order)
{
    state = (uint64_t)_i;
    setup();
    memset(streams, 0, sizeof streams);
    total_printed = total_lost = 0;
    pipe.on_write = on_write;
    for (uint32_t i = 0; i < PORTS; i++) {
        ports[i].console.client.writable = on_writable;
        ports[i].output.written = ports[i].output.taken = UINT32_MAX - below(300);
    }
    for (uint32_t step = 0; step < 40000; step++) {
        switch (below(8)) {
        case 0:
            vdev_console_focus_select(&ports[below(PORTS)]);
            break;
        case 1:
            pipe.room = below(3) == 0 ? SIZE_MAX : below(40);
            break;
        case 2:
            console_pipe_feed(&pipe, "\001n", 2);
            break;
        case 3:
        case 4:
            vdev_console_focus_poll(&focus);
            break;
        default: {
            uint32_t port = below(PORTS);
            /* Most wait until they are told, some try again before. */
            if (!streams[port].waits || below(8) == 0) {
                write_some(port, 1 + below(below(4) == 0 ? 40 : 8));
            }
            break;
        }
        }
    }
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < PORTS; i++) {
            vdev_console_focus_select(&ports[i]);
            pipe.room = SIZE_MAX;
            settle();
        }
    }
    for (uint32_t i = 0; i < PORTS; i++) {
        ck_assert(!streams[i].waits);
    }
    for (uint32_t i = 0; i < PORTS; i++) {
        vdev_console_focus_select(&ports[i]);
        settle();
        ck_assert_uint_eq(streams[i].printed, streams[i].written);
        ck_assert_uint_eq(streams[i].lost, ports[i].output_lost);
    }
    ck_assert_uint_gt(total_printed, 10000);
    ck_assert_uint_gt(total_lost, 10000);
}
END_TEST

/* ---- input ---- */

static uint8_t meant[PORTS][TYPED]; /* what was typed for each, by a reader of its own */
static uint32_t meant_count[PORTS], matched[PORTS], got[PORTS];

static uint32_t model_front;
static bool model_commanded;

static void model_type(uint8_t byte)
{
    if (model_commanded && byte != 1) {
        model_commanded = false;
        if (byte == 'n') {
            model_front = (model_front + 1) % PORTS;
        } else if (byte >= '0' && byte < '0' + PORTS) {
            model_front = byte - '0';
        }
        return;
    }
    if (byte == 1 && !model_commanded) {
        model_commanded = true;
        return;
    }
    model_commanded = false;
    meant[model_front][meant_count[model_front]++] = byte;
}

static void read_some(uint32_t port, bool all)
{
    uint8_t bytes[40];
    size_t count;

    do {
        count = vdev_console_read(&ports[port].console, bytes, all ? 40 : 1 + below(40));
        for (size_t i = 0; i < count; i++) {
            while (matched[port] < meant_count[port] && meant[port][matched[port]] != bytes[i]) {
                ck_assert(!configuration.hold_input);
                matched[port]++;
            }
            ck_assert_uint_lt(matched[port], meant_count[port]);
            matched[port]++;
        }
        got[port] += (uint32_t)count;
    } while (all && count != 0);
}

static void on_readable(void *owner)
{
    uint32_t port = (uint32_t)((struct client *)owner - clients);

    clients[port].readable++;
    if (below(2) != 0) {
        read_some(port, below(2) != 0);
    }
}

START_TEST(every_typed_byte_arrives_where_it_was_meant_for)
{
    static const char alphabet[] = "ab012n\001\001";
    uint32_t typed = 0;

    state = (uint64_t)_i;
    setup();
    configuration.hold_input = _i % 2 != 0;
    setup_again();
    model_front = 0;
    model_commanded = false;
    memset(meant_count, 0, sizeof meant_count);
    memset(matched, 0, sizeof matched);
    memset(got, 0, sizeof got);
    for (uint32_t i = 0; i < PORTS; i++) {
        ports[i].console.client.readable = on_readable;
        ports[i].input.written = ports[i].input.taken = UINT32_MAX - below(300);
    }
    for (uint32_t step = 0; step < 30000; step++) {
        switch (below(6)) {
        case 0:
            for (uint32_t count = below(80); count != 0 && typed < 100000; count--) {
                uint8_t byte = (uint8_t)alphabet[below(sizeof alphabet - 1)];
                if (sizeof pipe.input - pipe.input_length == 0) {
                    break;
                }
                console_pipe_feed(&pipe, &byte, 1);
                model_type(byte);
                typed++;
            }
            break;
        case 1:
        case 2:
            vdev_console_focus_poll(&focus);
            break;
        default:
            read_some(below(PORTS), below(2) != 0);
            break;
        }
    }
    bool more = true;
    while (more) {
        unsigned before = wakes;
        more = vdev_console_focus_poll(&focus);
        for (uint32_t i = 0; i < PORTS; i++) {
            read_some(i, true);
        }
        more = more || wakes != before;
    }
    ck_assert_uint_eq(pipe.input_offset, pipe.input_length);
    ck_assert_ptr_eq(focus.front, &ports[model_front]);
    uint32_t lost = 0;
    for (uint32_t i = 0; i < PORTS; i++) {
        ck_assert_uint_gt(got[i], 1000);
        ck_assert_uint_eq(got[i] + ports[i].input_lost, meant_count[i]);
        lost += ports[i].input_lost;
    }
    ck_assert_int_eq(lost != 0, !configuration.hold_input);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mux_console_focus_random");
    TCase *tests = tcase_create("mux_console_focus_random");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, every_byte_is_printed_or_counted_lost_in_order, 0, 10);
    tcase_add_loop_test(tests, every_typed_byte_arrives_where_it_was_meant_for, 0, 10);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
