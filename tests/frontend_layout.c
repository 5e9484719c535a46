/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of the front-ends laid out in two areas: every part where it may be and apart from all
 * others, no byte more than is said, and refused whole if it does not fit. And a block front-end
 * that runs in such memory, whose user knows no bus addresses. The net front-end's bounce memory is
 * in net_frontend_bounce.c.
 */
#include "support/ram_disk.h"
#include "support/virtio_machine.h"

#include <vdev/backends/block.h>
#include <vdev/frontends/layout.h>

#define AREA  (256u * 1024)
#define BUS   UINT64_C(0x1234560000)
#define PARTS 48

static struct vdev_frontend_memory memory;
static uint8_t *shared_bytes, *own_bytes;

/* Two areas of these lengths: of the heap, where a byte too many is found out. */
static void give(size_t shared_length, size_t own_length)
{
    free(shared_bytes);
    free(own_bytes);
    shared_bytes = aligned_alloc(64, AREA);
    own_bytes = malloc(own_length);
    memory = (struct vdev_frontend_memory){{shared_bytes, shared_length, BUS},
                                           {own_bytes, own_length, VDEV_NO_BUS_ADDRESS}};
}

static void teardown(void)
{
    free(shared_bytes);
    free(own_bytes);
    shared_bytes = own_bytes = NULL;
}

/* ---- parts ---- */

static struct {
    const uint8_t *pointer;
    size_t length;
} parts[PARTS];
static unsigned part_count;

static void part(const void *pointer, size_t length)
{
    const uint8_t *bytes = pointer;

    ck_assert_ptr_nonnull(bytes);
    for (unsigned i = 0; i < part_count; i++) {
        ck_assert(bytes + length <= parts[i].pointer ||
                  parts[i].pointer + parts[i].length <= bytes);
    }
    ck_assert_uint_lt(part_count, PARTS);
    parts[part_count].pointer = bytes;
    parts[part_count++].length = length;
}

static void own_part(const void *pointer, size_t length)
{
    part(pointer, length);
    ck_assert_uint_eq((uintptr_t)pointer % _Alignof(max_align_t), 0);
    ck_assert((const uint8_t *)pointer >= own_bytes);
    ck_assert((const uint8_t *)pointer + length <= (uint8_t *)memory.own.pointer);
}

static void shared_part(struct vdev_buffer buffer, size_t length)
{
    const uint8_t *bytes = buffer.pointer;

    part(bytes, length);
    ck_assert_uint_eq(buffer.length, length);
    ck_assert_uint_eq((uintptr_t)bytes % VDEV_FRONTEND_ALIGNMENT, 0);
    ck_assert(bytes >= shared_bytes);
    ck_assert(bytes + length <= (uint8_t *)memory.shared.pointer);
    ck_assert_uint_eq(buffer.bus_address, BUS + (uint64_t)(bytes - shared_bytes));
}

static void queue_parts(const struct vdev_driver_queue_memory *queue, uint16_t size)
{
    shared_part(queue->descriptors, 16u * size);
    shared_part(queue->driver, 6 + 2u * size);
    shared_part(queue->device, 6 + 8u * size);
    own_part(queue->slots, size * sizeof *queue->slots);
    if (queue->indirect_count != 0) {
        shared_part(queue->indirect, 16u * size * queue->indirect_count);
    } else {
        ck_assert_ptr_null(queue->indirect.pointer);
    }
}

/* ---- numbers ---- */

static struct vdev_block_frontend_configuration block_numbers(void)
{
    return (struct vdev_block_frontend_configuration){
        .queue = {.indirect_count = 5}, .queue_size = 8, .request_count = 3, .piece_count = 7};
}

static struct vdev_console_frontend_configuration console_numbers(void)
{
    return (struct vdev_console_frontend_configuration){
        .queue_size = 4, .receive_count = 3, .transmit_count = 2, .buffer_size = 33};
}

