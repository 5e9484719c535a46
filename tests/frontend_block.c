/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block front-end: against our back-end, end to end through virtio-mmio and a bus; and against
 * a device that breaks every rule, on a transport of the test's own.
 */
#include "support/fake_transport.h"
#include "support/ram_disk.h"
#include "support/virtio_machine.h"

#include <linux/virtio_blk.h>

#include <vdev/backends/block.h>
#include <vdev/frontends/block.h>

#define QUEUE    32
#define REQUESTS 6
#define PIECES   20
#define SLOTS    4

static struct machine machine;
static struct vdev_block_frontend frontend;
static struct vdev_block_frontend_request records[REQUESTS];
static struct vdev_driver_slot driver_slots[QUEUE];
static struct vdev_buffer pieces[PIECES];
static struct vdev_block_frontend_configuration configuration;

/* A request and how it ended. */
struct asked {
    struct vdev_block_request request;
    struct vdev_buffer buffers[20];
    unsigned completed;
    int status;
    bool polls;          /* calls poll from inside the completion */
    struct asked *again; /* submitted from inside the completion */
};

static void on_complete(struct vdev_block_request *request, int status)
{
    struct asked *asked = request->owner;

    asked->completed++;
    asked->status = status;
    if (asked->polls) {
        ck_assert(!vdev_block_poll(&frontend.block));
    }
    if (asked->again != NULL) {
        asked->again->status = vdev_block_submit(&frontend.block, &asked->again->request);
    }
}

static int ask(struct asked *asked, enum vdev_block_operation operation, uint64_t sector,
               struct vdev_buffer data)
{
    *asked = (struct asked){.buffers = {data}};
    asked->request = (struct vdev_block_request){
        .operation = operation,
        .sector = sector,
        .buffers = asked->buffers,
        .buffer_count = operation != VDEV_BLOCK_FLUSH,
        .complete = on_complete,
        .owner = asked,
    };
    return vdev_block_submit(&frontend.block, &asked->request);
}

#define ck_assert_ended(asked, expected)                                                           \
    do {                                                                                           \
        ck_assert_uint_eq((asked)->completed, 1);                                                  \
        ck_assert_int_eq((asked)->status, (expected));                                             \
    } while (0)

static void configure(struct vdev_virtio_driver *transport)
{
    configuration = (struct vdev_block_frontend_configuration){
        .transport = transport,
        .clock = &machine.clock.clock,
        .queue = machine_queue_memory(&machine, QUEUE, PIECES, driver_slots),
        .queue_size = QUEUE,
        .requests = records,
        .request_count = REQUESTS,
        .shared = machine_allocate(&machine, REQUESTS * VDEV_BLOCK_FRONTEND_SHARED_BYTES, 64),
        .pieces = pieces,
        .piece_count = PIECES,
        .timeout_nanoseconds = 5000000,
    };
}

/* ---- against our back-end ---- */

static struct ram_disk disk;
static struct vdev_block_backend backend;
static struct vdev_block_backend_slot slots[SLOTS];
static struct vdev_buffer buffers[SLOTS * 24];
static struct vdev_virtio_mmio_driver mmio_driver;

static void connect(void)
{
    ck_assert_int_eq(vdev_block_backend_init(&backend,
                                             &(struct vdev_block_backend_configuration){
                                                 .memory = &machine.map,
                                                 .block = &disk.block,
                                                 .slots = slots,
                                                 .slot_count = SLOTS,
                                                 .buffers = buffers,
                                                 .buffers_per_slot = 24,
                                                 .queue_size = 64,
                                             }),
                     VDEV_OK);
    machine_connect(&machine, &backend.device);
    ck_assert_int_eq(vdev_virtio_mmio_driver_init(&mmio_driver, &machine.io), VDEV_OK);
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
    ck_assert(!machine.level);
}

static void setup_pair(void)
{
    machine_init(&machine);
    ram_disk_init(&disk);
    configure(&mmio_driver.driver);
    connect();
}

static void teardown(void)
{
    machine_finish(&machine);
}

/* Until nothing happens any more: the disk below, then the driver, by its interrupt. */
static void settle(void)
{
    for (unsigned i = 0; i < 1000; i++) {
        vdev_block_poll(&disk.block);
        if (machine.level) {
            vdev_block_poll(&frontend.block);
        } else if (disk.queued == 0) {
            return;
        }
    }
    ck_abort_msg("no end");
}

