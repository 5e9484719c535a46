/* SPDX-License-Identifier: BSD-2-Clause */
/* The core: names of errors, guest memory map, cursors over buffers, trap dispatch. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include <vdev/buffer.h>
#include <vdev/bus.h>
#include <vdev/memory.h>
#include <vdev/status.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

START_TEST(names_of_errors)
{
    ck_assert_str_eq(vdev_status_name(VDEV_OK), "OK");
    ck_assert_str_eq(vdev_status_name(VDEV_ERROR_INVALID), "INVALID");
    ck_assert_str_eq(vdev_status_name(VDEV_ERROR_CORRUPT), "CORRUPT");
    ck_assert_str_eq(vdev_status_name(VDEV_ERROR_BUSY), "BUSY");
    ck_assert_str_eq(vdev_status_name(VDEV_ERROR_AGAIN), "AGAIN");
    ck_assert_str_eq(vdev_status_name(VDEV_ERROR_AGAIN - 1), "UNKNOWN");
    ck_assert_str_eq(vdev_status_name(1), "UNKNOWN");
    ck_assert_str_eq(vdev_status_name(INT_MIN), "UNKNOWN");
    ck_assert_str_eq(vdev_status_name(INT_MAX), "UNKNOWN");
}
END_TEST

/* ---- the memory map ---- */

static uint8_t low[64], high[64], rom[64], top[64];

#define TOP (UINT64_MAX - sizeof top + 1)

/* low and high adjoin, rom adjoins high, then a hole, then the last bytes of the address space. */
static const struct vdev_memory_region regions[] = {
    {0x1000, sizeof low, low, 0x9000, true},
    {0x1040, sizeof high, high, VDEV_NO_BUS_ADDRESS, true},
    {0x1080, sizeof rom, rom, 0xa000, false},
    {TOP, sizeof top, top, 0xb000, true},
};

static struct vdev_memory memory_map(void)
{
    struct vdev_memory memory;
    ck_assert_int_eq(vdev_memory_init(&memory, regions, COUNT(regions)), VDEV_OK);
    return memory;
}

START_TEST(regions_that_are_refused)
{
    struct vdev_memory memory;
    uint8_t bytes[16];
    const struct vdev_memory_region bad[][2] = {
        {{0x1000, 0, bytes, 0, true}, {0x2000, 16, bytes, 0, true}},           /* empty */
        {{0x1000, 16, NULL, 0, true}, {0x2000, 16, bytes, 0, true}},           /* nowhere */
        {{0x2000, 16, bytes, 0, true}, {0x1000, 16, bytes, 0, true}},          /* unsorted */
        {{0x1000, 16, bytes, 0, true}, {0x1000, 16, bytes, 0, true}},          /* twice */
        {{0x1000, 16, bytes, 0, true}, {0x100f, 16, bytes, 0, true}},          /* overlap */
        {{0x1000, 16, bytes, 0, true}, {0, 16, bytes, 0, true}},               /* unsorted, at 0 */
        {{0x1000, 16, bytes, 0, true}, {UINT64_MAX - 14, 16, bytes, 0, true}}, /* wraps */
        {{UINT64_MAX - 15, 16, bytes, 0, true}, {0, 16, bytes, 0, true}},      /* after the top */
        {{0x1000, 16, bytes, 0, true},
         {0x2000, 16, (void *)(UINTPTR_MAX - 14), 0, true}}, /* the pointer wraps */
    };
    for (unsigned i = 0; i < COUNT(bad); i++) {
        ck_assert_msg(vdev_memory_init(&memory, bad[i], 2) == VDEV_ERROR_INVALID, "case %u", i);
    }
    ck_assert_int_eq(vdev_memory_init(&memory, bad[0], 0), VDEV_ERROR_INVALID);
    const struct vdev_memory_region adjoining[2] = {{0, 16, bytes, 0, true},
                                                    {16, 16, bytes, 0, true}};
    ck_assert_int_eq(vdev_memory_init(&memory, adjoining, 2), VDEV_OK);
}
END_TEST

