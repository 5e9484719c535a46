/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device trees: reading a board's and writing a guest's [Devicetree Specification 0.4].
 *
 * Reading takes a blob that may be truncated or hostile: it is checked whole when it is opened, and
 * each property again where it is used. It is not made to be changed by someone else meanwhile: who
 * got it from a peer reads a private copy. Writing makes the tree of a virtual machine, or of the
 * same machine without a hypervisor, from one description; it is not a general tree editor.
 *
 * A function that fails says where, if the caller gave it a place to say so. Nothing here
 * allocates.
 */
#ifndef VDEV_FDT_H
#define VDEV_FDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VDEV_FDT_PATH_MAXIMUM 128u
#define VDEV_FDT_NAME_MAXIMUM 32u /* of a property, with its end [Devicetree §2.2.4.1] */

/* What went wrong, for one line to a person. Written only by a function that fails. */
struct vdev_fdt_error {
    int status;                           /* what the function returned */
    char node[VDEV_FDT_PATH_MAXIMUM];     /* path, terminated; shortened if longer; may be empty */
    char property[VDEV_FDT_NAME_MAXIMUM]; /* terminated; empty if it is not about a property */
    const char *reason;                   /* a constant string */
};

/* ---- reading ---- */

/* The tree and its memory are the caller's; the memory stays unchanged while the tree is used. */
struct vdev_fdt {
    const void *blob;
    size_t size;                  /* bytes, as the blob says and as was checked */
    struct vdev_fdt_error *error; /* where failures are written, or NULL */
};

/*
 * Nodes are non-negative numbers that stay valid as long as the tree. VDEV_FDT_ROOT is one. What
 * returns a node returns a negative status instead if it fails. Every function below may be called
 * any time between vdev_fdt_open and the end of the blob's memory.
 *
 * Errors that all of them share: VDEV_ERROR_CORRUPT: the blob contradicts itself;
 * VDEV_ERROR_INVALID: not a node of this tree, or a property that does not have the form asked for
 * (its length, a string without an end, cells that do not add up); VDEV_ERROR_ABSENT: no such node
 * or property; VDEV_ERROR_RANGE: the property has fewer entries than `index` asks for, or a number
 * does not fit 64 bits.
 */
#define VDEV_FDT_ROOT 0

/*
 * Check `size` bytes at `blob` (aligned to 8) and take them over as a tree; the blob may be shorter
 * than `size`. `error` may be NULL. VDEV_ERROR_CORRUPT: not a tree, of an unknown version,
 * truncated, or damaged anywhere in its structure; VDEV_ERROR_INVALID: a misaligned or null
 * pointer.
 */
int vdev_fdt_open(struct vdev_fdt *tree, const void *blob, size_t size,
                  struct vdev_fdt_error *error);

/* The node at a path ("/soc/serial@9000"), or under an alias ("serial0"). */
int vdev_fdt_find(const struct vdev_fdt *tree, const char *path);

/*
 * The first node after `after` (VDEV_FDT_ROOT to begin) that is compatible with a string; disabled
 * nodes are found too. VDEV_ERROR_ABSENT at the end: this one is not an error to be written down.
 */
int vdev_fdt_find_compatible(const struct vdev_fdt *tree, int after, const char *compatible);

/* The first child of a node and the next of the same parent; VDEV_ERROR_EMPTY at the end. */
int vdev_fdt_child(const struct vdev_fdt *tree, int node);
int vdev_fdt_sibling(const struct vdev_fdt *tree, int node);
int vdev_fdt_parent(const struct vdev_fdt *tree, int node);

/* The node's name with its unit address; NULL if it is not a node of this tree. */
const char *vdev_fdt_name(const struct vdev_fdt *tree, int node);

/* True if the node's status is absent, "okay" or "ok" [Devicetree §2.3.4]. */
bool vdev_fdt_enabled(const struct vdev_fdt *tree, int node);

/* True if one of the strings of its `compatible` is this one. */
bool vdev_fdt_compatible(const struct vdev_fdt *tree, int node, const char *compatible);

/* A property as it stands, and its bytes; the memory is the tree's, aligned to 4. NULL and *length
 * negative (a status) if there is none. */
const void *vdev_fdt_property(const struct vdev_fdt *tree, int node, const char *property,
                              int *length);

/* The string number `index` of a list of strings; it lies in the tree's memory, terminated. */
int vdev_fdt_string(const struct vdev_fdt *tree, int node, const char *property, unsigned index,
                    const char **string);

/* The number `index` of a property made of 32-bit, or of 64-bit, numbers. */
int vdev_fdt_u32(const struct vdev_fdt *tree, int node, const char *property, unsigned index,
                 uint32_t *value);
int vdev_fdt_u64(const struct vdev_fdt *tree, int node, const char *property, unsigned index,
                 uint64_t *value);

struct vdev_fdt_range {
    uint64_t address; /* as the processor sees it, unless a function says otherwise */
    uint64_t size;    /* bytes */
};

/*
 * Entry `index` of a node's `reg`, translated by the `ranges` of every parent up to the root
 * [Devicetree §2.3.6, §2.3.8]. VDEV_ERROR_UNSUPPORTED: a parent has no `ranges`, or none that holds
 * all of the entry: the processor does not see it as memory; address + size does not pass 2^64.
 */
int vdev_fdt_reg(const struct vdev_fdt *tree, int node, unsigned index,
                 struct vdev_fdt_range *range);

