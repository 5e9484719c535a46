/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vhost-user device on a UNIX socket: one connection after another, whole messages to the session
 * and the session's wishes to the system. What a message means is the session's affair
 * (src/transport/); here stands only what can be seen of a descriptor before that.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <vdev/host/vhost_user.h>
#include <vdev/status.h>

#include "host/error.h"
#include "host/vhost_user_memory.h"
#include "host/vhost_user_socket.h"

/* Every line of this file: the socket, the message, why. */
static void say(struct vdev_host_vhost_user *server, enum vdev_host_log_level level,
                const char *name, const char *why)
{
    char line[256];

    if (server->configuration.log != NULL) {
        snprintf(line, sizeof line, "%s: %s: %s", server->name, name, why);
        server->configuration.log(server->configuration.context, level, line);
    }
}

static bool connected(const struct vdev_host_vhost_user *server)
{
    return server->connection.descriptor >= 0;
}

/* ---- what the session asks for ---- */

/* Send what was put off. One byte into a pipe for many completions, one wake-up of the guest. */
static void send_calls(struct vdev_host_vhost_user *server)
{
    for (size_t i = 0; i < server->call_count; i++) {
        vdev_host_raise_event(server->calls[i]);
    }
    server->call_count = 0;
}

static int send_reply(void *context, const struct vdev_vhost_user_message *message)
{
    struct vdev_host_vhost_user *server = context;

    /* Who reads that a ring has stopped is to have heard of all that was done in it. */
    send_calls(server);
    if (!connected(server) || vdev_host_socket_send(server->connection.descriptor, message) != 0) {
        server->broken = true;
        return -1;
    }
    return 0;
}

static int send_own(void *context, int channel, const struct vdev_vhost_user_message *message)
{
    (void)context;
    return vdev_host_socket_send(channel, message);
}

static void *map(void *context, int descriptor, uint64_t offset, uint64_t length)
{
    struct vdev_host_vhost_user *server = context;

    return vdev_host_memory_map(descriptor, offset, length, &server->lost);
}

static void unmap(void *context, void *pointer, uint64_t length)
{
    (void)context;
    (void)length; /* the range that was mapped has whole pages, and is remembered */
    vdev_host_memory_unmap(pointer);
}

static int create(void *context, uint64_t length)
{
    (void)context;
    return vdev_host_memory_create(length);
}

static void turn_ends(struct vdev_host_deferred *deferred)
{
    struct vdev_host_vhost_user *server =
        (struct vdev_host_vhost_user *)((char *)deferred -
                                        offsetof(struct vdev_host_vhost_user, deferred));

    server->is_deferred = false;
    send_calls(server);
}

static void interrupt(void *context, int descriptor)
{
    struct vdev_host_vhost_user *server = context;
    struct vdev_host_loop *loop = server->configuration.loop;

    for (size_t i = 0; i < server->call_count; i++) {
        if (server->calls[i] == descriptor) {
            return;
        }
    }
    if (loop->defer == NULL || server->call_count == VDEV_VHOST_USER_QUEUES) {
        vdev_host_raise_event(descriptor);
        return;
    }
    server->calls[server->call_count++] = descriptor;
    if (!server->is_deferred) {
        server->is_deferred = true;
        loop->defer(loop, &server->deferred);
    }
}

static void close_descriptor(void *context, int descriptor)
{
    struct vdev_host_vhost_user *server = context;

    for (size_t i = 0; i < server->call_count; i++) {
        if (server->calls[i] == descriptor) {
            send_calls(server);
            break;
        }
    }
    close(descriptor);
}

static void watch(void *context, uint16_t queue, int descriptor)
{
    struct vdev_host_vhost_user *server = context;
    struct vdev_host_loop *loop = server->configuration.loop;
    struct vdev_host_watch *kick = &server->kicks[queue].watch;

    if (kick->descriptor >= 0) {
        loop->unwatch(loop, kick);
    }
    kick->descriptor = descriptor;
    if (descriptor >= 0) {
        kick->reads = true;
        int status = loop->watch(loop, kick);
        if (status != 0) {
            kick->descriptor = -1;
            server->broken = true;
            say(server, VDEV_HOST_LOG_ERROR, vdev_vhost_user_name(VDEV_VHOST_USER_SET_VRING_KICK),
                strerror(-status));
        }
    }
}

static void drain(void *context)
{
    struct vdev_host_vhost_user *server = context;

    if (server->configuration.drain != NULL) {
        server->configuration.drain(server->configuration.context);
    }
}

static void refused(void *context, const char *name, const char *why)
{
    say(context, VDEV_HOST_LOG_ERROR, name, why);
}

static const struct vdev_vhost_user_device_operations operations = {
    .send = send_reply,
    .send_own = send_own,
    .map = map,
    .unmap = unmap,
    .create = create,
    .close = close_descriptor,
    .watch = watch,
    .interrupt = interrupt,
    .drain = drain,
    .refused = refused,
};

/* ---- a connection ---- */

static void close_message(struct vdev_vhost_user_message *message)
{
    for (size_t i = 0; i < message->descriptor_count; i++) {
        close(message->descriptors[i]);
    }
    message->descriptor_count = 0;
}