START_TEST(ranges_become_buffers)
{
    struct vdev_memory memory = memory_map();
    struct vdev_buffer buffers[3];

    ck_assert_int_eq(vdev_memory_map(&memory, 0x1010, 8, true, buffers, 3), 1);
    ck_assert_ptr_eq(buffers[0].pointer, low + 16);
    ck_assert_uint_eq(buffers[0].length, 8);
    ck_assert_uint_eq(buffers[0].bus_address, 0x9010);
    /* Over three regions, and the middle one out of reach of DMA. */
    ck_assert_int_eq(vdev_memory_map(&memory, 0x1030, 16 + 64 + 1, false, buffers, 3), 3);
    ck_assert_ptr_eq(buffers[0].pointer, low + 48);
    ck_assert_uint_eq(buffers[0].length, 16);
    ck_assert_ptr_eq(buffers[1].pointer, high);
    ck_assert_uint_eq(buffers[1].length, 64);
    ck_assert_uint_eq(buffers[1].bus_address, VDEV_NO_BUS_ADDRESS);
    ck_assert_ptr_eq(buffers[2].pointer, rom);
    ck_assert_uint_eq(buffers[2].length, 1);
    ck_assert_uint_eq(buffers[2].bus_address, 0xa000);
    /* Up to a boundary is one piece, not a second of length 0. */
    ck_assert_int_eq(vdev_memory_map(&memory, 0x1000, 64, true, buffers, 1), 1);
    /* Nothing is nothing, wherever. */
    ck_assert_int_eq(vdev_memory_map(&memory, 0, 0, true, buffers, 0), 0);
    ck_assert_int_eq(vdev_memory_map(&memory, UINT64_MAX, 0, true, buffers, 3), 0);
}
END_TEST

START_TEST(ranges_that_are_not_memory)
{
    struct vdev_memory memory = memory_map();
    struct vdev_buffer buffers[3];
    const struct {
        uint64_t address, length;
    } bad[] = {
        {0, 1},
        {0xfff, 1},
        {0xfff, 2},
        {0x10c0, 1},
        {0x10bf, 2},
        {0x1000, UINT64_MAX},
        {0x1000, UINT64_C(0x100000001)}, /* whose low half would be good */
        {UINT64_C(0x100001000), 1},
        {TOP - 1, 2},
        {UINT64_MAX, 2},          /* would go on at 0 */
        {UINT64_MAX, UINT64_MAX}, /* nearly all the way round */
        {TOP, sizeof top + 1},
    };
    for (unsigned i = 0; i < COUNT(bad); i++) {
        ck_assert_msg(vdev_memory_map(&memory, bad[i].address, bad[i].length, false, buffers, 3) ==
                          VDEV_ERROR_RANGE,
                      "case %u", i);
    }
    ck_assert_int_eq(vdev_memory_map(&memory, 0x107f, 2, true, buffers, 3), VDEV_ERROR_READ_ONLY);
    ck_assert_int_eq(vdev_memory_map(&memory, 0x103f, 2, false, buffers, 1), VDEV_ERROR_FULL);
    ck_assert_int_eq(vdev_memory_map(&memory, 0x1000, 1, false, buffers, 0), VDEV_ERROR_FULL);
}
END_TEST

