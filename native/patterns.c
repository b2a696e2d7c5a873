#include "patterns.h"

#include <stddef.h>
#include <string.h>

/* The bytes of the character there: of valid UTF-8, or one byte that belongs to none. */
static size_t character(const unsigned char *text)
{
	unsigned char first = text[0], least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	unsigned char most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	size_t wanted = first < 0xc2 || first > 0xf4 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4, n = 1;

	for (; n < wanted && text[n] >= least && text[n] <= most; n++) {
		least = 0x80;
		most = 0xbf;
	}
	return n == wanted ? n : 1;
}

/* A star is given up for as little as possible; where that does not do, for one character more. Neither goes past a slash, so the
 * work is bounded by the square of the longest name. */
static bool is_like(const char *pattern, const char *text)
{
	const char *star = NULL, *resumed = NULL;

	while (*text) {
		size_t size = character((const unsigned char *)text);

		if (*pattern == '*') {
			star = ++pattern;
			resumed = text;
		} else if (*pattern == '?' && *text != '/') {
			pattern++;
			text += size;
		} else if (!strncmp(pattern, text, size)) {
			if (*text == '/')
				star = NULL;
			pattern += size;
			text += size;
		} else if (star && *resumed != '/') {
			pattern = star;
			resumed += character((const unsigned char *)resumed);
			text = resumed;
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
