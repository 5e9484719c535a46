/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The OMAP3 drivers of the UART, the interrupt controller and the timers against devices that
 * someone else made: those of an OMAP2420, the OMAP3's predecessor, in QEMU's model of the Nokia
 * N810. Data path and interrupts only: the model's UART is a plain 16550A.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/drivers/omap3_gptimer.h>
#include <vdev/drivers/omap3_intc.h>
#include <vdev/drivers/omap3_uart.h>
#include <vdev/status.h>

#define UART1       0x4806A000u
#define INTC        0x480FE000u
#define GPTIMER1    0x48028000u
#define GPTIMER2    0x4802A000u
#define COUNTER     0x48004000u
#define PRM_RSTCTRL 0x48008450u /* bit 1: reset, which ends QEMU */

#define LINE_GPTIMER1 37u
#define LINE_UART1    72u

#define MILLISECOND  UINT64_C(1000000)
#define OUTPUT_BYTES 8192u
#define ECHO_BYTES   3000u

static struct vdev_omap3_uart uart;
static struct vdev_omap3_intc intc;
static struct vdev_omap3_intc_handler handlers[VDEV_OMAP3_INTC_LINES];
static struct vdev_omap3_gptimer timer, free_running;
static struct vdev_omap3_counter counter;
static volatile uint32_t uart_interrupts, timer_interrupts;
static volatile bool writable, readable;

void n810_main(void);
void n810_interrupt(void);
void n810_trap(uint32_t pc);

static void disable_interrupts(void)
{
    __asm__ volatile("cpsid i" ::: "memory");
}

static void enable_interrupts(void)
{
    __asm__ volatile("cpsie i" ::: "memory");
}

/* Called with interrupts disabled: the processor wakes all the same, and takes them here. */
static void wait_for_interrupt(void)
{
    __asm__ volatile("mcr p15, 0, %0, c7, c0, 4" ::"r"(0) : "memory");
    enable_interrupts();
    disable_interrupts();
}

void n810_interrupt(void)
{
    vdev_omap3_intc_dispatch(&intc);
}

static void on_uart(void *context, uint32_t line)
{
    (void)context;
    (void)line;
    uart_interrupts++;
    vdev_console_poll(&uart.console);
}

static void on_timer(void *context, uint32_t line)
{
    (void)line;
    if (vdev_omap3_gptimer_acknowledge(context)) {
        timer_interrupts++;
    }
}

static void on_writable(void *owner)
{
    (void)owner;
    writable = true;
}

static void on_readable(void *owner)
{
    (void)owner;
    readable = true;
}

/* Once the UART's line is unmasked nothing polls it: what does not fit waits for its interrupt. */
static bool line_unmasked;

static void write(const uint8_t *bytes, size_t length)
{
    while (length != 0) {
        writable = false;
        size_t done = vdev_console_write(&uart.console, bytes, length);
        bytes += done;
        length -= done;
        while (length != 0 && !writable) {
            if (line_unmasked) {
                wait_for_interrupt();
            } else {
                vdev_console_poll(&uart.console);
            }
        }
    }
}

static void print(const char *text)
{
    size_t length = 0;

    while (text[length] != 0) {
        length++;
    }
    write((const uint8_t *)text, length);
}

static void print_number(uint64_t number)
{
    static const char digits[] = "0123456789abcdef";
    char text[17];

    for (unsigned i = 0; i < 16; i++) {
        text[i] = digits[number >> (60 - 4 * i) & 15];
    }
    text[16] = 0;
    print(text);
}

static void report(const char *name, bool good, uint64_t found)
{
    print(good ? "ok " : "FAIL ");
    print(name);
    if (!good) {
        print(": found ");
        print_number(found);
    }
    print("\n");
}

void n810_trap(uint32_t pc)
{
    disable_interrupts();
    line_unmasked = false;
    print("\nFAIL no exception: near ");
    print_number(pc);
    print("\n");
    *(volatile uint32_t *)PRM_RSTCTRL = 2;
}

static uint64_t now(void)
{
    return vdev_clock_now(&counter.clock);
}

/* Until so many timer interrupts came, or the time is over; returns how long it took. */
static uint64_t wait_for_timer(uint32_t count, uint64_t time)
{
    uint64_t start = now();

    while (timer_interrupts < count && now() - start < time) {
        enable_interrupts();
        disable_interrupts();
    }
    return now() - start;
}

static void test_interrupts(void)
{
    const struct vdev_io io = {.base = INTC};

    handlers[LINE_UART1] = (struct vdev_omap3_intc_handler){on_uart, NULL};
    handlers[LINE_GPTIMER1] = (struct vdev_omap3_intc_handler){on_timer, &timer};
    int status = vdev_omap3_intc_init(&intc, &io, handlers);
    report("interrupt controller starts", status == VDEV_OK, (uint64_t)status);
    vdev_omap3_intc_set_priority(&intc, LINE_GPTIMER1, 3);
    vdev_omap3_intc_set_priority(&intc, LINE_UART1, 7);
    vdev_omap3_intc_unmask(&intc, LINE_UART1);
    line_unmasked = true;
    print("this line is longer than the transmitter's FIFO, and goes on by interrupts\n");
    report("transmitter interrupts", uart_interrupts != 0, uart_interrupts);
}

