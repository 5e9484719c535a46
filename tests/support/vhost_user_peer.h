/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other end of a vhost-user session, and the system below it, for tests and fuzz targets: a
 * driver's end that says what it is told to, a device that keeps or gives back what is in its
 * rings, and operations that keep books: a descriptor that is closed twice, or used when it is not
 * open, or a mapping that is unmapped with another length, fails at once.
 */
#ifndef SUPPORT_VHOST_USER_PEER_H
#define SUPPORT_VHOST_USER_PEER_H

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include <linux/virtio_ring.h>

#include <vdev/status.h>
#include <vdev/vhost_user_device.h>

#define PEER_QUEUES      3u
#define PEER_QUEUE_SIZE  16u
#define PEER_QUEUE_MOST  64u
#define PEER_GUEST       0x40000000ull
#define PEER_USER        0x7f0000000000ull
#define PEER_BYTES       0x20000u
#define PEER_RING_STRIDE 0x4000u
#define PEER_DATA        0x10000u
#define PEER_DESCRIPTORS 512
#define PEER_MAPPINGS    128
#define PEER_FEATURES    (1ull << 32 | 1ull << 5)
#define PEER_FLAG_30     (1ull << 30)
#define PEER_CHAINS      64

struct peer_file {
    uint8_t *bytes;
    uint64_t length;
    unsigned references; /* descriptors and mappings */
};

struct peer_descriptor {
    bool open;
    struct peer_file *file;
    unsigned written; /* interrupts */
};

struct peer_mapping {
    uint8_t *pointer;
    uint64_t length;
    struct peer_file *file;
};

struct peer {
    struct vdev_vhost_user_device session;
    struct vdev_virtio_device device;
    struct vdev_virtio_queue queues[PEER_QUEUES];
    struct vdev_memory memory;
    uint8_t space[12];
    struct vdev_buffer buffers[16];
    struct vdev_chain chain;
    /* the device */
    bool keep; /* chains, until the drain */
    struct {
        uint16_t queue, id;
        uint32_t epoch;
    } kept[PEER_CHAINS];
    unsigned kept_count, notified[PEER_QUEUES], resets;
    uint16_t running; /* the queue that is worked through */
    uint64_t written_value;
    /* the books */
    struct peer_descriptor descriptors[PEER_DESCRIPTORS];
    struct peer_mapping mappings[PEER_MAPPINGS];
    int next_descriptor;
    unsigned open, mapped, drains, replies, refusals, own_messages;
    struct vdev_vhost_user_message reply;
    const char *refused_name, *refused_why;
    int watched[PEER_QUEUES];
    bool copies;     /* a mapping is memory of its own, so that its use after unmapping is seen */
    int fail_maps;   /* once it is 0; negative: never */
    bool fail_sends; /* the other end does not read any more */
    bool fail_creates;
    struct peer_file *guest;
};

static inline struct peer *peer_of(struct vdev_virtio_device *device)
{
    return (struct peer *)(void *)((uint8_t *)device - offsetof(struct peer, device));
}

/* ---- the books ---- */

static inline struct peer_file *peer_file_new(uint64_t length)
{
    struct peer_file *file = calloc(1, sizeof *file);

    ck_assert(file != NULL);
    file->bytes = aligned_alloc(4096, (size_t)(length + 4095) / 4096 * 4096);
    ck_assert(file->bytes != NULL);
    memset(file->bytes, 0, (size_t)(length + 4095) / 4096 * 4096);
    file->length = length;
    return file;
}

static inline void peer_file_release(struct peer_file *file)
{
    if (file != NULL && --file->references == 0) {
        free(file->bytes);
        free(file);
    }
}

/* A new descriptor, of a file or, with NULL, an eventfd. */
static inline int peer_open(struct peer *peer, struct peer_file *file)
{
    int descriptor = peer->next_descriptor;

    while (peer->descriptors[descriptor].open) {
        descriptor = (descriptor + 1) % PEER_DESCRIPTORS;
        ck_assert(descriptor != peer->next_descriptor);
    }
    peer->next_descriptor = (descriptor + 1) % PEER_DESCRIPTORS;
    peer->descriptors[descriptor] = (struct peer_descriptor){.open = true, .file = file};
    if (file != NULL) {
        file->references++;
    }
    peer->open++;
    return descriptor;
}

