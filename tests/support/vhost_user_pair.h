/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both ends of vhost-user in one program, for tests: messages, files, eventfds are all of them
 * played, and counted. A device's process can die: what it has is gone, and the driver's end still
 * has its memory and the rings.
 */
#ifndef SUPPORT_VHOST_USER_PAIR_H
#define SUPPORT_VHOST_USER_PAIR_H

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include <vdev/status.h>
#include <vdev/testing/clock.h>
#include <vdev/vhost_user_device.h>
#include <vdev/vhost_user_driver.h>

#define PAIR_QUEUES 3u
#define PAIR_SIZE   64u
#define PAIR_BYTES  (1u << 20)
#define PAIR_GUEST  0x40000000ull
#define PAIR_FILES                                                                                 \
    400u /* the numbers of descriptors: of memory files from 0 on, the first ours                  \
          */
#define PAIR_KICK 500
#define PAIR_CALL 600

struct pair_file {
    uint8_t *bytes;
    uint64_t length;
    unsigned driver, device; /* how often each end has it open */
};

struct pair {
    struct vdev_vhost_user_driver driver;
    struct vdev_vhost_user_device session;
    struct vdev_memory map; /* the device's */
    struct vdev_vhost_user_driver_region region;
    struct pair_file files[PAIR_FILES];
    unsigned file_count;
    unsigned mapped;
    struct vdev_vhost_user_message answers[4];
    unsigned answer_count;
    int watched[PAIR_QUEUES]; /* eventfds, or -1 */
    unsigned device_open_events;
    bool kicked[PAIR_QUEUES];
    bool ended;
    bool called;
    unsigned refused;
    struct vdev_virtual_clock clock;
    int kicks[PAIR_QUEUES], calls[PAIR_QUEUES];
};

static struct pair pair;

/* ---- the device's operations ---- */

static inline bool pair_is_event(int descriptor)
{
    return descriptor >= PAIR_KICK;
}

static inline int pair_answer(void *context, const struct vdev_vhost_user_message *message)
{
    (void)context;
    ck_assert_uint_lt(pair.answer_count, 4);
    pair.answers[pair.answer_count++] = *message;
    for (size_t i = 0; i < message->descriptor_count; i++) {
        pair.files[message->descriptors[i]].driver++;
    }
    return 0;
}

static inline int pair_send_own(void *context, int channel,
                                const struct vdev_vhost_user_message *message)
{
    (void)context;
    (void)channel;
    (void)message;
    return -1;
}

static inline void *pair_map(void *context, int descriptor, uint64_t offset, uint64_t length)
{
    struct pair_file *file = &pair.files[descriptor];

    (void)context;
    ck_assert_uint_gt(file->device, 0);
    if (offset > file->length || length > file->length - offset) {
        return NULL;
    }
    pair.mapped++;
    return file->bytes + offset;
}

static inline void pair_unmap(void *context, void *pointer, uint64_t length)
{
    (void)context;
    (void)length;
    ck_assert_ptr_nonnull(pointer);
    pair.mapped--;
}

static inline int pair_create(void *context, uint64_t length)
{
    (void)context;
    ck_assert_uint_lt(pair.file_count, PAIR_FILES);
    /* As a file is mapped: in pages. */
    size_t pages = (size_t)(length + 4095) / 4096 * 4096;
    pair.files[pair.file_count] =
        (struct pair_file){.bytes = aligned_alloc(4096, pages), .length = length, .device = 1};
    memset(pair.files[pair.file_count].bytes, 0, pages);
    return (int)pair.file_count++;
}

static inline void pair_device_close(void *context, int descriptor)
{
    (void)context;
    if (pair_is_event(descriptor)) {
        ck_assert_uint_gt(pair.device_open_events--, 0);
    } else {
        ck_assert_uint_gt(pair.files[descriptor].device--, 0);
    }
}

static inline void pair_kick_device(unsigned queue)
{
    if (pair.kicked[queue] && pair.watched[queue] == PAIR_KICK + (int)queue) {
        pair.kicked[queue] = false;
        vdev_vhost_user_device_kicked(&pair.session, (uint16_t)queue);
    }
}

static inline void pair_watch(void *context, uint16_t queue, int descriptor)
{
    (void)context;
    pair.watched[queue] = descriptor;
}

static inline void pair_interrupt(void *context, int descriptor)
{
    (void)context;
    ck_assert_int_ge(descriptor, PAIR_CALL);
    pair.called = true;
}

static inline void pair_refused(void *context, const char *name, const char *why)
{
    (void)context;
    (void)name;
    (void)why;
    pair.refused++;
}

/* ---- the driver's operations ---- */

static inline int pair_send(void *context, const struct vdev_vhost_user_message *message)
{
    (void)context;
    if (pair.ended) {
        return -1;
    }
    ck_assert_ptr_null(vdev_vhost_user_check_request(message));
    for (size_t i = 0; i < message->descriptor_count; i++) {
        if (pair_is_event(message->descriptors[i])) {
            pair.device_open_events++;
        } else {
            pair.files[message->descriptors[i]].device++;
        }
    }
    if (vdev_vhost_user_device_receive(&pair.session, message) != VDEV_OK) {
        vdev_vhost_user_device_disconnect(&pair.session);
        pair.ended = true;
    }
    for (unsigned i = 0; i < PAIR_QUEUES; i++) {
        pair_kick_device(i); /* if it was signalled before it was watched */
    }
    return 0;
}

