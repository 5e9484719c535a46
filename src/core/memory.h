/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two steps of looking up guest memory, for this folder and for the ring's device end, which
 * has one place where its buffers nearly always are and tries that first.
 */
#ifndef CORE_MEMORY_H
#define CORE_MEMORY_H

#include <vdev/memory.h>

/* The region that holds an address, or NULL. A binary search: a guest may have many regions. */
static inline const struct vdev_memory_region *memory_find(const struct vdev_memory *memory,
                                                           uint64_t address)
{
    size_t below = 0;
    size_t above = memory->count;

    while (below < above) {
        size_t middle = below + (above - below) / 2;
        const struct vdev_memory_region *region = &memory->regions[middle];
        if (address < region->guest_address) {
            above = middle;
        } else if (address - region->guest_address >= region->length) {
            below = middle + 1;
        } else {
            return region;
        }
    }
    return NULL;
}

/*
 * The buffer behind the part of [address, address + length) that lies in this region, if it begins
 * there and may be used so; length is not 0. Returns the bytes of the part, or 0. A part fits
 * size_t because its region fits behind its pointer.
 */
static inline uint64_t memory_part(const struct vdev_memory_region *region, uint64_t address,
                                   uint64_t length, bool writable, struct vdev_buffer *buffer)
{
    uint64_t offset = address - region->guest_address;
    size_t at = (size_t)offset;
    size_t size = (size_t)region->length;

    if (at != offset || at >= size || (writable && !region->writable)) {
        return 0;
    }
    if (length > size - at) {
        length = size - at;
    }
    buffer->pointer = (uint8_t *)region->pointer + at;
    buffer->length = (size_t)length;
    buffer->bus_address = region->bus_address == VDEV_NO_BUS_ADDRESS ? VDEV_NO_BUS_ADDRESS
                                                                     : region->bus_address + offset;
    return length;
}

#endif
