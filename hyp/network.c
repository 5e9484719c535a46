/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network: the board's controller with the library's driver of it, the switch above, and what the
 * guests see at their ports. One frame moves each way for each entry; what is left comes with the next
 * interrupt, or with a message to itself.
 */
#include <vdev/backends/net.h>
#include <vdev/drivers/lan9118.h>
#include <vdev/emulators/lan9118.h>
#include <vdev/mux/switch.h>
#include <vdev/status.h>
#include <vdev/virtio_mmio.h>

#include "front.h"
#include "machine.h"

enum {
    QUEUE_SIZE = 256,
    FRAMES = 64,         /* of the guest's, that wait at its port or in the controller's driver */
    FRAME_BUFFERS = 20,  /* in each */
    RECEIVE_CHAINS = 64, /* that one received frame may be put into */
    SEGMENTS = 4,        /* made in software that the controller may have at a time */
    SEGMENT_BUFFERS = FRAME_BUFFERS + 2,
    ADDRESSES = 64,
    BOUNCE = 1536,
};

static struct vdev_lan9118_driver controller;
static struct vdev_switch network;
static struct vdev_switch_port uplink;
static bool started;
static bool polling; /* one step of both is being taken */
static bool again;   /* meanwhile the switch got more to do */

/* ---- the board's end ---- */

static void poll_network(void)
{
    count_wrap();
    polling = true;
    again = false;
    /* First the switch: what it hands to the controller goes on in the same entry. */
    bool more = vdev_switch_poll(&network);
    more |= vdev_net_poll(&controller.net);
    polling = false;
    if ((more || again) && !gic_is_pending(BOARD_INTERRUPT_NETWORK)) {
        gic_send_self(BOARD_INTERRUPT_SELF_NETWORK);
    }
}

static void wake(void *context)
{
    (void)context;
    if (polling) {
        again = true;
    } else {
        schedule_work(poll_network);
    }
}

static void wake_controller(void *context)
{
    (void)context;
    if (!polling) {
        schedule_work(poll_network);
    }
}

static void start(const struct place *place)
{
    static struct vdev_switch_entry entries[ADDRESSES];
    static uint8_t bounce[BOUNCE] __attribute__((aligned(4)));
    static const struct vdev_lan9118_driver_configuration board = {
        .io = {.base = BOARD_NETWORK},
        .clock = &board_clock,
        .receive_mode = VDEV_NET_RECEIVE_ALL,
        .interrupt_active_high = true,
        .interrupt_push_pull = true,
        .bursts = true,
        .wake = wake_controller,
        .receive_offset = 2, /* as Linux' receive buffers are, unless they are merged */
    };
    const struct vdev_switch_configuration configuration = {
        .entries = entries,
        .entry_count = ADDRESSES,
        .clock = &board_clock,
        .seed = (uint32_t)vdev_clock_now(&board_clock),
        .wake = wake,
    };
    const struct vdev_switch_uplink_configuration up = {
        .net = &controller.net,
        .bounce = {bounce, sizeof bounce, VDEV_NO_BUS_ADDRESS},
        .learned_maximum = ADDRESSES / 2,
    };
    machine_claim(place, HYP_DEVICE_NETWORK, poll_network);
    int status = vdev_lan9118_driver_init(&controller, &board);

    if (status != 0) {
        log_stop("vdev: network controller at %x: %s", BOARD_NETWORK, vdev_status_name(status));
    }
    vm_check(vdev_switch_init(&network, &configuration), place);
    vm_check(vdev_switch_add_uplink(&network, &uplink, &up), place);
    gic_attach(BOARD_INTERRUPT_NETWORK, poll_network);
    gic_attach(BOARD_INTERRUPT_SELF_NETWORK, poll_network);
    gic_send_self(BOARD_INTERRUPT_SELF_NETWORK); /* there may be a link already */
    started = true;
}

/* A guest's port; the first has the controller's address, as if it had the controller. */
static struct vdev_net *join(const struct place *place)
{
    enum { PIECES = (SEGMENTS + 1) * SEGMENT_BUFFERS };
    struct vdev_switch_port *port = vm_allocate(sizeof *port);

