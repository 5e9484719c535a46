/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Internet checksum's sum where it is in assembly, which the hosted tests do not run. What a
 * sum is over lists of buffers is their subject; this one's is the loop over words and its carries.
 */
#include <stddef.h>

#include <vdev/net_offload.h>

#include "runtime/runtime.h"

static _Alignas(32) uint8_t bytes[65536];

static uint16_t straight_sum(const uint8_t *from, size_t length)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < length; i++) {
        sum += i % 2 == 0 ? from[i] : (uint32_t)from[i] << 8; /* the first byte is the low one */
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

static bool agrees(size_t offset, size_t length)
{
    const struct vdev_buffer buffer = {bytes + offset, length, VDEV_NO_BUS_ADDRESS};
    struct vdev_cursor cursor = vdev_cursor(&buffer, 1);

    return vdev_net_sum(&cursor, length, 0) % 0xffff ==
           straight_sum(bytes + offset, length) % 0xffff;
}

static const char *agrees_at_each(size_t most)
{
    for (size_t offset = 0; offset < 8; offset++) {
        for (size_t length = 0; length < most; length++) {
            if (!agrees(offset, length)) {
                return "another sum than byte by byte";
            }
        }
    }
    return NULL;
}

static void fill(uint32_t ones)
{
    uint32_t state = 4;

    for (size_t i = 0; i < sizeof bytes; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(state >> 24 | ones);
    }
}

void bare_main(bool hyp)
{
    bare_print(hyp ? "mode hyp\n" : "mode svc\n");
    fill(0);
    bare_report("sums at each alignment and length", agrees_at_each(300));
    bare_report("sum of 64 KiB", agrees(0, sizeof bytes) ? NULL : "another");
    fill(0xff);
    bare_report("sums that carry from every word", agrees_at_each(300));
    bare_report("sum of 64 KiB of ones", agrees(0, sizeof bytes) ? NULL : "another");
    /* A carry out of each word of a block by itself, the last included. */
    const char *why = NULL;
    for (size_t word = 0; word < 16; word++) {
        for (size_t i = 0; i < 64; i++) {
            bytes[i] = i / 4 <= word ? 0xff : 0;
        }
        why = agrees(0, 64) && agrees(0, 32) && agrees(4, 60) ? why : "another";
    }
    bare_report("carries of single words", why);
}
