/* Fuzz target (libFuzzer): what comes as a packed block. Whatever it is, it becomes no more than it may, and what goes round comes
 * back. */
#include "zstd_block.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST (1 << 17)

static void require(int held)
{
	if (!held)
		abort();
}

static void go_round(const unsigned char *data, size_t size)
{
	unsigned char *packed = malloc(MOST), *found = malloc(size + 1);
	int64_t small;

	require(packed && found);
	small = native_zstd_pack(data, size, packed, MOST);
	require(small > 0 && native_zstd_unpack(packed, (uint64_t)small, found, size) == (int64_t)size);
	require(!memcmp(found, data, size));
	free(packed);
	free(found);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* The first byte says how much room there is. A head that libFuzzer would have to guess stands before every other input. */
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	size_t most, head;
	unsigned char *found, *frame;
	int64_t becomes;

	if (!size)
		return 0;
	most = (size_t)data[0] << 9;
	head = data[0] & 1 ? 4 : 0;
	found = malloc(most + !most);
	frame = malloc(size + 4);
	require(found && frame);
	memcpy(frame, "\x28\xb5\x2f\xfd", 4);
	memcpy(frame + head, data + 1, size - 1);
	becomes = native_zstd_unpack(frame, head + size - 1, found, most);
	require(becomes <= (int64_t)most);
	if (becomes > 0)
		go_round(found, (size_t)becomes);
	go_round(data, size);
	free(found);
	free(frame);
	return 0;
}
