/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The emulator of the OMAP3530's MMC/SD/SDIO host controller: registers, command path, data path.
 * The card is sd_card.c's. Facts: what is public of the OMAP35x TRM, ch. 22: register lists,
 * drivers, and the OMAP3 model of QEMU's Linaro tree.
 *
 * A 512-byte block is 128 trapped accesses to DATA, so those come first and move one word.
 */
#include <vdev/emulators/omap3_hsmmc.h>
#include <vdev/status.h>

#include "core/mem.h"
#include "emulators/omap3_registers.h"

#define SYSCONFIG_SRESET (1u << 1)

#define CON_INIT (1u << 1)

#define BLK_BLEN       0x7FFu
#define BLK_NBLK_SHIFT 16

#define CMD_BCE         (1u << 1) /* the block count counts */
#define CMD_ACEN        (1u << 2) /* automatic CMD12 */
#define CMD_DDIR        (1u << 4) /* from the card */
#define CMD_MSBS        (1u << 5) /* more than one block */
#define CMD_RSP_SHIFT   16
#define CMD_CCCE        (1u << 19) /* check the answer's check sum ... */
#define CMD_CICE        (1u << 20) /* ... and its index */
#define CMD_DP          (1u << 21)
#define CMD_TYPE        (3u << 22)
#define CMD_TYPE_ABORT  (3u << 22)
#define CMD_INDEX_SHIFT 24
#define CMD_BITS        0x3FFB0037u
enum response { RSP_NONE, RSP_136, RSP_48, RSP_48_BUSY };

#define PSTATE_DATI   (1u << 1)
#define PSTATE_DLA    (1u << 2)
#define PSTATE_WTA    (1u << 8)
#define PSTATE_RTA    (1u << 9)
#define PSTATE_BWE    (1u << 10)
#define PSTATE_BRE    (1u << 11)
#define PSTATE_DAT0   (1u << 20)
#define PSTATE_LEVELS (0x1Fu << 20) /* CMD and DAT lines, pulled up */

#define HCTL_SDBP       (1u << 8)
#define HCTL_SDVS_SHIFT 9
#define HCTL_GAP        (3u << 16) /* SBGR, CR */
#define HCTL_BITS       0x0F0F0F02u

#define SYSCTL_ICE  (1u << 0)
#define SYSCTL_ICS  (1u << 1)
#define SYSCTL_CEN  (1u << 2)
#define SYSCTL_SRA  (1u << 24)
#define SYSCTL_SRC  (1u << 25)
#define SYSCTL_SRD  (1u << 26)
#define SYSCTL_BITS 0x000FFFC5u

#define STAT_CC     (1u << 0)
#define STAT_TC     (1u << 1)
#define STAT_BGE    (1u << 2)
#define STAT_BWR    (1u << 4)
#define STAT_BRR    (1u << 5)
#define STAT_ERRI   (1u << 15)
#define STAT_CTO    (1u << 16)
#define STAT_CCRC   (1u << 17)
#define STAT_CEB    (1u << 18)
#define STAT_CIE    (1u << 19)
#define STAT_DTO    (1u << 20)
#define STAT_DCRC   (1u << 21)
#define STAT_ACE    (1u << 24)
#define STAT_CERR   (1u << 28)
#define STAT_BADA   (1u << 29)
#define STAT_ERRORS 0xFFFF0000u
#define STAT_CLEAR  0x317F0237u /* write 1 to clear: all but CIRQ and ERRI */
#define STAT_ENABLE 0x317F0337u /* IE and ISE: all but ERRI */

#define AC12_ACTO (1u << 1)

#define CAPA_VOLTAGES (7u << 24) /* VS33, VS30, VS18: what the boot loader says the board has */

#define STOP_TRANSMISSION 12u

enum phase {
    IDLE,
    RECEIVE,
    TRANSMIT,
    SETTLE, /* all data of a write are with the card, which has not written them yet */
    BUSY,   /* an answer with busy has come */
};

static vdev_register_read_function read_data, read_state, read_status;
static vdev_register_write_function write_system, write_block, write_command, write_data,
    write_host_control, write_system_control, write_state;

