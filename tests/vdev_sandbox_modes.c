/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The modes of the tool's confinement, and whom it becomes: what is missing is said or an error,
 * what is off is given up, ids and capabilities are gone.
 */
#include "vdev_sandbox.h"

#include <sys/socket.h>

START_TEST(ids_capabilities_and_new_privileges_are_gone)
{
    if (!changes_ids()) {
        printf("left out, for this is not root: the ids\n");
    }
    expect(look_at_itself, 0);
}
END_TEST

/* A folder of /proc of a process that cannot be dumped is root's, not the process's. */
START_TEST(another_of_the_same_user_cannot_look_in)
{
    if (!changes_ids() || SANDBOX_WITH_ADDRESS_SANITIZER) {
        printf("left out, for this is not root, or AddressSanitizer: who owns /proc/self\n");
        return;
    }
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    char byte = 'x';
    if (child == 0) {
        report = ends[1];
        enter();
        _exit(write(ends[1], &byte, 1) == 1 && read(ends[1], &byte, 1) == 1 ? 0 : 1);
    }
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)child);
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 'x');
    int failed = stat(path, &status);
    ck_assert_int_eq(write(ends[0], &byte, 1), 1);
    int ended;
    waitpid(child, &ended, 0);
    ck_assert_int_eq(failed, 0);
    ck_assert_int_eq((int)status.st_uid, 0);
    ck_assert_int_eq(ended, 0);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static void be_strict(void)
{
    struct sandbox_configuration configuration = {.mode = SANDBOX_STRICT, .log = take_line};
    struct vdev_host_error error = {""};
    bool whole = filter_expected() && landlock_expected() && (geteuid() != 0 || changes_ids());
    int status = sandbox_enter(&configuration, &error);
    if (whole) {
        NEED(status == 0);
    } else {
        NEED(status == -1 && strncmp(error.text, "--sandbox=strict: ", 18) == 0);
    }
}

static void say_what_is_missing(void)
{
    bool filter = filter_expected();
    bool landlock = landlock_expected();
    bool root = geteuid() == 0 && !changes_ids();
    enter();
    NEED((strstr(said, "still root") != NULL) == root);
    NEED(said_no_filter == !filter);
    NEED(said_no_landlock == !landlock);
    NEED(!filter || !landlock || root || said[0] == '\0' || strstr(said, "network") != NULL);
}

START_TEST(what_is_missing_is_said_or_an_error)
{
    expect(say_what_is_missing, 0);
    expect(be_strict, 0);
}
END_TEST

static void stay_outside(void)
{
    uid_t user = geteuid();
    struct sandbox_configuration configuration = {.mode = SANDBOX_OFF, .log = take_line};
    struct vdev_host_error error;
    NEED(sandbox_enter(&configuration, &error) == 0);
    NEED(strcmp(said, sandbox_off_text) == 0);
    NEED(geteuid() == user && open(file, O_RDONLY) >= 0);
}

/* One user is changed to even so, for it was asked for. */
static void stay_outside_as_nobody(void)
{
    struct sandbox_configuration configuration = {.mode = SANDBOX_OFF, .user = "nobody"};
    struct vdev_host_error error;
    NEED(sandbox_enter(&configuration, &error) == 0);
    NEED(geteuid() != 0 && getuid() != 0 && setuid(0) == -1);
}

static void be_unknown(void)
{
    const enum sandbox_mode modes[] = {SANDBOX_ON, SANDBOX_OFF, SANDBOX_STRICT};
    for (size_t i = 0; i < 3; i++) {
        struct sandbox_configuration configuration = {.mode = modes[i], .user = "no-such-user"};
        struct vdev_host_error error = {""};
        NEED(sandbox_enter(&configuration, &error) == -1);
        NEED(strcmp(error.text, "--user no-such-user: no such user") == 0);
    }
}

static void become_another_without_root(void)
{
    NEED(setresuid(1, 1, 1) == 0);
    struct sandbox_configuration configuration = {.mode = SANDBOX_ON, .user = "nobody"};
    struct vdev_host_error error = {""};
    NEED(sandbox_enter(&configuration, &error) == -1);
    NEED(strcmp(error.text, "--user nobody: only root may become another") == 0);
}

static void enter_without_root(void)
{
    NEED(setresuid(1, 1, 1) == 0);
    look_at_itself();
    NEED(geteuid() == 1);
}

START_TEST(off_gives_up_all_but_a_named_user)
{
    expect(stay_outside, 0);
    if (changes_ids()) {
        expect(stay_outside_as_nobody, 0);
    }
}
END_TEST

START_TEST(users_are_looked_up_and_become_only_by_root)
{
    expect(be_unknown, 0);
    if (changes_ids()) {
        expect(become_another_without_root, 0);
        expect(enter_without_root, 0);
    }
}
END_TEST

static void name_a_missing_folder(void)
{
    const char *folders[] = {"/no/such/folder"};
    struct sandbox_configuration configuration = {
        .mode = SANDBOX_ON, .folders = folders, .folder_count = 1};
    struct vdev_host_error error = {""};
    NEED(sandbox_enter(&configuration, &error) == -1);
    NEED(strstr(error.text, "/no/such/folder: No such file") == error.text);
}

START_TEST(a_missing_folder_is_an_error)
{
    if (landlock_expected()) {
        expect(name_a_missing_folder, 0);
    }
}
END_TEST

START_TEST(modes_have_names)
{
    enum sandbox_mode mode = SANDBOX_STRICT;
    ck_assert(sandbox_mode_parse("on", &mode));
    ck_assert_int_eq(mode, SANDBOX_ON);
    ck_assert(sandbox_mode_parse("off", &mode));
    ck_assert_int_eq(mode, SANDBOX_OFF);
    ck_assert(sandbox_mode_parse("strict", &mode));
    ck_assert_int_eq(mode, SANDBOX_STRICT);
    ck_assert(!sandbox_mode_parse("", &mode));
    ck_assert(!sandbox_mode_parse("maybe", &mode));
}
END_TEST

int main(void)
{
    if (!make_file()) {
        return 2;
    }
    Suite *suite = suite_create("vdev_sandbox_modes");
    TCase *tests = tcase_create("modes");
    tcase_add_test(tests, ids_capabilities_and_new_privileges_are_gone);
    tcase_add_test(tests, another_of_the_same_user_cannot_look_in);
    tcase_add_test(tests, what_is_missing_is_said_or_an_error);
    tcase_add_test(tests, off_gives_up_all_but_a_named_user);
    tcase_add_test(tests, users_are_looked_up_and_become_only_by_root);
    tcase_add_test(tests, a_missing_folder_is_an_error);
    tcase_add_test(tests, modes_have_names);
    return run(suite, tests);
}
