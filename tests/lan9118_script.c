/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The LAN9118's driver against a script: each access of its start, of a frame each way, and of what
 * our emulator never shows: bits that are busy, frames with errors, half duplex.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <vdev/drivers/lan9118.h>
#include <vdev/emulators/lan9118.h>
#include <vdev/status.h>
#include <vdev/testing/check.h>
#include <vdev/testing/script.h>

#define R     VDEV_SCRIPT_READ
#define R32   VDEV_SCRIPT_READ32
#define W32   VDEV_SCRIPT_WRITE32
#define RS    VDEV_SCRIPT_READS
#define W     VDEV_SCRIPT_WRITE
#define UNTIL VDEV_SCRIPT_UNTIL

#define BUSY     0x80000000u
#define TEST     R("BYTE_TEST", 0x87654321)
#define EVENTS   (RSFL | PHY | RXE | TXE)
#define SW       0x80000000u
#define RXSTOP   0x01000000u
#define PHY      0x00040000u
#define RXE      0x00004000u
#define TXE      0x00002000u
#define TDFA     0x00000200u
#define RXDF     0x00000040u
#define RSFL     0x00000008u
#define CONTROL  0x0010000cu /* MAC_CR: full duplex, both directions on */
#define HALF     0x0080000cu
#define NO_LEVEL 0xffff0000u

/* A register of the MAC. */
#define MAC_WRITE(number, value)                                                                   \
    R("MAC_CSR_CMD", 0), W("MAC_CSR_DATA", (value)), W("MAC_CSR_CMD", BUSY | (number)), TEST
#define MAC_READ(number, value)                                                                    \
    R("MAC_CSR_CMD", 0), W("MAC_CSR_CMD", BUSY | 0x40000000 | (number)), TEST,                     \
        R("MAC_CSR_CMD", 0x40000000 | (number)), R("MAC_CSR_DATA", (value))
#define PHY_WRITE(number, value)                                                                   \
    MAC_WRITE(7, value), MAC_WRITE(6, 0x803 | (number) << 6), MAC_READ(6, 0x802 | (number) << 6)
#define PHY_ASK(number)           MAC_WRITE(6, 0x801 | (number) << 6)
#define PHY_ANSWER(number, value) MAC_READ(6, 0x800 | (number) << 6), MAC_READ(7, (value))

#define FIND R("PMT_CTRL", 1), TEST, R("ID_REV", 0x01180001)
#define RESET                                                                                      \
    W("INT_EN", 0), W("HW_CFG", 1), TEST, UNTIL("HW_CFG", 1, 3, 0x00050004),                       \
        UNTIL("E2P_CMD", BUSY, 2, 0x100), W("PMT_CTRL", 0x400), TEST,                              \
        UNTIL("PMT_CTRL", 0x400, 2, 1)
#define SET_UP                                                                                     \
    W("HW_CFG", 0x00150000), W("AFC_CFG", 0x006e3740), W("GPIO_CFG", 0x70070000),                  \
        W("RX_CFG", 0x200), W("FIFO_INT", NO_LEVEL)
#define ADDRESS MAC_READ(2, 0x5544), MAC_READ(3, 0x33221102)
#define GO_QUIETLY                                                                                 \
    W("INT_STS", 0xffffffff), MAC_WRITE(9, 0x8100), PHY_WRITE(4, 0x01e1), PHY_WRITE(30, 0x50),     \
        PHY_WRITE(0, 0x1200), MAC_WRITE(1, CONTROL), W("TX_CFG", 6), W("IRQ_CFG", 0x0a000111),     \
        W("INT_EN", EVENTS)
#define GO            GO_QUIETLY, W("INT_EN", EVENTS | SW)
#define START_QUIETLY FIND, RESET, SET_UP, ADDRESS, GO_QUIETLY
#define START         FIND, RESET, SET_UP, ADDRESS, GO

