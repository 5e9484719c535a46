/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that serves an image by vhost-user, and our block front-end that has it: what tests
 * against real processes start from. Which program that is, is theirs to say, in run_daemon.
 */
#ifndef SUPPORT_VHOST_USER_DAEMON_H
#define SUPPORT_VHOST_USER_DAEMON_H

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include <vdev/frontends/block.h>
#include <vdev/frontends/layout.h>
#include <vdev/host/vhost_user_client.h>
#include <vdev/status.h>
#include <vdev/virtio.h>

#define SECTORS 16384u
#define BYTES   (SECTORS * VDEV_SECTOR_SIZE)
#define DEPTH   8u
#define ROOM    65536u /* bytes of one request at most */
#define SECOND  1000000000ull

static char folder[64], image[80], path[80];
static pid_t daemon_pid;
static uint8_t expected[BYTES]; /* what the image is to hold */

static struct vdev_host_vhost_user_client client;
static struct vdev_block_frontend frontend;
static struct vdev_clock host_clock;
static uint64_t own[2048];
static struct vdev_buffer data; /* DEPTH * ROOM bytes */

struct asked {
    struct vdev_block_request request;
    struct vdev_buffer buffers[2];
    unsigned completed;
    int status;
};
static struct asked asked[DEPTH];
static unsigned in_flight;

/* ---- the other process ---- */

/* In a new process: to become the program that serves `image` at `path`. */
static void run_daemon(void);

static inline void fork_daemon(void)
{
    daemon_pid = fork();
    ck_assert_int_ge(daemon_pid, 0);
    if (daemon_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* should a check fail before the end */
        run_daemon();
        _exit(127);
    }
}

/* It gives up if the one before still has the image: a process that was killed keeps its files
 * until the kernel is done with what it had asked for. */
static inline void start_daemon(void)
{
    fork_daemon();
    for (unsigned i = 0; access(path, F_OK) != 0; i++) {
        ck_assert_uint_lt(i, 2000);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        if (waitpid(daemon_pid, NULL, WNOHANG) == daemon_pid) {
            fork_daemon();
        }
    }
}

static inline void end_daemon(int signal)
{
    if (daemon_pid > 0) {
        kill(daemon_pid, signal);
        waitpid(daemon_pid, NULL, 0);
        unlink(path);
    }
    daemon_pid = 0;
}

/* ---- the front-end ---- */

static inline void open_device(uint64_t without)
{
    struct vdev_host_error error;
    struct vdev_block_frontend_configuration configuration = {
        .transport = &client.driver.driver,
        .clock = &host_clock,
        .queue_size = 64,
        .request_count = DEPTH,
        .piece_count = 6,
        .timeout_nanoseconds = 20 * SECOND,
    };
    configuration.queue.indirect_count = 6;
    const struct vdev_host_vhost_user_client_configuration wanted = {
        .path = path,
        .id = VDEV_VIRTIO_ID_BLOCK,
        .memory = DEPTH * ROOM + 65536,
        .queue_count = 1,
        .queue_size_maximum = 64,
        .timeout_nanoseconds = 10 * SECOND,
        .without = without,
    };
    /* It makes the socket's file before it listens. */
    for (unsigned i = 0; vdev_host_vhost_user_client_open(&client, &wanted, &error) != 0; i++) {
        ck_assert_msg(i < 100, "%s", error.text);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    struct vdev_frontend_memory memory = {
        .shared = vdev_host_vhost_user_client_memory(&client),
        .own = {own, sizeof own, 0},
    };
    data = memory.shared;
    data.length = DEPTH * ROOM;
    memory.shared.pointer = (uint8_t *)memory.shared.pointer + DEPTH * ROOM;
    memory.shared.bus_address += DEPTH * ROOM;
    memory.shared.length -= DEPTH * ROOM;
    ck_assert_int_eq(vdev_block_frontend_lay_out(&configuration, &memory), VDEV_OK);
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
}

static inline void close_device(void)
{
    ck_assert_int_eq(vdev_block_frontend_stop(&frontend), VDEV_OK);
    vdev_host_vhost_user_client_close(&client);
}

static inline void complete(struct vdev_block_request *request, int status)
{
    struct asked *done = request->owner;

    done->completed++;
    done->status = status;
    in_flight--;
}

/* In two buffers, so that a request has pieces. */
static inline void ask_for(unsigned slot, enum vdev_block_operation operation, uint32_t sector,
                           uint32_t bytes, void (*when_done)(struct vdev_block_request *, int))
{
    struct asked *one = &asked[slot];
    uint8_t *pointer = (uint8_t *)data.pointer + slot * ROOM;
    uint64_t address = data.bus_address + slot * ROOM;
    size_t first = bytes > 512 ? bytes / 2 / 4 * 4 : bytes;

    memset(one, 0, sizeof *one);
    one->buffers[0] = (struct vdev_buffer){pointer, first, address};
    one->buffers[1] = (struct vdev_buffer){pointer + first, bytes - first, address + first};
    one->request = (struct vdev_block_request){
        .operation = operation,
        .sector = sector,
        .buffers = one->buffers,
        .buffer_count = bytes == 0    ? 0
                        : bytes > 512 ? 2
                                      : 1,
        .complete = when_done,
        .owner = one,
    };
    in_flight++;
    ck_assert_int_eq(vdev_block_submit(&frontend.block, &one->request), VDEV_OK);
}

static inline void ask(unsigned slot, enum vdev_block_operation operation, uint32_t sector,
                       uint32_t bytes)
{
    ask_for(slot, operation, sector, bytes, complete);
}

/* Until all that was asked is answered. */
static inline void settle(void)
{
    while (in_flight != 0) {
        ck_assert_int_eq(vdev_host_vhost_user_client_wait(&client, 20 * SECOND),
                         VDEV_HOST_VHOST_USER_CALLED);
        while (vdev_block_poll(&frontend.block)) {
        }
    }
}

static inline void flush(void)
{
    ask(0, VDEV_BLOCK_FLUSH, 0, 0);
    settle();
    ck_assert_int_eq(asked[0].status, VDEV_OK);
}

/* ---- checking ---- */

static uint32_t seed = 20260101;

static inline uint32_t random_below(uint32_t bound)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % bound;
}

