/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SD card layer: a state machine of commands, one step a poll. Knows no registers.
 * [SD] is the SD Physical Layer Simplified Specification, version 6.00.
 *
 * Each state but the two that rest has one command. `start` gives it to the host; when the host is
 * done, `advance` looks at the result and names the next state. Identification is a straight line
 * through such states, and a request a small circle: DATA, STOP, PROGRAMMED, and DATA again until
 * all of it has moved. What fails in the circle goes through RECOVER_STOP and RECOVER_STATUS, which
 * tell a card that erred from one that has left.
 */
#include <vdev/drivers/sd_card.h>
#include <vdev/status.h>

#include "core/mem.h"

/* The card status in an R1 [SD §4.10.1]; bits 23 and 22 are of the command before, and left out. */
#define CARD_OUT_OF_RANGE (1u << 31)
#define CARD_ERRORS       0xff390000u
#define CARD_READY        (1u << 8)
#define CARD_STATE(r1)    ((r1) >> 9 & 0xf)
#define CARD_TRANSFER     4u

#define VOLTAGES        0x00ff8000u /* 2.7 V to 3.6 V */
#define OCR_CAPACITY    (1u << 30)  /* HCS in the command, CCS in the answer */
#define OCR_POWERED_UP  (1u << 31)
#define INTERFACE_CHECK 0x1aau /* CMD8: 2.7 V to 3.6 V, and any pattern */
#define STANDARD_HERTZ  25000000u
#define SCR_FOUR_LINES  0x04u

enum state {
    UNIDENTIFIED, /* rests; the next request has the card identified first */
    RESET,        /* CMD0 */
    CONDITION,    /* CMD8 */
    ASK_POWER_UP, /* CMD55 */
    POWER_UP,     /* ACMD41, with the one before until the card is ready */
    IDENTITY,     /* CMD2 */
    ADDRESS,      /* CMD3 */
    SIZE,         /* CMD9 */
    SELECT,       /* CMD7 */
    ASK_SCR,      /* CMD55 */
    SCR,          /* ACMD51 */
    ASK_WIDTH,    /* CMD55 */
    WIDTH,        /* ACMD6 */
    BLOCK_LENGTH, /* CMD16 */
    READY,        /* rests */
    DATA,         /* CMD17, 18, 24 or 25 */
    STOP,         /* CMD12 */
    PROGRAMMED,   /* CMD13, until the card has written what it was sent */
    RECOVER_STOP,
    RECOVER_STATUS,
};

static struct vdev_sd_card *card_of(struct vdev_block *block)
{
    return (struct vdev_sd_card *)block; /* its first member */
}

/* `count` bits of a register of 128 from bit `lowest` on; words[0] has bits 127..96. */
static uint32_t bits(const uint32_t words[4], unsigned lowest, unsigned count)
{
    uint32_t value = 0;

    for (unsigned i = count; i-- != 0;) {
        unsigned bit = lowest + i;
        value = value << 1 | ((words[3 - bit / 32] >> (bit % 32)) & 1);
    }
    return value;
}

/* CSD [SD §5.3]: capacity and write protection. */
static int take_size(struct vdev_sd_card *card, const uint32_t csd[4])
{
    struct vdev_block_information *information = &card->block.information;

    switch (bits(csd, 126, 2)) {
    case 0: {
        unsigned length = bits(csd, 80, 4); /* READ_BL_LEN: 9 to 11, or the card is broken */
        if (length < 9 || length > 11) {
            return VDEV_ERROR_UNSUPPORTED;
        }
        information->sectors = (uint64_t)(bits(csd, 62, 12) + 1)
                               << (bits(csd, 47, 3) + 2 + length - 9);
        break;
    }
    case 1:
        information->sectors = (uint64_t)(bits(csd, 48, 22) + 1) * 1024;
        break;
    default:
        return VDEV_ERROR_UNSUPPORTED;
    }
    information->read_only = bits(csd, 12, 2) != 0;
    return VDEV_OK;
}