/* The polls until the link is known; each looks for frames as well, for there is nothing else. */
#define IDLE W("INT_STS", RSFL), R("RX_FIFO_INF", 0)
#define LINK(partner)                                                                              \
    R("INT_STS", SW | PHY), W("INT_EN", EVENTS), W("INT_STS", SW), LINK_STEPS(partner)
#define LINK_STEPS(partner)                                                                        \
    PHY_ASK(1), IDLE, R("INT_STS", PHY), PHY_ANSWER(1, 0x7809), IDLE, R("INT_STS", PHY),           \
        PHY_ASK(1), IDLE, R("INT_STS", PHY), PHY_ANSWER(1, 0x782d), IDLE, R("INT_STS", PHY),       \
        PHY_ASK(5), IDLE, R("INT_STS", PHY), PHY_ANSWER(5, (partner)), IDLE

static struct vdev_script script;
static struct vdev_virtual_clock virtual_clock;
static struct vdev_lan9118_driver driver;
static struct vdev_net_frame frame;
static struct vdev_buffer pieces[4], room_buffer;
static _Alignas(8) uint8_t bytes[64], room[2048];
static unsigned completed, delivered, changed, woken;
static int completed_status, delivered_status, answer;
static struct vdev_net_arrival arrived;

static int accept(void *owner, const struct vdev_net_arrival *arrival, struct vdev_net_room *to)
{
    (void)owner;
    arrived = *arrival;
    room_buffer = (struct vdev_buffer){room + 2, sizeof room - 2, VDEV_NO_BUS_ADDRESS};
    *to = (struct vdev_net_room){&room_buffer, 1};
    return answer;
}

static void on_delivered(void *owner, int status)
{
    (void)owner;
    delivered++;
    delivered_status = status;
}

static void on_changed(void *owner)
{
    (void)owner;
    changed++;
}

static void on_complete(struct vdev_net_frame *done, int status)
{
    ck_assert_ptr_eq(done, &frame);
    completed++;
    completed_status = status;
}

static void on_wake(void *context)
{
    ck_assert_ptr_eq(context, &woken);
    woken++;
}

static bool bursts, with_wake; /* for the next init */

static int init(const struct vdev_script_step *steps, size_t count)
{
    vdev_virtual_clock_init(&virtual_clock, 100, 100);
    vdev_script_init(&script, &vdev_lan9118_registers, steps, count, &virtual_clock,
                     vdev_testing_check, NULL);
    const struct vdev_lan9118_driver_configuration configuration = {
        .io = script.io,
        .clock = &virtual_clock.clock,
        .interrupt_active_high = true,
        .interrupt_push_pull = true,
        .interrupt_interval = 10,
        .receive_offset = 2,
        .fast_forward = true,
        .bursts = bursts,
        .wake = with_wake ? on_wake : NULL,
        .wake_context = &woken,
    };
    int status = vdev_lan9118_driver_init(&driver, &configuration);
    driver.net.client = (struct vdev_net_client){
        .accept = accept, .delivered = on_delivered, .changed = on_changed};
    return status;
}

#define INIT(...)                                                                                  \
    static const struct vdev_script_step steps[] = {__VA_ARGS__};                                  \
    int status = init(steps, sizeof steps / sizeof steps[0])
#define PLAY(...)                                                                                  \
    do {                                                                                           \
        static const struct vdev_script_step more[] = {__VA_ARGS__};                               \
        vdev_script_continue(&script, more, sizeof more / sizeof more[0]);                         \
    } while (0)

static bool poll(void)
{
    return vdev_net_poll(&driver.net);
}

static void finish(void)
{
    ck_assert(vdev_script_finish(&script));
}

/* Its polls until there is a link. */
static void run_to_link(int status)
{
    ck_assert_int_eq(status, VDEV_OK);
    for (unsigned i = 0; i < 5; i++) {
        ck_assert(poll());
    }
    ck_assert(!poll());
    ck_assert(driver.net.link);
    ck_assert_uint_eq(changed, 1);
    finish();
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i + 1);
    }
}