static inline struct peer_descriptor *peer_descriptor(struct peer *peer, int descriptor)
{
    ck_assert(descriptor >= 0 && descriptor < PEER_DESCRIPTORS);
    ck_assert(peer->descriptors[descriptor].open);
    return &peer->descriptors[descriptor];
}

static inline void peer_close(void *context, int descriptor)
{
    struct peer *peer = context;
    struct peer_descriptor *closed = peer_descriptor(peer, descriptor);

    for (unsigned i = 0; i < PEER_QUEUES; i++) {
        ck_assert(peer->watched[i] != descriptor); /* a loop must not be left with it */
    }
    peer_file_release(closed->file);
    *closed = (struct peer_descriptor){0};
    peer->open--;
}

static inline int peer_on_send(void *context, const struct vdev_vhost_user_message *message)
{
    struct peer *peer = context;

    if (peer->fail_sends) {
        return -1;
    }
    for (size_t i = 0; i < message->descriptor_count; i++) {
        peer_descriptor(peer, message->descriptors[i]);
    }
    peer->reply = *message;
    peer->replies++;
    return 0;
}

static inline int peer_on_send_own(void *context, int channel,
                                   const struct vdev_vhost_user_message *message)
{
    struct peer *peer = context;

    peer_descriptor(peer, channel);
    ck_assert_uint_eq(message->request, VDEV_VHOST_USER_BACKEND_CONFIG_CHANGE);
    ck_assert_uint_eq(message->size, 0);
    peer->own_messages++;
    return peer->fail_sends ? -1 : 0;
}

static inline void *peer_map(void *context, int descriptor, uint64_t offset, uint64_t length)
{
    struct peer *peer = context;
    struct peer_file *file = peer_descriptor(peer, descriptor)->file;

    ck_assert(length != 0);
    if (file == NULL || offset > file->length || length > file->length - offset ||
        peer->fail_maps == 0) {
        return NULL;
    }
    peer->fail_maps -= peer->fail_maps > 0;
    for (unsigned i = 0; i < PEER_MAPPINGS; i++) {
        struct peer_mapping *mapping = &peer->mappings[i];
        if (mapping->pointer == NULL) {
            mapping->pointer = file->bytes + offset;
            if (peer->copies) {
                mapping->pointer = malloc((size_t)length);
                ck_assert(mapping->pointer != NULL);
                memcpy(mapping->pointer, file->bytes + offset, (size_t)length);
            }
            mapping->length = length;
            mapping->file = file;
            file->references++;
            peer->mapped++;
            return mapping->pointer;
        }
    }
    return NULL;
}

static inline void peer_unmap(void *context, void *pointer, uint64_t length)
{
    struct peer *peer = context;

    for (unsigned i = 0; i < PEER_MAPPINGS; i++) {
        struct peer_mapping *mapping = &peer->mappings[i];
        if (mapping->pointer == pointer && mapping->length == length) {
            if (peer->copies) {
                free(pointer);
            }
            peer_file_release(mapping->file);
            *mapping = (struct peer_mapping){0};
            peer->mapped--;
            return;
        }
    }
    ck_assert(!"a mapping that there is");
}

static inline int peer_create(void *context, uint64_t length)
{
    struct peer *peer = context;

    return peer->fail_creates ? -1 : peer_open(peer, peer_file_new(length));
}

static inline void peer_watch(void *context, uint16_t queue, int descriptor)
{
    struct peer *peer = context;

    ck_assert(queue < PEER_QUEUES);
    if (descriptor >= 0) {
        peer_descriptor(peer, descriptor);
    }
    peer->watched[queue] = descriptor;
}

static inline void peer_interrupt(void *context, int descriptor)
{
    peer_descriptor(context, descriptor)->written++;
}

/* Give back what the device has, as a disk does. */
static inline void peer_complete(struct peer *peer)
{
    while (peer->kept_count != 0) {
        unsigned at = --peer->kept_count;
        vdev_virtio_device_give(&peer->device, peer->kept[at].queue, peer->kept[at].epoch,
                                peer->kept[at].id, 1);
        vdev_virtio_device_signal(&peer->device, peer->kept[at].queue);
    }
}

static inline void peer_drain(void *context)
{
    struct peer *peer = context;

    peer->drains++;
    peer_complete(peer);
}

static inline void peer_refused(void *context, const char *name, const char *why)
{
    struct peer *peer = context;

    ck_assert(name != NULL && why != NULL);
    peer->refusals++;
    peer->refused_name = name;
    peer->refused_why = why;
}

