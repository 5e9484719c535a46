/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a person or a program can be given of a console, as a device of the console class: a
 * pseudoterminal, the process's own standard input and output, a UNIX socket that listens, or
 * descriptors that were inherited.
 *
 * At a pseudoterminal or a socket somebody is there or not. Without anybody, output is kept, up to
 * VDEV_HOST_TERMINAL_KEPT bytes, of which the oldest are dropped; whoever comes next is shown
 * them. With somebody nothing is dropped: who does not read holds the guest's output back. Input is
 * read as far as the client takes it. Of a socket's clients there is one at a time; others are
 * turned away at once.
 *
 * Who hands over a pipe for output ignores SIGPIPE, so that its end is an event and not the
 * process's.
 */
#ifndef VDEV_HOST_TERMINAL_CONSOLE_H
#define VDEV_HOST_TERMINAL_CONSOLE_H

#include <vdev/console.h>
#include <vdev/host/loop.h>

#define VDEV_HOST_TERMINAL_KEPT 16384u /* bytes of output */

enum vdev_host_terminal_kind {
    VDEV_HOST_TERMINAL_PTY,
    VDEV_HOST_TERMINAL_STDIO,       /* descriptors 0 and 1; a terminal is set to raw mode */
    VDEV_HOST_TERMINAL_SOCKET,      /* a UNIX socket that listens */
    VDEV_HOST_TERMINAL_DESCRIPTORS, /* `input` and `output` */
};

enum vdev_host_terminal_event {
    VDEV_HOST_TERMINAL_ARRIVED, /* somebody opened the pseudoterminal, or connected */
    VDEV_HOST_TERMINAL_LEFT,
    VDEV_HOST_TERMINAL_ENDED,  /* standard input, or `input`, is at its end; output goes on */
    VDEV_HOST_TERMINAL_FAILED, /* output cannot be written any more: what comes is dropped */
};

struct vdev_host_terminal_configuration {
    struct vdev_host_loop *loop;
    enum vdev_host_terminal_kind kind;
    /*
     * PTY: a symbolic link to make to the slave; one that is there already is replaced if it
     * leads into /dev/pts; may be NULL. SOCKET: where to listen; a socket that is there is replaced
     * if nobody listens at it; NULL: `input` is a descriptor that listens already. It stays in
     * place, and what was made is removed at the end.
     */
    const char *path;
    /* DESCRIPTORS: one to read and one to write, which may be the same. They (and SOCKET's) are
     * closed with the terminal, and stay the caller's if open fails. */
    int input;
    int output;
    bool signals; /* STDIO: ^C and the like still are the process's, not the guest's */
    /* Characters, if the terminal has none of its own to say; 0, 0: unknown. */
    uint16_t columns, rows;
    /* After each turn in which the loop had it polled, for whoever defers work; may be NULL. */
    void (*polled)(void *context);
    /* Called from the loop; may be NULL. */
    void (*happened)(void *context, enum vdev_host_terminal_event event);
    void *context;
};

struct vdev_host_terminal; /* allocated by open, about 21 KiB; nothing is allocated later */

/*
 * NULL and *error: no pseudoterminal to be had, the path taken or too long, a descriptor that is
 * not open or not fit, no memory. The loop watches from here on: set the client before its next
 * turn.
 */
struct vdev_host_terminal *
vdev_host_terminal_open(const struct vdev_host_terminal_configuration *configuration,
                        struct vdev_host_error *error);

/* Its face. Valid until closed. The loop polls it as need be; the user may, too. */
struct vdev_console *vdev_host_terminal_console(struct vdev_host_terminal *terminal);

/* Where it is to be found: "/dev/pts/3", the socket's path; "" for descriptors. Until closed. */
const char *vdev_host_terminal_name(const struct vdev_host_terminal *terminal);

/* Somebody is there: always, but at a pseudoterminal or a socket. */
bool vdev_host_terminal_is_attended(const struct vdev_host_terminal *terminal);

/*
 * Look at the terminal's size again, and tell the client if it has changed: to be called from the
 * loop, after SIGWINCH. Nothing, where there is no terminal.
 */
void vdev_host_terminal_look_at_size(struct vdev_host_terminal *terminal);

/*
 * Writes what can be written at once, gives a terminal its former mode back, removes link or
 * socket. NULL is allowed.
 */
void vdev_host_terminal_close(struct vdev_host_terminal *terminal);

#endif
