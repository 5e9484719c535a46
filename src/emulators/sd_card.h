/* SPDX-License-Identifier: BSD-2-Clause */
/* What the three files of the SD card model share. Not for host controllers' emulators. */
#ifndef EMULATORS_SD_CARD_H
#define EMULATORS_SD_CARD_H

#include <vdev/emulators/sd_card.h>

/* The card status [SD §4.10.1]. */
#define STATUS_OUT_OF_RANGE    (1u << 31)
#define STATUS_ADDRESS_ERROR   (1u << 30)
#define STATUS_BLOCK_LENGTH    (1u << 29)
#define STATUS_WRITE_PROTECTED (1u << 26)
#define STATUS_ILLEGAL_COMMAND (1u << 22)
#define STATUS_ECC_FAILED      (1u << 21)
#define STATUS_ERROR           (1u << 19)
#define STATUS_READY           (1u << 8)
#define STATUS_APPLICATION     (1u << 5)

/* sd_card_identity.c: CID, CSD and size, from what the medium says of itself. */
void vdev_sd_card_identify(struct vdev_sd_card_emulator *card);

/* sd_card_data.c: read on, if there is somebody to read for, and nothing left of what was read. */
void vdev_sd_card_fetch(struct vdev_sd_card_emulator *card);
/* What was gathered goes to the medium, as far as it is whole sectors. */
void vdev_sd_card_flush(struct vdev_sd_card_emulator *card);
/* Back from the data state. What the class is still reading is for nobody. */
void vdev_sd_card_stop_sending(struct vdev_sd_card_emulator *card, enum vdev_sd_state next);
/* The class is done with the card's request; called from inside its poll. */
void vdev_sd_card_completed(struct vdev_block_request *request, int status);

#endif
