/* The scan of a tree, in C alone: `tree_test DIRECTORY CASE` makes a tree in an empty directory and looks at what the scan says.
 * What tree.c asks of the system goes through the __wrap functions here (ld --wrap), so that a change or an error comes at its
 * moment, every time. */
#define _GNU_SOURCE
#include "tree.h"

#include "native.h"
#include "patterns.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define MIB (1 << 20)
#define HUGE_SIZE ((5LL << 30) + 3)

static const char *place;
static int top;

/* ---- what the scan asks of the system ---- */

int __real_openat(int directory, const char *name, int flags, ...);
ssize_t __real_read(int fd, void *buffer, size_t size);
struct dirent *__real_readdir(void *listing);
void *__real_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *old);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*work)(void *), void *given);

/* What happens before a file or directory is opened, or some of it read; nonzero is the error instead. */
static int (*before_open)(const char *name);
static int (*before_read)(int fd);
static int listing_error;
static atomic_int opened, reads, created;
static atomic_size_t most_read, memory, peak;

int __wrap_openat(int directory, const char *name, int flags, ...)
{
	if (before_open) {
		opened++;
		if ((errno = before_open(name)))
			return -1;
	}
	return __real_openat(directory, name, flags, 0640);
}

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	reads++;
	most_read = size > most_read ? size : most_read;
	if (before_read && (errno = before_read(fd)))
		return -1;
	return __real_read(fd, buffer, size);
}

struct dirent *__wrap_readdir(void *listing)
{
	struct dirent *found = __real_readdir(listing);

	if (!found && listing_error && top >= 0) {
		errno = listing_error;
		listing_error = 0;
	}
	return found;
}

static void *counted(void *new)
{
	size_t now = atomic_fetch_add(&memory, malloc_usable_size(new)) + malloc_usable_size(new);

	peak = now > peak ? now : peak;
	return new;
}

void *__wrap_malloc(size_t size)
{
	return counted(__real_malloc(size));
}

void *__wrap_realloc(void *old, size_t size)
{
	size_t before = old ? malloc_usable_size(old) : 0;
	void *new = counted(__real_realloc(old, size)); /* while it is copied, both are there */

	memory -= before;
	return new;
}

char *__wrap_strdup(const char *text)
{
	return counted(__real_strdup(text));
}

void __wrap_free(void *old)
{
	if (old)
		memory -= malloc_usable_size(old);
	__real_free(old);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*work)(void *), void *given)
{
	created++;
	return __real_pthread_create(thread, how, work, given);
}

/* ---- making trees, and finding entries ---- */

static void write_file(int directory, const char *name, const char *text, size_t size)
{
	int fd = __real_openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	assert(fd >= 0 && write(fd, text, size) == (ssize_t)size);
	close(fd);
}

static void make_sparse(const char *name, off_t size)
{
	write_file(top, name, "", 0);
	int fd = __real_openat(top, name, O_WRONLY | O_CLOEXEC);

	assert(fd >= 0 && !ftruncate(fd, size));
	close(fd);
}

static int below(int directory, const char *name)
{
	int fd;

	assert(!mkdirat(directory, name, 0750) || errno == EEXIST);
	fd = __real_openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(fd >= 0);
	return fd;
}

static void make_wide(const char *name, int count)
{
	char file[32];
	int handle = below(top, name);

	for (int n = 0; n < count; n++)
		write_file(handle, file, file, (size_t)snprintf(file, sizeof(file), "%06d", n));
	close(handle);
}

static const struct native_entry *entry(const struct native_tree *tree, const char *path, const char **target)
{
	static const char *ignored;
	const char *name = tree->names;

	target = target ? target : &ignored;
	for (uint64_t n = 0; n < tree->count; n++) {
		*target = name + strlen(name) + 1;
		if (!strcmp(name, path))
			return &tree->entries[n];
		name = *target + strlen(*target) + 1;
	}
	return NULL;
}

static int error_of(const struct native_tree *tree, const char *path)
{
	const struct native_entry *found = entry(tree, path, NULL);

	assert(found);
	return found->error;
}

static struct native_tree scan(uint32_t threads)
{
	struct native_tree tree;

