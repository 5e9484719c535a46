/* SPDX-License-Identifier: BSD-2-Clause */
/* One step of a script: what it means, whether it makes sense, and what it says of itself. */
#ifndef TESTING_SCRIPT_STEP_H
#define TESTING_SCRIPT_STEP_H

#include <vdev/testing/script.h>

#include "testing/text.h"

/* The register's offset; the step has been checked. */
uint32_t step_offset(const struct vdev_script *script, const struct vdev_script_step *step);

/* What it reads or wants written for the time `done`. */
uint64_t step_value(const struct vdev_script *script, const struct vdev_script_step *step,
                    uint32_t done);

/* Is it a step that may be left out? */
static inline bool step_optional(const struct vdev_script_step *step)
{
    return step->kind == VDEV_SCRIPT_KIND_REPEAT;
}

/* Is the step wrong use of the script? Then `text` gets why, and true. `grouped`: inside a group.
 */
bool step_wrong(struct text *text, const struct vdev_script *script,
                const struct vdev_script_step *step, bool grouped);

/* "step 3: write CR (0x030): 0x00000301 UARTEN=1 [tests/a.c:12]". */
void step_show(struct text *text, const struct vdev_script *script, size_t number, uint32_t done);

#endif
