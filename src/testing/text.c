/* SPDX-License-Identifier: BSD-2-Clause */
/* Text for the test kit's messages. */
#include "testing/text.h"

struct text text_begin(char *to, size_t size)
{
    to[0] = '\0';
    return (struct text){.to = to, .size = size, .length = 0};
}

static void character(struct text *text, char c)
{
    if (text->length + 1 < text->size) {
        text->to[text->length++] = c;
        text->to[text->length] = '\0';
    }
}

void text_string(struct text *text, const char *string)
{
    while (*string != '\0') {
        character(text, *string++);
    }
}

void text_decimal(struct text *text, uint64_t value)
{
    char digits[20];
    size_t count = 0;

    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (count != 0) {
        character(text, digits[--count]);
    }
}

void text_hexadecimal(struct text *text, uint64_t value, unsigned digits)
{
    text_string(text, "0x");
    while (digits < 16 && value >> (digits * 4) != 0) {
        digits++;
    }
    while (digits != 0) {
        digits--;
        character(text, "0123456789ABCDEF"[(value >> (digits * 4)) & 0xF]);
    }
}

void text_register(struct text *text, const struct vdev_register_table *table, uint32_t offset)
{
    if (table != NULL) {
        text_string(text, vdev_registers_name(table, offset));
        text_string(text, " (");
    }
    text_hexadecimal(text, offset, 3);
    if (table != NULL) {
        text_string(text, ")");
    }
}

static unsigned lowest_bit(uint32_t mask)
{
    unsigned bit = 0;
    while ((mask >> bit & 1) == 0) {
        bit++;
    }
    return bit;
}

void text_fields(struct text *text, const struct vdev_register_table *table, uint32_t offset,
                 uint64_t value)
{
    const struct vdev_register *reg = table == NULL ? NULL : vdev_registers_find(table, offset);

    if (reg == NULL || table->fields == NULL) {
        return;
    }
    for (const struct vdev_register_field *field = table->fields; field->name != NULL; field++) {
        uint32_t bits = (uint32_t)value & field->mask;
        if (field->offset != reg->offset || bits == 0) {
            continue;
        }
        bits >>= lowest_bit(field->mask);
        text_string(text, " ");
        text_string(text, field->name);
        text_string(text, "=");
        if (bits < 10) {
            text_decimal(text, bits);
        } else {
            text_hexadecimal(text, bits, 1);
        }
    }
}

void text_access(struct text *text, const struct vdev_register_table *table,
                 const struct vdev_access *access)
{
    text_string(text, access->write ? "write " : "read ");
    text_register(text, table, access->offset);
    text_string(text, ", ");
    text_decimal(text, access->width * 8u);
    text_string(text, " bits: ");
    text_hexadecimal(text, access->value, access->width * 2u);
    text_fields(text, table, access->offset, access->value);
}

void text_history(struct text *text, const struct vdev_register_table *table,
                  const struct vdev_testing_history *history)
{
    uint32_t shown = history->count < VDEV_TESTING_HISTORY ? history->count : VDEV_TESTING_HISTORY;

    text_string(text, "\n  last accesses:");
    if (shown == 0) {
        text_string(text, " none");
    }
    for (uint32_t n = history->count - shown; n != history->count; n++) {
        text_string(text, "\n    ");
        text_decimal(text, n);
        text_string(text, ": ");
        text_access(text, table, &history->access[n % VDEV_TESTING_HISTORY]);
    }
}

void text_place(struct text *text, const char *file, uint32_t line)
{
    if (file != NULL) {
        text_string(text, file);
        text_string(text, ":");
        text_decimal(text, line);
    }
}
