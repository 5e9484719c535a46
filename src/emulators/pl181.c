/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL181 model: registers, command path, data path with its FIFO. The card is sd_card.c's.
 * [TRM] is the PL181 Technical Reference Manual, ARM DDI 0205.
 *
 * A 512-byte block is 128 trapped accesses to the FIFO, so those come first and do nothing but move
 * a word, except where a status bit changes: data pass between FIFO and card up to 16 words at
 * once.
 */
#include <vdev/emulators/pl181.h>
#include <vdev/status.h>

#include "core/mem.h"

/* MCIPower, MCIClock, MCICommand, MCIDataCtrl [TRM §3.3]. */
#define POWER_MASK        0x3u
#define POWER_OFF         0x0u
#define POWER_ON          0x3u
#define CLOCK_ENABLE      (1u << 8)
#define COMMAND_INDEX     0x3fu
#define COMMAND_RESPONSE  (1u << 6)
#define COMMAND_LONG      (1u << 7)
#define COMMAND_INTERRUPT (1u << 8)
#define COMMAND_PENDING   (1u << 9)
#define COMMAND_ENABLE    (1u << 10)
#define DATA_ENABLE       (1u << 0)
#define DATA_FROM_CARD    (1u << 1)

/* MCIStatus [TRM §3.3.12]; bits 10 to 0 are latched and cleared through MCIClear. */
#define STATUS_CMD_CRC_FAIL       (1u << 0)
#define STATUS_DATA_CRC_FAIL      (1u << 1)
#define STATUS_CMD_TIME_OUT       (1u << 2)
#define STATUS_DATA_TIME_OUT      (1u << 3)
#define STATUS_CMD_RESP_END       (1u << 6)
#define STATUS_CMD_SENT           (1u << 7)
#define STATUS_DATA_END           (1u << 8)
#define STATUS_DATA_BLOCK_END     (1u << 10)
#define STATUS_CMD_ACTIVE         (1u << 11)
#define STATUS_TX_ACTIVE          (1u << 12)
#define STATUS_RX_ACTIVE          (1u << 13)
#define STATUS_TX_FIFO_HALF_EMPTY (1u << 14)
#define STATUS_RX_FIFO_HALF_FULL  (1u << 15)
#define STATUS_TX_FIFO_FULL       (1u << 16)
#define STATUS_RX_FIFO_FULL       (1u << 17)
#define STATUS_TX_FIFO_EMPTY      (1u << 18)
#define STATUS_RX_FIFO_EMPTY      (1u << 19)
#define STATUS_TX_DATA_AVLBL      (1u << 20)
#define STATUS_RX_DATA_AVLBL      (1u << 21)
#define STATUS_LATCHED            0x7ffu
#define STATUS_ALL                0x3fffffu

/* Errors in a card status with which a data command is refused: no data will come [SD §4.10.1]. */
#define CARD_REFUSED 0xfc000000u

#define FIFO_OFFSET 0x80u
#define FIFO_BYTES  (VDEV_PL181_FIFO_WORDS * 4)
#define FIFO_HALF   (VDEV_PL181_FIFO_WORDS / 2)

enum phase {
    IDLE,
    RECEIVE,
    TRANSMIT,
    SETTLE, /* all data of a write are with the card, which has not written them yet */
};

static vdev_register_read_function read_status, read_data_count, read_fifo_count;
static vdev_register_write_function write_power, write_command, write_data_control, write_clear,
    write_mask;