/* Started, with a link. */
static void begin(void)
{
    INIT(START, LINK(0x41e1));
    run_to_link(status);
}

/* The same, with an owner that is woken: no interrupt for the sake of it. */
static void begin_awake(void)
{
    INIT(START_QUIETLY, R("INT_STS", PHY), LINK_STEPS(0x41e1));
    run_to_link(status);
}

static int submit(uint32_t length, size_t count)
{
    frame = (struct vdev_net_frame){
        .buffers = pieces, .buffer_count = count, .length = length, .complete = on_complete};
    return vdev_net_submit(&driver.net, &frame);
}

START_TEST(it_starts_and_finds_the_link)
{
    begin();
    ck_assert_mem_eq(driver.net.address, "\x02\x11\x22\x33\x44\x55", 6);
    ck_assert_uint_eq(driver.net.mtu, 1500);
    ck_assert_uint_eq(driver.net.takes, 0);
    ck_assert_uint_eq(driver.net.maximum_buffers, 0);
}
END_TEST

START_TEST(it_wakes_a_controller_that_sleeps)
{
    INIT(R("PMT_CTRL", 0), W("BYTE_TEST", 0), UNTIL("PMT_CTRL", 0x1000, 4, 1), TEST,
         R("ID_REV", 0x117a0002), RESET, SET_UP, ADDRESS, GO);
    ck_assert_int_eq(status, VDEV_OK);
    finish();
}
END_TEST

START_TEST(other_devices_are_refused)
{
    {
        INIT(R("PMT_CTRL", 1), R("BYTE_TEST", 0x43218765));
        ck_assert_int_eq(status, VDEV_ERROR_ABSENT);
        finish();
    }
    INIT(R("PMT_CTRL", 1), TEST, R("ID_REV", 0x92200000));
    ck_assert_int_eq(status, VDEV_ERROR_ABSENT);
    finish();
}
END_TEST

START_TEST(a_controller_without_an_address_needs_one)
{
    INIT(FIND, RESET, SET_UP, MAC_READ(2, 0xffff), MAC_READ(3, 0xffffffff));
    ck_assert_int_eq(status, VDEV_ERROR_INVALID);
    finish();
    {
        static const struct vdev_script_step none[] = {FIND, RESET, SET_UP, MAC_READ(2, 0),
                                                       MAC_READ(3, 0)};
        ck_assert_int_eq(init(none, sizeof none / sizeof none[0]), VDEV_ERROR_INVALID);
        finish();
    }
}
END_TEST

START_TEST(a_frame_is_a_buffer_for_each_of_its_pieces)
{
    begin();
    pieces[0] = (struct vdev_buffer){bytes + 1, 14, VDEV_NO_BUS_ADDRESS};
    pieces[1] = (struct vdev_buffer){bytes, 0, VDEV_NO_BUS_ADDRESS};
    pieces[2] = (struct vdev_buffer){bytes + 16, 4, VDEV_NO_BUS_ADDRESS};
    pieces[3] = (struct vdev_buffer){bytes + 35, 2, VDEV_NO_BUS_ADDRESS};
    PLAY(
        W("INT_EN", EVENTS | SW), R("INT_STS", SW), W("INT_EN", EVENTS), W("INT_STS", SW),
        R("TX_FIFO_INF", 0x00021200), R("TX_STATUS_FIFO", 0), R("TX_STATUS_FIFO", 0x8400),
        W("TX_DATA_FIFO", 0x0001200e), W("TX_DATA_FIFO", 0x00000014), W("TX_DATA_FIFO", 0x04030200),
        W("TX_DATA_FIFO", 0x08070605), W("TX_DATA_FIFO", 0x0c0b0a09), W("TX_DATA_FIFO", 0x000f0e0d),
        W("TX_DATA_FIFO", 0x00000004), W("TX_DATA_FIFO", 0x00000014), W("TX_DATA_FIFO", 0x14131211),
        W("TX_DATA_FIFO", 0x00031002), W("TX_DATA_FIFO", 0x00000014), W("TX_DATA_FIFO", 0x24000000),
        W("TX_DATA_FIFO", 0x00000025));
    ck_assert_int_eq(submit(20, 4), VDEV_OK);
    ck_assert_uint_eq(completed, 0);
    ck_assert(!poll());
    ck_assert_uint_eq(completed, 1);
    ck_assert_int_eq(completed_status, VDEV_OK);
    /* One of those before had not got through. */
    ck_assert_uint_eq(driver.net.sent.dropped[VDEV_NET_DROP_MEDIUM], 1);
    finish();
}
END_TEST

