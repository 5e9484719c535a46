/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be said on the command line of `vdev serve`, and the help that is made of it. */
#ifndef VDEV_TOOL_OPTIONS_H
#define VDEV_TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sandbox.h"

#define EXIT_USAGE 2

#define OPTIONS_DEVICES 32

enum device_kind { DEVICE_BLOCK, DEVICE_CONSOLE, DEVICE_NET, DEVICE_KINDS };

/* Of one device. Strings are the command line's own; NULL and 0: not given. */
struct device_options {
    enum device_kind kind;
    const char *socket;
    long fd; /* -1: not given */
    long queues;
    long queue_size;
    /* block */
    const char *image;
    const char *serial;
    bool read_only;
    bool direct;
    /* console */
    bool pty;
    const char *link;
    bool stdio;
    const char *listen;
    /* net */
    const char *tap;
    const char *stream;
    const char *mac;
    uint8_t address[6]; /* of `mac`; all zero: not given */
    long mtu;
};

/* Of the process. */
struct options {
    struct device_options devices[OPTIONS_DEVICES];
    size_t device_count;
    const char *log;
    const char *sandbox_text;
    enum sandbox_mode sandbox;
    const char *user;
    long ready_fd; /* -1: not given */
    long poll_us;
};

extern const char *const device_names[DEVICE_KINDS];

/*
 * Read what comes after `serve`. -1: all is well; else what to exit with: 0 after help was printed,
 * EXIT_USAGE after one line on standard error.
 */
int options_read(struct options *options, int count, char **arguments);

/* Of `serve` as a whole. */
void options_help(FILE *out);

#endif
