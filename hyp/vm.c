/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building the virtual machines that the system description asks for: their memory, boot files and
 * device trees. What each device node becomes is in machine.c and beagle.c. Nothing here runs once
 * the guest does.
 */
#include <vdev/fdt.h>
#include <vdev/status.h>

#include "hyp.h"
#include "machine.h"

enum {
    SECTION = 0x200000,
    /* Where in the guest's memory its boot files go; the kernel, as its machine says. */
    INITRD_OFFSET = 0x06000000,
    TREE_OFFSET = 0x0a000000,
    BOOT_OFFSET = 0x4000,
    TREE_SIZE = 0x4000,
    DESCRIPTION_SIZE = 0x10000,
    MARK_LENGTH = 0x200,
    WINDOW_LENGTH = 8192,
    STORE = 0x100000, /* bytes for all devices and counters */
};

struct vm vms[VM_MAXIMUM];
unsigned vm_count;
struct vm *vm_current;

static struct vdev_fdt description;
static struct vdev_fdt_error error;
static struct vdev_guest_device guest_devices[MACHINE_DEVICES];
static size_t guest_device_count;
static const struct machine *machine;
static const struct device_kind *built[VM_WINDOWS];
static size_t built_count;


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

static bool has(int node, const char *property)
{
    int length;
    return vdev_fdt_property(&description, node, property, &length) != NULL;
}

bool vm_has(const struct place *place, const char *property)
{
    return has(place->node, property);
}

