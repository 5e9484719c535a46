/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine for tests: guest memory, a bus with one virtio-mmio device on it, its interrupt line,
 * and register access as a driver in that machine has it. And a driver that only tests would write:
 * it puts into the ring whatever it is told to.
 */
#ifndef SUPPORT_VIRTIO_MACHINE_H
#define SUPPORT_VIRTIO_MACHINE_H

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include <vdev/bus.h>
#include <vdev/status.h>
#include <vdev/testing/clock.h>
#include <vdev/virtio_mmio.h>

#define MACHINE_DEVICE    0x1c130000u
#define MACHINE_MEMORY    0x80000000u
#define MACHINE_BYTES     (1u << 20)
#define MACHINE_READ_ONLY 0x90000000u /* a page that devices may not write */
#define MACHINE_QUEUE     64u         /* size of the raw driver's queues */

struct machine {
    uint8_t *memory;
    uint8_t *read_only;
    uint32_t used; /* bytes handed out */
    struct vdev_memory_region regions[2];
    struct vdev_memory map;
    struct vdev_virtio_mmio mmio;
    struct vdev_bus_window window;
    struct vdev_register_count counts[VDEV_VIRTIO_MMIO_WINDOW / 4];
    struct vdev_bus bus;
    struct vdev_io io;
    struct vdev_virtual_clock clock;
    bool level;
    unsigned raised;
    unsigned aborts;
    int last_status; /* of the bus */
};

static inline uint64_t machine_read(void *context, uint32_t offset, unsigned width)
{
    struct machine *machine = context;
    struct vdev_access access = {.width = (uint8_t)width};

    machine->last_status = vdev_bus_dispatch(&machine->bus, MACHINE_DEVICE + offset, &access);
    machine->aborts += machine->last_status != VDEV_OK;
    return access.value;
}

static inline void machine_write(void *context, uint32_t offset, unsigned width, uint64_t value)
{
    struct machine *machine = context;
    struct vdev_access access = {.width = (uint8_t)width, .write = true, .value = value};

    machine->last_status = vdev_bus_dispatch(&machine->bus, MACHINE_DEVICE + offset, &access);
    machine->aborts += machine->last_status != VDEV_OK;
}

static inline void machine_set_line(void *controller, uint32_t number, bool level)
{
    struct machine *machine = controller;

    ck_assert_uint_eq(number, 40);
    ck_assert(machine->level != level);
    machine->level = level;
    machine->raised += level;
}

/* Memory first, since a back-end needs it; the device goes on the bus with machine_connect. */
static inline void machine_init(struct machine *machine)
{
    memset(machine, 0, sizeof *machine);
    machine->memory = aligned_alloc(4096, MACHINE_BYTES);
    machine->read_only = aligned_alloc(4096, 4096);
    memset(machine->memory, 0, MACHINE_BYTES);
    memset(machine->read_only, 0, 4096);
    machine->regions[0] = (struct vdev_memory_region){MACHINE_MEMORY, MACHINE_BYTES,
                                                      machine->memory, MACHINE_MEMORY, true};
    machine->regions[1] = (struct vdev_memory_region){MACHINE_READ_ONLY, 4096, machine->read_only,
                                                      MACHINE_READ_ONLY, false};
    ck_assert_int_eq(vdev_memory_init(&machine->map, machine->regions, 2), VDEV_OK);
    vdev_virtual_clock_init(&machine->clock, 1000, 100);
}

static inline void machine_connect(struct machine *machine, struct vdev_virtio_device *device)
{
    static const struct vdev_io_operations operations = {machine_read, machine_write};

    machine->level = false;
    ck_assert_int_eq(vdev_virtio_mmio_init(&machine->mmio, device,
                                           (struct vdev_interrupt_line){
                                               .set = machine_set_line,
                                               .controller = machine,
                                               .number = 40,
                                           }),
                     VDEV_OK);
    machine->window = (struct vdev_bus_window){.address = MACHINE_DEVICE,
                                               .length = VDEV_VIRTIO_MMIO_WINDOW,
                                               .access = vdev_virtio_mmio_access,
                                               .device = &machine->mmio,
                                               .name = "virtio-mmio",
                                               .counts = machine->counts};
    ck_assert_int_eq(vdev_bus_init(&machine->bus, &machine->window, 1), VDEV_OK);
    machine->io = (struct vdev_io){.operations = &operations, .context = machine};
}

