/* SPDX-License-Identifier: BSD-2-Clause */
/* Device trees: what is written reads back, what is read is right, and bad blobs are refused. */
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <libfdt.h>

#include <vdev/fdt.h>
#include <vdev/status.h>

#define ROOM 8192u

static _Alignas(8) unsigned char buffer[ROOM + 64];
static struct vdev_fdt_error error;

static const struct vdev_fdt_range memory[] = {{0x80000000, 0x10000000}, {0x880000000, 0x4000}};
static const struct vdev_guest_device devices[] = {
    {.kind = VDEV_GUEST_PL011, .address = 0x1C090000, .spi = 5},
    {.kind = VDEV_GUEST_PL181, .address = 0x1C050000, .spi = 9, .second_spi = 10},
    {.kind = VDEV_GUEST_VIRTIO_MMIO, .address = 0x1C130000, .spi = 40},
    {.kind = VDEV_GUEST_VIRTIO_MMIO, .address = 0x1C130200, .spi = 41},
    {.kind = VDEV_GUEST_PL011,
     .address = 0x1C0A0000,
     .size = 0x2000,
     .spi = 6,
     .clock_frequency = 14745600,
     .peripheral_identifier = 0x00241011},
    {.kind = VDEV_GUEST_LAN9118,
     .address = 0x1A000000,
     .spi = 15,
     .mac_address = {0x52, 0x54, 0, 0x12, 0x34, 0x56}},
    {.kind = VDEV_GUEST_LAN9118, .address = 0x1B000000, .size = 0x100, .spi = 16},
};

static struct vdev_guest_description description(void)
{
    return (struct vdev_guest_description){
        .memory = memory,
        .memory_count = 2,
        .processors = 2,
        .psci = true,
        .interrupt_controller = {.distributor = 0x2C001000, .cpu_interface = 0x2C002000},
        .bootargs = "console=ttyAMA0 quiet",
        .initrd = {0x88000000, 0x1234},
        .devices = devices,
        .device_count = sizeof devices / sizeof devices[0],
    };
}

/* The tree of the description above, opened. */
static struct vdev_fdt written(void)
{
    struct vdev_guest_description guest = description();
    struct vdev_fdt tree;
    int length = vdev_fdt_write_guest(buffer, ROOM, &guest, &error);
    ck_assert_int_gt(length, 0);
    ck_assert_int_eq(vdev_fdt_open(&tree, buffer, (size_t)length, &error), VDEV_OK);
    ck_assert_uint_eq(tree.size, (size_t)length);
    return tree;
}

static void assert_string(const struct vdev_fdt *tree, const char *path, const char *property,
                          unsigned index, const char *expected)
{
    const char *string;
    ck_assert_int_eq(vdev_fdt_string(tree, vdev_fdt_find(tree, path), property, index, &string),
                     VDEV_OK);
    ck_assert_str_eq(string, expected);
}

static void assert_reg(const struct vdev_fdt *tree, const char *path, unsigned index,
                       uint64_t address, uint64_t size)
{
    struct vdev_fdt_range range;
    ck_assert_int_eq(vdev_fdt_reg(tree, vdev_fdt_find(tree, path), index, &range), VDEV_OK);
    ck_assert_uint_eq(range.address, address);
    ck_assert_uint_eq(range.size, size);
}

static void assert_interrupt(const struct vdev_fdt *tree, const char *path, unsigned index,
                             enum vdev_fdt_interrupt_kind kind, uint32_t number, uint32_t flags)
{
    struct vdev_fdt_interrupt interrupt;
    ck_assert_int_eq(vdev_fdt_interrupt(tree, vdev_fdt_find(tree, path), index, &interrupt),
                     VDEV_OK);
    ck_assert_int_eq(interrupt.kind, kind);
    ck_assert_uint_eq(interrupt.number, number);
    ck_assert_uint_eq(interrupt.flags, flags);
}

static void assert_u32(const struct vdev_fdt *tree, const char *path, const char *property,
                       unsigned index, uint32_t expected)
{
    uint32_t value;
    ck_assert_int_eq(vdev_fdt_u32(tree, vdev_fdt_find(tree, path), property, index, &value),
                     VDEV_OK);
    ck_assert_uint_eq(value, expected);
}

