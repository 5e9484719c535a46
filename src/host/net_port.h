/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the devices of the net class have in common that stand on a descriptor: the queue of frames
 * to send, the frame that the client has no room for, when to wait for what, the end. How a frame
 * is written and read is each device's own.
 */
#ifndef VDEV_HOST_NET_PORT_H
#define VDEV_HOST_NET_PORT_H

#include <sys/uio.h>

#include <vdev/host/loop.h>
#include <vdev/net.h>

#define VDEV_HOST_NET_BUFFERS_MAXIMUM 128u /* of one frame */
#define VDEV_HOST_NET_TURN_FRAMES     64u  /* of each direction, in one turn of the loop */
#define VDEV_HOST_NET_QUEUE           256u /* frames that wait to be sent */

struct vdev_host_net_port;

struct vdev_host_net_port_operations {
    /*
     * Write a frame: VDEV_ERROR_AGAIN: not all of it now, the same frame when the descriptor can be
     * written; VDEV_ERROR_STATE: vdev_host_net_port_end was called; else how it completes, and
     * *dropped why it was not sent, if it was not.
     */
    int (*send)(struct vdev_host_net_port *port, struct vdev_net_frame *frame,
                enum vdev_net_drop *dropped);
    /*
     * Read a frame. VDEV_OK: it is at *bytes, with its length and offload in *arrival, until the
     * next call; VDEV_ERROR_AGAIN: none, but there may be one next time; VDEV_ERROR_EMPTY: none
     * until the descriptor can be read; VDEV_ERROR_STATE: as above.
     */
    int (*receive)(struct vdev_host_net_port *port, struct vdev_net_arrival *arrival,
                   const uint8_t **bytes);
    /* What the client accepts has changed. May be NULL. */
    void (*accepts)(struct vdev_host_net_port *port, uint32_t accepts);
};

/* Memory of its own: the loop may still have it when the port is closed. */
struct vdev_host_net_turn {
    struct vdev_host_deferred deferred; /* first */
    struct vdev_host_net_port *port;    /* NULL: closed */
    bool pending;
};

struct vdev_host_net_port {
    struct vdev_net net;
    const struct vdev_host_net_port_operations *operations;
    struct vdev_host_loop *loop;
    struct vdev_host_watch wire;
    /*
     * Asked for when there is something to do and nobody is polling: `submit` must not complete,
     * and a TAP that is down never says that it can be written. The end of the loop's turn; of a
     * loop that does not tell, an eventfd.
     */
    struct vdev_host_net_turn *turn;
    struct vdev_host_watch wake; /* its descriptor is -1 if there is none */
    bool watched;                /* wire, by the loop */
    bool woken;
    struct vdev_net_frame *first, *last;
    uint32_t queued;
    bool full;    /* a submit was refused: owes `writable` */
    bool blocked; /* the wire takes no more */
    bool kept;    /* `arrival` waits for the client's room */
    bool resumed; /* there is room, it says */
    bool inside;
    bool ended;
    uint32_t accepts; /* what the client's were when last looked at */
    struct vdev_net_arrival arrival;
    const uint8_t *bytes;
    struct vdev_host_error end; /* the reason */
    void (*polled)(void *context);
    void (*failed)(void *context, const char *line);
    void *context;
};

struct vdev_host_net_port_configuration {
    struct vdev_host_loop *loop;
    int descriptor; /* closed by vdev_host_net_port_close */
    const uint8_t *address;
    uint16_t mtu;
    uint32_t takes;
    void (*polled)(void *context);
    void (*failed)(void *context, const char *line);
    void *context;
};

/* Begin to watch. False and *error; the descriptor is then still the caller's. */
bool vdev_host_net_port_open(struct vdev_host_net_port *port,
                             const struct vdev_host_net_port_operations *operations,
                             const struct vdev_host_net_port_configuration *configuration,
                             struct vdev_host_error *error);

/* The wire is gone for good; from inside of an operation, with the reason. */
void vdev_host_net_port_end(struct vdev_host_net_port *port, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Until no frame of the client's is left; the port ends if the wire takes none for so long. */
void vdev_host_net_port_drain(struct vdev_host_net_port *port, unsigned milliseconds);

/* Frames complete with VDEV_ERROR_ABSENT, descriptors are closed. */
void vdev_host_net_port_close(struct vdev_host_net_port *port);

/*
 * A frame's bytes from `skip` on, as a vector of at most VDEV_HOST_NET_BUFFERS_MAXIMUM pieces: how
 * many; *length is the sum.
 */
int vdev_host_net_frame_vector(const struct vdev_net_frame *frame, size_t skip,
                               struct iovec *vector, size_t *length);

#endif
