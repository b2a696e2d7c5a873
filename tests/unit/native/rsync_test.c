/* Signatures, deltas and patches, in C alone: `rsync_test CASE`. Reads and writes go through the __wrap functions here (ld --wrap). */
#define _GNU_SOURCE
#include "rsync.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <librsync.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGE 1000000
#define NO_BOUND -1

ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __real_write(int fd, const void *buffer, size_t size);

static bool is_disturbed;
static unsigned calls;
static int write_error;

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	if (is_disturbed && calls++ % 2) {
		errno = EINTR;
		return -1;
	}
	return __real_read(fd, buffer, is_disturbed && size > 1000 ? 1000 : size);
}

ssize_t __wrap_write(int fd, const void *buffer, size_t size)
{
	if (write_error || (is_disturbed && calls++ % 3 == 0)) {
		errno = write_error ? write_error : EINTR;
		return -1;
	}
	return __real_write(fd, buffer, is_disturbed && size > 700 ? 700 : size);
}

static int file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert(fd >= 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size);
	return fd;
}

static int empty_file(void)
{
	return file_of("", 0);
}

static off_t size_of(int fd)
{
	struct stat status;

	assert(!fstat(fd, &status));
	return status.st_size;
}

static int rewound(int fd)
{
	assert(!lseek(fd, 0, SEEK_SET));
	return fd;
}

static bool is_same(int fd, const char *bytes, size_t size)
{
	char *found = malloc(size + 1);
	bool same = found && pread(fd, found, size + 1, 0) == (ssize_t)size && !memcmp(found, bytes, size);

	free(found);
	return same;
}

static char *text_of(size_t size, unsigned seed)
{
	char *text = malloc(size + 1);

	assert(text);
	for (size_t n = 0; n < size; n++)
		text[n] = (char)('a' + (seed = seed * 1103515245 + 12345) / 65536 % 26);
	return text;
}

static int signature_of(const char *old, size_t size)
{
	int file = file_of(old, size), signature = empty_file();

	assert(!native_rsync_signature(file, (int64_t)size, signature));
	close(file);
	return rewound(signature);
}

/* The size of the delta; what is made of it and the old file is the new one. */
static off_t go_round(const char *old, size_t old_size, const char *new, size_t new_size)
{
	int signature = signature_of(old, old_size), from = file_of(new, new_size), delta = empty_file(), made = empty_file();
	int old_file = file_of(old, old_size);
	off_t size;

	assert(!native_rsync_delta(signature, from, delta, NO_BOUND));
	size = size_of(delta);
	assert(!native_rsync_patch(old_file, rewound(delta), made, (int64_t)new_size) && is_same(made, new, new_size));
	for (int n = 0; n < 5; n++)
		close((int[]){signature, from, delta, made, old_file}[n]);
	return size;
}

static void every_size(void)
{
	static const size_t sizes[] = {0, 1, 255, 256, 257, 65535, 65536, 65537, 300000};
	char *text = text_of(300000, 1), *other = text_of(300000, 2);

	for (size_t one = 0; one < sizeof(sizes) / sizeof(*sizes); one++)
		for (size_t two = 0; two < sizeof(sizes) / sizeof(*sizes); two++) {
			go_round(text, sizes[one], text, sizes[two]);
			go_round(text, sizes[one], other, sizes[two]);
		}
	free(text);
	free(other);
}

/* Three lines put into a megabyte: a delta of a few blocks, and a signature that is small, too. */
static void few_lines(void)
{
	char *old = text_of(LARGE, 3), *new = malloc(LARGE + 30);
	int signature = signature_of(old, LARGE);

	assert(new && size_of(signature) < LARGE / 50);
	memcpy(new, old, 1000);
	memcpy(new + 1000, "a new line", 10);
	memcpy(new + 1010, old + 1000, 500000);
	memcpy(new + 501010, "a new line", 10);
	memcpy(new + 501020, old + 501000, LARGE - 501000);
	memcpy(new + LARGE + 20, "a new line", 10);
	assert(go_round(old, LARGE, new, LARGE + 30) < 8000);
	free(old);
	free(new);
	close(signature);
}

