/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The face of a file to the block class: requests become operations, wait for the end of the loop's
 * turn, and complete from inside poll.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vdev/status.h>

#include "host/error.h"
#include "host/file.h"

static struct vdev_host_file *file_of(struct vdev_block *block)
{
    return (struct vdev_host_file *)((char *)block - offsetof(struct vdev_host_file, block));
}

/* ---- operations ---- */

static void put(struct file_list *list, struct file_operation *operation)
{
    operation->next = NULL;
    if (list->first == NULL) {
        list->first = operation;
    } else {
        list->last->next = operation;
    }
    list->last = operation;
}

static struct file_operation *take(struct file_list *list)
{
    struct file_operation *operation = list->first;

    if (operation != NULL) {
        list->first = operation->next;
    }
    return operation;
}

static void report(struct vdev_host_file *file, const struct vdev_block_request *request, int error)
{
    static const char *const names[] = {"read", "write", "flush", "discard", "write zeroes"};
    struct vdev_host_error line;
    unsigned kind = request->operation;

    if (file->configuration.log == NULL || file->reported == error) {
        return;
    }
    file->reported = error;
    vdev_host_error_set(&line, "%s: %s at sector %llu: %s", file->configuration.path,
                        names[kind < 4 ? kind : 4], (unsigned long long)request->sector,
                        strerror(error));
    file->configuration.log(file->configuration.context, line.text);
}

void vdev_host_file_finish(struct vdev_host_file *file, struct file_operation *operation,
                           int result)
{
    struct vdev_block_request *request = operation->request;

    if (operation->bounce != NULL) {
        if (request->operation == VDEV_BLOCK_READ && result == 0) {
            struct vdev_cursor cursor = vdev_cursor(request->buffers, request->buffer_count);
            vdev_cursor_write(&cursor, operation->bounce, operation->bounce_bytes);
        }
        free(operation->bounce);
        operation->bounce = NULL;
    }
    operation->next = file->free;
    file->free = operation;
    file->in_flight--;
    if (result != 0) {
        report(file, request, -result);
    }
    request->complete(request, result == 0 ? VDEV_OK : VDEV_ERROR_IO);
}

bool vdev_host_file_advance(struct file_operation *operation, size_t bytes)
{
    operation->offset += bytes;
    operation->left -= bytes < operation->left ? bytes : operation->left;
    while (operation->vector_count != 0 && bytes >= operation->vectors->iov_len) {
        bytes -= operation->vectors->iov_len;
        operation->vectors++;
        operation->vector_count--;
    }
    if (operation->vector_count != 0) {
        operation->vectors->iov_base = (char *)operation->vectors->iov_base + bytes;
        operation->vectors->iov_len -= bytes;
    }
    return operation->left != 0;
}

/* O_DIRECT moves whole blocks from and to aligned memory only. */
static bool is_aligned(const struct vdev_host_file *file, const struct vdev_block_request *request)
{
    size_t block = file->block.information.block_size;

    for (size_t i = 0; file->memory_alignment > 1 && i < request->buffer_count; i++) {
        if ((uintptr_t)request->buffers[i].pointer % file->memory_alignment != 0 ||
            request->buffers[i].length % block != 0) {
            return false;
        }
    }
    return true;
}

static int make_bounce(struct file_operation *operation, const struct vdev_block_request *request)
{
    void *memory;

    operation->bounce_bytes = operation->left;
    if (posix_memalign(&memory, 4096, operation->bounce_bytes) != 0) {
        return VDEV_ERROR_FULL;
    }
    operation->bounce = memory;
    if (request->operation == VDEV_BLOCK_WRITE) {
        struct vdev_cursor cursor = vdev_cursor(request->buffers, request->buffer_count);
        vdev_cursor_read(&cursor, operation->bounce, operation->bounce_bytes);
    }
    operation->vectors = operation->few;
    operation->few[0] = (struct iovec){operation->bounce, operation->bounce_bytes};
    operation->vector_count = 1;
    return VDEV_OK;
}

/* Where the data of a request stands, for the kernel. */
static int list_data(const struct vdev_host_file *file, struct file_operation *operation,
                     const struct vdev_block_request *request)
{
    if (!is_aligned(file, request)) {
        return make_bounce(operation, request);
    }
    operation->vectors = operation->few;
    if (request->buffer_count > FILE_FEW) {
        if (operation->many == NULL) {
            operation->many = malloc(FILE_BUFFERS * sizeof *operation->many);
        }
        if (operation->many == NULL) {
            return VDEV_ERROR_FULL;
        }
        operation->vectors = operation->many;
    }
    operation->vector_count = 0;
    for (size_t i = 0; i < request->buffer_count; i++) {
        if (request->buffers[i].length != 0) {
            operation->vectors[operation->vector_count++] =
                (struct iovec){request->buffers[i].pointer, request->buffers[i].length};
        }
    }
    return VDEV_OK;
}

