/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory, time, the UART and the power switch of a bare-metal test image. The UART is driven by the
 * library's own driver: an image that says anything has tested that, too.
 */
#include <stddef.h>

#include <vdev/drivers/pl011.h>
#include <vdev/status.h>

#include "runtime.h"

#define UART_BASE  0x1C090000u
#define UART_CLOCK 24000000u

/* The motherboard's configuration interface (ARM DUI 0447, V2M-P1): a value, then what to do. */
#define CONFIGURATION_DATA    0x1C0100A0u
#define CONFIGURATION_CONTROL 0x1C0100A4u
#define SWITCH_OFF            0xC0800000u

void runtime_start(bool hyp);
void exception_report(uint32_t vector, uint32_t address, bool hyp);

static struct vdev_pl011 uart;
static bool uart_ready;

/* ---- memory ---- */

/*
 * Flat translation in four entries of 1 GiB each, in the long format, which Hyp mode and SVC mode
 * share [ARM DDI 0406C, B3.6]. With the MMU off, all memory would be strongly ordered: neither
 * unaligned accesses nor exclusives would be allowed on hardware, though QEMU takes them.
 */
#define BLOCK        1u
#define MEMORY       (0u << 2) /* attribute 0: write-back, allocating */
#define DEVICE       (1u << 2) /* attribute 1 */
#define ATTRIBUTES   0x000004FFu
#define HYP_ACCESS   (1u << 6) /* should be one in Hyp mode; elsewhere it lets user mode in */
#define SHAREABLE    (3u << 8)
#define ACCESSED     (1u << 10)
#define NO_EXECUTE   (UINT64_C(1) << 54)
#define WALKS_CACHED 0x3500u /* inner and outer write-back, inner shareable */
#define LONG_FORMAT  0x80000000u
#define CONTROL_ON   0x00001005u /* I, C, M */

static _Alignas(32) uint64_t translation[4];

static void enable_memory(bool hyp)
{
    uint64_t table = (uintptr_t)translation;
    uint32_t low = (uint32_t)table;
    uint32_t control;

    for (uint32_t i = 0; i < 4; i++) {
        uint64_t entry = (uint64_t)i << 30 | BLOCK | ACCESSED | (hyp ? HYP_ACCESS : 0);
        translation[i] = entry | (i < 2 ? NO_EXECUTE | DEVICE : SHAREABLE | MEMORY);
    }
    __asm__ volatile("dsb" ::: "memory");
    if (hyp) {
        __asm__ volatile("mcr p15, 4, %0, c10, c2, 0\n\t" /* HMAIR0 */
                         "mcr p15, 4, %1, c2, c0, 2\n\t"  /* HTCR */
                         "mcrr p15, 4, %2, %3, c2\n\t"    /* HTTBR */
                         "mcr p15, 4, %3, c8, c7, 0\n\t"  /* TLBIALLH */
                         ::"r"(ATTRIBUTES),
                         "r"(WALKS_CACHED | LONG_FORMAT), "r"(low), "r"(0)
                         : "memory");
        __asm__ volatile("mcr p15, 0, %0, c7, c5, 0\n\t" /* ICIALLU */
                         "dsb\n\tisb" ::"r"(0)
                         : "memory");
        __asm__ volatile("mrc p15, 4, %0, c1, c0, 0" : "=r"(control));
        __asm__ volatile("mcr p15, 4, %0, c1, c0, 0\n\tisb" ::"r"(control | CONTROL_ON) : "memory");
    } else {
        __asm__ volatile("mcr p15, 0, %0, c10, c2, 0\n\t" /* MAIR0 */
                         "mcr p15, 0, %1, c2, c0, 2\n\t"  /* TTBCR */
                         "mcrr p15, 0, %2, %3, c2\n\t"    /* TTBR0 */
                         "mcr p15, 0, %3, c8, c7, 0\n\t"  /* TLBIALL */
                         ::"r"(ATTRIBUTES),
                         "r"(WALKS_CACHED | LONG_FORMAT), "r"(low), "r"(0)
                         : "memory");
        __asm__ volatile("mcr p15, 0, %0, c7, c5, 0\n\t" /* ICIALLU */
                         "dsb\n\tisb" ::"r"(0)
                         : "memory");
        __asm__ volatile("mrc p15, 0, %0, c1, c0, 0" : "=r"(control));
        __asm__ volatile("mcr p15, 0, %0, c1, c0, 0\n\tisb" ::"r"(control | CONTROL_ON) : "memory");
    }
}

