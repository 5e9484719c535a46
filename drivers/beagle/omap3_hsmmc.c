/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of the OMAP3's card controllers: programmed I/O, interrupts as hints. What a command
 * means is the card layer's. [TRM] is the OMAP35x Technical Reference Manual, SPRUF98, chapter 22.
 *
 * A command goes CC first, then, with data, one BRR or BWR for each block, then TC; with a busy
 * answer, TC once the card lets go of DAT0. The buffer holds two blocks, so an event is cleared
 * before its block is moved: the next one's is then not cleared with it.
 */
#include <vdev/drivers/omap3_hsmmc.h>
#include <vdev/status.h>

#include "core/mem.h"

/* [TRM table 22-12] */
#define SYSCONFIG 0x010u
#define SYSSTATUS 0x014u
#define CON       0x02Cu
#define BLK       0x104u
#define ARG       0x108u
#define CMD       0x10Cu
#define RSP10     0x110u
#define DATA      0x120u
#define PSTATE    0x124u
#define HCTL      0x128u
#define SYSCTL    0x12Cu
#define STAT      0x130u
#define IE        0x134u
#define ISE       0x138u
#define CAPA      0x140u
#define REV       0x1FCu

#define SYSCONFIG_RESET   0x002u
#define SYSCONFIG_NO_IDLE 0x308u /* and both clocks kept */
#define SYSSTATUS_DONE    0x001u

#define CON_INIT 0x002u /* a command is 80 clocks and nothing else */

#define CMD_INDEX_SHIFT   24
#define CMD_ABORT         (3u << 22)
#define CMD_DATA          (1u << 21)
#define CMD_CHECK_INDEX   (1u << 20)
#define CMD_CHECK_SUM     (1u << 19)
#define CMD_ANSWER_136    (1u << 16)
#define CMD_ANSWER_48     (2u << 16)
#define CMD_ANSWER_BUSY   (3u << 16)
#define CMD_MULTIPLE      (1u << 5)
#define CMD_READ          (1u << 4)
#define CMD_BLOCK_COUNT   (1u << 1)
#define STOP_TRANSMISSION 12u

#define PSTATE_COMMAND 0x1u /* the command line is in use: no command may be given */
#define PSTATE_LINES   0x2u /* so are the data lines: no command that uses them */

#define HCTL_WIDE  (1u << 1)
#define HCTL_POWER (1u << 8)
#define HCTL_1V8   (5u << 9)
#define HCTL_3V0   (6u << 9)
#define CAPA_3V0   (1u << 25)
#define CAPA_1V8   (1u << 26)

#define SYSCTL_ENABLE        (1u << 0) /* of the internal clock */
#define SYSCTL_STABLE        (1u << 1)
#define SYSCTL_CARD          (1u << 2) /* the clock goes to the card */
#define SYSCTL_DIVIDER_SHIFT 6
#define SYSCTL_TIMEOUT_SHIFT 16
#define SYSCTL_RESET_ALL     (1u << 24)
#define SYSCTL_RESET_COMMAND (1u << 25)
#define SYSCTL_RESET_DATA    (1u << 26)
#define DIVIDER_MAXIMUM      1023u
#define TIMEOUT_MAXIMUM      14u /* 2^27 clocks; 15 is reserved */

/* STAT, IE and ISE [TRM table 22-31]. */
#define STAT_CC             (1u << 0)
#define STAT_TC             (1u << 1)
#define STAT_BWR            (1u << 4)
#define STAT_BRR            (1u << 5)
#define STAT_CTO            (1u << 16)
#define STAT_CCRC           (1u << 17)
#define STAT_CEB            (1u << 18)
#define STAT_CIE            (1u << 19)
#define STAT_DTO            (1u << 20)
#define STAT_DCRC           (1u << 21)
#define STAT_DEB            (1u << 22)
#define STAT_CERR           (1u << 28)
#define STAT_BADA           (1u << 29)
#define STAT_COMMAND_ERRORS (STAT_CTO | STAT_CCRC | STAT_CEB | STAT_CIE)
#define STAT_DATA_ERRORS    (STAT_DTO | STAT_DCRC | STAT_DEB | STAT_BADA)
#define STAT_ALL                                                                                   \
    (STAT_CC | STAT_TC | STAT_BWR | STAT_BRR | STAT_COMMAND_ERRORS | STAT_DATA_ERRORS | STAT_CERR)

