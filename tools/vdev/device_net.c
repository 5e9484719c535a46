/* SPDX-License-Identifier: BSD-2-Clause */
/* A TAP interface or a stream of frames behind virtio-net. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <vdev/backends/net.h>
#include <vdev/host/stream_net.h>
#include <vdev/host/tap_net.h>
#include <vdev/status.h>

#include "device.h"
#include "log.h"

#define DEPTH          256u /* frames of the guest's with the host */
#define PIECES         24u  /* of memory, in one */
#define RECEIVE_PIECES 128u
#define RECEIVE_CHAINS 64u /* Linux' longest frames in its smallest buffers */

/* What a host that does not take frames is given before its connection is given up. */
#define PATIENCE_MILLIS 200

struct net {
    struct vdev_net_backend backend;
    struct vdev_net *below;
    struct vdev_host_tap *tap;
    struct vdev_host_stream *stream;
    const char *name;
    struct vdev_net_backend_slot slots[DEPTH];
    struct vdev_buffer buffers[DEPTH * PIECES];
    struct vdev_buffer receive_buffers[RECEIVE_PIECES];
    struct vdev_used_chain receive_chains[RECEIVE_CHAINS];
};

static void failed(void *context, const char *line)
{
    (void)context;
    log_line(VDEV_HOST_LOG_ERROR, "%s", line);
}

/* What is there as a file is no host and port. */
static bool is_path(const char *address)
{
    struct stat file;

    return strchr(address, '/') != NULL || lstat(address, &file) == 0 ||
           strchr(address, ':') == NULL;
}

static int open_below(struct device *device, struct net *net, struct vdev_host_error *error)
{
    const struct device_options *options = device->options;

    if (options->tap != NULL) {
        struct vdev_host_tap_configuration configuration = {
            .loop = &device->loop->host,
            .interface = options->tap,
            .mtu = (uint16_t)options->mtu,
            .failed = failed,
        };
        memcpy(configuration.address, options->address, sizeof configuration.address);
        net->tap = vdev_host_tap_open(&configuration, error);
        if (net->tap == NULL) {
            return -1;
        }
        net->below = vdev_host_tap_net(net->tap);
        net->name = vdev_host_tap_name(net->tap);
        return 0;
    }
    bool path = is_path(options->stream);
    struct vdev_host_stream_configuration configuration = {
        .loop = &device->loop->host,
        .path = path ? options->stream : NULL,
        .host_port = path ? NULL : options->stream,
        .descriptor = -1,
        .mtu = (uint16_t)options->mtu,
        .failed = failed,
    };
    memcpy(configuration.address, options->address, sizeof configuration.address);
    net->stream = vdev_host_stream_open(&configuration, error);
    if (net->stream == NULL) {
        return -1;
    }
    net->below = vdev_host_stream_net(net->stream);
    net->name = options->stream;
    return 0;
}

static void close_below(struct net *net)
{
    vdev_host_tap_close(net->tap);
    vdev_host_stream_close(net->stream);
}

static int open_net(struct device *device, const char **remove, struct vdev_host_error *error)
{
    const struct device_options *options = device->options;
    struct net *net = calloc(1, sizeof *net);

    (void)remove;
    if (net == NULL) {
        snprintf(error->text, sizeof error->text, "net: no memory");
        return -1;
    }
    if (open_below(device, net, error) != 0) {
        free(net);
        return -1;
    }
    int status = vdev_net_backend_init(
        &net->backend,
        &(struct vdev_net_backend_configuration){
            .memory = &device->memory,
            .net = net->below,
            .slots = net->slots,
            .slot_count = DEPTH,
            .buffers = net->buffers,
            .buffers_per_slot = PIECES,
            .receive_buffers = net->receive_buffers,
            .receive_buffer_count = RECEIVE_PIECES,
            .receive_chains = net->receive_chains,
            .receive_chain_count = RECEIVE_CHAINS,
            .queue_size = (uint16_t)(options->queue_size != 0 ? options->queue_size : 256),
        });
    if (status != VDEV_OK) {
        snprintf(error->text, sizeof error->text, "%s: %s", net->name, vdev_status_name(status));
        close_below(net);
        free(net);
        return -1;
    }
    device->own = net;
    device->virtio = &net->backend.device;
    return 0;
}

static size_t in_flight(const struct net *net)
{
    size_t count = 0;

    for (size_t i = 0; i < VDEV_NET_BACKEND_PAIRS; i++) {
        count += net->backend.pairs[i].in_flight;
    }
    return count;
}

static void drain(struct device *device)
{
    struct net *net = device->own;

    if (net->tap != NULL) {
        vdev_host_tap_drain(net->tap, PATIENCE_MILLIS);
    } else {
        vdev_host_stream_drain(net->stream, PATIENCE_MILLIS);
    }
}

static void report_direction(FILE *out, const char *name, const struct vdev_net_direction *counts,
                             const uint32_t *dropped)
{
    fprintf(out, "frames.%s %u\nbytes.%s %u\n", name, counts->frames, name, counts->bytes);
    for (int reason = 0; reason < VDEV_NET_DROP_REASONS; reason++) {
        uint32_t count = counts->dropped[reason] + dropped[reason];
        if (count != 0) {
            char words[32];
            snprintf(words, sizeof words, "%s", vdev_net_drop_name((enum vdev_net_drop)reason));
            for (char *at = words; *at != 0; at++) {
                if (*at == ' ') {
                    *at = '_';
                }
            }
            fprintf(out, "dropped.%s.%s %u\n", name, words, count);
        }
    }
}

static void report(struct device *device, FILE *out)
{
    struct net *net = device->own;

    fprintf(out, "interface %s\n", net->name);
    fprintf(out, "link %d\n", net->below->link);
    report_direction(out, "from_guest", &net->below->sent, net->backend.transmit_dropped);
    report_direction(out, "to_guest", &net->below->received, net->backend.receive_dropped);
    fprintf(out, "in_flight %zu\n", in_flight(net));
    fprintf(out, "malformed %u\n", net->backend.malformed);
}

/* Commands move no frames. */
static uint64_t queue_bytes(const struct device *device, unsigned queue)
{
    const struct net *net = device->own;

    return queue == VDEV_NET_TRANSMIT_QUEUE(0)  ? net->below->sent.bytes
           : queue == VDEV_NET_RECEIVE_QUEUE(0) ? net->below->received.bytes
                                                : 0;
}

_Static_assert(VDEV_NET_BACKEND_PAIRS == 1, "all frames go through the one pair's queues");

static void close_net(struct device *device)
{
    struct net *net = device->own;

    close_below(net);
    free(net);
}

const struct device_operations device_net = {
    .open = open_net,
    .drain = drain,
    .report = report,
    .queue_bytes = queue_bytes,
    .close = close_net,
};
