/* Packed blocks, in C alone: `zstd_test CASE`. */
#define _GNU_SOURCE
#include "zstd_block.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define BLOCK (1 << 17)

static unsigned char data[4 * BLOCK], packed[4 * BLOCK], room[BLOCK + 1];

static void fill(unsigned seed)
{
	for (size_t n = 0; n < sizeof(data); n++)
		data[n] = (unsigned char)('a' + (seed = seed * 1103515245 + 12345) / 65536 % (n / BLOCK % 2 ? 4 : 26));
}

/* Exactly as much memory as it may take, so that the sanitizer sees a byte more. */
static int64_t unpack(const unsigned char *from, size_t size, size_t most)
{
	unsigned char *frame = malloc(size ? size : 1), *to = malloc(most ? most : 1);
	int64_t result;

	assert(frame && to);
	memcpy(frame, from, size);
	result = native_zstd_unpack(frame, size, to, most);
	if (result > 0)
		memcpy(room, to, (size_t)result);
	free(frame);
	free(to);
	return result;
}

static void every_size(void)
{
	static const size_t sizes[] = {0, 1, 2, 255, 256, 65535, 65536, BLOCK - 1, BLOCK};

	fill(1);
	for (size_t n = 0; n < sizeof(sizes) / sizeof(*sizes); n++) {
		int64_t size = native_zstd_pack(data, sizes[n], packed, sizeof(packed));

		assert(size > 0 && unpack(packed, (size_t)size, BLOCK) == (int64_t)sizes[n]);
		assert(!memcmp(room, data, sizes[n]));
	}
}

/* It takes the room that it needs, and no less; what does not fit is no error. */
static void bounded(void)
{
	int64_t size;

	fill(2);
	size = native_zstd_pack(data, BLOCK, packed, BLOCK);
	assert(size > 0 && size < BLOCK && native_zstd_pack(data, BLOCK, packed, (uint64_t)size / 2) == 0);
	assert(native_zstd_pack(data, BLOCK, packed, 0) == 0);
	assert(native_zstd_pack(data, BLOCK, packed, BLOCK) == size);
	assert(unpack(packed, (size_t)size, BLOCK) == BLOCK);
	assert(unpack(packed, (size_t)size, BLOCK - 1) == -EFBIG && unpack(packed, (size_t)size, 0) == -EFBIG);
}

static size_t pack_by(int window, int says_size, size_t size)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();
	ZSTD_inBuffer in = {data, size, 0};
	ZSTD_outBuffer out = {packed, sizeof(packed), 0};

	assert(context && !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window)));
	if (says_size)
		assert(!ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context, size)));
	assert(!ZSTD_isError(ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush)));
	assert(!ZSTD_compressStream2(context, &out, &in, ZSTD_e_end));
	ZSTD_freeCCtx(context);
	return out.pos;
}

/* A bomb, one that does not say what it becomes, one that lies about it, and one that wants to look back too far. */
static void bombs(void)
{
	static const unsigned char empty[1 << 20];
	size_t size = ZSTD_compress(packed, sizeof(packed), empty, sizeof(empty), 19);

	assert(!ZSTD_isError(size) && size < 1000 && unpack(packed, size, BLOCK) == -EFBIG);
	fill(3);
	size = pack_by(17, 0, BLOCK);
	assert(unpack(packed, size, BLOCK) == -EBADMSG);
	size = pack_by(10, 1, BLOCK);
	assert(unpack(packed, size, BLOCK) == BLOCK && !(packed[4] & 0x20));
	packed[5] = 10 << 3; /* a window of 1 MiB */
	assert(unpack(packed, size, BLOCK) == BLOCK);
	packed[5] += 1; /* and of an eighth more */
	assert(unpack(packed, size, BLOCK) == -EFBIG);
	packed[5] = 21 << 3; /* of 2 GiB */
	assert(unpack(packed, size, BLOCK) == -EFBIG);
	size = (size_t)native_zstd_pack(data, 70000, packed, sizeof(packed));
	assert(packed[4] >> 6 == 2 && packed[4] & 0x20);
	packed[5]--; /* it becomes a byte more than it says */
	assert(unpack(packed, size, BLOCK) == -EBADMSG || unpack(packed, size, BLOCK) == -EFBIG);
}

/* Two frames, one that is skipped, a piece of one, or more behind it, are no block. */
static void damaged(void)
{
	static const unsigned char skipped[] = {0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4};
	size_t size;

	fill(4);
	size = (size_t)native_zstd_pack(data, 5000, packed, sizeof(packed));
	for (size_t cut = 0; cut < size; cut++)
		assert(unpack(packed, cut, BLOCK) == -EBADMSG);
	for (size_t n = 0; n < size; n++) {
		packed[n] ^= 0xff;
		assert(unpack(packed, size, BLOCK) <= BLOCK);
		packed[n] ^= 0xff;
	}
	assert(unpack(packed, size, BLOCK) == 5000);
	memcpy(packed + size, packed, size);
	assert(unpack(packed, 2 * size, BLOCK) == -EBADMSG && unpack(packed, size + 1, BLOCK) == -EBADMSG);
	assert(unpack(skipped, sizeof(skipped), BLOCK) == -EBADMSG && unpack((const unsigned char *)"", 0, BLOCK) == -EBADMSG);
}

static void *go_round(void *seed)
{
	unsigned char *from = malloc(BLOCK), *small = malloc(BLOCK), *to = malloc(BLOCK);

	assert(from && small && to);
	for (unsigned round = 0; round < 20; round++) {
		int64_t size;

		for (size_t n = 0; n < BLOCK; n++)
			from[n] = (unsigned char)(n / 7 % (2 + round + *(unsigned *)seed));
		size = native_zstd_pack(from, BLOCK, small, BLOCK);
		assert(size > 0 && native_zstd_unpack(small, (uint64_t)size, to, BLOCK) == BLOCK && !memcmp(from, to, BLOCK));
	}
	free(from);
	free(small);
	free(to);
	return NULL;
}

static void threads(void)
{
	pthread_t running[4];
	unsigned seeds[4] = {1, 2, 3, 4};

	for (int n = 0; n < 4; n++)
		assert(!pthread_create(running + n, NULL, go_round, seeds + n));
	for (int n = 0; n < 4; n++)
		assert(!pthread_join(running[n], NULL));
}

int main(int count, char **words)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {{"every_size", every_size}, {"bounded", bounded}, {"bombs", bombs}, {"damaged", damaged}, {"threads", threads}};

	for (size_t n = 0; count == 2 && n < sizeof(cases) / sizeof(*cases); n++)
		if (!strcmp(words[1], cases[n].name)) {
			cases[n].run();
			puts("held");
			return 0;
		}
	return 2;
}
