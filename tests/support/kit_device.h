/* SPDX-License-Identifier: BSD-2-Clause */
/* A small device for the tests of the test kit: a table with every kind of register, and fields. */
#ifndef TESTS_SUPPORT_KIT_DEVICE_H
#define TESTS_SUPPORT_KIT_DEVICE_H

#include <check.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

#include <vdev/registers.h>
#include <vdev/testing/fail.h>

#define KIT_REGISTERS 7

static const struct vdev_register kit_registers[KIT_REGISTERS] = {
    {.name = "DATA", .offset = 0x00, .widths = VDEV_REGISTER_ANY, .writable = 0xFFFFFFFF},
    {.name = "STATUS",
     .offset = 0x04,
     .widths = VDEV_REGISTER_32,
     .kind = VDEV_REGISTER_READ_ONLY,
     .reset = 0x1},
    {.name = "CLEAR",
     .offset = 0x08,
     .widths = VDEV_REGISTER_32,
     .kind = VDEV_REGISTER_WRITE_ONLY,
     .reserved = 0xFFFFFF00},
    {.name = "CONTROL", .offset = 0x0C, .widths = VDEV_REGISTER_32, .writable = 0xFF},
    {.name = "ERRORS/STATE",
     .offset = 0x10,
     .widths = VDEV_REGISTER_32,
     .write_one_to_clear = 0xFF},
    {.name = "MASK0", .offset = 0x14, .widths = VDEV_REGISTER_32, .writable = 0xFF},
    {.name = "MASK1", .offset = 0x18, .widths = VDEV_REGISTER_32, .writable = 0xFF},
};
static const uint8_t kit_words[] = {1, 2, 3, 4, 5, 6, 7, 0};
static const struct vdev_register_field kit_fields[] = {
    {0x04, 0x01, "BUSY"},   {0x04, 0x02, "FULL"},   {0x04, 0xF0, "LEVEL"},
    {0x0C, 0x01, "ENABLE"}, {0x0C, 0x06, "LENGTH"}, {0x10, 0x01, "CRC"},
    {0x14, 0x01, "LINE"},   {0x18, 0x01, "LINE"},   {0, 0, NULL},
};
static const struct vdev_register_table kit_table = {.registers = kit_registers,
                                                     .count = KIT_REGISTERS,
                                                     .index = kit_words,
                                                     .words = 8,
                                                     .fields = kit_fields};

/* The last failure's message; a failure of the kit comes here and not to Check. */
static char kit_message[VDEV_TESTING_MESSAGE];
static unsigned kit_failures;
static jmp_buf kit_leave; /* for what would wait for ever */
static bool kit_leaves;

static inline void kit_note(void *context, const char *message)
{
    (void)context;
    ck_assert_uint_lt(strlen(message), VDEV_TESTING_MESSAGE);
    strcpy(kit_message, message);
    kit_failures++;
    if (kit_leaves) {
        kit_leaves = false;
        longjmp(kit_leave, 1);
    }
}

static inline void kit_setup(void)
{
    kit_message[0] = '\0';
    kit_failures = 0;
    kit_leaves = false;
}

static inline void kit_expect(const char *part)
{
    ck_assert_uint_eq(kit_failures, 1);
    ck_assert_msg(strstr(kit_message, part) != NULL, "\"%s\" is not in:\n%s", part, kit_message);
}

static inline int kit_run(TCase *tcase, const char *name)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

#endif