#define REGISTERS(X)                                                                               \
    X(SYSCONFIG, 0x010, .name = "MMCHS_SYSCONFIG", .writable = 0x31D, .reset = 0x15,               \
      .self_clearing = SYSCONFIG_SRESET, .reserved = ~0x31Fu, .write = write_system)               \
    X(SYSSTATUS, 0x014, .name = "MMCHS_SYSSTATUS", .reset = 0x1, OMAP3_READ_ONLY)                  \
    X(CSRE, 0x024, .name = "MMCHS_CSRE", .writable = ~0u)                                          \
    X(SYSTEST, 0x028, .name = "MMCHS_SYSTEST", .writable = 0xFFFF, .reserved = ~0xFFFFu)           \
    X(CON, 0x02C, .name = "MMCHS_CON", .writable = 0x1FFFF, .reset = 0x500, .reserved = ~0x1FFFFu) \
    X(PWCNT, 0x030, .name = "MMCHS_PWCNT", .writable = 0xFFFF, .reserved = ~0xFFFFu)               \
    X(BLK, 0x104, .name = "MMCHS_BLK", .reserved = 0xF800, .write = write_block)                   \
    X(ARG, 0x108, .name = "MMCHS_ARG", .writable = ~0u)                                            \
    X(CMD, 0x10C, .name = "MMCHS_CMD", .reserved = ~CMD_BITS, .write = write_command)              \
    X(RSP10, 0x110, .name = "MMCHS_RSP10", OMAP3_READ_ONLY)                                        \
    X(RSP32, 0x114, .name = "MMCHS_RSP32", OMAP3_READ_ONLY)                                        \
    X(RSP54, 0x118, .name = "MMCHS_RSP54", OMAP3_READ_ONLY)                                        \
    X(RSP76, 0x11C, .name = "MMCHS_RSP76", OMAP3_READ_ONLY)                                        \
    X(DATA, 0x120, .name = "MMCHS_DATA", .read = read_data, .write = write_data)                   \
    X(PSTATE, 0x124, .name = "MMCHS_PSTATE", OMAP3_READ_ONLY, .read = read_state)                  \
    X(HCTL, 0x128, .name = "MMCHS_HCTL", .reserved = ~HCTL_BITS, .write = write_host_control)      \
    X(SYSCTL, 0x12C, .name = "MMCHS_SYSCTL", .writable = SYSCTL_BITS,                              \
      .self_clearing = SYSCTL_SRA | SYSCTL_SRC | SYSCTL_SRD, .write = write_system_control)        \
    X(STAT, 0x130, .name = "MMCHS_STAT", .write_one_to_clear = STAT_CLEAR, .read = read_status,    \
      .write = write_state)                                                                        \
    X(IE, 0x134, .name = "MMCHS_IE", .writable = STAT_ENABLE, .write = write_state)                \
    X(ISE, 0x138, .name = "MMCHS_ISE", .writable = STAT_ENABLE, .write = write_state)              \
    X(AC12, 0x13C, .name = "MMCHS_AC12", OMAP3_READ_ONLY)                                          \
    X(CAPA, 0x140, .name = "MMCHS_CAPA", .writable = CAPA_VOLTAGES, .reset = 0x00E10080)           \
    X(CUR_CAPA, 0x148, .name = "MMCHS_CUR_CAPA", .writable = 0xFFFFFF, .reserved = 0xFF000000)     \
    X(REV, 0x1FC, .name = "MMCHS_REV", .reset = 0x26000000, OMAP3_READ_ONLY)

enum register_number { REGISTERS(OMAP3_NUMBER) REGISTER_COUNT };
_Static_assert(REGISTER_COUNT == VDEV_OMAP3_HSMMC_REGISTER_COUNT, "the values' array holds them");

static const uint8_t register_index[0x200 / 4] = {REGISTERS(OMAP3_INDEX)};
static const struct vdev_register registers[] = {REGISTERS(OMAP3_REGISTER_32)};

const struct vdev_register_table vdev_omap3_hsmmc_registers = {
    .registers = registers,
    .count = REGISTER_COUNT,
    .index = register_index,
    .words = sizeof register_index,
    .fields = vdev_omap3_hsmmc_fields,
};

