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
    uint32_t buffer_length;
    void (*changed)(void *owner);
    void *owner;

    uint64_t sectors;      /* that the CSD states */
    uint32_t status;       /* the error bits of the card status that the next answer reports */
    uint32_t ocr;          /* as ACMD41 answers it */
    uint16_t address;      /* relative card address */
    uint16_t block_length; /* CMD16 */
    uint8_t state;         /* of enum vdev_sd_state */
    bool high_capacity;
    bool application;      /* CMD55 came: the next command is an application command */
    bool wide;             /* ACMD6 */
    bool high_speed;       /* CMD6 */
    bool multiple;         /* CMD18 or CMD25 */
    bool internal;         /* what is sent is in `small`, not on the medium */
    bool busy;             /* the class has the request, and with it the buffer */
    bool abandoned;        /* ... and nobody waits for it any more */
    int failure;           /* why the data of this command broke off, or VDEV_OK */
    uint64_t place;        /* on the medium, in bytes, of what follows the buffer's contents */
    uint64_t left;         /* bytes that this command may still move */
    uint32_t expected;     /* bytes that the host said it will still move */
    uint32_t level;        /* bytes in the buffer */
    uint32_t position;     /* of those, sent */
    uint32_t well_written; /* blocks, for ACMD22 */
    uint32_t cid[4], csd[4];
    uint8_t small[64]; /* SCR, SD status, switch status, ACMD22's number */
    struct vdev_buffer piece;
    struct vdev_block_request request;
};

/*
 * Put a card in, powered on. VDEV_OK; VDEV_ERROR_INVALID: no buffer, one that is not aligned, or
 * not a multiple of 512 bytes; VDEV_ERROR_UNSUPPORTED: a medium of less than 4 sectors, or of more
 * than 2 TiB. A card states its size in steps (of 2 KiB for the smallest media, 512 KiB for all of
 * high capacity): what does not fill a step, the guest does not see. A write is answered when the
 * class completed it, without a flush: a card has no command for one.
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
 * The host is ready to move this many bytes, for the data command before it or after it. A hint,
 * for the size of the requests to the class, except that nothing is read before it, and that a
 * write's last byte as of it is when the rest goes to the medium. Zero: the host stopped.
 */
void vdev_sd_card_emulator_expect(struct vdev_sd_card_emulator *card, uint32_t bytes);

/*
 * Data from the card: how many bytes there are now, at *pointer, to be read in place; 0: none
 * (yet); or an error of the class: this command brings no more. VDEV_ERROR_RANGE: the end of the
 * card.
 */
int vdev_sd_card_emulator_peek(struct vdev_sd_card_emulator *card, const uint8_t **pointer);
/* Pass on from these bytes; at most as many as peek said. */
void vdev_sd_card_emulator_take(struct vdev_sd_card_emulator *card, uint32_t bytes);

/*
 * Data to the card: room for how many bytes, at *pointer, to be written in place; 0: none now; an
 * error of the class, or VDEV_ERROR_RANGE as above; VDEV_ERROR_STATE: the card expects no data.
 */
int vdev_sd_card_emulator_room(struct vdev_sd_card_emulator *card, uint8_t **pointer);
/* These bytes were written there; at most as many as room said. */
void vdev_sd_card_emulator_put(struct vdev_sd_card_emulator *card, uint32_t bytes);

/* Is all that was put on the medium? VDEV_OK, VDEV_SD_PENDING, or an error of the class. */
int vdev_sd_card_emulator_settled(const struct vdev_sd_card_emulator *card);

#endif
