/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The LAN9118's driver on our emulator of it, with a medium below the emulator that keeps what is
 * sent and delivers what the test puts on it. Between driver and emulator stands what the test
 * gives: nothing, or a bench. The driver's poll is called when its line is high or when it asked
 * for it, and not otherwise: whatever is moved has been moved by an event.
 */
#ifndef LAN9118_RIG_H
#define LAN9118_RIG_H

#include <check.h>
#include <string.h>

#include <vdev/drivers/lan9118.h>
#include <vdev/emulators/lan9118.h>
#include <vdev/status.h>
#include <vdev/testing/check.h>
#include <vdev/testing/clock.h>
#include <vdev/testing/emulator_io.h>

#define RIG_BYTES    2048u
#define RIG_ARRIVALS 32u
#define RIG_SHORTEST 60u /* what the controller makes of shorter frames */

static const uint8_t rig_address[VDEV_NET_ADDRESS_BYTES] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55};

struct lan9118_rig {
    struct vdev_net medium; /* first: its owner is the rig */
    struct vdev_virtual_clock clock;
    struct vdev_emulator_io bus;
    struct vdev_lan9118_emulator emulator;
    struct vdev_interrupt_line line;
    struct vdev_lan9118_driver driver;
    bool bursts; /* of the driver; to be set between rig_emulator and rig_driver */
    bool more;   /* poll asked to be called again */
    uint32_t polls;

    /* The medium: what is sent, the last of it kept, and what will arrive. */
    struct vdev_net_frame *queue, *queue_end;
    uint8_t sent[RIG_BYTES];
    uint32_t sent_length, sent_count;
    int complete_with;
    bool stuck; /* completes nothing */
    const uint8_t *arrivals[RIG_ARRIVALS];
    uint32_t arrival_lengths[RIG_ARRIVALS];
    unsigned arrival_count;

    /* The driver's client. */
    struct vdev_net_room room; /* where the next frame goes */
    int answer;                /* what accept says */
    bool resumes;              /* ... having said before that there is room again */
    struct vdev_net_arrival arrival;
    unsigned asked, delivered, changed;
    int delivered_status;
    unsigned completed;
    int completed_status;
};

/* ---- the medium ---- */

static int rig_medium_submit(struct vdev_net *net, struct vdev_net_frame *frame)
{
    struct lan9118_rig *rig = (struct lan9118_rig *)net;

    frame->next = NULL;
    if (rig->queue == NULL) {
        rig->queue = frame;
    } else {
        rig->queue_end->next = frame;
    }
    rig->queue_end = frame;
    return VDEV_OK;
}

static void rig_arrive(struct lan9118_rig *rig, const uint8_t *bytes, uint32_t length)
{
    struct vdev_net_client *client = &rig->medium.client;
    struct vdev_net_arrival arrival = {.length = length};
    struct vdev_net_room room;

    memcpy(arrival.header, bytes, sizeof arrival.header);
    if (client->accept(client->owner, &arrival, &room) == VDEV_OK) {
        struct vdev_cursor cursor = vdev_cursor(room.buffers, room.buffer_count);
        ck_assert_uint_eq(vdev_cursor_write(&cursor, bytes, length), length);
        client->delivered(client->owner, VDEV_OK);
    }
}

static bool rig_medium_poll(struct vdev_net *net)
{
    struct lan9118_rig *rig = (struct lan9118_rig *)net;

    if (rig->queue != NULL && !rig->stuck) {
        struct vdev_net_frame *frame = rig->queue;
        struct vdev_cursor cursor = vdev_cursor(frame->buffers, frame->buffer_count);
        ck_assert_uint_le(frame->length, RIG_BYTES);
        rig->queue = frame->next;
        rig->sent_length = (uint32_t)vdev_cursor_read(&cursor, rig->sent, frame->length);
        rig->sent_count++;
        frame->complete(frame, rig->complete_with);
    }
    if (rig->arrival_count != 0) {
        rig_arrive(rig, rig->arrivals[0], rig->arrival_lengths[0]);
        rig->arrival_count--;
        memmove(rig->arrivals, rig->arrivals + 1, sizeof rig->arrivals - sizeof rig->arrivals[0]);
        memmove(rig->arrival_lengths, rig->arrival_lengths + 1,
                sizeof rig->arrival_lengths - sizeof rig->arrival_lengths[0]);
    }
    return rig->arrival_count != 0 || (rig->queue != NULL && !rig->stuck);
}

