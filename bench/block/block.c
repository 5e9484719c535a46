/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The disk's part of the comparison in a Linux guest that dd cannot do: reads with many requests in
 * flight, by the kernel's asynchronous interface. It measures and judges nothing.
 *
 * usage: block DISK FILE DEPTH SIZE COUNT SKIP
 *
 * Reads COUNT requests of SIZE bytes each, from request SKIP on, with DEPTH in flight, and writes what
 * it read to FILE. They are asked for in an order in which no two neighbours are adjacent, so that
 * the kernel does not make one of them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DEPTH_MAXIMUM = 128, BYTES_MAXIMUM = 64 << 20, ALIGNMENT = 4096 };

static struct iocb controls[DEPTH_MAXIMUM];
static struct iocb *pointers[DEPTH_MAXIMUM];
static struct io_event events[DEPTH_MAXIMUM];

static void fail(const char *what)
{
    fprintf(stderr, "block: %s: %s\n", what, strerror(errno));
    exit(1);
}

static unsigned long number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value > BYTES_MAXIMUM) {
        errno = EINVAL;
        fail(text);
    }
    return value;
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: block DISK FILE DEPTH SIZE COUNT SKIP\n");
        return 2;
    }
    unsigned long depth = number(argv[3]), size = number(argv[4]), count = number(argv[5]);
    unsigned long skip = number(argv[6]);
    aio_context_t context = 0;
    unsigned char *data;

    if (depth == 0 || depth > DEPTH_MAXIMUM || size == 0 || count == 0 || count % depth != 0 ||
        count > BYTES_MAXIMUM / size) {
        errno = EINVAL;
        fail("depth, size or count");
    }
    int disk = open(argv[1], O_RDONLY | O_DIRECT);
    if (disk < 0) {
        fail(argv[1]);
    }
    if ((errno = posix_memalign((void **)&data, ALIGNMENT, size * count)) != 0) {
        fail("memory");
    }
    memset(data, 0, size * count); /* so that the first touch of it is not in the reads */
    if (syscall(SYS_io_setup, depth, &context) != 0) {
        fail("io_setup");
    }
    for (unsigned long i = 0; i < depth; i++) {
        pointers[i] = &controls[i];
    }
    unsigned long asked = 0, done = 0, ready = depth;
    while (done < count) {
        unsigned long batch = 0;
        for (; batch < ready && asked < count; batch++, asked++) {
            unsigned long request = asked % depth * (count / depth) + asked / depth;
            *pointers[batch] = (struct iocb){
                .aio_lio_opcode = IOCB_CMD_PREAD,
                .aio_fildes = (uint32_t)disk,
                .aio_buf = (uintptr_t)(data + request * size),
                .aio_nbytes = size,
                .aio_offset = (int64_t)(skip + request) * (int64_t)size,
                .aio_data = (uintptr_t)pointers[batch],
            };
        }
        if (batch != 0 && syscall(SYS_io_submit, context, batch, pointers) != (long)batch) {
            fail("io_submit");
        }
        long got = syscall(SYS_io_getevents, context, 1L, depth, events, NULL);
        if (got <= 0) {
            fail("io_getevents");
        }
        for (long i = 0; i < got; i++) {
            if (events[i].res != (int64_t)size) {
                errno = events[i].res < 0 ? (int)-events[i].res : EIO;
                fail("read");
            }
            pointers[i] = (struct iocb *)(uintptr_t)events[i].data;
        }
        ready = (unsigned long)got;
        done += ready;
    }
    int out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (out < 0 || write(out, data, size * count) != (ssize_t)(size * count) || close(out) != 0) {
        fail(argv[2]);
    }
    return 0;
}
