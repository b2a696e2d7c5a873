/* XXH3-128 of libxxhash, by the variant that fits this processor best where the library has several to choose from at run time. */
#ifndef NATIVE_DIGEST_H
#define NATIVE_DIGEST_H

#include <stddef.h>
#include <xxhash.h>

XXH128_hash_t native_digest(const void *data, size_t size);
XXH_errorcode native_digest_update(XXH3_state_t *state, const void *data, size_t size);

#endif