/* [TRM table 3-1]. Identification: part 0x181, designer 0x41, revision 0. */
#define REGISTERS(X)                                                                               \
    X(POWER, 0x000, .name = "MCIPower", .writable = 0xff, .write = write_power,                    \
      .reserved = ~0xffu)                                                                          \
    X(CLOCK, 0x004, .name = "MCIClock", .writable = 0xfff, .reserved = ~0xfffu)                    \
    X(ARGUMENT, 0x008, .name = "MCIArgument", .writable = ~0u)                                     \
    X(COMMAND, 0x00c, .name = "MCICommand", .writable = 0x7ff, .write = write_command,             \
      .reserved = ~0x7ffu)                                                                         \
    X(RESP_CMD, 0x010, .name = "MCIRespCmd", .kind = VDEV_REGISTER_READ_ONLY)                      \
    X(RESPONSE0, 0x014, .name = "MCIResponse0", .kind = VDEV_REGISTER_READ_ONLY)                   \
    X(RESPONSE1, 0x018, .name = "MCIResponse1", .kind = VDEV_REGISTER_READ_ONLY)                   \
    X(RESPONSE2, 0x01c, .name = "MCIResponse2", .kind = VDEV_REGISTER_READ_ONLY)                   \
    X(RESPONSE3, 0x020, .name = "MCIResponse3", .kind = VDEV_REGISTER_READ_ONLY)                   \
    X(DATA_TIMER, 0x024, .name = "MCIDataTimer", .writable = ~0u)                                  \
    X(DATA_LENGTH, 0x028, .name = "MCIDataLength", .writable = 0xffff, .reserved = ~0xffffu)       \
    X(DATA_CTRL, 0x02c, .name = "MCIDataCtrl", .writable = 0xff, .write = write_data_control,      \
      .reserved = ~0xffu)                                                                          \
    X(DATA_CNT, 0x030, .name = "MCIDataCnt", .kind = VDEV_REGISTER_READ_ONLY,                      \
      .read = read_data_count)                                                                     \
    X(STATUS, 0x034, .name = "MCIStatus", .kind = VDEV_REGISTER_READ_ONLY, .read = read_status)    \
    X(CLEAR, 0x038, .name = "MCIClear", .kind = VDEV_REGISTER_WRITE_ONLY, .write = write_clear,    \
      .reserved = ~STATUS_LATCHED)                                                                 \
    X(MASK0, 0x03c, .name = "MCIMask0", .writable = STATUS_ALL, .write = write_mask,               \
      .reserved = ~STATUS_ALL)                                                                     \
    X(MASK1, 0x040, .name = "MCIMask1", .writable = STATUS_ALL, .write = write_mask,               \
      .reserved = ~STATUS_ALL)                                                                     \
    X(SELECT, 0x044, .name = "MCISelect", .writable = 0xf, .reserved = ~0xfu)                      \
    X(FIFO_CNT, 0x048, .name = "MCIFifoCnt", .kind = VDEV_REGISTER_READ_ONLY,                      \
      .read = read_fifo_count)                                                                     \
    X(FIFO, FIFO_OFFSET, .name = "MCIFIFO", .repeat = VDEV_PL181_FIFO_WORDS)                       \
    X(PERIPHERAL0, 0xfe0, .name = "MCIPeriphID0", .kind = VDEV_REGISTER_READ_ONLY, .reset = 0x81)  \
    X(PERIPHERAL1, 0xfe4, .name = "MCIPeriphID1", .kind = VDEV_REGISTER_READ_ONLY, .reset = 0x11)  \
    X(PERIPHERAL2, 0xfe8, .name = "MCIPeriphID2", .kind = VDEV_REGISTER_READ_ONLY, .reset = 0x04)  \
    X(PERIPHERAL3, 0xfec, .name = "MCIPeriphID3", .kind = VDEV_REGISTER_READ_ONLY, .reset = 0x00)  \
    X(CELL0, 0xff0, .name = "MCIPCellID0", .kind = VDEV_REGISTER_READ_ONLY, .reset = 0x0d)         \
    X(CELL1, 0xff4, .name = "MCIPCellID1", .kind = VDEV_REGISTER_READ_ONLY, .reset = 0xf0)         \
    X(CELL2, 0xff8, .name = "MCIPCellID2", .kind = VDEV_REGISTER_READ_ONLY, .reset = 0x05)         \
    X(CELL3, 0xffc, .name = "MCIPCellID3", .kind = VDEV_REGISTER_READ_ONLY, .reset = 0xb1)

