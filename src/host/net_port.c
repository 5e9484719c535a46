/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The net class over a descriptor: queue, reception, watching, the end.
 *
 * Everything is done in poll, one frame each way; a turn of the loop is a bounded number of polls.
 * The descriptor is watched for what would be of use only, so that a client without room, or a wire
 * that is full, costs no turns.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <vdev/host/tap_net.h>
#include <vdev/status.h>

#include "host/error.h"
#include "host/net_port.h"

_Static_assert(VDEV_HOST_NET_BUFFERS == VDEV_HOST_NET_BUFFERS_MAXIMUM &&
                   VDEV_HOST_NET_TURN == VDEV_HOST_NET_TURN_FRAMES,
               "as the public header says");

static struct vdev_host_net_port *port_of(struct vdev_net *net)
{
    return (struct vdev_host_net_port *)((char *)net - offsetof(struct vdev_host_net_port, net));
}

/* Have the loop call, for what no descriptor will call for. */
static void wake(struct vdev_host_net_port *port)
{
    uint64_t one = 1;

    if (port->woken || port->inside) {
        return;
    }
    if (port->loop->defer != NULL) {
        port->woken = true;
        port->turn->pending = true;
        port->loop->defer(port->loop, &port->turn->deferred);
    } else {
        /* It cannot fail: the counter is at most 1. */
        port->woken = write(port->wake.descriptor, &one, sizeof one) == (ssize_t)sizeof one;
    }
}

static void watch_as_needed(struct vdev_host_net_port *port)
{
    bool reads = !port->ended && !port->kept;
    bool writes = !port->ended && port->blocked;

    if (!reads && !writes) {
        if (port->watched) {
            port->watched = false;
            port->loop->unwatch(port->loop, &port->wire);
        }
    } else if (!port->watched || reads != port->wire.reads || writes != port->wire.writes) {
        port->wire.reads = reads;
        port->wire.writes = writes;
        port->watched = port->loop->watch(port->loop, &port->wire) == 0;
        if (!port->watched) {
            /* Nobody would call any more. */
            vdev_host_net_port_end(port, "the event loop has no room");
        }
    }
}

/* ---- sending ---- */

static int submit(struct vdev_net *net, struct vdev_net_frame *frame)
{
    struct vdev_host_net_port *port = port_of(net);

    if (port->ended) {
        return VDEV_ERROR_ABSENT;
    }
    int status = vdev_net_check(frame->length, &frame->offload, net->takes, net->mtu);
    if (status != VDEV_OK) {
        return status;
    }
    if (frame->buffer_count > VDEV_HOST_NET_BUFFERS_MAXIMUM) {
        return VDEV_ERROR_RANGE;
    }
    if (port->queued == VDEV_HOST_NET_QUEUE) {
        port->full = true;
        return VDEV_ERROR_FULL;
    }
    frame->next = NULL;
    if (port->first == NULL) {
        port->first = frame;
        wake(port);
    } else {
        port->last->next = frame;
    }
    port->last = frame;
    port->queued++;
    return VDEV_OK;
}

static void complete_first(struct vdev_host_net_port *port, int status)
{
    struct vdev_net_frame *frame = port->first;

    port->first = frame->next;
    port->queued--;
    frame->complete(frame, status);
}

/* True: one frame is done with. */
static bool send_one(struct vdev_host_net_port *port)
{
    struct vdev_net_frame *frame = port->first;
    enum vdev_net_drop dropped = VDEV_NET_DROP_REASONS;

    if (frame == NULL) {
        return false;
    }
    int status = port->operations->send(port, frame, &dropped);
    port->blocked = status == VDEV_ERROR_AGAIN;
    if (status == VDEV_ERROR_AGAIN || status == VDEV_ERROR_STATE) {
        return false;
    }
    if (dropped != VDEV_NET_DROP_REASONS) {
        port->net.sent.dropped[dropped]++;
    } else {
        vdev_net_count(&port->net.sent, frame->length);
    }
    complete_first(port, status);
    if (port->full && port->net.client.writable != NULL) {
        port->full = false;
        port->net.client.writable(port->net.client.owner);
    }
    return true;
}

int vdev_host_net_frame_vector(const struct vdev_net_frame *frame, size_t skip,
                               struct iovec *vector, size_t *length)
{
    size_t left = frame->length - skip;
    int count = 0;

    *length = 0;
    for (size_t i = 0; i < frame->buffer_count && left != 0; i++) {
        const struct vdev_buffer *buffer = &frame->buffers[i];
        if (buffer->length <= skip) {
            skip -= buffer->length;
            continue;
        }
        size_t piece = buffer->length - skip < left ? buffer->length - skip : left;
        vector[count++] = (struct iovec){(uint8_t *)buffer->pointer + skip, piece};
        *length += piece;
        left -= piece;
        skip = 0;
    }
    return count;
}

