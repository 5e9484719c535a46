/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-mmio, version 2: each register of the device's end (what it reads as after reset, its
 * width, the states in which a write takes effect), the interrupt as a level, and the driver's
 * end's look at what is there. The device behind it is a console back-end.
 */
#include "support/console_pipe.h"
#include "support/virtio_machine.h"

#include <vdev/backends/console.h>

static struct machine machine;
static struct console_pipe console;
static struct vdev_console_backend backend;
static struct vdev_buffer buffers[8];
static struct raw_queue receive, transmit;

static void setup(void)
{
    machine_init(&machine);
    console_pipe_init(&console);
    ck_assert_int_eq(vdev_console_backend_init(&backend,
                                               &(struct vdev_console_backend_configuration){
                                                   .memory = &machine.map,
                                                   .console = &console.console,
                                                   .buffers = buffers,
                                                   .buffer_count = 8,
                                                   .queue_size = MACHINE_QUEUE,
                                               }),
                     VDEV_OK);
    machine_connect(&machine, &backend.device);
    raw_queue_init(&receive, &machine, 0);
    raw_queue_init(&transmit, &machine, 1);
}

static void teardown(void)
{
    machine_finish(&machine);
}

static void run_device(void)
{
    raw_begin(&machine, 1u << 0);
    raw_start(&receive);
    raw_start(&transmit);
    raw_finish(&machine);
}

enum kind { READ = 1, WRITE = 2 };

/* [VIRTIO 1.4 §4.2.2], in the order of the table there. */
static const struct {
    uint32_t offset;
    unsigned kinds;
    uint32_t reset;
} registers[] = {
    {0x000, READ, 0x74726976}, {0x004, READ, 2},          {0x008, READ, 3},
    {0x00c, READ, 0x76656476}, {0x010, READ, 0x30000001}, {0x014, WRITE, 0},
    {0x020, WRITE, 0},         {0x024, WRITE, 0},         {0x030, WRITE, 0},
    {0x034, READ, 64},         {0x038, WRITE, 0},         {0x044, READ | WRITE, 0},
    {0x050, WRITE, 0},         {0x060, READ, 0},          {0x064, WRITE, 0},
    {0x070, READ | WRITE, 0},  {0x080, WRITE, 0},         {0x084, WRITE, 0},
    {0x090, WRITE, 0},         {0x094, WRITE, 0},         {0x0a0, WRITE, 0},
    {0x0a4, WRITE, 0},         {0x0ac, WRITE, 0},         {0x0b0, READ, 0xffffffff},
    {0x0b4, READ, 0xffffffff}, {0x0b8, READ, 0xffffffff}, {0x0bc, READ, 0xffffffff},
    {0x0c0, READ | WRITE, 0},  {0x0fc, READ, 0},
};
#define REGISTERS (sizeof registers / sizeof registers[0])

START_TEST(each_register_has_its_reset_value)
{
    for (unsigned i = 0; i < REGISTERS; i++) {
        ck_assert_msg(machine_read32(&machine, registers[i].offset) == registers[i].reset,
                      "register %#x", registers[i].offset);
    }
    ck_assert_uint_eq(machine.aborts, 0);
}
END_TEST

START_TEST(each_register_is_32_bits_wide)
{
    for (unsigned i = 0; i < REGISTERS; i++) {
        for (unsigned width = 1; width <= 8; width *= 2) {
            machine_read(&machine, registers[i].offset, width);
            int expected = width == 4 ? VDEV_OK : VDEV_ERROR_UNSUPPORTED;
            ck_assert_msg(machine.last_status == expected, "read %#x by %u: %s",
                          registers[i].offset, width, vdev_status_name(machine.last_status));
            machine_write(&machine, registers[i].offset, width == 4 ? 1 : width, 0);
            ck_assert_int_eq(machine.last_status, VDEV_ERROR_UNSUPPORTED);
        }
    }
}
END_TEST

START_TEST(there_is_no_register_in_between)
{
    for (uint32_t offset = 0, i = 0; offset < 0x100; offset += 4) {
        if (i < REGISTERS && registers[i].offset == offset) {
            i++;
            continue;
        }
        machine_read32(&machine, offset);
        ck_assert_msg(machine.last_status == VDEV_ERROR_RANGE, "read %#x", offset);
        machine_write32(&machine, offset, 1);
        ck_assert_msg(machine.last_status == VDEV_ERROR_RANGE, "write %#x", offset);
    }
}
END_TEST

