/* SPDX-License-Identifier: BSD-2-Clause */
/* Register tables: each access kind, lookup, what software must not do, and the bus's short way. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <vdev/bus.h>
#include <vdev/registers.h>
#include <vdev/status.h>

struct device {
    struct vdev_register_bank bank;
    uint32_t values[9];
    uint32_t written, written_offset;
    unsigned reads, writes;
};

static uint32_t hook_read(void *context, uint32_t offset)
{
    struct device *device = context;
    device->reads++;
    return 0xCAFE0000 + offset;
}

static void hook_write(void *context, uint32_t offset, uint32_t value)
{
    struct device *device = context;
    device->writes++;
    device->written = value;
    device->written_offset = offset;
}

enum { PLAIN, READ_ONLY, WRITE_ONLY, CLEAR, SET, READ_CLEAR, SELF, HOOK, FIFO };

static const struct vdev_register registers[] = {
    [PLAIN] = {.name = "PLAIN",
               .offset = 0x00,
               .widths = VDEV_REGISTER_ANY,
               .writable = 0xFFFF00FF,
               .reset = 0x12345678,
               .reserved = 0x0000FF00},
    [READ_ONLY] = {.name = "READ_ONLY",
                   .offset = 0x04,
                   .widths = VDEV_REGISTER_32,
                   .kind = VDEV_REGISTER_READ_ONLY,
                   .writable = 0xFFFFFFFF,
                   .write = hook_write,
                   .reset = 7},
    [WRITE_ONLY] = {.name = "WRITE_ONLY",
                    .offset = 0x08,
                    .widths = VDEV_REGISTER_32,
                    .kind = VDEV_REGISTER_WRITE_ONLY,
                    .writable = 0xFFFFFFFF,
                    .read = hook_read},
    [CLEAR] = {.name = "CLEAR",
               .offset = 0x0C,
               .widths = VDEV_REGISTER_ANY,
               .write_one_to_clear = 0xF0F,
               .reset = 0xFFF},
    [SET] = {.name = "SET", .offset = 0x10, .widths = VDEV_REGISTER_ANY, .write_one_to_set = 0xF0},
    [READ_CLEAR] = {.name = "READ_CLEAR",
                    .offset = 0x14,
                    .widths = VDEV_REGISTER_ANY,
                    .writable = 0xFF,
                    .read_to_clear = 0x0F},
    [SELF] = {.name = "SELF",
              .offset = 0x18,
              .widths = VDEV_REGISTER_ANY,
              .writable = 0xFF,
              .self_clearing = 0x01,
              .write = hook_write},
    [HOOK] = {.name = "HOOK",
              .offset = 0x20,
              .widths = VDEV_REGISTER_8 | VDEV_REGISTER_32,
              .read = hook_read,
              .write = hook_write},
    [FIFO] = {.name = "FIFO",
              .offset = 0x40,
              .widths = VDEV_REGISTER_32,
              .repeat = 4,
              .read = hook_read,
              .write = hook_write},
};

#define WORDS 24
static uint8_t index_memory[WORDS];
static const uint8_t loads[WORDS] = {
    [0x00 / 4] = PLAIN + 1, [0x0C / 4] = CLEAR + 1, [0x10 / 4] = SET + 1};
static const struct vdev_register_table table = {
    .registers = registers, .count = 9, .index = index_memory, .words = WORDS, .loads = loads};
static struct device device;

static void setup(void)
{
    memset(&device, 0xA5, sizeof device);
    ck_assert_int_eq(vdev_registers_index(registers, 9, index_memory, WORDS), VDEV_OK);
    vdev_registers_init(&device.bank, &table, device.values, &device);
    device.reads = device.writes = 0;
}

static int status_of(uint32_t offset, uint8_t width, bool write)
{
    struct vdev_access access = {.offset = offset, .width = width, .write = write};
    return vdev_registers_access(&device.bank, &access);
}

static uint64_t get(uint32_t offset, uint8_t width)
{
    struct vdev_access access = {.offset = offset, .width = width, .value = UINT64_MAX};
    ck_assert_int_eq(vdev_registers_access(&device.bank, &access), VDEV_OK);
    return access.value;
}

static void put(uint32_t offset, uint8_t width, uint64_t value)
{
    struct vdev_access access = {.offset = offset, .width = width, .write = true, .value = value};
    ck_assert_int_eq(vdev_registers_access(&device.bank, &access), VDEV_OK);
}

START_TEST(plain_bits_keep_what_is_written_and_others_their_reset)
{
    ck_assert_uint_eq(get(0, 4), 0x12345678);
    put(0, 4, 0xFFFFFFFF);
    ck_assert_uint_eq(get(0, 4), 0xFFFF56FF);
    ck_assert_uint_eq(get(0, 2), 0x56FF);
    ck_assert_uint_eq(get(0, 1), 0xFF);
}
END_TEST

START_TEST(narrow_write_is_extended_with_zeros)
{
    put(0, 1, 0xABCDEF42);
    ck_assert_uint_eq(get(0, 4), 0x00005642);
    put(0, 2, UINT64_C(0x9876543211223344));
    ck_assert_uint_eq(get(0, 4), 0x00005644);
}
END_TEST

START_TEST(read_only_ignores_writes_and_counts_them)
{
    put(4, 4, 0xFFFFFFFF);
    ck_assert_uint_eq(get(4, 4), 7);
    ck_assert_uint_eq(device.writes, 0);
    ck_assert_uint_eq(device.bank.ignored, 1);
}
END_TEST

START_TEST(write_only_reads_zero_and_calls_nothing)
{
    put(8, 4, 0x55AA55AA);
    ck_assert_uint_eq(device.values[WRITE_ONLY], 0x55AA55AA);
    ck_assert_uint_eq(get(8, 4), 0);
    ck_assert_uint_eq(device.reads, 0);
    ck_assert_uint_eq(device.bank.ignored, 1);
}
END_TEST

START_TEST(write_one_to_clear_and_to_set)
{
    put(0x0C, 4, 0x0F3);
    ck_assert_uint_eq(get(0x0C, 4), 0xFFC);
    put(0x10, 4, 0x30);
    put(0x10, 4, 0x4F);
    ck_assert_uint_eq(get(0x10, 4), 0x70);
}
END_TEST

START_TEST(read_to_clear_clears_after_the_read)
{
    put(0x14, 4, 0xFF);
    ck_assert_uint_eq(get(0x14, 4), 0xFF);
    ck_assert_uint_eq(get(0x14, 4), 0xF0);
}
END_TEST

START_TEST(self_clearing_bit_is_seen_by_the_function_only)
{
    put(0x18, 4, 0x03);
    ck_assert_uint_eq(device.written, 0x03);
    ck_assert_uint_eq(get(0x18, 4), 0x02);
}
END_TEST

START_TEST(functions_get_offset_and_value_of_the_width)
{
    ck_assert_uint_eq(get(0x20, 4), 0xCAFE0020);
    ck_assert_uint_eq(get(0x20, 1), 0x20);
    put(0x20, 1, 0x1FF);
    ck_assert_uint_eq(device.written, 0xFF);
    ck_assert_uint_eq(device.written_offset, 0x20);
}
END_TEST

START_TEST(repeated_register_answers_at_each_of_its_words)
{
    ck_assert_uint_eq(get(0x40, 4), 0xCAFE0040);
    ck_assert_uint_eq(get(0x4C, 4), 0xCAFE004C);
    ck_assert_int_eq(status_of(0x50, 4, false), VDEV_ERROR_RANGE);
    ck_assert_ptr_eq(vdev_registers_find(&table, 0x48), &registers[FIFO]);
}
END_TEST

START_TEST(refuses_what_is_not_there_and_hostile_widths)
{
    static const uint32_t holes[] = {0x1C, 0x24, 0x50, 0x5C, 0x60, 0xFFC, 0x80000000, 0xFFFFFFFC};
    for (size_t i = 0; i < sizeof holes / sizeof holes[0]; i++) {
        ck_assert_int_eq(status_of(holes[i], 4, false), VDEV_ERROR_RANGE);
        ck_assert_int_eq(status_of(holes[i], 4, true), VDEV_ERROR_RANGE);
    }
    for (unsigned width = 0; width < 256; width++) {
        int want = width == 1 || width == 2 || width == 4 ? VDEV_OK : VDEV_ERROR_UNSUPPORTED;
        ck_assert_int_eq(status_of(0, (uint8_t)width, false), want);
        ck_assert_int_eq(status_of(0, (uint8_t)width, true), want);
        ck_assert_int_eq(status_of(4, (uint8_t)width, false),
                         width == 4 ? VDEV_OK : VDEV_ERROR_UNSUPPORTED);
    }
    for (uint32_t offset = 1; offset < 4; offset++) {
        ck_assert_int_eq(status_of(offset, 1, false), VDEV_ERROR_UNSUPPORTED);
        ck_assert_int_eq(status_of(offset, 2, true), VDEV_ERROR_UNSUPPORTED);
    }
}
END_TEST

START_TEST(index_refuses_tables_that_contradict_themselves)
{
    uint8_t memory[4];
    struct vdev_register bad[2] = {
        {.name = "A", .offset = 0, .widths = VDEV_REGISTER_32},
        {.name = "B", .offset = 4, .widths = VDEV_REGISTER_32},
    };
    ck_assert_int_eq(vdev_registers_index(bad, 2, memory, 4), VDEV_OK);
    ck_assert_int_eq(vdev_registers_index(bad, 256, memory, 4), VDEV_ERROR_INVALID);
    bad[1].offset = 0;
    ck_assert_int_eq(vdev_registers_index(bad, 2, memory, 4), VDEV_ERROR_INVALID);
    bad[1].offset = 6;
    ck_assert_int_eq(vdev_registers_index(bad, 2, memory, 4), VDEV_ERROR_INVALID);
    bad[1].offset = 16;
    ck_assert_int_eq(vdev_registers_index(bad, 2, memory, 4), VDEV_ERROR_RANGE);
    bad[1].offset = 12;
    bad[1].repeat = 2;
    ck_assert_int_eq(vdev_registers_index(bad, 2, memory, 4), VDEV_ERROR_RANGE);
    bad[1].repeat = 1;
    bad[1].widths = 0;
    ck_assert_int_eq(vdev_registers_index(bad, 2, memory, 4), VDEV_ERROR_INVALID);
    bad[1].widths = 8;
    ck_assert_int_eq(vdev_registers_index(bad, 2, memory, 4), VDEV_ERROR_INVALID);
    bad[1].widths = VDEV_REGISTER_32;
    bad[1].name = NULL;
    ck_assert_int_eq(vdev_registers_index(bad, 2, memory, 4), VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(check_finds_an_index_or_loads_that_are_wrong)
{
    uint8_t memory[WORDS];
    uint8_t short_way[WORDS];
    struct vdev_register_table copy = table;

    ck_assert_int_eq(vdev_registers_check(&table), VDEV_OK);
    memcpy(memory, index_memory, sizeof memory);
    copy.index = memory;
    memory[0x1C / 4] = 3;
    ck_assert_int_eq(vdev_registers_check(&copy), VDEV_ERROR_INVALID);
    memory[0x1C / 4] = 0;
    memory[0] = 0;
    ck_assert_int_eq(vdev_registers_check(&copy), VDEV_ERROR_INVALID);

    copy.index = index_memory;
    copy.loads = short_way;
    static const unsigned not_loads[] = {READ_ONLY, WRITE_ONLY, READ_CLEAR, HOOK, FIFO};
    for (size_t i = 0; i < 5; i++) {
        memset(short_way, 0, sizeof short_way);
        ck_assert_int_eq(vdev_registers_check(&copy), VDEV_OK);
        short_way[registers[not_loads[i]].offset / 4] = (uint8_t)(not_loads[i] + 1);
        ck_assert_int_eq(vdev_registers_check(&copy), VDEV_ERROR_INVALID);
    }
    memset(short_way, 0, sizeof short_way);
    short_way[0] = SET + 1;
    ck_assert_int_eq(vdev_registers_check(&copy), VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(violations_are_told_apart)
{
    static const struct {
        struct vdev_access access;
        enum vdev_register_violation want;
    } cases[] = {
        {{.offset = 0, .width = 4}, VDEV_REGISTER_VIOLATION_NONE},
        {{.offset = 0x1C, .width = 4}, VDEV_REGISTER_VIOLATION_UNMAPPED},
        {{.offset = 0xFFFFFFFC, .width = 4}, VDEV_REGISTER_VIOLATION_UNMAPPED},
        {{.offset = 4, .width = 2}, VDEV_REGISTER_VIOLATION_WIDTH},
        {{.offset = 2, .width = 2}, VDEV_REGISTER_VIOLATION_WIDTH},
        {{.offset = 8, .width = 4}, VDEV_REGISTER_VIOLATION_WRITE_ONLY},
        {{.offset = 8, .width = 4, .write = true}, VDEV_REGISTER_VIOLATION_NONE},
        {{.offset = 4, .width = 4, .write = true}, VDEV_REGISTER_VIOLATION_READ_ONLY},
        {{.offset = 0, .width = 4, .write = true, .value = 0x100},
         VDEV_REGISTER_VIOLATION_RESERVED},
        {{.offset = 0, .width = 4, .write = true, .value = 0xFF}, VDEV_REGISTER_VIOLATION_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_int_eq(vdev_registers_violation(&table, &cases[i].access), cases[i].want);
    }
    ck_assert_str_eq(vdev_registers_name(&table, 0x0E), "CLEAR");
    ck_assert_str_eq(vdev_registers_name(&table, 0x1C), "unmapped");
    ck_assert_str_eq(vdev_register_violation_text(VDEV_REGISTER_VIOLATION_WRITE_ONLY),
                     "reads a write-only register");
}
END_TEST

/* ---- through a bus ---- */

