/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tool's confinement: ids and capabilities, no_new_privs, Landlock. The filter of system calls
 * is next door.
 *
 * Each part holds without the others, and each has a gap that another closes: io_uring's requests
 * pass by a filter of system calls, but not by Landlock; Landlock leaves sockets other than TCP's
 * alone, the filter does not.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "sandbox_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* What the headers of an older kernel lack. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ull << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ull << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ull << 15)
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP    (1ull << 0)
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ull << 1)
#endif
#ifndef LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ull << 0)
#define LANDLOCK_SCOPE_SIGNAL               (1ull << 1)
#endif

/* The kernel's own structures, at their length of today; it is told how much of them it knows. */
struct ruleset {
    uint64_t files;
    uint64_t network;
    uint64_t scoped;
};
struct port_rule {
    uint64_t allowed;
    uint64_t port;
};
enum { RULE_PORT = 2 };

#define NOBODY 65534u

const char sandbox_off_text[] =
    "Without the sandbox the process keeps all that its user may do: who takes it over by a ring "
    "or "
    "a message can read and change that user's files, start programs and connect to anywhere; "
    "started as root, it owns the machine. Good for finding out whether the sandbox is in the way.";

bool sandbox_mode_parse(const char *text, enum sandbox_mode *mode)
{
    static const char *const names[] = {"on", "off", "strict"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *mode = (enum sandbox_mode)i;
            return true;
        }
    }
    return false;
}

__attribute__((format(printf, 2, 3))) static int fail(struct vdev_host_error *error,
                                                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return -1;
}

static void log_line(const struct sandbox_configuration *configuration, const char *line)
{
    if (configuration->log != NULL) {
        configuration->log(configuration->context, line);
    }
}

/* Something is not in force: an error if all was asked for, else a line. */
static int without(const struct sandbox_configuration *configuration,
                   const struct vdev_host_error *missing, struct vdev_host_error *error)
{
    if (configuration->mode == SANDBOX_STRICT) {
        return fail(error, "--sandbox=strict: %.220s", missing->text);
    }
    log_line(configuration, missing->text);
    return 0;
}

/* Whose ids to take; those that it has, where nobody is asked for and it is not root. */
static int find_user(const struct sandbox_configuration *configuration, uid_t *user, gid_t *group,
                     struct vdev_host_error *error)
{
    *user = geteuid();
    *group = getegid();
    bool root = *user == 0;
    const char *name = configuration->user;
    if (name == NULL && (!root || configuration->mode == SANDBOX_OFF)) {
        return 0;
    }
    errno = 0;
    const struct passwd *entry = getpwnam(name != NULL ? name : "nobody");
    if (entry != NULL) {
        *user = entry->pw_uid;
        *group = entry->pw_gid;
    } else if (name != NULL) {
        return fail(error, "--user %.100s: no such user", name);
    } else {
        *user = NOBODY;
        *group = NOBODY;
    }
    if (!root && *user != geteuid()) {
        return fail(error, "--user %.100s: only root may become another", name);
    }
    return 0;
}

/* What root starts could have at most. Who may not empty it needs not: no_new_privs makes it void.
 */
static void empty_bounding_set(void)
{
    for (unsigned long bit = 0; prctl(PR_CAPBSET_READ, bit, 0, 0, 0) >= 0; bit++) {
        (void)prctl(PR_CAPBSET_DROP, bit, 0, 0, 0);
    }
}

static int drop_capabilities(void)
{
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return syscall(SYS_capset, &header, none) == 0 ? 0 : -errno;
}

/*
 * Groups first, for who is no longer root may not. `nobody` may be missing where root is of a user
 * name space; a user that was asked for may not.
 */
static int change_ids(const struct sandbox_configuration *configuration,
                      struct vdev_host_error *error)
{
    uid_t user;
    gid_t group;
    int status = find_user(configuration, &user, &group, error);
    if (status != 0 || (geteuid() != 0 && user == geteuid()) ||
        (configuration->mode == SANDBOX_OFF && configuration->user == NULL)) {
        return status;
    }
    if (setgroups(0, NULL) == 0 && setresgid(group, group, group) == 0 &&
        setresuid(user, user, user) == 0) {
        return 0;
    }
    const char *why = strerror(errno);
    if (configuration->user != NULL) {
        return fail(error, "--user %.100s: cannot become it: %s", configuration->user, why);
    }
    struct vdev_host_error missing;
    fail(&missing, "still root: cannot become nobody: %s", why);
    return without(configuration, &missing, error);
}