START_TEST(learns_what_the_device_is)
{
    const struct vdev_block_information *information = &frontend.block.information;
    ck_assert_uint_eq(information->sectors, RAM_DISK_SECTORS);
    ck_assert_uint_eq(information->block_size, 512);
    ck_assert(!information->read_only);
    ck_assert_uint_eq(information->maximum_buffers, PIECES - 2);
    ck_assert_str_eq(information->identifier, "RAM-0001");
    disk.block.information.read_only = true;
    disk.block.information.block_size = 4096;
    connect();
    ck_assert(information->read_only);
    ck_assert_uint_eq(information->block_size, 4096);
    struct asked asked;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_WRITE, 0, machine_allocate(&machine, 512, 512)),
                     VDEV_ERROR_READ_ONLY);
    ck_assert_uint_eq(machine.aborts, 0);
}
END_TEST

START_TEST(reads_and_writes_end_to_end)
{
    struct vdev_buffer data = machine_allocate(&machine, 8192, 512);
    struct asked asked;
    for (unsigned i = 0; i < 8192; i++) {
        ((uint8_t *)data.pointer)[i] = (uint8_t)(i * 11 + i / 512);
    }
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_WRITE, 700, data), VDEV_OK);
    ck_assert_uint_eq(asked.completed, 0);
    settle();
    ck_assert_ended(&asked, VDEV_OK);
    ck_assert_mem_eq(disk.bytes + 700 * 512, data.pointer, 8192);
    memset(data.pointer, 0, 8192);
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 701, data), VDEV_OK);
    settle();
    ck_assert_ended(&asked, VDEV_OK);
    ck_assert_mem_eq(data.pointer, disk.bytes + 701 * 512, 8192);
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_FLUSH, 0, (struct vdev_buffer){0}), VDEV_OK);
    settle();
    ck_assert_ended(&asked, VDEV_OK);
    ck_assert_uint_eq(disk.flushes, 1);
    ck_assert_uint_eq(machine.aborts, 0);
    ck_assert_uint_eq(backend.device.refused, 0);
}
END_TEST

START_TEST(a_request_costs_three_register_accesses)
{
    struct vdev_buffer data = machine_allocate(&machine, 65536, 512);
    struct asked asked;
    uint32_t before = 0;
    uint32_t after = 0;
    for (unsigned i = 0; i < VDEV_VIRTIO_MMIO_WINDOW / 4; i++) {
        before += machine.counts[i].reads + machine.counts[i].writes;
    }
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, i, data), VDEV_OK);
        settle();
        ck_assert_ended(&asked, VDEV_OK);
    }
    for (unsigned i = 0; i < VDEV_VIRTIO_MMIO_WINDOW / 4; i++) {
        after += machine.counts[i].reads + machine.counts[i].writes;
    }
    ck_assert_uint_le(after - before, 30); /* notify, look, acknowledge */
}
END_TEST

START_TEST(more_requests_than_there_is_room_for_wait_and_complete)
{
    static struct asked asked[40];
    struct vdev_buffer data[40];
    disk.per_poll = 1;
    for (unsigned i = 0; i < 40; i++) {
        data[i] = machine_allocate(&machine, 1024, 512);
        ck_assert_int_eq(ask(&asked[i], VDEV_BLOCK_READ, 3 * i, data[i]), VDEV_OK);
    }
    settle();
    for (unsigned i = 0; i < 40; i++) {
        ck_assert_ended(&asked[i], VDEV_OK);
        ck_assert_mem_eq(data[i].pointer, disk.bytes + 3 * i * 512, 1024);
    }
}
END_TEST

START_TEST(a_completion_may_submit)
{
    struct vdev_buffer data = machine_allocate(&machine, 512, 512);
    struct asked first, second;
    ck_assert_int_eq(ask(&second, VDEV_BLOCK_READ, 9, data), VDEV_OK);
    settle();
    second.completed = 0;
    ck_assert_int_eq(ask(&first, VDEV_BLOCK_READ, 8, data), VDEV_OK);
    first.again = &second;
    settle();
    ck_assert_ended(&first, VDEV_OK);
    ck_assert_ended(&second, VDEV_OK);
}
END_TEST

START_TEST(a_completion_may_not_poll)
{
    struct asked asked[3];
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(ask(&asked[i], VDEV_BLOCK_READ, i, machine_allocate(&machine, 512, 512)),
                         VDEV_OK);
        asked[i].polls = true;
    }
    vdev_block_poll(&disk.block);
    unsigned reads = machine.counts[VIRTIO_MMIO_INTERRUPT_STATUS / 4].reads;
    vdev_block_poll(&frontend.block);
    ck_assert_uint_eq(machine.counts[VIRTIO_MMIO_INTERRUPT_STATUS / 4].reads, reads + 1);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_ended(&asked[i], VDEV_OK);
    }
}
END_TEST

