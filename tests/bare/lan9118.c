/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The LAN9118 driver against a controller that someone else made: QEMU's, with QEMU's user-mode
 * network behind it, which answers ARP and pings for 10.0.2.2. Frames of many lengths, from and to
 * every alignment, in several pieces; frames that wait for room, and frames that nobody wants. Says
 * how many instructions a frame costs the driver, where the board can count them.
 */
#include <stddef.h>

#include <vdev/drivers/lan9118.h>
#include <vdev/status.h>

#include "core/mem.h"
#include "runtime/runtime.h"

#define CONTROLLER 0x1A000000u
#define SECOND     UINT64_C(1000000000)

#define ARP_BYTES   42u
#define HEADERS     42u /* Ethernet, IPv4, ICMP */
#define PING_BYTES  1400u
#define FULL_BYTES  1472u /* which makes a frame of 1514 */
#define PINGS       50u
#define WINDOW      4u /* pings under way: the controller has room for six full frames */
#define ROOM_BYTES  1600u
#define PIECE_COUNT 6u

static struct vdev_lan9118_driver driver;
static _Alignas(8) uint8_t sent_bytes[WINDOW][ROOM_BYTES];
static _Alignas(8) uint8_t room_bytes[ROOM_BYTES];
static struct vdev_buffer pieces[WINDOW][PIECE_COUNT], room_pieces[PIECE_COUNT];
static struct vdev_net_frame frames[WINDOW];
static bool free_frames[WINDOW];
static uint8_t router[VDEV_NET_ADDRESS_BYTES];
static const uint8_t own_ip[4] = {10, 0, 2, 15}, router_ip[4] = {10, 0, 2, 2};

/* What to do with the next frames, and what became of them. */
static unsigned room_lane, room_split; /* where rooms begin, and after how many bytes they go on */
static unsigned refuse, full; /* so many of the next ones are not wanted, or have no room */
static unsigned refused, waited, delivered, completed;
static uint32_t arrival_length;
static const char *wrong; /* the first thing that was */

/* ---- instructions ---- */

/* Event counter 0 counts instructions, in every mode; QEMU can only when it counts them anyway. */
static void start_counting(void)
{
    __asm__ volatile("mcr p15, 0, %0, c9, c12, 5\n\tisb" ::"r"(0)); /* PMSELR */
    __asm__ volatile(
        "mcr p15, 0, %0, c9, c13, 1" ::"r"(0x08u | UINT32_C(1) << 27)); /* PMXEVTYPER */
    __asm__ volatile("mcr p15, 0, %0, c9, c12, 1" ::"r"(1));            /* PMCNTENSET */
    __asm__ volatile("mcr p15, 0, %0, c9, c12, 0\n\tisb" ::"r"(1));     /* PMCR */
}

static uint32_t instructions(void)
{
    uint32_t count;

    __asm__ volatile("isb\n\tmrc p15, 0, %0, c9, c13, 2" : "=r"(count)::"memory"); /* PMXEVCNTR */
    return count;
}

static uint32_t most_sent, most_received; /* of a poll that did just that */
static uint32_t outside;                  /* in the client, during the poll */

static bool poll(void)
{
    uint32_t sent = driver.net.sent.frames, received = driver.net.received.frames;
    outside = 0;
    uint32_t before = instructions();
    bool more = vdev_net_poll(&driver.net);
    uint32_t took = instructions() - before - outside;

    sent = driver.net.sent.frames - sent;
    received = driver.net.received.frames - received;
    if (sent == 1 && received == 0 && took > most_sent) {
        most_sent = took;
    }
    if (sent == 0 && received == 1 && took > most_received) {
        most_received = took;
    }
    if (sent > 1 || received > 1) {
        wrong = "a poll moved more than one frame one way";
    }
    return more;
}

/* ---- the driver's client ---- */

