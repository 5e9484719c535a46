/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our block front-end, by vhost-user, against a device that others wrote: qemu-storage-daemon's.
 * What is written through it is looked for in the image itself, and the other way round. Skipped
 * where there is no qemu-storage-daemon.
 */
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

#define PROGRAM "qemu-storage-daemon"
#define SKIPPED 77

#define SECTORS 16384u
#define BYTES   (SECTORS * VDEV_SECTOR_SIZE)
#define DEPTH   8u
#define ROOM    65536u /* bytes of one request at most */
#define SECOND  1000000000ull

static char folder[64], image[80], path[80], blockdev[160], export[200];
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

static void start_daemon(void)
{
    daemon_pid = fork();
    ck_assert_int_ge(daemon_pid, 0);
    if (daemon_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* should a check fail before the end */
        execlp(PROGRAM, PROGRAM, "--blockdev", blockdev, "--export", export, (char *)NULL);
        _exit(127);
    }
    for (unsigned i = 0; access(path, F_OK) != 0; i++) {
        ck_assert_uint_lt(i, 1000);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
}

static void end_daemon(int signal)
{
    if (daemon_pid > 0) {
        kill(daemon_pid, signal);
        waitpid(daemon_pid, NULL, 0);
        unlink(path);
    }
    daemon_pid = 0;
}

/* ---- the front-end ---- */

static void open_device(uint64_t without)
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

static void close_device(void)
{
    ck_assert_int_eq(vdev_block_frontend_stop(&frontend), VDEV_OK);
    vdev_host_vhost_user_client_close(&client);
}

static void complete(struct vdev_block_request *request, int status)
{
    struct asked *done = request->owner;

    done->completed++;
    done->status = status;
    in_flight--;
}

/* In two buffers, so that a request has pieces. */
static void ask(unsigned slot, enum vdev_block_operation operation, uint32_t sector, uint32_t bytes)
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
        .complete = complete,
        .owner = one,
    };
    in_flight++;
    ck_assert_int_eq(vdev_block_submit(&frontend.block, &one->request), VDEV_OK);
}

/* Until all that was asked is answered. */
static void settle(void)
{
    while (in_flight != 0) {
        ck_assert_int_eq(vdev_host_vhost_user_client_wait(&client, 20 * SECOND),
                         VDEV_HOST_VHOST_USER_CALLED);
        while (vdev_block_poll(&frontend.block)) {
        }
    }
}

static void flush(void)
{
    ask(0, VDEV_BLOCK_FLUSH, 0, 0);
    settle();
    ck_assert_int_eq(asked[0].status, VDEV_OK);
}

/* ---- checking ---- */

static uint32_t seed = 20260101;

static uint32_t random_below(uint32_t bound)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % bound;
}

static uint64_t checksum(const uint8_t *bytes, size_t length)
{
    uint64_t sum = 0xcbf29ce484222325ull;

    for (size_t i = 0; i < length; i++) {
        sum = (sum ^ bytes[i]) * 0x100000001b3ull;
    }
    return sum;
}

/* Rounds of writes, no two of a round in the same sectors, as who has a disk sees to it. */
static void write_rounds(unsigned rounds)
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

static void check_image(void)
{
    static uint8_t found[BYTES];
    int file = open(image, O_RDONLY);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(read(file, found, BYTES), BYTES);
    close(file);
    ck_assert_uint_eq(checksum(found, BYTES), checksum(expected, BYTES));
}

static void check_reads(void)
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

static void setup(void)
{
    const char *top = getenv("TMPDIR");

    host_clock = vdev_host_monotonic_clock();
    snprintf(folder, sizeof folder, "%.40s/vdev-XXXXXX", top != NULL ? top : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(image, sizeof image, "%s/image", folder);
    snprintf(path, sizeof path, "%s/socket", folder);
    snprintf(blockdev, sizeof blockdev, "driver=file,node-name=f,filename=%s", image);
    snprintf(export, sizeof export,
             "type=vhost-user-blk,id=e,node-name=f,writable=on,addr.type=unix,addr.path=%s", path);
    for (unsigned i = 0; i < BYTES; i++) {
        expected[i] = (uint8_t)(i * 7 + i / 512);
    }
    int file = open(image, O_CREAT | O_WRONLY | O_EXCL, 0600);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, expected, BYTES), BYTES);
    close(file);
    start_daemon();
}

static void teardown(void)
{
    end_daemon(SIGTERM);
    unlink(image);
    rmdir(folder);
}

