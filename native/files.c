#define _GNU_SOURCE
#include "files.h"

#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE 262144
#define NO_FILE -1

static int write_all(int fd, const unsigned char *bytes, uint64_t size)
{
	while (size) {
		ssize_t count = write(fd, bytes, size);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return errno;
		bytes += count;
		size -= (uint64_t)count;
	}
	return 0;
}

/* As many as there were when it was opened, or fewer if it has been cut since. */
static int copy_bytes(int from, int to, off_t left)
{
	unsigned char piece[PIECE];
	ssize_t count = 1;

	while (left > 0 && count) {
		count = read(from, piece, left < PIECE ? (size_t)left : PIECE);
		if (count < 0 && errno != EINTR)
			return errno;
		if (count > 0) {
			int error = write_all(to, piece, (uint64_t)count);

			if (error)
				return error;
			left -= count;
		}
	}
	return 0;
}

static int create(int dir, const char *name)
{
	return openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* The owner first: a change of owner takes set-user-ID bits away. */
static int give(int fd, uint32_t uid, uint32_t gid, uint32_t mode)
{
	return fchown(fd, uid, gid) || fchmod(fd, mode & 07777) ? errno : 0;
}

static int copy_open_file(int fd, int to, const char *name)
{
	struct stat status;
	int made, error;

	if (fstat(fd, &status))
		return errno;
	if (!S_ISREG(status.st_mode)) /* it was a moment ago */
		return ELOOP;
	made = create(to, name);
	if (made < 0)
		return errno;
	error = copy_bytes(fd, made, status.st_size);
	if (!error)
		error = give(made, status.st_uid, status.st_gid, status.st_mode);
	if (!error && futimens(made, (struct timespec[]){status.st_atim, status.st_mtim}))
		error = errno;
	close(made);
	return error;
}

static int copy_name(int from, int to, const char *name)
{
	struct stat status;
	int fd, error;

	if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW))
		return errno;
	if (!S_ISREG(status.st_mode))
		return NO_FILE;
	fd = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno;
	error = copy_open_file(fd, to, name);
	close(fd);
	return error;
}

void native_copy_names(int from, int to, const char *names, uint32_t count, int32_t *errors)
{
	for (uint32_t n = 0; n < count && !(n && errors[n - 1] > 0); n++, names += strlen(names) + 1)
		errors[n] = copy_name(from, to, names);
}

void native_link_names(int from, int to, const char *names, uint32_t count, int32_t *errors)
{
	for (uint32_t n = 0; n < count; n++, names += strlen(names) + 1)
		errors[n] = linkat(from, names, to, names, 0) ? errno : 0;
}

/* The digest of what is in a file now: EIO unless it has that size. */
static int read_back(int fd, uint64_t size, unsigned char digest[16])
{
	unsigned char piece[PIECE];
	uint64_t found = 0;
	ssize_t count;
	int error;

	if (size < PIECE) {
		do
			count = pread(fd, piece, PIECE, 0);
		while (count < 0 && errno == EINTR);
		if (count < 0)
			return errno;
		if ((uint64_t)count == size) {
			native_hash_bytes(piece, size, digest);
			return 0;
		}
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return errno;
	error = native_hash_fd(fd, digest, &found);
	return error || found == size ? error : EIO;
}

static int write_name(int dir, const char *name, const unsigned char *bytes, uint64_t size, const struct native_owner *owner,
		      unsigned char digest[16])
{
	int fd = create(dir, name), error;

	if (fd < 0)
		return errno;
	error = write_all(fd, bytes, size);
	if (!error)
		error = give(fd, owner->uid, owner->gid, owner->mode);
	if (!error)
		error = read_back(fd, size, digest);
	close(fd);
	return error;
}

void native_write_names(int dir, const char *names, uint32_t count, const unsigned char *bytes, const uint64_t *sizes,
			const struct native_owner *owners, int32_t *errors, unsigned char *digests)
{
	for (uint32_t n = 0; n < count && !(n && errors[n - 1]); n++, names += strlen(names) + 1) {
		errors[n] = write_name(dir, names, bytes, sizes[n], owners + n, digests + 16 * (size_t)n);
		bytes += sizes[n];
	}
}

void native_remove_names(int dir, const char *names, uint32_t count, int32_t *errors)
{
	for (uint32_t n = 0; n < count && !(n && errors[n - 1]); n++, names += strlen(names) + 1)
		if (unlinkat(dir, names, 0) && errno != ENOENT && errno != EISDIR)
			errors[n] = errno;
}
