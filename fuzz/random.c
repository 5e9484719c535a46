/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a fuzz target on inputs from a seeded generator, the same ones each time: what there is
 * where no libFuzzer is, and a test of bounded length where there is. It does not look at coverage.
 *
 * Usage: TARGET [COUNT [SEED]], or TARGET FILE to run one input that was kept, or
 * TARGET --seconds N [--seed SEED] [--corpus FOLDER] [--keep FILE]: for so long, after all inputs
 * of the corpus, with changed ones of it and random ones in turn; the input at work stands in FILE,
 * and is left there if the program does not get over it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "input.h"

#define INPUT_BYTES 4096u
#define CORPUS_MOST 4096u
#define CHANGES     8u

struct entry {
    uint8_t *data;
    size_t size;
};

static struct entry corpus[CORPUS_MOST];
static size_t corpus_count;
static int keep = -1;

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

static size_t make_random(uint64_t *state, uint8_t data[INPUT_BYTES])
{
    size_t size = next(state) % INPUT_BYTES;

    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(next(state) >> 32);
    }
    return size;
}

/* ---- for a time ---- */

static void run(const uint8_t *data, size_t size)
{
    if (keep >= 0 &&
        (pwrite(keep, data, size, 0) != (ssize_t)size || ftruncate(keep, (off_t)size) != 0)) {
        perror("the kept input");
        exit(2);
    }
    LLVMFuzzerTestOneInput(data, size);
}

static int read_corpus(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *each;

    if (folder == NULL) {
        perror(path);
        return 2;
    }
    while (corpus_count < CORPUS_MOST && (each = readdir(folder)) != NULL) {
        uint8_t data[INPUT_BYTES];
        int file = openat(dirfd(folder), each->d_name, O_RDONLY);
        ssize_t size = file >= 0 ? read(file, data, sizeof data) : -1;
        if (file >= 0) {
            close(file);
        }
        if (size <= 0) { /* the folder itself, too */
            continue;
        }
        struct entry *entry = &corpus[corpus_count];
        entry->data = malloc((size_t)size);
        if (entry->data == NULL) {
            break;
        }
        memcpy(entry->data, data, (size_t)size);
        entry->size = (size_t)size;
        corpus_count++;
    }
    closedir(folder);
    return 0;
}

/* The beginning of one input, the end of another, and some bytes changed. */
static size_t make_changed(uint64_t *state, uint8_t data[INPUT_BYTES])
{
    const struct entry *first = &corpus[next(state) % corpus_count];
    const struct entry *second = &corpus[next(state) % corpus_count];
    size_t size = next(state) % 2 == 0 ? first->size : next(state) % first->size;
    size_t from = next(state) % second->size;
    size_t more = second->size - from;

    memcpy(data, first->data, size);
    if (more > INPUT_BYTES - size) {
        more = INPUT_BYTES - size;
    }
    memcpy(data + size, second->data + from, more);
    size += more;
    for (uint64_t i = next(state) % CHANGES; i != 0 && size != 0; i--) {
        uint8_t *byte = &data[next(state) % size];
        *byte = next(state) % 2 == 0 ? (uint8_t)next(state) : (uint8_t)(*byte ^ 1u << i);
    }
    return size;
}

static time_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

static int run_for(unsigned long seconds, uint64_t state)
{
    time_t end = now() + (time_t)seconds;
    unsigned long count = 0;

    for (; count < corpus_count; count++) {
        run(corpus[count].data, corpus[count].size);
    }
    for (; now() < end; count++) {
        uint8_t data[INPUT_BYTES];
        bool random = corpus_count == 0 || count % 8 == 0;
        run(data, random ? make_random(&state, data) : make_changed(&state, data));
    }
    printf("%lu inputs, %zu of them a corpus\n", count, corpus_count);
    return 0;
}

static int run_with_options(int argument_count, char **arguments)
{
    unsigned long seconds = 0;
    uint64_t state = 1;
    const char *kept = NULL;

    for (int i = 1; i < argument_count; i += 2) {
        const char *value = i + 1 < argument_count ? arguments[i + 1] : "";
        int status = 0;
        if (strcmp(arguments[i], "--seconds") == 0) {
            seconds = strtoul(value, NULL, 10);
        } else if (strcmp(arguments[i], "--seed") == 0) {
            state = strtoull(value, NULL, 10);
        } else if (strcmp(arguments[i], "--corpus") == 0) {
            status = read_corpus(value);
        } else if (strcmp(arguments[i], "--keep") == 0) {
            kept = value;
            keep = open(kept, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
            status = keep < 0 ? 2 : 0;
        } else {
            status = 2;
        }
        if (status != 0) {
            fprintf(stderr, "%s %s: not understood, or not there\n", arguments[i], value);
            return status;
        }
    }
    int status = run_for(seconds, state + (state == 0));
    if (kept != NULL) {
        unlink(kept);
    }
    return status;
}

int main(int argument_count, char **arguments)
{
    char *end = NULL;

    if (argument_count > 1 && strncmp(arguments[1], "--", 2) == 0) {
        return run_with_options(argument_count, arguments);
    }
    unsigned long count = argument_count > 1 ? strtoul(arguments[1], &end, 10) : 1000;
    uint64_t state = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 1;
    if (end != NULL && *end != '\0') {
        return run_file(arguments[1]);
    }
    state += state == 0; /* the one state that such a generator never leaves */
    for (unsigned long i = 0; i < count; i++) {
        uint8_t data[INPUT_BYTES];
        LLVMFuzzerTestOneInput(data, make_random(&state, data));
    }
    printf("%lu inputs\n", count);
    return 0;
}