static unsigned asked;

static int counting_access(void *context, struct vdev_access *access)
{
    asked++;
    return vdev_registers_access(context, access);
}

static struct vdev_bus bus;
static struct vdev_bus_window window;
static struct vdev_register_count counts[WORDS];

static void setup_bus(void)
{
    setup();
    asked = 0;
    memset(counts, 0, sizeof counts);
    window = (struct vdev_bus_window){.address = 0x1000,
                                      .length = WORDS * 4,
                                      .counts = counts,
                                      .access = counting_access,
                                      .device = &device.bank};
    vdev_registers_loads(&device.bank, &window);
    ck_assert_int_eq(vdev_bus_init(&bus, &window, 1), VDEV_OK);
}

/* As a hypervisor does: the short way first, where it knows the width to be one of its three. */
static int answer(uint64_t address, struct vdev_access *access)
{
    unsigned width = access->width;
    uint32_t value = 0;

    if (!access->write && (width == 1 || width == 2 || width == 4)) {
        int status = vdev_bus_read(&bus, address, width, &value);
        access->value = value;
        return status;
    }
    return vdev_bus_dispatch(&bus, address, access);
}

START_TEST(short_way_gives_what_the_device_would_at_every_offset_and_width)
{
    struct device other = {.bank = {0}};
    vdev_registers_init(&other.bank, &table, other.values, &other);

    for (uint32_t offset = 0; offset < WORDS * 4; offset++) {
        for (unsigned width = 0; width <= 9; width++) {
            struct vdev_access mine = {.width = (uint8_t)width, .value = UINT64_MAX};
            struct vdev_access direct = {
                .width = (uint8_t)width, .value = UINT64_MAX, .offset = offset};
            int status = answer(0x1000 + offset, &mine);
            int want = vdev_registers_access(&other.bank, &direct);
            if (width == 0 || (width & (width - 1)) != 0 || offset % width != 0) {
                want = VDEV_ERROR_UNSUPPORTED;
            } else if (offset + width > WORDS * 4) {
                want = VDEV_ERROR_RANGE;
            }
            ck_assert_int_eq(status, want);
            if (status == VDEV_OK) {
                ck_assert_uint_eq(mine.value, direct.value);
            }
        }
    }
}
END_TEST

