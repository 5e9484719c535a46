/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seam between the driver of an SD host controller and the card layer above it.
 *
 * A controller's driver knows registers, FIFOs and DMA, and nothing of what a command means; the
 * card layer knows the SD protocol, and nothing of registers. Offered by the PL181 driver; made so
 * that a controller with DMA (OMAP HSMMC, SDHCI) fits: a transfer carries buffers with their bus
 * addresses, and a poll that moves nothing itself is a poll too.
 */
#ifndef VDEV_SD_HOST_H
#define VDEV_SD_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/buffer.h>

/* What a card answers to a command [SD Physical Layer Simplified 6.00 §4.9]. */
enum vdev_sd_response {
    VDEV_SD_RESPONSE_NONE,
    VDEV_SD_RESPONSE_R1,  /* card status */
    VDEV_SD_RESPONSE_R1B, /* card status, then perhaps busy on DAT0 */
    VDEV_SD_RESPONSE_R2,  /* CID or CSD: 136 bits */
    VDEV_SD_RESPONSE_R3,  /* OCR; the one without a check sum */
    VDEV_SD_RESPONSE_R6,  /* relative card address */
    VDEV_SD_RESPONSE_R7,  /* interface condition */
};

struct vdev_sd_command {
    uint8_t index;
    enum vdev_sd_response response;
    uint32_t argument;
    /* From the host, when done: R2 has bits 127..96 in [0] and bits 31..0 in [3]; all others [0].
     */
    uint32_t answer[4];
};

/* The data that goes with a command. The host moves the cursor on as data moves. */
struct vdev_sd_transfer {
    struct vdev_cursor cursor;
    uint32_t block_size;  /* bytes: a power of two from 4 to 512 */
    uint32_t block_count; /* 1 or more, up to the host's maximum */
    bool write;           /* to the card */
};

/* What a poll says beside VDEV_OK and the errors. */
enum vdev_sd_progress {
    VDEV_SD_PENDING = 1, /* not done; the controller's interrupt will tell when to look again */
    VDEV_SD_MORE = 2,    /* not done, and there is more to do at once: the bound was reached */
};

struct vdev_sd_host;

struct vdev_sd_host_operations {
    /*
     * Bring the bus to what identification needs: power on, no more than 400 kHz, one data line,
     * nothing in progress. May busy-wait for up to 2 ms. VDEV_OK, or VDEV_ERROR_ABSENT if the
     * controller knows that no card is there.
     */
    int (*reset)(struct vdev_sd_host *host);
    /* The fastest clock that does not exceed `hertz`, and 1 or 4 data lines (4 only if `wide`). */
    void (*set_bus)(struct vdev_sd_host *host, uint32_t hertz, unsigned lines);
    /*
     * Start a command, with data if `transfer` is not NULL. Both structures are the host's until
     * poll says something else than pending or more, or until cancel. Waits for nothing.
     * VDEV_OK; VDEV_ERROR_STATE: one is in progress; VDEV_ERROR_INVALID: transfer not as stated
     * above; VDEV_ERROR_ABSENT: no card.
     */
    int (*start)(struct vdev_sd_host *host, struct vdev_sd_command *command,
                 struct vdev_sd_transfer *transfer);
    /*
     * Look at the controller; move at most one block by programmed I/O. VDEV_OK: the command, and
     * all of its data, are done. VDEV_SD_PENDING, VDEV_SD_MORE. VDEV_ERROR_TIMEOUT: the card did
     * not answer, or sent or took no data, in the controller's time. VDEV_ERROR_IO: a check sum was
     * wrong, or the FIFO ran over or empty. VDEV_ERROR_ABSENT. VDEV_ERROR_STATE: nothing was
     * started.
     */
    int (*poll)(struct vdev_sd_host *host);
    /* Forget what is in progress; the controller is idle afterwards. The card may not be. */
    void (*cancel)(struct vdev_sd_host *host);
};

/* Embedded by each host controller's driver as its public face; constant after its init. */
struct vdev_sd_host {
    const struct vdev_sd_host_operations *operations;
    uint32_t maximum_blocks; /* of 512 bytes in one transfer */
    uint32_t maximum_hertz;  /* of the card's clock */
    bool wide;               /* has four data lines */
};

#endif
