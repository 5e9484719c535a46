/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What there is of a terminal outside of the class: pseudoterminal, standard input and output,
 * listening socket, descriptors of others; how each is opened, set up and put back.
 *
 * A pseudoterminal's master says when nobody has the slave open, by an error that does not go away,
 * and never when somebody opens it. That is learned by inotify from the slave's node.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/error.h"
#include "host/terminal_console.h"
#include "host/vhost_user_socket.h"

static int fail(struct vdev_host_error *error, const char *what)
{
    vdev_host_error_set(error, "%.180s: %s", what, strerror(errno));
    return -1;
}

static int duplicate(int descriptor)
{
    return fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
}

static void close_one(struct vdev_host_watch *watch)
{
    if (watch->descriptor >= 0) {
        close(watch->descriptor);
        watch->descriptor = -1;
    }
}

/* ---- pseudoterminal ---- */

static int make_link(const char *path, const char *slave, struct vdev_host_error *error)
{
    static const char folder[] = "/dev/pts/";
    char former[sizeof folder];
    ssize_t length = readlink(path, former, sizeof former);

    if (length == (ssize_t)sizeof former && memcmp(former, folder, sizeof folder - 1) == 0 &&
        unlink(path) < 0) {
        return fail(error, path);
    }
    return symlink(slave, path) < 0 ? fail(error, path) : 0;
}

/* Raw from the start, whoever opens it; and nobody there, which the first open ends. */
static int set_up_slave(struct vdev_host_terminal *terminal, int master,
                        struct vdev_host_error *error)
{
    struct winsize size = {.ws_col = terminal->configuration.columns,
                           .ws_row = terminal->configuration.rows};
    struct termios mode;

    int slave = open(terminal->slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) {
        return fail(error, terminal->slave);
    }
    int status = tcgetattr(slave, &mode);
    if (status == 0) {
        cfmakeraw(&mode);
        status = tcsetattr(slave, TCSANOW, &mode);
    }
    if (status == 0 && size.ws_col != 0) {
        status = ioctl(master, TIOCSWINSZ, &size);
    }
    if (status != 0) {
        fail(error, terminal->slave);
    }
    close(slave);
    return status;
}

static int open_pty(struct vdev_host_terminal *terminal, struct vdev_host_error *error)
{
    const char *path = terminal->configuration.path;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

    terminal->input.descriptor = master;
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
        ptsname_r(master, terminal->slave, sizeof terminal->slave) != 0) {
        return fail(error, "no pseudoterminal");
    }
    if (set_up_slave(terminal, master, error) < 0) {
        return -1;
    }
    terminal->output.descriptor = duplicate(master);
    terminal->arrivals.descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (terminal->output.descriptor < 0 || terminal->arrivals.descriptor < 0 ||
        inotify_add_watch(terminal->arrivals.descriptor, terminal->slave, IN_OPEN) < 0) {
        return fail(error, terminal->slave);
    }
    if (path != NULL) {
        if (make_link(path, terminal->slave, error) < 0) {
            return -1;
        }
        terminal->linked = true;
    }
    return 0;
}

/* ---- standard input and output ---- */

/*
 * A descriptor that does not wait, without making others wait less: the open file of standard input
 * is the shell's, too, and that of standard output may be standard error's.
 */
static int reopen(struct vdev_host_terminal *terminal, int standard, struct vdev_host_error *error)
{
    const char *name = standard == 0 ? "standard input" : "standard output";
    int flags = fcntl(standard, F_GETFL);
    struct stat status;
    char path[32];
    int descriptor = -1;

    if (flags < 0 || fstat(standard, &status) < 0) {
        return fail(error, name);
    }
    if (S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode)) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", standard);
        descriptor = open(path, (standard == 0 ? O_RDONLY : O_WRONLY) | (flags & O_APPEND) |
                                    O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    }
    if (descriptor < 0) {
        descriptor = duplicate(standard);
        if (!S_ISREG(status.st_mode)) {
            terminal->former_flags[standard] = flags;
            fcntl(standard, F_SETFL, flags | O_NONBLOCK);
        }
    }
    return descriptor < 0 ? fail(error, name) : descriptor;
}

