/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Console focus: N clients on one device of the console class. One is in front: it gets what is
 * typed, and what it writes goes straight to the device. What the others write meanwhile is kept,
 * each one's in a ring of its own, and printed when it comes to the front.
 *
 * Which one is in front is chosen by a key and one more character:
 *
 *   Ctrl-A 0 to 9    the port of that number, in the order of vdev_console_focus_add
 *   Ctrl-A n         the next port
 *   Ctrl-A Ctrl-A    no choice: the client in front gets one Ctrl-A
 *   Ctrl-A, another  nothing; both characters are lost
 *
 * The key can be another, or none. (QEMU's own terminal multiplexer takes Ctrl-A first: there it is
 * to be typed twice.)
 *
 * Output:
 *  - A write of a port that is not in front takes all and never waits. Its ring keeps the newest
 *    bytes; the oldest are lost, and counted. A write costs one copy of no more than the ring,
 *    whatever its length.
 *  - When a port comes to the front, first an announcement is printed, if asked for, in a line of
 *    its own:
 *        --- 1: name ---
 *        --- 1: name, 2048 bytes lost ---
 *    then what its ring has; until then its writes take nothing, and `writable` follows. No byte of
 *    the one in front is lost. All bytes of a port are printed in order.
 *  - A port that is sent to the back while it prints its ring keeps the rest.
 *
 * Input: what is typed waits in a ring of the port that was in front, and stays there when another
 * comes to the front. When that ring is full there are two ways: bytes are lost and counted, so
 * that the key works although a client does not read; or they wait in the device (`hold_input`), so
 * that none is lost, and the key works again when the client reads.
 *
 * Size: all clients are told that of the device.
 *
 * Who polls: the owner of the device, and now vdev_console_focus_poll, or the poll of any one port,
 * which is the same, in place of the device's. It moves no more than VDEV_CONSOLE_FOCUS_STEP bytes
 * each way when the device says that it is readable, writable or resized, and as many once more
 * after the device's poll.
 *
 * One context for the device, the ports and their clients.
 */
#ifndef VDEV_MUX_CONSOLE_FOCUS_H
#define VDEV_MUX_CONSOLE_FOCUS_H

#include <vdev/console.h>

#define VDEV_CONSOLE_FOCUS_STEP   64u    /* bytes */
#define VDEV_CONSOLE_FOCUS_KEY    0x01u  /* Ctrl-A, unless another is configured */
#define VDEV_CONSOLE_FOCUS_NO_KEY 0x100u /* nothing that is typed chooses */
#define VDEV_CONSOLE_FOCUS_NAME   24u    /* bytes of a name that are announced */

/* Positions count up and wrap modulo 2^32; the size is a power of two. */
struct vdev_console_focus_ring {
    uint8_t *bytes;
    uint32_t size;
    uint32_t written;
    uint32_t taken;
};

struct vdev_console_focus;

struct vdev_console_focus_port {
    struct vdev_console console; /* the device that it offers */
    struct vdev_console_focus *owner;
    struct vdev_console_focus_port *next; /* in a circle */
    const char *name;
    uint32_t number;
    struct vdev_console_focus_ring output; /* written while not in front */
    struct vdev_console_focus_ring input;  /* typed while in front, not read yet */
    uint32_t output_lost;                  /* bytes that the ring had no room for, modulo 2^32 */
    uint32_t announced;                    /* of those */
    uint32_t input_lost;                   /* bytes, modulo 2^32 */
    bool blocked;                          /* a write took less than asked */
    bool told;                             /* readable, since a read returned 0 */
    bool resized;                          /* to be told */
};

struct vdev_console_focus {
    struct vdev_console *below;
    struct vdev_console_focus_port *front; /* NULL: there are no ports */
    struct vdev_console_focus_port *last;  /* added */
    void (*wake)(void *context);
    void *wake_context;
    uint32_t count;
    uint16_t key;
    bool announce;
    bool hold_input;
    bool commanded; /* the key was the last that was typed */
    bool pending;   /* there is an announcement or a ring to be printed for the one in front */
    bool stalled;   /* the device took less than asked, and will say when there is room */
    bool readable;  /* the device may have bytes */
    bool held;      /* a byte waits for room in the input ring of the one in front */
    bool tell;      /* perhaps a port has something to be told */
    bool inside;    /* of vdev_console_focus_poll */
    uint8_t line_length, line_printed;
    uint8_t typed_count, typed_taken;
    uint8_t line[VDEV_CONSOLE_FOCUS_NAME + 56];
    uint8_t typed[VDEV_CONSOLE_FOCUS_STEP]; /* read from the device, not looked at yet */
};

struct vdev_console_focus_configuration {
    struct vdev_console *console; /* the device, whose client the focus becomes */
    uint16_t key;                 /* a byte, or VDEV_CONSOLE_FOCUS_NO_KEY; 0: the default */
    bool announce;
    bool hold_input; /* a full input ring lets bytes wait in the device; else they are lost */
    /*
     * vdev_console_focus_poll has become necessary: called from inside a port's read or
     * vdev_console_focus_select. It must not call the focus. NULL: the owner polls anyway.
     */
    void (*wake)(void *context);
    void *wake_context;
};

/* VDEV_ERROR_INVALID: no device, or a key that is not as said. The device stays in place. */
int vdev_console_focus_init(struct vdev_console_focus *self,
                            const struct vdev_console_focus_configuration *configuration);

struct vdev_console_focus_port_configuration {
    const char *name; /* stays in place; NULL: empty */
    uint8_t *output;  /* the rings, the caller's memory */
    uint8_t *input;
    uint32_t output_size; /* bytes: powers of two, up to 2^31 */
    uint32_t input_size;
};

/*
 * Add a port; `&port->console` is the device for its client. The first one is in front, without an
 * announcement. VDEV_ERROR_INVALID: no ring, or a size that is not as said.
 */
int vdev_console_focus_add(struct vdev_console_focus *self, struct vdev_console_focus_port *port,
                           const struct vdev_console_focus_port_configuration *configuration);

/*
 * Bring a port to the front, as the key does. Takes effect at once, from anywhere; what is to be
 * printed and told follows from the next poll.
 */
void vdev_console_focus_select(struct vdev_console_focus_port *port);

/*
 * Poll the device, and go on with what is left to be printed, looked at or told. Returns true if it
 * should be called again at once, false if an event (of the device, or `wake`) will call for it.
 * From inside of itself it does nothing.
 */
bool vdev_console_focus_poll(struct vdev_console_focus *self);

#endif
