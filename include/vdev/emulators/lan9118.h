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
#include <vdev/interrupt.h>
#include <vdev/net.h>
#include <vdev/registers.h>

#define VDEV_LAN9118_WINDOW         0x1000u /* bytes; there are registers in the first 0x100 */
#define VDEV_LAN9118_REGISTER_COUNT 30u
#define VDEV_LAN9118_NEVER          UINT64_MAX
#define VDEV_LAN9118_IN_FLIGHT      8u /* frames that the class below has at one time, at most */

/* Words of the FIFOs' memories, and what the longest frame may need beyond their ends. */
#define VDEV_LAN9118_FRAME_BYTES       2047u /* what the fields for it hold */
#define VDEV_LAN9118_FRAME_WORDS       516u
#define VDEV_LAN9118_TRANSMIT_WORDS    3456u /* DS table 5.3, TX_FIF_SZ 14 */
#define VDEV_LAN9118_RECEIVE_WORDS     3570u /* TX_FIF_SZ 2: 3360, and one more for each frame */
#define VDEV_LAN9118_TRANSMIT_STATUSES 128u
#define VDEV_LAN9118_RECEIVE_STATUSES  224u

struct vdev_lan9118_emulator_configuration {
    struct vdev_net *net;                  /* the medium: the emulator becomes its client */
    struct vdev_interrupt_line *interrupt; /* NULL: polled only */
    const uint8_t *address; /* VDEV_NET_ADDRESS_BYTES for the EEPROM, copied; NULL: there is none */
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
    struct vdev_net_frame frame;
    struct vdev_buffer buffer;
    uint32_t end;   /* of its words in the transmit FIFO, and the next one's place */
    uint16_t words; /* of the FIFO's space */
    uint16_t tag;
    int status;
    bool done;
    bool forgotten; /* sent before a reset or a dump: no status */
    _Alignas(4) uint8_t padded[60];
};

/* All of it is the emulator's; `sent` and `received` may be read. */
struct vdev_lan9118_emulator {
    /* What an access to a data FIFO looks at; kept together. */
    uint32_t *receive_next;  /* the next word to be read */
    uint32_t receive_run;    /* words that can be read from there on without a thought */
    uint32_t transmit_run;   /* words that can be written to there without a thought */
    uint32_t *transmit_next; /* where the next word goes */

    struct vdev_register_bank bank;
    uint32_t values[VDEV_LAN9118_REGISTER_COUNT];
    struct vdev_net *net;
    struct vdev_interrupt_line *interrupt;
    const struct vdev_clock *clock;
    void (*rearm)(void *owner, uint64_t deadline);
    void *owner;
    uint64_t started;  /* FREE_RUN was 0 then */
    uint64_t reloaded; /* GPT_CNT was GPT_LOAD then */
    uint32_t mac[13];  /* by number [DS table 5.8] */
    uint16_t phy[32];  /* by number [DS table 5.9] */
    uint8_t address[VDEV_NET_ADDRESS_BYTES];
    bool eeprom;
    bool link; /* as the PHY told it last */

    /* Transmit: positions are words in transmit_memory. */
    uint32_t transmit_head;  /* of the oldest frame that is not done with */
    uint32_t transmit_ready; /* of the oldest frame that waits for its turn */
    uint32_t transmit_tail;  /* where the frame under way begins, or the next one will */
    uint32_t transmit_used;  /* words of space [DS §3.12.5] of all complete frames */
    uint32_t transmit_open;  /* ... and of the frame under way */
    uint32_t waiting;        /* frames that wait for their turn */
    uint32_t command_a, command_b;
    uint32_t frame_bytes;   /* of the frame under way, that are there */
    uint32_t segment_words; /* data words of the segment under way that have still to be written */
    uint32_t skip;          /* words before and after the data that are thrown away */
    uint8_t transmit_phase; /* of enum phase in lan9118_transmit.c */
    bool segmented;         /* the frame under way is not in its first segment */
    bool broken;            /* ... and will not be sent */
    bool full;              /* the class has no room until it says so */
    uint8_t sent_head, sent_count;
    struct vdev_lan9118_sent in_flight[VDEV_LAN9118_IN_FLIGHT];
    uint32_t transmit_status_head, transmit_status_count;
    uint32_t transmit_status[VDEV_LAN9118_TRANSMIT_STATUSES];

    /* Receive: likewise. */
    uint32_t receive_head; /* of the frame that is read, or will be next */
    uint32_t receive_tail;
    uint32_t receive_frames; /* not read to their ends */
    uint32_t receive_used;   /* words of them that are not read; of the first one, all */
    uint32_t receive_before, receive_data, receive_after; /* words to come of the first one */
    uint32_t receive_length;                              /* of the frame that the class puts in */
    uint32_t receive_flags;
    uint32_t receive_offset; /* bytes */
    bool receive_open;       /* the first frame has been begun to be read */
    bool claimed;            /* the class has been given room */
    bool claim_void;         /* ... before a reset or a dump */
    struct vdev_buffer room;
    uint32_t receive_status_head, receive_status_count;
    uint32_t receive_status[VDEV_LAN9118_RECEIVE_STATUSES];

    /* Frames that the guest had sent and was given; of what it did not, the reason. */
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
