/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of another process, mapped: by ranges that are not of a page, checked against the file's
 * length, and remembered, so that a file which shrinks later costs its own connection only.
 */
#ifndef HOST_VHOST_USER_MEMORY_H
#define HOST_VHOST_USER_MEMORY_H

#include <stdint.h>

/*
 * Map `length` bytes of a file, to be read and written, from `offset` on. NULL: no file, shorter,
 * not writable, or the system has no room. If a page of it disappears, *lost becomes 1.
 */
void *vdev_host_memory_map(int descriptor, uint64_t offset, uint64_t length, volatile int *lost);

/* What map returned; anything else is ignored. */
void vdev_host_memory_unmap(void *pointer);

/* A file of zeros in memory that nobody can shrink; a descriptor, or negative. */
int vdev_host_memory_create(uint64_t length);

#endif
