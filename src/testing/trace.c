/* SPDX-License-Identifier: BSD-2-Clause */
/* Traces: an access as a line, and a script from lines, ours or QEMU's. */
#include <vdev/status.h>
#include <vdev/testing/trace.h>

#include "testing/text.h"

void vdev_trace_line(const struct vdev_access *access, char line[VDEV_TRACE_LINE])
{
    struct text text = text_begin(line, VDEV_TRACE_LINE);

    text_string(&text, access->write ? "write " : "read ");
    text_hexadecimal(&text, access->offset, 3);
    text_string(&text, " ");
    text_decimal(&text, access->width);
    text_string(&text, " ");
    text_hexadecimal(&text, access->value, access->width * 2u);
}

/* What is left of a line. */
struct rest {
    const char *at;
    const char *end;
};

enum outcome { ACCESS, NOTHING, UNREADABLE };

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word: up to a space, or in quotes. Empty at the line's end. */
static struct rest word(struct rest *line)
{
    while (line->at != line->end && is_space(*line->at)) {
        line->at++;
    }
    struct rest found = {line->at, line->at};
    if (line->at != line->end && *line->at == '\'') {
        found.at = found.end = ++line->at;
        while (line->at != line->end && *line->at != '\'') {
            line->at++;
        }
        found.end = line->at;
        line->at += line->at != line->end;
        return found;
    }
    while (line->at != line->end && !is_space(*line->at)) {
        line->at++;
    }
    found.end = line->at;
    return found;
}

static bool is_word(struct rest word_, const char *text)
{
    const char *at = word_.at;
    while (at != word_.end && *text == *at) {
        at++;
        text++;
    }
    return at == word_.end && *text == '\0';
}

static bool number(struct rest word_, uint64_t *value)
{
    const char *at = word_.at;
    uint64_t base = 10;

    if (word_.end - at > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) {
        base = 16;
        at += 2;
    }
    *value = 0;
    if (at == word_.end) {
        return false;
    }
    for (; at != word_.end; at++) {
        uint64_t digit = *at >= '0' && *at <= '9'   ? (uint64_t)(*at - '0')
                         : *at >= 'a' && *at <= 'f' ? (uint64_t)(*at - 'a' + 10)
                         : *at >= 'A' && *at <= 'F' ? (uint64_t)(*at - 'A' + 10)
                                                    : 16;
        if (digit >= base || *value > (UINT64_MAX - digit) / base) {
            return false;
        }
        *value = *value * base + digit;
    }
    return true;
}

static enum outcome finish(struct vdev_access *access, uint64_t offset, uint64_t width,
                           uint64_t value)
{
    if (width != 1 && width != 2 && width != 4 && width != 8) {
        return UNREADABLE;
    }
    if (offset > UINT32_MAX || value > UINT64_MAX >> (64 - width * 8)) {
        return UNREADABLE;
    }
    access->offset = (uint32_t)offset;
    access->width = (uint8_t)width;
    access->value = value;
    return ACCESS;
}

static enum outcome read_own(struct rest line, struct vdev_access *access)
{
    uint64_t offset, width, value;

    if (!number(word(&line), &offset) || !number(word(&line), &width) ||
        !number(word(&line), &value)) {
        return UNREADABLE;
    }
    struct rest more = word(&line);
    return more.at != more.end ? UNREADABLE : finish(access, offset, width, value);
}

/* KEY VALUE pairs up to the line's end. */
static enum outcome read_qemu(struct rest line, const struct vdev_trace_window *window,
                              struct vdev_access *access)
{
    uint64_t address = 0, width = 0, value = 0;
    bool have_address = false, have_value = false, named = true;

    for (;;) {
        struct rest key = word(&line);
        struct rest content = word(&line);
        bool good = true;
        if (key.at == key.end) {
            break;
        }
        if (is_word(key, "addr")) {
            good = number(content, &address);
            have_address = true;
        } else if (is_word(key, "value")) {
            good = number(content, &value);
            have_value = true;
        } else if (is_word(key, "size")) {
            good = number(content, &width);
        } else if (is_word(key, "name") && window != NULL && window->name != NULL) {
            named = is_word(content, window->name);
        }
        if (!good) {
            return UNREADABLE;
        }
    }
    if (!have_address || !have_value || width == 0) {
        return UNREADABLE;
    }
    if (window == NULL || !named || address - window->address >= window->length) {
        return NOTHING;
    }
    return finish(access, address - window->address, width, value);
}

/* Is it the name of a QEMU event? Then past "PID@TIME:" before it. */
static bool is_event(struct rest *word_)
{
    bool underscore = false;

    for (const char *at = word_->at; at != word_->end; at++) {
        if (*at == ':') {
            word_->at = at + 1;
        }
    }
    for (const char *at = word_->at; at != word_->end; at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9');
        underscore = underscore || *at == '_';
        if (!letter && *at != '_') {
            return false;
        }
    }
    return underscore;
}

static enum outcome read_line(struct rest line, const struct vdev_trace_window *window,
                              struct vdev_access *access)
{
    struct rest first = word(&line);

    *access = (struct vdev_access){0};
    if (first.at == first.end || *first.at == '#') {
        return NOTHING;
    }
    if (is_word(first, "read") || is_word(first, "write")) {
        access->write = *first.at == 'w';
        return read_own(line, access);
    }
    if (!is_event(&first)) {
        return UNREADABLE;
    }
    access->write = is_word(first, "memory_region_ops_write");
    if (!access->write && !is_word(first, "memory_region_ops_read")) {
        return NOTHING;
    }
    return read_qemu(line, window, access);
}

static bool same(const struct vdev_script_step *step, const struct vdev_access *access)
{
    return (step->kind == VDEV_SCRIPT_KIND_WRITE) == access->write &&
           step->offset == access->offset && step->width == access->width &&
           step->value == access->value && step->times != UINT32_MAX;
}

int vdev_trace_steps(const char *text, size_t length, const struct vdev_trace_window *window,
                     const char *file, struct vdev_script_step *steps, size_t capacity,
                     size_t *count, uint32_t *line)
{
    const char *at = text;
    const char *end = text + length;

    *count = 0;
    *line = 0;
    while (at != end) {
        struct rest rest = {at, at};
        struct vdev_access access;
        while (rest.end != end && *rest.end != '\n') {
            rest.end++;
        }
        at = rest.end == end ? end : rest.end + 1;
        ++*line;
        enum outcome outcome = read_line(rest, window, &access);
        if (outcome == UNREADABLE) {
            return VDEV_ERROR_INVALID;
        }
        if (outcome == NOTHING) {
            continue;
        }
        if (*count != 0 && same(&steps[*count - 1], &access)) {
            steps[*count - 1].times++;
            continue;
        }
        if (*count == capacity) {
            return VDEV_ERROR_FULL;
        }
        steps[(*count)++] = (struct vdev_script_step){
            .kind = access.write ? VDEV_SCRIPT_KIND_WRITE : VDEV_SCRIPT_KIND_READ,
            .width = access.width,
            .offset = access.offset,
            .value = access.value,
            .mask = UINT64_MAX,
            .times = 1,
            .file = file,
            .line = *line,
        };
    }
    return VDEV_OK;
}