static struct vdev_net_frontend_configuration net_numbers(void)
{
    return (struct vdev_net_frontend_configuration){.transmit_queue = {.indirect_count = 3},
                                                    .queue_size = 16,
                                                    .receive_size = 1531,
                                                    .receive_count = 9,
                                                    .transmission_count = 5,
                                                    .piece_count = 4,
                                                    .bounce_size = 1499,
                                                    .control_queue_size = 4};
}

START_TEST(all_parts_lie_apart_and_aligned)
{
    struct vdev_block_frontend_configuration block = block_numbers();
    struct vdev_console_frontend_configuration console = console_numbers();
    struct vdev_net_frontend_configuration net = net_numbers();

    /* All three in the same areas. */
    give(AREA, 16384);
    part_count = 0;
    ck_assert_int_eq(vdev_block_frontend_lay_out(&block, &memory), VDEV_OK);
    queue_parts(&block.queue, 8);
    shared_part(block.shared, 3 * VDEV_BLOCK_FRONTEND_SHARED_BYTES);
    own_part(block.requests, 3 * sizeof *block.requests);
    own_part(block.pieces, 7 * sizeof *block.pieces);
    ck_assert_mem_eq(&block.data, &memory.shared, sizeof block.data);
    ck_assert_int_eq(vdev_console_frontend_lay_out(&console, &memory), VDEV_OK);
    queue_parts(&console.receive_queue, 4);
    queue_parts(&console.transmit_queue, 4);
    shared_part(console.receive_memory, 3 * 33);
    shared_part(console.transmit_memory, 2 * 33);
    ck_assert_int_eq(vdev_net_frontend_lay_out(&net, &memory), VDEV_OK);
    queue_parts(&net.receive_queue, 16);
    queue_parts(&net.transmit_queue, 16);
    queue_parts(&net.control_queue, 4);
    shared_part(net.receive_memory, 9 * 1531);
    shared_part(net.headers, 5 * VDEV_NET_FRONTEND_SLOT_BYTES);
    shared_part(net.bounce, 5 * 1499);
    shared_part(net.control, VDEV_NET_FRONTEND_CONTROL_BYTES);
    own_part(net.received, 9 * sizeof *net.received);
    own_part(net.transmissions, 5 * sizeof *net.transmissions);
    own_part(net.pieces, 4 * sizeof *net.pieces);
    ck_assert_uint_eq(memory.shared.length,
                      (size_t)(shared_bytes + AREA - (uint8_t *)memory.shared.pointer));
}
END_TEST

START_TEST(what_is_not_asked_for_is_not_there)
{
    struct vdev_net_frontend_configuration net = net_numbers();
    struct vdev_block_frontend_configuration block = block_numbers();
    struct vdev_buffer data = {&net, 1, 7};

    net.bounce_size = 0;
    net.control_queue_size = 0;
    give(AREA, 16384);
    ck_assert_int_eq(vdev_net_frontend_lay_out(&net, &memory), VDEV_OK);
    ck_assert_ptr_null(net.bounce.pointer);
    ck_assert_ptr_null(net.control.pointer);
    ck_assert_ptr_null(net.control_queue.slots);
    ck_assert_uint_lt(vdev_net_frontend_bytes(&net).shared,
                      vdev_net_frontend_bytes(&(struct vdev_net_frontend_configuration){
                                                  .queue_size = 16,
                                                  .receive_size = 1531,
                                                  .receive_count = 9,
                                                  .transmission_count = 5,
                                                  .bounce_size = 1499,
                                              })
                          .shared);
    block.data = data;
    ck_assert_int_eq(vdev_block_frontend_lay_out(&block, &memory), VDEV_OK);
    ck_assert_mem_eq(&block.data, &data, sizeof data);
}
END_TEST

/* ---- how much ---- */