#define BLOCK 512u

/* Looks at the status before poll gives up and leaves the rest to the interrupt. */
#define PATIENCE 8

#define RESET_TIME  10000000u /* nanoseconds: of the controller, 10 ms */
#define LINE_TIME   1000000u  /* of a line's part of it; of a clock to be stable; of 80 clocks */
#define SUPPLY_TIME 1000000u  /* what a card takes as "off", and as "on", 1 ms [SD §6.4.1] */

/* A caller's buffer as words, whatever it was declared as. */
typedef uint32_t __attribute__((may_alias)) buffer_word;

static struct vdev_omap3_hsmmc *driver_of(struct vdev_sd_host *host)
{
    return (struct vdev_omap3_hsmmc *)host; /* its first member */
}

static uint32_t get(const struct vdev_omap3_hsmmc *self, uint32_t offset)
{
    return vdev_io_read32(&self->io, offset);
}

static void put(const struct vdev_omap3_hsmmc *self, uint32_t offset, uint32_t value)
{
    vdev_io_write32(&self->io, offset, value);
}

static bool absent(const struct vdev_omap3_hsmmc *self)
{
    return self->present != NULL && !self->present(self->context);
}

static bool wait_for(const struct vdev_omap3_hsmmc *self, uint32_t offset, uint32_t mask,
                     uint32_t value, uint64_t time)
{
    uint64_t start = vdev_clock_now(self->clock);

    while ((get(self, offset) & mask) != value) {
        if (vdev_clock_now(self->clock) - start > time) {
            return false;
        }
    }
    return true;
}

/* Reset the parts of the controller that drive these lines. They can be used again after that. */
static void reset_lines(struct vdev_omap3_hsmmc *self, uint32_t lines)
{
    put(self, SYSCTL, get(self, SYSCTL) | lines);
    if (!wait_for(self, SYSCTL, lines, 0, LINE_TIME)) {
        self->failed = true;
    }
}

static void cancel(struct vdev_sd_host *host)
{
    struct vdev_omap3_hsmmc *self = driver_of(host);

    if (self->command != NULL) {
        reset_lines(self, SYSCTL_RESET_COMMAND | SYSCTL_RESET_DATA);
    }
    put(self, STAT, STAT_ALL);
    self->command = NULL;
    self->transfer = NULL;
}

/* The exponent of the data timeout: at least half a second, of this clock [TRM table 22-30]. */
static uint32_t timeout_of(uint32_t hertz)
{
    uint32_t exponent = 0;

    while (exponent < TIMEOUT_MAXIMUM && (UINT32_C(1) << (13 + exponent)) < hertz / 2) {
        exponent++;
    }
    return exponent;
}

/* The order of [TRM §22.5.2.7]: no clock to the card while it changes. */
static void set_bus(struct vdev_sd_host *host, uint32_t hertz, unsigned lines)
{
    struct vdev_omap3_hsmmc *self = driver_of(host);
    uint32_t reference = self->reference_hertz;

    if (hertz > host->maximum_hertz) {
        hertz = host->maximum_hertz;
    }
    if (hertz == 0) {
        hertz = 1;
    }
    uint32_t divider = reference / hertz + (reference % hertz != 0);
    divider = divider > DIVIDER_MAXIMUM ? DIVIDER_MAXIMUM : divider;
    uint32_t control = divider << SYSCTL_DIVIDER_SHIFT |
                       timeout_of(reference / divider) << SYSCTL_TIMEOUT_SHIFT | SYSCTL_ENABLE;

    uint32_t width = get(self, HCTL) & ~HCTL_WIDE;
    put(self, HCTL, lines == 4 ? width | HCTL_WIDE : width);
    put(self, SYSCTL, get(self, SYSCTL) & ~SYSCTL_CARD);
    put(self, SYSCTL, control);
    if (wait_for(self, SYSCTL, SYSCTL_STABLE, SYSCTL_STABLE, LINE_TIME)) {
        put(self, SYSCTL, control | SYSCTL_CARD);
    } else {
        self->failed = true; /* a card without a clock would not answer: say so at once */
    }
}

