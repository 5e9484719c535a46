/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's end of vhost-user: what a front-end asks of any transport, in this protocol's words.
 *
 * The protocol has no status field unless the device offers STATUS, and no reset unless it offers
 * RESET_DEVICE: without, the field is kept here, and a reset is the stopping of all rings, which
 * every device answers when it is done with the memory.
 */
#include <stdatomic.h>
#include <stddef.h>

#include <linux/virtio_net.h>

#include <vdev/status.h>
#include <vdev/virtio.h>

#include "core/mem.h"
#include "ring/split.h"
#include "transport/vhost_user_driver.h"

/* Logging of writes, which we never ask for; and the protocol's own bit. */
#define FEATURES_NOT_OURS (1ull << 26 | 1ull << VDEV_VHOST_USER_F_PROTOCOL_FEATURES)

static struct vdev_vhost_user_driver *driver_of(struct vdev_virtio_driver *transport)
{
    return (struct vdev_vhost_user_driver *)((char *)transport -
                                             offsetof(struct vdev_vhost_user_driver, driver));
}

static bool has_status(const struct vdev_vhost_user_driver *driver)
{
    return vdev_vhost_user_driver_has(driver, VDEV_VHOST_USER_PROTOCOL_F_STATUS);
}

/* ---- status and features ---- */

static uint32_t status(struct vdev_virtio_driver *transport)
{
    struct vdev_vhost_user_driver *driver = driver_of(transport);

    if (!driver->lost && has_status(driver)) {
        uint64_t value = 0;
        if (vdev_vhost_user_driver_get_u64(driver, VDEV_VHOST_USER_GET_STATUS, &value) == VDEV_OK) {
            driver->status = (uint8_t)value;
        }
    }
    return driver->lost ? VDEV_VIRTIO_STATUS_NEEDS_RESET : driver->status;
}

static void reset(struct vdev_vhost_user_driver *driver)
{
    int result = VDEV_OK;

    for (uint16_t i = 0; result == VDEV_OK && i < driver->configuration.queue_count; i++) {
        if (driver->queues[i].started) {
            result = vdev_vhost_user_driver_stop_ring(driver, i);
        }
    }
    if (result == VDEV_OK && driver->touched) {
        result = vdev_vhost_user_driver_reset_device(driver);
    }
    if (result == VDEV_OK && has_status(driver)) {
        result = vdev_vhost_user_driver_set_u64(driver, VDEV_VHOST_USER_SET_STATUS, 0);
    }
    /* A device that refuses to be reset may still use the memory. */
    driver->lost = driver->lost || result != VDEV_OK;
    for (uint16_t i = 0; i < driver->configuration.queue_count; i++) {
        driver->queues[i].started = false;
    }
    vdev_vhost_user_driver_forget_inflight(driver);
    driver->configuration.operations->take_calls(driver->configuration.context);
    driver->look = false;
    driver->status = 0;
    driver->features = 0;
    driver->has_features = false;
    driver->refused = false;
    driver->touched = false;
}

static void set_status(struct vdev_virtio_driver *transport, uint32_t value)
{
    struct vdev_vhost_user_driver *driver = driver_of(transport);

    /* Rings and buffers are laid out before the device hears of them. */
    atomic_thread_fence(memory_order_seq_cst);
    if (value == 0) {
        reset(driver);
        return;
    }
    if (driver->refused) {
        value &= ~VDEV_VIRTIO_STATUS_FEATURES_OK;
    }
    driver->status = (uint8_t)value;
    if (!driver->lost && has_status(driver)) {
        vdev_vhost_user_driver_set_u64(driver, VDEV_VHOST_USER_SET_STATUS, value);
    }
}

/*
 * Features that only say what is in the configuration space. DPDK's network device offers some
 * though it has none that could be asked for, since QEMU answers for it there.
 */
static uint64_t features_of_space(const struct vdev_vhost_user_driver *driver)
{
    if (driver->driver.id != VDEV_VIRTIO_ID_NET ||
        vdev_vhost_user_driver_has(driver, VDEV_VHOST_USER_PROTOCOL_F_CONFIG)) {
        return 0;
    }
    return 1ull << VIRTIO_NET_F_MTU | 1ull << VIRTIO_NET_F_MAC | 1ull << VIRTIO_NET_F_STATUS |
           1ull << VIRTIO_NET_F_MQ | 1ull << VIRTIO_NET_F_RSS | 1ull << VIRTIO_NET_F_HASH_REPORT |
           1ull << VIRTIO_NET_F_SPEED_DUPLEX;
}

static uint64_t features(struct vdev_virtio_driver *transport)
{
    struct vdev_vhost_user_driver *driver = driver_of(transport);

    return driver->lost ? 0 : driver->offered & ~(FEATURES_NOT_OURS | features_of_space(driver));
}

static void set_features(struct vdev_virtio_driver *transport, uint64_t value)
{
    struct vdev_vhost_user_driver *driver = driver_of(transport);

    driver->features = value & ~FEATURES_NOT_OURS;
    driver->touched = true;
    driver->refused = vdev_vhost_user_driver_tell_features(driver) != VDEV_OK;
    driver->has_features = !driver->refused;
}

