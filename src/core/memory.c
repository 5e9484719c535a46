/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest memory map: the one place where a guest's address is checked and becomes a pointer. */
#include <vdev/memory.h>
#include <vdev/status.h>

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

/* The region that holds an address, or NULL. A binary search: a guest may have many regions. */
static const struct vdev_memory_region *find(const struct vdev_memory *memory, uint64_t address)
{
    size_t low = 0;
    size_t high = memory->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct vdev_memory_region *region = &memory->regions[middle];
        if (address < region->guest_address) {
            high = middle;
        } else if (address - region->guest_address >= region->length) {
            low = middle + 1;
        } else {
            return region;
        }
    }
    return NULL;
}

int vdev_memory_map(const struct vdev_memory *memory, uint64_t address, uint64_t length,
                    bool writable, struct vdev_buffer *buffers, size_t maximum)
{
    size_t count = 0;

    if (length != 0 && length - 1 > UINT64_MAX - address) {
        return VDEV_ERROR_RANGE;
    }
    while (length != 0) {
        const struct vdev_memory_region *region = find(memory, address);
        if (region == NULL) {
            return VDEV_ERROR_RANGE;
        }
        if (writable && !region->writable) {
            return VDEV_ERROR_READ_ONLY;
        }
        if (count == maximum) {
            return VDEV_ERROR_FULL;
        }
        uint64_t offset = address - region->guest_address;
        uint64_t piece = region->length - offset;
        if (piece > length) {
            piece = length;
        }
        if (piece > SIZE_MAX) {
            return VDEV_ERROR_RANGE;
        }
        buffers[count].pointer = (uint8_t *)region->pointer + offset;
        buffers[count].length = (size_t)piece;
        buffers[count].bus_address = region->bus_address == VDEV_NO_BUS_ADDRESS
                                         ? VDEV_NO_BUS_ADDRESS
                                         : region->bus_address + offset;
        count++;
        /* At the very top of the address space this wraps to 0, with length then 0 as well. */
        address += piece;
        length -= piece;
    }
    return (int)count;
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
