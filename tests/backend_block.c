/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block back-end through virtio-mmio, on a RAM disk with faults: what it does, and what becomes
 * of requests when the class below is full, late or failing. Drivers that keep no rules are in
 * backend_block_hostile.c.
 */
#include "support/block_driver.h"

/* ---- what it does ---- */

START_TEST(init_refuses_what_cannot_be)
{
    struct vdev_block_backend other;
    struct vdev_block_backend_configuration with = configuration();
    with.buffers_per_slot = 2;
    ck_assert_int_eq(vdev_block_backend_init(&other, &with), VDEV_ERROR_INVALID);
    with = configuration();
    with.slot_count = 0;
    ck_assert_int_eq(vdev_block_backend_init(&other, &with), VDEV_ERROR_INVALID);
    with = configuration();
    with.block = NULL;
    ck_assert_int_eq(vdev_block_backend_init(&other, &with), VDEV_ERROR_INVALID);
    with = configuration();
    with.memory = NULL;
    ck_assert_int_eq(vdev_block_backend_init(&other, &with), VDEV_ERROR_INVALID);
    with = configuration();
    with.buffers_per_slot = 3;
    ck_assert_int_eq(vdev_block_backend_init(&other, &with), VDEV_OK);
    with.queue_size = 100;
    ck_assert_int_eq(vdev_block_backend_init(&other, &with), VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(describes_itself)
{
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_DEVICE_ID), 2);
    ck_assert_uint_eq(machine_read32(&machine, 0x100), RAM_DISK_SECTORS);
    ck_assert_uint_eq(machine_read32(&machine, 0x104), 0);
    ck_assert_uint_eq(machine_read32(&machine, 0x10c), PER_SLOT - 2); /* seg_max */
    ck_assert_uint_eq(machine_read32(&machine, 0x114), 512);          /* blk_size */
    const uint32_t bits = 1u << VIRTIO_BLK_F_SEG_MAX | 1u << VIRTIO_BLK_F_BLK_SIZE |
                          1u << VIRTIO_BLK_F_FLUSH | 1u << VIRTIO_RING_F_EVENT_IDX |
                          1u << VIRTIO_RING_F_INDIRECT_DESC;
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_DEVICE_FEATURES), bits);
    disk.block.information.read_only = true;
    disk.block.information.block_size = 4096;
    disk.block.information.sectors = 0x300000008;
    disk.block.information.maximum_sectors = 1024;
    connect();
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_DEVICE_FEATURES),
                      bits | 1u << VIRTIO_BLK_F_RO | 1u << VIRTIO_BLK_F_SIZE_MAX);
    ck_assert_uint_eq(machine_read32(&machine, 0x100), 8);
    ck_assert_uint_eq(machine_read32(&machine, 0x104), 3);
    ck_assert_uint_eq(machine_read32(&machine, 0x108), 1024 * 512);
    ck_assert_uint_eq(machine_read32(&machine, 0x114), 4096);
}
END_TEST

START_TEST(reads_and_writes)
{
    struct request write = make(VIRTIO_BLK_T_OUT, 10, 1024);
    memset(write.data.pointer, 0xa5, 1024);
    add(&write, false);
    go();
    ck_assert_answer(&write, VIRTIO_BLK_S_OK, 1);
    ck_assert_uint_eq(disk.bytes[10 * 512], 0xa5);
    ck_assert_uint_eq(disk.bytes[12 * 512 - 1], 0xa5);
    ck_assert_uint_ne(disk.bytes[12 * 512], 0xa5);
    struct request read = add_new(VIRTIO_BLK_T_IN, 11, 1024);
    go();
    ck_assert_answer(&read, VIRTIO_BLK_S_OK, 1025);
    ck_assert_mem_eq(read.data.pointer, disk.bytes + 11 * 512, 1024);
    ck_assert(machine.level);
    ck_assert_uint_eq(disk.flushes, 0); /* the driver negotiated FLUSH: it will ask */
    check_alive();
    ck_assert_uint_eq(backend.requests, 3);
    ck_assert_uint_eq(backend.errors, 0);
}
END_TEST

