/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block front-end on QEMU's virtio-blk. Each write is announced as "wrote SECTOR COUNT SEED",
 * by which the host knows what its image file must hold in the end.
 */
#include <stddef.h>

#include <vdev/frontends/layout.h>
#include <vdev/status.h>

#include "core/mem.h"
#include "frontends.h"
#include "runtime/runtime.h"

#define QUEUE_SIZE     64u
#define REQUESTS       16u
#define PIECES         34u
#define INDIRECT_COUNT 34u
#define DATA_SECTORS   256u

#define DISK_SECTORS      16384u
#define READ_ONLY_SECTORS 2048u
#define INITIAL_SEED      1u
#define READ_ONLY_SEED    9u

#define PATIENCE 10000000000u /* nanoseconds */

/* The distributor's pending bits: a level interrupt's follows its line [GICv2 §4.3.7]. */
#define GICD_ISPENDR 0x2C001200u

/* The device sees its memory at the same addresses. */
static _Alignas(VDEV_FRONTEND_ALIGNMENT) uint8_t shared[40 * 1024], own[4096];
static struct vdev_block_frontend frontend;
static uint8_t data[DATA_SECTORS * VDEV_SECTOR_SIZE];

static int start(struct vdev_virtio_mmio_driver *mmio, bool indirect)
{
    struct vdev_frontend_memory memory = {{shared, sizeof shared, (uintptr_t)shared},
                                          {own, sizeof own, VDEV_NO_BUS_ADDRESS}};
    struct vdev_block_frontend_configuration configuration = {
        .transport = &mmio->driver,
        .clock = &bare_clock,
        .queue = {.indirect_count = indirect ? INDIRECT_COUNT : 0},
        .queue_size = QUEUE_SIZE,
        .request_count = REQUESTS,
        .piece_count = PIECES,
        .timeout_nanoseconds = PATIENCE,
    };
    int status = vdev_block_frontend_lay_out(&configuration, &memory);
    return status == VDEV_OK ? vdev_block_frontend_init(&frontend, &configuration) : status;
}

/* ---- requests ---- */

#define WAITING 1 /* no status is positive */

static void completed(struct vdev_block_request *request, int status)
{
    *(int *)request->owner = status;
}

static int submit(struct vdev_block_request *request, int *result,
                  enum vdev_block_operation operation, uint32_t sector,
                  const struct vdev_buffer *buffers, size_t count)
{
    *result = WAITING;
    *request = (struct vdev_block_request){.operation = operation,
                                           .sector = sector,
                                           .buffers = buffers,
                                           .buffer_count = count,
                                           .complete = completed,
                                           .owner = result};
    return vdev_block_submit(&frontend.block, request);
}

/* The front-end's own time-out ends this, if the device does not. */
static int wait_for(const int *result)
{
    while (*result == WAITING) {
        vdev_block_poll(&frontend.block);
    }
    return *result;
}

static int run(enum vdev_block_operation operation, uint32_t sector,
               const struct vdev_buffer *buffers, size_t count)
{
    struct vdev_block_request request;
    int result;
    int status = submit(&request, &result, operation, sector, buffers, count);
    return status == VDEV_OK ? wait_for(&result) : status;
}

static struct vdev_buffer piece_of(void *pointer, size_t length)
{
    return (struct vdev_buffer){pointer, length, (uintptr_t)pointer};
}

static int run_plain(enum vdev_block_operation operation, uint32_t sector, uint32_t count)
{
    struct vdev_buffer buffer = piece_of(data, count * VDEV_SECTOR_SIZE);
    return run(operation, sector, &buffer, 1);
}

/* ---- content ---- */

static void fill(uint8_t *bytes, uint32_t sector, uint32_t count, uint32_t seed)
{
    for (uint32_t i = 0; i < count * VDEV_SECTOR_SIZE; i++) {
        bytes[i] = block_pattern(sector + i / VDEV_SECTOR_SIZE, i % VDEV_SECTOR_SIZE, seed);
    }
}

static bool holds(const uint8_t *bytes, uint32_t sector, uint32_t count, uint32_t seed)
{
    for (uint32_t i = 0; i < count * VDEV_SECTOR_SIZE; i++) {
        if (bytes[i] != block_pattern(sector + i / VDEV_SECTOR_SIZE, i % VDEV_SECTOR_SIZE, seed)) {
            return false;
        }
    }
    return true;
}

static void announce(uint32_t sector, uint32_t count, uint32_t seed)
{
    bare_print("wrote ");
    bare_print_decimal(sector);
    bare_print(" ");
    bare_print_decimal(count);
    bare_print(" ");
    bare_print_decimal(seed);
    bare_print("\n");
}

