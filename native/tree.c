#define _GNU_SOURCE
#include "tree.h"

#include "digest.h"
#include "patterns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* how often something is read that changes meanwhile */
#define TRIES 5
/* files from which on several threads are worth their while, and so many that others wait no longer: for each time that they are
 * shared out, threads are woken */
#define ENOUGH 64
#define PLENTY 1024
/* directories whose files wait to be read */
#define MOST_HELD 64
#define MOST_THREADS 16
#define BUFFER 262144
/* a change less than this before the scan may not show in a file's times: the clock of the file system ticks in steps */
#define TICK 20000000
/* bytes of all paths together: what is deeper or wider is no configuration */
#define MOST_TEXT ((size_t)256 << 20)
/* no errno value: it is not there any more */
#define GONE -1

#define DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define READING (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* a path that was found, before the entries are sorted */
struct found {
	struct native_entry entry;
	size_t path, name, target; /* where they begin in `text`: the whole path, its last name, the target of a link */
	int directory;		   /* in which it lies; open until it has been read */
};

struct scan {
	struct found *found;
	size_t count, room;
	char *text;
	size_t length, text_room;
	const char *start, *patterns;
	uint32_t pattern_count;
	struct native_progress *progress;
	bool gently;
	int64_t began;
	dev_t device;
	/* directories, open, of files that have not been read yet; these are the entries from `unread` on */
	int held[MOST_HELD];
	size_t held_count, unread;
	/* directories that have not been entered yet: numbers of entries, the next one last */
	size_t *waiting;
	size_t waiting_count, waiting_room;
	/* these files, shared out among threads */
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	pthread_t threads[MOST_THREADS];
	uint32_t thread_count, wanted_threads, busy;
	uint64_t round;
	bool ending;
	int directory;
	size_t end;
	atomic_size_t next;
};

