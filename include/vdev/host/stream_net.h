/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stream socket that carries Ethernet frames, as a device of the net class: what passt serves,
 * and QEMU's `-netdev stream` and `-netdev socket,listen=`. It needs no privileges. Before each
 * frame stands its length in 32 bits, big-endian.
 *
 * No offloads: every frame is whole and has its checksums. Frames go out straight from the sender's
 * buffers, and come in through one of the device's. A frame that the client has no room for is kept
 * (`resume`), and the peer's stream with it. Not here: listening, connecting anew when the
 * connection has ended.
 */
#ifndef VDEV_HOST_STREAM_NET_H
#define VDEV_HOST_STREAM_NET_H

#include <vdev/host/loop.h>
#include <vdev/net.h>

/* A peer that says a greater length has lost its place in the stream, or never had one. */
#define VDEV_HOST_STREAM_MAXIMUM 69632u /* as QEMU has it */

struct vdev_host_stream_configuration {
    struct vdev_host_loop *loop;
    /* One of three: a UNIX socket's path; host:port or [host]:port of TCP; or, with both NULL, a
     * connected descriptor, which is closed with
     * the device, and stays the caller's if open fails. */
    const char *path;
    const char *host_port;
    int descriptor;
    uint8_t address[VDEV_NET_ADDRESS_BYTES]; /* all zero: one is made up, locally administered */
    uint16_t mtu;                            /* 0: VDEV_NET_MTU */
    /* After each turn in which the loop had it polled, for whoever defers work; may be NULL. */
    void (*polled)(void *context);
    /*
     * The connection has ended, with the reason in one line, without its end. Called once, from
     * inside of poll; may be NULL. `link` is down from here on, and `changed` of the client was
     * called.
     */
    void (*failed)(void *context, const char *line);
    void *context;
};

struct vdev_host_stream; /* allocated by open, about 140 KiB; nothing is allocated later */

/*
 * Connects, and waits for that. NULL and *error: nobody listens, a name that is not known, a path
 * that is too long, an MTU that is not allowed, no stream socket, no memory. The loop watches from
 * here on: set the client before its next turn.
 */
struct vdev_host_stream *
vdev_host_stream_open(const struct vdev_host_stream_configuration *configuration,
                      struct vdev_host_error *error);

/* Its face. Valid until closed. The loop polls it as need be; the user may, too. */
struct vdev_net *vdev_host_stream_net(struct vdev_host_stream *stream);

/*
 * Wait until all frames that were submitted have completed, because their memory is about to go. If
 * none goes out for so many milliseconds the rest fails, and the device with it. Not from inside of
 * poll.
 */
void vdev_host_stream_drain(struct vdev_host_stream *stream, unsigned milliseconds);

/*
 * Frames that were not sent yet complete with VDEV_ERROR_ABSENT, from inside. Not to be called from
 * inside of poll. NULL is allowed.
 */
void vdev_host_stream_close(struct vdev_host_stream *stream);

#endif
