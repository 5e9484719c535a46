/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What virtio-mmio's registers [VIRTIO 1.4 §4.2.2] mean to whoever plays them: the device's end of
 * that transport, and the bridge to messages.
 */
#ifndef TRANSPORT_MMIO_REGISTERS_H
#define TRANSPORT_MMIO_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

#include <vdev/virtqueue.h>

#define MMIO_MAGIC   0x74726976u /* "virt" */
#define MMIO_VERSION 2u
#define MMIO_VENDOR  0x76656476u /* "vdev" */

/* Is there a register at this offset, readable or writable? Below the configuration space. */
bool vdev_mmio_register_exists(uint32_t offset);

/* The driver writes one of the registers that describe the selected queue: its size or half an
 * address. Returns false if this is none of them. */
bool vdev_mmio_describe_queue(struct vdev_virtqueue_configuration *configuration, uint16_t maximum,
                              uint32_t offset, uint32_t value);

#endif
