/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's console at a socket of the host: our front-end, virtio-mmio, our back-end, a terminal,
 * and a client that comes, goes, and does not always read.
 */
#include "support/virtio_machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <vdev/backends/console.h>
#include <vdev/frontends/console.h>
#include <vdev/host/terminal_console.h>

#include "support/epoll_loop.h"

#define QUEUE   8
#define BUFFERS 4
#define BYTES   64

static struct machine machine;
static struct vdev_console_frontend frontend;
static struct vdev_driver_slot receive_slots[QUEUE], transmit_slots[QUEUE];
static struct vdev_console_backend backend;
static struct vdev_buffer buffers[8];
static struct vdev_virtio_mmio_driver mmio_driver;
static struct epoll_loop loop;
static struct vdev_host_terminal *terminal;
static char path[64];

static void settle(void)
{
    bool again = false;

    for (unsigned i = 0; i < 100000; i++) {
        bool moved = epoll_loop_turn(&loop, 0);
        if (machine.level || again) {
            again = vdev_console_poll(&frontend.console);
        } else if (!moved) {
            return;
        }
    }
    ck_abort_msg("no end");
}

static void setup(void)
{
    struct vdev_host_error error;

    machine_init(&machine);
    epoll_loop_init(&loop);
    snprintf(path, sizeof path, "host_console_guest_%ld", (long)getpid());
    terminal = vdev_host_terminal_open(
        &(struct vdev_host_terminal_configuration){.loop = &loop.loop,
                                                   .kind = VDEV_HOST_TERMINAL_SOCKET,
                                                   .path = path,
                                                   .columns = 80,
                                                   .rows = 25},
        &error);
    ck_assert_msg(terminal != NULL, "%s", error.text);
    ck_assert_int_eq(vdev_console_backend_init(&backend,
                                               &(struct vdev_console_backend_configuration){
                                                   .memory = &machine.map,
                                                   .console = vdev_host_terminal_console(terminal),
                                                   .buffers = buffers,
                                                   .buffer_count = 8,
                                                   .queue_size = 64,
                                               }),
                     VDEV_OK);
    machine_connect(&machine, &backend.device);
    ck_assert_int_eq(vdev_virtio_mmio_driver_init(&mmio_driver, &machine.io), VDEV_OK);
    ck_assert_int_eq(
        vdev_console_frontend_init(
            &frontend,
            &(struct vdev_console_frontend_configuration){
                .transport = &mmio_driver.driver,
                .clock = &machine.clock.clock,
                .receive_queue = machine_queue_memory(&machine, QUEUE, 0, receive_slots),
                .transmit_queue = machine_queue_memory(&machine, QUEUE, 0, transmit_slots),
                .queue_size = QUEUE,
                .receive_memory = machine_allocate(&machine, BUFFERS * BYTES, 16),
                .transmit_memory = machine_allocate(&machine, BUFFERS * BYTES, 16),
                .receive_count = BUFFERS,
                .transmit_count = BUFFERS,
                .buffer_size = BYTES,
            }),
        VDEV_OK);
    settle();
}

static void teardown(void)
{
    vdev_host_terminal_close(terminal);
    epoll_loop_end(&loop);
    machine_finish(&machine);
}

static int connect_client(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    strcpy(address.sun_path, path);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    settle();
    return client;
}

static uint8_t byte_of(size_t index)
{
    return (uint8_t)(index * 31 + (index >> 8));
}

/* As much as the guest can say now; what it says goes on from what it has said. */
static size_t guest_says(size_t *said, size_t length)
{
    uint8_t bytes[100];
    size_t taken = 0;

    for (size_t piece = 1; taken < length && piece != 0; taken += piece) {
        piece = length - taken < sizeof bytes ? length - taken : sizeof bytes;
        for (size_t i = 0; i < piece; i++) {
            bytes[i] = byte_of(*said + i);
        }
        piece = vdev_console_write(&frontend.console, bytes, piece);
        *said += piece;
        settle();
    }
    return taken;
}

static void expect_heard(int client, size_t from, size_t to)
{
    uint8_t bytes[1000];

    while (from != to) {
        ssize_t piece = recv(client, bytes, sizeof bytes, 0);
        ck_assert_int_gt(piece, 0);
        for (ssize_t i = 0; i < piece; i++) {
            ck_assert_uint_eq(bytes[i], byte_of(from++));
        }
        settle();
    }
    ck_assert_int_lt(recv(client, bytes, sizeof bytes, 0), 0);
}

START_TEST(a_session_goes_both_ways)
{
    int client = connect_client();
    uint8_t bytes[3000];
    size_t said = 0, got = 0;

    ck_assert_uint_eq(frontend.console.columns, 80);
    ck_assert_uint_eq(guest_says(&said, 5000), 5000);
    expect_heard(client, 0, 5000);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = byte_of(i);
    }
    ck_assert_int_eq(send(client, bytes, sizeof bytes, 0), (ssize_t)sizeof bytes);
    /* More than the guest has buffers for: it comes as they are filled again. */
    for (unsigned idle = 0; idle < 10; idle++) {
        settle();
        size_t piece = vdev_console_read(&frontend.console, bytes, 100);
        for (size_t i = 0; i < piece; i++) {
            ck_assert_uint_eq(bytes[i], byte_of(got + i));
        }
        got += piece;
        idle = piece != 0 ? 0 : idle;
    }
    ck_assert_uint_eq(got, sizeof bytes);
    close(client);
    settle();
}
END_TEST

START_TEST(a_guest_does_not_wait_for_nobody)
{
    size_t said = 0;

    ck_assert_uint_eq(guest_says(&said, 100000), 100000);
    int client = connect_client();
    expect_heard(client, said - VDEV_HOST_TERMINAL_KEPT, said);
    close(client);
    settle();
    ck_assert_uint_eq(guest_says(&said, 100000), 100000);
}
END_TEST

START_TEST(a_guest_waits_for_a_client_that_does_not_read)
{
    int client = connect_client();
    size_t said = 0;

    while (guest_says(&said, 1000) == 1000) {
        ck_assert_uint_lt(said, 5000000);
    }
    if (_i == 0) {
        expect_heard(client, 0, said);
    }
    close(client);
    settle();
    /* It goes on, whether the client has read at last or has left. */
    ck_assert_uint_eq(guest_says(&said, 1000), 1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host_console_guest");
    TCase *tests = tcase_create("guest");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_session_goes_both_ways);
    tcase_add_test(tests, a_guest_does_not_wait_for_nobody);
    tcase_add_loop_test(tests, a_guest_waits_for_a_client_that_does_not_read, 0, 2);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures != 0;
}