START_TEST(through_the_wrap_of_the_index)
{
    struct vdev_buffer data = machine_allocate(&machine, 512, 512);
    struct asked asked;
    for (unsigned i = 0; i < 66000; i++) {
        int status = ask(&asked, VDEV_BLOCK_READ, i % RAM_DISK_SECTORS, data);
        vdev_block_poll(&disk.block);
        vdev_block_poll(&frontend.block);
        if (status != VDEV_OK || asked.completed != 1 || asked.status != VDEV_OK ||
            memcmp(data.pointer, disk.bytes + i % RAM_DISK_SECTORS * 512, 512) != 0) {
            ck_abort_msg("at %u", i);
        }
    }
    ck_assert_uint_eq(frontend.restarts, 0);
}
END_TEST

START_TEST(a_failing_medium_reaches_the_driver_as_an_io_error)
{
    struct vdev_buffer data = machine_allocate(&machine, 1024, 512);
    struct asked read, write, good;
    disk.bad_sector = 41;
    ck_assert_int_eq(ask(&read, VDEV_BLOCK_READ, 40, data), VDEV_OK);
    ck_assert_int_eq(ask(&write, VDEV_BLOCK_WRITE, 41, data), VDEV_OK);
    ck_assert_int_eq(ask(&good, VDEV_BLOCK_READ, 42, data), VDEV_OK);
    settle();
    ck_assert_ended(&read, VDEV_ERROR_IO);
    ck_assert_ended(&write, VDEV_ERROR_IO);
    ck_assert_ended(&good, VDEV_OK);
    ck_assert_uint_eq(frontend.restarts, 0);
}
END_TEST

START_TEST(submit_refuses_what_it_cannot_do)
{
    struct vdev_buffer data = machine_allocate(&machine, 512, 512);
    struct asked asked;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, RAM_DISK_SECTORS, data), VDEV_ERROR_RANGE);
    struct vdev_buffer lost = data;
    lost.bus_address = VDEV_NO_BUS_ADDRESS;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, lost), VDEV_ERROR_INVALID);
    lost = data;
    lost.length = 511;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, lost), VDEV_ERROR_INVALID);
    asked.request.operation = (enum vdev_block_operation)9;
    ck_assert_int_eq(vdev_block_submit(&frontend.block, &asked.request), VDEV_ERROR_UNSUPPORTED);
}
END_TEST

START_TEST(a_device_that_needs_a_reset_gets_it)
{
    struct vdev_buffer data = machine_allocate(&machine, 1024, 512);
    struct asked lost, after;
    disk.held = true;
    ck_assert_int_eq(ask(&lost, VDEV_BLOCK_READ, 0, data), VDEV_OK);
    vdev_virtio_device_fail(&backend.device);
    ck_assert(machine.level);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&lost, VDEV_ERROR_IO);
    ck_assert_uint_eq(frontend.restarts, 1);
    disk.held = false;
    ck_assert_int_eq(ask(&after, VDEV_BLOCK_READ, 77, data), VDEV_OK);
    settle();
    ck_assert_ended(&after, VDEV_OK);
    ck_assert_mem_eq(data.pointer, disk.bytes + 77 * 512, 1024);
    ck_assert_uint_eq(lost.completed, 1);
}
END_TEST

START_TEST(a_new_capacity_is_learned)
{
    disk.block.information.sectors = 12;
    vdev_block_backend_resized(&backend);
    vdev_block_poll(&frontend.block);
    ck_assert_uint_eq(frontend.block.information.sectors, 12);
    ck_assert_uint_eq(frontend.restarts, 0);
}
END_TEST

START_TEST(stop_gives_everything_back)
{
    struct asked asked[10];
    disk.held = true;
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_int_eq(ask(&asked[i], VDEV_BLOCK_READ, i, machine_allocate(&machine, 512, 512)),
                         VDEV_OK);
    }
    ck_assert_int_eq(vdev_block_frontend_stop(&frontend), VDEV_OK);
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_ended(&asked[i], VDEV_ERROR_ABSENT);
    }
    ck_assert_uint_eq(backend.device.status, 0);
    ck_assert_int_eq(vdev_block_submit(&frontend.block, &asked[0].request), VDEV_ERROR_ABSENT);
    disk.held = false;
    vdev_block_poll(&disk.block);
    ck_assert_uint_eq(asked[0].completed, 1);
}
END_TEST

