/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tool's confinement (tools/vdev/sandbox.h), from inside: each test enters it in a process of
 * its own and tries what must be refused and what must go on. What this kernel or this build does
 * not have (a filter with AddressSanitizer, Landlock in an old kernel) is left out with words.
 */
#include "vdev_sandbox.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#ifdef VDEV_HAVE_URING
#include <liburing.h>
#endif

static void open_files(void)
{
    enter();
    NEED_REFUSED(open(file, O_RDONLY | O_CLOEXEC), EPERM);
    NEED_REFUSED(open("/dev/null", O_RDWR), EPERM);
    NEED_REFUSED(openat(AT_FDCWD, ".", O_RDONLY), EPERM);
    NEED_REFUSED(syscall(SYS_openat2, AT_FDCWD, file, (uint64_t[3]){0}, sizeof(uint64_t[3])),
                 EPERM);
    NEED_REFUSED(creat("/tmp/vdev-sandbox-new", 0600), EPERM);
    NEED_REFUSED(truncate(file, 0), EPERM);
    NEED_REFUSED(rename(file, "/tmp/vdev-sandbox-new"), EPERM);
    NEED_REFUSED(unlink(file), EPERM);
    NEED_REFUSED(mkdir("/tmp/vdev-sandbox-new", 0700), EPERM);
    NEED_REFUSED(chmod(file, 0777), EPERM);
}

/* The second wall, where the first is missing: Landlock. */
static void open_files_by_landlock(void)
{
    int before = open(file, O_RDONLY);
    NEED(before >= 0);
    enter();
    char byte;
    NEED(pread(before, &byte, 1, 0) == 1);
    NEED_REFUSED(open(file, O_RDONLY), EACCES);
    NEED_REFUSED(creat("/tmp/vdev-sandbox-new", 0600), EACCES);
}

START_TEST(open_after_set_up_is_refused)
{
    if (!without_filter("opening files")) {
        expect(open_files, 0);
    } else if (landlock_expected()) {
        expect(open_files_by_landlock, 0);
    }
}
END_TEST

#ifdef VDEV_HAVE_URING
static int ring_result(struct io_uring *ring)
{
    struct io_uring_cqe *completion;
    NEED(io_uring_submit_and_wait(ring, 1) == 1);
    NEED(io_uring_peek_cqe(ring, &completion) == 0);
    int result = completion->res;
    io_uring_cqe_seen(ring, completion);
    return result;
}

static void use_ring(void)
{
    struct io_uring ring;
    NEED(io_uring_queue_init(8, &ring, 0) == 0);
    int descriptor = open(file, O_RDWR | O_CLOEXEC);
    NEED(descriptor >= 0);
    enter();

    char buffer[4096] = "";
    io_uring_prep_read(io_uring_get_sqe(&ring), descriptor, buffer, sizeof buffer, 0);
    NEED(ring_result(&ring) == (int)sizeof buffer && buffer[4095] == 'x');
    io_uring_prep_write(io_uring_get_sqe(&ring), descriptor, buffer, sizeof buffer, 0);
    NEED(ring_result(&ring) == (int)sizeof buffer);
    io_uring_prep_fsync(io_uring_get_sqe(&ring), descriptor, IORING_FSYNC_DATASYNC);
    NEED(ring_result(&ring) == 0);

    if (!said_no_landlock) {
        io_uring_prep_openat(io_uring_get_sqe(&ring), AT_FDCWD, file, O_RDONLY, 0);
        NEED(ring_result(&ring) == -EACCES);
    }
    struct io_uring another;
    if (!said_no_filter) {
        NEED(io_uring_queue_init(8, &another, 0) == -EPERM);
    }
    io_uring_queue_exit(&ring);
}

START_TEST(io_uring_reads_and_writes_but_opens_nothing)
{
    struct io_uring ring;
    int status = io_uring_queue_init(8, &ring, 0);
    if (status != 0) {
        printf("left out, for there is no io_uring: %s\n", strerror(-status));
        return;
    }
    io_uring_queue_exit(&ring);
    expect(use_ring, 0);
}
END_TEST
#endif

static void execute(void)
{
    char *arguments[] = {"/bin/true", NULL};
    enter();
    execve(arguments[0], arguments, NULL);
}

static void execute_a_descriptor(void)
{
    int descriptor = open("/bin/true", O_RDONLY);
    char *arguments[] = {"/bin/true", NULL};
    enter();
    syscall(SYS_execveat, descriptor, "", arguments, NULL, AT_EMPTY_PATH);
}

