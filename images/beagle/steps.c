/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of things, and what is said of them. */
#include <vdev/status.h>

#include "core/mem.h"
#include "image.h"

/* Done before there is a console to say it on, in this order. */
enum early { TREE, COUNTER, PADS, CLOCKS, CONSOLE, EARLY };

static const char *(*const early[EARLY])(struct image *image) = {
    [TREE] = image_read_tree,       [COUNTER] = image_start_counter, [PADS] = image_connect_pads,
    [CLOCKS] = image_enable_clocks, [CONSOLE] = image_open_console,
};

static const char *no_tree(struct image *image)
{
    (void)image;
    return "the tree does not say where";
}

static const char *card(struct image *image)
{
    image_supply_card(image);
    const char *why = image_open_disk(image);
    if (why != NULL) {
        return why;
    }
    line_clear(&image->line);
    line_string(&image->line, "card: ");
    line_string(&image->line, image->disk->information.identifier);
    line_string(&image->line, ", ");
    line_decimal(&image->line, image->disk->information.sectors);
    line_string(&image->line, " sectors");
    image_say_line(image);
    return NULL;
}

static void summary(struct image *image)
{
    line_clear(&image->line);
    line_decimal(&image->line, image->passed);
    line_string(&image->line, " passed, ");
    line_decimal(&image->line, image->failed);
    line_string(&image->line, " failed");
    image_say_line(image);
}

static const char *drain(struct image *image)
{
    image_console_drain(image);
    return NULL;
}

static const char *reset(struct image *image)
{
    return image_because(image, "PRM", vdev_omap3_prcm_reset(&image->prcm));
}

void image_run(struct image *image)
{
    static struct line whys[EARLY];
    const char *why[EARLY];

    memset(image, 0, sizeof *image);
    for (int i = 0; i < EARLY; i++) {
        const char *given = image_try(image, early[i]);
        line_clear(&whys[i]);
        line_string(&whys[i], given != NULL ? given : "");
        why[i] = given != NULL ? whys[i].bytes : NULL;
    }
    image_say(image, "");
    image_say(image, "vdev on the BeagleBoard");
    image_report(image, image_console_name, why[CONSOLE]);
    bool found = image_report(image, "tree", why[TREE]);
    if (why[COUNTER] != NULL) {
        image_report(image, "counter", why[COUNTER]);
    } else {
        image_step(image, &(struct image_step){"counter", image_check_counter});
    }
    image_report(image, "clocks", why[CLOCKS]);
    image_note(image, "pads", why[PADS]);
    image_note(image, "watchdog", image_try(image, image_stop_watchdog));

    static const struct image_step steps[] = {
        {"timer", image_interrupts},
        {"button", image_button},
        {"leds", image_leds},
        {"card", card},
        {"partitions", image_partitions},
        {"sector", image_sector},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const struct image_step step = {steps[i].name, found ? steps[i].run : no_tree};
        if (image_step(image, &step) && i == 0) {
            image_tick(image);
        }
    }
#ifdef VDEV_MARKS
    image_workload(image);
#endif
    summary(image);
    image_try(image, drain);
    /* Not on hardware: it is off by then. */
    image_note(image, "reset", image_try(image, reset));
}