START_TEST(the_top_of_the_address_space)
{
    struct vdev_memory memory = memory_map();
    struct vdev_buffer buffers[2];

    ck_assert_int_eq(vdev_memory_map(&memory, TOP, sizeof top, true, buffers, 2), 1);
    ck_assert_ptr_eq(buffers[0].pointer, top);
    ck_assert_uint_eq(buffers[0].length, sizeof top);
    ck_assert_int_eq(vdev_memory_map(&memory, UINT64_MAX, 1, true, buffers, 2), 1);
    ck_assert_ptr_eq(buffers[0].pointer, top + sizeof top - 1);
    /* With memory at 0 as well, a range still does not go round. */
    const struct vdev_memory_region round[2] = {{0, sizeof low, low, 0, true},
                                                {TOP, sizeof top, top, 0, true}};
    ck_assert_int_eq(vdev_memory_init(&memory, round, 2), VDEV_OK);
    ck_assert_int_eq(vdev_memory_map(&memory, UINT64_MAX, 2, true, buffers, 2), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_memory_map(&memory, 0, 1, true, buffers, 2), 1);
}
END_TEST

START_TEST(every_byte_of_many_regions)
{
    /* Regions of 3 bytes, every other pair adjoining, against the obvious answer. */
    enum { REGIONS = 37 };
    static uint8_t bytes[3 * REGIONS];
    struct vdev_memory_region many[REGIONS];
    uint8_t *expected[8 * REGIONS] = {NULL};
    struct vdev_memory memory;

    for (unsigned i = 0; i < REGIONS; i++) {
        uint64_t address = 1 + 7 * (i / 2) + 3 * (i % 2);
        many[i] = (struct vdev_memory_region){address, 3, bytes + 3 * i, 0, true};
        for (unsigned j = 0; j < 3; j++) {
            expected[address + j] = bytes + 3 * i + j;
        }
    }
    ck_assert_int_eq(vdev_memory_init(&memory, many, REGIONS), VDEV_OK);
    for (unsigned i = 0; i < COUNT(expected); i++) {
        ck_assert_ptr_eq(vdev_memory_pointer(&memory, i, 1, 1, true), expected[i]);
    }
}
END_TEST

START_TEST(pointers_for_rings_and_tables)
{
    static _Alignas(16) uint8_t aligned[64];
    struct vdev_memory memory;
    const struct vdev_memory_region map[] = {
        {0x1000, 32, aligned, 0, true},
        {0x1020, 16, aligned + 32, 0, false},
        {0x2000, 8, aligned + 49, 0, true}, /* aligned for the guest, not for us */
        {0x3004, 4, aligned + 48, 0, true}, /* and the other way round */
    };
    ck_assert_int_eq(vdev_memory_init(&memory, map, COUNT(map)), VDEV_OK);
    ck_assert_ptr_eq(vdev_memory_pointer(&memory, 0x1010, 16, 16, true), aligned + 16);
    ck_assert_ptr_null(vdev_memory_pointer(&memory, 0x1008, 16, 16, true));
    ck_assert_ptr_eq(vdev_memory_pointer(&memory, 0x1008, 16, 8, true), aligned + 8);
    ck_assert_ptr_null(vdev_memory_pointer(&memory, 0x1010, 32, 16, false)); /* two regions */
    ck_assert_ptr_null(vdev_memory_pointer(&memory, 0x1020, 16, 16, true));  /* read-only */
    ck_assert_ptr_eq(vdev_memory_pointer(&memory, 0x1020, 16, 16, false), aligned + 32);
    ck_assert_ptr_null(vdev_memory_pointer(&memory, 0x2000, 8, 2, true));
    ck_assert_ptr_eq(vdev_memory_pointer(&memory, 0x2000, 8, 1, true), aligned + 49);
    ck_assert_ptr_null(vdev_memory_pointer(&memory, 0x3004, 4, 8, true));
    ck_assert_ptr_eq(vdev_memory_pointer(&memory, 0x3004, 4, 4, true), aligned + 48);
    ck_assert_ptr_null(vdev_memory_pointer(&memory, 0x1000, 0, 1, true));
    ck_assert_ptr_null(vdev_memory_pointer(&memory, 0x1000, UINT64_MAX, 1, true));
}
END_TEST

/* ---- cursors ---- */

