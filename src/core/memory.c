/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest memory map: the one place where a guest's address is checked and becomes a pointer. */
#include <vdev/status.h>

#include "core/memory.h"

int vdev_memory_init(struct vdev_memory *memory, const struct vdev_memory_region *regions,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct vdev_memory_region *region = &regions[i];
        if (region->length == 0 || region->pointer == NULL ||
            region->length - 1 > UINT64_MAX - region->guest_address ||
            region->length - 1 > UINTPTR_MAX - (uintptr_t)region->pointer) {
            return VDEV_ERROR_INVALID;
        }
        if (i != 0 && region->guest_address - 1 <
                          regions[i - 1].guest_address + (regions[i - 1].length - 1)) {
            return VDEV_ERROR_INVALID;
        }
        if (i != 0 && region->guest_address == 0) {
            return VDEV_ERROR_INVALID;
        }
    }
    if (count == 0) {
        return VDEV_ERROR_INVALID;
    }
    memory->regions = regions;
    memory->count = count;
    return VDEV_OK;
}

/*
 * A range that wraps has no region after the last one to go on in: it needs no check of its own.
 */
int vdev_memory_map(const struct vdev_memory *memory, uint64_t address, uint64_t length,
                    bool writable, struct vdev_buffer *buffers, size_t maximum)
{
    if (length == 0) {
        return 0;
    }
    const struct vdev_memory_region *region = memory_find(memory, address);
    if (region == NULL) {
        return VDEV_ERROR_RANGE;
    }
    for (size_t count = 0; count != maximum; count++) {
        uint64_t part = memory_part(region, address, length, writable, &buffers[count]);
        if (part == 0) {
            return VDEV_ERROR_READ_ONLY;
        }
        if (part == length) {
            return (int)(count + 1);
        }
        address += part;
        length -= part;
        region++;
        if (region == memory->regions + memory->count || region->guest_address != address) {
            return VDEV_ERROR_RANGE;
        }
    }
    return VDEV_ERROR_FULL;
}

void *vdev_memory_pointer(const struct vdev_memory *memory, uint64_t address, uint64_t length,
                          size_t alignment, bool writable)
{
    struct vdev_buffer buffer;

    if (length == 0 || (address & (alignment - 1)) != 0 ||
        vdev_memory_map(memory, address, length, writable, &buffer, 1) != 1 ||
        ((uintptr_t)buffer.pointer & (alignment - 1)) != 0) {
        return NULL;
    }
    return buffer.pointer;
}
