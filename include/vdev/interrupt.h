/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interrupt line as a device sees it: a level to set. What is behind it (an emulated
 * controller, a list register, an eventfd) is the hypervisor's.
 */
#ifndef VDEV_INTERRUPT_H
#define VDEV_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

struct vdev_interrupt_line {
    void (*set)(void *controller, uint32_t number, bool level); /* NULL: not connected */
    void *controller;
    uint32_t number; /* the controller's own */
    bool level;      /* as last set; the line's own */
};

/* Set the level; the controller hears of changes only. */
static inline void vdev_interrupt_set(struct vdev_interrupt_line *line, bool level)
{
    if (line->level == level) {
        return;
    }
    line->level = level;
    if (line->set != 0) {
        line->set(line->controller, line->number, level);
    }
}

#endif
