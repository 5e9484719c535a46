/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Register tables: a device's registers, declared once, and what an access to each of them does.
 *
 * An emulator declares its registers as a constant table, keeps their values in an array of its
 * own, and hangs functions on those that do more than hold bits. A driver's test reads the same
 * table for names and for what a driver must not do. Not a bus: windows and counting are
 * <vdev/bus.h>'s.
 *
 * Registers are words of 32 bits at offsets that are multiples of 4. Lookup is one index by
 * offset / 4, on the path of every trapped access.
 */
#ifndef VDEV_REGISTERS_H
#define VDEV_REGISTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/bus.h>

/* Widths in which a register may be accessed, always from its own offset: the sum of the bytes. */
#define VDEV_REGISTER_8   1u
#define VDEV_REGISTER_16  2u
#define VDEV_REGISTER_32  4u
#define VDEV_REGISTER_ANY (VDEV_REGISTER_8 | VDEV_REGISTER_16 | VDEV_REGISTER_32)

/* What may be done to a register at all. */
enum vdev_register_kind {
    VDEV_REGISTER_READ_WRITE,
    VDEV_REGISTER_READ_ONLY,  /* a write changes nothing and calls no function */
    VDEV_REGISTER_WRITE_ONLY, /* a read gives zero and calls no function */
};

/*
 * A device's functions for a register. `device` is the bank's, `offset` that of the word accessed.
 * They run inside the access: they may look at and change the bank's values, but make no access.
 */
typedef uint32_t vdev_register_read_function(void *device, uint32_t offset);
typedef void vdev_register_write_function(void *device, uint32_t offset, uint32_t value);

/*
 * One register. The masks say which of its bits do what; a bit in no mask keeps its reset value.
 *
 * A read gives `read(device, offset)` if there is such a function, else the stored value; cut to
 * the access's width; stored bits in `read_to_clear` are then zero.
 *
 * A write of `value` (zero-extended from the access's width) stores, in this order: bits in
 * `writable` as written; bits in `write_one_to_set` that are 1 in `value` as 1; bits in
 * `write_one_to_clear` that are 1 in `value` as 0; bits in `self_clearing` as 0. Then
 * `write(device, offset, value)` is called, if there is one, with the value as it was written.
 *
 * `reserved` bits are those that software has to write as zero: ignored here, but reported by
 * vdev_registers_violation.
 */
struct vdev_register {
    vdev_register_read_function *read;
    vdev_register_write_function *write;
    uint32_t writable;
    uint32_t write_one_to_set;
    uint32_t write_one_to_clear;
    uint32_t self_clearing;
    uint32_t read_to_clear;
    uint32_t reserved;
    uint32_t reset;
    uint32_t offset;
    const char *name; /* the data sheet's; those that share an offset joined by "/" */
    uint8_t widths;   /* sum of VDEV_REGISTER_8, _16, _32 */
    uint8_t kind;     /* enum vdev_register_kind */
    uint16_t repeat;  /* how many words in a row are this register, as a FIFO's window; 0 means 1 */
};

/* A named field of a register: for messages, scripts and coverage; never looked at on a trap. */
struct vdev_register_field {
    uint32_t offset; /* the register's, of an array its first */
    uint32_t mask;   /* the field's bits, in a row */
    const char *name;
};

/*
 * A device's registers. Constant, shared by all devices of the kind. `index[offset / 4]` is the
 * number of the register at that offset plus 1, or 0 where there is none: written as a constant
 * array next to the registers (an X macro declares both at once), or filled in at start by
 * vdev_registers_index.
 */
struct vdev_register_table {
    const struct vdev_register *registers; /* at most 255 */
    size_t count;
    const uint8_t *index;
    size_t words; /* of `index` and `loads`: length of the device's window in bytes / 4 */
    /*
     * As `index`, but 0 also where a read does more than load the stored value (it has a function,
     * clears bits, is write-only) or not every width is allowed: what a bus may answer by itself,
     * see vdev_registers_loads. May be NULL.
     */
    const uint8_t *loads;
    const struct vdev_register_field *fields; /* ended by one without a name; NULL: none named */
};

