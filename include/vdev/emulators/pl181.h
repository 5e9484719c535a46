/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of Arm's PrimeCell PL181 card controller with an SD card in its slot, for guests that
 * bring their own driver of it. The medium is a device of the block class.
 * Follows the PL181 TRM (ARM DDI 0205); no DMA, and no MMC stream mode.
 */
#ifndef VDEV_EMULATORS_PL181_H
#define VDEV_EMULATORS_PL181_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/block.h>
#include <vdev/bus.h>
#include <vdev/emulators/sd_card.h>
#include <vdev/interrupt.h>

#define VDEV_PL181_WINDOW     0x1000u /* bytes of registers */
#define VDEV_PL181_FIFO_WORDS 16u

struct vdev_pl181_emulator_configuration {
    struct vdev_block *block; /* the card's medium; NULL: the slot is empty */
    /* MCI0 and MCI1; a line whose `set` is NULL is not connected. */
    struct vdev_interrupt_line interrupt[2];
    /*
     * For data under way, aligned to 4; a multiple of 512 bytes. With 16 KiB a guest's transfer of
     * up to 31 blocks, which is what Linux makes, becomes one request to the class.
     */
    void *buffer;
    size_t buffer_length;
};

/* All of it is the emulator's. */
struct vdev_pl181_emulator {
    /* What an access to the FIFO looks at; kept together. */
    uint8_t *data;      /* in the card's buffer: where the next word comes from or goes to */
    uint32_t level;     /* receive: words in the FIFO. Transmit: words it still takes at once */
    uint32_t moved;     /* bytes moved at `data` since the card was last told */
    uint32_t remaining; /* bytes of the transfer that have not passed the FIFO's card side */
    uint32_t latched;   /* status bits 10..0 */
    uint32_t mask[2];
    uint8_t phase;

    struct vdev_interrupt_line interrupt[2];
    uint32_t power, clock, argument, command, response_command, response[4];
    uint32_t data_timer, data_length, data_control, select;
    uint32_t held[VDEV_PL181_FIFO_WORDS]; /* written while the card has no room */
    uint32_t held_count;
    struct vdev_sd_card_emulator card;
};

/*
 * The registers as after reset. VDEV_OK, or as vdev_sd_card_emulator_init().
 * The block device's poll drives the transfers; nothing else needs to be called.
 */
int vdev_pl181_emulator_init(struct vdev_pl181_emulator *emulator,
                             const struct vdev_pl181_emulator_configuration *configuration);

/*
 * One access, as a vdev_access_function: for a window of VDEV_PL181_WINDOW bytes. All registers are
 * 32 bits wide: VDEV_ERROR_UNSUPPORTED for any other width. Where no register is, reads give zero
 * and writes do nothing, as on the hardware.
 */
int vdev_pl181_emulator_access(void *emulator, struct vdev_access *access);

#endif
