/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block partitions on a disk in memory that can refuse, and their clients' requests: what the tests
 * of the partitions start from.
 */
#ifndef SUPPORT_PARTITION_RIG_H
#define SUPPORT_PARTITION_RIG_H

#include "ram_disk.h"

#include <vdev/mux/block_partition.h>

#define PARTITIONS 4u
#define SLOTS      8u
#define REQUESTS   6u /* of each client */
#define MOST       8u /* sectors in one request */

static struct ram_disk disk;
static int refusal; /* what the device answers to any submit; VDEV_OK: it takes it */
static bool wavers; /* ... or by turns VDEV_ERROR_ABSENT and VDEV_ERROR_FULL */
static unsigned wavered;
static struct vdev_block_partitions mux;
static struct vdev_block_partition_slot slots[SLOTS];
static struct vdev_block_partition partitions[PARTITIONS];

static inline int submit_or_refuse(struct vdev_block *block, struct vdev_block_request *request)
{
    if (wavers) {
        return ++wavered % 2 != 0 ? VDEV_ERROR_ABSENT : VDEV_ERROR_FULL;
    }
    return refusal != VDEV_OK ? refusal : ram_disk_submit(block, request);
}

static inline void setup(void)
{
    static const struct vdev_block_operations operations = {submit_or_refuse, ram_disk_poll};

    ram_disk_init(&disk);
    disk.block.operations = &operations;
    refusal = VDEV_OK;
    wavers = false;
    wavered = 0;
}

static inline void init(uint32_t slot_count)
{
    ck_assert_int_eq(vdev_block_partitions_init(&mux,
                                                &(struct vdev_block_partitions_configuration){
                                                    .block = &disk.block,
                                                    .slots = slots,
                                                    .slot_count = slot_count,
                                                }),
                     VDEV_OK);
}

static inline int add(uint32_t index, uint64_t first, uint64_t sectors, bool read_only)
{
    return vdev_block_partition_add(
        &mux, &partitions[index],
        &(struct vdev_block_partition_configuration){
            .first = first, .sectors = sectors, .read_only = read_only});
}

/* ---- a client's request ---- */

struct asked {
    struct vdev_block_request request;
    struct vdev_buffer buffers[2];
    uint8_t data[MOST * VDEV_SECTOR_SIZE];
    uint32_t client;
    bool busy;
    unsigned submitted, completed;
    int status;
    struct asked *again; /* submitted from inside the completion */
};

static unsigned others; /* completions of all but client 0 */

static inline int submit(struct asked *asked)
{
    int status;

    ck_assert(!asked->busy);
    asked->busy = true;
    status = vdev_block_submit(&partitions[asked->client].block, &asked->request);
    asked->busy = status == VDEV_OK;
    asked->submitted += status == VDEV_OK;
    return status;
}

static inline void complete(struct vdev_block_request *request, int status)
{
    struct asked *asked = request->owner;

    ck_assert(asked->busy);
    asked->busy = false;
    asked->completed++;
    asked->status = status;
    others += asked->client != 0;
    if (asked->again != NULL) {
        asked->again->status = submit(asked->again);
    }
}

static inline struct asked *make(struct asked *asked, uint32_t client,
                                 enum vdev_block_operation operation, uint64_t sector,
                                 size_t sectors)
{
    memset(asked, 0, sizeof *asked);
    asked->client = client;
    asked->status = 1;
    asked->buffers[0] = (struct vdev_buffer){asked->data, 100, VDEV_NO_BUS_ADDRESS};
    asked->buffers[1] = (struct vdev_buffer){asked->data + 100, sectors * VDEV_SECTOR_SIZE - 100,
                                             VDEV_NO_BUS_ADDRESS};
    asked->request = (struct vdev_block_request){
        .operation = operation,
        .sector = sector,
        .buffers = asked->buffers,
        .buffer_count = operation == VDEV_BLOCK_FLUSH ? 0 : 2,
        .complete = complete,
        .owner = asked,
    };
    return asked;
}

static inline void settle(void)
{
    while (vdev_block_poll(&partitions[0].block)) {
    }
}

static inline bool all_slots_are_free(uint32_t expected)
{
    uint32_t count = 0;

    for (struct vdev_block_partition_slot *slot = mux.free_slots; slot != NULL;
         slot = (struct vdev_block_partition_slot *)(void *)slot->request.next) {
        count++;
    }
    return count == expected && mux.in_flight == 0 && mux.waiting == 0 && mux.turn == NULL;
}

static struct asked asked[PARTITIONS][REQUESTS];

#endif