static bool same(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static void __attribute__((noreturn)) refuse_node(int node, const char *why);

struct vm *vm_find(const char *name)
{
    for (unsigned i = 0; i < vm_count; i++) {
        if (same(vms[i].name, name)) {
            return &vms[i];
        }
    }
    return NULL;
}

bool vm_numbers(const struct place *place, const char *property, uint32_t *first, uint32_t *second)
{
    if (!has(place->node, property)) {
        return false;
    }
    *first = number(place->node, property, 0);
    *second = number(place->node, property, 1);
    return true;
}

const char *vm_string(const struct place *place, const char *property)
{
    const char *string;

    return vdev_fdt_string(&description, place->node, property, 0, &string) == 0 ? string : NULL;
}

void vm_refuse(const struct place *place, const char *why)
{
    refuse_node(place->node, why);
}

void *vm_allocate(uint32_t size)
{
    static uint8_t store[STORE] __attribute__((aligned(8)));
    static uint32_t used;

    size = (size + 7) & ~7u;
    if (size > STORE - used) {
        log_stop("vdev: system description: its devices take more than %u bytes", (unsigned)STORE);
    }
    used += size;
    return &store[used - size];
}

static void name_node(int node)
{
    int parent = vdev_fdt_parent(&description, node);

    log_print("vdev: system description: node %s%s%s: ", vdev_fdt_name(&description, node),
              parent > 0 ? " of " : "", parent > 0 ? vdev_fdt_name(&description, parent) : "");
}

static void __attribute__((noreturn)) refuse_node(int node, const char *why)
{
    name_node(node);
    log_stop("%s", why);
}

void vm_refuse_interrupt(const struct place *place, uint32_t number, const char *why)
{
    name_node(place->node);
    log_stop("interrupt %u: %s", (unsigned)number, why);
}

void vm_check(int status, const struct place *place)
{
    if (status != 0) {
        vm_refuse(place, vdev_status_name(status));
    }
}

struct vdev_interrupt_line vm_line(const struct place *place)
{
    return machine->line(place, place->interrupt);
}

struct vdev_bus_window *vm_add_window(const char *name, const struct place *place,
                                      vdev_access_function *access, void *device)
{
    unsigned at = vm_current->window_count;

    if (at == VM_WINDOWS || place->length > WINDOW_LENGTH) {
        log_stop("vdev: %s at %x: one device too many, or more than %u bytes of registers", name,
                 (unsigned)place->address, (unsigned)WINDOW_LENGTH);
    }
    for (; at != 0 && vm_current->windows[at - 1].address > place->address; at--) {
        vm_current->windows[at] = vm_current->windows[at - 1];
    }
    vm_current->windows[at] = (struct vdev_bus_window){
        .address = place->address,
        .length = place->length,
        .access = access,
        .device = device,
        .name = name,
        .counts = vm_allocate(place->length / 4 * sizeof(struct vdev_register_count)),
    };
    vm_current->window_count++;
    return &vm_current->windows[at];
}

/* ---- devices ---- */

/* A device's registers: somewhere below memory, and nothing else there yet. */
static void check_place(const struct place *place, bool pages)
{
    if (place->length == 0 || place->length > WINDOW_LENGTH || (place->address | place->length) % 4 != 0) {
        refuse_node(place->node, "its registers' length or alignment is not one of a device");
    }
    if (place->address >= BOARD_MEMORY || place->length > BOARD_MEMORY - place->address) {
        refuse_node(place->node, "its registers are not below memory");
    }
    if (pages && place->address % 4096 != 0) {
        refuse_node(place->node, "its registers do not begin on a page");
    }
    for (unsigned i = 0; i < vm_current->window_count; i++) {
        const struct vdev_bus_window *window = &vm_current->windows[i];
        if (place->address < window->address + window->length &&
            window->address < place->address + place->length) {
            refuse_node(place->node, "another device is where its registers are");
        }
    }
    for (uint32_t at = place->address; at - place->address < place->length; at += 4) {
        if (stage2_is_mapped(vm_current, at)) {
            refuse_node(place->node, "another device is where its registers are");
        }
    }
}

static void build_device(int node)
{
    const bool registers = has(node, "reg");
    const struct place place = {
        .node = node,
        .address = registers ? number(node, "reg", 0) : 0,
        .length = registers ? number(node, "reg", 1) : 0,
        .interrupt = has(node, "interrupts") ? number(node, "interrupts", 0) : 0,
    };
    const char *arrangement;

    if (vdev_fdt_string(&description, node, "arrangement", 0, &arrangement) != 0) {
        mistake();
    }
    const struct device_kind *kind = NULL;
    bool known = false;
    for (const struct device_kind *each = machine_kinds; each->compatible != NULL; each++) {
        if (same(vdev_fdt_name(&description, node), each->node)) {
            known = true;
            if (vdev_fdt_compatible(&description, node, each->compatible) &&
                same(arrangement, each->arrangement)) {
                kind = each;
            }
        }
    }
    if (!known) {
        refuse_node(node, "no such device is known");
    }
    if (kind == NULL) {
        refuse_node(node, "this arrangement does not go with this kind of device");
    }
    /* What a kind sets up there is once. */
    for (size_t i = 0; i < built_count; i++) {
        if (same(built[i]->node, kind->node)) {
            refuse_node(node, "one device twice");
        }
    }
    if (built_count == VM_WINDOWS) {
        refuse_node(node, "one device too many");
    }
    built[built_count++] = kind;
    if (registers || !same(kind->compatible, "vdev,message")) {
        check_place(&place, same(arrangement, "vm-owned"));
    }
    kind->build(&place);
    if (kind->in_tree) {
        if (guest_device_count == MACHINE_DEVICES) {
            refuse_node(node, "one device too many");
        }
        guest_devices[guest_device_count++] = (struct vdev_guest_device){
            .kind = kind->tree_kind,
            .address = place.address,
            .size = place.length,
            .spi = place.interrupt,
            .second_spi = place.interrupt + 1,
        };
    }
}

/* ---- memory and boot files ---- */

static void *guest_pointer(uint32_t offset)
{
    return (void *)(uintptr_t)(vm_current->ram_physical + offset);
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
    mmu_clean(guest_pointer(offset), length);
    return length;
}

static uint32_t memory_used = BOARD_GUEST;

static void build_memory(int node)
{
    vm_current->ram_address = BOARD_MEMORY;
    vm_current->ram_physical = memory_used;
    vm_current->ram_size = number(node, "memory", 0);
    if (vm_current->ram_size % SECTION != 0 || vm_current->ram_size == 0 ||
        vm_current->ram_size > BOARD_MEMORY_END - memory_used) {
        refuse_node(node, "memory is not a multiple of 2 MiB, too small, or more than there is");
    }
    memory_used += vm_current->ram_size;
    vm_current->shared_size = vm_current->ram_size;
    if (has(node, "shared-memory")) {
        vm_current->shared_offset = number(node, "shared-memory", 0);
        vm_current->shared_size = number(node, "shared-memory", 1);
    }
    if ((vm_current->shared_offset | vm_current->shared_size) % 4096 != 0 ||
        vm_current->shared_offset > vm_current->ram_size ||
        vm_current->shared_size > vm_current->ram_size - vm_current->shared_offset) {
        refuse_node(node, "shared-memory is not pages of its memory");
    }
    vm_current->region = (struct vdev_memory_region){
        .guest_address = vm_current->ram_address,
        .length = vm_current->ram_size,
        .pointer = guest_pointer(0),
        .bus_address = VDEV_NO_BUS_ADDRESS,
        .writable = true,
    };
    if (vdev_memory_init(&vm_current->memory, &vm_current->region, 1) != 0) {
        refuse_node(node, "memory");
    }
}

static void build_tree(int node, uint32_t initrd_length)
{
    const struct vdev_fdt_range memory = {vm_current->ram_address, vm_current->ram_size};
    struct vdev_guest_description guest = {
        .memory = &memory,
        .memory_count = 1,
        .processors = 1,
        .psci = true,
        .interrupt_controller = {.distributor = BOARD_GICD, .cpu_interface = BOARD_GICC},
        .initrd = {vm_current->ram_address + INITRD_OFFSET, initrd_length},
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
    mmu_clean(guest_pointer(TREE_OFFSET), TREE_SIZE);
}

static void find_machine(int node)
{
    static const struct machine *const machines[] = {&machine_virt, &machine_beagle,
                                                     &machine_driver};
    const char *name = machine_virt.name;

    if (has(node, "machine") &&
        vdev_fdt_string(&description, node, "machine", 0, &name) != 0) {
        mistake();
    }
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        if (same(name, machines[i]->name)) {
            machine = machines[i];
            return;
        }
    }
    refuse_node(node, "no such machine is known");
}

static void build_machine(int node)
{
    static const struct place mark = {.address = BOARD_MARK, .length = MARK_LENGTH};

    if (vm_count == VM_MAXIMUM) {
        refuse_node(node, "one machine too many");
    }
    vm_current = &vms[vm_count];
    vm_current->number = vm_count++;
    vm_current->name = vdev_fdt_name(&description, node);
    vm_current->priority = has(node, "priority") ? (uint8_t)number(node, "priority", 0) : 0;
    /* From us; a machine that goes before others leaves them a fifth unless told otherwise. */
    vm_current->budget = UINT64_C(1000) * (has(node, "budget")           ? number(node, "budget", 0)
                                           : vm_current->priority != 0 ? 80000
                                                                       : 0);
    guest_device_count = 0;
    built_count = 0;
    build_memory(node);
    stage2_init(vm_current);
    find_machine(node);
    if (gic_virtual_init(vm_current) != 0) {
        refuse_node(node, "the board has too few list registers");
    }
    vm_add_window("mark", &mark, count_mark_access, NULL);
    machine->begin();
    for (int child = vdev_fdt_child(&description, node); child >= 0;
         child = vdev_fdt_sibling(&description, child)) {
        build_device(child);
    }
    if (vdev_bus_init(&vm_current->bus, vm_current->windows, vm_current->window_count) != 0) {
        log_stop("vdev: the guest's devices overlap");
    }

    uint32_t room = machine->tree ? INITRD_OFFSET : vm_current->ram_size;
    vm_current->bare = machine == &machine_driver;
    vm_current->tree = vm_current->ram_address + BOOT_OFFSET; /* of a driver VM */
    copy_file(node, "kernel", machine->kernel_offset, room - machine->kernel_offset);
    vm_current->entry = vm_current->ram_address + machine->kernel_offset;
    if (machine->tree) {
        if (vm_current->ram_size < TREE_OFFSET + SECTION) {
            refuse_node(node, "memory is too small");
        }
        uint32_t initrd = 0;
        if (has(node, "initrd")) {
            initrd = copy_file(node, "initrd", INITRD_OFFSET, TREE_OFFSET - INITRD_OFFSET);
        }
        build_tree(node, initrd);
        vm_current->tree = vm_current->ram_address + TREE_OFFSET;
    }
    log_print("vdev: %s enters at %x, tree at %x\n", vm_current->name, (unsigned)vm_current->entry,
              (unsigned)vm_current->tree);
}

void vm_build(void)
{
    const void *blob = (const void *)BOARD_DESCRIPTION;

    if (vdev_fdt_open(&description, blob, DESCRIPTION_SIZE, &error) != 0) {
        log_stop("vdev: no system description at %x: %s", BOARD_DESCRIPTION, error.reason);
    }
    count_paths = has(0, "measure-longest");
    int first = vdev_fdt_find(&description, "/vm@0");
    if (first < 0) {
        mistake();
    }
    for (int node = first; node >= 0; node = vdev_fdt_sibling(&description, node)) {
        build_machine(node);
    }
    link_connect();
}
