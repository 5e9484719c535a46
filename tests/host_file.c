/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files as block devices: real ones in a temporary folder, in each of the ways there are to read
 * and write them. What is on the disk is looked at through a descriptor of the test's own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vdev/host/file_block.h>
#include <vdev/status.h>

#include "support/epoll_loop.h"

#define SECTORS 2048u
#define BYTES   (SECTORS * 512u)

/* The ways. */
enum { RING, RING_DIRECT, RING_NO_DEFER, CALLS, CALLS_DIRECT, CALLS_NO_DEFER, WAYS };

static char folder[64];
static char path[PATH_MAX];
static struct epoll_loop loop;
static struct vdev_host_file *image;
static struct vdev_block *block;
static int own = -1; /* the test's descriptor */
static struct vdev_host_error error;
static unsigned completions, lines;
static char line[256];
static uint8_t *memory; /* aligned; twice the image */

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 7 + at / 512);
}

static void on_completed(void *context)
{
    ck_assert_ptr_eq(context, &loop);
    completions++;
}

static void on_log(void *context, const char *text)
{
    ck_assert_ptr_eq(context, &loop);
    ck_assert_ptr_null(strchr(text, '\n'));
    snprintf(line, sizeof line, "%s", text);
    lines++;
}

static struct vdev_host_file_configuration configuration(int way)
{
    loop.loop.defer = NULL;
    if (way != RING_NO_DEFER && way != CALLS_NO_DEFER) {
        epoll_loop_can_defer(&loop);
    }
    return (struct vdev_host_file_configuration){
        .path = path,
        .loop = &loop.loop,
        .direct = way == RING_DIRECT || way == CALLS_DIRECT,
        .synchronous = way >= CALLS,
        .completed = on_completed,
        .log = on_log,
        .context = &loop,
    };
}

static void make_image(size_t bytes)
{
    own = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(own, 0);
    for (size_t i = 0; i < bytes; i++) {
        memory[i] = pattern(i);
    }
    ck_assert_int_eq(pwrite(own, memory, bytes, 0), bytes);
    memset(memory, 0, bytes);
}

static void open_with(const struct vdev_host_file_configuration *with)
{
    image = vdev_host_file_open(with, &error);
    ck_assert_msg(image != NULL, "%s", error.text);
    block = vdev_host_file_block(image);
}

static void open_image(int way)
{
    struct vdev_host_file_configuration with = configuration(way);

    open_with(&with);
}

static void setup(void)
{
    strcpy(folder, "/tmp/vdev-host-file-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/disk.img", folder);
    memory = aligned_alloc(4096, 2 * BYTES);
    epoll_loop_init(&loop);
    make_image(BYTES);
    completions = lines = 0;
    line[0] = 0;
}

static void teardown(void)
{
    if (image != NULL) {
        vdev_host_file_close(image);
        image = NULL;
    }
    while (loop.deferred != NULL) {
        epoll_loop_turn(&loop, 0); /* what was deferred frees itself */
    }
    close(own);
    unlink(path);
    rmdir(folder);
    free(memory);
}

/* ---- requests ---- */

struct asked {
    struct vdev_block_request request;
    struct vdev_buffer buffers[300];
    int status; /* 1: not yet */
};

static void note(struct vdev_block_request *request, int status)
{
    struct asked *asked = request->owner;

    ck_assert_int_eq(asked->status, 1);
    asked->status = status;
}

static int ask(struct asked *asked, enum vdev_block_operation operation, uint64_t sector,
               size_t count)
{
    asked->status = 1;
    asked->request = (struct vdev_block_request){
        .operation = operation,
        .sector = sector,
        .buffers = asked->buffers,
        .buffer_count = count,
        .complete = note,
        .owner = asked,
    };
    int status = vdev_block_submit(block, &asked->request);
    ck_assert_int_eq(asked->status, 1); /* never from inside submit */
    return status;
}

static void wait_for(const struct asked *asked)
{
    while (asked->status == 1) {
        ck_assert(epoll_loop_turn(&loop, 20000)); /* or nobody was told */
    }
}

static int ask_data(struct asked *asked, enum vdev_block_operation operation, uint64_t sector,
                    void *data, size_t length)
{
    asked->buffers[0] = (struct vdev_buffer){data, length, VDEV_NO_BUS_ADDRESS};
    return ask(asked, operation, sector, 1);
}

