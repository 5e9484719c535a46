/* SPDX-License-Identifier: BSD-2-Clause */
/* A vhost-user device's other end on a UNIX socket. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <vdev/host/vhost_user_client.h>
#include <vdev/status.h>

#include "host/error.h"
#include "host/vhost_user_socket.h"

#define SECOND 1000000000ull

/* Where the device sees the memory begin: not where we do, nor at 0, so that a mix-up shows. */
#define GUEST_ADDRESS 0x40000000ull

static uint64_t now(void *context)
{
    struct timespec time;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

struct vdev_clock vdev_host_monotonic_clock(void)
{
    return (struct vdev_clock){.now = now};
}

/* ---- the driver end's operations ---- */

static int send_message(void *context, const struct vdev_vhost_user_message *message)
{
    const struct vdev_host_vhost_user_client *client = context;

    return client->connection < 0 ? -1 : vdev_host_socket_send(client->connection, message);
}

/* Fill `bytes`, until `deadline`. */
static int receive_all(struct vdev_host_vhost_user_client *client,
                       struct vdev_vhost_user_message *message, uint8_t *bytes, size_t length,
                       uint64_t deadline)
{
    const char *why;

    while (length != 0) {
        long count = vdev_host_socket_receive(client->connection, bytes, length, message, &why);
        if (count > 0) {
            bytes += count;
            length -= (size_t)count;
            continue;
        }
        if (count != -1) {
            return VDEV_ERROR_IO;
        }
        uint64_t time = now(NULL);
        if (time >= deadline) {
            return VDEV_ERROR_TIMEOUT;
        }
        struct timespec rest = {(time_t)((deadline - time) / SECOND),
                                (long)((deadline - time) % SECOND)};
        struct pollfd ready = {.fd = client->connection, .events = POLLIN};
        if (ppoll(&ready, 1, &rest, NULL) < 0 && errno != EINTR) {
            return VDEV_ERROR_IO;
        }
    }
    return VDEV_OK;
}

static int receive_message(void *context, struct vdev_vhost_user_message *message,
                           uint64_t nanoseconds)
{
    struct vdev_host_vhost_user_client *client = context;
    uint8_t header[VDEV_VHOST_USER_HEADER_BYTES];
    uint64_t time = now(NULL);
    uint64_t deadline = nanoseconds < UINT64_MAX - time ? time + nanoseconds : UINT64_MAX;

    message->descriptor_count = 0;
    if (client->connection < 0) {
        return VDEV_ERROR_IO;
    }
    int status = receive_all(client, message, header, sizeof header, deadline);
    if (status == VDEV_OK && vdev_vhost_user_read_header(message, header) != NULL) {
        status = VDEV_ERROR_IO;
    }
    if (status == VDEV_OK) {
        status = receive_all(client, message, message->payload.bytes, message->size, deadline);
    }
    if (status != VDEV_OK) {
        for (size_t i = 0; i < message->descriptor_count; i++) {
            close(message->descriptors[i]);
        }
        message->descriptor_count = 0;
    }
    return status;
}

static void close_descriptor(void *context, int descriptor)
{
    (void)context;
    close(descriptor);
}

static void kick(void *context, int descriptor)
{
    (void)context;
    vdev_host_raise_event(descriptor);
}

static bool take_calls(void *context)
{
    struct vdev_host_vhost_user_client *client = context;
    bool called = client->called;

    client->called = false;
    return called;
}

static const struct vdev_vhost_user_driver_operations operations = {
    .send = send_message,
    .receive = receive_message,
    .close = close_descriptor,
    .kick = kick,
    .take_calls = take_calls,
};

/* ---- connecting ---- */

static int fail(const struct vdev_host_vhost_user_client *client, struct vdev_host_error *error,
                const char *why)
{
    vdev_host_error_set(error, "%s: %s", client->configuration.path, why);
    return -1;
}

static void disconnect(struct vdev_host_vhost_user_client *client)
{
    if (client->connection >= 0) {
        close(client->connection);
    }
    client->connection = -1;
}

static int connect_to(struct vdev_host_vhost_user_client *client, struct vdev_host_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(client->configuration.path);

    if (length == 0 || length >= sizeof address.sun_path) {
        return fail(client, error, "is too long for a socket's path, or empty");
    }
    memcpy(address.sun_path, client->configuration.path, length);
    client->connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (client->connection < 0 ||
        connect(client->connection, (struct sockaddr *)&address, sizeof address) != 0) {
        fail(client, error, strerror(errno));
        disconnect(client);
        return -1;
    }
    return 0;
}

/* What the driver's end makes of a new connection, in words. */
static int explain(struct vdev_host_vhost_user_client *client, int status,
                   struct vdev_host_error *error)
{
    if (status == VDEV_OK) {
        return 0;
    }
    const char *reason = client->driver.failed_reason;
    vdev_host_error_set(error, "%s: %s: %s", client->configuration.path,
                        reason != NULL ? vdev_vhost_user_name(client->driver.failed_request)
                                       : "no device for us",
                        reason != NULL ? reason : vdev_status_name(status));
    disconnect(client);
    return -1;
}

static int make_memory(struct vdev_host_vhost_user_client *client, struct vdev_host_error *error)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t length = client->configuration.memory;

    if (length == 0 || length > SIZE_MAX / 2) {
        return fail(client, error, "no such size of memory to share");
    }
    length = (length + page - 1) / page * page;
    int descriptor = memfd_create("vdev-vhost-user", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0) {
        return fail(client, error, strerror(errno));
    }
    client->region.descriptor = descriptor;
    /* The device has the file, too: it must not be able to take it away from under us. */
    if (ftruncate(descriptor, (off_t)length) != 0 ||
        fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return fail(client, error, strerror(errno));
    }
    void *pointer = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (pointer == MAP_FAILED) {
        return fail(client, error, strerror(errno));
    }
    client->region.pointer = pointer;
    client->region.length = length;
    client->region.guest_address = GUEST_ADDRESS;
    return 0;
}

