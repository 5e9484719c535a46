/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every function that can fail returns: zero or one of these negative numbers.
 * Not an errno: the library is freestanding, and a caller maps these to what its own callers know.
 */
#ifndef VDEV_STATUS_H
#define VDEV_STATUS_H

enum vdev_status {
    VDEV_OK = 0,
    VDEV_ERROR_INVALID = -1,     /* an argument, or a request's form, is wrong */
    VDEV_ERROR_RANGE = -2,       /* an address, a sector or an index lies outside what exists */
    VDEV_ERROR_STATE = -3,       /* not allowed in the state that the object is in */
    VDEV_ERROR_FULL = -4,        /* no room now; again after a completion */
    VDEV_ERROR_EMPTY = -5,       /* nothing there now */
    VDEV_ERROR_UNSUPPORTED = -6, /* well formed, but this device does not do it */
    VDEV_ERROR_READ_ONLY = -7,   /* a write to what may only be read */
    VDEV_ERROR_IO = -8,          /* the device or the medium below failed */
    VDEV_ERROR_TIMEOUT = -9,     /* the device below did not answer within the stated time */
    VDEV_ERROR_ABSENT = -10,     /* no device, or no medium in it */
    VDEV_ERROR_CORRUPT = -11,    /* the peer broke the rules of the shared structure: it is latched */
    VDEV_ERROR_BUSY = -12,       /* an access from inside the device's own processing */
    VDEV_ERROR_AGAIN = -13,      /* not answered yet: do the same again when told that it is */
};

/* The name of a status without its prefix ("READ_ONLY"); "UNKNOWN" for any other number. */
const char *vdev_status_name(int status);

#endif
