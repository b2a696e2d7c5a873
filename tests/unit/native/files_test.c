/* Many files of a directory at once, in C alone: `files_test DIRECTORY CASE`. Reads and writes go through the __wrap functions here
 * (ld --wrap). */
#define _GNU_SOURCE
#include "files.h"

#include "native.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGE 1000000

ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __real_write(int fd, const void *buffer, size_t size);

static bool is_disturbed;
static unsigned calls;
static int write_error;
static const char *exchanged;

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	if (is_disturbed && calls++ % 2) {
		errno = EINTR;
		return -1;
	}
	return __real_read(fd, buffer, is_disturbed && size > 1000 ? 1000 : size);
}

ssize_t __real_pread(int fd, void *buffer, size_t size, off_t place);

ssize_t __wrap_pread(int fd, void *buffer, size_t size, off_t place)
{
	if (is_disturbed && calls++ % 2) {
		errno = EINTR;
		return -1;
	}
	return __real_pread(fd, buffer, is_disturbed && size > 1000 ? 1000 : size, place);
}

ssize_t __wrap_write(int fd, const void *buffer, size_t size)
{
	if (write_error || (is_disturbed && calls++ % 3 == 0)) {
		errno = write_error ? write_error : EINTR;
		return -1;
	}
	return __real_write(fd, buffer, is_disturbed && size > 700 ? 700 : size);
}

int __real_openat(int dir, const char *name, int flags, ...);

/* What was a file when it was looked at is a pipe by now. */
int __wrap_openat(int dir, const char *name, int flags, ...)
{
	if (exchanged && !strcmp(name, exchanged)) {
		exchanged = NULL;
		assert(!unlinkat(dir, name, 0) && !mkfifoat(dir, name, 0600));
	}
	return __real_openat(dir, name, flags, 0600);
}

static int place(const char *name)
{
	int fd;

	mkdir(name, 0700);
	fd = open(name, O_RDONLY | O_DIRECTORY);
	assert(fd >= 0);
	return fd;
}

static void put(int dir, const char *name, const void *bytes, size_t size)
{
	int fd = __real_openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert(fd >= 0 && __real_write(fd, bytes, size) == (ssize_t)size && !close(fd));
}

static bool is_there(int dir, const char *name, const void *bytes, size_t size)
{
	int fd = __real_openat(dir, name, O_RDONLY);
	char *found = malloc(size + 1);
	bool same = fd >= 0 && found && __real_pread(fd, found, size + 1, 0) == (ssize_t)size && !memcmp(found, bytes, size);

	free(found);
	close(fd);
	return same;
}

static char *text_of(size_t size)
{
	char *text = malloc(size);

	assert(text);
	for (size_t n = 0; n < size; n++)
		text[n] = (char)(n * n % 251);
	return text;
}

static void copied(void)
{
	int from = place("from"), to = place("to"), errors[5];
	char *text = text_of(LARGE);
	struct timespec times[] = {{1000, 7}, {2000, 9}};
	struct stat status;

	put(from, "large", text, LARGE);
	put(from, "\xff\n", "x", 1);
	put(from, "empty", "", 0);
	assert(!fchmodat(from, "large", 06640, 0) && !utimensat(from, "large", times, 0));
	assert(!symlinkat("/etc/passwd", from, "link") && !mkfifoat(from, "pipe", 0600));
	native_copy_names(from, to, "large\0\xff\n\0empty\0link\0pipe", 5, errors);
	assert(!errors[0] && !errors[1] && !errors[2] && errors[3] == -1 && errors[4] == -1);
	assert(is_there(to, "large", text, LARGE) && is_there(to, "\xff\n", "x", 1) && is_there(to, "empty", "", 0));
	assert(!fstatat(to, "large", &status, 0) && (status.st_mode & 07777) == 06640);
	assert(status.st_mtim.tv_sec == 2000 && status.st_mtim.tv_nsec == 9);
	assert(faccessat(to, "link", F_OK, AT_SYMLINK_NOFOLLOW) && faccessat(to, "pipe", F_OK, 0));
	free(text);
}

/* One file with two names, and no other one is touched. */
static void linked(void)
{
	int from = place("from"), to = place("to"), errors[3];
	struct stat one, other;

	put(from, "a", "a", 1);
	put(from, "b", "b", 1);
	put(to, "b", "old", 3);
	native_link_names(from, to, "a\0b\0none", 3, errors);
	assert(!errors[0] && errors[1] == EEXIST && errors[2] == ENOENT && is_there(to, "b", "old", 3));
	assert(!fstatat(from, "a", &one, 0) && !fstatat(to, "a", &other, 0) && one.st_ino == other.st_ino && one.st_nlink == 2);
}