START_TEST(pieces_that_the_controller_does_not_take_become_one)
{
    begin();
    pieces[0] = (struct vdev_buffer){bytes, 5, VDEV_NO_BUS_ADDRESS};
    pieces[1] = (struct vdev_buffer){bytes + 5, 3, VDEV_NO_BUS_ADDRESS};
    pieces[2] = (struct vdev_buffer){bytes + 8, 7, VDEV_NO_BUS_ADDRESS};
    PLAY(W("INT_EN", EVENTS | SW), R("INT_STS", SW), W("INT_EN", EVENTS), W("INT_STS", SW),
         R("TX_FIFO_INF", 0x00001200), W("TX_DATA_FIFO", 0x0000300f), W("TX_DATA_FIFO", 0x0000000f),
         W("TX_DATA_FIFO", 0x04030201), W("TX_DATA_FIFO", 0x08070605),
         W("TX_DATA_FIFO", 0x0c0b0a09), W("TX_DATA_FIFO", 0x000f0e0d));
    ck_assert_int_eq(submit(15, 3), VDEV_OK);
    ck_assert(!poll());
    ck_assert_uint_eq(completed, 1);
    finish();
}
END_TEST

START_TEST(without_room_it_waits_for_the_interrupt)
{
    begin();
    pieces[0] = (struct vdev_buffer){bytes, 15, VDEV_NO_BUS_ADDRESS};
    PLAY(W("INT_EN", EVENTS | SW), R("INT_STS", SW), W("INT_EN", EVENTS), W("INT_STS", SW),
         R("TX_FIFO_INF", 0x50), W("FIFO_INT", 0x02ff0000), W("INT_STS", TDFA),
         W("INT_EN", EVENTS | TDFA), R("INT_STS", 0), R("TX_FIFO_INF", 0x50), R("INT_STS", TDFA),
         R("TX_FIFO_INF", 0x100), W("INT_EN", EVENTS), W("FIFO_INT", NO_LEVEL), W("INT_STS", TDFA),
         W("TX_DATA_FIFO", 0x0000300f), W("TX_DATA_FIFO", 0x0000000f),
         W("TX_DATA_FIFO", 0x04030201), W("TX_DATA_FIFO", 0x08070605),
         W("TX_DATA_FIFO", 0x0c0b0a09), W("TX_DATA_FIFO", 0x000f0e0d));
    ck_assert_int_eq(submit(15, 1), VDEV_OK);
    ck_assert(poll()); /* room that came meanwhile */
    ck_assert(!poll());
    ck_assert(!poll());
    ck_assert_uint_eq(completed, 1);
    finish();
}
END_TEST

/* A frame of 17 bytes, with two empty ones before it, and its check sequence. */
#define FRAME                                                                                      \
    R("RX_DATA_FIFO", 0x0201aaaa), R("RX_DATA_FIFO", 0x06050403), R("RX_DATA_FIFO", 0x0a090807),   \
        R("RX_DATA_FIFO", 0x0e0d0c0b)

