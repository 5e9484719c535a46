/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost-user messages: what each one looks like, and is called. Whether it may come now is not
 * known here. [QEMU, docs/interop/vhost-user.rst]
 */
#include <vdev/vhost_user.h>

#include "core/mem.h"

#define STATE_BYTES         8u
#define ADDRESS_BYTES       40u
#define MEMORY_HEADER_BYTES 8u
#define REGION_BYTES        32u
#define CONFIG_HEADER_BYTES 12u
/* Some compilers' structure of it is padded, others' packed; both are on the wire. */
#define INFLIGHT_BYTES        20u
#define INFLIGHT_PADDED_BYTES 24u

_Static_assert(sizeof(struct vdev_vhost_user_region) == REGION_BYTES &&
                   offsetof(union vdev_vhost_user_payload, address.log) == ADDRESS_BYTES - 8 &&
                   offsetof(union vdev_vhost_user_payload, memory.regions) == MEMORY_HEADER_BYTES &&
                   offsetof(union vdev_vhost_user_payload, region.region) == 8 &&
                   offsetof(union vdev_vhost_user_payload, configuration.bytes) ==
                       CONFIG_HEADER_BYTES &&
                   offsetof(union vdev_vhost_user_payload, inflight.queue_size) ==
                       INFLIGHT_BYTES - 2,
               "payloads have the protocol's layout");
_Static_assert(sizeof(union vdev_vhost_user_payload) == VDEV_VHOST_USER_PAYLOAD_MAXIMUM, "and fit");

/* What a message carries. */
enum payload {
    UNKNOWN, /* first, for the gaps in the table */
    NOTHING,
    NUMBER,
    STATE,
    ADDRESS,
    MEMORY,
    REGION,
    CONFIGURATION,
    INFLIGHT,
};

/* And how many descriptors come with it. */
enum descriptors {
    NONE,
    ONE,
    ONE_UNLESS_SAID, /* bit 8 of the number says that there is none */
    ONE_AT_MOST,     /* [REM_MEM_REG] not used, but some drivers' ends send it */
    ONE_EACH,        /* for each region */
};

struct form {
    const char *name;
    uint8_t request; /* enum payload */
    uint8_t descriptors;
    uint8_t reply; /* enum payload; NUMBER also is how others are acknowledged */
};