static int move(enum vdev_block_operation operation, uint64_t sector, void *data, size_t length)
{
    static struct asked asked;

    ck_assert_int_eq(ask_data(&asked, operation, sector, data, length), VDEV_OK);
    wait_for(&asked);
    return asked.status;
}

static int change(enum vdev_block_operation operation, uint64_t sector, uint64_t sectors)
{
    static struct asked asked;

    asked.status = 1;
    asked.request = (struct vdev_block_request){.operation = operation,
                                                .sector = sector,
                                                .sectors = sectors,
                                                .complete = note,
                                                .owner = &asked};
    ck_assert_int_eq(vdev_block_submit(block, &asked.request), VDEV_OK);
    wait_for(&asked);
    return asked.status;
}

/* ---- what it does ---- */

START_TEST(describes_the_image)
{
    open_image(_i);
    const struct vdev_block_information *information = &block->information;
    ck_assert_uint_eq(information->sectors, SECTORS);
    ck_assert_uint_ge(information->block_size, 512);
    ck_assert_str_eq(information->identifier, "disk.img");
    ck_assert(!information->read_only);
    ck_assert_uint_ne(information->maximum_zeroes_sectors, 0);
    vdev_host_file_close(image);
    struct vdev_host_file_configuration with = configuration(_i);
    with.identifier = "longer than the twenty bytes that there are";
    open_with(&with);
    ck_assert_str_eq(block->information.identifier, "longer than the twen");
}
END_TEST

START_TEST(reads_and_writes)
{
    open_image(_i);
    ck_assert_int_eq(move(VDEV_BLOCK_READ, 8, memory, 8192), VDEV_OK);
    for (size_t i = 0; i < 8192; i++) {
        ck_assert_uint_eq(memory[i], pattern(8 * 512 + i));
    }
    ck_assert_uint_ge(completions, 1);
    memset(memory, 0xa5, 4096);
    ck_assert_int_eq(move(VDEV_BLOCK_WRITE, 16, memory, 4096), VDEV_OK);
    memset(memory, 0, 3 * 4096);
    ck_assert_int_eq(pread(own, memory, 3 * 4096, 8 * 512), 3 * 4096);
    ck_assert_uint_eq(memory[4095], pattern(16 * 512 - 1));
    ck_assert_uint_eq(memory[4096], 0xa5);
    ck_assert_uint_eq(memory[8191], 0xa5);
    ck_assert_uint_eq(memory[8192], pattern(24 * 512));
    ck_assert_int_eq(change(VDEV_BLOCK_FLUSH, 0, 0), VDEV_OK);
    /* The last block, and no further. */
    ck_assert_int_eq(move(VDEV_BLOCK_WRITE, SECTORS - 8, memory, 4096), VDEV_OK);
    struct asked asked;
    ck_assert_int_eq(ask_data(&asked, VDEV_BLOCK_WRITE, SECTORS - 7, memory, 4096),
                     VDEV_ERROR_RANGE);
    struct stat about;
    ck_assert_int_eq(fstat(own, &about), 0);
    ck_assert_int_eq(about.st_size, BYTES);
    ck_assert_uint_eq(lines, 0);
}
END_TEST

START_TEST(takes_data_in_many_buffers)
{
    static struct asked asked;
    open_image(_i);
    const unsigned count = 256;
    uint8_t *expected = malloc(BYTES);
    ck_assert_int_eq(pread(own, expected, BYTES, 0), BYTES);
    for (unsigned pass = 0; pass < 2; pass++) {
        /* Aligned ones, and then such as only a bounce brings past the page cache. */
        for (unsigned i = 0; i < count; i++) {
            asked.buffers[i] =
                (struct vdev_buffer){memory + pass + i * 4096u, 4096, VDEV_NO_BUS_ADDRESS};
        }
        memset(memory, 0, BYTES + 1);
        ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, count), VDEV_OK);
        wait_for(&asked);
        ck_assert_int_eq(asked.status, VDEV_OK);
        ck_assert_mem_eq(memory + pass, expected, BYTES);
    }
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, count + 1), VDEV_ERROR_FULL);
    /* In pieces that do not end where sectors do, one of them empty. */
    const size_t lengths[] = {100, 0, 3000, 4096, 996};
    size_t at = 3;
    for (unsigned i = 0; i < 5; i++) {
        asked.buffers[i] = (struct vdev_buffer){memory + at, lengths[i], VDEV_NO_BUS_ADDRESS};
        memset(memory + at, 'a' + (int)i, lengths[i]);
        at += lengths[i];
    }
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_WRITE, 40, 5), VDEV_OK);
    wait_for(&asked);
    ck_assert_int_eq(asked.status, VDEV_OK);
    ck_assert_int_eq(pread(own, memory + BYTES, 8192, 40 * 512), 8192);
    ck_assert_mem_eq(memory + BYTES, memory + 3, 8192);
    free(expected);
}
END_TEST