/* ---- the writer ---- */

START_TEST(guest_machine_reads_back)
{
    struct vdev_fdt tree = written();
    uint64_t value;

    assert_string(&tree, "/", "compatible", 0, "linux,dummy-virt");
    assert_string(&tree, "/chosen", "bootargs", 0, "console=ttyAMA0 quiet");
    assert_string(&tree, "/chosen", "stdout-path", 0, "serial0:115200n8");
    ck_assert_int_eq(vdev_fdt_find(&tree, "serial0"), vdev_fdt_find(&tree, "/serial@1c090000"));
    int chosen = vdev_fdt_find(&tree, "/chosen");
    ck_assert_int_eq(vdev_fdt_u64(&tree, chosen, "linux,initrd-start", 0, &value), VDEV_OK);
    ck_assert_uint_eq(value, 0x88000000);
    ck_assert_int_eq(vdev_fdt_u64(&tree, chosen, "linux,initrd-end", 0, &value), VDEV_OK);
    ck_assert_uint_eq(value, 0x88001234);
    assert_reg(&tree, "/memory@80000000", 0, 0x80000000, 0x10000000);
    assert_reg(&tree, "/memory@80000000", 1, 0x880000000, 0x4000);
    assert_string(&tree, "/psci", "compatible", 0, "arm,psci-1.0");
    assert_string(&tree, "/psci", "method", 0, "hvc");
    assert_string(&tree, "/cpus/cpu@1", "enable-method", 0, "psci");
    assert_u32(&tree, "/cpus/cpu@1", "reg", 0, 1);
    assert_reg(&tree, "/interrupt-controller@2c001000", 1, 0x2C002000, 0x2000);
    assert_interrupt(&tree, "/timer", 0, VDEV_FDT_INTERRUPT_PPI, 13, 0x308);
    assert_interrupt(&tree, "/timer", 2, VDEV_FDT_INTERRUPT_PPI, 11, 0x308);
    assert_interrupt(&tree, "/timer", 3, VDEV_FDT_INTERRUPT_PPI, 10, 0x308);
}
END_TEST

START_TEST(guest_devices_read_back)
{
    struct vdev_fdt tree = written();
    uint32_t supply;

    assert_reg(&tree, "/serial@1c090000", 0, 0x1C090000, 0x1000);
    assert_interrupt(&tree, "/serial@1c090000", 0, VDEV_FDT_INTERRUPT_SPI, 5, VDEV_FDT_LEVEL_HIGH);
    assert_reg(&tree, "/serial@1c0a0000", 0, 0x1C0A0000, 0x2000);
    assert_u32(&tree, "/serial@1c0a0000", "arm,primecell-periphid", 0, 0x00241011);
    assert_u32(&tree, "/clock-1c0a0000", "clock-frequency", 0, 14745600);
    assert_u32(&tree, "/clock-1c090000", "clock-frequency", 0, 24000000);
    assert_interrupt(&tree, "/mmc@1c050000", 1, VDEV_FDT_INTERRUPT_SPI, 10, VDEV_FDT_LEVEL_HIGH);
    assert_interrupt(&tree, "/virtio@1c130200", 0, VDEV_FDT_INTERRUPT_SPI, 41, VDEV_FDT_LEVEL_HIGH);
    assert_reg(&tree, "/virtio@1c130200", 0, 0x1C130200, 0x200);
    int card = vdev_fdt_find(&tree, "/mmc@1c050000");
    ck_assert_int_eq(vdev_fdt_u32(&tree, card, "vmmc-supply", 0, &supply), VDEV_OK);
    ck_assert_int_eq(fdt_node_offset_by_phandle(tree.blob, supply),
                     vdev_fdt_find(&tree, "/regulator-3v3"));
}
END_TEST

