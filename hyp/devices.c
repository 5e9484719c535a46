/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The board's own devices: the library's real drivers, placed in the hypervisor. Each interrupt
 * moves what one poll moves, one FIFO or one block; what is left comes with the next one.
 */
#include <vdev/drivers/pl011.h>
#include <vdev/drivers/pl181.h>
#include <vdev/drivers/sd_card.h>
#include <vdev/mux/console_focus.h>
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

/* ---- the timer, shared by all that must look at the clock ---- */

static struct {
    uint64_t deadline;
    void (*ring)(void);
} alarms[BOARD_ALARMS];

static void set_timer(void)
{
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < BOARD_ALARMS; i++) {
        if (alarms[i].ring != NULL && alarms[i].deadline < first) {
            first = alarms[i].deadline;
        }
    }
    if (first != UINT64_MAX) {
        cpu_write_cnthp_cval(first / NANOSECONDS_PER_TICK + 1);
    }
    cpu_write_cnthp_ctl(first != UINT64_MAX);
}

static void timer_interrupt(void)
{
    uint64_t time = now(NULL);

    for (unsigned i = 0; i < BOARD_ALARMS; i++) {
        if (alarms[i].ring != NULL && alarms[i].deadline <= time) {
            alarms[i].deadline = UINT64_MAX;
            alarms[i].ring();
        }
    }
    set_timer();
}

void board_alarm(enum board_alarm alarm, uint64_t deadline, void (*ring)(void))
{
    gic_attach(BOARD_INTERRUPT_TIMER, timer_interrupt);
    alarms[alarm].deadline = deadline;
    alarms[alarm].ring = ring;
    set_timer();
}

/* ---- consoles and card ---- */

static const struct {
    uint32_t address;
    uint32_t interrupt;
} uarts[] = {{BOARD_UART0, BOARD_INTERRUPT_UART0}, {BOARD_UART2, BOARD_INTERRUPT_UART2}};

enum { CONSOLES = sizeof uarts / sizeof uarts[0] };

static struct vdev_pl011 consoles[CONSOLES];
static bool console_started[CONSOLES], card_started;
static struct vdev_pl181_driver controller;
static struct vdev_sd_card card;
static struct vdev_block watched_card;
static struct vdev_console_focus *console_focus; /* of the first, or NULL */

/* If a device has more to do at once and its interrupt does not say so, a message to itself does. */
static inline void poll_console(unsigned number)
{
    count_wrap();
    bool more = number == 0 && console_focus != NULL
                    ? vdev_console_focus_poll(console_focus)
                    : vdev_console_poll(&consoles[number].console);
    if (more && !gic_is_pending(uarts[number].interrupt)) {
        gic_send_self(BOARD_INTERRUPT_SELF);
    }
}

static void poll_first_console(void)
{
    poll_console(0);
}

static void poll_second_console(void)
{
    poll_console(1);
}

static void poll_card(void)
{
    count_wrap();
    if (vdev_block_poll(&card.block) && !gic_is_pending(BOARD_INTERRUPT_CARD0) &&
        !gic_is_pending(BOARD_INTERRUPT_CARD1)) {
        gic_send_self(BOARD_INTERRUPT_SELF);
    }
}

static void poll_all(void)
{
    for (unsigned i = 0; i < CONSOLES; i++) {
        if (console_started[i]) {
            poll_console(i);
        }
    }
    if (card_started) {
        poll_card();
    }
}

/*
 * The card's driver notices a card that fell silent by the clock. The alarm is set when a request
 * comes and stays until it rings, so that the usual request costs one look at it.
 */
static void card_alarm(void)
{
    poll_card();
    board_alarm(BOARD_ALARM_CARD, vdev_sd_card_deadline(&card), card_alarm);
}

static int submit(struct vdev_block *block, struct vdev_block_request *request)
{
    (void)block;
    int status = vdev_block_submit(&card.block, request);
    if (alarms[BOARD_ALARM_CARD].deadline == UINT64_MAX) {
        board_alarm(BOARD_ALARM_CARD, vdev_sd_card_deadline(&card), card_alarm);
    }
    return status;
}

static bool poll(struct vdev_block *block)
{
    (void)block;
    return vdev_block_poll(&card.block);
}

void board_watch_console(struct vdev_console_focus *focus)
{
    console_focus = focus;
}

struct vdev_console *board_console(unsigned number)
{
    const struct vdev_io io = {.base = uarts[number].address};
    const struct vdev_pl011_configuration configuration = {
        .io = &io,
        .clock = &board_clock,
        .clock_hertz = REFERENCE_HERTZ,
        .baud = 115200,
        .interrupts = true,
    };

    if (!console_started[number]) {
        int status = vdev_pl011_init(&consoles[number], &configuration);
        if (status != 0) {
            log_stop("vdev: console at %x: %s", (unsigned)uarts[number].address,
                     vdev_status_name(status));
        }
        console_started[number] = true;
        gic_attach(BOARD_INTERRUPT_SELF, poll_all);
        gic_attach(uarts[number].interrupt,
                   number == 0 ? poll_first_console : poll_second_console);
    }
    return &consoles[number].console;
}

struct vdev_block *board_card(void)
{
    static const struct vdev_block_operations watched = {.submit = submit, .poll = poll};
    static const struct vdev_pl181_driver_configuration configuration = {
        .io = {.base = BOARD_CARD},
        .clock = &board_clock,
        .reference_hertz = REFERENCE_HERTZ,
        .wide = true,
    };

    if (!card_started) {
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
        board_alarm(BOARD_ALARM_CARD, UINT64_MAX, card_alarm);
        gic_attach(BOARD_INTERRUPT_SELF, poll_all);
        gic_attach(BOARD_INTERRUPT_CARD0, poll_card);
        gic_attach(BOARD_INTERRUPT_CARD1, poll_card);
    }
    return &watched_card;
}