    if (!started) {
        start(place);
    }
    struct vdev_switch_guest_configuration guest = {
        .fixed = true,
        .pass_through = true,
        .follows = true,
        .queue_maximum = FRAMES,
        .slots = vm_allocate(SEGMENTS * sizeof(struct vdev_switch_slot)),
        .slot_count = SEGMENTS,
        .pieces = vm_allocate(PIECES * sizeof(struct vdev_buffer)),
        .piece_count = PIECES,
    };

    memcpy(guest.address, controller.net.address, sizeof guest.address);
    guest.address[VDEV_NET_ADDRESS_BYTES - 1] += (uint8_t)vm_current->number;
    vm_check(vdev_switch_add_guest(&network, port, &guest), place);
    return &port->net;
}

static void report(const char *name, const struct vdev_net_direction *direction)
{
    log_print("\"%s\":{\"frames\":%u,\"bytes\":%u", name, (unsigned)direction->frames,
              (unsigned)direction->bytes);
    for (unsigned i = 0; i < VDEV_NET_DROP_REASONS; i++) {
        if (direction->dropped[i] != 0) {
            log_print(",\"%s\":%u", vdev_net_drop_name((enum vdev_net_drop)i),
                      (unsigned)direction->dropped[i]);
        }
    }
    log_print("}");
}

void network_report(void)
{
    if (started) {
        log_print(",\"network\":{");
        report("sent", &controller.net.sent);
        log_print(",");
        report("received", &controller.net.received);
        log_print("}");
    }
}

/* ---- the guest's end ---- */

void own_network(const struct place *place)
{
    machine_own(place, HYP_DEVICE_NETWORK, BOARD_NETWORK, BOARD_INTERRUPT_NETWORK, BOARD_INTERRUPT_NETWORK);
}

void pure_network(const struct place *place)
{
    if (link_build(place, HYP_DEVICE_NETWORK, pure_network)) {
        return;
    }
    struct front *front = link_front(place);
    struct vdev_lan9118_emulator *lan9118 = vm_allocate(sizeof *lan9118);
    struct vdev_interrupt_line *interrupt = vm_allocate(sizeof *interrupt);
    struct vdev_net *net = front != NULL ? &front->net_frontend.net : join(place);
    const struct vdev_lan9118_emulator_configuration configuration = {
        .net = net,
        .interrupt = interrupt,
        .address = net->address,
        .clock = &board_clock,
    };

    *interrupt = vm_line(place);
    vm_check(vdev_lan9118_emulator_init(lan9118, &configuration), place);
    vdev_registers_loads(&lan9118->bank,
                         vm_add_window("lan9118", place, vdev_lan9118_emulator_access, lan9118));
}

void para_network(const struct place *place)
{
    if (link_build(place, HYP_DEVICE_NETWORK, NULL)) {
        return;
    }
    struct vdev_net_backend *backend = vm_allocate(sizeof *backend);
    /*
     * Merged buffers are for frames from another guest that are longer than the medium takes. One
     * that only ever gets short ones is better off without: Linux then copies no headers.
     */
    bool merges = vm_has(place, "merge-receive-buffers");
    const struct vdev_net_backend_configuration configuration = {
        .memory = &vm_current->memory,
        .net = join(place),
        .slots = vm_allocate(FRAMES * sizeof(struct vdev_net_backend_slot)),
        .slot_count = FRAMES,
        .buffers = vm_allocate(FRAMES * FRAME_BUFFERS * sizeof(struct vdev_buffer)),
        .buffers_per_slot = FRAME_BUFFERS,
        .receive_buffers = vm_allocate(RECEIVE_CHAINS * sizeof(struct vdev_buffer)),
        .receive_buffer_count = RECEIVE_CHAINS,
        .receive_chains = vm_allocate(RECEIVE_CHAINS * sizeof(struct vdev_used_chain)),
        .receive_chain_count = merges ? RECEIVE_CHAINS : 1,
        .queue_size = QUEUE_SIZE,
    };

    vm_check(vdev_net_backend_init(backend, &configuration), place);
    machine_virtio("virtio-net", place, &backend->device);
}