START_TEST(a_back_end_on_a_front_end)
{
    /* The class is the same on both sides, so they stack: a guest's disk in another guest's. */
    static struct vdev_block_backend upper;
    static struct vdev_block_backend_slot upper_slots[SLOTS];
    static struct vdev_buffer upper_buffers[SLOTS * 24];
    static struct machine guest;
    struct raw_queue queue;

    machine_init(&guest);
    /* The upper guest's memory is reachable for the lower device where the lower map has it. */
    guest.regions[0].pointer = machine.memory + MACHINE_BYTES / 2;
    guest.regions[0].length = MACHINE_BYTES / 2;
    guest.regions[0].bus_address = MACHINE_MEMORY + MACHINE_BYTES / 2;
    free(guest.memory);
    guest.memory = guest.regions[0].pointer;
    ck_assert_int_eq(vdev_block_backend_init(&upper,
                                             &(struct vdev_block_backend_configuration){
                                                 .memory = &guest.map,
                                                 .block = &frontend.block,
                                                 .slots = upper_slots,
                                                 .slot_count = SLOTS,
                                                 .buffers = upper_buffers,
                                                 .buffers_per_slot = 24,
                                                 .queue_size = 64,
                                             }),
                     VDEV_OK);
    machine_connect(&guest, &upper.device);
    raw_queue_init(&queue, &guest, 0);
    raw_begin(&guest, 0);
    raw_start(&queue);
    raw_finish(&guest);
    struct vdev_buffer header = machine_allocate(&guest, 16, 16);
    struct vdev_buffer data = machine_allocate(&guest, 1024, 512);
    struct vdev_buffer status = machine_allocate(&guest, 1, 1);
    memcpy(header.pointer, (uint32_t[]){VIRTIO_BLK_T_IN, 0, 300, 0}, 16);
    uint16_t head = raw_add(
        &queue,
        (struct raw_piece[]){raw_read_from(header), raw_write_to(data), raw_write_to(status)}, 3);
    raw_notify(&queue);
    settle();
    ck_assert_used(&queue, head, 1025);
    ck_assert_uint_eq(*(uint8_t *)status.pointer, VIRTIO_BLK_S_OK);
    ck_assert_mem_eq(data.pointer, disk.bytes + 300 * 512, 1024);
    disk.bad_sector = 301;
    raw_expose(&queue, head);
    raw_notify(&queue);
    settle();
    ck_assert_used(&queue, head, 1);
    ck_assert_uint_eq(*(uint8_t *)status.pointer, VIRTIO_BLK_S_IOERR);
    free(guest.read_only);
}
END_TEST

/* ---- against a device that breaks the rules ---- */

static struct fake_transport fake;

#define IDENTIFIER 0 /* the request that init makes */

/* Answer like a good device, but only the identifier, which init waits for. */
static void answer_identifier(struct fake_transport *self, uint16_t queue)
{
    struct vring_desc *table = fake_descriptor(self, queue, fake_head(self, queue, IDENTIFIER));
    if ((table->flags & VRING_DESC_F_INDIRECT) != 0) {
        table = (struct vring_desc *)(uintptr_t)table->addr;
    }
    memcpy((void *)(uintptr_t)table[1].addr, "fake", 5);
    *(uint8_t *)(uintptr_t)table[2].addr = VIRTIO_BLK_S_OK;
    self->on_notify = NULL;
    fake_give(self, queue, fake_head(self, queue, IDENTIFIER), 21);
}

#define BLOCK_FEATURES                                                                             \
    (1ull << VIRTIO_BLK_F_SIZE_MAX | 1ull << VIRTIO_BLK_F_SEG_MAX |                                \
     1ull << VIRTIO_BLK_F_BLK_SIZE | 1ull << VIRTIO_BLK_F_FLUSH)

static void put32(unsigned offset, uint32_t value)
{
    memcpy(fake.space + offset, &value, 4);
}

static void describe_fake(void)
{
    fake_init(&fake, VDEV_VIRTIO_ID_BLOCK, BLOCK_FEATURES);
    put32(0, 1000);
    put32(8, 4096);
    put32(12, 8);
    put32(20, 512);
    fake.on_notify = answer_identifier;
}

static void setup_fake_machine(void)
{
    machine_init(&machine);
    /* Bus addresses are pointers here. */
    describe_fake();
    configure(&fake.driver);
    struct vdev_buffer *parts[] = {&configuration.queue.descriptors, &configuration.queue.driver,
                                   &configuration.queue.device, &configuration.queue.indirect,
                                   &configuration.shared};
    for (unsigned i = 0; i < 5; i++) {
        parts[i]->bus_address = (uintptr_t)parts[i]->pointer;
    }
}

static void setup_fake(void)
{
    setup_fake_machine();
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
    ck_assert_str_eq(frontend.block.information.identifier, "fake");
}

static struct vdev_buffer room(size_t length)
{
    struct vdev_buffer buffer = machine_allocate(&machine, length, 512);
    buffer.bus_address = (uintptr_t)buffer.pointer;
    return buffer;
}

