/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machines of the tests of several: one image, which is told by one word who it is to be.
 * Clients with front-ends, driver VMs that do not keep the rules, clients that do not. What they
 * find they say through the hypervisor's log, where machines.py judges it.
 */
#ifndef MACHINES_H
#define MACHINES_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/clock.h>
#include <vdev/virtio_message.h>

#include "cpu.h"
#include "interface.h"

/* The kind of machine is the role's upper half; the lower one tells the variants apart. */
enum kind {
    KIND_COUNTER, /* counts, and says that it has come to the end */
    KIND_CLIENT,
    KIND_HOSTILE_DRIVER,
    KIND_HOSTILE_CLIENT,
};
extern const volatile uint32_t machine_role;

/* Memory that driver VMs may see, where the description has `shared-memory = <0x200000 0x100000>`.
 */
#define WINDOW __attribute__((section(".window"), aligned(64)))

void counter_main(uint32_t milliseconds);
void client_main(const struct hyp_boot *boot, uint32_t variant);
void hostile_driver_main(const struct hyp_boot *boot, uint32_t variant);
void hostile_client_main(const struct hyp_boot *boot, uint32_t variant);

/* ---- support.c ---- */

extern const struct vdev_clock machine_clock;

void say(const char *text, uint32_t number);
/* A mark of the hypervisor's counters. */
void mark(uint32_t number);
_Noreturn void power_off(void);

/* Interrupts are never taken: a doorbell only ends a rest. */
void listen(uint32_t interrupt);
/* Until an interrupt comes, or the time has passed; takes all that came away. */
void rest(uint64_t nanoseconds);

/* The link of a kind that is to be served, or for a front-end; NULL: there is none. */
const struct hyp_boot_link *find_link(const struct hyp_boot *boot, uint32_t kind, bool serves);
/* Its number, for the doorbell. */
uint32_t link_number(const struct hyp_boot *boot, const struct hyp_boot_link *link);

/* A link's driver's end, with a device behind it. */
struct port {
    struct vdev_message_link link;
    struct vdev_virtio_message_driver_bus bus;
    struct vdev_virtio_message_driver device;
    uint32_t number;
};
/* As vdev_virtio_message_driver_init. */
int port_open(struct port *port, const struct hyp_boot *boot, const struct hyp_boot_link *link,
              uint64_t patience);
/* One side of a link as the library has it, with the doorbell behind it. */
int link_open(struct vdev_message_link *link, const struct hyp_boot *boot,
              const struct hyp_boot_link *told);

/* Word `word` of a sector of the card, as the host filled it, or after a write with another seed.
 */
static inline uint32_t card_word(uint32_t sector, uint32_t word, uint32_t seed)
{
    return sector * 0x9e3779b1u ^ word * 0x85ebca6bu ^ seed * 0xc2b2ae35u;
}
void card_fill(uint32_t *words, uint32_t sector, uint32_t sectors, uint32_t seed);
bool card_holds(const uint32_t *words, uint32_t sector, uint32_t sectors, uint32_t seed);

#endif