static const char *read_back(uint32_t sector, uint32_t count, uint32_t seed)
{
    memset(data, 0xEE, sizeof data);
    int status = run_plain(VDEV_BLOCK_READ, sector, count);
    if (status != VDEV_OK) {
        return vdev_status_name(status);
    }
    return holds(data, sector, count, seed) ? NULL : "other bytes than were written";
}

static const char *write_and_read(uint32_t sector, uint32_t count, uint32_t seed)
{
    fill(data, sector, count, seed);
    int status = run_plain(VDEV_BLOCK_WRITE, sector, count);
    if (status != VDEV_OK) {
        return vdev_status_name(status);
    }
    announce(sector, count, seed);
    return read_back(sector, count, seed);
}

/* ---- the tests ---- */

static const char *describes_itself(void)
{
    const struct vdev_block_information *information = &frontend.block.information;

    if (information->sectors != DISK_SECTORS) {
        return "capacity";
    }
    if (information->block_size != VDEV_SECTOR_SIZE || information->read_only) {
        return "block size, or read-only";
    }
    return memcmp(information->identifier, "vdev-writable", 14) == 0 ? NULL : "identifier";
}

static const char *reads_what_the_host_wrote(void)
{
    static const uint32_t places[][2] = {{0, 1},     {1, 2},      {5, 3},     {100, 8},
                                         {3000, 64}, {7000, 128}, {16383, 1}, {16128, 256}};

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *why = read_back(places[i][0], places[i][1], INITIAL_SEED);
        if (why != NULL) {
            return why;
        }
    }
    return NULL;
}

static const char *writes_of_every_size(void)
{
    static const uint32_t places[][2] = {{0, 1},     {1, 2},     {7, 5},
                                         {100, 8},   {1000, 64}, {2000, 128},
                                         {2010, 16}, {16383, 1}, {16127, 256}};

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *why = write_and_read(places[i][0], places[i][1], 2 + (uint32_t)i);
        if (why != NULL) {
            return why;
        }
    }
    return NULL;
}

/* Out of buffers of odd lengths, and back into others. */
static const char *scattered(uint32_t sector, uint32_t seed)
{
    const struct vdev_buffer out[] = {piece_of(data, 1), piece_of(data + 1, 511),
                                      piece_of(data + 512, 3), piece_of(data + 515, 1000),
                                      piece_of(data + 1515, 533)};
    const struct vdev_buffer in[] = {piece_of(data + 4096, 1348), piece_of(data + 8192, 700)};

    fill(data, sector, 4, seed);
    int status = run(VDEV_BLOCK_WRITE, sector, out, 5);
    if (status == VDEV_OK) {
        announce(sector, 4, seed);
        status = run(VDEV_BLOCK_READ, sector, in, 2);
    }
    if (status != VDEV_OK) {
        return vdev_status_name(status);
    }
    memmove(data + 4096 + 1348, data + 8192, 700);
    return holds(data + 4096, sector, 4, seed) ? NULL : "other bytes than were written";
}

/* More requests than the front-end keeps records, at once; the rest wait inside it. */
static const char *many_at_once(uint32_t sector, uint32_t seed)
{
    enum { COUNT = 2 * REQUESTS, EACH = 4 };
    static struct vdev_block_request requests[COUNT];
    static struct vdev_buffer buffers[COUNT];
    static int results[COUNT];

    fill(data, sector, COUNT * EACH, seed);
    for (uint32_t i = 0; i < COUNT; i++) {
        buffers[i] = piece_of(data + i * EACH * VDEV_SECTOR_SIZE, EACH * VDEV_SECTOR_SIZE);
        int status =
            submit(&requests[i], &results[i], VDEV_BLOCK_WRITE, sector + i * EACH, &buffers[i], 1);
        if (status != VDEV_OK) {
            return vdev_status_name(status);
        }
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        if (wait_for(&results[i]) != VDEV_OK) {
            return vdev_status_name(results[i]);
        }
    }
    announce(sector, COUNT * EACH, seed);
    return read_back(sector, COUNT * EACH, seed);
}

static const char *limits_are_kept(void)
{
    struct vdev_buffer odd = piece_of(data, 100);

    if (run_plain(VDEV_BLOCK_READ, DISK_SECTORS, 1) != VDEV_ERROR_RANGE ||
        run_plain(VDEV_BLOCK_WRITE, DISK_SECTORS - 1, 2) != VDEV_ERROR_RANGE) {
        return "past the end";
    }
    return run(VDEV_BLOCK_WRITE, 0, &odd, 1) == VDEV_ERROR_INVALID ? NULL : "part of a sector";
}