/* What is there already is neither written to nor followed. */
static void refused(void)
{
	int from = place("from"), to = place("to"), errors[3] = {0};
	struct native_owner mine = {getuid(), getgid(), 0600};
	unsigned char digest[16];
	uint64_t size = 3;

	put(from, "one", "new", 3);
	put(from, "two", "new", 3);
	put(to, "one", "old", 3);
	assert(!symlinkat("elsewhere", to, "two"));
	native_copy_names(from, to, "one\0two\0none", 3, errors);
	assert(errors[0] == EEXIST && !errors[1] && !errors[2] && is_there(to, "one", "old", 3));
	native_copy_names(from, to, "two", 1, errors);
	assert(errors[0] == EEXIST);
	native_copy_names(from, to, "none", 1, errors);
	assert(errors[0] == ENOENT);
	errors[0] = 0;
	native_write_names(to, "two", 1, (const unsigned char *)"new", &size, &mine, errors, digest);
	assert(errors[0] == EEXIST && faccessat(to, "elsewhere", F_OK, 0));
	exchanged = "one";
	native_copy_names(from, place("other"), "one", 1, errors);
	assert(errors[0] == ELOOP);
}

static void written(void)
{
	int to = place("to"), errors[3] = {0};
	char *text = text_of(LARGE + 1);
	struct native_owner mine = {getuid(), getgid(), 0640}, owners[] = {mine, mine, mine};
	const uint64_t sizes[] = {1, LARGE, 0};
	unsigned char digests[3 * 16], expected[16];
	struct stat status;

	native_write_names(to, "a\0b\0c", 3, (const unsigned char *)text, sizes, owners, errors, digests);
	assert(!errors[0] && !errors[1] && !errors[2]);
	assert(is_there(to, "a", text, 1) && is_there(to, "b", text + 1, LARGE) && is_there(to, "c", "", 0));
	native_hash_bytes(text + 1, LARGE, expected);
	assert(!memcmp(digests + 16, expected, 16));
	assert(!fstatat(to, "b", &status, 0) && (status.st_mode & 07777) == 0640);
	free(text);
}

static void disturbed(void)
{
	is_disturbed = true;
	copied();
	written();
}

/* A full disk is said for the file that it hits. */
static void full(void)
{
	int from = place("from"), errors[3] = {0};
	struct native_owner mine = {getuid(), getgid(), 0600}, owners[] = {mine, mine, mine};
	const uint64_t sizes[] = {0, 3, 0};
	unsigned char digests[48];

	put(from, "one", "new", 3);
	write_error = ENOSPC;
	native_copy_names(from, place("to"), "one", 1, errors);
	assert(errors[0] == ENOSPC);
	errors[0] = 0;
	native_write_names(place("other"), "a\0b\0c", 3, (const unsigned char *)"new", sizes, owners, errors, digests);
	assert(!errors[0] && errors[1] == ENOSPC && !errors[2] && faccessat(place("other"), "c", F_OK, 0));
}

static void removed(void)
{
	int top = place("top"), errors[4] = {0};

	put(top, "file", "", 0);
	assert(!mkdirat(top, "directory", 0700) && !symlinkat("directory", top, "link"));
	native_remove_names(top, "file\0none\0directory\0link", 4, errors);
	assert(!errors[0] && !errors[1] && !errors[2] && !errors[3]);
	assert(faccessat(top, "file", F_OK, 0) && faccessat(top, "link", F_OK, AT_SYMLINK_NOFOLLOW));
	assert(!faccessat(top, "directory", F_OK, 0));
	native_remove_names(-1, "file\0other", 2, errors);
	assert(errors[0] == EBADF && !errors[1]);
}

int main(int count, char **words)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {{"copied", copied}, {"linked", linked}, {"refused", refused}, {"written", written}, {"disturbed", disturbed}, {"full", full}, {"removed", removed}};

	if (count != 3 || chdir(words[1]))
		return 2;
	for (size_t n = 0; n < sizeof(cases) / sizeof(*cases); n++)
		if (!strcmp(words[2], cases[n].name)) {
			cases[n].run();
			puts("held");
			return 0;
		}
	return 2;
}
