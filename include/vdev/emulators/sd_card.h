/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of an SD memory card, as a host controller's emulator sees it: commands with their
 * answers, and data. Its medium is a device of the block class. Follows the SD Physical Layer
 * Simplified Specification, version 2.00: standard capacity up to 2 GiB, high capacity above.
 *
 * Data passes through one buffer of the caller's, in chunks as large as it: a host controller that
 * knows how much the guest will move says so, and that is read ahead, or gathered, as one request
 * to the class. The class answers later; meanwhile there is no data to take, or no room to put it.
 */
#ifndef VDEV_EMULATORS_SD_CARD_H
#define VDEV_EMULATORS_SD_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/block.h>
#include <vdev/sd_host.h>

/* The states of a card, by the numbers that the card status has for them [SD §4.10.1]. */
enum vdev_sd_state {
    VDEV_SD_IDLE,
    VDEV_SD_READY,
    VDEV_SD_IDENTIFICATION,
    VDEV_SD_STANDBY,
    VDEV_SD_TRANSFER,
    VDEV_SD_SENDING,
    VDEV_SD_RECEIVING,
    VDEV_SD_PROGRAMMING,
    VDEV_SD_DISCONNECTED,
    VDEV_SD_INACTIVE,
};

struct vdev_sd_card_emulator_configuration {
    struct vdev_block *block; /* the medium; NULL: no card in the slot */
    void *buffer;             /* for data under way, aligned to 4 */
    size_t buffer_length;     /* bytes: a multiple of 512; from 4 to 64 KiB are sensible */
    /* Called from inside the class's poll: data arrived, room came free, or the class failed. */
    void (*changed)(void *owner);
    void *owner;
};

/* All of it is the emulator's. */
struct vdev_sd_card_emulator {
    struct vdev_block *block;
    uint8_t *buffer;
    size_t buffer_length;
    void (*changed)(void *owner);
    void *owner;

    uint32_t status; /* the error bits of the card status that the next answer reports */
    uint32_t ocr;
    uint16_t address;
    uint16_t block_length;
    uint8_t state;    /* of enum vdev_sd_state */
    bool application; /* CMD55 came: the next command is an application command */
    bool high_capacity;
    bool multiple;           /* CMD18 or CMD25 */
    bool wide;               /* ACMD6 */
    bool switched;           /* CMD6: high speed */
    bool internal;           /* what is sent is in `small`, not on the medium */
    bool busy;               /* the class has the request; the buffer is not ours */
    bool abandoned;          /* ... and what it brings is no longer wanted */
    bool failed;             /* the data phase broke off */
    uint64_t sector;         /* of the start of the buffer */
    uint64_t deferred;       /* bytes into the first sector, for a standard card's unaligned read */
    uint32_t expected;       /* bytes that the host said it will still move */
    uint32_t level;          /* bytes in the buffer */
    uint32_t position;       /* of those, taken */
    uint32_t written_blocks; /* ACMD22 */
    uint8_t small[64];       /* SCR, SD status, switch status */
    uint32_t cid[4], csd[4];
    struct vdev_buffer piece;
    struct vdev_block_request request;
};

/*
 * VDEV_OK; VDEV_ERROR_INVALID: no buffer, one that is not aligned, or not a multiple of 512 bytes;
 * VDEV_ERROR_UNSUPPORTED: a medium smaller than 1 MiB or larger than 32 GiB. A standard-capacity
 * card's size can be stated only in steps of up to 1 MiB: what does not fill a step is not seen by
 * the guest.
 */
int vdev_sd_card_emulator_init(struct vdev_sd_card_emulator *card,
                               const struct vdev_sd_card_emulator_configuration *configuration);

/* Power was switched off and on: as CMD0, and more thoroughly. What the class has, it finishes. */
void vdev_sd_card_emulator_power(struct vdev_sd_card_emulator *card);

/*
 * One command. Returns what the card answers, with it in answer[] as struct vdev_sd_command says,
 * or VDEV_SD_RESPONSE_NONE: it keeps silent, which is also what it does with a command that is
 * illegal.
 */
enum vdev_sd_response vdev_sd_card_emulator_command(struct vdev_sd_card_emulator *card,
                                                    uint8_t index, uint32_t argument,
                                                    uint32_t answer[4]);

/*
 * The host is ready to move this many bytes: in the direction of the command before it or after it.
 * Zero: it stopped; the bytes that it moved stand, and what was gathered goes to the medium.
 */
void vdev_sd_card_emulator_expect(struct vdev_sd_card_emulator *card, uint32_t bytes);

/*
 * Data from the card: the bytes now there, at *pointer, in whole words but for the last; 0: none
 * yet, or VDEV_ERROR_IO: the medium failed (the card sends no more of this command's data). To be
 * read in place, and then taken.
 */
int vdev_sd_card_emulator_peek(struct vdev_sd_card_emulator *card, const uint8_t **pointer);
void vdev_sd_card_emulator_take(struct vdev_sd_card_emulator *card, uint32_t bytes);

/*
 * Data to the card: room for how many bytes, at *pointer; 0: none now; VDEV_ERROR_IO: the medium
 * failed. To be written in place, and then put.
 */
int vdev_sd_card_emulator_room(struct vdev_sd_card_emulator *card, uint8_t **pointer);
void vdev_sd_card_emulator_put(struct vdev_sd_card_emulator *card, uint32_t bytes);

/* Is all that was put on the medium? VDEV_OK, VDEV_SD_PENDING, or VDEV_ERROR_IO. */
int vdev_sd_card_emulator_settled(const struct vdev_sd_card_emulator *card);

#endif
