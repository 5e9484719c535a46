/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual machine that Linux runs in, and what each of its devices becomes: here the library's
 * parts are put together, real driver below, emulator or back-end above.
 */
#include <vdev/backends/block.h>
#include <vdev/backends/console.h>
#include <vdev/emulators/pl011.h>
#include <vdev/emulators/pl181.h>
#include <vdev/mux/block_partition.h>
#include <vdev/mux/console_focus.h>
#include <vdev/status.h>
#include <vdev/virtio_mmio.h>

#include "front.h"
#include "machine.h"

enum {
    SPI = 32,
    QUEUE_SIZE = 128,
    BLOCK_SLOTS = 4, /* that one entry may take in: about 1,000 instructions each */
    BLOCK_BUFFERS = 128, /* in each request */
    CONSOLE_BUFFERS = 16,
    CARD_BUFFER = 16384,
    CARD_REQUESTS = 8,
    CONSOLE_OUTPUT = 4096,
    CONSOLE_INPUT = 256,
};

/* ---- interrupts ---- */

static void begin(void)
{
    static const struct place distributor = {.address = BOARD_GICD, .length = 4096};

    vm_check(vdev_gic_distributor_init(&vm_current->distributor, BOARD_INTERRUPTS,
                                       &vdev_gic_virtual_operations, &vm_current->interface),
             &distributor);
    vm_add_window("gicd", &distributor, vdev_gic_distributor_access, &vm_current->distributor);
    stage2_map_device(vm_current, BOARD_GICC, BOARD_GICV, 8192);
    gic_forward(vm_current, BOARD_INTERRUPT_GUEST_TIMER);
}

static struct vdev_interrupt_line line(const struct place *place, uint32_t number)
{
    uint32_t *taken = vm_current->lines_taken;
    uint32_t mask = UINT32_C(1) << (number % 32);

    if (number >= BOARD_INTERRUPTS - SPI || (taken[number / 32] & mask) != 0) {
        vm_refuse_interrupt(place, number, "there is none, or it is another device's");
    }
    taken[number / 32] |= mask;
    return (struct vdev_interrupt_line){
        .set = vdev_gic_distributor_set_line,
        .controller = &vm_current->distributor,
        .number = SPI + number,
    };
}

const struct machine machine_virt = {
    .name = "virt",
    .begin = begin,
    .line = line,
    .kernel_offset = 0x04000000, /* the kernel moves itself down from there */
    .tree = true,
};

void machine_virtio(const char *name, const struct place *place,
                    struct vdev_virtio_device *device)
{
    struct vdev_virtio_mmio *mmio = vm_allocate(sizeof *mmio);

    vm_check(vdev_virtio_mmio_init(mmio, device, vm_line(place)), place);
    vm_add_window(name, place, vdev_virtio_mmio_access, mmio);
}

const struct machine machine_driver = {
    .name = "driver",
    .begin = begin,
    .line = line,
    .kernel_offset = 0x8000,
    .tree = false,
};

void machine_claim(const struct place *place, uint32_t kind, const void *who)
{
    static const void *owners[HYP_DEVICE_NETWORK + 1];

    if (owners[kind] != NULL && owners[kind] != who) {
        vm_refuse(place, "the board's device has another owner already");
    }
    owners[kind] = who;
}

/* ---- devices of the board that a machine owns ---- */

void machine_own(const struct place *place, uint32_t kind, uint32_t physical, uint32_t first,
                 uint32_t last)
{
    struct hyp_boot *boot = &vm_current->boot;

    machine_claim(place, kind, vm_current);
    if (boot->device_count == HYP_BOOT_DEVICES) {
        vm_refuse(place, "one device too many");
    }
    boot->devices[boot->device_count++] =
        (struct hyp_boot_device){kind, place->address, SPI + place->interrupt};
    for (uint32_t interrupt = first; interrupt <= last; interrupt++) {
        if (line(place, place->interrupt + interrupt - first).number != interrupt) {
            vm_refuse_interrupt(place, place->interrupt, "the board's device has another");
        }
        gic_forward(vm_current, interrupt);
    }
    stage2_map_device(vm_current, place->address, physical, 4096);
}

/* ---- console ---- */