static void block_read(struct vdev_omap3_hsmmc_emulator *self);
static void block_written(struct vdev_omap3_hsmmc_emulator *self);

int vdev_omap3_hsmmc_emulator_access(void *emulator, struct vdev_access *access)
{
    struct vdev_omap3_hsmmc_emulator *self = emulator;
    uint32_t position = self->position;

    if (access->offset != 0x120 || access->width != 4 || position >= self->end ||
        self->phase != (access->write ? TRANSMIT : RECEIVE)) {
        return vdev_registers_access(&self->bank, access);
    }
    if (access->write) {
        self->fifo[position / 4] = (uint32_t)access->value;
    } else {
        access->value = self->fifo[position / 4];
    }
    self->position = position + 4;
    if (self->position == self->end) {
        if (access->write) {
            block_written(self);
        } else {
            block_read(self);
        }
    }
    return VDEV_OK;
}

/* Something happened: the status tells of it if it may. */
static void event(struct vdev_omap3_hsmmc_emulator *self, uint32_t bits)
{
    self->values[STAT] |= bits & self->values[IE];
}

/* The interrupt line; last in everything that changes the status. */
static void refresh(struct vdev_omap3_hsmmc_emulator *self)
{
    if (self->interrupt != NULL) {
        const uint32_t *values = self->values;
        vdev_interrupt_set(self->interrupt, (values[STAT] & values[IE] & values[ISE]) != 0);
    }
}

/* The data path is idle again, and the FIFO empty. */
static void end_transfer(struct vdev_omap3_hsmmc_emulator *self)
{
    self->phase = IDLE;
    self->position = 0;
    self->end = 0;
    self->passed = 0;
    vdev_sd_card_emulator_expect(&self->card, 0);
}

/*
 * The transfer broke off. A card whose medium fails sends a wrong check sum, or a negative one for
 * what it got; one that has nothing to send, or is not there, sends nothing until the time is over.
 */
static void fail(struct vdev_omap3_hsmmc_emulator *self, int error)
{
    bool silent = error == VDEV_ERROR_TIMEOUT || error == VDEV_ERROR_ABSENT ||
                  error == VDEV_ERROR_RANGE || error == VDEV_ERROR_STATE;

    event(self, silent ? STAT_DTO : STAT_DCRC);
    end_transfer(self);
}

static void complete(struct vdev_omap3_hsmmc_emulator *self)
{
    if (self->automatic_stop) {
        uint32_t answer[4];
        self->automatic_stop = false;
        self->values[AC12] = 0;
        if (vdev_sd_card_emulator_command(&self->card, STOP_TRANSMISSION, 0, answer) ==
            VDEV_SD_RESPONSE_NONE) {
            self->values[AC12] = AC12_ACTO;
            event(self, STAT_ACE);
        } else {
            self->values[RSP76] = answer[0];
        }
    }
    event(self, STAT_TC);
    end_transfer(self);
}

/* The guest may read, or write, the block in the FIFO. */
static void offer(struct vdev_omap3_hsmmc_emulator *self, uint32_t ready)
{
    self->position = 0;
    self->end = (self->block_bytes + 3) & ~3u;
    event(self, ready);
}

/* From the card into the FIFO, up to one block. */
static void receive(struct vdev_omap3_hsmmc_emulator *self)
{
    while (self->end == 0) {
        const uint8_t *data;
        int there = vdev_sd_card_emulator_peek(&self->card, &data);
        if (there == 0 && self->card.state != VDEV_SD_SENDING) {
            there = VDEV_ERROR_STATE; /* the card is through, though the host wants more */
        }
        if (there < 0) {
            fail(self, there);
            return;
        }
        if (there == 0) {
            return;
        }
        uint32_t bytes = self->block_bytes - self->passed;
        bytes = bytes < (uint32_t)there ? bytes : (uint32_t)there;
        memcpy((uint8_t *)self->fifo + self->passed, data, bytes);
        self->passed += bytes;
        vdev_sd_card_emulator_take(&self->card, bytes);
        if (self->passed == self->block_bytes) {
            /* What a length that is no multiple of 4 leaves of the last word reads as zero. */
            memset((uint8_t *)self->fifo + self->passed, 0, -self->passed & 3);
            offer(self, STAT_BRR);
        }
    }
}

