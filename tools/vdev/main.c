/* SPDX-License-Identifier: BSD-2-Clause */
/* The program `vdev`: its commands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "options.h"
#include "serve.h"

static const char help[] =
    "usage: vdev serve DEVICE --socket PATH [options] [-- DEVICE ...]\n"
    "       vdev stat [--json] SOCKET | PID\n"
    "       vdev --version\n"
    "\n"
    "serve  offers block, console and net devices to virtual machines by vhost-user\n"
    "stat   prints the counters of a process that does\n"
    "\n"
    "`vdev COMMAND --help` says more.\n"
    "\n"
    "exit status: 0, 1 failure, 2 usage\n";

int main(int count, char **arguments)
{
    const char *command = count > 1 ? arguments[1] : "";

    if (strcmp(command, "serve") == 0) {
        return serve(count - 2, arguments + 2);
    }
    if (strcmp(command, "stat") == 0) {
        return control_stat(count - 2, arguments + 2);
    }
    if (strcmp(command, "--help") == 0 || strcmp(command, "help") == 0) {
        fputs(help, stdout);
        return EXIT_SUCCESS;
    }
    if (strcmp(command, "--version") == 0) {
        puts("vdev " VDEV_VERSION);
        return EXIT_SUCCESS;
    }
    if (command[0] == 0) {
        fputs(help, stderr);
    } else {
        fprintf(stderr, "vdev: %s: no such command (see vdev --help)\n", command);
    }
    return EXIT_USAGE;
}
