/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A load on a vhost-user block device, from our own block front-end: so many requests in flight, a
 * new one for each that completes. It measures what it sees and judges nothing; what the device's
 * process used, whoever started that knows.
 *
 * usage: vhost-load SOCKET read|write random|sequential BYTES DEPTH SECONDS poll|wait [SEED]
 *
 * Prints one line of JSON: requests, seconds, the processor time used here, and of the latencies
 * the mean, the median and the 99th percentile, in microseconds; and how often it kicked the device
 * and was called by it.
 *
 * `poll`: looks at the used ring all the time, and asks for no interrupts: then only the device is
 * waited for. `wait`: sleeps until the device calls, as a guest does.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <vdev/frontends/block.h>
#include <vdev/frontends/layout.h>
#include <vdev/host/vhost_user_client.h>
#include <vdev/status.h>
#include <vdev/virtio.h>

enum { QUEUE_SIZE = 256, DEPTH_MAXIMUM = 64, PIECES = 4, BYTES_MAXIMUM = 1 << 20 };

#define SECOND        1000000000ull
#define ANSWER        (5 * SECOND)
#define LOOKS         1024 /* at the ring, for one at the clock */
#define LATENCY_STEPS 64   /* buckets in each power of two of nanoseconds */
#define LATENCY_POWER 6
#define LATENCY_SIZE  (40 * LATENCY_STEPS)

struct slot {
    struct vdev_block_request request;
    struct vdev_buffer buffer;
    uint64_t start;
};

/* The one load of this process. */
static struct {
    struct vdev_host_vhost_user_client client;
    struct vdev_block_frontend frontend;
    struct vdev_clock clock;
    struct slot slots[DEPTH_MAXIMUM];
    uint64_t blocks; /* that the device has */
    uint64_t next;
    uint64_t random;
    uint64_t requests;
    uint64_t latencies[LATENCY_SIZE];
    uint64_t latency_sum;
    uint64_t calls;
    unsigned in_flight;
    uint32_t bytes;
    bool sequential;
    bool writes;
    bool ending;
} load;

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "vhost-load: %s: %s\n", what, why);
    exit(1);
}

/* ---- latencies, in buckets that grow with them ---- */

static unsigned bucket_of(uint64_t nanoseconds)
{
    unsigned power = nanoseconds < LATENCY_STEPS
                         ? 0
                         : 63u - LATENCY_POWER - (unsigned)__builtin_clzll(nanoseconds);
    unsigned bucket = power * LATENCY_STEPS + (unsigned)(nanoseconds >> power);

    return bucket < LATENCY_SIZE ? bucket : LATENCY_SIZE - 1;
}

static double bucket_microseconds(unsigned bucket)
{
    unsigned power = bucket < 2 * LATENCY_STEPS ? 0 : bucket / LATENCY_STEPS - 1;

    return (double)((uint64_t)(bucket - power * LATENCY_STEPS) << power) / 1000;
}

static double percentile(double share)
{
    uint64_t most = (uint64_t)((double)load.requests * share);
    uint64_t sum = 0;

    for (unsigned i = 0; i < LATENCY_SIZE; i++) {
        sum += load.latencies[i];
        if (sum > most) {
            return bucket_microseconds(i);
        }
    }
    return 0;
}

/* ---- requests ---- */

static uint64_t next_block(void)
{
    if (load.sequential) {
        return load.next++ % load.blocks;
    }
    load.random ^= load.random << 13;
    load.random ^= load.random >> 7;
    load.random ^= load.random << 17;
    return load.random % load.blocks;
}

static void submit(struct slot *slot)
{
    slot->request.sector = next_block() * (load.bytes / VDEV_SECTOR_SIZE);
    slot->start = vdev_clock_now(&load.clock);
    int status = vdev_block_submit(&load.frontend.block, &slot->request);
    if (status != VDEV_OK) {
        fail("submit", vdev_status_name(status));
    }
    load.in_flight++;
}