START_TEST(short_way_asks_only_where_a_read_does_more_and_counts_all)
{
    struct vdev_access access = {.width = 4};

    ck_assert_int_eq(answer(0x1000, &access), VDEV_OK);
    ck_assert_uint_eq(access.value, 0x12345678);
    ck_assert_uint_eq(asked, 0);
    ck_assert_int_eq(answer(0x1020, &access), VDEV_OK);
    ck_assert_uint_eq(asked, 1);
    access = (struct vdev_access){.width = 4, .write = true, .value = 0};
    ck_assert_int_eq(answer(0x1000, &access), VDEV_OK);
    ck_assert_uint_eq(asked, 2);
    ck_assert_uint_eq(counts[0].reads, 1);
    ck_assert_uint_eq(counts[0].writes, 1);
    ck_assert_uint_eq(counts[8].reads, 1);
    ck_assert_uint_eq(bus.unclaimed, 0);
}
END_TEST

START_TEST(short_way_is_not_taken_for_a_window_longer_than_the_table)
{
    struct vdev_bus_window longer = {.length = WORDS * 4 + 4};
    vdev_registers_loads(&device.bank, &longer);
    ck_assert_ptr_null(longer.loads);
}
END_TEST

static int reenter_status[2];

static int reentering_access(void *context, struct vdev_access *access)
{
    struct vdev_access inner = {.width = 4};
    struct vdev_access wide = {.width = 8};
    (void)access;
    (void)context;
    reenter_status[0] = vdev_bus_dispatch(&bus, 0x1000, &inner);
    reenter_status[1] = vdev_bus_dispatch(&bus, 0x1008, &wide);
    return VDEV_OK;
}

