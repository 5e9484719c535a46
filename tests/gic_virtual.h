/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's virtual CPU interface, on the emulated distributor and a model of the hardware below: its
 * list registers, and a guest that acknowledges and ends. The model refuses what the architecture
 * calls unpredictable. One program each includes this.
 */
#ifndef TESTS_GIC_VIRTUAL_H
#define TESTS_GIC_VIRTUAL_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <vdev/emulators/gic_virtual.h>
#include <vdev/status.h>

enum {
    INTERRUPTS = 64,
    LISTS = 4,
    NONE = 1023,
    TIMER = 27, /* forwarded, and comes whether the guest wants it or not */
};
#define END      (1u << 19)
#define PENDING  (1u << 28)
#define ACTIVE   (1u << 29)
#define STATE    (PENDING | ACTIVE)
#define HARDWARE (1u << 31)

static struct {
    uint32_t list[LISTS], control, machine, priorities;
    uint32_t type;
    unsigned accesses;
} gich;

static inline bool ended(uint32_t list)
{
    return (list & (STATE | HARDWARE | END)) == END;
}

static inline uint64_t hardware_read(void *context, uint32_t offset, unsigned width)
{
    uint32_t bits = 0;

    ck_assert_ptr_eq(context, &gich);
    ck_assert_uint_eq(width, 4);
    gich.accesses++;
    switch (offset) {
    case 0x00:
        return gich.control;
    case 0x04:
        return gich.type;
    case 0x08:
        return gich.machine;
    case 0x20:
        for (unsigned i = 0; i < LISTS; i++) {
            bits |= (uint32_t)ended(gich.list[i]) << i;
        }
        return bits;
    case 0x30:
        for (unsigned i = 0; i < LISTS; i++) {
            bits |= (uint32_t)((gich.list[i] & STATE) == 0 && !ended(gich.list[i])) << i;
        }
        return bits | 0xf0; /* an implementation may have more of them */
    case 0xf0:
        return gich.priorities;
    default:
        ck_assert(offset >= 0x100 && offset < 0x100 + 4 * LISTS && offset % 4 == 0);
        return gich.list[(offset - 0x100) / 4];
    }
}

static inline void check_lists(void)
{
    for (unsigned i = 0; i < LISTS; i++) {
        uint32_t list = gich.list[i];
        if ((list & STATE) == 0) {
            continue;
        }
        ck_assert_uint_lt(list & 1023, INTERRUPTS);
        if ((list & HARDWARE) != 0) {
            ck_assert_uint_eq(list >> 10 & 1023, list & 1023);
            ck_assert((list & STATE) != STATE);
        }
        for (unsigned k = 0; k < i; k++) {
            ck_assert((gich.list[k] & STATE) == 0 || ((gich.list[k] ^ list) & 1023) != 0);
        }
    }
}

static inline void hardware_write(void *context, uint32_t offset, unsigned width, uint64_t value)
{
    ck_assert_ptr_eq(context, &gich);
    ck_assert_uint_eq(width, 4);
    gich.accesses++;
    switch (offset) {
    case 0x00:
        gich.control = (uint32_t)value;
        break;
    case 0x08:
        gich.machine = (uint32_t)value;
        break;
    case 0xf0:
        gich.priorities = (uint32_t)value;
        break;
    default:
        ck_assert(offset >= 0x100 && offset < 0x100 + 4 * LISTS && offset % 4 == 0);
        gich.list[(offset - 0x100) / 4] = (uint32_t)value;
        break;
    }
}

static const struct vdev_io_operations hardware = {hardware_read, hardware_write};

/* ---- the hypervisor and its physical interrupts ---- */

static struct vdev_gic_distributor distributor;
static struct vdev_gic_virtual self;
static unsigned wakes;
static bool physical_enabled[INTERRUPTS], physical_active[INTERRUPTS];
static unsigned deactivations;

static inline void wake(void *owner)
{
    ck_assert_ptr_eq(owner, &wakes);
    wakes++;
}

static inline void enable(void *owner, uint32_t interrupt, bool enabled)
{
    ck_assert_ptr_eq(owner, &wakes);
    physical_enabled[interrupt] = enabled;
}

static inline void deactivate(void *owner, uint32_t interrupt)
{
    ck_assert_ptr_eq(owner, &wakes);
    ck_assert(physical_active[interrupt]);
    physical_active[interrupt] = false;
    deactivations++;
}

static inline void physical(uint32_t interrupt)
{
    ck_assert(!physical_active[interrupt]);
    physical_active[interrupt] = true;
    vdev_gic_virtual_forward(&self, interrupt);
}