START_TEST(hands_down_the_guests_own_pages)
{
    disk.held = true;
    struct request read = add_new(VIRTIO_BLK_T_IN, 0, 4096);
    raw_notify(&queue);
    ck_assert_uint_eq(disk.first->buffer_count, 1);
    ck_assert_ptr_eq(disk.first->buffers[0].pointer, read.data.pointer);
    ck_assert_uint_eq(disk.first->buffers[0].bus_address, read.data.bus_address);
    ck_assert_uint_eq(disk.first->buffers[0].length, 4096);
    ck_assert_not_used(&queue);
}
END_TEST

START_TEST(flushes)
{
    struct request flush = add_new(VIRTIO_BLK_T_FLUSH, 0, 0);
    go();
    ck_assert_answer(&flush, VIRTIO_BLK_S_OK, 1);
    ck_assert_uint_eq(disk.flushes, 1);
    check_alive();
}
END_TEST

START_TEST(a_driver_that_cannot_flush_has_its_writes_flushed)
{
    start(0);
    struct request write = add_new(VIRTIO_BLK_T_OUT, 0, 512);
    raw_notify(&queue);
    disk.per_poll = 1;
    vdev_block_poll(&disk.block);
    ck_assert_uint_eq(disk.writes, 1);
    ck_assert_not_used(&queue); /* not before it is stable */
    vdev_block_poll(&disk.block);
    ck_assert_uint_eq(disk.flushes, 1);
    ck_assert_answer(&write, VIRTIO_BLK_S_OK, 1);
    disk.flush_unsupported = true;
    write = add_new(VIRTIO_BLK_T_OUT, 0, 512);
    go();
    ck_assert_answer(&write, VIRTIO_BLK_S_OK, 1);
    check_alive();
}
END_TEST