/* ---- time ---- */

static uint64_t now(void *context)
{
    uint64_t ticks;
    uint32_t frequency;

    (void)context;
    __asm__ volatile("isb\n\tmrrc p15, 0, %Q0, %R0, c14" : "=r"(ticks)); /* CNTPCT */
    __asm__ volatile("mrc p15, 0, %0, c14, c0, 0" : "=r"(frequency));    /* CNTFRQ */
    return ticks / frequency * 1000000000u + ticks % frequency * 1000000000u / frequency;
}

const struct vdev_clock bare_clock = {.now = now};

/* ---- the UART ---- */

static void write(const char *text, size_t length)
{
    if (!uart_ready) {
        return;
    }
    while (length != 0) {
        size_t done = vdev_console_write(&uart.console, (const uint8_t *)text, length);
        text += done;
        length -= done;
    }
}

void bare_print(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    write(text, length);
}

static void print_number(uint32_t number, uint32_t base, unsigned digits)
{
    char text[10];
    unsigned at = sizeof text;

    do {
        text[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0 || sizeof text - at < digits);
    write(text + at, sizeof text - at);
}

void bare_print_decimal(uint32_t number)
{
    print_number(number, 10, 1);
}

void bare_print_hexadecimal(uint32_t number)
{
    print_number(number, 16, 8);
}

bool bare_report(const char *name, const char *why)
{
    bare_print(why == NULL ? "ok " : "FAIL ");
    bare_print(name);
    if (why != NULL) {
        bare_print(": ");
        bare_print(why);
    }
    bare_print("\n");
    return why == NULL;
}

/* ---- start and end ---- */

_Noreturn void bare_power_off(void)
{
    if (uart_ready) {
        vdev_pl011_stop(&uart, &bare_clock);
    }
    *(volatile uint32_t *)CONFIGURATION_DATA = 0;
    *(volatile uint32_t *)CONFIGURATION_CONTROL = SWITCH_OFF;
    for (;;) {
        __asm__ volatile("wfi");
    }
}

void runtime_start(bool hyp)
{
    const struct vdev_io io = {.base = UART_BASE};

    enable_memory(hyp);
    int status = vdev_pl011_init(
        &uart,
        &(struct vdev_pl011_configuration){
            .io = &io, .clock = &bare_clock, .clock_hertz = UART_CLOCK, .interrupts = false});
    uart_ready = status == VDEV_OK;
    if (uart_ready) {
        bare_main(hyp);
        bare_print("finished\n");
    }
    bare_power_off();
}

void exception_report(uint32_t vector, uint32_t address, bool hyp)
{
    static const char *const names[] = {
        "reset",     "undefined instruction", "call", "prefetch abort", "data abort", "trap",
        "interrupt", "fast interrupt"};
    /* In SVC mode the link register is ahead of the instruction [ARM DDI 0406C, table B1-7]. */
    static const uint8_t ahead[] = {0, 4, 4, 4, 8, 0, 4, 4};
    uint32_t syndrome, fault;

    if (hyp) {
        __asm__ volatile("mrc p15, 4, %0, c5, c2, 0" : "=r"(syndrome)); /* HSR */
        __asm__ volatile("mrc p15, 4, %0, c6, c0, 0" : "=r"(fault));    /* HDFAR */
    } else {
        __asm__ volatile("mrc p15, 0, %0, c5, c0, 0" : "=r"(syndrome)); /* DFSR */
        __asm__ volatile("mrc p15, 0, %0, c6, c0, 0" : "=r"(fault));    /* DFAR */
    }
    bare_print("\nFAIL exception: ");
    bare_print(names[vector & 7]);
    bare_print(" at ");
    bare_print_hexadecimal(hyp ? address : address - ahead[vector & 7]);
    bare_print(", syndrome ");
    bare_print_hexadecimal(syndrome);
    bare_print(", address ");
    bare_print_hexadecimal(fault);
    bare_print("\n");
    bare_power_off();
}