START_TEST(device_in_an_access_is_not_entered_again_by_either_way)
{
    struct vdev_access access = {.width = 4, .write = true};

    window.access = reentering_access;
    ck_assert_int_eq(vdev_bus_dispatch(&bus, 0x1020, &access), VDEV_OK);
    ck_assert_int_eq(reenter_status[0], VDEV_ERROR_BUSY);
    ck_assert_int_eq(reenter_status[1], VDEV_ERROR_BUSY);
    ck_assert_uint_eq(bus.unclaimed, 2);
    window.access = counting_access;
    ck_assert_int_eq(vdev_bus_dispatch(&bus, 0x1020, &access), VDEV_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("registers");
    TCase *bank = tcase_create("bank");
    TCase *bus_case = tcase_create("bus");

    tcase_add_checked_fixture(bank, setup, NULL);
    tcase_add_test(bank, plain_bits_keep_what_is_written_and_others_their_reset);
    tcase_add_test(bank, narrow_write_is_extended_with_zeros);
    tcase_add_test(bank, read_only_ignores_writes_and_counts_them);
    tcase_add_test(bank, write_only_reads_zero_and_calls_nothing);
    tcase_add_test(bank, write_one_to_clear_and_to_set);
    tcase_add_test(bank, read_to_clear_clears_after_the_read);
    tcase_add_test(bank, self_clearing_bit_is_seen_by_the_function_only);
    tcase_add_test(bank, functions_get_offset_and_value_of_the_width);
    tcase_add_test(bank, repeated_register_answers_at_each_of_its_words);
    tcase_add_test(bank, refuses_what_is_not_there_and_hostile_widths);
    tcase_add_test(bank, index_refuses_tables_that_contradict_themselves);
    tcase_add_test(bank, check_finds_an_index_or_loads_that_are_wrong);
    tcase_add_test(bank, violations_are_told_apart);
    tcase_add_checked_fixture(bus_case, setup_bus, NULL);
    tcase_add_test(bus_case, short_way_gives_what_the_device_would_at_every_offset_and_width);
    tcase_add_test(bus_case, short_way_asks_only_where_a_read_does_more_and_counts_all);
    tcase_add_test(bus_case, short_way_is_not_taken_for_a_window_longer_than_the_table);
    tcase_add_test(bus_case, device_in_an_access_is_not_entered_again_by_either_way);
    suite_add_tcase(suite, bank);
    suite_add_tcase(suite, bus_case);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
