/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SD card model's data: one buffer between the host controller's emulator and the block class.
 * A read fills it and is sent from it; a write gathers in it and goes to the medium when it is
 * full, when as much as was expected has come, or when the host stops. While the class has the
 * buffer, the card has no data and no room; and when nobody wants the result any more, it waits for
 * it still.
 */
#include <vdev/status.h>

#include "core/mem.h"
#include "emulators/sd_card.h"

#define SECTOR VDEV_SECTOR_SIZE

/* The largest request that buffer and class take. */
static uint32_t chunk(const struct vdev_sd_card_emulator *card)
{
    uint32_t sectors = card->block->information.maximum_sectors;

    if (sectors != 0 && sectors < card->buffer_length / SECTOR) {
        return sectors * SECTOR;
    }
    return card->buffer_length;
}

static int submit(struct vdev_sd_card_emulator *card, enum vdev_block_operation operation,
                  uint32_t bytes)
{
    card->piece = (struct vdev_buffer){card->buffer, bytes, VDEV_NO_BUS_ADDRESS};
    card->request.operation = operation;
    card->request.sector = card->place / SECTOR;
    card->request.buffers = &card->piece;
    card->request.buffer_count = 1;
    int status = vdev_block_submit(card->block, &card->request);
    if (status == VDEV_OK) {
        card->busy = true;
    } else {
        card->failure = status;
        card->status |= STATUS_ERROR;
    }
    return status;
}

void vdev_sd_card_fetch(struct vdev_sd_card_emulator *card)
{
    if (card->state != VDEV_SD_SENDING || card->internal || card->busy ||
        card->position != card->level || card->failure != VDEV_OK || card->expected == 0) {
        return;
    }
    if (card->left == 0) {
        card->failure = VDEV_ERROR_RANGE;
        card->status |= STATUS_OUT_OF_RANGE;
        return;
    }
    uint64_t bytes = card->expected < card->left ? card->expected : card->left;
    bytes = (bytes + card->place % SECTOR + SECTOR - 1) & ~(uint64_t)(SECTOR - 1);
    if (bytes > chunk(card)) {
        bytes = chunk(card);
    }
    card->level = 0;
    card->position = 0;
    submit(card, VDEV_BLOCK_READ, (uint32_t)bytes);
}

void vdev_sd_card_flush(struct vdev_sd_card_emulator *card)
{
    uint32_t whole = card->level & ~(SECTOR - 1);

    if (whole != 0) {
        submit(card, VDEV_BLOCK_WRITE, whole);
    }
}

static void read_completed(struct vdev_sd_card_emulator *card, int status)
{
    if (status != VDEV_OK) {
        card->failure = status;
        card->status |= STATUS_ECC_FAILED;
        return;
    }
    card->level = (uint32_t)card->piece.length;
    card->position = (uint32_t)(card->place % SECTOR);
    card->place += card->level - card->position;
}

static void write_completed(struct vdev_sd_card_emulator *card, int status)
{
    uint32_t bytes = (uint32_t)card->piece.length;

    if (status != VDEV_OK) {
        /* After CMD12 nobody asks about these data any more: the card status alone tells. */
        if (!card->multiple || card->state == VDEV_SD_RECEIVING) {
            card->failure = status;
        }
        card->status |= STATUS_ERROR;
        card->level = 0;
    } else {
        card->place += bytes;
        card->well_written += bytes / SECTOR;
        card->level -= bytes;
        memmove(card->buffer, card->buffer + bytes, card->level);
    }
    if (card->state == VDEV_SD_PROGRAMMING) {
        card->state = VDEV_SD_TRANSFER;
    } else if (card->state == VDEV_SD_DISCONNECTED) {
        card->state = VDEV_SD_STANDBY;
    }
}

