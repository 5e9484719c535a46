/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of Arm's PrimeCell PL181 card controller with an SD card in its slot, for guests that
 * bring their own driver of it. The medium is a device of the block class.
 * Follows the PL181 TRM (ARM DDI 0205). No DMA and no stream mode: their bits are only stored.
 *
 * Where the manual leaves it to a wire's timing:
 * - A command is sent and answered within the access that enables it; Enable then reads as zero,
 * and so does the data path's when it is done.
 * - Data from the card fill the FIFO when a transfer starts, and again after a read of MCIStatus or
 *   MCIFifoCnt, so that a driver sees its FIFO run empty. Data to the card leave the FIFO at once.
 * - There is no data timer: a transfer waits as long as the class below does. DataTimeOut comes at
 *   once when the card will certainly send or take nothing more; DataCrcFail when the class failed.
 * - DataEnd of a write means that the class completed it.
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
#include <vdev/registers.h>

#define VDEV_PL181_WINDOW         0x1000u /* bytes of registers */
#define VDEV_PL181_FIFO_WORDS     16u
#define VDEV_PL181_REGISTER_COUNT 28u

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
    uint32_t level; /* words in the FIFO */
    uint32_t
        limit;     /* the level at which a status bit changes, or the card has to be looked after */
    uint32_t head; /* receive: words taken since the FIFO was filled, and so the next one's place */
    uint8_t phase; /* of enum phase in pl181.c */
    uint32_t fifo[VDEV_PL181_FIFO_WORDS];

    struct vdev_register_bank bank;
    uint32_t values[VDEV_PL181_REGISTER_COUNT];
    uint32_t remaining; /* bytes of the transfer that have not passed between FIFO and card */
    uint32_t total;     /* the transfer's, in bytes */
    bool command_waits; /* written with Pending set: goes out when the data path is done */
    bool command_hangs; /* written with Interrupt set, and the card keeps silent */
    struct vdev_interrupt_line interrupt[2];
    struct vdev_sd_card_emulator card;
};

/* Its registers, for names and for the tests of drivers. */
extern const struct vdev_register_table vdev_pl181_registers;

/*
 * The registers as after reset, the card powered. VDEV_OK, or as vdev_sd_card_emulator_init().
 * The block device's poll drives the transfers; nothing else needs to be called.
 */
int vdev_pl181_emulator_init(struct vdev_pl181_emulator *emulator,
                             const struct vdev_pl181_emulator_configuration *configuration);

/*
 * One access of a guest, 32 bits wide: a vdev_access_function. VDEV_ERROR_RANGE: no register there;
 * VDEV_ERROR_UNSUPPORTED: another width.
 */
int vdev_pl181_emulator_access(void *emulator, struct vdev_access *access);

#endif
