/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients of a driver VM that do not keep the rules, each in its own way: see variants.h. The
 * device is set up as any, by the library's driver's end; the ring is then written by hand.
 */
#include <stddef.h>

#include <vdev/status.h>
#include <vdev/virtio.h>
#include <vdev/virtio_driver.h>

#include "machines.h"
#include "transport/message.h"
#include "variants.h"

enum {
    SIZE = 16,
    SECTORS = 8,
    NEXT = 1, /* descriptor flags [VIRTIO 1.4 §2.7.5] */
    WRITE = 2,
    READ_REQUEST = 0, /* [VIRTIO 1.4 §5.2.6] */
    WRITE_REQUEST = 1,
    UNTOUCHED = 0xee,
    JUMP = 1000,
    MESSAGES = 3000,
    RESETS = 20,
    RINGS = 20000,
    SENT = 0, /* offsets in a FIFO */
    RECEIVED = 64,
};
#define PATIENCE UINT64_C(50000000) /* ns */

static struct {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
} table[SIZE] WINDOW;
static struct {
    uint16_t flags, index, ring[SIZE + 1];
} available WINDOW;
static struct {
    uint16_t flags, index;
    struct {
        uint32_t id, length;
    } ring[SIZE + 1];
} used WINDOW;
static struct {
    uint32_t type, reserved;
    uint64_t sector;
} header WINDOW;
static uint32_t data[SECTORS * 128] WINDOW;
static uint8_t status_byte[64] WINDOW;
static uint32_t private_data[SECTORS * 128];

static struct port port;
static const struct hyp_boot_link *told;
static struct vdev_virtio_driver *driver;

static volatile uint16_t *used_index(void)
{
    return &used.index;
}

static bool open_device(uint64_t ring_address)
{
    const struct vdev_virtqueue_configuration ring = {.size = SIZE,
                                                      .descriptor_address = (uintptr_t)table,
                                                      .driver_address = (uintptr_t)&available,
                                                      .device_address = ring_address};
    uint64_t accepted;

    used.index = available.index = 0;
    return vdev_virtio_driver_begin(driver, &machine_clock, VDEV_VIRTIO_ID_BLOCK, 0, &accepted) ==
               VDEV_OK &&
           driver->operations->start_queue(driver, 0, &ring) == VDEV_OK &&
           vdev_virtio_driver_finish(driver) == VDEV_OK;
}

/* A request in the first three descriptors. */
static void ask(uint32_t type, uint64_t sector, uint64_t address, uint64_t status_address)
{
    header.type = type;
    header.sector = sector;
    status_byte[0] = UNTOUCHED;
    table[0].address = (uintptr_t)&header;
    table[0].length = 16;
    table[0].flags = NEXT;
    table[0].next = 1;
    table[1].address = address;
    table[1].length = sizeof data;
    table[1].flags = NEXT | (type == READ_REQUEST ? WRITE : 0);
    table[1].next = 2;
    table[2].address = status_address;
    table[2].length = 1;
    table[2].flags = WRITE;
}

static void publish(uint16_t head, uint32_t ahead)
{
    available.ring[(available.index + ahead - 1) % SIZE] = head;
    __asm__ volatile("dmb" ::: "memory");
    *(volatile uint16_t *)&available.index = (uint16_t)(available.index + ahead);
    driver->operations->notify(driver, 0);
}

/* Until so many were used in all, or for so long. */
static void await(uint16_t count)
{
    uint64_t end = vdev_clock_now(&machine_clock) + PATIENCE;

    while (*used_index() != count && vdev_clock_now(&machine_clock) < end) {
        rest(PATIENCE / 10);
    }
}

static void request(uint32_t type, uint64_t sector, uint64_t address)
{
    uint16_t count = (uint16_t)(*used_index() + 1);

    ask(type, sector, address, (uintptr_t)status_byte);
    publish(0, 1);
    await(count);
}

static uint32_t device_status(void)
{
    return driver->operations->status(driver);
}

/* What became of the device, and whether it works again after a reset. */
static void conclude(void)
{
    say("used", *used_index());
    say("status", device_status());
    bool again = open_device((uintptr_t)&used);
    if (again) {
        for (uint32_t i = 0; i < SECTORS * 128; i++) {
            data[i] = 0;
        }
        request(READ_REQUEST, 0, (uintptr_t)data);
        again = status_byte[0] == 0 && card_holds(data, told->first_sector, SECTORS, 0);
    }
    say("works again", again);
}

/* ---- the ways ---- */

/* Addresses in the driver VM: registers, its links, what it has of the other client, itself. */
static void outside(void)
{
    const uint64_t places[] = {(uintptr_t)private_data,
                               told->window,
                               told->out,
                               0x1c050000,
                               0x2c002000,
                               0x50000000,
                               0x60000000,
                               0x80008000,
                               0x80100000,
                               (uintptr_t)table - 0x200000,
                               0x80300000 - 512,
                               0xfffffffffffffe00,
                               0x180200000};
    uint32_t touched = 0, refused = 0;

    for (uint32_t i = 0; i < SECTORS * 128; i++) {
        private_data[i] = ~i;
    }
    for (uint32_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        request(i % 2 == 0 ? READ_REQUEST : WRITE_REQUEST, 0, places[i]);
        refused += status_byte[0] != 0;
    }
    for (uint32_t i = 0; i < SECTORS * 128; i++) {
        touched += private_data[i] != ~i;
    }
    say("refused", refused);
    say("touched", touched);
}

