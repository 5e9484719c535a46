/* SPDX-License-Identifier: BSD-2-Clause */
/* The bench's faults: what is wrong on the way between a driver and its device. */
#ifndef TESTING_FAULTS_H
#define TESTING_FAULTS_H

#include <vdev/testing/bench.h>

#include "testing/text.h"

/* Is the fault wrong use? Then `text` gets why, and true. Else it is made ready. */
bool fault_wrong(struct text *text, const struct vdev_register_table *table,
                 struct vdev_fault *fault);

/* Before access number `number`: does it get through to the device? */
bool faults_let_through(const struct vdev_bench_configuration *configuration, uint32_t number,
                        struct vdev_access *access);

/* After it: change what a read gives. */
void faults_change(const struct vdev_bench_configuration *configuration, uint32_t number,
                   struct vdev_access *access);

#endif
