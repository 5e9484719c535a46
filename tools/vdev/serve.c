/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `vdev serve`: sets up all devices, gives up what is not needed any more, says that it is ready,
 * and serves until it is told to end. Any failure before that ends it with one line.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"
#include "device.h"
#include "log.h"
#include "ready.h"
#include "serve.h"

/* A device holds three descriptors for each queue, a dozen more of its connection, and its own. */
#define DESCRIPTORS_PER_DEVICE 300u

struct server {
    struct options options;
    struct loop loop;
    struct vdev_host_watch signals;
    struct ready ready;
    struct device devices[OPTIONS_DEVICES];
    struct control controls[OPTIONS_DEVICES + 1];
    size_t device_count; /* of those, set up */
    size_t control_count;
    /* For the sandbox: of sockets and links, where they are to be removed. */
    char *folders[3 * OPTIONS_DEVICES];
    size_t folder_count;
};

static const struct device_operations *const kinds[DEVICE_KINDS] = {
    [DEVICE_BLOCK] = &device_block,
    [DEVICE_CONSOLE] = &device_console,
    [DEVICE_NET] = &device_net,
};

/* ---- counters ---- */

static void report_device(void *context, FILE *out)
{
    struct device *device = context;
    const struct vdev_vhost_user_device *session = &device->server.session;

    fprintf(out, "device %s\n", device_names[device->options->kind]);
    fprintf(out, "socket %s\n", device->server.name);
    fprintf(out, "connected %d\n", device->server.connection.descriptor >= 0);
    fprintf(out, "running %d\n", vdev_virtio_device_running(device->virtio));
    device->operations->report(device, out);
    for (unsigned i = 0; i < device->virtio->queue_count; i++) {
        fprintf(out, "queue.%u.requests %" PRIu64 "\nqueue.%u.bytes %" PRIu64 "\n", i,
                vdev_virtio_device_queue_taken(device->virtio, i), i,
                device->operations->queue_bytes(device, i));
        fprintf(out, "queue.%u.kicks %" PRIu64 "\nqueue.%u.interrupts %" PRIu64 "\n", i,
                session->kicks[i], i, session->interrupts[i]);
    }
}

static void report_all(void *context, FILE *out)
{
    struct server *server = context;

    for (size_t i = 0; i < server->device_count; i++) {
        if (i != 0) {
            fputc('\n', out);
        }
        report_device(&server->devices[i], out);
    }
}

/* ---- the loop's ---- */

static void signalled(struct vdev_host_watch *watch)
{
    struct server *server = (struct server *)((char *)watch - offsetof(struct server, signals));
    struct signalfd_siginfo signal;

    if (read(watch->descriptor, &signal, sizeof signal) != sizeof signal) {
        return;
    }
    if (signal.ssi_signo == SIGWINCH) {
        for (size_t i = 0; i < server->device_count; i++) {
            if (server->devices[i].operations->resized != NULL) {
                server->devices[i].operations->resized(&server->devices[i]);
            }
        }
    } else {
        log_line(VDEV_HOST_LOG_INFO, "%s: ending",
                 signal.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
        loop_stop(&server->loop);
    }
}

/* Back-ends that have left off at their bound of work go on. */
static bool turned(void *context)
{
    struct server *server = context;
    bool again = false;

    for (size_t i = 0; i < server->device_count; i++) {
        again |= vdev_virtio_device_poll(server->devices[i].virtio);
    }
    return again;
}

static void drain(void *context)
{
    struct device *device = context;

    if (device->operations->drain != NULL) {
        device->operations->drain(device);
    }
}

/* ---- set-up ---- */

static bool add_folder(struct server *server, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder =
        slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));

    if (folder == NULL) {
        return false;
    }
    server->folders[server->folder_count++] = folder;
    return true;
}

static int fail_system(struct vdev_host_error *error, const char *what, int number)
{
    snprintf(error->text, sizeof error->text, "%s: %s", what, strerror(number));
    return -1;
}

/* Is this descriptor a UNIX socket that somebody listens at? */
static int check_listening(int descriptor, struct vdev_host_error *error)
{
    int domain = 0;
    int listens = 0;
    socklen_t length = sizeof domain;

    if (getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0 ||
        getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) != 0 ||
        domain != AF_UNIX || listens == 0) {
        snprintf(error->text, sizeof error->text, "descriptor %d: is no UNIX socket that listens",
                 descriptor);
        return -1;
    }
    return 0;
}

/* Where a device listens; -2: nowhere, which is a mistake of the caller's. */
static int find_listening(const struct device_options *options, int *inherited, int inherited_end,
                          struct vdev_host_error *error)
{
    if (options->socket != NULL) {
        return -1;
    }
    int descriptor = options->fd >= 0             ? (int)options->fd
                     : *inherited < inherited_end ? (*inherited)++
                                                  : -2;
    if (descriptor == -2) {
        snprintf(error->text, sizeof error->text,
                 "serve %s: --socket: is missing (see vdev serve %s --help)",
                 device_names[options->kind], device_names[options->kind]);
    } else if (check_listening(descriptor, error) != 0) {
        return -3;
    }
    return descriptor;
}

/* Nobody goes without a disk because counters cannot be asked for. */
static void open_control(struct server *server, const char *socket,
                         void (*report)(void *context, FILE *out), void *context)
{
    struct vdev_host_error error;

    if (control_open(&server->controls[server->control_count], &server->loop, socket, report,
                     context, &error) == 0) {
        server->control_count++;
    } else {
        log_line(VDEV_HOST_LOG_INFO, "no counters: %s", error.text);
    }
}

