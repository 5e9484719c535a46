/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands in for Check's header in what the targets share with the tests (tests/support): Check's
 * own assertions work inside a running test only. Holds those that are used there, and no others.
 */
#ifndef FUZZ_STAND_IN_CHECK_H
#define FUZZ_STAND_IN_CHECK_H

#include "../input.h"

#define ck_assert(condition)    fuzz_require(condition)
#define ck_assert_uint_le(a, b) fuzz_require((a) <= (b))
#define ck_assert_uint_eq(a, b) fuzz_require((a) == (b))

#endif