START_TEST(read_only_registers_stay_and_the_mistake_is_counted)
{
    for (unsigned i = 0; i < REGISTERS; i++) {
        if ((registers[i].kinds & WRITE) != 0) {
            continue;
        }
        uint32_t refused = backend.device.refused;
        machine_write32(&machine, registers[i].offset, 0x5a5a5a5a);
        ck_assert_msg(backend.device.refused == refused + 1, "write %#x", registers[i].offset);
        ck_assert_uint_eq(machine_read32(&machine, registers[i].offset), registers[i].reset);
    }
    ck_assert_uint_eq(machine.aborts, 0);
}
END_TEST

START_TEST(features_by_word)
{
    machine_write32(&machine, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_DEVICE_FEATURES), 1);
    machine_write32(&machine, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_DEVICE_FEATURES), 0);
    /* DRIVER_FEATURES goes where its own selector says, not the device's. */
    machine_write32(&machine, VIRTIO_MMIO_STATUS, 1);
    machine_write32(&machine, VIRTIO_MMIO_STATUS, 3);
    machine_write32(&machine, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    machine_write32(&machine, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
    machine_write32(&machine, VIRTIO_MMIO_DRIVER_FEATURES, 1);
    ck_assert(backend.device.accepted == 1ull << 32);
    machine_write32(&machine, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    machine_write32(&machine, VIRTIO_MMIO_DRIVER_FEATURES, 0x20000001);
    machine_write32(&machine, VIRTIO_MMIO_STATUS, 0xb);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_STATUS), 0xb);
    /* After FEATURES_OK nothing changes any more. */
    machine_write32(&machine, VIRTIO_MMIO_DRIVER_FEATURES, 0);
    ck_assert(backend.device.accepted == (1ull << 32 | 0x20000001));
}
END_TEST

START_TEST(queues_that_do_not_exist)
{
    raw_begin(&machine, 0);
    const uint32_t selectors[] = {2, 0x10000, 0x10001, 0x80000000, UINT32_MAX};
    for (unsigned i = 0; i < 5; i++) {
        machine_write32(&machine, VIRTIO_MMIO_QUEUE_SEL, selectors[i]);
        ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
        ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_QUEUE_READY), 0);
        uint32_t refused = backend.device.refused;
        machine_write32(&machine, VIRTIO_MMIO_QUEUE_NUM, 8);
        machine_write32(&machine, VIRTIO_MMIO_QUEUE_DESC_LOW, 0x1000);
        machine_write32(&machine, VIRTIO_MMIO_QUEUE_READY, 1);
        machine_write32(&machine, VIRTIO_MMIO_QUEUE_READY, 0);
        machine_write32(&machine, VIRTIO_MMIO_QUEUE_NOTIFY, selectors[i]);
        ck_assert_uint_eq(backend.device.refused, refused + 5);
    }
    ck_assert_uint_eq(backend.queues[0].configuration.size, 0);
    ck_assert_uint_eq(backend.queues[1].configuration.size, 0);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_STATUS), 0xb);
    ck_assert_uint_eq(machine.aborts, 0);
}
END_TEST

/* What the seven registers of a queue came to. */
static void check_set_up(bool taken)
{
    const struct vdev_virtqueue_configuration *set = &backend.queues[1].configuration;

    machine_write32(&machine, VIRTIO_MMIO_QUEUE_SEL, 1);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_NUM, 32);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_DESC_LOW, 0x11111110);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_DESC_HIGH, 0x1);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_AVAIL_LOW, 0x22222220);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 0x2);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_USED_LOW, 0x33333330);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_USED_HIGH, 0x3);
    ck_assert((set->size == 32) == taken);
    ck_assert((set->descriptor_address == 0x111111110) == taken);
    ck_assert((set->driver_address == 0x222222220) == taken);
    ck_assert((set->device_address == 0x333333330) == taken);
}

START_TEST(queue_registers_take_effect_in_their_states_only)
{
    check_set_up(false);
    machine_write32(&machine, VIRTIO_MMIO_STATUS, 3);
    check_set_up(false);
    raw_begin(&machine, 0);
    check_set_up(true);
    ck_assert_uint_eq(backend.queues[0].configuration.size, 0);
    raw_begin(&machine, 0);
    raw_start(&transmit);
    check_set_up(false); /* ready */
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_READY, 0);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_QUEUE_READY), 0);
    check_set_up(true);
    run_device();
    check_set_up(false); /* running */
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_READY, 0);
    check_set_up(false); /* stopped, but running */
    ck_assert_uint_eq(machine.aborts, 0);
}
END_TEST