START_TEST(a_cursor_over_every_cut)
{
    /* Twelve bytes cut at two places in all ways, empty buffers included, read in all steps. */
    for (size_t first = 0; first <= 12; first++) {
        for (size_t second = first; second <= 12; second++) {
            for (size_t stride = 1; stride <= 13; stride++) {
                char text[] = "abcdefghijkl", out[14] = "";
                const struct vdev_buffer buffers[3] = {
                    {text, first, 0},
                    {text + first, second - first, 0},
                    {text + second, 12 - second, 0},
                };
                struct vdev_cursor cursor = vdev_cursor(buffers, 3);
                size_t done = 0, moved;
                while ((moved = vdev_cursor_read(&cursor, out + done, stride)) != 0) {
                    done += moved;
                }
                if (done != 12 || strcmp(out, text) != 0) {
                    ck_abort_msg("cut at %zu and %zu in steps of %zu", first, second, stride);
                }
            }
        }
    }
}
END_TEST

START_TEST(reading_writing_skipping_and_peeking)
{
    char one[] = "abc", two[] = "defg", out[8] = "";
    const struct vdev_buffer buffers[] = {{one, 3, 0}, {NULL, 0, 0}, {two, 4, 0}};
    struct vdev_cursor cursor = vdev_cursor(buffers, 3);
    void *pointer;

    ck_assert_uint_eq(vdev_buffers_length(buffers, 3), 7);
    ck_assert_uint_eq(vdev_cursor_skip(&cursor, 2), 2);
    ck_assert_uint_eq(vdev_cursor_peek(&cursor, &pointer), 1);
    ck_assert_ptr_eq(pointer, one + 2);
    ck_assert_uint_eq(vdev_cursor_write(&cursor, "XYZ", 3), 3);
    ck_assert_str_eq(one, "abX");
    ck_assert_str_eq(two, "YZfg");
    ck_assert_uint_eq(vdev_cursor_peek(&cursor, &pointer), 2);
    ck_assert_ptr_eq(pointer, two + 2);
    ck_assert_uint_eq(vdev_cursor_read(&cursor, out, 5), 2); /* fewer, at the end only */
    ck_assert_str_eq(out, "fg");
    ck_assert_uint_eq(vdev_cursor_read(&cursor, out, 1), 0);
    ck_assert_uint_eq(vdev_cursor_write(&cursor, out, 1), 0);
    ck_assert_uint_eq(vdev_cursor_skip(&cursor, 1), 0);
    ck_assert_uint_eq(vdev_cursor_peek(&cursor, &pointer), 0);
    ck_assert_ptr_null(pointer);
    cursor = vdev_cursor(NULL, 0);
    ck_assert_uint_eq(vdev_cursor_read(&cursor, out, 1), 0);
}
END_TEST

START_TEST(lengths_saturate)
{
    const struct vdev_buffer buffers[] = {{NULL, SIZE_MAX - 1, 0}, {NULL, 2, 0}, {NULL, 5, 0}};
    ck_assert_uint_eq(vdev_buffers_length(buffers, 1), SIZE_MAX - 1);
    ck_assert_uint_eq(vdev_buffers_length(buffers, 2), SIZE_MAX);
    ck_assert_uint_eq(vdev_buffers_length(buffers, 3), SIZE_MAX);
    ck_assert_uint_eq(vdev_buffers_length(NULL, 0), 0);
}
END_TEST

