/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kinds of machine and of device that a system description can ask for: tables that vm.c looks
 * things up in. A device's `build` sets it up and puts it on the bus.
 */
#ifndef HYP_MACHINE_H
#define HYP_MACHINE_H

#include <vdev/fdt.h>
#include <vdev/interrupt.h>

#include "hyp.h"

#define MACHINE_DEVICES 8u

/* What a device's node says. */
struct place {
    int node;
    uint32_t address;
    uint32_t length;
    uint32_t interrupt;
};

struct device_kind {
    const char *node;        /* the node's name says which device it is to the guest, ... */
    const char *compatible;  /* ... this, what it looks like, ... */
    const char *arrangement; /* ... and this, what is behind it */
    void (*build)(const struct place *place);
    bool in_tree; /* the guest learns of it by its device tree */
    enum vdev_guest_device_kind tree_kind;
};

/* Ends with one without a compatible. */
extern const struct device_kind machine_kinds[];

struct machine {
    const char *name;
    void (*begin)(void); /* before the devices: the interrupt controller and its like */
    struct vdev_interrupt_line (*line)(const struct place *place, uint32_t number);
    uint32_t kernel_offset; /* into memory: where the kernel is put and entered */
    bool tree;              /* is given a device tree, and perhaps an initial RAM disk */
};

/* A GICv2, the architecture's timer, PSCI: what Linux calls dummy-virt. machine.c */
extern const struct machine machine_virt;
/* As much of an OMAP3530 as the drivers in drivers/beagle use; interrupts by HCR.VI. beagle.c */
extern const struct machine machine_beagle;
/* A driver VM: as machine_virt, but told by a struct hyp_boot. machine.c */
extern const struct machine machine_driver;

void beagle_uart(const struct place *place);
void beagle_second_uart(const struct place *place);
void beagle_card(const struct place *place);
void beagle_timer(const struct place *place);
void beagle_counter(const struct place *place);
void beagle_gpio(const struct place *place);
void beagle_clocks(const struct place *place);
void beagle_power(const struct place *place);

/* The board's controller in the three arrangements. network.c */
void own_network(const struct place *place);
void pure_network(const struct place *place);
void para_network(const struct place *place);

/* The board's own device and its interrupts, which reach the guest under their numbers. machine.c */
void machine_own(const struct place *place, uint32_t kind, uint32_t physical, uint32_t first,
                 uint32_t last);
/* Whoever drives a device of the board says so; nobody else may. */
void machine_claim(const struct place *place, uint32_t kind, const void *who);

/* Put a virtio device where the guest finds it. machine.c */
struct vdev_virtio_device;
void machine_virtio(const char *name, const struct place *place,
                    struct vdev_virtio_device *device);

/* For those that build: vm.c */
struct vdev_interrupt_line vm_line(const struct place *place);
struct vdev_bus_window *vm_add_window(const char *name, const struct place *place,
                                      vdev_access_function *access, void *device);
/* Has the device's node such a property? */
bool vm_has(const struct place *place, const char *property);
/* Such a pair of numbers? */
bool vm_numbers(const struct place *place, const char *property, uint32_t *first, uint32_t *second);
/* Such a string, or NULL. */
const char *vm_string(const struct place *place, const char *property);
/* Stop with a line that names the node and says why. */
void vm_refuse(const struct place *place, const char *why) __attribute__((noreturn));
void __attribute__((noreturn))
vm_refuse_interrupt(const struct place *place, uint32_t number, const char *why);
/* Stop with a line that names the node, if a status is not VDEV_OK. */
void vm_check(int status, const struct place *place);

#endif