static bool line_is_high(uint32_t spi)
{
    uint32_t number = 32 + spi;
    return (*(const volatile uint32_t *)(GICD_ISPENDR + number / 32 * 4) >> number % 32 & 1) != 0;
}

/* The device says by its interrupt that it is done; poll takes the interrupt away. */
static const char *line_rises_and_falls(uint32_t spi)
{
    struct vdev_buffer buffer = piece_of(data, VDEV_SECTOR_SIZE);
    struct vdev_block_request request;
    int result;

    /* What completed before may be seen in the ring earlier than its interrupt is. */
    vdev_clock_delay(&bare_clock, 20000000);
    vdev_block_poll(&frontend.block);
    uint64_t since = vdev_clock_now(&bare_clock);
    if (line_is_high(spi)) {
        return "high before anything was asked";
    }
    if (submit(&request, &result, VDEV_BLOCK_READ, 0, &buffer, 1) != VDEV_OK) {
        return "not submitted";
    }
    while (!line_is_high(spi)) {
        if (vdev_clock_now(&bare_clock) - since > PATIENCE) {
            return "never high";
        }
    }
    if (result != WAITING) {
        return "completed outside poll";
    }
    vdev_block_poll(&frontend.block);
    if (result != VDEV_OK) {
        return "not completed by the first poll after it";
    }
    return line_is_high(spi) ? "still high" : NULL;
}

/* What is in flight when the front-end stops comes back, and the device does not touch it after. */
static const char *stop_in_flight(void)
{
    struct vdev_buffer buffer = piece_of(data, 64 * VDEV_SECTOR_SIZE);
    struct vdev_block_request request;
    int result;

    if (submit(&request, &result, VDEV_BLOCK_READ, 0, &buffer, 1) != VDEV_OK) {
        return "not submitted";
    }
    int status = vdev_block_frontend_stop(&frontend);
    if (status != VDEV_OK) {
        return vdev_status_name(status);
    }
    if (result != VDEV_ERROR_ABSENT) {
        return "the request did not come back";
    }
    return run_plain(VDEV_BLOCK_READ, 0, 1) == VDEV_ERROR_ABSENT ? NULL : "it still takes requests";
}

static const char *read_only_disk(struct vdev_virtio_mmio_driver *mmio)
{
    int status = start(mmio, true);
    if (status != VDEV_OK) {
        return vdev_status_name(status);
    }
    if (!frontend.block.information.read_only ||
        frontend.block.information.sectors != READ_ONLY_SECTORS) {
        return "it does not say that it is, or its capacity";
    }
    if (run_plain(VDEV_BLOCK_WRITE, 0, 1) != VDEV_ERROR_READ_ONLY) {
        return "a write is not refused";
    }
    return read_back(2000, 48, READ_ONLY_SEED);
}

static void flushes(const char *name)
{
    int status = run(VDEV_BLOCK_FLUSH, 0, NULL, 0);
    bare_report(name, status == VDEV_OK ? NULL : vdev_status_name(status));
}

void block_tests(struct vdev_virtio_mmio_driver *writable, uint32_t writable_spi,
                 struct vdev_virtio_mmio_driver *read_only)
{
    int status = start(writable, false);
    if (!bare_report("block starts", status == VDEV_OK ? NULL : vdev_status_name(status))) {
        return;
    }
    bare_report("block describes itself", describes_itself());
    bare_report("block reads what the host wrote", reads_what_the_host_wrote());
    bare_report("block writes of every size", writes_of_every_size());
    bare_report("block scattered buffers", scattered(4000, 20));
    bare_report("block many requests at once", many_at_once(5000, 21));
    bare_report("block limits are kept", limits_are_kept());
    bare_report("block line rises and falls", line_rises_and_falls(writable_spi));
    flushes("block flushes");
    bare_report("block stops with a request in flight", stop_in_flight());
    status = start(writable, true);
    if (bare_report("block starts again, with indirect descriptors",
                    status == VDEV_OK ? NULL : vdev_status_name(status))) {
        bare_report("block kept what was written", read_back(16127, 256, 10));
        bare_report("block writes, indirect", write_and_read(9000, 200, 30));
        bare_report("block scattered buffers, indirect", scattered(9990, 31));
        bare_report("block many requests at once, indirect", many_at_once(10000, 32));
        flushes("block flushes, indirect");
    }
    bare_report("block broke no rule", frontend.restarts == 0 && frontend.malformed == 0
                                           ? NULL
                                           : "it was restarted, or completions were malformed");
    bare_report("block of a read-only disk", read_only_disk(read_only));
}
