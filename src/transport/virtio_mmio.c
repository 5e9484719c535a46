/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's end of virtio-mmio, version 2 [VIRTIO 1.4 §4.2]. The three registers of a running
 * device come first on every path: each of them is a trap out of a guest. What state allows what is
 * the device core's to say; here, a refused write is a write that had no effect.
 */
#include <vdev/status.h>
#include <vdev/virtio_mmio.h>

#include <linux/virtio_mmio.h>

#include "transport/mmio_registers.h"
#include "virtio/virtio_1_4.h"

static void queue_interrupt(void *transport, uint16_t queue)
{
    struct vdev_virtio_mmio *mmio = transport;

    (void)queue; /* one line for all */
    mmio->interrupt_status |= VIRTIO_MMIO_INT_VRING;
    vdev_interrupt_set(&mmio->line, true);
}

static void configuration_interrupt(void *transport)
{
    struct vdev_virtio_mmio *mmio = transport;

    mmio->interrupt_status |= VIRTIO_MMIO_INT_CONFIG;
    vdev_interrupt_set(&mmio->line, true);
}

static void reset(void *transport)
{
    struct vdev_virtio_mmio *mmio = transport;

    mmio->interrupt_status = 0;
    mmio->device_features_select = 0;
    mmio->driver_features_select = 0;
    mmio->queue_select = 0;
    vdev_interrupt_set(&mmio->line, false);
}

static const struct vdev_virtio_transport_operations operations = {
    .queue_interrupt = queue_interrupt,
    .configuration_interrupt = configuration_interrupt,
    .reset = reset,
};

int vdev_virtio_mmio_init(struct vdev_virtio_mmio *mmio, struct vdev_virtio_device *device,
                          struct vdev_interrupt_line line)
{
    if (device->configuration_length > VDEV_VIRTIO_MMIO_WINDOW - VIRTIO_MMIO_CONFIG) {
        return VDEV_ERROR_INVALID;
    }
    *mmio = (struct vdev_virtio_mmio){.device = device, .line = line};
    vdev_virtio_device_connect(device, &operations, mmio);
    return VDEV_OK;
}

/* Of all that can be refused, only an access from inside the device's own processing is an error of
 * the access; the rest is the driver's mistake, and has no effect. */
static int outcome(int status)
{
    return status == VDEV_ERROR_BUSY ? VDEV_ERROR_BUSY : VDEV_OK;
}

static int access_configuration(struct vdev_virtio_mmio *mmio, struct vdev_access *access)
{
    uint32_t offset = access->offset - VIRTIO_MMIO_CONFIG;
    int status;

    if ((offset & (access->width - 1u)) != 0) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    if (!access->write) {
        return vdev_virtio_device_read_configuration(mmio->device, offset, access->width,
                                                     &access->value);
    }
    status =
        vdev_virtio_device_write_configuration(mmio->device, offset, access->width, access->value);
    return status == VDEV_ERROR_STATE ? VDEV_OK : status;
}

/* ---- set-up ---- */

static int read_register(struct vdev_virtio_mmio *mmio, struct vdev_access *access)
{
    struct vdev_virtio_device *device = mmio->device;
    uint32_t value;

    switch (access->offset) {
    case VIRTIO_MMIO_MAGIC_VALUE:
        value = MMIO_MAGIC;
        break;
    case VIRTIO_MMIO_VERSION:
        value = MMIO_VERSION;
        break;
    case VIRTIO_MMIO_DEVICE_ID:
        value = device->id;
        break;
    case VIRTIO_MMIO_VENDOR_ID:
        value = MMIO_VENDOR;
        break;
    case VIRTIO_MMIO_DEVICE_FEATURES:
        value = vdev_virtio_device_offered_word(device, mmio->device_features_select);
        break;
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
        value = mmio->queue_select < device->queue_count ? device->queue_size_maximum : 0;
        break;
    case VIRTIO_MMIO_QUEUE_READY:
        value = vdev_virtio_device_queue_ready(device, mmio->queue_select);
        break;
    case VIRTIO_MMIO_STATUS:
        value = device->status;
        break;
    case VIRTIO_MMIO_SHM_LEN_LOW:
    case VIRTIO_MMIO_SHM_LEN_HIGH:
    case VIRTIO_MMIO_SHM_BASE_LOW:
    case VIRTIO_MMIO_SHM_BASE_HIGH:
        value = UINT32_MAX; /* no such region */
        break;
    case VIRTIO_MMIO_CONFIG_GENERATION:
        value = device->configuration_generation;
        break;
    case VIRTIO_MMIO_QUEUE_RESET: /* VIRTIO_F_RING_RESET is not offered */
        value = 0;
        break;
    default:
        if (!vdev_mmio_register_exists(access->offset)) {
            return VDEV_ERROR_RANGE;
        }
        device->refused++; /* write-only */
        value = 0;
        break;
    }
    access->value = value;
    return VDEV_OK;
}