/* From the FIFO to the card, when there is a block in it. */
static void transmit(struct vdev_omap3_hsmmc_emulator *self)
{
    while (self->end == 0) {
        uint8_t *data;
        int room = vdev_sd_card_emulator_room(&self->card, &data);
        if (room < 0) {
            fail(self, room);
            return;
        }
        if (room == 0) {
            return;
        }
        uint32_t bytes = self->block_bytes - self->passed;
        bytes = bytes < (uint32_t)room ? bytes : (uint32_t)room;
        memcpy(data, (const uint8_t *)self->fifo + self->passed, bytes);
        self->passed += bytes;
        vdev_sd_card_emulator_put(&self->card, bytes);
        if (self->passed != self->block_bytes) {
            continue;
        }
        self->passed = 0;
        if (!self->endless && --self->blocks == 0) {
            self->phase = SETTLE;
            return;
        }
        offer(self, STAT_BWR);
    }
}

/* All that can go on now does; at the end of every access and from inside the class's poll. */
static void look_after(struct vdev_omap3_hsmmc_emulator *self)
{
    if (self->phase == RECEIVE) {
        receive(self);
    } else if (self->phase == TRANSMIT) {
        transmit(self);
    }
    if (self->phase == SETTLE || self->phase == BUSY) {
        int status = vdev_sd_card_emulator_settled(&self->card);
        if (status == VDEV_OK) {
            complete(self);
        } else if (status != VDEV_SD_PENDING) {
            fail(self, status);
        }
    }
    refresh(self);
}

static void card_changed(void *owner)
{
    look_after(owner);
}

/* The guest has read the last word of the block. */
static void block_read(struct vdev_omap3_hsmmc_emulator *self)
{
    self->end = 0;
    self->passed = 0;
    if (!self->endless && --self->blocks == 0) {
        complete(self);
    }
    look_after(self);
}

static void block_written(struct vdev_omap3_hsmmc_emulator *self)
{
    self->end = 0;
    look_after(self);
}

/* DATA at a moment at which there is nothing to read, or no room: the short way did not take it. */
static uint32_t read_data(void *device, uint32_t offset)
{
    (void)offset;
    event(device, STAT_BADA);
    refresh(device);
    return 0;
}

static void write_data(void *device, uint32_t offset, uint32_t value)
{
    (void)value;
    read_data(device, offset);
}

static uint32_t read_state(void *device, uint32_t offset)
{
    const struct vdev_omap3_hsmmc_emulator *self = device;
    uint32_t state = PSTATE_LEVELS;

    (void)offset;
    if (self->phase != IDLE) {
        state |= PSTATE_DATI | PSTATE_DLA;
    }
    if (self->phase == RECEIVE) {
        state |= PSTATE_RTA | (self->end != 0 ? PSTATE_BRE : 0);
    } else if (self->phase == TRANSMIT) {
        state |= PSTATE_WTA | (self->end != 0 ? PSTATE_BWE : 0);
    } else if (self->phase != IDLE) {
        state &= ~PSTATE_DAT0;
    }
    return state;
}

static uint32_t read_status(void *device, uint32_t offset)
{
    const struct vdev_omap3_hsmmc_emulator *self = device;
    uint32_t status = self->values[STAT];

    (void)offset;
    return status | ((status & STAT_ERRORS) != 0 ? STAT_ERRI : 0);
}

static void write_state(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    (void)value;
    refresh(device);
}

static void write_block(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_hsmmc_emulator *self = device;

    (void)offset;
    if (self->phase == IDLE) {
        self->values[BLK] = value & 0xFFFF07FF;
    }
}

