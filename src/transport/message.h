/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the message transport share: numbers and layouts of the virtio-msg proposal's
 * messages, revision 1, and the steps below both ends. Payloads are little-endian words; the FIFO
 * turns them into the program's order as it copies.
 */
#ifndef TRANSPORT_MESSAGE_H
#define TRANSPORT_MESSAGE_H

#include <vdev/status.h>
#include <vdev/virtio_message.h>

#define MESSAGE_HEADER_BYTES 8u
#define MESSAGE_TYPE_ANSWER  0x1u
#define MESSAGE_TYPE_BUS     0x2u
#define MESSAGE_VENDOR       0x76656476u /* "vdev" */

enum message_id {
    MESSAGE_GET_DEVICE_INFO = 0x02,
    MESSAGE_GET_DEVICE_FEATURES = 0x03,
    MESSAGE_SET_DRIVER_FEATURES = 0x04,
    MESSAGE_GET_CONFIG = 0x05,
    MESSAGE_SET_CONFIG = 0x06,
    MESSAGE_GET_DEVICE_STATUS = 0x07,
    MESSAGE_SET_DEVICE_STATUS = 0x08,
    MESSAGE_GET_VQUEUE = 0x09,
    MESSAGE_SET_VQUEUE = 0x0a,
    MESSAGE_RESET_VQUEUE = 0x0b,
    MESSAGE_GET_SHM = 0x0c,
    MESSAGE_EVENT_CONFIG = 0x40,
    MESSAGE_EVENT_AVAIL = 0x41,
    MESSAGE_EVENT_USED = 0x42,
    /* of the bus */
    MESSAGE_BUS_GET_DEVICES = 0x02,
    MESSAGE_BUS_PING = 0x03,
};

/* Words of the payload, by message. */
enum {
    INFO_DEVICE_ID = 0,
    INFO_VENDOR_ID = 1,
    INFO_FEATURE_BLOCKS = 6, /* after 16 bytes of UUID: none */
    INFO_CONFIGURATION_LENGTH = 7,
    INFO_QUEUE_COUNT = 8,
    INFO_WORDS = 11,

    FEATURES_BLOCK = 0,
    FEATURES_COUNT = 1,
    FEATURES_BITS = 2,

    GET_CONFIG_OFFSET = 0,
    GET_CONFIG_LENGTH = 1,

    CONFIG_GENERATION = 0, /* answers of GET_CONFIG, and both of SET_CONFIG */
    CONFIG_OFFSET = 1,
    CONFIG_LENGTH = 2,
    CONFIG_DATA = 3,

    VQUEUE_INDEX = 0,
    VQUEUE_MAXIMUM = 1,   /* answer */
    VQUEUE_SET_FLAGS = 1, /* request */
    VQUEUE_SIZE = 2,
    VQUEUE_FLAGS = 3,    /* answer */
    VQUEUE_RESERVED = 3, /* request */
    VQUEUE_DESCRIPTORS = 4,
    VQUEUE_DRIVER = 6,
    VQUEUE_DEVICE = 8,
    VQUEUE_WORDS = 10,

    SHM_WORDS = 6,

    EVENT_CONFIG_STATUS = 0,
    EVENT_CONFIG_GENERATION = 1,
    EVENT_CONFIG_WORDS = 4,
    EVENT_AVAIL_WORDS = 2,
    EVENT_USED_WORDS = 1,
};

#define MESSAGE_WORDS               ((VDEV_MESSAGE_BYTES - MESSAGE_HEADER_BYTES) / 4)
#define MESSAGE_CONFIGURATION_BYTES ((MESSAGE_WORDS - CONFIG_DATA) * 4)
#define MESSAGE_FEATURE_BLOCKS      (MESSAGE_WORDS - FEATURES_BITS)
#define MESSAGE_SIZE(words)         ((uint16_t)(MESSAGE_HEADER_BYTES + 4 * (words)))

/* SET_VQUEUE's flags: what becomes of the queue, and which fields are to stay as they are. */
#define VQUEUE_STATE_MASK         0x3u
#define VQUEUE_STATE_DISABLED     0x0u
#define VQUEUE_STATE_ENABLE       0x1u
#define VQUEUE_STATE_KEEP         0x2u
#define VQUEUE_IGNORE_SIZE        0x4u
#define VQUEUE_IGNORE_DESCRIPTORS 0x8u
#define VQUEUE_IGNORE_DRIVER      0x10u
#define VQUEUE_IGNORE_DEVICE      0x20u
#define VQUEUE_SET_FLAGS_KNOWN    0x3fu
#define VQUEUE_ENABLED            0x1u /* GET_VQUEUE's answer */

