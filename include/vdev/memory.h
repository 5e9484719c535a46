/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest memory map: which guest addresses are memory, and where this program sees them.
 * The only place where a guest's address becomes a pointer, and so the only place that checks it.
 */
#ifndef VDEV_MEMORY_H
#define VDEV_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/buffer.h>

struct vdev_memory_region {
    uint64_t guest_address; /* first byte */
    uint64_t length;        /* bytes, at least one; guest_address + length does not pass 2^64 */
    void *pointer;          /* where this program sees the first byte */
    uint64_t bus_address;   /* where DMA sees it, or VDEV_NO_BUS_ADDRESS */
    bool writable;          /* may the guest give it to a device to write? */
};

/* The regions belong to the caller and stay unchanged as long as a device uses the map. */
struct vdev_memory {
    const struct vdev_memory_region *regions;
    size_t count;
};

/*
 * Take over a list of regions, sorted by guest address and without overlap.
 * VDEV_ERROR_INVALID: empty, unsorted, overlapping or wrapping region, or a null pointer.
 */
int vdev_memory_init(struct vdev_memory *memory, const struct vdev_memory_region *regions,
                     size_t count);

/*
 * The buffers behind [address, address + length). A range may cross from one region into an
 * adjoining one; it is then split. Writes at most `maximum` buffers; returns how many (0 for length
 * 0), or VDEV_ERROR_RANGE (wraps, or some byte is not memory), VDEV_ERROR_READ_ONLY (`writable` was
 * asked for and a region is not), VDEV_ERROR_FULL (more pieces than `maximum`).
 */
int vdev_memory_map(const struct vdev_memory *memory, uint64_t address, uint64_t length,
                    bool writable, struct vdev_buffer *buffers, size_t maximum);

/*
 * The pointer to a range that lies in one region, aligned to `alignment` (a power of two) in the
 * guest's and in this program's view; NULL if it does not. For rings and tables.
 */
void *vdev_memory_pointer(const struct vdev_memory *memory, uint64_t address, uint64_t length,
                          size_t alignment, bool writable);

#endif
