/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts the register accesses in QEMU's trace of memory_region_ops_*, read from standard input,
 * and writes one line of JSON at each mark: the counts so far per address. It keeps nothing of the
 * trace and knows no device.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { slot_count = 1 << 14, name_size = 48, buffer_size = 1 << 18 };

struct slot {
    bool used;
    uint64_t address;
    char name[name_size]; /* of QEMU's memory region */
    uint64_t reads, writes;
};

static struct slot slots[slot_count];
static uint64_t mark_address;

static struct slot *find_slot(uint64_t address)
{
    /* Registers are four bytes apart in devices a page apart: a multiplication spreads both. */
    size_t index = (size_t)((address * 0x9E3779B97F4A7C15u) >> 40) % slot_count;
    for (size_t tries = 0; tries < slot_count; tries++, index = (index + 1) % slot_count) {
        if (!slots[index].used || slots[index].address == address)
            return &slots[index];
    }
    fprintf(stderr, "trace-filter: more than %d addresses accessed\n", slot_count);
    exit(1);
}

static void print_mark(uint64_t mark)
{
    const char *separator = "";
    printf("{\"mark\":%" PRIu64 ",\"accesses\":{", mark);
    for (size_t index = 0; index < slot_count; index++) {
        const struct slot *slot = &slots[index];
        if (slot->used) {
            printf("%s\"%#" PRIx64 "\":[\"%s\",%" PRIu64 ",%" PRIu64 "]", separator, slot->address,
                   slot->name, slot->reads, slot->writes);
            separator = ",";
        }
    }
    printf("}}\n");
    fflush(stdout);
}

/* Takes the number after a word such as "addr "; false where the line has no such word. */
static bool number_after(const char **line, const char *word, uint64_t *number)
{
    const char *found = strstr(*line, word);
    if (!found)
        return false;
    char *end;
    *number = strtoull(found + strlen(word), &end, 0);
    *line = end;
    return true;
}

static void count_line(const char *line)
{
    static const char prefix[] = "memory_region_ops_";
    const char *at = strstr(line, prefix);
    if (!at)
        return;
    at += sizeof prefix - 1;
    bool write = at[0] == 'w';
    uint64_t address, value;
    if (!number_after(&at, " addr ", &address) || !number_after(&at, " value ", &value))
        return;
    if (write && address == mark_address) {
        print_mark(value);
        return;
    }
    struct slot *slot = find_slot(address);
    if (!slot->used) {
        slot->used = true;
        slot->address = address;
        const char *name = strchr(at, '\'');
        size_t length = name ? strcspn(name + 1, "'\"\\") : 0;
        if (length >= name_size)
            length = name_size - 1;
        if (name)
            memcpy(slot->name, name + 1, length);
    }
    if (write)
        slot->writes++;
    else
        slot->reads++;
}

int main(int argc, char **argv)
{
    static char buffer[buffer_size + 1];
    size_t filled = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: trace-filter MARK-ADDRESS <trace\n");
        return 2;
    }
    mark_address = strtoull(argv[1], NULL, 0);
    for (;;) {
        ssize_t got = read(STDIN_FILENO, buffer + filled, buffer_size - filled);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0;
        filled += (size_t)got;
        char *start = buffer;
        char *end = buffer + filled;
        for (char *newline; (newline = memchr(start, '\n', (size_t)(end - start)));
             start = newline + 1) {
            *newline = '\0';
            count_line(start);
        }
        filled = (size_t)(end - start);
        /* A line that fills the whole buffer is none of the tracer's. */
        if (filled == buffer_size)
            filled = 0;
        memmove(buffer, start, filled);
    }
}