void vdev_sd_card_completed(struct vdev_block_request *request, int status)
{
    struct vdev_sd_card_emulator *card = request->owner;

    card->busy = false;
    if (card->abandoned) {
        card->abandoned = false;
        vdev_sd_card_fetch(card);
    } else if (request->operation == VDEV_BLOCK_READ) {
        read_completed(card, status);
    } else {
        write_completed(card, status);
    }
    if (card->changed != NULL) {
        card->changed(card->owner);
    }
}

void vdev_sd_card_stop_sending(struct vdev_sd_card_emulator *card, enum vdev_sd_state next)
{
    card->state = (uint8_t)next;
    card->abandoned = card->busy;
    card->level = 0;
    card->position = 0;
    card->left = 0;
}

void vdev_sd_card_emulator_expect(struct vdev_sd_card_emulator *card, uint32_t bytes)
{
    card->expected = bytes;
    card->failure = VDEV_OK; /* the host was told; the status has it still */
    if (bytes != 0) {
        vdev_sd_card_fetch(card);
        return;
    }
    if (card->state == VDEV_SD_SENDING && !card->multiple) {
        /* The card clocks out the rest of its block all the same; nobody sees it. */
        vdev_sd_card_stop_sending(card, VDEV_SD_TRANSFER);
    }
}

static uint32_t least(uint32_t a, uint64_t b)
{
    return a < b ? a : (uint32_t)b;
}

int vdev_sd_card_emulator_peek(struct vdev_sd_card_emulator *card, const uint8_t **pointer)
{
    if (card->failure != VDEV_OK) {
        return card->failure;
    }
    if (card->state != VDEV_SD_SENDING || (card->busy && !card->internal)) {
        return 0;
    }
    *pointer = (card->internal ? card->small : card->buffer) + card->position;
    return (int)least(card->level - card->position, card->left);
}

void vdev_sd_card_emulator_take(struct vdev_sd_card_emulator *card, uint32_t bytes)
{
    if (card->state != VDEV_SD_SENDING || (card->busy && !card->internal)) {
        return;
    }
    bytes = least(least(bytes, card->left), card->level - card->position);
    card->position += bytes;
    card->left -= bytes;
    card->expected -= least(bytes, card->expected);
    if (card->left == 0 && !card->multiple) {
        vdev_sd_card_stop_sending(card, VDEV_SD_TRANSFER);
    } else {
        vdev_sd_card_fetch(card);
    }
}

int vdev_sd_card_emulator_room(struct vdev_sd_card_emulator *card, uint8_t **pointer)
{
    if (card->failure != VDEV_OK) {
        return card->failure;
    }
    if (card->state != VDEV_SD_RECEIVING) {
        return VDEV_ERROR_STATE;
    }
    if (card->busy) {
        return 0;
    }
    if (card->left == 0) {
        card->failure = VDEV_ERROR_RANGE;
        card->status |= STATUS_OUT_OF_RANGE;
        return card->failure;
    }
    *pointer = card->buffer + card->level;
    return (int)least(chunk(card) - card->level, card->left);
}

void vdev_sd_card_emulator_put(struct vdev_sd_card_emulator *card, uint32_t bytes)
{
    if (card->state != VDEV_SD_RECEIVING || card->busy) {
        return;
    }
    bytes = least(least(bytes, card->left), chunk(card) - card->level);
    card->level += bytes;
    card->left -= bytes;
    card->expected -= least(bytes, card->expected);
    if (card->level != chunk(card) && card->left != 0 && card->expected != 0) {
        return;
    }
    vdev_sd_card_flush(card);
    if (card->left == 0 && !card->multiple) {
        card->state = card->busy ? VDEV_SD_PROGRAMMING : VDEV_SD_TRANSFER;
    }
}

int vdev_sd_card_emulator_settled(const struct vdev_sd_card_emulator *card)
{
    if (card->failure != VDEV_OK) {
        return card->failure;
    }
    return card->busy && !card->abandoned ? VDEV_SD_PENDING : VDEV_OK;
}
