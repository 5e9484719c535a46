/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver VM: real drivers, and the back-ends of its clients, outside of the hypervisor. Each turn
 * of the loop is a bounded step of everything that is due; with nothing due the processor rests.
 * Interrupts are never taken, but asked for. A device's stays active, so that it cannot come again,
 * while the device is polled anyway.
 */
#include <vdev/io.h>
#include <vdev/status.h>
#include <vdev/virtio_message.h>

#include "cpu.h"
#include "interface.h"
#include "shared.h"

enum {
    LINKS = HYP_BOOT_LINKS, /* bits of `due`, and after them those of the kinds of devices */
    KINDS = HYP_DEVICE_NETWORK + 1,
    STEPS = 8, /* of a device, in one turn of the loop */
    TIMER = 27,
    SPURIOUS = 1020, /* interrupts, and above */
    GICD_CTLR = 0x000,
    GICD_ISENABLER = 0x100,
    GICD_ICFGR = 0xc00,
    GICC_CTLR = 0x1000,
    GICC_PMR = 0x1004,
    GICC_IAR = 0x100c,
    GICC_EOIR = 0x1010, /* here: drops the priority, ... */
    GICC_DIR = 0x2000,  /* ... and this ends it */
};
#define BIT(number)     (UINT32_C(1) << (number))
#define DEVICE(kind)    BIT(LINKS + (kind))
#define PSCI_SYSTEM_OFF 0x84000008u

_Static_assert(LINKS <= SHARED_CLIENTS, "there is memory for every client");

static const struct shared_service *const services[KINDS] = {
    [HYP_DEVICE_CONSOLE] = &shared_console,
    [HYP_DEVICE_DISK] = &shared_disk,
    [HYP_DEVICE_NETWORK] = &shared_network,
};
static struct client {
    struct vdev_message_link link;
    struct vdev_virtio_message_device_bus bus;
    struct vdev_virtio_message_device device;
    struct vdev_memory_region region;
    struct vdev_memory memory;
    uint32_t kind;
} clients[LINKS];
static const struct vdev_io gic = {.base = 0x2c001000};
static uint32_t due, due_by[SPURIOUS];                      /* an interrupt */
static uint32_t first[KINDS], active[KINDS], served[KINDS]; /* interrupts, and links, of a kind */
static uint64_t deadline;                                   /* of the disk, or 0 */

static uint64_t now(void *context)
{
    (void)context;
    return cpu_ticks() * 16;
}
static const struct vdev_clock clock = {.now = now};

static _Noreturn void stop(const char *why, uint32_t number)
{
    for (cpu_call(HYP_CALL_REPORT, (uint32_t)(uintptr_t)why, number);;) {
        cpu_call(PSCI_SYSTEM_OFF, 0, 0);
    }
}

_Noreturn void driver_fault(uint32_t address);
_Noreturn void driver_fault(uint32_t address)
{
    stop("an exception before", address);
}

static void check(int status, const char *what)
{
    if (status != VDEV_OK) {
        stop(what, (uint32_t)-status);
    }
}

/* A client's request is followed by a poll in any case. */
static void nothing(void *context)
{
    (void)context;
}

static void attach(uint32_t interrupt, uint32_t bit)
{
    if (interrupt >= SPURIOUS || due_by[interrupt] != 0) {
        stop("no such interrupt, or of two", interrupt);
    }
    due_by[interrupt] = bit;
    due |= bit;
    vdev_io_write32(&gic, GICD_ISENABLER + interrupt / 32 * 4, BIT(interrupt % 32));
}

static void start_device(const struct hyp_boot *boot, uint32_t number)
{
    const struct hyp_boot_device *device = &boot->devices[number];
    uint32_t clients_of = 0;

    if (device->kind >= KINDS || services[device->kind] == NULL || first[device->kind] != 0) {
        stop("no such kind of device, or two of it", device->kind);
    }
    for (uint32_t i = 0; i < boot->link_count; i++) {
        clients_of += boot->links[i].kind == device->kind;
    }
    first[device->kind] = device->interrupt;
    const struct shared_start start = {device->address, clients_of, &clock, STEPS, nothing};
    check(services[device->kind]->start(&start), "device");
    for (uint32_t i = 0; i < services[device->kind]->interrupts; i++) {
        attach(device->interrupt + i, DEVICE(device->kind));
    }
}

static void ring(void *context)
{
    cpu_call(HYP_CALL_DOORBELL, (uint32_t)((struct client *)context - clients), 0);
}

