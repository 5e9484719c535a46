/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver of the PL181 card controller: programmed I/O, interrupts as hints. No DMA: the controller
 * needs one of the board's for that. What a command means is the card layer's.
 * [TRM] is the PL181 Technical Reference Manual, ARM DDI 0205.
 */
#include <vdev/drivers/pl181.h>
#include <vdev/status.h>

#include "core/mem.h"

/* Registers [TRM table 3-1]. */
#define POWER       0x000u
#define CLOCK       0x004u
#define ARGUMENT    0x008u
#define COMMAND     0x00cu
#define RESPONSE0   0x014u
#define DATA_TIMER  0x024u
#define DATA_LENGTH 0x028u
#define DATA_CTRL   0x02cu
#define STATUS      0x034u
#define CLEAR       0x038u
#define MASK0       0x03cu
#define MASK1       0x040u
#define FIFO        0x080u
#define PERIPHERAL0 0xfe0u
#define PART_MASK   0xfffffu
#define PART_PL180  0x41180u
#define PART_PL181  0x41181u

#define POWER_UP         0x2u
#define POWER_ON         0x3u
#define POWER_3V3        (0xfu << 2) /* the boards that use these bits at all, take it as the most */
#define CLOCK_ENABLE     (1u << 8)
#define CLOCK_BYPASS     (1u << 10)
#define CLOCK_WIDE       (1u << 11)
#define COMMAND_RESPONSE (1u << 6)
#define COMMAND_LONG     (1u << 7)
#define COMMAND_ENABLE   (1u << 10)
#define DATA_ENABLE      (1u << 0)
#define DATA_FROM_CARD   (1u << 1)
#define DATA_BLOCK_SHIFT 4

/* MCIStatus, MCIClear, MCIMask0 and MCIMask1 [TRM §3.3.12]. */
#define STATUS_CMD_CRC_FAIL       (1u << 0)
#define STATUS_DATA_CRC_FAIL      (1u << 1)
#define STATUS_CMD_TIME_OUT       (1u << 2)
#define STATUS_DATA_TIME_OUT      (1u << 3)
#define STATUS_TX_UNDERRUN        (1u << 4)
#define STATUS_RX_OVERRUN         (1u << 5)
#define STATUS_CMD_RESP_END       (1u << 6)
#define STATUS_CMD_SENT           (1u << 7)
#define STATUS_DATA_END           (1u << 8)
#define STATUS_START_BIT_ERROR    (1u << 9)
#define STATUS_TX_FIFO_HALF_EMPTY (1u << 14)
#define STATUS_RX_FIFO_HALF_FULL  (1u << 15)
#define STATUS_TX_FIFO_FULL       (1u << 16)
#define STATUS_RX_DATA_AVLBL      (1u << 21)
#define STATUS_COMMAND                                                                             \
    (STATUS_CMD_CRC_FAIL | STATUS_CMD_TIME_OUT | STATUS_CMD_RESP_END | STATUS_CMD_SENT)
#define STATUS_DATA_ERRORS                                                                         \
    (STATUS_DATA_CRC_FAIL | STATUS_DATA_TIME_OUT | STATUS_TX_UNDERRUN | STATUS_RX_OVERRUN |        \
     STATUS_START_BIT_ERROR)
#define STATUS_LATCHED 0x7ffu

#define BLOCK         512u
#define BURST         32u /* bytes: half the FIFO, which is what the half-full and half-empty bits say */
#define FIFO_WORDS    16u
#define MAXIMUM_BYTES 65535u /* MCIDataLength has 16 bits */

/* Looks at the status before poll gives up and leaves the rest to the interrupt. */
#define PATIENCE 8

/* 74 clocks after power-up, at 400 kHz, and time for the supply [SD §6.4.1]. */
#define POWER_TIME 500000u

/* A caller's buffer as words, whatever it was declared as. */
typedef uint32_t __attribute__((may_alias)) buffer_word;

static struct vdev_pl181_driver *driver_of(struct vdev_sd_host *host)
{
    return (struct vdev_pl181_driver *)host; /* its first member */
}

static uint32_t get(const struct vdev_pl181_driver *driver, uint32_t offset)
{
    return vdev_io_read32(&driver->io, offset);
}

static void put(const struct vdev_pl181_driver *driver, uint32_t offset, uint32_t value)
{
    vdev_io_write32(&driver->io, offset, value);
}

static bool absent(const struct vdev_pl181_driver *driver)
{
    return driver->present != NULL && !driver->present(driver->present_context);
}