START_TEST(tells_its_identifier)
{
    struct request id = add_new(VIRTIO_BLK_T_GET_ID, 0, 20);
    memset(id.data.pointer, 0xcc, 20);
    go();
    ck_assert_answer(&id, VIRTIO_BLK_S_OK, 21);
    ck_assert_mem_eq(id.data.pointer, "RAM-0001\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    /* Less room, more room. */
    struct request small = add_new(VIRTIO_BLK_T_GET_ID, 0, 3);
    struct request large = add_new(VIRTIO_BLK_T_GET_ID, 0, 64);
    memset(large.data.pointer, 0xcc, 64);
    go();
    ck_assert_answer(&small, VIRTIO_BLK_S_OK, 4);
    ck_assert_mem_eq(small.data.pointer, "RAM", 3);
    ck_assert_answer(&large, VIRTIO_BLK_S_OK, 21);
    ck_assert_uint_eq(((uint8_t *)large.data.pointer)[20], 0xcc);
    struct vdev_block_backend_configuration with = configuration();
    with.identifier = "twenty bytes exactly, and more";
    ck_assert_int_eq(vdev_block_backend_init(&backend, &with), VDEV_OK);
    machine_connect(&machine, &backend.device);
    start(FLUSH);
    id = add_new(VIRTIO_BLK_T_GET_ID, 0, 20);
    go();
    ck_assert_answer(&id, VIRTIO_BLK_S_OK, 21);
    ck_assert_mem_eq(id.data.pointer, "twenty bytes exactly", 20);
}
END_TEST

START_TEST(a_header_in_sixteen_descriptors)
{
    struct request request = make(VIRTIO_BLK_T_IN, 7, 512);
    struct raw_piece pieces[18];
    for (unsigned i = 0; i < 16; i++) {
        pieces[i] = (struct raw_piece){request.header.bus_address + i, 1, false};
    }
    pieces[16] = raw_write_to(request.data);
    pieces[17] = raw_write_to(request.status);
    request.head = raw_add(&queue, pieces, 18);
    go();
    ck_assert_answer(&request, VIRTIO_BLK_S_OK, 513);
    ck_assert_mem_eq(request.data.pointer, disk.bytes + 7 * 512, 512);
    check_alive();
}
END_TEST

START_TEST(header_and_data_in_one_descriptor_data_and_status_in_one)
{
    struct vdev_buffer all = machine_allocate(&machine, 16 + 512, 16);
    struct vdev_buffer status = machine_allocate(&machine, 1, 1);
    memcpy(all.pointer, (uint32_t[]){VIRTIO_BLK_T_OUT, 0, 5, 0}, 16);
    memset((uint8_t *)all.pointer + 16, 0x77, 512);
    uint16_t head =
        raw_add(&queue, (struct raw_piece[]){raw_read_from(all), raw_write_to(status)}, 2);
    go();
    ck_assert_used(&queue, head, 1);
    ck_assert_uint_eq(disk.bytes[5 * 512], 0x77);
    ck_assert_uint_eq(disk.bytes[6 * 512 - 1], 0x77);

    struct request read = make(VIRTIO_BLK_T_IN, 5, 513);
    ((uint8_t *)read.data.pointer)[512] = 0xee;
    head = raw_add(&queue,
                   (struct raw_piece[]){raw_read_from(read.header), raw_write_to(read.data)}, 2);
    go();
    ck_assert_used(&queue, head, 513);
    ck_assert_uint_eq(((uint8_t *)read.data.pointer)[511], 0x77);
    ck_assert_uint_eq(((uint8_t *)read.data.pointer)[512], VIRTIO_BLK_S_OK);
    check_alive();
}
END_TEST

START_TEST(data_in_odd_pieces)
{
    struct request request = make(VIRTIO_BLK_T_OUT, 20, 1024);
    for (unsigned i = 0; i < 1024; i++) {
        ((uint8_t *)request.data.pointer)[i] = (uint8_t)(i * 3);
    }
    const uint32_t lengths[] = {1, 510, 2, 300, 211};
    struct raw_piece pieces[7] = {raw_read_from(request.header)};
    uint64_t at = request.data.bus_address;
    for (unsigned i = 0; i < 5; i++) {
        pieces[1 + i] = (struct raw_piece){at, lengths[i], false};
        at += lengths[i];
    }
    pieces[6] = raw_write_to(request.status);
    request.head = raw_add(&queue, pieces, 7);
    go();
    ck_assert_answer(&request, VIRTIO_BLK_S_OK, 1);
    ck_assert_mem_eq(disk.bytes + 20 * 512, request.data.pointer, 1024);
}
END_TEST

START_TEST(larger_than_the_class_takes_goes_down_in_pieces)
{
    disk.block.information.maximum_sectors = 3;
    disk.block.information.maximum_buffers = 2;
    struct request write = make(VIRTIO_BLK_T_OUT, 100, 8 * 512);
    for (unsigned i = 0; i < 8 * 512; i++) {
        ((uint8_t *)write.data.pointer)[i] = (uint8_t)(i * 5 + i / 256);
    }
    /* Seven buffers that do not end where sectors do. */
    const uint32_t lengths[] = {100, 924, 700, 324, 1000, 1000, 48};
    struct raw_piece pieces[9] = {raw_read_from(write.header)};
    uint64_t at = write.data.bus_address;
    for (unsigned i = 0; i < 7; i++) {
        pieces[1 + i] = (struct raw_piece){at, lengths[i], false};
        at += lengths[i];
    }
    pieces[8] = raw_write_to(write.status);
    write.head = raw_add(&queue, pieces, 9);
    go();
    ck_assert_answer(&write, VIRTIO_BLK_S_OK, 1);
    ck_assert_uint_gt(disk.writes, 2);
    ck_assert_mem_eq(disk.bytes + 100 * 512, write.data.pointer, 8 * 512);

    struct request read = make(VIRTIO_BLK_T_IN, 100, 8 * 512);
    at = read.data.bus_address;
    pieces[0] = raw_read_from(read.header);
    for (unsigned i = 0; i < 7; i++) {
        pieces[1 + i] = (struct raw_piece){at, lengths[i], true};
        at += lengths[i];
    }
    pieces[8] = raw_write_to(read.status);
    read.head = raw_add(&queue, pieces, 9);
    go();
    ck_assert_answer(&read, VIRTIO_BLK_S_OK, 8 * 512 + 1);
    ck_assert_mem_eq(read.data.pointer, write.data.pointer, 8 * 512);
    check_alive();
}
END_TEST

START_TEST(a_sector_in_more_buffers_than_the_class_takes_is_an_error)
{
    disk.block.information.maximum_buffers = 2;
    struct request read = make(VIRTIO_BLK_T_IN, 0, 512);
    struct raw_piece pieces[5] = {raw_read_from(read.header)};
    for (unsigned i = 0; i < 3; i++) {
        pieces[1 + i] =
            (struct raw_piece){read.data.bus_address + i * 100, i == 2 ? 312 : 100, true};
    }
    pieces[4] = raw_write_to(read.status);
    read.head = raw_add(&queue, pieces, 5);
    go();
    ck_assert_answer(&read, VIRTIO_BLK_S_IOERR, 1);
    check_alive();
}
END_TEST

START_TEST(an_indirect_table_serves_as_well)
{
    struct request read = make(VIRTIO_BLK_T_IN, 9, 512);
    struct vdev_buffer table = machine_allocate(&machine, 48, 16);
    struct vring_desc *entries = table.pointer;
    entries[0] = (struct vring_desc){read.header.bus_address, 16, VRING_DESC_F_NEXT, 1};
    entries[1] =
        (struct vring_desc){read.data.bus_address, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2};
    entries[2] = (struct vring_desc){read.status.bus_address, 1, VRING_DESC_F_WRITE, 0};
    *raw_descriptor(&queue, 0) =
        (struct vring_desc){table.bus_address, 48, VRING_DESC_F_INDIRECT, 0};
    raw_expose(&queue, 0);
    go();
    read.head = 0;
    ck_assert_answer(&read, VIRTIO_BLK_S_OK, 513);
    queue.next_descriptor = 1;
    check_alive();
}
END_TEST

/* ---- full, late, failing ---- */

START_TEST(more_requests_than_slots_stay_in_the_ring_and_are_resumed)
{
    struct request requests[12];
    disk.held = true;
    for (unsigned i = 0; i < 12; i++) {
        requests[i] = add_new(VIRTIO_BLK_T_IN, i, 512);
    }
    raw_notify(&queue);
    ck_assert_uint_eq(disk.queued, SLOTS);
    disk.held = false;
    go();
    for (unsigned i = 0; i < 12; i++) {
        ck_assert_answer(&requests[i], VIRTIO_BLK_S_OK, 513);
        ck_assert_mem_eq(requests[i].data.pointer, disk.bytes + i * 512, 512);
    }
    check_alive();
}
END_TEST

START_TEST(a_full_ring_is_done_in_one_entry_and_ends_armed)
{
    for (unsigned i = 0; i < MACHINE_QUEUE; i++) {
        struct request id = make(VIRTIO_BLK_T_GET_ID, 0, 20);
        /* Two descriptors would not do: the whole ring in chains of one. */
        raw_add(&queue, (struct raw_piece[]){raw_write_to(id.status)}, 1);
    }
    raw_notify(&queue);
    ck_assert_uint_eq(raw_used(&queue)->idx, MACHINE_QUEUE);
    ck_assert_uint_eq(raw_used(&queue)->flags, 0);
    queue.next_used = MACHINE_QUEUE;
    check_alive();
}
END_TEST

static unsigned refills;

static void refill(void *context)
{
    (void)context;
    if (refills != 0) {
        refills--;
        add_new(VIRTIO_BLK_T_IN, 0, 512);
    }
}

START_TEST(a_driver_that_fills_while_we_empty_is_bounded)
{
    /* As from another CPU: whenever a request is looked at, there is one more. */
    disk.on_submit = refill;
    disk.block.information.maximum_buffers = 0;
    refills = 500;
    disk.flush_unsupported = true;
    add_new(VIRTIO_BLK_T_FLUSH, 0, 0);
    /* A medium that takes nothing answers everything at once. */
    disk.depth = 1;
    disk.queued = 1;
    raw_notify(&queue);
    ck_assert_uint_eq(raw_used(&queue)->idx, MACHINE_QUEUE + 1);
    ck_assert(vdev_virtio_device_poll(&backend.device));
    ck_assert_uint_eq(raw_used(&queue)->idx, 2 * (MACHINE_QUEUE + 1));
    while (vdev_virtio_device_poll(&backend.device)) {
    }
    ck_assert_uint_eq(raw_used(&queue)->idx, 501);
    disk.depth = disk.queued = 0;
    queue.next_used = 501;
    check_alive();
}
END_TEST

static unsigned attempts;

static void count_attempt(void *context)
{
    (void)context;
    attempts++;
}

START_TEST(what_a_full_class_refuses_stays_in_the_ring_and_is_resumed)
{
    struct request requests[6];
    disk.depth = 2;
    disk.per_poll = 1;
    for (unsigned i = 0; i < 6; i++) {
        requests[i] = add_new(VIRTIO_BLK_T_IN, i, 512);
    }
    disk.on_submit = count_attempt;
    attempts = 0;
    raw_notify(&queue);
    ck_assert_uint_eq(disk.queued, 2);
    ck_assert_uint_eq(attempts, 3); /* and it is not asked over and over */
    raw_notify(&queue);             /* nothing changed: nothing is lost or doubled */
    ck_assert_uint_eq(disk.queued, 2);
    for (unsigned i = 0; i < 6; i++) {
        ck_assert_not_used(&queue);
        vdev_block_poll(&disk.block);
        ck_assert_answer(&requests[i], VIRTIO_BLK_S_OK, 513);
    }
    ck_assert_uint_eq(disk.submits, 6);
    check_alive();
}
END_TEST

START_TEST(pieces_that_a_full_class_refuses_wait_and_are_resumed)
{
    disk.depth = 2;
    disk.per_poll = 1;
    disk.block.information.maximum_sectors = 1;
    struct request requests[5];
    for (unsigned i = 0; i < 5; i++) {
        requests[i] = add_new(VIRTIO_BLK_T_IN, 10 * i, 4 * 512);
    }
    go();
    for (unsigned i = 0; i < 5; i++) {
        uint32_t length;
        int head = raw_take(&queue, &length);
        ck_assert_int_ge(head, 0);
        ck_assert_uint_eq(length, 4 * 512 + 1);
    }
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_uint_eq(status_of(&requests[i]), VIRTIO_BLK_S_OK);
        ck_assert_mem_eq(requests[i].data.pointer, disk.bytes + 10 * i * 512, 4 * 512);
    }
    ck_assert_uint_eq(disk.submits, 20);
    ck_assert_uint_eq(backend.waiting, 0);
    check_alive();
}
END_TEST

