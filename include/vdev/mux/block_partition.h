/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partitions: N clients on one device of the block class, each with a range of its sectors. A
 * partition is a device of the class itself, for a back-end, an emulator or another mux. Where the
 * ranges come from is the caller's affair; no partition table is read.
 *
 * Data are not copied and buffer lists not either: the device is given a request of a slot's, with
 * the client's own list and the sector moved, so that the client's request is not written to.
 *
 * Who waits for whom: the slots, of all clients together, are what the device has at a time. While
 * none is free, or the device says VDEV_ERROR_FULL, clients' requests wait in their partitions, and
 * the partitions that have some take turns, one request each. So with S slots and N partitions no
 * more than S + N - 1 requests of others complete between the submit of a client that has none
 * waiting and its completion, on a device that keeps the order; however many the others submit.
 * maximum_sectors bounds how long each takes. Requests of one partition reach the device in the
 * order of their submits, unless it refuses some.
 *
 * What the device refuses at once is refused by submit. What it refuses after waiting completes
 * with VDEV_ERROR_ABSENT, VDEV_ERROR_TIMEOUT or VDEV_ERROR_IO; a flush that it does not know, with
 * VDEV_OK.
 *
 * A flush of one partition flushes the device, and so the others' writes too.
 *
 * Who polls: the owner of the device, once for each of its events, as without partitions: the
 * device, or any one of the partitions, which is the same.
 *
 * One context for the device, the partitions and their clients.
 */
#ifndef VDEV_MUX_BLOCK_PARTITION_H
#define VDEV_MUX_BLOCK_PARTITION_H

#include <vdev/block.h>

/* A request that the device has. The caller's memory, the partitions' content. */
struct vdev_block_partition_slot {
    struct vdev_block_request request;
    struct vdev_block_request *origin; /* the client's */
};

struct vdev_block_partitions;

struct vdev_block_partition {
    struct vdev_block block; /* the device that it offers */
    struct vdev_block_partitions *owner;
    uint64_t first;   /* sector of the device */
    uint64_t sectors; /* as configured; block.information has what the medium has of them */
    bool read_only;   /* as configured, or as the device was then */
    struct vdev_block_partition *next; /* of all partitions */

    /* Requests that wait, linked by `next`. */
    struct vdev_block_request *waiting;
    struct vdev_block_request *waiting_last;
    struct vdev_block_partition *turn_next; /* of those that have such */
};

struct vdev_block_partitions {
    struct vdev_block *below;
    struct vdev_block_partition_slot *free_slots; /* linked by their request's `next` */
    uint32_t in_flight;
    uint32_t waiting;                  /* requests, of all partitions */
    struct vdev_block_partition *turn; /* whose turn it is; NULL: nobody waits */
    struct vdev_block_partition *turn_last;
    struct vdev_block_partition *partitions;
    uint32_t maximum_sectors;
    bool refused; /* somebody is just told that the device refused what had waited */
};

struct vdev_block_partitions_configuration {
    struct vdev_block *block; /* the device; nobody else submits to it from now on */
    /* How many requests the device may have at a time; at least 1, 2 keep a card busy. */
    struct vdev_block_partition_slot *slots;
    uint32_t slot_count;
    /*
     * In one request of a client: a longer one is VDEV_ERROR_FULL, for the client to cut (as the
     * block back-end does), so that it does not keep others waiting. At least one block of the
     * device; 0: the device's limit, which holds in any case.
     */
    uint32_t maximum_sectors;
};

/*
 * The device's information must be known already. All that the configuration points to stays the
 * caller's and in place. VDEV_ERROR_INVALID: no device, no slots, or maximum_sectors less than a
 * block of the device.
 */
int vdev_block_partitions_init(struct vdev_block_partitions *self,
                               const struct vdev_block_partitions_configuration *configuration);

struct vdev_block_partition_configuration {
    uint64_t first;         /* sector of the device: a multiple of its block size */
    uint64_t sectors;       /* so many: likewise; 0: all from `first` to the device's end */
    bool read_only;         /* whether or not the device is */
    const char *identifier; /* at most 20 bytes count; NULL: the device's */
};

/*
 * Add a partition; `&partition->block` is the device for its client. It tells the device's limits
 * and block size. VDEV_ERROR_INVALID: not whole blocks of the device; VDEV_ERROR_RANGE: empty, or
 * not all of it within the device; VDEV_ERROR_STATE: it has a sector of another partition, and one
 * of the two can be written.
 */
int vdev_block_partition_add(struct vdev_block_partitions *self,
                             struct vdev_block_partition *partition,
                             const struct vdev_block_partition_configuration *configuration);

/*
 * The medium below has changed: tell of each partition what of it lies within the medium now (all,
 * a part or nothing), and the medium's limits. Where there is no medium (0 sectors) nothing
 * changes, so that requests still reach the device, which may look for one. Clients are told by the
 * caller (vdev_block_backend_resized). From the device's context.
 */
void vdev_block_partitions_changed(struct vdev_block_partitions *self);

#endif
