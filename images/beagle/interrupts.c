/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts: the controller, a timer that takes them ten times, and waiting for them. The timer
 * counts 32768 Hz, the one clock whose frequency depends on no firmware.
 */
#include <vdev/status.h>

#include "image.h"

#define TIMER           VDEV_OMAP3_GPTIMER1
#define TIMER_HERTZ     32768u
#define TICKS           10u
#define TICK            10000000u /* nanoseconds between them */
#define TICK_COUNTS     328u      /* of the counter, to the nearest */
#define TICKS_PATIENCE  3000000000u
#define WAKE            100000000u /* nanoseconds: the longest rest */
#define STORM           20000u
#define COUNTER_CURRENT 0x10u

static uint32_t counter(const struct image *image)
{
    return vdev_io_read32(&image->clock.counter.io, COUNTER_CURRENT);
}

static void tick(void *context, uint32_t line)
{
    struct image *image = context;

    if (!vdev_omap3_gptimer_acknowledge(&image->timer)) {
        image_storm(image, line);
        return;
    }
    image->ticks++;
    if (image->ticks == 1 && !image->ticking) {
        image->tick_first = counter(image);
    } else if (image->ticks == TICKS && !image->ticking) {
        image->tick_last = counter(image);
    }
}

static void handle(void *context)
{
    struct image *image = context;

    vdev_omap3_intc_dispatch(&image->intc);
}

void image_wait(struct image *image)
{
    image->storm = 0;
    if (image->intc_ready) {
        platform_wait(handle, image, image->ticking);
    }
}

bool image_storm(struct image *image, uint32_t line)
{
    if (++image->storm < STORM) {
        return false;
    }
    vdev_omap3_intc_mask(&image->intc, line);
    return true;
}

void image_handle(struct image *image, uint32_t line, void (*handle_line)(void *, uint32_t),
                  void *context)
{
    if (!image->intc_ready || line >= VDEV_OMAP3_INTC_LINES) {
        return;
    }
    image->handlers[line] = (struct vdev_omap3_intc_handler){handle_line, context};
    vdev_omap3_intc_unmask(&image->intc, line);
}

/* Nine periods lie between ten ticks; one of them more or less is let pass. */
static const char *judge(struct image *image)
{
    uint32_t took = image->tick_last - image->tick_first;
    uint32_t wanted = (TICKS - 1) * TICK_COUNTS;

    if (took >= wanted - TICK_COUNTS && took <= wanted + TICK_COUNTS) {
        return NULL;
    }
    line_clear(&image->reason);
    line_string(&image->reason, "nine periods took ");
    line_decimal(&image->reason, took);
    line_string(&image->reason, " counts of 32768 Hz instead of ");
    line_decimal(&image->reason, wanted);
    return image->reason.bytes;
}

static const char *await_ticks(struct image *image)
{
    uint64_t start = vdev_clock_now(&image->clock.clock);

    while (image->ticks < TICKS) {
        image_wait(image);
        if (vdev_clock_now(&image->clock.clock) - start > TICKS_PATIENCE) {
            line_clear(&image->reason);
            line_decimal(&image->reason, image->ticks);
            line_string(&image->reason, " of 10 ticks came in three seconds");
            return image->reason.bytes;
        }
    }
    return judge(image);
}

const char *image_interrupts(struct image *image)
{
    const struct vdev_io intc = platform_io(image->nodes.intc.address);
    const struct vdev_omap3_gptimer_configuration timer = {
        .io = platform_io(image->nodes.timer.address),
        .hertz = TIMER_HERTZ,
        .posted = true,
    };

    int status = vdev_omap3_intc_init(&image->intc, &intc, image->handlers);
    if (status != VDEV_OK) {
        return image_because(image, "interrupt controller", status);
    }
    image->intc_ready = true;
    status = vdev_omap3_prcm_set_timer_clock(&image->prcm, TIMER, false);
    if (status == VDEV_OK) {
        status = vdev_omap3_gptimer_init(&image->timer, &timer);
    }
    if (status == VDEV_OK) {
        status = vdev_omap3_gptimer_start(&image->timer, TICK, true);
    }
    if (status != VDEV_OK) {
        return image_because(image, "timer", status);
    }
    image_handle(image, image->nodes.timer.interrupt, tick, image);
    const char *why = await_ticks(image);
    status = vdev_omap3_gptimer_stop(&image->timer);
    if (why == NULL && status != VDEV_OK) {
        why = image_because(image, "timer does not stop", status);
    }
    return why;
}

void image_tick(struct image *image)
{
    image->ticking = vdev_omap3_gptimer_start(&image->timer, WAKE, true) == VDEV_OK;
}