START_TEST(a_piece_that_waits_is_resumed_before_new_requests)
{
    disk.depth = 2;
    disk.block.information.maximum_sectors = 1;
    struct request pieces = add_new(VIRTIO_BLK_T_IN, 0, 1024);
    struct request other = add_new(VIRTIO_BLK_T_IN, 5, 512);
    struct request later = add_new(VIRTIO_BLK_T_IN, 6, 512);
    raw_notify(&queue);
    ck_assert_uint_eq(disk.submits, 2);
    /* The first piece is done, but somebody else has taken its room. */
    struct vdev_block_request *below = disk.first;
    disk.first = below->next;
    memcpy(pieces.data.pointer, disk.bytes, 512);
    below->complete(below, VDEV_OK);
    ck_assert_uint_eq(backend.waiting, 1);
    ck_assert_uint_eq(disk.submits, 2);
    disk.queued = 1; /* which is given back later */
    disk.per_poll = 1;
    vdev_block_poll(&disk.block);
    ck_assert_answer(&other, VIRTIO_BLK_S_OK, 513);
    ck_assert_uint_eq(backend.waiting, 0);
    ck_assert_uint_eq(disk.first->sector, 1);
    vdev_block_poll(&disk.block);
    ck_assert_answer(&pieces, VIRTIO_BLK_S_OK, 1025);
    ck_assert_mem_eq(pieces.data.pointer, disk.bytes, 1024);
    vdev_block_poll(&disk.block);
    ck_assert_answer(&later, VIRTIO_BLK_S_OK, 513);
}
END_TEST

