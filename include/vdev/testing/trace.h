/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Record and replay: register accesses as text, a line each, and a script from it.
 *
 *     # a comment; empty lines are allowed
 *     read 0x018 4 0x00000090
 *     write 0x000 4 0x00000041
 *
 * which are the direction, the offset from the start of the device's registers, the width in bytes
 * and the value; numbers are hexadecimal with 0x or decimal. A bench writes such lines (`record`).
 * The lines that QEMU prints with `-trace 'memory_region_ops_*'` are understood too, as they are:
 *
 *     memory_region_ops_read cpu 0 mr 0x55d0c0 addr 0x101f1018 value 0x90 size 4 name 'pl011'
 *
 * with or without what QEMU's logs put before them; of these, those whose address lies in the
 * window and whose name is the device's are taken. Any other line is an error, except that lines
 * which name another QEMU event or another device are passed over.
 */
#ifndef VDEV_TESTING_TRACE_H
#define VDEV_TESTING_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include <vdev/bus.h>
#include <vdev/testing/script.h>

#define VDEV_TRACE_LINE 64u /* bytes that vdev_trace_line needs at most, with the end */

/* An access as a line of the trace, without the line's end. */
void vdev_trace_line(const struct vdev_access *access, char line[VDEV_TRACE_LINE]);

struct vdev_trace_window {
    uint64_t address; /* of the device's registers in QEMU's machine */
    uint64_t length;  /* bytes; 0: QEMU's lines are all passed over */
    const char *name; /* the memory region's, as QEMU prints it; NULL: any */
};

/*
 * The steps that a trace stands for, to be played by a script; equal accesses in a row become one
 * step. `file` is the trace's name for messages, or NULL. Stays the caller's: `steps`, `window`
 * (may be NULL: no QEMU lines). VDEV_OK, and *count steps; VDEV_ERROR_INVALID: line *line cannot be
 * read; VDEV_ERROR_FULL: more than `capacity` steps, from line *line on.
 */
int vdev_trace_steps(const char *text, size_t length, const struct vdev_trace_window *window,
                     const char *file, struct vdev_script_step *steps, size_t capacity,
                     size_t *count, uint32_t *line);

#endif