START_TEST(splitting_off_a_list)
{
    char bytes[32];
    const struct vdev_buffer buffers[] = {{bytes, 8, 0x100},
                                          {bytes + 8, 0, 0x200},
                                          {bytes + 8, 8, VDEV_NO_BUS_ADDRESS},
                                          {bytes + 16, 8, 0x300}};
    struct vdev_cursor cursor = vdev_cursor(buffers, 4);
    struct vdev_buffer pieces[3];

    vdev_cursor_skip(&cursor, 3);
    ck_assert_int_eq(vdev_cursor_split(&cursor, 25, pieces, 3), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_cursor_split(&cursor, 20, pieces, 2), VDEV_ERROR_FULL);
    ck_assert_int_eq(vdev_cursor_split(&cursor, 0, pieces, 0), 0);
    ck_assert_int_eq(vdev_cursor_split(&cursor, 20, pieces, 3), 3); /* it had not moved */
    ck_assert_ptr_eq(pieces[0].pointer, bytes + 3);
    ck_assert_uint_eq(pieces[0].length, 5);
    ck_assert_uint_eq(pieces[0].bus_address, 0x103);
    ck_assert_ptr_eq(pieces[1].pointer, bytes + 8);
    ck_assert_uint_eq(pieces[1].length, 8);
    ck_assert_uint_eq(pieces[1].bus_address, VDEV_NO_BUS_ADDRESS);
    ck_assert_ptr_eq(pieces[2].pointer, bytes + 16);
    ck_assert_uint_eq(pieces[2].length, 7);
    ck_assert_uint_eq(pieces[2].bus_address, 0x300);
    ck_assert_int_eq(vdev_cursor_split(&cursor, 1, pieces, 1), 1);
    ck_assert_ptr_eq(pieces[0].pointer, bytes + 23);
    ck_assert_uint_eq(pieces[0].bus_address, 0x307);
}
END_TEST

/* ---- trap dispatch ---- */

struct device {
    struct vdev_access last;
    unsigned calls;
    int status;
    struct vdev_bus *bus; /* if set: an access from inside goes here */
    uint64_t inner_address;
    int inner_status;
};

static int device_access(void *argument, struct vdev_access *access)
{
    struct device *device = argument;
    device->calls++;
    device->last = *access;
    if (!access->write) {
        access->value = 0x5a;
    }
    if (device->bus != NULL) {
        struct vdev_access inner = {.width = 4};
        device->inner_status = vdev_bus_dispatch(device->bus, device->inner_address, &inner);
    }
    return device->status;
}

struct board {
    struct device devices[3];
    struct vdev_register_count counts[4];
    struct vdev_bus_window windows[3];
    struct vdev_bus bus;
};

/* Two adjoining windows, the second of three words, and one that ends the address space. */
static void board_init(struct board *board)
{
    *board = (struct board){0};
    board->windows[0] = (struct vdev_bus_window){.address = 0x1000,
                                                 .length = 0x10,
                                                 .access = device_access,
                                                 .device = &board->devices[0],
                                                 .counts = board->counts};
    board->windows[1] = (struct vdev_bus_window){
        .address = 0x1010, .length = 12, .access = device_access, .device = &board->devices[1]};
    board->windows[2] = (struct vdev_bus_window){.address = UINT64_MAX - 7,
                                                 .length = 8,
                                                 .access = device_access,
                                                 .device = &board->devices[2]};
    ck_assert_int_eq(vdev_bus_init(&board->bus, board->windows, 3), VDEV_OK);
}

static int access_at(struct board *board, uint64_t address, uint8_t width, bool write)
{
    struct vdev_access access = {.width = width, .write = write, .value = 0x77};
    int status = vdev_bus_dispatch(&board->bus, address, &access);
    if (status == VDEV_OK && !write) {
        ck_assert_uint_eq(access.value, 0x5a);
    }
    return status;
}

