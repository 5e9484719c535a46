/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The work of the comparison, as tools/setup/init does it under Linux: the same pieces at the same
 * places with the same bytes, said in the same words, so that the same program checks them. Windows
 * are numbered as in tools/compare/workload.py; a window's marks are 2n - 1 and 2n.
 */
#include <vdev/status.h>

#include "core/mem.h"
#include "image.h"
#include "sha256.h"

#define AREA    (4u << 20)
#define PATTERN 65536u
#define INPUT   4096u

#define READ_4K       1u
#define READ_64K      2u
#define WRITE_4K      3u
#define WRITE_64K     4u
#define CONSOLE_WRITE 5u
#define CONSOLE_READ  6u

/* tools/compare/workload.py's pattern(), by pattern.S */
extern const uint8_t workload_pattern[PATTERN];

static _Alignas(64) uint8_t area[AREA] __attribute__((section(".work")));

struct window {
    uint32_t number;
    const char *name;
    enum vdev_block_operation operation;
    uint32_t request;  /* bytes */
    uint32_t position; /* bytes, on the disk */
};

static const struct window windows[] = {
    {READ_4K, "read-4k", VDEV_BLOCK_READ, 4u << 10, 4u << 20},
    {READ_64K, "read-64k", VDEV_BLOCK_READ, 64u << 10, 8u << 20},
    {WRITE_4K, "write-4k", VDEV_BLOCK_WRITE, 4u << 10, 16u << 20},
    {WRITE_64K, "write-64k", VDEV_BLOCK_WRITE, 64u << 10, 24u << 20},
};

static void say(struct image *image, const char *words, const char *more)
{
    line_clear(&image->line);
    line_string(&image->line, "vdev: ");
    line_string(&image->line, words);
    line_string(&image->line, more);
    image_say_line(image);
}

static void say_checksum(struct image *image, const char *name, size_t length)
{
    uint32_t digest[8];

    sha256(area, length, digest);
    line_clear(&image->line);
    line_string(&image->line, "vdev: checksum ");
    line_string(&image->line, name);
    line_string(&image->line, " ");
    for (unsigned i = 0; i < 8; i++) {
        line_hexadecimal(&image->line, digest[i], 8);
    }
    image_say_line(image);
}

static void begin(struct image *image, uint32_t window)
{
    image_console_drain(image);
    platform_mark(2 * window - 1);
}

static void end(uint32_t window)
{
    platform_mark(2 * window);
}

/* Rotations of the pattern, so that no two blocks are alike. */
static void make_data(uint32_t window)
{
    for (uint32_t block = 0; block < AREA / PATTERN; block++) {
        uint32_t start = (block * 1021u + window * 7919u) % PATTERN;
        uint8_t *to = area + block * PATTERN;
        memcpy(to, workload_pattern + start, PATTERN - start);
        memcpy(to + (PATTERN - start), workload_pattern, start);
    }
}

static const char *work_on_disk(struct image *image, const struct window *window)
{
    int status = VDEV_OK;

    if (window->operation == VDEV_BLOCK_WRITE) {
        make_data(window->number);
    } else {
        memset(area, 0, sizeof area);
    }
    begin(image, window->number);
    for (uint32_t at = 0; at < AREA && status == VDEV_OK; at += window->request) {
        status =
            image_transfer(image, window->operation, (window->position + at) / VDEV_SECTOR_SIZE,
                           area + at, window->request);
    }
    end(window->number);
    if (status != VDEV_OK) {
        return image_because(image, window->name, status);
    }
    say_checksum(image, window->name, AREA);
    return NULL;
}

static const char *work_of_output(struct image *image)
{
    say(image, "output 65536", "");
    begin(image, CONSOLE_WRITE);
    bool taken = image_write(image, workload_pattern, PATTERN);
    image_console_drain(image);
    end(CONSOLE_WRITE);
    image_say(image, "");
    say(image, "written 65536", "");
    return taken ? NULL : "the console takes nothing more";
}

/*
 * The host sends a byte when the one before has come back; the first one after the prompt. Nothing
 * but its bytes wakes the processor meanwhile: in a machine whose time leaps ahead when there is
 * nothing to do, a timer's ticks would be as many as the host is slow, and so would every bound be
 * on a wait. It is the host that gives up on a silent guest.
 */
static const char *work_of_input(struct image *image)
{
    static const uint8_t prompt = '>';
    uint32_t at = 0;

    int status = vdev_omap3_gptimer_stop(&image->timer);
    if (status != VDEV_OK) {
        return image_because(image, "timer", status);
    }
    say(image, "input 4096", "");
    begin(image, CONSOLE_READ);
    bool taken = image_write(image, &prompt, 1);
    while (taken && at < INPUT) {
        size_t got = vdev_console_read(image->console, area + at, INPUT - at);
        if (got != 0) {
            taken = image_write(image, area + at, got);
            at += (uint32_t)got;
        } else {
            image_console_wait(image);
        }
    }
    image_console_drain(image);
    end(CONSOLE_READ);
    image_say(image, "");
    image_tick(image);
    if (!taken) {
        return "the console takes nothing more";
    }
    say_checksum(image, "console-read", INPUT);
    return NULL;
}

static const char *work(struct image *image)
{
    const char *why = image_console_interrupts(image);

    say(image, "started ", "beagle");
    for (size_t i = 0; why == NULL && i < sizeof windows / sizeof windows[0]; i++) {
        why = work_on_disk(image, &windows[i]);
    }
    if (why == NULL) {
        why = work_of_output(image);
    }
    if (why == NULL) {
        why = work_of_input(image);
    }
    return why;
}

void image_workload(struct image *image)
{
    const char *why = image_try(image, work);

    if (why != NULL) {
        say(image, "failed: ", why);
    } else {
        say(image, "finished", "");
    }
}