/* What the transfer will be, from now on whatever the registers say. */
static void prepare(struct vdev_omap3_hsmmc_emulator *self, uint32_t command)
{
    uint32_t bytes = self->values[BLK] & BLK_BLEN;
    bool counted = (command & CMD_BCE) != 0;

    self->block_bytes = bytes < VDEV_OMAP3_HSMMC_FIFO_BYTES ? bytes : VDEV_OMAP3_HSMMC_FIFO_BYTES;
    self->blocks = 1;
    self->endless = false;
    if ((command & CMD_MSBS) != 0) {
        self->blocks = self->values[BLK] >> BLK_NBLK_SHIFT;
        self->endless = !counted;
    }
    self->automatic_stop = (command & CMD_ACEN) != 0 && (command & CMD_MSBS) != 0 && counted;
    /* The largest number means as much as one likes; nothing is lost by asking for too much. */
    vdev_sd_card_emulator_expect(&self->card,
                                 self->endless ? UINT32_MAX : self->blocks * self->block_bytes);
}

static void begin(struct vdev_omap3_hsmmc_emulator *self, uint32_t command)
{
    self->passed = 0;
    if (self->block_bytes == 0 || (self->blocks == 0 && !self->endless)) {
        event(self, STAT_TC); /* no data at all */
        end_transfer(self);
    } else if ((command & CMD_DDIR) != 0) {
        self->phase = RECEIVE;
    } else {
        uint8_t *data;
        int room = vdev_sd_card_emulator_room(&self->card, &data);
        self->phase = TRANSMIT;
        if (room < 0) {
            fail(self, room);
        } else {
            offer(self, STAT_BWR);
        }
    }
}

/* The answer into its registers, and what is wrong with it as STAT has it; 0: nothing. */
static uint32_t take_answer(struct vdev_omap3_hsmmc_emulator *self, uint32_t command,
                            enum vdev_sd_response response, const uint32_t answer[4])
{
    enum response wanted = command >> CMD_RSP_SHIFT & 3;
    uint32_t *values = self->values;
    uint32_t wrong = 0;

    if (wanted == RSP_NONE) {
        return 0;
    }
    if (response == VDEV_SD_RESPONSE_NONE ||
        (wanted == RSP_136 && response != VDEV_SD_RESPONSE_R2)) {
        return STAT_CTO; /* nothing came, or less than was waited for */
    }
    if (wanted == RSP_136) {
        for (unsigned i = 0; i < 4; i++) {
            values[RSP10 + i] = answer[3 - i];
        }
        return (command & CMD_CICE) != 0 ? STAT_CIE : 0; /* R2 has no index */
    }
    if (response == VDEV_SD_RESPONSE_R2) {
        return STAT_CEB; /* no end where there should be one */
    }
    values[RSP10] = answer[0];
    if (response == VDEV_SD_RESPONSE_R3) {
        /* Neither a check sum nor an index, but ones [SD §4.9.4]. */
        wrong |= (command & CMD_CCCE) != 0 ? STAT_CCRC : 0;
        wrong |= (command & CMD_CICE) != 0 ? STAT_CIE : 0;
    } else if (response == VDEV_SD_RESPONSE_R1 || response == VDEV_SD_RESPONSE_R1B) {
        wrong |= (answer[0] & values[CSRE]) != 0 ? STAT_CERR : 0;
    }
    return wrong;
}

static void send_command(struct vdev_omap3_hsmmc_emulator *self, uint32_t command)
{
    uint32_t index = command >> CMD_INDEX_SHIFT;
    bool data = (command & CMD_DP) != 0 && self->phase == IDLE;
    bool busy = (command >> CMD_RSP_SHIFT & 3) == RSP_48_BUSY;
    uint32_t answer[4];

    if (data) {
        prepare(self, command);
    }
    enum vdev_sd_response response =
        vdev_sd_card_emulator_command(&self->card, (uint8_t)index, self->values[ARG], answer);
    uint32_t wrong = take_answer(self, command, response, answer);
    event(self, wrong);
    if ((wrong & (STAT_CTO | STAT_CEB)) != 0) {
        if (data) {
            end_transfer(self);
        }
        return;
    }
    event(self, STAT_CC);
    if (data && wrong != 0) {
        end_transfer(self);
    } else if (data) {
        begin(self, command);
    } else if (index == STOP_TRANSMISSION && (self->phase == RECEIVE || self->phase == TRANSMIT)) {
        /* What is in the FIFO is for nobody; the card may still be busy. */
        end_transfer(self);
        self->automatic_stop = false;
        self->phase = BUSY;
    } else if (busy && self->phase == IDLE) {
        self->automatic_stop = false;
        self->phase = BUSY;
    }
}