/* 80 clocks for a card that has just got power [SD §6.4.1.1, TRM §22.5.1.2]. */
static bool send_clocks(const struct vdev_omap3_hsmmc *self)
{
    uint32_t con = get(self, CON) & ~CON_INIT;

    put(self, CON, con | CON_INIT);
    put(self, CMD, 0);
    bool sent = wait_for(self, STAT, STAT_CC, STAT_CC, LINE_TIME);
    put(self, STAT, STAT_ALL);
    put(self, CON, con);
    return sent;
}

static int supply(const struct vdev_omap3_hsmmc *self, bool on)
{
    int status = self->power != NULL ? self->power(self->context, on) : VDEV_OK;

    vdev_clock_delay(self->clock, SUPPLY_TIME);
    return status;
}

static int reset_controller(struct vdev_omap3_hsmmc *self)
{
    self->command = NULL;
    self->transfer = NULL;
    self->failed = false;
    put(self, SYSCTL, SYSCTL_RESET_ALL);
    if (!wait_for(self, SYSCTL, SYSCTL_RESET_ALL, 0, RESET_TIME)) {
        return VDEV_ERROR_TIMEOUT;
    }
    put(self, ISE, 0);
    put(self, IE, 0);
    put(self, HCTL, 0);
    put(self, STAT, STAT_ALL);
    /* What the board's supply can do is told to the controller; it refuses power otherwise. */
    put(self, CAPA, get(self, CAPA) | CAPA_3V0 | CAPA_1V8);
    return VDEV_OK;
}

static int reset(struct vdev_sd_host *host)
{
    struct vdev_omap3_hsmmc *self = driver_of(host);
    uint32_t voltage = self->low_voltage ? HCTL_1V8 : HCTL_3V0;
    int status = reset_controller(self);

    if (status != VDEV_OK) {
        return status;
    }
    status = supply(self, false);
    if (absent(self)) {
        return VDEV_ERROR_ABSENT;
    }
    if (status == VDEV_OK) {
        status = supply(self, true);
    }
    if (status != VDEV_OK) {
        return status;
    }
    put(self, HCTL, voltage);
    put(self, HCTL, voltage | HCTL_POWER);
    if ((get(self, HCTL) & HCTL_POWER) == 0) {
        return VDEV_ERROR_IO;
    }
    put(self, IE, STAT_ALL); /* without this, STAT says nothing */
    set_bus(host, 400000, 1);
    if (self->failed || !send_clocks(self)) {
        return VDEV_ERROR_TIMEOUT;
    }
    put(self, ISE, STAT_ALL);
    return VDEV_OK;
}

static bool good(const struct vdev_omap3_hsmmc *self, const struct vdev_sd_transfer *transfer)
{
    uint32_t size = transfer->block_size;

    return size >= 4 && size <= BLOCK && (size & (size - 1)) == 0 && transfer->block_count != 0 &&
           transfer->block_count <= self->host.maximum_blocks;
}

static uint32_t answer_bits(enum vdev_sd_response response)
{
    switch (response) {
    case VDEV_SD_RESPONSE_NONE:
        return 0;
    case VDEV_SD_RESPONSE_R2:
        return CMD_ANSWER_136 | CMD_CHECK_SUM;
    case VDEV_SD_RESPONSE_R3:
        return CMD_ANSWER_48; /* neither index nor check sum */
    case VDEV_SD_RESPONSE_R1B:
        return CMD_ANSWER_BUSY | CMD_CHECK_SUM | CMD_CHECK_INDEX;
    case VDEV_SD_RESPONSE_R1:
    case VDEV_SD_RESPONSE_R6:
    case VDEV_SD_RESPONSE_R7:
        break;
    }
    return CMD_ANSWER_48 | CMD_CHECK_SUM | CMD_CHECK_INDEX;
}

