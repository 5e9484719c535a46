/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What both ends of a split ring share: layout, byte order, and the only accessors through which
 * memory shared with the other end is read and written. Each read is one volatile load into a
 * local: the compiler may not fetch again what has been checked.
 *
 * Barriers come in pairs, named where they stand:
 *   A  the driver publishes available entries, the device takes them (release, acquire);
 *   B  the device publishes used entries, the driver takes them (release, acquire);
 *   C  the driver publishes and then asks whether to notify; the device arms and then looks again
 *      (a full fence each: of two sides that store and then load, at least one sees the other);
 *   D  the same with the roles exchanged: used entries and interrupts.
 */
#ifndef RING_SPLIT_H
#define RING_SPLIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

/* VIRTIO 1 is little-endian whatever the guest is [VIRTIO 1.4 §1.4]. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define RING_LE16(value) ((uint16_t)(value))
#define RING_LE32(value) ((uint32_t)(value))
#else
#define RING_LE16(value) __builtin_bswap16(value)
#define RING_LE32(value) __builtin_bswap32(value)
#endif

_Static_assert(sizeof(struct vring_desc) == 16 && offsetof(struct vring_desc, len) == 8 &&
                   offsetof(struct vring_desc, flags) == 12,
               "a descriptor is four words");
_Static_assert(offsetof(struct vring_used, ring) == 4 && sizeof(struct vring_used_elem) == 8,
               "a used entry is two words");
_Static_assert(ATOMIC_SHORT_LOCK_FREE == 2, "an index is published without a lock");

#define RING_DESCRIPTOR_BYTES 16u

static inline uint16_t ring_load16(const void *shared)
{
    return RING_LE16(*(const volatile uint16_t *)shared);
}

static inline uint32_t ring_load32(const void *shared)
{
    return RING_LE32(*(const volatile uint32_t *)shared);
}

static inline void ring_store16(void *shared, uint16_t value)
{
    *(volatile uint16_t *)shared = RING_LE16(value);
}

static inline void ring_store32(void *shared, uint32_t value)
{
    *(volatile uint32_t *)shared = RING_LE32(value);
}

/* The published indices: all that comes after an acquire is at least as new as the index. */
static inline uint16_t ring_load_acquire(const void *shared)
{
    return RING_LE16(
        atomic_load_explicit((const volatile _Atomic uint16_t *)shared, memory_order_acquire));
}

static inline void ring_store_release(void *shared, uint16_t value)
{
    atomic_store_explicit((volatile _Atomic uint16_t *)shared, RING_LE16(value),
                          memory_order_release);
}

/* A descriptor in private memory, in this program's byte order. */
struct ring_descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
};

static inline struct ring_descriptor ring_descriptor_of(const uint32_t words[4])
{
    return (struct ring_descriptor){
        .address = (uint64_t)words[1] << 32 | words[0],
        .length = words[2],
        .flags = (uint16_t)words[3],
        .next = (uint16_t)(words[3] >> 16),
    };
}

/* Copy one out of a table that is aligned to 4. */
static inline struct ring_descriptor ring_load_descriptor(const void *table, unsigned index)
{
    const uint8_t *at = (const uint8_t *)table + (size_t)index * RING_DESCRIPTOR_BYTES;
    const uint32_t words[4] = {ring_load32(at), ring_load32(at + 4), ring_load32(at + 8),
                               ring_load32(at + 12)};
    return ring_descriptor_of(words);
}

static inline void ring_store_descriptor(void *table, unsigned index, uint64_t address,
                                         uint32_t length, uint16_t flags, uint16_t next)
{
    uint8_t *at = (uint8_t *)table + (size_t)index * RING_DESCRIPTOR_BYTES;
    ring_store32(at, (uint32_t)address);
    ring_store32(at + 4, (uint32_t)(address >> 32));
    ring_store32(at + 8, length);
    ring_store32(at + 12, (uint32_t)next << 16 | flags);
}

/* The two event fields stand behind the rings of the other side [VIRTIO 1.4 §2.7.7, §2.7.10]. */
static inline void *ring_used_event(struct vring_avail *available, uint16_t size)
{
    return &available->ring[size];
}

static inline void *ring_available_event(struct vring_used *used, uint16_t size)
{
    return &used->ring[size];
}

/*
 * Did [before, now) pass the entry whose event the other side asked for? In 16 bits throughout, so
 * that it holds across the wrap [VIRTIO 1.4 §2.7.7.2].
 */
static inline bool ring_event_passed(uint16_t event, uint16_t now, uint16_t before)
{
    return (uint16_t)(now - event - 1u) < (uint16_t)(now - before);
}

/* A power of two; the largest in 16 bits is the largest there may be. */
static inline bool ring_size_is_valid(uint16_t size)
{
    return size != 0 && (size & (size - 1u)) == 0;
}

#endif
