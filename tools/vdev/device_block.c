/* SPDX-License-Identifier: BSD-2-Clause */
/* A file or a block device behind virtio-blk. */
#include <stdlib.h>

#include <vdev/backends/block.h>
#include <vdev/host/file_block.h>
#include <vdev/status.h>

#include "device.h"
#include "log.h"
#include "statistics.h"

/* Requests in flight, and pieces of memory in one: Linux' 128 segments, header and status. */
#define DEPTH  128u
#define PIECES 130u

struct block {
    struct vdev_block_backend backend;
    struct vdev_host_file *file;
    struct statistics statistics;
    struct statistics_entry entries[DEPTH];
    struct vdev_virtio_queue queues[VDEV_BLOCK_BACKEND_QUEUES];
    struct vdev_block_backend_slot slots[DEPTH];
    struct vdev_buffer buffers[DEPTH * PIECES];
};

static void log_file(void *context, const char *line)
{
    (void)context;
    log_line(VDEV_HOST_LOG_ERROR, "%s", line);
}

static int open_block(struct device *device, const char **remove, struct vdev_host_error *error)
{
    const struct device_options *options = device->options;
    struct block *block = calloc(1, sizeof *block);

    (void)remove;
    if (block == NULL) {
        snprintf(error->text, sizeof error->text, "%s: no memory", options->image);
        return -1;
    }
    block->file = vdev_host_file_open(
        &(struct vdev_host_file_configuration){
            .path = options->image,
            .loop = &device->loop->host,
            .read_only = options->read_only,
            .direct = options->direct,
            .depth = DEPTH,
            .identifier = options->serial,
            .log = log_file,
        },
        error);
    if (block->file == NULL) {
        free(block);
        return -1;
    }
    statistics_init(&block->statistics, vdev_host_file_block(block->file), block->entries, DEPTH);
    int status = vdev_block_backend_init(
        &block->backend,
        &(struct vdev_block_backend_configuration){
            .memory = &device->memory,
            .block = &block->statistics.block,
            .slots = block->slots,
            .slot_count = DEPTH,
            .buffers = block->buffers,
            .buffers_per_slot = PIECES,
            .queue_size = (uint16_t)(options->queue_size != 0 ? options->queue_size : 256),
            .identifier = options->serial,
            .queue_count = (uint16_t)options->queues,
            .queues = block->queues,
        });
    if (status != VDEV_OK) {
        snprintf(error->text, sizeof error->text, "%s: %s", options->image,
                 vdev_status_name(status));
        vdev_host_file_close(block->file);
        free(block);
        return -1;
    }
    device->own = block;
    device->virtio = &block->backend.device;
    return 0;
}

static void drain(struct device *device)
{
    struct block *block = device->own;

    vdev_host_file_drain(block->file);
}

static void report(struct device *device, FILE *out)
{
    struct block *block = device->own;

    fprintf(out, "image %s\n", device->options->image);
    fprintf(out, "malformed %u\n", block->backend.malformed);
    statistics_report(&block->statistics, out);
}

static uint64_t queue_bytes(const struct device *device, unsigned queue)
{
    const struct block *block = device->own;

    return block->statistics.queue_bytes[queue];
}

static void close_block(struct device *device)
{
    struct block *block = device->own;

    vdev_host_file_close(block->file);
    free(block);
}

const struct device_operations device_block = {
    .open = open_block,
    .drain = drain,
    .report = report,
    .queue_bytes = queue_bytes,
    .close = close_block,
};