/* ---- the loop ---- */

void vdev_host_file_serve(struct vdev_host_file *file)
{
    vdev_block_poll(&file->block);
    if (file->configuration.completed != NULL) {
        file->configuration.completed(file->configuration.context);
    }
}

static void run_turn(struct vdev_host_deferred *deferred)
{
    struct file_turn *turn =
        (struct file_turn *)((char *)deferred - offsetof(struct file_turn, deferred));

    turn->pending = false;
    if (turn->file == NULL) {
        free(turn);
        return;
    }
    vdev_host_file_serve(turn->file);
}

static void woken(struct vdev_host_watch *watch)
{
    struct vdev_host_file *file =
        (struct vdev_host_file *)((char *)watch - offsetof(struct vdev_host_file, wake));
    uint64_t count;

    if (read(watch->descriptor, &count, sizeof count) < 0 && errno == EAGAIN) {
        return;
    }
    file->turn->pending = false;
    vdev_host_file_serve(file);
}

/* See to it that poll is called before the loop waits. */
static void schedule(struct vdev_host_file *file)
{
    struct vdev_host_loop *loop = file->configuration.loop;
    const uint64_t one = 1;

    if (file->turn->pending) {
        return;
    }
    file->turn->pending = true;
    if (loop->defer != NULL) {
        loop->defer(loop, &file->turn->deferred);
    } else if (write(file->wake.descriptor, &one, sizeof one) < 0) {
        file->turn->pending = false; /* it counts to 2^64: it is awake already */
    }
}

/* ---- the class ---- */

#ifdef VDEV_HOST_URING
/* What is in the page cache is had by one call sooner than by io_uring and its completion. */
static bool is_cached_read(const struct vdev_host_file *file,
                           const struct file_operation *operation)
{
    return operation->request->operation == VDEV_BLOCK_READ && !file->configuration.direct;
}
#endif

static void queue(struct vdev_host_file *file, struct file_operation *operation)
{
#ifdef VDEV_HOST_URING
    if (file->uring && !is_cached_read(file, operation) &&
        vdev_host_file_uring_queue(file, operation)) {
        return;
    }
#endif
    put(&file->calls, operation);
}

/* One that was put off to the turn's end, by a call: all of it, or what the page cache has. */
static void call(struct vdev_host_file *file, struct file_operation *operation)
{
#ifdef VDEV_HOST_URING
    if (file->uring && is_cached_read(file, operation)) {
        if (vdev_host_file_read_cached(file, operation)) {
            vdev_host_file_finish(file, operation, 0);
            return;
        }
        if (vdev_host_file_uring_queue(file, operation)) {
            return;
        }
    }
#endif
    vdev_host_file_finish(file, operation, vdev_host_file_call(file, operation));
}

static int submit(struct vdev_block *block, struct vdev_block_request *request)
{
    struct vdev_host_file *file = file_of(block);
    struct file_operation *operation = file->free;
    bool moves = request->operation == VDEV_BLOCK_READ || request->operation == VDEV_BLOCK_WRITE;
    int status = vdev_block_check(block, request);

    if (status != VDEV_OK) {
        return status;
    }
    if (operation == NULL) {
        return VDEV_ERROR_FULL;
    }
    operation->request = request;
    operation->offset = request->sector * VDEV_SECTOR_SIZE;
    operation->left = request->operation == VDEV_BLOCK_FLUSH ? 0
                      : moves ? vdev_buffers_length(request->buffers, request->buffer_count)
                              : request->sectors * VDEV_SECTOR_SIZE;
    if (file->memory_alignment > 1 &&
        (operation->offset | operation->left) % block->information.block_size != 0) {
        return VDEV_ERROR_INVALID;
    }
    status = moves ? list_data(file, operation, request) : VDEV_OK;
    if (status != VDEV_OK) {
        return status;
    }
    file->free = operation->next;
    file->in_flight++;
    queue(file, operation);
    if (!file->polling) {
        schedule(file);
    }
    return VDEV_OK;
}

static bool poll_once(struct vdev_host_file *file, bool wait)
{
    bool again = false;

    if (file->polling) {
        return false;
    }
    file->polling = true;
    struct file_list calls = file->calls;
    file->calls.first = NULL;
    for (struct file_operation *operation; (operation = take(&calls)) != NULL;) {
        call(file, operation);
    }
#ifdef VDEV_HOST_URING
    if (file->uring) {
        again = vdev_host_file_uring_poll(file, wait && file->calls.first == NULL &&
                                                    file->in_flight != 0);
    }
#else
    (void)wait;
#endif
    file->polling = false;
    return again || file->calls.first != NULL;
}

