/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a bare-metal test image on QEMU's vexpress-a15 stands on: it supplies bare_main and runs on
 * one processor with flat, cached memory and interrupts off. What it finds it says on the UART, one
 * line each, for the program on the host that started it: "ok NAME" or "FAIL NAME: WHY"; when
 * bare_main returns the line "finished" follows, and the board is switched off.
 */
#ifndef BARE_RUNTIME_H
#define BARE_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/clock.h>

/* The image's own part. `hyp`: it runs in Hyp mode, else in SVC mode. */
void bare_main(bool hyp);

/* Nanoseconds since the board was started, by the generic timer. */
extern const struct vdev_clock bare_clock;

/* Out of the UART, waiting for room. A newline in a string is sent as it is. */
void bare_print(const char *text);
void bare_print_decimal(uint32_t number);
void bare_print_hexadecimal(uint32_t number);

/* One line of a test's result: "ok NAME" if `why` is NULL. Returns true if it is. */
bool bare_report(const char *name, const char *why);

/* Switches the board off, at once. */
_Noreturn void bare_power_off(void);

#endif
