/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost-user messages: their layouts, names and lengths, for both ends of a connection. No sockets:
 * who has one reads a header, asks how long the rest may be, and hands on whole messages with the
 * file descriptors that came with them. [QEMU, docs/interop/vhost-user.rst]
 *
 * Numbers are in the machine's own byte order, as the protocol has them.
 */
#ifndef VDEV_VHOST_USER_H
#define VDEV_VHOST_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VDEV_VHOST_USER_HEADER_BYTES    12u
#define VDEV_VHOST_USER_PAYLOAD_MAXIMUM 512u
#define VDEV_VHOST_USER_REGIONS         8u   /* of memory, in one table, and descriptors with it */
#define VDEV_VHOST_USER_CONFIG_MAXIMUM  256u /* bytes of a configuration space in one message */

/* Bits of `flags`. */
#define VDEV_VHOST_USER_VERSION      0x1u
#define VDEV_VHOST_USER_VERSION_MASK 0x3u
#define VDEV_VHOST_USER_REPLY        0x4u
#define VDEV_VHOST_USER_NEED_REPLY   0x8u

/* The feature bit that says: there are protocol features. */
#define VDEV_VHOST_USER_F_PROTOCOL_FEATURES 30

/* Protocol features, by bit. */
enum vdev_vhost_user_protocol_feature {
    VDEV_VHOST_USER_PROTOCOL_F_MQ = 0,
    VDEV_VHOST_USER_PROTOCOL_F_REPLY_ACK = 3,
    VDEV_VHOST_USER_PROTOCOL_F_BACKEND_REQ = 5,
    VDEV_VHOST_USER_PROTOCOL_F_CONFIG = 9,
    VDEV_VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD = 10,
    VDEV_VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD = 12,
    VDEV_VHOST_USER_PROTOCOL_F_RESET_DEVICE = 13,
    VDEV_VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15,
    VDEV_VHOST_USER_PROTOCOL_F_STATUS = 16,
};

/* What the driver's end asks. */
enum vdev_vhost_user_request {
    VDEV_VHOST_USER_GET_FEATURES = 1,
    VDEV_VHOST_USER_SET_FEATURES = 2,
    VDEV_VHOST_USER_SET_OWNER = 3,
    VDEV_VHOST_USER_RESET_OWNER = 4,
    VDEV_VHOST_USER_SET_MEM_TABLE = 5,
    VDEV_VHOST_USER_SET_VRING_NUM = 8,
    VDEV_VHOST_USER_SET_VRING_ADDR = 9,
    VDEV_VHOST_USER_SET_VRING_BASE = 10,
    VDEV_VHOST_USER_GET_VRING_BASE = 11,
    VDEV_VHOST_USER_SET_VRING_KICK = 12,
    VDEV_VHOST_USER_SET_VRING_CALL = 13,
    VDEV_VHOST_USER_SET_VRING_ERR = 14,
    VDEV_VHOST_USER_GET_PROTOCOL_FEATURES = 15,
    VDEV_VHOST_USER_SET_PROTOCOL_FEATURES = 16,
    VDEV_VHOST_USER_GET_QUEUE_NUM = 17,
    VDEV_VHOST_USER_SET_VRING_ENABLE = 18,
    VDEV_VHOST_USER_SET_BACKEND_REQ_FD = 21,
    VDEV_VHOST_USER_GET_CONFIG = 24,
    VDEV_VHOST_USER_SET_CONFIG = 25,
    VDEV_VHOST_USER_GET_INFLIGHT_FD = 31,
    VDEV_VHOST_USER_SET_INFLIGHT_FD = 32,
    VDEV_VHOST_USER_RESET_DEVICE = 34,
    VDEV_VHOST_USER_GET_MAX_MEM_SLOTS = 36,
    VDEV_VHOST_USER_ADD_MEM_REG = 37,
    VDEV_VHOST_USER_REM_MEM_REG = 38,
    VDEV_VHOST_USER_SET_STATUS = 39,
    VDEV_VHOST_USER_GET_STATUS = 40,
};

/* What the device's end asks, on the channel of SET_BACKEND_REQ_FD. */
enum vdev_vhost_user_backend_request {
    VDEV_VHOST_USER_BACKEND_CONFIG_CHANGE = 2,
};

/* In the 64 bits of SET_VRING_KICK, _CALL and _ERR. */
#define VDEV_VHOST_USER_VRING_INDEX         0xffull
#define VDEV_VHOST_USER_VRING_NO_DESCRIPTOR 0x100ull

struct vdev_vhost_user_region {
    uint64_t guest_address;
    uint64_t length;
    uint64_t user_address; /* where the driver's end sees it: ring addresses are of this kind */
    uint64_t offset;       /* into the file */
};

union vdev_vhost_user_payload {
    uint64_t u64;
    struct {
        uint32_t index;
        uint32_t number;
    } state;
    struct {
        uint32_t index;
        uint32_t flags;
        uint64_t descriptors;
        uint64_t used;
        uint64_t available;
        uint64_t log;
    } address;
    struct {
        uint32_t count;
        uint32_t padding;
        struct vdev_vhost_user_region regions[VDEV_VHOST_USER_REGIONS];
    } memory;
    struct {
        uint64_t padding;
        struct vdev_vhost_user_region region;
    } region;
    struct {
        uint32_t offset;
        uint32_t length;
        uint32_t flags;
        uint8_t bytes[VDEV_VHOST_USER_CONFIG_MAXIMUM];
    } configuration;
    struct {
        uint64_t length;
        uint64_t offset;
        uint16_t queue_count;
        uint16_t queue_size;
    } inflight;
    uint8_t bytes[VDEV_VHOST_USER_PAYLOAD_MAXIMUM];
};

struct vdev_vhost_user_message {
    uint32_t request;
    uint32_t flags;
    uint32_t size; /* bytes of the payload */
    union vdev_vhost_user_payload payload;
    /* File descriptors that came or go with it: numbers to this library, and no more. */
    int descriptors[VDEV_VHOST_USER_REGIONS];
    size_t descriptor_count;
};

/* Why a message is refused, in words for a log; NULL: it is not. */
typedef const char *vdev_vhost_user_reason;

/*
 * A header, as its 12 bytes have come, into the message's three fields. Refused: another version, a
 * payload longer than the maximum.
 */
vdev_vhost_user_reason vdev_vhost_user_read_header(struct vdev_vhost_user_message *message,
                                                   const uint8_t *bytes);

/* The other way: 12 bytes. */
void vdev_vhost_user_write_header(const struct vdev_vhost_user_message *message, uint8_t *bytes);

/*
 * Is a whole message one that the driver's end may send? Refused: an unknown request, a size that
 * is not the request's (of SET_MEM_TABLE any that its count fits in), descriptors too few or too
 * many, the reply bit. Looks at no state.
 */
vdev_vhost_user_reason vdev_vhost_user_check_request(const struct vdev_vhost_user_message *message);

/* Is it the answer to `request`, which is the driver's end's question? */
vdev_vhost_user_reason vdev_vhost_user_check_reply(const struct vdev_vhost_user_message *message,
                                                   uint32_t request);

/* Its name as the protocol has it, without the prefix: "SET_MEM_TABLE"; or "unknown request". */
const char *vdev_vhost_user_name(uint32_t request);

/* Payload bytes of a message with so many regions, or configuration bytes. */
size_t vdev_vhost_user_memory_size(uint32_t regions);
size_t vdev_vhost_user_configuration_size(uint32_t length);

#endif