static bool poll(struct vdev_block *block)
{
    struct vdev_host_file *file = file_of(block);
    bool again = poll_once(file, false);

    if (again) {
        schedule(file); /* whoever polls once may leave it at that */
    }
    return again;
}

static const struct vdev_block_operations operations = {.submit = submit, .poll = poll};

/* ---- its life ---- */

static void release(struct vdev_host_file *file)
{
    struct vdev_host_loop *loop = file->configuration.loop;

#ifdef VDEV_HOST_URING
    if (file->uring) {
        vdev_host_file_uring_close(file);
    }
#endif
    if (file->wake.descriptor >= 0) {
        loop->unwatch(loop, &file->wake);
        close(file->wake.descriptor);
    }
    if (file->turn != NULL) {
        file->turn->file = NULL;
        /* The loop still has what was deferred: it frees itself when it is called. */
        if (!file->turn->pending || loop->defer == NULL) {
            free(file->turn);
        }
    }
    for (unsigned i = 0; file->operations != NULL && i < file->depth; i++) {
        free(file->operations[i].many);
    }
    free(file->operations);
    if (file->descriptor >= 0) {
        close(file->descriptor); /* and with it the locks */
    }
    free(file);
}

static int watch_wake(struct vdev_host_file *file, struct vdev_host_error *error)
{
    struct vdev_host_loop *loop = file->configuration.loop;
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (descriptor < 0) {
        vdev_host_error_set(error, "%s: eventfd: %s", file->configuration.path, strerror(errno));
        return -1;
    }
    file->wake = (struct vdev_host_watch){.descriptor = descriptor, .reads = true, .ready = woken};
    int result = loop->watch(loop, &file->wake);
    if (result != 0) {
        close(descriptor);
        file->wake.descriptor = -1;
        vdev_host_error_set(error, "%s: cannot be watched: %s", file->configuration.path,
                            strerror(-result));
    }
    return result;
}

static int prepare(struct vdev_host_file *file, struct vdev_host_error *error)
{
    if (file->operations == NULL || file->turn == NULL) {
        vdev_host_error_set(error, "%s: no memory", file->configuration.path);
        return -1;
    }
    for (unsigned i = file->depth; i-- != 0;) {
        file->operations[i].next = file->free;
        file->free = &file->operations[i];
    }
    *file->turn = (struct file_turn){.deferred.run = run_turn, .file = file};
    if (vdev_host_file_open_image(file, error) != 0 ||
        (file->configuration.loop->defer == NULL && watch_wake(file, error) != 0)) {
        return -1;
    }
#ifdef VDEV_HOST_URING
    int result = file->configuration.synchronous ? 0 : vdev_host_file_uring_open(file);
    if (result != 0) {
        vdev_host_error_set(error, "%s: cannot be watched: %s", file->configuration.path,
                            strerror(-result));
        return -1;
    }
#endif
    return 0;
}

struct vdev_host_file *vdev_host_file_open(const struct vdev_host_file_configuration *configuration,
                                           struct vdev_host_error *error)
{
    struct vdev_host_file *file = calloc(1, sizeof *file);

    if (file == NULL) {
        vdev_host_error_set(error, "%s: no memory", configuration->path);
        return NULL;
    }
    file->block.operations = &operations;
    file->configuration = *configuration;
    file->depth = configuration->depth != 0 ? configuration->depth : FILE_DEPTH;
    file->descriptor = -1;
    file->wake.descriptor = -1;
    file->operations = calloc(file->depth, sizeof *file->operations);
    file->turn = malloc(sizeof *file->turn);
    if (file->turn != NULL) {
        file->turn->pending = false;
    }
    if (prepare(file, error) != 0) {
        release(file);
        return NULL;
    }
    return file;
}

struct vdev_block *vdev_host_file_block(struct vdev_host_file *file)
{
    return &file->block;
}

void vdev_host_file_drain(struct vdev_host_file *file)
{
    while (file->in_flight != 0 && !file->polling) {
        poll_once(file, true);
    }
}

void vdev_host_file_close(struct vdev_host_file *file)
{
    vdev_host_file_drain(file);
    if (!file->block.information.read_only && fdatasync(file->descriptor) != 0) {
        report(file, &(struct vdev_block_request){.operation = VDEV_BLOCK_FLUSH}, errno);
    }
    release(file);
}
