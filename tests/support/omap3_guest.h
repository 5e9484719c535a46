/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's accesses to one of the OMAP3530's emulators, and what all of them have to withstand:
 * for one test program each, which names its device with omap3_guest(). What runs in long loops is
 * compared by hand: Check's assertions write to a pipe each time they hold.
 */
#ifndef TESTS_SUPPORT_OMAP3_GUEST_H
#define TESTS_SUPPORT_OMAP3_GUEST_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <vdev/bus.h>
#include <vdev/registers.h>
#include <vdev/status.h>

static struct {
    vdev_access_function *access;
    void *device;
    const struct vdev_register_table *table;
} omap3;

static inline void omap3_guest(vdev_access_function *access, void *device,
                               const struct vdev_register_table *table)
{
    omap3.access = access;
    omap3.device = device;
    omap3.table = table;
}

static inline uint32_t get_as(uint32_t offset, unsigned width)
{
    struct vdev_access access = {
        .offset = offset, .width = (uint8_t)width, .value = 0xDEADBEEFDEADBEEF};
    int status = omap3.access(omap3.device, &access);

    if (status != VDEV_OK || (access.value >> (8 * width)) != 0) {
        ck_abort_msg("read of %s, %u wide: %s, %#llx", vdev_registers_name(omap3.table, offset),
                     width, vdev_status_name(status), (unsigned long long)access.value);
    }
    return (uint32_t)access.value;
}

static inline void put_as(uint32_t offset, unsigned width, uint64_t value)
{
    struct vdev_access access = {
        .offset = offset, .width = (uint8_t)width, .write = true, .value = value};
    int status = omap3.access(omap3.device, &access);

    if (status != VDEV_OK) {
        ck_abort_msg("write of %s, %u wide: %s", vdev_registers_name(omap3.table, offset), width,
                     vdev_status_name(status));
    }
}

static inline uint32_t get(uint32_t offset)
{
    return get_as(offset, 4);
}

static inline void put(uint32_t offset, uint32_t value)
{
    put_as(offset, 4, value);
}

/* A register, its value after reset, and the bits that keep what is written to them. */
struct omap3_register {
    uint32_t offset, reset, writable;
};

/* Every register of the table is in the list, in the table's order, and as the list says. */
static inline void omap3_check_registers(const struct omap3_register *expected, size_t count,
                                         void (*setup)(void))
{
    setup();
    ck_assert_int_eq(vdev_registers_check(omap3.table), VDEV_OK);
    ck_assert_uint_eq(count, omap3.table->count);
    for (size_t i = 0; i < count; i++) {
        const struct omap3_register *reg = &expected[i];
        const char *name = vdev_registers_name(omap3.table, reg->offset);
        ck_assert_uint_eq(omap3.table->registers[i].offset, reg->offset);
        setup();
        ck_assert_msg(get(reg->offset) == reg->reset, "%s is %#x after reset", name,
                      get(reg->offset));
        put(reg->offset, reg->writable);
        ck_assert_msg(get(reg->offset) == ((reg->reset & ~reg->writable) | reg->writable),
                      "%s is %#x when its bits are set", name, get(reg->offset));
        put(reg->offset, 0);
        ck_assert_msg(get(reg->offset) == (reg->reset & ~reg->writable),
                      "%s is %#x when its bits are cleared", name, get(reg->offset));
    }
}

/* Each place and width that is no register's is refused, and changes nothing by itself. */
static inline void omap3_check_hostile_places(unsigned extra_words)
{
    uint32_t end = (uint32_t)(omap3.table->words + extra_words) * 4;

    for (uint32_t offset = 0; offset < end; offset++) {
        const struct vdev_register *reg = vdev_registers_find(omap3.table, offset);
        for (unsigned width = 0; width < 256; width++) {
            struct vdev_access access = {.offset = offset, .width = (uint8_t)width};
            int want = reg == NULL ? VDEV_ERROR_RANGE : VDEV_ERROR_UNSUPPORTED;
            if (reg != NULL && offset % 4 == 0 && (width == 1 || width == 2 || width == 4) &&
                (reg->widths & width) != 0) {
                continue;
            }
            if (omap3.access(omap3.device, &access) != want) {
                ck_abort_msg("offset %#x width %u: not %s", offset, width, vdev_status_name(want));
            }
        }
    }
    static const uint32_t far[] = {0x2000, 0x7FFFFFFC, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        struct vdev_access access = {.offset = far[i], .width = 4, .write = true};
        ck_assert_int_eq(omap3.access(omap3.device, &access), VDEV_ERROR_RANGE);
    }
}

static uint32_t omap3_random_state = 1;

static inline uint32_t omap3_random(void)
{
    omap3_random_state = omap3_random_state * 1664525 + 1013904223;
    return omap3_random_state >> 4 ^ omap3_random_state << 20;
}

/* One access of any kind to any place in the table and a little beyond. */
static inline void omap3_random_access(void)
{
    static const uint8_t widths[8] = {4, 4, 4, 4, 2, 1, 8, 3};
    uint32_t place = omap3_random() % ((uint32_t)omap3.table->words + 2);
    struct vdev_access access = {
        .offset = place * 4 + (omap3_random() % 32 == 0 ? omap3_random() % 4 : 0),
        .width = widths[omap3_random() % 8],
        .write = omap3_random() % 2 != 0,
        .value = omap3_random() % 4 == 0 ? omap3_random() % 256 : omap3_random()};

    omap3.access(omap3.device, &access);
}

static inline int omap3_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