/* The descriptors of the `n`th request: its own table, or its head. */
static struct vring_desc *table_of(unsigned n)
{
    struct vring_desc *table = fake_descriptor(&fake, 0, fake_head(&fake, 0, n));
    if ((table->flags & VRING_DESC_F_INDIRECT) != 0) {
        return (struct vring_desc *)(uintptr_t)table->addr;
    }
    return table;
}

/* Follow the `n`th request to its last descriptor, the status. */
static void set_status(unsigned n, uint8_t status)
{
    struct vring_desc *at = fake_descriptor(&fake, 0, fake_head(&fake, 0, n));
    struct vring_desc *table = fake_descriptor(&fake, 0, 0);
    if ((at->flags & VRING_DESC_F_INDIRECT) != 0) {
        table = at = (struct vring_desc *)(uintptr_t)at->addr;
    }
    while ((at->flags & VRING_DESC_F_NEXT) != 0) {
        at = table + at->next;
    }
    ck_assert_uint_eq(at->len, 1);
    ck_assert_uint_eq(at->flags, VRING_DESC_F_WRITE);
    *(uint8_t *)(uintptr_t)at->addr = status;
}

/* The device has come back from a restart, and answers honestly. */
static void check_restarted(void)
{
    struct asked asked;
    ck_assert_uint_eq(frontend.restarts, 1);
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    set_status(0, VIRTIO_BLK_S_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 0), 513);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_OK);
    ck_assert_uint_eq(frontend.in_flight, 0);
    ck_assert_uint_eq(frontend.restarts, 1);
}

START_TEST(init_refuses_what_cannot_be)
{
    struct vdev_block_frontend_configuration with = configuration;
    with.piece_count = 2;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &with), VDEV_ERROR_INVALID);
    with = configuration;
    with.request_count = 0;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &with), VDEV_ERROR_INVALID);
    with = configuration;
    with.shared.length--;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &with), VDEV_ERROR_INVALID);
    with = configuration;
    with.shared.bus_address = VDEV_NO_BUS_ADDRESS;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &with), VDEV_ERROR_INVALID);
    with = configuration;
    with.queue.device.length--;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &with), VDEV_ERROR_INVALID);
    ck_assert_uint_eq(fake.status & VDEV_VIRTIO_STATUS_FAILED, VDEV_VIRTIO_STATUS_FAILED);
    with = configuration;
    fake.queue_size_maximum[0] = 16;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &with), VDEV_ERROR_RANGE);
    fake.queue_size_maximum[0] = 0;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &with), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(init_gives_up_on_devices_that_cannot_be)
{
    const struct {
        unsigned offset;
        uint32_t value;
    } wrong[] = {{8, 0}, {8, 511}, {12, 0}, {20, 0}, {20, 511}, {20, 513}, {20, 0xffffffff}};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        describe_fake();
        put32(wrong[i].offset, wrong[i].value);
        ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_INVALID);
        ck_assert(!frontend.alive);
    }
    describe_fake();
    fake.driver.id = VDEV_VIRTIO_ID_CONSOLE;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_ABSENT);
    describe_fake();
    fake.offered &= ~(1ull << 32);
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_UNSUPPORTED);
    describe_fake();
    fake.refuses = true;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_UNSUPPORTED);
    describe_fake();
    fake.restless = true;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_TIMEOUT);
    describe_fake();
    fake.status = 0xf;
    fake.never_resets = true;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_TIMEOUT);
    describe_fake();
    fake.on_notify = NULL; /* never answers */
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_TIMEOUT);
    ck_assert_uint_eq(fake.status, 0);
    describe_fake();
    fake.born_broken = true;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_IO);
    struct asked asked;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_ERROR_ABSENT);
    ck_assert(!vdev_block_poll(&frontend.block));
}
END_TEST

START_TEST(accepts_only_what_it_understands)
{
    describe_fake();
    fake.offered = UINT64_MAX;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
    ck_assert(fake.accepted ==
              (BLOCK_FEATURES | 1ull << VIRTIO_BLK_F_RO | 1ull << 28 | 1ull << 29 | 1ull << 32));
}
END_TEST

