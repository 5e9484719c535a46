/* SPDX-License-Identifier: BSD-2-Clause */
/* `vdev serve`: from the command line to the end of the process. */
#ifndef VDEV_TOOL_SERVE_H
#define VDEV_TOOL_SERVE_H

/* What to exit with. */
int serve(int count, char **arguments);

#endif
