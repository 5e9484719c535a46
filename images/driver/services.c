/* SPDX-License-Identifier: BSD-2-Clause */
/* The kinds of devices that a driver VM serves: real driver, mux, and a back-end for each client. */
#include <vdev/backends/block.h>
#include <vdev/backends/console.h>
#include <vdev/backends/net.h>
#include <vdev/drivers/lan9118.h>
#include <vdev/drivers/pl011.h>
#include <vdev/drivers/pl181.h>
#include <vdev/drivers/sd_card.h>
#include <vdev/mux/block_partition.h>
#include <vdev/mux/console_focus.h>
#include <vdev/mux/switch.h>

#include "driver.h"

enum {
    CLIENTS = HYP_BOOT_LINKS,
    HERTZ = 24000000,
    BYTES = 4096, /* of a console: kept while it is not in front, and typed */
    REQUESTS = 16,
    REQUEST_BUFFERS = 128,
    FRAMES = 64,
    FRAME_BUFFERS = 20,
    CHAINS = 64,  /* for one received frame */
    SEGMENTS = 4, /* made in software */
    PIECES = (SEGMENTS + 1) * (FRAME_BUFFERS + 2),
    ADDRESSES = 64,
    STEPS = 8, /* FIFOs, blocks or frames in one turn */
};

/* ---- console ---- */

static struct vdev_pl011 uart;
static struct vdev_console_focus focus;
static struct {
    struct vdev_console_backend backend;
    struct vdev_console_focus_port port;
    struct vdev_buffer buffers[16];
    uint8_t output[BYTES], input[BYTES];
} consoles[CLIENTS];

static void start_console(uint32_t address, uint32_t clients)
{
    const struct vdev_io io = {.base = address};
    const struct vdev_pl011_configuration line = {&io, &driver_clock, HERTZ, 115200, true};
    const struct vdev_console_focus_configuration all = {
        .console = &uart.console,
        .key = clients > 1 ? VDEV_CONSOLE_FOCUS_KEY : VDEV_CONSOLE_FOCUS_NO_KEY,
        .announce = true,
        .hold_input = true,
    };
    driver_check(vdev_pl011_init(&uart, &line), "UART");
    driver_check(vdev_console_focus_init(&focus, &all), "console");
}

static struct vdev_virtio_device *join_console(uint32_t n, const struct hyp_boot_link *link,
                                               const struct vdev_memory *memory)
{
    const struct vdev_console_focus_port_configuration port = {
        link->name, consoles[n].output, consoles[n].input, BYTES, BYTES};
    const struct vdev_console_backend_configuration backend = {
        memory, &consoles[n].port.console, consoles[n].buffers, 16, 128};

    driver_check(vdev_console_focus_add(&focus, &consoles[n].port, &port), "console");
    driver_check(vdev_console_backend_init(&consoles[n].backend, &backend), "console");
    return &consoles[n].backend.device;
}

static enum progress poll_console(void)
{
    for (unsigned step = 0; step < STEPS; step++) {
        if (!vdev_console_focus_poll(&focus)) {
            return WAITS;
        }
    }
    return MORE;
}
const struct service driver_console = {1, start_console, join_console, poll_console};

/* ---- disk ---- */

static struct vdev_pl181_driver controller;
static struct vdev_sd_card card;
static struct vdev_block_partitions partitions;
static struct {
    struct vdev_block_backend backend;
    struct vdev_block_partition partition;
    struct vdev_block_backend_slot slots[REQUESTS];
    struct vdev_buffer buffers[REQUESTS * REQUEST_BUFFERS];
} disks[CLIENTS];

static void start_disk(uint32_t address, uint32_t clients)
{
    static struct vdev_block_partition_slot slots[REQUESTS];
    const struct vdev_block_partitions_configuration all = {&card.block, slots, REQUESTS, 0};
    const struct vdev_pl181_driver_configuration board = {
        .io = {.base = address},
        .clock = &driver_clock,
        .reference_hertz = HERTZ,
        .wide = true,
    };
    (void)clients;
    driver_check(vdev_pl181_driver_init(&controller, &board), "card controller");
    driver_check(vdev_sd_card_init(&card, &controller.host, &driver_clock), "card");
    driver_check(vdev_block_partitions_init(&partitions, &all), "disk");
}