static const struct form forms[] = {
    [VDEV_VHOST_USER_GET_FEATURES] = {"GET_FEATURES", NOTHING, NONE, NUMBER},
    [VDEV_VHOST_USER_SET_FEATURES] = {"SET_FEATURES", NUMBER, NONE, NUMBER},
    [VDEV_VHOST_USER_SET_OWNER] = {"SET_OWNER", NOTHING, NONE, NUMBER},
    [VDEV_VHOST_USER_RESET_OWNER] = {"RESET_OWNER", NOTHING, NONE, NUMBER},
    [VDEV_VHOST_USER_SET_MEM_TABLE] = {"SET_MEM_TABLE", MEMORY, ONE_EACH, NUMBER},
    [VDEV_VHOST_USER_SET_VRING_NUM] = {"SET_VRING_NUM", STATE, NONE, NUMBER},
    [VDEV_VHOST_USER_SET_VRING_ADDR] = {"SET_VRING_ADDR", ADDRESS, NONE, NUMBER},
    [VDEV_VHOST_USER_SET_VRING_BASE] = {"SET_VRING_BASE", STATE, NONE, NUMBER},
    [VDEV_VHOST_USER_GET_VRING_BASE] = {"GET_VRING_BASE", STATE, NONE, STATE},
    [VDEV_VHOST_USER_SET_VRING_KICK] = {"SET_VRING_KICK", NUMBER, ONE_UNLESS_SAID, NUMBER},
    [VDEV_VHOST_USER_SET_VRING_CALL] = {"SET_VRING_CALL", NUMBER, ONE_UNLESS_SAID, NUMBER},
    [VDEV_VHOST_USER_SET_VRING_ERR] = {"SET_VRING_ERR", NUMBER, ONE_UNLESS_SAID, NUMBER},
    [VDEV_VHOST_USER_GET_PROTOCOL_FEATURES] = {"GET_PROTOCOL_FEATURES", NOTHING, NONE, NUMBER},
    [VDEV_VHOST_USER_SET_PROTOCOL_FEATURES] = {"SET_PROTOCOL_FEATURES", NUMBER, NONE, NUMBER},
    [VDEV_VHOST_USER_GET_QUEUE_NUM] = {"GET_QUEUE_NUM", NOTHING, NONE, NUMBER},
    [VDEV_VHOST_USER_SET_VRING_ENABLE] = {"SET_VRING_ENABLE", STATE, NONE, NUMBER},
    [VDEV_VHOST_USER_SET_BACKEND_REQ_FD] = {"SET_BACKEND_REQ_FD", NOTHING, ONE, NUMBER},
    [VDEV_VHOST_USER_GET_CONFIG] = {"GET_CONFIG", CONFIGURATION, NONE, CONFIGURATION},
    [VDEV_VHOST_USER_SET_CONFIG] = {"SET_CONFIG", CONFIGURATION, NONE, NUMBER},
    [VDEV_VHOST_USER_GET_INFLIGHT_FD] = {"GET_INFLIGHT_FD", INFLIGHT, NONE, INFLIGHT},
    [VDEV_VHOST_USER_SET_INFLIGHT_FD] = {"SET_INFLIGHT_FD", INFLIGHT, ONE, NUMBER},
    [VDEV_VHOST_USER_RESET_DEVICE] = {"RESET_DEVICE", NOTHING, NONE, NUMBER},
    [VDEV_VHOST_USER_GET_MAX_MEM_SLOTS] = {"GET_MAX_MEM_SLOTS", NOTHING, NONE, NUMBER},
    [VDEV_VHOST_USER_ADD_MEM_REG] = {"ADD_MEM_REG", REGION, ONE, NUMBER},
    [VDEV_VHOST_USER_REM_MEM_REG] = {"REM_MEM_REG", REGION, ONE_AT_MOST, NUMBER},
    [VDEV_VHOST_USER_SET_STATUS] = {"SET_STATUS", NUMBER, NONE, NUMBER},
    [VDEV_VHOST_USER_GET_STATUS] = {"GET_STATUS", NOTHING, NONE, NUMBER},
};

static const struct form *form_of(uint32_t request)
{
    static const struct form none = {"unknown request", UNKNOWN, NONE, UNKNOWN};

    return request < sizeof forms / sizeof forms[0] && forms[request].name != NULL ? &forms[request]
                                                                                   : &none;
}

const char *vdev_vhost_user_name(uint32_t request)
{
    return form_of(request)->name;
}

size_t vdev_vhost_user_memory_size(uint32_t regions)
{
    return MEMORY_HEADER_BYTES + (size_t)regions * REGION_BYTES;
}

size_t vdev_vhost_user_configuration_size(uint32_t length)
{
    return CONFIG_HEADER_BYTES + (size_t)length;
}

/* ---- headers ---- */

vdev_vhost_user_reason vdev_vhost_user_read_header(struct vdev_vhost_user_message *message,
                                                   const uint8_t *bytes)
{
    memcpy(&message->request, bytes, 4);
    memcpy(&message->flags, bytes + 4, 4);
    memcpy(&message->size, bytes + 8, 4);
    if ((message->flags & VDEV_VHOST_USER_VERSION_MASK) != VDEV_VHOST_USER_VERSION) {
        return "of another version of the protocol";
    }
    if (message->size > VDEV_VHOST_USER_PAYLOAD_MAXIMUM) {
        return "longer than any message is";
    }
    return NULL;
}

void vdev_vhost_user_write_header(const struct vdev_vhost_user_message *message, uint8_t *bytes)
{
    memcpy(bytes, &message->request, 4);
    memcpy(bytes + 4, &message->flags, 4);
    memcpy(bytes + 8, &message->size, 4);
}

/* ---- whole messages ---- */

