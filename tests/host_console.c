/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console class on a pseudoterminal, a socket and descriptors: bytes both ways, somebody who
 * comes and goes, and flow control both ways.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <vdev/host/terminal_console.h>
#include <vdev/status.h>

#include "support/epoll_loop.h"

static struct epoll_loop loop;
static struct vdev_host_terminal *terminal;
static unsigned readable, writable, resized, happened[4];
static char path[64];

static void on_readable(void *owner)
{
    (void)owner;
    readable++;
}

static void on_writable(void *owner)
{
    (void)owner;
    writable++;
}

static void on_resized(void *owner)
{
    (void)owner;
    resized++;
}

static void on_event(void *context, enum vdev_host_terminal_event event)
{
    (void)context;
    happened[event]++;
}

static struct vdev_host_terminal *try_open(struct vdev_host_terminal_configuration configuration,
                                           struct vdev_host_error *error)
{
    configuration.loop = &loop.loop;
    configuration.happened = on_event;
    return vdev_host_terminal_open(&configuration, error);
}

static struct vdev_console *start(struct vdev_host_terminal_configuration configuration)
{
    struct vdev_host_error error;

    terminal = try_open(configuration, &error);
    ck_assert_msg(terminal != NULL, "%s", error.text);
    struct vdev_console *console = vdev_host_terminal_console(terminal);
    console->client = (struct vdev_console_client){
        .readable = on_readable, .writable = on_writable, .resized = on_resized};
    return console;
}

static void setup(void)
{
    epoll_loop_init(&loop);
    snprintf(path, sizeof path, "host_console_%ld", (long)getpid());
    unlink(path);
}

static void teardown(void)
{
    vdev_host_terminal_close(terminal);
    epoll_loop_end(&loop);
    ck_assert_int_lt(access(path, F_OK), 0); /* nothing is left */
}

static void put(struct vdev_console *console, const char *text)
{
    ck_assert_uint_eq(vdev_console_write(console, (const uint8_t *)text, strlen(text)),
                      strlen(text));
}

static void expect_input(struct vdev_console *console, const char *text)
{
    uint8_t bytes[100];

    ck_assert_uint_eq(vdev_console_read(console, bytes, sizeof bytes), strlen(text));
    ck_assert_int_eq(memcmp(bytes, text, strlen(text)), 0);
    ck_assert_uint_eq(vdev_console_read(console, bytes, sizeof bytes), 0);
}

