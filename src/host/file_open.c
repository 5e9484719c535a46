/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening an image: what it is, how large, how aligned, and that nobody else writes to it.
 *
 * The locks are those of QEMU's file driver [QEMU, block/file-posix.c]: byte 100 + p is locked by
 * who uses permission p, byte 200 + p by who does not share it. All are shared locks of the open
 * file description, so that any number may hold them; who takes them looks whether somebody holds
 * the opposite.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <vdev/status.h>

#include "host/error.h"
#include "host/file.h"

/* One request at most: what one turn of the loop may be kept busy with. */
#define SECTORS_MOST         2048u      /* 1 MiB */
#define DISCARD_SECTORS_MOST (1u << 22) /* 2 GiB: metadata only */
#define ZEROES_SECTORS_MOST  (1u << 16) /* 32 MiB: may have to be written */
#define DIRECT_ALIGNMENT     4096u      /* of memory, where the kernel does not say */
#define BLOCK_SIZE_MOST      (1u << 20)

#define LOCK_USED     100
#define LOCK_UNSHARED 200

#define LOCK_PAUSE  10000000 /* nanoseconds */
#define LOCK_PAUSES 50u      /* half a second */

enum permission { CONSISTENT_READ = 0, WRITE = 1, RESIZE = 3 };

static int fail(const struct vdev_host_file *file, struct vdev_host_error *error, const char *what)
{
    vdev_host_error_set(error, "%s: %s", file->configuration.path, what);
    return -1;
}

/* ---- locks ---- */

/* 0, or a negative errno. */
static int hold(int descriptor, int byte)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    return fcntl(descriptor, F_OFD_SETLK, &lock) == 0 ? 0 : -errno;
}

/* 0: nobody else holds it; 1: somebody does; or a negative errno. */
static int is_held(int descriptor, int byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    if (fcntl(descriptor, F_OFD_GETLK, &lock) != 0) {
        return -errno;
    }
    return lock.l_type == F_UNLCK ? 0 : 1;
}

/* 0: the image is ours; 1: it is somebody else's; or a negative errno. */
static int try_to_lock(const struct vdev_host_file *file)
{
    const int ours[] = {LOCK_USED + CONSISTENT_READ, LOCK_UNSHARED + WRITE, LOCK_UNSHARED + RESIZE,
                        LOCK_USED + WRITE};
    const int theirs[] = {LOCK_UNSHARED + CONSISTENT_READ, LOCK_USED + WRITE, LOCK_USED + RESIZE,
                          LOCK_UNSHARED + WRITE};
    unsigned count = file->configuration.read_only ? 3 : 4; /* the last is who writes */
    int result = 0;

    /* First held, then looked at: of two who come at once, no more than one gets it. */
    for (unsigned i = 0; i < count && result == 0; i++) {
        result = hold(file->descriptor, ours[i]);
    }
    for (unsigned i = 0; i < count && result == 0; i++) {
        result = is_held(file->descriptor, theirs[i]);
    }
    if (result != 0) {
        struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
        fcntl(file->descriptor, F_OFD_SETLK, &all);
    }
    return result == -EAGAIN || result == -EACCES ? 1 : result;
}

static int lock_image(const struct vdev_host_file *file, struct vdev_host_error *error)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE};
    int result = try_to_lock(file);

    /* A process that was killed keeps its locks until the disk has done what it asked for. */
    for (unsigned i = 0; i < LOCK_PAUSES && result > 0; i++) {
        nanosleep(&pause, NULL);
        result = try_to_lock(file);
    }
    if (result > 0) {
        return fail(file, error, "in use by another process");
    }
    if (result != 0) {
        vdev_host_error_set(error, "%s: cannot be locked: %s", file->configuration.path,
                            strerror(-result));
        return -1;
    }
    return 0;
}

/* ---- what it is ---- */

/* A number from the block device's folder in sysfs; 0 if it is not there. */
static uint64_t queue_value(dev_t device, const char *name)
{
    char path[96];
    unsigned long long value = 0;

    snprintf(path, sizeof path, "/sys/dev/block/%u:%u/queue/%s", major(device), minor(device),
             name);
    FILE *in = fopen(path, "re");
    if (in == NULL) {
        return 0;
    }
    if (fscanf(in, "%llu", &value) != 1) {
        value = 0;
    }
    fclose(in);
    return value;
}

static void describe_direct(struct vdev_host_file *file, uint32_t *block_size)
{
    file->memory_alignment = DIRECT_ALIGNMENT;
#ifdef STATX_DIOALIGN
    struct statx about;
    if (statx(file->descriptor, "", AT_EMPTY_PATH, STATX_DIOALIGN, &about) == 0 &&
        (about.stx_mask & STATX_DIOALIGN) != 0 && about.stx_dio_mem_align != 0) {
        file->memory_alignment = about.stx_dio_mem_align;
        if (about.stx_dio_offset_align > *block_size) {
            *block_size = about.stx_dio_offset_align;
        }
    }
#endif
    if (file->memory_alignment < 2) {
        file->memory_alignment = 2; /* 1 stands for a file that is not opened so */
    }
}