START_TEST(windows_that_are_refused)
{
    struct vdev_bus bus;
    const struct vdev_bus_window good[2] = {
        {.address = 0x1000, .length = 0x100, .access = device_access},
        {.address = 0x1100, .length = 0x100, .access = device_access},
    };
    struct vdev_bus_window windows[2];

    memcpy(windows, good, sizeof windows);
    ck_assert_int_eq(vdev_bus_init(&bus, windows, 2), VDEV_OK);
    ck_assert_int_eq(vdev_bus_init(&bus, windows, 0), VDEV_ERROR_INVALID);
    windows[0].length = 0;
    ck_assert_int_eq(vdev_bus_init(&bus, windows, 2), VDEV_ERROR_INVALID);
    windows[0].length = 0xfe;
    ck_assert_int_eq(vdev_bus_init(&bus, windows, 2), VDEV_ERROR_INVALID);
    windows[0].length = 0x104; /* overlaps */
    ck_assert_int_eq(vdev_bus_init(&bus, windows, 2), VDEV_ERROR_INVALID);
    memcpy(windows, good, sizeof windows);
    windows[0].access = NULL;
    ck_assert_int_eq(vdev_bus_init(&bus, windows, 2), VDEV_ERROR_INVALID);
    windows[0] = good[1];
    windows[1] = good[0]; /* unsorted */
    ck_assert_int_eq(vdev_bus_init(&bus, windows, 2), VDEV_ERROR_INVALID);
    memcpy(windows, good, sizeof windows);
    windows[1].address = UINT64_MAX - 0xfe; /* wraps by one */
    ck_assert_int_eq(vdev_bus_init(&bus, windows, 2), VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(each_access_finds_its_device)
{
    struct board board;
    board_init(&board);

    ck_assert_int_eq(access_at(&board, 0x1000, 4, false), VDEV_OK);
    ck_assert_int_eq(access_at(&board, 0x100f, 1, true), VDEV_OK);
    ck_assert_uint_eq(board.devices[0].last.offset, 15);
    ck_assert_uint_eq(board.devices[0].last.width, 1);
    ck_assert(board.devices[0].last.write);
    ck_assert_uint_eq(board.devices[0].last.value, 0x77);
    ck_assert_int_eq(access_at(&board, 0x1010, 8, true), VDEV_OK);
    ck_assert_uint_eq(board.devices[1].last.offset, 0);
    ck_assert_int_eq(access_at(&board, 0x1018, 4, false), VDEV_OK);
    ck_assert_uint_eq(board.devices[1].last.offset, 8);
    ck_assert_int_eq(access_at(&board, UINT64_MAX - 7, 8, false), VDEV_OK);
    ck_assert_int_eq(access_at(&board, UINT64_MAX, 1, false), VDEV_OK);
    ck_assert_uint_eq(board.devices[2].last.offset, 7);
    ck_assert_int_eq(access_at(&board, 0x1000, 2, false), VDEV_OK); /* and back */
    ck_assert_uint_eq(board.devices[0].calls, 3);
    ck_assert_uint_eq(board.devices[1].calls, 2);
    ck_assert_uint_eq(board.devices[2].calls, 2);
    ck_assert_uint_eq(board.bus.unclaimed, 0);
}
END_TEST

START_TEST(accesses_that_nobody_claims)
{
    static const uint64_t addresses[] = {0, 0xffc, 0x101c, UINT64_C(0x100001000), UINT64_MAX - 11};
    struct board board;
    board_init(&board);

    for (unsigned i = 0; i < COUNT(addresses); i++) {
        ck_assert_int_eq(access_at(&board, addresses[i], 4, false), VDEV_ERROR_RANGE);
        ck_assert_uint_eq(board.bus.unclaimed, i + 1);
    }
    /* Eight bytes that begin in the last word of a window; the next window does not make up for it.
     */
    ck_assert_int_eq(access_at(&board, 0x1018, 8, false), VDEV_ERROR_RANGE);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(board.devices[i].calls, 0);
    }
    /* The same when that window was the last one used, which is looked at first. */
    ck_assert_int_eq(access_at(&board, 0x1018, 4, false), VDEV_OK);
    ck_assert_int_eq(access_at(&board, 0x1018, 8, false), VDEV_ERROR_RANGE);
    ck_assert_uint_eq(board.devices[1].calls, 1);
}
END_TEST

START_TEST(widths_and_alignments_that_do_not_exist)
{
    struct board board;
    board_init(&board);

    for (unsigned width = 0; width < 256; width++) {
        bool exists = width == 1 || width == 2 || width == 4 || width == 8;
        for (unsigned offset = 0; offset < 8; offset++) {
            int expected = exists && offset % width == 0 ? VDEV_OK : VDEV_ERROR_UNSUPPORTED;
            ck_assert_int_eq(access_at(&board, 0x1000 + offset, (uint8_t)width, false), expected);
        }
    }
    ck_assert_uint_eq(board.devices[0].calls, 8 + 4 + 2 + 1);
    ck_assert_uint_eq(board.bus.unclaimed, 256 * 8 - 15);
}
END_TEST

START_TEST(every_access_is_counted_by_register_and_direction)
{
    struct board board;
    board_init(&board);

    for (unsigned i = 0; i < 5; i++) {
        access_at(&board, 0x1004, 4, false);
    }
    access_at(&board, 0x1007, 1, true);  /* part of the same register */
    access_at(&board, 0x1008, 8, true);  /* counted where it begins */
    access_at(&board, 0x1005, 4, false); /* refused before the device: not counted */
    access_at(&board, 0x1010, 4, false); /* a device without counters */
    board.devices[0].status = VDEV_ERROR_RANGE;
    access_at(&board, 0x1000, 4, true); /* refused by the device: it was trapped all the same */
    static const struct vdev_register_count expected[4] = {{0, 1}, {5, 1}, {0, 1}, {0, 0}};
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_eq(board.counts[i].reads, expected[i].reads);
        ck_assert_uint_eq(board.counts[i].writes, expected[i].writes);
    }
    ck_assert_uint_eq(board.bus.unclaimed, 2);
}
END_TEST

