/* SPDX-License-Identifier: BSD-2-Clause */
/* Variants of the machines, and what they agree about with each other and with machines.py. */
#ifndef VARIANTS_H
#define VARIANTS_H

enum { /* a client's variant, and with it the number of requests */
       CLIENT_ALL = 0,
       CLIENT_SUFFERER = 0x1000,
       CLIENT_READER = 0x2000,
};

enum {
    MARK_BEGIN = 1,
    MARK_STARTED = 2,
    MARK_READ_ONE = 3,
    MARK_READ_MANY = 5,
    MARK_READ_SMALL = 7,
    MARK_END = 9,
};

enum hostile_driver {
    DRIVER_HONEST,          /* serves a disk of its own memory, as all below do at first */
    DRIVER_NEVER_STARTS,    /* looks at nothing */
    DRIVER_NEVER_ANSWERS,   /* takes messages, and that is all */
    DRIVER_STOPS_ANSWERING, /* takes requests on the ring, and does not complete them */
    DRIVER_UNASKED_ANSWER,  /* answers for a request that was not made */
    DRIVER_ANSWERS_TWICE,
    DRIVER_LONG_ANSWER,    /* an answer of another size than its request has */
    DRIVER_INDEX_JUMPS,    /* of the FIFO it sends by */
    DRIVER_RECEIVED_JUMPS, /* of the FIFO it receives by */
    DRIVER_USED_UNASKED,   /* a chain that was not made available */
    DRIVER_USED_TWICE,
    DRIVER_USED_LONG,   /* more bytes than its buffers have */
    DRIVER_USED_JUMPS,  /* the used ring's index */
    DRIVER_RINGS,       /* the doorbell, without end */
    DRIVER_EVENTS,      /* the same with events in the FIFO */
    DRIVER_SPIES,       /* looks for a secret in all that it may see, and then one byte further */
    DRIVER_SPIES_BELOW, /* ... before that */
    DRIVER_POWERS_OFF,
    DRIVER_IS_RESET, /* says that the device needs a reset, whenever it is started */
};

enum hostile_client {
    CLIENT_HEAD,         /* makes a descriptor available that there is not */
    CLIENT_NEXT,         /* a chain whose next there is not */
    CLIENT_LOOP,         /* a chain without end */
    CLIENT_INDEX_JUMPS,  /* of the available ring */
    CLIENT_OUTSIDE,      /* buffers that are not in its window: wherever the driver VM has memory */
    CLIENT_RING_OUTSIDE, /* a ring that is not */
    CLIENT_BEYOND,       /* sectors that are not its own */
    CLIENT_SENT_JUMPS,   /* the index of the FIFO it sends by */
    CLIENT_RECEIVED_JUMPS, /* of the FIFO it receives by */
    CLIENT_GARBAGE,        /* messages of every kind, size, queue and device */
    CLIENT_RINGS,          /* the doorbell, and others' */
    CLIENT_RESETS,         /* while requests are in flight */
    CLIENT_LEAVES,         /* the same with power-off */
};

#define TURNS             8u          /* requests that a hostile driver VM serves well before */
#define RAM_SEED          3u          /* of its disk's content */
#define SECRET_COMPLEMENT 0xa1b2c3d4u /* so that the secret is no constant of the image's */

#endif