#define NUMBER(id, offset_, ...) id,
#define INDEX(id, offset_, ...)  [(offset_) / 4] = (id) + 1,
#define REGISTER(id, offset_, ...)                                                                 \
    [id] = {.offset = (offset_), .widths = VDEV_REGISTER_32, __VA_ARGS__},
#define FIFO_WORD(word) [FIFO_OFFSET / 4 + (word)] = FIFO + 1

enum register_number { REGISTERS(NUMBER) REGISTER_COUNT };
_Static_assert(REGISTER_COUNT == VDEV_PL181_REGISTER_COUNT, "the values' array holds them all");

static const uint8_t register_index[VDEV_PL181_WINDOW / 4] = {
    REGISTERS(INDEX) FIFO_WORD(1),
    FIFO_WORD(2),
    FIFO_WORD(3),
    FIFO_WORD(4),
    FIFO_WORD(5),
    FIFO_WORD(6),
    FIFO_WORD(7),
    FIFO_WORD(8),
    FIFO_WORD(9),
    FIFO_WORD(10),
    FIFO_WORD(11),
    FIFO_WORD(12),
    FIFO_WORD(13),
    FIFO_WORD(14),
    FIFO_WORD(15),
};
static const struct vdev_register registers[] = {REGISTERS(REGISTER)};

/* MCIStatus's latched bits, which MCIClear, MCIMask0 and MCIMask1 have as well. */
#define LATCHED_FIELDS(offset)                                                                     \
    {offset, 1u << 0, "CMD_CRC_FAIL"}, {offset, 1u << 1, "DATA_CRC_FAIL"},                         \
        {offset, 1u << 2, "CMD_TIME_OUT"}, {offset, 1u << 3, "DATA_TIME_OUT"},                     \
        {offset, 1u << 4, "TX_UNDERRUN"}, {offset, 1u << 5, "RX_OVERRUN"},                         \
        {offset, 1u << 6, "CMD_RESP_END"}, {offset, 1u << 7, "CMD_SENT"},                          \
        {offset, 1u << 8, "DATA_END"}, {offset, 1u << 9, "START_BIT_ERROR"},                       \
        {offset, 1u << 10, "DATA_BLOCK_END"}
/* And those that say how it is now. */
#define FLAG_FIELDS(offset)                                                                        \
    {offset, 1u << 11, "CMD_ACTIVE"}, {offset, 1u << 12, "TX_ACTIVE"},                             \
        {offset, 1u << 13, "RX_ACTIVE"}, {offset, 1u << 14, "TX_FIFO_HALF_EMPTY"},                 \
        {offset, 1u << 15, "RX_FIFO_HALF_FULL"}, {offset, 1u << 16, "TX_FIFO_FULL"},               \
        {offset, 1u << 17, "RX_FIFO_FULL"}, {offset, 1u << 18, "TX_FIFO_EMPTY"},                   \
        {offset, 1u << 19, "RX_FIFO_EMPTY"}, {offset, 1u << 20, "TX_DATA_AVLBL"},                  \
        {offset, 1u << 21, "RX_DATA_AVLBL"}

/* For tests and messages; no access looks at them [TRM §3.3]. */
static const struct vdev_register_field fields[] = {
    {0x000, 0x03, "CTRL"},
    {0x000, 0x3c, "VOLTAGE"},
    {0x000, 0x40, "OPEN_DRAIN"},
    {0x000, 0x80, "ROD"},
    {0x004, 0xff, "DIVIDER"},
    {0x004, 1u << 8, "ENABLE"},
    {0x004, 1u << 9, "POWER_SAVE"},
    {0x004, 1u << 10, "BYPASS"},
    {0x004, 1u << 11, "WIDE"},
    {0x00c, 0x3f, "INDEX"},
    {0x00c, 1u << 6, "RESPONSE"},
    {0x00c, 1u << 7, "LONG"},
    {0x00c, 1u << 8, "INTERRUPT"},
    {0x00c, 1u << 9, "PENDING"},
    {0x00c, 1u << 10, "ENABLE"},
    {0x02c, 1u << 0, "ENABLE"},
    {0x02c, 1u << 1, "FROM_CARD"},
    {0x02c, 1u << 2, "STREAM"},
    {0x02c, 1u << 3, "DMA_ENABLE"},
    {0x02c, 0xf0, "BLOCK_SIZE"},
    LATCHED_FIELDS(0x034),
    FLAG_FIELDS(0x034),
    LATCHED_FIELDS(0x038),
    LATCHED_FIELDS(0x03c),
    FLAG_FIELDS(0x03c),
    LATCHED_FIELDS(0x040),
    FLAG_FIELDS(0x040),
    {0, 0, NULL},
};

