/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames over a stream socket. A write may end anywhere in a frame, and a read too: the first frame
 * of the queue remembers how much of it is gone, and what was read waits in a buffer, in which
 * whole frames are found.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <vdev/host/stream_net.h>
#include <vdev/status.h>

#include "host/error.h"
#include "host/net_port.h"

#define PREFIX        4u
#define RECEIVE_BYTES (2u * (PREFIX + VDEV_HOST_STREAM_MAXIMUM))

struct vdev_host_stream {
    struct vdev_host_net_port port; /* first */
    size_t sent;                    /* of the first frame, with its prefix */
    bool spoiled;                   /* the rest of it is sent as zeros: its memory went away */
    size_t begin, end;              /* what was read and not yet delivered */
    uint8_t bytes[RECEIVE_BYTES];
};

static struct vdev_host_stream *stream_of(struct vdev_host_net_port *port)
{
    return (struct vdev_host_stream *)port;
}

/* ---- sending ---- */

static int send_frame(struct vdev_host_net_port *port, struct vdev_net_frame *frame,
                      enum vdev_net_drop *dropped)
{
    static const uint8_t zeros[256];
    struct vdev_host_stream *stream = stream_of(port);
    uint32_t prefix = htonl(frame->length);
    size_t total = PREFIX + (size_t)frame->length;
    struct iovec vector[1 + VDEV_HOST_NET_BUFFERS_MAXIMUM];

    while (stream->sent < total) {
        size_t in_prefix = stream->sent < PREFIX ? PREFIX - stream->sent : 0;
        size_t skip = in_prefix != 0 ? 0 : stream->sent - PREFIX;
        size_t length = 0;
        int count = 0;
        if (!stream->spoiled) {
            count = vdev_host_net_frame_vector(frame, skip, vector + 1, &length);
        }
        if (length == 0 && total - stream->sent > in_prefix) {
            length = frame->length - skip;
            length = length < sizeof zeros ? length : sizeof zeros;
            vector[1] = (struct iovec){(void *)(uintptr_t)zeros, length};
            count = 1;
        }
        vector[0] = (struct iovec){(uint8_t *)&prefix + (PREFIX - in_prefix), in_prefix};
        ssize_t written = sendmsg(
            port->wire.descriptor,
            &(struct msghdr){.msg_iov = vector, .msg_iovlen = (size_t)count + 1}, MSG_NOSIGNAL);
        if (written >= 0) {
            stream->sent += (size_t)written;
        } else if (errno == EAGAIN) {
            return VDEV_ERROR_AGAIN;
        } else if (errno == EFAULT && !stream->spoiled) {
            if (stream->sent == 0) {
                *dropped = VDEV_NET_DROP_SHORT;
                return VDEV_ERROR_IO;
            }
            /* The peer has been told the length. */
            stream->spoiled = true;
        } else if (errno != EINTR) {
            vdev_host_net_port_end(port, "the connection has ended: %s", strerror(errno));
            return VDEV_ERROR_STATE;
        }
    }
    int status = stream->spoiled ? VDEV_ERROR_IO : VDEV_OK;
    stream->sent = 0;
    stream->spoiled = false;
    return status;
}

/* ---- reception ---- */

/* VDEV_ERROR_EMPTY: not all of a frame is there. */
static int find_frame(struct vdev_host_stream *stream, struct vdev_net_arrival *arrival,
                      const uint8_t **bytes)
{
    size_t available = stream->end - stream->begin;
    struct vdev_net *net = &stream->port.net;
    uint32_t length;

    if (available < PREFIX) {
        return VDEV_ERROR_EMPTY;
    }
    memcpy(&length, stream->bytes + stream->begin, sizeof length);
    length = ntohl(length);
    if (length > VDEV_HOST_STREAM_MAXIMUM) {
        vdev_host_net_port_end(&stream->port,
                               "the connection was ended: the peer announces a frame of %u bytes, "
                               "more than %u",
                               length, VDEV_HOST_STREAM_MAXIMUM);
        return VDEV_ERROR_STATE;
    }
    if (available - PREFIX < length) {
        return VDEV_ERROR_EMPTY;
    }
    *bytes = stream->bytes + stream->begin + PREFIX;
    stream->begin += PREFIX + length;
    arrival->length = length;
    arrival->offload = (struct vdev_net_offload){0};
    int status = vdev_net_check(length, &arrival->offload, 0, net->mtu);
    if (status != VDEV_OK) {
        net->received.dropped[vdev_net_drop_of(status, 0)]++;
        return VDEV_ERROR_AGAIN;
    }
    return VDEV_OK;
}

static int receive(struct vdev_host_net_port *port, struct vdev_net_arrival *arrival,
                   const uint8_t **bytes)
{
    struct vdev_host_stream *stream = stream_of(port);
    int status = find_frame(stream, arrival, bytes);

    if (status != VDEV_ERROR_EMPTY) {
        return status;
    }
    /* A whole frame has room behind `begin` after this. */
    if (stream->begin != 0 &&
        (stream->begin == stream->end ||
         stream->begin > RECEIVE_BYTES - (PREFIX + VDEV_HOST_STREAM_MAXIMUM))) {
        memmove(stream->bytes, stream->bytes + stream->begin, stream->end - stream->begin);
        stream->end -= stream->begin;
        stream->begin = 0;
    }
    ssize_t got =
        recv(port->wire.descriptor, stream->bytes + stream->end, RECEIVE_BYTES - stream->end, 0);
    if (got > 0) {
        stream->end += (size_t)got;
        return VDEV_ERROR_AGAIN;
    }
    if (got < 0 && errno == EAGAIN) {
        return VDEV_ERROR_EMPTY;
    }
    if (got < 0 && errno == EINTR) {
        return VDEV_ERROR_AGAIN;
    }
    if (got < 0) {
        vdev_host_net_port_end(port, "the connection has ended: %s", strerror(errno));
    } else {
        vdev_host_net_port_end(port, stream->begin == stream->end
                                         ? "the peer has closed the connection"
                                         : "the peer has closed the connection inside of a frame");
    }
    return VDEV_ERROR_STATE;
}