/* ---- queues ---- */

static uint32_t queue_size_maximum(struct vdev_virtio_driver *transport, uint16_t queue)
{
    const struct vdev_vhost_user_driver *driver = driver_of(transport);

    return queue < driver->configuration.queue_count ? driver->configuration.queue_size_maximum : 0;
}

/* Where we see a part of a ring, all of it in one region; or NULL. */
static void *part(const struct vdev_vhost_user_driver *driver, uint64_t address, size_t length)
{
    const struct vdev_vhost_user_driver_configuration *configuration = &driver->configuration;

    for (size_t i = 0; i < configuration->region_count; i++) {
        const struct vdev_vhost_user_driver_region *region = &configuration->regions[i];
        uint64_t offset = address - region->guest_address;
        if (offset < region->length && length <= region->length - offset) {
            return (uint8_t *)region->pointer + offset;
        }
    }
    return NULL;
}

static int start_queue(struct vdev_virtio_driver *transport, uint16_t index,
                       const struct vdev_virtqueue_configuration *ring)
{
    struct vdev_vhost_user_driver *driver = driver_of(transport);

    if (index >= driver->configuration.queue_count || driver->lost) {
        return VDEV_ERROR_IO;
    }
    struct vdev_vhost_user_driver_queue *queue = &driver->queues[index];
    if (queue->started) {
        return VDEV_ERROR_STATE;
    }
    uint8_t *used = part(driver, ring->device_address, vdev_virtqueue_device_bytes(ring->size));
    if (ring->packed || used == NULL ||
        part(driver, ring->descriptor_address, vdev_virtqueue_descriptor_bytes(ring->size)) ==
            NULL ||
        part(driver, ring->driver_address, vdev_virtqueue_driver_bytes(ring->size)) == NULL) {
        return VDEV_ERROR_IO;
    }
    queue->configuration = *ring;
    queue->used_index = used + offsetof(struct vring_used, idx);
    driver->touched = true;
    int result = vdev_vhost_user_driver_tell_memory(driver);
    if (result == VDEV_OK && driver->inflight_descriptor < 0) {
        result = vdev_vhost_user_driver_tell_inflight(driver);
    }
    if (result == VDEV_OK) {
        /* It may have begun even if it then says no: a reset is to stop it. */
        queue->started = true;
        result = vdev_vhost_user_driver_start_ring(driver, index, ring->start_index);
    }
    return result == VDEV_OK ? VDEV_OK : VDEV_ERROR_IO;
}

static void notify(struct vdev_virtio_driver *transport, uint16_t queue)
{
    struct vdev_vhost_user_driver *driver = driver_of(transport);

    /* Between two connections, too: the next device finds the eventfd signalled. */
    atomic_thread_fence(memory_order_seq_cst);
    if (queue < driver->configuration.queue_count) {
        driver->configuration.operations->kick(driver->configuration.context,
                                               driver->configuration.kicks[queue]);
    }
}

/* ---- configuration space ---- */

static uint32_t read_configuration(struct vdev_virtio_driver *transport, uint32_t offset,
                                   unsigned width)
{
    struct vdev_vhost_user_driver *driver = driver_of(transport);
    uint32_t value = 0;

    if (offset > sizeof driver->space - width ||
        vdev_vhost_user_driver_get_space(driver, offset + width) != VDEV_OK) {
        return 0;
    }
    for (unsigned i = 0; i < width; i++) {
        value |= (uint32_t)driver->space[offset + i] << (8 * i);
    }
    return value;
}

static uint32_t configuration_generation(struct vdev_virtio_driver *transport)
{
    return driver_of(transport)->generation;
}

/* ---- interrupts ---- */

static uint32_t take_interrupt(struct vdev_virtio_driver *transport)
{
    struct vdev_vhost_user_driver *driver = driver_of(transport);
    uint32_t causes = 0;

    if (driver->configuration.operations->take_calls(driver->configuration.context) ||
        driver->look) {
        causes |= VDEV_VIRTIO_INTERRUPT_QUEUE;
        driver->look = false;
    }
    if (driver->given_up) {
        causes |= VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    }
    return causes;
}

static const struct vdev_virtio_driver_operations operations = {
    .status = status,
    .set_status = set_status,
    .features = features,
    .set_features = set_features,
    .queue_size_maximum = queue_size_maximum,
    .start_queue = start_queue,
    .notify = notify,
    .read_configuration = read_configuration,
    .configuration_generation = configuration_generation,
    .take_interrupt = take_interrupt,
};

/* ---- connections ---- */