/* ---- the device ---- */

static inline bool peer_handle(void *context, struct vdev_chain *chain)
{
    struct peer *peer = context;
    uint32_t epoch = vdev_virtio_device_epoch(&peer->device, peer->running);

    if (peer->keep) {
        if (peer->kept_count == PEER_CHAINS) {
            return false;
        }
        peer->kept[peer->kept_count].queue = peer->running;
        peer->kept[peer->kept_count].id = chain->id;
        peer->kept[peer->kept_count++].epoch = epoch;
    } else {
        for (size_t i = 0; i < chain->writable_count; i++) {
            memset(chain->buffers[chain->readable_count + i].pointer, 0x5a,
                   chain->buffers[chain->readable_count + i].length);
        }
        vdev_virtio_device_give(&peer->device, peer->running, epoch, chain->id,
                                chain->writable_length);
    }
    return true;
}

static inline void peer_notify(struct vdev_virtio_device *device, uint16_t queue)
{
    struct peer *peer = peer_of(device);

    peer->notified[queue]++;
    peer->running = queue;
    vdev_virtio_device_run(device, queue, &peer->chain, PEER_QUEUE_MOST + 1, peer_handle, peer);
}

static inline void peer_reset(struct vdev_virtio_device *device)
{
    peer_of(device)->resets++;
}

static inline void peer_write(struct vdev_virtio_device *device, uint32_t offset, unsigned width,
                              uint64_t value)
{
    ck_assert(offset + width <= sizeof peer_of(device)->space);
    peer_of(device)->written_value = value;
}

static inline void peer_init(struct peer *peer, uint64_t without)
{
    static const struct vdev_virtio_device_operations device_operations = {
        .notify = peer_notify, .reset = peer_reset, .write_configuration = peer_write};
    static const struct vdev_vhost_user_device_operations operations = {
        .send = peer_on_send,
        .send_own = peer_on_send_own,
        .map = peer_map,
        .unmap = peer_unmap,
        .create = peer_create,
        .close = peer_close,
        .watch = peer_watch,
        .interrupt = peer_interrupt,
        .drain = peer_drain,
        .refused = peer_refused,
    };

    memset(peer, 0, sizeof *peer);
    peer->fail_maps = -1;
    peer->chain = (struct vdev_chain){.buffers = peer->buffers, .capacity = 16};
    for (unsigned i = 0; i < sizeof peer->space; i++) {
        peer->space[i] = (uint8_t)(0x10 + i);
    }
    for (unsigned i = 0; i < PEER_QUEUES; i++) {
        peer->watched[i] = -1;
    }
    struct vdev_virtio_device_configuration with = {
        .operations = &device_operations,
        .memory = &peer->memory,
        .id = VDEV_VIRTIO_ID_BLOCK,
        .features = 1u << 5,
        .queues = peer->queues,
        .queue_count = PEER_QUEUES,
        .queue_size_maximum = PEER_QUEUE_MOST,
        .configuration_space = peer->space,
        .configuration_length = sizeof peer->space,
    };
    ck_assert(vdev_virtio_device_init(&peer->device, &with) == VDEV_OK);
    struct vdev_vhost_user_device_configuration session = {
        .device = &peer->device,
        .memory = &peer->memory,
        .operations = &operations,
        .context = peer,
        .without = without,
    };
    ck_assert(vdev_vhost_user_device_init(&peer->session, &session) == VDEV_OK);
    peer->guest = peer_file_new(PEER_BYTES);
    peer->guest->references = 1;
}

/* The end of a connection: nothing may be left of it. */
static inline void peer_disconnect(struct peer *peer)
{
    vdev_vhost_user_device_disconnect(&peer->session);
    ck_assert_uint_eq(peer->open, 0);
    ck_assert_uint_eq(peer->mapped, 0);
    ck_assert_uint_eq(peer->memory.count, 0);
    ck_assert_uint_eq(peer->device.status, 0);
    ck_assert_uint_eq(peer->kept_count, 0);
    for (unsigned i = 0; i < PEER_QUEUES; i++) {
        ck_assert(peer->watched[i] == -1);
    }
}

static inline void peer_finish(struct peer *peer)
{
    peer_disconnect(peer);
    vdev_vhost_user_device_disconnect(&peer->session);
    peer_file_release(peer->guest);
}

/* ---- messages ---- */