/* A delta makes no more than it may: the bound is met exactly, and one byte less is too little. */
static void bounded(void)
{
	char *old = text_of(LARGE, 4);
	int signature = signature_of(old, LARGE), new = file_of(old, LARGE), delta = empty_file(), file = file_of(old, LARGE);
	int made = empty_file();

	assert(!native_rsync_delta(signature, new, delta, NO_BOUND) && size_of(delta) < 100); /* few bytes that make a million */
	assert(native_rsync_patch(file, rewound(delta), made, LARGE - 1) == EFBIG && size_of(made) < LARGE);
	assert(native_rsync_patch(file, rewound(delta), made, 0) == EFBIG);
	made = empty_file();
	assert(!native_rsync_patch(file, rewound(delta), made, LARGE) && size_of(made) == LARGE);
	assert(!native_rsync_patch(file, rewound(delta), empty_file(), NO_BOUND));
	free(old);
}

/* A delta that does not pay is given up before it is written. */
static void bounded_delta(void)
{
	char *old = text_of(LARGE, 9), *new = text_of(LARGE, 10);
	int signature = signature_of(old, LARGE), file = file_of(new, LARGE), delta = empty_file();

	assert(native_rsync_delta(signature, file, delta, LARGE / 2) == EFBIG && size_of(delta) <= LARGE / 2);
	assert(!native_rsync_delta(rewound(signature), rewound(file), empty_file(), 2 * LARGE));
	free(old);
	free(new);
}

/* What is no delta, or only a part of one, or no signature, is refused; and nothing is said on stderr. */
static void damaged(void)
{
	char *old = text_of(LARGE, 5), *other = text_of(3000, 6);
	int signature = signature_of(old, LARGE), new = file_of(other, 3000), delta = empty_file(), old_file = file_of(old, LARGE);
	char bytes[4000];
	ssize_t size;

	assert(!native_rsync_delta(signature, new, delta, NO_BOUND));
	size = pread(delta, bytes, sizeof(bytes), 0);
	assert(size > 3000);
	for (ssize_t cut = 0; cut < size; cut += 97)
		assert(native_rsync_patch(old_file, file_of(bytes, (size_t)cut), empty_file(), LARGE) == -RS_INPUT_ENDED);
	assert(native_rsync_patch(old_file, file_of("nothing at all", 14), empty_file(), LARGE) == -RS_BAD_MAGIC);
	assert(native_rsync_patch(old_file, file_of("rs\x02" "6\xff\xff", 6), empty_file(), LARGE) < 0);
	assert(native_rsync_delta(file_of("nothing at all", 14), rewound(new), empty_file(), NO_BOUND) < 0);
	assert(native_rsync_delta(file_of("", 0), rewound(new), empty_file(), NO_BOUND) == -RS_INPUT_ENDED);
	free(old);
	free(other);
}

/* A delta to another file makes something, but no more than it may. */
static void other_file(void)
{
	char *old = text_of(LARGE, 7);
	int signature = signature_of(old, LARGE), new = file_of(old, LARGE), delta = empty_file(), made = empty_file();

	assert(!native_rsync_delta(signature, new, delta, NO_BOUND));
	assert(native_rsync_patch(file_of(old, 100), rewound(delta), made, LARGE) < 0 && size_of(made) <= LARGE);
	free(old);
}

/* What the system refuses comes back as its errno value. */
static void refused(void)
{
	int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), old = file_of("text", 4), signature = signature_of("text", 4);
	int read_only = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), delta = empty_file();

	assert(native_rsync_signature(directory, 4, empty_file()) == EISDIR && native_rsync_signature(-1, 4, empty_file()) == EBADF);
	assert(native_rsync_signature(old, 4, read_only) == EBADF);
	assert(!native_rsync_delta(signature, rewound(old), delta, NO_BOUND));
	assert(native_rsync_patch(old, rewound(delta), read_only, 100) == EBADF);
	write_error = ENOSPC;
	assert(native_rsync_patch(old, rewound(delta), empty_file(), 100) == ENOSPC);
}

/* Interrupted, and with less read and written at a time than was asked for. */
static void disturbed(void)
{
	char *old = text_of(LARGE, 8), *new = text_of(LARGE, 8);

	memset(new + 500000, 'x', 70000);
	is_disturbed = true;
	assert(go_round(old, LARGE, new, LARGE) < 80000);
	free(old);
	free(new);
}

static const struct {
	const char *name;
	void (*run)(void);
} CASES[] = {
	{"every_size", every_size}, {"few_lines", few_lines}, {"bounded", bounded}, {"bounded_delta", bounded_delta}, {"damaged", damaged}, {"other_file", other_file},
	{"refused", refused}, {"disturbed", disturbed},
};

int main(int count, char **arguments)
{
	assert(count == 2);
	for (size_t n = 0; n < sizeof(CASES) / sizeof(*CASES); n++)
		if (!strcmp(CASES[n].name, arguments[1])) {
			CASES[n].run();
			puts("held");
			return 0;
		}
	return 2;
}
