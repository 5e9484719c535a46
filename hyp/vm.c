/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building the virtual machine that the system description asks for: its memory, its devices in
 * their arrangements, its own device tree, its kernel. This is where the library's parts are put
 * together; nothing here runs once the guest does.
 */
#include <vdev/backends/block.h>
#include <vdev/backends/console.h>
#include <vdev/emulators/pl011.h>
#include <vdev/emulators/pl181.h>
#include <vdev/fdt.h>
#include <vdev/status.h>
#include <vdev/virtio_mmio.h>

#include "hyp.h"

enum {
    SECTION = 0x200000,
    /* Where in the guest's memory its boot files go: the kernel moves itself down from there. */
    KERNEL_OFFSET = 0x04000000,
    INITRD_OFFSET = 0x06000000,
    TREE_OFFSET = 0x0a000000,
    TREE_SIZE = 0x4000,
    DESCRIPTION_SIZE = 0x10000,
    MARK_ADDRESS = 0x1c130600, /* an idle virtio-mmio slot of the board */
    MARK_LENGTH = 0x200,
    SPI = 32,
    QUEUE_SIZE = 128,
    BLOCK_SLOTS = 16,
    BLOCK_BUFFERS = 128, /* in each request */
    CONSOLE_BUFFERS = 16,
    CARD_BUFFER = 16384,
};

struct vm vm;

static struct vdev_fdt description;
static struct vdev_fdt_error error;
static struct vdev_guest_device guest_devices[2];
static size_t guest_device_count;

static struct vdev_interrupt_line console_line;
static struct vdev_pl011_emulator pl011;
static struct vdev_pl181_emulator pl181;
static struct vdev_console_backend console_backend;
static struct vdev_block_backend block_backend;
static struct vdev_virtio_mmio console_mmio, block_mmio;

static struct vdev_register_count counters[VM_WINDOWS][1024];

static void __attribute__((noreturn)) mistake(void)
{
    log_stop("vdev: system description: %s: %s: %s (%s)", error.node, error.property, error.reason,
             vdev_status_name(error.status));
}

static uint32_t number(int node, const char *property, unsigned index)
{
    uint32_t value;
    if (vdev_fdt_u32(&description, node, property, index, &value) != 0) {
        mistake();
    }
    return value;
}

