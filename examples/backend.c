/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A console for a guest, as a virtual machine monitor (VMM) puts it together: the guest's memory, a
 * device of the console class, the virtio console's back-end over it, virtio-mmio, a bus. The guest
 * is guest.c, in the same process; a real VMM calls vmm_access for each access that traps.
 */
#include <stdio.h>
#include <string.h>

#include <vdev/backends/console.h>
#include <vdev/status.h>
#include <vdev/virtio_mmio.h>

#include "guest.h"

#define QUEUE_NOTIFY 0x50u /* a register of virtio-mmio */

/* ---- the device below: what the guest writes is printed, what it reads stands here ---- */

static const char *input = "Hello, guest.\n";

static size_t terminal_write(struct vdev_console *console, const uint8_t *bytes, size_t length)
{
    (void)console;
    return fwrite(bytes, 1, length, stdout);
}

static size_t terminal_read(struct vdev_console *console, uint8_t *bytes, size_t length)
{
    size_t count = strlen(input) < length ? strlen(input) : length;

    (void)console;
    memcpy(bytes, input, count);
    input += count;
    return count;
}

static bool terminal_poll(struct vdev_console *console)
{
    if (*input != '\0' && console->client.readable != NULL) {
        console->client.readable(console->client.owner);
    }
    return false;
}

static const struct vdev_console_operations terminal = {terminal_write, terminal_read,
                                                        terminal_poll};

/* ---- the virtual machine: every object is the VMM's, the library allocates nothing ---- */

static uint8_t ram[GUEST_RAM_SIZE] __attribute__((aligned(4096)));
static const struct vdev_memory_region region = {GUEST_RAM, sizeof ram, ram, VDEV_NO_BUS_ADDRESS,
                                                 true};
static struct vdev_memory memory;
static struct vdev_console console = {.operations = &terminal};
static struct vdev_buffer buffers[8]; /* of the longest chain */
static struct vdev_console_backend backend;
static struct vdev_virtio_mmio mmio;
static struct vdev_register_count counts[VDEV_VIRTIO_MMIO_WINDOW / 4];
static struct vdev_bus_window window = {
    .address = GUEST_CONSOLE,
    .length = VDEV_VIRTIO_MMIO_WINDOW,
    .access = vdev_virtio_mmio_access,
    .device = &mmio,
    .name = "console",
    .counts = counts,
};
static struct vdev_bus bus;
static bool interrupt;

/* A real VMM tells the guest's interrupt controller. */
static void set_line(void *controller, uint32_t number, bool level)
{
    (void)controller;
    (void)number;
    interrupt = level;
}

/* The guest touched an address that is not memory. An error is to be answered with an abort. */
int vmm_access(uint64_t address, struct vdev_access *access)
{
    return vdev_bus_dispatch(&bus, address, access);
}

int main(void)
{
    const struct vdev_console_backend_configuration configuration = {
        .memory = &memory,
        .console = &console,
        .buffers = buffers,
        .buffer_count = 8,
        .queue_size = GUEST_QUEUE,
    };
    const struct vdev_interrupt_line line = {.set = set_line, .number = 40};

    if (vdev_memory_init(&memory, &region, 1) != VDEV_OK ||
        vdev_console_backend_init(&backend, &configuration) != VDEV_OK ||
        vdev_virtio_mmio_init(&mmio, &backend.device, line) != VDEV_OK ||
        vdev_bus_init(&bus, &window, 1) != VDEV_OK || !guest_start(ram)) {
        return 1;
    }
    for (unsigned i = 0; i < 100 && !guest_run(interrupt); i++) {
        vdev_console_poll(&console);
    }
    printf("%u notifications trapped.\n", (unsigned)counts[QUEUE_NOTIFY / 4].writes);
    return guest_run(false) && bus.unclaimed == 0 ? 0 : 1;
}
