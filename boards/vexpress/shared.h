/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The board's devices as they are shared among clients: real driver, mux, and a virtio back-end for
 * each client. Nothing here knows where it runs, or how interrupts and requests reach it; memory is
 * static, for so many clients and one device of each kind. One context for all of it.
 */
#ifndef BOARDS_VEXPRESS_SHARED_H
#define BOARDS_VEXPRESS_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/clock.h>
#include <vdev/memory.h>
#include <vdev/net.h>
#include <vdev/virtio.h>

#define SHARED_CLIENTS 8u

struct shared_start {
    uintptr_t address; /* of the device's registers */
    uint32_t clients;  /* that are going to join */
    const struct vdev_clock *clock;
    uint32_t steps; /* FIFOs, blocks or frames each way that one poll moves at most */
    /*
     * A poll has become necessary by what a client did. It may be called from inside a poll; it
     * must not poll itself. NULL: the network's controller interrupts instead.
     */
    void (*wake)(void *context);
};

struct shared_client {
    const char *name; /* stays in place; shown where consoles are switched */
    /* What it shares; stays in place. NULL: there is to be no back-end (network only). */
    const struct vdev_memory *memory;
    uint64_t first_sector, sectors;   /* a disk: its part of the device; 0 sectors: all the rest */
    bool merges;                      /* a network: receive buffers are offered to be merged */
};

enum shared_progress {
    SHARED_IDLE,  /* nothing to do, and the device's interrupt would be of no use */
    SHARED_WAITS, /* for the device's interrupt */
    SHARED_MORE,  /* to do at once */
};

/* A kind of device. */
struct shared_service {
    uint32_t interrupts; /* lines of the device, with numbers in a row: each means poll */
    /* Find the device at its address and start it. */
    int (*start)(const struct shared_start *start);
    /*
     * Make the back-end of a client, whose number is below SHARED_CLIENTS and joins once; after the
     * start. Errors are those of the mux and of the back-end.
     */
    int (*join)(uint32_t number, const struct shared_client *client,
                struct vdev_virtio_device **device);
    /*
     * A bounded step. Call it for the device's interrupts,
     * after a client has notified, and at *deadline, which is set if the device has deadlines: the
     * clock's time, or 0: none. When it does not return SHARED_MORE, a back-end may have left off
     * at its bound of work.
     */
    enum shared_progress (*poll)(uint64_t *deadline);
};

extern const struct shared_service shared_console; /* PL011, console focus */
extern const struct shared_service shared_disk;    /* PL181, SD card, partitions */
extern const struct shared_service shared_network; /* LAN9118, switch */
/* A client's port of the switch, once it has joined; and the controller, for its counters. */
struct vdev_net *shared_network_port(uint32_t number);
const struct vdev_net *shared_network_controller(void);

#endif