/* What Linux' smsc911x wants to know, and an address only where one is given. */
START_TEST(network_controllers_read_back)
{
    static const uint8_t address[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    struct vdev_fdt tree = written();
    const char *first = "/ethernet@1a000000";
    const char *second = "/ethernet@1b000000";
    int length;

    assert_string(&tree, first, "compatible", 0, "smsc,lan9118");
    assert_string(&tree, first, "compatible", 1, "smsc,lan9115");
    assert_string(&tree, first, "phy-mode", 0, "mii");
    assert_u32(&tree, first, "reg-io-width", 0, 4);
    assert_reg(&tree, first, 0, 0x1A000000, 0x1000);
    assert_reg(&tree, second, 0, 0x1B000000, 0x100);
    assert_interrupt(&tree, first, 0, VDEV_FDT_INTERRUPT_SPI, 15, VDEV_FDT_LEVEL_HIGH);
    const void *given =
        vdev_fdt_property(&tree, vdev_fdt_find(&tree, first), "local-mac-address", &length);
    ck_assert_int_eq(length, 6);
    ck_assert_mem_eq(given, address, 6);
    ck_assert_ptr_null(
        vdev_fdt_property(&tree, vdev_fdt_find(&tree, second), "local-mac-address", &length));
}
END_TEST

/* Each reference of a device names the node it means: two UARTs have two clocks. */
START_TEST(clocks_are_each_devices_own)
{
    struct vdev_fdt tree = written();
    static const char *const paths[][2] = {{"/serial@1c090000", "/clock-1c090000"},
                                           {"/serial@1c0a0000", "/clock-1c0a0000"},
                                           {"/mmc@1c050000", "/clock-1c050000"}};
    for (size_t i = 0; i < 3; i++) {
        uint32_t handles[2];
        for (unsigned each = 0; each < 2; each++) {
            ck_assert_int_eq(vdev_fdt_u32(&tree, vdev_fdt_find(&tree, paths[i][0]), "clocks", each,
                                          &handles[each]),
                             VDEV_OK);
        }
        ck_assert_int_eq(fdt_node_offset_by_phandle(tree.blob, handles[0]),
                         vdev_fdt_find(&tree, paths[i][1]));
        ck_assert_int_eq(fdt_node_offset_by_phandle(tree.blob, handles[1]),
                         vdev_fdt_find(&tree, "/bus-clock"));
    }
}
END_TEST

START_TEST(bare_machine_has_no_psci_and_no_console)
{
    struct vdev_guest_description guest = description();
    struct vdev_fdt tree;

    guest.psci = false;
    guest.devices = &devices[2];
    guest.device_count = 1;
    guest.bootargs = NULL;
    guest.initrd.size = 0;
    guest.timer_frequency = 62500000;
    guest.interrupt_controller.virtual_control = 0x2C004000;
    guest.interrupt_controller.virtual_cpu = 0x2C006000;
    guest.interrupt_controller.maintenance_ppi = 9;
    ck_assert_int_gt(vdev_fdt_write_guest(buffer, ROOM, &guest, &error), 0);
    ck_assert_int_eq(vdev_fdt_open(&tree, buffer, ROOM, &error), VDEV_OK);
    ck_assert_int_eq(vdev_fdt_find(&tree, "/psci"), VDEV_ERROR_ABSENT);
    ck_assert_int_eq(vdev_fdt_find(&tree, "serial0"), VDEV_ERROR_ABSENT);
    ck_assert_int_eq(vdev_fdt_find(&tree, "/bus-clock"), VDEV_ERROR_ABSENT);
    int length;
    ck_assert_ptr_null(
        vdev_fdt_property(&tree, vdev_fdt_find(&tree, "/cpus/cpu@0"), "enable-method", &length));
    ck_assert_int_eq(length, VDEV_ERROR_ABSENT);
    ck_assert_ptr_null(
        vdev_fdt_property(&tree, vdev_fdt_find(&tree, "/chosen"), "bootargs", &length));
    assert_u32(&tree, "/timer", "clock-frequency", 0, 62500000);
    assert_reg(&tree, "/interrupt-controller@2c001000", 3, 0x2C006000, 0x2000);
    assert_interrupt(&tree, "/interrupt-controller@2c001000", 0, VDEV_FDT_INTERRUPT_PPI, 9, 0x308);
}
END_TEST

START_TEST(buffer_too_small_at_every_size)
{
    struct vdev_guest_description guest = description();
    int length = vdev_fdt_write_guest(buffer, ROOM, &guest, &error);
    unsigned char guard[64];

    ck_assert_int_gt(length, 0);
    memset(guard, 0xA5, sizeof guard);
    for (size_t size = 0; size < (size_t)length; size++) {
        memset(buffer + size, 0xA5, sizeof guard);
        memset(&error, 0, sizeof error);
        ck_assert_int_eq(vdev_fdt_write_guest(buffer, size, &guest, &error), VDEV_ERROR_FULL);
        ck_assert_int_eq(error.status, VDEV_ERROR_FULL);
        ck_assert_ptr_nonnull(error.reason);
        ck_assert_mem_eq(buffer + size, guard, sizeof guard);
    }
    ck_assert_int_eq(vdev_fdt_write_guest(buffer, (size_t)length, &guest, NULL), length);
    /* One byte less fails somewhere, and in a device the node is named. */
    ck_assert_int_eq(vdev_fdt_write_guest(buffer, 1500, &guest, &error), VDEV_ERROR_FULL);
    ck_assert_int_eq(error.node[0], '/');
}
END_TEST

/* One description made wrong in one way each, and the node that is blamed. */
static void assert_refused(const struct vdev_guest_description *guest, const char *node)
{
    memset(&error, 0, sizeof error);
    ck_assert_int_eq(vdev_fdt_write_guest(buffer, ROOM, guest, &error), VDEV_ERROR_INVALID);
    ck_assert_int_eq(error.status, VDEV_ERROR_INVALID);
    ck_assert_str_eq(error.node, node);
}

START_TEST(wrong_descriptions_are_refused)
{
    const struct vdev_guest_description good = description();
    struct vdev_guest_description bad;

    ck_assert_int_eq(vdev_fdt_write_guest(buffer + 4, ROOM, &good, &error), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_fdt_write_guest(NULL, ROOM, &good, &error), VDEV_ERROR_INVALID);
    bad = good;
    bad.memory_count = 0;
    assert_refused(&bad, "");
    bad = good;
    bad.memory = &(struct vdev_fdt_range){0xFFFFFFFFFFFFF000, 0x1001};
    bad.memory_count = 1;
    assert_refused(&bad, "/memory@fffffffffffff000");
    bad.memory = &(struct vdev_fdt_range){0x80000000, 0};
    assert_refused(&bad, "/memory@80000000");
    for (unsigned processors = 0; processors < 2; processors++) {
        bad = good;
        bad.processors = processors * 9;
        assert_refused(&bad, "/cpus");
    }
    bad = good;
    bad.initrd = (struct vdev_fdt_range){UINT64_MAX, 2};
    assert_refused(&bad, "/chosen");
    bad = good;
    bad.interrupt_controller.virtual_control = 0x2C004000;
    assert_refused(&bad, "/interrupt-controller@2c001000");
    struct vdev_guest_device device = devices[2];
    bad = good;
    bad.devices = &device;
    bad.device_count = 1;
    device.spi = 988;
    assert_refused(&bad, "/virtio@1c130000");
    device = devices[2];
    device.kind = (enum vdev_guest_device_kind)77;
    assert_refused(&bad, "/device@1c130000");
    device = devices[1];
    device.bus_width = 3;
    assert_refused(&bad, "/mmc@1c050000");
    ck_assert_str_eq(error.property, "bus-width");
}
END_TEST

/* ---- the reader ---- */

/* A tree with everything the reader follows, as boards have it: a bus within a bus, a map of
 * interrupts, a second controller. */
static void node(void *blob, const char *name)
{
    ck_assert_int_eq(fdt_begin_node(blob, name), 0);
}

static void end(void *blob)
{
    ck_assert_int_eq(fdt_end_node(blob), 0);
}

#define CELLS(blob, property, ...)                                                                 \
    put_cells(blob, property, (const uint32_t[]){__VA_ARGS__},                                     \
              sizeof((const uint32_t[]){__VA_ARGS__}) / 4)
static void put_cells(void *blob, const char *property, const uint32_t *cells, size_t count)
{
    fdt32_t encoded[64];
    for (size_t i = 0; i < count; i++) {
        encoded[i] = cpu_to_fdt32(cells[i]);
    }
    ck_assert_int_eq(fdt_property(blob, property, encoded, (int)count * 4), 0);
}

static int board(void *blob)
{
    ck_assert_int_eq(fdt_create(blob, ROOM), 0);
    ck_assert_int_eq(fdt_add_reservemap_entry(blob, 0x1000, 0x1000), 0);
    ck_assert_int_eq(fdt_finish_reservemap(blob), 0);
    node(blob, "");
    CELLS(blob, "#address-cells", 2);
    CELLS(blob, "#size-cells", 1);
    CELLS(blob, "interrupt-parent", 1);
    node(blob, "aliases");
    fdt_property_string(blob, "uart", "/bus@8000000/motherboard/uart@90000");
    fdt_property_string(blob, "round", "round");
    fdt_property(blob, "open", "/bus@8000000", 12);
    end(blob);
    node(blob, "gic@2c001000");
    CELLS(blob, "phandle", 1);
    CELLS(blob, "#interrupt-cells", 3);
    CELLS(blob, "#address-cells", 0);
    CELLS(blob, "reg", 0, 0x2C001000, 0x1000, 0, 0x2C002000, 0x100);
    fdt_property(blob, "interrupt-controller", "", 0);
    end(blob);
    node(blob, "vic");
    CELLS(blob, "phandle", 2);
    CELLS(blob, "#interrupt-cells", 1);
    CELLS(blob, "interrupts", 0, 7, 1);
    end(blob);
    node(blob, "gpio");
    CELLS(blob, "phandle", 3);
    CELLS(blob, "#interrupt-cells", 2);
    end(blob);
    node(blob, "five");
    CELLS(blob, "phandle", 5);
    CELLS(blob, "#interrupt-cells", 4);
    end(blob);
    node(blob, "bus@8000000");
    CELLS(blob, "#address-cells", 2);
    CELLS(blob, "#size-cells", 1);
    CELLS(blob, "ranges", 0, 0, 0, 0x08000000, 0x04000000, 3, 0, 0, 0x1C000000, 0x03000000);
    CELLS(blob, "#interrupt-cells", 1);
    CELLS(blob, "interrupt-map-mask", 0, 0, 63);
    CELLS(blob, "interrupt-map", 0, 0, 4, 1, 0, 4, 4, 0, 0, 5, 1, 0, 5, 4);
    node(blob, "motherboard");
    CELLS(blob, "#address-cells", 1);
    CELLS(blob, "#size-cells", 1);
    CELLS(blob, "ranges", 0, 3, 0x00200000, 0x800000, 0x900000, 2, 0, 0x1000);
    node(blob, "uart@90000");
    fdt_property(blob, "compatible", "arm,pl011\0arm,primecell", 24);
    fdt_property_string(blob, "status", "okay");
    CELLS(blob, "reg", 0x90000, 0x1000, 0x7FF000, 0x1000);
    CELLS(blob, "interrupts", 5);
    end(blob);
    node(blob, "uart@a0000");
    fdt_property(blob, "compatible", "arm,pl011\0arm,primecell", 24);
    fdt_property_string(blob, "status", "disabled");
    CELLS(blob, "reg", 0xA0000, 0x1000, 0x7FFFFF, 2, 0x900000, 1);
    CELLS(blob, "interrupts", 6);
    end(blob);
    end(blob);
    end(blob);
    node(blob, "island");
    CELLS(blob, "#address-cells", 1);
    CELLS(blob, "#size-cells", 0);
    node(blob, "chip@3");
    CELLS(blob, "reg", 3);
    CELLS(blob, "interrupts-extended", 2, 30, 3, 8, 2, 1, 1, 14, 0xF08, 5, 1, 2, 3, 4);
    fdt_property(blob, "short", "abc", 3);
    fdt_property(blob, "names", "one\0\0three", 11);
    CELLS(blob, "numbers", 0x01020304, 0xFFFFFFFF, 3);
    end(blob);
    end(blob);
    node(blob, "ring");
    CELLS(blob, "phandle", 10);
    CELLS(blob, "interrupt-parent", 11);
    CELLS(blob, "interrupts", 1);
    end(blob);
    node(blob, "ring2");
    CELLS(blob, "phandle", 11);
    CELLS(blob, "interrupt-parent", 10);
    end(blob);
    node(blob, "mapring");
    CELLS(blob, "phandle", 12);
    CELLS(blob, "#address-cells", 0);
    CELLS(blob, "#interrupt-cells", 1);
    CELLS(blob, "interrupt-map", 1, 12, 1);
    node(blob, "leaf");
    CELLS(blob, "interrupt-parent", 12);
    CELLS(blob, "interrupts", 1);
    end(blob);
    end(blob);
    end(blob);
    ck_assert_int_eq(fdt_finish(blob), 0);
    return (int)fdt_totalsize(blob);
}

static struct vdev_fdt opened(void)
{
    struct vdev_fdt tree;
    int length = board(buffer);
    ck_assert_int_eq(vdev_fdt_open(&tree, buffer, (size_t)length, &error), VDEV_OK);
    return tree;
}

START_TEST(reg_is_translated_through_every_bus)
{
    struct vdev_fdt tree = opened();
    struct vdev_fdt_range range;

    assert_reg(&tree, "/gic@2c001000", 1, 0x2C002000, 0x100);
    assert_reg(&tree, "uart", 0, 0x1C290000, 0x1000);
    assert_reg(&tree, "uart", 1, 0x1C9FF000, 0x1000);
    int uart = vdev_fdt_find(&tree, "uart");
    ck_assert_int_eq(vdev_fdt_reg(&tree, uart, 2, &range), VDEV_ERROR_RANGE);
    ck_assert_str_eq(error.node, "/bus@8000000/motherboard/uart@90000");
    ck_assert_str_eq(error.property, "reg");
    int other = vdev_fdt_find(&tree, "/bus@8000000/motherboard/uart@a0000");
    ck_assert_int_eq(vdev_fdt_reg(&tree, other, 1, &range), VDEV_ERROR_UNSUPPORTED);
    ck_assert_str_eq(error.node, "/bus@8000000/motherboard");
    ck_assert_int_eq(vdev_fdt_reg(&tree, other, 2, &range), VDEV_ERROR_UNSUPPORTED);
    ck_assert_str_eq(error.node, "/bus@8000000");
    int chip = vdev_fdt_find(&tree, "/island/chip@3");
    ck_assert_int_eq(vdev_fdt_reg(&tree, chip, 0, &range), VDEV_ERROR_UNSUPPORTED);
    ck_assert_str_eq(error.node, "/island");
    ck_assert_int_eq(vdev_fdt_reg(&tree, VDEV_FDT_ROOT, 0, &range), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(interrupts_are_found_through_maps)
{
    struct vdev_fdt tree = opened();
    struct vdev_fdt_interrupt interrupt;
    static const char chip[] = "/island/chip@3";

    assert_interrupt(&tree, "uart", 0, VDEV_FDT_INTERRUPT_SPI, 5, 4);
    assert_interrupt(&tree, "/vic", 0, VDEV_FDT_INTERRUPT_SPI, 7, 1);
    assert_interrupt(&tree, chip, 0, VDEV_FDT_INTERRUPT_PLAIN, 30, 0);
    assert_interrupt(&tree, chip, 1, VDEV_FDT_INTERRUPT_PLAIN, 8, 2);
    assert_interrupt(&tree, chip, 2, VDEV_FDT_INTERRUPT_PPI, 14, 0xF08);
    int node = vdev_fdt_find(&tree, chip);
    ck_assert_int_eq(vdev_fdt_interrupt(&tree, node, 2, &interrupt), VDEV_OK);
    ck_assert_int_eq(interrupt.controller, vdev_fdt_find(&tree, "/gic@2c001000"));
    ck_assert_int_eq(vdev_fdt_interrupt(&tree, node, 3, &interrupt), VDEV_ERROR_UNSUPPORTED);
    ck_assert_str_eq(error.node, "/five");
    ck_assert_int_eq(vdev_fdt_interrupt(&tree, node, 4, &interrupt), VDEV_ERROR_RANGE);
    node = vdev_fdt_find(&tree, "uart");
    ck_assert_int_eq(vdev_fdt_interrupt(&tree, node, 1, &interrupt), VDEV_ERROR_RANGE);
    node = vdev_fdt_find(&tree, "/bus@8000000/motherboard/uart@a0000");
    ck_assert_int_eq(vdev_fdt_interrupt(&tree, node, 0, &interrupt), VDEV_ERROR_ABSENT);
    ck_assert_str_eq(error.node, "/bus@8000000/motherboard/uart@a0000");
}
END_TEST

START_TEST(rings_of_references_end)
{
    struct vdev_fdt tree = opened();
    struct vdev_fdt_interrupt interrupt;

    ck_assert_int_eq(vdev_fdt_interrupt(&tree, vdev_fdt_find(&tree, "/ring"), 0, &interrupt),
                     VDEV_ERROR_ABSENT);
    ck_assert_int_eq(
        vdev_fdt_interrupt(&tree, vdev_fdt_find(&tree, "/mapring/leaf"), 0, &interrupt),
        VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_fdt_find(&tree, "round"), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_fdt_find(&tree, "open"), VDEV_ERROR_INVALID);
    ck_assert_str_eq(error.property, "open");
    ck_assert_int_eq(vdev_fdt_find(&tree, "nobody"), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(nodes_are_walked_and_found)
{
    struct vdev_fdt tree = opened();
    static const char *const names[] = {"aliases",     "gic@2c001000", "vic",  "gpio",  "five",
                                        "bus@8000000", "island",       "ring", "ring2", "mapring"};
    size_t count = 0;

    for (int child = vdev_fdt_child(&tree, VDEV_FDT_ROOT); child >= 0;
         child = vdev_fdt_sibling(&tree, child)) {
        ck_assert_uint_lt(count, sizeof names / sizeof names[0]);
        ck_assert_str_eq(vdev_fdt_name(&tree, child), names[count++]);
        ck_assert_int_eq(vdev_fdt_parent(&tree, child), VDEV_FDT_ROOT);
    }
    ck_assert_uint_eq(count, sizeof names / sizeof names[0]);
    ck_assert_int_eq(vdev_fdt_child(&tree, vdev_fdt_find(&tree, "/vic")), VDEV_ERROR_EMPTY);
    int first = vdev_fdt_find_compatible(&tree, VDEV_FDT_ROOT, "arm,primecell");
    ck_assert_str_eq(vdev_fdt_name(&tree, first), "uart@90000");
    ck_assert(vdev_fdt_enabled(&tree, first));
    int second = vdev_fdt_find_compatible(&tree, first, "arm,primecell");
    ck_assert_str_eq(vdev_fdt_name(&tree, second), "uart@a0000");
    ck_assert(!vdev_fdt_enabled(&tree, second));
    ck_assert(vdev_fdt_compatible(&tree, second, "arm,pl011"));
    ck_assert(!vdev_fdt_compatible(&tree, second, "arm,pl01"));
    ck_assert_int_eq(vdev_fdt_find_compatible(&tree, second, "arm,primecell"), VDEV_ERROR_ABSENT);
    ck_assert_int_eq(vdev_fdt_child(&tree, first + 1), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_fdt_child(&tree, 1 << 20), VDEV_ERROR_INVALID);
    ck_assert_ptr_null(vdev_fdt_name(&tree, -1));
}
END_TEST

START_TEST(properties_have_the_form_asked_for)
{
    struct vdev_fdt tree = opened();
    int chip = vdev_fdt_find(&tree, "/island/chip@3");
    const char *string;
    uint32_t word;
    uint64_t wide;

    ck_assert_int_eq(vdev_fdt_string(&tree, chip, "short", 0, &string), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_fdt_u32(&tree, chip, "short", 0, &word), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_fdt_string(&tree, chip, "names", 1, &string), VDEV_OK);
    ck_assert_str_eq(string, "");
    ck_assert_int_eq(vdev_fdt_string(&tree, chip, "names", 2, &string), VDEV_OK);
    ck_assert_str_eq(string, "three");
    ck_assert_int_eq(vdev_fdt_string(&tree, chip, "names", 3, &string), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_fdt_u32(&tree, chip, "numbers", 1, &word), VDEV_OK);
    ck_assert_uint_eq(word, 0xFFFFFFFF);
    ck_assert_int_eq(vdev_fdt_u32(&tree, chip, "numbers", 3, &word), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_fdt_u64(&tree, chip, "numbers", 0, &wide), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_fdt_u32(&tree, chip, "absent", 0, &word), VDEV_ERROR_ABSENT);
    ck_assert_str_eq(error.node, "/island/chip@3");
    ck_assert_str_eq(error.property, "absent");
}
END_TEST

/* ---- hostile blobs ---- */

/* Use everything there is in a tree, whatever it answers: only a sanitizer is to judge. */
static unsigned use(const struct vdev_fdt *tree)
{
    unsigned seen = 0;
    for (int node = VDEV_FDT_ROOT; node >= 0 && seen < 1000;
         node = fdt_next_node(tree->blob, node, NULL), seen++) {
        struct vdev_fdt_range range;
        struct vdev_fdt_interrupt interrupt;
        const char *string;
        for (unsigned index = 0; index < 5; index += 2) {
            (void)vdev_fdt_reg(tree, node, index, &range);
            (void)vdev_fdt_interrupt(tree, node, index, &interrupt);
            (void)vdev_fdt_string(tree, node, "names", index, &string);
            (void)vdev_fdt_string(tree, node, "compatible", index, &string);
        }
        (void)vdev_fdt_enabled(tree, node);
        (void)vdev_fdt_child(tree, node);
        (void)vdev_fdt_parent(tree, node);
    }
    (void)vdev_fdt_find(tree, "uart");
    (void)vdev_fdt_find(tree, "round");
    (void)vdev_fdt_find(tree, "/bus@8000000/motherboard/uart@90000");
    (void)vdev_fdt_find_compatible(tree, VDEV_FDT_ROOT, "arm,pl011");
    return seen;
}

START_TEST(truncated_blobs_are_refused)
{
    int length = board(buffer);
    for (int size = 0; size < length; size++) {
        struct vdev_fdt tree;
        unsigned char *copy = aligned_alloc(8, ((size_t)size + 8) & ~(size_t)7);
        memcpy(copy, buffer, (size_t)size);
        ck_assert_int_eq(vdev_fdt_open(&tree, copy, (size_t)size, &error), VDEV_ERROR_CORRUPT);
        free(copy);
    }
    struct vdev_fdt tree;
    ck_assert_int_eq(vdev_fdt_open(&tree, buffer + 4, ROOM, NULL), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_fdt_open(&tree, NULL, ROOM, NULL), VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(damaged_blobs_are_survived)
{
    static const unsigned char values[] = {0x01, 0x7F, 0xFF};
    int length = board(buffer);
    size_t room = ((size_t)length + 7) & ~(size_t)7;
    unsigned refused = 0, used = 0;

    for (int at = 0; at < length; at++) {
        for (size_t i = 0; i < sizeof values; i++) {
            struct vdev_fdt tree;
            /* Of exactly its size, so that a sanitizer sees one byte too far. */
            unsigned char *copy = malloc(room);
            memcpy(copy, buffer, (size_t)length);
            copy[at] = values[i];
            if (vdev_fdt_open(&tree, copy, (size_t)length, &error) == VDEV_OK) {
                used += use(&tree) != 0;
            } else {
                refused++;
            }
            free(copy);
        }
    }
    ck_assert_uint_gt(refused, 100);
    ck_assert_uint_gt(used, 1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fdt");
    TCase *writer = tcase_create("writer");
    tcase_add_test(writer, guest_machine_reads_back);
    tcase_add_test(writer, guest_devices_read_back);
    tcase_add_test(writer, network_controllers_read_back);
    tcase_add_test(writer, clocks_are_each_devices_own);
    tcase_add_test(writer, bare_machine_has_no_psci_and_no_console);
    tcase_add_test(writer, buffer_too_small_at_every_size);
    tcase_add_test(writer, wrong_descriptions_are_refused);
    suite_add_tcase(suite, writer);
    TCase *reader = tcase_create("reader");
    tcase_set_timeout(reader, 60);
    tcase_add_test(reader, reg_is_translated_through_every_bus);
    tcase_add_test(reader, interrupts_are_found_through_maps);
    tcase_add_test(reader, rings_of_references_end);
    tcase_add_test(reader, nodes_are_walked_and_found);
    tcase_add_test(reader, properties_have_the_form_asked_for);
    tcase_add_test(reader, truncated_blobs_are_refused);
    tcase_add_test(reader, damaged_blobs_are_survived);
    suite_add_tcase(suite, reader);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
