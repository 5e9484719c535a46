/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices whose back-end is in a driver VM, and the messages to it, in a page that it shares with
 * the hypervisor. Para: a client's virtio-mmio registers become messages; the client's memory is
 * mapped into the driver VM, which serves the rings there: no data and no ring pass through here.
 * Pure: the hypervisor is the client, with a front-end below its emulator.
 */
#include <vdev/status.h>
#include <vdev/virtio_message_bridge.h>

#include "front.h"
#include "machine.h"

enum {
    LINKS = HYP_BOOT_LINKS,
    PAGE = 4096,
    CAPACITY = 16,        /* messages */
    DOORBELL = 32 + 48,   /* of the driver VM's link 0; one more for each */
    PAGES = 0x40000000,   /* where a driver VM finds the FIFOs, ... */
    FRONTS = 0x41000000,  /* ... the memory of the hypervisor's front-ends ... */
    WINDOWS = 0x50000000, /* ... and its clients' memory, */
    WINDOW = 0x10000000,  /* at most so much of each; */
    WINDOWS_MAXIMUM = 3,  /* its own begins at 0x80000000 */
};
#define PATIENCE UINT64_C(1000000000) /* ns for an answer */

struct link {
    struct vm *client, *driver;
    struct place place;
    const char *driver_name;
    uint32_t kind;
    uint32_t first_sector, sectors; /* a disk's partition */
    bool merges;
    bool native;            /* the client speaks messages itself */
    bool due;               /* is to be looked at */
    uint32_t number;        /* as the driver VM calls it, ... */
    uint32_t client_number; /* ... and such a client */
    struct vdev_interrupt_line line;
    struct vdev_message_link messages;
    struct vdev_virtio_message_driver_bus bus;
    void (*build)(const struct place *place); /* pure; else NULL */
    union {
        struct vdev_virtio_message_bridge bridge;
        struct {
            struct vdev_virtio_message_driver driver_end;
            struct front front;
        };
    };
};

static struct link links[LINKS];
static uint32_t link_count;
static bool starting; /* a front-end is: it waits for its driver VM */
static struct vdev_buffer mourning[VDEV_MESSAGE_BRIDGE_MOURNED];
static uint8_t pages[LINKS][PAGE] __attribute__((aligned(PAGE)));

bool link_build(const struct place *place, uint32_t kind, void (*build)(const struct place *place))
{
    static const char *const names[] = {
        [HYP_DEVICE_CONSOLE] = "virtio-console",
        [HYP_DEVICE_DISK] = "virtio-block",
        [HYP_DEVICE_NETWORK] = "virtio-net",
    };
    const char *driver = vm_string(place, "driver-vm");

    if (driver == NULL || link_front(place) != NULL) {
        return false;
    }
    if (link_count == LINKS) {
        vm_refuse(place, "one device of a driver VM too many");
    }
    struct link *link = &links[link_count++];
    link->client = vm_current;
    link->place = *place;
    link->driver_name = driver;
    link->kind = kind;
    link->build = build;
    link->native = !vm_has(place, "reg");
    link->merges = vm_has(place, "merge-receive-buffers");
    vm_numbers(place, "partition", &link->first_sector, &link->sectors);
    if (build != NULL || link->native) {
        return true;
    }
    link->line = vm_line(place);
    vm_add_window(names[kind], place, vdev_virtio_message_bridge_access, &link->bridge);
    return true;
}

/* ---- doorbells ---- */

static void ring_machine(struct vm *vm, uint32_t number)
{
    vdev_gic_distributor_set_line(&vm->distributor, DOORBELL + number, true);
    vdev_gic_distributor_set_line(&vm->distributor, DOORBELL + number, false);
}

static void ring(void *context)
{
    struct link *link = context;

    ring_machine(link->driver, link->number);
}

/* In an entry of its own: entries are short, however much there is to look at. */
static void look_later(struct link *link)
{
    link->due = true;
    gic_send_self(BOARD_INTERRUPT_SELF_LINK);
}

static void late(void)
{
    for (uint32_t i = 0; i < link_count; i++) {
        look_later(&links[i]);
    }
}

static void check_deadlines(void)
{
    uint64_t first = UINT64_MAX;

    for (uint32_t i = 0; i < link_count; i++) {
        uint64_t deadline;
        if (links[i].build == NULL && !links[i].native &&
            vdev_virtio_message_bridge_deadline(&links[i].bridge, &deadline) && deadline < first) {
            first = deadline;
        }
    }
    board_alarm(BOARD_ALARM_LINK, first, late);
}