static inline int pair_receive(void *context, struct vdev_vhost_user_message *message,
                               uint64_t nanoseconds)
{
    (void)context;
    if (pair.answer_count == 0) {
        pair.clock.now += pair.ended ? 0 : nanoseconds;
        return pair.ended ? VDEV_ERROR_IO : VDEV_ERROR_TIMEOUT;
    }
    *message = pair.answers[0];
    memmove(pair.answers, pair.answers + 1, sizeof pair.answers - sizeof pair.answers[0]);
    pair.answer_count--;
    return VDEV_OK;
}

static inline void pair_driver_close(void *context, int descriptor)
{
    (void)context;
    ck_assert_uint_gt(pair.files[descriptor].driver--, 0);
}

static inline void pair_kick(void *context, int descriptor)
{
    (void)context;
    pair.kicked[descriptor - PAIR_KICK] = true;
    pair_kick_device((unsigned)(descriptor - PAIR_KICK));
}

static inline bool pair_take_calls(void *context)
{
    (void)context;
    bool called = pair.called;

    pair.called = false;
    return called;
}

/* ---- the pair ---- */

/* A session for a device; what an earlier one had is gone as with its process. */
static inline void pair_new_session(struct vdev_virtio_device *device, uint64_t without)
{
    static const struct vdev_vhost_user_device_operations operations = {
        .send = pair_answer,
        .send_own = pair_send_own,
        .map = pair_map,
        .unmap = pair_unmap,
        .create = pair_create,
        .close = pair_device_close,
        .watch = pair_watch,
        .interrupt = pair_interrupt,
        .refused = pair_refused,
    };

    for (unsigned i = 0; i < pair.file_count; i++) {
        pair.files[i].device = 0;
    }
    for (unsigned i = 0; i < PAIR_QUEUES; i++) {
        pair.watched[i] = -1;
    }
    pair.device_open_events = 0;
    pair.mapped = 0;
    pair.ended = false;
    pair.answer_count = 0;
    ck_assert_int_eq(vdev_vhost_user_device_init(&pair.session,
                                                 &(struct vdev_vhost_user_device_configuration){
                                                     .device = device,
                                                     .memory = &pair.map,
                                                     .operations = &operations,
                                                     .without = without,
                                                 }),
                     VDEV_OK);
}

/* The memory, before there is a device. */
static inline void pair_init(void)
{
    memset(&pair, 0, sizeof pair);
    vdev_virtual_clock_init(&pair.clock, 1000, 0);
    pair.files[0] = (struct pair_file){
        .bytes = aligned_alloc(4096, PAIR_BYTES), .length = PAIR_BYTES, .driver = 1};
    memset(pair.files[0].bytes, 0, PAIR_BYTES);
    pair.file_count = 1;
    for (unsigned i = 0; i < PAIR_QUEUES; i++) {
        pair.kicks[i] = PAIR_KICK + (int)i;
        pair.calls[i] = PAIR_CALL + (int)i;
    }
    pair.region = (struct vdev_vhost_user_driver_region){
        .guest_address = PAIR_GUEST,
        .length = PAIR_BYTES,
        .pointer = pair.files[0].bytes,
        .descriptor = 0,
    };
}

static inline struct vdev_buffer pair_memory(void)
{
    return (struct vdev_buffer){pair.region.pointer, PAIR_BYTES, PAIR_GUEST};
}

static inline int pair_connect(uint32_t id, uint16_t queues, uint64_t without)
{
    static const struct vdev_vhost_user_driver_operations operations = {
        .send = pair_send,
        .receive = pair_receive,
        .close = pair_driver_close,
        .kick = pair_kick,
        .take_calls = pair_take_calls,
    };

    return vdev_vhost_user_driver_init(&pair.driver, &(struct vdev_vhost_user_driver_configuration){
                                                         .operations = &operations,
                                                         .id = id,
                                                         .regions = &pair.region,
                                                         .region_count = 1,
                                                         .kicks = pair.kicks,
                                                         .calls = pair.calls,
                                                         .queue_count = queues,
                                                         .queue_size_maximum = PAIR_SIZE,
                                                         .without = without,
                                                     });
}

/* Both ends go: nothing may be left open or mapped but the memory itself. */
static inline void pair_finish(void)
{
    vdev_vhost_user_driver_finish(&pair.driver);
    vdev_vhost_user_device_disconnect(&pair.session);
    ck_assert_uint_eq(pair.mapped, 0);
    ck_assert_uint_eq(pair.device_open_events, 0);
    for (unsigned i = 0; i < pair.file_count; i++) {
        ck_assert_uint_eq(pair.files[i].device, 0);
        ck_assert_uint_eq(pair.files[i].driver, i == 0);
        free(pair.files[i].bytes);
    }
}

#endif
