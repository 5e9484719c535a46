/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library's front-ends against devices that someone else made: QEMU's own virtio-mmio devices.
 * Finds what is in the slots by looking at them, as on a board without a device tree.
 */
#include <stddef.h>

#include <vdev/status.h>

#include "frontends.h"
#include "runtime/runtime.h"

/* The disk that the host made read-only carries the feature bit VIRTIO_BLK_F_RO. */
#define FEATURE_READ_ONLY (UINT64_C(1) << 5)
/* Of the two networks, the host made one without VIRTIO_NET_F_CTRL_VQ. */
#define FEATURE_CONTROL_QUEUE (UINT64_C(1) << 17)

static struct vdev_virtio_mmio_driver slots[SLOT_COUNT];

void bare_main(bool hyp)
{
    struct vdev_virtio_mmio_driver *console = NULL, *writable = NULL, *read_only = NULL;
    struct vdev_virtio_mmio_driver *net = NULL, *limited_net = NULL;
    uint32_t writable_spi = 0, net_spi = 0, empty = 0;

    bare_print(hyp ? "mode hyp\n" : "mode svc\n");
    for (uint32_t i = 0; i < SLOT_COUNT; i++) {
        const struct vdev_io io = {.base = SLOT_ADDRESS + i * VDEV_VIRTIO_MMIO_WINDOW};
        struct vdev_virtio_driver *driver = &slots[i].driver;
        int status = vdev_virtio_mmio_driver_init(&slots[i], &io);
        if (status == VDEV_ERROR_ABSENT) {
            empty++;
        } else if (status != VDEV_OK) {
            bare_report("slot", vdev_status_name(status));
        } else if (driver->id == VDEV_VIRTIO_ID_CONSOLE) {
            console = &slots[i];
        } else if (driver->id == VDEV_VIRTIO_ID_BLOCK) {
            if ((driver->operations->features(driver) & FEATURE_READ_ONLY) != 0) {
                read_only = &slots[i];
            } else {
                writable = &slots[i];
                writable_spi = SLOT_SPI + i;
            }
        } else if (driver->id == VDEV_VIRTIO_ID_NET) {
            if ((driver->operations->features(driver) & FEATURE_CONTROL_QUEUE) != 0) {
                net = &slots[i];
                net_spi = SLOT_SPI + i;
            } else {
                limited_net = &slots[i];
            }
        }
    }
    /* The board has too few slots for all: the host starts it with these or with those. */
    if (net != NULL || limited_net != NULL) {
        bare_report("empty slots are told apart", empty == 2 ? NULL : "not exactly two");
        if (bare_report("both networks are found",
                        net != NULL && limited_net != NULL ? NULL : "one is not there")) {
            net_tests(net, net_spi, limited_net);
        }
        return;
    }
    bare_report("empty slot is told apart", empty == 1 ? NULL : "not exactly one");
    if (bare_report(
            "all devices are found",
            console != NULL && writable != NULL && read_only != NULL ? NULL : "one is not there")) {
        console_tests(console);
        block_tests(writable, writable_spi, read_only);
    }
}
