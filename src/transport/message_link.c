/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two FIFOs of messages in memory shared with a side that is not trusted.
 *
 * Each FIFO has a line of the sender's (how many messages were sent) and a line of the receiver's
 * (how many it has received, and of which message it wants to be told). Indices count on modulo
 * 2^32; what is between them is never more than the capacity, or the other side has broken the
 * rules and the link is latched. What we wrote ourselves we keep privately and never read back.
 *
 * Barriers come in pairs:
 *   A  the sender publishes a message, the receiver takes it (release, acquire);
 *   B  the receiver frees a place, the sender uses it again (release, acquire);
 *   C  the sender publishes and then asks whether to ring; the receiver arms and then looks again;
 *   D  the sender writes a ring and then asks whether an earlier event was read; the receiver marks
 *      it as read and then looks at the ring (C and D: a full fence each).
 */
#include <stdatomic.h>

#include "core/mem.h"
#include "transport/message.h"

/* Offsets in a FIFO; lines of 64 bytes, so that the two sides write to none in common. */
#define SENT      0u
#define RECEIVED  64u
#define RING_AT   68u
#define MESSAGES  128u
#define ALIGNMENT 64u

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LE32(value) ((uint32_t)(value))
#else
#define LE32(value) __builtin_bswap32(value)
#endif

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && sizeof(unsigned) == 4,
               "an index is published without a lock");

static uint32_t load(const void *fifo, uint32_t offset)
{
    return LE32(*(const volatile uint32_t *)((const uint8_t *)fifo + offset));
}

static void store(void *fifo, uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)((uint8_t *)fifo + offset) = LE32(value);
}

static uint32_t load_acquire(const void *fifo, uint32_t offset)
{
    return LE32(atomic_load_explicit(
        (const volatile _Atomic uint32_t *)((const uint8_t *)fifo + offset), memory_order_acquire));
}

static void store_release(void *fifo, uint32_t offset, uint32_t value)
{
    atomic_store_explicit((volatile _Atomic uint32_t *)((uint8_t *)fifo + offset), LE32(value),
                          memory_order_release);
}

int vdev_message_link_init(struct vdev_message_link *link,
                           const struct vdev_message_link_configuration *configuration)
{
    uint32_t capacity = configuration->capacity;

    if (configuration->out == NULL || configuration->in == NULL || configuration->ring == NULL ||
        ((uintptr_t)configuration->out | (uintptr_t)configuration->in) % ALIGNMENT != 0 ||
        capacity < 2 || capacity > VDEV_MESSAGE_CAPACITY_MAXIMUM ||
        (capacity & (capacity - 1)) != 0) {
        return VDEV_ERROR_INVALID;
    }
    *link = (struct vdev_message_link){.configuration = *configuration};
    store(link->configuration.in, RING_AT, 0);
    store(link->configuration.in, RECEIVED, 0);
    store_release(link->configuration.out, SENT, 0);
    return VDEV_OK;
}

void vdev_message_fifo_close(void *fifo, uint32_t capacity)
{
    store_release(fifo, SENT, load(fifo, RECEIVED) + capacity + 1);
}

int vdev_message_link_latch(struct vdev_message_link *link)
{
    link->error = VDEV_ERROR_CORRUPT;
    return link->error;
}