static int start(struct vdev_sd_host *host, struct vdev_sd_command *command,
                 struct vdev_sd_transfer *transfer)
{
    struct vdev_omap3_hsmmc *self = driver_of(host);
    uint32_t value = (command->index & 0x3Fu) << CMD_INDEX_SHIFT | answer_bits(command->response);
    uint32_t lines = PSTATE_COMMAND | (transfer != NULL ? PSTATE_LINES : 0);

    if (self->command != NULL) {
        return VDEV_ERROR_STATE;
    }
    if (transfer != NULL && !good(self, transfer)) {
        return VDEV_ERROR_INVALID;
    }
    if (absent(self)) {
        return VDEV_ERROR_ABSENT;
    }
    if (!self->failed && (get(self, PSTATE) & lines) != 0) {
        /* Nothing is in progress, and yet they are in use: the controller has lost its way. */
        reset_lines(self, SYSCTL_RESET_COMMAND | SYSCTL_RESET_DATA);
        self->failed |= (get(self, PSTATE) & lines) != 0;
    }
    if (self->failed) {
        return VDEV_ERROR_IO;
    }
    self->command = command;
    self->transfer = transfer;
    self->answered = false;
    memset(command->answer, 0, sizeof command->answer);
    if (command->index == STOP_TRANSMISSION) {
        value |= CMD_ABORT;
    }
    if (transfer != NULL) {
        self->remaining = transfer->block_count;
        value |= CMD_DATA | (transfer->write ? 0 : CMD_READ);
        if (transfer->block_count != 1) {
            value |= CMD_MULTIPLE | CMD_BLOCK_COUNT;
        }
        put(self, BLK, transfer->block_count << 16 | transfer->block_size);
    }
    put(self, STAT, STAT_ALL);
    put(self, ARG, command->argument);
    put(self, CMD, value);
    return VDEV_OK;
}

/* All is done, or nothing more will come: be idle and silent. */
static int finish(struct vdev_omap3_hsmmc *self, int status)
{
    if (status != VDEV_OK) {
        cancel(&self->host);
        return status;
    }
    put(self, STAT, STAT_ALL);
    self->command = NULL;
    self->transfer = NULL;
    return VDEV_OK;
}

/* A card that is gone looks like one that is silent, or like one that garbles. */
static int error_of(const struct vdev_omap3_hsmmc *self, uint32_t status)
{
    if (absent(self)) {
        return VDEV_ERROR_ABSENT;
    }
    /* CTO with CCRC is two cards at once, or one in trouble, not silence [TRM table 22-31]. */
    bool silent = (status & (STAT_CTO | STAT_CCRC)) == STAT_CTO || (status & STAT_DTO) != 0;
    return silent ? VDEV_ERROR_TIMEOUT : VDEV_ERROR_IO;
}

static void take_answer(struct vdev_omap3_hsmmc *self)
{
    struct vdev_sd_command *command = self->command;

    self->answered = true;
    put(self, STAT, STAT_CC);
    if (command->response == VDEV_SD_RESPONSE_R2) {
        for (uint32_t i = 0; i < 4; i++) {
            command->answer[i] = get(self, RSP10 + 4 * (3 - i));
        }
    } else if (command->response != VDEV_SD_RESPONSE_NONE) {
        command->answer[0] = get(self, RSP10);
    }
}

/* The functions work on a copy of the accessor: nothing that they store can be taken to change it.
 */
static void read_words(struct vdev_io io, buffer_word *to, uint32_t words)
{
    for (uint32_t i = 0; i < words; i++) {
        to[i] = vdev_io_read32(&io, DATA);
    }
}

static void write_words(struct vdev_io io, const buffer_word *from, uint32_t words)
{
    for (uint32_t i = 0; i < words; i++) {
        vdev_io_write32(&io, DATA, from[i]);
    }
}