static int64_t nanoseconds(struct timespec time)
{
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static bool is_cancelled(struct scan *scan)
{
	return scan->progress && __atomic_load_n(&scan->progress->cancelled, __ATOMIC_RELAXED);
}

static void advance(struct scan *scan, uint64_t files, uint64_t bytes)
{
	if (scan->progress) {
		__atomic_fetch_add(&scan->progress->files, files, __ATOMIC_RELAXED);
		__atomic_fetch_add(&scan->progress->bytes, bytes, __ATOMIC_RELAXED);
	}
}

static void take_status(struct native_entry *entry, const struct stat *status)
{
	entry->mode = status->st_mode;
	entry->uid = status->st_uid;
	entry->gid = status->st_gid;
	entry->size = S_ISREG(status->st_mode) ? status->st_size : 0;
	entry->mtime = nanoseconds(status->st_mtim);
	entry->ctime = nanoseconds(status->st_ctim);
	entry->inode = status->st_ino;
}

/* ---- one file ---- */

/* The digest of the rest of a file whose first bytes fill the buffer, and how many bytes it has in all. EAGAIN for what has no end:
 * what is no file, and one that grows as fast as it is read. */
static int hash_rest(struct scan *scan, int fd, unsigned char *buffer, unsigned char digest[16], int64_t *size)
{
	XXH3_state_t *state = XXH3_createState();
	struct stat status;
	ssize_t got = BUFFER;
	int error = !state ? ENOMEM : fstat(fd, &status) ? errno : S_ISREG(status.st_mode) ? 0 : EAGAIN;

	if (state)
		XXH3_128bits_reset(state);
	*size = 0;
	while (!error && got > 0) {
		native_digest_update(state, buffer, (size_t)got);
		*size += got;
		advance(scan, 0, (uint64_t)got);
		do
			got = read(fd, buffer, BUFFER);
		while (got < 0 && errno == EINTR);
		if (got < 0 || is_cancelled(scan))
			error = got < 0 ? errno : ECANCELED;
		else if (*size > status.st_size)
			error = EAGAIN;
	}
	if (!error)
		XXH128_canonicalFromHash((XXH128_canonical_t *)digest, XXH3_128bits_digest(state));
	XXH3_freeState(state);
	return error;
}

/* Its digest, and how many bytes it had when it was read. Most files are read at once. */
static int hash_file(struct scan *scan, int fd, unsigned char *buffer, unsigned char digest[16], int64_t *size)
{
	ssize_t got;

	do
		got = read(fd, buffer, BUFFER);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno;
	if (got == BUFFER)
		return hash_rest(scan, fd, buffer, digest, size);
	*size = got;
	advance(scan, 0, (uint64_t)got);
	XXH128_canonicalFromHash((XXH128_canonical_t *)digest, native_digest(buffer, (size_t)got));
	return 0;
}

static bool is_same_moment(const struct stat *one, const struct stat *other)
{
	return one->st_size == other->st_size && nanoseconds(one->st_mtim) == nanoseconds(other->st_mtim) &&
	       nanoseconds(one->st_ctim) == nanoseconds(other->st_ctim);
}

/* The digest of an open file, and its status when that was read. EAGAIN if it is none, or was written to meanwhile: what changed last
 * before the scan began has not; of anything else it is looked at before and after. */
static int read_open_file(struct scan *scan, int fd, unsigned char *buffer, struct native_entry *entry)
{
	struct stat before, after;
	unsigned char first[16];
	int64_t size = 0;
	int error = hash_file(scan, fd, buffer, first, &size);

	if (fstat(fd, &before))
		return errno;
	if (!S_ISREG(before.st_mode))
		return EAGAIN;
	take_status(entry, &before);
	if (error)
		return error;
	memcpy(entry->digest, first, sizeof(first));
	if (nanoseconds(before.st_ctim) < scan->began - TICK)
		return size == before.st_size ? 0 : EAGAIN;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return errno;
	error = hash_file(scan, fd, buffer, entry->digest, &size);
	if (!error && fstat(fd, &after))
		error = errno;
	if (error)
		return error;
	return size == after.st_size && is_same_moment(&before, &after) && !memcmp(first, entry->digest, sizeof(first)) ? 0 : EAGAIN;
}

/* 0, EAGAIN to try again, GONE, or the errno value for which it cannot be read. */
static int read_file(struct scan *scan, int place, const char *name, struct native_entry *entry, unsigned char *buffer)
{
	struct stat status;
	int error, fd = openat(place, name, READING | (scan->gently ? O_NOATIME : 0));

	if (fd < 0 && errno == EPERM && scan->gently) /* it is somebody else's, and we are not root */
		fd = openat(place, name, READING);
	if (fd >= 0) {
		error = read_open_file(scan, fd, buffer, entry);
		close(fd);
		return error;
	}
	error = errno;
	if (error == ENOENT)
		return GONE;
	if (error == ELOOP || error == ENXIO || error == ENOTDIR)
		return EAGAIN;
	if (fstatat(place, name, &status, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? GONE : errno;
	take_status(entry, &status);
	return error;
}

/* What was a file when its directory was listed; by now it may be something else. */
static void read_entry(struct scan *scan, struct found *found, unsigned char *buffer)
{
	const char *name = scan->text + found->name;
	struct stat status;
	int error = EAGAIN;

	for (int tries = 0; tries < TRIES && error == EAGAIN; tries++) {
		error = read_file(scan, found->directory, name, &found->entry, buffer);
		if (error == EAGAIN && fstatat(found->directory, name, &status, AT_SYMLINK_NOFOLLOW))
			error = errno == ENOENT ? GONE : errno;
	}
	found->entry.error = error;
	advance(scan, 1, 0);
}

static void read_entries(struct scan *scan)
{
	unsigned char *buffer = malloc(BUFFER);
	size_t n;

	while ((n = atomic_fetch_add(&scan->next, 1)) < scan->end) {
		struct found *found = &scan->found[n];

		if (!S_ISREG(found->entry.mode))
			continue;
		if (!buffer || is_cancelled(scan))
			found->entry.error = buffer ? ECANCELED : ENOMEM;
		else
			read_entry(scan, found, buffer);
	}
	free(buffer);
}

/* ---- threads ---- */

static void *work(void *given)
{
	struct scan *scan = given;
	uint64_t round = 0;

	pthread_mutex_lock(&scan->lock);
	for (;;) {
		while (!scan->ending && scan->round == round)
			pthread_cond_wait(&scan->work, &scan->lock);
		if (scan->ending)
			break;
		round = scan->round;
		pthread_mutex_unlock(&scan->lock);
		read_entries(scan);
		pthread_mutex_lock(&scan->lock);
		if (--scan->busy == 0)
			pthread_cond_signal(&scan->done);
	}
	pthread_mutex_unlock(&scan->lock);
	return NULL;
}

/* The files among the entries that have not been read, by as many threads as there are; this one is one of them. */
static void share_out(struct scan *scan)
{
	size_t first = scan->unread;

	scan->unread = scan->count;
	atomic_store(&scan->next, first);
	scan->end = scan->count;
	if (scan->count - first < ENOUGH) {
		read_entries(scan);
		return;
	}
	while (scan->round == 0 && scan->thread_count + 1 < scan->wanted_threads &&
	       !pthread_create(&scan->threads[scan->thread_count], NULL, work, scan))
		scan->thread_count++;
	pthread_mutex_lock(&scan->lock);
	scan->busy = scan->thread_count;
	scan->round++;
	pthread_cond_broadcast(&scan->work);
	pthread_mutex_unlock(&scan->lock);
	read_entries(scan);
	pthread_mutex_lock(&scan->lock);
	while (scan->busy)
		pthread_cond_wait(&scan->done, &scan->lock);
	pthread_mutex_unlock(&scan->lock);
}

static void end_threads(struct scan *scan)
{
	pthread_mutex_lock(&scan->lock);
	scan->ending = true;
	pthread_cond_broadcast(&scan->work);
	pthread_mutex_unlock(&scan->lock);
	while (scan->thread_count)
		pthread_join(scan->threads[--scan->thread_count], NULL);
}

/* ---- directories ---- */

/* Keep those bytes and a NUL; returns where they begin, SIZE_MAX without memory. */
static size_t keep(struct scan *scan, const char *bytes, size_t size)
{
	size_t at = scan->length;

	if (at + size + 1 > MOST_TEXT)
		return SIZE_MAX;
	if (at + size + 1 > scan->text_room) {
		size_t room = 2 * (scan->text_room + size + 1);
		char *text = realloc(scan->text, room);

		if (!text)
			return SIZE_MAX;
		scan->text = text;
		scan->text_room = room;
	}
	if (size)
		memcpy(scan->text + at, bytes, size);
	scan->text[at + size] = '\0';
	scan->length += size + 1;
	return at;
}

static bool is_left_out(struct scan *scan, const char *path)
{
	const char *pattern = scan->patterns;
	bool matched = false;
	size_t start = strlen(scan->start), size = strlen(path);
	char *whole = scan->pattern_count ? malloc(start + size + 1) : NULL;

	if (!whole)
		return false;
	memcpy(whole, scan->start, start);
	memcpy(whole + start, path, size + 1);
	for (uint32_t n = 0; n < scan->pattern_count && !matched; n++, pattern += strlen(pattern) + 1)
		matched = native_matches(pattern, whole);
	free(whole);
	return matched;
}

static int read_link(struct scan *scan, const char *name, struct found *found)
{
	char target[PATH_MAX + 1];
	ssize_t size = readlinkat(scan->directory, name, target, sizeof(target));

	if (size < 0)
		return errno == ENOENT ? GONE : errno == EINVAL ? EAGAIN : errno;
	found->target = keep(scan, target, (size_t)size);
	if (found->target == SIZE_MAX)
		return ENOMEM;
	found->entry.size = size;
	XXH128_canonicalFromHash((XXH128_canonical_t *)found->entry.digest, native_digest(target, (size_t)size));
	return 0;
}

/* Take a name of the open directory, whose path takes the first `prefix` bytes of `path`. Files are read later. */
static int take_name(struct scan *scan, const char *path, size_t prefix, const struct dirent *child)
{
	struct found found = {0};
	struct stat status;
	int error = EAGAIN;

	if (is_left_out(scan, path))
		return 0;
	if (scan->count == scan->room) {
		size_t room = scan->room ? 2 * scan->room : 256;
		struct found *grown = realloc(scan->found, room * sizeof(*grown));

		if (!grown)
			return ENOMEM;
		scan->found = grown;
		scan->room = room;
	}
	found.path = keep(scan, path, strlen(path));
	if (found.path == SIZE_MAX)
		return ENOMEM;
	found.name = found.path + prefix;
	found.target = found.path + strlen(path); /* the NUL of the path: "" */
	found.directory = scan->directory;
	found.entry.mode = S_IFREG;
	if (child->d_type != DT_REG)
		for (int tries = 0; tries < TRIES && error == EAGAIN; tries++) {
			error = fstatat(scan->directory, child->d_name, &status, AT_SYMLINK_NOFOLLOW) ? errno : 0;
			if (error == ENOENT)
				return 0;
			if (!error)
				take_status(&found.entry, &status);
			if (!error && S_ISLNK(status.st_mode))
				error = read_link(scan, child->d_name, &found);
		}
	if (error == GONE)
		return 0;
	if (error == ENOMEM)
		return error;
	found.entry.error = child->d_type == DT_REG ? 0 : error;
	scan->found[scan->count++] = found;
	return 0;
}

/* List the open directory, whose path below the top is `path`. The descriptor stays open. */
static int scan_directory(struct scan *scan, const char *path)
{
	size_t prefix = strlen(path) ? strlen(path) + 1 : 0, room = prefix + NAME_MAX + 1;
	int handle = openat(scan->directory, ".", DIRECTORY), error = 0;
	DIR *listing = handle < 0 ? NULL : fdopendir(handle);
	char *whole = malloc(room + 1);
	struct dirent *child;

	if (!listing || !whole) {
		error = listing ? ENOMEM : errno;
		if (listing)
			closedir(listing);
		else if (handle >= 0)
			close(handle);
		free(whole);
		return error;
	}
	if (prefix) {
		memcpy(whole, path, prefix - 1);
		whole[prefix - 1] = '/';
	}
	while (!error && (errno = 0, child = readdir(listing)) != NULL) {
		if (!strcmp(child->d_name, ".") || !strcmp(child->d_name, ".."))
			continue;
		strncpy(whole + prefix, child->d_name, room - prefix);
		whole[room] = '\0';
		error = is_cancelled(scan) ? ECANCELED : take_name(scan, whole, prefix, child);
	}
	if (!error && errno)
		error = errno;
	closedir(listing);
	free(whole);
	return error;
}

/* Read what has not been read, and give its directories up. */
static void read_held(struct scan *scan, bool is_wanted)
{
	if (is_wanted)
		share_out(scan);
	while (scan->held_count)
		close(scan->held[--scan->held_count]);
}

/* Keep a directory open until its files have been read, which is soon. */
static void hold_directory(struct scan *scan, int handle)
{
	scan->held[scan->held_count++] = handle;
	if (scan->held_count == MOST_HELD || scan->count - scan->unread >= PLENTY)
		read_held(scan, true);
}

/* A descriptor of the directory `path` below `top`, by one name after the other; negative, with errno, if a name is none any more. */
static int open_below(int top, const char *path)
{
	char name[NAME_MAX + 1];
	int handle = openat(top, ".", DIRECTORY);

	while (handle >= 0 && *path) {
		size_t size = strcspn(path, "/");
		int below;

		memcpy(name, path, size);
		name[size] = '\0';
		below = openat(handle, name, DIRECTORY);
		close(handle);
		handle = below;
		path += size + (path[size] == '/');
	}
	return handle;
}

/* The directory that comes next, opened; where it lies in the last one, from there. */
static int open_next(int top, const char *path, const char *last, int last_handle)
{
	const char *slash = strrchr(path, '/');
	size_t above = slash ? (size_t)(slash - path) : 0;

	if (last_handle >= 0 && strlen(last) == above && !strncmp(last, path, above))
		return openat(last_handle, slash ? slash + 1 : path, DIRECTORY);
	return open_below(top, path);
}

/* The directories among the entries from `first` on wait to be entered. */
static int await_directories(struct scan *scan, size_t first)
{
	for (size_t n = scan->count; n-- > first;) {
		if (!S_ISDIR(scan->found[n].entry.mode))
			continue;
		if (scan->waiting_count == scan->waiting_room) {
			size_t room = scan->waiting_room ? 2 * scan->waiting_room : 64;
			size_t *grown = realloc(scan->waiting, room * sizeof(*grown));

			if (!grown)
				return ENOMEM;
			scan->waiting = grown;
			scan->waiting_room = room;
		}
		scan->waiting[scan->waiting_count++] = n;
	}
	return 0;
}

/* Enter a directory, from the one that was entered last where it lies there; what it says of itself now counts. Negative if it is
 * not entered: another file system, or what it has become meanwhile, or the reason is its error. */
static int enter(struct scan *scan, int top, struct found *found, const char *last, int last_handle)
{
	const char *path = scan->text + found->path;
	int handle = open_next(top, path, last, last_handle);
	struct stat status;

	if (handle < 0 || fstat(handle, &status)) {
		found->entry.error = errno == ENOENT ? GONE : errno == ENOTDIR || errno == ELOOP ? EAGAIN : errno;
	} else {
		take_status(&found->entry, &status);
		if (status.st_dev == scan->device)
			return handle;
	}
	if (handle >= 0)
		close(handle);
	return -1;
}

/* Enter the next directory that lets itself be entered, and give the last one to be read; `path` and `entered` become its own. */
static int enter_next(struct scan *scan, int top, char **path, size_t *entered)
{
	int last_handle = scan->directory, error = 0;
	char *last = *path;

	*path = NULL;
	scan->directory = -1;
	while (!error && scan->directory < 0 && scan->waiting_count) {
		*entered = scan->waiting[--scan->waiting_count];
		free(*path);
		*path = strdup(scan->text + scan->found[*entered].path);
		if (*path)
			scan->directory = enter(scan, top, &scan->found[*entered], last, last_handle);
		else
			error = ENOMEM;
	}
	hold_directory(scan, last_handle);
	free(last);
	return error;
}

/* Every directory, depth first. Where one below the top cannot be listed, that is its entry's error. */
static int scan_below(struct scan *scan, int top)
{
	size_t entered = SIZE_MAX;
	char *path = strdup("");
	int error = path ? 0 : ENOMEM;

	scan->directory = error ? -1 : openat(top, ".", DIRECTORY);
	if (!error && scan->directory < 0)
		error = errno;
	while (!error && scan->directory >= 0) {
		size_t first = scan->count;

		error = scan_directory(scan, path);
		if (error && error != ENOMEM && error != ECANCELED && entered != SIZE_MAX) {
			scan->found[entered].entry.error = error;
			error = 0;
		}
		if (!error)
			error = await_directories(scan, first);
		if (!error)
			error = enter_next(scan, top, &path, &entered);
	}
	if (scan->directory >= 0)
		close(scan->directory);
	read_held(scan, !error);
	free(path);
	free(scan->waiting);
	return error;
}

/* ---- the result ---- */

static int compare(const void *one, const void *other, void *text)
{
	return strcmp((char *)text + ((const struct found *)one)->path, (char *)text + ((const struct found *)other)->path);
}

static int lay_out(struct scan *scan, struct native_tree *tree)
{
	size_t size = 0, count = 0;
	char *names;

	for (size_t n = 0; n < scan->count; n++) {
		struct found *found = &scan->found[n];

		if (found->entry.error == GONE)
			continue;
		size += strlen(scan->text + found->path) + strlen(scan->text + found->target) + 2;
		scan->found[count++] = *found;
	}
	if (count)
		qsort_r(scan->found, count, sizeof(*scan->found), compare, scan->text);
	tree->entries = malloc((count + 1) * sizeof(*tree->entries));
	tree->names = names = malloc(size + 1);
	if (!tree->entries || !names) {
		native_free_tree(tree);
		return ENOMEM;
	}
	for (size_t n = 0; n < count; n++) {
		tree->entries[n] = scan->found[n].entry;
		names = stpcpy(names, scan->text + scan->found[n].path) + 1;
		names = stpcpy(names, scan->text + scan->found[n].target) + 1;
	}
	tree->count = count;
	tree->names_size = size;
	return 0;
}

static int run_scan(struct scan *scan, int top, struct native_tree *tree)
{
	struct timespec now;
	struct stat status;
	int error;

	memset(tree, 0, sizeof(*tree));
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	scan->began = nanoseconds(now);
	if (fstat(top, &status))
		return errno;
	scan->device = status.st_dev;
	error = scan_below(scan, top);
	end_threads(scan);
	if (!error && is_cancelled(scan))
		error = ECANCELED;
	if (!error)
		error = lay_out(scan, tree);
	free(scan->found);
	free(scan->text);
	return error;
}

int native_scan_tree(int top, const char *start, const char *patterns, uint32_t pattern_count, uint32_t threads,
		     struct native_progress *progress, struct native_tree *tree)
{
	struct scan scan = {.start = start, .patterns = patterns, .pattern_count = pattern_count, .progress = progress,
			    .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER,
			    .wanted_threads = threads > MOST_THREADS ? MOST_THREADS : threads};

	return run_scan(&scan, top, tree);
}

/* ---- while there is nothing else to do ---- */

struct gentle_scan {
	struct scan scan;
	int top, error;
	struct native_tree *tree;
};

/* In Linux either priority is a thread's own: that of whoever waits for this one stays as it is. */
static void *run_gently(void *given)
{
	struct gentle_scan *gentle = given;

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
	syscall(SYS_ioprio_set, 1 /* one thread */, 0 /* this one */, 3 << 13 /* idle */);
	gentle->error = run_scan(&gentle->scan, gentle->top, gentle->tree);
	return NULL;
}

int native_scan_tree_gently(int top, const char *start, const char *patterns, uint32_t pattern_count,
			    struct native_progress *progress, struct native_tree *tree)
{
	struct gentle_scan gentle = {.scan = {.start = start, .patterns = patterns, .pattern_count = pattern_count,
					      .progress = progress, .gently = true, .lock = PTHREAD_MUTEX_INITIALIZER,
					      .work = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER},
				     .top = top, .tree = tree};
	pthread_t thread;
	int error = pthread_create(&thread, NULL, run_gently, &gentle);

	if (error)
		return error;
	pthread_join(thread, NULL);
	return gentle.error;
}

void native_free_tree(struct native_tree *tree)
{
	free(tree->entries);
	free(tree->names);
	memset(tree, 0, sizeof(*tree));
}