static void say(int descriptor, const char *text)
{
    ck_assert_int_eq(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
}

/* All that comes: `wanted` bytes with patience, more with less. */
static size_t hear(int descriptor, char *bytes, size_t room, size_t wanted)
{
    size_t got = 0;
    unsigned idle = 0;

    for (;;) {
        struct pollfd wait = {.fd = descriptor, .events = POLLIN};
        bool more = epoll_loop_turn(&loop, 0);
        if (poll(&wait, 1, more ? 0 : 20) == 1) {
            ssize_t piece = read(descriptor, bytes + got, room - got);
            if (piece <= 0) {
                return got;
            }
            got += (size_t)piece;
        } else if (!more && (got >= wanted || ++idle == 100)) {
            return got;
        }
    }
}

static void expect_output(int descriptor, const char *text)
{
    char bytes[1000];
    size_t length = hear(descriptor, bytes, sizeof bytes, strlen(text));

    ck_assert_msg(length == strlen(text) && memcmp(bytes, text, length) == 0, "%.*s", (int)length,
                  bytes);
}

/* What is written to a terminal arrives at its other side a little later. */
static void wait_for(const unsigned *counter, unsigned value)
{
    for (unsigned i = 0; i < 200 && *counter < value; i++) {
        epoll_loop_turn(&loop, 10);
    }
    ck_assert_uint_eq(*counter, value);
}

/* Nobody asks for turns. */
static void expect_quiet(void)
{
    epoll_loop_run(&loop);
    unsigned turns = loop.turns;
    ck_assert(!epoll_loop_turn(&loop, 20));
    ck_assert_uint_eq(loop.turns, turns);
}

/* Bytes as they come by number, so that what is lost or twice is seen. */
static uint8_t byte_of(size_t index)
{
    return (uint8_t)(index * 31 + (index >> 8));
}

/* ---- pseudoterminal ---- */

static int open_slave(void)
{
    int slave = open(vdev_host_terminal_name(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);

    ck_assert_int_ge(slave, 0);
    return slave;
}

START_TEST(a_pseudoterminal_carries_bytes_as_they_are)
{
    struct vdev_console *console = start((struct vdev_host_terminal_configuration){
        .kind = VDEV_HOST_TERMINAL_PTY, .columns = 100, .rows = 40});
    struct winsize size;
    int slave = open_slave();

    ck_assert_int_eq(strncmp(vdev_host_terminal_name(terminal), "/dev/pts/", 9), 0);
    epoll_loop_run(&loop);
    ck_assert(vdev_host_terminal_is_attended(terminal));
    ck_assert_uint_eq(happened[VDEV_HOST_TERMINAL_ARRIVED], 1);
    put(console, "a\nb\r\x03\x04");
    expect_output(slave, "a\nb\r\x03\x04");
    ck_assert_uint_eq(readable, 0);
    say(slave, "c\r\n\x03\x1a");
    wait_for(&readable, 1);
    expect_input(console, "c\r\n\x03\x1a");
    expect_output(slave, ""); /* no echo */
    ck_assert_int_eq(ioctl(slave, TIOCGWINSZ, &size), 0);
    ck_assert_uint_eq(size.ws_col, 100);
    ck_assert_uint_eq(size.ws_row, 40);
    close(slave);
}
END_TEST

START_TEST(who_opens_a_pseudoterminal_comes_and_goes)
{
    struct vdev_console *console =
        start((struct vdev_host_terminal_configuration){.kind = VDEV_HOST_TERMINAL_PTY});

    for (unsigned i = 1; i <= 3; i++) {
        expect_quiet();
        ck_assert(!vdev_host_terminal_is_attended(terminal));
        put(console, "before");
        int slave = open_slave();
        epoll_loop_run(&loop);
        ck_assert(vdev_host_terminal_is_attended(terminal));
        expect_output(slave, "before");
        put(console, "while");
        expect_output(slave, "while");
        say(slave, "x");
        close(slave);
        wait_for(&readable, i);
        expect_input(console, "x"); /* said before it left */
        wait_for(&happened[VDEV_HOST_TERMINAL_LEFT], i);
        ck_assert(!vdev_host_terminal_is_attended(terminal));
        ck_assert_uint_eq(happened[VDEV_HOST_TERMINAL_ARRIVED], i);
        ck_assert_uint_eq(happened[VDEV_HOST_TERMINAL_LEFT], i);
    }
}
END_TEST

START_TEST(what_is_said_in_passing_is_heard)
{
    struct vdev_console *console =
        start((struct vdev_host_terminal_configuration){.kind = VDEV_HOST_TERMINAL_PTY});
    int slave = open_slave();

    say(slave, "echo > pts");
    close(slave);
    wait_for(&readable, 1);
    expect_input(console, "echo > pts");
    expect_quiet();
    ck_assert(!vdev_host_terminal_is_attended(terminal));
}
END_TEST

START_TEST(a_link_leads_to_the_pseudoterminal_and_goes_with_it)
{
    char target[64] = "";
    struct vdev_host_error error;

    start((struct vdev_host_terminal_configuration){.kind = VDEV_HOST_TERMINAL_PTY, .path = path});
    ck_assert_int_gt(readlink(path, target, sizeof target - 1), 0);
    ck_assert_str_eq(target, vdev_host_terminal_name(terminal));
    vdev_host_terminal_close(terminal);
    ck_assert_int_lt(readlink(path, target, sizeof target), 0);
    /* One that a process left behind that was killed is replaced, ... */
    ck_assert_int_eq(symlink("/dev/pts/999", path), 0);
    start((struct vdev_host_terminal_configuration){.kind = VDEV_HOST_TERMINAL_PTY, .path = path});
    vdev_host_terminal_close(terminal);
    ck_assert_int_lt(access(path, F_OK), 0);
    /* ... and nothing else. */
    ck_assert_int_eq(symlink("/dev/null", path), 0);
    terminal = try_open(
        (struct vdev_host_terminal_configuration){.kind = VDEV_HOST_TERMINAL_PTY, .path = path},
        &error);
    ck_assert_ptr_null(terminal);
    ck_assert_msg(strstr(error.text, "File exists") != NULL, "%s", error.text);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(a_size_that_changes_is_told)
{
    struct vdev_console *console = start((struct vdev_host_terminal_configuration){
        .kind = VDEV_HOST_TERMINAL_PTY, .columns = 80, .rows = 25});
    struct winsize size = {.ws_col = 132, .ws_row = 50};
    int slave = open_slave();

    vdev_host_terminal_look_at_size(terminal);
    ck_assert_uint_eq(resized, 0);
    ck_assert_int_eq(ioctl(slave, TIOCSWINSZ, &size), 0);
    vdev_host_terminal_look_at_size(terminal);
    ck_assert_uint_eq(resized, 1);
    ck_assert_uint_eq(console->columns, 132);
    ck_assert_uint_eq(console->rows, 50);
    close(slave);
}
END_TEST

/* ---- socket ---- */

static struct vdev_console *start_socket(void)
{
    return start(
        (struct vdev_host_terminal_configuration){.kind = VDEV_HOST_TERMINAL_SOCKET, .path = path});
}

static int connect_client(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, path);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    epoll_loop_run(&loop);
    return client;
}

START_TEST(clients_of_a_socket_come_and_go)
{
    struct vdev_console *console = start_socket();

    ck_assert_str_eq(vdev_host_terminal_name(terminal), path);
    for (unsigned i = 1; i <= 3; i++) {
        put(console, "kept");
        expect_quiet();
        int client = connect_client();
        expect_output(client, "kept");
        put(console, "said");
        expect_output(client, "said");
        say(client, "asked");
        epoll_loop_run(&loop);
        ck_assert_uint_eq(readable, 2 * i - 1);
        expect_input(console, "asked");
        say(client, "last");
        close(client);
        epoll_loop_run(&loop);
        expect_input(console, "last");
        epoll_loop_run(&loop);
        ck_assert(!vdev_host_terminal_is_attended(terminal));
        ck_assert_uint_eq(happened[VDEV_HOST_TERMINAL_LEFT], i);
    }
}
END_TEST

START_TEST(a_second_client_is_turned_away)
{
    struct vdev_console *console = start_socket();
    int first = connect_client();
    int second = connect_client();
    char byte;

    ck_assert_int_eq(read(second, &byte, 1), 0);
    close(second);
    put(console, "still here");
    expect_output(first, "still here");
    close(first);
    epoll_loop_run(&loop);
    second = connect_client();
    put(console, "you");
    expect_output(second, "you");
    close(second);
}
END_TEST

START_TEST(without_a_client_the_latest_output_is_kept)
{
    static uint8_t bytes[3 * VDEV_HOST_TERMINAL_KEPT];
    static char got[sizeof bytes];
    struct vdev_console *console = start_socket();
    size_t written = 0;

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = byte_of(i);
    }
    /* In pieces of many lengths; the last time in one that is longer than what is kept. */
    for (size_t piece = 1; _i == 0 && written < sizeof bytes - 5000; piece = piece * 3 % 4999) {
        ck_assert_uint_eq(vdev_console_write(console, bytes + written, piece), piece);
        written += piece;
    }
    if (_i == 1) {
        written = sizeof bytes;
        ck_assert_uint_eq(vdev_console_write(console, bytes, written), written);
    }
    int client = connect_client();
    ck_assert_uint_eq(hear(client, got, sizeof got, VDEV_HOST_TERMINAL_KEPT),
                      VDEV_HOST_TERMINAL_KEPT);
    ck_assert_int_eq(
        memcmp(got, bytes + written - VDEV_HOST_TERMINAL_KEPT, VDEV_HOST_TERMINAL_KEPT), 0);
    close(client);
}
END_TEST

START_TEST(a_client_that_does_not_read_holds_output_back_and_loses_none)
{
    static char got[2000000];
    struct vdev_console *console = start_socket();
    int client = connect_client();
    size_t written = 0;
    uint8_t piece[1000];
    size_t taken;

    do {
        for (size_t i = 0; i < sizeof piece; i++) {
            piece[i] = byte_of(written + i);
        }
        taken = vdev_console_write(console, piece, sizeof piece);
        written += taken;
        epoll_loop_run(&loop);
        ck_assert_uint_lt(written, sizeof got);
    } while (taken == sizeof piece);
    ck_assert_uint_eq(writable, 0);
    expect_quiet();
    ck_assert_uint_eq(hear(client, got, sizeof got, written), written);
    for (size_t i = 0; i < written; i++) {
        ck_assert_int_eq((uint8_t)got[i], byte_of(i));
    }
    ck_assert_uint_eq(writable, 1);
    close(client);
}
END_TEST

START_TEST(output_goes_on_when_a_client_that_did_not_read_leaves)
{
    struct vdev_console *console = start_socket();
    int client = connect_client();
    uint8_t piece[1000] = {0};

    while (vdev_console_write(console, piece, sizeof piece) == sizeof piece) {
        epoll_loop_run(&loop);
    }
    ck_assert_uint_eq(writable, 0);
    close(client);
    if (_i == 1) {
        /* Noticed from inside of the client's own call first. */
        vdev_console_read(console, piece, sizeof piece);
    }
    epoll_loop_run(&loop);
    ck_assert_uint_eq(writable, 1);
    ck_assert_uint_eq(vdev_console_write(console, piece, sizeof piece), sizeof piece);
    expect_quiet();
}
END_TEST

START_TEST(input_that_nobody_takes_stays_with_who_typed_it)
{
    struct vdev_console *console = start_socket();
    int client = connect_client();
    uint8_t bytes[5000];
    size_t said = 0, got = 0;

    fcntl(client, F_SETFL, O_NONBLOCK);
    for (;;) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = byte_of(said + i);
        }
        ssize_t piece = write(client, bytes, sizeof bytes);
        if (piece <= 0) {
            break;
        }
        said += (size_t)piece;
        epoll_loop_run(&loop);
    }
    ck_assert_uint_eq(readable, 1); /* and not again until all was read */
    expect_quiet();
    for (;;) {
        size_t piece = vdev_console_read(console, bytes, 777);
        for (size_t i = 0; i < piece; i++) {
            ck_assert_uint_eq(bytes[i], byte_of(got + i));
        }
        got += piece;
        if (piece == 0) {
            break;
        }
    }
    ck_assert_uint_eq(got, said);
    ck_assert_uint_eq(readable, 1);
    say(client, "y");
    epoll_loop_run(&loop);
    ck_assert_uint_eq(readable, 2);
    expect_input(console, "y");
    close(client);
}
END_TEST