/* CID [SD §5.2]: the product's name and its serial number. */
static void take_identity(struct vdev_sd_card *card, const uint32_t cid[4])
{
    char *text = card->block.information.identifier;
    uint32_t serial = bits(cid, 24, 32);

    for (unsigned i = 0; i < 5; i++) {
        uint32_t letter = bits(cid, 96 - 8 * i, 8);
        text[i] = letter > ' ' && letter < 127 ? (char)letter : '_';
    }
    text[5] = '-';
    for (unsigned i = 0; i < 8; i++) {
        text[6 + i] = "0123456789abcdef"[serial >> (28 - 4 * i) & 0xf];
    }
    text[14] = 0;
}

/* Take the current request off the queue and give it back. It may be submitted anew from there. */
static void complete(struct vdev_sd_card *card, int status)
{
    struct vdev_block_request *request = card->first;

    card->first = request->next;
    if (card->first == NULL) {
        card->last = NULL;
    }
    request->next = NULL;
    request->complete(request, status);
}

/* Identification came to nothing: none of those who wait for it gets more than this. */
static void give_up(struct vdev_sd_card *card, int status)
{
    struct vdev_block_request *last = card->last;

    card->state = UNIDENTIFIED;
    card->failure = status;
    card->block.information.sectors = 0;
    while (card->first != NULL) {
        /* Not those that are submitted from inside a completion: they may be luckier. */
        bool end = card->first == last;
        complete(card, status == VDEV_ERROR_UNSUPPORTED ? VDEV_ERROR_IO : status);
        if (end) {
            break;
        }
    }
}

static void begin_identification(struct vdev_sd_card *card)
{
    int status = card->host->operations->reset(card->host);
    uint64_t now = vdev_clock_now(card->clock);

    card->address = 0;
    card->answers_cmd8 = false;
    card->high_capacity = false;
    card->wide = false;
    card->limit = now + VDEV_SD_POWER_UP_TIME;
    card->patience = now + VDEV_SD_IDENTIFY_TIME;
    card->state = RESET;
    if (status != VDEV_OK) {
        give_up(card, status);
    }
}

/* The next request's turn: true if it has a command to be started; one completion at most. */
static bool begin_request(struct vdev_sd_card *card)
{
    struct vdev_block_request *request = card->first;

    if (request == NULL) {
        return false;
    }
    if (vdev_block_check(&card->block, request) != VDEV_OK) {
        /* It was submitted while another card, or none, was there. */
        complete(card, VDEV_ERROR_IO);
        return false;
    }
    if (request->operation == VDEV_BLOCK_FLUSH) {
        /* The writes before it completed when the card had programmed them. */
        complete(card, VDEV_OK);
        return false;
    }
    card->cursor = vdev_cursor(request->buffers, request->buffer_count);
    card->sector = request->sector;
    card->sectors = vdev_buffers_length(request->buffers, request->buffer_count) / VDEV_SECTOR_SIZE;
    card->failure = VDEV_OK;
    card->state = DATA;
    return true;
}

static void set_command(struct vdev_sd_card *card, uint8_t index, uint32_t argument,
                        enum vdev_sd_response response)
{
    card->command.index = index;
    card->command.argument = argument;
    card->command.response = response;
}

/* As many blocks as the host takes at once. */
static void set_data_command(struct vdev_sd_card *card)
{
    uint32_t count = card->host->maximum_blocks;
    bool write = card->first->operation == VDEV_BLOCK_WRITE;

    if (card->sectors < count) {
        count = (uint32_t)card->sectors;
    }
    card->transfer.cursor = card->cursor;
    card->transfer.block_size = VDEV_SECTOR_SIZE;
    card->transfer.block_count = count;
    card->transfer.write = write;
    set_command(card, (uint8_t)((write ? 24 : 17) + (count != 1)),
                (uint32_t)(card->high_capacity ? card->sector : card->sector * VDEV_SECTOR_SIZE),
                VDEV_SD_RESPONSE_R1);
}

