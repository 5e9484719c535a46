/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A net back-end in a machine, a class below that does what the test says, and a raw driver's
 * frames and commands: what the tests of the net back-end start from.
 */
#ifndef SUPPORT_NET_DRIVER_H
#define SUPPORT_NET_DRIVER_H

#include "virtio_machine.h"

#include <linux/virtio_net.h>

#include <vdev/backends/net.h>

#define SLOTS           4
#define PER_SLOT        30
#define RECEIVE_BUFFERS 160
#define RECEIVE_CHAINS  60
#define HEADER          VDEV_NET_BACKEND_HEADER_BYTES
#define BELOW_FRAMES    16

#define FEATURE(bit) (1ull << (bit))
#define HOST_USO     56
#define GUEST_USO4   54
#define GUEST_USO6   55
#define GSO_UDP_L4   5

static const uint8_t own_address[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
static const uint8_t other_address[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x57};
static const uint8_t multicast[6] = {0x33, 0x33, 0x00, 0x00, 0x00, 0x01};
static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* ---- the class below ---- */

struct below {
    struct vdev_net net;
    struct vdev_net_frame *frames[BELOW_FRAMES]; /* submitted, not completed; oldest first */
    size_t count;
    size_t capacity;
    int refuses; /* what submit returns, if not VDEV_OK */
    bool full;   /* a submit was refused because of that: owes `writable` */
    unsigned submits, resumes;
    enum vdev_net_receive_mode mode;
    unsigned mode_calls;
    int mode_status; /* for RECEIVE_ALL */
    void (*on_submit)(void);
    /* The last frame completed, as it was then. */
    uint8_t sent[VDEV_NET_SEGMENTED_BYTES + 64];
    size_t sent_length;
    struct vdev_net_offload sent_offload;
};

static struct machine machine;
static struct below below;
static struct vdev_net_backend backend;
static struct vdev_net_backend_slot slots[SLOTS];
static struct vdev_buffer buffers[SLOTS * PER_SLOT];
static struct vdev_buffer receive_buffers[RECEIVE_BUFFERS];
static struct vdev_used_chain receive_chains[RECEIVE_CHAINS];
static struct raw_queue receive, transmit, control;

static inline int below_submit(struct vdev_net *net, struct vdev_net_frame *frame)
{
    ck_assert_ptr_eq(net, &below.net);
    below.submits++;
    if (below.on_submit != NULL) {
        below.on_submit();
    }
    if (below.refuses != VDEV_OK) {
        return below.refuses;
    }
    if (below.count == below.capacity) {
        below.full = true;
        return VDEV_ERROR_FULL;
    }
    ck_assert_int_eq(vdev_net_check(frame->length, &frame->offload, net->takes, net->mtu), VDEV_OK);
    ck_assert_uint_eq(vdev_buffers_length(frame->buffers, frame->buffer_count), frame->length);
    below.frames[below.count++] = frame;
    return VDEV_OK;
}

static inline bool below_poll(struct vdev_net *net)
{
    (void)net;
    return false;
}

static inline void below_resume(struct vdev_net *net)
{
    (void)net;
    below.resumes++;
}

static inline int below_set_mode(struct vdev_net *net, enum vdev_net_receive_mode mode)
{
    (void)net;
    below.mode_calls++;
    if (mode == VDEV_NET_RECEIVE_ALL && below.mode_status != VDEV_OK) {
        return below.mode_status;
    }
    below.mode = mode;
    return VDEV_OK;
}

static const struct vdev_net_operations below_keeps = {
    .submit = below_submit,
    .poll = below_poll,
    .resume = below_resume,
    .set_receive_mode = below_set_mode,
};
static const struct vdev_net_operations below_drops = {.submit = below_submit, .poll = below_poll};

static inline void below_init(void)
{
    memset(&below, 0, sizeof below);
    below.net = (struct vdev_net){
        .operations = &below_keeps,
        .mtu = 1500,
        .takes = VDEV_NET_CHECKSUM | VDEV_NET_TCP4 | VDEV_NET_TCP6 | VDEV_NET_UDP | VDEV_NET_ECN,
        .link = true,
    };
    memcpy(below.net.address, own_address, 6);
    below.capacity = BELOW_FRAMES;
}

/* The class is done with its oldest frame, and is writable again if it owes that. */
static inline void below_complete(int status)
{
    ck_assert_uint_ne(below.count, 0);
    struct vdev_net_frame *frame = below.frames[0];
    memmove(below.frames, below.frames + 1, --below.count * sizeof below.frames[0]);
    struct vdev_cursor cursor = vdev_cursor(frame->buffers, frame->buffer_count);
    below.sent_length = vdev_cursor_read(&cursor, below.sent, sizeof below.sent);
    below.sent_offload = frame->offload;
    frame->complete(frame, status);
    if (below.full && below.count < below.capacity) {
        below.full = false;
        below.net.client.writable(below.net.client.owner);
    }
}

static struct vdev_net_room accepted;

static inline int below_offer(const uint8_t *frame, uint32_t length,
                              const struct vdev_net_offload *offload)
{
    struct vdev_net_arrival arrival = {.length = length};

    if (offload != NULL) {
        arrival.offload = *offload;
    }
    memcpy(arrival.header, frame, VDEV_NET_HEADER_BYTES);
    return below.net.client.accept(below.net.client.owner, &arrival, &accepted);
}

static inline void below_deliver(const uint8_t *frame, uint32_t length, int status)
{
    struct vdev_cursor cursor = vdev_cursor(accepted.buffers, accepted.buffer_count);

    ck_assert_uint_eq(vdev_cursor_write(&cursor, frame, length), length);
    below.net.client.delivered(below.net.client.owner, status);
}

/* A frame arrives, and is copied to where it is wanted. */
static inline int below_receive(const uint8_t *frame, uint32_t length,
                                const struct vdev_net_offload *offload)
{
    int status = below_offer(frame, length, offload);

    if (status == VDEV_OK) {
        below_deliver(frame, length, VDEV_OK);
    }
    return status;
}

/* ---- the machine ---- */

static inline struct vdev_net_backend_configuration configuration(void)
{
    return (struct vdev_net_backend_configuration){
        .memory = &machine.map,
        .net = &below.net,
        .slots = slots,
        .slot_count = SLOTS,
        .buffers = buffers,
        .buffers_per_slot = PER_SLOT,
        .receive_buffers = receive_buffers,
        .receive_buffer_count = RECEIVE_BUFFERS,
        .receive_chains = receive_chains,
        .receive_chain_count = RECEIVE_CHAINS,
        .queue_size = MACHINE_QUEUE,
    };
}

static inline void connect(void)
{
    struct vdev_net_backend_configuration with = configuration();
    ck_assert_int_eq(vdev_net_backend_init(&backend, &with), VDEV_OK);
    machine_connect(&machine, &backend.device);
}

static inline void start(uint64_t features)
{
    raw_begin(&machine, features);
    raw_start(&receive);
    raw_start(&transmit);
    raw_start(&control);
    raw_finish(&machine);
}

#define CONTROLS                                                                                   \
    (FEATURE(VIRTIO_NET_F_CTRL_VQ) | FEATURE(VIRTIO_NET_F_CTRL_RX) |                               \
     FEATURE(VIRTIO_NET_F_CTRL_RX_EXTRA) | FEATURE(VIRTIO_NET_F_CTRL_VLAN) |                       \
     FEATURE(VIRTIO_NET_F_GUEST_ANNOUNCE) | FEATURE(VIRTIO_NET_F_CTRL_MAC_ADDR) |                  \
     FEATURE(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS))
#define SENDS                                                                                      \
    (FEATURE(VIRTIO_NET_F_CSUM) | FEATURE(VIRTIO_NET_F_HOST_TSO4) |                                \
     FEATURE(VIRTIO_NET_F_HOST_TSO6) | FEATURE(VIRTIO_NET_F_HOST_ECN) | FEATURE(HOST_USO))
#define RECEIVES                                                                                   \
    (FEATURE(VIRTIO_NET_F_GUEST_CSUM) | FEATURE(VIRTIO_NET_F_GUEST_TSO4) |                         \
     FEATURE(VIRTIO_NET_F_GUEST_TSO6) | FEATURE(VIRTIO_NET_F_GUEST_ECN) | FEATURE(GUEST_USO4) |    \
     FEATURE(GUEST_USO6))
#define ANY                                                                                        \
    (FEATURE(VIRTIO_NET_F_MAC) | FEATURE(VIRTIO_NET_F_STATUS) | FEATURE(VIRTIO_NET_F_MTU) |        \
     FEATURE(VIRTIO_RING_F_INDIRECT_DESC))
#define MERGES      FEATURE(VIRTIO_NET_F_MRG_RXBUF)
#define EVENT_INDEX FEATURE(VIRTIO_RING_F_EVENT_IDX)

static inline void setup(void)
{
    machine_init(&machine);
    below_init();
    connect();
    raw_queue_init(&receive, &machine, 0);
    raw_queue_init(&transmit, &machine, 1);
    raw_queue_init(&control, &machine, 2);
    start(ANY);
}

static inline void teardown(void)
{
    machine_finish(&machine);
}

static inline uint64_t offered(void)
{
    uint64_t features = 0;
    for (uint32_t i = 2; i-- != 0;) {
        machine_write32(&machine, VIRTIO_MMIO_DEVICE_FEATURES_SEL, i);
        features = features << 32 | machine_read32(&machine, VIRTIO_MMIO_DEVICE_FEATURES);
    }
    return features;
}

static inline uint32_t link_status(void)
{
    return vdev_io_read16(&machine.io, VIRTIO_MMIO_CONFIG + 6);
}

/* The line falls, as when a driver acknowledges. Returns whether it was up. */
static inline bool acknowledge(void)
{
    bool raised = machine.level;
    machine_write32(&machine, VIRTIO_MMIO_INTERRUPT_ACK,
                    machine_read32(&machine, VIRTIO_MMIO_INTERRUPT_STATUS));
    return raised;
}

/* ---- frames ---- */

/* A frame with a content of its own. */
static inline void make_frame(uint8_t *frame, size_t length, const uint8_t *to, uint32_t seed)
{
    for (size_t i = 0; i < length; i++) {
        seed = seed * 1103515245u + 12345u;
        frame[i] = (uint8_t)(seed >> 16);
    }
    if (length >= VDEV_NET_HEADER_BYTES) {
        memcpy(frame, to, 6);
        memcpy(frame + 6, other_address, 6);
        memcpy(frame + 12, (uint8_t[]){0x08, 0x00}, 2);
    }
}

/* Header and frame in one piece of guest memory. */
static inline struct vdev_buffer make_packet(const struct virtio_net_hdr_v1 *header, size_t length,
                                             uint32_t seed)
{
    struct vdev_buffer packet = machine_allocate(&machine, HEADER + length, 4);

    memset(packet.pointer, 0, HEADER);
    if (header != NULL) {
        memcpy(packet.pointer, header, HEADER);
    }
    make_frame((uint8_t *)packet.pointer + HEADER, length, other_address, seed);
    return packet;
}

static inline uint16_t add_packet(struct vdev_buffer packet)
{
    return raw_add(&transmit, (struct raw_piece[]){raw_read_from(packet)}, 1);
}

static inline uint16_t send_frame(const struct virtio_net_hdr_v1 *header, size_t length,
                                  uint32_t seed)
{
    uint16_t head = add_packet(make_packet(header, length, seed));
    raw_notify(&transmit);
    return head;
}

/* The class has sent what the driver put into the ring. */
#define ck_assert_sent(packet)                                                                     \
    do {                                                                                           \
        ck_assert_uint_eq(below.sent_length, (packet).length - HEADER);                            \
        ck_assert_mem_eq(below.sent, (uint8_t *)(packet).pointer + HEADER, below.sent_length);     \
    } while (0)

static inline struct vdev_buffer add_room(size_t length)
{
    struct vdev_buffer room = machine_allocate(&machine, length, 4);
    memset(room.pointer, 0xee, length);
    raw_add(&receive, (struct raw_piece[]){raw_write_to(room)}, 1);
    return room;
}

static inline struct virtio_net_hdr_v1 header_of(struct vdev_buffer room)
{
    struct virtio_net_hdr_v1 header;
    memcpy(&header, room.pointer, sizeof header);
    return header;
}

/* What is in the driver's buffer is this frame, with nothing left to do. */
#define ck_assert_received(room, frame, frame_length)                                              \
    do {                                                                                           \
        const struct virtio_net_hdr_v1 plain_ = {.num_buffers = 1};                                \
        ck_assert_mem_eq((room).pointer, &plain_, HEADER);                                         \
        ck_assert_mem_eq((uint8_t *)(room).pointer + HEADER, (frame), (frame_length));             \
    } while (0)

/* ---- commands ---- */

static inline int execute(uint8_t class, uint8_t command, const void *data, size_t length)
{
    struct vdev_buffer header = machine_allocate(&machine, 2 + length, 1);
    struct vdev_buffer answer = machine_allocate(&machine, 1, 1);

    memcpy(header.pointer, (uint8_t[]){class, command}, 2);
    if (length != 0) {
        memcpy((uint8_t *)header.pointer + 2, data, length);
    }
    *(uint8_t *)answer.pointer = 0xee;
    uint16_t head =
        raw_add(&control, (struct raw_piece[]){raw_read_from(header), raw_write_to(answer)}, 2);
    raw_notify(&control);
    ck_assert_used(&control, head, 1);
    return *(uint8_t *)answer.pointer;
}

static inline int execute_byte(uint8_t class, uint8_t command, uint8_t value)
{
    return execute(class, command, &value, 1);
}

/* The device still serves an honest driver, each queue that it has. */
static inline void check_alive(void)
{
    uint8_t frame[600];

    below.refuses = VDEV_OK;
    below.capacity = BELOW_FRAMES;
    while (below.count != 0) {
        below_complete(VDEV_OK);
    }
    transmit.next_used = raw_used(&transmit)->idx;
    receive.next_used = raw_used(&receive)->idx;
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_STATUS), 0xf);
    struct vdev_buffer packet = make_packet(NULL, 600, 77);
    uint16_t head = add_packet(packet);
    raw_notify(&transmit);
    below_complete(VDEV_OK);
    ck_assert_used(&transmit, head, 0);
    ck_assert_sent(packet);
    ck_assert_uint_eq(backend.pairs[0].in_flight, 0);
    make_frame(frame, sizeof frame, own_address, 78);
    struct vdev_buffer room = add_room(2000);
    ck_assert_int_eq(below_receive(frame, sizeof frame, NULL), VDEV_OK);
    uint32_t length;
    ck_assert_int_ge(raw_take(&receive, &length), 0);
    ck_assert_uint_eq(length, HEADER + 600);
    (void)room;
    ck_assert_uint_eq(machine.aborts, 0);
}

static inline int run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

static inline TCase *add_case(Suite *suite, const char *name)
{
    TCase *tests = tcase_create(name);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return tests;
}

#endif
