/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trap dispatch. On the path of every emulated access: short on purpose. What most accesses are (1, 2
 * or 4 bytes, aligned, in the window that was used last) is decided with few comparisons; whatever is
 * not that goes through `dispatch_any`, which checks everything one by one.
 */
#include <vdev/bus.h>
#include <vdev/status.h>

int vdev_bus_init(struct vdev_bus *bus, struct vdev_bus_window *windows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct vdev_bus_window *window = &windows[i];
        if (window->length == 0 || window->length % 4 != 0 || window->access == NULL ||
            window->length - 1 > UINT64_MAX - window->address) {
            return VDEV_ERROR_INVALID;
        }
        if (i != 0 && (window->address < windows[i - 1].address ||
                       window->address - windows[i - 1].address < windows[i - 1].length)) {
            return VDEV_ERROR_INVALID;
        }
    }
    if (count == 0) {
        return VDEV_ERROR_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        windows[i].open = windows[i].length;
    }
    bus->windows = windows;
    bus->count = count;
    bus->last = windows;
    bus->unclaimed = 0;
    return VDEV_OK;
}

static struct vdev_bus_window *find(struct vdev_bus *bus, uint64_t address)
{
    size_t low = 0;
    size_t high = bus->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct vdev_bus_window *window = &bus->windows[middle];
        if (address < window->address) {
            high = middle;
        } else if (address - window->address >= window->length) {
            low = middle + 1;
        } else {
            bus->last = window;
            return window;
        }
    }
    return NULL;
}

/* Ask the device; its window is closed meanwhile, so that it cannot be entered again. */
static __attribute__((noinline)) int call(struct vdev_bus *bus, struct vdev_bus_window *window,
                                          struct vdev_access *access)
{
    uint32_t open = window->open;

    window->open = 0;
    int status = window->access(window->device, access);
    window->open = open;
    if (status != VDEV_OK) {
        bus->unclaimed++;
    }
    return status;
}

/* Every case, also those that the short way below does not decide. */
static __attribute__((noinline)) int dispatch_any(struct vdev_bus *bus, uint64_t address,
                                                  struct vdev_access *access)
{
    struct vdev_bus_window *window = find(bus, address);
    unsigned width = access->width;
    int status = VDEV_ERROR_RANGE;

    if (window == NULL) {
        goto refused;
    }
    /* Aligned to its own width, an access that starts in a window of whole words ends in it, or is
     * one of 8 bytes in the last word. */
    uint32_t offset = (uint32_t)(address - window->address);
    if ((width & (width - 1)) != 0 || width - 1 > 7 || (offset & (width - 1)) != 0) {
        status = VDEV_ERROR_UNSUPPORTED;
        goto refused;
    }
    if (window->length - offset < width) {
        goto refused;
    }
    if (window->open == 0) {
        status = VDEV_ERROR_BUSY;
        goto refused;
    }
    if (window->counts != NULL) {
        struct vdev_register_count *count = &window->counts[offset / 4];
        *(access->write ? &count->writes : &count->reads) += 1;
    }
    access->offset = offset;
    return call(bus, window, access);
refused:
    bus->unclaimed++;
    return status;
}

int vdev_bus_dispatch(struct vdev_bus *bus, uint64_t address, struct vdev_access *access)
{
    struct vdev_bus_window *window = bus->last;
    uint64_t distance = address - window->address;
    unsigned width = access->width;

    if (distance >= window->open || width - 1 > 3 ||
        ((width - 1) & (width | (uint32_t)distance)) != 0) {
        return dispatch_any(bus, address, access);
    }
    uint32_t offset = (uint32_t)distance;
    struct vdev_register_count *counts = window->counts;
    access->offset = offset;
    if (access->write) {
        if (counts != NULL) {
            counts[offset / 4].writes++;
        }
        return call(bus, window, access);
    }
    if (counts != NULL) {
        counts[offset / 4].reads++;
    }
    uint32_t place;
    if (window->loads == NULL || offset % 4 != 0 || (place = window->loads[offset / 4]) == 0) {
        return call(bus, window, access);
    }
    uint32_t unused_bits = 32 - 8 * width;
    access->value = window->values[place - 1] << unused_bits >> unused_bits;
    return VDEV_OK;
}