START_TEST(requests_have_the_specified_form)
{
    struct asked asked;
    ck_assert_uint_eq(frontend.block.information.maximum_buffers, 8);
    ck_assert_uint_eq(frontend.block.information.maximum_sectors, 8 * 4096 / 512);
    /* Longer than size_max: split; within seg_max. */
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0x123, room(3 * 4096 - 512)), VDEV_OK);
    struct vring_desc *table = table_of(1);
    const uint32_t *header = (const uint32_t *)(uintptr_t)table[0].addr;
    ck_assert_uint_eq(table[0].len, 16);
    ck_assert_uint_eq(header[0], VIRTIO_BLK_T_IN);
    ck_assert_uint_eq(header[1], 0);
    ck_assert_uint_eq(header[2], 0x123);
    ck_assert_uint_eq(header[3], 0);
    struct vring_desc *at = &table[table[0].next];
    const uint32_t lengths[] = {4096, 4096, 3584, 1};
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_eq(at->len, lengths[i]);
        if (i < 3) {
            ck_assert_uint_eq(at->addr, asked.buffers[0].bus_address + i * 4096);
        }
        ck_assert_uint_eq(at->flags, VRING_DESC_F_WRITE | (i < 3 ? VRING_DESC_F_NEXT : 0));
        at = &table[at->next];
    }
    /* More than seg_max pieces is over the device's limits. */
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(9 * 4096)), VDEV_ERROR_FULL);
}
END_TEST

START_TEST(an_id_out_of_range)
{
    struct asked asked;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    fake_give(&fake, 0, QUEUE, 513);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_ERROR_IO);
    check_restarted();
}
END_TEST

START_TEST(an_id_that_is_not_in_flight)
{
    struct asked asked;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    fake_give(&fake, 0, (fake_head(&fake, 0, 1) + 1u) % QUEUE, 513);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_ERROR_IO);
    check_restarted();
}
END_TEST

START_TEST(an_id_twice)
{
    struct asked first, second;
    ck_assert_int_eq(ask(&first, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    ck_assert_int_eq(ask(&second, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    set_status(1, VIRTIO_BLK_S_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 1), 513);
    fake_give(&fake, 0, fake_head(&fake, 0, 1), 513);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&first, VDEV_OK);
    ck_assert_ended(&second, VDEV_ERROR_IO);
    check_restarted();
}
END_TEST

START_TEST(an_id_never)
{
    struct asked asked;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    vdev_block_poll(&frontend.block);
    ck_assert_uint_eq(asked.completed, 0);
    vdev_virtual_clock_advance(&machine.clock, 4000000);
    vdev_block_poll(&frontend.block);
    ck_assert_uint_eq(asked.completed, 0);
    vdev_virtual_clock_advance(&machine.clock, 1000001);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_ERROR_TIMEOUT);
    check_restarted();
}
END_TEST

START_TEST(a_slow_device_that_goes_on_is_no_timeout)
{
    struct asked asked[5];
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_int_eq(ask(&asked[i], VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    }
    for (unsigned i = 0; i < 5; i++) {
        vdev_virtual_clock_advance(&machine.clock, 4000000);
        set_status(1 + i, VIRTIO_BLK_S_OK);
        fake_give(&fake, 0, fake_head(&fake, 0, 1 + i), 513);
        vdev_block_poll(&frontend.block);
        ck_assert_ended(&asked[i], VDEV_OK);
    }
    ck_assert_uint_eq(frontend.restarts, 0);
}
END_TEST

START_TEST(idle_time_is_no_timeout)
{
    struct asked asked;
    vdev_virtual_clock_advance(&machine.clock, 1000000000);
    vdev_block_poll(&frontend.block);
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    vdev_block_poll(&frontend.block);
    ck_assert_uint_eq(asked.completed, 0);
    ck_assert_uint_eq(frontend.restarts, 0);
}
END_TEST

START_TEST(an_index_that_jumps)
{
    struct asked asked;
    const uint16_t jumps[] = {2, QUEUE, QUEUE + 1, 0x8000, 0xffff};
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
        fake_used(&fake, 0)->idx = (uint16_t)(fake_used(&fake, 0)->idx + jumps[i]);
        vdev_block_poll(&frontend.block);
        ck_assert_ended(&asked, VDEV_ERROR_IO);
        ck_assert_uint_eq(frontend.restarts, i + 1);
    }
}
END_TEST

START_TEST(lengths_that_lie)
{
    struct asked asked;
    /* Longer than the buffer: clamped. */
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    set_status(1, VIRTIO_BLK_S_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 1), UINT32_MAX);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_OK);
    /* Success with less than all of it: that data is whatever memory held before. */
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    set_status(2, VIRTIO_BLK_S_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 2), 512);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_ERROR_IO);
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_WRITE, 0, room(512)), VDEV_OK);
    set_status(3, VIRTIO_BLK_S_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 3), 0);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_ERROR_IO);
    ck_assert_uint_eq(frontend.malformed, 2);
    ck_assert_uint_eq(frontend.restarts, 0);
}
END_TEST