START_TEST(queue_size_is_not_truncated)
{
    const uint32_t sizes[] = {0x10040, 0x80000040, 65, 128, UINT32_MAX};
    for (unsigned i = 0; i < 5; i++) {
        raw_begin(&machine, 0);
        raw_write_queue(&transmit);
        machine_write32(&machine, VIRTIO_MMIO_QUEUE_READY, 0);
        machine_write32(&machine, VIRTIO_MMIO_QUEUE_NUM, sizes[i]);
        machine_write32(&machine, VIRTIO_MMIO_QUEUE_READY, 1);
        ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_QUEUE_READY), 0);
        ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_STATUS), 0x4b);
    }
}
END_TEST

START_TEST(queue_ready_takes_0_and_1_only)
{
    raw_begin(&machine, 0);
    raw_write_queue(&transmit);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_READY, 0);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_READY, 3);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_QUEUE_READY), 0);
    ck_assert_uint_eq(backend.device.refused, 1);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_READY, 1);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_READY, 0x100);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_QUEUE_READY), 1);
}
END_TEST

START_TEST(the_notified_queue_is_served_not_the_selected_one)
{
    run_device();
    struct vdev_buffer text = machine_allocate(&machine, 4, 4);
    memcpy(text.pointer, "ahoy", 4);
    uint16_t head = raw_add(&transmit, (struct raw_piece[]){raw_read_from(text)}, 1);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_SEL, 0);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    ck_assert_not_used(&transmit);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_NOTIFY, 0x10001);
    ck_assert_not_used(&transmit);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
    ck_assert_used(&transmit, head, 0);
}
END_TEST

START_TEST(the_interrupt_is_a_level_that_acknowledging_lowers)
{
    run_device();
    struct vdev_buffer text = machine_allocate(&machine, 4, 4);
    raw_add(&transmit, (struct raw_piece[]){raw_read_from(text)}, 1);
    raw_notify(&transmit);
    ck_assert(machine.level);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
    console_pipe_resize(&console, 132, 50);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_INTERRUPT_STATUS), 3);
    machine_write32(&machine, VIRTIO_MMIO_INTERRUPT_ACK, 1);
    ck_assert(machine.level); /* the other cause is still there */
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_INTERRUPT_STATUS), 2);
    machine_write32(&machine, VIRTIO_MMIO_INTERRUPT_ACK, 0xfffffffc);
    ck_assert(machine.level);
    machine_write32(&machine, VIRTIO_MMIO_INTERRUPT_ACK, 2);
    ck_assert(!machine.level);
    ck_assert_uint_eq(machine.raised, 1);
}
END_TEST

START_TEST(reset_clears_what_the_specification_names)
{
    run_device();
    raw_add(&transmit, (struct raw_piece[]){raw_read_from(machine_allocate(&machine, 4, 4))}, 1);
    raw_notify(&transmit);
    ck_assert(machine.level);
    machine_write32(&machine, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
    machine_write32(&machine, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 7);
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_SEL, 7);
    machine_write32(&machine, VIRTIO_MMIO_STATUS, 0);
    ck_assert(!machine.level);
    /* And the selectors, that the next driver starts as the first did. */
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_DEVICE_FEATURES), 0x30000001);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_QUEUE_NUM_MAX), MACHINE_QUEUE);
    ck_assert_uint_eq(machine.mmio.driver_features_select, 0);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_STATUS), 0);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
    for (uint32_t i = 0; i < 2; i++) {
        machine_write32(&machine, VIRTIO_MMIO_QUEUE_SEL, i);
        ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_QUEUE_READY), 0);
        ck_assert_uint_eq(backend.queues[i].configuration.size, 0);
    }
    ck_assert_uint_eq(backend.device.accepted, 0);
}
END_TEST

