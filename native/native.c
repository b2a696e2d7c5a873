#define _GNU_SOURCE
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

int native_hash_fd(int fd, unsigned char digest[16], uint64_t *size)
{
	unsigned char buffer[65536];
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
		XXH3_128bits_update(state, buffer, (size_t)got);
		*size += (uint64_t)got;
	}
	XXH128_canonicalFromHash((XXH128_canonical_t *)digest, XXH3_128bits_digest(state));
	XXH3_freeState(state);
	return 0;
}

void native_hash_bytes(const void *data, uint64_t size, unsigned char digest[16])
{
	XXH128_canonicalFromHash((XXH128_canonical_t *)digest, XXH3_128bits(data, (size_t)size));
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
