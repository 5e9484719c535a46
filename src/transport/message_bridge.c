/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bridge's registers: virtio-mmio version 2 [VIRTIO 1.4 §4.2] in front of a device that is
 * asked by messages. What can be answered from what is known is; the rest is put off. Whether the
 * driver may do a thing in the state the device is in, the device decides.
 */
#include <linux/virtio_mmio.h>

#include "transport/message.h"
#include "transport/message_bridge.h"
#include "transport/mmio_registers.h"
#include "virtio/virtio_1_4.h"

static int put_off(struct vdev_virtio_message_bridge *bridge)
{
    bridge->put_off = true;
    bridge->again++;
    return VDEV_ERROR_AGAIN;
}

static int refuse(struct vdev_virtio_message_bridge *bridge)
{
    bridge->refused++;
    return VDEV_OK;
}

static bool is_asked(const struct vdev_virtio_message_bridge *bridge,
                     const struct vdev_access *access)
{
    const struct vdev_access *asked = &bridge->asked;

    return bridge->asking && asked->offset == access->offset && asked->width == access->width &&
           asked->value == access->value;
}

/* A write that the device has to answer. The first time it starts `step`; made again, it has
 * happened. */
static int ask(struct vdev_virtio_message_bridge *bridge, const struct vdev_access *access,
               enum bridge_step step, uint32_t position)
{
    if (is_asked(bridge, access) && bridge->done) {
        bridge->asking = false;
        bridge->done = false;
        return VDEV_OK;
    }
    if (bridge->step != STEP_NONE) {
        return put_off(bridge);
    }
    bridge->asked = *access;
    bridge->asking = true;
    bridge->done = false;
    vdev_message_bridge_start(bridge, step, position);
    if (bridge->done) { /* in failure, at once */
        bridge->asking = false;
        bridge->done = false;
        return VDEV_OK;
    }
    return put_off(bridge);
}

/* ---- the configuration space ---- */

static int access_configuration(struct vdev_virtio_message_bridge *bridge,
                                struct vdev_access *access)
{
    uint32_t offset = access->offset - VIRTIO_MMIO_CONFIG;
    unsigned width = access->width;

    if ((width != 1 && width != 2 && width != 4 && width != 8) || (offset & (width - 1)) != 0) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    if (offset > bridge->configuration_length || width > bridge->configuration_length - offset) {
        return VDEV_ERROR_RANGE;
    }
    if (access->write) {
        return bridge->failed && !is_asked(bridge, access)
                   ? refuse(bridge)
                   : ask(bridge, access, STEP_WRITE_CONFIGURATION, offset);
    }
    if (bridge->step == STEP_CONFIGURATION) {
        return put_off(bridge);
    }
    uint64_t value = 0;
    for (unsigned i = width; i-- != 0;) {
        value = value << 8 | bridge->configuration[offset + i];
    }
    access->value = value;
    return VDEV_OK;
}

/* ---- set-up ---- */

/* The selected queue, or NULL. */
static struct vdev_virtio_message_bridge_queue *selected(struct vdev_virtio_message_bridge *bridge)
{
    return bridge->queue_select < bridge->queue_count ? &bridge->queues[bridge->queue_select]
                                                      : NULL;
}

static int read_register(struct vdev_virtio_message_bridge *bridge, struct vdev_access *access)
{
    const struct vdev_virtio_message_bridge_queue *queue = selected(bridge);
    uint32_t select = bridge->device_features_select;
    uint32_t value = 0;

    switch (access->offset) {
    case VIRTIO_MMIO_MAGIC_VALUE:
        value = MMIO_MAGIC;
        break;
    case VIRTIO_MMIO_VERSION:
        value = MMIO_VERSION;
        break;
    case VIRTIO_MMIO_DEVICE_ID:
        value = bridge->id;
        break;
    case VIRTIO_MMIO_VENDOR_ID:
        value = MMIO_VENDOR;
        break;
    case VIRTIO_MMIO_DEVICE_FEATURES:
        value = select < 2 ? (uint32_t)(bridge->offered >> (32 * select)) : 0;
        break;
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
        value = queue != NULL ? queue->size_maximum : 0;
        break;
    case VIRTIO_MMIO_QUEUE_READY:
        value = queue != NULL && queue->ready;
        break;
    case VIRTIO_MMIO_STATUS:
        value = bridge->status;
        break;
    case VIRTIO_MMIO_SHM_LEN_LOW:
    case VIRTIO_MMIO_SHM_LEN_HIGH:
    case VIRTIO_MMIO_SHM_BASE_LOW:
    case VIRTIO_MMIO_SHM_BASE_HIGH:
        value = UINT32_MAX; /* no such region */
        break;
    case VIRTIO_MMIO_CONFIG_GENERATION:
        if (bridge->step == STEP_CONFIGURATION) {
            return put_off(bridge);
        }
        value = bridge->generation;
        break;
    case VIRTIO_MMIO_QUEUE_RESET: /* VIRTIO_F_RING_RESET is not offered */
        break;
    default:
        if (!vdev_mmio_register_exists(access->offset)) {
            return VDEV_ERROR_RANGE;
        }
        bridge->refused++; /* write-only */
        break;
    }
    access->value = value;
    return VDEV_OK;
}