static void complete(struct vdev_block_request *request, int status)
{
    struct slot *slot = request->owner;
    uint64_t latency = vdev_clock_now(&load.clock) - slot->start;

    if (status != VDEV_OK) {
        fail("a request", vdev_status_name(status));
    }
    load.in_flight--;
    load.requests++;
    load.latency_sum += latency;
    load.latencies[bucket_of(latency)]++;
    if (!load.ending) {
        submit(slot);
    }
}

/* ---- set-up ---- */

static void *own_memory(size_t bytes)
{
    void *memory = aligned_alloc(VDEV_FRONTEND_ALIGNMENT, (bytes + VDEV_FRONTEND_ALIGNMENT - 1) /
                                                              VDEV_FRONTEND_ALIGNMENT *
                                                              VDEV_FRONTEND_ALIGNMENT);
    if (memory == NULL) {
        fail("memory", strerror(errno));
    }
    return memory;
}

static void open_device(const char *path, unsigned depth)
{
    struct vdev_host_error error;
    struct vdev_block_frontend_configuration configuration = {
        .transport = &load.client.driver.driver,
        .clock = &load.clock,
        .queue_size = QUEUE_SIZE,
        .request_count = (uint16_t)depth,
        .piece_count = PIECES,
    };

    /* As Linux has it: a request's descriptors in a table of their own. */
    configuration.queue.indirect_count = PIECES;
    struct vdev_frontend_bytes bytes = vdev_block_frontend_bytes(&configuration);
    const size_t data = (size_t)load.bytes * depth;
    const struct vdev_host_vhost_user_client_configuration client = {
        .path = path,
        .id = VDEV_VIRTIO_ID_BLOCK,
        .memory = bytes.shared + data + (2 + depth) * (size_t)4096,
        .queue_count = 1,
        .queue_size_maximum = QUEUE_SIZE,
        .timeout_nanoseconds = ANSWER,
    };

    if (vdev_host_vhost_user_client_open(&load.client, &client, &error) != 0) {
        fprintf(stderr, "vhost-load: %s\n", error.text);
        exit(1);
    }
    load.clock = vdev_host_monotonic_clock();
    struct vdev_frontend_memory memory = {
        .shared = vdev_host_vhost_user_client_memory(&load.client),
        .own = {own_memory(bytes.own), bytes.own, 0},
    };
    /* Pages of their own, as a guest's page cache has them. */
    memory.shared.length -= depth * (size_t)((load.bytes + 4095u) & ~4095u);
    struct vdev_buffer room = {(uint8_t *)memory.shared.pointer + memory.shared.length, data,
                               memory.shared.bus_address + memory.shared.length};
    int status = vdev_block_frontend_lay_out(&configuration, &memory);
    if (status != VDEV_OK) {
        fail("memory", vdev_status_name(status));
    }
    status = vdev_block_frontend_init(&load.frontend, &configuration);
    if (status != VDEV_OK) {
        fail(path, load.client.driver.failed_reason != NULL ? load.client.driver.failed_reason
                                                            : vdev_status_name(status));
    }
    for (unsigned i = 0; i < depth; i++) {
        struct slot *slot = &load.slots[i];
        slot->buffer = (struct vdev_buffer){(uint8_t *)room.pointer + (size_t)i * load.bytes,
                                            load.bytes, room.bus_address + (size_t)i * load.bytes};
        memset(slot->buffer.pointer, (int)i + 1, load.bytes);
        slot->request = (struct vdev_block_request){
            .operation = load.writes ? VDEV_BLOCK_WRITE : VDEV_BLOCK_READ,
            .buffers = &slot->buffer,
            .buffer_count = 1,
            .complete = complete,
            .owner = slot,
        };
    }
}

/* ---- the two ways to wait ---- */

/* The used ring's index, without the front-end: it asks for an interrupt whenever it looks. */
static uint16_t used_index(void)
{
    const uint8_t *used = load.frontend.configuration.queue.device.pointer;

    return *(const volatile uint16_t *)(const void *)(used + 2);
}

