/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A load on a vhost-user network device that sends each frame back, from our own net front-end:
 * frames that go round, as testpmd makes them go. What arrives is sent again from where it was put.
 * It measures what it sees and judges nothing.
 *
 * usage: vhost-net-load SOCKET BYTES SECONDS PROCESSOR
 *
 * Prints one line of JSON: frames that came back, seconds, the processor time used here.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <vdev/frontends/layout.h>
#include <vdev/frontends/net.h>
#include <vdev/host/vhost_user_client.h>
#include <vdev/status.h>
#include <vdev/virtio.h>

enum {
    QUEUE_SIZE = 256,
    WINDOW = 120, /* frames that go round; two descriptors each */
    TRANSMISSIONS = QUEUE_SIZE / 2,
    SLOTS = 2 * QUEUE_SIZE,
    ROOM = 2048,
    LOOKS = 1024, /* at the ring, for one at the clock */
    LONGEST = VDEV_NET_HEADER_BYTES + VDEV_NET_MTU,
};

#define SECOND 1000000000ull
#define WARM   (SECOND / 5)
#define MEMORY ((uint64_t)SLOTS * ROOM + (2u << 20))

struct slot {
    struct vdev_net_frame frame;
    struct vdev_buffer buffer; /* what is sent */
    struct vdev_buffer room;   /* where it is put */
    struct slot *next_free;
};

/* The one load of this process. */
static struct {
    struct vdev_host_vhost_user_client client;
    struct vdev_net_frontend frontend;
    struct vdev_clock clock;
    struct slot slots[SLOTS];
    struct slot *free, *accepted;
    uint32_t bytes;
    uint64_t frames;
    bool ending;
} load;

static uint64_t own[8192];

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "vhost-net-load: %s: %s\n", what, why);
    exit(1);
}

/* ---- frames ---- */

static void on_complete(struct vdev_net_frame *frame, int status)
{
    struct slot *slot = frame->owner;

    (void)status;
    slot->next_free = load.free;
    load.free = slot;
}

static void send_slot(struct slot *slot, uint32_t length)
{
    slot->buffer.length = length;
    slot->frame = (struct vdev_net_frame){
        .buffers = &slot->buffer,
        .buffer_count = 1,
        .length = length,
        .complete = on_complete,
        .owner = slot,
    };
    int status = vdev_net_submit(&load.frontend.net, &slot->frame);
    if (status != VDEV_OK) {
        fail("submit", vdev_status_name(status));
    }
}

static int on_accept(void *owner, const struct vdev_net_arrival *arrival,
                     struct vdev_net_room *room)
{
    (void)owner;
    if (arrival->length != load.bytes || load.free == NULL) {
        fail("the device", "a frame that was not sent");
    }
    load.accepted = load.free;
    load.free = load.accepted->next_free;
    *room = (struct vdev_net_room){&load.accepted->room, 1};
    return VDEV_OK;
}

static void on_delivered(void *owner, int status)
{
    (void)owner;
    load.frames++;
    if (load.ending || status != VDEV_OK) {
        on_complete(&load.accepted->frame, status);
    } else {
        send_slot(load.accepted, load.bytes);
    }
}

/* ---- the device ---- */

