/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SD card model: its states and commands. Data are sd_card_data.c's, CID and CSD are
 * sd_card_identity.c's. Not the wire: check sums of commands and blocks always fit.
 * [SD] is the SD Physical Layer Simplified Specification, version 2.00.
 */
#include <vdev/status.h>

#include "core/mem.h"
#include "emulators/sd_card.h"

/* The operating conditions [SD §5.1]: 2.7 V to 3.6 V. */
#define OCR_VOLTAGES      0x00ff8000u
#define OCR_HIGH_CAPACITY (1u << 30)
#define OCR_POWERED_UP    (1u << 31)

#define SECTOR                 VDEV_SECTOR_SIZE
#define MAXIMUM_SECTORS        ((uint64_t)1 << 32) /* 2 TiB: what 22 bits of C_SIZE can say */
#define FIRST_RELATIVE_ADDRESS 0x4567u

/* To the state after power-up or CMD0; what the class has of ours, it keeps until it is done. */
static void go_idle(struct vdev_sd_card_emulator *card)
{
    card->state = VDEV_SD_IDLE;
    card->status = 0;
    card->ocr = OCR_VOLTAGES;
    card->address = 0;
    card->block_length = SECTOR;
    card->application = false;
    card->wide = false;
    card->high_speed = false;
    card->multiple = false;
    card->internal = false;
    card->abandoned = card->busy;
    card->failure = VDEV_OK;
    card->left = 0;
    card->expected = 0;
    card->level = 0;
    card->position = 0;
}

int vdev_sd_card_emulator_init(struct vdev_sd_card_emulator *card,
                               const struct vdev_sd_card_emulator_configuration *configuration)
{
    const struct vdev_block *block = configuration->block;

    if (configuration->buffer == NULL || (uintptr_t)configuration->buffer % 4 != 0 ||
        configuration->buffer_length == 0 || configuration->buffer_length % SECTOR != 0 ||
        configuration->buffer_length > INT32_MAX) {
        return VDEV_ERROR_INVALID;
    }
    if (block != NULL &&
        (block->information.sectors < 4 || block->information.sectors > MAXIMUM_SECTORS)) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    memset(card, 0, sizeof *card);
    card->block = configuration->block;
    card->buffer = configuration->buffer;
    card->buffer_length = (uint32_t)configuration->buffer_length;
    card->changed = configuration->changed;
    card->owner = configuration->owner;
    card->request.complete = vdev_sd_card_completed;
    card->request.owner = card;
    if (block != NULL) {
        vdev_sd_card_identify(card);
    }
    go_idle(card);
    return VDEV_OK;
}

void vdev_sd_card_emulator_power(struct vdev_sd_card_emulator *card)
{
    go_idle(card);
}

/* An answer R1, of the status as it was when the command came; errors are told once. */
static enum vdev_sd_response r1(struct vdev_sd_card_emulator *card, uint8_t state, bool application,
                                uint32_t answer[4])
{
    bool ready = state != VDEV_SD_PROGRAMMING && state != VDEV_SD_DISCONNECTED;

    answer[0] = card->status | (uint32_t)state << 9 | (ready ? STATUS_READY : 0) |
                (application ? STATUS_APPLICATION : 0);
    card->status = 0;
    return VDEV_SD_RESPONSE_R1;
}

static enum vdev_sd_response r2(const uint32_t words[4], uint32_t answer[4])
{
    memcpy(answer, words, 16);
    return VDEV_SD_RESPONSE_R2;
}

/* Not in this state, or not at all: no answer, and the next one says so [SD §4.6.1]. */
static enum vdev_sd_response illegal(struct vdev_sd_card_emulator *card)
{
    card->status |= STATUS_ILLEGAL_COMMAND;
    return VDEV_SD_RESPONSE_NONE;
}

/* Send `small` as the data of this command. */
static void send_small(struct vdev_sd_card_emulator *card, uint32_t bytes)
{
    card->state = VDEV_SD_SENDING;
    card->internal = true;
    card->multiple = false;
    card->failure = VDEV_OK;
    card->level = bytes;
    card->position = 0;
    card->left = bytes;
}