START_TEST(configuration_space_by_any_width_and_in_bounds)
{
    ck_assert_uint_eq(vdev_io_read8(&machine.io, 0x100), 80);
    ck_assert_uint_eq(vdev_io_read16(&machine.io, 0x102), 24);
    ck_assert_uint_eq(vdev_io_read32(&machine.io, 0x100), 24u << 16 | 80);
    ck_assert(vdev_io_read64(&machine.io, 0x100) == (24u << 16 | 80));
    ck_assert_uint_eq(machine.aborts, 0);
    vdev_io_read8(&machine.io, 0x10c);
    ck_assert_int_eq(machine.last_status, VDEV_ERROR_RANGE);
    vdev_io_read64(&machine.io, 0x108);
    ck_assert_int_eq(machine.last_status, VDEV_ERROR_RANGE);
    vdev_io_write32(&machine.io, 0x1fc, 1);
    ck_assert_int_eq(machine.last_status, VDEV_ERROR_RANGE);
    vdev_io_read16(&machine.io, 0x101);
    ck_assert_int_eq(machine.last_status, VDEV_ERROR_UNSUPPORTED);
    /* Not through a bus, the offset is what the caller says it is. */
    struct vdev_access access = {.offset = UINT32_MAX, .width = 1};
    ck_assert_int_eq(vdev_virtio_mmio_access(&machine.mmio, &access), VDEV_ERROR_RANGE);
    access = (struct vdev_access){.offset = 0x102, .width = 4};
    ck_assert_int_eq(vdev_virtio_mmio_access(&machine.mmio, &access), VDEV_ERROR_UNSUPPORTED);
    /* A write is the driver's mistake here, and no abort. */
    vdev_io_write16(&machine.io, 0x100, 99);
    ck_assert_int_eq(machine.last_status, VDEV_OK);
    ck_assert_uint_eq(vdev_io_read16(&machine.io, 0x100), 80);
}
END_TEST

START_TEST(configuration_generation_follows_changes)
{
    uint32_t generation = machine_read32(&machine, VIRTIO_MMIO_CONFIG_GENERATION);
    console_pipe_resize(&console, 100, 30);
    ck_assert_uint_ne(machine_read32(&machine, VIRTIO_MMIO_CONFIG_GENERATION), generation);
    ck_assert_uint_eq(vdev_io_read16(&machine.io, 0x100), 100);
    ck_assert(!machine.level); /* no driver yet */
}
END_TEST

