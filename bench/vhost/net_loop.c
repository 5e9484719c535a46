/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vhost-user network device that sends each frame back: our session and back-end over a device of
 * the net class that is nothing but one copy, from the driver's buffers into the driver's buffers.
 * It polls its rings, as what it is measured beside does.
 *
 * usage: vhost-net-loop SOCKET PROCESSOR
 *
 * Until somebody ends it. One frame is always kept from completion, so that the back-end does not
 * ask the driver for notifications.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vdev/backends/net.h>
#include <vdev/host/vhost_user.h>
#include <vdev/status.h>

#include "../../tools/vdev/loop.h"

enum { SLOTS = 256, PER_SLOT = 4, QUEUE_SIZE = 256, BURST = 32, TURNS = 1024 };

static struct {
    struct vdev_net net;
    struct vdev_net_frame *first, **last; /* submitted, and not sent back */
    struct vdev_net_frame *held;          /* sent back, and not completed */
    bool full;
} reflector;

static struct loop loop;
static struct vdev_host_vhost_user server;
static struct vdev_net_backend backend;
static struct vdev_memory memory;
static struct vdev_net_backend_slot slots[SLOTS];
static struct vdev_buffer buffers[SLOTS * PER_SLOT];
static struct vdev_buffer room_buffers[PER_SLOT];
static struct vdev_used_chain room_chains[1];

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "vhost-net-loop: %s: %s\n", what, why);
    exit(1);
}

/* ---- the device of the net class ---- */

static int reflector_submit(struct vdev_net *net, struct vdev_net_frame *frame)
{
    (void)net;
    frame->next = NULL;
    *reflector.last = frame;
    reflector.last = &frame->next;
    return VDEV_OK;
}

static void reflector_resume(struct vdev_net *net)
{
    (void)net;
    reflector.full = false;
}

static int deliver(const struct vdev_net_frame *frame)
{
    const struct vdev_net_client *client = &reflector.net.client;
    struct vdev_net_arrival arrival = {.length = frame->length};
    struct vdev_cursor from = vdev_cursor(frame->buffers, frame->buffer_count);
    struct vdev_net_room room;
    void *pointer;
    size_t piece;

    vdev_cursor_read(&from, arrival.header, sizeof arrival.header);
    int status = client->accept(client->owner, &arrival, &room);
    if (status != VDEV_OK) {
        return status;
    }
    if (frame->buffer_count == 1 && room.buffer_count == 1) {
        memcpy(room.buffers->pointer, frame->buffers->pointer, frame->length);
        client->delivered(client->owner, VDEV_OK);
        return VDEV_OK;
    }
    struct vdev_cursor to = vdev_cursor(room.buffers, room.buffer_count);
    from = vdev_cursor(frame->buffers, frame->buffer_count);
    while ((piece = vdev_cursor_peek(&from, &pointer)) != 0) {
        vdev_cursor_write(&to, pointer, piece);
        vdev_cursor_skip(&from, piece);
    }
    client->delivered(client->owner, VDEV_OK);
    return VDEV_OK;
}

static void hold(struct vdev_net_frame *frame)
{
    struct vdev_net_frame *before = reflector.held;

    reflector.held = frame;
    if (before != NULL) {
        before->complete(before, VDEV_OK);
    }
}

static bool reflector_poll(struct vdev_net *net)
{
    (void)net;
    for (unsigned i = 0; i < BURST && reflector.first != NULL && !reflector.full; i++) {
        struct vdev_net_frame *frame = reflector.first;
        reflector.full = true; /* unless resume is called from there */
        if (deliver(frame) == VDEV_ERROR_FULL) {
            return false;
        }
        reflector.full = false;
        reflector.first = frame->next;
        if (reflector.first == NULL) {
            reflector.last = &reflector.first;
        }
        hold(frame);
    }
    return reflector.first != NULL && !reflector.full;
}

static const struct vdev_net_operations operations = {
    .submit = reflector_submit,
    .poll = reflector_poll,
    .resume = reflector_resume,
};

/* ---- the program ---- */

/* The driver's end stops a ring: nothing of it stays here. */
static void drain(void *context)
{
    struct vdev_net_frame *frame;

    (void)context;
    while ((frame = reflector.first) != NULL) {
        reflector.first = frame->next;
        frame->complete(frame, VDEV_OK);
    }
    reflector.last = &reflector.first;
    reflector.full = false;
    hold(NULL);
}

static bool turned(void *context)
{
    (void)context;
    for (unsigned i = 0; i < TURNS; i++) {
        vdev_virtio_device_notify(&backend.device, VDEV_NET_TRANSMIT_QUEUE(0));
        if (reflector.full) {
            vdev_virtio_device_notify(&backend.device, VDEV_NET_RECEIVE_QUEUE(0));
        }
        vdev_net_poll(&reflector.net);
    }
    return true;
}

static void log_line(void *context, enum vdev_host_log_level level, const char *line)
{
    (void)context;
    if (level == VDEV_HOST_LOG_ERROR) {
        fprintf(stderr, "vhost-net-loop: %s\n", line);
    }
}

int main(int argc, char **argv)
{
    struct vdev_host_error error;
    cpu_set_t processors;

    if (argc != 3) {
        fprintf(stderr, "usage: vhost-net-loop SOCKET PROCESSOR\n");
        return 2;
    }
    CPU_ZERO(&processors);
    CPU_SET((size_t)atoi(argv[2]), &processors);
    if (sched_setaffinity(0, sizeof processors, &processors) != 0) {
        fail(argv[2], "no such processor");
    }
    reflector.last = &reflector.first;
    reflector.net = (struct vdev_net){.operations = &operations,
                                      .mtu = VDEV_NET_MTU,
                                      .link = true,
                                      .address = {2, 0, 0, 0, 0, 1}};
    int status = vdev_net_backend_init(&backend, &(struct vdev_net_backend_configuration){
                                                     .memory = &memory,
                                                     .net = &reflector.net,
                                                     .slots = slots,
                                                     .slot_count = SLOTS,
                                                     .buffers = buffers,
                                                     .buffers_per_slot = PER_SLOT,
                                                     .receive_buffers = room_buffers,
                                                     .receive_buffer_count = PER_SLOT,
                                                     .receive_chains = room_chains,
                                                     .receive_chain_count = 1,
                                                     .queue_size = QUEUE_SIZE,
                                                 });
    if (status != VDEV_OK) {
        fail("back-end", vdev_status_name(status));
    }
    if (loop_init(&loop) != 0 || vdev_host_survive_shrinking() != 0) {
        fail("loop", "cannot be made");
    }
    loop.turned = turned;
    if (vdev_host_vhost_user_init(&server,
                                  &(struct vdev_host_vhost_user_configuration){
                                      .loop = &loop.host,
                                      .device = &backend.device,
                                      .memory = &memory,
                                      .path = argv[1],
                                      .drain = drain,
                                      .log = log_line,
                                  },
                                  &error) != 0) {
        fail("socket", error.text);
    }
    loop_run(&loop);
    return 0;
}