static int open_stdio(struct vdev_host_terminal *terminal, struct vdev_host_error *error)
{
    struct termios mode;

    terminal->input.descriptor = reopen(terminal, STDIN_FILENO, error);
    if (terminal->input.descriptor < 0) {
        return -1;
    }
    terminal->output.descriptor = reopen(terminal, STDOUT_FILENO, error);
    if (terminal->output.descriptor < 0) {
        return -1;
    }
    if (tcgetattr(terminal->input.descriptor, &terminal->former) == 0) {
        mode = terminal->former;
        cfmakeraw(&mode);
        if (terminal->configuration.signals) {
            mode.c_lflag |= ISIG;
        }
        if (tcsetattr(terminal->input.descriptor, TCSADRAIN, &mode) < 0) {
            return fail(error, "standard input");
        }
        terminal->raw = true;
    }
    return 0;
}

/* ---- socket, descriptors ---- */

static int open_socket(struct vdev_host_terminal *terminal, struct vdev_host_error *error)
{
    const char *path = terminal->configuration.path;
    int accepts = 0;
    socklen_t length = sizeof accepts;

    if (path != NULL) {
        terminal->arrivals.descriptor = vdev_host_socket_listen(path, &terminal->bound, error);
        terminal->linked = terminal->arrivals.descriptor >= 0;
        return terminal->arrivals.descriptor < 0 ? -1 : 0;
    }
    int listening = terminal->configuration.input;
    if (getsockopt(listening, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &length) < 0 || accepts == 0 ||
        fcntl(listening, F_SETFL, O_RDWR | O_NONBLOCK) < 0 ||
        fcntl(listening, F_SETFD, FD_CLOEXEC) < 0) {
        vdev_host_error_set(error, "descriptor %d is no socket that listens", listening);
        return -1;
    }
    terminal->arrivals.descriptor = listening;
    return 0;
}

static bool is_fit(int descriptor, int wrong, const char *why, struct vdev_host_error *error)
{
    int flags = fcntl(descriptor, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) == wrong) {
        vdev_host_error_set(error, "descriptor %d %s", descriptor, flags < 0 ? "is not open" : why);
        return false;
    }
    if (fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0) {
        vdev_host_error_set(error, "descriptor %d: %s", descriptor, strerror(errno));
        return false;
    }
    return true;
}

static int take_descriptors(struct vdev_host_terminal *terminal, struct vdev_host_error *error)
{
    int input = terminal->configuration.input;
    int output = terminal->configuration.output;

    if (!is_fit(input, O_WRONLY, "cannot be read", error) ||
        !is_fit(output, O_RDONLY, "cannot be written", error)) {
        return -1;
    }
    output = output == input ? duplicate(input) : output;
    if (output < 0) {
        return fail(error, "no descriptor");
    }
    terminal->input.descriptor = input;
    terminal->output.descriptor = output;
    return 0;
}

/* ---- coming and going ---- */

static bool is_socket(int descriptor)
{
    struct stat status;

    return fstat(descriptor, &status) == 0 && S_ISSOCK(status.st_mode);
}

bool vdev_host_terminal_answer(struct vdev_host_terminal *terminal)
{
    char events[4096];

    if (terminal->configuration.kind == VDEV_HOST_TERMINAL_PTY) {
        while (read(terminal->arrivals.descriptor, events, sizeof events) > 0) {
        }
        /* If they have closed it again meanwhile, the first read tells. */
        return !terminal->attended;
    }
    int connection =
        accept4(terminal->arrivals.descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection < 0) {
        return false;
    }
    int output = terminal->attended ? -1 : duplicate(connection);
    if (output < 0) {
        close(connection);
        return false;
    }
    terminal->input.descriptor = connection;
    terminal->output.descriptor = output;
    terminal->output_is_socket = true;
    return true;
}

void vdev_host_terminal_hang_up(struct vdev_host_terminal *terminal)
{
    if (terminal->configuration.kind == VDEV_HOST_TERMINAL_SOCKET) {
        close_one(&terminal->input);
        close_one(&terminal->output);
    }
}

bool vdev_host_terminal_measure(struct vdev_host_terminal *terminal)
{
    struct vdev_console *console = &terminal->console;
    struct winsize size;

    if (terminal->configuration.kind == VDEV_HOST_TERMINAL_SOCKET ||
        (ioctl(terminal->output.descriptor, TIOCGWINSZ, &size) < 0 &&
         ioctl(terminal->input.descriptor, TIOCGWINSZ, &size) < 0) ||
        size.ws_col == 0 || size.ws_row == 0 ||
        (size.ws_col == console->columns && size.ws_row == console->rows)) {
        return false;
    }
    console->columns = size.ws_col;
    console->rows = size.ws_row;
    return true;
}