/* How new the kernel's Landlock is, as it counts; below 1: it has none. */
static int landlock_version(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/* Everything that this kernel can refuse, so that only what rules allow remains. */
static int landlock_ruleset(int version)
{
    struct ruleset ruleset = {.files = LANDLOCK_ACCESS_FS_REFER - 1};
    size_t length = sizeof ruleset.files;
    if (version >= 2) {
        ruleset.files |= LANDLOCK_ACCESS_FS_REFER;
    }
    if (version >= 3) {
        ruleset.files |= LANDLOCK_ACCESS_FS_TRUNCATE;
    }
    if (version >= 4) {
        ruleset.network = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP;
        length = offsetof(struct ruleset, scoped);
    }
    if (version >= 5) {
        ruleset.files |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    }
    if (version >= 6) {
        ruleset.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
        length = sizeof ruleset;
    }
    return (int)syscall(SYS_landlock_create_ruleset, &ruleset, length, 0);
}

static int allow_beneath(int ruleset, const char *folder, uint64_t access,
                         struct vdev_host_error *error)
{
    int descriptor = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        return fail(error, "%.200s: %s", folder, strerror(errno));
    }
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = descriptor};
    long failed = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    int why = errno;
    close(descriptor);
    return failed == 0 ? 0 : fail(error, "%.200s: Landlock: %s", folder, strerror(why));
}

/*
 * The ruleset's descriptor, made while folders can still be named; -1: there is no Landlock, which
 * was logged; -2 and *error.
 */
static int prepare_landlock(const struct sandbox_configuration *configuration,
                            struct vdev_host_error *error)
{
    struct vdev_host_error missing;
    int version = landlock_version();
    int ruleset = version < 1 ? -1 : landlock_ruleset(version);
    if (ruleset < 0) {
        fail(&missing, "no Landlock: %s", strerror(errno));
        return without(configuration, &missing, error) == 0 ? -1 : -2;
    }
    int status = 0;
    for (size_t i = 0; i < configuration->folder_count && status == 0; i++) {
        status = allow_beneath(ruleset, configuration->folders[i], LANDLOCK_ACCESS_FS_REMOVE_FILE,
                               error);
    }
    if (status == 0 && SANDBOX_WITH_ADDRESS_SANITIZER) {
        /* Where it looks for leaks at the end. */
        status = allow_beneath(ruleset, "/proc",
                               LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR, error);
    }
    if (status == 0 && version < 4) {
        /* Of Landlock what there is: not an error. The filter refuses sockets anyway. */
        log_line(configuration, "the kernel's Landlock knows no network");
    } else if (status == 0 && configuration->connects_port != 0) {
        struct port_rule rule = {LANDLOCK_ACCESS_NET_CONNECT_TCP, configuration->connects_port};
        if (syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0) != 0) {
            status =
                fail(error, "Landlock: port %u: %s", configuration->connects_port, strerror(errno));
        }
    }
    if (status != 0) {
        close(ruleset);
        return -2;
    }
    return ruleset;
}

/* What is left, once the process is who it will be. */
static int restrict_self(const struct sandbox_configuration *configuration, int ruleset,
                         struct vdev_host_error *error)
{
    struct vdev_host_error missing;
    int status = 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        fail(&missing, "no no_new_privs: %s", strerror(errno));
        status = without(configuration, &missing, error);
    }
    /* No core with a guest's memory in it, no debugger of the same user; /proc/self becomes root's,
     * through which nothing here goes. */
    if (status == 0 && prctl(PR_SET_DUMPABLE, SANDBOX_WITH_ADDRESS_SANITIZER, 0, 0, 0) != 0) {
        fail(&missing, "still to be dumped: %s", strerror(errno));
        status = without(configuration, &missing, error);
    }
    if (status == 0 && ruleset >= 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) {
        fail(&missing, "no Landlock: %s", strerror(errno));
        status = without(configuration, &missing, error);
    }
    if (status == 0 && sandbox_filter(configuration, &missing) != 0) {
        status = without(configuration, &missing, error);
    }
    return status;
}

int sandbox_enter(const struct sandbox_configuration *configuration, struct vdev_host_error *error)
{
    if (configuration->mode == SANDBOX_OFF) {
        log_line(configuration, sandbox_off_text);
        return change_ids(configuration, error);
    }
    int ruleset = prepare_landlock(configuration, error);
    int status = ruleset == -2 ? -1 : 0;
    if (status == 0) {
        /* The bounding set can only be emptied by who still has a capability; ids only be changed
         * by who still has others. So it is emptied first, and all are dropped last. */
        empty_bounding_set();
        status = change_ids(configuration, error);
    }
    if (status == 0) {
        int failed = drop_capabilities();
        if (failed != 0) {
            struct vdev_host_error missing;
            fail(&missing, "capabilities kept: %s", strerror(-failed));
            status = without(configuration, &missing, error);
        }
    }
    if (status == 0) {
        status = restrict_self(configuration, ruleset, error);
    }
    if (ruleset >= 0) {
        close(ruleset);
    }
    return status;
}