static void own_console(const struct place *place)
{
    machine_own(place, HYP_DEVICE_CONSOLE, BOARD_UART0, BOARD_INTERRUPT_UART0, BOARD_INTERRUPT_UART0);
}

/*
 * The hypervisor's own driver of the board's UART: the first machine's, unless it is shared, and then
 * the one's that has the focus. A machine that does not share it has the third UART.
 */
static struct vdev_console *console(const struct place *place)
{
    static struct vdev_console_focus focus;

    if (!vm_has(place, "shared")) {
        if (vm_current->number == 0) {
            machine_claim(place, HYP_DEVICE_CONSOLE, vm_current);
        }
        return board_console(vm_current->number != 0);
    }
    machine_claim(place, HYP_DEVICE_CONSOLE, &focus);
    if (focus.count == 0) {
        const struct vdev_console_focus_configuration configuration = {
            .console = board_console(0),
            .announce = true,
        };
        vm_check(vdev_console_focus_init(&focus, &configuration), place);
        board_watch_console(&focus);
    }
    struct vdev_console_focus_port *port = vm_allocate(sizeof *port);
    const struct vdev_console_focus_port_configuration configuration = {
        .name = vm_current->name,
        .output = vm_allocate(CONSOLE_OUTPUT),
        .output_size = CONSOLE_OUTPUT,
        .input = vm_allocate(CONSOLE_INPUT),
        .input_size = CONSOLE_INPUT,
    };
    vm_check(vdev_console_focus_add(&focus, port, &configuration), place);
    return &port->console;
}

/* The card, or the part of it that the device's node names. */
static struct vdev_block *card(const struct place *place)
{
    static struct vdev_block_partitions partitions;
    static struct vdev_block_partition_slot slots[CARD_REQUESTS];
    uint32_t first, sectors;

    if (!vm_numbers(place, "partition", &first, &sectors)) {
        machine_claim(place, HYP_DEVICE_DISK, vm_current);
        return board_card();
    }
    machine_claim(place, HYP_DEVICE_DISK, &partitions);
    if (partitions.below == NULL) {
        const struct vdev_block_partitions_configuration configuration = {
            .block = board_card(),
            .slots = slots,
            .slot_count = CARD_REQUESTS,
        };
        vm_check(vdev_block_partitions_init(&partitions, &configuration), place);
    }
    struct vdev_block_partition *partition = vm_allocate(sizeof *partition);
    const struct vdev_block_partition_configuration configuration = {first, sectors, false, NULL};
    int status = vdev_block_partition_add(&partitions, partition, &configuration);
    if (status != 0) {
        vm_refuse(place, status == VDEV_ERROR_STATE ? "its partition overlaps another's"
                                                    : "its partition is not one of the card");
    }
    return &partition->block;
}

static void pure_console(const struct place *place)
{
    if (link_build(place, HYP_DEVICE_CONSOLE, pure_console)) {
        return;
    }
    struct front *front = link_front(place);
    struct vdev_pl011_emulator *pl011 = vm_allocate(sizeof *pl011);
    struct vdev_interrupt_line *interrupt = vm_allocate(sizeof *interrupt);

    *interrupt = vm_line(place);
    const struct vdev_pl011_emulator_configuration configuration = {
        .console = front != NULL ? &front->console_frontend.console : console(place),
        .interrupt = interrupt,
        .modem = VDEV_PL011_MODEM_CTS | VDEV_PL011_MODEM_DSR | VDEV_PL011_MODEM_DCD,
        .running = true,
    };
    vm_check(vdev_pl011_emulator_init(pl011, &configuration), place);
    vdev_registers_loads(&pl011->bank,
                         vm_add_window("pl011", place, vdev_pl011_emulator_access, pl011));
}

static void para_console(const struct place *place)
{
    if (link_build(place, HYP_DEVICE_CONSOLE, NULL)) {
        return;
    }
    struct vdev_console_backend *backend = vm_allocate(sizeof *backend);

    const struct vdev_console_backend_configuration configuration = {
        .memory = &vm_current->memory,
        .console = console(place),
        .buffers = vm_allocate(CONSOLE_BUFFERS * sizeof(struct vdev_buffer)),
        .buffer_count = CONSOLE_BUFFERS,
        .queue_size = QUEUE_SIZE,
    };
    vm_check(vdev_console_backend_init(backend, &configuration), place);
    machine_virtio("virtio-console", place, &backend->device);
}

