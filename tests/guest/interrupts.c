/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts: of an emulated device, quieted in time or not; more at once than list registers; taken
 * back, masked, sent to itself; the virtual timer's. No hang and none lost or doubled.
 */
#include "guest.h"

enum {
    UART_DR = 0x00,
    UART_IMSC = 0x38,
    UART_ICR = 0x44,
    UART_TX = 1 << 5,
    CTLR = 0x000,
    ISENABLER = 0x100,
    ICENABLER = 0x180,
    ISPENDR = 0x200,
    ICPENDR = 0x280,
    IPRIORITYR = 0x400,
    SGIR = 0xf00,
    GICC_CTLR = 0x00,
    GICC_PMR = 0x04,
    GICC_IAR = 0x0c,
    GICC_EOIR = 0x10,
    GICC_RPR = 0x14,
    UART_INTERRUPT = 37,
    TIMER = 27,
    SPARE = 64, /* the first of 32 interrupts that no device has */
    NUMBER = 0x3ff,
    OPEN = 0xf8, /* a mask that lets all but the last priority through */
    PATIENCE = 20000,
    SEEN = 64,
};

static volatile uint32_t seen[SEEN];
static volatile uint32_t count;
static volatile uint32_t quiet_at; /* the handler quiets its device when `count` has come here */

static void enable(uint32_t interrupt, bool on)
{
    write32(GICD + (on ? ISENABLER : ICENABLER) + interrupt / 32 * 4, 1u << (interrupt % 32));
}

static void pend(uint32_t interrupt)
{
    write32(GICD + ISPENDR + interrupt / 32 * 4, 1u << (interrupt % 32));
}

static void set_priority(uint32_t interrupt, uint8_t priority)
{
    write8(GICD + IPRIORITYR + interrupt, priority);
}

static void unmask(void)
{
    __asm__ volatile("cpsie i\n\tisb" ::: "memory");
}

static void mask(void)
{
    __asm__ volatile("cpsid i\n\tisb" ::: "memory");
}

/* Let interrupts in until there were as many as wanted, and a while longer. */
static void take(uint32_t wanted)
{
    unmask();
    for (uint32_t i = 0; i < PATIENCE && count < wanted; i++) {
        __asm__ volatile("" ::: "memory");
    }
    for (uint32_t i = 0; i < PATIENCE / 10; i++) {
        __asm__ volatile("" ::: "memory");
    }
    mask();
}

static void set_timer(uint32_t ticks, bool on)
{
    __asm__ volatile("mcr p15, 0, %0, c14, c3, 0\n\tisb" ::"r"(ticks));
    __asm__ volatile("mcr p15, 0, %0, c14, c3, 1\n\tisb" ::"r"((uint32_t)on));
}

static bool timer_fired(void)
{
    uint32_t control;
    __asm__ volatile("mrc p15, 0, %0, c14, c3, 1" : "=r"(control));
    return (control & 4) != 0;
}

static void wait_for_timer(void)
{
    while (!timer_fired()) {
    }
}

void interrupt_handle(void)
{
    uint32_t acknowledged = read32(GICC + GICC_IAR);
    uint32_t interrupt = acknowledged & NUMBER;

    if (count < SEEN) {
        seen[count] = interrupt;
    }
    count++;
    if (interrupt == UART_INTERRUPT && count >= quiet_at) {
        write32(UART + UART_ICR, UART_TX);
    } else if (interrupt == TIMER) {
        set_timer(0, false);
    }
    if (interrupt < 1020) {
        write32(GICC + GICC_EOIR, acknowledged);
    }
}

/* Make the emulated UART interrupt: it does when it has sent a character. */
static void raise_uart(uint32_t until)
{
    count = 0;
    quiet_at = until;
    write32(UART + UART_IMSC, UART_TX);
    write32(UART + UART_DR, '\n');
}

static void quiet_uart(void)
{
    write32(UART + UART_IMSC, 0);
    write32(UART + UART_ICR, UART_TX);
}

static void device(void)
{
    enable(UART_INTERRUPT, true);
    mark(3);
    raise_uart(1);
    take(1);
    quiet_uart();
    mark(4);
    check("device quieted before the interrupt's end: one interrupt", count == 1, count, 1);
    check("... of the right number", seen[0] == UART_INTERRUPT, seen[0], UART_INTERRUPT);

    mark(5);
    raise_uart(4);
    take(4);
    quiet_uart();
    mark(6);
    check("device quieted at the fourth time: four interrupts", count == 4, count, 4);

    raise_uart(1);
    quiet_uart();
    take(1);
    check("device quieted before the interrupt was taken: none", count == 0, count, 0);

    raise_uart(1);
    enable(UART_INTERRUPT, false);
    take(1);
    check("level disabled while pending: none", count == 0, count, 0);
    enable(UART_INTERRUPT, true);
    take(1);
    quiet_uart();
    check("level enabled again: one", count == 1, count, 1);
    enable(UART_INTERRUPT, false);
}