/* Reads and writes of the other's sectors: before its own part, behind it, and round the end. */
static void beyond(void)
{
    const uint64_t sectors[] = {told->sectors,      told->sectors - 1, 0xffffffffffffffff,
                                0xfffffffffffffffc, 0x80000000,        -(uint64_t)told->sectors};
    uint32_t refused = 0;

    for (uint32_t i = 0; i < 2 * sizeof sectors / sizeof sectors[0]; i++) {
        request(i % 2 == 0 ? READ_REQUEST : WRITE_REQUEST, sectors[i / 2], (uintptr_t)data);
        refused += status_byte[0] == 1; /* VIRTIO_BLK_S_IOERR */
    }
    say("refused", refused);
}

static void jump(uint32_t fifo, uint32_t offset)
{
    *(volatile uint32_t *)(uintptr_t)(fifo + offset) += JUMP;
    cpu_call(HYP_CALL_DOORBELL, port.number, 0);
    rest(PATIENCE / 10);
}

static uint32_t chance(void)
{
    static uint32_t state; /* xorshift32 */

    state = state == 0 ? 2463534242u : state;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static void garbage(void)
{
    for (uint32_t i = 0; i < MESSAGES; i++) {
        struct vdev_message message = {
            .type = (uint8_t)(chance() % 4),
            .id = (uint8_t)(chance() % 2 ? chance() % 0x10 : 0x40 + chance() % 4),
            .device = (uint16_t)(chance() % 4 == 0 ? chance() : 0),
            .token = (uint16_t)chance(),
            .size = (uint16_t)(8 + chance() % 15 * 4)};
        for (uint32_t j = 0; j < MESSAGE_WORDS; j++) {
            message.payload[j] = chance() % 3 == 0 ? chance() : chance() % 8;
        }
        vdev_message_link_send(&port.link, &message);
        if (chance() % 8 == 0) { /* a size that is none */
            volatile uint32_t *sent = (volatile uint32_t *)(uintptr_t)told->out;
            sent[(128 + ((uint32_t)port.link.put - 1) % told->capacity * 64) / 4 + 1] = chance();
        }
        struct vdev_message answer;
        while (vdev_message_link_receive(&port.link, &answer) == VDEV_OK) {
        }
        cpu_call(HYP_CALL_DOORBELL, port.number, 0);
    }
}

/* Its own, and those that it has not. */
static void rings(void)
{
    for (uint32_t i = 0; i < RINGS; i++) {
        cpu_call(HYP_CALL_DOORBELL, i % 4 == 0 ? chance() : port.number, 0);
    }
}

static void resets(bool leaves)
{
    for (uint32_t i = 0; i < RESETS; i++) {
        if (!open_device((uintptr_t)&used)) {
            say("FAIL does not start again", i);
            return;
        }
        ask(READ_REQUEST, i * SECTORS, (uintptr_t)data, (uintptr_t)status_byte);
        publish(0, 1);
        if (leaves && i > 3) {
            power_off();
        }
    }
}

void hostile_client_main(const struct hyp_boot *boot, uint32_t variant)
{
    told = find_link(boot, HYP_DEVICE_DISK, false);
    int status = told == NULL ? VDEV_ERROR_ABSENT : port_open(&port, boot, told, PATIENCE);

    driver = &port.device.driver;
    say("starts", (uint32_t)-status);
    if (status != VDEV_OK) {
        return;
    }
    port.number = link_number(boot, told);
    bool opened =
        open_device(variant == CLIENT_RING_OUTSIDE ? (uintptr_t)private_data : (uintptr_t)&used);
    say("opened", opened);
    switch (variant) {
    case CLIENT_HEAD:
        ask(READ_REQUEST, 0, (uintptr_t)data, (uintptr_t)status_byte);
        publish(SIZE, 1);
        break;
    case CLIENT_NEXT:
        ask(READ_REQUEST, 0, (uintptr_t)data, (uintptr_t)status_byte);
        table[1].next = SIZE + 7;
        publish(0, 1);
        break;
    case CLIENT_LOOP:
        ask(READ_REQUEST, 0, (uintptr_t)data, (uintptr_t)status_byte);
        table[1].next = 1;
        publish(0, 1);
        break;
    case CLIENT_INDEX_JUMPS:
        ask(READ_REQUEST, 0, (uintptr_t)data, (uintptr_t)status_byte);
        publish(0, JUMP);
        break;
    case CLIENT_OUTSIDE:
        outside();
        break;
    case CLIENT_BEYOND:
        beyond();
        break;
    case CLIENT_SENT_JUMPS:
        jump(told->out, SENT);
        break;
    case CLIENT_RECEIVED_JUMPS:
        jump(told->in, RECEIVED);
        break;
    case CLIENT_GARBAGE:
        garbage();
        break;
    case CLIENT_RINGS:
        rings();
        break;
    case CLIENT_RESETS:
    case CLIENT_LEAVES:
        resets(variant == CLIENT_LEAVES);
        break;
    default:
        break;
    }
    rest(PATIENCE / 10);
    conclude();
}
