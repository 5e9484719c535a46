/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network: the board's controller with the library's driver of it, the switch above, and what the
 * guests see at their ports. One frame moves each way for each entry; what is left comes with the next
 * interrupt, or with a message to itself.
 */
#include <vdev/emulators/lan9118.h>
#include <vdev/status.h>

#include "front.h"
#include "machine.h"
#include "shared.h"

static bool started;
static bool polling, again; /* one step is being taken; meanwhile there got more to do */

/* ---- the board's end ---- */

static void poll_network(void)
{
    count_wrap();
    polling = true;
    again = false;
    bool more = shared_network.poll(NULL) == SHARED_MORE;
    polling = false;
    if ((more || again) && !gic_is_pending(BOARD_INTERRUPT_NETWORK)) {
        gic_send_self(BOARD_INTERRUPT_SELF_NETWORK);
    }
}

static void wake(void *context)
{
    (void)context;
    again = true;
    if (!polling) {
        schedule_work(poll_network);
    }
}

/* A guest's port, and with memory a back-end on it. */
static struct vdev_virtio_device *join(const struct place *place, const struct vdev_memory *memory)
{
    static const struct shared_start board = {
        .address = BOARD_NETWORK,
        .clock = &board_clock,
        .steps = 1,
        .wake = wake,
    };
    const struct shared_client client = {
        .memory = memory,
        .merges = vm_has(place, "merge-receive-buffers"),
    };
    struct vdev_virtio_device *device;

    if (!started) {
        machine_claim(place, HYP_DEVICE_NETWORK, poll_network);
        vm_check(shared_network.start(&board), place);
        gic_attach(BOARD_INTERRUPT_NETWORK, poll_network);
        gic_attach(BOARD_INTERRUPT_SELF_NETWORK, poll_network);
        gic_send_self(BOARD_INTERRUPT_SELF_NETWORK); /* there may be a link already */
        started = true;
    }
    vm_check(shared_network.join(vm_current->number, &client, &device), place);
    return device;
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
        report("sent", &shared_network_controller()->sent);
        log_print(",");
        report("received", &shared_network_controller()->received);
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
    struct vdev_net *net = front != NULL ? &front->net_frontend.net : NULL;

    if (net == NULL) {
        join(place, NULL);
        net = shared_network_port(vm_current->number);
    }
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
    machine_virtio("virtio-net", place, join(place, &vm_current->memory));
}
