/* Patterns for paths, as firmware/patterns.py has them. */
#ifndef NATIVE_PATTERNS_H
#define NATIVE_PATTERNS_H

#include <stdbool.h>

/* Whether the absolute `path` matches. `*` stands for any characters, `?` for one, neither of them for a slash; a pattern that begins
 * with a slash is a whole path, any other one is the last names of a path. */
bool native_matches(const char *pattern, const char *path);

#endif
