"""Saving: what changed against the factory, the archive, the generations on flash."""
