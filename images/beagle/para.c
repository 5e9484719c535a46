/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console and the disk are virtio's: the library's front-ends on virtio-mmio. The hypervisor
 * puts the two windows where the BeagleBoard has nothing, on the interrupt lines of the devices
 * that they stand in for.
 */
#include <vdev/frontends/layout.h>
#include <vdev/status.h>
#include <vdev/virtio_mmio.h>

#include "image.h"

#define CONSOLE_ADDRESS 0x4A100000u
#define CONSOLE_LINE    74u
#define DISK_ADDRESS    0x4A100200u
#define DISK_LINE       83u

#define QUEUE_SIZE   16u
#define BUFFER_SIZE  1024u
#define BUFFER_COUNT 8u
#define REQUESTS     4u
#define PIECES       8u
#define PATIENCE     5000000000u /* nanoseconds, of a request */
#define DRAIN_TIME   1000000000u
#define LOOKS        10000u /* from one of the clock to the next */

static _Alignas(VDEV_FRONTEND_ALIGNMENT) uint8_t shared[20 * 1024], own[2 * 1024];
static struct vdev_frontend_memory memory; /* what is left of it, after the console */
static struct vdev_virtio_mmio_driver console_transport, disk_transport;
static struct vdev_console_frontend console;
static struct vdev_block_frontend disk_frontend;

const char *const image_console_name = "console";

const char *image_open_console(struct image *image)
{
    const struct vdev_io io = platform_io(CONSOLE_ADDRESS);
    int status = vdev_virtio_mmio_driver_init(&console_transport, &io);

    /* The device sees its memory at the same addresses. */
    memory = (struct vdev_frontend_memory){{shared, sizeof shared, (uintptr_t)shared},
                                           {own, sizeof own, VDEV_NO_BUS_ADDRESS}};
    struct vdev_console_frontend_configuration configuration = {
        .transport = &console_transport.driver,
        .clock = &image->clock.clock,
        .queue_size = QUEUE_SIZE,
        .receive_count = BUFFER_COUNT,
        .transmit_count = BUFFER_COUNT,
        .buffer_size = BUFFER_SIZE,
    };
    if (status == VDEV_OK) {
        status = vdev_console_frontend_lay_out(&configuration, &memory);
    }
    if (status == VDEV_OK) {
        status = vdev_console_frontend_init(&console, &configuration);
    }
    if (status != VDEV_OK) {
        return image_because(image, "virtio-console", status);
    }
    image->console = &console.console;
    return NULL;
}

void image_console_wait(struct image *image)
{
    if (image->console_interrupts) {
        image_wait(image);
    } else {
        vdev_console_poll(&console.console);
    }
}

static void console_line(void *context, uint32_t line)
{
    while (vdev_console_poll(&console.console)) {
    }
    image_storm(context, line);
}

const char *image_console_interrupts(struct image *image)
{
    image_console_drain(image);
    image->console_interrupts = image->ticking;
    image_handle(image, CONSOLE_LINE, console_line, image);
    return NULL;
}

/* The index of an available or a used ring [VIRTIO 1.4 §2.7.6, §2.7.8]. */
static uint16_t ring_index(const uint8_t *ring)
{
    return *(const volatile uint16_t *)(ring + 2);
}

/*
 * The front-end looks at what the device has taken when it needs room, and asks for no interrupt
 * before. The rings say it all the same, without an access that traps, but for the clock's now and
 * then.
 */
void image_console_drain(struct image *image)
{
    const struct vdev_driver_queue_memory *queue = &console.configuration.transmit_queue;
    uint64_t start = 0;

    if (image->console == NULL) {
        return;
    }
    for (uint32_t looks = 0;; looks++) {
        if (ring_index(queue->device.pointer) == ring_index(queue->driver.pointer)) {
            return;
        }
        if (looks % LOOKS == LOOKS - 1) {
            uint64_t now = vdev_clock_now(&image->clock.clock);
            start = start == 0 ? now : start;
            if (now - start > DRAIN_TIME) {
                return;
            }
        }
    }
}

/* ---- the disk ---- */

void image_supply_card(struct image *image)
{
    (void)image;
}

static void disk_line(void *context, uint32_t line)
{
    while (vdev_block_poll(&disk_frontend.block)) {
    }
    image_storm(context, line);
}

const char *image_open_disk(struct image *image)
{
    const struct vdev_io io = platform_io(DISK_ADDRESS);
    int status = vdev_virtio_mmio_driver_init(&disk_transport, &io);

    struct vdev_block_frontend_configuration configuration = {
        .transport = &disk_transport.driver,
        .clock = &image->clock.clock,
        .queue_size = QUEUE_SIZE,
        .request_count = REQUESTS,
        .piece_count = PIECES,
        .timeout_nanoseconds = PATIENCE,
    };
    if (status == VDEV_OK) {
        status = vdev_block_frontend_lay_out(&configuration, &memory);
    }
    if (status == VDEV_OK) {
        status = vdev_block_frontend_init(&disk_frontend, &configuration);
    }
    if (status != VDEV_OK) {
        return image_because(image, "virtio-blk", status);
    }
    image->disk = &disk_frontend.block;
    image_handle(image, DISK_LINE, disk_line, image);
    return NULL;
}
