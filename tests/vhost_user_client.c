/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The socket under the driver's end of vhost-user, and who may be at its other end: nobody, one who
 * says nothing, one who breaks off, one who sends rubbish or descriptors that nobody asked for. No
 * descriptor is left over, and no wait is longer than it may be.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>

#include <vdev/host/vhost_user_client.h>
#include <vdev/status.h>
#include <vdev/virtio.h>

#define MILLISECOND 1000000ull
#define PATIENCE    (200 * MILLISECOND)

static char folder[64], path[80];
static int listening, connection;
static struct vdev_host_vhost_user_client client;
static struct vdev_host_error error;
static unsigned open_before;

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *entries = opendir("/proc/self/fd");

    ck_assert_ptr_nonnull(entries);
    while (readdir(entries) != NULL) {
        count++;
    }
    closedir(entries);
    return count;
}

static void setup(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strcpy(folder, "/tmp/vdev-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    strcpy(address.sun_path, path);
    listening = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listening, 4), 0);
    connection = -1;
    open_before = open_descriptors();
    error.text[0] = '\0';
}

static void teardown(void)
{
    ck_assert_uint_eq(open_descriptors(), open_before);
    close(listening);
    unlink(path);
    rmdir(folder);
}

static int open_client(void)
{
    return vdev_host_vhost_user_client_open(&client,
                                            &(struct vdev_host_vhost_user_client_configuration){
                                                .path = path,
                                                .id = VDEV_VIRTIO_ID_BLOCK,
                                                .memory = 5000,
                                                .queue_count = 2,
                                                .queue_size_maximum = 16,
                                                .timeout_nanoseconds = PATIENCE,
                                            },
                                            &error);
}

/* ---- who answers, in a thread of its own ---- */

struct answer {
    const void *bytes;
    size_t length;
    unsigned descriptors; /* that come with it */
};

static struct {
    const struct answer *answers; /* to each message one, then the end */
    unsigned count;
} script;

static void send_answer(const struct answer *answer)
{
    union {
        struct cmsghdr aligned;
        char bytes[CMSG_SPACE(16 * sizeof(int))];
    } control;
    struct iovec vector = {(void *)(uintptr_t)answer->bytes, answer->length};
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};

    if (answer->descriptors != 0) {
        memset(&control, 0, sizeof control);
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(answer->descriptors * sizeof(int));
        struct cmsghdr *part = CMSG_FIRSTHDR(&header);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(answer->descriptors * sizeof(int));
        for (unsigned i = 0; i < answer->descriptors; i++) {
            memcpy(CMSG_DATA(part) + i * sizeof(int), &listening, sizeof(int));
        }
    }
    sendmsg(connection, &header, MSG_NOSIGNAL);
}

static void *answerer(void *argument)
{
    char question[1024];

    (void)argument;
    connection = accept(listening, NULL, NULL);
    for (unsigned i = 0; i < script.count; i++) {
        if (read(connection, question, sizeof question) <= 0) {
            break;
        }
        send_answer(&script.answers[i]);
    }
    close(connection);
    return NULL;
}

static int open_against(const struct answer *answers, unsigned count)
{
    pthread_t thread;

    script.answers = answers;
    script.count = count;
    ck_assert_int_eq(pthread_create(&thread, NULL, answerer, NULL), 0);
    int result = open_client();
    pthread_join(thread, NULL);
    return result;
}

static const uint32_t features[5] = {VDEV_VHOST_USER_GET_FEATURES, 5, 8, 0, 1};

START_TEST(nobody_is_there)
{
    close(listening);
    ck_assert_int_eq(open_client(), -1);
    ck_assert_ptr_nonnull(strstr(error.text, path));
    unlink(path);
    ck_assert_int_eq(open_client(), -1);
    ck_assert_ptr_nonnull(strstr(error.text, "No such file"));
    listening = open("/dev/null", O_RDONLY);
}
END_TEST

START_TEST(one_who_says_nothing)
{
    struct vdev_clock now = vdev_host_monotonic_clock();
    uint64_t start = vdev_clock_now(&now);

    ck_assert_int_eq(open_client(), -1); /* it is in the backlog */
    uint64_t took = vdev_clock_now(&now) - start;
    ck_assert_uint_ge(took, PATIENCE);
    ck_assert_uint_lt(took, PATIENCE + 2000 * MILLISECOND);
    ck_assert_ptr_nonnull(strstr(error.text, "GET_FEATURES: no answer in time"));
}
END_TEST