/* The values of one device's registers. All of it, and what it points to, is the device's. */
struct vdev_register_bank {
    const struct vdev_register_table *table;
    uint32_t *values; /* one for each register, numbered as in the table */
    void *device;     /* what the registers' functions get */
    uint32_t ignored; /* reads of write-only and writes of read-only registers; modulo 2^32 */
};

/*
 * Fill `index`, of `words` bytes, for these registers. VDEV_ERROR_INVALID: more than 255 registers,
 * or one that is not aligned, without a name or width, or in the place of another;
 * VDEV_ERROR_RANGE: one outside the words.
 */
int vdev_registers_index(const struct vdev_register *registers, size_t count, uint8_t *index,
                         size_t words);

/*
 * Do the table's index, loads and fields agree with its registers? For a test of each constant
 * table. VDEV_OK, or errors as of vdev_registers_index; VDEV_ERROR_INVALID also for a field without
 * bits, with bits that are not in a row, or not at a register's offset.
 */
int vdev_registers_check(const struct vdev_register_table *table);

/* Take over table, values and device, and reset. */
void vdev_registers_init(struct vdev_register_bank *bank, const struct vdev_register_table *table,
                         uint32_t *values, void *device);

/* All registers to their reset values; no function is called. */
void vdev_registers_reset(struct vdev_register_bank *bank);

/*
 * One access, as the type vdev_access_function wants it: `bank` is a struct vdev_register_bank.
 * VDEV_ERROR_RANGE: no register there; VDEV_ERROR_UNSUPPORTED: a width that the register does not
 * have, or not from its own offset. The access's offset need not be checked before.
 */
int vdev_registers_access(void *bank, struct vdev_access *access);

/*
 * Let vdev_bus_read answer reads of this bank that are mere loads, without asking the device: about
 * half the instructions. Sets the window's `loads` and `values`; `loads` stays NULL if the table
 * has none or the window is longer than the table. Before vdev_bus_init or between accesses.
 */
void vdev_registers_loads(const struct vdev_register_bank *bank, struct vdev_bus_window *window);

/* The register at an offset (of a word or inside one), or NULL. */
const struct vdev_register *vdev_registers_find(const struct vdev_register_table *table,
                                                uint32_t offset);

/* Its name, or "unmapped": for messages. */
const char *vdev_registers_name(const struct vdev_register_table *table, uint32_t offset);

/* The register of that name, which may be one of several that share its offset; or NULL. */
const struct vdev_register *vdev_registers_by_name(const struct vdev_register_table *table,
                                                   const char *name);

/* The field of that name in the register at an offset, or NULL. */
const struct vdev_register_field *vdev_registers_field(const struct vdev_register_table *table,
                                                       uint32_t offset, const char *name);

/* What software does wrong with an access, by the data sheet; hardware may put up with it. */
enum vdev_register_violation {
    VDEV_REGISTER_VIOLATION_NONE,
    VDEV_REGISTER_VIOLATION_UNMAPPED,   /* no register there */
    VDEV_REGISTER_VIOLATION_WIDTH,      /* not a width, or not the place, for this register */
    VDEV_REGISTER_VIOLATION_WRITE_ONLY, /* reads a write-only register */
    VDEV_REGISTER_VIOLATION_READ_ONLY,  /* writes a read-only register */
    VDEV_REGISTER_VIOLATION_RESERVED,   /* writes 1 to a reserved bit */
};

enum vdev_register_violation vdev_registers_violation(const struct vdev_register_table *table,
                                                      const struct vdev_access *access);

/* "reads a write-only register" and so on; "no violation" for none. */
const char *vdev_register_violation_text(enum vdev_register_violation violation);

#endif