	assert(!native_scan_tree(top, "/t/", "", 0, threads, NULL, &tree));
	return tree;
}

static bool is_digest_of(const struct native_entry *found, const void *data, size_t size)
{
	unsigned char digest[16];

	native_hash_bytes(data, size, digest);
	return found && !memcmp(found->digest, digest, 16);
}

/* ---- what there may be ---- */

static int refuse_all_but_files(const char *name)
{
	assert(strcmp(name, "pipe") && strcmp(name, "socket") && strcmp(name, "device") && strcmp(name, "link"));
	return 0;
}

/* Every kind of entry, and nothing but files and directories is opened. */
static void kinds(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	struct native_tree tree;
	const char *target;
	int handle = socket(AF_UNIX, SOCK_STREAM, 0), is_root;

	assert(!fchdir(top) && !bind(handle, (struct sockaddr *)&address, sizeof(address)));
	close(handle);
	write_file(top, "empty", "", 0);
	write_file(top, "file", "text", 4);
	close(below(top, "directory"));
	assert(!symlinkat("nowhere/at all", top, "link") && !mkfifoat(top, "pipe", 0600));
	is_root = !mknodat(top, "device", S_IFCHR | 0600, makedev(1, 3));
	before_open = refuse_all_but_files;
	tree = scan(1);
	before_open = NULL;
	assert(opened && tree.count == (uint64_t)(6 + is_root));
	assert(is_digest_of(entry(&tree, "empty", &target), "", 0) && *target == '\0' && entry(&tree, "empty", NULL)->size == 0);
	assert(is_digest_of(entry(&tree, "file", NULL), "text", 4) && (entry(&tree, "file", NULL)->mode & 07777) == 0640);
	assert(entry(&tree, "link", &target)->size == 14 && !strcmp(target, "nowhere/at all"));
	assert(S_ISDIR(entry(&tree, "directory", NULL)->mode) && S_ISSOCK(entry(&tree, "socket", NULL)->mode));
	assert(S_ISFIFO(entry(&tree, "pipe", NULL)->mode) && !error_of(&tree, "pipe"));
	assert(!is_root || S_ISCHR(entry(&tree, "device", NULL)->mode));
	native_free_tree(&tree);
}

/* Names are bytes: none that is no UTF-8 is lost, nor one of 255; they are sorted as bytes. */
static void names(void)
{
	char longest[256];
	struct native_tree tree;
	int handle;

	memset(longest, 'x', 255);
	longest[255] = '\0';
	handle = below(top, longest);
	write_file(handle, longest, "x", 1);
	close(handle);
	write_file(top, "\xff\xfe\n\x01", "y", 1);
	write_file(top, "\xc3\xa4", "z", 1);
	tree = scan(1);
	assert(tree.count == 4 && !strcmp(tree.names, longest) && strlen(tree.names + 257) == 511);
	assert(is_digest_of(&tree.entries[1], "x", 1) && is_digest_of(&tree.entries[2], "z", 1));
	assert(is_digest_of(entry(&tree, "\xff\xfe\n\x01", NULL), "y", 1));
	native_free_tree(&tree);
}

/* A thousand levels: no path is too long, for none is ever used whole. */
static void deep(void)
{
	static const char *name = "dddddddd";
	struct native_tree tree;
	const char *last;
	int handle = dup(top);

	for (int n = 0; n < 1000; n++) {
		int next = below(handle, name);

		close(handle);
		handle = next;
	}
	write_file(handle, "last", "text", 4);
	close(handle);
	tree = scan(2);
	assert(tree.count == 1001 && is_digest_of(&tree.entries[1000], "text", 4));
	last = tree.names + tree.names_size - 2 - 9004;
	assert(strlen(last) == 9004 - 0 && !strcmp(last + 9000, "last"));
	native_free_tree(&tree);
}

/* A hard link is an entry like any other; both are the same inode. */
static void hard_links(void)
{
	struct native_tree tree;
	int handle = below(top, "other");

	write_file(top, "one", "text", 4);
	assert(!linkat(top, "one", handle, "two", 0));
	close(handle);
	tree = scan(1);
	assert(entry(&tree, "one", NULL)->inode == entry(&tree, "other/two", NULL)->inode);
	assert(is_digest_of(entry(&tree, "other/two", NULL), "text", 4));
	native_free_tree(&tree);
}

