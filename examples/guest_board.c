/* SPDX-License-Identifier: BSD-2-Clause */
/* The examples' guests: register accesses that trap into the VMM, a clock, memory handed out. */
#include <vdev/status.h>

#include "guest.h"
#include "guest_board.h"

static uint64_t read_register(void *context, uint32_t offset, unsigned width)
{
    const uint64_t *address = context;
    struct vdev_access access = {.width = (uint8_t)width};

    return vmm_access(*address + offset, &access) == VDEV_OK ? access.value : 0;
}

static void write_register(void *context, uint32_t offset, unsigned width, uint64_t value)
{
    const uint64_t *address = context;
    struct vdev_access access = {.width = (uint8_t)width, .write = true, .value = value};

    vmm_access(*address + offset, &access);
}

struct vdev_io guest_device(const uint64_t *address)
{
    static const struct vdev_io_operations operations = {read_register, write_register};

    return (struct vdev_io){.operations = &operations, .context = (void *)(uintptr_t)address};
}

/* Time is only needed to bound waits: here it goes on by a microsecond with each look at it. */
static uint64_t now(void *context)
{
    uint64_t *nanoseconds = context;

    return *nanoseconds += 1000;
}

static uint64_t guest_nanoseconds;
const struct vdev_clock guest_clock = {now, &guest_nanoseconds};

struct vdev_buffer guest_allocate(uint8_t *ram, size_t length)
{
    static size_t used;
    struct vdev_buffer buffer = {ram + used, length, GUEST_RAM + used};

    used += (length + 15) & ~(size_t)15;
    return buffer;
}

struct vdev_driver_queue_memory guest_allocate_queue(uint8_t *ram, struct vdev_driver_slot *slots)
{
    return (struct vdev_driver_queue_memory){
        .descriptors = guest_allocate(ram, vdev_virtqueue_descriptor_bytes(GUEST_QUEUE)),
        .driver = guest_allocate(ram, vdev_virtqueue_driver_bytes(GUEST_QUEUE)),
        .device = guest_allocate(ram, vdev_virtqueue_device_bytes(GUEST_QUEUE)),
        .slots = slots,
    };
}
