/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's virtio-mmio registers in front of a device in a driver VM, for tests: driven as Linux'
 * virtio_mmio does it, and by our own front-end, by a hypervisor that lets an access be made again
 * when the bridge says so. The driver VM can be stopped.
 */
#ifndef SUPPORT_BRIDGE_RIG_H
#define SUPPORT_BRIDGE_RIG_H

#include "../message_pair.h"
#include "block_asker.h"
#include "console_pipe.h"
#include "ram_disk.h"

#include <vdev/backends/block.h>
#include <vdev/backends/console.h>
#include <vdev/virtio_message_bridge.h>

#define SLOTS  4
#define NUMBER 5

static struct pair pair;
static struct ram_disk disk;
static struct vdev_block_backend backend;
static struct vdev_block_backend_slot slots[SLOTS];
static struct vdev_buffer buffers[SLOTS * 24];
static struct console_pipe console;
static struct vdev_console_backend console_backend;
static struct vdev_virtio_message_device device;
static struct vdev_virtio_message_bridge bridge;
static unsigned put_off; /* accesses made again */
static bool stopped;     /* the driver VM does not run */

/* What the hypervisor does while a guest's CPU is put off: the driver VM runs, then the doorbell.
 */
static inline void run_driver_vm(void)
{
    if (!stopped) {
        pair_poll_devices(&pair);
        vdev_block_poll(&disk.block);
    }
    while (vdev_virtio_message_driver_bus_poll(&pair.drivers)) {
    }
}

static inline int guest_access(struct vdev_access *access, uint32_t offset)
{
    for (unsigned i = 0; i < 10; i++) {
        int status = vdev_bus_dispatch(&machine.bus, MACHINE_DEVICE + offset, access);
        if (status != VDEV_ERROR_AGAIN) {
            machine.aborts += status != VDEV_OK;
            machine.last_status = status;
            return status;
        }
        put_off++;
        for (unsigned j = 0; !vdev_virtio_message_bridge_poll(&bridge); j++) {
            ck_assert_uint_lt(j, 10000000);
            run_driver_vm();
        }
    }
    ck_abort_msg("put off again and again");
}

static inline uint64_t guest_read(void *context, uint32_t offset, unsigned width)
{
    struct vdev_access access = {.width = (uint8_t)width};

    (void)context;
    guest_access(&access, offset);
    return access.value;
}

static inline void guest_write(void *context, uint32_t offset, unsigned width, uint64_t value)
{
    struct vdev_access access = {.width = (uint8_t)width, .write = true, .value = value};

    (void)context;
    guest_access(&access, offset);
    if (offset == VIRTIO_MMIO_QUEUE_NOTIFY) {
        run_driver_vm(); /* the doorbell switched to it */
    }
}

static inline void connect(struct vdev_virtio_device *virtio)
{
    static const struct vdev_io_operations operations = {guest_read, guest_write};

    ck_assert_int_eq(vdev_virtio_message_device_add(&pair.devices, &device, virtio, NUMBER),
                     VDEV_OK);
    ck_assert_int_eq(vdev_virtio_message_bridge_init(&bridge, &pair.drivers, NUMBER,
                                                     (struct vdev_interrupt_line){
                                                         .set = machine_set_line,
                                                         .controller = &machine,
                                                         .number = 40,
                                                     }),
                     VDEV_OK);
    machine.window = (struct vdev_bus_window){.address = MACHINE_DEVICE,
                                              .length = VDEV_VIRTIO_MMIO_WINDOW,
                                              .access = vdev_virtio_message_bridge_access,
                                              .device = &bridge,
                                              .name = "bridge",
                                              .counts = machine.counts};
    ck_assert_int_eq(vdev_bus_init(&machine.bus, &machine.window, 1), VDEV_OK);
    machine.io = (struct vdev_io){.operations = &operations, .context = &machine};
}

static inline void setup_common(void)
{
    put_off = 0;
    stopped = false;
    machine_init(&machine);
    pair_init(&pair, PAIR_CAPACITY);
    ram_disk_init(&disk);
}

static inline void setup_block(void)
{
    setup_common();
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
    connect(&backend.device);
}

static inline void setup_console(void)
{
    setup_common();
    console_pipe_init(&console);
    ck_assert_int_eq(vdev_console_backend_init(&console_backend,
                                               &(struct vdev_console_backend_configuration){
                                                   .memory = &machine.map,
                                                   .console = &console.console,
                                                   .buffers = buffers,
                                                   .buffer_count = 8,
                                                   .queue_size = 64,
                                               }),
                     VDEV_OK);
    connect(&console_backend.device);
}

static inline void teardown_pair(void)
{
    pair_finish(&pair);
    machine_finish(&machine);
}

static inline uint32_t get(uint32_t offset)
{
    return machine_read32(&machine, offset);
}

static inline void put(uint32_t offset, uint32_t value)
{
    machine_write32(&machine, offset, value);
}

/*
 * The probe of Linux' virtio_mmio, and virtio_blk's up to DRIVER_OK, with such features of those
 * that are offered.
 */
static inline void linux_probes_with(struct raw_queue *queue, uint64_t wanted)
{
    ck_assert_uint_eq(get(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
    ck_assert_uint_eq(get(VIRTIO_MMIO_VERSION), 2);
    ck_assert_uint_eq(get(VIRTIO_MMIO_DEVICE_ID), VDEV_VIRTIO_ID_BLOCK);
    get(VIRTIO_MMIO_VENDOR_ID);
    put(VIRTIO_MMIO_STATUS, 0);
    put(VIRTIO_MMIO_STATUS, get(VIRTIO_MMIO_STATUS) | 1);
    put(VIRTIO_MMIO_STATUS, get(VIRTIO_MMIO_STATUS) | 2);
    put(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
    uint64_t features = (uint64_t)get(VIRTIO_MMIO_DEVICE_FEATURES) << 32;
    put(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
    features |= get(VIRTIO_MMIO_DEVICE_FEATURES);
    ck_assert(features == backend.device.offered);
    features &= wanted | 1ull << VIRTIO_F_VERSION_1;
    put(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    put(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
    put(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    put(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
    put(VIRTIO_MMIO_STATUS, get(VIRTIO_MMIO_STATUS) | 8);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0xb);
    uint32_t generation = get(VIRTIO_MMIO_CONFIG_GENERATION);
    ck_assert_uint_eq(get(VIRTIO_MMIO_CONFIG), RAM_DISK_SECTORS);
    ck_assert_uint_eq(get(VIRTIO_MMIO_CONFIG + 4), 0);
    ck_assert_uint_eq(get(VIRTIO_MMIO_CONFIG_GENERATION), generation);
    raw_queue_init(queue, &machine, 0);
    put(VIRTIO_MMIO_QUEUE_SEL, 0);
    ck_assert_uint_eq(get(VIRTIO_MMIO_QUEUE_READY), 0);
    ck_assert_uint_eq(get(VIRTIO_MMIO_QUEUE_NUM_MAX), 64);
    raw_write_queue(queue);
    put(VIRTIO_MMIO_STATUS, get(VIRTIO_MMIO_STATUS) | 4);
    ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0xf);
}

static inline void linux_probes(struct raw_queue *queue)
{
    linux_probes_with(queue, 1u << VIRTIO_BLK_F_SEG_MAX);
}

#endif