static inline void rig_will_arrive(struct lan9118_rig *rig, const uint8_t *bytes, uint32_t length)
{
    ck_assert_uint_lt(rig->arrival_count, RIG_ARRIVALS);
    rig->arrivals[rig->arrival_count] = bytes;
    rig->arrival_lengths[rig->arrival_count++] = length;
}

static inline void rig_set_link(struct lan9118_rig *rig, bool link)
{
    rig->medium.link = link;
    rig->medium.client.changed(rig->medium.client.owner);
}

/* ---- the client ---- */

static int rig_accept(void *owner, const struct vdev_net_arrival *arrival,
                      struct vdev_net_room *room)
{
    struct lan9118_rig *rig = owner;

    rig->asked++;
    rig->arrival = *arrival;
    *room = rig->room;
    if (rig->resumes) {
        vdev_net_resume(&rig->driver.net);
    }
    return rig->answer;
}

static void rig_delivered(void *owner, int status)
{
    struct lan9118_rig *rig = owner;

    rig->delivered++;
    rig->delivered_status = status;
}

static void rig_changed(void *owner)
{
    struct lan9118_rig *rig = owner;

    rig->changed++;
}

static inline void rig_complete(struct vdev_net_frame *frame, int status)
{
    struct lan9118_rig *rig = frame->owner;

    rig->completed++;
    rig->completed_status = status;
}

/* ---- all of it ---- */

/* What drives both ends until nothing moves any more: fails if that does not come. */
static inline void rig_run(struct lan9118_rig *rig)
{
    for (unsigned i = 0; i < 100000; i++) {
        bool medium = vdev_net_poll(&rig->medium);
        if (rig->more || rig->line.level) {
            rig->polls++;
            rig->more = vdev_net_poll(&rig->driver.net);
        } else if (!medium) {
            return;
        }
    }
    ck_abort_msg("it never ends: line %d, more %d", rig->line.level, rig->more);
}

/* The emulator behind rig->bus.io. */
static inline void rig_emulator(struct lan9118_rig *rig)
{
    static const struct vdev_net_operations operations = {.submit = rig_medium_submit,
                                                          .poll = rig_medium_poll};

    memset(rig, 0, sizeof *rig);
    rig->medium.operations = &operations;
    rig->medium.mtu = VDEV_NET_MTU;
    rig->medium.link = true;
    vdev_virtual_clock_init(&rig->clock, 100, 100);
    const struct vdev_lan9118_emulator_configuration configuration = {
        .net = &rig->medium,
        .interrupt = &rig->line,
        .address = rig_address,
        .clock = &rig->clock.clock,
    };
    ck_assert_int_eq(vdev_lan9118_emulator_init(&rig->emulator, &configuration), VDEV_OK);
    vdev_emulator_io_init(&rig->bus, &(const struct vdev_emulator_io_configuration){
                                         .access = vdev_lan9118_emulator_access,
                                         .device = &rig->emulator,
                                         .table = &vdev_lan9118_registers,
                                         .clock = &rig->clock,
                                         .fail = vdev_testing_check});
}

/* The driver on `io`; what its init says. */
static inline int rig_driver(struct lan9118_rig *rig, const struct vdev_io *io, uint8_t offset,
                             bool fast_forward)
{
    const struct vdev_lan9118_driver_configuration configuration = {
        .io = *io,
        .clock = &rig->clock.clock,
        .interrupt_active_high = true,
        .interrupt_push_pull = true,
        .receive_offset = offset,
        .fast_forward = fast_forward,
        .bursts = rig->bursts,
    };
    int status = vdev_lan9118_driver_init(&rig->driver, &configuration);

    rig->driver.net.client = (struct vdev_net_client){
        .accept = rig_accept, .delivered = rig_delivered, .changed = rig_changed, .owner = rig};
    return status;
}

#endif