static void accept_features(struct vdev_virtio_message_bridge *bridge, uint32_t bits)
{
    uint32_t select = bridge->driver_features_select;

    if ((bridge->status & VDEV_VIRTIO_STATUS_FEATURES_OK) != 0) {
        bridge->refused++;
    } else if (select == 0) {
        bridge->accepted = bridge->accepted >> 32 << 32 | bits;
    } else if (select == 1) {
        bridge->accepted = (uint32_t)bridge->accepted | (uint64_t)bits << 32;
    } else if (bits != 0) {
        bridge->unacceptable = true;
    }
}

static int write_status(struct vdev_virtio_message_bridge *bridge, const struct vdev_access *access)
{
    uint32_t set = (uint32_t)access->value & ~bridge->status;

    if (bridge->id == 0 || (bridge->failed && access->value != 0 && !is_asked(bridge, access))) {
        return refuse(bridge);
    }
    if (access->value == 0 && !is_asked(bridge, access)) {
        vdev_message_bridge_stop_mourning(bridge);
    }
    return ask(bridge, access,
               (set & VDEV_VIRTIO_STATUS_FEATURES_OK) != 0 ? STEP_ACCEPT : STEP_STATUS, 0);
}

static int write_queue_ready(struct vdev_virtio_message_bridge *bridge,
                             const struct vdev_access *access)
{
    const struct vdev_virtio_message_bridge_queue *queue = selected(bridge);

    if (is_asked(bridge, access)) {
        return ask(bridge, access, STEP_NONE, 0);
    }
    if (queue == NULL || access->value > 1 || bridge->failed ||
        (queue->ready && access->value == 1)) {
        return refuse(bridge);
    }
    if (access->value == 0 && !queue->ready) {
        return VDEV_OK;
    }
    return ask(bridge, access, access->value == 1 ? STEP_SET_QUEUE : STEP_RESET_QUEUE,
               bridge->queue_select);
}

static int write_register(struct vdev_virtio_message_bridge *bridge,
                          const struct vdev_access *access)
{
    struct vdev_virtio_message_bridge_queue *queue = selected(bridge);
    uint32_t value = (uint32_t)access->value;

    switch (access->offset) {
    case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
        bridge->device_features_select = value;
        return VDEV_OK;
    case VIRTIO_MMIO_DRIVER_FEATURES:
        accept_features(bridge, value);
        return VDEV_OK;
    case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
        bridge->driver_features_select = value;
        return VDEV_OK;
    case VIRTIO_MMIO_QUEUE_SEL:
        bridge->queue_select = value;
        return VDEV_OK;
    case VIRTIO_MMIO_QUEUE_READY:
        return write_queue_ready(bridge, access);
    case VIRTIO_MMIO_STATUS:
        return write_status(bridge, access);
    case VIRTIO_MMIO_SHM_SEL:
        return VDEV_OK; /* there are no regions, whichever is selected */
    default:
        if (!vdev_mmio_register_exists(access->offset)) {
            return VDEV_ERROR_RANGE;
        }
        if (queue != NULL && !queue->ready && bridge->step != STEP_SET_QUEUE &&
            vdev_mmio_describe_queue(&queue->configuration, queue->size_maximum, access->offset,
                                     value)) {
            return VDEV_OK;
        }
        return refuse(bridge); /* read-only, or of a queue that is in use or none */
    }
}

/* ---- every access ---- */

static int notify(struct vdev_virtio_message_bridge *bridge, uint32_t queue)
{
    if (bridge->failed && vdev_message_bridge_mourn_queue(bridge, queue)) {
        return VDEV_OK;
    }
    if (queue >= bridge->queue_count || !bridge->queues[queue].ready || bridge->failed ||
        (bridge->status & VDEV_VIRTIO_STATUS_DRIVER_OK) == 0) {
        return refuse(bridge);
    }
    vdev_message_remote_notify(&bridge->remote, (uint16_t)queue);
    return VDEV_OK;
}

int vdev_virtio_message_bridge_access(void *device, struct vdev_access *access)
{
    struct vdev_virtio_message_bridge *bridge = device;
    uint32_t offset = access->offset;

    if (offset < VIRTIO_MMIO_CONFIG && (access->width != 4 || (offset & 3) != 0)) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    if (access->write && offset == VIRTIO_MMIO_QUEUE_NOTIFY) {
        return notify(bridge, (uint32_t)access->value);
    }
    if (access->write && offset == VIRTIO_MMIO_INTERRUPT_ACK) {
        bridge->interrupt_status &= ~(uint32_t)access->value;
        vdev_interrupt_set(&bridge->line, bridge->interrupt_status != 0);
        vdev_message_bridge_mourn_on(bridge);
        return VDEV_OK;
    }
    if (!access->write && offset == VIRTIO_MMIO_INTERRUPT_STATUS) {
        access->value = bridge->interrupt_status;
        return VDEV_OK;
    }
    if (!bridge->known && !bridge->failed) {
        return put_off(bridge);
    }
    bridge->put_off = false;
    int status = offset >= VIRTIO_MMIO_CONFIG ? access_configuration(bridge, access)
                 : access->write              ? write_register(bridge, access)
                                              : read_register(bridge, access);
    vdev_message_bridge_look(bridge); /* what had to wait for this access */
    return status;
}