static inline uint64_t checksum(const uint8_t *bytes, size_t length)
{
    uint64_t sum = 0xcbf29ce484222325ull;

    for (size_t i = 0; i < length; i++) {
        sum = (sum ^ bytes[i]) * 0x100000001b3ull;
    }
    return sum;
}

/* Rounds of writes, no two of a round in the same sectors, as who has a disk sees to it. */
static inline void write_rounds(unsigned rounds)
{
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned slot = 0; slot < DEPTH; slot++) {
            uint32_t sectors = 1 + random_below(ROOM / VDEV_SECTOR_SIZE);
            uint32_t part = SECTORS / DEPTH;
            uint32_t sector = slot * part + random_below(part - sectors);
            uint32_t bytes = sectors * VDEV_SECTOR_SIZE;
            uint8_t *from = (uint8_t *)data.pointer + slot * ROOM;
            for (uint32_t i = 0; i < bytes; i++) {
                from[i] = (uint8_t)random_below(256);
            }
            memcpy(expected + sector * VDEV_SECTOR_SIZE, from, bytes);
            ask(slot, VDEV_BLOCK_WRITE, sector, bytes);
        }
        settle();
        for (unsigned slot = 0; slot < DEPTH; slot++) {
            ck_assert_uint_eq(asked[slot].completed, 1);
            ck_assert_int_eq(asked[slot].status, VDEV_OK);
        }
    }
}

static inline void check_image(void)
{
    static uint8_t found[BYTES];
    int file = open(image, O_RDONLY);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(read(file, found, BYTES), BYTES);
    close(file);
    ck_assert_uint_eq(checksum(found, BYTES), checksum(expected, BYTES));
}

static inline void check_reads(void)
{
    uint64_t sum = 0;
    uint64_t wanted = 0;

    for (uint32_t sector = 0; sector < SECTORS; sector += DEPTH * ROOM / VDEV_SECTOR_SIZE) {
        for (unsigned slot = 0; slot < DEPTH; slot++) {
            memset((uint8_t *)data.pointer + slot * ROOM, 0xee, ROOM);
            ask(slot, VDEV_BLOCK_READ, sector + slot * (ROOM / VDEV_SECTOR_SIZE), ROOM);
        }
        settle();
        for (unsigned slot = 0; slot < DEPTH; slot++) {
            ck_assert_int_eq(asked[slot].status, VDEV_OK);
        }
        sum ^= checksum(data.pointer, DEPTH * ROOM);
        wanted ^= checksum(expected + sector * VDEV_SECTOR_SIZE, DEPTH * ROOM);
    }
    ck_assert_uint_eq(sum, wanted);
}

static inline void setup(void)
{
    const char *top = getenv("TMPDIR");

    host_clock = vdev_host_monotonic_clock();
    snprintf(folder, sizeof folder, "%.40s/vdev-XXXXXX", top != NULL ? top : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(image, sizeof image, "%s/image", folder);
    snprintf(path, sizeof path, "%s/socket", folder);
    for (unsigned i = 0; i < BYTES; i++) {
        expected[i] = (uint8_t)(i * 7 + i / 512);
    }
    int file = open(image, O_CREAT | O_WRONLY | O_EXCL, 0600);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, expected, BYTES), BYTES);
    close(file);
    start_daemon();
}

static inline void teardown(void)
{
    end_daemon(SIGTERM);
    unlink(image);
    rmdir(folder);
}

#endif