/* Give the state's command to the host. */
static int start(struct vdev_sd_card *card)
{
    uint32_t address = (uint32_t)card->address << 16;
    struct vdev_sd_transfer *transfer = NULL;
    uint64_t time = VDEV_SD_COMMAND_TIME;

    switch ((enum state)card->state) {
    case RESET:
        set_command(card, 0, 0, VDEV_SD_RESPONSE_NONE);
        break;
    case CONDITION:
        set_command(card, 8, INTERFACE_CHECK, VDEV_SD_RESPONSE_R7);
        break;
    case ASK_POWER_UP:
    case ASK_SCR:
    case ASK_WIDTH:
        set_command(card, 55, address, VDEV_SD_RESPONSE_R1);
        break;
    case POWER_UP:
        set_command(card, 41, VOLTAGES | (card->answers_cmd8 ? OCR_CAPACITY : 0),
                    VDEV_SD_RESPONSE_R3);
        break;
    case IDENTITY:
        set_command(card, 2, 0, VDEV_SD_RESPONSE_R2);
        break;
    case ADDRESS:
        set_command(card, 3, 0, VDEV_SD_RESPONSE_R6);
        break;
    case SIZE:
        set_command(card, 9, address, VDEV_SD_RESPONSE_R2);
        break;
    case SELECT:
        set_command(card, 7, address, VDEV_SD_RESPONSE_R1B);
        break;
    case SCR:
        set_command(card, 51, 0, VDEV_SD_RESPONSE_R1);
        card->scr_buffer = (struct vdev_buffer){card->scr, sizeof card->scr, VDEV_NO_BUS_ADDRESS};
        card->transfer = (struct vdev_sd_transfer){
            .cursor = vdev_cursor(&card->scr_buffer, 1),
            .block_size = sizeof card->scr,
            .block_count = 1,
        };
        transfer = &card->transfer;
        time = VDEV_SD_DATA_TIME;
        break;
    case WIDTH:
        set_command(card, 6, 2, VDEV_SD_RESPONSE_R1);
        break;
    case BLOCK_LENGTH:
        set_command(card, 16, VDEV_SECTOR_SIZE, VDEV_SD_RESPONSE_R1);
        break;
    case DATA:
        set_data_command(card);
        transfer = &card->transfer;
        time = VDEV_SD_DATA_TIME;
        break;
    case STOP:
    case RECOVER_STOP:
        set_command(card, 12, 0, VDEV_SD_RESPONSE_R1B);
        break;
    case PROGRAMMED:
    case RECOVER_STATUS:
        set_command(card, 13, address, VDEV_SD_RESPONSE_R1);
        break;
    case UNIDENTIFIED:
    case READY:
        return VDEV_ERROR_STATE;
    }
    card->deadline = vdev_clock_now(card->clock) + time;
    card->started = true;
    return card->host->operations->start(card->host, &card->command, transfer);
}

/* The data command, or what follows it, failed. Find out in what state the card is now. */
static void recover(struct vdev_sd_card *card, int status)
{
    card->failure = status;
    card->limit = vdev_clock_now(card->clock) + VDEV_SD_BUSY_TIME;
    card->state = RECOVER_STOP;
}

/* This request is done with; a card that does not answer is to be identified anew. */
static void end_request(struct vdev_sd_card *card, bool alive, int status)
{
    card->state = alive ? READY : UNIDENTIFIED;
    complete(card, status);
}

/* One command's blocks have moved, and are where they should be. */
static void next_part(struct vdev_sd_card *card)
{
    uint32_t count = card->transfer.block_count;

    card->cursor = card->transfer.cursor;
    card->sector += count;
    card->sectors -= count;
    if (card->sectors == 0) {
        end_request(card, true, VDEV_OK);
    } else {
        card->state = DATA;
    }
}

