/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our block front-end, by vhost-user, against a device that others wrote: qemu-storage-daemon's.
 * What is written through it is looked for in the image itself, and the other way round. Skipped
 * where there is no qemu-storage-daemon.
 */
#include "support/vhost_user_daemon.h"

#define PROGRAM "qemu-storage-daemon"
#define SKIPPED 77

static void run_daemon(void)
{
    char blockdev[160], export[200];

    snprintf(blockdev, sizeof blockdev, "driver=file,node-name=f,filename=%s", image);
    snprintf(export, sizeof export,
             "type=vhost-user-blk,id=e,node-name=f,writable=on,addr.type=unix,addr.path=%s", path);
    execlp(PROGRAM, PROGRAM, "--blockdev", blockdev, "--export", export, (char *)NULL);
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
