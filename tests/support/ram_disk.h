/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block device in memory, for tests, with what goes wrong with real ones: a sector that fails, a
 * queue that is full, completions that come late. Asynchronous as the class asks: nothing completes
 * before poll.
 */
#ifndef SUPPORT_RAM_DISK_H
#define SUPPORT_RAM_DISK_H

#include <stddef.h>
#include <string.h>

#include <check.h>

#include <vdev/block.h>
#include <vdev/status.h>

#define RAM_DISK_SECTORS 2048u

struct ram_disk {
    struct vdev_block block;
    uint8_t bytes[RAM_DISK_SECTORS * VDEV_SECTOR_SIZE];
    struct vdev_block_request *first, *last;
    unsigned queued;
    unsigned depth;      /* submit is full at so many queued; 0: never */
    unsigned per_poll;   /* completions in one poll; 0: all */
    bool held;           /* nothing completes */
    uint64_t bad_sector; /* reads and writes that touch it fail; UINT64_MAX: none */
    int bad_status;      /* how they fail */
    bool flush_unsupported;
    unsigned reads, writes, flushes; /* completed, well or not */
    unsigned discards, zeroes, kept; /* the last: of the zeroes, those not to be deallocated */
    unsigned submits;
    /* DMA sees each buffer at its pointer plus this; checked if `dma` is set. */
    bool dma;
    uint64_t bus_offset;
    void (*on_submit)(void *context); /* called first of all; or NULL */
    void *context;
};

static inline int ram_disk_submit(struct vdev_block *block, struct vdev_block_request *request)
{
    struct ram_disk *disk = (struct ram_disk *)((char *)block - offsetof(struct ram_disk, block));

    if (disk->on_submit != NULL) {
        disk->on_submit(disk->context);
    }
    for (size_t i = 0; disk->dma && i < request->buffer_count; i++) {
        ck_assert(request->buffers[i].bus_address ==
                  (uintptr_t)request->buffers[i].pointer + disk->bus_offset);
    }
    int status = vdev_block_check(block, request);
    if (status != VDEV_OK) {
        return status;
    }
    if (disk->flush_unsupported && request->operation == VDEV_BLOCK_FLUSH) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    if (disk->depth != 0 && disk->queued >= disk->depth) {
        return VDEV_ERROR_FULL;
    }
    disk->submits++;
    disk->queued++;
    request->next = NULL;
    if (disk->first == NULL) {
        disk->first = request;
    } else {
        disk->last->next = request;
    }
    disk->last = request;
    return VDEV_OK;
}

static inline int ram_disk_move(struct ram_disk *disk, struct vdev_block_request *request)
{
    bool range = request->operation >= VDEV_BLOCK_DISCARD;
    uint64_t sectors =
        range ? request->sectors
              : vdev_buffers_length(request->buffers, request->buffer_count) / VDEV_SECTOR_SIZE;
    uint8_t *at = disk->bytes + request->sector * VDEV_SECTOR_SIZE;
    struct vdev_cursor cursor = vdev_cursor(request->buffers, request->buffer_count);

    switch (request->operation) {
    case VDEV_BLOCK_FLUSH:
        disk->flushes++;
        return VDEV_OK;
    case VDEV_BLOCK_READ:
        disk->reads++;
        break;
    case VDEV_BLOCK_WRITE:
        disk->writes++;
        break;
    case VDEV_BLOCK_DISCARD:
        disk->discards++;
        break;
    case VDEV_BLOCK_WRITE_ZEROES_KEEP:
        disk->kept++;
        /* fall through */
    case VDEV_BLOCK_WRITE_ZEROES:
        disk->zeroes++;
        break;
    }
    if (disk->bad_sector >= request->sector && disk->bad_sector - request->sector < sectors) {
        return disk->bad_status;
    }
    if (range) {
        /* What is discarded reads as anything: here as what is no pattern of any test. */
        memset(at, request->operation == VDEV_BLOCK_DISCARD ? 0xdd : 0, sectors * VDEV_SECTOR_SIZE);
    } else if (request->operation == VDEV_BLOCK_READ) {
        vdev_cursor_write(&cursor, at, sectors * VDEV_SECTOR_SIZE);
    } else {
        vdev_cursor_read(&cursor, at, sectors * VDEV_SECTOR_SIZE);
    }
    return VDEV_OK;
}

static inline bool ram_disk_poll(struct vdev_block *block)
{
    struct ram_disk *disk = (struct ram_disk *)((char *)block - offsetof(struct ram_disk, block));
    unsigned budget = disk->per_poll != 0 ? disk->per_poll : disk->queued;

    while (!disk->held && disk->first != NULL && budget-- != 0) {
        struct vdev_block_request *request = disk->first;
        disk->first = request->next;
        disk->queued--;
        request->complete(request, ram_disk_move(disk, request));
    }
    return !disk->held && disk->first != NULL;
}

static inline void ram_disk_init(struct ram_disk *disk)
{
    static const struct vdev_block_operations operations = {ram_disk_submit, ram_disk_poll};

    memset(disk, 0, sizeof *disk);
    disk->block.operations = &operations;
    disk->block.information = (struct vdev_block_information){
        .sectors = RAM_DISK_SECTORS, .block_size = 512, .identifier = "RAM-0001"};
    disk->bad_sector = UINT64_MAX;
    disk->bad_status = VDEV_ERROR_IO;
    for (size_t i = 0; i < sizeof disk->bytes; i++) {
        disk->bytes[i] = (uint8_t)(i * 7 + i / VDEV_SECTOR_SIZE);
    }
}

#endif
