/* Fuzz target (libFuzzer): a pattern and a path, with a zero between them, against a matcher that tries everything. */
#include "patterns.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST 40

/* The bytes of the character there, as Python decodes file names: valid UTF-8, and any other byte for itself. */
static size_t character(const unsigned char *text)
{
	static const unsigned char least[] = {0x80, 0x80, 0xa0, 0x90};
	size_t size = text[0] >= 0xf0 && text[0] < 0xf5 ? 4 : text[0] >= 0xe0 && text[0] < 0xf0 ? 3 : text[0] >= 0xc2 && text[0] < 0xe0 ? 2 : 1;

	if (size > 1 && (text[0] == 0xe0 || text[0] == 0xf0) && text[1] < least[size - 1])
		return 1;
	if ((text[0] == 0xed && text[1] >= 0xa0) || (text[0] == 0xf4 && text[1] >= 0x90))
		return 1;
	for (size_t n = 1; n < size; n++)
		if ((text[n] & 0xc0) != 0x80)
			return 1;
	return size;
}

static bool is_like(const char *pattern, const char *text)
{
	size_t size = character((const unsigned char *)text);

	if (*pattern == '*')
		return is_like(pattern + 1, text) || (*text && *text != '/' && is_like(pattern, text + size));
	if (!*text || !*pattern)
		return !*text && !*pattern;
	if (*pattern == '?')
		return *text != '/' && is_like(pattern + 1, text + size);
	return character((const unsigned char *)pattern) == size && !memcmp(pattern, text, size) && is_like(pattern + size, text + size);
}

static size_t count(const char *text, char wanted)
{
	size_t found = 0;

	for (; *text; text++)
		found += *text == wanted;
	return found;
}

static bool expected(const char *pattern, const char *path)
{
	if (*pattern == '/')
		return is_like(pattern, path);
	for (const char *start = path; *start; start++)
		if (*start == '/' && count(start, '/') == count(pattern, '/') + 1)
			return is_like(pattern, start + 1);
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, 0, size);
	char pattern[MOST + 1] = "", path[MOST + 2] = "/";
	size_t length = end ? (size_t)(end - data) : size;

	if (length > MOST || size - length > MOST || count((const char *)memcpy(pattern, data, length), '*') > 5)
		return 0;
	if (end)
		memcpy(path + 1, end + 1, size - length - 1);
	if (native_matches(pattern, path) != expected(pattern, path))
		abort();
	return 0;
}
