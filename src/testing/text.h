/* SPDX-License-Identifier: BSD-2-Clause */
/* Text for messages, put together without a libc: cut off, never overrun, always terminated. */
#ifndef TESTING_TEXT_H
#define TESTING_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include <vdev/bus.h>
#include <vdev/registers.h>
#include <vdev/testing/fail.h>

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

/* The fields of a register that are not 0: " BUSY=1 WLEN=0x3"; nothing without fields. */
void text_fields(struct text *text, const struct vdev_register_table *table, uint32_t offset,
                 uint64_t value);

/* "read UARTFR (0x018), 32 bits: 0x00000090", and fields. */
void text_access(struct text *text, const struct vdev_register_table *table,
                 const struct vdev_access *access);

/* "\n  last accesses:" and a line for each. */
void text_history(struct text *text, const struct vdev_register_table *table,
                  const struct vdev_testing_history *history);

/* "tests/a.c:12"; nothing without a file. */
void text_place(struct text *text, const char *file, uint32_t line);

/* Remember an access. */
static inline void history_add(struct vdev_testing_history *history,
                               const struct vdev_access *access)
{
    history->access[history->count % VDEV_TESTING_HISTORY] = *access;
    history->count++;
}

/* Hand a message to whoever is to hear it. */
static inline void testing_fail(vdev_testing_fail_function *fail, void *context,
                                const char *message)
{
    if (fail == NULL) {
        fail = vdev_testing_stop;
    }
    fail(context, message);
}

#endif