/* ---- reception ---- */

/* False: the client has no room, and the frame is kept. */
static bool deliver(struct vdev_host_net_port *port)
{
    struct vdev_net_client *client = &port->net.client;
    struct vdev_net_arrival *arrival = &port->arrival;
    struct vdev_net_room room = {0};

    if (client->accept == NULL) {
        port->net.received.dropped[VDEV_NET_DROP_NO_LINK]++;
        return true;
    }
    if ((arrival->offload.needs & ~client->accepts) != 0) {
        /* On its way when the client changed what it accepts. */
        port->net.received.dropped[VDEV_NET_DROP_OFFLOAD]++;
        return true;
    }
    int status = client->accept(client->owner, arrival, &room);
    if (status == VDEV_OK) {
        struct vdev_cursor to = vdev_cursor(room.buffers, room.buffer_count);
        vdev_cursor_write(&to, port->bytes, arrival->length);
        vdev_net_count(&port->net.received, arrival->length);
        client->delivered(client->owner, VDEV_OK);
    }
    return status != VDEV_ERROR_FULL;
}

/* True: there may be more. */
static bool receive_one(struct vdev_host_net_port *port)
{
    if (port->kept) {
        if (!port->resumed) {
            return false;
        }
    } else {
        int status = port->operations->receive(port, &port->arrival, &port->bytes);
        if (status != VDEV_OK) {
            return status == VDEV_ERROR_AGAIN;
        }
        memcpy(port->arrival.header, port->bytes, VDEV_NET_HEADER_BYTES);
    }
    /* The client may say that it has room again from inside of `accept`. */
    port->resumed = false;
    port->kept = true;
    port->kept = !deliver(port);
    return !port->kept || port->resumed;
}

static void resume(struct vdev_net *net)
{
    struct vdev_host_net_port *port = port_of(net);

    if (port->kept) {
        port->resumed = true;
        wake(port);
    }
}

/* ---- the end ---- */

void vdev_host_net_port_end(struct vdev_host_net_port *port, const char *format, ...)
{
    va_list arguments;

    if (!port->ended) {
        port->ended = true;
        va_start(arguments, format);
        vsnprintf(port->end.text, sizeof port->end.text, format, arguments);
        va_end(arguments);
    }
}

static void fail_all(struct vdev_host_net_port *port)
{
    while (port->first != NULL) {
        complete_first(port, VDEV_ERROR_ABSENT);
    }
    port->blocked = false;
}

/* Tell everybody, once. */
static void conclude(struct vdev_host_net_port *port)
{
    port->net.link = false;
    port->kept = false;
    port->full = false;
    watch_as_needed(port);
    fail_all(port);
    if (port->net.client.changed != NULL) {
        port->net.client.changed(port->net.client.owner);
    }
    if (port->failed != NULL) {
        port->failed(port->context, port->end.text);
    }
}

/* ---- work ---- */

static bool poll_port(struct vdev_net *net)
{
    struct vdev_host_net_port *port = port_of(net);

    if (port->inside || !net->link) {
        return false;
    }
    port->inside = true;
    if (port->accepts != net->client.accepts && port->operations->accepts != NULL) {
        port->accepts = net->client.accepts;
        port->operations->accepts(port, port->accepts);
    }
    bool more = send_one(port);
    if (!port->ended) {
        more |= receive_one(port);
        /* Submitted meanwhile, when nobody was woken. */
        more |= port->first != NULL && !port->blocked;
    }
    if (!port->ended) {
        watch_as_needed(port);
    }
    if (port->ended) {
        conclude(port);
        more = false;
    }
    port->inside = false;
    return more;
}

static void work(struct vdev_host_net_port *port)
{
    unsigned budget = VDEV_HOST_NET_TURN_FRAMES;

    while (budget != 0 && poll_port(&port->net)) {
        budget--;
    }
    if (budget == 0) {
        /* Not all of what is left is seen at the descriptor. */
        wake(port);
    }
    if (port->polled != NULL) {
        port->polled(port->context);
    }
}

static void on_wire(struct vdev_host_watch *watch)
{
    work((struct vdev_host_net_port *)((char *)watch - offsetof(struct vdev_host_net_port, wire)));
}

static void on_wake(struct vdev_host_watch *watch)
{
    struct vdev_host_net_port *port =
        (struct vdev_host_net_port *)((char *)watch - offsetof(struct vdev_host_net_port, wake));
    uint64_t count;

    if (read(port->wake.descriptor, &count, sizeof count) < 0 && errno == EINTR) {
        return; /* called again */
    }
    port->woken = false;
    work(port);
}