START_TEST(a_frame_goes_to_its_room)
{
    begin();
    PLAY(R("INT_STS", RSFL), W("INT_STS", RSFL), R("RX_FIFO_INF", 0x00010018),
         R("RX_STATUS_FIFO", 0x00150020), FRAME, R("RX_DATA_FIFO", 0xee11100f),
         R("RX_DATA_FIFO", 0xeeeeeeee), W("INT_STS", RSFL), R("RX_FIFO_INF", 0));
    memset(room, 0xcc, sizeof room);
    ck_assert(!poll());
    ck_assert_uint_eq(delivered, 1);
    ck_assert_int_eq(delivered_status, VDEV_OK);
    ck_assert_uint_eq(arrived.length, 17);
    ck_assert_mem_eq(arrived.header, bytes, 14);
    ck_assert_mem_eq(room + 2, bytes, 17);
    ck_assert_uint_eq(room[19], 0xcc);
    ck_assert_uint_eq(room[1], 0xcc);
    finish();
}
END_TEST

START_TEST(a_frame_without_room_stays_and_asks_again)
{
    begin();
    PLAY(R("INT_STS", RSFL), W("INT_STS", RSFL), R("RX_FIFO_INF", 0x00010018),
         R("RX_STATUS_FIFO", 0x00150020), FRAME, W("INT_EN", PHY | RXE | TXE), R("INT_STS", RSFL),
         W("INT_EN", EVENTS | SW), R("INT_STS", SW | RSFL), W("INT_EN", EVENTS), W("INT_STS", SW),
         R("RX_DATA_FIFO", 0xee11100f), R("RX_DATA_FIFO", 0xeeeeeeee), W("INT_STS", RSFL),
         R("RX_FIFO_INF", 0));
    answer = VDEV_ERROR_FULL;
    ck_assert(!poll());
    ck_assert(!poll());
    answer = VDEV_OK;
    vdev_net_resume(&driver.net);
    ck_assert(!poll());
    ck_assert_uint_eq(delivered, 1);
    finish();
}
END_TEST

#define WORD(i) (0x04030201u + 0x04040404u * (uint32_t)(i))

/* A burst goes to the eight places of the FIFO in ascending order; what is no burst, to the first.
 */
START_TEST(a_burst_goes_to_each_of_the_fifos_places)
{
    bursts = true;
    begin();
    pieces[0] = (struct vdev_buffer){bytes, 41, VDEV_NO_BUS_ADDRESS};
    PLAY(W("INT_EN", EVENTS | SW), R("INT_STS", SW), W("INT_EN", EVENTS), W("INT_STS", SW),
         R("TX_FIFO_INF", 0x00001200), W32(0x20, 0x00003029), W32(0x20, 0x00000029),
         W32(0x20, WORD(0)), W32(0x24, WORD(1)), W32(0x28, WORD(2)), W32(0x2c, WORD(3)),
         W32(0x30, WORD(4)), W32(0x34, WORD(5)), W32(0x38, WORD(6)), W32(0x3c, WORD(7)),
         W32(0x20, WORD(8)), W32(0x20, WORD(9)), W32(0x20, 0x29),
         /* 14 + 33 bytes and the check sequence, after two empty bytes. */
         R("INT_STS", RSFL), W("INT_STS", RSFL), R("RX_FIFO_INF", 0x00010034),
         R("RX_STATUS_FIFO", 0x00330020), R32(0x00, 0x0201aaaa), R32(0x00, 0x06050403),
         R32(0x00, 0x0a090807), R32(0x00, 0x0e0d0c0b), R32(0x00, 0x1211100f), R32(0x04, 0x16151413),
         R32(0x08, 0x1a191817), R32(0x0c, 0x1e1d1c1b), R32(0x10, 0x2221201f), R32(0x14, 0x26252423),
         R32(0x18, 0x2a292827), R32(0x1c, 0x2e2d2c2b), R32(0x00, 0xeeeeee2f), R32(0x00, 0xeeeeeeee),
         W("INT_STS", RSFL), R("RX_FIFO_INF", 0));
    ck_assert_int_eq(submit(41, 1), VDEV_OK);
    ck_assert(!poll());
    ck_assert_uint_eq(completed, 1);
    memset(room, 0xcc, sizeof room);
    ck_assert(!poll());
    ck_assert_uint_eq(delivered, 1);
    ck_assert_uint_eq(arrived.length, 47);
    ck_assert_mem_eq(room + 2, bytes, 47);
    ck_assert_uint_eq(room[49], 0xcc);
    finish();
}
END_TEST