static void open_device(const char *path)
{
    struct vdev_net_frontend_configuration configuration = {
        .transport = &load.client.driver.driver,
        .clock = &load.clock,
        .queue_size = QUEUE_SIZE,
        .receive_size = ROOM,
        .receive_count = QUEUE_SIZE,
        .transmission_count = TRANSMISSIONS,
        .piece_count = 2,
        .address = {2, 0, 0, 0, 0, 2},
    };
    const struct vdev_host_vhost_user_client_configuration wanted = {
        .path = path,
        .id = VDEV_VIRTIO_ID_NET,
        .memory = MEMORY,
        .queue_count = 2,
        .queue_size_maximum = QUEUE_SIZE,
        .timeout_nanoseconds = 10 * SECOND,
        /* As virtio_user, which does not ask for it: frames may be lost. */
        .without = 1ull << VDEV_VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD,
    };
    struct vdev_host_error error;

    load.clock = vdev_host_monotonic_clock();
    if (vdev_host_vhost_user_client_open(&load.client, &wanted, &error) != 0) {
        fail("connection", error.text);
    }
    struct vdev_frontend_memory memory = {
        .shared = vdev_host_vhost_user_client_memory(&load.client),
        .own = {own, sizeof own, 0},
    };
    struct vdev_buffer data = vdev_frontend_take(&memory.shared, (size_t)SLOTS * ROOM);
    int status = vdev_net_frontend_lay_out(&configuration, &memory);
    if (status == VDEV_OK) {
        status = vdev_net_frontend_init(&load.frontend, &configuration);
    }
    if (status != VDEV_OK) {
        fail("front-end", vdev_status_name(status));
    }
    load.frontend.net.client =
        (struct vdev_net_client){.accept = on_accept, .delivered = on_delivered};
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *slot = &load.slots[i];
        slot->frame.owner = slot;
        slot->room = (struct vdev_buffer){(uint8_t *)data.pointer + (size_t)i * ROOM, ROOM,
                                          data.bus_address + (size_t)i * ROOM};
        slot->buffer = slot->room;
        memset(slot->room.pointer, 2, LONGEST);
        on_complete(&slot->frame, VDEV_OK);
    }
}

/* ---- the program ---- */

/* Without the front-end, which asks for an interrupt whenever it looks. */
static uint16_t used_index(void)
{
    const uint8_t *used = load.frontend.configuration.receive_queue.device.pointer;

    return *(const volatile uint16_t *)(const void *)(used + 2);
}

/* Until then, or until the device has been silent for too long. */
static uint64_t go_round(uint64_t end)
{
    uint64_t last = load.frames, silent_since = vdev_clock_now(&load.clock);

    for (unsigned looks = 0;; looks++) {
        if (used_index() != load.frontend.receive.next_used) {
            vdev_net_poll(&load.frontend.net);
            vdev_driver_queue_disarm(&load.frontend.receive);
            vdev_driver_queue_disarm(&load.frontend.transmit);
        } else {
            __builtin_ia32_pause();
        }
        if (looks % LOOKS == 0) {
            uint64_t now = vdev_clock_now(&load.clock);
            if (now >= end) {
                return now;
            }
            if (load.frames != last) {
                last = load.frames;
                silent_since = now;
            } else if (now - silent_since > 2 * SECOND) {
                fail("the device", "nothing comes back");
            }
        }
    }
}

static double processor_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    cpu_set_t processors;

    if (argc != 5) {
        fprintf(stderr, "usage: vhost-net-load SOCKET BYTES SECONDS PROCESSOR\n");
        return 2;
    }
    load.bytes = (uint32_t)strtoul(argv[2], NULL, 10);
    double seconds = strtod(argv[3], NULL);
    if (load.bytes < 60 || load.bytes > LONGEST || !(seconds > 0)) {
        fail("usage", "no such frame, or no time");
    }
    CPU_ZERO(&processors);
    CPU_SET((size_t)atoi(argv[4]), &processors);
    if (sched_setaffinity(0, sizeof processors, &processors) != 0) {
        fail(argv[4], "no such processor");
    }
    open_device(argv[1]);
    for (unsigned i = 0; i < WINDOW; i++) {
        struct slot *slot = load.free;
        load.free = slot->next_free;
        send_slot(slot, load.bytes);
    }
    uint64_t start = go_round(vdev_clock_now(&load.clock) + WARM);
    double before = processor_seconds();
    uint64_t frames = load.frames;
    uint64_t end = go_round(start + (uint64_t)(seconds * (double)SECOND));
    printf("{\"frames\": %llu, \"seconds\": %.6f, \"client_cpu\": %.6f}\n",
           (unsigned long long)(load.frames - frames), (double)(end - start) / (double)SECOND,
           processor_seconds() - before);
    load.ending = true;
    vdev_net_frontend_stop(&load.frontend);
    vdev_host_vhost_user_client_close(&load.client);
    return 0;
}
