/* SPDX-License-Identifier: BSD-2-Clause */
/* What all machines of the tests stand on: the hypervisor's calls, the clock, and waiting. */
#include <stddef.h>

#include <vdev/io.h>
#include <vdev/status.h>

#include "machines.h"

enum {
    TIMER = 27,
    SPURIOUS = 1020,
    GICD_CTLR = 0x000,
    GICD_ISENABLER = 0x100,
    GICD_ICFGR = 0xc00,
    GICC_CTLR = 0x1000,
    GICC_PMR = 0x1004,
    GICC_IAR = 0x100c,
    GICC_EOIR = 0x1010,
    NANOSECONDS_PER_TICK = 16,
};
#define MARK            0x1c130614u
#define PSCI_SYSTEM_OFF 0x84000008u

static const struct vdev_io gic = {.base = 0x2c001000};

static uint64_t now(void *context)
{
    (void)context;
    return cpu_ticks() * NANOSECONDS_PER_TICK;
}
const struct vdev_clock machine_clock = {.now = now};

void say(const char *text, uint32_t number)
{
    cpu_call(HYP_CALL_REPORT, (uint32_t)(uintptr_t)text, number);
}

void mark(uint32_t number)
{
    *(volatile uint32_t *)MARK = number;
}

_Noreturn void power_off(void)
{
    for (;;) {
        cpu_call(PSCI_SYSTEM_OFF, 0, 0);
    }
}

/* ---- interrupts ---- */

void listen(uint32_t interrupt)
{
    uint32_t kinds = vdev_io_read32(&gic, GICD_ICFGR + interrupt / 16 * 4);

    vdev_io_write32(&gic, GICD_ICFGR + interrupt / 16 * 4, kinds | 2u << interrupt % 16 * 2);
    vdev_io_write32(&gic, GICD_ISENABLER + interrupt / 32 * 4, 1u << interrupt % 32);
}

void rest(uint64_t nanoseconds)
{
    uint32_t interrupt;

    cpu_timer(cpu_ticks() + nanoseconds / NANOSECONDS_PER_TICK + 1);
    cpu_rest();
    cpu_timer(0);
    while ((interrupt = vdev_io_read32(&gic, GICC_IAR) & 0x3ff) < SPURIOUS) {
        vdev_io_write32(&gic, GICC_EOIR, interrupt);
    }
}

static void idle(void *context)
{
    (void)context;
    rest(10000000);
}

/* ---- links ---- */

const struct hyp_boot_link *find_link(const struct hyp_boot *boot, uint32_t kind, bool serves)
{
    for (uint32_t i = 0; i < boot->link_count && i < HYP_BOOT_LINKS; i++) {
        if (boot->links[i].kind == kind && boot->links[i].serves == serves) {
            return &boot->links[i];
        }
    }
    return NULL;
}

uint32_t link_number(const struct hyp_boot *boot, const struct hyp_boot_link *link)
{
    return (uint32_t)(link - boot->links);
}

static void ring(void *context)
{
    cpu_call(HYP_CALL_DOORBELL, (uint32_t)(uintptr_t)context, 0);
}

int link_open(struct vdev_message_link *link, const struct hyp_boot *boot,
              const struct hyp_boot_link *told)
{
    const struct vdev_message_link_configuration configuration = {
        .out = (void *)(uintptr_t)told->out,
        .in = (void *)(uintptr_t)told->in,
        .capacity = told->capacity,
        .ring = ring,
        .context = (void *)(uintptr_t)link_number(boot, told),
    };

    return vdev_message_link_init(link, &configuration);
}

int port_open(struct port *port, const struct hyp_boot *boot, const struct hyp_boot_link *link,
              uint64_t patience)
{
    const struct vdev_virtio_message_wait wait = {
        .clock = &machine_clock, .nanoseconds = patience, .idle = idle};
    int status = link_open(&port->link, boot, link);

    if (status != VDEV_OK) {
        return status;
    }
    vdev_virtio_message_driver_bus_init(&port->bus, &port->link, &wait);
    return vdev_virtio_message_driver_init(&port->device, &port->bus, 0);
}

/* ---- content ---- */

void card_fill(uint32_t *words, uint32_t sector, uint32_t sectors, uint32_t seed)
{
    for (uint32_t i = 0; i < sectors * 128; i++) {
        words[i] = card_word(sector + i / 128, i % 128, seed);
    }
}

bool card_holds(const uint32_t *words, uint32_t sector, uint32_t sectors, uint32_t seed)
{
    for (uint32_t i = 0; i < sectors * 128; i++) {
        if (words[i] != card_word(sector + i / 128, i % 128, seed)) {
            return false;
        }
    }
    return true;
}

/* ---- who this is ---- */

void counter_main(uint32_t milliseconds)
{
    uint64_t end = now(NULL) + milliseconds * UINT64_C(1000000);
    uint32_t count = 0;

    while (now(NULL) < end) {
        count++;
    }
    say("counted", count);
}

_Noreturn void driver_fault(uint32_t address);
_Noreturn void driver_fault(uint32_t address)
{
    say("an exception before", address);
    power_off();
}

_Noreturn void driver_main(const struct hyp_boot *boot);
_Noreturn void driver_main(const struct hyp_boot *boot)
{
    static void (*const kinds[])(const struct hyp_boot *boot, uint32_t variant) = {
        [KIND_CLIENT] = client_main,
        [KIND_HOSTILE_DRIVER] = hostile_driver_main,
        [KIND_HOSTILE_CLIENT] = hostile_client_main,
    };
    uint32_t kind = machine_role >> 16, variant = machine_role & 0xffff;

    vdev_io_write32(&gic, GICD_CTLR, 1);
    vdev_io_write32(&gic, GICC_PMR, 0xff);
    vdev_io_write32(&gic, GICC_CTLR, 1);
    vdev_io_write32(&gic, GICD_ISENABLER, 1u << TIMER);
    for (uint32_t i = 0; i < boot->link_count && i < HYP_BOOT_LINKS; i++) {
        listen(boot->links[i].interrupt);
    }
    if (kind == KIND_COUNTER) {
        counter_main(variant);
    } else {
        kinds[kind](boot, variant);
    }
    power_off();
}
