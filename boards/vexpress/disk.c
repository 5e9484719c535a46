/* SPDX-License-Identifier: BSD-2-Clause */
/* The board's card, with a partition for each client. */
#include <vdev/backends/block.h>
#include <vdev/drivers/pl181.h>
#include <vdev/drivers/sd_card.h>
#include <vdev/mux/block_partition.h>
#include <vdev/status.h>

#include "shared.h"

enum {
    CARD_HERTZ = 24000000,
    REQUESTS = 16, /* of one client in flight, and of all together with the card */
    REQUEST_BUFFERS = 128,
    QUEUE_SIZE = 128,
    TICK = 16, /* nanoseconds: a deadline is over when the clock is past it */
};

static struct vdev_pl181_driver controller;
static struct vdev_sd_card card;
static struct vdev_block_partitions partitions;
static struct {
    struct vdev_block_backend backend;
    struct vdev_block_partition partition;
    struct vdev_block_backend_slot slots[REQUESTS];
    struct vdev_buffer buffers[REQUESTS * REQUEST_BUFFERS];
} clients[SHARED_CLIENTS];

static uint32_t steps;

static int start(const struct shared_start *start)
{
    static struct vdev_block_partition_slot slots[REQUESTS];
    const struct vdev_pl181_driver_configuration board = {
        .io = {.base = start->address},
        .clock = start->clock,
        .reference_hertz = CARD_HERTZ,
        .wide = true,
    };
    const struct vdev_block_partitions_configuration configuration = {
        .block = &card.block, .slots = slots, .slot_count = REQUESTS};
    int status = vdev_pl181_driver_init(&controller, &board);

    steps = start->steps;
    if (status == VDEV_OK) {
        status = vdev_sd_card_init(&card, &controller.host, start->clock);
    }
    return status != VDEV_OK ? status : vdev_block_partitions_init(&partitions, &configuration);
}

static int join(uint32_t number, const struct shared_client *client,
                struct vdev_virtio_device **device)
{
    const struct vdev_block_partition_configuration part = {.first = client->first_sector,
                                                            .sectors = client->sectors};
    const struct vdev_block_backend_configuration backend = {
        .memory = client->memory,
        .block = &clients[number].partition.block,
        .slots = clients[number].slots,
        .slot_count = REQUESTS,
        .buffers = clients[number].buffers,
        .buffers_per_slot = REQUEST_BUFFERS,
        .queue_size = QUEUE_SIZE,
    };
    int status = vdev_block_partition_add(&partitions, &clients[number].partition, &part);

    *device = &clients[number].backend.device;
    return status != VDEV_OK ? status : vdev_block_backend_init(&clients[number].backend, &backend);
}

static enum shared_progress poll(uint64_t *deadline)
{
    uint32_t step = 0;

    while (step < steps && vdev_block_poll(&card.block)) {
        step++;
    }
    uint64_t last = vdev_sd_card_deadline(&card);
    *deadline = last == UINT64_MAX ? 0 : last + TICK;
    if (step == steps || last == 0) {
        return SHARED_MORE;
    }
    return last == UINT64_MAX ? SHARED_IDLE : SHARED_WAITS;
}

const struct shared_service shared_disk = {
    .interrupts = 2, .start = start, .join = join, .poll = poll};
