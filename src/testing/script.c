/* SPDX-License-Identifier: BSD-2-Clause */
/* The strict script: match each access to the step that is due, and say what did not match. */
#include <vdev/testing/script.h>

#include "testing/script_step.h"
#include "testing/text.h"

/* How many of the expected steps a failure's message shows. */
#define STEPS_SHOWN 4u

static const char at_end[] = "the script is at its end";

static const struct vdev_script_step *current(const struct vdev_script *script)
{
    return &script->steps[script->position];
}

static void show_expected(struct text *text, const struct vdev_script *script)
{
    size_t shown = 0;
    size_t number = script->position;

    text_string(text, "\n  expected next:");
    if (number >= script->count) {
        text_string(text, " nothing");
        return;
    }
    if (current(script)->kind == VDEV_SCRIPT_KIND_FREE) {
        text_string(text, " in any order");
        for (number++; number < script->count; number++) {
            size_t place = number - script->position - 1;
            if (script->steps[number].kind == VDEV_SCRIPT_KIND_END) {
                break;
            }
            if ((script->group_full >> place & 1) == 0 && shown < STEPS_SHOWN) {
                step_show(text, script, number, script->group[place]);
                shown++;
            }
        }
        return;
    }
    for (; shown < STEPS_SHOWN && number < script->count; shown++, number++) {
        step_show(text, script, number, shown == 0 ? script->done : 0);
    }
}

static void fail_with(struct vdev_script *script)
{
    script->failed = true;
    testing_fail(script->fail, script->context, script->message);
}

/* `access` is the one that failed, already in the history, or NULL at the end. */
static void fail(struct vdev_script *script, const struct vdev_access *access, const char *reason,
                 const char *details)
{
    if (script->failed) {
        return;
    }
    struct text text = text_begin(script->message, sizeof script->message);
    if (access != NULL) {
        text_string(&text, "access ");
        text_decimal(&text, script->history.count - 1);
        text_string(&text, ", ");
        text_access(&text, script->table, access);
        text_string(&text, ": ");
    }
    text_string(&text, reason);
    text_string(&text, details);
    show_expected(&text, script);
    text_history(&text, script->table, &script->history);
    fail_with(script);
}

/* ---- one step against one access ---- */

static bool same_register(const struct vdev_script *script, uint32_t expected, uint32_t offset)
{
    if (script->table == NULL || expected % 4 != offset % 4) {
        return expected == offset;
    }
    const struct vdev_register *reg = vdev_registers_find(script->table, expected);
    return expected == offset || (reg != NULL && reg == vdev_registers_find(script->table, offset));
}

static uint64_t width_mask(unsigned width)
{
    return UINT64_MAX >> (64 - width * 8u);
}

/*
 * Let the step that was done `*done` times take the access: NULL, *done counts on, *full tells that
 * nothing is left of the step, and a read has its value. Else what is wrong with the access.
 */
static const char *take(struct vdev_script *script, const struct vdev_script_step *step,
                        struct vdev_access *access, uint32_t *done, bool *full)
{
    bool writes = step->kind == VDEV_SCRIPT_KIND_WRITE ||
                  (step->kind == VDEV_SCRIPT_KIND_MODIFY && *done != 0);
    uint64_t value;