/* SWITCH_FUNC [SD §4.3.10]: group 1 knows default and high speed, the others only their default. */
static void switch_function(struct vdev_sd_card_emulator *card, uint32_t argument)
{
    uint8_t selected[6];
    bool good = true;

    for (unsigned group = 0; group < 6; group++) {
        uint8_t function = (argument >> (group * 4)) & 0xf;
        uint8_t current = group == 0 && card->high_speed ? 1 : 0;
        if (function == 0xf) {
            function = current;
        } else if (function > (group == 0 ? 1 : 0)) {
            function = 0xf;
            good = false;
        }
        selected[group] = function;
    }
    memset(card->small, 0, sizeof card->small);
    card->small[1] = good ? 100 : 0; /* mA */
    for (unsigned group = 0; group < 6; group++) {
        card->small[12 - 2 * group] = 0x80;
        card->small[13 - 2 * group] = group == 0 ? 0x03 : 0x01;
        card->small[16 - group / 2] |= (uint8_t)(selected[group] << (group % 2 * 4));
    }
    if (good && (argument >> 31) != 0) {
        card->high_speed = selected[0] == 1;
    }
    send_small(card, 64);
}

/*
 * Where a data command of `length` bytes a block starts on the medium: false, with the error in the
 * status, if it cannot. A block must not cross a sector (READ_BLK_MISALIGN and its like are 0).
 */
static bool locate(struct vdev_sd_card_emulator *card, uint32_t argument, uint32_t length,
                   bool multiple)
{
    uint64_t place = card->high_capacity ? (uint64_t)argument * SECTOR : argument;
    uint64_t end = card->sectors * SECTOR;

    if (place >= end || length > end - place) {
        card->status |= STATUS_OUT_OF_RANGE;
        return false;
    }
    if (place % SECTOR + length > SECTOR ||
        (multiple && (SECTOR % length != 0 || place % length != 0))) {
        card->status |= STATUS_ADDRESS_ERROR;
        return false;
    }
    card->place = place;
    card->left = multiple ? end - place : length;
    card->multiple = multiple;
    card->internal = false;
    card->failure = VDEV_OK;
    card->level = 0;
    card->position = 0;
    return true;
}

static void begin_read(struct vdev_sd_card_emulator *card, uint32_t argument, bool multiple)
{
    if (locate(card, argument, card->high_capacity ? SECTOR : card->block_length, multiple)) {
        card->state = VDEV_SD_SENDING;
        vdev_sd_card_fetch(card);
    }
}

static void begin_write(struct vdev_sd_card_emulator *card, uint32_t argument, bool multiple)
{
    if (card->block->information.read_only) {
        card->status |= STATUS_WRITE_PROTECTED;
    } else if (!card->high_capacity && card->block_length != SECTOR) {
        card->status |= STATUS_BLOCK_LENGTH; /* WRITE_BL_PARTIAL is 0 */
    } else if (locate(card, argument, SECTOR, multiple)) {
        card->state = VDEV_SD_RECEIVING;
        card->well_written = 0;
    }
}

static void stop_transmission(struct vdev_sd_card_emulator *card)
{
    if (card->state == VDEV_SD_SENDING) {
        vdev_sd_card_stop_sending(card, VDEV_SD_TRANSFER);
        card->failure = VDEV_OK;
        return;
    }
    if (!card->busy && card->failure == VDEV_OK) {
        vdev_sd_card_flush(card);
    }
    card->failure = VDEV_OK; /* from now on the status alone tells of it */
    card->state = card->busy && !card->abandoned ? VDEV_SD_PROGRAMMING : VDEV_SD_TRANSFER;
}

static enum vdev_sd_response select(struct vdev_sd_card_emulator *card, bool us, uint32_t answer[4])
{
    uint8_t state = card->state;

    if (!us) {
        if (state == VDEV_SD_SENDING) {
            vdev_sd_card_stop_sending(card, VDEV_SD_STANDBY);
        } else if (state == VDEV_SD_TRANSFER) {
            card->state = VDEV_SD_STANDBY;
        } else if (state == VDEV_SD_PROGRAMMING) {
            card->state = VDEV_SD_DISCONNECTED;
        }
        return VDEV_SD_RESPONSE_NONE;
    }
    if (state == VDEV_SD_STANDBY) {
        card->state = VDEV_SD_TRANSFER;
    } else if (state == VDEV_SD_DISCONNECTED) {
        card->state = VDEV_SD_PROGRAMMING;
    } else {
        return illegal(card);
    }
    return r1(card, state, false, answer);
}