const struct vdev_register_table vdev_pl181_registers = {
    .registers = registers,
    .count = REGISTER_COUNT,
    .index = register_index,
    .words = VDEV_PL181_WINDOW / 4,
    .fields = fields,
};

static void look_after(struct vdev_pl181_emulator *emulator);
static void catch_up(struct vdev_pl181_emulator *emulator);

/* Out of line, so that the short ways need no stack. */
static __attribute__((noinline)) int noticed(struct vdev_pl181_emulator *emulator)
{
    look_after(emulator);
    return VDEV_OK;
}

/* A driver that reads on without a look at the status: is there something to read after all? */
static __attribute__((noinline)) int read_empty(struct vdev_pl181_emulator *emulator,
                                                struct vdev_access *access)
{
    access->value = 0;
    catch_up(emulator);
    if (emulator->phase == RECEIVE && emulator->level != 0) {
        access->value = emulator->fifo[emulator->head++];
        emulator->level--;
        look_after(emulator);
    }
    return VDEV_OK;
}

int vdev_pl181_emulator_access(void *device, struct vdev_access *access)
{
    struct vdev_pl181_emulator *emulator = device;

    /* Any of the FIFO's words, and nothing between them. */
    if (((access->offset - FIFO_OFFSET) & ~(FIFO_BYTES - 4)) != 0 || access->width != 4) {
        return vdev_registers_access(&emulator->bank, access);
    }
    uint32_t level = emulator->level;
    if (!access->write) {
        if (emulator->phase != RECEIVE || level == 0) {
            return read_empty(emulator, access);
        }
        access->value = emulator->fifo[emulator->head++];
        emulator->level = --level;
        return level == emulator->limit ? noticed(emulator) : VDEV_OK;
    }
    if (emulator->phase != TRANSMIT || level >= emulator->limit) {
        return VDEV_OK;
    }
    emulator->fifo[level] = (uint32_t)access->value;
    emulator->level = ++level;
    return level == emulator->limit ? noticed(emulator) : VDEV_OK;
}

static uint32_t status_of(const struct vdev_pl181_emulator *emulator)
{
    uint32_t status = emulator->values[STATUS];
    uint32_t level = emulator->level;

    if (emulator->command_waits || emulator->command_hangs) {
        status |= STATUS_CMD_ACTIVE;
    }
    if (emulator->phase == RECEIVE) {
        status |= STATUS_RX_ACTIVE;
        status |= level == 0 ? STATUS_RX_FIFO_EMPTY : STATUS_RX_DATA_AVLBL;
        status |= level >= FIFO_HALF ? STATUS_RX_FIFO_HALF_FULL : 0;
        status |= level == VDEV_PL181_FIFO_WORDS ? STATUS_RX_FIFO_FULL : 0;
    } else if (emulator->phase != IDLE) {
        status |= STATUS_TX_ACTIVE;
        status |= level == 0 ? STATUS_TX_FIFO_EMPTY : STATUS_TX_DATA_AVLBL;
        status |= level <= FIFO_HALF ? STATUS_TX_FIFO_HALF_EMPTY : 0;
        status |= level == VDEV_PL181_FIFO_WORDS ? STATUS_TX_FIFO_FULL : 0;
    }
    return status;
}

/* The data path is idle again, and the FIFO empty [TRM §2.2.3]. */
static void end_transfer(struct vdev_pl181_emulator *emulator)
{
    emulator->phase = IDLE;
    emulator->level = 0;
    emulator->head = 0;
    emulator->limit = 0;
    emulator->values[DATA_CTRL] &= ~DATA_ENABLE;
    vdev_sd_card_emulator_expect(&emulator->card, 0);
}