/* Move one block between the controller's buffer and the caller's. */
static void move_block(struct vdev_omap3_hsmmc *self)
{
    struct vdev_sd_transfer *transfer = self->transfer;
    uint32_t left = transfer->block_size;

    while (left != 0) {
        void *pointer;
        size_t piece = vdev_cursor_peek(&transfer->cursor, &pointer);
        uint32_t length = piece < left ? (uint32_t)piece : left;
        length &= ~3u;
        if (length == 0 || (uintptr_t)pointer % 4 != 0) {
            /* Where buffers are unaligned or end: one word through the cursor. */
            uint32_t word = 0;
            if (transfer->write) {
                vdev_cursor_read(&transfer->cursor, &word, 4);
                put(self, DATA, word);
            } else {
                word = get(self, DATA);
                vdev_cursor_write(&transfer->cursor, &word, 4);
            }
            left -= 4;
            continue;
        }
        if (transfer->write) {
            write_words(self->io, pointer, length / 4);
        } else {
            read_words(self->io, pointer, length / 4);
        }
        vdev_cursor_skip(&transfer->cursor, length);
        left -= length;
    }
    self->remaining--;
}

static uint32_t events_of(const struct vdev_omap3_hsmmc *self)
{
    if (!self->answered) {
        return STAT_CC;
    }
    if (self->transfer == NULL || self->remaining == 0) {
        return STAT_TC;
    }
    return self->transfer->write ? STAT_BWR : STAT_BRR;
}

static int poll(struct vdev_sd_host *host)
{
    struct vdev_omap3_hsmmc *self = driver_of(host);

    if (self->command == NULL) {
        return VDEV_ERROR_STATE;
    }
    bool moved = false;
    for (unsigned i = 0; i < PATIENCE; i++) {
        uint32_t status = get(self, STAT);
        uint32_t event = status & events_of(self);
        if ((status & (STAT_COMMAND_ERRORS | STAT_DATA_ERRORS)) != 0) {
            return finish(self, error_of(self, status));
        }
        if (event == STAT_CC) {
            take_answer(self);
            if (self->transfer == NULL && self->command->response != VDEV_SD_RESPONSE_R1B) {
                return finish(self, VDEV_OK);
            }
            i = 0;
        } else if (event == STAT_TC) {
            return finish(self, VDEV_OK);
        } else if (event != 0) {
            if (moved) {
                return VDEV_SD_MORE;
            }
            put(self, STAT, event);
            move_block(self);
            moved = true;
            i = 0;
        } else if (self->answered && self->transfer == NULL &&
                   (get(self, PSTATE) & PSTATE_LINES) == 0) {
            /* Not busy, or not any more; whether TC is told for that differs between models. */
            return finish(self, VDEV_OK);
        }
    }
    return moved ? VDEV_SD_MORE : VDEV_SD_PENDING;
}

int vdev_omap3_hsmmc_init(struct vdev_omap3_hsmmc *hsmmc,
                          const struct vdev_omap3_hsmmc_configuration *configuration)
{
    static const struct vdev_sd_host_operations operations = {
        .reset = reset,
        .set_bus = set_bus,
        .start = start,
        .poll = poll,
        .cancel = cancel,
    };

    if (configuration->clock == NULL) {
        return VDEV_ERROR_INVALID;
    }
    uint32_t reference = configuration->reference_hertz;
    if (reference == 0) {
        reference = VDEV_OMAP3_HSMMC_REFERENCE_HERTZ;
    }
    *hsmmc = (struct vdev_omap3_hsmmc){
        .host =
            {
                .operations = &operations,
                .maximum_blocks = 65535, /* BLK has 16 bits for them */
                .maximum_hertz = reference,
                .wide = configuration->wide,
            },
        .io = configuration->io,
        .clock = configuration->clock,
        .reference_hertz = reference,
        .low_voltage = configuration->low_voltage,
        .present = configuration->present,
        .power = configuration->power,
        .context = configuration->context,
    };
    if (configuration->maximum_hertz != 0 && configuration->maximum_hertz < reference) {
        hsmmc->host.maximum_hertz = configuration->maximum_hertz;
    }
    if (get(hsmmc, REV) == UINT32_MAX) {
        return VDEV_ERROR_ABSENT;
    }
    put(hsmmc, SYSCONFIG, SYSCONFIG_RESET);
    if (!wait_for(hsmmc, SYSSTATUS, SYSSTATUS_DONE, SYSSTATUS_DONE, RESET_TIME)) {
        return VDEV_ERROR_TIMEOUT;
    }
    put(hsmmc, SYSCONFIG, SYSCONFIG_NO_IDLE);
    return reset_controller(hsmmc);
}
