/* SPDX-License-Identifier: BSD-2-Clause */
/* The block front-end of a client, for all who read and write a card. */
#ifndef CLIENT_H
#define CLIENT_H

#include <vdev/frontends/block.h>

#include "machines.h"

#define DISK_DEPTH   32u
#define DISK_SECTORS 1024u /* of `disk_data` */

struct disk {
    struct port port;
    struct vdev_block_frontend frontend;
};
extern struct disk disk;
extern uint32_t disk_data[];

/* Both the link and the front-end: errors as of theirs. Waits so long for an answer or a request.
 */
int disk_open(const struct hyp_boot *boot, const struct hyp_boot_link *link, uint64_t patience);

/*
 * Move sectors from or to disk_data, in requests of so many, so many at a time; `first` counts from
 * the start of the card's part that this client has. The first error, if there was one.
 */
int disk_move(enum vdev_block_operation operation, uint32_t first, uint32_t sectors, uint32_t each,
              uint32_t depth);

#endif