static const struct vdev_host_net_port_operations operations = {
    .send = send_frame,
    .receive = receive,
};

/* ---- connecting ---- */

static int connect_path(const char *path, struct vdev_host_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof address.sun_path) {
        vdev_host_error_set(error, "longer than a socket's path can be: %s", path);
        return -1;
    }
    strcpy(address.sun_path, path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 ||
        connect(descriptor, (const struct sockaddr *)&address, sizeof address) < 0) {
        vdev_host_error_set(error, "%s: %s", path, strerror(errno));
        if (descriptor >= 0) {
            close(descriptor);
        }
        return -1;
    }
    return descriptor;
}

/* host:port or [host]:port, into two strings. */
static bool split_name(const char *name, char *host, size_t room, const char **port)
{
    const char *colon = strrchr(name, ':');

    if (colon == NULL || colon[1] == '\0' || colon == name || (size_t)(colon - name) >= room) {
        return false;
    }
    size_t length = (size_t)(colon - name);
    if (name[0] == '[') {
        if (length < 3 || name[length - 1] != ']') {
            return false;
        }
        name++;
        length -= 2;
    }
    memcpy(host, name, length);
    host[length] = '\0';
    *port = colon + 1;
    return true;
}

static int connect_tcp(const char *name, struct vdev_host_error *error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    char host[256];
    const char *port;
    int descriptor = -1;
    int on = 1;

    if (!split_name(name, host, sizeof host, &port)) {
        vdev_host_error_set(error, "%s: not of the form host:port", name);
        return -1;
    }
    int status = getaddrinfo(host, port, &hints, &list);
    if (status != 0) {
        vdev_host_error_set(error, "%s: %s", name, gai_strerror(status));
        return -1;
    }
    for (const struct addrinfo *one = list; one != NULL && descriptor < 0; one = one->ai_next) {
        descriptor = socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol);
        if (descriptor < 0 || connect(descriptor, one->ai_addr, one->ai_addrlen) < 0) {
            vdev_host_error_set(error, "%s: %s", name, strerror(errno));
            if (descriptor >= 0) {
                close(descriptor);
            }
            descriptor = -1;
        }
    }
    freeaddrinfo(list);
    if (descriptor >= 0) {
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return descriptor;
}

/* A descriptor that somebody else made: a connected stream socket? */
static int inherited(int descriptor, struct vdev_host_error *error)
{
    int type = 0;
    socklen_t length = sizeof type;
    struct sockaddr_storage peer;
    socklen_t peer_length = sizeof peer;

    if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) < 0 || type != SOCK_STREAM ||
        getpeername(descriptor, (struct sockaddr *)&peer, &peer_length) < 0) {
        vdev_host_error_set(error, "descriptor %d is no connected stream socket", descriptor);
        return -1;
    }
    return descriptor;
}

struct vdev_host_stream *
vdev_host_stream_open(const struct vdev_host_stream_configuration *configuration,
                      struct vdev_host_error *error)
{
    struct vdev_host_stream *stream = calloc(1, sizeof *stream);

    if (stream == NULL) {
        vdev_host_error_set(error, "no memory");
        return NULL;
    }
    int descriptor = configuration->path != NULL ? connect_path(configuration->path, error)
                     : configuration->host_port != NULL
                         ? connect_tcp(configuration->host_port, error)
                         : inherited(configuration->descriptor, error);
    if (descriptor >= 0) {
        if (fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 &&
            fcntl(descriptor, F_SETFL, O_RDWR | O_NONBLOCK) == 0 &&
            vdev_host_net_port_open(
                &stream->port, &operations,
                &(struct vdev_host_net_port_configuration){
                    .loop = configuration->loop,
                    .descriptor = descriptor,
                    .address = configuration->address,
                    .mtu = configuration->mtu != 0 ? configuration->mtu : VDEV_NET_MTU,
                    .polled = configuration->polled,
                    .failed = configuration->failed,
                    .context = configuration->context,
                },
                error)) {
            return stream;
        }
        if (configuration->path != NULL || configuration->host_port != NULL) {
            close(descriptor);
        }
    }
    free(stream);
    return NULL;
}

struct vdev_net *vdev_host_stream_net(struct vdev_host_stream *stream)
{
    return &stream->port.net;
}

void vdev_host_stream_drain(struct vdev_host_stream *stream, unsigned milliseconds)
{
    vdev_host_net_port_drain(&stream->port, milliseconds);
}

void vdev_host_stream_close(struct vdev_host_stream *stream)
{
    if (stream != NULL) {
        vdev_host_net_port_close(&stream->port);
        free(stream);
    }
}
