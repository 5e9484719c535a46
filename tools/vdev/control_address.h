/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a process's counters are asked for: the same for who serves them and who asks. */
#ifndef VDEV_TOOL_CONTROL_ADDRESS_H
#define VDEV_TOOL_CONTROL_ADDRESS_H

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Beside a device's socket; 0: the path is too long. */
static inline socklen_t control_address_of_socket(struct sockaddr_un *address, const char *socket)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    int length = snprintf(address->sun_path, sizeof address->sun_path, "%s.ctl", socket);
    return length < (int)sizeof address->sun_path ? sizeof *address : 0;
}

/* By the process's number, without a file. */
static inline socklen_t control_address_of_process(struct sockaddr_un *address, const char *number)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    int length =
        snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "vdev-stat-%s", number);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

#endif