START_TEST(statuses)
{
    const uint8_t wrong[] = {VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_UNSUPP, 3, 0x80, 0xff};
    struct asked asked;
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
        set_status(1 + i, wrong[i]);
        fake_give(&fake, 0, fake_head(&fake, 0, 1 + i), 513);
        vdev_block_poll(&frontend.block);
        ck_assert_ended(&asked, VDEV_ERROR_IO);
    }
    /* Not answered at all, though given back: what was there before is no answer. */
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 6), 513);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_ERROR_IO);
    ck_assert_uint_eq(frontend.malformed, 4); /* all but IOERR and UNSUPP */
}
END_TEST

START_TEST(a_device_that_rewrites_the_ring_and_the_headers)
{
    struct asked asked[3];
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(ask(&asked[i], VDEV_BLOCK_READ, i, room(512)), VDEV_OK);
    }
    uint16_t heads[3] = {fake_head(&fake, 0, 1), fake_head(&fake, 0, 2), fake_head(&fake, 0, 3)};
    for (unsigned i = 0; i < 3; i++) {
        set_status(1 + i, VIRTIO_BLK_S_OK);
    }
    memset(configuration.queue.descriptors.pointer, 0xff, configuration.queue.descriptors.length);
    memset(configuration.queue.driver.pointer, 0xff, configuration.queue.driver.length);
    memset(configuration.queue.indirect.pointer, 0xff, configuration.queue.indirect.length);
    for (unsigned i = 0; i < 3; i++) {
        fake_give(&fake, 0, heads[2 - i], 513);
    }
    vdev_block_poll(&frontend.block);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_ended(&asked[i], VDEV_OK);
    }
    ck_assert_uint_eq(frontend.restarts, 0);
    ck_assert_uint_eq(frontend.queue.free_count, QUEUE);
}
END_TEST

START_TEST(a_device_that_does_not_come_back)
{
    struct asked asked[9];
    /* Whoever retries at once must not make a loop. */
    ck_assert_int_eq(ask(&asked[8], VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    set_status(1, VIRTIO_BLK_S_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 1), 513);
    vdev_block_poll(&frontend.block);
    for (unsigned i = 0; i < 8; i++) {
        ck_assert_int_eq(ask(&asked[i], VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    }
    asked[0].again = &asked[8];
    fake.never_resets = true;
    fake.status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
    fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    uint64_t before = machine.clock.now;
    vdev_block_poll(&frontend.block);
    ck_assert_uint_le(machine.clock.now - before, 3 * VDEV_VIRTIO_RESET_NANOSECONDS);
    ck_assert_ended(&asked[1], VDEV_ERROR_IO);
    ck_assert_ended(&asked[7], VDEV_ERROR_ABSENT);
    ck_assert_uint_eq(asked[8].completed, 2);
    ck_assert_int_eq(asked[8].status, VDEV_ERROR_ABSENT);
    ck_assert(!frontend.alive);
    ck_assert_int_eq(ask(&asked[0], VDEV_BLOCK_READ, 0, room(512)), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(a_device_that_always_needs_a_reset)
{
    struct asked asked;
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
        fake.status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
        fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
        ck_assert(!vdev_block_poll(&frontend.block));
        ck_assert_ended(&asked, VDEV_ERROR_IO);
        ck_assert_uint_eq(frontend.restarts, i + 1); /* one in each poll */
    }
}
END_TEST

START_TEST(a_device_that_comes_back_smaller)
{
    struct asked asked[9];
    for (unsigned i = 0; i < 9; i++) {
        ck_assert_int_eq(ask(&asked[i], VDEV_BLOCK_WRITE, i * 100, room(2 * 512)), VDEV_OK);
    }
    /* Six are in flight; three are pending, at 600, 700 and 800. */
    put32(0, 701); /* sectors */
    put32(8, 512); /* size_max */
    put32(12, 2);  /* seg_max */
    fake.status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
    fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    vdev_block_poll(&frontend.block);
    for (unsigned i = 0; i < 6; i++) {
        ck_assert_ended(&asked[i], VDEV_ERROR_IO);
    }
    ck_assert_uint_eq(asked[6].completed, 0);
    ck_assert_ended(&asked[7], VDEV_ERROR_IO);
    ck_assert_ended(&asked[8], VDEV_ERROR_IO);
    ck_assert_uint_eq(frontend.in_flight, 1);
    set_status(0, VIRTIO_BLK_S_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 0), 1);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked[6], VDEV_OK);
}
END_TEST

START_TEST(limits_that_change_under_way_change_nothing)
{
    struct asked asked;
    put32(0, 5000);
    put32(8, 0);
    put32(12, 0);
    put32(20, 0);
    fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    vdev_block_poll(&frontend.block);
    ck_assert_uint_eq(frontend.block.information.sectors, 5000);
    ck_assert_uint_eq(frontend.restarts, 0);
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 4000, room(4096)), VDEV_OK);
    set_status(1, VIRTIO_BLK_S_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 1), 4097);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_OK);
}
END_TEST