static int open_device(struct server *server, const struct device_options *options, int listening,
                       struct vdev_host_error *error)
{
    struct device *device = &server->devices[server->device_count];
    const char *remove = NULL;

    device->options = options;
    device->loop = &server->loop;
    device->operations = kinds[options->kind];
    if (device->operations->open(device, &remove, error) != 0) {
        return -1;
    }
    server->device_count++;
    if (vdev_host_vhost_user_init(&device->server,
                                  &(struct vdev_host_vhost_user_configuration){
                                      .loop = &server->loop.host,
                                      .device = device->virtio,
                                      .memory = &device->memory,
                                      .path = options->socket,
                                      .listening = listening,
                                      .drain = drain,
                                      .log = log_from_library,
                                      .context = device,
                                  },
                                  error) != 0) {
        return -1;
    }
    device->serves = true;
    if (remove != NULL && !add_folder(server, remove)) {
        return fail_system(error, remove, ENOMEM);
    }
    if (options->socket != NULL) {
        if (!add_folder(server, options->socket)) {
            return fail_system(error, options->socket, ENOMEM);
        }
        open_control(server, options->socket, report_device, device);
    }
    return 0;
}

static int open_signals(struct server *server, struct vdev_host_error *error)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGWINCH);
    int descriptor = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (descriptor < 0 || sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return fail_system(error, "signals", errno);
    }
    server->signals = (struct vdev_host_watch){
        .descriptor = descriptor,
        .reads = true,
        .ready = signalled,
    };
    int status = server->loop.host.watch(&server->loop.host, &server->signals);
    return status == 0 ? 0 : fail_system(error, "signals", -status);
}

static int set_up_process(struct server *server, struct vdev_host_error *error)
{
    struct rlimit files;

    int status = loop_init(&server->loop);
    if (status != 0) {
        return fail_system(error, "epoll", -status);
    }
    status = vdev_host_survive_shrinking();
    if (status != 0) {
        return fail_system(error, "signals", -status);
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        rlim_t wanted = 64 + server->options.device_count * DESCRIPTORS_PER_DEVICE;
        if (files.rlim_cur < wanted) {
            files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
            setrlimit(RLIMIT_NOFILE, &files);
        }
    }
    server->loop.poll_nanoseconds = (uint64_t)server->options.poll_us * 1000;
    server->loop.turned = turned;
    server->loop.context = server;
    if (open_signals(server, error) != 0) {
        return -1;
    }
    return ready_open(&server->ready, server->options.ready_fd, error);
}

static void log_sandbox(void *context, const char *line)
{
    (void)context;
    log_line(VDEV_HOST_LOG_INFO, "sandbox: %s", line);
}

static int confine(struct server *server, struct vdev_host_error *error)
{
    return sandbox_enter(
        &(struct sandbox_configuration){
            .mode = server->options.sandbox,
            .user = server->options.user,
            .folders = (const char *const *)server->folders,
            .folder_count = server->folder_count,
            .log = log_sandbox,
        },
        error);
}

/* Everything that can fail. An exit code, or -1: all is well. */
static int set_up(struct server *server, struct vdev_host_error *error)
{
    int inherited = READY_FIRST_INHERITED;
    int end = inherited + ready_inherited();

    if (set_up_process(server, error) != 0) {
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < server->options.device_count; i++) {
        const struct device_options *options = &server->options.devices[i];
        int listening = find_listening(options, &inherited, end, error);
        if (listening < -1) {
            return listening == -2 ? EXIT_USAGE : EXIT_FAILURE;
        }
        if (open_device(server, options, listening, error) != 0) {
            return EXIT_FAILURE;
        }
    }
    open_control(server, NULL, report_all, server);
    return confine(server, error) == 0 ? -1 : EXIT_FAILURE;
}

/* What is in flight is finished first, for the guest is still there. */
static void tear_down(struct server *server)
{
    for (size_t i = 0; i < server->control_count; i++) {
        control_close(&server->controls[i]);
    }
    for (size_t i = 0; i < server->device_count; i++) {
        struct device *device = &server->devices[i];
        if (device->serves) {
            vdev_host_vhost_user_stop(&device->server);
        }
        device->operations->close(device);
    }
    for (size_t i = 0; i < server->folder_count; i++) {
        free(server->folders[i]);
    }
}

int serve(int count, char **arguments)
{
    struct server *server = calloc(1, sizeof *server);
    struct vdev_host_error error = {""};

    if (server == NULL) {
        log_line(VDEV_HOST_LOG_ERROR, "no memory");
        return EXIT_FAILURE;
    }
    int code = options_read(&server->options, count, arguments);
    if (code < 0 && server->options.log != NULL && !log_set_level(server->options.log)) {
        fprintf(stderr, "vdev: serve: --log: %s: not error, info or debug\n", server->options.log);
        code = EXIT_USAGE;
    }
    if (code >= 0) {
        free(server);
        return code;
    }
    code = set_up(server, &error);
    if (code >= 0) {
        log_line(VDEV_HOST_LOG_ERROR, "%s", error.text);
    } else {
        for (size_t i = 0; i < server->device_count; i++) {
            log_line(VDEV_HOST_LOG_INFO, "%s: %s: listening", server->devices[i].server.name,
                     device_names[server->devices[i].options->kind]);
        }
        ready_say(&server->ready);
        loop_run(&server->loop);
        ready_say_stopping(&server->ready);
        code = EXIT_SUCCESS;
    }
    tear_down(server);
    free(server);
    return code;
}