START_TEST(full_for_ever_is_an_error_and_not_a_stall)
{
    disk.depth = 1;
    disk.queued = 1; /* somebody else's */
    struct request request = add_new(VIRTIO_BLK_T_IN, 0, 512);
    go();
    ck_assert_answer(&request, VIRTIO_BLK_S_IOERR, 1);
}
END_TEST

START_TEST(a_failing_medium_is_an_io_error)
{
    const int failures[] = {VDEV_ERROR_IO, VDEV_ERROR_TIMEOUT, VDEV_ERROR_ABSENT};
    disk.bad_sector = 50;
    for (unsigned i = 0; i < 3; i++) {
        disk.bad_status = failures[i];
        struct request read = add_new(VIRTIO_BLK_T_IN, 49, 1024);
        struct request write = add_new(VIRTIO_BLK_T_OUT, 50, 512);
        go();
        ck_assert_answer(&read, VIRTIO_BLK_S_IOERR, 1);
        ck_assert_answer(&write, VIRTIO_BLK_S_IOERR, 1);
    }
    ck_assert_uint_eq(backend.errors, 6);
    /* In the middle of a request that goes down in pieces: the rest is not tried. */
    disk.block.information.maximum_sectors = 1;
    unsigned reads = disk.reads;
    struct request read = add_new(VIRTIO_BLK_T_IN, 48, 8 * 512);
    go();
    ck_assert_answer(&read, VIRTIO_BLK_S_IOERR, 1);
    ck_assert_uint_eq(disk.reads, reads + 3);
    check_alive();
}
END_TEST

