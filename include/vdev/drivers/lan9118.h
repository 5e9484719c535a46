/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver of SMSC's LAN9118 family of Ethernet controllers (LAN9115 to LAN9118, LAN9215 to LAN9218),
 * by programmed I/O on a bus that gives 32 bits at once, with the PHY that is in the chip. Offers
 * the net class. Not here: DMA, wake-up, the EEPROM's programming, an external PHY, big-endian byte
 * lanes.
 *
 * A frame that is sent is complete when it is in the controller's FIFO; what the medium then does
 * to it is counted (sent.dropped[VDEV_NET_DROP_MEDIUM]) when the controller's status of it is read,
 * which is with one of the frames after it. A received frame goes from the FIFO straight to its
 * room; one that has no room yet waits in the FIFO, and those after it as well.
 */
#ifndef VDEV_DRIVERS_LAN9118_H
#define VDEV_DRIVERS_LAN9118_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/clock.h>
#include <vdev/io.h>
#include <vdev/net.h>

struct vdev_lan9118_driver_configuration {
    struct vdev_io io; /* the controller's 256 bytes of registers */
    const struct vdev_clock *clock;
    /* VDEV_NET_ADDRESS_BYTES; NULL: what the controller has after its reset, from its EEPROM. */
    const uint8_t *address;
    enum vdev_net_receive_mode receive_mode; /* may be changed later */
    /* The interrupt line, as the board wires it. */
    bool interrupt_active_high;
    bool interrupt_push_pull;
    /*
     * After an interrupt the controller holds back the next one for so many times 10 µs. Nothing is
     * lost, the frames of that time share an interrupt. 0: it does not.
     */
    uint8_t interrupt_interval;
    /*
     * Empty bytes before a frame in the FIFO, 0 or 2. Stores are aligned into rooms that begin at
     * an address that is as much more than a multiple of 4; others take a little longer.
     */
    uint8_t receive_offset;
    /*
     * Unwanted frames are skipped by the controller (RX_FFWD). False: they are read and thrown
     * away, which costs a read for every 4 bytes, and works where fast forward does not (QEMU 7.2).
     */
    bool fast_forward;
    /*
     * The registers are the controller's own, on a bus that takes eight words at once: both FIFOs are
     * moved in bursts (vdev_io_read_burst), a fourth of the instructions. False where they may be
     * emulated.
     */
    bool bursts;
    /*
     * Called when poll is to be called for what was submitted or asked for, and not from inside
     * poll. May be NULL: then the controller raises its interrupt, which costs several accesses for
     * each frame that is submitted while there is no other.
     */
    void (*wake)(void *context);
    void *wake_context;
};

/* All of it is the driver's, except that `net` is what the device's user is given. */
struct vdev_lan9118_driver {
    struct vdev_net net;
    struct vdev_io io;
    const struct vdev_clock *clock;
    void (*wake)(void *context);
    void *wake_context;
    struct vdev_net_frame *first; /* frames to send, or NULL */
    struct vdev_net_frame *last;
    uint64_t full_since;     /* the transmit FIFO has had no room for `first` since then */
    uint64_t link_since;     /* when link_step last changed */
    uint64_t receiver_since; /* when `receiver` did */
    uint32_t enabled;        /* what INT_EN has */
    uint32_t control;        /* what MAC_CR is to have */
    uint32_t ready;          /* received frames that are known to be in the FIFO */
    uint32_t bytes;          /* theirs */
    uint32_t held_length; /* of the frame whose beginning is in `head`; the rest is in the FIFO */
    uint32_t head[4];
    uint16_t tag;       /* of the next frame to send */
    uint8_t offset;     /* receive_offset */
    uint8_t link_step;  /* of enum lan9118_link_step */
    uint8_t link_tries; /* of the current step */
    uint8_t receiver;   /* of enum lan9118_receiver */
    uint8_t receiver_tries;
    bool link_asks;    /* the current step's question has been put to the PHY */
    bool dumps;        /* the receiver stops in order to empty its FIFO */
    bool fast_forward;
    bool bursts; /* may be used */
    bool skips;        /* the controller is at it */
    bool held;         /* there is a frame in `head` */
    bool waits;        /* it waits for vdev_net_resume */
    bool full;         /* see full_since */
    bool absent;       /* for good */
    bool awake;        /* in poll, or poll said that it is to be called again */
};

/*
 * Take over the controller, whatever state it is in: reset it and its PHY, start auto-negotiation,
 * switch both directions and its interrupt on. The line, where it is connected, means "call the
 * device's poll", which goes for what is submitted as well: unless there is a `wake`, it is raised
 * then, and after init.
 * Waits for at most 0.5 seconds, in practice about one millisecond; nothing afterwards waits.
 *
 * The link is known after some polls. A transmitter that takes nothing for a second is emptied at
 * the next poll, and the frame that waited for it completed with VDEV_ERROR_TIMEOUT. Once the
 * controller answers no more, frames are completed with VDEV_ERROR_ABSENT.
 *
 * VDEV_OK; VDEV_ERROR_INVALID: no clock, a receive_offset or mode that is none, an address that is
 * a group's or, kept, all zeros; VDEV_ERROR_ABSENT: no controller of the family, or one with other
 * byte lanes; VDEV_ERROR_TIMEOUT: it does not come out of reset, or a part of it does not answer.
 */
int vdev_lan9118_driver_init(struct vdev_lan9118_driver *driver,
                             const struct vdev_lan9118_driver_configuration *configuration);

#endif
