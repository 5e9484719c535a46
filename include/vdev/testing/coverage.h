/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Coverage: which registers and fields a test touched, of those that the driver's source names.
 *
 * The source is read as text, without comments and strings. Its identifiers without small letters,
 * as macros and enumerators are, name registers: CR, UARTCR and MY_UARTCR all name UARTCR, POWER
 * names MCIPower; exact names go before others. An identifier names a field if it ends in "_" and
 * the field's name, and what stands before names the register (FR_BUSY, UARTFR_BUSY). Registers
 * whose names differ in a number at the end are an array where the source names them without it
 * (MIR for MIR0, MIR1, MIR2), and count once. A register is touched by any access; a field by an
 * access to its register in which one of its bits is 1, or that changes one of them.
 */
#ifndef VDEV_TESTING_COVERAGE_H
#define VDEV_TESTING_COVERAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/bus.h>
#include <vdev/registers.h>
#include <vdev/testing/fail.h>

#define VDEV_COVERAGE_REGISTERS 255u
#define VDEV_COVERAGE_FIELDS    512u

/*
 * All of it belongs to the test. Check runs each test in a process of its own: there it must lie in
 * memory that they share, as vdev_testing_shared gives it.
 */
struct vdev_coverage {
    const struct vdev_register_table *table;
    const char *what;                           /* whose: a heading for the report */
    uint8_t registers[VDEV_COVERAGE_REGISTERS]; /* bits: named, array, touched */
    uint8_t fields[VDEV_COVERAGE_FIELDS];
    uint32_t last[VDEV_COVERAGE_REGISTERS]; /* last value seen, for changes */
};

struct vdev_coverage_count {
    uint32_t named;
    uint32_t touched;
};

/* Memory of zeros that child processes share, until the program ends; NULL: there is none. */
void *vdev_testing_shared(size_t size);

/* Set up: `table` has at most VDEV_COVERAGE_FIELDS fields; further ones are not counted. */
void vdev_coverage_init(struct vdev_coverage *coverage, const struct vdev_register_table *table,
                        const char *what);

/* Take the names from a driver's source; several files add up. */
void vdev_coverage_source(struct vdev_coverage *coverage, const char *text, size_t length);

/* The same from a file. False: it cannot be read. */
bool vdev_coverage_file(struct vdev_coverage *coverage, const char *path);

/* One access; a bench that has `coverage` calls it. */
void vdev_coverage_access(struct vdev_coverage *coverage, const struct vdev_access *access);

/* Registers and fields together. */
struct vdev_coverage_count vdev_coverage_count(const struct vdev_coverage *coverage);

/*
 * At the end: print "PL011: 20 of 21 registers and fields (95 %)" and what was not touched. False:
 * less than `percent`, or the source named nothing. `print` may be NULL: vdev_testing_print.
 */
bool vdev_coverage_finish(const struct vdev_coverage *coverage, unsigned percent,
                          vdev_testing_print_function *print, void *context);

#endif
