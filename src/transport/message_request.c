/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a driver's requests do to a device at the other end of a message link. Whether a driver may
 * do a thing in the device's state is decided in src/virtio/device.c, as for any transport. What is
 * malformed gets no answer; what is well formed and asks for what does not exist is answered so.
 * Each function fills in the answer's payload, which is zero, and returns how many bytes.
 */
#include "transport/message.h"

/* ---- requests: each fills in the answer's payload and returns how many bytes, or
 * MESSAGE_NO_ANSWER ----
 */

static uint32_t get_information(const struct vdev_virtio_device *device, uint32_t *said)
{
    said[INFO_DEVICE_ID] = device->id;
    said[INFO_VENDOR_ID] = MESSAGE_VENDOR;
    said[INFO_FEATURE_BLOCKS] = 2;
    said[INFO_CONFIGURATION_LENGTH] = (uint32_t)device->configuration_length;
    said[INFO_QUEUE_COUNT] = device->queue_count;
    return INFO_WORDS * 4;
}

static uint32_t get_features(const struct vdev_virtio_device *device, const uint32_t *asked,
                             uint32_t *said)
{
    uint32_t count = asked[FEATURES_COUNT];

    if (count > MESSAGE_FEATURE_BLOCKS) {
        return MESSAGE_NO_ANSWER;
    }
    said[FEATURES_BLOCK] = asked[FEATURES_BLOCK];
    said[FEATURES_COUNT] = count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t block = asked[FEATURES_BLOCK] + i;
        /* A block number that wraps is beyond all there are. */
        said[FEATURES_BITS + i] =
            block < asked[FEATURES_BLOCK] ? 0 : vdev_virtio_device_offered_word(device, block);
    }
    return (FEATURES_BITS + count) * 4;
}

static uint32_t set_features(struct vdev_virtio_device *device, const struct vdev_message *request)
{
    const uint32_t *asked = request->payload;
    uint32_t count = asked[FEATURES_COUNT];

    if (count > MESSAGE_FEATURE_BLOCKS || request->size != MESSAGE_SIZE(FEATURES_BITS + count)) {
        return MESSAGE_NO_ANSWER;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t block = asked[FEATURES_BLOCK] + i;
        block = block < asked[FEATURES_BLOCK] ? UINT32_MAX : block;
        vdev_virtio_device_accept_word(device, block, asked[FEATURES_BITS + i]);
    }
    return 0;
}

static uint32_t get_configuration(const struct vdev_virtio_device *device, const uint32_t *asked,
                                  struct vdev_message *answer)
{
    uint32_t offset = asked[GET_CONFIG_OFFSET];
    uint32_t length = asked[GET_CONFIG_LENGTH];

    if (length > MESSAGE_CONFIGURATION_BYTES || offset > device->configuration_length ||
        length > device->configuration_length - offset) {
        length = 0;
    }
    answer->payload[CONFIG_GENERATION] = device->configuration_generation;
    answer->payload[CONFIG_OFFSET] = offset;
    answer->payload[CONFIG_LENGTH] = length;
    for (uint32_t i = 0; i < length; i++) {
        uint64_t byte = 0;
        vdev_virtio_device_read_configuration(device, offset + i, 1, &byte);
        message_put_byte(answer, CONFIG_DATA * 4 + i, (uint8_t)byte);
    }
    return CONFIG_DATA * 4 + length;
}

static uint32_t set_configuration(struct vdev_virtio_device *device,
                                  const struct vdev_message *request, uint32_t *said)
{
    const uint32_t *asked = request->payload;
    uint32_t length = asked[CONFIG_LENGTH];

    if (length > MESSAGE_CONFIGURATION_BYTES ||
        request->size != MESSAGE_SIZE(CONFIG_DATA) + length) {
        return MESSAGE_NO_ANSWER;
    }
    uint64_t value = 0;
    for (uint32_t i = length < 8 ? length : 8; i-- != 0;) {
        value = value << 8 | message_get_byte(request, CONFIG_DATA * 4 + i);
    }
    /* What is no single write of a field is not one of any device here: refused, not torn. */
    if (vdev_virtio_device_write_configuration(device, asked[CONFIG_OFFSET], length, value) !=
        VDEV_OK) {
        length = 0;
    }
    said[CONFIG_GENERATION] = device->configuration_generation;
    said[CONFIG_OFFSET] = asked[CONFIG_OFFSET];
    said[CONFIG_LENGTH] = length;
    return CONFIG_DATA * 4;
}