START_TEST(many_at_once_complete_once_each)
{
    static struct asked asked[129];
    struct vdev_host_file_configuration with = configuration(_i);
    with.depth = 100;
    open_with(&with);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 100; i++) {
            memset(memory + i * 4096, (int)(i + round), 4096);
            ck_assert_int_eq(ask_data(&asked[i], VDEV_BLOCK_WRITE, i * 8, memory + i * 4096, 4096),
                             VDEV_OK);
        }
        ck_assert_int_eq(ask_data(&asked[100], VDEV_BLOCK_READ, 0, memory, 4096), VDEV_ERROR_FULL);
        for (unsigned i = 0; i < 100; i++) {
            wait_for(&asked[i]);
            ck_assert_int_eq(asked[i].status, VDEV_OK);
        }
    }
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_int_eq(pread(own, memory, 4096, i * 4096), 4096);
        ck_assert_uint_eq(memory[0], i + 2);
        ck_assert_uint_eq(memory[4095], i + 2);
    }
    ck_assert_uint_eq(vdev_block_poll(block), false);
}
END_TEST

START_TEST(waits_for_what_the_cache_does_not_have)
{
    static struct asked asked[32];
    ck_assert_int_eq(fsync(own), 0);
    ck_assert_int_eq(posix_fadvise(own, 0, 0, POSIX_FADV_DONTNEED), 0);
    open_image(_i);
    for (unsigned i = 0; i < 32; i++) {
        ck_assert_int_eq(
            ask_data(&asked[i], VDEV_BLOCK_READ, (i * 13 % 32) * 64, memory + i * 4096, 4096),
            VDEV_OK);
    }
    for (unsigned i = 0; i < 32; i++) {
        wait_for(&asked[i]);
        ck_assert_int_eq(asked[i].status, VDEV_OK);
        ck_assert_uint_eq(memory[i * 4096 + 9], pattern((i * 13 % 32) * 64 * 512 + 9));
    }
}
END_TEST

static unsigned resubmissions;

static void submit_again(struct vdev_block_request *request, int status)
{
    ck_assert_int_eq(status, VDEV_OK);
    if (++resubmissions < 50) {
        ck_assert_int_eq(vdev_block_submit(block, request), VDEV_OK);
    }
}

START_TEST(a_completion_may_submit_anew)
{
    open_image(_i);
    struct vdev_buffer buffer = {memory, 4096, VDEV_NO_BUS_ADDRESS};
    struct vdev_block_request request = {.operation = VDEV_BLOCK_READ,
                                         .buffers = &buffer,
                                         .buffer_count = 1,
                                         .complete = submit_again};
    resubmissions = 0;
    ck_assert_int_eq(vdev_block_submit(block, &request), VDEV_OK);
    while (resubmissions < 50) {
        ck_assert(epoll_loop_turn(&loop, 20000));
    }
    ck_assert_uint_eq(resubmissions, 50);
}
END_TEST

START_TEST(drains_and_closes_with_requests_in_flight)
{
    static struct asked asked[64];
    open_image(_i);
    for (unsigned i = 0; i < 64; i++) {
        ck_assert_int_eq(ask_data(&asked[i], VDEV_BLOCK_WRITE, i * 8, memory + i * 4096, 4096),
                         VDEV_OK);
    }
    vdev_host_file_drain(image);
    for (unsigned i = 0; i < 64; i++) {
        ck_assert_int_eq(asked[i].status, VDEV_OK);
        ck_assert_int_eq(ask_data(&asked[i], VDEV_BLOCK_READ, i * 8, memory + i * 4096, 4096),
                         VDEV_OK);
    }
    vdev_host_file_close(image);
    image = NULL;
    for (unsigned i = 0; i < 64; i++) {
        ck_assert_int_eq(asked[i].status, VDEV_OK);
    }
    ck_assert_int_eq(loop.watched, 0); /* watched any more */
}
END_TEST

