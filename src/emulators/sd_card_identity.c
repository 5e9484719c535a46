/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who the SD card model is: CID and CSD.
 * [SD] is the SD Physical Layer Simplified Specification, version 2.00.
 */
#include "core/mem.h"
#include "emulators/sd_card.h"

#define STANDARD_SECTORS ((uint64_t)1 << 22) /* 2 GiB: above, a card is of high capacity */
#define COMMAND_CLASSES  0x515u              /* basic, block read and write, application, switch */

/* Bits of a register of 128, numbered as in the specification; word 0 has 127..96. */
static void set_bits(uint32_t words[4], unsigned lowest, unsigned count, uint32_t value)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned bit = lowest + i;
        words[3 - bit / 32] |= ((value >> i) & 1) << (bit % 32);
    }
}

/* CRC7 of bits 127..8 into bits 7..1, and the end bit [SD §4.5]. */
static void seal(uint32_t words[4])
{
    uint32_t crc = 0;

    for (unsigned bit = 127; bit >= 8; bit--) {
        uint32_t in = (words[3 - bit / 32] >> (bit % 32)) & 1;
        uint32_t feedback = ((crc >> 6) & 1) ^ in;
        crc = ((crc << 1) & 0x7f) ^ (feedback != 0 ? 0x09 : 0);
    }
    set_bits(words, 0, 8, crc << 1 | 1);
}

/* The size, rounded down to what a CSD can say [SD §5.3]. */
static void state_size(struct vdev_sd_card_emulator *card, uint64_t sectors)
{
    uint32_t *csd = card->csd;

    if (card->high_capacity) {
        uint32_t size = (uint32_t)(sectors / 1024);
        set_bits(csd, 126, 2, 1);        /* CSD version 2.0 */
        set_bits(csd, 80, 4, 9);         /* READ_BL_LEN: 512 */
        set_bits(csd, 48, 22, size - 1); /* C_SIZE: units of 512 KiB */
        set_bits(csd, 22, 4, 9);         /* WRITE_BL_LEN */
        card->sectors = (uint64_t)size * 1024;
        return;
    }
    /* Units of 2^(multiplier + 2) blocks of 2^length bytes; the smallest that do. */
    unsigned shift = 2;
    while ((sectors >> shift) > 4096) {
        shift++;
    }
    uint32_t size = (uint32_t)(sectors >> shift);
    unsigned length = shift > 9 ? 10 : 9;
    set_bits(csd, 80, 4, length);
    set_bits(csd, 79, 1, 1);      /* READ_BL_PARTIAL */
    set_bits(csd, 50, 12, 06666); /* currents: up to 100 mA */
    set_bits(csd, 62, 12, size - 1);
    set_bits(csd, 47, 3, shift - 2 - (length - 9));
    set_bits(csd, 22, 4, length);
    card->sectors = (uint64_t)size << shift;
}

void vdev_sd_card_identify(struct vdev_sd_card_emulator *card)
{
    const struct vdev_block_information *information = &card->block->information;
    uint32_t serial = 2166136261u;

    /* A number that differs with the medium and stays with it: a hash (FNV-1a) of its name. */
    for (unsigned i = 0; i < sizeof information->identifier && information->identifier[i] != 0;
         i++) {
        serial = (serial ^ (uint8_t)information->identifier[i]) * 16777619u;
    }
    memset(card->cid, 0, sizeof card->cid);
    set_bits(card->cid, 104, 16, 'V' << 8 | 'D'); /* OEM */
    set_bits(card->cid, 96, 8, 'v');              /* product name, five characters */
    set_bits(card->cid, 64, 32, (uint32_t)'d' << 24 | 'e' << 16 | 'v' << 8 | ' ');
    set_bits(card->cid, 56, 8, 0x10); /* revision 1.0 */
    set_bits(card->cid, 24, 32, serial);
    set_bits(card->cid, 8, 12, 26 << 4 | 1); /* January 2026 */
    seal(card->cid);

    card->high_capacity = information->sectors > STANDARD_SECTORS;
    memset(card->csd, 0, sizeof card->csd);
    set_bits(card->csd, 112, 8, 0x0e); /* TAAC: 1 ms */
    set_bits(card->csd, 96, 8, 0x32);  /* TRAN_SPEED: 25 MHz */
    set_bits(card->csd, 84, 12, COMMAND_CLASSES);
    state_size(card, information->sectors);
    set_bits(card->csd, 46, 1, 1);    /* ERASE_BLK_EN */
    set_bits(card->csd, 39, 7, 0x7f); /* SECTOR_SIZE */
    set_bits(card->csd, 26, 3, 2);    /* R2W_FACTOR: 4 */
    set_bits(card->csd, 13, 1, information->read_only);
    seal(card->csd);
}