static uint32_t get_queue(const struct vdev_virtio_device *device, uint32_t index,
                          struct vdev_message *answer)
{
    answer->payload[VQUEUE_INDEX] = index;
    if (index < device->queue_count) {
        const struct vdev_virtqueue_configuration *queue = &device->queues[index].configuration;
        answer->payload[VQUEUE_MAXIMUM] = device->queue_size_maximum;
        answer->payload[VQUEUE_SIZE] = queue->size;
        answer->payload[VQUEUE_FLAGS] = device->queues[index].ready ? VQUEUE_ENABLED : 0;
        message_put64(answer, VQUEUE_DESCRIPTORS, queue->descriptor_address);
        message_put64(answer, VQUEUE_DRIVER, queue->driver_address);
        message_put64(answer, VQUEUE_DEVICE, queue->device_address);
    }
    return VQUEUE_WORDS * 4;
}

/* What is refused changes nothing; the driver sees that when it asks for the queue. */
static void set_queue(struct vdev_virtio_device *device, const struct vdev_message *request)
{
    const uint32_t *asked = request->payload;
    uint32_t flags = asked[VQUEUE_SET_FLAGS];
    uint32_t size = asked[VQUEUE_SIZE];
    bool sized = (flags & VQUEUE_IGNORE_SIZE) == 0;

    if ((flags & ~VQUEUE_SET_FLAGS_KNOWN) != 0 || (flags & VQUEUE_STATE_MASK) > VQUEUE_STATE_KEEP ||
        asked[VQUEUE_RESERVED] != 0 ||
        (sized && (size == 0 || size > device->queue_size_maximum))) {
        device->refused++;
        return;
    }
    struct vdev_virtqueue_configuration *queue =
        vdev_virtio_device_queue_setup(device, asked[VQUEUE_INDEX]);
    if (queue == NULL) {
        return;
    }
    if (sized) {
        queue->size = (uint16_t)size;
    }
    if ((flags & VQUEUE_IGNORE_DESCRIPTORS) == 0) {
        queue->descriptor_address = message_get64(request, VQUEUE_DESCRIPTORS);
    }
    if ((flags & VQUEUE_IGNORE_DRIVER) == 0) {
        queue->driver_address = message_get64(request, VQUEUE_DRIVER);
    }
    if ((flags & VQUEUE_IGNORE_DEVICE) == 0) {
        queue->device_address = message_get64(request, VQUEUE_DEVICE);
    }
    if ((flags & VQUEUE_STATE_MASK) == VQUEUE_STATE_ENABLE) {
        vdev_virtio_device_set_queue_ready(device, asked[VQUEUE_INDEX], true);
    }
}

uint32_t vdev_message_handle(struct vdev_virtio_device *device, const struct vdev_message *request,
                             struct vdev_message *answer)
{
    static const uint8_t words[] = {
        [MESSAGE_GET_DEVICE_INFO] = 0,   [MESSAGE_GET_DEVICE_FEATURES] = 2,
        [MESSAGE_GET_CONFIG] = 2,        [MESSAGE_GET_DEVICE_STATUS] = 0,
        [MESSAGE_SET_DEVICE_STATUS] = 1, [MESSAGE_GET_VQUEUE] = 1,
        [MESSAGE_SET_VQUEUE] = 10,       [MESSAGE_RESET_VQUEUE] = 1,
        [MESSAGE_GET_SHM] = 1,
    };
    const uint32_t *asked = request->payload;
    uint32_t *said = answer->payload;

    switch (request->id) { /* those that say how long they are */
    case MESSAGE_SET_DRIVER_FEATURES:
        return set_features(device, request);
    case MESSAGE_SET_CONFIG:
        return set_configuration(device, request, said);
    default:
        break;
    }
    if (request->id >= sizeof words || request->size != MESSAGE_SIZE(words[request->id])) {
        return MESSAGE_NO_ANSWER;
    }
    switch (request->id) {
    case MESSAGE_GET_DEVICE_INFO:
        return get_information(device, said);
    case MESSAGE_GET_DEVICE_FEATURES:
        return get_features(device, asked, said);
    case MESSAGE_GET_CONFIG:
        return get_configuration(device, asked, answer);
    case MESSAGE_SET_DEVICE_STATUS:
        vdev_virtio_device_set_status(device, asked[0]);
        said[0] = device->status;
        return 4;
    case MESSAGE_GET_DEVICE_STATUS:
        said[0] = device->status;
        return 4;
    case MESSAGE_GET_VQUEUE:
        return get_queue(device, asked[VQUEUE_INDEX], answer);
    case MESSAGE_SET_VQUEUE:
        set_queue(device, request);
        return 0;
    case MESSAGE_RESET_VQUEUE:
        vdev_virtio_device_set_queue_ready(device, asked[0], false);
        return 0;
    case MESSAGE_GET_SHM: /* there are no regions: of length 0 */
        said[0] = asked[0];
        return SHM_WORDS * 4;
    default:
        return MESSAGE_NO_ANSWER;
    }
}