/* One step of the identification. */
static int advance_identification(struct vdev_sd_card *card, int status)
{
    const uint32_t *answer = card->command.answer;
    enum state state = (enum state)card->state;

    if (state == CONDITION) {
        /* No answer: an older card, or none at all, as the next command will show. */
        card->answers_cmd8 = status == VDEV_OK && (answer[0] & 0xfff) == INTERFACE_CHECK;
        card->state = ASK_POWER_UP;
        return status == VDEV_ERROR_ABSENT ? status : VDEV_OK;
    }
    if (status == VDEV_ERROR_TIMEOUT && state <= POWER_UP) {
        /* An MMC card is silent to ACMD41, and an empty slot to everything. */
        return state == POWER_UP ? VDEV_ERROR_UNSUPPORTED : VDEV_ERROR_ABSENT;
    }
    if (status != VDEV_OK) {
        return status;
    }
    if ((card->command.response == VDEV_SD_RESPONSE_R1 ||
         card->command.response == VDEV_SD_RESPONSE_R1B) &&
        (answer[0] & CARD_ERRORS) != 0) {
        return VDEV_ERROR_IO;
    }
    switch (state) {
    case POWER_UP:
        if ((answer[0] & OCR_POWERED_UP) == 0) {
            card->state = ASK_POWER_UP;
            return vdev_clock_now(card->clock) > card->limit ? VDEV_ERROR_TIMEOUT : VDEV_OK;
        }
        card->high_capacity = (answer[0] & OCR_CAPACITY) != 0;
        break;
    case IDENTITY:
        take_identity(card, answer);
        break;
    case ADDRESS:
        card->address = (uint16_t)(answer[0] >> 16);
        break;
    case SIZE:
        status = take_size(card, answer);
        break;
    case SELECT:
        card->host->operations->set_bus(card->host, STANDARD_HERTZ, 1);
        if (!card->host->wide) {
            card->state = BLOCK_LENGTH;
            return VDEV_OK;
        }
        break;
    case SCR:
        card->wide = (card->scr[1] & SCR_FOUR_LINES) != 0;
        if (!card->wide) {
            card->state = BLOCK_LENGTH;
            return VDEV_OK;
        }
        break;
    case WIDTH:
        card->host->operations->set_bus(card->host, STANDARD_HERTZ, 4);
        break;
    case BLOCK_LENGTH:
        card->failure = VDEV_OK;
        card->medium++;
        break;
    default:
        break;
    }
    card->state++;
    return status;
}

/* The answer to CMD13 while the card may still be busy: true if it is not any more. */
static bool settled(uint32_t r1)
{
    return (r1 & CARD_READY) != 0 && CARD_STATE(r1) == CARD_TRANSFER;
}

static void advance_recovery(struct vdev_sd_card *card, int status)
{
    bool gone = status == VDEV_ERROR_TIMEOUT || status == VDEV_ERROR_ABSENT;

    if (card->state == RECOVER_STOP) {
        /* Refused, and so not answered, if the card was not moving data: it is all the same. */
        card->state = RECOVER_STATUS;
    } else if (status != VDEV_OK) {
        end_request(card, false, gone ? VDEV_ERROR_ABSENT : card->failure);
    } else if (settled(card->command.answer[0])) {
        end_request(card, true, card->failure);
    } else if (vdev_clock_now(card->clock) > card->limit) {
        end_request(card, false, card->failure);
    }
}

static void advance_request(struct vdev_sd_card *card, int status)
{
    bool write = card->first->operation == VDEV_BLOCK_WRITE;
    uint32_t r1 = card->command.answer[0];
    uint32_t errors = CARD_ERRORS;

    if (card->state == STOP && !write) {
        /* A card that read ahead past its end says so here, though nobody asked for that. */
        errors &= ~CARD_OUT_OF_RANGE;
    }
    if (status == VDEV_OK && (r1 & errors) != 0) {
        status = VDEV_ERROR_IO;
    }
    if (status != VDEV_OK) {
        recover(card, status);
    } else if (card->state == DATA && card->transfer.block_count != 1) {
        card->state = STOP;
    } else if (card->state != PROGRAMMED && write) {
        card->state = PROGRAMMED;
        card->limit = vdev_clock_now(card->clock) + VDEV_SD_BUSY_TIME;
    } else if (card->state != PROGRAMMED || settled(r1)) {
        next_part(card);
    } else if (vdev_clock_now(card->clock) > card->limit) {
        recover(card, VDEV_ERROR_TIMEOUT);
    }
}

