/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest-tree: writes the device tree of a guest, or of QEMU's vexpress-a15 without a hypervisor,
 * with the library's writer. It describes that one board's devices; it is not a general tool.
 * QEMU would add its slots to a tree with a Cortex-A9's interrupt controller; here it says that it
 * found none and leaves the tree as it is, so that machine and guest are described alike.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vdev/fdt.h>
#include <vdev/status.h>

#define SLOTS_MAXIMUM 4u
#define TREE_MAXIMUM  16384u

/* Where QEMU's board has its devices. The guest's are in the same places: its kernel does the same.
 */
static const struct vdev_guest_device pl_devices[] = {
    {.kind = VDEV_GUEST_PL011, .address = 0x1C090000, .spi = 5},
    {.kind = VDEV_GUEST_PL181, .address = 0x1C050000, .spi = 9, .second_spi = 10},
    {.kind = VDEV_GUEST_LAN9118, .address = 0x1A000000, .spi = 15},
};
#define SLOT_ADDRESS 0x1C130000u
#define SLOT_SIZE    0x200u
#define SLOT_SPI     40u

static const char usage[] =
    "usage: guest-tree --guest|--native --interface pl|virtio [options] -o FILE\n"
    "  --guest                a virtual machine, with PSCI\n"
    "  --native               the machine itself, without PSCI\n"
    "  --interface pl|virtio  PL011, PL181 and LAN9118, or virtio-mmio slots\n"
    "  --slots N              virtio-mmio slots, from the first one on, 1 to 4 (3)\n"
    "  --memory ADDRESS SIZE  (0x80000000 0x10000000)\n"
    "  --processors N         1 to 8 (1)\n"
    "  --initrd ADDRESS SIZE  where the initial file system will be\n"
    "  --bootargs TEXT        the kernel's command line\n"
    "  -o FILE                where the tree goes\n";

struct options {
    struct vdev_guest_description description;
    struct vdev_fdt_range memory;
    uint64_t slots;
    const char *kind, *interface, *output;
};

/* One line on stderr, and the exit status of a wrong command line. */
static int refuse(const char *what, const char *which)
{
    fprintf(stderr, "guest-tree: %s: %s\n", what, which);
    return 2;
}

static int parse_number(const char *text, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-') {
        return refuse("not a number", text);
    }
    return 0;
}

static int parse_range(char **texts, struct vdev_fdt_range *range)
{
    int status = parse_number(texts[0], &range->address);
    return status != 0 ? status : parse_number(texts[1], &range->size);
}

static int parse(int count, char **arguments, struct options *options)
{
    struct vdev_guest_description *description = &options->description;

    for (int i = 1; i < count; i++) {
        const char *option = arguments[i];
        char **values = arguments + i + 1;
        int wanted = 1;
        int status = 0;
        uint64_t number = 0;

        if (strcmp(option, "--guest") == 0 || strcmp(option, "--native") == 0) {
            options->kind = option + 2;
            continue;
        }
        if (strcmp(option, "--memory") == 0 || strcmp(option, "--initrd") == 0) {
            wanted = 2;
        }
        if (i + wanted >= count) {
            return refuse("an unknown option, or one without its value", option);
        }
        if (strcmp(option, "--interface") == 0) {
            options->interface = values[0];
        } else if (strcmp(option, "--bootargs") == 0) {
            description->bootargs = values[0];
        } else if (strcmp(option, "-o") == 0) {
            options->output = values[0];
        } else if (strcmp(option, "--memory") == 0) {
            status = parse_range(values, &options->memory);
        } else if (strcmp(option, "--initrd") == 0) {
            status = parse_range(values, &description->initrd);
        } else if (strcmp(option, "--slots") == 0) {
            status = parse_number(values[0], &options->slots);
        } else if (strcmp(option, "--processors") == 0) {
            status = parse_number(values[0], &number);
            description->processors = number > 8 ? 0 : (unsigned)number;
        } else {
            return refuse("unknown option", option);
        }
        if (status != 0) {
            return status;
        }
        i += wanted;
    }
    if (options->kind == NULL || options->output == NULL || options->interface == NULL) {
        fputs(usage, stderr);
        return 2;
    }
    if (strcmp(options->interface, "pl") != 0 && strcmp(options->interface, "virtio") != 0) {
        return refuse("no such interface", options->interface);
    }
    if (options->slots == 0 || options->slots > SLOTS_MAXIMUM) {
        return refuse("the board has four slots", "--slots");
    }
    return 0;
}

static int write_file(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, length, file) != length) {
        fprintf(stderr, "guest-tree: %s: %s\n", path, strerror(errno));
        if (file != NULL) {
            fclose(file);
        }
        return 1;
    }
    if (fclose(file) != 0) {
        fprintf(stderr, "guest-tree: %s: %s\n", path, strerror(errno));
        return 1;
    }
    return 0;
}

int main(int count, char **arguments)
{
    static _Alignas(8) unsigned char tree[TREE_MAXIMUM];
    struct vdev_guest_device slots[SLOTS_MAXIMUM];
    struct vdev_fdt_error error;
    struct options options = {
        .description = {.memory_count = 1,
                        .processors = 1,
                        .interrupt_controller = {.distributor = 0x2C001000,
                                                 .cpu_interface = 0x2C002000}},
        .memory = {0x80000000, 0x10000000},
        .slots = 3,
    };
    struct vdev_guest_description *description = &options.description;

    if (count == 2 && strcmp(arguments[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    int status = parse(count, arguments, &options);
    if (status != 0) {
        return status;
    }
    description->memory = &options.memory;
    description->psci = strcmp(options.kind, "guest") == 0;
    if (strcmp(options.interface, "pl") == 0) {
        description->devices = pl_devices;
        description->device_count = sizeof pl_devices / sizeof pl_devices[0];
    } else {
        for (uint32_t i = 0; i < options.slots; i++) {
            slots[i] = (struct vdev_guest_device){.kind = VDEV_GUEST_VIRTIO_MMIO,
                                                  .address = SLOT_ADDRESS + i * SLOT_SIZE,
                                                  .spi = SLOT_SPI + i};
        }
        description->devices = slots;
        description->device_count = options.slots;
    }
    int length = vdev_fdt_write_guest(tree, sizeof tree, description, &error);
    if (length < 0) {
        fprintf(stderr, "guest-tree: %s%s%s: %s\n", error.node,
                error.property[0] != '\0' ? " " : "", error.property, error.reason);
        return 1;
    }
    return write_file(options.output, tree, (size_t)length);
}