static inline struct vdev_gic_virtual_configuration configuration(void)
{
    return (struct vdev_gic_virtual_configuration){
        .control = {.operations = &hardware, .context = &gich},
        .distributor = &distributor,
        .wake = wake,
        .enable = enable,
        .deactivate = deactivate,
        .owner = &wakes,
    };
}

static inline void put(uint32_t offset, unsigned width, uint32_t value)
{
    struct vdev_access access = {.offset = offset, .width = (uint8_t)width, .write = true,
                                 .value = value};
    ck_assert_int_eq(vdev_gic_distributor_access(&distributor, &access), VDEV_OK);
}

static inline uint32_t get(uint32_t offset)
{
    struct vdev_access access = {.offset = offset, .width = 4};
    ck_assert_int_eq(vdev_gic_distributor_access(&distributor, &access), VDEV_OK);
    return (uint32_t)access.value;
}

static inline void set_enabled(uint32_t interrupt, bool on)
{
    put((on ? 0x100 : 0x180) + interrupt / 32 * 4, 4, 1u << interrupt % 32);
}

static inline void line(uint32_t interrupt, bool level)
{
    vdev_gic_distributor_set_line(&distributor, interrupt, level);
}

/* Everything enabled, all of one priority. */
static inline void setup(void)
{
    const struct vdev_gic_virtual_configuration given = configuration();

    memset(&gich, 0, sizeof gich);
    gich.type = LISTS - 1;
    wakes = deactivations = 0;
    memset(physical_enabled, 0, sizeof physical_enabled);
    memset(physical_active, 0, sizeof physical_active);
    ck_assert_int_eq(vdev_gic_distributor_init(&distributor, INTERRUPTS,
                                               &vdev_gic_virtual_operations, &self),
                     VDEV_OK);
    ck_assert_int_eq(vdev_gic_virtual_init(&self, &given), VDEV_OK);
    vdev_gic_virtual_load(&self);
    put(0x000, 4, 1);
    for (uint32_t i = 0; i < INTERRUPTS; i++) {
        put(0x400 + i, 1, 0x80);
    }
    put(0x100, 4, ~0u);
    put(0x104, 4, ~0u);
}

/* ---- the guest, and what its hardware does ---- */

static inline bool maintenance_due(void)
{
    unsigned valid = 0;
    bool due = false;

    for (unsigned i = 0; i < LISTS; i++) {
        due |= ended(gich.list[i]);
        valid += (gich.list[i] & STATE) != 0;
    }
    return (gich.control & 1) != 0 && (due || ((gich.control & 2) != 0 && valid <= 1));
}

static inline void maintain(void)
{
    if (maintenance_due()) {
        vdev_gic_virtual_maintain(&self);
        ck_assert(!maintenance_due()); /* or the guest would never run again */
        check_lists();
    }
}

/* The most urgent of those that are more urgent than what the guest handles. */
static inline uint32_t acknowledge(void)
{
    uint32_t priority = 32, found = LISTS;

    check_lists();
    for (unsigned i = 0; i < LISTS; i++) {
        if ((gich.list[i] & ACTIVE) != 0 && (gich.list[i] >> 23 & 31) < priority) {
            priority = gich.list[i] >> 23 & 31;
        }
    }
    for (unsigned i = 0; i < LISTS; i++) {
        if ((gich.list[i] & STATE) == PENDING && (gich.list[i] >> 23 & 31) < priority) {
            priority = gich.list[i] >> 23 & 31;
            found = i;
        }
    }
    if (found == LISTS || (gich.control & 1) == 0) {
        return NONE;
    }
    gich.list[found] ^= STATE;
    return gich.list[found] & 1023;
}

static inline void end(uint32_t interrupt)
{
    for (unsigned i = 0; i < LISTS; i++) {
        if ((gich.list[i] & ACTIVE) != 0 && (gich.list[i] & 1023) == interrupt) {
            gich.list[i] &= ~ACTIVE;
            if ((gich.list[i] & HARDWARE) != 0) {
                ck_assert(physical_active[interrupt]);
                physical_active[interrupt] = false;
            }
            return;
        }
    }
    ck_abort_msg("it is not active");
}

static inline uint32_t list_with(uint32_t interrupt)
{
    for (unsigned i = 0; i < LISTS; i++) {
        if ((gich.list[i] & STATE) != 0 && (gich.list[i] & 1023) == interrupt) {
            return gich.list[i];
        }
    }
    return 0;
}

#endif
