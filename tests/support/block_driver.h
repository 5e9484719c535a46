/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block back-end on a RAM disk in a machine, and a raw driver's requests to it: what the tests of
 * the block back-end start from.
 */
#ifndef SUPPORT_BLOCK_DRIVER_H
#define SUPPORT_BLOCK_DRIVER_H

#include "ram_disk.h"
#include "virtio_machine.h"

#include <linux/virtio_blk.h>

#include <vdev/backends/block.h>

#define SLOTS    4
#define PER_SLOT 20

static struct machine machine;
static struct ram_disk disk;
static struct vdev_block_backend backend;
static struct vdev_block_backend_slot slots[SLOTS];
static struct vdev_buffer buffers[SLOTS * PER_SLOT];
static struct raw_queue queue;

static inline struct vdev_block_backend_configuration configuration(void)
{
    return (struct vdev_block_backend_configuration){
        .memory = &machine.map,
        .block = &disk.block,
        .slots = slots,
        .slot_count = SLOTS,
        .buffers = buffers,
        .buffers_per_slot = PER_SLOT,
        .queue_size = MACHINE_QUEUE,
    };
}

static inline void connect(void)
{
    struct vdev_block_backend_configuration with = configuration();
    ck_assert_int_eq(vdev_block_backend_init(&backend, &with), VDEV_OK);
    machine_connect(&machine, &backend.device);
}

static inline void start(uint64_t features)
{
    raw_begin(&machine, features);
    raw_start(&queue);
    raw_finish(&machine);
}

#define FLUSH (1ull << VIRTIO_BLK_F_FLUSH)

static inline void setup(void)
{
    machine_init(&machine);
    ram_disk_init(&disk);
    disk.dma = true;
    disk.bus_offset = MACHINE_MEMORY - (uint64_t)(uintptr_t)machine.memory;
    connect();
    raw_queue_init(&queue, &machine, 0);
    start(FLUSH | 1ull << VIRTIO_RING_F_INDIRECT_DESC);
}

static inline void teardown(void)
{
    /* Whatever the driver did: no abort, and nothing of it left below. */
    machine_finish(&machine);
}

struct request {
    struct vdev_buffer header, data, status;
    uint16_t head;
};

static inline struct request make(uint32_t type, uint64_t sector, size_t length)
{
    struct request request = {
        .header = machine_allocate(&machine, 16, 16),
        .data = machine_allocate(&machine, length, 512),
        .status = machine_allocate(&machine, 1, 1),
    };
    memcpy(request.header.pointer, (uint32_t[]){type, 0, (uint32_t)sector, sector >> 32}, 16);
    *(uint8_t *)request.status.pointer = 0xee;
    return request;
}

/* As any driver would: header, data, status. */
static inline void add(struct request *request, bool data_writable)
{
    struct raw_piece pieces[3] = {raw_read_from(request->header)};
    unsigned count = 1;

    if (request->data.length != 0) {
        pieces[count] = raw_read_from(request->data);
        pieces[count++].writable = data_writable;
    }
    pieces[count++] = raw_write_to(request->status);
    request->head = raw_add(&queue, pieces, count);
}

static inline struct request add_new(uint32_t type, uint64_t sector, size_t length)
{
    struct request request = make(type, sector, length);
    add(&request, type != VIRTIO_BLK_T_OUT);
    return request;
}

static inline uint8_t status_of(const struct request *request)
{
    return *(const uint8_t *)request->status.pointer;
}

static inline void go(void)
{
    raw_notify(&queue);
    while (vdev_block_poll(&disk.block)) {
    }
}

#define ck_assert_answer(request, expected_status, expected_length)                                \
    do {                                                                                           \
        ck_assert_used(&queue, (request)->head, (expected_length));                                \
        ck_assert_uint_eq(status_of(request), (expected_status));                                  \
    } while (0)

/* The device still serves an honest driver. */
static inline void check_alive(void)
{
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_STATUS), 0xf);
    struct request request = add_new(VIRTIO_BLK_T_IN, 3, 512);
    go();
    ck_assert_answer(&request, VIRTIO_BLK_S_OK, 513);
    ck_assert_mem_eq(request.data.pointer, disk.bytes + 3 * 512, 512);
    ck_assert_not_used(&queue);
    ck_assert_uint_eq(backend.in_flight, 0);
    ck_assert_uint_eq(machine.aborts, 0);
}

#endif