/* ---- disk ---- */

static void own_disk(const struct place *place)
{
    machine_own(place, HYP_DEVICE_DISK, BOARD_CARD, BOARD_INTERRUPT_CARD0, BOARD_INTERRUPT_CARD1);
}

static void pure_disk(const struct place *place)
{
    if (link_build(place, HYP_DEVICE_DISK, pure_disk)) {
        return;
    }
    struct front *front = link_front(place);
    struct vdev_pl181_emulator *pl181 = vm_allocate(sizeof *pl181);

    const struct vdev_pl181_emulator_configuration configuration = {
        .block = front != NULL ? &front->block_frontend.block : card(place),
        .interrupt = {line(place, place->interrupt), line(place, place->interrupt + 1)},
        .buffer = front != NULL ? vdev_frontend_take(&front->free, CARD_BUFFER).pointer
                                : vm_allocate(CARD_BUFFER),
        .buffer_length = CARD_BUFFER,
    };
    vm_check(vdev_pl181_emulator_init(pl181, &configuration), place);
    vm_add_window("pl181", place, vdev_pl181_emulator_access, pl181);
}

static void para_disk(const struct place *place)
{
    if (link_build(place, HYP_DEVICE_DISK, NULL)) {
        return;
    }
    struct vdev_block_backend *backend = vm_allocate(sizeof *backend);

    const struct vdev_block_backend_configuration configuration = {
        .memory = &vm_current->memory,
        .block = card(place),
        .slots = vm_allocate(BLOCK_SLOTS * sizeof(struct vdev_block_backend_slot)),
        .slot_count = BLOCK_SLOTS,
        .buffers = vm_allocate(BLOCK_SLOTS * BLOCK_BUFFERS * sizeof(struct vdev_buffer)),
        .buffers_per_slot = BLOCK_BUFFERS,
        .queue_size = QUEUE_SIZE,
    };
    vm_check(vdev_block_backend_init(backend, &configuration), place);
    machine_virtio("virtio-block", place, &backend->device);
}

const struct device_kind machine_kinds[] = {
    {"console", "arm,pl011", "vm-owned", own_console, true, VDEV_GUEST_PL011},
    {"console", "arm,pl011", "pure", pure_console, true, VDEV_GUEST_PL011},
    {"console", "virtio,mmio", "para", para_console, true, VDEV_GUEST_VIRTIO_MMIO},
    {"disk", "arm,pl181", "vm-owned", own_disk, true, VDEV_GUEST_PL181},
    {"disk", "arm,pl181", "pure", pure_disk, true, VDEV_GUEST_PL181},
    {"disk", "virtio,mmio", "para", para_disk, true, VDEV_GUEST_VIRTIO_MMIO},
    {"net", "smsc,lan9118", "vm-owned", own_network, true, VDEV_GUEST_LAN9118},
    {"net", "smsc,lan9118", "pure", pure_network, true, VDEV_GUEST_LAN9118},
    {"net", "virtio,mmio", "para", para_network, true, VDEV_GUEST_VIRTIO_MMIO},
    {"console", "vdev,message", "para", para_console, .in_tree = false},
    {"disk", "vdev,message", "para", para_disk, .in_tree = false},
    {"net", "vdev,message", "para", para_network, .in_tree = false},
    {"console", "ti,omap3-uart", "pure", beagle_uart, .in_tree = false},
    {"second-console", "ti,omap3-uart", "pure", beagle_second_uart, true, VDEV_GUEST_OMAP3_UART},
    {"timer", "ti,omap3430-timer", "pure", beagle_timer, .in_tree = false},
    {"counter", "ti,omap-counter32k", "pure", beagle_counter, .in_tree = false},
    {"gpio", "ti,omap3-gpio", "pure", beagle_gpio, true, VDEV_GUEST_OMAP3_GPIO},
    {"gpio-2", "ti,omap3-gpio", "pure", beagle_gpio, true, VDEV_GUEST_OMAP3_GPIO},
    {"disk", "ti,omap3-hsmmc", "pure", beagle_card, .in_tree = false},
    {"clocks", "ti,omap3-cm", "pure", beagle_clocks, .in_tree = false},
    {"power", "ti,omap3-prm", "pure", beagle_power, .in_tree = false},
    {.compatible = NULL},
};