/* A wake of the owner's instead of the controller's own interrupt: nothing of it is touched. */
START_TEST(an_owner_that_can_be_woken_is)
{
    with_wake = true;
    begin_awake();
    ck_assert_uint_eq(woken, 1); /* after init */
    pieces[0] = (struct vdev_buffer){bytes, 15, VDEV_NO_BUS_ADDRESS};
    ck_assert_int_eq(submit(15, 1), VDEV_OK);
    ck_assert_uint_eq(woken, 2);
    PLAY(R("INT_STS", 0), R("TX_FIFO_INF", 0x00001200), W("TX_DATA_FIFO", 0x0000300f),
         W("TX_DATA_FIFO", 0x0000000f), W("TX_DATA_FIFO", 0x04030201),
         W("TX_DATA_FIFO", 0x08070605), W("TX_DATA_FIFO", 0x0c0b0a09),
         W("TX_DATA_FIFO", 0x000f0e0d));
    ck_assert(!poll());
    ck_assert_uint_eq(completed, 1);
    /* Room for a frame that waits: its interrupt is on again, and the owner calls. */
    PLAY(R("INT_STS", RSFL), W("INT_STS", RSFL), R("RX_FIFO_INF", 0x00010018),
         R("RX_STATUS_FIFO", 0x00150020), FRAME, W("INT_EN", PHY | RXE | TXE), W("INT_EN", EVENTS),
         R("INT_STS", 0), R("RX_DATA_FIFO", 0xee11100f), R("RX_DATA_FIFO", 0xeeeeeeee),
         W("INT_STS", RSFL), R("RX_FIFO_INF", 0));
    answer = VDEV_ERROR_FULL;
    ck_assert(!poll());
    answer = VDEV_OK;
    ck_assert_uint_eq(woken, 2);
    vdev_net_resume(&driver.net);
    ck_assert_uint_eq(woken, 3);
    ck_assert(!poll());
    ck_assert_uint_eq(delivered, 1);
    finish();
}
END_TEST

/* An error, a runt, one that is too long: the controller skips but the runt, and takes its time. */
START_TEST(bad_frames_are_skipped_and_counted)
{
    begin();
    PLAY(R("INT_STS", RSFL), W("INT_STS", RSFL), R("RX_FIFO_INF", 0x00030c00),
         R("RX_STATUS_FIFO", 0x05ee8002), W("RX_DP_CTRL", BUSY), R("INT_STS", RSFL),
         RS("RX_DP_CTRL", BUSY, 8), R("INT_STS", RSFL), UNTIL("RX_DP_CTRL", BUSY, 2, 0),
         R("RX_STATUS_FIFO", 0x000a0000), RS("RX_DATA_FIFO", 0, 3), R("INT_STS", RSFL),
         R("RX_STATUS_FIFO", 0x05f70000), W("RX_DP_CTRL", BUSY), R("RX_DP_CTRL", 0),
         W("INT_STS", RSFL), R("RX_FIFO_INF", 0));
    ck_assert(poll());
    ck_assert(poll());
    ck_assert(poll());
    ck_assert(!poll());
    ck_assert_uint_eq(driver.net.received.dropped[VDEV_NET_DROP_MEDIUM], 1);
    ck_assert_uint_eq(driver.net.received.dropped[VDEV_NET_DROP_SHORT], 1);
    ck_assert_uint_eq(driver.net.received.dropped[VDEV_NET_DROP_LONG], 1);
    ck_assert_uint_eq(delivered, 0);
    finish();
}
END_TEST

/* The receiver is stopped, its FIFO emptied, and started, without waiting. */
#define DUMP                                                                                       \
    R("INT_STS", 0), W("INT_STS", RXSTOP), MAC_WRITE(1, CONTROL & ~4u), R("INT_STS", 0),           \
        R("INT_STS", RXSTOP), W("RX_CFG", 0x8200), R("INT_STS", 0), R("RX_CFG", 0x8200),           \
        R("INT_STS", 0), R("RX_CFG", 0x200), W("INT_EN", EVENTS), IDLE, R("INT_STS", 0),           \
        MAC_WRITE(1, CONTROL), IDLE