START_TEST(one_who_breaks_off)
{
    for (size_t length = 0; length < sizeof features; length++) {
        ck_assert_int_eq(open_against(&(struct answer){features, length, length & 3}, 1), -1);
        ck_assert_ptr_nonnull(strstr(error.text, "GET_FEATURES: the connection has ended"));
    }
}
END_TEST

START_TEST(one_who_sends_rubbish)
{
    static const uint32_t long_one[5] = {VDEV_VHOST_USER_GET_FEATURES, 5, UINT32_MAX, 0, 1};
    static const uint32_t other[5] = {VDEV_VHOST_USER_GET_STATUS, 5, 8, 0, 1};
    static const struct answer rubbish[] = {
        {long_one, sizeof long_one, 0},  {long_one, sizeof long_one, 8},
        {other, sizeof other, 1},        {features, sizeof features, 1},
        {features, sizeof features, 8},  {features, sizeof features, 9},
        {features, sizeof features, 16},
    };

    for (unsigned i = 0; i < sizeof rubbish / sizeof rubbish[0]; i++) {
        ck_assert_int_eq(open_against(&rubbish[i], 1), -1);
        ck_assert_ptr_nonnull(strstr(error.text, "GET_FEATURES"));
    }
}
END_TEST

START_TEST(one_who_says_enough_and_goes)
{
    const struct answer enough[] = {{features, sizeof features, 0}, {features, 0, 0}};

    /* No protocol features: SET_OWNER is not answered, but heard. */
    ck_assert_int_eq(open_against(enough, 2), 0);
    struct vdev_buffer memory = vdev_host_vhost_user_client_memory(&client);
    ck_assert_uint_eq(memory.length, 8192);
    ck_assert_uint_ne(memory.bus_address, (uintptr_t)memory.pointer);
    /* What the device is given can be made neither shorter nor longer by it. */
    ck_assert_int_ne(ftruncate(client.region.descriptor, 0), 0);
    ck_assert_int_ne(ftruncate(client.region.descriptor, 1 << 20), 0);
    ck_assert_int_eq(vdev_host_vhost_user_client_wait(&client, UINT64_MAX),
                     VDEV_HOST_VHOST_USER_ENDED);
    ck_assert_int_eq(vdev_host_vhost_user_client_wait(&client, 0), VDEV_HOST_VHOST_USER_ENDED);
    vdev_host_vhost_user_client_close(&client);
    vdev_host_vhost_user_client_close(&client);
}
END_TEST

START_TEST(calls_are_taken_once)
{
    const struct answer enough[] = {{features, sizeof features, 0}, {features, 0, 0}};

    ck_assert_int_eq(open_against(enough, 2), 0);
    struct vdev_virtio_driver *transport = &client.driver.driver;
    ck_assert_uint_eq(transport->operations->take_interrupt(transport), 0);
    ck_assert_int_eq(eventfd_write(client.calls[1], 3), 0);
    vdev_host_vhost_user_client_wait(&client, 0);
    ck_assert_uint_eq(transport->operations->take_interrupt(transport),
                      VDEV_VIRTIO_INTERRUPT_QUEUE);
    vdev_host_vhost_user_client_wait(&client, 0);
    ck_assert_uint_eq(transport->operations->take_interrupt(transport), 0);
    /* A kick that fills its eventfd waits for nobody. */
    eventfd_t count;
    ck_assert_int_eq(eventfd_write(client.kicks[0], UINT64_MAX - 1), 0);
    transport->operations->notify(transport, 0);
    ck_assert_int_eq(eventfd_read(client.kicks[0], &count), 0);
    ck_assert_uint_eq(count, UINT64_MAX - 1);
    transport->operations->notify(transport, 0);
    ck_assert_int_eq(eventfd_read(client.kicks[0], &count), 0);
    ck_assert_uint_eq(count, 1);
    vdev_host_vhost_user_client_close(&client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vhost-user, the driver's socket");
    TCase *tests = tcase_create("other ends");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, nobody_is_there);
    tcase_add_test(tests, one_who_says_nothing);
    tcase_add_test(tests, one_who_breaks_off);
    tcase_add_test(tests, one_who_sends_rubbish);
    tcase_add_test(tests, one_who_says_enough_and_goes);
    tcase_add_test(tests, calls_are_taken_once);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
