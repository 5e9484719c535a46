/* SPDX-License-Identifier: BSD-2-Clause */
/* Empty: libfdt includes a <stdlib.h>, and nothing of what is built here uses one. */