static void poll_through_a_dump(void)
{
    for (unsigned i = 0; i < 5; i++) {
        ck_assert(poll());
    }
    ck_assert(!poll());
}

static const uint32_t nonsense[] = {0x00000000, 0x00030000, 0x00190000, 0x3fff0000, 0x80150000};

/* Length 0, less than a check sequence, more than there is, more than fits, reserved bits. */
START_TEST(a_status_that_makes_no_sense_empties_the_fifo)
{
    static struct vdev_script_step steps[] = {R("INT_STS", RSFL), W("INT_STS", RSFL),
                                              R("RX_FIFO_INF", 0x00010018), R("RX_STATUS_FIFO", 0),
                                              TEST};
    begin();
    steps[3].value = nonsense[_i];
    vdev_script_continue(&script, steps, 5);
    ck_assert(poll());
    PLAY(DUMP);
    poll_through_a_dump();
    ck_assert_uint_eq(driver.net.received.dropped[VDEV_NET_DROP_MEDIUM], 1);
    finish();
}
END_TEST

START_TEST(a_receiver_error_empties_the_fifo_with_the_frame_that_waits)
{
    begin();
    PLAY(R("INT_STS", RSFL), W("INT_STS", RSFL), R("RX_FIFO_INF", 0x00010018),
         R("RX_STATUS_FIFO", 0x00150020), FRAME, W("INT_EN", PHY | RXE | TXE));
    answer = VDEV_ERROR_FULL;
    ck_assert(!poll());
    vdev_virtual_clock_advance(&virtual_clock, 20000000);
    PLAY(R("INT_STS", RXE), W("INT_STS", RXE), W("INT_STS", RXSTOP), MAC_WRITE(1, CONTROL & ~4u));
    ck_assert(poll());
    /* The stop is not told in ten milliseconds: it goes on. */
    vdev_virtual_clock_advance(&virtual_clock, 20000000);
    PLAY(R("INT_STS", 0), W("RX_CFG", 0x8200), R("INT_STS", 0), R("RX_CFG", 0x200),
         W("INT_EN", EVENTS), IDLE, R("INT_STS", 0), MAC_WRITE(1, CONTROL), IDLE);
    ck_assert(poll());
    ck_assert(poll());
    ck_assert(!poll());
    ck_assert_uint_eq(driver.net.received.dropped[VDEV_NET_DROP_MEDIUM], 1);
    finish();
}
END_TEST

START_TEST(overruns_and_transmitter_errors_are_counted)
{
    begin();
    PLAY(R("INT_STS", RXDF | TXE), W("INT_STS", RXDF | TXE), R("RX_DROP", 7), IDLE);
    ck_assert(!poll());
    ck_assert_uint_eq(driver.net.received.dropped[VDEV_NET_DROP_MEDIUM], 7);
    ck_assert_uint_eq(driver.net.sent.dropped[VDEV_NET_DROP_MEDIUM], 1);
    finish();
}
END_TEST

/* The PHY's answers take their time; 10 Mbit/s half duplex has the receiver stopped for a moment.
 */
