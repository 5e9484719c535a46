/* SPDX-License-Identifier: BSD-2-Clause */
/* A client's network: as much of one as a ping of QEMU's user network, 10.0.2.2, needs. */
#ifndef CLIENT_NET_H
#define CLIENT_NET_H

#include "machines.h"

int net_open(struct port *port);
/* How many of so many echo requests came back as they were sent. */
uint32_t net_ping(uint32_t count);
uint32_t net_restarts(void);

#endif
