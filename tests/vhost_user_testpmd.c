/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our net front-end, by vhost-user, against a device that others wrote: DPDK's net_vhost, behind
 * which testpmd sends each frame back as it is. Each has its number and bytes that follow from it;
 * all of them are to come back, whole and in order. Skipped where there is no dpdk-testpmd.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include <vdev/frontends/layout.h>
#include <vdev/frontends/net.h>
#include <vdev/host/vhost_user_client.h>
#include <vdev/status.h>
#include <vdev/virtio.h>

#define PROGRAM "dpdk-testpmd"
#define SKIPPED 77

#define SECOND     1000000000ull
#define QUEUE_SIZE 256u
#define WINDOW     64u /* frames under way: fewer than receive buffers, so that none is dropped */
#define LONGEST    (VDEV_NET_HEADER_BYTES + VDEV_NET_MTU)
#define ROOM       2048u
#define MEMORY     (4u << 20)

static char folder[64], path[80], log_path[80];
static pid_t daemon_pid;
static int daemon_input; /* it ends when this is closed */

static struct vdev_host_vhost_user_client client;
static struct vdev_net_frontend frontend;
static struct vdev_clock host_clock;
static uint64_t own[8192];
static struct vdev_buffer data; /* WINDOW * ROOM bytes */

/* What is being sent: `count` frames, of lengths that go from `shortest` to `longest`. */
static uint32_t count, shortest, longest, sent, completed;
static struct outgoing {
    struct vdev_net_frame frame;
    struct vdev_buffer buffer;
    bool busy;
} outgoing[WINDOW];

static uint8_t room_bytes[ROOM];
static const struct vdev_buffer room_buffer = {room_bytes, sizeof room_bytes, VDEV_NO_BUS_ADDRESS};
static uint32_t received, accepted_length;

/* ---- the other process ---- */

static int first_processor(void)
{
    cpu_set_t allowed;

    ck_assert_int_eq(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &allowed)) {
            return i;
        }
    }
    ck_abort_msg("no processor");
}

static void run_daemon(int input)
{
    char device[120], lcores[64];

    snprintf(device, sizeof device, "net_vhost0,iface=%s,queues=1", path);
    snprintf(lcores, sizeof lcores, "0@%d,1@%d", first_processor(), first_processor());
    setenv("XDG_RUNTIME_DIR", folder, 1);
    dup2(input, STDIN_FILENO);
    if (freopen(log_path, "w", stdout) == NULL || dup2(STDOUT_FILENO, STDERR_FILENO) < 0) {
        return;
    }
    execlp(PROGRAM, PROGRAM, "--no-huge", "-m", "128", "--no-pci", "--no-shconf", "--no-telemetry",
           "--iova-mode=va", "--lcores", lcores, "--vdev", device, "--", "--forward-mode=io",
           "--port-topology=loop", "--auto-start", "--total-num-mbufs=4096", "--no-mlockall",
           (char *)NULL);
}

static void start_daemon(void)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    daemon_input = ends[1];
    daemon_pid = fork();
    ck_assert_int_ge(daemon_pid, 0);
    if (daemon_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* should a check fail before the end */
        close(ends[1]);
        run_daemon(ends[0]);
        _exit(127);
    }
    close(ends[0]);
    for (unsigned i = 0; access(path, F_OK) != 0; i++) {
        ck_assert_uint_lt(i, 2000);
        ck_assert_int_eq(waitpid(daemon_pid, NULL, WNOHANG), 0);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
}

static void end_daemon(void)
{
    if (daemon_pid > 0) {
        kill(daemon_pid, SIGKILL);
        waitpid(daemon_pid, NULL, 0);
        close(daemon_input);
        unlink(path);
    }
    daemon_pid = 0;
}

/* ---- frames ---- */

static uint32_t length_of(uint32_t number)
{
    return shortest + number % (longest - shortest + 1);
}

