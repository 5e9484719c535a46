/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver for virtio network devices [VIRTIO 1.4 §5.1]: the class, poll, and what ends or
 * restarts it.
 *
 * Interrupts are asked for when poll leaves with nothing more to do, behind a last look. Whatever
 * goes wrong with the device as a whole ends in `restart`, from poll only.
 */
#include "frontends/net.h"

static struct vdev_net_frontend *frontend_of(struct vdev_net *net)
{
    return (struct vdev_net_frontend *)((char *)net - offsetof(struct vdev_net_frontend, net));
}

/* ---- the class ---- */

static int submit(struct vdev_net *net, struct vdev_net_frame *frame)
{
    struct vdev_net_frontend *frontend = frontend_of(net);

    return frontend->alive ? vdev_net_frontend_submit(frontend, frame) : VDEV_ERROR_ABSENT;
}

static void resume(struct vdev_net *net)
{
    frontend_of(net)->full = false;
}

static int set_receive_mode(struct vdev_net *net, enum vdev_net_receive_mode mode)
{
    struct vdev_net_frontend *frontend = frontend_of(net);

    return frontend->alive ? vdev_net_frontend_set_mode(frontend, mode) : VDEV_ERROR_ABSENT;
}

/* ---- poll ---- */

/* Reset the device, and take back what it had; frames in flight complete with `status`. */
static int stop(struct vdev_net_frontend *frontend, int status)
{
    int reset =
        vdev_virtio_driver_reset(frontend->configuration.transport, frontend->configuration.clock);
    if (frontend->full) {
        frontend->net.received.dropped[VDEV_NET_DROP_NO_ROOM]++;
    }
    frontend->full = false;
    frontend->received_count = 0;
    vdev_net_frontend_fail_sent(frontend, status);
    return reset;
}

static void count_restart(struct vdev_net_frontend_restarts *restarts, uint8_t reason)
{
    restarts->all++;
    switch (reason) {
    case NET_BROKEN_RING:
        restarts->ring++;
        break;
    case NET_BROKEN_MERGED:
        restarts->merged++;
        break;
    case NET_BROKEN_HEADER:
        restarts->header++;
        break;
    case NET_BROKEN_WANTED:
        restarts->wanted++;
        break;
    default:
        restarts->timeout++;
        break;
    }
}

/* From inside poll, where completions are allowed. */
static void restart(struct vdev_net_frontend *frontend)
{
    uint8_t reason = frontend->broken;

    count_restart(&frontend->restarts, reason);
    int status = stop(frontend, reason == NET_BROKEN_TIMEOUT ? VDEV_ERROR_TIMEOUT : VDEV_ERROR_IO);
    if (!frontend->alive) {
        return; /* stopped from inside a completion: it stays so */
    }
    if (status == VDEV_OK) {
        status = vdev_net_frontend_start(frontend);
    }
    if (status != VDEV_OK) {
        frontend->alive = false;
        frontend->changed |= frontend->net.link;
        frontend->net.link = false;
    }
}

static void look_at_configuration(struct vdev_net_frontend *frontend)
{
    struct vdev_virtio_driver *transport = frontend->configuration.transport;

    if ((transport->operations->status(transport) & VDEV_VIRTIO_STATUS_NEEDS_RESET) != 0 ||
        vdev_net_frontend_read_status(frontend) != VDEV_OK) {
        net_break(frontend, NET_BROKEN_WANTED);
    }
}

static void look_at_clock(struct vdev_net_frontend *frontend)
{
    uint64_t limit = frontend->configuration.timeout_nanoseconds;

    if (limit == 0 || (frontend->in_flight == 0 && frontend->command == 0)) {
        return;
    }
    uint64_t now = vdev_clock_now(frontend->configuration.clock);
    if ((frontend->in_flight != 0 && now - frontend->progress > limit) ||
        (frontend->command != 0 && now - frontend->command_time > limit)) {
        net_break(frontend, NET_BROKEN_TIMEOUT);
    }
}

/* Tell the device what was queued meanwhile; then ask for interrupts. True: there is more. */
static bool arm(struct vdev_net_frontend *frontend)
{
    bool more = false;

    net_publish(frontend, &frontend->receive, NET_RECEIVE_QUEUE);
    net_publish(frontend, &frontend->transmit, NET_TRANSMIT_QUEUE);
    vdev_net_frontend_send_command(frontend);
    if (!frontend->full) {
        more = vdev_driver_queue_arm(&frontend->receive) || frontend->received_count != 0;
    }
    /* Though they may be empty: what is submitted next is to interrupt as well. */
    more |= vdev_driver_queue_arm(&frontend->transmit);
    if (net_has(frontend, VIRTIO_NET_F_CTRL_VQ)) {
        more |= vdev_driver_queue_arm(&frontend->control);
    }
    return more;
}

/* What the client is to hear of the device as a whole. A device that is gone takes no frame, which
 * whoever waits for room has to find out. */
