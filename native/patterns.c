#include "patterns.h"

#include <stddef.h>
#include <string.h>

/* The bytes of the character there: of UTF-8, or one that is none. */
static size_t character(const unsigned char *text)
{
	size_t wanted = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : text[0] >= 0xc2 ? 2 : 1, n = 1;

	while (n < wanted && (text[n] & 0xc0) == 0x80)
		n++;
	return n == wanted ? n : 1;
}

/* A star is given up for as little as possible; where that does not do, for one more. Neither goes past a slash, so the work is
 * bounded by the square of the longest name. */
static bool is_like(const char *pattern, const char *text)
{
	const char *star = NULL, *resumed = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			resumed = text;
		} else if (*pattern == '?' && *text != '/') {
			pattern++;
			text += character((const unsigned char *)text);
		} else if (*pattern == *text) {
			if (*text == '/')
				star = NULL;
			pattern++;
			text++;
		} else if (star && *resumed != '/') {
			pattern = star;
			text = ++resumed;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

bool native_matches(const char *pattern, const char *path)
{
	const char *start = path + strlen(path);
	size_t slashes = 1;

	if (*pattern == '/')
		return is_like(pattern, path);
	for (const char *found = pattern; *found; found++)
		slashes += *found == '/';
	while (slashes && start > path)
		slashes -= *--start == '/';
	return slashes == 0 && is_like(pattern, start + 1);
}