static void look(struct link *link)
{
    if (link->native) {
        return;
    }
    while (vdev_virtio_message_driver_bus_poll(&link->bus)) {
        /* ends: the other side does not run, and has left no more than a FIFO holds */
    }
    if (link->build != NULL) {
        schedule_rang();
        if (link->front.kind != 0 && front_poll(&link->front)) {
            look_later(link);
        }
        return;
    }
    if (vdev_virtio_message_bridge_poll(&link->bridge)) {
        schedule_unblock(link->client);
    }
    /* Of a driver VM that was stopped: what the client waits for fails. */
    if (vdev_virtio_message_bridge_mourn(&link->bridge, &link->client->memory, mourning,
                                         VDEV_MESSAGE_BRIDGE_MOURNED)) {
        look_later(link);
    }
    check_deadlines();
}

/* One of those that are to be looked at, each in turn. */
static void look_at_one(void)
{
    static uint32_t turn;
    struct link *next = NULL;
    uint32_t due = 0;

    for (uint32_t i = link_count; i != 0; i--) {
        struct link *link = &links[(turn + i) % link_count];
        next = link->due ? link : next;
        due += link->due;
    }
    if (due > 1) {
        gic_send_self(BOARD_INTERRUPT_SELF_LINK);
    }
    if (next != NULL) {
        turn = (uint32_t)(next - links);
        next->due = false;
        look(next);
    }
}

bool link_doorbell(struct vm *vm, uint32_t number)
{
    for (uint32_t i = 0; i < link_count; i++) {
        struct link *link = &links[i];
        if (link->driver == vm && link->number == number) {
            if (link->native) {
                ring_machine(link->client, link->client_number);
            }
            look(link);
            return true;
        }
        if (link->native && link->client == vm && link->client_number == number) {
            ring(link);
            return true;
        }
    }
    return false;
}

void link_fail(struct vm *driver)
{
    for (uint32_t i = 0; i < link_count; i++) {
        struct link *link = &links[i];
        if (link->driver == driver && link->native) {
            vdev_message_fifo_close(pages[i] + vdev_message_fifo_bytes(CAPACITY), CAPACITY);
            ring_machine(link->client, link->client_number);
        } else if (link->driver == driver) {
            vdev_message_link_close(&link->messages);
            look_later(link);
        }
    }
}

/* ---- building ---- */

static uint64_t now(void *context)
{
    (void)context;
    if (starting) {
        schedule_nested();
    }
    return vdev_clock_now(&board_clock);
}

const struct vdev_clock link_clock = {.now = now};

struct front *link_front(const struct place *place)
{
    for (uint32_t i = 0; i < link_count; i++) {
        if (links[i].place.node == place->node && links[i].build != NULL &&
            links[i].front.kind != 0) {
            return &links[i].front;
        }
    }
    return NULL;
}

/* Where the driver VM sees a client's memory: each client once, whatever the devices. */
static uint32_t window_of(struct link *link)
{
    uint32_t before = 0;

    if (link->build != NULL) {
        link->front.memory = BOARD_SHARED + (uint32_t)(link - links) * FRONT_MEMORY;
        stage2_share(link->driver, link->front.memory - BOARD_SHARED + FRONTS, link->front.memory,
                     FRONT_MEMORY);
        return link->front.memory - BOARD_SHARED + FRONTS;
    }
    for (struct link *other = links; other != link; other++) {
        if (other->driver == link->driver && other->build == NULL) {
            uint32_t window = link->driver->boot.links[other->number].window;
            if (other->client == link->client) {
                return window;
            }
            before = (window - WINDOWS) / WINDOW + 1;
        }
    }
    if (before == WINDOWS_MAXIMUM || link->client->shared_size > WINDOW) {
        vm_refuse(&link->place, "more memory of clients than a driver VM can see");
    }
    uint32_t window = WINDOWS + before * WINDOW;
    stage2_share(link->driver, window, link->client->ram_physical + link->client->shared_offset,
                 link->client->shared_size);
    log_print("vdev: %s sees %u KiB of %s, from %x on\n", link->driver->name,
              (unsigned)(link->client->shared_size / 1024), link->client->name,
              (unsigned)(link->client->ram_address + link->client->shared_offset));
    return window;
}

/* The client's side of a link that it speaks itself. */
static void connect_native(struct link *link, uint8_t *page)
{
    struct hyp_boot *boot = &link->client->boot;

    if (!link->client->bare || boot->link_count == HYP_BOOT_LINKS) {
        vm_refuse(&link->place,
                  "only bare machines have devices without registers, and not so many");
    }
    link->client_number = boot->link_count++;
    uint32_t address = PAGES + link->client_number * PAGE;
    stage2_share(link->client, address, (uint32_t)page, PAGE);
    struct hyp_boot_link *mine = &boot->links[link->client_number];
    *mine = link->driver->boot.links[link->number];
    mine->serves = 0;
    mine->out = address;
    mine->in = address + (uint32_t)vdev_message_fifo_bytes(CAPACITY);
    mine->interrupt = DOORBELL + link->client_number;
}

