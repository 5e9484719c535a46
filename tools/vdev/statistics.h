/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block device in front of another that counts what goes through, and how long it took. No
 * copies: a request is passed on as it is, its completion comes by here. Its user is a back-end
 * (vdev/backends/block.h), whose requests' owners are slots: those know their queues.
 */
#ifndef VDEV_TOOL_STATISTICS_H
#define VDEV_TOOL_STATISTICS_H

#include <stdint.h>
#include <stdio.h>

#include <vdev/backends/block.h>

/* Buckets of a histogram of nanoseconds: eight to each power of two. */
#define STATISTICS_BUCKETS (64 * 8)

struct statistics_entry {
    struct statistics *owner;
    struct statistics_entry *next;
    void (*complete)(struct vdev_block_request *request, int status);
    void *request_owner;
    uint64_t begun;
    uint64_t bytes;
};

struct statistics {
    struct vdev_block block; /* for the user above */
    struct vdev_block *below;
    struct statistics_entry *free;
    uint64_t requests[VDEV_BLOCK_WRITE_ZEROES_KEEP + 1];
    uint64_t bytes[VDEV_BLOCK_WRITE_ZEROES_KEEP + 1];
    uint64_t queue_bytes[VDEV_BLOCK_BACKEND_QUEUES]; /* read and written */
    uint64_t errors;
    uint64_t in_flight;
    uint64_t latency_count;
    uint32_t latencies[STATISTICS_BUCKETS];
};

/* `entries` bound the requests in flight, and stay the caller's. */
void statistics_init(struct statistics *statistics, struct vdev_block *below,
                     struct statistics_entry *entries, size_t count);

/* A line for each counter: name, space, value. */
void statistics_report(const struct statistics *statistics, FILE *out);

#endif