static void start_link(const struct hyp_boot_link *link, uint32_t number)
{
    struct client *client = &clients[number];
    const struct vdev_message_link_configuration fifos = {
        (void *)(uintptr_t)link->out, (void *)(uintptr_t)link->in, link->capacity, ring, client};
    const struct shared_client shared = {link->name, &client->memory, link->first_sector,
                                         link->sectors, link->merges != 0};
    struct vdev_virtio_device *device;

    if (link->kind >= KINDS || first[link->kind] == 0) {
        stop("no device for a link of kind", link->kind);
    }
    client->kind = link->kind;
    client->region =
        (struct vdev_memory_region){link->guest_address, link->length,
                                    (void *)(uintptr_t)link->window, VDEV_NO_BUS_ADDRESS, true};
    check(vdev_memory_init(&client->memory, &client->region, 1), "window");
    check(services[link->kind]->join(number, &shared, &device), "back-end");
    check(vdev_message_link_init(&client->link, &fifos), "link");
    vdev_virtio_message_device_bus_init(&client->bus, &client->link);
    check(vdev_virtio_message_device_add(&client->bus, &client->device, device, 0), "bus");
    served[link->kind] |= BIT(number);
    uint32_t edges = GICD_ICFGR + link->interrupt / 16 * 4;
    uint32_t others = vdev_io_read32(&gic, edges);
    vdev_io_write32(&gic, edges, others | UINT32_C(2) << link->interrupt % 16 * 2);
    attach(link->interrupt, BIT(number));
}

static inline void ask_interrupts(void)
{
    uint32_t interrupt;

    while ((interrupt = vdev_io_read32(&gic, GICC_IAR) & 0x3ff) < SPURIOUS) {
        uint32_t bit = due_by[interrupt];
        vdev_io_write32(&gic, GICC_EOIR, interrupt);
        due |= bit;
        if (bit >= DEVICE(0) && interrupt != TIMER) {
            uint32_t kind = (uint32_t)__builtin_ctz(bit) - LINKS;
            active[kind] |= BIT(interrupt - first[kind]);
            continue;
        }
        if (interrupt == TIMER) {
            cpu_timer(0);
        }
        vdev_io_write32(&gic, GICC_DIR, interrupt);
    }
}

static inline void serve_link(uint32_t number)
{
    struct client *client = &clients[number];
    uint32_t taken = client->link.taken;
    bool more = vdev_virtio_message_device_bus_poll(&client->bus);

    due |= more ? BIT(number) : 0;
    due |= more || client->link.taken != taken ? DEVICE(client->kind) : 0; /* may have work now */
}

static inline void serve_device(uint32_t kind)
{
    enum shared_progress progress = services[kind]->poll(&deadline);

    due |= progress == SHARED_MORE ? DEVICE(kind)
                                   : served[kind]; /* one may have left off at its bound */
    for (; progress == SHARED_WAITS && active[kind] != 0; active[kind] &= active[kind] - 1) {
        vdev_io_write32(&gic, GICC_DIR, first[kind] + (uint32_t)__builtin_ctz(active[kind]));
    }
}

_Noreturn void driver_main(const struct hyp_boot *boot);
_Noreturn void driver_main(const struct hyp_boot *boot)
{
    if (boot->magic != HYP_BOOT_MAGIC || boot->device_count > HYP_BOOT_DEVICES ||
        boot->link_count > LINKS) {
        stop("not started as hyp/interface.h has it", boot->magic);
    }
    vdev_io_write32(&gic, GICD_CTLR, 1);
    vdev_io_write32(&gic, GICC_PMR, 0xff);
    vdev_io_write32(&gic, GICC_CTLR, 1 << 9 | 1); /* EOImode */
    attach(TIMER, DEVICE(HYP_DEVICE_DISK));
    due = 0;
    for (uint32_t i = 0; i < boot->device_count; i++) {
        start_device(boot, i);
    }
    for (uint32_t i = 0; i < boot->link_count; i++) {
        start_link(&boot->links[i], i);
    }
    for (;;) {
        ask_interrupts();
        if (due == 0) {
            cpu_timer(deadline / 16);
            cpu_rest();
        }
        uint32_t turn = due;
        for (due = 0; turn != 0; turn &= turn - 1) {
            uint32_t bit = (uint32_t)__builtin_ctz(turn);
            bit < LINKS ? serve_link(bit) : serve_device(bit - LINKS);
        }
    }
}
