/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An SD memory card behind any SD host, as a block device: identification, reads, writes and what
 * to do when the card errs, falls silent or leaves. SD cards of standard and of high capacity; not
 * MMC, not SDIO, no UHS.
 *
 * A request is cut into commands of as many blocks as the host takes. Nothing waits: each poll
 * looks at the host, moves at most one block, and takes the next step. Times are bounded by the
 * constants below; an interrupt that never comes is noticed at the deadline, so whoever owns the
 * device also calls poll from a timer at vdev_sd_card_deadline(), or simply every few milliseconds.
 */
#ifndef VDEV_DRIVERS_SD_CARD_H
#define VDEV_DRIVERS_SD_CARD_H

#include <vdev/block.h>
#include <vdev/clock.h>
#include <vdev/sd_host.h>

/* How long each may take before it is VDEV_ERROR_TIMEOUT; nanoseconds. */
#define VDEV_SD_COMMAND_TIME  100000000u  /* a command without data: 100 ms */
#define VDEV_SD_DATA_TIME     1000000000u /* from one block to the next: 1 s */
#define VDEV_SD_BUSY_TIME     1000000000u /* a card programming after a write: 1 s */
#define VDEV_SD_POWER_UP_TIME 1000000000u /* ACMD41 until ready [SD §4.2.3]: 1 s */
#define VDEV_SD_IDENTIFY_TIME 3000000000u /* all of the identification: 3 s */

/* All of it is the driver's, except that `block` is what its users are given. */
struct vdev_sd_card {
    struct vdev_block block;
    struct vdev_sd_host *host;
    const struct vdev_clock *clock;
    uint8_t state; /* of enum state in sd_card.c */
    bool high_capacity;
    bool answers_cmd8; /* version 2.00 or later */
    bool wide;         /* its SCR says that it has four data lines */
    bool started;      /* the command of the state is in progress at the host */
    uint16_t address;  /* relative card address */
    int failure;       /* what the current request will complete with */
    uint64_t deadline; /* of the command in progress */
    uint64_t limit;    /* of what takes several commands: power-up, programming */
    uint64_t patience; /* of the whole identification */
    struct vdev_sd_command command;
    struct vdev_sd_transfer transfer;
    struct vdev_buffer scr_buffer;
    uint8_t scr[8];
    struct vdev_block_request *first, *last; /* FIFO through request->next; the first is current */
    struct vdev_cursor cursor;               /* in the first: what no command has moved yet */
    uint64_t sector;                         /* of that */
    uint64_t sectors;                        /* how many of that */
    uint32_t medium; /* how often a card was identified: another number, perhaps another card */
};

/*
 * Identify the card and take it into use; blocks for up to VDEV_SD_IDENTIFY_TIME. Host and clock
 * stay the caller's and must outlive the card. VDEV_OK: capacity and identifier are in
 * block.information. VDEV_ERROR_ABSENT: no card answers; VDEV_ERROR_TIMEOUT, VDEV_ERROR_IO: it fell
 * silent or erred in between; VDEV_ERROR_UNSUPPORTED: not an SD memory card that this layer knows.
 *
 * After ABSENT, TIMEOUT or IO the structure is usable all the same: the next request that is
 * submitted makes poll identify the card anew, and so does one after a card was pulled out. Such
 * requests are not checked against a capacity that is yet unknown: the one that lies past the end
 * of the card then found completes with VDEV_ERROR_IO; all of them with VDEV_ERROR_ABSENT if there
 * is none.
 */
int vdev_sd_card_init(struct vdev_sd_card *card, struct vdev_sd_host *host,
                      const struct vdev_clock *clock);

/*
 * The time, as of the clock, by which poll is to be called without an interrupt; UINT64_MAX: none;
 * 0: at once, since what there is to do has no interrupt of its own (a flush, a card to be identified).
 * Look after each submit and each poll.
 */
uint64_t vdev_sd_card_deadline(const struct vdev_sd_card *card);

#endif