static inline void machine_finish(struct machine *machine)
{
    free(machine->memory);
    free(machine->read_only);
}

static inline uint32_t machine_read32(struct machine *machine, uint32_t offset)
{
    return vdev_io_read32(&machine->io, offset);
}

static inline void machine_write32(struct machine *machine, uint32_t offset, uint32_t value)
{
    vdev_io_write32(&machine->io, offset, value);
}

/* Guest memory, zeroed; the bus address is the guest's. */
static inline struct vdev_buffer machine_allocate(struct machine *machine, size_t length,
                                                  uint32_t alignment)
{
    uint32_t at = (machine->used + alignment - 1) & ~(alignment - 1);

    ck_assert_uint_le(at + length, MACHINE_BYTES);
    machine->used = at + (uint32_t)length;
    return (struct vdev_buffer){machine->memory + at, length, MACHINE_MEMORY + at};
}

static inline struct vdev_driver_queue_memory machine_queue_memory(struct machine *machine,
                                                                   uint16_t size,
                                                                   uint16_t indirect_count,
                                                                   struct vdev_driver_slot *slots)
{
    return (struct vdev_driver_queue_memory){
        .descriptors = machine_allocate(machine, vdev_virtqueue_descriptor_bytes(size), 16),
        .driver = machine_allocate(machine, vdev_virtqueue_driver_bytes(size), 16),
        .device = machine_allocate(machine, vdev_virtqueue_device_bytes(size), 16),
        .slots = slots,
        .indirect = machine_allocate(machine, (size_t)size * 16 * indirect_count, 16),
        .indirect_count = indirect_count,
    };
}

/* ---- the raw driver ---- */

struct raw_queue {
    struct machine *machine;
    uint32_t index;
    uint16_t size;
    struct vdev_buffer descriptors, driver, device;
    uint16_t next_descriptor, next_used;
};

static inline struct vring_desc *raw_descriptor(struct raw_queue *queue, unsigned index)
{
    return (struct vring_desc *)queue->descriptors.pointer + index;
}

static inline struct vring_avail *raw_available(struct raw_queue *queue)
{
    return queue->driver.pointer;
}

static inline struct vring_used *raw_used(struct raw_queue *queue)
{
    return queue->device.pointer;
}

/* From reset to FEATURES_OK. */
static inline void raw_begin(struct machine *machine, uint64_t features)
{
    machine_write32(machine, VIRTIO_MMIO_STATUS, 0);
    machine_write32(machine, VIRTIO_MMIO_STATUS, 1);
    machine_write32(machine, VIRTIO_MMIO_STATUS, 3);
    machine_write32(machine, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    machine_write32(machine, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
    machine_write32(machine, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    machine_write32(machine, VIRTIO_MMIO_DRIVER_FEATURES,
                    (uint32_t)(features >> 32) | 1u << (VIRTIO_F_VERSION_1 - 32));
    machine_write32(machine, VIRTIO_MMIO_STATUS, 0xb);
    ck_assert_uint_eq(machine_read32(machine, VIRTIO_MMIO_STATUS), 0xb);
}

static inline void raw_write_queue(struct raw_queue *queue)
{
    struct machine *machine = queue->machine;

    machine_write32(machine, VIRTIO_MMIO_QUEUE_SEL, queue->index);
    machine_write32(machine, VIRTIO_MMIO_QUEUE_NUM, queue->size);
    machine_write32(machine, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)queue->descriptors.bus_address);
    machine_write32(machine, VIRTIO_MMIO_QUEUE_DESC_HIGH,
                    (uint32_t)(queue->descriptors.bus_address >> 32));
    machine_write32(machine, VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)queue->driver.bus_address);
    machine_write32(machine, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 0);
    machine_write32(machine, VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)queue->device.bus_address);
    machine_write32(machine, VIRTIO_MMIO_QUEUE_USED_HIGH, 0);
    machine_write32(machine, VIRTIO_MMIO_QUEUE_READY, 1);
}

