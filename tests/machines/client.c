/* SPDX-License-Identifier: BSD-2-Clause */
/* Clients that keep the rules: what they get is what these tests are about. */
#include <stddef.h>

#include <vdev/frontends/console.h>
#include <vdev/status.h>

#include "client.h"
#include "client_net.h"
#include "variants.h"

#define SECOND UINT64_C(1000000000)

enum {
    QUEUE_SIZE = 16,
    CONSOLE_BUFFERS = 4,
    CONSOLE_BUFFER = 64,
    EACH = 128, /* sectors */
    SECRET_WORDS = 4,
};
#define SHARED(array)                                                                              \
    {                                                                                              \
        array, sizeof(array), (uintptr_t)(array)                                                   \
    }

/* ---- the console ---- */

static uint8_t descriptors[2][QUEUE_SIZE * 16] WINDOW, driver_ring[2][64] WINDOW;
static uint8_t device_ring[2][6 + 8 * QUEUE_SIZE + 58] WINDOW;
static uint8_t bytes[2][CONSOLE_BUFFERS * CONSOLE_BUFFER] WINDOW;
static struct vdev_console_frontend console;

static int console_open(struct port *port)
{
    static struct vdev_driver_slot slots[2][QUEUE_SIZE];
    struct vdev_driver_queue_memory queues[2];

    for (unsigned i = 0; i < 2; i++) {
        queues[i] = (struct vdev_driver_queue_memory){.descriptors = SHARED(descriptors[i]),
                                                      .driver = SHARED(driver_ring[i]),
                                                      .device = SHARED(device_ring[i]),
                                                      .slots = slots[i]};
    }
    const struct vdev_console_frontend_configuration configuration = {
        .transport = &port->device.driver,
        .clock = &machine_clock,
        .receive_queue = queues[0],
        .transmit_queue = queues[1],
        .queue_size = QUEUE_SIZE,
        .receive_memory = SHARED(bytes[0]),
        .transmit_memory = SHARED(bytes[1]),
        .receive_count = CONSOLE_BUFFERS,
        .transmit_count = CONSOLE_BUFFERS,
        .buffer_size = CONSOLE_BUFFER,
    };

    return vdev_console_frontend_init(&console, &configuration);
}

/* Longer than all buffers together, so that it has to wait for some to come back. */
static bool console_print(void)
{
    static const char line[] = "this line came through a driver VM, number ";
    uint64_t end = vdev_clock_now(&machine_clock) + 5 * SECOND;

    for (uint32_t i = 0; i < 10; i++) {
        uint8_t text[sizeof line + 2];
        size_t done = 0;

        for (size_t at = 0; at < sizeof line - 1; at++) {
            text[at] = (uint8_t)line[at];
        }
        text[sizeof line - 1] = (uint8_t)('0' + i);
        text[sizeof line] = '\r';
        text[sizeof line + 1] = '\n';
        while (done < sizeof text) {
            done += vdev_console_write(&console.console, text + done, sizeof text - done);
            if (!vdev_console_poll(&console.console) && done < sizeof text) {
                rest(SECOND / 100);
            }
            if (vdev_clock_now(&machine_clock) > end) {
                return false;
            }
        }
    }
    return true;
}

/* ---- everything, between marks ---- */

/* Reads what the host put there, so many sectors each, between two marks. */
static bool read_card(uint32_t number, uint32_t each, uint32_t depth)
{
    mark(number);
    int status = disk_move(VDEV_BLOCK_READ, 0, DISK_SECTORS, each, depth);
    mark(number + 1);
    return status == VDEV_OK && card_holds(disk_data, 0, DISK_SECTORS, 0);
}

static bool write_card(void)
{
    card_fill(disk_data, DISK_SECTORS, DISK_SECTORS, 1);
    if (disk_move(VDEV_BLOCK_WRITE, DISK_SECTORS, DISK_SECTORS, EACH, 8) != VDEV_OK) {
        return false;
    }
    card_fill(disk_data, 0, DISK_SECTORS, 5);
    return disk_move(VDEV_BLOCK_READ, DISK_SECTORS, DISK_SECTORS, EACH, 8) == VDEV_OK &&
           card_holds(disk_data, DISK_SECTORS, DISK_SECTORS, 1);
}

