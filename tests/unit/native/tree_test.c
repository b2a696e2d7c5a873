/* The scan of a tree, in C alone: `tree_test DIRECTORY` makes a tree in it and looks at what the scan says. */
#define _GNU_SOURCE
#include "tree.h"

#include "patterns.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEVELS 1000
#define NAMES 1200

static int top;

static void write_file(int directory, const char *name, const char *text, size_t size)
{
	int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	assert(fd >= 0 && write(fd, text, size) == (ssize_t)size);
	close(fd);
}

static int below(int directory, const char *name)
{
	int fd;

	assert(!mkdirat(directory, name, 0750) || errno == EEXIST);
	fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(fd >= 0);
	return fd;
}

static const struct native_entry *entry(const struct native_tree *tree, const char *path, const char **target)
{
	const char *name = tree->names;

	for (uint64_t n = 0; n < tree->count; n++) {
		*target = name + strlen(name) + 1;
		if (!strcmp(name, path))
			return &tree->entries[n];
		name = *target + strlen(*target) + 1;
	}
	return NULL;
}

static void scan(struct native_tree *tree, uint32_t threads)
{
	assert(!native_scan_tree(top, "/t/", "", 0, threads, NULL, tree));
}

static void kinds_and_digests(void)
{
	static const unsigned char empty[16] = {0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47, 0x98, 0xd8, 0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f};
	struct native_tree tree;
	const char *target;

	write_file(top, "empty", "", 0);
	assert(!symlinkat("nowhere/at all", top, "link") && !mkfifoat(top, "pipe", 0600));
	write_file(top, "\xff\xfe", "x", 1);
	scan(&tree, 1);
	assert(tree.count == 4);
	assert(!memcmp(entry(&tree, "empty", &target)->digest, empty, 16) && *target == '\0');
	assert(entry(&tree, "link", &target)->size == 14 && !strcmp(target, "nowhere/at all"));
	assert(S_ISFIFO(entry(&tree, "pipe", &target)->mode) && entry(&tree, "pipe", &target)->error == 0);
	assert(entry(&tree, "\xff\xfe", &target)->size == 1);
	native_free_tree(&tree);
}

/* No path is too long, for none is ever used whole. */
static void deep_tree(void)
{
	char name[9];
	int handle = dup(top);
	struct native_tree tree;

	memset(name, 'd', 8);
	name[8] = '\0';
	for (int n = 0; n < LEVELS; n++) {
		int next = below(handle, name);

		close(handle);
		handle = next;
	}
	write_file(handle, "last", "text", 4);
	close(handle);
	scan(&tree, 2);
	assert(tree.count == 4 + LEVELS + 1);
	native_free_tree(&tree);
}

static void wide_directory(void)
{
	char name[32];
	struct native_tree one, many;
	int handle = below(top, "wide");

	for (int n = 0; n < NAMES; n++)
		write_file(handle, name, name, (size_t)snprintf(name, sizeof(name), "%06d", n));
	close(handle);
	scan(&one, 1);
	scan(&many, 4);
	assert(one.count == many.count && one.names_size == many.names_size && !memcmp(one.names, many.names, one.names_size));
	assert(!memcmp(one.entries, many.entries, one.count * sizeof(*one.entries)));
	native_free_tree(&one);
	native_free_tree(&many);
}

static void left_out(void)
{
	struct native_tree tree;
	const char *target;

	assert(!native_scan_tree(top, "/t/", "d*\0/t/wide/00?000", 2, 2, NULL, &tree));
	assert(tree.count == 4 + 1 + NAMES - 2 && !entry(&tree, "wide/001000", &target) && entry(&tree, "wide/001001", &target));
	native_free_tree(&tree);
	assert(native_matches("*.old", "/etc/a.old") && !native_matches("*.old", "/etc/a.older"));
	assert(native_matches("/etc/?", "/etc/\xc3\xa4") && !native_matches("/etc/*", "/etc/a/b"));
}

static atomic_int writing = 1;

static void *keep_writing(void *given)
{
	char text[100];

	(void)given;
	for (unsigned n = 0; writing; n++) {
		int handle = openat(top, "wide", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

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
static void changing_tree(void)
{
	pthread_t writer;
	struct native_tree tree;
	const char *target;

	write_file(top, "there", "x", 1);
	assert(!pthread_create(&writer, NULL, keep_writing, NULL));
	for (int n = 0; n < 12; n++) {
		const struct native_entry *passing;

		scan(&tree, 4);
		passing = entry(&tree, "wide/passing", &target);
		assert(!passing || passing->error || S_ISREG(passing->mode) || !strcmp(target, ".."));
		assert(!entry(&tree, "wide/passing/wide", &target) && entry(&tree, "wide/000000", &target)->error == 0);
		native_free_tree(&tree);
	}
	writing = 0;
	pthread_join(writer, NULL);
}

static void cancelled(void)
{
	struct native_progress progress = {.cancelled = 1};
	struct native_tree tree;

	assert(native_scan_tree(top, "/t/", "", 0, 2, &progress, &tree) == ECANCELED);
	progress.cancelled = 0;
	assert(!native_scan_tree(top, "/t/", "", 0, 2, &progress, &tree) && progress.files >= NAMES && progress.bytes >= 6 * NAMES);
	native_free_tree(&tree);
}

int main(int count, char **arguments)
{
	assert(count == 2);
	top = open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(top >= 0);
	kinds_and_digests();
	deep_tree();
	wide_directory();
	left_out();
	changing_tree();
	cancelled();
	puts("all of it holds");
	return 0;
}