/* ---- holes ---- */

static void check_zeros(uint64_t sector, uint64_t sectors)
{
    ck_assert_int_eq(pread(own, memory, sectors * 512, (off_t)(sector * 512)), sectors * 512);
    for (size_t i = 0; i < sectors * 512; i++) {
        if (memory[i] != 0) {
            ck_abort_msg("byte %zu is not zero", i);
        }
    }
}

START_TEST(discard_and_zeroes_are_holes_or_kept)
{
    open_image(_i);
    struct stat before, after;
    ck_assert_int_eq(fsync(own), 0);
    ck_assert_int_eq(fstat(own, &before), 0);
    ck_assert_uint_ne(block->information.maximum_discard_sectors, 0);
    ck_assert_int_eq(change(VDEV_BLOCK_DISCARD, 256, 256), VDEV_OK);
    check_zeros(256, 256);
    ck_assert_int_eq(lseek(own, 0, SEEK_HOLE), 256 * 512);
    ck_assert_int_eq(lseek(own, 256 * 512, SEEK_DATA), 512 * 512);
    ck_assert_int_eq(change(VDEV_BLOCK_WRITE_ZEROES, 1024, 256), VDEV_OK);
    check_zeros(1024, 256);
    ck_assert_int_eq(lseek(own, 512 * 512, SEEK_HOLE), 1024 * 512);
    ck_assert_int_eq(fstat(own, &after), 0);
    ck_assert_int_lt(after.st_blocks, before.st_blocks);
    ck_assert_int_eq(after.st_size, BYTES);
    /* Kept: zeros, and the room is still there. */
    before = after;
    ck_assert_int_eq(change(VDEV_BLOCK_WRITE_ZEROES_KEEP, 1536, 256), VDEV_OK);
    check_zeros(1536, 256);
    ck_assert_int_eq(fstat(own, &after), 0);
    ck_assert_int_ge(after.st_blocks, before.st_blocks);
    /* The neighbours are as they were. */
    ck_assert_int_eq(pread(own, memory, 1, 1024 * 512 - 1), 1);
    ck_assert_uint_eq(memory[0], pattern(1024 * 512 - 1));
    ck_assert_int_eq(pread(own, memory, 1, 1280 * 512), 1);
    ck_assert_uint_eq(memory[0], pattern(1280 * 512));
}
END_TEST

/* A file system in memory has no ZERO_RANGE: there the zeros have to be written. */
START_TEST(zeroes_are_written_where_nothing_else_makes_them)
{
    close(own);
    unlink(path);
    snprintf(path, sizeof path, "/dev/shm/vdev-host-file-%d", (int)getpid());
    make_image(BYTES);
    open_image(_i);
    ck_assert_int_eq(change(VDEV_BLOCK_WRITE_ZEROES_KEEP, 3, 300), VDEV_OK);
    check_zeros(3, 300);
    ck_assert_int_eq(pread(own, memory, 1, 303 * 512), 1);
    ck_assert_uint_eq(memory[0], pattern(303 * 512));
}
END_TEST

/* ---- what goes wrong ---- */

START_TEST(read_only_is_read_only)
{
    struct vdev_host_file_configuration with = configuration(_i);
    struct asked asked;
    with.read_only = true;
    ck_assert_int_eq(chmod(path, 0400), 0);
    open_with(&with);
    ck_assert(block->information.read_only);
    ck_assert_int_eq(ask_data(&asked, VDEV_BLOCK_WRITE, 0, memory, 4096), VDEV_ERROR_READ_ONLY);
    ck_assert_uint_eq(block->information.maximum_discard_sectors, 0);
    ck_assert_uint_eq(block->information.maximum_zeroes_sectors, 0);
    ck_assert_int_eq(move(VDEV_BLOCK_READ, 0, memory, 4096), VDEV_OK);
    ck_assert_uint_eq(memory[1], pattern(1));
}
END_TEST

START_TEST(a_file_that_shrinks_is_an_error_of_those_requests)
{
    open_image(_i);
    ck_assert_int_eq(ftruncate(own, BYTES / 2 + 4096), 0);
    ck_assert_int_eq(move(VDEV_BLOCK_READ, SECTORS / 2 + 16, memory, 4096), VDEV_ERROR_IO);
    ck_assert_int_eq(move(VDEV_BLOCK_READ, SECTORS / 2, memory, 8192), VDEV_ERROR_IO);
    ck_assert_uint_eq(lines, 1); /* not one for each */
    ck_assert_ptr_nonnull(strstr(line, "disk.img: read at sector 1040: "));
    ck_assert_int_eq(move(VDEV_BLOCK_READ, 0, memory, 4096), VDEV_OK);
}
END_TEST

