/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt lines, their handlers, and what goes wrong between them. */
#include <stddef.h>

#include <vdev/testing/interrupts.h>

#include "testing/text.h"

#define WAIT_STEPS 10000u

static void run(struct vdev_interrupts *interrupts, uint32_t number)
{
    interrupts->runs[number]++;
    interrupts->running = true;
    interrupts->handler[number](interrupts->handler_context[number]);
    interrupts->running = false;
}

static uint32_t due(const struct vdev_interrupts *interrupts)
{
    uint32_t high = (interrupts->pending | interrupts->stuck) & interrupts->enabled;

    for (uint32_t number = 0; number < VDEV_INTERRUPTS_LINES; number++) {
        if (interrupts->handler[number] == NULL) {
            high &= ~((uint32_t)1 << number);
        }
    }
    return high;
}

static void set(void *controller, uint32_t number, bool level)
{
    struct vdev_interrupts *interrupts = controller;
    uint32_t bit = (uint32_t)1 << number;

    if (!level) {
        interrupts->pending &= ~bit;
        return;
    }
    if (interrupts->lose[number] != 0) {
        interrupts->lose[number]--;
        return;
    }
    interrupts->pending |= bit;
    if (interrupts->immediate) {
        vdev_interrupts_deliver(interrupts);
    }
}

void vdev_interrupts_init(struct vdev_interrupts *interrupts, struct vdev_virtual_clock *clock,
                          vdev_testing_fail_function *fail, void *context)
{
    *interrupts = (struct vdev_interrupts){
        .enabled = UINT32_MAX, .clock = clock, .fail = fail, .context = context};
    for (uint32_t number = 0; number < VDEV_INTERRUPTS_LINES; number++) {
        interrupts->lines[number] =
            (struct vdev_interrupt_line){.set = set, .controller = interrupts, .number = number};
    }
}

void vdev_interrupts_connect(struct vdev_interrupts *interrupts, uint32_t number,
                             void (*handler)(void *context), void *context)
{
    if (number >= VDEV_INTERRUPTS_LINES) {
        testing_fail(interrupts->fail, interrupts->context,
                     "wrong use of the interrupts: there is no line of that number");
        return;
    }
    interrupts->handler[number] = handler;
    interrupts->handler_context[number] = context;
}

uint32_t vdev_interrupts_deliver(struct vdev_interrupts *interrupts)
{
    uint32_t ran = 0;
    uint32_t in_row[VDEV_INTERRUPTS_LINES] = {0};
    uint32_t high;

    while (!interrupts->running && (high = due(interrupts)) != 0) {
        for (uint32_t number = 0; number < VDEV_INTERRUPTS_LINES; number++) {
            if ((high >> number & 1) == 0) {
                in_row[number] = 0;
                continue;
            }
            if (in_row[number]++ >= VDEV_INTERRUPTS_MOST) {
                char message[160];
                struct text text = text_begin(message, sizeof message);
                text_string(&text, "interrupt storm: line ");
                text_decimal(&text, number);
                text_string(&text, " is still high after ");
                text_decimal(&text, VDEV_INTERRUPTS_MOST);
                text_string(&text, " runs of its handler");
                testing_fail(interrupts->fail, interrupts->context, message);
                return ran;
            }
            run(interrupts, number);
            ran++;
        }
    }
    return ran;
}

void vdev_interrupts_spurious(struct vdev_interrupts *interrupts, uint32_t number)
{
    if (number >= VDEV_INTERRUPTS_LINES || interrupts->handler[number] == NULL) {
        testing_fail(interrupts->fail, interrupts->context,
                     "wrong use of the interrupts: the line has no handler");
        return;
    }
    run(interrupts, number);
}

static void tell_wait(struct vdev_interrupts *interrupts, uint64_t nanoseconds, const char *what,
                      const char *file, unsigned line)
{
    char message[VDEV_TESTING_MESSAGE];
    struct text text = text_begin(message, sizeof message);

    text_place(&text, file, line);
    text_string(&text, ": waited ");
    text_decimal(&text, nanoseconds);
    text_string(&text, " ns of virtual time for ");
    text_string(&text, what);
    text_string(&text, "\n  lines that ran their handler:");
    for (uint32_t number = 0; number < VDEV_INTERRUPTS_LINES; number++) {
        if (interrupts->runs[number] != 0) {
            text_string(&text, " ");
            text_decimal(&text, number);
            text_string(&text, " (");
            text_decimal(&text, interrupts->runs[number]);
            text_string(&text, " times)");
        }
    }
    text_string(&text, "\n  lines that the device holds high:");
    for (uint32_t number = 0; number < VDEV_INTERRUPTS_LINES; number++) {
        if (interrupts->lines[number].level) {
            text_string(&text, " ");
            text_decimal(&text, number);
            text_string(&text, (interrupts->enabled >> number & 1) == 0   ? " (disabled)"
                               : interrupts->handler[number] == NULL      ? " (no handler)"
                               : (interrupts->pending >> number & 1) == 0 ? " (lost)"
                                                                          : "");
        }
    }
    testing_fail(interrupts->fail, interrupts->context, message);
}

bool vdev_interrupts_wait_at(struct vdev_interrupts *interrupts, bool (*done)(void *context),
                             void *context, uint64_t nanoseconds, const char *what,
                             const char *file, unsigned line)
{
    if (interrupts->clock == NULL) {
        testing_fail(interrupts->fail, interrupts->context,
                     "wrong use of the interrupts: a wait needs a clock");
        return false;
    }
    uint64_t start = interrupts->clock->now;
    uint64_t step = nanoseconds / WAIT_STEPS + 1;
    for (;;) {
        vdev_interrupts_deliver(interrupts);
        if (done(context)) {
            return true;
        }
        if (interrupts->clock->now - start >= nanoseconds) {
            tell_wait(interrupts, nanoseconds, what, file, line);
            return false;
        }
        vdev_virtual_clock_advance(interrupts->clock, step);
    }
}