static void cancel(struct vdev_sd_host *host)
{
    struct vdev_pl181_driver *driver = driver_of(host);

    put(driver, MASK1, 0);
    put(driver, DATA_CTRL, 0);
    put(driver, COMMAND, 0);
    /* The FIFO is empty once the data path is disabled, says the manual; not on every model. */
    for (unsigned i = 0; i < FIFO_WORDS && (get(driver, STATUS) & STATUS_RX_DATA_AVLBL) != 0; i++) {
        get(driver, FIFO);
    }
    put(driver, CLEAR, STATUS_LATCHED);
    driver->command = NULL;
    driver->transfer = NULL;
}

static void set_bus(struct vdev_sd_host *host, uint32_t hertz, unsigned lines)
{
    struct vdev_pl181_driver *driver = driver_of(host);
    uint32_t reference = driver->reference_hertz;
    uint32_t value = CLOCK_ENABLE | (lines == 4 ? CLOCK_WIDE : 0);

    if (hertz > host->maximum_hertz) {
        hertz = host->maximum_hertz;
    }
    if (hertz == 0) {
        hertz = 1;
    }
    if (hertz >= reference) {
        value |= CLOCK_BYPASS;
        hertz = reference;
    } else {
        /* reference / (2 * (divider + 1)) [TRM §3.3.2], rounded so as not to exceed it. */
        uint32_t divider = (reference - 1) / hertz / 2;
        divider = divider > 255 ? 255 : divider;
        hertz = reference / (2 * (divider + 1));
        value |= divider;
    }
    put(driver, CLOCK, value);
    put(driver, DATA_TIMER, hertz / 2); /* in the card's clocks: half a second */
}

static int reset(struct vdev_sd_host *host)
{
    struct vdev_pl181_driver *driver = driver_of(host);

    cancel(host);
    put(driver, MASK0, 0);
    put(driver, POWER, 0);
    if (absent(driver)) {
        put(driver, CLOCK, 0);
        return VDEV_ERROR_ABSENT;
    }
    vdev_clock_delay(driver->clock, POWER_TIME);
    put(driver, POWER, POWER_UP | POWER_3V3);
    vdev_clock_delay(driver->clock, POWER_TIME);
    set_bus(host, 400000, 1);
    put(driver, POWER, POWER_ON | POWER_3V3);
    vdev_clock_delay(driver->clock, POWER_TIME);
    put(driver, MASK0, STATUS_COMMAND | STATUS_DATA_ERRORS | STATUS_DATA_END);
    return VDEV_OK;
}

static bool good(const struct vdev_sd_transfer *transfer)
{
    uint32_t size = transfer->block_size;

    return size >= 4 && size <= BLOCK && (size & (size - 1)) == 0 && transfer->block_count != 0 &&
           transfer->block_count <= MAXIMUM_BYTES / size;
}

/* Arm the data path. For a write only after the card's answer: data would start at once. */
static void enable_data(struct vdev_pl181_driver *driver)
{
    const struct vdev_sd_transfer *transfer = driver->transfer;
    uint32_t control = DATA_ENABLE | (transfer->write ? 0 : DATA_FROM_CARD);
    uint32_t interrupt = STATUS_TX_FIFO_HALF_EMPTY;
    unsigned logarithm = 2;

    while ((1u << logarithm) < transfer->block_size) {
        logarithm++;
    }
    if (!transfer->write) {
        interrupt = driver->remaining < BURST ? STATUS_RX_DATA_AVLBL : STATUS_RX_FIFO_HALF_FULL;
    }
    put(driver, DATA_LENGTH, driver->remaining);
    put(driver, DATA_CTRL, control | logarithm << DATA_BLOCK_SHIFT);
    put(driver, MASK1, interrupt);
}

static int start(struct vdev_sd_host *host, struct vdev_sd_command *command,
                 struct vdev_sd_transfer *transfer)
{
    struct vdev_pl181_driver *driver = driver_of(host);
    uint32_t value = COMMAND_ENABLE | (command->index & 0x3fu);

    if (driver->command != NULL) {
        return VDEV_ERROR_STATE;
    }
    if (transfer != NULL && !good(transfer)) {
        return VDEV_ERROR_INVALID;
    }
    if (absent(driver)) {
        return VDEV_ERROR_ABSENT;
    }
    driver->command = command;
    driver->transfer = transfer;
    driver->answered = false;
    memset(command->answer, 0, sizeof command->answer);
    if (transfer != NULL) {
        driver->remaining = transfer->block_size * transfer->block_count;
        if (!transfer->write) {
            enable_data(driver);
        }
    }
    if (command->response == VDEV_SD_RESPONSE_R2) {
        value |= COMMAND_RESPONSE | COMMAND_LONG;
    } else if (command->response != VDEV_SD_RESPONSE_NONE) {
        value |= COMMAND_RESPONSE;
    }
    put(driver, ARGUMENT, command->argument);
    put(driver, COMMAND, value);
    return VDEV_OK;
}