static inline struct vdev_vhost_user_message peer_message(uint32_t request, uint32_t size)
{
    return (struct vdev_vhost_user_message){
        .request = request, .flags = VDEV_VHOST_USER_VERSION, .size = size};
}

static inline void peer_attach(struct vdev_vhost_user_message *message, int descriptor)
{
    message->descriptors[message->descriptor_count++] = descriptor;
}

static inline int peer_say(struct peer *peer, const struct vdev_vhost_user_message *message)
{
    return vdev_vhost_user_device_receive(&peer->session, message);
}

static inline int peer_number(struct peer *peer, uint32_t request, uint64_t number)
{
    struct vdev_vhost_user_message message = peer_message(request, 8);

    message.payload.u64 = number;
    return peer_say(peer, &message);
}

static inline int peer_state(struct peer *peer, uint32_t request, uint32_t index, uint32_t number)
{
    struct vdev_vhost_user_message message = peer_message(request, 8);

    message.payload.state.index = index;
    message.payload.state.number = number;
    return peer_say(peer, &message);
}

/* A question without a payload. */
static inline uint64_t peer_ask(struct peer *peer, uint32_t request)
{
    struct vdev_vhost_user_message message = peer_message(request, 0);
    unsigned replies = peer->replies;

    ck_assert(peer_say(peer, &message) == VDEV_OK);
    ck_assert_uint_eq(peer->replies, replies + 1);
    ck_assert(vdev_vhost_user_check_reply(&peer->reply, request) == NULL);
    return peer->reply.payload.u64;
}

static inline struct vdev_vhost_user_region peer_region(uint64_t offset, uint64_t length)
{
    return (struct vdev_vhost_user_region){PEER_GUEST + offset, length, PEER_USER + offset, offset};
}

static inline struct vdev_vhost_user_message peer_table(struct peer *peer, unsigned count)
{
    struct vdev_vhost_user_message message =
        peer_message(VDEV_VHOST_USER_SET_MEM_TABLE, (uint32_t)vdev_vhost_user_memory_size(count));

    message.payload.memory.count = count;
    for (unsigned i = 0; i < count; i++) {
        message.payload.memory.regions[i] =
            peer_region(i * (PEER_BYTES / count), PEER_BYTES / count);
        peer_attach(&message, peer_open(peer, peer->guest));
    }
    return message;
}

/* SET_VRING_KICK, _CALL or _ERR with a new descriptor, which is returned in *descriptor. */
static inline int peer_event(struct peer *peer, uint32_t request, uint32_t index, int *descriptor)
{
    struct vdev_vhost_user_message message = peer_message(request, 8);

    message.payload.u64 = index;
    *descriptor = peer_open(peer, NULL);
    peer_attach(&message, *descriptor);
    return peer_say(peer, &message);
}

static inline int peer_address(struct peer *peer, uint32_t index, uint64_t user)
{
    struct vdev_vhost_user_message message = peer_message(VDEV_VHOST_USER_SET_VRING_ADDR, 40);

    message.payload.address.index = index;
    message.payload.address.descriptors = user;
    message.payload.address.available = user + 0x1000;
    message.payload.address.used = user + 0x2000;
    return peer_say(peer, &message);
}

static inline uint64_t peer_ring(uint32_t index)
{
    return PEER_USER + index * PEER_RING_STRIDE;
}

/* ---- its driver ---- */

static inline void *peer_at(struct peer *peer, uint32_t offset)
{
    return peer->guest->bytes + offset;
}

static inline struct vring_used *peer_used(struct peer *peer, uint32_t index)
{
    return peer_at(peer, index * PEER_RING_STRIDE + 0x2000);
}

static inline struct vring_avail *peer_available(struct peer *peer, uint32_t index)
{
    return peer_at(peer, index * PEER_RING_STRIDE + 0x1000);
}

/* A request of one byte to be written to: its head is the index's place in the ring. */
static inline void peer_request(struct peer *peer, uint32_t index)
{
    struct vring_avail *available = peer_available(peer, index);
    uint16_t head = available->idx % PEER_QUEUE_SIZE;
    struct vring_desc *descriptor = peer_at(peer, index * PEER_RING_STRIDE + head * 16u);

    *descriptor = (struct vring_desc){PEER_GUEST + PEER_DATA + head, 1, VRING_DESC_F_WRITE, 0};
    available->ring[head] = head;
    available->idx++;
}

#endif
