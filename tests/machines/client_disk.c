/* SPDX-License-Identifier: BSD-2-Clause */
/* A client's card: the block front-end over messages, with all that it shares in the window. */
#include <stddef.h>

#include <vdev/status.h>

#include "client.h"

#define QUEUE_SIZE 128u
#define PIECES     4u

#define SHARED(array)                                                                              \
    {                                                                                              \
        array, sizeof(array), (uintptr_t)(array)                                                   \
    }

struct disk disk;
uint32_t disk_data[DISK_SECTORS * 128] WINDOW;

static uint8_t descriptors[QUEUE_SIZE * 16] WINDOW, driver_ring[6 + 2 * QUEUE_SIZE] WINDOW;
static uint8_t device_ring[6 + 8 * QUEUE_SIZE] WINDOW;
static uint8_t shared[DISK_DEPTH * VDEV_BLOCK_FRONTEND_SHARED_BYTES] WINDOW;

int disk_open(const struct hyp_boot *boot, const struct hyp_boot_link *link, uint64_t patience)
{
    static struct vdev_driver_slot slots[QUEUE_SIZE];
    static struct vdev_block_frontend_request records[DISK_DEPTH];
    static struct vdev_buffer pieces[PIECES];
    const struct vdev_block_frontend_configuration configuration = {
        .transport = &disk.port.device.driver,
        .clock = &machine_clock,
        .queue = {.descriptors = SHARED(descriptors),
                  .driver = SHARED(driver_ring),
                  .device = SHARED(device_ring),
                  .slots = slots},
        .queue_size = QUEUE_SIZE,
        .requests = records,
        .request_count = DISK_DEPTH,
        .shared = SHARED(shared),
        .pieces = pieces,
        .piece_count = PIECES,
        .timeout_nanoseconds = patience,
    };
    int status = port_open(&disk.port, boot, link, patience);

    return status == VDEV_OK ? vdev_block_frontend_init(&disk.frontend, &configuration) : status;
}

/* ---- requests ---- */

static struct one {
    struct vdev_block_request request;
    struct vdev_buffer buffer;
    bool busy;
} all[DISK_DEPTH];

static struct {
    enum vdev_block_operation operation;
    uint32_t first, sectors, each, depth; /* as disk_move's */
    uint32_t begun, flying;
    int worst;
} move;

static void complete(struct vdev_block_request *request, int status);

/* Submits until so many are in flight. */
static void fill(uint32_t depth)
{
    for (uint32_t i = 0; i < move.depth && move.flying < depth; i++) {
        struct one *one = &all[i];
        if (one->busy || move.begun == move.sectors || move.worst != VDEV_OK) {
            continue;
        }
        uint32_t *data = &disk_data[move.begun * 128];
        one->buffer = (struct vdev_buffer){data, move.each * VDEV_SECTOR_SIZE, (uintptr_t)data};
        one->request = (struct vdev_block_request){.operation = move.operation,
                                                   .sector = move.first + move.begun,
                                                   .buffers = &one->buffer,
                                                   .buffer_count = 1,
                                                   .complete = complete,
                                                   .owner = one};
        move.worst = vdev_block_submit(&disk.frontend.block, &one->request);
        if (move.worst == VDEV_OK) {
            one->busy = true;
            move.begun += move.each;
            move.flying++;
        }
    }
}

/* The next ones go with one notification, since this comes from inside the front-end's poll. */
static void complete(struct vdev_block_request *request, int status)
{
    ((struct one *)request->owner)->busy = false;
    move.flying--;
    move.worst = move.worst == VDEV_OK ? status : move.worst;
    fill(move.depth);
}

int disk_move(enum vdev_block_operation operation, uint32_t first, uint32_t sectors, uint32_t each,
              uint32_t depth)
{
    move.operation = operation;
    move.first = first;
    move.sectors = sectors;
    move.each = each;
    move.depth = depth;
    move.begun = move.flying = 0;
    move.worst = VDEV_OK;
    fill(1);
    while (move.flying != 0) {
        uint32_t before = move.flying + move.begun;
        if (!vdev_block_poll(&disk.frontend.block) && move.flying + move.begun == before) {
            rest(10000000);
        }
    }
    return move.worst;
}
