/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls that are left to the tool after its set-up, by libseccomp. An allow list: what
 * is not on it fails with EPERM rather than kills, since a C library's next version may try a new
 * call and fall back to an old one in the midst of a guest's work. What no library tries, and an
 * intruder would, kills.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "sandbox_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#if !defined(VDEV_HAVE_SECCOMP) || SANDBOX_WITH_ADDRESS_SANITIZER

int sandbox_filter(const struct sandbox_configuration *configuration,
                   struct vdev_host_error *missing)
{
    (void)configuration;
    snprintf(missing->text, sizeof missing->text, "no filter of system calls: built %s",
             SANDBOX_WITH_ADDRESS_SANITIZER ? "with AddressSanitizer" : "without libseccomp");
    return -1;
}

#else

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Whatever their arguments are: of descriptors, of the process's own memory and time. */
static const int allowed[] = {
    /* data */
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(preadv),
    SCMP_SYS(pwritev),
    SCMP_SYS(preadv2),
    SCMP_SYS(pwritev2),
    SCMP_SYS(lseek),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(sync_file_range),
    SCMP_SYS(fallocate),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fadvise64),
    SCMP_SYS(fstat),
    SCMP_SYS(fstatfs),
    SCMP_SYS(flock),
    SCMP_SYS(close),
    SCMP_SYS(dup),
    /* connections */
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    /* waiting */
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(eventfd2),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime),
    SCMP_SYS(signalfd4),
    SCMP_SYS(futex),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(sched_yield),
    SCMP_SYS(restart_syscall),
    /* memory */
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(memfd_create),
    /* itself */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrusage),
    SCMP_SYS(times),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* Nothing here has a use for them, nor has a library that it uses. */
static const int deadly[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(ioperm),
    SCMP_SYS(iopl),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setgroups),
    SCMP_SYS(capset),
    SCMP_SYS(personality),
};

/*
 * Terminals are read and set up, but nothing is typed into one (TIOCSTI); a TAP interface's
 * off-loads and queues change with what the guest accepts, but no interface is attached to.
 */
static const unsigned controls[] = {
    TCGETS,     TCSETS,     TCSETSW,      TCSETSF,       TIOCGWINSZ,      TIOCSWINSZ,
    FIONREAD,   FIONBIO,    TUNGETIFF,    TUNSETOFFLOAD, TUNSETVNETHDRSZ, TUNSETQUEUE,
    BLKDISCARD, BLKZEROOUT, BLKGETSIZE64, BLKSSZGET,
};

/* Flags and locks of descriptors; seals of memfds. Not F_SETOWN, which sends signals. */
static const int descriptor_controls[] = {
    F_GETFD, F_SETFD,     F_GETFL,     F_SETFL,     F_DUPFD_CLOEXEC, F_SETLK,
    F_GETLK, F_OFD_SETLK, F_OFD_GETLK, F_ADD_SEALS, F_GET_SEALS,
};

static int add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count && failed == 0; i++) {
        failed = seccomp_rule_add(filter, action, calls[i], 0);
    }
    return failed;
}

/* Only the low 32 bits are what the kernel takes; a library may have extended their sign. */
static int add_number(scmp_filter_ctx filter, int call, unsigned argument, uint32_t number)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                            SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, UINT32_MAX, number));
}

static int add_controls(scmp_filter_ctx filter)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof controls / sizeof controls[0] && failed == 0; i++) {
        failed = add_number(filter, SCMP_SYS(ioctl), 1, controls[i]);
    }
    for (size_t i = 0; i < sizeof descriptor_controls / sizeof(int) && failed == 0; i++) {
        failed = add_number(filter, SCMP_SYS(fcntl), 1, (uint32_t)descriptor_controls[i]);
    }
    const int levels[] = {SOL_SOCKET, IPPROTO_TCP};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0] && failed == 0; i++) {
        failed = add_number(filter, SCMP_SYS(setsockopt), 1, (uint32_t)levels[i]);
    }
    return failed;
}

/* Calls that are for memory that is never executed, for what is open, and for this process. */
static int add_limited(scmp_filter_ctx filter)
{
    const int mapping[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
    int failed = 0;
    for (size_t i = 0; i < sizeof mapping / sizeof mapping[0] && failed == 0; i++) {
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, mapping[i], 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    }
    /* fstat, as some libraries have it. A filter cannot see whether the path is empty indeed: what
     * remains is that files can be looked at, not into. */
    if (failed == 0) {
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
                                  SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
    }
    if (failed == 0) {
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(statx), 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
    }
    /* abort */
    if (failed == 0) {
        failed = add_number(filter, SCMP_SYS(tgkill), 0, (uint32_t)getpid());
    }
    return failed;
}

static int add_configured(scmp_filter_ctx filter, const struct sandbox_configuration *configuration)
{
    int failed = 0;
    if (configuration->folder_count > 0) {
        const int removing[] = {SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(lstat),
                                SCMP_SYS(readlink), SCMP_SYS(readlinkat)};
        failed = add_all(filter, SCMP_ACT_ALLOW, removing, sizeof removing / sizeof removing[0]);
        /* Whether it is still its own, it looks before: lstat, as some libraries have it. */
        if (failed == 0) {
            failed = seccomp_rule_add(
                filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
                SCMP_A3(SCMP_CMP_MASKED_EQ, AT_SYMLINK_NOFOLLOW, AT_SYMLINK_NOFOLLOW));
        }
    }
    if (failed == 0 && configuration->connects_local) {
        failed = add_number(filter, SCMP_SYS(socket), 0, AF_UNIX);
    }
    if (failed == 0 && configuration->connects_port != 0) {
        failed = add_number(filter, SCMP_SYS(socket), 0, AF_INET);
        if (failed == 0) {
            failed = add_number(filter, SCMP_SYS(socket), 0, AF_INET6);
        }
    }
    if (failed == 0 && (configuration->connects_local || configuration->connects_port != 0)) {
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);
    }
    return failed;
}

int sandbox_filter(const struct sandbox_configuration *configuration,
                   struct vdev_host_error *missing)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int failed = filter == NULL ? -ENOMEM : 0;
    if (failed == 0) {
        /* Another architecture's numbers mean other calls. */
        failed = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    }
    if (failed == 0) {
        failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    }
    if (failed == 0) {
        /* A tree, not a list: each call of the data path is compared a few times only. */
        failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    }
    if (failed == 0) {
        failed = add_all(filter, SCMP_ACT_ALLOW, allowed, sizeof allowed / sizeof allowed[0]);
    }
    if (failed == 0) {
        failed = add_all(filter, SCMP_ACT_KILL_PROCESS, deadly, sizeof deadly / sizeof deadly[0]);
    }
    if (failed == 0) {
        failed = add_controls(filter);
    }
    if (failed == 0) {
        failed = add_limited(filter);
    }
    if (failed == 0) {
        failed = add_configured(filter, configuration);
    }
    if (failed == 0) {
        failed = seccomp_load(filter);
    }
    if (filter != NULL) {
        seccomp_release(filter);
    }
    if (failed != 0) {
        snprintf(missing->text, sizeof missing->text, "no filter of system calls: %s",
                 strerror(-failed));
        return -1;
    }
    return 0;
}

#endif