/* It fits into what is said, to the byte, and is refused whole by a byte less of either. */
#define CHECK_BYTES(kind, numbers)                                                                 \
    do {                                                                                           \
        struct vdev_##kind##_frontend_configuration filled = numbers(), other = numbers();         \
        const struct vdev_##kind##_frontend_configuration empty = filled;                          \
        struct vdev_frontend_bytes bytes = vdev_##kind##_frontend_bytes(&filled);                  \
        ck_assert_mem_eq(&filled, &empty, sizeof empty);                                           \
        for (unsigned less = 1; less <= 2; less++) {                                               \
            give(bytes.shared - less % 2, bytes.own - less / 2);                                   \
            const struct vdev_frontend_memory before = memory;                                     \
            ck_assert_int_eq(vdev_##kind##_frontend_lay_out(&other, &memory), VDEV_ERROR_FULL);    \
            ck_assert_mem_eq(&other, &empty, sizeof empty);                                        \
            ck_assert_mem_eq(&memory, &before, sizeof memory);                                     \
        }                                                                                          \
        give(bytes.shared, bytes.own);                                                             \
        ck_assert_int_eq(vdev_##kind##_frontend_lay_out(&filled, &memory), VDEV_OK);               \
        ck_assert_uint_eq(memory.shared.length, 0);                                                \
        ck_assert_uint_eq(memory.own.length, 0);                                                   \
    } while (0)

START_TEST(it_takes_what_it_says)
{
    CHECK_BYTES(block, block_numbers);
    CHECK_BYTES(console, console_numbers);
    CHECK_BYTES(net, net_numbers);
}
END_TEST

START_TEST(the_largest_numbers_do_not_wrap)
{
    struct vdev_net_frontend_configuration net = {.receive_queue = {.indirect_count = UINT16_MAX},
                                                  .transmit_queue = {.indirect_count = UINT16_MAX},
                                                  .queue_size = 32768,
                                                  .receive_size = UINT32_MAX,
                                                  .receive_count = UINT16_MAX,
                                                  .transmission_count = UINT16_MAX,
                                                  .piece_count = UINT16_MAX,
                                                  .bounce_size = UINT32_MAX};
    struct vdev_console_frontend_configuration console = {.queue_size = 32768,
                                                          .receive_count = UINT16_MAX,
                                                          .transmit_count = UINT16_MAX,
                                                          .buffer_size = UINT32_MAX};
    const uint64_t most = (uint64_t)UINT32_MAX * UINT16_MAX;

    ck_assert_uint_gt(vdev_net_frontend_bytes(&net).shared,
                      2 * most + 2 * UINT64_C(32768) * 16 * UINT16_MAX);
    ck_assert_uint_gt(vdev_console_frontend_bytes(&console).shared, 2 * most);
    give(AREA, 16384);
    ck_assert_int_eq(vdev_net_frontend_lay_out(&net, &memory), VDEV_ERROR_FULL);
    ck_assert_int_eq(vdev_console_frontend_lay_out(&console, &memory), VDEV_ERROR_FULL);
}
END_TEST

START_TEST(memory_that_is_not_aligned_is_made_so)
{
    struct vdev_console_frontend_configuration console = console_numbers();

    for (unsigned at = 1; at < 130; at += 3) {
        give(AREA, 16384);
        memory.shared = (struct vdev_buffer){shared_bytes + at, AREA - at, BUS + at};
        memory.own.pointer = own_bytes + at;
        memory.own.length -= at;
        part_count = 0;
        ck_assert_int_eq(vdev_console_frontend_lay_out(&console, &memory), VDEV_OK);
        queue_parts(&console.receive_queue, 4);
        queue_parts(&console.transmit_queue, 4);
        shared_part(console.receive_memory, 3 * 33);
        shared_part(console.transmit_memory, 2 * 33);
    }
}
END_TEST

START_TEST(memory_that_the_device_does_not_reach_is_refused)
{
    struct vdev_console_frontend_configuration console = console_numbers();

    give(AREA, 16384);
    memory.shared.bus_address = VDEV_NO_BUS_ADDRESS;
    ck_assert_int_eq(vdev_console_frontend_lay_out(&console, &memory), VDEV_ERROR_INVALID);
    /* Here aligned parts would not be so for the device. */
    memory.shared.bus_address = BUS + 16;
    ck_assert_int_eq(vdev_console_frontend_lay_out(&console, &memory), VDEV_ERROR_INVALID);
    memory.shared.bus_address = BUS + 64;
    ck_assert_int_eq(vdev_console_frontend_lay_out(&console, &memory), VDEV_OK);
}
END_TEST

START_TEST(parts_for_others_are_taken_while_there_are)
{
    give(300, 16384);
    struct vdev_buffer first = vdev_frontend_take(&memory.shared, 65);
    struct vdev_buffer second = vdev_frontend_take(&memory.shared, 64);
    ck_assert_ptr_eq((uint8_t *)first.pointer, shared_bytes);
    ck_assert_ptr_eq((uint8_t *)second.pointer, shared_bytes + 128);
    ck_assert_uint_eq(second.bus_address, BUS + 128);
    ck_assert_uint_eq(memory.shared.length, 300 - 192);
    ck_assert_ptr_null(vdev_frontend_take(&memory.shared, 109).pointer);
    ck_assert_ptr_null(vdev_frontend_take(&memory.shared, SIZE_MAX).pointer);
    ck_assert_uint_eq(vdev_frontend_take(&memory.shared, 108).length, 108);
    ck_assert_ptr_null(vdev_frontend_take(&memory.shared, 1).pointer);
    ck_assert_uint_eq(vdev_frontend_take(&memory.own, 8).bus_address, VDEV_NO_BUS_ADDRESS);
    ck_assert_uint_eq(memory.own.bus_address, VDEV_NO_BUS_ADDRESS);
}
END_TEST

/* ---- a front-end in such memory ---- */

static struct machine machine;
static struct ram_disk disk;
static struct vdev_block_backend backend;
static struct vdev_block_backend_slot slots[4];
static struct vdev_buffer slot_buffers[4 * 24];
static struct vdev_virtio_mmio_driver driver;
static struct vdev_block_frontend frontend;
static int result;

static void on_complete(struct vdev_block_request *request, int status)
{
    ck_assert_ptr_eq(request->owner, &result);
    result = status;
}

static int run(enum vdev_block_operation operation, struct vdev_buffer *buffers, size_t count)
{
    struct vdev_block_request request = {.operation = operation,
                                         .sector = 9,
                                         .buffers = buffers,
                                         .buffer_count = count,
                                         .complete = on_complete,
                                         .owner = &result};
    int status = vdev_block_submit(&frontend.block, &request);

    result = VDEV_ERROR_EMPTY;
    for (unsigned i = 0; status == VDEV_OK && result == VDEV_ERROR_EMPTY; i++) {
        ck_assert_uint_lt(i, 100);
        vdev_block_poll(&disk.block);
        vdev_block_poll(&frontend.block);
    }
    return status == VDEV_OK ? result : status;
}

START_TEST(a_disk_whose_user_knows_no_bus_addresses)
{
    struct vdev_block_frontend_configuration configuration = block_numbers();

    machine_init(&machine);
    ram_disk_init(&disk);
    ck_assert_int_eq(vdev_block_backend_init(&backend,
                                             &(struct vdev_block_backend_configuration){
                                                 .memory = &machine.map,
                                                 .block = &disk.block,
                                                 .slots = slots,
                                                 .slot_count = 4,
                                                 .buffers = slot_buffers,
                                                 .buffers_per_slot = 24,
                                                 .queue_size = 64,
                                             }),
                     VDEV_OK);
    machine_connect(&machine, &backend.device);
    ck_assert_int_eq(vdev_virtio_mmio_driver_init(&driver, &machine.io), VDEV_OK);
    struct vdev_frontend_bytes bytes = vdev_block_frontend_bytes(&configuration);
    give(0, bytes.own);
    memory.shared = machine_allocate(&machine, bytes.shared + 4096, 64);
    struct vdev_buffer around = memory.shared;
    configuration.transport = &driver.driver;
    configuration.clock = &machine.clock.clock;
    ck_assert_int_eq(vdev_block_frontend_lay_out(&configuration, &memory), VDEV_OK);
    ck_assert_uint_eq(memory.shared.length, 4096);
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);

    uint8_t *data = vdev_frontend_take(&memory.shared, 4096).pointer;
    struct vdev_buffer pair[] = {{data + 1024, 100, VDEV_NO_BUS_ADDRESS},
                                 {data + 4096 - 412, 412, VDEV_NO_BUS_ADDRESS}};
    struct vdev_buffer start = {data, 512, VDEV_NO_BUS_ADDRESS};
    memset(data, 0x11, 2048);
    memset(data + 2048, 0x22, 2048);
    ck_assert_int_eq(run(VDEV_BLOCK_WRITE, pair, 2), VDEV_OK);
    ck_assert_uint_eq(pair[0].bus_address, VDEV_NO_BUS_ADDRESS); /* the list is its user's */
    ck_assert_uint_eq(disk.bytes[9 * 512 + 99], 0x11);
    ck_assert_uint_eq(disk.bytes[9 * 512 + 100], 0x22);
    ck_assert_int_eq(run(VDEV_BLOCK_READ, &start, 1), VDEV_OK);
    ck_assert_mem_eq(data, disk.bytes + 9 * 512, 512);

    /* Whatever lies elsewhere, if only by a byte, still has to say where. */
    struct vdev_buffer bad[] = {
        {data + 4096 - 511, 512, VDEV_NO_BUS_ADDRESS}, {data - 1, 512, VDEV_NO_BUS_ADDRESS},
        {data + 4096, 512, VDEV_NO_BUS_ADDRESS},       {around.pointer, 512, VDEV_NO_BUS_ADDRESS},
        {data, SIZE_MAX - 511, VDEV_NO_BUS_ADDRESS},   {disk.bytes, 512, VDEV_NO_BUS_ADDRESS}};
    for (unsigned i = 0; i < 6; i++) {
        ck_assert_int_ne(run(VDEV_BLOCK_READ, &bad[i], 1), VDEV_OK);
        ck_assert_uint_eq(frontend.in_flight, 0);
    }
    ck_assert_int_eq(run(VDEV_BLOCK_READ, &bad[0], 1), VDEV_ERROR_INVALID);
    /* And an address that is said counts. */
    struct vdev_buffer other = machine_allocate(&machine, 512, 64);
    start.bus_address = other.bus_address;
    memset(data, 0, 512);
    ck_assert_int_eq(run(VDEV_BLOCK_READ, &start, 1), VDEV_OK);
    ck_assert_mem_eq(other.pointer, disk.bytes + 9 * 512, 512);
    ck_assert_uint_eq(data[0], 0);

    configuration.data.bus_address = VDEV_NO_BUS_ADDRESS;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_INVALID);
    machine_finish(&machine);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frontend_layout");
    TCase *layout = tcase_create("layout");
    tcase_add_checked_fixture(layout, NULL, teardown);
    tcase_add_test(layout, all_parts_lie_apart_and_aligned);
    tcase_add_test(layout, what_is_not_asked_for_is_not_there);
    tcase_add_test(layout, it_takes_what_it_says);
    tcase_add_test(layout, the_largest_numbers_do_not_wrap);
    tcase_add_test(layout, memory_that_is_not_aligned_is_made_so);
    tcase_add_test(layout, memory_that_the_device_does_not_reach_is_refused);
    tcase_add_test(layout, parts_for_others_are_taken_while_there_are);
    tcase_add_test(layout, a_disk_whose_user_knows_no_bus_addresses);
    suite_add_tcase(suite, layout);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
