/* SPDX-License-Identifier: BSD-2-Clause */
/* Coverage: what was accessed, held against what the driver's source names. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <sys/mman.h>

#include <vdev/testing/coverage.h>

#include "testing/coverage.h"
#include "testing/text.h"

void *vdev_testing_shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void vdev_coverage_init(struct vdev_coverage *coverage, const struct vdev_register_table *table,
                        const char *what)
{
    *coverage = (struct vdev_coverage){.table = table, .what = what};
    for (size_t i = 0; i < table->count; i++) {
        coverage->last[i] = table->registers[i].reset;
    }
}

/* ---- accesses ---- */

void vdev_coverage_access(struct vdev_coverage *coverage, const struct vdev_access *access)
{
    const struct vdev_register_table *table = coverage->table;
    const struct vdev_register *reg = vdev_registers_find(table, access->offset);

    if (reg == NULL) {
        return;
    }
    size_t number = (size_t)(reg - table->registers);
    uint32_t value = (uint32_t)access->value;
    uint32_t touched = value | (value ^ coverage->last[number]);
    coverage->last[number] = value;
    coverage->registers[number] |= TOUCHED;
    for (size_t i = 0;
         table->fields != NULL && i < VDEV_COVERAGE_FIELDS && table->fields[i].name != NULL; i++) {
        if (table->fields[i].offset == reg->offset && (touched & table->fields[i].mask) != 0) {
            coverage->fields[i] |= TOUCHED;
        }
    }
}

/* ---- the report ---- */

static bool is_array(uint8_t flags)
{
    return (flags & (NAMED | ARRAY)) == ARRAY;
}

/* The flags of a register or, of an array, those of its members; 0 for a member counted before. */
static uint8_t register_flags(const struct vdev_coverage *coverage, size_t number)
{
    const struct vdev_register *registers = coverage->table->registers;
    uint8_t flags = coverage->registers[number];

    if (!is_array(flags)) {
        return (flags & NAMED) != 0 ? flags : 0;
    }
    for (size_t i = 0; i < coverage->table->count; i++) {
        if (is_array(coverage->registers[i]) &&
            same_base(registers[i].name, registers[number].name)) {
            if (i < number) {
                return 0;
            }
            flags |= coverage->registers[i];
        }
    }
    return flags;
}

static size_t register_of(const struct vdev_coverage *coverage, size_t field)
{
    const struct vdev_register_table *table = coverage->table;
    return (size_t)(vdev_registers_find(table, table->fields[field].offset) - table->registers);
}

static uint8_t field_flags(const struct vdev_coverage *coverage, size_t number)
{
    const struct vdev_register_table *table = coverage->table;
    size_t reg = register_of(coverage, number);
    uint8_t flags = coverage->fields[number];
    struct name name = whole(table->fields[number].name);

    if ((flags & NAMED) == 0 || !is_array(coverage->registers[reg])) {
        return (flags & NAMED) != 0 ? flags : 0;
    }
    for (size_t i = 0; i < VDEV_COVERAGE_FIELDS && table->fields[i].name != NULL; i++) {
        size_t other = register_of(coverage, i);
        struct name other_name = whole(table->fields[i].name);
        if (is_array(coverage->registers[other]) && name.length == other_name.length &&
            ends_with(name, other_name) &&
            same_base(table->registers[other].name, table->registers[reg].name)) {
            if (i < number) {
                return 0;
            }
            flags |= coverage->fields[i];
        }
    }
    return flags;
}

static void print_missing(vdev_testing_print_function *print, void *context, const char *reg,
                          bool array, const char *field)
{
    char line[160];
    struct text text = text_begin(line, sizeof line);
    size_t length = array ? without_number(whole(reg)).length : whole(reg).length;

    text_string(&text, "  not touched: ");
    for (size_t i = 0; i < length; i++) {
        text_string(&text, (const char[]){reg[i], '\0'});
    }
    text_string(&text, array ? "n" : "");
    text_string(&text, field == NULL ? "" : ".");
    text_string(&text, field == NULL ? "" : field);
    print(context, line);
}

static struct vdev_coverage_count go_through(const struct vdev_coverage *coverage,
                                             vdev_testing_print_function *print, void *context)
{
    const struct vdev_register_table *table = coverage->table;
    struct vdev_coverage_count count = {0};

    for (size_t i = 0; i < table->count; i++) {
        uint8_t flags = register_flags(coverage, i);
        count.named += flags != 0;
        count.touched += (flags & TOUCHED) != 0;
        if (print != NULL && flags != 0 && (flags & TOUCHED) == 0) {
            print_missing(print, context, table->registers[i].name, is_array(flags), NULL);
        }
    }
    for (size_t i = 0;
         table->fields != NULL && i < VDEV_COVERAGE_FIELDS && table->fields[i].name != NULL; i++) {
        uint8_t flags = field_flags(coverage, i);
        count.named += flags != 0;
        count.touched += (flags & TOUCHED) != 0;
        if (print != NULL && flags != 0 && (flags & TOUCHED) == 0) {
            size_t reg = register_of(coverage, i);
            print_missing(print, context, table->registers[reg].name,
                          is_array(coverage->registers[reg]), table->fields[i].name);
        }
    }
    return count;
}

struct vdev_coverage_count vdev_coverage_count(const struct vdev_coverage *coverage)
{
    return go_through(coverage, NULL, NULL);
}

bool vdev_coverage_finish(const struct vdev_coverage *coverage, unsigned percent,
                          vdev_testing_print_function *print, void *context)
{
    struct vdev_coverage_count count = vdev_coverage_count(coverage);
    char line[160];
    struct text text = text_begin(line, sizeof line);

    if (print == NULL) {
        print = vdev_testing_print;
    }
    text_string(&text, coverage->what);
    text_string(&text, ": ");
    text_decimal(&text, count.touched);
    text_string(&text, " of ");
    text_decimal(&text, count.named);
    text_string(&text, " registers and fields (");
    text_decimal(&text, count.named == 0 ? 0 : count.touched * 100u / count.named);
    text_string(&text, " %)");
    print(context, line);
    go_through(coverage, print, context);
    return count.named != 0 && count.touched * 100u >= percent * count.named;
}
