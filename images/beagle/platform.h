/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the Beagle image stands on: registers at an address, a fault that can be survived, and
 * interrupts that come only while it waits. platform.c has it for the processor, the image's test
 * for a host with emulators.
 */
#ifndef BEAGLE_PLATFORM_H
#define BEAGLE_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/io.h>

/* Registers, as the processor sees them: translation is off, so an address is a pointer. */
struct vdev_io platform_io(uint32_t address);

/* The board's device tree, aligned to 8. */
const void *platform_tree(size_t *size);

/* Why a function was cut short. */
struct platform_fault {
    const char *kind;     /* "data abort" and the like */
    uint32_t address;     /* that was accessed, for a data abort */
    uint32_t instruction; /* that did it */
};

/*
 * Call a function. False: it was cut short by an exception, `fault` says which; all that it held
 * is as it was at that moment. Calls may be nested.
 */
bool platform_guard(void (*function)(void *context), void *context, struct platform_fault *fault);

/*
 * Let interrupts in, and first wait for one if `rest`; nowhere else does any come. `handle` is
 * called for each. With `rest`, something must be there that interrupts in the end.
 */
void platform_wait(void (*handle)(void *context), void *context, bool rest);

/* One piece of measured work begins or ends: tell who counts. In images for a hypervisor only. */
void platform_mark(uint32_t number);

#endif
