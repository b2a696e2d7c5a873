/* Many files of one directory at once: copied, written, removed. Plain C; the binding is native/build.py (cffi, API mode). */
#ifndef NATIVE_FILES_H
#define NATIVE_FILES_H

#include <stdint.h>

/* In each of these `names` are one after the other, each with its NUL; no link is followed, and nothing waits. */

/* Copy each of `count` files from the open directory `from` to the open directory `to`, where none of these names may be: content,
 * owner, mode and times. errors[n], of which each is 0 before, gets an errno value, and there it ends; or -1 for what is no file,
 * which is not touched. */
void native_copy_names(int from, int to, const char *names, uint32_t count, int32_t *errors);

/* Give each of `count` files in the open directory `from` the same name in the open directory `to`, too, on the same file system.
 * errors[n] gets 0 or an errno value. */
void native_link_names(int from, int to, const char *names, uint32_t count, int32_t *errors);

/* Who owns a file, and its mode. */
struct native_owner { uint32_t uid, gid, mode; };

/* Write each of `count` files that are not there yet to the open directory `dir`: sizes[n] bytes of `bytes`, where they are one after
 * the other. Each is read again: digests gets the XXH3-128 of what is there. errors[n], of which each is 0 before, gets an errno
 * value, and there it ends. */
void native_write_names(int dir, const char *names, uint32_t count, const unsigned char *bytes, const uint64_t *sizes,
			const struct native_owner *owners, int32_t *errors, unsigned char *digests);

/* Remove each of `count` names from the open directory `dir`, but for directories. What is not there is none. errors[n], of which
 * each is 0 before, gets an errno value, and there it ends. */
void native_remove_names(int dir, const char *names, uint32_t count, int32_t *errors);

#endif
