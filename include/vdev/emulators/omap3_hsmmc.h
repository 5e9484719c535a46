/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An emulator of one of the OMAP3530's MMC/SD/SDIO host controllers (OMAP35x TRM, ch. 22) with an
 * SD card in its slot, for guests that bring their own driver of it. The medium is a device of the
 * block class. Programmed I/O: DMA requests go nowhere, CMD's DE bit is stored.
 *
 * Where the manual leaves it to a wire's timing:
 * - A command is sent and answered within the access that writes CMD, if the bus has power (SDBP)
 *   and clock (ICE and CEN); else nothing happens. Clocks are stable, and resets are done, within
 *   the access that asks for them. SDBP stays off for a voltage that CAPA does not have.
 * - There is no data timer: a transfer waits as long as the class below does. DTO comes at once
 *   when the card will certainly send or take nothing more; DCRC when the class failed. The data
 *   path is idle after either.
 * - BRR is raised as a block can be read, BWR as one can be written; DATA then passes that block.
 * An access to DATA at any other moment is nothing but BADA.
 * - TC of a read comes with the last word read; that of a write means that the class completed it;
 *   that of a command with busy, that the card is not busy. A card's automatic CMD12 follows the
 *   completed write.
 * - While data are under way, a command that wants the data lines is not sent, but for CMD12 and
 *   those of the type abort; and BLK does not change.
 *
 * Not there: SDIO (CIRQ is never raised), stop at a block gap and SYSTEST (stored).
 */
#ifndef VDEV_EMULATORS_OMAP3_HSMMC_H
#define VDEV_EMULATORS_OMAP3_HSMMC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/block.h>
#include <vdev/bus.h>
#include <vdev/emulators/sd_card.h>
#include <vdev/interrupt.h>
#include <vdev/registers.h>

#define VDEV_OMAP3_HSMMC_WINDOW         0x1000u /* bytes of registers */
#define VDEV_OMAP3_HSMMC_FIFO_BYTES     1024u   /* and so the largest block */
#define VDEV_OMAP3_HSMMC_REGISTER_COUNT 24u

struct vdev_omap3_hsmmc_emulator_configuration {
    struct vdev_block *block;              /* the card's medium; NULL: the slot is empty */
    struct vdev_interrupt_line *interrupt; /* NULL: polled only */
    /* For data under way, aligned to 4; a multiple of 512 bytes. 16 KiB is a good size. */
    void *buffer;
    size_t buffer_length;
};

/* All of it is the emulator's. */
struct vdev_omap3_hsmmc_emulator {
    /* What an access to DATA looks at; kept together. */
    uint32_t position; /* bytes of the block in the FIFO that the guest read or wrote */
    uint32_t end;  /* ... and may: the block's length in whole words, or 0 while it has to wait */
    uint8_t phase; /* of enum phase in omap3_hsmmc.c */
    uint32_t fifo[VDEV_OMAP3_HSMMC_FIFO_BYTES / 4];

    struct vdev_register_bank bank;
    uint32_t values[VDEV_OMAP3_HSMMC_REGISTER_COUNT];
    struct vdev_interrupt_line *interrupt;
    uint32_t block_bytes; /* of the transfer under way, from 1 to 1024 */
    uint32_t blocks;      /* that have still to pass */
    uint32_t passed;      /* bytes of this block that passed between card and FIFO */
    bool endless;         /* without a count: until CMD12 */
    bool automatic_stop;  /* CMD12 follows the last block */
    struct vdev_sd_card_emulator card;
};

/* Its registers, for names and for the tests of drivers. */
extern const struct vdev_register_table vdev_omap3_hsmmc_registers;

/*
 * The registers as after reset, the card powered. VDEV_OK, or as vdev_sd_card_emulator_init(). The
 * configuration is copied, what it points to outlives the emulator. The block device's poll drives
 * the transfers; nothing else needs to be called.
 */
int vdev_omap3_hsmmc_emulator_init(
    struct vdev_omap3_hsmmc_emulator *emulator,
    const struct vdev_omap3_hsmmc_emulator_configuration *configuration);

/*
 * As after init, for a guest's reboot: the card loses its power, too. What the class has of the
 * card's, it finishes.
 */
void vdev_omap3_hsmmc_emulator_reset(struct vdev_omap3_hsmmc_emulator *emulator);

/*
 * One access of a guest, 32 bits wide: a vdev_access_function. VDEV_ERROR_RANGE: no register
 * there; VDEV_ERROR_UNSUPPORTED: another width.
 */
int vdev_omap3_hsmmc_emulator_access(void *emulator, struct vdev_access *access);

#endif