/* SD_SEND_OP_COND [SD §4.2.3]. */
static enum vdev_sd_response operating_conditions(struct vdev_sd_card_emulator *card,
                                                  uint32_t argument, uint32_t answer[4])
{
    if ((argument & 0x00ffffff) == 0) {
        /* Only asked: nothing starts. */
    } else if ((argument & OCR_VOLTAGES) == 0) {
        card->state = VDEV_SD_INACTIVE;
        return VDEV_SD_RESPONSE_NONE;
    } else if (!card->high_capacity || (argument & OCR_HIGH_CAPACITY) != 0) {
        card->ocr |= OCR_POWERED_UP | (card->high_capacity ? OCR_HIGH_CAPACITY : 0);
        card->state = VDEV_SD_READY;
    }
    answer[0] = card->ocr;
    return VDEV_SD_RESPONSE_R3;
}

/* Those that mean something else after CMD55. *known is false if it is none of them. */
static enum vdev_sd_response application_command(struct vdev_sd_card_emulator *card, uint8_t index,
                                                 uint32_t argument, uint32_t answer[4], bool *known)
{
    uint8_t state = card->state;

    *known = true;
    if (index == 41) {
        return state == VDEV_SD_IDLE ? operating_conditions(card, argument, answer) : illegal(card);
    }
    if (index != 6 && index != 13 && index != 22 && index != 23 && index != 42 && index != 51) {
        *known = false;
        return VDEV_SD_RESPONSE_NONE;
    }
    if (state != VDEV_SD_TRANSFER) {
        return illegal(card);
    }
    enum vdev_sd_response response = r1(card, state, true, answer);
    switch (index) {
    case 6: /* SET_BUS_WIDTH */
        card->wide = (argument & 3) == 2;
        break;
    case 13: /* SD_STATUS */
        memset(card->small, 0, sizeof card->small);
        card->small[0] = card->wide ? 0x80 : 0;
        card->small[8] = 4;     /* speed class 10 */
        card->small[10] = 0x90; /* allocation unit 4 MiB */
        send_small(card, 64);
        break;
    case 22: /* SEND_NUM_WR_BLOCKS */
        for (unsigned i = 0; i < 4; i++) {
            card->small[i] = (uint8_t)(card->well_written >> (24 - 8 * i));
        }
        send_small(card, 4);
        break;
    case 51: /* SEND_SCR */
        memset(card->small, 0, sizeof card->small);
        card->small[0] = 0x02; /* version 2.00 */
        card->small[1] = 0x05; /* one and four data lines */
        send_small(card, 8);
        break;
    default: /* SET_WR_BLK_ERASE_COUNT, a hint; SET_CLR_CARD_DETECT: there is no such resistor */
        break;
    }
    return response;
}

/* Commands that only a selected card in the transfer state takes. */
static enum vdev_sd_response transfer_command(struct vdev_sd_card_emulator *card, uint8_t index,
                                              uint32_t argument, uint32_t answer[4])
{
    uint8_t state = card->state;

    if (state != VDEV_SD_TRANSFER) {
        return illegal(card);
    }
    switch (index) {
    case 6:
        switch_function(card, argument);
        break;
    case 16: /* SET_BLOCKLEN; of no effect on data with high capacity [SD §4.3.2] */
        if (argument == 0 || argument > SECTOR) {
            card->status |= STATUS_BLOCK_LENGTH;
        } else {
            card->block_length = (uint16_t)argument;
        }
        break;
    case 17:
    case 18:
        begin_read(card, argument, index == 18);
        break;
    default: /* 24, 25 */
        begin_write(card, argument, index == 25);
        break;
    }
    return r1(card, state, false, answer);
}