static struct vdev_virtio_device *join_disk(uint32_t n, const struct hyp_boot_link *link,
                                            const struct vdev_memory *memory)
{
    const struct vdev_block_partition_configuration part = {
        .first = link->first_sector, .sectors = link->sectors};
    const struct vdev_block_backend_configuration backend = {
        memory, &disks[n].partition.block, disks[n].slots, REQUESTS, disks[n].buffers,
        REQUEST_BUFFERS, 128, NULL};

    driver_check(vdev_block_partition_add(&partitions, &disks[n].partition, &part), "partition");
    driver_check(vdev_block_backend_init(&disks[n].backend, &backend), "disk");
    return &disks[n].backend.device;
}

static enum progress poll_disk(void)
{
    unsigned step = 0;

    while (step < STEPS && vdev_block_poll(&card.block)) {
        step++;
    }
    uint64_t deadline = vdev_sd_card_deadline(&card);
    driver_deadline = deadline == UINT64_MAX ? 0 : deadline + 16;
    return step == STEPS || deadline == 0 ? MORE : deadline == UINT64_MAX ? IDLE : WAITS;
}
const struct service driver_disk = {2, start_disk, join_disk, poll_disk};

/* ---- network ---- */

static struct vdev_lan9118_driver ethernet;
static struct vdev_switch network;
static struct {
    struct vdev_net_backend backend;
    struct vdev_switch_port port;
    struct vdev_switch_slot segments[SEGMENTS];
    struct vdev_net_backend_slot slots[FRAMES];
    struct vdev_used_chain chains[CHAINS];
    struct vdev_buffer pieces[PIECES], buffers[FRAMES * FRAME_BUFFERS], receive_buffers[CHAINS];
} nets[CLIENTS];

static void start_network(uint32_t address, uint32_t clients)
{
    static struct vdev_switch_port uplink;
    static struct vdev_switch_entry entries[ADDRESSES];
    static uint8_t bounce[1536] __attribute__((aligned(4)));
    const struct vdev_lan9118_driver_configuration board = {
        .io = {.base = address},
        .clock = &driver_clock,
        .receive_mode = VDEV_NET_RECEIVE_ALL,
        .interrupt_active_high = true,
        .interrupt_push_pull = true,
        .bursts = true,
        .receive_offset = 2, /* as Linux' receive buffers are, unless they are merged */
    };
    const struct vdev_switch_configuration all = {
        .entries = entries,
        .entry_count = ADDRESSES,
        .clock = &driver_clock,
        .seed = (uint32_t)vdev_clock_now(&driver_clock),
    };
    const struct vdev_switch_uplink_configuration up = {
        .net = &ethernet.net,
        .bounce = {bounce, sizeof bounce, VDEV_NO_BUS_ADDRESS},
        .learned_maximum = ADDRESSES / 2,
    };
    (void)clients;
    driver_check(vdev_lan9118_driver_init(&ethernet, &board), "network controller");
    driver_check(vdev_switch_init(&network, &all), "switch");
    driver_check(vdev_switch_add_uplink(&network, &uplink, &up), "uplink");
}

static struct vdev_virtio_device *join_network(uint32_t n, const struct hyp_boot_link *link,
                                               const struct vdev_memory *memory)
{
    static uint8_t joined; /* the first has the controller's address, as if it had that */
    const uint8_t *own = ethernet.net.address;
    const struct vdev_switch_guest_configuration guest = {
        .address = {own[0], own[1], own[2], own[3], own[4], (uint8_t)(own[5] + joined++)},
        .fixed = true,
        .pass_through = true,
        .follows = true,
        .queue_maximum = FRAMES,
        .slots = nets[n].segments,
        .slot_count = SEGMENTS,
        .pieces = nets[n].pieces,
        .piece_count = PIECES,
    };
    const struct vdev_net_backend_configuration backend = {
        memory, &nets[n].port.net, nets[n].slots, FRAMES, nets[n].buffers, FRAME_BUFFERS,
        nets[n].receive_buffers, CHAINS, nets[n].chains, link->merges ? CHAINS : 1, 256};

    driver_check(vdev_switch_add_guest(&network, &nets[n].port, &guest), "port");
    driver_check(vdev_net_backend_init(&nets[n].backend, &backend), "network");
    return &nets[n].backend.device;
}

static enum progress poll_network(void)
{
    bool more = true;

    for (unsigned step = 0; more && step < STEPS; step++) {
        more = vdev_switch_poll(&network);
        more |= vdev_net_poll(&ethernet.net);
    }
    return more ? MORE : WAITS;
}
const struct service driver_network = {1, start_network, join_network, poll_network};
