/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost-user messages of any form: what is taken for one has what its user relies on, and nothing
 * behind the bytes that came has a say in it.
 */
#include <string.h>

#include <vdev/vhost_user.h>

#include "input.h"

/* The payload that came, and behind it `fill`. */
static void make(struct vdev_vhost_user_message *message, const uint8_t *payload, uint32_t size,
                 uint8_t fill)
{
    memset(&message->payload, fill, sizeof message->payload);
    memcpy(&message->payload, payload, size);
}

static void check_taken(const struct vdev_vhost_user_message *message)
{
    const union vdev_vhost_user_payload *payload = &message->payload;

    fuzz_require(strcmp(vdev_vhost_user_name(message->request), "unknown request") != 0);
    fuzz_require((message->flags & VDEV_VHOST_USER_REPLY) == 0);
    fuzz_require(message->descriptor_count <= VDEV_VHOST_USER_REGIONS);
    switch (message->request) {
    case VDEV_VHOST_USER_SET_MEM_TABLE:
        fuzz_require(payload->memory.count == message->descriptor_count);
        fuzz_require(8 + payload->memory.count * 32 <= message->size);
        break;
    case VDEV_VHOST_USER_GET_CONFIG:
    case VDEV_VHOST_USER_SET_CONFIG:
        fuzz_require(payload->configuration.length + 12 == message->size);
        fuzz_require((uint64_t)payload->configuration.offset + payload->configuration.length <=
                     VDEV_VHOST_USER_CONFIG_MAXIMUM);
        break;
    case VDEV_VHOST_USER_SET_VRING_KICK:
    case VDEV_VHOST_USER_SET_VRING_CALL:
    case VDEV_VHOST_USER_SET_VRING_ERR:
        fuzz_require(message->descriptor_count == ((payload->u64 & 0x100) != 0 ? 0 : 1));
        break;
    default:
        fuzz_require(message->size <= 40);
        fuzz_require(message->descriptor_count <= 1);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t sizes[] = {0, 8, 8, 12, 13, 20, 24, 40, 72, 268};
    struct input input = {data, size};

    while (input.left != 0) {
        struct vdev_vhost_user_message message, again;
        uint8_t payload[VDEV_VHOST_USER_PAYLOAD_MAXIMUM], header[VDEV_VHOST_USER_HEADER_BYTES];
        uint8_t odd = input_byte(&input);
        memset(&message, 0, sizeof message);
        message.request =
            odd % 16 != 0 ? input_below(&input, 45) : (uint32_t)input_number(&input, 4);
        message.flags = odd % 8 != 1 ? 1 | (odd & 0xc) : (uint32_t)input_number(&input, 4);
        message.size = odd % 4 != 2 ? sizes[input_below(&input, sizeof sizes / sizeof sizes[0])]
                                    : (uint32_t)input_number(&input, 2) % 600;
        message.descriptor_count = input_below(&input, 10);
        vdev_vhost_user_write_header(&message, header);
        again = message;
        if (vdev_vhost_user_read_header(&again, header) != NULL) {
            fuzz_require((message.flags & 3) != 1 || message.size > sizeof payload);
            continue;
        }
        fuzz_require(again.request == message.request && again.flags == message.flags &&
                     again.size == message.size && again.size <= sizeof payload);
        memset(payload, 0, sizeof payload);
        for (uint32_t i = 0; i < message.size && i < 20; i++) {
            payload[i] = input_byte(&input);
        }
        if (message.size >= 12 && odd % 32 >= 16) { /* as long as it says */
            uint32_t length = message.size - 12;
            memcpy(payload + 4, &length, sizeof length);
            memset(payload, 0, 4);
        }
        make(&message, payload, message.size, 0);
        make(&again, payload, message.size, 0xff);
        again.descriptor_count = message.descriptor_count;
        vdev_vhost_user_reason reason = vdev_vhost_user_check_request(&message);
        fuzz_require(reason == vdev_vhost_user_check_request(&again));
        if (reason == NULL) {
            check_taken(&message);
        }
        uint32_t asked = odd % 4 != 3 ? message.request : input_below(&input, 45);
        reason = vdev_vhost_user_check_reply(&message, asked);
        fuzz_require(reason == vdev_vhost_user_check_reply(&again, asked));
        fuzz_require(reason != NULL || (message.flags == 5 && message.request == asked &&
                                        message.descriptor_count <= 1));
    }
    return 0;
}
