/* SPDX-License-Identifier: BSD-2-Clause */
/* See vhost_user_socket.h. */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "host/error.h"
#include "host/vhost_user_socket.h"

#define BACKLOG         8
#define PATIENCE_MILLIS 500

/* ---- listening ---- */

static int fail(struct vdev_host_error *error, const char *path, const char *why)
{
    vdev_host_error_set(error, "%s: %s", path, why);
    return -1;
}

/* A socket file outlives a process that was killed: it is of no use if nobody answers there. */
static int remove_stale(const char *path, const struct sockaddr_un *address,
                        struct vdev_host_error *error)
{
    struct stat file;

    if (lstat(path, &file) != 0) {
        return errno == ENOENT ? 0 : fail(error, path, strerror(errno));
    }
    if (!S_ISSOCK(file.st_mode)) {
        return fail(error, path, "is there already, and no socket");
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) {
        return fail(error, path, strerror(errno));
    }
    int status = connect(probe, (const struct sockaddr *)address, sizeof *address);
    int reason = errno;
    close(probe);
    if (status == 0 || reason == EAGAIN) {
        return fail(error, path, "another process listens there");
    }
    if (reason != ECONNREFUSED) {
        return fail(error, path, strerror(reason));
    }
    return unlink(path) == 0 || errno == ENOENT ? 0 : fail(error, path, strerror(errno));
}

int vdev_host_socket_listen(const char *path, struct stat *bound, struct vdev_host_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);

    if (length == 0 || length >= sizeof address.sun_path) {
        return fail(error, path, "is too long for a socket's path, or empty");
    }
    memcpy(address.sun_path, path, length);
    if (remove_stale(path, &address, error) != 0) {
        return -1;
    }
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listening < 0) {
        return fail(error, path, strerror(errno));
    }
    if (bind(listening, (struct sockaddr *)&address, sizeof address) != 0) {
        fail(error, path, strerror(errno));
        close(listening);
        return -1;
    }
    if (lstat(path, bound) != 0 || listen(listening, BACKLOG) != 0) {
        fail(error, path, strerror(errno));
        unlink(path);
        close(listening);
        return -1;
    }
    return listening;
}

/* ---- messages ---- */

/* Take the descriptors out of what came; false: more than there is room for. */
static bool take_descriptors(struct msghdr *header, struct vdev_vhost_user_message *message)
{
    bool all = (header->msg_flags & MSG_CTRUNC) == 0;

    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL;
         part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(part) + i * sizeof descriptor, sizeof descriptor);
            if (message->descriptor_count < VDEV_VHOST_USER_REGIONS) {
                message->descriptors[message->descriptor_count++] = descriptor;
            } else {
                close(descriptor);
                all = false;
            }
        }
    }
    return all;
}

long vdev_host_socket_receive(int connection, void *bytes, size_t length,
                              struct vdev_vhost_user_message *message, const char **why)
{
    union {
        struct cmsghdr aligned;
        char bytes[CMSG_SPACE(VDEV_VHOST_USER_REGIONS * sizeof(int))];
    } control;
    struct iovec vector = {.iov_base = bytes, .iov_len = length};
    struct msghdr header = {
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    ssize_t count;

    do {
        count = recvmsg(connection, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        if (errno == EAGAIN) {
            return -1;
        }
        *why = strerror(errno);
        return errno == ECONNRESET ? 0 : -2;
    }
    if (!take_descriptors(&header, message)) {
        *why = "more file descriptors than any message has";
        return -2;
    }
    return (long)count;
}

static long long now_millis(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

int vdev_host_socket_send(int connection, const struct vdev_vhost_user_message *message)
{
    union {
        struct cmsghdr aligned;
        char bytes[CMSG_SPACE(VDEV_VHOST_USER_REGIONS * sizeof(int))];
    } control;
    uint8_t bytes[VDEV_VHOST_USER_HEADER_BYTES + VDEV_VHOST_USER_PAYLOAD_MAXIMUM];
    size_t length = VDEV_VHOST_USER_HEADER_BYTES + message->size;
    size_t sent = 0;
    long long deadline = 0;

    if (message->size > VDEV_VHOST_USER_PAYLOAD_MAXIMUM ||
        message->descriptor_count > VDEV_VHOST_USER_REGIONS) {
        return -1;
    }
    vdev_vhost_user_write_header(message, bytes);
    memcpy(bytes + VDEV_VHOST_USER_HEADER_BYTES, message->payload.bytes, message->size);
    while (sent < length) {
        struct iovec vector = {.iov_base = bytes + sent, .iov_len = length - sent};
        struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
        if (sent == 0 && message->descriptor_count != 0) {
            size_t size = message->descriptor_count * sizeof(int);
            memset(&control, 0, sizeof control);
            header.msg_control = &control;
            header.msg_controllen = CMSG_SPACE(size);
            struct cmsghdr *part = CMSG_FIRSTHDR(&header);
            part->cmsg_level = SOL_SOCKET;
            part->cmsg_type = SCM_RIGHTS;
            part->cmsg_len = CMSG_LEN(size);
            memcpy(CMSG_DATA(part), message->descriptors, size);
        }
        ssize_t count = sendmsg(connection, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count > 0) {
            sent += (size_t)count;
        } else if (count < 0 && errno == EAGAIN) {
            /* Its buffer holds hundreds of replies: this peer asks and does not listen. */
            long long now = now_millis();
            if (deadline == 0) {
                deadline = now + PATIENCE_MILLIS;
            }
            struct pollfd room = {.fd = connection, .events = POLLOUT};
            if (now >= deadline || poll(&room, 1, (int)(deadline - now)) < 0) {
                return -1;
            }
        } else if (count == 0 || errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

/* ---- events ---- */

/*
 * An eventfd's inode is the one that all anonymous descriptors share; none of these, nor a pipe or
 * a socket, waits when it was found ready. A file may, for as long as its file system likes.
 */
bool vdev_host_is_event(int descriptor)
{
    static dev_t anonymous; /* the same in the whole life of the system */
    struct stat about;

    if (anonymous == 0) {
        int own = eventfd(0, EFD_CLOEXEC);
        if (own < 0) {
            return false;
        }
        if (fstat(own, &about) == 0) {
            anonymous = about.st_dev;
        }
        close(own);
    }
    if (fstat(descriptor, &about) != 0) {
        return false;
    }
    return S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode) ||
           ((about.st_mode & S_IFMT) == 0 && about.st_dev == anonymous);
}

bool vdev_host_clear_event(int descriptor)
{
    uint64_t count;
    struct iovec vector = {.iov_base = &count, .iov_len = sizeof count};

    /* The descriptor's own flags are shared with the peer: it may take O_NONBLOCK back, and may
     * read the counter between our being told and our reading. */
    ssize_t got = preadv2(descriptor, &vector, 1, -1, RWF_NOWAIT);
    if (got < 0 && errno == EOPNOTSUPP) {
        struct pollfd ready = {.fd = descriptor, .events = POLLIN};
        if (poll(&ready, 1, 0) != 1) {
            return true;
        }
        got = read(descriptor, &count, sizeof count);
    }
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

void vdev_host_raise_event(int descriptor)
{
    static const uint64_t one = 1;
    struct pollfd room = {.fd = descriptor, .events = POLLOUT};

    /* A full one has an interrupt in it that is not taken yet. */
    if (poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0 && (room.revents & POLLERR) == 0) {
        ssize_t written = write(descriptor, &one, sizeof one);
        (void)written;
    }
}
