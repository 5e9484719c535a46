/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a fuzz target on inputs from a seeded generator, the same ones each time: what there is
 * where no libFuzzer is, and a test of bounded length where there is. It does not look at coverage.
 * Usage: TARGET [COUNT [SEED]], or TARGET FILE to run one input that was kept.
 */
#include "input.h"

#define INPUT_BYTES 4096u

/* xorshift64* */
static uint64_t next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

static int run_file(const char *path)
{
    static uint8_t data[1u << 20];
    FILE *file = fopen(path, "rb");

    if (file == NULL) {
        perror(path);
        return 2;
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    return LLVMFuzzerTestOneInput(data, size);
}

int main(int argument_count, char **arguments)
{
    char *end = NULL;
    unsigned long count = argument_count > 1 ? strtoul(arguments[1], &end, 10) : 1000;
    uint64_t state = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 1;

    if (end != NULL && *end != '\0') {
        return run_file(arguments[1]);
    }
    state += state == 0; /* the one state that such a generator never leaves */
    for (unsigned long run = 0; run < count; run++) {
        uint8_t data[INPUT_BYTES];
        size_t size = next(&state) % sizeof data;
        for (size_t i = 0; i < size; i++) {
            data[i] = (uint8_t)(next(&state) >> 32);
        }
        LLVMFuzzerTestOneInput(data, size);
    }
    printf("%lu inputs\n", count);
    return 0;
}
