/* SPDX-License-Identifier: BSD-2-Clause */
/* See ready.h. The protocols are systemd's, sd_notify(3) and sd_listen_fds(3), which needs no
 * library. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ready.h"

int ready_open(struct ready *ready, long descriptor, struct vdev_host_error *error)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    ready->notify = -1;
    ready->descriptor = (int)descriptor;
    if (descriptor >= 0 && fcntl((int)descriptor, F_SETFD, FD_CLOEXEC) != 0) {
        snprintf(error->text, sizeof error->text, "--ready-fd %ld: %s", descriptor,
                 strerror(errno));
        return -1;
    }
    if (path == NULL || path[0] == 0) {
        return 0;
    }
    size_t length = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || length >= sizeof address.sun_path) {
        snprintf(error->text, sizeof error->text, "NOTIFY_SOCKET: %s: no address", path);
        return -1;
    }
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') {
        address.sun_path[0] = 0; /* an address without a file */
    }
    ready->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (ready->notify < 0 ||
        connect(ready->notify, (struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) != 0) {
        snprintf(error->text, sizeof error->text, "NOTIFY_SOCKET: %s: %s", path, strerror(errno));
        return -1;
    }
    return 0;
}

static void notify(struct ready *ready, const char *text)
{
    if (ready->notify >= 0) {
        ssize_t sent = send(ready->notify, text, strlen(text), MSG_NOSIGNAL);
        (void)sent;
    }
}

void ready_say(struct ready *ready)
{
    notify(ready, "READY=1");
    if (ready->descriptor >= 0) {
        ssize_t written = write(ready->descriptor, "\n", 1);
        (void)written;
        close(ready->descriptor);
        ready->descriptor = -1;
    }
}

void ready_say_stopping(struct ready *ready)
{
    notify(ready, "STOPPING=1");
}

int ready_inherited(void)
{
    const char *process = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");

    if (process == NULL || count == NULL || strtol(process, NULL, 10) != (long)getpid()) {
        return 0;
    }
    long number = strtol(count, NULL, 10);
    return number > 0 && number < 1024 ? (int)number : 0;
}