static const struct native_entry *scan_sparse(struct native_tree *tree, off_t size)
{
	make_sparse("sparse", size);
	*tree = scan(2);
	assert(tree->entries[0].size == size && tree->entries[0].error == 0 && most_read <= 262144);
	return tree->entries;
}

/* Holes are read as zeros. */
static void sparse(void)
{
	char *zeros = calloc(1, 3 * MIB + 1);
	struct native_tree tree;

	assert(zeros && is_digest_of(scan_sparse(&tree, 3 * MIB + 1), zeros, 3 * MIB + 1));
	free(zeros);
	native_free_tree(&tree);
}

/* Over 4 GiB, no number of bytes is cut off. */
static void huge_file(void)
{
	unsigned char digest[16];
	struct native_tree tree;
	uint64_t size;
	int fd;

	scan_sparse(&tree, HUGE_SIZE);
	fd = openat(top, "sparse", O_RDONLY | O_CLOEXEC);
	assert(!native_hash_fd(fd, digest, &size) && size == (uint64_t)HUGE_SIZE && !memcmp(digest, tree.entries[0].digest, 16));
	for (int n = 0; n < 16; n++)
		printf("%02x", digest[n]);
	puts("");
	close(fd);
	native_free_tree(&tree);
}

/* As many threads as are asked for (16 at most), and the same is found by any number of them. */
static void threads(void)
{
	struct native_tree one, many;

	make_wide("wide", 1200);
	for (uint32_t count = 1; count <= 64; count *= 4) {
		created = 0;
		one = scan(1);
		assert(created == 0);
		many = scan(count);
		assert(created == (int)(count > 16 ? 15 : count - 1));
		assert(one.count == many.count && one.names_size == many.names_size && !memcmp(one.names, many.names, one.names_size));
		assert(!memcmp(one.entries, many.entries, one.count * sizeof(*one.entries)));
		native_free_tree(&one);
		native_free_tree(&many);
	}
}

/* 100,000 names in one directory: all are found, in order, and take little more than their names. */
static void hundred_thousand(void)
{
	const int count = 100000;
	struct native_tree tree;
	const char *name;

	make_wide("d", count);
	memory = peak = 0;
	tree = scan(2);
	assert(tree.count == (uint64_t)count + 1);
	name = tree.names;
	for (uint64_t n = 0; n < tree.count; n++, name += strlen(name) + 2)
		assert(n == 0 ? !strcmp(name, "d") : strtoul(name + 2, NULL, 10) == n - 1);
	assert(peak < (size_t)count * (sizeof("d/000000") + 500) && most_read <= 262144);
	native_free_tree(&tree);
	assert(memory == 0);
}

static void left_out(void)
{
	struct native_tree tree;

	make_wide("wide", 1200);
	make_wide("down", 3);
	assert(!native_scan_tree(top, "/t/", "d*\0/t/wide/00?000", 2, 2, NULL, &tree));
	assert(tree.count == 1 + 1200 - 2 && !entry(&tree, "wide/001000", NULL) && entry(&tree, "wide/001001", NULL));
	native_free_tree(&tree);
	assert(native_matches("*.old", "/etc/a.old") && !native_matches("*.old", "/etc/a.older"));
	assert(native_matches("/etc/?", "/etc/\xc3\xa4") && !native_matches("/etc/*", "/etc/a/b"));
}

/* ---- what cannot be read ---- */

static void unreadable(void)
{
	struct native_tree tree;
	int handle = below(top, "closed");

	write_file(handle, "inside", "x", 1);
	close(handle);
	write_file(top, "secret", "x", 1);
	write_file(top, "zebra", "z", 1);
	assert(!fchmodat(top, "secret", 0, 0) && !fchmodat(top, "closed", 0, 0) && !fchmodat(top, "zebra", 0444, 0) && !fchmod(top, 0755));
	assert(geteuid() || !seteuid(65534));
	tree = scan(2);
	assert(getuid() || !seteuid(0));
	assert(tree.count == 3 && error_of(&tree, "closed") == EACCES && error_of(&tree, "secret") == EACCES);
	assert(S_ISREG(entry(&tree, "secret", NULL)->mode) && entry(&tree, "secret", NULL)->size == 1);
	assert(!error_of(&tree, "zebra") && is_digest_of(entry(&tree, "zebra", NULL), "z", 1));
	native_free_tree(&tree);
	assert(!fchmodat(top, "closed", 0700, 0));
}

