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
#include "guest_board.h"

#define BUFFERS     2u
#define BUFFER_SIZE 64u

static const char greeting[] = "Hello from the guest.\n";
static struct vdev_virtio_mmio_driver transport;
static struct vdev_driver_slot receive_slots[GUEST_QUEUE], transmit_slots[GUEST_QUEUE];
static struct vdev_console_frontend frontend;
static char answer[64];
static size_t answered;

bool guest_start(uint8_t *ram)
{
    static const uint64_t address = GUEST_CONSOLE;
    static struct vdev_io io;

    io = guest_device(&address);
    if (vdev_virtio_mmio_driver_init(&transport, &io) != VDEV_OK) {
        return false;
    }
    const struct vdev_console_frontend_configuration configuration = {
        .transport = &transport.driver,
        .clock = &guest_clock,
        .receive_queue = guest_allocate_queue(ram, receive_slots),
        .transmit_queue = guest_allocate_queue(ram, transmit_slots),
        .queue_size = GUEST_QUEUE,
        .receive_memory = guest_allocate(ram, (size_t)BUFFERS * BUFFER_SIZE),
        .transmit_memory = guest_allocate(ram, (size_t)BUFFERS * BUFFER_SIZE),
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
