/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tool `vdev` gives up once its devices are set up, so that who takes it over by a ring
 * gets the descriptors that it holds and little else: its ids and capabilities, new privileges,
 * files to open, programs to start, sockets to make. No options are read here, and nothing is set
 * up.
 */
#ifndef VDEV_TOOL_SANDBOX_H
#define VDEV_TOOL_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/host/loop.h>

enum sandbox_mode {
    SANDBOX_ON,     /* as much as the kernel has; what it has not is logged */
    SANDBOX_OFF,    /* nothing, but for a user that is named */
    SANDBOX_STRICT, /* everything, or an error */
};

struct sandbox_configuration {
    enum sandbox_mode mode;
    /* Whom to become; only root may become another. NULL: `nobody` if root, else who it is. */
    const char *user;
    /* Folders in which files of the process's own, its sockets, are removed when it ends. All
     * others stay where they are, if the kernel has Landlock. NULL if there are none. */
    const char *const *folders;
    size_t folder_count;
    /* Something is connected to anew after the set-up: UNIX sockets, TCP at one port (0: none). */
    bool connects_local;
    uint16_t connects_port;
    /* One line a call, without its end: what could not be put in force, or what was given up by
     * SANDBOX_OFF. May be NULL. */
    void (*log)(void *context, const char *line);
    void *context;
};

/*
 * Enter, for good. Once, when everything is open, listens and is mapped that will be opened, listen
 * or be mapped by name, by the process's only thread, before it reads anything of a peer's. 0; or
 * -1 and *error: an unknown user, one that this process may not become, a folder that is missing,
 * or, with SANDBOX_STRICT, what could not be put in force. The process is then between two states,
 * and should end.
 *
 * What works afterwards is what src/host/ and the loop do: descriptors that are open or come over a
 * socket are read, written, mapped (never to be executed), waited for and closed; connections are
 * accepted; memfds and eventfds are made. What opens, names or makes anything else fails with
 * EPERM; execve, ptrace and what else nothing here has a use for kill the process. io_uring's rings
 * have to be there before. localtime knows no zone but UTC unless tzset was called before.
 *
 * With AddressSanitizer there is no filter of system calls, and /proc/self stays the process's own:
 * it needs both when the process ends.
 */
int sandbox_enter(const struct sandbox_configuration *configuration, struct vdev_host_error *error);

/* "on", "off" or "strict" in *mode; false: none of these. */
bool sandbox_mode_parse(const char *text, enum sandbox_mode *mode);

/* What --sandbox=off gives up, for a log and for --help: some sentences without a line's end. */
extern const char sandbox_off_text[];

#endif