START_TEST(its_disk_is_ours)
{
    open_device(0);
    ck_assert_uint_eq(frontend.block.information.sectors, SECTORS);
    ck_assert(!frontend.block.information.read_only);
    ck_assert(vdev_vhost_user_driver_has(&client.driver, VDEV_VHOST_USER_PROTOCOL_F_CONFIG));
    check_reads();
    write_rounds(40);
    flush();
    check_image();
    check_reads();
    close_device();
    /* And once more, on a second connection. */
    open_device(0);
    write_rounds(5);
    flush();
    check_image();
    ck_assert_uint_eq(frontend.restarts, 0);
    ck_assert_uint_eq(frontend.malformed, 0);
    close_device();
}
END_TEST

START_TEST(with_as_little_protocol_as_can_be)
{
    open_device(~(1ull << VDEV_VHOST_USER_PROTOCOL_F_CONFIG));
    ck_assert_uint_eq(client.driver.protocol, 1ull << VDEV_VHOST_USER_PROTOCOL_F_CONFIG);
    write_rounds(5);
    check_reads();
    flush();
    check_image();
    close_device();
}
END_TEST

START_TEST(a_request_past_the_end_fails)
{
    open_device(0);
    /* As if the disk had shrunk since: the front-end itself would refuse it. */
    frontend.block.information.sectors += 128;
    ask(0, VDEV_BLOCK_READ, SECTORS - 8, 8192);
    settle();
    ck_assert_int_eq(asked[0].status, VDEV_ERROR_IO);
    ask(0, VDEV_BLOCK_READ, SECTORS - 8, 4096);
    settle();
    ck_assert_int_eq(asked[0].status, VDEV_OK);
    close_device();
}
END_TEST

START_TEST(goes_on_with_the_next_process)
{
    struct vdev_host_error error;

    open_device(0);
    for (unsigned i = 0; i < 5; i++) {
        write_rounds(2);
        end_daemon(SIGKILL);
        ck_assert_int_eq(vdev_host_vhost_user_client_wait(&client, 10 * SECOND),
                         VDEV_HOST_VHOST_USER_ENDED);
        ck_assert_int_ne(vdev_host_vhost_user_client_reconnect(&client, &error), 0);
        ck_assert_ptr_nonnull(strstr(error.text, path));
        /* Asked while there is nobody: done by the next one. */
        ask(0, VDEV_BLOCK_READ, 64, 4096);
        start_daemon();
        for (unsigned j = 0; vdev_host_vhost_user_client_reconnect(&client, &error) != 0; j++) {
            ck_assert_msg(j < 100, "%s", error.text);
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        }
        settle();
        ck_assert_uint_eq(asked[0].completed, 1);
        ck_assert_int_eq(asked[0].status, VDEV_OK);
        ck_assert_mem_eq(data.pointer, expected + 64 * VDEV_SECTOR_SIZE, 4096);
    }
    ck_assert_uint_eq(client.driver.reconnections, 5);
    ck_assert_uint_eq(frontend.restarts, 0);
    check_reads();
    flush();
    check_image();
    close_device();
}
END_TEST

START_TEST(fails_what_nobody_will_do)
{
    open_device(0);
    end_daemon(SIGKILL);
    ck_assert_int_eq(vdev_host_vhost_user_client_wait(&client, 10 * SECOND),
                     VDEV_HOST_VHOST_USER_ENDED);
    ask(0, VDEV_BLOCK_READ, 0, 4096);
    vdev_vhost_user_driver_give_up(&client.driver);
    vdev_block_poll(&frontend.block);
    ck_assert_uint_eq(asked[0].completed, 1);
    ck_assert_int_eq(asked[0].status, VDEV_ERROR_IO);
    ck_assert_int_eq(vdev_block_submit(&frontend.block, &asked[0].request), VDEV_ERROR_ABSENT);
    vdev_host_vhost_user_client_close(&client);
}
END_TEST

int main(void)
{
    if (system("command -v " PROGRAM " >/dev/null") != 0) {
        printf(PROGRAM " (Debian's qemu-system-common) is not here: nothing is tested\n");
        return SKIPPED;
    }
    Suite *suite = suite_create("vhost-user, another's device");
    TCase *tests = tcase_create(PROGRAM);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, its_disk_is_ours);
    tcase_add_test(tests, with_as_little_protocol_as_can_be);
    tcase_add_test(tests, a_request_past_the_end_fails);
    tcase_add_test(tests, goes_on_with_the_next_process);
    tcase_add_test(tests, fails_what_nobody_will_do);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
