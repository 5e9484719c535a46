/* SPDX-License-Identifier: BSD-2-Clause */
/* What the example's VMM and its guest know of each other; of a real machine this is the hardware.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/bus.h>

#define GUEST_RAM      0x80000000u /* guest physical addresses */
#define GUEST_RAM_SIZE 0x10000u    /* bytes */
#define GUEST_CONSOLE  0x1c130000u
#define GUEST_NETWORK  0x1c130200u
#define GUEST_QUEUE    8u /* entries in each queue of a device */

/* Boots, and greets through its device. False: it found none. */
bool guest_start(uint8_t *ram);

/* Runs the guest for a while, with the level of its interrupt line. True: it was greeted in return.
 */
bool guest_run(bool interrupt);

/* The VMM's: an access to no memory. VDEV_OK, or an error: nobody answered. */
int vmm_access(uint64_t address, struct vdev_access *access);

#endif