static void all(const struct hyp_boot *boot)
{
    static struct port console_port, net_port;
    const struct hyp_boot_link *links[HYP_DEVICE_NETWORK + 1];

    for (uint32_t kind = HYP_DEVICE_CONSOLE; kind <= HYP_DEVICE_NETWORK; kind++) {
        links[kind] = find_link(boot, kind, false);
        if (links[kind] == NULL) {
            say("FAIL no link of kind", kind);
            return;
        }
    }
    mark(MARK_BEGIN);
    int disk_status = disk_open(boot, links[HYP_DEVICE_DISK], SECOND);
    int console_status = port_open(&console_port, boot, links[HYP_DEVICE_CONSOLE], SECOND);
    int net_status = port_open(&net_port, boot, links[HYP_DEVICE_NETWORK], SECOND);
    if (console_status == VDEV_OK) {
        console_status = console_open(&console_port);
    }
    if (net_status == VDEV_OK) {
        net_status = net_open(&net_port);
    }
    mark(MARK_STARTED);
    say("block starts", (uint32_t)-disk_status);
    say("console starts", (uint32_t)-console_status);
    say("net starts", (uint32_t)-net_status);
    say("reads at depth 1", read_card(MARK_READ_ONE, EACH, 1));
    say("reads at depth 8", read_card(MARK_READ_MANY, EACH, 8));
    say("reads at depth 32", read_card(MARK_READ_SMALL, 8, DISK_DEPTH));
    say("writes and reads back", write_card());
    say("prints", console_print());
    say("pings", net_ping(100));
    say("restarts", disk.frontend.restarts + console.restarts + net_restarts());
    mark(MARK_END);
}

/* ---- against a driver VM that does not keep the rules ---- */

static uint32_t milliseconds_since(uint64_t begin)
{
    return (uint32_t)((vdev_clock_now(&machine_clock) - begin) / 1000000);
}

static volatile uint32_t private_secret[SECRET_WORDS];
static volatile uint32_t shared_secret[SECRET_WORDS] WINDOW;

/*
 * Requests, one after the other: how many were good before the first bad one, what that one and the
 * last got, how many were said to be good and were not, and how long it took in all.
 */
static void suffer(const struct hyp_boot *boot, uint32_t requests)
{
    const struct hyp_boot_link *link = find_link(boot, HYP_DEVICE_DISK, false);
    uint64_t begin = vdev_clock_now(&machine_clock);
    uint32_t good = 0, lies = 0, bad = 0;
    int first = VDEV_OK, last = VDEV_OK;

    for (uint32_t i = 0; i < SECRET_WORDS; i++) {
        private_secret[i] = ~SECRET_COMPLEMENT;
        shared_secret[i] = ~SECRET_COMPLEMENT;
    }
    int status = link == NULL ? VDEV_ERROR_ABSENT : disk_open(boot, link, SECOND / 20);
    say("starts", (uint32_t)-status);
    for (uint32_t i = 0; i < requests && status == VDEV_OK; i++) {
        card_fill(disk_data, 0, 8, 9);
        last = disk_move(VDEV_BLOCK_READ, i % 64 * 8, 8, 8, 1);
        bool right = card_holds(disk_data, i % 64 * 8, 8, RAM_SEED);
        lies += last == VDEV_OK && !right;
        bad += last != VDEV_OK;
        first = first == VDEV_OK ? last : first;
        good += first == VDEV_OK;
    }
    say("good", good);
    say("lies", lies);
    say("bad", bad);
    say("first error", (uint32_t)-first);
    say("last", (uint32_t)-last);
    say("restarts", disk.frontend.restarts);
    say("latched", (uint32_t)-disk.port.link.error);
    say("milliseconds", milliseconds_since(begin));
}

/* ---- beside a client that does not keep them ---- */

static void read_again(const struct hyp_boot *boot, uint32_t times)
{
    const struct hyp_boot_link *link = find_link(boot, HYP_DEVICE_DISK, false);
    uint64_t begin = vdev_clock_now(&machine_clock);
    uint32_t right = 0;
    int status = link == NULL ? VDEV_ERROR_ABSENT : disk_open(boot, link, SECOND);

    say("starts", (uint32_t)-status);
    for (uint32_t i = 0; i < times && status == VDEV_OK; i++) {
        card_fill(disk_data, 0, EACH, 9);
        status = disk_move(VDEV_BLOCK_READ, 0, EACH, 16, 4);
        right += status == VDEV_OK && card_holds(disk_data, link->first_sector, EACH, 0);
        uint64_t pause = vdev_clock_now(&machine_clock) + SECOND / 1000;
        while (vdev_clock_now(&machine_clock) < pause) {
            rest(SECOND / 1000);
        }
    }
    say("right", right);
    say("restarts", disk.frontend.restarts);
    say("milliseconds", milliseconds_since(begin));
}

void client_main(const struct hyp_boot *boot, uint32_t variant)
{
    if (variant == CLIENT_ALL) {
        all(boot);
    } else if (variant < CLIENT_READER) {
        suffer(boot, variant - CLIENT_SUFFERER);
    } else {
        read_again(boot, variant - CLIENT_READER);
    }
}