/* The host is done with the command, or failed. */
static void advance(struct vdev_sd_card *card, int status)
{
    card->started = false;
    if (card->state >= RECOVER_STOP) {
        advance_recovery(card, status);
        return;
    }
    if (card->state >= READY) {
        advance_request(card, status);
        return;
    }
    status = advance_identification(card, status);
    if (status == VDEV_OK && vdev_clock_now(card->clock) > card->patience) {
        status = VDEV_ERROR_TIMEOUT;
    }
    if (status != VDEV_OK) {
        give_up(card, status);
    }
}

static bool poll(struct vdev_block *block)
{
    struct vdev_sd_card *card = card_of(block);

    if (card->started) {
        int status = card->host->operations->poll(card->host);
        if (status == VDEV_SD_MORE) {
            card->deadline = vdev_clock_now(card->clock) + VDEV_SD_DATA_TIME;
            return true;
        }
        if (status == VDEV_SD_PENDING) {
            if (card->state == DATA && (card->command.answer[0] & CARD_ERRORS) != 0) {
                status = VDEV_ERROR_IO; /* refused: the data will never come */
            } else if (vdev_clock_now(card->clock) > card->deadline) {
                status = VDEV_ERROR_TIMEOUT;
            } else {
                return false;
            }
            card->host->operations->cancel(card->host);
        }
        advance(card, status);
    }
    if (card->state == UNIDENTIFIED && card->first != NULL) {
        begin_identification(card);
    }
    if (card->state == UNIDENTIFIED || (card->state == READY && !begin_request(card))) {
        return card->first != NULL;
    }
    int status = start(card);
    if (status != VDEV_OK) {
        advance(card, status);
    }
    return true;
}

static int submit(struct vdev_block *block, struct vdev_block_request *request)
{
    static const struct vdev_block any = {.information.sectors = UINT64_MAX};
    struct vdev_sd_card *card = card_of(block);

    /* Before the identification: which card will be there, and how large, is not known yet. */
    int status = vdev_block_check(card->state < READY ? &any : block, request);
    if (status != VDEV_OK) {
        return status;
    }
    request->next = NULL;
    if (card->last != NULL) {
        card->last->next = request;
    } else {
        card->first = request;
    }
    card->last = request;
    /*
     * An idle card's controller has no reason to interrupt: its first command is given here.
     * Whatever else there is to do, completing included, is left to poll: see
     * vdev_sd_card_deadline.
     */
    if (card->state == READY && card->first == request && request->operation != VDEV_BLOCK_FLUSH &&
        begin_request(card)) {
        status = start(card);
        if (status != VDEV_OK) {
            advance(card, status);
        }
    }
    return VDEV_OK;
}

int vdev_sd_card_init(struct vdev_sd_card *card, struct vdev_sd_host *host,
                      const struct vdev_clock *clock)
{
    static const struct vdev_block_operations operations = {.submit = submit, .poll = poll};

    memset(card, 0, sizeof *card);
    card->block.operations = &operations;
    card->block.information.block_size = VDEV_SECTOR_SIZE;
    card->host = host;
    card->clock = clock;
    begin_identification(card);
    while (card->state != UNIDENTIFIED && card->state != READY) {
        poll(&card->block);
    }
    return card->failure;
}

uint64_t vdev_sd_card_deadline(const struct vdev_sd_card *card)
{
    if (card->started) {
        return card->deadline;
    }
    return card->first != NULL ? 0 : UINT64_MAX; /* 0: what is there has no event of its own */
}
