#include "digest.h"

/* What libxxhash has if it was built with dispatching (x86 alone); a null pointer if it was not. */
extern XXH128_hash_t XXH3_128bits_dispatch(const void *data, size_t size) __attribute__((weak));
extern XXH_errorcode XXH3_128bits_update_dispatch(XXH3_state_t *state, const void *data, size_t size) __attribute__((weak));

XXH128_hash_t native_digest(const void *data, size_t size)
{
	return XXH3_128bits_dispatch ? XXH3_128bits_dispatch(data, size) : XXH3_128bits(data, size);
}

XXH_errorcode native_digest_update(XXH3_state_t *state, const void *data, size_t size)
{
	return XXH3_128bits_update_dispatch ? XXH3_128bits_update_dispatch(state, data, size) : XXH3_128bits_update(state, data, size);
}
