/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The card as a disk: its partition table, of the kind that every PC has, and one sector that is
 * written and restored. Extended partitions are named and not followed, GPT shows as type ee.
 */
#include <vdev/status.h>

#include "core/mem.h"
#include "image.h"

#define PATIENCE 10000000000u /* nanoseconds for a request */
#define WAITING  1            /* no status is positive */

/* A backup of a GUID partition table takes the last 33 sectors: the test is not to hit that. */
#define FROM_END 64u

#define MBR_ENTRIES   4u
#define MBR_FIRST     446u
#define MBR_ENTRY     16u
#define MBR_SIGNATURE 510u

static _Alignas(64) uint8_t original[VDEV_SECTOR_SIZE], pattern[VDEV_SECTOR_SIZE],
    again[VDEV_SECTOR_SIZE];

static void completed(struct vdev_block_request *request, int status)
{
    *(int *)request->owner = status;
}

int image_transfer(struct image *image, enum vdev_block_operation operation, uint64_t sector,
                   void *bytes, size_t length)
{
    /* Static, since one that is given up on is still the device's. */
    static struct vdev_buffer buffer;
    static struct vdev_block_request request;
    static int result;

    if (image->disk == NULL) {
        return VDEV_ERROR_ABSENT;
    }
    result = WAITING;
    buffer = (struct vdev_buffer){bytes, length, (uintptr_t)bytes};
    request = (struct vdev_block_request){
        .operation = operation,
        .sector = sector,
        .buffers = &buffer,
        .buffer_count = 1,
        .complete = completed,
        .owner = &result,
    };
    int status = vdev_block_submit(image->disk, &request);
    if (status != VDEV_OK) {
        return status;
    }
    uint64_t start = 0;
    for (bool waited = false; result == WAITING; waited = true) {
        while (vdev_block_poll(image->disk) && result == WAITING) {
        }
        if (result != WAITING) {
            break;
        }
        if (!waited) {
            start = vdev_clock_now(&image->clock.clock);
        } else if (vdev_clock_now(&image->clock.clock) - start > PATIENCE) {
            image->disk = NULL;
            return VDEV_ERROR_TIMEOUT;
        }
        image_wait(image);
    }
    return result;
}

static uint32_t little(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* "partition 1: type 0c, bootable, from sector 2048, 129024 sectors" */
static bool say_partition(struct image *image, unsigned number, const uint8_t *entry)
{
    uint32_t first = little(entry + 8), count = little(entry + 12);
    struct line *line = &image->line;
    bool fits = (uint64_t)first + count <= image->disk->information.sectors;

    line_clear(line);
    line_string(line, "partition ");
    line_decimal(line, number);
    if (entry[4] == 0) {
        line_string(line, ": empty");
        image_say_line(image);
        return true;
    }
    line_string(line, ": type ");
    line_hexadecimal(line, entry[4], 2);
    line_string(line, (entry[0] & 0x80) != 0 ? ", bootable, from sector " : ", from sector ");
    line_decimal(line, first);
    line_string(line, ", ");
    line_decimal(line, count);
    line_string(line, fits ? " sectors" : " sectors, which is past the end of the card");
    image_say_line(image);
    return fits;
}

const char *image_partitions(struct image *image)
{
    bool fit = true;

    if (image->disk == NULL) {
        return "no card";
    }
    int status = image_transfer(image, VDEV_BLOCK_READ, 0, original, sizeof original);
    if (status != VDEV_OK) {
        return image_because(image, "sector 0 cannot be read", status);
    }
    if (original[MBR_SIGNATURE] != 0x55 || original[MBR_SIGNATURE + 1] != 0xAA) {
        return "sector 0 does not end with 55 AA";
    }
    for (unsigned i = 0; i < MBR_ENTRIES; i++) {
        fit &= say_partition(image, i + 1, original + MBR_FIRST + MBR_ENTRY * i);
    }
    return fit ? NULL : "a partition does not lie on the card";
}

/* Write what is there not yet, and read it again. */
static const char *write_and_read(struct image *image, uint64_t sector)
{
    for (uint32_t i = 0; i < sizeof pattern; i++) {
        /* Each byte another one than is there. */
        pattern[i] = (uint8_t)(original[i] ^ 0xFFu ^ (i & 1 ? 0x55u : 0));
    }
    int status = image_transfer(image, VDEV_BLOCK_WRITE, sector, pattern, sizeof pattern);
    if (status != VDEV_OK) {
        return image_because(image, "it cannot be written", status);
    }
    status = image_transfer(image, VDEV_BLOCK_READ, sector, again, sizeof again);
    if (status != VDEV_OK) {
        return image_because(image, "it cannot be read again", status);
    }
    return memcmp(again, pattern, sizeof pattern) == 0 ? NULL : "it reads other than was written";
}

const char *image_sector(struct image *image)
{
    if (image->disk == NULL) {
        return "no card";
    }
    uint64_t sectors = image->disk->information.sectors;
    if (sectors <= FROM_END) {
        return "the card is too small";
    }
    if (image->disk->information.read_only) {
        return "the card is write-protected";
    }
    uint64_t sector = sectors - FROM_END;
    line_clear(&image->line);
    line_string(&image->line, "test sector: ");
    line_decimal(&image->line, sector);
    image_say_line(image);

    int status = image_transfer(image, VDEV_BLOCK_READ, sector, original, sizeof original);
    if (status != VDEV_OK) {
        return image_because(image, "it cannot be read", status);
    }
    const char *why = write_and_read(image, sector);
    /* Whatever that found: what was there goes back. */
    status = image_transfer(image, VDEV_BLOCK_WRITE, sector, original, sizeof original);
    if (status == VDEV_OK) {
        status = image_transfer(image, VDEV_BLOCK_READ, sector, again, sizeof again);
    }
    if (why != NULL) {
        return why;
    }
    if (status != VDEV_OK) {
        return image_because(image, "it cannot be restored", status);
    }
    return memcmp(again, original, sizeof original) == 0 ? NULL : "it was not restored";
}
