/* SPDX-License-Identifier: BSD-2-Clause */
/* Coverage: the registers and fields that a driver's source names. */
#include <stdio.h>

#include "testing/coverage.h"

/* Loose tails are longer: a short one would be a tail of much. */
#define LOOSE_LEAST 4u

static bool is_part(char c)
{
    return c == '_' || is_digit(c) || (upper(c) >= 'A' && upper(c) <= 'Z');
}

/* Is `name` the other, or does it end in "_" and the other? */
static bool ends_in_part(struct name name, struct name end)
{
    return ends_with(name, end) &&
           (name.length == end.length || name.text[name.length - end.length - 1] == '_');
}

/* The same, whatever stands before, and underscores aside: DATA_TIMER of MCIDataTimer. */
static bool ends_loosely(struct name name, struct name end)
{
    size_t i = name.length;
    size_t j = end.length;

    while (j != 0) {
        j--;
        if (end.text[j] == '_') {
            continue;
        }
        do {
            if (i == 0) {
                return false;
            }
            i--;
        } while (name.text[i] == '_');
        if (upper(name.text[i]) != upper(end.text[j])) {
            return false;
        }
    }
    return end.length >= LOOSE_LEAST;
}

/* The parts of a name that a "/" joins, one at a time; length 0 at the end. */
static struct name next_of(const char **names)
{
    struct name name = {*names, 0};
    while ((*names)[0] != '\0' && (*names)[0] != '/') {
        (*names)++;
        name.length++;
    }
    *names += (*names)[0] == '/';
    return name;
}

/* From the strictest on; the first way in which an identifier names any register counts alone. */
enum { IDENTIFIER_ENDS, REGISTER_ENDS, REGISTER_ENDS_LOOSELY, WAYS };

static bool names(struct name identifier, struct name reg, int way)
{
    switch (way) {
    case IDENTIFIER_ENDS:
        return ends_in_part(identifier, reg);
    case REGISTER_ENDS:
        return ends_in_part(reg, identifier);
    default:
        return ends_loosely(reg, identifier);
    }
}

/* Is there a register that differs from this one in the number at the end only? */
static bool is_one_of_many(const struct vdev_register_table *table, size_t number)
{
    const char *name = table->registers[number].name;

    for (size_t i = 0; i < table->count; i++) {
        if (i != number && same_base(table->registers[i].name, name)) {
            return without_number(whole(name)).length != whole(name).length;
        }
    }
    return false;
}

static void name_registers(struct vdev_coverage *coverage, struct name identifier)
{
    const struct vdev_register_table *table = coverage->table;
    bool found = false;

    for (int way = 0; way < WAYS && !found; way++) {
        for (size_t i = 0; i < table->count; i++) {
            const char *rest = table->registers[i].name;
            for (struct name one = next_of(&rest); one.length != 0; one = next_of(&rest)) {
                uint8_t flag = names(identifier, one, way) ? NAMED : 0;
                if (flag == 0 && is_one_of_many(table, i) &&
                    names(identifier, without_number(one), way)) {
                    flag = ARRAY;
                }
                coverage->registers[i] |= flag;
                found = found || flag != 0;
            }
        }
    }
}

/* Does what stands before a field's name mean the register? */
static bool means(struct name prefix, const char *rest)
{
    for (struct name one = next_of(&rest); one.length != 0; one = next_of(&rest)) {
        struct name base = without_number(one);
        if (ends_in_part(prefix, one) || ends_in_part(prefix, base) ||
            (prefix.length >= 2 && (ends_with(one, prefix) || ends_with(base, prefix)))) {
            return true;
        }
    }
    return false;
}

static void name_fields(struct vdev_coverage *coverage, struct name identifier)
{
    const struct vdev_register_table *table = coverage->table;

    for (size_t i = 0; i < VDEV_COVERAGE_FIELDS && table->fields[i].name != NULL; i++) {
        struct name field = whole(table->fields[i].name);
        struct name prefix = identifier;
        if (!ends_in_part(identifier, field) || identifier.length < field.length + 2) {
            continue;
        }
        prefix.length -= field.length + 1;
        const struct vdev_register *reg = vdev_registers_find(table, table->fields[i].offset);
        if (reg != NULL && means(prefix, reg->name)) {
            coverage->fields[i] |= NAMED;
        }
    }
}

/* ---- a source's text ---- */

struct source {
    struct vdev_coverage *coverage;
    enum { CODE, LINE_COMMENT, COMMENT, STRING, CHARACTER } state;
    char before;          /* the character before; 0 where it is used up */
    char identifier[128]; /* longer ones name nothing */
    size_t length;
    bool small; /* the identifier has small letters */
};

static void end_identifier(struct source *source)
{
    struct name identifier = {source->identifier, source->length};

    if (source->length != 0 && source->length < sizeof source->identifier && !source->small &&
        !is_digit(source->identifier[0])) {
        name_registers(source->coverage, identifier);
        if (source->coverage->table->fields != NULL) {
            name_fields(source->coverage, identifier);
        }
    }
    source->length = 0;
    source->small = false;
}

static void read_code(struct source *source, char c)
{
    if (is_part(c)) {
        source->small = source->small || c != upper(c);
        if (source->length < sizeof source->identifier) {
            source->identifier[source->length++] = c;
        }
        return;
    }
    end_identifier(source);
    if (source->before == '/' && (c == '*' || c == '/')) {
        source->state = c == '*' ? COMMENT : LINE_COMMENT;
    } else if (c == '"' || c == '\'') {
        source->state = c == '"' ? STRING : CHARACTER;
    }
}

static void read_character(struct source *source, char c)
{
    char quote = source->state == STRING ? '"' : '\'';
    bool escaped = source->before == '\\';
    bool comment = source->state == COMMENT;

    switch (source->state) {
    case CODE:
        read_code(source, c);
        break;
    case LINE_COMMENT:
        source->state = c == '\n' ? CODE : LINE_COMMENT;
        break;
    case COMMENT:
        source->state = source->before == '*' && c == '/' ? CODE : COMMENT;
        break;
    case STRING:
    case CHARACTER:
        if (c == quote && !escaped) {
            source->state = CODE;
        }
        c = escaped ? '\0' : c;
        break;
    }
    /* What began or ended a comment begins no other. */
    bool used = comment != (source->state == COMMENT);
    source->before = used ? '\0' : c;
}

void vdev_coverage_source(struct vdev_coverage *coverage, const char *text, size_t length)
{
    struct source source = {.coverage = coverage};

    for (size_t i = 0; i < length; i++) {
        read_character(&source, text[i]);
    }
    end_identifier(&source);
}

bool vdev_coverage_file(struct vdev_coverage *coverage, const char *path)
{
    struct source source = {.coverage = coverage};
    FILE *file = fopen(path, "r");
    int c;

    if (file == NULL) {
        return false;
    }
    while ((c = getc(file)) != EOF) {
        read_character(&source, (char)c);
    }
    end_identifier(&source);
    bool good = !ferror(file);
    fclose(file);
    return good;
}