static int fail_with_eio(int fd)
{
	(void)fd;
	return EIO;
}

static int is_interrupted(int fd)
{
	(void)fd;
	return reads % 2 ? EINTR : 0;
}

/* A bad disk is one entry's, or one directory's, not the end of the scan; the top's is. */
static void bad_disk(void)
{
	struct native_tree tree;
	int handle = below(top, "directory");

	write_file(handle, "file", "x", 1);
	close(handle);
	before_read = fail_with_eio;
	tree = scan(1);
	assert(tree.count == 2 && error_of(&tree, "directory/file") == EIO && !error_of(&tree, "directory"));
	native_free_tree(&tree);
	before_read = is_interrupted;
	tree = scan(1);
	assert(is_digest_of(entry(&tree, "directory/file", NULL), "x", 1));
	native_free_tree(&tree);
	before_read = NULL;
	listing_error = EIO;
	assert(native_scan_tree(top, "/t/", "", 0, 1, NULL, &tree) == EIO);
	assert(native_scan_tree(-1, "/t/", "", 0, 1, NULL, &tree) == EBADF);
}

static int break_listing(const char *name)
{
	listing_error = strcmp(name, "directory") ? listing_error : EIO;
	return 0;
}

static void bad_directory(void)
{
	struct native_tree tree;

	make_wide("directory", 2);
	write_file(top, "file", "x", 1);
	before_open = break_listing;
	tree = scan(1);
	assert(error_of(&tree, "directory") == EIO && !error_of(&tree, "file"));
	native_free_tree(&tree);
}

/* ---- what changes meanwhile ---- */

static int changes_left, changed_size;

static int append(int fd)
{
	char path[64];
	int writing;

	if (changes_left <= 0)
		return 0;
	changes_left--;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	writing = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert(writing >= 0 && write(writing, "more", 4) == 4);
	changed_size += 4;
	close(writing);
	return 0;
}

/* A file that is written to while it is read is read again; one that never keeps still is unstable, after a bounded number of tries. */
static void unstable(void)
{
	struct native_tree tree;

	write_file(top, "file", "", 0);
	before_read = append;
	changes_left = 3;
	tree = scan(1);
	assert(changes_left == 0 && !error_of(&tree, "file") && is_digest_of(entry(&tree, "file", NULL), "moremoremore", 12));
	native_free_tree(&tree);
	changes_left = 1000;
	reads = 0;
	tree = scan(1);
	assert(error_of(&tree, "file") == EAGAIN && reads <= 20);
	native_free_tree(&tree);
	before_read = NULL;
	tree = scan(1);
	assert(!error_of(&tree, "file") && entry(&tree, "file", NULL)->size == changed_size);
	native_free_tree(&tree);
}