START_TEST(a_device_s_error_reaches_the_hypervisor)
{
    struct board board;
    board_init(&board);

    for (int status = VDEV_ERROR_BUSY; status < VDEV_OK; status++) {
        board.devices[1].status = status;
        ck_assert_int_eq(access_at(&board, 0x1010, 4, true), status);
    }
    ck_assert_uint_eq(board.bus.unclaimed, (unsigned)-VDEV_ERROR_BUSY);
    board.devices[1].status = VDEV_OK;
    ck_assert_int_eq(access_at(&board, 0x1010, 4, true), VDEV_OK); /* not left busy */
}
END_TEST

START_TEST(a_device_is_not_re_entered)
{
    struct board board;
    board_init(&board);

    board.devices[0].bus = &board.bus;
    board.devices[0].inner_address = 0x1004; /* itself: refused */
    ck_assert_int_eq(access_at(&board, 0x1000, 4, true), VDEV_OK);
    ck_assert_int_eq(board.devices[0].inner_status, VDEV_ERROR_BUSY);
    ck_assert_uint_eq(board.devices[0].calls, 1);
    ck_assert_uint_eq(board.bus.unclaimed, 1);
    ck_assert_uint_eq(board.counts[1].reads, 0);

    board.devices[0].inner_address = 0x1010; /* another: allowed */
    ck_assert_int_eq(access_at(&board, 0x1000, 4, true), VDEV_OK);
    ck_assert_int_eq(board.devices[0].inner_status, VDEV_OK);
    ck_assert_uint_eq(board.devices[1].calls, 1);

    board.devices[1].bus = &board.bus; /* and from there back to the first: refused */
    board.devices[1].inner_address = 0x1000;
    ck_assert_int_eq(access_at(&board, 0x1000, 4, true), VDEV_OK);
    ck_assert_int_eq(board.devices[1].inner_status, VDEV_ERROR_BUSY);
    /* Nor by the short way, which would not even ask it. */
    static const uint8_t loads[4] = {1, 1, 1, 1};
    static const uint32_t values[1] = {7};
    uint32_t value;
    board.windows[0].loads = loads;
    board.windows[0].values = values;
    board.windows[0].open = 0;
    ck_assert_int_eq(vdev_bus_read(&board.bus, 0x1000, 4, &value), VDEV_ERROR_BUSY);
    board.windows[0].open = board.windows[0].length;
    ck_assert_int_eq(vdev_bus_read(&board.bus, 0x1000, 4, &value), VDEV_OK);
    ck_assert_uint_eq(value, 7);
}
END_TEST