    if (access->write != writes) {
        return writes ? "a write was expected" : "a read was expected";
    }
    if (!same_register(script, step_offset(script, step), access->offset)) {
        return "another register was expected";
    }
    if (step->width != 0 && step->width != access->width) {
        return "another width was expected";
    }
    value = step_value(script, step, *done);
    *full = false;
    switch ((enum vdev_script_kind)step->kind) {
    case VDEV_SCRIPT_KIND_MODIFY:
        if (!access->write) {
            *done = 1;
            break;
        }
        value = (value & ~step->mask) | (step->last & step->mask);
        if (((access->value ^ value) & width_mask(access->width)) != 0) {
            return "another value was expected";
        }
        *full = true;
        return NULL;
    case VDEV_SCRIPT_KIND_UNTIL:
        if (*done == 0 && script->clock != NULL) {
            script->since = script->clock->now;
        }
        if (step->nanoseconds != 0 ? script->clock->now - script->since < step->nanoseconds
                                   : *done < step->times) {
            *done += *done != UINT32_MAX;
            break;
        }
        value = step->last;
        *full = true;
        break;
    case VDEV_SCRIPT_KIND_REPEAT:
        /* A repeat without an end is not counted: its count could only wrap. */
        if (step->times != 0) {
            *full = ++*done >= step->times;
        }
        break;
    case VDEV_SCRIPT_KIND_WRITE:
        if (((access->value ^ value) & step->mask & width_mask(access->width)) != 0) {
            return "another value was expected";
        }
        *full = ++*done >= step->times;
        return NULL;
    default:
        *full = ++*done >= step->times;
        break;
    }
    access->value = value & width_mask(access->width);
    return NULL;
}

/* ---- the script's progress ---- */

static void go_to(struct vdev_script *script, size_t position)
{
    script->position = position;
    script->done = 0;
    script->group_full = 0;
    script->group_current = 0;
    for (size_t i = 0; i < VDEV_SCRIPT_GROUP; i++) {
        script->group[i] = 0;
    }
}

static size_t group_length(const struct vdev_script *script)
{
    size_t length = 0;
    while (script->position + 1 + length < script->count &&
           script->steps[script->position + 1 + length].kind != VDEV_SCRIPT_KIND_END) {
        length++;
    }
    return length;
}

/* Is all done in the group at the position that must be; with `optional`: that can be? */
static bool group_done(const struct vdev_script *script, bool optional)
{
    for (size_t i = 0; i < group_length(script); i++) {
        const struct vdev_script_step *step = &current(script)[1 + i];
        if ((script->group_full >> i & 1) == 0 && (optional || !step_optional(step))) {
            return false;
        }
    }
    return true;
}

static const char *take_in_group(struct vdev_script *script, struct vdev_access *access)
{
    const char *nearest = NULL;
    size_t length = group_length(script);

    for (size_t i = 0; i < length; i++) {
        const struct vdev_script_step *step = &current(script)[1 + i];
        bool full;
        if ((script->group_full >> i & 1) != 0 ||
            (script->group_current != 0 && script->group_current != i + 1)) {
            continue;
        }
        const char *reason = take(script, step, access, &script->group[i], &full);
        if (reason == NULL) {
            script->group_full |= (uint32_t)full << i;
            script->group_current =
                step->kind == VDEV_SCRIPT_KIND_MODIFY && !full ? (uint32_t)i + 1 : 0;
            if (group_done(script, true)) {
                go_to(script, script->position + length + 2);
            }
            return NULL;
        }
        /* What is said of the right register is worth more than that others are not it. */
        if (nearest == NULL || same_register(script, step_offset(script, step), access->offset)) {
            nearest = reason;
        }
    }
    return nearest == NULL ? "nothing of the group is left" : nearest;
}

/* Match an access to what is due, past what may be left out. NULL: it is right. */
static const char *match(struct vdev_script *script, struct vdev_access *access, uint64_t now)
{
    const char *reason = at_end;
    bool full;

    while (script->position < script->count) {
        const struct vdev_script_step *step = current(script);
        switch ((enum vdev_script_kind)step->kind) {
        case VDEV_SCRIPT_KIND_DELAY:
            if (now - script->last_access < step->nanoseconds) {
                return "it comes too early";
            }
            go_to(script, script->position + 1);
            continue;
        case VDEV_SCRIPT_KIND_FREE:
            reason = take_in_group(script, access);
            if (reason != NULL && group_done(script, false)) {
                go_to(script, script->position + group_length(script) + 2);
                reason = at_end;
                continue;
            }
            return reason;
        case VDEV_SCRIPT_KIND_END:
            go_to(script, script->position + 1);
            continue;
        default:
            reason = take(script, step, access, &script->done, &full);
            if (reason != NULL && step_optional(step)) {
                go_to(script, script->position + 1);
                reason = at_end;
                continue;
            }
            if (reason == NULL && full) {
                go_to(script, script->position + 1);
            }
            return reason;
        }
    }
    return reason;
}

