#define _GNU_SOURCE
#include "native.h"

#include "digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

int native_hash_fd(int fd, unsigned char digest[16], uint64_t *size)
{
	unsigned char buffer[262144];
	XXH3_state_t *state = XXH3_createState();
	ssize_t got;

	*size = 0;
	if (!state)
		return ENOMEM;
	XXH3_128bits_reset(state);
	while ((got = read(fd, buffer, sizeof(buffer))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int error = errno;

			XXH3_freeState(state);
			return error;
		}
		native_digest_update(state, buffer, (size_t)got);
		*size += (uint64_t)got;
	}
	XXH128_canonicalFromHash((XXH128_canonical_t *)digest, XXH3_128bits_digest(state));
	XXH3_freeState(state);
	return 0;
}

void native_hash_bytes(const void *data, uint64_t size, unsigned char digest[16])
{
	XXH128_canonicalFromHash((XXH128_canonical_t *)digest, native_digest(data, (size_t)size));
}

static int64_t nanoseconds(struct timespec time)
{
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int native_stat_names(int dir, const char *names, uint32_t count, int64_t *status)
{
	for (uint32_t n = 0; n < count; n++, names += strlen(names) + 1, status += NATIVE_STATUS) {
		struct stat found = {0};

		if (fstatat(dir, names, &found, AT_SYMLINK_NOFOLLOW) && errno != ENOENT)
			return errno;
		status[0] = found.st_mode;
		status[1] = found.st_uid;
		status[2] = found.st_gid;
		status[3] = (int64_t)found.st_ino;
		status[4] = found.st_size;
		status[5] = nanoseconds(found.st_mtim);
		status[6] = nanoseconds(found.st_ctim);
	}
	return 0;
}

static int64_t read_name(int dir, const char *name, unsigned char *bytes, uint64_t room)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int64_t size = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	/* One byte less than there is room for is all of it, as a rule: nothing is asked again for that. */
	do {
		got = read(fd, bytes + size, room - (uint64_t)size);
		if (got < 0 && errno != EINTR) {
			size = -errno;
			break;
		}
		size += got > 0 ? got : 0;
	} while (got != 0 && (uint64_t)size + 1 < room);
	close(fd);
	return size;
}

void native_read_names(int dir, const char *names, uint32_t count, const uint64_t *rooms, unsigned char *bytes, int64_t *sizes,
		       unsigned char *digests)
{
	for (uint32_t n = 0; n < count; n++, names += strlen(names) + 1) {
		sizes[n] = read_name(dir, names, bytes, rooms[n]);
		if (sizes[n] >= 0)
			native_hash_bytes(bytes, (uint64_t)sizes[n], digests + 16 * n);
		bytes += rooms[n];
	}
}

int native_exchange(int one_dir, const char *one, int other_dir, const char *other)
{
	one_dir = one_dir < 0 ? AT_FDCWD : one_dir;
	other_dir = other_dir < 0 ? AT_FDCWD : other_dir;
	return renameat2(one_dir, one, other_dir, other, RENAME_EXCHANGE) ? errno : 0;
}

void native_trim_heap(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