/* All is done, or nothing more will come: be idle and silent. */
static int finish(struct vdev_pl181_driver *driver, int status)
{
    if (status != VDEV_OK) {
        cancel(&driver->host);
        return status;
    }
    if (driver->transfer != NULL) {
        put(driver, MASK1, 0);
        put(driver, DATA_CTRL, 0);
    }
    put(driver, CLEAR, STATUS_LATCHED);
    driver->command = NULL;
    driver->transfer = NULL;
    return VDEV_OK;
}

static int take_answer(struct vdev_pl181_driver *driver, uint32_t status)
{
    struct vdev_sd_command *command = driver->command;
    unsigned words = command->response == VDEV_SD_RESPONSE_R2 ? 4 : 1;

    if ((status & STATUS_CMD_TIME_OUT) != 0) {
        return absent(driver) ? VDEV_ERROR_ABSENT : VDEV_ERROR_TIMEOUT;
    }
    /* An R3 has all ones where the others have a check sum. */
    if ((status & STATUS_CMD_CRC_FAIL) != 0 && command->response != VDEV_SD_RESPONSE_R3) {
        return VDEV_ERROR_IO;
    }
    driver->answered = true;
    if (command->response != VDEV_SD_RESPONSE_NONE) {
        for (unsigned i = 0; i < words; i++) {
            command->answer[i] = get(driver, RESPONSE0 + 4 * i);
        }
    }
    if (driver->transfer == NULL) {
        return VDEV_OK;
    }
    /*
     * The interrupt would stay up for what is known now. A short read may have ended already; a
     * write has not begun, though one model says DataEnd whenever no data are under way.
     */
    put(driver, CLEAR, driver->transfer->write ? STATUS_LATCHED : STATUS_COMMAND);
    if (driver->transfer->write) {
        enable_data(driver);
    }
    return VDEV_OK;
}

/* The two work on a copy of the accessor: nothing that they store can be taken to change it. */
static void read_burst(struct vdev_io io, buffer_word *to)
{
    uint32_t a = vdev_io_read32(&io, FIFO + 0x00), b = vdev_io_read32(&io, FIFO + 0x04);
    uint32_t c = vdev_io_read32(&io, FIFO + 0x08), d = vdev_io_read32(&io, FIFO + 0x0c);
    to[0] = a;
    to[1] = b;
    to[2] = c;
    to[3] = d;
    a = vdev_io_read32(&io, FIFO + 0x10), b = vdev_io_read32(&io, FIFO + 0x14);
    c = vdev_io_read32(&io, FIFO + 0x18), d = vdev_io_read32(&io, FIFO + 0x1c);
    to[4] = a;
    to[5] = b;
    to[6] = c;
    to[7] = d;
}

static void write_burst(struct vdev_io io, const buffer_word *from)
{
    uint32_t a = from[0], b = from[1], c = from[2], d = from[3];
    vdev_io_write32(&io, FIFO + 0x00, a);
    vdev_io_write32(&io, FIFO + 0x04, b);
    vdev_io_write32(&io, FIFO + 0x08, c);
    vdev_io_write32(&io, FIFO + 0x0c, d);
    a = from[4], b = from[5], c = from[6], d = from[7];
    vdev_io_write32(&io, FIFO + 0x10, a);
    vdev_io_write32(&io, FIFO + 0x14, b);
    vdev_io_write32(&io, FIFO + 0x18, c);
    vdev_io_write32(&io, FIFO + 0x1c, d);
}

/* One word through the cursor: where buffers are unaligned or end, and for what is no whole burst.
 */
static void move_word(struct vdev_pl181_driver *driver)
{
    struct vdev_sd_transfer *transfer = driver->transfer;
    uint32_t word = 0;

    if (transfer->write) {
        vdev_cursor_read(&transfer->cursor, &word, 4);
        put(driver, FIFO, word);
    } else {
        word = get(driver, FIFO);
        vdev_cursor_write(&transfer->cursor, &word, 4);
    }
    driver->remaining -= 4;
}

/*
 * Move up to one block between FIFO and buffers. `status` is what was just read. Returns bytes
 * moved; leaves the last status in *status.
 */
