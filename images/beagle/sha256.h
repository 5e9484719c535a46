/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 [FIPS 180-4] of what lies in memory: what the image tells the host of what it read. */
#ifndef BEAGLE_SHA256_H
#define BEAGLE_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* The eight words of the digest, in its order. */
void sha256(const uint8_t *bytes, size_t length, uint32_t digest[8]);

#endif
