/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of SMSC's LAN9118 Ethernet controller on a 32-bit bus, for guests that bring their own
 * driver of it. Its medium is a device of the net class. Follows the LAN9118 data sheet ("DS").
 *
 * Frames lie in the model's FIFO memory and are not copied from there: one that is sent is a buffer
 * of the class in the transmit FIFO, one that arrives is put into the receive FIFO by the class.
 * (Copied are frames that are sent in segments, shorter than the medium takes, or looped back.)
 *
 * Where it is less than the chip, or the data sheet leaves it open:
 * - Everything that takes the chip time is done within the access; no busy bit is ever seen.
 * - IRQ_CFG's INT_DEAS, its polarity and its type are stored only: the line is raised while the
 *   chip would assert its own, whatever its level would be then.
 * - Received frames have zeros for a frame check sequence.
 * - A frame that finds no room is dropped and counted in RX_DROP; the class is never held back.
 * - There is no MIL: the FIFOs hold what DS table 5.3 gives them, and no more.
 * - Frames whose segments do not fit together are dropped with TXE and a status with an error; the
 *   transmitter goes on with the next first segment.
 * - No pause frames, back pressure, wake-up frames, checks of them, or GPIO interrupts: their
 *   registers are stored only. The EEPROM cannot be written.
 */
#ifndef VDEV_EMULATORS_LAN9118_H
#define VDEV_EMULATORS_LAN9118_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vdev/bus.h>
#include <vdev/clock.h>
#include <vdev/emulators/omap3_gptimer.h>
#include <vdev/interrupt.h>
#include <vdev/net.h>
#include <vdev/registers.h>

#define VDEV_LAN9118_WINDOW         0x1000u /* bytes; there are registers in the first 0x100 */
#define VDEV_LAN9118_REGISTER_COUNT 30u
#define VDEV_LAN9118_NEVER          UINT64_MAX
#define VDEV_LAN9118_IN_FLIGHT      8u /* frames that the class below has at one time, at most */

/* Words of the FIFOs' memories, and what the longest frame may need beyond their ends. */
#define VDEV_LAN9118_FRAME_BYTES       2047u /* check sequence included */
#define VDEV_LAN9118_PADDED_BYTES      60u   /* the shortest frame, without it */
#define VDEV_LAN9118_FRAME_WORDS       516u
#define VDEV_LAN9118_TRANSMIT_WORDS    3456u /* DS table 5.3, TX_FIF_SZ 14 */
#define VDEV_LAN9118_RECEIVE_WORDS     3570u /* TX_FIF_SZ 2: 3360, and one more for each frame */
#define VDEV_LAN9118_TRANSMIT_STATUSES 128u
#define VDEV_LAN9118_RECEIVE_STATUSES  224u
#define VDEV_LAN9118_MAC_REGISTERS     13u
#define VDEV_LAN9118_PHY_REGISTERS     32u

struct vdev_lan9118_emulator_configuration {
    struct vdev_net *net;                  /* the medium: the emulator becomes its client */
    struct vdev_interrupt_line *interrupt; /* NULL: polled only */
    /* VDEV_NET_ADDRESS_BYTES for the EEPROM, copied; NULL: the net device's. */
    const uint8_t *address;
    bool no_eeprom;                 /* the guest has to know an address by itself */
    const struct vdev_clock *clock; /* NULL: GPT_CNT and FREE_RUN stand still */
    /*
     * An access changed when vdev_lan9118_emulator_poll has next to be called: by the clock, in
     * nanoseconds, or VDEV_LAN9118_NEVER. Called from inside the access. NULL: the owner calls it
     * anyway. Only for guests that use the general-purpose timer.
     */
    void (*rearm)(void *owner, uint64_t deadline);
    void *owner;
};

/* A frame that the class below has. */
struct vdev_lan9118_sent {
    struct vdev_net_frame frame; /* first: the way back from it */
    struct vdev_buffer buffer;
    uint16_t words; /* of the FIFO's space */
    uint16_t tag;
    uint16_t end; /* of its words in the transmit FIFO's memory */
    bool done;
    bool forgotten; /* sent before a reset: no status */
    int status;
    _Alignas(4) uint8_t padded[VDEV_LAN9118_PADDED_BYTES];
};

/* All of it is the emulator's; `sent` and `received` may be read. */
struct vdev_lan9118_emulator {
    /* What an access to a data FIFO looks at; kept together. */
    const uint32_t *receive_next; /* the next word to be read */
    uint32_t receive_run;         /* words that can be read from there on without a thought */
    uint32_t *transmit_next;      /* where the next word goes */
    uint32_t transmit_run;        /* words that can be written from there on without a thought */