static void connect(struct link *link, uint8_t *page)
{
    const uint32_t fifo = (uint32_t)vdev_message_fifo_bytes(CAPACITY);
    const struct vdev_virtio_message_wait wait = {.clock = &link_clock, .nanoseconds = PATIENCE};
    const struct vdev_message_link_configuration configuration = {
        .out = page,
        .in = page + fifo,
        .capacity = CAPACITY,
        .ring = ring,
        .context = link,
    };

    link->driver = vm_find(link->driver_name);
    if (link->driver == NULL || !link->driver->bare || link->driver == link->client) {
        vm_refuse(&link->place, "driver-vm names no other machine that is a driver VM");
    }
    struct hyp_boot *boot = &link->driver->boot;
    if (boot->link_count == HYP_BOOT_LINKS) {
        vm_refuse(&link->place, "one device of a driver VM too many");
    }
    link->driver->driver = true;
    link->number = boot->link_count;
    uint32_t address = PAGES + link->number * PAGE;
    boot->links[link->number] = (struct hyp_boot_link){
        .kind = link->kind,
        .out = address + fifo,
        .in = address,
        .capacity = CAPACITY,
        .interrupt = DOORBELL + link->number,
        .guest_address = link->client->ram_address + link->client->shared_offset,
        .window = window_of(link),
        .length = link->client->shared_size,
        .serves = 1,
        .first_sector = link->first_sector,
        .sectors = link->sectors,
        .merges = link->merges,
    };
    for (unsigned i = 0; i < sizeof boot->links[0].name - 1 && link->client->name[i] != 0; i++) {
        boot->links[link->number].name[i] = link->client->name[i];
    }
    if (link->build != NULL) {
        boot->links[link->number].guest_address = link->front.memory;
        boot->links[link->number].length = FRONT_MEMORY;
    }
    boot->link_count++;
    stage2_share(link->driver, address, (uint32_t)page, PAGE);
    if (link->native) {
        connect_native(link, page);
        return;
    }
    vm_check(vdev_message_link_init(&link->messages, &configuration), &link->place);
    vdev_virtio_message_driver_bus_init(&link->bus, &link->messages, &wait);
    if (link->build == NULL) {
        vm_check(vdev_virtio_message_bridge_init(&link->bridge, &link->bus, 0, link->line),
                 &link->place);
    }
}

/* The front-ends need their driver VMs to answer: no other machine runs yet. */
static void start(struct link *link)
{
    starting = true;
    int status = vdev_virtio_message_driver_init(&link->driver_end, &link->bus, 0);
    if (status == VDEV_OK) {
        status = front_start(&link->front, link->kind, &link->driver_end.driver);
    }
    starting = false;
    vm_check(status, &link->place);
    struct vm *before = vm_current;
    vm_current = link->client;
    link->build(&link->place);
    vdev_bus_init(&vm_current->bus, vm_current->windows, vm_current->window_count);
    vm_current = before;
}

void link_start(void)
{
    for (uint32_t i = 0; i < link_count; i++) {
        if (links[i].build != NULL) {
            start(&links[i]);
        }
    }
    gic_attach(BOARD_INTERRUPT_SELF_LINK, look_at_one);
    if (link_count != 0) {
        check_deadlines();
    }
}

/* Does one machine need another, itself or by those that it needs? */
static bool needs(const struct vm *vm, const struct vm *other, unsigned steps)
{
    for (uint32_t i = 0; steps != 0 && i < link_count; i++) {
        if (links[i].client == vm &&
            (links[i].driver == other || needs(links[i].driver, other, steps - 1))) {
            return true;
        }
    }
    return false;
}

void link_connect(void)
{
    for (uint32_t i = 0; i < link_count; i++) {
        connect(&links[i], pages[i]);
    }
    for (uint32_t i = 0; i < link_count; i++) {
        if (needs(links[i].driver, links[i].client, vm_count)) {
            vm_refuse(&links[i].place, "its driver VM needs this machine in turn");
        }
    }
    for (unsigned i = 0; i < vm_count; i++) {
        if (vms[i].bare) {
            vms[i].boot.magic = HYP_BOOT_MAGIC;
            memcpy((void *)(vms[i].ram_physical + vms[i].tree - vms[i].ram_address), &vms[i].boot,
                   sizeof vms[i].boot);
        }
    }
}