static void drop(struct vdev_host_vhost_user *server)
{
    struct vdev_host_loop *loop = server->configuration.loop;

    if (!connected(server)) {
        return;
    }
    loop->unwatch(loop, &server->connection);
    vdev_vhost_user_device_disconnect(&server->session);
    for (size_t i = 0; i < VDEV_VHOST_USER_QUEUES; i++) {
        watch(server, (uint16_t)i, -1);
    }
    close_message(&server->message);
    close(server->connection.descriptor);
    server->connection.descriptor = -1;
    server->received = 0;
    server->broken = false;
    server->lost = 0;
    say(server, VDEV_HOST_LOG_INFO, "connection", "closed");
}

/* Its own name, once it is known, else that of what is still to come. */
static const char *message_name(const struct vdev_host_vhost_user *server)
{
    return server->received < VDEV_VHOST_USER_HEADER_BYTES
               ? "message header"
               : vdev_vhost_user_name(server->message.request);
}

/* What ends a connection from outside of the session's view; true: it was ended. */
static bool ended(struct vdev_host_vhost_user *server)
{
    if (server->lost != 0) {
        say(server, VDEV_HOST_LOG_ERROR, "shared memory", "the file was cut short");
    } else if (!server->broken) {
        return false;
    }
    drop(server);
    return true;
}

/* A whole message is here. */
static void dispatch(struct vdev_host_vhost_user *server)
{
    struct vdev_vhost_user_message message = server->message;

    server->message.descriptor_count = 0;
    server->received = 0;
    if (message.request == VDEV_VHOST_USER_SET_VRING_KICK ||
        message.request == VDEV_VHOST_USER_SET_VRING_CALL ||
        message.request == VDEV_VHOST_USER_SET_VRING_ERR) {
        for (size_t i = 0; i < message.descriptor_count; i++) {
            if (!vdev_host_is_event(message.descriptors[i])) {
                say(server, VDEV_HOST_LOG_ERROR, vdev_vhost_user_name(message.request),
                    "the descriptor is neither an eventfd nor a pipe nor a socket");
                close_message(&message);
                drop(server);
                return;
            }
        }
    }
    say(server, VDEV_HOST_LOG_DEBUG, vdev_vhost_user_name(message.request), "received");
    if (vdev_vhost_user_device_receive(&server->session, &message) != VDEV_OK) {
        server->broken = true;
    }
}

static void receive(struct vdev_host_watch *watched)
{
    struct vdev_host_vhost_user *server =
        (struct vdev_host_vhost_user *)((char *)watched -
                                        offsetof(struct vdev_host_vhost_user, connection));
    const char *why = NULL;

    if (ended(server)) {
        return;
    }
    bool in_header = server->received < VDEV_VHOST_USER_HEADER_BYTES;
    size_t at = server->received - (in_header ? 0 : VDEV_VHOST_USER_HEADER_BYTES);
    uint8_t *to = (in_header ? server->header : server->message.payload.bytes) + at;
    size_t length = (in_header ? VDEV_VHOST_USER_HEADER_BYTES : server->message.size) - at;
    long count = vdev_host_socket_receive(watched->descriptor, to, length, &server->message, &why);
    if (count == -1) {
        return;
    }
    if (count < 0) {
        say(server, VDEV_HOST_LOG_ERROR, message_name(server), why);
        drop(server);
        return;
    }
    if (count == 0) {
        if (server->received != 0) {
            say(server, VDEV_HOST_LOG_ERROR, message_name(server), "closed in its middle");
        }
        drop(server);
        return;
    }
    server->received += (size_t)count;
    if (server->received < VDEV_VHOST_USER_HEADER_BYTES) {
        return;
    }
    if (in_header) {
        why = vdev_vhost_user_read_header(&server->message, server->header);
        if (why != NULL) {
            say(server, VDEV_HOST_LOG_ERROR, message_name(server), why);
            drop(server);
            return;
        }
    }
    if (server->received == VDEV_VHOST_USER_HEADER_BYTES + server->message.size) {
        dispatch(server);
        ended(server);
    }
}

static void kicked(struct vdev_host_watch *watched)
{
    struct vdev_host_vhost_user_kick *kick =
        (struct vdev_host_vhost_user_kick *)((char *)watched -
                                             offsetof(struct vdev_host_vhost_user_kick, watch));
    struct vdev_host_vhost_user *server = kick->owner;

    if (!vdev_host_clear_event(watched->descriptor)) {
        /* At its end it would be readable for ever. The session goes on without. */
        say(server, VDEV_HOST_LOG_ERROR, "kick", "the descriptor cannot be read any more");
        watch(server, kick->queue, -1);
        return;
    }
    vdev_vhost_user_device_kicked(&server->session, kick->queue);
    ended(server);
}

/* ---- listening ---- */