static bool is_valid(const struct vdev_vhost_user_driver_configuration *configuration)
{
    if (configuration->operations == NULL || configuration->regions == NULL ||
        configuration->region_count == 0 || configuration->kicks == NULL ||
        configuration->calls == NULL || configuration->queue_count == 0 ||
        configuration->queue_count > VDEV_VHOST_USER_DRIVER_QUEUES ||
        configuration->queue_size_maximum == 0 ||
        (configuration->queue_size_maximum & (configuration->queue_size_maximum - 1)) != 0) {
        return false;
    }
    for (size_t i = 0; i < configuration->region_count; i++) {
        const struct vdev_vhost_user_driver_region *region = &configuration->regions[i];
        if (region->pointer == NULL || region->length == 0 ||
            region->length - 1 > UINT64_MAX - region->guest_address ||
            region->length - 1 > UINTPTR_MAX - (uintptr_t)region->pointer) {
            return false;
        }
    }
    return true;
}

int vdev_vhost_user_driver_init(struct vdev_vhost_user_driver *driver,
                                const struct vdev_vhost_user_driver_configuration *configuration)
{
    memset(driver, 0, sizeof *driver);
    driver->inflight_descriptor = -1;
    driver->lost = true;
    if (!is_valid(configuration)) {
        return VDEV_ERROR_INVALID;
    }
    driver->configuration = *configuration;
    if (configuration->timeout_nanoseconds == 0) {
        driver->configuration.timeout_nanoseconds = VDEV_VIRTIO_RESET_NANOSECONDS;
    }
    driver->driver.operations = &operations;
    driver->driver.id = configuration->id;
    driver->lost = false;
    return vdev_vhost_user_driver_greet(driver);
}

/* The status field step by step, as a driver writes it. */
static int replay_status(struct vdev_vhost_user_driver *driver, uint8_t bits)
{
    if (!has_status(driver)) {
        return VDEV_OK;
    }
    return vdev_vhost_user_driver_set_u64(driver, VDEV_VHOST_USER_SET_STATUS,
                                          driver->status & bits);
}

static int replay_features(struct vdev_vhost_user_driver *driver)
{
    const uint8_t before = VDEV_VIRTIO_STATUS_ACKNOWLEDGE | VDEV_VIRTIO_STATUS_DRIVER;
    uint64_t value = VDEV_VIRTIO_STATUS_FEATURES_OK;

    if ((driver->features & ~driver->offered) != 0) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    int result = replay_status(driver, 0);
    if (result == VDEV_OK) {
        result = replay_status(driver, VDEV_VIRTIO_STATUS_ACKNOWLEDGE);
    }
    if (result == VDEV_OK) {
        result = replay_status(driver, before);
    }
    if (result == VDEV_OK) {
        result = vdev_vhost_user_driver_tell_features(driver);
    }
    if (result == VDEV_OK) {
        result = replay_status(driver, before | VDEV_VIRTIO_STATUS_FEATURES_OK);
    }
    if (result == VDEV_OK && has_status(driver)) {
        result = vdev_vhost_user_driver_get_u64(driver, VDEV_VHOST_USER_GET_STATUS, &value);
    }
    if (result == VDEV_OK && (value & driver->status & VDEV_VIRTIO_STATUS_FEATURES_OK) !=
                                 (driver->status & VDEV_VIRTIO_STATUS_FEATURES_OK)) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    return result;
}

static int replay_rings(struct vdev_vhost_user_driver *driver)
{
    bool any = false;
    int result = VDEV_OK;

    for (uint16_t i = 0; i < driver->configuration.queue_count; i++) {
        any = any || driver->queues[i].started;
    }
    if (!any) {
        return VDEV_OK;
    }
    result = vdev_vhost_user_driver_tell_memory(driver);
    if (result == VDEV_OK) {
        result = vdev_vhost_user_driver_tell_inflight(driver);
    }
    for (uint16_t i = 0; result == VDEV_OK && i < driver->configuration.queue_count; i++) {
        const struct vdev_vhost_user_driver_queue *queue = &driver->queues[i];
        if (queue->started) {
            /* The device's own word, but a wrong one misleads nobody but the device. */
            result = vdev_vhost_user_driver_start_ring(driver, i, ring_load16(queue->used_index));
        }
    }
    return result;
}

int vdev_vhost_user_driver_reconnect(struct vdev_vhost_user_driver *driver)
{
    driver->lost = false;
    driver->failed_reason = NULL;
    int result = vdev_vhost_user_driver_greet(driver);
    if (result == VDEV_OK && driver->has_features) {
        result = replay_features(driver);
        if (result == VDEV_OK) {
            result = replay_rings(driver);
        }
        if (result == VDEV_OK) {
            result = replay_status(driver, UINT8_MAX);
        }
    }
    if (result != VDEV_OK) {
        driver->lost = true;
        return result;
    }
    driver->given_up = false;
    driver->reconnections++;
    driver->look = true;
    for (uint16_t i = 0; i < driver->configuration.queue_count; i++) {
        /* What the last device had read from the eventfd, it may not have done. */
        if (driver->queues[i].started) {
            notify(&driver->driver, i);
        }
    }
    return VDEV_OK;
}

void vdev_vhost_user_driver_give_up(struct vdev_vhost_user_driver *driver)
{
    driver->lost = true;
    driver->given_up = true;
}

void vdev_vhost_user_driver_finish(struct vdev_vhost_user_driver *driver)
{
    vdev_vhost_user_driver_forget_inflight(driver);
    driver->lost = true;
}
