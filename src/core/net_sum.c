/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Internet checksum's sum over a scatter list [RFC 1071]. Knows nothing of protocols.
 *
 * The order of bytes does not matter as long as each pair is taken in the same one: sums are made
 * of words as they lie in memory, and a piece that begins at the other byte of a pair is summed by
 * itself and swapped [RFC 1071 §2 (B)]. Nothing is loaded that is not aligned to its own size.
 */
#include <stdbool.h>

#include <vdev/net_offload.h>

/* Payload is bytes, whatever it was written as. */
typedef uint16_t __attribute__((may_alias)) half_word;
typedef uint32_t __attribute__((may_alias)) whole_word;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define AT_EVEN(byte) ((uint32_t)(byte))
#define AT_ODD(byte)  ((uint32_t)(byte) << 8)
#else
#define AT_EVEN(byte) ((uint32_t)(byte) << 8)
#define AT_ODD(byte)  ((uint32_t)(byte))
#endif

#define BLOCK_BYTES 32u

/* To 17 bits: 2^15 such numbers can be added up before it has to be done again. */
static uint32_t halves(uint32_t sum)
{
    return (sum & 0xffffu) + (sum >> 16);
}

static uint16_t fold(uint32_t sum)
{
    return (uint16_t)halves(halves(sum));
}

/*
 * The sum of whole words, 32 bits with the carries added in at the bottom. C has no carry: GCC
 * makes four instructions of a word, where the ARM needs not much more than one, and a frame has
 * hundreds of them: four blocks at a time, then one, then words. Not inline: it needs nearly all
 * registers, and around it others are wanted.
 */
static __attribute__((noinline)) uint32_t sum_words(const uint8_t *at, const uint8_t *end)
{
#if defined(__arm__) && !defined(__thumb__)
    const uint8_t *fours = at + ((size_t)(end - at) & ~(size_t)(4 * BLOCK_BYTES - 1));
    const uint8_t *blocks = at + ((size_t)(end - at) & ~(size_t)(BLOCK_BYTES - 1));
    uint32_t sum = 0;

    /* Without r7 and r11, either of which may be the frame pointer. TEQ leaves the carry alone. */
#define ADD_BLOCK                                                                                  \
    "ldmia %[at]!, {r3, r4, r5, r6, r8, r9, r10, r12}\n\t"                                         \
    "adcs %[sum], %[sum], r3\n\t"                                                                  \
    "adcs %[sum], %[sum], r4\n\t"                                                                  \
    "adcs %[sum], %[sum], r5\n\t"                                                                  \
    "adcs %[sum], %[sum], r6\n\t"                                                                  \
    "adcs %[sum], %[sum], r8\n\t"                                                                  \
    "adcs %[sum], %[sum], r9\n\t"                                                                  \
    "adcs %[sum], %[sum], r10\n\t"                                                                 \
    "adcs %[sum], %[sum], r12\n\t"
    __asm__ volatile("adds %[sum], %[sum], #0\n\t"
                     "teq %[at], %[fours]\n\t"
                     "beq 2f\n"
                     "1:\n\t" ADD_BLOCK ADD_BLOCK ADD_BLOCK ADD_BLOCK "teq %[at], %[fours]\n\t"
                     "bne 1b\n"
                     "2:\n\t"
                     "teq %[at], %[blocks]\n\t"
                     "beq 4f\n"
                     "3:\n\t" ADD_BLOCK "teq %[at], %[blocks]\n\t"
                     "bne 3b\n"
                     "4:\n\t"
                     "teq %[at], %[end]\n\t"
                     "beq 6f\n"
                     "5:\n\t"
                     "ldr r3, [%[at]], #4\n\t"
                     "adcs %[sum], %[sum], r3\n\t"
                     "teq %[at], %[end]\n\t"
                     "bne 5b\n"
                     "6:\n\t"
                     "adc %[sum], %[sum], #0"
                     : [sum] "+r"(sum), [at] "+r"(at)
                     : [fours] "r"(fours), [blocks] "r"(blocks), [end] "r"(end)
                     : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "cc", "memory");
#undef ADD_BLOCK
    return sum;
#else
    uint64_t sum = 0;

    for (; (size_t)(end - at) >= BLOCK_BYTES; at += BLOCK_BYTES) {
        const whole_word *words = (const whole_word *)(const void *)at;
        sum += (uint64_t)words[0] + words[1] + words[2] + words[3];
        sum += (uint64_t)words[4] + words[5] + words[6] + words[7];
    }
    for (; at != end; at += 4) {
        sum += *(const whole_word *)(const void *)at;
    }
    sum = (sum & 0xffffffffu) + (sum >> 32);
    return (uint32_t)(sum + (sum >> 32));
#endif
}

/* The sum of one piece, its bytes at odd addresses taken as the second of their pairs. */
static uint16_t sum_piece(const uint8_t *at, size_t length)
{
    uint32_t sum = 0;

    if (((uintptr_t)at & 1) != 0 && length != 0) {
        sum += AT_ODD(*at);
        at++;
        length--;
    }
    if (((uintptr_t)at & 2) != 0 && length >= 2) {
        sum += *(const half_word *)(const void *)at;
        at += 2;
        length -= 2;
    }
    if (length >= 4) {
        size_t words = length & ~(size_t)3;
        sum += halves(sum_words(at, at + words));
        at += words;
        length -= words;
    }
    if (length >= 2) {
        sum += *(const half_word *)(const void *)at;
        at += 2;
        length -= 2;
    }
    if (length != 0) {
        sum += AT_EVEN(*at);
    }
    return fold(sum);
}

uint16_t vdev_net_sum(struct vdev_cursor *cursor, size_t length, uint16_t sum)
{
    const struct vdev_buffer *buffer = cursor->buffers;
    size_t count = cursor->count;
    size_t offset = cursor->offset;
    size_t done = 0;

    /* By hand, since it is done for each segment: a cursor is looked at twice and stepped once. */
    while (done != length && count != 0) {
        size_t piece = buffer->length - offset;
        if (piece == 0) {
            buffer++;
            count--;
            offset = 0;
            continue;
        }
        if (piece > length - done) {
            piece = length - done;
        }
        const uint8_t *at = (const uint8_t *)buffer->pointer + offset;
        uint32_t part = sum_piece(at, piece);
        if ((((uintptr_t)at ^ done) & 1) != 0) {
            part = (uint16_t)(part << 8 | part >> 8);
        }
        sum = fold(sum + part);
        done += piece;
        offset += piece;
    }
    *cursor = (struct vdev_cursor){.buffers = buffer, .count = count, .offset = offset};
    return sum;
}