static int rewrite(int fd)
{
	struct timespec same[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	char path[64], text[16];
	int writing;

	if (reads > 40)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(text, sizeof(text), "%03d", reads % 1000);
	writing = open(path, O_WRONLY | O_CLOEXEC);
	assert(writing >= 0 && write(writing, text, 3) == 3 && !futimens(writing, same));
	close(writing);
	return 0;
}

/* The same size and the same time of change, set back: the file counts as unstable. */
static void same_size(void)
{
	struct native_tree tree;

	write_file(top, "file", "abc", 3);
	before_read = rewrite;
	tree = scan(1);
	assert(error_of(&tree, "file") == EAGAIN);
	native_free_tree(&tree);
}

/* A file larger than the buffer that grows as fast as it is read: it ends. */
static void growing(void)
{
	struct native_tree tree;

	make_sparse("file", 2 * MIB);
	before_read = append;
	changes_left = 1 << 30;
	tree = scan(1);
	assert(error_of(&tree, "file") == EAGAIN && reads < 200);
	native_free_tree(&tree);
}

static const char *swapped;
static void (*swap)(void);

static int swap_once(const char *name)
{
	if (swapped && !strcmp(name, swapped)) {
		swapped = NULL;
		swap();
	}
	return 0;
}

static struct native_tree scan_swapping(const char *name, void (*work)(void))
{
	swapped = name;
	swap = work;
	before_open = swap_once;
	struct native_tree tree = scan(1);

	assert(!swapped);
	before_open = NULL;
	return tree;
}

static void to_link(void)
{
	assert(!unlinkat(top, "file", 0) && !symlinkat("/etc/passwd", top, "file"));
}

static void to_nothing(void)
{
	assert(!unlinkat(top, "file", 0));
}

static void to_new_file(void)
{
	write_file(top, "new", "new", 3);
	assert(!renameat(top, "new", top, "file"));
}

/* A FIFO that somebody feeds without end. */
static void to_endless_pipe(void)
{
	static char bytes[300000];
	int fd;

	assert(!unlinkat(top, "file", 0) && !mkfifoat(top, "file", 0600));
	fd = __real_openat(top, "file", O_RDWR | O_NONBLOCK);
	assert(fd >= 0);
	fcntl(fd, F_SETPIPE_SZ, MIB);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
}

/* Where a file was listed lies something else when it is opened: it is nowhere but in that directory, and nothing waits. */
static void swapped_file(void)
{
	struct native_tree tree;

	write_file(top, "file", "old", 3);
	tree = scan_swapping("file", to_new_file);
	assert(is_digest_of(entry(&tree, "file", NULL), "new", 3) && !error_of(&tree, "file"));
	native_free_tree(&tree);
	tree = scan_swapping("file", to_link);
	assert(error_of(&tree, "file") == EAGAIN);
	native_free_tree(&tree);
	assert(!unlinkat(top, "file", 0));
	write_file(top, "file", "old", 3);
	tree = scan_swapping("file", to_endless_pipe);
	assert(error_of(&tree, "file") == EAGAIN);
	native_free_tree(&tree);
	assert(!unlinkat(top, "file", 0));
	write_file(top, "file", "old", 3);
	tree = scan_swapping("file", to_nothing);
	assert(tree.count == 0);
	native_free_tree(&tree);
}

static void directory_to_link(void)
{
	assert(!renameat(top, "directory", top, "elsewhere") && !symlinkat("/etc", top, "directory"));
}

static void directory_to_nothing(void)
{
	assert(!unlinkat(top, "directory", AT_REMOVEDIR));
}

static void directory_to_another(void)
{
	assert(!mkdirat(top, "another", 0700) && !fchmodat(top, "another", 0711, 0));
	assert(!renameat(top, "another", top, "directory"));
}

/* The same of a directory: the scan is not led out of the tree, and mode and children belong together. */
static void swapped_directory(void)
{
	struct native_tree tree;

	close(below(top, "directory"));
	tree = scan_swapping("directory", directory_to_another);
	assert(tree.count == 1 && (tree.entries[0].mode & 07777) == 0711);
	native_free_tree(&tree);
	tree = scan_swapping("directory", directory_to_link);
	assert(error_of(&tree, "directory") == EAGAIN && !entry(&tree, "directory/passwd", NULL));
	native_free_tree(&tree);
	assert(!unlinkat(top, "directory", 0) && !unlinkat(top, "elsewhere", AT_REMOVEDIR));
	close(below(top, "directory"));
	tree = scan_swapping("directory", directory_to_nothing);
	assert(tree.count == 0);
	native_free_tree(&tree);
}

static atomic_int writing = 1;

static void *keep_writing(void *given)
{
	char text[100];

	(void)given;
	for (unsigned n = 0; writing; n++) {
		int handle = __real_openat(top, "wide", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		memset(text, 'a' + (int)(n % 26), sizeof(text));
		write_file(handle, "changing", text, n % sizeof(text));
		renameat(handle, n % 2 ? "here" : "there", handle, n % 2 ? "there" : "here");
		unlinkat(handle, "passing", 0);
		assert(!symlinkat("..", handle, "passing") || errno == EEXIST);
		unlinkat(handle, "passing", 0);
		write_file(handle, "passing", "p", 1);
		close(handle);
	}
	return NULL;
}

/* What changes under its hands is read again, or said to be unstable; nothing is mixed up, and nothing is led elsewhere. */
static void changing(void)
{
	pthread_t writer;
	const char *target;

	make_wide("wide", 1200);
	assert(!__real_pthread_create(&writer, NULL, keep_writing, NULL));
	for (int n = 0; n < 12; n++) {
		struct native_tree tree = scan(4);
		const struct native_entry *passing = entry(&tree, "wide/passing", &target);

		assert(!passing || passing->error || S_ISREG(passing->mode) || !strcmp(target, ".."));
		assert(!entry(&tree, "wide/passing/wide", NULL) && entry(&tree, "wide/000000", NULL)->error == 0);
		native_free_tree(&tree);
	}
	writing = 0;
	pthread_join(writer, NULL);
}

/* ---- file systems, progress, being cancelled ---- */

/* A mount is an entry, and nothing of it is looked at. Root alone. */
static void mounts(void)
{
	struct native_tree tree;
	int handle;

	close(below(top, "mount"));
	write_file(top, "file", "x", 1);
	assert(!unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	assert(!chdir(place) && (top = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0);
	assert(!mount("none", "mount", "tmpfs", 0, "mode=0711"));
	handle = below(top, "mount");
	write_file(handle, "inside", "x", 1);
	close(handle);
	tree = scan(1);
	assert(tree.count == 2 && (entry(&tree, "mount", NULL)->mode & 07777) == 0711 && !error_of(&tree, "mount"));
	native_free_tree(&tree);
}

static struct native_progress progress;

static int cancel(int fd)
{
	(void)fd;
	if (reads == 3)
		__atomic_store_n(&progress.cancelled, 1, __ATOMIC_RELAXED);
	return 0;
}

/* It tells how far it is, in files and bytes, and ends early when it is told to: between files, and in the middle of one. */
static void cancelled(void)
{
	struct native_tree tree;

	make_wide("wide", 1200);
	assert(!native_scan_tree(top, "/t/", "", 0, 2, &progress, &tree) && progress.files == 1200 && progress.bytes >= 6 * 1200);
	native_free_tree(&tree);
	for (int is_gentle = 0; is_gentle < 2; is_gentle++) {
		progress = (struct native_progress){.cancelled = 1};
		assert((is_gentle ? native_scan_tree_gently(top, "/t/", "", 0, &progress, &tree)
				  : native_scan_tree(top, "/t/", "", 0, 2, &progress, &tree)) == ECANCELED);
	}
	make_sparse("sparse", 100 * MIB);
	progress = (struct native_progress){0};
	reads = 0;
	before_read = cancel;
	assert(native_scan_tree(top, "/t/", "wide", 1, 1, &progress, &tree) == ECANCELED && reads == 3 && progress.bytes <= MIB);
}

static const struct {
	const char *name;
	void (*run)(void);
} CASES[] = {
	{"kinds", kinds}, {"names", names}, {"deep", deep}, {"hard_links", hard_links}, {"sparse", sparse}, {"huge_file", huge_file},
	{"threads", threads}, {"hundred_thousand", hundred_thousand}, {"left_out", left_out}, {"unreadable", unreadable},
	{"bad_disk", bad_disk}, {"bad_directory", bad_directory}, {"unstable", unstable}, {"same_size", same_size}, {"growing", growing},
	{"swapped_file", swapped_file}, {"swapped_directory", swapped_directory}, {"changing", changing}, {"mounts", mounts},
	{"cancelled", cancelled},
};

int main(int count, char **arguments)
{
	assert(count == 3);
	place = arguments[1];
	top = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(top >= 0);
	for (size_t n = 0; n < sizeof(CASES) / sizeof(*CASES); n++)
		if (!strcmp(CASES[n].name, arguments[2])) {
			CASES[n].run();
			puts("held");
			return 0;
		}
	return 2;
}
