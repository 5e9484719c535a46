/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TAP (or macvtap) interface of Linux as a device of the net class, with its checksum and
 * segmentation offloads. What the guest sends arrives in the host's network as if received there,
 * and the other way round.
 *
 * Frames go out straight from the sender's buffers, and come in through one of the device's. A
 * frame that the client has no room for is kept (`resume`); the kernel drops what comes behind it
 * when its own queue is full. Not here: making a bridge or a route, several queues, following the
 * interface's MTU and link.
 */
#ifndef VDEV_HOST_TAP_NET_H
#define VDEV_HOST_TAP_NET_H

#include <vdev/host/loop.h>
#include <vdev/net.h>

/* Buffers of one frame, at most; and frames of each direction in one turn of the loop. */
#define VDEV_HOST_NET_BUFFERS 128u
#define VDEV_HOST_NET_TURN    64u

#define VDEV_HOST_TAP_HEADER_BYTES 12u /* struct virtio_net_hdr_v1, before each frame */

struct vdev_host_tap_configuration {
    struct vdev_host_loop *loop;
    /*
     * The interface's name: one that exists (`ip tuntap add mode tap user NAME`), or, with
     * CAP_NET_ADMIN, one to be made, which goes with the descriptor. NULL: `descriptor` is one of
     * /dev/net/tun or /dev/tapN already, without packet information; it is closed with
     * the device, and stays the caller's if open fails. If it was opened without vnet headers, no
     * offloads are taken.
     */
    const char *interface;
    int descriptor;
    /* The guest's, not the interface's own. All zero: one is made up, locally administered. */
    uint8_t address[VDEV_NET_ADDRESS_BYTES];
    uint16_t mtu;     /* 0: the interface's */
    bool no_offloads; /* take none, and have none from the kernel */
    /* After each turn in which the loop had it polled, for whoever defers work; may be NULL. */
    void (*polled)(void *context);
    /* The interface is gone for good: one line, without its end. Called once, from inside of
     * poll; may be NULL. */
    void (*failed)(void *context, const char *line);
    void *context;
};

struct vdev_host_tap; /* allocated by open, about 90 KiB; nothing is allocated later */

/*
 * NULL and *error: no such interface or not permitted, no TAP interface, in use by another, an
 * MTU that is not allowed, no memory. The loop watches from here on: set the client before its next
 * turn.
 */
struct vdev_host_tap *vdev_host_tap_open(const struct vdev_host_tap_configuration *configuration,
                                         struct vdev_host_error *error);

/*
 * Its face. Valid until closed. The loop polls it as need be; the user may, too. set_receive_mode
 * is not supported: everything is passed on.
 */
struct vdev_net *vdev_host_tap_net(struct vdev_host_tap *tap);

/* The interface's name, as the kernel gave it. Valid until closed. */
const char *vdev_host_tap_name(const struct vdev_host_tap *tap);

/*
 * Wait until all frames that were submitted have completed, because their memory is about to go. If
 * none goes out for so many milliseconds the rest fails, and the device with it. Not from inside of
 * poll.
 */
void vdev_host_tap_drain(struct vdev_host_tap *tap, unsigned milliseconds);

/*
 * Frames that were not sent yet complete with VDEV_ERROR_ABSENT, from inside. Not to be called from
 * inside of poll. An interface that was made for this goes away. NULL is allowed.
 */
void vdev_host_tap_close(struct vdev_host_tap *tap);

/* ---- the header, both ways; pure functions ---- */

/* The header before a frame for the kernel, of what vdev_net_check allows. */
void vdev_host_tap_put_header(uint8_t header[VDEV_HOST_TAP_HEADER_BYTES], uint32_t length,
                              const struct vdev_net_offload *offload);

/*
 * What a header from before a frame of `length` bytes says. VDEV_OK; VDEV_ERROR_UNSUPPORTED: a kind
 * of segmentation that the net class has not; else as vdev_net_check with everything allowed.
 */
int vdev_host_tap_get_header(const uint8_t header[VDEV_HOST_TAP_HEADER_BYTES], uint32_t length,
                             uint16_t mtu, struct vdev_net_offload *offload);

#endif