/* What describes the selected queue; the one gate says whether it may be written now. */
static int write_queue(struct vdev_virtio_mmio *mmio, uint32_t offset, uint32_t value)
{
    struct vdev_virtqueue_configuration *configuration =
        vdev_virtio_device_queue_setup(mmio->device, mmio->queue_select);

    if (configuration == NULL) {
        return VDEV_OK;
    }
    vdev_mmio_describe_queue(configuration, mmio->device->queue_size_maximum, offset, value);
    return VDEV_OK;
}

static int write_register(struct vdev_virtio_mmio *mmio, uint32_t offset, uint32_t value)
{
    struct vdev_virtio_device *device = mmio->device;

    switch (offset) {
    case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
        mmio->device_features_select = value;
        return VDEV_OK;
    case VIRTIO_MMIO_DRIVER_FEATURES:
        return outcome(vdev_virtio_device_accept_word(device, mmio->driver_features_select, value));
    case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
        mmio->driver_features_select = value;
        return VDEV_OK;
    case VIRTIO_MMIO_QUEUE_SEL:
        mmio->queue_select = value;
        return VDEV_OK;
    case VIRTIO_MMIO_QUEUE_NUM:
    case VIRTIO_MMIO_QUEUE_DESC_LOW:
    case VIRTIO_MMIO_QUEUE_DESC_HIGH:
    case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
    case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
    case VIRTIO_MMIO_QUEUE_USED_LOW:
    case VIRTIO_MMIO_QUEUE_USED_HIGH:
        return write_queue(mmio, offset, value);
    case VIRTIO_MMIO_QUEUE_READY:
        if (value > 1) {
            device->refused++;
            return VDEV_OK;
        }
        return outcome(vdev_virtio_device_set_queue_ready(device, mmio->queue_select, value == 1));
    case VIRTIO_MMIO_STATUS:
        return outcome(vdev_virtio_device_set_status(device, value));
    case VIRTIO_MMIO_SHM_SEL:
        return VDEV_OK; /* there are no regions, whichever is selected */
    default:
        if (!vdev_mmio_register_exists(offset)) {
            return VDEV_ERROR_RANGE;
        }
        device->refused++; /* read-only; QueueReset, as VIRTIO_F_RING_RESET is not offered */
        return VDEV_OK;
    }
}

/* ---- every access ---- */

int vdev_virtio_mmio_access(void *device, struct vdev_access *access)
{
    struct vdev_virtio_mmio *mmio = device;
    uint32_t offset = access->offset;

    if (offset >= VIRTIO_MMIO_CONFIG) {
        return access_configuration(mmio, access);
    }
    if (access->width != 4 || (offset & 3) != 0) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    if (access->write) {
        uint32_t value = (uint32_t)access->value;
        if (offset == VIRTIO_MMIO_QUEUE_NOTIFY) {
            return outcome(vdev_virtio_device_notify(mmio->device, value));
        }
        if (offset == VIRTIO_MMIO_INTERRUPT_ACK) {
            mmio->interrupt_status &= ~value;
            vdev_interrupt_set(&mmio->line, mmio->interrupt_status != 0);
            return VDEV_OK;
        }
        return write_register(mmio, offset, value);
    }
    if (offset == VIRTIO_MMIO_INTERRUPT_STATUS) {
        access->value = mmio->interrupt_status;
        return VDEV_OK;
    }
    return read_register(mmio, access);
}
