/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As much of a BeagleBoard's OMAP3530 as the library emulates: a machine of its own for guests that
 * bring OMAP3 drivers, and its UART and GPIO as devices of the other machine. No OMAP3 hardware is
 * anywhere: below are this board's drivers.
 *
 * Its interrupt controller is emulated whole, and tells the processor by HCR.VI: a guest takes the
 * interrupt when it unmasks it, and each look at the controller traps.
 */
#include <vdev/emulators/omap3_gpio.h>
#include <vdev/emulators/omap3_gptimer.h>
#include <vdev/emulators/omap3_hsmmc.h>
#include <vdev/emulators/omap3_intc.h>
#include <vdev/emulators/omap3_prcm.h>
#include <vdev/emulators/omap3_uart.h>

#include "cpu.h"
#include "machine.h"

enum {
    INTC_ADDRESS = 0x48200000,
    HCR_VI = 1 << 7,
    SLOW_HERTZ = 32768, /* of a timer, as CM_CLKSEL selects it after reset, ... */
    SYSTEM_HERTZ = 26000000, /* ... and the other choice: the board's crystal */
    CARD_BUFFER = 16384,
};

static struct vdev_omap3_intc_emulator intc;

static void signal(void *context, uint32_t number, bool level)
{
    uint32_t control = cpu_read_hcr();

    (void)context;
    (void)number;
    cpu_write_hcr(level ? control | HCR_VI : control & ~(uint32_t)HCR_VI);
    counts.virtual_irqs += level;
}

static void begin(void)
{
    static const struct place place = {.address = INTC_ADDRESS, .length = VDEV_OMAP3_INTC_WINDOW};
    static struct vdev_interrupt_line irq = {.set = signal};
    static const struct vdev_omap3_intc_emulator_configuration configuration = {.irq = &irq};

    vdev_omap3_intc_emulator_init(&intc, &configuration);
    vdev_registers_loads(&intc.bank,
                         vm_add_window("intc", &place, vdev_omap3_intc_emulator_access, &intc));
}

static struct vdev_interrupt_line line(const struct place *place, uint32_t number)
{
    (void)place; /* the controller has no number twice, and ignores those that it has not */
    return (struct vdev_interrupt_line){
        .set = vdev_omap3_intc_emulator_set_line,
        .controller = &intc,
        .number = number,
    };
}

const struct machine machine_beagle = {
    .name = "beagle",
    .begin = begin,
    .line = line,
    .kernel_offset = 0x8000,
    .tree = false,
};

static void uart(const struct place *place, unsigned number)
{
    static struct vdev_omap3_uart_emulator emulators[2];
    static struct vdev_interrupt_line interrupts[2];
    struct vdev_omap3_uart_emulator *emulator = &emulators[number];

    interrupts[number] = vm_line(place);
    const struct vdev_omap3_uart_emulator_configuration configuration = {
        .console = board_console(number),
        .interrupt = &interrupts[number],
        .running = number == 0,
    };
    vm_check(vdev_omap3_uart_emulator_init(emulator, &configuration), place);
    vm_add_window(number == 0 ? "omap3-uart" : "omap3-uart-2", place,
                  vdev_omap3_uart_emulator_access, emulator);
}

void beagle_uart(const struct place *place)
{
    uart(place, 0);
}

void beagle_second_uart(const struct place *place)
{
    uart(place, 1);
}

void beagle_card(const struct place *place)
{
    static struct vdev_omap3_hsmmc_emulator hsmmc;
    static struct vdev_interrupt_line interrupt;
    static uint32_t buffer[CARD_BUFFER / 4];

    interrupt = vm_line(place);
    const struct vdev_omap3_hsmmc_emulator_configuration configuration = {
        .block = board_card(),
        .interrupt = &interrupt,
        .buffer = buffer,
        .buffer_length = sizeof buffer,
    };
    vm_check(vdev_omap3_hsmmc_emulator_init(&hsmmc, &configuration), place);
    vm_add_window("omap3-hsmmc", place, vdev_omap3_hsmmc_emulator_access, &hsmmc);
}

/* ---- timer ---- */

static struct vdev_omap3_gptimer_emulator timer;
static bool timer_started;

static void timer_alarm(void)
{
    board_alarm(BOARD_ALARM_GUEST, vdev_omap3_gptimer_emulator_poll(&timer), timer_alarm);
}

static void rearm(void *owner, uint64_t deadline)
{
    (void)owner;
    board_alarm(BOARD_ALARM_GUEST, deadline, timer_alarm);
}

void beagle_timer(const struct place *place)
{
    static struct vdev_interrupt_line interrupt;

    interrupt = vm_line(place);
    const struct vdev_omap3_gptimer_emulator_configuration configuration = {
        .clock = &board_clock,
        .hertz = SLOW_HERTZ,
        .millisecond = true,
        .interrupt = &interrupt,
        .rearm = rearm,
    };
    vm_check(vdev_omap3_gptimer_emulator_init(&timer, &configuration), place);
    vm_add_window("omap3-gptimer", place, vdev_omap3_gptimer_emulator_access, &timer);
    timer_started = true;
}

void beagle_counter(const struct place *place)
{
    static struct vdev_omap3_counter_32k_emulator counter;

    vm_check(vdev_omap3_counter_32k_emulator_init(&counter, &board_clock), place);
    vm_add_window("omap3-counter", place, vdev_omap3_counter_32k_emulator_access, &counter);
}

/* ---- pins, clocks and reset ---- */

void beagle_gpio(const struct place *place)
{
    static struct vdev_omap3_gpio_emulator banks[2];
    static struct vdev_interrupt_line interrupts[2];
    static const char *const names[] = {"omap3-gpio", "omap3-gpio-2"};
    static unsigned used;

    if (used == sizeof banks / sizeof banks[0]) {
        log_stop("vdev: device at %x: no more than two banks of pins", (unsigned)place->address);
    }
    interrupts[used] = vm_line(place);
    const struct vdev_omap3_gpio_emulator_configuration configuration = {
        .interrupt = {&interrupts[used], NULL},
    };
    vdev_omap3_gpio_emulator_init(&banks[used], &configuration);
    vm_add_window(names[used], place, vdev_omap3_gpio_emulator_access, &banks[used]);
    used++;
}

static struct vdev_omap3_prcm_emulator prcm;

static void reset(void *owner, bool cold)
{
    (void)owner;
    guest_ends(cold ? "a cold reset" : "a warm reset");
}

static void timer_clock(void *owner, unsigned number, bool system)
{
    (void)owner;
    if (number == 1 && timer_started) {
        vdev_omap3_gptimer_emulator_set_hertz(&timer, system ? SYSTEM_HERTZ : SLOW_HERTZ);
        timer_alarm();
    }
}

static void start_prcm(const struct place *place)
{
    static const struct vdev_omap3_prcm_emulator_configuration configuration = {
        .reset = reset,
        .timer_clock = timer_clock,
        .running = true,
    };
    static bool started;

    if (!started) {
        vm_check(vdev_omap3_prcm_emulator_init(&prcm, &configuration), place);
        started = true;
    }
}

void beagle_clocks(const struct place *place)
{
    start_prcm(place);
    vm_add_window("omap3-cm", place, vdev_omap3_cm_emulator_access, &prcm);
}

void beagle_power(const struct place *place)
{
    start_prcm(place);
    vm_add_window("omap3-prm", place, vdev_omap3_prm_emulator_access, &prcm);
}