/*
 * The transfer broke off. A card whose medium fails sends a wrong check sum, or a negative one for
 * what it got; one that has nothing to send, or is not there, sends nothing until the time is over.
 */
static void fail(struct vdev_pl181_emulator *emulator, int error)
{
    bool silent = error == VDEV_ERROR_TIMEOUT || error == VDEV_ERROR_ABSENT ||
                  error == VDEV_ERROR_RANGE || error == VDEV_ERROR_STATE;

    emulator->values[STATUS] |= silent ? STATUS_DATA_TIME_OUT : STATUS_DATA_CRC_FAIL;
    if (emulator->phase != RECEIVE) {
        /* How much of it is on the medium, nobody knows: MCIDataCnt must not claim anything. */
        emulator->remaining = emulator->total;
    }
    end_transfer(emulator);
}

/* From the card into the FIFO, as much as there is and fits. */
static void receive(struct vdev_pl181_emulator *emulator)
{
    memmove(emulator->fifo, emulator->fifo + emulator->head, emulator->level * 4);
    emulator->head = 0;
    while (emulator->level < VDEV_PL181_FIFO_WORDS && emulator->remaining != 0) {
        const uint8_t *data;
        int there = vdev_sd_card_emulator_peek(&emulator->card, &data);
        if (there == 0 && emulator->remaining != emulator->total &&
            emulator->card.state != VDEV_SD_SENDING) {
            there = VDEV_ERROR_STATE; /* the card is through, though the host wants more */
        }
        if (there < 0 && emulator->level < FIFO_HALF) {
            fail(emulator, there);
            return;
        }
        if (there <= 0) {
            /* An error comes behind the data that the guest still has an interrupt for. */
            return;
        }
        uint32_t bytes = (VDEV_PL181_FIFO_WORDS - emulator->level) * 4;
        bytes = bytes < (uint32_t)there ? bytes : (uint32_t)there;
        bytes = bytes < emulator->remaining ? bytes : emulator->remaining;
        uint32_t words = (bytes + 3) / 4;
        emulator->fifo[emulator->level + words - 1] = 0;
        memcpy(emulator->fifo + emulator->level, data, bytes);
        emulator->level += words;
        emulator->remaining -= bytes;
        if (emulator->remaining % VDEV_SECTOR_SIZE == 0) {
            emulator->values[STATUS] |= STATUS_DATA_BLOCK_END;
        }
        vdev_sd_card_emulator_take(&emulator->card, bytes);
    }
    if (emulator->remaining == 0) {
        emulator->values[STATUS] |= STATUS_DATA_END | STATUS_DATA_BLOCK_END;
        if (emulator->level == 0) {
            end_transfer(emulator);
        }
    }
}

/* Is the write on the medium? */
static void settle(struct vdev_pl181_emulator *emulator)
{
    int status = vdev_sd_card_emulator_settled(&emulator->card);

    if (status == VDEV_OK) {
        emulator->values[STATUS] |= STATUS_DATA_END | STATUS_DATA_BLOCK_END;
        end_transfer(emulator);
    } else if (status != VDEV_SD_PENDING) {
        fail(emulator, status);
    }
}