START_TEST(half_duplex_is_taken_over)
{
    begin();
    PLAY(R("INT_STS", PHY), PHY_ASK(29), IDLE, R("INT_STS", PHY), MAC_READ(6, 0xf41), IDLE,
         R("INT_STS", PHY), PHY_ANSWER(29, 0x40), IDLE, R("INT_STS", 0), RS("MAC_CSR_CMD", BUSY, 8),
         IDLE, R("INT_STS", 0), PHY_ASK(1), IDLE, R("INT_STS", 0), PHY_ANSWER(1, 0x782d), IDLE,
         R("INT_STS", 0), PHY_ASK(1), IDLE, R("INT_STS", 0), PHY_ANSWER(1, 0x782d), IDLE,
         R("INT_STS", 0), PHY_ASK(5), IDLE, R("INT_STS", 0), PHY_ANSWER(5, 0x0021),
         W("INT_STS", RXSTOP), MAC_WRITE(1, HALF & ~4u), IDLE, R("INT_STS", RXSTOP), IDLE,
         R("INT_STS", RXSTOP), MAC_WRITE(1, HALF), IDLE);
    unsigned polls = 1;
    while (poll()) {
        polls++;
    }
    ck_assert_uint_eq(polls, 12);
    ck_assert(driver.net.link);
    ck_assert_uint_eq(changed, 1);
    finish();
}
END_TEST

#define ASKED                                                                                      \
    R("INT_STS", PHY), PHY_ASK(29), IDLE, R("INT_STS", 0), PHY_ANSWER(29, 0x40), IDLE,             \
        R("INT_STS", 0), PHY_ASK(1), IDLE, R("INT_STS", 0), PHY_ANSWER(1, 0x782d), IDLE,           \
        R("INT_STS", 0), PHY_ASK(1), IDLE, R("INT_STS", 0), PHY_ANSWER(1, 0x782d), IDLE,           \
        R("INT_STS", 0), PHY_ASK(5), IDLE, R("INT_STS", 0), PHY_ANSWER(5, 0)

START_TEST(duplex_follows_what_both_ends_can)
{
    static const struct {
        uint32_t partner;
        bool full;
    } cases[] = {{0x0101, true}, {0x00e1, false}, {0x0061, true}, {0x0081, false}, {0x0021, false}};
    static struct vdev_script_step
        asked[] = {ASKED},
        full[] = {ASKED, IDLE},
        half[] = {ASKED, W("INT_STS", RXSTOP), MAC_WRITE(1, HALF & ~4u), IDLE, R("INT_STS", RXSTOP),
                  IDLE,  R("INT_STS", RXSTOP), MAC_WRITE(1, HALF),       IDLE};
    size_t answered = sizeof asked / sizeof asked[0] - 1;

    begin();
    full[answered].value = half[answered].value = cases[_i].partner;
    if (cases[_i].full) {
        vdev_script_continue(&script, full, sizeof full / sizeof full[0]);
    } else {
        vdev_script_continue(&script, half, sizeof half / sizeof half[0]);
    }
    while (poll()) {
    }
    ck_assert(driver.net.link);
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lan9118-script");
    TCase *tcase = tcase_create("lan9118-script");

    tcase_add_test(tcase, it_starts_and_finds_the_link);
    tcase_add_test(tcase, it_wakes_a_controller_that_sleeps);
    tcase_add_test(tcase, other_devices_are_refused);
    tcase_add_test(tcase, a_controller_without_an_address_needs_one);
    tcase_add_test(tcase, a_frame_is_a_buffer_for_each_of_its_pieces);
    tcase_add_test(tcase, pieces_that_the_controller_does_not_take_become_one);
    tcase_add_test(tcase, without_room_it_waits_for_the_interrupt);
    tcase_add_test(tcase, a_frame_goes_to_its_room);
    tcase_add_test(tcase, a_frame_without_room_stays_and_asks_again);
    tcase_add_test(tcase, a_burst_goes_to_each_of_the_fifos_places);
    tcase_add_test(tcase, an_owner_that_can_be_woken_is);
    tcase_add_test(tcase, bad_frames_are_skipped_and_counted);
    tcase_add_loop_test(tcase, a_status_that_makes_no_sense_empties_the_fifo, 0, 5);
    tcase_add_test(tcase, a_receiver_error_empties_the_fifo_with_the_frame_that_waits);
    tcase_add_test(tcase, overruns_and_transmitter_errors_are_counted);
    tcase_add_test(tcase, half_duplex_is_taken_over);
    tcase_add_loop_test(tcase, duplex_follows_what_both_ends_can, 0, 5);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
