/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes the tree of a virtual machine. Bindings as in Linux' Documentation/devicetree/bindings:
 * arm/cpus.yaml, arm/psci.yaml, interrupt-controller/arm,gic.yaml, timer/arm,arch_timer.yaml,
 * serial/pl011.yaml, mmc/arm,pl18x.yaml, virtio/mmio.yaml, net/smsc,lan9115.yaml.
 *
 * Written front to back in one pass. The first failure sticks: every later step does nothing, so
 * that the steps themselves need no checks.
 */
#include <libfdt.h>

#include <vdev/status.h>

#include "core/mem.h"
#include "fdt/error.h"

#define PROCESSORS_MAXIMUM 8u
#define SPIS               988u /* of a GICv2: interrupts 32 to 1019 [GICv2 §2.2.1] */

#define DEFAULT_CLOCK      24000000u
#define DEFAULT_CARD_CLOCK 12000000u
#define OMAP3_UART_CLOCK   48000000u

/* How nodes refer to each other. A device's own clock is CLOCK_OF_DEVICE plus its index. */
enum { INTERRUPT_CONTROLLER = 1, BUS_CLOCK, CARD_SUPPLY, CLOCK_OF_DEVICE };

/* The GIC's binding: the first cell of an interrupt. */
enum { SPI = 0, PPI = 1 };

struct writer {
    void *blob;
    const struct vdev_guest_description *description;
    struct vdev_fdt_error *error;
    int status;
    char path[VDEV_FDT_PATH_MAXIMUM]; /* of the node that is being written */
    size_t path_length;
};

static void check(struct writer *writer, int result, const char *property)
{
    if (result < 0 && writer->status == VDEV_OK) {
        writer->status = vdev_fdt_fail(writer->error, vdev_fdt_status(result), writer->path,
                                       property, vdev_fdt_reason(result));
    }
}

static void refuse(struct writer *writer, const char *property, const char *reason)
{
    if (writer->status == VDEV_OK) {
        writer->status =
            vdev_fdt_fail(writer->error, VDEV_ERROR_INVALID, writer->path, property, reason);
    }
}

/* ---- steps ---- */

static void begin(struct writer *writer, const char *name)
{
    /* Names are this file's own and short, two levels deep: they fit. */
    char *path = writer->path + writer->path_length;
    size_t length = strlen(name);

    path[0] = '/';
    memcpy(path + 1, name, length + 1);
    writer->path_length += 1 + length;
    if (writer->status == VDEV_OK) {
        check(writer, fdt_begin_node(writer->blob, name), NULL);
    }
}

static void end(struct writer *writer)
{
    if (writer->status == VDEV_OK) {
        check(writer, fdt_end_node(writer->blob), NULL);
    }
    while (writer->path_length != 0 && writer->path[--writer->path_length] != '/') {
    }
    writer->path[writer->path_length] = '\0';
}

/* A name and a number behind it, as in "cpu@0"; `separator` stands between. */
#define NAME_MAXIMUM 48u
static const char *numbered(char name[NAME_MAXIMUM], const char *base, char separator,
                            uint64_t number)
{
    size_t length = strlen(base);
    unsigned shift = 60;

    memcpy(name, base, length);
    name[length++] = separator;
    while (shift != 0 && number >> shift == 0) {
        shift -= 4;
    }
    for (;; shift -= 4) {
        name[length++] = "0123456789abcdef"[(number >> shift) & 15];
        if (shift == 0) {
            break;
        }
    }
    name[length] = '\0';
    return name;
}

static void bytes(struct writer *writer, const char *property, const void *value, size_t length)
{
    if (writer->status == VDEV_OK) {
        check(writer, fdt_property(writer->blob, property, value, (int)length), property);
    }
}

static void flag(struct writer *writer, const char *property)
{
    bytes(writer, property, "", 0);
}

static void string(struct writer *writer, const char *property, const char *value)
{
    size_t length = strlen(value) + 1;
    if (length > INT32_MAX) {
        refuse(writer, property, "too long");
        return;
    }
    bytes(writer, property, value, length);
}