/* From the FIFO to the card, as much as it takes. */
static void transmit(struct vdev_pl181_emulator *emulator)
{
    uint32_t done = 0; /* words */

    while (done != emulator->level && emulator->remaining != 0) {
        uint8_t *data;
        int room = vdev_sd_card_emulator_room(&emulator->card, &data);
        if (room < 0) {
            fail(emulator, room);
            return;
        }
        if (room == 0) {
            break;
        }
        uint32_t bytes = (emulator->level - done) * 4;
        bytes = bytes < (uint32_t)room ? bytes : (uint32_t)room;
        bytes = bytes < emulator->remaining ? bytes : emulator->remaining;
        memcpy(data, emulator->fifo + done, bytes);
        done += (bytes + 3) / 4;
        emulator->remaining -= bytes;
        vdev_sd_card_emulator_put(&emulator->card, bytes);
    }
    if (emulator->remaining == 0) {
        emulator->phase = SETTLE;
        emulator->level = 0;
        emulator->limit = 0;
        settle(emulator);
        return;
    }
    emulator->level -= done;
    memmove(emulator->fifo, emulator->fifo + done, emulator->level * 4);
    /* With the card in the way each word changes the FIFO's level; else it is empty until full. */
    uint32_t limit = emulator->level != 0 ? emulator->level + 1 : (emulator->remaining + 3) / 4;
    emulator->limit = limit < VDEV_PL181_FIFO_WORDS ? limit : VDEV_PL181_FIFO_WORDS;
}

static void send_command(struct vdev_pl181_emulator *emulator)
{
    uint32_t *values = emulator->values;
    uint32_t command = values[COMMAND];
    uint8_t index = command & COMMAND_INDEX;
    uint32_t answer[4] = {0, 0, 0, 0};
    enum vdev_sd_response response = VDEV_SD_RESPONSE_NONE;
    bool clocked = (values[POWER] & POWER_MASK) == POWER_ON && (values[CLOCK] & CLOCK_ENABLE) != 0;

    values[COMMAND] &= ~COMMAND_ENABLE;
    emulator->command_waits = false;
    if (clocked) {
        response = vdev_sd_card_emulator_command(&emulator->card, index, values[ARGUMENT], answer);
    }
    if ((command & COMMAND_RESPONSE) == 0) {
        values[STATUS] |= STATUS_CMD_SENT;
        return;
    }
    bool is_long = response == VDEV_SD_RESPONSE_R2;
    if (response == VDEV_SD_RESPONSE_NONE || (!is_long && (command & COMMAND_LONG) != 0)) {
        if ((command & COMMAND_INTERRUPT) != 0) {
            values[COMMAND] |= COMMAND_ENABLE;
            emulator->command_hangs = true;
        } else {
            values[STATUS] |= STATUS_CMD_TIME_OUT;
        }
        return;
    }
    values[RESP_CMD] = is_long || response == VDEV_SD_RESPONSE_R3 ? COMMAND_INDEX : index;
    for (unsigned i = 0; i < 4; i++) {
        values[RESPONSE0 + i] = answer[i];
    }
    values[RESPONSE3] &= ~1u; /* the end bit is not kept [TRM §3.3.6] */
    /* An R3 has all ones for a check sum, and a short look at a long answer has none. */
    values[STATUS] |= response == VDEV_SD_RESPONSE_R3 || (is_long && (command & COMMAND_LONG) == 0)
                          ? STATUS_CMD_CRC_FAIL
                          : STATUS_CMD_RESP_END;
    if (response == VDEV_SD_RESPONSE_R1 && (answer[0] & CARD_REFUSED) != 0 &&
        emulator->phase == RECEIVE) {
        fail(emulator, VDEV_ERROR_STATE);
    }
}

/* The card's side of the data path, a command that waits for it, and both interrupt lines. */
static void look_after(struct vdev_pl181_emulator *emulator)
{
    if (emulator->phase == TRANSMIT) {
        transmit(emulator);
    } else if (emulator->phase == SETTLE) {
        settle(emulator);
    } else if (emulator->phase == RECEIVE && emulator->level == 0 && emulator->remaining == 0) {
        end_transfer(emulator);
    }
    if (emulator->command_waits && emulator->phase == IDLE) {
        send_command(emulator);
    }
    if (emulator->phase == RECEIVE) {
        /* The next level that a status bit tells of: no longer full, no longer half full, empty. */
        uint32_t level = emulator->level;
        emulator->limit = level == VDEV_PL181_FIFO_WORDS ? level - 1
                          : level >= FIFO_HALF           ? FIFO_HALF - 1
                                                         : 0;
    }
    uint32_t status = status_of(emulator);
    for (unsigned i = 0; i < 2; i++) {
        vdev_interrupt_set(&emulator->interrupt[i], (status & emulator->values[MASK0 + i]) != 0);
    }
}