START_TEST(a_path_that_is_taken_is_told_and_a_stale_one_replaced)
{
    struct vdev_host_error error;
    struct vdev_host_terminal_configuration configuration = {.kind = VDEV_HOST_TERMINAL_SOCKET,
                                                             .path = path};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, path);
    ck_assert_int_eq(bind(stale, (struct sockaddr *)&address, sizeof address), 0);
    close(stale);
    start_socket();
    ck_assert_ptr_null(try_open(configuration, &error));
    ck_assert_int_eq(strncmp(error.text, path, strlen(path)), 0);
    ck_assert_ptr_null(strchr(error.text, '\n'));
    int client = connect_client(); /* the first was not disturbed */
    close(client);
    configuration.path = NULL;
    configuration.input = 9999;
    ck_assert_ptr_null(try_open(configuration, &error));
    ck_assert_msg(strstr(error.text, "no socket that listens") != NULL, "%s", error.text);
}
END_TEST

/* ---- descriptors, standard input and output ---- */

START_TEST(two_pipes_are_a_console)
{
    int in[2], out[2];

    ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    struct vdev_console *console = start((struct vdev_host_terminal_configuration){
        .kind = VDEV_HOST_TERMINAL_DESCRIPTORS, .input = in[0], .output = out[1]});
    ck_assert(vdev_host_terminal_is_attended(terminal));
    put(console, "out");
    expect_output(out[0], "out");
    say(in[1], "in");
    close(in[1]);
    epoll_loop_run(&loop);
    expect_input(console, "in");
    ck_assert_uint_eq(happened[VDEV_HOST_TERMINAL_ENDED], 1);
    put(console, "after");
    expect_output(out[0], "after");
    signal(SIGPIPE, SIG_IGN);
    close(out[0]);
    put(console, "to nobody");
    ck_assert_uint_eq(happened[VDEV_HOST_TERMINAL_FAILED], 1);
    put(console, "to nobody");
    expect_quiet();
}
END_TEST

