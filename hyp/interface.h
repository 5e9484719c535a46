/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hypervisor and the virtual machines that were written for it agree about: its own
 * hypercalls, and what a driver VM is told when it starts. Guests that know nothing of it need
 * nothing of it: they have PSCI and the architecture.
 */
#ifndef HYP_INTERFACE_H
#define HYP_INTERFACE_H

#include <stdint.h>

/*
 * HVC #0, the function in r0 and its argument in r1, as SMCCC 1.1 has it for hypervisors; the result
 * in r0: 0, or HYP_NOT_SUPPORTED as of an unknown function. Other registers are kept.
 */
#define HYP_CALL_NULL     0xc6000000u /* enters and leaves */
#define HYP_CALL_DOORBELL 0xc6000001u /* r1: link; its other side is interrupted, once */
#define HYP_CALL_YIELD    0xc6000002u /* another machine as urgent as this one may run */
#define HYP_CALL_REPORT   0xc6000003u /* r1: a terminated string, which is logged with r2, a number */
#define HYP_NOT_SUPPORTED 0xffffffffu

/* What a device is. */
#define HYP_DEVICE_CONSOLE 1u /* PL011 */
#define HYP_DEVICE_DISK    2u /* PL181 with a card */
#define HYP_DEVICE_NETWORK 3u /* LAN9118 */

#define HYP_BOOT_MAGIC   0x76646576u
#define HYP_BOOT_DEVICES 4u
#define HYP_BOOT_LINKS   8u

/* A device that the VM owns: its registers are mapped there, its interrupts forwarded. */
struct hyp_boot_device {
    uint32_t kind;
    uint32_t address;
    uint32_t interrupt; /* the GIC's number of the first; a disk has two */
};

/*
 * One virtual device that the VM is to serve, or that is served for it: by messages
 * (vdev/virtio_message.h, device number 0), for rings in the client's memory. Addresses are the VM's own: registers below 0x40000000, memory
 * from there on. Several links of one kind share the device of that kind, of which there is one.
 */
struct hyp_boot_link {
    uint32_t kind;      /* what it is to be */
    uint32_t out, in;   /* the FIFOs, as the VM sees them: it writes `out` */
    uint32_t capacity;  /* messages in each */
    uint32_t interrupt; /* the GIC's number of the doorbell: edge-triggered */
    /* Of the client's memory, what is shared, and, for who serves, where it is. */
    uint32_t guest_address, window, length;
    uint32_t first_sector, sectors; /* a disk: its part of the device; 0 sectors: all the rest */
    uint32_t merges;                /* a network: receive buffers are offered to be merged */
    char name[16];                  /* the client's, terminated: shown where consoles are switched */
    uint32_t serves;                /* 1: to be served by this VM; 0: for a front-end of this VM */
};

/* In the VM's memory; its address is in r2 when the VM is entered, in SVC mode, MMU off. */
struct hyp_boot {
    uint32_t magic;
    uint32_t device_count;
    struct hyp_boot_device devices[HYP_BOOT_DEVICES];
    uint32_t link_count; /* link n is also the doorbell's argument */
    struct hyp_boot_link links[HYP_BOOT_LINKS];
};

#endif