/* Time has passed: data of a read arrived in the FIFO. */
static void catch_up(struct vdev_pl181_emulator *emulator)
{
    if (emulator->phase == RECEIVE) {
        receive(emulator);
    }
    look_after(emulator);
}

/* From inside the class's poll. */
static void card_changed(void *owner)
{
    catch_up(owner);
}

/* Were words taken since the FIFO was last filled? */
static bool behind(const struct vdev_pl181_emulator *emulator)
{
    return emulator->phase == RECEIVE && emulator->head != 0;
}

static uint32_t read_status(void *device, uint32_t offset)
{
    struct vdev_pl181_emulator *emulator = device;

    (void)offset;
    if (emulator->phase == TRANSMIT && emulator->level != 0) {
        look_after(emulator);
    }
    uint32_t status = status_of(emulator);
    if (behind(emulator)) {
        catch_up(emulator);
    }
    return status;
}

/* Bytes that have still to pass between controller and card [TRM §3.3.11]. */
static uint32_t read_data_count(void *device, uint32_t offset)
{
    struct vdev_pl181_emulator *emulator = device;

    (void)offset;
    if (emulator->phase == TRANSMIT && emulator->level != 0) {
        look_after(emulator);
    }
    return emulator->remaining;
}

/* The same in words [TRM §3.3.16]. */
static uint32_t read_fifo_count(void *device, uint32_t offset)
{
    struct vdev_pl181_emulator *emulator = device;
    uint32_t bytes = read_data_count(device, offset);

    if (behind(emulator)) {
        catch_up(emulator);
    }
    return (bytes + 3) / 4;
}

static void write_power(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_pl181_emulator *emulator = device;

    (void)offset;
    if ((value & POWER_MASK) == POWER_OFF) {
        vdev_sd_card_emulator_power(&emulator->card);
        catch_up(emulator);
    }
}

static void write_command(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_pl181_emulator *emulator = device;

    (void)offset;
    emulator->command_hangs = false;
    emulator->command_waits = (value & COMMAND_ENABLE) != 0;
    if (emulator->command_waits && (value & COMMAND_PENDING) == 0) {
        send_command(emulator);
    }
    catch_up(emulator);
}

static void write_data_control(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_pl181_emulator *emulator = device;

    (void)offset;
    if (emulator->phase != IDLE) {
        end_transfer(emulator);
        emulator->values[DATA_CTRL] = value & 0xff;
    }
    if ((value & DATA_ENABLE) != 0) {
        emulator->total = emulator->values[DATA_LENGTH];
        emulator->remaining = emulator->total;
        emulator->phase = (value & DATA_FROM_CARD) != 0 ? RECEIVE : TRANSMIT;
        vdev_sd_card_emulator_expect(&emulator->card, emulator->total);
    }
    catch_up(emulator);
}

static void write_clear(void *device, uint32_t offset, uint32_t value)
{
    struct vdev_pl181_emulator *emulator = device;

    (void)offset;
    emulator->values[STATUS] &= ~(value & STATUS_LATCHED);
    look_after(emulator);
}

static void write_mask(void *device, uint32_t offset, uint32_t value)
{
    (void)offset;
    (void)value;
    look_after(device);
}

int vdev_pl181_emulator_init(struct vdev_pl181_emulator *emulator,
                             const struct vdev_pl181_emulator_configuration *configuration)
{
    memset(emulator, 0, sizeof *emulator);
    emulator->interrupt[0] = configuration->interrupt[0];
    emulator->interrupt[1] = configuration->interrupt[1];
    vdev_registers_init(&emulator->bank, &vdev_pl181_registers, emulator->values, emulator);
    const struct vdev_sd_card_emulator_configuration card = {
        .block = configuration->block,
        .buffer = configuration->buffer,
        .buffer_length = configuration->buffer_length,
        .changed = card_changed,
        .owner = emulator,
    };
    return vdev_sd_card_emulator_init(&emulator->card, &card);
}