static void write_command(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_hsmmc_emulator *self = device;
    uint32_t command = value & CMD_BITS;
    uint32_t *values = self->values;
    bool wants_lines = (command & CMD_DP) != 0 || (command >> CMD_RSP_SHIFT & 3) == RSP_48_BUSY;

    (void)offset;
    if ((values[HCTL] & HCTL_SDBP) == 0 ||
        (values[SYSCTL] & (SYSCTL_ICE | SYSCTL_CEN)) != (SYSCTL_ICE | SYSCTL_CEN)) {
        values[CMD] = command;
        return;
    }
    if (self->phase != IDLE && wants_lines && command >> CMD_INDEX_SHIFT != STOP_TRANSMISSION &&
        (command & CMD_TYPE) != CMD_TYPE_ABORT) {
        return;
    }
    values[CMD] = command;
    if ((values[CON] & CON_INIT) != 0) {
        event(self, STAT_CC); /* 80 clocks, and nothing that the card understands */
        refresh(self);
        return;
    }
    send_command(self, command);
    look_after(self);
}

static void write_host_control(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_hsmmc_emulator *self = device;
    uint32_t voltage = value >> HCTL_SDVS_SHIFT & 7; /* 5: 1.8 V, 6: 3.0 V, 7: 3.3 V */

    (void)offset;
    value &= HCTL_BITS;
    if (voltage < 5 || (self->values[CAPA] >> (31 - voltage) & 1) == 0) {
        value &= ~HCTL_SDBP;
    }
    self->values[HCTL] = value;
}

static void reset_data(struct vdev_omap3_hsmmc_emulator *self)
{
    self->automatic_stop = false;
    self->values[STAT] &= ~(STAT_TC | STAT_BGE | STAT_BWR | STAT_BRR);
    self->values[HCTL] &= ~HCTL_GAP;
    end_transfer(self);
}

/* All registers; the card does not notice. */
static void reset_all(struct vdev_omap3_hsmmc_emulator *self)
{
    vdev_registers_reset(&self->bank);
    reset_data(self);
    refresh(self);
}

static void write_system_control(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_omap3_hsmmc_emulator *self = device;
    uint32_t *values = self->values;

    (void)offset;
    values[SYSCTL] &= ~SYSCTL_ICS;
    values[SYSCTL] |= (values[SYSCTL] & SYSCTL_ICE) != 0 ? SYSCTL_ICS : 0;
    if ((value & SYSCTL_SRA) != 0) {
        /* Not what the boot loader said of the board, and not the bus interface. */
        uint32_t capabilities = values[CAPA];
        uint32_t current = values[CUR_CAPA];
        uint32_t config = values[SYSCONFIG];
        reset_all(self);
        values[CAPA] = capabilities;
        values[CUR_CAPA] = current;
        values[SYSCONFIG] = config;
        return;
    }
    if ((value & SYSCTL_SRC) != 0) {
        values[STAT] &= ~STAT_CC;
    }
    if ((value & SYSCTL_SRD) != 0) {
        reset_data(self);
    }
    refresh(self);
}

static void write_system(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    if ((value & SYSCONFIG_SRESET) != 0) {
        reset_all(device);
    }
}

void vdev_omap3_hsmmc_emulator_reset(struct vdev_omap3_hsmmc_emulator *emulator)
{
    reset_all(emulator);
    vdev_sd_card_emulator_power(&emulator->card);
}

int vdev_omap3_hsmmc_emulator_init(
    struct vdev_omap3_hsmmc_emulator *emulator,
    const struct vdev_omap3_hsmmc_emulator_configuration *configuration)
{
    memset(emulator, 0, sizeof *emulator);
    emulator->interrupt = configuration->interrupt;
    vdev_registers_init(&emulator->bank, &vdev_omap3_hsmmc_registers, emulator->values, emulator);
    const struct vdev_sd_card_emulator_configuration card = {
        .block = configuration->block,
        .buffer = configuration->buffer,
        .buffer_length = configuration->buffer_length,
        .changed = card_changed,
        .owner = emulator,
    };
    return vdev_sd_card_emulator_init(&emulator->card, &card);
}