/* True if a read was answered by the bus itself. */
static bool loaded(struct board *board, uint64_t address, unsigned width, uint32_t *value)
{
    unsigned calls = 0;
    for (unsigned i = 0; i < COUNT(board->devices); i++) {
        calls -= board->devices[i].calls;
    }
    int status = vdev_bus_read(&board->bus, address, width, value);
    for (unsigned i = 0; i < COUNT(board->devices); i++) {
        calls += board->devices[i].calls;
    }
    return status == VDEV_OK && calls == 0;
}

START_TEST(reads_that_are_mere_loads)
{
    static const uint8_t loads[4] = {0, 2, 1, 0};
    static const uint32_t values[2] = {0x11223344, 0xa1b2c3d4};
    static const struct {
        uint64_t address;
        unsigned width;
        uint32_t value;
    } answered[] = {
        {0x1004, 4, 0xa1b2c3d4}, {0x1004, 2, 0xc3d4}, {0x1004, 1, 0xd4}, {0x1008, 4, 0x11223344}};
    /* Registers to ask for, parts of registers, and what lies around the window. */
    static const uint64_t refused[] = {
        0x1000, 0x100c, 0x1005, 0x1006, 0x1010, 0xffc, 0, UINT64_C(0x100001004), UINT64_MAX};
    struct board board;
    uint32_t value = 0;
    board_init(&board);
    ck_assert(!loaded(&board, 0x1004, 4, &value)); /* no table, no short way */
    board.windows[0].loads = loads;
    board.windows[0].values = values;

    for (unsigned i = 0; i < COUNT(answered); i++) {
        ck_assert(loaded(&board, answered[i].address, answered[i].width, &value));
        ck_assert_uint_eq(value, answered[i].value);
    }
    for (unsigned i = 0; i < COUNT(refused); i++) {
        ck_assert(!loaded(&board, refused[i], 1, &value));
    }
    /* Each access is counted once, whoever answered it: parts of a register, too. */
    ck_assert_uint_eq(board.counts[1].reads, 1 + 3 + 2);
    ck_assert_uint_eq(board.counts[2].reads, 1);
    ck_assert_uint_eq(board.counts[0].reads, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core");
    TCase *status = tcase_create("status");
    tcase_add_test(status, names_of_errors);
    suite_add_tcase(suite, status);
    TCase *memory = tcase_create("memory");
    tcase_add_test(memory, regions_that_are_refused);
    tcase_add_test(memory, ranges_become_buffers);
    tcase_add_test(memory, ranges_that_are_not_memory);
    tcase_add_test(memory, the_top_of_the_address_space);
    tcase_add_test(memory, every_byte_of_many_regions);
    tcase_add_test(memory, pointers_for_rings_and_tables);
    suite_add_tcase(suite, memory);
    TCase *cursors = tcase_create("cursors");
    tcase_add_test(cursors, a_cursor_over_every_cut);
    tcase_add_test(cursors, reading_writing_skipping_and_peeking);
    tcase_add_test(cursors, lengths_saturate);
    tcase_add_test(cursors, splitting_off_a_list);
    suite_add_tcase(suite, cursors);
    TCase *bus = tcase_create("bus");
    tcase_add_test(bus, windows_that_are_refused);
    tcase_add_test(bus, each_access_finds_its_device);
    tcase_add_test(bus, accesses_that_nobody_claims);
    tcase_add_test(bus, widths_and_alignments_that_do_not_exist);
    tcase_add_test(bus, every_access_is_counted_by_register_and_direction);
    tcase_add_test(bus, a_device_s_error_reaches_the_hypervisor);
    tcase_add_test(bus, a_device_is_not_re_entered);
    tcase_add_test(bus, reads_that_are_mere_loads);
    suite_add_tcase(suite, bus);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
