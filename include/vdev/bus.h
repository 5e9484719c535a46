/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trap dispatch: from a guest's access to a device's register to the function that emulates it.
 * Counts every access, per device, register and direction. Decodes no instruction: the hypervisor
 * hands over address, width and value as its hardware reported them.
 */
#ifndef VDEV_BUS_H
#define VDEV_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One access; `value` is what is written, or where the device leaves what is read. */
struct vdev_access {
    uint32_t offset; /* from the start of the device's window; the bus fills it in */
    uint8_t width;   /* bytes: 1, 2, 4 or 8 */
    bool write;
    uint64_t value; /* a read leaves bits above the width zero */
};

/*
 * What a device does on an access. VDEV_OK, or VDEV_ERROR_UNSUPPORTED (no such width or alignment
 * here), VDEV_ERROR_RANGE (no register there), any other error: the guest then gets an abort.
 */
typedef int vdev_access_function(void *device, struct vdev_access *access);

/* Counts modulo 2^32: take differences. */
struct vdev_register_count {
    uint32_t reads;
    uint32_t writes;
};

/*
 * A device's window of addresses. All of it belongs to the caller; `open` and the counts are the
 * bus's. The compiler's zero for what an initializer leaves out is right for every optional field.
 */
struct vdev_bus_window {
    uint64_t address;
    uint32_t length; /* bytes, a multiple of 4 */
    vdev_access_function *access;
    void *device;
    const char *name;                   /* for reports */
    struct vdev_register_count *counts; /* one per 4 bytes of length, or NULL: not counted */
    /*
     * The short way: registers whose reading is a load and nothing more, in 1, 2 and 4 bytes from
     * their own offset. loads[offset / 4] is the place of the value in `values` plus 1, or 0 where the
     * device is to be asked; one per 4 bytes of length. vdev_bus_read answers such a read.
     * NULL: the device is asked always.
     */
    const uint8_t *loads;
    const uint32_t *values;
    uint32_t open; /* `length`, or 0 while the device is in the middle of an access */
};

struct vdev_bus {
    struct vdev_bus_window *windows; /* sorted by address */
    size_t count;
    struct vdev_bus_window *last; /* the window of the last access: devices are used in runs */
    /* Accesses that no window claimed, or that a device refused: not those that it put off. */
    uint64_t unclaimed;
};

/*
 * Take over a list of windows, sorted by address, not overlapping.
 * VDEV_ERROR_INVALID: empty, unsorted, overlapping or wrapping window, zero or odd length, or a
 * window without a function.
 */
int vdev_bus_init(struct vdev_bus *bus, struct vdev_bus_window *windows, size_t count);

/* Counts an access that failed. Not to be called directly. */
void vdev_bus_failed(struct vdev_bus *bus, struct vdev_bus_window *window,
                     const struct vdev_access *access, int status);

/* The last step of both ways to a device. Not to be called directly. */
static inline int vdev_bus_call(struct vdev_bus *bus, struct vdev_bus_window *window,
                                uint32_t offset, struct vdev_access *access)
{
    if (window->counts != NULL) {
        struct vdev_register_count *count = &window->counts[offset / 4];
        *(access->write ? &count->writes : &count->reads) += 1;
    }
    access->offset = offset;
    /* Closed meanwhile, so that the device cannot be entered again. */
    window->open = 0;
    int status = window->access(window->device, access);
    window->open = window->length;
    if (status != 0) {
        vdev_bus_failed(bus, window, access, status);
    }
    return status;
}

/*
 * What vdev_bus_dispatch does with whatever is not the usual case: another window than the last one,
 * 8 bytes, an access that is refused. Not to be called directly.
 */
int vdev_bus_dispatch_any(struct vdev_bus *bus, uint64_t address, struct vdev_access *access);

/*
 * Pass one access to its device. Call it from the device's one context, for each trapped access.
 * VDEV_OK; VDEV_ERROR_RANGE: nobody claims all of [address, address + width); VDEV_ERROR_UNSUPPORTED:
 * width not 1, 2, 4, 8, or not aligned to itself; VDEV_ERROR_BUSY: the device is in the middle of
 * another access; or what the device returned. The hypervisor answers an error as its architecture
 * says (on ARM: a synchronous external abort into the guest).
 */
static inline int vdev_bus_dispatch(struct vdev_bus *bus, uint64_t address,
                                    struct vdev_access *access)
{
    struct vdev_bus_window *window = bus->last;
    uint64_t distance = address - window->address;
    unsigned width = access->width;

    if (distance >= window->open || width - 1 > 3 ||
        ((width - 1) & (width | (uint32_t)distance)) != 0) {
        return vdev_bus_dispatch_any(bus, address, access);
    }
    return vdev_bus_call(bus, window, (uint32_t)distance, access);
}

/*
 * The same for a hypervisor that has width and value in registers: no structure unless the device is
 * asked, and a register whose reading is a load and nothing more (see `loads`) is answered here.
 * `width` is 1, 2 or 4 bytes: one that is not must go through vdev_bus_dispatch. Errors
 * as there; *value is then unchanged.
 */
static inline int vdev_bus_read(struct vdev_bus *bus, uint64_t address, unsigned width,
                                uint32_t *value)
{
    struct vdev_bus_window *window = bus->last;
    uint64_t distance = address - window->address;
    struct vdev_access access;
    uint32_t place;
    int status;

    if (distance < window->open && (distance & 3) == 0) {
        if (window->loads != NULL && (place = window->loads[distance / 4]) != 0) {
            if (window->counts != NULL) {
                window->counts[distance / 4].reads++;
            }
            uint32_t unused_bits = 32 - 8 * width;
            *value = window->values[place - 1] << unused_bits >> unused_bits;
            return 0;
        }
        access.width = (uint8_t)width;
        access.write = false;
        status = vdev_bus_call(bus, window, (uint32_t)distance, &access);
    } else {
        access.width = (uint8_t)width;
        access.write = false;
        status = vdev_bus_dispatch_any(bus, address, &access);
    }
    if (status == 0) {
        *value = (uint32_t)access.value;
    }
    return status;
}

static inline int vdev_bus_write(struct vdev_bus *bus, uint64_t address, unsigned width,
                                 uint32_t value)
{
    struct vdev_access access = {.width = (uint8_t)width, .write = true, .value = value};

    return vdev_bus_dispatch(bus, address, &access);
}

#endif