    struct vdev_register_bank bank;
    uint32_t values[VDEV_LAN9118_REGISTER_COUNT];
    struct vdev_net *net;
    struct vdev_interrupt_line *interrupt;
    void (*rearm)(void *owner, uint64_t deadline);
    void *owner;
    bool clocked;
    struct vdev_omap3_ticks free_run; /* of 25 MHz, since the reset */
    struct vdev_omap3_ticks timer;    /* of 10 kHz, since GPT_CNT was GPT_LOAD */
    uint64_t wraps;                   /* of GPT_CNT since then that have been noticed */

    uint32_t mac[VDEV_LAN9118_MAC_REGISTERS];
    uint16_t phy[VDEV_LAN9118_PHY_REGISTERS];
    uint8_t address[VDEV_NET_ADDRESS_BYTES]; /* in the EEPROM */
    bool eeprom;
    bool link;      /* as the PHY has it */
    bool link_lost; /* since its basic status was read */

    /* Transmit. Positions are words in transmit_memory. */
    uint32_t transmit_ready; /* of the oldest frame that waits for its turn */
    uint32_t transmit_tail;  /* where the frame under way begins, or the next one will */
    uint32_t transmit_used;  /* words of all complete frames; those in flight included */
    uint32_t transmit_open;  /* ... and of the frame under way */
    uint32_t waiting;        /* frames that wait for their turn */
    uint32_t command_a, command_b;
    uint32_t frame_bytes;   /* of the frame under way, in the segments before this one */
    uint32_t frame_start;   /* bytes before its first one in its first word */
    uint32_t segment_start; /* position of this segment's data */
    uint32_t segment_words; /* of them, that are not in transmit_run and have to come */
    uint32_t before, after; /* words around the data that are thrown away */
    uint8_t transmit_phase; /* of enum phase in lan9118_transmit.c */
    bool frame_begun;       /* by a first segment, and the last one has not come */
    bool broken;            /* ... and it will not be sent */
    bool full;              /* the class has no room until it says so */
    uint8_t sent_head, sent_count;
    struct vdev_lan9118_sent in_flight[VDEV_LAN9118_IN_FLIGHT];
    uint32_t transmit_status_head, transmit_status_count;
    uint32_t transmit_status[VDEV_LAN9118_TRANSMIT_STATUSES];

    /* Receive. Likewise. */
    uint32_t receive_head;      /* of the first frame that has not been begun to be read */
    uint32_t receive_tail;      /* where the next one goes */
    uint32_t receive_frames;    /* that have not been begun to be read */
    uint32_t receive_used;      /* their data words */
    uint32_t lead, data, trail; /* words to come of the one that has, beyond receive_run */
    struct vdev_buffer room;    /* of the frame that the class puts in */
    uint32_t room_flags;        /* for its status */
    uint16_t room_type;         /* its type, or its length */
    bool reading;               /* a frame has been begun to be read */
    bool claimed;               /* the class has been given room */
    bool claim_void;            /* ... before a reset or a dump */
    bool stopping;              /* the receiver stops after that frame */
    uint32_t receive_status_head, receive_status_count;
    uint32_t receive_status[VDEV_LAN9118_RECEIVE_STATUSES];

    /* Frames that the guest sent and was given, by the class; and why others were not. */
    struct vdev_net_direction sent;
    struct vdev_net_direction received;

    uint32_t transmit_memory[VDEV_LAN9118_TRANSMIT_WORDS + VDEV_LAN9118_FRAME_WORDS];
    uint32_t receive_memory[VDEV_LAN9118_RECEIVE_WORDS + VDEV_LAN9118_FRAME_WORDS];
};

/* Its registers, for names and for the tests of drivers. */
extern const struct vdev_register_table vdev_lan9118_registers;

/*
 * Take over the configuration (copied; what it points to outlives the emulator), become the net
 * device's client, and reset. VDEV_ERROR_INVALID: no net device. The net device's poll drives both
 * directions; nothing else needs to be called unless there is a `rearm`.
 */
int vdev_lan9118_emulator_init(struct vdev_lan9118_emulator *emulator,
                               const struct vdev_lan9118_emulator_configuration *configuration);

/* Look at the clock: the general-purpose timer may interrupt. */
void vdev_lan9118_emulator_poll(struct vdev_lan9118_emulator *emulator);

/*
 * One access of a guest, 32 bits wide: a vdev_access_function. Registers whose reading is a load
 * may be read in 8 or 16 bits from their own offset. VDEV_ERROR_RANGE: no register there;
 * VDEV_ERROR_UNSUPPORTED: another width.
 */
int vdev_lan9118_emulator_access(void *emulator, struct vdev_access *access);

#endif