/* From device to itself, a type for experiments, the number, and bytes that follow from it. */
static void make_frame(uint8_t *bytes, uint32_t number)
{
    uint32_t length = length_of(number), value = number * 2654435761u + 1;

    memset(bytes, 2, 2 * (size_t)VDEV_NET_ADDRESS_BYTES);
    bytes[12] = 0x88;
    bytes[13] = 0xb5;
    memcpy(bytes + VDEV_NET_HEADER_BYTES, &number, sizeof number);
    for (uint32_t i = VDEV_NET_HEADER_BYTES + sizeof number; i < length; i++) {
        value = value * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(value >> 24);
    }
}

static void on_complete(struct vdev_net_frame *frame, int status)
{
    struct outgoing *one = frame->owner;

    ck_assert_int_eq(status, VDEV_OK);
    ck_assert(one->busy);
    one->busy = false;
    completed++;
}

/* Not more under way than the window, there and back. */
static void send_what_is_free(void)
{
    for (uint32_t i = 0; i < WINDOW && sent < count && sent - received < WINDOW; i++) {
        struct outgoing *one = &outgoing[i];
        if (one->busy) {
            continue;
        }
        one->buffer = (struct vdev_buffer){(uint8_t *)data.pointer + (size_t)i * ROOM,
                                           length_of(sent), data.bus_address + (size_t)i * ROOM};
        make_frame(one->buffer.pointer, sent);
        one->frame = (struct vdev_net_frame){
            .buffers = &one->buffer,
            .buffer_count = 1,
            .length = length_of(sent),
            .complete = on_complete,
            .owner = one,
        };
        one->busy = true;
        sent++;
        ck_assert_int_eq(vdev_net_submit(&frontend.net, &one->frame), VDEV_OK);
    }
}

static int on_accept(void *owner, const struct vdev_net_arrival *arrival,
                     struct vdev_net_room *room)
{
    (void)owner;
    ck_assert_uint_le(arrival->length, ROOM);
    accepted_length = arrival->length;
    *room = (struct vdev_net_room){&room_buffer, 1};
    return VDEV_OK;
}

static void on_delivered(void *owner, int status)
{
    static uint8_t expected[ROOM];
    uint32_t number;

    (void)owner;
    ck_assert_int_eq(status, VDEV_OK);
    memcpy(&number, room_bytes + VDEV_NET_HEADER_BYTES, sizeof number);
    ck_assert_uint_eq(number, received);
    ck_assert_uint_eq(accepted_length, length_of(number));
    make_frame(expected, number);
    ck_assert_mem_eq(room_bytes, expected, accepted_length);
    received++;
}

/* ---- the front-end ---- */

