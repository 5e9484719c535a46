/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a fuzzer's bytes mean: numbers, one after the other, and zeros when they are used up. Shared
 * by all targets; knows nothing of devices.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What libFuzzer, or random.c in its place, calls. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A finding that no sanitizer would see: ends the program, so that the input is kept. */
#define fuzz_require(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct input {
    const uint8_t *data;
    size_t left;
};

static inline uint64_t input_number(struct input *input, unsigned bytes)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < bytes && input->left != 0; i++) {
        number |= (uint64_t)*input->data++ << (8 * i);
        input->left--;
    }
    return number;
}

static inline uint8_t input_byte(struct input *input)
{
    return (uint8_t)input_number(input, 1);
}

/* A number below `most`, which is not 0. */
static inline uint32_t input_below(struct input *input, uint32_t most)
{
    return (uint32_t)input_number(input, most <= 256 ? 1 : 4) % most;
}

#endif