START_TEST(a_failing_flush_after_a_write_is_an_io_error)
{
    start(0);
    disk.held = true;
    struct request write = add_new(VIRTIO_BLK_T_OUT, 0, 512);
    raw_notify(&queue);
    struct vdev_block_request *below = disk.first;
    disk.first = NULL;
    disk.queued = 0;
    below->complete(below, VDEV_OK);
    ck_assert_int_eq(disk.first->operation, VDEV_BLOCK_FLUSH);
    below = disk.first;
    disk.first = NULL;
    disk.queued = 0;
    below->complete(below, VDEV_ERROR_IO);
    ck_assert_answer(&write, VIRTIO_BLK_S_IOERR, 1);
}
END_TEST

START_TEST(a_reset_with_requests_in_flight)
{
    disk.held = true;
    struct request old[6];
    for (unsigned i = 0; i < 6; i++) {
        old[i] = add_new(VIRTIO_BLK_T_IN, i, 512);
    }
    raw_notify(&queue);
    ck_assert_uint_eq(disk.queued, SLOTS);
    machine_write32(&machine, VIRTIO_MMIO_STATUS, 0);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_STATUS), 0);
    start(FLUSH);
    struct request fresh = add_new(VIRTIO_BLK_T_IN, 90, 512);
    raw_notify(&queue);
    /* Nothing new begins while the class has pages from before. */
    ck_assert_uint_eq(disk.queued, SLOTS);
    disk.held = false;
    disk.per_poll = 1;
    for (unsigned i = 0; i < SLOTS; i++) {
        ck_assert_not_used(&queue);
        ck_assert_uint_eq(disk.submits, SLOTS);
        vdev_block_poll(&disk.block);
    }
    ck_assert(!machine.level);
    ck_assert_uint_eq(disk.submits, SLOTS + 1);
    for (unsigned i = 0; i < 6; i++) {
        ck_assert_uint_eq(status_of(&old[i]), 0xee);
    }
    vdev_block_poll(&disk.block);
    ck_assert_answer(&fresh, VIRTIO_BLK_S_OK, 513);
    check_alive();
}
END_TEST

