/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware that a guest with one processor calls: PSCI 1.0 [ARM DEN 0022C], 32-bit calls, and
 * what every call gets that nobody knows [SMCCC, ARM DEN 0028, §5.2]. There is nothing to keep: the
 * only processor is on, and what ends it is the hypervisor's to do.
 */
#ifndef VDEV_EMULATORS_PSCI_H
#define VDEV_EMULATORS_PSCI_H

#include <stdint.h>

/* What the hypervisor is to do after a call. */
enum vdev_psci_action {
    VDEV_PSCI_RETURN,  /* go on in the guest */
    VDEV_PSCI_STANDBY, /* the same; before it, it may wait for an interrupt, as for a WFI */
    VDEV_PSCI_OFF,     /* never go on: the guest has switched itself off, ... */
    VDEV_PSCI_RESET,   /* ... or starts anew */
};

/*
 * One HVC or SMC of a guest. `function` and `argument` are its R0 and R1 (CPU_ON's further arguments
 * mean nothing to a processor that is on); `*result` is its R0 afterwards, written in all cases.
 */
enum vdev_psci_action vdev_psci_call(uint32_t function, uint32_t argument, uint32_t *result);

#endif