START_TEST(a_full_disk_is_an_io_error_and_a_line)
{
    /* Room up to the middle of the image, as if the disk had no more. */
    const struct rlimit limit = {BYTES / 2, RLIM_INFINITY};
    ck_assert_int_eq(ftruncate(own, 0), 0);
    ck_assert_int_eq(ftruncate(own, BYTES), 0);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    open_image(_i);
    ck_assert_int_eq(move(VDEV_BLOCK_WRITE, 0, memory, 4096), VDEV_OK);
    ck_assert_int_eq(move(VDEV_BLOCK_WRITE, SECTORS / 2, memory, 4096), VDEV_ERROR_IO);
    ck_assert_int_eq(move(VDEV_BLOCK_WRITE, SECTORS / 2 - 8, memory, 8192), VDEV_ERROR_IO);
    ck_assert_uint_eq(lines, 1);
    ck_assert_ptr_nonnull(strstr(line, "write at sector 1024: File too large"));
    ck_assert_int_eq(move(VDEV_BLOCK_READ, SECTORS / 2, memory, 4096), VDEV_OK);
}
END_TEST

START_TEST(past_the_page_cache_only_whole_blocks)
{
    struct asked asked;
    open_image(_i == 0 ? RING_DIRECT : CALLS_DIRECT);
    if (block->information.block_size > 512) {
        ck_assert_int_eq(ask_data(&asked, VDEV_BLOCK_READ, 1, memory, 512), VDEV_ERROR_INVALID);
    } else {
        ck_assert_int_eq(move(VDEV_BLOCK_READ, 1, memory, 512), VDEV_OK);
        ck_assert_uint_eq(memory[5], pattern(512 + 5));
    }
}
END_TEST

static void check_refused(const char *expected)
{
    struct vdev_host_file_configuration with = configuration(RING);

    error.text[0] = 0;
    ck_assert_ptr_null(vdev_host_file_open(&with, &error));
    ck_assert_msg(strstr(error.text, expected) != NULL, "%s", error.text);
    ck_assert(strncmp(error.text, path, strlen(path)) == 0);
    ck_assert_ptr_null(strchr(error.text, '\n'));
    ck_assert_int_eq(loop.watched, 0);
}