static void tell(struct vdev_net_frontend *frontend)
{
    const struct vdev_net_client *client = &frontend->net.client;
    bool alive = frontend->alive;

    if (frontend->changed) {
        frontend->changed = false;
        if (client->changed != NULL) {
            client->changed(client->owner);
        }
    }
    if (alive && !frontend->alive) {
        return; /* stopped from there */
    }
    if (frontend->blocked && (frontend->free_head != NET_NONE || !frontend->alive)) {
        frontend->blocked = false;
        if (client->writable != NULL) {
            client->writable(client->owner);
        }
    }
}

/*
 * While poll asks to be called again at once, nobody has to look why it is: that costs an access to
 * a register. But not without end, lest a flood of frames hide what else there is.
 */
static bool is_time_to_look(const struct vdev_net_frontend *frontend)
{
    return frontend->rounds % frontend->configuration.receive_count == 0;
}

static void take_interrupt(struct vdev_net_frontend *frontend)
{
    struct vdev_virtio_driver *transport = frontend->configuration.transport;

    if (is_time_to_look(frontend) && (transport->operations->take_interrupt(transport) &
                                      VDEV_VIRTIO_INTERRUPT_CONFIGURATION) != 0) {
        look_at_configuration(frontend);
    }
}

static bool poll(struct vdev_net *net)
{
    struct vdev_net_frontend *frontend = frontend_of(net);
    bool again = false;

    if (!frontend->alive || frontend->polling) {
        return false;
    }
    frontend->polling = true;
    take_interrupt(frontend);
    if (frontend->broken == NET_INTACT) {
        vdev_driver_queue_disarm(&frontend->receive);
        vdev_driver_queue_disarm(&frontend->transmit);
        vdev_net_frontend_finish_sent(frontend);
    }
    if (frontend->alive && frontend->broken == NET_INTACT) {
        vdev_net_frontend_finish_command(frontend);
    }
    if (frontend->alive && frontend->broken == NET_INTACT) {
        vdev_net_frontend_receive(frontend);
    }
    if (frontend->alive && frontend->broken == NET_INTACT) {
        tell(frontend);
    }
    if (frontend->alive && frontend->broken == NET_INTACT) {
        again = arm(frontend);
        if (!again || is_time_to_look(frontend)) {
            look_at_clock(frontend);
        }
    }
    if (frontend->alive && frontend->broken != NET_INTACT) {
        again = false;
        restart(frontend);
        tell(frontend);
        if (frontend->alive) {
            arm(frontend);
        }
    }
    frontend->rounds = again ? (uint16_t)(frontend->rounds + 1u) : 0;
    frontend->polling = false;
    return again;
}

static const struct vdev_net_operations operations = {
    .submit = submit,
    .poll = poll,
    .resume = resume,
    .set_receive_mode = set_receive_mode,
};

/* ---- beginning and end ---- */

static bool is_shared(const struct vdev_buffer *memory, uint64_t length)
{
    return memory->pointer != NULL && memory->bus_address != VDEV_NO_BUS_ADDRESS &&
           memory->length >= length;
}

static bool is_sound(const struct vdev_net_frontend_configuration *configuration)
{
    uint64_t received = (uint64_t)configuration->receive_count * configuration->receive_size;
    uint64_t headers = (uint64_t)configuration->transmission_count * VDEV_NET_FRONTEND_SLOT_BYTES;
    uint64_t bounce = (uint64_t)configuration->transmission_count * configuration->bounce_size;

    return configuration->transport != NULL && configuration->clock != NULL &&
           configuration->queue_size >= 4 && configuration->receive_size >= 64 &&
           configuration->receive_count != 0 &&
           configuration->receive_count <= configuration->queue_size && received <= UINT32_MAX &&
           is_shared(&configuration->receive_memory, received) && configuration->received != NULL &&
           configuration->transmissions != NULL && configuration->transmission_count != 0 &&
           configuration->transmission_count != NET_NONE &&
           is_shared(&configuration->headers, headers) && configuration->pieces != NULL &&
           configuration->piece_count >= 2 &&
           (bounce == 0 || is_shared(&configuration->bounce, bounce)) &&
           (configuration->control.pointer == NULL ||
            (is_shared(&configuration->control, VDEV_NET_FRONTEND_CONTROL_BYTES) &&
             configuration->control_queue_size >= VDEV_NET_FRONTEND_CONTROL_QUEUE));
}

int vdev_net_frontend_init(struct vdev_net_frontend *frontend,
                           const struct vdev_net_frontend_configuration *configuration)
{
    if (!is_sound(configuration)) {
        return VDEV_ERROR_INVALID;
    }
    memset(frontend, 0, sizeof *frontend);
    frontend->net.operations = &operations;
    frontend->configuration = *configuration;
    /* A header and a frame's buffers: in the caller's list, and in one chain of the ring. */
    uint16_t most = configuration->piece_count;
    if (most > configuration->queue_size) {
        most = configuration->queue_size;
    }
    frontend->net.maximum_buffers = most - 1u;
    int status = vdev_net_frontend_start(frontend);
    frontend->changed = false; /* nobody knew it otherwise */
    return status;
}

int vdev_net_frontend_stop(struct vdev_net_frontend *frontend)
{
    if (!frontend->alive) {
        return VDEV_OK;
    }
    frontend->alive = false;
    frontend->net.link = false;
    return stop(frontend, VDEV_ERROR_ABSENT);
}