static int answer(const struct vdev_net_arrival *arrival, struct vdev_net_room *room)
{
    uint8_t *at = room_bytes + room_lane;
    size_t left = arrival->length;
    size_t count = 0;

    if (full != 0) {
        full--;
        waited++;
        return VDEV_ERROR_FULL;
    }
    if (refuse != 0) {
        refuse--;
        refused++;
        return VDEV_ERROR_UNSUPPORTED;
    }
    memset(room_bytes, 0xee, sizeof room_bytes);
    while (room_split != 0 && left > room_split && count < PIECE_COUNT - 1) {
        room_pieces[count++] = (struct vdev_buffer){at, room_split, VDEV_NO_BUS_ADDRESS};
        at += room_split;
        left -= room_split;
    }
    room_pieces[count++] = (struct vdev_buffer){at, left, VDEV_NO_BUS_ADDRESS};
    *room = (struct vdev_net_room){room_pieces, count};
    arrival_length = arrival->length;
    return VDEV_OK;
}

static int accept(void *owner, const struct vdev_net_arrival *arrival, struct vdev_net_room *room)
{
    uint32_t before = instructions();
    int status = answer(arrival, room);

    (void)owner;
    outside += instructions() - before;
    return status;
}

static void complete(struct vdev_net_frame *frame, int status)
{
    completed++;
    free_frames[frame - frames] = true;
    if (status != VDEV_OK) {
        wrong = "a frame was not sent";
    }
}

static uint16_t sum(const uint8_t *bytes, size_t length)
{
    uint32_t total = 0;

    for (size_t i = 0; i < length; i++) {
        total += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    }
    while (total >> 16 != 0) {
        total = (total & 0xffff) + (total >> 16);
    }
    return (uint16_t)~total;
}

static void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint8_t pattern(uint32_t number, uint32_t index)
{
    return (uint8_t)(number * 17 + index * 31 + (index >> 8) * 7);
}

static uint32_t expected; /* the number of the next answer; answers come in order */

static void look_at(int status)
{
    const uint8_t *bytes = room_bytes + room_lane;

    delivered++;
    if (status != VDEV_OK) {
        wrong = "a frame was not received";
        return;
    }
    for (unsigned i = 0; i < room_lane; i++) {
        if (room_bytes[i] != 0xee) {
            wrong = "something lies before the room";
        }
    }
    if (bytes[arrival_length] != 0xee) {
        wrong = "something lies behind the room";
    }
    if (bytes[12] == 8 && bytes[13] == 6 && bytes[21] == 2) { /* an ARP answer */
        memcpy(router, bytes + 22, sizeof router);
        return;
    }
    if (bytes[12] != 8 || bytes[13] != 0 || bytes[23] != 1 || bytes[34] != 0) {
        delivered--; /* something else that QEMU's network has to say */
        return;
    }
    uint32_t length = ((uint32_t)bytes[16] << 8 | bytes[17]) - 28;
    uint32_t number = (uint32_t)bytes[40] << 8 | bytes[41];
    if (number != expected++) {
        wrong = "an answer is missing";
    }
    if (HEADERS + length > arrival_length) {
        wrong = "an answer is too short";
        return;
    }
    for (uint32_t i = 0; i < length; i++) {
        if (bytes[HEADERS + i] != pattern(number, i)) {
            wrong = "an answer has other bytes than were sent";
            return;
        }
    }
    if (sum(bytes + 34, length + 8) != 0) {
        wrong = "an answer's check sum is wrong";
    }
}

static void on_delivered(void *owner, int status)
{
    uint32_t before = instructions();

    (void)owner;
    look_at(status);
    outside += instructions() - before;
}

/* ---- sending ---- */

/* A frame from byte `lane` of its memory on, in as many pieces as `cuts` says where. */
static void send(unsigned slot, unsigned lane, uint32_t length, const uint16_t *cuts, size_t count)
{
    uint8_t *at = sent_bytes[slot] + lane;
    uint32_t from = 0;

    for (size_t i = 0; i <= count; i++) {
        uint32_t to = i < count && cuts[i] < length ? cuts[i] : length;
        pieces[slot][i] = (struct vdev_buffer){at + from, to - from, VDEV_NO_BUS_ADDRESS};
        from = to;
    }
    frames[slot] = (struct vdev_net_frame){
        .buffers = pieces[slot], .buffer_count = count + 1, .length = length, .complete = complete};
    free_frames[slot] = false;
    if (vdev_net_submit(&driver.net, &frames[slot]) != VDEV_OK) {
        wrong = "a frame was not taken";
        free_frames[slot] = true;
    }
}