START_TEST(one_socket_is_a_console)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct vdev_console *console = start((struct vdev_host_terminal_configuration){
        .kind = VDEV_HOST_TERMINAL_DESCRIPTORS, .input = pair[0], .output = pair[0]});
    put(console, "out");
    expect_output(pair[1], "out");
    say(pair[1], "in");
    epoll_loop_run(&loop);
    expect_input(console, "in");
    close(pair[1]);
    epoll_loop_run(&loop);
    ck_assert_uint_eq(happened[VDEV_HOST_TERMINAL_ENDED], 1);
    put(console, "to nobody"); /* and no SIGPIPE */
    ck_assert_uint_eq(happened[VDEV_HOST_TERMINAL_FAILED], 1);
}
END_TEST

START_TEST(descriptors_that_are_not_fit_stay_the_callers)
{
    struct vdev_host_error error;
    int ends[2];

    terminal = NULL;
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_ptr_null(try_open(
        (struct vdev_host_terminal_configuration){
            .kind = VDEV_HOST_TERMINAL_DESCRIPTORS, .input = ends[1], .output = ends[1]},
        &error));
    ck_assert_msg(strstr(error.text, "cannot be read") != NULL, "%s", error.text);
    ck_assert_ptr_null(try_open(
        (struct vdev_host_terminal_configuration){
            .kind = VDEV_HOST_TERMINAL_DESCRIPTORS, .input = ends[0], .output = ends[0]},
        &error));
    ck_assert_msg(strstr(error.text, "cannot be written") != NULL, "%s", error.text);
    ck_assert_ptr_null(try_open(
        (struct vdev_host_terminal_configuration){
            .kind = VDEV_HOST_TERMINAL_DESCRIPTORS, .input = 9999, .output = 9999},
        &error));
    ck_assert_msg(strstr(error.text, "is not open") != NULL, "%s", error.text);
    ck_assert_int_eq(close(ends[0]), 0);
    ck_assert_int_eq(close(ends[1]), 0);
}
END_TEST