START_TEST(a_reset_while_pieces_wait)
{
    disk.depth = 1;
    disk.per_poll = 1;
    disk.block.information.maximum_sectors = 1;
    add_new(VIRTIO_BLK_T_IN, 0, 1024);
    raw_notify(&queue);
    /* Another user of the medium takes the room in between. */
    struct vdev_block_request *below = disk.first;
    disk.first = NULL;
    struct ram_disk *busy = &disk;
    busy->queued = 1;
    struct request second = add_new(VIRTIO_BLK_T_IN, 5, 512);
    busy->depth = 2;
    raw_notify(&queue);
    busy->depth = 1;
    below->complete(below, VDEV_OK);
    ck_assert_uint_eq(backend.waiting, 1);
    machine_write32(&machine, VIRTIO_MMIO_STATUS, 0);
    ck_assert_uint_eq(backend.waiting, 0);
    start(FLUSH);
    busy->queued = 1;
    busy->depth = 0;
    vdev_block_poll(&disk.block);
    ck_assert_uint_eq(status_of(&second), 0xee);
    ck_assert_not_used(&queue);
    check_alive();
}
END_TEST

START_TEST(a_queue_taken_back_with_requests_in_flight)
{
    disk.held = true;
    struct request read = add_new(VIRTIO_BLK_T_IN, 0, 512);
    raw_notify(&queue);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_SEL, 0);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_READY, 0);
    disk.held = false;
    vdev_block_poll(&disk.block);
    ck_assert_not_used(&queue);
    ck_assert_uint_eq(status_of(&read), 0xee);
    ck_assert_uint_eq(backend.in_flight, 0);
    start(FLUSH);
    check_alive();
}
END_TEST

START_TEST(a_medium_that_changes_its_size_is_told)
{
    disk.block.information.sectors = 100;
    vdev_block_backend_resized(&backend);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_INTERRUPT_STATUS), 2);
    ck_assert_uint_eq(machine_read32(&machine, 0x100), 100);
    struct request read = add_new(VIRTIO_BLK_T_IN, 100, 512);
    go();
    ck_assert_answer(&read, VIRTIO_BLK_S_IOERR, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backend_block");
    TCase *tests;

    tests = tcase_create("block back-end");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, init_refuses_what_cannot_be);
    tcase_add_test(tests, describes_itself);
    tcase_add_test(tests, reads_and_writes);
    tcase_add_test(tests, hands_down_the_guests_own_pages);
    tcase_add_test(tests, flushes);
    tcase_add_test(tests, a_driver_that_cannot_flush_has_its_writes_flushed);
    tcase_add_test(tests, tells_its_identifier);
    tcase_add_test(tests, a_header_in_sixteen_descriptors);
    tcase_add_test(tests, header_and_data_in_one_descriptor_data_and_status_in_one);
    tcase_add_test(tests, data_in_odd_pieces);
    tcase_add_test(tests, larger_than_the_class_takes_goes_down_in_pieces);
    tcase_add_test(tests, a_sector_in_more_buffers_than_the_class_takes_is_an_error);
    tcase_add_test(tests, an_indirect_table_serves_as_well);
    tcase_add_test(tests, more_requests_than_slots_stay_in_the_ring_and_are_resumed);
    tcase_add_test(tests, a_full_ring_is_done_in_one_entry_and_ends_armed);
    tcase_add_test(tests, a_driver_that_fills_while_we_empty_is_bounded);
    tcase_add_test(tests, what_a_full_class_refuses_stays_in_the_ring_and_is_resumed);
    tcase_add_test(tests, pieces_that_a_full_class_refuses_wait_and_are_resumed);
    tcase_add_test(tests, a_piece_that_waits_is_resumed_before_new_requests);
    tcase_add_test(tests, full_for_ever_is_an_error_and_not_a_stall);
    tcase_add_test(tests, a_failing_medium_is_an_io_error);
    tcase_add_test(tests, a_failing_flush_after_a_write_is_an_io_error);
    tcase_add_test(tests, a_reset_with_requests_in_flight);
    tcase_add_test(tests, a_reset_while_pieces_wait);
    tcase_add_test(tests, a_queue_taken_back_with_requests_in_flight);
    tcase_add_test(tests, a_medium_that_changes_its_size_is_told);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
