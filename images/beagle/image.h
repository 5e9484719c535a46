/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Beagle image: takes the board's devices one after the other, with the library's drivers, and
 * says of each whether it works. Everything it knows is in one structure, so that its test can run
 * it more than once.
 *
 * Interrupts come only inside image_wait; so handlers and steps never meet, and all devices have
 * one context, as the library asks.
 */
#ifndef BEAGLE_IMAGE_H
#define BEAGLE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/block.h>
#include <vdev/clock.h>
#include <vdev/console.h>
#include <vdev/drivers/omap3_gptimer.h>
#include <vdev/drivers/omap3_intc.h>
#include <vdev/drivers/omap3_node.h>
#include <vdev/drivers/omap3_prcm.h>
#include <vdev/fdt.h>

#include "platform.h"
#include "line.h"

/* Where the devices are: what the board's tree says. */
struct image_nodes {
    struct vdev_omap3_node uart, intc, timer, counter, button, leds, card, i2c, cm, prm, scm;
};

/* A clock that goes on even if the counter below it does not, so that every wait ends. */
struct image_clock {
    struct vdev_clock clock;
    struct vdev_omap3_counter counter;
    bool present;    /* the counter could be read */
    uint64_t last;   /* of the counter */
    uint32_t looks;  /* that found the same */
    uint64_t beyond; /* nanoseconds that were made up */
};

struct image {
    struct image_nodes nodes;
    struct image_clock clock;
    struct vdev_omap3_prcm prcm;
    struct vdev_omap3_intc intc;
    struct vdev_omap3_intc_handler handlers[VDEV_OMAP3_INTC_LINES];
    struct vdev_omap3_gptimer timer;
    struct vdev_console *console; /* NULL: there is none that could be written to */
    struct vdev_block *disk;      /* NULL: none */
    bool intc_ready;
    bool ticking;      /* the timer interrupts now and then: the processor may rest */
    bool console_dead; /* it took nothing for a second: what is said is thrown away */
    bool console_interrupts;
    uint32_t ticks;               /* of the timer */
    uint32_t tick_first;          /* the counter at the first, and at the last of those awaited */
    uint32_t tick_last;           /* ... */
    uint32_t storm;               /* interrupts since the processor was last ours */
    uint32_t passed, failed;      /* steps */
    struct line reason, line;     /* of the step under way; of what is being said */
    struct vdev_fdt_error misfit; /* what is wrong with the tree */
};

/* All of it, up to the reset of the board. Returns only if there is something left after that. */
void image_run(struct image *image);

/* ---- report.c ---- */

/* One step's name, and what it does: returns NULL, or why it failed. */
struct image_step {
    const char *name;
    const char *(*run)(struct image *image);
};

/* Do a step, survive what it runs into, and say so: "ok NAME" or "FAIL NAME: WHY". */
bool image_step(struct image *image, const struct image_step *step);
/* The same in two parts: the line of what was done before there was a console to say it on. */
const char *image_try(struct image *image, const char *(*run)(struct image *image));
bool image_report(struct image *image, const char *name, const char *why);

/* "note NAME: WHY", which does not count, if there is a why. */
void image_note(struct image *image, const char *name, const char *why);

/* In the image's own memory: "WHAT: STATUS". */
const char *image_because(struct image *image, const char *what, int status);

/* The text that is in image->line, or this one; with an end of line. */
void image_say_line(struct image *image);
void image_say(struct image *image, const char *string);

/* All bytes to the console, in a wait that ends. False: it took nothing for a second. */
bool image_write(struct image *image, const uint8_t *bytes, size_t length);

/* ---- interrupts.c ---- */

/* Interrupts, the periodic ones of the timer, and their time against the counter's. */
const char *image_interrupts(struct image *image);
/* From then on the timer wakes the processor, so that image_wait may rest it. */
void image_tick(struct image *image);
/* Let interrupts in; until one has come, if one is sure to. */
void image_wait(struct image *image);
/* Have a line handled from now on; it interrupts only if the controller works. */
void image_handle(struct image *image, uint32_t line, void (*handle)(void *, uint32_t),
                  void *context);
/* For a handler: this is one too many in a row, and its line is masked now. */
bool image_storm(struct image *image, uint32_t line);

/* ---- board.c ---- */

const char *image_read_tree(struct image *image);
const char *image_start_counter(struct image *image);
const char *image_check_counter(struct image *image);
const char *image_connect_pads(struct image *image);
const char *image_enable_clocks(struct image *image);
const char *image_stop_watchdog(struct image *image);
const char *image_button(struct image *image);
const char *image_leds(struct image *image);

/* ---- native.c, or para.c: the console and the disk, by the board's devices or by virtio ---- */

extern const char *const image_console_name;
const char *image_open_console(struct image *image);
/* Wait for room or for input: by its interrupt, or by looking. */
void image_console_wait(struct image *image);
/* From now on the console interrupts. Returns why not. */
const char *image_console_interrupts(struct image *image);
/* Wait until all that was written has left. */
void image_console_drain(struct image *image);
/* What the card needs besides its controller; a note of what there is not. */
void image_supply_card(struct image *image);
const char *image_open_disk(struct image *image);

/* ---- disk.c ---- */

/* Do a request and wait for it, ten seconds at most. */
int image_transfer(struct image *image, enum vdev_block_operation operation, uint64_t sector,
                   void *bytes, size_t length);
const char *image_partitions(struct image *image);
const char *image_sector(struct image *image);

/* ---- workload.c: in images for a hypervisor only ---- */

void image_workload(struct image *image);

#endif