static void many(void)
{
    enum { MANY = 12 };
    bool ordered = true;

    for (uint32_t i = 0; i < MANY; i++) {
        set_priority(SPARE + i, (uint8_t)(0x40 + (i * 5 + 11) % MANY * 8));
    }
    for (uint32_t times = 0; times < 2; times++) {
        count = 0;
        write32(GICD + ISENABLER + SPARE / 8, times == 0 ? (1u << MANY) - 1 : 0);
        if (times == 0) {
            write32(GICD + ISPENDR + SPARE / 8, (1u << MANY) - 1);
        } else { /* the least urgent first */
            for (uint32_t priority = 0x40 + MANY * 8; priority >= 0x40; priority -= 8) {
                for (uint32_t i = 0; i < MANY; i++) {
                    if (0x40 + (i * 5 + 11) % MANY * 8 == priority) {
                        pend(SPARE + i);
                    }
                }
            }
        }
        take(MANY);
        check(times == 0 ? "twelve at once: each comes once" : "twelve in a row: each comes once",
              count == MANY, count, MANY);
        for (uint32_t i = 0; i < MANY; i++) {
            ordered = ordered && (seen[i] - SPARE < MANY) &&
                      ((seen[i] - SPARE) * 5 + 11) % MANY == i;
        }
        check(times == 0 ? "twelve at once: in their order" : "twelve in a row: in their order",
              ordered, seen[0], seen[1]);
    }
}

static void software(void)
{
    count = 0;
    set_priority(SPARE, 0xa0);
    enable(SPARE, true);
    pend(SPARE);
    enable(SPARE, false);
    take(1);
    check("disabled while pending: none", count == 0, count, 0);
    check("... but still pending", (read32(GICD + ISPENDR + SPARE / 8) & 1) != 0, 0, 1);
    enable(SPARE, true);
    take(1);
    check("enabled again: one", count == 1, count, 1);

    count = 0;
    pend(SPARE);
    write32(GICD + ICPENDR + SPARE / 8, 1);
    take(1);
    check("pending state cleared: none", count == 0, count, 0);

    pend(SPARE);
    write32(GICD + CTLR, 0);
    take(1);
    check("distributor off: none", count == 0, count, 0);
    write32(GICD + CTLR, 1);
    take(1);
    check("distributor on again: one", count == 1, count, 1);

    count = 0;
    write32(GICD + SGIR, 2u << 24 | 5);
    take(1);
    check("message to itself", count == 1 && seen[0] == 5, seen[0], 5);

    count = 0;
    pend(1023 & 95); /* the last that there is */
    enable(95, true);
    take(1);
    check("last interrupt", count == 1 && seen[0] == 95, seen[0], 95);
}

static void priorities(void)
{
    count = 0;
    write32(GICC + GICC_PMR, 0x80);
    for (uint32_t i = 0; i < 6; i++) {
        set_priority(SPARE + i, 0xa0);
        enable(SPARE + i, true);
        pend(SPARE + i);
    }
    take(1);
    check("masked by priority: none", count == 0, count, 0);
    set_priority(SPARE + 8, 0x20);
    pend(SPARE + 8);
    take(1);
    check("an urgent one passes more masked ones than there are list registers",
          count == 1 && seen[0] == SPARE + 8, count, 1);
    count = 0;
    write32(GICC + GICC_PMR, OPEN);
    take(6);
    check("mask lifted: all six", count == 6, count, 6);
    check("no priority is left running", (read32(GICC + GICC_RPR) & 0xff) >= OPEN,
          read32(GICC + GICC_RPR), 0xff);
}

static void timer(void)
{
    enable(TIMER, true);
    count = 0;
    set_timer(500, true);
    take(1);
    check("virtual timer: one", count == 1 && seen[0] == TIMER, count, 1);

    count = 0;
    set_timer(100, true);
    wait_for_timer();
    enable(TIMER, false);
    take(1);
    check("timer disabled while pending: none", count == 0, count, 0);
    enable(TIMER, true);
    take(1);
    check("timer enabled again: one", count == 1, count, 1);

    count = 0;
    set_timer(20000, true);
    __asm__ volatile("dsb\n\twfi" ::: "memory");
    check("WFI sleeps and wakes up by the timer", timer_fired(), timer_fired(), 1);
    take(1);
    check("... which is taken after it", count == 1, count, 1);

    /* Both at once: by software, and by the hardware whose interrupt it is. */
    count = 0;
    pend(TIMER);
    set_timer(100, true);
    wait_for_timer();
    take(2);
    check("timer made pending by software, too: once or twice", count == 1 || count == 2, count, 1);
    count = 0;
    set_timer(100, true);
    take(1);
    check("timer goes on after it", count == 1, count, 1);
    enable(TIMER, false);
}

void test_interrupts(void)
{
    write32(GICD + CTLR, 1);
    write32(GICD + ISENABLER, 0xffff);
    write32(GICC + GICC_PMR, OPEN);
    write32(GICC + GICC_CTLR, 1);
    device();
    many();
    software();
    priorities();
    timer();
}