/* The place of the configuration's event beside those of the queues. */
#define MESSAGE_EVENT_OF_CONFIGURATION VDEV_MESSAGE_QUEUES_MAXIMUM

static inline uint64_t message_get64(const struct vdev_message *message, unsigned word)
{
    return (uint64_t)message->payload[word + 1] << 32 | message->payload[word];
}

static inline void message_put64(struct vdev_message *message, unsigned word, uint64_t value)
{
    message->payload[word] = (uint32_t)value;
    message->payload[word + 1] = (uint32_t)(value >> 32);
}

/* Bytes of a payload; `at` counts them from its start. */
static inline uint8_t message_get_byte(const struct vdev_message *message, unsigned at)
{
    return (uint8_t)(message->payload[at / 4] >> (at % 4 * 8));
}

static inline void message_put_byte(struct vdev_message *message, unsigned at, uint8_t value)
{
    message->payload[at / 4] |= (uint32_t)value << (at % 4 * 8); /* into zeros */
}

/* ---- message_link.c ---- */

/* Latch a link: the peer broke the rules. Returns VDEV_ERROR_CORRUPT. */
int vdev_message_link_latch(struct vdev_message_link *link);

/* Send; rings if the peer may be idle. VDEV_ERROR_FULL, VDEV_ERROR_CORRUPT (latched). */
int vdev_message_link_send(struct vdev_message_link *link, const struct vdev_message *message);

/* Receive. VDEV_ERROR_EMPTY; VDEV_ERROR_INVALID: one was there that has an impossible size: it was
 * dropped and counted; VDEV_ERROR_CORRUPT (latched). */
int vdev_message_link_receive(struct vdev_message_link *link, struct vdev_message *message);

/* Ask to be rung for the next message, and look again behind a full fence: true if it is there. */
bool vdev_message_link_arm(struct vdev_message_link *link);

/*
 * Send an event, unless an earlier one of its place lies unread: `place` is a queue's number or
 * MESSAGE_EVENT_OF_CONFIGURATION. Behind a full fence, so that all written before is seen by who
 * reads the event, or read it just now. Without room its place is marked as waiting.
 */
void vdev_message_link_event(struct vdev_message_link *link, struct vdev_message_events *events,
                             unsigned place, const struct vdev_message *message);

/* ---- message_request.c ---- */

#define MESSAGE_NO_ANSWER UINT32_MAX

/* Do what is asked of a device. Returns the bytes of the answer's payload, or MESSAGE_NO_ANSWER. */
uint32_t vdev_message_handle(struct vdev_virtio_device *device, const struct vdev_message *request,
                             struct vdev_message *answer);

/* ---- message_remote.c ---- */

/* On the bus from now on; or once more, if it is there already. VDEV_ERROR_INVALID: another device
 * has the number. */
int vdev_message_remote_add(struct vdev_virtio_message_remote *remote,
                            struct vdev_virtio_message_driver_bus *bus, uint16_t number);

/*
 * Send the request whose payload, of so many bytes, the caller has put into remote->request. Its
 * answer sets `arrived`, checked to be one for it. VDEV_ERROR_FULL, VDEV_ERROR_CORRUPT (latched).
 */
int vdev_message_remote_request_bytes(struct vdev_virtio_message_remote *remote, enum message_id id,
                                      unsigned bytes);

static inline int vdev_message_remote_request(struct vdev_virtio_message_remote *remote,
                                              enum message_id id, unsigned words)
{
    return vdev_message_remote_request_bytes(remote, id, 4 * words);
}

/* Stop waiting: an answer that still comes is dropped. */
void vdev_message_remote_abandon(struct vdev_virtio_message_remote *remote);

/* EVENT_AVAIL. */
void vdev_message_remote_notify(struct vdev_virtio_message_remote *remote, uint16_t queue);

/* Before a device is reset: what was sent to it and what came from it is void. */
void vdev_message_remote_forget(struct vdev_virtio_message_remote *remote);

/* Fill in requests. */
void vdev_message_ask_features(struct vdev_message *request);
void vdev_message_set_features(struct vdev_message *request, uint64_t features);
void vdev_message_set_queue(struct vdev_message *request, uint32_t index,
                            const struct vdev_virtqueue_configuration *configuration);

#endif