int vdev_message_link_send(struct vdev_message_link *link, const struct vdev_message *message)
{
    void *fifo = link->configuration.out;
    uint32_t capacity = link->configuration.capacity;

    if (link->error != VDEV_OK) {
        return link->error;
    }
    uint32_t unread = (uint32_t)link->put - load_acquire(fifo, RECEIVED); /* B */
    if (unread > capacity) {
        return vdev_message_link_latch(link);
    }
    if (unread == capacity) {
        return VDEV_ERROR_FULL;
    }
    uint32_t at = MESSAGES + ((uint32_t)link->put & (capacity - 1)) * VDEV_MESSAGE_BYTES;
    uint32_t words = (message->size - MESSAGE_HEADER_BYTES + 3) / 4;
    store(fifo, at, message->type | (uint32_t)message->id << 8 | (uint32_t)message->device << 16);
    store(fifo, at + 4, message->token | (uint32_t)message->size << 16);
    for (uint32_t i = 0; i < words; i++) {
        store(fifo, at + MESSAGE_HEADER_BYTES + 4 * i, message->payload[i]);
    }
    uint32_t number = (uint32_t)link->put++;
    store_release(fifo, SENT, number + 1);     /* A */
    atomic_thread_fence(memory_order_seq_cst); /* C */
    if (load(fifo, RING_AT) == number) {
        link->doorbells++;
        link->configuration.ring(link->configuration.context);
    }
    return VDEV_OK;
}

int vdev_message_link_receive(struct vdev_message_link *link, struct vdev_message *message)
{
    void *fifo = link->configuration.in;
    uint32_t capacity = link->configuration.capacity;

    if (link->error != VDEV_OK) {
        return link->error;
    }
    uint32_t unread = load_acquire(fifo, SENT) - link->taken; /* A */
    if (unread == 0) {
        return VDEV_ERROR_EMPTY;
    }
    if (unread > capacity) {
        return vdev_message_link_latch(link);
    }
    uint32_t at = MESSAGES + (link->taken & (capacity - 1)) * VDEV_MESSAGE_BYTES;
    uint32_t first = load(fifo, at);
    uint32_t second = load(fifo, at + 4);
    message->type = (uint8_t)(first & (MESSAGE_TYPE_ANSWER | MESSAGE_TYPE_BUS));
    message->id = (uint8_t)(first >> 8);
    message->device = (uint16_t)(first >> 16);
    message->token = (uint16_t)second;
    message->size = (uint16_t)(second >> 16);
    bool possible = message->size >= MESSAGE_HEADER_BYTES && message->size <= VDEV_MESSAGE_BYTES;
    uint32_t words = possible ? (message->size - MESSAGE_HEADER_BYTES + 3) / 4 : 0;
    for (uint32_t i = 0; i < words; i++) {
        message->payload[i] = load(fifo, at + MESSAGE_HEADER_BYTES + 4 * i);
    }
    for (uint32_t i = words; i < MESSAGE_WORDS; i++) {
        message->payload[i] = 0;
    }
    link->taken++;
    store_release(fifo, RECEIVED, link->taken); /* B */
    atomic_thread_fence(memory_order_seq_cst);  /* D */
    if (!possible) {
        link->ignored++;
        return VDEV_ERROR_INVALID;
    }
    return VDEV_OK;
}

bool vdev_message_link_arm(struct vdev_message_link *link)
{
    if (link->error != VDEV_OK) {
        return false;
    }
    store(link->configuration.in, RING_AT, link->taken);
    atomic_thread_fence(memory_order_seq_cst); /* C */
    return load(link->configuration.in, SENT) != link->taken;
}

void vdev_message_link_event(struct vdev_message_link *link, struct vdev_message_events *events,
                             unsigned place, const struct vdev_message *message)
{
    atomic_thread_fence(memory_order_seq_cst); /* D */
    if ((events->sent >> place & 1) != 0) {
        uint32_t unread = (uint32_t)link->put - load(link->configuration.out, RECEIVED);
        if (unread <= link->configuration.capacity && link->put - events->at[place] <= unread) {
            link->coalesced++;
            events->waiting &= ~(1u << place);
            return;
        }
    }
    uint64_t number = link->put;
    int status = vdev_message_link_send(link, message);
    if (status == VDEV_OK) {
        events->sent |= 1u << place;
        events->waiting &= ~(1u << place);
        events->at[place] = number;
    } else if (status == VDEV_ERROR_FULL) {
        events->waiting |= 1u << place;
    }
}
