/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of a terminal share: terminal_console.c has the class and the two rings of bytes,
 * terminal_open.c what is opened, set up and put back for each kind.
 */
#ifndef VDEV_HOST_TERMINAL_CONSOLE_INTERNAL_H
#define VDEV_HOST_TERMINAL_CONSOLE_INTERNAL_H

#include <limits.h>
#include <sys/stat.h>
#include <termios.h>

#include <vdev/host/terminal_console.h>

#define VDEV_HOST_TERMINAL_INPUT 4096u /* bytes that were read and not yet taken */

struct vdev_host_terminal {
    struct vdev_console console;
    struct vdev_host_terminal_configuration configuration;
    /*
     * Input and output are always two descriptors, each watched for one direction and only while
     * that is of use, so that a peer who is gone wakes nobody for nothing. -1: not there.
     */
    struct vdev_host_watch input;
    struct vdev_host_watch output;
    struct vdev_host_watch arrivals; /* the listening socket; or inotify, of the slave's opens */
    bool input_watched, output_watched, arrivals_watched;
    bool attended;
    bool input_ended;
    bool output_failed;
    bool output_is_socket;
    bool wants_input; /* the client found nothing to read, and is to be told */
    bool owes_writable;
    bool inside;
    uint8_t kept[VDEV_HOST_TERMINAL_KEPT]; /* output */
    size_t kept_begin, kept_count;
    uint8_t read[VDEV_HOST_TERMINAL_INPUT];
    size_t read_begin, read_end;
    /* To be put back at the end. */
    bool raw;
    struct termios former;
    int former_flags[2]; /* of standard input and output; -1: unchanged */
    bool linked;         /* the path is ours */
    struct stat bound;   /* the socket that was made */
    char slave[64];      /* /dev/pts/N */
};

/* ---- terminal_console.c ---- */

/* Somebody came: descriptors are in place. */
void vdev_host_terminal_arrive(struct vdev_host_terminal *terminal);

/* Write what can be. */
void vdev_host_terminal_flush(struct vdev_host_terminal *terminal);

/* Look which descriptors to watch; 0 or a negative errno. */
int vdev_host_terminal_watch(struct vdev_host_terminal *terminal);

void vdev_host_terminal_unwatch(struct vdev_host_terminal *terminal);

/* What the console class offers, and what watches call. */
void vdev_host_terminal_init(struct vdev_host_terminal *terminal);

/* ---- terminal_open.c ---- */

/* The listening socket or inotify has something; true: somebody is there now. */
bool vdev_host_terminal_answer(struct vdev_host_terminal *terminal);

/* The one who was there is gone: what is to be closed is. */
void vdev_host_terminal_hang_up(struct vdev_host_terminal *terminal);

/* Columns and rows, if a terminal says them; true: they have changed. */
bool vdev_host_terminal_measure(struct vdev_host_terminal *terminal);

#endif