static inline void raw_queue_init(struct raw_queue *queue, struct machine *machine, uint32_t index)
{
    memset(queue, 0, sizeof *queue);
    queue->machine = machine;
    queue->index = index;
    queue->size = MACHINE_QUEUE;
    queue->descriptors = machine_allocate(machine, MACHINE_QUEUE * 16, 16);
    queue->driver = machine_allocate(machine, vdev_virtqueue_driver_bytes(MACHINE_QUEUE), 16);
    queue->device = machine_allocate(machine, vdev_virtqueue_device_bytes(MACHINE_QUEUE), 16);
}

/* An empty queue, made ready; between FEATURES_OK and DRIVER_OK. */
static inline void raw_start(struct raw_queue *queue)
{
    memset(queue->descriptors.pointer, 0, queue->descriptors.length);
    memset(queue->driver.pointer, 0, queue->driver.length);
    memset(queue->device.pointer, 0, queue->device.length);
    queue->next_descriptor = 0;
    queue->next_used = 0;
    raw_write_queue(queue);
    ck_assert_uint_eq(machine_read32(queue->machine, VIRTIO_MMIO_QUEUE_READY), 1);
}

static inline void raw_finish(struct machine *machine)
{
    machine_write32(machine, VIRTIO_MMIO_STATUS, 0xf);
}

struct raw_piece {
    uint64_t address;
    uint32_t length;
    bool writable;
};

static inline struct raw_piece raw_read_from(struct vdev_buffer buffer)
{
    return (struct raw_piece){buffer.bus_address, (uint32_t)buffer.length, false};
}

static inline struct raw_piece raw_write_to(struct vdev_buffer buffer)
{
    return (struct raw_piece){buffer.bus_address, (uint32_t)buffer.length, true};
}

/* Make one head available, without a notification. */
static inline void raw_expose(struct raw_queue *queue, uint16_t head)
{
    struct vring_avail *available = raw_available(queue);

    available->ring[available->idx % queue->size] = head;
    available->idx++;
}

/* Chain some pieces and make them available, without a notification; returns the head. */
static inline uint16_t raw_add(struct raw_queue *queue, const struct raw_piece *pieces,
                               unsigned count)
{
    uint16_t head = queue->next_descriptor % queue->size;

    for (unsigned i = 0; i < count; i++) {
        unsigned at = queue->next_descriptor++ % queue->size;
        *raw_descriptor(queue, at) = (struct vring_desc){
            .addr = pieces[i].address,
            .len = pieces[i].length,
            .flags = (uint16_t)((pieces[i].writable ? VRING_DESC_F_WRITE : 0) |
                                (i + 1 < count ? VRING_DESC_F_NEXT : 0)),
            .next = (uint16_t)((at + 1) % queue->size),
        };
    }
    raw_expose(queue, head);
    return head;
}

static inline void raw_notify(struct raw_queue *queue)
{
    machine_write32(queue->machine, VIRTIO_MMIO_QUEUE_NOTIFY, queue->index);
}

/* The next used entry; -1: none. Sets *length. */
static inline int raw_take(struct raw_queue *queue, uint32_t *length)
{
    struct vring_used *used = raw_used(queue);

    if (used->idx == queue->next_used) {
        return -1;
    }
    struct vring_used_elem *element = &used->ring[queue->next_used++ % queue->size];
    *length = element->len;
    return (int)element->id;
}

#define ck_assert_used(queue, head, expected_length)                                               \
    do {                                                                                           \
        uint32_t length_ = 0xdead;                                                                 \
        ck_assert_int_eq(raw_take((queue), &length_), (int)(head));                                \
        ck_assert_uint_eq(length_, (expected_length));                                             \
    } while (0)

#define ck_assert_not_used(queue)                                                                  \
    do {                                                                                           \
        uint32_t length_;                                                                          \
        ck_assert_int_eq(raw_take((queue), &length_), -1);                                         \
    } while (0)

#endif
