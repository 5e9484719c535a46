/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trap dispatch. What most accesses are (1, 2 or 4 bytes, aligned, in the window that was used last)
 * is decided with few comparisons, inline, in the header; whatever is not that comes here.
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

void vdev_bus_failed(struct vdev_bus *bus, struct vdev_bus_window *window,
                     const struct vdev_access *access, int status)
{
    if (status != VDEV_ERROR_AGAIN) {
        bus->unclaimed++;
    } else if (window->counts != NULL) {
        /* It will be made again, and counted then. */
        struct vdev_register_count *count = &window->counts[access->offset / 4];
        *(access->write ? &count->writes : &count->reads) -= 1;
    }
}

int vdev_bus_dispatch_any(struct vdev_bus *bus, uint64_t address, struct vdev_access *access)
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
    return vdev_bus_call(bus, window, offset, access);
refused:
    bus->unclaimed++;
    return status;
}