static void send_arp(void)
{
    uint8_t *bytes = sent_bytes[0];

    memset(bytes, 0xff, 6);
    memcpy(bytes + 6, driver.net.address, 6);
    static const uint8_t middle[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
    memcpy(bytes + 12, middle, sizeof middle);
    memcpy(bytes + 22, driver.net.address, 6);
    memcpy(bytes + 28, own_ip, 4);
    memset(bytes + 32, 0, 6);
    memcpy(bytes + 38, router_ip, 4);
    send(0, 0, ARP_BYTES, NULL, 0);
}

static void send_ping(unsigned slot, unsigned lane, uint32_t number, uint32_t length,
                      const uint16_t *cuts, size_t count)
{
    uint8_t *bytes = sent_bytes[slot] + lane;

    memcpy(bytes, router, 6);
    memcpy(bytes + 6, driver.net.address, 6);
    put16(bytes + 12, 0x0800);
    memset(bytes + 14, 0, 28);
    bytes[14] = 0x45;
    put16(bytes + 16, (uint16_t)(length + 28));
    bytes[22] = 64;
    bytes[23] = 1;
    memcpy(bytes + 26, own_ip, 4);
    memcpy(bytes + 30, router_ip, 4);
    put16(bytes + 24, sum(bytes + 14, 20));
    bytes[34] = 8;
    put16(bytes + 40, (uint16_t)number);
    for (uint32_t i = 0; i < length; i++) {
        bytes[HEADERS + i] = pattern(number, i);
    }
    put16(bytes + 36, sum(bytes + 34, length + 8));
    send(slot, lane, HEADERS + length, cuts, count);
}

/* Poll until so many answers are there. */
static bool wait_for(unsigned count)
{
    uint64_t start = vdev_clock_now(&bare_clock);

    while (delivered < count || driver.first != NULL) {
        poll();
        if (vdev_clock_now(&bare_clock) - start > 5 * SECOND) {
            wrong = "an answer does not come";
            return false;
        }
    }
    return true;
}

static void begin(void)
{
    delivered = completed = refused = waited = 0;
    refuse = full = 0;
    room_lane = room_split = 0;
    expected = 0;
    wrong = NULL;
}

/* One after the other; `cuts` may be NULL. */
static void ping_lengths(uint32_t from, uint32_t to, uint32_t step, const uint16_t *cuts,
                         size_t count)
{
    uint32_t number = expected;

    for (uint32_t length = from; length <= to && wrong == NULL; length += step, number++) {
        send_ping(0, number % 8, number, length, cuts, count);
        room_lane = number / 8 % 4;
        wait_for(delivered + 1);
    }
}

/* `WINDOW` under way at a time, all full frames. */
static void ping_many(uint32_t count, uint32_t length)
{
    uint32_t first = expected, before = delivered;

    for (uint32_t i = 0; i < count && wrong == NULL; i++) {
        unsigned slot = i % WINDOW;
        if (i >= WINDOW) {
            wait_for(before + i - WINDOW + 1);
        }
        send_ping(slot, 0, first + i, length, NULL, 0);
    }
    wait_for(before + count);
}

static int start(uint8_t offset, bool bursts)
{
    static const uint8_t address[VDEV_NET_ADDRESS_BYTES] = {0x52, 0x54, 0, 0x12, 0x34, 0x99};
    const struct vdev_lan9118_driver_configuration configuration = {
        .io = {.base = CONTROLLER},
        .clock = &bare_clock,
        .address = offset == 0 ? NULL : address,
        .interrupt_active_high = true,
        .interrupt_push_pull = true,
        .receive_offset = offset,
        .bursts = bursts,
    };
    int status = vdev_lan9118_driver_init(&driver, &configuration);

    driver.net.client = (struct vdev_net_client){.accept = accept, .delivered = on_delivered};
    return status;
}

static void number(bool bursts, const char *name, uint32_t value)
{
    bare_print("number ");
    bare_print(bursts ? "burst-" : "");
    bare_print(name);
    bare_print(" ");
    bare_print_decimal(value);
    bare_print("\n");
}

static void test(uint8_t offset, bool bursts)
{
    static const uint16_t header_cut[] = {14}, many_cuts[] = {1, 3, 40, 46, 55},
                          tiny_cuts[] = {20, 22, 23, 30};

    begin();
    uint64_t before = vdev_clock_now(&bare_clock);
    int status = start(offset, bursts);
    bare_report("controller starts", status == VDEV_OK ? NULL : vdev_status_name(status));
    bare_report("start takes less than 100 ms",
                vdev_clock_now(&bare_clock) - before < SECOND / 10 ? NULL : "longer");
    if (status != VDEV_OK) {
        return;
    }
    for (unsigned i = 0; i < 100 && poll(); i++) {
    }
    bare_report("there is a link", driver.net.link ? NULL : "none");
    send_arp();
    wait_for(1);
    bare_report("ARP is answered", wrong);

    begin();
    ping_lengths(0, FULL_BYTES, 23, NULL, 0);
    bare_report("pings of many lengths, from and to every alignment", wrong);
    begin();
    room_split = 333;
    ping_lengths(900, FULL_BYTES, 31, header_cut, 1);
    bare_report("pings in two pieces, received in several", wrong);
    begin();
    room_split = 1;
    ping_lengths(30, 400, 41, many_cuts, 5);
    bare_report("pings in pieces of one byte and more", wrong);
    begin();
    room_split = 7;
    ping_lengths(30, 400, 41, tiny_cuts, 4);
    bare_report("pings in pieces that the controller does not take", wrong);

    begin();
    ping_many(PINGS, PING_BYTES);
    bare_report("pings of 1400 bytes, four at a time", wrong);
    begin();
    room_lane = offset;
    most_sent = most_received = 0;
    ping_many(PINGS, FULL_BYTES);
    bare_report("pings in frames of 1514 bytes", wrong);
    number(bursts, offset == 0 ? "send" : "send-offset", most_sent);
    number(bursts, offset == 0 ? "receive" : "receive-offset", most_received);
    begin();
    room_lane = offset + 1;
    most_received = 0;
    ping_many(PINGS, FULL_BYTES);
    bare_report("pings into rooms at another alignment", wrong);
    number(bursts, offset == 0 ? "receive-shifted" : "receive-offset-shifted", most_received);

    begin();
    full = 3;
    send_ping(0, 0, 0, PING_BYTES, NULL, 0);
    send_ping(1, 0, 1, PING_BYTES, NULL, 0);
    send_ping(2, 0, 2, PING_BYTES, NULL, 0);
    for (unsigned i = 0; i < 3; i++) {
        before = vdev_clock_now(&bare_clock);
        while (waited < i + 1 && vdev_clock_now(&bare_clock) - before < SECOND) {
            poll();
        }
        vdev_net_resume(&driver.net);
    }
    wait_for(3);
    bare_report("frames wait for room", waited == 3 ? wrong : "not three times");
    begin();
    refuse = 2;
    expected = 2;
    send_ping(0, 0, 0, 0, NULL, 0);
    send_ping(1, 0, 1, PING_BYTES, NULL, 0);
    send_ping(2, 0, 2, PING_BYTES, NULL, 0);
    wait_for(1);
    bare_report("frames that are not wanted go away", refused == 2 ? wrong : "not two");
    begin();
    status = vdev_net_set_receive_mode(&driver.net, VDEV_NET_RECEIVE_ALL);
    for (unsigned i = 0; i < 1000 && poll(); i++) {
    }
    ping_many(8, PING_BYTES);
    bare_report("the receive mode changes", status == VDEV_OK ? wrong : vdev_status_name(status));
    uint32_t dropped = 0;
    for (unsigned i = 0; i < VDEV_NET_DROP_REASONS; i++) {
        dropped += driver.net.sent.dropped[i] + driver.net.received.dropped[i];
    }
    bare_report("nothing was dropped", dropped == 0 ? NULL : "something was");
}

void bare_main(bool hyp)
{
    bare_print(hyp ? "mode hyp\n" : "mode svc\n");
    start_counting();
    for (unsigned i = 0; i < 4; i++) {
        test((uint8_t)(i % 2 * 2), i >= 2);
    }
}
