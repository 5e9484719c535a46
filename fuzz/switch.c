/* SPDX-License-Identifier: BSD-2-Clause */
/* Guests and networks of any behaviour at one switch: what must hold is in switch_play.h. */
#include "../tests/support/switch_play.h"
#include "input.h"

static uint32_t below(void *context, uint32_t most)
{
    return input_below(context, most);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct play play; /* large */
    struct input input = {data, size};

    play.below = below;
    play.context = &input;
    play_init(&play);
    while (input.left != 0) {
        play_step(&play);
    }
    play_finish(&play);
    return 0;
}
