/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the tool's confinement share: a process that enters it and reports, a file that
 * was there before, what this kernel and this build have.
 */
#ifndef TESTS_VDEV_SANDBOX_H
#define TESTS_VDEV_SANDBOX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "../tools/vdev/sandbox_parts.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/vdev-sandbox-XXXXXX";
static char file[64]; /* in it, with 4 KiB of 'x' */
static int report = -1;
static bool said_no_filter;
static bool said_no_landlock;
static char said[1024];

/* In the child: a wrong turn ends it, with words for the parent. */
#define NEED(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            dprintf(report, "line %d: %s: %s", __LINE__, #condition, strerror(errno));             \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)
#define NEED_REFUSED(call, why) NEED((call) == -1 && errno == (why))

static inline void take_line(void *context, const char *line)
{
    (void)context;
    said_no_filter = said_no_filter || strstr(line, "no filter of system calls") != NULL;
    said_no_landlock = said_no_landlock || strstr(line, "no Landlock") != NULL;
    strncat(said, line, sizeof said - strlen(said) - 1);
}

static inline bool filter_expected(void)
{
#ifdef VDEV_HAVE_SECCOMP
    return SANDBOX_WITH_ADDRESS_SANITIZER == 0 && prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
#else
    return false;
#endif
}

static inline bool landlock_expected(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

/* Root, and not of a user name space where nobody is missing? */
static inline bool changes_ids(void)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        _exit(geteuid() == 0 && setgroups(0, NULL) == 0 && setresgid(65534, 65534, 65534) == 0 &&
                      setresuid(65534, 65534, 65534) == 0
                  ? 0
                  : 1);
    }
    return waitpid(child, &status, 0) == child && status == 0;
}

static inline bool without_filter(const char *what)
{
    if (!filter_expected()) {
        printf("left out, for there is no filter of system calls: %s\n", what);
        return true;
    }
    return false;
}

static inline void enter(void)
{
    struct sandbox_configuration configuration = {.mode = SANDBOX_ON, .log = take_line};
    struct vdev_host_error error = {""};
    if (sandbox_enter(&configuration, &error) != 0) {
        dprintf(report, "%s", error.text);
        _exit(1);
    }
}

/* A child that does this has died so: of itself with 0, unless a signal is expected. */
static inline void expect(void (*body)(void), int signal)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        close(ends[0]);
        report = ends[1];
        body();
        _exit(0);
    }
    close(ends[1]);
    char text[512] = "";
    ssize_t length = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(length == 0, "%s", text);
    if (signal == 0) {
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
    } else {
        ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == signal, "status %x", status);
    }
}

/* The value of a line of /proc/self/status, which was opened before. */
static inline const char *field(const char *status, const char *name)
{
    const char *at = strstr(status, name);
    NEED(at != NULL);
    return at + strlen(name);
}

static inline void look_at_itself(void)
{
    bool becomes = changes_ids();
    int descriptor = open("/proc/self/status", O_RDONLY);
    NEED(descriptor >= 0);
    enter();
    static char status[8192];
    NEED(read(descriptor, status, sizeof status - 1) > 0);

    NEED(strtoull(field(status, "\nNoNewPrivs:"), NULL, 16) == 1);
    NEED(strtoull(field(status, "\nCapPrm:"), NULL, 16) == 0);
    NEED(strtoull(field(status, "\nCapEff:"), NULL, 16) == 0);
    NEED(strtoull(field(status, "\nCapInh:"), NULL, 16) == 0);
    NEED(strtoull(field(status, "\nCapAmb:"), NULL, 16) == 0);
    NEED(said_no_filter || strtoull(field(status, "\nSeccomp:"), NULL, 10) == 2);
    if (becomes) {
        NEED(strtoull(field(status, "\nCapBnd:"), NULL, 16) == 0);
        unsigned long ids[4];
        NEED(sscanf(field(status, "\nUid:"), "%lu %lu %lu %lu", &ids[0], &ids[1], &ids[2],
                    &ids[3]) == 4);
        for (size_t i = 0; i < 4; i++) {
            NEED(ids[i] != 0);
        }
        NEED(sscanf(field(status, "\nGid:"), "%lu %lu %lu %lu", &ids[0], &ids[1], &ids[2],
                    &ids[3]) == 4);
        for (size_t i = 0; i < 4; i++) {
            NEED(ids[i] != 0);
        }
        const char *groups = field(status, "\nGroups:");
        NEED(strspn(groups, " \t") == strcspn(groups, "\n"));
    }
}

/* The folder and the file; false: they cannot be made. */
static inline bool make_file(void)
{
    char block[4096];
    memset(block, 'x', sizeof block);
    if (mkdtemp(folder) == NULL || chmod(folder, 0777) != 0) {
        return false;
    }
    snprintf(file, sizeof file, "%s/image", folder);
    int descriptor = open(file, O_CREAT | O_WRONLY, 0666);
    return write(descriptor, block, sizeof block) == (ssize_t)sizeof block &&
           fchmod(descriptor, 0666) == 0 && close(descriptor) == 0;
}

/* Run them, remove what was made: what the program is to exit with. */
static inline int run(Suite *suite, TCase *tests)
{
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    unlink(file);
    rmdir(folder);
    return failed == 0 ? 0 : 1;
}

#endif
