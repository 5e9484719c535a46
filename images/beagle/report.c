/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of what was found, and steps that end in one, whatever they run into. */
#include <vdev/status.h>

#include "image.h"

#define PATIENCE 1000000000u /* nanoseconds without room on the console */

bool image_write(struct image *image, const uint8_t *bytes, size_t length)
{
    if (image->console == NULL || image->console_dead) {
        return false;
    }
    uint64_t since = 0;
    bool waiting = false;
    while (length != 0) {
        size_t done = vdev_console_write(image->console, bytes, length);
        bytes += done;
        length -= done;
        if (length == 0) {
            break;
        }
        if (done != 0) {
            waiting = false;
        } else if (!waiting) {
            waiting = true;
            since = vdev_clock_now(&image->clock.clock);
        } else if (vdev_clock_now(&image->clock.clock) - since > PATIENCE) {
            image->console_dead = true;
            return false;
        }
        image_console_wait(image);
    }
    return true;
}

struct saying {
    struct image *image;
    const char *string;
};

static void say(void *context)
{
    static const uint8_t end[] = {'\r', '\n'};
    const struct saying *saying = context;
    size_t length = 0;

    while (saying->string[length] != 0) {
        length++;
    }
    if (image_write(saying->image, (const uint8_t *)saying->string, length)) {
        image_write(saying->image, end, sizeof end);
    }
}

void image_say(struct image *image, const char *string)
{
    struct saying saying = {image, string};
    struct platform_fault fault;

    if (!platform_guard(say, &saying, &fault)) {
        image->console_dead = true;
    }
}

void image_say_line(struct image *image)
{
    image_say(image, image->line.bytes);
}

const char *image_because(struct image *image, const char *what, int status)
{
    line_clear(&image->reason);
    line_string(&image->reason, what);
    line_string(&image->reason, ": ");
    line_string(&image->reason, vdev_status_name(status));
    return image->reason.bytes;
}

struct attempt {
    struct image *image;
    const char *(*run)(struct image *image);
    const char *why;
};

static void attempt(void *context)
{
    struct attempt *self = context;

    self->why = self->run(self->image);
}

const char *image_try(struct image *image, const char *(*run)(struct image *image))
{
    struct attempt self = {.image = image, .run = run};
    struct platform_fault fault;

    if (platform_guard(attempt, &self, &fault)) {
        return self.why;
    }
    if (image->intc_ready) {
        /* If a handler was cut short, its interrupt was not acknowledged; else this does nothing.
         */
        vdev_omap3_intc_acknowledge(&image->intc);
    }
    line_clear(&image->reason);
    line_string(&image->reason, fault.kind);
    line_string(&image->reason, " at ");
    line_hexadecimal(&image->reason, fault.address, 8);
    line_string(&image->reason, ", by the instruction at ");
    line_hexadecimal(&image->reason, fault.instruction, 8);
    return image->reason.bytes;
}

bool image_report(struct image *image, const char *name, const char *why)
{
    struct line *line = &image->line;

    line_clear(line);
    line_string(line, why == NULL ? "ok " : "FAIL ");
    line_string(line, name);
    if (why != NULL) {
        line_string(line, ": ");
        line_string(line, why);
    }
    *(why == NULL ? &image->passed : &image->failed) += 1;
    image_say_line(image);
    return why == NULL;
}

void image_note(struct image *image, const char *name, const char *why)
{
    if (why == NULL) {
        return;
    }
    line_clear(&image->line);
    line_string(&image->line, "note ");
    line_string(&image->line, name);
    line_string(&image->line, ": ");
    line_string(&image->line, why);
    image_say_line(image);
}

bool image_step(struct image *image, const struct image_step *step)
{
    return image_report(image, step->name, image_try(image, step->run));
}