START_TEST(a_flush_on_a_device_without_a_cache)
{
    describe_fake();
    fake.offered &= ~(1ull << VIRTIO_BLK_F_FLUSH);
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
    struct asked asked;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_FLUSH, 0, (struct vdev_buffer){0}), VDEV_OK);
    const uint32_t *header = (const uint32_t *)(uintptr_t)table_of(1)[0].addr;
    ck_assert_uint_ne(header[0], VIRTIO_BLK_T_FLUSH);
    set_status(1, VIRTIO_BLK_S_UNSUPP);
    fake_give(&fake, 0, fake_head(&fake, 0, 1), 1);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_OK);
}
END_TEST

static void answer_twenty_letters(struct fake_transport *self, uint16_t queue)
{
    answer_identifier(self, queue);
    memset((void *)(uintptr_t)table_of(IDENTIFIER)[1].addr, 'x', 20);
    fake_used(self, queue)->ring[0].len = UINT32_MAX;
}

START_TEST(fields_without_their_feature_are_not_looked_at)
{
    fake.offered = 1ull << 32;
    memset(fake.space + 8, 0, sizeof fake.space - 8);
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
    ck_assert_uint_eq(frontend.block.information.block_size, 512);
    ck_assert_uint_eq(frontend.block.information.maximum_buffers, PIECES - 2);
}
END_TEST

START_TEST(an_identifier_without_an_end)
{
    fake.on_notify = answer_twenty_letters;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
    ck_assert_str_eq(frontend.block.information.identifier, "xxxxxxxxxxxxxxxxxxxx");
}
END_TEST

static void add_pair(Suite *suite)
{
    TCase *tests = tcase_create("block front-end against our back-end");
    tcase_add_checked_fixture(tests, setup_pair, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, learns_what_the_device_is);
    tcase_add_test(tests, reads_and_writes_end_to_end);
    tcase_add_test(tests, a_request_costs_three_register_accesses);
    tcase_add_test(tests, more_requests_than_there_is_room_for_wait_and_complete);
    tcase_add_test(tests, a_completion_may_submit);
    tcase_add_test(tests, a_completion_may_not_poll);
    tcase_add_test(tests, through_the_wrap_of_the_index);
    tcase_add_test(tests, a_failing_medium_reaches_the_driver_as_an_io_error);
    tcase_add_test(tests, submit_refuses_what_it_cannot_do);
    tcase_add_test(tests, a_device_that_needs_a_reset_gets_it);
    tcase_add_test(tests, a_new_capacity_is_learned);
    tcase_add_test(tests, stop_gives_everything_back);
    tcase_add_test(tests, a_back_end_on_a_front_end);
    suite_add_tcase(suite, tests);
}

static void add_hostile(Suite *suite)
{
    TCase *tests = tcase_create("block front-end against a hostile device, starting");
    tcase_add_checked_fixture(tests, setup_fake_machine, teardown);
    tcase_add_test(tests, init_refuses_what_cannot_be);
    tcase_add_test(tests, init_gives_up_on_devices_that_cannot_be);
    tcase_add_test(tests, accepts_only_what_it_understands);
    tcase_add_test(tests, a_flush_on_a_device_without_a_cache);
    tcase_add_test(tests, fields_without_their_feature_are_not_looked_at);
    tcase_add_test(tests, an_identifier_without_an_end);
    suite_add_tcase(suite, tests);
    tests = tcase_create("block front-end against a hostile device, running");
    tcase_add_checked_fixture(tests, setup_fake, teardown);
    tcase_add_test(tests, requests_have_the_specified_form);
    tcase_add_test(tests, an_id_out_of_range);
    tcase_add_test(tests, an_id_that_is_not_in_flight);
    tcase_add_test(tests, an_id_twice);
    tcase_add_test(tests, an_id_never);
    tcase_add_test(tests, a_slow_device_that_goes_on_is_no_timeout);
    tcase_add_test(tests, idle_time_is_no_timeout);
    tcase_add_test(tests, an_index_that_jumps);
    tcase_add_test(tests, lengths_that_lie);
    tcase_add_test(tests, statuses);
    tcase_add_test(tests, a_device_that_rewrites_the_ring_and_the_headers);
    tcase_add_test(tests, a_device_that_does_not_come_back);
    tcase_add_test(tests, a_device_that_always_needs_a_reset);
    tcase_add_test(tests, a_device_that_comes_back_smaller);
    tcase_add_test(tests, limits_that_change_under_way_change_nothing);
    suite_add_tcase(suite, tests);
}

int main(void)
{
    Suite *suite = suite_create("frontend_block");
    add_pair(suite);
    add_hostile(suite);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
