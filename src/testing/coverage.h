/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of registers as coverage compares them. */
#ifndef TESTING_COVERAGE_H
#define TESTING_COVERAGE_H

#include <vdev/testing/coverage.h>

/* Flags of a register or field. */
#define NAMED   1u /* the source names it */
#define ARRAY   2u /* the source names it without the number at its end */
#define TOUCHED 4u

/* Part of a text. */
struct name {
    const char *text;
    size_t length;
};

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static inline struct name whole(const char *text)
{
    struct name name = {text, 0};
    while (text[name.length] != '\0') {
        name.length++;
    }
    return name;
}

static inline struct name without_number(struct name name)
{
    while (name.length != 0 && is_digit(name.text[name.length - 1])) {
        name.length--;
    }
    return name;
}

/* Whatever the letters' case: data sheets write MCIPower where a driver's macro is POWER. */
static inline bool ends_with(struct name name, struct name end)
{
    if (end.length == 0 || end.length > name.length) {
        return false;
    }
    for (size_t i = 0; i < end.length; i++) {
        if (upper(name.text[name.length - end.length + i]) != upper(end.text[i])) {
            return false;
        }
    }
    return true;
}

/* Do two names differ in the number at the end only? */
static inline bool same_base(const char *a, const char *b)
{
    struct name first = without_number(whole(a));
    struct name second = without_number(whole(b));
    return first.length == second.length && ends_with(first, second);
}

#endif