/* Which fields of a written value are not as expected: " (BUSY is 1, not 0)". */
static void show_difference(struct text *text, const struct vdev_script *script,
                            const struct vdev_access *access)
{
    const struct vdev_script_step *step = current(script);
    const struct vdev_register_table *table = script->table;

    if (table == NULL || table->fields == NULL || step->kind != VDEV_SCRIPT_KIND_WRITE) {
        return;
    }
    uint32_t offset = step_offset(script, step);
    uint64_t wrong = (access->value ^ step_value(script, step, script->done)) & step->mask;
    for (const struct vdev_register_field *field = table->fields; field->name != NULL; field++) {
        if (field->offset == offset && (wrong & field->mask) != 0) {
            uint32_t lowest = field->mask & (0u - field->mask);
            text_string(text, "; ");
            text_string(text, field->name);
            text_string(text, " is ");
            text_decimal(text, (access->value & field->mask) / lowest);
            text_string(text, ", not ");
            text_decimal(text, (step_value(script, step, script->done) & field->mask) / lowest);
        }
    }
}

/* Play one access; a read's value goes to access->value. */
static void play(struct vdev_script *script, struct vdev_access *access)
{
    const char *reason = NULL;
    char details[160];
    struct text text = text_begin(details, sizeof details);
    uint64_t now = script->clock == NULL ? 0 : script->clock->now;

    if (!script->failed) {
        reason = match(script, access, now);
    }
    if (script->clock != NULL) {
        vdev_virtual_clock_advance(script->clock, script->clock->per_access);
        script->last_access = script->clock->now;
    }
    history_add(&script->history, access);
    if (reason != NULL) {
        if (script->position < script->count && access->write) {
            show_difference(&text, script, access);
        }
        fail(script, access, reason, details);
        return;
    }
    if (script->table != NULL) {
        enum vdev_register_violation violation = vdev_registers_violation(script->table, access);
        if (violation != VDEV_REGISTER_VIOLATION_NONE) {
            fail(script, access, vdev_register_violation_text(violation), details);
        }
    }
}

static uint64_t io_read(void *context, uint32_t offset, unsigned width)
{
    struct vdev_access access = {.offset = offset, .width = (uint8_t)width};
    play(context, &access);
    return access.value;
}

static void io_write(void *context, uint32_t offset, unsigned width, uint64_t value)
{
    struct vdev_access access = {
        .offset = offset, .width = (uint8_t)width, .write = true, .value = value};
    play(context, &access);
}

/* ---- setting up and ending ---- */

/* Wrong use: the message begins with the place in the test. */
static void refuse(struct vdev_script *script, const char *file, uint32_t line, const char *reason)
{
    if (script->failed) {
        return;
    }
    struct text text = text_begin(script->message, sizeof script->message);
    text_place(&text, file, line);
    text_string(&text, file == NULL ? "wrong use of the script: " : ": wrong use of the script: ");
    text_string(&text, reason);
    fail_with(script);
}

/* Check the steps from number `first` on; *group is the first step of an open group plus 1. */
static void check_steps(struct vdev_script *script, size_t first, size_t *group)
{
    for (size_t i = first; i < script->count && !script->failed; i++) {
        const struct vdev_script_step *step = &script->steps[i];
        char reason[200];
        struct text text = text_begin(reason, sizeof reason);
        bool wrong = step_wrong(&text, script, step, *group != 0);
        if (!wrong && step->kind == VDEV_SCRIPT_KIND_END && *group == 0) {
            text_string(&text, "the end of a free order that was not begun");
            wrong = true;
        } else if (!wrong && *group != 0 && i - *group >= VDEV_SCRIPT_GROUP &&
                   step->kind != VDEV_SCRIPT_KIND_END) {
            text_string(&text, "more steps than a free order can have");
            wrong = true;
        }
        if (wrong) {
            refuse(script, step->file, step->line, reason);
        }
        *group = step->kind == VDEV_SCRIPT_KIND_FREE  ? i + 1
                 : step->kind == VDEV_SCRIPT_KIND_END ? 0
                                                      : *group;
    }
}

