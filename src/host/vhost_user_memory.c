/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See vhost_user_memory.h. The list of mappings only grows, and its entries are used again: the
 * handler of SIGBUS may walk it in one thread while another maps.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include <vdev/host/vhost_user.h>

#include "host/vhost_user_memory.h"

struct mapping {
    struct mapping *next; /* final once it is in the list */
    atomic_bool used;
    atomic_uintptr_t start; /* 0: nothing is mapped by this entry */
    uintptr_t length;       /* whole pages */
    uintptr_t page;
    void *pointer; /* what the caller was given: somewhere in the first page */
    volatile int *lost;
};

static _Atomic(struct mapping *) mappings;

/* An entry that nobody uses, or a new one; NULL: no memory. */
static struct mapping *take_entry(void)
{
    for (struct mapping *entry = atomic_load(&mappings); entry != NULL; entry = entry->next) {
        if (!atomic_exchange(&entry->used, true)) {
            return entry;
        }
    }
    struct mapping *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        return NULL;
    }
    atomic_store(&entry->used, true);
    entry->next = atomic_load(&mappings);
    while (!atomic_compare_exchange_weak(&mappings, &entry->next, entry)) {
    }
    return entry;
}

/* The unit in which a file is mapped: of huge pages it is the file system's. 0: cannot be told. */
static uint64_t page_size(int descriptor)
{
    struct statfs about;

    if (fstatfs(descriptor, &about) != 0) {
        return 0;
    }
    if (about.f_type == HUGETLBFS_MAGIC) {
        return (uint64_t)about.f_bsize;
    }
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

void *vdev_host_memory_map(int descriptor, uint64_t offset, uint64_t length, volatile int *lost)
{
    struct stat file;

    /* A device's memory has no length to check against, and may be anything. */
    if (fstat(descriptor, &file) != 0 || !S_ISREG(file.st_mode) || file.st_size < 0 ||
        length == 0 || offset > (uint64_t)file.st_size ||
        length > (uint64_t)file.st_size - offset) {
        return NULL;
    }
    uint64_t page = page_size(descriptor);
    if (page == 0 || (page & (page - 1)) != 0) {
        return NULL;
    }
    /* Neither sum wraps: both are below 2^63 + 2^31. */
    uint64_t within = offset & (page - 1);
    uint64_t whole = (within + length + page - 1) & ~(page - 1);
    if (whole > PTRDIFF_MAX) {
        return NULL;
    }
    struct mapping *entry = take_entry();
    if (entry == NULL) {
        return NULL;
    }
    void *start = mmap(NULL, (size_t)whole, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                       descriptor, (off_t)(offset - within));
    if (start == MAP_FAILED) {
        atomic_store(&entry->used, false);
        return NULL;
    }
    /* A dump of this process is not the place for a guest's memory. */
    madvise(start, (size_t)whole, MADV_DONTDUMP);
    entry->length = (uintptr_t)whole;
    entry->page = (uintptr_t)page;
    entry->pointer = (uint8_t *)start + within;
    entry->lost = lost;
    atomic_store(&entry->start, (uintptr_t)start);
    return entry->pointer;
}

void vdev_host_memory_unmap(void *pointer)
{
    for (struct mapping *entry = atomic_load(&mappings); entry != NULL; entry = entry->next) {
        uintptr_t start = atomic_load(&entry->start);
        if (start != 0 && entry->pointer == pointer) {
            /* No fault can be in there any more when the range is somebody else's. */
            atomic_store(&entry->start, 0);
            munmap((void *)start, entry->length);
            atomic_store(&entry->used, false);
            return;
        }
    }
}

int vdev_host_memory_create(uint64_t length)
{
    if (length == 0 || length > PTRDIFF_MAX) {
        return -1;
    }
    int descriptor = memfd_create("vdev-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0) {
        return -1;
    }
    if (ftruncate(descriptor, (off_t)length) != 0 ||
        fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

/* A mapped page has no file behind it any more. Nothing here that is not a load or a system call:
 * the signal may come in the middle of anything. */
static void page_is_gone(int number, siginfo_t *information, void *context)
{
    uintptr_t address = (uintptr_t)information->si_addr;
    int error = errno;

    (void)context;
    for (struct mapping *entry = atomic_load(&mappings); entry != NULL; entry = entry->next) {
        uintptr_t start = atomic_load(&entry->start);
        if (information->si_code != BUS_ADRERR || start == 0 || address < start ||
            address - start >= entry->length) {
            continue;
        }
        void *page = (void *)(address & ~(entry->page - 1));
        if (mmap(page, entry->page, PROT_READ | PROT_WRITE,
                 MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == page) {
            *entry->lost = 1;
            errno = error;
            return;
        }
    }
    /* Not of a peer's: the same access once more, with nobody to catch it. */
    signal(number, SIG_DFL);
    errno = error;
}

int vdev_host_survive_shrinking(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_sigaction = page_is_gone;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGBUS, &action, NULL) != 0) {
        return -errno;
    }
    /* An interrupt may be a byte into a pipe that the peer has just closed. */
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -errno : 0;
}