static void open_device(bool merge)
{
    struct vdev_host_error error;
    struct vdev_net_frontend_configuration configuration = {
        .transport = &client.driver.driver,
        .clock = &host_clock,
        .queue_size = QUEUE_SIZE,
        .receive_size = merge ? 512 : VDEV_NET_FRONTEND_RECEIVE_BYTES,
        .receive_count = QUEUE_SIZE,
        .merge = merge,
        .transmission_count = WINDOW,
        .piece_count = 3,
        .address = {2, 0, 0, 0, 0, 1},
        .timeout_nanoseconds = 20 * SECOND,
    };
    const struct vdev_host_vhost_user_client_configuration wanted = {
        .path = path,
        .id = VDEV_VIRTIO_ID_NET,
        .memory = MEMORY,
        .queue_count = 2,
        .queue_size_maximum = QUEUE_SIZE,
        .timeout_nanoseconds = 10 * SECOND,
    };

    for (unsigned i = 0; vdev_host_vhost_user_client_open(&client, &wanted, &error) != 0; i++) {
        ck_assert_msg(i < 200, "%s", error.text);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    struct vdev_frontend_memory memory = {
        .shared = vdev_host_vhost_user_client_memory(&client),
        .own = {own, sizeof own, 0},
    };
    data = vdev_frontend_take(&memory.shared, (size_t)WINDOW * ROOM);
    ck_assert_ptr_nonnull(data.pointer);
    ck_assert_int_eq(vdev_net_frontend_lay_out(&configuration, &memory), VDEV_OK);
    int status = vdev_net_frontend_init(&frontend, &configuration);
    ck_assert_msg(status == VDEV_OK, "%s: %s", vdev_status_name(status),
                  client.driver.failed_reason != NULL ? client.driver.failed_reason : "-");
    frontend.net.client = (struct vdev_net_client){
        .accept = on_accept,
        .delivered = on_delivered,
    };
}

static void close_device(void)
{
    ck_assert_uint_eq(frontend.restarts.all, 0);
    for (unsigned i = 0; i < VDEV_NET_DROP_REASONS; i++) {
        ck_assert_uint_eq(frontend.net.received.dropped[i], 0);
        ck_assert_uint_eq(frontend.net.sent.dropped[i], 0);
    }
    ck_assert_int_eq(vdev_net_frontend_stop(&frontend), VDEV_OK);
    vdev_host_vhost_user_client_close(&client);
}

/* There and back. What is lost stays away for longer than the time. */
static void send_frames(uint32_t how_many, uint32_t from, uint32_t to)
{
    count = how_many;
    shortest = from;
    longest = to;
    sent = completed = received = 0;
    while (completed < count || received < count) {
        send_what_is_free();
        if (!vdev_net_poll(&frontend.net) && completed + received < 2 * sent &&
            (sent == count || sent - received == WINDOW)) {
            enum vdev_host_vhost_user_event event =
                vdev_host_vhost_user_client_wait(&client, 5 * SECOND);
            ck_assert_msg(event == VDEV_HOST_VHOST_USER_CALLED,
                          "event %d; %u sent, %u completed, %u came back", (int)event, sent,
                          completed, received);
        }
    }
    ck_assert_uint_eq(received, count);
}

START_TEST(short_frames_come_back)
{
    open_device(false);
    send_frames(20000, 64, 64);
    close_device();
}
END_TEST

START_TEST(long_frames_come_back)
{
    open_device(false);
    send_frames(20000, 1500, 1500);
    close_device();
}
END_TEST

START_TEST(frames_of_every_length_come_back)
{
    open_device(false);
    send_frames(2 * (LONGEST - 18 + 1), 18, LONGEST);
    close_device();
}
END_TEST

/* Buffers of 512 bytes: up to three for one frame. */
START_TEST(frames_come_back_in_merged_buffers)
{
    open_device(true);
    send_frames(2 * (LONGEST - 18 + 1), 18, LONGEST);
    send_frames(5000, 1500, 1500);
    close_device();
}
END_TEST

START_TEST(comes_back_on_another_connection)
{
    for (unsigned i = 0; i < 5; i++) {
        open_device(i % 2 != 0);
        send_frames(500, 64, 1500);
        close_device();
    }
}
END_TEST

static void setup(void)
{
    const char *top = getenv("TMPDIR");

    host_clock = vdev_host_monotonic_clock();
    snprintf(folder, sizeof folder, "%.40s/vdev-XXXXXX", top != NULL ? top : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    snprintf(log_path, sizeof log_path, "%s/log", folder);
    start_daemon();
}

static void teardown(void)
{
    end_daemon();
    unlink(log_path);
    rmdir(folder);
}

int main(void)
{
    if (system("command -v " PROGRAM " >/dev/null") != 0) {
        printf(PROGRAM " (Debian's dpdk-dev) is not here: nothing is tested\n");
        return SKIPPED;
    }
    Suite *suite = suite_create("vhost-user, DPDK's network device");
    TCase *tests = tcase_create(PROGRAM);
    tcase_add_unchecked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 40);
    tcase_add_test(tests, short_frames_come_back);
    tcase_add_test(tests, long_frames_come_back);
    tcase_add_test(tests, frames_of_every_length_come_back);
    tcase_add_test(tests, frames_come_back_in_merged_buffers);
    tcase_add_test(tests, comes_back_on_another_connection);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
