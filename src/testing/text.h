/* SPDX-License-Identifier: BSD-2-Clause */
/* Text for messages, put together without a libc: cut off, never overrun, always terminated. */
#ifndef TESTING_TEXT_H
#define TESTING_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include <vdev/bus.h>
#include <vdev/registers.h>

struct text {
    char *to;
    size_t size; /* at least 1 */
    size_t length;
};

struct text text_begin(char *to, size_t size);
void text_string(struct text *text, const char *string);
void text_decimal(struct text *text, uint64_t value);
void text_hexadecimal(struct text *text, uint64_t value, unsigned digits);

/* "UARTFR (0x018)"; `table` may be NULL. */
void text_register(struct text *text, const struct vdev_register_table *table, uint32_t offset);

/* "read UARTFR (0x018), 32 bits: 0x00000090". */
void text_access(struct text *text, const struct vdev_register_table *table,
                 const struct vdev_access *access);

#endif