static uint32_t move(struct vdev_pl181_driver *driver, uint32_t *status)
{
    struct vdev_sd_transfer *transfer = driver->transfer;
    const struct vdev_io io = driver->io;
    bool write = transfer->write;
    uint32_t half = write ? STATUS_TX_FIFO_HALF_EMPTY : STATUS_RX_FIFO_HALF_FULL;
    uint32_t bound = driver->remaining < BLOCK ? driver->remaining : BLOCK;
    uint32_t moved = 0;
    unsigned idle = 0;

    while (moved < bound && (*status & STATUS_DATA_ERRORS) == 0 && idle < PATIENCE) {
        void *pointer;
        size_t piece = vdev_cursor_peek(&transfer->cursor, &pointer);
        uint32_t left = bound - moved;
        if ((*status & half) != 0 && left >= BURST && piece >= BURST &&
            (uintptr_t)pointer % 4 == 0) {
            /* The short way: the cursor is looked at once for all of the piece. */
            buffer_word *words = pointer;
            uint32_t length = piece < left ? (uint32_t)piece : left;
            uint32_t done = 0;
            do {
                if (write) {
                    write_burst(io, words);
                } else {
                    read_burst(io, words);
                }
                words += BURST / 4;
                done += BURST;
                *status = vdev_io_read32(&io, STATUS);
            } while (length - done >= BURST && (*status & half) != 0);
            vdev_cursor_skip(&transfer->cursor, done);
            driver->remaining -= done;
            moved += done;
            idle = 0;
            continue;
        }
        bool ready =
            write ? (*status & STATUS_TX_FIFO_FULL) == 0 : (*status & STATUS_RX_DATA_AVLBL) != 0;
        /* A read's last bytes may be fewer than half a FIFO; before that, wait for a burst. */
        bool single = left < BURST || piece < BURST || (uintptr_t)pointer % 4 != 0;
        if (ready && single) {
            move_word(driver);
            moved += 4;
            idle = 0;
        } else {
            idle++;
        }
        *status = get(driver, STATUS);
    }
    return moved;
}

static int data_error(const struct vdev_pl181_driver *driver, uint32_t status)
{
    if (absent(driver)) {
        return VDEV_ERROR_ABSENT;
    }
    return (status & STATUS_DATA_TIME_OUT) != 0 ? VDEV_ERROR_TIMEOUT : VDEV_ERROR_IO;
}

static int poll(struct vdev_sd_host *host)
{
    struct vdev_pl181_driver *driver = driver_of(host);

    if (driver->command == NULL) {
        return VDEV_ERROR_STATE;
    }
    uint32_t status = get(driver, STATUS);
    if (!driver->answered) {
        for (unsigned i = 0; (status & STATUS_COMMAND) == 0; i++) {
            if (i == PATIENCE) {
                return VDEV_SD_PENDING;
            }
            status = get(driver, STATUS);
        }
        int result = take_answer(driver, status);
        if (result != VDEV_OK || driver->transfer == NULL) {
            return finish(driver, result);
        }
        status = get(driver, STATUS);
    }
    uint32_t moved = move(driver, &status);
    if ((status & STATUS_DATA_ERRORS) != 0) {
        return finish(driver, data_error(driver, status));
    }
    if (driver->remaining != 0) {
        return moved != 0 ? VDEV_SD_MORE : VDEV_SD_PENDING;
    }
    if ((status & STATUS_DATA_END) != 0) {
        return finish(driver, VDEV_OK);
    }
    /* The FIFO wants nothing any more: only the end, or an error, is to be told. */
    put(driver, MASK1, 0);
    return VDEV_SD_PENDING;
}

int vdev_pl181_driver_init(struct vdev_pl181_driver *driver,
                           const struct vdev_pl181_driver_configuration *configuration)
{
    static const struct vdev_sd_host_operations operations = {
        .reset = reset,
        .set_bus = set_bus,
        .start = start,
        .poll = poll,
        .cancel = cancel,
    };
    uint32_t part = 0;

    if (configuration->clock == NULL || configuration->reference_hertz == 0) {
        return VDEV_ERROR_INVALID;
    }
    memset(driver, 0, sizeof *driver);
    driver->host.operations = &operations;
    driver->host.maximum_blocks = MAXIMUM_BYTES / BLOCK;
    driver->host.maximum_hertz = configuration->reference_hertz;
    if (configuration->maximum_hertz != 0 &&
        configuration->maximum_hertz < configuration->reference_hertz) {
        driver->host.maximum_hertz = configuration->maximum_hertz;
    }
    driver->host.wide = configuration->wide;
    driver->io = configuration->io;
    driver->clock = configuration->clock;
    driver->reference_hertz = configuration->reference_hertz;
    driver->present = configuration->present;
    driver->present_context = configuration->present_context;
    for (unsigned i = 0; i < 4; i++) {
        part |= (get(driver, PERIPHERAL0 + 4 * i) & 0xff) << (8 * i);
    }
    if ((part & PART_MASK) != PART_PL180 && (part & PART_MASK) != PART_PL181) {
        return VDEV_ERROR_ABSENT;
    }
    cancel(&driver->host);
    put(driver, MASK0, 0);
    put(driver, CLOCK, 0);
    return VDEV_OK;
}
