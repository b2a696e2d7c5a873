#define _GNU_SOURCE
#include "rsync.h"

#include <errno.h>
#include <librsync.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE 65536

static int write_all(int handle, const char *data, size_t size)
{
	while (size) {
		ssize_t count = write(handle, data, size);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return errno;
		data += count;
		size -= (size_t)count;
	}
	return 0;
}

/* Read more behind what the job has not taken yet. */
static int fill(int in, char *piece, rs_buffers_t *buffers)
{
	ssize_t count;

	for (size_t left = 0; left < buffers->avail_in; left++)
		piece[left] = buffers->next_in[left];
	buffers->next_in = piece;
	do
		count = read(in, piece + buffers->avail_in, PIECE - buffers->avail_in);
	while (count < 0 && errno == EINTR);
	if (count < 0)
		return errno;
	buffers->avail_in += (size_t)count;
	buffers->eof_in = count == 0;
	return 0;
}

/* Run a job to its end; it is freed. `out` is negative for one that writes nothing, `most` for no bound. */
static int run(rs_job_t *job, int in, int out, int64_t most)
{
	char *pieces = malloc(2 * PIECE);
	rs_buffers_t buffers = {.next_in = pieces};
	rs_result result = RS_BLOCKED;
	int error = pieces && job ? 0 : ENOMEM;

	rs_trace_set_level(RS_LOG_EMERG); /* what a peer sends is no reason to write to stderr */

	while (!error && result == RS_BLOCKED) {
		if (!buffers.eof_in && buffers.avail_in < PIECE)
			error = fill(in, pieces, &buffers);
		if (error)
			break;
		buffers.next_out = pieces + PIECE;
		buffers.avail_out = PIECE;
		result = rs_job_iter(job, &buffers);

		size_t made = PIECE - buffers.avail_out;

		if (most >= 0 && (int64_t)made > most)
			error = EFBIG;
		else if (made && out >= 0)
			error = write_all(out, pieces + PIECE, made);
		most -= most >= 0 && !error ? (int64_t)made : 0;
	}
	if (!error && result != RS_DONE)
		error = -(int)result;
	if (job)
		rs_job_free(job);
	free(pieces);
	return error;
}

int native_rsync_signature(int old, int64_t size, int signature)
{
	rs_magic_number magic = 0;
	size_t block = 0, strong = (size_t)-1; /* as few bytes as tell blocks apart */

	if (rs_sig_args(size, &magic, &block, &strong) != RS_DONE)
		return EINVAL;
	return run(rs_sig_begin(block, strong, magic), old, signature, -1);
}

int native_rsync_delta(int signature, int new_file, int delta, int64_t most)
{
	rs_signature_t *sums = NULL;
	int error = run(rs_loadsig_begin(&sums), signature, -1, -1);

	if (!error && rs_build_hash_table(sums) != RS_DONE)
		error = ENOMEM;
	if (!error)
		error = run(rs_delta_begin(sums), new_file, delta, most);
	if (sums)
		rs_free_sumset(sums);
	return error;
}

static rs_result copy(void *handle, rs_long_t place, size_t *size, void **data)
{
	ssize_t count = pread(*(int *)handle, *data, *size, place);

	if (count <= 0)
		return count ? RS_IO_ERROR : RS_INPUT_ENDED;
	*size = (size_t)count;
	return RS_DONE;
}

int native_rsync_patch(int old, int delta, int new_file, int64_t most)
{
	return run(rs_patch_begin(copy, &old), delta, new_file, most);
}