/* Commands to one card by its relative address; others keep silent. */
static enum vdev_sd_response addressed_command(struct vdev_sd_card_emulator *card, uint8_t index,
                                               uint32_t argument, uint32_t answer[4])
{
    uint8_t state = card->state;
    bool us = (argument >> 16) == card->address;

    if (index == 55) {
        if (state == VDEV_SD_READY || state == VDEV_SD_IDENTIFICATION) {
            return illegal(card);
        }
        card->application = us;
        return us ? r1(card, state, true, answer) : VDEV_SD_RESPONSE_NONE;
    }
    if (state < VDEV_SD_STANDBY) {
        return illegal(card);
    }
    if (index == 7) {
        return select(card, us, answer);
    }
    if (!us) {
        return VDEV_SD_RESPONSE_NONE;
    }
    if (index == 13) {
        return r1(card, state, false, answer);
    }
    if (state != VDEV_SD_STANDBY && index != 15) {
        return illegal(card);
    }
    if (index == 15) {
        card->state = VDEV_SD_INACTIVE;
        return VDEV_SD_RESPONSE_NONE;
    }
    return r2(index == 9 ? card->csd : card->cid, answer);
}

/* SEND_RELATIVE_ADDR: a new address each time, never zero. R6 squeezes the status into 16 bits. */
static enum vdev_sd_response publish_address(struct vdev_sd_card_emulator *card, uint32_t answer[4])
{
    uint8_t state = card->state;

    if (state != VDEV_SD_IDENTIFICATION && state != VDEV_SD_STANDBY) {
        return illegal(card);
    }
    card->address = card->address == 0 || card->address == UINT16_MAX
                        ? FIRST_RELATIVE_ADDRESS
                        : (uint16_t)(card->address + 1);
    r1(card, state, false, answer);
    uint32_t status = answer[0];
    answer[0] = (uint32_t)card->address << 16 | (status >> 8 & 0xc000) | (status >> 6 & 0x2000) |
                (status & 0x1fff);
    card->state = VDEV_SD_STANDBY;
    return VDEV_SD_RESPONSE_R6;
}

enum vdev_sd_response vdev_sd_card_emulator_command(struct vdev_sd_card_emulator *card,
                                                    uint8_t index, uint32_t argument,
                                                    uint32_t answer[4])
{
    bool application = card->application;

    memset(answer, 0, 16);
    card->application = false;
    if (card->block == NULL || card->state == VDEV_SD_INACTIVE) {
        return VDEV_SD_RESPONSE_NONE;
    }
    if (application) {
        enum vdev_sd_response response =
            application_command(card, index, argument, answer, &application);
        if (application) {
            return response;
        }
    }
    switch (index) {
    case 0: /* GO_IDLE_STATE */
        go_idle(card);
        return VDEV_SD_RESPONSE_NONE;
    case 2: /* ALL_SEND_CID */
        if (card->state != VDEV_SD_READY) {
            return illegal(card);
        }
        card->state = VDEV_SD_IDENTIFICATION;
        return r2(card->cid, answer);
    case 3:
        return publish_address(card, answer);
    case 4: /* SET_DSR: there is none */
        return card->state == VDEV_SD_STANDBY ? VDEV_SD_RESPONSE_NONE : illegal(card);
    case 8: /* SEND_IF_COND: silent also when it is not 2.7 V to 3.6 V that is offered */
        if (card->state != VDEV_SD_IDLE) {
            return illegal(card);
        }
        answer[0] = argument & 0xfff;
        return (argument >> 8 & 0xf) == 1 ? VDEV_SD_RESPONSE_R7 : VDEV_SD_RESPONSE_NONE;
    case 7:
    case 9:
    case 10:
    case 13:
    case 15:
    case 55:
        return addressed_command(card, index, argument, answer);
    case 6:
    case 16:
    case 17:
    case 18:
    case 24:
    case 25:
        return transfer_command(card, index, argument, answer);
    case 12: { /* STOP_TRANSMISSION */
        uint8_t state = card->state;
        if (state != VDEV_SD_SENDING && state != VDEV_SD_RECEIVING) {
            return illegal(card);
        }
        stop_transmission(card);
        return r1(card, state, false, answer);
    }
    default:
        return illegal(card);
    }
}
