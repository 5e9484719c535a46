/* SPDX-License-Identifier: BSD-2-Clause */
/* What sandbox.c has of the file beside it. */
#ifndef VDEV_TOOL_SANDBOX_PARTS_H
#define VDEV_TOOL_SANDBOX_PARTS_H

#include "sandbox.h"

/* AddressSanitizer's end of a process opens /proc/self, starts a thread and ptraces. */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_WITH_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_WITH_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef SANDBOX_WITH_ADDRESS_SANITIZER
#define SANDBOX_WITH_ADDRESS_SANITIZER 0
#endif

/*
 * Put the filter of system calls in force, for all threads. 0; or -1, and in *missing why there is
 * none: the kernel's, or the build's, reason.
 */
int sandbox_filter(const struct sandbox_configuration *configuration,
                   struct vdev_host_error *missing);

#endif
