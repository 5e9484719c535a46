/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The socket calls of vhost-user: a place to listen at, and messages with descriptors in pieces as
 * they come. Nothing here knows what a message means.
 */
#ifndef HOST_VHOST_USER_SOCKET_H
#define HOST_VHOST_USER_SOCKET_H

#include <sys/stat.h>

#include <vdev/host/loop.h>
#include <vdev/vhost_user.h>

/* Listen at a path that nobody else listens at; *bound is the file made. -1 and *error. */
int vdev_host_socket_listen(const char *path, struct stat *bound, struct vdev_host_error *error);

/*
 * Receive at most `length` bytes; descriptors that come along are appended to the message's.
 * More than 0: bytes; 0: the other end has closed; -1: nothing there now; -2: *why says what is
 * wrong, and the descriptors are those that are to be closed.
 */
long vdev_host_socket_receive(int connection, void *bytes, size_t length,
                              struct vdev_vhost_user_message *message, const char **why);

/* Send all of a message; a peer that does not read gets half a second. 0, or -1: it is gone. */
int vdev_host_socket_send(int connection, const struct vdev_vhost_user_message *message);

/* May this be waited for, read and written without ever being stuck in it? */
bool vdev_host_is_event(int descriptor);

/* Read what is in a descriptor that is readable, and wait for nothing. False: it is at its end. */
bool vdev_host_clear_event(int descriptor);

/* Add 1 to an eventfd, or put as much into a pipe; not if that would wait. */
void vdev_host_raise_event(int descriptor);

#endif