static void trace(void)
{
    enter();
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void become_root(void)
{
    enter();
    syscall(SYS_setresuid, 0, 0, 0);
}

START_TEST(what_nothing_here_does_kills)
{
    if (without_filter("starting programs, tracing, becoming root")) {
        return;
    }
    expect(execute, SIGSYS);
    expect(execute_a_descriptor, SIGSYS);
    expect(trace, SIGSYS);
    expect(become_root, SIGSYS);
}
END_TEST

static void make_processes(void)
{
    enter();
    NEED_REFUSED(syscall(SYS_fork), EPERM);
    NEED_REFUSED(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL), EPERM);
    NEED_REFUSED(kill(getppid(), 0), EPERM);
    NEED_REFUSED(syscall(SYS_tgkill, 1, 1, 0), EPERM);
}

START_TEST(processes_are_neither_made_nor_signalled)
{
    if (!without_filter("making processes")) {
        expect(make_processes, 0);
    }
}
END_TEST

static void make_sockets(void)
{
    int bound = socket(AF_UNIX, SOCK_STREAM, 0);
    enter();
    NEED_REFUSED(socket(AF_INET, SOCK_STREAM, 0), EPERM);
    NEED_REFUSED(socket(AF_INET6, SOCK_DGRAM, 0), EPERM);
    NEED_REFUSED(socket(AF_UNIX, SOCK_STREAM, 0), EPERM);
    NEED_REFUSED(socket(AF_NETLINK, SOCK_RAW, 0), EPERM);
    struct sockaddr address = {.sa_family = AF_UNIX};
    NEED_REFUSED(connect(bound, &address, sizeof address), EPERM);
    NEED_REFUSED(bind(bound, &address, sizeof address), EPERM);
}

/* A device that dials again is left the one family it needs. */
static void make_local_sockets(void)
{
    struct sandbox_configuration configuration = {
        .mode = SANDBOX_ON, .log = take_line, .connects_local = true};
    struct vdev_host_error error;
    NEED(sandbox_enter(&configuration, &error) == 0);
    NEED(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
    NEED_REFUSED(socket(AF_INET, SOCK_STREAM, 0), EPERM);
}

START_TEST(sockets_are_refused)
{
    if (!without_filter("making sockets")) {
        expect(make_sockets, 0);
        expect(make_local_sockets, 0);
    }
}
END_TEST

/* A descriptor over a socket, as a memory table's come. */
static int pass(const int ends[2], int descriptor)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    char byte = 'm';
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    NEED(sendmsg(ends[0], &message, MSG_NOSIGNAL) == 1);
    memset(control.bytes, 0, sizeof control.bytes);
    NEED(recvmsg(ends[1], &message, MSG_CMSG_CLOEXEC) == 1);
    header = CMSG_FIRSTHDR(&message);
    NEED(header != NULL && header->cmsg_type == SCM_RIGHTS);
    int passed;
    memcpy(&passed, CMSG_DATA(header), sizeof passed);
    return passed;
}