static void describe_ranges(struct vdev_host_file *file, const struct stat *about, uint64_t size)
{
    struct vdev_block_information *information = &file->block.information;

    if (file->configuration.read_only) {
        return;
    }
    information->maximum_zeroes_sectors = ZEROES_SECTORS_MOST;
    if (file->is_device) {
        uint64_t most = queue_value(about->st_rdev, "discard_max_bytes") / VDEV_SECTOR_SIZE;
        information->maximum_discard_sectors =
            most < DISCARD_SECTORS_MOST ? (uint32_t)most : DISCARD_SECTORS_MOST;
    } else if (fallocate(file->descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)size,
                         VDEV_SECTOR_SIZE) == 0) {
        /* A hole behind the end changes nothing, and shows that holes can be made. */
        information->maximum_discard_sectors = DISCARD_SECTORS_MOST;
    }
}

static void identify(struct vdev_host_file *file)
{
    char *to = file->block.information.identifier;
    const char *from = file->configuration.identifier;

    if (from == NULL) {
        const char *slash = strrchr(file->configuration.path, '/');
        from = slash != NULL ? slash + 1 : file->configuration.path;
    }
    strncpy(to, from, sizeof file->block.information.identifier - 1);
}

static int describe(struct vdev_host_file *file, struct vdev_host_error *error)
{
    struct vdev_block_information *information = &file->block.information;
    struct stat about;
    uint32_t block_size = VDEV_SECTOR_SIZE;

    if (fstat(file->descriptor, &about) != 0) {
        return fail(file, error, strerror(errno));
    }
    uint64_t size = (uint64_t)about.st_size;
    if (S_ISBLK(about.st_mode)) {
        int logical = 0;
        file->is_device = true;
        if (ioctl(file->descriptor, BLKGETSIZE64, &size) != 0) {
            return fail(file, error, strerror(errno));
        }
        if (ioctl(file->descriptor, BLKSSZGET, &logical) == 0 && logical > (int)block_size) {
            block_size = (uint32_t)logical;
        }
    } else if (!S_ISREG(about.st_mode)) {
        return fail(file, error,
                    S_ISDIR(about.st_mode) ? "is a folder, no image"
                                           : "is neither a file nor a block device");
    }
    file->memory_alignment = 1;
    if (file->configuration.direct) {
        describe_direct(file, &block_size);
    }
    if (size == 0) {
        return fail(file, error, "is empty");
    }
    if (size % block_size != 0 || block_size > BLOCK_SIZE_MOST ||
        (block_size & (block_size - 1)) != 0) {
        vdev_host_error_set(error, "%s: its size of %llu bytes is no multiple of %u",
                            file->configuration.path, (unsigned long long)size, block_size);
        return -1;
    }
    information->sectors = size / VDEV_SECTOR_SIZE;
    information->block_size = block_size;
    information->maximum_sectors = SECTORS_MOST;
    information->maximum_buffers = FILE_BUFFERS;
    /* What the file system or the device moves best. */
    uint64_t best = file->is_device ? queue_value(about.st_rdev, "optimal_io_size")
                                    : (uint64_t)about.st_blksize;
    information->optimal_size =
        best % block_size == 0 && best <= BLOCK_SIZE_MOST ? (uint32_t)best : 0;
    information->read_only = file->configuration.read_only;
    describe_ranges(file, &about, size);
    identify(file);
    return 0;
}

int vdev_host_file_open_image(struct vdev_host_file *file, struct vdev_host_error *error)
{
    const struct vdev_host_file_configuration *configuration = &file->configuration;
    int flags = (configuration->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK |
                (configuration->direct ? O_DIRECT : 0);

    /* O_NONBLOCK: a pipe in its place would keep us waiting for its other end. */
    file->descriptor = open(configuration->path, flags);
    if (file->descriptor < 0) {
        bool direct = errno == EINVAL && configuration->direct;
        return fail(file, error,
                    direct            ? "cannot be opened past the page cache"
                    : errno == EISDIR ? "is a folder, no image"
                    : errno == ENOENT ? "does not exist"
                                      : strerror(errno));
    }
    /* But requests are to wait for the disk. */
    if (fcntl(file->descriptor, F_SETFL, flags & ~O_NONBLOCK) != 0) {
        return fail(file, error, strerror(errno));
    }
    struct statfs about;
    file->in_memory = fstatfs(file->descriptor, &about) == 0 && about.f_type == TMPFS_MAGIC;
    return describe(file, error) != 0 || lock_image(file, error) != 0 ? -1 : 0;
}