/* Has the peer closed, even if there are messages of it left to read? */
static bool is_gone(int connection)
{
    struct pollfd state = {.fd = connection, .events = POLLRDHUP};

    return poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

static void accept_one(struct vdev_host_watch *watched)
{
    struct vdev_host_vhost_user *server =
        (struct vdev_host_vhost_user *)((char *)watched -
                                        offsetof(struct vdev_host_vhost_user, listener));
    struct vdev_host_loop *loop = server->configuration.loop;

    int connection = accept4(watched->descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection < 0) {
        if ((errno == EMFILE || errno == ENFILE) && server->spare >= 0) {
            /* Turned away with the spare one, or the loop would be told of it without end. */
            close(server->spare);
            close(accept4(watched->descriptor, NULL, NULL, SOCK_CLOEXEC));
            server->spare = dup(watched->descriptor);
            errno = EMFILE;
        }
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            say(server, VDEV_HOST_LOG_ERROR, "connection", strerror(errno));
        }
        return;
    }
    /* One that comes back at once may be seen before its old connection's end is. */
    if (connected(server) && is_gone(server->connection.descriptor)) {
        drop(server);
    }
    if (connected(server)) {
        say(server, VDEV_HOST_LOG_ERROR, "connection", "refused, since there is one already");
        close(connection);
        return;
    }
    server->connection = (struct vdev_host_watch){
        .descriptor = connection,
        .reads = true,
        .ready = receive,
    };
    int status = loop->watch(loop, &server->connection);
    if (status != 0) {
        say(server, VDEV_HOST_LOG_ERROR, "connection", strerror(-status));
        close(connection);
        server->connection.descriptor = -1;
        return;
    }
    say(server, VDEV_HOST_LOG_INFO, "connection", "accepted");
}

/* The name that log lines begin with, of a socket that somebody else has made. */
static void name_of(int listening, char *name, size_t size)
{
    struct sockaddr_un address;
    socklen_t length = sizeof address;

    memset(&address, 0, sizeof address);
    if (getsockname(listening, (struct sockaddr *)&address, &length) == 0 &&
        address.sun_family == AF_UNIX && address.sun_path[0] != 0) {
        snprintf(name, size, "%.*s", (int)sizeof address.sun_path - 1, address.sun_path);
    } else {
        snprintf(name, size, "descriptor %d", listening);
    }
}

static void remove_path(struct vdev_host_vhost_user *server)
{
    struct stat file;

    if (server->bound_inode != 0 && lstat(server->name, &file) == 0 &&
        file.st_dev == server->bound_device && file.st_ino == server->bound_inode) {
        unlink(server->name);
    }
}

int vdev_host_vhost_user_init(struct vdev_host_vhost_user *server,
                              const struct vdev_host_vhost_user_configuration *configuration,
                              struct vdev_host_error *error)
{
    struct stat bound = {0};
    int listening = configuration->listening;

    memset(server, 0, sizeof *server);
    server->configuration = *configuration;
    server->connection.descriptor = -1;
    server->deferred.run = turn_ends;
    for (size_t i = 0; i < VDEV_VHOST_USER_QUEUES; i++) {
        server->kicks[i] = (struct vdev_host_vhost_user_kick){
            .watch = {.descriptor = -1, .ready = kicked},
            .owner = server,
            .queue = (uint16_t)i,
        };
    }
    if (configuration->path != NULL) {
        listening = vdev_host_socket_listen(configuration->path, &bound, error);
        if (listening < 0) {
            return -1;
        }
        snprintf(server->name, sizeof server->name, "%s", configuration->path);
        server->bound_device = bound.st_dev;
        server->bound_inode = bound.st_ino;
    } else {
        name_of(listening, server->name, sizeof server->name);
        int flags = fcntl(listening, F_GETFL);
        if (flags < 0 || fcntl(listening, F_SETFL, flags | O_NONBLOCK) != 0) {
            vdev_host_error_set(error, "%s: %s", server->name, strerror(errno));
            close(listening);
            return -1;
        }
    }
    int status = vdev_vhost_user_device_init(&server->session,
                                             &(struct vdev_vhost_user_device_configuration){
                                                 .device = configuration->device,
                                                 .memory = configuration->memory,
                                                 .operations = &operations,
                                                 .context = server,
                                             });
    server->listener = (struct vdev_host_watch){
        .descriptor = listening,
        .reads = true,
        .ready = accept_one,
    };
    server->spare = dup(listening);
    int watching = configuration->loop->watch(configuration->loop, &server->listener);
    if (status != VDEV_OK || watching != 0) {
        vdev_host_error_set(error, "%s: %s", server->name,
                            status != VDEV_OK ? "the device does not fit behind vhost-user"
                                              : strerror(-watching));
        if (watching == 0) {
            configuration->loop->unwatch(configuration->loop, &server->listener);
        }
        remove_path(server);
        close(server->spare);
        close(listening);
        return -1;
    }
    return 0;
}

void vdev_host_vhost_user_stop(struct vdev_host_vhost_user *server)
{
    struct vdev_host_loop *loop = server->configuration.loop;

    drop(server);
    loop->unwatch(loop, &server->listener);
    remove_path(server);
    close(server->spare);
    close(server->listener.descriptor);
    server->listener.descriptor = -1;
}