START_TEST(refuses_what_is_no_image)
{
    int before = dup(own);
    ck_assert_int_eq(ftruncate(own, BYTES - 100), 0);
    check_refused("is no multiple of 512");
    ck_assert_int_eq(ftruncate(own, 0), 0);
    check_refused("is empty");
    unlink(path);
    check_refused("does not exist");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    check_refused("is neither a file nor a block device");
    unlink(path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    check_refused("is a folder");
    rmdir(path);
    ck_assert_int_eq(symlink("/dev/null", path), 0);
    check_refused("is neither a file nor a block device");
    unlink(path);
    /* None of them has left a descriptor behind. */
    int after = dup(own);
    ck_assert_int_eq(after, before + 1);
    close(before);
    close(after);
}
END_TEST

START_TEST(refuses_what_may_not_be_read)
{
    ck_assert_int_eq(chmod(path, 0), 0);
    ck_assert_int_eq(chmod(folder, 0755), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(seteuid(65534), 0);
    }
    check_refused("Permission denied");
    if (getuid() == 0) {
        ck_assert_int_eq(seteuid(0), 0);
    }
}
END_TEST

/* Open in a process of its own. 0: opened; 1: in use; else: something else. */
static int open_elsewhere(bool read_only)
{
    pid_t child = fork();

    if (child == 0) {
        struct vdev_host_file_configuration with = configuration(CALLS);
        with.read_only = read_only;
        struct vdev_host_file *other = vdev_host_file_open(&with, &error);
        if (other != NULL) {
            vdev_host_file_close(other);
            _exit(0);
        }
        _exit(strstr(error.text, "in use by another") != NULL ? 1 : 2);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(one_writes_or_many_read)
{
    struct vdev_host_file_configuration with = configuration(RING);
    open_with(&with);
    ck_assert_int_eq(open_elsewhere(false), 1);
    ck_assert_int_eq(open_elsewhere(true), 1);
    vdev_host_file_close(image);
    ck_assert_int_eq(open_elsewhere(false), 0);
    with.read_only = true;
    open_with(&with);
    ck_assert_int_eq(open_elsewhere(true), 0);
    ck_assert_int_eq(open_elsewhere(false), 1);
    /* And inside of one process, too. */
    ck_assert_ptr_nonnull(image);
    with.read_only = false;
    ck_assert_ptr_null(vdev_host_file_open(&with, &error));
    vdev_host_file_close(image);
    image = NULL;
    ck_assert_int_eq(open_elsewhere(false), 0);
}
END_TEST

/* As when a service is killed and started again: nothing is waited for. */
START_TEST(a_killed_process_leaves_no_lock)
{
    for (unsigned round = 0; round < 10; round++) {
        int ready[2];
        char byte;
        ck_assert_int_eq(pipe(ready), 0);
        pid_t child = fork();
        if (child == 0) {
            static struct asked asked[64];
            open_image(_i);
            for (unsigned i = 0; i < 64; i++) {
                ask_data(&asked[i], VDEV_BLOCK_WRITE, i * 8, memory + i * 4096, 4096);
            }
            vdev_block_poll(block);
            while (write(ready[1], "", 1) == 1) {
                pause();
            }
        }
        ck_assert_int_eq(read(ready[0], &byte, 1), 1);
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        close(ready[0]);
        close(ready[1]);
        open_image(_i);
        vdev_host_file_close(image);
        image = NULL;
    }
}
END_TEST

/* The bytes that QEMU locks for a guest's disk, opened for writing [QEMU, block/file-posix.c]. */
START_TEST(qemus_locks_are_respected)
{
    const int bytes[] = {100, 101, 103, 201, 203};
    for (unsigned i = 0; i < 5; i++) {
        struct flock lock = {
            .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = bytes[i], .l_len = 1};
        ck_assert_int_eq(fcntl(own, F_OFD_SETLK, &lock), 0);
    }
    ck_assert_int_eq(open_elsewhere(false), 1);
    ck_assert_int_eq(open_elsewhere(true), 1);
    struct flock unlock = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
    ck_assert_int_eq(fcntl(own, F_OFD_SETLK, &unlock), 0);
    ck_assert_int_eq(open_elsewhere(false), 0);
    /* And what it looks at before it writes is held by us. */
    open_image(RING);
    struct flock look = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 201, .l_len = 1};
    ck_assert_int_eq(fcntl(own, F_OFD_GETLK, &look), 0);
    ck_assert_int_eq(look.l_type, F_RDLCK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host_file");
    TCase *tests;

    tests = tcase_create("files");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, describes_the_image, 0, WAYS);
    tcase_add_loop_test(tests, reads_and_writes, 0, WAYS);
    tcase_add_loop_test(tests, takes_data_in_many_buffers, 0, WAYS);
    tcase_add_loop_test(tests, many_at_once_complete_once_each, 0, WAYS);
    tcase_add_loop_test(tests, waits_for_what_the_cache_does_not_have, 0, WAYS);
    tcase_add_loop_test(tests, a_completion_may_submit_anew, 0, WAYS);
    tcase_add_loop_test(tests, drains_and_closes_with_requests_in_flight, 0, WAYS);
    tcase_add_loop_test(tests, discard_and_zeroes_are_holes_or_kept, 0, WAYS);
    tcase_add_loop_test(tests, zeroes_are_written_where_nothing_else_makes_them, 0, WAYS);
    tcase_add_loop_test(tests, read_only_is_read_only, 0, WAYS);
    tcase_add_loop_test(tests, a_file_that_shrinks_is_an_error_of_those_requests, 0, WAYS);
    tcase_add_loop_test(tests, a_full_disk_is_an_io_error_and_a_line, 0, WAYS);
    tcase_add_loop_test(tests, past_the_page_cache_only_whole_blocks, 0, 2);
    tcase_add_test(tests, refuses_what_is_no_image);
    tcase_add_test(tests, refuses_what_may_not_be_read);
    tcase_add_test(tests, one_writes_or_many_read);
    tcase_add_loop_test(tests, a_killed_process_leaves_no_lock, 0, WAYS);
    tcase_add_test(tests, qemus_locks_are_respected);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
