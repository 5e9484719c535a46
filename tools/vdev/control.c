/* SPDX-License-Identifier: BSD-2-Clause */
/* See control.h: the serving side. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "control_address.h"
#include "log.h"

static bool may_ask(const struct control *control, int connection)
{
    struct ucred peer;
    socklen_t length = sizeof peer;

    if (control->path[0] != 0) {
        return true; /* the file's permissions have said so */
    }
    return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
           (peer.uid == control->user || peer.uid == 0);
}

static void answer(struct vdev_host_watch *watch)
{
    struct control *control =
        (struct control *)((char *)watch - offsetof(struct control, listener));
    char *text = NULL;
    size_t length = 0;

    int connection = accept4(watch->descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection < 0) {
        return;
    }
    FILE *out = may_ask(control, connection) ? open_memstream(&text, &length) : NULL;
    if (out != NULL) {
        control->report(control->context, out);
        fclose(out);
        /* It fits into the socket's buffer, or nobody waits for the rest. */
        ssize_t sent = send(connection, text, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)sent;
        free(text);
    }
    close(connection);
}

int control_open(struct control *control, struct loop *loop, const char *socket_path,
                 void (*report)(void *context, FILE *out), void *context,
                 struct vdev_host_error *error)
{
    struct sockaddr_un address;
    socklen_t length;
    char name[32];
    struct stat file;

    memset(control, 0, sizeof *control);
    control->listener.descriptor = -1;
    snprintf(name, sizeof name, "%ld", (long)getpid());
    length = socket_path != NULL ? control_address_of_socket(&address, socket_path)
                                 : control_address_of_process(&address, name);
    if (length == 0) {
        snprintf(error->text, sizeof error->text, "%s.ctl: is too long for a socket's path",
                 socket_path);
        return -1;
    }
    /* Whose socket is ours has the counters' too: what is there is of a process that is gone. */
    if (socket_path != NULL && lstat(address.sun_path, &file) == 0 && S_ISSOCK(file.st_mode)) {
        unlink(address.sun_path);
    }
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listening < 0 || bind(listening, (struct sockaddr *)&address, length) != 0 ||
        listen(listening, 4) != 0) {
        snprintf(error->text, sizeof error->text, "%s%s: %s",
                 socket_path != NULL ? socket_path : "counters", socket_path != NULL ? ".ctl" : "",
                 strerror(errno));
        if (listening >= 0) {
            close(listening);
        }
        return -1;
    }
    control->loop = loop;
    control->report = report;
    control->context = context;
    control->user = getuid();
    if (socket_path != NULL) {
        snprintf(control->path, sizeof control->path, "%s", address.sun_path);
    }
    control->listener = (struct vdev_host_watch){
        .descriptor = listening,
        .reads = true,
        .ready = answer,
    };
    loop->host.watch(&loop->host, &control->listener);
    return 0;
}

void control_close(struct control *control)
{
    if (control->loop == NULL) {
        return;
    }
    control->loop->host.unwatch(&control->loop->host, &control->listener);
    close(control->listener.descriptor);
    if (control->path[0] != 0) {
        unlink(control->path);
    }
}
