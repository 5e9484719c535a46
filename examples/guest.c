/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The example's guest: the library's own driver of virtio consoles, on memory that it lays out in
 * the guest's RAM, with register accesses that trap into the VMM. Any guest with such a driver
 * would do.
 */
#include <stdio.h>
#include <string.h>

#include <vdev/frontends/console.h>
#include <vdev/status.h>
#include <vdev/virtio_mmio.h>

#include "guest.h"

#define BUFFERS     2u
#define BUFFER_SIZE 64u

static const char greeting[] = "Hello from the guest.\n";
static struct vdev_virtio_mmio_driver transport;
static struct vdev_driver_slot receive_slots[GUEST_QUEUE], transmit_slots[GUEST_QUEUE];
static struct vdev_console_frontend frontend;
static char answer[64];
static size_t answered;

static uint64_t read_register(void *context, uint32_t offset, unsigned width)
{
    struct vdev_access access = {.width = (uint8_t)width};

    (void)context;
    return vmm_access(GUEST_CONSOLE + offset, &access) == VDEV_OK ? access.value : 0;
}

static void write_register(void *context, uint32_t offset, unsigned width, uint64_t value)
{
    struct vdev_access access = {.width = (uint8_t)width, .write = true, .value = value};

    (void)context;
    vmm_access(GUEST_CONSOLE + offset, &access);
}

/* Time is only needed to bound waits: here it goes on by a microsecond with each look at it. */
static uint64_t now(void *context)
{
    uint64_t *nanoseconds = context;

    return *nanoseconds += 1000;
}

/* The next bytes of the guest's RAM, as the guest and as the device see them. */
static struct vdev_buffer allocate(uint8_t *ram, size_t length)
{
    static size_t used;
    struct vdev_buffer buffer = {ram + used, length, GUEST_RAM + used};

    used += (length + 15) & ~(size_t)15;
    return buffer;
}

static struct vdev_driver_queue_memory allocate_queue(uint8_t *ram, struct vdev_driver_slot *slots)
{
    return (struct vdev_driver_queue_memory){
        .descriptors = allocate(ram, vdev_virtqueue_descriptor_bytes(GUEST_QUEUE)),
        .driver = allocate(ram, vdev_virtqueue_driver_bytes(GUEST_QUEUE)),
        .device = allocate(ram, vdev_virtqueue_device_bytes(GUEST_QUEUE)),
        .slots = slots,
    };
}

bool guest_start(uint8_t *ram)
{
    static const struct vdev_io_operations operations = {read_register, write_register};
    static const struct vdev_io io = {.operations = &operations};
    static uint64_t nanoseconds;
    static const struct vdev_clock guest_clock = {now, &nanoseconds};

    if (vdev_virtio_mmio_driver_init(&transport, &io) != VDEV_OK) {
        return false;
    }
    const struct vdev_console_frontend_configuration configuration = {
        .transport = &transport.driver,
        .clock = &guest_clock,
        .receive_queue = allocate_queue(ram, receive_slots),
        .transmit_queue = allocate_queue(ram, transmit_slots),
        .queue_size = GUEST_QUEUE,
        .receive_memory = allocate(ram, (size_t)BUFFERS * BUFFER_SIZE),
        .transmit_memory = allocate(ram, (size_t)BUFFERS * BUFFER_SIZE),
        .receive_count = BUFFERS,
        .transmit_count = BUFFERS,
        .buffer_size = BUFFER_SIZE,
    };
    size_t length = strlen(greeting);
    return vdev_console_frontend_init(&frontend, &configuration) == VDEV_OK &&
           vdev_console_write(&frontend.console, (const uint8_t *)greeting, length) == length;
}

bool guest_run(bool interrupt)
{
    if (interrupt) {
        vdev_console_poll(&frontend.console);
        size_t count = vdev_console_read(&frontend.console, (uint8_t *)answer + answered,
                                         sizeof answer - 1 - answered);
        if (count != 0) {
            answered += count;
            printf("The guest was told: %s", answer);
        }
    }
    return strcmp(answer, "Hello, guest.\n") == 0;
}