/* The process's own, for the time of a test, are those of a pseudoterminal. */
START_TEST(standard_input_is_raw_for_a_while)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios before, during, after;
    char name[64];

    ck_assert_int_ge(master, 0);
    ck_assert_int_eq(grantpt(master), 0);
    ck_assert_int_eq(unlockpt(master), 0);
    ck_assert_int_eq(ptsname_r(master, name, sizeof name), 0);
    int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    int former_input = dup(0), former_output = dup(1);
    ck_assert_int_eq(dup2(slave, 0), 0);
    ck_assert_int_eq(dup2(slave, 1), 1);
    ck_assert_int_eq(tcgetattr(slave, &before), 0);
    struct winsize size = {.ws_col = 90, .ws_row = 30};
    ck_assert_int_eq(ioctl(slave, TIOCSWINSZ, &size), 0);

    struct vdev_console *console = start((struct vdev_host_terminal_configuration){
        .kind = VDEV_HOST_TERMINAL_STDIO, .signals = _i == 1, .columns = 10, .rows = 10});
    ck_assert_uint_eq(console->columns, 90); /* its own size, not the one for want of one */
    ck_assert_int_eq(tcgetattr(slave, &during), 0);
    ck_assert_int_eq((during.c_lflag & ISIG) != 0, _i == 1);
    ck_assert_uint_eq(during.c_lflag & (ICANON | ECHO), 0);
    /* Who shares the open file waits as before. */
    ck_assert_int_eq(fcntl(0, F_GETFL) & O_NONBLOCK, 0);
    say(master, "typed\r");
    wait_for(&readable, 1);
    expect_input(console, "typed\r");
    put(console, "shown\n");
    expect_output(master, "shown\n");
    vdev_host_terminal_close(terminal);
    terminal = NULL;

    ck_assert_int_eq(tcgetattr(slave, &after), 0);
    ck_assert_uint_eq(after.c_lflag, before.c_lflag);
    ck_assert_uint_eq(after.c_oflag, before.c_oflag);
    ck_assert_uint_eq(after.c_iflag, before.c_iflag);
    ck_assert_int_eq(dup2(former_input, 0), 0);
    ck_assert_int_eq(dup2(former_output, 1), 1);
    close(former_input);
    close(former_output);
    close(slave);
    close(master);
}
END_TEST

