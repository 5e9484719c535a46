/* SPDX-License-Identifier: BSD-2-Clause */
/* See statistics.h. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <vdev/status.h>

#include "statistics.h"

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Below 16 one bucket a nanosecond, above eight to each power of two: 12 % of error at most. */
static unsigned bucket_of(uint64_t nanoseconds)
{
    unsigned shift = 0;

    while (nanoseconds >> shift >= 16) {
        shift++;
    }
    return shift * 8 + (unsigned)(nanoseconds >> shift);
}

/* The greatest value that falls into a bucket. */
static uint64_t bucket_end(unsigned bucket)
{
    unsigned shift = bucket < 16 ? 0 : bucket / 8 - 1;

    return (((uint64_t)bucket - shift * 8 + 1) << shift) - 1;
}

static void completed(struct vdev_block_request *request, int status)
{
    struct statistics_entry *entry = request->owner;
    struct statistics *statistics = entry->owner;

    statistics->requests[request->operation]++;
    if (status == VDEV_OK) {
        statistics->bytes[request->operation] += entry->bytes;
        if (request->operation == VDEV_BLOCK_READ || request->operation == VDEV_BLOCK_WRITE) {
            const struct vdev_block_backend_slot *slot = entry->request_owner;
            statistics->queue_bytes[slot->queue] += entry->bytes;
        }
    } else {
        statistics->errors++;
    }
    statistics->latencies[bucket_of(now() - entry->begun)]++;
    statistics->latency_count++;
    statistics->in_flight--;
    request->complete = entry->complete;
    request->owner = entry->request_owner;
    entry->next = statistics->free;
    statistics->free = entry;
    request->complete(request, status);
}

static uint64_t bytes_of(const struct vdev_block_request *request)
{
    uint64_t bytes = 0;

    if (request->buffers == NULL) {
        return request->operation == VDEV_BLOCK_FLUSH ? 0 : request->sectors * VDEV_SECTOR_SIZE;
    }
    for (size_t i = 0; i < request->buffer_count; i++) {
        bytes += request->buffers[i].length;
    }
    return bytes;
}

static int submit(struct vdev_block *block, struct vdev_block_request *request)
{
    struct statistics *statistics =
        (struct statistics *)((char *)block - offsetof(struct statistics, block));
    struct statistics_entry *entry = statistics->free;

    if (entry == NULL) {
        return VDEV_ERROR_FULL;
    }
    entry->complete = request->complete;
    entry->request_owner = request->owner;
    entry->begun = now();
    entry->bytes = bytes_of(request);
    request->complete = completed;
    request->owner = entry;
    int status = vdev_block_submit(statistics->below, request);
    if (status != VDEV_OK) {
        request->complete = entry->complete;
        request->owner = entry->request_owner;
        return status;
    }
    statistics->free = entry->next;
    statistics->in_flight++;
    return VDEV_OK;
}

static bool poll_below(struct vdev_block *block)
{
    struct statistics *statistics =
        (struct statistics *)((char *)block - offsetof(struct statistics, block));

    return vdev_block_poll(statistics->below);
}

static const struct vdev_block_operations operations = {.submit = submit, .poll = poll_below};

void statistics_init(struct statistics *statistics, struct vdev_block *below,
                     struct statistics_entry *entries, size_t count)
{
    memset(statistics, 0, sizeof *statistics);
    statistics->block.operations = &operations;
    statistics->block.information = below->information;
    statistics->below = below;
    for (size_t i = 0; i < count; i++) {
        entries[i].owner = statistics;
        entries[i].next = statistics->free;
        statistics->free = &entries[i];
    }
}

/* The value that `permille` of the requests did not exceed. */
static uint64_t percentile(const struct statistics *statistics, unsigned permille)
{
    uint64_t rank = (statistics->latency_count * permille + 999) / 1000;
    uint64_t seen = 0;

    for (unsigned i = 0; i < STATISTICS_BUCKETS; i++) {
        seen += statistics->latencies[i];
        if (seen >= rank && seen != 0) {
            return bucket_end(i);
        }
    }
    return 0;
}

void statistics_report(const struct statistics *statistics, FILE *out)
{
    static const char *const names[] = {
        [VDEV_BLOCK_READ] = "read",
        [VDEV_BLOCK_WRITE] = "write",
        [VDEV_BLOCK_FLUSH] = "flush",
        [VDEV_BLOCK_DISCARD] = "discard",
        [VDEV_BLOCK_WRITE_ZEROES] = "write_zeroes",
        [VDEV_BLOCK_WRITE_ZEROES_KEEP] = "write_zeroes_keep",
    };
    static const unsigned permilles[] = {500, 900, 990, 999};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fprintf(out, "requests.%s %" PRIu64 "\n", names[i], statistics->requests[i]);
        if (i != VDEV_BLOCK_FLUSH) {
            fprintf(out, "bytes.%s %" PRIu64 "\n", names[i], statistics->bytes[i]);
        }
    }
    fprintf(out, "errors %" PRIu64 "\nin_flight %" PRIu64 "\n", statistics->errors,
            statistics->in_flight);
    for (size_t i = 0; i < sizeof permilles / sizeof *permilles; i++) {
        fprintf(out, "latency_ns.p%g %" PRIu64 "\n", permilles[i] / 10.0,
                percentile(statistics, permilles[i]));
    }
}