/* Several strings one after the other; the literal's own end ends the last. */
#define STRINGS(writer, property, literal) bytes(writer, property, literal, sizeof(literal))

static void cells(struct writer *writer, const char *property, const uint32_t *values, size_t count)
{
    fdt32_t *place;

    if (writer->status != VDEV_OK) {
        return;
    }
    check(writer,
          fdt_property_placeholder(writer->blob, property, (int)(count * sizeof *place),
                                   (void **)&place),
          property);
    for (size_t i = 0; writer->status == VDEV_OK && i < count; i++) {
        place[i] = cpu_to_fdt32(values[i]);
    }
}

#define CELLS(writer, property, ...)                                                               \
    cells(writer, property, (const uint32_t[]){__VA_ARGS__},                                       \
          sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* A 64-bit number as two cells, the tree's way for addresses and sizes throughout. */
#define PAIR(number) (uint32_t)((uint64_t)(number) >> 32), (uint32_t)(number)

/* `reg`, with the check that holds for every range: it is not empty and does not wrap. */
static void ranges(struct writer *writer, const struct vdev_fdt_range *list, size_t count)
{
    fdt32_t *place = NULL;

    for (size_t i = 0; i < count; i++) {
        if (list[i].size == 0 || list[i].size - 1 > UINT64_MAX - list[i].address) {
            refuse(writer, "reg", "an empty or wrapping range");
        }
    }
    if (count > INT32_MAX / (4 * sizeof *place)) {
        refuse(writer, "reg", "too many ranges");
    }
    if (writer->status != VDEV_OK) {
        return;
    }
    check(writer,
          fdt_property_placeholder(writer->blob, "reg", (int)(count * 4 * sizeof *place),
                                   (void **)&place),
          "reg");
    for (size_t i = 0; writer->status == VDEV_OK && i < count; i++) {
        const uint32_t values[] = {PAIR(list[i].address), PAIR(list[i].size)};
        for (size_t cell = 0; cell < 4; cell++) {
            *place++ = cpu_to_fdt32(values[cell]);
        }
    }
}

static void range(struct writer *writer, uint64_t address, uint64_t size)
{
    ranges(writer, &(struct vdev_fdt_range){address, size}, 1);
}

/* ---- the machine ---- */

static void chosen(struct writer *writer, bool console)
{
    const struct vdev_guest_description *description = writer->description;
    uint64_t start = description->initrd.address;
    uint64_t size = description->initrd.size;

    begin(writer, "chosen");
    if (console) {
        string(writer, "stdout-path", "serial0:115200n8");
    }
    if (description->bootargs != NULL) {
        string(writer, "bootargs", description->bootargs);
    }
    if (size != 0) {
        if (size > UINT64_MAX - start) {
            refuse(writer, "linux,initrd-end", "a wrapping range");
        }
        CELLS(writer, "linux,initrd-start", PAIR(start));
        CELLS(writer, "linux,initrd-end", PAIR(start + size));
    }
    end(writer);
}

static void memory(struct writer *writer)
{
    const struct vdev_guest_description *description = writer->description;
    char name[NAME_MAXIMUM];

    if (description->memory_count == 0) {
        refuse(writer, "reg", "no memory");
        return;
    }
    begin(writer, numbered(name, "memory", '@', description->memory[0].address));
    string(writer, "device_type", "memory");
    ranges(writer, description->memory, description->memory_count);
    end(writer);
}

static void processors(struct writer *writer)
{
    const struct vdev_guest_description *description = writer->description;
    char name[NAME_MAXIMUM];

    begin(writer, "cpus");
    CELLS(writer, "#address-cells", 1);
    CELLS(writer, "#size-cells", 0);
    for (unsigned i = 0; writer->status == VDEV_OK && i < description->processors; i++) {
        begin(writer, numbered(name, "cpu", '@', i));
        string(writer, "device_type", "cpu");
        string(writer, "compatible", "arm,cortex-a15");
        CELLS(writer, "reg", i);
        if (description->psci) {
            string(writer, "enable-method", "psci");
        }
        end(writer);
    }
    end(writer);
    if (description->psci) {
        begin(writer, "psci");
        STRINGS(writer, "compatible", "arm,psci-1.0\0arm,psci-0.2");
        string(writer, "method", "hvc");
        end(writer);
    }
}

/* A private interrupt's flags: active low as the timer's and the GIC's own are, on each processor.
 */
static uint32_t private_flags(const struct writer *writer)
{
    return ((1u << writer->description->processors) - 1) << 8 | VDEV_FDT_LEVEL_LOW;
}

static void interrupt_controller(struct writer *writer)
{
    const struct vdev_guest_interrupt_controller *controller =
        &writer->description->interrupt_controller;
    const struct vdev_fdt_range parts[] = {
        {controller->distributor, 0x1000},
        {controller->cpu_interface, 0x2000},
        {controller->virtual_control, 0x2000},
        {controller->virtual_cpu, 0x2000},
    };
    bool virtualization = controller->virtual_control != 0;
    char name[NAME_MAXIMUM];

    begin(writer, numbered(name, "interrupt-controller", '@', controller->distributor));
    if (controller->distributor == 0 || controller->cpu_interface == 0 ||
        virtualization != (controller->virtual_cpu != 0) || controller->maintenance_ppi > 15) {
        refuse(writer, "reg", "an interrupt controller with parts missing");
    }
    string(writer, "compatible", "arm,cortex-a15-gic");
    flag(writer, "interrupt-controller");
    CELLS(writer, "#interrupt-cells", 3);
    CELLS(writer, "#address-cells", 0);
    CELLS(writer, "phandle", INTERRUPT_CONTROLLER);
    ranges(writer, parts, virtualization ? 4 : 2);
    if (virtualization) {
        CELLS(writer, "interrupts", PPI, controller->maintenance_ppi, private_flags(writer));
    }
    end(writer);
}

static void timer(struct writer *writer)
{
    uint32_t flags = private_flags(writer);

    begin(writer, "timer");
    string(writer, "compatible", "arm,armv7-timer");
    /* Secure, non-secure, virtual and hypervisor timer [Cortex-A15 TRM §8.2.3]. */
    CELLS(writer, "interrupts", PPI, 13, flags, PPI, 14, flags, PPI, 11, flags, PPI, 10, flags);
    if (writer->description->timer_frequency != 0) {
        CELLS(writer, "clock-frequency", writer->description->timer_frequency);
    }
    /* It ticks on while the processor waits: else Linux would do without high-resolution timers. */
    flag(writer, "always-on");
    end(writer);
}

static void clock(struct writer *writer, const char *name, uint32_t handle, uint32_t frequency)
{
    begin(writer, name);
    string(writer, "compatible", "fixed-clock");
    CELLS(writer, "#clock-cells", 0);
    CELLS(writer, "clock-frequency", frequency);
    CELLS(writer, "phandle", handle);
    end(writer);
}

static void card_supply(struct writer *writer)
{
    begin(writer, "regulator-3v3");
    string(writer, "compatible", "regulator-fixed");
    string(writer, "regulator-name", "3V3");
    CELLS(writer, "regulator-min-microvolt", 3300000);
    CELLS(writer, "regulator-max-microvolt", 3300000);
    flag(writer, "regulator-always-on");
    CELLS(writer, "phandle", CARD_SUPPLY);
    end(writer);
}

/* ---- devices ---- */

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

/* What PL011 and PL181 have in common: a clock of the device's own, and the bus's. */
static void amba(struct writer *writer, const struct vdev_guest_device *device, uint32_t own_clock)
{
    CELLS(writer, "clocks", own_clock, BUS_CLOCK);
    if (device->peripheral_identifier != 0) {
        CELLS(writer, "arm,primecell-periphid", device->peripheral_identifier);
    }
}

static void device(struct writer *writer, const struct vdev_guest_device *device,
                   uint32_t own_clock)
{
    uint64_t size = device->size;
    char name[NAME_MAXIMUM];

    switch (device->kind) {
    case VDEV_GUEST_PL011:
        begin(writer, numbered(name, "serial", '@', device->address));
        STRINGS(writer, "compatible", "arm,pl011\0arm,primecell");
        STRINGS(writer, "clock-names", "uartclk\0apb_pclk");
        amba(writer, device, own_clock);
        CELLS(writer, "interrupts", SPI, device->spi, VDEV_FDT_LEVEL_HIGH);
        range(writer, device->address, size != 0 ? size : 0x1000);
        break;
    case VDEV_GUEST_PL181:
        begin(writer, numbered(name, "mmc", '@', device->address));
        /* The binding knows PL180 and PL181 as one; the identification registers tell which. */
        STRINGS(writer, "compatible", "arm,pl180\0arm,primecell");
        STRINGS(writer, "clock-names", "mclk\0apb_pclk");
        amba(writer, device, own_clock);
        CELLS(writer, "interrupts", SPI, device->spi, VDEV_FDT_LEVEL_HIGH, SPI, device->second_spi,
              VDEV_FDT_LEVEL_HIGH);
        CELLS(writer, "max-frequency", or_default(device->maximum_frequency, DEFAULT_CARD_CLOCK));
        if (device->bus_width > 4 || device->bus_width == 2 || device->bus_width == 3) {
            refuse(writer, "bus-width", "neither one nor four lines");
        }
        CELLS(writer, "bus-width", or_default(device->bus_width, 1));
        CELLS(writer, "vmmc-supply", CARD_SUPPLY);
        flag(writer, "non-removable");
        range(writer, device->address, size != 0 ? size : 0x1000);
        break;
    case VDEV_GUEST_VIRTIO_MMIO:
        begin(writer, numbered(name, "virtio", '@', device->address));
        string(writer, "compatible", "virtio,mmio");
        flag(writer, "dma-coherent");
        CELLS(writer, "interrupts", SPI, device->spi, VDEV_FDT_LEVEL_HIGH);
        range(writer, device->address, size != 0 ? size : 0x200);
        break;
    case VDEV_GUEST_OMAP3_UART:
        begin(writer, numbered(name, "serial", '@', device->address));
        string(writer, "compatible", "ti,omap3-uart");
        CELLS(writer, "clock-frequency", or_default(device->clock_frequency, OMAP3_UART_CLOCK));
        CELLS(writer, "interrupts", SPI, device->spi, VDEV_FDT_LEVEL_HIGH);
        range(writer, device->address, size != 0 ? size : 0x1000);
        break;
    case VDEV_GUEST_OMAP3_GPIO:
        begin(writer, numbered(name, "gpio", '@', device->address));
        string(writer, "compatible", "ti,omap3-gpio");
        flag(writer, "gpio-controller");
        CELLS(writer, "#gpio-cells", 2);
        flag(writer, "interrupt-controller");
        CELLS(writer, "#interrupt-cells", 2);
        flag(writer, "ti,gpio-always-on");
        CELLS(writer, "interrupts", SPI, device->spi, VDEV_FDT_LEVEL_HIGH);
        range(writer, device->address, size != 0 ? size : 0x1000);
        break;
    case VDEV_GUEST_LAN9118:
        begin(writer, numbered(name, "ethernet", '@', device->address));
        STRINGS(writer, "compatible", "smsc,lan9118\0smsc,lan9115");
        string(writer, "phy-mode", "mii");
        CELLS(writer, "reg-io-width", 4);
        /* After reset its interrupt pin is low when active, and an open drain. */
        flag(writer, "smsc,irq-active-high");
        flag(writer, "smsc,irq-push-pull");
        if (memcmp(device->mac_address, (const uint8_t[6]){0}, 6) != 0) {
            bytes(writer, "local-mac-address", device->mac_address, 6);
        }
        CELLS(writer, "interrupts", SPI, device->spi, VDEV_FDT_LEVEL_HIGH);
        range(writer, device->address, size != 0 ? size : 0x1000);
        break;
    default:
        begin(writer, numbered(name, "device", '@', device->address));
        refuse(writer, NULL, "a device of no known kind");
        break;
    }
    if (device->spi >= SPIS || (device->kind == VDEV_GUEST_PL181 && device->second_spi >= SPIS)) {
        refuse(writer, "interrupts", "an interrupt that a GIC has not");
    }
    end(writer);
}

static void devices(struct writer *writer)
{
    const struct vdev_guest_description *description = writer->description;
    bool bus_clock = false;
    bool supply = false;
    char name[NAME_MAXIMUM];

    for (size_t i = 0; i < description->device_count && writer->status == VDEV_OK; i++) {
        const struct vdev_guest_device *each = &description->devices[i];
        uint32_t own_clock = CLOCK_OF_DEVICE + (uint32_t)i;
        if (each->kind == VDEV_GUEST_PL011 || each->kind == VDEV_GUEST_PL181) {
            if (!bus_clock) {
                clock(writer, "bus-clock", BUS_CLOCK, DEFAULT_CLOCK);
                bus_clock = true;
            }
            clock(writer, numbered(name, "clock", '-', each->address), own_clock,
                  or_default(each->clock_frequency, DEFAULT_CLOCK));
        }
        if (each->kind == VDEV_GUEST_PL181 && !supply) {
            card_supply(writer);
            supply = true;
        }
        device(writer, each, own_clock);
    }
}

/* The alias of the first device of a kind, if there is one; returns whether. */
static bool alias(struct writer *writer, enum vdev_guest_device_kind kind, const char *name)
{
    const struct vdev_guest_description *description = writer->description;
    char path[NAME_MAXIMUM];

    for (size_t i = 0; i < description->device_count; i++) {
        if (description->devices[i].kind == kind) {
            string(writer, name, numbered(path, "/serial", '@', description->devices[i].address));
            return true;
        }
    }
    return false;
}

/* Returns whether there is a UART for the console. */
static bool aliases(struct writer *writer)
{
    begin(writer, "aliases");
    bool console = alias(writer, VDEV_GUEST_PL011, "serial0");
    alias(writer, VDEV_GUEST_OMAP3_UART, "serial1");
    end(writer);
    return console;
}

int vdev_fdt_write_guest(void *buffer, size_t size,
                         const struct vdev_guest_description *description,
                         struct vdev_fdt_error *error)
{
    struct writer writer = {.blob = buffer, .description = description, .error = error};
    const char *machine = description->machine != NULL ? description->machine : "linux,dummy-virt";

    if (buffer == NULL || (uintptr_t)buffer % 8 != 0) {
        return vdev_fdt_fail(error, VDEV_ERROR_INVALID, "", NULL, "a misaligned buffer");
    }
    if (description->processors == 0 || description->processors > PROCESSORS_MAXIMUM) {
        return vdev_fdt_fail(error, VDEV_ERROR_INVALID, "/cpus", NULL,
                             "no processors, or more than the GIC can serve");
    }
    check(&writer, fdt_create(buffer, size <= INT32_MAX ? (int)size : INT32_MAX), NULL);
    if (writer.status == VDEV_OK) {
        check(&writer, fdt_finish_reservemap(buffer), NULL);
    }
    if (writer.status == VDEV_OK) {
        check(&writer, fdt_begin_node(buffer, ""), NULL);
    }
    string(&writer, "model", machine);
    string(&writer, "compatible", machine);
    CELLS(&writer, "#address-cells", 2);
    CELLS(&writer, "#size-cells", 2);
    CELLS(&writer, "interrupt-parent", INTERRUPT_CONTROLLER);
    bool console = aliases(&writer);
    chosen(&writer, console);
    memory(&writer);
    processors(&writer);
    interrupt_controller(&writer);
    timer(&writer);
    devices(&writer);
    if (writer.status == VDEV_OK) {
        check(&writer, fdt_end_node(buffer), NULL);
    }
    if (writer.status == VDEV_OK) {
        check(&writer, fdt_finish(buffer), NULL);
    }
    return writer.status == VDEV_OK ? (int)fdt_totalsize(buffer) : writer.status;
}