static void serve(void)
{
    int ends[2];
    int image = open(file, O_RDWR | O_CLOEXEC);
    NEED(image >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    enter();

    /* A driver's memory: made, passed, mapped, unmapped. */
    int memory = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    NEED(memory >= 0 && ftruncate(memory, 1 << 16) == 0);
    NEED(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
    int passed = pass(ends, memory);
    struct stat status;
    NEED(fstat(passed, &status) == 0 && status.st_size == 1 << 16);
    struct statfs about;
    NEED(fstatfs(passed, &about) == 0);
    char *mapped = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, passed, 0);
    NEED(mapped != MAP_FAILED);
    mapped[0] = 'a';
    NEED(mprotect(mapped, 4096, PROT_READ) == 0);
    NEED(munmap(mapped, 1 << 16) == 0 && close(passed) == 0);

    /* An image. */
    char block[512];
    struct iovec vector = {block, sizeof block};
    NEED(preadv(image, &vector, 1, 512) == 512 && block[511] == 'x');
    NEED(pwritev(image, &vector, 1, 512) == 512 && pread(image, block, 512, 0) == 512);
    NEED(fallocate(image, FALLOC_FL_KEEP_SIZE, 0, 4096) == 0 && fdatasync(image) == 0);
    NEED(lseek(image, 0, SEEK_END) == 4096);

    /* Kicks, interrupts, connections. */
    int kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int waiting = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    NEED(kick >= 0 && waiting >= 0);
    NEED(epoll_ctl(waiting, EPOLL_CTL_ADD, kick, &event) == 0);
    NEED(eventfd_write(kick, 1) == 0 && epoll_wait(waiting, &event, 1, 1000) == 1);
    NEED(fcntl(ends[0], F_SETFL, fcntl(ends[0], F_GETFL) | O_NONBLOCK) == 0);
    /* Memory of its own, large enough to be mapped. */
    char *own = malloc(1 << 22);
    NEED(own != NULL);
    memset(own, 1, 1 << 22);
    own = realloc(own, 1 << 23);
    NEED(own != NULL);
    free(own);
    struct timespec now;
    NEED(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
}

START_TEST(what_a_device_does_goes_on)
{
    expect(serve, 0);
}
END_TEST

static void accept_one(void)
{
    struct sockaddr_un_bytes {
        sa_family_t family;
        char path[64];
    } address = {.family = AF_UNIX};
    snprintf(address.path, sizeof address.path, "%s/listening", folder);
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    char link[64];
    snprintf(link, sizeof link, "%s/link", folder);
    unlink(address.path);
    unlink(link);
    NEED(symlink("target", link) == 0);
    NEED(bind(listening, (struct sockaddr *)&address, sizeof address) == 0);
    NEED(listen(listening, 1) == 0);
    NEED(connect(client, (struct sockaddr *)&address, sizeof address) == 0);
    const char *folders[] = {folder};
    struct sandbox_configuration configuration = {
        .mode = SANDBOX_ON, .log = take_line, .folders = folders, .folder_count = 1};
    struct vdev_host_error error;
    NEED(sandbox_enter(&configuration, &error) == 0);
    int accepted = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    NEED(accepted >= 0);
    struct {
        int pid, user, group;
    } peer;
    socklen_t length = sizeof peer;
    NEED(getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0);
    NEED(send(client, "x", 1, MSG_NOSIGNAL) == 1 && close(client) == 0);
    struct stat status;
    NEED(lstat(address.path, &status) == 0 && S_ISSOCK(status.st_mode));
    NEED(unlink(address.path) == 0);
    char target[6];
    NEED(readlink(link, target, sizeof target) == 6 && memcmp(target, "target", 6) == 0);
    NEED(unlink(link) == 0);
    if (!said_no_landlock) {
        NEED_REFUSED(unlink("/tmp/vdev-sandbox-elsewhere"), EACCES);
    }
}

START_TEST(connections_are_accepted_and_the_socket_removed)
{
    int elsewhere = open("/tmp/vdev-sandbox-elsewhere", O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
    ck_assert_int_ge(elsewhere, 0);
    ck_assert_int_eq(fchmod(elsewhere, 0666), 0);
    close(elsewhere);
    expect(accept_one, 0);
    unlink("/tmp/vdev-sandbox-elsewhere");
}
END_TEST

static void execute_memory(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(page != MAP_FAILED);
    enter();
    NEED_REFUSED(mprotect(page, 4096, PROT_READ | PROT_EXEC), EPERM);
    void *another = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(another == MAP_FAILED && errno == EPERM);
    NEED_REFUSED(syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, ""), EPERM);
    NEED_REFUSED(fcntl(0, F_SETOWN, 1), EPERM);
}

START_TEST(memory_is_never_executed)
{
    if (!without_filter("memory to be executed")) {
        expect(execute_memory, 0);
    }
}
END_TEST

static void give_up(void)
{
    enter();
    abort();
}

/* Rather than to go on, or to loop, where the signal cannot be sent. */
START_TEST(abort_still_ends_it)
{
    expect(give_up, SIGABRT);
}
END_TEST

int main(void)
{
    if (!make_file()) {
        return 2;
    }
    Suite *suite = suite_create("vdev_sandbox");
    TCase *tests = tcase_create("sandbox");
    tcase_add_test(tests, open_after_set_up_is_refused);
#ifdef VDEV_HAVE_URING
    tcase_add_test(tests, io_uring_reads_and_writes_but_opens_nothing);
#else
    printf("left out, for there was no liburing: io_uring\n");
#endif
    tcase_add_test(tests, what_nothing_here_does_kills);
    tcase_add_test(tests, processes_are_neither_made_nor_signalled);
    tcase_add_test(tests, sockets_are_refused);
    tcase_add_test(tests, what_a_device_does_goes_on);
    tcase_add_test(tests, connections_are_accepted_and_the_socket_removed);
    tcase_add_test(tests, memory_is_never_executed);
    tcase_add_test(tests, abort_still_ends_it);
    return run(suite, tests);
}