static vdev_vhost_user_reason check_payload(const struct vdev_vhost_user_message *message,
                                            unsigned payload)
{
    static const uint8_t sizes[] = {[NOTHING] = 0,
                                    [NUMBER] = 8,
                                    [STATE] = STATE_BYTES,
                                    [ADDRESS] = ADDRESS_BYTES,
                                    [REGION] = 40};
    uint32_t size = message->size;

    switch (payload) {
    case MEMORY:
        /* A size that was counted to more regions than there are is user-mode Linux' manner. */
        if (size < MEMORY_HEADER_BYTES || size > VDEV_VHOST_USER_PAYLOAD_MAXIMUM) {
            break;
        }
        if (message->payload.memory.count > VDEV_VHOST_USER_REGIONS) {
            return "more regions than a table has";
        }
        if (vdev_vhost_user_memory_size(message->payload.memory.count) > size) {
            break;
        }
        return NULL;
    case CONFIGURATION:
        if (size < CONFIG_HEADER_BYTES ||
            message->payload.configuration.length > VDEV_VHOST_USER_CONFIG_MAXIMUM ||
            message->payload.configuration.offset >
                VDEV_VHOST_USER_CONFIG_MAXIMUM - message->payload.configuration.length ||
            vdev_vhost_user_configuration_size(message->payload.configuration.length) != size) {
            break;
        }
        return NULL;
    case INFLIGHT:
        if (size != INFLIGHT_BYTES && size != INFLIGHT_PADDED_BYTES) {
            break;
        }
        return NULL;
    default:
        if (size != sizes[payload]) {
            break;
        }
        return NULL;
    }
    return "of another length than its kind has";
}

static vdev_vhost_user_reason check_descriptors(const struct vdev_vhost_user_message *message,
                                                unsigned descriptors)
{
    size_t least = 1;
    size_t most = 1;

    if (descriptors == NONE || descriptors == ONE_AT_MOST) {
        least = 0;
        most = descriptors == NONE ? 0 : 1;
    } else if (descriptors == ONE_EACH) {
        least = most = message->payload.memory.count;
    } else if (descriptors == ONE_UNLESS_SAID &&
               (message->payload.u64 & VDEV_VHOST_USER_VRING_NO_DESCRIPTOR) != 0) {
        least = most = 0;
    }
    return message->descriptor_count < least  ? "too few descriptors"
           : message->descriptor_count > most ? "too many descriptors"
                                              : NULL;
}

vdev_vhost_user_reason vdev_vhost_user_check_request(const struct vdev_vhost_user_message *message)
{
    const struct form *form = form_of(message->request);

    if (form->request == UNKNOWN) {
        return "not known here";
    }
    if ((message->flags & VDEV_VHOST_USER_VERSION_MASK) != VDEV_VHOST_USER_VERSION) {
        return "of another version of the protocol";
    }
    if ((message->flags & VDEV_VHOST_USER_REPLY) != 0) {
        return "a reply, and nothing was asked";
    }
    vdev_vhost_user_reason reason = check_payload(message, form->request);
    return reason != NULL ? reason : check_descriptors(message, form->descriptors);
}

vdev_vhost_user_reason vdev_vhost_user_check_reply(const struct vdev_vhost_user_message *message,
                                                   uint32_t request)
{
    const struct form *form = form_of(request);

    if (form->request == UNKNOWN || message->request != request) {
        return "a reply to something else";
    }
    if (message->flags != (VDEV_VHOST_USER_VERSION | VDEV_VHOST_USER_REPLY)) {
        return "no reply by its flags";
    }
    if (form->reply == CONFIGURATION && message->size == 0) {
        return "refused by the device's end"; /* [GET_CONFIG] */
    }
    vdev_vhost_user_reason reason = check_payload(message, form->reply);
    if (reason != NULL) {
        return reason;
    }
    /* [GET_INFLIGHT_FD] No file is of no bytes. */
    bool file = form->reply == INFLIGHT && message->payload.inflight.length != 0;
    return check_descriptors(message, file ? ONE : NONE);
}