enum vdev_fdt_interrupt_kind {
    VDEV_FDT_INTERRUPT_SPI, /* shared peripheral interrupt; number from 0, the GIC's own is 32 more
                             */
    VDEV_FDT_INTERRUPT_PPI, /* of each processor; number from 0, the GIC's own is 16 more */
    VDEV_FDT_INTERRUPT_PLAIN, /* a controller with one or two cells: the number as it stands */
};

/* The lowest four bits of an interrupt's flags, as in Linux' and the GIC's bindings. */
enum vdev_fdt_trigger {
    VDEV_FDT_TRIGGER_UNKNOWN = 0,
    VDEV_FDT_EDGE_RISING = 1,
    VDEV_FDT_EDGE_FALLING = 2,
    VDEV_FDT_LEVEL_HIGH = 4,
    VDEV_FDT_LEVEL_LOW = 8,
};

struct vdev_fdt_interrupt {
    enum vdev_fdt_interrupt_kind kind;
    uint32_t number;
    uint32_t flags; /* a trigger, and for a PPI the processors from bit 8; 0 if there is no cell */
    int controller; /* its node */
};

/*
 * Entry `index` of a node's interrupts: from `interrupts-extended` if it has one, else from
 * `interrupts` and the nearest `interrupt-parent`; through each `interrupt-map` on the way
 * [Devicetree §2.4]. Controllers of one, two, and (the GIC's binding) three cells.
 * VDEV_ERROR_UNSUPPORTED: any other; VDEV_ERROR_ABSENT also: a controller or a map's entry.
 */
int vdev_fdt_interrupt(const struct vdev_fdt *tree, int node, unsigned index,
                       struct vdev_fdt_interrupt *interrupt);

/* ---- writing ---- */

enum vdev_guest_device_kind {
    /*
     * A PL011 with its two fixed clocks. The first one is the alias serial0 and stdout-path, and
     * Linux' ttyAMA0.
     */
    VDEV_GUEST_PL011,
    /*
     * A PL181 card controller with fixed clocks and a fixed 3.3 V supply. Its card is there from
     * the start and stays: no card-detect line is looked for.
     */
    VDEV_GUEST_PL181,
    VDEV_GUEST_VIRTIO_MMIO, /* cache-coherent, as devices are whose back-end is a program */
    /* An OMAP3's UART, without an OMAP3 around it: the alias serial1, and Linux' ttyO1. */
    VDEV_GUEST_OMAP3_UART,
    VDEV_GUEST_OMAP3_GPIO, /* a bank of 32 pins of an OMAP3, powered all the time */
    VDEV_GUEST_LAN9118,    /* its registers 32 bits wide, its PHY the one inside it */
};

/* One device of the guest. Numbers that are 0 take the value that is named for it. */
struct vdev_guest_device {
    enum vdev_guest_device_kind kind;
    uint64_t address;
    uint64_t size;                  /* of its registers; 0: 4096, virtio-mmio 512 */
    uint32_t spi;                   /* shared peripheral interrupt, from 0; level, active high */
    uint32_t second_spi;            /* PL181: its second interrupt (MCIINTR1) */
    uint32_t clock_frequency;       /* Hz of its function clock; 0: 24 MHz, an OMAP3 UART's 48 */
    uint32_t maximum_frequency;     /* PL181: Hz of the card's clock; 0: 12 MHz */
    uint32_t bus_width;             /* PL181: data lines, 1 or 4; 0: 1 */
    uint32_t peripheral_identifier; /* AMBA: instead of what the device's registers say; 0: those */
    uint8_t mac_address[6];         /* LAN9118: all 0: what the device's registers say */
};

/* The machine's GICv2: where its parts are, each 0 if it is not to be seen. */
struct vdev_guest_interrupt_controller {
    uint64_t distributor;     /* GICD, 4 KiB */
    uint64_t cpu_interface;   /* GICC, 8 KiB */
    uint64_t virtual_control; /* GICH, 8 KiB: only for a system that may itself be a hypervisor */
    uint64_t virtual_cpu;     /* GICV, 8 KiB; with GICH */
    uint32_t maintenance_ppi; /* from 0, with GICH; the Cortex-A15's is 9 */
};

/*
 * The machine that a tree describes. All of it is the caller's and is only read, during the call.
 * A structure of zeros with memory, processors and interrupt controller filled in is a valid one.
 */
struct vdev_guest_description {
    const struct vdev_fdt_range *memory; /* one range or more */
    size_t memory_count;
    unsigned processors; /* 1 to 8, Cortex-A15 */
    bool psci;           /* a PSCI 1.0 by HVC, which also starts the other processors */
    struct vdev_guest_interrupt_controller interrupt_controller;
    uint32_t timer_frequency;     /* Hz, or 0: the firmware or hypervisor has set CNTFRQ */
    const char *bootargs;         /* the kernel's command line, or NULL */
    struct vdev_fdt_range initrd; /* size 0: none */
    const struct vdev_guest_device *devices;
    size_t device_count;
    const char *machine; /* root's `compatible`; NULL: "linux,dummy-virt", which needs no board */
};

/*
 * Write a machine's tree into `size` bytes at `buffer` (aligned to 8), for a Linux kernel or
 * whoever else reads trees. Returns the bytes it takes. VDEV_ERROR_FULL: `size` is too small (8 KiB
 * is plenty for a dozen devices); VDEV_ERROR_INVALID: the description: no memory, a range that
 * wraps, too many or no processors or a device of no known kind; a misaligned buffer. `error`,
 * which may be NULL, names the node that was being written. The buffer's content is undefined after
 * an error.
 */
int vdev_fdt_write_guest(void *buffer, size_t size,
                         const struct vdev_guest_description *description,
                         struct vdev_fdt_error *error);

#endif
