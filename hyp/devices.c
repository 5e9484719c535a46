/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The board's own devices: the library's real drivers, placed in the hypervisor. Each interrupt
 * moves what one poll moves, one FIFO or one block; what is left comes with the next one.
 */
#include <vdev/drivers/pl011.h>
#include <vdev/drivers/pl181.h>
#include <vdev/drivers/sd_card.h>
#include <vdev/status.h>

#include "cpu.h"
#include "hyp.h"

#define NANOSECONDS_PER_TICK 16u /* CNTFRQ is 62.5 MHz on this board */
#define REFERENCE_HERTZ      24000000u

static uint64_t now(void *context)
{
    (void)context;
    return cpu_read_cntpct() * NANOSECONDS_PER_TICK;
}

const struct vdev_clock board_clock = {.now = now};

/* The board's power-off: configuration function 8 of its system registers. */
void board_power_off(void)
{
    *(volatile uint32_t *)(BOARD_SYSTEM + 0xa0) = 0;
    *(volatile uint32_t *)(BOARD_SYSTEM + 0xa4) = 0xc0800000;
    for (;;) {
        __asm__ volatile("wfi");
    }
}

static bool console_started, card_started;
static struct vdev_pl011 uart;
static struct vdev_pl181_driver controller;
static struct vdev_sd_card card;
static struct vdev_block watched_card;
static bool timer_set;

/* If a device has more to do at once and its interrupt does not say so, a message to itself does. */
static void poll_console(void)
{
    count_wrap();
    if (vdev_console_poll(&uart.console) && !gic_is_pending(BOARD_INTERRUPT_UART0)) {
        gic_send_self();
    }
}

static void poll_card(void)
{
    count_wrap();
    if (vdev_block_poll(&card.block) && !gic_is_pending(BOARD_INTERRUPT_CARD0) &&
        !gic_is_pending(BOARD_INTERRUPT_CARD1)) {
        gic_send_self();
    }
}

static void poll_all(void)
{
    if (console_started) {
        poll_console();
    }
    if (card_started) {
        poll_card();
    }
}

/*
 * The card's driver notices a card that fell silent by the clock: the timer wakes it. It is set when
 * a request comes and stays until it fires, so that the usual request costs one look at a flag.
 */
static void set_timer(void)
{
    uint64_t deadline = vdev_sd_card_deadline(&card);

    timer_set = deadline != UINT64_MAX;
    if (timer_set) {
        cpu_write_cnthp_cval(deadline / NANOSECONDS_PER_TICK + 1);
    }
    cpu_write_cnthp_ctl(timer_set);
}

static void timer_interrupt(void)
{
    poll_card();
    set_timer();
}

static int submit(struct vdev_block *block, struct vdev_block_request *request)
{
    (void)block;
    int status = vdev_block_submit(&card.block, request);
    if (!timer_set) {
        set_timer();
    }
    return status;
}

static bool poll(struct vdev_block *block)
{
    (void)block;
    return vdev_block_poll(&card.block);
}

void board_console_start(void)
{
    static const struct vdev_io io = {.base = BOARD_UART0};
    static const struct vdev_pl011_configuration configuration = {
        .io = &io,
        .clock = &board_clock,
        .clock_hertz = REFERENCE_HERTZ,
        .baud = 115200,
        .interrupts = true,
    };
    int status = vdev_pl011_init(&uart, &configuration);

    if (status != 0) {
        log_stop("vdev: console at %x: %s", BOARD_UART0, vdev_status_name(status));
    }
    console_started = true;
    gic_attach(BOARD_INTERRUPT_SELF, poll_all);
    gic_attach(BOARD_INTERRUPT_UART0, poll_console);
}

struct vdev_console *board_console(void)
{
    return &uart.console;
}

void board_card_start(void)
{
    static const struct vdev_block_operations watched = {.submit = submit, .poll = poll};
    static const struct vdev_pl181_driver_configuration configuration = {
        .io = {.base = BOARD_CARD},
        .clock = &board_clock,
        .reference_hertz = REFERENCE_HERTZ,
        .wide = true,
    };
    int status = vdev_pl181_driver_init(&controller, &configuration);

    if (status == 0) {
        status = vdev_sd_card_init(&card, &controller.host, &board_clock);
    }
    if (status != 0) {
        log_stop("vdev: card at %x: %s", BOARD_CARD, vdev_status_name(status));
    }
    watched_card.operations = &watched;
    watched_card.information = card.block.information;
    card_started = true;
    gic_attach(BOARD_INTERRUPT_SELF, poll_all);
    gic_attach(BOARD_INTERRUPT_TIMER, timer_interrupt);
    gic_attach(BOARD_INTERRUPT_CARD0, poll_card);
    gic_attach(BOARD_INTERRUPT_CARD1, poll_card);
}

struct vdev_block *board_card(void)
{
    return &watched_card;
}