static void take_over(struct vdev_script *script, const struct vdev_script_step *steps,
                      size_t count)
{
    size_t group = 0;

    script->steps = steps;
    script->count = count;
    go_to(script, 0);
    check_steps(script, 0, &group);
    if (group != 0) {
        refuse(script, steps[group - 1].file, steps[group - 1].line, "the free order has no end");
    }
}

void vdev_script_init(struct vdev_script *script, const struct vdev_register_table *table,
                      const struct vdev_script_step *steps, size_t count,
                      struct vdev_virtual_clock *clock, vdev_testing_fail_function *fail_function,
                      void *context)
{
    vdev_script_init_empty(script, table, NULL, 0, clock, fail_function, context);
    take_over(script, steps, count);
}

void vdev_script_init_empty(struct vdev_script *script, const struct vdev_register_table *table,
                            struct vdev_script_step *room, size_t capacity,
                            struct vdev_virtual_clock *clock,
                            vdev_testing_fail_function *fail_function, void *context)
{
    static const struct vdev_io_operations operations = {.read = io_read, .write = io_write};

    script->io = (struct vdev_io){.operations = &operations, .context = script};
    script->table = table;
    script->steps = room;
    script->count = 0;
    script->room = room;
    script->capacity = capacity;
    script->clock = clock;
    script->last_access = clock == NULL ? 0 : clock->now;
    script->since = 0;
    script->fail = fail_function;
    script->context = context;
    script->failed = false;
    script->history.count = 0;
    script->message[0] = '\0';
    go_to(script, 0);
}

void vdev_script_expect(struct vdev_script *script, const struct vdev_script_step *step,
                        const char *file, unsigned line)
{
    size_t group = 0;

    if (script->failed) {
        return;
    }
    /* What has been played is done with: its room is there again. */
    if (script->steps == script->room && script->position >= script->count) {
        script->count = 0;
        go_to(script, 0);
    }
    if (script->room == NULL || script->steps != script->room ||
        script->count >= script->capacity) {
        refuse(script, file, line, "no room for another step");
        return;
    }
    struct vdev_script_step *added = &script->room[script->count++];
    *added = *step;
    added->file = file;
    added->line = line;
    for (size_t i = 0; i + 1 < script->count; i++) {
        group = script->room[i].kind == VDEV_SCRIPT_KIND_FREE  ? i + 1
                : script->room[i].kind == VDEV_SCRIPT_KIND_END ? 0
                                                               : group;
    }
    check_steps(script, script->count - 1, &group);
}

void vdev_script_continue(struct vdev_script *script, const struct vdev_script_step *steps,
                          size_t count)
{
    if (!vdev_script_finish(script)) {
        return;
    }
    take_over(script, steps, count);
}

bool vdev_script_finish(struct vdev_script *script)
{
    uint64_t now = script->clock == NULL ? 0 : script->clock->now;

    while (!script->failed && script->position < script->count) {
        const struct vdev_script_step *step = current(script);
        bool group = step->kind == VDEV_SCRIPT_KIND_FREE;
        if (step->kind == VDEV_SCRIPT_KIND_DELAY
                ? now - script->last_access < step->nanoseconds
                : !step_optional(step) && !(group && group_done(script, false)) &&
                      step->kind != VDEV_SCRIPT_KIND_END) {
            fail(script, NULL, "the driver left off before the script's end", "");
            break;
        }
        go_to(script, script->position + (group ? group_length(script) + 2 : 1));
    }
    return !script->failed;
}
