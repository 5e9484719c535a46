/* SPDX-License-Identifier: BSD-2-Clause */
/* A client's card: the block front-end over messages, with all that it shares in the window. */
#include <stddef.h>

#include <vdev/status.h>

#include "client.h"

#define QUEUE_SIZE 128u
#define PIECES     4u
#define WAITING    1 /* no status is positive */

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
    int result;
} all[DISK_DEPTH];

static void complete(struct vdev_block_request *request, int status)
{
    ((struct one *)request->owner)->result = status;
}

int disk_move(enum vdev_block_operation operation, uint32_t first, uint32_t sectors, uint32_t each,
              uint32_t depth)
{
    uint32_t begun = 0, flying = 0;
    int worst = VDEV_OK;

    for (uint32_t i = 0; i < depth; i++) {
        all[i].result = VDEV_OK;
        all[i].request.owner = NULL;
    }
    do {
        for (uint32_t i = 0; i < depth; i++) {
            struct one *one = &all[i];
            if (one->request.owner != NULL && one->result != WAITING) {
                one->request.owner = NULL;
                flying--;
                worst = worst == VDEV_OK ? one->result : worst;
            }
            if (one->request.owner != NULL || begun == sectors || worst != VDEV_OK) {
                continue;
            }
            uint32_t *data = &disk_data[begun * 128];
            one->buffer = (struct vdev_buffer){data, each * VDEV_SECTOR_SIZE, (uintptr_t)data};
            one->request = (struct vdev_block_request){operation,      first + begun, &one->buffer,
                                                       1,              complete,      one,
                                                       .next = NULL};
            one->result = WAITING;
            worst = vdev_block_submit(&disk.frontend.block, &one->request);
            if (worst != VDEV_OK) {
                one->request.owner = NULL;
                break;
            }
            begun += each;
            flying++;
        }
        if (!vdev_block_poll(&disk.frontend.block) && flying != 0) {
            bool done = false;
            for (uint32_t i = 0; i < depth; i++) {
                done |= all[i].request.owner != NULL && all[i].result != WAITING;
            }
            if (!done) {
                rest(10000000);
            }
        }
    } while (flying != 0 || (begun < sectors && worst == VDEV_OK));
    return worst;
}
