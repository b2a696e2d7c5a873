/* Fuzz target (libFuzzer): what librsync is given as a delta, as a signature, and as two versions of a file. The first byte says which.
 * Whatever it is, it ends, makes no more than it may, and what goes round comes back. */
#define _GNU_SOURCE
#include "rsync.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 100000
#define NO_BOUND -1

static int files[4];
static unsigned char old[20000];

static void require(bool held)
{
	if (!held)
		abort();
}

/* An empty file that holds these bytes, to be read from its start. */
static int file_of(int number, const void *bytes, size_t size)
{
	require(!ftruncate(files[number], 0) && pwrite(files[number], bytes, size, 0) == (ssize_t)size);
	require(!lseek(files[number], 0, SEEK_SET));
	return files[number];
}

static int rewound(int fd)
{
	require(!lseek(fd, 0, SEEK_SET));
	return fd;
}

static off_t size_of(int fd)
{
	struct stat status;

	require(!fstat(fd, &status));
	return status.st_size;
}

static void read_delta(const uint8_t *data, size_t size)
{
	int made = file_of(2, "", 0);

	native_rsync_patch(file_of(0, old, sizeof(old)), file_of(1, data, size), made, MOST);
	require(size_of(made) <= MOST);
}

/* A delta to whatever the signature says is as large as its file and a little at most. */
static void read_signature(const uint8_t *data, size_t size)
{
	int delta = file_of(2, "", 0);

	native_rsync_delta(file_of(0, data, size), file_of(1, old, sizeof(old)), delta, NO_BOUND);
	require(size_of(delta) <= (off_t)(3 * sizeof(old)));
}

static void go_round(const uint8_t *data, size_t size)
{
	size_t first = size ? data[0] * size / 256 : 0;
	const uint8_t *new = data + first;
	unsigned char *made = malloc(size + 1);
	int signature = file_of(1, "", 0), delta;

	require(made && !native_rsync_signature(file_of(0, data, first), (int64_t)first, signature));
	delta = file_of(3, "", 0);
	require(!native_rsync_delta(rewound(signature), file_of(2, new, size - first), delta, NO_BOUND));
	file_of(2, "", 0);
	require(!native_rsync_patch(files[0], rewound(delta), files[2], (int64_t)(size - first)));
	require(pread(files[2], made, size + 1, 0) == (ssize_t)(size - first) && !memcmp(made, new, size - first));
	free(made);
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count;
	(void)arguments;
	for (size_t n = 0; n < sizeof(files) / sizeof(*files); n++)
		require((files[n] = memfd_create("file", MFD_CLOEXEC)) >= 0);
	for (size_t n = 0; n < sizeof(old); n++)
		old[n] = (unsigned char)(n / 100 * 7 + n % 100);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parts[])(const uint8_t *, size_t) = {read_delta, read_signature, go_round};

	if (size)
		parts[data[0] % 3](data + 1, size - 1);
	return 0;
}
