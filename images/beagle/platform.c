/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor under the image: a Cortex-A8 without translation. start.S has what C cannot say.
 * Without translation all data is strongly ordered memory, in which an unaligned access is an
 * abort: the image is built so that it makes none.
 */
#include "image.h"

#define MARK_REGISTER 0x1C130614u /* a place that no device of either board uses */

/* start.S */
extern struct platform_fault platform_last_fault;
extern const uint8_t platform_tree_start[], platform_tree_end[];
uint32_t platform_call(void (*function)(void *context), void *context);
void platform_open(bool rest);
void platform_start(void);
void platform_irq(void);
_Noreturn void platform_stop(void);
void platform_unguarded(void);

static struct image image;
static void (*interrupted)(void *context);
static void *interrupted_context;

struct vdev_io platform_io(uint32_t address)
{
    return (struct vdev_io){.base = address};
}

const void *platform_tree(size_t *size)
{
    *size = (size_t)(platform_tree_end - platform_tree_start);
    return platform_tree_start;
}

bool platform_guard(void (*function)(void *context), void *context, struct platform_fault *fault)
{
    if (platform_call(function, context) != 0) {
        return true;
    }
    *fault = platform_last_fault;
    return false;
}

void platform_wait(void (*handle)(void *context), void *context, bool rest)
{
    interrupted = handle;
    interrupted_context = context;
    platform_open(rest);
}

/* From the IRQ exception, on a stack of its own. */
void platform_irq(void)
{
    interrupted(interrupted_context);
}

void platform_mark(uint32_t number)
{
    __asm__ volatile("dsb" ::: "memory");
    *(volatile uint32_t *)MARK_REGISTER = number;
}

/* From start.S: an exception where nothing is guarded, which is a defect of the image. */
void platform_unguarded(void)
{
    static bool again;

    if (!again) {
        again = true;
        image_report(&image, "image", platform_last_fault.kind);
        vdev_omap3_prcm_reset(&image.prcm);
    }
    platform_stop();
}

void platform_start(void)
{
    image_run(&image);
    platform_stop();
}