static bool same(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static void refuse_node(int node, const char *why)
{
    log_stop("vdev: system description: node %s: %s", vdev_fdt_name(&description, node), why);
}

/* Returns the window, in its place until the next one is added. */
static struct vdev_bus_window *add_window(const char *name, uint32_t address, uint32_t length,
                                          vdev_access_function *access, void *device)
{
    unsigned at = vm.window_count;

    if (at == VM_WINDOWS) {
        log_stop("vdev: more than %u emulated devices", VM_WINDOWS);
    }
    for (; at != 0 && vm.windows[at - 1].address > address; at--) {
        vm.windows[at] = vm.windows[at - 1];
    }
    vm.windows[at] = (struct vdev_bus_window){
        .address = address,
        .length = length,
        .access = access,
        .device = device,
        .name = name,
        .counts = counters[vm.window_count],
    };
    vm.window_count++;
    return &vm.windows[at];
}

static struct vdev_interrupt_line line(uint32_t spi)
{
    return (struct vdev_interrupt_line){
        .set = vdev_gic_distributor_set_line,
        .controller = &vm.distributor,
        .number = SPI + spi,
    };
}

/* ---- devices: what each node becomes ---- */

struct place {
    uint32_t address;
    uint32_t length;
    uint32_t spi;
};

static void check(int status, int node)
{
    if (status != 0) {
        refuse_node(node, vdev_status_name(status));
    }
}

static void own(const struct place *place, uint32_t physical, uint32_t first, uint32_t last)
{
    stage2_map_device(place->address, physical, 4096);
    for (uint32_t interrupt = first; interrupt <= last; interrupt++) {
        gic_forward(interrupt);
    }
}

static void pure_console(int node, const struct place *place)
{
    board_console_start();
    console_line = line(place->spi);
    const struct vdev_pl011_emulator_configuration configuration = {
        .console = board_console(),
        .interrupt = &console_line,
        .modem = VDEV_PL011_MODEM_CTS | VDEV_PL011_MODEM_DSR | VDEV_PL011_MODEM_DCD,
        .running = true,
    };
    check(vdev_pl011_emulator_init(&pl011, &configuration), node);
    vdev_registers_loads(&pl011.bank, add_window("pl011", place->address, place->length,
                                                 vdev_pl011_emulator_access, &pl011));
}

static void para_console(int node, const struct place *place)
{
    static struct vdev_buffer buffers[CONSOLE_BUFFERS];

    board_console_start();
    const struct vdev_console_backend_configuration configuration = {
        .memory = &vm.memory,
        .console = board_console(),
        .buffers = buffers,
        .buffer_count = CONSOLE_BUFFERS,
        .queue_size = QUEUE_SIZE,
    };
    check(vdev_console_backend_init(&console_backend, &configuration), node);
    check(vdev_virtio_mmio_init(&console_mmio, &console_backend.device, line(place->spi)), node);
    add_window("virtio-console", place->address, place->length, vdev_virtio_mmio_access,
               &console_mmio);
}

static void pure_disk(int node, const struct place *place)
{
    static uint32_t buffer[CARD_BUFFER / 4];

    board_card_start();
    const struct vdev_pl181_emulator_configuration configuration = {
        .block = board_card(),
        .interrupt = {line(place->spi), line(place->spi + 1)},
        .buffer = buffer,
        .buffer_length = sizeof buffer,
    };
    check(vdev_pl181_emulator_init(&pl181, &configuration), node);
    add_window("pl181", place->address, place->length, vdev_pl181_emulator_access, &pl181);
}

static void para_disk(int node, const struct place *place)
{
    static struct vdev_block_backend_slot slots[BLOCK_SLOTS];
    static struct vdev_buffer buffers[BLOCK_SLOTS * BLOCK_BUFFERS];

    board_card_start();
    const struct vdev_block_backend_configuration configuration = {
        .memory = &vm.memory,
        .block = board_card(),
        .slots = slots,
        .slot_count = BLOCK_SLOTS,
        .buffers = buffers,
        .buffers_per_slot = BLOCK_BUFFERS,
        .queue_size = QUEUE_SIZE,
    };
    check(vdev_block_backend_init(&block_backend, &configuration), node);
    check(vdev_virtio_mmio_init(&block_mmio, &block_backend.device, line(place->spi)), node);
    add_window("virtio-block", place->address, place->length, vdev_virtio_mmio_access,
               &block_mmio);
}

static void build_device(int node)
{
    const char *name = vdev_fdt_name(&description, node);
    bool console = same(name, "console");
    bool virtio = vdev_fdt_compatible(&description, node, "virtio,mmio");
    bool real = vdev_fdt_compatible(&description, node, console ? "arm,pl011" : "arm,pl181");
    const struct place place = {
        .address = number(node, "reg", 0),
        .length = number(node, "reg", 1),
        .spi = number(node, "interrupts", 0),
    };
    const char *arrangement;

    if (vdev_fdt_string(&description, node, "arrangement", 0, &arrangement) != 0) {
        mistake();
    }
    if (!console && !same(name, "disk")) {
        refuse_node(node, "no such device: console and disk are known");
    } else if (real && same(arrangement, "vm-owned")) {
        own(&place, console ? BOARD_UART0 : BOARD_CARD,
            console ? BOARD_INTERRUPT_UART0 : BOARD_INTERRUPT_CARD0,
            console ? BOARD_INTERRUPT_UART0 : BOARD_INTERRUPT_CARD1);
    } else if (real && same(arrangement, "pure")) {
        (console ? pure_console : pure_disk)(node, &place);
    } else if (virtio && same(arrangement, "para")) {
        (console ? para_console : para_disk)(node, &place);
    } else {
        refuse_node(node, "this arrangement does not go with this kind of device");
    }
    if (guest_device_count == sizeof guest_devices / sizeof guest_devices[0]) {
        refuse_node(node, "one device too many");
    }
    guest_devices[guest_device_count++] = (struct vdev_guest_device){
        .kind = virtio    ? VDEV_GUEST_VIRTIO_MMIO
                : console ? VDEV_GUEST_PL011
                          : VDEV_GUEST_PL181,
        .address = place.address,
        .size = place.length,
        .spi = place.spi,
        .second_spi = place.spi + 1,
    };
}

/* ---- memory and boot files ---- */

static void *guest_pointer(uint32_t offset)
{
    return (void *)(uintptr_t)(vm.ram_physical + offset);
}

/* Copy a file that the loader left in memory; returns its length. */
static uint32_t copy_file(int node, const char *property, uint32_t offset, uint32_t room)
{
    uint32_t address = number(node, property, 0);
    uint32_t length = number(node, property, 1);

    if (length == 0 || length > room || address < BOARD_MEMORY || address > BOARD_GUEST ||
        length > BOARD_GUEST - address) {
        log_stop("vdev: system description: %s at %x, %u bytes: does not fit", property,
                 (unsigned)address, (unsigned)length);
    }
    memcpy(guest_pointer(offset), (const void *)(uintptr_t)address, length);
    return length;
}

static void build_memory(int node)
{
    vm.ram_address = BOARD_MEMORY;
    vm.ram_physical = BOARD_GUEST;
    vm.ram_size = number(node, "memory", 0);
    if (vm.ram_size % SECTION != 0 || vm.ram_size < TREE_OFFSET + SECTION ||
        vm.ram_size > 0xc0000000 - BOARD_GUEST) {
        refuse_node(node, "memory is not a multiple of 2 MiB, too small, or more than there is");
    }
    vm.region = (struct vdev_memory_region){
        .guest_address = vm.ram_address,
        .length = vm.ram_size,
        .pointer = guest_pointer(0),
        .bus_address = VDEV_NO_BUS_ADDRESS,
        .writable = true,
    };
    if (vdev_memory_init(&vm.memory, &vm.region, 1) != 0) {
        refuse_node(node, "memory");
    }
}

static void build_tree(int node, uint32_t initrd_length)
{
    const struct vdev_fdt_range memory = {vm.ram_address, vm.ram_size};
    struct vdev_guest_description guest = {
        .memory = &memory,
        .memory_count = 1,
        .processors = 1,
        .psci = true,
        .interrupt_controller = {.distributor = BOARD_GICD, .cpu_interface = BOARD_GICC},
        .initrd = {vm.ram_address + INITRD_OFFSET, initrd_length},
        .devices = guest_devices,
        .device_count = guest_device_count,
    };
    if (vdev_fdt_string(&description, node, "bootargs", 0, &guest.bootargs) != 0) {
        mistake();
    }
    int status = vdev_fdt_write_guest(guest_pointer(TREE_OFFSET), TREE_SIZE, &guest, &error);
    if (status < 0) {
        mistake();
    }
}

void vm_build(void)
{
    const void *blob = (const void *)BOARD_DESCRIPTION;
    int length;

    if (vdev_fdt_open(&description, blob, DESCRIPTION_SIZE, &error) != 0) {
        log_stop("vdev: no system description at %x: %s", BOARD_DESCRIPTION, error.reason);
    }
    int node = vdev_fdt_find(&description, "/vm@0");
    if (node < 0) {
        mistake();
    }
    build_memory(node);
    stage2_init();
    if (vdev_gic_distributor_init(&vm.distributor, BOARD_INTERRUPTS, &gic_virtual_interface,
                                  NULL) != 0) {
        log_stop("vdev: interrupt distributor");
    }
    add_window("gicd", BOARD_GICD, 4096, vdev_gic_distributor_access, &vm.distributor);
    add_window("mark", MARK_ADDRESS, MARK_LENGTH, count_mark_access, NULL);
    stage2_map_device(BOARD_GICC, BOARD_GICV, 8192);
    gic_forward(BOARD_INTERRUPT_GUEST_TIMER);

    for (int child = vdev_fdt_child(&description, node); child >= 0;
         child = vdev_fdt_sibling(&description, child)) {
        build_device(child);
    }
    if (vdev_bus_init(&vm.bus, vm.windows, vm.window_count) != 0) {
        log_stop("vdev: the guest's devices overlap");
    }

    copy_file(node, "kernel", KERNEL_OFFSET, INITRD_OFFSET - KERNEL_OFFSET);
    uint32_t initrd = 0;
    if (vdev_fdt_property(&description, node, "initrd", &length) != NULL) {
        initrd = copy_file(node, "initrd", INITRD_OFFSET, TREE_OFFSET - INITRD_OFFSET);
    }
    build_tree(node, initrd);
    vm.entry = vm.ram_address + KERNEL_OFFSET;
    vm.tree = vm.ram_address + TREE_OFFSET;
}