/* A loop by epoll cannot wait for these, and need not. */
START_TEST(standard_input_may_be_a_file_or_nothing)
{
    int former_input = dup(0), former_output = dup(1);
    int file = _i == 0 ? open("/dev/null", O_RDWR | O_CLOEXEC)
                       : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    char text[10] = "";

    if (_i == 1) {
        say(file, "script");
        ck_assert_int_eq(lseek(file, 0, SEEK_SET), 0);
    }
    ck_assert_int_eq(dup2(file, 0), 0);
    ck_assert_int_eq(dup2(file, 1), 1);
    struct vdev_console *console =
        start((struct vdev_host_terminal_configuration){.kind = VDEV_HOST_TERMINAL_STDIO});
    expect_input(console, _i == 0 ? "" : "script");
    ck_assert_uint_eq(happened[VDEV_HOST_TERMINAL_ENDED], 1);
    put(console, "+ out");
    expect_quiet();
    vdev_host_terminal_close(terminal);
    terminal = NULL;
    if (_i == 1) {
        ck_assert_int_eq(pread(file, text, sizeof text, 6), 5);
        ck_assert_str_eq(text, "+ out");
        unlink(path);
    }
    ck_assert_int_eq(dup2(former_input, 0), 0);
    ck_assert_int_eq(dup2(former_output, 1), 1);
    close(former_input);
    close(former_output);
    close(file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host_console");
    TCase *tests = tcase_create("terminal");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_pseudoterminal_carries_bytes_as_they_are);
    tcase_add_test(tests, who_opens_a_pseudoterminal_comes_and_goes);
    tcase_add_test(tests, what_is_said_in_passing_is_heard);
    tcase_add_test(tests, a_link_leads_to_the_pseudoterminal_and_goes_with_it);
    tcase_add_test(tests, a_size_that_changes_is_told);
    tcase_add_test(tests, clients_of_a_socket_come_and_go);
    tcase_add_test(tests, a_second_client_is_turned_away);
    tcase_add_loop_test(tests, without_a_client_the_latest_output_is_kept, 0, 2);
    tcase_add_test(tests, a_client_that_does_not_read_holds_output_back_and_loses_none);
    tcase_add_loop_test(tests, output_goes_on_when_a_client_that_did_not_read_leaves, 0, 2);
    tcase_add_test(tests, input_that_nobody_takes_stays_with_who_typed_it);
    tcase_add_test(tests, a_path_that_is_taken_is_told_and_a_stale_one_replaced);
    tcase_add_test(tests, two_pipes_are_a_console);
    tcase_add_test(tests, one_socket_is_a_console);
    tcase_add_test(tests, descriptors_that_are_not_fit_stay_the_callers);
    tcase_add_loop_test(tests, standard_input_is_raw_for_a_while, 0, 2);
    tcase_add_loop_test(tests, standard_input_may_be_a_file_or_nothing, 0, 2);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures != 0;
}