static int open_kind(struct vdev_host_terminal *terminal, struct vdev_host_error *error)
{
    switch (terminal->configuration.kind) {
    case VDEV_HOST_TERMINAL_PTY:
        return open_pty(terminal, error);
    case VDEV_HOST_TERMINAL_STDIO:
        return open_stdio(terminal, error);
    case VDEV_HOST_TERMINAL_SOCKET:
        return open_socket(terminal, error);
    case VDEV_HOST_TERMINAL_DESCRIPTORS:
        return take_descriptors(terminal, error);
    default:
        vdev_host_error_set(error, "no such kind of terminal");
        return -1;
    }
}

/* Forget a descriptor that the caller gave to a terminal of this kind. */
static void let_go(struct vdev_host_watch *watch, const struct vdev_host_terminal *terminal,
                   enum vdev_host_terminal_kind kind)
{
    const struct vdev_host_terminal_configuration *configuration = &terminal->configuration;

    if (configuration->kind == kind &&
        (watch->descriptor == configuration->input ||
         (kind == VDEV_HOST_TERMINAL_DESCRIPTORS && watch->descriptor == configuration->output))) {
        watch->descriptor = -1;
    }
}

/* Put back and close all that there is, or all but what was handed in. */
static void put_back(struct vdev_host_terminal *terminal, bool with_inherited)
{
    const char *path = terminal->configuration.path;
    char target[sizeof terminal->slave];
    struct stat now;

    vdev_host_terminal_unwatch(terminal);
    if (terminal->raw) {
        tcsetattr(terminal->input.descriptor, TCSADRAIN, &terminal->former);
    }
    for (int standard = 0; standard < 2; standard++) {
        if (terminal->former_flags[standard] >= 0) {
            fcntl(standard, F_SETFL, terminal->former_flags[standard]);
        }
    }
    if (terminal->linked && terminal->configuration.kind == VDEV_HOST_TERMINAL_PTY) {
        /* Unless it is another's by now, here and below. */
        ssize_t length = readlink(path, target, sizeof target);
        if (length == (ssize_t)strlen(terminal->slave) &&
            memcmp(target, terminal->slave, (size_t)length) == 0) {
            unlink(path);
        }
    } else if (terminal->linked && lstat(path, &now) == 0 && now.st_dev == terminal->bound.st_dev &&
               now.st_ino == terminal->bound.st_ino) {
        unlink(path);
    }
    if (!with_inherited) {
        let_go(&terminal->input, terminal, VDEV_HOST_TERMINAL_DESCRIPTORS);
        let_go(&terminal->output, terminal, VDEV_HOST_TERMINAL_DESCRIPTORS);
        let_go(&terminal->arrivals, terminal, VDEV_HOST_TERMINAL_SOCKET);
    }
    close_one(&terminal->input);
    close_one(&terminal->output);
    close_one(&terminal->arrivals);
}

struct vdev_host_terminal *
vdev_host_terminal_open(const struct vdev_host_terminal_configuration *configuration,
                        struct vdev_host_error *error)
{
    struct vdev_host_terminal *terminal = calloc(1, sizeof *terminal);

    if (terminal == NULL) {
        vdev_host_error_set(error, "no memory");
        return NULL;
    }
    terminal->configuration = *configuration;
    terminal->former_flags[0] = terminal->former_flags[1] = -1;
    vdev_host_terminal_init(terminal);
    if (open_kind(terminal, error) == 0) {
        vdev_host_terminal_measure(terminal);
        terminal->attended = configuration->kind == VDEV_HOST_TERMINAL_STDIO ||
                             configuration->kind == VDEV_HOST_TERMINAL_DESCRIPTORS;
        terminal->output_is_socket = is_socket(terminal->output.descriptor);
        int status = vdev_host_terminal_watch(terminal);
        if (status == 0) {
            return terminal;
        }
        vdev_host_error_set(error, "cannot be waited for: %s", strerror(-status));
    }
    put_back(terminal, false);
    free(terminal);
    return NULL;
}

const char *vdev_host_terminal_name(const struct vdev_host_terminal *terminal)
{
    if (terminal->configuration.kind == VDEV_HOST_TERMINAL_PTY) {
        return terminal->slave;
    }
    return terminal->configuration.kind == VDEV_HOST_TERMINAL_SOCKET &&
                   terminal->configuration.path != NULL
               ? terminal->configuration.path
               : "";
}

void vdev_host_terminal_close(struct vdev_host_terminal *terminal)
{
    if (terminal != NULL) {
        vdev_host_terminal_flush(terminal);
        put_back(terminal, true);
        free(terminal);
    }
}