static void test_timer(void)
{
    struct vdev_omap3_gptimer_configuration configuration = {.io = {.base = GPTIMER1},
                                                             .hertz = 32768};
    int status = vdev_omap3_gptimer_init(&timer, &configuration);
    report("timer starts", status == VDEV_OK, (uint64_t)status);

    status = vdev_omap3_gptimer_start(&timer, MILLISECOND, false);
    wait_for_timer(1, 20 * MILLISECOND);
    report("masked line does not interrupt",
           status == VDEV_OK && timer_interrupts == 0 &&
               vdev_omap3_intc_raised(&intc, LINE_GPTIMER1),
           timer_interrupts);
    vdev_omap3_intc_unmask(&intc, LINE_GPTIMER1);
    wait_for_timer(1, 1000 * MILLISECOND);
    wait_for_timer(2, 20 * MILLISECOND);
    report("one shot interrupts once, once it is unmasked", timer_interrupts == 1,
           timer_interrupts);

    timer_interrupts = 0;
    status = vdev_omap3_gptimer_start(&timer, 10 * MILLISECOND, true);
    uint64_t took = wait_for_timer(20, 20000 * MILLISECOND);
    vdev_omap3_gptimer_stop(&timer);
    report("periodic timer interrupts", status == VDEV_OK && timer_interrupts >= 20,
           timer_interrupts);
    /* A loaded host delays what it emulates; it never makes it early. */
    report("twenty periods of 10 ms take that long",
           took >= 195 * MILLISECOND && took < 5000 * MILLISECOND, took);
    uint32_t before = timer_interrupts;
    wait_for_timer(before + 1, 50 * MILLISECOND);
    report("stopped timer is silent", timer_interrupts == before, timer_interrupts);
    report("nothing was spurious or without a handler", intc.spurious == 0 && intc.unhandled == 0,
           intc.spurious);

    configuration.io.base = GPTIMER2;
    configuration.posted = true;
    status = vdev_omap3_gptimer_init(&free_running, &configuration);
    if (status == VDEV_OK) {
        status = vdev_omap3_gptimer_run(&free_running);
    }
    uint64_t start = now(), first = vdev_clock_now(&free_running.clock);
    vdev_clock_delay(&counter.clock, 100 * MILLISECOND);
    uint64_t middle = vdev_clock_now(&free_running.clock), end = now();
    report("free-running timer keeps the counter's time",
           status == VDEV_OK && middle - first >= 99 * MILLISECOND &&
               middle - first <= end - start + MILLISECOND,
           middle - first);
}

static uint8_t pattern(uint32_t index)
{
    return (uint8_t)(index * 31 + (index >> 8) * 7 + 11);
}

static void test_stream(void)
{
    static uint8_t bytes[64];
    uint32_t wrong = 0, received = 0;

    print("output\n");
    for (uint32_t i = 0; i < OUTPUT_BYTES; i += sizeof bytes) {
        for (uint32_t j = 0; j < sizeof bytes; j++) {
            bytes[j] = pattern(i + j);
        }
        write(bytes, sizeof bytes);
    }
    print("echo\n");
    while (received < ECHO_BYTES) {
        size_t length = vdev_console_read(&uart.console, bytes, sizeof bytes);
        for (size_t i = 0; i < length; i++) {
            wrong += bytes[i] != pattern(received + (uint32_t)i);
        }
        received += (uint32_t)length;
        write(bytes, length);
        if (length == 0) {
            readable = false;
            while (!readable) {
                wait_for_interrupt();
            }
        }
    }
    report("input is what was sent", wrong == 0, wrong);
    report("no error on the wire", uart.errors.overrun + uart.errors.framing == 0,
           uart.errors.overrun);
}

void n810_main(void)
{
    vdev_omap3_counter_init(&counter, &(const struct vdev_io){.base = COUNTER});
    const struct vdev_omap3_uart_configuration configuration = {
        .io = {.base = UART1},
        .clock = &counter.clock,
        .clock_hertz = 48000000,
        .baud = 115200,
        .interrupts = true,
    };
    int status = vdev_omap3_uart_init(&uart, &configuration);
    uart.console.client =
        (struct vdev_console_client){.readable = on_readable, .writable = on_writable};
    if (status == VDEV_OK) {
        report("plain 16550A is told from the OMAP's UART", uart.kind == VDEV_OMAP3_UART_16550,
               uart.kind);
        uint64_t start = now();
        vdev_clock_delay(&counter.clock, MILLISECOND);
        report("32 kHz counter counts", now() - start >= MILLISECOND, now() - start);
        test_interrupts();
        test_timer();
        test_stream();
        print("finished\n");
        vdev_omap3_uart_stop(&uart, &counter.clock);
    }
    *(volatile uint32_t *)PRM_RSTCTRL = 2;
}
