/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bridge: a guest's virtio-mmio registers in front of a device that is reached by messages.
 * Driven as Linux' virtio_mmio does it, and by our own front-end, by a hypervisor that lets an
 * access be made again when the bridge says so. Devices that break the rules are in
 * message_bridge_hostile.c.
 */
#include "support/bridge_rig.h"

static struct vdev_virtio_mmio_driver mmio_driver;

START_TEST(linux_brings_up_a_disk)
{
    struct raw_queue queue;
    while (!vdev_virtio_message_bridge_poll(&bridge)) {
        run_driver_vm(); /* booted before the guest */
    }
    linux_probes(&queue);
    ck_assert(vdev_virtio_device_running(&backend.device));
    ck_assert_uint_eq(backend.device.accepted & 1u << VIRTIO_BLK_F_SEG_MAX,
                      1u << VIRTIO_BLK_F_SEG_MAX);
    ck_assert_uint_eq(machine.aborts, 0);
    ck_assert_uint_eq(bridge.refused + backend.device.refused, 0);
    /* Reset, ACKNOWLEDGE, DRIVER, FEATURES_OK, QueueReady, DRIVER_OK. */
    ck_assert_uint_eq(put_off, 6);
    if (getenv("VDEV_TEST_VERBOSE") != NULL) {
        printf("bridge: %u requests, %u accesses put off, %u bytes of state\n",
               pair.drivers.requests, put_off, (unsigned)sizeof bridge);
    }
}
END_TEST

