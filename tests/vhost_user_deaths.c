/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `vdev serve block` killed a hundred times with requests in flight, under our own front-end: the
 * next process takes up what the last one had, each request completes once, and the image holds
 * what was written. The points are seeded; what the process has come to when it dies is the
 * machine's affair.
 */
#include "support/vhost_user_daemon.h"

#define DEATHS 100u
#define PART   (SECTORS / DEPTH) /* each slot has its own sectors */

static bool going_on;
static unsigned completions, lost_ground;
static struct {
    uint32_t sector, bytes;
    bool write;
} about[DEPTH];

static void run_daemon(void)
{
    execl(VDEV, VDEV, "serve", "block", "--socket", path, "--image", image, "--log", "error",
          (char *)NULL);
}

static void next(unsigned slot);

static void one_done(struct vdev_block_request *request, int status)
{
    struct asked *done = request->owner;
    unsigned slot = (unsigned)(done - asked);
    const uint8_t *bytes = (const uint8_t *)data.pointer + slot * ROOM;

    complete(request, status);
    completions++;
    ck_assert_uint_eq(done->completed, 1);
    ck_assert_int_eq(status, VDEV_OK);
    if (!about[slot].write) {
        ck_assert_mem_eq(bytes, expected + about[slot].sector * VDEV_SECTOR_SIZE,
                         about[slot].bytes);
    }
    if (going_on) {
        next(slot);
    }
}

static void next(unsigned slot)
{
    uint32_t sectors = 1 + random_below(32);
    uint8_t *bytes = (uint8_t *)data.pointer + slot * ROOM;

    about[slot].bytes = sectors * VDEV_SECTOR_SIZE;
    about[slot].sector = slot * PART + random_below(PART - sectors);
    about[slot].write = random_below(4) != 0;
    if (about[slot].write) {
        memset(bytes, (int)random_below(256), about[slot].bytes);
        memcpy(bytes, &completions, sizeof completions);
        memcpy(expected + about[slot].sector * VDEV_SECTOR_SIZE, bytes, about[slot].bytes);
    } else {
        memset(bytes, 0xee, about[slot].bytes);
    }
    ask_for(slot, about[slot].write ? VDEV_BLOCK_WRITE : VDEV_BLOCK_READ, about[slot].sector,
            about[slot].bytes, one_done);
}

static void go_on_until(unsigned count)
{
    while (completions < count || (!going_on && in_flight != 0)) {
        enum vdev_host_vhost_user_event event =
            vdev_host_vhost_user_client_wait(&client, 10 * SECOND);
        ck_assert_int_eq(event, VDEV_HOST_VHOST_USER_CALLED);
        while (vdev_block_poll(&frontend.block)) {
        }
    }
}

START_TEST(killed_a_hundred_times)
{
    struct vdev_host_error error;

    open_device(0);
    ck_assert(
        vdev_vhost_user_driver_has(&client.driver, VDEV_VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD));
    going_on = true;
    for (unsigned slot = 0; slot < DEPTH; slot++) {
        next(slot);
    }
    for (unsigned death = 0; death < DEATHS; death++) {
        go_on_until(completions + random_below(200));
        end_daemon(SIGKILL);
        lost_ground += in_flight;
        ck_assert_uint_eq(in_flight, DEPTH);
        start_daemon();
        for (unsigned i = 0; vdev_host_vhost_user_client_reconnect(&client, &error) != 0; i++) {
            ck_assert_msg(i < 200, "%s", error.text);
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        }
        /* What was done and not told of is told of now. */
        while (vdev_block_poll(&frontend.block)) {
        }
    }
    going_on = false;
    go_on_until(completions);
    ck_assert_uint_eq(client.driver.reconnections, DEATHS);
    ck_assert_uint_eq(lost_ground, DEATHS * DEPTH);
    ck_assert_uint_eq(frontend.restarts, 0);
    ck_assert_uint_eq(frontend.malformed, 0);
    flush();
    check_image();
    check_reads();
    close_device();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vhost-user, a device's deaths");
    TCase *tests = tcase_create("vdev serve block");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 110);
    tcase_add_test(tests, killed_a_hundred_times);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
