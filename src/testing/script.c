/* SPDX-License-Identifier: BSD-2-Clause */
/* The strict script: match each access to the step that is due, and say what did not match. */
#include <vdev/testing/script.h>

#include "testing/text.h"

/* How many of the expected steps a failure's message shows. */
#define STEPS_SHOWN 4u

static void show_step(struct text *text, const struct vdev_script *script, size_t number,
                      uint32_t done)
{
    const struct vdev_script_step *step = &script->steps[number];
    uint32_t times = step->times == 0 ? 1 : step->times;
    uint32_t value = step->data == NULL ? step->value : step->data[done < times ? done : 0];

    text_string(text, "\n    step ");
    text_decimal(text, number);
    text_string(text, step->kind == VDEV_SCRIPT_KIND_WRITE ? ": write " : ": read ");
    text_register(text, script->table, step->offset);
    if (step->width != 0) {
        text_string(text, ", ");
        text_decimal(text, step->width * 8u);
        text_string(text, " bits");
    }
    text_string(text, ": ");
    text_hexadecimal(text, value, step->width == 0 ? 1 : step->width * 2u);
    if (step->kind == VDEV_SCRIPT_KIND_WRITE && step->mask != UINT32_MAX) {
        text_string(text, " under ");
        text_hexadecimal(text, step->mask, step->width == 0 ? 1 : step->width * 2u);
    }
    if (step->kind == VDEV_SCRIPT_KIND_REPEAT) {
        text_string(text, ", any number of times");
    } else if (times > 1) {
        text_string(text, ", done ");
        text_decimal(text, done);
        text_string(text, " of ");
        text_decimal(text, times);
    }
}

/* `access` is the one that failed, already in the history, or NULL at the end. */
static void fail(struct vdev_script *script, const struct vdev_access *access, const char *reason)
{
    if (script->failed) {
        return;
    }
    script->failed = true;

    struct text text = text_begin(script->message, sizeof script->message);
    if (access != NULL) {
        text_string(&text, "access ");
        text_decimal(&text, script->history.count - 1);
        text_string(&text, ", ");
        text_access(&text, script->table, access);
        text_string(&text, ": ");
    }
    text_string(&text, reason);
    text_string(&text, "\n  expected next:");
    if (script->position == script->count) {
        text_string(&text, " nothing, the script is at its end");
    }
    for (size_t i = script->position; i < script->count && i - script->position < STEPS_SHOWN;
         i++) {
        show_step(&text, script, i, i == script->position ? script->done : 0);
    }
    text_string(&text, "\n  last accesses:");
    uint32_t shown =
        script->history.count < VDEV_TESTING_HISTORY ? script->history.count : VDEV_TESTING_HISTORY;
    if (shown == 0) {
        text_string(&text, " none");
    }
    for (uint32_t n = script->history.count - shown; n != script->history.count; n++) {
        text_string(&text, "\n    ");
        text_decimal(&text, n);
        text_string(&text, ": ");
        text_access(&text, script->table, &script->history.access[n % VDEV_TESTING_HISTORY]);
    }
    script->fail(script->context, script->message);
}

static bool same_register(const struct vdev_script *script, uint32_t a, uint32_t b)
{
    if (a == b || script->table == NULL) {
        return a == b;
    }
    const struct vdev_register *reg = vdev_registers_find(script->table, a);
    return reg != NULL && a % 4 == b % 4 && reg == vdev_registers_find(script->table, b);
}

/* NULL if the access is what this step wants, else what is wrong with it. */
static const char *compare(const struct vdev_script *script, const struct vdev_script_step *step,
                           const struct vdev_access *access)
{
    bool write = step->kind == VDEV_SCRIPT_KIND_WRITE;

    if (access->write != write) {
        return write ? "a write was expected" : "a read was expected";
    }
    if (!same_register(script, step->offset, access->offset)) {
        return "another register was expected";
    }
    if (step->width != 0 && step->width != access->width) {
        return "another width was expected";
    }
    uint32_t value = step->data == NULL ? step->value : step->data[script->done];
    if (write && ((access->value ^ value) & step->mask) != 0) {
        return "another value was expected";
    }
    return NULL;
}

static void next_step(struct vdev_script *script)
{
    script->position++;
    script->done = 0;
}

/* Match one access; a read's value goes to access->value. */
static void play(struct vdev_script *script, struct vdev_access *access)
{
    const char *reason = "the script is at its end";

    if (script->clock != NULL) {
        vdev_virtual_clock_advance(script->clock, script->clock->per_access);
    }
    while (!script->failed && script->position < script->count) {
        const struct vdev_script_step *step = &script->steps[script->position];
        reason = compare(script, step, access);
        if (reason == NULL) {
            if (!access->write) {
                access->value = step->data == NULL ? step->value : step->data[script->done];
            }
            /* A repeat without an end is not counted: its count could only wrap. */
            if (step->kind != VDEV_SCRIPT_KIND_REPEAT || step->times != 0) {
                script->done++;
                if (script->done >= step->times) {
                    next_step(script);
                }
            }
            break;
        }
        if (step->kind != VDEV_SCRIPT_KIND_REPEAT) {
            break;
        }
        next_step(script);
        reason = "the script is at its end";
    }
    script->history.access[script->history.count % VDEV_TESTING_HISTORY] = *access;
    script->history.count++;
    if (reason != NULL) {
        fail(script, access, reason);
        return;
    }
    if (script->table != NULL) {
        enum vdev_register_violation violation = vdev_registers_violation(script->table, access);
        if (violation != VDEV_REGISTER_VIOLATION_NONE) {
            fail(script, access, vdev_register_violation_text(violation));
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

void vdev_script_init(struct vdev_script *script, const struct vdev_register_table *table,
                      const struct vdev_script_step *steps, size_t count,
                      struct vdev_virtual_clock *clock, vdev_testing_fail_function *fail_function,
                      void *context)
{
    static const struct vdev_io_operations operations = {.read = io_read, .write = io_write};

    script->io = (struct vdev_io){.operations = &operations, .context = script};
    script->table = table;
    script->steps = steps;
    script->count = count;
    script->position = 0;
    script->done = 0;
    script->clock = clock;
    script->fail = fail_function;
    script->context = context;
    script->failed = false;
    script->history.count = 0;
    script->message[0] = '\0';
}

void vdev_script_continue(struct vdev_script *script, const struct vdev_script_step *steps,
                          size_t count)
{
    if (!vdev_script_finish(script)) {
        return;
    }
    script->steps = steps;
    script->count = count;
    script->position = 0;
    script->done = 0;
}

bool vdev_script_finish(struct vdev_script *script)
{
    while (script->position < script->count &&
           script->steps[script->position].kind == VDEV_SCRIPT_KIND_REPEAT) {
        next_step(script);
    }
    if (script->position < script->count) {
        fail(script, NULL, "the driver left off before the script's end");
    }
    return !script->failed;
}