static int make_events(struct vdev_host_vhost_user_client *client, struct vdev_host_error *error)
{
    for (uint16_t i = 0; i < client->configuration.queue_count; i++) {
        client->kicks[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        client->calls[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (client->kicks[i] < 0 || client->calls[i] < 0) {
            return fail(client, error, strerror(errno));
        }
    }
    return 0;
}

int vdev_host_vhost_user_client_open(
    struct vdev_host_vhost_user_client *client,
    const struct vdev_host_vhost_user_client_configuration *configuration,
    struct vdev_host_error *error)
{
    memset(client, 0, sizeof *client);
    client->configuration = *configuration;
    client->connection = -1;
    client->region.descriptor = -1;
    client->driver.inflight_descriptor = -1;
    for (unsigned i = 0; i < VDEV_VHOST_USER_DRIVER_QUEUES; i++) {
        client->kicks[i] = -1;
        client->calls[i] = -1;
    }
    if (configuration->queue_count > VDEV_VHOST_USER_DRIVER_QUEUES) {
        return fail(client, error, "more queues than there can be");
    }
    if (connect_to(client, error) != 0) {
        return -1;
    }
    int result = make_memory(client, error);
    if (result == 0) {
        result = make_events(client, error);
    }
    if (result == 0) {
        const struct vdev_vhost_user_driver_configuration driver = {
            .operations = &operations,
            .context = client,
            .id = configuration->id,
            .regions = &client->region,
            .region_count = 1,
            .kicks = client->kicks,
            .calls = client->calls,
            .queue_count = configuration->queue_count,
            .queue_size_maximum = configuration->queue_size_maximum,
            .timeout_nanoseconds = configuration->timeout_nanoseconds,
            .without = configuration->without,
        };
        result = explain(client, vdev_vhost_user_driver_init(&client->driver, &driver), error);
    }
    if (result != 0) {
        vdev_host_vhost_user_client_close(client);
    }
    return result;
}

int vdev_host_vhost_user_client_reconnect(struct vdev_host_vhost_user_client *client,
                                          struct vdev_host_error *error)
{
    disconnect(client);
    if (connect_to(client, error) != 0) {
        return -1;
    }
    return explain(client, vdev_vhost_user_driver_reconnect(&client->driver), error);
}

static void close_if_open(int *descriptor)
{
    if (*descriptor >= 0) {
        close(*descriptor);
    }
    *descriptor = -1;
}

void vdev_host_vhost_user_client_close(struct vdev_host_vhost_user_client *client)
{
    if (client->driver.configuration.operations != NULL) {
        vdev_vhost_user_driver_finish(&client->driver);
    }
    disconnect(client);
    for (unsigned i = 0; i < VDEV_VHOST_USER_DRIVER_QUEUES; i++) {
        close_if_open(&client->kicks[i]);
        close_if_open(&client->calls[i]);
    }
    if (client->region.pointer != NULL) {
        munmap(client->region.pointer, client->region.length);
    }
    client->region.pointer = NULL;
    close_if_open(&client->region.descriptor);
}

struct vdev_buffer
vdev_host_vhost_user_client_memory(const struct vdev_host_vhost_user_client *client)
{
    return (struct vdev_buffer){client->region.pointer, (size_t)client->region.length,
                                client->region.guest_address};
}

/* ---- waiting ---- */

enum vdev_host_vhost_user_event
vdev_host_vhost_user_client_wait(struct vdev_host_vhost_user_client *client, uint64_t nanoseconds)
{
    struct pollfd ready[1 + VDEV_VHOST_USER_DRIVER_QUEUES];
    uint16_t count = client->configuration.queue_count;
    struct timespec time = {(time_t)(nanoseconds / SECOND), (long)(nanoseconds % SECOND)};

    if (client->connection < 0) {
        return VDEV_HOST_VHOST_USER_ENDED;
    }
    ready[0] = (struct pollfd){.fd = client->connection, .events = POLLIN | POLLRDHUP};
    for (uint16_t i = 0; i < count; i++) {
        ready[1 + i] = (struct pollfd){.fd = client->calls[i], .events = POLLIN};
    }
    if (ppoll(ready, 1u + count, nanoseconds == UINT64_MAX ? NULL : &time, NULL) <= 0) {
        return VDEV_HOST_VHOST_USER_NOTHING;
    }
    for (uint16_t i = 0; i < count; i++) {
        if ((ready[1 + i].revents & POLLIN) != 0) {
            vdev_host_clear_event(client->calls[i]);
            client->called = true;
        }
    }
    /* Nothing was asked: what comes unasked is as good as an end. */
    if (ready[0].revents != 0) {
        disconnect(client);
        return VDEV_HOST_VHOST_USER_ENDED;
    }
    return client->called ? VDEV_HOST_VHOST_USER_CALLED : VDEV_HOST_VHOST_USER_NOTHING;
}