static void write_back(void *context)
{
    (void)context;
    /* From inside the device's own processing: by the bus, and past it. */
    machine_write32(&machine, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
    ck_assert_int_eq(machine.last_status, VDEV_ERROR_BUSY);
    struct vdev_access access = {
        .offset = VIRTIO_MMIO_STATUS, .width = 4, .write = true, .value = 0};
    ck_assert_int_eq(vdev_virtio_mmio_access(&machine.mmio, &access), VDEV_ERROR_BUSY);
}

START_TEST(an_access_from_inside_is_refused)
{
    run_device();
    console.on_write = write_back;
    uint16_t head = raw_add(
        &transmit, (struct raw_piece[]){raw_read_from(machine_allocate(&machine, 4, 4))}, 1);
    raw_notify(&transmit);
    ck_assert_used(&transmit, head, 0);
    ck_assert_uint_eq(console.writes, 1);
    ck_assert_uint_eq(machine.aborts, 1);
}
END_TEST

START_TEST(a_configuration_space_that_does_not_fit_is_refused)
{
    struct vdev_virtio_mmio mmio;
    struct vdev_virtio_device large = backend.device;
    large.configuration_length = 0x101;
    ck_assert_int_eq(vdev_virtio_mmio_init(&mmio, &large, (struct vdev_interrupt_line){0}),
                     VDEV_ERROR_INVALID);
}
END_TEST

/* ---- the driver's end ---- */

static uint32_t bank[4];

static uint64_t bank_read(void *context, uint32_t offset, unsigned width)
{
    (void)context;
    ck_assert_uint_eq(width, 4);
    ck_assert_uint_lt(offset, 12);
    return bank[offset / 4];
}

static void bank_write(void *context, uint32_t offset, unsigned width, uint64_t value)
{
    (void)context, (void)offset, (void)width, (void)value;
    ck_abort_msg("a look must not write");
}

START_TEST(driver_end_takes_version_2_devices_only)
{
    static const struct vdev_io_operations operations = {bank_read, bank_write};
    const struct vdev_io io = {.operations = &operations};
    struct vdev_virtio_mmio_driver driver;

    memcpy(bank, (uint32_t[]){0x74726976, 2, 3}, 12);
    ck_assert_int_eq(vdev_virtio_mmio_driver_init(&driver, &io), VDEV_OK);
    ck_assert_uint_eq(driver.driver.id, 3);
    memcpy(bank, (uint32_t[]){0x74726976, 2, 0}, 12);
    ck_assert_int_eq(vdev_virtio_mmio_driver_init(&driver, &io), VDEV_ERROR_ABSENT);
    memcpy(bank, (uint32_t[]){0x74726976, 1, 3}, 12);
    ck_assert_int_eq(vdev_virtio_mmio_driver_init(&driver, &io), VDEV_ERROR_UNSUPPORTED);
    memcpy(bank, (uint32_t[]){0xffffffff, 2, 3}, 12);
    ck_assert_int_eq(vdev_virtio_mmio_driver_init(&driver, &io), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(driver_end_against_device_end)
{
    struct vdev_virtio_mmio_driver mmio;
    struct vdev_driver_slot slots[16];
    struct vdev_driver_queue queue;
    uint64_t accepted = 0;

    ck_assert_int_eq(vdev_virtio_mmio_driver_init(&mmio, &machine.io), VDEV_OK);
    struct vdev_virtio_driver *driver = &mmio.driver;
    ck_assert_int_eq(
        vdev_virtio_driver_begin(driver, &machine.clock.clock, VDEV_VIRTIO_ID_BLOCK, 0, &accepted),
        VDEV_ERROR_ABSENT);
    ck_assert_int_eq(vdev_virtio_driver_begin(driver, &machine.clock.clock, VDEV_VIRTIO_ID_CONSOLE,
                                              1u << 29 | 1u << 7, &accepted),
                     VDEV_OK);
    ck_assert(accepted == (1ull << 32 | 1u << 29)); /* bit 7 is not offered */
    struct vdev_driver_queue_memory memory = machine_queue_memory(&machine, 16, 0, slots);
    ck_assert_int_eq(vdev_virtio_driver_start_queue(driver, 2, &queue, &memory, 16, accepted),
                     VDEV_ERROR_ABSENT);
    ck_assert_int_eq(vdev_virtio_driver_start_queue(driver, 1, &queue, &memory, 128, accepted),
                     VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_virtio_driver_start_queue(driver, 1, &queue, &memory, 16, accepted),
                     VDEV_OK);
    ck_assert(queue.event_index);
    ck_assert_int_eq(vdev_virtio_driver_start_queue(driver, 1, &queue, &memory, 16, accepted),
                     VDEV_ERROR_STATE);
    /* A ring that the device cannot reach is not taken. */
    struct vdev_driver_queue_memory lost = memory;
    lost.device.bus_address = 0x1000;
    ck_assert_int_eq(vdev_virtio_driver_start_queue(driver, 0, &queue, &lost, 16, accepted),
                     VDEV_ERROR_IO);
    ck_assert_int_eq(vdev_virtio_driver_finish(driver), VDEV_ERROR_IO);
    ck_assert_uint_eq(driver->operations->take_interrupt(driver),
                      VDEV_VIRTIO_INTERRUPT_CONFIGURATION);
    ck_assert(!machine.level);
    ck_assert_int_eq(vdev_virtio_driver_reset(driver, &machine.clock.clock), VDEV_OK);
    ck_assert_uint_eq(machine.aborts, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("virtio_mmio");
    TCase *tests = tcase_create("registers");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, each_register_has_its_reset_value);
    tcase_add_test(tests, each_register_is_32_bits_wide);
    tcase_add_test(tests, there_is_no_register_in_between);
    tcase_add_test(tests, read_only_registers_stay_and_the_mistake_is_counted);
    tcase_add_test(tests, features_by_word);
    tcase_add_test(tests, queues_that_do_not_exist);
    tcase_add_test(tests, queue_registers_take_effect_in_their_states_only);
    tcase_add_test(tests, queue_size_is_not_truncated);
    tcase_add_test(tests, queue_ready_takes_0_and_1_only);
    tcase_add_test(tests, the_notified_queue_is_served_not_the_selected_one);
    tcase_add_test(tests, the_interrupt_is_a_level_that_acknowledging_lowers);
    tcase_add_test(tests, reset_clears_what_the_specification_names);
    tcase_add_test(tests, configuration_space_by_any_width_and_in_bounds);
    tcase_add_test(tests, configuration_generation_follows_changes);
    tcase_add_test(tests, an_access_from_inside_is_refused);
    tcase_add_test(tests, a_configuration_space_that_does_not_fit_is_refused);
    tcase_add_test(tests, driver_end_takes_version_2_devices_only);
    tcase_add_test(tests, driver_end_against_device_end);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