START_TEST(the_first_access_waits_for_all_that_is_asked_once)
{
    struct vdev_access access = {.width = 4};
    ck_assert_int_eq(vdev_bus_dispatch(&machine.bus, MACHINE_DEVICE, &access), VDEV_ERROR_AGAIN);
    ck_assert(!vdev_virtio_message_bridge_poll(&bridge));
    ck_assert_uint_eq(get(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
    ck_assert_uint_eq(put_off, 1);
}
END_TEST

START_TEST(a_request_costs_no_waiting)
{
    struct raw_queue queue;
    linux_probes(&queue);
    put_off = 0;
    uint32_t requests = pair.drivers.requests;
    struct vdev_buffer header = machine_allocate(&machine, 16, 16);
    struct vdev_buffer data = machine_allocate(&machine, 512, 512);
    struct vdev_buffer answer = machine_allocate(&machine, 1, 1);
    for (unsigned i = 0; i < 3; i++) {
        ((struct virtio_blk_outhdr *)header.pointer)->sector = i;
        uint64_t there = pair.driver.link.put, back = pair.device.link.put;
        uint16_t head = raw_add(
            &queue,
            (struct raw_piece[]){raw_read_from(header), raw_write_to(data), raw_write_to(answer)},
            3);
        raw_notify(&queue);
        ck_assert(machine.level);
        ck_assert_uint_eq(get(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
        put(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
        ck_assert(!machine.level);
        ck_assert_used(&queue, head, 513);
        ck_assert_mem_eq(data.pointer, disk.bytes + i * 512, 512);
        ck_assert_uint_eq(pair.driver.link.put - there, 1);
        ck_assert_uint_eq(pair.device.link.put - back, 1);
    }
    ck_assert_uint_eq(put_off, 0);
    ck_assert_uint_eq(pair.drivers.requests, requests);
}
END_TEST

START_TEST(our_front_end_works_over_the_bridge)
{
    struct asked asked;
    ck_assert_int_eq(vdev_virtio_mmio_driver_init(&mmio_driver, &machine.io), VDEV_OK);
    configure(&mmio_driver.driver);
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
    ck_assert_str_eq(frontend.block.information.identifier, "RAM-0001");
    struct vdev_buffer data = machine_allocate(&machine, 4096, 512);
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(ask(&asked, i % 2 ? VDEV_BLOCK_READ : VDEV_BLOCK_WRITE, 3 * i, data),
                         VDEV_OK);
        run_driver_vm();
        ck_assert(machine.level);
        vdev_block_poll(&frontend.block);
        ck_assert_ended(&asked, VDEV_OK);
    }
    ck_assert_int_eq(vdev_block_frontend_stop(&frontend), VDEV_OK);
    ck_assert_uint_eq(backend.device.status, 0);
    ck_assert_uint_eq(machine.aborts, 0);
}
END_TEST

START_TEST(registers_read_as_those_of_virtio_mmio)
{
    struct raw_queue queue;
    linux_probes(&queue);
    ck_assert_uint_eq(get(VIRTIO_MMIO_QUEUE_NOTIFY), 0); /* write-only */
    put(VIRTIO_MMIO_DEVICE_ID, 9);                       /* read-only */
    ck_assert_uint_eq(bridge.refused, 2);
    ck_assert_uint_eq(get(VIRTIO_MMIO_DEVICE_ID), VDEV_VIRTIO_ID_BLOCK);
    put(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
    ck_assert_uint_eq(get(VIRTIO_MMIO_DEVICE_FEATURES), 0);
    put(VIRTIO_MMIO_QUEUE_SEL, 1);
    ck_assert_uint_eq(get(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
    ck_assert_uint_eq(get(VIRTIO_MMIO_QUEUE_READY), 0);
    put(VIRTIO_MMIO_QUEUE_READY, 1);
    put(VIRTIO_MMIO_QUEUE_NUM, 1);
    put(VIRTIO_MMIO_QUEUE_NOTIFY, 1);
    put(VIRTIO_MMIO_QUEUE_NOTIFY, UINT32_MAX);
    ck_assert_uint_eq(bridge.refused, 6);
    ck_assert_uint_eq(get(0x0b0), UINT32_MAX); /* no shared memory */
    ck_assert_uint_eq(machine.aborts, 0);
    get(0x1c); /* no such register */
    ck_assert_int_eq(machine.last_status, VDEV_ERROR_RANGE);
    vdev_io_read16(&machine.io, VIRTIO_MMIO_STATUS);
    ck_assert_int_eq(machine.last_status, VDEV_ERROR_UNSUPPORTED);
    vdev_io_read64(&machine.io, VIRTIO_MMIO_CONFIG + 0xf8);
    ck_assert_int_eq(machine.last_status, VDEV_ERROR_RANGE);
    ck_assert_uint_eq(vdev_io_read16(&machine.io, VIRTIO_MMIO_CONFIG), RAM_DISK_SECTORS);
    ck_assert_uint_eq(vdev_io_read64(&machine.io, VIRTIO_MMIO_CONFIG), RAM_DISK_SECTORS);
}
END_TEST

START_TEST(features_that_the_device_does_not_offer_are_refused_by_it)
{
    for (uint32_t word = 1; word < 4; word++) {
        put(VIRTIO_MMIO_STATUS, 0);
        put(VIRTIO_MMIO_STATUS, 3);
        put(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
        put(VIRTIO_MMIO_DRIVER_FEATURES, 1);
        put(VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
        put(VIRTIO_MMIO_DRIVER_FEATURES, 0x80000001u);
        put(VIRTIO_MMIO_STATUS, 0xb);
        ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 3);
    }
}
END_TEST

START_TEST(a_queue_that_cannot_be_needs_a_reset)
{
    struct raw_queue queue;
    raw_begin(&machine, 0);
    raw_queue_init(&queue, &machine, 0);
    queue.size = 65; /* more than the device has */
    raw_write_queue(&queue);
    ck_assert_uint_eq(get(VIRTIO_MMIO_QUEUE_READY), 0);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS) & 0x40, 0x40);
    raw_begin(&machine, 0);
    queue.size = 64;
    queue.driver.bus_address = 0x1000; /* no memory there */
    raw_write_queue(&queue);
    ck_assert_uint_eq(get(VIRTIO_MMIO_QUEUE_READY), 0);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS) & 0x40, 0x40);
    linux_probes(&queue);
    ck_assert_uint_eq(get(VIRTIO_MMIO_QUEUE_READY), 1);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0xf);
}
END_TEST

START_TEST(a_queue_is_stopped_by_itself)
{
    struct raw_queue queue;
    linux_probes(&queue);
    put(VIRTIO_MMIO_QUEUE_READY, 0);
    ck_assert_uint_eq(get(VIRTIO_MMIO_QUEUE_READY), 0);
    ck_assert(!vdev_virtio_device_queue_ready(&backend.device, 0));
    put_off = 0;
    put(VIRTIO_MMIO_QUEUE_READY, 0); /* as it is */
    ck_assert_uint_eq(put_off, 0);
}
END_TEST

START_TEST(a_device_that_fails_interrupts_and_is_reset)
{
    struct raw_queue queue;
    linux_probes(&queue);
    vdev_virtio_device_fail(&backend.device);
    for (unsigned i = 0; i < 4; i++) {
        run_driver_vm();
    }
    ck_assert(machine.level);
    ck_assert_uint_eq(get(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
    put_off = 0;
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0x4f); /* fetched before it was told */
    ck_assert_uint_eq(put_off, 0);
    linux_probes(&queue);
    ck_assert(!machine.level);
}
END_TEST

START_TEST(an_interrupted_guest_that_asks_for_something_else_first_is_served)
{
    struct vdev_access reset = {.width = 4, .write = true};
    struct raw_queue queue;
    linux_probes(&queue);
    ck_assert_int_eq(vdev_bus_dispatch(&machine.bus, MACHINE_DEVICE + VIRTIO_MMIO_STATUS, &reset),
                     VDEV_ERROR_AGAIN);
    /* An interrupt handler comes in between, before and after the answer. */
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0xf);
    ck_assert_uint_eq(get(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
    while (!vdev_virtio_message_bridge_poll(&bridge)) {
        run_driver_vm();
    }
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0);
    uint32_t requests = pair.drivers.requests;
    ck_assert_int_eq(vdev_bus_dispatch(&machine.bus, MACHINE_DEVICE + VIRTIO_MMIO_STATUS, &reset),
                     VDEV_OK);
    ck_assert_uint_eq(pair.drivers.requests, requests); /* done once */
}
END_TEST

/* ---- the configuration ---- */

START_TEST(a_change_is_fetched_and_then_announced)
{
    struct raw_queue queues[2];
    raw_begin(&machine, 1u << 0 /* VIRTIO_CONSOLE_F_SIZE */);
    for (unsigned i = 0; i < 2; i++) {
        raw_queue_init(&queues[i], &machine, i);
        raw_start(&queues[i]);
    }
    raw_finish(&machine);
    uint32_t generation = get(VIRTIO_MMIO_CONFIG_GENERATION);
    ck_assert_uint_eq(vdev_io_read16(&machine.io, VIRTIO_MMIO_CONFIG), 80);
    put_off = 0;
    console_pipe_resize(&console, 132, 43);
    vdev_virtio_message_driver_bus_poll(&pair.drivers);
    ck_assert(!machine.level);
    run_driver_vm();
    run_driver_vm();
    ck_assert(machine.level);
    ck_assert_uint_eq(get(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
    ck_assert_uint_ne(get(VIRTIO_MMIO_CONFIG_GENERATION), generation);
    ck_assert_uint_eq(vdev_io_read16(&machine.io, VIRTIO_MMIO_CONFIG), 132);
    ck_assert_uint_eq(vdev_io_read16(&machine.io, VIRTIO_MMIO_CONFIG + 2), 43);
    ck_assert_uint_eq(put_off, 0);
}
END_TEST

START_TEST(a_change_before_the_driver_comes_is_seen)
{
    run_driver_vm();
    run_driver_vm();
    console_pipe_resize(&console, 100, 50); /* nobody is told [VIRTIO 1.4 §2.1.2] */
    raw_begin(&machine, 1u << 0);
    ck_assert_uint_eq(vdev_io_read16(&machine.io, VIRTIO_MMIO_CONFIG), 100);
    console_pipe_resize(&console, 101, 50); /* nor now */
    raw_finish(&machine);
    ck_assert(machine.level); /* but the bridge sees it, and says so */
    ck_assert_uint_eq(vdev_io_read16(&machine.io, VIRTIO_MMIO_CONFIG), 101);
}
END_TEST

START_TEST(a_write_to_the_configuration_is_passed_on)
{
    raw_begin(&machine, 1u << 0);
    put_off = 0;
    vdev_io_write32(&machine.io, VIRTIO_MMIO_CONFIG + 8, 'x'); /* emergency write: not here */
    ck_assert_uint_eq(put_off, 1);
    ck_assert_uint_eq(console_backend.device.refused, 0);
    ck_assert_uint_eq(machine.aborts, 0);
    vdev_io_write32(&machine.io, VIRTIO_MMIO_CONFIG + 12, 0);
    ck_assert_int_eq(machine.last_status, VDEV_ERROR_RANGE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message_bridge");
    TCase *tests = tcase_create("block");
    tcase_add_checked_fixture(tests, setup_block, teardown_pair);
    tcase_add_test(tests, linux_brings_up_a_disk);
    tcase_add_test(tests, the_first_access_waits_for_all_that_is_asked_once);
    tcase_add_test(tests, a_request_costs_no_waiting);
    tcase_add_test(tests, our_front_end_works_over_the_bridge);
    tcase_add_test(tests, registers_read_as_those_of_virtio_mmio);
    tcase_add_test(tests, features_that_the_device_does_not_offer_are_refused_by_it);
    tcase_add_test(tests, a_queue_that_cannot_be_needs_a_reset);
    tcase_add_test(tests, a_queue_is_stopped_by_itself);
    tcase_add_test(tests, a_device_that_fails_interrupts_and_is_reset);
    tcase_add_test(tests, an_interrupted_guest_that_asks_for_something_else_first_is_served);
    suite_add_tcase(suite, tests);
    tests = tcase_create("configuration");
    tcase_add_checked_fixture(tests, setup_console, teardown_pair);
    tcase_add_test(tests, a_change_is_fetched_and_then_announced);
    tcase_add_test(tests, a_change_before_the_driver_comes_is_seen);
    tcase_add_test(tests, a_write_to_the_configuration_is_passed_on);
    suite_add_tcase(suite, tests);
    return pair_run(suite);
}