static void check_connection(enum vdev_host_vhost_user_event event)
{
    if (event == VDEV_HOST_VHOST_USER_ENDED) {
        fail("the device", "the connection has ended");
    }
}

static void poll_until(uint64_t end)
{
    unsigned looks = 0;

    while (load.in_flight != 0) {
        if (used_index() != load.frontend.queue.next_used) {
            vdev_block_poll(&load.frontend.block);
            vdev_driver_queue_disarm(&load.frontend.queue);
        } else {
            __builtin_ia32_pause();
        }
        if (++looks % LOOKS == 0) {
            load.ending = load.ending || vdev_clock_now(&load.clock) >= end;
            if (looks % (LOOKS * LOOKS) == 0) {
                check_connection(vdev_host_vhost_user_client_wait(&load.client, 0));
            }
        }
    }
}

static void wait_until(uint64_t end)
{
    while (load.in_flight != 0) {
        enum vdev_host_vhost_user_event event =
            vdev_host_vhost_user_client_wait(&load.client, ANSWER);
        check_connection(event);
        if (event == VDEV_HOST_VHOST_USER_NOTHING) {
            fail("the device", "no interrupt, and requests in flight");
        }
        load.calls++;
        while (vdev_block_poll(&load.frontend.block)) {
        }
        load.ending = load.ending || vdev_clock_now(&load.clock) >= end;
    }
}

/* ---- the program ---- */

static double processor_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static unsigned long number(const char *text, unsigned long least, unsigned long most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < least || value > most) {
        fail(text, "no such number");
    }
    return value;
}

static bool choice(const char *text, const char *yes, const char *no)
{
    if (strcmp(text, yes) != 0 && strcmp(text, no) != 0) {
        fail(text, "unknown");
    }
    return strcmp(text, yes) == 0;
}

int main(int argc, char **argv)
{
    if (argc != 8 && argc != 9) {
        fprintf(stderr, "usage: vhost-load SOCKET read|write random|sequential BYTES DEPTH SECONDS "
                        "poll|wait [SEED]\n");
        return 2;
    }
    load.writes = choice(argv[2], "write", "read");
    load.sequential = choice(argv[3], "sequential", "random");
    load.bytes = (uint32_t)number(argv[4], 512, BYTES_MAXIMUM) / 512 * 512;
    unsigned depth = (unsigned)number(argv[5], 1, DEPTH_MAXIMUM);
    double seconds = strtod(argv[6], NULL);
    bool polls = choice(argv[7], "poll", "wait");
    load.random = argc == 9 ? number(argv[8], 1, 1ul << 62) : 1;
    load.random *= 0x9e3779b97f4a7c15ull;
    open_device(argv[1], depth);
    load.blocks = load.frontend.block.information.sectors / (load.bytes / VDEV_SECTOR_SIZE);
    if (load.blocks == 0) {
        fail(argv[1], "too small");
    }

    double before = processor_seconds();
    uint64_t start = vdev_clock_now(&load.clock);
    uint64_t end = start + (uint64_t)(seconds * (double)SECOND);
    for (unsigned i = 0; i < depth; i++) {
        submit(&load.slots[i]);
    }
    if (polls) {
        poll_until(end);
    } else {
        wait_until(end);
    }
    double elapsed = (double)(vdev_clock_now(&load.clock) - start) / (double)SECOND;
    printf("{\"requests\": %llu, \"seconds\": %.6f, \"client_cpu\": %.6f, \"mean\": %.2f, "
           "\"p50\": %.2f, \"p99\": %.2f, \"calls\": %llu}\n",
           (unsigned long long)load.requests, elapsed, processor_seconds() - before,
           (double)load.latency_sum / (double)(load.requests + !load.requests) / 1000,
           percentile(0.5), percentile(0.99), (unsigned long long)load.calls);
    vdev_block_frontend_stop(&load.frontend);
    vdev_host_vhost_user_client_close(&load.client);
    return 0;
}