static void on_turn(struct vdev_host_deferred *deferred)
{
    struct vdev_host_net_turn *turn = (struct vdev_host_net_turn *)deferred;

    turn->pending = false;
    if (turn->port == NULL) {
        free(turn);
        return;
    }
    turn->port->woken = false;
    work(turn->port);
}

static const struct vdev_net_operations net_operations = {
    .submit = submit,
    .poll = poll_port,
    .resume = resume,
};

static void choose_address(uint8_t *to, const uint8_t *from)
{
    static const uint8_t none[VDEV_NET_ADDRESS_BYTES];

    memcpy(to, from, VDEV_NET_ADDRESS_BYTES);
    if (memcmp(from, none, sizeof none) == 0) {
        if (getrandom(to, VDEV_NET_ADDRESS_BYTES, 0) != (ssize_t)VDEV_NET_ADDRESS_BYTES) {
            to[5] = 1;
        }
        to[0] = (uint8_t)((to[0] & 0xfcu) | 0x02u);
    }
}

static bool prepare_wake(struct vdev_host_net_port *port, struct vdev_host_error *error)
{
    port->wake = (struct vdev_host_watch){.descriptor = -1, .reads = true, .ready = on_wake};
    port->turn = malloc(sizeof *port->turn);
    if (port->turn == NULL) {
        vdev_host_error_set(error, "no memory");
        return false;
    }
    *port->turn = (struct vdev_host_net_turn){.deferred.run = on_turn, .port = port};
    if (port->loop->defer != NULL) {
        return true;
    }
    port->wake.descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int status = port->wake.descriptor < 0 ? -errno : port->loop->watch(port->loop, &port->wake);
    if (status != 0) {
        vdev_host_error_set(error, "no event to wait for: %s", strerror(-status));
        if (port->wake.descriptor >= 0) {
            close(port->wake.descriptor);
        }
        free(port->turn);
        return false;
    }
    return true;
}

static void forget_wake(struct vdev_host_net_port *port)
{
    if (port->wake.descriptor >= 0) {
        port->loop->unwatch(port->loop, &port->wake);
        close(port->wake.descriptor);
    }
    if (port->turn->pending) {
        port->turn->port = NULL; /* freed when it is called */
    } else {
        free(port->turn);
    }
}

bool vdev_host_net_port_open(struct vdev_host_net_port *port,
                             const struct vdev_host_net_port_operations *operations,
                             const struct vdev_host_net_port_configuration *configuration,
                             struct vdev_host_error *error)
{
    struct vdev_host_loop *loop = configuration->loop;

    if (configuration->mtu < VDEV_NET_MTU_MINIMUM) {
        vdev_host_error_set(error, "an MTU of %u is below %u", configuration->mtu,
                            VDEV_NET_MTU_MINIMUM);
        return false;
    }
    if (vdev_net_is_group(configuration->address)) {
        vdev_host_error_set(error, "the address is a multicast one");
        return false;
    }
    port->operations = operations;
    port->loop = loop;
    port->polled = configuration->polled;
    port->failed = configuration->failed;
    port->context = configuration->context;
    port->net.operations = &net_operations;
    port->net.mtu = configuration->mtu;
    port->net.takes = configuration->takes;
    port->net.maximum_buffers = VDEV_HOST_NET_BUFFERS_MAXIMUM;
    port->net.link = true;
    choose_address(port->net.address, configuration->address);
    port->wire = (struct vdev_host_watch){
        .descriptor = configuration->descriptor, .reads = true, .ready = on_wire};
    if (!prepare_wake(port, error)) {
        return false;
    }
    int status = loop->watch(loop, &port->wire);
    if (status != 0) {
        forget_wake(port);
        vdev_host_error_set(error, "cannot be waited for: %s", strerror(-status));
        return false;
    }
    port->watched = true;
    return true;
}

void vdev_host_net_port_drain(struct vdev_host_net_port *port, unsigned milliseconds)
{
    while (port->first != NULL && !port->inside) {
        const struct vdev_net_frame *first = port->first;
        struct pollfd wire = {.fd = port->wire.descriptor, .events = POLLOUT};

        port->blocked = false;
        poll_port(&port->net);
        if (port->first == first && poll(&wire, 1, (int)milliseconds) <= 0) {
            vdev_host_net_port_end(port, "takes no frames any more");
            conclude(port);
        }
    }
}

void vdev_host_net_port_close(struct vdev_host_net_port *port)
{
    port->ended = true;
    port->inside = true;
    watch_as_needed(port);
    fail_all(port);
    forget_wake(port);
    close(port->wire.descriptor);
}
